"""Watched public profiles: who is due, what a page brought, how a run ended (the rules are DESIGN 8)."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import asdict, dataclass
from datetime import datetime, timedelta
from typing import Literal
from uuid import UUID

from psycopg.types.json import Jsonb

from socialcron.errors import UsageError
from socialcron.model import ProfilePage
from socialcron.store.engine import Database

RESUME_HOURS = 12  # a run that was broken off longer ago is not resumed


@dataclass(frozen=True, slots=True, kw_only=True)
class WatchedProfile:
    """A claimed profile and its open run. `read_at`: what the run's readings are stored under.

    pages, cursor, region: how far the run came before it was broken off; 0 and None at its beginning. Pages without a
    cursor: it had read the last one.
    """

    id: int
    platform: str
    handle: str
    external_id: str | None
    run_id: int
    read_at: datetime
    pages: int
    cursor: str | None
    region: str | None

    def __str__(self) -> str:
        return f"{self.platform} profile {self.handle!r} (id {self.id})"


@dataclass(frozen=True, slots=True, kw_only=True)
class DueProfile:
    id: int
    platform: str
    handle: str
    manual: bool


@dataclass(frozen=True, slots=True, kw_only=True)
class Profile:
    """Totals are over all posts ever seen, each once; None: no post has that count. last_error: of the last run."""

    id: int
    platform: str
    handle: str
    external_id: str | None
    monitoring_enabled: bool
    interval: timedelta
    last_run_at: datetime | None
    next_run_at: datetime
    requested_at: datetime | None
    running: bool
    posts: int
    views: int | None
    likes: int | None
    shares: int | None
    comments: int | None
    saves: int | None
    error_class: str | None
    last_error: str | None
    created_at: datetime


@dataclass(frozen=True, slots=True, kw_only=True)
class MonitoringRun:
    """posts: different ones it read. total_*: the profile's when it ended; None: not yet, or not reported."""

    id: int
    status: Literal["pending", "running", "completed", "failed"]
    manual: bool
    created_at: datetime
    started_at: datetime | None
    finished_at: datetime | None
    pages: int
    posts: int
    error_class: str | None
    error: str | None
    total_posts: int | None
    total_views: int | None
    total_likes: int | None
    total_shares: int | None
    total_comments: int | None
    total_saves: int | None


@dataclass(frozen=True, slots=True, kw_only=True)
class SeenPost:
    id: int
    remote_id: str
    url: str | None
    caption: str | None
    published_at: datetime | None
    cover_url: str | None
    thumbnail_url: str | None
    views: int | None
    likes: int | None
    shares: int | None
    comments: int | None
    saves: int | None
    first_seen_at: datetime
    last_seen_at: datetime


@dataclass(frozen=True, slots=True, kw_only=True)
class PostReading:
    read_at: datetime
    views: int | None
    likes: int | None
    shares: int | None
    comments: int | None
    saves: int | None


# --- one run ---------------------------------------------------------------------------------------------------------


def profiles_due(db: Database) -> bool:
    return bool(db.value("due_profiles"))


def peek_due_profiles(db: Database, *, batch_size: int, platforms: Sequence[str] | None) -> list[DueProfile]:
    params = {"batch_size": batch_size, "platforms": _listed(platforms)}
    return db.rows("peek_due_profiles", params, into=DueProfile)


def fail_abandoned_runs(db: Database) -> int:
    return db.run("fail_abandoned_runs", {"resume_hours": RESUME_HOURS})


def claim_profile(
    db: Database,
    token: UUID,
    *,
    lease_seconds: float,
    platforms: Sequence[str] | None = None,
    profile_id: int | None = None,
) -> WatchedProfile | None:
    """The next profile, requested ones first; None: nothing is due. profile_id: only that one, if it is requested."""
    params = {
        "claim_token": token,
        "lease_seconds": lease_seconds,
        "platforms": _listed(platforms),
        "profile_id": profile_id,
    }
    return db.retrying(lambda: db.row("claim_profile", params, into=WatchedProfile))


def renew_leases(db: Database, token: UUID, profile_ids: Sequence[int], *, lease_seconds: float) -> None:
    params = {"claim_token": token, "profile_ids": list(profile_ids), "lease_seconds": lease_seconds}
    db.run("renew_profile_leases", params)


def store_page(
    db: Database,
    token: UUID,
    profile: WatchedProfile,
    page: ProfilePage,
    *,
    cursor: str | None,
    region: str | None,
) -> int | None:
    """Store a page and the place to go on from, or nothing; the number of posts the run had not read before.

    None: another run has claimed the profile meanwhile.
    """
    posts = [asdict(post) for post in {post.remote_id: post for post in reversed(page.posts)}.values()]
    for post in posts:
        if post["published_at"] is not None:
            post["published_at"] = post["published_at"].isoformat()
    params = {
        "claim_token": token,
        "profile_id": profile.id,
        "run_id": profile.run_id,
        "read_at": profile.read_at,
        "posts": Jsonb(posts),
        "cursor": cursor,
        "region": region,
    }

    def store() -> int | None:
        with db.transaction():
            if db.value("lock_profile", params) is None:
                return None
            db.run("add_profile_posts", params)
            new_posts = db.run("store_profile_readings", params)
            db.run("record_page", {**params, "new_posts": new_posts})
        return new_posts

    return db.retrying(store)


def finish_run(
    db: Database,
    token: UUID,
    profile: WatchedProfile,
    *,
    status: Literal["completed", "failed"],
    external_id: str | None = None,
    error_class: str | None = None,
    error: str | None = None,
) -> bool:
    """Totals, next run, and the run's end in one statement. False: another run has claimed the profile meanwhile."""
    params = {
        "claim_token": token,
        "profile_id": profile.id,
        "run_id": profile.run_id,
        "status": status,
        "external_id": external_id,
        "error_class": error_class,
        "error": error,
    }
    return db.run("finish_monitoring", params) > 0


def release_profile(
    db: Database,
    token: UUID,
    profile: WatchedProfile,
    *,
    error_class: str | None = None,
    error: str | None = None,
) -> None:
    """Its run waits at its cursor for whoever comes next. error: what stopped it, if it was more than time."""
    params = {
        "claim_token": token,
        "profile_id": profile.id,
        "run_id": profile.run_id,
        "error_class": error_class,
        "error": error,
    }
    db.run("release_profile", params)


# --- for operators ---------------------------------------------------------------------------------------------------


def add_profile(db: Database, platform: str, handle: str, *, interval: timedelta) -> int | None:
    """The new profile's id; None: it is watched already."""
    params = {"platform": platform, "handle": handle, "interval_seconds": interval.total_seconds()}
    added: int | None = db.value("add_profile", params)
    return added


def request_profile(db: Database, profile_id: int) -> None:
    """It goes first in the next run. Raises UsageError for an unknown id."""
    if db.value("request_profile", {"profile_id": profile_id}) is None:
        raise _unknown(profile_id)


def switch_monitoring(db: Database, profile_id: int, *, enabled: bool) -> None:
    """Raises UsageError for an unknown id."""
    if not db.run("switch_monitoring", {"profile_id": profile_id, "enabled": enabled}):
        raise _unknown(profile_id)


def remove_profile(db: Database, profile_id: int) -> None:
    """With all its posts and history. A run that watches it stops. Raises UsageError for an unknown id."""
    params = {"profile_id": profile_id}

    def remove() -> None:
        with db.transaction():
            if db.value("lock_any_profile", params) is None:
                raise _unknown(profile_id)
            db.run("remove_profile_history", params)
            db.run("remove_profile", params)

    db.retrying(remove)


def list_profiles(
    db: Database, *, platforms: Sequence[str] | None = None, handle: str | None = None
) -> list[Profile]:
    params = {"profile_id": None, "handle": handle, "platforms": _listed(platforms)}
    return db.rows("read_profiles", params, into=Profile)


def read_profile(db: Database, profile_id: int) -> Profile:
    """Raises UsageError for an unknown id."""
    params = {"profile_id": profile_id, "handle": None, "platforms": None}
    found = db.row("read_profiles", params, into=Profile)
    if found is None:
        raise _unknown(profile_id)
    return found


def read_runs(db: Database, profile_id: int, *, limit: int, finished: bool = False) -> list[MonitoringRun]:
    """Newest first."""
    params = {"profile_id": profile_id, "batch_size": limit, "finished": finished}
    return db.rows("read_monitoring_runs", params, into=MonitoringRun)


def read_posts(db: Database, profile_id: int, *, limit: int, remote_id: str | None = None) -> list[SeenPost]:
    """Newest first."""
    params = {"profile_id": profile_id, "batch_size": limit, "remote_id": remote_id}
    return db.rows("read_profile_posts", params, into=SeenPost)


def read_post_history(db: Database, post_id: int, *, limit: int) -> list[PostReading]:
    """Newest first."""
    return db.rows("read_profile_post_history", {"post_id": post_id, "batch_size": limit}, into=PostReading)


def _listed(platforms: Sequence[str] | None) -> list[str] | None:
    return None if platforms is None else list(platforms)


def _unknown(profile_id: int) -> UsageError:
    return UsageError(f"there is no profile {profile_id}", hint="`socialcron profiles list` shows them.")
