"""cache-media: which pictures are fetched, what is kept, what is refused, and how the folder stays within its size."""

from __future__ import annotations

import os
import threading
from collections import Counter
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from hashlib import sha256
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import Any
from uuid import uuid4

import pytest

from socialcron.batches.picture_folder import PictureFolder
from socialcron.model import ProfilePage, ProfilePost
from socialcron.settings import Settings
from socialcron.store import mediacache, metrics, monitoring, sqlfiles
from socialcron.store.engine import Database
from socialcron.store.mediacache import CachedFile
from tests.conftest import Cli
from tests.integration.test_query_plans import named_indexes, nodes
from tests.media import gif, jpeg, mp4, png, webp

NOW = datetime.now(UTC)


@dataclass
class Shelf:
    """A server of pictures: bytes by path, or a status, or bytes with a length that is announced in their place."""

    url: str
    answers: dict[str, Any] = field(default_factory=dict)
    asked: Counter[str] = field(default_factory=Counter)

    def put(self, path: str, answer: Any) -> str:
        self.answers[path] = answer
        return f"{self.url}/{path}"


@pytest.fixture
def shelf(monkeypatch: pytest.MonkeyPatch, cli: Cli) -> Iterator[Shelf]:
    class Handler(BaseHTTPRequestHandler):
        def do_GET(self) -> None:
            path = self.path[1:].partition("?")[0]
            served.asked[path] += 1
            answer = served.answers.get(path, 404)
            status, body, length = (
                (answer, b"no", 2)
                if isinstance(answer, int)
                else (200, *answer)
                if isinstance(answer, tuple)
                else (200, answer, len(answer))
            )
            self.send_response(status)
            self.send_header("content-type", "image/jpeg")  # whatever it is
            if length is not None:
                self.send_header("content-length", str(length))
            self.end_headers()
            self.wfile.write(body)

        def log_message(self, format: str, *args: Any) -> None:
            pass

    server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
    server.handle_error = lambda *_: None  # type: ignore[method-assign]  # who hangs up in the middle
    served = Shelf(f"http://127.0.0.1:{server.server_port}")
    threading.Thread(target=server.serve_forever, args=(0.01,), daemon=True).start()
    monkeypatch.setenv("SOCIALCRON_ALLOW_PRIVATE_MEDIA", "true")
    yield served
    server.shutdown()
    server.server_close()


@pytest.fixture
def folder(settings: Settings) -> Path:
    return settings.home / "pictures"


def scrape(db: Database, *posts: ProfilePost, handle: str = "me") -> None:
    """A whole run of trigger-monitoring that finds these posts."""
    monitoring.add_profile(db, "tiktok", handle, interval=timedelta(days=1))
    (profile_id,) = (p.id for p in monitoring.list_profiles(db, handle=handle))
    monitoring.request_profile(db, profile_id)
    token = uuid4()
    profile = monitoring.claim_profile(db, token, lease_seconds=60.0, profile_id=profile_id)
    assert profile is not None
    metrics.ensure_partitions(db, "profile_post_metrics", earliest=profile.read_at)
    monitoring.store_page(db, token, profile, ProfilePage(posts=posts), cursor=None, region=None)
    assert monitoring.finish_run(db, token, profile, status="completed")


def post(
    name: str, *, cover: str | None = None, thumbnail: str | None = None, days: float = 0
) -> ProfilePost:
    return ProfilePost(
        remote_id=name,
        cover_url=cover,
        thumbnail_url=thumbnail,
        published_at=NOW - timedelta(days=days),
    )


def cache(cli: Cli, *options: object, exit_code: int = 0) -> dict[str, Any]:
    ran = cli("cache-media", "--json", *options)
    assert ran.exit_code == exit_code, ran.stderr
    data: dict[str, Any] = ran.data
    return data


def rows(db: Database, query: str) -> list[tuple[Any, ...]]:
    return db.connection.execute(query.encode()).fetchall()


def pictures(db: Database, columns: str) -> list[tuple[Any, ...]]:
    return rows(db, f"SELECT {columns} FROM socialcron.media_cache AS m ORDER BY id")


def files(folder: Path) -> dict[str, bytes]:
    found = {str(path.relative_to(folder)): path.read_bytes() for path in folder.rglob("*") if path.is_file()}
    found.pop("database")
    return found


def path_of(data: bytes, ending: str) -> str:
    digest = sha256(data).hexdigest()
    return f"{digest[:2]}/{digest[2:]}.{ending}"


def pass_time(db: Database, minutes: float) -> None:
    step = f"interval '{minutes} minutes'"
    db.connection.execute(
        f"UPDATE socialcron.media_cache SET next_at = next_at - {step}, lease_until = lease_until - {step}".encode()
    )


# --- what is kept ----------------------------------------------------------------------------------------------------


def test_cache_media__an_idle_run_says_nothing_and_makes_no_folder(
    db: Database, cli: Cli, folder: Path
) -> None:
    assert (cli("cache-media").stdout, cli("cache-media").exit_code) == ("", 0)
    assert not folder.exists()
    assert rows(db, "SELECT DISTINCT command, idle FROM socialcron.runs") == [("cache-media", True)]


@pytest.mark.parametrize(
    ("data", "ending", "mime_type"),
    [
        (jpeg(), "jpg", "image/jpeg"),
        (png(), "png", "image/png"),
        (gif(), "gif", "image/gif"),
        (webp(), "webp", "image/webp"),
    ],
)
def test_cache_media__keeps_a_picture_under_what_its_bytes_are(
    db: Database, cli: Cli, shelf: Shelf, folder: Path, data: bytes, ending: str, mime_type: str
) -> None:
    scrape(db, post("a", cover=shelf.put("a", data)))
    done = cache(cli)
    assert (done["listed"], done["claimed"], done["cached"], done["bytes"]) == (1, 1, 1, len(data))
    path = path_of(data, ending)
    assert files(folder) == {path: data}
    assert pictures(db, "kind, status, path, sha256, size_bytes, mime_type, tries, claim_token, error") == [
        ("cover", "cached", path, sha256(data).hexdigest(), len(data), mime_type, 0, None, None)
    ]
    assert cli("cache-media").stdout == ""
    assert shelf.asked == {"a": 1}


def test_cache_media__posts_with_the_same_picture_share_a_file(
    db: Database, cli: Cli, shelf: Shelf, folder: Path
) -> None:
    one, two = shelf.put("one", png()), shelf.put("two", png())
    scrape(db, post("a", cover=one, thumbnail=two), post("b", cover=two))
    assert cache(cli)["cached"] == 3
    assert files(folder) == {path_of(png(), "png"): png()}
    assert rows(db, "SELECT count(DISTINCT path) FROM socialcron.media_cache") == [(1,)]


def test_cache_media__fetches_the_freshest_posts_of_all_profiles_first(
    db: Database, cli: Cli, shelf: Shelf
) -> None:
    for handle, ages in {"ana": (1, 5, 9), "ben": (0, 4, 8)}.items():
        scrape(
            db,
            *(post(f"{age}", cover=shelf.put(f"{age}", png(f"{age}")), days=age) for age in ages),
            handle=handle,
        )
    assert cache(cli, "--limit", 3, "--concurrency", 1)["cached"] == 3
    assert list(shelf.asked) == ["0", "1", "4"]
    assert cache(cli)["cached"] == 3


def test_cache_media__looks_only_through_profiles_that_were_read_since(
    db: Database, cli: Cli, shelf: Shelf
) -> None:
    scrape(db, post("a", cover=shelf.put("a", png())))
    assert cache(cli)["listed"] == 1
    assert not mediacache.read_state(db).unlisted
    scrape(db, post("a", cover=shelf.put("a", png())), post("b", cover=shelf.put("b", jpeg())))
    assert mediacache.read_state(db).unlisted
    assert cache(cli)["listed"] == 1
    assert shelf.asked == {"a": 1, "b": 1}


def test_cache_media__takes_only_the_platforms_it_is_told(db: Database, cli: Cli, shelf: Shelf) -> None:
    scrape(db, post("a", cover=shelf.put("a", png())))
    assert cache(cli, "--platform", "youtube")["claimed"] == 0
    assert cache(cli, "--platform", "tiktok")["cached"] == 1
    assert cli("cache-media", "--platform", "myspace").exit_code == 2


def test_cache_media__dry_run_fetches_nothing(db: Database, cli: Cli, shelf: Shelf, folder: Path) -> None:
    scrape(db, post("a", cover=shelf.put("a", png())))
    assert cli("cache-media", "--dry-run").stdout == "tiktok me: 0 pictures, and what its last run brought\n"
    cache(cli, "--limit", 1)
    scrape(db, post("b", cover=shelf.put("b", 503)), post("c", cover=shelf.put("c", 503)))
    cache(cli)
    pass_time(db, 10)
    assert cli("cache-media", "--dry-run").stdout == "tiktok me: 2 pictures\n"
    assert shelf.asked == {"a": 1, "b": 1, "c": 1}


# --- addresses that change -------------------------------------------------------------------------------------------


def test_cache_media__a_new_signature_changes_nothing_about_a_kept_picture(
    db: Database, cli: Cli, shelf: Shelf
) -> None:
    url = shelf.put("a", png())
    scrape(db, post("a", cover=f"{url}?expires=1"))
    cache(cli)
    scrape(db, post("a", cover=f"{url.replace('127.0.0.1', 'localhost')}?expires=2"))
    assert cache(cli)["listed"] == 0
    assert (shelf.asked, len(pictures(db, "id"))) == ({"a": 1}, 1)


def test_cache_media__fetches_by_the_latest_signature(db: Database, cli: Cli, shelf: Shelf) -> None:
    url = shelf.put("a", 503)
    scrape(db, post("a", cover=f"{url}?expires=1"))
    cache(cli)
    shelf.put("a", png())
    scrape(db, post("a", cover=f"{url}?expires=2"))
    pass_time(db, 3)
    assert cache(cli)["cached"] == 1
    assert pictures(db, "status, url") == [("cached", f"{url}?expires=2")]


def test_cache_media__another_picture_takes_the_place_of_the_old_one_once_it_has_come(
    db: Database, cli: Cli, shelf: Shelf, folder: Path
) -> None:
    scrape(db, post("a", cover=shelf.put("old", png())))
    cache(cli)
    scrape(db, post("a", cover=shelf.put("new", 503)))
    assert cache(cli)["retried"] == 1
    assert pictures(db, "status, path") == [("waiting", path_of(png(), "png"))]
    assert files(folder) == {path_of(png(), "png"): png()}
    shelf.put("new", jpeg())
    pass_time(db, 3)
    done = cache(cli)
    assert (done["cached"], done["removed"]) == (1, 1)
    assert files(folder) == {path_of(jpeg(), "jpg"): jpeg()}


@pytest.mark.parametrize("status", [403, 404])
def test_cache_media__what_an_old_address_refused_is_tried_under_a_new_one(
    db: Database, cli: Cli, shelf: Shelf, status: int
) -> None:
    url = shelf.put("a", status)
    scrape(db, post("a", cover=f"{url}?expires=1"))
    cache(cli)
    scrape(db, post("a", cover=f"{url}?expires=1"))
    assert cache(cli)["claimed"] == 0
    shelf.put("a", png())
    scrape(db, post("a", cover=f"{url}?expires=2"))
    assert cache(cli)["cached"] == 1


# --- trouble ---------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("answer", "said"),
    [
        (b"<!doctype html><title>Log in</title>", "a web page"),
        (mp4(), "no picture, but video/mp4"),
        (b"\x89PNG\r\n\x1a\n" + bytes(100), "a damaged image"),
        (b"", "empty"),
        ((b"x" * 1000, 300_000_000), "larger than 20000000 bytes"),
        ((jpeg(3000, 3000, noise=True) * 3, None), "larger than 20000000 bytes"),
    ],
)
def test_cache_media__what_is_no_picture_or_too_large_is_refused_for_good(
    db: Database, cli: Cli, shelf: Shelf, folder: Path, answer: Any, said: str
) -> None:
    url = shelf.put("a", answer)
    scrape(db, post("a", thumbnail=f"{url}?expires=1"))
    assert cache(cli, "--strict", exit_code=1)["failed"] == 1
    ((status, error_class, error, tries),) = pictures(db, "status, error_class, error, tries")
    assert (status, error_class, tries) == ("failed", "invalid_content", 1)
    assert said in error
    assert "expires" not in error
    assert files(folder) == {}
    scrape(db, post("a", thumbnail=f"{url}?expires=2"))
    assert cache(cli)["claimed"] == 0


def test_cache_media__an_address_inside_the_network_is_refused(
    db: Database, cli: Cli, shelf: Shelf, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.delenv("SOCIALCRON_ALLOW_PRIVATE_MEDIA")
    scrape(db, post("a", cover="https://127.0.0.1/latest/meta-data"))
    assert cache(cli)["failed"] == 1
    ((error_class, error),) = pictures(db, "error_class, error")
    assert error_class == "invalid_content"
    assert "not a public address" in error


@pytest.mark.parametrize(
    ("answer", "status", "error_class"),
    [(404, "gone", "invalid_content"), (410, "gone", "invalid_content"), (403, "failed", "auth_expired")],
)
def test_cache_media__what_is_not_there_is_asked_for_once(
    db: Database, cli: Cli, shelf: Shelf, answer: int, status: str, error_class: str
) -> None:
    scrape(db, post("a", cover=shelf.put("a", answer)))
    assert cache(cli)[status] == 1
    assert pictures(db, "status, error_class") == [(status, error_class)]
    pass_time(db, 100)
    assert cache(cli)["claimed"] == 0


def test_cache_media__trouble_is_tried_again_after_2_4_and_8_minutes_then_it_has_failed(
    db: Database, cli: Cli, shelf: Shelf
) -> None:
    scrape(db, post("a", cover=shelf.put("a", 503)))
    for minutes in (2, 4, 8):
        assert cache(cli)["retried"] == 1
        ((wait, status),) = pictures(db, "extract(epoch FROM next_at - now())::float8 / 60, status")
        assert status == "waiting"
        assert minutes - 0.1 < wait < minutes * 1.11
        pass_time(db, minutes - 0.2)
        assert cache(cli)["claimed"] == 0
        pass_time(db, minutes * 0.1 + 0.2)
    assert cache(cli)["failed"] == 1
    assert pictures(db, "status, error_class, tries") == [("failed", "network", 4)]
    assert shelf.asked == {"a": 4}


def test_cache_media__one_bad_picture_never_stops_the_others(db: Database, cli: Cli, shelf: Shelf) -> None:
    answers = {"a": png("a"), "b": 404, "c": b"<html>", "d": 503, "e": png("e")}
    scrape(db, *(post(name, cover=shelf.put(name, answer)) for name, answer in answers.items()))
    ran = cli("cache-media")
    assert ran.stdout.startswith("5 claimed: 2 cached, 1 gone, 1 failed, 1 retried; ")


def test_cache_media__a_picture_at_which_every_run_dies_is_left_alone_in_the_end(
    db: Database, cli: Cli, shelf: Shelf
) -> None:
    scrape(db, post("a", cover=shelf.put("a", png())))
    mediacache.list_pictures(db)
    for _ in range(4):
        assert mediacache.claim_picture(db, uuid4(), lease_seconds=60.0) is not None
        assert mediacache.claim_picture(db, uuid4(), lease_seconds=60.0) is None
        pass_time(db, 2)
    assert cache(cli)["failed"] == 1
    assert shelf.asked == {}


def test_store_picture__a_stale_run_changes_nothing(db: Database, cli: Cli, shelf: Shelf) -> None:
    scrape(db, post("a", cover=shelf.put("a", png())))
    mediacache.list_pictures(db)
    stale = uuid4()
    picture = mediacache.claim_picture(db, stale, lease_seconds=60.0)
    assert picture is not None
    pass_time(db, 2)
    assert cache(cli)["cached"] == 1
    file = CachedFile(path="aa/bb.png", sha256="aabb", size_bytes=1, mime_type="image/png")
    published: list[bool] = []
    assert not mediacache.store_picture(db, stale, picture.id, file, publish=lambda: published.append(True))
    assert not mediacache.postpone_picture(db, stale, picture.id, "gone")
    assert (published, pictures(db, "status")) == ([], [("cached",)])


# --- room ------------------------------------------------------------------------------------------------------------


def test_cache_media__the_oldest_posts_of_each_profile_make_room_and_are_not_fetched_again(
    db: Database, cli: Cli, shelf: Shelf, folder: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Ana posts much, Ben little and long ago: Ben's newest picture stays nevertheless."""
    data = {
        f"{name}{n}": png(f"{name}{n}") for name, count in {"ana": 6, "ben": 2}.items() for n in range(count)
    }
    (size,) = {len(picture) for picture in data.values()}
    monkeypatch.setenv("SOCIALCRON_CACHE_MAX_BYTES", str(int(size * 4.5)))
    for handle, first_day in {"ana": 0, "ben": 300}.items():
        mine = [name for name in data if name.startswith(handle)]
        scrape(
            db,
            *(post(name, cover=shelf.put(name, data[name]), days=first_day + int(name[3:])) for name in mine),
            handle=handle,
        )
    done = cache(cli, "--concurrency", 1)
    assert (done["cached"], done["dropped"]) == (7, 3)
    assert "ana5" not in shelf.asked, "it would have been dropped at once"
    kept = {"ana0", "ana1", "ben0", "ben1"}
    assert files(folder) == {path_of(data[name], "png"): data[name] for name in kept}
    assert mediacache.count_cached_bytes(db) == 4 * size
    statuses = dict(
        rows(
            db,
            "SELECT p.remote_id, m.status FROM socialcron.media_cache AS m"
            " JOIN socialcron.profile_posts AS p ON p.id = m.profile_post_id",
        )
    )
    assert statuses == {name: "cached" if name in kept else "dropped" for name in data}
    assert cache(cli)["claimed"] == 0
    monkeypatch.delenv("SOCIALCRON_CACHE_MAX_BYTES")
    assert cache(cli, "--again")["cached"] == 4
    assert len(files(folder)) == 8


def test_cache_media__a_file_that_a_new_post_shares_is_not_dropped_with_the_old_one(
    db: Database, cli: Cli, shelf: Shelf, folder: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    logo, photo = shelf.put("logo", png("logo")), shelf.put("photo", jpeg(50, 50, noise=True))
    scrape(db, post("new", cover=logo), post("mid", cover=photo, days=1), post("old", cover=logo, days=2))
    cache(cli)  # all three, before the limit: what comes first, and what it pushes out, is chance
    monkeypatch.setenv("SOCIALCRON_CACHE_MAX_BYTES", str(2 * len(png("logo"))))
    assert cache(cli)["dropped"] == 1
    assert files(folder) == {path_of(png("logo"), "png"): png("logo")}
    assert pictures(db, "status") == [("cached",), ("dropped",), ("cached",)]


def test_cache_media__a_smaller_limit_holds_from_the_next_run_on(
    db: Database, cli: Cli, shelf: Shelf, folder: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    scrape(db, *(post(f"{n}", cover=shelf.put(f"{n}", png(f"{n}")), days=n) for n in range(3)))
    cache(cli)
    monkeypatch.setenv("SOCIALCRON_CACHE_MAX_BYTES", str(2 * len(png("0"))))
    assert cli("cache-media").stdout == "0 claimed; 0.0 MB; 2 files dropped to make room\n"
    assert list(files(folder)) == [path_of(png("0"), "png")]


# --- the folder ------------------------------------------------------------------------------------------------------


def test_cache_media__deletes_what_no_row_has_and_nothing_else(
    db: Database, cli: Cli, shelf: Shelf, folder: Path
) -> None:
    scrape(db, post("a", cover=shelf.put("a", png("a"))), handle="stays")
    scrape(db, post("b", cover=shelf.put("b", png("b"))), handle="goes")
    cache(cli)
    (folder / "notes.txt").write_text("somebody's")
    (folder / "ab").mkdir(exist_ok=True)
    (folder / "ab" / "holiday.jpg").write_text("somebody's, too")
    for name, seconds in {"socialcron-fresh.jpg": 60, "socialcron-dead.jpg": 4000}.items():
        (folder / name).write_text("half")
        os.utime(folder / name, (NOW.timestamp() - seconds,) * 2)
    (profile_id,) = (p.id for p in monitoring.list_profiles(db, handle="goes"))
    monitoring.remove_profile(db, profile_id)
    assert cli("cache-media").stdout == "0 claimed; 0.0 MB; 2 files removed that nobody needs\n"
    assert set(files(folder)) == {
        path_of(png("a"), "png"),
        "notes.txt",
        "ab/holiday.jpg",
        "socialcron-fresh.jpg",
    }
    assert cli("cache-media").stdout == ""


def test_cache_media__never_touches_the_folder_of_another_database(
    db: Database, cli: Cli, shelf: Shelf, folder: Path
) -> None:
    PictureFolder(folder).open(uuid4())
    (folder / "ab").mkdir()
    (folder / "ab" / f"{'c' * 62}.jpg").write_text("another database knows it")
    ran = cli("cache-media", "--json")
    assert (ran.exit_code, "belongs to another database" in ran.error["message"]) == (78, True)
    assert len(files(folder)) == 1


def test_cache_media__says_when_the_folder_cannot_be_used(
    db: Database, cli: Cli, shelf: Shelf, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    (tmp_path / "file").touch()
    monkeypatch.setenv("SOCIALCRON_CACHE_DIR", str(tmp_path / "file"))
    ran = cli("cache-media", "--json")
    assert ran.exit_code == 78
    assert "SOCIALCRON_CACHE_DIR" in ran.error["hint"]


def test_cache_media__a_folder_that_fills_up_costs_a_try_and_leaves_no_file(
    db: Database, cli: Cli, shelf: Shelf, folder: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def no_room(*_: Any) -> None:
        raise OSError(28, "No space left on device")

    scrape(db, post("a", cover=shelf.put("a", png())))
    with monkeypatch.context() as patched:
        patched.setattr("socialcron.batches.picture_folder._sync", no_room)
        assert cache(cli)["retried"] == 1
    ((status, error_class, error, path),) = pictures(db, "status, error_class, error, path")
    assert (status, error_class, path) == ("waiting", "network", None)
    assert "No space left on device" in error
    assert files(folder) == {}


def test_cache_media__again_brings_back_files_that_were_lost(
    db: Database, cli: Cli, shelf: Shelf, folder: Path
) -> None:
    scrape(db, post("a", cover=shelf.put("a", png("a"))), post("b", cover=shelf.put("b", png("b"))))
    cache(cli)
    (folder / path_of(png("a"), "png")).unlink()
    assert cache(cli)["claimed"] == 0
    assert cache(cli, "--again")["cached"] == 1
    assert len(files(folder)) == 2
    assert shelf.asked == {"a": 2, "b": 1}


def test_remove_unused__waits_for_a_run_that_is_about_to_record_the_same_file(
    db: Database, cli: Cli, shelf: Shelf, settings: Settings
) -> None:
    scrape(db, post("a", cover=shelf.put("a", png())))
    mediacache.list_pictures(db)
    token = uuid4()
    picture = mediacache.claim_picture(db, token, lease_seconds=60.0)
    assert picture is not None
    file = CachedFile(path="aa/bb.png", sha256="aabb", size_bytes=1, mime_type="image/png")
    removed: list[str] = []
    other = Database.connect(settings)

    def remove_all(paths: Any) -> int:
        removed.extend(paths)
        return len(paths)

    deleting = threading.Thread(
        target=lambda: mediacache.remove_unused(other, [file.path], remove=remove_all)
    )

    def publish() -> None:
        deleting.start()
        wait_for(lambda: waiting_for_a_lock(settings))

    assert mediacache.store_picture(db, token, picture.id, file, publish=publish)
    deleting.join()
    other.close()
    assert removed == []


def wait_for(condition: Callable[[], bool]) -> None:
    for _ in range(1000):
        if condition():
            return
        threading.Event().wait(0.01)
    raise AssertionError("it never came true")


def waiting_for_a_lock(settings: Settings) -> bool:
    watching = Database.connect(settings)
    (found,) = rows(
        watching,
        "SELECT count(*) FROM pg_locks WHERE locktype = 'advisory' AND NOT granted"
        " AND database = (SELECT oid FROM pg_database WHERE datname = current_database())",
    )
    watching.close()
    return bool(found[0])


def test_cache_media__needs_no_more_than_a_workers_rights(db: Database, cli: Cli, shelf: Shelf) -> None:
    scrape(db, post("a", cover="https://a.example/1"), post("b", cover="https://a.example/2"))
    db.connection.execute((sqlfiles.root() / "grants.sql").read_bytes())
    db.connection.execute(b"SET ROLE socialcron_worker")
    assert mediacache.read_state(db).unlisted
    assert mediacache.list_pictures(db) == 2
    picture = mediacache.claim_picture(db, uuid4(), lease_seconds=60.0)
    assert picture is not None
    assert not mediacache.postpone_picture(db, uuid4(), picture.id, "gone")
    mediacache.ask_again(db, platforms=None)
    mediacache.remove_unused(db, mediacache.drop_pictures(db, keep_bytes=1), remove=len)
    db.connection.execute(b"RESET ROLE")


# --- plans -----------------------------------------------------------------------------------------------------------


def test_the_statements_of_a_tick_use_the_indexes_they_name(db: Database) -> None:
    db.connection.execute(
        b"INSERT INTO socialcron.profiles (platform, handle, last_run_at, pictures_listed_at)"
        b" SELECT 'tiktok', 'p' || n, now(), now() FROM generate_series(1, 500) AS n;"
        b"INSERT INTO socialcron.profile_posts (profile_id, remote_id, cover_url, first_seen_at, last_seen_at)"
        b" SELECT 1 + n % 500, n, 'https://a.example/' || n, now(), now() FROM generate_series(1, 30000) AS n;"
        b"INSERT INTO socialcron.media_cache"
        b" (profile_post_id, kind, url, status, next_at, path, sha256, size_bytes, mime_type, cached_at)"
        b" SELECT id, 'cover', cover_url, CASE WHEN id % 3 = 0 THEN 'waiting' ELSE 'cached' END,"
        b"        now() + (15000 - id) * interval '1 second', CASE WHEN id % 3 > 0 THEN md5(id::text) END,"
        b"        CASE WHEN id % 3 > 0 THEN md5(id::text) END, CASE WHEN id % 3 > 0 THEN 1000 END,"
        b"        CASE WHEN id % 3 > 0 THEN 'image/jpeg' END, CASE WHEN id % 3 > 0 THEN now() END"
        b" FROM socialcron.profile_posts"
    )
    for table in ("profiles", "profile_posts", "media_cache"):
        db.connection.execute(f"VACUUM (ANALYZE) socialcron.{table}".encode())
    params = {
        "claim_token": uuid4(),
        "lease_seconds": 60.0,
        "platforms": None,
        "paths": ["a", "b"],
        "after": "",
        "batch_size": 100,
        "picture_id": 1,
    }
    for query in ("read_media_state", "claim_picture", "find_unused_files", "read_cached_paths"):
        (plan,) = db.connection.execute(b"EXPLAIN (FORMAT JSON) " + sqlfiles.load(query), params).fetchone()  # type: ignore[misc]
        found = list(nodes(plan[0]["Plan"]))
        whole = {node["Relation Name"] for node in found if node["Node Type"] == "Seq Scan"}
        assert not whole - {"schema_meta", "profiles"}, query
        used = {node["Index Name"] for node in found if "Index Name" in node}
        assert named_indexes(query) - {"profiles_unlisted_idx"} <= used, query
