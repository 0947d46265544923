"""The wire under our feet: one connection pool serves many accounts, uploads and visible writes."""

from __future__ import annotations

import socket
from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from email.utils import format_datetime
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from threading import Thread
from typing import Any

import httpx
import pytest

from socialcron.errors import RateLimited
from socialcron.platforms.base import default_error, nothing_seen
from socialcron.platforms.http import Answer, Http, Session, now_seconds
from tests.contract.conftest import Wire


class Server(ThreadingHTTPServer):
    daemon_threads = True
    cookies: list[str | None]


class Handler(BaseHTTPRequestHandler):
    protocol_version = "HTTP/1.1"
    server: Server

    def do_POST(self) -> None:
        self.rfile.read(int(self.headers["content-length"]))
        self.server.cookies.append(self.headers["cookie"])
        self.send_response(200)
        self.send_header("set-cookie", "session=of-the-first-account; Path=/")
        self.send_header("content-length", "2")
        self.end_headers()
        self.wfile.write(b"{}")

    def log_message(self, format: str, *args: Any) -> None:
        pass


@pytest.fixture
def server() -> Iterator[Server]:
    with Server(("127.0.0.1", 0), Handler) as server:
        server.cookies = []
        Thread(target=server.serve_forever, args=(0.01,), daemon=True).start()
        yield server
        server.shutdown()


@pytest.fixture
def http() -> Iterator[Http]:
    http = Http()
    yield http
    http.close()


def session(http: Http, base_url: str) -> Session:
    return Session(
        base_url=base_url,
        where="test",
        http=http,
        authorize=lambda request: None,
        explain=lambda answer: default_error(answer, "test"),
        limits=nothing_seen,
    )


def test_write__on_a_connection_an_upload_opened_is_dropped_by_the_kernel_at_the_writes_own_deadline(
    http: Http, server: Server
) -> None:
    """Else bytes of a write that was given up could be delivered minutes later, when absence is already proven."""
    account = session(http, f"http://127.0.0.1:{server.server_port}")
    account.upload("POST", "/media", content=b"x")
    account.write_deadline = now_seconds() + 5
    account.write("POST", "/post", content=b"y")

    (connection,) = http._client._transport._pool.connections  # type: ignore[attr-defined]
    wire = connection._connection._network_stream.get_extra_info("socket")
    timeout = wire.getsockopt(socket.IPPROTO_TCP, socket.TCP_USER_TIMEOUT)
    assert 0 < timeout <= 5000


def test_cookies__of_one_account_never_travel_with_the_request_of_another(http: Http, server: Server) -> None:
    for path in ("/first", "/second"):
        session(http, f"http://127.0.0.1:{server.server_port}").write("POST", path, content=b"x")

    assert server.cookies == [None, None]


def test_retry_after__as_a_date_is_read_by_the_servers_own_clock(wire: Wire) -> None:
    theirs = datetime.now(UTC) + timedelta(hours=3)  # or our host is three hours slow
    headers = {
        "date": format_datetime(theirs, usegmt=True),
        "retry-after": format_datetime(theirs + timedelta(seconds=90), usegmt=True),
    }
    wire.expect("POST /post", 429, headers=headers)

    with pytest.raises(RateLimited) as refused:
        session(wire.http, "https://social.example").write("POST", "/post")

    assert refused.value.retry_after == 90


@pytest.mark.parametrize("value", ["1e18", "Fri, 31 Dec 9999 23:59:59 GMT"])
def test_retry_after__beyond_reason_is_a_month(value: str) -> None:
    answer = Answer(status=429, headers=httpx.Headers({"retry-after": value}), body=b"")

    assert answer.retry_after == 31 * 86_400
