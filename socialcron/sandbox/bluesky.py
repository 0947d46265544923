"""A Bluesky PDS with the bit of AppView that reads posts back.

Sources: bluesky-social/atproto, 2026-08-20: lexicons com.atproto.{server,repo,identity} and
app.bsky.{feed.post,embed,richtext.facet}; packages/pds (createRecord, putRecord, uploadBlob, account-manager,
auth-verifier) and packages/xrpc-server.

Stricter than the PDS in three places, because each would be a bug of ours that the PDS lets pass: facets outside
the text or overlapping, replies to records of this host that do not exist, and embeds of unknown type.
"""

from __future__ import annotations

import base64
import hashlib
import json
import re
import secrets
from contextlib import suppress
from dataclasses import dataclass
from datetime import datetime
from itertools import pairwise
from typing import Any, ClassVar

from socialcron.sandbox.frame import Account, Limit, Platform, Post, Refusal, Route, Token, media_type
from socialcron.sandbox.text import count_graphemes
from socialcron.sandbox.wire import Reply, Request, iso_time

COLLECTION = "app.bsky.feed.post"
TID = re.compile(r"[234567abcdefghij][234567abcdefghijklmnopqrstuvwxyz]{12}")
TID_DIGITS = "234567abcdefghijklmnopqrstuvwxyz"
DID = re.compile(r"did:[a-z]+:[A-Za-z0-9._:%-]+")
ACCESS_SECONDS, REFRESH_SECONDS, GRACE_SECONDS = 7200, 90 * 86_400, 7200
MAX_GRAPHEMES, MAX_BYTES = 300, 3000
MAX_TAG_GRAPHEMES, MAX_TAG_BYTES = 64, 640
IMAGE_BYTES, THUMB_BYTES, VIDEO_BYTES = 2_000_000, 1_000_000, 300_000_000
UPLOAD_BYTES = 52_428_800
BLOB_SECONDS = 600  # an unreferenced blob is dropped after "minutes"


@dataclass(slots=True)
class Blob:
    mime_type: str
    size: int
    until: float | None  # None once a record refers to it

    def body(self, cid: str) -> dict[str, Any]:
        return {"$type": "blob", "ref": {"$link": cid}, "mimeType": self.mime_type, "size": self.size}


class Bluesky(Platform):
    limits: ClassVar = {
        "read": (Limit(3000, 300),),
        "session": (Limit(30, 300), Limit(300, 86_400)),
        "writes": (Limit(5000, 3600), Limit(35_000, 86_400)),
        "blobs": (Limit(1000, 86_400),),
    }

    def __init__(self, *args: Any, **options: Any) -> None:
        super().__init__(*args, **options)
        self.passwords: dict[str, str] = {}  # by did
        self.blobs: dict[tuple[str, str], Blob] = {}  # (did, cid)
        self._grants: dict[
            str, dict[str, Any]
        ] = {}  # refresh token id -> successor and end, once it was used
        self._last_us = 0
        self._secret = secrets.token_bytes(16)

    # Who asks.

    def new_account(self, handle: str, *, session: bool = False) -> dict[str, Any]:
        """session: tokens too, as after a login."""
        account = self._account_named(handle) or self._account(handle)
        password = self.passwords[account.id]
        credentials = {"identifier": account.handle, "password": password}
        if session:
            pair = self._session(account)
            credentials |= {"access_token": pair["accessJwt"], "refresh_token": pair["refreshJwt"]}
        return credentials

    def _account(self, handle: str, password: str = "") -> Account:
        digest = hashlib.sha256(f"{self.name} {handle}".encode()).digest()
        did = "did:plc:" + base64.b32encode(digest)[:24].decode().lower()
        self.passwords[did] = password or "-".join(secrets.token_hex(2) for _ in range(4))
        return self.add_account(Account(did, handle))

    def _account_named(self, identifier: str) -> Account | None:
        """By handle or DID."""
        identifier = identifier.removeprefix("@").lower()
        return self.accounts.get(identifier) or self.accounts_by_id.get(identifier)

    def token_of(self, request: Request) -> Token | None:
        if request.path.endswith("createSession"):  # no token yet, but a fault may be meant for this account
            with suppress(ValueError):
                identifier = str(request.json_object().get("identifier", ""))
                return Token("", self._account_named(identifier) or Account("", identifier))
        return self.tokens.get(request.bearer)

    def authenticate(self, request: Request) -> Token:
        return self._bearer(request, "access")

    def _bearer(self, request: Request, kind: str) -> Token:
        if "authorization" not in request.headers:
            raise self.refusal(401, "Authentication Required", "AuthMissing")
        token = self.tokens.get(request.bearer)
        if token is None:
            raise self.refusal(400, "Token could not be verified", "InvalidToken")
        if token.kind != kind:
            raise self.refusal(400, "Bad token scope", "InvalidToken")
        if token.extra.get("revoked_at", self.now() + 1) <= self.now():
            raise self.refusal(400, "Token has been revoked", "ExpiredToken")
        if (token.expires_at or 0) <= self.now():
            raise self.refusal(400, "Token has expired", "ExpiredToken")
        return token

    def expire(self, request: Request) -> Reply:
        token = self.token_of(request)
        if token and token.kind == "access":
            token.expires_at = self.now()
        return self.error(400, "Token has expired", "ExpiredToken")

    def _session(self, account: Account, refresh_id: str | None = None) -> dict[str, Any]:
        refresh_id = refresh_id or secrets.token_urlsafe(24)
        access = self._token(account, "access", ACCESS_SECONDS, secrets.token_urlsafe(12))
        refresh = self._token(account, "refresh", REFRESH_SECONDS, refresh_id)
        return {
            "did": account.id,
            "handle": account.handle,
            "accessJwt": access.value,
            "refreshJwt": refresh.value,
            "didDoc": self._did_document(account),
            "active": True,
        }

    def _token(self, account: Account, kind: str, seconds: int, token_id: str) -> Token:
        now = int(self.now())
        claims = {
            "scope": f"com.atproto.{kind}",
            "sub": account.id,
            "aud": "did:web:localhost",
            "jti": token_id,
            "iat": now,
            "exp": now + seconds,
        }
        head = _base64({"typ": "at+jwt" if kind == "access" else "refresh+jwt", "alg": "HS256"})
        signed = f"{head}.{_base64(claims)}"
        signature = hashlib.sha256(self._secret + signed.encode()).digest()
        value = f"{signed}.{base64.urlsafe_b64encode(signature).decode().rstrip('=')}"
        if known := self.tokens.get(value):
            return known  # one refresh token granted twice within a second is the same text
        extra = self._grants.setdefault(token_id, {}) if kind == "refresh" else {}
        return self.add_token(Token(value, account, kind, expires_at=now + seconds, extra=extra))

    def _did_document(self, account: Account) -> dict[str, Any]:
        service = {
            "id": "#atproto_pds",
            "type": "AtprotoPersonalDataServer",
            "serviceEndpoint": self.base_url,
        }
        return {"id": account.id, "alsoKnownAs": [f"at://{account.handle}"], "service": [service]}

    def create_session(self, request: Request) -> Reply:
        document = self._json(request)
        identifier, password = document.get("identifier"), document.get("password")
        if not isinstance(identifier, str) or not isinstance(password, str):
            raise self.refusal(
                400, "Input must have the properties identifier and password", "InvalidRequest"
            )
        named = self._account_named(identifier)
        if named is None and password.startswith("sandbox-") and not identifier.startswith("did:"):
            named = self._account(identifier.removeprefix("@").lower(), password)
        if named is None or self.passwords[named.id] != password:
            raise self.refusal(401, "Invalid identifier or password", "AuthenticationRequired")
        request.account = named
        headers = self.spend(request, "session")
        return Reply(200, self._session(named), headers)

    def refresh_session(self, request: Request) -> Reply:
        """The old refresh token lives on for the grace time, and leads to the same successor until then."""
        if request.body:
            raise self.refusal(400, "A request body was provided when none was expected", "InvalidRequest")
        token = self._bearer(request, "refresh")
        now = self.now()
        extra = token.extra
        extra.setdefault("revoked_at", min(now + GRACE_SECONDS, token.expires_at or now))
        extra.setdefault("successor", secrets.token_urlsafe(24))
        return Reply(200, self._session(token.account, extra["successor"]))

    def get_session(self, request: Request) -> Reply:
        account = request.account
        return Reply(200, {"did": account.id, "handle": account.handle, "active": True})

    # Answers in the platform's form.

    def error(self, status: int, message: str = "", kind: str = "") -> Reply:
        names = {
            400: "InvalidRequest",
            401: "AuthenticationRequired",
            403: "Forbidden",
            404: "XRPCNotSupported",
            413: "PayloadTooLarge",
            429: "RateLimitExceeded",
            502: "UpstreamFailure",
            503: "NotEnoughResources",
            504: "UpstreamTimeout",
        }
        name = kind or names.get(status, "InternalServerError")
        return Reply(status, {"error": name, "message": message or name})

    def invalid(self, message: str) -> Refusal:
        return self.refusal(400, message, "InvalidRequest")

    def limit_headers(self, limit: Limit, remaining: int, reset_at: float, blocked: bool) -> dict[str, str]:
        headers = {
            "RateLimit-Limit": str(limit.most),
            "RateLimit-Remaining": str(remaining),
            "RateLimit-Reset": str(int(reset_at)),
            "RateLimit-Policy": f"{limit.most};w={limit.seconds}",
        }
        if blocked:
            headers["Retry-After"] = str(max(1, round(reset_at - self.now())))
        return headers

    def _json(self, request: Request) -> dict[str, Any]:
        if request.content_type != "application/json":
            raise self.invalid(f"Wrong request encoding (Content-Type): {request.content_type}")
        try:
            return request.json_object()
        except ValueError as exc:
            raise self.invalid(f"The body is not JSON: {exc}") from None

    # Server and identity.

    def describe_server(self, request: Request) -> Reply:
        body = {
            "did": "did:web:localhost",
            "availableUserDomains": [".bsky.social"],
            "inviteCodeRequired": False,
            "links": {},
            "contact": {},
            "blobUploadLimit": UPLOAD_BYTES,
        }
        return Reply(200, body)

    def resolve_handle(self, request: Request) -> Reply:
        account = self.accounts.get((request.query("handle") or "").lower())
        if account is None:
            raise self.invalid("Unable to resolve handle")
        return Reply(200, {"did": account.id})

    # Blobs.

    def upload_blob(self, request: Request) -> Reply:
        declared = request.content_type
        if not declared:
            raise self.invalid("Request encoding (Content-Type) required but not provided")
        if len(request.body) > UPLOAD_BYTES:
            raise self.refusal(413, "request entity too large", "PayloadTooLarge")
        cid = "b" + _base32(b"\x01\x55\x12\x20" + hashlib.sha256(request.body).digest())
        blob = Blob(media_type(request.body) or declared, len(request.body), self.now() + BLOB_SECONDS)
        known = self.blobs.get((request.account.id, cid))
        if known and known.until is None:
            blob = known
        self.blobs[request.account.id, cid] = blob
        return Reply(200, {"blob": blob.body(cid)})

    def _blob(self, account: Account, given: Any, accepts: str, most: int) -> Blob:
        """The uploaded blob a record refers to. Raises Refusal as the PDS does when the record is written."""
        if not isinstance(given, dict) or given.get("$type") != "blob":
            raise self.invalid("Invalid app.bsky.feed.post record: should be a blob ref")
        link = given.get("ref")
        cid = link.get("$link", "") if isinstance(link, dict) else ""
        blob = self.blobs.get((account.id, cid))
        if blob is None or (blob.until is not None and blob.until <= self.now()):
            raise self.refusal(400, f"Could not find blob: {cid}", "BlobNotFound")
        if given.get("mimeType") != blob.mime_type:
            expected = f"Expected: {blob.mime_type}, Got: {given.get('mimeType')}"
            raise self.refusal(
                400, f"Referenced Mimetype does not match stored blob. {expected}", "InvalidMimeType"
            )
        if given.get("size") != blob.size:
            raise self.refusal(400, "Referenced size does not match stored blob", "InvalidSize")
        if not blob.mime_type.startswith(accepts):
            raise self.refusal(
                400, f"Wrong type of file. It is {blob.mime_type}, not {accepts}*", "InvalidMimeType"
            )
        if blob.size > most:
            message = f"This file is too large. It is {blob.size} bytes but the maximum size is {most}."
            raise self.refusal(400, message, "BlobTooLarge")
        return blob

    # Records.

    def create_record(self, request: Request) -> Reply:
        document = self._json(request)
        account = self._own_repo(request, document)
        rkey = document.get("rkey")
        if rkey is None:
            rkey = self._next_tid()
        record, blobs = self._record(account, document, rkey)
        if self._uri(account, rkey) in self.posts and not self.posts[self._uri(account, rkey)].deleted:
            raise self.refusal(500, "Internal Server Error", "InternalServerError")  # unhandled in the PDS
        return Reply(200, self._write(request, account, rkey, record, blobs))

    def put_record(self, request: Request) -> Reply:
        """An equal record is no change and no commit; another one edits the post."""
        document = self._json(request)
        account = self._own_repo(request, document)
        rkey = document.get("rkey")
        record, blobs = self._record(account, document, rkey)
        post = self.posts.get(self._uri(account, str(rkey)))
        if post is None or post.deleted:
            return Reply(200, self._write(request, account, str(rkey), record, blobs))
        cid = record_cid(record)
        if post.body["cid"] == cid:
            return Reply(200, {"uri": post.id, "cid": cid, "validationStatus": "valid"})
        post.text, post.media = record["text"], tuple(blobs)
        post.body |= {"cid": cid, "value": record}
        return Reply(200, self._written(post))

    def delete_record(self, request: Request) -> Reply:
        document = self._json(request)
        account = self._own_repo(request, document)
        post = self.posts.get(self._uri(account, str(document.get("rkey"))))
        if post and not post.deleted:
            self.delete_post(post)
        return Reply(200, {"commit": self._commit()})

    def _own_repo(self, request: Request, document: dict[str, Any]) -> Account:
        account = self._account_named(str(document.get("repo", "")))
        if account is None or account is not request.account:
            raise self.refusal(401, "Authentication Required", "AuthenticationRequired")
        if document.get("collection") != COLLECTION:
            raise self.invalid(f"the sandbox keeps {COLLECTION} only")
        return account

    def _write(
        self, request: Request, account: Account, rkey: str, record: dict[str, Any], blobs: dict[str, Blob]
    ) -> dict[str, Any]:
        for blob in blobs.values():
            blob.until = None
        parent = record["reply"]["parent"]["uri"] if "reply" in record else None
        uri = self._uri(account, rkey)
        post = Post(uri, account, record["text"], self.now(), tuple(blobs), parent, rkey)
        post.body = {"uri": uri, "cid": record_cid(record), "value": record}
        self.add_post(post, request)
        return self._written(post)

    def _written(self, post: Post) -> dict[str, Any]:
        return {
            "uri": post.id,
            "cid": post.body["cid"],
            "commit": self._commit(),
            "validationStatus": "valid",
        }

    def _commit(self) -> dict[str, str]:
        revision = self._next_tid()
        return {"cid": record_cid({"rev": revision}), "rev": revision}

    def _next_tid(self) -> str:
        self._last_us = max(self._last_us + 1, int(self.now() * 1e6))
        return tid(self._last_us, 0)

    def _uri(self, account: Account, rkey: str) -> str:
        return f"at://{account.id}/{COLLECTION}/{rkey}"

    def _record(
        self, account: Account, document: dict[str, Any], rkey: Any
    ) -> tuple[dict[str, Any], dict[str, Blob]]:
        """The record if it is a valid post, and the blobs it refers to. Raises Refusal."""
        if not isinstance(rkey, str) or not TID.fullmatch(rkey):
            raise self.invalid("Invalid record key: not a TID")
        record = document.get("record")
        if not isinstance(record, dict) or record.get("$type", COLLECTION) != COLLECTION:
            raise self.invalid(f"Invalid $type: expected {COLLECTION}")
        text = record.get("text")
        if not isinstance(text, str):
            raise self._flaw('must have the property "text"')
        size = len(text.encode())
        if size > MAX_BYTES:
            raise self._flaw(f"text must not be longer than {MAX_BYTES} bytes")
        if count_graphemes(text) > MAX_GRAPHEMES:
            raise self._flaw(f"text must not be longer than {MAX_GRAPHEMES} graphemes")
        if not _is_datetime(record.get("createdAt")):
            raise self._flaw("createdAt must be an valid atproto datetime (both RFC-3339 and ISO-8601)")
        for name, most in (("langs", 3), ("tags", 8)):
            values = record.get(name, [])
            if (
                not isinstance(values, list)
                or len(values) > most
                or not all(isinstance(v, str) for v in values)
            ):
                raise self._flaw(f"{name} must not have more than {most} elements")
        self._check_facets(record.get("facets", []), size)
        if "reply" in record:
            for name in ("root", "parent"):
                self._check_reference(
                    record["reply"].get(name) if isinstance(record["reply"], dict) else None
                )
        blobs = self._embedded(account, record["embed"]) if "embed" in record else {}
        return record, blobs

    def _flaw(self, message: str) -> Refusal:
        return self.invalid(f"Invalid {COLLECTION} record: Record/{message}")

    def _check_facets(self, facets: Any, size: int) -> None:
        if not isinstance(facets, list):
            raise self._flaw("facets must be an array")
        spans = []
        for facet in facets:
            try:
                start, end = facet["index"]["byteStart"], facet["index"]["byteEnd"]
                good = all(_feature_is_good(feature) for feature in facet["features"])
            except (KeyError, TypeError, AttributeError):
                raise self._flaw("facets must have an index and features") from None
            if not good or not facet["features"]:
                raise self._flaw("facets/features is not one of link, mention, tag in its form")
            if type(start) is not int or type(end) is not int or not 0 <= start < end <= size:
                raise self._flaw(f"facets/index {start}-{end} is outside the text of {size} bytes")
            spans.append((start, end))
        spans.sort()
        if any(first[1] > second[0] for first, second in pairwise(spans)):
            raise self._flaw("facets overlap")

    def _check_reference(self, reference: Any) -> None:
        if not isinstance(reference, dict) or not all(
            isinstance(reference.get(k), str) for k in ("uri", "cid")
        ):
            raise self._flaw("reply must have root and parent with uri and cid")
        uri = reference["uri"]
        if uri.removeprefix("at://").partition("/")[0] in self.accounts_by_id:
            post = self.posts.get(uri)
            if post is None or post.deleted or post.body["cid"] != reference["cid"]:
                raise self._flaw(f"reply refers to a record that does not exist: {uri}")
        elif not uri.startswith("at://"):
            raise self._flaw("reply/uri must be a valid at-uri")

    def _embedded(self, account: Account, embed: Any) -> dict[str, Blob]:
        """The blobs (by cid) of an embed. Raises Refusal."""
        found: dict[str, Blob] = {}

        def take(given: Any, accepts: str, most: int) -> None:
            blob = self._blob(account, given, accepts, most)
            found[given["ref"]["$link"]] = blob

        try:
            match embed["$type"]:
                case "app.bsky.embed.images":
                    if not 1 <= len(embed["images"]) <= 4:
                        raise self._flaw("embed/images must not have more than 4 elements")
                    for image in embed["images"]:
                        if not isinstance(image["alt"], str):
                            raise self._flaw("embed/images/alt must be a string")
                        take(image["image"], "image/", IMAGE_BYTES)
                case "app.bsky.embed.external":
                    external = embed["external"]
                    if not all(isinstance(external[name], str) for name in ("uri", "title", "description")):
                        raise self._flaw("embed/external must have uri, title and description")
                    if "thumb" in external:
                        take(external["thumb"], "image/", THUMB_BYTES)
                case "app.bsky.embed.video":
                    take(embed["video"], "video/mp4", VIDEO_BYTES)
                case "app.bsky.embed.record":
                    self._check_reference(embed["record"])
                case "app.bsky.embed.recordWithMedia":
                    self._check_reference(embed["record"]["record"])
                    found |= self._embedded(account, embed["media"])
                case other:
                    raise self._flaw(f"embed of unknown type {other}")
        except (KeyError, TypeError) as exc:
            raise self._flaw(f"embed must have the property {exc}") from None
        return found

    # Reading.

    def get_record(self, request: Request) -> Reply:
        account = self._account_named(request.query("repo") or "")
        rkey = request.query("rkey") or ""
        uri = f"at://{account.id if account else request.query('repo')}/{request.query('collection')}/{rkey}"
        post = self.posts.get(uri)
        if post is None or post.deleted or request.query("cid", post.body["cid"]) != post.body["cid"]:
            raise self.refusal(400, f"Could not locate record: {uri}", "RecordNotFound")
        return Reply(200, post.body)

    def list_records(self, request: Request) -> Reply:
        """On the PDS: nothing lags here."""
        account = self._account_named(request.query("repo") or "")
        if account is None:
            raise self.invalid(f"Could not find repo: {request.query('repo')}")
        limit, cursor = self._limit(request, 100), request.query("cursor")
        backwards = request.query("reverse") == "true"
        posts = [] if request.query("collection") != COLLECTION else account.posts
        posts = sorted(posts, key=lambda post: post.key or "", reverse=not backwards)
        if cursor:
            posts = [
                post for post in posts if ((post.key or "") > cursor) == backwards and post.key != cursor
            ]
        page = posts[:limit]
        body: dict[str, Any] = {"records": [post.body for post in page]}
        if page:
            body["cursor"] = page[-1].key
        return Reply(200, body)

    def get_posts(self, request: Request) -> Reply:
        uris = request.query_all("uris")
        if not 1 <= len(uris) <= 25:
            raise self.invalid("Error: uris must have 1 to 25 elements")
        now = self.now()
        found = [self.posts[uri] for uri in uris if uri in self.posts]
        return Reply(
            200, {"posts": [self._view(p) for p in found if not p.deleted and p.hidden_until <= now]}
        )

    def get_author_feed(self, request: Request) -> Reply:
        account = self._account_named(request.query("actor") or "")
        if account is None:
            raise self.invalid("Profile not found")
        limit, cursor = self._limit(request, 100), request.query("cursor")
        page: list[Post] = []
        for post in self.listed(account):
            if len(page) < limit and (cursor is None or iso_time(post.created_at) < cursor):
                page.append(post)
        body: dict[str, Any] = {"feed": [{"post": self._view(post)} for post in page]}
        if len(page) == limit:
            body["cursor"] = iso_time(page[-1].created_at)
        return Reply(200, body)

    def _limit(self, request: Request, most: int) -> int:
        text = request.query("limit", "50") or ""
        if not text.isdigit() or not 1 <= int(text) <= most:
            raise self.invalid(f"limit must be an integer between 1 and {most}")
        return int(text)

    def _view(self, post: Post) -> dict[str, Any]:
        seen = self.seen_by(post)
        counts = seen and {
            "likeCount": seen.likes,
            "repostCount": seen.shares - seen.shares // 4,
            "replyCount": seen.comments,
            "quoteCount": seen.shares // 4,
            "bookmarkCount": seen.saves,
        }
        return {
            "uri": post.id,
            "cid": post.body["cid"],
            "author": {"did": post.account.id, "handle": post.account.handle},
            "record": post.body["value"],
            "indexedAt": iso_time(post.created_at),
            **(counts or {}),
        }

    routes = (
        Route("POST", "/xrpc/com.atproto.server.createSession", create_session, login=False, family=None),
        Route("POST", "/xrpc/com.atproto.server.refreshSession", refresh_session, login=False),
        Route("GET", "/xrpc/com.atproto.server.getSession", get_session),
        Route("GET", "/xrpc/com.atproto.server.describeServer", describe_server, login=False),
        Route("GET", "/xrpc/com.atproto.identity.resolveHandle", resolve_handle, login=False),
        Route("POST", "/xrpc/com.atproto.repo.uploadBlob", upload_blob, family="blobs"),
        Route("POST", "/xrpc/com.atproto.repo.createRecord", create_record, True, family="writes", cost=3),
        Route("POST", "/xrpc/com.atproto.repo.putRecord", put_record, True, family="writes", cost=2),
        Route("POST", "/xrpc/com.atproto.repo.deleteRecord", delete_record, True, family="writes"),
        Route("GET", "/xrpc/com.atproto.repo.getRecord", get_record, login=False),
        Route("GET", "/xrpc/com.atproto.repo.listRecords", list_records, login=False),
        Route("GET", "/xrpc/app.bsky.feed.getPosts", get_posts, login=False),
        Route("GET", "/xrpc/app.bsky.feed.getAuthorFeed", get_author_feed, login=False),
    )


def tid(microseconds: int, clock: int) -> str:
    """A timestamp identifier: 53 bits of microseconds since the epoch, 10 bits of clock id."""
    number = microseconds << 10 | clock
    return "".join(TID_DIGITS[number >> shift & 31] for shift in range(60, -1, -5))


def record_cid(record: dict[str, Any]) -> str:
    """A CIDv1 of the record. Its digest is of sorted JSON, not of DAG-CBOR; equal records have equal ones."""
    canonical = json.dumps(record, sort_keys=True, ensure_ascii=False, separators=(",", ":")).encode()
    return "b" + _base32(b"\x01\x71\x12\x20" + hashlib.sha256(canonical).digest())


def _base32(data: bytes) -> str:
    return base64.b32encode(data).decode().lower().rstrip("=")


def _base64(document: dict[str, Any]) -> str:
    return base64.urlsafe_b64encode(json.dumps(document).encode()).decode().rstrip("=")


def _is_datetime(value: Any) -> bool:
    """RFC 3339 with a zone, as the lexicon's datetime format wants it."""
    if not isinstance(value, str) or not re.fullmatch(
        r"\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d(\.\d{1,20})?(Z|[+-]\d\d:\d\d)", value
    ):
        return False
    try:
        datetime.fromisoformat(re.sub(r"(\.\d{6})\d+", r"\1", value))
    except ValueError:
        return False
    return not value.endswith("-00:00")


def _feature_is_good(feature: dict[str, Any]) -> bool:
    match feature.get("$type"):
        case "app.bsky.richtext.facet#link":
            return bool(re.match(r"\w[\w.+-]*:\S+$", str(feature.get("uri", ""))))
        case "app.bsky.richtext.facet#mention":
            return bool(DID.fullmatch(str(feature.get("did", ""))))
        case "app.bsky.richtext.facet#tag":
            tag = feature.get("tag")
            return (
                isinstance(tag, str)
                and bool(tag)
                and count_graphemes(tag) <= MAX_TAG_GRAPHEMES
                and len(tag.encode()) <= MAX_TAG_BYTES
            )
    return False
