"""Threads API v1.0.

Sources: developers.facebook.com/documentation/threads (posts, reference/publishing, reference/user) and
/docs/threads (overview, troubleshooting), as read 2026-09-11. Characters other than emoji count as one each, and a
reply to what is not there is refused when its container is made; neither is documented.
"""

from __future__ import annotations

from typing import Any, ClassVar

from socialcron.sandbox.audience import audience
from socialcron.sandbox.containers import IMAGE_BYTES, Container, Containers, truth
from socialcron.sandbox.frame import Account, Limit, Post, Route
from socialcron.sandbox.meta import DAY_SECONDS, graph_time
from socialcron.sandbox.text import graphemes, is_emoji, url_spans
from socialcron.sandbox.wire import Reply, Request

SCOPES = "threads_basic,threads_content_publish,threads_manage_replies,threads_read_replies,threads_manage_insights"
IMAGE_TYPES, VIDEO_TYPES = ("image/jpeg", "image/png"), ("video/mp4", "video/quicktime")
REPLY_CONTROLS = (
    "everyone",
    "accounts_you_follow",
    "mentioned_only",
    "parent_post_author_only",
    "followers_only",
)
POST = frozenset({"media_type", "text", "reply_to_id", "reply_control", "topic_tag", "quote_post_id"})
PARAMETERS = {
    "TEXT": POST | {"link_attachment"},
    "IMAGE": POST | {"image_url", "alt_text", "is_spoiler_media"},
    "VIDEO": POST | {"video_url", "alt_text", "is_spoiler_media"},
    "CAROUSEL": POST | {"children", "is_spoiler_media"},
}
CHILD = frozenset({"media_type", "image_url", "video_url", "alt_text", "is_carousel_item"})


class Threads(Containers):
    limits: ClassVar = {"read": (Limit(48_000, 86_400),)}
    sends_usage = False  # not documented for this host
    token_prefix = "THQ"
    known_scopes = frozenset(SCOPES.split(","))
    scopes = SCOPES
    status_field, failure_field = "status", "error_message"
    not_ready = unknown = expired = "24/4279009"
    failures = ("INVALID_BIT_RATE", "FAILED_PROCESSING_VIDEO")
    exchange_grant, refresh_grant = "th_exchange_token", "th_refresh_token"
    switches: ClassVar[tuple[str, ...]] = (*Containers.switches, "replies_a_day")
    posts_a_day = 250
    replies_a_day = 1000

    def user_body(self, account: Account) -> dict[str, Any]:
        return {"id": account.id, "username": account.handle, "name": account.handle}

    # Containers.

    def read_container(self, account: Account, fields: dict[str, Any]) -> Container:
        child = truth(fields.get("is_carousel_item")) is True
        kind = str(fields.get("media_type"))
        if kind not in PARAMETERS or (child and kind not in ("IMAGE", "VIDEO")):
            raise self.bad(f"media_type {kind} is not supported")
        if odd := sorted(set(fields) - (CHILD if child else PARAMETERS[kind])):
            raise self.bad(f"Parameter {odd[0]} is not for this kind of post")
        text = str(fields.get("text") or "")
        self._check_words(kind, text, fields)
        media: tuple[str, ...] = ()
        data = None
        if kind == "CAROUSEL":
            children = self.children(
                account, fields.get("children"), 2, 20, wrong="100", early=self.not_ready
            )
            media = tuple(address for item in children for address in item.media)
        elif kind != "TEXT":
            data = self._medium(fields, "image_url" if kind == "IMAGE" else "video_url")
        container = self.container(account, kind, None if child else text, fields, data)
        container.media = container.media or media
        return container

    def _check_words(self, kind: str, text: str, fields: dict[str, Any]) -> None:
        if kind == "TEXT" and not text.strip():
            raise self.bad("The parameter text is required")
        if text_length(text) > 500:
            raise self.bad("Param text must be at most 500 characters long.")
        links = {text[start:end] for start, end in url_spans(text)}
        if "link_attachment" in fields:
            links.add(str(fields["link_attachment"]))
        if len(links) > 5:
            raise self.bad("THREADS_API__LINK_LIMIT_EXCEEDED")
        if len(str(fields.get("alt_text") or "")) > 1000:
            raise self.bad("alt_text is too long")
        if fields.get("reply_control", "everyone") not in REPLY_CONTROLS:
            raise self.bad("reply_control is none of those there are")
        if set(".&") & set(str(fields.get("topic_tag", ""))):
            raise self.bad("topic_tag has . or & in it")
        for name in ("reply_to_id", "quote_post_id"):
            target = self.posts.get(str(fields.get(name)))
            if name in fields and (target is None or target.deleted):
                raise self.bad(f"{name}: no such post")

    def _medium(self, fields: dict[str, Any], wanted: str) -> bytes | None:
        if wanted not in fields or {"image_url", "video_url"} <= set(fields):
            raise self.bad(f"The parameter {wanted} is required")
        try:
            data, kind = self.download(fields)
        except ValueError as exc:
            raise self.bad(f"The media could not be fetched from this URI: {exc}") from None
        if data is not None and kind not in (IMAGE_TYPES if wanted == "image_url" else VIDEO_TYPES):
            raise self.bad(f"The format {kind} is not supported")
        if data is not None and wanted == "image_url" and len(data) > IMAGE_BYTES:
            raise self.bad("The image is too large")
        return data

    # Posts.

    def check_quota(self, container: Container) -> None:
        reply = "reply_to_id" in container.fields
        most = self.replies_a_day if reply else self.posts_a_day
        if self.published_today(container.account, replies=reply) >= most:
            raise self.bad("The user reached the maximum number of posts", "9/2207042")

    def limit(self, request: Request) -> Reply:
        account, seconds = self.own(request), int(DAY_SECONDS)
        body = {
            "id": account.id,
            "quota_usage": self.published_today(account),
            "config": {"quota_total": self.posts_a_day, "quota_duration": seconds},
            "reply_quota_usage": self.published_today(account, replies=True),
            "reply_config": {"quota_total": self.replies_a_day, "quota_duration": seconds},
        }
        said = self.pick(body, request, default=("quota_usage",))
        said.pop("id")
        return Reply(200, {"data": [said]})

    def post_of(self, container: Container) -> Post:
        now, post_id, account = self.now(), str(self.next_number(8)), container.account
        reply_to = container.fields.get("reply_to_id")
        text = container.text or ""
        post = Post(post_id, account, text, now, container.media, reply_to and str(reply_to))
        kind = {"TEXT": "TEXT_POST", "CAROUSEL": "CAROUSEL_ALBUM"}.get(container.kind, container.kind)
        post.body = {
            "id": post_id,
            "text": text or None,
            "media_type": kind,
            "permalink": f"https://www.threads.net/@{account.handle}/post/{post_id}",
            "shortcode": post_id,
            "is_reply": bool(reply_to),
            "timestamp": graph_time(now),
        }
        return post

    def post_insights(self, request: Request) -> Reply:
        """Real replies are among those of the audience."""
        post = self.own_post(request)
        seen = audience(post, self.now())
        values = {
            "views": seen.views,
            "likes": seen.likes,
            "replies": seen.comments + sum(other.reply_to == post.id for other in post.account.posts),
            "reposts": seen.shares - seen.shares // 4,
            "quotes": seen.shares // 4,
            "shares": seen.shares // 2,
        }
        return self.insights(request, values)

    def list_threads(self, request: Request) -> Reply:
        return self.listing(request, (p for p in self.listed(self.own(request)) if not p.reply_to))

    def list_replies(self, request: Request) -> Reply:
        """The account's own replies, or those to one of its posts."""
        parent = self.posts.get(request.params["id"])
        if parent and not parent.deleted:
            return self.listing(request, (p for p in self.posts.values() if p.reply_to == parent.id))
        return self.listing(request, (p for p in self.listed(self.own(request)) if p.reply_to))

    routes: ClassVar[tuple[Route, ...]] = (
        Route("GET", "/oauth/authorize", Containers.authorize, login=False, family=None),
        Route("POST", "/oauth/access_token", Containers.code_for_token, login=False, family=None),
        Route("GET", "/access_token", Containers.exchange, login=False, family=None),
        Route("GET", "/refresh_access_token", Containers.refresh, login=False, family=None),
        Route("GET", "/me", Containers.me),
        Route("GET", "/{id}", Containers.node),
        Route("POST", "/{id}/threads", Containers.create, scope="threads_content_publish"),
        Route("POST", "/{id}/threads_publish", Containers.publish, True, scope="threads_content_publish"),
        Route("GET", "/{id}/threads", list_threads),
        Route("GET", "/{id}/replies", list_replies, scope="threads_read_replies"),
        Route("GET", "/{id}/threads_publishing_limit", limit),
        Route("GET", "/{id}/insights", post_insights, scope="threads_manage_insights"),
    )


def text_length(text: str) -> int:
    """Grapheme clusters, an emoji as its bytes of UTF-8."""
    return sum(len(cluster.encode()) if is_emoji(cluster) else 1 for cluster in graphemes(text))
