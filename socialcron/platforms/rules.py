"""Declared rules, checked: attachments against `MediaRule`s, names of options, counts of hashtags and mentions.

Each problem names the file, what was measured and what is allowed. What is not known of a file (it was not fetched
yet, or its bytes do not say) is not judged.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator, Mapping, Sequence

from socialcron.model import Media, Poll, Problem
from socialcron.platforms.base import Declaration, MediaRule
from socialcron.platforms.text import utf16_units

# Every type that the bytes of a file are recognised as, for platforms that take any file.
IMAGE_TYPES = frozenset(
    f"image/{name}" for name in ("jpeg", "png", "gif", "webp", "bmp", "avif", "heic", "heif", "tiff")
)
FILE_TYPES = IMAGE_TYPES | {
    "application/pdf",
    *(
        f"video/{name}"
        for name in (
            "mp4",
            "quicktime",
            "webm",
            "ogg",
            "mpeg",
            "mp2t",
            "x-matroska",
            "x-msvideo",
            "x-ms-wmv",
            "x-flv",
        )
    ),
    *(
        f"audio/{name}"
        for name in ("mp4", "webm", "ogg", "mpeg", "wav", "flac", "aac", "aiff", "x-matroska", "x-ms-wma")
    ),
}

_HASHTAG = re.compile(r"(?<![\w&/])[#＃](?=\w*[^\W\d_])\w+")
_MENTION = re.compile(r"(?<![\w@/])@\w+(?:\.\w+)*")


def option_problems(options: Mapping[str, object], declaration: Declaration) -> Iterator[Problem]:
    """Options that the platform does not know: a misspelt privacy level must not post to everybody."""
    for name in options:
        if name not in declaration.options:
            known = ", ".join(sorted(declaration.options)) or "none"
            yield Problem(
                field=f"options.{name}", message=f"{declaration.title} has no such option (known: {known})"
            )


def media_problems(
    media: Sequence[Media], rules: Iterable[MediaRule], *, use: str = "", field: str = "media"
) -> Iterator[Problem]:
    """What of `media` no rule for `use` (or for every use) allows. field: how messages call the list."""
    usable = [rule for rule in rules if rule.use in ("", use)]
    for number, item in enumerate(media, 1):
        if item.mime_type is None:
            continue
        fitting = [rule for rule in usable if item.mime_type in rule.mime_types]
        if not fitting:
            taken = ", ".join(sorted({kind for rule in usable for kind in rule.mime_types}))
            yield Problem(
                field=f"{field}[{number}]", message=f"{item.source} is {item.mime_type}; allowed: {taken}"
            )
            continue
        # Several may fit (an image of a post, an image of a carousel): the kindest counts.
        yield from min((list(_problems(item, rule, f"{field}[{number}]")) for rule in fitting), key=len)


def url_problems(media: Sequence[Media], title: str) -> Iterator[Problem]:
    """Media that a platform which fetches them itself cannot reach."""
    for number, item in enumerate(media, 1):
        if item.url is None and item.mime_type is not None:
            yield Problem(
                field=f"media[{number}]",
                message=f"{item.source} has no public address, and {title} fetches media itself: use an https URL, "
                "or set SOCIALCRON_MEDIA_URL to where the media root is served",
            )


def poll_option_problems(poll: Poll, declaration: Declaration) -> Iterator[Problem]:
    """Number and UTF-16 length of a poll's options, against the limits `poll_options` and `poll_option`."""
    title, most, longest = (
        declaration.title,
        declaration.limit("poll_options"),
        declaration.limit("poll_option"),
    )
    if not 1 <= len(poll.options) <= most:
        yield Problem(field="poll", message=f"{len(poll.options)} options, {title} takes 1 to {most:.0f}")
    for number, option in enumerate(poll.options, 1):
        if not option.strip() or utf16_units(option) > longest:
            yield Problem(
                field=f"poll[{number}]",
                message=f"{utf16_units(option)} UTF-16 code units, {title} takes 1 to {longest:.0f}",
            )


def hashtags(text: str) -> list[str]:
    """#words with at least one letter, in order, repeated ones as often as they are there."""
    return _HASHTAG.findall(text)


def mentions(text: str) -> list[str]:
    """@names, in order."""
    return _MENTION.findall(text)


def flag(value: object) -> bool | None:
    """True or false from JSON or from `--set NAME=VALUE`; None for anything else."""
    said = str(value).lower()
    return (
        True if said in ("true", "1", "yes", "on") else False if said in ("false", "0", "no", "off") else None
    )


def can_resize(declaration: Declaration) -> bool:
    """Whether the setting `resize_images` means anything there: images go out as bytes of ours."""
    return any(rule.kind == "image" and not rule.by_url for rule in declaration.media)


def _problems(item: Media, rule: MediaRule, field: str) -> Iterator[Problem]:
    ratio = item.width / item.height if item.width and item.height else None
    resizable = rule.kind == "image" and not rule.by_url
    # What is measured, in which unit, the least and the most allowed, and whether a smaller image would help.
    measures: tuple[tuple[float | None, str, float | None, float | None, bool], ...] = (
        (item.size_bytes, "bytes", rule.min_bytes, rule.max_bytes, resizable),
        (item.width, "pixels wide", rule.min_width, rule.max_width, resizable),
        (item.height, "pixels high", rule.min_height, rule.max_height, resizable),
        (ratio, "wide per high", rule.min_ratio, rule.max_ratio, False),
        (item.duration_seconds, "seconds long", rule.min_seconds, rule.max_seconds, False),
        (item.frame_rate, "frames per second", rule.min_frame_rate, rule.max_frame_rate, False),
    )
    for measured, unit, least, most, smaller_helps in measures:
        if measured is None:
            continue
        # Containers round durations and frame rates, and so may whoever wrote the limit down.
        slack = 0.01 * measured if isinstance(measured, float) else 0
        said = f"{item.source} is {_shown(measured)} {unit}"
        if most is not None and measured > most + slack:
            hint = "; resize_images=true on the account makes still images smaller" if smaller_helps else ""
            yield Problem(field=field, message=f"{said}, at most {_shown(most)} allowed{hint}")
        if least is not None and measured < least - slack:
            yield Problem(field=field, message=f"{said}, at least {_shown(least)} needed")


def _shown(value: float) -> str:
    return f"{value:.0f}" if value == int(value) else f"{value:.2f}"
