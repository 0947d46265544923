"""What Facebook, Instagram and Threads share: Graph's errors, usage headers, tokens and addresses.

Documentation: https://developers.facebook.com/docs/graph-api/guides/error-handling
and https://developers.facebook.com/docs/graph-api/overview/rate-limiting (both read as archived 2026-09-11).

An adapter calls `session` from its `connect`, with the errors that are its own, and `token_session` where it trades
tokens. Graph answers nearly everything with HTTP 400, throttling too: the code in the body decides, not the status.
"""

from __future__ import annotations

import json
import re
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from functools import partial
from typing import Any, Literal
from urllib.parse import urlsplit

from socialcron.errors import (
    AuthExpired,
    Duplicate,
    PlatformError,
    PlatformFailure,
    RateLimited,
    Rejected,
    Unavailable,
)
from socialcron.model import Account, LimitSeen
from socialcron.platforms.base import (
    App,
    address,
    count,
    default_error,
    inside,
    optional_str,
    require_list,
    require_str,
    token_error,
    total,
)
from socialcron.platforms.http import Answer, Http, Session
from socialcron.platforms.oauth import in_seconds

GRAPH = "https://graph.facebook.com"
RUPLOAD = "https://rupload.facebook.com"
API_VERSION = "v26.0"  # announced 2026-07-29, the newest the reference pages use

# "transient" may pass by itself (a retryable PlatformFailure), "platform_error" will not.
Verdict = Literal[
    "rate_limited", "auth_expired", "duplicate", "invalid_content", "platform_error", "transient", "network"
]
# (code, subcode) -> verdict. Looked up in this order: both; (None, subcode); (code, None).
# A text as code also matches where it stands in the message.
Table = Mapping[tuple[int | str | None, int | None], Verdict]

_PERMISSIONS = frozenset({3, 10, *range(200, 300)})
# https://developers.facebook.com/docs/graph-api/guides/error-handling
ERRORS: Table = {
    (1, None): "transient",
    (2, None): "transient",
    **{(code, None): "rate_limited" for code in (4, 17, 32, 341, 613, 80001, 80002)},
    (368, None): "platform_error",  # blocked for policy, for hours or days
    **{(code, None): "auth_expired" for code in (190, 102, *_PERMISSIONS)},
    (506, None): "duplicate",
    (100, None): "invalid_content",
}
_CLASSES: Mapping[str, type[PlatformError]] = {
    "rate_limited": RateLimited,
    "auth_expired": AuthExpired,
    "duplicate": Duplicate,
    "invalid_content": Rejected,
    "network": Unavailable,
}
_STOP_SECONDS = (
    300.0  # at 100 % without a word about the end: the windows roll, so there is room again bit by bit
)
_REFUSALS = frozenset({100, *_PERMISSIONS})  # to tell; everything else is trouble
_MOST_METRICS = 50  # of one post; some are kept as they come
_NAME = re.compile(r"[a-z0-9_]{1,64}")
_RECONNECT = "Connect the account again, by a person with a role on it, and grant every permission asked for."
_TOKEN_LIKE = re.compile(r"[\w|-]{32,}", re.ASCII)  # Graph repeats a malformed token in its message


# --- sessions and addresses ------------------------------------------------------------------------------------


def graph_url(settings: Mapping[str, Any], host: str = GRAPH, version: str = API_VERSION) -> str:
    """`host`, or the setting base_url, and the version in the path; the setting api_version beats `version`."""
    return f"{address(settings, host)}/{settings.get('api_version') or version}"


def session(
    account: Account, credentials: Mapping[str, Any], app: App, http: Http, *, base_url: str, errors: Table
) -> Session:
    """A session with the bearer token `credentials["access_token"]`. Raises AuthExpired if there is none.

    base_url: of `graph_url`. errors: what is special to the platform; beats `ERRORS`.
    The token goes to rupload.facebook.com as `Authorization: OAuth`: pass that word alone as the header.
    """
    where, token = str(account), credentials.get("access_token")
    if not token:
        raise AuthExpired(f"{where}: there is no access token")
    table = {**ERRORS, **errors}

    def authorize(request: Any) -> None:
        request.headers["authorization"] = f"{request.headers.get('authorization', 'Bearer')} {token}"

    return Session(
        base_url=base_url,
        where=where,
        http=http,
        authorize=authorize,
        explain=partial(explain, where=where, table=table),
        limits=partial(limits_seen, table=table),
        account_id=account.external_id,
        settings=account.settings,
        app=app,
    )


def token_session(where: str, http: Http, *, base_url: str) -> Session:
    """For token endpoints: nothing is signed, and a refusal means AuthExpired, but throttling does not."""

    def explain_refusal(answer: Answer) -> PlatformError:
        error = explain(answer, where, ERRORS)
        return error if error.retryable else token_error(error)

    return Session(
        base_url=base_url,
        where=where,
        http=http,
        authorize=lambda request: None,
        explain=explain_refusal,
        limits=partial(limits_seen, table=ERRORS),
    )


def token_of(answer: Answer, where: str) -> tuple[str, datetime | None]:
    """The token of an exchange or refresh, and when it ends; None: the answer does not say.

    Shape: {"access_token": "EAAB...", "token_type": "bearer", "expires_in": 5183944} (seconds; about 60 days).
    Source: https://developers.facebook.com/docs/facebook-login/guides/access-tokens/get-long-lived
    """
    return require_str(answer.json, "access_token", where), in_seconds(answer.json.get("expires_in"))


def upload_address(named: str, session: Session) -> str:
    """`named`, which an answer named for an upload. PlatformFailure if our token has no business there."""
    ours, theirs = urlsplit(address(session.settings, RUPLOAD)), urlsplit(named)
    if (theirs.scheme, theirs.netloc) != (ours.scheme, ours.netloc):
        raise PlatformFailure(f"{session.where}: the upload address is on another host", retryable=True)
    return named


def next_page(answer: Answer) -> str | None:
    """The cursor of the next page of a list. `paging.next` is not followed: it carries the token."""
    return optional_str(inside(answer.json, "paging", "cursors"), "after")


# --- errors ----------------------------------------------------------------------------------------------------


@dataclass(frozen=True, slots=True, kw_only=True)
class GraphError:
    """The error of an answer. `code` and `subcode` are None, `detail` is empty where the answer has none."""

    code: int | str | None
    subcode: int | None
    transient: bool
    detail: str  # what the platform says, 300 characters at most, without what looks like a token

    def verdict(self, table: Table) -> Verdict | None:
        keys = ((self.code, self.subcode), (None, self.subcode), (self.code, None))
        words = (
            verdict for (code, _), verdict in table.items() if isinstance(code, str) and code in self.detail
        )
        found = next((table[key] for key in keys if key != (None, None) and key in table), None) or next(
            words, None
        )
        return "transient" if self.transient and found != "rate_limited" else found


def graph_error(answer: Answer) -> GraphError:
    """{"error": {"message", "code", "error_subcode", "is_transient", "error_user_msg", ...}}, read defensively.

    rupload.facebook.com answers {"debug_info": {"retriable", "type", "message"}} instead.
    """
    error, debug = inside(answer.json, "error"), inside(answer.json, "debug_info")
    code = error.get("code")
    said = [error.get("message"), error.get("error_user_msg"), debug.get("message")]
    detail = ": ".join(dict.fromkeys(text for text in said if isinstance(text, str) and text))
    return GraphError(
        code=number if (number := whole(code)) is not None else code if isinstance(code, str) else None,
        subcode=whole(error.get("error_subcode")),
        transient=error.get("is_transient") is True or debug.get("retriable") is True,
        detail=_TOKEN_LIKE.sub("[...]", detail)[:300],
    )


def explain(answer: Answer, where: str, table: Table) -> PlatformError:
    """A non-2xx answer as an error of our tree: by `is_transient` and code, where there are none by status."""
    error = graph_error(answer)
    verdict = "rate_limited" if answer.status == 429 else error.verdict(table)
    if verdict is None:
        return default_error(answer, where, error.detail)
    code = "/".join(str(part) for part in (error.code, error.subcode) if part is not None)
    said = f"{where}: HTTP {answer.status}{f' (code {code})' if code else ''}: {error.detail or verdict}"
    if verdict in ("platform_error", "transient"):
        return PlatformFailure(said, retryable=verdict == "transient", http_status=answer.status)
    return _CLASSES[verdict](
        said,
        hint=_RECONNECT if verdict == "auth_expired" else None,
        retry_after=_regain_seconds(answer) if verdict == "rate_limited" else None,
        http_status=answer.status,
    )


# --- rate limits -----------------------------------------------------------------------------------------------


def limits_seen(answer: Answer, *, table: Table = ERRORS, family: str = "publish") -> Iterable[LimitSeen]:
    """The tightest of the usage headers, as percent of 100 left; at most one.

    One quota covers every call of an app or page, so it is the family "publish" whatever was called.
    The headers are optional: they appear "once enough calls were made". An unreadable one is an absent one.
    Source: https://developers.facebook.com/docs/graph-api/overview/rate-limiting
    """
    throttled = answer.status == 429 or (
        not answer.ok and graph_error(answer).verdict(table) == "rate_limited"
    )
    used = max(_percentages(answer), default=None)
    if used is None and not throttled:
        return
    seconds = _regain_seconds(answer)
    ends_in = seconds or (None if used is None else _STOP_SECONDS)
    full = throttled or (used or 0) >= 100
    yield LimitSeen(
        family=family,
        limit=None if used is None else 100,
        remaining=None if used is None else min(100, max(0, 100 - used)),
        reset_at=datetime.now(UTC) + timedelta(seconds=ends_in) if full and ends_in else None,
        retry_after=seconds if throttled else None,
        blocked=throttled,
    )


def _percentages(answer: Answer) -> Iterator[int]:
    for usage in (_header(answer, "x-app-usage"), *_business_usage(answer)):
        for name in ("call_count", "total_time", "total_cputime"):
            if (used := whole(inside(usage).get(name))) is not None:
                yield used


def _regain_seconds(answer: Answer) -> float | None:
    """When calls work again. `estimated_time_to_regain_access` is in minutes; Retry-After is not documented."""
    minutes = [
        whole(inside(usage).get("estimated_time_to_regain_access")) or 0 for usage in _business_usage(answer)
    ]
    longest = min(max(minutes, default=0), 31 * 24 * 60)
    return longest * 60.0 if longest else answer.retry_after


def _business_usage(answer: Answer) -> list[Any]:
    """{"PAGE": [{"type": "pages", "call_count": 97, ...}]} -> the inner objects."""
    document = _header(answer, "x-business-use-case-usage")
    groups = document.values() if isinstance(document, Mapping) else ()
    return [usage for group in groups if isinstance(group, list) for usage in group]


def _header(answer: Answer, name: str) -> Any:
    try:
        return json.loads(answer.headers.get(name) or "null")
    except (ValueError, RecursionError):
        return None


# --- metrics ---------------------------------------------------------------------------------------------------


def read_node(remote_id: str, fields: str, session: Session) -> Mapping[str, Any]:
    """An own post. PlatformFailure where it cannot be seen: Graph does not say whether it is deleted."""
    answer = session.read("GET", _path(remote_id, session), params={"fields": fields}, accept=(400, 404))
    if not answer.ok:
        raise _unseen(answer, session)
    require_str(answer.json, "id", session.where)
    node: Mapping[str, Any] = answer.json
    return node


def read_insights(
    remote_id: str, metrics: str, session: Session, *, edge: str = "insights"
) -> dict[str, int] | PlatformError:
    """What is counted of an own post, by name; what is not reported is missing: an empty set is no zero.

    metrics: names with commas between; "": all there are. An error, unraised, where Graph refuses to tell: a
    permission that is missing, a metric that this kind of post does not have.
    """
    query = {"metric": metrics} if metrics else {}
    path = f"{_path(remote_id, session)}/{edge}"
    answer = session.read("GET", path, params=query, accept=(400, 403, 404))
    if not answer.ok:
        error, code = _unseen(answer, session), graph_error(answer).code
        if error.retryable or code not in _REFUSALS:
            raise error
        return error
    told = {}
    for item in require_list(answer.json, "data", session.where)[:_MOST_METRICS]:
        name, value = optional_str(item, "name") or "", _value(item)
        if value is not None and _NAME.fullmatch(name):
            told[name] = value
    return told


def _path(remote_id: str, session: Session) -> str:
    """Ids are numbers; a person who settled a post may have given the last part of its address instead."""
    if not re.fullmatch(r"[0-9]+(_[0-9]+)?", remote_id, re.ASCII):
        raise PlatformFailure(f"{session.where}: {remote_id[:50]!r} is no id to ask about", retryable=False)
    return f"/{remote_id}"


def _unseen(answer: Answer, session: Session) -> PlatformError:
    """The error of a question about one post. "Does not exist, or may not be seen" is not about the account."""
    error, found = session.explain(answer), graph_error(answer)
    if (found.code, found.subcode) == (100, 33):
        said = f"{error.message} (deleted, or out of our reach: Graph does not tell which)"
        return PlatformFailure(said, retryable=False, http_status=answer.status)
    return error


def _value(item: Any) -> int | None:
    """{"values": [{"value": 310}]} or {"total_value": {"value": 310}}; parts by kind ({"paid": 1, ...}) are added."""
    values = inside(item).get("values")
    held = values[0] if isinstance(values, list) and values else inside(item).get("total_value")
    value = inside(held).get("value")
    if isinstance(value, Mapping) and value:
        value = total(*map(count, value.values()))
    return count(value)


# --- small parsers ---------------------------------------------------------------------------------------------


def whole(value: Any) -> int | None:
    """A whole number from a number or its digits; None for anything else."""
    if isinstance(value, bool):
        return None
    if isinstance(value, int):
        return value
    if isinstance(value, str) and re.fullmatch(r"-?[0-9]{1,18}", value):
        return int(value)
    return None
