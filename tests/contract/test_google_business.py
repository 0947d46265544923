"""Google Business Profile: requests and documented answers.

Recordings follow https://developers.google.com/my-business/content/posts-data,
https://developers.google.com/my-business/reference/rest/v4/accounts.locations.localPosts and
https://developers.google.com/my-business/reference/rest/Shared.Types/ErrorCode. Tokens are those of test_youtube.py.
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
)
from socialcron.model import Accepted, Account, Confirmed, Media, PreparedStep, Ready, Step
from socialcron.platforms.base import App, Grant
from socialcron.platforms.google_business import GoogleBusiness
from socialcron.platforms.http import Session
from tests.contract.conftest import Wire
from tests.contract.sample import PLAIN_CAT, Kind, Sample, choosing, says

LOCATION = "accounts/11/locations/22"
NAME = f"{LOCATION}/localPosts/33"
SAMPLE = Sample(
    credentials={"access_token": "secret-access"},
    settings={"location": LOCATION},
    request={"topicType": "STANDARD", "summary": "Hello"},
    handles={"location": LOCATION},
    created=(200, {"name": NAME, "state": "LIVE", "searchUrl": "https://local.google.com/place?id=1"}),
    renewable={"access_token": "secret-access", "refresh_token": "secret-refresh"},
    file_bytes=b"p" * 10_240,
)

EVENT = {
    "topic_type": "EVENT",
    "event_title": "Open day",
    "event_start": "2026-12-01T09:00",
    "event_end": "2026-12-01T17:00",
}
KINDS = (
    Kind("google_business", "standard", says("Fresh bread", PLAIN_CAT)),
    Kind("google_business", "event", says("Come", **choosing("google_business", **EVENT))),
    Kind(
        "google_business",
        "offer",
        says(
            "Half price",
            **choosing("google_business", **{**EVENT, "topic_type": "OFFER"}, coupon_code="HALF"),
        ),
    ),
)

BUSINESS = GoogleBusiness()
SENT_AT = datetime(2026, 9, 1, 8, 0, 0, tzinfo=UTC)
TOKEN = "ya29.token"
POSTS = f"/v4/{LOCATION}/localPosts"
# https://developers.google.com/my-business/content/posts-data
POST = {
    "name": NAME,
    "languageCode": "en-US",
    "summary": "Fresh bread every morning",
    "state": "LIVE",
    "createTime": "2026-09-01T08:00:00Z",
    "updateTime": "2026-09-01T08:00:01Z",
    "topicType": "STANDARD",
    "searchUrl": "https://local.google.com/place?id=1",
}
CONFIRMED = Confirmed(remote_id=NAME, url="https://local.google.com/place?id=1")
EVENT = {
    "topic_type": "EVENT",
    "event_title": "Open day",
    "event_start": "2026-12-01T09:00",
    "event_end": "2026-12-01T17:30",
}
PHOTO = Media(source="b.jpg", url="https://cdn.example/b.jpg", mime_type="image/jpeg", size_bytes=20_000)


def session(wire: Wire, **settings: str) -> Session:
    account = Account(
        id=1, platform="google_business", handle="Café", external_id=LOCATION, settings=settings
    )
    return BUSINESS.connect(account, {"access_token": TOKEN}, App(), wire.http)


def step(text: str = "Fresh bread every morning", **parts: Any) -> Step:
    return Step(number=0, kind="post", text=text, key="the-key", **parts)


def sent(**handles: str) -> PreparedStep:
    return PreparedStep(
        number=0,
        kind="post",
        key="the-key",
        request={"topicType": "STANDARD", "summary": "Fresh bread every morning"},
        handles={"location": LOCATION, **handles},
        first_sending_at=SENT_AT,
        sends=1,
    )


# --- validate ----------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("wrong", "field", "words"),
    [
        ({"text": " "}, "text", "empty"),
        ({"text": "x" * 1501}, "text", "1501 characters, at most 1500"),
        ({"text": "Call +49 30 1234567-89 now"}, "text", "phone number (+49 30 1234567-89)"),
        ({"media": (PHOTO, PHOTO)}, "media", "2 attachments, at most 1"),
        (
            {"media": (replace(PHOTO, mime_type="video/mp4"),)},
            "media[1]",
            "is video/mp4; allowed: image/jpeg",
        ),
        ({"media": (replace(PHOTO, size_bytes=10_239),)}, "media[1]", "10239 bytes, at least 10240"),
        ({"media": (replace(PHOTO, size_bytes=5_000_001),)}, "media[1]", "at most 5000000"),
        ({"media": (replace(PHOTO, width=249, height=250),)}, "media[1]", "249 pixels wide, at least 250"),
        ({"media": (replace(PHOTO, url=None),)}, "media[1]", "no public address"),
        (
            {"options": {"topic_type": "ALERT"}},
            "options.topic_type",
            "'ALERT' is none of STANDARD, EVENT, OFFER",
        ),
        ({"options": {"event_title": "x"}}, "options.event_title", "only with topic_type EVENT or OFFER"),
        ({"options": {**EVENT, "terms": "x"}}, "options.terms", "only with topic_type OFFER, not EVENT"),
        ({"options": {**EVENT, "event_title": ""}}, "options.event_title", "is needed"),
        ({"options": {**EVENT, "event_title": "x" * 59}}, "options.event_title", "59 characters, at most 58"),
        ({"options": {**EVENT, "event_end": ""}}, "options.event_end", "must be a local time"),
        ({"options": {**EVENT, "event_end": "2026-12-01T17:30Z"}}, "options.event_end", "without an offset"),
        ({"options": {**EVENT, "event_end": "2026-12-01T09:00"}}, "options.event_end", "after event_start"),
        (
            {"options": {"call_to_action": "GET_OFFER"}},
            "options.call_to_action",
            "'GET_OFFER' is none of BOOK",
        ),
        ({"options": {"call_to_action": "BOOK"}}, "options.call_to_action", "BOOK needs a link"),
        (
            {"options": {"call_to_action": "CALL"}, "link": "https://a.example"},
            "options.call_to_action",
            "CALL dials",
        ),
        (
            {"options": {**EVENT, "topic_type": "OFFER", "call_to_action": "SHOP"}},
            "options.call_to_action",
            "an offer has no button",
        ),
        (
            {"options": {**EVENT, "topic_type": "OFFER", "redeem_url": "shop"}},
            "options.redeem_url",
            "'shop' is not an http(s) URL",
        ),
        ({"options": {"call_to_action_url": "shop"}}, "options.call_to_action_url", "'shop' is not"),
    ],
)
def test_validate__names_field_measure_and_limit(wrong: dict[str, Any], field: str, words: str) -> None:
    (problem,) = BUSINESS.validate([step(**wrong)], {})
    assert problem.field == field
    assert words in problem.message


@pytest.mark.parametrize(
    "text", ["1/2/2026 to 3/4/2026", "+10 000 000 guests", "30 years, 12345678901 loaves"]
)
def test_validate__not_every_number_is_a_phone_number(text: str) -> None:
    assert BUSINESS.validate([step(text)], {}) == []


def test_validate__a_photo_alone_and_a_button_without_a_link_are_posts() -> None:
    assert BUSINESS.validate([step("", media=(PHOTO,))], {}) == []
    assert BUSINESS.validate([step(options={"call_to_action": "call"})], {}) == []


# --- prepare -----------------------------------------------------------------------------------------------


def render(wire: Wire, *, settings: dict[str, str] | None = None, **parts: Any) -> dict[str, Any]:
    doing = step(**parts)
    assert BUSINESS.validate([doing], {}) == []
    ready = BUSINESS.prepare(doing, session(wire, **(settings or {})))
    assert isinstance(ready, Ready)
    assert ready.handles == {"location": LOCATION}
    return dict(ready.request)


def test_prepare__renders_text_alone(wire: Wire) -> None:
    assert render(wire, text=" Hello ") == {"topicType": "STANDARD", "summary": "Hello"}


def test_prepare__renders_photo_button_and_language(wire: Wire) -> None:
    assert render(
        wire, link="https://cafe.example/bread", media=(PHOTO,), settings={"language_code": "en-US"}
    ) == {
        "languageCode": "en-US",
        "topicType": "STANDARD",
        "summary": "Fresh bread every morning",
        "callToAction": {"actionType": "LEARN_MORE", "url": "https://cafe.example/bread"},
        "media": [{"mediaFormat": "PHOTO", "sourceUrl": "https://cdn.example/b.jpg"}],
    }


def test_prepare__renders_an_event_in_the_locations_own_time(wire: Wire) -> None:
    options = {
        **EVENT,
        "call_to_action": "BOOK",
        "call_to_action_url": "https://a.example",
        "language_code": "de",
    }
    request = render(wire, options=options, settings={"language_code": "en"})
    assert request == {
        "languageCode": "de",
        "topicType": "EVENT",
        "summary": "Fresh bread every morning",
        "event": {
            "title": "Open day",
            "schedule": {
                "startDate": {"year": 2026, "month": 12, "day": 1},
                "startTime": {"hours": 9, "minutes": 0},
                "endDate": {"year": 2026, "month": 12, "day": 1},
                "endTime": {"hours": 17, "minutes": 30},
            },
        },
        "callToAction": {"actionType": "BOOK", "url": "https://a.example"},
    }


def test_prepare__renders_an_offer_without_a_button(wire: Wire) -> None:
    options = {**EVENT, "topic_type": "offer", "coupon_code": "BREAD", "terms": "One each"}
    request = render(wire, options=options, link="https://shop.example")
    assert request["topicType"] == "OFFER"
    assert request["offer"] == {
        "couponCode": "BREAD",
        "redeemOnlineUrl": "https://shop.example",
        "termsConditions": "One each",
    }
    assert "callToAction" not in request
    assert request["event"]["title"] == "Open day"


def test_prepare__a_call_has_no_address(wire: Wire) -> None:
    assert render(wire, options={"call_to_action": "CALL"})["callToAction"] == {"actionType": "CALL"}


@pytest.mark.parametrize(
    "location", ["locations/22", "accounts/11", "accounts/11/locations/22/localPosts/3", "../x"]
)
def test_connect__wants_the_full_name_of_the_location(wire: Wire, location: str) -> None:
    with pytest.raises(PlatformFailure, match="not the full name of a location") as caught:
        session(wire, location=location)
    assert not caught.value.retryable
    assert "set ID location=accounts/" in (caught.value.hint or "")


# --- send_step ---------------------------------------------------------------------------------------------


def test_send_step__confirms_a_post_that_is_live(wire: Wire) -> None:
    wire.expect(f"POST {POSTS}", json=POST)
    assert BUSINESS.send_step(sent(), session(wire)) == CONFIRMED
    assert str(wire.last.url) == f"https://mybusiness.googleapis.com{POSTS}"
    assert wire.last.headers["authorization"] == f"Bearer {TOKEN}"
    assert wire.last.headers["content-type"] == "application/json"
    assert wire.sent == {"topicType": "STANDARD", "summary": "Fresh bread every morning"}


@pytest.mark.parametrize("state", ["PROCESSING", "REJECTED", "SOMETHING_NEW", None])
def test_send_step__anything_but_live_is_asked_for_later(wire: Wire, state: str | None) -> None:
    wire.expect(f"POST {POSTS}", json={**POST, "state": state})
    accepted = BUSINESS.send_step(sent(), session(wire))
    assert accepted == Accepted(handles={"location": LOCATION, "name": NAME}, seconds=30.0)


@pytest.mark.parametrize("name", ["localPosts/33", "https://evil.example/", f"{NAME}/../../x"])
def test_send_step__a_name_that_cannot_be_asked_for_is_no_outcome(wire: Wire, name: str) -> None:
    wire.expect(f"POST {POSTS}", json={**POST, "name": name})
    with pytest.raises(OutcomeUnknown):
        BUSINESS.send_step(sent(), session(wire))


def test_send_step__goes_where_it_was_prepared_for(wire: Wire) -> None:
    wire.expect(f"POST {POSTS}", json=POST)
    BUSINESS.send_step(sent(), session(wire, location="accounts/11/locations/99"))


# --- reconcile: a post whose name is known -------------------------------------------------------------------


def test_reconcile__a_live_post_is_found_by_its_name(wire: Wire) -> None:
    wire.expect(f"GET /v4/{NAME}", json=POST)
    look = BUSINESS.reconcile(sent(name=NAME), session(wire))
    assert look.matches == (CONFIRMED,)


def test_reconcile__a_post_that_is_still_judged_is_waited_for(wire: Wire) -> None:
    wire.expect(f"GET /v4/{NAME}", json={**POST, "state": "PROCESSING"})
    look = BUSINESS.reconcile(sent(name=NAME), session(wire))
    assert (look.matches, look.complete, look.waiting_seconds) == ((), False, 30.0)


def test_reconcile__a_rejected_post_has_failed_for_its_content(wire: Wire) -> None:
    wire.expect(f"GET /v4/{NAME}", json={**POST, "state": "REJECTED"})
    look = BUSINESS.reconcile(sent(name=NAME), session(wire))
    assert isinstance(look.failure, Rejected)
    assert "google_business account 'Café' (id 1)" in str(look.failure)


@pytest.mark.parametrize("state", ["LIVE", "REJECTED"])
def test_reconcile__a_name_is_certain_and_a_text_is_not(wire: Wire, state: str) -> None:
    """Two posts with one text and different photos: each knows its own by the name, not by what the list shows."""
    wire.expect(f"GET /v4/{NAME}", json={**POST, "state": state})
    assert BUSINESS.reconcile(sent(name=NAME), session(wire)).certain is True
    wire.expect(f"GET {POSTS}", json={"localPosts": [{**POST, "state": state}]})
    assert not BUSINESS.reconcile(sent(), session(wire)).certain


def test_reconcile__a_post_not_found_is_waited_for_an_hour_and_never_sent_again(wire: Wire) -> None:
    wire.expect(f"GET /v4/{NAME}", 404, json={"error": {"status": "NOT_FOUND"}})
    new = replace(sent(name=NAME), first_sending_at=datetime.now(UTC) - timedelta(minutes=59))
    look = BUSINESS.reconcile(new, session(wire))
    assert (look.waiting_seconds, look.complete) == (30.0, False)
    wire.expect(f"GET /v4/{NAME}", 404, json={"error": {"status": "NOT_FOUND"}})
    look = BUSINESS.reconcile(sent(name=NAME), session(wire))
    assert isinstance(look.failure, Rejected)
    assert not look.complete


# --- reconcile: a post whose answer was lost -----------------------------------------------------------------


def test_reconcile__finds_the_post_by_text_type_and_time(wire: Wire) -> None:
    others = [
        {**POST, "name": f"{LOCATION}/localPosts/1", "summary": "Fresh bread"},
        {**POST, "name": f"{LOCATION}/localPosts/2", "topicType": "EVENT"},
        {**POST, "name": f"{LOCATION}/localPosts/3", "createTime": "2026-09-01T07:58:59Z"},
    ]
    ours = {**POST, "summary": " Fresh bread every morning\n", "createTime": "2026-09-01T07:59:00.123456789Z"}
    wire.expect(f"GET {POSTS}", json={"localPosts": [*others, ours]})
    look = BUSINESS.reconcile(sent(), session(wire))
    assert look.matches == (CONFIRMED,)
    assert dict(wire.last.url.params) == {"pageSize": "100"}


@pytest.mark.parametrize(
    ("state", "waits", "fails"),
    [("LIVE", False, False), ("PROCESSING", True, False), ("REJECTED", False, True)],
)
def test_reconcile__what_the_list_shows_is_judged_by_its_state(
    wire: Wire, state: str, waits: bool, fails: bool
) -> None:
    wire.expect(f"GET {POSTS}", json={"localPosts": [{**POST, "state": state}]})
    look = BUSINESS.reconcile(sent(), session(wire))
    assert (look.waiting_seconds is not None, look.failure is not None) == (waits, fails)
    assert len(look.matches) == (0 if waits or fails else 1)


def test_reconcile__a_photo_without_words_is_not_told_from_one_that_the_owner_posted(wire: Wire) -> None:
    wire.expect(f"GET {POSTS}", json={"localPosts": [{**POST, "summary": ""}]})
    look = BUSINESS.reconcile(replace(sent(), request={"topicType": "STANDARD"}), session(wire))
    assert (look.matches, look.complete) == ((), False)


def test_reconcile__two_that_could_be_it_are_both_named(wire: Wire) -> None:
    second = {**POST, "name": f"{LOCATION}/localPosts/34", "state": "PROCESSING"}
    wire.expect(f"GET {POSTS}", json={"localPosts": [POST, second]})
    assert len(BUSINESS.reconcile(sent(), session(wire)).matches) == 2


def test_reconcile__only_the_whole_list_proves_an_absence(wire: Wire) -> None:
    other = {**POST, "summary": "Other", "createTime": "2025-01-01T00:00:00Z"}
    wire.expect(f"GET {POSTS}", json={"localPosts": [other], "nextPageToken": "P2"})
    wire.expect(f"GET {POSTS}", json={"localPosts": [other]})
    look = BUSINESS.reconcile(sent(), session(wire))
    assert (look.matches, look.complete) == ((), True)
    assert wire.last.url.params["pageToken"] == "P2"
    for number in range(50):
        wire.expect(f"GET {POSTS}", json={"localPosts": [other], "nextPageToken": f"P{number}"})
    assert not BUSINESS.reconcile(sent(), session(wire)).complete


@pytest.mark.parametrize(
    ("locations", "complete"), [([{"name": "locations/22", "title": "Café"}], True), ([], False)]
)
def test_reconcile__an_empty_list_counts_if_the_location_answers(
    wire: Wire, locations: list[dict[str, str]], complete: bool
) -> None:
    wire.expect(f"GET {POSTS}", json={})
    wire.expect("GET /v1/accounts/11/locations", json={"locations": locations})
    look = BUSINESS.reconcile(sent(), session(wire))
    assert (look.matches, look.complete) == ((), complete)


@pytest.mark.parametrize("created", [None, "yesterday", "2026-09-01T08:00:00"])
def test_reconcile__a_post_without_a_time_proves_nothing(wire: Wire, created: str | None) -> None:
    wire.expect(f"GET {POSTS}", json={"localPosts": [{**POST, "createTime": created}]})
    with pytest.raises(PlatformFailure, match="createTime"):
        BUSINESS.reconcile(sent(), session(wire))


# --- errors: https://developers.google.com/my-business/reference/rest/Shared.Types/ErrorCode ------------------


def error(code: int, status: str, *errors: dict[str, Any]) -> dict[str, Any]:
    body: dict[str, Any] = {
        "code": code,
        "message": "Request contains an invalid argument.",
        "status": status,
    }
    if errors:
        kind = "type.googleapis.com/google.mybusiness.v4.ValidationError"
        body["details"] = [{"@type": kind, "errorDetails": list(errors)}]
    return {"error": body}


@pytest.mark.parametrize(
    ("status", "name", "kind", "retryable"),
    [
        (400, "INVALID_ARGUMENT", Rejected, False),
        (400, "FAILED_PRECONDITION", Rejected, False),
        (401, "UNAUTHENTICATED", AuthExpired, False),
        (403, "PERMISSION_DENIED", AuthExpired, False),
        (404, "NOT_FOUND", Rejected, False),
        (429, "RESOURCE_EXHAUSTED", RateLimited, True),
    ],
)
def test_error__a_refused_post(
    wire: Wire, status: int, name: str, kind: type[PlatformError], retryable: bool
) -> None:
    wire.expect(f"POST {POSTS}", status, json=error(status, name))
    with pytest.raises(kind, match=rf"HTTP {status}: {name}: Request contains") as caught:
        BUSINESS.send_step(sent(), session(wire))
    assert caught.value.retryable is retryable


@pytest.mark.parametrize("status", [409, 500, 503, 504])
def test_error__what_may_have_worked_is_unknown(wire: Wire, status: int) -> None:
    wire.expect(f"POST {POSTS}", status, json=error(status, "UNAVAILABLE"))
    with pytest.raises(OutcomeUnknown):
        BUSINESS.send_step(sent(), session(wire))


def test_error__names_the_field_that_google_names(wire: Wire) -> None:
    named = {"code": 3, "field": "summary", "message": "Must be at most 1500 characters", "value": "x"}
    wire.expect(f"POST {POSTS}", 400, json=error(400, "INVALID_ARGUMENT", named))
    with pytest.raises(Rejected, match=r"invalid argument\.; summary: Must be at most 1500 characters"):
        BUSINESS.send_step(sent(), session(wire))


@pytest.mark.parametrize(
    ("code", "kind"),
    [
        ("LOCATION_DISABLED_FOR_LOCAL_POST_API", PlatformFailure),
        ("PHOTO_FETCH_FAILED", Rejected),
        ("PHOTO_UPLOAD_FAILED", Rejected),
    ],
)
def test_error__codes_of_the_location_and_the_photo(wire: Wire, code: str, kind: type[PlatformError]) -> None:
    wire.expect(f"POST {POSTS}", 400, json=error(400, "INVALID_ARGUMENT", {"reason": code}))
    with pytest.raises(kind, match=code) as caught:
        BUSINESS.send_step(sent(), session(wire))
    assert not caught.value.retryable


@pytest.mark.parametrize(("headers", "seconds"), [({}, 60.0), ({"retry-after": "90"}, 90.0)])
def test_error__a_quota_is_per_minute(wire: Wire, headers: dict[str, str], seconds: float) -> None:
    wire.expect(f"POST {POSTS}", 429, json=error(429, "RESOURCE_EXHAUSTED"), headers=headers)
    at = session(wire)
    with pytest.raises(RateLimited) as caught:
        BUSINESS.send_step(sent(), at)
    assert caught.value.retry_after == seconds
    [seen] = at.seen
    assert (seen.family, seen.blocked, seen.retry_after) == ("publish", True, seconds)


# --- accounts ----------------------------------------------------------------------------------------------


def test_identify__names_the_location(wire: Wire) -> None:
    wire.expect(
        "GET /v1/accounts/11/locations",
        json={"locations": [{"name": "locations/21", "title": "Other"}], "nextPageToken": "P2"},
    )
    wire.expect(
        "GET /v1/accounts/11/locations", json={"locations": [{"name": "locations/22", "title": "Café"}]}
    )
    identity = BUSINESS.identify(session(wire))
    assert (identity.external_id, identity.handle) == (LOCATION, "Café")
    first, second = wire.requests
    assert first.url.host == "mybusinessbusinessinformation.googleapis.com"
    assert dict(first.url.params) == {"readMask": "name,title"}
    assert second.url.params["pageToken"] == "P2"


def test_identify__a_token_without_the_location_needs_a_person(wire: Wire) -> None:
    wire.expect("GET /v1/accounts/11/locations", json={})
    with pytest.raises(AuthExpired, match="no access to accounts/11/locations/22"):
        BUSINESS.identify(session(wire))


APP = App(client_id="the-client", client_secret="the-secret")
GRANT = Grant(code="4/0code", redirect_uri="http://127.0.0.1:8/cb", code_verifier="v" * 43)


@pytest.mark.parametrize("prefix", ["", "/g"])
def test_connect_accounts__names_every_location_with_its_account(wire: Wire, prefix: str) -> None:
    settings = {"base_url": f"https://proxy.example{prefix}"} if prefix else {}
    wire.expect(
        f"POST {prefix}/token", json={"access_token": "a1", "refresh_token": "r1", "expires_in": 3599}
    )
    wire.expect(
        f"GET {prefix}/v1/accounts", json={"accounts": [{"name": "accounts/11"}, {"name": "accounts/12"}]}
    )
    wire.expect(
        f"GET {prefix}/v1/accounts/11/locations",
        json={"locations": [{"name": "locations/22", "title": "Café"}]},
    )
    wire.expect(f"GET {prefix}/v1/accounts/12/locations", json={})
    [found] = BUSINESS.connect_accounts(GRANT, APP, settings, wire.http)
    assert (found.external_id, found.handle) == (LOCATION, "Café")
    assert found.settings == {"location": LOCATION}
    assert found.tokens.credentials == {"access_token": "a1", "refresh_token": "r1"}
    hosts = [request.url.host for request in wire.requests]
    if prefix:
        assert set(hosts) == {"proxy.example"}
    else:
        assert hosts == [
            "oauth2.googleapis.com",
            "mybusinessaccountmanagement.googleapis.com",
            *["mybusinessbusinessinformation.googleapis.com"] * 2,
        ]


def test_refresh__keeps_the_refresh_token(wire: Wire) -> None:
    wire.expect("POST /token", json={"access_token": "a2", "expires_in": 3599})
    account = Account(id=1, platform="google_business", handle="Café", external_id=LOCATION)
    tokens = BUSINESS.refresh(account, {"access_token": "a1", "refresh_token": "r1"}, APP, wire.http)
    assert tokens.credentials == {"access_token": "a2", "refresh_token": "r1"}
    assert httpx.QueryParams(wire.last.content.decode())["grant_type"] == "refresh_token"
