"""ScrapeCreators: reads public profiles of several platforms, for monitoring. Only GET; each request costs a credit.

Documentation: https://docs.scrapecreators.com (its source adrianhorning08/scrape-creators-docs, read 2026-11-22), and
for the meaning of status codes the vendor's own client, ScrapeCreators/scrapecreators-cli.

A profile is one or more listings (YouTube: videos, then shorts), each in pages. A cursor is "NUMBER:TEXT": of which
listing, and the provider's own cursor in it.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from datetime import UTC, datetime
from typing import Any

import httpx

from socialcron.errors import AuthExpired, PlatformError, PlatformFailure, RateLimited, Rejected
from socialcron.model import ProfilePage, ProfilePost
from socialcron.platforms.base import count, nothing_seen, optional_str, total
from socialcron.platforms.http import Answer, Http, Session

BASE_URL = "https://api.scrapecreators.com"
DEADLINE_SECONDS = 60.0  # the vendor's own client waits as long
NO_CREDITS = 402  # http_status of the error that says so
MOST = 10**13  # a count beyond it is nonsense, and the sum over a profile's posts has to fit into a bigint


@dataclass(frozen=True, slots=True, kw_only=True)
class Listing:
    """One list of posts. cursor: what the provider calls it, in request and answer alike; None: there is one page.

    more: the key that says whether there are further pages, if there is one. regions: others to ask from when an answer
    is empty or fails. id_parameter: takes the profile's own id, which spares the provider a look-up.
    """

    path: str
    items: str
    post: Callable[[Mapping[str, Any], str], ProfilePost | None]
    parameters: Mapping[str, str] = field(default_factory=dict)
    cursor: str | None = None
    more: str | None = None
    regions: tuple[str, ...] = ()
    id_parameter: str | None = None
    owner: Callable[[Mapping[str, Any], str], str | None] = lambda body, handle: None


def platforms() -> tuple[str, ...]:
    return tuple(sorted(LISTINGS))


def regions(platform: str) -> tuple[str, ...]:
    """Where else to ask from; the provider's own choice is the US."""
    return LISTINGS[platform][0].regions


def connect(api_key: str, http: Http, *, where: str, base_url: str | None = None) -> Session:
    """No network. where: names the profile in messages."""

    def authorize(request: httpx.Request) -> None:
        request.headers["x-api-key"] = api_key

    return Session(
        base_url=base_url or BASE_URL,
        where=where,
        http=http,
        authorize=authorize,
        explain=lambda answer: _error(answer, where, api_key),
        limits=nothing_seen,
    )


def read_page(
    session: Session,
    platform: str,
    handle: str,
    *,
    cursor: str | None = None,
    region: str | None = None,
    external_id: str | None = None,
) -> ProfilePage:
    """One page; one request, never repeated here, as each costs. cursor None: the first page.

    Raises RateLimited, Rejected, AuthExpired, Unavailable, PlatformFailure; its http_status is NO_CREDITS when those
    are used up.
    """
    number, _, given = (cursor or "0:").partition(":")
    listings = LISTINGS[platform]
    listing = listings[int(number)]
    parameters = {"handle": handle, **listing.parameters}
    if external_id and listing.id_parameter:
        parameters[listing.id_parameter] = external_id
    if region and listing.regions:
        parameters["region"] = region
    if given and listing.cursor:
        parameters[listing.cursor] = given
    answer = session.read("GET", listing.path, params=parameters, seconds=DEADLINE_SECONDS, tries=1)
    body, items = _items(answer, listing.items, session.where)
    posts = tuple(
        post for item in items if isinstance(item, Mapping) and (post := listing.post(item, handle))
    )
    following, cut_short = _following(body, listing, given, empty=not items)
    if following is not None:
        following = f"{number}:{following}"
    elif int(number) + 1 < len(listings):
        following = f"{int(number) + 1}:"
    return ProfilePage(
        posts=posts, cursor=following, cut_short=cut_short, external_id=listing.owner(body, handle)
    )


def explain_empty(session: Session, platform: str, handle: str) -> PlatformError | None:
    """Why a profile lists nothing, for one more credit; None: it has nothing, or nobody can tell.

    Source: https://docs.scrapecreators.com/v1/tiktok/profile
    """
    if platform != "tiktok":
        return None
    answer = session.read(
        "GET", "/v1/tiktok/profile", params={"handle": handle}, seconds=DEADLINE_SECONDS, tries=1
    )
    user, stats = _inside(answer.json, "user"), _inside(answer.json, "stats")
    if user.get("privateAccount") is True:
        return _private(session.where)
    if videos := _count(stats.get("videoCount")):
        said = f"{session.where}: it has {videos} videos, and none is listed"
        return PlatformFailure(said, retryable=True)
    return None


# --- answers ---------------------------------------------------------------------------------------------------------


def _items(answer: Answer, name: str, where: str) -> tuple[Mapping[str, Any], list[Any]]:
    """The document and the list in it, which may be below `data`. A missing list is an empty one."""
    body = answer.json
    if not isinstance(body, Mapping):
        raise PlatformFailure(f"{where}: the answer is no JSON object", retryable=True)
    if name not in body and isinstance(body.get("data"), Mapping):
        body = {**body, **body["data"]}
    items = body.get(name)
    said = _said(body)
    if body.get("success") is False or (items is None and said):
        raise _error_inside(said or "it says that it failed", where)
    if items is not None and not isinstance(items, list):
        raise PlatformFailure(f"{where}: the answer has no usable {name!r}", retryable=True)
    if not items and _inside(body, "user").get("is_private") is True:
        raise _private(where)
    return body, items or []


def _following(
    body: Mapping[str, Any], listing: Listing, given: str, *, empty: bool
) -> tuple[str | None, str | None]:
    """The provider's cursor of the listing's next page, None at its end; and why that comes too early, if it does."""
    if listing.cursor is None:
        return None, None
    more = body.get(listing.more) if listing.more else None
    value = body.get(listing.cursor)
    following = _text(str(value)) if isinstance(value, str | int) and not isinstance(value, bool) else None
    if more in (False, 0, "0", "false"):
        return None, None
    if empty:
        return None, "an empty page, although more was announced" if more else None
    if following in (None, "", "0"):
        return None, "more was announced, but no way to ask for it" if more else None
    if following == given:
        return None, "the list repeats its cursor"
    return following, None


def _error(answer: Answer, where: str, api_key: str) -> PlatformError:
    """Meanings of status codes: ScrapeCreators/scrapecreators-cli, src/api-client.js (2026-08)."""
    detail = _said(answer.json) or answer.body[:200].decode(errors="replace").strip()
    status = answer.status
    said = f"{where}: HTTP {status}{': ' + detail.replace(api_key, '***') if detail else ''}"
    if status == 401:
        hint = "Check SCRAPECREATORS_API_KEY."
        return AuthExpired("ScrapeCreators refuses the API key", hint=hint, http_status=status)
    if status == NO_CREDITS:
        return PlatformFailure(
            "the credits at ScrapeCreators are used up",
            retryable=False,
            hint="Buy credits at https://app.scrapecreators.com; the next run goes on by itself.",
            http_status=status,
        )
    if status == 404:
        return Rejected(
            f"{where}: ScrapeCreators finds no such handle", hint="Is it spelled right?", http_status=status
        )
    if status == 429:
        return RateLimited(said, http_status=status, retry_after=answer.retry_after)
    if status >= 500 or status == 408:
        return PlatformFailure(said, retryable=True, http_status=status, retry_after=answer.retry_after)
    if status in (400, 422):
        return Rejected(said, http_status=status)
    return PlatformFailure(said, retryable=False, http_status=status)


def _error_inside(said: str, where: str) -> PlatformError:
    """Of a 200 that tells of an error. No list of its words is documented (2026-11), so only the plainest are known."""
    words = said.lower()
    if "private" in words:
        return _private(where)
    if any(plain in words for plain in ("not found", "doesn't exist", "does not exist", "no such user")):
        return Rejected(f"{where}: {said}")
    return PlatformFailure(f"{where}: {said}", retryable=True)


def _private(where: str) -> Rejected:
    return Rejected(f"{where}: the account is private", hint="Only public profiles can be watched.")


def _said(body: Any) -> str:
    for name in ("message", "error", "errorMessage"):
        if isinstance(body, Mapping) and isinstance(value := body.get(name), str) and value:
            return _text(value)[:200]
    return ""


def _inside(body: Any, *names: str | int) -> Mapping[str, Any]:
    """What is there on this way down; an empty mapping where the way ends early."""
    found = _at(body, *names)
    return found if isinstance(found, Mapping) else {}


def _at(body: Any, *names: str | int) -> Any:
    for name in names:
        if isinstance(name, str):
            body = body.get(name) if isinstance(body, Mapping) else None
        else:
            body = body[name] if isinstance(body, list) and len(body) > name else None
    return body


def _text(value: str) -> str:
    """As PostgreSQL can keep it: JSON can hold NUL and halves of surrogate pairs."""
    return value.replace("\x00", "").encode(errors="replace").decode()


def _count(value: Any) -> int | None:
    number = count(value)
    return number if number is not None and number <= MOST else None


def _caption(value: Any) -> str | None:
    return _text(value) or None if isinstance(value, str) else None


def _url(value: Any) -> str | None:
    return _text(value) if isinstance(value, str) and value.startswith(("https://", "http://")) else None


def _id(value: Any) -> str | None:
    """Ids are strings; a number is taken as one."""
    return _text(str(value)) or None if isinstance(value, str | int) and not isinstance(value, bool) else None


def _moment(value: Any) -> datetime | None:
    """Of epoch seconds, ISO 8601, or X's "Thu Sep 12 00:08:39 +0000 2024"."""
    try:
        if isinstance(value, int) and not isinstance(value, bool) and value > 0:
            return datetime.fromtimestamp(value, UTC)
        if isinstance(value, str) and value[:1].isdigit():
            parsed = datetime.fromisoformat(value)
            return parsed if parsed.tzinfo else parsed.replace(tzinfo=UTC)
        if isinstance(value, str):
            return datetime.strptime(value, "%a %b %d %H:%M:%S %z %Y")
    except (ValueError, OverflowError, OSError):
        pass
    return None


# --- platforms -------------------------------------------------------------------------------------------------------


def _tiktok(item: Mapping[str, Any], handle: str) -> ProfilePost | None:
    if (remote_id := _id(item.get("aweme_id"))) is None:
        return None
    counts, video = _inside(item, "statistics"), _inside(item, "video")
    small = _url(_at(video, "cover", "url_list", 0))
    return ProfilePost(
        remote_id=remote_id,
        url=_url(item.get("url")) or f"https://www.tiktok.com/@{handle}/video/{remote_id}",
        caption=_caption(item.get("desc")),
        published_at=_moment(item.get("create_time")),
        cover_url=_url(_at(video, "origin_cover", "url_list", 0)) or small,
        thumbnail_url=small,
        views=_count(counts.get("play_count")),
        likes=_count(counts.get("digg_count")),
        shares=_count(counts.get("share_count")),
        comments=_count(counts.get("comment_count")),
        saves=_count(counts.get("collect_count")),
    )


def _tiktok_owner(body: Mapping[str, Any], handle: str) -> str | None:
    """Of the first post that the profile itself wrote: a page may hold one of somebody else."""
    for item in body.get("aweme_list") or ():
        author = _inside(item, "author")
        if (optional_str(author, "unique_id") or "").lower() == handle.lower():
            return _id(author.get("uid"))
    return None


def _instagram(item: Mapping[str, Any], handle: str) -> ProfilePost | None:
    """Play counts leave out views on Facebook, says the vendor. Shares and saves are not reported."""
    if (code := _id(item.get("code"))) is None:
        return None
    views = (_count(item.get(name)) for name in ("play_count", "ig_play_count", "video_play_count"))
    small = _url(item.get("display_uri"))
    return ProfilePost(
        remote_id=_id(item.get("id")) or code,
        url=_url(item.get("url")) or f"https://www.instagram.com/p/{code}/",
        caption=_caption(_inside(item, "caption").get("text")),
        published_at=_moment(item.get("taken_at")),
        cover_url=_url(_at(item, "image_versions2", "candidates", 0, "url")) or small,
        thumbnail_url=small,
        views=next((number for number in views if number is not None), None),
        likes=_count(item.get("like_count")),
        comments=_count(item.get("comment_count")),
    )


def _instagram_owner(body: Mapping[str, Any], handle: str) -> str | None:
    return _id(_inside(body, "user").get("pk"))


def _youtube(item: Mapping[str, Any], handle: str) -> ProfilePost | None:
    if (remote_id := _id(item.get("id"))) is None:
        return None
    return ProfilePost(
        remote_id=remote_id,
        url=_url(item.get("url")) or f"https://www.youtube.com/watch?v={remote_id}",
        caption=_caption(item.get("title")),
        published_at=_moment(item.get("publishedTime")),
        cover_url=_url(item.get("thumbnail")),
        thumbnail_url=_url(item.get("thumbnail")),
        views=_count(item.get("viewCountInt")),
        likes=_count(item.get("likeCountInt")),
        comments=_count(item.get("commentCountInt")),
    )


def _x(item: Mapping[str, Any], handle: str) -> ProfilePost | None:
    if (remote_id := _id(item.get("rest_id"))) is None:
        return None
    legacy = _inside(item, "legacy")
    picture = _url(_at(legacy, "extended_entities", "media", 0, "media_url_https"))
    return ProfilePost(
        remote_id=remote_id,
        url=f"https://x.com/{handle}/status/{remote_id}",
        caption=_caption(legacy.get("full_text")),
        published_at=_moment(legacy.get("created_at")),
        cover_url=picture,
        thumbnail_url=picture,
        views=_count(_inside(item, "views").get("count")),
        likes=_count(legacy.get("favorite_count")),
        shares=total(_count(legacy.get("retweet_count")), _count(legacy.get("quote_count"))),
        comments=_count(legacy.get("reply_count")),
        saves=_count(legacy.get("bookmark_count")),
    )


def _x_owner(body: Mapping[str, Any], handle: str) -> str | None:
    return _id(_at(body, "tweets", 0, "legacy", "user_id_str"))


LISTINGS: Mapping[str, tuple[Listing, ...]] = {
    # https://docs.scrapecreators.com/v3/tiktok/profile/videos
    "tiktok": (
        Listing(
            path="/v3/tiktok/profile/videos",
            items="aweme_list",
            post=_tiktok,
            parameters={"sort_by": "latest", "trim": "true"},
            cursor="max_cursor",
            more="has_more",
            regions=("GB",),
            id_parameter="user_id",
            owner=_tiktok_owner,
        ),
    ),
    # https://docs.scrapecreators.com/v2/instagram/user/posts
    "instagram": (
        Listing(
            path="/v2/instagram/user/posts",
            items="items",
            post=_instagram,
            parameters={"trim": "true"},
            cursor="next_max_id",
            more="more_available",
            owner=_instagram_owner,
        ),
    ),
    # https://docs.scrapecreators.com/v1/youtube/channel-videos and .../v1/youtube/channel/shorts
    "youtube": (
        Listing(
            path="/v1/youtube/channel-videos",
            items="videos",
            post=_youtube,
            parameters={"sort": "latest", "includeExtras": "true"},  # likes and comments
            cursor="continuationToken",
        ),
        Listing(
            path="/v1/youtube/channel/shorts",
            items="shorts",
            post=_youtube,
            parameters={"sort": "newest"},
            cursor="continuationToken",
        ),
    ),
    # https://docs.scrapecreators.com/v1/twitter/user-tweets: about 100 of the most popular ones, not the latest
    "x": (
        Listing(
            path="/v1/twitter/user-tweets",
            items="tweets",
            post=_x,
            parameters={"trim": "true"},
            owner=_x_owner,
        ),
    ),
}
