"""The folder of locally kept pictures, each under the SHA-256 of its bytes: ab/cdef....jpg.

New files are written at the top, under names that are no digest, and moved when they are whole: what has a digest for a
name is believed, so nothing else may ever get one.
"""

from __future__ import annotations

import os
import random
import re
import tempfile
import time
from collections.abc import Sequence
from contextlib import suppress
from pathlib import Path
from uuid import UUID

from socialcron.errors import ConfigError, Unavailable, reason

LEFTOVER_SECONDS = 3600.0  # a file that nobody has written to for so long is nobody's any more
_SHARD = re.compile("[0-9a-f]{2}")
_FILE = re.compile(r"[0-9a-f]{62}\.[a-z]+")


class PictureFolder:
    def __init__(self, root: Path) -> None:
        self.root = root

    def exists(self, path: str = "") -> bool:
        return (self.root / path).exists()

    def open(self, database_id: UUID) -> None:
        """Make it if need be. Raises ConfigError where it cannot be used, or belongs to another database."""
        owner = self.root / "database"
        try:
            self.root.mkdir(parents=True, exist_ok=True)
            if not owner.exists():
                handle, name = tempfile.mkstemp(prefix="socialcron-", dir=self.root)
                with os.fdopen(handle, "w") as file:
                    file.write(f"{database_id}\n")
                    file.flush()
                    os.fsync(file.fileno())
                os.replace(name, owner)
            found = owner.read_text().strip()
        except OSError as exc:
            raise ConfigError(
                f"the picture folder {self.root} cannot be used: {reason(exc)}",
                hint="SOCIALCRON_CACHE_DIR names a folder that this user may write to.",
            ) from exc
        if found != str(database_id):
            raise ConfigError(
                f"the picture folder {self.root} belongs to another database",
                hint="Name a folder of its own in SOCIALCRON_CACHE_DIR, or delete this one.",
            )

    def publish(self, new: Path, path: str) -> None:
        """Move a whole, synced file to its place for good. Raises Unavailable."""
        place = self.root / path
        try:
            with suppress(FileExistsError):
                place.parent.mkdir()
                _sync(self.root)
            os.replace(new, place)
            _sync(place.parent)
        except OSError as exc:
            raise Unavailable(f"a picture could not be stored ({reason(exc)})") from exc

    def remove(self, paths: Sequence[str]) -> int:
        removed = 0
        for path in paths:
            with suppress(OSError):  # another run was faster, or the next one will manage
                (self.root / path).unlink()
                removed += 1
        return removed

    def some(self, most: int) -> list[str]:
        """Files from as many subfolders, drawn by lot, as it takes to get `most` of them: in time, all have a turn."""
        found: list[str] = []
        shards = [name for name in os.listdir(self.root) if _SHARD.fullmatch(name)]
        random.shuffle(shards)
        for shard in shards:
            if len(found) >= most:
                break
            found += [f"{shard}/{name}" for name in os.listdir(self.root / shard) if _FILE.fullmatch(name)]
        return found

    def remove_leftovers(self) -> int:
        """What fetches that were killed left behind."""
        removed = 0
        for file in self.root.glob("socialcron-*"):
            with suppress(OSError):
                if file.stat().st_mtime < time.time() - LEFTOVER_SECONDS:
                    file.unlink()
                    removed += 1
        return removed


def _sync(folder: Path) -> None:
    handle = os.open(folder, os.O_RDONLY)
    try:
        os.fsync(handle)
    finally:
        os.close(handle)
