"""What `status` reads: one function per query, each quick at millions of posts."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import datetime
from typing import Any

from socialcron.model import POST_STATUSES
from socialcron.store.engine import Database
from socialcron.store.events import Subscription, list_subscriptions

MOST = 200_000  # posts counted one by one; beyond, the planner's statistics answer
SAMPLE = 5_000  # latest rows read for averages and errors
DAYS = 7  # that averages and errors look back


@dataclass(frozen=True, slots=True, kw_only=True)
class PostCount:
    status: str
    posts: int
    approximate: bool


@dataclass(frozen=True, slots=True, kw_only=True)
class PlatformStatus:
    """Of the posts that went out since `since`. Seconds are counted from the due time."""

    platform: str
    posted: int
    average_seconds: float
    slowest_seconds: float
    high_retries: int
    since: datetime
    approximate: bool


@dataclass(frozen=True, slots=True, kw_only=True)
class ErrorCount:
    platform: str
    error_class: str
    count: int
    last_at: datetime
    example: str | None


@dataclass(frozen=True, slots=True, kw_only=True)
class Failure:
    id: int
    account_id: int
    platform: str
    handle: str
    status: str
    due_at: datetime
    failed_at: datetime
    attempt: int
    error_class: str | None
    last_error: str | None


@dataclass(frozen=True, slots=True, kw_only=True)
class HighRetries:
    id: int
    platform: str
    handle: str
    status: str
    attempt: int
    max_attempts: int
    error_class: str | None
    last_error: str | None


@dataclass(frozen=True, slots=True, kw_only=True)
class LastRun:
    command: str
    host: str
    started_at: datetime
    finished_at: datetime | None
    exit_code: int | None
    idle: bool
    outcome: Any
    error: str | None
    seconds_ago: float


@dataclass(frozen=True, slots=True, kw_only=True)
class LimitNow:
    key: str
    platform: str
    account_id: int | None
    family: str
    limit_requests: int | None
    remaining: int | None
    reset_at: datetime | None
    blocked_until: datetime | None
    observed_at: datetime


@dataclass(frozen=True, slots=True, kw_only=True)
class AccountCounts:
    active: int
    needs_reconnect: int
    disabled: int
    blocked: int
    autopost_off: int


@dataclass(frozen=True, slots=True, kw_only=True)
class QueueCounts:
    """Jobs of one queue. waiting: due, nobody has it; active: a run has it; delayed: due later, or kept back."""

    waiting: int
    active: int
    completed: int
    failed: int
    delayed: int
    approximate: bool
    total: int = field(init=False)  # of these five

    def __post_init__(self) -> None:
        total = self.waiting + self.active + self.completed + self.failed + self.delayed
        object.__setattr__(self, "total", total)


@dataclass(frozen=True, slots=True, kw_only=True)
class Overview:
    """All of it, at one moment."""

    posts: Mapping[str, PostCount]
    queues: Mapping[str, QueueCounts]
    overdue_seconds: float
    accounts: AccountCounts
    platforms: list[PlatformStatus]
    errors: list[ErrorCount]
    high_retries: list[HighRetries]
    failures: list[Failure]
    rate_limits: list[LimitNow]
    runs: list[LastRun]
    subscriptions: list[Subscription]


_PERIOD = {"days": DAYS, "sample": SAMPLE}


def overview(db: Database) -> Overview:
    posts = count_posts(db)
    return Overview(
        posts=posts,
        queues=queues(db, posts),
        overdue_seconds=overdue_seconds(db),
        accounts=accounts(db),
        platforms=platforms(db),
        errors=errors(db),
        high_retries=high_retries(db),
        failures=failures(db),
        rate_limits=limits(db),
        runs=last_runs(db),
        subscriptions=list_subscriptions(db),
    )


def count_posts(db: Database) -> dict[str, PostCount]:
    """By status, every status there is."""
    small = db.value("status_size", {"most": MOST})
    query = "status_posts_exact" if small else "status_posts_estimated"
    found = {row.status: row for row in db.rows(query, None if small else {"most": MOST}, into=PostCount)}
    nothing = {status: PostCount(status=status, posts=0, approximate=False) for status in POST_STATUSES}
    return nothing | found


def queues(db: Database, posts: Mapping[str, PostCount]) -> dict[str, QueueCounts]:
    """Of each kind of job. posts: what `count_posts` found; cancelled ones are in no queue."""
    publishing = QueueCounts(
        waiting=(waiting := db.value("status_queue_publishing", {"most": MOST})),
        active=posts["processing"].posts + posts["unconfirmed"].posts,
        completed=posts["posted"].posts,
        failed=posts["failed"].posts + posts["missed"].posts,
        delayed=max(posts["scheduled"].posts - waiting, 0),
        approximate=any(row.approximate for row in posts.values()),
    )
    found = {"publishing": publishing}
    for name in ("metrics", "monitoring", "media_cache"):
        counts = db.row(f"status_queue_{name}", {"most": MOST}, into=QueueCounts)
        assert counts is not None
        found[name] = counts
    return found


def overdue_seconds(db: Database) -> float:
    return float(db.value("status_overdue"))


def platforms(db: Database) -> list[PlatformStatus]:
    return db.rows("status_platforms", _PERIOD, into=PlatformStatus)


def errors(db: Database) -> list[ErrorCount]:
    return db.rows("status_errors", _PERIOD, into=ErrorCount)


def high_retries(db: Database) -> list[HighRetries]:
    return db.rows("status_high_retries", _PERIOD, into=HighRetries)


def failures(db: Database) -> list[Failure]:
    return db.rows("status_failures", into=Failure)


def last_runs(db: Database) -> list[LastRun]:
    return db.rows("status_runs", into=LastRun)


def limits(db: Database) -> list[LimitNow]:
    return db.rows("status_limits", into=LimitNow)


def accounts(db: Database) -> AccountCounts:
    counts = db.row("status_accounts", into=AccountCounts)
    assert counts is not None
    return counts
