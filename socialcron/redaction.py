"""Secrets, and texts without them: in logs, in errors, and in what is quoted of a platform's words."""

from __future__ import annotations

import re
from collections.abc import Iterable, Mapping
from urllib.parse import quote

HIDDEN = "[hidden]"
# As much of a token tells it from ordinary words. The number that X's and Telegram's begin with is a public id.
_TELLING = re.compile(r"\d*.{12}", re.DOTALL)

_secrets: set[str] = set()

# What a token looks like when nobody registered it: authorization headers, token parameters, passwords in URLs (a port
# before a path is none: http://localhost:3000/@me), the paths of Telegram's bots and Discord's webhooks, Supabase's
# secret keys, signatures of addresses (uploads, private media).
_TOKENS = re.compile(
    r"""(\b(?:Bearer|DPoP)\s+|\bBasic\s+(?=[\w+/=]{16}))[\w.~+/=-]{8,}
      | (\b(?:access_token|refresh_token|client_secret|oauth_token|oauth_signature|oauth_consumer_key
              |token_secret|password|api_key|apikey|code_verifier)\b["']?\s*[=:]\s*["']?)[^\s"'&,;}]+
      | (\b[a-z][a-z0-9+.-]*://[^\s:/@]*:)(?!\d{1,5}/)[^\s@]+(?=@)
      | (/bot\d+:|/webhooks/\d+/|\bsb_secret_)[\w-]+
      | ([?&](?:upload_token|upload_id|token|sig|signature|x-(?:amz|goog)-(?:signature|security-token))=)[^\s"'&]+
      | ()\beyJ[\w-]{4,}\.[\w-]+\.[\w-]*""",
    re.IGNORECASE | re.VERBOSE,
)


def hide(secrets: Iterable[str]) -> None:
    """Never print these values again, nor what they look like in an address.

    Values under 6 characters are ignored: they would hide half of every line.
    """
    for value in secrets:
        if len(value) >= 6:
            _secrets.update((value, quote(value, safe="")))


def hide_credentials(credentials: Mapping[str, object]) -> None:
    """`hide` the values of an account's credentials, but for times and those that only name it and are in its URLs."""
    names = {"identifier", "did", "pds", "expires_at", "issued_at", "scope", "token_type"}
    hide(value for name, value in credentials.items() if isinstance(value, str) and name not in names)


def redact(text: str) -> str:
    for secret in sorted(_secrets, key=len, reverse=True):
        text = _without(secret, text)
    return _TOKENS.sub(lambda match: next((g for g in match.groups() if g is not None), "") + HIDDEN, text)


def _without(secret: str, text: str) -> str:
    """`text` without `secret`, nor the first part of it that was left where somebody cut a long text to size."""
    begins = _TELLING.match(secret)
    telling = secret if "://" in secret or begins is None else begins[0]  # https://api.ex is no secret
    start = text.find(telling)
    while start >= 0:
        end = start + len(telling)
        while end < len(text) and text[end] == secret[end - start : end - start + 1]:
            end += 1
        text = text[:start] + HIDDEN + text[end:]
        start = text.find(telling, start + len(HIDDEN))
    return text
