"""Pings in the manner of healthchecks.io: whoever watches from outside hears when a run starts, ends or fails to.

    POST {SOCIALCRON_PING_URL}/socialcron-post-due/start?rid=...&create=1    then  .../socialcron-post-due  or  .../fail

The address holds the project's ping key, so it is a secret. One daemon thread sends, in order, while the run works: a
server that hangs holds up the end of the process for `PATIENCE_SECONDS`, and nothing else ever.
Source: https://healthchecks.io/docs/http_api/, https://healthchecks.io/docs/autoprovisioning/ (2026-11-22)
"""

from __future__ import annotations

import time
from collections.abc import Callable
from queue import SimpleQueue
from threading import Thread
from urllib.error import HTTPError, URLError
from urllib.parse import urlsplit
from urllib.request import Request, urlopen

from socialcron import __version__, log

TIMEOUT_SECONDS = 2.0  # for each read and write of a try
PATIENCE_SECONDS = 5.0  # for all that is left to send when the run has ended
MOST_BYTES = 10_000  # of a body: what self-hosted servers keep by default
KEY_LENGTH = 22

# What a ping says, as the last part of its address. LOG is an entry that changes nothing: neither well nor ill.
START, SUCCESS, FAIL, LOG = "/start", "", "/fail", "/log"


class Pinger:
    """Sends the pings of one run. Only the thread that made it may call it."""

    def __init__(self, base_url: str, *, command: str, run_id: str) -> None:
        # As healthchecks.io makes them; a shorter part of the path may be a word that logs need.
        log.hide(part for part in urlsplit(base_url).path.split("/") if len(part) >= KEY_LENGTH)
        self._url = f"{base_url}/socialcron-{command.replace(' ', '-')}"
        # Start and end belong together by this id, a UUID by form; the log's run_id is its beginning.
        self._query = f"?rid={run_id[:8]}-{run_id[8:]:0<4}-4000-8000-000000000000&create=1"
        self._waiting: SimpleQueue[tuple[str, bytes] | None] = SimpleQueue()
        self._failures: list[tuple[str, str]] = []
        self._thread = Thread(target=self._send_all, name="pings", daemon=True)

    def start(self) -> None:
        self._waiting.put((START, b""))
        self._thread.start()

    def end(self, signal: str, body: str) -> Callable[[], None]:
        """Begin to send the last ping. The function that is returned waits for it and logs what went wrong."""
        self._waiting.put((signal, log.redact(body).encode()[:MOST_BYTES]))
        self._waiting.put(None)
        give_up_at = time.monotonic() + PATIENCE_SECONDS

        def wait() -> None:
            self._thread.join(max(give_up_at - time.monotonic(), 0))
            if self._thread.is_alive():
                self._failures.append((signal, "no answer in time"))
            for name, error in self._failures:
                log.event("ping_failed", level=log.WARNING, ping=name.strip("/") or "success", error=error)

        return wait

    def _send_all(self) -> None:
        while ping := self._waiting.get():
            signal, body = ping
            error, transient = self._send(signal, body)
            # Whoever waits for the end of a run does not wait for a second try to tell of its start.
            if transient and not (signal == START and not self._waiting.empty()):
                error, _ = self._send(signal, body)
            if error:
                self._failures.append((signal, error))

    def _send(self, signal: str, body: bytes) -> tuple[str | None, bool]:
        """What went wrong, never with the address in it; None: nothing. And whether another try may help."""
        headers = {"User-Agent": f"socialcron/{__version__}", "Content-Type": "text/plain; charset=utf-8"}
        try:
            request = Request(self._url + signal + self._query, data=body, headers=headers)
            with urlopen(request, timeout=TIMEOUT_SECONDS) as answer:  # nosec B310  # http(s), says the setting
                answer.read(1000)
        except HTTPError as exc:
            return f"answered {exc.code}", exc.code >= 500
        except URLError as exc:
            cause = exc.reason
            return (isinstance(cause, OSError) and cause.strerror) or type(cause).__name__, True
        except Exception as exc:  # this thread has nobody to tell but the log
            return type(exc).__name__, isinstance(exc, OSError)
        return None, False
