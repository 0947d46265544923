"""The documented answers: https://docs.joinmastodon.org/methods/statuses/, /media/, /accounts/, /instance/."""

from __future__ import annotations

import concurrent.futures
from collections.abc import Iterator
from typing import Any

import httpx
import pytest

from socialcron.sandbox import Sandbox
from socialcron.sandbox.mastodon import POISON
from tests.sandbox.conftest import MP4, PNG


@pytest.fixture
def client(sandbox: Sandbox) -> Iterator[httpx.Client]:
    token = sandbox.account("mastodon", "alice")["credentials"]["access_token"]
    headers = {"Authorization": f"Bearer {token}"}
    with httpx.Client(base_url=sandbox.url("mastodon"), headers=headers) as client:
        yield client


def post(
    client: httpx.Client, text: str = "hello", *, key: str | None = None, **fields: Any
) -> httpx.Response:
    headers = {"Idempotency-Key": key} if key else {}
    return client.post("/api/v1/statuses", json={"status": text, **fields}, headers=headers)


def upload(client: httpx.Client, data: bytes = PNG, kind: str = "image/png", **fields: str) -> httpx.Response:
    return client.post("/api/v2/media", files={"file": ("a", data, kind)}, data=fields)


def test_status__is_made_and_shown(sandbox: Sandbox, client: httpx.Client) -> None:
    answer = post(client, "Hello <b> https://example.com/a/very/long/path/with/more & @alice #tag\nx\n\ny")
    status = answer.json()
    assert answer.status_code == 200
    assert status["url"] == f"{sandbox.url('mastodon')}/@alice/{status['id']}"
    assert "&lt;b&gt;" in status["content"]
    assert 'href="https://example.com/a/very/long/path/with/more"' in status["content"]
    assert "@<span>alice</span>" in status["content"]
    assert status["content"].endswith("<br />x</p><p>y</p>")
    assert answer.headers["X-RateLimit-Limit"] == "300"
    assert answer.headers["X-RateLimit-Remaining"] == "299"
    assert len(answer.headers["X-RateLimit-Reset"]) == len("2026-01-02T03:05:00.000000Z")
    assert client.get(f"/api/v1/statuses/{status['id']}").json() == status
    assert client.get(f"/api/v1/statuses/{status['id']}/source").json()["text"].startswith("Hello <b>")


def test_status__comes_in_forms_too(client: httpx.Client) -> None:
    fields = {
        "status": "poll",
        "poll[options][]": ["a", "b"],
        "poll[expires_in]": "300",
        "poll[multiple]": "true",
    }
    poll = client.post("/api/v1/statuses", data=fields).json()["poll"]
    assert ([option["title"] for option in poll["options"]], poll["multiple"]) == (["a", "b"], True)


@pytest.mark.parametrize(
    ("text", "fits"),
    [
        ("x" * 500, True),
        ("x" * 501, False),
        ("👩‍👩‍👧‍👦" * 500, True),
        ("x" * 476 + " https://example.com/" + "y" * 100, True),
        ("x" * 477 + " https://example.com/" + "y" * 100, False),
        ("x" * 494 + " @bob@far.example", True),
    ],
)
def test_status__is_measured_in_graphemes_short_links_and_bare_names(
    client: httpx.Client, text: str, fits: bool
) -> None:
    assert post(client, text).status_code == (200 if fits else 422)


def test_status__measures_the_sheets_vectors(sandbox: Sandbox) -> None:
    measure = sandbox.platforms["mastodon"].text_length  # type: ignore[attr-defined]
    assert measure("hi https://example.com/very/long") == 26
    assert measure("@bob@other.example hi") == 7
    assert measure("👩‍👩‍👧‍👦") == 1


@pytest.mark.parametrize(
    ("fields", "status"),
    [
        ({"status": " "}, 422),
        ({"status": "a", "spoiler_text": "x" * 500}, 422),
        ({"status": "a", "visibility": "secret"}, 422),
        ({"status": "a", "in_reply_to_id": "1"}, 404),
        ({"status": "a", "media_ids": ["1"]}, 422),
        ({"status": "a", "media_ids": "1"}, 422),
        ({"status": "a", "media_ids": ["1", "2", "3", "4", "5"]}, 422),
        ({"status": "a", "poll": {"options": ["a"], "expires_in": 300}}, 422),
        ({"status": "a", "poll": {"options": list("abcde"), "expires_in": 300}}, 422),
        ({"status": "a", "poll": {"options": ["a", "a"], "expires_in": 300}}, 422),
        ({"status": "a", "poll": {"options": ["a", "b" * 51], "expires_in": 300}}, 422),
        ({"status": "a", "poll": {"options": ["a", "b"], "expires_in": 299}}, 422),
        ({"status": "a", "poll": {"options": ["a", "b"]}}, 422),
        ({"status": "a", "poll": {"options": ["a", "b"], "expires_in": 300}, "media_ids": ["1"]}, 422),
    ],
)
def test_status__is_refused(
    sandbox: Sandbox, client: httpx.Client, fields: dict[str, Any], status: int
) -> None:
    answer = client.post("/api/v1/statuses", json=fields)
    assert answer.status_code == status
    assert answer.json()["error"]
    assert sandbox.posts("mastodon") == []


def test_status__with_a_broken_or_unknown_body_is_refused(client: httpx.Client) -> None:
    headers = {"Content-Type": "application/json"}
    assert client.post("/api/v1/statuses", content=b'{"status"', headers=headers).status_code == 400
    assert (
        client.post(
            "/api/v1/statuses", content=b"status=a", headers={"Content-Type": "text/plain"}
        ).status_code
        == 422
    )


def test_thread__points_to_its_parent(sandbox: Sandbox, client: httpx.Client) -> None:
    first = post(client, "1").json()["id"]
    second = post(client, "2", in_reply_to_id=first).json()
    assert second["in_reply_to_id"] == first
    assert [item["reply_to"] for item in sandbox.posts("mastodon")] == [None, first]
    assert client.get(f"/api/v1/statuses/{first}").json()["replies_count"] == 1


@pytest.mark.parametrize("token", ["", "wrong"])
def test_token__unknown_is_401(sandbox: Sandbox, token: str) -> None:
    answer = httpx.post(
        sandbox.url("mastodon") + "/api/v1/statuses",
        json={"status": "a"},
        headers={"Authorization": f"Bearer {token}"} if token else {},
    )
    assert (answer.status_code, answer.json()) == (401, {"error": "The access token is invalid"})


def test_token__without_the_scope_is_403(sandbox: Sandbox) -> None:
    token = sandbox.account("mastodon", scopes="read:accounts")["credentials"]["access_token"]
    headers = {"Authorization": f"Bearer {token}"}
    answer = httpx.post(sandbox.url("mastodon") + "/api/v1/statuses", json={"status": "a"}, headers=headers)
    assert answer.status_code == 403


def test_token__is_refreshed_once(sandbox: Sandbox) -> None:
    credentials = sandbox.account("mastodon", refresh=True)["credentials"]
    base = sandbox.url("mastodon")

    def verify(token: str) -> int:
        headers = {"Authorization": f"Bearer {token}"}
        return httpx.get(base + "/api/v1/accounts/verify_credentials", headers=headers).status_code

    fields = {"grant_type": "refresh_token"} | {
        name: credentials[name] for name in ("refresh_token", "client_id", "client_secret")
    }
    assert verify(credentials["access_token"]) == 200
    sandbox.advance(7200)
    assert verify(credentials["access_token"]) == 401
    fresh = httpx.post(base + "/oauth/token", data=fields)
    assert verify(fresh.json()["access_token"]) == 200
    again = httpx.post(base + "/oauth/token", data=fields)
    assert (again.status_code, again.json()["error"]) == (400, "invalid_grant")


def test_key__replays_the_first_status_for_an_hour_even_if_the_body_differs(
    sandbox: Sandbox, client: httpx.Client
) -> None:
    first = post(client, "one", key="k").json()
    assert post(client, "two", key="k").json() == first
    sandbox.advance(3600)
    assert post(client, "three", key="k").json()["id"] != first["id"]
    assert [item["key"] for item in sandbox.posts("mastodon")] == ["k", "k"]


def test_key__is_one_accounts_own_and_forgets_refusals(sandbox: Sandbox, client: httpx.Client) -> None:
    assert post(client, "", key="k").status_code == 422
    post(client, "one", key="k")
    httpx.post(
        sandbox.url("mastodon") + "/api/v1/statuses",
        json={"status": "one"},
        headers={"Authorization": "Bearer sandbox-bob", "Idempotency-Key": "k"},
    )
    assert [item["account"] for item in sandbox.posts("mastodon")] == ["alice", "bob"]


def test_key__of_two_requests_at_once_gives_the_second_503(sandbox: Sandbox, client: httpx.Client) -> None:
    sandbox.fault("slow", seconds=0.2, visible_only=True)
    with concurrent.futures.ThreadPoolExecutor(2) as pool:
        answers = list(pool.map(lambda _: post(client, key="k").status_code, range(2)))
    assert sorted(answers) == [200, 503]
    assert len(sandbox.posts("mastodon")) == 1


def test_nokey_server__posts_twice_and_says_what_it_is(sandbox: Sandbox) -> None:
    headers = {"Authorization": "Bearer sandbox-alice", "Idempotency-Key": "k"}
    with httpx.Client(base_url=sandbox.url("mastodon-nokey"), headers=headers) as client:
        assert "compatible" in client.get("/api/v2/instance").json()["version"]
        made = [client.post("/api/v1/statuses", json={"status": "a"}).json() for _ in range(2)]
        assert client.get(f"/api/v1/statuses/{made[0]['id']}/source").status_code == 404
    assert len(sandbox.posts("mastodon-nokey")) == 2
    assert sandbox.posts("mastodon") == []


def test_instance__declares_the_limits(client: httpx.Client) -> None:
    instance = client.get("/api/v2/instance").json()
    assert instance["configuration"]["statuses"]["max_characters"] == 500
    assert client.get("/api/v1/instance").json()["configuration"] == instance["configuration"]


def test_image__is_ready_at_once_and_attached_once(sandbox: Sandbox, client: httpx.Client) -> None:
    answer = upload(client, description="a dot")
    media = answer.json()
    assert (answer.status_code, media["type"], media["description"]) == (200, "image", "a dot")
    assert answer.headers["X-RateLimit-Limit"] == "30"
    assert client.get(f"/api/v1/media/{media['id']}").status_code == 200
    assert (
        client.put(f"/api/v1/media/{media['id']}", json={"description": "dots"}).json()["description"]
        == "dots"
    )
    status = post(client, "", media_ids=[media["id"]]).json()
    assert [item["id"] for item in status["media_attachments"]] == [media["id"]]
    assert sandbox.posts("mastodon")[0]["media"] == [media["id"]]
    assert post(client, "again", media_ids=[media["id"]]).status_code == 422
    assert client.get(f"/api/v1/media/{media['id']}").status_code == 404


def test_video__is_processed_first_and_stands_alone(client: httpx.Client) -> None:
    answer = upload(client, MP4, "video/mp4")
    video = answer.json()["id"]
    assert (answer.status_code, answer.json()["url"]) == (202, None)
    unready = post(client, media_ids=[video])
    assert unready.status_code == 422
    assert "not finished processing" in unready.json()["error"]
    assert [client.get(f"/api/v1/media/{video}").status_code for _ in range(2)] == [206, 200]
    image = upload(client).json()["id"]
    assert post(client, media_ids=[video, image]).status_code == 422
    assert post(client, media_ids=[video]).status_code == 200


def test_video__may_fail_processing(client: httpx.Client) -> None:
    video = upload(client, MP4 + POISON, "video/mp4").json()["id"]
    assert [client.get(f"/api/v1/media/{video}").status_code for _ in range(2)] == [206, 422]
    assert post(client, media_ids=[video]).status_code == 422


@pytest.mark.parametrize(
    ("data", "kind", "fields"),
    [
        (b"not an image", "image/png", {}),
        (PNG, "application/octet-stream", {}),
        (PNG + bytes(16_777_216), "image/png", {}),
        (PNG, "image/png", {"description": "x" * 1501}),
    ],
)
def test_upload__is_refused(client: httpx.Client, data: bytes, kind: str, fields: dict[str, str]) -> None:
    assert upload(client, data, kind, **fields).status_code == 422


def test_upload__of_another_account_is_unknown(sandbox: Sandbox, client: httpx.Client) -> None:
    media = upload(client).json()["id"]
    headers = {"Authorization": "Bearer sandbox-bob"}
    base = sandbox.url("mastodon")
    assert httpx.get(f"{base}/api/v1/media/{media}", headers=headers).status_code == 404
    answer = httpx.post(
        f"{base}/api/v1/statuses", json={"status": "a", "media_ids": [media]}, headers=headers
    )
    assert answer.status_code == 422


def test_upload__is_limited_to_thirty_in_half_an_hour(sandbox: Sandbox, client: httpx.Client) -> None:
    assert {upload(client).status_code for _ in range(30)} == {200}
    blocked = upload(client)
    assert (blocked.status_code, blocked.headers["X-RateLimit-Remaining"]) == (429, "0")
    sandbox.advance(1800)
    assert upload(client).status_code == 200


def test_own_statuses__page_newest_first(client: httpx.Client) -> None:
    account = client.get("/api/v1/accounts/verify_credentials").json()["id"]
    ids = [post(client, str(n)).json()["id"] for n in range(45)]
    path = f"/api/v1/accounts/{account}/statuses"

    def listed(**params: str) -> list[str]:
        return [item["id"] for item in client.get(path, params=params).json()]

    assert listed() == ids[:-21:-1]
    assert len(listed(limit="100")) == 40
    assert listed(max_id=ids[5]) == ids[4::-1]
    assert listed(since_id=ids[42]) == [ids[44], ids[43]]
    following = client.get(path, params={"limit": "2"}).links["next"]["url"]
    assert [item["id"] for item in client.get(following).json()] == [ids[42], ids[41]]
    assert client.get("/api/v1/accounts/1/statuses").status_code == 404


def test_statuses__are_read_twenty_at_a_time(client: httpx.Client) -> None:
    made = post(client).json()["id"]
    found = client.get("/api/v1/statuses", params={"id[]": [made, "1"]}).json()
    assert [item["id"] for item in found] == [made]
    assert client.get("/api/v1/statuses", params={"id[]": ["1"] * 21}).status_code == 422


def test_deleted_status__is_gone(sandbox: Sandbox, client: httpx.Client) -> None:
    made = post(client).json()
    assert client.delete(f"/api/v1/statuses/{made['id']}").json()["text"] == "hello"
    assert client.get(f"/api/v1/statuses/{made['id']}").status_code == 404
    assert client.get(f"/api/v1/accounts/{made['account']['id']}/statuses").json() == []
    assert sandbox.posts("mastodon") == []
    assert sandbox.state("mastodon")["platforms"]["mastodon"]["posts"][0]["deleted"]


def test_counts__grow_with_the_post_and_count_real_replies(sandbox: Sandbox, client: httpx.Client) -> None:
    first = post(client).json()
    post(client, "and more", in_reply_to_id=first["id"])

    def read() -> dict[str, int]:
        [status] = client.get("/api/v1/statuses", params={"id[]": [first["id"]]}).json()
        return {name: value for name, value in status.items() if name.endswith("s_count")}

    assert read() == {"replies_count": 1, "reblogs_count": 0, "favourites_count": 0, "quotes_count": 0}
    sandbox.advance(86_400)
    day = read()
    sandbox.advance(6 * 86_400)
    assert 0 < day["favourites_count"] < read()["favourites_count"]


def test_counts__can_be_hidden(sandbox: Sandbox, client: httpx.Client) -> None:
    sandbox.settings("mastodon", counts_hidden=True)
    assert not {"replies_count", "reblogs_count", "favourites_count"} & post(client).json().keys()


def test_delete_post__leaves_nothing_to_be_shown(sandbox: Sandbox, client: httpx.Client) -> None:
    post_id = post(client).json()["id"]
    sandbox.delete_post("mastodon", post_id)
    assert client.get(f"/api/v1/statuses/{post_id}").status_code == 404
    assert client.get("/api/v1/statuses", params={"id[]": [post_id]}).json() == []
