"""ScrapeCreators: public profiles of TikTok, Instagram, YouTube and X, whose numbers grow and which go on posting.

Sources: docs.scrapecreators.com (adrianhorning08/scrape-creators-docs: v3/tiktok/profile/videos, v1/tiktok/profile,
v2/instagram/user/posts, v1/youtube/channel-videos, v1/youtube/channel/shorts, v1/twitter/user-tweets and
v1/credit-balance, 2026-04); for status codes the vendor's own client, ScrapeCreators/scrapecreators-cli (2026-08).
Bodies of errors are not documented; these are {"success": false, "message": ...}.

An account here is a watched profile: `sandbox.account("scrapecreators", "ana", on="tiktok", posts=120)`. Any API key
that starts with `sandbox-` works.
"""

from __future__ import annotations

import time
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any, ClassVar

from socialcron.sandbox.audience import audience
from socialcron.sandbox.frame import Account, Limit, Platform, Post, Route, Token
from socialcron.sandbox.wire import Reply, Request, iso_time

KEY = "sandbox-key"
MOST_POPULAR = 100  # as many posts as the list of X holds
REGIONS = frozenset({"US", "GB", "DE", "FR"})


@dataclass(frozen=True, slots=True)
class Profile:
    """What a profile is like, and what is wrong with it.

    posts: there when it was made, one each `hours` before that; it goes on at that pace as the clock advances.
    shorts: of those, how many are YouTube shorts. lists_from: the only region that gets to see anything.
    has_more: whether the answer says so (the documented example of TikTok does not). strings: counts come as strings.
    leaves_out: a count that never comes. repeats_after, empties_after: number of pages after which the cursor is
    repeated, or an empty page is announced as not the last. error: text of a 200 that tells of an error.
    pinned: that many of the oldest posts come first, too, as pinned ones do.
    """

    on: str = "tiktok"
    posts: int = 30
    hours: float = 24.0
    per_page: int = 20
    shorts: int = 0
    private: bool = False
    lists_from: str | None = None
    has_more: bool = False
    strings: bool = False
    leaves_out: str | None = None
    repeats_after: int | None = None
    empties_after: int | None = None
    error: str | None = None
    pinned: int = 0


class ScrapeCreators(Platform):
    switches = ("limited", "credits", "counted_at")
    limits: ClassVar = {"read": (Limit(600, 60),)}  # none is documented

    def __init__(self, *args: Any, **options: Any) -> None:
        super().__init__(*args, **options)
        self.credits = 1_000_000
        self.counted_at: float | None = (
            None  # counts and posts are those of this moment, whenever they are asked for
        )
        self.profiles: dict[tuple[str, str], tuple[Account, Profile]] = {}  # (platform, handle in lower case)

    # Who asks.

    def new_account(self, handle: str, **options: Any) -> dict[str, Any]:
        profile = Profile(**options)
        if profile.on not in LISTS:
            raise ValueError(f"no profiles of {profile.on!r}: one of {', '.join(LISTS)}")
        account = self.add_account(Account(str(self.next_number(20)), handle, extra={"since": self.now()}))
        self.profiles[profile.on, handle.lower()] = account, profile
        return {"api_key": KEY}

    def token_of(self, request: Request) -> Token | None:
        value = request.headers.get("x-api-key", "")
        return Token(value, Account("0", "api")) if value.startswith("sandbox-") else None

    def authenticate(self, request: Request) -> Token:
        token = self.token_of(request)
        if token is None:
            raise self.refusal(401, "API key is missing or invalid")
        return token

    def expire(self, request: Request) -> Reply:
        return self.error(401, "API key is missing or invalid")

    def error(self, status: int, message: str = "", kind: str = "") -> Reply:
        return Reply(status, {"success": False, "message": message or f"Error {status}"})

    def limit_headers(self, limit: Limit, remaining: int, reset_at: float, blocked: bool) -> dict[str, str]:
        return {}

    # What is there.

    def balance(self, request: Request) -> Reply:
        return Reply(200, {"creditCount": self.credits})

    def tiktok_profile(self, request: Request) -> Reply:
        account, profile = self._profile(request, "tiktok")
        user = {"id": account.id, "uniqueId": account.handle, "privateAccount": profile.private}
        stats = {"followerCount": 100, "followingCount": 10, "heartCount": 1000, "videoCount": profile.posts}
        return Reply(200, {"user": user, "stats": stats})

    def tiktok_videos(self, request: Request) -> Reply:
        region = request.query("region", "US")
        if region not in REGIONS:
            raise self.refusal(400, "region is not a country we have")
        if request.query("sort_by", "latest") not in ("latest", "popular"):
            raise self.refusal(400, "sort_by must be latest or popular")
        return self._page(request, "tiktok", region=region)

    def instagram_posts(self, request: Request) -> Reply:
        return self._page(request, "instagram")

    def youtube_videos(self, request: Request) -> Reply:
        if request.query("sort", "latest") not in ("latest", "popular"):
            raise self.refusal(400, "sort must be latest or popular")
        return self._page(request, "youtube")

    def youtube_shorts(self, request: Request) -> Reply:
        if request.query("sort", "newest") not in ("newest", "popular"):
            raise self.refusal(400, "sort must be newest or popular")
        return self._page(request, "youtube", shorts=True)

    def tweets(self, request: Request) -> Reply:
        return self._page(request, "x")

    def _profile(self, request: Request, platform: str) -> tuple[Account, Profile]:
        """Spends the credit: a handle that is not there costs one, too."""
        handle = request.query("handle")
        if not handle or handle.startswith("@"):
            raise self.refusal(400, "handle is required, without @")
        if self.credits < 1:
            raise self.refusal(402, "You have no credits left")
        self.credits -= 1
        found = self.profiles.get((platform, handle.lower()))
        if found is None:
            raise self.refusal(404, "Account doesn't exist")
        return found

    def _page(
        self, request: Request, platform: str, *, shorts: bool = False, region: str | None = None
    ) -> Reply:
        account, profile = self._profile(request, platform)
        shape = LISTS[platform]
        if profile.error:
            return Reply(200, {"success": False, "error": profile.error})
        hidden = profile.private or profile.lists_from not in (None, region)
        numbers = [] if hidden else self._numbers(account, profile, shorts)
        begin = self._begin(request.query(shape.cursor) if shape.cursor else None)
        size = MOST_POPULAR if shape.cursor is None else profile.per_page
        page_number = begin // size
        shown = numbers[begin : begin + size]
        if profile.empties_after is not None and page_number >= profile.empties_after:
            shown = []
        items = [self._item(account, profile, number, shorts) for number in shown]
        body: dict[str, Any] = {"success": True, "credits_remaining": self.credits}
        body[shape.shorts if shorts else shape.items] = items
        if platform == "instagram":
            body["user"] = {"pk": account.id, "is_private": profile.private}
        there_is_more = begin + size < len(numbers)
        if shape.cursor and there_is_more:
            following = begin + size
            if profile.repeats_after is not None and page_number + 1 >= profile.repeats_after:
                following = begin
            body[shape.cursor] = following * shape.step if shape.step > 1 else f"next-{following}"
        if shape.more and (profile.has_more or platform == "instagram"):
            body[shape.more] = shape.yes if there_is_more else shape.no
        return Reply(200, body)

    def _begin(self, cursor: str | None) -> int:
        if not cursor:
            return 0
        try:
            return int(cursor.removeprefix("next-")) // (1 if cursor.startswith("next-") else CURSOR_STEP)
        except ValueError:
            raise self.refusal(400, "the cursor is not one of ours") from None

    def _numbers(self, account: Account, profile: Profile, shorts: bool) -> list[int]:
        """Of its posts, newest first; number 0 is the oldest one."""
        passed = max(self._moment() - account.extra["since"], 0.0)
        made = range(profile.posts + int(passed / (profile.hours * 3600)))
        if profile.on == "youtube":
            made = range(profile.shorts) if shorts else made[profile.shorts :]
        newest_first = list(reversed(made))
        return list(made)[: profile.pinned] + newest_first

    def _item(self, account: Account, profile: Profile, number: int, short: bool) -> dict[str, Any]:
        created_at = account.extra["since"] - (profile.posts - 1 - number) * profile.hours * 3600
        post = Post(
            f"{account.id}{number:06}", account, f"Post {number} of {account.handle} #sandbox", created_at
        )
        seen = audience(post, self._moment())
        counts = {name: getattr(seen, name) for name in seen.__slots__}
        counts.pop(profile.leaves_out or "", None)
        item = LISTS[profile.on].item(post, counts, short)
        return _with_strings(item) if profile.strings else item

    def _moment(self) -> float:
        return self.now() if self.counted_at is None else self.counted_at

    routes = (
        Route("GET", "/v1/credit-balance", balance),
        Route("GET", "/v1/tiktok/profile", tiktok_profile),
        Route("GET", "/v3/tiktok/profile/videos", tiktok_videos),
        Route("GET", "/v2/instagram/user/posts", instagram_posts),
        Route("GET", "/v1/youtube/channel-videos", youtube_videos),
        Route("GET", "/v1/youtube/channel/shorts", youtube_shorts),
        Route("GET", "/v1/twitter/user-tweets", tweets),
    )


Counts = Mapping[str, int]


def _named(counts: Counts, **names: str) -> dict[str, int]:
    """{their name: number} of our names; what is left out has none."""
    return {theirs: counts[ours] for theirs, ours in names.items() if ours in counts}


def _tiktok(post: Post, counts: Counts, short: bool) -> dict[str, Any]:
    picture = f"https://p16.tiktokcdn.example/{post.id}"
    return {
        "aweme_id": post.id,
        "desc": post.text,
        "create_time": int(post.created_at),
        "create_time_utc": iso_time(post.created_at),
        "url": f"https://www.tiktok.com/@{post.account.handle}/video/{post.id}",
        "statistics": {"aweme_id": post.id, "download_count": 0, "forward_count": 0}
        | _named(
            counts,
            play_count="views",
            digg_count="likes",
            comment_count="comments",
            share_count="shares",
            collect_count="saves",
        ),
        "author": {"uid": post.account.id, "unique_id": post.account.handle},
        "video": {
            "duration": 15_000,
            "cover": {"url_list": [f"{picture}~300x400.jpeg"]},
            "origin_cover": {"url_list": [f"{picture}~origin.jpeg"]},
        },
    }


def _instagram(post: Post, counts: Counts, short: bool) -> dict[str, Any]:
    picture = f"https://scontent.cdninstagram.example/{post.id}.jpg"
    return {
        "id": f"{post.id}_{post.account.id}",
        "code": f"D{int(post.id):X}",
        "taken_at": int(post.created_at),
        "caption": {"text": post.text},
        "display_uri": f"{picture}?s=640",
        "image_versions2": {"candidates": [{"url": picture, "width": 1080}]},
        "url": f"https://www.instagram.com/p/D{int(post.id):X}/",
    } | _named(
        counts, play_count="views", ig_play_count="views", like_count="likes", comment_count="comments"
    )


def _youtube(post: Post, counts: Counts, short: bool) -> dict[str, Any]:
    return {
        "type": "short" if short else "video",
        "id": f"yt{post.id}",
        "url": f"https://www.youtube.com/watch?v=yt{post.id}",
        "title": post.text,
        **({} if short else {"thumbnail": f"https://i.ytimg.example/vi/{post.id}/hqdefault.jpg"}),
        **({} if short else {"publishedTime": iso_time(post.created_at)}),
    } | _named(counts, viewCountInt="views", likeCountInt="likes", commentCountInt="comments")


def _x(post: Post, counts: Counts, short: bool) -> dict[str, Any]:
    legacy = {
        "id_str": post.id,
        "user_id_str": post.account.id,
        "created_at": time.strftime("%a %b %d %H:%M:%S +0000 %Y", time.gmtime(post.created_at)),
        "full_text": post.text,
        "quote_count": 0,
    }
    views = (
        {"views": {"count": str(counts["views"]), "state": "EnabledWithCount"}} if "views" in counts else {}
    )
    return {
        "rest_id": post.id,
        "legacy": legacy
        | _named(
            counts,
            favorite_count="likes",
            reply_count="comments",
            retweet_count="shares",
            bookmark_count="saves",
        ),
        **views,
    }


def _with_strings(value: Any) -> Any:
    """Every number as a string, as some of the feeds behind the provider have them."""
    if isinstance(value, dict):
        return {
            name: _with_strings(inner) if name != "create_time" else inner for name, inner in value.items()
        }
    return str(value) if isinstance(value, int) else value


CURSOR_STEP = (
    1_000_000  # TikTok's cursors are epoch milliseconds; all that a client may rely on is that they differ
)


@dataclass(frozen=True, slots=True)
class List:
    """How a platform's list looks. step above 1: cursors are numbers; yes and no: how `more` is written."""

    items: str
    item: Callable[[Post, Counts, bool], dict[str, Any]]
    cursor: str | None
    step: int = 1
    more: str | None = None
    yes: Any = True
    no: Any = False
    shorts: str = ""


LISTS: dict[str, List] = {
    "tiktok": List("aweme_list", _tiktok, "max_cursor", CURSOR_STEP, "has_more", 1, 0),
    "instagram": List("items", _instagram, "next_max_id", more="more_available"),
    "youtube": List("videos", _youtube, "continuationToken", shorts="shorts"),
    "x": List("tweets", _x, None),
}
