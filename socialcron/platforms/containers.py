"""Publishing by containers, as Instagram and Threads have it: made unseen, processed by Meta, published once.

A container is a ticket for one post at most. Its id is stored before it is published, so that an answer that never
came is settled by asking the container, and the same one can be published again without making a second post.

handles: `user`, the platform's id of the account; `made`, the ids of the containers, a carousel's children first;
`ready`, how many of the children are processed; `since`, when the last one was made; `edge`, the listing that will
show the post; `says`, a digest of its text (None: the listing shows none); `published`, if `prepare` found it so;
`lost`, how often a container could not be seen; `failed`, why Meta gave up on one.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, replace
from datetime import UTC, datetime, timedelta
from hashlib import sha256
from typing import Any, Literal
from unicodedata import normalize

from socialcron.errors import (
    AuthExpired,
    OutcomeUnknown,
    PlatformError,
    PlatformFailure,
    RateLimited,
    Rejected,
)
from socialcron.model import (
    Account,
    Confirmed,
    Identity,
    Look,
    PreparedStep,
    Ready,
    Saved,
    Step,
    Tokens,
    Wait,
)
from socialcron.platforms import meta, oauth
from socialcron.platforms.base import (
    App,
    Credentials,
    Grant,
    address,
    count,
    inside,
    optional_str,
    require_list,
    require_moment,
    require_str,
)
from socialcron.platforms.http import Answer, Http, Session

HANDLE_TTL_SECONDS = 20 * 3600  # containers expire after 24 h; a post may wait in between
CREDENTIALS = Credentials(
    name="OAuth 2.0",
    required=("access_token",),
    # issued_at: ISO 8601; a token that is younger than a day cannot be refreshed.
    optional=("issued_at", "expires_at", "client_id", "client_secret"),
)
REFRESH_EARLY_SECONDS = 10 * 86_400.0  # of 60 days
_STATES = ("IN_PROGRESS", "FINISHED", "PUBLISHED", "ERROR", "EXPIRED")
_YOUNGEST = timedelta(hours=24)  # a token is refreshed only when it is older
_QUOTA_SECONDS = 3600.0  # the window rolls: when the oldest post of a day leaves it is not told
_IMAGE_SECONDS = 5.0
_VIDEO_SECONDS = 45.0  # "once a minute": a run of the next minute shall find its time has come
_LOOK_AGAIN_SECONDS = 30.0
_SEEN_LATER = 2  # times a container that cannot be seen is waited for, before another is made
_PERMALINK_SECONDS = 5.0
_PAGE, _MAX_PAGES = 50, 20


@dataclass(frozen=True, slots=True, kw_only=True)
class Shape:
    """What the two platforms call things.

    judge: the words in which a container says why it failed -> the error of our tree.
    """

    create: str
    publish: str
    status: str
    detail: str
    text: str  # of a listed post
    quota: str
    quota_total: int  # believed where the platform does not say
    body: Literal["json", "data"]
    judge: Callable[[str, str], PlatformError]


def user_of(step: Step, session: Session, identify: Callable[[Session], Identity]) -> str:
    """The platform's id of the account: as saved, else asked for, once in a run."""
    return str(step.handles.get("user") or session.once("me", identify).external_id)


def digest(text: str) -> str:
    """What of a text is compared: platforms trim it and normalize its spaces."""
    return sha256(" ".join(normalize("NFC", text).split()).encode()).hexdigest()


# --- prepare ---------------------------------------------------------------------------------------------------


def prepare(
    step: Step,
    session: Session,
    shape: Shape,
    *,
    start: Mapping[str, Any],
    children: Sequence[Mapping[str, Any]],
    whole: Mapping[str, Any],
) -> Saved | Wait | Ready:
    """Make the next container, or ask how far those made are; Ready once the last one is FINISHED.

    start: `user`, `edge` and `says` of the handles. children, whole: parameters of the containers; the ids of the
    children are added to `whole`.
    """
    handles = dict(step.handles) or dict(start)
    given_up = f"{shape.create} given up {step.key}"
    if "failed" in handles:
        if session.memo.pop(given_up, False):
            raise shape.judge(handles["failed"], session.where)
        handles = dict(start)  # that was an earlier try: begin anew
    made, ready = list(handles.get("made", ())), handles.get("ready", 0)

    def create(parameters: Mapping[str, Any]) -> Saved:
        path = f"/{handles['user']}/{shape.create}"
        body: dict[str, Any] = {shape.body: dict(parameters)}
        answer = session.upload("POST", path, **body)
        made.append(require_str(answer.json, "id", session.where))
        since = datetime.now(UTC).isoformat(timespec="seconds")
        return Saved(handles={**handles, "made": made, "ready": ready, "since": since})

    if len(made) < len(children):
        return create(children[len(made)])
    for container in made[ready:]:
        asked = _ask(container, session, shape)
        if isinstance(asked, PlatformError):
            return _not_seen(handles, start, asked)
        state, said = asked
        match state:
            case "FINISHED" | "PUBLISHED":
                if ready < len(children):
                    ready += 1
            case "IN_PROGRESS":
                seconds = _VIDEO_SECONDS if any(item.is_video for item in step.media) else _IMAGE_SECONDS
                return Wait(handles={**handles, "ready": ready}, seconds=seconds)
            case "EXPIRED":
                return Saved(handles=start)
            case "ERROR":
                # Stored first, said then: so that the try after this one knows to begin anew.
                session.memo[given_up] = True
                return Saved(handles={**start, "failed": said})
        if state == "PUBLISHED" and len(made) > len(children):
            # A request believed lost arrived late. `reconcile` will find the post.
            handles["published"] = True
    if len(made) == len(children):
        return create({**whole, "children": ",".join(made)} if children else whole)
    if not handles.get("published"):
        _check_quota(handles, session, shape)
    return Ready(request={"creation_id": made[-1]}, handles={**handles, "ready": ready})


def _ask(container: str, session: Session, shape: Shape) -> tuple[str, str] | PlatformError:
    """A container's state and the words to it; an error, unraised, where it cannot be seen (any more, or yet)."""
    fields = f"{shape.status},{shape.detail}"
    answer = session.read("GET", f"/{container}", params={"fields": fields}, accept=(400, 404))
    if not answer.ok:
        error, found = session.explain(answer), meta.graph_error(answer)
        if answer.status == 404 or found.code == 24 or (found.code, found.subcode) == (100, 33):
            return error
        raise error
    state = require_str(answer.json, shape.status, session.where)
    if state not in _STATES:
        raise PlatformFailure(
            f"{session.where}: a container is in the unknown state {state[:50]!r}", retryable=True
        )
    return state, optional_str(answer.json, shape.detail) or ""


def _not_seen(handles: Mapping[str, Any], start: Mapping[str, Any], error: PlatformError) -> Saved | Wait:
    """Not visible yet: look again, then make another, then give up."""
    lost = handles.get("lost", 0) + 1
    if lost <= _SEEN_LATER:
        return Wait(handles={**handles, "lost": lost}, seconds=_LOOK_AGAIN_SECONDS)
    if lost == _SEEN_LATER + 1:
        return Saved(handles={**start, "lost": lost})
    raise error


def _check_quota(handles: Mapping[str, Any], session: Session, shape: Shape) -> None:
    """Raises RateLimited when the day's posts (or replies, which have a quota of their own) are used up."""
    prefix = "reply_" if handles["edge"] == "replies" else ""
    names = f"{prefix}quota_usage", f"{prefix}config"
    answer = session.read("GET", f"/{handles['user']}/{shape.quota}", params={"fields": ",".join(names)})
    data = inside(answer.json).get("data")
    said = inside(data[0]) if isinstance(data, list) and data else {}
    total = count(inside(said, names[1]).get("quota_total"))
    used, most = count(said.get(names[0])), shape.quota_total if total is None else total
    if used is not None and used >= most:
        raise RateLimited(
            f"{session.where}: {used} of {most} {'replies' if prefix else 'posts'} in 24 hours are used up",
            retry_after=_QUOTA_SECONDS,
        )


# --- the visible write and what became of it -------------------------------------------------------------------


def publish(step: PreparedStep, session: Session, shape: Shape) -> Confirmed:
    """Publish the container of the stored request.

    What Meta answers for a container that is published already is not known. One that is known to be is not sent at
    all; and as the content was judged when the container was made, a refusal of it here is no last word: the next
    `prepare` asks the container.

    Raises RateLimited, AuthExpired, Unavailable, PlatformFailure, OutcomeUnknown.
    """
    if step.handles.get("published"):
        raise OutcomeUnknown(f"{session.where}: the container is published already")
    path = f"/{step.handles['user']}/{shape.publish}"
    try:
        answer = session.write("POST", path, **{shape.body: dict(step.request)})
    except Rejected as exc:
        raise PlatformFailure(exc.message, retryable=True, http_status=exc.http_status) from exc
    remote_id = optional_str(answer.json, "id")
    if remote_id is None:
        raise OutcomeUnknown(
            f"{session.where}: the answer to the publishing has no id", http_status=answer.status
        )
    return Confirmed(remote_id=remote_id, url=_permalink(remote_id, session))


def _permalink(remote_id: str, session: Session) -> str | None:
    """Asked once and not for long: that the post is out has yet to be recorded."""
    try:
        answer = session.upload(
            "GET", f"/{remote_id}", params={"fields": "permalink"}, seconds=_PERMALINK_SECONDS
        )
    except PlatformError:
        return None
    return _https(optional_str(answer.json, "permalink"))


def reconcile(step: PreparedStep, session: Session, shape: Shape) -> Look:
    """Ask the container; where it may be published, find the post in the listing by its text and time.

    FINISHED proves that it is not published. So should EXPIRED (24 hours unpublished) and ERROR, but neither is
    documented for a container whose publishing got no answer: there the listing has to show nothing as well.
    """
    made, since = step.handles.get("made"), step.first_sending_at
    if not made or since is None:
        return Look(complete=False)
    if step.handles.get("published"):
        since = min(since, datetime.fromisoformat(step.handles["since"]))
    asked = _ask(made[-1], session, shape)
    state = None if isinstance(asked, PlatformError) else asked[0]
    if state == "FINISHED":
        return Look()
    if state == "IN_PROGRESS":
        return Look(waiting_seconds=_LOOK_AGAIN_SECONDS)
    posts, reached = _listed(step.handles, since - timedelta(seconds=60), session, shape)
    says = step.handles["says"]
    matches = tuple(
        Confirmed(
            remote_id=require_str(post, "id", session.where), url=_https(optional_str(post, "permalink"))
        )
        for post in posts
        if says is None or digest(optional_str(post, shape.text) or "") == says
    )
    if state == "PUBLISHED":
        return Look(matches=matches or (Confirmed(remote_id=made[-1], provisional=True),))
    if matches and says is None:
        return Look(complete=False)  # a story that a person made at that time, for all we know
    return Look(matches=matches, certain=False, complete=reached and state in ("EXPIRED", "ERROR"))


def _listed(
    handles: Mapping[str, Any], since: datetime, session: Session, shape: Shape
) -> tuple[list[Mapping[str, Any]], bool]:
    """The account's posts made at or after `since`, newest first, and whether the pages reached back to it."""
    found: list[Mapping[str, Any]] = []
    query = {"fields": f"id,{shape.text},timestamp,permalink", "limit": str(_PAGE)}
    for _ in range(_MAX_PAGES):
        answer = session.read("GET", f"/{handles['user']}/{handles['edge']}", params=query)
        page = require_list(answer.json, "data", session.where)
        recent = [post for post in page if require_moment(post, "timestamp", session.where) >= since]
        found += recent
        after = meta.next_page(answer)
        if len(recent) < len(page) or not page or not after:
            return found, True
        query["after"] = after
    return found, False


def _https(url: str | None) -> str | None:
    return url if url and url.startswith("https://") else None


# --- tokens ----------------------------------------------------------------------------------------------------


def can_refresh(credentials: Mapping[str, Any]) -> bool:
    """Whether the long-lived token is old enough to be refreshed with itself; believed where its age is not known."""
    try:
        issued_at = datetime.fromisoformat(credentials.get("issued_at") or "")
    except (ValueError, TypeError):
        return bool(credentials.get("access_token"))
    return issued_at.tzinfo is None or datetime.now(UTC) - issued_at >= _YOUNGEST


def refresh(
    account: Account, credentials: Mapping[str, Any], http: Http, *, host: str, grant_type: str
) -> Tokens:
    """Sixty new days for a token that has not ended yet; the answer carries another one."""
    where = str(account)
    session = meta.token_session(where, http, base_url=address(account.settings, host))
    query = {"grant_type": grant_type, "access_token": str(credentials.get("access_token"))}
    answer = session.upload("GET", "/refresh_access_token", seconds=25.0, params=query)
    return _tokens(credentials, answer, where)


def exchange(
    grant: Grant,
    app: App,
    settings: Mapping[str, Any],
    http: Http,
    *,
    where: str,
    code_url: str,
    host: str,
    grant_type: str,
) -> tuple[Tokens, Any]:
    """The code for a token of an hour, and that for one of sixty days.

    Also returns the first answer's body. code_url: where the code is traded.
    Raises AuthExpired (a refused code), Unavailable, PlatformFailure.
    """
    if not app.client_id or not app.client_secret:
        raise AuthExpired(f"{where}: there is no client id and secret of an app to connect with")
    session = meta.token_session(where, http, base_url=address(settings, host))
    parts = oauth.code_form(grant, app, client_secret=app.client_secret)
    answer = session.upload("POST", address(settings, code_url), **parts)
    body = answer.json
    if isinstance(body, Mapping) and isinstance(body.get("data"), list) and body["data"]:
        body = body["data"][0]  # so says Instagram's documentation; its answers are flat
    short = require_str(body, "access_token", where)
    query = {"grant_type": grant_type, "client_secret": app.client_secret, "access_token": short}
    answer = session.upload("GET", "/access_token", params=query)
    return _tokens({}, answer, where), body


def _tokens(credentials: Mapping[str, Any], answer: Answer, where: str) -> Tokens:
    """A token is renewed by itself, so its end is the end of what can be done without a person."""
    issued_at = datetime.now(UTC).isoformat(timespec="seconds")
    tokens = oauth.tokens(answer.json, {**credentials, "issued_at": issued_at}, where)
    return replace(tokens, refresh_expires_at=tokens.expires_at)
