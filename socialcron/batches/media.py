"""Attachments made local and measured: a path below the media root, or a URL fetched into the run's own directory."""

from __future__ import annotations

from dataclasses import replace
from hashlib import file_digest
from pathlib import Path
from urllib.parse import quote

from socialcron.errors import Rejected
from socialcron.model import Media
from socialcron.settings import Settings


def is_remote(source: str) -> bool:
    return "://" in source


def look_at(media: Media, settings: Settings) -> Media:
    """What can be known of an attachment without the network: all but the SHA-256 of a local file, a URL's address.

    settings: this host's. Raises Rejected naming the file and what is wrong with it.
    """
    if not is_remote(media.source):
        return _find_local(media, settings)
    schemes = ("https://", "http://") if settings.allow_private_media else ("https://",)
    if not media.source.startswith(schemes):
        raise Rejected(f"media {media.source!r} is not an https URL")
    return replace(media, url=media.source)


def bring(media: Media, *, settings: Settings, folder: Path) -> Media:
    """The attachment with everything that can be known of it, fetched into `folder` when it is remote.

    For a worker thread. Raises Rejected (not allowed, not found, too large, not media) or Unavailable.
    """
    media = look_at(media, settings)
    if media.path is None:
        from socialcron.batches.probing import probe
        from socialcron.platforms.fetch import fetch_public

        got = fetch_public(
            media.source,
            folder=folder,
            max_bytes=settings.max_media_bytes,
            allow_private=settings.allow_private_media,
        )
        return probe(replace(media, sha256=got.sha256), got.path)
    try:
        with media.path.open("rb") as stream:
            return replace(media, sha256=file_digest(stream, "sha256").hexdigest())
    except OSError as exc:
        raise _unreadable(media, exc) from exc


def _find_local(media: Media, settings: Settings) -> Media:
    """The file below the media root, symbolic links followed; without a media root anywhere."""
    from socialcron.batches.probing import probe

    path, url = Path(media.source), None
    if settings.media_root is not None:
        root = settings.media_root.resolve()
        path = (root / path).resolve()
        if not path.is_relative_to(root):
            raise Rejected(
                f"media {media.source!r} is outside the media root",
                hint=f"Put it below {root} (SOCIALCRON_MEDIA_ROOT).",
            )
        if settings.media_url:
            url = f"{settings.media_url.rstrip('/')}/{quote(path.relative_to(root).as_posix())}"
    try:
        size_bytes = path.stat().st_size
        with path.open("rb"):
            pass
    except (OSError, ValueError) as exc:
        raise _unreadable(media, exc) from exc
    if size_bytes > settings.max_media_bytes:
        raise Rejected(
            f"media {media.source!r} has {size_bytes} bytes, at most {settings.max_media_bytes} are allowed",
            hint="SOCIALCRON_MAX_MEDIA_BYTES sets the limit.",
        )
    return probe(replace(media, url=url), path)


def _unreadable(media: Media, exc: OSError | ValueError) -> Rejected:
    return Rejected(
        f"media {media.source!r} cannot be read: {getattr(exc, 'strerror', None) or exc}",
        hint="Local media are read on the host that runs post-due; relative paths start at SOCIALCRON_MEDIA_ROOT.",
    )
