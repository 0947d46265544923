"""What happened, and who is told of it. Events are written by triggers (sql/migrations/0009_events.sql), never here.

A delivery is claimed with a lease; a run that dies leaves it behind, and the next one tells it again under the same id.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any, Literal
from uuid import UUID

from socialcron.errors import UsageError
from socialcron.store.engine import Database

KINDS = ("posted", "failed", "missed", "unconfirmed", "needs_reconnect", "monitoring_failed")
MOST_AT_ONCE = 10_000  # events of one message

Channel = Literal["notification", "webhook"]


@dataclass(frozen=True, slots=True, kw_only=True)
class DueSubscription:
    """Something waits for it. address: as encrypted by the key ring."""

    id: int
    name: str
    channel: Channel
    address: str


@dataclass(frozen=True, slots=True, kw_only=True)
class Event:
    """data: what the README says of its kind, as it was when it happened."""

    event_id: UUID
    kind: str
    data: dict[str, Any]
    created_at: datetime


@dataclass(frozen=True, slots=True, kw_only=True)
class ClaimedEvent(Event):
    claimed_at: datetime


@dataclass(frozen=True, slots=True, kw_only=True)
class Delivery(Event):
    """next_at: None when there is no further try by itself."""

    status: Literal["waiting", "delivered", "dead"]
    tries: int
    next_at: datetime | None
    tried_at: datetime | None
    http_status: int | None
    last_error: str | None


@dataclass(frozen=True, slots=True, kw_only=True)
class Subscription:
    """account_id: None hears of all. digest_seconds: None for webhooks. waiting, dead: events."""

    id: int
    name: str
    channel: Channel
    events: list[str]
    account_id: int | None
    digest_seconds: int | None
    enabled: bool
    quiet_until: datetime | None
    last_delivered_at: datetime | None
    last_error: str | None
    created_at: datetime
    waiting: int
    dead: int


# --- deliveries ------------------------------------------------------------------------------------------------------


def due_subscriptions(db: Database) -> list[DueSubscription]:
    return db.rows("due_subscriptions", into=DueSubscription)


def bury_deliveries(db: Database, subscription_ids: Sequence[int], *, most_tries: int) -> int:
    return db.run("bury_deliveries", {"subscription_ids": list(subscription_ids), "most_tries": most_tries})


def claim_delivery(
    db: Database, subscription_id: int, token: UUID, *, lease_seconds: float, most_tries: int
) -> ClaimedEvent | None:
    params = _claim(subscription_id, token, lease_seconds, most_tries)
    return db.row("claim_delivery", params, into=ClaimedEvent)


def claim_digest(
    db: Database, subscription_id: int, token: UUID, *, lease_seconds: float, most_tries: int
) -> dict[str, int]:
    """How many events of each kind are now ours to tell in one message; empty: none, or another run is about to."""
    params = _claim(subscription_id, token, lease_seconds, most_tries) | {"batch_size": MOST_AT_ONCE}
    return {row["kind"]: row["count"] for row in db.rows("claim_digest", params, into=dict)}


def _claim(subscription_id: int, token: UUID, lease_seconds: float, most_tries: int) -> dict[str, Any]:
    return {
        "subscription_id": subscription_id,
        "claim_token": token,
        "lease_seconds": lease_seconds,
        "most_tries": most_tries,
    }


def read_claimed_events(db: Database, subscription_id: int, token: UUID, *, limit: int) -> list[Event]:
    """The oldest of those that `claim_digest` claimed."""
    params = {"subscription_id": subscription_id, "claim_token": token, "batch_size": limit}
    return db.rows("read_claimed_events", params, into=Event)


def record_delivered(db: Database, subscription_id: int, token: UUID, *, http_status: int | None) -> int:
    """How many events that were. Those another run has taken meanwhile, as our lease was over, it tells again."""
    params = {"subscription_id": subscription_id, "claim_token": token, "http_status": http_status}
    return int(db.value("record_delivered", params))


def postpone_deliveries(
    db: Database,
    subscription_id: int,
    token: UUID,
    *,
    waits: Sequence[float],
    retry_after: float | None,
    http_status: int | None,
    error: str,
) -> tuple[int, int]:
    """How many wait for another try, and how many had their last one. waits: seconds after each try but that."""
    params = {
        "subscription_id": subscription_id,
        "claim_token": token,
        "waits": list(waits),
        "retry_after": retry_after,
        "http_status": http_status,
        "error": error,
    }
    counts = db.row("postpone_deliveries", params, into=dict)
    return (counts["waiting"], counts["dead"]) if counts else (0, 0)


# --- subscriptions ---------------------------------------------------------------------------------------------------


def insert_subscription(
    db: Database,
    *,
    name: str,
    channel: Channel,
    address: str,
    events: Sequence[str],
    account_id: int | None,
    digest_seconds: int | None,
) -> int:
    """Raises Conflict when the name is taken. address: encrypted."""
    params = {
        "name": name,
        "channel": channel,
        "address": address,
        "events": list(events),
        "account_id": account_id,
        "digest_seconds": digest_seconds,
    }
    return int(db.value("insert_subscription", params))


def list_subscriptions(db: Database) -> list[Subscription]:
    return db.rows("read_subscriptions", {"name": None}, into=Subscription)


def read_subscription(db: Database, name: str) -> Subscription:
    """Raises UsageError."""
    found = db.row("read_subscriptions", {"name": name}, into=Subscription)
    if found is None:
        raise UsageError(
            f"there is no subscription {name!r}",
            hint="`socialcron subscriptions list` shows those there are.",
        )
    return found


def read_address(db: Database, subscription_id: int) -> str:
    """As encrypted by the key ring."""
    return str(db.value("read_address", {"subscription_id": subscription_id}))


def read_deliveries(db: Database, subscription_id: int, *, limit: int) -> list[Delivery]:
    """The newest first."""
    return db.rows(
        "read_deliveries", {"subscription_id": subscription_id, "batch_size": limit}, into=Delivery
    )


def enable_subscription(db: Database, subscription_id: int) -> None:
    db.run("enable_subscription", {"subscription_id": subscription_id})


def disable_subscription(db: Database, subscription_id: int, *, error: str | None = None) -> None:
    """error: what its receiver said; None: a person switched it off."""
    db.run("disable_subscription", {"subscription_id": subscription_id, "error": error})


def remove_subscription(db: Database, subscription_id: int) -> None:
    db.run("remove_subscription", {"subscription_id": subscription_id})


def retry_deliveries(db: Database, subscription_id: int) -> int:
    """How many events are due now."""
    return int(db.value("retry_deliveries", {"subscription_id": subscription_id}))
