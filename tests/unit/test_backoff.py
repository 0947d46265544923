from __future__ import annotations

import pytest

from socialcron.backoff import backoff_seconds


@pytest.mark.parametrize(("attempt", "minutes"), [(1, 2), (2, 4), (3, 8), (20, 120)])
def test_backoff_seconds__doubles_from_two_minutes_with_a_little_jitter_on_top(
    attempt: int, minutes: int
) -> None:
    waits = [backoff_seconds(attempt) for _ in range(200)]
    assert all(60 * minutes <= wait <= 66 * minutes for wait in waits)
    assert len(set(waits)) > 1


def test_backoff_seconds__a_longer_wait_asked_for_by_the_platform_wins() -> None:
    assert backoff_seconds(1, retry_after=1000) >= 1000
    assert backoff_seconds(3, retry_after=1) >= 480
