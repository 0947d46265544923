"""Covers and thumbnails kept locally: which ones are to be fetched, and which files somebody still needs.

A file is put into the folder inside the transaction that records it, with the folder shared; a file is deleted inside
one that owns the folder and has seen that no row has it. So no row ever names a file that another run deletes.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import asdict, dataclass
from typing import Literal
from uuid import UUID

from socialcron.errors import PlatformError
from socialcron.log import redact
from socialcron.store.engine import Database

CHUNK = 100  # files deleted while the folder is owned: others wait for so long


@dataclass(frozen=True, slots=True, kw_only=True)
class MediaState:
    """unlisted: profiles were read whose pictures nobody has looked at. due: pictures wait to be fetched."""

    unlisted: bool
    due: bool
    database_id: UUID


@dataclass(frozen=True, slots=True, kw_only=True)
class DuePicture:
    """A claimed picture. `tries`: this one included."""

    id: int
    profile_post_id: int
    kind: Literal["cover", "thumbnail"]
    platform: str
    url: str
    tries: int

    def __str__(self) -> str:
        return f"{self.kind} of {self.platform} post {self.profile_post_id}"


@dataclass(frozen=True, slots=True, kw_only=True)
class PicturesOfProfile:
    """pictures: due now. unlisted: there may be more, from a run that has not been looked through."""

    profile_id: int
    platform: str
    handle: str
    pictures: int
    unlisted: bool


@dataclass(frozen=True, slots=True, kw_only=True)
class CachedFile:
    """path: below the cache folder."""

    path: str
    sha256: str
    size_bytes: int
    mime_type: str


def read_state(db: Database) -> MediaState:
    state = db.row("read_media_state", into=MediaState)
    assert state is not None
    return state


def list_pictures(db: Database) -> int | None:
    """Put down the pictures of one profile that was read since; how many. None: there is no such profile."""

    def listing() -> int | None:
        with db.transaction():
            profile = db.row("lock_unlisted_profile", into=dict)
            if profile is None:
                return None
            listed = db.run("list_pictures", profile)
            db.run("mark_pictures_listed", profile)
        return listed

    return db.retrying(listing)


def peek_due_pictures(
    db: Database, *, batch_size: int, platforms: Sequence[str] | None
) -> list[PicturesOfProfile]:
    params = {"batch_size": batch_size, "platforms": _listed(platforms)}
    return db.rows("peek_due_pictures", params, into=PicturesOfProfile)


def claim_picture(
    db: Database, token: UUID, *, lease_seconds: float, platforms: Sequence[str] | None = None
) -> DuePicture | None:
    params = {"claim_token": token, "lease_seconds": lease_seconds, "platforms": _listed(platforms)}
    return db.retrying(lambda: db.row("claim_picture", params, into=DuePicture))


def store_picture(
    db: Database, token: UUID, picture_id: int, file: CachedFile, *, publish: Callable[[], None]
) -> bool:
    """Record a file that `publish` puts into the folder. False: the claim is not ours any more, nothing happened."""
    with db.transaction():
        db.value("share_media_folder")
        mine = db.run("store_picture", {"claim_token": token, "picture_id": picture_id, **asdict(file)})
        if mine:
            publish()
    return mine > 0


def postpone_picture(
    db: Database,
    token: UUID,
    picture_id: int,
    status: Literal["waiting", "failed", "gone"],
    *,
    retry_in_seconds: float = 0.0,
    give_back: bool = False,
    error: PlatformError | None = None,
) -> bool:
    """False: the claim is not ours any more. give_back: this try did not count."""
    params = {
        "claim_token": token,
        "picture_id": picture_id,
        "status": status,
        "retry_in_seconds": retry_in_seconds,
        "give_back": give_back,
        "error_class": error.error_class if error else None,
        "error": redact(str(error))[:1000] if error else None,
    }
    return db.run("postpone_picture", params) > 0


# --- files -----------------------------------------------------------------------------------------------------------


def count_cached_bytes(db: Database) -> int:
    return int(db.value("count_cached_bytes"))


def drop_pictures(db: Database, *, keep_bytes: int) -> list[str]:
    """The pictures of old posts are not kept any more; their files, for `remove_unused`."""
    found = db.retrying(lambda: db.rows("drop_pictures", {"keep_bytes": keep_bytes}, into=dict))
    return sorted({row["path"] for row in found if row["path"]})


def find_unused(db: Database, paths: Sequence[str]) -> list[str]:
    return [row["path"] for row in db.rows("find_unused_files", {"paths": list(paths)}, into=dict)]


def remove_unused(db: Database, paths: Sequence[str], *, remove: Callable[[Sequence[str]], int]) -> int:
    """Call `remove` with those of `paths` that no row has, and no run is about to; the sum of what it returns."""
    removed = 0
    for start in range(0, len(paths), CHUNK):
        with db.transaction():
            db.value("own_media_folder")
            removed += remove(find_unused(db, paths[start : start + CHUNK]))
    return removed


# --- on request ------------------------------------------------------------------------------------------------------


def ask_again(db: Database, *, platforms: Sequence[str] | None) -> int:
    """What could not be had or was dropped waits again; how many."""
    return db.retrying(lambda: db.run("ask_again", {"platforms": _listed(platforms)}))


def forget_missing(db: Database, *, exists: Callable[[str], bool]) -> int:
    """Pictures whose file is not there wait again; how many."""
    forgotten, after = 0, ""
    while found := db.rows("read_cached_paths", {"after": after, "batch_size": 1000}, into=dict):
        paths = [row["path"] for row in found]
        missing = [path for path in paths if not exists(path)]
        forgotten += db.run("forget_files", {"paths": missing}) if missing else 0
        after = paths[-1]
    return forgotten


def _listed(platforms: Sequence[str] | None) -> list[str] | None:
    return None if platforms is None else list(platforms)
