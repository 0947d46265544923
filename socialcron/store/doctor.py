"""What `doctor` asks the database: one function per query, each quick at millions of posts."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime

from socialcron.store.engine import Database
from socialcron.store.maintenance import HISTORIES
from socialcron.store.sealed import SEALED_COLUMNS, sees_all_rows


@dataclass(frozen=True, slots=True, kw_only=True)
class Server:
    """Settings as PostgreSQL shows them. may_enter: the schema; None where there is none."""

    version: str
    clock: datetime
    standby: bool
    read_only: bool
    fsync: str
    full_page_writes: str
    synchronous_commit: str
    role: str
    backend_pid: int
    may_enter: bool | None


@dataclass(frozen=True, slots=True, kw_only=True)
class Missing:
    """object: a table, or a function with () behind it."""

    object: str
    privileges: list[str]


@dataclass(frozen=True, slots=True, kw_only=True)
class Token:
    """days_left: until only a person can connect the account again; below 0: that was in the past."""

    id: int
    platform: str
    handle: str
    days_left: float


@dataclass(frozen=True, slots=True, kw_only=True)
class Stopped:
    """An account that does not post now. has_posts: one of its posts is to go out by tomorrow."""

    id: int
    platform: str
    handle: str
    status: str
    autopost_enabled: bool
    blocked_until: datetime | None
    has_posts: bool


@dataclass(frozen=True, slots=True, kw_only=True)
class Address:
    address: str
    accounts: int


@dataclass(frozen=True, slots=True, kw_only=True)
class Overdue:
    id: int
    seconds: float


@dataclass(frozen=True, slots=True, kw_only=True)
class Trouble:
    kind: str
    posts: int
    latest_id: int | None


@dataclass(frozen=True, slots=True, kw_only=True)
class Undelivered:
    """Events of a subscription. late: due for an hour; dead: given up."""

    name: str
    late: int
    dead: int
    last_error: str | None


@dataclass(frozen=True, slots=True, kw_only=True)
class Unfilled:
    """A recurrence. seconds: since its next posts should have been made; below 0: that is tried again then."""

    id: int
    last_error: str | None
    seconds: float


def server(db: Database) -> Server:
    found = db.row("doctor_server", into=Server)
    assert found is not None
    return found


def missing_privileges(db: Database) -> list[Missing]:
    return db.rows("doctor_privileges", into=Missing)


def unguarded_tables(db: Database) -> list[str]:
    """Those with secrets in them and without row level security."""
    tables = sorted({f"socialcron.{column.table}" for column in SEALED_COLUMNS})
    return _names(db, "doctor_unguarded", {"tables": tables})


def hidden_tables(db: Database) -> list[str]:
    """Those with secrets in them of which this login does not see every row."""
    return sorted({column.table for column in SEALED_COLUMNS if not sees_all_rows(db, column)})


def exposed_to(db: Database) -> list[str]:
    return _names(db, "doctor_exposed")


def missing_partitions(db: Database) -> list[str]:
    return _names(db, "doctor_partitions", {"parents": list(HISTORIES)})


def ending_tokens(db: Database, *, days: int) -> list[Token]:
    return db.rows("doctor_tokens", {"days": days}, into=Token)


def stopped_accounts(db: Database) -> list[Stopped]:
    return db.rows("doctor_accounts", into=Stopped)


def own_addresses(db: Database) -> list[Address]:
    return db.rows("doctor_addresses", into=Address)


def commands_with_work(db: Database) -> dict[str, bool]:
    return db.row("doctor_work", into=dict) or {}


def schema_age(db: Database) -> float:
    """Seconds since the first migration."""
    return float(db.value("doctor_age"))


def overdue(db: Database) -> Overdue | None:
    return db.row("doctor_overdue", into=Overdue)


def troubles(db: Database) -> dict[str, Trouble]:
    return {row.kind: row for row in db.rows("doctor_trouble", into=Trouble)}


def undelivered(db: Database) -> list[Undelivered]:
    return db.rows("doctor_deliveries", into=Undelivered)


def unfilled_recurrences(db: Database) -> list[Unfilled]:
    return db.rows("doctor_recurrences", into=Unfilled)


def _names(db: Database, query: str, params: dict[str, Sequence[str]] | None = None) -> list[str]:
    return [str(row["name"]) for row in db.rows(query, params, into=dict)]
