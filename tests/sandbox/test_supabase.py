"""The documented answers: https://docs.postgrest.org/en/stable/references/"""

from __future__ import annotations

import uuid
from collections.abc import Iterator
from typing import Any

import httpx
import pytest

from socialcron.sandbox import Sandbox

ONCE = "return=representation, resolution=ignore-duplicates"


def headers(key: str) -> dict[str, str]:
    return {"apikey": key} | ({} if key.startswith("sb_secret_") else {"Authorization": f"Bearer {key}"})


@pytest.fixture
def client(sandbox: Sandbox) -> Iterator[httpx.Client]:
    made = sandbox.account("supabase", "blog")
    with httpx.Client(
        base_url=f"{made['base_url']}/rest/v1", headers=headers(made["credentials"]["key"])
    ) as client:
        yield client


def insert(
    client: httpx.Client,
    row: Any = None,
    *,
    prefer: str = ONCE,
    query: str = "on_conflict=external_key&select=id,external_key",
    table: str = "content_posts",
    **columns: Any,
) -> httpx.Response:
    row = {"platform": "blog", "body": "Hello", **columns} if row is None else row
    return client.post(f"/{table}?{query}", json=row, headers={"Prefer": prefer})


def refused(answer: httpx.Response) -> tuple[int, str]:
    return answer.status_code, answer.json()["code"]


# --- writing -----------------------------------------------------------------------------------------------


def test_row__is_inserted_and_shown(sandbox: Sandbox, client: httpx.Client) -> None:
    answer = insert(client, external_key="a", media=["u"], scheduled_at="2026-01-02T03:04:05Z")
    (row,) = answer.json()
    assert (answer.status_code, row["external_key"]) == (201, "a")
    assert row["id"] > 2**53
    assert answer.headers["Preference-Applied"] == ONCE
    (post,) = sandbox.posts("supabase")
    assert (post["id"], post["account"], post["text"]) == (str(row["id"]), "blog", "Hello")
    assert (post["media"], post["key"]) == (["u"], "a")


def test_row__with_a_key_that_is_there_is_passed_over_with_201(
    sandbox: Sandbox, client: httpx.Client
) -> None:
    insert(client, external_key="a")
    answer = insert(client, external_key="a", body="Another")
    assert (answer.status_code, answer.json()) == (201, [])
    assert [post["text"] for post in sandbox.posts("supabase")] == ["Hello"]


def test_row__another_unique_column_is_a_conflict(sandbox: Sandbox, client: httpx.Client) -> None:
    insert(client, external_key="a", slug="s")
    assert refused(insert(client, external_key="b", slug="s")) == (409, "23505")
    assert refused(insert(client, external_key="a", prefer="return=representation")) == (409, "23505")
    assert refused(insert(client, external_key="a", query="select=id")) == (409, "23505")
    assert len(sandbox.posts("supabase")) == 1


def test_row__with_a_uuid_of_our_own_is_inserted_once(sandbox: Sandbox, client: httpx.Client) -> None:
    row = {"id": str(uuid.uuid4()), "platform": "blog", "body": "Hello"}
    first = insert(client, row, table="uuid_posts", query="select=id")
    again = insert(client, row, table="uuid_posts", query="select=id")
    assert (first.json(), again.json()) == ([{"id": row["id"]}], [])
    assert refused(insert(client, {**row, "id": "7"}, table="uuid_posts", query="select=id")) == (
        400,
        "22P02",
    )
    assert len(sandbox.posts("supabase")) == 1


@pytest.mark.parametrize(
    ("parts", "status", "code"),
    [
        ({"bodi": "x"}, 400, "PGRST204"),
        ({"platform": None}, 400, "23502"),
        ({"scheduled_at": "tomorrow"}, 400, "22P02"),
        ({"title": "x" * 201}, 400, "22001"),
        ({"id": "x"}, 400, "22P02"),
        ({"table": "posts"}, 404, "PGRST205"),
        ({"query": "on_conflict=body"}, 400, "42P10"),
        ({"query": "select=nothing"}, 400, "42703"),
        ({"query": "conflict=body"}, 400, "PGRST100"),
        ({"prefer": "resolution=ignore"}, 400, "PGRST122"),
        ({"row": "text"}, 400, "PGRST102"),
        ({"row": [{"platform": "blog"}]}, 400, "PGRST102"),
    ],
)
def test_row__is_refused(
    sandbox: Sandbox, client: httpx.Client, parts: dict[str, Any], status: int, code: str
) -> None:
    assert refused(insert(client, **parts)) == (status, code)
    assert sandbox.posts("supabase") == []


def test_row__in_no_form_it_knows_is_refused(client: httpx.Client) -> None:
    assert refused(
        client.post("/content_posts", content=b"{", headers={"Content-Type": "application/json"})
    ) == (
        400,
        "PGRST102",
    )
    assert refused(client.post("/content_posts", data={"body": "a"})) == (415, "PGRST107")
    assert insert(client, body="x" * 2**20).status_code == 413


def test_row__is_returned_as_preferred(client: httpx.Client) -> None:
    minimal = insert(client, prefer="return=minimal", query="")
    assert (minimal.status_code, minimal.content) == (201, b"")
    located = insert(client, prefer="return=headers-only", query="")
    assert located.headers["Location"].startswith("/content_posts?id=eq.")


def test_counts__grow_and_hide(sandbox: Sandbox, client: httpx.Client) -> None:
    ids = [insert(client, external_key=key).json()[0]["id"] for key in "ab"]

    def views(query: str) -> list[Any]:
        return [row["views"] for row in client.get(f"/content_posts?select=views&{query}").json()]

    both = f'id=in.({ids[0]},"{ids[1]}")'
    assert views(both) == [0, 0]
    sandbox.advance(3600)
    assert all(count > 0 for count in views(both))
    sandbox.delete_post("supabase", str(ids[1]))
    assert len(views(both)) == 1
    sandbox.settings("supabase", counts_hidden=True)
    assert views(both) == [None]
    assert refused(client.get("/content_posts?id=in.(1")) == (400, "PGRST100")


def test_schema__is_the_public_one(client: httpx.Client) -> None:
    row = {"platform": "blog"}
    assert client.post("/content_posts", json=row, headers={"Content-Profile": "public"}).status_code == 201
    answer = client.post("/content_posts", json=row, headers={"Content-Profile": "blog"})
    assert refused(answer) == (406, "PGRST106")


# --- reading -----------------------------------------------------------------------------------------------


def test_read__filters_and_counts(client: httpx.Client) -> None:
    for key in ("a", "b,c", "d"):
        insert(client, external_key=key)
    answer = client.get(
        "/content_posts",
        params={"external_key": "eq.b,c", "select": "external_key,body"},
        headers={"Prefer": "count=exact"},
    )
    assert answer.json() == [{"external_key": "b,c", "body": "Hello"}]
    assert answer.headers["Content-Range"] == "0-0/1"
    none = client.get("/content_posts?external_key=eq.z", headers={"Prefer": "count=exact"})
    assert (none.json(), none.headers["Content-Range"]) == ([], "*/0")
    assert client.get("/content_posts?limit=2").headers["Content-Range"] == "0-1/*"


@pytest.mark.parametrize(
    ("query", "code"),
    [
        ("key=eq.a", "42703"),
        ("select=key", "42703"),
        ("external_key=a", "PGRST100"),
        ("id=eq.x", "22P02"),
        ("limit=x", "PGRST100"),
    ],
)
def test_read__is_refused(client: httpx.Client, query: str, code: str) -> None:
    assert refused(client.get(f"/content_posts?{query}")) == (400, code)


# --- who asks ----------------------------------------------------------------------------------------------


def test_key__is_needed_and_known(sandbox: Sandbox) -> None:
    url = f"{sandbox.url('supabase')}/rest/v1/content_posts"
    assert httpx.get(url).json() == {"message": "No API key found in request"}
    answer = httpx.get(url, headers=headers("eyJ.a.b"))
    assert (answer.status_code, answer.json()) == (401, {"message": "Invalid API key"})


def test_key__of_each_kind_has_its_headers(sandbox: Sandbox) -> None:
    url = f"{sandbox.url('supabase')}/rest/v1/content_posts"
    legacy = sandbox.account("supabase", "blog")["credentials"]["key"]
    secret = sandbox.account("supabase", "blog", secret=True)["credentials"]["key"]
    assert legacy.startswith("eyJ")
    for key in (legacy, secret, "sandbox-news"):
        assert httpx.get(url, headers=headers(key)).status_code == 200
    alone, both = {"apikey": legacy}, {"apikey": secret, "Authorization": f"Bearer {secret}"}
    browser = {"apikey": secret, "User-Agent": "Mozilla/5.0"}
    assert refused(httpx.get(url, headers=alone)) == (401, "42501")
    assert refused(httpx.get(url, headers=both)) == (401, "PGRST301")
    assert httpx.get(url, headers=browser).status_code == 401


def test_key__of_a_role_that_may_not_insert(sandbox: Sandbox) -> None:
    made = sandbox.account("supabase", "blog", may_insert=False)
    key = made["credentials"]["key"]
    with httpx.Client(base_url=f"{made['base_url']}/rest/v1", headers=headers(key)) as client:
        assert refused(insert(client)) == (403, "42501")


def test_feeds__are_accounts(sandbox: Sandbox, client: httpx.Client) -> None:
    for number in range(50):
        insert(client, platform=f"feed {number}", external_key=str(number))
    assert len(sandbox.posts("supabase", "feed 49")) == 1
    assert len(sandbox.posts("supabase")) == 50


# --- switches and faults -----------------------------------------------------------------------------------


def test_switches__make_an_odd_server(sandbox: Sandbox, client: httpx.Client) -> None:
    insert(client, external_key="a")
    sandbox.settings("supabase", shows_rows=False)
    assert client.get("/content_posts").json() == []
    sandbox.settings("supabase", keeps_preferences=False)
    assert refused(insert(client, external_key="a")) == (409, "23505")
    assert insert(client, external_key="b").headers["Preference-Applied"] == "return=representation"


def test_faults__come_from_the_gateway(sandbox: Sandbox, client: httpx.Client) -> None:
    sandbox.fault("429", platform="supabase", count=1, retry_after=9)
    answer = insert(client)
    assert (answer.status_code, answer.headers["Retry-After"]) == (429, "9")
    sandbox.fault("5xx", platform="supabase", visible_only=True, count=1)
    assert insert(client).headers["content-type"] == "text/html"
    sandbox.fault("expired_token", platform="supabase", count=1)
    assert refused(insert(client)) == (401, "PGRST303")
    sandbox.fault("accept_then_drop", platform="supabase", visible_only=True, count=1)
    with pytest.raises(httpx.RemoteProtocolError):
        insert(client, external_key="a")
    assert insert(client, external_key="a").json() == []
    assert len(sandbox.posts("supabase")) == 1
