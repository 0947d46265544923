"""Instagram: requests and documented answers.

Recordings follow https://developers.facebook.com/docs/instagram-platform/content-publishing and the reference pages
ig-user/media, ig-user/media_publish, ig-user/content_publishing_limit, ig-container and error-codes (as archived
2026-09-11).
"""

from __future__ import annotations

from dataclasses import replace
from datetime import UTC, datetime, timedelta
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
from socialcron.model import Account, Confirmed, Look, Media, PreparedStep, Reading, Ready, Saved, Step, Wait
from socialcron.platforms.base import App, Grant
from socialcron.platforms.containers import digest
from socialcron.platforms.http import Session
from socialcron.platforms.instagram import Instagram
from tests.contract.conftest import Wire
from tests.contract.sample import CAT, DOG, FILM, PLAIN_CAT, Kind, Sample, choosing, says

START: dict[str, Any] = {"user": "17841", "edge": "media", "says": digest("Hello")}
MADE: dict[str, Any] = {**START, "made": ["900"], "ready": 0, "since": "2026-01-02T03:04:00+00:00"}

SAMPLE = Sample(
    credentials={"access_token": "secret-access"},
    request={"creation_id": "900"},
    handles=MADE,
    prepare_handles=START,  # it asks whose token it is before it makes a container
    created=(200, {"id": "17920"}),
    renewable={"access_token": "secret-access"},
    plain=None,
    attachment=("cat.jpg", "image/jpeg"),
)

KINDS = (
    Kind("instagram", "image", says("A picture", CAT)),
    Kind("instagram", "carousel", says("Two pictures", CAT, DOG)),
    Kind("instagram", "reel", says("A reel", FILM)),
    Kind("instagram", "story", says("", PLAIN_CAT, **choosing("instagram", type="story"))),
)

INSTAGRAM = Instagram()
SENT_AT = datetime(2026, 1, 2, 3, 4, 5, tzinfo=UTC)
TOKEN = "the-token"
APP = App(client_id="app", client_secret="hush")
ROOT = "/v26.0"
IMAGE = Media(
    source="a.jpg",
    alt="a cat",
    url="https://cdn.example/a.jpg",
    mime_type="image/jpeg",
    size_bytes=900,
    width=1000,
    height=1000,
)
VIDEO = Media(
    source="v.mp4",
    url="https://cdn.example/v.mp4",
    mime_type="video/mp4",
    size_bytes=9000,
    width=1080,
    height=1920,
    duration_seconds=20.0,
    frame_rate=30.0,
)
PERMALINK = "https://www.instagram.com/p/abc/"


def account(**settings: str) -> Account:
    return Account(id=1, platform="instagram", handle="cafe", settings=settings)


def session(wire: Wire, **settings: str) -> Session:
    return INSTAGRAM.connect(account(**settings), {"access_token": TOKEN}, App(), wire.http)


def step(*media: Media, text: str = "Hello", handles: Any = START, **options: Any) -> Step:
    return Step(
        number=0, kind="post", text=text, media=media, options=options, key="the-key", handles=handles
    )


def sent(**handles: Any) -> PreparedStep:
    return PreparedStep(
        number=0,
        kind="post",
        key="the-key",
        request={"creation_id": "900"},
        handles={**MADE, **handles},
        first_sending_at=SENT_AT,
        sends=1,
    )


def refusal(code: int, subcode: int | None = None, message: str = "No", **more: Any) -> dict[str, Any]:
    error = {"message": message, "type": "OAuthException", "code": code, "fbtrace_id": "A1", **more}
    return {"error": error | ({"error_subcode": subcode} if subcode else {})}


def state(wire: Wire, code: str, container: str = "900", **more: Any) -> None:
    wire.expect(f"GET {ROOT}/{container}", json={"status_code": code, "id": container, **more})


def quota(wire: Wire, used: int = 2, total: int = 50) -> None:
    # …/reference/ig-user/content_publishing_limit
    body = {"data": [{"quota_usage": used, "config": {"quota_total": total, "quota_duration": 86400}}]}
    wire.expect(f"GET {ROOT}/17841/content_publishing_limit", json=body)


# --- validate ----------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("media", "options"),
    [
        ((IMAGE,), {}),
        ((IMAGE, VIDEO), {}),
        ((VIDEO,), {"share_to_feed": "false", "thumb_offset": "1500", "collaborators": "a, @b"}),
        ((VIDEO,), {"type": "story", "is_ai_generated": True}),
        ((IMAGE,), {"type": "story"}),
        ((replace(IMAGE, mime_type=None, size_bytes=None),), {"thumb_offset": 5}),
    ],
)
def test_validate__takes_every_kind_of_post(media: tuple[Media, ...], options: dict[str, Any]) -> None:
    assert INSTAGRAM.validate([step(*media, **options)], {}) == []


@pytest.mark.parametrize(
    ("given", "where", "words"),
    [
        (step(), "media", "without an image"),
        (step(*[IMAGE] * 11), "media", "11 attachments, at most 10"),
        (step(IMAGE, IMAGE, type="story"), "media", "2 attachments, at most 1"),
        (step(VIDEO, VIDEO, type="reel"), "media", "2 attachments, at most 1"),
        (step(IMAGE, text="x" * 2201), "text", "2201 characters, at most 2200"),
        (step(IMAGE, text="👍" * 1101), "text", "2202 characters, at most 2200"),
        (step(IMAGE, text=" ".join(f"#tag{n}" for n in range(31))), "text", "31 hashtags, at most 30"),
        (step(IMAGE, text=" ".join(f"@me{n}" for n in range(21))), "text", "21 mentions, at most 20"),
        (step(replace(IMAGE, url=None)), "media[1]", "no public address"),
        (step(replace(IMAGE, url="https://cdn.example/ä.jpg")), "media[1]", "ASCII"),
        (step(replace(IMAGE, mime_type="image/png")), "media[1]", "image/png; allowed: image/jpeg"),
        (step(replace(IMAGE, size_bytes=8_000_001)), "media[1]", "8000001 bytes, at most 8000000"),
        (step(replace(IMAGE, height=1300)), "media[1]", "0.77 wide per high, at least 0.80"),
        (step(replace(IMAGE, alt="x" * 1001)), "media[1]", "1001 characters, at most 1000"),
        (step(replace(VIDEO, duration_seconds=1000.0)), "media[1]", "1000 seconds long, at most 900"),
        (step(replace(VIDEO, duration_seconds=90.0), type="story"), "media[1]", "at most 60"),
        (step(replace(VIDEO, frame_rate=15.0)), "media[1]", "15 frames per second, at least 23"),
        (step(IMAGE, type="album"), "options.type", "'album' is none of post, reel, story"),
        (step(IMAGE, thumb_offset="5"), "options.thumb_offset", "is only for reel; this post is: image"),
        (step(VIDEO, thumb_offset="soon"), "options.thumb_offset", "'soon' is not a number"),
        (step(VIDEO, share_to_feed="maybe"), "options.share_to_feed", "'maybe' is neither"),
        (step(VIDEO, cover_url="cover.jpg"), "options.cover_url", "not a public address"),
        (step(IMAGE, location_id="Rome"), "options.location_id", "'Rome' is not a number"),
        (step(IMAGE, collaborators="a,b,c,d"), "options.collaborators", "4 names, at most 3"),
        (step(IMAGE, type="reel"), "media[1]", "image/jpeg; allowed: video/mp4"),
    ],
)
def test_validate__names_field_measure_and_limit(given: Step, where: str, words: str) -> None:
    [problem] = INSTAGRAM.validate([given], {})
    assert problem.field == where
    assert words in problem.message


def test_validate__a_reel_has_one_cover() -> None:
    both = step(VIDEO, cover_url="https://cdn.example/c.jpg", thumb_offset=5)
    [problem] = INSTAGRAM.validate([both], {})
    assert "either cover_url or thumb_offset" in problem.message


# --- prepare -----------------------------------------------------------------------------------------------


def test_prepare__makes_an_image_container_asks_for_it_and_reads_the_quota(wire: Wire) -> None:
    wire.expect(f"GET {ROOT}/me", json={"user_id": "17841", "username": "cafe"})
    wire.expect(f"POST {ROOT}/17841/media", json={"id": "900"})
    mine = session(wire)
    saved = INSTAGRAM.prepare(step(IMAGE, handles={}), mine)
    assert isinstance(saved, Saved)
    assert saved.handles["made"] == ["900"]
    assert wire.requests[0].url == "https://graph.instagram.com/v26.0/me?fields=user_id%2Cusername"
    assert wire.last.headers["authorization"] == f"Bearer {TOKEN}"
    assert wire.sent == {
        "image_url": "https://cdn.example/a.jpg",
        "alt_text": "a cat",
        "caption": "Hello",
    }

    state(wire, "FINISHED")
    quota(wire)
    ready = INSTAGRAM.prepare(step(IMAGE, handles=saved.handles), mine)
    assert isinstance(ready, Ready)
    assert ready.request == {"creation_id": "900"}
    assert wire.requests[2].url.params["fields"] == "status_code,status"
    assert wire.last.url.params["fields"] == "quota_usage,config"


@pytest.mark.parametrize(
    ("media", "options", "sent_as"),
    [
        (
            VIDEO,
            {"share_to_feed": "false", "thumb_offset": "1500", "collaborators": "a, @b", "type": "reel"},
            {
                "media_type": "REELS",
                "video_url": "https://cdn.example/v.mp4",
                "caption": "Hello",
                "share_to_feed": False,
                "thumb_offset": 1500,
                "collaborators": ["a", "b"],
            },
        ),
        (
            VIDEO,
            {"cover_url": "https://cdn.example/c.jpg", "is_ai_generated": True},
            {
                "media_type": "REELS",
                "video_url": "https://cdn.example/v.mp4",
                "caption": "Hello",
                "cover_url": "https://cdn.example/c.jpg",
                "is_ai_generated": True,
            },
        ),
        (
            IMAGE,
            {"type": "story"},
            {"media_type": "STORIES", "image_url": "https://cdn.example/a.jpg", "caption": "Hello"},
        ),
        (
            VIDEO,
            {"type": "story"},
            {"media_type": "STORIES", "video_url": "https://cdn.example/v.mp4", "caption": "Hello"},
        ),
        (
            IMAGE,
            {"location_id": "7640"},
            {
                "image_url": "https://cdn.example/a.jpg",
                "alt_text": "a cat",
                "caption": "Hello",
                "location_id": "7640",
            },
        ),
    ],
)
def test_prepare__renders_each_kind_of_post(
    wire: Wire, media: Media, options: dict[str, Any], sent_as: dict[str, Any]
) -> None:
    wire.expect(f"POST {ROOT}/17841/media", json={"id": "900"})
    assert isinstance(INSTAGRAM.prepare(step(media, **options), session(wire)), Saved)
    assert wire.sent == sent_as


def test_prepare__makes_the_children_of_a_carousel_first_and_waits_for_all_of_them(wire: Wire) -> None:
    handles: Any = START
    for container in ("1", "2"):
        wire.expect(f"POST {ROOT}/17841/media", json={"id": container})
        saved = INSTAGRAM.prepare(step(IMAGE, VIDEO, handles=handles), session(wire))
        assert isinstance(saved, Saved)
        handles = saved.handles
    assert wire.sent == {
        "is_carousel_item": True,
        "media_type": "VIDEO",
        "video_url": "https://cdn.example/v.mp4",
    }

    state(wire, "FINISHED", "1")
    state(wire, "IN_PROGRESS", "2")
    waiting = INSTAGRAM.prepare(step(IMAGE, VIDEO, handles=handles), session(wire))
    assert isinstance(waiting, Wait)
    assert waiting.seconds == 45.0

    state(wire, "FINISHED", "2")  # the first is not asked about again
    wire.expect(f"POST {ROOT}/17841/media", json={"id": "900"})
    saved = INSTAGRAM.prepare(step(IMAGE, VIDEO, handles=waiting.handles), session(wire))
    assert isinstance(saved, Saved)
    assert wire.sent == {"media_type": "CAROUSEL", "caption": "Hello", "children": "1,2"}

    state(wire, "FINISHED")
    quota(wire)
    ready = INSTAGRAM.prepare(step(IMAGE, VIDEO, handles=saved.handles), session(wire))
    assert isinstance(ready, Ready)
    assert ready.request == {"creation_id": "900"}


@pytest.mark.parametrize(("media", "seconds"), [(IMAGE, 5.0), (VIDEO, 45.0)])
def test_prepare__waits_while_meta_works(wire: Wire, media: Media, seconds: float) -> None:
    state(wire, "IN_PROGRESS")
    waiting = INSTAGRAM.prepare(step(media, handles=MADE), session(wire))
    assert isinstance(waiting, Wait)
    assert (waiting.seconds, waiting.handles["made"]) == (seconds, ["900"])


@pytest.mark.parametrize(
    ("said", "kind", "retryable"),
    [
        ("Error: Media upload has failed with error code 2207026", Rejected, False),
        ("Error: Media upload has failed with error code 2207052", Rejected, False),
        ("Error: Media upload has failed with error code 2207053", PlatformFailure, True),
        ("2207003", PlatformFailure, True),
        ("", PlatformFailure, True),
    ],
)
def test_prepare__says_why_meta_gave_up_and_begins_anew_in_the_next_run(
    wire: Wire, said: str, kind: type[PlatformError], retryable: bool
) -> None:
    state(wire, "ERROR", status=said)
    mine = session(wire)
    saved = INSTAGRAM.prepare(step(VIDEO, handles=MADE), mine)
    assert isinstance(saved, Saved)
    with pytest.raises(kind, match="could not process") as caught:
        INSTAGRAM.prepare(step(VIDEO, handles=saved.handles), mine)
    assert caught.value.retryable is retryable

    wire.expect(f"POST {ROOT}/17841/media", json={"id": "901"})
    anew = INSTAGRAM.prepare(step(VIDEO, handles=saved.handles), session(wire))
    assert isinstance(anew, Saved)
    assert anew.handles["made"] == ["901"]


def test_prepare__begins_anew_when_the_container_has_expired(wire: Wire) -> None:
    state(wire, "EXPIRED")
    assert INSTAGRAM.prepare(step(IMAGE, handles=MADE), session(wire)) == Saved(handles=START)


@pytest.mark.parametrize("body", [refusal(24, 2207008), refusal(100, 33)])
def test_prepare__waits_for_a_container_it_cannot_see_then_makes_another_then_gives_up(
    wire: Wire, body: dict[str, Any]
) -> None:
    handles: Any = MADE
    for _ in range(2):
        wire.expect(f"GET {ROOT}/900", 400, json=body)
        waiting = INSTAGRAM.prepare(step(IMAGE, handles=handles), session(wire))
        assert isinstance(waiting, Wait)
        assert waiting.seconds == 30.0
        handles = waiting.handles
    wire.expect(f"GET {ROOT}/900", 400, json=body)
    anew = INSTAGRAM.prepare(step(IMAGE, handles=handles), session(wire))
    assert isinstance(anew, Saved)
    assert "made" not in anew.handles

    wire.expect(f"GET {ROOT}/901", 400, json=body)
    with pytest.raises(PlatformError):
        INSTAGRAM.prepare(step(IMAGE, handles={**anew.handles, "made": ["901"]}), session(wire))


@pytest.mark.parametrize("total", [50, 100])
def test_prepare__a_used_up_day_is_a_rate_limit(wire: Wire, total: int) -> None:
    state(wire, "FINISHED")
    quota(wire, used=total, total=total)
    with pytest.raises(RateLimited, match=f"{total} of {total} posts") as caught:
        INSTAGRAM.prepare(step(IMAGE, handles=MADE), session(wire))
    assert caught.value.retry_after == 3600.0


def test_prepare__assumes_fifty_posts_a_day_where_nothing_is_said(wire: Wire) -> None:
    state(wire, "FINISHED")
    wire.expect(f"GET {ROOT}/17841/content_publishing_limit", json={"data": [{"quota_usage": 50}]})
    with pytest.raises(RateLimited):
        INSTAGRAM.prepare(step(IMAGE, handles=MADE), session(wire))
    state(wire, "FINISHED")
    wire.expect(f"GET {ROOT}/17841/content_publishing_limit", json={"data": []})
    assert isinstance(INSTAGRAM.prepare(step(IMAGE, handles=MADE), session(wire)), Ready)


def test_prepare__an_unknown_state_may_be_asked_again(wire: Wire) -> None:
    state(wire, "PONDERING")
    with pytest.raises(PlatformFailure, match="PONDERING") as caught:
        INSTAGRAM.prepare(step(IMAGE, handles=MADE), session(wire))
    assert caught.value.retryable


def test_prepare__by_facebook_asks_the_page_for_its_account(wire: Wire) -> None:
    wire.expect(f"GET {ROOT}/1122", json={"instagram_business_account": {"id": "17841"}, "id": "1122"})
    wire.expect(f"GET {ROOT}/17841", json={"id": "17841", "username": "cafe"})
    wire.expect(f"POST {ROOT}/17841/media", json={"id": "900"})
    mine = session(wire, login="facebook", page_id="1122")
    assert isinstance(INSTAGRAM.prepare(step(IMAGE, handles={}), mine), Saved)
    assert {request.url.host for request in wire.requests} == {"graph.facebook.com"}


# --- send --------------------------------------------------------------------------------------------------


def test_send_step__publishes_the_container_and_asks_for_the_permalink(wire: Wire) -> None:
    wire.expect(f"POST {ROOT}/17841/media_publish", json={"id": "17920"})
    wire.expect(f"GET {ROOT}/17920", json={"permalink": PERMALINK, "id": "17920"})
    assert INSTAGRAM.send_step(sent(), session(wire)) == Confirmed(remote_id="17920", url=PERMALINK)
    assert wire.requests[0].content == b'{"creation_id":"900"}'
    assert wire.requests[0].headers["content-type"] == "application/json"
    assert wire.requests[0].url == "https://graph.instagram.com/v26.0/17841/media_publish"


@pytest.mark.parametrize("answer", [httpx.ReadTimeout("late"), 400, 500])
def test_send_step__a_post_without_its_permalink_is_out_all_the_same(wire: Wire, answer: Any) -> None:
    wire.expect(f"POST {ROOT}/17841/media_publish", json={"id": "17920"})
    wire.expect(f"GET {ROOT}/17920", answer)
    assert INSTAGRAM.send_step(sent(), session(wire)) == Confirmed(remote_id="17920")


def test_send_step__never_publishes_a_container_that_is_published(wire: Wire) -> None:
    state(wire, "PUBLISHED")
    ready = INSTAGRAM.prepare(step(IMAGE, handles=MADE), session(wire))
    assert isinstance(ready, Ready)
    assert ready.handles is not None
    mine = session(wire)
    with pytest.raises(OutcomeUnknown, match="published already"):
        INSTAGRAM.send_step(sent(**ready.handles), mine)
    assert mine.visible == "unsent"


# …/reference/error-codes
@pytest.mark.parametrize(
    ("code", "subcode", "kind", "retryable"),
    [
        (-2, 2207003, PlatformFailure, True),
        (-2, 2207020, PlatformFailure, True),
        (-1, 2207001, PlatformFailure, True),
        (-1, 2207032, PlatformFailure, True),
        (-1, 2207053, PlatformFailure, True),
        (1, None, PlatformFailure, True),
        (2, None, PlatformFailure, True),
        (4, None, RateLimited, True),
        (17, None, RateLimited, True),
        (32, None, RateLimited, True),
        (613, None, RateLimited, True),
        (80002, None, RateLimited, True),
        (4, 2207051, PlatformFailure, False),
        (9, 2207042, RateLimited, True),
        (24, 2207006, PlatformFailure, True),
        (24, 2207008, PlatformFailure, True),
        (25, 2207050, AuthExpired, False),
        (9007, 2207027, PlatformFailure, True),
        (9004, 2207052, Rejected, False),
        (36000, 2207004, Rejected, False),
        (36001, 2207005, Rejected, False),
        (36003, 2207009, Rejected, False),
        (36004, 2207010, Rejected, False),
        (352, 2207026, Rejected, False),
        (1, 2207057, Rejected, False),
        (100, 2207023, Rejected, False),
        (100, 2207028, Rejected, False),
        (100, 2207035, Rejected, False),
        (100, 2207040, Rejected, False),
        (100, 33, AuthExpired, False),
        (190, 463, AuthExpired, False),
        (10, None, AuthExpired, False),
        (200, None, AuthExpired, False),
    ],
)
def test_errors__mean_what_the_reference_says(
    wire: Wire, code: int, subcode: int | None, kind: type[PlatformError], retryable: bool
) -> None:
    wire.expect(f"POST {ROOT}/17841/media", 400, json=refusal(code, subcode, "It did not work"))
    with pytest.raises(kind, match="It did not work") as caught:
        INSTAGRAM.prepare(step(IMAGE), session(wire))
    assert type(caught.value) is kind
    assert caught.value.retryable is retryable


@pytest.mark.parametrize(
    ("code", "subcode", "kind", "retryable"),
    [
        (9007, 2207027, PlatformFailure, True),
        (24, 2207008, PlatformFailure, True),
        (9, 2207042, RateLimited, True),
        (4, 2207051, PlatformFailure, False),
        (190, 463, AuthExpired, False),
        # Perhaps this is how a published container is refused: the next `prepare` asks it.
        (100, None, PlatformFailure, True),
    ],
)
def test_send_step__a_refusal_of_content_that_was_taken_is_no_last_word(
    wire: Wire, code: int, subcode: int | None, kind: type[PlatformError], retryable: bool
) -> None:
    wire.expect(f"POST {ROOT}/17841/media_publish", 400, json=refusal(code, subcode, "It did not work"))
    mine = session(wire)
    with pytest.raises(kind, match="It did not work") as caught:
        INSTAGRAM.send_step(sent(), mine)
    assert type(caught.value) is kind
    assert (caught.value.retryable, caught.value.http_status) == (retryable, 400)
    assert mine.visible == "refused"


def test_limits__come_from_the_usage_headers(wire: Wire) -> None:
    """https://developers.facebook.com/docs/graph-api/overview/rate-limiting"""
    usage = '{"17841":[{"type":"instagram","call_count":97,"total_cputime":12,"total_time":15}]}'
    state_headers = {"x-business-use-case-usage": usage}
    wire.expect(f"GET {ROOT}/900", json={"status_code": "IN_PROGRESS"}, headers=state_headers)
    mine = session(wire)
    INSTAGRAM.prepare(step(IMAGE, handles=MADE), mine)
    [seen] = mine.seen
    assert (seen.family, seen.limit, seen.remaining, seen.blocked) == ("publish", 100, 3, False)


# --- reconcile ---------------------------------------------------------------------------------------------


def listed(minutes: float = 0, **parts: Any) -> dict[str, Any]:
    """One of our own posts, made `minutes` after the first send. …/ig-user/media"""
    made = (SENT_AT + timedelta(minutes=minutes)).strftime("%Y-%m-%dT%H:%M:%S+0000")
    return {"id": "17920", "caption": "Hello", "timestamp": made, "permalink": PERMALINK, **parts}


def page(wire: Wire, *posts: dict[str, Any], after: str | None = None, edge: str = "media") -> None:
    paging = {"paging": {"cursors": {"before": "x", "after": after}}} if after else {}
    wire.expect(f"GET {ROOT}/17841/{edge}", json={"data": list(posts), **paging})


FOUND = Confirmed(remote_id="17920", url=PERMALINK)


def test_reconcile__a_published_container_is_found_by_caption_and_time(wire: Wire) -> None:
    state(wire, "PUBLISHED")
    page(wire, listed(1, id="5", caption="Other"), listed(caption=" Hello\r\n"), listed(-2, id="1"))
    assert INSTAGRAM.reconcile(sent(), session(wire)).matches == (FOUND,)
    assert wire.last.url.params["fields"] == "id,caption,timestamp,permalink"


def test_reconcile__a_published_container_that_no_listing_shows_yet_is_out(wire: Wire) -> None:
    state(wire, "PUBLISHED")
    page(wire)
    look = INSTAGRAM.reconcile(sent(), session(wire))
    assert look.matches == (Confirmed(remote_id="900", provisional=True),)


def test_reconcile__a_finished_container_is_not_out(wire: Wire) -> None:
    state(wire, "FINISHED")
    assert INSTAGRAM.reconcile(sent(), session(wire)) == Look()


def test_reconcile__a_container_at_work_is_waited_for(wire: Wire) -> None:
    state(wire, "IN_PROGRESS")
    assert INSTAGRAM.reconcile(sent(), session(wire)).waiting_seconds == 30.0


@pytest.mark.parametrize("code", ["EXPIRED", "ERROR"])
def test_reconcile__a_container_at_its_end_proves_absence_only_with_the_listing(
    wire: Wire, code: str
) -> None:
    state(wire, code)
    page(wire, listed(5, caption="Other"), after="cursor")
    page(wire, listed(-2))
    look = INSTAGRAM.reconcile(sent(), session(wire))
    assert (look.matches, look.complete) == ((), True)
    assert wire.last.url.params["after"] == "cursor"

    state(wire, code)
    page(wire, listed())
    look = INSTAGRAM.reconcile(sent(), session(wire))
    assert (look.matches, look.certain) == ((FOUND,), False)  # its caption is all that speaks for it


def test_reconcile__a_story_of_that_time_is_not_ours_unless_the_container_is_published(wire: Wire) -> None:
    state(wire, "ERROR")
    page(wire, listed(caption=None), edge="stories")
    look = INSTAGRAM.reconcile(sent(edge="stories", says=None), session(wire))
    assert (look.matches, look.complete) == ((), False)


@pytest.mark.parametrize("body", [refusal(24, 2207008), refusal(100, 33)])
def test_reconcile__a_container_that_cannot_be_seen_proves_nothing(wire: Wire, body: dict[str, Any]) -> None:
    wire.expect(f"GET {ROOT}/900", 400, json=body)
    page(wire)
    look = INSTAGRAM.reconcile(sent(), session(wire))
    assert (look.matches, look.complete) == ((), False)


def test_reconcile__a_story_is_among_the_stories_and_told_by_its_time(wire: Wire) -> None:
    state(wire, "PUBLISHED")
    page(wire, listed(caption=None), listed(-2, id="1"), edge="stories")
    look = INSTAGRAM.reconcile(sent(edge="stories", says=None), session(wire))
    assert look.matches == (FOUND,)


def test_reconcile__a_container_published_late_is_looked_for_from_when_it_was_made(wire: Wire) -> None:
    state(wire, "PUBLISHED")
    page(wire, listed(-60))
    made = (SENT_AT - timedelta(hours=2)).isoformat()
    assert INSTAGRAM.reconcile(sent(published=True, since=made), session(wire)).matches == (FOUND,)


@pytest.mark.parametrize("post", [{"id": "1"}, {"id": "1", "timestamp": "noon"}, {"timestamp": ""}, "x"])
def test_reconcile__a_listing_that_makes_no_sense_proves_nothing(wire: Wire, post: Any) -> None:
    state(wire, "ERROR")
    page(wire, post)
    with pytest.raises(PlatformFailure):
        INSTAGRAM.reconcile(sent(), session(wire))


def test_reconcile__without_a_container_or_a_moment_proves_nothing(wire: Wire) -> None:
    assert not INSTAGRAM.reconcile(replace(sent(), first_sending_at=None), session(wire)).complete
    assert not INSTAGRAM.reconcile(sent(made=[]), session(wire)).complete


# --- tokens ------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(("hours", "possible"), [(1, False), (23.9, False), (24.1, True), (2000, True)])
def test_can_refresh__a_token_that_is_a_day_old(hours: float, possible: bool) -> None:
    issued_at = (datetime.now(UTC) - timedelta(hours=hours)).isoformat()
    assert INSTAGRAM.can_refresh({"access_token": TOKEN, "issued_at": issued_at}) is possible


def test_refresh__trades_the_token_for_another_of_sixty_days(wire: Wire) -> None:
    """https://developers.facebook.com/docs/instagram-platform/reference/refresh_access_token"""
    wire.expect(
        "GET /refresh_access_token",
        json={"access_token": "new", "token_type": "bearer", "expires_in": 5183944},
    )
    old = {"access_token": TOKEN, "expires_at": "2026-01-01T00:00:00Z", "client_id": "app"}
    tokens = INSTAGRAM.refresh(account(), old, APP, wire.http)
    assert tokens.credentials.keys() == {"access_token", "client_id", "issued_at"}
    assert tokens.credentials["access_token"] == "new"
    assert not INSTAGRAM.can_refresh(tokens.credentials)
    assert tokens.expires_at is not None
    assert tokens.expires_at - datetime.now(UTC) > timedelta(days=59)
    assert tokens.refresh_expires_at == tokens.expires_at
    assert wire.last.url.host == "graph.instagram.com"
    assert dict(wire.last.url.params) == {"grant_type": "ig_refresh_token", "access_token": TOKEN}
    assert "authorization" not in wire.last.headers


def test_refresh__a_refused_token_needs_a_person(wire: Wire) -> None:
    wire.expect("GET /refresh_access_token", 400, json=refusal(190, 463, "Session has expired"))
    with pytest.raises(AuthExpired) as caught:
        INSTAGRAM.refresh(account(), {"access_token": TOKEN}, APP, wire.http)
    assert TOKEN not in str(caught.value)


@pytest.mark.parametrize("answer", [500, 503, httpx.ReadTimeout("late")])
def test_refresh__a_server_in_trouble_disconnects_nobody(wire: Wire, answer: Any) -> None:
    wire.expect("GET /refresh_access_token", answer)
    with pytest.raises(Unavailable):
        INSTAGRAM.refresh(account(), {"access_token": TOKEN}, APP, wire.http)


def test_refresh__the_token_of_a_page_is_for_a_person_to_renew(wire: Wire) -> None:
    with pytest.raises(AuthExpired, match="Facebook page"):
        INSTAGRAM.refresh(account(login="facebook"), {"access_token": TOKEN}, APP, wire.http)


def test_connect_accounts__trades_code_and_short_token(wire: Wire) -> None:
    """…/instagram-api-with-instagram-login/business-login"""
    short = {"access_token": "short", "user_id": 17841, "permissions": "instagram_business_basic,b"}
    wire.expect("POST /oauth/access_token", json=short)
    wire.expect("GET /access_token", json={"access_token": "long", "expires_in": 5183944})
    wire.expect(f"GET {ROOT}/me", json={"user_id": "17841", "username": "cafe"})
    grant = Grant(code="the-code", redirect_uri="http://127.0.0.1:8000/")
    [found] = INSTAGRAM.connect_accounts(grant, APP, {}, wire.http)
    assert (found.external_id, found.handle) == ("17841", "cafe")
    assert found.scopes == ("instagram_business_basic", "b")
    assert found.tokens.credentials.keys() == {"access_token", "issued_at"}
    assert found.tokens.credentials["access_token"] == "long"
    code, long, me = wire.requests
    assert code.url == "https://api.instagram.com/oauth/access_token"
    assert dict(httpx.QueryParams(code.content.decode())) == {
        "grant_type": "authorization_code",
        "client_id": "app",
        "client_secret": "hush",
        "code": "the-code",
        "redirect_uri": "http://127.0.0.1:8000/",
    }
    assert dict(long.url.params) == {
        "grant_type": "ig_exchange_token",
        "client_secret": "hush",
        "access_token": "short",
    }
    assert me.headers["authorization"] == "Bearer long"


def test_connect_accounts__reads_the_documented_list_too(wire: Wire) -> None:
    wire.expect("POST /oauth/access_token", json={"data": [{"access_token": "short", "user_id": "1"}]})
    wire.expect("GET /access_token", json={"access_token": "long", "expires_in": 5183944})
    wire.expect(f"GET {ROOT}/me", json={"user_id": "17841", "username": "cafe"})
    grant = Grant(code="the-code", redirect_uri="http://127.0.0.1:8000/")
    [found] = INSTAGRAM.connect_accounts(grant, APP, {}, wire.http)
    assert found.scopes == ()


def test_connect_accounts__a_refused_code_needs_a_person(wire: Wire) -> None:
    wire.expect("POST /oauth/access_token", 400, json={"error_type": "OAuthException", "code": 400})
    with pytest.raises(AuthExpired):
        INSTAGRAM.connect_accounts(Grant(code="c", redirect_uri="http://a/"), APP, {}, wire.http)


def test_connect_accounts__facebooks_login_goes_by_the_page(wire: Wire) -> None:
    grant = Grant(code="c", redirect_uri="http://a/")
    with pytest.raises(PlatformFailure, match="login=facebook"):
        INSTAGRAM.connect_accounts(grant, APP, {"login": "facebook"}, wire.http)


def test_identify__by_facebook_needs_a_page_or_an_id(wire: Wire) -> None:
    with pytest.raises(PlatformFailure) as caught:
        INSTAGRAM.identify(session(wire, login="facebook"))
    assert "page_id" in str(caught.value.hint)


# --- metrics -------------------------------------------------------------------------------------------------

NODE, INSIGHTS = f"GET {ROOT}/17920", f"GET {ROOT}/17920/insights"


def told(**values: Any) -> dict[str, Any]:
    # .../reference/instagram-media/insights
    data = [
        {"name": name, "period": "lifetime", "values": [{"value": value}]} for name, value in values.items()
    ]
    return {"data": data}


def node(wire: Wire, product: str | None, **more: Any) -> None:
    wire.expect(NODE, json={"id": "17920", "media_product_type": product, **more})


@pytest.mark.parametrize("product", ["FEED", "REELS"])
def test_read_metrics__asks_for_what_this_kind_of_post_has(wire: Wire, product: str) -> None:
    numbers = {"views": 310, "reach": 200, "likes": 9, "comments": 0, "saved": 3, "shares": 4}
    node(wire, product, like_count=8, comments_count=0)
    wire.expect(INSIGHTS, json=told(**numbers))
    raw = {"like_count": 8, "comments_count": 0, **numbers}
    reading = Reading(views=310, likes=9, comments=0, shares=4, saves=3, raw=raw)
    assert INSTAGRAM.read_metrics(["17920"], session(wire)) == {"17920": reading}
    assert wire.requests[0].url.params["fields"] == "media_product_type,like_count,comments_count"
    assert wire.last.url.params["metric"] == "views,reach,likes,comments,saved,shares"


def test_read_metrics__a_story_has_replies_and_neither_likes_nor_saves(wire: Wire) -> None:
    node(wire, "STORY", like_count=0, comments_count=0)
    wire.expect(INSIGHTS, json=told(views=31, reach=20, replies=2, shares=1))
    raw = {"views": 31, "reach": 20, "replies": 2, "shares": 1}
    reading = Reading(views=31, comments=2, shares=1, raw=raw)
    assert INSTAGRAM.read_metrics(["17920"], session(wire)) == {"17920": reading}
    assert wire.last.url.params["metric"] == "views,reach,replies,shares"


def test_read_metrics__a_story_that_few_have_seen_has_no_numbers(wire: Wire) -> None:
    node(wire, "STORY")
    wire.expect(INSIGHTS, 400, json=refusal(10, message="Not enough viewers"))
    reading = INSTAGRAM.read_metrics(["17920"], session(wire))["17920"]
    assert (reading.views, reading.comments, reading.shares) == (None, None, None)
    assert "Not enough viewers" in reading.raw["insights"]


@pytest.mark.parametrize(
    "answer",
    [{"json": {"data": []}}, {"answer": 400, "json": refusal(100)}, {"answer": 400, "json": refusal(10)}],
)
def test_read_metrics__the_post_itself_tells_likes_while_there_are_no_insights(
    wire: Wire, answer: dict[str, Any]
) -> None:
    node(wire, "FEED", like_count=8, comments_count=2)
    wire.expect(INSIGHTS, **answer)
    reading = INSTAGRAM.read_metrics(["17920"], session(wire))["17920"]
    assert (reading.views, reading.likes, reading.comments, reading.saves) == (None, 8, 2, None)


def test_read_metrics__a_kind_of_post_that_is_new_is_not_asked_for_metrics_it_may_not_have(
    wire: Wire,
) -> None:
    node(wire, "HOLOGRAM", like_count=8)
    reading = Reading(likes=8, raw={"like_count": 8})
    assert INSTAGRAM.read_metrics(["17920"], session(wire)) == {"17920": reading}


def test_read_metrics__what_is_not_reported_is_no_zero(wire: Wire) -> None:
    node(wire, "FEED")
    wire.expect(INSIGHTS, json={"data": []})
    assert INSTAGRAM.read_metrics(["17920"], session(wire)) == {"17920": Reading()}


def test_read_metrics__a_post_that_cannot_be_seen_says_nothing_of_the_account(wire: Wire) -> None:
    """Everywhere else 100/33 means that a person must connect it again."""
    wire.expect(NODE, 400, json=refusal(100, 33))
    with pytest.raises(PlatformFailure, match="deleted, or out of our reach"):
        INSTAGRAM.read_metrics(["17920"], session(wire))


@pytest.mark.parametrize(
    ("code", "error"), [(4, RateLimited), (190, AuthExpired), (2, PlatformFailure), (-1, PlatformFailure)]
)
def test_read_metrics__trouble_is_trouble(wire: Wire, code: int, error: type[PlatformError]) -> None:
    node(wire, "FEED", like_count=8)
    wire.expect(INSIGHTS, 400, json=refusal(code))
    with pytest.raises(error):
        INSTAGRAM.read_metrics(["17920"], session(wire))
