"""OAuth 2.0 as most platforms do it: bearer tokens, the request for new ones, and what its answer says.

Documentation: https://www.rfc-editor.org/rfc/rfc6749 and https://www.rfc-editor.org/rfc/rfc6750
"""

from __future__ import annotations

import base64
import re
from collections.abc import Callable, Mapping
from datetime import UTC, datetime, timedelta
from typing import TYPE_CHECKING, Any

from socialcron.errors import AuthExpired, PlatformError
from socialcron.model import Tokens
from socialcron.platforms.base import App, Grant, count, nothing_seen, optional_str, require_str, token_error
from socialcron.platforms.http import Answer, Http, Session

if TYPE_CHECKING:
    import httpx


def bearer(token: str) -> Callable[[httpx.Request], None]:
    """Signs requests with an access token."""
    return lambda request: request.headers.update({"authorization": f"Bearer {token}"})


def basic(app: App) -> Callable[[httpx.Request], None]:
    """Proves which app asks, where that is not in the form. An app without a secret has no proof."""
    pair = base64.b64encode(f"{app.client_id}:{app.client_secret}".encode()).decode()
    return lambda request: request.headers.update(
        {"authorization": f"Basic {pair}"} if app.client_secret else {}
    )


def token_session(
    base_url: str,
    where: str,
    http: Http,
    *,
    explain: Callable[[Answer], PlatformError],
    authorize: Callable[[httpx.Request], None] = lambda request: None,
    settings: Mapping[str, Any] | None = None,
    hint: str | None = None,
) -> Session:
    """For requests about tokens, which carry none themselves; a refusal there means AuthExpired, with `hint`.

    explain: the platform's own. authorize: how the app proves itself, if not in the form.
    """

    def explain_refusal(answer: Answer) -> PlatformError:
        error = token_error(explain(answer))
        if isinstance(error, AuthExpired):
            error.hint = hint or error.hint
        return error

    return Session(
        base_url=base_url,
        where=where,
        http=http,
        authorize=authorize,
        explain=explain_refusal,
        limits=nothing_seen,
        settings=settings or {},
    )


def code_form(grant: Grant, app: App, **more: Any) -> dict[str, Any]:
    """The parts of the request that trades a code for tokens: its form, and the header that says it is one.

    more: further fields, or `include_client_id=False`. The verifier of PKCE is in it if there is one.
    """
    from oauthlib.oauth2 import WebApplicationClient  # 0.1 s, and only who connects an account waits

    form = WebApplicationClient(app.client_id).prepare_request_body(
        code=grant.code, redirect_uri=grant.redirect_uri, code_verifier=grant.code_verifier, **more
    )
    return {"content": form.encode(), "headers": {"content-type": "application/x-www-form-urlencoded"}}


def tokens(
    body: Any, before: Mapping[str, Any], where: str, *, refresh_ends: str = "refresh_token_expires_in"
) -> Tokens:
    """`before`, with the tokens of the answer `body` in their places.

    The answer need not have a new refresh token: then the old one goes on. refresh_ends: what says in how many seconds
    it ends. Raises PlatformFailure if there is no access token.
    """
    renewed = {**before, "access_token": require_str(body, "access_token", where)}
    if refresh_token := optional_str(body, "refresh_token"):
        renewed["refresh_token"] = refresh_token
    renewed.pop("expires_at", None)
    return Tokens(
        credentials=renewed,
        expires_at=in_seconds(body.get("expires_in")),
        refresh_expires_at=in_seconds(body.get(refresh_ends)),
    )


def scopes(body: Any) -> tuple[str, ...]:
    """What was granted. Spaces separate them, says the standard; some platforms use commas."""
    return tuple(filter(None, re.split(r"[\s,]+", optional_str(body, "scope") or "")))


def in_seconds(reported: Any) -> datetime | None:
    """The moment that is so many seconds away; None for what is no lifetime."""
    seconds = reported if isinstance(reported, float) else count(reported)
    return datetime.now(UTC) + timedelta(seconds=seconds) if seconds and 0 < seconds < 10**9 else None
