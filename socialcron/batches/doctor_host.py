"""Checks of `doctor` that need no database: settings, files, folders."""

from __future__ import annotations

import os
import re
import shutil
import stat
from collections.abc import Iterator, Mapping
from dataclasses import fields
from difflib import get_close_matches
from ipaddress import ip_address
from pathlib import Path
from urllib.parse import urlsplit

from socialcron.batches.doctor_check import Check, fail, ok, some, warn
from socialcron.errors import ConfigError
from socialcron.settings import Settings, read_env_file
from socialcron.store import embedded

OURS = ("SOCIALCRON_DIR", "SOCIALCRON_LOG")  # of crontab.example
FEW_BYTES = 1 << 30
LEAST_BYTES = 100 << 20  # PostgreSQL writes ahead 16 MiB at a time, and stops when it cannot
PERIODS_HINT = "It is COMMAND:PERIOD, comma separated, in m, h or d, as in post-due:1m,accounts-refresh:24h."
_UNITS = {"m": 60, "h": 3600, "d": 86_400}


def check_host(settings: Settings, env_file: Path | None, environ: Mapping[str, str]) -> Iterator[Check]:
    from_file = read_env_file(env_file)
    place = env_file or (Path(".env") if Path(".env").is_file() else None)
    yield ok("settings", f"read from {place} and the environment" if place else "read from the environment")
    yield _variables(from_file, environ)
    yield from _readable_secrets(from_file, environ, place)
    yield _time_zone(settings)
    if settings.allow_private_media:
        yield warn(
            "private media",
            "media may be fetched from addresses of the inner network",
            "Unset SOCIALCRON_ALLOW_PRIVATE_MEDIA: it is for tests.",
        )
    if settings.media_root:
        yield _media_root(settings.media_root)
    if settings.database_url is None and embedded.exists(settings.home):
        yield _room(settings.home)


def known_variables() -> tuple[set[str], list[re.Pattern[str]]]:
    """Names that mean something to us, and patterns of those with another word in them (an app's name)."""
    names, patterns = set(OURS), []
    for spec in fields(Settings):
        name = spec.metadata["env"]
        if "by_name" in spec.metadata:
            patterns.append(re.compile(name.replace("NAME", "[A-Z0-9_]+") + "(_FILE)?"))
        names.add(name)
        if spec.metadata["secret"]:
            names.add(f"{name}_FILE")
    return names, patterns


def _variables(from_file: Mapping[str, str | None], environ: Mapping[str, str]) -> Check:
    """A typo sets nothing, and nobody notices. Other programs' variables are theirs, but `.env` is mostly ours."""
    known, patterns = known_variables()
    unknown = {}
    for name in sorted({*from_file, *environ}):
        if name in known or any(pattern.fullmatch(name) for pattern in patterns):
            continue
        close = get_close_matches(name, known, n=1, cutoff=0.85)
        if name.startswith("SOCIALCRON_") or (name in from_file and close):
            unknown[name] = close[0] if close else None
    if not unknown:
        return ok("variables", "every name is one of ours")
    said = [f"{name} (meant: {close}?)" if close else name for name, close in unknown.items()]
    return warn(
        "variables",
        f"set, but no setting: {some(said)}",
        "Correct the name, or take it away; .env.example lists all of them.",
        unknown=unknown,
    )


def _readable_secrets(
    from_file: Mapping[str, str | None], environ: Mapping[str, str], place: Path | None
) -> Iterator[Check]:
    known, patterns = known_variables()
    secret = {spec.metadata["env"] for spec in fields(Settings) if spec.metadata["secret"]}
    files: dict[str, Path] = {}
    if place and any(
        value and (name in secret or any(pattern.fullmatch(name) for pattern in patterns))
        for name, value in from_file.items()
    ):
        files[place.name] = place
    for name in sorted({*from_file, *environ} & known):
        named = environ.get(name) or from_file.get(name)
        if named and name.endswith("_FILE") and name.removesuffix("_FILE") in secret:
            files[name] = Path(named).expanduser()
    for name, path in files.items():
        check = f"permissions of {name}"
        mode = path.stat().st_mode
        if mode & stat.S_IROTH:
            yield warn(
                check,
                f"everybody on this host may read the secrets in {path}",
                f"chmod 600 {path}",
                mode=f"{stat.S_IMODE(mode):o}",
            )
        else:
            yield ok(check, "not everybody may read it", mode=f"{stat.S_IMODE(mode):o}")


def _time_zone(settings: Settings) -> Check:
    try:
        zone = settings.zone()
    except ConfigError as exc:
        return warn("time zone", exc.message, exc.hint or "")
    return ok("time zone", f"times without an offset are of {zone}" if zone else "none: times need an offset")


def _media_root(root: Path) -> Check:
    if not os.path.isdir(root):  # False also where it may not be looked for
        return fail(
            "media root",
            f"this user finds no directory {root}",
            "Make it, or let SOCIALCRON_MEDIA_ROOT name another one; posts with local media fail.",
        )
    if not os.access(root, os.R_OK | os.X_OK):
        return fail("media root", f"this user may not read {root}", f"Give it r and x on {root}.")
    writable = os.access(root, os.W_OK)
    return ok("media root", f"{root} can be read" + ("" if writable else ", not written"), writable=writable)


def check_cache_folder(settings: Settings) -> Check:
    """Where `cache-media` keeps pictures: there and writable, or can be made."""
    folder = (settings.cache_dir or settings.home / "pictures").absolute()
    place = next(place for place in (folder, *folder.parents) if os.path.exists(place))
    if not os.path.isdir(place) or not os.access(place, os.W_OK | os.X_OK):
        return fail(
            "cache folder",
            f"cache-media cannot write to {folder}"
            + (f": {place} may not be written" if place != folder else ""),
            "SOCIALCRON_CACHE_DIR names a folder that this user may write to.",
        )
    free = shutil.disk_usage(place).free
    said = f"{folder} can be {'written' if place == folder else 'made'}"
    if free < LEAST_BYTES:
        return warn("cache folder", f"{said}, but its disk is full", "Make room there.", free_bytes=free)
    return ok("cache folder", said, free_bytes=free)


def _room(home: Path) -> Check:
    free = shutil.disk_usage(home / "postgres").free  # maybe a link to elsewhere
    said = f"{free / (1 << 30):.1f} GiB are free where the embedded database is"
    if free < FEW_BYTES:
        way_out = f"Make room below {home}: without any, PostgreSQL stops, and no post goes out."
        return (fail if free < LEAST_BYTES else warn)("disk", said, way_out, free_bytes=free)
    return ok("disk", said, free_bytes=free)


def parse_periods(text: str) -> dict[str, float]:
    """ "post-due:1m,maintain:24h" as seconds by command. Raises ConfigError."""
    periods = {}
    for part in filter(None, (part.strip() for part in text.split(","))):
        found = re.fullmatch(r"([a-z-]+):(\d{1,6})([mhd])", part)
        if not found or not int(found[2]):
            raise ConfigError(f"SOCIALCRON_PERIODS cannot hold {part!r}", hint=PERIODS_HINT)
        periods[found[1]] = float(int(found[2]) * _UNITS[found[3]])
    return periods


def stands_in(address: str) -> bool:
    """Whether this is no platform of the world: plain http, or an address of this host or the inner network."""
    parts = urlsplit(address)
    host = parts.hostname or ""
    try:
        inner = not ip_address(host).is_global
    except ValueError:
        inner = host == "localhost" or host.endswith((".localhost", ".local", ".internal"))
    return parts.scheme != "https" or inner
