"""X (Twitter) API v2. Documentation: https://docs.x.com/x-api (OpenAPI 2.167, read 2026-08-22).

X has neither idempotency keys nor client-chosen ids, so a lost answer is settled by reading the account's own
timeline. Two things make that reading trustworthy: the newest own post id is saved before the first send (ids are
time-ordered, so the listing can start there whatever our clocks say), and texts are compared after undoing what X does
to them (t.co links, HTML escapes, a media link at the end).
"""

from __future__ import annotations

import pkgutil
import re
import sys
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from datetime import UTC, datetime, timedelta
from functools import cache, partial
from html import unescape
from types import ModuleType
from typing import TYPE_CHECKING, Any, ClassVar
from unicodedata import normalize
from urllib.parse import unquote

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
    Credentials,
    Declaration,
    Grant,
    Limit,
    MediaRule,
    Metrics,
    counts,
    default_error,
    key_text,
    moment,
    optional_str,
    require,
    require_str,
    total,
)
from socialcron.platforms.files import read_part
from socialcron.platforms.http import Answer, Http, Session
from socialcron.platforms.rules import media_problems
from socialcron.platforms.text import field, with_link

if TYPE_CHECKING:
    from collections.abc import Callable

    import httpx

READ = "2026-08-22"
COUNTING = "https://docs.x.com/fundamentals/counting-characters"
MEDIA_GUIDE = "https://docs.x.com/x-api/media/quickstart/best-practices"
CREATE = "https://docs.x.com/x-api/posts/create-post"

# 5 MB chunks met 413 with an empty body: https://github.com/trypostit/trypost/issues/31 (seen 2026-08-22).
CHUNK_BYTES = 1024 * 1024
PAGE = 100
MAX_PAGES = 32  # the timeline ends at 3,200 posts
# The OpenAPI says `post.fields` since 2026-08-07, every guide still `tweet.fields`; the same for note_tweet.
FIELDS = {"tweet.fields": "created_at,entities,attachments,referenced_tweets,note_tweet"}
FLAGS = frozenset({"made_with_ai", "paid_partnership"})
REPLY_SETTINGS = ("following", "mentionedUsers", "subscribers", "verified")


class X:
    declaration: ClassVar[Declaration] = Declaration(
        name="x",
        title="X (Twitter)",
        documentation="https://docs.x.com/x-api",
        default_base_url="https://api.x.com",
        features=frozenset({"media", "alt_text", "link", "thread", "first_comment", "poll"}),
        limits=(
            Limit(name="text_weight", value=280, unit="weighted characters", source=COUNTING, date=READ),
            Limit(name="images", value=4, unit="files", source=CREATE, date=READ),
            Limit(
                name="alt_text",
                value=1000,
                unit="characters",
                source="https://docs.x.com/x-api/media/create-media-metadata",
                date=READ,
            ),
            Limit(name="poll_options_min", value=2, unit="options", source=CREATE, date=READ),
            Limit(name="poll_options", value=4, unit="options", source=CREATE, date=READ),
            Limit(name="poll_option", value=25, unit="characters", source=CREATE, date=READ),
            Limit(name="poll_minutes_min", value=5, unit="minutes", source=CREATE, date=READ),
            Limit(name="poll_minutes", value=10_080, unit="minutes", source=CREATE, date=READ),
        ),
        media=(
            MediaRule(
                kind="image",
                mime_types=frozenset({"image/jpeg", "image/png", "image/webp"}),
                max_bytes=5 * 2**20,
                source=MEDIA_GUIDE,
                date=READ,
            ),
            MediaRule(
                kind="image",
                mime_types=frozenset({"image/gif"}),
                max_bytes=15 * 2**20,
                max_width=1280,
                max_height=1080,
                source=MEDIA_GUIDE,
                date=READ,
            ),
            # The guide's 1280x1024 at most is less than the upright 720x1280 it recommends, so it is left to X.
            MediaRule(
                kind="video",
                mime_types=frozenset({"video/mp4", "video/quicktime"}),
                max_bytes=512 * 2**20,
                min_width=32,
                min_height=32,
                min_ratio=1 / 3,
                max_ratio=3,
                min_seconds=0.5,
                max_seconds=140,
                max_frame_rate=60,
                source=MEDIA_GUIDE,
                date=READ,
            ),
        ),
        credentials=(
            Credentials(
                name="OAuth 1.0a",
                required=("access_token", "token_secret"),
                optional=("client_id", "client_secret"),
            ),
            OAUTH2,
        ),
        # https://docs.x.com/fundamentals/authentication/oauth-2-0/authorization-code ; the code lives 30 seconds
        authorization=Authorization(
            authorize_url="https://x.com/i/oauth2/authorize",
            scopes=("tweet.read", "tweet.write", "users.read", "media.write", "offline.access"),
            pkce="S256",
        ),
        settings={
            "text_limit": "weighted characters a post may have: 280, more for Premium accounts",
        },
        options={
            "reply_settings": f"who may reply: {', '.join(REPLY_SETTINGS)}; unset: everybody",
            "made_with_ai": "true labels the post so",
            "paid_partnership": "true labels the post so",
        },
        metrics=Metrics(
            batch_size=100,
            counts=frozenset({"views", "likes", "comments", "shares", "saves"}),
            source="https://docs.x.com/x-api/fundamentals/metrics",
            date=READ,
        ),
        reconcile="listing",
        settle_seconds=120,
        handle_ttl_seconds=20 * 3600,  # media ids live about 24 h after finalize
        honest_limits=(
            "No idempotency key: a lost answer is settled by two looks at the own timeline, a minute apart; "
            "X publishes no bound on how far that timeline may lag. Media without a text are told from the owner's own "
            "by time and number."
        ),
    )

    def choose_key(self, seed: bytes, due_at: datetime, number: int) -> str:
        """X knows no keys; ours only tells the step apart in our own records."""
        return key_text(seed)

    def validate(self, steps: Sequence[Step], settings: Mapping[str, Any]) -> list[Problem]:
        try:
            limit = _text_limit(settings)
        except (ValueError, TypeError):
            return [Problem(field="settings.text_limit", message="must be a whole number, 280 or more")]
        return [problem for step in steps for problem in self._problems(step, limit)]

    def _problems(self, step: Step, limit: int) -> Iterator[Problem]:
        name, text = field(step), with_link(step.text.strip(), step.link)
        if not text and not step.media:
            yield Problem(field=name, message="empty, without media")
        elif text:
            weight, clean = _weigh(text, limit)
            if weight > limit:
                yield Problem(field=name, message=f"{weight} weighted characters, X takes at most {limit}")
            if not clean:
                yield Problem(field=name, message="holds a character X refuses (U+FFFE, U+FEFF, U+FFFF)")
        yield from self._media_problems(step.media)
        if step.poll:
            yield from self._poll_problems(step)
        for option, value in step.options.items():
            if option == "reply_settings" and value not in REPLY_SETTINGS:
                yield Problem(field="options.reply_settings", message=f"one of {', '.join(REPLY_SETTINGS)}")
            elif option in FLAGS and not isinstance(value, bool):
                yield Problem(field=f"options.{option}", message="true or false")

    def _media_problems(self, media: Sequence[Media]) -> Iterator[Problem]:
        limit = self.declaration.limit
        if len(media) > limit("images"):
            yield Problem(field="media", message=f"{len(media)} files, X takes at most 4")
        kinds = [_kind(item) for item in media]
        if len(media) > 1 and {"gif", "video"} & set(kinds):
            yield Problem(
                field="media",
                message=f"{', '.join(kinds)}: X takes 4 images, or 1 GIF, or 1 video",
            )
        for number, item in enumerate(media, 1):
            if item.alt and len(item.alt) > limit("alt_text"):
                yield Problem(
                    field=f"media[{number}]", message=f"alt text of {len(item.alt)} characters, X takes 1000"
                )
        yield from media_problems(media, self.declaration.media)

    def _poll_problems(self, step: Step) -> Iterator[Problem]:
        poll, limit = step.poll, self.declaration.limit
        assert poll is not None
        if step.media:
            yield Problem(field="poll", message="X takes a poll or media, not both")
        if poll.multiple:
            yield Problem(field="poll", message="X has no polls with several choices")
        if not limit("poll_options_min") <= len(poll.options) <= limit("poll_options"):
            yield Problem(field="poll", message=f"{len(poll.options)} options, X takes 2 to 4")
        for number, option in enumerate(poll.options, 1):
            if not 1 <= len(option) <= limit("poll_option"):
                yield Problem(field=f"poll[{number}]", message=f"{len(option)} characters, X takes 1 to 25")
        minutes = poll.duration_seconds / 60
        if not limit("poll_minutes_min") <= minutes <= limit("poll_minutes"):
            yield Problem(field="poll", message=f"runs {minutes:g} minutes, X takes 5 to 10080 (7 days)")

    def connect(self, account: Account, credentials: Mapping[str, Any], app: App, http: Http) -> Session:
        """OAuth 1.0a where a token_secret is there, else OAuth 2.0 bearer.

        For OAuth 1.0a `app` is the consumer key and secret; PlatformFailure when this host has none: another may.
        """
        where, token = str(account), credentials.get("access_token")
        if not token:
            raise AuthExpired(f"{where}: no access token", hint="Connect or add the account again.")
        sign: Callable[[httpx.Request], None]
        if secret := credentials.get("token_secret"):
            if not (app.client_id and app.client_secret):
                raise PlatformFailure(
                    f"{where}: OAuth 1.0a needs the app's own key and secret",
                    retryable=True,
                    hint="Set TWITTER_API_KEY and TWITTER_API_SECRET, or client_id and client_secret on the account.",
                )
            sign = _oauth1(app.client_id, app.client_secret, token, secret)
        else:
            sign = oauth.bearer(token)
        return Session(
            base_url=self.declaration.base_url(account.settings),
            where=where,
            http=http,
            authorize=sign,
            explain=partial(_explain, where=where),
            limits=_limits,
            account_id=account.external_id,
            settings=account.settings,
            app=app,
        )

    def prepare(self, step: Step, session: Session) -> Saved | Wait | Ready:
        """Upload the media piece by piece (1 MiB a call), then note the newest own post and render the request.

        Handles: `media`, one {id, state, next} per file (state uploading -> processing -> processed -> ready; next is
        the segment to send), `user_id`, `since_id` (None: the account had no post, or may not be read).
        Sources: https://docs.x.com/x-api/media/quickstart/media-upload-chunked,
        https://docs.x.com/x-api/media/create-media-metadata
        """
        uploads = [dict(upload) for upload in step.handles.get("media", ())]
        for index, media in enumerate(step.media):
            if index == len(uploads):
                uploads.append(_initialize(media, session))
                return Saved(handles={**step.handles, "media": uploads})
            upload = uploads[index]
            if upload["state"] == "ready":
                continue
            try:
                seconds = _advance(upload, media, session)
            except Rejected as exc:
                # A saved upload may be gone, or further along than we know (crash before the handles were stored);
                # X does not say how it answers then. So an upload that is refused begins anew, once.
                if exc.http_status not in (400, 404) or upload.get("again"):
                    raise
                seconds, uploads[index] = None, _initialize(media, session) | {"again": True}
            handles = {**step.handles, "media": uploads}
            return Saved(handles=handles) if seconds is None else Wait(handles=handles, seconds=seconds)
        request = self._request(step, [upload["id"] for upload in uploads])
        if "since_id" in step.handles:
            return Ready(request=request)
        return Ready(request=request, handles={**step.handles, **_newest_own_post(step, session)})

    @staticmethod
    def _request(step: Step, media_ids: list[str]) -> dict[str, Any]:
        """The JSON of POST /2/tweets, which refuses keys it does not know."""
        request: dict[str, Any] = {}
        if text := with_link(step.text.strip(), step.link):
            request["text"] = text
        if media_ids:
            request["media"] = {"media_ids": media_ids}
        if step.parent:
            request["reply"] = {"in_reply_to_tweet_id": step.parent.remote_id}
        elif "reply_settings" in step.options:
            request["reply_settings"] = step.options["reply_settings"]
        if step.poll:
            request["poll"] = {
                "options": list(step.poll.options),
                "duration_minutes": round(step.poll.duration_seconds / 60),
            }
        return request | {flag: step.options[flag] for flag in sorted(FLAGS & step.options.keys())}

    def send_step(self, step: PreparedStep, session: Session) -> Confirmed:
        """Create one post from the stored request.

        Raises RateLimited, Rejected, AuthExpired, Duplicate, Unavailable, OutcomeUnknown, PlatformFailure.
        Source: https://docs.x.com/x-api/posts/create-post
        """
        answer = session.write("POST", "/2/tweets", json=dict(step.request))
        remote_id = optional_str(answer.json.get("data") if isinstance(answer.json, Mapping) else None, "id")
        if remote_id is None:
            raise OutcomeUnknown(
                f"{session.where}: HTTP {answer.status} without the id of the post", http_status=answer.status
            )
        return _confirmed(remote_id)

    def reconcile(self, step: PreparedStep, session: Session) -> Look:
        """List the own posts since the one noted before the first send, and compare.

        What looks like the step but cannot be told (newer than the noted post, yet older than the first send by our
        clock; cut text; a t.co link of the caller's own) is neither a match nor an absence: the look is not complete.
        Source: https://docs.x.com/x-api/posts/timelines/integrate
        """
        me = self.identify(session).external_id
        if me != step.handles.get("user_id", me):
            return Look(complete=False)  # these credentials cannot see the account that sent
        since = step.first_sending_at - timedelta(seconds=60) if step.first_sending_at else None
        params: dict[str, Any] = {"max_results": PAGE, **FIELDS}
        if step.handles.get("since_id"):
            params["since_id"] = step.handles["since_id"]
        matches, doubtful = [], False
        for _ in range(MAX_PAGES):
            posts, token, cut_short = _page(
                session.read("GET", f"/2/users/{me}/tweets", params=params), session
            )
            doubtful |= cut_short
            oldest = None
            for post in posts:
                oldest = moment(post.get("created_at"))
                recent = since is None or oldest is None or oldest >= since
                try:
                    same = _same(step.request, post)
                except (AttributeError, TypeError) as exc:
                    raise PlatformFailure(
                        f"{session.where}: unusable post in the timeline", retryable=True
                    ) from exc
                if same and recent:
                    matches.append(_confirmed(post["id"]))
                elif same is not False and (recent or "since_id" in params):
                    doubtful = True
            if token is None or (since and oldest and oldest < since):
                return Look(matches=tuple(matches), complete=not doubtful)
            params["pagination_token"] = token
        return Look(matches=tuple(matches), complete=False)

    def read_metrics(
        self, remote_ids: Sequence[str], session: Session
    ) -> Mapping[str, Reading | Gone | Closed]:
        """One request. A deleted post shows among the `errors` of an answer that is otherwise fine.

        Public metrics only: X refuses the others for posts that are older than 30 days. Closed to an app whose plan
        or permission is to post without reading.
        Source: https://docs.x.com/x-api/posts/get-posts-by-ids
        """
        # One id that a person took from an address and that is no number would spoil the whole batch.
        asked = {remote_id for remote_id in remote_ids if re.fullmatch("[0-9]{1,19}", remote_id)}
        if not asked:
            return {}
        query = {"ids": ",".join(sorted(asked)), "tweet.fields": "public_metrics"}
        answer = session.read("GET", "/2/tweets", params=query, accept=(403,))
        if not answer.ok:
            refused = session.explain(answer)
            if not isinstance(refused, AuthExpired):
                raise refused
            return dict.fromkeys(remote_ids, Closed(refused))
        body = answer.json
        parts = [body.get(name) for name in ("data", "errors")] if isinstance(body, Mapping) else []
        if not any(isinstance(part, list) for part in parts):
            raise PlatformFailure(f"{session.where}: the answer has neither posts nor errors", retryable=True)
        posts, errors = (
            [item for item in part if isinstance(item, Mapping)] if isinstance(part, list) else []
            for part in parts
        )
        found: dict[str, Reading | Gone | Closed] = {
            str(error.get("resource_id")): Gone()
            for error in errors
            if str(error.get("type")).endswith("/resource-not-found")
        }
        found |= {str(post.get("id")): _reading(post.get("public_metrics")) for post in posts}
        return {remote_id: found[remote_id] for remote_id in asked & found.keys()}

    def can_refresh(self, credentials: Mapping[str, Any]) -> bool:
        return bool(credentials.get("refresh_token"))

    def refresh(self, account: Account, credentials: Mapping[str, Any], app: App, http: Http) -> Tokens:
        """Swap the single-use refresh token for a new pair; the access token lives two hours.

        Source: https://docs.x.com/fundamentals/authentication/oauth-2-0/user-access-token
        """
        where = f"{account}, token refresh"
        if not credentials.get("refresh_token"):
            raise AuthExpired(f"{where}: no refresh token", hint="Connect the account again.")
        if not app.client_id:
            raise PlatformFailure(
                f"{where}: the app's client id is not known",
                retryable=True,
                hint="Set X_CLIENT_ID (and X_CLIENT_SECRET for a confidential client).",
            )
        form = {"grant_type": "refresh_token", "refresh_token": credentials["refresh_token"]}
        if not app.client_secret:
            form["client_id"] = app.client_id
        session = _token_session(where, account.settings, app, http)
        body = session.upload("POST", "/2/oauth2/token", seconds=30, data=form).json
        return oauth.tokens(body, credentials, where)

    def identify(self, session: Session) -> Identity:
        """Source: https://docs.x.com/x-api/users/get-my-user"""
        body = session.read("GET", "/2/users/me").json
        user = require(body, "data", dict, session.where)
        return Identity(
            external_id=require_str(user, "id", session.where),
            handle=require_str(user, "username", session.where),
        )

    def connect_accounts(
        self, grant: Grant, app: App, settings: Mapping[str, Any], http: Http
    ) -> list[Connectable]:
        """The one account that consented, with OAuth 2.0 credentials.

        Source: https://docs.x.com/fundamentals/authentication/oauth-2-0/user-access-token
        """
        where = "x, connecting an account"
        parts = oauth.code_form(grant, app, include_client_id=not app.client_secret)
        session = _token_session(where, settings, app, http)
        body = session.upload("POST", "/2/oauth2/token", seconds=20, **parts).json
        tokens = oauth.tokens(body, {}, where)
        session.authorize = oauth.bearer(str(tokens.credentials["access_token"]))
        who = self.identify(session)
        return [
            Connectable(
                external_id=who.external_id, handle=f"@{who.handle}", tokens=tokens, scopes=oauth.scopes(body)
            )
        ]


# --- signing and answers -------------------------------------------------------------------------------------------


def _oauth1(
    consumer_key: str, consumer_secret: str, token: str, token_secret: str
) -> Callable[[httpx.Request], None]:
    """Signs method, URL and query; JSON and multipart bodies are not part of an OAuth 1.0a signature.

    Source: https://docs.x.com/fundamentals/authentication/oauth-1-0a/creating-a-signature
    """
    from oauthlib.oauth1 import Client

    client = Client(consumer_key, consumer_secret, token, token_secret)

    def sign(request: httpx.Request) -> None:
        _, headers, _ = client.sign(str(request.url), http_method=request.method)
        request.headers["Authorization"] = headers["Authorization"]

    return sign


def _token_session(where: str, settings: Mapping[str, Any], app: App, http: Http) -> Session:
    """A confidential client (with secret) proves itself by Basic authorization; a public one is named in the body.

    The token endpoint says 400 for a spent or revoked token, invalid_request as well as invalid_grant.
    """
    return oauth.token_session(
        X.declaration.base_url(settings),
        where,
        http,
        authorize=oauth.basic(app),
        explain=partial(_explain, where=where),
        hint="Connect the account again.",
    )


def _limits(answer: Answer) -> Iterable[LimitSeen]:
    """The bucket that holds longest: the exhausted one with the latest reset, else the 15-minute one.

    Source: https://docs.x.com/x-api/fundamentals/rate-limits
    """
    blocked, bucket = answer.status == 429, _binding_bucket(answer)
    if bucket is None and not blocked:
        return
    limit, remaining, reset_at = bucket or (None, None, None)
    creates = answer.method == "POST" and answer.path.endswith("/2/tweets")
    yield LimitSeen(
        family="publish" if creates else "media" if "/2/media/" in answer.path else "read",
        limit=limit,
        remaining=remaining,
        reset_at=reset_at,
        retry_after=_retry_after(answer) if blocked else None,
        blocked=blocked,
    )


def _explain(answer: Answer, where: str) -> PlatformError:
    """By status first, then by what the body says.

    Source: https://docs.x.com/x-api/fundamentals/response-codes-and-errors
    """
    status, (said, signs) = answer.status, _said(answer.json)
    text = f"{where}: HTTP {status}{': ' + said if said else ''}"
    if status == 401:
        hint = "Connect the account again. With OAuth 1.0a also check this host's clock and the app's keys."
        return AuthExpired(text, http_status=status, hint=hint)
    if status == 402 or (status in (403, 429) and _CAPPED.search(signs)):
        hint = "Top up the credits or raise the cap in X's developer console, then `socialcron posts retry`."
        return PlatformFailure(text, retryable=False, http_status=status, hint=hint)
    if status == 429:
        return RateLimited(text, http_status=status, retry_after=_retry_after(answer))
    if status == 403 and ("duplicate content" in signs or "code=187" in signs):
        return Duplicate(text, http_status=status)
    if status == 403 and _FORBIDDEN_APP.search(signs):
        hint = "Give the app read and write permission (and its plan), then connect the account again."
        return AuthExpired(text, http_status=status, hint=hint)
    if status == 403:
        return Rejected(text, http_status=status)
    return default_error(answer, where, said)


_CAPPED = re.compile(r"usage[- ]?cap|spend[- ]?cap")
_FORBIDDEN_APP = re.compile(
    r"client-(forbidden|not-enrolled)|oauth1-permissions|unsupported[- ]authentication|\bscopes?\b|read-only"
)


def _said(body: Any) -> tuple[str, str]:
    """What an error body says, for people (at most 300 characters), and in lower case with type and code to match on.

    Bodies are a Problem, legacy {"errors": [...]}, OAuth's {"error"}, or nothing usable.
    """
    parts = [body] if isinstance(body, Mapping) else []
    if parts and isinstance(body.get("errors"), list):
        parts += [error for error in body["errors"] if isinstance(error, Mapping)]
    words: list[str] = []
    signs: list[str] = []
    for part in parts:
        for key in ("title", "detail", "message", "error", "error_description"):
            value = optional_str(part, key)
            if value and value not in words:
                words.append(value)
        signs += [str(part.get("type", "")), f"code={part.get('code')}"]
    return ": ".join(words)[:300], " ".join([*words, *signs, ""]).lower()


_Bucket = tuple[int | None, int | None, datetime | None]


def _binding_bucket(answer: Answer) -> _Bucket | None:
    buckets: list[_Bucket] = []
    for name in ("x-rate-limit-{}", "x-app-limit-24hour-{}", "x-user-limit-24hour-{}"):
        limit, remaining, reset = (
            _number(answer.headers.get(name.format(part))) for part in ("limit", "remaining", "reset")
        )
        if remaining is not None or reset is not None:
            buckets.append(
                (limit, remaining, datetime.fromtimestamp(reset, UTC) if reset is not None else None)
            )
    exhausted = [bucket for bucket in buckets if bucket[1] == 0 and bucket[2] is not None]
    if exhausted:
        return max(exhausted, key=lambda bucket: bucket[2] or datetime.min.replace(tzinfo=UTC))
    return buckets[0] if buckets else None


def _retry_after(answer: Answer) -> float | None:
    """Seconds to the reset that binds, by X's own clock (its Date header), or what Retry-After says if longer."""
    bucket = _binding_bucket(answer)
    if bucket is None or bucket[2] is None:
        return answer.retry_after
    return max(answer.seconds_until(bucket[2]), answer.retry_after or 0.0, 1.0)


def _number(value: str | None) -> int | None:
    """A header as a number a date can hold; None when absent or unusable."""
    return int(value) if value and value.isascii() and value.isdigit() and len(value) <= 11 else None


def _reading(metrics: Any) -> Reading:
    """`repost_count` is what the OpenAPI calls `retweet_count` since 2026-08-07; every guide keeps the old name."""
    shared = ("retweet_count", "repost_count", "quote_count")
    said = counts(metrics, "impression_count", "like_count", "reply_count", "bookmark_count", *shared)
    reposts = said.get("retweet_count", said.get("repost_count"))
    return Reading(
        views=said.get("impression_count"),
        likes=said.get("like_count"),
        comments=said.get("reply_count"),
        shares=total(reposts, said.get("quote_count")),
        saves=said.get("bookmark_count"),
        raw=said,
    )


# --- text ----------------------------------------------------------------------------------------------------------


def _text_limit(settings: Mapping[str, Any]) -> int:
    limit = int(settings.get("text_limit") or 280)
    if limit < 280:
        raise ValueError
    return limit


def _weigh(text: str, limit: int) -> tuple[int, bool]:
    """Weighted length (twitter-text v3: URL 23, emoji 2, CJK 2) and whether every character is allowed.

    The library takes 0.1 s to import and is quadratic on runs like "a.a.a.", so far too long texts never reach it.
    """
    if len(text) > max(5_000, 2 * limit):
        return len(text), True
    return _parser()(text).weightedLength, not re.search("[\ufffe\ufeff\uffff]", text)


@cache
def _parser() -> Callable[[str], Any]:
    """Of twitter-text-parser 3.0.0, the last one, which reads a file beside it by way of pkg_resources. That is of
    setuptools, which it does not ask for; Python 3.12 brings none, and setuptools 82 has no pkg_resources.
    """
    theirs, ours = sys.modules.get("pkg_resources"), ModuleType("pkg_resources")
    vars(ours)["resource_string"] = pkgutil.get_data
    sys.modules["pkg_resources"] = ours
    try:
        from twitter_text import parse_tweet
    finally:
        del sys.modules["pkg_resources"]
        if theirs:
            sys.modules["pkg_resources"] = theirs
    return parse_tweet  # type: ignore[no-any-return]


def _fold(text: str) -> str:
    """A text without what X may change on its way: escapes, case and form of links, white space."""
    text = normalize("NFC", unquote(unescape(unescape(text)))).casefold()
    text = re.sub(r"xn--[a-z0-9-]+", lambda label: _from_idna(label[0]), text)
    return re.sub(r"https?://|[\s/]+", "", text)


def _from_idna(label: str) -> str:
    try:
        return label.encode().decode("idna")
    except UnicodeError:
        return label


# --- timeline ------------------------------------------------------------------------------------------------------


def _confirmed(remote_id: str) -> Confirmed:
    return Confirmed(remote_id=remote_id, url=f"https://x.com/i/web/status/{remote_id}")


def _newest_own_post(step: Step, session: Session) -> dict[str, Any]:
    """Where a later listing starts. A reply needs no request: its parent is an own post older than itself."""
    # Asked: a listing of anybody else's posts would prove an absence falsely.
    user_id = session.once("me", X().identify).external_id
    if step.parent:
        return {"user_id": user_id, "since_id": step.parent.remote_id}
    # 403: a plan that may post but not read. A lost answer then waits for a person; posting itself works.
    answer = session.read("GET", f"/2/users/{user_id}/tweets", params={"max_results": 5}, accept=(403,))
    ids = [str(post["id"]) for post in _page(answer, session)[0]] if answer.ok else []
    return {"user_id": user_id, "since_id": max(ids, key=lambda text: (len(text), text), default=None)}


def _page(answer: Answer, session: Session) -> tuple[list[Mapping[str, Any]], str | None, bool]:
    """One page of a timeline: its posts, newest first; the token of the next page; whether X left something out."""
    meta = require(answer.json, "meta", dict, session.where)
    count = require(meta, "result_count", int, session.where)
    posts = require(answer.json, "data", list, session.where) if count else []
    if not all(isinstance(post, Mapping) and isinstance(post.get("id"), str) for post in posts):
        raise PlatformFailure(f"{session.where}: the timeline holds posts without an id", retryable=True)
    return posts, optional_str(meta, "next_token"), bool(answer.json.get("errors"))


def _same(request: Mapping[str, Any], post: Mapping[str, Any]) -> bool | None:
    """Whether `post` is what `request` asked for; None when everything agrees as far as the text can be told."""
    attachments = post.get("attachments") or {}
    replied = [
        ref.get("id") for ref in post.get("referenced_tweets") or () if ref.get("type") == "replied_to"
    ]
    target = request.get("reply", {}).get("in_reply_to_tweet_id")
    media, is_poll = len(attachments.get("media_keys") or ()), bool(attachments.get("poll_ids"))
    if (
        replied != ([target] if target else [])
        or media != len(request.get("media", {}).get("media_ids", ()))
        or (is_poll and "poll" not in request)
    ):
        return False
    note = post.get("note_tweet") or post.get("note_post") or {}
    ours, theirs = str(request.get("text", "")), _expanded(note if note.get("text") else post, bool(media))
    if target and not ours.startswith("@"):
        theirs = re.sub(
            r"^(@\w+\s+)+", "", theirs
        )  # some surfaces name the addressee; it was compared already
    if _fold(ours) == _fold(theirs):
        return True if is_poll == ("poll" in request) else None  # a poll whose mark we may not be shown
    cut = re.sub(r"…(\s*https://t\.co/\w+)?$", " https://t.co/cut", theirs) if len(ours) > 140 else theirs
    like = re.fullmatch(_blurred(ours), _fold(theirs)) or re.fullmatch(_blurred(cut), _fold(ours))
    return None if like else False


def _blurred(text: str) -> str:
    """A pattern of the folded text in which a t.co link may stand for anything."""
    return ".*".join(re.escape(_fold(part)) for part in re.split(r"(?:\s*https?://t\.co/\w+)+", text))


def _expanded(source: Mapping[str, Any], has_media: bool) -> str:
    """A post's (or note's) text with t.co links as they were written, less the one X puts at the end for media."""
    text = str(source.get("text", ""))
    for link in (source.get("entities") or {}).get("urls") or ():
        short, long = link.get("url"), link.get("expanded_url")
        if not (short and long):
            continue
        for_media = "media_key" in link or re.search(r"/status/\d+/(photo|video)/\d+$", long)
        if has_media and for_media and text.rstrip().endswith(short):
            text = text.rstrip().removesuffix(short)
        else:
            text = text.replace(short, long)
    return text


# --- media ---------------------------------------------------------------------------------------------------------


def _kind(media: Media) -> str:
    """image, gif, video or other; unknown types count as an image until the file was fetched."""
    return {
        None: "image",
        "image/jpeg": "image",
        "image/png": "image",
        "image/webp": "image",
        "image/gif": "gif",
        "video/mp4": "video",
        "video/quicktime": "video",
    }.get(media.mime_type, "other")


def _initialize(media: Media, session: Session) -> dict[str, Any]:
    kind, size = _kind(media), _size(media, session)
    if media.mime_type is None or kind == "other":
        said = media.mime_type or "unknown"
        raise Rejected(f"{session.where}: {media.source} is of a type X does not take ({said})")
    body = session.upload(
        "POST",
        "/2/media/upload/initialize",
        json={"media_type": media.mime_type, "total_bytes": size, "media_category": f"tweet_{kind}"},
    ).json
    data = require(body, "data", dict, session.where)
    return {"id": require_str(data, "id", session.where), "state": "uploading", "next": 0}


def _advance(upload: dict[str, Any], media: Media, session: Session) -> float | None:
    """Take one upload one request further; returns seconds to wait, None to go on at once."""
    media_id, where = upload["id"], session.where
    if upload["state"] == "uploading" and upload["next"] * CHUNK_BYTES < _size(media, session):
        session.upload(
            "POST",
            f"/2/media/upload/{media_id}/append",
            data={"segment_index": str(upload["next"])},
            files={"media": ("media", _chunk(media, upload["next"]), "application/octet-stream")},
        )
        upload["next"] += 1
        return None
    if upload["state"] in ("uploading", "processing"):
        answer = (
            session.upload("POST", f"/2/media/upload/{media_id}/finalize")
            if upload["state"] == "uploading"
            else session.read("GET", "/2/media/upload", params={"command": "STATUS", "media_id": media_id})
        )
        data = require(answer.json, "data", dict, where)
        info = (
            require(data, "processing_info", dict, where)
            if "processing_info" in data
            else {"state": "succeeded"}
        )
        if info.get("state") == "failed":
            said, _ = _said(info.get("error"))
            raise Rejected(f"{where}: X could not process {media.source}: {said or 'no reason given'}")
        if info.get("state") == "succeeded":
            upload["state"] = "processed" if _describes(media) else "ready"
            return None
        upload["state"] = "processing"
        wait = info.get("check_after_secs")
        return min(max(float(wait), 1.0), 300.0) if isinstance(wait, int | float) else 5.0
    session.upload(
        "POST",
        "/2/media/metadata",
        json={"id": media_id, "metadata": {"alt_text": {"text": media.alt}}},
    )
    upload["state"] = "ready"
    return None


def _describes(media: Media) -> bool:
    """X takes alt text for images and GIFs only."""
    return bool(media.alt) and _kind(media) in ("image", "gif")


def _size(media: Media, session: Session) -> int:
    try:
        return media.size_bytes if media.size_bytes is not None else media.path.stat().st_size  # type: ignore[union-attr]
    except (OSError, AttributeError) as exc:
        raise Rejected(f"{session.where}: {media.source} cannot be read") from exc


def _chunk(media: Media, number: int) -> bytes:
    chunk = read_part(media, number * CHUNK_BYTES, CHUNK_BYTES)
    if not chunk:
        raise Rejected(f"{media.source} became shorter while it was uploaded")
    return chunk
