"""Accounts as operators see them: connect, switch, remove. One function per query; lists are in `lists`."""

from __future__ import annotations

import sys
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field, replace
from datetime import datetime
from typing import Any, Literal

import psycopg
from psycopg import errors
from psycopg.rows import dict_row
from psycopg.types.json import Jsonb

from socialcron.errors import BadInput, Conflict
from socialcron.store.engine import Database, translated
from socialcron.store.tokens import AccountRow, read_accounts


@dataclass(frozen=True, slots=True, kw_only=True)
class PostCounts:
    posts: int
    waiting: int  # scheduled
    under_way: int  # processing or unconfirmed


@dataclass(frozen=True, slots=True, kw_only=True, repr=False)
class NewAccount:
    """An account as a person brings it. `credentials` is encrypted.

    refresh_expires_at: when nothing but a person can make new tokens; None: never, or not known. needs_session: there
    is no access token yet. import_digest: of the credentials, if they were imported. defaults: settings that go behind
    those given here and behind those that a connected account has.
    """

    platform: str
    handle: str
    external_id: str | None
    settings: Mapping[str, str]
    credentials: str | None
    token_expires_at: datetime | None = None
    refresh_expires_at: datetime | None = None
    needs_session: bool = False
    import_digest: str | None = None
    defaults: Mapping[str, str] = field(default_factory=dict)


@dataclass(frozen=True, slots=True, kw_only=True)
class Connected:
    """What became of one of them. id and status are None where it would be new and nothing was stored."""

    id: int | None
    status: str | None
    outcome: Literal["new", "updated", "unchanged"]


def add_account(db: Database, account: NewAccount) -> int:
    """Its id. BadInput: it is connected already."""
    with db.transaction():
        db.run("lock_adding_accounts")
        if twin := db.value("find_twin_account", _params(account)):
            raise BadInput(
                f"{account.platform} account {account.handle!r} is connected already, as account {twin}",
                hint=f"New credentials for it: `socialcron accounts reconnect {twin} --credentials FILE`.",
            )
        return int(db.value("add_account", _params(account)))


def connect_accounts(
    db: Database,
    accounts: Sequence[NewAccount],
    *,
    dry_run: bool = False,
    unchanged: Callable[[int, str], bool] = lambda index, digest: False,
) -> list[Connected | str]:
    """Add those that are new and give those that are connected already their new credentials: all of them, or none.

    A text in the place of an account says why it cannot be. unchanged(index, import_digest of the stored one): its
    credentials are no news.
    """

    def connect() -> list[Connected | str]:
        with db.transaction():
            db.run("lock_adding_accounts")
            plan = _plan(db, accounts, unchanged)
            if dry_run or any(isinstance(item, str) for item in plan):
                return plan
            pairs = zip(accounts, plan, strict=True)
            work = [(n, a, item) for n, (a, item) in enumerate(pairs) if isinstance(item, Connected)]
            # By id, new ones last: whoever locks several accounts does so in this order.
            for number, account, item in sorted(work, key=lambda entry: entry[2].id or sys.maxsize):
                if item.outcome != "unchanged":
                    query = "add_account" if item.id is None else "reconnect_account"
                    row = db.row(query, {**_params(account), "account_id": item.id}, into=dict)
                    plan[number] = replace(item, **(row or {}))
            return plan

    try:
        return db.retrying(connect)
    except Conflict as exc:
        raise BadInput(
            "one of these accounts was connected by somebody else at the same moment", hint="Run it again."
        ) from exc


def _plan(
    db: Database, accounts: Sequence[NewAccount], unchanged: Callable[[int, str], bool]
) -> list[Connected | str]:
    params = {
        "platforms": [account.platform for account in accounts],
        "handles": [account.handle for account in accounts],
        "external_ids": [account.external_id for account in accounts],
        "base_urls": [account.settings.get("base_url") for account in accounts],
    }
    matches: dict[int, list[dict[str, Any]]] = {}
    for row in db.rows("find_connected_accounts", params, into=dict):
        matches.setdefault(row["number"], []).append(row)
    plan: list[Connected | str] = []
    seen = _Seen()
    for number, account in enumerate(accounts, 1):
        found = matches.get(number, [])
        by_id = [row for row in found if row["same_id"]]
        candidates = by_id or found
        if len(candidates) > 1:
            ids = ", ".join(str(row["id"]) for row in candidates)
            plan.append(f"handle {account.handle!r} could be any of the accounts {ids}: give its external_id")
        elif by_id and not by_id[0]["same_server"]:
            plan.append(
                f"external_id {account.external_id!r} is that of account {by_id[0]['id']}, whose base_url is another"
            )
        elif seen.before(account, candidates[0]["id"] if candidates else None):
            plan.append("is the same account as one before it")
        elif candidates:
            digest = candidates[0]["import_digest"]
            same = digest is not None and unchanged(number - 1, digest)
            plan.append(
                (None if same else _move_problem(db, account, candidates[0]))
                or Connected(
                    id=candidates[0]["id"],
                    status=candidates[0]["status"],
                    outcome="unchanged" if same else "updated",
                )
            )
        else:
            plan.append(Connected(id=None, status=None, outcome="new"))
    return plan


def _move_problem(db: Database, account: NewAccount, stored: Mapping[str, Any]) -> str | None:
    """Why the settings given cannot be those of the stored account now. It is locked if they change something."""
    changed = sorted(
        name
        for name, value in account.settings.items()
        if stored["settings"].get(name) != value and name not in ("app", "resize_images")
    )
    if not changed or db.value("lock_account", {"account_id": stored["id"]}) is None:
        return None
    under_way = count_account_posts(db, stored["id"]).under_way
    if not under_way:
        return None
    return (
        f"account {stored['id']} has {under_way} posts that are being sent or whose outcome is open, and with another "
        f"{' and '.join(changed)} they would be looked for in the wrong place: settle them first, or leave that out"
    )


class _Seen:
    """Which accounts there were among the given ones so far, by the rules of find_connected_accounts.sql."""

    def __init__(self) -> None:
        self._ids: set[Any] = set()
        self._handles: dict[Any, set[str | None]] = {}

    def before(self, account: NewAccount, known_id: int | None) -> bool:
        """Whether this one came before, in other words perhaps; it has now."""
        server = account.platform, account.settings.get("base_url")
        identity = known_id or (account.external_id and (server, account.external_id))
        named = self._handles.setdefault((server, account.handle.lower().lstrip("@")), set())
        same_handle = None in named or (account.external_id is None and bool(named))
        found = same_handle or identity in self._ids
        self._ids |= {identity} - {None}
        named.add(account.external_id)
        return found


def _params(account: NewAccount) -> dict[str, Any]:
    return {
        **{name: getattr(account, name) for name in NewAccount.__dataclass_fields__},
        "settings": Jsonb(account.settings),
        "defaults": Jsonb(account.defaults),
        "base_url": account.settings.get("base_url"),
    }


def reconnect_account(
    db: Database,
    account_id: int,
    *,
    credentials: str,
    token_expires_at: datetime | None,
    refresh_expires_at: datetime | None,
    needs_session: bool,
) -> str | None:
    """The account's status; None: there is no such account."""
    row = db.row(
        "reconnect_account",
        {
            "account_id": account_id,
            "credentials": credentials,
            "token_expires_at": token_expires_at,
            "refresh_expires_at": refresh_expires_at,
            "needs_session": needs_session,
            **dict.fromkeys(("handle", "external_id", "defaults", "settings", "import_digest")),
        },
        into=dict,
    )
    return None if row is None else row["status"]


def change_settings(
    db: Database, account_id: int, *, given: Mapping[str, str], removed: Sequence[str], moves: bool
) -> dict[str, Any] | None:
    """The settings after the change. None: there is no such account.

    moves: it may change where posts go, and so where lost ones are looked for. BadInput then, while a post is being
    sent or its outcome is open.
    """

    def change() -> dict[str, Any] | None:
        with db.transaction():
            if db.value("lock_account", {"account_id": account_id}) is None:
                return None
            if moves and (under_way := count_account_posts(db, account_id).under_way):
                raise BadInput(
                    f"account {account_id} has {under_way} posts that are being sent or whose outcome is open, "
                    "and they would be looked for in the wrong place",
                    hint=_settle(account_id, "change it"),
                )
            params = {"account_id": account_id, "given": Jsonb(given), "removed": list(removed)}
            changed: dict[str, Any] = db.value("change_settings", params)
            return changed

    return db.retrying(change)


def _settle(account_id: int, then: str) -> str:
    return (
        f"Stop it with `socialcron accounts disable {account_id}`, settle them "
        f"(`socialcron posts list --status unconfirmed`), then {then}."
    )


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
                    hint=_settle(account_id, "remove it"),
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


def read_foreign_rows(db: Database, query: str) -> list[dict[str, Any]]:
    """What a person's own query says, in a transaction that cannot write and ends after 30 s.

    BadInput: it is no such query. Its message quotes no value, for the query is about secrets.
    """
    # As a subquery of a statement with a parameter it is one SELECT, whatever is in it.
    body = query.strip().rstrip(";").replace("%", "%%")
    wrapped = f"SELECT * FROM (\n{body}\n) AS wanted WHERE %s"  # nosec B608  # a person's own, see above
    hint = "It is one SELECT on this database; names outside the schema search path need their schema."
    try:
        with db.transaction():
            db.connection.execute(b"SET TRANSACTION READ ONLY")
            with db.connection.cursor(row_factory=dict_row) as cursor:
                return cursor.execute(wrapped.encode(), (True,)).fetchall()
    except errors.QueryCanceled:
        raise BadInput("the query took longer than 30 seconds", hint="Nothing was imported.") from None
    except errors.ReadOnlySqlTransaction:
        raise BadInput("the query writes, and only reading is allowed", hint=hint) from None
    except psycopg.Error as exc:
        if db.is_broken:
            with translated():
                raise
        harmless = (exc.sqlstate or "").startswith(("42", "0A"))  # syntax and names; others quote values
        says = exc.diag.message_primary if harmless else f"SQLSTATE {exc.sqlstate}"
        raise BadInput(f"the query cannot be run: {says}", hint=hint) from None


def _storable(name: str) -> bool:
    """Whether PostgreSQL can hold it, and so whether there can be an account of that name."""
    return "\x00" not in name and not any("\ud800" <= character <= "\udfff" for character in name)
