"""Signed webhooks to a receiver of the operator's choice: one POST of JSON for each event.

Version 1 of https://github.com/standard-webhooks/standard-webhooks/blob/main/spec/standard-webhooks.md
"""

from __future__ import annotations

import base64
import secrets
from datetime import UTC, datetime
from urllib.parse import urlsplit

import httpx

from socialcron.errors import BadInput, PlatformFailure, Unavailable
from socialcron.platforms.http import Http, _why, now_seconds

SECONDS = 10.0  # for everything, from the name's lookup to the last byte of the answer
_PREFIX = "whsec_"
_SECRET_BYTES = (24, 64)  # as the specification has it
_SHOWN = 200  # characters of an answer


def new_secret() -> str:
    return _PREFIX + base64.b64encode(secrets.token_bytes(32)).decode()


def check(url: str, secret: str) -> None:
    """Raises BadInput. A private address is the operator's own choice."""
    try:
        parts = urlsplit(url)
        usable = parts.scheme in ("https", "http") and bool(parts.hostname) and parts.port != 0
        httpx.URL(url)
    except (ValueError, httpx.InvalidURL):
        usable = False
    if not usable or len(url.split()) != 1:
        raise BadInput(
            "that is no address of a webhook", hint="It begins with https:// (or http://) and has a host."
        )
    try:
        length = len(base64.b64decode(secret.removeprefix(_PREFIX), validate=True))
    except ValueError:
        length = 0
    if not _SECRET_BYTES[0] <= length <= _SECRET_BYTES[1]:
        raise BadInput(
            "that is no signing secret: it is whsec_ and the base64 of 24 to 64 bytes",
            hint="Leave it out, and one is made and shown.",
        )


def send(http: Http, url: str, secret: str, *, event_id: str, at: datetime, body: str) -> int:
    """The status of the receiver's answer, which is 2xx. at: by the database's clock; the signature covers it.

    Raises Unavailable (no answer) or PlatformFailure (another answer; `http_status` says which). Redirects are one.
    """
    from standardwebhooks import Webhook

    at = at.astimezone(UTC)  # the library takes any time for UTC
    headers = {
        "content-type": "application/json",
        "webhook-id": event_id,
        "webhook-timestamp": str(int(at.timestamp())),
        "webhook-signature": Webhook(secret).sign(event_id, at, body),
    }
    try:
        request = http.build("POST", url, content=body.encode(), headers=headers)
        answer = http.exchange(request, now_seconds() + SECONDS)
    except (httpx.HTTPError, httpx.InvalidURL) as exc:
        raise Unavailable(
            f"no answer ({_why(exc) if isinstance(exc, httpx.HTTPError) else 'unusable URL'})"
        ) from exc
    if answer.ok:
        return answer.status
    said = " ".join(answer.body[: 4 * _SHOWN].decode(errors="replace").split())[:_SHOWN]
    if 300 <= answer.status < 400:
        said = "redirects are not followed"
    raise PlatformFailure(
        f"HTTP {answer.status}{f': {said}' if said else ''}",
        retryable=True,
        retry_after=answer.retry_after,
        http_status=answer.status,
    )
