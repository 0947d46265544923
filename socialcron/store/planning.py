"""Slots and recurrences: when an account posts, and what comes again.

How far a rule's occurrences go is the caller's to work out (batches/planning.py); here each becomes a post, once.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Sequence
from contextlib import suppress
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from psycopg.types.json import Jsonb

from socialcron.errors import BadInput
from socialcron.store.engine import Database
from socialcron.store.scheduling import Draft, Undo, content_row

# --- slots -------------------------------------------------------------------------------------------------------


@dataclass(frozen=True, slots=True, kw_only=True)
class Slot:
    """weekday: 1 is Monday. local_time: "09:00"."""

    weekday: int
    local_time: str
    zone: str


def set_slots(db: Database, account_id: int, slots: Sequence[tuple[int, str]], zone: str) -> None:
    """These instead of those it had; posts that have a time keep it."""
    with db.transaction():
        db.run("clear_slots", {"account_id": account_id})
        weekdays, times = [weekday for weekday, _ in slots], [time for _, time in slots]
        db.run("add_slots", {"account_id": account_id, "weekdays": weekdays, "times": times, "zone": zone})


def list_slots(db: Database, account_id: int) -> list[Slot]:
    return db.rows("list_slots", {"account_id": account_id}, into=Slot)


def free_slots(db: Database, account_id: int, *, count: int) -> list[datetime]:
    """Soonest first; those of the next ten years."""
    rows = db.rows("free_slots", {"account_id": account_id, "count": count}, into=dict)
    return [row["slot"] for row in rows]


# --- recurrences -------------------------------------------------------------------------------------------------


@dataclass(frozen=True, slots=True, kw_only=True)
class Rule:
    """starts_at: a local time in `zone`."""

    rrule: str
    starts_at: datetime
    zone: str


@dataclass(frozen=True, slots=True, kw_only=True)
class Unfilled:
    """A recurrence that needs posts. Times are local."""

    id: int
    account_id: int
    rrule: str
    starts_at: datetime
    filled_until: datetime | None
    local_now: datetime


@dataclass(frozen=True, slots=True, kw_only=True)
class Filling:
    """The occurrences to make posts of, local times. complete: the rule has no more. error: why there are none."""

    times: list[datetime]
    complete: bool
    error: str | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class Filled:
    """due_ats: of the posts that were made."""

    recurrence_id: int
    account_id: int
    due_ats: list[datetime]
    error: str | None


@dataclass(frozen=True, slots=True, kw_only=True)
class RecurrenceView:
    """state: active, paused, ended, or over when its rule has no more."""

    id: int
    account_id: int
    platform: str
    handle: str
    state: str
    rrule: str
    starts_at: datetime
    zone: str
    next_post_id: int | None
    next_due_at: datetime | None
    filled_until: datetime | None
    paused_at: datetime | None
    ended_at: datetime | None
    created_at: datetime
    last_error: str | None
    content_id: int
    text: str | None


Plan = Callable[[Unfilled], Filling]


def add_recurrences(
    db: Database, draft: Draft, rule: Rule, plan: Plan, *, renew_days: int, dry_run: bool = False
) -> list[Filled]:
    """One recurrence for each account of the draft, all with the same content, and their first posts; or nothing."""
    found: list[Filled] = []

    def add() -> None:
        found.clear()
        with db.transaction():
            content_id: int = db.value("draw_content_ids", {"count": 1})
            row = content_row(content_id, draft.content, needs_approval=draft.needs_approval)
            db.run("add_contents", {"contents": Jsonb([row])})
            for account_id in draft.account_ids:
                params: dict[str, Any] = {
                    "content_id": content_id,
                    "account_id": account_id,
                    "rrule": rule.rrule,
                    "starts_at": rule.starts_at,
                    "zone": rule.zone,
                    "priority": draft.priority,
                    "max_attempts": draft.max_attempts,
                }
                one = db.row("add_recurrence", params, into=Unfilled)
                assert one is not None
                found.append(_fill(db, one, plan(one), renew_days))
            if dry_run:
                raise Undo

    with suppress(Undo):
        db.retrying(add)
    return found


def fill_next_recurrence(db: Database, plan: Plan, *, renew_days: int) -> Filled | None:
    """Make the next posts of the recurrence that has waited longest; None: none is waiting.

    One transaction: whoever dies in it leaves nothing, and another run begins anew.
    """

    def fill() -> Filled | None:
        with db.transaction():
            one = db.row("lock_recurrence_to_fill", into=Unfilled)
            return None if one is None else _fill(db, one, plan(one), renew_days)

    return db.retrying(fill)


def _fill(db: Database, one: Unfilled, filling: Filling, renew_days: int) -> Filled:
    params = {"recurrence_id": one.id, "occurrences": filling.times}
    rows = db.rows("add_occurrences", params, into=dict) if filling.times else []
    marks = {
        "recurrence_id": one.id,
        "last": filling.times[-1] if filling.times else None,
        "complete": filling.complete,
        "error": filling.error,
        "renew_days": renew_days,
    }
    db.run("mark_filled", marks)
    due_ats = sorted(row["due_at"] for row in rows)
    return Filled(recurrence_id=one.id, account_id=one.account_id, due_ats=due_ats, error=filling.error)


def list_recurrences(db: Database, *, ended: bool) -> list[RecurrenceView]:
    return db.rows("list_recurrences", {"recurrence_id": None, "ended": ended}, into=RecurrenceView)


def read_recurrence(db: Database, recurrence_id: int) -> RecurrenceView | None:
    return db.row("list_recurrences", {"recurrence_id": recurrence_id, "ended": True}, into=RecurrenceView)


def list_occurrences(db: Database, recurrence_id: int, *, count: int) -> list[dict[str, Any]]:
    """Its next posts: id, status, due_at, held_at."""
    return db.rows("list_occurrences", {"recurrence_id": recurrence_id, "count": count}, into=dict)


def count_occurrences(db: Database, recurrence_id: int) -> dict[str, int]:
    rows = db.rows("count_occurrences", {"recurrence_id": recurrence_id}, into=dict)
    return {row["status"]: row["posts"] for row in rows}


def pause_recurrence(db: Database, recurrence_id: int) -> int | None:
    """Hold its posts, but those under way; how many. None: there is no such recurrence. Pausing again adds nothing."""

    def pause() -> int | None:
        with db.transaction():
            row = _lock(db, recurrence_id)
            if row is None:
                return None
            if row["paused_at"] is not None:
                return 0
            db.run("pause_recurrence", {"recurrence_id": recurrence_id})
            return db.run("hold_occurrences", {"post_ids": _waiting(db, recurrence_id)})

    return db.retrying(pause)


def resume_recurrence(db: Database, recurrence_id: int) -> tuple[int, int] | None:
    """How many of its posts were released, and how many were cancelled, for their time came during the pause."""

    def resume() -> tuple[int, int] | None:
        with db.transaction():
            row = _lock(db, recurrence_id)
            if row is None:
                return None
            if row["paused_at"] is None:
                return 0, 0
            held = {"post_ids": _waiting(db, recurrence_id), "paused_at": row["paused_at"]}
            passed: int = db.value("cancel_passed_occurrences", held)
            released = db.run("release_occurrences", held)
            db.run("resume_recurrence", {"recurrence_id": recurrence_id})
            return released, passed

    return db.retrying(resume)


def end_recurrence(db: Database, recurrence_id: int) -> Counter[str] | None:
    """No more posts of it, and those not out are cancelled: how many answered done, requested and too_late."""

    def end() -> Counter[str] | None:
        with db.transaction():
            row = db.row("lock_recurrence", {"recurrence_id": recurrence_id}, into=dict)
            if row is None:
                return None
            if row["ended_at"] is None:
                db.run("end_recurrence", {"recurrence_id": recurrence_id})
            post_ids = _waiting(db, recurrence_id)
            results = db.rows("cancel_occurrences", {"post_ids": post_ids}, into=dict)
            return Counter(one["result"] for one in results)

    return db.retrying(end)


def _lock(db: Database, recurrence_id: int) -> dict[str, Any] | None:
    """Raises BadInput for one that has ended."""
    row = db.row("lock_recurrence", {"recurrence_id": recurrence_id}, into=dict)
    if row is not None and row["ended_at"] is not None:
        raise BadInput(
            f"recurrence {recurrence_id} has ended", hint="Add it anew: `socialcron posts add --repeat`."
        )
    return row


def _waiting(db: Database, recurrence_id: int) -> list[int]:
    return [row["id"] for row in db.rows("lock_occurrences", {"recurrence_id": recurrence_id}, into=dict)]
