"""trigger-monitoring: claim profiles whose next run has come, requested ones first, and read all their pages.

A run that dies leaves a cursor behind and a lease that ends; whoever comes next goes on at that page.
"""

from __future__ import annotations

import time
from collections import Counter
from dataclasses import dataclass, field
from functools import partial
from uuid import uuid4

from socialcron import log
from socialcron.batches.signals import watched_signals
from socialcron.errors import AuthExpired, ConfigError, PlatformError, ServiceUnavailable, SocialcronError
from socialcron.exitcodes import ExitCode
from socialcron.settings import Settings
from socialcron.store import monitoring, runs
from socialcron.store.engine import Database
from socialcron.store.monitoring import DueProfile, WatchedProfile

COMMAND = "trigger-monitoring"
OUTCOMES = ("completed", "cut_short", "failed", "released")


@dataclass(frozen=True, slots=True, kw_only=True)
class Options:
    """profile_id: only this profile, which somebody has requested."""

    limit: int
    concurrency: int
    max_runtime_seconds: float
    platforms: list[str] | None = None
    profile_id: int | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class Summary:
    """What a run did: one outcome per claimed profile. posts: different ones of each profile."""

    outcomes: Counter[str] = field(default_factory=Counter)
    pages: int = 0
    posts: int = 0
    interrupted: bool = False

    @property
    def idle(self) -> bool:
        return not self.outcomes.total()

    @property
    def data(self) -> dict[str, int]:
        counts = {name: self.outcomes[name] for name in OUTCOMES}
        return {"claimed": self.outcomes.total(), **counts, "pages": self.pages, "posts": self.posts}

    def as_line(self) -> str:
        parts = ", ".join(
            f"{self.outcomes[name]} {name.replace('_', ' ')}" for name in OUTCOMES if self.outcomes[name]
        )
        return f"{self.outcomes.total()} claimed: {parts}; {self.posts} posts on {self.pages} pages"

    @property
    def exit_code(self) -> ExitCode:
        return ExitCode.INTERRUPTED if self.interrupted else ExitCode.OK

    @property
    def strict_exit_code(self) -> ExitCode:
        return ExitCode.ITEM_FAILED if self.outcomes["failed"] and not self.interrupted else self.exit_code


def run(db: Database, settings: Settings, options: Options) -> Summary:
    """Raises ConfigError without a usable API key, ServiceUnavailable when the credits are used up.

    Also DatabaseUnavailable, when the database went away.
    """
    started = time.monotonic()
    if not monitoring.profiles_due(db):
        runs.heartbeat(db, COMMAND)
        return Summary()
    summary, error = _work(db, settings, options)
    if summary.idle and error is None:
        runs.heartbeat(db, COMMAND)
        return summary
    runs.record_run(
        db,
        COMMAND,
        duration_seconds=time.monotonic() - started,
        exit_code=error.exit_code if error else summary.exit_code,
        outcome=summary.data,
        error=log.redact(str(error)) if error else None,
    )
    if error:
        raise error
    return summary


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
