"""Instagram, professional accounts: images, carousels, reels and stories through the Graph API.

API: Graph v26.0. Documentation: https://developers.facebook.com/docs/instagram-platform/content-publishing

Two logins with one host each: Instagram's own (graph.instagram.com, a token that is refreshed with itself) and
Facebook's (graph.facebook.com, the token of the page that the account belongs to; setting login=facebook).
Meta fetches media itself, so every file needs a public address. How posts go out is in `platforms/containers.py`.
"""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping, Sequence
from datetime import datetime
from typing import Any, ClassVar

from socialcron.errors import AuthExpired, PlatformError, PlatformFailure, Rejected
from socialcron.model import (
    Account,
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
    counts,
    key_text,
    optional_str,
    require,
    require_str,
)
from socialcron.platforms.http import Http, Session
from socialcron.platforms.text import field, utf16_units

GRAPH = "https://graph.instagram.com"
TOKEN_URL = "https://api.instagram.com/oauth/access_token"

_PUBLISHING = "https://developers.facebook.com/docs/instagram-platform/content-publishing"
_MEDIA = "https://developers.facebook.com/docs/instagram-platform/instagram-graph-api/reference/ig-user/media"
_ERROR_CODES = (
    "https://developers.facebook.com/docs/instagram-platform/instagram-graph-api/reference/error-codes"
)
_INSIGHTS = "https://developers.facebook.com/docs/instagram-platform/instagram-graph-api/reference/instagram-media/insights"
_READ_ON = "2026-09-11"

# https://developers.facebook.com/docs/instagram-platform/instagram-graph-api/reference/error-codes
_INVALID_SUBCODES = (
    *(2207004, 2207005, 2207009, 2207010, 2207023, 2207026, 2207028, 2207035, 2207036, 2207037, 2207040),
    *(2207052, 2207057),
)
_ERRORS: meta.Table = {
    # Server trouble, and containers that are not ready, not visible yet, or gone: `prepare` finds out which.
    **{(code, None): "transient" for code in (-1, -2, 24, 9007)},
    **{(code, None): "invalid_content" for code in (352, 9004, 36000, 36001, 36003, 36004)},
    **{(None, subcode): "invalid_content" for subcode in _INVALID_SUBCODES},
    (9, None): "rate_limited",
    (None, 2207042): "rate_limited",
    (None, 2207051): "platform_error",  # taken for spam: for hours or days
    (25, None): "auth_expired",  # the account is restricted, or at a checkpoint
    (100, 33): "auth_expired",  # nothing this token can see
}

_VIDEO_TYPES = frozenset({"video/mp4", "video/quicktime"})
_MB = 1_000_000
_POST, _REEL, _STORY = _TYPES = ("post", "reel", "story")
# Which kinds of post an option is for; "image" and "carousel" are the posts.
_USES: Mapping[str, tuple[str, ...]] = {
    "share_to_feed": ("reel",),
    "thumb_offset": ("reel",),
    "cover_url": ("reel",),
    "location_id": ("image", "carousel", "reel"),
    "collaborators": ("image", "carousel", "reel"),
    "is_ai_generated": ("image", "carousel", "reel", "story"),
}


def _judge(words: str, where: str) -> PlatformError:
    """What `status` of a container in ERROR means: it holds the subcode somewhere."""
    found = re.search(r"\b2207\d{3}\b", words)
    said = f"{where}: Instagram could not process the media: {words[:300] or 'it does not say why'}"
    if found and int(found[0]) in _INVALID_SUBCODES:
        return Rejected(said)
    return PlatformFailure(said, retryable=True)


_SHAPE = containers.Shape(
    create="media",
    publish="media_publish",
    status="status_code",
    detail="status",
    text="caption",
    quota="content_publishing_limit",
    quota_total=50,  # Meta's pages say 50 and 100; the answer counts, this is for one without
    body="json",
    judge=_judge,
)


class Instagram:
    declaration: ClassVar[Declaration] = Declaration(
        name="instagram",
        title="Instagram",
        documentation="https://developers.facebook.com/docs/instagram-platform",
        default_base_url=GRAPH,
        features=frozenset({"media", "alt_text"}),
        limits=(
            Limit(name="text", value=2200, unit="UTF-16 units", source=_MEDIA, date=_READ_ON),
            Limit(name="hashtags", value=30, unit="hashtags", source=_MEDIA, date=_READ_ON),
            Limit(name="mentions", value=20, unit="mentions", source=_MEDIA, date=_READ_ON),
            Limit(name="alt_text", value=1000, unit="characters", source=_MEDIA, date=_READ_ON),
            Limit(name="media", value=10, unit="attachments", source=_PUBLISHING, date=_READ_ON),
            Limit(name="collaborators", value=3, unit="accounts", source=_MEDIA, date=_READ_ON),
            Limit(name="posts_per_day", value=50, unit="posts in 24 h", source=_PUBLISHING, date=_READ_ON),
        ),
        credentials=(containers.CREDENTIALS,),
        media=(
            MediaRule(
                kind="image",
                mime_types=frozenset({"image/jpeg"}),
                by_url=True,
                source=_MEDIA,
                date=_READ_ON,
                use="image",
                max_bytes=8 * _MB,
                min_ratio=4 / 5,
                max_ratio=1.91,
            ),
            # Cropped to the ratio of the first one.
            MediaRule(
                kind="image",
                mime_types=frozenset({"image/jpeg"}),
                by_url=True,
                source=_MEDIA,
                date=_READ_ON,
                use="carousel",
                max_bytes=8 * _MB,
            ),
            MediaRule(
                kind="video",
                mime_types=_VIDEO_TYPES,
                by_url=True,
                source=_MEDIA,
                date=_READ_ON,
                use="carousel",
                max_bytes=300 * _MB,
                max_width=1920,
                min_frame_rate=23,
                max_frame_rate=60,
            ),
            MediaRule(
                kind="video",
                mime_types=_VIDEO_TYPES,
                by_url=True,
                source=_MEDIA,
                date=_READ_ON,
                use="reel",
                max_bytes=300 * _MB,
                max_width=1920,
                min_seconds=3,
                max_seconds=900,
                min_frame_rate=23,
                max_frame_rate=60,
            ),
            MediaRule(
                kind="image",
                mime_types=frozenset({"image/jpeg"}),
                by_url=True,
                source=_MEDIA,
                date=_READ_ON,
                use="story",
                max_bytes=8 * _MB,
            ),
            MediaRule(
                kind="video",
                mime_types=_VIDEO_TYPES,
                by_url=True,
                source=_MEDIA,
                date=_READ_ON,
                use="story",
                max_bytes=100 * _MB,
                max_width=1920,
                min_seconds=3,
                max_seconds=60,
                min_frame_rate=23,
                max_frame_rate=60,
            ),
        ),
        settings={
            "base_url": "another server instead of Meta's",
            "login": "instagram (unset) or facebook: where the token comes from",
            "page_id": "with login=facebook: the page that the account belongs to",
            "api_version": f"of the Graph API; unset: {meta.API_VERSION}",
        },
        options={
            "type": "post, reel or story (which shows no text); unset: a reel for one video, else a post",
            "share_to_feed": "true or false: whether a reel shows among the posts, too",
            "thumb_offset": "milliseconds into a reel where its cover picture is",
            "cover_url": "public address of a reel's cover picture",
            "location_id": "id of the Facebook page of a place",
            "collaborators": "names of up to 3 accounts to invite as co-authors, with commas between",
            "is_ai_generated": "true: labelled as made with AI",
        },
        authorization=Authorization(
            # https://developers.facebook.com/docs/instagram-platform/instagram-api-with-instagram-login/business-login
            authorize_url="https://www.instagram.com/oauth/authorize",
            scopes=(
                "instagram_business_basic",
                "instagram_business_content_publish",
                "instagram_business_manage_insights",
            ),
            scope_separator=",",
        ),
        refresh_early_seconds=containers.REFRESH_EARLY_SECONDS,
        metrics=Metrics(
            batch_size=1,
            counts=frozenset({"views", "likes", "comments", "shares", "saves"}),
            requests=2,
            source=_INSIGHTS,
            date=_READ_ON,
        ),
        reconcile="handle",
        handle_ttl_seconds=containers.HANDLE_TTL_SECONDS,
        honest_limits="Professional accounts only, media only from public addresses, and only accounts with a role on "
        "the app until Meta has reviewed it. A token that was not refreshed within its 60 days needs a person. A story "
        "whose answer was lost is told from others by its time alone.",
    )

    def choose_key(self, seed: bytes, due_at: datetime, number: int) -> str:
        return key_text(seed)

    def validate(self, steps: Sequence[Step], settings: Mapping[str, Any]) -> list[Problem]:
        """How captions are counted is not documented: UTF-16 units are the most it can be."""
        return [problem for step in steps for problem in _problems(step)]

    def connect(self, account: Account, credentials: Mapping[str, Any], app: App, http: Http) -> Session:
        host = meta.GRAPH if _by_facebook(account.settings) else GRAPH
        base_url = meta.graph_url(account.settings, host)
        return meta.session(account, credentials, app, http, base_url=base_url, errors=_ERRORS)

    def prepare(self, step: Step, session: Session) -> Saved | Wait | Ready:
        """One container per call: the children of a carousel, then the post itself.

        Raises RateLimited when the day's posts are used up, Rejected, AuthExpired, Unavailable, PlatformFailure.
        Source: https://developers.facebook.com/docs/instagram-platform/content-publishing
        """
        use = _use(step)
        start = {
            "user": containers.user_of(step, session, self.identify),
            "edge": "stories" if use == "story" else "media",
            "says": None if use == "story" else containers.digest(step.text),
        }
        return containers.prepare(
            step,
            session,
            _SHAPE,
            start=start,
            children=[_child(item) for item in step.media] if use == "carousel" else (),
            whole=_whole(step, use),
        )

    def send_step(self, step: PreparedStep, session: Session) -> Confirmed:
        """Publish the container; its media id, and the permalink where it can be had at once.

        Raises RateLimited, AuthExpired, Unavailable, PlatformFailure, OutcomeUnknown.
        Source: https://developers.facebook.com/docs/instagram-platform/instagram-graph-api/reference/ig-user/media_publish
        """
        return containers.publish(step, session, _SHAPE)

    def reconcile(self, step: PreparedStep, session: Session) -> Look:
        """Source: https://developers.facebook.com/docs/instagram-platform/instagram-graph-api/reference/ig-container"""
        return containers.reconcile(step, session, _SHAPE)

    def read_metrics(self, remote_ids: Sequence[str], session: Session) -> Mapping[str, Reading]:
        """Which metrics there are depends on what became of the post, so that is asked for first.

        Insights come up to 48 hours late, and of a story during its 24 hours only, if five people have seen it.
        Source: https://developers.facebook.com/docs/instagram-platform/instagram-graph-api/reference/instagram-media/insights
        """
        return {remote_id: _reading(remote_id, session) for remote_id in remote_ids}

    def can_refresh(self, credentials: Mapping[str, Any]) -> bool:
        """A token of Instagram's login is refreshed with itself, once it is 24 hours old."""
        return containers.can_refresh(credentials)

    def refresh(self, account: Account, credentials: Mapping[str, Any], app: App, http: Http) -> Tokens:
        """Sixty new days. A page's token (login=facebook) has no end, so one that is refused needs a person.

        Source: https://developers.facebook.com/docs/instagram-platform/reference/refresh_access_token
        """
        if _by_facebook(account.settings):
            raise AuthExpired(
                f"{account}: the token of a Facebook page cannot be refreshed",
                hint="Connect the page again and store its new token.",
            )
        return containers.refresh(account, credentials, http, host=GRAPH, grant_type="ig_refresh_token")

    def identify(self, session: Session) -> Identity:
        """Source: https://developers.facebook.com/docs/instagram-platform/instagram-graph-api/reference/ig-user"""
        if not _by_facebook(session.settings):
            body = session.read("GET", "/me", params={"fields": "user_id,username"}).json
            return Identity(
                external_id=require_str(body, "user_id", session.where),
                handle=optional_str(body, "username") or "",
            )
        user = session.account_id
        if page := session.settings.get("page_id"):
            body = session.read("GET", f"/{page}", params={"fields": "instagram_business_account"}).json
            linked = require(body, "instagram_business_account", dict, session.where)
            user = require_str(linked, "id", session.where)
        if not user:
            raise PlatformFailure(
                f"{session.where}: which account the token is for is not known",
                hint="`socialcron accounts set ID page_id=...` names its page. Or add it with --external-id.",
                retryable=False,
            )
        body = session.read("GET", f"/{user}", params={"fields": "id,username"}).json
        return Identity(
            external_id=require_str(body, "id", session.where), handle=optional_str(body, "username") or ""
        )

    def connect_accounts(
        self, grant: Grant, app: App, settings: Mapping[str, Any], http: Http
    ) -> list[Connectable]:
        """The one account of Instagram's login, with a token of sixty days.

        Source: https://developers.facebook.com/docs/instagram-platform/instagram-api-with-instagram-login/business-login
        """
        if _by_facebook(settings):
            raise PlatformFailure(
                "instagram: login=facebook has no consent page of its own",
                hint="Connect the page as facebook, then add the account with the page's token and its page_id.",
                retryable=False,
            )
        tokens, granted = containers.exchange(
            grant,
            app,
            settings,
            http,
            where="instagram",
            code_url=TOKEN_URL,
            host=GRAPH,
            grant_type="ig_exchange_token",
        )
        account = Account(id=0, platform="instagram", handle="", settings=settings)
        identity = self.identify(self.connect(account, tokens.credentials, app, http))
        scopes = granted.get("permissions")
        return [
            Connectable(
                external_id=identity.external_id,
                handle=identity.handle,
                tokens=tokens,
                scopes=tuple(scopes.split(",") if isinstance(scopes, str) else scopes or ()),
            )
        ]


# --- what a post is --------------------------------------------------------------------------------------------


def _by_facebook(settings: Mapping[str, Any]) -> bool:
    return settings.get("login") == "facebook"


def _use(step: Step) -> str:
    """image, carousel, reel or story; "" while the type of the one attachment is not known."""
    if (kind := step.options.get("type")) in (_REEL, _STORY):
        return str(kind)
    if len(step.media) > 1:
        return "carousel"
    if any(item.is_video for item in step.media):
        return "reel"
    return "image" if all(item.mime_type for item in step.media) else ""


def _child(item: Media) -> dict[str, Any]:
    if item.is_video:
        return {"is_carousel_item": True, "media_type": "VIDEO", "video_url": item.url}
    return {"is_carousel_item": True, **_image(item)}


def _image(item: Media) -> dict[str, Any]:
    return {"image_url": item.url} | ({"alt_text": item.alt} if item.alt else {})


def _whole(step: Step, use: str) -> dict[str, Any]:
    """The parameters of the container that is published; the ids of a carousel's children are not in it yet."""
    options = {name: step.options[name] for name in _USES if step.options.get(name) not in (None, "")}
    for name in ("share_to_feed", "is_ai_generated"):
        if name in options:
            options[name] = rules.flag(options[name])
    if "thumb_offset" in options:
        options["thumb_offset"] = int(options["thumb_offset"])
    if "collaborators" in options:
        options["collaborators"] = _names(options["collaborators"])
    caption = {"caption": step.text} if step.text else {}
    if use == "carousel":
        return {"media_type": "CAROUSEL", **caption, **options}
    [item] = step.media
    if use == "story":  # its caption is ignored
        address = {"video_url" if item.is_video else "image_url": item.url}
        return {"media_type": "STORIES", **address, **caption, **options}
    if use == "reel":
        return {"media_type": "REELS", "video_url": item.url, **caption, **options}
    return {**_image(item), **caption, **options}


def _names(value: Any) -> list[str]:
    names = value if isinstance(value, list) else str(value).split(",")
    return [str(name).strip().removeprefix("@") for name in names if str(name).strip()]


# --- metrics ---------------------------------------------------------------------------------------------------

# One that a kind of post does not have would fail the whole request.
_METRICS: Mapping[str, str] = {
    "FEED": "views,reach,likes,comments,saved,shares",
    "REELS": "views,reach,likes,comments,saved,shares",
    "STORY": "views,reach,replies,shares",
}


def _reading(media_id: str, session: Session) -> Reading:
    """Likes and comments are told by the post itself, too, while its insights are not there yet."""
    node = meta.read_node(media_id, "media_product_type,like_count,comments_count", session)
    product = optional_str(node, "media_product_type") or ""
    told = meta.read_insights(media_id, _METRICS[product], session) if product in _METRICS else {}
    said = {} if isinstance(told, PlatformError) else told
    shown = {} if product == "STORY" else counts(node, "like_count", "comments_count")
    raw: dict[str, Any] = {**shown, **said}
    if isinstance(told, PlatformError):
        raw["insights"] = told.message
    return Reading(
        views=said.get("views"),
        likes=said.get("likes", shown.get("like_count")),
        comments=said.get("replies", said.get("comments", shown.get("comments_count"))),
        shares=said.get("shares"),
        saves=said.get("saved"),
        raw=raw,
    )


# --- limits ----------------------------------------------------------------------------------------------------


def _problems(step: Step) -> Iterator[Problem]:
    limit, name = Instagram.declaration.limit, field(step)
    use, most = _use(step), int(limit("media"))
    if not step.media:
        yield Problem(field="media", message="Instagram has no posts without an image or a video")
    elif len(step.media) > (1 if use in ("story", "reel") else most):
        allowed = 1 if use in ("story", "reel") else most
        yield Problem(
            field="media", message=f"{len(step.media)} attachments, at most {allowed} in a {use or 'post'}"
        )
    if use != "story":
        measures = (
            ("characters", utf16_units(step.text), "text"),
            ("hashtags", len(rules.hashtags(step.text)), "hashtags"),
            ("mentions", len(rules.mentions(step.text)), "mentions"),
        )
        for unit, measured, of in measures:
            if measured > limit(of):
                yield Problem(field=name, message=f"{measured} {unit}, at most {limit(of):.0f}")
    yield from rules.url_problems(step.media, "Instagram")
    for number, item in enumerate(step.media, 1):
        if item.url and not item.url.isascii():
            yield Problem(
                field=f"media[{number}]", message=f"{item.url} has more than ASCII characters in it"
            )
        if len(item.alt or "") > limit("alt_text"):
            yield Problem(
                field=f"media[{number}]",
                message=f"alt text of {len(item.alt or '')} characters, at most {limit('alt_text'):.0f}",
            )
    if use:
        yield from rules.media_problems(step.media, Instagram.declaration.media, use=use)
    yield from _option_problems(step.options, use, int(limit("collaborators")))


def _option_problems(options: Mapping[str, Any], use: str, most_names: int) -> Iterator[Problem]:
    given = {name: value for name, value in options.items() if value not in (None, "")}

    def problem(name: str, message: str) -> Problem:
        return Problem(field=f"options.{name}", message=message)

    if (kind := given.get("type")) is not None and kind not in _TYPES:
        yield problem("type", f"{kind!r} is none of {', '.join(_TYPES)}")
    for name, uses in _USES.items():
        if name in given and use and use not in uses:
            yield problem(name, f"is only for {', '.join(uses)}; this post is: {use}")
    for name in ("share_to_feed", "is_ai_generated"):
        if name in given and rules.flag(given[name]) is None:
            yield problem(name, f"{given[name]!r} is neither true nor false")
    for name in ("thumb_offset", "location_id"):
        if name in given and not re.fullmatch(r"[0-9]{1,20}", str(given[name])):
            yield problem(name, f"{given[name]!r} is not a number")
    if "cover_url" in given:
        cover = str(given["cover_url"])
        if not cover.startswith(("https://", "http://")) or not cover.isascii():
            yield problem("cover_url", f"{cover!r} is not a public address in ASCII")
        if "thumb_offset" in given:
            yield problem("cover_url", "a reel has either cover_url or thumb_offset")
    if len(names := _names(given.get("collaborators", ""))) > most_names:
        yield problem("collaborators", f"{len(names)} names, at most {most_names}")
