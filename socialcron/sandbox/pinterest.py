"""Pinterest API v5 (OpenAPI 5.23.0), and the storage that videos are uploaded to.

Sources: github.com/pinterest/api-description (v5/openapi.json) and developers.pinterest.com/docs
(key-concepts/access-tiers, reference/rate-limits), 2026-09.
"""

from __future__ import annotations

import binascii
import re
import secrets
import time
from base64 import b64decode, b64encode
from collections.abc import Iterable
from dataclasses import dataclass
from typing import Any, ClassVar

from socialcron.sandbox.frame import Account, Limit, Post, Refusal, Route, Token, media_type
from socialcron.sandbox.oauth import CLIENT_ID, CLIENT_SECRET, Consent
from socialcron.sandbox.wire import Reply, Request, iso_time

FIRST_BOARD = 549755885175  # of every account; the next ones count on from here
MAX_TITLE, MAX_DESCRIPTION, MAX_ALT, MAX_LINK = 100, 800, 500, 2048
MIN_IMAGES, MAX_IMAGES = 2, 5
IMAGE_BYTES, VIDEO_BYTES = 20 * 2**20, 2 * 10**9
DAY = 86_400
ACCESS_SECONDS, REFRESH_SECONDS, UPLOAD_SECONDS = 30 * DAY, 60 * DAY, 3600
POLLS = 2  # a video is ready at the second look after it was uploaded
POISON = b"SANDBOX-UNPROCESSABLE"  # a video with these bytes in it fails processing
SCOPES = "boards:read,boards:write,pins:read,pins:write,user_accounts:read"
BASE64_TYPES = ("image/jpeg", "image/png")
URL_TYPES = (*BASE64_TYPES, "image/gif", "image/webp")
PIN_KEYS = {
    "board_id",
    "board_section_id",
    "title",
    "description",
    "link",
    "alt_text",
    "media_source",
    "dominant_color",
}
STORAGE = "/media-upload/"


@dataclass(slots=True)
class Media:
    """A video on its way. `parameters`: the form fields that its upload must bring."""

    id: str
    account: Account
    parameters: dict[str, str]
    until: float
    status: str = "registered"
    polls_left: int = POLLS
    usable: bool = True


class Pinterest(Consent):
    """`rearranged`: listings come oldest first, as boards do whose owner moves Pins around."""

    known_scopes = frozenset([*SCOPES.split(","), "boards:read_secret", "pins:read_secret"])
    scope_separator = ","
    switches = (*Consent.switches, "rearranged")
    limits: ClassVar = {"org_write": (Limit(1000, 60),), "org_read": (Limit(1000, 60),)}

    def __init__(self, *args: Any, **options: Any) -> None:
        super().__init__(*args, **options)
        self.rearranged = False
        self.media: dict[str, Media] = {}

    # Who asks.

    def new_account(self, handle: str, *, boards: int = 1, scopes: str = SCOPES) -> dict[str, Any]:
        """boards: how many the account has, numbered from FIRST_BOARD on."""
        account = self.named_account(handle)
        account.extra["boards"] = [str(FIRST_BOARD + number) for number in range(boards)]
        pair = self._token_pair(account, frozenset(scopes.split(",")))
        return {
            "access_token": pair["access_token"],
            "refresh_token": pair["refresh_token"],
            "expires_at": iso_time(self.now() + pair["expires_in"]),
            "client_id": CLIENT_ID,
            "client_secret": CLIENT_SECRET,
        }

    def _account(self, handle: str) -> Account:
        account = Account(str(self.next_number(16)), handle, extra={"boards": [str(FIRST_BOARD)]})
        return self.add_account(account)

    def _token_pair(self, account: Account, scopes: frozenset[str] | None) -> dict[str, Any]:
        now = self.now()
        access = Token(
            f"pina.{secrets.token_urlsafe(32)}", account, expires_at=now + ACCESS_SECONDS, scopes=scopes
        )
        refresh = Token(
            f"pinr.{secrets.token_urlsafe(32)}",
            account,
            "refresh",
            expires_at=now + REFRESH_SECONDS,
            scopes=scopes,
        )
        self.add_token(access)
        self.add_token(refresh)
        return {
            "response_type": "authorization_code",
            "access_token": access.value,
            "token_type": "bearer",
            "expires_in": ACCESS_SECONDS,
            "scope": " ".join(sorted(scopes or ())),
            "refresh_token": refresh.value,
            "refresh_token_expires_in": REFRESH_SECONDS,
            "refresh_token_expires_at": int(now + REFRESH_SECONDS),
        }

    def oauth_token(self, request: Request) -> Reply:
        proof = "Basic " + b64encode(f"{CLIENT_ID}:{CLIENT_SECRET}".encode()).decode()
        if request.headers.get("authorization") != proof:
            raise self.refusal(401)
        if request.content_type != "application/x-www-form-urlencoded":
            raise self.invalid("the body must be a form")
        fields = dict(request.form_pairs())
        if "client_secret" in fields:
            raise self.invalid("client credentials belong into the Authorization header")
        match fields.get("grant_type"):
            case "authorization_code":
                if fields.get("continuous_refresh", "true") not in ("true", "false"):
                    raise self.invalid("continuous_refresh is a boolean")
                try:
                    code = self.redeem(fields)
                except ValueError as exc:
                    raise self.invalid(str(exc)) from None
                return Reply(200, self._token_pair(code.account, code.scopes))
            case "refresh_token":
                token = self.tokens.get(fields.get("refresh_token", ""))
                if token is None or token.kind != "refresh" or (token.expires_at or 0) <= self.now():
                    raise self.refusal(401)
                return Reply(
                    200, self._token_pair(token.account, token.scopes) | {"response_type": "refresh_token"}
                )
        raise self.invalid("grant_type is unknown")

    # Answers in the platform's form.

    def error(self, status: int, message: str = "", kind: str = "") -> Reply:
        codes = {
            400: (1, "Invalid request"),
            401: (2, "Authentication failed."),
            403: (29, "You are not permitted to access that resource."),
            404: (40, "Not found."),
            429: (8, "You have exceeded your rate limit. Try again later."),
        }
        code, text = codes.get(status, (status, "Something went wrong on our end. Sorry about that."))
        return Reply(status, {"code": code, "message": message or text})

    def invalid(self, message: str) -> Refusal:
        return self.refusal(400, f"Invalid request: {message}")

    def limit_headers(self, limit: Limit, remaining: int, reset_at: float, blocked: bool) -> dict[str, str]:
        return {
            "x-ratelimit-limit": str(limit.most),
            "x-ratelimit-remaining": str(remaining),
            "x-ratelimit-reset": str(max(0, round(reset_at - self.now()))),
        }

    def _json(self, request: Request, known: Iterable[str]) -> dict[str, Any]:
        try:
            document = request.json_object()
        except ValueError as exc:
            raise self.invalid(str(exc)) from None
        if request.content_type != "application/json":
            raise self.invalid("Content-Type must be application/json")
        return self._only(document, known)

    def _only(self, document: Any, known: Iterable[str], required: Iterable[str] = ()) -> dict[str, Any]:
        if not isinstance(document, dict):
            raise self.invalid("an object is expected")
        if unknown := sorted(document.keys() - set(known)):
            raise self.invalid(f"{unknown[0]!r} is not a known field")
        if missing := sorted(set(required) - document.keys()):
            raise self.invalid(f"{missing[0]!r} is a required property")
        return document

    # Account and boards.

    def user_account(self, request: Request) -> Reply:
        account: Account = request.account
        boards = len(account.extra["boards"])
        return Reply(
            200,
            {"account_type": "BUSINESS", "id": account.id, "username": account.handle, "board_count": boards},
        )

    def boards(self, request: Request) -> Reply:
        return self._page(request, [self._board(board) for board in request.account.extra["boards"]])

    def _board(self, board: str) -> dict[str, Any]:
        return {"id": board, "name": f"Board {board}", "privacy": "PUBLIC"}

    def _page(self, request: Request, items: list[Any]) -> Reply:
        try:
            size, start = int(request.query("page_size") or 25), int(request.query("bookmark") or 0)
        except ValueError:
            raise self.invalid("page_size is an integer") from None
        if not 1 <= size <= 250:
            raise self.invalid(f"{size} is not between 1 and 250")
        following = start + size
        return Reply(
            200,
            {"items": items[start:following], "bookmark": str(following) if following < len(items) else None},
        )

    # Videos.

    def register(self, request: Request) -> Reply:
        if self._json(request, {"media_type"}).get("media_type") != "video":
            raise self.invalid("media_type is not one of ['video']")
        media_id = str(self.next_number(8))
        parameters = {
            "x-amz-data": f"id={media_id}",
            "key": f"uploads/{media_id}/{secrets.token_hex(4)}",
            "policy": secrets.token_urlsafe(24),
            "x-amz-signature": secrets.token_hex(16),
            "Content-Type": "multipart/form-data",
        }
        media = Media(media_id, request.account, parameters, self.now() + UPLOAD_SECONDS)
        self.media[media_id] = media
        body = {
            "media_id": media_id,
            "media_type": "video",
            "upload_url": f"{self.base_url}{STORAGE}",
            "upload_parameters": parameters,
        }
        return Reply(201, body)

    def upload(self, request: Request) -> Reply:
        """The storage: it knows no tokens, only its own signed form, whose last field is the file."""
        try:
            parts = request.parts()
        except ValueError:
            return _storage_error(
                412, "PreconditionFailed", "Bucket POST must be of the enclosure-type multipart/form-data"
            )
        if request.headers.get("authorization"):
            return _storage_error(400, "InvalidArgument", "Only one auth mechanism allowed")
        if not parts or parts[-1].name != "file" or parts[-1].filename is None:
            return _storage_error(
                400, "InvalidArgument", "POST requires exactly one file upload per request."
            )
        fields = {part.name: part.data.decode("utf-8", "replace") for part in parts[:-1]}
        media = next(
            (item for item in self.media.values() if item.parameters["key"] == fields.get("key")), None
        )
        if media is None or fields != media.parameters:
            return _storage_error(403, "SignatureDoesNotMatch", "The request signature does not match.")
        if media.until <= self.now():
            return _storage_error(403, "AccessDenied", "Invalid according to Policy: Policy expired.")
        data = parts[-1].data
        if len(data) > VIDEO_BYTES:
            return _storage_error(
                400, "EntityTooLarge", "Your proposed upload exceeds the maximum allowed size"
            )
        media.status, media.polls_left = "processing", POLLS
        media.usable = media_type(data) in ("video/mp4", "video/quicktime") and POISON not in data
        return Reply(204)

    def get_media(self, request: Request) -> Reply:
        media = self.media.get(request.params["id"])
        if media is None or media.account is not request.account:
            raise self.refusal(404, "Media not found.")
        if media.status == "processing":
            media.polls_left -= 1
            if media.polls_left <= 0:
                media.status = "succeeded" if media.usable else "failed"
        return Reply(200, {"media_id": media.id, "media_type": "video", "status": media.status})

    # Pins.

    def create_pin(self, request: Request) -> Reply:
        account: Account = request.account
        document = self._only(self._json(request, PIN_KEYS), PIN_KEYS, {"board_id", "media_source"})
        board = document["board_id"]
        if not isinstance(board, str) or not re.fullmatch(r"\d+", board):
            raise self.invalid(f"{board!r} does not match '^\\\\d+$'")
        if board not in account.extra["boards"]:
            raise self.refusal(404, "Board not found.")
        lengths = {"title": MAX_TITLE, "description": MAX_DESCRIPTION, "alt_text": MAX_ALT, "link": MAX_LINK}
        for name, most in lengths.items():
            text = document.get(name)
            if text is not None and (not isinstance(text, str) or len(text) > most):
                raise self.invalid(f"{name!r} is too long, maxLength={most}")
        if document.get("link") and not re.match(r"https?://[^/]", document["link"]):
            raise self.invalid("'link' is not a valid URL")
        kind, media = self._media_source(account, document["media_source"])
        pin_id = str(self.next_number(20))
        now = self.now()
        post = Post(pin_id, account, document.get("description") or "", now, media)
        post.body = {name: document.get(name) for name in ("title", "description", "link", "alt_text")} | {
            "id": pin_id,
            "created_at": time.strftime("%Y-%m-%dT%H:%M:%S", time.gmtime(now)),
            "board_id": board,
            "board_section_id": document.get("board_section_id"),
            "board_owner": {"username": account.handle},
            "media": {"media_type": kind},
            "is_owner": True,
        }
        self.add_post(post, request)
        return Reply(201, post.body)

    def _media_source(self, account: Account, source: Any) -> tuple[str, tuple[str, ...]]:
        """What the Pin shows: Pinterest's word for it, and one text for each file."""
        kind = source.get("source_type") if isinstance(source, dict) else None
        match kind:
            case "image_url":
                self._only(source, {"source_type", "url", "is_standard"}, {"url"})
                return "image", (self._image_at(source["url"]),)
            case "image_base64":
                self._only(
                    source, {"source_type", "content_type", "data", "is_standard"}, {"content_type", "data"}
                )
                return "image", (self._image_of(source),)
            case "multiple_image_urls" | "multiple_image_base64":
                items = self._only(source, {"source_type", "items", "index"}, {"items"})["items"]
                if not isinstance(items, list) or not MIN_IMAGES <= len(items) <= MAX_IMAGES:
                    raise self.invalid(
                        f"'items' has another length than minItems={MIN_IMAGES}, maxItems={MAX_IMAGES}"
                    )
                texts = {"title", "description", "link"}
                if kind == "multiple_image_urls":
                    urls = [self._only(item, texts | {"url"}, {"url"})["url"] for item in items]
                    return "multiple_images", tuple(self._image_at(url) for url in urls)
                for item in items:
                    self._only(item, texts | {"content_type", "data"}, {"content_type", "data"})
                return "multiple_images", tuple(self._image_of(item) for item in items)
            case "video_id":
                return "video", (self._video(account, source),)
        raise self.invalid("'media_source' is not one of the known kinds")

    def _image_at(self, url: Any) -> str:
        try:
            data = self.fetch(str(url))
        except ValueError:
            raise self.refusal(400, "Unable to reach the URL. Please check the URL and try again.") from None
        if data is not None and (media_type(data) not in URL_TYPES or len(data) > IMAGE_BYTES):
            raise self.invalid("the image is of a kind or size that is not supported")
        return str(url)

    def _image_of(self, item: dict[str, Any]) -> str:
        if item["content_type"] not in BASE64_TYPES:
            raise self.invalid(f"content_type is not one of {list(BASE64_TYPES)}")
        try:
            data = b64decode(str(item["data"]), validate=True)
        except (binascii.Error, ValueError):
            raise self.invalid("'data' does not match '^[a-zA-Z0-9+/=]+$'") from None
        if media_type(data) != item["content_type"] or len(data) > IMAGE_BYTES:
            raise self.invalid("the image is not what content_type says, or too large")
        return f"{item['content_type']}, {len(data)} bytes"

    def _video(self, account: Account, source: dict[str, Any]) -> str:
        covers = {
            "cover_image_url",
            "cover_image_content_type",
            "cover_image_data",
            "cover_image_key_frame_time",
        }
        self._only(source, covers | {"source_type", "media_id", "is_standard"}, {"media_id"})
        pair = {"cover_image_content_type", "cover_image_data"} & source.keys()
        frame = source.get("cover_image_key_frame_time", 0)
        if not covers & source.keys() or len(pair) == 1:
            raise self.invalid("cover_image_url or cover_image_content_type is missing")
        if type(frame) is not int or frame < 0:
            raise self.invalid("'cover_image_key_frame_time' is not a non-negative integer")
        if "cover_image_url" in source:
            self._image_at(source["cover_image_url"])
        media = self.media.get(str(source["media_id"]))
        if media is None or media.account is not account:
            raise self.invalid("media_id is unknown")
        if media.status != "succeeded":
            raise self.invalid(f"the video is {media.status}")
        return media.id

    def _listing(self, account: Account) -> list[Post]:
        posts = list(self.listed(account))
        return posts[::-1] if self.rearranged else posts

    def pins(self, request: Request) -> Reply:
        return self._page(request, [post.body for post in self._listing(request.account)])

    def board_pins(self, request: Request) -> Reply:
        board = request.params["board_id"]
        if board not in request.account.extra["boards"]:
            raise self.refusal(404, "Board not found.")
        posts = self._listing(request.account)
        return self._page(request, [post.body for post in posts if post.body["board_id"] == board])

    def get_pin(self, request: Request) -> Reply:
        post = self._own_pin(request)
        if request.query("pin_metrics", "false") != "true":
            return Reply(200, post.body)
        return Reply(200, post.body | {"pin_metrics": self._metrics(post)})

    def _metrics(self, post: Post) -> dict[str, Any] | None:
        seen = self.seen_by(post)
        if seen is None:
            return None
        recent = {
            "impression": seen.views,
            "pin_click": seen.views // 20,
            "clickthrough": seen.shares,
            "save": seen.saves,
        }
        return {
            "90d": recent,
            "lifetime_metrics": recent | {"reaction": seen.likes, "comment": seen.comments},
        }

    def delete_pin(self, request: Request) -> Reply:
        self.delete_post(self._own_pin(request))
        return Reply(204)

    def _own_pin(self, request: Request) -> Post:
        post = self.posts.get(request.params["id"])
        if post is None or post.deleted or post.account is not request.account:
            raise self.refusal(404, "Pin not found.")
        return post

    def _check_scope(self, token: Token, route: Route) -> None:
        missing = set((route.scope or "").split()) - (
            token.scopes if token.scopes is not None else self.known_scopes
        )
        if missing:
            raise self.refusal(403, f"Your application is missing the scope {', '.join(sorted(missing))}")

    routes: ClassVar[tuple[Route, ...]] = (
        Route("GET", "/oauth/", Consent.authorize, login=False, family=None),
        Route("POST", "/v5/oauth/token", oauth_token, login=False, family=None),
        Route("GET", "/v5/user_account", user_account, family="org_read", scope="user_accounts:read"),
        Route("GET", "/v5/boards", boards, family="org_read", scope="boards:read"),
        Route(
            "GET", "/v5/boards/{board_id}/pins", board_pins, family="org_read", scope="boards:read pins:read"
        ),
        Route("POST", "/v5/media", register, family="org_write", scope="pins:write"),
        Route("GET", "/v5/media/{id}", get_media, family="org_read", scope="pins:read"),
        Route("POST", STORAGE, upload, login=False, family=None),
        Route("POST", "/v5/pins", create_pin, True, family="org_write", scope="boards:write pins:write"),
        Route("GET", "/v5/pins", pins, family="org_read", scope="pins:read"),
        Route("GET", "/v5/pins/{id}", get_pin, family="org_read", scope="boards:read pins:read"),
        Route("DELETE", "/v5/pins/{id}", delete_pin, True, family="org_write", scope="pins:write"),
    )


def _storage_error(status: int, code: str, message: str) -> Reply:
    body = f'<?xml version="1.0" encoding="UTF-8"?>\n<Error><Code>{code}</Code><Message>{message}</Message></Error>'
    return Reply(status, body.encode(), content_type="application/xml")
