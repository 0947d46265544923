"""What YouTube and Google Business Profile share: OAuth 2.0, the envelope of errors, addresses.

Documentation: https://developers.google.com/identity/protocols/oauth2/native-app (authorization, PKCE, refresh)
and https://developers.google.com/youtube/v3/docs/errors (the envelope), read as archived 2026-09-11.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Iterable, Iterator, Mapping
from typing import Any

from socialcron.errors import AuthExpired, PlatformError
from socialcron.model import Account, LimitSeen, Tokens
from socialcron.platforms import oauth
from socialcron.platforms.base import (
    App,
    Authorization,
    Grant,
    address,
    default_error,
    optional_str,
)
from socialcron.platforms.http import Answer, Http, Session

TOKEN_URL = "https://oauth2.googleapis.com/token"
REFRESH_EARLY_SECONDS = 300.0
_RECONNECT = (
    "Connect the account again. A refresh token ends when access is revoked, and after 7 days while the OAuth "
    "consent screen is in Testing: publish the app."
)


def authorization(*scopes: str) -> Authorization:
    """Google's consent page. Only offline access with a forced consent is sure to bring a refresh token.

    scopes: without the prefix that all of them have.
    Source: https://developers.google.com/identity/protocols/oauth2/native-app
    """
    return Authorization(
        authorize_url="https://accounts.google.com/o/oauth2/v2/auth",
        scopes=tuple(f"https://www.googleapis.com/auth/{scope}" for scope in scopes),
        pkce="S256",
        parameters={"access_type": "offline", "prompt": "consent"},
    )


def session(
    account: Account,
    credentials: Mapping[str, Any],
    app: App,
    http: Http,
    *,
    host: str,
    explain: Callable[[Answer, str], PlatformError],
    limits: Callable[[Answer], Iterable[LimitSeen]],
    account_id: str | None = None,
) -> Session:
    """Signs with the bearer token. host: where most requests go, as in https://www.googleapis.com.

    Raises AuthExpired if there is no access token.
    """
    where, token = str(account), credentials.get("access_token")
    if not re.fullmatch(r"[\x21-\x7e]+", str(token or "")):  # here, because not every request carries it
        raise AuthExpired(f"{where}: there is no usable access token", hint=_RECONNECT)
    return Session(
        base_url=address(account.settings, host),
        where=where,
        http=http,
        authorize=oauth.bearer(str(token)),
        explain=lambda answer: explain(answer, where),
        limits=limits,
        account_id=account_id or account.external_id,
        settings=account.settings,
        app=app,
    )


# --- tokens ----------------------------------------------------------------------------------------------------


def can_refresh(credentials: Mapping[str, Any]) -> bool:
    return bool(credentials.get("refresh_token"))


def refresh(account: Account, credentials: Mapping[str, Any], app: App, http: Http) -> Tokens:
    """Trade the refresh token for an access token of an hour. It is good for many; a new one is rarely returned.

    Raises AuthExpired (400 invalid_grant and its like), Unavailable, PlatformFailure.
    Source: https://developers.google.com/identity/protocols/oauth2/native-app#offline
    """
    form = {
        "grant_type": "refresh_token",
        "refresh_token": credentials.get("refresh_token"),
        "client_id": app.client_id,
        "client_secret": app.client_secret,
    }
    given = {name: value for name, value in form.items() if value}
    answer = _token_request(str(account), account.settings, http, data=given)
    return oauth.tokens(answer.json, credentials, str(account))


def trade_code(
    grant: Grant, app: App, settings: Mapping[str, Any], http: Http, where: str
) -> tuple[Tokens, tuple[str, ...]]:
    """The tokens for an authorization code, and the scopes granted: a person may untick some.

    Raises AuthExpired (a refused code), Unavailable, PlatformFailure.
    Source: https://developers.google.com/identity/protocols/oauth2/native-app#exchange-authorization-code
    """
    parts = oauth.code_form(grant, app, client_secret=app.client_secret)
    answer = _token_request(where, settings, http, **parts)
    return oauth.tokens(answer.json, {}, where), oauth.scopes(answer.json)


def _token_request(where: str, settings: Mapping[str, Any], http: Http, **parts: Any) -> Answer:
    url = address(settings, TOKEN_URL)
    session = oauth.token_session(
        url,
        where,
        http,
        explain=lambda answer: default_error(answer, where, detail(answer)),
        hint=_RECONNECT,
    )
    return session.upload("POST", url, seconds=25.0, **parts)


# --- errors ----------------------------------------------------------------------------------------------------


def reason(answer: Answer) -> str:
    """What Google calls the error: `errors[0].reason`, else `status`, else OAuth's word; empty if it says nothing.

    Shape: {"error": {"code": 403, "message": "...", "status": "...", "errors": [{"reason": "quotaExceeded"}]}}
    Source: https://developers.google.com/youtube/v3/docs/errors
    """
    error = _error(answer)
    if isinstance(error, str):
        return error
    listed = error.get("errors") if isinstance(error, Mapping) else None
    first = listed[0] if isinstance(listed, list) and listed else None
    return optional_str(first, "reason") or optional_str(error, "status") or ""


def detail(answer: Answer) -> str:
    """The reason and Google's words about it, cut to a length that fits into a message; empty if there are none."""
    words = optional_str(_error(answer), "message") or optional_str(answer.json, "error_description")
    return ": ".join(filter(None, (reason(answer)[:80], words)))[:300]


def details(answer: Answer) -> Iterator[Mapping[str, Any]]:
    """Every object below `error.details`, whose inner shape differs from API to API, in order."""
    error = _error(answer)
    waiting = [error.get("details")] if isinstance(error, Mapping) else []
    while waiting:
        item = waiting.pop(0)
        if isinstance(item, Mapping):
            yield item
            waiting.extend(item.values())
        elif isinstance(item, list):
            waiting.extend(item)


def _error(answer: Answer) -> Any:
    return answer.json.get("error") if isinstance(answer.json, Mapping) else None
