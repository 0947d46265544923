"""trigger-monitoring: claim profiles whose next run has come, requested ones first, and read all their pages.

A run that dies leaves a cursor behind and a lease that ends; whoever comes next goes on at that page.
"""

from __future__ import annotations

import time
from dataclasses import dataclass
from functools import partial
from uuid import uuid4

from socialcron.batches.signals import watched_signals
from socialcron.batches.summary import Summary as BaseSummary
from socialcron.batches.summary import counted, on_record
from socialcron.errors import AuthExpired, ConfigError, PlatformError, ServiceUnavailable, SocialcronError
from socialcron.settings import Settings
from socialcron.store import monitoring
from socialcron.store.engine import Database
from socialcron.store.monitoring import DueProfile, WatchedProfile

COMMAND = "trigger-monitoring"


@dataclass(frozen=True, slots=True, kw_only=True)
class Options:
    """profile_id: only this profile, which somebody has requested."""

    limit: int
    concurrency: int
    max_runtime_seconds: float
    platforms: list[str] | None = None
    profile_id: int | None = None


@dataclass(slots=True, kw_only=True)
class Summary(BaseSummary):
    """One outcome per claimed profile. posts: different ones of each profile."""

    OUTCOMES = ("completed", "cut_short", "failed", "released")

    pages: int = 0
    posts: int = 0

    @property
    def further(self) -> dict[str, int]:
        return {"pages": self.pages, "posts": self.posts}

    def as_line(self) -> str:
        read = f"{counted(self.posts, 'post')} on {counted(self.pages, 'page')}"
        return f"{self.claimed} claimed: {', '.join(self.words)}; {read}"


def run(db: Database, settings: Settings, options: Options) -> Summary:
    """Raises ConfigError without a usable API key, ServiceUnavailable when the credits are used up.

    Also DatabaseUnavailable, when the database went away.
    """
    started = time.monotonic()
    if not monitoring.profiles_due(db):
        return on_record(db, COMMAND, Summary(), started=started)
    summary, error = _work(db, settings, options)
    return on_record(db, COMMAND, summary, started=started, error=error)


def peek(db: Database, options: Options) -> list[DueProfile]:
    """--dry-run: which profiles are due, in order. Claims nothing."""
    return monitoring.peek_due_profiles(db, batch_size=options.limit, platforms=options.platforms)


def _work(db: Database, settings: Settings, options: Options) -> tuple[Summary, SocialcronError | None]:
    from socialcron.batches.monitoring import Book, WatchJob
    from socialcron.batches.runner import Runner
    from socialcron.platforms import scrapecreators
    from socialcron.platforms.http import Http, Session, now_seconds

    if settings.scrapecreators_api_key is None:
        raise ConfigError(
            "profiles are to be read, and SCRAPECREATORS_API_KEY is not set",
            hint="It is on https://app.scrapecreators.com; put it into .env.",
        )
    monitoring.fail_abandoned_runs(db)
    http = Http(max_connections=max(20, options.concurrency))
    connect = partial(
        scrapecreators.connect, settings.scrapecreators_api_key, http, base_url=settings.scrapecreators_url
    )

    def session(profile: WatchedProfile) -> Session:
        return connect(where=str(profile))

    book = Book(
        db=db,
        token=uuid4(),
        connect=session,
        left=options.limit,
        most_pages=settings.monitoring_max_pages,
        lease_seconds=settings.lease_seconds,
        platforms=options.platforms or scrapecreators.platforms(),
        profile_id=options.profile_id,
    )
    runner = Runner(
        book,
        concurrency=options.concurrency,
        stop_at=now_seconds() + options.max_runtime_seconds,
        grace_seconds=25.0,
        patience_seconds=scrapecreators.DEADLINE_SECONDS + 5.0,
        tick_seconds=settings.lease_seconds / 4,
    )
    with watched_signals() as signals:
        signals.call(runner.stop)
        try:
            ended = runner.run([WatchJob(book, number) for number in range(options.concurrency)])
        finally:
            http.close()
    if ended.bug is not None and ended.error is None:
        raise ended.bug
    summary = Summary(
        outcomes=book.outcomes, pages=book.pages, posts=book.posts, interrupted=signals.received
    )
    return summary, ended.error or (_stop(book.stopped) if book.stopped else None)


def _stop(exc: PlatformError) -> SocialcronError:
    """What stopped the whole run: a key that is refused, or no credits left."""
    kind = ConfigError if isinstance(exc, AuthExpired) else ServiceUnavailable
    return kind(exc.message, hint=exc.hint)
