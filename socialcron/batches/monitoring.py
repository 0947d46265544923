"""One of the hands of a monitoring run: takes a profile, reads it page by page, takes the next one.

A page and the cursor after it are stored together, so that whoever resumes a broken run reads no page twice and misses
none. What a profile costs is known to its owner in credits: a page is asked for three times at most.
"""

from __future__ import annotations

import random
from collections import Counter
from collections.abc import Callable, Generator, Sequence
from dataclasses import dataclass, field
from functools import partial
from typing import Any, TypeVar
from uuid import UUID

from socialcron import log
from socialcron.batches.runner import Call, Hooks, Request, Until, Work
from socialcron.errors import AuthExpired, PlatformError, PlatformFailure, RateLimited, Unavailable
from socialcron.model import ProfilePage
from socialcron.platforms import scrapecreators
from socialcron.platforms.http import Session, now_seconds
from socialcron.store import metrics, monitoring
from socialcron.store.engine import Database
from socialcron.store.monitoring import WatchedProfile

T = TypeVar("T")

PAUSE_SECONDS = 1.0  # between the pages of a profile
TRIES = 3  # of a page; a further one from another region, where there is one
RETRY_SECONDS = 5.0  # then twice as long
LONGEST_RETRY_SECONDS = 60.0  # who asks for more is asked again by the profile's next run


@dataclass(slots=True, kw_only=True)
class Book(Hooks):
    """What the hands of a run share. left: profiles that may still be claimed. stopped: why all of them end early."""

    db: Database
    token: UUID
    connect: Callable[[WatchedProfile], Session]
    left: int
    most_pages: int
    lease_seconds: float
    platforms: Sequence[str]
    profile_id: int | None = None
    outcomes: Counter[str] = field(default_factory=Counter)
    held: set[int] = field(default_factory=set)
    pages: int = 0
    posts: int = 0
    stopped: PlatformError | None = None

    def take(self) -> WatchedProfile | None:
        """The next profile that is due, requested ones first."""
        if self.stopped or not self.left:
            return None
        profile = monitoring.claim_profile(
            self.db,
            self.token,
            lease_seconds=self.lease_seconds,
            platforms=self.platforms,
            profile_id=self.profile_id,
        )
        if profile is not None:
            self.left -= 1
            self.held.add(profile.id)
            metrics.ensure_partitions(self.db, "profile_post_metrics", earliest=profile.read_at)
        return profile

    def ended(self, profile: WatchedProfile, outcome: str) -> None:
        self.held.discard(profile.id)
        self.outcomes[outcome] += 1

    def release(self, profile: WatchedProfile, exc: PlatformError | None = None) -> None:
        error = log.redact(str(exc))[:1000] if exc else None
        monitoring.release_profile(
            self.db, self.token, profile, error_class=exc.error_class if exc else None, error=error
        )
        self.ended(profile, "released")

    # --- hooks of the runner -----------------------------------------------------------------------------------------

    def tick(self) -> None:
        if self.held:
            monitoring.renew_leases(self.db, self.token, sorted(self.held), lease_seconds=self.lease_seconds)


class WatchJob:
    due = 0.0

    def __init__(self, book: Book, number: int) -> None:
        self._book = book
        self.lane = number
        self._profile: WatchedProfile | None = None

    def work(self) -> Work:
        while (profile := self._book.take()) is not None:
            self._profile = profile
            yield from self._watch(profile)
            self._profile = None
        return "done"

    def give_back(self) -> str:
        if self._profile is not None:
            self._book.release(self._profile)
        return "released"

    def _watch(self, profile: WatchedProfile) -> Generator[Request, Any, None]:
        walk = Walk(self._book, profile)
        try:
            yield from walk.to_the_end()
        except Lost:
            log.event("profile_lost", level=log.WARNING, platform=profile.platform, profile_id=profile.id)
            self._book.ended(profile, "released")
        except PlatformError as exc:
            if isinstance(exc, AuthExpired) or exc.http_status == scrapecreators.NO_CREDITS:
                # Not this profile's trouble: nobody's pages can be had. All wait where they are.
                self._book.stopped = self._book.stopped or exc
                self._book.release(profile, exc)
            else:
                if isinstance(exc, RateLimited | Unavailable):
                    # The provider's trouble: profiles that were not begun shall not fail of it.
                    self._book.left = 0
                self._finish(walk, exc)
        else:
            if walk.done:
                self._finish(walk, None)
            else:
                self._book.release(profile)

    def _finish(self, walk: Walk, exc: PlatformError | None) -> None:
        profile, note = walk.profile, walk.note
        outcome = "failed" if exc else "cut_short" if note else "completed"
        error = log.redact(str(exc))[:1000] if exc else note
        error_class = exc.error_class if exc else PlatformError.error_class if note else None
        mine = monitoring.finish_run(
            self._book.db,
            self._book.token,
            profile,
            status="failed" if exc else "completed",
            external_id=walk.external_id,
            error_class=error_class,
            error=error,
        )
        self._book.ended(profile, outcome if mine else "released")
        log.event(
            "profile_failed" if exc else "profile_read",
            level=log.INFO if outcome == "completed" else log.WARNING,
            platform=profile.platform,
            profile_id=profile.id,
            pages=walk.pages,
            error_class=error_class,
            error=error,
        )


class Lost(Exception):
    """Another run has the profile: our lease was over."""


class Walk:
    """A profile's pages, from wherever its run stands. note: why it ended before its end, if it did."""

    def __init__(self, book: Book, profile: WatchedProfile) -> None:
        self._book = book
        self.profile = profile
        self.pages, self.cursor, self.region = profile.pages, profile.cursor, profile.region
        self.external_id = profile.external_id
        self.note: str | None = None

    @property
    def done(self) -> bool:
        return self.pages > 0 and self.cursor is None

    def to_the_end(self) -> Generator[Request, Any, None]:
        """Or until the whole run stops. Raises Lost, PlatformError."""
        asked = {self.cursor}
        while not self.done and not self._book.stopped:
            page = yield from self._page()
            self.pages += 1
            self.cursor, self.note = page.cursor, page.cut_short or self.note
            self.external_id = self.external_id or page.external_id
            if self.cursor is not None and self.cursor in asked:
                self.cursor, self.note = None, "the list goes round in a circle"
            elif self.cursor is not None and self.pages >= self._book.most_pages:
                self.cursor = None
                self.note = f"only {self.pages} pages were read (SOCIALCRON_MONITORING_MAX_PAGES)"
            self._store(page)
            asked.add(self.cursor)
            if not self.done:
                yield Until(now_seconds() + PAUSE_SECONDS)

    def _store(self, page: ProfilePage) -> None:
        new_posts = monitoring.store_page(
            self._book.db, self._book.token, self.profile, page, cursor=self.cursor, region=self.region
        )
        if new_posts is None:
            raise Lost
        self._book.pages += 1
        self._book.posts += new_posts

    def _page(self) -> Generator[Request, Any, ProfilePage]:
        """The page at the cursor; from another region where this one fails, or is empty where something should be."""
        others = [region for region in scrapecreators.regions(self.profile.platform) if region != self.region]
        page, failure = None, None
        for region in (self.region, *others):
            try:
                found = yield from self._try(self._ask(region), tries=1 if region in others else TRIES)
            except PlatformFailure as exc:
                if not exc.retryable:
                    raise
                failure = failure or exc
                continue
            if not self._missing(found):
                self.region = region
                return found
            page = page or found
        if page is None:
            raise failure or AssertionError("unreachable")
        if not self.pages and (why := (yield from self._try(self._explain))):
            raise why
        return page

    def _missing(self, page: ProfilePage) -> bool:
        """An empty page is no news at the end of a list, but it is at its beginning, or with more announced."""
        return not page.posts and page.cursor is None and (not self.pages or page.cut_short is not None)

    def _ask(self, region: str | None) -> Callable[[Session], ProfilePage]:
        return partial(
            scrapecreators.read_page,
            platform=self.profile.platform,
            handle=self.profile.handle,
            cursor=self.cursor,
            region=region,
            external_id=self.profile.external_id,
        )

    def _explain(self, session: Session) -> PlatformError | None:
        return scrapecreators.explain_empty(session, self.profile.platform, self.profile.handle)

    def _try(self, ask: Callable[[Session], T], *, tries: int = TRIES) -> Generator[Request, Any, T]:
        """Waits 5 and 10 seconds in between, or as long as the provider says."""
        for number in range(1, tries + 1):
            try:
                answer: T = yield Call(partial(ask, self._book.connect(self.profile)))
                return answer
            except PlatformError as exc:
                wait = max(RETRY_SECONDS * 2 ** (number - 1), exc.retry_after or 0.0)
                if not exc.retryable or number == tries or wait > LONGEST_RETRY_SECONDS:
                    raise
                log.event(
                    "page_failed",
                    level=log.WARNING,
                    platform=self.profile.platform,
                    profile_id=self.profile.id,
                    attempt=number,
                    error_class=exc.error_class,
                    error=str(exc),
                )
            yield Until(now_seconds() + wait * random.uniform(1.0, 1.1))
        raise AssertionError("unreachable")
