"""Frozen values that store, batches and platforms share. No behaviour beyond what a value knows of itself."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import datetime
from pathlib import Path
from typing import TYPE_CHECKING, Any, Literal

if TYPE_CHECKING:
    from socialcron.errors import PlatformError

StepKind = Literal["post", "reply", "comment", "thumbnail"]

POST_STATUSES = ("scheduled", "processing", "posted", "failed", "unconfirmed", "missed", "cancelled")


@dataclass(frozen=True, slots=True, kw_only=True)
class Account:
    """What an adapter may know of a connected account; credentials travel apart from it, in the Session."""

    id: int
    platform: str
    handle: str
    external_id: str | None = None  # the platform's own id of the account; None until we asked
    settings: Mapping[str, Any] = field(default_factory=dict)  # base_url and per-platform choices

    def __str__(self) -> str:
        return f"{self.platform} account {self.handle!r} (id {self.id})"


@dataclass(frozen=True, slots=True, kw_only=True)
class Media:
    """One attachment. `path` and what is read off the bytes are None until a remote source was fetched.

    Width and height are as shown (rotation applied), in pixels; None where the bytes do not say.
    """

    source: str  # as the caller wrote it: a path below the media root, or an https URL
    alt: str | None = None
    url: str | None = None  # where a platform that fetches media itself finds it; None: nowhere
    path: Path | None = None
    mime_type: str | None = None
    size_bytes: int | None = None
    sha256: str | None = None
    width: int | None = None
    height: int | None = None
    duration_seconds: float | None = None
    frame_rate: float | None = None

    @property
    def is_video(self) -> bool:
        """Known to be one: a file that was not fetched yet may be anything."""
        return (self.mime_type or "").startswith("video/")


@dataclass(frozen=True, slots=True, kw_only=True)
class Poll:
    options: tuple[str, ...]
    duration_seconds: int = 86_400
    multiple: bool = False


@dataclass(frozen=True, slots=True, kw_only=True)
class Confirmed:
    """A visible post the platform told us about. `extra` is what later steps need of it (Bluesky: `cid`).

    provisional: it is out, but the platform has yet to name it; `remote_id` stands in until `reconcile` knows better.
    """

    remote_id: str
    url: str | None = None
    extra: Mapping[str, Any] = field(default_factory=dict)
    provisional: bool = False


@dataclass(frozen=True, slots=True, kw_only=True)
class Accepted:
    """The platform took the visible write and decides later whether it shows: ask by `reconcile` in `seconds`.

    handles: replace the step's; what `reconcile` asks by. The post counts as unconfirmed until the platform says.
    """

    handles: Mapping[str, Any]
    seconds: float


@dataclass(frozen=True, slots=True, kw_only=True)
class Step:
    """One visible write to come: the post itself (number 0), a thread part, the first comment, its thumbnail."""

    number: int
    kind: StepKind
    text: str
    media: tuple[Media, ...] = ()
    link: str | None = None
    poll: Poll | None = None
    options: Mapping[str, Any] = field(
        default_factory=dict
    )  # this platform's own (visibility, language, ...)
    key: str = ""  # chosen once per (post, revision, step): Idempotency-Key, or the client-chosen id
    due_at: datetime | None = None
    parent: Confirmed | None = None  # what it replies to; None for the post itself
    root: Confirmed | None = None  # the thread's first post; None for the post itself
    handles: Mapping[str, Any] = field(default_factory=dict)  # saved by earlier `prepare` calls


@dataclass(frozen=True, slots=True, kw_only=True)
class PreparedStep:
    """A step whose complete request is stored: every send and resend uses exactly these bytes.

    media: local files, for writes that carry bytes themselves; empty whenever the step is only asked about.
    """

    number: int
    kind: StepKind
    key: str
    request: Mapping[str, Any]
    media: tuple[Media, ...] = ()
    handles: Mapping[str, Any] = field(default_factory=dict)
    first_sending_at: datetime | None = None  # database clock; None before the first send
    sends: int = 0  # sends begun so far


@dataclass(frozen=True, slots=True, kw_only=True)
class Saved:
    """`prepare` did one invisible request: store these handles (they replace the old ones), then call again."""

    handles: Mapping[str, Any]


@dataclass(frozen=True, slots=True, kw_only=True)
class Wait:
    """The platform still works on what we gave it: store the handles, call `prepare` again after `seconds`.

    The run does not wait long for it: a later one goes on from the handles.
    """

    handles: Mapping[str, Any]
    seconds: float


@dataclass(frozen=True, slots=True, kw_only=True)
class Ready:
    """Everything invisible is done. `request` is the complete rendered request, as JSON can hold it."""

    request: Mapping[str, Any]
    handles: Mapping[str, Any] | None = None  # None keeps the stored ones


@dataclass(frozen=True, slots=True, kw_only=True)
class Look:
    """What asking the platform about an unknown step showed.

    `matches`: our own posts that equal the step and are not older than its first send less 60 s, newest first.
    `certain`: whether the match was asked for by what only this step has (a handle, a chosen id), or merely looks like
    it, as one of a listing does. None: as the declared means has it.
    `complete`: the answers were all 200, for the same account, and reach back past that moment; only then does
    an empty `matches` say anything.
    `occupied`: a client-chosen id exists but holds something else, so this step never arrived: draw another id.
    `key_works`: False when the server is known, or cannot be relied upon not, to ignore idempotency keys.
    `waiting_seconds`: the platform has it and is still working on it; look again then. Proves nothing else.
    `unanswerable`: why this account can never be asked about such a post (a closed scope); a person must look.
    `failure`: the platform has it, gave up on it, and will never show it; decides like a refusal of the send.
    """

    matches: tuple[Confirmed, ...] = ()
    certain: bool | None = None
    complete: bool = True
    occupied: bool = False
    key_works: bool = True
    waiting_seconds: float | None = None
    unanswerable: str | None = None
    failure: PlatformError | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class Reading:
    """A post's counts at one moment. None: the platform does not report it, which is not a reported zero.

    raw: the answer they were read from, as JSON can hold it.
    """

    views: int | None = None
    likes: int | None = None
    comments: int | None = None
    shares: int | None = None
    saves: int | None = None
    raw: Mapping[str, Any] = field(default_factory=dict)


@dataclass(frozen=True, slots=True)
class Gone:
    """The platform says that there is no such post (any more)."""


@dataclass(frozen=True, slots=True)
class Closed:
    """The platform shows the counts of this post to nobody with our rights: asking again would change nothing."""

    error: PlatformError


@dataclass(frozen=True, slots=True, kw_only=True)
class ProfilePost:
    """A post of a public profile, as its listing showed it. None: not in the answer; of a count, not a zero."""

    remote_id: str
    url: str | None = None
    caption: str | None = None
    published_at: datetime | None = None
    cover_url: str | None = None
    thumbnail_url: str | None = None
    views: int | None = None
    likes: int | None = None
    shares: int | None = None
    comments: int | None = None
    saves: int | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class ProfilePage:
    """One page of a public profile's posts. cursor: of the next page; None: this was the last.

    cut_short: why there are probably more, although nobody can ask for them. external_id: the profile's, if named.
    """

    posts: tuple[ProfilePost, ...]
    cursor: str | None = None
    cut_short: str | None = None
    external_id: str | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class Tokens:
    """What a refresh returned: the complete credentials to store, and when the access token ends (None: never).

    refresh_expires_at: when refreshing stops working and a person must reconnect; None: never, or not said.
    """

    credentials: Mapping[str, Any]
    expires_at: datetime | None
    refresh_expires_at: datetime | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class Connectable:
    """One account that an authorization gives access to: a page, a channel, a location, the person itself.

    settings: to be stored with the account (which board, which organization); the rest as in `Tokens`.
    """

    external_id: str
    handle: str
    tokens: Tokens
    settings: Mapping[str, str] = field(default_factory=dict)
    scopes: tuple[str, ...] = ()  # as granted


@dataclass(frozen=True, slots=True, kw_only=True)
class Identity:
    """Who a token belongs to, for `accounts test`."""

    external_id: str
    handle: str
    scopes: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True, kw_only=True)
class LimitSeen:
    """What one answer said about a rate limit. None means the answer did not say.

    `reset_at` is the platform's clock, and `answered_at` what that showed. `blocked` is True on 429 and its relatives.
    """

    family: str  # the endpoint family as the adapter names it: "publish", "media", "read", ...
    limit: int | None = None
    remaining: int | None = None
    reset_at: datetime | None = None
    retry_after: float | None = None
    blocked: bool = False
    answered_at: datetime | None = None  # filled in by platforms/http.py


@dataclass(frozen=True, slots=True, kw_only=True)
class Problem:
    """One reason why a post would be refused: where, what was measured, what is allowed."""

    field: str  # "text", "thread[2]", "media[1]", ...
    message: str

    def __str__(self) -> str:
        return f"{self.field}: {self.message}"
