from __future__ import annotations

from tests.commands import all_commands
from tests.safety.every_command import CRON_JOBS, ELSEWHERE, EVERY


def test_every_command__is_listed_or_left_out_with_a_reason() -> None:
    assert set(EVERY) | set(ELSEWHERE) == {name for name, _ in all_commands()}
    assert not set(EVERY) & set(ELSEWHERE)


def test_cron_jobs__are_those_with_their_options() -> None:
    assert CRON_JOBS[0] == "post-due"
    assert CRON_JOBS[-1] == "maintain"
