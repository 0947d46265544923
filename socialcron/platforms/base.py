"""What every platform adapter offers, and the small helpers they share.

An adapter is a leaf: it turns a `Step` into HTTP requests and answers into values or errors of our tree. It holds
no state, opens no file but the media it is handed, knows neither database nor settings nor command line. The batch
calls `prepare` until it is `Ready`, stores what comes back after each call, commits the phase `sending`, and only then
calls `send_step` once. What a process that dies in between leaves behind is settled by `reconcile`.
"""

from __future__ import annotations

import base64
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import UTC, datetime
from typing import TYPE_CHECKING, Any, ClassVar, Literal, Protocol
from urllib.parse import urlsplit

from socialcron.errors import (
    AuthExpired,
    PlatformError,
    PlatformFailure,
    RateLimited,
    Rejected,
    Unavailable,
)
from socialcron.model import (
    Accepted,
    Account,
    Closed,
    Confirmed,
    Connectable,
    Gone,
    Identity,
    LimitSeen,
    Look,
    PreparedStep,
    Problem,
    Reading,
    Ready,
    Saved,
    Step,
    Tokens,
    Wait,
)

if TYPE_CHECKING:
    from socialcron.platforms.http import Answer, Http, Session

Means = Literal["client_id", "key", "handle", "listing", "none"]


@dataclass(frozen=True, slots=True, kw_only=True)
class Limit:
    """One documented number: where it was read and when, so that a reader can check it again."""

    name: str
    value: float
    unit: str
    source: str
    date: str  # ISO date of the reading


@dataclass(frozen=True, slots=True, kw_only=True)
class Credentials:
    """One accepted form of a platform's credentials JSON: every `required` key, any `optional` one, no other."""

    name: str
    required: tuple[str, ...]
    optional: tuple[str, ...] = ()


OAUTH2 = Credentials(
    name="OAuth 2.0",
    required=("access_token",),
    optional=("refresh_token", "expires_at", "client_id", "client_secret"),
)


@dataclass(frozen=True, slots=True, kw_only=True)
class MediaRule:
    """What one kind of attachment must be, as documented. None: no limit is known.

    use: the kind of post it holds for, in the adapter's own words ("reel", "story"); "" for all of them.
    by_url: the platform fetches it itself, from `Media.url`, so that nothing about it can be changed here.
    Ratios are width / height. The checks are in `platforms/rules.py`.
    """

    kind: Literal["image", "video", "audio", "document"]
    mime_types: frozenset[str]
    source: str
    date: str  # ISO date of the reading
    use: str = ""
    by_url: bool = False
    max_bytes: int | None = None
    min_bytes: int | None = None
    min_width: int | None = None
    max_width: int | None = None
    min_height: int | None = None
    max_height: int | None = None
    min_ratio: float | None = None
    max_ratio: float | None = None
    min_seconds: float | None = None
    max_seconds: float | None = None
    min_frame_rate: float | None = None
    max_frame_rate: float | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class Authorization:
    """How a person lets us act for an account: the authorization-code flow of OAuth 2.0 (RFC 6749 section 4.1).

    authorize_url: where the browser goes; a path when it is on the account's own server.
    pkce: how the code challenge is made: "S256" (RFC 7636), "S256-hex" (TikTok), None where it is not offered.
    parameters: further ones of the authorize URL. client_parameter: what the client id is called there.
    registers_app: servers of the platform give client id and secret to whoever asks (`Registering`).
    """

    authorize_url: str
    scopes: tuple[str, ...]
    scope_separator: str = " "
    pkce: Literal["S256", "S256-hex"] | None = None
    parameters: Mapping[str, str] = field(default_factory=dict)
    client_parameter: str = "client_id"
    registers_app: bool = False


@dataclass(frozen=True, slots=True, kw_only=True, repr=False)
class Grant:
    """What came back from the browser. code_verifier: of PKCE; None where it is not offered."""

    code: str
    redirect_uri: str
    code_verifier: str | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class Metrics:
    """What can be read of a post: of views, likes, comments, shares, saves, those in `counts`.

    batch_size: posts asked about at once. requests: the most that this takes.
    """

    batch_size: int
    counts: frozenset[str]
    requests: int = 1
    source: str
    date: str  # ISO date of the reading


@dataclass(frozen=True, slots=True, kw_only=True)
class Declaration:
    """A platform as data: printed by `platforms show`, read by the validator, the batch and the conformance tests."""

    name: str
    title: str
    documentation: str
    default_base_url: str | None  # None: every account names its own server
    features: frozenset[str]  # of: media, alt_text, link, thread, first_comment, poll, thumbnail
    limits: tuple[Limit, ...]
    credentials: tuple[Credentials, ...]  # empty: needs none
    media: tuple[MediaRule, ...] = ()
    # Names that `accounts add --set` takes, with one line of help.
    settings: Mapping[str, str] = field(default_factory=dict)
    # Names that a post's variant may hold as its `options`, with one line of help. They beat settings of that name.
    options: Mapping[str, str] = field(default_factory=dict)
    metrics: Metrics | None = None  # None: it tells nothing of a post
    authorization: Authorization | None = None  # None: tokens are made elsewhere and given to `accounts add`
    refresh_early_seconds: float = 120.0  # a token that ends sooner than this is refreshed before it is used
    reconcile: Means = "none"
    key_ttl_seconds: int | None = None  # how long after the first send a repeated key is still recognised
    settle_seconds: int = 120  # a listing may lag this long behind a write
    handle_ttl_seconds: int = 3600  # uploaded media older than this is uploaded again
    honest_limits: str = ""  # one sentence for operators

    def limit(self, name: str) -> float:
        return next(limit.value for limit in self.limits if limit.name == name)

    def base_url(self, settings: Mapping[str, Any]) -> str:
        """Where the platform is for an account with these settings; empty if it has to name a server and does not."""
        return str(settings.get("base_url") or self.default_base_url or "")

    def look_in_seconds(self, send_deadline_seconds: float) -> float | None:
        """How long after an unknown send to ask the platform first; None where it gives no means.

        A client-chosen id, a handle or a key makes asking at once harmless. A listing proves nothing until a request
        that is still under way must have arrived and shown itself.
        """
        if self.reconcile == "none":
            return None
        return float(send_deadline_seconds + self.settle_seconds) if self.reconcile == "listing" else 0.0


class Adapter(Protocol):
    """One platform. Methods raise only errors of the tree in `socialcron.errors`."""

    declaration: ClassVar[Declaration]

    def choose_key(self, seed: bytes, due_at: datetime, number: int) -> str:
        """The idempotency key or client-chosen id of a step. `seed`: 32 bytes, random per (post, revision, step)."""
        ...

    def validate(self, steps: Sequence[Step], settings: Mapping[str, Any]) -> list[Problem]:
        """All reasons why these steps of one post would be refused, without the network. Empty: none known.

        Media may be unfetched (size and type None): then only count and alt text can be judged.
        """
        ...

    def connect(self, account: Account, credentials: Mapping[str, Any], app: App, http: Http) -> Session:
        """A session that signs requests as this account. No network. Raises AuthExpired if credentials lack a part."""
        ...

    def prepare(self, step: Step, session: Session) -> Saved | Wait | Ready:
        """At most one invisible write (plus the reads it needs), then what to store.

        Raises RateLimited, Rejected, AuthExpired, Unavailable, PlatformFailure.
        """
        ...

    def send_step(self, step: PreparedStep, session: Session) -> Confirmed | Accepted:
        """The one visible request, through `session.write`, from the stored request and `step.media` alone.

        Raises RateLimited, Rejected, AuthExpired, Duplicate, Unavailable, OutcomeUnknown, PlatformFailure.
        """
        ...

    def reconcile(self, step: PreparedStep, session: Session) -> Look:
        """Ask the platform about a step whose outcome is unknown. Reads only; raises as reads do.

        A step that was confirmed provisionally is asked about the same way, until its match is final.
        """
        ...

    def can_refresh(self, credentials: Mapping[str, Any]) -> bool:
        """Whether `refresh` could turn these into working ones without a person."""
        ...

    def refresh(self, account: Account, credentials: Mapping[str, Any], app: App, http: Http) -> Tokens:
        """Fresh tokens, within 30 s. AuthExpired: only a person can help. Anything else: try again later.

        The result must be stored before it is used: a refresh token may be single-use.
        """
        ...

    def identify(self, session: Session) -> Identity:
        """Who the credentials belong to."""
        ...


class OneByOne(PlatformFailure):
    """This server has no batches, although its kind does: ask it about one post at a time."""


class Measuring(Adapter, Protocol):
    """An adapter whose declaration has `metrics`."""

    def read_metrics(
        self, remote_ids: Sequence[str], session: Session
    ) -> Mapping[str, Reading | Gone | Closed]:
        """Counts of own posts, at most `metrics.batch_size` of them, by id; one request where the platform has batches.

        A post that is missing was not answered about, and is asked about again. Reads only; raises as reads do, and
        `OneByOne` where this server has no batches; never for a single post.
        """
        ...


class Authorizing(Adapter, Protocol):
    """An adapter whose declaration has an `authorization`."""

    def connect_accounts(
        self, grant: Grant, app: App, settings: Mapping[str, Any], http: Http
    ) -> list[Connectable]:
        """Trade the code for tokens (long-lived ones, where there are two kinds) and say what they give access to.

        settings: of the account to be, `base_url` among them. An empty list: the person granted access to nothing
        that could post. Raises AuthExpired (a refused code), Unavailable, PlatformFailure.
        """
        ...


class Registering(Authorizing, Protocol):
    """An adapter whose authorization says `registers_app`."""

    def register_app(
        self, redirect_uri: str, scopes: Sequence[str], settings: Mapping[str, Any], http: Http
    ) -> App:
        """A new app of ours on the account's server (settings: `base_url`), for consents to `scopes` that lead there.

        Raises Unavailable, PlatformFailure.
        """
        ...


@dataclass(frozen=True, slots=True, kw_only=True, repr=False)
class App:
    """The registered application that acts: from the account's own credentials, else from settings. None: not set."""

    client_id: str | None = None
    client_secret: str | None = None


# --- helpers -----------------------------------------------------------------------------------------------------


def key_text(seed: bytes) -> str:
    """A printable key of 43 characters for platforms that take any string."""
    return base64.urlsafe_b64encode(seed).rstrip(b"=").decode()


def require(body: Any, key: str, kind: type | tuple[type, ...], where: str) -> Any:
    """`body[key]` if it has the right type; PlatformFailure naming the missing key otherwise."""
    value = body.get(key) if isinstance(body, Mapping) else None
    if not isinstance(value, kind) or (isinstance(value, str) and not value):
        raise PlatformFailure(f"{where}: the answer has no usable {key!r}", retryable=True)
    return value


def require_str(body: Any, key: str, where: str) -> str:
    return str(require(body, key, str, where))


def require_list(body: Any, key: str, where: str) -> list[Any]:
    return list(require(body, key, list, where))


def optional_str(body: Any, key: str) -> str | None:
    value = body.get(key) if isinstance(body, Mapping) else None
    return value if isinstance(value, str) and value else None


def inside(body: Any, *names: str) -> Mapping[str, Any]:
    """The object on this way down into `body`; an empty one where the way ends early."""
    for name in names:
        body = body.get(name) if isinstance(body, Mapping) else None
    return body if isinstance(body, Mapping) else {}


def moment(value: Any) -> datetime | None:
    """An ISO 8601 time with an offset or Z, in UTC; None for anything else."""
    try:
        found = datetime.fromisoformat(value)
        return found.astimezone(UTC) if found.tzinfo else None
    except (TypeError, ValueError, OverflowError):
        return None


def require_moment(body: Any, key: str, where: str) -> datetime:
    """`body[key]` as a `moment`; PlatformFailure naming the key if it is none."""
    found = moment(require_str(body, key, where))
    if found is None:
        raise PlatformFailure(f"{where}: the answer has no readable {key!r}", retryable=True)
    return found


def address(settings: Mapping[str, Any], url: str) -> str:
    """`url`, or its path below the setting base_url, which stands for every host of the platform."""
    base_url = str(settings.get("base_url") or "").rstrip("/")
    return base_url + urlsplit(url).path if base_url else url


def count(value: Any) -> int | None:
    """A reported number, given as one or as digits; None for all else: what is missing or nonsense is no zero."""
    digits = str(value) if isinstance(value, int | str) and not isinstance(value, bool) else ""
    return int(digits) if digits.isascii() and digits.isdecimal() and len(digits) <= 18 else None


def counts(body: Any, *names: str) -> dict[str, int]:
    """Those of the counts `names` that `body` reports."""
    reported = body if isinstance(body, Mapping) else {}
    return {name: number for name in names if (number := count(reported.get(name))) is not None}


def total(*reported: int | None) -> int | None:
    """The sum of counts; None where one of them is not reported, for the rest would look like a fall."""
    known = [number for number in reported if number is not None]
    return sum(known) if len(known) == len(reported) else None


def default_error(answer: Answer, where: str, detail: str = "") -> PlatformError:
    """The error of a non-2xx answer by its status alone, for platforms and cases without a better rule."""
    status, said = answer.status, f"{where}: HTTP {answer.status}{': ' + detail if detail else ''}"
    if status == 401:
        return AuthExpired(said, http_status=status)
    if status == 429:
        return RateLimited(said, http_status=status, retry_after=answer.retry_after)
    if status in (400, 404, 410, 413, 415, 422):
        return Rejected(said, http_status=status)
    if status >= 500:
        return Unavailable(said, http_status=status, retry_after=answer.retry_after)
    return PlatformFailure(said, retryable=False, http_status=status)


def token_error(error: PlatformError) -> PlatformError:
    """`error`, as a request for tokens means it: a refusal needs a person, anything else may pass.

    Nothing there is about content, and a server in trouble or a wrong address must not disconnect an account.
    """
    if error.http_status in (400, 401, 403):
        return AuthExpired(error.message, hint=error.hint, http_status=error.http_status)
    if error.retryable:
        return error
    return PlatformFailure(error.message, retryable=True, hint=error.hint, http_status=error.http_status)


def nothing_seen(_: Answer) -> Iterable[LimitSeen]:
    """For platforms that report no rate limits."""
    return ()
