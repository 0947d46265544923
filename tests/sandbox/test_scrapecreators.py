"""The judge of profile monitoring is judged: documented shapes, pages, credits, regions and what can go wrong."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import httpx
import pytest

from socialcron.sandbox import Sandbox

HEADERS = {"x-api-key": "sandbox-key"}
Get = Callable[..., httpx.Response]
LISTS = {
    "tiktok": ("/v3/tiktok/profile/videos", "aweme_list", "max_cursor"),
    "instagram": ("/v2/instagram/user/posts", "items", "next_max_id"),
    "youtube": ("/v1/youtube/channel-videos", "videos", "continuationToken"),
}


@pytest.fixture
def get(sandbox: Sandbox) -> Get:
    def get(path: str, *, headers: dict[str, str] = HEADERS, **params: str) -> httpx.Response:
        return httpx.get(sandbox.url("scrapecreators") + path, params=params, headers=headers)

    return get


def everything(get: Get, platform: str, handle: str = "ana") -> list[list[dict[str, Any]]]:
    path, items, cursor = LISTS[platform]
    pages, params = [], {"handle": handle}
    for _ in range(50):
        body = get(path, **params).json()
        pages.append(body[items])
        if cursor not in body:
            return pages
        params[cursor] = str(body[cursor])
    raise AssertionError("no end")


@pytest.mark.parametrize("platform", LISTS)
def test_pages__hold_every_post_once_newest_first(sandbox: Sandbox, get: Get, platform: str) -> None:
    sandbox.account("scrapecreators", "ana", on=platform, posts=45)
    pages = everything(get, platform)
    assert [len(page) for page in pages] == [20, 20, 5]
    ids = [item.get("aweme_id") or item["id"] for page in pages for item in page]
    assert (len(set(ids)), ids) == (45, sorted(ids, reverse=True))


def test_x__lists_a_hundred_on_one_page(sandbox: Sandbox, get: Get) -> None:
    sandbox.account("scrapecreators", "ana", on="x", posts=300)
    body = get("/v1/twitter/user-tweets", handle="ana").json()
    assert len(body["tweets"]) == 100
    assert body["tweets"][0]["views"]["count"].isdigit()


def test_numbers__grow_with_the_clock_and_posts_are_added(sandbox: Sandbox, get: Get) -> None:
    sandbox.account("scrapecreators", "ana", posts=5, hours=12)
    before = everything(get, "tiktok")[0]
    assert everything(get, "tiktok")[0] == before
    sandbox.advance(24 * 3600)
    after = everything(get, "tiktok")[0]
    assert len(after) == 7
    assert after[2]["statistics"]["play_count"] > before[0]["statistics"]["play_count"]
    sandbox.settings("scrapecreators", counted_at=sandbox.clock.now() - 24 * 3600)
    assert everything(get, "tiktok")[0] == before


def test_credits__are_spent_until_there_are_none(sandbox: Sandbox, get: Get) -> None:
    sandbox.account("scrapecreators", "ana")
    sandbox.settings("scrapecreators", credits=2)
    path = LISTS["tiktok"][0]
    assert [get(path, handle=name).status_code for name in ("ana", "nobody", "ana")] == [200, 404, 402]
    assert get("/v1/credit-balance").json() == {"creditCount": 0}


def test_requests__need_a_key_and_a_handle(sandbox: Sandbox, get: Get) -> None:
    sandbox.account("scrapecreators", "ana")
    path = LISTS["tiktok"][0]
    assert get(path, handle="ana", headers={}).status_code == 401
    assert get(path).status_code == 400
    assert get(path, handle="@ana").status_code == 400
    assert get(path, handle="ANA").status_code == 200
    assert get(path, handle="ana", region="Atlantis").status_code == 400
    assert get(path, handle="ana", max_cursor="yesterday").status_code == 400


def test_profiles__can_be_private_hidden_or_broken(sandbox: Sandbox, get: Get) -> None:
    path = LISTS["tiktok"][0]
    sandbox.account("scrapecreators", "private", private=True)
    sandbox.account("scrapecreators", "abroad", lists_from="GB")
    sandbox.account("scrapecreators", "broken", error="Something went wrong")
    assert get(path, handle="private").json()["aweme_list"] == []
    assert get("/v1/tiktok/profile", handle="private").json()["user"]["privateAccount"] is True
    assert get(path, handle="abroad").json()["aweme_list"] == []
    assert len(get(path, handle="abroad", region="GB").json()["aweme_list"]) == 20
    assert get(path, handle="broken").json() == {"success": False, "error": "Something went wrong"}


def test_lists__can_repeat_a_cursor_announce_an_empty_page_or_leave_counts_out(
    sandbox: Sandbox, get: Get
) -> None:
    path = LISTS["tiktok"][0]
    sandbox.account("scrapecreators", "loops", posts=99, repeats_after=2)
    second = get(path, handle="loops").json()["max_cursor"]
    assert get(path, handle="loops", max_cursor=str(second)).json()["max_cursor"] == second
    sandbox.account("scrapecreators", "empties", posts=99, empties_after=1, has_more=True)
    begin = get(path, handle="empties").json()
    assert (len(begin["aweme_list"]), begin["has_more"]) == (20, 1)
    follows = get(path, handle="empties", max_cursor=str(begin["max_cursor"])).json()
    assert (follows["aweme_list"], follows["has_more"]) == ([], 1)
    sandbox.account("scrapecreators", "odd", strings=True, leaves_out="saves")
    counts = get(path, handle="odd").json()["aweme_list"][0]["statistics"]
    assert isinstance(counts["play_count"], str)
    assert "collect_count" not in counts


def test_shorts__are_a_list_of_their_own(sandbox: Sandbox, get: Get) -> None:
    sandbox.account("scrapecreators", "ana", on="youtube", posts=25, shorts=10)
    assert sum(map(len, everything(get, "youtube"))) == 15
    assert len(get("/v1/youtube/channel/shorts", handle="ana").json()["shorts"]) == 10
