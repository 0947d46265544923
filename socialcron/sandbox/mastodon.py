"""Mastodon 4.5, and a compatible server that ignores Idempotency-Key.

Sources: docs.joinmastodon.org (methods statuses, media, accounts, instance, oauth; entities Status, Instance) and
mastodon/mastodon (post_status_service.rb, status_length_validator.rb, rate_limiter.rb, rack_attack.rb), 2026-07.
"""

from __future__ import annotations

import html
import re
import secrets
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass, field
from itertools import pairwise
from typing import Any, ClassVar
from urllib.parse import urlsplit

from socialcron.sandbox.frame import Account, Limit, Post, Refusal, Route, Token, media_type
from socialcron.sandbox.oauth import CLIENT_ID, CLIENT_SECRET, Consent
from socialcron.sandbox.text import count_graphemes, url_spans
from socialcron.sandbox.wire import Reply, Request, iso_time

MAX_CHARACTERS = 500
MAX_MEDIA = 4
MAX_DESCRIPTION = 1500
URL_CHARACTERS = 23
KEY_SECONDS = 3600
IMAGE_BYTES = 16_777_216
VIDEO_BYTES = 103_809_024
IMAGE_TYPES = ("image/jpeg", "image/png", "image/gif", "image/webp")
VIDEO_TYPES = ("video/mp4", "video/quicktime", "video/webm")
MAX_OPTIONS, MAX_OPTION_CHARACTERS = 4, 50
MIN_EXPIRATION, MAX_EXPIRATION = 300, 2_629_746
SCOPES = "read:accounts read:statuses write:statuses write:media"
VIDEO_POLLS = 2  # a video is ready at the second look
POISON = b"SANDBOX-UNPROCESSABLE"  # a video with these bytes in it fails processing

_MENTION = re.compile(r"(?<![\w/=])@(\w+(?:[\w.-]*\w)?)(@[\w.-]*\w)?")
_HASHTAG = re.compile(r"(?<![\w/&#])#(\w*[^\W\d]\w*)")


@dataclass(slots=True)
class Media:
    id: str
    account: Account
    kind: str  # image, video
    description: str | None
    polls_left: int = 0
    failed: bool = False
    post_id: str | None = None  # attached to this status


@dataclass(slots=True)
class App:
    """`redirect_uris` None: any."""

    secret: str
    redirect_uris: frozenset[str] | None
    scopes: frozenset[str]


@dataclass(slots=True)
class Keys:
    """Idempotency keys of one account: those remembered (key -> post id, until) and those at work now."""

    remembered: dict[str, tuple[str, float]] = field(default_factory=dict)
    running: set[str] = field(default_factory=set)


class Mastodon(Consent):
    known_scopes = frozenset(f"read write follow push profile {SCOPES}".split())
    pkce = "S256"
    version: ClassVar[str] = "4.5.0"
    knows_keys: ClassVar[bool] = True
    limits: ClassVar = {
        "read": (Limit(300, 300),),
        "media": (Limit(30, 1800),),
        "statuses": (Limit(300, 10_800),),
        "delete": (Limit(30, 1800),),
    }

    def __init__(self, *args: Any, **options: Any) -> None:
        super().__init__(*args, **options)
        self.media: dict[str, Media] = {}
        self.apps = {CLIENT_ID: App(CLIENT_SECRET, None, self.known_scopes)}
        self.keys: dict[str, Keys] = {}  # by account id

    # Who asks.

    def new_account(self, handle: str, *, refresh: bool = False, scopes: str = SCOPES) -> dict[str, Any]:
        """refresh: the token ends after two hours and comes with a single-use refresh token, as some servers do."""
        account = self.named_account(handle)
        if not refresh:
            token = self.add_token(
                Token(secrets.token_urlsafe(32), account, scopes=frozenset(scopes.split()))
            )
            return {"access_token": token.value}
        pair = self._token_pair(account, frozenset(scopes.split()))
        return {
            "access_token": pair["access_token"],
            "refresh_token": pair["refresh_token"],
            "expires_at": iso_time(self.now() + pair["expires_in"]),
            "client_id": CLIENT_ID,
            "client_secret": CLIENT_SECRET,
        }

    def _account(self, handle: str) -> Account:
        account = self.add_account(Account(str(self.next_number(16)), handle))
        self.keys[account.id] = Keys()
        return account

    def _token_pair(self, account: Account, scopes: frozenset[str] | None) -> dict[str, Any]:
        access = Token(secrets.token_urlsafe(32), account, expires_at=self.now() + 7200, scopes=scopes)
        refresh = Token(secrets.token_urlsafe(32), account, "refresh", scopes=scopes)
        self.add_token(access)
        self.add_token(refresh)
        return self._token_body(access) | {"expires_in": 7200, "refresh_token": refresh.value}

    def authenticate(self, request: Request) -> Token:
        token = self.token_of(request)
        if token is None or token.kind != "access" or (token.expires_at or self.now() + 1) <= self.now():
            raise self.refusal(401, "The access token is invalid")
        return token

    def expire(self, request: Request) -> Reply:
        token = self.token_of(request)
        if token and token.expires_at is not None:
            token.expires_at = self.now()
        return self.error(401, "The access token expired")

    def register_app(self, request: Request) -> Reply:
        fields = self._fields(request)
        redirects = fields.get("redirect_uris")
        uris = redirects if isinstance(redirects, list) else str(redirects or "").split()
        scopes = frozenset(str(fields.get("scopes") or "read").split())
        if not fields.get("client_name"):
            raise self.invalid("Application name can't be blank")
        if not uris or not all(urlsplit(uri).scheme in ("http", "https", "urn") for uri in uris):
            raise self.invalid("Redirect URI must be an absolute URI.")
        if not scopes <= self.known_scopes:
            raise self.invalid("Scopes doesn't match configured on the server.")
        client_id = secrets.token_urlsafe(32)
        self.apps[client_id] = App(secrets.token_urlsafe(32), frozenset(uris), scopes)
        return Reply(
            200,
            {
                "id": str(self.next_number(0)),
                "name": fields["client_name"],
                "redirect_uris": uris,
                "redirect_uri": "\n".join(uris),
                "scopes": sorted(scopes),
                "client_id": client_id,
                "client_secret": self.apps[client_id].secret,
                "client_secret_expires_at": 0,
            },
        )

    def knows_client(self, client_id: str, redirect_uri: str) -> bool:
        app = self.apps.get(client_id)
        return app is not None and (app.redirect_uris is None or redirect_uri in app.redirect_uris)

    def authorize(self, request: Request) -> Reply:
        app = self.apps.get(request.query("client_id") or "")
        if app and not set((request.query("scope") or "").split()) <= app.scopes:
            return Reply(400, b"The requested scope is invalid", content_type="text/plain")
        return super().authorize(request)

    def token(self, request: Request) -> Reply:
        fields = self._fields(request)
        client_id = str(fields.get("client_id"))
        app = self.apps.get(client_id)
        if app is None or fields.get("client_secret") != app.secret:
            return _oauth_error(401, "invalid_client", "Client authentication failed.")
        match fields.get("grant_type"):
            case "authorization_code":
                try:
                    code = self.redeem(fields, client_id)
                except ValueError as exc:
                    return _oauth_error(400, "invalid_grant", f"The provided grant is invalid: {exc}")
                token = self.add_token(Token(secrets.token_urlsafe(32), code.account, scopes=code.scopes))
                return Reply(200, self._token_body(token))
            case "refresh_token":
                used = self.tokens.get(str(fields.get("refresh_token", "")))
                if used is None or used.kind != "refresh":
                    return _oauth_error(400, "invalid_grant", "The provided grant is invalid.")
                del self.tokens[used.value]
                return Reply(200, self._token_pair(used.account, used.scopes))
        return _oauth_error(400, "unsupported_grant_type", "The grant type is not supported.")

    def _token_body(self, token: Token) -> dict[str, Any]:
        return {
            "access_token": token.value,
            "token_type": "Bearer",
            "scope": " ".join(sorted(token.scopes or ())),
            "created_at": int(self.now()),
        }

    # Answers in the platform's form.

    def error(self, status: int, message: str = "", kind: str = "") -> Reply:
        messages = {404: "Record not found", 429: "Too many requests", 503: "Service Unavailable"}
        return Reply(status, {"error": message or messages.get(status, "Something went wrong")})

    def invalid(self, message: str) -> Refusal:
        return self.refusal(422, f"Validation failed: {message}")

    def limit_headers(self, limit: Limit, remaining: int, reset_at: float, blocked: bool) -> dict[str, str]:
        return {
            "X-RateLimit-Limit": str(limit.most),
            "X-RateLimit-Remaining": str(remaining),
            "X-RateLimit-Reset": iso_time(reset_at, digits=6),
        }

    def _fields(self, request: Request) -> dict[str, Any]:
        """The parameters of a body, JSON or form, nested the way Rails reads `poll[options][]`."""
        try:
            if request.content_type == "application/json":
                return request.json_object() if request.body else {}
            if request.content_type == "application/x-www-form-urlencoded":
                return _nested(request.form_pairs())
            if request.content_type == "multipart/form-data":
                parts = request.parts()
                files = {part.name: part for part in parts if part.filename is not None}
                plain = [(part.name, part.data.decode()) for part in parts if part.filename is None]
                return _nested(plain) | files
        except ValueError as exc:
            raise self.refusal(400, f"There was a problem parsing the body: {exc}") from None
        return {}  # any other type is no parameters at all

    # Instance and account.

    def instance_v2(self, request: Request) -> Reply:
        return Reply(
            200, {"domain": self.name, "version": self.version, "configuration": self._configuration()}
        )

    def instance_v1(self, request: Request) -> Reply:
        return Reply(200, {"uri": self.name, "version": self.version, "configuration": self._configuration()})

    def _configuration(self) -> dict[str, Any]:
        return {
            "statuses": {
                "max_characters": MAX_CHARACTERS,
                "max_media_attachments": MAX_MEDIA,
                "characters_reserved_per_url": URL_CHARACTERS,
            },
            "media_attachments": {
                "supported_mime_types": [*IMAGE_TYPES, *VIDEO_TYPES],
                "description_limit": MAX_DESCRIPTION,
                "image_size_limit": IMAGE_BYTES,
                "image_matrix_limit": 33_177_600,
                "video_size_limit": VIDEO_BYTES,
                "video_frame_rate_limit": 120,
                "video_matrix_limit": 8_294_400,
            },
            "polls": {
                "max_options": MAX_OPTIONS,
                "max_characters_per_option": MAX_OPTION_CHARACTERS,
                "min_expiration": MIN_EXPIRATION,
                "max_expiration": MAX_EXPIRATION,
            },
        }

    def verify_credentials(self, request: Request) -> Reply:
        return Reply(200, self._account_body(request.account))

    def _account_body(self, account: Account) -> dict[str, Any]:
        handle = account.handle
        return {
            "id": account.id,
            "username": handle,
            "acct": handle,
            "display_name": handle,
            "url": f"{self.base_url}/@{handle}",
            "statuses_count": len(account.posts),
        }

    # Media.

    def upload(self, request: Request) -> Reply:
        fields = self._fields(request)
        file = fields.get("file")
        if file is None or not hasattr(file, "data"):
            raise self.invalid("File can't be blank")
        kind = media_type(file.data)
        if kind is None or file.content_type.split(";")[0] not in (*IMAGE_TYPES, *VIDEO_TYPES):
            raise self.invalid("File content type is invalid, File is invalid")
        is_video = kind in VIDEO_TYPES
        if len(file.data) > (VIDEO_BYTES if is_video else IMAGE_BYTES):
            raise self.invalid("File file size must be less than the limit")
        media = Media(
            str(self.next_number(16)),
            request.account,
            "video" if is_video else "image",
            self._description(fields),
            polls_left=VIDEO_POLLS if is_video else 0,
            failed=is_video and POISON in file.data,
        )
        self.media[media.id] = media
        return Reply(202 if is_video else 200, self._media_body(media))

    def get_media(self, request: Request) -> Reply:
        media = self._own_media(request)
        if media.polls_left:
            media.polls_left -= 1
            if media.polls_left:
                return Reply(206, self._media_body(media))
        if media.failed:
            raise self.refusal(422, "Error processing thumbnail for uploaded media")
        return Reply(200, self._media_body(media))

    def put_media(self, request: Request) -> Reply:
        media = self._own_media(request)
        media.description = self._description(self._fields(request))
        return Reply(200, self._media_body(media))

    def _own_media(self, request: Request) -> Media:
        media = self.media.get(request.params["id"])
        if media is None or media.account is not request.account or media.post_id:
            raise self.refusal(404)
        return media

    def _description(self, fields: Mapping[str, Any]) -> str | None:
        description = fields.get("description")
        if description is not None and count_graphemes(str(description)) > MAX_DESCRIPTION:
            raise self.invalid(f"Description is too long (maximum is {MAX_DESCRIPTION} characters)")
        return None if description is None else str(description)

    def _media_body(self, media: Media) -> dict[str, Any]:
        url = None if media.polls_left else f"{self.base_url}/media/{media.id}"
        return {"id": media.id, "type": media.kind, "url": url, "description": media.description}

    # Statuses.

    @contextmanager
    def admit(self, request: Request, route: Route) -> Iterator[None]:
        """One request at a time may work with a key: the second of two at once gets 503."""
        key = self._key(request)
        if not key or not route.visible or request.account is None:
            yield
            return
        running = self.keys[request.account.id].running
        with self.lock:
            if key in running:
                raise self.refusal(503)
            running.add(key)
        try:
            yield
        finally:
            with self.lock:
                running.discard(key)

    def _key(self, request: Request) -> str:
        if not self.knows_keys or request.key_ignored:
            return ""
        return request.headers.get("idempotency-key", "")

    def create_status(self, request: Request) -> Reply:
        account, key = request.account, self._key(request)
        remembered = self.keys[account.id].remembered
        if key in remembered:
            post_id, until = remembered[key]
            if until > self.now() and not self.posts[post_id].deleted:
                return Reply(200, self._body(self.posts[post_id]))
        fields = self._fields(request)
        post = self._new_post(account, fields)
        post.key = request.headers.get("idempotency-key")
        for media_id in post.media:
            self.media[media_id].post_id = post.id
        self.add_post(post, request)
        if key:
            remembered[key] = post.id, self.now() + KEY_SECONDS
        return Reply(200, self._body(post))

    def _body(self, post: Post) -> dict[str, Any]:
        """With the real replies among those of the audience."""
        seen = self.seen_by(post)
        if seen is None:
            return {name: value for name, value in post.body.items() if not name.endswith("s_count")}
        return post.body | {
            "replies_count": post.body["replies_count"] + seen.comments,
            "reblogs_count": seen.shares - seen.shares // 4,
            "favourites_count": seen.likes,
            "quotes_count": seen.shares // 4,
        }

    def _new_post(self, account: Account, fields: Mapping[str, Any]) -> Post:
        text, spoiler = str(fields.get("status") or ""), str(fields.get("spoiler_text") or "")
        poll = self._poll(fields.get("poll"))
        media = self._attachable(account, fields.get("media_ids") or [], poll is not None)
        if fields.get("scheduled_at"):
            raise self.invalid("the sandbox does not schedule")
        if not text.strip() and not media:
            raise self.invalid("Text can't be blank")
        if self.text_length(spoiler + text) > MAX_CHARACTERS:
            raise self.invalid(f"Text character limit of {MAX_CHARACTERS} exceeded")
        visibility = fields.get("visibility") or "public"
        if visibility not in ("public", "unlisted", "private", "direct"):
            raise self.invalid("Visibility is not included in the list")
        reply_to = fields.get("in_reply_to_id")
        target = self.posts.get(str(reply_to)) if reply_to else None
        if reply_to and (target is None or target.deleted):
            raise self.refusal(404, "The post you are trying to reply to does not appear to exist.")
        now, post_id = self.now(), str(self.next_number(16))
        post = Post(
            post_id, account, text, now, tuple(item.id for item in media), target.id if target else None
        )
        post.body = {
            "id": post_id,
            "created_at": iso_time(now),
            "in_reply_to_id": target and target.id,
            "in_reply_to_account_id": target and target.account.id,
            "sensitive": fields.get("sensitive") in (True, "true", "1"),
            "spoiler_text": spoiler,
            "visibility": visibility,
            "language": fields.get("language"),
            "uri": f"{self.base_url}/users/{account.handle}/statuses/{post_id}",
            "url": f"{self.base_url}/@{account.handle}/{post_id}",
            "content": self._html(text),
            "application": {"name": "socialcron"},
            "account": self._account_body(account),
            "media_attachments": [self._media_body(item) for item in media],
            "poll": poll,
            "replies_count": 0,
            "reblog": None,
        }
        if target:
            target.body["replies_count"] += 1
        return post

    def _attachable(self, account: Account, ids: Any, with_poll: bool) -> list[Media]:
        if not isinstance(ids, list):
            raise self.invalid("Media ids must be a list")
        if len(ids) > MAX_MEDIA or (ids and with_poll):
            raise self.invalid(f"Cannot attach more than {MAX_MEDIA} files or any to a poll")
        if len(set(ids)) < len(ids):
            raise self.invalid("Media attached twice")
        found = []
        for media_id in ids:
            media = self.media.get(str(media_id))
            if media is None or media.account is not account or media.post_id:
                raise self.invalid(f"Media {media_id} not found or already attached to another post")
            if media.polls_left or media.failed:
                raise self.invalid(
                    "Cannot attach files that have not finished processing. Try again in a moment!"
                )
            found.append(media)
        if len(found) > 1 and any(media.kind == "video" for media in found):
            raise self.invalid("Cannot attach a video to a post that already contains images")
        return found

    def _poll(self, poll: Any) -> dict[str, Any] | None:
        if poll is None:
            return None
        options = poll.get("options") if isinstance(poll, dict) else None
        if not isinstance(options, list) or not 2 <= len(options) <= MAX_OPTIONS:
            raise self.invalid(f"Options must be 2 to {MAX_OPTIONS}")
        if len(set(options)) < len(options):
            raise self.invalid("Options can't be duplicated")
        if any(not 0 < count_graphemes(str(option)) <= MAX_OPTION_CHARACTERS for option in options):
            raise self.invalid(f"Options can't be longer than {MAX_OPTION_CHARACTERS} characters each")
        try:
            seconds = int(poll.get("expires_in", ""))
        except (TypeError, ValueError):
            raise self.invalid("Expires at can't be blank") from None
        if not MIN_EXPIRATION <= seconds <= MAX_EXPIRATION:
            raise self.invalid("Expires at is too soon or too far into the future")
        return {
            "id": str(self.next_number(16)),
            "expires_at": iso_time(self.now() + seconds),
            "multiple": poll.get("multiple") in (True, "true", "1"),
            "options": [{"title": str(option), "votes_count": 0} for option in options],
        }

    def text_length(self, text: str) -> int:
        """Grapheme clusters, each URL as 23, the domain of a mention left out."""
        pieces, last = [], 0
        for start, end in url_spans(text):
            pieces += [text[last:start], "x" * URL_CHARACTERS]
            last = end
        pieces.append(text[last:])
        return count_graphemes(_MENTION.sub(lambda found: "@" + found[1], "".join(pieces)))

    def _html(self, text: str) -> str:
        """As the web shows it: links shortened with the whole address in href, local mentions without domain."""
        pieces, last = [], 0
        for start, end in url_spans(text):
            pieces += [self._tags(text[last:start]), _link(text[start:end])]
            last = end
        pieces.append(self._tags(text[last:]))
        body = "".join(pieces).strip()
        paragraphs = (part.replace("\n", "<br />") for part in re.split(r"\n{2,}", body))
        return "".join(f"<p>{part}</p>" for part in paragraphs) if body else ""

    def _tags(self, text: str) -> str:
        def mention(found: re.Match[str]) -> str:
            name = found[1]
            if name not in self.accounts:
                return found[0]
            link = f'<a href="{self.base_url}/@{name}" class="u-url mention">@<span>{name}</span></a>'
            return f'<span class="h-card" translate="no">{link}</span>'

        def hashtag(found: re.Match[str]) -> str:
            address = f"{self.base_url}/tags/{found[1]}"
            return f'<a href="{address}" class="mention hashtag" rel="tag">#<span>{found[1]}</span></a>'

        # Hashtags first: the link of a mention has no "#", but its text must not be searched for "@" again.
        return _MENTION.sub(
            mention, _HASHTAG.sub(hashtag, html.escape(text, quote=False).replace("\r\n", "\n"))
        )

    def get_status(self, request: Request) -> Reply:
        return Reply(200, self._body(self._visible(request)))

    def get_statuses(self, request: Request) -> Reply:
        ids = request.query_all("id[]")
        if len(ids) > 20:
            raise self.refusal(422, "Too many ids")
        found = (self.posts.get(post_id) for post_id in ids)
        return Reply(200, [self._body(post) for post in found if post and not post.deleted])

    def get_source(self, request: Request) -> Reply:
        post = self._visible(request)
        if post.account is not request.account:
            raise self.refusal(403, "This action is not allowed")
        return Reply(200, {"id": post.id, "text": post.text, "spoiler_text": post.body["spoiler_text"]})

    def delete_status(self, request: Request) -> Reply:
        post = self._visible(request)
        if post.account is not request.account:
            raise self.refusal(404)
        self.delete_post(post)
        return Reply(200, self._body(post) | {"text": post.text})

    def _visible(self, request: Request) -> Post:
        post = self.posts.get(request.params["id"])
        if post is None or post.deleted:
            raise self.refusal(404)
        return post

    def account_statuses(self, request: Request) -> Reply:
        account = self.accounts_by_id.get(request.params["id"])
        if account is None:
            raise self.refusal(404)
        try:
            limit = min(40, int(request.query("limit", "20") or 20))
            since, newest = int(request.query("since_id") or 0), int(request.query("max_id") or 0)
        except ValueError:
            raise self.refusal(400, "odd parameter") from None
        page: list[Post] = []
        for post in self.listed(account):
            if int(post.id) <= since or len(page) == limit:
                break
            if (newest and int(post.id) >= newest) or (request.query("exclude_replies") and post.reply_to):
                continue
            page.append(post)
        headers = {}
        if page:
            address = f"{request.url}?limit={limit}"
            headers["Link"] = (
                f'<{address}&max_id={page[-1].id}>; rel="next", <{address}&min_id={page[0].id}>; rel="prev"'
            )
        return Reply(200, [self._body(post) for post in page], headers)

    routes: ClassVar[tuple[Route, ...]] = (
        Route("POST", "/api/v1/apps", register_app, login=False, family=None),
        Route("GET", "/oauth/authorize", authorize, login=False, family=None),
        Route("POST", "/oauth/token", token, login=False, family=None),
        Route("GET", "/api/v2/instance", instance_v2, login=False),
        Route("GET", "/api/v1/instance", instance_v1, login=False),
        Route("GET", "/api/v1/accounts/verify_credentials", verify_credentials, scope="read:accounts"),
        Route("POST", "/api/v2/media", upload, family="media", scope="write:media"),
        Route("GET", "/api/v1/media/{id}", get_media, scope="write:media"),
        Route("PUT", "/api/v1/media/{id}", put_media, scope="write:media"),
        Route("POST", "/api/v1/statuses", create_status, True, family="statuses", scope="write:statuses"),
        Route("GET", "/api/v1/statuses", get_statuses, scope="read:statuses"),
        Route("GET", "/api/v1/statuses/{id}", get_status, scope="read:statuses"),
        Route("GET", "/api/v1/statuses/{id}/source", get_source, scope="read:statuses"),
        Route(
            "DELETE", "/api/v1/statuses/{id}", delete_status, True, family="delete", scope="write:statuses"
        ),
        Route("GET", "/api/v1/accounts/{id}/statuses", account_statuses, scope="read:statuses"),
    )


class MastodonNoKey(Mastodon):
    """A compatible server: Idempotency-Key means nothing to it, no batch read, no source of a status."""

    version = "2.7.2 (compatible; Pixelfed 0.12)"
    knows_keys = False
    routes = tuple(
        route
        for route in Mastodon.routes
        if not route.template.endswith("/source")
        and (route.method, route.template) != ("GET", "/api/v1/statuses")
    )


def _oauth_error(status: int, error: str, description: str) -> Reply:
    return Reply(status, {"error": error, "error_description": description})


def _nested(pairs: list[tuple[str, str]]) -> dict[str, Any]:
    """`[("poll[options][]", "a"), ("poll[multiple]", "true")]` -> {"poll": {"options": ["a"], ...}}."""
    fields: dict[str, Any] = {}
    for name, value in pairs:
        path = re.findall(r"[^\[\]]+|\[\]", name) or [name]
        place: Any = fields
        for step, following in pairwise(path):
            if not isinstance(place, dict):
                raise ValueError(f"odd parameter {name}")
            place = place.setdefault(step, [] if following == "[]" else {})
        if isinstance(place, list):
            place.append(value)
        elif isinstance(place, dict):
            place[path[-1]] = value
        else:
            raise ValueError(f"odd parameter {name}")
    return fields


def _link(url: str) -> str:
    scheme, _, rest = url.partition("://")
    shown, hidden = rest[:30], rest[30:]
    ellipsis = "ellipsis" if hidden else ""
    return (
        f'<a href="{html.escape(url)}" target="_blank" rel="nofollow noopener" translate="no">'
        f'<span class="invisible">{scheme}://</span><span class="{ellipsis}">{html.escape(shown)}</span>'
        f'<span class="invisible">{html.escape(hidden)}</span></a>'
    )
