"""The one validator of posts: for `posts add`, `import`, `edit`, `validate`, and the moment before sending.

No network, no database.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import replace
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit

from socialcron.batches.media import find_local, is_remote
from socialcron.content import Content, steps_for
from socialcron.errors import BadInput, Rejected, UsageError
from socialcron.model import Media, Problem, Step
from socialcron.platforms import registry
from socialcron.platforms.base import Adapter, Declaration


def find_problems(
    content: Content, *, platform: str, settings: Mapping[str, Any], media_root: Path | None
) -> list[Problem]:
    """Every known reason why `platform` would refuse this content; empty when none is known.

    settings: of the account. Local media are looked at on this host; remote ones are not fetched.
    """
    if unusable := list(_unusable_texts(content)):
        return unusable
    try:
        adapter = registry.adapter(platform)
        steps = steps_for(content, platform)
    except (UsageError, BadInput) as exc:
        return [Problem(field="platform" if isinstance(exc, UsageError) else "content", message=exc.message)]
    problems: list[Problem] = []
    looked_at = []
    for step in steps:
        media = []
        for number, item in enumerate(step.media, start=1):
            try:
                media.append(_look_at(item, media_root))
            except Rejected as exc:
                media.append(item)
                where = f"media[{number}]" if step.number == 0 else f"thread[{step.number}].media[{number}]"
                problems.append(
                    Problem(field=where, message=f"{exc.message}. {exc.hint}" if exc.hint else exc.message)
                )
        looked_at.append(replace(step, media=tuple(media)))
    return problems + step_problems(adapter, looked_at, settings)


def step_problems(adapter: Adapter, steps: Sequence[Step], settings: Mapping[str, Any]) -> list[Problem]:
    """What the platform does not offer at all, then what is beyond its limits."""
    missing = _missing_features(steps, adapter.declaration)
    return list(dict.fromkeys([*missing, *_unusable_links(steps), *adapter.validate(steps, settings)]))


def text_problem(text: str) -> str | None:
    """Why PostgreSQL cannot keep `text`; None if it can."""
    if "\x00" in text:
        return "holds a NUL byte"
    try:
        text.encode()
    except UnicodeEncodeError:
        return "is not valid UTF-8"
    return None


def _unusable_texts(content: Content) -> Iterator[Problem]:
    for name in Content.__dataclass_fields__:
        for text in _texts(getattr(content, name)):
            if problem := text_problem(text):
                yield Problem(field=name, message=problem)


def _texts(value: Any) -> Iterator[str]:
    match value:
        case str():
            yield value
        case Mapping():
            for key, item in value.items():
                yield from _texts(key)
                yield from _texts(item)
        case list() | tuple():
            for item in value:
                yield from _texts(item)


def _look_at(media: Media, root: Path | None) -> Media:
    if not is_remote(media.source):
        return find_local(media, root)
    if not media.source.startswith("https://"):
        raise Rejected(f"media {media.source!r} is not an https URL")
    return media


def _unusable_links(steps: Sequence[Step]) -> Iterator[Problem]:
    for link in (step.link for step in steps if step.link):
        try:
            parts = urlsplit(link)
            usable = parts.scheme in ("http", "https") and parts.hostname and len(link.split()) == 1
        except ValueError:
            usable = False
        if not usable or link != link.strip():
            yield Problem(field="link", message=f"{link!r} is not an http(s) URL")


def _missing_features(steps: Sequence[Step], declaration: Declaration) -> Iterator[Problem]:
    used = {
        "media": any(step.media for step in steps),
        "link": any(step.link for step in steps),
        "poll": any(step.poll for step in steps),
        "thread": any(step.kind == "reply" for step in steps),
        "first_comment": any(step.kind == "comment" for step in steps),
    }
    for feature, is_used in used.items():
        if is_used and feature not in declaration.features:
            yield Problem(field=feature, message=f"{declaration.title} offers no {feature.replace('_', ' ')}")
