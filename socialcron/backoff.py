"""Pure: how long to wait before the next try."""

from __future__ import annotations

import random

FIRST_SECONDS = 120.0
LONGEST_SECONDS = 7200.0
JITTER = 0.1


def backoff_seconds(attempt: int, *, retry_after: float | None = None) -> float:
    """Seconds until the next try after the 1-based `attempt` failed: 2, 4, 8 ... minutes, at most 2 hours.

    Up to 10 % jitter is added, never taken away, so that posts that failed together do not return together.
    `retry_after`, seconds the platform asked for, always wins over a shorter wait of ours.
    """
    doublings = min(max(attempt, 1) - 1, 20)
    wait = min(FIRST_SECONDS * (1 << doublings), LONGEST_SECONDS)
    return max(wait, retry_after or 0.0) * (1.0 + random.uniform(0.0, JITTER))
