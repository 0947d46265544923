"""LinkedIn's Posts, Images and Videos APIs, versions 202601 to 202610.

Sources: learn.microsoft.com/en-us/linkedin (marketing/community-management/shares: posts-api, little-text-format,
images-api, videos-api; marketing/community-management: organizations/share-statistics, members/post-statistics;
shared/api-guide/concepts: error-handling, rate-limits; shared/authentication), 2026-09.
"""

from __future__ import annotations

import json
import re
import secrets
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from hashlib import md5
from typing import Any, ClassVar
from urllib.parse import unquote

from socialcron.sandbox.frame import Account, Limit, Post, Refusal, Route, Token, media_type
from socialcron.sandbox.oauth import CLIENT_ID, CLIENT_SECRET, Consent
from socialcron.sandbox.wire import Reply, Request, iso_time

MAX_COMMENTARY = 3000
MAX_ALT = 4086
MAX_IMAGES = 20
VIDEO_BYTES = (75_000, 500_000_000)
DAY = 86_400
ACCESS_SECONDS, REFRESH_SECONDS = 60 * DAY, 365 * DAY
UPLOAD_SECONDS = DAY
POLLS = 2  # a video is ready at the second look
POISON = b"SANDBOX-UNPROCESSABLE"  # media with these bytes in it fail processing
MEMBER_SCOPES = "openid profile w_member_social r_member_postAnalytics"
PAGE_SCOPES = f"{MEMBER_SCOPES} w_organization_social r_organization_social"
NUMBERS = {
    "IMPRESSION": "views",
    "REACTION": "likes",
    "COMMENT": "comments",
    "RESHARE": "shares",
    "POST_SAVE": "saves",
}
SAVES_SINCE = "202604"
RESERVED = frozenset("\\|{}@[]()<>#*_~")
POST_KEYS = {
    "author",
    "commentary",
    "visibility",
    "distribution",
    "lifecycleState",
    "isReshareDisabledByAuthor",
    "content",
}
_MENTION = re.compile(r"@\[((?:\\.|[^\\\[\]{}|@()<>#*_~\n])+)\]\((urn:li:(?:organization|person):[\w-]+)\)")
_STATISTICS = re.compile(
    r"q=organizationalEntity&organizationalEntity=(urn%3Ali%3Aorganization%3A\d+)"
    r"&(shares|ugcPosts)=List\(((?:urn%3Ali%3A\w+%3A\d+,?)+)\)"
)
_ANALYTICS = re.compile(
    r"q=entity&entity=\(share:(urn%3Ali%3Ashare%3A\d+)\)&queryType=(\w+)&aggregation=TOTAL"
)
_HASHTAG = re.compile(r"#([^\W_]+)")
_TEMPLATE = re.compile(r"\{hashtag\|\\#\|((?:\\.|[^\\|{}])+)\}")


@dataclass(slots=True)
class Upload:
    """An image or a video on its way. `parts`: first and last byte of each; `etags` by part, as they arrive."""

    urn: str
    owner: str
    size: int = 0
    until: float = 0.0
    parts: list[tuple[int, int]] = field(default_factory=list)
    etags: dict[int, str] = field(default_factory=dict)
    data: dict[int, bytes] = field(default_factory=dict)
    status: str = "WAITING_UPLOAD"
    polls_left: int = 0

    @property
    def is_video(self) -> bool:
        return self.urn.startswith("urn:li:video:")


class LinkedIn(Consent):
    """An account is an author: a member, or (option `organization`) a page with the member who administers it."""

    known_scopes = frozenset(f"email {PAGE_SCOPES}".split())
    switches = (*Consent.switches, "oldest_version", "newest_version", "duplicate_seconds", "part_bytes")
    limits: ClassVar = {
        "posts": (Limit(1000, DAY),),
        "media": (Limit(5000, DAY),),
        "read": (Limit(5000, DAY),),
    }

    def __init__(self, *args: Any, **options: Any) -> None:
        super().__init__(*args, **options)
        self.oldest_version, self.newest_version = "202601", "202610"
        self.duplicate_seconds = DAY
        self.part_bytes = 4 * 2**20
        self.uploads: dict[str, Upload] = {}  # by the part of the URN that is its own

    # Who asks.

    def new_account(
        self, handle: str, *, organization: bool = False, refresh: bool = False, scopes: str | None = None
    ) -> dict[str, Any]:
        """organization: an author of that kind. refresh: the app is one of those that get refresh tokens."""
        account = self.accounts.get(handle) or self._account(handle, organization)
        account.options["refresh"] = refresh
        default = PAGE_SCOPES if "organization" in account.id else MEMBER_SCOPES
        pair = self._token_pair(account, frozenset((scopes or default).split()), self.now() + REFRESH_SECONDS)
        kept = {key: pair[key] for key in ("access_token", "refresh_token") if key in pair}
        ends_at = {"expires_at": iso_time(self.now() + pair["expires_in"])}
        return kept | ends_at | {"client_id": CLIENT_ID, "client_secret": CLIENT_SECRET}

    def _account(self, handle: str, organization: bool = False) -> Account:
        number = self.next_number(4)
        urn = f"urn:li:organization:{number}" if organization else f"urn:li:person:m_{number}-{handle[:3]}"
        return self.add_account(Account(re.sub(r"[^\w:-]", "x", urn, flags=re.ASCII), handle))

    def _token_pair(self, account: Account, scopes: frozenset[str] | None, until: float) -> dict[str, Any]:
        """until: when refreshing ends: a year after the consent, however often it is done."""
        access = Token(
            secrets.token_urlsafe(32), account, expires_at=self.now() + ACCESS_SECONDS, scopes=scopes
        )
        self.add_token(access)
        body = {
            "access_token": access.value,
            "expires_in": ACCESS_SECONDS,
            "scope": ",".join(sorted(scopes or ())),
            "token_type": "Bearer",
        }
        if account.options.get("refresh"):
            refresh = account.extra.setdefault(
                "refresh",
                Token(secrets.token_urlsafe(32), account, "refresh", expires_at=until, scopes=scopes),
            )
            self.add_token(refresh)
            left = int(refresh.expires_at - self.now())
            body |= {"refresh_token": refresh.value, "refresh_token_expires_in": left}
        return body

    def authenticate(self, request: Request) -> Token:
        """The version is looked at first, whoever asks."""
        if request.path.startswith("/rest/"):
            self._check_version(request)
        token = self.token_of(request)
        if not request.bearer:
            raise self.refusal(401, "Empty oauth2 access token", "EMPTY_ACCESS_TOKEN")
        if token is None or token.kind != "access":
            raise self.refusal(401, "The token used in the request has been revoked", "REVOKED_ACCESS_TOKEN")
        if (token.expires_at or self.now() + 1) <= self.now():
            raise self.refusal(401, "The token used in the request has expired", "EXPIRED_ACCESS_TOKEN")
        return token

    def _check_version(self, request: Request) -> None:
        version = request.headers.get("linkedin-version", "")
        if not re.fullmatch(r"\d{6}", version):
            raise self.invalid(
                "A version must be present. Please specify a version by adding the LinkedIn-Version header."
            )
        if not self.oldest_version <= version <= self.newest_version:
            raise self.refusal(426, f"Requested version {version} is not active", "NONEXISTENT_VERSION")
        if request.headers.get("x-restli-protocol-version") != "2.0.0":
            raise self.invalid("X-Restli-Protocol-Version must be 2.0.0")

    def expire(self, request: Request) -> Reply:
        token = self.token_of(request)
        if token and token.expires_at is not None:
            token.expires_at = self.now()
        return self.error(401, "The token used in the request has expired", "EXPIRED_ACCESS_TOKEN")

    def access_token(self, request: Request) -> Reply:
        fields = (
            dict(request.form_pairs()) if request.content_type == "application/x-www-form-urlencoded" else {}
        )
        if (fields.get("client_id"), fields.get("client_secret")) != (CLIENT_ID, CLIENT_SECRET):
            return _oauth_error(401, "invalid_client", "Client authentication failed")
        match fields.get("grant_type"):
            case "authorization_code":
                try:
                    code = self.redeem(fields)
                except ValueError as exc:
                    return _oauth_error(400, "invalid_request", str(exc))
                return Reply(200, self._token_pair(code.account, code.scopes, self.now() + REFRESH_SECONDS))
            case "refresh_token":
                token = self.tokens.get(str(fields.get("refresh_token", "")))
                over = token is None or token.kind != "refresh" or (token.expires_at or 0) <= self.now()
                if token is None or over:
                    return _oauth_error(
                        400, "invalid_request", "The provided authorization grant is invalid or expired"
                    )
                return Reply(200, self._token_pair(token.account, token.scopes, 0.0))
        return _oauth_error(400, "invalid_request", 'A required parameter "grant_type" is missing')

    def userinfo(self, request: Request) -> Reply:
        self._need(request, "openid")
        account: Account = request.account
        return Reply(
            200, {"sub": _person(account).rpartition(":")[2], "name": account.handle, "locale": "en_US"}
        )

    # Answers in the platform's form.

    def error(self, status: int, message: str = "", kind: str = "") -> Reply:
        texts = {
            404: ("NOT_FOUND", "Not Found"),
            429: (
                "TOO_MANY_REQUESTS",
                "Resource level throttle limit for calls to this resource is reached.",
            ),
            503: ("SERVICE_UNAVAILABLE", "Service Unavailable"),
        }
        code, text = texts.get(status, ("INTERNAL_SERVER_ERROR", "Internal Server Error"))
        return Reply(status, {"status": status, "code": kind or code, "message": message or text})

    def invalid(self, message: str, code: str = "ILLEGAL_ARGUMENT") -> Refusal:
        return self.refusal(400, message, code)

    def unprocessable(self, message: str) -> Refusal:
        return self.refusal(422, f"ERROR :: {message}", "UNPROCESSABLE_ENTITY")

    def limit_headers(self, limit: Limit, remaining: int, reset_at: float, blocked: bool) -> dict[str, str]:
        return {}  # LinkedIn tells of limits by refusing, and of nothing more

    def _need(self, request: Request, *scopes: str) -> None:
        if request.token.scopes is not None and not request.token.scopes & set(scopes):
            raise self.refusal(403, f"Not enough permissions to access: {request.path}", "ACCESS_DENIED")

    def _may_post_as(self, request: Request, author: Any) -> None:
        account: Account = request.account
        if author != account.id:
            raise self.refusal(403, f"Member is not allowed to act as {author}", "ACCESS_DENIED")
        self._need(request, "w_organization_social" if "organization" in author else "w_member_social")

    def _json(self, request: Request, *required: str, known: Iterable[str] = ()) -> dict[str, Any]:
        try:
            document = request.json_object()
        except ValueError as exc:
            raise self.invalid(f"Unable to parse the body: {exc}") from None
        if request.content_type != "application/json":
            raise self.invalid("Content-Type must be application/json")
        return self._only(document, required, known)

    def _only(self, document: Any, required: Iterable[str], known: Iterable[str] = ()) -> dict[str, Any]:
        if not isinstance(document, dict):
            raise self.unprocessable("an object is expected")
        if missing := sorted(set(required) - document.keys()):
            raise self.unprocessable(
                f"/{missing[0]} :: field is required but not found and has no default value"
            )
        if unknown := sorted(document.keys() - {*required, *known}):
            raise self.unprocessable(f"/{unknown[0]} :: unrecognized field found but not allowed")
        return document

    # Media.

    def images(self, request: Request) -> Reply:
        if request.query("action") != "initializeUpload":
            raise self.invalid("unknown action")
        asked = self._only(
            self._json(request, "initializeUploadRequest")["initializeUploadRequest"], {"owner"}
        )
        self._may_post_as(request, asked["owner"])
        upload = self._new_upload("image", asked["owner"])
        value = {
            "uploadUrlExpiresAt": int(upload.until * 1000),
            "uploadUrl": f"{self.base_url}/dms-uploads/{_own(upload.urn)}/0",
            "image": upload.urn,
        }
        return Reply(200, {"value": value})

    def videos(self, request: Request) -> Reply:
        match request.query("action"):
            case "initializeUpload":
                return self._initialize_video(request)
            case "finalizeUpload":
                return self._finalize_video(request)
        raise self.invalid("unknown action")

    def _initialize_video(self, request: Request) -> Reply:
        document = self._json(request, "initializeUploadRequest")["initializeUploadRequest"]
        asked = self._only(document, {"owner", "fileSizeBytes"}, {"uploadCaptions", "uploadThumbnail"})
        self._may_post_as(request, asked["owner"])
        size = asked["fileSizeBytes"]
        if type(size) is not int or not VIDEO_BYTES[0] <= size <= VIDEO_BYTES[1]:
            raise self.invalid(f"fileSizeBytes must be {VIDEO_BYTES[0]} to {VIDEO_BYTES[1]}")
        upload = self._new_upload("video", asked["owner"])
        upload.size = size
        upload.parts = [
            (first, min(first + self.part_bytes, size) - 1) for first in range(0, size, self.part_bytes)
        ]
        instructions = [
            {
                "firstByte": first,
                "lastByte": last,
                "uploadUrl": f"{self.base_url}/dms-uploads/{_own(upload.urn)}/{number}",
            }
            for number, (first, last) in enumerate(upload.parts)
        ]
        value = {
            "uploadUrlsExpireAt": int(upload.until * 1000),
            "video": upload.urn,
            "uploadInstructions": instructions,
            "uploadToken": "",
        }
        return Reply(200, {"value": value})

    def _finalize_video(self, request: Request) -> Reply:
        document = self._json(request, "finalizeUploadRequest")["finalizeUploadRequest"]
        asked = self._only(document, {"video", "uploadToken", "uploadedPartIds"})
        upload = self.uploads.get(_own(str(asked["video"])))
        if upload is None or not upload.is_video:
            raise self.refusal(404)
        self._may_post_as(request, upload.owner)
        if upload.status != "WAITING_UPLOAD":
            raise self.invalid("the upload was finalized before")
        etags = [upload.etags.get(number) for number in range(len(upload.parts))]
        if asked["uploadToken"] != "" or asked["uploadedPartIds"] != etags:
            raise self.invalid("uploadedPartIds are not the ETags of all parts in their order")
        data = b"".join(upload.data[number] for number in range(len(upload.parts)))
        usable = media_type(data) == "video/mp4" and POISON not in data
        upload.status, upload.polls_left = "PROCESSING" if usable else "PROCESSING_FAILED", POLLS
        upload.data.clear()
        return Reply(200, None)

    def _new_upload(self, kind: str, owner: str) -> Upload:
        own = f"{'D5' if kind == 'video' else 'C4'}E{self.next_number(8)}"
        upload = Upload(f"urn:li:{kind}:{own}", owner, until=self.now() + UPLOAD_SECONDS)
        self.uploads[own] = upload
        return upload

    def put_part(self, request: Request) -> Reply:
        """The address itself is the permission; a token that comes along must be one."""
        upload = self.uploads.get(request.params["own"])
        if request.headers.get("authorization"):
            self.authenticate(request)
        if upload is None:
            raise self.refusal(404)
        if upload.until <= self.now():
            raise self.invalid("the upload URL has expired", "EXPIRED_UPLOAD_URL")
        if upload.is_video:
            return self._put_video_part(upload, request)
        usable = (
            media_type(request.body) in ("image/jpeg", "image/png", "image/gif")
            and POISON not in request.body
        )
        upload.status = "AVAILABLE" if usable else "PROCESSING_FAILED"
        return Reply(201)

    def _put_video_part(self, upload: Upload, request: Request) -> Reply:
        number = int(request.params["part"])
        if upload.status != "WAITING_UPLOAD" or number >= len(upload.parts):
            raise self.invalid("there is nothing to upload")
        first, last = upload.parts[number]
        if len(request.body) != last - first + 1:
            raise self.invalid(f"{len(request.body)} bytes, the part has {last - first + 1}")
        etag = md5(request.body + secrets.token_bytes(4), usedforsecurity=False).hexdigest()
        upload.etags[number], upload.data[number] = etag, request.body
        return Reply(200, None, {"ETag": f'"{etag}"'})

    def get_media(self, request: Request) -> Reply:
        urn = self._urn(request)
        upload = self.uploads.get(_own(urn))
        if upload is None or upload.urn != urn:
            raise self.refusal(404)
        if not upload.is_video and "person" in upload.owner:
            raise self.refusal(403, "Accessing this image resource is forbidden", "ACCESS_DENIED")
        self._may_post_as(request, upload.owner)
        if upload.status == "PROCESSING":
            upload.polls_left -= 1
            if upload.polls_left <= 0:
                upload.status = "AVAILABLE"
        body = {"id": upload.urn, "owner": upload.owner, "status": upload.status}
        if upload.status == "PROCESSING_FAILED":
            body["processingFailureReason"] = "The file is not one that can be processed"
        return Reply(200, body)

    def _urn(self, request: Request) -> str:
        """The URN in the path, which must be percent-encoded there."""
        if ":" in request.url.rpartition("/")[2]:
            raise self.invalid("URNs in paths must be percent-encoded")
        return request.params["urn"]

    # Posts.

    def create_post(self, request: Request) -> Reply:
        account: Account = request.account
        document = self._json(
            request, "author", "commentary", "visibility", "distribution", "lifecycleState", known=POST_KEYS
        )
        author = document["author"]
        self._may_post_as(request, author)
        if document["visibility"] not in ("PUBLIC", "CONNECTIONS", "LOGGED_IN"):
            raise self.unprocessable("/visibility :: not an enum symbol")
        if document["lifecycleState"] != "PUBLISHED":
            raise self.unprocessable("/lifecycleState :: not an enum symbol")
        if not isinstance(document.get("isReshareDisabledByAuthor", False), bool):
            raise self.unprocessable("/isReshareDisabledByAuthor :: a boolean is expected")
        spread = self._only(
            document["distribution"],
            {"feedDistribution"},
            {"targetEntities", "thirdPartyDistributionChannels"},
        )
        if spread["feedDistribution"] != "MAIN_FEED":
            raise self.unprocessable("/distribution/feedDistribution :: not an enum symbol")
        commentary = document["commentary"]
        if not isinstance(commentary, str):
            raise self.unprocessable("/commentary :: a string is expected")
        if len(commentary.encode("utf-16-le")) // 2 > MAX_COMMENTARY:
            raise self.invalid("commentary is too long", "FIELD_LENGTH_TOO_LONG")
        media = self._content(document["content"], author) if "content" in document else ()
        if not commentary.strip() and "content" not in document:
            raise self.unprocessable("/commentary :: the post is empty")
        self._check_duplicate(account, document)
        text, served = read_little(commentary)
        now, urn = self.now(), f"urn:li:share:{self.next_number(22)}"
        post = Post(urn, account, text, now, media)
        post.body = {key: value for key, value in document.items() if key != "commentary"} | {
            "id": urn,
            "commentary": served,
            "createdAt": int(now * 1000),
            "publishedAt": int(now * 1000),
            "lastModifiedAt": int(now * 1000),
        }
        self.add_post(post, request)
        account.extra.setdefault("said", {})[_identity(document)] = urn, now
        return Reply(201, None, {"x-restli-id": urn, "x-linkedin-id": urn})

    def _check_duplicate(self, account: Account, document: Mapping[str, Any]) -> None:
        """Also of a deleted post: those go on to block for a day or two."""
        urn, said_at = account.extra.get("said", {}).get(_identity(document), ("", 0.0))
        if urn and said_at > self.now() - self.duplicate_seconds:
            reply = self.error(422, f"Content is a duplicate of {urn}", "UNPROCESSABLE_ENTITY")
            error = {"code": "DUPLICATE_POST", "description": "Duplicate post is detected", "input": {}}
            reply.body |= {
                "errorDetailType": "com.linkedin.common.error.BadRequest",
                "errorDetails": {"inputErrors": [error]},
            }
            raise Refusal(reply)

    def _content(self, content: Any, author: str) -> tuple[str, ...]:
        """The media of a post."""
        if not isinstance(content, dict) or len(content) != 1:
            raise self.unprocessable("/content :: one member of the union is expected")
        [(kind, value)] = content.items()
        match kind:
            case "media":
                return (self._attached(value, author, {"id"}),)
            case "multiImage":
                images = self._only(value, {"images"}, {"altText"})["images"]
                if not isinstance(images, list) or not 2 <= len(images) <= MAX_IMAGES:
                    raise self.invalid(f"multiImage takes 2 to {MAX_IMAGES} images")
                return tuple(self._attached(image, author, {"id"}, images_only=True) for image in images)
            case "article":
                article = self._only(value, {"source", "title"}, {"description", "thumbnail"})
                if (
                    not re.match(r"https?://[^/]", str(article["source"]))
                    or not str(article["title"]).strip()
                ):
                    raise self.invalid("an article needs a source and a title")
                return ()
        raise self.unprocessable(f"/content/{kind} :: unrecognized member")

    def _attached(self, value: Any, author: str, required: set[str], *, images_only: bool = False) -> str:
        self._only(value, required, {"altText", "title"})
        urn = str(value["id"])
        upload = self.uploads.get(_own(urn))
        if upload is None or upload.urn != urn or upload.owner != author:
            raise self.invalid(f"{urn} is no media of {author}", "INVALID_CONTENT_OWNERSHIP")
        if images_only and upload.is_video:
            raise self.invalid("multiImage takes images")
        if upload.status == "PROCESSING_FAILED":
            raise self.invalid(f"{urn} could not be processed", "MEDIA_ASSET_PROCESSING_FAILED")
        if upload.status != "AVAILABLE":
            raise self.invalid(f"{urn} is not ready", "MEDIA_ASSET_WAITING_UPLOAD")
        if len(str(value.get("altText", ""))) > MAX_ALT:
            raise self.invalid("altText is too long", "FIELD_LENGTH_TOO_LONG")
        return urn

    def find_posts(self, request: Request) -> Reply:
        names = [name for name, _ in request.query_pairs]
        if request.headers.get("x-restli-method", "").upper() != "FINDER" or names[:2] != ["author", "q"]:
            raise self.invalid("the finder takes author, then q")
        if ":" in request.query_string or request.query("q") != "author":
            raise self.invalid("URNs in queries must be percent-encoded")
        if unknown := set(names) - {"author", "q", "start", "count", "sortBy"}:
            raise self.invalid(f"Query parameter {min(unknown)} is unknown")
        author = request.query("author") or ""
        self._need(request, "r_organization_social" if "organization" in author else "r_member_social")
        if author != request.account.id:
            raise self.refusal(403, "not a page you administer", "ACCESS_DENIED")
        try:
            start, count = int(request.query("start", "0") or 0), int(request.query("count", "10") or 10)
        except ValueError:
            raise self.invalid("start and count are numbers") from None
        found = list(self.listed(request.account))[start : start + min(count, 100)]
        paging = {"start": start, "count": count, "links": []}
        return Reply(200, {"paging": paging, "elements": [post.body for post in found]})

    def get_post(self, request: Request) -> Reply:
        post = self._own_post(request)
        self._need(
            request, "r_organization_social" if "organization" in post.account.id else "r_member_social"
        )
        return Reply(200, post.body)

    # Statistics. What is structure in a query stands there as it is, URNs are percent-encoded.

    def share_statistics(self, request: Request) -> Reply:
        self._need(request, "r_organization_social")
        account: Account = request.account
        asked = _STATISTICS.fullmatch(request.query_string)
        if not asked:
            raise self.invalid("the finder takes an organization, and a List of shares or ugcPosts")
        if unquote(asked[1]) != account.id:
            raise self.refusal(403, "not a page you administer", "ACCESS_DENIED")
        elements = []
        for number, urn in enumerate(unquote(asked[3]).split(",")):
            post = self.posts.get(urn)
            if post is None or post.deleted:
                continue
            if post.account is not account:
                field = f"Data Processing Exception while processing fields [/{asked[2]}[{number}]]"
                raise self.refusal(403, f"Unpermitted fields present in PARAMETER: {field}", "ACCESS_DENIED")
            numbers = self._page_numbers(post)
            elements.append(
                {"organizationalEntity": account.id, "share": urn, "totalShareStatistics": numbers}
            )
        return Reply(200, {"paging": {"start": 0, "count": 10, "links": []}, "elements": elements})

    def _page_numbers(self, post: Post) -> dict[str, float]:
        seen = self.seen_by(post)
        if seen is None:
            return {}
        return {
            "impressionCount": seen.views,
            "uniqueImpressionsCount": seen.views * 2 // 3,
            "clickCount": seen.saves,
            "likeCount": seen.likes,
            "commentCount": seen.comments,
            "shareCount": seen.shares,
            "engagement": round((seen.likes + seen.comments) / max(seen.views, 1), 3),
        }

    def member_statistics(self, request: Request) -> Reply:
        self._need(request, "r_member_postAnalytics")
        found = _ANALYTICS.fullmatch(request.query_string)
        name = NUMBERS.get(found[2]) if found else None
        if not found or name is None:
            raise self.invalid("the finder takes an entity, a queryType and TOTAL")
        if name == "saves" and request.headers["linkedin-version"] < SAVES_SINCE:
            raise self.invalid("POST_SAVE is not an enum symbol")
        post = self.posts.get(unquote(found[1]))
        if post is None or post.deleted:
            raise self.refusal(404)
        if post.account is not request.account or "organization" in post.account.id:
            raise self.refusal(403, "not a post of yours", "ACCESS_DENIED")
        seen = self.seen_by(post)
        number = getattr(seen, name) if seen else None
        elements = [] if number == 0 else [{"count": number, "metricType": found[2]}]
        return Reply(200, {"paging": {"start": 0, "count": 10, "links": []}, "elements": elements})

    def delete_post_of(self, request: Request) -> Reply:
        self.delete_post(self._own_post(request))
        return Reply(204)

    def _own_post(self, request: Request) -> Post:
        post = self.posts.get(self._urn(request))
        if post is None or post.deleted or post.account is not request.account:
            raise self.refusal(404)
        return post

    routes: ClassVar[tuple[Route, ...]] = (
        Route("GET", "/oauth/v2/authorization", Consent.authorize, login=False, family=None),
        Route("POST", "/oauth/v2/accessToken", access_token, login=False, family=None),
        Route("GET", "/v2/userinfo", userinfo),
        Route("POST", "/rest/images", images, family="media"),
        Route("GET", "/rest/images/{urn}", get_media),
        Route("POST", "/rest/videos", videos, family="media"),
        Route("GET", "/rest/videos/{urn}", get_media),
        Route("PUT", "/dms-uploads/{own}/{part}", put_part, login=False, family=None),
        Route("POST", "/rest/posts", create_post, True, family="posts"),
        Route("GET", "/rest/posts", find_posts),
        Route("GET", "/rest/posts/{urn}", get_post),
        Route("GET", "/rest/organizationalEntityShareStatistics", share_statistics),
        Route("GET", "/rest/memberCreatorPostAnalytics", member_statistics),
        Route("DELETE", "/rest/posts/{urn}", delete_post_of, True, family="posts"),
    )


def read_little(commentary: str) -> tuple[str, str]:
    """What LinkedIn makes of little text: as people read it, and as its API returns it.

    Both end at the first reserved character that is neither escaped nor part of a hashtag or a mention. A mention
    reads as it was written.
    """
    text, served, at = "", "", 0
    while at < len(commentary):
        character = commentary[at]
        if character == "\\" and commentary[at + 1 : at + 2] in RESERVED:
            text, served, at = text + commentary[at + 1], served + commentary[at : at + 2], at + 2
        elif mention := _MENTION.match(commentary, at):
            text += f"@[{_plain(mention[1])}]({mention[2]})"
            served, at = served + mention[0], mention.end()
        elif tag := _HASHTAG.match(commentary, at) or _TEMPLATE.match(commentary, at):
            text, served, at = f"{text}#{_plain(tag[1])}", f"{served}{{hashtag|\\#|{tag[1]}}}", tag.end()
        elif character in RESERVED:
            break
        else:
            text, served, at = text + character, served + character, at + 1
    return text, served


def _plain(escaped: str) -> str:
    return re.sub(r"\\(.)", r"\1", escaped)


def _person(account: Account) -> str:
    """The member behind an author: itself, or who administers the page."""
    if "person" in account.id:
        return account.id
    return f"urn:li:person:admin-{account.id.rpartition(':')[2]}"


def _own(urn: str) -> str:
    return urn.rpartition(":")[2]


def _identity(document: Mapping[str, Any]) -> str:
    """What makes two posts the same to the duplicate check."""
    return json.dumps([document["author"], document["commentary"], document.get("content")], sort_keys=True)


def _oauth_error(status: int, error: str, description: str) -> Reply:
    return Reply(status, {"error": error, "error_description": description})
