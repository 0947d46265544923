"""Recurrences become posts, some weeks ahead: when one is added, by maintain, and by post-due where that never runs."""

from __future__ import annotations

from collections.abc import Mapping
from datetime import UTC, datetime, timedelta, tzinfo

from socialcron import log
from socialcron.batches.calendar import occurrences
from socialcron.batches.composing import bad_posts
from socialcron.batches.scheduling import find_errors
from socialcron.errors import BadInput, DatabaseUnavailable
from socialcron.settings import Settings
from socialcron.store import planning
from socialcron.store.engine import Database
from socialcron.store.planning import Filled, Filling, Rule, Unfilled
from socialcron.store.scheduling import Draft
from socialcron.store.tokens import AccountRow

HORIZON = timedelta(days=60)
RENEW_DAYS = 30  # when so little is left, or less, more is made; and there is always a next one
MOST_POSTS = 1000  # of one recurrence at once: an hourly one's 41 days


def add_recurrences(
    db: Database,
    draft: Draft,
    rule: Rule,
    *,
    accounts: Mapping[int, AccountRow],
    settings: Settings,
    now: datetime,
    dry_run: bool = False,
) -> list[Filled]:
    """A recurrence for each account, with its first posts; or nothing. Raises BadInput naming all that is wrong."""
    if problems := find_errors(draft, [*accounts.values()], settings, now):
        raise bad_posts(problems)
    return planning.add_recurrences(db, draft, rule, _plan, renew_days=RENEW_DAYS, dry_run=dry_run)


def preview(rule: Rule, zone: tzinfo, *, count: int) -> list[datetime]:
    """Its first moments, made or not. zoneinfo reads a local time as socialcron.local_moment does."""
    times = occurrences(rule.rrule, rule.starts_at, most=count).times
    return [*dict.fromkeys(at.replace(tzinfo=zone).astimezone(UTC) for at in times)]


def fill_recurrences(db: Database, *, limit: int) -> int:
    """Make posts for recurrences that need some, `limit` of them at most; how many posts. Raises DatabaseUnavailable.

    What is only locked is left to the next run: somebody edits it, and posts that are due do not wait for that.
    """
    posts = 0
    for _ in range(limit):
        try:
            filled = planning.fill_next_recurrence(db, _plan, renew_days=RENEW_DAYS)
        except DatabaseUnavailable as exc:
            if db.is_broken:
                raise
            log.event("recurrences_left", level=log.WARNING, error=str(exc))
            break
        if filled is None:
            break
        posts += len(filled.due_ats)
        if filled.error:
            log.event(
                "recurrence_failed", level=log.ERROR, recurrence_id=filled.recurrence_id, error=filled.error
            )
        else:
            log.event("recurrence_filled", recurrence_id=filled.recurrence_id, posts=len(filled.due_ats))
    return posts


def _plan(one: Unfilled) -> Filling:
    """What is missing up to the horizon; at any rate until one is further off than the time at which more is made."""
    try:
        found = occurrences(
            one.rrule,
            one.starts_at,
            after=one.filled_until,
            horizon=one.local_now + HORIZON,
            beyond=one.local_now + timedelta(days=RENEW_DAYS),
            most=MOST_POSTS,
        )
    except BadInput as exc:  # its row was written by hand
        return Filling(times=[], complete=False, error=exc.message)
    return Filling(times=found.times, complete=found.complete)
