"""Contents as people write them on a command line or in a file, turned into what the database stores."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

from socialcron.batches.media import is_remote
from socialcron.errors import BadInput, UsageError
from socialcron.platforms import registry


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
    if not (root / source).exists() and here.exists() and here.is_relative_to(root):
        return str(here.relative_to(root))
    return source


def poll_row(options: Sequence[str], hours: int) -> dict[str, Any] | None:
    """None for no options. Raises BadInput for a single one."""
    if not options:
        return None
    if len(options) < 2:
        raise BadInput("a poll needs at least two options", hint="Repeat --poll for each of them.")
    return {"options": list(options), "duration_seconds": hours * 3600, "multiple": False}


def variant_rows(pairs: Sequence[str], variants: Mapping[str, Any]) -> dict[str, Any]:
    """`variants` with the texts of `PLATFORM=TEXT` pairs put in. Raises UsageError for an unknown platform."""
    made = dict(variants)
    for pair in pairs:
        platform, found, text = pair.partition("=")
        if not found:
            raise UsageError(
                f"--text-for {pair!r} is not PLATFORM=TEXT", hint="As in --text-for x='Shorter.'"
            )
        registry.declaration(platform)
        made[platform] = {**made.get(platform, {}), "text": text}
    return made
