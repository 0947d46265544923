"""Local media as pieces of an upload: read in parts, never held whole in memory."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path, PurePosixPath
from typing import BinaryIO
from urllib.parse import urlsplit

from socialcron.errors import Rejected
from socialcron.model import Media

BLOCK_BYTES = 256 * 1024


def read_part(media: Media, offset: int, length: int) -> bytes:
    """`length` bytes from `offset`, fewer only at the end of the file. Raises Rejected if they cannot be had."""
    return b"".join(stream_part(media, offset, length))


def stream_part(media: Media, offset: int, length: int) -> Iterator[bytes]:
    """The same in blocks, for `content=` of a request (with a Content-Length header: their sum).

    The file is opened at once, so that a missing one is known before a byte is sent. Raises Rejected.
    """
    path = local_path(media)
    try:
        file = path.open("rb")
    except OSError as exc:
        raise _unreadable(media, exc) from exc

    def blocks() -> Iterator[bytes]:
        with file:
            left = length
            try:
                file.seek(offset)
                while left > 0 and (block := file.read(min(left, BLOCK_BYTES))):
                    left -= len(block)
                    yield block
            except OSError as exc:
                raise _unreadable(media, exc) from exc

    return blocks()


def open_file(media: Media) -> BinaryIO:
    """The whole file, opened, for `files=` of a multipart request, which streams it. Raises Rejected."""
    try:
        return local_path(media).open("rb")
    except OSError as exc:
        raise _unreadable(media, exc) from exc


def file_name(media: Media) -> str:
    """What the file shall be called at the platform: the last part of its path or address."""
    return PurePosixPath(urlsplit(media.source).path).name or "file"


def local_path(media: Media) -> Path:
    """Where the file is. Raises Rejected if it was not fetched."""
    if media.path is None:
        raise Rejected(f"media {media.source} was not fetched")
    return media.path


def _unreadable(media: Media, exc: OSError) -> Rejected:
    return Rejected(f"media {media.source} cannot be read ({exc.strerror})")
