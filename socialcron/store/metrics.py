"""Readings of published posts: who is due, what came, when next (the rules are DESIGN 8)."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, fields
from datetime import datetime
from uuid import UUID

from psycopg.types.json import Jsonb

from socialcron.model import Reading
from socialcron.store.engine import Database

_COLUMNS = [field.name for field in fields(Reading)]


@dataclass(frozen=True, slots=True, kw_only=True)
class DueReading:
    """A claimed post. `slot_at`: what its reading is stored under. `tries`: this one included."""

    post_id: int
    account_id: int
    remote_id: str
    posted_at: datetime
    slot_at: datetime
    tries: int


@dataclass(frozen=True, slots=True, kw_only=True)
class DueAccount:
    platform: str
    account_id: int
    posts: int


def readings_due(db: Database) -> bool:
    return bool(db.value("due_readings"))


def peek_due_readings(db: Database, *, batch_size: int, platforms: Sequence[str] | None) -> list[DueAccount]:
    params = {"batch_size": batch_size, "platforms": None if platforms is None else list(platforms)}
    return db.rows("peek_due_readings", params, into=DueAccount)


def claim_due_readings(
    db: Database,
    token: UUID,
    *,
    slots: Sequence[float],
    ends_after_seconds: float,
    batch_size: int,
    lease_seconds: float,
    platforms: Sequence[str] | None,
) -> list[DueReading]:
    """Freshest first. slots: seconds after posting at which a post is read, ascending."""
    params = {
        "claim_token": token,
        "slots": list(slots),
        "ends_after": ends_after_seconds,
        "batch_size": batch_size,
        "lease_seconds": lease_seconds,
        "platforms": None if platforms is None else list(platforms),
    }

    def claim() -> list[DueReading]:
        with db.transaction():
            db.run("arm_schedules", params)
            rows = db.rows("claim_due_readings", params, into=DueReading)
        return sorted(rows, key=lambda row: row.posted_at, reverse=True)

    return db.retrying(claim)


def ensure_partitions(db: Database, parent: str, *, earliest: datetime) -> None:
    """Room for what is about to be written, from `earliest` to the end of next month."""
    db.run("ensure_partitions", {"parent": parent, "earliest": earliest})


def store_readings(
    db: Database, token: UUID, readings: Mapping[int, Reading], *, slots: Sequence[float]
) -> int:
    """Store readings by post id; how many were still ours to store."""
    rows = [
        {"post_id": post_id, **{name: getattr(reading, name) for name in _COLUMNS}}
        for post_id, reading in readings.items()
    ]
    params = {"claim_token": token, "slots": list(slots), "post_ids": list(readings), "readings": Jsonb(rows)}
    return db.run("store_readings", params)


def postpone_readings(
    db: Database,
    token: UUID,
    post_ids: Sequence[int],
    *,
    slots: Sequence[float],
    retry_in_seconds: float | None,
    give_back: bool = False,
    gone: bool = False,
    stops: bool = False,
    error_class: str | None = None,
    error: str | None = None,
) -> int:
    """retry_in_seconds None: at their next slot. give_back: the try did not count. gone, stops: never again."""
    params = {
        "claim_token": token,
        "post_ids": list(post_ids),
        "slots": list(slots),
        "retry_in_seconds": retry_in_seconds,
        "give_back": give_back,
        "gone": gone,
        "stops": stops,
        "error_class": error_class,
        "error": error,
    }
    return db.run("postpone_readings", params)
