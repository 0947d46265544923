"""Google Business Profile: local posts of the v4 API, accounts and locations of the v1 APIs, all below one prefix.

Sources: developers.google.com/my-business (content/posts-data, content/limits, reference/rest/v4), 2026-09-11, and
published field notes "Write limits and failure modes" (probed 2026-07-22).

An account here is one location. A post is judged while it is looked at, and one with a phone number is rejected.
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from datetime import UTC, datetime
from typing import Any, ClassVar
from urllib.parse import urlsplit

from socialcron.sandbox.frame import Account, Limit, Post, Route, media_type
from socialcron.sandbox.google import Google
from socialcron.sandbox.wire import Reply, Request, iso_time

MAX_SUMMARY, MAX_EVENT_TITLE = 1500, 58
PHOTO_BYTES = range(10_240, 5 * 2**20 + 1)
URL_ACTIONS = ("BOOK", "ORDER", "SHOP", "LEARN_MORE", "SIGN_UP")
LOCATION_READS = ("name", "title", "storefrontAddress", "metadata")
_SCOPE = "https://www.googleapis.com/auth/business.manage"
_PHONE = re.compile(r"(?:\+|\b0)\d[\d ()/-]{6,}\d\b")
_STATUSES = {
    400: "INVALID_ARGUMENT",
    401: "UNAUTHENTICATED",
    403: "PERMISSION_DENIED",
    404: "NOT_FOUND",
    409: "ABORTED",
    429: "RESOURCE_EXHAUSTED",
    500: "INTERNAL",
    503: "UNAVAILABLE",
    504: "DEADLINE_EXCEEDED",
}
_MESSAGES = {
    400: "Request contains an invalid argument.",
    401: "Request had invalid authentication credentials.",
    403: "The caller does not have permission",
    404: "Requested entity was not found.",
    429: "Quota exceeded for quota metric 'Requests' and limit 'Requests per minute'.",
    503: "The service is currently unavailable.",
}


class GoogleBusiness(Google):
    """Switch: `polls`, how many looks a new post stays PROCESSING; 0 shows it at once."""

    scopes = ("business.manage",)
    limits: ClassVar = {"posts": (Limit(10, 60),), "read": (Limit(300, 60),)}
    switches = (*Google.switches, "polls")

    def __init__(self, *args: Any, **options: Any) -> None:
        super().__init__(*args, **options)
        self.polls = 2

    def _account(self, handle: str, *, owner: str | None = None) -> Account:
        """owner: handle of another location whose business account this one belongs to, too."""
        number = self.next_number(16)
        parent = self.accounts[owner].extra["owner"] if owner else f"accounts/1{number}"
        return self.add_account(Account(f"{parent}/locations/2{number}", handle, extra={"owner": parent}))

    # Answers in the platform's form.

    def error(self, status: int, message: str = "", kind: str = "") -> Reply:
        """kind: the field that is wrong, or an error code of the API in capitals."""
        error: dict[str, Any] = {
            "code": status,
            "message": _MESSAGES.get(status, message or "Internal error encountered."),
            "status": _STATUSES.get(status, "UNKNOWN"),
        }
        if kind:
            named = {"reason": kind} if kind.isupper() else {"field": kind}
            error["details"] = [
                {
                    "@type": "type.googleapis.com/google.mybusiness.v4.ValidationError",
                    "errorDetails": [{"code": 3, **named, "message": message}],
                }
            ]
        elif message:
            error["message"] = message
        return Reply(status, {"error": error})

    # Posts.

    def create(self, request: Request) -> Reply:
        location = self._location(request)
        body = self._checked(self.json_body(request))
        post = Post(
            f"{location.id}/localPosts/{self.next_number(16)}",
            location,
            body.get("summary", ""),
            self.now(),
            tuple(item["sourceUrl"] for item in body.get("media", ())),
            body={**body, "polls": self.polls},
        )
        return Reply(200, self._shown(self.add_post(post, request)))

    def get(self, request: Request) -> Reply:
        return Reply(200, self._judged(self._own_post(request)))

    def list_posts(self, request: Request) -> Reply:
        """Oldest first: no order is promised. An empty list is left out."""
        self.query_only(request, "pageSize", "pageToken")
        location = self._location(request)
        rejected = [post for post in self.posts.values() if post.account is location and _is_rejected(post)]
        posts = sorted([*self.listed(location), *rejected], key=lambda post: post.id)
        chosen, following = self.page(request, posts, "pageSize", 20, 100)
        found = {"localPosts": [self._judged(post) for post in chosen], "nextPageToken": following}
        return Reply(200, {name: value for name, value in found.items() if value})

    def delete(self, request: Request) -> Reply:
        post = self._own_post(request)
        if not post.deleted:
            self.delete_post(post)
        post.body.pop("state", None)
        return Reply(200, {})

    def _own_post(self, request: Request) -> Post:
        location = self._location(request)
        post = self.posts.get(f"{location.id}/localPosts/{request.params['post']}")
        if post is None or (post.deleted and not _is_rejected(post)):
            raise self.refusal(404)
        return post

    def _location(self, request: Request) -> Account:
        params = request.params
        location = self.accounts_by_id.get(f"accounts/{params['account']}/locations/{params['location']}")
        if location is None:
            raise self.refusal(404)
        if location.extra["owner"] != request.account.extra["owner"]:
            raise self.refusal(403)
        return location

    def _judged(self, post: Post) -> dict[str, Any]:
        """The post as it is shown; each look brings the verdict nearer."""
        post.body["polls"] = max(post.body["polls"] - 1, 0)
        if not post.body["polls"] and not post.deleted and _PHONE.search(post.text):
            post.body["state"] = "REJECTED"
            self.delete_post(post)
        return self._shown(post)

    def _shown(self, post: Post) -> dict[str, Any]:
        state = "PROCESSING" if post.body["polls"] else post.body.get("state", "LIVE")
        moment = iso_time(post.created_at)
        shown = {name: value for name, value in post.body.items() if name not in ("polls", "state")}
        return {
            "name": post.id,
            **shown,
            "state": state,
            "createTime": moment,
            "updateTime": moment,
            "searchUrl": f"https://local.google.com/place?use=posts&lpsid={post.id.rpartition('/')[2]}",
        }

    def _checked(self, body: dict[str, Any]) -> dict[str, Any]:
        """The new post, if it is one. Raises Refusal."""
        names = ("languageCode", "topicType", "summary", "callToAction", "event", "offer", "media")
        self.only(body, names, "local_post")
        topic, summary = body.get("topicType"), body.get("summary", "")
        if topic not in ("STANDARD", "EVENT", "OFFER"):
            raise self.refusal(400, "Unknown topic type", "topic_type")
        if not isinstance(summary, str) or len(summary) > MAX_SUMMARY:
            raise self.refusal(400, f"Must be at most {MAX_SUMMARY} characters", "summary")
        if not summary.strip() and not body.get("media"):
            raise self.refusal(400, "Required", "summary")
        if not re.fullmatch(r"[A-Za-z]{2,3}(-[A-Za-z0-9]{2,8})*", str(body.get("languageCode", "en"))):
            raise self.refusal(400, "Invalid language", "language_code")
        if (topic == "STANDARD") is ("event" in body):
            raise self.refusal(400, f"Not for {topic}" if "event" in body else "Required", "event")
        if "event" in body:
            self._check_event(body["event"])
        if "offer" in body:
            if topic != "OFFER":
                raise self.refusal(400, f"Not for {topic}", "offer")
            offer = self.only(body["offer"], ("couponCode", "redeemOnlineUrl", "termsConditions"), "offer")
            if "redeemOnlineUrl" in offer and not _is_url(offer["redeemOnlineUrl"]):
                raise self.refusal(400, "Invalid URL", "offer.redeem_online_url")
        if "callToAction" in body:
            self._check_action(body["callToAction"], topic)
        self._check_media(body.get("media", []))
        return body

    def _check_event(self, event: Any) -> None:
        self.only(event, ("title", "schedule"), "event")
        title = event.get("title")
        if not isinstance(title, str) or not 0 < len(title) <= MAX_EVENT_TITLE:
            raise self.refusal(400, f"Must be 1 to {MAX_EVENT_TITLE} characters", "event.title")
        names = ("startDate", "startTime", "endDate", "endTime")
        schedule = self.only(event.get("schedule"), names, "event.schedule")
        try:
            start, end = (
                _moment(schedule[f"{which}Date"], schedule[f"{which}Time"]) for which in ("start", "end")
            )
        except (KeyError, TypeError, ValueError):
            raise self.refusal(400, "Incomplete or invalid", "event.schedule") from None
        if end <= start:
            raise self.refusal(400, "Ends before it begins", "event.schedule")

    def _check_action(self, action: Any, topic: str) -> None:
        self.only(action, ("actionType", "url"), "call_to_action")
        kind = action.get("actionType")
        if topic == "OFFER" or kind not in (*URL_ACTIONS, "CALL"):
            raise self.refusal(400, "Not allowed", "call_to_action.action_type")
        if (kind == "CALL") is ("url" in action) or ("url" in action and not _is_url(action["url"])):
            raise self.refusal(400, "Missing, superfluous or invalid", "call_to_action.url")

    def _check_media(self, media: Any) -> None:
        if not isinstance(media, list) or len(media) > 1:
            raise self.refusal(400, "At most one photo", "media")
        for item in media:
            self.only(item, ("mediaFormat", "sourceUrl"), "media")
            if item.get("mediaFormat") == "VIDEO":
                raise self.refusal(500)
            if item.get("mediaFormat") != "PHOTO":
                raise self.refusal(400, "Unknown format", "media.media_format")
            try:
                photo = self.fetch(str(item.get("sourceUrl")))
            except ValueError as exc:
                raise self.refusal(400, str(exc), "PHOTO_FETCH_FAILED") from None
            if photo is None:
                continue
            if media_type(photo) not in ("image/jpeg", "image/png") or len(photo) not in PHOTO_BYTES:
                raise self.refusal(400, "Neither JPEG nor PNG, or of a wrong size", "PHOTO_UPLOAD_FAILED")

    # Accounts and locations.

    def list_accounts(self, request: Request) -> Reply:
        self.query_only(request, "pageSize", "pageToken")
        owner = request.account.extra["owner"]
        return Reply(200, {"accounts": [{"name": owner, "accountName": "Sandbox", "type": "PERSONAL"}]})

    def list_locations(self, request: Request) -> Reply:
        self.query_only(request, "readMask", "pageSize", "pageToken")
        owner = f"accounts/{request.params['account']}"
        if owner != request.account.extra["owner"]:
            raise self.refusal(403)
        mask = (request.query("readMask") or "").split(",")
        if not set(mask) <= set(LOCATION_READS):
            raise self.refusal(400, "Invalid field mask", "read_mask")
        chosen, following = self.page(request, list(self._locations_of(owner)), "pageSize", 10, 100)
        found = {
            "locations": [{name: item[name] for name in mask} for item in chosen],
            "nextPageToken": following,
        }
        return Reply(200, {name: value for name, value in found.items() if value})

    def _locations_of(self, owner: str) -> Iterator[dict[str, Any]]:
        for account in self.accounts.values():
            if account.extra["owner"] == owner:
                short = account.id.removeprefix(f"{owner}/")
                yield {"name": short, "title": account.handle, "storefrontAddress": {}, "metadata": {}}

    routes: ClassVar[tuple[Route, ...]] = (
        Route("GET", "/o/oauth2/v2/auth", Google.authorize, login=False, family=None),
        Route("POST", "/token", Google.token, login=False, family=None),
        Route(
            "POST",
            "/v4/accounts/{account}/locations/{location}/localPosts",
            create,
            True,
            family="posts",
            scope=_SCOPE,
        ),
        Route("GET", "/v4/accounts/{account}/locations/{location}/localPosts", list_posts, scope=_SCOPE),
        Route("GET", "/v4/accounts/{account}/locations/{location}/localPosts/{post}", get, scope=_SCOPE),
        Route(
            "DELETE",
            "/v4/accounts/{account}/locations/{location}/localPosts/{post}",
            delete,
            True,
            family="posts",
            scope=_SCOPE,
        ),
        Route("GET", "/v1/accounts", list_accounts, scope=_SCOPE),
        Route("GET", "/v1/accounts/{account}/locations", list_locations, scope=_SCOPE),
    )


def _is_rejected(post: Post) -> bool:
    return post.body.get("state") == "REJECTED"


def _is_url(value: Any) -> bool:
    parts = urlsplit(str(value))
    return parts.scheme in ("http", "https") and bool(parts.hostname)


def _moment(date: dict[str, int], time: dict[str, int]) -> datetime:
    """Raises KeyError, TypeError or ValueError for anything but whole numbers that make a moment."""
    if set(date) != {"year", "month", "day"} or not set(time) <= {"hours", "minutes", "seconds"}:
        raise ValueError
    return datetime(
        date["year"], date["month"], date["day"], time.get("hours", 0), time.get("minutes", 0), tzinfo=UTC
    )
