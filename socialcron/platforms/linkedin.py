"""LinkedIn: posts of members and of organizations (pages), by the versioned Posts API.

API: /rest with LinkedIn-Version 202609. Documentation:
https://learn.microsoft.com/en-us/linkedin/marketing/community-management/shares/posts-api

Two things cost posts elsewhere. The text is LinkedIn's "little" format: a reserved character that is not escaped does
not fail, it cuts the post off there. And a version of the API lives about a year: its end is looked for before the
visible write, since the answer to that one would leave the outcome unknown.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator, Mapping, Sequence
from datetime import UTC, datetime, timedelta
from functools import partial
from typing import TYPE_CHECKING, Any, ClassVar
from unicodedata import normalize
from urllib.parse import quote, urlsplit

from socialcron.errors import (
    AuthExpired,
    Duplicate,
    OutcomeUnknown,
    PlatformError,
    PlatformFailure,
    RateLimited,
    Rejected,
)
from socialcron.model import (
    Account,
    Closed,
    Confirmed,
    Connectable,
    Identity,
    LimitSeen,
    Look,
    Media,
    PreparedStep,
    Problem,
    Reading,
    Ready,
    Saved,
    Step,
    Tokens,
    Wait,
)
from socialcron.platforms import oauth
from socialcron.platforms.base import (
    OAUTH2,
    App,
    Authorization,
    Declaration,
    Grant,
    Limit,
    MediaRule,
    Metrics,
    OneByOne,
    address,
    counts,
    default_error,
    key_text,
    optional_str,
    require,
    require_list,
    require_str,
)
from socialcron.platforms.files import stream_part
from socialcron.platforms.http import Answer, Http, Session
from socialcron.platforms.rules import media_problems
from socialcron.platforms.text import field, links, utf16_units, with_link

if TYPE_CHECKING:
    from collections.abc import Callable

    import httpx

_SHARES = "https://learn.microsoft.com/en-us/linkedin/marketing/community-management/shares"
_POSTS = f"{_SHARES}/posts-api?view=li-lms-2026-05"
_STATISTICS = f"{_SHARES.removesuffix('/shares')}/organizations/share-statistics?view=li-lms-2026-03"
_THIRD = "https://www.ayrshare.com/docs/media-guidelines/linkedin"
_READ_ON = "2026-09-11"

API_VERSION = "202609"
_OAUTH = "https://www.linkedin.com/oauth/v2"
# Where uploads go: the only hosts beside `base_url` that ever get the token.
_UPLOAD_HOSTS = frozenset({"www.linkedin.com", "api.linkedin.com"})
_PAGE = 10
_MAX_PAGES = 50
_POLL_SECONDS = 10.0
# Members may not ask how far an image is; 20 s is what clients wait: gitroomhq/postiz-app, seen 2026-09-11.
_IMAGE_SECONDS = 20.0
_STALE = (400, 403, 404, 409, 410, 412)  # an upload address that is over, used, or of an upload that is gone
_VISIBILITIES = ("PUBLIC", "CONNECTIONS", "LOGGED_IN")
_AUTHOR = re.compile(r"urn:li:(person:[\w-]+|organization:\d+)", re.ASCII)
# Of a page's posts, and of a member's, who is told each number by a request of its own.
_PAGE_COUNTS = {
    "views": "impressionCount",
    "likes": "likeCount",
    "comments": "commentCount",
    "shares": "shareCount",
}
_MEMBER_COUNTS = {
    "views": "IMPRESSION",
    "likes": "REACTION",
    "comments": "COMMENT",
    "shares": "RESHARE",
    "saves": "POST_SAVE",
}
_SAVES_SINCE = "202604"  # the version of the API
_DAILY = re.compile(r"\b(day|daily)\b", re.IGNORECASE)

# --- the "little" text format ------------------------------------------------------------------------------
# https://learn.microsoft.com/en-us/linkedin/marketing/community-management/shares/little-text-format

_RESERVED = r"[\\|{}@\[\]()<>#*_~]"
_MARKUP = re.compile(
    r"@\[(?P<name>[^\[\]\n]+)\]\((?P<urn>urn:li:(?:organization|person):[A-Za-z0-9_-]+)\)"
    r"|(?P<hashtag>(?<![\w&/])#(?=\d*[^\W\d_]))"
    rf"|{_RESERVED}"
)
_BACKSLASHED = r"\\\g<0>"
_TEMPLATE = re.compile(r"(?<!\\)\{hashtag\|\\?#\|([^|}]*)\}")


def escape(text: str) -> str:
    """Plain text as little text: every reserved character behind a backslash, but for two things.

    The "#" of a #hashtag (a word of digits and letters, not of digits alone, and not inside a link), and a mention as
    the user writes it: `@[Name](urn:li:organization:1)`.
    """
    in_links = [range(*span) for span in links(text)]

    def escaped(found: re.Match[str]) -> str:
        if found["urn"]:
            return f"@[{re.sub(_RESERVED, _BACKSLASHED, found['name'])}]({found['urn']})"
        if found["hashtag"] and not any(found.start() in link for link in in_links):
            return "#"
        return f"\\{found[0]}"

    return _MARKUP.sub(escaped, text)


def unescape(little: str) -> str:
    """Little text as people read it, with hashtag templates as #words. Mentions stay as they are."""
    return re.sub(rf"\\({_RESERVED})", r"\1", _TEMPLATE.sub(r"#\1", little))


class LinkedIn:
    declaration: ClassVar[Declaration] = Declaration(
        name="linkedin",
        title="LinkedIn",
        documentation=_POSTS,
        default_base_url="https://api.linkedin.com",
        features=frozenset({"media", "alt_text", "link"}),
        limits=(
            Limit(name="text", value=3000, unit="UTF-16 units, escaped", source=_POSTS, date=_READ_ON),
            Limit(
                name="images", value=20, unit="files", source=f"{_SHARES}/multiimage-post-api", date=_READ_ON
            ),
            Limit(name="videos", value=1, unit="files", source=_POSTS, date=_READ_ON),
            Limit(
                name="image_pixels",
                value=36_152_319,
                unit="pixels",
                source=f"{_SHARES}/images-api",
                date=_READ_ON,
            ),
            Limit(
                name="alt_text", value=4086, unit="characters", source=f"{_SHARES}/posts-api", date=_READ_ON
            ),
        ),
        media=(
            MediaRule(
                kind="image",
                mime_types=frozenset({"image/jpeg", "image/png", "image/gif"}),
                max_bytes=5_000_000,  # what third parties keep to; there is no official figure
                source=_THIRD,
                date=_READ_ON,
            ),
            MediaRule(
                kind="video",
                mime_types=frozenset({"video/mp4"}),
                min_bytes=75 * 1024,
                max_bytes=500_000_000,
                min_seconds=3,
                max_seconds=1800,
                min_ratio=1 / 2.4,
                max_ratio=2.4,
                source=_THIRD,
                date=_READ_ON,
            ),
        ),
        credentials=(OAUTH2,),
        settings={
            "author": "who posts: urn:li:person:ID or urn:li:organization:ID; unset: the external id, else the member",
            "api_version": f"LinkedIn-Version as YYYYMM; unset: {API_VERSION}. A version lives about one year",
            "visibility": "PUBLIC (when unset), CONNECTIONS or LOGGED_IN",
        },
        options={
            "visibility": "PUBLIC (when unset), CONNECTIONS or LOGGED_IN",
            "link_title": "title of the link's card; unset: the link's host, as LinkedIn does not read the page",
            "link_description": "description on the link's card",
            "video_title": "title of the video",
        },
        metrics=Metrics(
            batch_size=50,  # of a page's posts; the address of the request stays below 3,000 characters
            requests=len(_MEMBER_COUNTS),
            counts=frozenset(_MEMBER_COUNTS),
            source=_STATISTICS,
            date=_READ_ON,
        ),
        authorization=Authorization(
            authorize_url=f"{_OAUTH}/authorization",
            scopes=("openid", "profile", "w_member_social"),
        ),
        refresh_early_seconds=86_400.0,
        reconcile="listing",
        settle_seconds=120,
        handle_ttl_seconds=6
        * 3600,  # a long video over a slow line; an address that is over before begins anew
        honest_limits="Own posts can be listed for organizations alone (scope r_organization_social): where the answer "
        "to a member's post is lost, a person has to look. Only apps that LinkedIn approved for it get refresh tokens, "
        "which end 365 days after the consent; without one the account must be connected anew every 60 days. "
        "Counts of a member's posts take the scope r_member_postAnalytics, those of a page's r_organization_social or "
        "rw_organization_admin: LinkedIn grants them to apps with its product Community Management alone.",
    )

    def choose_key(self, seed: bytes, due_at: datetime, number: int) -> str:
        """LinkedIn knows no keys; ours only tells the step apart in our own records."""
        return key_text(seed)

    def validate(self, steps: Sequence[Step], settings: Mapping[str, Any]) -> list[Problem]:
        problems = [problem for step in steps for problem in self._problems(step, settings)]
        author, version = settings.get("author"), settings.get("api_version")
        if author and not _AUTHOR.fullmatch(str(author)):
            message = f"{author!r} is neither urn:li:person:ID nor urn:li:organization:ID"
            problems.append(Problem(field="settings.author", message=message))
        if version and not re.fullmatch(r"20\d{4}", str(version), re.ASCII):
            message = f"{version!r} is no version as in {API_VERSION}"
            problems.append(Problem(field="settings.api_version", message=message))
        return problems

    def _problems(self, step: Step, settings: Mapping[str, Any]) -> Iterator[Problem]:
        limit = self.declaration.limit
        name, text = field(step), _commentary(step)
        if not (text.strip() or step.media or step.link):
            yield Problem(field=name, message="empty, without media or link")
        if (length := utf16_units(text)) > limit("text"):
            yield Problem(
                field=name,
                message=f"{length} characters once escaped (emoji are two), LinkedIn takes at most {limit('text'):.0f}",
            )
        if step.link and not _host(step.link):
            yield Problem(field="link", message=f"{step.link!r} is no http(s) address")
        videos = sum(1 for item in step.media if item.is_video)
        if len(step.media) > limit("images"):
            yield Problem(
                field="media",
                message=f"{len(step.media)} files, LinkedIn takes at most {limit('images'):.0f} images",
            )
        elif videos and len(step.media) > 1:
            yield Problem(
                field="media", message=f"{len(step.media)} files, LinkedIn takes 1 video or 20 images"
            )
        yield from media_problems(step.media, self.declaration.media)
        for number, item in enumerate(step.media, 1):
            if (
                item.width
                and item.height
                and item.width * item.height > limit("image_pixels")
                and not item.is_video
            ):
                pixels = item.width * item.height
                yield Problem(
                    field=f"media[{number}]",
                    message=f"{item.source} has {pixels} pixels, at most {limit('image_pixels'):.0f} allowed",
                )
            if (length := len(item.alt or "")) > limit("alt_text"):
                yield Problem(
                    field=f"media[{number}]",
                    message=f"alt text of {length} characters, LinkedIn takes at most {limit('alt_text'):.0f}",
                )
        visibility = {**settings, **step.options}.get("visibility", "PUBLIC")
        if visibility not in _VISIBILITIES:  # an empty one, too: it must not stand for everybody
            yield Problem(
                field="options.visibility", message=f"{visibility!r} is none of {', '.join(_VISIBILITIES)}"
            )
        for option in ("link_title", "link_description", "video_title"):
            if not isinstance(step.options.get(option, ""), str):
                yield Problem(field=f"options.{option}", message="must be a text")

    def connect(self, account: Account, credentials: Mapping[str, Any], app: App, http: Http) -> Session:
        """`account_id` of the session is the author's URN, None where the platform has yet to say who the member is."""
        where, token = str(account), credentials.get("access_token")
        if not token:
            raise AuthExpired(f"{where}: there is no access token", hint="Connect the account again.")
        return Session(
            base_url=self.declaration.base_url(account.settings),
            where=where,
            http=http,
            authorize=_signing(str(token), str(account.settings.get("api_version") or API_VERSION)),
            explain=partial(_explain, where=where),
            limits=_limits_seen,
            account_id=_author_of(account),
            settings=account.settings,
            app=app,
        )

    def prepare(self, step: Step, session: Session) -> Saved | Wait | Ready:
        """Upload the media, one request a call, wait until they can be used, then render the post.

        handles: `author`; `media`, one entry a file: an image {id, url}, a video {id, token, parts, etags}, where
        `parts` are the [first byte, last byte, address] still to send. An entry without url and parts is uploaded;
        `again`: for the second time. `waited`: a member's images had their 20 seconds.
        Sources: https://learn.microsoft.com/en-us/linkedin/marketing/community-management/shares/images-api and
        .../videos-api
        """
        author = session.account_id or session.once("member", _member)[0]
        # Media belong to their owner: those of another author are of no use.
        handles: dict[str, Any] = {"author": author}
        if step.handles.get("author") == author:
            handles |= step.handles
        uploads = [dict(upload) for upload in handles.get("media", ())]
        for index, media in enumerate(step.media):
            if index == len(uploads):
                uploads.append(_initialize(media, author, session))
                return Saved(handles={**handles, "media": uploads})
            if {"url", "parts"} & uploads[index].keys():
                uploads[index] = _upload(uploads[index], media, author, session)
                return Saved(handles={**handles, "media": uploads})
        for index, (upload, media) in enumerate(zip(uploads, step.media, strict=False)):
            if not media.is_video and not _is_page(author):
                if not handles.get("waited"):
                    return Wait(handles={**handles, "waited": True}, seconds=_IMAGE_SECONDS)
                continue
            status = _status(upload["id"], session)
            if status is None:
                uploads[index] = _again(upload, media, author, session)
                return Saved(handles={**handles, "media": uploads})
            if status != "AVAILABLE":
                return Wait(handles=handles, seconds=_POLL_SECONDS)
        if not step.media:
            _check_version(author, session)
        return Ready(request=_render(step, session.settings, author, uploads), handles=handles)

    def send_step(self, step: PreparedStep, session: Session) -> Confirmed:
        """Create one post from the stored request. Its id comes in a header, the body is empty.

        Raises RateLimited, Rejected, AuthExpired, Duplicate, Unavailable, OutcomeUnknown, PlatformFailure.
        Source: https://learn.microsoft.com/en-us/linkedin/marketing/community-management/shares/posts-api
        """
        answer = session.write("POST", "/rest/posts", json=dict(step.request))
        urn = answer.headers.get("x-restli-id") or answer.headers.get("x-linkedin-id") or ""
        if not urn.startswith("urn:li:"):
            raise OutcomeUnknown(
                f"{session.where}: HTTP {answer.status} without the id of the post", http_status=answer.status
            )
        return _confirmed(urn)

    def reconcile(self, step: PreparedStep, session: Session) -> Look:
        """List an organization's posts, latest changed first, back to 60 s before the first send.

        Of a member nothing can be listed, nor of a page without the scope r_organization_social: such a look proves
        nothing. A recent post that ends where ours goes on may be ours, cut off: it leaves the look incomplete.
        Source: https://learn.microsoft.com/en-us/linkedin/marketing/community-management/shares/posts-api
        """
        author = str(step.request.get("author"))
        if not _is_page(author):
            return Look(
                complete=False,
                unanswerable="LinkedIn lists a member's posts for no app (r_member_social is closed)",
            )
        if step.first_sending_at is None:
            return Look(complete=False)
        since = step.first_sending_at - timedelta(seconds=60)
        matches: dict[str, Confirmed] = {}  # by id: pages overlap when something is posted meanwhile
        doubtful, files = False, [urn for urn in _attached(step.request) if urn.startswith("urn:")]
        certain = bool(files)  # every upload has a URN of its own
        for page in range(_MAX_PAGES):
            posts = _own_posts(author, session, start=page * _PAGE)
            if posts is None:
                scope = "the token lacks the scope r_organization_social"
                return Look(
                    complete=False, unanswerable=f"LinkedIn shows the page's posts to others: {scope}"
                )
            for post in posts:
                created_at = _moment(require(post, "createdAt", int, session.where), session.where)
                same = _same(post, step.request) if created_at >= since else False
                if same:
                    urn = require_str(post, "id", session.where)
                    matches[urn] = _confirmed(urn)
                    certain &= _attached(post) == files
                doubtful |= same is None
            # Sorted by the last change, which is never before the creation: nothing newer comes after this one.
            changed = posts[-1].get("lastModifiedAt") if posts else None
            if not posts or (changed is not None and _moment(changed, session.where) < since):
                return Look(matches=tuple(matches.values()), certain=certain, complete=not doubtful)
        return Look(matches=tuple(matches.values()), certain=certain, complete=False)

    def read_metrics(self, remote_ids: Sequence[str], session: Session) -> Mapping[str, Reading | Closed]:
        """Statistics of a page's posts, all at once; of a member's one post, number by number.

        A page's post that the answer leaves out may be deleted, or just not be counted yet: LinkedIn does not say.
        One that may not be read refuses all that were asked about with it.
        Sources: https://learn.microsoft.com/en-us/linkedin/marketing/community-management/organizations/share-statistics
        and https://learn.microsoft.com/en-us/linkedin/marketing/community-management/members/post-statistics
        """
        alone, page = len(remote_ids) == 1, _is_page(session.account_id or "")
        if page or alone:
            try:
                return (_page_readings if page else _member_readings)(remote_ids, session)
            except _Denied as exc:
                if alone:
                    return {remote_ids[0]: Closed(exc)}
        raise OneByOne(f"{session.where}: LinkedIn tells of these posts one at a time", retryable=True)

    def can_refresh(self, credentials: Mapping[str, Any]) -> bool:
        """Only apps approved for it get refresh tokens."""
        return bool(credentials.get("refresh_token"))

    def refresh(self, account: Account, credentials: Mapping[str, Any], app: App, http: Http) -> Tokens:
        """Trade the refresh token for an access token of 60 days; its own end, a year after the consent, stays.

        Source: https://learn.microsoft.com/en-us/linkedin/shared/authentication/programmatic-refresh-tokens
        """
        where = f"{account}, token refresh"
        if not (app.client_id and app.client_secret):
            raise PlatformFailure(
                f"{where}: the app's client id and secret are not known",
                retryable=True,
                hint="Set LINKEDIN_CLIENT_ID and LINKEDIN_CLIENT_SECRET, or both on the account.",
            )
        form = {
            "grant_type": "refresh_token",
            "refresh_token": credentials.get("refresh_token"),
            "client_id": app.client_id,
            "client_secret": app.client_secret,
        }
        session = _token_session(where, account.settings, http)
        body = session.upload(
            "POST", address(account.settings, f"{_OAUTH}/accessToken"), seconds=25.0, data=form
        ).json
        return oauth.tokens(body, credentials, where)

    def identify(self, session: Session) -> Identity:
        """The author: the member, or the organization whose posts the token may read (r_organization_social)."""
        author = session.account_id or ""
        if _is_page(author):
            require_list(_finder(author, session, count=1).json, "elements", session.where)
            return Identity(external_id=author, handle=author)
        urn, name = session.once("member", _member)
        return Identity(external_id=urn, handle=name)

    def connect_accounts(
        self, grant: Grant, app: App, settings: Mapping[str, Any], http: Http
    ) -> list[Connectable]:
        """The member who consented; the organization where the setting `author` names one.

        Posting for an organization takes the scopes w_organization_social and r_organization_social, which LinkedIn
        grants only apps with its Community Management product: they are not among those asked for by default.

        Sources: https://learn.microsoft.com/en-us/linkedin/shared/authentication/authorization-code-flow and
        https://learn.microsoft.com/en-us/linkedin/consumer/integrations/self-serve/sign-in-with-linkedin-v2
        """
        where = "linkedin, connecting an account"
        parts = oauth.code_form(grant, app, client_secret=app.client_secret)
        session = _token_session(where, settings, http)
        body = session.upload("POST", address(settings, f"{_OAUTH}/accessToken"), **parts).json
        tokens = oauth.tokens(body, {}, where)
        session.authorize = _signing(str(tokens.credentials["access_token"]), API_VERSION)
        author = str(settings.get("author") or "")
        # A consent for a page alone need not allow to ask who the member is.
        urn, name = (author, author) if _is_page(author) else session.once("member", _member)
        return [Connectable(external_id=urn, handle=name, tokens=tokens, scopes=oauth.scopes(body))]


# --- who and where -----------------------------------------------------------------------------------------


def _author_of(account: Account) -> str | None:
    """The URN that posts go out as. A bare external id is a member's: LinkedIn refuses it if it is a page's."""
    author = str(account.settings.get("author") or account.external_id or "")
    if not author:
        return None
    urn = author if author.startswith("urn:") else f"urn:li:person:{author}"
    if not _AUTHOR.fullmatch(urn):
        raise PlatformFailure(
            f"{account}: {author!r} is nobody who could post",
            retryable=False,
            hint="Set author to urn:li:person:ID or urn:li:organization:ID.",
        )
    return urn


def _is_page(author: str) -> bool:
    return author.startswith("urn:li:organization:")


def _member(session: Session) -> tuple[str, str]:
    """URN and name of the member whose token it is.

    Source: https://learn.microsoft.com/en-us/linkedin/consumer/integrations/self-serve/sign-in-with-linkedin-v2
    """
    body = session.read("GET", "/v2/userinfo").json
    sub = require_str(body, "sub", session.where)
    return f"urn:li:person:{sub}", optional_str(body, "name") or sub


def _signing(token: str, version: str) -> Callable[[httpx.Request], None]:
    def sign(request: httpx.Request) -> None:
        request.headers["authorization"] = f"Bearer {token}"
        if "/rest/" in request.url.path:
            request.headers["linkedin-version"] = version
            request.headers["x-restli-protocol-version"] = "2.0.0"

    return sign


def _token_session(where: str, settings: Mapping[str, Any], http: Http) -> Session:
    return oauth.token_session(
        LinkedIn.declaration.base_url(settings),
        where,
        http,
        explain=partial(_explain, where=where),
        settings=settings,
    )


# --- uploads -----------------------------------------------------------------------------------------------


def _initialize(media: Media, author: str, session: Session) -> dict[str, Any]:
    """Announce one file; the entry to save."""
    request: dict[str, Any] = {"owner": author}
    if not media.is_video:
        value = _action("images", "initializeUpload", request, session)
        url = _upload_address(value, session)
        return {"id": require_str(value, "image", session.where), "url": url}
    request |= {"fileSizeBytes": media.size_bytes, "uploadCaptions": False, "uploadThumbnail": False}
    value = _action("videos", "initializeUpload", request, session)
    parts = [
        [
            require(part, "firstByte", int, session.where),
            require(part, "lastByte", int, session.where),
            _upload_address(part, session),
        ]
        for part in require_list(value, "uploadInstructions", session.where)
    ]
    token = value.get("uploadToken") or ""  # goes back even when empty
    return {"id": require_str(value, "video", session.where), "token": token, "parts": parts, "etags": []}


def _action(resource: str, action: str, request: Mapping[str, Any], session: Session) -> Any:
    answer = session.upload(
        "POST", f"/rest/{resource}", params={"action": action}, json={f"{action}Request": request}
    )
    return require(answer.json, "value", dict, session.where) if action == "initializeUpload" else None


def _upload_address(value: Any, session: Session) -> str:
    return require_str(value, "uploadUrl", session.where)


def _upload(upload: dict[str, Any], media: Media, author: str, session: Session) -> dict[str, Any]:
    """One request further: the image, one part of the video, or the word that all parts are there."""
    if "url" in upload:
        answer = _put(
            upload["url"],
            media,
            0,
            media.size_bytes or 0,
            session,
            signed=_is_trusted(upload["url"], session),
        )
        return _uploaded(upload) if answer.ok else _again(upload, media, author, session)
    if upload["parts"]:
        first, last, url = upload["parts"][0]
        # The addresses of a video's parts are signed themselves.
        answer = _put(url, media, first, last - first + 1, session, signed=False)
        if not answer.ok:
            return _again(upload, media, author, session)
        etag = answer.headers.get("etag", "").strip('"')
        if not etag:
            raise PlatformFailure(f"{session.where}: a part of {media.source} got no ETag", retryable=True)
        return {**upload, "parts": upload["parts"][1:], "etags": [*upload["etags"], etag]}
    # A killed run may have said so already.
    status = _status(upload["id"], session)
    if status is None:
        return _again(upload, media, author, session)
    if status == "WAITING_UPLOAD":
        request = {"video": upload["id"], "uploadToken": upload["token"], "uploadedPartIds": upload["etags"]}
        _action("videos", "finalizeUpload", request, session)
    return _uploaded(upload)


def _uploaded(upload: Mapping[str, Any]) -> dict[str, Any]:
    return {key: upload[key] for key in ("id", "again") if key in upload}


def _put(url: str, media: Media, offset: int, length: int, session: Session, *, signed: bool) -> Answer:
    return session.upload(
        "PUT",
        url,
        content=stream_part(media, offset, length),
        headers={"content-length": str(length), "content-type": "application/octet-stream"},
        signed=signed,
        accept=_STALE if signed else (401, *_STALE),
    )


def _is_trusted(url: str, session: Session) -> bool:
    return urlsplit(url).hostname in _UPLOAD_HOSTS | {urlsplit(session.base_url).hostname}


def _again(upload: Mapping[str, Any], media: Media, author: str, session: Session) -> dict[str, Any]:
    """Begin an upload anew that LinkedIn no longer knows, once."""
    if upload.get("again"):
        raise PlatformFailure(
            f"{session.where}: LinkedIn refuses the upload of {media.source}", retryable=True
        )
    return _initialize(media, author, session) | {"again": True}


def _status(urn: str, session: Session) -> str | None:
    """How far the platform is with an upload: AVAILABLE, PROCESSING, WAITING_UPLOAD; None: it does not know it.

    An image whose status we may not read counts as available. Raises Rejected once processing failed.
    """
    resource = "videos" if urn.startswith("urn:li:video:") else "images"
    path = f"/rest/{resource}/{quote(urn, safe='')}"
    answer = session.read("GET", path, accept=(403, 404) if resource == "images" else (404,))
    if answer.status == 404:
        return None
    if answer.status == 403:
        return "AVAILABLE"
    status = require_str(answer.json, "status", session.where)
    if status == "PROCESSING_FAILED":
        why = optional_str(answer.json, "processingFailureReason") or "LinkedIn does not say why"
        raise Rejected(f"{session.where}: LinkedIn could not process the {resource[:-1]}: {why[:300]}")
    return status


# --- the post ----------------------------------------------------------------------------------------------


def _commentary(step: Step) -> str:
    """The text as it goes out. A link beside media has no place of its own: it ends the text."""
    return escape(with_link(step.text, step.link) if step.media else step.text)


def _render(
    step: Step, settings: Mapping[str, Any], author: str, uploads: list[dict[str, Any]]
) -> dict[str, Any]:
    request: dict[str, Any] = {
        "author": author,
        "commentary": _commentary(step),
        "visibility": {**settings, **step.options}.get("visibility") or "PUBLIC",
        "distribution": {
            "feedDistribution": "MAIN_FEED",
            "targetEntities": [],
            "thirdPartyDistributionChannels": [],
        },
        "lifecycleState": "PUBLISHED",
        "isReshareDisabledByAuthor": False,
    }
    files = [
        {"id": upload["id"]} | ({"altText": media.alt} if media.alt and not media.is_video else {})
        for upload, media in zip(uploads, step.media, strict=False)
    ]
    options = step.options
    if len(files) > 1:
        request["content"] = {"multiImage": {"images": files}}
    elif files:
        title = (
            {"title": options["video_title"]} if options.get("video_title") and step.media[0].is_video else {}
        )
        request["content"] = {"media": files[0] | title}
    elif step.link:
        article = {"source": step.link, "title": options.get("link_title") or _host(step.link)}
        if options.get("link_description"):
            article["description"] = options["link_description"]
        request["content"] = {"article": article}
    return request


def _host(link: str) -> str:
    """The host of an http(s) address, empty for anything else."""
    found = re.match(r"https?://([^/?#\s]+)", link)
    return found[1] if found else ""


def _confirmed(urn: str) -> Confirmed:
    return Confirmed(remote_id=urn, url=f"https://www.linkedin.com/feed/update/{urn}/")


def _check_version(author: str, session: Session) -> None:
    """Meet a retired API version before the visible write, whose outcome a 426 would leave unknown; once in a run.

    A post with media made versioned requests already. What else this read is answered says nothing.
    """
    session.once("version", lambda s: _finder(author, s, count=1, accept=(400, 403, 404)))


def _finder(
    author: str, session: Session, *, count: int, start: int = 0, accept: Iterable[int] = ()
) -> Answer:
    """Posts of an author, latest changed first. `author` must stand before `q`."""
    query = {"author": author, "q": "author", "start": start, "count": count, "sortBy": "LAST_MODIFIED"}
    headers = {"x-restli-method": "FINDER"}
    return session.read("GET", "/rest/posts", params=query, headers=headers, accept=accept)


def _own_posts(author: str, session: Session, *, start: int) -> list[Any] | None:
    """One page; None where it may not be read."""
    answer = _finder(author, session, count=_PAGE, start=start, accept=(403,))
    return None if answer.status == 403 else require_list(answer.json, "elements", session.where)


def _moment(milliseconds: Any, where: str) -> datetime:
    try:
        return datetime.fromtimestamp(milliseconds / 1000, UTC)
    except (TypeError, ValueError, OverflowError, OSError) as exc:
        raise PlatformFailure(f"{where}: a post has no readable time", retryable=True) from exc


def _text(post: Mapping[str, Any]) -> str:
    """The text for comparing: unescaped, spaces straightened."""
    return " ".join(normalize("NFC", unescape(str(post.get("commentary") or ""))).split())


def _same(post: Mapping[str, Any], request: Mapping[str, Any]) -> bool | None:
    """Whether the post is the one requested; None: it may be, cut off or with its link rewritten."""
    ours, theirs = _text(request), _text(post)
    attached, shown = _attached(request), _attached(post)
    differs = bool(attached and shown) and attached != shown
    if differs and attached[0].startswith("urn:"):
        return False  # every upload has a URN of its own
    if ours == theirs:
        return True if attached == shown or (ours and not differs) else None
    return None if theirs and ours.startswith(theirs) else False


def _attached(post: Mapping[str, Any]) -> list[str]:
    """URNs of the media, or the address of the article; empty where the post does not say."""
    content = post.get("content")
    found: list[Any] = []
    if isinstance(content, Mapping):
        match content:
            case {"multiImage": {"images": [*images]}}:
                found = [image.get("id") for image in images if isinstance(image, Mapping)]
            case {"media": {"id": urn}}:
                found = [urn]
            case {"article": {"source": source}}:
                found = [str(source).rstrip("/")]
    return [str(item) for item in found]


# --- metrics -----------------------------------------------------------------------------------------------


class _Denied(AuthExpired):
    """The token is good, but not for this."""


def _elements(path: str, session: Session) -> list[Any]:
    answer = session.read("GET", path, accept=(403,))
    if "ACCESS_DENIED" in _codes(answer.json):
        raise _Denied(session.explain(answer).message, http_status=answer.status)
    if not answer.ok:
        raise session.explain(answer)
    return require_list(answer.json, "elements", session.where)


def _page_readings(remote_ids: Sequence[str], session: Session) -> dict[str, Reading]:
    """One request for each of the two kinds that posts are of. The brackets of a List stay as they are."""
    found: dict[str, Reading] = {}
    page = quote(str(session.account_id), safe="")
    for name, kind in (("shares", "urn:li:share:"), ("ugcPosts", "urn:li:ugcPost:")):
        urns = ",".join(quote(urn, safe="") for urn in remote_ids if urn.startswith(kind))
        if not urns:
            continue
        query = f"q=organizationalEntity&organizationalEntity={page}&{name}=List({urns})"
        for element in _elements(f"/rest/organizationalEntityShareStatistics?{query}", session):
            statistics = require(element, "totalShareStatistics", Mapping, session.where)
            urn = optional_str(element, "share") or require_str(element, "ugcPost", session.where)
            raw = counts(statistics, *_PAGE_COUNTS.values(), "uniqueImpressionsCount", "clickCount")
            found[urn] = Reading(**{ours: raw.get(theirs) for ours, theirs in _PAGE_COUNTS.items()}, raw=raw)
    return found


def _member_readings(remote_ids: Sequence[str], session: Session) -> dict[str, Reading]:
    """Of a single post. Without elements, the number is zero."""
    [urn] = remote_ids
    entity = f"({'ugc' if ':ugcPost:' in urn else 'share'}:{quote(urn, safe='')})"
    version = str(session.settings.get("api_version") or API_VERSION)
    raw: dict[str, int] = {}
    for theirs in _MEMBER_COUNTS.values():
        if theirs == "POST_SAVE" and version < _SAVES_SINCE:
            continue
        query = f"q=entity&entity={entity}&queryType={theirs}&aggregation=TOTAL"
        elements = _elements(f"/rest/memberCreatorPostAnalytics?{query}", session)
        # The documentation and most clients have "count", one has "value".
        for number in counts(elements[0], "count", "value").values() if elements else (0,):
            raw[theirs] = number
    return {urn: Reading(**{ours: raw.get(theirs) for ours, theirs in _MEMBER_COUNTS.items()}, raw=raw)}


# --- errors and limits -------------------------------------------------------------------------------------


def _explain(answer: Answer, where: str) -> PlatformError:
    """By the codes of the body where there are some, else by the status.

    Source: https://learn.microsoft.com/en-us/linkedin/shared/api-guide/concepts/error-handling
    """
    status, body = answer.status, answer.json
    detail = (optional_str(body, "message") or optional_str(body, "error_description") or "")[:300]
    said = f"{where}: HTTP {status}{': ' + detail if detail else ''}"
    codes = _codes(body)
    if status == 422 and b"DUPLICATE_POST" in answer.body:
        return Duplicate(said, http_status=status)
    if status in (401, 403):
        return AuthExpired(
            said,
            hint="Connect the account again. Posting needs the scope w_member_social, or w_organization_social and the "
            "role of an administrator of the page.",
            http_status=status,
        )
    if status == 426:
        return PlatformFailure(
            said,
            hint="LinkedIn has retired this version of its API: `socialcron accounts set ID api_version=YYYYMM` names "
            "a newer one.",
            retryable=False,
            http_status=status,
        )
    if status == 429:
        seconds = answer.retry_after
        if "retry-after" not in answer.headers and _DAILY.search(detail):
            seconds = (_midnight() - datetime.now(UTC)).total_seconds()
        return RateLimited(said, retry_after=seconds, http_status=status)
    if status == 409 or codes & {"MEDIA_ASSET_WAITING_UPLOAD", "EXPIRED_UPLOAD_URL"}:
        return PlatformFailure(said, retryable=True, http_status=status)
    return default_error(answer, where, detail)


def _codes(body: Any) -> set[str]:
    """Every code in an error: its own, and those of its inputs."""
    match body:
        case {"errorDetails": {"inputErrors": [*errors]}}:
            inner = {optional_str(error, "code") or "" for error in errors}
        case _:
            inner = set()
    return {optional_str(body, "code") or "", *inner}


def _limits_seen(answer: Answer) -> Iterable[LimitSeen]:
    """LinkedIn tells of limits only by refusing. Daily ones begin anew at midnight UTC.

    Source: https://learn.microsoft.com/en-us/linkedin/shared/api-guide/concepts/rate-limits
    """
    if answer.status == 429:
        posting = answer.method == "POST" and answer.path.endswith("/posts")
        daily = _DAILY.search(optional_str(answer.json, "message") or "")
        yield LimitSeen(
            family="publish" if posting else "read" if answer.method == "GET" else "media",
            reset_at=_midnight() if daily else None,
            retry_after=answer.retry_after,
            blocked=True,
        )


def _midnight() -> datetime:
    """The next one, UTC."""
    return datetime.now(UTC).replace(hour=0, minute=0, second=0, microsecond=0) + timedelta(days=1)
