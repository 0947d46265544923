"""What the jobs of one run share: the database, the claim, the connections, and the commit that precedes a send."""

from __future__ import annotations

from collections.abc import Callable, Collection, Mapping, Sequence
from contextlib import suppress
from dataclasses import dataclass, replace
from datetime import UTC, datetime, timedelta
from functools import cached_property, partial
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any, TypeVar
from uuid import UUID

from tenacity import RetryCallState, Retrying, retry_if_exception_type, wait_exponential_jitter

from socialcron import log
from socialcron.batches.connection import Connection
from socialcron.batches.runner import Hooks
from socialcron.errors import BadInput, ConfigError, Conflict, DatabaseUnavailable, UsageError
from socialcron.platforms.http import Http, now_seconds
from socialcron.settings import Settings
from socialcron.store import posts, ratelimits
from socialcron.store.engine import Database
from socialcron.store.posts import ClaimedPost, Draft, Fact, SendRequest, Verdict
from socialcron.store.tokens import AccountRow

S = TypeVar("S")
T = TypeVar("T")

RESTART_SECONDS = 10.0
LEASE_MARGIN_SECONDS = 30.0  # a send's lease outlives its deadline by this much


@dataclass(frozen=True, slots=True, kw_only=True)
class Permit:
    """The answer to a SendRequest. `deadline` (`now_seconds`) holds for a permitted send.

    busy: another run works the account; ask again soon. taken: the key we chose is another post's; draw a new one.
    verdict None without either: something stopped the post or its account since it was claimed.
    """

    verdict: Verdict | None = None
    deadline: float = 0.0
    busy: bool = False
    taken: bool = False


class Desk(Hooks):
    """One per run. Belongs to the main thread, as the database does."""

    def __init__(
        self, db: Database, settings: Settings, token: UUID, *, held_accounts: Sequence[int]
    ) -> None:
        self.db = db
        self.settings = settings
        self.token = token
        self.http = Http(max_connections=max(20, settings.concurrency * 2))
        self.held_posts: set[int] = set()
        self.held_accounts = set(held_accounts)
        self.connections: dict[int, Connection] = {}
        self.incomplete = 0  # posts whose later steps were refused for good
        self.key_error: ConfigError | None = None
        self.must_end_at = float("inf")  # `now_seconds`; facts are not retried beyond it
        self._clock = (datetime.now(UTC), now_seconds())
        self._folder: TemporaryDirectory[str] | None = None

    def connect(self, rows: Mapping[int, AccountRow]) -> None:
        """Make the connections of these accounts. One whose credentials cannot be opened is left out."""
        for row in rows.values():
            try:
                self.connections[row.id] = Connection(self, row)
            except ConfigError as exc:
                self.key_error = self.key_error or exc
            except UsageError as exc:
                log.event("unknown_platform", level=log.ERROR, account_id=row.id, error=str(exc))

    def set_clock(self, database_now: datetime) -> None:
        self._clock = (database_now, now_seconds())

    def now(self) -> datetime:
        """The database's clock; hosts may be skewed."""
        database_now, then = self._clock
        return database_now + timedelta(seconds=now_seconds() - then)

    def put_back(self, post: ClaimedPost) -> None:
        """Give a claimed post back untouched: this host cannot speak for its account, another one may."""
        error = "this host cannot use the account: its key or its platform is unknown here; see the log"
        if post.status in ("unconfirmed", "posted"):
            posts.postpone_look(self.db, self.token, post.id, 0, look_in_seconds=60.0, error=error)
        else:
            posts.return_post(
                self.db, self.token, post.id, give_back=True, retry_in_seconds=60.0, error=error
            )

    def close(self) -> None:
        with suppress(DatabaseUnavailable):
            seen = [limit for connection in self.connections.values() for limit in connection.limits_seen()]
            ratelimits.observe_limits(self.db, seen)
            posts.release_accounts(self.db, self.token, sorted(self.held_accounts))
        self.http.close()
        if self._folder is not None:
            self._folder.cleanup()

    @property
    def folder(self) -> Path:
        """Where remote media are fetched to; gone when the run ends."""
        if self._folder is None:
            self._folder = TemporaryDirectory(prefix="socialcron-")
        return Path(self._folder.name)

    # --- credentials ---------------------------------------------------------------------------------------------

    @cached_property
    def _key_ring(self) -> Any:
        from socialcron.store.secrets import KeyRing  # cryptography costs 20 ms, and the stub needs none

        return KeyRing(self.settings.secret_key)

    def open_credentials(self, row: AccountRow) -> dict[str, Any]:
        if row.credentials is None:
            return {}
        opened: dict[str, Any] = self._key_ring.decrypt(row.credentials, account_id=row.id)
        log.hide_credentials(opened)
        return opened

    def seal_credentials(self, credentials: Mapping[str, Any]) -> str:
        log.hide_credentials(credentials)
        sealed: str = self._key_ring.encrypt(dict(credentials))
        return sealed

    # --- facts ---------------------------------------------------------------------------------------------------

    def fact(self, record: Callable[[], T]) -> T:
        """Record something that has happened. A lost database is tried again for the rest of the lease.

        Recording is idempotent, so a lost commit answer does no harm. Raises DatabaseUnavailable when time is over:
        the phase in the database then still says that this step may be out.
        """
        try:
            return self._insist(record, seconds=self.settings.lease_seconds)
        except DatabaseUnavailable as exc:
            log.event("fact_not_recorded", level=log.ERROR, error=str(exc))
            raise

    def _insist(self, work: Callable[[], T], *, seconds: float) -> T:
        """Try again while the database is unavailable, for so long. `work` may be done twice."""
        give_up_at = now_seconds() + seconds

        def try_once() -> T:
            if self.db.is_broken:
                self.db.reconnect()
            return work()

        def over(_: RetryCallState) -> bool:
            return now_seconds() >= min(give_up_at, self.must_end_at)  # a signal may come while we try

        return Retrying(
            retry=retry_if_exception_type(DatabaseUnavailable),
            wait=wait_exponential_jitter(multiplier=0.1, max=5.0, jitter=0.1),
            stop=over,
            reraise=True,
        )(try_once)

    # --- hooks of the runner -------------------------------------------------------------------------------------

    def record(self, facts: Sequence[Fact]) -> list[str | Conflict | BadInput | None]:
        return one_by_one(lambda some: self.fact(lambda: posts.record_confirmed(self.db, some)), facts)

    def begin_sending(self, requests: Sequence[SendRequest]) -> list[Permit | Conflict | BadInput]:
        deadline = now_seconds() + self.settings.send_deadline_seconds
        permits: dict[int, Permit | Conflict | BadInput] = {}
        may_post = self._take({request.account_id for request in requests})
        ready: list[SendRequest] = []
        for request in requests:
            if may_post.get(request.account_id):
                ready.append(request)
            else:
                permits[request.post_id] = Permit(busy=request.account_id not in may_post)
        opened: list[SendRequest] = []
        for request, attempt in zip(ready, one_by_one(self._open, ready), strict=True):
            if isinstance(attempt, int):
                opened.append(replace(request, attempt=attempt))
            elif attempt is not None:
                permits[request.post_id] = attempt
        committed = one_by_one(partial(self._commit_sending, deadline=deadline), opened)
        for request, permit in zip(opened, committed, strict=True):
            if isinstance(permit, Conflict):
                permit = Permit(taken=permit.constraint == "publish_attempts_one_key")
            permits[request.post_id] = permit
        return [permits.get(request.post_id, Permit()) for request in requests]

    def _take(self, account_ids: set[int]) -> dict[int, bool]:
        """Which accounts are ours, and whether they may post; other runs work the others."""
        taken = dict.fromkeys(account_ids & self.held_accounts, True)
        if wanted := sorted(account_ids - self.held_accounts):
            taken |= posts.take_accounts(
                self.db, self.token, wanted, lease_seconds=self.settings.lease_seconds
            )
            self.held_accounts |= taken.keys()
        return taken

    def _open(self, requests: Sequence[SendRequest]) -> list[int | None]:
        """The attempts of these, now on record; None for one whose post is no longer ours."""
        drafts = [request.attempt for request in requests if isinstance(request.attempt, Draft)]
        opened = iter(posts.open_attempts(self.db, self.token, drafts) if drafts else ())
        return [next(opened) if isinstance(r.attempt, Draft) else r.attempt for r in requests]

    def _commit_sending(self, requests: Sequence[SendRequest], *, deadline: float) -> list[Permit]:
        try:
            verdicts = posts.begin_sending(
                self.db,
                self.token,
                requests,
                lease_seconds=self.settings.send_deadline_seconds + LEASE_MARGIN_SECONDS,
                duplicate_window_seconds=self.settings.duplicate_window_minutes * 60,
                breaker_per_hour=self.settings.breaker_per_hour,
            )
        except DatabaseUnavailable:
            if not self.db.is_broken:
                return [Permit()] * len(
                    requests
                )  # rolled back for certain: a lock was not free in time, a deadlock
            # The commit may have happened without our hearing of it. Nothing was sent, so nothing is lost.
            attempt_ids = [request.attempt for request in requests if isinstance(request.attempt, int)]
            error = "the database went away before the send could start"
            self.fact(lambda: posts.record_not_sent(self.db, attempt_ids, error=error))
            raise
        return [Permit(verdict=verdict, deadline=deadline) for verdict in verdicts]

    def lanes_rest(self, lanes: Collection[int]) -> None:
        """Nothing to do for these accounts right now: other runs may work them."""
        if resting := self.held_accounts.intersection(lanes):
            self.held_accounts -= resting
            posts.release_accounts(self.db, self.token, sorted(resting))

    def tick(self) -> None:
        """A restart of the database is over in seconds, and costs no more than the statement it hit."""
        mine = self._insist(self._renew_leases, seconds=RESTART_SECONDS if self.db.is_broken else 0.0)
        if lost := self.held_posts - mine:
            log.event("leases_not_renewed", level=log.WARNING, post_ids=sorted(lost))

    def _renew_leases(self) -> set[int]:
        return posts.renew_leases(
            self.db,
            self.token,
            post_ids=sorted(self.held_posts),
            account_ids=sorted(self.held_accounts),
            lease_seconds=self.settings.lease_seconds,
        )


def one_by_one(
    work: Callable[[Sequence[S]], Sequence[T]], items: Sequence[S]
) -> list[T | Conflict | BadInput]:
    """`work` on all items at once. If one of them spoils it, on each alone: the spoiler's error stands in its place."""
    try:
        return [*work(items)] if items else []
    except (Conflict, BadInput) as exc:
        if len(items) == 1:
            return [exc]
        return [answer for item in items for answer in one_by_one(work, [item])]
