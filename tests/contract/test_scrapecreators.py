"""ScrapeCreators by its documents: what is asked, what is made of each answer, and of each error.

Recordings are shortened examples of docs.scrapecreators.com (v3/tiktok/profile/videos, v2/instagram/user/posts,
v1/youtube/channel-videos, v1/youtube/channel/shorts, v1/twitter/user-tweets, v1/tiktok/profile), 2026-04.
"""

from __future__ import annotations

import json
from collections.abc import Callable, Mapping
from datetime import UTC, datetime
from typing import Any

import httpx
import pytest

from socialcron.errors import (
    AuthExpired,
    PlatformError,
    PlatformFailure,
    RateLimited,
    Rejected,
    Unavailable,
)
from socialcron.model import ProfilePage, ProfilePost
from socialcron.platforms import scrapecreators
from socialcron.platforms.http import Http

KEY = "sc-secret-key"
VIDEO: dict[str, Any] = {
    "aweme_id": "7517114944362499342",
    "desc": "You can say whatever you want",
    "create_time": 1750214725,
    "url": "https://www.tiktok.com/@me/video/7517114944362499342",
    "statistics": {
        "play_count": 559925,
        "digg_count": 59605,
        "comment_count": 587,
        "share_count": 3424,
        "collect_count": 1565,
    },
    "author": {"uid": "6659752019493208069", "unique_id": "Me"},
    "video": {
        "cover": {"url_list": ["https://p19.example/small.heic"]},
        "origin_cover": {"url_list": ["https://p16.example/large.heic"]},
    },
}
TWEET: dict[str, Any] = {
    "rest_id": "1834021269559501236",
    "views": {"count": "4710824", "state": "EnabledWithCount"},
    "legacy": {
        "bookmark_count": 2634,
        "created_at": "Thu Sep 12 00:08:39 +0000 2024",
        "favorite_count": 129276,
        "full_text": "Wife: ...",
        "quote_count": 674,
        "reply_count": 388,
        "retweet_count": 2901,
        "user_id_str": "221838349",
    },
}
MEDIUM: dict[str, Any] = {
    "id": "3644028144127958689_59042353222",
    "code": "DKSMEpKRd6h",
    "taken_at": 1748622051,
    "caption": {"text": "5 best plays"},
    "ig_play_count": 2643,
    "comment_count": 7,
    "like_count": 29,
    "display_uri": "https://scontent.example/small.jpg",
    "image_versions2": {"candidates": [{"url": "https://scontent.example/large.jpg"}]},
}


class Wire:
    """Answers with `answer`, and keeps what was asked."""

    def __init__(
        self, answer: Any = None, status: int = 200, headers: Mapping[str, str] | None = None
    ) -> None:
        self.asked: list[httpx.Request] = []
        text = answer if isinstance(answer, str) else json.dumps(answer)
        self.reply: Callable[[httpx.Request], httpx.Response] = lambda request: httpx.Response(
            status, text=text, headers=headers
        )

    def __call__(self, request: httpx.Request) -> httpx.Response:
        self.asked.append(request)
        return self.reply(request)

    def page(self, platform: str = "tiktok", **options: Any) -> ProfilePage:
        return scrapecreators.read_page(self.session(), platform, "me", **options)

    def session(self) -> Any:
        http = Http(transport=httpx.MockTransport(self))
        return scrapecreators.connect(KEY, http, where="tiktok profile 'me' (id 1)")

    @property
    def params(self) -> dict[str, str]:
        return dict(self.asked[-1].url.params)


def test_tiktok__asks_for_the_latest_trimmed_with_the_key_in_a_header() -> None:
    wire = Wire({"aweme_list": [VIDEO], "max_cursor": 1748286476000})
    page = wire.page()
    (request,) = wire.asked
    assert (request.method, str(request.url).partition("?")[0]) == (
        "GET",
        "https://api.scrapecreators.com/v3/tiktok/profile/videos",
    )
    assert (request.headers["x-api-key"], KEY in str(request.url)) == (KEY, False)
    assert wire.params == {"handle": "me", "sort_by": "latest", "trim": "true"}
    assert page == ProfilePage(
        posts=(
            ProfilePost(
                remote_id="7517114944362499342",
                url="https://www.tiktok.com/@me/video/7517114944362499342",
                caption="You can say whatever you want",
                published_at=datetime(2025, 6, 18, 2, 45, 25, tzinfo=UTC),
                cover_url="https://p16.example/large.heic",
                thumbnail_url="https://p19.example/small.heic",
                views=559925,
                likes=59605,
                shares=3424,
                comments=587,
                saves=1565,
            ),
        ),
        cursor="0:1748286476000",
        external_id="6659752019493208069",
    )


def test_tiktok__goes_on_from_a_cursor_by_id_and_from_another_region() -> None:
    wire = Wire({"aweme_list": [VIDEO]})
    page = wire.page(cursor="0:1748286476000", region="GB", external_id="665")
    assert wire.params == {
        "handle": "me",
        "sort_by": "latest",
        "trim": "true",
        "max_cursor": "1748286476000",
        "region": "GB",
        "user_id": "665",
    }
    assert (page.cursor, page.cut_short) == (None, None)


def test_tiktok__the_owner_is_not_taken_from_somebody_elses_post() -> None:
    stranger = {**VIDEO, "author": {"uid": "1", "unique_id": "stranger"}}
    assert Wire({"aweme_list": [stranger]}).page().external_id is None
    assert Wire({"aweme_list": [stranger, VIDEO]}).page().external_id == "6659752019493208069"


def test_instagram__is_read() -> None:
    wire = Wire({"items": [MEDIUM], "next_max_id": "36_59", "more_available": True, "user": {"pk": "59042"}})
    page = wire.page("instagram")
    assert (wire.asked[0].url.path, wire.params) == (
        "/v2/instagram/user/posts",
        {"handle": "me", "trim": "true"},
    )
    assert (page.cursor, page.external_id) == ("0:36_59", "59042")
    (post,) = page.posts
    assert (post.remote_id, post.url) == (MEDIUM["id"], "https://www.instagram.com/p/DKSMEpKRd6h/")
    assert (post.views, post.likes, post.comments, post.shares, post.saves) == (2643, 29, 7, None, None)
    assert (post.cover_url, post.thumbnail_url) == (
        "https://scontent.example/large.jpg",
        "https://scontent.example/small.jpg",
    )


def test_youtube__videos_are_followed_by_shorts() -> None:
    video = {
        "id": "5EWaxmWgQMI",
        "title": "Russell Wilson",
        "thumbnail": "https://i.ytimg.com/vi/5EWaxmWgQMI/hqdefault.jpg",
        "viewCountInt": 110447,
        "likeCountInt": 12,
        "publishedTime": "2025-01-23T22:48:53.914Z",
    }
    wire = Wire({"videos": [video], "continuationToken": "4qm"})
    page = wire.page("youtube")
    assert wire.params == {"handle": "me", "sort": "latest", "includeExtras": "true"}
    assert (page.cursor, page.posts[0].views, page.posts[0].comments) == ("0:4qm", 110447, None)
    assert page.posts[0].published_at == datetime(2025, 1, 23, 22, 48, 53, 914000, tzinfo=UTC)
    wire = Wire({"videos": [video]})
    assert wire.page("youtube", cursor="0:4qm").cursor == "1:"
    assert wire.params["continuationToken"] == "4qm"
    wire = Wire({"success": True, "videos": [], "shorts": [{"id": "Rdr8357wIRA", "viewCountInt": 8035}]})
    page = wire.page("youtube", cursor="1:")
    assert (wire.asked[0].url.path, wire.params) == (
        "/v1/youtube/channel/shorts",
        {"handle": "me", "sort": "newest"},
    )
    assert (page.posts[0].remote_id, page.posts[0].views, page.cursor) == ("Rdr8357wIRA", 8035, None)


def test_x__has_one_page_of_popular_posts() -> None:
    wire = Wire({"tweets": [TWEET]})
    page = wire.page("x")
    assert (wire.asked[0].url.path, wire.params) == (
        "/v1/twitter/user-tweets",
        {"handle": "me", "trim": "true"},
    )
    (post,) = page.posts
    assert (post.views, post.likes, post.shares, post.comments, post.saves) == (
        4710824,
        129276,
        3575,
        388,
        2634,
    )
    assert (post.url, post.caption) == ("https://x.com/me/status/1834021269559501236", "Wife: ...")
    assert post.published_at == datetime(2024, 9, 12, 0, 8, 39, tzinfo=UTC)
    assert (page.cursor, page.cut_short, page.external_id) == (None, None, "221838349")


@pytest.mark.parametrize(
    ("given", "body", "cursor", "cut_short"),
    [
        (None, {"max_cursor": 5}, "0:5", None),
        (None, {"max_cursor": "5", "has_more": 1}, "0:5", None),
        (None, {"max_cursor": 5, "has_more": 0}, None, None),
        (None, {"max_cursor": 5, "has_more": False}, None, None),
        (None, {"max_cursor": 5, "has_more": "0"}, None, None),
        (None, {"max_cursor": 5, "has_more": None}, "0:5", None),
        (None, {"max_cursor": 0}, None, None),
        (None, {}, None, None),
        (None, {"max_cursor": True}, None, None),
        (None, {"max_cursor": {"odd": 1}}, None, None),
        (None, {"has_more": 1}, None, "more was announced, but no way to ask for it"),
        ("0:5", {"max_cursor": 5}, None, "the list repeats its cursor"),
        ("0:5", {"max_cursor": 4, "aweme_list": []}, None, None),
        ("0:5", {"max_cursor": 4, "aweme_list": None}, None, None),
        (
            "0:5",
            {"max_cursor": 4, "aweme_list": [], "has_more": 1},
            None,
            "an empty page, although more was announced",
        ),
    ],
)
def test_a_list__ends_where_the_answer_says_so_or_nothing_new_can_come(
    given: str | None, body: dict[str, Any], cursor: str | None, cut_short: str | None
) -> None:
    page = Wire({"aweme_list": [VIDEO], **body}).page(cursor=given)
    assert (page.cursor, page.cut_short) == (cursor, cut_short)


def test_a_list__may_be_below_data() -> None:
    assert len(Wire({"success": True, "data": {"aweme_list": [VIDEO], "max_cursor": 5}}).page().posts) == 1


@pytest.mark.parametrize(
    "odd", ["12", 12, "12.5", -1, 1e3, None, True, "many", {"count": 1}, "1" * 40, 10**15]
)
def test_counts__are_numbers_or_unknown_never_zero(odd: Any) -> None:
    video = {**VIDEO, "statistics": {"play_count": odd, "digg_count": 0}}
    (post,) = Wire({"aweme_list": [video]}).page().posts
    assert post.views == (12 if odd in ("12", 12) else None)
    assert (post.likes, post.saves) == (0, None)


def test_items__that_are_none_are_left_out_and_texts_can_be_stored() -> None:
    items = [None, 7, {}, {"aweme_id": None}, {"aweme_id": 9, "desc": "a\x00b\ud800", "create_time": 10**30}]
    (post,) = Wire({"aweme_list": items}).page().posts
    assert (post.remote_id, post.caption, post.published_at) == ("9", "ab?", None)
    assert (post.cover_url, post.url) == (None, "https://www.tiktok.com/@me/video/9")


@pytest.mark.parametrize(
    ("status", "body", "kind", "retryable"),
    [
        (400, {"message": "handle is required"}, Rejected, False),
        (401, {"message": f"bad key {KEY}"}, AuthExpired, False),
        (402, {"message": "no credits"}, PlatformFailure, False),
        (403, "<html>", PlatformFailure, False),
        (404, {"error": "not found"}, Rejected, False),
        (429, "slow down", RateLimited, True),
        (500, {"message": f"failed for {KEY}"}, PlatformFailure, True),
        (502, "<html>", PlatformFailure, True),
        (200, "<html>", PlatformFailure, True),
        (200, [], PlatformFailure, True),
        (200, {"aweme_list": "soon"}, PlatformFailure, True),
        (200, {"success": False}, PlatformFailure, True),
        (200, {"success": False, "error": "Something went wrong"}, PlatformFailure, True),
        (200, {"message": "User not found"}, Rejected, False),
        (200, {"error": "This account is private"}, Rejected, False),
    ],
)
def test_errors__have_their_class_and_never_show_the_key(
    status: int, body: Any, kind: type[PlatformError], retryable: bool
) -> None:
    wire = Wire(body, status, {"retry-after": "7"} if status == 429 else None)
    with pytest.raises(PlatformError) as caught:
        wire.page()
    assert type(caught.value) is kind
    assert caught.value.retryable is retryable
    assert KEY not in f"{caught.value} {caught.value.hint}"
    assert len(wire.asked) == 1, "each request costs a credit"
    if status == 402:
        assert caught.value.http_status == scrapecreators.NO_CREDITS
    if status == 429:
        assert caught.value.retry_after == 7


def test_errors__of_the_network_are_told_and_not_repeated_here() -> None:
    def broken(request: httpx.Request) -> httpx.Response:
        raise httpx.ReadTimeout("too slow")

    wire = Wire()
    wire.reply = broken
    with pytest.raises(Unavailable):
        wire.page()
    assert len(wire.asked) == 1


@pytest.mark.parametrize(
    ("user", "stats", "kind", "said"),
    [
        ({"privateAccount": True}, {"videoCount": 3}, Rejected, "is private"),
        (
            {"privateAccount": False},
            {"videoCount": 3},
            PlatformFailure,
            "it has 3 videos, and none is listed",
        ),
        ({}, {"videoCount": 0}, None, ""),
        ({}, {}, None, ""),
    ],
)
def test_explain_empty__asks_the_profile_itself(
    user: dict[str, Any], stats: dict[str, Any], kind: type[PlatformError] | None, said: str
) -> None:
    wire = Wire({"user": user, "stats": stats})
    found = scrapecreators.explain_empty(wire.session(), "tiktok", "me")
    assert wire.asked[0].url.path == "/v1/tiktok/profile"
    assert (type(found) if found else None) is kind
    assert said in str(found)


def test_instagram__a_private_account_says_so_on_its_empty_page() -> None:
    with pytest.raises(Rejected, match="private"):
        Wire({"items": [], "user": {"is_private": True}}).page("instagram")


def test_connect__takes_another_address() -> None:
    wire = Wire({"tweets": []})
    http = Http(transport=httpx.MockTransport(wire))
    session = scrapecreators.connect(KEY, http, where="x", base_url="http://127.0.0.1:9/scrapecreators")
    scrapecreators.read_page(session, "x", "me")
    assert wire.asked[0].url.path == "/scrapecreators/v1/twitter/user-tweets"
