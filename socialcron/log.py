"""Logs: an event name plus fields, on stderr; text on a terminal, JSON lines otherwise; secrets never.

    log.event("post_published", post_id=7, platform="mastodon", duration_ms=212)

`time`, `level`, `service`, `command`, `event` and `run_id` are on every line.
"""

from __future__ import annotations

import json
import logging
import os
import re
import sys
from collections.abc import Iterable, Mapping
from contextlib import suppress
from datetime import UTC, datetime
from typing import Any
from urllib.parse import quote

DEBUG, INFO, WARNING, ERROR = logging.DEBUG, logging.INFO, logging.WARNING, logging.ERROR

HIDDEN = "[hidden]"
_TELLING = 12  # characters with which a token begins and ordinary words do not

_logger = logging.getLogger("socialcron")
_secrets: set[str] = set()
_context: dict[str, Any] = {"service": "socialcron"}  # on every line; one process runs one command

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
    """`hide` the values of an account's credentials, but for those that only name the account and are in its URLs."""
    names = {"identifier", "did", "pds"}
    hide(value for name, value in credentials.items() if isinstance(value, str) and name not in names)


def redact(text: str) -> str:
    for secret in sorted(_secrets, key=len, reverse=True):
        text = _without(secret, text)
    return _TOKENS.sub(lambda match: next((g for g in match.groups() if g is not None), "") + HIDDEN, text)


def _without(secret: str, text: str) -> str:
    """`text` without `secret`, nor the first part of it that was left where somebody cut a long text to size."""
    whole = len(secret) < 2 * _TELLING or "://" in secret  # https://api.ex is no secret
    start = text.find(telling := secret if whole else secret[:_TELLING])
    while start >= 0:
        end = start + len(telling)
        while end < len(text) and text[end] == secret[end - start : end - start + 1]:
            end += 1
        text = text[:start] + HIDDEN + text[end:]
        start = text.find(telling, start + len(HIDDEN))
    return text


def event(name: str, *, level: int = INFO, exc_info: BaseException | None = None, **fields: Any) -> None:
    """Log that `name` happened. A field that is None is left out; never pass a token or the body of a post."""
    if _logger.isEnabledFor(level):
        _logger.log(level, name, exc_info=exc_info, extra={"fields": fields})


def setup(*, command: str, level: str = "INFO", form: str | None = None, secrets: Iterable[str] = ()) -> str:
    """Send logs to stderr and return the new run id. `form`: text, json, or None to choose by terminal."""
    hide(secrets)
    run_id = os.urandom(6).hex()
    _context.update(command=command, run_id=run_id)
    handler = _StderrHandler()
    form = form or ("text" if sys.stderr.isatty() else "json")
    handler.setFormatter(_TextFormatter() if form == "text" else _JsonFormatter())
    root = logging.getLogger()
    root.handlers[:] = [h for h in root.handlers if not isinstance(h, _StderrHandler)] + [handler]
    root.setLevel(logging.WARNING)  # libraries: httpx and httpcore would log every request
    _logger.setLevel(level)
    return run_id


class _StderrHandler(logging.Handler):
    def emit(self, record: logging.LogRecord) -> None:
        with suppress(OSError, ValueError):  # nobody reads our logs any more; that never stops a run
            print(redact(self.format(record)), file=sys.stderr)


def _fields(record: logging.LogRecord) -> dict[str, Any]:
    given: dict[str, Any] = getattr(record, "fields", {})
    if record.name != "socialcron" and not record.name.startswith("socialcron."):
        given = {"logger": record.name, **given}
    return {key: value for key, value in given.items() if value is not None}


class _JsonFormatter(logging.Formatter):
    def format(self, record: logging.LogRecord) -> str:
        line: dict[str, Any] = {
            "time": datetime.fromtimestamp(record.created, UTC).isoformat(timespec="milliseconds"),
            "level": record.levelname.lower(),
            **_context,
            "event": record.getMessage(),
            **_fields(record),
        }
        if record.exc_info:
            line["traceback"] = self.formatException(record.exc_info)
        return json.dumps(line, default=str)


class _TextFormatter(logging.Formatter):
    def format(self, record: logging.LogRecord) -> str:
        clock = datetime.fromtimestamp(record.created).astimezone().strftime("%H:%M:%S")
        fields = "".join(f" {key}={_quoted(value)}" for key, value in _fields(record).items())
        job = _context.get("command", "socialcron")
        line = f"{clock} {record.levelname.lower():7} [{job}] {record.getMessage()}{fields}"
        return f"{line}\n{self.formatException(record.exc_info)}" if record.exc_info else line


def _quoted(value: object) -> str:
    text = str(value)
    return json.dumps(text) if not text or any(c.isspace() or c in '"=' for c in text) else text
