from __future__ import annotations

from socialcron.store.engine import Database


def test_db__is_migrated(db: Database) -> None:
    db.check_schema()
