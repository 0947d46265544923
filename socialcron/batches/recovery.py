"""Take posts back from runs that died. `post-due` does this first; `reset-stuck` does only this."""

from __future__ import annotations

from collections import Counter
from dataclasses import dataclass

from socialcron import log
from socialcron.settings import Settings
from socialcron.store import posts
from socialcron.store.engine import Database


@dataclass(frozen=True, slots=True, kw_only=True)
class Recovered:
    rescheduled: int = 0
    unconfirmed: int = 0
    failed: int = 0
    cancelled: int = 0

    @property
    def total(self) -> int:
        return self.rescheduled + self.unconfirmed + self.failed + self.cancelled


def recover_stuck_posts(db: Database, settings: Settings, *, threshold_minutes: float) -> Recovered:
    """A post is stuck when its lease is over and its run gave no sign of life for the threshold."""
    from socialcron.platforms import registry

    known = set(registry.names())
    waits = {
        name: registry.declaration(name).look_in_seconds(settings.send_deadline_seconds)
        for name in posts.stuck_platforms(db, threshold_seconds=threshold_minutes * 60) & known
    }
    settled = posts.settle_stuck_posts(db, threshold_seconds=threshold_minutes * 60, look_in_seconds=waits)
    for post_id, status in settled.items():
        log.event("post_recovered", level=log.WARNING, post_id=post_id, status=status)
    counts = Counter(settled.values())
    return Recovered(
        rescheduled=counts["scheduled"],
        unconfirmed=counts["unconfirmed"],
        failed=counts["failed"] + counts["posted"],
        cancelled=counts["cancelled"],
    )
