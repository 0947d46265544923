"""Facebook Pages.

API: Graph v26.0 (setting `api_version`). Documentation: https://developers.facebook.com/docs/pages-api

Text, link and photos become a post by `/feed`; photos are uploaded unpublished before. A single video becomes a page
video, which Facebook fetches from its address in the one visible request, or a reel, whose bytes are uploaded before
and whose id is known by then: after a lost answer a reel can be asked for, a page video only be looked for in the
feed, where its absence proves nothing. Either is out only once Facebook has processed it, so the send of a video
ends as accepted, and its status is asked for later.
"""

from __future__ import annotations

import unicodedata
from collections.abc import Iterator, Mapping, Sequence
from contextlib import suppress
from datetime import datetime, timedelta
from typing import Any, ClassVar

from socialcron.errors import AuthExpired, Duplicate, OutcomeUnknown, PlatformError, PlatformFailure, Rejected
from socialcron.model import (
    Accepted,
    Account,
    Closed,
    Confirmed,
    Connectable,
    Identity,
    Look,
    Media,
    PreparedStep,
    Problem,
    Reading,
    Ready,
    Saved,
    Step,
    Tokens,
)
from socialcron.platforms import meta, oauth
from socialcron.platforms.base import (
    App,
    Authorization,
    Credentials,
    Declaration,
    Grant,
    Limit,
    MediaRule,
    Metrics,
    count,
    inside,
    key_text,
    optional_str,
    require,
    require_list,
    require_moment,
    require_str,
)
from socialcron.platforms.files import local_path, stream_part
from socialcron.platforms.http import Http, Session
from socialcron.platforms.rules import media_problems, url_problems
from socialcron.platforms.text import field, utf16_units, with_link

_POSTS = "https://developers.facebook.com/docs/pages-api/posts"
_FEED = "https://developers.facebook.com/docs/graph-api/reference/page/feed/"
_PHOTOS = "https://developers.facebook.com/docs/graph-api/reference/page/photos/"
_REELS = "https://developers.facebook.com/docs/video-api/guides/reels-publishing"
_INSIGHTS = "https://developers.facebook.com/docs/graph-api/reference/page/insights/"
_READ_ON = "2026-09-11"

_TYPES = ("video", "reel")
_TYPE_HELP = "how a video is published: video (a page video, the default) or reel"
_PUBLISH_TASK = "CREATE_CONTENT"
_PAGE_SIZE = 25
_MAX_PAGES = 40
_LOOK_SECONDS = 15.0
_COUNTED = "shares,comments.limit(0).summary(total_count),reactions.limit(0).summary(total_count)"

# What is special to pages; the subcodes were seen in gitroomhq/postiz-app, facebook.provider.ts, 2026-09.
_ERRORS: meta.Table = {
    (None, 1390008): "rate_limited",  # posting too fast
    (None, 1366051): "duplicate",  # these photos were posted already
    (None, 1366046): "invalid_content",  # size or format of a photo
    (None, 1346003): "invalid_content",  # abusive
    (None, 1404102): "invalid_content",  # community standards
    (None, 1404078): "auth_expired",  # page publishing authorization needed
    (None, 4854002): "auth_expired",  # identity confirmation needed
    **{(code, None): "invalid_content" for code in (1609005, 1609008)},  # link: unfetchable, to facebook.com
    **{(None, code): "invalid_content" for code in (1609005, 1609008)},
}


class Facebook:
    declaration: ClassVar[Declaration] = Declaration(
        name="facebook",
        title="Facebook Pages",
        documentation="https://developers.facebook.com/docs/pages-api",
        default_base_url=meta.GRAPH,
        features=frozenset({"media", "alt_text", "link"}),
        limits=(
            # Used by two clients; how an emoji counts is not said: UTF-16 units are the most it can be.
            Limit(name="text", value=63_206, unit="UTF-16 units", source=_FEED, date=_READ_ON),
            Limit(name="photos", value=10, unit="files", source=_POSTS, date=_READ_ON),
            Limit(name="videos", value=1, unit="files", source=_POSTS, date=_READ_ON),
            Limit(name="reels_per_day", value=30, unit="per page and 24 h", source=_REELS, date=_READ_ON),
        ),
        media=(
            MediaRule(
                kind="image",
                use="photo",
                mime_types=frozenset({"image/jpeg", "image/png", "image/gif", "image/bmp", "image/tiff"}),
                max_bytes=4_000_000,  # the reference says 10 MB, an error text 4 MB
                source=_PHOTOS,
                date=_READ_ON,
            ),
            MediaRule(
                kind="video",
                use="video",  # limits of size and length are not documented
                mime_types=frozenset({"video/mp4", "video/quicktime"}),
                by_url=True,
                source=_POSTS,
                date=_READ_ON,
            ),
            MediaRule(
                kind="video",
                use="reel",
                mime_types=frozenset({"video/mp4"}),
                min_width=540,
                min_height=960,
                min_ratio=9 / 16,
                max_ratio=9 / 16,
                min_seconds=3,
                max_seconds=90,
                min_frame_rate=24,
                max_frame_rate=60,
                source=_REELS,
                date=_READ_ON,
            ),
        ),
        credentials=(
            Credentials(
                name="page token",
                required=("access_token",),
                optional=("user_token", "expires_at", "client_id", "client_secret"),
            ),
        ),
        settings={"api_version": f"version of Graph, as in {meta.API_VERSION}", "type": _TYPE_HELP},
        options={"type": _TYPE_HELP},
        authorization=Authorization(
            authorize_url=f"https://www.facebook.com/{meta.API_VERSION}/dialog/oauth",
            scopes=(
                "pages_show_list",
                "pages_read_engagement",
                "pages_manage_posts",
                "pages_read_user_content",
                "read_insights",
            ),
            scope_separator=",",
        ),
        refresh_early_seconds=10 * 86_400,
        metrics=Metrics(
            batch_size=1,
            counts=frozenset({"views", "likes", "comments", "shares"}),
            requests=2,
            source=_INSIGHTS,
            date=_READ_ON,
        ),
        reconcile="listing",
        # Unpublished photos live about 24 h: https://developers.facebook.com/docs/graph-api/reference/page/photos/
        handle_ttl_seconds=20 * 3600,
        honest_limits="Pages of people outside the app need Meta's review of pages_manage_posts. When the answer to a "
        "page video (type=video) is lost and the feed does not show it, a person must decide; a reel can be asked for. "
        "What Facebook counts of videos and reels has no documented names: it is kept as it comes, in `raw` alone.",
    )

    def choose_key(self, seed: bytes, due_at: datetime, number: int) -> str:
        return key_text(seed)

    def validate(self, steps: Sequence[Step], settings: Mapping[str, Any]) -> list[Problem]:
        return [problem for step in steps for problem in _problems(step, settings)]

    def connect(self, account: Account, credentials: Mapping[str, Any], app: App, http: Http) -> Session:
        base_url = meta.graph_url(account.settings)
        return meta.session(account, credentials, app, http, base_url=base_url, errors=_ERRORS)

    def prepare(self, step: Step, session: Session) -> Saved | Ready:
        """Upload one unpublished photo per call, or begin a reel, or send its bytes; then the rendered request.

        handles: `page_id`; `photos`, ids in the order of the step's media; of a reel `video_id`, `upload_url`,
        `uploaded`.
        """
        page_id = session.account_id or session.once("me", self.identify).external_id
        handles = {**step.handles, "page_id": page_id}
        match _form(step, session.settings):
            case "reel":
                return _prepare_reel(step, handles, session)
            case "video":
                described = with_link(step.text, step.link)
                # Without the video of an earlier try that Facebook gave up on.
                return Ready(
                    request=_call(page_id, "videos", file_url=step.media[0].url, description=described),
                    handles={"page_id": page_id},
                )
            case "photo":
                photos = list(handles.get("photos", ()))
                if len(photos) < len(step.media):
                    photos.append(_upload_photo(step.media[len(photos)], page_id, session))
                    return Saved(handles={**handles, "photos": photos})
                attached = [{"media_fbid": photo} for photo in photos]
                message = with_link(step.text, step.link)
                request = _call(page_id, "feed", message=message, attached_media=attached, published=True)
            case _:
                message = step.text.strip() and step.text
                request = _call(page_id, "feed", message=message, link=step.link, published=True)
        return Ready(request=request, handles=handles)

    def send_step(self, step: PreparedStep, session: Session) -> Confirmed | Accepted:
        """Publish the post, the page video or the reel.

        A video is accepted only: Facebook decides once it has processed it. What Graph calls transient (codes 1 and 2,
        an unknown error) is said with status 400, too, and does not tell whether the post was made.

        Raises RateLimited, Rejected, AuthExpired, Duplicate, Unavailable, PlatformFailure, OutcomeUnknown.
        Source: https://developers.facebook.com/docs/pages-api/posts and
        https://developers.facebook.com/docs/video-api/guides/reels-publishing
        """
        path, body = str(step.request["path"]), step.request["json"]
        if path.endswith("/video_reels"):
            return _finish_reel(step, session)
        asked = {"fields": "id,permalink_url"} if path.endswith("/feed") else {}
        try:
            answer = session.write("POST", path, params=asked, json=body)
        except PlatformFailure as exc:
            if not exc.retryable:
                raise
            raise OutcomeUnknown(exc.message, http_status=exc.http_status) from exc
        remote_id = optional_str(answer.json, "id")
        if remote_id is None:
            raise OutcomeUnknown(f"{session.where}: the answer has no id", http_status=answer.status)
        if path.endswith("/videos"):
            handles = {**step.handles, "video_id": remote_id, "accepted": True}
            return Accepted(handles=handles, seconds=_LOOK_SECONDS)
        url = optional_str(answer.json, "permalink_url")
        return _confirmed(remote_id, url, session)

    def reconcile(self, step: PreparedStep, session: Session) -> Look:
        """Ask for the video where its id is known, else look for the message in the page's feed.

        Source: https://developers.facebook.com/docs/graph-api/reference/page/feed/
        """
        if video_id := step.handles.get("video_id"):
            return _look_at_video(step, str(video_id), session)
        page_id = step.handles.get("page_id")
        if page_id is None or step.first_sending_at is None:
            return Look(complete=False)
        same_page = session.once("me", self.identify).external_id == page_id
        since = step.first_sending_at - timedelta(seconds=60)
        posts, reached = _feed(str(page_id), since, session)
        body = step.request["json"]
        ours = _words(body.get("message") or body.get("description"))
        alike = [post for post in posts if _words(post.get("message")) == ours]
        # A page video may not show in the feed, and a link alone has no words by which to know it.
        provable = not str(step.request["path"]).endswith("/videos") and (bool(ours) or not alike)
        matches = [
            _confirmed(require_str(post, "id", session.where), optional_str(post, "permalink_url"), session)
            for post in alike
            if ours
        ]
        return Look(matches=tuple(matches), complete=reached and same_page and provable)

    def read_metrics(self, remote_ids: Sequence[str], session: Session) -> Mapping[str, Reading | Closed]:
        """Likes are reactions of all kinds. Only pages with 100 likes have views; they are counted once a day.

        Source: https://developers.facebook.com/docs/graph-api/reference/page/insights/
        """
        return {
            remote_id: _reading(remote_id, session)
            if "_" in remote_id
            else _video_reading(remote_id, session)
            for remote_id in remote_ids
        }

    def can_refresh(self, credentials: Mapping[str, Any]) -> bool:
        """A page token made from a long-lived user token has no end; another one is made anew from `user_token`."""
        return bool(credentials.get("user_token"))

    def refresh(self, account: Account, credentials: Mapping[str, Any], app: App, http: Http) -> Tokens:
        """Exchange the user token again, while it lives, and take the page's token of it.

        `expires_at` is the user token's: only a living one can be exchanged. AuthExpired: it is over, or the person
        has lost the page.
        Source: https://developers.facebook.com/docs/facebook-login/guides/access-tokens/get-long-lived
        """
        where = str(account)
        session = meta.token_session(where, http, base_url=meta.graph_url(account.settings))
        user_token, expires_at = _long_lived(str(credentials.get("user_token")), app, session)
        pages = _pages(user_token, session)
        page = next((page for page in pages if page.get("id") == account.external_id), None)
        if page is None and account.external_id is None and len(pages) == 1:
            page = pages[0]
        if page is None:
            raise AuthExpired(f"{where}: the user token gives no access to the page")
        renewed = dict(credentials) | {
            "access_token": require_str(page, "access_token", where),
            "user_token": user_token,
        }
        renewed.pop("expires_at", None)
        return Tokens(credentials=renewed, expires_at=expires_at)

    def identify(self, session: Session) -> Identity:
        """Source: https://developers.facebook.com/docs/graph-api/reference/page/"""
        answer = session.read("GET", "/me", params={"fields": "id,name"})
        page_id = require_str(answer.json, "id", session.where)
        return Identity(external_id=page_id, handle=optional_str(answer.json, "name") or page_id)

    def connect_accounts(
        self, grant: Grant, app: App, settings: Mapping[str, Any], http: Http
    ) -> list[Connectable]:
        """The pages on which the person may publish, each with a token that has no end.

        Source: https://developers.facebook.com/docs/facebook-login/guides/access-tokens/get-long-lived
        """
        session = meta.token_session("facebook", http, base_url=meta.graph_url(settings))
        parts = oauth.code_form(grant, app, client_secret=app.client_secret)
        answer = session.upload("POST", "/oauth/access_token", seconds=25.0, **parts)
        short_lived, _ = meta.token_of(answer, session.where)
        user_token, _ = _long_lived(short_lived, app, session)
        return [
            Connectable(
                external_id=require_str(page, "id", session.where),
                handle=optional_str(page, "name") or require_str(page, "id", session.where),
                tokens=Tokens(
                    credentials={"access_token": require_str(page, "access_token", session.where)},
                    expires_at=None,
                ),
            )
            for page in _pages(user_token, session)
            if _PUBLISH_TASK in (page.get("tasks") or ())
        ]


# --- validate --------------------------------------------------------------------------------------------------


def _problems(step: Step, settings: Mapping[str, Any]) -> Iterator[Problem]:
    limit, media = Facebook.declaration.limit, step.media
    given = step.options.get("type", settings.get("type"))
    if given is not None and given not in _TYPES:
        yield Problem(field="options.type", message=f"{given!r} is not one of {', '.join(_TYPES)}")
        return
    form = _form(step, settings)
    videos = sum(item.is_video for item in media)
    if len(media) > limit("photos"):
        yield Problem(field="media", message=f"{len(media)} attachments, at most {limit('photos'):.0f}")
    elif videos and len(media) > 1:
        yield Problem(
            field="media", message=f"{len(media)} attachments, at most 1 where one of them is a video"
        )
    elif media:
        yield from media_problems(media, Facebook.declaration.media, use=form)
        if form == "video":
            yield from url_problems(media, "Facebook")
    message = with_link(step.text, step.link) if media else step.text
    if (length := utf16_units(message)) > limit("text"):
        yield Problem(field=field(step), message=f"{length} characters, at most {limit('text'):.0f}")
    if message.strip() or (step.link and not media):
        return
    if not media:
        yield Problem(field=field(step), message="there is neither text nor link nor media")
    elif not videos and all(item.mime_type for item in media):
        yield Problem(field=field(step), message="photos need a text or a link: /feed takes no post without")


def _form(step: Step, settings: Mapping[str, Any]) -> str:
    """What becomes of the step: post, photo, video or reel. Media of unknown type count as photos."""
    if not step.media:
        return "post"
    if not any(item.is_video for item in step.media):
        return "photo"
    return str(step.options.get("type", settings.get("type")) or "video")


# --- requests --------------------------------------------------------------------------------------------------


def _call(page_id: str, edge: str, **body: Any) -> dict[str, Any]:
    """The visible request as it is stored, without what is empty."""
    return {"path": f"/{page_id}/{edge}", "json": {name: value for name, value in body.items() if value}}


def _upload_photo(item: Media, page_id: str, session: Session) -> str:
    """Upload one photo that nobody sees yet; its id.

    Source: https://developers.facebook.com/docs/graph-api/reference/page/photos/
    """
    path = local_path(item)
    form = {"published": "false"} | ({"alt_text_custom": item.alt} if item.alt else {})
    try:
        with path.open("rb") as file:
            part = (path.name, file, item.mime_type or "application/octet-stream")
            answer = session.upload("POST", f"/{page_id}/photos", data=form, files={"source": part})
    except OSError as exc:
        raise Rejected(f"{session.where}: media {item.source} cannot be read ({exc.strerror})") from exc
    return require_str(answer.json, "id", session.where)


def _prepare_reel(step: Step, handles: Mapping[str, Any], session: Session) -> Saved | Ready:
    """Begin the reel, then send its bytes from where Facebook has them, all of them in one request.

    One, because Facebook documents how an interrupted upload goes on (`offset`), but no upload in parts.
    Source: https://developers.facebook.com/docs/video-api/guides/reels-publishing
    """
    page_id, video_id = handles["page_id"], handles.get("video_id")
    status = _video_status(str(video_id), session) if video_id else None
    if status is None or status.get("video_status") in ("expired", "upload_failed"):
        answer = session.upload("POST", f"/{page_id}/video_reels", json={"upload_phase": "start"})
        begun = {name: require_str(answer.json, name, session.where) for name in ("video_id", "upload_url")}
        return Saved(handles={"page_id": page_id, **begun})
    if status.get("video_status") == "error":
        raise Rejected(f"{session.where}: Facebook could not process the video")
    item, sent = step.media[0], inside(status, "uploading_phase")
    size = item.size_bytes or local_path(item).stat().st_size
    offset = count(sent.get("bytes_transfered")) or 0
    if handles.get("uploaded") or sent.get("status") == "complete" or offset >= size:
        request = _call(
            page_id,
            "video_reels",
            upload_phase="finish",
            video_id=video_id,
            video_state="PUBLISHED",
            description=with_link(step.text, step.link),
        )
        return Ready(request=request, handles=handles)
    answer = session.upload(
        "POST",
        meta.upload_address(str(handles["upload_url"]), session),
        headers={
            "authorization": "OAuth",
            "offset": str(offset),
            "file_size": str(size),
            "content-length": str(size - offset),
        },
        content=stream_part(item, offset, size - offset),
    )
    if not isinstance(answer.json, Mapping) or answer.json.get("success") is not True:
        raise PlatformFailure(f"{session.where}: the upload ended without a word of success", retryable=True)
    return Saved(handles={**handles, "uploaded": True})


def _video_status(video_id: str, session: Session) -> Mapping[str, Any] | None:
    """{"video_status", "uploading_phase", "processing_phase", "publishing_phase"}; None: there is no such video.

    Source: https://developers.facebook.com/docs/video-api/guides/reels-publishing
    """
    answer = session.read("GET", f"/{video_id}", params={"fields": "status"}, accept=(400, 404))
    if not answer.ok:
        error = meta.graph_error(answer)
        if (error.code, error.subcode) == (100, 33):
            return None
        raise session.explain(answer)
    status: Mapping[str, Any] = require(answer.json, "status", Mapping, session.where)
    return status


def _confirmed(remote_id: str, url: str | None, session: Session) -> Confirmed:
    """`url` is asked for where it is not known; videos have one without a host."""
    if url is None:
        with suppress(PlatformError):  # it is out, with or without
            answer = session.read("GET", f"/{remote_id}", params={"fields": "permalink_url"})
            url = optional_str(answer.json, "permalink_url")
    return Confirmed(
        remote_id=remote_id, url=f"https://www.facebook.com{url}" if url and url.startswith("/") else url
    )


def _finish_reel(step: PreparedStep, session: Session) -> Accepted:
    """Publish the reel. A refusal counts only while Facebook does not show or process the reel all the same.

    It refuses what an earlier send has done already, one believed lost, as a straggler.
    """
    try:
        answer = session.write("POST", str(step.request["path"]), json=step.request["json"])
    except (Duplicate, Rejected) as refusal:
        look = Look()
        with suppress(PlatformError):
            look = _look_at_video(step, str(step.handles.get("video_id")), session)
        if look.matches or look.waiting_seconds is not None:
            raise OutcomeUnknown(
                f"{refusal.message} (but the reel is there)", http_status=refusal.http_status
            ) from refusal
        raise
    if not isinstance(answer.json, Mapping) or answer.json.get("success") is not True:
        raise OutcomeUnknown(f"{session.where}: no word of success", http_status=answer.status)
    return Accepted(handles={**step.handles, "accepted": True}, seconds=_LOOK_SECONDS)


# --- what became of it -----------------------------------------------------------------------------------------


def _look_at_video(step: PreparedStep, video_id: str, session: Session) -> Look:
    """A reel is out when it is published, a page video when it is ready.

    Absence is believed only of a reel that Facebook holds completely, does not process and did not accept the end of:
    sending that end again publishes the same video, never a second one.
    """
    status = _video_status(video_id, session)
    if status is None:
        return Look(complete=False)
    is_reel = str(step.request["path"]).endswith("/video_reels")
    overall, publishing = status.get("video_status"), inside(status, "publishing_phase")
    if publishing.get("publish_status") == "published" or (overall == "ready" and not is_reel):
        return Look(matches=(_confirmed(video_id, None, session),), certain=True)
    if overall in ("error", "upload_failed") or publishing.get("publish_status") == "error":
        failure = Rejected(f"{session.where}: Facebook could not process video {video_id}")
        return Look(failure=failure, certain=True)
    if overall == "expired":
        expired = PlatformFailure(f"{session.where}: video {video_id} has expired", retryable=True)
        return Look(failure=expired, certain=True)
    idle = publishing.get("status") == "not_started" and overall in ("upload_complete", "ready")
    if idle and not step.handles.get("accepted"):
        return Look()
    return Look(waiting_seconds=_LOOK_SECONDS)


def _feed(page_id: str, since: datetime, session: Session) -> tuple[list[Mapping[str, Any]], bool]:
    """The page's published posts made at or after `since`, and whether the pages reached it."""
    found: list[Mapping[str, Any]] = []
    after: str | None = None
    for _ in range(_MAX_PAGES):
        query = {"fields": "id,message,created_time,permalink_url,is_published", "limit": str(_PAGE_SIZE)}
        answer = session.read("GET", f"/{page_id}/feed", params=query | ({"after": after} if after else {}))
        posts = require_list(answer.json, "data", session.where)
        last: datetime | None = None
        for post in posts:
            last = require_moment(post, "created_time", session.where)
            if last >= since and post.get("is_published") is not False:
                found.append(post)
        following = meta.next_page(answer)
        # By the last post, not by any: an old one may be pinned above the newest. Not by an empty page either: Graph
        # may leave out what is on it.
        if following is None or (last is not None and last < since):
            return found, True
        if following == after:
            break
        after = following
    return found, False


def _words(message: Any) -> str:
    """As compared: Facebook may trim and straighten spaces."""
    return " ".join(unicodedata.normalize("NFKC", message).split()) if isinstance(message, str) else ""


# --- metrics ---------------------------------------------------------------------------------------------------


def _reading(post_id: str, session: Session) -> Reading:
    """`shares` is missing where there are none, and perhaps elsewhere, too: that is not documented."""
    node = meta.read_node(post_id, _COUNTED, session)
    said = {
        "shares": count(inside(node, "shares").get("count")),
        "comments": count(inside(node, "comments", "summary").get("total_count")),
        "reactions": count(inside(node, "reactions", "summary").get("total_count")),
    }
    raw: dict[str, Any] = {name: number for name, number in said.items() if number is not None}
    # A metric alone in its request: one that Facebook does not know (any more) fails all of them.
    told = meta.read_insights(post_id, "post_media_view", session)
    raw |= {"insights": told.message} if isinstance(told, PlatformError) else told
    return Reading(
        views=count(raw.get("post_media_view")),
        likes=said["reactions"],
        comments=said["comments"],
        shares=said["shares"],
        raw=raw,
    )


def _video_reading(video_id: str, session: Session) -> Reading | Closed:
    """Neither metrics nor counts of a video have documented names: what there is is kept, and none is relied upon."""
    meta.read_node(video_id, "id", session)
    told = meta.read_insights(video_id, "", session, edge="video_insights")
    return Closed(told) if isinstance(told, PlatformError) else Reading(raw=told)


# --- tokens ----------------------------------------------------------------------------------------------------


def _long_lived(user_token: str, app: App, session: Session) -> tuple[str, datetime | None]:
    if not app.client_id or not app.client_secret:
        raise PlatformFailure(
            f"{session.where}: tokens are exchanged only with the app's id and secret",
            hint="Set them, or store client_id and client_secret with the account.",
            retryable=False,
        )
    query = {
        "grant_type": "fb_exchange_token",
        "client_id": app.client_id,
        "client_secret": app.client_secret,
        "fb_exchange_token": user_token,
    }
    answer = session.upload("GET", "/oauth/access_token", seconds=15.0, params=query)
    return meta.token_of(answer, session.where)


def _pages(user_token: str, session: Session) -> list[Mapping[str, Any]]:
    """Every page of the person: {"id", "name", "access_token", "tasks"}."""
    found: list[Mapping[str, Any]] = []
    after: str | None = None
    for _ in range(_MAX_PAGES):
        query = {"fields": "id,name,access_token,tasks", "limit": "100"} | ({"after": after} if after else {})
        answer = session.read(
            "GET", "/me/accounts", params=query, headers={"authorization": f"Bearer {user_token}"}
        )
        pages = require_list(answer.json, "data", session.where)
        found += [page for page in pages if isinstance(page, Mapping)]
        after = meta.next_page(answer)
        if not pages or after is None:
            break
    return found
