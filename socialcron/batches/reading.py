"""One account's due readings: asked for in the platform's batches, at the pace its app is allowed."""

from __future__ import annotations

from collections import Counter
from collections.abc import Generator, Mapping, Sequence
from dataclasses import dataclass, field
from functools import partial
from itertools import groupby
from typing import Any
from uuid import UUID

from socialcron import log
from socialcron.backoff import backoff_seconds
from socialcron.batches.connection import Connection, Postponed
from socialcron.batches.ladder import Ladder
from socialcron.batches.runner import Request, Until, Work
from socialcron.errors import AuthExpired, PlatformError, RateLimited
from socialcron.model import Closed, Gone, Reading
from socialcron.platforms.base import OneByOne
from socialcron.platforms.http import now_seconds
from socialcron.store import metrics
from socialcron.store.engine import Database
from socialcron.store.metrics import DueReading
from socialcron.store.ratelimits import take_slots

MOST_TRIES = 4  # for one slot; then it is lost
RATE_LIMIT_SECONDS = 300.0  # a limit that does not say for how long
POSTPONED_SECONDS = 60.0
# 100 requests a minute per app, whatever the number of processes: bursts and rate together stay below it.
PER_MINUTE, BURST = 90, 10


@dataclass(slots=True, kw_only=True)
class Book:
    """Where the jobs of a run write what they learned."""

    db: Database
    token: UUID
    ladder: Ladder
    outcomes: Counter[str] = field(default_factory=Counter)
    requests: int = 0

    def store(self, readings: Mapping[int, Reading]) -> None:
        self.outcomes["read"] += metrics.store_readings(
            self.db, self.token, readings, slots=self.ladder.slots
        )

    def postpone(
        self,
        posts: Sequence[DueReading],
        outcome: str,
        *,
        retry_in_seconds: float | None = None,
        give_back: bool = False,
        gone: bool = False,
        stops: bool = False,
        exc: PlatformError | None = None,
    ) -> None:
        if posts:
            self.outcomes[outcome] += metrics.postpone_readings(
                self.db,
                self.token,
                [due.post_id for due in posts],
                slots=self.ladder.slots,
                retry_in_seconds=retry_in_seconds,
                give_back=give_back,
                gone=gone,
                stops=stops,
                error_class=exc.error_class if exc else None,
                error=log.redact(str(exc))[:1000] if exc else None,
            )


class ReadJob:
    """The due posts of one account, in the platform's batches."""

    def __init__(self, connection: Connection, book: Book, posts: Sequence[DueReading]) -> None:
        self._connection = connection
        self._adapter: Any = connection.adapter
        self._book = book
        self._left = list(posts)
        self.lane = connection.account.id
        self.due = -max(due.posted_at.timestamp() for due in posts)  # freshest first

    def work(self) -> Work:
        declared = self._adapter.declaration.metrics
        if declared is None:
            self._book.postpone(self._left, "released", stops=True)
            self._left = []
            return "released"
        size = declared.batch_size
        while self._left:
            batch = self._left[:size]
            try:
                yield from self._pace(declared.requests)
                self._book.requests += declared.requests
                read = partial(self._adapter.read_metrics, [due.remote_id for due in batch])
                found = yield from self._connection.call(read)
            except RateLimited as exc:
                seconds = exc.retry_after or RATE_LIMIT_SECONDS
                self._book.postpone(self._left, "released", retry_in_seconds=seconds, give_back=True, exc=exc)
                self._left = []
            except Postponed as exc:
                seconds = exc.retry_in_seconds or POSTPONED_SECONDS
                self._book.postpone(self._left, "released", retry_in_seconds=seconds, give_back=True)
                self._left = []
            except AuthExpired as exc:
                # It may be a scope that publishing does not need: the account is not disconnected for it.
                self._log("metrics_refused", exc)
                self._book.postpone(self._left, "failed", exc=exc)
                self._left = []
            except PlatformError as exc:
                if isinstance(exc, OneByOne) and size > 1:
                    size = 1
                    continue
                self._log("metrics_failed", exc)
                self._not_answered(batch, "failed", exc)
                self._left = self._left[len(batch) :]
            else:
                self._keep(batch, found)
                self._left = self._left[len(batch) :]
        return "done"

    def give_back(self) -> str:
        self._book.postpone(self._left, "released", retry_in_seconds=0.0, give_back=True)
        return "released"

    def _pace(self, requests: int) -> Generator[Request, Any, None]:
        """Wait for room in the bucket that all processes of this app share."""
        platform = self._connection.account.platform
        while not take_slots(
            self._book.db,
            f"{platform}:app:{self._connection.app_name}:metrics",
            platform=platform,
            family="metrics",
            slots=requests,
            seconds_per_slot=60.0 / PER_MINUTE,
            burst=BURST,
        ):
            yield Until(now_seconds() + requests * 60.0 / PER_MINUTE)

    def _keep(self, batch: Sequence[DueReading], found: Mapping[str, Reading | Gone | Closed]) -> None:
        readings = {
            due.post_id: reading for due in batch if isinstance(reading := found.get(due.remote_id), Reading)
        }
        if readings:
            self._book.store(readings)
        self._book.postpone(
            [due for due in batch if isinstance(found.get(due.remote_id), Gone)], "gone", gone=True
        )
        for due in batch:
            if isinstance(closed := found.get(due.remote_id), Closed):
                self._book.postpone([due], "closed", stops=True, exc=closed.error)
        self._not_answered([due for due in batch if due.remote_id not in found], "unanswered", None)

    def _not_answered(self, posts: Sequence[DueReading], outcome: str, exc: PlatformError | None) -> None:
        """Again after 2, 4, 8 minutes; then the slot is lost and the next one is waited for."""
        for tries, group in groupby(sorted(posts, key=lambda due: due.tries), key=lambda due: due.tries):
            final = tries >= MOST_TRIES or (exc is not None and not exc.retryable)
            seconds = None if final else backoff_seconds(tries, retry_after=exc.retry_after if exc else None)
            self._book.postpone(list(group), outcome, retry_in_seconds=seconds, exc=exc)

    def _log(self, name: str, exc: PlatformError) -> None:
        account = self._connection.account
        log.event(
            name,
            level=log.WARNING,
            platform=account.platform,
            account_id=account.id,
            error_class=exc.error_class,
            error=str(exc),
        )
