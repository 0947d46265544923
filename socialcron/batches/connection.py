"""One account in one run: its adapter, its tokens, and whether anything more may go out through it.

Tokens are refreshed under a lease in the database (PROTOCOL 7): one process asks the platform, the others wait for
what it stores. The new pair is stored before anybody uses it.
"""

from __future__ import annotations

from collections.abc import Callable, Generator
from contextlib import suppress
from dataclasses import replace
from functools import partial
from hashlib import sha256
from typing import TYPE_CHECKING, Any, TypeVar
from urllib.parse import urlsplit
from uuid import uuid4

from socialcron import log
from socialcron.batches.apps import app_for, with_defaults
from socialcron.batches.runner import Call, Request, Until
from socialcron.errors import LONGEST_WAIT_SECONDS, AuthExpired, PlatformError, RateLimited
from socialcron.model import Account, LimitSeen, Tokens
from socialcron.platforms import registry
from socialcron.platforms.base import App
from socialcron.platforms.http import NeedsNetwork, Session, now_seconds
from socialcron.store import ratelimits, tokens
from socialcron.store.tokens import AccountRow

if TYPE_CHECKING:
    from socialcron.batches.desk import Desk

T = TypeVar("T")

LAST_SECONDS = 120.0  # a token that ends during a send would cost an attempt
REFRESH_WAIT_SECONDS = 35.0  # a refresh takes 30 s at most
REFRESH_MINIMUM_SECONDS = 60.0
DEFAULT_BLOCK_SECONDS = 300.0  # a 429 that does not say for how long


class Postponed(Exception):
    """Nothing is wrong with the post; it goes back to the queue and this attempt does not count."""

    def __init__(self, reason: str, *, retry_in_seconds: float | None = None) -> None:
        super().__init__(reason)
        self.reason = reason
        self.retry_in_seconds = retry_in_seconds


class Connection:
    def __init__(self, desk: Desk, row: AccountRow) -> None:
        self._desk = desk
        self._memo: dict[str, Any] = {}
        self._limits: dict[str, LimitSeen] = {}
        self.adapter = registry.adapter(row.platform)
        self._renewed = False  # tried once in this run
        self.halted: str | None = None  # why nothing more of this account goes out in this run
        self._load(row)

    def _load(self, row: AccountRow) -> None:
        self._read_at = now_seconds()
        self._row, self._credentials = with_defaults(
            row, self._desk.open_credentials(row), self._desk.settings
        )
        self.account = Account(
            id=row.id,
            platform=row.platform,
            handle=row.handle,
            external_id=row.external_id,
            settings=self._row.settings,
        )

    # --- requests ------------------------------------------------------------------------------------------------

    def session(self) -> Session:
        """Signs as this account. Raises AuthExpired when the credentials lack a part."""
        session = self.adapter.connect(self.account, self._credentials, self._app(), self._desk.http)
        session.memo = self._memo
        return session

    @property
    def app_name(self) -> str:
        """What accounts share whose requests one app makes: the app, else the server. Names no secret."""
        if client_id := self._app().client_id:
            return sha256(client_id.encode()).hexdigest()[:12]
        url = self.account.settings.get("base_url") or self.adapter.declaration.default_base_url or ""
        return urlsplit(str(url)).netloc

    def _app(self) -> App:
        return app_for(self.account.platform, self._credentials, self.account.settings, self._desk.settings)

    def call(
        self, function: Callable[[Session], T], *, maybe_offline: bool = False
    ) -> Generator[Request, Any, T]:
        """Run an invisible `function` in a worker with a fresh session; a refused token is refreshed once.

        maybe_offline: it is quick, and may not need the network after all: then it takes no worker.

        Raises PlatformError, or Postponed while another process refreshes.
        """
        yield from self.freshen()
        for last in (False, True):
            version = self._row.token_version
            try:
                session = self.session()
                if maybe_offline:
                    with suppress(NeedsNetwork):
                        return function(replace(session, offline=True))
                try:
                    result: T = yield Call(partial(function, session))
                    return result
                finally:
                    self.note(session.seen)
            except AuthExpired as exc:
                # 403 is about rights: newer tokens have the same.
                if last or exc.http_status == 403 or not self.adapter.can_refresh(self._credentials):
                    raise
                yield from self.refresh(version)
        raise AssertionError("unreachable")

    # --- tokens --------------------------------------------------------------------------------------------------

    @property
    def token_version(self) -> int:
        return self._row.token_version

    def can_refresh(self) -> bool:
        return self.adapter.can_refresh(self._credentials)

    def freshen(self) -> Generator[Request, Any, None]:
        """Refresh a token that is over or nearly over; and, in good time, one that lives long.

        Not one that was issued a moment ago: it may be meant to be short, or the host that stored its end may have a
        slow clock. If it does not work, the platform will say so.
        """
        if self._row.token_seconds_left is None or self._row.just_refreshed or not self.can_refresh():
            return
        left = self._row.token_seconds_left - (now_seconds() - self._read_at)
        if left < LAST_SECONDS:
            yield from self.refresh(self._row.token_version)
        elif left < self._early_seconds and not self._renewed:
            self._renewed = True
            yield from self.renew(self._row.token_version)

    @property
    def _early_seconds(self) -> float:
        """How long before its end a token is renewed: as declared, but not one in the first half of its life."""
        lifetime = self._row.token_lifetime_seconds
        early = self.adapter.declaration.refresh_early_seconds
        return early if lifetime is None else min(early, lifetime / 2)

    def renew(self, seen_version: int) -> Generator[Request, Any, PlatformError | None]:
        """Try to have newer tokens while the old ones are good: trouble is returned and changes nothing."""
        try:
            yield from self.refresh(seen_version, disconnect=False)
        except PlatformError as exc:
            log.event(
                "token_not_renewed",
                level=log.WARNING,
                platform=self.account.platform,
                account_id=self.account.id,
                error=str(exc),
            )
            return exc
        except Postponed:
            pass  # another process is at it
        return None

    def refresh(self, seen_version: int, *, disconnect: bool = True) -> Generator[Request, Any, None]:
        """Have newer tokens than those of `seen_version`, by asking the platform or by waiting for who asks.

        Raises AuthExpired when a person must reconnect the account, Postponed when another process is too slow,
        and whatever else the platform's answer means; only AuthExpired disconnects, and only if `disconnect`: otherwise
        the old tokens are still good, and nobody waits for another process either.
        """
        db, account_id, claim = self._desk.db, self.account.id, uuid4()
        if self._row.token_version != seen_version:
            return
        app = self._app()
        minimum = REFRESH_MINIMUM_SECONDS
        if not tokens.claim_refresh(
            db, claim, account_id=account_id, token_version=seen_version, minimum_seconds=minimum
        ):
            if disconnect:
                yield from self._wait_for_other(seen_version)
            return
        account, credentials, http = self.account, self._credentials, self._desk.http
        try:
            fresh: Tokens = yield Call(partial(self.adapter.refresh, account, credentials, app, http))
            if not fresh.credentials.get("access_token"):
                raise AuthExpired(f"{account}: the platform returned no tokens")
        except PlatformError as exc:
            disconnected = tokens.end_refresh(
                db,
                claim,
                account_id=account_id,
                token_version=seen_version,
                disconnect=disconnect and isinstance(exc, AuthExpired),
                error=str(exc),
            )
            if disconnected:
                self._disconnected(str(exc))
            self._reload()
            if self._row.token_version != seen_version:
                return  # somebody else stored newer ones: our refusal was of the old
            raise
        sealed = self._desk.seal_credentials(fresh.credentials)
        self._desk.fact(
            lambda: tokens.store_tokens(
                db,
                account_id=account_id,
                token_version=seen_version,
                credentials=sealed,
                expires_at=fresh.expires_at,
                refresh_expires_at=fresh.refresh_expires_at,
            )
        )
        log.event("token_refreshed", platform=account.platform, account_id=account_id)
        self._reload()

    def _wait_for_other(self, seen_version: int) -> Generator[Request, Any, None]:
        give_up_at = now_seconds() + REFRESH_WAIT_SECONDS
        while True:
            self._reload()
            if self._row.token_version != seen_version:
                return
            if self._row.status != "active":
                raise AuthExpired(f"{self.account}: needs to be connected again")
            if not self._row.refreshing and self._row.just_refreshed:
                raise AuthExpired(f"{self.account}: the platform refuses the token it has just issued")
            if now_seconds() >= give_up_at:
                raise Postponed("another process is refreshing the token")
            yield Until(now_seconds() + 0.5)

    def _reload(self) -> None:
        rows = tokens.read_accounts(self._desk.db, [self.account.id])
        if self.account.id not in rows:
            raise Postponed("the account was removed")
        self._load(rows[self.account.id])

    def disconnect(self, error: AuthExpired) -> None:
        """The platform refuses the credentials we hold: a person must reconnect the account, unless one just did."""
        if tokens.disconnect_account(
            self._desk.db,
            account_id=self.account.id,
            token_version=self._row.token_version,
            error=str(error),
        ):
            self._disconnected(str(error))

    def _disconnected(self, error: str) -> None:
        self.halted = "needs_reconnect"
        log.event(
            "needs_reconnect",
            level=log.ERROR,
            platform=self.account.platform,
            account_id=self.account.id,
            error=error,
        )

    # --- rate limits ---------------------------------------------------------------------------------------------

    def note(self, seen: list[LimitSeen]) -> None:
        """Remember what answers said about limits; an exhausted publish limit stops the account until its reset."""
        for limit in seen:
            if limit.reset_at is not None and limit.answered_at is not None:  # two clocks, maybe hours apart
                limit = replace(limit, reset_at=self._desk.now() + (limit.reset_at - limit.answered_at))
            self._limits[limit.family] = limit
            if limit.family == "publish" and limit.remaining == 0 and limit.reset_at is not None:
                self.block((limit.reset_at - self._desk.now()).total_seconds())

    def limited(self, error: RateLimited) -> float:
        """A rate limit refused us: nothing more goes out before the returned number of seconds is over."""
        resets = [
            (limit.reset_at - self._desk.now()).total_seconds()
            for limit in self._limits.values()
            if limit.reset_at is not None and (limit.blocked or limit.remaining == 0)
        ]
        seconds = error.retry_after if error.retry_after is not None else max(resets, default=0.0)
        seconds = min(seconds, LONGEST_WAIT_SECONDS) if seconds > 0 else DEFAULT_BLOCK_SECONDS
        self.block(seconds)
        return seconds

    def block(self, seconds: float) -> None:
        if seconds > 0:
            self.halted = "rate_limited"
            ratelimits.block_account(
                self._desk.db, self.account.id, seconds=min(seconds, LONGEST_WAIT_SECONDS)
            )

    def limits_seen(self) -> list[tuple[Account, LimitSeen]]:
        """The last word on each limit, to be stored at the end of a run: nobody decides on it there."""
        return [(self.account, limit) for limit in self._limits.values()]
