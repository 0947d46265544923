"""Mastodon and servers that speak its API (glitch-soc, Hometown, Pleroma, Akkoma, GoToSocial, Pixelfed, ...).

API: REST v1 and v2 as of Mastodon 4.5. Documentation: https://docs.joinmastodon.org/api/

The limits declared here are those of an unchanged Mastodon. Each server has its own, read before the first
upload. A link has no field of its own: it is put on a line at the end of the text, unless the text contains
it already; the server makes the preview card. Own posts are found again by what they say: servers turn text
into HTML, so the source is asked for where there is one, and else letters and digits are compared.
"""

from __future__ import annotations

import re
import unicodedata
from collections.abc import Iterable, Iterator, Mapping, Sequence
from contextlib import suppress
from dataclasses import replace
from datetime import datetime, timedelta
from functools import partial
from html.parser import HTMLParser
from typing import Any, ClassVar, Literal
from urllib.parse import parse_qs, quote, unquote, urlsplit

from socialcron.errors import (
    AuthExpired,
    OutcomeUnknown,
    PlatformError,
    PlatformFailure,
    RateLimited,
    Rejected,
    Unavailable,
)
from socialcron.model import (
    Account,
    Confirmed,
    Connectable,
    Gone,
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
    count,
    counts,
    default_error,
    inside,
    key_text,
    moment,
    optional_str,
    require_moment,
    require_str,
)
from socialcron.platforms.files import file_name, open_file
from socialcron.platforms.http import Answer, Http, Session
from socialcron.platforms.rules import flag, media_problems
from socialcron.platforms.text import field, graphemes, links, with_link

_INSTANCE = "https://docs.joinmastodon.org/entities/Instance/"
_POSTING = "https://docs.joinmastodon.org/user/posting/"
_STATUSES = "https://docs.joinmastodon.org/methods/statuses/"
_READ_ON = "2026-07-15"

_PAGE = 40  # https://docs.joinmastodon.org/methods/accounts/#statuses : the most one page holds
_MAX_PAGES = 50
_POLL_MEDIA_SECONDS = 2.0
_VISIBILITIES = ("public", "unlisted", "private", "direct")
_NO_SUCH = (404, 405)
_GONE = (404, 410)
_SCOPES = ("read:accounts", "read:statuses", "write:statuses", "write:media")


def _rule(kind: Literal["image", "video", "audio"], max_bytes: int, subtypes: str) -> MediaRule:
    mime_types = frozenset(f"{kind}/{subtype}" for subtype in subtypes.split())
    return MediaRule(kind=kind, mime_types=mime_types, max_bytes=max_bytes, source=_INSTANCE, date=_READ_ON)


class Mastodon:
    declaration: ClassVar[Declaration] = Declaration(
        name="mastodon",
        title="Mastodon and compatible servers",
        documentation="https://docs.joinmastodon.org/api/",
        default_base_url=None,
        features=frozenset({"media", "alt_text", "link", "thread", "first_comment", "poll"}),
        limits=(
            Limit(name="text", value=500, unit="characters", source=_POSTING, date=_READ_ON),
            Limit(name="url", value=23, unit="characters each", source=_POSTING, date=_READ_ON),
            Limit(name="media", value=4, unit="attachments", source=_POSTING, date=_READ_ON),
            Limit(name="videos", value=1, unit="attachments", source=_POSTING, date=_READ_ON),
            Limit(name="alt_text", value=1500, unit="characters", source=_INSTANCE, date=_READ_ON),
            Limit(name="poll_options", value=4, unit="options", source=_INSTANCE, date=_READ_ON),
            Limit(name="poll_option", value=50, unit="characters", source=_INSTANCE, date=_READ_ON),
            Limit(name="poll_min_seconds", value=300, unit="seconds", source=_INSTANCE, date=_READ_ON),
            Limit(name="poll_max_seconds", value=2_629_746, unit="seconds", source=_INSTANCE, date=_READ_ON),
        ),
        media=(
            _rule("image", 16_777_216, "jpeg png gif heic heif webp avif"),
            _rule("video", 103_809_024, "mp4 quicktime webm ogg"),
            _rule("audio", 103_809_024, "mpeg mp4 aac ogg webm flac wav 3gpp"),
        ),
        credentials=(OAUTH2,),
        # https://docs.joinmastodon.org/methods/oauth/#authorize ; PKCE since 4.3, and older servers ignore it
        authorization=Authorization(
            authorize_url="/oauth/authorize", scopes=_SCOPES, pkce="S256", registers_app=True
        ),
        settings={
            "base_url": "the account's own server, as in https://mastodon.social",
            "visibility": "public, unlisted, private or direct; unset: the account's own default",
            "language": "ISO 639 code of the posts, as in en",
            "sensitive": "true hides media behind a warning",
            "spoiler_text": "content warning shown instead of the text",
            "max_characters": "most characters of a post, where the server allows other than 500",
        },
        options={
            "visibility": "public, unlisted, private or direct",
            "language": "ISO 639 code, as in en",
            "sensitive": "true hides media behind a warning",
            "spoiler_text": "content warning shown instead of the text",
        },
        # A second request asks for one post that the first one left out.
        metrics=Metrics(
            batch_size=20,
            counts=frozenset({"likes", "comments", "shares"}),
            requests=2,
            source=f"{_STATUSES}#index",
            date=_READ_ON,
        ),
        reconcile="key",
        # https://docs.joinmastodon.org/methods/statuses/#create "Idempotency-Key ... stored for up to 1 hour"
        key_ttl_seconds=3600,
        # Unattached uploads live about a day (unverified); `prepare` asks for each before it relies on it.
        handle_ttl_seconds=6 * 3600,
        honest_limits="Servers other than Mastodon and its forks may ignore idempotency keys: there, posts "
        "whose outcome is unknown are looked for in the account's own posts.",
    )

    def choose_key(self, seed: bytes, due_at: datetime, number: int) -> str:
        return key_text(seed)

    def validate(self, steps: Sequence[Step], settings: Mapping[str, Any]) -> list[Problem]:
        """Against an unchanged Mastodon's limits; the server's own are checked in `prepare`.

        settings["max_characters"] raises (or lowers) the text limit for servers that set another one.
        """
        limits = _default_limits()
        limits["text"] = count(settings.get("max_characters")) or limits["text"]
        return [problem for step in steps for problem in _problems(step, settings, limits)]

    def connect(self, account: Account, credentials: Mapping[str, Any], app: App, http: Http) -> Session:
        where, token = str(account), credentials.get("access_token")
        if not token:
            raise AuthExpired(f"{where}: there is no access token")
        return Session(
            base_url=_base_url(account.settings, where),
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
        """The server's limits and whose token it is, then one upload per call, then the rendered status.

        handles: `account_id`, `key_works`, `media` = [{"id", "again"}] in the order of the step's media.

        Every id is asked for before it is used: servers purge uploads that no status uses, and a forgotten
        one (404) is uploaded again. Where that one is unknown at once, too, the server cannot be asked about
        media, and the id is believed.
        Source: https://docs.joinmastodon.org/methods/media/
        """
        handles = dict(step.handles)
        if "key_works" not in handles:
            limits, handles["key_works"] = session.once("instance", _ask_instance)
            if problems := list(_problems(step, session.settings, limits)):
                raise Rejected(f"{session.where}: the server refuses {'; '.join(map(str, problems))}")
            # Asked for, whatever id is on record: looking at another account would prove nothing.
            handles["account_id"] = session.once("me", self.identify).external_id

        uploaded = list(handles.get("media", ()))
        if len(uploaded) < len(step.media):
            uploaded.append({"id": _upload(step.media[len(uploaded)], session), "again": False})
            return Saved(handles={**handles, "media": uploaded})
        for index, item in enumerate(uploaded):
            answer = session.read("GET", f"/api/v1/media/{item['id']}", accept=_NO_SUCH)
            if answer.status == 206:
                return Wait(handles=handles, seconds=_POLL_MEDIA_SECONDS)
            if answer.status in _NO_SUCH and not item["again"]:
                uploaded[index] = {"id": _upload(step.media[index], session), "again": True}
                return Saved(handles={**handles, "media": uploaded})
        return Ready(
            request=_render(step, session.settings, [item["id"] for item in uploaded]), handles=handles
        )

    def send_step(self, step: PreparedStep, session: Session) -> Confirmed:
        """Create one status from the stored request; return its id and public URL.

        `step.key` goes out as Idempotency-Key. `url` is the `uri` on servers that leave `url` null.

        Raises RateLimited, Rejected, AuthExpired, Unavailable, PlatformFailure, OutcomeUnknown.
        Source: https://docs.joinmastodon.org/methods/statuses/#create
        """
        answer = session.write(
            "POST", "/api/v1/statuses", json=dict(step.request), headers={"idempotency-key": step.key}
        )
        remote_id = optional_str(answer.json, "id")
        if remote_id is None:
            raise OutcomeUnknown(
                f"{session.where}: the answer to the new status has no id", http_status=answer.status
            )
        return _confirmed(answer.json, remote_id)

    def reconcile(self, step: PreparedStep, session: Session) -> Look:
        """Look for the step among the account's own posts, back to 60 s before its first send.

        `complete` takes more than 200s: the token must still be that of the account which sent, or it would
        not be shown private posts, and the pages must reach back far enough.
        Source: https://docs.joinmastodon.org/methods/accounts/#statuses
        """
        account_id, key_works = step.handles.get("account_id"), step.handles.get("key_works") is True
        if account_id is None or step.first_sending_at is None:
            return Look(complete=False, key_works=key_works)
        same_account = self.identify(session).external_id == account_id
        since = step.first_sending_at - timedelta(seconds=60)
        statuses, reached = _own_statuses(account_id, since, session)
        matches = [
            _confirmed(status, require_str(status, "id", session.where))
            for status in statuses
            if _same_shape(status, step.request) and _same_text(status, step.request, session)
        ]
        return Look(matches=tuple(matches), complete=reached and same_account, key_works=key_works)

    def read_metrics(self, remote_ids: Sequence[str], session: Session) -> Mapping[str, Reading | Gone]:
        """Counts as this server knows them. Views and bookmarks are not told.

        A batch (since Mastodon 4.3) leaves out what is deleted or hidden without a word: one post that was left out is
        asked for by itself each time, and is gone where the server knows no such record.
        Sources: https://docs.joinmastodon.org/methods/statuses/#index and #get
        """
        if len(remote_ids) == 1:
            return {remote_ids[0]: _status(remote_ids[0], session)}
        query = {"id[]": list(remote_ids)}
        answer = session.read("GET", "/api/v1/statuses", params=query, accept=_NO_SUCH)
        if not answer.ok:
            raise OneByOne(f"{session.where}: the server has no batches of posts", retryable=True)
        if not isinstance(answer.json, list):
            raise PlatformFailure(f"{session.where}: the batch of posts is not a list", retryable=True)
        shown = {optional_str(status, "id"): status for status in answer.json}
        found: dict[str, Reading | Gone] = {
            remote_id: _reading(shown[remote_id]) for remote_id in remote_ids if remote_id in shown
        }
        if left_out := [remote_id for remote_id in remote_ids if remote_id not in shown]:
            with suppress(PlatformError):  # what came is kept
                found[left_out[0]] = _status(left_out[0], session)
        return found

    def can_refresh(self, credentials: Mapping[str, Any]) -> bool:
        """Mastodon's own tokens never expire and come without a refresh token; some other servers' do."""
        return bool(credentials.get("refresh_token"))

    def refresh(self, account: Account, credentials: Mapping[str, Any], app: App, http: Http) -> Tokens:
        """Trade the refresh token for new tokens.

        Source: https://docs.joinmastodon.org/methods/oauth/#token and RFC 6749 section 6.
        """
        where = str(account)
        form = {"grant_type": "refresh_token", "refresh_token": credentials.get("refresh_token")}
        secrets = {"client_id": app.client_id, "client_secret": app.client_secret}
        form |= {name: value for name, value in secrets.items() if value}
        session = _token_session(where, account.settings, http)
        answer = session.upload("POST", "/oauth/token", seconds=25.0, data=form)
        return oauth.tokens(answer.json, credentials, where)

    def identify(self, session: Session) -> Identity:
        """Source: https://docs.joinmastodon.org/methods/accounts/#verify_credentials"""
        body = session.read("GET", "/api/v1/accounts/verify_credentials").json
        return Identity(
            external_id=require_str(body, "id", session.where), handle=optional_str(body, "acct") or ""
        )

    def register_app(
        self, redirect_uri: str, scopes: Sequence[str], settings: Mapping[str, Any], http: Http
    ) -> App:
        """A new app for each consent: it is bound to the redirect address, and costs nothing.

        `redirect_uris` is a text, for servers before 4.3 take no list.
        Source: https://docs.joinmastodon.org/methods/apps/#create
        """
        where = f"mastodon server {settings.get('base_url')}"
        session = _token_session(where, settings, http)
        fields = {
            "client_name": "socialcron",
            "redirect_uris": redirect_uri,
            "scopes": " ".join(scopes),
            "website": "https://pypi.org/project/socialcron/",
        }
        body = session.upload("POST", "/api/v1/apps", seconds=25.0, json=fields).json
        return App(
            client_id=require_str(body, "client_id", where),
            client_secret=require_str(body, "client_secret", where),
        )

    def connect_accounts(
        self, grant: Grant, app: App, settings: Mapping[str, Any], http: Http
    ) -> list[Connectable]:
        """The one account that consented. The app goes into its credentials: nobody else knows it.

        Source: https://docs.joinmastodon.org/methods/oauth/#token
        """
        where = f"mastodon server {settings.get('base_url')}"
        session = _token_session(where, settings, http)
        parts = oauth.code_form(grant, app, client_secret=app.client_secret)
        answer = session.upload("POST", "/oauth/token", seconds=25.0, **parts)
        own_app = {"client_id": app.client_id, "client_secret": app.client_secret}
        tokens = oauth.tokens(answer.json, {name: value for name, value in own_app.items() if value}, where)
        session.authorize = oauth.bearer(str(tokens.credentials["access_token"]))
        who = self.identify(session)
        host = urlsplit(session.base_url).hostname
        return [
            Connectable(
                external_id=who.external_id,
                handle=f"@{who.handle}@{host}",
                tokens=tokens,
                scopes=oauth.scopes(answer.json),
            )
        ]


# --- limits --------------------------------------------------------------------------------------------


def _default_limits() -> dict[str, Any]:
    """An unchanged Mastodon's limits by name, as declared, and its rules for attachments as `media_rules`."""
    declared = Mastodon.declaration
    return {limit.name: int(limit.value) for limit in declared.limits} | {"media_rules": declared.media}


def _media_rules(told: Mapping[str, Any]) -> tuple[MediaRule, ...]:
    """The declared rules with what the server says of itself in `media_attachments`."""
    kinds = told.get("supported_mime_types")
    most = {
        "image": count(told.get("image_size_limit")),
        "video": count(told.get("video_size_limit")),
        "audio": count(told.get("video_size_limit")),
    }
    return tuple(
        replace(
            rule,
            mime_types=frozenset(kind for kind in kinds if str(kind).startswith(rule.kind))
            if isinstance(kinds, list) and kinds
            else rule.mime_types,
            max_bytes=most[rule.kind] or rule.max_bytes,
        )
        for rule in Mastodon.declaration.media
    )


def _ask_instance(session: Session) -> tuple[dict[str, Any], bool]:
    """The server's limits, and whether its idempotency keys can be relied on.

    v2 exists since Mastodon 4.0, v1 elsewhere; a server with neither gets the defaults.
    Source: https://docs.joinmastodon.org/methods/instance/
    """
    for path in ("/api/v2/instance", "/api/v1/instance"):
        answer = session.read("GET", path, accept=_NO_SUCH)
        if answer.ok:
            break
    else:
        return _default_limits(), False
    version = require_str(answer.json, "version", session.where)
    configuration = inside(answer.json, "configuration")
    statuses, media, polls = (
        inside(configuration, key) for key in ("statuses", "media_attachments", "polls")
    )
    said = {
        "text": count(statuses.get("max_characters")) or count(answer.json.get("max_toot_chars")),
        "url": count(statuses.get("characters_reserved_per_url")),
        "media": count(statuses.get("max_media_attachments")),
        "alt_text": count(media.get("description_limit")),
        "poll_options": count(polls.get("max_options")),
        "poll_option": count(polls.get("max_characters_per_option")),
        "poll_min_seconds": count(polls.get("min_expiration")),
        "poll_max_seconds": count(polls.get("max_expiration")),
        "media_rules": _media_rules(media),
    }
    known = {name: value for name, value in said.items() if value is not None}
    return _default_limits() | known, _is_mastodon(version)


def _is_mastodon(version: str) -> bool:
    """Whether Mastodon itself or a direct fork answers: only their handling of keys is known.

    Others say "4.2.1 (compatible; Iceshrimp ...)" or count versions of their own, so far below 4
    (GoToSocial 0.20).
    """
    major = re.match(r"(\d+)\.\d", version)
    return major is not None and int(major[1]) >= 4 and "compatible" not in version.lower()


def _problems(step: Step, settings: Mapping[str, Any], limits: Mapping[str, Any]) -> Iterator[Problem]:
    """What a server with these `limits` would refuse. The step's options go before the account's settings."""
    name, choice = field(step), {**settings, **step.options}
    text = with_link(step.text, step.link)
    if not text.strip() and (not step.media or step.poll):
        yield Problem(field=name, message="the text is empty")
    length = _length(text, str(choice.get("spoiler_text") or ""), limits)
    if length > limits["text"]:
        yield Problem(
            field=name,
            message=f"{length} characters, at most {limits['text']} with link and content warning",
        )
    if (visibility := choice.get("visibility")) is not None and visibility not in _VISIBILITIES:
        yield Problem(field="visibility", message=f"{visibility!r} is none of {', '.join(_VISIBILITIES)}")
    yield from _media_problems(step.media, limits)
    if step.poll:
        if step.media:
            yield Problem(field="poll", message="a post has either a poll or media")
        yield from _poll_problems(step, limits)


def _media_problems(media: Sequence[Media], limits: Mapping[str, Any]) -> Iterator[Problem]:
    if len(media) > limits["media"]:
        yield Problem(field="media", message=f"{len(media)} attachments, at most {limits['media']}")
    if len(media) > 1 and any((item.mime_type or "").startswith(("video/", "audio/")) for item in media):
        yield Problem(
            field="media", message=f"{len(media)} attachments, at most 1 where one of them is video or audio"
        )
    for number, item in enumerate(media, 1):
        if (length := graphemes(item.alt or "")) > limits["alt_text"]:
            yield Problem(
                field=f"media[{number}]",
                message=f"alt text of {length} characters, at most {limits['alt_text']}",
            )
    yield from media_problems(media, limits["media_rules"])


def _poll_problems(step: Step, limits: Mapping[str, Any]) -> Iterator[Problem]:
    """Source: app/validators/poll_options_validator.rb and poll_expiration_validator.rb of Mastodon 4.5."""
    assert step.poll is not None
    options = [option.strip() for option in step.poll.options]
    if not 2 <= len(options) <= limits["poll_options"]:
        yield Problem(field="poll", message=f"{len(options)} options, 2 to {limits['poll_options']} allowed")
    if len(set(options)) < len(options) or "" in options:
        yield Problem(field="poll", message="options must be different from each other and not empty")
    for option in options:
        if (length := graphemes(option)) > limits["poll_option"]:
            yield Problem(
                field="poll",
                message=f"an option of {length} characters, at most {limits['poll_option']}",
            )
    if not limits["poll_min_seconds"] <= step.poll.duration_seconds <= limits["poll_max_seconds"]:
        yield Problem(
            field="poll",
            message=f"open for {step.poll.duration_seconds} s, "
            f"{limits['poll_min_seconds']} to {limits['poll_max_seconds']} s allowed",
        )


def _length(text: str, spoiler_text: str, limits: Mapping[str, Any]) -> int:
    """Characters as Mastodon counts them: a URL costs a fixed number, a mention only its local part.

    Source: app/validators/status_length_validator.rb, https://docs.joinmastodon.org/user/posting/#text
    """
    rest, reserved, end = "", 0, 0
    for start, stop in links(text):
        rest, reserved, end = rest + text[end:start] + " ", reserved + limits["url"] - 1, stop
    return graphemes(_short_mentions(rest + text[end:])) + reserved + graphemes(spoiler_text)


def _short_mentions(text: str) -> str:
    """`@bob@other.example` -> `@bob`."""
    return re.sub(r"(?<![\w/=])(@\w+(?:[\w.-]*\w)?)@[\w-]+(?:\.[\w-]+)+(?::\d+)?", r"\1", text)


# --- requests and answers ------------------------------------------------------------------------------


def _base_url(settings: Mapping[str, Any], where: str) -> str:
    url = str(settings.get("base_url") or "")
    if not url.startswith(("https://", "http://")):
        raise PlatformFailure(
            f"{where}: base_url must be the server's https address, not {url!r}",
            hint="`socialcron accounts set ID base_url=https://your.server` corrects it.",
            retryable=False,
        )
    return url


def _token_session(where: str, settings: Mapping[str, Any], http: Http) -> Session:
    """For requests about tokens and apps."""
    return oauth.token_session(
        _base_url(settings, where), where, http, explain=partial(_explain, where=where)
    )


def _upload(media: Media, session: Session) -> str:
    """Upload one file with its alt text; the new media id. The server may still be working on it.

    Source: https://docs.joinmastodon.org/methods/media/#v2
    """
    with open_file(media) as file:
        part = (file_name(media), file, media.mime_type or "application/octet-stream")
        form = {"description": media.alt} if media.alt else {}
        answer = session.upload("POST", "/api/v2/media", files={"file": part}, data=form)
    return require_str(answer.json, "id", session.where)


def _render(step: Step, settings: Mapping[str, Any], media_ids: list[str]) -> dict[str, Any]:
    """The body of POST /api/v1/statuses. What nobody chose is left out: the account's own defaults apply."""
    choice = {**settings, **step.options}
    request: dict[str, Any] = {"status": with_link(step.text, step.link)}
    if media_ids:
        request["media_ids"] = media_ids
    if step.parent:
        request["in_reply_to_id"] = step.parent.remote_id
    for name in ("visibility", "language", "spoiler_text"):
        if choice.get(name):
            request[name] = str(choice[name])
    if flag(choice.get("sensitive")):
        request["sensitive"] = True
    if step.poll:
        request["poll"] = {
            "options": list(step.poll.options),
            "expires_in": step.poll.duration_seconds,
            "multiple": step.poll.multiple,
        }
    return request


def _confirmed(status: Mapping[str, Any], remote_id: str) -> Confirmed:
    return Confirmed(remote_id=remote_id, url=optional_str(status, "url") or optional_str(status, "uri"))


def _explain(answer: Answer, where: str) -> PlatformError:
    """Match the status, not the words: they are translated.

    Source: https://docs.joinmastodon.org/entities/Error/ and app/controllers/concerns/api/error_handling.rb
    """
    status, detail = answer.status, optional_str(answer.json, "error") or ""
    said = f"{where}: HTTP {status}{': ' + detail[:300] if detail else ''}"
    if status == 403 and not isinstance(answer.json, Mapping):
        # Mastodon always answers in JSON: this is a proxy or firewall in front of it, which says nothing of the token.
        return PlatformFailure(
            f"{said}, from something in front of the server", retryable=True, http_status=status
        )
    if status == 401 or (status == 403 and detail != "This action is not allowed"):
        # 403 is a missing scope or a disabled login, but for this one text, which is never translated.
        return AuthExpired(
            said,
            hint="Authorise the account again with the scopes write:statuses and write:media.",
            http_status=status,
        )
    if status == 429:
        seconds = answer.retry_after
        if seconds is None and (reset := moment(answer.headers.get("x-ratelimit-reset"))):
            seconds = answer.seconds_until(reset)
        return RateLimited(said, retry_after=seconds, http_status=status)
    if status in (500, 503):
        return PlatformFailure(said, retryable=True, retry_after=answer.retry_after, http_status=status)
    if status > 500:
        return Unavailable(said, retry_after=answer.retry_after, http_status=status)
    if 300 <= status < 400:
        return PlatformFailure(
            f"{said} (a redirect)", hint="Correct base_url.", retryable=False, http_status=status
        )
    return default_error(answer, where, detail[:300])


def _limits_seen(answer: Answer) -> Iterable[LimitSeen]:
    """X-RateLimit-Reset is an ISO 8601 time, unlike elsewhere. One bucket per answer, the closest to its end.

    Source: https://docs.joinmastodon.org/api/rate-limits/
    """
    headers = answer.headers
    if answer.status != 429 and "x-ratelimit-remaining" not in headers:
        return
    posting = answer.method == "POST"
    family = "media" if posting and answer.path.endswith("/media") else "publish" if posting else "read"
    yield LimitSeen(
        family=family,
        limit=count(headers.get("x-ratelimit-limit")),
        remaining=count(headers.get("x-ratelimit-remaining")),
        reset_at=moment(headers.get("x-ratelimit-reset")),
        retry_after=answer.retry_after,
        blocked=answer.status == 429,
    )


# --- metrics -------------------------------------------------------------------------------------------


def _status(remote_id: str, session: Session) -> Reading | Gone:
    answer = session.read("GET", f"/api/v1/statuses/{quote(remote_id, safe='')}", accept=_GONE)
    if answer.ok:
        if optional_str(answer.json, "id") != remote_id:
            raise PlatformFailure(f"{session.where}: asked for a post, got another", retryable=True)
        return _reading(answer.json)
    if optional_str(answer.json, "error") is None:
        raise session.explain(answer)  # a proxy or a parked domain, which knows nothing of posts
    return Gone()


def _reading(status: Mapping[str, Any]) -> Reading:
    """Quotes are counted since Mastodon 4.5; before, there are none to be missed."""
    said = counts(status, "favourites_count", "replies_count", "reblogs_count", "quotes_count")
    reblogs = said.get("reblogs_count")
    return Reading(
        likes=said.get("favourites_count"),
        comments=said.get("replies_count"),
        shares=None if reblogs is None else reblogs + said.get("quotes_count", 0),
        raw=said,
    )


# --- finding our own posts again -----------------------------------------------------------------------


def _own_statuses(account_id: str, since: datetime, session: Session) -> tuple[list[dict[str, Any]], bool]:
    """The account's statuses made at or after `since`, newest first, and whether the pages reached it."""
    found: list[dict[str, Any]] = []
    max_id: str | None = None
    for _ in range(_MAX_PAGES):
        query = {"limit": str(_PAGE), "exclude_reblogs": "true"} | ({"max_id": max_id} if max_id else {})
        answer = session.read("GET", f"/api/v1/accounts/{account_id}/statuses", params=query)
        if not isinstance(answer.json, list):
            raise PlatformFailure(f"{session.where}: the list of own posts is not a list", retryable=True)
        older = False
        for status in answer.json:
            created_at = require_moment(status, "created_at", session.where)
            if created_at >= since:
                found.append(status)
            else:
                older = True
        # Only the id is taken from the Link header: the address may be anywhere and would get our token.
        linked = re.search(r'<([^>]*)>\s*;\s*rel="?next"?', answer.headers.get("link", ""))
        following = parse_qs(urlsplit(linked[1]).query).get("max_id", [""])[0] if linked else ""
        if not following and answer.json:
            following = require_str(answer.json[-1], "id", session.where)
        if older or not following:
            return found, True
        if following == max_id:
            break
        max_id = following
    return found, False


def _same_shape(status: Mapping[str, Any], request: Mapping[str, Any]) -> bool:
    """Reply target, number of attachments, poll options and content warning are those we sent."""
    poll = inside(status, "poll").get("options") or []
    return (
        status.get("in_reply_to_id") == request.get("in_reply_to_id")
        and len(status.get("media_attachments") or []) == len(request.get("media_ids", []))
        and [str(inside(option).get("title")).strip() for option in poll]
        == [option.strip() for option in inside(request, "poll").get("options", [])]
        and _letters(str(status.get("spoiler_text") or "")) == _letters(request.get("spoiler_text", ""))
    )


def _same_text(status: Mapping[str, Any], request: Mapping[str, Any], session: Session) -> bool:
    """Compare with the source where the server has it, else with what can be read off the HTML.

    Off the HTML only letters and digits count: servers straighten spaces, curl quotes and render Markdown,
    and a post of ours not recognised would be sent again.
    Source: https://docs.joinmastodon.org/methods/statuses/#source
    """
    ours = str(request["status"])
    path = f"/api/v1/statuses/{require_str(status, 'id', session.where)}/source"
    source = session.read("GET", path, accept=(400, 403, 404, 405, 410, 422, 501))
    if source.ok and isinstance(source.json, Mapping) and isinstance(source.json.get("text"), str):
        return _lines(source.json["text"]) == _lines(ours)
    theirs = _Plain.of(str(status.get("content") or ""))
    # A mention nobody answers to keeps its domain.
    return _letters(_short_mentions(theirs)) == _letters(_short_mentions(ours))


def _lines(text: str) -> str:
    """Mastodon strips a status, and HTTP libraries may turn line ends into CRLF."""
    return unicodedata.normalize("NFC", text.replace("\r\n", "\n").strip())


def _letters(text: str) -> str:
    """Letters and digits of `text`; where it has none (a post may be a single emoji), all but spaces."""
    folded = unicodedata.normalize("NFKC", unquote(text)).casefold()
    return "".join(filter(str.isalnum, folded)) or "".join(folded.split())


class _Plain(HTMLParser):
    """The text of a status: links as their `href`, since they are shown shortened, mentions as `@bob`."""

    def __init__(self) -> None:
        super().__init__(convert_charrefs=True)
        self.parts: list[str] = []
        self.hidden = False  # inside a link whose address was taken instead

    @classmethod
    def of(cls, html: str) -> str:
        parser = cls()
        with suppress(AssertionError):  # how HTMLParser says that it cannot read on: <![anything[
            parser.feed(html)
            parser.close()
        return "".join(parser.parts)

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        given = dict(attrs)
        if tag == "a" and not {"mention", "hashtag"} & set((given.get("class") or "").split()):
            self.hidden = True
            self.parts.append(given.get("href") or "")
        elif tag in ("br", "p"):
            self.parts.append("\n")

    def handle_endtag(self, tag: str) -> None:
        if tag == "a":
            self.hidden = False

    def handle_data(self, data: str) -> None:
        if not self.hidden:
            self.parts.append(data)
