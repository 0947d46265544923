"""cache-media, killed anywhere or run many times at once: in the end one file and one row per picture, nothing else.

Pictures are served by the sandbox to real processes; leases and the age of leftovers are moved, never waited for.
"""

from __future__ import annotations

import os
import signal
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from hashlib import sha256
from pathlib import Path
from typing import Any

import pytest

from socialcron.batches.caching import CacheJob
from socialcron.batches.picture_folder import PictureFolder
from socialcron.model import ProfilePost
from socialcron.sandbox.server import Sandbox
from socialcron.settings import Settings
from socialcron.store import mediacache
from socialcron.store.engine import Database
from socialcron.store.mediacache import DuePicture
from tests.chaos import children
from tests.chaos.children import Trap
from tests.integration.test_cache_media import files, pass_time, rows, scrape
from tests.media import png


@dataclass(frozen=True, slots=True, kw_only=True)
class Place:
    db: Database
    environment: dict[str, str]
    folder: Path
    shelf: Path
    url: str

    def scrape(self, *names: str) -> None:
        now = datetime.now(UTC)
        for name in names:
            (self.shelf / f"{name}.png").write_bytes(png(name))
        posts = [
            ProfilePost(
                remote_id=name,
                cover_url=f"{self.url}/{name}.png",
                published_at=now - timedelta(hours=number),
            )
            for number, name in enumerate(names)
        ]
        scrape(self.db, *posts)

    def run(self, trap: Trap | None = None, *, patch: Callable[[], None] | None = None) -> children.Ended:
        return children.start(["cache-media", "--json"], self.environment, trap, patch=patch).wait()

    def finish(self) -> None:
        """As many runs as it takes, an hour apart."""
        for _ in range(3):
            pass_time(self.db, 60)
            for file in self.folder.glob("socialcron-*"):
                os.utime(file, (0, 0))
            ended = self.run()
            assert ended.exit_code == 0, ended.log

    def check(self, *names: str) -> None:
        wanted = {path(png(name)): png(name) for name in names}
        assert files(self.folder) == wanted
        found = rows(self.db, "SELECT path, status, claim_token FROM socialcron.media_cache ORDER BY path")
        assert found == [(path, "cached", None) for path in sorted(wanted)]

    def forget(self) -> None:
        self.db.connection.execute(
            b"DELETE FROM socialcron.media_cache; UPDATE socialcron.profiles SET pictures_listed_at = NULL"
        )
        for file in [*self.folder.glob("*/*"), *self.folder.glob("socialcron-*")]:
            file.unlink()


def path(data: bytes) -> str:
    digest = sha256(data).hexdigest()
    return f"{digest[:2]}/{digest[2:]}.png"


@pytest.fixture
def place(db: Database, environment: dict[str, str], settings: Settings, tmp_path: Path) -> Iterator[Place]:
    shelf = tmp_path / "shelf"
    shelf.mkdir()
    with Sandbox.start(limited=False, media=shelf) as sandbox:
        yield Place(
            db=db,
            environment={**environment, "SOCIALCRON_ALLOW_PRIVATE_MEDIA": "true"},
            folder=settings.home / "pictures",
            shelf=shelf,
            url=sandbox.media_url,
        )


def die(*_: Any, **__: Any) -> Any:
    os.kill(os.getpid(), signal.SIGKILL)


def fetched() -> None:
    os.fsync = die


def about_to_be_moved() -> None:
    PictureFolder.publish = die  # type: ignore[method-assign]


def moved() -> None:
    publish = PictureFolder.publish

    def publish_and_die(self: PictureFolder, new: Path, path: str) -> None:
        publish(self, new, path)
        die()

    PictureFolder.publish = publish_and_die  # type: ignore[method-assign]


def recorded() -> None:
    store = mediacache.store_picture

    def store_and_die(*args: Any, **kwargs: Any) -> bool:
        store(*args, **kwargs)
        die()
        raise AssertionError("it is dead")

    mediacache.store_picture = store_and_die


@pytest.mark.parametrize("moment", [fetched, about_to_be_moved, moved, recorded])
def test_killed_while_a_picture_is(place: Place, moment: Callable[[], None]) -> None:
    place.scrape("a")
    assert place.run(patch=moment).exit_code == -signal.SIGKILL
    believed = [str(file.relative_to(place.folder)) for file in place.folder.glob("*/*")]
    assert believed == ([path(png("a"))] if moment in (moved, recorded) else [])
    place.finish()
    place.check("a")


def test_killed_at_any_call_to_the_database(place: Place) -> None:
    place.scrape("a", "b")
    calls = place.run().calls
    assert "db store_picture" in calls
    assert len(calls) > 12
    for number in range(1, len(calls) + 1):
        place.forget()
        harm: children.Harm = "before" if number % 2 else "after"
        assert place.run(Trap(number, harm)).exit_code == -signal.SIGKILL
        place.finish()
        place.check("a", "b")


def test_killed_while_old_pictures_make_room(place: Place) -> None:
    """The rows are told first: a file that is left behind is deleted later, a row without its file would stay."""
    place.scrape("a", "b", "c", "d")
    place.finish()
    place.environment["SOCIALCRON_CACHE_MAX_BYTES"] = str(int(2.5 * len(png("a"))))
    assert place.run(Trap("own_media_folder", "before")).exit_code == -signal.SIGKILL
    assert len(files(place.folder)) == 4
    place.finish()
    assert files(place.folder) == {path(png(name)): png(name) for name in ("a", "b")}


def test_many_runs_at_once_fetch_each_picture_once(place: Place) -> None:
    names = [f"p{number}" for number in range(60)]
    place.scrape(*names)
    runs = [children.start(["cache-media", "--json"], place.environment) for _ in range(5)]
    ended = [run.wait() for run in runs]
    assert [run.exit_code for run in ended] == [0] * 5
    assert sum(run.data["claimed"] for run in ended) == sum(run.data["cached"] for run in ended) == 60
    place.check(*names)


def test_sigterm__gives_back_what_has_not_begun_and_says_run_again(place: Place) -> None:
    def patch() -> None:
        fetch = CacheJob._fetch

        def fetch_and_ask_to_end(self: CacheJob, picture: DuePicture) -> Any:
            os.kill(os.getpid(), signal.SIGTERM)
            return fetch(self, picture)

        CacheJob._fetch = fetch_and_ask_to_end  # type: ignore[method-assign]

    names = [f"p{number}" for number in range(30)]
    place.scrape(*names)
    ended = place.run(patch=patch)
    assert ended.exit_code == 75, ended.log
    assert 1 <= ended.data["cached"] < 30
    assert rows(place.db, "SELECT count(*) FROM socialcron.media_cache WHERE status = 'active'") == [(0,)]
    assert place.run().data["cached"] == 30 - ended.data["cached"]
    place.check(*names)
