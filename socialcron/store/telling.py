"""Whether there is anything to tell; apart from store/events.py, because every idle run asks this and nothing more."""

from __future__ import annotations

from socialcron.store.engine import Database


def anything_to_tell(db: Database) -> bool:
    return db.row("due_subscriptions", into=dict) is not None
