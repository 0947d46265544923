"""Facebook Pages: requests and documented answers, and what Facebook shares with Instagram and Threads.

Recordings follow https://developers.facebook.com/docs/pages-api/posts, .../docs/graph-api/reference/page/feed/ and
/photos/, .../docs/video-api/guides/reels-publishing, .../docs/graph-api/guides/error-handling and
.../docs/graph-api/overview/rate-limiting, as archived 2026-09-11.
"""

from __future__ import annotations

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
    Duplicate,
    OutcomeUnknown,
    PlatformError,
    PlatformFailure,
    RateLimited,
    Rejected,
)
from socialcron.model import (
    Accepted,
    Account,
    Closed,
    Confirmed,
    Connectable,
    Identity,
    LimitSeen,
    Look,
    Media,
    PreparedStep,
    Reading,
    Ready,
    Saved,
    Step,
    Tokens,
)
from socialcron.platforms import meta
from socialcron.platforms.base import App, Grant
from socialcron.platforms.facebook import Facebook
from socialcron.platforms.http import Answer, Session
from tests.contract.conftest import Wire
from tests.contract.sample import CAT, DOG, FILM, Kind, Sample, choosing, says


def call(request: httpx.Request) -> Any:
    """A request in the form in which it is stored."""
    return {"path": request.url.path.removeprefix("/v26.0"), "json": json.loads(request.content)}


SAMPLE = Sample(
    credentials={"access_token": "secret-page-token"},
    request={"path": "/1122/feed", "json": {"message": "Hello", "published": True}},
    handles={"page_id": "1122"},
    prepare_handles={"page_id": "1122"},
    created=(200, {"id": "1122_7788", "permalink_url": "https://www.facebook.com/1122/posts/7788"}),
    renewable={"access_token": "secret-page-token", "user_token": "secret-user-token"},
    body=call,
    remote_id="1122_{number}",
)

KINDS = (
    Kind("facebook", "text", says("Good morning")),
    Kind("facebook", "link", says("Read this", link="https://blog.example/1")),
    Kind("facebook", "photo", says("A picture", CAT)),
    Kind("facebook", "photos", says("Two pictures", CAT, DOG)),
    Kind("facebook", "video", says("A film", FILM), knowable=False),
    Kind("facebook", "reel", says("A reel", FILM, **choosing("facebook", type="reel"))),
)


FACEBOOK = Facebook()
SENT_AT = datetime(2026, 1, 2, 3, 4, 5, tzinfo=UTC)
TOKEN = "the-page-token"
APP = App(client_id="the-app", client_secret="the-app-key")
ME = {"id": "1122", "name": "My Cafe"}
POST = {"id": "1122_7788", "permalink_url": "https://www.facebook.com/1122/posts/7788"}
HANDLES = {"page_id": "1122"}
REEL = {
    "page_id": "1122",
    "video_id": "55",
    "upload_url": "https://rupload.facebook.com/video-upload/v26.0/55",
}


def account(external_id: str | None = "1122", **settings: str) -> Account:
    return Account(id=1, platform="facebook", handle="My Cafe", external_id=external_id, settings=settings)


def session(wire: Wire, external_id: str | None = "1122", **settings: str) -> Session:
    return FACEBOOK.connect(account(external_id, **settings), {"access_token": TOKEN}, APP, wire.http)


def step(text: str = "Hello", **parts: Any) -> Step:
    return Step(number=0, kind="post", text=text, key="the-key", **parts)


def sent(edge: str = "feed", handles: Mapping[str, Any] = HANDLES, **body: Any) -> PreparedStep:
    return PreparedStep(
        number=0,
        kind="post",
        key="the-key",
        request={"path": f"/1122/{edge}", "json": body or {"message": "Hello", "published": True}},
        handles=handles,
        first_sending_at=SENT_AT,
        sends=1,
    )


def failure(code: Any, subcode: Any = None, **more: Any) -> dict[str, Any]:
    # https://developers.facebook.com/docs/graph-api/guides/error-handling
    error = {
        "message": f"(#{code}) No",
        "type": "OAuthException",
        "code": code,
        "fbtrace_id": "A1b2C3",
        **more,
    }
    return {"error": error | ({} if subcode is None else {"error_subcode": subcode})}


def status(
    video: str, publish: str = "draft", phase: str = "not_started", **uploading: Any
) -> dict[str, Any]:
    # https://developers.facebook.com/docs/video-api/guides/reels-publishing
    return {
        "status": {
            "video_status": video,
            "uploading_phase": {"status": "complete", "bytes_transfered": 9, **uploading},
            "processing_phase": {"status": "in_progress"},
            "publishing_phase": {"status": phase, "publish_status": publish},
        },
        "id": "55",
    }


def a_post(number: int, message: str | None = "Hello", *, seconds: int = 0, **more: Any) -> dict[str, Any]:
    return {
        "id": f"1122_{number}",
        "created_time": (SENT_AT + timedelta(seconds=seconds)).strftime("%Y-%m-%dT%H:%M:%S+0000"),
        "permalink_url": f"https://www.facebook.com/1122/posts/{number}",
        "is_published": True,
        **({} if message is None else {"message": message}),
        **more,
    }


def feed(*posts: dict[str, Any], after: str | None = None) -> dict[str, Any]:
    # https://developers.facebook.com/docs/graph-api/reference/page/feed/
    return {"data": list(posts)} | ({"paging": {"cursors": {"before": "b", "after": after}}} if after else {})


@pytest.fixture
def photo(tmp_path: Path) -> Media:
    path = tmp_path / "cat.png"
    path.write_bytes(b"PNG bytes")
    return Media(source="cat.png", alt="a cat", path=path, mime_type="image/png", size_bytes=9)


@pytest.fixture
def video(tmp_path: Path) -> Media:
    path = tmp_path / "cat.mp4"
    path.write_bytes(b"MP4 bytes")
    return Media(
        source="cat.mp4",
        url="https://media.example/cat.mp4",
        path=path,
        mime_type="video/mp4",
        size_bytes=9,
        width=1080,
        height=1920,
        duration_seconds=30.0,
        frame_rate=29.97,
    )


def reel(video: Media, handles: Mapping[str, Any] = HANDLES, text: str = "Hello") -> Step:
    return step(text, media=(video,), options={"type": "reel"}, handles=handles)


# --- validate ----------------------------------------------------------------------------------------------------


def problems(text: str = "Hello", settings: Mapping[str, Any] | None = None, **parts: Any) -> list[str]:
    return [str(problem) for problem in FACEBOOK.validate([step(text, **parts)], settings or {})]


def test_validate__counts_utf16_units() -> None:
    assert problems("a" * 63_206) == []
    assert problems("😀" * 31_603) == []
    assert problems("😀" * 31_604) == ["text: 63208 characters, at most 63206"]


def test_validate__a_link_needs_no_text_but_photos_do(photo: Media) -> None:
    assert problems("", link="https://a.example") == []
    assert problems("", link="https://a.example", media=(photo,)) == []
    (problem,) = problems(" ", media=(photo,))
    assert problem.startswith("text: photos need a text")
    assert problems("", media=(replace(photo, mime_type=None),)) == []  # it may turn out to be a video


def test_validate__takes_ten_photos_or_one_video(photo: Media, video: Media) -> None:
    assert problems(media=(photo,) * 10) == []
    assert problems(media=(photo,) * 11) == ["media: 11 attachments, at most 10"]
    assert problems(media=(photo, video)) == ["media: 2 attachments, at most 1 where one of them is a video"]
    assert problems("", media=(video,)) == []


@pytest.mark.parametrize(
    ("changes", "named"),
    [
        ({"mime_type": "image/webp"}, "image/webp"),
        ({"size_bytes": 4_000_001}, "4000001 bytes, at most 4000000"),
    ],
)
def test_validate__measures_photos(photo: Media, changes: dict[str, Any], named: str) -> None:
    (problem,) = problems(media=(replace(photo, **changes),))
    assert problem.startswith("media[1]: cat.png is")
    assert named in problem


@pytest.mark.parametrize(
    ("changes", "named"),
    [
        ({"mime_type": "video/quicktime"}, "video/mp4"),
        ({"width": 360, "height": 640}, "at least 540"),
        ({"width": 1920, "height": 1920}, "wide per high"),
        ({"duration_seconds": 91.5}, "at most 90"),
        ({"duration_seconds": 2.0}, "at least 3"),
        ({"frame_rate": 15.0}, "at least 24"),
    ],
)
def test_validate__measures_reels_but_not_page_videos(
    video: Media, changes: dict[str, Any], named: str
) -> None:
    odd = replace(video, **changes)
    assert named in problems(media=(odd,), options={"type": "reel"})[0]
    assert problems(media=(odd,)) == []


def test_validate__a_page_video_needs_an_address_and_a_reel_does_not(video: Media) -> None:
    local = replace(video, url=None)
    (problem,) = problems(media=(local,))
    assert "no public address" in problem
    assert problems(media=(local,), options={"type": "reel"}) == []
    assert problems(media=(local,), settings={"type": "reel"}) == []


def test_validate__knows_the_types_of_a_video(video: Media) -> None:
    assert problems(media=(video,), options={"type": "story"}) == [
        "options.type: 'story' is not one of video, reel"
    ]


# --- prepare -----------------------------------------------------------------------------------------------------


def test_prepare__text_and_link_need_no_request(wire: Wire) -> None:
    ready = FACEBOOK.prepare(step(link="https://a.example"), session(wire))
    body = {"message": "Hello", "link": "https://a.example", "published": True}
    assert ready == Ready(request={"path": "/1122/feed", "json": body}, handles=HANDLES)


def test_prepare__asks_once_whose_token_it_is_where_the_page_is_not_known(wire: Wire) -> None:
    wire.expect("GET /v26.0/me", json=ME)
    first = session(wire, None)
    again = session(wire, None)
    again.memo = first.memo
    for asking in (first, again):
        ready = FACEBOOK.prepare(step(), asking)
        assert isinstance(ready, Ready)
        assert ready.request["path"] == "/1122/feed"
    assert wire.last.url.params == httpx.QueryParams({"fields": "id,name"})
    assert wire.last.headers["authorization"] == f"Bearer {TOKEN}"


def test_prepare__uploads_one_unpublished_photo_per_call(wire: Wire, photo: Media) -> None:
    two = step(media=(photo, replace(photo, alt=None)), link="https://a.example")
    wire.expect("POST /v26.0/1122/photos", json={"id": "901"})
    saved = FACEBOOK.prepare(two, session(wire))
    assert saved == Saved(handles={"page_id": "1122", "photos": ["901"]})
    body = wire.last.content
    assert wire.last.headers["content-type"].startswith("multipart/form-data")
    for part in (b'name="published"\r\n\r\nfalse', b'name="alt_text_custom"\r\n\r\na cat', b"PNG bytes"):
        assert part in body
    assert b'name="source"; filename="cat.png"\r\nContent-Type: image/png' in body

    wire.expect("POST /v26.0/1122/photos", json={"id": "902"})
    saved = FACEBOOK.prepare(replace(two, handles=saved.handles), session(wire))
    assert b"alt_text_custom" not in wire.last.content
    assert isinstance(saved, Saved)

    ready = FACEBOOK.prepare(replace(two, handles=saved.handles), session(wire))
    assert isinstance(ready, Ready)
    assert ready.request["json"] == {
        "message": "Hello\nhttps://a.example",
        "attached_media": [{"media_fbid": "901"}, {"media_fbid": "902"}],
        "published": True,
    }


def test_prepare__a_missing_file_is_refused_before_the_network(wire: Wire, photo: Media) -> None:
    assert photo.path is not None
    photo.path.unlink()
    with pytest.raises(Rejected, match=r"cat\.png cannot be read"):
        FACEBOOK.prepare(step(media=(photo,)), session(wire))


def test_prepare__a_page_video_is_fetched_by_facebook(wire: Wire, video: Media) -> None:
    failed_before = {"page_id": "1122", "video_id": "54", "accepted": True}
    ready = FACEBOOK.prepare(step(media=(video,), handles=failed_before), session(wire))
    body = {"file_url": "https://media.example/cat.mp4", "description": "Hello"}
    assert ready == Ready(request={"path": "/1122/videos", "json": body}, handles=HANDLES)


def test_prepare__begins_a_reel(wire: Wire, video: Media) -> None:
    wire.expect("POST /v26.0/1122/video_reels", json={key: REEL[key] for key in ("video_id", "upload_url")})
    assert FACEBOOK.prepare(reel(video), session(wire)) == Saved(handles=REEL)
    assert wire.sent == {"upload_phase": "start"}


@pytest.mark.parametrize(
    ("there", "rest"),
    [(0, b"MP4 bytes"), (4, b"bytes"), ("4", b"bytes"), (None, b"MP4 bytes"), (-1, b"MP4 bytes")],
)
def test_prepare__resumes_a_reel_at_the_offset_facebook_names(
    wire: Wire, video: Media, there: Any, rest: bytes
) -> None:
    uploading = status("uploading")
    uploading["status"]["uploading_phase"] = {"status": "in_progress", "bytes_transfered": there}
    wire.expect("GET /v26.0/55", json=uploading)
    wire.expect("POST /video-upload/v26.0/55", json={"success": True})
    saved = FACEBOOK.prepare(reel(video, REEL), session(wire))
    assert saved == Saved(handles={**REEL, "uploaded": True})
    assert wire.last.url == REEL["upload_url"]
    assert wire.last.read() == rest
    headers = wire.last.headers
    assert headers["authorization"] == f"OAuth {TOKEN}"
    assert headers["offset"] == str(9 - len(rest))
    assert headers["file_size"] == "9"
    assert headers["content-length"] == str(len(rest))


def test_prepare__takes_the_last_byte_for_the_end(wire: Wire, video: Media) -> None:
    wire.expect("GET /v26.0/55", json=status("uploading", status="in_progress", bytes_transfered=9))
    assert isinstance(FACEBOOK.prepare(reel(video, REEL), session(wire)), Ready)


@pytest.mark.parametrize("uploaded", [{}, {"uploaded": True}])
def test_prepare__a_reel_whose_bytes_are_there_is_ready(
    wire: Wire, video: Media, uploaded: dict[str, Any]
) -> None:
    handles = {**REEL, **uploaded}
    wire.expect("GET /v26.0/55", json=status("uploading" if uploaded else "upload_complete"))
    ready = FACEBOOK.prepare(reel(video, handles), session(wire))
    body = {
        "upload_phase": "finish",
        "video_id": "55",
        "video_state": "PUBLISHED",
        "description": "Hello",
    }
    assert ready == Ready(request={"path": "/1122/video_reels", "json": body}, handles=handles)


@pytest.mark.parametrize(
    "answer",
    [
        (400, failure(100, 33)),
        (404, failure(100, 33)),
        (200, status("expired")),
        (200, status("upload_failed")),
    ],
)
def test_prepare__begins_anew_when_the_reel_is_gone(
    wire: Wire, video: Media, answer: tuple[int, dict[str, Any]]
) -> None:
    wire.expect("GET /v26.0/55", answer[0], json=answer[1])
    wire.expect("POST /v26.0/1122/video_reels", json={"video_id": "56", "upload_url": "https://u.example"})
    saved = FACEBOOK.prepare(reel(video, {**REEL, "uploaded": True}), session(wire))
    assert saved == Saved(handles={"page_id": "1122", "video_id": "56", "upload_url": "https://u.example"})


def test_prepare__a_reel_that_cannot_be_processed_is_refused(wire: Wire, video: Media) -> None:
    wire.expect("GET /v26.0/55", json=status("error"))
    with pytest.raises(Rejected, match="could not process"):
        FACEBOOK.prepare(reel(video, REEL), session(wire))


@pytest.mark.parametrize("address", ["https://evil.example/55", "http://rupload.facebook.com/55", "x"])
def test_prepare__the_token_goes_to_documented_hosts_only(wire: Wire, video: Media, address: str) -> None:
    wire.expect("GET /v26.0/55", json=status("uploading", status="in_progress", bytes_transfered=0))
    with pytest.raises(PlatformFailure, match="another host"):
        FACEBOOK.prepare(reel(video, {**REEL, "upload_url": address}), session(wire))


# https://developers.facebook.com/docs/instagram-platform/content-publishing : errors of rupload.facebook.com
@pytest.mark.parametrize(("retriable", "kind"), [(True, PlatformFailure), (False, Rejected)])
def test_prepare__reads_the_errors_of_the_upload_host(
    wire: Wire, video: Media, retriable: bool, kind: type[PlatformError]
) -> None:
    wire.expect("GET /v26.0/55", json=status("uploading", status="in_progress", bytes_transfered=0))
    debug = {"retriable": retriable, "type": "ProcessingFailedError", "message": "Request processing failed"}
    wire.expect("POST /video-upload/v26.0/55", 400, json={"debug_info": debug})
    with pytest.raises(kind, match="Request processing failed") as caught:
        FACEBOOK.prepare(reel(video, REEL), session(wire))
    assert caught.value.retryable is retriable


def test_connect__base_url_and_version_are_settings(wire: Wire) -> None:
    wire.expect("GET /graph/v27.0/me", json=ME)
    identity = FACEBOOK.identify(session(wire, base_url="https://proxy.example/graph/", api_version="v27.0"))
    assert identity == Identity(external_id="1122", handle="My Cafe")
    assert wire.last.url.host == "proxy.example"


# --- send_step ---------------------------------------------------------------------------------------------------


def test_send_step__posts_to_the_feed_and_asks_for_the_address(wire: Wire) -> None:
    wire.expect("POST /v26.0/1122/feed", json=POST)
    assert FACEBOOK.send_step(sent(), session(wire)) == Confirmed(
        remote_id="1122_7788", url="https://www.facebook.com/1122/posts/7788"
    )
    assert wire.last.url.host == "graph.facebook.com"
    assert wire.last.url.params == httpx.QueryParams({"fields": "id,permalink_url"})
    assert wire.last.headers["authorization"] == f"Bearer {TOKEN}"
    assert wire.sent == {"message": "Hello", "published": True}


@pytest.mark.parametrize(
    "answer",
    [(200, {"id": "1122_7788"}), (500, failure(2)), (200, POST), (200, {"permalink_url": "http://[nowhere"})],
)
def test_send_step__a_post_without_an_address_is_out_all_the_same(
    wire: Wire, answer: tuple[int, dict[str, Any]]
) -> None:
    wire.expect("POST /v26.0/1122/feed", json={"id": "1122_7788"})
    wire.expect("GET /v26.0/1122_7788", answer[0], json=answer[1])
    assert FACEBOOK.send_step(sent(), session(wire)) == Confirmed(
        remote_id="1122_7788", url=answer[1].get("permalink_url")
    )


def test_send_step__a_page_video_is_accepted_under_its_id(wire: Wire) -> None:
    wire.expect("POST /v26.0/1122/videos", json={"id": "55"})
    accepted = FACEBOOK.send_step(sent("videos", file_url="https://m.example/v.mp4"), session(wire))
    assert accepted == Accepted(handles={"page_id": "1122", "video_id": "55", "accepted": True}, seconds=15.0)
    assert not wire.last.url.params


def test_send_step__the_end_of_a_reel_is_accepted(wire: Wire) -> None:
    wire.expect("POST /v26.0/1122/video_reels", json={"success": True})
    accepted = FACEBOOK.send_step(sent("video_reels", REEL, upload_phase="finish"), session(wire))
    assert accepted == Accepted(handles={**REEL, "accepted": True}, seconds=15.0)
    assert wire.sent == {"upload_phase": "finish"}


@pytest.mark.parametrize("body", [{"success": False}, {}, [], {"success": "true"}])
def test_send_step__the_end_of_a_reel_without_success_is_unknown(wire: Wire, body: Any) -> None:
    wire.expect("POST /v26.0/1122/video_reels", json=body)
    with pytest.raises(OutcomeUnknown):
        FACEBOOK.send_step(sent("video_reels", REEL, upload_phase="finish"), session(wire))


@pytest.mark.parametrize(
    ("answer", "kind"),
    [
        (status("ready", "published", "complete"), OutcomeUnknown),
        (status("processing"), OutcomeUnknown),
        (status("upload_complete"), Rejected),
        (status("expired"), Rejected),
        (failure(2), Rejected),
    ],
)
def test_send_step__a_reel_that_is_there_was_not_refused(
    wire: Wire, answer: dict[str, Any], kind: type[PlatformError]
) -> None:
    wire.expect("POST /v26.0/1122/video_reels", 400, json=failure(100))
    wire.expect("GET /v26.0/55", 200 if "status" in answer else 400, json=answer)
    if "published" in str(answer):
        wire.expect("GET /v26.0/55", json={"permalink_url": "/reel/55/"})
    with pytest.raises(kind, match="No"):
        FACEBOOK.send_step(sent("video_reels", REEL, upload_phase="finish"), session(wire))


@pytest.mark.parametrize("answer", [(500, failure(1, is_transient=True)), (503, {}), (409, {}), (302, {})])
def test_send_step__anything_but_a_refusal_is_unknown(wire: Wire, answer: tuple[int, Any]) -> None:
    wire.expect("POST /v26.0/1122/feed", answer[0], json=answer[1])
    with pytest.raises(OutcomeUnknown):
        FACEBOOK.send_step(sent(), session(wire))


# --- errors ------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("code", "subcode", "kind", "retryable"),
    [
        (1, None, OutcomeUnknown, False),
        (2, None, OutcomeUnknown, False),
        *((code, None, RateLimited, True) for code in (4, 17, 32, 613, 80001, 341)),
        (9, 1390008, RateLimited, True),
        (368, None, PlatformFailure, False),
        (190, None, AuthExpired, False),
        *((190, subcode, AuthExpired, False) for subcode in (458, 459, 460, 463, 464, 467)),
        *((code, None, AuthExpired, False) for code in (102, 3, 10, 200, 283, 299)),
        ("190", "463", AuthExpired, False),
        (506, None, Duplicate, False),
        (100, 1366051, Duplicate, False),
        (100, None, Rejected, False),
        (100, 33, Rejected, False),
        (1609005, None, Rejected, False),
        (100, 1609008, Rejected, False),
        (1, 1366046, Rejected, False),
        (368, 1346003, Rejected, False),
        (368, 1404102, Rejected, False),
        (200, 1404078, AuthExpired, False),
        (100, 4854002, AuthExpired, False),
        (4242, None, Rejected, False),  # by its status, as nothing is known of it
    ],
)
@pytest.mark.parametrize("http_status", [400, 403])
def test_send_step__the_code_decides_not_the_status(
    wire: Wire, http_status: int, code: Any, subcode: Any, kind: type[PlatformError], retryable: bool
) -> None:
    wire.expect("POST /v26.0/1122/feed", http_status, json=failure(code, subcode))
    with pytest.raises(PlatformError) as caught:
        FACEBOOK.send_step(sent(), session(wire))
    if (code, http_status) == (4242, 403):
        kind = PlatformFailure
    assert type(caught.value) is kind
    assert caught.value.retryable is retryable
    assert caught.value.http_status == http_status
    assert "facebook account 'My Cafe' (id 1)" in str(caught.value)
    assert f"(#{code}) No" in str(caught.value)
    assert bool(caught.value.hint) is (kind is AuthExpired)


@pytest.mark.parametrize("code", [1, 2, 100])
def test_send_step__what_is_transient_is_looked_for_before_it_is_sent_again(wire: Wire, code: int) -> None:
    wire.expect("POST /v26.0/1122/feed", 400, json=failure(code, is_transient=True))
    with pytest.raises(OutcomeUnknown, match=f"code {code}"):
        FACEBOOK.send_step(sent(), session(wire))


def test_send_step__a_token_repeated_by_the_platform_is_not_repeated_by_us(wire: Wire) -> None:
    token = "EAAB" + "aB3" * 30
    wire.expect("POST /v26.0/1122/feed", 400, json=failure(190, message=f"Malformed access token {token}"))
    with pytest.raises(AuthExpired, match="Malformed access token") as caught:
        FACEBOOK.send_step(sent(), session(wire))
    assert token not in str(caught.value)


@pytest.mark.parametrize(
    "error",
    [None, [], "x", {"code": None}, {"code": []}, {"code": True}, {"code": {"a": 1}, "error_subcode": "x"}],
)
def test_graph_error__reads_anything(error: Any) -> None:
    read = meta.graph_error(Answer(status=400, headers={}, body=json.dumps({"error": error}).encode()))
    assert (read.code, read.subcode, read.transient, read.detail) == (None, None, False, "")


def test_graph_error__a_code_may_be_a_word_or_stand_in_the_message() -> None:
    table: meta.Table = {("LINK_LIMIT_EXCEEDED", None): "invalid_content", (1, None): "transient"}
    for body in (failure("LINK_LIMIT_EXCEEDED"), failure(9, message="Error: LINK_LIMIT_EXCEEDED")):
        read = meta.graph_error(Answer(status=400, headers={}, body=json.dumps(body).encode()))
        assert read.verdict(table) == "invalid_content"


# --- rate limits -------------------------------------------------------------------------------------------------


# https://developers.facebook.com/docs/graph-api/overview/rate-limiting
APP_USAGE = '{"call_count":28,"total_time":25,"total_cputime":25}'


def business_usage(percent: int, minutes: int = 0) -> str:
    usage = {"call_count": percent, "total_cputime": 12, "total_time": 15}
    return json.dumps({"1122": [{"type": "pages", **usage, "estimated_time_to_regain_access": minutes}]})


@pytest.mark.parametrize(
    ("headers", "remaining"),
    [
        ({"X-App-Usage": APP_USAGE}, 72),
        ({"X-App-Usage": APP_USAGE, "X-Business-Use-Case-Usage": business_usage(97)}, 3),
        ({"X-App-Usage": "{", "X-Business-Use-Case-Usage": business_usage(97)}, 3),
    ],
)
def test_limits__usage_is_percent_and_the_tightest_counts(
    wire: Wire, headers: dict[str, str], remaining: int
) -> None:
    wire.expect("POST /v26.0/1122/feed", json=POST, headers=headers)
    asking = session(wire)
    FACEBOOK.send_step(sent(), asking)
    assert asking.seen == [LimitSeen(family="publish", limit=100, remaining=remaining)]


def test_limits__at_a_hundred_percent_nothing_more_goes_out_for_a_while(wire: Wire) -> None:
    headers = {"X-Business-Use-Case-Usage": business_usage(140)}
    wire.expect("POST /v26.0/1122/feed", json=POST, headers=headers)
    asking, before = session(wire), datetime.now(UTC)
    FACEBOOK.send_step(sent(), asking)
    [seen] = asking.seen
    assert (seen.remaining, seen.blocked) == (0, False)
    assert seen.reset_at is not None
    assert 300 <= (seen.reset_at - before).total_seconds() < 360


@pytest.mark.parametrize(
    "value", ["", "x", "[]", "5", "null", '{"call_count": "many"}', '{"1": 5}', '{"1": [5]}']
)
def test_limits__an_unreadable_header_is_no_header(wire: Wire, value: str) -> None:
    headers = {"X-App-Usage": value, "X-Business-Use-Case-Usage": value}
    wire.expect("POST /v26.0/1122/feed", json=POST, headers=headers)
    asking = session(wire)
    FACEBOOK.send_step(sent(), asking)
    assert asking.seen == []


def test_limits__the_wait_is_in_minutes(wire: Wire) -> None:
    headers = {"X-Business-Use-Case-Usage": business_usage(100, minutes=7)}
    wire.expect("POST /v26.0/1122/feed", 400, json=failure(80001), headers=headers)
    asking, before = session(wire), datetime.now(UTC)
    with pytest.raises(RateLimited) as caught:
        FACEBOOK.send_step(sent(), asking)
    assert caught.value.retry_after == 420
    [seen] = asking.seen
    assert (seen.blocked, seen.remaining, seen.retry_after) == (True, 0, 420)
    assert seen.reset_at is not None
    assert 420 <= (seen.reset_at - before).total_seconds() < 480


def test_limits__a_throttled_answer_without_usage_blocks_all_the_same(wire: Wire) -> None:
    wire.expect("POST /v26.0/1122/feed", 403, json=failure(32))
    asking = session(wire)
    with pytest.raises(RateLimited) as caught:
        FACEBOOK.send_step(sent(), asking)
    assert caught.value.retry_after is None
    assert asking.seen == [LimitSeen(family="publish", blocked=True)]


def test_limits__a_wait_is_kept_to_a_month(wire: Wire) -> None:
    headers = {"X-Business-Use-Case-Usage": business_usage(100, minutes=10**15)}
    wire.expect("POST /v26.0/1122/feed", 400, json=failure(80001), headers=headers)
    with pytest.raises(RateLimited) as caught:
        FACEBOOK.send_step(sent(), session(wire))
    assert caught.value.retry_after == 31 * 86_400


# --- reconcile: posts --------------------------------------------------------------------------------------------


def meet(wire: Wire, page_id: str = "1122") -> None:
    wire.expect("GET /v26.0/me", json={**ME, "id": page_id})


def test_reconcile__finds_the_message_whatever_became_of_its_spaces(wire: Wire) -> None:
    meet(wire)
    old = a_post(1, "older", seconds=-61)
    wire.expect("GET /v26.0/1122/feed", json=feed(a_post(3, "other"), a_post(2, " Hello \n  you"), old))
    look = FACEBOOK.reconcile(sent(message="Hello  you "), session(wire))
    match = Confirmed(remote_id="1122_2", url="https://www.facebook.com/1122/posts/2")
    assert look == Look(matches=(match,))
    assert wire.last.url.params == httpx.QueryParams(
        {"fields": "id,message,created_time,permalink_url,is_published", "limit": "25"}
    )


def test_reconcile__a_post_made_before_the_send_or_not_published_is_not_ours(wire: Wire) -> None:
    meet(wire)
    posts = [a_post(3, is_published=False), a_post(1, seconds=-61)]
    wire.expect("GET /v26.0/1122/feed", json=feed(*posts))
    assert FACEBOOK.reconcile(sent(), session(wire)) == Look()


def test_reconcile__pages_back_past_the_first_send(wire: Wire) -> None:
    meet(wire)
    pinned = a_post(9, "pinned", seconds=-86_400)
    wire.expect("GET /v26.0/1122/feed", json=feed(pinned, a_post(3, "x", seconds=90), after="A"))
    wire.expect(
        "GET /v26.0/1122/feed", json=feed(a_post(2, seconds=1), a_post(1, "x", seconds=-61), after="B")
    )
    look = FACEBOOK.reconcile(sent(), session(wire))
    assert [match.remote_id for match in look.matches] == ["1122_2"]
    assert look.complete
    assert wire.last.url.params["after"] == "A"


def test_reconcile__the_end_of_the_feed_is_reached_too(wire: Wire) -> None:
    meet(wire)
    wire.expect("GET /v26.0/1122/feed", json=feed(a_post(3, "x"), after="A"))
    wire.expect(
        "GET /v26.0/1122/feed", json=feed(after="B")
    )  # a page of which nothing may be shown is no end
    wire.expect("GET /v26.0/1122/feed", json=feed())
    assert FACEBOOK.reconcile(sent(), session(wire)) == Look()


def test_reconcile__a_cursor_that_leads_nowhere_proves_nothing(wire: Wire) -> None:
    meet(wire)
    for _ in range(2):
        wire.expect("GET /v26.0/1122/feed", json=feed(a_post(3, "x"), after="A"))
    assert FACEBOOK.reconcile(sent(), session(wire)) == Look(complete=False)


def test_reconcile__the_token_of_another_page_proves_nothing(wire: Wire) -> None:
    meet(wire, "3344")
    wire.expect("GET /v26.0/1122/feed", json=feed())
    assert not FACEBOOK.reconcile(sent(), session(wire)).complete


def test_reconcile__a_link_alone_is_provably_absent_but_never_recognised(wire: Wire) -> None:
    link = sent(link="https://a.example", published=True)
    meet(wire)
    wire.expect("GET /v26.0/1122/feed", json=feed(a_post(2, "x"), a_post(1, None, seconds=-61)))
    assert FACEBOOK.reconcile(link, session(wire)) == Look()
    meet(wire)
    wire.expect("GET /v26.0/1122/feed", json=feed(a_post(2, None)))
    assert FACEBOOK.reconcile(link, session(wire)) == Look(complete=False)


@pytest.mark.parametrize("post", [{"id": "1"}, {"id": "1", "created_time": "yesterday"}, 5])
def test_reconcile__a_post_without_a_readable_time_is_an_error(wire: Wire, post: Any) -> None:
    meet(wire)
    wire.expect("GET /v26.0/1122/feed", json={"data": [post]})
    with pytest.raises(PlatformFailure):
        FACEBOOK.reconcile(sent(), session(wire))


# --- reconcile: videos -------------------------------------------------------------------------------------------


def test_reconcile__a_page_video_without_its_id_is_looked_for_but_never_provably_absent(wire: Wire) -> None:
    lost = sent("videos", file_url="https://m.example/v.mp4", description="Hello")
    meet(wire)
    wire.expect("GET /v26.0/1122/feed", json=feed(a_post(2)))
    assert [match.remote_id for match in FACEBOOK.reconcile(lost, session(wire)).matches] == ["1122_2"]
    meet(wire)
    wire.expect("GET /v26.0/1122/feed", json=feed())
    assert FACEBOOK.reconcile(lost, session(wire)) == Look(complete=False)


@pytest.mark.parametrize(
    ("edge", "answer"),
    [
        ("videos", status("ready")),
        ("videos", status("processing", "published")),
        ("video_reels", status("ready", "published", "complete")),
    ],
)
def test_reconcile__a_published_video_is_found_by_its_id(
    wire: Wire, edge: str, answer: dict[str, Any]
) -> None:
    wire.expect("GET /v26.0/55", json=answer)
    wire.expect("GET /v26.0/55", json={"id": "55", "permalink_url": "/reel/55/"})
    look = FACEBOOK.reconcile(sent(edge, {**REEL, "accepted": True}), session(wire))
    assert look == Look(
        matches=(Confirmed(remote_id="55", url="https://www.facebook.com/reel/55/"),), certain=True
    )
    assert [request.url.params["fields"] for request in wire.requests] == ["status", "permalink_url"]


@pytest.mark.parametrize(
    ("edge", "answer", "accepted"),
    [
        ("videos", status("processing"), True),
        ("video_reels", status("processing"), True),
        ("video_reels", status("processing"), False),
        ("video_reels", status("ready", phase="in_progress"), False),
        ("video_reels", status("ready"), True),  # it took the end of the reel: it will come to it
        ("video_reels", {"status": {}}, False),
    ],
)
def test_reconcile__a_video_at_work_is_waited_for(
    wire: Wire, edge: str, answer: dict[str, Any], accepted: bool
) -> None:
    wire.expect("GET /v26.0/55", json=answer)
    handles = {**REEL, "accepted": True} if accepted else REEL
    assert FACEBOOK.reconcile(sent(edge, handles), session(wire)).waiting_seconds == 15.0


@pytest.mark.parametrize("video_status", ["upload_complete", "ready"])
def test_reconcile__a_reel_whose_end_never_came_is_absent(wire: Wire, video_status: str) -> None:
    wire.expect("GET /v26.0/55", json=status(video_status))
    assert FACEBOOK.reconcile(sent("video_reels", REEL), session(wire)) == Look()


@pytest.mark.parametrize(
    ("answer", "kind"),
    [
        (status("error"), Rejected),
        (status("upload_failed"), Rejected),
        (status("ready", "error"), Rejected),
        (status("expired"), PlatformFailure),
    ],
)
def test_reconcile__a_video_that_facebook_gave_up_on_has_failed(
    wire: Wire, answer: dict[str, Any], kind: type[PlatformError]
) -> None:
    wire.expect("GET /v26.0/55", json=answer)
    look = FACEBOOK.reconcile(sent("video_reels", {**REEL, "accepted": True}), session(wire))
    assert type(look.failure) is kind


def test_reconcile__a_video_that_cannot_be_seen_proves_nothing(wire: Wire) -> None:
    wire.expect("GET /v26.0/55", 400, json=failure(100, 33))
    assert FACEBOOK.reconcile(sent("video_reels", REEL), session(wire)) == Look(complete=False)


# --- tokens ------------------------------------------------------------------------------------------------------

# https://developers.facebook.com/docs/facebook-login/guides/access-tokens/get-long-lived
LONG = {"access_token": "EAAB-long", "token_type": "bearer", "expires_in": 5183944}


def a_page(page_id: str, *tasks: str) -> dict[str, Any]:
    return {"id": page_id, "name": f"Page {page_id}", "access_token": f"EAAB-{page_id}", "tasks": list(tasks)}


def test_refresh__exchanges_the_user_token_and_takes_the_page_token_of_it(wire: Wire) -> None:
    old = {"access_token": "old-page", "user_token": "old-user", "client_id": "the-app"}
    wire.expect("GET /v26.0/oauth/access_token", json=LONG)
    wire.expect("GET /v26.0/me/accounts", json={"data": [a_page("3344"), a_page("1122")]})
    renewed = FACEBOOK.refresh(account(), old, APP, wire.http)
    assert renewed.credentials == {
        "access_token": "EAAB-1122",
        "user_token": "EAAB-long",
        "client_id": "the-app",
    }
    assert renewed.expires_at is not None
    assert (renewed.expires_at - datetime.now(UTC)).total_seconds() == pytest.approx(5183944, abs=60)
    exchange, listing = wire.requests
    assert dict(exchange.url.params) == {
        "grant_type": "fb_exchange_token",
        "client_id": "the-app",
        "client_secret": "the-app-key",
        "fb_exchange_token": "old-user",
    }
    assert "authorization" not in exchange.headers
    assert dict(listing.url.params) == {"fields": "id,name,access_token,tasks", "limit": "100"}
    assert listing.headers["authorization"] == "Bearer EAAB-long"


def test_refresh__a_page_that_was_taken_away_needs_a_person(wire: Wire) -> None:
    wire.expect("GET /v26.0/oauth/access_token", json=LONG)
    wire.expect("GET /v26.0/me/accounts", json={"data": [a_page("3344")]})
    with pytest.raises(AuthExpired, match="no access to the page"):
        FACEBOOK.refresh(account(), {"access_token": "x", "user_token": "y"}, APP, wire.http)


@pytest.mark.parametrize(
    ("answer", "kind"),
    [
        ((400, failure(190, 463)), AuthExpired),
        ((400, failure(4)), RateLimited),  # a refusal of another kind must not disconnect
        ((400, failure(2, is_transient=True)), PlatformFailure),
    ],
)
def test_refresh__only_a_dead_token_disconnects(
    wire: Wire, answer: tuple[int, dict[str, Any]], kind: type[PlatformError]
) -> None:
    wire.expect("GET /v26.0/oauth/access_token", answer[0], json=answer[1])
    with pytest.raises(kind):
        FACEBOOK.refresh(account(), {"access_token": "x", "user_token": "y"}, APP, wire.http)


def test_refresh__needs_the_apps_own_credentials(wire: Wire) -> None:
    with pytest.raises(PlatformFailure) as caught:
        FACEBOOK.refresh(account(), {"access_token": "x", "user_token": "y"}, App(), wire.http)
    assert caught.value.hint


def test_can_refresh__a_page_token_alone_has_no_end_and_no_refresh() -> None:
    assert not FACEBOOK.can_refresh({"access_token": "page"})
    assert FACEBOOK.can_refresh({"access_token": "page", "user_token": "user"})


def test_connect_accounts__one_for_each_page_that_may_be_published_on(wire: Wire) -> None:
    wire.expect("POST /v26.0/oauth/access_token", json={"access_token": "EAAB-short", "expires_in": 3600})
    wire.expect("GET /v26.0/oauth/access_token", json=LONG)
    first = {"data": [a_page("1", "CREATE_CONTENT", "ANALYZE")], "paging": {"cursors": {"after": "QQ"}}}
    wire.expect("GET /v26.0/me/accounts", json=first)
    rest = [a_page("2", "ANALYZE"), a_page("3", "MANAGE", "CREATE_CONTENT")]
    wire.expect("GET /v26.0/me/accounts", json={"data": rest, "paging": {"cursors": {"after": "RR"}}})
    wire.expect("GET /v26.0/me/accounts", json={"data": []})
    grant = Grant(code="the-code", redirect_uri="http://127.0.0.1:1/back")
    pages = FACEBOOK.connect_accounts(grant, APP, {}, wire.http)
    assert pages == [
        Connectable(
            external_id=number,
            handle=f"Page {number}",
            tokens=Tokens(credentials={"access_token": f"EAAB-{number}"}, expires_at=None),
        )
        for number in ("1", "3")
    ]
    code, exchange, *listings = wire.requests
    assert dict(httpx.QueryParams(code.content.decode())) == {
        "grant_type": "authorization_code",
        "client_id": "the-app",
        "client_secret": "the-app-key",
        "redirect_uri": "http://127.0.0.1:1/back",
        "code": "the-code",
    }
    assert exchange.url.params["fb_exchange_token"] == "EAAB-short"
    assert [listing.url.params.get("after") for listing in listings] == [None, "QQ", "RR"]


def test_connect_accounts__a_refused_code_needs_a_person(wire: Wire) -> None:
    wire.expect("POST /v26.0/oauth/access_token", 400, json=failure(100, 36007))
    with pytest.raises(AuthExpired):
        FACEBOOK.connect_accounts(Grant(code="x", redirect_uri="y"), APP, {}, wire.http)


# --- metrics -------------------------------------------------------------------------------------------------

POST_NODE, INSIGHTS = "GET /v26.0/1122_7788", "GET /v26.0/1122_7788/insights"
# https://developers.facebook.com/docs/graph-api/reference/page/feed/
COUNTED = {
    "id": "1122_7788",
    "shares": {"count": 3},
    "comments": {"data": [], "summary": {"total_count": 4}},
    "reactions": {"data": [], "summary": {"total_count": 21}},
}
SEEN = {"shares": 3, "comments": 4, "reactions": 21}


def insight(name: str, value: Any) -> dict[str, Any]:
    # https://developers.facebook.com/docs/graph-api/reference/page/insights/
    return {
        "name": name,
        "period": "lifetime",
        "values": [{"value": value}],
        "id": f"1122_7788/insights/{name}",
    }


def test_read_metrics__asks_the_post_and_then_for_one_metric_alone(wire: Wire) -> None:
    wire.expect(POST_NODE, json=COUNTED)
    wire.expect(INSIGHTS, json={"data": [insight("post_media_view", 812)]})
    reading = Reading(views=812, likes=21, comments=4, shares=3, raw={**SEEN, "post_media_view": 812})
    assert FACEBOOK.read_metrics(["1122_7788"], session(wire)) == {"1122_7788": reading}
    assert wire.requests[0].url.params["fields"] == (
        "shares,comments.limit(0).summary(total_count),reactions.limit(0).summary(total_count)"
    )
    assert dict(wire.last.url.params) == {"metric": "post_media_view"}


@pytest.mark.parametrize(
    ("item", "views"),
    [
        (insight("post_media_view", "812"), 812),
        (insight("post_media_view", {"paid": 12, "organic": 800}), 812),
        (insight("post_media_view", {"paid": 12, "organic": None}), None),
        (insight("post_media_view", {}), None),
        (insight("post_media_view", {"paid": 10**18 - 1, "organic": 10**18 - 1}), None),
        (insight("post_media_view", -1), None),
        (insight("post_impressions", 5), None),
        ({"name": "post_media_view", "total_value": {"value": 812}}, 812),
        ({"name": "post_media_view", "values": []}, None),
        ({"name": 5}, None),
        (None, None),
    ],
)
def test_read_metrics__views_come_in_several_forms_or_not_at_all(
    wire: Wire, item: Any, views: int | None
) -> None:
    wire.expect(POST_NODE, json=COUNTED)
    wire.expect(INSIGHTS, json={"data": [item]})
    reading = FACEBOOK.read_metrics(["1122_7788"], session(wire))["1122_7788"]
    assert isinstance(reading, Reading)
    assert (reading.views, reading.likes) == (views, 21)


def test_read_metrics__what_is_not_reported_is_no_zero(wire: Wire) -> None:
    wire.expect(POST_NODE, json={"id": "1122_7788", "comments": {"data": []}, "reactions": None})
    wire.expect(INSIGHTS, json={"data": []})  # a page with fewer than 100 likes
    assert FACEBOOK.read_metrics(["1122_7788"], session(wire)) == {"1122_7788": Reading()}


@pytest.mark.parametrize(("status", "code"), [(400, 100), (403, 200), (400, 10)])
def test_read_metrics__counts_are_kept_where_insights_are_refused(wire: Wire, status: int, code: int) -> None:
    wire.expect(POST_NODE, json=COUNTED)
    wire.expect(INSIGHTS, status, json=failure(code))
    reading = FACEBOOK.read_metrics(["1122_7788"], session(wire))["1122_7788"]
    assert isinstance(reading, Reading)
    assert (reading.views, reading.likes, reading.comments, reading.shares) == (None, 21, 4, 3)
    assert f"(code {code})" in reading.raw["insights"]


@pytest.mark.parametrize(
    ("body", "error"),
    [
        (failure(4), RateLimited),
        (failure(190), AuthExpired),
        (failure(2, is_transient=True), PlatformFailure),
        (failure(100, is_transient=True), PlatformFailure),
    ],
)
def test_read_metrics__trouble_with_insights_is_trouble(
    wire: Wire, body: dict[str, Any], error: type[PlatformError]
) -> None:
    wire.expect(POST_NODE, json=COUNTED)
    wire.expect(INSIGHTS, 400, json=body)
    with pytest.raises(error):
        FACEBOOK.read_metrics(["1122_7788"], session(wire))


def test_read_metrics__a_post_that_cannot_be_seen_is_not_taken_for_deleted(wire: Wire) -> None:
    wire.expect(POST_NODE, 400, json=failure(100, 33))
    with pytest.raises(PlatformFailure, match="deleted, or out of our reach") as caught:
        FACEBOOK.read_metrics(["1122_7788"], session(wire))
    assert not caught.value.retryable


def test_read_metrics__of_a_video_is_kept_what_comes(wire: Wire) -> None:
    wire.expect("GET /v26.0/55", json={"id": "55"})
    items = [insight("some_plays", 7), insight("by_kind", {"a": 1}), insight("Odd name!", 1)]
    wire.expect("GET /v26.0/55/video_insights", json={"data": items})
    found = FACEBOOK.read_metrics(["55"], session(wire))
    assert found == {"55": Reading(raw={"some_plays": 7, "by_kind": 1})}
    assert not wire.last.url.params


def test_read_metrics__a_video_whose_numbers_are_refused_is_asked_about_no_more(wire: Wire) -> None:
    wire.expect("GET /v26.0/55", json={"id": "55"})
    wire.expect("GET /v26.0/55/video_insights", 400, json=failure(100))
    assert isinstance(FACEBOOK.read_metrics(["55"], session(wire))["55"], Closed)


@pytest.mark.parametrize(
    "remote_id", ["my-slug", "..", "1/2", "me", "1?fields=access_token", "1_2_3", "\u0663_1"]
)
def test_read_metrics__ids_that_are_none_go_nowhere(wire: Wire, remote_id: str) -> None:
    with pytest.raises(PlatformFailure, match="is no id to ask about"):
        FACEBOOK.read_metrics([remote_id], session(wire))
