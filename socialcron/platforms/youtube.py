"""YouTube: one video per post, uploaded in pieces through a resumable session.

API: YouTube Data API v3. Documentation: https://developers.google.com/youtube/v3/docs

A session becomes at most one video, and nothing is on the channel until its last byte is accepted. So everything but
that last piece is invisible and goes up early; the piece itself is small, so that it goes out at its second. The
session's address is the handle that an unknown outcome is settled by.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator, Mapping, Sequence
from datetime import UTC, datetime, time, timedelta
from email.utils import parsedate_to_datetime
from typing import Any, ClassVar
from zoneinfo import ZoneInfo

from socialcron.errors import (
    AuthExpired,
    OutcomeUnknown,
    PlatformError,
    PlatformFailure,
    RateLimited,
    Rejected,
)
from socialcron.model import (
    Account,
    Closed,
    Confirmed,
    Connectable,
    Gone,
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
from socialcron.platforms import google
from socialcron.platforms.base import (
    OAUTH2,
    App,
    Declaration,
    Grant,
    Limit,
    MediaRule,
    Metrics,
    counts,
    default_error,
    key_text,
    moment,
    optional_str,
    require,
    require_list,
    require_moment,
    require_str,
)
from socialcron.platforms.files import read_part, stream_part
from socialcron.platforms.http import Answer, Http, Session
from socialcron.platforms.rules import flag, media_problems
from socialcron.platforms.text import with_link

_HOST = "https://www.googleapis.com"
_INSERT = "https://developers.google.com/youtube/v3/docs/videos/insert"
_THUMBNAIL = "https://developers.google.com/youtube/v3/docs/thumbnails/set"
_VIDEOS = "https://developers.google.com/youtube/v3/docs/videos/list"
_QUOTAS = "https://developers.google.com/youtube/v3/determine_quota_cost"
_READ_ON = "2026-09-11"

# https://developers.google.com/youtube/v3/guides/using_resumable_upload_protocol
_GRAIN_BYTES = 262_144  # every piece but the last is a multiple of this
_PIECE_BYTES = 32 * _GRAIN_BYTES
_GONE = (404, 410)

_PAGE = 20
_MAX_PAGES = 50
_PROCESSING_SECONDS = 30.0
_PRIVACIES = ("private", "public", "unlisted")
_FLAGS = ("made_for_kids", "contains_synthetic_media", "notify_subscribers")
_CHOICES = {
    "tags": "keywords, as a list or separated by commas",
    "category_id": "number of YouTube's category, as in 22 (People & Blogs)",
    "privacy_status": "private (default), public or unlisted; projects that Google has not audited stay private",
    "made_for_kids": "true or false: made for children, which YouTube's rules want declared",
    "contains_synthetic_media": "true or false: realistic content that was altered or generated",
    "notify_subscribers": "false keeps the new video out of the subscribers' notifications",
}


class YouTube:
    declaration: ClassVar[Declaration] = Declaration(
        name="youtube",
        title="YouTube",
        documentation="https://developers.google.com/youtube/v3/docs",
        default_base_url=_HOST,
        features=frozenset({"media", "link", "thumbnail"}),
        limits=(
            Limit(name="title", value=100, unit="characters", source=_INSERT, date=_READ_ON),
            Limit(name="text", value=5000, unit="bytes of UTF-8", source=_INSERT, date=_READ_ON),
            Limit(name="tags", value=500, unit="characters in total", source=_INSERT, date=_READ_ON),
            Limit(name="media", value=1, unit="video", source=_INSERT, date=_READ_ON),
            Limit(
                name="uploads", value=100, unit="per day and Google project", source=_QUOTAS, date=_READ_ON
            ),
        ),
        credentials=(OAUTH2,),
        media=(
            MediaRule(
                kind="video",
                mime_types=frozenset(
                    f"video/{kind}"
                    for kind in (
                        *("mp4", "quicktime", "webm", "mpeg", "mp2t", "x-m4v", "x-msvideo", "x-matroska"),
                        *("matroska", "x-flv", "x-ms-wmv", "x-ms-asf", "3gpp", "3gpp2", "ogg"),
                    )
                )
                | {"application/octet-stream"},
                source=_INSERT,
                date=_READ_ON,
                use="post",
                min_bytes=1,
                max_bytes=256 * 2**30,
                max_seconds=12 * 3600,
            ),
            MediaRule(
                kind="image",
                mime_types=frozenset({"image/jpeg", "image/png"}),
                source=_THUMBNAIL,
                date=_READ_ON,
                use="thumbnail",
                max_bytes=2 * 2**20,
            ),
        ),
        settings={"base_url": "address of a proxy in place of all of Google's hosts", **_CHOICES},
        options={
            "title": "title of the video; without it, the first line of the text",
            "publish_at": "when a private video becomes public by itself, as in 2026-12-01T09:00:00Z",
            **_CHOICES,
        },
        metrics=Metrics(
            batch_size=50, counts=frozenset({"views", "likes", "comments"}), source=_VIDEOS, date=_READ_ON
        ),
        authorization=google.authorization("youtube.upload", "youtube.readonly"),
        refresh_early_seconds=google.REFRESH_EARLY_SECONDS,
        reconcile="handle",
        settle_seconds=300,  # of the list of uploads, which "may lag minutes"
        handle_ttl_seconds=24 * 3600,
        honest_limits="Videos of Google projects created after 2020-07-28 that have not passed Google's audit are "
        "locked to private, whatever privacy_status or publish_at say. Uploads are limited per day and project "
        "(quota until midnight Pacific time) and per channel.",
    )

    def choose_key(self, seed: bytes, due_at: datetime, number: int) -> str:
        return key_text(seed)

    def validate(self, steps: Sequence[Step], settings: Mapping[str, Any]) -> list[Problem]:
        return [problem for step in steps for problem in _problems(step, settings)]

    def connect(self, account: Account, credentials: Mapping[str, Any], app: App, http: Http) -> Session:
        return google.session(
            account, credentials, app, http, host=_HOST, explain=_explain, limits=_limits_seen
        )

    def prepare(self, step: Step, session: Session) -> Saved | Ready:
        """Begin an upload session, then one piece per call, until only the last is left.

        handles: `session_uri` (the platform's address of the upload, which needs no token), `size` and `sha256` of
        the file it is for, `announced` (what the video was said to be), `started_at`, and `offset`, which is for
        people: how far an earlier run came is asked.

        A session that turns out to be finished (its last piece arrived after all) is Ready, too: with nothing left
        to send, the visible write of `send_step` only asks for the video that it became.
        Source: https://developers.google.com/youtube/v3/guides/using_resumable_upload_protocol
        """
        if not step.media:
            raise Rejected(f"{session.where}: there is no file to upload")
        media = step.media[0]
        if step.kind == "thumbnail":
            video_id = step.parent.remote_id if step.parent else ""
            return Ready(request={"video_id": video_id, "content_type": media.mime_type})
        video, size, handles = _resource(step, session.settings), _size(media), dict(step.handles)
        announced = {"video": video, "query": _query(step, session.settings)}
        if (handles.get("size"), handles.get("sha256")) != (size, media.sha256):
            return _start(media, announced, session)
        uri = str(handles.get("session_uri"))
        # Known only from answers of this run, and no longer once a piece is under way.
        offset = session.memo.pop(_memo(uri), None)
        if offset is None:
            answer = _probe(uri, size, session)
            if answer.status in _GONE:
                return _start(media, announced, session)
            offset = _stored(answer, size, session.where)
        if offset < size and handles.get("announced", announced) != announced:
            # Begun as something else: the account's privacy_status may have been changed since.
            return _start(media, announced, session)
        length = min(_PIECE_BYTES, (size - offset - 1) // _GRAIN_BYTES * _GRAIN_BYTES)
        if length <= 0:
            rest = {"offset": offset, "size": size, "content_type": _content_type(media)}
            return Ready(request={**rest, "video": video}, handles={**handles, "offset": offset})
        answer = session.upload(
            "PUT",
            uri,
            accept=(308,),
            signed=False,
            content=stream_part(media, offset, length),
            headers={
                "content-type": _content_type(media),
                "content-length": str(length),
                "content-range": f"bytes {offset}-{offset + length - 1}/{size}",
            },
        )
        stored = _stored(answer, size, session.where)
        if stored <= offset:
            raise PlatformFailure(
                f"{session.where}: YouTube kept nothing of the piece at byte {offset}", retryable=True
            )
        session.memo[_memo(uri)] = stored
        return Saved(handles={**handles, "offset": stored})

    def send_step(self, step: PreparedStep, session: Session) -> Confirmed:
        """Send the last piece of the video (or its thumbnail); return the video's id and address.

        Raises RateLimited, Rejected, AuthExpired, Unavailable, PlatformFailure, OutcomeUnknown.
        Source: https://developers.google.com/youtube/v3/guides/using_resumable_upload_protocol
        """
        if step.kind == "thumbnail":
            return _set_thumbnail(step, session)
        offset, size = step.request["offset"], step.request["size"]
        data = read_part(step.media[0], offset, size - offset) if offset < size else b""
        if len(data) != size - offset:
            raise Rejected(f"{session.where}: media {step.media[0].source} changed while it was uploaded")
        answer = session.write(
            "PUT",
            str(step.handles["session_uri"]),
            signed=False,
            content=data,
            headers={
                "content-type": step.request["content_type"],
                "content-range": f"bytes {offset}-{size - 1}/{size}" if data else f"bytes */{size}",
            },
        )
        video_id = optional_str(answer.json, "id")
        if video_id is None:
            raise OutcomeUnknown(
                f"{session.where}: the answer to the last piece names no video", http_status=answer.status
            )
        return _confirmed(video_id)

    def reconcile(self, step: PreparedStep, session: Session) -> Look:
        """Ask the upload session what became of it; where it is gone, look through the channel's uploads.

        308 means that bytes are missing, so there is no video. A thumbnail may simply be set again.
        Source: https://developers.google.com/youtube/v3/guides/using_resumable_upload_protocol
        """
        if step.kind == "thumbnail":
            return Look()
        uri, size = step.handles.get("session_uri"), step.request["size"]
        if not uri:
            return Look(complete=False)
        answer = _probe(str(uri), size, session)
        if answer.status in _GONE:
            return _look_in_uploads(step, session)
        if answer.ok:
            return Look(matches=(_confirmed(require_str(answer.json, "id", session.where)),))
        if _stored(answer, size, session.where) == size:
            return Look(complete=False, waiting_seconds=_PROCESSING_SECONDS)
        return Look()

    def read_metrics(
        self, remote_ids: Sequence[str], session: Session
    ) -> Mapping[str, Reading | Gone | Closed]:
        """Statistics of at most 50 videos, for one unit of the quota; a video that is not shown is gone.

        The owner may hide likes and switch comments off: then there is no number. Shares and saves are told by
        YouTube Analytics alone. All of it is closed to a token that may only upload.
        Source: https://developers.google.com/youtube/v3/docs/videos/list
        """
        query = {"part": "statistics", "id": ",".join(remote_ids)}
        answer = session.read("GET", "/youtube/v3/videos", params=query, accept=(403,))
        if not answer.ok:
            if google.reason(answer) != "insufficientPermissions":
                raise session.explain(answer)
            return dict.fromkeys(remote_ids, Closed(session.explain(answer)))
        shown = {}
        for item in require_list(answer.json, "items", session.where):
            statistics = require(item, "statistics", Mapping, session.where)
            found = counts(statistics, "viewCount", "likeCount", "commentCount")
            shown[require_str(item, "id", session.where)] = Reading(
                views=found.get("viewCount"),
                likes=found.get("likeCount"),
                comments=found.get("commentCount"),
                raw=found,
            )
        return {remote_id: shown.get(remote_id, Gone()) for remote_id in remote_ids}

    def can_refresh(self, credentials: Mapping[str, Any]) -> bool:
        return google.can_refresh(credentials)

    def refresh(self, account: Account, credentials: Mapping[str, Any], app: App, http: Http) -> Tokens:
        return google.refresh(account, credentials, app, http)

    def identify(self, session: Session) -> Identity:
        """Source: https://developers.google.com/youtube/v3/docs/channels/list"""
        channels = _channels("snippet", session)
        if not channels:
            raise AuthExpired(
                f"{session.where}: there is no YouTube channel on this Google account",
                hint="Create one at youtube.com, or connect with the account that has it.",
            )
        return Identity(
            external_id=require_str(channels[0], "id", session.where), handle=_name(channels[0], session)
        )

    def connect_accounts(
        self, grant: Grant, app: App, settings: Mapping[str, Any], http: Http
    ) -> list[Connectable]:
        """The channel that was picked on the consent page.

        Raises AuthExpired, Unavailable, PlatformFailure.
        """
        tokens, scopes = google.trade_code(grant, app, settings, http, "YouTube")
        account = Account(id=0, platform="youtube", handle="new", settings=settings)
        session = self.connect(account, tokens.credentials, app, http)
        return [
            Connectable(
                external_id=require_str(channel, "id", session.where),
                handle=_name(channel, session),
                tokens=tokens,
                scopes=scopes,
            )
            for channel in _channels("snippet", session)
        ]


# --- what a post becomes ---------------------------------------------------------------------------------------


def _problems(step: Step, settings: Mapping[str, Any]) -> Iterator[Problem]:
    limit, use = YouTube.declaration.limit, step.kind
    if use == "thumbnail":
        yield from media_problems(step.media, YouTube.declaration.media, use=use, field="thumbnail")
        return
    if len(step.media) != limit("media"):
        yield Problem(field="media", message=f"{len(step.media)} attachments; it must be 1, a video")
    yield from media_problems(step.media, YouTube.declaration.media, use=use)
    choice = {**settings, **step.options}
    title, title_field = _title(step, choice), "options.title" if choice.get("title") else "text"
    if not title:
        yield Problem(field=title_field, message="is empty: a video needs a title, or a text to take it from")
    if len(title) > limit("title"):
        hint = "" if choice.get("title") else " (its first line is the title; the option title sets another)"
        yield Problem(
            field=title_field, message=f"title of {len(title)} characters, at most {limit('title')}{hint}"
        )
    if re.search("[<>]", title) and title_field != "text":
        yield Problem(field=title_field, message="YouTube allows no < or > in a title")
    description = with_link(step.text, step.link)
    if (size := len(description.encode())) > limit("text"):
        yield Problem(field="text", message=f"{size} bytes in UTF-8, at most {limit('text')}")
    if re.search("[<>]", description):
        yield Problem(field="text", message="YouTube allows no < or > in a description")
    yield from _option_problems(choice)


def _option_problems(choice: Mapping[str, Any]) -> Iterator[Problem]:
    # A tag with a space is quoted, and the commas between tags count.
    tags, most = _tags(choice), YouTube.declaration.limit("tags")
    if choice.get("tags") and not isinstance(choice["tags"], str | list):
        yield Problem(field="options.tags", message=f"{choice['tags']!r} is neither a text nor a list")
    if (length := sum(len(tag) + 2 * (" " in tag) for tag in tags) + max(len(tags) - 1, 0)) > most:
        yield Problem(field="options.tags", message=f"{length} characters in total, at most {most}")
    if (category := choice.get("category_id")) and not str(category).isdecimal():
        yield Problem(field="options.category_id", message=f"{category!r} is not the number of a category")
    privacy = choice.get("privacy_status") or "private"
    if privacy not in _PRIVACIES:
        yield Problem(
            field="options.privacy_status", message=f"{privacy!r} is none of {', '.join(_PRIVACIES)}"
        )
    if publish_at := choice.get("publish_at"):
        if moment(publish_at) is None:
            yield Problem(
                field="options.publish_at",
                message=f"{publish_at!r} is no moment with an offset, as in 2026-12-01T09:00:00Z",
            )
        if privacy != "private":
            yield Problem(
                field="options.publish_at", message=f"needs privacy_status private, not {privacy!r}"
            )
    for name in _FLAGS:
        if choice.get(name) is not None and flag(choice[name]) is None:
            yield Problem(field=f"options.{name}", message=f"{choice[name]!r} is neither true nor false")


def _resource(step: Step, settings: Mapping[str, Any]) -> dict[str, Any]:
    """The metadata of the video. What nobody chose is left out, but for the privacy: YouTube wants it said.

    Source: https://developers.google.com/youtube/v3/docs/videos#resource
    """
    choice = {**settings, **step.options}
    publish_at = moment(choice.get("publish_at"))
    snippet = {
        "title": _title(step, choice),
        "description": with_link(step.text, step.link),
        "tags": _tags(choice) or None,
        "categoryId": str(choice["category_id"]) if choice.get("category_id") else None,
    }
    status = {
        "privacyStatus": str(choice.get("privacy_status") or "private"),
        "publishAt": publish_at.strftime("%Y-%m-%dT%H:%M:%SZ") if publish_at else None,
        "selfDeclaredMadeForKids": flag(choice.get("made_for_kids")),
        "containsSyntheticMedia": flag(choice.get("contains_synthetic_media")),
    }
    return {
        "snippet": {name: value for name, value in snippet.items() if value is not None},
        "status": {name: value for name, value in status.items() if value is not None},
    }


def _title(step: Step, choice: Mapping[str, Any]) -> str:
    return str(choice.get("title") or step.text.strip().partition("\n")[0]).strip()


def _tags(choice: Mapping[str, Any]) -> list[str]:
    given = choice.get("tags") or ()
    listed = given.split(",") if isinstance(given, str) else given
    return [tag for item in listed if (tag := str(item).strip())] if isinstance(listed, list) else []


def _confirmed(video_id: str) -> Confirmed:
    return Confirmed(remote_id=video_id, url=f"https://www.youtube.com/watch?v={video_id}")


# --- the upload ------------------------------------------------------------------------------------------------


def _query(step: Step, settings: Mapping[str, Any]) -> dict[str, str]:
    notify = flag({**settings, **step.options}.get("notify_subscribers"))
    told = {} if notify is None else {"notifySubscribers": str(notify).lower()}
    return {"uploadType": "resumable", "part": "snippet,status", **told}


def _start(media: Media, announced: Mapping[str, Any], session: Session) -> Saved:
    """Begin a session. Source: https://developers.google.com/youtube/v3/docs/videos/insert"""
    size = _size(media)
    answer = session.upload(
        "POST",
        "/upload/youtube/v3/videos",
        params=announced["query"],
        json=announced["video"],
        headers={
            "content-type": "application/json; charset=UTF-8",
            "x-upload-content-type": _content_type(media),
            "x-upload-content-length": str(size),
        },
    )
    uri = answer.headers.get("location", "")
    if not uri.startswith(("https://", "http://")):
        raise PlatformFailure(f"{session.where}: the answer names no upload session", retryable=True)
    session.memo[_memo(uri)] = 0
    return Saved(
        handles={
            "session_uri": uri,
            "size": size,
            "sha256": media.sha256,
            "announced": announced,
            "started_at": _answered_at(answer).isoformat(),
            "offset": 0,
        }
    )


def _probe(uri: str, size: int, session: Session) -> Answer:
    """Ask a session how far it is: 308 with a Range, 200 or 201 with the video, 404 or 410 once it is gone."""
    headers = {"content-range": f"bytes */{size}"}
    return session.read("PUT", uri, accept=(308, *_GONE), signed=False, headers=headers)


def _stored(answer: Answer, size: int, where: str) -> int:
    """How many bytes the session has, from the first on; `size` when it is finished."""
    if answer.ok:
        require_str(answer.json, "id", where)
        return size
    shown = answer.headers.get("range")
    if shown is None:
        return 0
    stored = re.fullmatch(r"bytes=0-(\d{1,15})", shown, re.ASCII)
    if stored is None:
        raise PlatformFailure(f"{where}: the upload session names no usable Range", retryable=True)
    return min(int(stored[1]) + 1, size)


def _size(media: Media) -> int:
    if not media.size_bytes:
        raise Rejected(f"media {media.source} is empty or was not fetched")
    return media.size_bytes


def _content_type(media: Media) -> str:
    return media.mime_type or "application/octet-stream"


def _memo(uri: str) -> str:
    return f"youtube upload {uri}"


def _set_thumbnail(step: PreparedStep, session: Session) -> Confirmed:
    """Source: https://developers.google.com/youtube/v3/docs/thumbnails/set"""
    video_id, image = step.request["video_id"], step.media[0]
    session.write(
        "POST",
        "/upload/youtube/v3/thumbnails/set",
        params={"videoId": video_id},
        content=read_part(image, 0, image.size_bytes or 2**21),
        headers={"content-type": step.request["content_type"] or "application/octet-stream"},
    )
    return Confirmed(remote_id=f"{video_id}/thumbnail")


# --- finding our own videos again ------------------------------------------------------------------------------


def _channels(part: str, session: Session) -> list[Any]:
    """Source: https://developers.google.com/youtube/v3/docs/channels/list"""
    query = {"part": part, "mine": "true"}
    return require_list(
        session.read("GET", "/youtube/v3/channels", params=query).json, "items", session.where
    )


def _name(channel: Any, session: Session) -> str:
    return require_str(require(channel, "snippet", Mapping, session.where), "title", session.where)


def _look_in_uploads(step: PreparedStep, session: Session) -> Look:
    """Uploads with our title since the upload began, newest first; a video may be dated from its first byte.

    Source: https://developers.google.com/youtube/v3/docs/playlistItems/list
    """
    where, began_at = session.where, moment(step.handles.get("started_at"))
    channels = _channels("contentDetails", session)
    if began_at is None or step.first_sending_at is None or not channels:
        return Look(complete=False)
    since = min(began_at, step.first_sending_at) - timedelta(seconds=60)
    same_channel = session.account_id == require_str(channels[0], "id", where)
    content = require(channels[0], "contentDetails", Mapping, where)
    playlist = require_str(require(content, "relatedPlaylists", Mapping, where), "uploads", where)
    title = step.request["video"]["snippet"]["title"].split()
    matches: list[Confirmed] = []
    query = {"part": "snippet,contentDetails", "playlistId": playlist, "maxResults": str(_PAGE)}
    for _ in range(_MAX_PAGES):
        body = session.read("GET", "/youtube/v3/playlistItems", params=query).json
        for item in require_list(body, "items", where):
            snippet = require(item, "snippet", Mapping, where)
            if require_moment(snippet, "publishedAt", where) < since:
                return Look(matches=tuple(matches), certain=False, complete=same_channel)
            if str(snippet.get("title")).split() == title:
                details = require(item, "contentDetails", Mapping, where)
                matches.append(_confirmed(require_str(details, "videoId", where)))
        following = optional_str(body, "nextPageToken")
        if following is None:
            return Look(matches=tuple(matches), certain=False, complete=same_channel)
        query["pageToken"] = following
    return Look(matches=tuple(matches), certain=False, complete=False)


# --- errors and limits -----------------------------------------------------------------------------------------

_QUOTA = ("quotaExceeded", "dailyLimitExceeded")
_TOO_FAST = ("rateLimitExceeded", "userRateLimitExceeded")
_RIGHTS = (
    *("forbidden", "insufficientPermissions", "accountDelegationForbidden", "youtubeSignupRequired"),
    *("authError", "authenticatedUserAccountClosed", "authenticatedUserAccountSuspended"),
)
_CHANNEL_PAUSE_SECONDS = 86_400.0


def _explain(answer: Answer, where: str) -> PlatformError:
    """By `errors[0].reason`: quota errors are 403, as missing rights are.

    Source: https://developers.google.com/youtube/v3/docs/errors
    """
    status, why = answer.status, google.reason(answer)
    said = f"{where}: HTTP {status}{': ' if google.detail(answer) else ''}{google.detail(answer)}"
    if why in _QUOTA:
        return RateLimited(
            said,
            hint="The quota is the Google project's, for all its channels; ask Google for more, or post less.",
            retry_after=_until_midnight_pacific(_answered_at(answer)),
            http_status=status,
        )
    if why == "uploadLimitExceeded":
        return RateLimited(said, retry_after=_CHANNEL_PAUSE_SECONDS, http_status=status)
    if why in _TOO_FAST:
        return RateLimited(said, retry_after=answer.retry_after, http_status=status)
    if why == "forbidden" and answer.path.endswith("/thumbnails/set"):
        # A channel may upload and yet not choose thumbnails: nothing is wrong with the token.
        return PlatformFailure(
            said, hint="Verify the channel at youtube.com/verify.", retryable=False, http_status=status
        )
    if why in _RIGHTS and status in (401, 403):
        return AuthExpired(
            said,
            hint="Connect the account again, as an owner of the channel, and grant every permission asked for.",
            http_status=status,
        )
    if why == "forbiddenPrivacySetting":
        return Rejected(said, http_status=status)
    if why == "failedPrecondition" or status == 403:
        return PlatformFailure(said, retryable=False, http_status=status)
    if answer.method == "PUT" and status in _GONE:
        return PlatformFailure(f"{said}: the upload session is over", retryable=True, http_status=status)
    if status >= 500:
        return PlatformFailure(said, retryable=True, retry_after=answer.retry_after, http_status=status)
    return default_error(answer, where, google.detail(answer))


def _limits_seen(answer: Answer) -> Iterable[LimitSeen]:
    """YouTube has no headers about its quota: only what a refusal says. Uploads have a bucket of their own.

    Source: https://developers.google.com/youtube/v3/determine_quota_cost
    """
    error = None if answer.ok else _explain(answer, "")
    if isinstance(error, RateLimited):
        family = "publish" if "/upload/" in answer.path else "read"
        yield LimitSeen(family=family, retry_after=error.retry_after, blocked=True)


def _until_midnight_pacific(moment: datetime) -> float:
    """Seconds. Source: https://developers.google.com/youtube/v3/getting-started#quota"""
    today = moment.astimezone(ZoneInfo("America/Los_Angeles"))
    midnight = datetime.combine(today.date() + timedelta(days=1), time(), today.tzinfo)
    return (midnight.astimezone(UTC) - moment).total_seconds()


def _answered_at(answer: Answer) -> datetime:
    """When the platform answered, by its own clock, in UTC; ours may be hours off."""
    try:
        return parsedate_to_datetime(answer.headers.get("date", "")).astimezone(UTC)
    except (ValueError, TypeError, OverflowError):
        return datetime.now(UTC)
