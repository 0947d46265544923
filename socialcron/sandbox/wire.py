"""HTTP/1.1 on a blocking socket: read a request, write an answer, take form bodies apart.

Not `http.server`: half an answer, a reset or no answer at all are what the sandbox is for, and its email-parsed
headers cost as much as all of our work: a constant answer from it and a status made and answered here both come to
about 10,000 requests/s on one core (8 connections, 2026-11).
"""

from __future__ import annotations

import json
import socket
import struct
import time
from collections.abc import Callable
from contextlib import suppress
from dataclasses import dataclass, field
from email.utils import formatdate
from http import HTTPStatus
from typing import Any
from urllib.parse import parse_qsl, unquote, unquote_to_bytes

MAX_HEAD_BYTES = 64 * 1024
MAX_BODY_BYTES = 256 * 1024 * 1024
REASONS = {status.value: status.phrase for status in HTTPStatus}


class Unreadable(Exception):
    """What arrived is not HTTP as we speak it; the message goes out with `status`."""

    def __init__(self, message: str, status: int = 400) -> None:
        super().__init__(message)
        self.status = status


@dataclass(slots=True)
class Part:
    """One part of a multipart body; `filename` is None for plain fields."""

    name: str
    filename: str | None
    content_type: str
    data: bytes


@dataclass(slots=True)
class Request:
    """One request. `path` is below the platform's base; `url` is the whole URL without the query, as sent.

    The server fills `params` from the route, `account` and `token` once they are known, and the rest from faults:
    `slow_seconds` before the platform acts, `key_ignored` when it shall not see the idempotency key.
    """

    method: str
    path: str
    query_string: str
    headers: dict[str, str]  # names in lower case; of repeated ones the last
    body: bytes
    url: str = ""
    params: dict[str, str] = field(default_factory=dict)
    account: Any = None
    token: Any = None
    slow_seconds: float = 0.0
    key_ignored: bool = False

    @property
    def content_type(self) -> str:
        """The media type alone, in lower case; empty when there is none."""
        return self.headers.get("content-type", "").partition(";")[0].strip().lower()

    @property
    def query_pairs(self) -> list[tuple[str, str]]:
        return parse_qsl(self.query_string, keep_blank_values=True)

    def query(self, name: str, default: str | None = None) -> str | None:
        return next((value for key, value in self.query_pairs if key == name), default)

    def query_all(self, name: str) -> list[str]:
        return [value for key, value in self.query_pairs if key == name]

    @property
    def bearer(self) -> str:
        """The bearer token; empty when there is none."""
        scheme, _, value = self.headers.get("authorization", "").partition(" ")
        return value.strip() if scheme.lower() == "bearer" else ""

    def json_value(self) -> Any:
        """The body as JSON. Raises ValueError, on lone surrogates too: they are no text."""
        document = json.loads(self.body)
        if b"\\ud" in self.body.lower():
            json.dumps(document, ensure_ascii=False).encode()
        return document

    def json_object(self) -> dict[str, Any]:
        """The body as a JSON object. Raises ValueError when it is anything else."""
        document = self.json_value()
        if not isinstance(document, dict):
            raise ValueError("the body is not a JSON object")
        return document

    def form_pairs(self) -> list[tuple[str, str]]:
        """An urlencoded body. Raises UnicodeDecodeError, a ValueError, on bytes that are not UTF-8."""
        return parse_qsl(self.body.decode(), keep_blank_values=True)

    def parts(self) -> list[Part]:
        """A multipart body. Raises ValueError when it is not one."""
        boundary = _parameters(self.headers.get("content-type", "")).get("boundary")
        if not boundary:
            raise ValueError("multipart without a boundary")
        mark = b"--" + boundary.encode()
        pieces = (b"\r\n" + self.body).split(b"\r\n" + mark)
        if len(pieces) < 2 or not pieces[-1].startswith(b"--"):
            raise ValueError("multipart body without its closing boundary")
        return [_part(piece) for piece in pieces[1:-1]]


@dataclass(slots=True)
class Reply:
    """One answer. `body` is bytes as they are, None for an empty one, or anything JSON can hold."""

    status: int
    body: Any = None
    headers: dict[str, str] = field(default_factory=dict)
    content_type: str = "application/json; charset=utf-8"

    def content(self) -> bytes:
        if self.body is None:
            return b""
        if isinstance(self.body, bytes):
            return self.body
        return json.dumps(self.body, ensure_ascii=False, separators=(",", ":")).encode()


def _parameters(value: str) -> dict[str, str]:
    """`form-data; name="a"; filename="b.png"` -> {"name": "a", "filename": "b.png"}."""
    found = {}
    for piece in value.split(";")[1:]:
        name, _, text = piece.strip().partition("=")
        found[name.lower()] = text.strip().strip('"')
    return found


def _part(piece: bytes) -> Part:
    head, separator, data = piece.partition(b"\r\n\r\n")
    if not separator:
        raise ValueError("multipart part without a header")
    headers = {}
    for line in head.decode("utf-8", "replace").split("\r\n"):
        name, _, value = line.partition(":")
        headers[name.strip().lower()] = value.strip()
    parameters = _parameters(headers.get("content-disposition", ""))
    if "name" not in parameters:
        raise ValueError("multipart part without a name")
    filename = parameters.get("filename")
    if filename is None and "filename*" in parameters:
        filename = unquote_to_bytes(parameters["filename*"].rpartition("'")[2]).decode("utf-8", "replace")
    return Part(parameters["name"], filename, headers.get("content-type", "text/plain"), data)


class Connection:
    """One client's connection, used by one thread."""

    def __init__(self, sock: socket.socket, now: Callable[[], float] = time.time) -> None:
        sock.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
        self.sock = sock
        self._now = now  # for the Date header
        self._buffer = b""

    def read_request(self) -> Request | None:
        """The next request, or None when the client has gone. Raises Unreadable, OSError."""
        while (end := self._buffer.find(b"\r\n\r\n")) < 0:
            if len(self._buffer) > MAX_HEAD_BYTES:
                raise Unreadable("request head too large", 431)
            if not self._fill():
                return None
        head, self._buffer = self._buffer[:end].decode("latin-1"), self._buffer[end + 4 :]
        first, *lines = head.split("\r\n")
        headers = {}
        for line in lines:
            name, colon, value = line.partition(":")
            if not colon:
                raise Unreadable("malformed header line")
            headers[name.lower()] = value.strip()
        try:
            method, target, version = first.split(" ")
        except ValueError:
            raise Unreadable("malformed request line") from None
        if not version.startswith("HTTP/1.") or not target.startswith("/"):
            raise Unreadable("not an HTTP/1.1 request to a path")
        raw_path, _, query_string = target.partition("?")
        return Request(
            method,
            unquote(raw_path),
            query_string,
            headers,
            self._read_body(headers),
            url=f"http://{headers.get('host', '')}{raw_path}",
        )

    def _read_body(self, headers: dict[str, str]) -> bytes:
        chunked = headers.get("transfer-encoding", "").lower() == "chunked"
        length = headers.get("content-length", "0")
        if not length.isdigit():
            raise Unreadable("malformed Content-Length")
        if int(length) > MAX_BODY_BYTES:
            raise Unreadable("body too large", 413)
        if headers.get("expect", "").lower() == "100-continue":
            self.sock.sendall(b"HTTP/1.1 100 Continue\r\n\r\n")
        if not chunked:
            return self._take(int(length))
        body = bytearray()
        while size := self._chunk_size():
            body += self._take(size)
            self._take(2)
            if len(body) > MAX_BODY_BYTES:
                raise Unreadable("body too large", 413)
        while self._take_line():
            pass  # trailers
        return bytes(body)

    def _chunk_size(self) -> int:
        try:
            return int(self._take_line().partition(b";")[0], 16)
        except ValueError:
            raise Unreadable("malformed chunk") from None

    def _take_line(self) -> bytes:
        while (end := self._buffer.find(b"\r\n")) < 0:
            if len(self._buffer) > MAX_HEAD_BYTES or not self._fill():
                raise Unreadable("body ends early")
        line, self._buffer = self._buffer[:end], self._buffer[end + 2 :]
        return line

    def _take(self, size: int) -> bytes:
        if len(self._buffer) >= size:
            taken, self._buffer = self._buffer[:size], self._buffer[size:]
            return taken
        pieces, missing = [self._buffer], size - len(self._buffer)
        self._buffer = b""
        while missing:
            piece = self.sock.recv(min(missing, 1 << 20))
            if not piece:
                raise Unreadable("body ends early")
            pieces.append(piece)
            missing -= len(piece)
        return b"".join(pieces)

    def _fill(self) -> bool:
        data = self.sock.recv(65536)
        self._buffer += data
        return bool(data)

    def send(self, reply: Reply, *, share: float = 1.0) -> None:
        """Send the answer in one call; `share` below 1 sends the whole head and that share of the body."""
        content = reply.content()
        lines = [f"HTTP/1.1 {reply.status} {REASONS.get(reply.status, 'Unknown')}"]
        lines.append(f"Date: {formatdate(self._now(), usegmt=True)}")
        lines += [f"{name}: {value}" for name, value in reply.headers.items()]
        if content:
            lines.append(f"Content-Type: {reply.content_type}")
        lines.append(f"Content-Length: {len(content)}\r\n\r\n")
        if share < 1:
            content = content[: int(len(content) * share)]
        self.sock.sendall("\r\n".join(lines).encode("latin-1") + content)

    def close(self) -> None:
        """End the connection in the orderly way. The shutdown tells the client even if a fork still has the socket."""
        with suppress(OSError):  # the client may have been first
            self.sock.shutdown(socket.SHUT_RDWR)
        self.sock.close()

    def reset(self) -> None:
        """End the connection by RST: the client sees ECONNRESET."""
        self.sock.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
        self.sock.close()


def iso_time(moment: float, *, digits: int = 3) -> str:
    """Epoch seconds -> `2026-01-02T03:04:05.678Z`, with 3 or 6 digits of the second."""
    seconds, fraction = divmod(int(moment * 10**digits), 10**digits)
    return f"{time.strftime('%Y-%m-%dT%H:%M:%S', time.gmtime(seconds))}.{fraction:0{digits}d}Z"
