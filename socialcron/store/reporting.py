"""What people look at: exports, readings and the report. Reads only, so it may run on a replica."""

from __future__ import annotations

from collections.abc import Generator, Sequence
from dataclasses import dataclass
from datetime import date, datetime
from typing import Any

from psycopg.rows import dict_row

from socialcron.store import sqlfiles
from socialcron.store.engine import Database, translated

COUNTS = ("views", "likes", "comments", "shares", "saves")
FETCH = 1000  # rows of an export held at a time
SAMPLE = 10_000  # latest posts of a period that are sorted by a count


@dataclass(frozen=True, slots=True, kw_only=True)
class PostReading:
    """None: the platform does not report it."""

    slot_at: datetime
    read_at: datetime
    views: int | None
    likes: int | None
    comments: int | None
    shares: int | None
    saves: int | None


@dataclass(frozen=True, slots=True, kw_only=True)
class MeasuredPost:
    """next_at None: it is not read any more. text: its beginning."""

    post_id: int
    account_id: int
    platform: str
    handle: str
    url: str | None
    posted_at: datetime
    next_at: datetime | None
    gone_at: datetime | None
    tries: int
    error_class: str | None
    last_error: str | None
    text: str | None


@dataclass(frozen=True, slots=True, kw_only=True)
class LatestMetrics:
    """A post with its latest reading. text: its beginning."""

    post_id: int
    account_id: int
    platform: str
    handle: str
    text: str | None
    url: str | None
    posted_at: datetime
    read_at: datetime
    gone_at: datetime | None
    views: int | None
    likes: int | None
    comments: int | None
    shares: int | None
    saves: int | None


def read_measured_post(db: Database, post_id: int) -> MeasuredPost | None:
    """None: it is not published, or not there."""
    return db.row("read_measured_post", {"post_id": post_id}, into=MeasuredPost)


def read_post_metrics(db: Database, post_id: int, *, limit: int) -> list[PostReading]:
    """Newest first."""
    return db.rows("read_post_metrics", {"post_id": post_id, "batch_size": limit}, into=PostReading)


def list_latest_metrics(
    db: Database, *, begin: datetime | None, end: datetime | None, sort: str, limit: int
) -> list[LatestMetrics]:
    """sort: a count, most first; any other word: latest posted first. Of the latest SAMPLE posts of the period."""
    params = {"begin": begin, "end": end, "sort": sort, "batch_size": limit, "sample": SAMPLE}
    return db.rows("list_latest_metrics", params, into=LatestMetrics)


# --- the report ---------------------------------------------------------------------------------------------------


@dataclass(frozen=True, slots=True, kw_only=True)
class Day:
    """scheduled: to go out that day. trouble: failed, missed or unconfirmed, due that day."""

    day: date
    posted: int
    scheduled: int
    trouble: int


@dataclass(frozen=True, slots=True, kw_only=True)
class AgendaPost:
    """at: when it went out, else when it is due. text: its beginning."""

    id: int
    platform: str
    handle: str
    status: str
    at: datetime
    day: date
    text: str | None


@dataclass(frozen=True, slots=True, kw_only=True)
class BrokenAccount:
    id: int
    platform: str
    handle: str
    last_error: str | None


@dataclass(frozen=True, slots=True, kw_only=True)
class Point:
    """The counts of a post, or of all posts of a profile, at one moment. None: not reported."""

    id: int
    read_at: datetime
    views: int | None
    likes: int | None
    comments: int | None
    shares: int | None
    saves: int | None


@dataclass(frozen=True, slots=True, kw_only=True)
class ProfileTotals:
    """A monitored profile with the totals of its posts."""

    id: int
    platform: str
    handle: str
    monitoring_enabled: bool
    last_run_at: datetime | None
    next_run_at: datetime
    posts: int
    views: int | None
    likes: int | None
    comments: int | None
    shares: int | None
    saves: int | None
    error_class: str | None
    last_error: str | None


@dataclass(frozen=True, slots=True, kw_only=True)
class ProfilePost:
    profile_id: int
    url: str | None
    caption: str | None
    published_at: datetime | None
    views: int | None
    likes: int | None
    comments: int | None
    shares: int | None
    saves: int | None


def days(db: Database, *, begin: datetime, end: datetime, zone: str) -> list[Day]:
    """zone: a name that PostgreSQL knows."""
    return db.rows("report_days", {"begin": begin, "end": end, "zone": zone}, into=Day)


def agenda(db: Database, *, begin: datetime, end: datetime, zone: str, most: int) -> list[AgendaPost]:
    """In the order of time, at most `most` of each status."""
    params = {"begin": begin, "end": end, "zone": zone, "most": most}
    return db.rows("report_agenda", params, into=AgendaPost)


def broken_accounts(db: Database, *, most: int) -> list[BrokenAccount]:
    return db.rows("report_accounts", {"most": most}, into=BrokenAccount)


def readings(db: Database, post_ids: Sequence[int], *, most: int) -> list[Point]:
    """By post, in the order of time; the latest `most` of each."""
    return db.rows("report_readings", {"post_ids": list(post_ids), "most": most}, into=Point)


def profiles(db: Database, *, most: int) -> list[ProfileTotals]:
    """The most viewed first."""
    return db.rows("report_profiles", {"most": most}, into=ProfileTotals)


def profile_totals(
    db: Database, profile_ids: Sequence[int], *, begin: datetime, end: datetime, most: int
) -> list[Point]:
    """By profile, in the order of time; the latest `most` of each."""
    params = {"profile_ids": list(profile_ids), "begin": begin, "end": end, "most": most}
    return db.rows("report_profile_totals", params, into=Point)


def profile_posts(db: Database, profile_ids: Sequence[int], *, most: int) -> list[ProfilePost]:
    """By profile, the most viewed first; the first `most` of each."""
    return db.rows("report_profile_posts", {"profile_ids": list(profile_ids), "most": most}, into=ProfilePost)


# --- exports -------------------------------------------------------------------------------------------------------


def stream(
    db: Database, query: str, *, begin: datetime | None, end: datetime | None
) -> tuple[list[str], Generator[dict[str, Any]]]:
    """The names of the columns, and the rows of a query over a period, from a server-side cursor: memory stays flat.

    The transaction is open until the rows are read or the iterator is closed.
    """
    rows = _stream(db, query, {"begin": begin, "end": end})
    return next(rows), rows


def _stream(db: Database, query: str, params: dict[str, Any]) -> Generator[Any]:
    with translated(), db.transaction(), db.connection.cursor("export", row_factory=dict_row) as cursor:
        cursor.itersize = FETCH
        cursor.execute(sqlfiles.load(query), params)
        yield [column.name for column in cursor.description or ()]
        yield from cursor
