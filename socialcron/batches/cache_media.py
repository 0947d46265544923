"""cache-media: fetch covers and thumbnails of monitored posts into a folder, keep the folder within its size.

A run that dies leaves a lease that ends, and maybe a file that nobody names: the next runs fetch the one again and
delete the other.
"""

from __future__ import annotations

import time
from dataclasses import dataclass
from functools import partial
from uuid import uuid4

from socialcron.batches.picture_folder import PictureFolder
from socialcron.batches.signals import Signals, watched_signals
from socialcron.batches.summary import Summary as BaseSummary
from socialcron.batches.summary import counted, on_record
from socialcron.errors import SocialcronError
from socialcron.settings import Settings
from socialcron.store import mediacache
from socialcron.store.engine import Database
from socialcron.store.mediacache import MediaState, PicturesOfProfile

COMMAND = "cache-media"
LOOKED_AT = 1000  # files per run that are held against the database; a few milliseconds
KEPT = 0.95  # of a full folder: each further picture making its own room would be dear


@dataclass(frozen=True, slots=True, kw_only=True)
class Options:
    """again: also what failed, is gone, was dropped, or has lost its file."""

    limit: int
    concurrency: int
    max_runtime_seconds: float
    platforms: list[str] | None = None
    again: bool = False


@dataclass(slots=True, kw_only=True)
class Summary(BaseSummary):
    """One outcome per claimed picture. listed: new ones. dropped, removed: files, for want of room or of use."""

    OUTCOMES = ("cached", "gone", "failed", "retried", "released")

    listed: int = 0
    bytes: int = 0
    dropped: int = 0
    removed: int = 0

    @property
    def idle(self) -> bool:
        return not (self.claimed or self.listed or self.dropped or self.removed)

    @property
    def further(self) -> dict[str, int]:
        return {"listed": self.listed, "bytes": self.bytes, "dropped": self.dropped, "removed": self.removed}

    def as_line(self) -> str:
        outcomes = ", ".join(self.words)
        parts = [
            f"{self.claimed} claimed{': ' if outcomes else ''}{outcomes}",
            f"{self.bytes / 1e6:.1f} MB",
            f"{counted(self.dropped, 'file')} dropped to make room" if self.dropped else "",
            f"{counted(self.removed, 'file')} removed that nobody needs" if self.removed else "",
        ]
        return "; ".join(part for part in parts if part)


def run(db: Database, settings: Settings, options: Options) -> Summary:
    """Raises DatabaseUnavailable when the database went away, ConfigError for a folder that cannot be used."""
    started = time.monotonic()
    state = mediacache.read_state(db)
    folder = PictureFolder(settings.cache_dir or settings.home / "pictures")
    summary, error = Summary(), None
    if state.unlisted or state.due or options.again or folder.exists():
        folder.open(state.database_id)
        error = _work(db, settings, options, folder, state, summary)
    return on_record(db, COMMAND, summary, started=started, error=error)


def peek(db: Database, options: Options) -> list[PicturesOfProfile]:
    """--dry-run: how many pictures are due, by profile. Claims nothing."""
    return mediacache.peek_due_pictures(db, batch_size=options.limit, platforms=options.platforms)


def _work(
    db: Database,
    settings: Settings,
    options: Options,
    folder: PictureFolder,
    state: MediaState,
    summary: Summary,
) -> SocialcronError | None:
    """What there is to do, written into `summary`; the error that ended it early."""
    stop_at = time.monotonic() + options.max_runtime_seconds
    error = None
    with watched_signals() as signals:
        if options.again:
            mediacache.forget_missing(db, exists=folder.exists)
            mediacache.ask_again(db, platforms=options.platforms)
        while state.unlisted and not signals.received and time.monotonic() < stop_at:
            listed = mediacache.list_pictures(db)
            if listed is None:
                break
            summary.listed += listed
        room = _make_room(db, settings, folder, summary)
        if (state.due or summary.listed or options.again) and not signals.received:
            error = _fetch(db, settings, options, folder, summary, room, signals, stop_at)
        if error is None:
            _clean_up(db, folder, summary)
        summary.interrupted = signals.received
    return error


def _fetch(
    db: Database,
    settings: Settings,
    options: Options,
    folder: PictureFolder,
    summary: Summary,
    room: int,
    signals: Signals,
    stop_at: float,
) -> SocialcronError | None:
    from socialcron.batches.caching import FETCH_SECONDS, Book, CacheJob
    from socialcron.batches.runner import Runner
    from socialcron.platforms.http import now_seconds

    book = Book(
        db=db,
        token=uuid4(),
        folder=folder,
        left=options.limit,
        most_file_bytes=settings.cache_max_file_bytes,
        allow_private=settings.allow_private_media,
        platforms=options.platforms,
        outcomes=summary.outcomes,
        room=room,
        make_room=partial(_make_room, db, settings, folder, summary),
    )
    runner = Runner(
        book,
        concurrency=options.concurrency,
        stop_at=now_seconds() + stop_at - time.monotonic(),
        grace_seconds=25.0,
        patience_seconds=FETCH_SECONDS + 5.0,
        tick_seconds=60.0,
    )
    signals.call(runner.stop)
    ended = runner.run([CacheJob(book, number) for number in range(options.concurrency)])
    summary.bytes = book.bytes
    if ended.bug is not None and ended.error is None:
        raise ended.bug
    return ended.error


def _make_room(db: Database, settings: Settings, folder: PictureFolder, summary: Summary) -> int:
    """Bytes that may still be added; where there are none left, old posts' pictures go first."""
    room = settings.cache_max_bytes - mediacache.count_cached_bytes(db)
    if room >= 0:
        return room
    paths = mediacache.drop_pictures(db, keep_bytes=int(settings.cache_max_bytes * KEPT))
    summary.dropped += mediacache.remove_unused(db, paths, remove=folder.remove)
    return settings.cache_max_bytes - mediacache.count_cached_bytes(db)


def _clean_up(db: Database, folder: PictureFolder, summary: Summary) -> None:
    """Delete files of removed profiles, of pictures that were replaced, and of runs that died; some in each run."""
    unused = mediacache.find_unused(db, folder.some(LOOKED_AT))
    summary.removed = mediacache.remove_unused(db, unused, remove=folder.remove) + folder.remove_leftovers()
