"""Bluesky and other AT Protocol servers: posts in the account's own repository.

API: XRPC, lexicons of 2026-08. Documentation: https://docs.bsky.app and https://atproto.com/specs

A post's id is chosen here before the first send, and the whole record follows from the step: sending it twice
cannot make two posts, and reading it back settles every doubt. `createdAt` is therefore the due second, not the
moment of sending. The server detects nothing in a text: links, mentions and tags are marked here, by UTF-8 bytes.
A link becomes a card; beside images, which take the card's place, it is put on a line at the end of the text,
unless the text contains it already. Videos are not offered.
"""

from __future__ import annotations

import base64
import hashlib
import json
import re
import unicodedata
from collections.abc import Iterable, Iterator, Mapping, Sequence
from contextlib import suppress
from datetime import UTC, datetime, timedelta
from functools import partial
from html.parser import HTMLParser
from pathlib import Path
from typing import Any, BinaryIO, ClassVar
from urllib.parse import urljoin

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
    Account,
    Confirmed,
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
    Wait,
)
from socialcron.platforms.base import (
    App,
    Credentials,
    Declaration,
    Limit,
    MediaRule,
    Metrics,
    counts,
    default_error,
    optional_str,
    require,
    require_list,
    require_str,
    token_error,
    total,
)
from socialcron.platforms.files import open_file
from socialcron.platforms.http import Answer, Http, Session
from socialcron.platforms.rules import media_problems
from socialcron.platforms.text import field, graphemes, links, with_link

_POST = "app.bsky.feed.post"
_LEXICONS = "https://github.com/bluesky-social/atproto/blob/main/lexicons/app/bsky"
_READ_ON = "2026-08-20"
_PAGE_BYTES = 4_000_000  # of a linked page
_PAGE_SECONDS = 15.0  # for it, and again for its picture: a card is not worth a late post
_TITLE_CHARACTERS, _DESCRIPTION_CHARACTERS = 300, 1000  # no limit is documented; apps show far less


def _limit(name: str, value: float, unit: str, lexicon: str) -> Limit:
    return Limit(name=name, value=value, unit=unit, source=f"{_LEXICONS}/{lexicon}.json", date=_READ_ON)


class Bluesky:
    declaration: ClassVar[Declaration] = Declaration(
        name="bluesky",
        title="Bluesky",
        documentation="https://docs.bsky.app",
        default_base_url="https://bsky.social",
        features=frozenset({"media", "alt_text", "link", "thread", "first_comment"}),
        limits=(
            _limit("text", 300, "characters", "feed/post"),
            _limit("text_bytes", 3000, "UTF-8 bytes", "feed/post"),
            _limit("languages", 3, "languages", "feed/post"),
            _limit("media", 4, "images", "embed/images"),
            _limit("thumb_bytes", 1_000_000, "bytes", "embed/external"),
            _limit("tag", 64, "characters", "richtext/facet"),
            _limit("tag_bytes", 640, "UTF-8 bytes", "richtext/facet"),
        ),
        media=(
            MediaRule(
                kind="image",  # "image/*"; these are what apps show
                mime_types=frozenset(
                    f"image/{kind}" for kind in ("jpeg", "png", "gif", "webp", "avif", "heic", "heif")
                ),
                max_bytes=2_000_000,  # servers that were not updated since 2026 still hold to 1,000,000
                source=f"{_LEXICONS}/embed/images.json",
                date=_READ_ON,
            ),
        ),
        credentials=(Credentials(name="app password", required=("identifier", "password")),),
        settings={
            "base_url": "the account's own server, or a proxy to it; unset: bsky.social, then the account's server",
            "language": "up to three BCP 47 codes of the posts, as in en,de",
        },
        options={"language": "up to three BCP 47 codes, as in en,de"},
        # A second request asks for one post that the first one left out.
        metrics=Metrics(
            batch_size=25,
            counts=frozenset({"likes", "comments", "shares", "saves"}),
            requests=2,
            source=f"{_LEXICONS}/feed/getPosts.json",
            date=_READ_ON,
        ),
        reconcile="client_id",
        # Blobs without a record are dropped after minutes. Shorter than the first backoff, so that a post that was
        # refused for a forgotten blob uploads it again at its next try.
        # https://github.com/bluesky-social/atproto/blob/main/lexicons/com/atproto/repo/uploadBlob.json
        handle_ttl_seconds=100,
        honest_limits="A post's time on Bluesky is the one it was due at, also if it went out later.",
    )

    def choose_key(self, seed: bytes, due_at: datetime, number: int) -> str:
        """A TID in the due second: its microseconds and clock id are 30 bits of the seed's hash.

        Microseconds may run 5 % into the next second: 20 bits are more than a million.
        Source: https://atproto.com/specs/tid
        """
        hashed = int.from_bytes(hashlib.sha256(seed).digest()[:4], "big") >> 2
        return _tid(int(due_at.timestamp()) * 1_000_000 + (hashed >> 10), hashed & 1023)

    def validate(self, steps: Sequence[Step], settings: Mapping[str, Any]) -> list[Problem]:
        return [problem for step in steps for problem in _problems(step, settings)]

    def connect(self, account: Account, credentials: Mapping[str, Any], app: App, http: Http) -> Session:
        """AuthExpired until `refresh` has made a session: logins are limited (300 a day), so it is stored."""
        where, token, did = str(account), credentials.get("access_token"), credentials.get("did")
        if not (token and did):
            raise AuthExpired(f"{where}: there is no session yet")
        return _session(account, http, _server(account, credentials), token, account_id=str(did), app=app)

    def prepare(self, step: Step, session: Session) -> Saved | Wait | Ready:
        """One image per call, or the link card; then the whole record, with what it mentions and replies to.

        handles: `blobs` = uploaded images in order, exactly as the server described them; `card` = the link card.
        Sources: https://docs.bsky.app/docs/advanced-guides/posts and
        https://github.com/bluesky-social/atproto/blob/main/lexicons/com/atproto/repo/createRecord.json
        """
        blobs = list(step.handles.get("blobs", ()))
        if len(blobs) < len(step.media):
            blobs.append(_upload(step.media[len(blobs)], session))
            return Saved(handles={**step.handles, "blobs": blobs})
        if step.link and not step.media and "card" not in step.handles:
            return Saved(handles={**step.handles, "card": _card(step.link, session)})

        text = _text(step)
        record: dict[str, Any] = {"$type": _POST, "text": text, "createdAt": _created_at(step)}
        if languages := _languages(step, session.settings):
            record["langs"] = languages
        if facets := list(_facets(text, session)):
            record["facets"] = facets
        if step.parent:
            parent = _strong_ref(step.parent, session)
            root = _strong_ref(step.root, session) if step.root else parent
            record["reply"] = {"root": root, "parent": parent}
        if blobs:
            images = [
                {"image": blob, "alt": media.alt or ""} for blob, media in zip(blobs, step.media, strict=True)
            ]
            record["embed"] = {"$type": "app.bsky.embed.images", "images": images}
        elif step.link:
            record["embed"] = {"$type": "app.bsky.embed.external", "external": step.handles["card"]}
        return Ready(
            request={"repo": session.account_id, "collection": _POST, "rkey": step.key, "record": record}
        )

    def send_step(self, step: PreparedStep, session: Session) -> Confirmed:
        """Create the record under the id chosen before; `extra` holds the `cid` that replies to it need.

        A record that exists already under this id answers 500, so it is unknown and gets reconciled.

        Raises RateLimited, Rejected, AuthExpired, Unavailable, PlatformFailure, OutcomeUnknown.
        Source: https://github.com/bluesky-social/atproto/blob/main/lexicons/com/atproto/repo/createRecord.json
        """
        answer = session.write("POST", "/xrpc/com.atproto.repo.createRecord", json=dict(step.request))
        uri, cid = optional_str(answer.json, "uri"), optional_str(answer.json, "cid")
        if uri is None or cid is None:
            raise OutcomeUnknown(
                f"{session.where}: the answer to the new post has no uri or cid", http_status=answer.status
            )
        return _confirmed(uri, cid)

    def reconcile(self, step: PreparedStep, session: Session) -> Look:
        """Read the record under our id from the account's own server: there, what is written can be read."""
        found = _get_record(session, str(step.request["repo"]), str(step.request["rkey"]))
        if found is None:
            return Look()
        if _essence(found.get("value")) != _essence(step.request["record"]):
            return Look(occupied=True)
        uri, cid = require_str(found, "uri", session.where), require_str(found, "cid", session.where)
        return Look(matches=(_confirmed(uri, cid),))

    def read_metrics(self, remote_ids: Sequence[str], session: Session) -> Mapping[str, Reading | Gone]:
        """Counts of the AppView, asked through the account's own server. Views are not told.

        A deleted post is left out, but so is one that the AppView does not know yet, or that was taken down there. One
        that was left out is asked for at the server where it is kept each time: that one knows.
        Sources: https://github.com/bluesky-social/atproto/blob/main/lexicons/app/bsky/feed/{getPosts,defs}.json
        """
        keys = {remote_id: _record_key(remote_id) for remote_id in remote_ids}
        uris = {
            f"at://{session.account_id}/{_POST}/{key}": remote_id
            for remote_id, key in keys.items()
            if re.fullmatch(r"[A-Za-z0-9._:~-]{1,512}", key)
        }
        if not uris:
            return {}
        answer = session.read("GET", "/xrpc/app.bsky.feed.getPosts", params={"uris": list(uris)})
        posts = require_list(answer.json, "posts", session.where)
        shown = {optional_str(post, "uri"): post for post in posts}
        found: dict[str, Reading | Gone] = {
            remote_id: _reading(shown[uri]) for uri, remote_id in uris.items() if uri in shown
        }
        if left_out := [remote_id for uri, remote_id in uris.items() if uri not in shown]:
            with suppress(PlatformError):  # what came is kept
                if _get_record(session, str(session.account_id), keys[left_out[0]]) is None:
                    found[left_out[0]] = Gone()
        return found

    def can_refresh(self, credentials: Mapping[str, Any]) -> bool:
        return bool(
            credentials.get("refresh_token")
            or (credentials.get("identifier") and credentials.get("password"))
        )

    def refresh(self, account: Account, credentials: Mapping[str, Any], app: App, http: Http) -> Tokens:
        """The next session from the refresh token; with the password if there is none or it is refused.

        A refresh token replaced less than 2 h ago still works on the reference server, so that a crash before
        the new one was stored costs nothing.
        Sources: https://github.com/bluesky-social/atproto/blob/main/lexicons/com/atproto/server/
        {refreshSession,createSession}.json
        """
        body = _renew(account, credentials, http) or _log_in(account, credentials, http)
        where = str(account)
        access_token = require_str(body, "accessJwt", where)
        renewed = {
            **credentials,
            "access_token": access_token,
            "refresh_token": require_str(body, "refreshJwt", where),
            "did": require_str(body, "did", where),
        }
        if pds := _pds(body):
            renewed["pds"] = pds
        return Tokens(credentials=renewed, expires_at=_expires_at(access_token))

    def identify(self, session: Session) -> Identity:
        """Source: https://github.com/bluesky-social/atproto/blob/main/lexicons/com/atproto/server/getSession.json"""
        body = session.read("GET", "/xrpc/com.atproto.server.getSession").json
        return Identity(
            external_id=require_str(body, "did", session.where),
            handle=require_str(body, "handle", session.where),
        )


# --- limits ------------------------------------------------------------------------------------------------


def _problems(step: Step, settings: Mapping[str, Any]) -> Iterator[Problem]:
    limit, name, text = Bluesky.declaration.limit, field(step), _text(step)
    if not (text.strip() or step.media or step.link):
        yield Problem(field=name, message="the text is empty")
    for measured, unit, most in (
        (graphemes(text), "characters", limit("text")),
        (len(text.encode()), "UTF-8 bytes", limit("text_bytes")),
    ):
        if measured > most:
            yield Problem(field=name, message=f"{measured} {unit}, at most {most:.0f}")
    if (count := len(_languages(step, settings))) > limit("languages"):
        yield Problem(field="language", message=f"{count} languages, at most {limit('languages'):.0f}")
    if len(step.media) > limit("media"):
        yield Problem(field="media", message=f"{len(step.media)} images, at most {limit('media'):.0f}")
    yield from media_problems(step.media, Bluesky.declaration.media)


def _text(step: Step) -> str:
    """The text as posted. A post has one embed: where images take it, the link goes into the text."""
    return with_link(step.text, step.link) if step.media else step.text


def _languages(step: Step, settings: Mapping[str, Any]) -> list[str]:
    chosen = step.options.get("language") or settings.get("language") or ""
    return [code.strip() for code in str(chosen).split(",") if code.strip()]


# --- the record --------------------------------------------------------------------------------------------

_TID_DIGITS = "234567abcdefghijklmnopqrstuvwxyz"


def _tid(microseconds: int, clock: int) -> str:
    """13 digits of 5 bits: 53 bits of microseconds since 1970, then a clock id of 10 bits."""
    number = microseconds << 10 | clock
    return "".join(_TID_DIGITS[number >> shift & 31] for shift in range(60, -1, -5))


def _created_at(step: Step) -> str:
    """The second in the step's id plus a millisecond per step, so that a thread's parts sort in their order.

    Taken from the id alone: a step prepared again makes the same record, and a late arrival of its first send is
    recognised as the post it is.
    """
    number = 0
    for digit in step.key:
        number = number << 5 | _TID_DIGITS.index(digit)
    moment = datetime.fromtimestamp((number >> 10) // 1_000_000, UTC) + timedelta(milliseconds=step.number)
    return moment.isoformat(timespec="milliseconds").replace("+00:00", "Z")


_Found = tuple[int, int, dict[str, str]]  # start and end in characters, feature


def _facets(text: str, session: Session) -> Iterator[dict[str, Any]]:
    """Links, mentions and tags of `text` in its order, none overlapping: links win.

    `byteStart` and `byteEnd` (exclusive) count UTF-8 bytes.
    Source: https://github.com/bluesky-social/atproto/blob/main/lexicons/app/bsky/richtext/facet.json
    """
    found: list[_Found] = []
    for start, end, feature in (*_links(text), *_mentions(text, session), *_tags(text)):
        if not any(start < other_end and other_start < end for other_start, other_end, _ in found):
            found.append((start, end, {**feature, "$type": f"app.bsky.richtext.facet#{feature['$type']}"}))
    for start, end, feature in sorted(found, key=lambda facet: facet[0]):
        index = {"byteStart": len(text[:start].encode()), "byteEnd": len(text[:end].encode())}
        yield {"index": index, "features": [feature]}


def _links(text: str) -> Iterator[_Found]:
    for start, end in links(text):
        yield start, end, {"$type": "link", "uri": text[start:end]}


# A handle is a domain name: https://atproto.com/specs/handle
_LABEL = "[a-z0-9](?:[a-z0-9-]{0,61}[a-z0-9])?"
_MENTION = re.compile(rf"(?<![^\s(])@((?:{_LABEL}\.)+[a-z](?:[a-z0-9-]{{0,61}}[a-z0-9])?)", re.IGNORECASE)


def _mentions(text: str, session: Session) -> Iterator[_Found]:
    """`@handle` of accounts that exist; the others stay plain text, as in the official app.

    Source: https://github.com/bluesky-social/atproto/blob/main/lexicons/com/atproto/identity/resolveHandle.json
    """
    for match in _MENTION.finditer(text):
        path = "/xrpc/com.atproto.identity.resolveHandle"
        answer = session.read("GET", path, accept=(400,), params={"handle": match[1].lower()})
        if answer.ok:
            did = require_str(answer.json, "did", session.where)
            yield match.start(), match.end(), {"$type": "mention", "did": did}
        elif isinstance(error := session.explain(answer), AuthExpired):  # an old session is a 400, too
            raise error


# A word after a space; invisible separators end it. The number sign may be a full-width one.
_TAG = re.compile(r"(?<!\S)[#＃]([^\s#＃\u00ad\u200a-\u200d\u2060\u20e2]+)")


def _tags(text: str) -> Iterator[_Found]:
    """`#tag` without the punctuation after it; a mere number is none."""
    limit = Bluesky.declaration.limit
    for match in _TAG.finditer(text):
        tag = match[1]
        while tag and unicodedata.category(tag[-1]).startswith("P"):
            tag = tag[:-1]
        worth = any(not letter.isdigit() and unicodedata.category(letter)[0] in "LNS" for letter in tag)
        if worth and graphemes(tag) <= limit("tag") and len(tag.encode()) <= limit("tag_bytes"):
            yield match.start(), match.start(1) + len(tag), {"$type": "tag", "tag": tag}


def _upload(media: Media, session: Session) -> dict[str, Any]:
    with open_file(media) as file:
        return _upload_blob(file, media.mime_type or "application/octet-stream", session)


def _upload_blob(file: BinaryIO, mime_type: str, session: Session) -> dict[str, Any]:
    """Upload raw bytes; the blob object to embed as it is. Type and size are checked when a record uses it.

    Source: https://github.com/bluesky-social/atproto/blob/main/lexicons/com/atproto/repo/uploadBlob.json
    """
    answer = session.upload(
        "POST", "/xrpc/com.atproto.repo.uploadBlob", content=file, headers={"content-type": mime_type}
    )
    blob = require(answer.json, "blob", dict, session.where)
    require(blob, "ref", dict, session.where)
    return dict(blob)


def _strong_ref(post: Confirmed, session: Session) -> dict[str, str]:
    """uri and cid of a post we reply to. A person who settled it gave only its address, so the cid is asked for."""
    if cid := post.extra.get("cid"):
        return {"uri": post.remote_id, "cid": str(cid)}
    found = _get_record(session, str(session.account_id), _record_key(post.remote_id))
    if found is None:
        raise Rejected(f"{session.where}: the post it replies to ({post.remote_id}) does not exist")
    return {key: require_str(found, key, session.where) for key in ("uri", "cid")}


# --- link cards --------------------------------------------------------------------------------------------


def _card(link: str, session: Session) -> dict[str, Any]:
    """app.bsky.embed.external#external of a page: what it says about itself, else its address as the title.

    Source: https://docs.bsky.app/docs/advanced-guides/posts#website-card-embeds
    """
    from socialcron.platforms.fetch import fetch_public

    card: dict[str, Any] = {"uri": link, "title": link, "description": ""}
    try:
        page = fetch_public(link, max_bytes=_PAGE_BYTES, seconds=_PAGE_SECONDS)
    except PlatformError:
        return card
    try:
        about = _About.read(page.path)
    finally:
        page.path.unlink(missing_ok=True)
    card["title"] = about.get("title", link)[:_TITLE_CHARACTERS]
    card["description"] = about.get("description", "")[:_DESCRIPTION_CHARACTERS]
    if not about.get("image"):
        return card
    try:
        image = fetch_public(
            urljoin(page.final_url, about["image"]),
            max_bytes=int(Bluesky.declaration.limit("thumb_bytes")),
            seconds=_PAGE_SECONDS,
        )
    except (PlatformError, ValueError):  # urljoin raises the latter for "http://["
        return card
    try:
        if image.mime_type.startswith("image/"):
            with image.path.open("rb") as file:
                card["thumb"] = _upload_blob(file, image.mime_type, session)
    finally:
        image.path.unlink(missing_ok=True)
    return card


class _About(HTMLParser):
    """title, description and image of a page: Open Graph first (https://ogp.me), then plain HTML."""

    def __init__(self) -> None:
        super().__init__(convert_charrefs=True)
        self.found: dict[str, str] = {}
        self.title: list[str] = []
        self.in_title = False

    @classmethod
    def read(cls, path: Path) -> dict[str, str]:
        """Non-empty values of title, description and image; what a page does not say is missing."""
        parser = cls()
        with suppress(AssertionError):  # how HTMLParser says that it cannot read on: <![anything[
            parser.feed(path.read_text(encoding="utf-8", errors="replace"))
            parser.close()
        said = {
            "title": parser.found.get("og:title") or "".join(parser.title),
            "description": parser.found.get("og:description") or parser.found.get("description", ""),
            "image": parser.found.get("og:image", ""),
        }
        # JSON in PostgreSQL holds no NUL.
        said = {name: " ".join(value.replace("\0", " ").split()) for name, value in said.items()}
        return {name: value for name, value in said.items() if value}

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        given = dict(attrs)
        if tag == "meta" and (name := given.get("property") or given.get("name")):
            self.found.setdefault(name.lower(), given.get("content") or "")
        self.in_title = tag == "title" and not self.title

    def handle_endtag(self, tag: str) -> None:
        self.in_title = False

    def handle_data(self, data: str) -> None:
        if self.in_title:
            self.title.append(data)


# --- requests and answers ----------------------------------------------------------------------------------


def _server(account: Account, credentials: Mapping[str, Any]) -> str:
    """The address named for the account; else its own server once a session told us; else the entryway.

    A base_url is obeyed for everything: it may be a proxy, and the server would name itself.
    """
    chosen = (
        account.settings.get("base_url") or credentials.get("pds") or Bluesky.declaration.default_base_url
    )
    url = str(chosen)
    if not url.startswith(("https://", "http://")):
        raise PlatformFailure(f"{account}: base_url must be an https address, not {url!r}", retryable=False)
    return url


def _session(
    account: Account,
    http: Http,
    server: str,
    token: str | None,
    *,
    account_id: str | None = None,
    app: App | None = None,
) -> Session:
    where = str(account)
    return Session(
        base_url=server,
        where=where,
        http=http,
        authorize=lambda request: request.headers.update(
            {"authorization": f"Bearer {token}"} if token else {}
        ),
        explain=partial(_explain, where=where),
        limits=_limits_seen,
        account_id=account_id,
        settings=account.settings,
        app=app or App(),
    )


def _renew(account: Account, credentials: Mapping[str, Any], http: Http) -> Mapping[str, Any] | None:
    """The next session from the refresh token; None when there is none or it is refused."""
    token = credentials.get("refresh_token")
    if not token:
        return None
    session = _session(account, http, _server(account, credentials), str(token))
    try:
        body = session.upload("POST", "/xrpc/com.atproto.server.refreshSession", seconds=12.0).json
    except PlatformError as exc:
        if isinstance(error := token_error(exc), AuthExpired):
            return None
        raise error from exc
    require_str(body, "accessJwt", session.where)  # an answer that makes no sense is no refusal
    renewed: Mapping[str, Any] = body
    return renewed


def _log_in(account: Account, credentials: Mapping[str, Any], http: Http) -> Any:
    """A session from the app password; AuthExpired when only a person can help."""
    login = {name: credentials.get(name) for name in ("identifier", "password")}
    hint = "Make an app password at https://bsky.app/settings/app-passwords and store it for the account."
    if not all(login.values()):
        raise AuthExpired(f"{account}: the session is over and there is no app password", hint=hint)
    server = _server(account, {})  # not the account's own: it may have moved
    try:
        path = "/xrpc/com.atproto.server.createSession"
        return _session(account, http, server, None).upload("POST", path, json=login, seconds=15.0).json
    except PlatformError as exc:
        error = token_error(exc)
        if isinstance(error, AuthExpired):
            error.hint = hint
        raise error from exc


def _pds(body: Any) -> str | None:
    """The account's own server from the session's DID document; https only, it gets the tokens.

    Source: https://atproto.com/specs/did#did-documents
    """
    document = body.get("didDoc") if isinstance(body, Mapping) else None
    services = document.get("service") if isinstance(document, Mapping) else None
    for service in services if isinstance(services, list) else ():
        if (optional_str(service, "id") or "").endswith("#atproto_pds"):
            endpoint = optional_str(service, "serviceEndpoint")
            return endpoint if endpoint and endpoint.startswith("https://") else None
    return None


def _expires_at(token: str) -> datetime | None:
    """`exp` of a JWT; None when it cannot be read, then only a refused request shows the end."""
    try:
        payload = token.split(".")[1]
        claims = json.loads(base64.urlsafe_b64decode(payload + "=" * (-len(payload) % 4)))
        return datetime.fromtimestamp(claims["exp"], UTC)
    except (IndexError, KeyError, TypeError, ValueError, OverflowError, OSError):
        return None


def _confirmed(uri: str, cid: str) -> Confirmed:
    """`uri` is at://DID/app.bsky.feed.post/RKEY. The DID stays when the handle changes."""
    _, _, did, _, rkey = [*uri.split("/"), "", "", "", ""][:5]
    url = f"https://bsky.app/profile/{did}/post/{rkey}" if rkey else None
    return Confirmed(remote_id=uri, url=url, extra={"cid": cid})


def _record_key(remote_id: str) -> str:
    """Of an at:// uri, a web address, or the key itself."""
    return remote_id.rstrip("/").rpartition("/")[2]


def _get_record(session: Session, repo: str, rkey: str) -> Mapping[str, Any] | None:
    """uri, cid and value of a post, None if there is none.

    Source: https://github.com/bluesky-social/atproto/blob/main/lexicons/com/atproto/repo/getRecord.json
    """
    query = {"repo": repo, "collection": _POST, "rkey": rkey}
    answer = session.read("GET", "/xrpc/com.atproto.repo.getRecord", accept=(400,), params=query)
    if answer.ok:
        require(answer.json, "value", dict, session.where)
        found: Mapping[str, Any] = answer.json
        return found
    if optional_str(answer.json, "error") == "RecordNotFound":
        return None
    raise session.explain(answer)


def _reading(post: Mapping[str, Any]) -> Reading:
    said = counts(post, "likeCount", "replyCount", "repostCount", "quoteCount", "bookmarkCount")
    return Reading(
        likes=said.get("likeCount"),
        comments=said.get("replyCount"),
        shares=total(said.get("repostCount"), said.get("quoteCount")),
        saves=said.get("bookmarkCount"),
        raw=said,
    )


def _essence(record: Any) -> Any:
    """What makes a record ours: all of it but what is looked up elsewhere each time it is prepared.

    A mentioned handle or a linked page may change between two preparations; `createdAt` and the rest do not.
    """
    if not isinstance(record, Mapping):
        return None
    essence = {key: value for key, value in record.items() if key != "facets"}
    embed = record.get("embed")
    external = embed.get("external") if isinstance(embed, Mapping) else None
    if isinstance(external, Mapping):
        essence["embed"] = {"external": external.get("uri")}
    return essence


def _explain(answer: Answer, where: str) -> PlatformError:
    """Errors go by name; an expired session is a 400.

    Source: https://docs.bsky.app/docs/advanced-guides/api-directory and the lexicons' `errors`
    """
    status, name = answer.status, optional_str(answer.json, "error") or ""
    detail = ": ".join(filter(None, (name, optional_str(answer.json, "message"))))[:300]
    said = f"{where}: HTTP {status}{': ' + detail if detail else ''}"
    if status == 401 or name in ("ExpiredToken", "InvalidToken"):
        return AuthExpired(said, http_status=status)
    if status == 429:
        return RateLimited(said, retry_after=_retry_after(answer), http_status=status)
    if status == 400 and name == "BlobNotFound":
        return PlatformFailure(
            said, hint="The images are uploaded again by the next try.", retryable=True, http_status=status
        )
    if status == 500:
        return PlatformFailure(said, retryable=True, retry_after=answer.retry_after, http_status=status)
    if status > 500:
        return Unavailable(said, retry_after=answer.retry_after, http_status=status)
    return default_error(answer, where, detail)


def _retry_after(answer: Answer) -> float | None:
    if answer.retry_after is not None:
        return answer.retry_after
    reset_at = _reset_at(answer)
    return answer.seconds_until(reset_at) if reset_at else None


def _reset_at(answer: Answer) -> datetime | None:
    value = answer.headers.get("ratelimit-reset", "")
    try:
        return datetime.fromtimestamp(int(value), UTC)
    except (ValueError, OverflowError, OSError):
        return None


def _limits_seen(answer: Answer) -> Iterable[LimitSeen]:
    """Source: https://docs.bsky.app/docs/advanced-guides/rate-limits"""
    headers = answer.headers
    if answer.status != 429 and "ratelimit-remaining" not in headers:
        return
    method = answer.path.rpartition(".")[2]
    limit, remaining = (headers.get(f"ratelimit-{name}", "") for name in ("limit", "remaining"))
    yield LimitSeen(
        family={"createRecord": "publish", "uploadBlob": "media"}.get(method, "read"),
        limit=int(limit) if limit.isdecimal() else None,
        remaining=int(remaining) if remaining.isdecimal() else None,
        reset_at=_reset_at(answer),
        retry_after=answer.retry_after,
        blocked=answer.status == 429,
    )
