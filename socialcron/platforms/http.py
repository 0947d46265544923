"""The only importer of the HTTP library: deadlines, size caps, error mapping, the one way to make something visible.

Three verbs, because what may follow a failure differs:

- `Session.read`   asks; any failure is `Unavailable` and a few quick repeats are safe.
- `Session.upload` changes something nobody can see (media, containers, tokens); never repeated here.
- `Session.write`  makes something visible. Once its first byte may have left, every end that is not one of the
  `REFUSALS` is `OutcomeUnknown`, and `Session.visible` stays "open", whatever an adapter does with the error.

httpx times out single socket operations; a server that drips a byte a second outlives any of them. `_DeadlineStream`
gives each operation only what is left of the request's total deadline, which therefore holds for the whole exchange.
"""

from __future__ import annotations

import json as jsonlib
import math
import re
import socket
import ssl
import threading
import time
from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass, field, replace
from datetime import UTC, datetime
from email.utils import parsedate_to_datetime
from functools import cached_property
from http.cookiejar import DefaultCookiePolicy
from typing import Any, Literal, TypeVar

import httpcore
import httpx

from socialcron.errors import (
    LONGEST_WAIT_SECONDS,
    AuthExpired,
    OutcomeUnknown,
    PlatformError,
    PlatformFailure,
    Unavailable,
)
from socialcron.model import LimitSeen
from socialcron.platforms.base import App

_T = TypeVar("_T")

# PROTOCOL 3.4: answers that prove the platform did not do it. Everything else but a 2xx with an id is unknown.
REFUSALS = frozenset({400, 401, 403, 404, 410, 413, 415, 422, 429})
MAX_ANSWER_BYTES = 4 * 1024 * 1024
READ_SECONDS = 30.0
UPLOAD_SECONDS = 300.0
_UNSENDABLE = re.compile(rb"[\x00-\x08\x0a-\x1f\x7f-\xff]|^\s|\s$")  # in a header's value
IDLE_SECONDS = 5.0  # a connection idle for longer may be half closed; a write on it could vanish
USER_AGENT = "socialcron (+https://pypi.org/project/socialcron/)"


def now_seconds() -> float:
    """Seconds on a clock that goes on while the host is suspended, so that a woken process knows it is late."""
    return time.clock_gettime(time.CLOCK_BOOTTIME) if hasattr(time, "CLOCK_BOOTTIME") else time.monotonic()


class NeedsNetwork(Exception):
    """An adapter was asked to do without, and cannot."""


class _Exchange(threading.local):
    """What the socket layer must know about the request its thread is making."""

    deadline: float = float("inf")  # on `now_seconds`
    started: bool = False  # a byte may have left


_exchange = _Exchange()


class _DeadlineStream(httpcore.NetworkStream):
    def __init__(self, stream: httpcore.NetworkStream) -> None:
        self._stream = stream

    def _left(self, timeout: float | None) -> float:
        left = _exchange.deadline - now_seconds()
        if left <= 0:
            raise (
                httpcore.ReadTimeout("the deadline is over")
                if _exchange.started
                else httpcore.ConnectTimeout("the deadline was over before the request could start")
            )
        return left if timeout is None else min(timeout, left)

    def read(self, max_bytes: int, timeout: float | None = None) -> bytes:
        return self._stream.read(max_bytes, self._left(timeout))

    def write(self, buffer: bytes, timeout: float | None = None) -> None:
        left = self._left(timeout)
        # Each time, not once at connecting: an upload with minutes to spare may have opened this connection.
        for option in _user_timeout(left):
            self._stream.get_extra_info("socket").setsockopt(*option)
        _exchange.started = True
        self._stream.write(buffer, left)

    def close(self) -> None:
        self._stream.close()

    def start_tls(
        self, ssl_context: ssl.SSLContext, server_hostname: str | None = None, timeout: float | None = None
    ) -> httpcore.NetworkStream:
        return _DeadlineStream(self._stream.start_tls(ssl_context, server_hostname, self._left(timeout)))

    def get_extra_info(self, info: str) -> Any:
        return self._stream.get_extra_info(info)


class _DeadlineBackend(httpcore.NetworkBackend):
    def __init__(self) -> None:
        self._backend = httpcore.SyncBackend()

    def connect_tcp(
        self,
        host: str,
        port: int,
        timeout: float | None = None,
        local_address: str | None = None,
        socket_options: Iterable[Any] | None = None,
    ) -> httpcore.NetworkStream:
        left = max(_exchange.deadline - now_seconds(), 0.001)
        stream = self._backend.connect_tcp(
            host,
            port,
            min(timeout or left, left),
            local_address,
            [*(socket_options or ()), *_user_timeout(left)],
        )
        return _DeadlineStream(stream)


def _user_timeout(seconds: float) -> list[tuple[int, int, int]]:
    """TCP gives up on unacknowledged bytes when we do, so that the kernel cannot deliver them later."""
    option = getattr(socket, "TCP_USER_TIMEOUT", None)
    return [] if option is None else [(socket.IPPROTO_TCP, option, max(1, int(min(seconds, 3600.0) * 1000)))]


@dataclass(frozen=True, slots=False, kw_only=True)
class Answer:
    """A complete HTTP answer. `body` is empty when it exceeded 4 MiB or broke off; `broken` says why, else None."""

    status: int
    headers: Mapping[str, str]
    body: bytes
    broken: str | None = None
    # Of the request answered, so that `limits` and `explain` can tell endpoint families apart. The path is that before
    # it was signed: some platforms want the token in it.
    method: str = ""
    path: str = ""

    @property
    def ok(self) -> bool:
        return 200 <= self.status < 300

    @cached_property
    def json(self) -> Any:
        """The parsed body; None when it is not JSON (HTML from a proxy, an empty or truncated body)."""
        try:
            return jsonlib.loads(self.body)
        except (ValueError, RecursionError):
            return None

    @property
    def retry_after(self) -> float | None:
        """Retry-After in seconds, a month at most, from either of its two forms; None when absent or unreadable."""
        value = self.headers.get("retry-after")
        if not value:
            return None
        try:
            seconds = float(value)
        except ValueError:
            try:
                return self.seconds_until(parsedate_to_datetime(value))
            except (ValueError, TypeError, OverflowError):
                return None
        return min(max(seconds, 0.0), LONGEST_WAIT_SECONDS) if math.isfinite(seconds) else None

    @property
    def date(self) -> datetime | None:
        """When the server answered, by its own clock, in UTC; ours may be hours off. None: it did not say."""
        try:
            return parsedate_to_datetime(self.headers.get("date", "")).astimezone(UTC)
        except (ValueError, TypeError, OverflowError):
            return None

    def seconds_until(self, moment: datetime) -> float:
        """From the answer to a moment that the server named, a month at most; 0 for one that has passed."""
        seconds = (moment - (self.date or datetime.now(UTC))).total_seconds()
        return min(max(seconds, 0.0), LONGEST_WAIT_SECONDS)


class Http:
    """One connection pool for a run, shared by its threads. `transport` replaces the network in contract tests."""

    def __init__(self, *, max_connections: int = 20, transport: httpx.BaseTransport | None = None) -> None:
        if transport is None:
            context = httpx.create_ssl_context()  # 40 ms of reading certificates; once is enough
            transport = httpx.HTTPTransport(verify=context)
            # httpx has no parameter for the network backend; its transport is a thin shell around this pool.
            transport._pool = httpcore.ConnectionPool(
                ssl_context=context,
                max_connections=max_connections,
                max_keepalive_connections=max_connections,
                keepalive_expiry=IDLE_SECONDS,
                retries=0,
                network_backend=_DeadlineBackend(),
            )
        self._client = httpx.Client(  # nosec B113  # each exchange brings the timeouts of its deadline
            transport=transport, follow_redirects=False, headers={"user-agent": USER_AGENT}, timeout=None
        )
        # The pool serves many accounts of one server: a cookie of one must never go with the request of another.
        self._client.cookies.jar.set_policy(DefaultCookiePolicy(allowed_domains=[]))

    def close(self) -> None:
        self._client.close()

    def exchange(self, request: httpx.Request, deadline: float) -> Answer:
        """Send `request`, return the answer. `deadline` is on `now_seconds`.

        Raises httpx errors; `_exchange.started` then tells whether a byte may have left.
        """
        _exchange.deadline, _exchange.started = deadline, False
        try:
            left = deadline - now_seconds()
            if left <= 0:
                raise httpx.ConnectTimeout("the deadline was over before the request could start")
            request.extensions["timeout"] = {
                "connect": min(left, 20.0),
                "read": left,
                "write": left,
                "pool": left,
            }
            response = self._client.send(request, stream=True)
            try:
                return _read(response)
            finally:
                response.close()
                # httpx lets a response and its stream hold each other, and with them the request's body, until the
                # garbage collector comes by: 40 MB after as many chunks of an upload.
                response.stream = httpx.ByteStream(b"")
        finally:
            _exchange.deadline = float("inf")

    def build(self, method: str, url: str, **parts: Any) -> httpx.Request:
        return self._client.build_request(method, url, **parts)


def _read(response: httpx.Response) -> Answer:
    headers = {name.lower(): value for name, value in response.headers.items()}
    body, broken = bytearray(), None
    try:
        for chunk in response.iter_bytes():
            body += chunk
            if len(body) > MAX_ANSWER_BYTES:
                body, broken = bytearray(), f"the answer is larger than {MAX_ANSWER_BYTES // 2**20} MiB"
                break
    except httpx.HTTPError as exc:
        body, broken = bytearray(), f"the answer broke off ({type(exc).__name__})"
    return Answer(
        status=response.status_code,
        headers=headers,
        body=bytes(body),
        broken=broken,
        method=response.request.method,
        path=response.request.extensions.get("path", response.request.url.path),
    )


@dataclass(slots=True, kw_only=True)
class Session:
    """Requests as one account. Made by `Adapter.connect`, used by one thread for one call of the adapter.

    authorize: signs a request in place. explain: a non-2xx answer -> an error of our tree. limits: what an answer
    says about rate limits. `seen` collects those for the batch to store.
    """

    base_url: str
    where: str  # names platform and account in messages
    http: Http
    authorize: Callable[[httpx.Request], None]
    explain: Callable[[Answer], PlatformError]
    limits: Callable[[Answer], Iterable[LimitSeen]]
    account_id: str | None = None  # the platform's id of the account, where the adapter needs it
    settings: Mapping[str, Any] = field(default_factory=dict)
    app: App = field(default_factory=App)
    write_deadline: float | None = None  # on `now_seconds`; set by the batch before it commits `sending`
    seen: list[LimitSeen] = field(default_factory=list)
    # What an adapter read once and may rely on for the rest of this run (limits, own id); shared by its sessions.
    memo: dict[str, Any] = field(default_factory=dict)
    offline: bool = False  # any request raises NeedsNetwork
    visible: Literal["unsent", "open", "refused"] = "unsent"

    def once(self, what: str, ask: Callable[[Session], _T]) -> _T:
        """`ask(session)`, asked once in a run of the same account."""
        if what not in self.memo:
            self.memo[what] = ask(self)
        answer: _T = self.memo[what]
        return answer

    def read(
        self,
        method: str,
        path: str,
        *,
        accept: Iterable[int] = (),
        seconds: float = READ_SECONDS,
        tries: int = 3,
        **parts: Any,
    ) -> Answer:
        """Ask something; 2xx or a status in `accept` comes back, all else raises. Quick repeats on network trouble.

        seconds: for all `tries` together. Here and below: `path` is below `base_url`, or a whole URL. signed=False
        leaves the credentials out, for addresses the platform gave us that carry a signature of their own. Other parts
        are httpx's.
        """
        from tenacity import Retrying, retry_if_exception_type, stop_after_attempt, wait_exponential_jitter

        retrying = Retrying(
            retry=retry_if_exception_type(Unavailable),
            stop=stop_after_attempt(tries),
            wait=wait_exponential_jitter(multiplier=0.1, max=1.0, jitter=0.1),
            reraise=True,
        )
        deadline = now_seconds() + seconds
        return retrying(self._invisible, method, path, deadline, frozenset(accept), parts)

    def upload(
        self,
        method: str,
        path: str,
        *,
        accept: Iterable[int] = (),
        seconds: float = UPLOAD_SECONDS,
        **parts: Any,
    ) -> Answer:
        """Change something nobody can see. Never repeated here; network trouble is Unavailable."""
        return self._invisible(method, path, now_seconds() + seconds, frozenset(accept), parts)

    def write(self, method: str, path: str, **parts: Any) -> Answer:
        """Make something visible: one request, one total deadline, no redirect, no repeat. Returns a 2xx answer.

        Raises Unavailable when provably nothing left this host, the adapter's error for one of `REFUSALS`,
        OutcomeUnknown for everything else. A 2xx without what the adapter needs leaves `visible` "open", too.
        """
        if self.visible == "open":
            raise OutcomeUnknown(f"{self.where}: a second visible write in one step was stopped")
        request = self._build(method, path, parts)
        deadline = self.write_deadline if self.write_deadline is not None else now_seconds() + 60.0
        self.visible = "open"
        try:
            answer = self.http.exchange(request, deadline)
        except httpx.HTTPError as exc:
            if (
                isinstance(exc, httpx.ConnectError | httpx.ConnectTimeout | httpx.PoolTimeout)
                and not _exchange.started
            ):
                self.visible = "unsent"
                raise Unavailable(f"{self.where}: could not be reached ({_why(exc)})") from exc
            raise OutcomeUnknown(f"{self.where}: no answer to the request ({_why(exc)})") from exc
        self._note_limits(answer)
        if answer.status in REFUSALS:
            self.visible = "refused"
            raise self.explain(answer)
        if not answer.ok:
            raise OutcomeUnknown(
                f"{self.where}: HTTP {answer.status} does not say what happened", http_status=answer.status
            )
        if answer.broken:
            raise OutcomeUnknown(
                f"{self.where}: HTTP {answer.status}, but {answer.broken}", http_status=answer.status
            )
        return answer

    def _note_limits(self, answer: Answer) -> None:
        date = answer.date
        self.seen.extend(replace(seen, answered_at=date) for seen in self.limits(answer))

    def _invisible(
        self, method: str, path: str, deadline: float, accept: frozenset[int], parts: dict[str, Any]
    ) -> Answer:
        try:
            answer = self.http.exchange(self._build(method, path, parts), deadline)
        except httpx.HTTPError as exc:
            raise Unavailable(f"{self.where}: {method} failed ({_why(exc)})") from exc
        self._note_limits(answer)
        if not answer.ok and answer.status not in accept:
            raise self.explain(answer)
        if answer.broken:
            raise PlatformFailure(f"{self.where}: {answer.broken}", retryable=True, http_status=answer.status)
        return answer

    def _build(self, method: str, path: str, parts: dict[str, Any]) -> httpx.Request:
        if self.offline:
            raise NeedsNetwork
        parts = dict(parts)
        signed = parts.pop("signed", True)
        url = path if path.startswith(("http://", "https://")) else self.base_url.rstrip("/") + path
        try:
            request = self.http.build(method, url, **parts)
        except (httpx.InvalidURL, ValueError) as exc:
            raise PlatformFailure(
                f"{self.where}: base_url is not a usable URL ({exc})", retryable=False
            ) from exc
        if request.url.scheme not in ("https", "http") or not request.url.host:
            raise PlatformFailure(f"{self.where}: base_url is not a usable URL", retryable=False)
        request.extensions["path"] = request.url.path
        try:
            if signed:
                self.authorize(request)
            sendable = not any(_UNSENDABLE.search(value) for _, value in request.headers.raw)
        except UnicodeEncodeError:
            sendable = False
        if not sendable:  # checked here because the library's own error would quote the token
            raise AuthExpired(
                f"{self.where}: the credentials hold a character that no request can carry",
                hint="Is there a line break at the end of the token? Store it again without.",
            ) from None
        return request


def _why(exc: httpx.HTTPError) -> str:
    """A library error as words; httpx texts hold host names and errno texts, never headers or bodies."""
    return f"{type(exc).__name__}: {exc}" if str(exc) else type(exc).__name__
