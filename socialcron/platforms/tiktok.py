"""TikTok: Login Kit v2, Content Posting API, Display API. Documentation: https://developers.tiktok.com/doc/

Every post has a handle, the `publish_id` of its init request. Videos are uploaded by default: the init shows nothing,
and publishing begins by itself when the last byte arrives, so the last chunk is the visible write, and the handle that
tells what became of it was stored before. What TikTok fetches itself (photos, `source=pull`) is published by the init
request; when its answer is lost, so is the handle, and only the list of public videos is left to look at.

Answers share one envelope, {"data", "error": {"code", "message", "log_id"}}; `error.code` decides, whatever the status.
"""

from __future__ import annotations

import json
import re
import unicodedata
from collections.abc import Iterable, Iterator, Mapping, Sequence
from datetime import UTC, datetime, timedelta
from functools import partial
from hashlib import sha256
from typing import Any, ClassVar
from urllib.parse import urlsplit

from socialcron.errors import (
    AuthExpired,
    OutcomeUnknown,
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
    Identity,
    LimitSeen,
    Look,
    Media,
    PreparedStep,
    Problem,
    Reading,
    Ready,
    Saved,
    Step,
    Tokens,
)
from socialcron.platforms import files, oauth, rules
from socialcron.platforms.base import (
    OAUTH2,
    App,
    Authorization,
    Declaration,
    Grant,
    Limit,
    MediaRule,
    Metrics,
    count,
    counts,
    default_error,
    key_text,
    nothing_seen,
    optional_str,
    require,
    require_list,
    require_str,
    token_error,
)
from socialcron.platforms.http import Answer, Http, Session
from socialcron.platforms.text import field, utf16_units

_DOCS = "https://developers.tiktok.com/doc/"
_VIDEOS = f"{_DOCS}content-posting-api-reference-direct-post"
_PHOTOS = f"{_DOCS}content-posting-api-reference-photo-post"
_TRANSFER = f"{_DOCS}content-posting-api-media-transfer-guide"
_QUERY = f"{_DOCS}tiktok-api-v2-video-query"
_READ_ON = "2026-09-11"

_CREATOR_INFO = "/v2/post/publish/creator_info/query/"
_INIT_VIDEO = "/v2/post/publish/video/init/"
_INIT_INBOX = "/v2/post/publish/inbox/video/init/"
_INIT_PHOTOS = "/v2/post/publish/content/init/"
_STATUS = "/v2/post/publish/status/fetch/"
_JSON = {"content-type": "application/json; charset=UTF-8"}

_PUBLIC = "PUBLIC_TO_EVERYONE"
_PRIVACY_LEVELS = (_PUBLIC, "MUTUAL_FOLLOW_FRIENDS", "FOLLOWER_OF_CREATOR", "SELF_ONLY")
_FLAGS = {
    "disable_comment": "true: nobody may comment",
    "disable_duet": "true: no duets (videos)",
    "disable_stitch": "true: no stitches (videos)",
    "brand_content_toggle": "true: paid partnership, promotes somebody else's business",
    "brand_organic_toggle": "true: promotes the creator's own business",
    "is_aigc": "true: labelled as made by AI (videos)",
    "auto_add_music": "true: TikTok adds music (photos)",
}
_CHOICES = {
    "privacy_level": f"who sees it, without a default: one of {', '.join(_PRIVACY_LEVELS)}",
    "mode": "direct (default), or inbox: a draft that the creator finishes in the app, a video without its text",
    "source": "of videos: upload (default), or pull: TikTok fetches the file from a domain verified with it",
    **_FLAGS,
}
_PHOTO_ONLY = frozenset({"title", "photo_cover_index", "auto_add_music"})
_VIDEO_ONLY = frozenset({"video_cover_timestamp_ms", "disable_duet", "disable_stitch", "is_aigc"})

# "MB" is 10^6 in some of TikTok's examples and 2^20 in others; this is within 5 to 64 of both. The last chunk takes the
# remainder, is thus below 20 MB, and has the send deadline to itself.
_CHUNK_BYTES = 10_000_000
_URL_SECONDS = 3300.0  # an upload address lives an hour; the last chunk takes a part of it
_LOOK_SECONDS = 10.0
_DAY_SECONDS = 86_400.0
# Moderation takes minutes to hours, until then a video is in no listing.
_MODERATION = timedelta(days=1)
_MAX_PAGES = 50
_COUNTS = ("view_count", "like_count", "comment_count", "share_count")


class TikTok:
    declaration: ClassVar[Declaration] = Declaration(
        name="tiktok",
        title="TikTok",
        documentation=_DOCS,
        default_base_url="https://open.tiktokapis.com",
        features=frozenset({"media"}),
        limits=(
            Limit(name="text", value=2200, unit="UTF-16 units of a video", source=_VIDEOS, date=_READ_ON),
            Limit(name="photo_text", value=4000, unit="UTF-16 units", source=_PHOTOS, date=_READ_ON),
            Limit(name="photo_title", value=90, unit="UTF-16 units", source=_PHOTOS, date=_READ_ON),
            Limit(name="videos", value=1, unit="attachments", source=_VIDEOS, date=_READ_ON),
            Limit(name="images", value=35, unit="attachments", source=_PHOTOS, date=_READ_ON),
        ),
        credentials=(OAUTH2,),
        media=(
            MediaRule(
                kind="video",
                mime_types=frozenset({"video/mp4", "video/quicktime", "video/webm"}),
                source=_TRANSFER,
                date=_READ_ON,
                min_bytes=1,
                max_bytes=4_000_000_000,
                min_width=360,
                max_width=4096,
                min_height=360,
                max_height=4096,
                max_seconds=600,
                min_frame_rate=23,
                max_frame_rate=60,
            ),
            *(  # "1080p", lying or standing
                MediaRule(
                    kind="image",
                    mime_types=frozenset({"image/jpeg", "image/webp"}),
                    by_url=True,
                    source=_TRANSFER,
                    date=_READ_ON,
                    max_bytes=20_000_000,
                    max_width=width,
                    max_height=height,
                )
                for width, height in ((1920, 1080), (1080, 1920))
            ),
        ),
        settings=_CHOICES,
        options={
            **_CHOICES,
            "title": "of photos, at most 90 characters; their text is the description below it",
            "video_cover_timestamp_ms": "the moment of the video whose picture is the cover",
            "photo_cover_index": "which photo is the cover, from 0",
        },
        metrics=Metrics(
            batch_size=20,
            counts=frozenset({"views", "likes", "comments", "shares"}),
            source=_QUERY,
            date=_READ_ON,
        ),
        # https://developers.tiktok.com/doc/login-kit-desktop : a hexadecimal code challenge, unlike RFC 7636
        authorization=Authorization(
            authorize_url="https://www.tiktok.com/v2/auth/authorize/",
            scopes=("user.info.basic", "video.publish", "video.upload", "video.list"),
            scope_separator=",",
            pkce="S256-hex",
            client_parameter="client_key",
        ),
        # Access tokens live two hours (24 for some apps, still), so refresh at about 80 % of that.
        refresh_early_seconds=1440.0,
        reconcile="handle",
        handle_ttl_seconds=24 * 3600,  # `prepare` asks what became of a handle before it relies on it
        honest_limits="Apps that TikTok has not audited post SELF_ONLY to private accounts, for 5 users a day. "
        "If the answer to the request for photos or `source=pull` is lost, a public post is found in the account's own "
        "list, and after a day its absence counts; any other stays unconfirmed. A refresh token works once.",
    )

    def choose_key(self, seed: bytes, due_at: datetime, number: int) -> str:
        return key_text(seed)  # TikTok has no use for one

    def validate(self, steps: Sequence[Step], settings: Mapping[str, Any]) -> list[Problem]:
        return [problem for step in steps for problem in _problems(step, {**settings, **step.options})]

    def connect(self, account: Account, credentials: Mapping[str, Any], app: App, http: Http) -> Session:
        where, token = str(account), str(credentials.get("access_token") or "")
        # The upload itself is not signed: without this, a token with a line end would be noticed after it only.
        if not token or not (token.isascii() and token.isprintable()):
            raise AuthExpired(f"{where}: there is no access token that a request can carry")
        return Session(
            base_url=self.declaration.base_url(account.settings),
            where=where,
            http=http,
            authorize=oauth.bearer(token),
            explain=partial(_explain, where=where),
            limits=_limits_seen,
            account_id=account.external_id,
            settings=account.settings,
            app=app,
        )

    def prepare(self, step: Step, session: Session) -> Saved | Ready:
        """Ask what the creator may post, then for an upload: the init request, and every chunk but the last.

        handles of an upload: `publish_id`, `upload_url`, `offset` (bytes stored), `at` (of the init), `of` (digest of
        request and file, which decides whether they still belong together), `creator` (user name, for the address);
        `tried`: how often it was ready to be ended; `again`: its address replaces one that was over; `whole`: the last
        byte has arrived, whoever sent it. Of anything else: `creator`.

        Where the upload is in question (a killed run, a failed chunk) the platform's word on it counts.
        Source: https://developers.tiktok.com/doc/content-posting-api-media-transfer-guide
        """
        request = _render(step, {**session.settings, **step.options}, session.where)
        if request["body"]["source_info"]["source"] == "PULL_FROM_URL":
            return Ready(request=request, handles=_creator(step.media, request, session))
        handles = _resumed(step, request, session)
        if handles is None:
            return Saved(handles=_init_upload(step, request, session))
        source = request["body"]["source_info"]
        if handles.get("whole"):
            return Ready(request=request, handles=handles)
        chunk = _chunk(handles["offset"], source) | {"type": step.media[0].mime_type}
        if chunk["first"] + chunk["length"] < chunk["size"]:
            return Saved(handles=_put_chunk(step.media[0], handles, chunk, session))
        handles["tried"] = handles.get("tried", 0) + 1
        return Ready(request=request | {"last_chunk": chunk}, handles=handles)

    def send_step(self, step: PreparedStep, session: Session) -> Accepted:
        """The last chunk of an upload (from the stored range of the file), or the init request of what TikTok fetches.

        An upload whose last byte had arrived before, against all appearances, needs no further request.

        Raises RateLimited, Rejected, AuthExpired, Unavailable, PlatformFailure, OutcomeUnknown.
        Sources: https://developers.tiktok.com/doc/content-posting-api-media-transfer-guide,
        https://developers.tiktok.com/doc/content-posting-api-reference-photo-post
        """
        handles = dict(step.handles)
        if handles.get("whole"):
            return Accepted(handles=handles, seconds=_LOOK_SECONDS)
        if part := step.request.get("last_chunk"):
            session.memo.pop(_memo_key(handles), None)
            url = _reachable(handles["upload_url"], session)
            answer = session.write("PUT", url, **_chunk_request(step.media[0], part))
            if answer.status != 201:
                raise OutcomeUnknown(
                    f"{session.where}: HTTP {answer.status} to the last chunk", http_status=answer.status
                )
            return Accepted(handles=handles | {"whole": True}, seconds=_LOOK_SECONDS)
        answer = session.write("POST", step.request["path"], headers=_JSON, json=step.request["body"])
        publish_id = optional_str(answer.json.get("data"), "publish_id") if _code(answer) == "ok" else None
        if publish_id is None:
            said = f": {_code(answer)}" if _code(answer) else ""
            raise OutcomeUnknown(
                f"{session.where}: the answer to the new post has no publish_id{said}",
                http_status=answer.status,
            )
        return Accepted(handles=handles | {"publish_id": publish_id}, seconds=_LOOK_SECONDS)

    def reconcile(self, step: PreparedStep, session: Session) -> Look:
        """Ask by the handle; without one, look into the list of public videos.

        A public post without its id yet is provisional: the id comes with the end of moderation. Others never get one.
        Source: https://developers.tiktok.com/doc/content-posting-api-reference-get-video-status
        """
        publish_id = step.handles.get("publish_id")
        if publish_id is None:
            return self._look_at_list(step, session)
        body = step.request["body"]
        data = _status(publish_id, session)
        match data.get("status"):
            case None:
                return Look(complete=False)  # TikTok has forgotten the handle
            case "FAILED":
                return Look(failure=_failure(data, session.where))
            case "SEND_TO_USER_INBOX":
                return Look(matches=(Confirmed(remote_id=publish_id),))
            case "PUBLISH_COMPLETE":
                if remote_id := _public_id(data):
                    return Look(matches=(_confirmed(remote_id, step),))
                public = _privacy(body) == _PUBLIC
                return Look(matches=(Confirmed(remote_id=publish_id, provisional=public),))
            case "PROCESSING_UPLOAD" if not step.handles.get("whole"):
                stored, size = data.get("uploaded_bytes"), body["source_info"].get("video_size", 0)
                if isinstance(stored, int) and stored < size:
                    return Look()  # the last chunk never arrived, and without it nothing is published
        return Look(waiting_seconds=_LOOK_SECONDS)

    def _look_at_list(self, step: PreparedStep, session: Session) -> Look:
        """Public videos of the account that say the same and are not older than the first send.

        Absence counts after a day, when any moderation should be over.
        Source: https://developers.tiktok.com/doc/tiktok-api-v2-video-list
        """
        body, began = step.request["body"], step.first_sending_at
        if _privacy(body) != _PUBLIC or began is None:
            return Look(complete=False)
        videos, reached = _own_videos(began - timedelta(seconds=60), session)
        texts = {_letters(text) for text in _texts(body["post_info"])}
        matches = tuple(
            _confirmed(str(video["id"]), step)
            for video in videos
            if _letters(optional_str(video, "video_description") or optional_str(video, "title") or "")
            in texts
        )
        if matches and "" in texts:
            return Look(complete=False)  # without words, anything the owner posts would be ours
        over = reached and datetime.now(UTC) - began > _MODERATION
        same_account = over and self.identify(session).external_id == session.account_id
        return Look(matches=matches, certain=False, complete=same_account)

    def read_metrics(self, remote_ids: Sequence[str], session: Session) -> Mapping[str, Reading | Closed]:
        """Numbers of at most 20 public videos. One that is missing may be deleted, or public no more: nothing says.

        Posts that only some may see, and drafts, keep the name of their handle: there is no id to ask by.
        Source: https://developers.tiktok.com/doc/tiktok-api-v2-video-query
        """
        said = f"{session.where}: TikTok tells numbers of public posts alone, and named no public one"
        unnamed = Closed(PlatformFailure(said, retryable=False))
        found: dict[str, Reading | Closed] = {
            remote_id: unnamed for remote_id in remote_ids if not _is_public(remote_id)
        }
        public = [remote_id for remote_id in remote_ids if remote_id not in found]
        if not public:
            return found
        answer = session.read(
            "POST",
            "/v2/video/query/",
            params={"fields": ",".join(("id", *_COUNTS))},
            headers=_JSON,
            json={"filters": {"video_ids": public}},
            accept=(401, 403),
        )
        if _code(answer) in _MISSING_SCOPE:
            return found | dict.fromkeys(public, Closed(session.explain(answer)))
        for video in require_list(_data(answer, session), "videos", session.where):
            raw = counts(video, *_COUNTS)
            found[str(require(video, "id", (str, int), session.where))] = Reading(
                views=raw.get("view_count"),
                likes=raw.get("like_count"),
                comments=raw.get("comment_count"),
                shares=raw.get("share_count"),
                raw=raw,
            )
        return found

    def can_refresh(self, credentials: Mapping[str, Any]) -> bool:
        return bool(credentials.get("refresh_token"))

    def refresh(self, account: Account, credentials: Mapping[str, Any], app: App, http: Http) -> Tokens:
        """Trade the refresh token for a new pair; the old one stops working.

        Source: https://developers.tiktok.com/doc/oauth-user-access-token-management
        """
        where = f"{account}, token refresh"
        client_key, client_secret = _client(app, where)
        form = {
            "client_key": client_key,
            "client_secret": client_secret,
            "grant_type": "refresh_token",
            "refresh_token": credentials["refresh_token"],
        }
        answer = _token_session(account.settings, where, http).upload("POST", _TOKEN, seconds=25.0, data=form)
        return _tokens(_granted(answer, where), credentials, where)

    def identify(self, session: Session) -> Identity:
        """The open_id, which is the app's own name of the user, and the user name where posting is allowed.

        Sources: https://developers.tiktok.com/doc/tiktok-api-v2-get-user-info,
        https://developers.tiktok.com/doc/content-posting-api-reference-query-creator-info
        """
        fields = {"fields": "open_id,display_name"}
        data = _data(session.read("GET", "/v2/user/info/", params=fields), session)
        user = require(data, "user", Mapping, session.where)
        open_id = require_str(user, "open_id", session.where)
        try:
            creator = _data(session.read("POST", _CREATOR_INFO, headers=_JSON), session)
        except PlatformError:  # a daily cap, a missing scope: who it is has been said
            creator = {}
        name = optional_str(creator, "creator_username") or optional_str(user, "display_name")
        return Identity(external_id=open_id, handle=name or open_id)

    def connect_accounts(
        self, grant: Grant, app: App, settings: Mapping[str, Any], http: Http
    ) -> list[Connectable]:
        """The one account whose owner said yes.

        Source: https://developers.tiktok.com/doc/oauth-user-access-token-management
        """
        where = "tiktok, authorization"
        client_key, client_secret = _client(app, where)
        secrets = {"client_key": client_key, "client_secret": client_secret}
        parts = oauth.code_form(grant, app, include_client_id=False, **secrets)
        answer = _token_session(settings, where, http).upload("POST", _TOKEN, seconds=25.0, **parts)
        body = _granted(answer, where)
        tokens = _tokens(body, {}, where)
        account = Account(id=0, platform="tiktok", handle="to be connected", settings=settings)
        identity = self.identify(self.connect(account, tokens.credentials, app, http))
        return [
            Connectable(
                external_id=identity.external_id,
                handle=identity.handle,
                tokens=tokens,
                scopes=oauth.scopes(body),
            )
        ]


# --- validation ----------------------------------------------------------------------------------------


def _problems(step: Step, choice: Mapping[str, Any]) -> Iterator[Problem]:
    """choice: the account's settings, overruled by the step's options."""
    kind, name = _kind(step.media), field(step)
    yield from _media_problems(step.media, kind, choice)
    most = _limit("text") if kind == "video" else _limit("photo_text")
    if (units := utf16_units(step.text)) > most:
        what = "a video's caption" if kind == "video" else "the text of photos"
        yield Problem(field=name, message=f"{units} UTF-16 units, at most {most} as {what}")
    if (units := utf16_units(str(choice.get("title") or ""))) > _limit("photo_title"):
        yield Problem(field="options.title", message=f"{units} UTF-16 units, at most {_limit('photo_title')}")
    yield from _option_problems(step, kind, choice)


def _media_problems(media: Sequence[Media], kind: str | None, choice: Mapping[str, Any]) -> Iterator[Problem]:
    if not media:
        yield Problem(field="media", message="none, and TikTok has no posts of text alone")
    elif kind == "video" and len(media) > 1:
        yield Problem(
            field="media", message=f"{len(media)} attachments, at most 1 where one of them is a video"
        )
    elif len(media) > _limit("images"):
        yield Problem(field="media", message=f"{len(media)} photos, at most {_limit('images')}")
    yield from rules.media_problems(media, TikTok.declaration.media)
    if kind == "image" or (kind == "video" and choice.get("source") == "pull"):
        yield from rules.url_problems(media, "TikTok")


def _option_problems(step: Step, kind: str | None, choice: Mapping[str, Any]) -> Iterator[Problem]:
    privacy = choice.get("privacy_level")
    if not privacy and choice.get("mode") != "inbox":
        yield Problem(
            field="options.privacy_level",
            message="TikTok must be told who may see a post: set privacy_level of the post "
            "(--for tiktok.privacy_level=...) or account (`socialcron accounts set ID privacy_level=...`) to one of "
            f"{', '.join(_PRIVACY_LEVELS)}; or use mode=inbox",
        )
    named = {"privacy_level": _PRIVACY_LEVELS, "mode": ("direct", "inbox"), "source": ("upload", "pull")}
    for name, allowed in named.items():
        if choice.get(name) and choice[name] not in allowed:
            yield _misused(name, choice[name], f"one of {', '.join(allowed)}")
    for name in _FLAGS:
        if name in choice and rules.flag(choice[name]) is None:
            yield _misused(name, choice[name], "true or false")
    for name, most in (
        ("photo_cover_index", max(len(step.media) - 1, 0)),
        ("video_cover_timestamp_ms", _longest_ms(step.media)),
    ):
        if name in choice and ((number := count(choice[name])) is None or number > most):
            yield _misused(name, choice[name], f"a whole number from 0 to {most}")
    foreign = {"video": _PHOTO_ONLY, "image": _VIDEO_ONLY}.get(kind or "", frozenset())
    for name in sorted(foreign & step.options.keys()):
        yield Problem(field=f"options.{name}", message=f"has no meaning for {kind}s")


def _misused(name: str, value: Any, allowed: str) -> Problem:
    return Problem(field=f"options.{name}", message=f"{value!r} is not {allowed}")


def _longest_ms(media: Sequence[Media]) -> int:
    duration = media[0].duration_seconds if media else None
    return int((duration or 600) * 1000)


def _limit(name: str) -> int:
    return int(TikTok.declaration.limit(name))


def _is(item: Media, kind: str) -> bool:
    return (item.mime_type or "").startswith(f"{kind}/")


def _kind(media: Sequence[Media]) -> str | None:
    """What the post would be: "video" or "image"; None while no type is known."""
    return next((kind for kind in ("video", "image") if any(_is(item, kind) for item in media)), None)


# --- requests ------------------------------------------------------------------------------------------


def _reachable(url: str, session: Session) -> str:
    """An upload address as TikTok gave it; behind the account's own base_url if it has one."""
    if not session.settings.get("base_url"):
        return url
    parts = urlsplit(url)
    return f"{session.base_url.rstrip('/')}{parts.path}?{parts.query}"


def _render(step: Step, choice: Mapping[str, Any], where: str) -> dict[str, Any]:
    """The init request: {"path", "body"}. What nobody chose is left out: TikTok's own defaults apply."""
    kind, inbox = _kind(step.media), choice.get("mode") == "inbox"
    if kind is None:
        raise Rejected(f"{where}: TikTok takes one video, or photos")
    if not inbox and not choice.get("privacy_level"):
        raise Rejected(f"{where}: privacy_level is not set, and nothing is made public by default")
    info: dict[str, Any] = {}
    if not inbox:
        info["privacy_level"] = choice["privacy_level"]
        others = _VIDEO_ONLY if kind == "image" else _PHOTO_ONLY
        info |= {name: rules.flag(choice[name]) for name in _FLAGS if name in choice and name not in others}
    if kind == "image":
        info |= {
            name: text for name, text in (("title", choice.get("title")), ("description", step.text)) if text
        }
        return {
            "path": _INIT_PHOTOS,
            "body": {
                "media_type": "PHOTO",
                "post_mode": "MEDIA_UPLOAD" if inbox else "DIRECT_POST",
                "post_info": info,
                "source_info": {
                    "source": "PULL_FROM_URL",
                    "photo_cover_index": count(choice.get("photo_cover_index")) or 0,
                    "photo_images": [item.url for item in step.media],
                },
            },
        }
    video = step.media[0]
    if choice.get("source") == "pull":
        source: dict[str, Any] = {"source": "PULL_FROM_URL", "video_url": video.url}
    else:
        source = {"source": "FILE_UPLOAD", **_chunk_plan(video.size_bytes or 0)}
    if inbox:
        return {"path": _INIT_INBOX, "body": {"source_info": source}}
    info |= {"title": step.text} if step.text else {}
    if (moment := count(choice.get("video_cover_timestamp_ms"))) is not None:
        info["video_cover_timestamp_ms"] = moment
    return {"path": _INIT_VIDEO, "body": {"post_info": info, "source_info": source}}


def _privacy(body: Mapping[str, Any]) -> str | None:
    """Of an init request; None for the inbox, where the creator decides."""
    return optional_str(body.get("post_info"), "privacy_level")


def _creator(media: Sequence[Media], request: Mapping[str, Any], session: Session) -> dict[str, str]:
    """Check a direct post against what the creator may do now; the user name, if it was told.

    Asked before each post: TikTok demands it, and the answer holds daily caps. Nothing is asked for the inbox.
    Source: https://developers.tiktok.com/doc/content-posting-api-reference-query-creator-info
    """
    privacy = _privacy(request["body"])
    if privacy is None:
        return {}
    data = _data(session.read("POST", _CREATOR_INFO, headers=_JSON), session)
    allowed = require_list(data, "privacy_level_options", session.where)
    if privacy not in allowed:
        raise Rejected(
            f"{session.where}: privacy_level {privacy} is not open to this creator",
            hint=f"TikTok offers {', '.join(map(str, allowed))}.",
        )
    longest, seconds = data.get("max_video_post_duration_sec"), media[0].duration_seconds
    if isinstance(longest, int) and seconds is not None and seconds > longest:
        raise Rejected(
            f"{session.where}: {media[0].source} is {seconds:.1f} seconds long, at most {longest} for this creator"
        )
    name = optional_str(data, "creator_username")
    return {"creator": name} if name else {}


# --- uploads -------------------------------------------------------------------------------------------


def _chunk_plan(size: int) -> dict[str, int]:
    """The last chunk takes the remainder, so one is enough below twice the chunk size.

    Source: https://developers.tiktok.com/doc/content-posting-api-media-transfer-guide
    """
    count = max(size // _CHUNK_BYTES, 1)
    return {
        "video_size": size,
        "chunk_size": _CHUNK_BYTES if count > 1 else size,
        "total_chunk_count": count,
    }


def _chunk(offset: int, source: Mapping[str, int]) -> dict[str, Any]:
    """What comes next: from `offset` to the end of the chunk it is in; `size` is that of the whole video."""
    number, size = offset // source["chunk_size"] + 1, source["video_size"]
    end = size if number >= source["total_chunk_count"] else number * source["chunk_size"]
    return {"first": offset, "length": end - offset, "size": size}


def _chunk_request(video: Media, chunk: Mapping[str, Any]) -> dict[str, Any]:
    """What `session.upload` and `session.write` take. Without our token: the address carries one of its own."""
    first, length = chunk["first"], chunk["length"]
    headers = {
        "content-type": chunk["type"],
        "content-length": str(length),
        "content-range": f"bytes {first}-{first + length - 1}/{chunk['size']}",
    }
    return {"signed": False, "headers": headers, "content": files.stream_part(video, first, length)}


def _fingerprint(step: Step, request: Mapping[str, Any]) -> str:
    return sha256(json.dumps([request, step.media[0].sha256], sort_keys=True).encode()).hexdigest()[:16]


def _init_upload(step: Step, request: Mapping[str, Any], session: Session) -> dict[str, Any]:
    """Announce the upload; nothing shows before its last byte. The new handles."""
    creator = _creator(step.media, request, session)
    answer = session.upload("POST", request["path"], headers=_JSON, json=request["body"])
    data = _data(answer, session)
    handles = {
        "publish_id": require_str(data, "publish_id", session.where),
        "upload_url": require_str(data, "upload_url", session.where),
        "offset": 0,
        "at": datetime.now(UTC).isoformat(timespec="seconds"),
        "of": _fingerprint(step, request),
        **creator,
    }
    if step.handles.get("again"):
        handles["again"] = True
    session.memo[_memo_key(handles)] = 0
    return handles


def _resumed(step: Step, request: Mapping[str, Any], session: Session) -> dict[str, Any] | None:
    """The saved upload as far as it came, as the platform tells unless this run has just seen it; None: begin anew.

    Begun anew are uploads that failed (this is the retry), are unknown, too old to be ended, or of another file; and
    those whose address led to nothing twice, since a refused last chunk cannot say so in the handles.
    """
    handles = dict(step.handles)
    if handles.get("of") != _fingerprint(step, request):
        return None
    if session.memo.get(_memo_key(handles)) != handles["offset"]:
        data = _status(handles["publish_id"], session)
        state, stored = data.get("status"), data.get("uploaded_bytes")
        if state in (None, "FAILED"):
            return None
        if isinstance(stored, int):
            handles["offset"] = stored
        if state in ("PUBLISH_COMPLETE", "SEND_TO_USER_INBOX"):
            handles["whole"] = True
    if handles["offset"] >= request["body"]["source_info"]["video_size"]:
        handles["whole"] = True
    age = (datetime.now(UTC) - datetime.fromisoformat(handles["at"])).total_seconds()
    useless = age > _URL_SECONDS or handles.get("tried", 0) > 1
    return None if useless and not handles.get("whole") else handles


def _memo_key(handles: Mapping[str, Any]) -> str:
    return f"tiktok {handles['publish_id']}"


def _put_chunk(
    video: Media, handles: dict[str, Any], chunk: Mapping[str, Any], session: Session
) -> dict[str, Any]:
    """Upload one chunk that is not the last. The new handles; without an upload if TikTok wants it begun anew."""
    session.memo.pop(_memo_key(handles), None)  # until this one is known to be there
    answer = session.upload(
        "PUT",
        _reachable(handles["upload_url"], session),
        accept=(416,) if handles.get("again") else (403, 404, 416),
        **_chunk_request(video, chunk),
    )
    if answer.status in (403, 404):  # the address is over, or the task unknown
        return {"again": True}
    stored = chunk["first"] + chunk["length"]
    if answer.status == 416:  # it has other bytes than we think, and says which
        found = re.fullmatch(r"bytes 0-(\d{1,15})/\d+", answer.headers.get("content-range", ""))
        stored = int(found[1]) + 1 if found else 0
    # Only forwards: whether to go back is for the next run to ask, or two such answers could take turns for ever.
    if answer.status not in (206, 416) or stored <= chunk["first"]:
        raise PlatformFailure(
            f"{session.where}: HTTP {answer.status} to the chunk at byte {chunk['first']}",
            retryable=True,
            http_status=answer.status,
        )
    session.memo[_memo_key(handles)] = stored
    return handles | {"offset": stored}


# --- what became of it ---------------------------------------------------------------------------------


def _status(publish_id: str, session: Session) -> Mapping[str, Any]:
    """What TikTok says of a handle; empty if it does not know it (any more).

    Source: https://developers.tiktok.com/doc/content-posting-api-reference-get-video-status
    """
    answer = session.read("POST", _STATUS, headers=_JSON, json={"publish_id": publish_id}, accept=(400,))
    if _code(answer) == "invalid_publish_id":
        return {}
    data = _data(answer, session)
    require_str(data, "status", session.where)
    return data


def _public_id(data: Mapping[str, Any]) -> str | None:
    """The id of the public post, spelt as TikTok does or should, an int64; None while there is none."""
    for name in ("publicaly_available_post_id", "publicly_available_post_id"):
        if isinstance(ids := data.get(name), list) and ids:
            return str(ids[0])
    return None


def _is_public(remote_id: str) -> bool:
    """Whether it is the id of a public post, and not the handle that stands in for one."""
    return remote_id.isascii() and remote_id.isdecimal()


def _confirmed(remote_id: str, step: PreparedStep) -> Confirmed:
    creator = step.handles.get("creator")
    url = f"https://www.tiktok.com/@{creator}/video/{remote_id}" if creator else None
    return Confirmed(remote_id=remote_id, url=url)


def _failure(data: Mapping[str, Any], where: str) -> PlatformError:
    """The error of a post that TikTok gave up.

    Source: https://developers.tiktok.com/doc/content-posting-api-reference-get-video-status#fail_reasons
    """
    reason = optional_str(data, "fail_reason") or "no reason given"
    said = f"{where}: TikTok could not publish it: {reason[:300]}"
    match reason:
        case (
            "file_format_check_failed"
            | "duration_check_failed"
            | "frame_rate_check_failed"
            | "picture_size_check_failed"
            | "spam_risk_text"
        ):
            return Rejected(said)
        case "video_pull_failed" | "photo_pull_failed":
            return Unavailable(
                said, hint="The media's URL must answer everybody, without redirects, for an hour."
            )
        case "spam_risk_too_many_posts":
            return RateLimited(said, retry_after=_DAY_SECONDS)
        case "auth_removed":
            return AuthExpired(said, hint="The user took the app's access away: connect the account again.")
    return PlatformFailure(said, retryable=reason == "internal")


def _own_videos(since: datetime, session: Session) -> tuple[list[Mapping[str, Any]], bool]:
    """Public videos made at or after `since`, newest first, and whether the pages reached it.

    Without the scope video.list there are none to be seen; that is no reason to disconnect an account that can post.
    """
    found: list[Mapping[str, Any]] = []
    page: dict[str, int] = {"max_count": 20}
    for _ in range(_MAX_PAGES):
        answer = session.read(
            "POST",
            "/v2/video/list/",
            params={"fields": "id,create_time,title,video_description"},
            headers=_JSON,
            json=page,
            accept=(401, 403),
        )
        if _code(answer) in _MISSING_SCOPE:
            return [], False
        data = _data(answer, session)
        for video in require_list(data, "videos", session.where):
            created = require(video, "create_time", int, session.where)
            require(video, "id", (str, int), session.where)
            if created < since.timestamp():
                return found, True
            found.append(video)
        if not data.get("has_more"):
            return found, True
        cursor = require(data, "cursor", int, session.where)
        if cursor == page.get("cursor"):
            break
        page["cursor"] = cursor
    return found, False


def _texts(info: Mapping[str, Any]) -> Iterable[str]:
    """What the listing may show of a post: how it joins title and description is not documented."""
    title, description = info.get("title", ""), info.get("description", "")
    return (description, title + description) if description else (title,)


def _letters(text: str) -> str:
    """Letters and digits of `text`, or all but spaces where it has none: TikTok may rework spaces and tags."""
    folded = unicodedata.normalize("NFKC", text).casefold()
    return "".join(filter(str.isalnum, folded)) or "".join(folded.split())


# --- answers -------------------------------------------------------------------------------------------

_MISSING_SCOPE = frozenset({"scope_not_authorized", "scope_permission_missed"})
# Seconds to wait. Caps are per day; the sliding window of a minute has neither Retry-After nor headers.
_WAITS = {
    "rate_limit_exceeded": 60.0,
    "spam_risk_too_many_posts": _DAY_SECONDS,
    "spam_risk_too_many_pending_share": _DAY_SECONDS,
    "reached_active_user_cap": _DAY_SECONDS,
}
_CONTENT = {
    "invalid_param": None,
    "invalid_params": None,
    "invalid_file_upload": None,
    "url_ownership_unverified": "Verify the domain for the app in TikTok's developer portal; videos may be uploaded.",
    "privacy_level_option_mismatch": "Choose a privacy_level that the creator's account offers.",
}
_FINAL = {
    "invalid_publish_id": None,
    "token_not_authorized_for_specified_publish_id": None,
    "spam_risk": None,
    "spam_risk_user_banned_from_posting": "TikTok has banned the user from posting.",
    "unaudited_client_can_only_post_to_private_accounts": "Until TikTok has audited the app: make the account private, "
    "and set privacy_level=SELF_ONLY.",
}


def _code(answer: Answer) -> str | None:
    """`error.code`, "ok" if all is well; None where the answer is not TikTok's."""
    return optional_str(answer.json.get("error"), "code") if isinstance(answer.json, Mapping) else None


def _data(answer: Answer, session: Session) -> Mapping[str, Any]:
    """`data` of an answer that says it is ok; raises what it says otherwise."""
    code = _code(answer)
    if not answer.ok or code not in (None, "ok"):
        raise session.explain(answer)
    if code is None:
        raise PlatformFailure(
            f"{session.where}: HTTP {answer.status} without TikTok's envelope",
            retryable=True,
            http_status=answer.status,
        )
    data: Mapping[str, Any] = require(answer.json, "data", Mapping, session.where)
    return data


def _explain(answer: Answer, where: str) -> PlatformError:
    """Source: https://developers.tiktok.com/doc/tiktok-api-v2-error-handling and the pages of the endpoints."""
    status, code = answer.status, _code(answer)
    if answer.method == "PUT":
        return _explain_upload(answer, where)
    if code is None or code == "ok":
        return default_error(answer, where)
    message = optional_str(answer.json["error"], "message") or ""
    said = f"{where}: HTTP {status}: {code[:100]}{': ' + message[:300] if message else ''}"
    if code in _WAITS:
        return RateLimited(said, retry_after=max(answer.retry_after or 0, _WAITS[code]), http_status=status)
    if code == "access_token_invalid" or code in _MISSING_SCOPE:
        hint = "Connect the account again and grant every scope." if code in _MISSING_SCOPE else None
        return AuthExpired(said, hint=hint, http_status=status)
    if code in _CONTENT:
        return Rejected(said, hint=_CONTENT[code], http_status=status)
    if code in _FINAL:
        return PlatformFailure(said, retryable=False, hint=_FINAL[code], http_status=status)
    if code == "internal_error":
        return Unavailable(said, retry_after=answer.retry_after, http_status=status)
    return default_error(answer, where, f"{code[:100]}{': ' + message[:300] if message else ''}")


def _explain_upload(answer: Answer, where: str) -> PlatformError:
    """A refused chunk says nothing of content or token: it carries neither envelope nor signature.

    Source: https://developers.tiktok.com/doc/content-posting-api-media-transfer-guide
    """
    if answer.status == 429 or answer.status >= 500:
        return default_error(answer, where, "to a chunk of the upload")
    return PlatformFailure(
        f"{where}: HTTP {answer.status} to a chunk of the upload",
        retryable=answer.status in (401, 403, 404, 410),  # of the address
        http_status=answer.status,
    )


def _limits_seen(answer: Answer) -> Iterable[LimitSeen]:
    """TikTok reports no limits but by refusing, the daily caps with status 200, too."""
    code = _code(answer) or ""
    if answer.status != 429 and code not in _WAITS:
        return
    posting = answer.method == "PUT" or answer.path.endswith("/init/") or _WAITS.get(code) == _DAY_SECONDS
    yield LimitSeen(
        family="publish" if posting else "read",
        retry_after=_WAITS.get(code, answer.retry_after),
        blocked=True,
    )


# --- tokens --------------------------------------------------------------------------------------------

_TOKEN = "/v2/oauth/token/"


def _client(app: App, where: str) -> tuple[str, str]:
    if not app.client_id or not app.client_secret:
        raise PlatformFailure(
            f"{where}: the app's client key or secret is not known",
            retryable=True,
            hint="Set TIKTOK_CLIENT_KEY and TIKTOK_CLIENT_SECRET.",
        )
    return app.client_id, app.client_secret


def _token_session(settings: Mapping[str, Any], where: str, http: Http) -> Session:
    return Session(
        base_url=TikTok.declaration.base_url(settings),
        where=where,
        http=http,
        authorize=lambda request: None,
        explain=lambda answer: _token_refusal(answer, where) or token_error(default_error(answer, where)),
        limits=nothing_seen,
    )


def _granted(answer: Answer, where: str) -> Mapping[str, Any]:
    """The body of an answer that holds tokens: refusals may come with status 200.

    Source: https://developers.tiktok.com/doc/oauth-error-handling; seen with HTTP 200 in live reports, 2026-09.
    """
    if refusal := _token_refusal(answer, where):
        raise refusal
    body: Mapping[str, Any] = answer.json if isinstance(answer.json, Mapping) else {}
    return body


def _token_refusal(answer: Answer, where: str) -> PlatformError | None:
    """The error that the body of a token request's answer names; None if it names none."""
    error = optional_str(answer.json, "error")
    if error is None:
        return None
    said = f"{where}: HTTP {answer.status}: {error[:100]}"
    if description := optional_str(answer.json, "error_description"):
        said += f": {description[:300]}"
    if error in ("invalid_grant", "invalid_client", "invalid_request"):
        return AuthExpired(said, hint="Connect the account again.", http_status=answer.status)
    if answer.status == 429:
        return RateLimited(said, retry_after=answer.retry_after, http_status=answer.status)
    return PlatformFailure(said, retryable=True, http_status=answer.status)


def _tokens(body: Mapping[str, Any], before: Mapping[str, Any], where: str) -> Tokens:
    """Lifetimes are what the answer says: TikTok has changed them."""
    return oauth.tokens(body, before, where, refresh_ends="refresh_expires_in")
