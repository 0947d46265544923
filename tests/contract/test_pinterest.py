"""Pinterest: requests and documented answers.

Recordings follow https://github.com/pinterest/api-description/blob/main/v5/openapi.json (5.23.0) and
https://developers.pinterest.com/docs/api/v5/.
"""

from __future__ import annotations

import base64
from collections.abc import Mapping
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

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
from socialcron.model import (
    Account,
    Closed,
    Confirmed,
    Media,
    PreparedStep,
    Reading,
    Ready,
    Saved,
    Step,
    Wait,
)
from socialcron.platforms.base import App, Grant
from socialcron.platforms.http import Session
from socialcron.platforms.pinterest import Pinterest
from tests.contract.conftest import Wire
from tests.contract.sample import CAT, DOG, FILM, Kind, Sample, choosing, form_body, json_body, says

BOARD = "549755885175"
REQUEST = {
    "board_id": BOARD,
    "description": "Hello",
    "media_source": {"source_type": "image_url", "url": "https://media.example/cat.png"},
}
PIN: dict[str, Any] = {
    "id": "813744226420795884",
    "created_at": "2026-09-01T08:00:05",
    "board_id": BOARD,
    "board_section_id": None,
    "title": None,
    "description": "Hello",
    "link": None,
    "alt_text": None,
    "media": {"media_type": "image"},
}
SAMPLE = Sample(
    credentials={"access_token": "secret-access"},
    settings={"board_id": BOARD},
    request=REQUEST,
    handles={"account_id": "7"},
    created=(201, PIN),
    renewable={"access_token": "secret-access", "refresh_token": "secret-refresh"},
    plain=None,
)

KINDS = (
    Kind("pinterest", "image", says("A picture", CAT), {"board_id": "549755885175"}),
    Kind("pinterest", "images", says("Two pictures", CAT, DOG), {"board_id": "549755885175"}),
    Kind(
        "pinterest",
        "video",
        says("A film", FILM, **choosing("pinterest", cover_image_key_frame_time=1)),
        {"board_id": "549755885175"},
    ),
)

PINTEREST = Pinterest()
SENT_AT = datetime(2026, 9, 1, 8, 0, tzinfo=UTC)
SETTINGS = {"board_id": BOARD}
UPLOAD = "https://pinterest-media-upload.s3-accelerate.amazonaws.com/"


def account(**settings: str) -> Account:
    return Account(id=1, platform="pinterest", handle="cafe", settings={**SETTINGS, **settings})


def session(wire: Wire, **settings: str) -> Session:
    """One that knows already whose token it has."""
    at = PINTEREST.connect(account(**settings), {"access_token": "the-token"}, App(), wire.http)
    at.memo["account_id"] = "7"
    return at


def sent(request: Mapping[str, Any] = REQUEST, **parts: Any) -> PreparedStep:
    handles = {"account_id": "7"}
    return PreparedStep(
        **{
            "number": 0,
            "kind": "post",
            "key": "the-key",
            "request": request,
            "handles": handles,
            "first_sending_at": SENT_AT,
            "sends": 1,
            **parts,
        }
    )


@pytest.fixture
def picture(tmp_path: Path) -> Media:
    path = tmp_path / "cat.png"
    path.write_bytes(b"PNG bytes")
    return Media(source="cat.png", alt="a cat", path=path, mime_type="image/png", size_bytes=9)


@pytest.fixture
def film(tmp_path: Path) -> Media:
    path = tmp_path / "cat.mp4"
    path.write_bytes(b"MP4 bytes")
    return Media(source="cat.mp4", path=path, mime_type="video/mp4", size_bytes=9)


def step(*media: Media, text: str = "Hello", **parts: Any) -> Step:
    return Step(number=0, kind="post", text=text, key="the-key", media=media, **parts)


def ready(wire: Wire, *media: Media, **parts: Any) -> Mapping[str, Any]:
    result = PINTEREST.prepare(step(*media, **parts), session(wire))
    assert isinstance(result, Ready)
    assert result.handles is not None
    assert result.handles["account_id"] == "7"
    return result.request


# --- validate ----------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("parts", "words"),
    [
        ({"text": "x" * 801}, "text: 801 characters (an emoji is two), Pinterest takes at most 800"),
        ({"text": "🎉" * 401}, "text: 802 characters"),
        ({"options": {"title": "x" * 101}}, "options.title: 101 characters"),
        ({"options": {"title": 5}}, "options.title: must be a text"),
        ({"link": "https://a.example/" + "x" * 2040}, "link: 2058 characters, Pinterest takes at most 2048"),
        ({"link": "a.example"}, "link: 'a.example' is no http(s) address"),
        ({"options": {"board_id": "my-board"}}, "options.board_id: 'my-board' is not a board's number"),
        ({"options": {"cover_image_url": "http://a.example/x"}}, "options.cover_image_url: "),
        ({"options": {"cover_image_key_frame_time": 1.5}}, "options.cover_image_key_frame_time: must be"),
    ],
)
def test_validate__names_what_is_wrong(picture: Media, parts: dict[str, Any], words: str) -> None:
    (problem,) = PINTEREST.validate([step(picture, **parts)], SETTINGS)
    assert str(problem).startswith(words)


def test_validate__needs_a_board_from_somewhere(picture: Media) -> None:
    (problem,) = PINTEREST.validate([step(picture)], {})
    assert str(problem).startswith("options.board_id: every Pin needs a board")
    assert PINTEREST.validate([step(picture, options={"board_id": BOARD})], {}) == []


@pytest.mark.parametrize(
    ("changes", "words"),
    [
        ({"alt": "🎉" * 251}, "media[1]: alt text of 502 characters"),
        ({"mime_type": "image/gif"}, "media[1]: cat.png is image/gif"),
        ({"size_bytes": 20_000_001}, "media[1]: cat.png is 20000001 bytes"),
        (
            {"mime_type": "video/mp4", "duration_seconds": 3.0},
            "media[1]: cat.png is 3 seconds long, at least 4",
        ),
        ({"mime_type": "video/webm"}, "media[1]: cat.png is video/webm"),
    ],
)
def test_validate__measures_media(picture: Media, changes: dict[str, Any], words: str) -> None:
    (problem,) = PINTEREST.validate([step(replace(picture, **changes))], SETTINGS)
    assert str(problem).startswith(words)


def test_validate__more_kinds_go_by_address(picture: Media) -> None:
    gif = replace(picture, mime_type="image/gif", url="https://media.example/cat.gif")
    assert PINTEREST.validate([step(gif)], SETTINGS) == []
    (problem,) = PINTEREST.validate([step(gif, picture)], SETTINGS)  # one is local: all go as base64
    assert problem.field == "media[1]"


def test_validate__a_few_images_of_one_size_or_one_video(picture: Media, film: Media) -> None:
    for media, words in (
        ((picture,) * 6, "6 files, Pinterest takes at most 5 images"),
        ((picture, film), "2 files, Pinterest takes 1 video or 5 images"),
        (
            (replace(picture, width=1, height=2), replace(picture, width=2, height=2)),
            "several sizes (1x2, 2x2)",
        ),
        ((), "there is none"),
    ):
        (problem,) = PINTEREST.validate([step(*media)], SETTINGS)
        assert problem.field == "media"
        assert words in problem.message


# --- prepare: images ---------------------------------------------------------------------------------------
# https://developers.pinterest.com/docs/api/v5/pins-create/


def test_prepare__an_image_with_an_address_is_left_to_pinterest(wire: Wire, picture: Media) -> None:
    at = replace(picture, url="https://media.example/cat.png")
    options = {"title": "Sourdough", "board_id": "12"}
    assert ready(wire, at, options=options, link="https://cafe.example/bread") == {
        "board_id": "12",
        "title": "Sourdough",
        "description": "Hello",
        "link": "https://cafe.example/bread",
        "alt_text": "a cat",
        "media_source": {"source_type": "image_url", "url": "https://media.example/cat.png"},
    }


def test_prepare__keeps_the_bytes_out_of_the_request(wire: Wire, picture: Media) -> None:
    assert ready(wire, replace(picture, alt=None), text="") == {
        "board_id": BOARD,
        "media_source": {"source_type": "image_base64", "content_type": "image/png", "data": ""},
    }


def test_prepare__several_images_go_one_way(wire: Wire, picture: Media) -> None:
    at = replace(picture, url="https://media.example/cat.png")
    assert ready(wire, at, at)["media_source"] == {
        "source_type": "multiple_image_urls",
        "items": [{"url": "https://media.example/cat.png"}] * 2,
    }
    assert ready(wire, at, picture)["media_source"] == {
        "source_type": "multiple_image_base64",
        "items": [{"content_type": "image/png", "data": ""}] * 2,
    }


def test_prepare__asks_once_whose_token_it_is(wire: Wire, picture: Media) -> None:
    wire.expect("GET /v5/user_account", json={"id": "7", "username": "cafe"})
    at = PINTEREST.connect(account(), {"access_token": "the-token"}, App(), wire.http)
    for _ in range(2):
        result = PINTEREST.prepare(step(picture), at)
        assert isinstance(result, Ready)
        assert result.handles == {"account_id": "7"}
    assert wire.last.headers["authorization"] == "Bearer the-token"


def test_prepare__goes_on_where_it_may_not_ask(wire: Wire, picture: Media) -> None:
    wire.expect("GET /v5/user_account", 403, json={"code": 403, "message": "Not authorized."})
    at = PINTEREST.connect(account(), {"access_token": "the-token"}, App(), wire.http)
    result = PINTEREST.prepare(step(picture), at)
    assert isinstance(result, Ready)
    assert result.handles == {"account_id": None}


# --- prepare: videos ---------------------------------------------------------------------------------------
# https://developers.pinterest.com/docs/api/v5/media-create/ and media-get

PARAMETERS = {"key": "uploads/1", "policy": "p", "x-amz-signature": "s"}
REGISTERED = {"media_id": "12345", "url": UPLOAD, "parameters": PARAMETERS}


def registered(wire: Wire) -> None:
    body = {"media_id": "12345", "media_type": "video", "upload_url": UPLOAD, "upload_parameters": PARAMETERS}
    wire.expect("POST /v5/media", 201, json=body)


def status(wire: Wire, word: str) -> None:
    wire.expect("GET /v5/media/12345", json={"media_id": "12345", "media_type": "video", "status": word})


def test_prepare__registers_uploads_and_waits_for_a_video(wire: Wire, film: Media) -> None:
    at = session(wire)
    registered(wire)
    result: Any = PINTEREST.prepare(step(film), at)
    assert result == Saved(handles={"account_id": "7", "video": REGISTERED})
    assert wire.sent == {"media_type": "video"}
    assert wire.last.headers["authorization"] == "Bearer the-token"

    status(wire, "registered")
    wire.expect("POST /", 204)
    result = PINTEREST.prepare(step(film, handles=result.handles), at)
    assert result == Saved(handles={"account_id": "7", "video": {"media_id": "12345"}})
    assert wire.last.url == UPLOAD
    assert "authorization" not in wire.last.headers
    form = wire.last.content
    assert wire.last.headers["content-type"].startswith("multipart/form-data; boundary=")
    places = [form.index(b'name="%s"' % name) for name in (b"key", b"policy", b"x-amz-signature", b"file")]
    assert places == sorted(places)
    assert form.count(b"MP4 bytes") == 1

    for word in ("registered", "processing"):
        status(wire, word)
        assert PINTEREST.prepare(step(film, handles=result.handles), at) == Wait(
            handles=result.handles, seconds=10.0
        )
    status(wire, "succeeded")
    done = PINTEREST.prepare(step(film, handles=result.handles), at)
    assert isinstance(done, Ready)
    source = {"source_type": "video_id", "media_id": "12345", "cover_image_key_frame_time": 0}
    assert done.request["media_source"] == source


@pytest.mark.parametrize(
    ("options", "cover"),
    [
        ({"cover_image_url": "https://a.example/c.jpg"}, {"cover_image_url": "https://a.example/c.jpg"}),
        ({"cover_image_key_frame_time": 7}, {"cover_image_key_frame_time": 7}),
        ({"cover_image_key_frame_time": "7"}, {"cover_image_key_frame_time": 7}),
    ],
)
def test_prepare__a_video_has_a_cover(wire: Wire, film: Media, options: Any, cover: dict[str, Any]) -> None:
    status(wire, "succeeded")
    source = ready(wire, film, handles={"video": {"media_id": "12345"}}, options=options)["media_source"]
    assert source == {"source_type": "video_id", "media_id": "12345", **cover}


def test_prepare__an_upload_finished_before_a_kill_is_not_repeated(wire: Wire, film: Media) -> None:
    status(wire, "processing")
    result = PINTEREST.prepare(step(film, handles={"video": REGISTERED}), session(wire))
    assert isinstance(result, Wait)


def test_prepare__a_failed_video_is_refused_for_good(wire: Wire, film: Media) -> None:
    status(wire, "failed")
    with pytest.raises(Rejected, match=r"could not process cat\.mp4"):
        PINTEREST.prepare(step(film, handles={"video": {"media_id": "12345"}}), session(wire))


@pytest.mark.parametrize("refusal", [400, 403])
def test_prepare__a_stale_upload_begins_anew_once_and_says_nothing_of_the_token(
    wire: Wire, film: Media, refusal: int
) -> None:
    at = session(wire)
    status(wire, "registered")
    wire.expect("POST /", refusal, content=b"<Error><Code>AccessDenied</Code></Error>")
    registered(wire)
    anew = PINTEREST.prepare(step(film, handles={"video": REGISTERED}), at)
    assert anew == Saved(handles={"account_id": "7", "video": {**REGISTERED, "again": True}})
    status(wire, "registered")
    wire.expect("POST /", refusal)
    with pytest.raises(PlatformFailure, match="is refused") as caught:
        PINTEREST.prepare(step(film, handles=anew.handles), at)
    assert caught.value.retryable


def test_prepare__a_video_that_is_not_known_any_more_begins_anew(wire: Wire, film: Media) -> None:
    wire.expect("GET /v5/media/12345", 404, json={"code": 40, "message": "Media not found."})
    registered(wire)
    anew = PINTEREST.prepare(step(film, handles={"video": {"media_id": "12345"}}), session(wire))
    assert isinstance(anew, Saved)
    assert anew.handles["video"]["again"]


def test_prepare__a_missing_file_is_refused(wire: Wire, film: Media) -> None:
    status(wire, "registered")
    gone = replace(film, path=Path("/nowhere/cat.mp4"))
    with pytest.raises(Rejected, match=r"cat\.mp4 cannot be read"):
        PINTEREST.prepare(step(gone, handles={"video": REGISTERED}), session(wire))


# --- send --------------------------------------------------------------------------------------------------


def test_send_step__creates_the_pin(wire: Wire) -> None:
    wire.expect("POST /v5/pins", 201, json=PIN)
    confirmed = PINTEREST.send_step(sent(), session(wire))
    assert confirmed == Confirmed(
        remote_id="813744226420795884", url="https://www.pinterest.com/pin/813744226420795884/"
    )
    assert str(wire.last.url) == "https://api.pinterest.com/v5/pins"
    assert wire.sent == REQUEST
    assert wire.last.headers["authorization"] == "Bearer the-token"


def test_send_step__fills_in_the_files(wire: Wire, picture: Media, tmp_path: Path) -> None:
    other = tmp_path / "dog.png"
    other.write_bytes(bytes(range(256)) * 1000)
    dog = replace(picture, source="dog.png", path=other, size_bytes=256_000, alt=None)
    text = 'say "data":"" or \\"data\\":\\"\\"'
    wire.expect("POST /v5/pins", 201, json=PIN)
    PINTEREST.send_step(sent(ready(wire, picture, dog, text=text), media=(picture, dog)), session(wire))
    assert json_body(wire.last) == {
        "board_id": BOARD,
        "description": text,
        "alt_text": "a cat",
        "media_source": {
            "source_type": "multiple_image_base64",
            "items": [
                {"content_type": "image/png", "data": base64.b64encode(b"PNG bytes").decode()},
                {"content_type": "image/png", "data": base64.b64encode(other.read_bytes()).decode()},
            ],
        },
    }
    assert int(wire.last.headers["content-length"]) == len(wire.last.content)
    assert wire.last.headers["content-type"] == "application/json"


def test_send_step__a_file_that_is_gone_stops_it_before_the_first_byte(wire: Wire, picture: Media) -> None:
    request = ready(wire, picture)
    for media, kind in (((replace(picture, path=Path("/nowhere")),), Rejected), ((), PlatformFailure)):
        at = session(wire)
        with pytest.raises(kind):
            PINTEREST.send_step(sent(request, media=media), at)
        assert at.visible == "unsent"


@pytest.mark.parametrize(
    ("status", "body", "kind"),
    [
        (400, {"code": 1, "message": "Invalid request: 'x' does not match '^\\\\d+$'"}, Rejected),
        (400, {"code": 235, "message": "Unable to reach the URL"}, Rejected),
        (401, {"code": 2, "message": "Authentication failed."}, AuthExpired),
        (403, {"code": 29, "message": "You are not permitted to access that resource."}, AuthExpired),
        (404, {"code": 40, "message": "Board not found."}, Rejected),
        (409, {"code": 58, "message": "conflict"}, OutcomeUnknown),
        (429, {"code": 8, "message": "You have exceeded your rate limit."}, RateLimited),
        (500, {"code": 9, "message": "Something went wrong"}, OutcomeUnknown),
        (503, None, OutcomeUnknown),
    ],
)
def test_send_step__classifies_by_the_status(
    wire: Wire, status: int, body: Any, kind: type[PlatformError]
) -> None:
    wire.expect("POST /v5/pins", status, json=body)
    with pytest.raises(PlatformError) as caught:
        PINTEREST.send_step(sent(), session(wire, board_id=BOARD))
    assert type(caught.value) is kind
    assert kind is OutcomeUnknown or body["message"] in str(caught.value)


def test_send_step__a_board_that_one_post_chose_and_may_not_use_does_not_stop_the_account(wire: Wire) -> None:
    wire.expect("POST /v5/pins", 403, json={"code": 29, "message": "You are not permitted."})
    with pytest.raises(Rejected, match="not permitted") as caught:
        PINTEREST.send_step(sent(), session(wire, board_id="1"))
    assert "board" in (caught.value.hint or "")


def test_reads__trouble_may_pass(wire: Wire, film: Media) -> None:
    wire.expect("POST /v5/media", 503)
    with pytest.raises(Unavailable):
        PINTEREST.prepare(step(film), session(wire))


# --- limits ------------------------------------------------------------------------------------------------
# https://developers.pinterest.com/docs/reference/rate-limits/ ; the headers as clients report them


@pytest.mark.parametrize(
    ("headers", "seconds"),
    [({}, 60.0), ({"x-ratelimit-reset": "12"}, 12.0), ({"retry-after": "7", "x-ratelimit-reset": "12"}, 7.0)],
)
def test_limits__a_429_waits(wire: Wire, headers: dict[str, str], seconds: float) -> None:
    wire.expect("POST /v5/pins", 429, headers=headers)
    at = session(wire)
    with pytest.raises(RateLimited) as caught:
        PINTEREST.send_step(sent(), at)
    assert caught.value.retry_after == seconds
    assert [(seen.family, seen.blocked) for seen in at.seen] == [("publish", True)]


def test_limits__are_read_off_the_headers(wire: Wire, film: Media) -> None:
    headers = {"x-ratelimit-limit": "100", "x-ratelimit-remaining": "99", "x-ratelimit-reset": "60"}
    wire.expect(
        "POST /v5/media",
        201,
        headers=headers,
        json={"media_id": "1", "upload_url": "u", "upload_parameters": {}},
    )
    at = session(wire)
    PINTEREST.prepare(step(film), at)
    (seen,) = at.seen
    assert (seen.family, seen.limit, seen.remaining, seen.blocked) == ("media", 100, 99, False)
    assert seen.reset_at is not None
    assert timedelta(seconds=50) < seen.reset_at - datetime.now(UTC) <= timedelta(seconds=60)


# --- reconcile ---------------------------------------------------------------------------------------------
# https://developers.pinterest.com/docs/api/v5/boards-list_pins/

LISTING = f"GET /v5/boards/{BOARD}/pins"


def listed(wire: Wire, *pins: Mapping[str, Any], bookmark: str | None = None) -> None:
    wire.expect(LISTING, json={"items": [{**PIN, **pin} for pin in pins], "bookmark": bookmark})


def test_reconcile__finds_the_pin_wherever_it_is(wire: Wire) -> None:
    listed(
        wire, {"id": "1", "created_at": "2020-01-01T00:00:00"}, {"id": "2", "description": "x"}, bookmark="b"
    )
    listed(wire, {"id": "3"}, {"id": "4", "created_at": "2020-01-01T00:00:00"})
    look = PINTEREST.reconcile(sent(), session(wire))
    assert [match.remote_id for match in look.matches] == ["3"]
    assert look.complete
    assert wire.requests[0].url.query == b"page_size=250"
    assert wire.last.url.query == b"page_size=250&bookmark=b"


@pytest.mark.parametrize(
    ("pin", "found"),
    [
        ({"title": "T", "description": " Hello\r\n", "link": "https://a.example"}, True),
        ({"title": "T", "link": "https://a.example/"}, True),
        ({"title": "T", "link": "https://a.example/b"}, False),
        ({"title": "T", "link": None}, False),
        ({"title": None, "link": "https://a.example/"}, False),
        ({"title": "T", "link": "https://a.example/", "description": "Hallo"}, False),
        ({"title": "T", "link": "https://a.example/", "board_id": "1"}, False),
        ({"title": "T", "link": "https://a.example/", "created_at": "2026-09-01T07:58:59"}, False),
        ({"title": "T", "link": "https://a.example/", "created_at": "2026-09-01T07:59:00"}, True),
        ({"title": "T", "link": "https://a.example/", "created_at": "2026-09-01T10:00:00+02:00"}, True),
    ],
)
def test_reconcile__compares_board_title_description_and_link(
    wire: Wire, pin: dict[str, Any], found: bool
) -> None:
    listed(wire, pin)
    look = PINTEREST.reconcile(sent({**REQUEST, "title": "T", "link": "https://a.example/"}), session(wire))
    assert bool(look.matches) is found
    assert look.complete


def test_reconcile__a_pin_without_words_is_not_told_from_one_that_the_owner_made(wire: Wire) -> None:
    wordless = {name: value for name, value in REQUEST.items() if name != "description"}
    listed(wire, {"description": ""})
    look = PINTEREST.reconcile(sent(wordless), session(wire))
    assert (look.matches, look.complete) == ((), False)
    listed(wire, {"description": "Another"})
    assert PINTEREST.reconcile(sent(wordless), session(wire)).complete


def test_reconcile__with_the_token_of_another_account_proves_nothing(wire: Wire) -> None:
    listed(wire)
    assert not PINTEREST.reconcile(sent(handles={"account_id": "8"}), session(wire)).complete
    listed(wire)
    unknown = session(wire)
    unknown.memo["account_id"] = None
    assert not PINTEREST.reconcile(sent(handles={"account_id": None}), unknown).complete


def test_reconcile__an_endless_board_proves_nothing(wire: Wire) -> None:
    for number in range(40):
        listed(wire, bookmark=str(number))
    assert not PINTEREST.reconcile(sent(), session(wire)).complete


def test_reconcile__a_page_that_leads_back_to_itself_proves_nothing(wire: Wire) -> None:
    listed(wire, bookmark="b")
    listed(wire, bookmark="b")
    assert not PINTEREST.reconcile(sent(), session(wire)).complete


@pytest.mark.parametrize("created_at", [None, "", "yesterday"])
def test_reconcile__a_pin_without_a_time_is_an_error(wire: Wire, created_at: str | None) -> None:
    listed(wire, {"created_at": created_at})
    with pytest.raises(PlatformFailure):
        PINTEREST.reconcile(sent(), session(wire))


# --- read_metrics: https://developers.pinterest.com/docs/api/v5/pins-get/ ----------------------------------------

READ = f"GET /v5/pins/{PIN['id']}"
# The example of the OpenAPI file, and a save, which it lacks.
RECENT = {"pin_click": 7, "impression": 2, "clickthrough": 3, "save": 5}
LIFETIME = {"pin_click": 8, "impression": 4, "clickthrough": 3, "reaction": 10, "comment": 2}


def reading(wire: Wire, metrics: Any) -> Any:
    wire.expect(READ, json=PIN | {"pin_metrics": metrics})
    return PINTEREST.read_metrics([PIN["id"]], session(wire))[PIN["id"]]


def test_read_metrics__reads_the_pin_itself(wire: Wire) -> None:
    found = reading(wire, {"90d": RECENT, "lifetime_metrics": LIFETIME})
    assert dict(wire.last.url.params) == {"pin_metrics": "true"}
    assert found == Reading(views=4, likes=10, comments=2, saves=5, raw=RECENT | LIFETIME)


@pytest.mark.parametrize(
    ("metrics", "expected"),
    [
        (None, Reading()),  # nothing is counted yet, or never will be
        ({}, Reading()),
        ([], Reading()),
        ({"90d": None, "lifetime_metrics": []}, Reading()),
        ({"90d": {"impression": "12", "save": -1}}, Reading(views=12, raw={"impression": 12})),
        ({"lifetime_metrics": {"reaction": 0, "comment": 1.5}}, Reading(likes=0, raw={"reaction": 0})),
    ],
)
def test_read_metrics__what_is_not_told_is_no_zero(wire: Wire, metrics: Any, expected: Reading) -> None:
    assert reading(wire, metrics) == expected


@pytest.mark.parametrize(
    ("status", "words"), [(404, "Pin not found."), (403, "You are not permitted to access that resource.")]
)
def test_read_metrics__a_pin_that_is_refused_is_closed(wire: Wire, status: int, words: str) -> None:
    wire.expect(READ, status, json={"code": 50, "message": words})
    [closed] = PINTEREST.read_metrics([PIN["id"]], session(wire)).values()
    assert isinstance(closed, Closed)
    assert f"HTTP {status}: {words}" in str(closed.error)


@pytest.mark.parametrize(
    ("status", "body", "kind"),
    [
        (401, {"code": 2, "message": "Authentication failed."}, AuthExpired),
        (403, {}, AuthExpired),
        (404, {}, Rejected),
        (429, {"code": 8, "message": "Slow down."}, RateLimited),
        (200, {}, PlatformFailure),
        (200, [], PlatformFailure),
    ],
)
def test_read_metrics__trouble_is_an_error(
    wire: Wire, status: int, body: Any, kind: type[PlatformError]
) -> None:
    wire.expect(READ, status, json=body)
    with pytest.raises(kind):
        PINTEREST.read_metrics([PIN["id"]], session(wire))


# --- tokens ------------------------------------------------------------------------------------------------
# https://developers.pinterest.com/docs/getting-started/set-up-authentication-and-authorization/

APP = App(client_id="the-client", client_secret="the-client-secret")
BASIC = f"Basic {base64.b64encode(b'the-client:the-client-secret').decode()}"
CREDENTIALS = {"access_token": "a", "refresh_token": "the-refresh", "expires_at": "2026-01-01T00:00:00Z"}
FRESH = {
    "access_token": "pina.new",
    "token_type": "bearer",
    "expires_in": 2592000,
    "scope": "boards:read pins:write",
    "refresh_token": "pinr.new",
    "refresh_token_expires_in": 5184000,
    "refresh_token_expires_at": 1793433600,
}


def test_refresh__trades_the_refresh_token(wire: Wire) -> None:
    wire.expect("POST /v5/oauth/token", json=FRESH)
    tokens = PINTEREST.refresh(account(), CREDENTIALS, APP, wire.http)
    assert tokens.credentials == {"access_token": "pina.new", "refresh_token": "pinr.new"}
    assert tokens.expires_at is not None
    assert tokens.refresh_expires_at is not None
    assert (tokens.expires_at - datetime.now(UTC)).days in (29, 30)
    assert (tokens.refresh_expires_at - datetime.now(UTC)).days in (59, 60)
    assert wire.last.headers["authorization"] == BASIC
    assert form_body(wire.last) == {"grant_type": "refresh_token", "refresh_token": "the-refresh"}


def test_refresh__keeps_the_refresh_token_where_there_is_no_new_one(wire: Wire) -> None:
    wire.expect("POST /v5/oauth/token", json={"access_token": "pina.new"})
    tokens = PINTEREST.refresh(account(), CREDENTIALS, APP, wire.http)
    assert tokens.credentials["refresh_token"] == "the-refresh"


def test_refresh__needs_to_know_the_app(wire: Wire) -> None:
    with pytest.raises(PlatformFailure) as caught:
        PINTEREST.refresh(account(), CREDENTIALS, App(), wire.http)
    assert caught.value.retryable


@pytest.mark.parametrize("status", [400, 401])
def test_refresh__a_refused_token_needs_a_person(wire: Wire, status: int) -> None:
    wire.expect("POST /v5/oauth/token", status, json={"code": 2, "message": "Authentication failed."})
    with pytest.raises(AuthExpired):
        PINTEREST.refresh(account(), CREDENTIALS, APP, wire.http)


@pytest.mark.parametrize(
    ("boards", "given", "settings"),
    [
        ([BOARD], {}, {"board_id": BOARD}),
        ([BOARD, "2"], {}, {}),
        ([], {}, {}),
        ([BOARD], {"board_id": "2"}, {}),
    ],
)
def test_connect_accounts__trades_the_code(
    wire: Wire, boards: list[str], given: dict[str, str], settings: dict[str, str]
) -> None:
    wire.expect("POST /v5/oauth/token", json=FRESH)
    wire.expect("GET /v5/user_account", json={"id": "7", "username": "cafe"})
    wire.expect("GET /v5/boards", json={"items": [{"id": board} for board in boards], "bookmark": None})
    grant = Grant(code="c", redirect_uri="http://127.0.0.1/")
    (found,) = PINTEREST.connect_accounts(grant, APP, given, wire.http)
    assert wire.requests[0].headers["authorization"] == BASIC
    assert form_body(wire.requests[0]) == {
        "grant_type": "authorization_code",
        "code": "c",
        "redirect_uri": "http://127.0.0.1/",
        "continuous_refresh": "true",
    }
    assert wire.last.headers["authorization"] == "Bearer pina.new"
    assert wire.last.url.query == b"page_size=250"
    assert (found.external_id, found.handle, found.settings) == ("7", "cafe", settings)
    assert found.scopes == ("boards:read", "pins:write")
