"""Attachments on their way: local files below the media root, and URLs through the guarded fetcher."""

from __future__ import annotations

import threading
from collections.abc import Iterator
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path

import pytest

from socialcron.batches.media import look_at
from socialcron.errors import ConfigError, Rejected
from socialcron.model import Media
from socialcron.settings import Settings
from tests.conftest import Cli
from tests.media import jpeg, mp4, png
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


# --- what the bytes say ------------------------------------------------------------------------------------------


def test_media__that_are_something_else_under_their_name_fail_the_post(
    world: World, cli: Cli, tmp_path: Path
) -> None:
    (tmp_path / "cat.png").write_bytes(b"<html>Please log in</html>")
    post = world.post(world.account("mastodon"), media=["cat.png"])

    assert cli("post-due", "--json").data["failed"] == 1

    assert (
        "'cat.png' is not a readable image or video: it seems to be a web page"
        in world.row(post)["last_error"]
    )


def test_posts_add__measures_local_media(world: World, cli: Cli, tmp_path: Path) -> None:
    (tmp_path / "long.mp4").write_bytes(mp4(seconds=200))
    account = world.account("x")

    ran = cli("posts", "add", "--account", account, "--text", "A film", "--media", "long.mp4", "--json")

    assert ran.exit_code == 65
    assert "media[1]: long.mp4 is 200 seconds long, at most 140 allowed" in ran.error["message"]


def test_posts_validate__names_the_part_of_a_thread_and_fetches_only_when_asked(
    world: World, cli: Cli, web: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("SOCIALCRON_ALLOW_PRIVATE_MEDIA", "true")
    gone = [{"source": f"{web}/gone.png"}]
    world.post(
        world.account("mastodon"),
        due="now() + interval '1 hour'",
        media=[f"{web}/picture.png"],
        thread=[{"text": "one"}, {"text": "two", "media": gone}],
    )

    assert cli("posts", "validate", "--upcoming", "48h", "--json").data["problems"] == []
    (problem,) = cli("posts", "validate", "--upcoming", "48h", "--fetch", "--json").data["problems"]

    assert problem["field"] == "thread[2].media[1]"
    assert "not found (HTTP 404)" in problem["message"]


def test_post_due__refuses_options_that_the_platform_does_not_know(world: World, cli: Cli) -> None:
    content = world.post(
        world.account("mastodon"), variants={"mastodon": {"options": {"visibilty": "private"}}}
    )

    assert cli("post-due", "--json").data["failed"] == 1

    assert "options.visibilty" in world.row(content)["last_error"]
    assert "known: language, sensitive, spoiler_text, visibility" in world.row(content)["last_error"]


# --- smaller images ------------------------------------------------------------------------------------------------


def test_resize_images__makes_what_is_too_large_small_enough(world: World, cli: Cli, tmp_path: Path) -> None:
    large = jpeg(1500, 1500, noise=True)
    assert len(large) > 2_000_000
    (tmp_path / "large.jpg").write_bytes(large)
    willing = world.account("bluesky", settings={"resize_images": "true"})

    added = cli("posts", "add", "--account", willing, "--text", "Hello", "--media", "large.jpg", "--json")
    ran = cli("post-due", "--json")

    assert (added.exit_code, ran.data["posted"]) == (0, 1), (added.error, ran.stderr)
    (blob,) = world.sandbox.posts("bluesky")[0]["media"]
    assert blob
    assert (tmp_path / "large.jpg").read_bytes() == large


def test_resize_images__is_what_the_refusal_of_an_unwilling_account_mentions(
    world: World, cli: Cli, tmp_path: Path
) -> None:
    (tmp_path / "large.jpg").write_bytes(jpeg(1500, 1500, noise=True))
    unwilling = world.account("bluesky")

    ran = cli("posts", "add", "--account", unwilling, "--text", "Hello", "--media", "large.jpg", "--json")

    assert ran.exit_code == 65
    assert "bytes, at most 2000000 allowed; resize_images=true on the account" in ran.error["message"]


@pytest.mark.parametrize(("value", "exit_code"), [("true", 0), ("false", 0), ("perhaps", 65)])
def test_resize_images__is_true_or_false(cli: Cli, tmp_path: Path, value: str, exit_code: int) -> None:
    (tmp_path / "c.json").write_text('{"identifier": "me", "password": "secret"}')

    ran = cli(
        *("accounts", "add", "bluesky", "--handle", "me", "--credentials", tmp_path / "c.json"),
        *("--set", f"resize_images={value}"),
    )

    assert ran.exit_code == exit_code, ran.stderr


# --- where a platform finds it ------------------------------------------------------------------------------------


def test_look_at__gives_local_files_the_address_the_media_root_is_served_at(tmp_path: Path) -> None:
    (tmp_path / "a b").mkdir()
    (tmp_path / "a b" / "ä.png").write_bytes(png())
    environ = {"SOCIALCRON_MEDIA_ROOT": str(tmp_path), "SOCIALCRON_MEDIA_URL": "https://cdn.example/m/"}

    def url(source: str, **changes: str) -> str | None:
        return look_at(Media(source=source), Settings.from_env({**environ, **changes})).url

    assert url("a b/ä.png") == "https://cdn.example/m/a%20b/%C3%A4.png"
    assert url("a b/ä.png", SOCIALCRON_MEDIA_URL="") is None
    assert url("https://a.example/cat.png") == "https://a.example/cat.png"
    assert (
        url("http://a.example/cat.png", SOCIALCRON_ALLOW_PRIVATE_MEDIA="true") == "http://a.example/cat.png"
    )
    with pytest.raises(Rejected, match="is not an https URL"):
        url("http://a.example/cat.png")


def test_media_url__is_https() -> None:
    with pytest.raises(ConfigError, match="must be an https address"):
        Settings.from_env({"SOCIALCRON_MEDIA_URL": "http://cdn.example"})
    with pytest.raises(ConfigError, match="cannot be 'cdn'"):
        Settings.from_env({"SOCIALCRON_MEDIA_URL": "cdn"})
