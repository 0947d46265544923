"""Times as people write them, turned into moments. Pure; `now` is always the database's clock.

    now                        as soon as possible
    +90s  +10m  +2h  +3d       from now
    2026-11-22T14:30+01:00     ISO 8601 with an offset (or Z)
    2026-11-22T14:30           ISO 8601 in the zone of --tz or TZ; refused without one

The clock change: a local time that occurs twice means the first, and a note says so; one that is skipped is refused.
"""

from __future__ import annotations

import re
from collections.abc import Callable
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta, tzinfo
from zoneinfo import ZoneInfo, ZoneInfoNotFoundError

from socialcron.errors import BadInput, UsageError

PAST_SECONDS = 60  # a time this little ago is "now" to whoever typed it

_RELATIVE = re.compile(r"\+(\d{1,6})([smhd])")
_UNITS = {"s": "seconds", "m": "minutes", "h": "hours", "d": "days"}
_FORMS = "Write now, +10m, 2026-11-22T14:30+01:00, or 2026-11-22T14:30 with --tz Europe/Berlin."


@dataclass(frozen=True, slots=True, kw_only=True)
class When:
    """`at` in UTC; None means now. `note` tells what we chose where the text left a choice."""

    at: datetime | None
    note: str | None = None


def zone_named(name: str) -> ZoneInfo:
    """Raises UsageError unless `name` is an IANA zone."""
    try:
        return ZoneInfo(name)
    except (ZoneInfoNotFoundError, ValueError, OSError) as exc:  # "Europe" is a directory: OSError
        raise UsageError(
            f"there is no time zone {name!r}", hint="Use an IANA name, as in Europe/Berlin."
        ) from exc


def parse_when(text: str, *, zone: Callable[[], tzinfo | None], now: datetime) -> When:
    """`zone`: asked for only where the text has no offset; None refuses it. Raises BadInput with the way out.

    Times in the past are accepted: whether they are late is for the caller to say (`is_past`).
    """
    text = text.strip()
    if text.lower() == "now":
        return When(at=None)
    try:
        when = _parse(text, zone, now)
        if when.at is not None and when.at.year >= 9999:  # the database takes none either
            raise OverflowError
        return when
    except (ValueError, OverflowError) as exc:
        raise BadInput(f"{text!r} is no time", hint=_FORMS) from exc


def _parse(text: str, zone: Callable[[], tzinfo | None], now: datetime) -> When:
    if relative := _RELATIVE.fullmatch(text):
        return When(at=now.astimezone(UTC) + timedelta(**{_UNITS[relative[2]]: int(relative[1])}))
    local = datetime.fromisoformat(text)
    if "T" not in text.upper() and " " not in text:
        raise BadInput(f"{text!r} has no time of day", hint=_FORMS)
    if local.tzinfo is not None:
        return When(at=local.astimezone(UTC))
    if (local_zone := zone()) is None:
        raise BadInput(
            f"{text!r} has neither an offset nor a time zone",
            hint="Add an offset (+01:00 or Z), pass --tz Europe/Berlin, or set TZ.",
        )
    return _in_zone(local, local_zone)


def parse_span(text: str) -> timedelta:
    """A length of time: 90s, 15m, 48h, 7d. Raises UsageError."""
    try:
        if span := _RELATIVE.fullmatch(f"+{text.strip()}"):
            return timedelta(**{_UNITS[span[2]]: int(span[1])})
    except OverflowError:
        pass
    raise UsageError(f"{text!r} is no length of time", hint="Write 90m, 48h or 7d.")


def is_past(at: datetime | None, now: datetime) -> bool:
    return at is not None and at < now - timedelta(seconds=PAST_SECONDS)


def _in_zone(local: datetime, zone: tzinfo) -> When:
    first, second = (local.replace(tzinfo=zone, fold=fold) for fold in (0, 1))
    at = first.astimezone(UTC)
    if first.utcoffset() == second.utcoffset():
        return When(at=at)
    if at.astimezone(zone).replace(tzinfo=None) != local:
        after = at.astimezone(zone)
        raise BadInput(
            f"{local.isoformat()} does not exist in {zone}: the clocks skip it",
            hint=f"The next time that exists is about {after.isoformat()}.",
        )
    return When(
        at=at, note=f"{local.isoformat()} occurs twice in {zone}; the first is meant ({first.isoformat()})"
    )
