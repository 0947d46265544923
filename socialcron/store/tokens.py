"""Accounts as a run needs them, and the refresh lease that keeps single-use tokens safe (PROTOCOL 7)."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any
from uuid import UUID

from socialcron.store.engine import Database


@dataclass(frozen=True, slots=True, kw_only=True, repr=False)
class AccountRow:
    """`credentials` is encrypted; None when the platform needs none. `token_seconds_left`: None means no end.

    token_lifetime_seconds: from the refresh that made it to its end; None: no end, or it was never refreshed here.

    refresh_expires_at: when a person must reconnect the account, if nothing renews its tokens before; None: not known.
    """

    id: int
    platform: str
    handle: str
    external_id: str | None
    settings: dict[str, Any]
    credentials: str | None
    token_version: int
    status: str
    token_expires_at: datetime | None
    refresh_expires_at: datetime | None
    token_seconds_left: float | None
    token_lifetime_seconds: float | None
    refreshing: bool
    just_refreshed: bool


def accounts_to_refresh(
    db: Database, early_seconds: Mapping[str, float], *, within_seconds: float | None, expiring: bool
) -> list[int]:
    """Ids of active accounts whose tokens end within the platform's `early_seconds`, or `within_seconds` if longer.

    expiring False: all active accounts that have tokens.
    """
    params = {
        "platforms": list(early_seconds),
        "early_seconds": [float(seconds) for seconds in early_seconds.values()],
        "within_seconds": within_seconds,
        "expiring": expiring,
    }
    return [row["id"] for row in db.rows("accounts_to_refresh", params, into=dict)]


def read_accounts(db: Database, account_ids: Sequence[int]) -> dict[int, AccountRow]:
    rows = db.rows("read_accounts", {"account_ids": list(account_ids)}, into=AccountRow)
    return {row.id: row for row in rows}


def claim_refresh(
    db: Database, claim: UUID, *, account_id: int, token_version: int, minimum_seconds: float
) -> bool:
    params = {
        "refresh_claim": claim,
        "account_id": account_id,
        "token_version": token_version,
        "minimum_seconds": minimum_seconds,
    }
    return db.value("claim_refresh", params) is not None


def store_tokens(
    db: Database,
    *,
    account_id: int,
    token_version: int,
    credentials: str,
    expires_at: datetime | None,
    refresh_expires_at: datetime | None = None,
) -> bool:
    """refresh_expires_at None: as it was. False: somebody stored a newer pair for that version; ours is not needed."""
    params = {
        "account_id": account_id,
        "token_version": token_version,
        "credentials": credentials,
        "expires_at": expires_at,
        "refresh_expires_at": refresh_expires_at,
    }
    return db.value("store_tokens", params) is not None


def end_refresh(
    db: Database, claim: UUID, *, account_id: int, token_version: int, disconnect: bool, error: str
) -> bool:
    params = {
        "refresh_claim": claim,
        "account_id": account_id,
        "token_version": token_version,
        "disconnect": disconnect,
        "error": error,
    }
    return bool(db.value("end_refresh", params) == "needs_reconnect")


def disconnect_account(db: Database, *, account_id: int, token_version: int, error: str) -> bool:
    params = {"account_id": account_id, "token_version": token_version, "error": error}
    return db.value("disconnect_account", params) is not None
