"""The one validator of posts: for `posts add`, `import`, `edit`, `validate`, and the moment before sending.

No network unless asked for, no database.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import replace
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit

from socialcron.batches import media
from socialcron.content import Content, steps_for
from socialcron.errors import BadInput, PlatformError, UsageError
from socialcron.model import Problem, Step
from socialcron.platforms import registry
from socialcron.platforms.base import Adapter, Declaration
from socialcron.platforms.rules import option_problems
from socialcron.platforms.text import field
from socialcron.settings import Settings


def find_problems(
    content: Content,
    *,
    platform: str,
    settings: Mapping[str, Any],
    host: Settings,
    folder: Path | None = None,
) -> list[Problem]:
    """Every known reason why `platform` would refuse this content; empty when none is known.

    settings: of the account; host: of this process. Local media are read on this host; remote ones are fetched into
    `folder`, or not at all when that is None.
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
        known = []
        for number, item in enumerate(step.media, start=1):
            try:
                if folder is not None and media.is_remote(item.source):
                    known.append(media.bring(item, settings=host, folder=folder))
                else:
                    known.append(media.look_at(item, host))
            except PlatformError as exc:
                known.append(item)
                said = f"{exc.message}. {exc.hint}" if exc.hint else exc.message
                problems.append(_named(step, Problem(field=f"media[{number}]", message=said)))
        looked_at.append(fitted(replace(step, media=tuple(known)), adapter, settings, None))
    return problems + step_problems(adapter, looked_at, settings)


def step_problems(adapter: Adapter, steps: Sequence[Step], settings: Mapping[str, Any]) -> list[Problem]:
    """What the platform does not offer at all, then what is beyond its limits. steps: all of a post's, or some."""
    problems = [*_missing_features(steps, adapter.declaration), *_unusable_links(steps)]
    for step in steps:
        problems += option_problems(step.options, adapter.declaration)
        problems += [_named(step, problem) for problem in adapter.validate([step], settings)]
    return list(dict.fromkeys(problems))


def fitted(step: Step, adapter: Adapter, settings: Mapping[str, Any], folder: Path | None) -> Step:
    """`step` with images that are too large made smaller, in `folder`, where the account's settings allow it.

    folder None: only measured as if. For a worker thread. Raises Rejected for an image that cannot be decoded.
    """
    if str(settings.get("resize_images", "")).lower() != "true" or not step.media:
        return step
    from socialcron.batches.resizing import shrink

    return shrink(
        step, adapter.declaration.media, lambda tried: len(step_problems(adapter, [tried], settings)), folder
    )


def _named(step: Step, problem: Problem) -> Problem:
    """A problem of a later step's media says of which."""
    if step.number == 0 or not problem.field.startswith("media"):
        return problem
    return replace(problem, field=f"{field(step)}.{problem.field}")


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
        "thumbnail": any(step.kind == "thumbnail" for step in steps),
    }
    for feature, is_used in used.items():
        if is_used and feature not in declaration.features:
            yield Problem(field=feature, message=f"{declaration.title} offers no {feature.replace('_', ' ')}")
