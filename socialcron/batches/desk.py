"""What the jobs of one run share: the database, the claim, the connections, and the commit that precedes a send."""

from __future__ import annotations

from collections.abc import Callable, Hashable, Mapping, Sequence
from contextlib import suppress
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from functools import cached_property
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any, TypeVar
from uuid import UUID

from tenacity import RetryCallState, Retrying, retry_if_exception_type, wait_exponential_jitter

from socialcron import log
from socialcron.batches.connection import Connection
from socialcron.errors import ConfigError, Conflict, DatabaseUnavailable, UsageError
from socialcron.platforms.http import Http, now_seconds
from socialcron.settings import Settings
from socialcron.store import posts
from socialcron.store.engine import Database
from socialcron.store.posts import ClaimedPost, SendRequest, Verdict
from socialcron.store.tokens import AccountRow

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


class Desk:
    """One per run. Implements the runner's Hooks. Belongs to the main thread, as the database does."""

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
            for connection in self.connections.values():
                connection.flush_limits()
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

    def begin_sending(self, requests: Sequence[SendRequest]) -> list[Permit]:
        deadline = now_seconds() + self.settings.send_deadline_seconds
        permits: dict[int, Permit] = {}
        ready: list[SendRequest] = []
        for request in requests:
            free = self._take(request.account_id)
            if free:
                ready.append(request)
            else:
                permits[request.attempt_id] = Permit(busy=free is None)
        permits |= self._commit_sending(ready, deadline)
        return [permits.get(request.attempt_id, Permit()) for request in requests]

    def _take(self, account_id: int) -> bool | None:
        """Whether the account is ours and may post; None when another run works it."""
        if account_id in self.held_accounts:
            return True
        free = posts.take_account(self.db, self.token, account_id, lease_seconds=self.settings.lease_seconds)
        if free is not None:
            self.held_accounts.add(account_id)
        return free

    def _commit_sending(self, requests: Sequence[SendRequest], deadline: float) -> dict[int, Permit]:
        if not requests:
            return {}
        try:
            verdicts = posts.begin_sending(
                self.db,
                self.token,
                requests,
                lease_seconds=self.settings.send_deadline_seconds + LEASE_MARGIN_SECONDS,
                duplicate_window_seconds=self.settings.duplicate_window_minutes * 60,
                breaker_per_hour=self.settings.breaker_per_hour,
            )
        except Conflict as exc:
            if len(requests) > 1:
                return {
                    attempt_id: permit
                    for request in requests
                    for attempt_id, permit in self._commit_sending([request], deadline).items()
                }
            return {requests[0].attempt_id: Permit(taken=exc.constraint == "publish_attempts_one_key")}
        except DatabaseUnavailable:
            if not self.db.is_broken:
                return {}  # rolled back for certain: a lock was not free in time, or a deadlock was broken
            # The commit may have happened without our hearing of it. Nothing was sent, so nothing is lost.
            attempt_ids = [request.attempt_id for request in requests]
            error = "the database went away before the send could start"
            self.fact(lambda: posts.record_not_sent(self.db, attempt_ids, error=error))
            raise
        return {
            attempt_id: Permit(verdict=verdict, deadline=deadline) for attempt_id, verdict in verdicts.items()
        }

    def lane_rests(self, lane: Hashable) -> None:
        """Nothing to do for an account right now: other runs may work it."""
        if lane in self.held_accounts:
            self.held_accounts.discard(lane)
            posts.release_accounts(self.db, self.token, [lane])

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
