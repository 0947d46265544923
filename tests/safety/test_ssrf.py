"""Whoever writes a post, a link or a page reaches nothing inside: real TLS and real sockets, only names are made up.

A name leads to a public address; what is dialled there is a server of ours, by TLS for that name. Beside it stands a
trap that listens inside, on IPv4 and IPv6, and counts who knocks.
"""

from __future__ import annotations

import gzip
import socket
import threading
from collections.abc import Iterator
from contextlib import suppress
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import httpcore
import pytest

from socialcron.errors import PlatformError, Rejected, Unavailable
from socialcron.platforms.fetch import Fetched, fetch_public
from socialcron.platforms.http import _DeadlineBackend
from tests.conftest import Cli
from tests.unit.test_fetch import Handler, Server, certified  # noqa: F401  a fixture
from tests.world import World

PUBLIC = "93.184.216.34"
BOMB = gzip.compress(bytes(5_000_000))


class Trap:
    """Listens inside; nobody may come."""

    def __init__(self) -> None:
        self.sockets = [socket.create_server(("127.0.0.1", 0))]
        self.port = self.sockets[0].getsockname()[1]
        with suppress(OSError):  # a host without IPv6
            self.sockets.append(socket.create_server(("::1", self.port), family=socket.AF_INET6))
        self.knocked: list[Any] = []
        for listening in self.sockets:
            threading.Thread(target=self._listen, args=(listening,), daemon=True).start()

    def _listen(self, listening: socket.socket) -> None:
        with suppress(OSError):
            while True:
                connection, address = listening.accept()
                self.knocked.append(address)
                connection.close()

    def close(self) -> None:
        for listening in self.sockets:
            listening.close()


@pytest.fixture
def trap() -> Iterator[Trap]:
    trap = Trap()
    yield trap
    trap.close()


@pytest.fixture
def dialled(certified: Server, monkeypatch: pytest.MonkeyPatch) -> list[str]:  # noqa: F811
    """Addresses connected to. The public one is our server; all others are what they are."""
    dialled: list[str] = []
    connect = _DeadlineBackend.connect_tcp

    def connect_tcp(self: Any, host: str, port: int, *args: Any, **options: Any) -> httpcore.NetworkStream:
        dialled.append(host)
        return connect(self, "127.0.0.1" if host == PUBLIC else host, port, *args, **options)

    monkeypatch.setattr(_DeadlineBackend, "connect_tcp", connect_tcp)
    return dialled


class Names:
    """A resolver of media.example and of names that lead inside; all else is the system's."""

    def __init__(self, *answers: list[str]) -> None:
        self.answers = list(answers)
        self.asked: list[str] = []

    def __call__(self, host: str, port: int) -> list[Any]:
        self.asked.append(host)
        if host == "media.example":
            addresses = self.answers.pop(0) if len(self.answers) > 1 else self.answers[0]
        elif host.endswith(".inside.example"):
            addresses = ["127.0.0.1"]
        else:
            return socket.getaddrinfo(host, port, type=socket.SOCK_STREAM)
        family = socket.AF_INET
        return [(family, socket.SOCK_STREAM, 6, "", (address, port)) for address in addresses]


def fetch(server: Server, path: str, names: Names | None = None, **options: Any) -> Fetched:
    url = f"https://media.example:{server.server_port}{path}"
    return fetch_public(
        url, **{"max_bytes": 10**6, "resolve": names or Names([PUBLIC]), "seconds": 20.0, **options}
    )


def test_the_way_there__works_at_all(certified: Server, dialled: list[str], tmp_path: Path) -> None:  # noqa: F811
    assert fetch(certified, "/cat/", folder=tmp_path).size_bytes == 256_000
    assert dialled == [PUBLIC]


# {port}: the trap's.
TARGETS = [
    "https://127.0.0.1:{port}/",
    "https://127.1:{port}/",
    "https://2130706433:{port}/",  # decimal
    "https://0x7f000001:{port}/",
    "https://0x7f.0.0.1:{port}/",
    "https://0177.0.0.1:{port}/",  # octal
    "https://017700000001:{port}/",
    "https://0:{port}/",
    "https://0.0.0.0:{port}/",
    "https://127.0.0.1.:{port}/",
    "https://127。0。0。1:{port}/",
    "https://①②⑦.⓪.⓪.①:{port}/",
    "https://localhost:{port}/",
    "https://LOCALHOST.:{port}/",
    "https://a.localhost:{port}/",
    "https://a.inside.example:{port}/",
    "https://[::1]:{port}/",
    "https://[0:0:0:0:0:0:0:1]:{port}/",
    "https://[::ffff:127.0.0.1]:{port}/",
    "https://[::ffff:7f00:1]:{port}/",
    "https://[::127.0.0.1]:{port}/",
    "https://[::]:{port}/",
    "https://[64:ff9b::7f00:1]:{port}/",
    "https://[64:ff9b::169.254.169.254]/latest/meta-data/",
    "https://[2002:7f00:1::]:{port}/",
    "https://[fc00::1]:{port}/",
    "https://[fe80::1]:{port}/",
    "https://169.254.169.254/latest/meta-data/",
    "https://100.64.0.1/",
    "https://10.0.0.1/",
    "https://192.168.0.1/",
    "https://172.31.255.255/",
    "https://media.example@127.0.0.1:{port}/",
    "https://media.example:pw@127.0.0.1:{port}/",
    "https://media.example%40127.0.0.1:{port}/",
    "https://127.0.0.1:{port}\\@media.example/",
    "https://127.0.0.1:{port}#@media.example/",
    "//127.0.0.1:{port}/",
    "///127.0.0.1:{port}/",
    "http://127.0.0.1:{port}/",
    "http://media.example/",
    "ftp://127.0.0.1:{port}/",
    "file:///etc/passwd",
    "gopher://127.0.0.1:{port}/_x",
    "unix:///var/run/docker.sock",
    "data:text/plain,hello",
    "javascript:alert(1)",
]


@pytest.mark.parametrize("target", TARGETS)
def test_redirects__lead_nowhere_inside(
    certified: Server,  # noqa: F811
    dialled: list[str],
    trap: Trap,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    target: str,
) -> None:
    location = target.format(port=trap.port)

    def away(self: Handler, _: str) -> None:
        self.wfile.write(
            b"HTTP/1.1 302 Found\r\ncontent-length: 0\r\nlocation: " + location.encode() + b"\r\n\r\n"
        )

    monkeypatch.setattr(Handler, "serve_away", away, raising=False)

    with pytest.raises((Rejected, Unavailable)) as caught:
        fetch(certified, "/away/", folder=tmp_path)

    assert trap.knocked == []
    assert set(dialled) <= {PUBLIC}
    assert "pw" not in str(caught.value)
    assert not [file for file in tmp_path.iterdir() if file.name.startswith("socialcron-")]


@pytest.mark.parametrize("target", [target for target in TARGETS if "media.example/" not in target])
def test_addresses__given_as_they_are_lead_nowhere_inside(trap: Trap, target: str) -> None:
    with pytest.raises(PlatformError):
        fetch_public(target.format(port=trap.port), max_bytes=10, seconds=5.0, resolve=Names([PUBLIC]))
    assert trap.knocked == []


@pytest.mark.parametrize("port", [22, 80, 5432, 6379])
def test_redirects__to_a_public_name_are_for_https_whatever_the_port(
    certified: Server,  # noqa: F811
    dialled: list[str],
    port: int,
) -> None:
    """What listens there speaks TLS for that name, or gets not one byte of a request."""
    with pytest.raises((Rejected, Unavailable)):
        fetch(certified, f"/to/http://media.example:{port}/")
    assert dialled == [PUBLIC]


def test_a_name_that_changes_its_mind__is_asked_once_for_each_connection(
    certified: Server,  # noqa: F811
    dialled: list[str],
    trap: Trap,
    tmp_path: Path,
) -> None:
    """Rebinding: public when it is checked, inside when it is used. It is used as it was checked."""
    names = Names([PUBLIC], ["127.0.0.1"])
    fetch(certified, "/cat/", names, folder=tmp_path)
    assert (dialled, names.asked) == ([PUBLIC], ["media.example"])


def test_a_name_that_changes_its_mind__between_redirects_is_checked_again(
    certified: Server,  # noqa: F811
    dialled: list[str],
) -> None:
    names = Names([PUBLIC], ["10.0.0.1"])
    with pytest.raises(Rejected, match=r"leads to 10\.0\.0\.1"):
        # Another port is another connection, and that asks again.
        fetch(certified, f"/to/https://media.example:{certified.server_port + 1}/cat/", names)
    assert dialled == [PUBLIC]


def test_several_addresses__with_one_inside_are_none_at_all(certified: Server, dialled: list[str]) -> None:  # noqa: F811
    for addresses in ([PUBLIC, "10.0.0.1"], ["::1", PUBLIC], [PUBLIC, "not an address"]):
        with pytest.raises(Rejected):
            fetch(certified, "/cat/", Names(addresses))
    assert dialled == []


def serve(monkeypatch: pytest.MonkeyPatch, raw: Any) -> None:
    monkeypatch.setattr(Handler, "serve_raw", lambda self, _: raw(self), raising=False)


@pytest.mark.parametrize(
    "head",
    [
        b"HTTP/1.1 302 Found\r\nlocation: https://media.example/" + b"a" * 1_000_000 + b"\r\n\r\n",
        b"HTTP/1.1 302 Found\r\nlocation: https://" + b"a" * 70_000 + b".example/\r\n\r\n",
        b"HTTP/1.1 200 OK\r\n" + b"x: y\r\n" * 200_000 + b"\r\n",
        b"HTTP/1.1 302 Found\r\nlocation: \xff\xfe\x00\r\n\r\n",
        b"HTTP/1.1 200 OK\r\ncontent-length: -1\r\n\r\nhello",
        b"HTTP/1.1 200 OK\r\ncontent-length: " + b"9" * 5000 + b"\r\n\r\nhello",
        b"SSH-2.0-OpenSSH_9.6\r\n",
        b"",
    ],
)
def test_answers__that_make_no_sense_are_an_error_with_a_short_word(
    certified: Server,  # noqa: F811
    dialled: list[str],
    monkeypatch: pytest.MonkeyPatch,
    tmp_path: Path,
    head: bytes,
) -> None:
    def raw(self: Handler) -> None:
        self.close_connection = True
        with suppress(OSError):
            self.wfile.write(head)

    serve(monkeypatch, raw)
    with pytest.raises((Rejected, Unavailable)) as caught:
        fetch(certified, "/raw/", folder=tmp_path)
    assert len(str(caught.value)) < 500
    assert not [file for file in tmp_path.iterdir() if file.name.startswith("socialcron-")]


@pytest.mark.parametrize("coding", ["gzip", "x-gzip", "deflate", "br", "zstd", "gzip, gzip", "GZIP"])
def test_bombs__are_not_unfolded(
    certified: Server,  # noqa: F811
    dialled: list[str],
    monkeypatch: pytest.MonkeyPatch,
    tmp_path: Path,
    coding: str,
) -> None:
    serve(monkeypatch, lambda self: self.answer(body=BOMB, content_encoding=coding))
    with pytest.raises(Rejected, match="compresses"):
        fetch(certified, "/raw/", folder=tmp_path)


def test_a_transfer_coding__is_not_unfolded_either(
    certified: Server,  # noqa: F811
    dialled: list[str],
    monkeypatch: pytest.MonkeyPatch,
    tmp_path: Path,
) -> None:
    def raw(self: Handler) -> None:
        self.wfile.write(b"HTTP/1.1 200 OK\r\ntransfer-encoding: gzip, chunked\r\n\r\n0\r\n\r\n")
        self.close_connection = True

    serve(monkeypatch, raw)
    with pytest.raises((Rejected, Unavailable)):
        fetch(certified, "/raw/", folder=tmp_path)


def test_a_redirect_that_never_ends_its_body__costs_nothing(
    certified: Server,  # noqa: F811
    dialled: list[str],
    monkeypatch: pytest.MonkeyPatch,
    tmp_path: Path,
) -> None:
    def raw(self: Handler) -> None:
        self.close_connection = True
        self.wfile.write(b"HTTP/1.1 302 Found\r\nlocation: /cat/\r\ncontent-length: 999999999999\r\n\r\n")
        with suppress(OSError):
            for _ in range(10_000):
                self.wfile.write(b"x" * 65536)

    serve(monkeypatch, raw)
    assert fetch(certified, "/raw/", folder=tmp_path).size_bytes == 256_000


def test_a_slow_body__ends_at_the_deadline(
    certified: Server,  # noqa: F811
    dialled: list[str],
    monkeypatch: pytest.MonkeyPatch,
    tmp_path: Path,
) -> None:
    def raw(self: Handler) -> None:
        self.close_connection = True
        self.wfile.write(b"HTTP/1.1 200 OK\r\ncontent-length: 1000000\r\n\r\n")
        with suppress(OSError):
            while not self.server.stopping.wait(0.05):  # type: ignore[attr-defined]
                self.wfile.write(b"x")

    serve(monkeypatch, raw)
    started = datetime.now(UTC)
    with pytest.raises(Unavailable):
        fetch(certified, "/raw/", seconds=0.5, folder=tmp_path)
    assert datetime.now(UTC) - started < timedelta(seconds=5)
    assert not [file for file in tmp_path.iterdir() if file.name.startswith("socialcron-")]


# --- through the commands ----------------------------------------------------------------------------------------


def test_media_of_a_post__cannot_be_inside(world: World, cli: Cli, trap: Trap) -> None:
    account = world.account("mastodon")
    posts = [
        world.post(account, f"look {n}", media=[{"source": target.format(port=trap.port)}])
        for n, target in enumerate(TARGETS)
        if target.startswith("https") and "inside" not in target and "media.example/" not in target
    ]
    cli("post-due", "--look-ahead", "0", "--limit", "100")
    cli("posts", "validate", *posts, "--fetch")
    assert trap.knocked == []
    assert world.value("SELECT count(*) FROM socialcron.posts WHERE status = 'posted'") == 0


def test_a_cover_of_a_scraped_post__cannot_be_inside(world: World, cli: Cli, trap: Trap) -> None:
    """The addresses come from a stranger's page."""
    profile = world.value(
        "INSERT INTO socialcron.profiles (platform, handle, last_run_at) VALUES ('tiktok', 'a', now()) RETURNING id"
    )
    for n, target in enumerate(TARGETS):
        world.run(
            "INSERT INTO socialcron.profile_posts (profile_id, remote_id, cover_url, first_seen_at, last_seen_at)"
            " VALUES (%s, %s, %s, now(), now())",
            profile,
            str(n),
            target.format(port=trap.port).replace("inside.example", "localhost"),
        )
    ran = cli("cache-media", "--limit", "100", "--json")
    assert ran.exit_code == 0
    assert trap.knocked == []
    assert world.value("SELECT count(*) FROM socialcron.media_cache WHERE status = 'cached'") == 0
    assert world.value("SELECT count(*) FROM socialcron.media_cache WHERE error IS NOT NULL") >= 40


def test_a_link_card__cannot_be_inside(world: World, cli: Cli, trap: Trap) -> None:
    account = world.account("bluesky")
    post = world.post(account, "read this", link=f"https://127.0.0.1:{trap.port}/")
    cli("post-due", "--look-ahead", "0")
    assert world.row(post)["status"] == "posted"  # without a card
    assert trap.knocked == []
