"""YouTube: requests and documented answers.

Recordings follow https://developers.google.com/youtube/v3/guides/using_resumable_upload_protocol,
https://developers.google.com/youtube/v3/docs/ {videos/insert, videos/list, thumbnails/set, channels/list,
playlistItems/list, errors} and https://developers.google.com/identity/protocols/oauth2/native-app.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from hashlib import sha256
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
    Account,
    Closed,
    Confirmed,
    Gone,
    Media,
    PreparedStep,
    Reading,
    Ready,
    Saved,
    Step,
)
from socialcron.platforms.base import App, Grant
from socialcron.platforms.http import Session
from socialcron.platforms.youtube import YouTube
from tests.contract.conftest import Wire
from tests.contract.sample import FILM, Kind, Sample, says

SAMPLE = Sample(
    credentials={"access_token": "secret-access"},
    request={
        "offset": 0,
        "size": 11,
        "content_type": "video/mp4",
        "video": {"snippet": {"title": "Hello"}, "status": {"privacyStatus": "private"}},
    },
    handles={"session_uri": "/upload/youtube/v3/videos", "size": 11},
    created=(200, {"kind": "youtube#video", "id": "dQw4w9WgXcQ"}),
    renewable={"access_token": "secret-access", "refresh_token": "secret-refresh"},
    plain=None,
    options={"title": "A cat"},
    attachment=("cat.mp4", "video/mp4"),
    body=None,
    file_bytes=b"video bytes",
)

KINDS = (
    Kind("youtube", "video", says("A film", FILM)),
    Kind("youtube", "long video", says("A long film", {"source": "long.mp4"})),
    Kind(
        "youtube",
        "thumbnail",
        says("A film", FILM, variants={"youtube": {"thumbnail": {"source": "cat.jpg"}}}),
    ),
)

YOUTUBE = YouTube()
SENT_AT = datetime(2026, 9, 1, 8, 0, 0, tzinfo=UTC)
TOKEN = "ya29.token"
UPLOAD = "/upload/youtube/v3/videos"
URI = f"https://www.googleapis.com{UPLOAD}?uploadType=resumable&upload_id=AB"
GRAIN = 262_144
PIECE = 8 * 2**20
VIDEO = {
    "kind": "youtube#video",
    "id": "dQw4w9WgXcQ",
    "status": {"uploadStatus": "uploaded", "privacyStatus": "private"},
}
DATE = {"date": "Tue, 01 Sep 2026 07:00:00 GMT"}


def account(**settings: str) -> Account:
    return Account(id=1, platform="youtube", handle="me", external_id="UC1", settings=settings)


def session(wire: Wire, **settings: str) -> Session:
    return YOUTUBE.connect(account(**settings), {"access_token": TOKEN}, App(), wire.http)


def clip(folder: Path, size: int) -> Media:
    path = folder / "cat.mp4"
    path.write_bytes(bytes(number % 251 for number in range(1000)) * (size // 1000 + 1))
    with path.open("r+b") as file:
        file.truncate(size)
    return Media(
        source="cat.mp4",
        path=path,
        mime_type="video/mp4",
        size_bytes=size,
        sha256=sha256(path.read_bytes()).hexdigest(),
    )


def step(*media: Media, text: str = "Launch\nNotes", **parts: Any) -> Step:
    return Step(number=0, kind="post", text=text, media=media, key="the-key", **parts)


def handles_for(media: Media, **more: Any) -> dict[str, Any]:
    return {
        "session_uri": URI,
        "size": media.size_bytes,
        "sha256": media.sha256,
        "started_at": "2026-09-01T07:00:00+00:00",
        "offset": 0,
        **more,
    }


def prepared(media: Media, offset: int = 0) -> PreparedStep:
    return PreparedStep(
        number=0,
        kind="post",
        key="the-key",
        request={
            "offset": offset,
            "size": media.size_bytes,
            "content_type": "video/mp4",
            "video": {"snippet": {"title": "Launch"}, "status": {"privacyStatus": "private"}},
        },
        media=(media,),
        handles=handles_for(media),
        first_sending_at=SENT_AT,
        sends=1,
    )


def error(reason: str, **more: Any) -> dict[str, Any]:
    """https://developers.google.com/youtube/v3/docs/errors"""
    return {
        "error": {
            "code": 403,
            "message": "Words.",
            "errors": [{"message": "Words.", "reason": reason, **more}],
        }
    }


# --- validate ----------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("wrong", "field", "words"),
    [
        ({"media": []}, "media", "0 attachments; it must be 1"),
        ({"media": [("video/mp4", 1)] * 2}, "media", "2 attachments; it must be 1"),
        ({"media": [("image/png", 1)]}, "media[1]", "image/png"),
        ({"media": [("video/mp4", 256 * 2**30 + 1)]}, "media[1]", "at most 274877906944"),
        ({"media": [("video/mp4", 0)]}, "media[1]", "at least 1"),
        ({"text": " "}, "text", "needs a title"),
        ({"text": "x" * 101}, "text", "title of 101 characters, at most 100 (its first line"),
        ({"options": {"title": "x" * 101}}, "options.title", "101 characters, at most 100"),
        ({"options": {"title": "1 < 2"}}, "options.title", "no < or >"),
        ({"text": "1 > 0"}, "text", "no < or > in a description"),
        ({"text": "x\n" + "ü" * 2500}, "text", "5002 bytes in UTF-8, at most 5000"),
        (
            {"options": {"tags": ["x" * 250, "y" * 250]}},
            "options.tags",
            "501 characters in total, at most 500",
        ),
        ({"options": {"tags": "x y," + "z" * 495}}, "options.tags", "501 characters in total, at most 500"),
        ({"options": {"tags": {"a": 1}}}, "options.tags", "neither a text nor a list"),
        ({"options": {"publish_at": "0001-01-01T00:00:00+14:00"}}, "options.publish_at", "no moment"),
        ({"options": {"category_id": "Comedy"}}, "options.category_id", "'Comedy'"),
        (
            {"options": {"privacy_status": "friends"}},
            "options.privacy_status",
            "'friends' is none of private",
        ),
        ({"options": {"publish_at": "tomorrow"}}, "options.publish_at", "'tomorrow'"),
        ({"options": {"publish_at": "2026-12-01T09:00:00"}}, "options.publish_at", "offset"),
        (
            {"options": {"publish_at": "2026-12-01T09:00:00Z", "privacy_status": "public"}},
            "options.publish_at",
            "needs privacy_status private, not 'public'",
        ),
        ({"options": {"made_for_kids": "maybe"}}, "options.made_for_kids", "'maybe'"),
    ],
)
def test_validate__names_field_measure_and_limit(wrong: dict[str, Any], field: str, words: str) -> None:
    wrong = dict(wrong)
    media = [
        Media(source="f", mime_type=kind, size_bytes=size)
        for kind, size in wrong.pop("media", [("video/mp4", 1)])
    ]
    (problem,) = YOUTUBE.validate([step(*media, **wrong)], {})
    assert problem.field == field
    assert words in problem.message


def test_validate__the_posts_own_choices_go_before_the_accounts() -> None:
    video = Media(source="f", mime_type="video/mp4", size_bytes=1)
    good = {"privacy_status": "private", "publish_at": "2026-12-01T10:00:00+01:00", "made_for_kids": False}
    assert YOUTUBE.validate([step(video, options=good)], {"privacy_status": "public"}) == []


@pytest.mark.parametrize(
    ("kind", "size", "words"), [("image/gif", 1, "image/gif"), ("image/png", 2**21 + 1, "at most 2097152")]
)
def test_validate__a_thumbnail_is_a_small_jpeg_or_png(kind: str, size: int, words: str) -> None:
    video = Media(source="f", mime_type="video/mp4", size_bytes=1)
    image = Media(source="t", mime_type=kind, size_bytes=size)
    thumbnail = Step(number=1, kind="thumbnail", text="", media=(image,))
    (problem,) = YOUTUBE.validate([step(video), thumbnail], {})
    assert problem.field == "thumbnail[1]"
    assert words in problem.message


# --- prepare -----------------------------------------------------------------------------------------------


def test_prepare__begins_a_session_with_the_metadata(wire: Wire, tmp_path: Path) -> None:
    video = clip(tmp_path, 1000)
    wire.expect(f"POST {UPLOAD}", headers={"location": URI, **DATE})
    options = {
        "tags": "a, b",
        "category_id": 22,
        "publish_at": "2026-09-02T10:00:00+02:00",
        "made_for_kids": "false",
        "contains_synthetic_media": True,
        "notify_subscribers": False,
    }
    saved = YOUTUBE.prepare(step(video, options=options, link="https://a.example"), session(wire))
    announced = {"video": wire.sent, "query": dict(wire.last.url.params)}
    assert saved == Saved(handles=handles_for(video, announced=announced))
    assert dict(wire.last.url.params) == {
        "uploadType": "resumable",
        "part": "snippet,status",
        "notifySubscribers": "false",
    }
    assert wire.last.headers["authorization"] == f"Bearer {TOKEN}"
    assert wire.last.headers["content-type"] == "application/json; charset=UTF-8"
    assert wire.last.headers["x-upload-content-type"] == "video/mp4"
    assert wire.last.headers["x-upload-content-length"] == "1000"
    assert wire.sent == {
        "snippet": {
            "title": "Launch",
            "description": "Launch\nNotes\nhttps://a.example",
            "tags": ["a", "b"],
            "categoryId": "22",
        },
        "status": {
            "privacyStatus": "private",
            "publishAt": "2026-09-02T08:00:00Z",
            "selfDeclaredMadeForKids": False,
            "containsSyntheticMedia": True,
        },
    }


def test_prepare__leaves_out_what_nobody_chose(wire: Wire, tmp_path: Path) -> None:
    wire.expect(f"POST {UPLOAD}", headers={"location": URI})
    options = {"title": "Title", "privacy_status": "unlisted"}
    YOUTUBE.prepare(
        step(clip(tmp_path, 10), text="", options=options), session(wire, privacy_status="public")
    )
    assert wire.sent == {
        "snippet": {"title": "Title", "description": ""},
        "status": {"privacyStatus": "unlisted"},
    }
    assert "notifySubscribers" not in wire.last.url.params


@pytest.mark.parametrize(
    "location", [{}, {"location": ""}, {"location": "/relative"}, {"location": "ftp://a"}]
)
def test_prepare__needs_an_address_to_upload_to(wire: Wire, tmp_path: Path, location: dict[str, str]) -> None:
    wire.expect(f"POST {UPLOAD}", headers=location)
    with pytest.raises(PlatformFailure, match="names no upload session") as caught:
        YOUTUBE.prepare(step(clip(tmp_path, 10)), session(wire))
    assert caught.value.retryable


def test_prepare__sends_a_piece_per_call_and_keeps_the_last_for_the_send(wire: Wire, tmp_path: Path) -> None:
    """Without a question in between: within one run the last 308 says how far it is."""
    size = 2 * PIECE + GRAIN
    video, at = clip(tmp_path, size), session(wire)
    content = video.path.read_bytes() if video.path else b""
    wire.expect(f"POST {UPLOAD}", headers={"location": URI, **DATE})
    saved = YOUTUBE.prepare(step(video), at)
    for number in (0, 1):
        assert isinstance(saved, Saved)
        wire.expect(f"PUT {UPLOAD}", 308, headers={"range": f"bytes=0-{(number + 1) * PIECE - 1}"})
        saved = YOUTUBE.prepare(step(video, handles=saved.handles), at)
        sent = wire.last
        assert sent.content == content[number * PIECE : (number + 1) * PIECE]
        assert sent.headers["content-length"] == str(PIECE)
        assert sent.headers["content-range"] == f"bytes {number * PIECE}-{(number + 1) * PIECE - 1}/{size}"
        assert sent.headers["content-type"] == "video/mp4"
        assert "transfer-encoding" not in sent.headers
        assert "authorization" not in sent.headers
        assert sent.url.params["upload_id"] == "AB"
    assert isinstance(saved, Saved)
    ready = YOUTUBE.prepare(step(video, handles=saved.handles), at)
    assert isinstance(ready, Ready)
    assert (ready.request["offset"], ready.request["size"]) == (2 * PIECE, size)
    assert ready.handles == {**saved.handles, "offset": 2 * PIECE}


def test_prepare__goes_on_where_the_server_says_not_where_it_stopped_counting(
    wire: Wire, tmp_path: Path
) -> None:
    video, at = clip(tmp_path, 3 * PIECE), session(wire)
    wire.expect(f"PUT {UPLOAD}", 308, headers={"range": f"bytes=0-{GRAIN - 1}"})
    wire.expect(f"PUT {UPLOAD}", 308, headers={"range": f"bytes=0-{2 * GRAIN - 1}"})
    saved = YOUTUBE.prepare(step(video, handles=handles_for(video, offset=PIECE)), at)
    asked, sent = wire.requests
    assert (asked.headers["content-range"], asked.headers["content-length"]) == (f"bytes */{3 * PIECE}", "0")
    assert "authorization" not in asked.headers
    assert sent.headers["content-range"] == f"bytes {GRAIN}-{GRAIN + PIECE - 1}/{3 * PIECE}"
    assert isinstance(saved, Saved)
    assert saved.handles["offset"] == 2 * GRAIN
    wire.expect(f"PUT {UPLOAD}", 308, headers={"range": f"bytes=0-{2 * GRAIN + PIECE - 1}"})
    YOUTUBE.prepare(step(video, handles=saved.handles), at)
    assert wire.last.headers["content-range"].startswith(f"bytes {2 * GRAIN}-")


@pytest.mark.parametrize("extra", [1, GRAIN - 1, GRAIN])
def test_prepare__the_last_piece_is_small_and_all_others_are_multiples(
    wire: Wire, tmp_path: Path, extra: int
) -> None:
    video, at = clip(tmp_path, 2 * GRAIN + extra), session(wire)
    wire.expect(f"PUT {UPLOAD}", 308)
    wire.expect(f"PUT {UPLOAD}", 308, headers={"range": f"bytes=0-{2 * GRAIN - 1}"})
    saved = YOUTUBE.prepare(step(video, handles=handles_for(video)), at)
    assert wire.last.headers["content-length"] == str(2 * GRAIN)
    assert isinstance(saved, Saved)
    ready = YOUTUBE.prepare(step(video, handles=saved.handles), at)
    assert isinstance(ready, Ready)
    assert ready.request["size"] - ready.request["offset"] == extra


def test_prepare__asks_again_after_a_piece_that_was_lost(wire: Wire, tmp_path: Path) -> None:
    video, at = clip(tmp_path, 3 * PIECE), session(wire)
    doing = step(video, handles=handles_for(video))
    wire.expect(f"PUT {UPLOAD}", 308)
    wire.expect(f"PUT {UPLOAD}", httpx.ReadError("reset"))
    with pytest.raises(Unavailable):
        YOUTUBE.prepare(doing, at)
    wire.expect(f"PUT {UPLOAD}", 308, headers={"range": f"bytes=0-{PIECE - 1}"})
    wire.expect(f"PUT {UPLOAD}", 308, headers={"range": f"bytes=0-{2 * PIECE - 1}"})
    YOUTUBE.prepare(doing, at)
    assert wire.last.headers["content-range"].startswith(f"bytes {PIECE}-")


@pytest.mark.parametrize("gone", [404, 410])
def test_prepare__begins_anew_when_the_session_is_gone(wire: Wire, tmp_path: Path, gone: int) -> None:
    video = clip(tmp_path, 10)
    wire.expect(f"PUT {UPLOAD}", gone)
    wire.expect(f"POST {UPLOAD}", headers={"location": URI + "C"})
    saved = YOUTUBE.prepare(step(video, handles=handles_for(video)), session(wire))
    assert isinstance(saved, Saved)
    assert saved.handles["session_uri"] == URI + "C"


def test_prepare__begins_anew_for_another_file(wire: Wire, tmp_path: Path) -> None:
    video = clip(tmp_path, 10)
    wire.expect(f"POST {UPLOAD}", headers={"location": URI + "C"})
    YOUTUBE.prepare(step(video, handles=handles_for(video, sha256="another")), session(wire))


def test_prepare__begins_anew_what_was_announced_otherwise(wire: Wire, tmp_path: Path) -> None:
    """Whoever sets the account to private before a retry means the video that is half uploaded, too."""
    video = clip(tmp_path, 10)
    wire.expect(f"POST {UPLOAD}", 200, headers={"location": URI})
    public = YOUTUBE.prepare(step(video), session(wire, privacy_status="public"))
    assert isinstance(public, Saved)
    wire.expect(f"PUT {UPLOAD}", 308)
    wire.expect(f"POST {UPLOAD}", 200, headers={"location": URI + "C"})

    saved = YOUTUBE.prepare(step(video, handles=public.handles), session(wire))

    assert isinstance(saved, Saved)
    assert saved.handles["session_uri"] == URI + "C"
    assert wire.sent["status"]["privacyStatus"] == "private"


def test_prepare__a_session_that_is_finished_stays_what_it_was(wire: Wire, tmp_path: Path) -> None:
    video = clip(tmp_path, 10)
    wire.expect(f"PUT {UPLOAD}", 200, json=VIDEO)
    handles = handles_for(video, announced={"video": {}, "query": {}})
    ready = YOUTUBE.prepare(step(video, handles=handles), session(wire))
    assert isinstance(ready, Ready)
    assert ready.request["offset"] == 10


def test_prepare__a_session_that_ends_between_two_pieces_is_tried_again_later(
    wire: Wire, tmp_path: Path
) -> None:
    video = clip(tmp_path, 3 * PIECE)
    wire.expect(f"PUT {UPLOAD}", 308)
    wire.expect(f"PUT {UPLOAD}", 404)
    with pytest.raises(PlatformFailure, match="session is over") as caught:
        YOUTUBE.prepare(step(video, handles=handles_for(video)), session(wire))
    assert caught.value.retryable


def test_prepare__does_not_send_the_same_piece_forever(wire: Wire, tmp_path: Path) -> None:
    video = clip(tmp_path, 3 * PIECE)
    wire.expect(f"PUT {UPLOAD}", 308)
    wire.expect(f"PUT {UPLOAD}", 308)
    with pytest.raises(PlatformFailure, match="kept nothing of the piece at byte 0") as caught:
        YOUTUBE.prepare(step(video, handles=handles_for(video)), session(wire))
    assert caught.value.retryable


def test_prepare__does_not_believe_an_odd_range(wire: Wire, tmp_path: Path) -> None:
    video = clip(tmp_path, 3 * PIECE)
    wire.expect(f"PUT {UPLOAD}", 308, headers={"range": "bytes=5-10"})
    with pytest.raises(PlatformFailure, match="no usable Range"):
        YOUTUBE.prepare(step(video, handles=handles_for(video)), session(wire))


def test_prepare__of_a_session_that_finished_after_all_uploads_nothing_more(
    wire: Wire, tmp_path: Path
) -> None:
    """The send then only asks, and confirms the one video there is."""
    video = clip(tmp_path, 3 * PIECE)
    wire.expect(f"PUT {UPLOAD}", json=VIDEO)
    ready = YOUTUBE.prepare(step(video, handles=handles_for(video)), session(wire))
    assert isinstance(ready, Ready)
    sending = replace(prepared(video), request=ready.request, handles=ready.handles or {})
    wire.expect(f"PUT {UPLOAD}", json=VIDEO)
    assert YOUTUBE.send_step(sending, session(wire)).remote_id == "dQw4w9WgXcQ"
    assert wire.last.headers["content-range"] == f"bytes */{3 * PIECE}"
    assert wire.last.headers["content-length"] == "0"
    assert wire.last.content == b""


def test_prepare__says_so_when_the_file_is_gone(wire: Wire, tmp_path: Path) -> None:
    video = replace(clip(tmp_path, 3 * PIECE), path=tmp_path / "gone.mp4")
    wire.expect(f"PUT {UPLOAD}", 308)
    with pytest.raises(Rejected, match=r"cat\.mp4 cannot be read"):
        YOUTUBE.prepare(step(video, handles=handles_for(video)), session(wire))


# --- send_step ---------------------------------------------------------------------------------------------


@pytest.mark.parametrize("status", [200, 201])
def test_send_step__sends_the_last_piece_to_the_signed_address(
    wire: Wire, tmp_path: Path, status: int
) -> None:
    video = clip(tmp_path, GRAIN + 5)
    wire.expect(f"PUT {UPLOAD}", status, json=VIDEO)
    confirmed = YOUTUBE.send_step(prepared(video, offset=GRAIN), session(wire))
    assert confirmed == Confirmed(remote_id="dQw4w9WgXcQ", url="https://www.youtube.com/watch?v=dQw4w9WgXcQ")
    assert str(wire.last.url) == URI
    assert len(wire.last.content) == 5
    assert wire.last.headers["content-range"] == f"bytes {GRAIN}-{GRAIN + 4}/{GRAIN + 5}"
    assert wire.last.headers["content-type"] == "video/mp4"
    assert "authorization" not in wire.last.headers


def test_send_step__more_wanted_is_no_outcome(wire: Wire, tmp_path: Path) -> None:
    wire.expect(f"PUT {UPLOAD}", 308, headers={"range": "bytes=0-4"})
    at = session(wire)
    with pytest.raises(OutcomeUnknown):
        YOUTUBE.send_step(prepared(clip(tmp_path, 10)), at)
    assert at.visible == "open"


def test_send_step__sends_nothing_of_a_file_that_shrank(wire: Wire, tmp_path: Path) -> None:
    video = clip(tmp_path, 10)
    clip(tmp_path, 9)
    at = session(wire)
    with pytest.raises(Rejected, match="changed"):
        YOUTUBE.send_step(prepared(video), at)
    assert at.visible == "unsent"


@pytest.mark.parametrize("gone", [404, 410])
def test_send_step__a_session_that_ended_is_no_fault_of_the_content(
    wire: Wire, tmp_path: Path, gone: int
) -> None:
    wire.expect(f"PUT {UPLOAD}", gone)
    with pytest.raises(PlatformFailure) as caught:
        YOUTUBE.send_step(prepared(clip(tmp_path, 10)), session(wire))
    assert caught.value.retryable


# --- thumbnails --------------------------------------------------------------------------------------------


def test_thumbnail__is_set_for_the_video_it_belongs_to(wire: Wire, tmp_path: Path) -> None:
    path = tmp_path / "t.png"
    path.write_bytes(b"PNG bytes")
    image = Media(source="t.png", path=path, mime_type="image/png", size_bytes=9)
    video = Confirmed(remote_id="dQw4w9WgXcQ")
    ready = YOUTUBE.prepare(
        Step(number=1, kind="thumbnail", text="", media=(image,), parent=video, root=video), session(wire)
    )
    assert isinstance(ready, Ready)
    sending = PreparedStep(number=1, kind="thumbnail", key="k", request=ready.request, media=(image,))
    wire.expect("POST /upload/youtube/v3/thumbnails/set", json={"kind": "youtube#thumbnailSetResponse"})
    assert YOUTUBE.send_step(sending, session(wire)) == Confirmed(remote_id="dQw4w9WgXcQ/thumbnail")
    assert wire.last.url.params["videoId"] == "dQw4w9WgXcQ"
    assert wire.last.headers["content-type"] == "image/png"
    assert wire.last.headers["authorization"] == f"Bearer {TOKEN}"
    assert wire.last.content == b"PNG bytes"

    look = YOUTUBE.reconcile(replace(sending, media=()), session(wire))  # it may simply be set again
    assert (look.complete, look.matches) == (True, ())


def test_thumbnail__a_channel_that_may_not_choose_them_stays_connected(wire: Wire, tmp_path: Path) -> None:
    image = Media(source="t.png", path=tmp_path / "t.png", mime_type="image/png", size_bytes=3)
    (tmp_path / "t.png").write_bytes(b"PNG")
    request = {"video_id": "dQw4w9WgXcQ", "content_type": "image/png"}
    sending = PreparedStep(number=1, kind="thumbnail", key="k", request=request, media=(image,))
    wire.expect("POST /upload/youtube/v3/thumbnails/set", 403, json=error("forbidden"))
    with pytest.raises(PlatformFailure, match="forbidden") as caught:
        YOUTUBE.send_step(sending, session(wire))
    assert not caught.value.retryable


# --- reconcile ---------------------------------------------------------------------------------------------


@pytest.fixture
def lost(tmp_path: Path) -> PreparedStep:
    return replace(prepared(clip(tmp_path, GRAIN + 5), offset=GRAIN), media=())


@pytest.mark.parametrize("status", [200, 201])
def test_reconcile__a_finished_session_names_its_video(wire: Wire, lost: PreparedStep, status: int) -> None:
    wire.expect(f"PUT {UPLOAD}", status, json=VIDEO)
    look = YOUTUBE.reconcile(lost, session(wire))
    assert [match.remote_id for match in look.matches] == ["dQw4w9WgXcQ"]
    assert wire.last.headers["content-range"] == f"bytes */{GRAIN + 5}"
    assert "authorization" not in wire.last.headers


@pytest.mark.parametrize("headers", [{}, {"range": f"bytes=0-{GRAIN - 1}"}])
def test_reconcile__a_session_that_wants_more_made_no_video(
    wire: Wire, lost: PreparedStep, headers: dict[str, str]
) -> None:
    wire.expect(f"PUT {UPLOAD}", 308, headers=headers)
    look = YOUTUBE.reconcile(lost, session(wire))
    assert (look.complete, look.matches, look.waiting_seconds) == (True, (), None)


def test_reconcile__a_session_that_has_everything_is_waited_for(wire: Wire, lost: PreparedStep) -> None:
    wire.expect(f"PUT {UPLOAD}", 308, headers={"range": f"bytes=0-{GRAIN + 4}"})
    look = YOUTUBE.reconcile(lost, session(wire))
    assert look.waiting_seconds
    assert not look.complete


def uploads(*items: tuple[str, str, timedelta], following: str | None = None) -> dict[str, Any]:
    """(video id, title, published how long after the session began)."""
    body: dict[str, Any] = {
        "items": [
            {
                "snippet": {
                    "title": title,
                    "publishedAt": (SENT_AT - timedelta(hours=1) + age).isoformat().replace("+00:00", "Z"),
                },
                "contentDetails": {"videoId": video_id},
            }
            for video_id, title, age in items
        ]
    }
    return body | ({"nextPageToken": following} if following else {})


CHANNEL = {"items": [{"id": "UC1", "contentDetails": {"relatedPlaylists": {"uploads": "UU1"}}}]}
LATER, BEFORE = timedelta(minutes=30), timedelta(seconds=-61)


def expect_uploads(wire: Wire, *pages: Mapping[str, Any], gone: int = 404, channel: Any = CHANNEL) -> None:
    wire.expect(f"PUT {UPLOAD}", gone)
    wire.expect("GET /youtube/v3/channels", json=channel)
    for page in pages:
        wire.expect("GET /youtube/v3/playlistItems", json=page)


@pytest.mark.parametrize("gone", [404, 410])
def test_reconcile__looks_through_the_uploads_once_the_session_is_gone(
    wire: Wire, lost: PreparedStep, gone: int
) -> None:
    page = uploads(("a", "Other", LATER), ("b", " Launch", LATER), ("c", "Launch", BEFORE))
    expect_uploads(wire, page, gone=gone)
    look = YOUTUBE.reconcile(lost, session(wire))
    assert [match.remote_id for match in look.matches] == ["b"]
    assert look.complete
    assert dict(wire.requests[1].url.params) == {"part": "contentDetails", "mine": "true"}
    assert dict(wire.last.url.params) == {
        "part": "snippet,contentDetails",
        "playlistId": "UU1",
        "maxResults": "20",
    }


def test_reconcile__pages_back_to_when_the_upload_began(wire: Wire, lost: PreparedStep) -> None:
    expect_uploads(
        wire,
        uploads(("a", "Other", LATER), following="P2"),
        uploads(("b", "Other", BEFORE), following="P3"),
    )
    look = YOUTUBE.reconcile(lost, session(wire))
    assert (look.complete, look.matches) == (True, ())
    assert wire.last.url.params["pageToken"] == "P2"


def test_reconcile__uploads_of_a_new_channel_end_early(wire: Wire, lost: PreparedStep) -> None:
    expect_uploads(wire, uploads())
    assert YOUTUBE.reconcile(lost, session(wire)).complete


def test_reconcile__another_channels_uploads_prove_nothing(wire: Wire, lost: PreparedStep) -> None:
    [channel] = CHANNEL["items"]
    expect_uploads(wire, uploads(), channel={"items": [{**channel, "id": "UC2"}]})
    assert not YOUTUBE.reconcile(lost, session(wire)).complete


def test_reconcile__uploads_prove_nothing_where_it_is_not_known_which_channel_sent(
    wire: Wire, lost: PreparedStep
) -> None:
    """An account added by hand and connected anew may be somebody else's by now."""
    expect_uploads(wire, uploads())
    assert not YOUTUBE.reconcile(lost, replace(session(wire), account_id=None)).complete


def test_reconcile__no_channel_proves_nothing(wire: Wire, lost: PreparedStep) -> None:
    expect_uploads(wire, channel={"items": []})
    assert not YOUTUBE.reconcile(lost, session(wire)).complete


def test_reconcile__trouble_proves_nothing(wire: Wire, lost: PreparedStep) -> None:
    wire.expect(f"PUT {UPLOAD}", 503)
    with pytest.raises(PlatformFailure) as caught:
        YOUTUBE.reconcile(lost, session(wire))
    assert caught.value.retryable


# --- read_metrics: https://developers.google.com/youtube/v3/docs/videos/list -------------------------------------


def statistics(video: str, **numbers: str) -> dict[str, Any]:
    return {"kind": "youtube#video", "id": video, "statistics": {**numbers, "favoriteCount": "0"}}


def test_read_metrics__asks_for_all_videos_at_once(wire: Wire) -> None:
    full = statistics("dQw4", viewCount="1024", likeCount="57", commentCount="6")
    wire.expect("GET /youtube/v3/videos", json={"items": [full, statistics("b", viewCount="7")]})
    found = YOUTUBE.read_metrics(["dQw4", "b"], session(wire))
    assert dict(wire.last.url.params) == {"part": "statistics", "id": "dQw4,b"}
    raw = {"viewCount": 1024, "likeCount": 57, "commentCount": 6}
    assert found == {
        "dQw4": Reading(views=1024, likes=57, comments=6, raw=raw),
        "b": Reading(views=7, raw={"viewCount": 7}),  # likes hidden, comments switched off
    }


def test_read_metrics__a_video_that_is_not_shown_is_gone(wire: Wire) -> None:
    wire.expect("GET /youtube/v3/videos", json={"items": [statistics("a", viewCount="0")]})
    found = YOUTUBE.read_metrics(["a", "b"], session(wire))
    assert found == {"a": Reading(views=0, raw={"viewCount": 0}), "b": Gone()}


@pytest.mark.parametrize("number", [-1, 1.5, True, "many", "-1", "1e3", "٣", "9" * 30, None, ["1"]])
def test_read_metrics__nonsense_is_no_number(wire: Wire, number: Any) -> None:
    item = {"id": "a", "statistics": {"viewCount": number, "likeCount": "2"}}
    wire.expect("GET /youtube/v3/videos", json={"items": [item]})
    assert YOUTUBE.read_metrics(["a"], session(wire)) == {"a": Reading(likes=2, raw={"likeCount": 2})}


@pytest.mark.parametrize("body", [{}, {"items": None}, {"items": [{"id": "a"}]}, {"items": ["a"]}])
def test_read_metrics__an_answer_without_what_was_asked_for_buries_nobody(wire: Wire, body: Any) -> None:
    wire.expect("GET /youtube/v3/videos", json=body)
    with pytest.raises(PlatformFailure) as caught:
        YOUTUBE.read_metrics(["a"], session(wire))
    assert caught.value.retryable


def test_read_metrics__is_closed_to_a_token_that_may_only_upload(wire: Wire) -> None:
    wire.expect("GET /youtube/v3/videos", 403, json=error("insufficientPermissions"))
    closed = YOUTUBE.read_metrics(["a"], session(wire))["a"]
    assert isinstance(closed, Closed)
    assert closed.error.error_class == "auth_expired"


@pytest.mark.parametrize(("reason", "kind"), [("quotaExceeded", RateLimited), ("forbidden", AuthExpired)])
def test_read_metrics__other_refusals_are_what_they_are(
    wire: Wire, reason: str, kind: type[PlatformError]
) -> None:
    wire.expect("GET /youtube/v3/videos", 403, json=error(reason))
    with pytest.raises(kind):
        YOUTUBE.read_metrics(["a"], session(wire))


# --- errors: https://developers.google.com/youtube/v3/docs/errors ------------------------------------------------


@pytest.mark.parametrize(
    ("status", "reason", "kind", "retryable"),
    [
        (400, "invalidTitle", Rejected, False),
        (400, "invalidDescription", Rejected, False),
        (400, "invalidTags", Rejected, False),
        (400, "invalidCategoryId", Rejected, False),
        (400, "invalidPublishAt", Rejected, False),
        (400, "mediaBodyRequired", Rejected, False),
        (400, "uploadLimitExceeded", RateLimited, True),
        (400, "failedPrecondition", PlatformFailure, False),
        (401, "authError", AuthExpired, False),
        (401, "youtubeSignupRequired", AuthExpired, False),
        (403, "quotaExceeded", RateLimited, True),
        (403, "dailyLimitExceeded", RateLimited, True),
        (403, "rateLimitExceeded", RateLimited, True),
        (429, "rateLimitExceeded", RateLimited, True),
        (403, "userRateLimitExceeded", RateLimited, True),
        (403, "forbidden", AuthExpired, False),
        (403, "insufficientPermissions", AuthExpired, False),
        (403, "accountDelegationForbidden", AuthExpired, False),
        (403, "authenticatedUserAccountClosed", AuthExpired, False),
        (403, "authenticatedUserAccountSuspended", AuthExpired, False),
        (403, "forbiddenPrivacySetting", Rejected, False),
        (403, "somethingNew", PlatformFailure, False),
        (404, "videoNotFound", Rejected, False),
        (500, "backendError", PlatformFailure, True),
        (503, "backendError", PlatformFailure, True),
    ],
)
def test_error__the_reason_decides(
    wire: Wire, tmp_path: Path, status: int, reason: str, kind: type[PlatformError], retryable: bool
) -> None:
    wire.expect(f"POST {UPLOAD}", status, json=error(reason))
    with pytest.raises(
        kind, match=rf"youtube account 'me' \(id 1\): HTTP {status}: {reason}: Words"
    ) as caught:
        YOUTUBE.prepare(step(clip(tmp_path, 10)), session(wire))
    assert caught.value.retryable is retryable


@pytest.mark.parametrize(
    ("date", "seconds"),
    [
        ("Tue, 01 Sep 2026 06:00:00 GMT", 3600),  # summer: midnight is 07:00 UTC
        ("Tue, 01 Sep 2026 07:00:00 GMT", 86_400),
        ("Tue, 01 Dec 2026 06:00:00 GMT", 7200),
        ("Sun, 08 Mar 2026 08:00:00 GMT", 23 * 3600),  # the clocks go forward
    ],
)
def test_error__a_spent_quota_is_back_at_midnight_pacific(
    wire: Wire, tmp_path: Path, date: str, seconds: int
) -> None:
    wire.expect(f"POST {UPLOAD}", 403, json=error("quotaExceeded"), headers={"date": date})
    at = session(wire)
    with pytest.raises(RateLimited) as caught:
        YOUTUBE.prepare(step(clip(tmp_path, 10)), at)
    assert caught.value.retry_after == seconds
    [seen] = at.seen
    assert (seen.family, seen.blocked, seen.retry_after) == ("publish", True, seconds)


def test_error__a_channels_own_limit_lasts_a_day(wire: Wire, tmp_path: Path) -> None:
    wire.expect(f"POST {UPLOAD}", 400, json=error("uploadLimitExceeded", domain="youtube.video"))
    with pytest.raises(RateLimited) as caught:
        YOUTUBE.prepare(step(clip(tmp_path, 10)), session(wire))
    assert caught.value.retry_after == 86_400


def test_error__a_quota_of_reads_does_not_block_uploads(wire: Wire) -> None:
    wire.expect("GET /youtube/v3/channels", 403, json=error("quotaExceeded"))
    at = session(wire)
    with pytest.raises(RateLimited):
        YOUTUBE.identify(at)
    assert [seen.family for seen in at.seen] == ["read"]


# --- accounts and tokens -----------------------------------------------------------------------------------


ME = {"items": [{"id": "UC1", "snippet": {"title": "Cat videos"}}]}
APP = App(client_id="the-client", client_secret="the-secret")


def test_identify__names_the_channel(wire: Wire) -> None:
    wire.expect("GET /youtube/v3/channels", json=ME)
    identity = YOUTUBE.identify(session(wire))
    assert (identity.external_id, identity.handle) == ("UC1", "Cat videos")
    assert dict(wire.last.url.params) == {"part": "snippet", "mine": "true"}


def test_identify__an_account_without_a_channel_needs_a_person(wire: Wire) -> None:
    wire.expect("GET /youtube/v3/channels", json={"items": []})
    with pytest.raises(AuthExpired, match="no YouTube channel"):
        YOUTUBE.identify(session(wire))


def test_base_url__stands_for_every_host(wire: Wire) -> None:
    wire.expect("GET /g/youtube/v3/channels", json=ME)
    YOUTUBE.identify(session(wire, base_url="https://proxy.example/g/"))
    wire.expect("POST /g/token", json={"access_token": "a2"})
    YOUTUBE.refresh(account(base_url="https://proxy.example/g"), {"refresh_token": "r1"}, APP, wire.http)
    assert {request.url.host for request in wire.requests} == {"proxy.example"}


def test_refresh__keeps_the_refresh_token_that_is_not_returned(wire: Wire) -> None:
    wire.expect("POST /token", json={"access_token": "a2", "expires_in": 3599, "token_type": "Bearer"})
    old = {"access_token": "a1", "refresh_token": "r1", "expires_at": "1", "client_id": "own"}
    tokens = YOUTUBE.refresh(account(), old, APP, wire.http)
    assert tokens.credentials == {"access_token": "a2", "refresh_token": "r1", "client_id": "own"}
    assert tokens.expires_at is not None
    assert 3590 < (tokens.expires_at - datetime.now(UTC)).total_seconds() < 3600
    assert str(wire.last.url) == "https://oauth2.googleapis.com/token"
    assert dict(httpx.QueryParams(wire.last.content.decode())) == {
        "grant_type": "refresh_token",
        "refresh_token": "r1",
        "client_id": "the-client",
        "client_secret": "the-secret",
    }
    assert "authorization" not in wire.last.headers


def test_refresh__replaces_the_refresh_token_that_is_returned(wire: Wire) -> None:
    wire.expect("POST /token", json={"access_token": "a2", "refresh_token": "r2"})
    tokens = YOUTUBE.refresh(account(), {"refresh_token": "r1"}, APP, wire.http)
    assert tokens.credentials["refresh_token"] == "r2"
    assert tokens.expires_at is None


def test_refresh__invalid_grant_needs_a_person(wire: Wire) -> None:
    body = {"error": "invalid_grant", "error_description": "Token has been expired or revoked."}
    wire.expect("POST /token", 400, json=body)
    with pytest.raises(AuthExpired, match=r"invalid_grant: Token has been expired or revoked\.") as caught:
        YOUTUBE.refresh(account(), {"refresh_token": "r1"}, APP, wire.http)
    assert "Testing" in (caught.value.hint or "")
    assert "r1" not in str(caught.value)


@pytest.mark.parametrize("status", [302, 404, 429, 500, 503])
def test_refresh__a_server_in_trouble_disconnects_nobody(wire: Wire, status: int) -> None:
    wire.expect("POST /token", status, text="<html>")
    with pytest.raises(PlatformError) as caught:
        YOUTUBE.refresh(account(), {"refresh_token": "r1"}, APP, wire.http)
    assert not isinstance(caught.value, AuthExpired | Rejected)
    assert caught.value.retryable


GRANT = Grant(code="4/0code", redirect_uri="http://127.0.0.1:8/cb", code_verifier="v" * 43)


def test_connect_accounts__trades_the_code_and_names_the_channel(wire: Wire) -> None:
    scope = "https://www.googleapis.com/auth/youtube.upload https://www.googleapis.com/auth/youtube.readonly"
    wire.expect(
        "POST /token",
        json={"access_token": "a1", "refresh_token": "r1", "expires_in": 3599, "scope": scope},
    )
    wire.expect("GET /youtube/v3/channels", json=ME)
    [found] = YOUTUBE.connect_accounts(GRANT, APP, {}, wire.http)
    assert (found.external_id, found.handle) == ("UC1", "Cat videos")
    assert found.tokens.credentials == {"access_token": "a1", "refresh_token": "r1"}
    assert found.tokens.expires_at is not None
    assert list(found.scopes) == scope.split()
    traded, asked = wire.requests
    assert dict(httpx.QueryParams(traded.content.decode())) == {
        "grant_type": "authorization_code",
        "code": "4/0code",
        "redirect_uri": "http://127.0.0.1:8/cb",
        "code_verifier": "v" * 43,
        "client_id": "the-client",
        "client_secret": "the-secret",
    }
    assert traded.headers["content-type"] == "application/x-www-form-urlencoded"
    assert asked.headers["authorization"] == "Bearer a1"


def test_connect_accounts__a_used_code_is_refused(wire: Wire) -> None:
    wire.expect("POST /token", 400, json={"error": "invalid_grant"})
    with pytest.raises(AuthExpired):
        YOUTUBE.connect_accounts(GRANT, APP, {}, wire.http)


def test_authorization__asks_for_what_brings_a_refresh_token() -> None:
    asked = YOUTUBE.declaration.authorization
    assert asked is not None
    assert asked.parameters == {"access_type": "offline", "prompt": "consent"}
    assert asked.scopes == (
        "https://www.googleapis.com/auth/youtube.upload",
        "https://www.googleapis.com/auth/youtube.readonly",
    )
