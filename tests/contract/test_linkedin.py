"""LinkedIn: requests and documented answers.

Recordings follow https://learn.microsoft.com/en-us/linkedin/marketing/community-management/shares/ {posts-api,
little-text-format, images-api, videos-api}, https://learn.microsoft.com/en-us/linkedin/shared/api-guide/concepts/
{error-handling, rate-limits}, https://learn.microsoft.com/en-us/linkedin/marketing/community-management/
{organizations/share-statistics, members/post-statistics} and https://learn.microsoft.com/en-us/linkedin/shared/authentication/.
"""

from __future__ import annotations

import random
import re
from collections.abc import Mapping
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

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
    Media,
    PreparedStep,
    Reading,
    Ready,
    Saved,
    Step,
    Wait,
)
from socialcron.platforms.base import App, Grant, OneByOne
from socialcron.platforms.http import Session
from socialcron.platforms.linkedin import LinkedIn, escape, unescape
from tests.contract.conftest import Wire
from tests.contract.sample import CAT, DOG, FILM, Kind, Sample, form_body, says

AUTHOR = "urn:li:organization:5515715"
MEMBER = "urn:li:person:782bbtaQ"
URN = "urn:li:share:7350000000000000000"
IMAGE, VIDEO = "urn:li:image:C4E10AQFo", "urn:li:video:D5F10AQGK"
REQUEST = {
    "author": AUTHOR,
    "commentary": "Hello",
    "visibility": "PUBLIC",
    "distribution": {
        "feedDistribution": "MAIN_FEED",
        "targetEntities": [],
        "thirdPartyDistributionChannels": [],
    },
    "lifecycleState": "PUBLISHED",
    "isReshareDisabledByAuthor": False,
}
SAMPLE = Sample(
    credentials={"access_token": "secret-access"},
    settings={"author": AUTHOR},
    request=REQUEST,
    created=(201, None),
    created_headers={"x-restli-id": URN},
    renewable={"access_token": "secret-access", "refresh_token": "secret-refresh"},
    remote_id="urn:li:share:{number}",
)

KINDS = (
    Kind("linkedin", "text", says("Good (early) morning"), account={"organization": True}),
    Kind("linkedin", "link", says("Read", link="https://blog.example/1"), account={"organization": True}),
    Kind("linkedin", "image", says("A picture", CAT), account={"organization": True}),
    Kind("linkedin", "images", says("Two pictures", CAT, DOG), account={"organization": True}),
    Kind("linkedin", "video", says("A film", FILM), account={"organization": True}),
    Kind("linkedin", "member text", says("Good morning"), knowable=False),
)

LINKEDIN = LinkedIn()
SENT_AT = datetime(2026, 9, 1, 8, 0, tzinfo=UTC)
TOKEN = "the-token"
VERSIONED = {
    "linkedin-version": "202609",
    "x-restli-protocol-version": "2.0.0",
    "authorization": "Bearer the-token",
}
UPLOAD = "https://www.linkedin.com/dms-uploads/C4E10AQFo/uploaded-image/0"


def account(**settings: str) -> Account:
    return Account(id=1, platform="linkedin", handle="acme", settings={"author": AUTHOR, **settings})


def session(wire: Wire, **settings: str) -> Session:
    return LINKEDIN.connect(account(**settings), {"access_token": TOKEN}, App(), wire.http)


def step(text: str = "Hello", **parts: Any) -> Step:
    return Step(number=0, kind="post", text=text, key="the-key", **parts)


def sent(request: Mapping[str, Any] = REQUEST, **parts: Any) -> PreparedStep:
    return PreparedStep(
        number=0, kind="post", key="the-key", request=request, first_sending_at=SENT_AT, sends=1, **parts
    )


def ready(wire: Wire, **parts: Any) -> Mapping[str, Any]:
    """The request of a step without media, whose version was seen to live."""
    known = session(wire)
    known.memo["version"] = True
    result = LINKEDIN.prepare(step(**parts), known)
    assert isinstance(result, Ready)
    return result.request


@pytest.fixture
def picture(tmp_path: Path) -> Media:
    path = tmp_path / "cat.png"
    path.write_bytes(b"PNG bytes")
    return Media(source="cat.png", alt="a cat", path=path, mime_type="image/png", size_bytes=9)


@pytest.fixture
def film(tmp_path: Path) -> Media:
    path = tmp_path / "cat.mp4"
    path.write_bytes(b"0123456789")
    return Media(source="cat.mp4", path=path, mime_type="video/mp4", size_bytes=10)


# --- little text -------------------------------------------------------------------------------------------
# https://learn.microsoft.com/en-us/linkedin/marketing/community-management/shares/little-text-format


@pytest.mark.parametrize(
    ("text", "little"),
    [
        ("We shipped v1 (finally) #release", "We shipped v1 \\(finally\\) #release"),
        ("\\ | { } @ [ ] ( ) < > # * _ ~", "\\\\ \\| \\{ \\} \\@ \\[ \\] \\( \\) \\< \\> \\# \\* \\_ \\~"),
        ("@[Acme](urn:li:organization:2414183)!", "@[Acme](urn:li:organization:2414183)!"),
        ("@[Acme (UK)_](urn:li:organization:24)", "@[Acme \\(UK\\)\\_](urn:li:organization:24)"),
        ("@[Jo](urn:li:person:a-b_c)", "@[Jo](urn:li:person:a-b_c)"),
        ("@[Acme](https://a.example)", "\\@\\[Acme\\]\\(https://a.example\\)"),
        ("@[a](urn:li:share:1)", "\\@\\[a\\]\\(urn:li:share:1\\)"),
        ("#1 and #2026goals and #münchen", "\\#1 and #2026goals and #münchen"),
        ("C# a#b ##tag #_x #a_b #", "C\\# a\\#b \\##tag \\#\\_x #a\\_b \\#"),
        ("https://a.example/b_(c)#d (#e)", "https://a.example/b\\_\\(c\\)\\#d \\(#e\\)"),
        ("{hashtag|\\#|word}", "\\{hashtag\\|\\\\\\#\\|word\\}"),
        ("plain, with ümlaut & 👋 100% $5 \"x\" 'y'\n\nz", "plain, with ümlaut & 👋 100% $5 \"x\" 'y'\n\nz"),
        ("", ""),
    ],
)
def test_escape__follows_the_format(text: str, little: str) -> None:
    assert escape(text) == little
    assert unescape(little) == text


def test_escape__leaves_nothing_reserved_bare_whatever_the_text() -> None:
    """Beside hashtags and mentions; and what was escaped reads as before."""
    pieces = [
        "\\",
        *"|{}@[]()<>#*_~ \n.aé1🎉/&",
        "@[A (b)](urn:li:organization:1)",
        "#tag",
        "urn:li:person:x",
        "](",
    ]
    chance = random.Random(1)
    mention = re.compile(r"@\[(?:\\.|[^\\\[\]])+\]\(urn:li:(?:organization|person):[\w-]+\)")
    for _ in range(5000):
        text = "".join(chance.choices(pieces, k=chance.randrange(12)))
        little = escape(text)
        rest = re.sub(r"\\[\\|{}@\[\]()<>#*_~]", "", mention.sub("", little))
        rest = re.sub(r"#(?=[^\W_])", "", rest)
        assert not set(rest) & set("\\|{}@[]()<>#*_~"), (text, little)
        assert unescape(little) == text


def test_unescape__reads_hashtag_templates() -> None:
    assert unescape("{hashtag|\\#|release} and {hashtag|\\#|a\\_b}") == "#release and #a_b"


# --- validate ----------------------------------------------------------------------------------------------


def test_validate__counts_what_is_sent() -> None:
    assert LINKEDIN.validate([step("x" * 3000)], {}) == []
    for text in ("_" * 1501, "🎉" * 1501):
        (problem,) = LINKEDIN.validate([step(text)], {})
        assert str(problem).startswith("text: 3002 characters once escaped")


def test_validate__counts_a_link_beside_media(picture: Media) -> None:
    long = step("x" * 2990, link="https://a.example/", media=(picture,))
    (problem,) = LINKEDIN.validate([long], {})
    assert "3009 characters" in problem.message
    assert LINKEDIN.validate([replace(long, media=())], {}) == []


@pytest.mark.parametrize(
    ("parts", "words"),
    [
        ({"link": "ftp://a.example"}, "link: 'ftp://a.example' is no http"),
        ({"link": "https:///x"}, "link: 'https:///x' is no http"),
        (
            {"options": {"visibility": "FRIENDS"}},
            "options.visibility: 'FRIENDS' is none of PUBLIC, CONNECTIONS",
        ),
        ({"options": {"visibility": ""}}, "options.visibility: '' is none of PUBLIC, CONNECTIONS"),
        ({"options": {"link_title": 5}}, "options.link_title: must be a text"),
    ],
)
def test_validate__names_what_is_wrong(parts: dict[str, Any], words: str) -> None:
    (problem,) = LINKEDIN.validate([step(**parts)], {})
    assert str(problem).startswith(words)


@pytest.mark.parametrize(
    ("settings", "field"),
    [
        ({"author": "5515715"}, "settings.author"),
        ({"author": "urn:li:share:1"}, "settings.author"),
        ({"api_version": "2026-09"}, "settings.api_version"),
        ({"visibility": "public"}, "options.visibility"),
    ],
)
def test_validate__names_a_setting_that_cannot_be(settings: dict[str, str], field: str) -> None:
    (problem,) = LINKEDIN.validate([step()], settings)
    assert problem.field == field


@pytest.mark.parametrize(
    ("changes", "words"),
    [
        ({"mime_type": "image/webp"}, "media[1]: cat.png is image/webp"),
        ({"size_bytes": 5_000_001}, "media[1]: cat.png is 5000001 bytes"),
        ({"width": 7000, "height": 6000}, "media[1]: cat.png has 42000000 pixels, at most 36152319"),
        ({"alt": "x" * 4087}, "media[1]: alt text of 4087 characters"),
        (
            {"mime_type": "video/mp4", "size_bytes": 70_000},
            "media[1]: cat.png is 70000 bytes, at least 76800",
        ),
        (
            {"mime_type": "video/mp4", "size_bytes": 10**6, "duration_seconds": 2.0},
            "media[1]: cat.png is 2 seconds",
        ),
        (
            {"mime_type": "video/mp4", "size_bytes": 10**6, "width": 300, "height": 100},
            "media[1]: cat.png is 3 wide",
        ),
        ({"mime_type": "application/pdf"}, "media[1]: cat.png is application/pdf"),
    ],
)
def test_validate__measures_media(picture: Media, changes: dict[str, Any], words: str) -> None:
    (problem,) = LINKEDIN.validate([step(media=(replace(picture, **changes),))], {})
    assert str(problem).startswith(words)


def test_validate__keeps_a_video_alone(picture: Media) -> None:
    video = replace(picture, mime_type="video/mp4", size_bytes=10**6)
    (problem,) = LINKEDIN.validate([step(media=(picture, video))], {})
    assert str(problem) == "media: 2 files, LinkedIn takes 1 video or 20 images"


# --- connect -----------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("external_id", "author"),
    [(AUTHOR, AUTHOR), (MEMBER, MEMBER), ("782bbtaQ", MEMBER), (None, None)],
)
def test_connect__posts_as_the_external_id(wire: Wire, external_id: str | None, author: str | None) -> None:
    who = Account(id=1, platform="linkedin", handle="acme", external_id=external_id)
    assert LINKEDIN.connect(who, {"access_token": TOKEN}, App(), wire.http).account_id == author


def test_connect__the_setting_beats_the_external_id(wire: Wire) -> None:
    who = replace(account(), external_id=MEMBER)
    assert LINKEDIN.connect(who, {"access_token": TOKEN}, App(), wire.http).account_id == AUTHOR


@pytest.mark.parametrize("author", ["urn:li:share:1", "urn:li:organization:acme", "a/b"])
def test_connect__nobody_else_can_post(wire: Wire, author: str) -> None:
    with pytest.raises(PlatformFailure, match="nobody who could post"):
        session(wire, author=author)


# --- prepare: rendering ------------------------------------------------------------------------------------
# https://learn.microsoft.com/en-us/linkedin/marketing/community-management/shares/posts-api


def test_prepare__renders_a_text(wire: Wire) -> None:
    text = ready(wire, text="v1 (finally) #release", options={"visibility": "CONNECTIONS"})
    assert text == {**REQUEST, "commentary": "v1 \\(finally\\) #release", "visibility": "CONNECTIONS"}


def test_prepare__gives_an_article_a_title(wire: Wire) -> None:
    link = "https://www.a.example/x_y"
    assert ready(wire, link=link)["content"] == {"article": {"source": link, "title": "www.a.example"}}
    options = {"link_title": "Bread", "link_description": "Three days"}
    assert ready(wire, link=link, options=options)["content"] == {
        "article": {"source": link, "title": "Bread", "description": "Three days"}
    }


def test_prepare__asks_who_the_member_is(wire: Wire) -> None:
    # https://learn.microsoft.com/en-us/linkedin/consumer/integrations/self-serve/sign-in-with-linkedin-v2
    wire.expect("GET /v2/userinfo", json={"sub": "782bbtaQ", "name": "Jo"})
    who = replace(account(), settings={})
    member = LINKEDIN.connect(who, {"access_token": TOKEN}, App(), wire.http)
    member.memo["version"] = True
    for _ in range(2):  # and only once in a run
        result = LINKEDIN.prepare(step(), member)
        assert isinstance(result, Ready)
        assert result.request["author"] == MEMBER
    assert "linkedin-version" not in wire.last.headers


@pytest.mark.parametrize("status", [200, 400, 403, 404])
def test_prepare__tries_the_version_before_a_text(wire: Wire, status: int) -> None:
    wire.expect("GET /rest/posts", status, json={"elements": []})
    at = session(wire, api_version="202610")
    for _ in range(2):
        assert isinstance(LINKEDIN.prepare(step(), at), Ready)
    assert wire.last.headers["linkedin-version"] == "202610"
    assert len(wire.requests) == 1


def test_prepare__says_that_a_version_is_retired(wire: Wire) -> None:
    # https://learn.microsoft.com/en-us/linkedin/marketing/versioning
    body = {
        "status": 426,
        "code": "NONEXISTENT_VERSION",
        "message": "Requested version 20250701 is not active",
    }
    wire.expect("GET /rest/posts", 426, json=body)
    with pytest.raises(PlatformFailure, match="version 20250701 is not active") as caught:
        LINKEDIN.prepare(step(), session(wire))
    assert not caught.value.retryable
    assert "api_version" in (caught.value.hint or "")


# --- prepare: images ---------------------------------------------------------------------------------------
# https://learn.microsoft.com/en-us/linkedin/marketing/community-management/shares/images-api


def announced(wire: Wire, url: str = UPLOAD) -> None:
    value = {"uploadUrlExpiresAt": 1788336000000, "uploadUrl": url, "image": IMAGE}
    wire.expect("POST /rest/images", json={"value": value})


def test_prepare__uploads_an_image_of_a_page(wire: Wire, picture: Media) -> None:
    at, todo = session(wire), step(media=(picture,))
    announced(wire)
    first = LINKEDIN.prepare(todo, at)
    assert first == Saved(handles={"author": AUTHOR, "media": [{"id": IMAGE, "url": UPLOAD}]})
    assert wire.last.url.query == b"action=initializeUpload"
    assert wire.sent == {"initializeUploadRequest": {"owner": AUTHOR}}
    assert VERSIONED.items() <= dict(wire.last.headers).items()

    wire.expect("PUT /dms-uploads/C4E10AQFo/uploaded-image/0", 201)
    second = LINKEDIN.prepare(replace(todo, handles=first.handles), at)
    assert second == Saved(handles={"author": AUTHOR, "media": [{"id": IMAGE}]})
    assert wire.last.content == b"PNG bytes"
    assert wire.last.headers["content-length"] == "9"
    assert wire.last.headers["authorization"] == "Bearer the-token"
    assert "linkedin-version" not in wire.last.headers

    wire.expect(f"GET /rest/images/{IMAGE}", json={"id": IMAGE, "status": "PROCESSING"})
    assert LINKEDIN.prepare(replace(todo, handles=second.handles), at) == Wait(
        handles=second.handles, seconds=10.0
    )
    assert wire.last.url.raw_path == b"/rest/images/urn%3Ali%3Aimage%3AC4E10AQFo"

    wire.expect(f"GET /rest/images/{IMAGE}", json={"id": IMAGE, "status": "AVAILABLE"})
    done = LINKEDIN.prepare(replace(todo, handles=second.handles), at)
    assert isinstance(done, Ready)
    assert done.request["content"] == {"media": {"id": IMAGE, "altText": "a cat"}}


def test_prepare__waits_blindly_for_an_image_of_a_member(wire: Wire, picture: Media) -> None:
    at = session(wire, author=MEMBER)
    handles = {"author": MEMBER, "media": [{"id": IMAGE}]}
    waiting = LINKEDIN.prepare(step(media=(picture,), handles=handles), at)
    assert waiting == Wait(handles={**handles, "waited": True}, seconds=20.0)
    assert isinstance(LINKEDIN.prepare(step(media=(picture,), handles=waiting.handles), at), Ready)


def test_prepare__an_image_that_may_not_be_asked_about_counts_as_there(wire: Wire, picture: Media) -> None:
    wire.expect(f"GET /rest/images/{IMAGE}", 403, json={"status": 403, "code": "ACCESS_DENIED"})
    handles = {"author": AUTHOR, "media": [{"id": IMAGE}]}
    assert isinstance(LINKEDIN.prepare(step(media=(picture,), handles=handles), session(wire)), Ready)


def test_prepare__lists_several_images(wire: Wire, picture: Media) -> None:
    handles = {"author": MEMBER, "media": [{"id": f"{IMAGE}{n}"} for n in range(2)], "waited": True}
    todo = step(media=(picture, replace(picture, alt=None)), handles=handles, link="https://a.example/")
    done = LINKEDIN.prepare(todo, session(wire, author=MEMBER))
    assert isinstance(done, Ready)
    images = [{"id": f"{IMAGE}0", "altText": "a cat"}, {"id": f"{IMAGE}1"}]
    assert done.request["content"] == {"multiImage": {"images": images}}
    assert done.request["commentary"] == "Hello\nhttps://a.example/"


@pytest.mark.parametrize(
    "url", ["https://uploads.example/1", "http://127.0.0.1:1/1", "https://linkedin.com.evil.example/1"]
)
def test_prepare__no_other_host_gets_the_token(wire: Wire, picture: Media, url: str) -> None:
    wire.expect("PUT /1", 201)
    handles = {"author": AUTHOR, "media": [{"id": IMAGE, "url": url}]}
    LINKEDIN.prepare(step(media=(picture,), handles=handles), session(wire))
    assert "authorization" not in wire.last.headers


def test_prepare__a_stale_upload_address_begins_anew_once(wire: Wire, picture: Media) -> None:
    at, handles = session(wire), {"author": AUTHOR, "media": [{"id": "urn:li:image:old", "url": UPLOAD}]}
    expired = {"status": 400, "code": "EXPIRED_UPLOAD_URL", "message": "expired"}
    wire.expect("PUT /dms-uploads/C4E10AQFo/uploaded-image/0", 400, json=expired)
    announced(wire)
    anew = LINKEDIN.prepare(step(media=(picture,), handles=handles), at)
    assert isinstance(anew, Saved)
    assert anew.handles["media"] == [{"id": IMAGE, "url": UPLOAD, "again": True}]
    wire.expect("PUT /dms-uploads/C4E10AQFo/uploaded-image/0", 400, json=expired)
    with pytest.raises(PlatformFailure, match=r"refuses the upload of cat\.png") as caught:
        LINKEDIN.prepare(step(media=(picture,), handles=anew.handles), at)
    assert caught.value.retryable


def test_prepare__an_image_that_is_gone_is_uploaded_again(wire: Wire, picture: Media) -> None:
    wire.expect(f"GET /rest/images/{IMAGE}", 404)
    announced(wire)
    handles = {"author": AUTHOR, "media": [{"id": IMAGE}]}
    anew = LINKEDIN.prepare(step(media=(picture,), handles=handles), session(wire))
    assert anew == Saved(handles={"author": AUTHOR, "media": [{"id": IMAGE, "url": UPLOAD, "again": True}]})


def test_prepare__a_missing_file_is_refused(wire: Wire, picture: Media) -> None:
    handles = {"author": AUTHOR, "media": [{"id": IMAGE, "url": UPLOAD}]}
    gone = replace(picture, path=Path("/nowhere/cat.png"))
    with pytest.raises(Rejected, match=r"cat\.png cannot be read"):
        LINKEDIN.prepare(step(media=(gone,), handles=handles), session(wire))


# --- prepare: videos ---------------------------------------------------------------------------------------
# https://learn.microsoft.com/en-us/linkedin/marketing/community-management/shares/videos-api


def test_prepare__uploads_a_video_part_by_part(wire: Wire, film: Media) -> None:
    at = session(wire)
    parts = [(0, 3, "a"), (4, 7, "b"), (8, 9, "c")]
    instructions = [
        {"firstByte": first, "lastByte": last, "uploadUrl": f"https://www.linkedin.com/dms-uploads/{name}"}
        for first, last, name in parts
    ]
    value = {"video": VIDEO, "uploadToken": "", "uploadInstructions": instructions}
    wire.expect("POST /rest/videos", json={"value": value})
    result: Any = LINKEDIN.prepare(step(media=(film,)), at)
    assert wire.sent == {
        "initializeUploadRequest": {
            "owner": AUTHOR,
            "fileSizeBytes": 10,
            "uploadCaptions": False,
            "uploadThumbnail": False,
        }
    }
    for name, piece in (("a", b"0123"), ("b", b"4567"), ("c", b"89")):
        wire.expect(f"PUT /dms-uploads/{name}", 200, headers={"etag": f'"etag-{name}"'})
        result = LINKEDIN.prepare(step(media=(film,), handles=result.handles), at)
        assert isinstance(result, Saved)
        assert wire.last.content == piece
        assert wire.last.headers["content-type"] == "application/octet-stream"
        assert "authorization" not in wire.last.headers
    wire.expect(f"GET /rest/videos/{VIDEO}", json={"status": "WAITING_UPLOAD"})
    wire.expect("POST /rest/videos")
    result = LINKEDIN.prepare(step(media=(film,), handles=result.handles), at)
    assert result == Saved(handles={"author": AUTHOR, "media": [{"id": VIDEO}]})
    assert wire.last.url.query == b"action=finalizeUpload"
    etags = ["etag-a", "etag-b", "etag-c"]
    assert wire.sent == {
        "finalizeUploadRequest": {"video": VIDEO, "uploadToken": "", "uploadedPartIds": etags}
    }
    wire.expect(f"GET /rest/videos/{VIDEO}", json={"status": "PROCESSING"})
    assert isinstance(LINKEDIN.prepare(step(media=(film,), handles=result.handles), at), Wait)
    wire.expect(f"GET /rest/videos/{VIDEO}", json={"status": "AVAILABLE"})
    options = {"video_title": "Cat"}
    done = LINKEDIN.prepare(step(media=(film,), handles=result.handles, options=options), at)
    assert isinstance(done, Ready)
    assert done.request["content"] == {"media": {"id": VIDEO, "title": "Cat"}}


def test_prepare__a_video_finalized_before_a_kill_is_not_finalized_again(wire: Wire, film: Media) -> None:
    wire.expect(f"GET /rest/videos/{VIDEO}", json={"status": "PROCESSING"})
    entry = {"id": VIDEO, "token": "", "parts": [], "etags": ["a"]}
    result = LINKEDIN.prepare(
        step(media=(film,), handles={"author": AUTHOR, "media": [entry]}), session(wire)
    )
    assert result == Saved(handles={"author": AUTHOR, "media": [{"id": VIDEO}]})


def test_prepare__a_failed_video_is_refused_for_good(wire: Wire, film: Media) -> None:
    failed = {"status": "PROCESSING_FAILED", "processingFailureReason": "No video stream"}
    wire.expect(f"GET /rest/videos/{VIDEO}", json=failed)
    handles = {"author": AUTHOR, "media": [{"id": VIDEO}]}
    with pytest.raises(Rejected, match="could not process the video: No video stream"):
        LINKEDIN.prepare(step(media=(film,), handles=handles), session(wire))


def test_prepare__a_part_without_etag_is_tried_again(wire: Wire, film: Media) -> None:
    wire.expect("PUT /1", 200)
    entry = {"id": VIDEO, "token": "", "parts": [[0, 9, "https://www.linkedin.com/1"]], "etags": []}
    with pytest.raises(PlatformFailure, match="no ETag") as caught:
        LINKEDIN.prepare(step(media=(film,), handles={"author": AUTHOR, "media": [entry]}), session(wire))
    assert caught.value.retryable


@pytest.mark.parametrize("status", [401, 403, 410])
def test_prepare__a_refused_part_says_nothing_of_the_token(wire: Wire, film: Media, status: int) -> None:
    wire.expect("PUT /1", status)
    instructions = [{"firstByte": 0, "lastByte": 9, "uploadUrl": "https://www.linkedin.com/2"}]
    value = {"video": VIDEO, "uploadToken": "t", "uploadInstructions": instructions}
    wire.expect("POST /rest/videos", json={"value": value})
    entry = {"id": VIDEO, "token": "", "parts": [[0, 9, "https://www.linkedin.com/1"]], "etags": []}
    result = LINKEDIN.prepare(
        step(media=(film,), handles={"author": AUTHOR, "media": [entry]}), session(wire)
    )
    parts = [[0, 9, "https://www.linkedin.com/2"]]
    assert isinstance(result, Saved)
    assert result.handles["media"] == [
        {"id": VIDEO, "token": "t", "parts": parts, "etags": [], "again": True}
    ]


# --- send --------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("header", ["x-restli-id", "x-linkedin-id"])
@pytest.mark.parametrize("urn", [URN, "urn:li:ugcPost:7350000000000000000"])
def test_send_step__takes_the_id_from_the_header(wire: Wire, header: str, urn: str) -> None:
    wire.expect("POST /rest/posts", 201, headers={header: urn})
    confirmed = LINKEDIN.send_step(sent(), session(wire))
    assert confirmed == Confirmed(remote_id=urn, url=f"https://www.linkedin.com/feed/update/{urn}/")
    assert str(wire.last.url) == "https://api.linkedin.com/rest/posts"
    assert wire.sent == REQUEST
    assert VERSIONED.items() <= dict(wire.last.headers).items()


@pytest.mark.parametrize("headers", [{}, {"x-restli-id": ""}, {"x-restli-id": "undefined"}])
def test_send_step__a_201_without_id_is_unknown(wire: Wire, headers: dict[str, str]) -> None:
    wire.expect("POST /rest/posts", 201, headers=headers, json={"id": URN})
    at = session(wire)
    with pytest.raises(OutcomeUnknown):
        LINKEDIN.send_step(sent(), at)
    assert at.visible == "open"


# https://learn.microsoft.com/en-us/linkedin/shared/api-guide/concepts/error-handling
DUPLICATE = {
    "status": 422,
    "code": "UNPROCESSABLE_ENTITY",
    "message": "Content is a duplicate of urn:li:share:7141000000000000000",
    "errorDetailType": "com.linkedin.common.error.BadRequest",
    "errorDetails": {
        "inputErrors": [{"code": "DUPLICATE_POST", "description": "Duplicate post is detected", "input": {}}]
    },
}


def nested(status: int, code: str) -> dict[str, Any]:
    return {"status": status, "message": "no", "errorDetails": {"inputErrors": [{"code": code}]}}


@pytest.mark.parametrize(
    ("status", "body", "kind", "retryable"),
    [
        (400, {"code": "ILLEGAL_ARGUMENT", "message": "no"}, Rejected, False),
        (400, {"code": "FIELD_LENGTH_TOO_LONG"}, Rejected, False),
        (400, {"code": "MEDIA_ASSET_WAITING_UPLOAD"}, PlatformFailure, True),
        (400, nested(400, "MEDIA_ASSET_WAITING_UPLOAD"), PlatformFailure, True),
        (400, {"code": "MEDIA_ASSET_PROCESSING_FAILED"}, Rejected, False),
        (400, {"code": "EXPIRED_UPLOAD_URL"}, PlatformFailure, True),
        (401, {"code": "EXPIRED_ACCESS_TOKEN"}, AuthExpired, False),
        (401, {"code": "REVOKED_ACCESS_TOKEN"}, AuthExpired, False),
        (403, {"code": "ACCESS_DENIED"}, AuthExpired, False),
        (404, {"code": "NOT_FOUND"}, Rejected, False),
        (422, DUPLICATE, Duplicate, False),
        (422, {"code": "DUPLICATE_POST"}, Duplicate, False),
        (422, {"message": "/author :: field is required but not found"}, Rejected, False),
        (429, {"code": "TOO_MANY_REQUESTS"}, RateLimited, True),
        (409, {"code": "CONFLICT"}, OutcomeUnknown, False),
        (426, {"code": "NONEXISTENT_VERSION"}, OutcomeUnknown, False),
        (500, {"code": "INTERNAL_SERVER_ERROR"}, OutcomeUnknown, False),
        (504, None, OutcomeUnknown, False),
    ],
)
def test_send_step__classifies_the_documented_errors(
    wire: Wire, status: int, body: Any, kind: type[PlatformError], retryable: bool
) -> None:
    wire.expect("POST /rest/posts", status, json=body)
    with pytest.raises(PlatformError) as caught:
        LINKEDIN.send_step(sent(), session(wire))
    assert type(caught.value) is kind
    assert caught.value.retryable is retryable


def test_send_step__a_duplicate_names_the_post_there_is(wire: Wire) -> None:
    wire.expect("POST /rest/posts", 422, json=DUPLICATE)
    with pytest.raises(Duplicate, match="urn:li:share:7141000000000000000"):
        LINKEDIN.send_step(sent(), session(wire))


@pytest.mark.parametrize(("status", "kind"), [(409, PlatformFailure), (503, Unavailable), (504, Unavailable)])
def test_uploads__may_be_tried_again(
    wire: Wire, picture: Media, status: int, kind: type[PlatformError]
) -> None:
    wire.expect("POST /rest/images", status, json={"code": "CONFLICT"})
    with pytest.raises(kind) as caught:
        LINKEDIN.prepare(step(media=(picture,)), session(wire))
    assert caught.value.retryable


# --- limits ------------------------------------------------------------------------------------------------
# https://learn.microsoft.com/en-us/linkedin/shared/api-guide/concepts/rate-limits


def test_limits__a_throttle_without_a_word_is_waited_for_as_we_choose(wire: Wire) -> None:
    throttled = "Resource level throttle limit for calls to this resource is reached."
    wire.expect(
        "POST /rest/posts", 429, json={"status": 429, "code": "TOO_MANY_REQUESTS", "message": throttled}
    )
    at = session(wire)
    with pytest.raises(RateLimited) as caught:
        LINKEDIN.send_step(sent(), at)
    assert caught.value.retry_after is None
    (seen,) = at.seen
    assert (seen.family, seen.blocked, seen.reset_at) == ("publish", True, None)


def test_limits__a_daily_one_ends_at_midnight_utc(wire: Wire) -> None:
    wire.expect("POST /rest/posts", 429, json={"message": "Member has reached the daily limit"})
    at = session(wire)
    with pytest.raises(RateLimited) as caught:
        LINKEDIN.send_step(sent(), at)
    (seen,) = at.seen
    assert seen.reset_at is not None
    assert seen.reset_at.timestamp() % 86_400 == 0
    assert caught.value.retry_after is not None
    assert 0 <= caught.value.retry_after <= 86_400


@pytest.mark.parametrize(("line", "family"), [("GET /rest/posts", "read"), ("POST /rest/images", "media")])
def test_limits__tell_posting_from_the_rest(wire: Wire, picture: Media, line: str, family: str) -> None:
    wire.expect(line, 429)
    at = session(wire)
    with pytest.raises(RateLimited):
        LINKEDIN.prepare(step(media=(picture,) if family == "media" else ()), at)
    assert [seen.family for seen in at.seen] == [family]


# --- reconcile ---------------------------------------------------------------------------------------------
# https://learn.microsoft.com/en-us/linkedin/marketing/community-management/shares/posts-api#find-posts-by-authors


def post(number: int = 0, seconds: float = 5, text: str = "Hello", **changes: Any) -> dict[str, Any]:
    """One that was made so long after the first send."""
    at = int((SENT_AT + timedelta(seconds=seconds)).timestamp() * 1000)
    made = {
        "id": f"{URN}{number}",
        "author": AUTHOR,
        "commentary": text,
        "createdAt": at,
        "lastModifiedAt": at,
    }
    return {**made, **changes}


OLD = post(9, -61, "Older")


def listed(wire: Wire, *posts: Mapping[str, Any]) -> None:
    wire.expect("GET /rest/posts", json={"elements": list(posts)})


def test_reconcile__finds_the_post(wire: Wire) -> None:
    listed(wire, post(1, 10, "Another"), post(2), OLD)
    look = LINKEDIN.reconcile(sent(), session(wire))
    assert [match.remote_id for match in look.matches] == [f"{URN}2"]
    assert look.complete
    query = b"author=urn%3Ali%3Aorganization%3A5515715&q=author&start=0&count=10&sortBy=LAST_MODIFIED"
    assert wire.last.url.query == query
    assert wire.last.headers["x-restli-method"] == "FINDER"


def test_reconcile__compares_unescaped_texts(wire: Wire) -> None:
    text = "v1 (finally) #release @[Acme](urn:li:organization:1) a_b\n\nend "
    served = "v1 \\(finally\\) {hashtag|\\#|release} @[Acme](urn:li:organization:1) a\\_b\n\nend"
    listed(wire, post(text=served), OLD)
    assert LINKEDIN.reconcile(sent({**REQUEST, "commentary": escape(text)}), session(wire)).matches


def test_reconcile__an_absence_needs_a_look_past_the_first_send(wire: Wire) -> None:
    listed(wire, *(post(n, 100 - n, "Another") for n in range(10)))
    listed(wire, post(11, 20, "Another"), OLD)
    look = LINKEDIN.reconcile(sent(), session(wire))
    assert (look.matches, look.complete) == ((), True)
    assert b"start=10&" in wire.last.url.query


def test_reconcile__an_old_post_that_was_edited_ends_nothing(wire: Wire) -> None:
    edited = post(1, -9999, lastModifiedAt=int(SENT_AT.timestamp() * 1000))
    listed(wire, edited)
    listed(wire, post(2))
    listed(wire)
    look = LINKEDIN.reconcile(sent(), session(wire))
    assert [match.remote_id for match in look.matches] == [f"{URN}2"]
    assert look.complete


def test_reconcile__a_post_seen_on_two_pages_is_one(wire: Wire) -> None:
    listed(wire, post(2))
    listed(wire, post(2), OLD)
    assert len(LINKEDIN.reconcile(sent(), session(wire)).matches) == 1


def test_reconcile__a_post_cut_off_leaves_it_open(wire: Wire) -> None:
    listed(wire, post(text="Hel"), OLD)
    look = LINKEDIN.reconcile(sent(), session(wire))
    assert (look.matches, look.complete) == ((), False)


IMAGES = {"multiImage": {"images": [{"id": "urn:li:image:A", "altText": "a"}, {"id": "urn:li:image:B"}]}}
ARTICLE = {"article": {"source": "https://a.example", "title": "a.example"}}


@pytest.mark.parametrize(
    ("ours", "theirs", "text", "found", "complete"),
    [
        ({"media": {"id": IMAGE}}, {"media": {"id": IMAGE, "altText": "x"}}, "", 1, True),
        ({"media": {"id": IMAGE}}, {"media": {"id": VIDEO}}, "Hello", 0, True),
        (IMAGES, IMAGES, "", 1, True),
        (IMAGES, None, "Hello", 1, True),
        (IMAGES, None, "", 0, False),
        (ARTICLE, {"article": {"source": "https://a.example/", "title": "a"}}, "Hello", 1, True),
        (ARTICLE, {"article": {"source": "https://lnkd.in/x", "title": "a"}}, "Hello", 0, False),
        (ARTICLE, {"article": {"source": "https://b.example/", "title": "b"}}, "Other", 0, True),
    ],
)
def test_reconcile__looks_at_what_is_attached(
    wire: Wire, ours: Any, theirs: Any, text: str, found: int, complete: bool
) -> None:
    listed(wire, post(text=text, content=theirs), OLD)
    asked = {**REQUEST, "commentary": "Hello" if text else "", "content": ours}
    look = LINKEDIN.reconcile(sent(asked), session(wire))
    assert (len(look.matches), look.complete) == (found, complete)


@pytest.mark.parametrize(
    ("ours", "theirs", "certain"), [(IMAGES, IMAGES, True), (IMAGES, None, False), (ARTICLE, ARTICLE, False)]
)
def test_reconcile__only_the_files_shown_make_a_match_certain(
    wire: Wire, ours: Any, theirs: Any, certain: bool
) -> None:
    listed(wire, post(text="Hello", content=theirs), OLD)
    look = LINKEDIN.reconcile(sent({**REQUEST, "commentary": "Hello", "content": ours}), session(wire))
    assert (len(look.matches), look.certain) == (1, certain)


def test_reconcile__of_a_member_asks_nothing_and_proves_nothing(wire: Wire) -> None:
    look = LINKEDIN.reconcile(sent({**REQUEST, "author": MEMBER}), session(wire))
    assert (look.matches, look.complete) == ((), False)
    assert look.unanswerable


def test_reconcile__without_the_scope_to_read_proves_nothing(wire: Wire) -> None:
    wire.expect("GET /rest/posts", 403, json={"status": 403, "code": "ACCESS_DENIED"})
    look = LINKEDIN.reconcile(sent(), session(wire))
    assert (look.matches, look.complete) == ((), False)
    assert "r_organization_social" in (look.unanswerable or "")


def test_reconcile__gives_up_on_an_endless_list(wire: Wire) -> None:
    for _ in range(50):
        listed(wire, post(text="Another"))
    assert not LINKEDIN.reconcile(sent(), session(wire)).complete


@pytest.mark.parametrize("broken", [{"createdAt": "soon"}, {"createdAt": 10**30}, {"lastModifiedAt": "x"}])
def test_reconcile__an_unreadable_post_is_an_error(wire: Wire, broken: dict[str, Any]) -> None:
    listed(wire, {**post(), **broken})
    with pytest.raises(PlatformFailure):
        LINKEDIN.reconcile(sent(), session(wire))


# --- read_metrics ------------------------------------------------------------------------------------------


STATISTICS = "GET /rest/organizationalEntityShareStatistics"
ANALYTICS = "GET /rest/memberCreatorPostAnalytics"
UGC = "urn:li:ugcPost:7350000000000000009"
DENIED = {"status": 403, "code": "ACCESS_DENIED", "message": "Not enough permissions"}
TOTALS = {
    "impressionCount": 900,
    "uniqueImpressionsCount": 610,
    "clickCount": 12,
    "likeCount": 20,
    "commentCount": 3,
    "shareCount": 2,
    "engagement": 0.041,
}


def counted(urn: str, **numbers: Any) -> dict[str, Any]:
    kind = "ugcPost" if "ugc" in urn else "share"
    return {"organizationalEntity": AUTHOR, kind: urn, "totalShareStatistics": numbers}


def test_read_metrics__asks_for_all_posts_of_a_page_at_once(wire: Wire) -> None:
    other = f"{URN[:-1]}1"
    wire.expect(STATISTICS, json={"elements": [counted(URN, **TOTALS), counted(other, likeCount="-1")]})
    found = LINKEDIN.read_metrics([URN, other], session(wire))
    assert VERSIONED.items() <= dict(wire.last.headers).items()
    assert wire.last.url.query == (
        b"q=organizationalEntity&organizationalEntity=urn%3Ali%3Aorganization%3A5515715"
        b"&shares=List(urn%3Ali%3Ashare%3A7350000000000000000,urn%3Ali%3Ashare%3A7350000000000000001)"
    )
    raw = {name: number for name, number in TOTALS.items() if name != "engagement"}
    assert found == {URN: Reading(views=900, likes=20, comments=3, shares=2, raw=raw), other: Reading()}


def test_read_metrics__asks_for_the_other_kind_of_posts_apart(wire: Wire) -> None:
    wire.expect(STATISTICS, json={"elements": [counted(URN, impressionCount=1)]})
    wire.expect(STATISTICS, json={"elements": [counted(UGC, impressionCount=2)]})
    found = LINKEDIN.read_metrics([UGC, URN], session(wire))
    assert wire.last.url.query.endswith(b"&ugcPosts=List(urn%3Ali%3AugcPost%3A7350000000000000009)")
    assert {urn: reading.views for urn, reading in found.items() if isinstance(reading, Reading)} == {
        URN: 1,
        UGC: 2,
    }


def test_read_metrics__a_post_that_is_left_out_was_not_answered_about(wire: Wire) -> None:
    wire.expect(STATISTICS, json={"elements": []})
    assert LINKEDIN.read_metrics([URN], session(wire)) == {}


def test_read_metrics__a_post_that_may_not_be_read_does_not_close_the_others(wire: Wire) -> None:
    wire.expect(STATISTICS, 403, json=DENIED)
    with pytest.raises(OneByOne):
        LINKEDIN.read_metrics([URN, UGC], session(wire))
    wire.expect(STATISTICS, 403, json=DENIED)
    closed = LINKEDIN.read_metrics([URN], session(wire))[URN]
    assert isinstance(closed, Closed)
    assert "Not enough permissions" in str(closed.error)


def test_read_metrics__asks_a_member_for_each_number_of_each_post(wire: Wire) -> None:
    numbers = {"IMPRESSION": 431, "REACTION": 12, "COMMENT": 3, "RESHARE": 0, "POST_SAVE": 2}
    for name, number in numbers.items():
        key = "value" if name == "COMMENT" else "count"  # one client has that instead
        wire.expect(ANALYTICS, json={"elements": [{key: number}] if number else []})
    found = LINKEDIN.read_metrics([URN], session(wire, author=MEMBER))
    assert [request.url.query.decode() for request in wire.requests] == [
        f"q=entity&entity=(share:urn%3Ali%3Ashare%3A7350000000000000000)&queryType={name}&aggregation=TOTAL"
        for name in numbers
    ]
    assert found == {URN: Reading(views=431, likes=12, comments=3, shares=0, saves=2, raw=numbers)}
    with pytest.raises(OneByOne):
        LINKEDIN.read_metrics([URN, UGC], session(wire, author=MEMBER))


def test_read_metrics__an_older_api_knows_no_saves(wire: Wire) -> None:
    for _ in range(4):
        wire.expect(ANALYTICS, json={"elements": [{"count": "many"}]})
    at = session(wire, author=MEMBER, api_version="202603")
    assert LINKEDIN.read_metrics([UGC], at) == {UGC: Reading()}
    assert b"entity=(ugc:urn%3Ali%3AugcPost%3A" in wire.last.url.query


def test_read_metrics__is_closed_to_most_members(wire: Wire) -> None:
    wire.expect(ANALYTICS, 403, json=DENIED)
    closed = LINKEDIN.read_metrics([URN], session(wire, author=MEMBER))[URN]
    assert isinstance(closed, Closed)
    assert closed.error.error_class == "auth_expired"


@pytest.mark.parametrize("author", [AUTHOR, MEMBER])
@pytest.mark.parametrize(
    ("status", "body", "kind"),
    [
        (401, {"code": "EXPIRED_ACCESS_TOKEN"}, AuthExpired),
        (403, {"code": "SOMETHING_ELSE"}, AuthExpired),
        (429, {"code": "TOO_MANY_REQUESTS"}, RateLimited),
        (426, {"code": "NONEXISTENT_VERSION"}, PlatformFailure),
        (404, {"code": "NOT_FOUND"}, Rejected),
        (200, {}, PlatformFailure),
        (200, {"elements": None}, PlatformFailure),
    ],
)
def test_read_metrics__trouble_is_an_error(
    wire: Wire, author: str, status: int, body: Any, kind: type[PlatformError]
) -> None:
    wire.expect(STATISTICS if author == AUTHOR else ANALYTICS, status, json=body)
    with pytest.raises(kind):
        LINKEDIN.read_metrics([URN], session(wire, author=author))


# --- tokens ------------------------------------------------------------------------------------------------
# https://learn.microsoft.com/en-us/linkedin/shared/authentication/programmatic-refresh-tokens

APP = App(client_id="the-client", client_secret="the-client-secret")
CREDENTIALS = {"access_token": TOKEN, "refresh_token": "the-refresh", "expires_at": "2026-01-01T00:00:00Z"}
FRESH = {
    "access_token": "AQX",
    "expires_in": 5184000,
    "refresh_token": "AQW",
    "refresh_token_expires_in": 26438400,
}


def test_refresh__trades_the_refresh_token(wire: Wire) -> None:
    wire.expect("POST /oauth/v2/accessToken", json=FRESH)
    tokens = LINKEDIN.refresh(account(), CREDENTIALS, APP, wire.http)
    assert tokens.credentials == {"access_token": "AQX", "refresh_token": "AQW"}
    assert tokens.expires_at is not None
    assert tokens.refresh_expires_at is not None
    assert (tokens.expires_at - datetime.now(UTC)).days in (59, 60)
    assert (tokens.refresh_expires_at - datetime.now(UTC)).days in (305, 306)
    assert wire.last.url.host == "www.linkedin.com"
    assert "authorization" not in wire.last.headers
    assert form_body(wire.last) == {
        "grant_type": "refresh_token",
        "refresh_token": "the-refresh",
        "client_id": "the-client",
        "client_secret": "the-client-secret",
    }


def test_refresh__goes_to_the_base_url_where_there_is_one(wire: Wire) -> None:
    wire.expect("POST /li/oauth/v2/accessToken", json={"access_token": "AQX"})
    tokens = LINKEDIN.refresh(account(base_url="http://127.0.0.1:1/li"), CREDENTIALS, APP, wire.http)
    assert tokens.credentials["refresh_token"] == "the-refresh"
    assert (tokens.expires_at, tokens.refresh_expires_at) == (None, None)


def test_refresh__needs_to_know_the_app(wire: Wire) -> None:
    with pytest.raises(PlatformFailure) as caught:
        LINKEDIN.refresh(account(), CREDENTIALS, App(), wire.http)
    assert caught.value.retryable


def test_refresh__a_refused_token_needs_a_person(wire: Wire) -> None:
    refused = {"error": "invalid_grant", "error_description": "The provided refresh token has expired"}
    wire.expect("POST /oauth/v2/accessToken", 400, json=refused)
    with pytest.raises(AuthExpired, match="has expired"):
        LINKEDIN.refresh(account(), CREDENTIALS, APP, wire.http)


def test_identify__a_page_is_asked_for_its_posts(wire: Wire) -> None:
    listed(wire)
    assert LINKEDIN.identify(session(wire)).external_id == AUTHOR


def test_identify__a_member_has_a_name(wire: Wire) -> None:
    wire.expect("GET /v2/userinfo", json={"sub": "782bbtaQ", "name": "Jo"})
    identity = LINKEDIN.identify(session(wire, author=MEMBER))
    assert (identity.external_id, identity.handle) == (MEMBER, "Jo")


# https://learn.microsoft.com/en-us/linkedin/shared/authentication/authorization-code-flow


@pytest.mark.parametrize("scope", ["openid,profile,w_member_social", "openid profile w_member_social"])
def test_connect_accounts__trades_the_code(wire: Wire, scope: str) -> None:
    wire.expect(
        "POST /oauth/v2/accessToken", json={"access_token": "AQX", "expires_in": 5184000, "scope": scope}
    )
    wire.expect("GET /v2/userinfo", json={"sub": "782bbtaQ", "name": "Jo"})
    (found,) = LINKEDIN.connect_accounts(
        Grant(code="c", redirect_uri="http://127.0.0.1/"), APP, {}, wire.http
    )
    assert form_body(wire.requests[0]) == {
        "grant_type": "authorization_code",
        "code": "c",
        "redirect_uri": "http://127.0.0.1/",
        "client_id": "the-client",
        "client_secret": "the-client-secret",
    }
    assert wire.last.headers["authorization"] == "Bearer AQX"
    assert (found.external_id, found.handle, found.scopes) == (
        MEMBER,
        "Jo",
        ("openid", "profile", "w_member_social"),
    )
    assert found.tokens.credentials == {"access_token": "AQX"}


def test_connect_accounts__a_page_is_named_by_its_setting(wire: Wire) -> None:
    wire.expect("POST /oauth/v2/accessToken", json=FRESH)
    grant = Grant(code="c", redirect_uri="http://127.0.0.1/")
    (found,) = LINKEDIN.connect_accounts(grant, APP, {"author": AUTHOR}, wire.http)
    assert (found.external_id, found.scopes) == (AUTHOR, ())
    assert found.tokens.credentials == {"access_token": "AQX", "refresh_token": "AQW"}
