"""The guarded fetcher against real servers on loopback, and against names that lead elsewhere than they say."""

from __future__ import annotations

import gzip
import socket
import ssl
import threading
from collections.abc import Callable, Iterator
from datetime import UTC, datetime, timedelta
from hashlib import sha256
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import Any

import httpx
import pytest

from socialcron.errors import Rejected, Unavailable
from socialcron.platforms.fetch import Fetched, fetch_public, is_public

BODY = bytes(range(256)) * 1000


class Handler(BaseHTTPRequestHandler):
    protocol_version = "HTTP/1.1"
    seen: list[str]

    def do_GET(self) -> None:
        self.server.seen.append(f"{self.headers['host']} {self.path}")  # type: ignore[attr-defined]
        name, _, rest = self.path[1:].partition("/")
        getattr(self, f"serve_{name}")(rest)

    def answer(self, status: int = 200, body: bytes = BODY, **headers: str) -> None:
        self.send_response(status)
        for header, value in {"content-length": str(len(body)), **headers}.items():
            self.send_header(header.replace("_", "-"), value)
        self.end_headers()
        self.wfile.write(body)

    def serve_cat(self, _: str) -> None:
        self.answer(content_type="Image/PNG; charset=binary")

    def serve_untyped(self, _: str) -> None:
        self.answer()

    def serve_empty(self, _: str) -> None:
        self.answer(body=b"")

    def serve_status(self, code: str) -> None:
        self.answer(int(code))

    def serve_gzip(self, _: str) -> None:
        self.answer(body=gzip.compress(BODY), content_encoding="gzip")

    def serve_to(self, target: str) -> None:
        self.answer(302, b"moved", location=target)

    def serve_round(self, left: str) -> None:
        self.answer(302, b"", location=f"/round/{int(left) - 1}" if int(left) > 1 else "/cat/")

    def serve_chunked(self, _: str) -> None:
        self.send_response(200)
        self.send_header("transfer-encoding", "chunked")
        self.end_headers()
        for _n in range(100):
            self.wfile.write(b"1000\r\n" + b"x" * 4096 + b"\r\n")
        self.wfile.write(b"0\r\n\r\n")

    def serve_half(self, _: str) -> None:
        self.send_response(200)
        self.send_header("content-length", str(len(BODY)))
        self.end_headers()
        self.wfile.write(BODY[:1000])
        self.close_connection = True

    def serve_drip(self, _: str) -> None:
        self.wfile.write(b"HTTP/1.1 200 OK\r\nx: ")
        try:
            while not self.server.stopping.wait(0.05):  # type: ignore[attr-defined]
                self.wfile.write(b"x")
                self.wfile.flush()
        except OSError:
            pass

    def log_message(self, format: str, *args: Any) -> None:
        pass


class Server(ThreadingHTTPServer):
    daemon_threads = True

    def __init__(self, context: ssl.SSLContext | None = None) -> None:
        super().__init__(("127.0.0.1", 0), Handler)
        self.seen: list[str] = []
        self.names: list[str | None] = []  # asked for in TLS
        self.stopping = threading.Event()
        if context:
            context.sni_callback = lambda _socket, name, _context: self.names.append(name)
            self.socket = context.wrap_socket(self.socket, server_side=True)
        threading.Thread(target=self.serve_forever, args=(0.01,), daemon=True).start()

    def url(self, path: str) -> str:
        return f"http://127.0.0.1:{self.server_port}{path}"

    def handle_error(self, request: Any, client_address: Any) -> None:
        pass

    def close(self) -> None:
        self.stopping.set()
        self.shutdown()
        self.server_close()


@pytest.fixture
def server() -> Iterator[Server]:
    server = Server()
    yield server
    server.close()


Get = Callable[..., Fetched]


@pytest.fixture
def get(server: Server, tmp_path: Path) -> Get:
    """Fetch a path of `server` into `tmp_path`."""

    def get(path: str, **options: Any) -> Fetched:
        options = {"max_bytes": 10**6, "allow_private": True, "folder": tmp_path, **options}
        return fetch_public(server.url(path), **options)

    return get


def leads_to(*addresses: str) -> Any:
    """A resolver for which every name has these addresses; counts how often it is asked."""

    def resolve(host: str, port: int) -> list[tuple[Any, ...]]:
        resolve.asked.append(host)  # type: ignore[attr-defined]
        return [(socket.AF_INET, socket.SOCK_STREAM, 6, "", (address, port)) for address in addresses]

    resolve.asked = []  # type: ignore[attr-defined]
    return resolve


# --- what it returns ---------------------------------------------------------------------------------------


def test_fetch__streams_into_a_file_and_says_what_it_is(get: Get, tmp_path: Path, server: Server) -> None:
    fetched = get("/cat/?signature=secret")
    assert fetched.path.read_bytes() == BODY
    assert fetched.path.parent == tmp_path
    assert fetched.path.suffix == ".png"
    assert fetched.path.stat().st_mode & 0o077 == 0
    assert (fetched.size_bytes, fetched.mime_type) == (len(BODY), "image/png")
    assert fetched.sha256 == sha256(BODY).hexdigest()
    assert fetched.final_url == server.url("/cat/?signature=secret")


@pytest.mark.parametrize(
    ("path", "mime_type"), [("/untyped/a.jpg", "image/jpeg"), ("/untyped/a", "application/octet-stream")]
)
def test_fetch__goes_by_the_name_when_the_server_names_no_type(get: Get, path: str, mime_type: str) -> None:
    assert get(path).mime_type == mime_type


def test_fetch__follows_redirects(get: Get, server: Server) -> None:
    assert get("/to//cat/").final_url == server.url("/cat/")
    assert get("/round/5").path.read_bytes() == BODY
    with pytest.raises(Rejected, match="more than 5 redirects"):
        get("/round/6")


# --- what it refuses ---------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    "address",
    [
        "127.0.0.1",
        "127.8.9.1",
        "0.0.0.0",
        "10.0.0.1",
        "172.16.0.1",
        "192.168.1.1",
        "169.254.169.254",
        "100.64.0.1",
        "192.0.0.8",
        "192.0.2.1",
        "192.88.99.1",
        "198.18.0.1",
        "224.0.0.1",
        "240.0.0.1",
        "255.255.255.255",
        "::",
        "::1",
        "::ffff:127.0.0.1",
        "::ffff:10.0.0.1",
        "::127.0.0.1",
        "fe80::1",
        "fe80::1%eth0",
        "fc00::1",
        "fd00:ec2::254",
        "fec0::1",
        "ff02::1",
        "2001:db8::1",
        "3fff::1",
        "5f00::1",
        "64:ff9b::7f00:1",
        "64:ff9b::a9fe:a9fe",
        "64:ff9b:1::1",
        "2002:7f00:1::",
        "2001:0:4136:e378:8000:63bf:3fff:fdd2",
    ],
)
def test_fetch__connects_to_no_address_inside(address: str) -> None:
    assert not is_public(address)
    with pytest.raises(Rejected, match="not a public address") as caught:
        fetch_public("https://a.example/cat.png", max_bytes=1, resolve=leads_to(address))
    assert "a.example" in str(caught.value)


@pytest.mark.parametrize("address", ["1.1.1.1", "8.8.8.8", "2606:4700:4700::1111", "64:ff9b::101:101"])
def test_is_public__knows_the_internet(address: str) -> None:
    assert is_public(address)


def test_fetch__one_address_inside_among_others_is_enough_to_refuse() -> None:
    with pytest.raises(Rejected, match=r"leads to 127\.0\.0\.1"):
        fetch_public("https://a.example/", max_bytes=1, resolve=leads_to("1.1.1.1", "127.0.0.1"))


@pytest.mark.parametrize(
    "host", ["localhost", "127.0.0.1", "127.1", "2130706433", "0x7f000001", "[::1]", "[::ffff:127.0.0.1]"]
)
def test_fetch__numbers_and_local_names_lead_inside_too(host: str) -> None:
    with pytest.raises(Rejected):
        fetch_public(f"https://{host}/", max_bytes=1)


@pytest.mark.parametrize(
    "url",
    [
        "http://a.example/",
        "ftp://a.example/",
        "file:///etc/passwd",
        "data:,x",
        "//a.example/",
        "cat.png",
        "",
        "https://",
        "https:///etc/passwd",
        "https://user:password@a.example/",
        "https://a.example:port/",
        "https://[::1/",
        "https://" + "a" * 70 + ".example/",
        "https://a..example/",
        "https://exa\nmple/",
    ],
)
def test_fetch__takes_only_plain_https_urls(url: str) -> None:
    with pytest.raises(Rejected) as caught:
        fetch_public(url, max_bytes=1, resolve=leads_to("127.0.0.1"))
    assert "password@" not in str(caught.value)


@pytest.mark.parametrize("target", ["ftp://127.0.0.1/", "file:///etc/passwd", "http://user:pw@127.0.0.1/"])
def test_fetch__checks_where_redirects_lead(get: Get, target: str) -> None:
    with pytest.raises(Rejected):
        get(f"/to/{target}")


@pytest.mark.parametrize("path", ["/cat/", "/chunked/"])
def test_fetch__stops_at_the_size_limit_announced_or_not(get: Get, tmp_path: Path, path: str) -> None:
    with pytest.raises(Rejected, match="larger than 1000 bytes"):
        get(path, max_bytes=1000)
    assert not list(tmp_path.iterdir())


@pytest.mark.parametrize("status", [204, 206, 304, 400, 401, 403, 404, 410, 451])
def test_fetch__a_status_that_stays_is_refused(get: Get, status: int) -> None:
    with pytest.raises(Rejected, match=str(status)):
        get(f"/status/{status}")


@pytest.mark.parametrize("status", [408, 429, 500, 502, 503])
def test_fetch__a_status_that_passes_is_tried_again_later(get: Get, status: int) -> None:
    with pytest.raises(Unavailable, match=str(status)):
        get(f"/status/{status}")


def test_fetch__an_empty_file_is_refused(get: Get, tmp_path: Path) -> None:
    with pytest.raises(Rejected, match="empty"):
        get("/empty/")
    assert not list(tmp_path.iterdir())


def test_fetch__unfolds_nothing(get: Get) -> None:
    with pytest.raises(Rejected, match="compresses"):
        get("/gzip/")


# --- trouble -----------------------------------------------------------------------------------------------


def test_fetch__half_a_file_is_no_file(get: Get, tmp_path: Path) -> None:
    with pytest.raises(Unavailable):
        get("/half/")
    assert not list(tmp_path.iterdir())


def test_fetch__a_dripping_server_meets_the_total_deadline(get: Get) -> None:
    started = datetime.now(UTC)
    with pytest.raises(Unavailable):
        get("/drip/", seconds=0.3)
    assert datetime.now(UTC) - started < timedelta(seconds=3)


def test_fetch__nobody_listening_is_network_trouble(tmp_path: Path) -> None:
    with socket.create_server(("127.0.0.1", 0)) as unused:
        port = unused.getsockname()[1]
    with pytest.raises(Unavailable):
        fetch_public(f"http://127.0.0.1:{port}/", max_bytes=1, allow_private=True)


def test_fetch__an_unknown_name_is_network_trouble() -> None:
    def unknown(host: str, port: int) -> list[tuple[Any, ...]]:
        raise socket.gaierror(socket.EAI_NONAME, "Name or service not known")

    with pytest.raises(Unavailable, match=r"a\.example"):
        fetch_public("https://a.example/", max_bytes=1, resolve=unknown)


def test_fetch__messages_hold_no_query(get: Get) -> None:
    for path in ("/status/404?signature=secret", "/half/?signature=secret"):
        with pytest.raises((Rejected, Unavailable)) as caught:
            get(path)
        assert "secret" not in str(caught.value)


def test_fetch__a_folder_that_cannot_be_written_is_said(get: Get) -> None:
    with pytest.raises(Unavailable, match="could not be stored"):
        get("/cat/", folder=Path("/no/such/folder"))


# --- the checked address is the one connected to -------------------------------------------------------------


def test_fetch__goes_to_the_address_it_resolved_and_keeps_the_host(server: Server, tmp_path: Path) -> None:
    resolve = leads_to("127.0.0.1")
    url = f"http://media.example:{server.server_port}/cat/"
    fetch_public(url, max_bytes=10**6, allow_private=True, resolve=resolve, folder=tmp_path)
    assert server.seen == [f"media.example:{server.server_port} /cat/"]
    assert resolve.asked == ["media.example"]


def test_fetch__tries_the_next_address(server: Server, tmp_path: Path) -> None:
    resolve = leads_to("127.255.255.254", "127.0.0.1")
    url = f"http://media.example:{server.server_port}/cat/"
    fetch_public(url, max_bytes=10**6, allow_private=True, resolve=resolve, folder=tmp_path)


@pytest.fixture
def certified(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Server]:
    """A TLS server with a certificate for media.example that this process trusts."""
    from cryptography import x509
    from cryptography.hazmat.primitives import hashes, serialization
    from cryptography.hazmat.primitives.asymmetric import ec
    from cryptography.x509.oid import NameOID

    key = ec.generate_private_key(ec.SECP256R1())
    name = x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, "media.example")])
    now = datetime.now(UTC)
    certificate = (
        x509.CertificateBuilder(name, name, key.public_key(), x509.random_serial_number())
        .not_valid_before(now - timedelta(days=1))
        .not_valid_after(now + timedelta(days=1))
        .add_extension(x509.SubjectAlternativeName([x509.DNSName("media.example")]), critical=False)
        .add_extension(x509.BasicConstraints(ca=True, path_length=None), critical=True)
        .sign(key, hashes.SHA256())
    )
    pem = tmp_path / "server.pem"
    pem.write_bytes(
        key.private_bytes(
            serialization.Encoding.PEM,
            serialization.PrivateFormat.PKCS8,
            serialization.NoEncryption(),
        )
        + certificate.public_bytes(serialization.Encoding.PEM)
    )
    trusted = tmp_path / "ca.pem"
    trusted.write_bytes(certificate.public_bytes(serialization.Encoding.PEM))
    monkeypatch.setenv("SSL_CERT_FILE", str(trusted))
    monkeypatch.setattr("socialcron.platforms.fetch._tls", httpx.create_ssl_context)
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    context.load_cert_chain(pem)
    server = Server(context)
    yield server
    server.close()


def test_fetch__tls_is_checked_against_the_name_not_the_address(certified: Server, tmp_path: Path) -> None:
    def get(host: str) -> Fetched:
        url = f"https://{host}:{certified.server_port}/cat/"
        return fetch_public(url, max_bytes=10**6, allow_private=True, resolve=leads_to("127.0.0.1"))

    fetched = get("media.example")
    fetched.path.unlink()
    assert certified.names == ["media.example"]
    with pytest.raises(Unavailable, match="CERTIFICATE_VERIFY_FAILED"):
        get("other.example")
