"""Contents as people write them on a command line or in a file, turned into what the database stores."""

from __future__ import annotations

import json
import os
from collections.abc import Callable, Collection, Mapping, Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit

from socialcron.batches.media import is_remote
from socialcron.batches.validation import find_problems, text_problem
from socialcron.content import Content, steps_for
from socialcron.errors import BadInput, UsageError
from socialcron.platforms import registry
from socialcron.settings import Settings
from socialcron.store.steering import ContentUser


def media_rows(sources: Sequence[str], alts: Sequence[str], root: Path | None) -> list[dict[str, str]]:
    """The n-th alt text describes the n-th source; fewer alt texts are fine. Raises BadInput for more."""
    if len(alts) > len(sources):
        raise BadInput(
            f"{len(alts)} alt texts for {len(sources)} media",
            hint="The n-th --alt describes the n-th --media.",
        )
    described = [*alts, *[""] * (len(sources) - len(alts))]
    return [
        {"source": media_source(source, root), **({"alt": alt} if alt else {})}
        for source, alt in zip(sources, described, strict=True)
    ]


def media_source(source: str, root: Path | None) -> str:
    """How to store `source` so that post-due finds it: a URL as it is, a path as seen from the media root.

    A path that is found from the working directory only is rewritten; one that is found nowhere is left as it is.
    """
    if is_remote(source) or "\x00" in source:
        return source
    here = Path(source).absolute()
    if root is None:
        return str(here)
    root = root.absolute()
    # os.path takes a name too long for any file for one that is not there.
    if not os.path.exists(root / source) and os.path.exists(here) and here.is_relative_to(root):
        return str(here.relative_to(root))
    return source


def poll_row(options: Sequence[str], hours: int) -> dict[str, Any] | None:
    """None for no options. Raises BadInput for a single one."""
    if not options:
        return None
    if len(options) < 2:
        raise BadInput("a poll needs at least two options", hint="Repeat --poll for each of them.")
    return {"options": list(options), "duration_seconds": hours * 3600, "multiple": False}


def is_variant(name: str) -> bool:
    """Whether `name` is a PLATFORM.FIELD of a platform there is."""
    platform, dot, field = name.partition(".")
    return bool(dot and field) and platform in registry.names()


def variant_pairs(given: Sequence[str]) -> list[tuple[str, str]]:
    """`PLATFORM.FIELD=VALUE` texts, taken apart. Raises UsageError."""
    pairs = []
    for text in given:
        name, equals, value = text.partition("=")
        if not equals or "." not in name:
            raise UsageError(
                f"--for {text!r} is not PLATFORM.FIELD=VALUE",
                hint="As in --for x.text='Shorter.' or --for youtube.title='My film'.",
            )
        pairs.append((name, value))
    return pairs


def check_platforms(pairs: Sequence[tuple[str, str]], platforms: Collection[str]) -> None:
    """Raise UsageError for a difference on a platform that is none of `platforms`: it would be seen nowhere.

    Taking one away (an empty value) is fine.
    """
    for name, value in pairs:
        platform = name.partition(".")[0]
        if value and platform not in platforms:
            raise UsageError(
                f"--for {name}: no account of this post is on {registry.declaration(platform).title}",
                hint=f"Its accounts are on: {', '.join(sorted(platforms))}.",
            )


def variant_rows(
    pairs: Sequence[tuple[str, Any]], variants: Mapping[str, Any], root: Path | None
) -> dict[str, Any]:
    """`variants` with ("PLATFORM.FIELD", value) pairs put in; an empty value takes a field away.

    Fields are text, link, first_comment, thumbnail, and media, alt and thread, whose values are collected; every
    other name is one of the platform's own options. Raises UsageError for a name that is none.
    """
    made = dict(variants)
    lists: dict[tuple[str, str], list[str]] = {}
    for name, value in pairs:
        platform, _, field = name.partition(".")
        declaration = registry.declaration(platform)
        before = made.get(platform)
        variant = made[platform] = dict(before) if isinstance(before, Mapping) else {}
        if field in ("media", "alt", "thread"):
            items = [value] if isinstance(value, str) else list(value)
            lists.setdefault((platform, field), []).extend(item for item in items if item)
        elif field in ("text", "link", "first_comment", "thumbnail"):
            if field == "thumbnail" and value:
                value = {"source": media_source(value, root)}
            _put(variant, field, value)
        elif field in declaration.options:
            options = dict(variant.get("options") or {})
            _put(options, field, _option(value))
            _put(variant, "options", options)
        else:
            known = sorted([*_VARIANT_FIELDS, *declaration.options])
            raise UsageError(
                f"{declaration.title} has no {field!r}", hint=f"{platform} takes: {', '.join(known)}."
            )
    for (platform, field), items in lists.items():
        if field == "media":
            made[platform]["media"] = media_rows(items, lists.get((platform, "alt"), ()), root)
        elif field == "thread":
            made[platform]["thread"] = [{"text": part} for part in items]
        elif (platform, "media") not in lists:
            raise BadInput(f"{platform}.alt without {platform}.media", hint="Give the media again, too.")
    return {platform: variant for platform, variant in made.items() if variant}


_VARIANT_FIELDS = ("text", "link", "first_comment", "thumbnail", "media", "alt", "thread")


def _put(fields: dict[str, Any], name: str, value: Any) -> None:
    if value in ("", {}):
        fields.pop(name, None)
    else:
        fields[name] = value


def _option(value: Any) -> Any:
    """`true`, `false` and JSON lists or objects as what they mean; every other text as it is."""
    if not isinstance(value, str):
        return value
    if value.lower() in ("true", "false"):
        return value.lower() == "true"
    if value[:1] in ("[", "{"):
        try:
            return json.loads(value)
        except ValueError:
            pass
    return value


@dataclass(frozen=True, slots=True, kw_only=True)
class Edit:
    """What `posts edit` was asked to change; None leaves a field as it is, an empty value clears it."""

    text: str | None
    media: Sequence[str] | None
    alt: Sequence[str]
    link: str | None
    thread: Sequence[str] | None
    first_comment: str | None
    poll: Sequence[str] | None
    poll_hours: int
    variants: Sequence[tuple[str, str]]
    media_root: Path | None

    @property
    def is_empty(self) -> bool:
        given = (self.text, self.media, self.link, self.thread, self.first_comment, self.poll)
        return not (self.alt or self.variants or any(value is not None for value in given))

    def apply(self, old: Content) -> Content:
        """Raises BadInput or UsageError."""
        if self.alt and not self.media:
            raise BadInput("--alt without --media", hint="Give the media again, each with its alt text.")
        changes: dict[str, Any] = {}
        if self.text is not None:
            changes["text"] = self.text
        if self.media is not None:
            changes["media"] = media_rows(self.media, self.alt, self.media_root)
        if self.link is not None:
            changes["link"] = self.link or None
        if self.thread is not None:
            changes["thread"] = [{"text": part} for part in self.thread]
        if self.first_comment is not None:
            changes["first_comment"] = self.first_comment or None
        if self.poll is not None:
            changes["poll"] = poll_row(self.poll, self.poll_hours)
        if self.variants:
            variants = old.variants if isinstance(old.variants, Mapping) else {}
            changes["variants"] = variant_rows(self.variants, variants, self.media_root)
        return replace(old, **changes)


def checker(
    settings: Settings, differences: Sequence[tuple[str, str]]
) -> Callable[[Content, Sequence[ContentUser]], None]:
    """A check for `edit_post`: BadInput naming every problem of every post that would say it.

    UsageError where one of `differences` is for a platform of none of them.
    """

    def check(content: Content, users: Sequence[ContentUser]) -> None:
        check_platforms(differences, {user.platform for user in users})
        problems = [
            f"post {user.id} on {user.platform} {user.handle!r}: {problem}"
            for user in users
            for problem in find_problems(
                content, platform=user.platform, settings=user.settings, host=settings
            )
        ]
        if problems:
            raise bad_posts(problems)

    return check


def bad_posts(problems: list[str]) -> BadInput:
    return BadInput(
        problems[0] if len(problems) == 1 else f"{len(problems)} problems",
        problems=problems if len(problems) > 1 else [],
        hint="Nothing was stored. `socialcron platforms show NAME` lists what a platform takes.",
    )


def step_count(content: Content, platform: str) -> int:
    """How many visible writes the post is; 1 for a content that cannot be read any more."""
    try:
        return len(steps_for(content, platform))
    except BadInput:
        return 1


def remote_id_of(url: str) -> str:
    """The platform's id in a post's address: the last part of its path. Raises BadInput."""
    try:
        parts = urlsplit(url.strip())
    except ValueError:
        parts = urlsplit("")
    remote_id = parts.path.rstrip("/").rpartition("/")[2]
    if parts.scheme not in ("http", "https") or not parts.hostname or not remote_id or text_problem(url):
        raise BadInput(
            f"{url!r} is not the address of a post", hint="As in https://mastodon.social/@me/1234567."
        )
    return remote_id
