"""Accounts as operators see them: connect, switch, remove. One function per query; lists are in `lists`."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime

from psycopg.types.json import Jsonb

from socialcron.errors import BadInput, Conflict
from socialcron.store.engine import Database
from socialcron.store.tokens import AccountRow, read_accounts


@dataclass(frozen=True, slots=True, kw_only=True)
class PostCounts:
    posts: int
    waiting: int  # scheduled
    under_way: int  # processing or unconfirmed


def add_account(
    db: Database,
    *,
    platform: str,
    handle: str,
    external_id: str | None,
    settings: Mapping[str, str],
    credentials: str | None,
    token_expires_at: datetime | None,
    needs_session: bool,
) -> int:
    """Its id. `credentials` is encrypted. BadInput: it is connected already."""
    params = {
        "platform": platform,
        "handle": handle,
        "external_id": external_id,
        "settings": Jsonb(settings),
        "base_url": settings.get("base_url"),
        "credentials": credentials,
        "token_expires_at": token_expires_at,
        "needs_session": needs_session,
    }
    with db.transaction():
        db.run("lock_adding_accounts")
        if twin := db.value("find_twin_account", params):
            raise BadInput(
                f"{platform} account {handle!r} is connected already, as account {twin}",
                hint=f"New credentials for it: `socialcron accounts reconnect {twin} --credentials FILE`.",
            )
        return int(db.value("add_account", params))


def reconnect_account(
    db: Database, account_id: int, *, credentials: str, token_expires_at: datetime | None, needs_session: bool
) -> str | None:
    """The account's status; None: there is no such account."""
    params = {
        "account_id": account_id,
        "credentials": credentials,
        "token_expires_at": token_expires_at,
        "needs_session": needs_session,
    }
    status: str | None = db.value("reconnect_account", params)
    return status


def enable_account(db: Database, account_id: int) -> str | None:
    """The account's status, which is needs_reconnect still if it was; None: there is no such account."""
    status: str | None = db.value("enable_account", {"account_id": account_id})
    return status


def disable_account(db: Database, account_id: int) -> str | None:
    status: str | None = db.value("disable_account", {"account_id": account_id})
    return status


def store_external_id(db: Database, account_id: int, external_id: str) -> bool:
    """Keep it unless one is known. BadInput: another account has it, so this is the same one connected twice."""
    try:
        return db.run("store_external_id", {"account_id": account_id, "external_id": external_id}) > 0
    except Conflict as exc:
        raise BadInput(
            f"the platform's id {external_id!r} belongs to another connected account, too",
            hint=f"`socialcron accounts list` shows it; remove one of them: `socialcron accounts remove {account_id}`.",
        ) from exc


def count_account_posts(db: Database, account_id: int) -> PostCounts:
    counts = db.row("count_account_posts", {"account_id": account_id}, into=PostCounts)
    assert counts is not None
    return counts


def remove_account(db: Database, account_id: int, *, with_posts: bool) -> PostCounts | None:
    """Delete it and everything that is its own; says what went. None: there is no such account.

    BadInput: a post is being sent or its outcome is open, or there are posts and `with_posts` is False.
    """

    def remove() -> PostCounts | None:
        with db.transaction():
            if db.value("lock_account", {"account_id": account_id}) is None:
                return None
            counts = count_account_posts(db, account_id)
            if counts.under_way:
                raise BadInput(
                    f"account {account_id} has {counts.under_way} posts that are being sent or whose outcome is open",
                    hint=f"Stop it with `socialcron accounts disable {account_id}`, settle them "
                    "(`socialcron posts list --status unconfirmed`), then remove it.",
                )
            if counts.posts and not with_posts:
                raise BadInput(
                    f"account {account_id} has {counts.posts} posts, {counts.waiting} of them waiting to go out",
                    hint="--yes deletes them with the account; "
                    f"`socialcron accounts disable {account_id}` stops it and keeps everything.",
                )
            db.run("remove_account", {"account_id": account_id})
            return counts

    return db.retrying(remove)


def find_accounts(db: Database, names: Sequence[str]) -> dict[str, AccountRow | str]:
    """Accounts by id ("7") or platform and handle ("x:@me"); a text says what is wrong with a name."""
    numbers = {name: int(name) for name in names if name.isascii() and name.isdigit() and int(name) < 2**63}
    pairs = [name.partition(":") for name in names if name not in numbers and _storable(name)]
    params = {"platforms": [pair[0] for pair in pairs], "handles": [pair[2] for pair in pairs]}
    matches: dict[str, list[int]] = {}
    for row in db.rows("find_accounts_by_handle", params, into=dict) if pairs else []:
        matches.setdefault(row["wanted"], []).append(row["id"])
    rows = read_accounts(db, [*numbers.values(), *(id for ids in matches.values() for id in ids)])

    def look_up(name: str) -> AccountRow | str:
        ids = [numbers[name]] if name in numbers else matches.get(name, [])
        if len(ids) > 1:
            return f"account {name!r} could be any of {', '.join(map(str, ids))}: use the id"
        return rows.get(ids[0], f"there is no account {name}") if ids else f"there is no account {name!r}"

    return {name: look_up(name) for name in names}


def _storable(name: str) -> bool:
    """Whether PostgreSQL can hold it, and so whether there can be an account of that name."""
    return "\x00" not in name and not any("\ud800" <= character <= "\udfff" for character in name)
