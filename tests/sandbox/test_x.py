"""The documented answers: https://docs.x.com/x-api (posts, media, users, OAuth 1.0a and 2.0, errors)."""

from __future__ import annotations

import base64
import time
from collections.abc import Generator, Iterator
from typing import Any

import httpx
import pytest
from oauthlib.oauth1 import Client

from socialcron.sandbox import Sandbox
from socialcron.sandbox.x import CHUNK_BYTES, POISON, oauth1_signature
from tests.sandbox.conftest import GIF, MP4, PNG


class Signed(httpx.Auth):
    """OAuth 1.0a by oauthlib, a signer that is not the sandbox's own; `overrides` go to its client."""

    def __init__(self, credentials: dict[str, str], **overrides: Any) -> None:
        self.keys = {
            "client_key": credentials["client_id"],
            "client_secret": credentials["client_secret"],
            "resource_owner_key": credentials["access_token"],
            "resource_owner_secret": credentials["token_secret"],
        } | overrides

    def auth_flow(self, request: httpx.Request) -> Generator[httpx.Request, httpx.Response, None]:
        _, headers, _ = Client(**self.keys).sign(str(request.url), http_method=request.method)
        request.headers["Authorization"] = headers["Authorization"]
        yield request


@pytest.fixture
def client(sandbox: Sandbox) -> Iterator[httpx.Client]:
    credentials = sandbox.account("x", "alice")["credentials"]
    with httpx.Client(base_url=sandbox.url("x"), auth=Signed(credentials)) as client:
        yield client


def bearer(sandbox: Sandbox, token: str = "sandbox-bob") -> httpx.Client:
    return httpx.Client(base_url=sandbox.url("x"), headers={"Authorization": f"Bearer {token}"})


def post(client: httpx.Client, text: str = "hello", **fields: Any) -> httpx.Response:
    return client.post("/2/tweets", json={"text": text, **fields})


def upload(client: httpx.Client, data: bytes = PNG, kind: str = "image/png", **fields: Any) -> str:
    """By initialize, append and finalize; returns the id."""
    start = {"media_type": kind, "total_bytes": len(data)} | fields
    media = client.post("/2/media/upload/initialize", json=start).json()["data"]["id"]
    for index in range(0, len(data), CHUNK_BYTES):
        answer = client.post(
            f"/2/media/upload/{media}/append",
            data={"segment_index": str(index // CHUNK_BYTES)},
            files={"media": data[index : index + CHUNK_BYTES]},
        )
        assert answer.status_code == 200
    assert client.post(f"/2/media/upload/{media}/finalize").status_code == 200
    return str(media)


def media_state(client: httpx.Client, media: str) -> str | None:
    answer = client.get("/2/media/upload", params={"command": "STATUS", "media_id": media})
    found: str | None = answer.json()["data"].get("processing_info", {}).get("state")
    return found


VECTOR = {
    "oauth_consumer_key": "xvz1evFS4wEEPTGEFPHBog",
    "oauth_nonce": "kYjzVBB8Y0ZFabxSWbWovY3uYSQ2pTgmZeNu2VS4cg",
    "oauth_signature_method": "HMAC-SHA1",
    "oauth_timestamp": "1318622958",
    "oauth_token": "370773112-GmHxMAgYyLbNEtIKZeRNFsMKPR9EyMZeS9weJAEb",
    "oauth_version": "1.0",
}
FORM = {"include_entities": "true", "status": "Hello Ladies + Gentlemen, a signed OAuth request!"}


@pytest.mark.parametrize(
    ("method", "url", "parameters", "signature"),
    [
        ("POST", "https://api.x.com/1.1/statuses/update.json", FORM, "Ls93hJiZbQ3akF3HF3x1Bz8/zU4="),
        ("POST", "https://api.twitter.com/1.1/statuses/update.json", FORM, "hCtSmYh+iHYCEqBWrE7C7hYmtUk="),
        ("POST", "https://api.x.com/2/tweets", {}, "lr+tV/DKclEvXKVjG6tgaSSLV0k="),
        (
            "GET",
            "https://api.x.com/2/tweets",
            {"ids": "1,2", "tweet.fields": "public_metrics"},
            "nIJLXJnSYdAqS2geTz39lfSlktI=",
        ),
    ],
)
def test_signature__is_that_of_the_sheets_vectors(
    method: str, url: str, parameters: dict[str, str], signature: str
) -> None:
    secrets = "kAcSOqF21Fu85e7zjz7ZN2U4ZRhfV3WpwPAoE3Z7kBw", "LswwdoUaIvS8ltyTt5jkRh4J50vUPVVHtR2YPi5kE"
    assert oauth1_signature(method, url, list((VECTOR | parameters).items()), *secrets) == signature


def test_oauth1__is_verified(sandbox: Sandbox, client: httpx.Client) -> None:
    assert (
        client.get("/2/users/me", params={"user.fields": "id,username"}).json()["data"]["username"] == "alice"
    )
    assert post(client).status_code == 201
    assert sandbox.posts("x")[0]["account"] == "alice"


@pytest.mark.parametrize(
    "overrides",
    [
        {"client_secret": "wrong"},
        {"resource_owner_secret": "wrong"},
        {"client_key": "unknown"},
        {"resource_owner_key": "unknown"},
        {"timestamp": str(int(time.time()) - 400)},  # collected long before it runs: so two hours ahead below
        {"timestamp": str(int(time.time()) + 7200)},
        {"signature_method": "PLAINTEXT"},
    ],
)
def test_oauth1__with_anything_wrong_is_401(sandbox: Sandbox, overrides: dict[str, Any]) -> None:
    credentials = sandbox.account("x", "alice")["credentials"]
    answer = httpx.post(
        sandbox.url("x") + "/2/tweets", json={"text": "a"}, auth=Signed(credentials, **overrides)
    )
    unauthorized = {"title": "Unauthorized", "type": "about:blank", "status": 401, "detail": "Unauthorized"}
    assert (answer.status_code, answer.json()) == (401, unauthorized)
    assert sandbox.posts("x") == []


def test_oauth1__nonce_works_once(sandbox: Sandbox) -> None:
    auth = Signed(sandbox.account("x", "alice")["credentials"], nonce="n", timestamp=str(int(time.time())))
    assert [httpx.get(sandbox.url("x") + "/2/users/me", auth=auth).status_code for _ in range(2)] == [
        200,
        401,
    ]


def test_oauth1__signs_the_query(sandbox: Sandbox, client: httpx.Client) -> None:
    request = client.build_request("GET", "/2/users/me", params={"user.fields": "id"})
    assert client.send(request).status_code == 200
    tampered = httpx.Request("GET", str(request.url) + ",username", headers=request.headers)
    assert client.send(tampered, auth=None).status_code == 401


def test_sandbox_names__need_no_registration(sandbox: Sandbox) -> None:
    names = {
        "client_id": "sandbox-app",
        "client_secret": "sandbox-secret",
        "access_token": "sandbox-carol",
        "token_secret": "sandbox-secret",
    }
    me = httpx.get(sandbox.url("x") + "/2/users/me", auth=Signed(names)).json()
    assert me["data"]["username"] == "carol"
    with bearer(sandbox, "sandbox-carol") as client:
        assert client.get("/2/users/me").json() == me


def test_oauth2__refresh_token_is_single_use(sandbox: Sandbox) -> None:
    credentials = sandbox.account("x", "alice", auth="oauth2")["credentials"]
    form = {"grant_type": "refresh_token", "client_id": credentials["client_id"]}
    with bearer(sandbox, credentials["access_token"]) as client:
        assert client.get("/2/users/me").status_code == 200
        sandbox.advance(7200)
        assert client.get("/2/users/me").status_code == 401

    def refresh(token: str) -> httpx.Response:
        return httpx.post(sandbox.url("x") + "/2/oauth2/token", data=form | {"refresh_token": token})

    fresh = refresh(credentials["refresh_token"]).json()
    assert (fresh["token_type"], fresh["expires_in"]) == ("bearer", 7200)
    with bearer(sandbox, fresh["access_token"]) as client:
        assert client.get("/2/users/me").status_code == 200
    spent = refresh(credentials["refresh_token"])
    assert spent.status_code == 400
    assert spent.json() == {
        "error": "invalid_request",
        "error_description": "Value passed for the token was invalid.",
    }
    assert refresh(fresh["refresh_token"]).status_code == 200


def test_oauth2__refresh_needs_its_client_and_a_form(sandbox: Sandbox) -> None:
    url = sandbox.url("x") + "/2/oauth2/token"
    secret = sandbox.account("x", auth="oauth2", confidential=True)["credentials"]
    public = sandbox.account("x", auth="oauth2")["credentials"]
    form = {
        "grant_type": "refresh_token",
        "refresh_token": secret["refresh_token"],
        "client_id": "sandbox-client",
    }
    assert httpx.post(url, data=form).status_code == 401
    assert httpx.post(url, data=form, auth=("sandbox-client", "wrong")).status_code == 401
    assert httpx.post(url, data=form, auth=("sandbox-client", "sandbox-secret")).status_code == 200
    form = {"grant_type": "refresh_token", "refresh_token": public["refresh_token"]}
    assert httpx.post(url, data=form).status_code == 400
    assert httpx.post(url, json=form | {"client_id": "sandbox-client"}).status_code == 400


def test_oauth2__without_the_scope_is_403(sandbox: Sandbox) -> None:
    credentials = sandbox.account("x", auth="oauth2", scopes="users.read tweet.read")["credentials"]
    with bearer(sandbox, credentials["access_token"]) as client:
        assert client.get("/2/users/me").status_code == 200
        assert post(client).status_code == 403


def test_post__is_made_and_shows_short_links_and_escapes(sandbox: Sandbox, client: httpx.Client) -> None:
    answer = post(client, "a & b https://example.com/page <3")
    assert answer.status_code == 201
    body = answer.json()["data"]
    assert body["text"].startswith("a &amp; b https://t.co/")
    assert body["text"].endswith(" &lt;3")
    assert answer.headers["x-rate-limit-remaining"] == "99"
    assert int(answer.headers["x-rate-limit-reset"]) > time.time()
    fields = {"ids": body["id"], "tweet.fields": "created_at,entities,public_metrics"}
    found = client.get("/2/tweets", params=fields).json()["data"][0]
    assert found["entities"]["urls"][0]["expanded_url"] == "https://example.com/page"
    assert found["created_at"].endswith(".000Z")
    assert found["public_metrics"]["like_count"] == 0
    assert sandbox.posts("x")[0]["text"] == "a & b https://example.com/page <3"


@pytest.mark.parametrize(
    "document",
    [
        {},
        {"text": " "},
        {"text": 7},
        {"text": "x" * 281},
        {"text": "中" * 141},
        {"text": "a", "colour": "red"},
        {"text": "a", "reply": {"in_reply_to_tweet_id": "1", "colour": "red"}},
        {"text": "a", "reply": {"in_reply_to_tweet_id": 1}},
        {"text": "a", "media": {"media_ids": ["1"]}},
        {"text": "a", "media": {"media_ids": []}},
        {"text": "a", "media": {"media_ids": ["1", "2", "3", "4", "5"]}},
        {"text": "a", "media": ["1"]},
        {"text": "a", "poll": {"options": ["a"], "duration_minutes": 5}},
        {"text": "a", "poll": {"options": ["a", "b" * 26], "duration_minutes": 5}},
        {"text": "a", "poll": {"options": ["a", "b"], "duration_minutes": 4}},
        {"text": "a", "poll": {"options": ["a", "b"], "duration_minutes": "60"}},
        {"text": "a", "reply_settings": "nobody"},
        {"text": "a", "made_with_ai": "no"},
    ],
)
def test_post__is_refused(sandbox: Sandbox, client: httpx.Client, document: dict[str, Any]) -> None:
    answer = client.post("/2/tweets", json=document)
    assert (answer.status_code, answer.json()["title"]) == (400, "Invalid Request")
    assert answer.json()["type"].endswith("/problems/invalid-request")
    assert sandbox.posts("x") == []


def test_post__of_280_is_fine_and_of_more_for_premium(sandbox: Sandbox, client: httpx.Client) -> None:
    assert post(client, "x" * 280).status_code == 201
    token = sandbox.account("x", "rich", auth="oauth2", premium=True)["credentials"]["access_token"]
    with bearer(sandbox, token) as rich:
        made = post(rich, "y" * 4000).json()["data"]["id"]
        assert post(rich, "y" * 4001).status_code == 400
        found = rich.get("/2/tweets", params={"ids": made, "tweet.fields": "note_tweet"}).json()["data"][0]
    assert len(found["text"]) == 280
    assert found["note_tweet"]["text"] == "y" * 4000


def test_post__must_be_json(client: httpx.Client) -> None:
    assert (
        client.post("/2/tweets", content=b'{"text', headers={"Content-Type": "application/json"}).status_code
        == 400
    )
    assert client.post("/2/tweets", content=b"{}", headers={"Content-Type": "text/plain"}).status_code == 400


def test_poll__is_posted_alone(client: httpx.Client) -> None:
    poll = {"options": ["a", "b"], "duration_minutes": 60}
    assert post(client, "which?", poll=poll).status_code == 201
    assert post(client, "both?", poll=poll, media={"media_ids": [upload(client)]}).status_code == 400


def test_quote_and_cashtags__are_403(client: httpx.Client) -> None:
    first = post(client).json()["data"]["id"]
    assert post(client, "look", quote_tweet_id=first).status_code == 403
    assert post(client, "$AAPL or $MSFT").status_code == 403
    assert post(client, "$AAPL costs $5").status_code == 201


def test_duplicate_text__is_403_for_the_same_account_for_a_while(
    sandbox: Sandbox, client: httpx.Client
) -> None:
    post(client)
    again = post(client)
    assert again.status_code == 403
    assert again.json()["detail"] == "You are not allowed to create a Tweet with duplicate content."
    with bearer(sandbox) as bob:
        assert post(bob).status_code == 201
    assert post(client, media={"media_ids": [upload(client)]}).status_code == 201
    sandbox.advance(3600)
    assert post(client).status_code == 201
    sandbox.settings("x", duplicate_seconds=0)
    assert post(client).status_code == 201


def test_duplicate_text__of_a_deleted_post_passes(client: httpx.Client) -> None:
    made = post(client).json()["data"]["id"]
    assert client.delete(f"/2/tweets/{made}").json() == {"data": {"deleted": True}}
    assert post(client).status_code == 201


def test_thread__replies_to_posts_that_exist(sandbox: Sandbox, client: httpx.Client) -> None:
    first = post(client, "1").json()["data"]["id"]
    second = post(client, "2", reply={"in_reply_to_tweet_id": first}).json()["data"]["id"]
    fields = {"ids": second, "tweet.fields": "referenced_tweets,conversation_id"}
    found = client.get("/2/tweets", params=fields).json()["data"][0]
    assert found["referenced_tweets"] == [{"type": "replied_to", "id": first}]
    assert found["conversation_id"] == first
    assert post(client, "3", reply={"in_reply_to_tweet_id": "1"}).status_code == 404
    with bearer(sandbox) as bob:
        assert post(bob, "me too", reply={"in_reply_to_tweet_id": first}).status_code == 403
        mention = post(client, "what says @bob?").json()["data"]["id"]
        assert post(bob, "this", reply={"in_reply_to_tweet_id": mention}).status_code == 201


def test_image__is_ready_once_finalized(sandbox: Sandbox, client: httpx.Client) -> None:
    media = upload(client, PNG + bytes(CHUNK_BYTES), media_category="tweet_image")
    assert media_state(client, media) is None
    made = post(client, "look", media={"media_ids": [media]}).json()["data"]
    assert made["text"].startswith("look https://t.co/")
    fields = {"ids": made["id"], "tweet.fields": "attachments"}
    found = client.get("/2/tweets", params=fields).json()["data"][0]
    assert found["attachments"] == {"media_keys": [f"3_{media}"]}
    assert sandbox.posts("x")[0]["media"] == [media]


def test_image__is_uploaded_in_one_request_too(client: httpx.Client) -> None:
    form = client.post("/2/media/upload", files={"media": PNG}, data={"media_category": "tweet_image"})
    encoded = base64.b64encode(PNG).decode()
    document = client.post("/2/media/upload", json={"media": encoded, "media_category": "tweet_image"})
    ids = [answer.json()["data"]["id"] for answer in (form, document)]
    assert post(client, "", media={"media_ids": ids}).status_code == 201
    assert client.post("/2/media/upload", files={"media": b"nonsense"}).status_code == 400


@pytest.mark.parametrize(("data", "kind"), [(MP4, "video/mp4"), (GIF, "image/gif")])
def test_video__is_processed_first_and_stands_alone(client: httpx.Client, data: bytes, kind: str) -> None:
    media = upload(client, data, kind)
    assert post(client, "too early", media={"media_ids": [media]}).status_code == 400
    assert [media_state(client, media) for _ in range(2)] == ["in_progress", "succeeded"]
    assert post(client, "both", media={"media_ids": [media, upload(client)]}).status_code == 400
    assert post(client, "alone", media={"media_ids": [media]}).status_code == 201


def test_video__may_fail_processing(client: httpx.Client) -> None:
    media = upload(client, MP4 + POISON, "video/mp4")
    assert [media_state(client, media) for _ in range(2)] == ["in_progress", "failed"]
    assert post(client, media={"media_ids": [media]}).status_code == 400


@pytest.mark.parametrize(
    "start",
    [
        {"media_type": "image/bmp", "total_bytes": 1},
        {"media_type": "image/png", "total_bytes": 5_242_881},
        {"media_type": "image/png", "total_bytes": "1"},
        {"media_type": "image/png", "total_bytes": 1, "media_category": "tweet_video"},
        {"media_type": "image/png", "total_bytes": 1, "colour": "red"},
    ],
)
def test_initialize__is_refused(client: httpx.Client, start: dict[str, Any]) -> None:
    assert client.post("/2/media/upload/initialize", json=start).status_code == 400


def test_append__takes_one_mebibyte_at_most_and_known_media(client: httpx.Client) -> None:
    start = {"media_type": "video/mp4", "total_bytes": 2 * CHUNK_BYTES}
    media = client.post("/2/media/upload/initialize", json=start).json()["data"]["id"]

    def append(index: str, data: bytes, media: str = media) -> httpx.Response:
        path = f"/2/media/upload/{media}/append"
        return client.post(path, data={"segment_index": index}, files={"media": data})

    too_large = append("0", bytes(CHUNK_BYTES + 1))
    assert (too_large.status_code, too_large.content) == (413, b"")
    assert append("1000", b"x").status_code == 400
    assert append("0", b"x", "1").status_code == 400
    assert append("1", b"x").status_code == 200
    assert client.post(f"/2/media/upload/{media}/finalize").status_code == 400  # segment 0 is missing
    assert append("0", MP4).status_code == 200
    assert client.post(f"/2/media/upload/{media}/finalize").status_code == 400  # too few bytes


def test_finalize__wants_bytes_of_the_declared_type(client: httpx.Client) -> None:
    start = {"media_type": "image/jpeg", "total_bytes": len(PNG)}
    media = client.post("/2/media/upload/initialize", json=start).json()["data"]["id"]
    client.post(f"/2/media/upload/{media}/append", data={"segment_index": "0"}, files={"media": PNG})
    assert client.post(f"/2/media/upload/{media}/finalize").status_code == 400


def test_media__ends_after_a_day_and_belongs_to_one_account(sandbox: Sandbox, client: httpx.Client) -> None:
    media = upload(client)
    with bearer(sandbox) as bob:
        assert post(bob, media={"media_ids": [media]}).status_code == 400
    assert post(client, media={"media_ids": [media, media]}).status_code == 400
    sandbox.advance(86_400)
    assert post(client, media={"media_ids": [media]}).status_code == 400


def test_alt_text__has_a_thousand_characters_at_most(client: httpx.Client) -> None:
    media = upload(client)

    def describe(text: str, media: str = media) -> int:
        document = {"id": media, "metadata": {"alt_text": {"text": text}}}
        return client.post("/2/media/metadata", json=document).status_code

    assert [describe("x" * 1000), describe("x" * 1001), describe(""), describe("a", "1")] == [
        200,
        400,
        400,
        400,
    ]


def test_own_posts__page_newest_first(client: httpx.Client) -> None:
    ids = [post(client, str(n)).json()["data"]["id"] for n in range(12)]
    path = f"/2/users/{client.get('/2/users/me').json()['data']['id']}/tweets"

    def listed(**params: str) -> tuple[list[str], dict[str, Any]]:
        body = client.get(path, params=params).json()
        return [item["id"] for item in body.get("data", [])], body["meta"]

    page, meta = listed()
    assert page == ids[:1:-1]
    assert (meta["result_count"], meta["newest_id"], meta["oldest_id"]) == (10, ids[11], ids[2])
    page, meta = listed(pagination_token=meta["next_token"])
    assert (page, "next_token" in meta) == ([ids[1], ids[0]], False)
    assert listed(since_id=ids[9], max_results="100")[0] == [ids[11], ids[10]]
    assert listed(since_id=ids[11]) == ([], {"result_count": 0})
    assert listed(start_time="2020-01-01T00:00:00Z", end_time="2020-01-02T00:00:00Z")[0] == []
    for params in (
        {"max_results": "4"},
        {"max_results": "101"},
        {"tweet.fields": "mood"},
        {"start_time": "now"},
    ):
        assert client.get(path, params=params).status_code == 400
    assert client.get("/2/users/1/tweets").json()["errors"][0]["title"] == "Not Found Error"


def test_own_posts__may_leave_replies_out_and_lag(sandbox: Sandbox, client: httpx.Client) -> None:
    first = post(client, "1").json()["data"]["id"]
    post(client, "2", reply={"in_reply_to_tweet_id": first})
    path = f"/2/users/{client.get('/2/users/me').json()['data']['id']}/tweets"
    assert client.get(path, params={"exclude": "retweets,replies"}).json()["meta"]["result_count"] == 1
    sandbox.fault("lagging_listing", platform="x", looks=1)
    post(client, "3")
    assert [client.get(path).json()["meta"]["result_count"] for _ in range(2)] == [2, 3]


def test_posts_by_id__report_missing_ones_as_partial_errors(client: httpx.Client) -> None:
    made = post(client).json()["data"]["id"]
    body = client.get("/2/tweets", params={"ids": f"{made},1902"}).json()
    assert [item["id"] for item in body["data"]] == [made]
    assert body["errors"][0]["resource_id"] == "1902"
    assert set(body["data"][0]) == {"id", "text", "edit_history_tweet_ids"}
    assert "data" not in client.get("/2/tweets", params={"ids": "1902"}).json()
    assert client.get("/2/tweets", params={"ids": ",".join(["1"] * 101)}).status_code == 400


def test_posts__are_limited_to_a_hundred_in_fifteen_minutes(sandbox: Sandbox) -> None:
    with bearer(sandbox) as client:
        assert {post(client, str(n)).status_code for n in range(100)} == {201}
        blocked = post(client, "one more")
        assert (blocked.status_code, blocked.headers["x-rate-limit-remaining"]) == (429, "0")
        sandbox.advance(901)
        assert post(client, "one more").status_code == 201


def test_expired_token__ends_an_oauth2_token_for_good(sandbox: Sandbox) -> None:
    credentials = sandbox.account("x", auth="oauth2")["credentials"]
    sandbox.fault("expired_token", count=1)
    with bearer(sandbox, credentials["access_token"]) as client:
        assert [post(client).status_code for _ in range(2)] == [401, 401]


def test_metrics__grow_with_the_post_and_count_real_replies(sandbox: Sandbox, client: httpx.Client) -> None:
    first = post(client).json()["data"]["id"]
    post(client, "and more", reply={"in_reply_to_tweet_id": first})

    def read() -> dict[str, int]:
        query = {"ids": first, "tweet.fields": "public_metrics"}
        metrics: dict[str, int] = client.get("/2/tweets", params=query).json()["data"][0]["public_metrics"]
        return metrics

    assert read() == {**dict.fromkeys(read(), 0), "reply_count": 1}
    sandbox.advance(86_400)
    day = read()
    sandbox.advance(6 * 86_400)
    week = read()
    assert 0 < day["impression_count"] < week["impression_count"]
    assert all(week[name] >= day[name] for name in day)


def test_metrics__can_be_hidden(sandbox: Sandbox, client: httpx.Client) -> None:
    post_id = post(client).json()["data"]["id"]
    sandbox.settings("x", counts_hidden=True)
    query = {"ids": post_id, "tweet.fields": "public_metrics"}
    assert "public_metrics" not in client.get("/2/tweets", params=query).json()["data"][0]


def test_delete_post__is_told_among_the_errors(sandbox: Sandbox, client: httpx.Client) -> None:
    post_id = post(client).json()["data"]["id"]
    sandbox.delete_post("x", post_id)
    [error] = client.get("/2/tweets", params={"ids": post_id}).json()["errors"]
    assert (error["resource_id"], error["type"].rpartition("/")[2]) == (post_id, "resource-not-found")
