"""The documented answers: https://developers.google.com/my-business/content/posts-data.

Tokens and consent are those of test_youtube.py.
"""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from typing import Any

import httpx
import pytest

from socialcron.sandbox import Sandbox
from tests.sandbox.conftest import GIF, PNG

DAY = {"year": 2026, "month": 12, "day": 1}
EVENT: dict[str, Any] = {
    "title": "Open day",
    "schedule": {
        "startDate": DAY,
        "startTime": {"hours": 9, "minutes": 0},
        "endDate": DAY,
        "endTime": {"hours": 17, "minutes": 30},
    },
}


class Place:
    """One location, spoken to as its owner."""

    def __init__(self, sandbox: Sandbox, handle: str = "Café", **options: str) -> None:
        made = sandbox.account("google_business", handle, **options)
        self.name: str = made["external_id"]
        headers = {"Authorization": f"Bearer {made['credentials']['access_token']}"}
        self.client = httpx.Client(base_url=sandbox.url("google_business"), headers=headers)

    def post(self, summary: str = "Bread", **fields: Any) -> httpx.Response:
        body = {"topicType": "STANDARD", "summary": summary, **fields}
        return self.client.post(f"/v4/{self.name}/localPosts", json=body)

    def listed(self, **query: str) -> Any:
        return self.client.get(f"/v4/{self.name}/localPosts", params=query).json()


@pytest.fixture
def sandbox(tmp_path: Path) -> Iterator[Sandbox]:
    with Sandbox.start(seed=1, media=tmp_path) as running:
        yield running


@pytest.fixture
def cafe(sandbox: Sandbox) -> Iterator[Place]:
    place = Place(sandbox)
    with place.client:
        yield place


def test_post__is_live_after_a_look_or_two(sandbox: Sandbox, cafe: Place) -> None:
    action = {"actionType": "LEARN_MORE", "url": "https://cafe.example/bread"}
    answer = cafe.post(languageCode="en-US", callToAction=action)
    post = answer.json()
    assert answer.status_code == 200
    assert post["name"].startswith(f"{cafe.name}/localPosts/")
    assert (post["state"], post["summary"], post["callToAction"]) == ("PROCESSING", "Bread", action)
    looks = [cafe.client.get(f"/v4/{post['name']}").json() for _ in range(2)]
    assert [look["state"] for look in looks] == ["PROCESSING", "LIVE"]
    assert looks[1]["searchUrl"].startswith("https://local.google.com/")
    assert [made["text"] for made in sandbox.posts("google_business")] == ["Bread"]


def test_post__may_be_live_at_once(sandbox: Sandbox, cafe: Place) -> None:
    sandbox.settings("google_business", polls=0)
    assert cafe.post().json()["state"] == "LIVE"


def test_post__twice_is_two_posts(sandbox: Sandbox, cafe: Place) -> None:
    assert cafe.post().json()["name"] != cafe.post().json()["name"]
    assert len(sandbox.posts("google_business")) == 2


def test_post__with_a_phone_number_is_rejected_later(sandbox: Sandbox, cafe: Place) -> None:
    post = cafe.post("Call 030 1234567").json()
    assert post["state"] == "PROCESSING"
    looks = [cafe.client.get(f"/v4/{post['name']}").json()["state"] for _ in range(3)]
    assert looks == ["PROCESSING", "REJECTED", "REJECTED"]
    assert [item["state"] for item in cafe.listed()["localPosts"]] == ["REJECTED"]
    assert sandbox.posts("google_business") == []


@pytest.mark.parametrize(
    "fields",
    [
        {"topicType": "EVENT", "event": EVENT},
        {
            "topicType": "EVENT",
            "event": EVENT,
            "callToAction": {"actionType": "BOOK", "url": "https://a.example"},
        },
        {"topicType": "OFFER", "event": EVENT},
        {
            "topicType": "OFFER",
            "event": EVENT,
            "offer": {"couponCode": "X", "redeemOnlineUrl": "https://a.example"},
        },
        {"callToAction": {"actionType": "CALL"}},
        {"summary": "x" * 1500},
        {"summary": "", "media": [{"mediaFormat": "PHOTO", "sourceUrl": "https://cdn.example/unseen.jpg"}]},
    ],
)
def test_post__of_each_kind_is_taken(cafe: Place, fields: dict[str, Any]) -> None:
    assert cafe.post(**fields).status_code == 200


def event(**changes: Any) -> dict[str, Any]:
    """EVENT with parts of its schedule, or its title, replaced."""
    schedule = {**EVENT["schedule"], **{name: value for name, value in changes.items() if name != "title"}}
    return {"title": changes.get("title", "Open day"), "schedule": schedule}


@pytest.mark.parametrize(
    ("fields", "field"),
    [
        ({"summary": "x" * 1501}, "summary"),
        ({"summary": " "}, "summary"),
        ({"topicType": "ALERT"}, "topic_type"),
        ({"topicType": None}, "topic_type"),
        ({"languageCode": "English please"}, "language_code"),
        ({"event": EVENT}, "event"),
        ({"topicType": "EVENT"}, "event"),
        ({"topicType": "OFFER", "offer": {}}, "event"),
        ({"topicType": "EVENT", "event": event(title="x" * 59)}, "event.title"),
        ({"topicType": "EVENT", "event": event(title="")}, "event.title"),
        ({"topicType": "EVENT", "event": event(endTime={"hours": 9, "minutes": 0})}, "event.schedule"),
        ({"topicType": "EVENT", "event": event(endTime={"hours": 25})}, "event.schedule"),
        ({"topicType": "EVENT", "event": event(endTime="17:30")}, "event.schedule"),
        ({"topicType": "EVENT", "event": event(endDate={"year": 2026, "month": 12})}, "event.schedule"),
        ({"topicType": "EVENT", "event": EVENT, "offer": {}}, "offer"),
        (
            {"topicType": "OFFER", "event": EVENT, "offer": {"redeemOnlineUrl": "x"}},
            "offer.redeem_online_url",
        ),
        (
            {"topicType": "OFFER", "event": EVENT, "callToAction": {"actionType": "CALL"}},
            "call_to_action.action_type",
        ),
        (
            {"callToAction": {"actionType": "GET_OFFER", "url": "https://a.example"}},
            "call_to_action.action_type",
        ),
        ({"callToAction": {"actionType": "SHOP"}}, "call_to_action.url"),
        ({"callToAction": {"actionType": "SHOP", "url": "shop"}}, "call_to_action.url"),
        ({"callToAction": {"actionType": "CALL", "url": "https://a.example"}}, "call_to_action.url"),
        ({"media": [{"mediaFormat": "PHOTO", "sourceUrl": "https://a.example"}] * 2}, "media"),
        ({"media": [{"mediaFormat": "GIF", "sourceUrl": "https://a.example"}]}, "media.media_format"),
    ],
)
def test_post__is_refused_naming_the_field(
    sandbox: Sandbox, cafe: Place, fields: dict[str, Any], field: str
) -> None:
    answer = cafe.post(**fields)
    error = answer.json()["error"]
    assert (answer.status_code, error["code"], error["status"]) == (400, 400, "INVALID_ARGUMENT")
    assert error["details"][0]["errorDetails"][0]["field"] == field
    assert sandbox.posts("google_business") == []


@pytest.mark.parametrize(
    "fields",
    [
        {"title": "x"},
        {"callToAction": {"actionType": "CALL", "label": "x"}},
        {"topicType": "OFFER", "event": EVENT, "offer": {"code": "X"}},
        {"media": [{"mediaFormat": "PHOTO", "sourceUrl": "https://a.example", "data": "x"}]},
    ],
)
def test_post__with_an_unknown_field_is_refused(cafe: Place, fields: dict[str, Any]) -> None:
    answer = cafe.post(**fields)
    assert answer.status_code == 400
    assert "Unknown name" in answer.json()["error"]["message"]


def test_post__must_be_json(cafe: Place) -> None:
    assert cafe.client.post(f"/v4/{cafe.name}/localPosts", data={"summary": "x"}).status_code == 400


@pytest.mark.parametrize(
    ("name", "data", "reason"),
    [
        ("b.png", PNG + bytes(10_240), None),
        ("small.png", PNG, "PHOTO_UPLOAD_FAILED"),
        ("large.png", PNG + bytes(5 * 2**20), "PHOTO_UPLOAD_FAILED"),
        ("b.gif", GIF + bytes(10_240), "PHOTO_UPLOAD_FAILED"),
        ("gone.png", None, "PHOTO_FETCH_FAILED"),
    ],
)
def test_photo__is_fetched_and_looked_at(
    sandbox: Sandbox, cafe: Place, tmp_path: Path, name: str, data: bytes | None, reason: str | None
) -> None:
    if data is not None:
        (tmp_path / name).write_bytes(data)
    answer = cafe.post(media=[{"mediaFormat": "PHOTO", "sourceUrl": f"{sandbox.media_url}/{name}"}])
    if reason is None:
        assert answer.status_code == 200
    else:
        assert answer.status_code == 400
        assert answer.json()["error"]["details"][0]["errorDetails"][0]["reason"] == reason


def test_video__always_fails(sandbox: Sandbox, cafe: Place) -> None:
    answer = cafe.post(media=[{"mediaFormat": "VIDEO", "sourceUrl": "https://a.example"}])
    assert (answer.status_code, answer.json()["error"]["status"]) == (500, "INTERNAL")
    assert sandbox.posts("google_business") == []


def test_list__comes_in_pages_oldest_first(cafe: Place) -> None:
    assert cafe.listed() == {}
    names = [cafe.post(str(number)).json()["name"] for number in range(3)]
    first = cafe.listed(pageSize="2")
    rest = cafe.listed(pageSize="2", pageToken=first["nextPageToken"])
    assert [post["name"] for post in [*first["localPosts"], *rest["localPosts"]]] == names
    assert "nextPageToken" not in rest
    assert cafe.listed(pageSize="101")["error"]["code"] == 400
    assert cafe.listed(orderBy="x")["error"]["code"] == 400


def test_deleted_post__is_gone(sandbox: Sandbox, cafe: Place) -> None:
    name = cafe.post().json()["name"]
    assert cafe.client.delete(f"/v4/{name}").status_code == 200
    assert cafe.client.get(f"/v4/{name}").status_code == 404
    assert cafe.listed() == {}
    assert sandbox.posts("google_business") == []


def test_location__is_named_below_its_account(sandbox: Sandbox, cafe: Place) -> None:
    owner, _, short = cafe.name.partition("/locations/")
    body = {"topicType": "STANDARD", "summary": "x"}
    bare = cafe.client.post(f"/v4/locations/{short}/localPosts", json=body)
    assert (bare.status_code, bare.json()["error"]["status"]) == (404, "NOT_FOUND")
    assert cafe.client.post(f"/v4/{owner}/locations/1/localPosts", json=body).status_code == 404
    other = Place(sandbox, "Bar")
    denied = cafe.client.post(f"/v4/{other.name}/localPosts", json=body)
    assert (denied.status_code, denied.json()["error"]["status"]) == (403, "PERMISSION_DENIED")


def test_locations__of_an_owner_are_listed_with_the_fields_asked_for(sandbox: Sandbox, cafe: Place) -> None:
    bar = Place(sandbox, "Bar", owner="Café")
    Place(sandbox, "Somebody else's")
    [account] = cafe.client.get("/v1/accounts").json()["accounts"]
    path = f"/v1/{account['name']}/locations"
    answer = cafe.client.get(path, params={"readMask": "name,title"}).json()
    assert [f"{account['name']}/{item['name']}" for item in answer["locations"]] == [cafe.name, bar.name]
    assert [item["title"] for item in answer["locations"]] == ["Café", "Bar"]
    assert cafe.client.get(path).status_code == 400
    assert cafe.client.get(path, params={"readMask": "everything"}).status_code == 400
    assert cafe.client.get("/v1/accounts/1/locations", params={"readMask": "name"}).status_code == 403


def test_posts__are_limited_to_ten_a_minute(sandbox: Sandbox, cafe: Place) -> None:
    assert {cafe.post(str(number)).status_code for number in range(10)} == {200}
    blocked = cafe.post("one more")
    assert (blocked.status_code, blocked.json()["error"]["status"]) == (429, "RESOURCE_EXHAUSTED")
    sandbox.advance(60)
    assert cafe.post("one more").status_code == 200


def test_token__that_ended_is_unauthenticated(sandbox: Sandbox, cafe: Place) -> None:
    sandbox.advance(3599)
    answer = cafe.post()
    assert (answer.status_code, answer.json()["error"]["status"]) == (401, "UNAUTHENTICATED")
