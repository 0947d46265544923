"""X API v2.

Sources: xdevplatform/docs (openapi.json 2.167, rate limits, errors, media, OAuth guides), 2026-08-22; twitter-text
config v3. Post ids, errors and the escaping of returned text are as the API sends them.
"""

from __future__ import annotations

import base64
import hashlib
import hmac
import html
import re
import secrets
import time
import unicodedata
from dataclasses import dataclass, field
from datetime import datetime
from typing import Any, ClassVar
from urllib.parse import quote, unquote

from socialcron.sandbox.frame import Account, Limit, Post, Refusal, Route, Token, media_type
from socialcron.sandbox.oauth import CLIENT_ID, CLIENT_SECRET, Consent
from socialcron.sandbox.text import URL, graphemes, is_emoji, url_spans
from socialcron.sandbox.wire import Reply, Request, iso_time

MAX_WEIGHT, MAX_WEIGHT_PREMIUM = 280, 4000
URL_WEIGHT = 23
EPOCH_MS = 1_288_834_974_657  # of snowflake ids
CONSUMER_KEY, CONSUMER_SECRET = (
    "sandbox-app",
    "sandbox-secret",
)  # of the app in OAuth 1.0a; in 2.0 it has another pair
SCOPES = "tweet.read tweet.write users.read media.write offline.access"
OTHER_SCOPES = (
    "users.email tweet.moderate.write like.read like.write list.read bookmark.read follows.read dm.read"
)
ACCESS_SECONDS = 7200
SKEW_SECONDS = 300
CHUNK_BYTES = 1 << 20
MAX_ALT = 1000
MEDIA_SECONDS = 86_400
POLLS = 2  # a video or GIF is ready at the second look
POISON = b"SANDBOX-UNPROCESSABLE"  # a video or GIF with these bytes fails processing
KINDS = {  # media type -> (category, most bytes)
    "image/jpeg": ("tweet_image", 5_242_880),
    "image/png": ("tweet_image", 5_242_880),
    "image/webp": ("tweet_image", 5_242_880),
    "image/gif": ("tweet_gif", 15_728_640),
    "video/mp4": ("tweet_video", 536_870_912),
    "video/quicktime": ("tweet_video", 536_870_912),
}
POST_KEYS = {
    "": "text media reply quote_tweet_id reply_settings poll made_with_ai paid_partnership",
    "media": "media_ids tagged_user_ids",
    "reply": "in_reply_to_tweet_id exclude_reply_user_ids auto_populate_reply_metadata",
    "poll": "options duration_minutes reply_settings",
}
_FIELDS = (
    "id text edit_history_tweet_ids created_at author_id conversation_id in_reply_to_user_id entities attachments "
    "referenced_tweets public_metrics non_public_metrics organic_metrics note_tweet lang reply_settings source"
)
POST_FIELDS = frozenset(_FIELDS.split())
DEFAULT_FIELDS = frozenset({"id", "text", "edit_history_tweet_ids"})
PROBLEMS = "https://api.twitter.com/2/problems/"

# twitter-text also takes addresses without a scheme, by the list of all top-level domains; here the common ones.
_BARE = (
    r"(?<![\w@#$./:-])(?:[a-z0-9][a-z0-9-]*\.)+(?:com|org|net|edu|gov|info|io|dev|app|social|blog)(?![\w@-])"
)
_X_URL = re.compile(rf"{URL.pattern}|{_BARE}(?:/[\w/.~%?=&#+-]*)?", re.IGNORECASE)


@dataclass(slots=True)
class Media:
    id: str
    account: Account
    kind: str
    total_bytes: int
    until: float
    segments: dict[int, int] = field(default_factory=dict)  # index -> bytes
    head: bytes = b""
    done: bool = False  # finalized
    polls_left: int = 0
    failed: bool = False
    alt: str | None = None

    @property
    def category(self) -> str:
        return KINDS[self.kind][0]

    @property
    def key(self) -> str:
        return {"tweet_image": "3_", "tweet_gif": "16_", "tweet_video": "7_"}[self.category] + self.id


class X(Consent):
    known_scopes = frozenset(f"{SCOPES} {OTHER_SCOPES}".split())
    pkce = "S256"
    code_seconds = 30.0
    limits: ClassVar = {
        "publish": (Limit(100, 900), Limit(300, 10_800)),
        "delete": (Limit(50, 900),),
        "read": (Limit(5000, 900),),
        "timeline": (Limit(900, 900),),
        "me": (Limit(75, 900),),
        "chunks": (Limit(1875, 900),),
        "media": (Limit(500, 900),),
        "status": (Limit(1000, 900),),
    }
    switches = (*Consent.switches, "duplicate_seconds")

    def __init__(self, *args: Any, **options: Any) -> None:
        super().__init__(*args, **options)
        self.duplicate_seconds = 3600.0  # the same text again so soon is refused; 0 lets it pass
        self.media: dict[str, Media] = {}
        self._nonces: set[tuple[str, str]] = set()

    # Who asks.

    def new_account(
        self,
        handle: str,
        *,
        auth: str = "oauth1",
        scopes: str = SCOPES,
        confidential: bool = False,
        premium: bool = False,
    ) -> dict[str, Any]:
        """auth: oauth1 or oauth2. confidential: the refresh needs the client's secret. premium: 4,000 characters."""
        account = self.named_account(handle)
        if premium:
            account.options["premium"] = True
        if auth == "oauth1":
            token = self._oauth1(
                account, f"{account.id}-{secrets.token_urlsafe(24)}", secrets.token_urlsafe(32)
            )
            return {
                "access_token": token.value,
                "token_secret": token.secret,
                "client_id": CONSUMER_KEY,
                "client_secret": CONSUMER_SECRET,
            }
        if auth != "oauth2":
            raise ValueError(f"unknown auth {auth!r}: oauth1 or oauth2")
        pair = self._pair(account, frozenset(scopes.split()), confidential)
        credentials: dict[str, Any] = {
            **{name: pair[name] for name in ("access_token", "refresh_token") if name in pair},
            "expires_at": iso_time(self.now() + pair["expires_in"]),
            "client_id": CLIENT_ID,
        }
        return credentials | ({"client_secret": CLIENT_SECRET} if confidential else {})

    def _account(self, handle: str) -> Account:
        return self.add_account(Account(str(self.next_number(22, EPOCH_MS)), handle))

    def _oauth1(self, account: Account, value: str, secret: str) -> Token:
        return self.add_token(Token(value, account, "oauth1", secret=secret))

    def _pair(self, account: Account, scopes: frozenset[str], confidential: bool) -> dict[str, Any]:
        access = Token(
            secrets.token_urlsafe(48), account, expires_at=self.now() + ACCESS_SECONDS, scopes=scopes
        )
        self.add_token(access)
        answer = {
            "token_type": "bearer",
            "expires_in": ACCESS_SECONDS,
            "access_token": access.value,
            "scope": " ".join(sorted(scopes)),
        }
        if "offline.access" in scopes:
            refresh = Token(secrets.token_urlsafe(48), account, "refresh", scopes=scopes)
            refresh.extra["confidential"] = confidential
            self.add_token(refresh)
            answer["refresh_token"] = refresh.value
        return answer

    def token_of(self, request: Request) -> Token | None:
        if value := request.bearer:
            return self._named(value, "access") or self.tokens.get(value)
        value = _oauth_parameters(request).get("oauth_token", "")
        return self._named(value, "oauth1") or self.tokens.get(value)

    def _named(self, value: str, kind: str) -> Token | None:
        """A token `sandbox-NAME` is account NAME, without further ado."""
        if not value.startswith("sandbox-"):
            return None
        handle = value.removeprefix("sandbox-")
        account = self.named_account(handle)
        return Token(value, account, kind, secret=CONSUMER_SECRET)

    def authenticate(self, request: Request) -> Token:
        token = self.token_of(request)
        if token is None or (token.expires_at is not None and token.expires_at <= self.now()):
            raise self.refusal(401)
        if request.bearer:
            good = token.kind == "access"
        else:
            good = token.kind == "oauth1" and self._signature_is_good(request, token)
        if not good:
            raise self.refusal(401)
        return token

    def _signature_is_good(self, request: Request, token: Token) -> bool:
        given = _oauth_parameters(request)
        nonce, stamp = given.get("oauth_nonce", ""), given.get("oauth_timestamp", "")
        if (
            given.get("oauth_consumer_key") != CONSUMER_KEY
            or given.get("oauth_signature_method") != "HMAC-SHA1"
            or given.get("oauth_version", "1.0") != "1.0"
            or not nonce
            or not stamp.isdigit()
            # Real time: a client cannot follow a clock that a test advanced.
            or abs(int(stamp) - time.time()) > SKEW_SECONDS
            or (token.value, nonce) in self._nonces
        ):
            return False
        parameters = [
            (name, value) for name, value in given.items() if name not in ("oauth_signature", "realm")
        ]
        parameters += request.query_pairs
        if request.content_type == "application/x-www-form-urlencoded":
            parameters += request.form_pairs()
        expected = oauth1_signature(request.method, request.url, parameters, CONSUMER_SECRET, token.secret)
        if not hmac.compare_digest(expected.encode(), given.get("oauth_signature", "").encode()):
            return False
        self._nonces.add((token.value, nonce))
        return True

    def oauth2_token(self, request: Request) -> Reply:
        if request.content_type != "application/x-www-form-urlencoded":
            raise self._oauth_refusal("invalid_request", "The body must be form encoded.")
        fields = dict(request.form_pairs())
        match fields.get("grant_type"):
            case "authorization_code":
                return self._redeem(request, fields)
            case "refresh_token":
                return self._refresh(request, fields)
        raise self._oauth_refusal("unsupported_grant_type", "A grant type is missing or unknown.")

    def _redeem(self, request: Request, fields: dict[str, str]) -> Reply:
        """An app that proves itself by its secret is a confidential one, and has to from then on."""
        confidential = "authorization" in request.headers
        self._check_client(request, fields, confidential)
        try:
            code = self.redeem(fields)
        except ValueError as exc:
            raise self._oauth_refusal("invalid_request", f"Value passed for the {exc}.") from None
        return Reply(200, self._pair(code.account, code.scopes, confidential))

    def _refresh(self, request: Request, fields: dict[str, str]) -> Reply:
        token = self.tokens.get(fields.get("refresh_token", ""))
        if token is None or token.kind != "refresh":
            raise self._oauth_refusal("invalid_request", "Value passed for the token was invalid.")
        confidential = token.extra["confidential"]
        self._check_client(request, fields, confidential)
        del self.tokens[token.value]  # single use
        return Reply(200, self._pair(token.account, token.scopes or frozenset(), confidential))

    def _check_client(self, request: Request, fields: dict[str, str], confidential: bool) -> None:
        basic = "Basic " + base64.b64encode(f"{CLIENT_ID}:{CLIENT_SECRET}".encode()).decode()
        if confidential and request.headers.get("authorization") != basic:
            raise self._oauth_refusal("unauthorized_client", "Missing valid authorization header", 401)
        if not confidential and fields.get("client_id") != CLIENT_ID:
            raise self._oauth_refusal("invalid_request", "Missing required parameter [client_id].")

    def _oauth_refusal(self, error: str, description: str, status: int = 400) -> Refusal:
        return Refusal(Reply(status, {"error": error, "error_description": description}))

    # Answers in the platform's form.

    def error(self, status: int, message: str = "", kind: str = "") -> Reply:
        titles = {
            400: "Invalid Request",
            401: "Unauthorized",
            402: "CreditsDepleted",
            403: "Forbidden",
            404: "Not Found",
            429: "Too Many Requests",
            500: "Internal Server Error",
            503: "Service Unavailable",
        }
        title = titles.get(status, "Error")
        known = {400: "invalid-request", 402: "credits"}.get(status)
        problem = kind or known
        return Reply(
            status,
            {
                "title": title,
                "type": PROBLEMS + problem if problem else "about:blank",
                "status": status,
                "detail": message or title,
            },
            content_type="application/problem+json",
        )

    def invalid(self, message: str) -> Refusal:
        reply = self.error(400, "One or more parameters to your request was invalid.")
        reply.body["errors"] = [{"message": message}]
        return Refusal(reply)

    def limit_headers(self, limit: Limit, remaining: int, reset_at: float, blocked: bool) -> dict[str, str]:
        return {
            "x-rate-limit-limit": str(limit.most),
            "x-rate-limit-remaining": str(remaining),
            "x-rate-limit-reset": str(int(reset_at) + 1),
        }

    def _json(self, request: Request) -> dict[str, Any]:
        if request.content_type != "application/json":
            raise self.invalid(
                f"Content-Type {request.content_type or 'missing'} where application/json is wanted"
            )
        try:
            return request.json_object()
        except ValueError as exc:
            raise self.invalid(f"The body is not JSON: {exc}") from None

    def _only(self, document: Any, known: str, where: str = "") -> dict[str, Any]:
        """additionalProperties: false."""
        if not isinstance(document, dict):
            raise self.invalid(f"$.{where}: object expected")
        names = known.split()
        for name in document:
            if name not in names:
                raise self.invalid(f"$.{where}{'.' if where else ''}{name}: is not defined in the schema")
        return document

    # Media.

    def initialize(self, request: Request) -> Reply:
        known = "media_type total_bytes media_category additional_owners shared"
        document = self._only(self._json(request), known)
        total = document.get("total_bytes")
        if type(total) is not int or total < 1:
            raise self.invalid("$.total_bytes: integer expected")
        media = self._new_media(request, document.get("media_type"), document.get("media_category"), total)
        return Reply(200, {"data": self._media_body(media)})

    def _new_media(self, request: Request, kind: Any, category: Any, total: int) -> Media:
        if kind not in KINDS:
            raise self.invalid(f"media type {kind} is not supported")
        usual, most = KINDS[kind]
        if category not in (None, usual) and not (category == "amplify_video" and usual == "tweet_video"):
            raise self.invalid(f"media category {category} does not go with {kind}")
        if total > most:
            raise self.invalid(f"File size exceeds {most} bytes.")
        media_id = str(self.next_number(22, EPOCH_MS))
        media = Media(media_id, request.account, kind, total, self.now() + MEDIA_SECONDS)
        self.media[media_id] = media
        return media

    def append(self, request: Request) -> Reply:
        media = self._own_media(request, request.params["id"])
        if request.content_type == "multipart/form-data":
            try:
                parts = {part.name: part.data for part in request.parts()}
            except ValueError as exc:
                raise self.invalid(str(exc)) from None
            index, data = parts.get("segment_index", b"").decode("latin-1"), parts.get("media")
        else:
            document = self._only(self._json(request), "segment_index media")
            index, data = str(document.get("segment_index")), _decoded(document.get("media"))
        if not index.isdigit() or int(index) > 999 or not data:
            raise self.invalid("segment_index (0 to 999) and media are required")
        if len(data) > CHUNK_BYTES:
            raise Refusal(Reply(413))  # the edge says no more
        if media.done:
            raise self.invalid("media is finalized already")
        self._take(media, int(index), data)
        return Reply(200, {"data": {"expires_at": int(media.until)}})

    def _take(self, media: Media, index: int, data: bytes) -> None:
        if index == 0:
            media.head = data[:32]
        media.segments[index] = len(data)
        media.failed |= POISON in data

    def finalize(self, request: Request) -> Reply:
        media = self._own_media(request, request.params["id"])
        self._finish(media)
        return Reply(200, {"data": self._media_body(media)})

    def _finish(self, media: Media) -> None:
        if sorted(media.segments) != list(range(len(media.segments))):
            raise self.invalid("segments are missing")
        if sum(media.segments.values()) != media.total_bytes:
            raise self.invalid(f"{sum(media.segments.values())} bytes came, not {media.total_bytes}")
        if media_type(media.head) != media.kind:
            raise self.invalid("media type unrecognized: the bytes are something else")
        if not media.done and media.category != "tweet_image":
            media.polls_left = POLLS
        media.done = True

    def media_status(self, request: Request) -> Reply:
        if request.query("command") != "STATUS":
            raise self.invalid("The query parameter [command] must be STATUS")
        media = self._own_media(request, request.query("media_id") or "")
        if media.polls_left:
            media.polls_left -= 1
        return Reply(200, {"data": self._media_body(media)})

    def simple_upload(self, request: Request) -> Reply:
        try:
            if request.content_type == "multipart/form-data":
                parts = {part.name: part for part in request.parts()}
                data = parts["media"].data if "media" in parts else b""
                category = parts["media_category"].data.decode() if "media_category" in parts else None
            else:
                known = "media media_category media_type additional_owners shared"
                document = self._only(self._json(request), known)
                data, category = _decoded(document.get("media")), document.get("media_category")
        except ValueError as exc:
            raise self.invalid(str(exc)) from None
        media = self._new_media(request, media_type(data), category, len(data))
        self._take(media, 0, data)
        self._finish(media)
        return Reply(200, {"data": self._media_body(media)})

    def media_metadata(self, request: Request) -> Reply:
        document = self._only(self._json(request), "id metadata")
        media = self._own_media(request, document.get("id"))
        metadata = document.get("metadata")
        alt = metadata.get("alt_text") if isinstance(metadata, dict) else None
        text = alt.get("text") if isinstance(alt, dict) else None
        if not isinstance(text, str) or not 1 <= len(text) <= MAX_ALT:
            raise self.invalid(f"alt_text must have 1 to {MAX_ALT} characters")
        media.alt = text
        return Reply(200, {"data": {"id": media.id, "associated_metadata": metadata}})

    def _own_media(self, request: Request, media_id: Any) -> Media:
        media = self.media.get(media_id) if isinstance(media_id, str) else None
        if media is None or media.account is not request.account or media.until <= self.now():
            raise self.invalid(f"media id {media_id} is not valid")
        return media

    def _media_body(self, media: Media) -> dict[str, Any]:
        body = {
            "id": media.id,
            "media_key": media.key,
            "expires_after_secs": max(0, int(media.until - self.now())),
        }
        if not media.done or media.category == "tweet_image":
            return body
        if media.polls_left:
            state = "pending" if media.polls_left == POLLS else "in_progress"
            progress = {"state": state, "check_after_secs": 1, "progress_percent": 0}
        elif media.failed:
            progress = {"state": "failed", "error": {"code": 1, "message": "InvalidMedia"}}
        else:
            progress = {"state": "succeeded", "progress_percent": 100}
        return body | {"processing_info": progress}

    # Posts.

    def create_post(self, request: Request) -> Reply:
        account = request.account
        document = self._only(self._json(request), POST_KEYS[""])
        for name in ("media", "reply", "poll"):
            if name in document:
                self._only(document[name], POST_KEYS[name], name)
        text = document.get("text", "")
        if not isinstance(text, str):
            raise self.invalid("$.text: string expected")
        media = self._attachable(request, document["media"]) if "media" in document else []
        if "poll" in document:
            self._check_poll(document["poll"])
        if ("media" in document) + ("poll" in document) + ("quote_tweet_id" in document) > 1:
            raise self.invalid("media, poll and quote_tweet_id exclude each other")
        if not text.strip() and not media:
            raise self.invalid("text or media is required")
        if weighted_length(text) > (MAX_WEIGHT_PREMIUM if account.options.get("premium") else MAX_WEIGHT):
            raise self.invalid("Your post text is too long.")
        if document.get("reply_settings") not in (
            None,
            "following",
            "mentionedUsers",
            "subscribers",
            "verified",
        ):
            raise self.invalid("$.reply_settings: not one of the enumeration")
        for name in ("made_with_ai", "paid_partnership"):
            if not isinstance(document.get(name, False), bool):
                raise self.invalid(f"$.{name}: boolean expected")
        if "quote_tweet_id" in document or len(re.findall(r"(?<!\w)\$[A-Za-z]{1,6}\b", text)) > 1:
            raise self.refusal(403, "You are not permitted to perform this action.")
        target = self._reply_target(account, document["reply"]) if "reply" in document else None
        self._check_duplicate(account, text, bool(media))
        post = self._new_post(account, text, media, target)
        if "poll" in document:
            post.body["attachments"] = {"poll_ids": [str(self.next_number(22, EPOCH_MS))]}
        self.add_post(post, request)
        return Reply(
            201, {"data": {"id": post.id, "text": post.body["text"], "edit_history_tweet_ids": [post.id]}}
        )

    def _attachable(self, request: Request, document: dict[str, Any]) -> list[Media]:
        ids = document.get("media_ids")
        if not isinstance(ids, list) or not 1 <= len(ids) <= 4 or not all(isinstance(i, str) for i in ids):
            raise self.invalid("$.media.media_ids: 1 to 4 strings expected")
        tagged = document.get("tagged_user_ids", [])
        if not isinstance(tagged, list) or len(tagged) > 10:
            raise self.invalid("$.media.tagged_user_ids: at most 10 strings expected")
        if len(set(ids)) < len(ids):
            raise self.invalid("Your media IDs are not unique.")
        found = [self.media.get(media_id) for media_id in ids]
        media = [
            item for item in found if item and item.account is request.account and item.until > self.now()
        ]
        if len(media) < len(ids) or any(not m.done or m.polls_left or m.failed for m in media):
            raise self.invalid("Your media IDs are invalid.")
        if len(media) > 1 and any(item.category != "tweet_image" for item in media):
            raise self.invalid("A post has 4 photos, or 1 GIF, or 1 video.")
        return media

    def _check_poll(self, poll: dict[str, Any]) -> None:
        options, minutes = poll.get("options"), poll.get("duration_minutes")
        if not isinstance(options, list) or not 2 <= len(options) <= 4:
            raise self.invalid("$.poll.options: 2 to 4 strings expected")
        if not all(isinstance(option, str) and 1 <= len(option) <= 25 for option in options):
            raise self.invalid("$.poll.options: strings of 1 to 25 characters expected")
        if type(minutes) is not int or not 5 <= minutes <= 10_080:
            raise self.invalid("$.poll.duration_minutes: integer from 5 to 10080 expected")

    def _reply_target(self, account: Account, reply: dict[str, Any]) -> Post:
        target_id = reply.get("in_reply_to_tweet_id")
        if not isinstance(target_id, str):
            raise self.invalid("$.reply.in_reply_to_tweet_id: string expected")
        target = self.posts.get(target_id)
        if target is None or target.deleted:
            raise self.refusal(404, "The post you reply to is deleted or not visible to you.")
        if target.account is not account and f"@{account.handle}".lower() not in target.text.lower():
            raise self.refusal(403, "You are not permitted to perform this action.")
        return target

    def _check_duplicate(self, account: Account, text: str, has_media: bool) -> None:
        """Texts with media are not looked at: there the real check is not reliable either."""
        texts = account.extra.setdefault("texts", {})  # text -> its latest post without media
        last = texts.get(text.strip())
        since = self.now() - self.duplicate_seconds
        if last and not has_media and not last.deleted and last.created_at > since:
            raise self.refusal(403, "You are not allowed to create a Tweet with duplicate content.")

    def _new_post(self, account: Account, text: str, media: list[Media], target: Post | None) -> Post:
        post_id = str(self.next_number(22, EPOCH_MS))
        reply_to = target.id if target else None
        post = Post(post_id, account, text, self.now(), tuple(item.id for item in media), reply_to)
        shown, urls = _with_short_links(text)
        if media:
            shown, urls = _with_media_link(shown, urls, post, media)
        note = weighted_length(text) > MAX_WEIGHT
        if note:
            shown = shown[: MAX_WEIGHT - 1] + "…"
        post.body = {
            "id": post_id,
            "text": html.escape(shown, quote=False),
            "edit_history_tweet_ids": [post_id],
            "created_at": iso_time(int(post.created_at)),  # whole seconds, rounded down
            "author_id": account.id,
            "conversation_id": target.body["conversation_id"] if target else post_id,
            "reply_settings": "everyone",
            "replies": 0,  # real ones; not a field
        }
        if urls:
            post.body["entities"] = {"urls": urls}
        if media:
            post.body["attachments"] = {"media_keys": [item.key for item in media]}
        else:
            account.extra["texts"][text.strip()] = post
        if note:
            post.body["note_tweet"] = {"text": html.escape(text, quote=False)}
        if target:
            post.body["referenced_tweets"] = [{"type": "replied_to", "id": target.id}]
            post.body["in_reply_to_user_id"] = target.account.id
            target.body["replies"] += 1
        return post

    def delete_post_route(self, request: Request) -> Reply:
        post = self.posts.get(request.params["id"])
        if post and post.account is not request.account:
            raise self.refusal(403, "You are not authorized to delete this post.")
        if post and not post.deleted:
            self.delete_post(post)
        return Reply(200, {"data": {"deleted": True}})

    # Reading.

    def me(self, request: Request) -> Reply:
        account = request.account
        asked = (request.query("user.fields") or "").split(",")
        body = {"id": account.id, "name": account.handle, "username": account.handle}
        if "verified_type" in asked:
            body["verified_type"] = "blue" if account.options.get("premium") else "none"
        return Reply(200, {"data": body})

    def posts_by_id(self, request: Request) -> Reply:
        ids = [text for text in (request.query("ids") or "").split(",") if text]
        if not 1 <= len(ids) <= 100 or not all(text.isdigit() for text in ids):
            raise self.invalid("The query parameter [ids] must have 1 to 100 ids")
        fields = self._fields(request)
        found = {text: post for text in ids if (post := self.posts.get(text)) and not post.deleted}
        body: dict[str, Any] = {}
        if found:
            body["data"] = [self._body(post, fields) for post in found.values()]
        if errors := [_not_found("tweet", text) for text in ids if text not in found]:
            body["errors"] = errors
        return Reply(200, body)

    def _body(self, post: Post, fields: frozenset[str]) -> dict[str, Any]:
        return {name: value for name, value in (post.body | self._metrics(post)).items() if name in fields}

    def _metrics(self, post: Post) -> dict[str, Any]:
        seen = self.seen_by(post)
        if seen is None:
            return {}
        public = {
            "retweet_count": seen.shares - seen.shares // 4,
            "reply_count": seen.comments + post.body["replies"],
            "like_count": seen.likes,
            "quote_count": seen.shares // 4,
            "bookmark_count": seen.saves,
            "impression_count": seen.views,
        }
        own = {
            "impression_count": seen.views,
            "url_link_clicks": seen.likes // 3,
            "user_profile_clicks": seen.likes // 9,
        }
        return {"public_metrics": public, "non_public_metrics": own}

    def user_posts(self, request: Request) -> Reply:
        fields = self._fields(request)
        user = self.accounts_by_id.get(request.params["id"])
        if user is None:
            return Reply(200, {"errors": [_not_found("user", request.params["id"])]})
        most = request.query("max_results", "10") or ""
        if not most.isdigit() or not 5 <= int(most) <= 100:
            raise self.invalid(f"The `max_results` query parameter value [{most}] is not between 5 and 100")
        try:
            since, until = int(request.query("since_id") or 0), int(request.query("until_id") or 0)
            token = int((request.query("pagination_token") or "p0").removeprefix("p"))
            start, end = (self._moment(request.query(name)) for name in ("start_time", "end_time"))
        except ValueError as exc:
            raise self.invalid(str(exc)) from None
        before = min((bound for bound in (until, token) if bound), default=0)
        no_replies = "replies" in (request.query("exclude") or "").split(",")
        page: list[Post] = []
        more = False
        for post in self.listed(user):
            if int(post.id) <= since or (start and post.created_at < start):
                break
            if (before and int(post.id) >= before) or (end and post.created_at >= end):
                continue
            if no_replies and post.reply_to:
                continue
            if len(page) == int(most):
                more = True
                break
            page.append(post)
        meta: dict[str, Any] = {"result_count": len(page)}
        if not page:
            return Reply(200, {"meta": meta})
        meta |= {"newest_id": page[0].id, "oldest_id": page[-1].id}
        if more:
            meta["next_token"] = f"p{page[-1].id}"
        return Reply(200, {"data": [self._body(post, fields) for post in page], "meta": meta})

    def _fields(self, request: Request) -> frozenset[str]:
        asked = frozenset(filter(None, (request.query("tweet.fields") or "").split(",")))
        if unknown := sorted(asked - POST_FIELDS):
            raise self.invalid(
                f"The `tweet.fields` query parameter value [{unknown[0]}] is not one of the fields"
            )
        return asked | DEFAULT_FIELDS

    def _moment(self, text: str | None) -> float:
        """RFC 3339 in UTC -> epoch seconds; 0 when there is none."""
        if not text:
            return 0.0
        if not text.endswith("Z"):
            raise ValueError(f"[{text}] is not a time of the form YYYY-MM-DDTHH:mm:ssZ")
        return datetime.fromisoformat(text).timestamp()

    routes = (
        Route("GET", "/i/oauth2/authorize", Consent.authorize, login=False, family=None),
        Route("POST", "/2/oauth2/token", oauth2_token, login=False, family=None),
        Route("GET", "/2/users/me", me, family="me", scope="users.read"),
        Route("GET", "/2/users/{id}/tweets", user_posts, family="timeline", scope="tweet.read"),
        Route("GET", "/2/tweets", posts_by_id, scope="tweet.read"),
        Route("POST", "/2/tweets", create_post, True, family="publish", scope="tweet.write"),
        Route("DELETE", "/2/tweets/{id}", delete_post_route, True, family="delete", scope="tweet.write"),
        Route("POST", "/2/media/upload", simple_upload, family="media", scope="media.write"),
        Route("GET", "/2/media/upload", media_status, family="status", scope="media.write"),
        Route("POST", "/2/media/upload/initialize", initialize, family="chunks", scope="media.write"),
        Route("POST", "/2/media/upload/{id}/append", append, family="chunks", scope="media.write"),
        Route("POST", "/2/media/upload/{id}/finalize", finalize, family="chunks", scope="media.write"),
        Route("POST", "/2/media/metadata", media_metadata, family="media", scope="media.write"),
    )


def _encoded(text: str) -> str:
    return quote(text, safe="-._~")


def oauth1_signature(
    method: str, url: str, parameters: list[tuple[str, str]], consumer_secret: str, token_secret: str
) -> str:
    """RFC 5849 HMAC-SHA1; `url` without its query, `parameters` decoded: oauth_*, query and form body."""
    pairs = sorted((_encoded(name), _encoded(value)) for name, value in parameters)
    joined = "&".join(f"{name}={value}" for name, value in pairs)
    base = "&".join((method.upper(), _encoded(url), _encoded(joined)))
    key = f"{_encoded(consumer_secret)}&{_encoded(token_secret)}"
    return base64.b64encode(hmac.new(key.encode(), base.encode(), hashlib.sha1).digest()).decode()


def _oauth_parameters(request: Request) -> dict[str, str]:
    """The parameters of an OAuth 1.0a Authorization header; empty when it is something else."""
    scheme, _, rest = request.headers.get("authorization", "").partition(" ")
    if scheme.lower() != "oauth":
        return {}
    pairs = (piece.strip().partition("=") for piece in rest.split(","))
    return {unquote(name): unquote(value.strip('"')) for name, _, value in pairs if name}


def _decoded(text: Any) -> bytes:
    return base64.b64decode(text) if isinstance(text, str) else b""


def weighted_length(text: str) -> int:
    """twitter-text v3: 100 or 200 for a character, 200 for an emoji, 2300 for an URL; by 100, rounded down."""
    text = unicodedata.normalize("NFC", text)
    weight, last = 0, 0
    for start, end in url_spans(text, _X_URL):
        weight += _weight(text[last:start]) + URL_WEIGHT * 100
        last = end
    return (weight + _weight(text[last:])) // 100


def _weight(text: str) -> int:
    if text.isascii():
        return 100 * len(text)
    return sum(200 if is_emoji(cluster) else sum(map(_char_weight, cluster)) for cluster in graphemes(text))


def _char_weight(char: str) -> int:
    code = ord(char)
    light = code <= 0x10FF or 0x2000 <= code <= 0x200D or 0x2010 <= code <= 0x201F or 0x2032 <= code <= 0x2037
    return 100 if light else 200


def _with_short_links(text: str) -> tuple[str, list[dict[str, Any]]]:
    """The text as the API returns it, every URL replaced by a t.co one, and its `entities.urls`."""
    shown, urls, last = "", [], 0
    for start, end in url_spans(text, _X_URL):
        shown += text[last:start]
        url = text[start:end]
        expanded = url if "://" in url else f"http://{url}"
        short = "https://t.co/" + hashlib.sha256(url.encode()).hexdigest()[:10]
        urls.append(
            {
                "start": len(shown),
                "end": len(shown) + len(short),
                "url": short,
                "expanded_url": expanded,
                "display_url": expanded.partition("://")[2][:30],
            }
        )
        shown += short
        last = end
    return shown + text[last:], urls


def _with_media_link(
    shown: str, urls: list[dict[str, Any]], post: Post, media: list[Media]
) -> tuple[str, list[dict[str, Any]]]:
    """Media adds one more t.co link at the end of the text, and an entity for each attachment."""
    short = "https://t.co/" + hashlib.sha256(post.id.encode()).hexdigest()[:10]
    shown = f"{shown} {short}".lstrip()
    kind = "photo" if media[0].category == "tweet_image" else "video"
    entities = [
        {
            "start": len(shown) - len(short),
            "end": len(shown),
            "url": short,
            "expanded_url": f"https://x.com/{post.account.handle}/status/{post.id}/{kind}/1",
            "display_url": f"pic.x.com/{short[-10:]}",
            "media_key": item.key,
        }
        for item in media
    ]
    return shown, urls + entities


def _not_found(kind: str, value: str) -> dict[str, Any]:
    return {
        "resource_id": value,
        "resource_type": kind,
        "title": "Not Found Error",
        "type": PROBLEMS + "resource-not-found",
        "detail": f"Could not find {kind} with ids: [{value}].",
    }
