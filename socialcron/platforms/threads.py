"""Threads: text, images, videos, carousels and chains of replies.

API: Threads API v1.0. Documentation: https://developers.facebook.com/docs/threads

Meta fetches media itself, so every file needs a public address. How posts go out is in `platforms/containers.py`.
A link is a preview card below a post of text alone; elsewhere it is put on a line at the end of the text.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from datetime import datetime
from typing import Any, ClassVar

from socialcron.errors import AuthExpired, PlatformError, PlatformFailure, Rejected
from socialcron.model import (
    Account,
    Closed,
    Confirmed,
    Connectable,
    Identity,
    Look,
    Media,
    PreparedStep,
    Problem,
    Reading,
    Ready,
    Saved,
    Step,
    Tokens,
    Wait,
)
from socialcron.platforms import containers, meta, rules
from socialcron.platforms.base import (
    App,
    Authorization,
    Declaration,
    Grant,
    Limit,
    MediaRule,
    Metrics,
    key_text,
    optional_str,
    require_str,
    total,
)
from socialcron.platforms.http import Http, Session
from socialcron.platforms.text import field, links, with_link

GRAPH = "https://graph.threads.net"
API_VERSION = "v1.0"

_OVERVIEW = "https://developers.facebook.com/docs/threads/overview/"
_POSTS = "https://developers.facebook.com/documentation/threads/posts"
_READ_ON = "2026-09-11"

# https://developers.facebook.com/docs/threads/troubleshooting
_ERRORS: meta.Table = {
    (24, None): "transient",  # 4279009: the container is not ready, or not visible yet
    (None, 4279009): "transient",
    # The code of a used-up day is not documented; this is Instagram's.
    (9, None): "rate_limited",
    (None, 2207042): "rate_limited",
    (None, 2207051): "platform_error",  # taken for spam
    (None, 4279013): "auth_expired",  # the user is restricted
    ("text must be at most 500 characters", None): "invalid_content",
    ("media could not be fetched from this URI", None): "invalid_content",
    ("THREADS_API__LINK_LIMIT_EXCEEDED", None): "invalid_content",
    ("THREADS_API__FEATURE_NOT_AVAILABLE", None): "invalid_content",
}

_MB = 1_000_000
_REPLY_CONTROLS = (
    "everyone",
    "accounts_you_follow",
    "mentioned_only",
    "parent_post_author_only",
    "followers_only",
)


def _judge(words: str, where: str) -> PlatformError:
    """What `error_message` of a container in ERROR means: INVALID_* never passes, the rest may."""
    said = f"{where}: Threads could not process the media: {words[:300] or 'it does not say why'}"
    return Rejected(said) if words.startswith("INVALID_") else PlatformFailure(said, retryable=True)


_SHAPE = containers.Shape(
    create="threads",
    publish="threads_publish",
    status="status",
    detail="error_message",
    text="text",
    quota="threads_publishing_limit",
    quota_total=250,
    body="data",
    judge=_judge,
)


class Threads:
    declaration: ClassVar[Declaration] = Declaration(
        name="threads",
        title="Threads",
        documentation="https://developers.facebook.com/docs/threads",
        default_base_url=GRAPH,
        features=frozenset({"media", "alt_text", "link", "thread", "first_comment"}),
        limits=(
            Limit(
                name="text",
                value=500,
                unit="characters, an emoji as its bytes",
                source=_OVERVIEW,
                date=_READ_ON,
            ),
            Limit(name="links", value=5, unit="different links", source=_POSTS, date=_READ_ON),
            Limit(name="alt_text", value=1000, unit="characters", source=_POSTS, date=_READ_ON),
            Limit(name="media", value=20, unit="attachments", source=_POSTS, date=_READ_ON),
            Limit(name="posts_per_day", value=250, unit="posts in 24 h", source=_OVERVIEW, date=_READ_ON),
            Limit(
                name="replies_per_day", value=1000, unit="replies in 24 h", source=_OVERVIEW, date=_READ_ON
            ),
        ),
        credentials=(containers.CREDENTIALS,),
        media=(
            MediaRule(
                kind="image",
                mime_types=frozenset({"image/jpeg", "image/png"}),
                by_url=True,
                source=_OVERVIEW,
                date=_READ_ON,
                max_bytes=8 * _MB,
                min_ratio=0.1,
                max_ratio=10,
            ),
            MediaRule(
                kind="video",
                mime_types=frozenset({"video/mp4", "video/quicktime"}),
                by_url=True,
                source=_OVERVIEW,
                date=_READ_ON,
                max_bytes=1000 * _MB,
                max_width=1920,
                max_seconds=300,
                min_frame_rate=23,
                max_frame_rate=60,
            ),
        ),
        settings={
            "base_url": "another server instead of Meta's",
            "api_version": f"of the Threads API; unset: {API_VERSION}",
            "reply_control": f"who may reply: {', '.join(_REPLY_CONTROLS)}; unset: everyone",
        },
        options={
            "topic_tag": "the one topic of the post, without #",
            "reply_control": f"who may reply: {', '.join(_REPLY_CONTROLS)}",
        },
        authorization=Authorization(
            authorize_url="https://www.threads.net/oauth/authorize",
            scopes=(
                "threads_basic",
                "threads_content_publish",
                "threads_manage_replies",
                "threads_read_replies",
                "threads_manage_insights",
            ),
            scope_separator=",",
        ),
        refresh_early_seconds=containers.REFRESH_EARLY_SECONDS,
        metrics=Metrics(
            batch_size=1,
            counts=frozenset({"views", "likes", "comments", "shares"}),
            source="https://developers.facebook.com/docs/threads/insights",
            date=_READ_ON,
        ),
        reconcile="handle",
        handle_ttl_seconds=containers.HANDLE_TTL_SECONDS,
        honest_limits="Media only from public addresses, and only testers of the app until Meta has reviewed it. A "
        "token that was not refreshed within its 60 days needs a person. How letters other than emoji and ASCII are "
        "counted is not documented; each counts as one here.",
    )

    def choose_key(self, seed: bytes, due_at: datetime, number: int) -> str:
        return key_text(seed)

    def validate(self, steps: Sequence[Step], settings: Mapping[str, Any]) -> list[Problem]:
        return [problem for step in steps for problem in _problems(step, settings)]

    def connect(self, account: Account, credentials: Mapping[str, Any], app: App, http: Http) -> Session:
        base_url = meta.graph_url(account.settings, GRAPH, API_VERSION)
        return meta.session(account, credentials, app, http, base_url=base_url, errors=_ERRORS)

    def prepare(self, step: Step, session: Session) -> Saved | Wait | Ready:
        """One container per call: the children of a carousel, then the post itself.

        Raises RateLimited when the day's posts (or replies) are used up, Rejected, AuthExpired, Unavailable,
        PlatformFailure.
        Source: https://developers.facebook.com/docs/threads/posts
        """
        whole = _whole(step, session.settings)
        start = {
            "user": containers.user_of(step, session, self.identify),
            "edge": "replies" if step.parent else "threads",
            "says": containers.digest(whole.get("text", "")),
        }
        return containers.prepare(
            step,
            session,
            _SHAPE,
            start=start,
            children=[{"is_carousel_item": "true", **_medium(item)} for item in step.media]
            if len(step.media) > 1
            else (),
            whole=whole,
        )

    def send_step(self, step: PreparedStep, session: Session) -> Confirmed:
        """Publish the container; its media id, and the permalink where it can be had at once.

        Raises RateLimited, AuthExpired, Unavailable, PlatformFailure, OutcomeUnknown.
        Source: https://developers.facebook.com/docs/threads/reference/publishing
        """
        return containers.publish(step, session, _SHAPE)

    def reconcile(self, step: PreparedStep, session: Session) -> Look:
        """Replies are in a listing of their own.

        Source: https://developers.facebook.com/docs/threads/reference/user
        """
        return containers.reconcile(step, session, _SHAPE)

    def read_metrics(self, remote_ids: Sequence[str], session: Session) -> Mapping[str, Reading | Closed]:
        """Comments of a post are all replies below it, those of a reply the direct ones. Saves are not told.

        Closed to a token without threads_manage_insights.
        Source: https://developers.facebook.com/docs/threads/insights
        """
        return {remote_id: _reading(remote_id, session) for remote_id in remote_ids}

    def can_refresh(self, credentials: Mapping[str, Any]) -> bool:
        """A long-lived token is refreshed with itself, once it is 24 hours old."""
        return containers.can_refresh(credentials)

    def refresh(self, account: Account, credentials: Mapping[str, Any], app: App, http: Http) -> Tokens:
        """Sixty new days.

        Source: https://developers.facebook.com/docs/threads/get-started/long-lived-tokens/
        """
        return containers.refresh(account, credentials, http, host=GRAPH, grant_type="th_refresh_token")

    def identify(self, session: Session) -> Identity:
        """Source: https://developers.facebook.com/docs/threads/reference/user"""
        body = session.read("GET", "/me", params={"fields": "id,username"}).json
        return Identity(
            external_id=require_str(body, "id", session.where), handle=optional_str(body, "username") or ""
        )

    def connect_accounts(
        self, grant: Grant, app: App, settings: Mapping[str, Any], http: Http
    ) -> list[Connectable]:
        """The one profile that was logged in, with a token of sixty days.

        Source: https://developers.facebook.com/docs/threads/get-started/get-access-tokens-and-permissions
        """
        tokens, _ = containers.exchange(
            grant,
            app,
            settings,
            http,
            where="threads",
            code_url=f"{GRAPH}/oauth/access_token",
            host=GRAPH,
            grant_type="th_exchange_token",
        )
        account = Account(id=0, platform="threads", handle="", settings=settings)
        identity = self.identify(self.connect(account, tokens.credentials, app, http))
        return [Connectable(external_id=identity.external_id, handle=identity.handle, tokens=tokens)]


# --- what a post is --------------------------------------------------------------------------------------------


def _medium(item: Media) -> dict[str, str]:
    kind = ("VIDEO", "video_url") if item.is_video else ("IMAGE", "image_url")
    alt = {"alt_text": item.alt} if item.alt else {}
    return {"media_type": kind[0], kind[1]: item.url or "", **alt}


def _text(step: Step) -> str:
    """The link is part of it where there is no card: beside media, and where there is no text."""
    return with_link(step.text, step.link) if step.media or not step.text.strip() else step.text


def _whole(step: Step, settings: Mapping[str, Any]) -> dict[str, str]:
    """The parameters of the container that is published; the ids of a carousel's children are not in it yet."""
    match step.media:
        case ():
            parameters = {"media_type": "TEXT"}
        case (item,):
            parameters = _medium(item)
        case _:
            parameters = {"media_type": "CAROUSEL"}
    if text := _text(step):
        parameters["text"] = text
    if step.link and not step.media:
        parameters["link_attachment"] = step.link
    if step.parent:
        parameters["reply_to_id"] = step.parent.remote_id
    else:
        for name, value in _choices(step, settings).items():
            parameters[name] = str(value)
    return parameters


def _choices(step: Step, settings: Mapping[str, Any]) -> dict[str, Any]:
    """The post's own choices before the account's. Replies have none: they follow the post they belong to."""
    given = {**settings, **step.options}
    return {name: given[name] for name in Threads.declaration.options if given.get(name)}


# --- metrics ---------------------------------------------------------------------------------------------------


def _reading(media_id: str, session: Session) -> Reading | Closed:
    """Shares are reposts and quotes; how often the share sheet was used is in `raw` alone."""
    told = meta.read_insights(media_id, "views,likes,replies,reposts,quotes,shares", session)
    if isinstance(told, AuthExpired):
        return Closed(told)
    if isinstance(told, PlatformError):
        raise told
    return Reading(
        views=told.get("views"),
        likes=told.get("likes"),
        comments=told.get("replies"),
        shares=total(told.get("reposts"), told.get("quotes")),
        raw=told,
    )


# --- limits ----------------------------------------------------------------------------------------------------


def _problems(step: Step, settings: Mapping[str, Any]) -> Iterator[Problem]:
    limit, name, text = Threads.declaration.limit, field(step), _text(step)
    if len(step.media) > limit("media"):
        yield Problem(field="media", message=f"{len(step.media)} attachments, at most {limit('media'):.0f}")
    if not text.strip() and not step.media:
        yield Problem(field=name, message="the text is empty")
    if (length := _length(text)) > limit("text"):
        yield Problem(
            field=name,
            message=f"{length} characters with each emoji as its bytes, at most {limit('text'):.0f}",
        )
    addresses = {text[start:end] for start, end in links(text)} | ({step.link} if step.link else set())
    if len(addresses) > limit("links"):
        yield Problem(field=name, message=f"{len(addresses)} different links, at most {limit('links'):.0f}")
    yield from rules.url_problems(step.media, "Threads")
    yield from rules.media_problems(step.media, Threads.declaration.media)
    for number, item in enumerate(step.media, 1):
        if len(item.alt or "") > limit("alt_text"):
            yield Problem(
                field=f"media[{number}]",
                message=f"alt text of {len(item.alt or '')} characters, at most {limit('alt_text'):.0f}",
            )
    choices = _choices(step, settings)
    control = {**settings, **step.options}.get("reply_control")
    if control is not None and control not in _REPLY_CONTROLS:
        yield Problem(
            field="options.reply_control", message=f"{control!r} is none of {', '.join(_REPLY_CONTROLS)}"
        )
    if any(mark in str(choices.get("topic_tag", "")) for mark in ".&"):
        yield Problem(field="options.topic_tag", message="a topic has neither '.' nor '&' in it")


def _length(text: str) -> int:
    """Code points, an emoji counted as its bytes of UTF-8: the most of what is documented.

    Source: https://developers.facebook.com/docs/threads/overview/
    """
    import regex  # 20 ms: only where text is counted

    emoji = regex.compile(r"\p{Extended_Pictographic}|\p{Regional_Indicator}|\u20e3")
    clusters = regex.findall(r"\X", text)
    return sum(len(c.encode(errors="surrogatepass") if emoji.search(c) else c) for c in clusters)
