"""Attachments made local: a path below the media root, or an https URL fetched into the run's own directory."""

from __future__ import annotations

import mimetypes
from dataclasses import replace
from hashlib import file_digest
from pathlib import Path

from socialcron.errors import Rejected
from socialcron.model import Media

_KINDS = ("image/", "video/", "audio/")


def is_remote(source: str) -> bool:
    return "://" in source


def find_local(media: Media, root: Path | None) -> Media:
    """The same attachment with its path, size in bytes and MIME type. Reads no content.

    root: where local media must be, symbolic links followed; None: anywhere, as long as its name says image, video
    or audio. Raises Rejected naming the file and what is wrong with it.
    """
    path = Path(media.source)
    if root is not None:
        root = root.resolve()
        path = (root / path).resolve()
        if not path.is_relative_to(root):
            raise Rejected(
                f"media {media.source!r} is outside the media root",
                hint=f"Put it below {root} (SOCIALCRON_MEDIA_ROOT).",
            )
    try:
        size_bytes = path.stat().st_size
        with path.open("rb"):
            pass
    except (OSError, ValueError) as exc:
        raise Rejected(
            f"media {media.source!r} cannot be read: {getattr(exc, 'strerror', None) or exc}",
            hint="Local media are read on the host that runs post-due; relative paths start at SOCIALCRON_MEDIA_ROOT.",
        ) from exc
    mime_type = mimetypes.guess_type(path.name)[0] or "application/octet-stream"
    if root is None and not mime_type.startswith(_KINDS):
        raise Rejected(
            f"media {media.source!r} is neither image, video nor audio by its name",
            hint="Give the file its usual ending, or set SOCIALCRON_MEDIA_ROOT.",
        )
    return replace(media, path=path, size_bytes=size_bytes, mime_type=mime_type)


def bring(media: Media, *, root: Path | None, folder: Path, max_bytes: int, allow_private: bool) -> Media:
    """The attachment with path, size, type and SHA-256, fetched into `folder` when it is remote. For a worker thread.

    Raises Rejected (not allowed, not found, larger than `max_bytes`) or Unavailable.
    """
    if is_remote(media.source):
        from socialcron.platforms.fetch import fetch_public

        got = fetch_public(media.source, folder=folder, max_bytes=max_bytes, allow_private=allow_private)
        return replace(
            media, path=got.path, size_bytes=got.size_bytes, mime_type=got.mime_type, sha256=got.sha256
        )
    found = find_local(media, root)
    assert found.path is not None
    assert found.size_bytes is not None
    if found.size_bytes > max_bytes:
        raise Rejected(
            f"media {media.source!r} has {found.size_bytes} bytes, at most {max_bytes} are allowed",
            hint="SOCIALCRON_MAX_MEDIA_BYTES sets the limit.",
        )
    with found.path.open("rb") as stream:
        return replace(found, sha256=file_digest(stream, "sha256").hexdigest())
