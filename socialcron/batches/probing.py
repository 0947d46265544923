"""What a file is, read off its bytes by libraries: a name or a Content-Type is only what somebody said.

Pillow for images (it knows how they are turned), libmediainfo for the rest. Both read heads and indexes, never a whole
film. libmediainfo gets the bytes handed to it: given a path, it would also open what a playlist inside refers to.
"""

from __future__ import annotations

import codecs
import math
import warnings
from dataclasses import replace
from pathlib import Path
from typing import Any, BinaryIO
from xml.etree.ElementTree import ParseError  # nosec B405  # an exception; nothing is parsed here

from PIL import Image, WebPImagePlugin
from pymediainfo import MediaInfo

from socialcron.errors import Rejected
from socialcron.model import Media

# Of the many that Pillow reads, those that people post. The import registers WebP, as the others are already.
IMAGES = {
    "JPEG": "image/jpeg",
    "PNG": "image/png",
    "GIF": "image/gif",
    WebPImagePlugin.WebPImageFile.format: "image/webp",
    "BMP": "image/bmp",
}
# Pillow reads a WebP whole to look at it. What is larger is measured by libmediainfo.
_PILLOW_BYTES = 32 * 2**20

# libmediainfo's names of containers.
VIDEOS = {
    "MPEG-4": "video/mp4",
    "WebM": "video/webm",
    "Matroska": "video/x-matroska",
    "Ogg": "video/ogg",
    "AVI": "video/x-msvideo",
    "MPEG-TS": "video/mp2t",
    "MPEG-PS": "video/mpeg",
    "Windows Media": "video/x-ms-wmv",
    "Flash Video": "video/x-flv",
}
AUDIOS = {
    "MPEG-4": "audio/mp4",
    "WebM": "audio/webm",
    "Matroska": "audio/x-matroska",
    "Ogg": "audio/ogg",
    "MPEG Audio": "audio/mpeg",
    "Wave": "audio/wav",
    "FLAC": "audio/flac",
    "ADTS": "audio/aac",
    "AIFF": "audio/aiff",
    "Windows Media": "audio/x-ms-wma",
}
STILLS = {
    **IMAGES,
    "AVIF": "image/avif",
    "HEIC": "image/heic",
    "HEIF": "image/heif",
    "TIFF": "image/tiff",
}

_TURNED = range(5, 9)  # EXIF orientations that swap width and height
_ORIENTATION = 0x0112

# Pillow's own limit, at which it refuses, is twice that of this warning.
warnings.filterwarnings("ignore", category=Image.DecompressionBombWarning)


def probe(media: Media, path: Path) -> Media:
    """`media` with path, size and what its bytes say: type, width and height as shown, duration, frame rate.

    Raises Rejected naming the file and what it seems to be, when that is no image, video, sound or PDF.
    """
    try:
        with path.open("rb") as file:
            size_bytes = file.seek(0, 2)
            found = _read(file, size_bytes)
            if found is None:
                raise Rejected(
                    f"media {media.source!r} is not a readable image or video: it seems to be {_looks(file)}",
                    hint="Open it in a viewer; the file may be damaged, or something else under a wrong name.",
                )
    except Image.DecompressionBombError as exc:
        raise Rejected(f"media {media.source!r} would unfold to a monstrous image: {exc}") from exc
    except OSError as exc:
        raise Rejected(f"media {media.source!r} cannot be read ({exc.strerror or exc})") from exc
    return replace(media, path=path, size_bytes=size_bytes, **found)


def _read(file: BinaryIO, size_bytes: int) -> dict[str, Any] | None:
    file.seek(0)
    if b"%PDF-" in file.read(1024):  # where readers look for it, too
        return {"mime_type": "application/pdf"}
    return (_image(file) if size_bytes <= _PILLOW_BYTES else None) or _film(file)


def _image(file: BinaryIO) -> dict[str, Any] | None:
    file.seek(0)
    try:
        with Image.open(file, formats=tuple(IMAGES)) as image:
            width, height = image.size
            # Only where it is at hand: looking for it in a PNG would decode the image.
            turned = "exif" in image.info and image.getexif().get(_ORIENTATION) in _TURNED
            return {
                # MPO: a JPEG with further pictures behind it, as cameras make them.
                "mime_type": IMAGES.get(image.format or "", "image/jpeg"),
                "width": height if turned else width,
                "height": width if turned else height,
            }
    except Image.DecompressionBombError:
        raise
    except (OSError, SyntaxError, ValueError):  # what Pillow raises for bytes it cannot read
        return None


def _film(file: BinaryIO) -> dict[str, Any] | None:
    file.seek(0)
    try:
        tracks = MediaInfo.parse(file, encoding_errors="replace").tracks
    except (RuntimeError, ParseError):
        return None
    general: Any = next((track for track in tracks if track.track_type == "General"), None)
    name = str(general.format) if general else ""
    for kind, known in (("Video", VIDEOS), ("Audio", AUDIOS), ("Image", STILLS)):
        track: Any = next((track for track in tracks if track.track_type == kind), None)
        mime_type = known.get(name) or known.get(name.upper())
        if track is None or mime_type is None or (kind != "Audio" and not track.width):
            continue
        brand = str(general.codec_id or "").strip()
        if brand == "qt":
            mime_type = "video/quicktime"
        elif brand.startswith("3g"):
            mime_type = mime_type.replace("mp4", "3gpp")
        width, height = _whole(track.width), _whole(track.height)
        if (_number(track.rotation) or 0) % 180 == 90:
            width, height = height, width
        milliseconds = _number(general.duration) or _number(track.duration)
        return {
            "mime_type": mime_type,
            "width": width,
            "height": height,
            "duration_seconds": milliseconds / 1000 if milliseconds else None,
            "frame_rate": _number(track.frame_rate) if kind == "Video" else None,
        }
    return None


def _number(value: Any) -> float | None:
    """libmediainfo writes some numbers as text."""
    try:
        number = float(value)
    except (TypeError, ValueError):
        return None
    return number if math.isfinite(number) else None


def _whole(value: Any) -> int | None:
    number = _number(value)
    return int(number) if number else None


_MARKS = (
    (b"\x89PNG", "a damaged image"),
    (b"\xff\xd8\xff", "a damaged image"),
    (b"GIF8", "a damaged image"),
    (b"PK\x03\x04", "an archive"),
    (b"<!doctype html", "a web page"),
    (b"<html", "a web page"),
)


def _looks(file: BinaryIO) -> str:
    """A guess for people at what the bytes are."""
    file.seek(0)
    head = file.read(1024)
    if not head:
        return "empty"
    if head[4:8] == b"ftyp":
        return "a film without picture or sound"
    start = head.lstrip().lower()
    if named := next((what for mark, what in _MARKS if start.startswith(mark.lower())), None):
        return named
    try:
        text = codecs.getincrementaldecoder("utf-8")().decode(head)  # the end may be half a character
    except UnicodeDecodeError:
        return "something unknown"
    return "something unknown" if "\0" in text else f"text ({text[:20]!r} ...)"
