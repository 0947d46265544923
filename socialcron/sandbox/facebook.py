"""Facebook Pages on Graph v26.0: accounts are pages, all of them of one person.

Sources: developers.facebook.com/docs/pages-api/posts, /docs/graph-api/reference/page/feed and /photos, /docs/video-api/
guides/reels-publishing, as archived 2026-09-11; subcodes from gitroomhq/postiz-app, facebook.provider.ts. Where these
are silent: a page video shows in no listing, an unfinished reel expires after a day, finishing a reel twice is refused.
"""

from __future__ import annotations

import json
from dataclasses import dataclass, field
from typing import Any, ClassVar
from urllib.parse import urlsplit

from socialcron.sandbox.audience import audience
from socialcron.sandbox.frame import Account, Limit, Post, Refusal, Route, Token, media_type
from socialcron.sandbox.meta import DAY_SECONDS, LONG_SECONDS, SHORT_SECONDS, Graph, graph_time
from socialcron.sandbox.oauth import CLIENT_ID, CLIENT_SECRET
from socialcron.sandbox.wire import Part, Reply, Request, iso_time

MAX_CHARACTERS = 63_206
MAX_PHOTOS = 10
PHOTO_BYTES = 4_000_000
PHOTO_TYPES = ("image/jpeg", "image/png", "image/gif", "image/bmp", "image/tiff")
VIDEO_TYPES = ("video/mp4", "video/quicktime")
VIDEO_POLLS = 2  # a video is processed at the second look
POISON = b"SANDBOX-UNPROCESSABLE"  # a video with these bytes in it fails processing
TASKS = ("CREATE_CONTENT", "MANAGE", "ANALYZE")
PERSON = "10001"
FEED_FIELDS = ("id", "message", "created_time", "permalink_url", "is_published")

_SIGNATURES = {b"BM": "image/bmp", b"II*\0": "image/tiff", b"MM\0*": "image/tiff"}


@dataclass(slots=True)
class Photo:
    id: str
    account: Account
    alt: str | None
    expires_at: float
    post_id: str | None = None  # attached to this post


@dataclass(slots=True)
class Video:
    """A page video or a reel; `finished` once its visible request was taken."""

    id: str
    account: Account
    created_at: float
    reel: bool
    data: bytearray = field(default_factory=bytearray)
    size: int | None = None  # as announced; None before the first byte
    complete: bool = False
    finished: bool = False
    polls_left: int = VIDEO_POLLS


class Facebook(Graph):
    limits: ClassVar = {"read": (Limit(4800, 86_400),), "reels": (Limit(30, 86_400),)}
    unversioned: ClassVar[frozenset[str]] = frozenset({"/video-upload/{version}/{id}"})
    scope_separator: ClassVar[str] = ","
    known_scopes: ClassVar[frozenset[str]] = frozenset(
        {
            "pages_show_list",
            "pages_read_engagement",
            "pages_manage_posts",
            "pages_read_user_content",
            "read_insights",
        }
    )
    switches: ClassVar[tuple[str, ...]] = (*Graph.switches, "refuses_duplicates")

    def __init__(self, *args: Any, **options: Any) -> None:
        super().__init__(*args, **options)
        self.photos: dict[str, Photo] = {}
        self.videos: dict[str, Video] = {}
        self.refuses_duplicates = True  # error 506 on a post identical to the one before it

    # Who asks.

    def new_account(
        self, handle: str, *, dated: bool = False, tasks: tuple[str, ...] = TASKS, scopes: str | None = None
    ) -> dict[str, Any]:
        """A page. dated: its token ends after an hour, and there is a long-lived user token to make another of.

        tasks: what the person may do on it. scopes: of the token, separated by commas; None: all.
        """
        account = self.named_account(handle)
        account.options["tasks"] = list(tasks)
        granted = None if scopes is None else frozenset(scopes.split(","))
        token = self.issue(account, seconds=SHORT_SECONDS if dated else None, scopes=granted)
        if not dated:
            return {"access_token": token.value}
        user = self.issue(account, "user", seconds=LONG_SECONDS, scopes=granted)
        return {
            "access_token": token.value,
            "user_token": user.value,
            "expires_at": iso_time(self.now() + SHORT_SECONDS),
            "client_id": CLIENT_ID,
            "client_secret": CLIENT_SECRET,
        }

    def access_token(self, request: Request) -> Reply:
        fields = self.fields(request)
        self.check_app(fields)
        match fields.get("grant_type"):
            case "fb_exchange_token":
                return self.trade(fields.get("fb_exchange_token"), kinds=("short", "user"), to="user")
            case "authorization_code" | None:
                return self.token_reply(self.short_token(fields))
        raise self.bad("Unsupported grant_type")

    def me(self, request: Request) -> Reply:
        if request.token.kind != "access":
            return Reply(200, self.pick({"id": PERSON, "name": "A Person"}, request))
        return Reply(200, self._page_body(request))

    def _page_body(self, request: Request) -> dict[str, Any]:
        account = request.account
        return self.pick({"id": account.id, "name": account.handle}, request, default=("name",))

    def my_accounts(self, request: Request) -> Reply:
        """The pages of the person, each with a token that ends as the user token does: never, if that lives long."""
        if request.token.kind not in ("user", "short"):
            raise self.bad("Tried accessing nonexisting field (accounts)")
        ends = SHORT_SECONDS if request.token.kind == "short" else None
        pages = [
            {
                "id": account.id,
                "name": account.handle,
                "access_token": self.issue(account, seconds=ends, scopes=request.token.scopes).value,
                "tasks": account.options.get("tasks", list(TASKS)),
            }
            for account in self.accounts.values()
        ]
        return self.page(pages, request, default=("id", "name", "access_token", "tasks"))

    def _own_page(self, request: Request) -> Account:
        """The page in the path, which the token must be that of."""
        account: Account = request.account
        if request.token.kind != "access" or request.params["id"] != account.id:
            raise self.refusal(403, "The token is not that of the page")
        if "CREATE_CONTENT" not in account.options.get("tasks", TASKS):
            raise self.refusal(403, "The task CREATE_CONTENT is missing")
        return account

    # Photos.

    def upload_photo(self, request: Request) -> Reply:
        account = self._own_page(request)
        fields = self.fields(
            request, ("source", "url", "caption", "alt_text_custom", "published", "temporary")
        )
        if fields.get("published") not in ("false", False):
            raise self.bad("The sandbox takes unpublished photos only")
        source = fields.get("source")
        data = source.data if isinstance(source, Part) else self._fetched(fields.get("url"))
        if data is not None:
            known = (kind for mark, kind in _SIGNATURES.items() if data.startswith(mark))
            if (media_type(data) or next(known, None)) not in PHOTO_TYPES or len(data) > PHOTO_BYTES:
                raise self.bad("Your photos couldn't be uploaded: size or format", "1/1366046")
        photo = Photo(self._new_id(), account, fields.get("alt_text_custom"), self.now() + DAY_SECONDS)
        self.photos[photo.id] = photo
        return Reply(200, {"id": photo.id})

    def _fetched(self, url: Any) -> bytes | None:
        """What the URL holds; None: believed unseen."""
        host = urlsplit(str(url or "")).hostname or ""
        if host.endswith((".fbcdn.net", ".cdninstagram.com")):
            raise self.bad("Media from Meta's own hosts is refused")
        try:
            return self.fetch(str(url or ""))
        except ValueError as exc:
            raise self.bad(f"The file cannot be had: {exc}") from None

    # Posts.

    def create_post(self, request: Request) -> Reply:
        account = self._own_page(request)
        fields = self.fields(request, ("message", "link", "attached_media", "published", "fields"))
        message, link = fields.get("message"), fields.get("link")
        if fields.get("published", True) not in (True, "true"):
            raise self.bad("The sandbox does not schedule")
        if not all(value is None or isinstance(value, str) for value in (message, link)):
            raise self.bad("message and link are texts")
        if not (message or "").strip() and not link:
            raise self.bad("Either link or message is required")
        self._check_length(message)
        if link:
            self._check_link(link)
        photos = self._attached(account, fields.get("attached_media"))
        same = (message, link) if not photos else None
        if self.refuses_duplicates and same and account.posts and account.extra.get("last") == same:
            raise self.bad("Duplicate status message", "506")
        number = self._new_id()
        post = self._publish(
            request, f"{account.id}_{number}", message, f"{account.id}/posts/{number}", [p.id for p in photos]
        )
        account.extra["last"] = same
        for photo in photos:
            photo.post_id = post.id
        return Reply(200, self.pick(post.body, request))

    def _publish(self, request: Request, post_id: str, message: Any, path: str, media: list[str]) -> Post:
        account, now = request.account, self.now()
        post = Post(post_id, account, message or "", now, tuple(media))
        post.body = {
            "id": post_id,
            "message": message or None,
            "created_time": graph_time(now),
            "permalink_url": f"{self.base_url}/{path}",
            "is_published": True,
            "application": {"id": CLIENT_ID, "name": "socialcron"},
        }
        return self.add_post(post, request)

    def _check_length(self, text: Any) -> None:
        if text is not None and (not isinstance(text, str) or len(text) > MAX_CHARACTERS):
            raise self.bad(f"The text is longer than {MAX_CHARACTERS} characters")

    def _check_link(self, link: str) -> None:
        host = urlsplit(link).hostname or ""
        if not link.startswith(("https://", "http://")) or not host:
            raise self.bad("The link cannot be fetched", "100/1609005")
        if host == "facebook.com" or host.endswith(".facebook.com"):
            raise self.bad("Links to facebook.com cannot be posted", "100/1609008")

    def _attached(self, account: Account, given: Any) -> list[Photo]:
        try:
            wanted = json.loads(given) if isinstance(given, str) else given or []
            ids = [item["media_fbid"] for item in wanted]
        except (ValueError, TypeError, KeyError):
            raise self.bad("attached_media is a list of objects with a media_fbid") from None
        if len(ids) > MAX_PHOTOS or len(set(ids)) < len(ids):
            raise self.bad(f"At most {MAX_PHOTOS} photos, each of them once")
        photos = [photo for photo in map(self.photos.get, ids) if photo and photo.account is account]
        if len(photos) < len(ids) or any(photo.expires_at <= self.now() for photo in photos):
            raise self.bad("A photo does not exist, or no longer")
        if any(photo.post_id for photo in photos):
            raise self.bad("These photos were already posted", "1/1366051")
        return photos

    def feed(self, request: Request) -> Reply:
        account = self._own_page(request)
        posts = [post.body for post in self.listed(account) if "_" in post.id]
        return self.page(posts, request, default=("id", "message", "created_time"))

    # Videos.

    def create_video(self, request: Request) -> Reply:
        account = self._own_page(request)
        fields = self.fields(request, ("file_url", "description", "fields"))
        self._check_length(fields.get("description"))
        data = self._fetched(fields.get("file_url"))
        if data is not None and media_type(data) not in VIDEO_TYPES:
            raise self.bad("The file is not a video")
        video = self._new_video(account, reel=False)
        video.data, video.complete = bytearray(data or b""), True
        self._finish(video, fields.get("description"), request)
        return Reply(200, {"id": video.id})

    def video_reels(self, request: Request) -> Reply:
        account = self._own_page(request)
        fields = self.fields(request, ("upload_phase", "video_id", "video_state", "description"))
        match fields.get("upload_phase"):
            case "start":
                if set(fields) != {"upload_phase"}:
                    raise self.bad("Nothing goes with upload_phase=start")
                video = self._new_video(account, reel=True)
                address = f"{self.base_url}/video-upload/v26.0/{video.id}"
                return Reply(200, {"video_id": video.id, "upload_url": address})
            case "finish":
                found = self.videos.get(str(fields.get("video_id")))
                if found is None or found.account is not account or not found.reel or self._expired(found):
                    raise self.bad("The video does not exist", "100/33")
                if fields.get("video_state") != "PUBLISHED":
                    raise self.bad("The sandbox publishes reels at once")
                if not found.complete or found.finished:
                    raise self.bad("The video is not uploaded, or was published already")
                self._check_length(fields.get("description"))
                self.spend(request, "reels")
                self._finish(found, fields.get("description"), request)
                return Reply(200, {"success": True})
        raise self.bad("upload_phase must be start or finish")

    def upload_video(self, request: Request) -> Reply:
        """Bytes from `offset` on, or a file_url to fetch. A part is kept, as of an upload that broke off."""
        if not request.headers.get("authorization", "").startswith("OAuth "):
            raise self._upload_refusal("Authorization must be OAuth", retriable=False)
        video = self.videos.get(request.params["id"])
        if video is None or video.account is not request.account or not video.reel or self._expired(video):
            raise self._upload_refusal("The video does not exist", retriable=False)
        if video.complete:
            raise self._upload_refusal("The video is uploaded already", retriable=False)
        if url := request.headers.get("file_url"):
            video.data = bytearray(self._fetched(url) or b"\0\0\0\x18ftypmp42")
            video.size = len(video.data)
        else:
            self._take_bytes(video, request)
        if len(video.data) == video.size:
            if media_type(bytes(video.data[:64])) != "video/mp4":
                raise self._upload_refusal("Request processing failed", retriable=False)
            video.complete = True
        return Reply(200, {"success": True})

    def _take_bytes(self, video: Video, request: Request) -> None:
        offset, size = request.headers.get("offset", ""), request.headers.get("file_size", "")
        if not offset.isdecimal() or not size.isdecimal() or video.size not in (None, int(size)):
            raise self._upload_refusal("offset and file_size must be numbers that stay true", retriable=False)
        if int(offset) != len(video.data):
            raise self._upload_refusal(f"offset must be {len(video.data)}", retriable=True)
        if not request.body or int(offset) + len(request.body) > int(size):
            raise self._upload_refusal("The bytes do not fit the file_size", retriable=False)
        video.size = int(size)
        video.data += request.body

    def _upload_refusal(self, message: str, *, retriable: bool) -> Refusal:
        debug = {"retriable": retriable, "type": "ProcessingFailedError", "message": message}
        return Refusal(Reply(400, {"debug_info": debug}))

    def _new_video(self, account: Account, *, reel: bool) -> Video:
        video = Video(self._new_id(), account, self.now(), reel)
        self.videos[video.id] = video
        return video

    def _finish(self, video: Video, description: Any, request: Request) -> None:
        """What fails processing never shows."""
        video.finished = True
        if POISON not in video.data:
            path = f"reel/{video.id}/" if video.reel else f"{video.account.id}/videos/{video.id}/"
            self._publish(request, video.id, description, path, [video.id])

    def _expired(self, video: Video) -> bool:
        return not video.finished and video.created_at + DAY_SECONDS <= self.now()

    def reels(self, request: Request) -> Reply:
        account = self._own_page(request)
        posts = [
            post.body for post in self.listed(account) if post.id in self.videos and self.videos[post.id].reel
        ]
        return self.page(
            [{**post, "description": post["message"]} for post in posts], request, default=("id",)
        )

    def _video_body(self, video: Video) -> dict[str, Any]:
        overall = self._video_status(video)
        ended = overall in ("ready", "error")
        processing = {"processing": "in_progress", "ready": "complete", "error": "error"}
        sent = "complete" if video.complete else "in_progress" if video.data else "not_started"
        return {
            "id": video.id,
            "status": {
                "video_status": overall,
                "uploading_phase": {"status": sent, "bytes_transfered": len(video.data)},
                "processing_phase": {"status": processing.get(overall, "not_started")},
                "publishing_phase": {
                    "status": "complete" if ended else "not_started",
                    "publish_status": {"ready": "published", "error": "error"}.get(overall, "draft"),
                },
            },
            "permalink_url": f"/reel/{video.id}/"
            if video.reel
            else f"/{video.account.id}/videos/{video.id}/",
        }

    def _video_status(self, video: Video) -> str:
        if self._expired(video):
            return "expired"
        if not video.finished:
            return "upload_complete" if video.complete else "uploading"
        if video.polls_left:
            return "processing"
        return "error" if POISON in video.data else "ready"

    # Everything that has an id.

    def node(self, request: Request) -> Reply:
        node_id, account = request.params["id"], request.account
        if request.token.kind == "access" and node_id == account.id:
            return Reply(200, self._page_body(request))
        post, video, photo = self.posts.get(node_id), self.videos.get(node_id), self.photos.get(node_id)
        if post and post.deleted:
            raise self.refusal(404)
        if video and video.account is account:
            if video.finished and video.polls_left and "status" in (request.query("fields") or ""):
                video.polls_left -= 1
            return Reply(200, self.pick(self._video_body(video), request))
        if post and post.account is account:
            body = post.body | self._counts(post)
            return Reply(200, self.pick(body, request, default=("created_time", "message")))
        if photo and photo.account is account and (photo.post_id or photo.expires_at > self.now()):
            return Reply(200, self.pick({"id": photo.id}, request))
        raise self.refusal(404)

    # Numbers.

    def _counts(self, post: Post) -> dict[str, Any]:
        """Shares are left out where there are none."""
        seen = self.seen_by(post)
        if seen is None:
            return dict.fromkeys(("shares", "comments", "reactions"))
        return {
            "shares": {"count": seen.shares} if seen.shares else None,
            "comments": {"data": [], "summary": {"total_count": seen.comments}},
            "reactions": {"data": [], "summary": {"total_count": seen.likes}},
        }

    def post_insights(self, request: Request) -> Reply:
        """One with parts: reactions by type."""
        post = self._measured(request)
        if post.id in self.videos:
            raise self.bad("Tried accessing nonexisting field (insights)")
        seen = audience(post, self.now())
        values = {
            "post_media_view": seen.views,
            "post_total_media_view_unique": seen.views * 3 // 4,
            "post_reactions_by_type_total": {"like": seen.likes - seen.likes // 5, "love": seen.likes // 5},
        }
        return self.insights(request, values)

    def video_insights(self, request: Request) -> Reply:
        """The names are not documented; these are the sandbox's own."""
        post = self._measured(request)
        if post.id not in self.videos:
            raise self.bad("Tried accessing nonexisting field (video_insights)")
        values = {"sandbox_video_views": audience(post, self.now()).views}
        return self.insights(request, values, default=",".join(values))

    def _measured(self, request: Request) -> Post:
        if "ANALYZE" not in request.account.options.get("tasks", TASKS):
            raise self.refusal(403, "The task ANALYZE is missing")
        return self.own_post(request)

    def _new_id(self) -> str:
        return str(self.next_number(8))

    def authenticate(self, request: Request) -> Token:
        token = super().authenticate(request)
        if (
            request.headers.get("authorization", "").startswith("OAuth ")
            and "/video-upload/" not in request.path
        ):
            raise self.bad("Authorization must be Bearer", "190")
        return token

    routes: ClassVar[tuple[Route, ...]] = (
        Route("GET", "/dialog/oauth", Graph.authorize, login=False, family=None),
        Route("GET", "/oauth/access_token", access_token, login=False, family=None),
        Route("POST", "/oauth/access_token", access_token, login=False, family=None),
        Route("GET", "/me", me),
        Route("GET", "/me/accounts", my_accounts, scope="pages_show_list"),
        Route("POST", "/{id}/photos", upload_photo, scope="pages_manage_posts"),
        Route("POST", "/{id}/feed", create_post, True, scope="pages_manage_posts"),
        Route("POST", "/{id}/videos", create_video, True, scope="pages_manage_posts"),
        Route("POST", "/{id}/video_reels", video_reels, True, scope="pages_manage_posts"),
        Route("POST", "/video-upload/{version}/{id}", upload_video, scope="pages_manage_posts"),
        Route("GET", "/{id}/feed", feed, scope="pages_read_user_content"),
        Route("GET", "/{id}/video_reels", reels, scope="pages_read_engagement"),
        Route("GET", "/{id}/insights", post_insights, scope="read_insights"),
        Route("GET", "/{id}/video_insights", video_insights, scope="read_insights"),
        Route("GET", "/{id}", node, scope="pages_read_engagement"),
    )
