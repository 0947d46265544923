"""X: requests and documented answers.

Recordings follow https://docs.x.com/x-api (posts/create-post, media/quickstart/media-upload-chunked,
posts/timelines/integrate, fundamentals/rate-limits, fundamentals/response-codes-and-errors) and
https://docs.x.com/fundamentals/authentication, read 2026-08-22.
"""

from __future__ import annotations

import base64
import re
import subprocess
import sys
from collections.abc import Mapping
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any
from urllib.parse import parse_qs, unquote

import httpx
import pytest

from socialcron.errors import (
    AuthExpired,
    Duplicate,
    OutcomeUnknown,
    PlatformError,
    PlatformFailure,
    RateLimited,
    Rejected,
    Unavailable,
)
from socialcron.model import (
    Account,
    Closed,
    Confirmed,
    Gone,
    Media,
    Poll,
    PreparedStep,
    Reading,
    Ready,
    Saved,
    Step,
    Wait,
)
from socialcron.platforms.base import App
from socialcron.platforms.http import Session
from socialcron.platforms.x import CHUNK_BYTES, X
from tests.contract.conftest import Wire
from tests.contract.sample import CAT, DOG, FILM, TEA_OR_COFFEE, THREAD, Kind, Sample, says

SAMPLE = Sample(
    credentials={"access_token": "secret-access", "token_secret": "secret-token"},
    request={"text": "Hello"},
    handles={"user_id": "7", "since_id": "1"},
    created=(201, {"data": {"id": "1901", "text": "Hello"}}),
    renewable={"access_token": "secret-access", "refresh_token": "secret-refresh"},
)

KINDS = (
    Kind("x", "text", says("Good morning")),
    Kind("x", "link", says("Read this", link="https://blog.example/1")),
    Kind("x", "images", says("Two pictures", CAT, DOG)),
    Kind("x", "thread", THREAD, visible=4),
    Kind("x", "video", says("A film", FILM)),
    Kind("x", "poll", says("Which?", poll=TEA_OR_COFFEE)),
)

ADAPTER = X()
SENT_AT = datetime(2026, 11, 20, 12, 0, 0, tzinfo=UTC)
TIMELINE = "GET /2/users/7/tweets"
# https://docs.x.com/fundamentals/authentication/oauth-1-0a/creating-a-signature
APP = App(client_id="xvz1evFS4wEEPTGEFPHBog", client_secret="kAcSOqF21Fu85e7zjz7ZN2U4ZRhfV3WpwPAoE3Z7kBw")
OAUTH1 = {
    "access_token": "370773112-GmHxMAgYyLbNEtIKZeRNFsMKPR9EyMZeS9weJAEb",
    "token_secret": "LswwdoUaIvS8ltyTt5jkRh4J50vUPVVHtR2YPi5kE",
}
NONCE, TIMESTAMP = "kYjzVBB8Y0ZFabxSWbWovY3uYSQ2pTgmZeNu2VS4cg", "1318622958"


def account(**settings: str) -> Account:
    return Account(id=1, platform="x", handle="me", settings=settings)


def session(wire: Wire, credentials: Mapping[str, Any] | None = None, app: App = APP) -> Session:
    return ADAPTER.connect(account(), credentials or {"access_token": "the-token"}, app, wire.http)


def step(text: str = "Hello", **parts: Any) -> Step:
    return Step(**{"number": 0, "kind": "post", "text": text, "key": "the-key", **parts})


def sent(request: Mapping[str, Any] | None = None, **handles: Any) -> PreparedStep:
    return PreparedStep(
        number=0,
        kind="post",
        key="the-key",
        request={"text": "Hello"} if request is None else request,
        handles={"user_id": "7", "since_id": "1900", **handles},
        first_sending_at=SENT_AT,
        sends=1,
    )


def posted(text: str = "Hello", at: float = 1.0, **parts: Any) -> dict[str, Any]:
    """A post as the timeline shows it, made `at` seconds after the first send."""
    moment = SENT_AT + timedelta(seconds=at)
    return {"id": "1901", "text": text, "created_at": moment.strftime("%Y-%m-%dT%H:%M:%S.000Z"), **parts}


def link(short: str, expanded: str | None, **parts: str) -> dict[str, Any]:
    return {"url": short, **({"expanded_url": expanded} if expanded else {}), **parts}


def expect_me(wire: Wire, user_id: str = "7") -> None:
    wire.expect("GET /2/users/me", json={"data": {"id": user_id, "username": "me", "name": "Me"}})


def expect_page(wire: Wire, *posts: Mapping[str, Any], **meta: Any) -> None:
    data = {"data": list(posts)} if posts else {}
    wire.expect(TIMELINE, json={**data, "meta": {"result_count": len(posts), **meta}})


def picture(tmp_path: Path, size: int = 10, **parts: Any) -> Media:
    path = tmp_path / "cat.png"
    path.write_bytes(bytes(range(256)) * (size // 256) + b"x" * (size % 256))
    return Media(**{"source": "cat.png", "path": path, "mime_type": "image/png", "size_bytes": size, **parts})


# --- signing -----------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("url", "signature"),
    [
        ("https://api.x.com/1.1/statuses/update.json", "Ls93hJiZbQ3akF3HF3x1Bz8/zU4="),
        ("https://api.twitter.com/1.1/statuses/update.json", "hCtSmYh+iHYCEqBWrE7C7hYmtUk="),
        ("https://api.twitter.com/1/statuses/update.json", "tnnArxj06cWHq44gCs1OSKk/jLY="),
    ],
)
def test_the_signing_library__knows_the_official_vectors(url: str, signature: str) -> None:
    from oauthlib.oauth1 import Client

    client = Client(
        APP.client_id,
        APP.client_secret,
        OAUTH1["access_token"],
        OAUTH1["token_secret"],
        nonce=NONCE,
        timestamp=TIMESTAMP,
    )
    _, headers, _ = client.sign(
        f"{url}?include_entities=true",
        "POST",
        {"status": "Hello Ladies + Gentlemen, a signed OAuth request!"},
        {"Content-Type": "application/x-www-form-urlencoded"},
    )
    assert authorization(headers["Authorization"])["oauth_signature"] == signature


def authorization(header: str) -> dict[str, str]:
    assert header.startswith("OAuth ")
    return {name: unquote(value) for name, value in re.findall(r'(\w+)="([^"]*)"', header)}


@pytest.fixture
def _fixed_nonce(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("oauthlib.oauth1.rfc5849.generate_nonce", lambda: NONCE)
    monkeypatch.setattr("oauthlib.oauth1.rfc5849.generate_timestamp", lambda: TIMESTAMP)


@pytest.mark.usefixtures("_fixed_nonce")
def test_oauth1__signs_no_json_body(wire: Wire) -> None:
    wire.expect("POST /2/tweets", 201, json={"data": {"id": "1901", "text": "Hello"}})
    ADAPTER.send_step(sent(), session(wire, OAUTH1))
    assert authorization(wire.last.headers["authorization"]) == {
        "oauth_consumer_key": APP.client_id,
        "oauth_nonce": NONCE,
        "oauth_signature": "lr+tV/DKclEvXKVjG6tgaSSLV0k=",
        "oauth_signature_method": "HMAC-SHA1",
        "oauth_timestamp": TIMESTAMP,
        "oauth_token": OAUTH1["access_token"],
        "oauth_version": "1.0",
    }


@pytest.mark.usefixtures("_fixed_nonce")
def test_oauth1__signs_the_query(wire: Wire) -> None:
    wire.expect("GET /2/tweets", json={})
    params = {"ids": "1,2", "tweet.fields": "public_metrics"}
    session(wire, OAUTH1).read("GET", "/2/tweets", params=params)
    signature = authorization(wire.last.headers["authorization"])["oauth_signature"]
    assert signature == "nIJLXJnSYdAqS2geTz39lfSlktI="


def test_oauth1__signs_every_request_anew(wire: Wire) -> None:
    connected = session(wire, OAUTH1)
    for _ in range(2):
        expect_me(wire)
        ADAPTER.identify(connected)
    nonces = {authorization(r.headers["authorization"])["oauth_nonce"] for r in wire.requests}
    assert len(nonces) == 2


def test_connect__sends_a_bearer_token_without_a_token_secret(wire: Wire) -> None:
    expect_me(wire)
    identity = ADAPTER.identify(session(wire))
    assert (identity.external_id, identity.handle) == ("7", "me")
    assert str(wire.last.url) == "https://api.x.com/2/users/me"
    assert wire.last.headers["authorization"] == "Bearer the-token"


def test_connect__says_which_part_is_missing(wire: Wire) -> None:
    with pytest.raises(AuthExpired, match=r"x account 'me' \(id 1\): no access token"):
        ADAPTER.connect(account(), {"refresh_token": "r"}, APP, wire.http)
    with pytest.raises(PlatformFailure, match="app's own key") as caught:
        ADAPTER.connect(account(), OAUTH1, App(), wire.http)
    assert caught.value.retryable  # the next host may have it
    assert caught.value.hint
    assert "TWITTER_API_KEY" in caught.value.hint


def test_connect__uses_the_accounts_base_url(wire: Wire) -> None:
    expect_me_at = "GET /x/2/users/me"
    wire.expect(expect_me_at, json={"data": {"id": "7", "username": "me"}})
    credentials = {"access_token": "the-token"}
    ADAPTER.identify(
        ADAPTER.connect(account(base_url="http://127.0.0.1:1/x/"), credentials, App(), wire.http)
    )
    assert str(wire.last.url) == "http://127.0.0.1:1/x/2/users/me"


# --- validate ----------------------------------------------------------------------------------------------

FAMILY = "👨‍👩‍👧‍👦"


@pytest.mark.parametrize(
    ("text", "fits"),
    [
        ("a" * 280, True),
        ("a" * 281, False),
        ("漢" * 140, True),
        ("漢" * 141, False),
        (FAMILY * 140, True),
        (FAMILY * 141, False),
        ("a" * 256 + " https://example.com/" + "b" * 200, True),
        ("a" * 257 + " https://example.com/" + "b" * 200, False),
        ("Hello, world! 👋" + "a" * 264, True),
        ("Hello, world! 👋" + "a" * 265, False),
        ("cafe\u0301" * 70, True),
        ("a." * 100_000, False),
    ],
)
def test_validate__measures_text_as_x_does(text: str, fits: bool) -> None:
    assert (ADAPTER.validate([step(text)], {}) == []) is fits


def test_validate__names_the_field_the_measure_and_the_limit() -> None:
    steps = [
        step("a" * 260, link="https://example.com/"),
        step("b" * 281, number=1, kind="reply"),
        step("", number=2, kind="comment"),
    ]
    assert [str(problem) for problem in ADAPTER.validate(steps, {})] == [
        "text: 284 weighted characters, X takes at most 280",
        "thread[1]: 281 weighted characters, X takes at most 280",
        "first_comment: empty, without media",
    ]


def test_weighted_characters__are_counted_where_there_is_no_setuptools() -> None:
    """Python brings it no more, and it brings pkg_resources no more, which the library asks for."""
    code = (
        "import sys; sys.modules['pkg_resources'] = None\n"
        "from socialcron.platforms.x import _weigh\n"
        "print(_weigh('hi https://example.com/', 280), 'pkg_resources' in sys.modules)"
    )
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, timeout=60)
    assert done.stdout == "(26, True) False\n", done.stderr


def test_validate__lets_premium_accounts_write_more() -> None:
    assert ADAPTER.validate([step("a" * 4000)], {"text_limit": "4000"}) == []
    assert ADAPTER.validate([step("a" * 4001)], {"text_limit": "4000"})
    assert ADAPTER.validate([step()], {"text_limit": "many"})[0].field == "settings.text_limit"


SMALLER = "; resize_images=true on the account makes still images smaller"


@pytest.mark.parametrize(
    ("media", "said"),
    [
        ([{}] * 4, None),
        ([{}] * 5, "media: 5 files, X takes at most 4"),
        (
            [{"size_bytes": 5 * 2**20 + 1}],
            f"media[1]: cat.png is 5242881 bytes, at most 5242880 allowed{SMALLER}",
        ),
        ([{"mime_type": "image/gif", "size_bytes": 15 * 2**20}], None),
        ([{"mime_type": "video/mp4", "size_bytes": 512 * 2**20}], None),
        ([{"mime_type": "image/gif"}, {}], "media: gif, image: X takes 4 images, or 1 GIF, or 1 video"),
        (
            [{"mime_type": "image/gif", "width": 1920, "height": 1080}],
            f"media[1]: cat.png is 1920 pixels wide, at most 1280 allowed{SMALLER}",
        ),
        (
            [{"mime_type": "video/mp4", "duration_seconds": 200.0}],
            "media[1]: cat.png is 200 seconds long, at most 140 allowed",
        ),
        (
            [{"mime_type": "image/tiff"}],
            "media[1]: cat.png is image/tiff; allowed: image/gif, image/jpeg, image/png, image/webp, video/mp4, "
            "video/quicktime",
        ),
        ([{}, {"alt": "a" * 1001}], "media[2]: alt text of 1001 characters, X takes 1000"),
        ([{"source": "https://a.example/cat", "mime_type": None, "size_bytes": None}], None),
    ],
)
def test_validate__knows_the_media_limits(media: list[dict[str, Any]], said: str | None) -> None:
    files = [Media(**{"source": "cat.png", "mime_type": "image/png", "size_bytes": 9, **m}) for m in media]
    problems = ADAPTER.validate([step(media=tuple(files))], {})
    assert [str(problem) for problem in problems] == ([said] if said else [])


@pytest.mark.parametrize(
    ("poll", "said"),
    [
        (Poll(options=("a", "b"), duration_seconds=300), []),
        (Poll(options=("a",)), ["poll: 1 options, X takes 2 to 4"]),
        (Poll(options=("a", "b", "c", "d", "e")), ["poll: 5 options, X takes 2 to 4"]),
        (Poll(options=("a" * 26, "")), ["poll[1]: 26 characters", "poll[2]: 0 characters"]),
        (Poll(options=("a", "b"), duration_seconds=240), ["poll: runs 4 minutes"]),
        (Poll(options=("a", "b"), duration_seconds=604_860), ["poll: runs 10081 minutes"]),
        (Poll(options=("a", "b"), multiple=True), ["poll: X has no polls with several"]),
    ],
)
def test_validate__knows_the_poll_limits(poll: Poll, said: list[str]) -> None:
    problems = [str(problem) for problem in ADAPTER.validate([step(poll=poll)], {})]
    assert len(problems) == len(said)
    assert all(problem.startswith(start) for problem, start in zip(problems, said, strict=True))


def test_validate__refuses_a_poll_with_media() -> None:
    both = step(poll=Poll(options=("a", "b")), media=(Media(source="cat.png"),))
    assert [problem.field for problem in ADAPTER.validate([both], {})] == ["poll"]


def test_validate__knows_its_options() -> None:
    assert ADAPTER.validate([step(options={"reply_settings": "following", "made_with_ai": True})], {}) == []
    options = {"reply_settings": "nobody", "paid_partnership": "yes"}
    fields = [problem.field for problem in ADAPTER.validate([step(options=options)], {})]
    assert fields == ["options.reply_settings", "options.paid_partnership"]


def test_validate__refuses_characters_x_refuses() -> None:
    assert "refuses" in ADAPTER.validate([step("a\ufffe")], {})[0].message


# --- prepare -----------------------------------------------------------------------------------------------


def test_prepare__notes_the_newest_own_post_before_the_first_send(wire: Wire) -> None:
    expect_me(wire)
    expect_page(wire, posted(id="999"), posted(id="1900"))
    assert ADAPTER.prepare(step(), session(wire)) == Ready(
        request={"text": "Hello"}, handles={"user_id": "7", "since_id": "1900"}
    )
    assert parse_qs(wire.last.url.query.decode()) == {"max_results": ["5"]}


def test_prepare__asks_for_the_own_id_once_a_run(wire: Wire) -> None:
    connected = session(wire)
    expect_me(wire)
    expect_page(wire)
    assert ADAPTER.prepare(step(), connected) == Ready(
        request={"text": "Hello"}, handles={"user_id": "7", "since_id": None}
    )
    expect_page(wire)
    ADAPTER.prepare(step(), connected)


def test_prepare__keeps_the_noted_post(wire: Wire) -> None:
    assert ADAPTER.prepare(step(handles={"user_id": "7", "since_id": "1"}), session(wire)) == Ready(
        request={"text": "Hello"}
    )


def test_prepare__goes_on_where_a_plan_may_post_but_not_read(wire: Wire) -> None:
    expect_me(wire)
    wire.expect(TIMELINE, 403, json={"title": "Client Forbidden", "type": "…/client-forbidden"})
    ready = ADAPTER.prepare(step(), session(wire))
    assert isinstance(ready, Ready)
    assert ready.handles == {"user_id": "7", "since_id": None}


def test_prepare__a_reply_starts_its_listing_at_its_parent(wire: Wire) -> None:
    expect_me(wire)
    reply = step(number=1, kind="reply", parent=Confirmed(remote_id="1901"), root=Confirmed(remote_id="1901"))
    assert ADAPTER.prepare(reply, session(wire)) == Ready(
        request={"text": "Hello", "reply": {"in_reply_to_tweet_id": "1901"}},
        handles={"user_id": "7", "since_id": "1901"},
    )


@pytest.mark.parametrize(
    ("parts", "request_body"),
    [
        ({"link": "https://a.example/"}, {"text": "Hello\nhttps://a.example/"}),
        (
            {"text": "See https://a.example/ now", "link": "https://a.example/"},
            {"text": "See https://a.example/ now"},
        ),
        ({"text": " ", "link": "https://a.example/"}, {"text": "https://a.example/"}),
        (
            {"poll": Poll(options=("a", "b"), duration_seconds=3600)},
            {"text": "Hello", "poll": {"options": ["a", "b"], "duration_minutes": 60}},
        ),
        (
            {"options": {"reply_settings": "following", "made_with_ai": True}},
            {"text": "Hello", "reply_settings": "following", "made_with_ai": True},
        ),
    ],
)
def test_prepare__renders_only_what_is_used(
    wire: Wire, parts: dict[str, Any], request_body: dict[str, Any]
) -> None:
    handles = {"user_id": "7", "since_id": "1"}
    assert ADAPTER.prepare(step(**{"handles": handles, **parts}), session(wire)) == Ready(
        request=request_body
    )


def test_prepare__uploads_media_in_chunks_one_request_a_call(wire: Wire, tmp_path: Path) -> None:
    size = CHUNK_BYTES + 10
    file = picture(tmp_path, size, alt="a cat")
    connected, handles = session(wire), {"user_id": "7", "since_id": "1"}

    def call() -> Saved | Wait | Ready:
        nonlocal handles
        result = ADAPTER.prepare(step(media=(file,), handles=handles), connected)
        handles = dict(result.handles or handles)
        return result

    wire.expect(
        "POST /2/media/upload/initialize",
        json={"data": {"id": "1880", "media_key": "3_1880", "expires_after_secs": 86400}},
    )
    assert isinstance(call(), Saved)
    assert wire.sent == {"media_type": "image/png", "total_bytes": size, "media_category": "tweet_image"}

    for index, length in enumerate((CHUNK_BYTES, 10)):
        wire.expect("POST /2/media/upload/1880/append", json={"data": {"expires_at": 1}})
        assert isinstance(call(), Saved)
        assert wire.last.headers["content-type"].startswith("multipart/form-data; boundary=")
        assert f'name="segment_index"\r\n\r\n{index}\r\n'.encode() in wire.last.content
        assert file.path
        chunk = file.path.read_bytes()[index * CHUNK_BYTES :][:length]
        assert b'name="media"; filename="media"' in wire.last.content
        assert b"\r\n\r\n" + chunk + b"\r\n--" in wire.last.content

    wire.expect("POST /2/media/upload/1880/finalize", json={"data": {"id": "1880"}})
    assert isinstance(call(), Saved)
    wire.expect("POST /2/media/metadata", json={"data": {"id": "1880"}})
    assert isinstance(call(), Saved)
    assert wire.sent == {"id": "1880", "metadata": {"alt_text": {"text": "a cat"}}}
    assert call() == Ready(request={"text": "Hello", "media": {"media_ids": ["1880"]}})


def upload(state: str, **parts: Any) -> dict[str, Any]:
    return {"media": [{"id": "1880", "state": state, "next": 1, **parts}], "user_id": "7", "since_id": "1"}


def film(tmp_path: Path) -> Media:
    return picture(tmp_path, 10, mime_type="video/mp4", alt="X has no alt text for videos")


def test_prepare__waits_while_x_processes_a_video(wire: Wire, tmp_path: Path) -> None:
    media, connected = (film(tmp_path),), session(wire)
    wire.expect(
        "POST /2/media/upload/1880/finalize",
        json={"data": {"id": "1880", "processing_info": {"state": "pending", "check_after_secs": 5}}},
    )
    waiting = ADAPTER.prepare(step(media=media, handles=upload("uploading")), connected)
    assert waiting == Wait(handles=upload("processing"), seconds=5.0)
    wire.expect(
        "GET /2/media/upload",
        json={"data": {"processing_info": {"state": "in_progress", "progress_percent": 40}}},
    )
    waiting = ADAPTER.prepare(step(media=media, handles=waiting.handles), connected)
    assert isinstance(waiting, Wait)
    assert parse_qs(wire.last.url.query.decode()) == {"command": ["STATUS"], "media_id": ["1880"]}
    wire.expect("GET /2/media/upload", json={"data": {"processing_info": {"state": "succeeded"}}})
    saved = ADAPTER.prepare(step(media=media, handles=waiting.handles), connected)
    assert saved == Saved(handles=upload("ready"))


def test_prepare__says_why_x_could_not_process_a_video(wire: Wire, tmp_path: Path) -> None:
    info = {"state": "failed", "error": {"code": 1, "message": "InvalidMedia"}}
    wire.expect("GET /2/media/upload", json={"data": {"processing_info": info}})
    with pytest.raises(Rejected, match=r"could not process cat.png: InvalidMedia"):
        ADAPTER.prepare(step(media=(film(tmp_path),), handles=upload("processing")), session(wire))


@pytest.mark.parametrize("status", [400, 404])
def test_prepare__uploads_again_once_when_x_refuses_a_saved_upload(
    wire: Wire, tmp_path: Path, status: int
) -> None:
    media, connected = (picture(tmp_path),), session(wire)
    wire.expect("POST /2/media/upload/1880/finalize", status, json={"title": "Not Found Error"})
    wire.expect("POST /2/media/upload/initialize", json={"data": {"id": "1881"}})
    saved = ADAPTER.prepare(step(media=media, handles=upload("uploading")), connected)
    assert isinstance(saved, Saved)
    assert saved.handles["media"] == [{"id": "1881", "state": "uploading", "next": 0, "again": True}]
    wire.expect("POST /2/media/upload/1881/append", 404, content=b"")
    with pytest.raises(Rejected):
        ADAPTER.prepare(step(media=media, handles=saved.handles), connected)


@pytest.mark.parametrize(
    ("media", "said"),
    [
        (Media(source="cat.png", mime_type="image/png", size_bytes=9), "cat.png was not fetched"),
        (Media(source="cat.png", path=Path("/no/such"), mime_type="image/png"), "cat.png cannot be read"),
        (Media(source="cat.tiff", mime_type="image/tiff", size_bytes=9), "type X does not take"),
        (Media(source="cat", size_bytes=9), "type X does not take .unknown"),
    ],
)
def test_prepare__refuses_media_it_cannot_send(wire: Wire, media: Media, said: str) -> None:
    handles: dict[str, Any] = upload("uploading") if "not fetched" in said else {}
    if handles:
        handles["media"][0]["next"] = 0
    with pytest.raises(Rejected, match=said):
        ADAPTER.prepare(step(media=(media,), handles=handles), session(wire))


def test_prepare__a_file_that_shrank_is_refused(wire: Wire, tmp_path: Path) -> None:
    shrunk = replace(picture(tmp_path), size_bytes=3 * CHUNK_BYTES)
    with pytest.raises(Rejected, match="became shorter"):
        ADAPTER.prepare(step(media=(shrunk,), handles=upload("uploading")), session(wire))


@pytest.mark.parametrize(
    "content", [b"", b"<html>", b'{"data', b"[]", b'{"data": {}}', b'{"data": {"id": 5}}']
)
def test_prepare__an_unusable_answer_is_a_failure_to_try_again(
    wire: Wire, tmp_path: Path, content: bytes
) -> None:
    wire.expect("POST /2/media/upload/initialize", content=content)
    with pytest.raises(PlatformFailure) as caught:
        ADAPTER.prepare(step(media=(picture(tmp_path),)), session(wire))
    assert caught.value.retryable


# --- send --------------------------------------------------------------------------------------------------


def test_send_step__creates_one_post_from_the_stored_request(wire: Wire) -> None:
    # https://docs.x.com/x-api/posts/create-post
    wire.expect("POST /2/tweets", 201, json={"data": {"id": "1901", "text": "Hello https://t.co/abc"}})
    request = {"text": "Hello", "reply": {"in_reply_to_tweet_id": "1900"}}
    assert ADAPTER.send_step(sent(request), session(wire)) == Confirmed(
        remote_id="1901", url="https://x.com/i/web/status/1901"
    )
    assert wire.sent == request
    assert wire.last.headers["content-type"] == "application/json"


@pytest.mark.parametrize("body", [b"", b"<html>", b"{}", b'{"data": {"id": ""}}', b'{"data": []}', b"[]"])
def test_send_step__a_success_without_an_id_is_unknown(wire: Wire, body: bytes) -> None:
    wire.expect("POST /2/tweets", 201, content=body)
    connected = session(wire)
    with pytest.raises(OutcomeUnknown):
        ADAPTER.send_step(sent(), connected)
    assert connected.visible == "open"


PROBLEMS = "https://api.x.com/2/problems"
DUPLICATE = "You are not allowed to create a Tweet with duplicate content."


@pytest.mark.parametrize(
    ("status", "body", "error"),
    [
        (400, {"title": "Invalid Request", "type": f"{PROBLEMS}/invalid-request"}, Rejected),
        (401, {"title": "Unauthorized", "type": "about:blank", "detail": "Unauthorized"}, AuthExpired),
        (403, {"title": "Forbidden", "detail": DUPLICATE}, Duplicate),
        (403, {"errors": [{"code": 187, "message": "Status is a duplicate."}]}, Duplicate),
        (403, {"detail": "You are not permitted to perform this action."}, Rejected),
        (403, {"type": f"{PROBLEMS}/client-forbidden", "reason": "client-not-enrolled"}, AuthExpired),
        (403, {"title": "Unsupported Authentication"}, AuthExpired),
        (403, {"type": f"{PROBLEMS}/oauth1-permissions"}, AuthExpired),
        (403, {"detail": "Missing required scope: tweet.write"}, AuthExpired),
        (403, {"type": f"{PROBLEMS}/usage-capped", "title": "UsageCapExceeded"}, PlatformFailure),
        (404, {"title": "Not Found Error", "type": f"{PROBLEMS}/resource-not-found"}, Rejected),
        (413, None, Rejected),
        (429, {"title": "Too Many Requests"}, RateLimited),
        (429, {"title": "UsageCapExceeded", "type": f"{PROBLEMS}/usage-capped"}, PlatformFailure),
        # PROTOCOL 3.4: anything else on a visible write may have happened
        (402, {"title": "CreditsDepleted", "type": f"{PROBLEMS}/credits"}, OutcomeUnknown),
        (500, None, OutcomeUnknown),
        (503, {"title": "Service Unavailable"}, OutcomeUnknown),
    ],
)
def test_send_step__tells_refusals_apart(
    wire: Wire, status: int, body: Any, error: type[PlatformError]
) -> None:
    wire.expect("POST /2/tweets", status, **({"json": body} if body else {"content": b""}))
    connected = session(wire)
    with pytest.raises(PlatformError) as caught:
        ADAPTER.send_step(sent(), connected)
    assert type(caught.value) is error
    assert caught.value.http_status == status
    assert "x account 'me' (id 1)" in str(caught.value)
    assert connected.visible == ("open" if error is OutcomeUnknown else "refused")


def test_read__credits_and_server_trouble_are_told_apart(wire: Wire) -> None:
    wire.expect("GET /2/users/me", 402, json={"title": "CreditsDepleted", "type": f"{PROBLEMS}/credits"})
    with pytest.raises(PlatformFailure, match="CreditsDepleted") as caught:
        ADAPTER.identify(session(wire))
    assert not caught.value.retryable
    for _ in range(3):  # a read is repeated
        wire.expect("GET /2/users/me", 503)
    with pytest.raises(Unavailable):
        ADAPTER.identify(session(wire))


# --- rate limits -------------------------------------------------------------------------------------------

NOW = datetime(2026, 11, 20, 12, 0, 0, tzinfo=UTC)
DATE = {"date": "Fri, 20 Nov 2026 12:00:00 GMT"}


def reset(seconds: float) -> str:
    return str(int((NOW + timedelta(seconds=seconds)).timestamp()))


def limits(name: str, limit: int, remaining: int, seconds: float) -> dict[str, str]:
    return {
        f"x-{name}-limit": str(limit),
        f"x-{name}-remaining": str(remaining),
        f"x-{name}-reset": reset(seconds),
    }


def test_limits__each_answer_reports_the_bucket_of_its_family(wire: Wire, tmp_path: Path) -> None:
    connected = session(wire)
    wire.expect(
        "GET /2/users/me",
        json={"data": {"id": "7", "username": "me"}},
        headers=limits("rate-limit", 75, 74, 900),
    )
    ADAPTER.identify(connected)
    wire.expect("POST /2/media/upload/initialize", json={"data": {"id": "1"}}, headers={"x": "y"})
    ADAPTER.prepare(step(media=(picture(tmp_path),)), connected)
    wire.expect("POST /2/tweets", 201, json={"data": {"id": "1"}}, headers=limits("rate-limit", 100, 99, 900))
    ADAPTER.send_step(sent(), connected)
    read, publish = connected.seen
    assert (read.family, read.limit, read.remaining, read.blocked) == ("read", 75, 74, False)
    assert (publish.family, publish.remaining) == ("publish", 99)
    assert publish.reset_at == NOW + timedelta(seconds=900)


@pytest.mark.parametrize(
    ("headers", "seconds"),
    [
        (limits("rate-limit", 100, 0, 600), 600),
        # remaining > 0: the cap of the day was hit
        ({**limits("rate-limit", 100, 7, 600), **limits("user-limit-24hour", 100, 0, 50_000)}, 50_000),
        (
            {
                **limits("rate-limit", 100, 0, 600),
                **limits("app-limit-24hour", 9, 0, 70_000),
                **limits("user-limit-24hour", 9, 0, 50_000),
            },
            70_000,
        ),
        ({**limits("rate-limit", 100, 0, 600), **limits("user-limit-24hour", 9, 3, 50_000)}, 600),
        ({**limits("rate-limit", 100, 0, 600), "retry-after": "700"}, 700),
        ({"retry-after": "30"}, 30),
        ({}, None),
        ({"x-rate-limit-reset": "soon", "x-rate-limit-remaining": "-1"}, None),
        ({"x-rate-limit-reset": "9" * 30}, None),
    ],
)
def test_limits__a_429_waits_for_the_latest_reset_among_exhausted_buckets(
    wire: Wire, headers: dict[str, str], seconds: float | None
) -> None:
    wire.expect("POST /2/tweets", 429, json={"title": "Too Many Requests"}, headers={**DATE, **headers})
    connected = session(wire)
    with pytest.raises(RateLimited) as caught:
        ADAPTER.send_step(sent(), connected)
    assert caught.value.retry_after == seconds
    [seen] = connected.seen
    assert (seen.family, seen.blocked, seen.retry_after) == ("publish", True, seconds)


# --- reconcile ---------------------------------------------------------------------------------------------


def look(wire: Wire, request: Mapping[str, Any], *posts: Mapping[str, Any]) -> tuple[int, bool]:
    expect_me(wire)
    expect_page(wire, *posts)
    found = ADAPTER.reconcile(sent(request), session(wire))
    return len(found.matches), found.complete


def test_reconcile__asks_for_everything_since_the_noted_post(wire: Wire) -> None:
    expect_me(wire)
    expect_page(wire, posted(), posted("Other", id="1902"))
    found = ADAPTER.reconcile(sent(), session(wire))
    assert found.complete
    assert found.matches == (Confirmed(remote_id="1901", url="https://x.com/i/web/status/1901"),)
    assert parse_qs(wire.last.url.query.decode()) == {
        "max_results": ["100"],
        "since_id": ["1900"],
        "tweet.fields": ["created_at,entities,attachments,referenced_tweets,note_tweet"],
    }


def test_reconcile__pages_back_to_the_end(wire: Wire) -> None:
    expect_me(wire)
    expect_page(wire, posted("Newer"), next_token="page2")
    expect_page(wire, posted())
    assert len(ADAPTER.reconcile(sent(), session(wire)).matches) == 1
    assert "pagination_token=page2" in str(wire.last.url)


def test_reconcile__stops_paging_past_the_first_send(wire: Wire) -> None:
    expect_me(wire)
    expect_page(wire, posted("Newer"), posted("Older", at=-61), next_token="page2")
    found = ADAPTER.reconcile(sent(), session(wire))
    assert (found.matches, found.complete) == ((), True)


def test_reconcile__an_endless_listing_proves_nothing(wire: Wire) -> None:
    expect_me(wire)
    for _ in range(32):
        expect_page(wire, posted("Newer"), next_token="again")
    assert not ADAPTER.reconcile(sent(), session(wire)).complete


def test_reconcile__an_empty_timeline_is_an_absence(wire: Wire) -> None:
    assert look(wire, {"text": "Hello"}) == (0, True)


def test_reconcile__another_accounts_timeline_proves_nothing(wire: Wire) -> None:
    expect_me(wire, "8")
    found = ADAPTER.reconcile(sent(), session(wire))
    assert (found.matches, found.complete) == ((), False)


def test_reconcile__a_listing_with_errors_proves_nothing(wire: Wire) -> None:
    expect_me(wire)
    wire.expect(TIMELINE, json={"meta": {"result_count": 0}, "errors": [{"title": "Not Found Error"}]})
    assert not ADAPTER.reconcile(sent(), session(wire)).complete


@pytest.mark.parametrize(
    "body",
    [
        None,
        [],
        {},
        {"meta": {"result_count": 1}},
        {"data": [5], "meta": {"result_count": 1}},
        {"data": [{"text": "Hello"}], "meta": {"result_count": 1}},
        {"data": [posted(attachments=[])], "meta": {}},
        {"data": [posted(attachments=["x"])], "meta": {"result_count": 1}},
        {"data": [posted(referenced_tweets=["x"])], "meta": {"result_count": 1}},
        {"data": [posted(entities={"urls": [5]})], "meta": {"result_count": 1}},
    ],
)
def test_reconcile__an_unusable_listing_is_no_look_at_all(wire: Wire, body: Any) -> None:
    expect_me(wire)
    wire.expect(TIMELINE, json=body)
    with pytest.raises(PlatformFailure) as caught:
        ADAPTER.reconcile(sent(), session(wire))
    assert caught.value.retryable


PHOTO = link("https://t.co/pic", "https://x.com/me/status/1901/photo/1", media_key="3_1")


@pytest.mark.parametrize(
    ("ours", "theirs", "urls"),
    [
        ("Hello", "Hello", []),
        ("a &lt; b & c > d", "a &amp;lt; b &amp; c &gt; d", []),
        ("two\r\nlines  ", "two\nlines", []),
        ("cafe\u0301", "caf\u00e9", []),
        ("100% true", "100% true", []),
        (
            "see https://a.example/b?c=1&d=2",
            "see https://t.co/1",
            [link("https://t.co/1", "https://a.example/b?c=1&d=2")],
        ),
        ("see a.example.", "see https://t.co/1.", [link("https://t.co/1", "http://a.example")]),
        ("see https://A.example", "see https://t.co/1", [link("https://t.co/1", "https://a.example/")]),
        (
            "see https://a.example/ü",
            "see https://t.co/1",
            [link("https://t.co/1", "https://a.example/%C3%BC")],
        ),
        (
            "see https://bücher.example/",
            "see https://t.co/1",
            [link("https://t.co/1", "https://xn--bcher-kva.example")],
        ),
        (
            "https://a.example https://b.example",
            "https://t.co/1 https://t.co/2",
            [link("https://t.co/1", "https://a.example"), link("https://t.co/2", "https://b.example")],
        ),
        (
            "quote https://x.com/you/status/5/photo/1",
            "quote https://t.co/1",
            [link("https://t.co/1", "https://x.com/you/status/5/photo/1")],
        ),
    ],
)
def test_reconcile__recognises_the_text_x_made_of_ours(
    wire: Wire, ours: str, theirs: str, urls: list[dict[str, Any]]
) -> None:
    assert look(wire, {"text": ours}, posted(theirs, entities={"urls": urls})) == (1, True)


@pytest.mark.parametrize(
    ("ours", "theirs", "urls"),
    [
        ("Hello", "Hello!", []),
        ("see https://a.example/1", "see https://t.co/1", [link("https://t.co/1", "https://a.example/2")]),
        ("Hello market.company", "Hello", []),
        ("Read more about it", "Read more…", []),
    ],
)
def test_reconcile__other_texts_are_not_ours(
    wire: Wire, ours: str, theirs: str, urls: list[dict[str, Any]]
) -> None:
    assert look(wire, {"text": ours}, posted(theirs, entities={"urls": urls})) == (0, True)


@pytest.mark.parametrize(
    ("ours", "theirs", "urls"),
    [
        # X shortened a short link of its own: where it led cannot be told
        (
            "see https://t.co/mine now",
            "see https://t.co/1 now",
            [link("https://t.co/1", "https://a.example/")],
        ),
        ("see https://a.example/ now", "see https://t.co/1 now", [link("https://t.co/1", None)]),
        ("a" * 300, "a" * 270 + "… https://t.co/self", []),
    ],
)
def test_reconcile__what_cannot_be_told_is_left_to_a_person(
    wire: Wire, ours: str, theirs: str, urls: list[dict[str, Any]]
) -> None:
    assert look(wire, {"text": ours}, posted(theirs, entities={"urls": urls})) == (0, False)


def test_reconcile__a_match_older_than_the_first_send_is_left_to_a_person(wire: Wire) -> None:
    """The listing starts at a post noted before the send: either our clock is off or somebody else wrote it."""
    assert look(wire, {"text": "Hello"}, posted(at=-59)) == (1, True)
    assert look(wire, {"text": "Hello"}, posted(at=-61)) == (0, False)


def test_reconcile__without_a_noted_post_the_time_decides(wire: Wire) -> None:
    expect_me(wire)
    expect_page(wire, posted(at=-61), next_token="page2")
    found = ADAPTER.reconcile(sent(since_id=None), session(wire))
    assert (found.matches, found.complete) == ((), True)
    assert "since_id" not in str(wire.last.url)


def test_reconcile__reads_the_whole_of_a_long_post(wire: Wire) -> None:
    long = "word " * 100 + "https://a.example/"
    note = {
        "text": "word " * 100 + "https://t.co/1",
        "entities": {"urls": [link("https://t.co/1", "https://a.example/")]},
    }
    cut = "word " * 50 + "… https://t.co/self"
    assert look(wire, {"text": long}, posted(cut, note_tweet=note)) == (1, True)


WITH_MEDIA = {"text": "Hello", "media": {"media_ids": ["1", "2"]}}
REPLY = {"text": "Hello", "reply": {"in_reply_to_tweet_id": "1900"}}
POLL = {"text": "Hello", "poll": {"options": ["a", "b"], "duration_minutes": 60}}
REPLIED = [{"type": "replied_to", "id": "1900"}]


@pytest.mark.parametrize(
    ("request_body", "post", "same"),
    [
        (WITH_MEDIA, {"attachments": {"media_keys": ["3_1", "3_2"]}}, True),
        (WITH_MEDIA, {"attachments": {"media_keys": ["3_1"]}}, False),
        (WITH_MEDIA, {}, False),
        (
            WITH_MEDIA,
            {
                "text": "Hello https://t.co/pic",
                "entities": {"urls": [PHOTO, PHOTO]},
                "attachments": {"media_keys": ["3_1", "3_2"]},
            },
            True,
        ),
        (
            {"media": {"media_ids": ["1"]}},
            {
                "text": "https://t.co/pic",
                "entities": {"urls": [PHOTO]},
                "attachments": {"media_keys": ["3_1"]},
            },
            True,
        ),
        (REPLY, {"referenced_tweets": REPLIED}, True),
        (REPLY, {"referenced_tweets": REPLIED, "text": "@me Hello"}, True),
        (REPLY, {"referenced_tweets": [{"type": "replied_to", "id": "1"}]}, False),
        (REPLY, {}, False),
        ({"text": "Hello"}, {"referenced_tweets": REPLIED}, False),
        ({"text": "Hello"}, {"referenced_tweets": [{"type": "quoted", "id": "1900"}]}, True),
        (POLL, {"attachments": {"poll_ids": ["1"]}}, True),
        ({"text": "Hello"}, {"attachments": {"poll_ids": ["1"]}}, False),
    ],
)
def test_reconcile__compares_media_reply_target_and_poll(
    wire: Wire, request_body: dict[str, Any], post: dict[str, Any], same: bool
) -> None:
    assert look(wire, request_body, posted(**post)) == (int(same), True)


def test_reconcile__does_not_call_a_poll_absent_while_its_text_is_there_without_one(wire: Wire) -> None:
    assert look(wire, POLL, posted()) == (0, False)


# --- refresh -----------------------------------------------------------------------------------------------

OAUTH2 = {"access_token": "AT1", "refresh_token": "RT1", "expires_at": "2026-01-01T00:00:00+00:00"}
# https://docs.x.com/fundamentals/authentication/oauth-2-0/user-access-token
TOKENS = {"token_type": "bearer", "expires_in": 7200, "access_token": "AT2", "refresh_token": "RT2"}


def test_refresh__a_public_client_names_itself_in_the_body(wire: Wire) -> None:
    wire.expect("POST /2/oauth2/token", json=TOKENS)
    tokens = ADAPTER.refresh(account(), OAUTH2, App(client_id="CID"), wire.http)
    assert wire.last.content == b"grant_type=refresh_token&refresh_token=RT1&client_id=CID"
    assert wire.last.headers["content-type"] == "application/x-www-form-urlencoded"
    assert "authorization" not in wire.last.headers
    assert tokens.expires_at
    assert abs(tokens.expires_at - datetime.now(UTC) - timedelta(hours=2)) < timedelta(minutes=1)
    assert tokens.credentials == {
        "access_token": "AT2",
        "refresh_token": "RT2",
    }


def test_refresh__a_confidential_client_proves_itself(wire: Wire) -> None:
    wire.expect("POST /2/oauth2/token", json=TOKENS)
    ADAPTER.refresh(account(), OAUTH2, App(client_id="CID", client_secret="SEC"), wire.http)
    assert wire.last.headers["authorization"] == "Basic " + base64.b64encode(b"CID:SEC").decode()
    assert wire.last.content == b"grant_type=refresh_token&refresh_token=RT1"


def test_refresh__keeps_the_accounts_own_app_and_a_refresh_token_that_was_not_replaced(wire: Wire) -> None:
    wire.expect("POST /2/oauth2/token", json={**TOKENS, "refresh_token": None})
    tokens = ADAPTER.refresh(account(), {**OAUTH2, "client_id": "own"}, App(client_id="own"), wire.http)
    assert tokens.credentials["refresh_token"] == "RT1"
    assert tokens.credentials["client_id"] == "own"


@pytest.mark.parametrize("status", [400, 401, 403])
@pytest.mark.parametrize("error", ["invalid_request", "invalid_grant"])
def test_refresh__a_spent_token_needs_a_person(wire: Wire, status: int, error: str) -> None:
    body = {"error": error, "error_description": "Value passed for the token was invalid."}
    wire.expect("POST /2/oauth2/token", status, json=body)
    with pytest.raises(AuthExpired, match="Value passed for the token was invalid"):
        ADAPTER.refresh(account(), OAUTH2, App(client_id="CID"), wire.http)


@pytest.mark.parametrize(
    ("answer", "error"),
    [
        ({"answer": 500}, Unavailable),
        ({"answer": 429}, RateLimited),
        ({"answer": httpx.ReadTimeout("late")}, Unavailable),
        ({"content": b"<html>"}, PlatformFailure),
        ({"json": {**TOKENS, "access_token": ""}}, PlatformFailure),
    ],
)
def test_refresh__trouble_never_disconnects_and_is_never_repeated(
    wire: Wire, answer: dict[str, Any], error: type[PlatformError]
) -> None:
    wire.expect("POST /2/oauth2/token", **answer)
    with pytest.raises(PlatformError) as caught:
        ADAPTER.refresh(account(), OAUTH2, App(client_id="CID"), wire.http)
    assert type(caught.value) is error
    assert caught.value.retryable


def test_refresh__keeps_the_new_pair_where_the_answer_does_not_say_how_long_it_lives(wire: Wire) -> None:
    """The old refresh token is spent."""
    wire.expect("POST /2/oauth2/token", json={**TOKENS, "expires_in": None})
    tokens = ADAPTER.refresh(account(), OAUTH2, App(client_id="CID"), wire.http)
    assert (tokens.credentials["refresh_token"], tokens.expires_at) == ("RT2", None)


def test_refresh__needs_a_refresh_token_and_an_app(wire: Wire) -> None:
    assert ADAPTER.can_refresh(OAUTH2)
    assert not ADAPTER.can_refresh(OAUTH1)
    assert not ADAPTER.can_refresh({"access_token": "AT1"})
    with pytest.raises(AuthExpired):
        ADAPTER.refresh(account(), {"access_token": "AT1"}, APP, wire.http)
    with pytest.raises(PlatformFailure, match="client id"):
        ADAPTER.refresh(account(), OAUTH2, App(), wire.http)


# --- metrics -----------------------------------------------------------------------------------------------

# https://docs.x.com/x-api/fundamentals/metrics
METRICS = {
    "retweet_count": 5,
    "reply_count": 1,
    "like_count": 9,
    "quote_count": 2,
    "bookmark_count": 0,
    "impression_count": 311,
}
NOT_FOUND = {
    "resource_id": "1902",
    "resource_type": "tweet",
    "title": "Not Found Error",
    "type": "https://api.x.com/2/problems/resource-not-found",
}


def test_read_metrics__one_request_for_a_hundred(wire: Wire) -> None:
    ids = [str(1900 + number) for number in range(100)]
    data = [{"id": post_id, "text": "t", "public_metrics": METRICS} for post_id in ids]
    wire.expect("GET /2/tweets", json={"data": data})
    connected = session(wire)
    found = ADAPTER.read_metrics(ids, connected)
    assert dict(wire.last.url.params) == {"ids": ",".join(ids), "tweet.fields": "public_metrics"}
    reading = Reading(views=311, likes=9, comments=1, shares=7, saves=0, raw=METRICS)
    assert found == dict.fromkeys(ids, reading)
    assert {seen.family for seen in connected.seen} <= {"read"}


def test_read_metrics__a_partial_answer_tells_the_deleted_from_the_hidden(wire: Wire) -> None:
    hidden = {
        **NOT_FOUND,
        "resource_id": "1903",
        "type": "https://api.x.com/2/problems/not-authorized-for-resource",
    }
    stranger = {"id": "77", "public_metrics": METRICS}
    data = [{"id": "1901", "public_metrics": METRICS}, stranger, None]
    wire.expect("GET /2/tweets", json={"data": data, "errors": [NOT_FOUND, hidden, None]})
    found = ADAPTER.read_metrics(["1901", "1902", "1903", "1904"], session(wire))
    assert found.keys() == {"1901", "1902"}
    assert found["1902"] == Gone()


def test_read_metrics__all_deleted_is_an_answer_without_data(wire: Wire) -> None:
    wire.expect("GET /2/tweets", json={"errors": [NOT_FOUND]})
    assert ADAPTER.read_metrics(["1902"], session(wire)) == {"1902": Gone()}


@pytest.mark.parametrize(
    ("metrics", "reading"),
    [
        (None, Reading()),
        ({"like_count": "12", "impression_count": "many"}, Reading(likes=12, raw={"like_count": 12})),
        (
            {"repost_count": 3, "quote_count": 0},  # as the OpenAPI has it since 2026-08-07
            Reading(shares=3, raw={"repost_count": 3, "quote_count": 0}),
        ),
        ({"retweet_count": 3}, Reading(raw={"retweet_count": 3})),  # half of the shares is not the shares
    ],
)
def test_read_metrics__what_is_not_reported_is_no_zero(
    wire: Wire, metrics: dict[str, Any] | None, reading: Reading
) -> None:
    wire.expect("GET /2/tweets", json={"data": [{"id": "1901", "public_metrics": metrics}]})
    assert ADAPTER.read_metrics(["1901"], session(wire)) == {"1901": reading}


def test_read_metrics__an_id_that_is_none_does_not_spoil_the_others(wire: Wire) -> None:
    wire.expect("GET /2/tweets", json={"data": [{"id": "1901", "public_metrics": METRICS}]})
    assert ADAPTER.read_metrics(["1901", "a-slug"], session(wire)).keys() == {"1901"}
    assert wire.last.url.params["ids"] == "1901"
    assert ADAPTER.read_metrics(["a-slug"], session(wire)) == {}


def test_read_metrics__are_closed_to_an_app_that_may_only_post(wire: Wire) -> None:
    """As an expired token it would cost a single-use refresh token each hour, for nothing."""
    problem = {"title": "Forbidden", "type": "https://api.twitter.com/2/problems/client-forbidden"}
    wire.expect("GET /2/tweets", 403, json=problem)
    found = ADAPTER.read_metrics(["1901"], session(wire))["1901"]
    assert isinstance(found, Closed)
    wire.expect("GET /2/tweets", 403, json={"title": "UsageCapExceeded", "detail": "Usage cap exceeded"})
    with pytest.raises(PlatformFailure):
        ADAPTER.read_metrics(["1901"], session(wire))
