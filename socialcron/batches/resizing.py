"""Images made small enough for a platform, on accounts whose setting `resize_images` is true. The original stays.

An image keeps its type where that gets it below the limit; else one without transparency becomes a JPEG. Never made
larger, never cut: where a ratio or a least size is the trouble, it is left to a person.
"""

from __future__ import annotations

import io
import os
import sys
import tempfile
import threading
from collections.abc import Callable, Iterable
from dataclasses import replace
from hashlib import sha256
from pathlib import Path
from typing import Any

from PIL import Image, ImageOps

from socialcron.batches.probing import IMAGES
from socialcron.errors import Rejected
from socialcron.model import Media, Step
from socialcron.platforms.base import MediaRule

_FORMATS = {"image/png": "PNG", "image/webp": "WEBP", "image/jpeg": "JPEG"}
_QUALITIES = (90, 80, 70)
_SHRINK = 0.8  # of width and height, when no quality helps; a dozen times at most
_STEPS = 12
# Unfolded, one image may fill half a gigabyte; runs work several accounts at once.
_one_at_a_time = threading.Lock()


def shrink(
    step: Step, rules: Iterable[MediaRule], count_problems: Callable[[Step], int], folder: Path | None
) -> Step:
    """`step` with its images made to fit the rule, largest first, that leaves the fewest problems; or as it was.

    folder: where the new files go; None: nothing is made, every image is taken to get below the limit of bytes.
    For a worker thread. Raises Rejected for an image that cannot be decoded.
    """
    best, least = step, count_problems(step)
    for rule in sorted(rules, key=lambda rule: rule.max_bytes or sys.maxsize, reverse=True):
        if rule.kind != "image" or rule.by_url or not least:
            continue
        smaller = replace(best, media=tuple(_fit(item, rule, folder) for item in best.media))
        if smaller.media != best.media and (count := count_problems(smaller)) < least:
            best, least = smaller, count
    return best


def _fit(media: Media, rule: MediaRule, folder: Path | None) -> Media:
    mime_type = media.mime_type
    if media.path is None or mime_type not in rule.mime_types or mime_type not in IMAGES.values():
        return media
    if not _exceeds(media, rule):
        return media
    try:
        with _one_at_a_time, Image.open(media.path, formats=tuple(IMAGES)) as original:
            if _is_animated(original) or original.mode.startswith(("I", "F")):
                return media  # an animation would stand still; deep greys have no simple form
            size = _target(media, rule)
            if folder is None:
                fewer_bytes = min(media.size_bytes or 0, rule.max_bytes or sys.maxsize)
                return replace(media, width=size[0], height=size[1], size_bytes=fewer_bytes)
            original.draft(None, (max(size), max(size)))  # a JPEG is decoded no larger than needed
            image = ImageOps.exif_transpose(original)
            profile = original.info.get("icc_profile") if image.mode in ("RGB", "RGBA", "L") else None
            made = _encode(_plain(image), size, mime_type, rule, profile)
    except (OSError, SyntaxError, ValueError, Image.DecompressionBombError) as exc:
        raise Rejected(f"media {media.source!r} cannot be resized: {exc}") from exc
    if made is None:
        return media
    data, mime_type, (width, height) = made
    handle, name = tempfile.mkstemp(dir=folder, suffix="." + _FORMATS[mime_type].lower())
    with os.fdopen(handle, "wb") as file:
        file.write(data)
    return replace(
        media,
        url=None,
        path=Path(name),
        mime_type=mime_type,
        size_bytes=len(data),
        sha256=sha256(data).hexdigest(),
        width=width,
        height=height,
    )


def _exceeds(media: Media, rule: MediaRule) -> bool:
    measures = (
        (media.size_bytes, rule.max_bytes),
        (media.width, rule.max_width),
        (media.height, rule.max_height),
    )
    return any(measured and most and measured > most for measured, most in measures)


def _is_animated(image: Image.Image) -> bool:
    return (
        bool(getattr(image, "is_animated", False)) and image.format != "MPO"
    )  # whose others are of the same moment


def _target(media: Media, rule: MediaRule) -> tuple[int, int]:
    width, height = media.width or 1, media.height or 1
    scale = min(1.0, (rule.max_width or width) / width, (rule.max_height or height) / height)
    return _scaled((width, height), scale)


def _scaled(size: tuple[int, int], scale: float) -> tuple[int, int]:
    return max(int(size[0] * scale), 1), max(int(size[1] * scale), 1)


def _plain(image: Image.Image) -> Image.Image:
    """In a mode that every format below can hold, or be flattened from."""
    if image.mode in ("RGB", "RGBA", "L"):
        return image
    return image.convert("RGBA" if image.has_transparency_data else "RGB")


def _encode(
    image: Image.Image, size: tuple[int, int], mime_type: str, rule: MediaRule, profile: bytes | None
) -> tuple[bytes, str, tuple[int, int]] | None:
    """The best that is small enough: its bytes, type, width and height. None: nothing is."""
    seen_through = image.mode == "RGBA" and image.getchannel("A").getextrema() != (255, 255)
    wanted = (mime_type, "image/png" if seen_through else "image/jpeg")
    kinds = [kind for kind in dict.fromkeys(wanted) if kind in _FORMATS and kind in rule.mime_types]
    for _ in range(_STEPS):
        scaled = (
            image if size == image.size else image.resize(size, Image.Resampling.LANCZOS, reducing_gap=3.0)
        )
        for kind in kinds or ["image/jpeg"]:
            for quality in _QUALITIES if kind != "image/png" else (None,):
                data = _saved(scaled, kind, quality, profile)
                if rule.max_bytes is None or len(data) <= rule.max_bytes:
                    return data, kind, size
        size = _scaled(size, _SHRINK)
    return None


def _saved(image: Image.Image, mime_type: str, quality: int | None, profile: bytes | None) -> bytes:
    if mime_type == "image/jpeg" and image.mode == "RGBA":
        white = Image.new("RGBA", image.size, "white")
        image = Image.alpha_composite(white, image).convert("RGB")
    options: dict[str, Any] = {"optimize": True} if quality is None else {"quality": quality}
    data = io.BytesIO()
    image.save(data, _FORMATS[mime_type], icc_profile=profile, **options)
    return data.getvalue()
