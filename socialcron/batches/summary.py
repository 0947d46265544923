"""What every run of a cron job says of itself: one outcome per claimed item, an exit code, a row on record.

An idle run comes here too, so this imports nothing that only work needs.
"""

from __future__ import annotations

import time
from collections import Counter
from contextlib import suppress
from dataclasses import dataclass, field
from typing import ClassVar, TypeVar

from socialcron import log
from socialcron.errors import DatabaseUnavailable, SocialcronError
from socialcron.exitcodes import ExitCode
from socialcron.store import runs
from socialcron.store.engine import Database


def counted(number: int, one: str) -> str:
    """ "1 post", "2,000 posts"."""
    return f"{number:,} {one}{'' if number == 1 else 's'}"


@dataclass(slots=True, kw_only=True)
class Summary:
    """What a run did. OUTCOMES: the words for what became of a claimed item, in the order they are shown in."""

    OUTCOMES: ClassVar[tuple[str, ...]] = ()
    BAD: ClassVar[tuple[str, ...]] = ("failed",)  # outcomes that count as failed under --strict

    outcomes: Counter[str] = field(default_factory=Counter)
    interrupted: bool = False

    @property
    def claimed(self) -> int:
        return self.outcomes.total()

    @property
    def idle(self) -> bool:
        return not self.claimed

    @property
    def data(self) -> dict[str, int]:
        counts = {name: self.outcomes[name] for name in self.OUTCOMES}
        return {"claimed": self.claimed, **counts, **self.further}

    @property
    def further(self) -> dict[str, int]:
        """What else there is to count."""
        return {}

    @property
    def words(self) -> list[str]:
        """ "3 posted", "1 failed": the outcomes there were."""
        return [
            f"{self.outcomes[name]} {name.replace('_', ' ')}" for name in self.OUTCOMES if self.outcomes[name]
        ]

    @property
    def bad(self) -> int:
        return sum(self.outcomes[name] for name in self.BAD)

    @property
    def exit_code(self) -> ExitCode:
        return ExitCode.INTERRUPTED if self.interrupted else ExitCode.OK

    @property
    def strict_exit_code(self) -> ExitCode:
        """With --strict a run in which some item failed does not end with 0."""
        return ExitCode.ITEM_FAILED if self.bad and not self.interrupted else self.exit_code


S = TypeVar("S", bound=Summary)


def on_record(
    db: Database, command: str, summary: S, *, started: float, error: SocialcronError | None = None
) -> S:
    """The summary, once the run is on record: as a heartbeat if it was idle. Raises `error`, which ended it early.

    started: `time.monotonic()` at the run's beginning.
    """
    if summary.idle and error is None:
        runs.heartbeat(db, command)
        return summary
    with suppress(DatabaseUnavailable):
        runs.record_run(
            db,
            command,
            duration_seconds=time.monotonic() - started,
            exit_code=error.exit_code if error else summary.exit_code,
            outcome=summary.data,
            error=log.redact(str(error)) if error else None,
        )
    if error:
        raise error
    return summary
