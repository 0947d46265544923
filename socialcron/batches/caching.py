"""One of the hands of a cache-media run: takes a picture, fetches it, looks at what it is, keeps it, takes the next."""

from __future__ import annotations

import os
from collections import Counter
from collections.abc import Callable
from dataclasses import dataclass, field
from functools import partial
from pathlib import Path
from uuid import UUID

from socialcron import log
from socialcron.backoff import backoff_seconds
from socialcron.batches.picture_folder import PictureFolder
from socialcron.batches.probing import probe
from socialcron.batches.runner import Call, Hooks, Work
from socialcron.errors import AuthExpired, PlatformError, PlatformFailure, Rejected
from socialcron.model import Media
from socialcron.platforms.fetch import fetch_public
from socialcron.store import mediacache
from socialcron.store.engine import Database
from socialcron.store.mediacache import CachedFile, DuePicture

FETCH_SECONDS = 60.0
LEASE_SECONDS = 240.0  # a fetch, looking at it, and a database that is slow to come back
MOST_TRIES = 4
_GONE = (404, 410)
_REFUSED = (401, 403)  # what picture hosts say of a signature that has ended


@dataclass(slots=True, kw_only=True)
class Book(Hooks):
    """What the hands of a run share.

    left: pictures that may still be claimed. bytes: fetched and kept. room: bytes that may be added before `make_room`,
    which says how many may be then.
    """

    db: Database
    token: UUID
    folder: PictureFolder
    left: int
    most_file_bytes: int
    allow_private: bool
    room: int
    make_room: Callable[[], int]
    platforms: list[str] | None = None
    outcomes: Counter[str] = field(default_factory=Counter)
    bytes: int = 0

    def take(self) -> DuePicture | None:
        if not self.left:
            return None
        self.left -= 1
        return mediacache.claim_picture(
            self.db, self.token, lease_seconds=LEASE_SECONDS, platforms=self.platforms
        )

    # --- hooks of the runner -----------------------------------------------------------------------------------------

    def tick(self) -> None:
        """No lease is renewed: it is longer than a fetch may take."""


class CacheJob:
    due = 0.0

    def __init__(self, book: Book, number: int) -> None:
        self._book = book
        self.lane = number
        self._picture: DuePicture | None = None

    def work(self) -> Work:
        while (picture := self._book.take()) is not None:
            self._picture = picture
            try:
                if picture.tries > MOST_TRIES:
                    raise PlatformFailure(f"{picture}: every run that fetched it has died", retryable=False)
                new, file = yield Call(partial(self._fetch, picture))
                self._keep(picture, new, file)
            except PlatformError as exc:
                self._give_up(picture, exc)
            self._picture = None
        return "done"

    def give_back(self) -> str:
        if self._picture is not None:
            mediacache.postpone_picture(
                self._book.db, self._book.token, self._picture.id, "waiting", give_back=True
            )
            self._book.outcomes["released"] += 1
        return "released"

    def _fetch(self, picture: DuePicture) -> tuple[Path, CachedFile]:
        """For a worker thread: a new file on disk, and what is in it."""
        got = fetch_public(
            picture.url,
            max_bytes=self._book.most_file_bytes,
            folder=self._book.folder.root,
            allow_private=self._book.allow_private,
            seconds=FETCH_SECONDS,
        )
        try:
            mime_type = str(probe(Media(source=str(picture)), got.path).mime_type)
            what, _, kind = mime_type.partition("/")
            if what != "image":
                raise Rejected(f"{picture}: no picture, but {mime_type}")
            with got.path.open("rb") as stream:
                os.fsync(stream.fileno())
            got.path.chmod(0o644)  # a temporary file is its owner's alone, a picture may be served
        except BaseException:
            got.path.unlink(missing_ok=True)
            raise
        path = f"{got.sha256[:2]}/{got.sha256[2:]}.{kind.replace('jpeg', 'jpg')}"
        return got.path, CachedFile(
            path=path, sha256=got.sha256, size_bytes=got.size_bytes, mime_type=mime_type
        )

    def _keep(self, picture: DuePicture, new: Path, file: CachedFile) -> None:
        book = self._book
        try:
            mine = mediacache.store_picture(
                book.db, book.token, picture.id, file, publish=partial(book.folder.publish, new, file.path)
            )
        finally:
            new.unlink(missing_ok=True)
        book.outcomes["cached" if mine else "released"] += 1
        if mine:
            book.bytes += file.size_bytes
            book.room -= file.size_bytes
            log.event("picture_cached", level=log.DEBUG, platform=picture.platform, path=file.path)
        if book.room < 0:
            book.room = book.make_room()

    def _give_up(self, picture: DuePicture, exc: PlatformError) -> None:
        """For now, or for good: 2, 4, 8 minutes, then until a scrape brings another address."""
        book = self._book
        if exc.http_status in _REFUSED:
            exc = AuthExpired(exc.message, http_status=exc.http_status)
        if exc.http_status in _GONE:
            outcome = "gone"
            mine = mediacache.postpone_picture(book.db, book.token, picture.id, "gone", error=exc)
        elif exc.retryable and picture.tries < MOST_TRIES:
            outcome = "retried"
            seconds = backoff_seconds(picture.tries, retry_after=exc.retry_after)
            mine = mediacache.postpone_picture(
                book.db, book.token, picture.id, "waiting", retry_in_seconds=seconds, error=exc
            )
        else:
            outcome = "failed"
            mine = mediacache.postpone_picture(book.db, book.token, picture.id, "failed", error=exc)
        book.outcomes[outcome if mine else "released"] += 1
        log.event(
            f"picture_{outcome}",
            level=log.WARNING,
            platform=picture.platform,
            profile_post_id=picture.profile_post_id,
            kind=picture.kind,
            attempt=picture.tries,
            error_class=exc.error_class,
            error=str(exc),
        )
