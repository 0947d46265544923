"""YouTube Data API v3: resumable uploads, thumbnails, the list of a channel's uploads.

Sources: developers.google.com/youtube/v3 (docs/videos/insert, docs/thumbnails/set, docs/channels/list,
docs/playlistItems/list, docs/errors, guides/using_resumable_upload_protocol, determine_quota_cost), 2026-09-11.
"""

from __future__ import annotations

import re
import secrets
from dataclasses import dataclass, field
from datetime import datetime
from hashlib import sha256
from typing import Any, ClassVar

from socialcron.sandbox.frame import Account, Limit, Post, Refusal, Route, Token, media_type
from socialcron.sandbox.google import Google
from socialcron.sandbox.wire import Reply, Request, iso_time

GRAIN_BYTES = 262_144
MAX_FILE_BYTES = 256 * 2**30
MAX_TITLE, MAX_DESCRIPTION_BYTES, MAX_TAGS = 100, 5000, 500
THUMBNAIL_BYTES = 2 * 2**20
DAY = 86_400
PROCESSING_POLLS = 2  # a video is processed at the second look
_UPLOAD_SCOPE = "https://www.googleapis.com/auth/youtube.upload"
_READ_SCOPE = "https://www.googleapis.com/auth/youtube.readonly"
_REASONS = {400: "badRequest", 401: "authError", 403: "forbidden", 404: "notFound", 429: "rateLimitExceeded"}
_MESSAGES = {
    401: "Request had invalid authentication credentials.",
    403: "Forbidden",
    404: "Not Found",
    429: "Rate limit exceeded",
}


@dataclass(slots=True)
class Upload:
    """One resumable session. The bytes are not kept, only what is to be known of them."""

    id: str
    account: Account
    video: dict[str, Any]  # snippet and status
    content_type: str
    size: int
    began_at: float
    stored: int = 0
    head: bytes = b""
    digest: Any = field(default_factory=sha256)
    post: Post | None = None
    finished_at: float = 0.0


class YouTube(Google):
    """Switches: `session_seconds` and `finished_seconds`, how long a session lives and a finished one still answers;
    `keep_bytes`, the most that is kept of a piece (0: all); `audited` False locks every video to private.
    """

    scopes = ("youtube.upload", "youtube.readonly")
    limits: ClassVar = {"uploads": (Limit(100, DAY),), "units": (Limit(10_000, DAY),)}
    switches = (*Google.switches, "session_seconds", "finished_seconds", "keep_bytes", "audited")

    def __init__(self, *args: Any, **options: Any) -> None:
        super().__init__(*args, **options)
        self.uploads: dict[str, Upload] = {}
        self.session_seconds: float = 7 * DAY
        self.finished_seconds: float = 7 * DAY
        self.keep_bytes = 0
        self.audited = True

    def _account(self, handle: str, *, channel: bool = True) -> Account:
        """channel False: a Google account without one."""
        made = Account(f"UC{secrets.token_urlsafe(16)}", handle, {"channel": channel})
        return self.add_account(made)

    def token_of(self, request: Request) -> Token | None:
        upload = self.uploads.get(request.query("upload_id") or "")
        return super().token_of(request) or (Token("", upload.account, "upload") if upload else None)

    # Answers in the platform's form.

    def error(self, status: int, message: str = "", kind: str = "") -> Reply:
        reason = kind or _REASONS.get(status, "backendError")
        message = message or _MESSAGES.get(status, "Backend Error")
        domain = "youtube.quota" if "uota" in reason else "youtube.video" if kind else "global"
        error = {"message": message, "domain": domain, "reason": reason}
        return Reply(status, {"error": {"code": status, "message": message, "errors": [error]}})

    def spend(self, request: Request, family: str, cost: int = 1) -> dict[str, str]:
        """A spent quota is 403."""
        try:
            return super().spend(request, family, cost)
        except Refusal:
            message = "The request cannot be completed because you have exceeded your quota."
            raise self.refusal(403, message, "quotaExceeded") from None

    def _check_scope(self, token: Token, route: Route) -> None:
        if route.scope and token.scopes is not None and route.scope not in token.scopes:
            raise self.refusal(403, "Insufficient Permission", "insufficientPermissions")

    # Uploads.

    def begin(self, request: Request) -> Reply:
        self.query_only(request, "uploadType", "part", "notifySubscribers")
        if request.query("uploadType") != "resumable":
            raise self.refusal(400, "The sandbox takes resumable uploads only.")
        if request.query("notifySubscribers", "true") not in ("true", "false"):
            raise self.refusal(400, "Invalid value for notifySubscribers.")
        if not request.account.options["channel"]:
            raise self.refusal(401, "Unauthorized", "youtubeSignupRequired")
        if request.headers.get("content-type", "").lower() != "application/json; charset=utf-8":
            raise self.refusal(400, "The metadata is JSON in UTF-8.")
        content_type = request.headers.get("x-upload-content-type", "")
        if not content_type.startswith("video/") and content_type != "application/octet-stream":
            raise self.refusal(400, "Media type is not supported.", "mediaBodyRequired")
        length = request.headers.get("x-upload-content-length", "")
        if not length.isdecimal() or not 0 < int(length) <= MAX_FILE_BYTES:
            raise self.refusal(400, "X-Upload-Content-Length is no size of a video.")
        video = self._video(self.json_body(request), (request.query("part") or "").split(","))
        upload = Upload(
            secrets.token_urlsafe(16), request.account, video, content_type, int(length), self.now()
        )
        self.uploads[upload.id] = upload
        location = f"{self.base_url}/upload/youtube/v3/videos?uploadType=resumable&upload_id={upload.id}"
        return Reply(200, None, {"Location": location})

    def _video(self, body: dict[str, Any], parts: list[str]) -> dict[str, Any]:
        if sorted(parts) != ["snippet", "status"]:
            raise self.refusal(400, f"part {parts} is not snippet,status.", "unexpectedPart")
        self.only(body, ("snippet", "status"), "video")
        snippet = self.only(
            body.get("snippet"), ("title", "description", "tags", "categoryId", "defaultLanguage"), "snippet"
        )
        status = self.only(
            body.get("status"),
            ("privacyStatus", "publishAt", "selfDeclaredMadeForKids", "containsSyntheticMedia"),
            "status",
        )
        title, description = snippet.get("title"), snippet.get("description", "")
        if not isinstance(title, str) or not title.strip() or len(title) > MAX_TITLE or _angled(title):
            raise self.refusal(400, "The video title is empty or invalid.", "invalidTitle")
        if not isinstance(description, str) or _angled(description):
            raise self.refusal(400, "The video description is invalid.", "invalidDescription")
        if len(description.encode()) > MAX_DESCRIPTION_BYTES:
            raise self.refusal(400, "The video description is too long.", "invalidDescription")
        tags = snippet.get("tags", [])
        if not isinstance(tags, list) or not all(isinstance(tag, str) and tag for tag in tags):
            raise self.refusal(400, "The video keywords are invalid.", "invalidTags")
        if sum(len(f'"{tag}"' if " " in tag else tag) for tag in tags) + max(len(tags) - 1, 0) > MAX_TAGS:
            raise self.refusal(400, "The video keywords are too long.", "invalidTags")
        if not re.fullmatch(r"\d+", str(snippet.get("categoryId", "22"))):
            raise self.refusal(400, "The category is invalid.", "invalidCategoryId")
        if status.get("privacyStatus") not in ("private", "public", "unlisted"):
            raise self.refusal(400, "The privacy status is invalid.", "invalidVideoMetadata")
        if "publishAt" in status and (
            status["privacyStatus"] != "private" or not _is_moment(status["publishAt"])
        ):
            raise self.refusal(400, "The publishAt time is invalid.", "invalidPublishAt")
        if any(
            status.get(name) not in (None, True, False)
            for name in status
            if name.startswith(("self", "contains"))
        ):
            raise self.refusal(400, "Not a boolean.", "invalidVideoMetadata")
        return {
            "snippet": snippet,
            "status": status if self.audited else {**status, "privacyStatus": "private"},
        }

    def receive(self, request: Request) -> Reply:
        """A piece of the file, or with `bytes */SIZE` the question how much is there."""
        upload = self.uploads.get(request.query("upload_id") or "")
        if upload is None or self._is_over(upload):
            raise self.refusal(404)
        if upload.post:
            return self._finished(upload)
        asked = re.fullmatch(r"bytes (?:(\d+)-(\d+)|\*)/(\d+)", request.headers.get("content-range", ""))
        if asked is None or int(asked[3]) != upload.size:
            raise self.refusal(400, "Failed to parse Content-Range header.")
        if asked[1] is None:
            if request.body:
                raise self.refusal(400, "A question has no body.")
            return self._more(upload)
        start, end = int(asked[1]), int(asked[2])
        if len(request.body) != end + 1 - start or end >= upload.size or start > upload.stored:
            raise self.refusal(
                400, f"Bytes {start}-{end} of {len(request.body)} do not follow {upload.stored}."
            )
        if end + 1 < upload.size and len(request.body) % GRAIN_BYTES:
            raise self.refusal(400, "Every piece but the last must be a multiple of 262144 bytes.")
        if request.headers.get("content-type") != upload.content_type:
            raise self.refusal(400, "The pieces have another Content-Type than the session.")
        fresh = request.body[upload.stored - start :]
        if self.keep_bytes:
            fresh = fresh[: self.keep_bytes]
        upload.head = (upload.head + fresh[:64])[:64]
        upload.digest.update(fresh)
        upload.stored += len(fresh)
        return self._publish(upload, request) if upload.stored == upload.size else self._more(upload)

    def _is_over(self, upload: Upload) -> bool:
        if upload.post:
            return self.now() >= upload.finished_at + self.finished_seconds
        return self.now() >= upload.began_at + self.session_seconds

    def _more(self, upload: Upload) -> Reply:
        return Reply(308, None, {"Range": f"bytes=0-{upload.stored - 1}"} if upload.stored else {})

    def _publish(self, upload: Upload, request: Request) -> Reply:
        if not (media_type(upload.head) or "").startswith("video/"):
            raise self.refusal(400, "The file is no video.", "mediaBodyRequired")
        snippet, now = upload.video["snippet"], self.now()
        post = Post(
            secrets.token_urlsafe(8),
            upload.account,
            snippet.get("description") or snippet["title"],
            now,
            (f"sha256:{upload.digest.hexdigest()}",),
            key=upload.id,
            body={**upload.video, "polls": PROCESSING_POLLS},
        )
        upload.post, upload.finished_at = self.add_post(post, request), now
        return self._finished(upload)

    def _finished(self, upload: Upload) -> Reply:
        assert upload.post is not None
        status = {**upload.post.body["status"], "uploadStatus": "uploaded"}
        return Reply(
            200,
            {
                "kind": "youtube#video",
                "id": upload.post.id,
                "snippet": upload.post.body["snippet"],
                "status": status,
            },
        )

    def set_thumbnail(self, request: Request) -> Reply:
        self.query_only(request, "videoId")
        post = self.posts.get(request.query("videoId") or "")
        if post is None or post.deleted or post.account is not request.account:
            raise self.refusal(404, "The video was not found.", "videoNotFound")
        kind = media_type(request.body)
        if kind not in ("image/jpeg", "image/png") or kind != request.content_type:
            raise self.refusal(400, "The image is neither JPEG nor PNG.", "invalidImage")
        if len(request.body) > THUMBNAIL_BYTES:
            raise self.refusal(413, "The image is too large.", "mediaBodyRequired")
        post.media = (post.media[0], f"sha256:{sha256(request.body).hexdigest()}")
        return Reply(200, {"kind": "youtube#thumbnailSetResponse", "items": [{}]})

    # Reading.

    def channels(self, request: Request) -> Reply:
        self.query_only(request, "part", "mine")
        if request.query("mine") != "true":
            raise self.refusal(400, "No filter selected.", "missingRequiredParameter")
        account = request.account
        parts = {
            "id": None,
            "snippet": {"title": account.handle, "customUrl": f"@{account.handle}"},
            "contentDetails": {"relatedPlaylists": {"likes": "LL", "uploads": _playlist(account)}},
        }
        items = [self._chosen(request, {"kind": "youtube#channel", "id": account.id}, parts)]
        return self._list("channel", items if account.options["channel"] else [], None)

    def playlist_items(self, request: Request) -> Reply:
        self.query_only(request, "part", "playlistId", "maxResults", "pageToken")
        account = request.account
        if request.query("playlistId") != _playlist(account):
            raise self.refusal(404, "The playlist cannot be found.", "playlistNotFound")
        posts, following = self.page(request, list(self.listed(account)), "maxResults", 5, 50)
        items = []
        for post in posts:
            published_at = iso_time(post.created_at)[:-5] + "Z"
            parts = {
                "id": None,
                "snippet": {
                    "publishedAt": published_at,
                    "channelId": account.id,
                    "title": post.body["snippet"]["title"],
                    "description": post.body["snippet"].get("description", ""),
                    "resourceId": {"kind": "youtube#video", "videoId": post.id},
                },
                "contentDetails": {"videoId": post.id, "videoPublishedAt": published_at},
                "status": {"privacyStatus": post.body["status"]["privacyStatus"]},
            }
            items.append(
                self._chosen(request, {"kind": "youtube#playlistItem", "id": f"UU.{post.id}"}, parts)
            )
        return self._list("playlistItem", items, following)

    def videos(self, request: Request) -> Reply:
        self.query_only(request, "part", "id")
        ids = (request.query("id") or "").split(",")
        if len(ids) > 50:
            raise self.refusal(400, "Too many ids.", "invalidFilters")
        items = []
        for post in (self.posts[key] for key in ids if key in self.posts and not self.posts[key].deleted):
            status = post.body["status"]
            if status["privacyStatus"] == "private" and post.account is not request.account:
                continue
            post.body["polls"] = max(post.body["polls"] - 1, 0)
            parts = {
                "id": None,
                "snippet": post.body["snippet"],
                "status": {**status, "uploadStatus": "uploaded" if post.body["polls"] else "processed"},
                "statistics": self._statistics(post),
                "processingDetails": {
                    "processingStatus": "processing" if post.body["polls"] else "succeeded"
                },
            }
            items.append(self._chosen(request, {"kind": "youtube#video", "id": post.id}, parts))
        return self._list("video", items, None)

    def _statistics(self, post: Post) -> dict[str, str]:
        seen = self.seen_by(post)
        shown = (
            {"viewCount": seen.views, "likeCount": seen.likes, "commentCount": seen.comments} if seen else {}
        )
        return {name: str(number) for name, number in (shown | {"favoriteCount": 0}).items()}

    def delete_video(self, request: Request) -> Reply:
        post = self.posts.get(request.query("id") or "")
        if post is None or post.deleted or post.account is not request.account:
            raise self.refusal(404, "The video was not found.", "videoNotFound")
        self.delete_post(post)
        return Reply(204)

    def _chosen(self, request: Request, item: dict[str, Any], parts: dict[str, Any]) -> dict[str, Any]:
        """`item` with the parts that were asked for."""
        asked = (request.query("part") or "").split(",")
        if unknown := sorted(set(asked) - set(parts)):
            raise self.refusal(400, f"Unknown part {unknown[0]!r}.", "unknownPart")
        return item | {name: parts[name] for name in asked if parts[name] is not None}

    def _list(self, kind: str, items: list[Any], following: str | None) -> Reply:
        body: dict[str, Any] = {"kind": f"youtube#{kind}ListResponse", "items": items}
        return Reply(200, body | ({"nextPageToken": following} if following else {}))

    routes: ClassVar[tuple[Route, ...]] = (
        Route("GET", "/o/oauth2/v2/auth", Google.authorize, login=False, family=None),
        Route("POST", "/token", Google.token, login=False, family=None),
        Route("POST", "/upload/youtube/v3/videos", begin, family="uploads", scope=_UPLOAD_SCOPE),
        Route("PUT", "/upload/youtube/v3/videos", receive, True, login=False, family=None),
        Route(
            "POST",
            "/upload/youtube/v3/thumbnails/set",
            set_thumbnail,
            True,
            family="units",
            cost=50,
            scope=_UPLOAD_SCOPE,
        ),
        Route("GET", "/youtube/v3/channels", channels, family="units", scope=_READ_SCOPE),
        Route("GET", "/youtube/v3/playlistItems", playlist_items, family="units", scope=_READ_SCOPE),
        Route("GET", "/youtube/v3/videos", videos, family="units", scope=_READ_SCOPE),
        Route(
            "DELETE", "/youtube/v3/videos", delete_video, True, family="units", cost=50, scope=_UPLOAD_SCOPE
        ),
    )


def _playlist(account: Account) -> str:
    return f"UU{account.id[2:]}"


def _angled(text: str) -> bool:
    return "<" in text or ">" in text


def _is_moment(value: Any) -> bool:
    try:
        return datetime.fromisoformat(str(value)).tzinfo is not None
    except ValueError:
        return False
