"""Times as people write them, turned into moments. Pure; `now` is always the database's clock.

    now                        as soon as possible
    +90s  +10m  +2h  +3d       from now
    2026-11-22T14:30+01:00     ISO 8601 with an offset (or Z)
    2026-11-22T14:30           ISO 8601 in the zone of --tz or TZ; refused without one
    tomorrow 9am               and the like, in English, in the same zone:
    next friday 17:30 America/New_York; 1 december at noon UTC; in 2 weeks at 9am; in 3 hours

A zone at the end beats --tz and TZ. The words go to the library dateparser. It reads past what it does not know
("tomorrow 25:00" is this time tomorrow to it), so only days of known shape reach it, a time of day is required, and
what it understood must say what the text said; else the text is refused. 03/04/2026 is two days, so it is none. A
weekday is the next one that begins after today.

The clock change: a local time that occurs twice means the first, and a note says so; one that is skipped is refused.
"""

from __future__ import annotations

import re
from collections.abc import Callable
from dataclasses import dataclass, replace
from datetime import UTC, date, datetime, time, timedelta, tzinfo
from zoneinfo import ZoneInfo, ZoneInfoNotFoundError

from socialcron.errors import BadInput, UsageError

PAST_SECONDS = 60  # a time this little ago is "now" to whoever typed it

_RELATIVE = re.compile(r"\+(\d{1,6})([smhd])")
_UNITS = {"s": "seconds", "m": "minutes", "h": "hours", "d": "days"}
_FORMS = "Write now, +10m, 2026-11-22T14:30+01:00, or tomorrow 9am Europe/Berlin."

_ZONE = re.compile(r"(.*\S)\s+([A-Za-z_]+(?:/[\w+-]+)+|UTC|Z)", re.DOTALL)
_WEEKDAYS = ("monday", "tuesday", "wednesday", "thursday", "friday", "saturday", "sunday")
_MONTHS = (
    *("january", "february", "march", "april", "may", "june", "july"),
    *("august", "september", "october", "november", "december"),
)
_FILLERS = ("at", "on", "of", "the")
# What a day may look like once its words are replaced by what they are: Weekday, Month, Day, Year, ISO date.
_SHAPES = re.compile(
    "|today|tonight|tomorrow|yesterday|day after tomorrow|(?:next |this )?W|in (?:D|a) (?:day|week)s?"
    "|(?:W )?(?:D M|M D)(?: Y)?|(?:W )?I"
)
_TIME_OF_DAY = re.compile(
    r"(?<!\S)(?:(\d{1,2})(?::(\d\d)(?::(\d\d))?)?\s?(am|pm)|(\d{1,2}):(\d\d)(?::(\d\d))?|(noon|midnight))(?!\S)"
)
_HOURS = re.compile(r"in (\d{1,6}) ?(minute|hour)s?")
_TWO_WAYS = re.compile(r"\d[/.]\d+[/.]|\d/\d|(?<!\d)\d\d?-\d\d?-\d")


@dataclass(frozen=True, slots=True, kw_only=True)
class When:
    """`at` in UTC; None means now. `note` tells what we chose where the text left a choice.

    `zone`: in which it was read; None where it was not read in any.
    """

    at: datetime | None
    note: str | None = None
    zone: tzinfo | None = None


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
    if not text:  # an unset variable of a script: never `now`
        raise BadInput("the time is empty", hint=_FORMS)
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
    try:
        return _parse_iso(text, zone)
    except ValueError:
        return _parse_words(text, zone, now)


def _parse_iso(text: str, zone: Callable[[], tzinfo | None]) -> When:
    """Raises ValueError for what is not ISO 8601."""
    local = datetime.fromisoformat(text)
    if "T" not in text.upper() and " " not in text:
        raise BadInput(f"{text!r} has no time of day", hint=_FORMS)
    if local.tzinfo is not None:
        return When(at=local.astimezone(UTC))
    return _in_zone(local, _needed(zone(), text))


def _needed(zone: tzinfo | None, text: str) -> tzinfo:
    if zone is None:
        raise BadInput(
            f"{text!r} has neither an offset nor a time zone",
            hint="Add an offset (+01:00 or Z), pass --tz Europe/Berlin, or set TZ.",
        )
    return zone


def _parse_words(text: str, zone: Callable[[], tzinfo | None], now: datetime) -> When:
    """Raises ValueError for what is no time at all, BadInput for what is one but for something."""
    words = text
    if split := _ZONE.fullmatch(text):
        words, named = split[1], zone_named("UTC" if split[2] == "Z" else split[2])
        try:
            when = _parse_iso(words, lambda: named)
        except ValueError:
            when = None
        if when is not None and when.zone is None:
            raise BadInput(f"{text!r} has both an offset and a zone", hint="Leave one of them out.")
        if when is not None:
            return when
        zone = lambda: named  # noqa: E731
    words = " ".join(words.lower().replace(",", " ").split())
    if hours := _HOURS.fullmatch(words):  # a length of time, which no clock change makes longer or shorter
        return When(at=now.astimezone(UTC) + timedelta(**{f"{hours[2]}s": int(hours[1])}))
    if _TWO_WAYS.search(words):
        raise BadInput(
            f"{text!r} can be read in two ways", hint="Write the day as 2026-12-01, or as 1 december 2026."
        )
    times = list(_TIME_OF_DAY.finditer(words))
    day = [word for word in _TIME_OF_DAY.sub(" ", words).split() if word not in _FILLERS]
    kinds = [_kind(word) for word in day]
    if not _SHAPES.fullmatch(" ".join(kind for kind, _ in kinds)):
        raise ValueError(words)
    if len(times) != 1:
        raise BadInput(f"{text!r} has {'more than one' if times else 'no'} time of day", hint=_FORMS)
    local_zone = _needed(zone(), text)
    base = now.astimezone(local_zone).replace(tzinfo=None)
    local = _by_library(" ".join(day), _time_of_day(times[0]), base)
    said = {"W": local.weekday(), "M": local.month, "D": local.day, "Y": local.year, "I": local.date()}
    if "in" not in day and any(said.get(kind, value) != value for kind, value in kinds):
        raise ValueError(words)
    when = _in_zone(local, local_zone)
    assert when.at is not None
    at = when.at.astimezone(local_zone)
    echo = f"{text!r} -> {at:%Y-%m-%d %H:%M} {at.tzname()}"
    return replace(when, note=f"{echo}; {when.note}" if when.note else echo)


def _kind(word: str) -> tuple[str, object]:
    """What a word of a day is, as in _SHAPES, and what the day must be then; a word that is only itself as it is."""
    for kind, names, first in (("W", _WEEKDAYS, 0), ("M", _MONTHS, 1)):
        for number, name in enumerate(names, start=first):
            if len(word) >= 3 and name.startswith(word):
                return kind, number
    if number_of_day := re.fullmatch(r"(\d{1,2})(?:st|nd|rd|th)?", word):
        return "D", int(number_of_day[1])
    if re.fullmatch(r"\d{4}", word):
        return "Y", int(word)
    if re.fullmatch(r"\d{4}-\d\d-\d\d", word):
        return "I", date.fromisoformat(word)
    return word, None


def _time_of_day(found: re.Match[str]) -> time:
    """Raises ValueError for hours and minutes that there are not."""
    hour12, minute12, second12, half, hour24, minute24, second24, name = found.groups()
    if name:
        return time(12 if name == "noon" else 0)
    if half and not 1 <= int(hour12) <= 12:
        raise ValueError(found[0])
    hour = int(hour12) % 12 + 12 * (half == "pm") if half else int(hour24)
    return time(hour, int(minute12 or minute24 or 0), int(second12 or second24 or 0))


def _by_library(day: str, time_of_day: time, base: datetime) -> datetime:
    """The local time meant, seen from `base`, the local time now. Raises ValueError for a day that there is not."""
    import dateparser  # 0.2 s, which only words cost

    found: datetime | None = dateparser.parse(
        f"{day} {time_of_day.isoformat()}".strip(),
        languages=["en"],
        settings={"RELATIVE_BASE": base, "PREFER_DATES_FROM": "future", "TIMEZONE": "UTC"},
    )
    if found is None or found.time() != time_of_day:
        raise ValueError(day)
    return found


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
        return When(at=at, zone=zone)
    if at.astimezone(zone).replace(tzinfo=None) != local:
        after = at.astimezone(zone)
        raise BadInput(
            f"{local.isoformat()} does not exist in {zone}: the clocks skip it",
            hint=f"The next time that exists is about {after.isoformat()}.",
        )
    return When(
        at=at,
        note=f"{local.isoformat()} occurs twice in {zone}; the first is meant ({first.isoformat()})",
        zone=zone,
    )
