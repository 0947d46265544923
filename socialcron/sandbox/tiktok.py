"""TikTok: Content Posting API, Display API and OAuth v2.

Sources: developers.tiktok.com/doc (content-posting-api-reference-direct-post, -upload-video, -photo-post,
-query-creator-info, -get-video-status, content-posting-api-media-transfer-guide, tiktok-api-v2-video-list,
tiktok-api-v2-get-user-info, tiktok-api-v2-error-handling, oauth-user-access-token-management), 2026-11.

A post is out when its last byte has arrived, or when the init of something to fetch was answered; `status/fetch` tells
of it some polls later, and of the public id some more. Files hold what becomes of them: one that is no media fails
its check, one with `SANDBOX-FAIL-reason` in it fails for that reason.
"""

from __future__ import annotations

import re
import secrets
from collections.abc import Mapping
from dataclasses import dataclass, field
from hashlib import sha256
from typing import Any, ClassVar
from urllib.parse import urlsplit

from socialcron.sandbox.frame import Account, Limit, Post, Refusal, Route, Token, media_type
from socialcron.sandbox.oauth import CLIENT_ID, CLIENT_SECRET, Consent
from socialcron.sandbox.wire import Reply, Request, iso_time

SCOPES = "user.info.basic,video.publish,video.upload,video.list"
ACCESS_SECONDS, REFRESH_SECONDS, URL_SECONDS = 7200, 15_552_000, 3600
DAY_SECONDS = 86_400
PUBLIC = "PUBLIC_TO_EVERYONE"
VIDEO_TYPES = ("video/mp4", "video/quicktime", "video/webm")
PHOTO_TYPES = ("image/jpeg", "image/webp")
MAX_CAPTION, MAX_TITLE, MAX_DESCRIPTION, MAX_PHOTOS = 2200, 90, 4000, 35
MAX_VIDEO_BYTES, MAX_PHOTO_BYTES = 4_000_000_000, 20_000_000
# Strict where "MB" is not defined: what is at least 5 and at most 64 of either kind.
MIN_CHUNK_BYTES, MAX_CHUNK_BYTES, MAX_CHUNKS, MAX_LAST_BYTES = 5_242_880, 64_000_000, 1000, 128_000_000
MAX_PENDING = 5
VIDEO_FLAGS = frozenset(
    {
        "disable_comment",
        "disable_duet",
        "disable_stitch",
        "brand_content_toggle",
        "brand_organic_toggle",
        "is_aigc",
    }
)
PHOTO_FLAGS = frozenset({"disable_comment", "auto_add_music", "brand_content_toggle", "brand_organic_toggle"})

_RANGE = re.compile(r"bytes (\d{1,15})-(\d{1,15})/(\d{1,15})")
_FAIL = re.compile(rb"SANDBOX-FAIL-([a-z_]+)")
_MESSAGES = {
    "access_token_invalid": "The access token is invalid or not found in the request.",
    "scope_not_authorized": "The user did not authorize the scope required for completing this request.",
    "rate_limit_exceeded": "The API rate limit was exceeded. Please try again later.",
    "internal_error": "Something went wrong. Please try again later.",
}
_KINDS = {401: "access_token_invalid", 403: "scope_not_authorized", 429: "rate_limit_exceeded"}


@dataclass(slots=True)
class Publish:
    """What one init request began. `url_id` and `url_token` are of the upload address; empty for what is fetched."""

    id: str
    account: Account
    text: str
    privacy: str | None  # None: to the inbox
    started_at: float
    size: int = 0
    chunk_size: int = 0
    chunks: int = 0
    url_id: str = ""
    url_token: str = ""
    stored: int = 0
    head: bytes = b""  # the first bytes, which show the type
    tail: bytes = b""  # the last ones, in case a mark lies across two chunks
    digest: Any = field(default_factory=sha256)
    arrived: bool = False
    polls_left: int = 0
    id_polls_left: int = 0
    fail_reason: str = ""
    post: Post | None = None


class TikTok(Consent):
    """processing_polls: at that one, `status/fetch` has a result. public_id_polls: so many results lack the public id.

    daily_posts: of a creator; None: any number. audited: may the app post to everybody? verified_prefix: what URLs to
    fetch must begin with; empty: anything.
    """

    limits: ClassVar = {
        "creator": (Limit(20, 60),),
        "video_init": (Limit(6, 60),),
        "inbox_init": (Limit(6, 60),),
        "photo_init": (Limit(6, 60),),
        "status": (Limit(30, 60),),
        "read": (Limit(600, 60),),
    }
    client_parameter = "client_key"
    scope_separator = ","
    known_scopes = frozenset({*SCOPES.split(","), "user.info.stats"})
    pkce = "S256-hex"
    switches = (
        *Consent.switches,
        "processing_polls",
        "public_id_polls",
        "daily_posts",
        "audited",
        "verified_prefix",
    )

    def __init__(self, *args: Any, **options: Any) -> None:
        super().__init__(*args, **options)
        self.processing_polls = 2
        self.public_id_polls = 2
        self.daily_posts: int | None = None
        self.audited = True
        self.verified_prefix = ""
        self.publishes: dict[str, Publish] = {}
        self.uploads: dict[str, Publish] = {}  # by id in the upload address

    # Who asks.

    def new_account(
        self,
        handle: str,
        *,
        scopes: str = SCOPES,
        private: bool = False,
        banned: bool = False,
        max_seconds: int = 600,
    ) -> dict[str, Any]:
        """private: followers instead of everybody. max_seconds: the longest video the creator may post."""
        account = self.named_account(handle)
        account.options |= {"private": private, "banned": banned, "max_seconds": max_seconds}
        pair = self._token_pair(account, frozenset(scopes.split(",")))
        return {
            "access_token": pair["access_token"],
            "refresh_token": pair["refresh_token"],
            "expires_at": iso_time(self.now() + ACCESS_SECONDS),
            "client_id": CLIENT_ID,
            "client_secret": CLIENT_SECRET,
        }

    def _account(self, handle: str) -> Account:
        open_id = f"-000{sha256(handle.encode()).hexdigest()[:28]}"
        return self.add_account(
            Account(open_id, handle, {"private": False, "banned": False, "max_seconds": 600})
        )

    def _token_pair(self, account: Account, scopes: frozenset[str] | None) -> dict[str, Any]:
        access = Token(
            f"act.{secrets.token_urlsafe(32)}",
            account,
            expires_at=self.now() + ACCESS_SECONDS,
            scopes=scopes,
        )
        refresh = Token(
            f"rft.{secrets.token_urlsafe(32)}",
            account,
            "refresh",
            expires_at=self.now() + REFRESH_SECONDS,
            scopes=scopes,
        )
        self.add_token(access)
        self.add_token(refresh)
        return {
            "open_id": account.id,
            "scope": ",".join(sorted(scopes or ())),
            "access_token": access.value,
            "expires_in": ACCESS_SECONDS,
            "refresh_token": refresh.value,
            "refresh_expires_in": REFRESH_SECONDS,
            "token_type": "Bearer",
        }

    def token_of(self, request: Request) -> Token | None:
        """Of an upload, which carries none: a stand-in that says whose it is, so that faults find it."""
        if request.path == "/video/" and (publish := self.uploads.get(request.query("upload_id", "") or "")):
            return Token("", publish.account)
        return super().token_of(request)

    def expire(self, request: Request) -> Reply:
        if request.path == "/video/":
            return self.answer(request, self.route(request.method, request.path)[0])  # it has no token to end
        return super().expire(request)

    def _check_scope(self, token: Token, route: Route) -> None:
        if route.scope and token.scopes is not None and not token.scopes & set(route.scope.split("|")):
            raise self.refusal(401, kind="scope_not_authorized")

    def token(self, request: Request) -> Reply:
        """Tokens for a code or for a refresh token. Refusals come with status 200."""
        fields = _form(request)
        if not fields:
            return self._no_token("invalid_request", "Only `application/x-www-form-urlencoded` is supported.")
        if (fields.get("client_key"), fields.get("client_secret")) != (CLIENT_ID, CLIENT_SECRET):
            return self._no_token("invalid_client", "Client key or secret is incorrect.")
        match fields.get("grant_type"):
            case "authorization_code":
                try:
                    code = self.redeem(fields)
                except ValueError as exc:
                    return self._no_token("invalid_grant", str(exc))
                return Reply(200, self._token_pair(code.account, code.scopes))
            case "refresh_token":
                token = self.tokens.pop(fields.get("refresh_token", ""), None)
                if token is None or token.kind != "refresh" or (token.expires_at or 0) <= self.now():
                    return self._no_token("invalid_grant", "Refresh token is invalid or expired.")
                return Reply(200, self._token_pair(token.account, token.scopes))
        return self._no_token("unsupported_grant_type", "Grant type is not supported by the server.")

    def _no_token(self, error: str, description: str) -> Reply:
        body = {"error": error, "error_description": description, "log_id": self._log_id()}
        return Reply(200, body)

    def revoke(self, request: Request) -> Reply:
        fields = _form(request)
        if (fields.get("client_key"), fields.get("client_secret")) != (CLIENT_ID, CLIENT_SECRET):
            return self._no_token("invalid_client", "Client key or secret is incorrect.")
        if token := self.tokens.get(fields.get("token", "")):
            for value in [t.value for t in self.tokens.values() if t.account is token.account]:
                del self.tokens[value]
        return Reply(200, {})

    # Answers in the platform's form.

    def error(self, status: int, message: str = "", kind: str = "") -> Reply:
        code = kind or _KINDS.get(status) or ("internal_error" if status >= 500 else "invalid_params")
        error = {"code": code, "message": message or _MESSAGES.get(code, ""), "log_id": self._log_id()}
        return Reply(status, {"data": {}, "error": error})

    def data(self, **data: Any) -> Reply:
        error = {"code": "ok", "message": "", "log_id": self._log_id()}
        return Reply(200, {"data": data, "error": error})

    def invalid(self, message: str) -> Refusal:
        return self.refusal(400, message, "invalid_params")

    def limit_headers(self, limit: Limit, remaining: int, reset_at: float, blocked: bool) -> dict[str, str]:
        return {}  # TikTok says nothing about its limits

    def _log_id(self) -> str:
        return f"2026{secrets.token_hex(14).upper()}"

    def _fields(
        self, request: Request, required: set[str], optional: set[str] | None = None
    ) -> dict[str, Any]:
        """A JSON body of exactly these fields."""
        if (
            request.headers.get("content-type", "").replace(" ", "").lower()
            != "application/json;charset=utf-8"
        ):
            raise self.invalid("Content-Type must be application/json; charset=UTF-8")
        try:
            fields = request.json_object()
        except ValueError as exc:
            raise self.invalid(f"the body is not usable: {exc}") from None
        return self._exactly(fields, "body", required, optional or set())

    def _exactly(self, value: Any, name: str, required: set[str], optional: set[str]) -> dict[str, Any]:
        if not isinstance(value, dict):
            raise self.invalid(f"{name} is not an object")
        if missing := required - set(value):
            raise self.invalid(f"{name} lacks {', '.join(sorted(missing))}")
        if unknown := set(value) - required - optional:
            raise self.invalid(f"{name} has unknown fields: {', '.join(sorted(unknown))}")
        return value

    # The creator.

    def user_info(self, request: Request) -> Reply:
        account = request.account
        known = {"open_id": account.id, "union_id": account.id, "display_name": account.handle.title()}
        wanted = self._wanted(request, set(known))
        return self.data(user={name: known[name] for name in wanted})

    def _wanted(self, request: Request, known: set[str]) -> list[str]:
        wanted = (request.query("fields") or "").split(",")
        if set(wanted) - known:
            raise self.invalid(f"fields must be some of {', '.join(sorted(known))}")
        return wanted

    def creator_info(self, request: Request) -> Reply:
        """Refusals about the creator come with status 200."""
        if request.body:
            raise self.invalid("the body is not empty")
        account = request.account
        if refusal := self._barred(account):
            return self.error(200, kind=refusal)
        return self.data(
            creator_avatar_url=f"{self.base_url}/avatar/{account.handle}.jpg",
            creator_username=account.handle,
            creator_nickname=account.handle.title(),
            privacy_level_options=self._privacy_levels(account),
            comment_disabled=False,
            duet_disabled=account.options["private"],
            stitch_disabled=account.options["private"],
            max_video_post_duration_sec=account.options["max_seconds"],
        )

    def _privacy_levels(self, account: Account) -> list[str]:
        widest = "FOLLOWER_OF_CREATOR" if account.options["private"] else PUBLIC
        return [widest, "MUTUAL_FOLLOW_FRIENDS", "SELF_ONLY"]

    def _barred(self, account: Account) -> str | None:
        """The error code of a creator who may not post now."""
        if account.options["banned"]:
            return "spam_risk_user_banned_from_posting"
        since = self.now() - DAY_SECONDS
        posts = sum(
            post.created_at > since and post.body["privacy_level"] is not None for post in account.posts
        )
        full = self.daily_posts is not None and posts >= self.daily_posts
        return "spam_risk_too_many_posts" if full else None

    # Beginning a post.

    def init_video(self, request: Request) -> Reply:
        fields = self._fields(request, {"post_info", "source_info"})
        info = self._exactly(
            fields["post_info"],
            "post_info",
            {"privacy_level"},
            {"title", "video_cover_timestamp_ms", *VIDEO_FLAGS},
        )
        self._check_info(request.account, info, VIDEO_FLAGS)
        self._check_text(info, "title", MAX_CAPTION)
        moment = info.get("video_cover_timestamp_ms", 0)
        if not _is_whole(moment) or moment > 1000 * request.account.options["max_seconds"]:
            raise self.invalid("video_cover_timestamp_ms is not a moment of the video")
        return self._begin_video(request, fields["source_info"], info.get("title", ""), info["privacy_level"])

    def init_inbox(self, request: Request) -> Reply:
        fields = self._fields(request, {"source_info"})
        return self._begin_video(request, fields["source_info"], "", None)

    def init_photos(self, request: Request) -> Reply:
        fields = self._fields(request, {"media_type", "post_mode", "post_info", "source_info"})
        if fields["media_type"] != "PHOTO" or fields["post_mode"] not in ("DIRECT_POST", "MEDIA_UPLOAD"):
            raise self.invalid("media_type or post_mode")
        direct = fields["post_mode"] == "DIRECT_POST"
        needed = "video.publish" if direct else "video.upload"
        if request.token.scopes is not None and needed not in request.token.scopes:
            raise self.refusal(401, kind="scope_not_authorized")
        info = self._exactly(
            fields["post_info"],
            "post_info",
            {"privacy_level"} if direct else set(),
            {"title", "description", *(PHOTO_FLAGS if direct else ())},
        )
        if direct:
            self._check_info(request.account, info, PHOTO_FLAGS)
        self._check_text(info, "title", MAX_TITLE)
        self._check_text(info, "description", MAX_DESCRIPTION)
        source = self._exactly(
            fields["source_info"],
            "source_info",
            {"source", "photo_images", "photo_cover_index"},
            set(),
        )
        urls = source["photo_images"]
        if (
            source["source"] != "PULL_FROM_URL"
            or not isinstance(urls, list)
            or not 0 < len(urls) <= MAX_PHOTOS
        ):
            raise self.invalid(f"1 to {MAX_PHOTOS} photo_images to PULL_FROM_URL")
        if not _is_whole(source["photo_cover_index"]) or source["photo_cover_index"] >= len(urls):
            raise self.invalid("photo_cover_index is none of the photos")
        for url in urls:
            self._check_owned(url)
        text = info.get("description", "") or info.get("title", "")
        publish = self._new_publish("p_pub_url~v2", request.account, text, info.get("privacy_level"))
        reasons = [self._fetched(url, PHOTO_TYPES, MAX_PHOTO_BYTES, "photo_pull_failed") for url in urls]
        self._finish(publish, request, next(filter(None, reasons), ""), tuple(urls))
        return self.data(publish_id=publish.id)

    def _begin_video(self, request: Request, source: Any, text: str, privacy: str | None) -> Reply:
        account, kind = request.account, "pub" if privacy else "inbox"
        match source.get("source") if isinstance(source, dict) else None:
            case "FILE_UPLOAD":
                numbers = {"video_size", "chunk_size", "total_chunk_count"}
                self._exactly(source, "source_info", {"source", *numbers}, set())
                if not all(_is_whole(source[name]) for name in numbers):
                    raise self.invalid("source_info holds something other than numbers")
                if problem := _plan_problem(
                    source["video_size"], source["chunk_size"], source["total_chunk_count"]
                ):
                    raise self.invalid(problem)
                publish = self._new_publish(f"v_{kind}_file~v2-1", account, text, privacy)
                publish.size, publish.chunk_size = source["video_size"], source["chunk_size"]
                publish.chunks = source["total_chunk_count"]
                publish.url_id, publish.url_token = str(self.next_number(16)), secrets.token_urlsafe(24)
                self.uploads[publish.url_id] = publish
                url = "https://open-upload.tiktokapis.com/video/"
                query = f"upload_id={publish.url_id}&upload_token={publish.url_token}"
                return self.data(publish_id=publish.id, upload_url=f"{url}?{query}")
            case "PULL_FROM_URL":
                self._exactly(source, "source_info", {"source", "video_url"}, set())
                self._check_owned(source["video_url"])
                publish = self._new_publish(f"v_{kind}_url~v2-1", account, text, privacy)
                url = source["video_url"]
                reason = self._fetched(url, VIDEO_TYPES, MAX_VIDEO_BYTES, "video_pull_failed")
                self._finish(publish, request, reason, (url,))
                return self.data(publish_id=publish.id)
        raise self.invalid("source is neither FILE_UPLOAD nor PULL_FROM_URL")

    def _new_publish(self, kind: str, account: Account, text: str, privacy: str | None) -> Publish:
        """Raises Refusal when the creator may not post now, or has too many drafts."""
        if privacy is None:
            since = self.now() - DAY_SECONDS
            drafts = sum(
                post.created_at > since and post.body["privacy_level"] is None for post in account.posts
            )
            if self.limited and drafts >= MAX_PENDING:
                raise self.refusal(403, kind="spam_risk_too_many_pending_share")
        elif refusal := self._barred(account):
            raise self.refusal(403, kind=refusal)
        publish = Publish(f"{kind}.{self.next_number(20)}", account, text, privacy, self.now())
        self.publishes[publish.id] = publish
        return publish

    def _check_info(self, account: Account, info: Mapping[str, Any], flags: frozenset[str]) -> None:
        if info["privacy_level"] not in self._privacy_levels(account):
            raise self.refusal(403, kind="privacy_level_option_mismatch")
        private = account.options["private"] and info["privacy_level"] == "SELF_ONLY"
        if not self.audited and not private:
            raise self.refusal(403, kind="unaudited_client_can_only_post_to_private_accounts")
        for name in flags & set(info):
            if not isinstance(info[name], bool):
                raise self.invalid(f"{name} is not a boolean")

    def _check_text(self, info: Mapping[str, Any], name: str, most: int) -> None:
        text = info.get(name, "")
        if not isinstance(text, str) or len(text.encode("utf-16-le")) // 2 > most:
            raise self.invalid(f"{name} is longer than {most}")

    def _check_owned(self, url: Any) -> None:
        if not isinstance(url, str) or not url.startswith(("https://", "http://127.0.0.1:")):
            raise self.invalid("a URL to fetch is not https")
        if not url.startswith(self.verified_prefix):
            raise self.refusal(403, f"{urlsplit(url).netloc} is not verified", "url_ownership_unverified")

    def _fetched(self, url: str, kinds: tuple[str, ...], most: int, failed: str) -> str:
        """The reason for which what is at `url` is not published; empty if there is none."""
        try:
            data = self.fetch(url)
        except ValueError:
            return failed
        return "" if data is None else _reason(data[:64], len(data), data, kinds, most)

    # The bytes.

    def upload(self, request: Request) -> Reply:
        """One chunk, in order. The last one publishes."""
        publish = self.uploads.get(request.query("upload_id") or "")
        if publish is None or request.query("upload_token") != publish.url_token:
            return Reply(404)
        if self.now() - publish.started_at > URL_SECONDS:
            return Reply(403)
        found = _RANGE.fullmatch(request.headers.get("content-range", ""))
        if (
            found is None
            or request.content_type not in VIDEO_TYPES
            or "content-length" not in request.headers
            or "transfer-encoding" in request.headers
            or "authorization" in request.headers
        ):
            return Reply(400)
        first, last, total = map(int, found.groups())
        if total != publish.size or len(request.body) != last - first + 1:
            return Reply(400)
        if first != publish.stored:
            stored = f"0-{publish.stored - 1}" if publish.stored else "*"
            return Reply(416, None, {"Content-Range": f"bytes {stored}/{total}"})
        number = first // publish.chunk_size + 1
        if last + 1 != (total if number >= publish.chunks else number * publish.chunk_size):
            return Reply(400)
        publish.head = publish.head or request.body[:64]
        if marked := _FAIL.search(publish.tail + request.body):
            publish.fail_reason = marked[1].decode()
        publish.tail = request.body[-64:]
        publish.digest.update(request.body)
        publish.stored = last + 1
        headers = {"Content-Range": f"bytes 0-{last}/{total}"}
        if publish.stored < publish.size:
            return Reply(206, None, headers)
        reason = publish.fail_reason or _reason(publish.head, 0, b"", VIDEO_TYPES, 0)
        self._finish(publish, request, reason, (publish.digest.hexdigest(),))
        return Reply(201, None, headers)

    def _finish(self, publish: Publish, request: Request, reason: str, media: tuple[str, ...]) -> None:
        """Everything is here: publish it, unless there is a reason against it. `status/fetch` learns of it later."""
        publish.arrived, publish.fail_reason = True, reason
        publish.polls_left, publish.id_polls_left = self.processing_polls, self.public_id_polls
        if reason:
            return
        public = publish.privacy == PUBLIC
        number = str(self.next_number(20))
        publish.post = Post(
            number if public else publish.id,  # nobody ever learns the number of other posts
            publish.account,
            publish.text,
            self.now(),
            media,
            key=publish.id,
            body={"privacy_level": publish.privacy},
        )
        self.add_post(publish.post, request)

    def status(self, request: Request) -> Reply:
        publish = self._own_publish(self._fields(request, {"publish_id"})["publish_id"], request.account)
        data: dict[str, Any] = {"status": "PROCESSING_UPLOAD" if publish.size else "PROCESSING_DOWNLOAD"}
        if publish.size:
            data["uploaded_bytes"] = publish.stored
        if not publish.arrived:
            return self.data(**data)
        publish.polls_left = max(publish.polls_left - 1, 0)
        if publish.polls_left:
            return self.data(**data)
        if publish.fail_reason:
            return self.data(**data | {"status": "FAILED", "fail_reason": publish.fail_reason})
        if publish.privacy is None:
            return self.data(**data | {"status": "SEND_TO_USER_INBOX"})
        assert publish.post is not None
        named = publish.privacy == PUBLIC and not publish.id_polls_left
        publish.id_polls_left = max(publish.id_polls_left - 1, 0)
        ids = [int(publish.post.id)] if named else []
        return self.data(**data | {"status": "PUBLISH_COMPLETE", "publicaly_available_post_id": ids})

    def cancel(self, request: Request) -> Reply:
        publish = self._own_publish(self._fields(request, {"publish_id"})["publish_id"], request.account)
        if publish.arrived:
            raise self.refusal(400, kind="publish_not_cancellable")
        publish.arrived, publish.fail_reason = True, "publish_cancelled"
        self.uploads.pop(publish.url_id, None)
        return self.data()

    def _own_publish(self, publish_id: Any, account: Account) -> Publish:
        publish = self.publishes.get(str(publish_id))
        if publish is None:
            raise self.refusal(400, kind="invalid_publish_id")
        if publish.account is not account:
            raise self.refusal(400, kind="token_not_authorized_for_specified_publish_id")
        return publish

    # Public videos.

    def list_videos(self, request: Request) -> Reply:
        fields = self._fields(request, set(), {"cursor", "max_count"})
        most, cursor = fields.get("max_count", 10), fields.get("cursor")
        if not _is_whole(most) or not 0 < most <= 20 or not (cursor is None or _is_whole(cursor)):
            raise self.invalid("max_count is 1 to 20, cursor a time in milliseconds")
        wanted = self._wanted(request, VIDEO_FIELDS)
        posts = [
            post
            for post in self.listed(request.account)
            if post.body["privacy_level"] == PUBLIC and (cursor is None or _milliseconds(post) < cursor)
        ]
        page = posts[:most]
        return self.data(
            videos=[self._video(post, wanted) for post in page],
            cursor=_milliseconds(page[-1]) if page else 0,
            has_more=len(posts) > most,
        )

    def query_videos(self, request: Request) -> Reply:
        filters = self._exactly(
            self._fields(request, {"filters"})["filters"], "filters", {"video_ids"}, set()
        )
        ids = filters["video_ids"]
        if not isinstance(ids, list) or not 0 < len(ids) <= 20:
            raise self.invalid("1 to 20 video_ids")
        wanted = self._wanted(request, VIDEO_FIELDS)
        found = (post for post in request.account.posts if post.body["privacy_level"] == PUBLIC)
        return self.data(videos=[self._video(post, wanted) for post in found if post.id in ids])

    def _video(self, post: Post, wanted: list[str]) -> dict[str, Any]:
        address = f"https://www.tiktok.com/@{post.account.handle}/video/{post.id}"
        known = {
            "id": post.id,
            "create_time": int(post.created_at),
            "share_url": f"{address}?utm_campaign=tt4d_open_api",
            "title": post.text,
            "video_description": post.text,
        }
        if seen := self.seen_by(post):
            known |= {
                "view_count": seen.views,
                "like_count": seen.likes,
                "comment_count": seen.comments,
                "share_count": seen.shares,
            }
        return {name: known[name] for name in wanted if name in known}

    routes: ClassVar[tuple[Route, ...]] = (
        Route("GET", "/v2/auth/authorize/", Consent.authorize, login=False, family=None),
        Route("POST", "/v2/oauth/token/", token, login=False, family=None),
        Route("POST", "/v2/oauth/revoke/", revoke, login=False, family=None),
        Route("GET", "/v2/user/info/", user_info, scope="user.info.basic"),
        Route(
            "POST",
            "/v2/post/publish/creator_info/query/",
            creator_info,
            family="creator",
            scope="video.publish",
        ),
        Route(
            "POST",
            "/v2/post/publish/video/init/",
            init_video,
            True,  # when TikTok fetches the video
            family="video_init",
            scope="video.publish",
        ),
        Route(
            "POST",
            "/v2/post/publish/inbox/video/init/",
            init_inbox,
            True,  # the same
            family="inbox_init",
            scope="video.upload",
        ),
        Route(
            "POST",
            "/v2/post/publish/content/init/",
            init_photos,
            True,
            family="photo_init",
            scope="video.publish|video.upload",
        ),
        Route("PUT", "/video/", upload, True, login=False, family=None),  # the last chunk
        Route(
            "POST",
            "/v2/post/publish/status/fetch/",
            status,
            family="status",
            scope="video.publish|video.upload",
        ),
        Route("POST", "/v2/post/publish/cancel/", cancel, scope="video.publish|video.upload"),
        Route("POST", "/v2/video/list/", list_videos, scope="video.list"),
        Route("POST", "/v2/video/query/", query_videos, scope="video.list"),
    )


def _form(request: Request) -> dict[str, str]:
    """An urlencoded body; empty if it is anything else."""
    try:
        return dict(request.form_pairs()) if request.content_type.endswith("x-www-form-urlencoded") else {}
    except UnicodeDecodeError:
        return {}


VIDEO_FIELDS = {
    "id",
    "create_time",
    "share_url",
    "title",
    "video_description",
    "view_count",
    "like_count",
    "comment_count",
    "share_count",
}


def _is_whole(value: Any) -> bool:
    return isinstance(value, int) and not isinstance(value, bool) and value >= 0


def _milliseconds(post: Post) -> int:
    return int(post.created_at * 1000)


def _plan_problem(size: int, chunk_size: int, count: int) -> str:
    """What is wrong with a plan of chunks; empty if nothing is."""
    if not 0 < size <= MAX_VIDEO_BYTES:
        return f"video_size is not 1 to {MAX_VIDEO_BYTES}"
    if not 0 < chunk_size <= MAX_CHUNK_BYTES:
        return f"chunk_size is not 1 to {MAX_CHUNK_BYTES}"
    if chunk_size < MIN_CHUNK_BYTES and chunk_size != size:
        return f"chunk_size is below {MIN_CHUNK_BYTES}, and the video larger"
    if count != size // chunk_size or not 0 < count <= MAX_CHUNKS:
        return "total_chunk_count is not video_size / chunk_size, rounded down"
    if size - (count - 1) * chunk_size > MAX_LAST_BYTES:
        return f"the last chunk is above {MAX_LAST_BYTES}"
    return ""


def _reason(head: bytes, size: int, data: bytes, kinds: tuple[str, ...], most: int) -> str:
    """Why media are not published, in the words of `fail_reason`; empty if they are."""
    if marked := _FAIL.search(data):
        return marked[1].decode()
    if media_type(head) not in kinds:
        return "file_format_check_failed"
    return "picture_size_check_failed" if size > most else ""
