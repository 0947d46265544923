"""What people look at: exports, readings and the report. Reads only, so it may run on a replica."""

from __future__ import annotations

from collections.abc import Generator
from dataclasses import dataclass
from datetime import datetime
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
