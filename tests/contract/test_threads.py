"""Threads: requests and documented answers.

Recordings follow https://developers.facebook.com/documentation/threads/posts, .../threads/reference/publishing,
.../threads/reference/user and .../docs/threads/troubleshooting (as read 2026-09-11). What Threads does as Instagram
does (`platforms/containers.py`) is gone through in test_instagram.py.
"""

from __future__ import annotations

from dataclasses import replace
from datetime import UTC, datetime, timedelta
from typing import Any

import httpx
import pytest

from socialcron.errors import AuthExpired, PlatformError, PlatformFailure, RateLimited, Rejected
from socialcron.model import (
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
    Wait,
)
from socialcron.platforms.base import App, Grant
from socialcron.platforms.containers import digest
from socialcron.platforms.http import Session
from socialcron.platforms.threads import Threads
from tests.contract.conftest import Wire
from tests.contract.sample import CAT, DOG, FILM, THREAD, Kind, Sample, form_body, says

START: dict[str, Any] = {"user": "17841", "edge": "threads", "says": digest("Hello")}
MADE: dict[str, Any] = {**START, "made": ["900"], "ready": 0, "since": "2026-01-02T03:04:00+00:00"}

SAMPLE = Sample(
    credentials={"access_token": "secret-access"},
    request={"creation_id": "900"},
    handles=MADE,
    prepare_handles=START,  # it asks whose token it is before it makes a container
    created=(200, {"id": "17920"}),
    renewable={"access_token": "secret-access"},
    body=form_body,
)

KINDS = (
    Kind("threads", "text", says("Good morning")),
    Kind("threads", "link", says("Read this", link="https://blog.example/1")),
    Kind("threads", "image", says("A picture", CAT)),
    Kind("threads", "carousel", says("Two pictures", CAT, DOG)),
    Kind("threads", "video", says("A film", FILM)),
    Kind("threads", "thread", THREAD, visible=4),
)

THREADS = Threads()
SENT_AT = datetime(2026, 1, 2, 3, 4, 5, tzinfo=UTC)
TOKEN = "the-token"
APP = App(client_id="app", client_secret="hush")
IMAGE = Media(
    source="a.png",
    alt="a cat",
    url="https://cdn.example/a.png",
    mime_type="image/png",
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
PARENT = Confirmed(remote_id="17900")
PERMALINK = "https://www.threads.net/@cafe/post/abc"


def account(**settings: str) -> Account:
    return Account(id=1, platform="threads", handle="cafe", settings=settings)


def session(wire: Wire, **settings: str) -> Session:
    return THREADS.connect(account(**settings), {"access_token": TOKEN}, App(), wire.http)


def step(*media: Media, text: str = "Hello", handles: Any = START, **parts: Any) -> Step:
    return Step(
        **{
            "number": 0,
            "kind": "post",
            "text": text,
            "media": media,
            "key": "the-key",
            "handles": handles,
            **parts,
        }
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


def form(wire: Wire) -> Any:
    assert wire.last.headers["content-type"] == "application/x-www-form-urlencoded"
    return form_body(wire.last)


def quota(wire: Wire, **said: Any) -> None:
    wire.expect("GET /v1.0/17841/threads_publishing_limit", json={"data": [said]})


# --- validate ----------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("text", "characters"),
    [
        ("x" * 500, 500),
        ("é漢" * 10, 20),
        ("👍", 4),
        ("👨‍👩‍👧‍👦", 25),
        ("🇮🇹", 8),
        ("1️⃣", 7),
    ],
)
def test_validate__counts_an_emoji_as_its_bytes(text: str, characters: int) -> None:
    room = 500 - characters
    assert THREADS.validate([step(text=text + "x" * room)], {}) == []
    [problem] = THREADS.validate([step(text=text + "x" * (room + 1))], {})
    assert problem.message.startswith("501 characters with each emoji as its bytes, at most 500")


SIX = " ".join(f"https://e.example/{n}" for n in range(6))


@pytest.mark.parametrize(
    ("given", "where", "words"),
    [
        (step(text=" "), "text", "empty"),
        (step(*[IMAGE] * 21), "media", "21 attachments, at most 20"),
        (step(text=SIX), "text", "6 different links, at most 5"),
        (
            step(text=SIX.rpartition(" ")[0], link="https://e.example/9"),
            "text",
            "6 different links, at most 5",
        ),
        (step(replace(IMAGE, url=None)), "media[1]", "no public address"),
        (step(replace(IMAGE, mime_type="image/webp")), "media[1]", "image/webp; allowed"),
        (step(replace(IMAGE, size_bytes=8_000_001)), "media[1]", "at most 8000000"),
        (step(replace(IMAGE, width=11, height=1)), "media[1]", "11 wide per high, at most 10"),
        (step(replace(IMAGE, alt="x" * 1001)), "media[1]", "1001 characters, at most 1000"),
        (step(replace(VIDEO, duration_seconds=400.0)), "media[1]", "400 seconds long, at most 300"),
        (step(options={"reply_control": "nobody"}), "options.reply_control", "'nobody'"),
        (step(options={"reply_control": ""}), "options.reply_control", "''"),
        (step(options={"topic_tag": "a.b"}), "options.topic_tag", "neither"),
        (step(number=1, kind="reply", text="x" * 501), "thread[1]", "501 characters"),
        (step(number=2, kind="comment", text=" "), "first_comment", "empty"),
    ],
)
def test_validate__names_field_measure_and_limit(given: Step, where: str, words: str) -> None:
    [problem] = THREADS.validate([given], {})
    assert problem.field == where
    assert words in problem.message


def test_validate__the_same_link_twice_is_one() -> None:
    text = " ".join(f"https://e.example/{n}" for n in (1, 2, 3, 4, 5, 5))
    assert THREADS.validate([step(text=text, link="https://e.example/1")], {}) == []


# --- prepare -----------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("given", "settings", "sent_as"),
    [
        (step(), {}, {"media_type": "TEXT", "text": "Hello"}),
        (
            step(link="https://e.example/", options={"topic_tag": "cats", "reply_control": "mentioned_only"}),
            {"reply_control": "everyone"},
            {
                "media_type": "TEXT",
                "text": "Hello",
                "link_attachment": "https://e.example/",
                "topic_tag": "cats",
                "reply_control": "mentioned_only",
            },
        ),
        (
            step(text="", link="https://e.example/"),
            {},
            {"media_type": "TEXT", "text": "https://e.example/", "link_attachment": "https://e.example/"},
        ),
        (
            step(IMAGE, link="https://e.example/"),
            {"reply_control": "followers_only"},
            {
                "media_type": "IMAGE",
                "image_url": "https://cdn.example/a.png",
                "alt_text": "a cat",
                "text": "Hello\nhttps://e.example/",
                "reply_control": "followers_only",
            },
        ),
        (
            step(VIDEO, text=""),
            {},
            {"media_type": "VIDEO", "video_url": "https://cdn.example/v.mp4"},
        ),
        (
            step(number=1, kind="reply", parent=PARENT, root=PARENT, options={"topic_tag": "cats"}),
            {"reply_control": "followers_only"},
            {"media_type": "TEXT", "text": "Hello", "reply_to_id": "17900"},
        ),
    ],
)
def test_prepare__renders_each_kind_of_post(
    wire: Wire, given: Step, settings: dict[str, str], sent_as: dict[str, str]
) -> None:
    wire.expect("POST /v1.0/17841/threads", json={"id": "900"})
    saved = THREADS.prepare(given, session(wire, **settings))
    assert isinstance(saved, Saved)
    assert saved.handles["made"] == ["900"]
    assert form(wire) == sent_as
    assert wire.last.url == "https://graph.threads.net/v1.0/17841/threads"
    assert wire.last.headers["authorization"] == f"Bearer {TOKEN}"


def test_prepare__goes_from_container_to_ready(wire: Wire) -> None:
    wire.expect("GET /v1.0/me", json={"id": "17841", "username": "cafe"})
    wire.expect("POST /v1.0/17841/threads", json={"id": "900"})
    mine = session(wire)
    saved = THREADS.prepare(step(handles={}), mine)
    assert isinstance(saved, Saved)
    wire.expect("GET /v1.0/900", json={"status": "IN_PROGRESS", "id": "900"})
    waiting = THREADS.prepare(step(handles=saved.handles), mine)
    assert isinstance(waiting, Wait)
    assert waiting.seconds == 5.0
    wire.expect("GET /v1.0/900", json={"status": "FINISHED", "id": "900"})
    quota(wire, quota_usage=249, config={"quota_total": 250, "quota_duration": 86400})
    ready = THREADS.prepare(step(handles=waiting.handles), mine)
    assert isinstance(ready, Ready)
    assert ready.request == {"creation_id": "900"}
    assert wire.requests[2].url.params["fields"] == "status,error_message"


def test_prepare__makes_the_children_of_a_carousel_first(wire: Wire) -> None:
    handles: Any = START
    for container in ("1", "2"):
        wire.expect("POST /v1.0/17841/threads", json={"id": container})
        saved = THREADS.prepare(step(IMAGE, VIDEO, handles=handles), session(wire))
        assert isinstance(saved, Saved)
        handles = saved.handles
    assert form(wire) == {
        "is_carousel_item": "true",
        "media_type": "VIDEO",
        "video_url": "https://cdn.example/v.mp4",
    }
    for container in ("1", "2"):
        wire.expect(f"GET /v1.0/{container}", json={"status": "FINISHED"})
    wire.expect("POST /v1.0/17841/threads", json={"id": "900"})
    assert isinstance(THREADS.prepare(step(IMAGE, VIDEO, handles=handles), session(wire)), Saved)
    assert form(wire) == {"media_type": "CAROUSEL", "text": "Hello", "children": "1,2"}


@pytest.mark.parametrize(
    ("said", "kind", "retryable"),
    [
        ("INVALID_ASPEC_RATIO", Rejected, False),
        ("INVALID_DURATION", Rejected, False),
        ("FAILED_DOWNLOADING_VIDEO", PlatformFailure, True),
        ("FAILED_PROCESSING_AUDIO", PlatformFailure, True),
        ("UNKNOWN", PlatformFailure, True),
    ],
)
def test_prepare__says_why_meta_gave_up(
    wire: Wire, said: str, kind: type[PlatformError], retryable: bool
) -> None:
    wire.expect("GET /v1.0/900", json={"status": "ERROR", "error_message": said, "id": "900"})
    mine = session(wire)
    saved = THREADS.prepare(step(VIDEO, handles=MADE), mine)
    assert isinstance(saved, Saved)
    with pytest.raises(kind, match=said) as caught:
        THREADS.prepare(step(VIDEO, handles=saved.handles), mine)
    assert caught.value.retryable is retryable


def test_prepare__replies_have_a_quota_of_their_own(wire: Wire) -> None:
    reply = step(number=1, kind="reply", parent=PARENT, root=PARENT, handles={**MADE, "edge": "replies"})
    wire.expect("GET /v1.0/900", json={"status": "FINISHED"})
    quota(wire, reply_quota_usage=1000, reply_config={"quota_total": 1000})
    with pytest.raises(RateLimited, match="1000 of 1000 replies"):
        THREADS.prepare(reply, session(wire))
    assert wire.last.url.params["fields"] == "reply_quota_usage,reply_config"


def test_prepare__a_used_up_day_is_a_rate_limit(wire: Wire) -> None:
    wire.expect("GET /v1.0/900", json={"status": "FINISHED"})
    quota(wire, quota_usage=250)
    with pytest.raises(RateLimited, match="250 of 250 posts") as caught:
        THREADS.prepare(step(handles=MADE), session(wire))
    assert caught.value.retry_after == 3600.0


# --- send --------------------------------------------------------------------------------------------------


def test_send_step__publishes_the_container_and_asks_for_the_permalink(wire: Wire) -> None:
    wire.expect("POST /v1.0/17841/threads_publish", json={"id": "17920"})
    wire.expect("GET /v1.0/17920", json={"permalink": PERMALINK, "id": "17920"})
    assert THREADS.send_step(sent(), session(wire)) == Confirmed(remote_id="17920", url=PERMALINK)
    assert wire.requests[0].content == b"creation_id=900"


@pytest.mark.parametrize(
    ("error", "kind", "retryable"),
    [
        ({"code": 190, "error_subcode": 463}, AuthExpired, False),
        ({"code": 10}, AuthExpired, False),
        ({"code": 200}, AuthExpired, False),
        ({"code": 5, "is_transient": True}, PlatformFailure, True),
        ({"code": 1}, PlatformFailure, True),
        ({"code": 2}, PlatformFailure, True),
        ({"code": 4}, RateLimited, True),
        ({"code": 17}, RateLimited, True),
        ({"code": 32}, RateLimited, True),
        ({"code": 613}, RateLimited, True),
        ({"code": 9, "error_subcode": 2207042}, RateLimited, True),
        ({"code": 24, "error_subcode": 4279009}, PlatformFailure, True),
        ({"code": "24", "error_subcode": "4279009"}, PlatformFailure, True),
        ({"code": 1, "error_subcode": 2207051}, PlatformFailure, False),
        ({"code": 1, "error_subcode": 4279013}, AuthExpired, False),
        ({"code": 100}, Rejected, False),
        ({"code": 100, "message": "Param text must be at most 500 characters long."}, Rejected, False),
        ({"code": "THREADS_API__LINK_LIMIT_EXCEEDED"}, Rejected, False),
        ({"code": 77, "message": "THREADS_API__LINK_LIMIT_EXCEEDED: too many"}, Rejected, False),
        ({"code": "THREADS_API__FEATURE_NOT_AVAILABLE"}, Rejected, False),
        ({"code": 77, "message": "The media could not be fetched from this URI."}, Rejected, False),
    ],
)
def test_errors__mean_what_is_documented(
    wire: Wire, error: dict[str, Any], kind: type[PlatformError], retryable: bool
) -> None:
    """…/docs/threads/troubleshooting"""
    body = {"error": {"message": "It did not work", "type": "OAuthException", **error}}
    wire.expect("POST /v1.0/17841/threads", 400, json=body)
    with pytest.raises(kind) as caught:
        THREADS.prepare(step(), session(wire))
    assert type(caught.value) is kind
    assert caught.value.retryable is retryable


def test_send_step__a_container_that_is_not_visible_yet_is_tried_again(wire: Wire) -> None:
    body = {"error": {"message": "Media not found", "code": 24, "error_subcode": 4279009}}
    wire.expect("POST /v1.0/17841/threads_publish", 400, json=body)
    mine = session(wire)
    with pytest.raises(PlatformFailure) as caught:
        THREADS.send_step(sent(), mine)
    assert caught.value.retryable
    assert mine.visible == "refused"


# --- reconcile ---------------------------------------------------------------------------------------------


def listed(minutes: float = 0, **parts: Any) -> dict[str, Any]:
    made = (SENT_AT + timedelta(minutes=minutes)).strftime("%Y-%m-%dT%H:%M:%S+0000")
    return {"id": "17920", "text": "Hello", "timestamp": made, "permalink": PERMALINK, **parts}


@pytest.mark.parametrize("edge", ["threads", "replies"])
def test_reconcile__a_published_container_is_found_in_its_listing(wire: Wire, edge: str) -> None:
    wire.expect("GET /v1.0/900", json={"status": "PUBLISHED"})
    posts = [listed(2, id="5", text="Other"), listed(), listed(-2, id="1")]
    wire.expect(f"GET /v1.0/17841/{edge}", json={"data": posts})
    look = THREADS.reconcile(sent(edge=edge), session(wire))
    assert look.matches == (Confirmed(remote_id="17920", url=PERMALINK),)
    assert wire.last.url.params["fields"] == "id,text,timestamp,permalink"


def test_reconcile__tells_what_is_out_what_is_not_and_what_is_at_work(wire: Wire) -> None:
    wire.expect("GET /v1.0/900", json={"status": "PUBLISHED"})
    wire.expect("GET /v1.0/17841/threads", json={"data": []})
    out = Confirmed(remote_id="900", provisional=True)
    assert THREADS.reconcile(sent(), session(wire)).matches == (out,)
    wire.expect("GET /v1.0/900", json={"status": "FINISHED"})
    assert THREADS.reconcile(sent(), session(wire)) == Look()
    wire.expect("GET /v1.0/900", json={"status": "IN_PROGRESS"})
    assert THREADS.reconcile(sent(), session(wire)).waiting_seconds
    wire.expect("GET /v1.0/900", json={"status": "EXPIRED"})
    wire.expect("GET /v1.0/17841/threads", json={"data": [listed(-2)]})
    assert THREADS.reconcile(sent(), session(wire)) == Look(certain=False)


# --- tokens ------------------------------------------------------------------------------------------------


def test_refresh__trades_the_token_for_another_of_sixty_days(wire: Wire) -> None:
    """https://developers.facebook.com/docs/threads/get-started/long-lived-tokens/ : no version in the path."""
    wire.expect("GET /refresh_access_token", json={"access_token": "new", "expires_in": 5183944})
    tokens = THREADS.refresh(account(), {"access_token": TOKEN}, APP, wire.http)
    assert tokens.credentials["access_token"] == "new"
    assert wire.last.url.host == "graph.threads.net"
    assert dict(wire.last.url.params) == {"grant_type": "th_refresh_token", "access_token": TOKEN}


def test_connect_accounts__trades_code_and_short_token(wire: Wire) -> None:
    """…/threads/get-started/get-access-tokens-and-permissions"""
    wire.expect("POST /oauth/access_token", json={"access_token": "short", "user_id": 17841})
    wire.expect("GET /access_token", json={"access_token": "long", "expires_in": 5183944})
    wire.expect("GET /v1.0/me", json={"id": "17841", "username": "cafe"})
    grant = Grant(code="the-code", redirect_uri="http://127.0.0.1:8000/")
    [found] = THREADS.connect_accounts(grant, APP, {}, wire.http)
    assert (found.external_id, found.handle) == ("17841", "cafe")
    assert found.tokens.credentials["access_token"] == "long"
    code, long, _ = wire.requests
    assert code.url == "https://graph.threads.net/oauth/access_token"
    assert dict(httpx.QueryParams(code.content.decode()))["client_secret"] == "hush"
    assert dict(long.url.params) == {
        "grant_type": "th_exchange_token",
        "client_secret": "hush",
        "access_token": "short",
    }


def test_connect_accounts__goes_to_base_url_where_it_is_set(wire: Wire) -> None:
    wire.expect("POST /threads/oauth/access_token", json={"access_token": "short", "user_id": 17841})
    wire.expect("GET /threads/access_token", json={"access_token": "long", "expires_in": 5183944})
    wire.expect("GET /threads/v1.0/me", json={"id": "17841", "username": "cafe"})
    settings = {"base_url": "http://127.0.0.1:9/threads"}
    THREADS.connect_accounts(Grant(code="c", redirect_uri="http://a/"), APP, settings, wire.http)
    assert {request.url.host for request in wire.requests} == {"127.0.0.1"}


# --- metrics -------------------------------------------------------------------------------------------------

INSIGHTS = "GET /v1.0/17920/insights"
# https://developers.facebook.com/docs/threads/insights
NUMBERS = {"views": 310, "likes": 100, "replies": 0, "reposts": 3, "quotes": 1, "shares": 7}


def refusal(code: int, subcode: int | None = None) -> dict[str, Any]:
    error = {"message": "No", "type": "OAuthException", "code": code, "fbtrace_id": "A1"}
    return {"error": error | ({"error_subcode": subcode} if subcode else {})}


def told(**values: Any) -> dict[str, Any]:
    data = [
        {"name": name, "period": "lifetime", "values": [{"value": value}]} for name, value in values.items()
    ]
    return {"data": data}


def test_read_metrics__is_one_request_and_keeps_the_share_sheet_apart(wire: Wire) -> None:
    wire.expect(INSIGHTS, json=told(**NUMBERS))
    reading = Reading(views=310, likes=100, comments=0, shares=4, raw=NUMBERS)
    assert THREADS.read_metrics(["17920"], session(wire)) == {"17920": reading}
    assert wire.last.url.params["metric"] == "views,likes,replies,reposts,quotes,shares"


def test_read_metrics__values_may_sit_elsewhere(wire: Wire) -> None:
    wire.expect(INSIGHTS, json={"data": [{"name": "likes", "total_value": {"value": 100}}]})
    assert THREADS.read_metrics(["17920"], session(wire)) == {"17920": Reading(likes=100, raw={"likes": 100})}


@pytest.mark.parametrize(("values", "raw"), [({}, {}), ({"reposts": 3, "views": "many"}, {"reposts": 3})])
def test_read_metrics__what_is_not_reported_is_no_zero(
    wire: Wire, values: dict[str, Any], raw: dict[str, int]
) -> None:
    wire.expect(INSIGHTS, json=told(**values))
    assert THREADS.read_metrics(["17920"], session(wire)) == {"17920": Reading(raw=raw)}


@pytest.mark.parametrize(("status", "code"), [(400, 10), (403, 200)])
def test_read_metrics__numbers_are_closed_to_a_token_without_the_scope(
    wire: Wire, status: int, code: int
) -> None:
    wire.expect(INSIGHTS, status, json=refusal(code))
    found = THREADS.read_metrics(["17920"], session(wire))["17920"]
    assert isinstance(found, Closed)
    assert isinstance(found.error, AuthExpired)


@pytest.mark.parametrize(
    ("body", "error"),
    [
        (refusal(190), AuthExpired),
        (refusal(4), RateLimited),
        (refusal(2), PlatformFailure),
        (refusal(100), Rejected),
        (refusal(100, 33), PlatformFailure),
    ],
)
def test_read_metrics__trouble_is_trouble(
    wire: Wire, body: dict[str, Any], error: type[PlatformError]
) -> None:
    wire.expect(INSIGHTS, 400, json=body)
    with pytest.raises(error):
        THREADS.read_metrics(["17920"], session(wire))
