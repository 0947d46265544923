"""Instagram on Graph v26.0: professional accounts, by either login.

Sources: developers.facebook.com/docs/instagram-platform (content-publishing, reference/ig-user/media, media_publish,
content_publishing_limit, ig-container, error-codes), as archived 2026-09-11. Captions are counted in code points,
which is not documented.
"""

from __future__ import annotations

import re
from typing import Any, ClassVar

from socialcron.sandbox.audience import audience
from socialcron.sandbox.containers import IMAGE_BYTES, Container, Containers, truth
from socialcron.sandbox.frame import Account, Limit, Post, Route
from socialcron.sandbox.meta import DAY_SECONDS, graph_time
from socialcron.sandbox.wire import Reply, Request

SCOPES = "instagram_business_basic,instagram_business_content_publish,instagram_business_manage_insights"
VIDEO_TYPES = ("video/mp4", "video/quicktime")
# What each kind of container may be given, beside its media and is_ai_generated.
POST = frozenset({"caption", "location_id", "user_tags", "collaborators"})
PARAMETERS = {
    "IMAGE": POST | {"image_url", "alt_text", "is_ai_generated"},
    "REELS": POST | {"video_url", "share_to_feed", "cover_url", "thumb_offset", "is_ai_generated"},
    "STORIES": frozenset({"image_url", "video_url", "caption", "is_ai_generated"}),
    "CAROUSEL": POST | {"children", "is_ai_generated"},
    "child": frozenset({"image_url", "video_url", "alt_text", "is_carousel_item"}),
}


class Instagram(Containers):
    limits: ClassVar = {"read": (Limit(4800, 86_400),)}
    usage_type = "instagram"
    token_prefix = "IGAA"
    known_scopes = frozenset(SCOPES.split(","))
    scopes = SCOPES
    status_field, failure_field = "status_code", "status"
    not_ready, unknown, expired = "9007/2207027", "24/2207008", "-2/2207020"
    failures = (
        "Error: Media upload has failed with error code 2207026",
        "Error: Media upload has failed with error code 2207053",
    )
    exchange_grant, refresh_grant = "ig_exchange_token", "ig_refresh_token"
    posts_a_day = 50

    def new_account(self, handle: str, *, login: str = "instagram", **options: Any) -> dict[str, Any]:
        """login "facebook": the token of the page, which never ends; its id is the account's with a 1 in front."""
        if login == "instagram":
            return super().new_account(handle, **options)
        account = self.named_account(handle)
        return {"access_token": self.issue(account, seconds=None).value}

    def user_body(self, account: Account) -> dict[str, Any]:
        return {"id": account.id, "user_id": account.id, "username": account.handle, "name": account.handle}

    def node(self, request: Request) -> Reply:
        page = f"1{request.account.id}"
        if request.params["id"] != page:
            return super().node(request)
        body = {"id": page, "instagram_business_account": {"id": request.account.id}}
        return Reply(200, self.pick(body, request, default=("id",)))

    # Containers.

    def read_container(self, account: Account, fields: dict[str, Any]) -> Container:
        child = truth(fields.get("is_carousel_item")) is True
        kind = str(fields.get("media_type") or "IMAGE")
        if kind not in PARAMETERS and not (child and kind == "VIDEO"):
            raise self.bad(f"Media type {kind} is not supported", "100/2207023")
        known = PARAMETERS["child" if child else kind]
        if odd := sorted(set(fields) - known - {"media_type"}):
            raise self.bad(f"Parameter {odd[0]} is not for this kind of post")
        self._check_words(fields)
        self._check_choices(fields)
        media: tuple[str, ...] = ()
        data = None
        if kind == "CAROUSEL":
            children = self.children(
                account, fields.get("children"), 2, 10, wrong="100/2207028", early=self.not_ready
            )
            media = tuple(address for item in children for address in item.media)
        else:
            data = self._medium(fields, video=kind in ("VIDEO", "REELS"), either=kind == "STORIES")
        text = None if child else str(fields.get("caption") or "")
        container = self.container(account, kind, text, fields, data)
        container.media = container.media or media
        return container

    def _check_words(self, fields: dict[str, Any]) -> None:
        caption = str(fields.get("caption") or "")
        if len(caption) > 2200:
            raise self.bad("The caption was too long", "36004/2207010")
        if len(re.findall(r"#\w+", caption)) > 30 or len(re.findall(r"(?<!\w)@\w+", caption)) > 20:
            raise self.bad("Too many tags in the caption", "100/2207040")
        alt = fields.get("alt_text")
        if alt is not None and ("image_url" not in fields or len(str(alt)) > 1000):
            raise self.bad("alt_text is for images, of 1000 characters at most")

    def _check_choices(self, fields: dict[str, Any]) -> None:
        for name in ("is_carousel_item", "share_to_feed", "is_ai_generated"):
            if name in fields and truth(fields[name]) is None:
                raise self.bad(f"{name} must be true or false")
        names = fields.get("collaborators", [])
        if not isinstance(names, list) or len(names) > 3:
            raise self.bad("collaborators is a list of 3 names at most")
        offset = fields.get("thumb_offset")
        if offset is not None and (not str(offset).isdecimal() or int(offset) > 900_000):
            raise self.bad("thumb_offset is out of range", "1/2207057")
        if not str(fields.get("location_id", "1")).isdecimal():
            raise self.bad("location_id must be a number")

    def _medium(self, fields: dict[str, Any], *, video: bool, either: bool) -> bytes | None:
        wanted = "video_url" if video or (either and "video_url" in fields) else "image_url"
        if wanted not in fields or ("image_url" in fields and "video_url" in fields):
            raise self.bad(f"The parameter {wanted} is required")
        try:
            data, kind = self.download(fields)
        except ValueError as exc:
            raise self.bad(f"The media could not be fetched from this URI: {exc}", "9004/2207052") from None
        if data is None:
            return None
        if wanted == "video_url":
            if kind not in VIDEO_TYPES:
                raise self.bad("The video format is not supported", "352/2207026")
        elif kind != "image/jpeg":
            raise self.bad(f"The image format {kind} is not supported", "36001/2207005")
        elif len(data) > IMAGE_BYTES:
            raise self.bad("The image is larger than 8 MiB", "36000/2207004")
        return data

    # Posts.

    def check_quota(self, container: Container) -> None:
        if self.published_today(container.account) >= self.posts_a_day:
            raise self.bad("The user reached the maximum number of posts", "9/2207042")

    def limit(self, request: Request) -> Reply:
        account = self.own(request)
        config = {"quota_total": self.posts_a_day, "quota_duration": int(DAY_SECONDS)}
        body = {"id": account.id, "quota_usage": self.published_today(account), "config": config}
        said = self.pick(body, request, default=("quota_usage",))
        said.pop("id")
        return Reply(200, {"data": [said]})

    def post_of(self, container: Container) -> Post:
        now, post_id = self.now(), str(self.next_number(8))
        story = container.kind == "STORIES"
        product = {"REELS": "REELS", "STORIES": "STORY"}.get(container.kind, "FEED")
        video = "video_url" in container.fields
        kind = "CAROUSEL_ALBUM" if container.kind == "CAROUSEL" else "VIDEO" if video else "IMAGE"
        text = container.text or ""
        post = Post(post_id, container.account, text, now, container.media)
        post.body = {
            "id": post_id,
            "caption": None if story else text or None,
            "media_type": kind,
            "media_product_type": product,
            "permalink": f"https://www.instagram.com/{'stories' if story else 'p'}/{post_id}/",
            "timestamp": graph_time(now),
        }
        return post

    def post_body(self, post: Post) -> dict[str, Any]:
        seen = self.seen_by(post)
        return post.body | {"like_count": seen and seen.likes, "comments_count": seen and seen.comments}

    def post_insights(self, request: Request) -> Reply:
        """Of a story for a day, and only once five people have seen it."""
        post = self.own_post(request)
        seen = audience(post, self.now())
        values = {"views": seen.views, "reach": seen.views * 3 // 4, "shares": seen.shares}
        if post.body["media_product_type"] == "STORY":
            if post.created_at <= self.now() - DAY_SECONDS:
                raise self.refusal(404)
            if seen.views < 5:
                raise self.bad("Not enough viewers for the media to show insights", "10")
            return self.insights(request, values | {"replies": seen.comments})
        told = {"likes": seen.likes, "comments": seen.comments, "saved": seen.saves}
        return self.insights(request, values | told)

    def list_media(self, request: Request) -> Reply:
        posts = self.listed(self.own(request))
        return self.listing(request, (p for p in posts if p.body["media_product_type"] != "STORY"))

    def list_stories(self, request: Request) -> Reply:
        posts, since = self.listed(self.own(request)), self.now() - DAY_SECONDS
        stories = (p for p in posts if p.body["media_product_type"] == "STORY" and p.created_at > since)
        return self.listing(request, stories)

    routes: ClassVar[tuple[Route, ...]] = (
        Route("GET", "/oauth/authorize", Containers.authorize, login=False, family=None),
        Route("POST", "/oauth/access_token", Containers.code_for_token, login=False, family=None),
        Route("GET", "/access_token", Containers.exchange, login=False, family=None),
        Route("GET", "/refresh_access_token", Containers.refresh, login=False, family=None),
        Route("GET", "/me", Containers.me),
        Route("GET", "/{id}", node),
        Route("POST", "/{id}/media", Containers.create, scope="instagram_business_content_publish"),
        Route(
            "POST",
            "/{id}/media_publish",
            Containers.publish,
            True,
            scope="instagram_business_content_publish",
        ),
        Route("GET", "/{id}/media", list_media),
        Route("GET", "/{id}/stories", list_stories),
        Route("GET", "/{id}/insights", post_insights, scope="instagram_business_manage_insights"),
        Route("GET", "/{id}/content_publishing_limit", limit),
    )
