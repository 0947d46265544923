"""Which platforms there are: one explicit dict. A module is imported when its platform is first asked for."""

from __future__ import annotations

from functools import cache
from importlib import import_module

from socialcron.errors import UsageError
from socialcron.platforms.base import Adapter, Declaration

_ADAPTERS = {
    "bluesky": "socialcron.platforms.bluesky:Bluesky",
    "discord": "socialcron.platforms.discord:Discord",
    "facebook": "socialcron.platforms.facebook:Facebook",
    "google_business": "socialcron.platforms.google_business:GoogleBusiness",
    "instagram": "socialcron.platforms.instagram:Instagram",
    "linkedin": "socialcron.platforms.linkedin:LinkedIn",
    "mastodon": "socialcron.platforms.mastodon:Mastodon",
    "pinterest": "socialcron.platforms.pinterest:Pinterest",
    "stub": "socialcron.platforms.stub:Stub",
    "supabase": "socialcron.platforms.supabase:Supabase",
    "telegram": "socialcron.platforms.telegram:Telegram",
    "threads": "socialcron.platforms.threads:Threads",
    "tiktok": "socialcron.platforms.tiktok:TikTok",
    "x": "socialcron.platforms.x:X",
    "youtube": "socialcron.platforms.youtube:YouTube",
}


def names() -> tuple[str, ...]:
    """Every platform name, sorted. Imports no adapter."""
    return tuple(_ADAPTERS)


def check(name: str) -> None:
    """UsageError for an unknown name. Imports no adapter."""
    if name not in _ADAPTERS:
        raise UsageError(f"there is no platform {name!r}", hint=f"Known platforms: {', '.join(names())}.")


@cache
def adapter(name: str) -> Adapter:
    """The adapter of one platform; imports its module only. UsageError for an unknown name."""
    check(name)
    module, _, class_name = _ADAPTERS[name].partition(":")
    made: Adapter = getattr(import_module(module), class_name)()
    return made


def declaration(name: str) -> Declaration:
    """What the platform declares of itself. Raises as `adapter` does."""
    return adapter(name).declaration
