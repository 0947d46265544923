"""The documented answers: https://developers.facebook.com/docs/pages-api/posts, /docs/graph-api/reference/page/feed/
and /photos/, /docs/video-api/guides/reels-publishing, /docs/graph-api/guides/error-handling.
"""

from __future__ import annotations

import json
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import httpx
import pytest

from socialcron.sandbox import Sandbox
from socialcron.sandbox.facebook import MAX_CHARACTERS, POISON
from socialcron.sandbox.oauth import CLIENT_ID, CLIENT_SECRET
from tests.sandbox.conftest import GIF, MP4, PNG

APP = {"client_id": CLIENT_ID, "client_secret": CLIENT_SECRET}


@pytest.fixture
def sandbox(tmp_path: Path) -> Iterator[Sandbox]:
    (tmp_path / "cat.mp4").write_bytes(MP4)
    (tmp_path / "bad.mp4").write_bytes(MP4 + POISON)
    (tmp_path / "cat.png").write_bytes(PNG)
    with Sandbox.start(seed=1, media=tmp_path) as running:
        yield running


@pytest.fixture
def made(sandbox: Sandbox) -> dict[str, Any]:
    return sandbox.account("facebook", "cafe", dated=True)


@pytest.fixture
def page(made: dict[str, Any]) -> str:
    return str(made["external_id"])


@pytest.fixture
def client(sandbox: Sandbox, made: dict[str, Any]) -> Iterator[httpx.Client]:
    headers = {"Authorization": f"Bearer {made['credentials']['access_token']}"}
    with httpx.Client(base_url=f"{sandbox.url('facebook')}/v26.0", headers=headers) as client:
        yield client


def photo(client: httpx.Client, page: str, data: bytes = PNG, **fields: str) -> httpx.Response:
    fields = {"published": "false", **fields}
    return client.post(f"/{page}/photos", data=fields, files={"source": ("a", data, "image/png")})


def start(client: httpx.Client, page: str) -> dict[str, Any]:
    begun: dict[str, Any] = client.post(f"/{page}/video_reels", json={"upload_phase": "start"}).json()
    return begun


def send_bytes(client: httpx.Client, url: str, data: bytes = MP4, **headers: str) -> httpx.Response:
    token = client.headers["authorization"].removeprefix("Bearer ")
    headers = {"authorization": f"OAuth {token}", "offset": "0", "file_size": str(len(data)), **headers}
    return client.post(url, headers=headers, content=data)


def finish(client: httpx.Client, page: str, video_id: str, **fields: Any) -> httpx.Response:
    query = {"upload_phase": "finish", "video_id": video_id, "video_state": "PUBLISHED", **fields}
    return client.post(f"/{page}/video_reels", params=query)


def state_of(client: httpx.Client, video_id: str) -> tuple[str, str, int]:
    status = client.get(f"/{video_id}", params={"fields": "status"}).json()["status"]
    publish = status["publishing_phase"]["publish_status"]
    return status["video_status"], publish, status["uploading_phase"]["bytes_transfered"]


def code_of(answer: httpx.Response) -> tuple[int, int, int | None]:
    error = answer.json()["error"]
    assert error["message"]
    assert error["fbtrace_id"]
    return answer.status_code, error["code"], error.get("error_subcode")


# --- Graph -------------------------------------------------------------------------------------------------------


def test_graph__wants_a_version_in_the_path(sandbox: Sandbox, client: httpx.Client) -> None:
    assert client.get("/me").status_code == 200
    assert code_of(client.get(f"{sandbox.url('facebook')}/me")) == (400, 100, 33)


@pytest.mark.parametrize(
    ("headers", "expected"),
    [
        ({"Authorization": ""}, (400, 190, None)),
        ({"Authorization": "Bearer nobody"}, (400, 190, None)),
        ({"Authorization": "OAuth sandbox-cafe"}, (400, 190, None)),
    ],
)
def test_graph__refuses_a_bad_token(
    client: httpx.Client, headers: dict[str, str], expected: tuple[int, int, int | None]
) -> None:
    assert code_of(client.get("/me", headers=headers)) == expected


def test_graph__a_token_may_be_a_parameter_or_name_its_account(sandbox: Sandbox) -> None:
    base = f"{sandbox.url('facebook')}/v26.0"
    answer = httpx.get(f"{base}/me", params={"access_token": "sandbox-bistro", "fields": "id,name"})
    assert answer.json()["name"] == "bistro"


def test_graph__a_token_ends(sandbox: Sandbox, client: httpx.Client) -> None:
    sandbox.advance(3601)
    assert code_of(client.get("/me")) == (400, 190, 463)


def test_graph__throttles_with_a_code_and_minutes(sandbox: Sandbox, client: httpx.Client, page: str) -> None:
    sandbox.fault("429", platform="facebook", count=1, retry_after=90)
    answer = client.post(f"/{page}/feed", json={"message": "hello"})
    assert code_of(answer) == (400, 32, None)
    [usage] = next(iter(json.loads(answer.headers["X-Business-Use-Case-Usage"]).values()))
    assert (usage["type"], usage["call_count"], usage["estimated_time_to_regain_access"]) == ("pages", 100, 2)


def test_graph__speaks_of_usage_once_there_is_some(client: httpx.Client) -> None:
    assert "X-App-Usage" not in client.get("/me").headers
    answers = [client.get("/me") for _ in range(60)]
    assert json.loads(answers[-1].headers["X-App-Usage"])["call_count"] == 1


def test_graph__server_trouble_is_transient(sandbox: Sandbox, client: httpx.Client) -> None:
    sandbox.fault("5xx", platform="facebook", count=1)
    answer = client.get("/me")
    assert (code_of(answer), answer.json()["error"]["is_transient"]) == ((503, 2, None), True)


def test_graph__a_field_that_does_not_exist_is_refused(client: httpx.Client) -> None:
    assert code_of(client.get("/me", params={"fields": "id,plays"})) == (400, 100, None)


def test_graph__a_missing_permission_is_said(sandbox: Sandbox) -> None:
    made = sandbox.account("facebook", "cafe", scopes="pages_read_engagement")
    headers = {"Authorization": f"Bearer {made['credentials']['access_token']}"}
    url = f"{sandbox.url('facebook')}/v26.0/{made['external_id']}/feed"
    assert code_of(httpx.post(url, json={"message": "x"}, headers=headers)) == (403, 200, None)


# --- tokens ------------------------------------------------------------------------------------------------------


def exchange(client: httpx.Client, token: str, **fields: str) -> httpx.Response:
    query = {"grant_type": "fb_exchange_token", **APP, "fb_exchange_token": token, **fields}
    return client.get("/oauth/access_token", params=query)


def test_exchange__makes_a_long_lived_user_token(client: httpx.Client, made: dict[str, Any]) -> None:
    answer = exchange(client, made["credentials"]["user_token"]).json()
    assert (answer["token_type"], answer["expires_in"]) == ("bearer", pytest.approx(5_184_000, abs=2))
    assert answer["access_token"] != made["credentials"]["user_token"]


@pytest.mark.parametrize(
    "fields",
    [{"client_secret": "x"}, {"client_id": "x"}, {"grant_type": "x"}, {"fb_exchange_token": "x"}],
)
def test_exchange__refuses(client: httpx.Client, made: dict[str, Any], fields: dict[str, str]) -> None:
    assert exchange(client, made["credentials"]["user_token"], **fields).status_code == 400


def test_exchange__refuses_page_tokens_and_what_has_ended(
    sandbox: Sandbox, client: httpx.Client, made: dict[str, Any]
) -> None:
    assert code_of(exchange(client, made["credentials"]["access_token"])) == (400, 100, None)
    sandbox.advance(5_184_001)
    assert code_of(exchange(client, made["credentials"]["user_token"])) == (400, 190, 463)


def test_accounts__lists_pages_with_tokens_and_tasks(
    sandbox: Sandbox, client: httpx.Client, made: dict[str, Any], page: str
) -> None:
    sandbox.account("facebook", "other", tasks=("ANALYZE",))
    headers = {"Authorization": f"Bearer {made['credentials']['user_token']}"}
    query = {"fields": "id,name,access_token,tasks", "limit": "1"}
    first = client.get("/me/accounts", params=query, headers=headers).json()
    query["after"] = first["paging"]["cursors"]["after"]
    second = client.get("/me/accounts", params=query, headers=headers).json()
    assert (first["data"][0]["id"], second["data"][0]["tasks"]) == (page, ["ANALYZE"])
    assert ("next" in first["paging"], "next" in second["paging"]) == (True, False)
    token = first["data"][0]["access_token"]
    assert client.get("/me", headers={"Authorization": f"Bearer {token}"}).json()["id"] == page
    assert client.get("/me/accounts").status_code == 400  # a page has none


def test_a_page_without_the_task_cannot_be_published_on(sandbox: Sandbox) -> None:
    made = sandbox.account("facebook", "other", tasks=("ANALYZE",))
    headers = {"Authorization": f"Bearer {made['credentials']['access_token']}"}
    url = f"{sandbox.url('facebook')}/v26.0/{made['external_id']}/feed"
    assert code_of(httpx.post(url, json={"message": "x"}, headers=headers)) == (403, 200, None)


# --- posts -------------------------------------------------------------------------------------------------------


def test_feed__a_post_is_made_shown_and_listed(sandbox: Sandbox, client: httpx.Client, page: str) -> None:
    body = {"message": "New menu", "link": "https://example.com", "published": True}
    answer = client.post(f"/{page}/feed", params={"fields": "id,permalink_url"}, json=body).json()
    assert answer["id"].startswith(f"{page}_")
    assert answer["permalink_url"].startswith(f"{sandbox.url('facebook')}/{page}/posts/")
    query = {"fields": "id,message,created_time,permalink_url,is_published,application", "limit": "25"}
    [listed] = client.get(f"/{page}/feed", params=query).json()["data"]
    assert (listed["message"], listed["is_published"]) == ("New menu", True)
    assert listed["created_time"].endswith("+0000")
    assert client.get(f"/{answer['id']}", params={"fields": "permalink_url"}).json() == answer
    [post] = sandbox.posts("facebook")
    assert post["text"] == "New menu"


def test_feed__takes_forms_and_queries(client: httpx.Client, page: str) -> None:
    assert client.post(f"/{page}/feed", data={"message": "form"}).json()["id"]
    assert client.post(f"/{page}/feed", params={"message": "query"}).json()["id"]


@pytest.mark.parametrize(
    ("body", "expected"),
    [
        ({}, (400, 100, None)),
        ({"message": " "}, (400, 100, None)),
        ({"message": 5}, (400, 100, None)),
        ({"message": "a" * (MAX_CHARACTERS + 1)}, (400, 100, None)),
        ({"message": "a", "mesage": "b"}, (400, 100, None)),
        ({"message": "a", "published": False}, (400, 100, None)),
        ({"message": "a", "link": "example.com"}, (400, 100, 1609005)),
        ({"message": "a", "link": "https://www.facebook.com/x"}, (400, 100, 1609008)),
        ({"message": "a", "attached_media": ["901"]}, (400, 100, None)),
        ({"message": "a", "attached_media": [{"media_fbid": "901"}]}, (400, 100, None)),
        ({"message": "a", "attached_media": [{"media_fbid": str(n)} for n in range(11)]}, (400, 100, None)),
    ],
)
def test_feed__refuses(
    sandbox: Sandbox,
    client: httpx.Client,
    page: str,
    body: dict[str, Any],
    expected: tuple[int, int, int | None],
) -> None:
    assert code_of(client.post(f"/{page}/feed", json=body)) == expected
    assert sandbox.posts("facebook") == []


def test_feed__a_body_that_cannot_be_read_is_refused(client: httpx.Client, page: str) -> None:
    for kind, content in (("application/json", b'{"mess'), ("application/json", b"[]"), ("text/plain", b"x")):
        answer = client.post(f"/{page}/feed", content=content, headers={"Content-Type": kind})
        assert code_of(answer) == (400, 100, None)


def test_feed__only_the_pages_own_token_publishes(
    sandbox: Sandbox, client: httpx.Client, made: dict[str, Any], page: str
) -> None:
    other = sandbox.account("facebook", "other")["external_id"]
    assert code_of(client.post(f"/{other}/feed", json={"message": "x"})) == (403, 200, None)
    headers = {"Authorization": f"Bearer {made['credentials']['user_token']}"}
    assert code_of(client.post(f"/{page}/feed", json={"message": "x"}, headers=headers)) == (403, 200, None)


def test_feed__the_same_post_twice_in_a_row_is_a_duplicate(
    sandbox: Sandbox, client: httpx.Client, page: str
) -> None:
    said = [client.post(f"/{page}/feed", json={"message": text}) for text in ("a", "a", "b", "a")]
    assert [answer.status_code for answer in said] == [200, 400, 200, 200]
    assert code_of(said[1]) == (400, 506, None)
    sandbox.settings("facebook", refuses_duplicates=False)
    assert client.post(f"/{page}/feed", json={"message": "a"}).status_code == 200


def test_feed__is_paged_by_cursors(client: httpx.Client, page: str) -> None:
    for number in range(5):
        client.post(f"/{page}/feed", json={"message": str(number)})
    seen: list[str] = []
    after = ""
    while data := (found := client.get(f"/{page}/feed", params={"limit": "2", "after": after}).json())[
        "data"
    ]:
        seen += [post["message"] for post in data]
        after = found["paging"]["cursors"]["after"]
    assert seen == ["4", "3", "2", "1", "0"]
    for query in ({"limit": "101"}, {"limit": "x"}, {"after": "x"}):
        assert client.get(f"/{page}/feed", params=query).status_code == 400


# --- photos ------------------------------------------------------------------------------------------------------


def attach(client: httpx.Client, page: str, *ids: str) -> httpx.Response:
    attached = [{"media_fbid": photo_id} for photo_id in ids]
    return client.post(f"/{page}/feed", json={"message": "photos", "attached_media": attached})


def test_photos__are_invisible_until_a_post_has_them(
    sandbox: Sandbox, client: httpx.Client, page: str
) -> None:
    ids = [photo(client, page, data, alt_text_custom="a cat").json()["id"] for data in (PNG, GIF)]
    by_url = {"url": f"{sandbox.media_url}/cat.png", "published": "false"}
    ids.append(client.post(f"/{page}/photos", data=by_url).json()["id"])
    assert client.get(f"/{page}/feed").json()["data"] == []
    assert attach(client, page, *ids).status_code == 200
    [post] = sandbox.posts("facebook")
    assert post["media"] == ids
    assert code_of(attach(client, page, ids[0])) == (400, 1, 1366051)


@pytest.mark.parametrize("data", [MP4, b"text", PNG + bytes(4_000_000)])
def test_photos__must_be_pictures_of_a_size(client: httpx.Client, page: str, data: bytes) -> None:
    assert code_of(photo(client, page, data)) == (400, 1, 1366046)


def test_photos__refuse_what_is_not_documented(sandbox: Sandbox, client: httpx.Client, page: str) -> None:
    assert code_of(photo(client, page, published="true")) == (400, 100, None)
    assert code_of(photo(client, page, message="x")) == (400, 100, None)
    for url in ("", "https://scontent.fbcdn.net/a.jpg", f"{sandbox.media_url}/none.png"):
        form = {"url": url, "published": "false"}
        assert code_of(client.post(f"/{page}/photos", data=form)) == (400, 100, None)


def test_photos__live_a_day(sandbox: Sandbox, page: str) -> None:
    headers = {"Authorization": "Bearer sandbox-cafe"}
    with httpx.Client(base_url=f"{sandbox.url('facebook')}/v26.0", headers=headers) as client:
        old = photo(client, page).json()["id"]
        assert client.get(f"/{old}").json() == {"id": old}
        sandbox.advance(86_401)
        assert code_of(client.get(f"/{old}")) == (400, 100, 33)
        assert code_of(attach(client, page, old)) == (400, 100, None)


def test_photos__of_another_page_cannot_be_attached(
    sandbox: Sandbox, client: httpx.Client, page: str
) -> None:
    other = sandbox.account("facebook", "other")["external_id"]
    answer = photo(client, page, PNG).json()["id"]
    headers = {"Authorization": "Bearer sandbox-other"}
    body = {"message": "x", "attached_media": [{"media_fbid": answer}]}
    assert code_of(client.post(f"/{other}/feed", json=body, headers=headers)) == (400, 100, None)


# --- videos ------------------------------------------------------------------------------------------------------


def test_video__is_fetched_and_processed(sandbox: Sandbox, client: httpx.Client, page: str) -> None:
    body = {"file_url": f"{sandbox.media_url}/cat.mp4", "description": "moving"}
    video = client.post(f"/{page}/videos", json=body).json()["id"]
    assert [state_of(client, video)[:2] for _ in range(2)] == [
        ("processing", "draft"),
        ("ready", "published"),
    ]
    assert client.get(f"/{page}/feed").json()["data"] == []
    [post] = sandbox.posts("facebook")
    assert (post["id"], post["text"]) == (video, "moving")


def test_video__that_cannot_be_processed_never_shows(
    sandbox: Sandbox, client: httpx.Client, page: str
) -> None:
    video = client.post(f"/{page}/videos", json={"file_url": f"{sandbox.media_url}/bad.mp4"}).json()["id"]
    assert [state_of(client, video)[0] for _ in range(2)] == ["processing", "error"]
    assert sandbox.posts("facebook") == []


@pytest.mark.parametrize("body", [{}, {"file_url": "x"}, {"file_url": "/cat.png"}, {"title": "x"}])
def test_video__refuses(sandbox: Sandbox, client: httpx.Client, page: str, body: dict[str, str]) -> None:
    if body.get("file_url", "").startswith("/"):
        body = {"file_url": f"{sandbox.media_url}{body['file_url']}"}
    assert code_of(client.post(f"/{page}/videos", json=body)) == (400, 100, None)


def test_reel__is_published_in_three_phases(sandbox: Sandbox, client: httpx.Client, page: str) -> None:
    begun = start(client, page)
    video = begun["video_id"]
    assert begun["upload_url"].endswith(f"/video-upload/v26.0/{video}")
    assert state_of(client, video) == ("uploading", "draft", 0)
    assert send_bytes(client, begun["upload_url"]).json() == {"success": True}
    assert state_of(client, video) == ("upload_complete", "draft", len(MP4))
    assert sandbox.posts("facebook") == []
    assert finish(client, page, video, description="look").json() == {"success": True}
    assert [state_of(client, video)[:2] for _ in range(2)] == [
        ("processing", "draft"),
        ("ready", "published"),
    ]
    assert client.get(f"/{page}/feed").json()["data"] == []
    [listed] = client.get(f"/{page}/video_reels", params={"fields": "id,description"}).json()["data"]
    assert listed == {"id": video, "description": "look"}


def test_reel__its_bytes_go_on_where_they_broke_off(client: httpx.Client, page: str) -> None:
    begun, size = start(client, page), str(len(MP4))
    address, video = begun["upload_url"], begun["video_id"]
    assert send_bytes(client, address, MP4[:20], file_size=size).status_code == 200
    assert state_of(client, video) == ("uploading", "draft", 20)
    wrong = send_bytes(client, address, MP4[30:], offset="30", file_size=size)
    assert (wrong.status_code, wrong.json()["debug_info"]["retriable"]) == (400, True)
    assert send_bytes(client, address, MP4[20:], offset="20", file_size=size).status_code == 200
    assert state_of(client, video) == ("upload_complete", "draft", len(MP4))


@pytest.mark.parametrize(
    ("data", "headers"),
    [
        (MP4, {"authorization": "Bearer sandbox-cafe"}),
        (MP4, {"authorization": "OAuth sandbox-other"}),
        (MP4, {"offset": ""}),
        (MP4, {"file_size": "x"}),
        (MP4, {"file_size": "10"}),
        (b"", {"file_size": "10"}),
        (PNG, {}),
    ],
)
def test_reel__refuses_bytes(client: httpx.Client, page: str, data: bytes, headers: dict[str, str]) -> None:
    answer = send_bytes(client, start(client, page)["upload_url"], data, **headers)
    assert answer.status_code == 400
    assert answer.json()["debug_info"]["retriable"] is False


def test_reel__may_be_fetched(sandbox: Sandbox, client: httpx.Client, page: str) -> None:
    begun = start(client, page)
    token = client.headers["authorization"].removeprefix("Bearer ")
    headers = {"authorization": f"OAuth {token}", "file_url": f"{sandbox.media_url}/cat.mp4"}
    assert client.post(begun["upload_url"], headers=headers).json() == {"success": True}
    assert state_of(client, begun["video_id"])[0] == "upload_complete"


def test_reel__refuses_phases_out_of_order(sandbox: Sandbox, client: httpx.Client, page: str) -> None:
    begun = start(client, page)
    video = begun["video_id"]
    assert code_of(finish(client, page, video)) == (400, 100, None)
    send_bytes(client, begun["upload_url"])
    assert send_bytes(client, begun["upload_url"]).status_code == 400
    assert code_of(finish(client, page, "1")) == (400, 100, 33)
    assert code_of(finish(client, page, video, video_state="DRAFT")) == (400, 100, None)
    assert code_of(finish(client, page, video, title="x")) == (400, 100, None)
    assert code_of(client.post(f"/{page}/video_reels", json={"upload_phase": "end"})) == (400, 100, None)
    assert code_of(client.post(f"/{page}/video_reels", json={"upload_phase": "start", "x": 1})) == (
        400,
        100,
        None,
    )
    assert finish(client, page, video).status_code == 200
    assert code_of(finish(client, page, video)) == (400, 100, None)
    assert len(sandbox.posts("facebook")) == 1


def test_reel__unfinished_it_expires(sandbox: Sandbox) -> None:
    account = sandbox.account("facebook", "other")
    headers = {"Authorization": "Bearer sandbox-other"}
    with httpx.Client(base_url=f"{sandbox.url('facebook')}/v26.0", headers=headers) as client:
        begun = start(client, account["external_id"])
        sandbox.advance(86_401)
        assert state_of(client, begun["video_id"])[0] == "expired"
        assert send_bytes(client, begun["upload_url"]).status_code == 400


def test_reel__thirty_a_day(sandbox: Sandbox, client: httpx.Client, page: str) -> None:
    answers = []
    for _ in range(31):
        begun = start(client, page)
        send_bytes(client, begun["upload_url"])
        answers.append(finish(client, page, begun["video_id"]))
    assert [answer.status_code for answer in answers] == [200] * 30 + [400]
    assert code_of(answers[-1]) == (400, 32, None)
    assert len(sandbox.posts("facebook")) == 30


# --- consent -----------------------------------------------------------------------------------------------------


def consent(client: httpx.Client, **changes: str) -> httpx.Response:
    query = {
        "client_id": CLIENT_ID,
        "redirect_uri": "http://127.0.0.1:1/",
        "response_type": "code",
        "state": "s",
        "scope": "pages_show_list,pages_manage_posts",
        **changes,
    }
    return client.get("/dialog/oauth", params=query, headers={"Authorization": ""})


def test_consent__a_code_becomes_a_short_lived_user_token_once(client: httpx.Client) -> None:
    code = httpx.URL(consent(client).headers["location"]).params["code"]
    form = {"grant_type": "authorization_code", **APP, "redirect_uri": "http://127.0.0.1:1/", "code": code}
    answer = client.post("/oauth/access_token", data=form).json()
    assert answer["expires_in"] == pytest.approx(3600, abs=2)
    headers = {"Authorization": f"Bearer {answer['access_token']}"}
    assert client.get("/me", headers=headers, params={"fields": "id,name"}).json()["name"] == "A Person"
    assert code_of(client.post("/oauth/access_token", data=form)) == (400, 100, None)


def test_consent__refuses_unknown_scopes(client: httpx.Client) -> None:
    assert "error=invalid_scope" in consent(client, scope="publish_actions").headers["location"]


COUNTED = "shares,comments.limit(0).summary(total_count),reactions.limit(0).summary(total_count)"


def test_counts__grow_with_the_post_and_shares_are_left_out_at_zero(
    sandbox: Sandbox, client: httpx.Client, page: str
) -> None:
    undated = sandbox.account("facebook", "cafe")["credentials"]["access_token"]
    client.headers["Authorization"] = f"Bearer {undated}"
    post = client.post(f"/{page}/feed", json={"message": "Hello"}).json()["id"]

    def read() -> tuple[int, int]:
        node = client.get(f"/{post}", params={"fields": COUNTED}).json()
        [views] = client.get(f"/{post}/insights", params={"metric": "post_media_view"}).json()["data"]
        assert ("shares" in node) is bool(sandbox.clock.ahead_seconds)
        return node["reactions"]["summary"]["total_count"], views["values"][0]["value"]

    assert read() == (0, 0)
    sandbox.advance(30 * 86_400)
    likes, views = read()
    assert 0 < likes < views
    sandbox.settings("facebook", counts_hidden=True)
    assert client.get(f"/{post}", params={"fields": COUNTED}).json() == {"id": post}
    assert client.get(f"/{post}/insights", params={"metric": "post_media_view"}).json() == {"data": []}


def test_insights__one_unknown_metric_fails_them_all(client: httpx.Client, page: str) -> None:
    post = client.post(f"/{page}/feed", json={"message": "Hello"}).json()["id"]
    for metric in ("post_media_view,post_impressions", "post_impressions", ""):
        answer = client.get(f"/{post}/insights", params={"metric": metric})
        assert (answer.status_code, answer.json()["error"]["code"]) == (400, 100)
    for post_id in (f"{post}0", page):
        answer = client.get(f"/{post_id}/insights", params={"metric": "post_media_view"})
        assert answer.json()["error"]["error_subcode"] == 33


def test_insights__need_the_task_and_the_permission(sandbox: Sandbox) -> None:
    for options in ({"tasks": ["CREATE_CONTENT"]}, {"scopes": "pages_manage_posts"}):
        made = sandbox.account("facebook", "shop", **options)
        headers = {"Authorization": f"Bearer {made['credentials']['access_token']}"}
        with httpx.Client(base_url=f"{sandbox.url('facebook')}/v26.0", headers=headers) as client:
            post = client.post(f"/{made['external_id']}/feed", json={"message": str(options)}).json()["id"]
            answer = client.get(f"/{post}/insights", params={"metric": "post_media_view"})
            assert answer.json()["error"]["code"] == 200


def test_insights__of_a_video_are_apart(sandbox: Sandbox, client: httpx.Client, page: str) -> None:
    video = client.post(f"/{page}/videos", json={"file_url": f"{sandbox.media_url}/cat.mp4"}).json()["id"]
    assert client.get(f"/{video}/video_insights").json()["data"][0]["values"] == [{"value": 0}]
    assert client.get(f"/{video}/insights", params={"metric": "post_media_view"}).status_code == 400


def test_delete_post__cannot_be_told_from_one_that_may_not_be_seen(
    sandbox: Sandbox, client: httpx.Client, page: str
) -> None:
    post = client.post(f"/{page}/feed", json={"message": "Hello"}).json()["id"]
    video = client.post(f"/{page}/videos", json={"file_url": f"{sandbox.media_url}/cat.mp4"}).json()["id"]
    for post_id in (post, video):
        sandbox.delete_post("facebook", post_id)
        error = client.get(f"/{post_id}").json()["error"]
        assert (error["code"], error["error_subcode"]) == (100, 33)
