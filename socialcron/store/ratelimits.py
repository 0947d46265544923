"""Rate limits: our own pace, and the platform's word (PROTOCOL 8)."""

from __future__ import annotations

from collections.abc import Sequence

from psycopg.types.json import Jsonb

from socialcron.model import Account, LimitSeen
from socialcron.store.engine import Database

LARGEST = 2**31 - 1


def take_slots(
    db: Database, key: str, *, platform: str, family: str, slots: int, seconds_per_slot: float, burst: int
) -> bool:
    """Take `slots` requests from a bucket shared by all processes; False: none taken, wait.

    Promises at most `burst` at once plus one per `seconds_per_slot`. Taken slots are never given back.
    """
    if slots > burst:
        raise ValueError("a bucket never has room for more than its burst")
    params = {
        "key": key,
        "platform": platform,
        "family": family,
        "slots": slots,
        "seconds_per_slot": seconds_per_slot,
        "burst": burst,
    }
    return db.value("take_slots", params) is not None


def observe_limits(db: Database, seen: Sequence[tuple[Account, LimitSeen]]) -> None:
    """What the platforms said, so that `status` shows it. At most one word on each limit of an account."""
    observed = [
        {
            "key": f"{account.platform}:account:{account.id}:{limit.family}",
            "platform": account.platform,
            "account_id": account.id,
            "family": limit.family,
            "limit_requests": _storable(limit.limit),
            "remaining": _storable(limit.remaining),
            "reset_at": limit.reset_at and limit.reset_at.isoformat(),
            "blocked_seconds": limit.retry_after if limit.blocked else None,
        }
        for account, limit in seen
    ]
    if observed:
        db.run("observe_limits", {"observed": Jsonb(observed)})


def _storable(count: int | None) -> int | None:
    """What a header says, as far as an integer column goes."""
    return None if count is None else max(-LARGEST, min(count, LARGEST))


def block_account(db: Database, account_id: int, *, seconds: float) -> None:
    db.run("block_account", {"account_id": account_id, "seconds": seconds})


def reset_elapsed_limits(db: Database, *, everything: bool) -> int:
    """How many limits were forgotten."""
    return int(db.value("reset_elapsed_limits", {"everything": everything}))
