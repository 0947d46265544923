"""Logs: an event name plus fields, on stderr; text on a terminal, JSON lines otherwise; secrets never.

    log.event("post_published", post_id=7, platform="mastodon", duration_ms=212)

`time`, `level`, `service`, `command`, `event` and `run_id` are on every line of JSON. Text is for a person who watches:
time of day, level, command and event.
"""

from __future__ import annotations

import json
import logging
import os
import sys
from collections.abc import Iterable
from contextlib import suppress
from datetime import UTC, datetime
from typing import Any

from socialcron.redaction import HIDDEN as HIDDEN
from socialcron.redaction import hide as hide
from socialcron.redaction import hide_credentials as hide_credentials
from socialcron.redaction import redact as redact

DEBUG, INFO, WARNING, ERROR = logging.DEBUG, logging.INFO, logging.WARNING, logging.ERROR

_logger = logging.getLogger("socialcron")
_context: dict[str, Any] = {"service": "socialcron"}  # on every line; one process runs one command


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


def printable(text: str) -> str:
    """`text` without what commands a terminal, or turns the direction of writing; line breaks and tabs stay."""
    return "".join(
        c if c.isprintable() or c in "\n\t" else " " if c.isspace() else "\N{REPLACEMENT CHARACTER}"
        for c in text
    )


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
        return printable(f"{line}\n{self.formatException(record.exc_info)}" if record.exc_info else line)


def _quoted(value: object) -> str:
    text = str(value)
    return json.dumps(text) if not text or any(not c.isprintable() or c in ' "=' for c in text) else text
