"""Attachments on their way: local files below the media root, and URLs through the guarded fetcher."""

from __future__ import annotations

import threading
from collections.abc import Iterator
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path

import pytest

from tests.conftest import Cli
from tests.media import png
from tests.world import World


@pytest.fixture
def web() -> Iterator[str]:
    """A web server on loopback that has one picture."""

    class Handler(BaseHTTPRequestHandler):
        def do_GET(self) -> None:
            found = self.path == "/picture.png"
            body = png() if found else b"no such file"
            self.send_response(200 if found else 404)
            self.send_header("Content-Type", "image/png" if found else "text/plain")
            self.send_header("Content-Length", str(len(body)))
            self.end_headers()
            self.wfile.write(body)

        def log_message(self, *_: object) -> None:
            pass

    server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
    threading.Thread(target=server.serve_forever, daemon=True).start()
    yield f"http://127.0.0.1:{server.server_port}"
    server.shutdown()
    server.server_close()


@pytest.mark.parametrize("platform", ["mastodon", "bluesky", "x"])
def test_local_media__goes_out_with_its_alt_text(
    world: World, cli: Cli, tmp_path: Path, platform: str
) -> None:
    (tmp_path / "a.png").write_bytes(png())
    (tmp_path / "b.png").write_bytes(png("b"))
    post = world.post(world.account(platform), media=[{"source": "a.png", "alt": "A square"}, "b.png"])

    ran = cli("post-due", "--json")

    assert ran.data["posted"] == 1, (world.row(post)["last_error"], ran.stderr)
    (published,) = world.sandbox.posts(platform)
    assert len(published["media"]) == 2


def test_remote_media__is_fetched_and_goes_out(
    world: World, cli: Cli, web: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("SOCIALCRON_ALLOW_PRIVATE_MEDIA", "true")
    post = world.post(world.account("mastodon"), media=[f"{web}/picture.png"])

    ran = cli("post-due", "--json")

    assert ran.data["posted"] == 1, (world.row(post)["last_error"], ran.stderr)
    assert len(world.sandbox.posts("mastodon")[0]["media"]) == 1


def test_remote_media__inside_our_own_network_is_refused(world: World, cli: Cli, web: str) -> None:
    post = world.post(world.account("mastodon"), media=[f"{web}/picture.png"])

    assert cli("post-due", "--json").data["failed"] == 1

    row = world.row(post)
    assert row["error_class"] == "invalid_content"
    assert "127.0.0.1" in row["last_error"] or "https" in row["last_error"]


REFUSED = {
    "../outside.png": "outside the media root",
    "/etc/hostname": "outside the media root",
    "missing.png": "cannot be read",
    ".": "cannot be read",
    "huge.png": "at most 1000",
}


@pytest.mark.parametrize("source", REFUSED)
def test_local_media__that_cannot_be_used_fails_the_post_naming_the_file(
    world: World, cli: Cli, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, source: str
) -> None:
    monkeypatch.setenv("SOCIALCRON_MAX_MEDIA_BYTES", "1000")
    (tmp_path / "huge.png").write_bytes(png() + bytes(2000))
    (tmp_path.parent / "outside.png").write_bytes(png())
    post = world.post(world.account("mastodon"), media=[source])

    assert cli("post-due", "--json").data["failed"] == 1

    row = world.row(post)
    assert (row["status"], row["error_class"]) == ("failed", "invalid_content")
    assert repr(source) in row["last_error"]
    assert REFUSED[source] in row["last_error"]
    assert world.sandbox.posts("mastodon") == []
