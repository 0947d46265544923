"""What a post says, as the database stores it, turned into the steps one platform gets. Pure.

Applications write `contents` rows by plain SQL, so nothing about their JSON is taken for granted here: what cannot be
read raises BadInput naming the field, and becomes that post's `invalid_content`.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any, NoReturn

from socialcron.errors import BadInput
from socialcron.model import Media, Poll, Step

VARIANT_KEYS = ("text", "media", "link", "poll", "thread", "first_comment", "thumbnail", "options")


@dataclass(frozen=True, slots=True, kw_only=True)
class Content:
    """One row of `contents`, unparsed.

    variants: platform -> the fields that differ there, its `options`, and `thumbnail` ({"source": str} or str).
    """

    text: str | None = None
    media: Any = field(default_factory=list)  # [{"source": str, "alt": str | None}] or [str]
    link: str | None = None
    poll: Any = None  # {"options": [str], "duration_seconds": int, "multiple": bool}
    thread: Any = field(
        default_factory=list
    )  # [{"text": str, "media": [...]}] or [str]; the parts after the first
    first_comment: str | None = None
    variants: Any = field(default_factory=dict)


def steps_for(content: Content, platform: str) -> tuple[Step, ...]:
    """The visible writes of this content on `platform`: the post, thread parts, the first comment, its thumbnail.

    Media carry only what the caller wrote. Raises BadInput naming the field that cannot be read.
    """
    variants = content.variants or {}
    if not isinstance(variants, Mapping):
        _bad("variants", "must be an object of platforms")
    variant = variants.get(platform) or {}
    if not isinstance(variant, Mapping):
        _bad(f"variants.{platform}", "must be an object")
    if unknown := sorted(set(variant) - set(VARIANT_KEYS)):
        _bad(f"variants.{platform}", f"has unknown keys: {', '.join(unknown)}")

    def pick(name: str) -> Any:
        return variant[name] if name in variant else getattr(content, name)

    options = variant.get("options") or {}
    if not isinstance(options, Mapping):
        _bad(f"variants.{platform}.options", "must be an object")
    # Null is a choice that nobody made: the account's setting stands, which may be the stricter one.
    options = {name: value for name, value in options.items() if value is not None}
    first = Step(
        number=0,
        kind="post",
        text=_text(pick("text"), "text"),
        media=_media(pick("media"), "media"),
        link=_text(pick("link"), "link") or None,
        poll=_poll(pick("poll")),
        options=options,
    )
    steps = [first]
    for number, part in enumerate(_list(pick("thread"), "thread"), start=1):
        where = f"thread[{number}]"
        body = {"text": part} if isinstance(part, str) else part
        if not isinstance(body, Mapping):
            _bad(where, "must be a text or an object with a text")
        text, media = _text(body.get("text"), where), _media(body.get("media"), f"{where}.media")
        if not text and not media:
            _bad(where, "is empty")
        steps.append(Step(number=number, kind="reply", text=text, media=media, options=options))
    if comment := _text(pick("first_comment"), "first_comment"):
        steps.append(Step(number=len(steps), kind="comment", text=comment, options=options))
    if thumbnail := variant.get("thumbnail"):
        image = _media([thumbnail], f"variants.{platform}.thumbnail")
        steps.append(Step(number=len(steps), kind="thumbnail", text="", media=image, options=options))
    if not first.text and not first.media and not first.poll:
        _bad("text", "is empty, and there is neither media nor a poll")
    return tuple(steps)


def _text(value: Any, where: str) -> str:
    if value is None:
        return ""
    if not isinstance(value, str):
        _bad(where, "must be a text")
    return value


def _list(value: Any, where: str) -> list[Any]:
    if value is None:
        return []
    if not isinstance(value, list):
        _bad(where, "must be a list")
    return value


def _media(value: Any, where: str) -> tuple[Media, ...]:
    found = []
    for number, item in enumerate(_list(value, where), start=1):
        body = {"source": item} if isinstance(item, str) else item
        if not isinstance(body, Mapping) or not isinstance(body.get("source"), str) or not body["source"]:
            _bad(f"{where}[{number}]", "needs a source: a path or an https URL")
        found.append(
            Media(source=body["source"], alt=_text(body.get("alt"), f"{where}[{number}].alt") or None)
        )
    return tuple(found)


def _poll(value: Any) -> Poll | None:
    if value is None:
        return None
    options = value.get("options") if isinstance(value, Mapping) else None
    if (
        not isinstance(options, list)
        or len(options) < 2
        or not all(isinstance(o, str) and o for o in options)
    ):
        _bad("poll", "needs at least two options, each a text")
    seconds = value.get("duration_seconds", 86_400)
    if not isinstance(seconds, int) or isinstance(seconds, bool) or seconds <= 0:
        _bad("poll", "needs a duration_seconds above 0")
    return Poll(options=tuple(options), duration_seconds=seconds, multiple=bool(value.get("multiple", False)))


def _bad(where: str, what: str) -> NoReturn:
    raise BadInput(f"{where} {what}", hint="See `socialcron posts edit --help` for the fields of a post.")
