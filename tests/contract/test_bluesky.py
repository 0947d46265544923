"""Bluesky: requests and documented answers.

Recordings follow https://github.com/bluesky-social/atproto/tree/main/lexicons (com/atproto/repo, com/atproto/server,
app/bsky) and https://docs.bsky.app/docs/advanced-guides/ {posts, rate-limits}.
"""

from __future__ import annotations

import base64
import json
from collections.abc import Mapping
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import httpx
import pytest

from socialcron.errors import (
    AuthExpired,
    OutcomeUnknown,
    PlatformError,
    PlatformFailure,
    RateLimited,
    Rejected,
    Unavailable,
)
from socialcron.model import Account, Confirmed, Gone, Media, PreparedStep, Reading, Ready, Saved, Step
from socialcron.platforms import bluesky
from socialcron.platforms.base import App
from socialcron.platforms.bluesky import Bluesky
from socialcron.platforms.fetch import Fetched
from socialcron.platforms.http import Session
from tests.contract.conftest import Wire
from tests.contract.sample import CAT, DOG, THREAD, TID, Kind, Sample, says

SAMPLE = Sample(
    credentials={
        "identifier": "me.example",
        "password": "secret-password",
        "access_token": "secret-access",
        "refresh_token": "secret-refresh",
        "did": "did:plc:me",
    },
    request={
        "repo": "did:plc:me",
        "collection": "app.bsky.feed.post",
        "rkey": TID,
        "record": {
            "$type": "app.bsky.feed.post",
            "text": "Hello",
            "createdAt": "2026-11-20T12:00:00.000Z",
        },
    },
    created=(200, {"uri": f"at://did:plc:me/app.bsky.feed.post/{TID}", "cid": "bafyme"}),
    renewable={
        "identifier": "me.example",
        "password": "secret-password",
        "refresh_token": "secret-refresh",
    },
)

KINDS = (
    Kind("bluesky", "text", says("Good morning")),
    Kind("bluesky", "link", says("Read this", link="https://blog.example/1")),
    Kind("bluesky", "images", says("Two pictures", CAT, DOG)),
    Kind("bluesky", "thread", THREAD, visible=4),
)

BLUESKY = Bluesky()
DUE_AT = datetime(2026, 1, 2, 3, 4, 5, tzinfo=UTC)
DID = "did:plc:abc"
KEY = "3mbfvv7intpe3"  # a TID of that second
URI = f"at://{DID}/app.bsky.feed.post/{KEY}"
LOGIN = {"identifier": "me.bsky.social", "password": "app-password"}
CREDENTIALS = {**LOGIN, "access_token": "access", "refresh_token": "refresh", "did": DID}
RECORD = {"$type": "app.bsky.feed.post", "text": "Hello", "createdAt": "2026-01-02T03:04:05.000Z"}

CREATE = "POST /xrpc/com.atproto.repo.createRecord"
GET_RECORD = "GET /xrpc/com.atproto.repo.getRecord"
UPLOAD = "POST /xrpc/com.atproto.repo.uploadBlob"
RESOLVE = "GET /xrpc/com.atproto.identity.resolveHandle"
REFRESH = "POST /xrpc/com.atproto.server.refreshSession"
LOG_IN = "POST /xrpc/com.atproto.server.createSession"


def account(**settings: str) -> Account:
    return Account(id=1, platform="bluesky", handle="@me", settings=settings)


def session(wire: Wire, **settings: str) -> Session:
    return BLUESKY.connect(account(**settings), CREDENTIALS, App(), wire.http)


def step(text: str = "Hello", **parts: Any) -> Step:
    return Step(number=parts.pop("number", 0), kind=parts.pop("kind", "post"), text=text, key=KEY, **parts)


def sent(record: Mapping[str, Any] = RECORD) -> PreparedStep:
    request = {"repo": DID, "collection": "app.bsky.feed.post", "rkey": KEY, "record": dict(record)}
    return PreparedStep(number=0, kind="post", key=KEY, request=request, first_sending_at=DUE_AT, sends=1)


def prepared(wire: Wire, made: Step, **settings: str) -> dict[str, Any]:
    """The record of a step that needs no upload."""
    ready = BLUESKY.prepare(made, session(wire, **settings))
    assert isinstance(ready, Ready)
    assert {**ready.request, "record": None} == {
        "repo": DID,
        "collection": "app.bsky.feed.post",
        "rkey": KEY,
        "record": None,
    }
    return dict(ready.request["record"])


def blob(name: str) -> dict[str, Any]:
    """https://github.com/bluesky-social/atproto/blob/main/lexicons/com/atproto/repo/uploadBlob.json"""
    return {"$type": "blob", "ref": {"$link": name}, "mimeType": "image/jpeg", "size": 1234}


@pytest.fixture
def picture(tmp_path: Path) -> Media:
    path = tmp_path / "cat.jpg"
    path.write_bytes(b"JPEG bytes")
    return Media(source="cat.jpg", alt="a cat", path=path, mime_type="image/jpeg", size_bytes=10)


# --- ids ---------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("microseconds", "clock", "tid"),
    [(1767323045678901, 321, "3mbfvv7intpe3"), (0, 0, "2222222222222")],
)
def test_tid__matches_the_specification(microseconds: int, clock: int, tid: str) -> None:
    assert bluesky._tid(microseconds, clock) == tid


def test_choose_key__is_a_tid_of_the_due_second_and_the_seed() -> None:
    keys = {BLUESKY.choose_key(bytes([number]) * 32, DUE_AT, 0) for number in range(200)}
    assert len(keys) == 200
    first = bluesky._tid(int(DUE_AT.timestamp()) * 10**6, 0)
    last = bluesky._tid(int(DUE_AT.timestamp()) * 10**6 + 2**20 - 1, 1023)
    assert all(first <= key <= last and len(key) == 13 for key in keys)
    assert BLUESKY.choose_key(bytes(32), DUE_AT, 0) == BLUESKY.choose_key(bytes(32), DUE_AT, 0)


# --- validate ----------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("wrong", "field", "words"),
    [
        ({"text": ""}, "text", "empty"),
        ({"text": "x" * 301}, "text", "301 characters, at most 300"),
        ({"text": "👨‍👩‍👧‍👦" * 121}, "text", "3025 UTF-8 bytes, at most 3000"),
        ({"text": "x" * 301, "number": 2, "kind": "reply"}, "thread[2]", "301"),
        ({"options": {"language": "en,de,fr,it"}}, "language", "4 languages, at most 3"),
        ({"media": [("image/png", 1)] * 5}, "media", "5 images, at most 4"),
        ({"media": [("video/mp4", 1)]}, "media[1]", "video/mp4"),
        ({"media": [("image/png", 2_000_001)]}, "media[1]", "2000001 bytes, at most 2000000"),
    ],
)
def test_validate__names_field_measure_and_limit(wrong: dict[str, Any], field: str, words: str) -> None:
    media = tuple(Media(source="f", mime_type=kind, size_bytes=size) for kind, size in wrong.get("media", ()))
    (problem,) = BLUESKY.validate([step(**{**wrong, "media": media})], {})
    assert problem.field == field
    assert words in problem.message


def test_validate__counts_a_family_as_one_and_takes_an_empty_text_with_an_embed() -> None:
    assert BLUESKY.validate([step("👨‍👩‍👧‍👦" * 120)], {}) == []
    assert BLUESKY.validate([step("", link="https://example.com/")], {}) == []
    assert BLUESKY.validate([step("", media=(Media(source="f"),))], {}) == []


def test_validate__counts_a_link_beside_images_as_text() -> None:
    (problem,) = BLUESKY.validate(
        [step("x" * 290, link="https://example.com/", media=(Media(source="f"),))], {}
    )
    assert "311 characters" in problem.message


# --- prepare -----------------------------------------------------------------------------------------------


def test_prepare__renders_a_text_post_without_a_request(wire: Wire) -> None:
    assert prepared(wire, step()) == RECORD
    assert wire.requests == []


def test_prepare__makes_the_same_record_again_and_sorts_a_thread_by_its_steps(wire: Wire) -> None:
    parent = Confirmed(remote_id=URI, extra={"cid": "bafy1"})
    records = [prepared(wire, step(number=n, kind="reply", parent=parent)) for n in (1, 1, 2)]
    assert records[0] == records[1]
    assert [record["createdAt"] for record in records[1:]] == [
        "2026-01-02T03:04:05.001Z",
        "2026-01-02T03:04:05.002Z",
    ]


def test_prepare__marks_links_tags_and_mentions_by_utf8_bytes(wire: Wire) -> None:
    wire.expect(RESOLVE, json={"did": "did:plc:alice"})
    record = prepared(wire, step("héllo 👋 see https://example.com/a?b=c #tag by @alice.example.com"))
    assert wire.last.url.params["handle"] == "alice.example.com"
    assert record["facets"] == [
        {
            "index": {"byteStart": 16, "byteEnd": 41},
            "features": [{"$type": "app.bsky.richtext.facet#link", "uri": "https://example.com/a?b=c"}],
        },
        {
            "index": {"byteStart": 42, "byteEnd": 46},
            "features": [{"$type": "app.bsky.richtext.facet#tag", "tag": "tag"}],
        },
        {
            "index": {"byteStart": 50, "byteEnd": 68},
            "features": [{"$type": "app.bsky.richtext.facet#mention", "did": "did:plc:alice"}],
        },
    ]


def test_prepare__leaves_a_mention_plain_that_nobody_answers_to(wire: Wire) -> None:
    wire.expect(RESOLVE, 400, json={"error": "InvalidRequest", "message": "Unable to resolve handle"})
    assert "facets" not in prepared(wire, step("Hi @nobody.example"))


def test_prepare__an_expired_session_is_not_an_unknown_handle(wire: Wire) -> None:
    wire.expect(RESOLVE, 400, json={"error": "ExpiredToken", "message": "Token has expired"})
    with pytest.raises(AuthExpired):
        BLUESKY.prepare(step("Hi @bob.example"), session(wire))


@pytest.mark.parametrize(
    ("text", "marked"),
    [
        ("See https://example.com/a.", ["https://example.com/a"]),
        ("(see https://example.com/a), ok", ["https://example.com/a"]),
        ("https://example.com/b_(c)!", ["https://example.com/b_(c)"]),
        ("https://example.com/ https://example.com/", ["https://example.com/"] * 2),
        ("no https:// link", []),
        ("#one, #two! a#b #3 #4you ##", ["#one", "#two", "#4you"]),
        ("＃全角 #über", ["＃全角", "#über"]),
        (f"#{'x' * 64} #{'y' * 65}", [f"#{'x' * 64}"]),
        ("#https://example.com/", ["https://example.com/"]),
        ("mail me@example.com or https://example.com/@bob.example", ["https://example.com/@bob.example"]),
    ],
)
def test_prepare__marks_what_readers_would_click(wire: Wire, text: str, marked: list[str]) -> None:
    facets = prepared(wire, step(text)).get("facets", [])
    places = [(facet["index"]["byteStart"], facet["index"]["byteEnd"]) for facet in facets]
    assert [text.encode()[start:end].decode() for start, end in places] == marked


def test_prepare__uploads_one_image_per_call_then_embeds_what_the_server_said(
    wire: Wire, picture: Media
) -> None:
    plain = replace(picture, alt=None)
    handles: Mapping[str, Any] = {}
    for name in ("bafk1", "bafk2"):
        wire.expect(UPLOAD, json={"blob": blob(name)})
        saved = BLUESKY.prepare(step(media=(picture, plain), handles=handles), session(wire))
        assert isinstance(saved, Saved)
        handles = saved.handles
        assert wire.last.content == b"JPEG bytes"
        assert wire.last.headers["content-type"] == "image/jpeg"
        assert wire.last.headers["content-length"] == "10"
    assert prepared(wire, step(media=(picture, plain), handles=handles))["embed"] == {
        "$type": "app.bsky.embed.images",
        "images": [{"image": blob("bafk1"), "alt": "a cat"}, {"image": blob("bafk2"), "alt": ""}],
    }


def test_prepare__puts_a_link_beside_images_into_the_text(wire: Wire, picture: Media) -> None:
    handles = {"blobs": [blob("bafk1")]}
    record = prepared(wire, step(media=(picture,), link="https://example.com/", handles=handles))
    assert record["text"] == "Hello\nhttps://example.com/"
    assert record["embed"]["$type"] == "app.bsky.embed.images"
    assert record["facets"][0]["index"] == {"byteStart": 6, "byteEnd": 26}


# https://ogp.me
PAGE = """<html><head><title>Plain</title>
<meta property="og:title" content="A &amp; B"><meta name="description" content="What it
says"><meta property="og:image" content="/cat.jpg"></head><body><title>not this</title></body></html>"""


def serve(
    monkeypatch: pytest.MonkeyPatch, folder: Path, pages: Mapping[str, tuple[str, bytes]]
) -> list[Path]:
    """The guarded fetcher gets these pages and fails on every other; returns the files it made."""
    files: list[Path] = []

    def fetch_public(url: str, *, max_bytes: int, seconds: float) -> Fetched:
        if url not in pages:
            raise Rejected(f"{url}: HTTP 404")
        mime_type, body = pages[url]
        assert len(body) <= max_bytes
        files.append(folder / str(len(files)))
        files[-1].write_bytes(body)
        return Fetched(
            path=files[-1],
            size_bytes=len(body),
            mime_type=mime_type,
            sha256="",
            final_url="https://www.example.com/a/",
        )

    monkeypatch.setattr("socialcron.platforms.fetch.fetch_public", fetch_public)
    return files


def test_prepare__makes_a_card_of_what_the_page_says_of_itself(
    wire: Wire, monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    pages = {
        "https://example.com/a": ("text/html", PAGE.encode()),
        "https://www.example.com/cat.jpg": ("image/jpeg", b"JPEG bytes"),
    }
    files = serve(monkeypatch, tmp_path, pages)
    wire.expect(UPLOAD, json={"blob": blob("bafk1")})
    saved = BLUESKY.prepare(step(link="https://example.com/a"), session(wire))
    assert isinstance(saved, Saved)
    assert wire.last.content == b"JPEG bytes"
    record = prepared(wire, step(link="https://example.com/a", handles=saved.handles))
    assert record["text"] == "Hello"
    assert record["embed"] == {
        "$type": "app.bsky.embed.external",
        "external": {
            "uri": "https://example.com/a",
            "title": "A & B",
            "description": "What it says",
            "thumb": blob("bafk1"),
        },
    }
    assert not any(file.exists() for file in files)


@pytest.mark.parametrize(
    ("pages", "title"),
    [
        ({}, "https://example.com/a"),
        ({"https://example.com/a": ("text/html", b"<title>Plain</title>")}, "Plain"),
        ({"https://example.com/a": ("image/png", b"\x89PNG\xff")}, "https://example.com/a"),
        ({"https://example.com/a": ("text/html", PAGE.encode())}, "A & B"),
        ({"https://example.com/a": ("text/html", b"<title>A\0B</title><![odd[")}, "A B"),
        (
            {
                "https://example.com/a": (
                    "text/html",
                    b'<title>Plain</title><meta property="og:image" content="http://[">',
                )
            },
            "Plain",
        ),
    ],
)
def test_prepare__a_card_goes_without_what_cannot_be_fetched(
    wire: Wire,
    monkeypatch: pytest.MonkeyPatch,
    tmp_path: Path,
    pages: dict[str, tuple[str, bytes]],
    title: str,
) -> None:
    files = serve(monkeypatch, tmp_path, pages)
    saved = BLUESKY.prepare(step(link="https://example.com/a"), session(wire))
    assert isinstance(saved, Saved)
    assert saved.handles["card"]["title"] == title
    assert "thumb" not in saved.handles["card"]
    assert not any(file.exists() for file in files)


def test_prepare__an_upload_without_a_usable_answer_may_be_tried_again(wire: Wire, picture: Media) -> None:
    wire.expect(UPLOAD, content=b"<html>")
    with pytest.raises(PlatformFailure) as caught:
        BLUESKY.prepare(step(media=(picture,)), session(wire))
    assert caught.value.retryable


def test_prepare__replies_to_root_and_parent(wire: Wire) -> None:
    root, parent = (Confirmed(remote_id=f"{URI[:-1]}{n}", extra={"cid": f"bafy{n}"}) for n in "45")
    record = prepared(wire, step(number=2, kind="reply", root=root, parent=parent))
    assert record["reply"] == {
        "root": {"uri": root.remote_id, "cid": "bafy4"},
        "parent": {"uri": parent.remote_id, "cid": "bafy5"},
    }


@pytest.mark.parametrize("known_as", [URI, f"https://bsky.app/profile/me.bsky.social/post/{KEY}", KEY])
def test_prepare__asks_for_the_cid_of_a_post_that_a_person_settled(wire: Wire, known_as: str) -> None:
    wire.expect(GET_RECORD, json={"uri": URI, "cid": "bafy1", "value": RECORD})
    wire.expect(GET_RECORD, json={"uri": URI, "cid": "bafy1", "value": RECORD})
    settled = Confirmed(remote_id=known_as)
    record = prepared(wire, step(number=1, kind="reply", root=settled, parent=settled))
    assert record["reply"]["parent"] == record["reply"]["root"] == {"uri": URI, "cid": "bafy1"}
    assert wire.last.url.params["rkey"] == KEY


def test_prepare__takes_up_to_three_languages(wire: Wire) -> None:
    assert prepared(wire, step(), language="en, de")["langs"] == ["en", "de"]


# --- send --------------------------------------------------------------------------------------------------


def test_send_step__creates_the_record_under_its_id(wire: Wire) -> None:
    wire.expect(
        CREATE,
        json={
            "uri": URI,
            "cid": "bafy1",
            "commit": {"cid": "bafy2", "rev": KEY},
            "validationStatus": "valid",
        },
    )
    confirmed = BLUESKY.send_step(sent(), session(wire))
    assert confirmed == Confirmed(
        remote_id=URI, url=f"https://bsky.app/profile/{DID}/post/{KEY}", extra={"cid": "bafy1"}
    )
    assert wire.last.url == "https://bsky.social/xrpc/com.atproto.repo.createRecord"
    assert wire.last.headers["authorization"] == "Bearer access"
    assert wire.sent == sent().request


@pytest.mark.parametrize(
    ("status", "error", "kind", "retryable"),
    [
        (400, "ExpiredToken", AuthExpired, False),
        (400, "InvalidToken", AuthExpired, False),
        (400, "InvalidRequest", Rejected, False),
        (400, "BlobNotFound", PlatformFailure, True),
        (400, "InvalidMimeType", Rejected, False),
        (401, "AuthMissing", AuthExpired, False),
        (401, "AccountTakedown", AuthExpired, False),
        (413, "PayloadTooLarge", Rejected, False),
    ],
)
def test_send_step__a_refusal_says_what_was_refused(
    wire: Wire, status: int, error: str, kind: type[PlatformError], retryable: bool
) -> None:
    wire.expect(CREATE, status, json={"error": error, "message": "because"})
    mine = session(wire)
    with pytest.raises(kind) as caught:
        BLUESKY.send_step(sent(), mine)
    assert caught.value.retryable is retryable
    assert caught.value.message == f"bluesky account '@me' (id 1): HTTP {status}: {error}: because"
    assert mine.visible == "refused"


@pytest.mark.parametrize("asked", [{"Retry-After": "90"}, {}])
def test_send_step__waits_as_long_as_it_was_told(wire: Wire, asked: dict[str, str]) -> None:
    """https://docs.bsky.app/docs/advanced-guides/rate-limits : the reset is in epoch seconds."""
    reset = datetime.now(UTC).replace(microsecond=0) + timedelta(seconds=90)
    headers = {
        "RateLimit-Limit": "5000",
        "RateLimit-Remaining": "0",
        "RateLimit-Reset": str(int(reset.timestamp())),
        "RateLimit-Policy": "5000;w=3600",
        **asked,
    }
    wire.expect(CREATE, 429, json={"error": "RateLimitExceeded"}, headers=headers)
    mine = session(wire)
    with pytest.raises(RateLimited) as caught:
        BLUESKY.send_step(sent(), mine)
    assert caught.value.retry_after == pytest.approx(90, abs=5)
    (seen,) = mine.seen
    assert (seen.family, seen.limit, seen.remaining, seen.reset_at, seen.blocked) == (
        "publish",
        5000,
        0,
        reset,
        True,
    )


@pytest.mark.parametrize("status", [302, 408, 409, 500, 502, 503, 504])
def test_send_step__anything_else_leaves_the_outcome_unknown(wire: Wire, status: int) -> None:
    wire.expect(CREATE, status, json={"error": "InternalServerError", "message": "Internal Server Error"})
    with pytest.raises(OutcomeUnknown):
        BLUESKY.send_step(sent(), session(wire))


@pytest.mark.parametrize("body", [b"", b"<html>", b'{"uri": "at:', b'{"uri": "at://x/y/z"}', b"[]"])
def test_send_step__success_without_uri_and_cid_is_unknown(wire: Wire, body: bytes) -> None:
    wire.expect(CREATE, content=body)
    mine = session(wire)
    with pytest.raises(OutcomeUnknown):
        BLUESKY.send_step(sent(), mine)
    assert mine.visible == "open"


def test_send_step__a_lost_answer_is_unknown_and_a_refused_connection_is_not(wire: Wire) -> None:
    wire.expect(CREATE, httpx.ReadError("reset"))
    with pytest.raises(OutcomeUnknown):
        BLUESKY.send_step(sent(), session(wire))
    wire.expect(CREATE, httpx.ConnectError("refused"))
    with pytest.raises(Unavailable):
        BLUESKY.send_step(sent(), session(wire))


# --- reconcile ---------------------------------------------------------------------------------------------


def test_reconcile__an_equal_record_means_posted(wire: Wire) -> None:
    wire.expect(GET_RECORD, json={"uri": URI, "cid": "bafy1", "value": dict(reversed(RECORD.items()))})
    look = BLUESKY.reconcile(sent(), session(wire))
    (match,) = look.matches
    assert (match.remote_id, match.extra) == (URI, {"cid": "bafy1"})
    assert dict(wire.last.url.params) == {"repo": DID, "collection": "app.bsky.feed.post", "rkey": KEY}


def test_reconcile__no_record_means_never_posted(wire: Wire) -> None:
    wire.expect(
        GET_RECORD, 400, json={"error": "RecordNotFound", "message": f"Could not locate record: {URI}"}
    )
    look = BLUESKY.reconcile(sent(), session(wire))
    assert look.complete
    assert not look.matches
    assert not look.occupied


@pytest.mark.parametrize(
    "other",
    [
        {"text": "Another"},
        {"createdAt": "2026-01-02T03:04:06.000Z"},
        {"reply": {"root": {"uri": URI, "cid": "bafy1"}, "parent": {"uri": URI, "cid": "bafy1"}}},
        {"embed": {"$type": "app.bsky.embed.images", "images": []}},
    ],
)
def test_reconcile__another_record_under_our_id_is_not_ours(wire: Wire, other: dict[str, Any]) -> None:
    wire.expect(GET_RECORD, json={"uri": URI, "cid": "bafy1", "value": {**RECORD, **other}})
    look = BLUESKY.reconcile(sent(), session(wire))
    assert look.occupied
    assert not look.matches


def test_reconcile__a_late_first_send_whose_card_looked_different_is_ours(wire: Wire) -> None:
    def carded(title: str) -> dict[str, Any]:
        external = {"uri": "https://example.com/", "title": title, "description": ""}
        return {**RECORD, "embed": {"$type": "app.bsky.embed.external", "external": external}}

    wire.expect(GET_RECORD, json={"uri": URI, "cid": "bafy1", "value": carded("Breaking")})
    assert BLUESKY.reconcile(sent(carded("https://example.com/")), session(wire)).matches


def test_reconcile__an_expired_session_proves_nothing(wire: Wire) -> None:
    wire.expect(GET_RECORD, 400, json={"error": "ExpiredToken", "message": "Token has expired"})
    with pytest.raises(AuthExpired):
        BLUESKY.reconcile(sent(), session(wire))


@pytest.mark.parametrize("body", [b"", b"<html>", b'{"uri": "at:', b"[]"])
def test_reconcile__an_answer_that_makes_no_sense_proves_nothing(wire: Wire, body: bytes) -> None:
    wire.expect(GET_RECORD, content=body)
    with pytest.raises(PlatformFailure):
        BLUESKY.reconcile(sent(), session(wire))


# --- sessions ----------------------------------------------------------------------------------------------


def jwt(expires_at: datetime) -> str:
    """https://datatracker.ietf.org/doc/html/rfc7519"""
    parts = ({"alg": "HS256"}, {"exp": int(expires_at.timestamp())})
    return (
        ".".join(base64.urlsafe_b64encode(json.dumps(p).encode()).decode().rstrip("=") for p in parts) + ".x"
    )


EXPIRES_AT = datetime(2026, 1, 2, 5, 0, 0, tzinfo=UTC)


def new_session(pds: str = "https://pds.example") -> dict[str, Any]:
    service = {"id": "#atproto_pds", "type": "AtprotoPersonalDataServer", "serviceEndpoint": pds}
    return {
        "did": DID,
        "handle": "me.bsky.social",
        "accessJwt": jwt(EXPIRES_AT),
        "refreshJwt": "refresh2",
        "didDoc": {
            "id": DID,
            "service": [{"id": "#other", "serviceEndpoint": "https://no.example"}, service],
        },
    }


RENEWED = {
    **LOGIN,
    "access_token": jwt(EXPIRES_AT),
    "refresh_token": "refresh2",
    "did": DID,
    "pds": "https://pds.example",
}


def test_connect__needs_a_session_first(wire: Wire) -> None:
    with pytest.raises(AuthExpired):
        BLUESKY.connect(account(), LOGIN, App(), wire.http)
    assert BLUESKY.can_refresh(LOGIN)
    assert not BLUESKY.can_refresh({"identifier": "me.bsky.social"})


def test_connect__speaks_to_the_accounts_own_server_unless_one_is_named(wire: Wire) -> None:
    own = {**CREDENTIALS, "pds": "https://pds.example"}
    assert BLUESKY.connect(account(), own, App(), wire.http).base_url == "https://pds.example"
    named = account(base_url="https://proxy.example/bluesky")
    assert BLUESKY.connect(named, own, App(), wire.http).base_url == "https://proxy.example/bluesky"


def test_refresh__logs_in_when_there_is_no_session_yet(wire: Wire) -> None:
    wire.expect(LOG_IN, json=new_session())
    tokens = BLUESKY.refresh(account(), LOGIN, App(), wire.http)
    assert tokens.credentials == RENEWED
    assert tokens.expires_at == EXPIRES_AT
    assert wire.sent == LOGIN
    assert "authorization" not in wire.last.headers


def test_refresh__takes_the_refresh_token_without_a_body(wire: Wire) -> None:
    wire.expect(REFRESH, json=new_session())
    assert BLUESKY.refresh(account(), CREDENTIALS, App(), wire.http).credentials == RENEWED
    assert wire.last.headers["authorization"] == "Bearer refresh"
    assert wire.last.content == b""
    assert "content-type" not in wire.last.headers


@pytest.mark.parametrize("error", ["ExpiredToken", "InvalidToken"])
def test_refresh__logs_in_when_the_refresh_token_is_refused(wire: Wire, error: str) -> None:
    wire.expect(REFRESH, 400, json={"error": error, "message": "Token has been revoked"})
    wire.expect(LOG_IN, json=new_session())
    assert BLUESKY.refresh(account(), CREDENTIALS, App(), wire.http).credentials == RENEWED


@pytest.mark.parametrize("error", ["AuthenticationRequired", "AuthFactorTokenRequired", "AccountTakedown"])
def test_refresh__a_refused_password_needs_a_person(wire: Wire, error: str) -> None:
    wire.expect(LOG_IN, 401, json={"error": error, "message": "Invalid identifier or password"})
    with pytest.raises(AuthExpired) as caught:
        BLUESKY.refresh(account(), LOGIN, App(), wire.http)
    assert "app-password" not in caught.value.message
    assert caught.value.hint is not None


def test_refresh__without_a_password_a_refused_token_needs_a_person(wire: Wire) -> None:
    wire.expect(REFRESH, 400, json={"error": "ExpiredToken"})
    with pytest.raises(AuthExpired):
        BLUESKY.refresh(account(), {"refresh_token": "refresh", "did": DID}, App(), wire.http)


@pytest.mark.parametrize(
    ("status", "kind"),
    [(404, PlatformFailure), (429, RateLimited), (500, PlatformFailure), (502, Unavailable)],
)
def test_refresh__a_server_in_trouble_disconnects_nobody(
    wire: Wire, status: int, kind: type[PlatformError]
) -> None:
    wire.expect(REFRESH, status, text="<html>")
    with pytest.raises(kind) as caught:
        BLUESKY.refresh(account(), CREDENTIALS, App(), wire.http)
    assert caught.value.retryable


@pytest.mark.parametrize("body", [b"", b"<html>", b"[]", b'{"accessJwt": ""}'])
def test_refresh__an_answer_that_makes_no_sense_is_no_refusal(wire: Wire, body: bytes) -> None:
    wire.expect(REFRESH, content=body)
    with pytest.raises(PlatformFailure):
        BLUESKY.refresh(account(), CREDENTIALS, App(), wire.http)


def test_refresh__gives_no_token_to_a_server_without_https(wire: Wire) -> None:
    wire.expect(LOG_IN, json=new_session(pds="http://pds.example"))
    assert "pds" not in BLUESKY.refresh(account(), LOGIN, App(), wire.http).credentials


def test_identify__names_the_account(wire: Wire) -> None:
    wire.expect("GET /xrpc/com.atproto.server.getSession", json={"did": DID, "handle": "me.bsky.social"})
    identity = BLUESKY.identify(session(wire))
    assert (identity.external_id, identity.handle) == (DID, "me.bsky.social")


# --- metrics -----------------------------------------------------------------------------------------------

GET_POSTS = "GET /xrpc/app.bsky.feed.getPosts"
# https://github.com/bluesky-social/atproto/blob/main/lexicons/app/bsky/feed/defs.json
COUNTS = {"likeCount": 3, "repostCount": 1, "replyCount": 0, "quoteCount": 2, "bookmarkCount": 4}
READ = Reading(likes=3, comments=0, shares=3, saves=4, raw=COUNTS)
NO_RECORD = {"error": "RecordNotFound", "message": "Could not locate record"}


def uri(number: int) -> str:
    return f"at://{DID}/app.bsky.feed.post/3mbfvv7intp{number:02}"


def test_read_metrics__twenty_five_posts_are_one_request(wire: Wire) -> None:
    uris = [uri(number) for number in range(25)]
    stranger = {"uri": "at://did:plc:else/app.bsky.feed.post/1", **COUNTS}
    posts = [{"uri": post, "record": {"text": "Hello"}, **COUNTS} for post in uris]
    wire.expect(GET_POSTS, json={"posts": [*posts, stranger, None]})
    connected = session(wire)
    assert BLUESKY.read_metrics(uris, connected) == dict.fromkeys(uris, READ)
    assert wire.last.url.params.get_list("uris") == uris
    assert {seen.family for seen in connected.seen} <= {"read"}


def test_read_metrics__an_id_may_be_what_a_person_took_from_an_address(wire: Wire) -> None:
    wire.expect(GET_POSTS, json={"posts": [{"uri": URI, **COUNTS}]})
    assert BLUESKY.read_metrics([KEY, "odd key?"], session(wire)) == {KEY: READ}
    assert wire.last.url.params.get_list("uris") == [URI]
    assert BLUESKY.read_metrics(["odd key?"], session(wire)) == {}


@pytest.mark.parametrize(
    ("status", "answer", "found"),
    [
        (400, NO_RECORD, {uri(1): Gone()}),
        (200, {"uri": uri(1), "cid": "b", "value": RECORD}, {}),  # there, but not known to the AppView
        (400, {"error": "ExpiredToken"}, {}),
        (429, {"error": "RateLimitExceeded"}, {}),
    ],
)
def test_read_metrics__only_its_own_server_knows_that_a_post_is_gone(
    wire: Wire, status: int, answer: dict[str, Any], found: dict[str, Gone]
) -> None:
    wire.expect(GET_POSTS, json={"posts": [{"uri": URI, **COUNTS}]})
    wire.expect(GET_RECORD, status, json=answer)
    assert BLUESKY.read_metrics([uri(1), URI, uri(2)], session(wire)) == {URI: READ, **found}
    assert wire.last.url.params["rkey"] == uri(1).rpartition("/")[2]


@pytest.mark.parametrize(
    ("counts", "reading"),
    [
        ({}, Reading()),
        ({"likeCount": 3, "replyCount": None}, Reading(likes=3, raw={"likeCount": 3})),
        ({"repostCount": 3}, Reading(raw={"repostCount": 3})),  # half of the shares is not the shares
    ],
)
def test_read_metrics__what_is_not_reported_is_no_zero(
    wire: Wire, counts: dict[str, Any], reading: Reading
) -> None:
    wire.expect(GET_POSTS, json={"posts": [{"uri": URI, **counts}]})
    assert BLUESKY.read_metrics([URI], session(wire)) == {URI: reading}
