"""Pinterest: Pins of one image, of a few, or of a video, on the account's own boards.

API: v5 (OpenAPI 5.23.0, December 2025). Documentation: https://developers.pinterest.com/docs/api/v5/

Pinterest knows no keys and refuses no duplicates: a Pin whose answer was lost is looked for on its board. How boards
are sorted is not promised (people may rearrange them), so a board is read to its end before a Pin counts as absent.
"""

from __future__ import annotations

import base64
import json
import re
from collections.abc import Iterable, Iterator, Mapping, Sequence
from datetime import UTC, datetime, timedelta
from functools import partial
from typing import Any, ClassVar
from unicodedata import normalize
from urllib.parse import quote

from socialcron.errors import (
    LONGEST_WAIT_SECONDS,
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
    count,
    counts,
    default_error,
    key_text,
    optional_str,
    require,
    require_list,
    require_str,
)
from socialcron.platforms.files import local_path, read_part
from socialcron.platforms.http import UPLOAD_SECONDS, Answer, Http, Session
from socialcron.platforms.rules import media_problems
from socialcron.platforms.text import field, utf16_units

_OPENAPI = "https://github.com/pinterest/api-description/blob/main/v5/openapi.json"
_THIRD = "https://www.ayrshare.com/docs/media-guidelines/pinterest.md"
_READ_ON = "2026-09-11"

_BASE64_TYPES = frozenset({"image/jpeg", "image/png"})
_PAGE = (
    250  # https://github.com/pinterest/api-description/blob/main/v5/openapi.json : the most one page holds
)
_MAX_PAGES = 40
_POLL_SECONDS = 10.0
_LIMITED_SECONDS = 60.0  # what a 429 without a word is waited for
_STALE = (400, 401, 403, 404, 405, 409, 410, 412)  # how the storage refuses an upload address that is over
_COUNTS = ("impression", "reaction", "comment", "save", "pin_click", "clickthrough")
_BLOCK_BYTES = 3 * 64 * 1024  # a multiple of 3: pieces of base64 that can be strung together


class Pinterest:
    declaration: ClassVar[Declaration] = Declaration(
        name="pinterest",
        title="Pinterest",
        documentation="https://developers.pinterest.com/docs/api/v5/",
        default_base_url="https://api.pinterest.com",
        features=frozenset({"media", "alt_text", "link"}),
        limits=(
            Limit(name="text", value=800, unit="UTF-16 units", source=_OPENAPI, date=_READ_ON),
            Limit(name="title", value=100, unit="UTF-16 units", source=_OPENAPI, date=_READ_ON),
            Limit(name="alt_text", value=500, unit="UTF-16 units", source=_OPENAPI, date=_READ_ON),
            Limit(name="link", value=2048, unit="characters", source=_OPENAPI, date=_READ_ON),
            Limit(name="images", value=5, unit="files", source=_OPENAPI, date=_READ_ON),
            Limit(name="videos", value=1, unit="files", source=_OPENAPI, date=_READ_ON),
        ),
        media=(
            MediaRule(
                kind="image",
                mime_types=_BASE64_TYPES,
                max_bytes=20_000_000,
                source=_THIRD,
                date=_READ_ON,
            ),
            MediaRule(
                kind="image",
                mime_types=frozenset({"image/gif", "image/webp", "image/bmp", "image/tiff"}),
                max_bytes=20_000_000,
                use="url",
                source=_THIRD,
                date=_READ_ON,
            ),
            MediaRule(
                kind="video",
                mime_types=frozenset({"video/mp4", "video/quicktime", "video/x-m4v"}),
                max_bytes=1_000_000_000,
                min_seconds=4,
                max_seconds=900,
                source=_THIRD,
                date=_READ_ON,
            ),
        ),
        credentials=(OAUTH2,),
        settings={"board_id": "number of the board that Pins go to, unless a post names another"},
        options={
            "board_id": "number of the board; unset: the account's",
            "title": "title of the Pin",
            "cover_image_url": "https address of a video's cover image",
            "cover_image_key_frame_time": "second of the video whose frame is its cover; 0 when unset",
        },
        metrics=Metrics(
            batch_size=1,
            counts=frozenset({"views", "likes", "comments", "saves"}),
            source=_OPENAPI,
            date=_READ_ON,
        ),
        authorization=Authorization(
            authorize_url="https://www.pinterest.com/oauth/",
            scopes=("boards:read", "boards:write", "pins:read", "pins:write", "user_accounts:read"),
            scope_separator=",",
        ),
        # Refresh tokens end 60 days after the last refresh, access tokens after about 30.
        refresh_early_seconds=10 * 86_400.0,
        reconcile="listing",
        settle_seconds=120,
        handle_ttl_seconds=6 * 3600,
        honest_limits="Apps with Trial access make Pins that only their creator sees, and 1,000 requests a day: real "
        "publishing needs Standard access. No idempotency key: a lost answer is settled by two looks through the whole "
        "board. A Pin has one alt text, that of its first image.",
    )

    def choose_key(self, seed: bytes, due_at: datetime, number: int) -> str:
        """Pinterest knows no keys; ours only tells the step apart in our own records."""
        return key_text(seed)

    def validate(self, steps: Sequence[Step], settings: Mapping[str, Any]) -> list[Problem]:
        return [problem for step in steps for problem in self._problems(step, settings)]

    def _problems(self, step: Step, settings: Mapping[str, Any]) -> Iterator[Problem]:
        limit, choice = self.declaration.limit, {**settings, **step.options}
        yield from self._media_problems(step.media)
        texts = {field(step): ("text", step.text), "options.title": ("title", choice.get("title") or "")}
        texts |= {f"media[{n}]": ("alt_text", item.alt or "") for n, item in enumerate(step.media[:1], 1)}
        for name, (what, text) in texts.items():
            if not isinstance(text, str):
                yield Problem(field=name, message="must be a text")
            elif (length := utf16_units(text)) > limit(what):
                said = "alt text of " if what == "alt_text" else ""
                most = f"Pinterest takes at most {limit(what):.0f}"
                yield Problem(field=name, message=f"{said}{length} characters (an emoji is two), {most}")
        board = choice.get("board_id")
        if not re.fullmatch(r"\d+", str(board), re.ASCII):
            message = "every Pin needs a board" if board is None else f"{board!r} is not a board's number"
            yield Problem(
                field="options.board_id",
                message=f"{message}: set board_id for the post, or `socialcron accounts set ID board_id=NUMBER`",
            )
        if step.link and not step.link.startswith(("https://", "http://")):
            yield Problem(field="link", message=f"{step.link!r} is no http(s) address")
        if step.link and len(step.link) > limit("link"):
            yield Problem(
                field="link",
                message=f"{len(step.link)} characters, Pinterest takes at most {limit('link'):.0f}",
            )
        cover = choice.get("cover_image_url")
        if cover is not None and not str(cover).startswith("https://"):
            yield Problem(field="options.cover_image_url", message=f"{cover!r} is no https address")
        if count(choice.get("cover_image_key_frame_time", 0)) is None:
            yield Problem(
                field="options.cover_image_key_frame_time", message="must be a whole number of seconds"
            )

    def _media_problems(self, media: Sequence[Media]) -> Iterator[Problem]:
        most = int(self.declaration.limit("images"))
        if not media:
            yield Problem(field="media", message="there is none: a Pin needs an image or a video")
        if len(media) > most:
            yield Problem(field="media", message=f"{len(media)} files, Pinterest takes at most {most} images")
        elif len(media) > 1 and any(item.is_video for item in media):
            yield Problem(
                field="media", message=f"{len(media)} files, Pinterest takes 1 video or {most} images"
            )
        sizes = {(item.width, item.height) for item in media if item.width and item.height}
        if len(sizes) > 1:
            shown = ", ".join(f"{width}x{height}" for width, height in sorted(sizes))
            yield Problem(
                field="media", message=f"images of several sizes ({shown}), Pinterest takes one size a Pin"
            )
        use = "url" if _by_address(media) else ""
        yield from media_problems(media, self.declaration.media, use=use)

    def connect(self, account: Account, credentials: Mapping[str, Any], app: App, http: Http) -> Session:
        where, token = str(account), credentials.get("access_token")
        if not token:
            raise AuthExpired(f"{where}: there is no access token", hint="Connect the account again.")
        return Session(
            base_url=self.declaration.base_url(account.settings),
            where=where,
            http=http,
            authorize=oauth.bearer(token),
            explain=partial(_explain, where=where),
            limits=_limits_seen,
            account_id=account.external_id,
            settings=account.settings,
            app=app,
        )

    def prepare(self, step: Step, session: Session) -> Saved | Wait | Ready:
        """A video is registered, uploaded and waited for; images need nothing before the Pin itself.

        handles: `account_id` (None: may not be read), `video` = {media_id, url, parameters}, the latter two until it is
        uploaded; `again`: it is, for the second time.
        Source: https://developers.pinterest.com/docs/work-with-organic-content-and-users/create-boards-and-pins/
        """
        handles = {**step.handles, "account_id": session.once("account_id", _account_id)}
        media = step.media[0]
        if not media.is_video:
            return Ready(request=_render(step, session.settings, None), handles=handles)
        video = handles.get("video")
        if video is None:
            return Saved(handles={**handles, "video": _register(session)})
        status = _status(video["media_id"], session)
        if status == "failed":
            raise Rejected(f"{session.where}: Pinterest could not process {media.source}")
        if status is None:
            return Saved(handles={**handles, "video": _again(video, media, session)})
        if status == "registered" and "url" in video:
            done = _upload(video, media, session)
            kept = {key: video[key] for key in ("media_id", "again") if key in video}
            return Saved(handles={**handles, "video": kept if done else _again(video, media, session)})
        if status != "succeeded":
            return Wait(handles=handles, seconds=_POLL_SECONDS)
        return Ready(request=_render(step, session.settings, video["media_id"]), handles=handles)

    def send_step(self, step: PreparedStep, session: Session) -> Confirmed:
        """Create one Pin from the stored request. Images without an address go along as base64, read as they are sent.

        Raises RateLimited, Rejected, AuthExpired, Unavailable, OutcomeUnknown, PlatformFailure.
        Source: https://developers.pinterest.com/docs/api/v5/pins-create/
        """
        try:
            answer = session.write("POST", "/v5/pins", **_body(step, session.where))
        except AuthExpired as exc:
            # 403 is also the answer to somebody else's board: one that the post chose is no reason to stop the account.
            if exc.http_status != 403 or step.request["board_id"] == str(session.settings.get("board_id")):
                raise
            raise Rejected(exc.message, hint=exc.hint, http_status=403) from exc
        remote_id = optional_str(answer.json, "id")
        if remote_id is None:
            raise OutcomeUnknown(
                f"{session.where}: HTTP {answer.status} without the id of the Pin", http_status=answer.status
            )
        return _confirmed(remote_id)

    def reconcile(self, step: PreparedStep, session: Session) -> Look:
        """Read the whole board and compare the Pins made since 60 s before the first send.

        Source: https://developers.pinterest.com/docs/api/v5/boards-list_pins/
        """
        if step.first_sending_at is None:
            return Look(complete=False)
        since = step.first_sending_at - timedelta(seconds=60)
        account_id = session.once("account_id", _account_id)
        same_account = account_id is not None and account_id == step.handles.get("account_id")
        matches = []
        bookmark: str | None = None
        for _ in range(_MAX_PAGES):
            query = {"page_size": str(_PAGE)} | ({"bookmark": bookmark} if bookmark else {})
            body = session.read("GET", f"/v5/boards/{step.request['board_id']}/pins", params=query).json
            for pin in require_list(body, "items", session.where):
                pin_id = require_str(pin, "id", session.where)
                if _created_at(pin, session.where) >= since and _said(pin) == _said(step.request):
                    matches.append(_confirmed(pin_id))
            following = optional_str(body, "bookmark")
            if following is None or following == bookmark:
                break
            bookmark = following
        if matches and not any(_said(step.request)[1:]):
            return Look(complete=False)  # without words, any Pin of the owner's on this board would be ours
        return Look(matches=tuple(matches), complete=following is None and same_account)

    def read_metrics(self, remote_ids: Sequence[str], session: Session) -> Mapping[str, Reading | Closed]:
        """Lifetime counts of one Pin, and where one is missing there, that of 90 days: no post is read for so long.

        They come a day or two late. What Pinterest refuses about a Pin (not found, not the account's), it refuses
        for good.
        Source: https://developers.pinterest.com/docs/api/v5/pins-get/
        """
        [pin_id] = remote_ids
        answer = session.read(
            "GET", f"/v5/pins/{quote(pin_id, safe='')}", params={"pin_metrics": "true"}, accept=(403, 404)
        )
        if not answer.ok:
            refusal = session.explain(answer)
            if optional_str(answer.json, "message") is None:
                raise refusal
            return {pin_id: Closed(refusal)}
        require_str(answer.json, "id", session.where)
        told = answer.json.get("pin_metrics") or {}
        spans = [told.get(span) for span in ("90d", "lifetime_metrics")] if isinstance(told, Mapping) else []
        raw = {name: number for span in spans for name, number in counts(span, *_COUNTS).items()}
        return {
            pin_id: Reading(
                views=raw.get("impression"),
                likes=raw.get("reaction"),
                comments=raw.get("comment"),
                saves=raw.get("save"),
                raw=raw,
            )
        }

    def can_refresh(self, credentials: Mapping[str, Any]) -> bool:
        return bool(credentials.get("refresh_token"))

    def refresh(self, account: Account, credentials: Mapping[str, Any], app: App, http: Http) -> Tokens:
        """Trade the refresh token for new tokens; each refresh token lives 60 days, and so on without end.

        Source: https://developers.pinterest.com/docs/getting-started/set-up-authentication-and-authorization/
        """
        where = f"{account}, token refresh"
        if not (app.client_id and app.client_secret):
            raise PlatformFailure(
                f"{where}: the app's client id and secret are not known",
                retryable=True,
                hint="Set PINTEREST_CLIENT_ID and PINTEREST_CLIENT_SECRET, or both on the account.",
            )
        form = {"grant_type": "refresh_token", "refresh_token": credentials.get("refresh_token")}
        session = _token_session(where, account.settings, app, http)
        body = session.upload("POST", "/v5/oauth/token", seconds=25.0, data=form).json
        return oauth.tokens(body, credentials, where)

    def identify(self, session: Session) -> Identity:
        """Source: https://developers.pinterest.com/docs/api/v5/user_account-get/"""
        body = session.read("GET", "/v5/user_account").json
        return Identity(
            external_id=require_str(body, "id", session.where), handle=optional_str(body, "username") or ""
        )

    def connect_accounts(
        self, grant: Grant, app: App, settings: Mapping[str, Any], http: Http
    ) -> list[Connectable]:
        """The account that consented; its only board becomes the setting `board_id`, of several the user names one.

        continuous_refresh: without it, apps made before 2025-09-25 would get a refresh token that ends for good.
        Source: https://developers.pinterest.com/docs/getting-started/set-up-authentication-and-authorization/
        """
        where = "pinterest, connecting an account"
        parts = oauth.code_form(grant, app, include_client_id=False, continuous_refresh="true")
        session = _token_session(where, settings, app, http)
        body = session.upload("POST", "/v5/oauth/token", **parts).json
        tokens = oauth.tokens(body, {}, where)
        session.authorize = oauth.bearer(str(tokens.credentials["access_token"]))
        who = self.identify(session)
        listed = session.read("GET", "/v5/boards", params={"page_size": str(_PAGE)}).json
        boards = require_list(listed, "items", where)
        alone = {"board_id": require_str(boards[0], "id", where)} if len(boards) == 1 else {}
        return [
            Connectable(
                external_id=who.external_id,
                handle=who.handle,
                tokens=tokens,
                settings={} if settings.get("board_id") else alone,
                scopes=oauth.scopes(body),
            )
        ]


# --- who and where -----------------------------------------------------------------------------------------


def _token_session(where: str, settings: Mapping[str, Any], app: App, http: Http) -> Session:
    """Proves which app it is in the header: client id and secret never go into the form."""
    return oauth.token_session(
        Pinterest.declaration.base_url(settings),
        where,
        http,
        authorize=oauth.basic(app),
        explain=partial(_explain, where=where),
        settings=settings,
    )


def _account_id(session: Session) -> str | None:
    """Whose token it is; None where the scope user_accounts:read is missing."""
    answer = session.read("GET", "/v5/user_account", accept=(403,))
    return require_str(answer.json, "id", session.where) if answer.ok else None


# --- videos ------------------------------------------------------------------------------------------------


def _register(session: Session) -> dict[str, Any]:
    """Announce a video; the handle to save.

    Source: https://developers.pinterest.com/docs/api/v5/media-create/
    """
    body = session.upload("POST", "/v5/media", json={"media_type": "video"}).json
    return {
        "media_id": require_str(body, "media_id", session.where),
        "url": require_str(body, "upload_url", session.where),
        "parameters": require(body, "upload_parameters", dict, session.where),
    }


def _again(video: Mapping[str, Any], media: Media, session: Session) -> dict[str, Any]:
    """Begin an upload anew that is no longer known, once."""
    if video.get("again"):
        raise PlatformFailure(f"{session.where}: the upload of {media.source} is refused", retryable=True)
    return _register(session) | {"again": True}


def _status(media_id: str, session: Session) -> str | None:
    """registered, processing, succeeded or failed; None: Pinterest does not know it.

    Source: https://developers.pinterest.com/docs/api/v5/media-get/
    """
    answer = session.read("GET", f"/v5/media/{media_id}", accept=(404,))
    return require_str(answer.json, "status", session.where) if answer.ok else None


def _upload(video: Mapping[str, Any], media: Media, session: Session) -> bool:
    """Bring the file to the address given, in one form whose last field it is; False: the address is over.

    The form is signed itself: our token has no business there.
    """
    size = media.size_bytes or 0
    try:
        with local_path(media).open("rb") as file:
            answer = session.upload(
                "POST",
                video["url"],
                data=video["parameters"],
                files={"file": (local_path(media).name, file, media.mime_type or "video/mp4")},
                signed=False,
                accept=_STALE,
                seconds=max(
                    UPLOAD_SECONDS, size / 500_000
                ),  # cannot be taken up halfway: slow lines get their time
            )
    except OSError as exc:
        raise Rejected(f"{session.where}: media {media.source} cannot be read ({exc.strerror})") from exc
    return answer.ok


# --- the Pin -----------------------------------------------------------------------------------------------


def _by_address(media: Sequence[Media]) -> bool:
    """Whether Pinterest can fetch all of the images itself."""
    return all(item.url for item in media)


def _render(step: Step, settings: Mapping[str, Any], media_id: str | None) -> dict[str, Any]:
    """The JSON of POST /v5/pins. Each empty `data` is filled with the next file when it is sent."""
    choice = {**settings, **step.options}
    request: dict[str, Any] = {"board_id": str(choice["board_id"]), "media_source": {}}
    texts = {
        "title": choice.get("title"),
        "description": step.text,
        "link": step.link,
        "alt_text": step.media[0].alt,
    }
    request |= {name: text for name, text in texts.items() if text}
    if media_id is not None:
        cover = choice.get("cover_image_url")
        request["media_source"] = {"source_type": "video_id", "media_id": media_id} | (
            {"cover_image_url": cover}
            if cover
            else {"cover_image_key_frame_time": count(choice.get("cover_image_key_frame_time", 0))}
        )
        return request
    if by_address := _by_address(step.media):
        items = [{"url": item.url} for item in step.media]
    else:
        items = [{"content_type": item.mime_type, "data": ""} for item in step.media]
    if len(items) > 1:
        kind = "multiple_image_urls" if by_address else "multiple_image_base64"
        request["media_source"] = {"source_type": kind, "items": items}
    else:
        request["media_source"] = {"source_type": "image_url" if by_address else "image_base64", **items[0]}
    return request


def _body(step: PreparedStep, where: str) -> dict[str, Any]:
    """The stored request as parts of an HTTP request, with the files in their places."""
    # Inside a JSON string every quote is escaped, so that these bytes are nothing a user wrote.
    pieces = json.dumps(dict(step.request), separators=(",", ":")).encode().split(b'"data":""')
    if len(pieces) == 1:
        return {"json": dict(step.request)}
    files = step.media
    if len(files) != len(pieces) - 1:
        raise PlatformFailure(f"{where}: {len(pieces) - 1} files belong to the Pin", retryable=True)
    for media in files:
        read_part(media, 0, 1)  # what cannot be read is said before a byte is sent
    length = sum(map(len, pieces)) + sum(len('"data":""') + (_size(media) + 2) // 3 * 4 for media in files)

    def content() -> Iterator[bytes]:
        yield pieces[0]
        for media, piece in zip(files, pieces[1:], strict=True):
            yield b'"data":"'
            for offset in range(0, _size(media), _BLOCK_BYTES):
                yield base64.b64encode(read_part(media, offset, _BLOCK_BYTES))
            yield b'"' + piece

    return {
        "content": content(),
        "headers": {"content-type": "application/json", "content-length": str(length)},
    }


def _size(media: Media) -> int:
    return media.size_bytes or 0


def _confirmed(remote_id: str) -> Confirmed:
    return Confirmed(remote_id=remote_id, url=f"https://www.pinterest.com/pin/{remote_id}/")


def _said(pin: Mapping[str, Any]) -> list[str]:
    """What tells Pins apart: board, title, description, link without the slash at its end; spaces straightened."""
    texts = [
        " ".join(normalize("NFC", str(pin.get(name) or "")).split()) for name in ("title", "description")
    ]
    return [str(pin.get("board_id")), *texts, str(pin.get("link") or "").rstrip("/")]


def _created_at(pin: Mapping[str, Any], where: str) -> datetime:
    """Times have no zone: they are UTC."""
    try:
        moment = datetime.fromisoformat(require_str(pin, "created_at", where))
    except ValueError as exc:
        raise PlatformFailure(f"{where}: a Pin has no readable created_at", retryable=True) from exc
    return moment if moment.tzinfo else moment.replace(tzinfo=UTC)


# --- errors and limits -------------------------------------------------------------------------------------


def _explain(answer: Answer, where: str) -> PlatformError:
    """By the status: the `code` of the body is a number of Pinterest's own.

    Source: https://developers.pinterest.com/docs/api/v5/
    """
    status, detail = answer.status, (optional_str(answer.json, "message") or "")[:300]
    said = f"{where}: HTTP {status}{': ' + detail if detail else ''}"
    if status in (401, 403):
        hint = (
            "Connect the account again."
            if status == 401
            else "Does the token have the scopes boards:write and pins:write, is the board the account's own, and has "
            "the app more than Trial access?"
        )
        return AuthExpired(said, hint=hint, http_status=status)
    if status == 409:
        return Duplicate(said, http_status=status)
    if status == 429:
        seconds = answer.retry_after
        if "retry-after" not in answer.headers:
            seconds = _reset_seconds(answer) or _LIMITED_SECONDS
        return RateLimited(said, retry_after=seconds, http_status=status)
    return default_error(answer, where, detail)


def _limits_seen(answer: Answer) -> Iterable[LimitSeen]:
    """x-ratelimit headers, whose reset is in seconds from now.

    Clients report them (gitroomhq/postiz-app, seen 2026-09-11); documented is that there are limits:
    https://developers.pinterest.com/docs/reference/rate-limits/
    """
    headers = answer.headers
    if answer.status != 429 and "x-ratelimit-remaining" not in headers:
        return
    posting = answer.method == "POST"
    seconds = _reset_seconds(answer)
    yield LimitSeen(
        family="publish" if posting and answer.path.endswith("/pins") else "media" if posting else "read",
        limit=count(headers.get("x-ratelimit-limit")),
        remaining=count(headers.get("x-ratelimit-remaining")),
        reset_at=None if seconds is None else datetime.now(UTC) + timedelta(seconds=seconds),
        retry_after=answer.retry_after,
        blocked=answer.status == 429,
    )


def _reset_seconds(answer: Answer) -> int | None:
    seconds = count(answer.headers.get("x-ratelimit-reset"))
    return seconds if seconds is not None and seconds <= LONGEST_WAIT_SECONDS else None
