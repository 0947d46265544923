"""What the stand-ins share: accounts, tokens, posts, rate limits, and the way from a request to its answer.

A platform is a subclass of `Platform` with a table of `Route`s. Handlers run under the platform's lock, so that
what they do to the state is one step, whatever else goes on; they raise `Refusal` for every answer but success.
"""

from __future__ import annotations

import re
import threading
import time
from abc import ABC, abstractmethod
from collections import Counter
from collections.abc import Callable, Iterator, Mapping
from contextlib import AbstractContextManager, nullcontext
from dataclasses import dataclass, field
from http.client import HTTPException
from typing import Any, ClassVar
from urllib.parse import urlsplit
from urllib.request import ProxyHandler, build_opener
from zlib import crc32

from socialcron.sandbox.audience import Audience, audience
from socialcron.sandbox.faults import Faults
from socialcron.sandbox.wire import Reply, Request


class Refusal(Exception):
    """The platform answers with something other than success."""

    def __init__(self, reply: Reply) -> None:
        super().__init__(reply.status)
        self.reply = reply


@dataclass(slots=True)
class Account:
    """`options` are per platform, as given when the account was made."""

    id: str
    handle: str
    options: dict[str, Any] = field(default_factory=dict)
    posts: list[Post] = field(default_factory=list)  # oldest first, without deleted ones
    extra: dict[str, Any] = field(default_factory=dict)  # what one platform keeps of an account


@dataclass(slots=True)
class Token:
    """`secret` is OAuth 1.0a's. `expires_at` is the sandbox's clock; None: never."""

    value: str
    account: Account
    kind: str = "access"  # access, refresh, oauth1
    secret: str = ""
    expires_at: float | None = None
    scopes: frozenset[str] | None = None  # None: all
    extra: dict[str, Any] = field(default_factory=dict)


@dataclass(slots=True)
class Post:
    """`key`: Idempotency-Key or rkey. `body`: as the platform serves it. Hidden posts show in no listing yet."""

    id: str
    account: Account
    text: str
    created_at: float
    media: tuple[str, ...] = ()
    reply_to: str | None = None
    key: str | None = None
    body: dict[str, Any] = field(default_factory=dict)
    deleted: bool = False
    hidden_until: float = 0.0
    hidden_looks: int = 0

    def public(self) -> dict[str, Any]:
        """As /_sandbox/state shows it."""
        return {
            "id": self.id,
            "account": self.account.handle,
            "text": self.text,
            "created_at": self.created_at,
            "media": list(self.media),
            "reply_to": self.reply_to,
            "key": self.key,
            "deleted": self.deleted,
        }


@dataclass(frozen=True, slots=True)
class Limit:
    """At most `most` points in each window of `seconds`."""

    most: int
    seconds: int


@dataclass(frozen=True, slots=True)
class Route:
    """One endpoint. `{name}` in the template matches one path segment.

    visible: makes, changes or deletes a post. family: of the rate limits; None: not limited. cost: points of it.
    scope: what the token must be allowed. login False: no token needed.
    """

    method: str
    template: str
    handler: Callable[[Any, Request], Reply]
    visible: bool = False
    family: str | None = "read"
    cost: int = 1
    scope: str | None = None
    login: bool = True

    @property
    def pattern(self) -> re.Pattern[str]:
        return re.compile(re.sub(r"\{(\w+)\}", r"(?P<\1>[^/]+)", self.template))


class Clock:
    """Real time plus what tests advanced."""

    def __init__(self) -> None:
        self.ahead_seconds = 0.0

    def now(self) -> float:
        return time.time() + self.ahead_seconds


class Platform(ABC):
    """One stand-in. Subclasses give `routes`, `limits` and the hooks below."""

    routes: ClassVar[tuple[Route, ...]] = ()
    limits: ClassVar[Mapping[str, tuple[Limit, ...]]] = {}  # family -> limits; headers speak of the tightest
    # Attributes that POST /_sandbox/settings may set.
    switches: ClassVar[tuple[str, ...]] = ("limited", "counts_hidden")

    def __init__(
        self, name: str, clock: Clock, faults: Faults, *, base_url: str, limited: bool = True
    ) -> None:
        """limited False: rate limits are announced but never bite."""
        self.name = name
        self.base_url = base_url
        self.clock = clock
        self.faults = faults
        self.limited = limited
        self.counts_hidden = False  # posts are served without views, likes, ...
        self.lock = threading.RLock()
        self.accounts: dict[str, Account] = {}  # by handle
        self.accounts_by_id: dict[str, Account] = {}
        self.tokens: dict[str, Token] = {}
        self.posts: dict[str, Post] = {}
        self.requests: Counter[str] = Counter()  # "POST /api/v1/statuses" -> times
        self.answers: Counter[str] = Counter()  # "POST /api/v1/statuses 200" -> times
        self._windows: dict[
            tuple[str, str, int], list[float]
        ] = {}  # (who, family, seconds) -> [reset_at, spent]
        self._last_number = 0
        self._fixed = {
            (route.method, route.template): route for route in self.routes if "{" not in route.template
        }
        self._patterned = [(route, route.pattern) for route in self.routes if "{" in route.template]

    # Hooks of the platforms.

    @abstractmethod
    def error(self, status: int, message: str = "", kind: str = "") -> Reply:
        """An error in the platform's own form; `kind` is what the platform calls it, where it names errors."""

    def token_of(self, request: Request) -> Token | None:
        """The token a request carries, valid or not; None when it carries none we know. Uses nothing up."""
        return self.known_token(request.bearer)

    def authenticate(self, request: Request) -> Token:
        """The valid token of the request. Raises Refusal."""
        token = self.token_of(request)
        if token is None or token.kind != "access" or (token.expires_at or self.now() + 1) <= self.now():
            raise self.refusal(401)
        return token

    def expire(self, request: Request) -> Reply:
        """End the request's access token, where tokens end, and answer as the platform then does."""
        token = self.token_of(request)
        if token and token.expires_at is not None:
            token.expires_at = self.now()
        return self.error(401)

    def _account(self, handle: str) -> Account:
        """Make the account of a handle that has none."""
        return self.add_account(Account(str(self.next_number(8)), handle))

    @abstractmethod
    def limit_headers(self, limit: Limit, remaining: int, reset_at: float, blocked: bool) -> dict[str, str]:
        """The platform's headers about a limit; `blocked` on a 429."""

    @abstractmethod
    def new_account(self, handle: str, *args: Any, **options: Any) -> dict[str, Any]:
        """Make an account and return the credentials that `accounts add` takes. Raises ValueError."""

    def admit(self, request: Request, route: Route) -> AbstractContextManager[None]:
        """Held from before the platform works on a request until it has; may raise Refusal."""
        return nullcontext()

    # What the server calls.

    def route(self, method: str, path: str) -> tuple[Route | None, dict[str, str]]:
        if route := self._fixed.get((method, path)):
            return route, {}
        for route, pattern in self._patterned:
            if route.method == method and (found := pattern.fullmatch(path)):
                return route, found.groupdict()
        return None, {}

    def answer(self, request: Request, route: Route | None) -> Reply:
        """Act on the request."""
        if route is None:
            return self.error(404, "Not Found")
        label = f"{route.method} {route.template}"
        headers: dict[str, str] = {}
        try:
            with self.lock:
                self.requests[label] += 1
                if request.method in ("GET", "DELETE") and request.body:
                    raise self.refusal(400, f"{request.method} requests have no body")
                if route.login:
                    request.token = self.authenticate(request)
                    request.account = request.token.account
                    self._check_scope(request.token, route)
                if route.family:
                    headers = self.spend(request, route.family, route.cost)
            with self.admit(request, route):
                if request.slow_seconds:
                    time.sleep(request.slow_seconds)
                with self.lock:
                    reply = route.handler(self, request)
        except Refusal as refusal:
            reply = refusal.reply
        reply.headers = headers | reply.headers
        with self.lock:
            self.answers[f"{label} {reply.status}"] += 1
        return reply

    def too_many(self, request: Request, retry_after: float = 1.0) -> Reply:
        """429 as if the limit were used up until `retry_after` seconds from now."""
        limit = next(iter(self.limits.values()))[0]
        reply = self.error(429)
        reply.headers |= self.limit_headers(limit, 0, self.clock.now() + retry_after, True)
        return reply

    def state(self) -> dict[str, Any]:
        with self.lock:
            live = [post for post in self.posts.values() if not post.deleted]
            return {
                "base_url": self.base_url,
                "accounts": [
                    {"id": account.id, "handle": account.handle, "posts": len(account.posts)}
                    for account in self.accounts.values()
                ],
                "posts": [post.public() for post in self.posts.values()],
                "posts_by_text": dict(Counter(post.text for post in live)),
                "requests": dict(self.requests),
                "answers": dict(self.answers),
            }

    # What handlers use.

    def refusal(self, status: int, message: str = "", kind: str = "") -> Refusal:
        return Refusal(self.error(status, message, kind))

    def now(self) -> float:
        return self.clock.now()

    def next_number(self, shift: int, epoch_ms: int = 0) -> int:
        """A number that only grows: milliseconds since the epoch given, shifted left, as snowflake ids are.

        Two servers of one kind (mastodon, mastodon-nokey) do not draw the same one in the same millisecond.
        """
        drawn = ((int(self.now() * 1000) - epoch_ms) << shift) + crc32(self.name.encode()) % (1 << shift)
        self._last_number = max(self._last_number + 1, drawn)
        return self._last_number

    def fetch(self, url: str) -> bytes | None:
        """What a media URL holds, as platforms fetch it; None for addresses other than loopback: believed unseen.

        Raises ValueError when it is no http(s) URL or cannot be had.
        """
        parts = urlsplit(url)
        if parts.scheme not in ("http", "https") or not parts.hostname:
            raise ValueError(f"{url!r} is not a URL")
        if parts.hostname not in ("127.0.0.1", "localhost", "::1"):
            if parts.scheme != "https":
                raise ValueError(f"{url!r} is not an https URL")
            return None
        try:
            with build_opener(ProxyHandler({})).open(url, timeout=10.0) as answer:
                data: bytes = answer.read()
                return data
        except (OSError, HTTPException) as exc:
            raise ValueError(f"{url!r} cannot be fetched: {exc}") from exc

    def add_account(self, account: Account) -> Account:
        self.accounts[account.handle] = self.accounts_by_id[account.id] = account
        return account

    def named_account(self, handle: str) -> Account:
        """The account of that handle, made if there is none."""
        return self.accounts.get(handle) or self._account(handle)

    def known_token(self, value: str) -> Token | None:
        """The token of that value. "sandbox-HANDLE" is one of that account, without further ado."""
        if value not in self.tokens and value.startswith("sandbox-"):
            self.add_token(Token(value, self.named_account(value.removeprefix("sandbox-"))))
        return self.tokens.get(value)

    def add_token(self, token: Token) -> Token:
        self.tokens[token.value] = token
        return token

    def add_post(self, post: Post, request: Request) -> Post:
        """Make a post visible, in listings perhaps later."""
        lag = self.faults.pick(
            ("lagging_listing",), self.name, post.account.handle, request.method, request.path, True
        )
        if lag:
            post.hidden_until = self.now() + lag.seconds if lag.seconds else 0.0
            post.hidden_looks = lag.looks
        self.posts[post.id] = post
        post.account.posts.append(post)
        return post

    def delete_post(self, post: Post) -> None:
        post.deleted = True
        post.account.posts.remove(post)

    def seen_by(self, post: Post) -> Audience | None:
        """What people did with the post by now; None while counts are hidden."""
        return None if self.counts_hidden else audience(post, self.now())

    def listed(self, account: Account) -> Iterator[Post]:
        """The account's posts that a listing shows, newest first."""
        now = self.now()
        for post in reversed(account.posts):
            if post.hidden_looks:
                post.hidden_looks -= 1
            elif post.hidden_until <= now:
                yield post

    def _check_scope(self, token: Token, route: Route) -> None:
        if route.scope and token.scopes is not None and route.scope not in token.scopes:
            raise self.refusal(403, "This action is outside the authorized scopes")

    def spend(self, request: Request, family: str, cost: int = 1) -> dict[str, str]:
        """Take `cost` points of a family; returns the headers. Raises Refusal when there are not so many left."""
        who = request.account.id if request.account else "-"
        now = self.now()
        tightest: tuple[float, Limit, int, float] | None = None
        for limit in self.limits[family]:
            window = self._windows.setdefault((who, family, limit.seconds), [0.0, 0])
            if window[0] <= now:
                window[:] = [now + limit.seconds, 0]
            spent = window[1] + cost
            if self.limited and spent > limit.most:
                refusal = Refusal(self.error(429))
                refusal.reply.headers |= self.limit_headers(limit, 0, window[0], True)
                raise refusal
            window[1] = spent
            remaining = max(0, limit.most - int(spent)) if self.limited else limit.most
            share = remaining / limit.most
            if tightest is None or share < tightest[0]:
                tightest = share, limit, remaining, window[0]
        assert tightest is not None
        return self.limit_headers(tightest[1], tightest[2], tightest[3], False)


def media_type(data: bytes) -> str | None:
    """The media type that the bytes themselves show; None when it is none we know."""
    if data[4:8] == b"ftyp":
        return "video/quicktime" if data[8:10] == b"qt" else "video/mp4"
    if data[:4] == b"RIFF" and data[8:12] == b"WEBP":
        return "image/webp"
    signatures = {
        b"\xff\xd8\xff": "image/jpeg",
        b"\x89PNG\r\n\x1a\n": "image/png",
        b"GIF87a": "image/gif",
        b"GIF89a": "image/gif",
        b"\x1a\x45\xdf\xa3": "video/webm",
    }
    return next((kind for mark, kind in signatures.items() if data.startswith(mark)), None)
