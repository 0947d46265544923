"""New posts: any number of them in one transaction, all or nothing, each external key once."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from contextlib import suppress
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from psycopg.types.json import Jsonb

from socialcron.content import Content
from socialcron.store.engine import Database

CHUNK = 500  # posts per statement


@dataclass(frozen=True, slots=True, kw_only=True)
class Draft:
    """One content for some accounts: a post each. `due_at` None means now. `line`: where it was read, if in a file.

    next_slot: due at the next free slot of each account; `due_at` is not looked at.
    """

    account_ids: tuple[int, ...]
    content: Content
    due_at: datetime | None = None
    next_slot: bool = False
    external_key: str | None = None
    priority: int = 0
    max_attempts: int = 4
    needs_approval: bool = False
    held: bool = False
    line: int | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class Scheduled:
    """The post a draft became on one account, or the existing one that has its key, whatever its payload."""

    draft: Draft
    id: int
    account_id: int
    status: str
    due_at: datetime
    existing: bool = False
    same_payload: bool = True


class Undo(Exception):
    """Rolls the transaction back."""


def database_clock(db: Database) -> datetime:
    now: datetime = db.value("database_clock")
    return now


def find_known_keys(db: Database, pairs: Sequence[tuple[int, str]]) -> set[tuple[int, str]]:
    """Those of the (account id, external key) pairs that belong to a post already."""
    params = {"account_ids": [pair[0] for pair in pairs], "external_keys": [pair[1] for pair in pairs]}
    rows = db.rows("find_known_keys", params, into=dict) if pairs else []
    return {(row["account_id"], row["external_key"]) for row in rows}


def add_posts(
    db: Database,
    drafts: Sequence[Draft],
    *,
    dry_run: bool = False,
    progress: Callable[[int], None] = lambda count: None,
) -> list[Scheduled]:
    """Insert them all in one transaction; in the drafts' order. Keys that exist give the post they belong to.

    Nothing is stored when `dry_run`, or when some key belongs to a post with another payload (`same_payload` False).
    progress: called with the number of drafts done since the last call.
    """
    found: list[Scheduled] = []

    def add() -> None:
        found.clear()
        slots: dict[int, datetime] = {}  # account -> the last one taken here
        with db.transaction():
            for start in range(0, len(drafts), CHUNK):
                chunk = drafts[start : start + CHUNK]
                found.extend(_add_chunk(db, chunk, slots))
                progress(len(chunk))
            if dry_run or not all(post.same_payload for post in found):
                raise Undo

    with suppress(Undo):
        db.retrying(add)
    return found


def _add_chunk(db: Database, drafts: Sequence[Draft], slots: dict[int, datetime]) -> list[Scheduled]:
    ids = [row["id"] for row in db.rows("draw_content_ids", {"count": len(drafts)}, into=dict)]
    by_content = dict(zip(ids, drafts, strict=True))
    rows = [
        content_row(id, draft.content, needs_approval=draft.needs_approval)
        for id, draft in by_content.items()
    ]
    db.run("add_contents", {"contents": Jsonb(rows)})
    wanted = [
        {
            "content_id": content_id,
            "account_id": account_id,
            "due_at": draft.due_at.isoformat() if draft.due_at else None,
            "next_slot": draft.next_slot,
            "external_key": draft.external_key,
            "priority": draft.priority,
            "max_attempts": draft.max_attempts,
            "held": draft.held,
        }
        for content_id, draft in by_content.items()
        for account_id in draft.account_ids
    ]
    _take_slots(db, wanted, slots)
    found = {(row["content_id"], row["account_id"]): row for row in _posts(db, "add_posts", wanted)}
    if refused := [want for want in wanted if (want["content_id"], want["account_id"]) not in found]:
        for row in _posts(db, "find_posts_by_key", refused):
            found[row["content_id"], row["account_id"]] = row | {"existing": True}
        db.run("drop_unused_contents", {"content_ids": [want["content_id"] for want in refused]})
    return [
        Scheduled(
            draft=by_content[row["content_id"]], **{name: row[name] for name in row if name != "content_id"}
        )
        for want in wanted
        if (row := found[want["content_id"], want["account_id"]])
    ]


def _take_slots(db: Database, wanted: Sequence[dict[str, Any]], slots: dict[int, datetime]) -> None:
    """Give each post that wants one its slot, unless its key has a post. In id order, for each account stays locked."""
    wanting = [want for want in wanted if want["next_slot"]]
    keyed = [
        (want["account_id"], want["external_key"]) for want in wanting if want["external_key"] is not None
    ]
    known = find_known_keys(db, keyed)
    for want in sorted(wanting, key=lambda want: want["account_id"]):
        account_id = want["account_id"]
        if (account_id, want["external_key"]) not in known:
            slots[account_id] = take_slot(db, account_id, after=slots.get(account_id))
            want["due_at"] = slots[account_id].isoformat()


def take_slot(db: Database, account_id: int, *, after: datetime | None = None) -> datetime:
    """The account's next free slot, kept until the transaction ends; `after` one taken in it. BadInput: none."""
    slot: datetime = db.value("next_slot", {"account_id": account_id, "after": after})
    return slot


def find_unslotted_accounts(db: Database, account_ids: Sequence[int]) -> set[int]:
    rows = db.rows("find_unslotted_accounts", {"account_ids": list(account_ids)}, into=dict)
    return {row["id"] for row in rows}


def _posts(db: Database, query: str, wanted: Sequence[Mapping[str, Any]]) -> list[dict[str, Any]]:
    placed = [{**want, "place": place} for place, want in enumerate(wanted)]
    return db.rows(query, {"posts": Jsonb(placed)}, into=dict)


def content_row(content_id: int, content: Content, *, needs_approval: bool) -> dict[str, Any]:
    """As add_contents.sql takes it."""
    values = {name: getattr(content, name) for name in Content.__dataclass_fields__}
    return {"id": content_id, "draft": needs_approval, **values}
