"""A server that repeats whatever it is told, as a platform's worst error could: headers, address and body."""

from __future__ import annotations

import base64
import http.client
import json
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any
from urllib.parse import urlsplit


class Parrot(ThreadingHTTPServer):
    """Hands the first `patient` requests to each platform on to `behind`, and answers `status` to all others."""

    daemon_threads = True
    behind: str
    status: int = 400
    patient: int = 0

    def __init__(self) -> None:
        super().__init__(("127.0.0.1", 0), _Handler)
        self.heard: list[str] = []
        self.lock = threading.Lock()
        self.passed: dict[str, int] = {}

    @property
    def url(self) -> str:
        return f"http://127.0.0.1:{self.server_port}"

    def handle_error(self, request: Any, client_address: Any) -> None:
        pass


class _Handler(BaseHTTPRequestHandler):
    protocol_version = "HTTP/1.1"
    server: Parrot

    def _answer(self) -> None:
        body = self.rfile.read(int(self.headers.get("content-length") or 0))
        told = f"{self.command} {self.path} {dict(self.headers)} {body[:4000].decode(errors='replace')}"
        place = self.path.split("/")[1]
        with self.server.lock:
            self.server.heard.append(told)
            self.server.passed[place] = count = self.server.passed.get(place, 0) + 1
        if count <= self.server.patient:
            self._hand_on(body)
            return
        # Plain words first: adapters keep the first characters of what they are told.
        said = f"You sent {self.headers.get('authorization', '')} {self.path} {told}"
        inner = dict.fromkeys(
            ("message", "detail", "title", "description", "error_user_msg", "type", "code"), said
        )
        document = {
            **inner,
            **dict.fromkeys(("error_description", "error_uri", "reason", "hint", "details"), said),
            "error": {**inner, "errors": [inner], "details": [inner], "code": 100},
            "errors": [inner],
            "retry_after": 0.1,
        }
        if self.server.status % 2:  # some say it in one text
            document["error"] = said
        answer = json.dumps(document).encode()
        self.send_response(self.server.status, "No")
        self.send_header("content-type", "application/json")
        self.send_header("content-length", str(len(answer)))
        self.send_header(
            "location", f"{self.server.url}/elsewhere?said={base64.b64encode(told.encode()).decode()[:99]}"
        )
        self.send_header("www-authenticate", f'Bearer error="{self.headers.get("authorization", "")}"')
        self.end_headers()
        self.wfile.write(answer)

    def _hand_on(self, body: bytes) -> None:
        behind = http.client.HTTPConnection(urlsplit(self.server.behind).netloc)
        headers = {name: value for name, value in self.headers.items() if name.lower() != "host"}
        behind.request(self.command, self.path, body, headers)
        answer = behind.getresponse()
        content = answer.read()
        self.send_response(answer.status)
        for name, value in answer.getheaders():
            if name.lower() not in ("transfer-encoding", "content-length", "connection"):
                self.send_header(name, value)
        self.send_header("content-length", str(len(content)))
        self.end_headers()
        self.wfile.write(content.replace(self.server.behind.encode(), self.server.url.encode()))
        behind.close()

    do_GET = do_POST = do_PUT = do_PATCH = do_DELETE = do_HEAD = _answer

    def log_message(self, format: str, *args: Any) -> None:
        pass


@contextmanager
def parrot(behind: str) -> Iterator[Parrot]:
    server = Parrot()
    server.behind = behind
    threading.Thread(target=server.serve_forever, args=(0.01,), daemon=True).start()
    try:
        yield server
    finally:
        server.shutdown()
        server.server_close()
