"""What `maintain` does to the database: partitions, hints, old runs."""

from __future__ import annotations

from socialcron.store.engine import Database
from socialcron.store.metrics import ensure_partitions

HISTORIES = ("post_metrics", "profile_post_metrics")


def ensure_months(db: Database) -> None:
    """Every history has this month's and next month's partition."""
    now = db.value("database_clock")
    for parent in HISTORIES:
        ensure_partitions(db, parent, earliest=now)


def drop_old_months(db: Database, *, keep_days: int) -> list[str]:
    """Names of the partitions that were dropped: months that ended before the time to keep."""
    return [
        str(row["partition"])
        for parent in HISTORIES
        for row in db.rows("drop_partitions", {"parent": parent, "keep_days": keep_days}, into=dict)
    ]


def heal_hints(db: Database) -> tuple[int, int]:
    """Accounts the claim would not have looked at in time, and hints that said nothing new. One transaction."""

    def heal() -> tuple[int, int]:
        with db.transaction():
            ids = [row["id"] for row in db.rows("lock_accounts_to_heal", into=dict)]
            healed = db.run("heal_accounts", {"account_ids": ids})
            spent = db.run("drop_spent_wakeups", {"account_ids": ids})
        return healed, spent

    return db.retrying(heal)


def drop_old_runs(db: Database, *, keep_days: int) -> int:
    return db.run("drop_old_runs", {"keep_days": keep_days})


def drop_old_events(db: Database, *, keep_days: int, at_once: int = 20_000) -> int:
    """at_once: how many one statement takes, for none may work longer than a minute."""
    dropped = 0
    while found := db.run("drop_old_events", {"keep_days": keep_days, "most": at_once}):
        dropped += found
    return dropped
