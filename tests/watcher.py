"""A server that is pinged, over real HTTP on loopback: it remembers what it was told, and can refuse or say nothing."""

from __future__ import annotations

import threading
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any
from urllib.parse import parse_qs, urlsplit

KEY = "rKq2vX8n4TzYbW7mPd5sLh"


@dataclass(frozen=True, slots=True, kw_only=True)
class Ping:
    path: str
    query: dict[str, list[str]]
    body: str
    at: float


@dataclass(slots=True, kw_only=True)
class Watcher:
    """status: what it answers a path with; None: nothing, until the end."""

    url: str
    pings: list[Ping] = field(default_factory=list)
    status: Callable[[str], int | None] = field(default=lambda path: 200)
    closing: threading.Event = field(default_factory=threading.Event)

    @property
    def paths(self) -> list[str]:
        return [ping.path.removeprefix(f"/{KEY}/") for ping in self.pings]


@contextmanager
def watcher() -> Iterator[Watcher]:
    class Handler(BaseHTTPRequestHandler):
        def do_POST(self) -> None:
            body = self.rfile.read(int(self.headers.get("Content-Length", 0))).decode()
            found = urlsplit(self.path)
            ping = Ping(path=found.path, query=parse_qs(found.query), body=body, at=time.time())
            running.pings.append(ping)
            if (status := running.status(found.path)) is None:
                running.closing.wait()
                return
            self.send_response(status)
            self.end_headers()

        def log_message(self, *_: Any) -> None:
            pass

    server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
    running = Watcher(url=f"http://127.0.0.1:{server.server_port}/{KEY}")
    threading.Thread(target=server.serve_forever, args=(0.02,), daemon=True).start()
    try:
        yield running
    finally:
        running.closing.set()
        server.shutdown()
        server.server_close()
