"""TikTok: requests and documented answers.

Recordings follow https://developers.tiktok.com/doc/ {content-posting-api-reference-direct-post,
content-posting-api-reference-photo-post, content-posting-api-reference-query-creator-info,
content-posting-api-reference-get-video-status, content-posting-api-media-transfer-guide, tiktok-api-v2-video-list,
tiktok-api-v2-video-query, tiktok-api-v2-get-user-info, tiktok-api-v2-error-handling,
oauth-user-access-token-management, oauth-error-handling}.
"""

from __future__ import annotations

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
from socialcron.model import (
    Accepted,
    Account,
    Closed,
    Confirmed,
    Look,
    Media,
    PreparedStep,
    Reading,
    Ready,
    Saved,
    Step,
)
from socialcron.platforms import tiktok
from socialcron.platforms.base import App, Grant
from socialcron.platforms.http import Answer, Session
from socialcron.platforms.tiktok import TikTok
from tests.contract.conftest import Wire
from tests.contract.sample import FILM, PLAIN_CAT, PLAIN_DOG, Kind, Sample, choosing, form_body, says

SAMPLE = Sample(
    credentials={"access_token": "secret-access"},
    request={
        "path": "/v2/post/publish/video/init/",
        "body": {
            "post_info": {"privacy_level": "SELF_ONLY", "title": "Hello"},
            "source_info": {
                "source": "FILE_UPLOAD",
                "video_size": 12,
                "chunk_size": 12,
                "total_chunk_count": 1,
            },
        },
        "last_chunk": {"first": 0, "length": 12, "size": 12, "type": "video/mp4"},
    },
    handles={
        "publish_id": "v_pub_file~v2-1.123",
        "upload_url": "https://open-upload.tiktokapis.com/video/?upload_id=6&upload_token=secret-X",
        "offset": 0,
    },
    created=(201, None),
    renewable={"access_token": "secret-access", "refresh_token": "secret-refresh"},
    plain=None,
    options={"privacy_level": "SELF_ONLY"},
    attachment=("cat.mp4", "video/mp4"),
    body=None,
    file_bytes=b"bytes of cat",
    names_it_later=True,
)

KINDS = (
    Kind("tiktok", "video", says("A film", FILM), {"privacy_level": "PUBLIC_TO_EVERYONE"}),
    Kind("tiktok", "private video", says("A film", FILM), {"privacy_level": "SELF_ONLY"}),
    # Nothing is known of what TikTok fetches itself until it has answered; its list proves no absence.
    Kind(
        "tiktok",
        "pulled video",
        says("A film", FILM, **choosing("tiktok", source="pull")),
        {"privacy_level": "PUBLIC_TO_EVERYONE"},
        knowable=False,
    ),
    Kind(
        "tiktok",
        "photos",
        says("Two pictures", PLAIN_CAT, PLAIN_DOG),
        {"privacy_level": "PUBLIC_TO_EVERYONE"},
        knowable=False,
    ),
    Kind("tiktok", "inbox", says("A film", FILM), {"mode": "inbox"}),
)

TIKTOK = TikTok()
TOKEN = "act.the-token"
APP = App(client_id="the-key", client_secret="the-secret")
SENT_AT = datetime(2026, 11, 20, 12, 0, 0, tzinfo=UTC)
PUBLIC = {"privacy_level": "PUBLIC_TO_EVERYONE"}
SELF = {"privacy_level": "SELF_ONLY"}
CREATOR_INFO = "POST /v2/post/publish/creator_info/query/"
INIT_VIDEO = "POST /v2/post/publish/video/init/"
INIT_PHOTOS = "POST /v2/post/publish/content/init/"
STATUS = "POST /v2/post/publish/status/fetch/"
LIST = "POST /v2/video/list/"
UPLOAD = "PUT /video/"
PUBLISH_ID = "v_pub_file~v2-1.123"
UPLOAD_URL = "https://open-upload.tiktokapis.com/video/?upload_id=6&upload_token=X"
# content-posting-api-reference-query-creator-info
CREATOR = {
    "creator_username": "me",
    "creator_nickname": "Me",
    "privacy_level_options": ["PUBLIC_TO_EVERYONE", "MUTUAL_FOLLOW_FRIENDS", "SELF_ONLY"],
    "comment_disabled": False,
    "duet_disabled": False,
    "stitch_disabled": True,
    "max_video_post_duration_sec": 600,
}


def ok(**data: Any) -> dict[str, Any]:
    return {"data": data, "error": {"code": "ok", "message": "", "log_id": "2026"}}


def no(code: str, message: str = "") -> dict[str, Any]:
    return {"data": {}, "error": {"code": code, "message": message, "log_id": "2026"}}


def account(**settings: str) -> Account:
    return Account(id=1, platform="tiktok", handle="me", external_id="u1", settings=settings)


def session(wire: Wire, **settings: str) -> Session:
    return TIKTOK.connect(account(**settings), {"access_token": TOKEN}, App(), wire.http)


def step(*media: Media, text: str = "Hello #tag", options: Mapping[str, Any] = SELF, **parts: Any) -> Step:
    return Step(number=0, kind="post", text=text, key="k", media=media, options=options, **parts)


@pytest.fixture
def video(tmp_path: Path) -> Media:
    return clip(tmp_path, 4096)


def clip(folder: Path, size: int) -> Media:
    """A file of zeros, which takes no room."""
    path = folder / "cat.mp4"
    with path.open("wb") as file:
        file.truncate(size)
    return Media(
        source="cat.mp4",
        url="https://cdn.example.com/cat.mp4",
        path=path,
        mime_type="video/mp4",
        size_bytes=size,
        sha256="aa",
        duration_seconds=9.5,
    )


def photo(number: int = 1, kind: str = "image/jpeg", **parts: Any) -> Media:
    url = f"https://cdn.example.com/{number}.jpg"
    return Media(**{"source": f"{number}.jpg", "url": url, "mime_type": kind, "size_bytes": 9, **parts})


def begin(wire: Wire) -> None:
    """The answers to the questions before an upload and to its announcement."""
    wire.expect(CREATOR_INFO, json=ok(**CREATOR))
    wire.expect(INIT_VIDEO, json=ok(publish_id=PUBLISH_ID, upload_url=UPLOAD_URL))


def sent(ready: Ready, step: Step, **handles: Any) -> PreparedStep:
    assert ready.handles is not None
    return PreparedStep(
        number=0,
        kind="post",
        key="k",
        request=ready.request,
        media=step.media,
        handles={**ready.handles, **handles},
        first_sending_at=SENT_AT,
        sends=1,
    )


def uploaded(wire: Wire, video: Media, options: Mapping[str, Any] = SELF, **handles: Any) -> PreparedStep:
    """A one-chunk video, ready to be sent."""
    begin(wire)
    at_work = session(wire)
    this = step(video, options=options)
    saved = TIKTOK.prepare(this, at_work)
    assert isinstance(saved, Saved)
    ready = TIKTOK.prepare(replace(this, handles=saved.handles), at_work)
    assert isinstance(ready, Ready)
    return sent(ready, this, **handles)


def pulled(options: Mapping[str, Any] = PUBLIC, text: str = "Hello #tag", **handles: Any) -> PreparedStep:
    """Photos, sent without an answer unless there is a publish_id."""
    request = tiktok._render(step(photo(), text=text, options=options), options, "")
    ready = Ready(request=request, handles={"creator": "me"})
    return sent(ready, step(photo()), **handles)


# --- validate ----------------------------------------------------------------------------------------------


def test_validate__privacy_is_never_chosen_for_anybody(video: Media) -> None:
    (problem,) = TIKTOK.validate([step(video, options={})], {})
    assert problem.field == "options.privacy_level"
    assert "accounts set ID privacy_level" in problem.message
    assert "SELF_ONLY" in problem.message
    assert TIKTOK.validate([step(video, options={})], {"privacy_level": "SELF_ONLY"}) == []
    assert TIKTOK.validate([step(video, options={"mode": "inbox"})], {}) == []


@pytest.mark.parametrize(
    ("media", "text", "fits"),
    [
        ("video", "x" * 2200, True),
        ("video", "x" * 2201, False),
        ("video", "👋" * 1100, True),
        ("video", "👋" * 1101, False),
        ("photo", "👋" * 2000, True),
        ("photo", "👋" * 2001, False),
    ],
)
def test_validate__counts_utf16_units(video: Media, media: str, text: str, fits: bool) -> None:
    problems = TIKTOK.validate([step(video if media == "video" else photo(), text=text)], {})
    assert [problem.field for problem in problems] == ([] if fits else ["text"])


@pytest.mark.parametrize(
    ("media", "options", "field", "words"),
    [
        ([], {}, "media", "no posts of text alone"),
        (["video/mp4", "video/mp4"], {}, "media", "2 attachments, at most 1"),
        (["image/jpeg", "video/mp4"], {}, "media", "2 attachments, at most 1"),
        (["image/jpeg"] * 36, {}, "media", "36 photos, at most 35"),
        (["image/png"], {}, "media[1]", "image/png; allowed: image/jpeg, image/webp"),
        (["video/x-msvideo"], {}, "media[1]", "video/x-msvideo"),
        (["image/jpeg"], {"title": "x" * 91}, "options.title", "91 UTF-16 units, at most 90"),
        (["video/mp4"], {"title": "x"}, "options.title", "no meaning for videos"),
        (["image/jpeg"], {"disable_duet": True}, "options.disable_duet", "no meaning for images"),
        (["video/mp4"], {"privacy_level": "public"}, "options.privacy_level", "'public'"),
        (["video/mp4"], {"mode": "draft"}, "options.mode", "direct, inbox"),
        (["video/mp4"], {"source": "push"}, "options.source", "upload, pull"),
        (["video/mp4"], {"disable_comment": "maybe"}, "options.disable_comment", "true or false"),
        (["video/mp4"], {"video_cover_timestamp_ms": 9501}, "options.video_cover_timestamp_ms", "0 to 9500"),
        (["image/jpeg"] * 2, {"photo_cover_index": 2}, "options.photo_cover_index", "from 0 to 1"),
    ],
)
def test_validate__names_field_measure_and_limit(
    media: list[str], options: dict[str, Any], field: str, words: str
) -> None:
    items = [photo(number, kind, duration_seconds=9.5) for number, kind in enumerate(media)]
    problem, *others = TIKTOK.validate([step(*items, options={**SELF, **options})], {})
    assert problem.field == field
    assert words in problem.message
    assert others == []


@pytest.mark.parametrize(
    ("parts", "words"),
    [
        ({"kind": "video/mp4", "size_bytes": 4_000_000_001}, "4000000001 bytes"),
        ({"kind": "video/mp4", "size_bytes": 0}, "0 bytes"),
        ({"kind": "video/mp4", "duration_seconds": 660.0}, "660 seconds long, at most 600"),
        ({"kind": "video/mp4", "width": 352, "height": 640}, "352 pixels wide, at least 360"),
        ({"kind": "video/mp4", "frame_rate": 120.0}, "120 frames per second, at most 60"),
        ({"size_bytes": 20_000_001}, "20000001 bytes"),
        ({"width": 1921, "height": 1080}, "1921 pixels wide, at most 1920"),
    ],
)
def test_validate__measures_the_file(parts: dict[str, Any], words: str) -> None:
    (problem,) = TIKTOK.validate([step(photo(**parts))], {})
    assert problem.field == "media[1]"
    assert words in problem.message


@pytest.mark.parametrize(("width", "height"), [(1080, 1920), (1920, 1080), (1080, 1080)])
def test_validate__1080p_lies_or_stands(width: int, height: int) -> None:
    assert TIKTOK.validate([step(photo(width=width, height=height))], {}) == []


def test_validate__what_tiktok_fetches_needs_an_address(video: Media) -> None:
    hidden = replace(video, url=None)
    assert TIKTOK.validate([step(hidden)], {}) == []
    for media, options in ((hidden, {**SELF, "source": "pull"}), (photo(url=None), SELF)):
        (problem,) = TIKTOK.validate([step(media, options=options)], {})
        assert problem.field == "media[1]"
        assert "no public address" in problem.message


# --- prepare: what the creator may do ----------------------------------------------------------------------


def test_prepare__asks_what_the_creator_may_do_with_an_empty_body(wire: Wire, video: Media) -> None:
    begin(wire)
    TIKTOK.prepare(step(video), session(wire))
    asked = wire.requests[0]
    assert asked.content == b""
    assert asked.headers["content-type"] == "application/json; charset=UTF-8"
    assert asked.headers["authorization"] == f"Bearer {TOKEN}"
    assert asked.url == "https://open.tiktokapis.com/v2/post/publish/creator_info/query/"


def test_prepare__a_privacy_level_the_creator_does_not_have_is_refused(wire: Wire, video: Media) -> None:
    wire.expect(CREATOR_INFO, json=ok(**CREATOR))
    with pytest.raises(Rejected, match="FOLLOWER_OF_CREATOR is not open") as caught:
        TIKTOK.prepare(step(video, options={"privacy_level": "FOLLOWER_OF_CREATOR"}), session(wire))
    assert caught.value.hint == "TikTok offers PUBLIC_TO_EVERYONE, MUTUAL_FOLLOW_FRIENDS, SELF_ONLY."


def test_prepare__a_video_longer_than_this_creator_may_post_is_refused(wire: Wire, video: Media) -> None:
    wire.expect(CREATOR_INFO, json=ok(**CREATOR | {"max_video_post_duration_sec": 9}))
    with pytest.raises(Rejected, match=r"9\.5 seconds long, at most 9"):
        TIKTOK.prepare(step(video), session(wire))


@pytest.mark.parametrize(
    ("code", "error"),
    [
        ("spam_risk_too_many_posts", RateLimited),
        ("reached_active_user_cap", RateLimited),
        ("spam_risk_user_banned_from_posting", PlatformFailure),
    ],
)
def test_prepare__an_error_code_with_status_200_is_an_error(
    wire: Wire, video: Media, code: str, error: type[PlatformError]
) -> None:
    wire.expect(CREATOR_INFO, json=no(code))
    at_work = session(wire)
    with pytest.raises(error, match=code) as caught:
        TIKTOK.prepare(step(video), at_work)
    if error is RateLimited:
        assert caught.value.retry_after == 86_400
        assert [(seen.family, seen.blocked) for seen in at_work.seen] == [("publish", True)]
    else:
        assert not caught.value.retryable


def test_prepare__nothing_is_asked_for_the_inbox(wire: Wire, video: Media) -> None:
    path = "POST /v2/post/publish/inbox/video/init/"
    wire.expect(path, json=ok(publish_id=PUBLISH_ID, upload_url=UPLOAD_URL))
    TIKTOK.prepare(step(video, options={"mode": "inbox", **SELF}), session(wire))
    assert wire.sent == {
        "source_info": {
            "source": "FILE_UPLOAD",
            "video_size": 4096,
            "chunk_size": 4096,
            "total_chunk_count": 1,
        }
    }


# --- prepare: uploads --------------------------------------------------------------------------------------


def test_prepare__announces_the_upload_with_every_choice_made(wire: Wire, video: Media) -> None:
    begin(wire)
    options = SELF | {"disable_comment": "true", "is_aigc": False, "video_cover_timestamp_ms": "1000"}
    settings = {"disable_duet": "true", "is_aigc": "true", "auto_add_music": "true"}
    saved = TIKTOK.prepare(step(video, options=options), session(wire, **settings))
    assert wire.last.headers["content-type"] == "application/json; charset=UTF-8"
    assert wire.sent["post_info"] == {
        "title": "Hello #tag",
        "privacy_level": "SELF_ONLY",
        "disable_comment": True,
        "disable_duet": True,
        "is_aigc": False,
        "video_cover_timestamp_ms": 1000,
    }
    assert isinstance(saved, Saved)
    handles = dict(saved.handles)
    age = datetime.now(UTC) - datetime.fromisoformat(handles.pop("at"))
    assert timedelta(0) <= age < timedelta(minutes=1)
    assert len(handles.pop("of")) == 16
    assert handles == {"publish_id": PUBLISH_ID, "upload_url": UPLOAD_URL, "offset": 0, "creator": "me"}


@pytest.mark.parametrize(
    ("size", "chunk_size", "count", "last"),
    [
        (4_194_304, 4_194_304, 1, 4_194_304),
        (19_999_999, 19_999_999, 1, 19_999_999),
        (20_000_000, 10_000_000, 2, 10_000_000),
        (50_000_123, 10_000_000, 5, 10_000_123),
        (1_000_000_001, 10_000_000, 100, 10_000_001),
        (4_000_000_000, 10_000_000, 400, 10_000_000),
    ],
)
def test_prepare__plans_chunks_as_the_guide_says(size: int, chunk_size: int, count: int, last: int) -> None:
    plan = tiktok._chunk_plan(size)
    assert plan == {"video_size": size, "chunk_size": chunk_size, "total_chunk_count": count}
    assert tiktok._chunk((count - 1) * chunk_size, plan) == {
        "first": size - last,
        "length": last,
        "size": size,
    }


def test_prepare__a_small_video_leaves_everything_to_the_send(wire: Wire, video: Media) -> None:
    prepared = uploaded(wire, video)
    assert prepared.request["last_chunk"] == {"first": 0, "length": 4096, "size": 4096, "type": "video/mp4"}
    assert prepared.request["path"] == "/v2/post/publish/video/init/"


def test_prepare__uploads_one_chunk_per_call_and_leaves_the_last_to_the_send(
    wire: Wire, tmp_path: Path
) -> None:
    video = clip(tmp_path, 35_000_000)
    begin(wire)
    at_work, this = session(wire), step(video)
    results: list[Any] = []
    for offset in (0, 10_000_000):
        headers = {"content-range": f"bytes 0-{offset + 9_999_999}/35000000"}
        wire.expect(UPLOAD, 206, headers=headers)
    while not results or isinstance(results[-1], Saved):
        results.append(TIKTOK.prepare(this, at_work))
        this = replace(this, handles=results[-1].handles or {})
    assert [result.handles["offset"] for result in results if result.handles] == [
        0,
        10**7,
        2 * 10**7,
        2 * 10**7,
    ]
    assert results[-1].request["last_chunk"] == {
        "first": 20_000_000,
        "length": 15_000_000,
        "size": 35_000_000,
        "type": "video/mp4",
    }
    first, second = wire.requests[2:]
    assert str(first.url) == UPLOAD_URL
    assert "authorization" not in first.headers
    assert (first.headers["content-type"], first.headers["content-length"]) == ("video/mp4", "10000000")
    assert first.headers["content-range"] == "bytes 0-9999999/35000000"
    assert second.headers["content-range"] == "bytes 10000000-19999999/35000000"
    assert "transfer-encoding" not in first.headers
    assert len(first.content) == 10_000_000


@pytest.fixture
def begun(tmp_path: Path) -> Step:
    """An upload of three chunks that another run began; as far as that run knew, nothing is stored yet."""
    video = clip(tmp_path, 35_000_000)
    this = step(video)
    handles = {
        "publish_id": PUBLISH_ID,
        "upload_url": UPLOAD_URL,
        "offset": 0,
        "at": datetime.now(UTC).isoformat(),
        "of": tiktok._fingerprint(this, tiktok._render(this, SELF, "")),
        "creator": "me",
    }
    return replace(this, handles=handles)


@pytest.mark.parametrize(
    ("stored", "range_"),
    [
        (0, "bytes 0-9999999/35000000"),
        (10_000_000, "bytes 10000000-19999999/35000000"),
        (12_345_678, "bytes 12345678-19999999/35000000"),
    ],
)
def test_prepare__resumes_at_the_offset_that_status_names(
    wire: Wire, begun: Step, stored: int, range_: str
) -> None:
    wire.expect(STATUS, json=ok(status="PROCESSING_UPLOAD", uploaded_bytes=stored))
    wire.expect(UPLOAD, 206)
    saved = TIKTOK.prepare(begun, session(wire))
    assert wire.last.headers["content-range"] == range_
    assert isinstance(saved, Saved)
    assert saved.handles["offset"] % 10_000_000 == 0


def test_prepare__goes_on_with_the_last_chunk_if_only_that_is_missing(wire: Wire, begun: Step) -> None:
    wire.expect(STATUS, json=ok(status="PROCESSING_UPLOAD", uploaded_bytes=20_000_000))
    ready = TIKTOK.prepare(begun, session(wire))
    assert isinstance(ready, Ready)
    assert ready.request["last_chunk"]["first"] == 20_000_000
    assert wire.sent == {"publish_id": PUBLISH_ID}


@pytest.mark.parametrize(
    "data",
    [
        {"status": "PROCESSING_UPLOAD", "uploaded_bytes": 35_000_000},
        {"status": "PUBLISH_COMPLETE"},
        {"status": "SEND_TO_USER_INBOX"},
    ],
)
def test_prepare__an_upload_that_is_whole_after_all_is_not_sent_again(
    wire: Wire, begun: Step, data: dict[str, Any]
) -> None:
    wire.expect(STATUS, json=ok(**data))
    ready = TIKTOK.prepare(begun, session(wire))
    assert isinstance(ready, Ready)
    accepted = TIKTOK.send_step(sent(ready, begun), session(wire))  # without a request
    assert accepted.handles["whole"] is True


@pytest.mark.parametrize(
    "answer",
    [
        (200, ok(status="FAILED", fail_reason="internal", uploaded_bytes=0)),
        (400, no("invalid_publish_id")),
    ],
)
def test_prepare__begins_anew_when_the_handle_is_dead(
    wire: Wire, begun: Step, answer: tuple[int, dict[str, Any]]
) -> None:
    wire.expect(STATUS, answer[0], json=answer[1])
    begin(wire)
    saved = TIKTOK.prepare(begun, session(wire))
    assert isinstance(saved, Saved)
    assert saved.handles["offset"] == 0


def test_prepare__begins_anew_when_the_upload_address_is_nearly_over(wire: Wire, begun: Step) -> None:
    wire.expect(STATUS, json=ok(status="PROCESSING_UPLOAD", uploaded_bytes=20_000_000))
    begin(wire)
    at = (datetime.now(UTC) - timedelta(minutes=56)).isoformat()
    saved = TIKTOK.prepare(replace(begun, handles={**begun.handles, "at": at}), session(wire))
    assert isinstance(saved, Saved)
    assert saved.handles["offset"] == 0


def test_prepare__begins_anew_when_file_or_privacy_are_others_by_now(wire: Wire, begun: Step) -> None:
    for other in (
        replace(begun, media=(replace(begun.media[0], sha256="bb"),)),
        replace(begun, options=PUBLIC),
    ):
        begin(wire)
        assert isinstance(TIKTOK.prepare(other, session(wire)), Saved)


@pytest.mark.parametrize("status", [403, 404])
def test_prepare__an_upload_address_that_is_over_is_replaced_once(
    wire: Wire, begun: Step, status: int
) -> None:
    at_work = session(wire)
    at_work.memo[f"tiktok {PUBLISH_ID}"] = 0
    wire.expect(UPLOAD, status)
    begin(wire)
    wire.expect(UPLOAD, status)
    lost = TIKTOK.prepare(begun, at_work)
    assert isinstance(lost, Saved)
    anew = TIKTOK.prepare(replace(begun, handles=lost.handles), at_work)
    assert isinstance(anew, Saved)
    with pytest.raises(PlatformFailure) as caught:
        TIKTOK.prepare(replace(begun, handles=anew.handles), at_work)
    assert caught.value.retryable


def test_prepare__an_address_that_the_last_chunk_was_refused_at_is_tried_twice(
    wire: Wire, begun: Step
) -> None:
    missing = ok(status="PROCESSING_UPLOAD", uploaded_bytes=20_000_000)
    for _ in range(2):
        wire.expect(STATUS, json=missing)
        ready = TIKTOK.prepare(begun, session(wire))
        assert isinstance(ready, Ready)
        begun = replace(begun, handles=ready.handles or {})
    wire.expect(STATUS, json=missing)
    begin(wire)
    assert isinstance(TIKTOK.prepare(begun, session(wire)), Saved)


def test_prepare__a_chunk_that_is_there_already_is_skipped(wire: Wire, begun: Step) -> None:
    wire.expect(STATUS, json=ok(status="PROCESSING_UPLOAD"))  # without uploaded_bytes
    wire.expect(UPLOAD, 416, headers={"content-range": "bytes 0-9999999/35000000"})
    saved = TIKTOK.prepare(begun, session(wire))
    assert isinstance(saved, Saved)
    assert saved.handles["offset"] == 10_000_000


@pytest.mark.parametrize("said", ["", "bytes */35000000", "bytes 0-4/35000000"])
def test_prepare__a_range_that_leads_nowhere_is_asked_about_in_the_next_run(
    wire: Wire, begun: Step, said: str
) -> None:
    wire.expect(STATUS, json=ok(status="PROCESSING_UPLOAD", uploaded_bytes=10_000_000))
    wire.expect(UPLOAD, 416, headers={"content-range": said})
    at_work = session(wire)
    with pytest.raises(PlatformFailure) as caught:
        TIKTOK.prepare(begun, at_work)
    assert caught.value.retryable
    assert at_work.memo == {}


def test_prepare__after_a_chunk_without_answer_status_is_asked(wire: Wire, begun: Step) -> None:
    at_work = session(wire)
    at_work.memo[f"tiktok {PUBLISH_ID}"] = 0
    wire.expect(UPLOAD, httpx.ReadError("reset"))
    with pytest.raises(Unavailable):
        TIKTOK.prepare(begun, at_work)
    wire.expect(STATUS, json=ok(status="PROCESSING_UPLOAD", uploaded_bytes=10_000_000))
    wire.expect(UPLOAD, 206)
    TIKTOK.prepare(begun, at_work)
    assert wire.last.headers["content-range"] == "bytes 10000000-19999999/35000000"


def test_prepare__an_unanswered_announcement_is_harmless(wire: Wire, video: Media) -> None:
    wire.expect(CREATOR_INFO, json=ok(**CREATOR))
    wire.expect(INIT_VIDEO, httpx.ReadError("reset"))
    with pytest.raises(Unavailable):
        TIKTOK.prepare(step(video), session(wire))


def test_prepare__behind_a_base_url_everything_goes_there(wire: Wire, begun: Step) -> None:
    wire.expect(
        "POST /tiktok/v2/post/publish/status/fetch/", json=ok(status="PROCESSING_UPLOAD", uploaded_bytes=0)
    )
    wire.expect("PUT /tiktok/video/", 206)
    TIKTOK.prepare(begun, session(wire, base_url="http://127.0.0.1:1/tiktok"))
    assert str(wire.last.url) == "http://127.0.0.1:1/tiktok/video/?upload_id=6&upload_token=X"


# --- prepare: what TikTok fetches --------------------------------------------------------------------------


def test_prepare__photos_are_rendered_with_their_addresses(wire: Wire) -> None:
    wire.expect(CREATOR_INFO, json=ok(**CREATOR))
    options = PUBLIC | {"title": "t", "auto_add_music": True, "photo_cover_index": 1}
    ready = TIKTOK.prepare(step(photo(1), photo(2), options=options), session(wire, disable_duet="true"))
    assert ready == Ready(
        request={
            "path": "/v2/post/publish/content/init/",
            "body": {
                "media_type": "PHOTO",
                "post_mode": "DIRECT_POST",
                "post_info": {
                    "title": "t",
                    "description": "Hello #tag",
                    "privacy_level": "PUBLIC_TO_EVERYONE",
                    "auto_add_music": True,
                },
                "source_info": {
                    "source": "PULL_FROM_URL",
                    "photo_cover_index": 1,
                    "photo_images": ["https://cdn.example.com/1.jpg", "https://cdn.example.com/2.jpg"],
                },
            },
        },
        handles={"creator": "me"},
    )


def test_prepare__photos_for_the_inbox_have_texts_and_no_privacy(wire: Wire) -> None:
    ready = TIKTOK.prepare(step(photo(), options={"mode": "inbox", "title": "t"}), session(wire))
    assert isinstance(ready, Ready)
    body = ready.request["body"]
    assert body["post_mode"] == "MEDIA_UPLOAD"
    assert body["post_info"] == {"title": "t", "description": "Hello #tag"}


def test_prepare__a_video_to_be_fetched_is_sent_in_one_request(wire: Wire, video: Media) -> None:
    wire.expect(CREATOR_INFO, json=ok(**CREATOR))
    ready = TIKTOK.prepare(step(video, options=SELF | {"source": "pull"}), session(wire))
    assert isinstance(ready, Ready)
    assert ready.request["path"] == "/v2/post/publish/video/init/"
    assert ready.request["body"]["source_info"] == {
        "source": "PULL_FROM_URL",
        "video_url": "https://cdn.example.com/cat.mp4",
    }


def test_prepare__an_earlier_handle_does_not_stick_to_a_new_try(wire: Wire) -> None:
    wire.expect(CREATOR_INFO, json=ok(**CREATOR))
    ready = TIKTOK.prepare(step(photo(), handles={"publish_id": "p_pub_url~v2.1"}), session(wire))
    assert ready.handles == {"creator": "me"}


# --- send_step ---------------------------------------------------------------------------------------------


def test_send_step__streams_the_last_chunk_unsigned_and_waits_for_the_word(wire: Wire, video: Media) -> None:
    prepared = uploaded(wire, video)
    wire.expect(UPLOAD, 201)
    accepted = TIKTOK.send_step(prepared, session(wire))
    assert accepted == Accepted(handles={**prepared.handles, "whole": True}, seconds=10)
    assert str(wire.last.url) == UPLOAD_URL
    assert wire.last.headers["content-range"] == "bytes 0-4095/4096"
    assert wire.last.headers["content-length"] == "4096"
    assert wire.last.headers["content-type"] == "video/mp4"
    assert "authorization" not in wire.last.headers
    assert wire.last.content == bytes(4096)


@pytest.mark.parametrize("status", [200, 206, 416, 500])
def test_send_step__any_answer_but_201_to_the_last_chunk_proves_nothing(
    wire: Wire, video: Media, status: int
) -> None:
    prepared = uploaded(wire, video)
    wire.expect(UPLOAD, status)
    at_work = session(wire)
    with pytest.raises(OutcomeUnknown):
        TIKTOK.send_step(prepared, at_work)
    assert at_work.visible == "open"


@pytest.mark.parametrize(("status", "retryable"), [(403, True), (404, True), (400, False)])
def test_send_step__a_refused_chunk_says_nothing_of_content_or_token(
    wire: Wire, video: Media, status: int, retryable: bool
) -> None:
    prepared = uploaded(wire, video)
    wire.expect(UPLOAD, status)
    with pytest.raises(PlatformFailure) as caught:
        TIKTOK.send_step(prepared, session(wire))
    assert caught.value.retryable is retryable


def test_send_step__a_file_that_is_gone_is_known_before_a_byte_is_sent(wire: Wire, video: Media) -> None:
    prepared = uploaded(wire, video)
    assert video.path is not None
    video.path.unlink()
    at_work = session(wire)
    with pytest.raises(Rejected):
        TIKTOK.send_step(prepared, at_work)
    assert at_work.visible == "unsent"


def test_send_step__photos_are_out_once_they_have_a_handle(wire: Wire) -> None:
    wire.expect(INIT_PHOTOS, json=ok(publish_id="p_pub_url~v2.1"))
    prepared = pulled()
    accepted = TIKTOK.send_step(prepared, session(wire))
    assert accepted == Accepted(handles={"creator": "me", "publish_id": "p_pub_url~v2.1"}, seconds=10)
    assert wire.sent == prepared.request["body"]
    assert wire.last.headers["content-type"] == "application/json; charset=UTF-8"
    assert wire.last.headers["authorization"] == f"Bearer {TOKEN}"


@pytest.mark.parametrize("body", [{}, [], ok(), no("spam_risk_too_many_posts"), no("internal_error")])
def test_send_step__without_a_handle_the_outcome_is_unknown(wire: Wire, body: Any) -> None:
    wire.expect(INIT_PHOTOS, json=body)
    at_work = session(wire)
    with pytest.raises(OutcomeUnknown):
        TIKTOK.send_step(pulled(), at_work)
    assert at_work.visible == "open"


# tiktok-api-v2-error-handling, and the error tables of the endpoints
@pytest.mark.parametrize(
    ("status", "code", "error", "retryable"),
    [
        (400, "invalid_param", Rejected, False),
        (400, "invalid_params", Rejected, False),
        (400, "invalid_file_upload", Rejected, False),
        (400, "invalid_publish_id", PlatformFailure, False),
        (400, "token_not_authorized_for_specified_publish_id", PlatformFailure, False),
        (401, "access_token_invalid", AuthExpired, False),
        (401, "scope_not_authorized", AuthExpired, False),
        (401, "scope_permission_missed", AuthExpired, False),
        (403, "spam_risk_too_many_posts", RateLimited, True),
        (403, "spam_risk_too_many_pending_share", RateLimited, True),
        (403, "reached_active_user_cap", RateLimited, True),
        (403, "spam_risk_user_banned_from_posting", PlatformFailure, False),
        (403, "unaudited_client_can_only_post_to_private_accounts", PlatformFailure, False),
        (403, "url_ownership_unverified", Rejected, False),
        (403, "privacy_level_option_mismatch", Rejected, False),
        (403, "something_new", PlatformFailure, False),
        (429, "rate_limit_exceeded", RateLimited, True),
    ],
)
def test_send_step__classifies_documented_refusals(
    wire: Wire, status: int, code: str, error: type[PlatformError], retryable: bool
) -> None:
    wire.expect(INIT_PHOTOS, status, json=no(code, "Sorry."))
    at_work = session(wire)
    with pytest.raises(error, match=f"HTTP {status}: {code}: Sorry.") as caught:
        TIKTOK.send_step(pulled(), at_work)
    assert type(caught.value) is error
    assert caught.value.retryable is retryable
    assert at_work.visible == "refused"
    if error is RateLimited:
        assert caught.value.retry_after == (60 if status == 429 else 86_400)
        (seen,) = at_work.seen
        assert (seen.family, seen.blocked, seen.retry_after) == ("publish", True, caught.value.retry_after)


def test_explain__the_code_counts_whatever_the_status(wire: Wire) -> None:
    import json

    for status in (200, 400, 403, 500):
        body = json.dumps(no("access_token_invalid")).encode()
        assert isinstance(session(wire).explain(Answer(status=status, headers={}, body=body)), AuthExpired)


def test_limits__a_limited_question_does_not_speak_of_publishing(wire: Wire, video: Media) -> None:
    prepared = uploaded(wire, video)
    wire.expect(STATUS, 429, json=no("rate_limit_exceeded"))
    at_work = session(wire)
    with pytest.raises(RateLimited) as caught:
        TIKTOK.reconcile(prepared, at_work)
    assert caught.value.retry_after == 60
    assert [seen.family for seen in at_work.seen] == ["read"]


# --- reconcile by the handle -------------------------------------------------------------------------------


def look(wire: Wire, prepared: PreparedStep, **data: Any) -> Look:
    wire.expect(STATUS, json=ok(**data))
    found = TIKTOK.reconcile(prepared, session(wire))
    assert wire.sent == {"publish_id": PUBLISH_ID}
    return found


@pytest.mark.parametrize("name", ["publicaly_available_post_id", "publicly_available_post_id"])
def test_reconcile__the_public_id_is_a_big_number_kept_as_text(wire: Wire, video: Media, name: str) -> None:
    found = look(
        wire, uploaded(wire, video, PUBLIC), status="PUBLISH_COMPLETE", **{name: [7512345678901234567]}
    )
    assert found.matches == (
        Confirmed(
            remote_id="7512345678901234567", url="https://www.tiktok.com/@me/video/7512345678901234567"
        ),
    )


@pytest.mark.parametrize(("options", "provisional"), [(PUBLIC, True), (SELF, False)])
def test_reconcile__a_public_post_is_named_later_and_others_never(
    wire: Wire, video: Media, options: dict[str, str], provisional: bool
) -> None:
    prepared = uploaded(wire, video, options)
    found = look(wire, prepared, status="PUBLISH_COMPLETE", publicaly_available_post_id=[])
    assert found.matches == (Confirmed(remote_id=PUBLISH_ID, provisional=provisional),)


def test_reconcile__in_the_inbox_it_has_arrived(wire: Wire) -> None:
    prepared = pulled({"mode": "inbox"}, publish_id=PUBLISH_ID)
    found = look(wire, prepared, status="SEND_TO_USER_INBOX")
    assert found.matches == (Confirmed(remote_id=PUBLISH_ID),)


@pytest.mark.parametrize(
    "data",
    [
        {"status": "PROCESSING_UPLOAD", "uploaded_bytes": 4096},
        {"status": "PROCESSING_UPLOAD"},
        {"status": "PROCESSING_DOWNLOAD"},
        {"status": "SOMETHING_NEW"},
    ],
)
def test_reconcile__work_in_progress_is_waited_for(wire: Wire, video: Media, data: dict[str, Any]) -> None:
    assert look(wire, uploaded(wire, video), **data) == Look(waiting_seconds=10)


def test_reconcile__bytes_that_are_missing_prove_that_the_last_chunk_never_arrived(
    wire: Wire, video: Media
) -> None:
    prepared = uploaded(wire, video)
    assert look(wire, prepared, status="PROCESSING_UPLOAD", uploaded_bytes=0) == Look(complete=True)


def test_reconcile__an_upload_that_tiktok_called_whole_is_never_absent(wire: Wire, video: Media) -> None:
    prepared = uploaded(wire, video, whole=True)
    assert look(wire, prepared, status="PROCESSING_UPLOAD", uploaded_bytes=0) == Look(waiting_seconds=10)


# content-posting-api-reference-get-video-status, fail reasons
@pytest.mark.parametrize(
    ("reason", "error", "retryable"),
    [
        ("file_format_check_failed", Rejected, False),
        ("duration_check_failed", Rejected, False),
        ("frame_rate_check_failed", Rejected, False),
        ("picture_size_check_failed", Rejected, False),
        ("spam_risk_text", Rejected, False),
        ("internal", PlatformFailure, True),
        ("video_pull_failed", Unavailable, True),
        ("photo_pull_failed", Unavailable, True),
        ("publish_cancelled", PlatformFailure, False),
        ("auth_removed", AuthExpired, False),
        ("spam_risk_too_many_posts", RateLimited, True),
        ("spam_risk", PlatformFailure, False),
        ("spam_risk_user_banned_from_posting", PlatformFailure, False),
        ("something_new", PlatformFailure, False),
    ],
)
def test_reconcile__a_failed_post_says_why(
    wire: Wire, video: Media, reason: str, error: type[PlatformError], retryable: bool
) -> None:
    failure = look(wire, uploaded(wire, video), status="FAILED", fail_reason=reason).failure
    assert type(failure) is error
    assert failure.retryable is retryable
    assert reason in failure.message


def test_reconcile__a_forgotten_handle_proves_nothing(wire: Wire, video: Media) -> None:
    prepared = uploaded(wire, video)
    wire.expect(STATUS, 400, json=no("invalid_publish_id"))
    assert TIKTOK.reconcile(prepared, session(wire)) == Look(complete=False)


def test_reconcile__a_handle_of_another_token_is_an_error(wire: Wire, video: Media) -> None:
    prepared = uploaded(wire, video)
    wire.expect(STATUS, 400, json=no("token_not_authorized_for_specified_publish_id"))
    with pytest.raises(PlatformFailure):
        TIKTOK.reconcile(prepared, session(wire))


# --- reconcile without a handle ----------------------------------------------------------------------------


def item(number: int, created: datetime, text: str = "Hello #tag") -> dict[str, Any]:
    """tiktok-api-v2-video-list"""
    return {
        "id": str(7512345678901234500 + number),
        "create_time": int(created.timestamp()),
        "video_description": text,
        "title": text,
    }


def videos(*items: dict[str, Any], **page: Any) -> dict[str, Any]:
    return ok(videos=list(items), **{"has_more": False, "cursor": 0, **page})


def me(wire: Wire, open_id: str = "u1") -> None:
    wire.expect("GET /v2/user/info/", json=ok(user={"open_id": open_id, "display_name": "Me"}))
    wire.expect(CREATOR_INFO, json=ok(**CREATOR))


def test_reconcile__finds_a_public_post_whose_handle_was_lost(wire: Wire) -> None:
    second = timedelta(seconds=1)
    wire.expect(
        LIST,
        json=videos(
            item(3, SENT_AT + 2 * second, "Another"),
            item(2, SENT_AT + second, "Hello  #Tag"),
            item(1, SENT_AT - 61 * second),
        ),
    )
    me(wire)
    found = TIKTOK.reconcile(pulled(), session(wire))
    assert [match.remote_id for match in found.matches] == ["7512345678901234502"]
    assert found.matches[0].url == "https://www.tiktok.com/@me/video/7512345678901234502"
    listed = wire.requests[0]
    assert dict(listed.url.params) == {"fields": "id,create_time,title,video_description"}
    assert listed.content == b'{"max_count":20}'


def test_reconcile__pages_back_to_the_first_send(wire: Wire) -> None:
    later = SENT_AT + timedelta(hours=1)
    cursor = int(later.timestamp() * 1000)
    wire.expect(LIST, json=videos(item(2, later, "Another"), has_more=True, cursor=cursor))
    wire.expect(LIST, json=videos(item(1, SENT_AT)))
    me(wire)
    assert len(TIKTOK.reconcile(pulled(), session(wire)).matches) == 1
    assert wire.requests[1].content == b'{"max_count":20,"cursor":%d}' % cursor


@pytest.mark.parametrize(
    ("age", "open_id", "complete"),
    [
        (timedelta(hours=25), "u1", True),
        (timedelta(hours=25), "somebody else", False),
        (timedelta(hours=23), None, False),
    ],
)
def test_reconcile__absence_counts_after_a_day_and_for_the_same_account(
    wire: Wire, age: timedelta, open_id: str | None, complete: bool
) -> None:
    wire.expect(LIST, json=videos())
    if open_id:
        me(wire, open_id)
    prepared = replace(pulled(), first_sending_at=datetime.now(UTC) - age)
    assert TIKTOK.reconcile(prepared, session(wire)) == Look(certain=False, complete=complete)


def test_reconcile__a_post_without_words_is_not_told_from_one_that_the_owner_made(wire: Wire) -> None:
    wire.expect(LIST, json=videos(item(1, SENT_AT, "")))
    assert TIKTOK.reconcile(pulled(text=""), session(wire)) == Look(complete=False)


@pytest.mark.parametrize("options", [SELF, {"mode": "inbox"}])
def test_reconcile__what_is_in_no_list_is_not_looked_for(wire: Wire, options: dict[str, str]) -> None:
    assert TIKTOK.reconcile(pulled(options), session(wire)) == Look(complete=False)


def test_reconcile__without_the_scope_to_list_nothing_is_proven(wire: Wire) -> None:
    wire.expect(LIST, 401, json=no("scope_not_authorized"))
    assert TIKTOK.reconcile(pulled(), session(wire)) == Look(certain=False, complete=False)


def test_reconcile__a_refused_token_is_no_empty_list(wire: Wire) -> None:
    wire.expect(LIST, 401, json=no("access_token_invalid"))
    with pytest.raises(AuthExpired):
        TIKTOK.reconcile(pulled(), session(wire))


def test_reconcile__finds_photos_with_a_title_again(wire: Wire) -> None:
    for shown in ("Hello #tag", "t Hello #tag"):
        wire.expect(LIST, json=videos(item(1, SENT_AT, shown)))
        me(wire)
        assert len(TIKTOK.reconcile(pulled(PUBLIC | {"title": "t"}), session(wire)).matches) == 1


# --- read_metrics ------------------------------------------------------------------------------------------


QUERY = "POST /v2/video/query/"


def test_read_metrics__asks_for_public_videos_at_once(wire: Wire) -> None:
    video = {"id": "7512", "view_count": 900, "like_count": 20, "comment_count": 3, "share_count": 0}
    wire.expect(QUERY, json=ok(videos=[video, {"id": 7513, "view_count": "12"}]))
    found = TIKTOK.read_metrics(["7512", "7513"], session(wire))
    assert wire.last.url.params["fields"] == "id,view_count,like_count,comment_count,share_count"
    assert wire.sent == {"filters": {"video_ids": ["7512", "7513"]}}
    raw = {name: number for name, number in video.items() if name != "id"}
    assert found == {
        "7512": Reading(views=900, likes=20, comments=3, shares=0, raw=raw),
        "7513": Reading(views=12, raw={"view_count": 12}),
    }


def test_read_metrics__a_missing_video_was_not_answered_about(wire: Wire) -> None:
    """It may be private by now: TikTok leaves both kinds out without a word."""
    wire.expect(QUERY, json=ok(videos=[]))
    assert TIKTOK.read_metrics(["7512"], session(wire)) == {}


def test_read_metrics__asks_nothing_about_a_post_without_a_public_id(wire: Wire) -> None:
    [closed] = TIKTOK.read_metrics([PUBLISH_ID], session(wire)).values()
    assert isinstance(closed, Closed)
    assert "public posts alone" in str(closed.error)
    wire.expect(QUERY, json=ok(videos=[{"id": "7512", "view_count": 1}]))
    found = TIKTOK.read_metrics(["p_pub_url~v2.1", "7512"], session(wire))
    assert wire.sent == {"filters": {"video_ids": ["7512"]}}
    assert [type(answer) for answer in found.values()] == [Closed, Reading]


@pytest.mark.parametrize(
    ("status", "code"), [(401, "scope_not_authorized"), (401, "scope_permission_missed")]
)
def test_read_metrics__is_closed_without_the_scope(wire: Wire, status: int, code: str) -> None:
    wire.expect(QUERY, status, json=no(code))
    closed = TIKTOK.read_metrics(["7512"], session(wire))["7512"]
    assert isinstance(closed, Closed)
    assert closed.error.error_class == "auth_expired"


@pytest.mark.parametrize(
    ("status", "body", "kind"),
    [
        (401, no("access_token_invalid"), AuthExpired),
        (429, no("rate_limit_exceeded"), RateLimited),
        (500, no("internal_error"), Unavailable),
        (400, no("invalid_params"), Rejected),
        (200, no("internal_error"), Unavailable),
        (200, ok(), PlatformFailure),
        (200, {"videos": []}, PlatformFailure),
        (200, ok(videos=[{"view_count": 1}]), PlatformFailure),
    ],
)
def test_read_metrics__trouble_is_an_error(
    wire: Wire, status: int, body: dict[str, Any], kind: type[PlatformError]
) -> None:
    for _ in range(3 if status == 500 else 1):  # quick repeats of a read
        wire.expect(QUERY, status, json=body)
    with pytest.raises(kind):
        TIKTOK.read_metrics(["7512"], session(wire))


# --- tokens ------------------------------------------------------------------------------------------------

# oauth-user-access-token-management
GRANTED = {
    "open_id": "u1",
    "scope": "user.info.basic,video.publish",
    "access_token": "act.new",
    "expires_in": 7200,
    "refresh_token": "rft.new",
    "refresh_expires_in": 15552000,
    "token_type": "Bearer",
}
OLD = {"access_token": "act.old", "refresh_token": "rft.old", "expires_at": "2026-11-01T00:00:00Z"}


def near(moment: datetime | None, seconds: float) -> bool:
    return moment is not None and abs((moment - datetime.now(UTC)).total_seconds() - seconds) < 60


def test_refresh__trades_the_pair_and_believes_the_lifetimes_told(wire: Wire) -> None:
    wire.expect("POST /v2/oauth/token/", json=GRANTED)
    tokens = TIKTOK.refresh(account(), OLD, APP, wire.http)
    assert tokens.credentials == {"access_token": "act.new", "refresh_token": "rft.new"}
    assert near(tokens.expires_at, 7200)
    assert near(tokens.refresh_expires_at, 15_552_000)
    assert form_body(wire.last) == {
        "client_key": "the-key",
        "client_secret": "the-secret",
        "grant_type": "refresh_token",
        "refresh_token": "rft.old",
    }
    assert "authorization" not in wire.last.headers


def test_refresh__keeps_the_old_refresh_token_where_no_new_one_comes(wire: Wire) -> None:
    wire.expect("POST /v2/oauth/token/", json={"access_token": "act.new", "expires_in": 86400})
    tokens = TIKTOK.refresh(account(), OLD, APP, wire.http)
    assert tokens.credentials["refresh_token"] == "rft.old"
    assert tokens.refresh_expires_at is None


# oauth-error-handling
@pytest.mark.parametrize("status", [200, 400, 401])
@pytest.mark.parametrize("error", ["invalid_grant", "invalid_client", "invalid_request"])
def test_refresh__a_refusal_is_told_by_the_body_even_with_status_200(
    wire: Wire, status: int, error: str
) -> None:
    body = {"error": error, "error_description": "Refresh token is invalid or expired.", "log_id": "1"}
    wire.expect("POST /v2/oauth/token/", status, json=body)
    with pytest.raises(AuthExpired, match="invalid or expired"):
        TIKTOK.refresh(account(), OLD, APP, wire.http)


@pytest.mark.parametrize(
    ("status", "body"),
    [
        (200, {"error": "server_error"}),
        (400, {"error": "temporarily_unavailable"}),
        (500, {}),
        (429, {"error": "rate_limit_exceeded"}),
    ],
)
def test_refresh__trouble_disconnects_nobody(wire: Wire, status: int, body: dict[str, str]) -> None:
    wire.expect("POST /v2/oauth/token/", status, json=body)
    with pytest.raises(PlatformError) as caught:
        TIKTOK.refresh(account(), OLD, APP, wire.http)
    assert caught.value.retryable
    assert not isinstance(caught.value, AuthExpired)


def test_refresh__without_the_apps_credentials_says_which_to_set(wire: Wire) -> None:
    with pytest.raises(PlatformFailure) as caught:
        TIKTOK.refresh(account(), OLD, App(), wire.http)
    assert "TIKTOK_CLIENT_KEY" in (caught.value.hint or "")


def test_identify__names_the_open_id_and_the_user(wire: Wire) -> None:
    me(wire)
    identity = TIKTOK.identify(session(wire))
    assert (identity.external_id, identity.handle) == ("u1", "me")
    assert dict(wire.requests[0].url.params) == {"fields": "open_id,display_name"}


def test_identify__a_daily_cap_does_not_hide_who_it_is(wire: Wire) -> None:
    wire.expect("GET /v2/user/info/", json=ok(user={"open_id": "u1", "display_name": "Me"}))
    wire.expect(CREATOR_INFO, json=no("spam_risk_too_many_posts"))
    assert TIKTOK.identify(session(wire)).handle == "Me"


def test_connect_accounts__trades_the_code_and_names_the_account(wire: Wire) -> None:
    wire.expect("POST /v2/oauth/token/", json=GRANTED)
    me(wire)
    grant = Grant(code="c/1*", redirect_uri="http://127.0.0.1:8080/", code_verifier="v" * 43)
    (found,) = TIKTOK.connect_accounts(grant, APP, {}, wire.http)
    assert form_body(wire.requests[0]) == {
        "client_key": "the-key",
        "client_secret": "the-secret",
        "grant_type": "authorization_code",
        "code": "c/1*",
        "redirect_uri": "http://127.0.0.1:8080/",
        "code_verifier": "v" * 43,
    }
    assert (found.external_id, found.handle) == ("u1", "me")
    assert found.scopes == ("user.info.basic", "video.publish")
    assert found.tokens.credentials == {"access_token": "act.new", "refresh_token": "rft.new"}
    assert near(found.tokens.refresh_expires_at, 15_552_000)
    assert wire.last.headers["authorization"] == "Bearer act.new"


def test_connect_accounts__a_used_code_is_refused_with_status_200(wire: Wire) -> None:
    wire.expect("POST /v2/oauth/token/", json={"error": "invalid_grant", "error_description": "Used."})
    with pytest.raises(AuthExpired, match="Used"):
        TIKTOK.connect_accounts(Grant(code="c", redirect_uri="http://127.0.0.1/"), APP, {}, wire.http)
