"""Recurrence rules (RFC 5545), worked out on the local calendar by python-dateutil. Pure.

Occurrences are local times: 9 o'clock stays 9 o'clock when clocks change. Which moment each one means is the
database's to say (socialcron.local_moment). A rule may come from anybody, and dateutil looks as far as the year 9999
for a day that never comes (HOURLY;BYSETPOS=5: 212 s measured), so every look has a time limit.
"""

from __future__ import annotations

import re
import signal
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta, tzinfo
from itertools import pairwise
from typing import Any, NoReturn

from socialcron.errors import BadInput

WORDS = {
    "hourly": "FREQ=HOURLY",
    "daily": "FREQ=DAILY",
    "weekdays": "FREQ=WEEKLY;BYDAY=MO,TU,WE,TH,FR",
    "weekly": "FREQ=WEEKLY",
    "monthly": "FREQ=MONTHLY",
    "yearly": "FREQ=YEARLY",
}
CLOSEST = timedelta(hours=1)  # the duplicate guard stops what comes within 10 minutes; this is far from it
LOOK_SECONDS = 2.0

_PARTS = (
    *("FREQ", "UNTIL", "COUNT", "INTERVAL", "WKST", "BYSETPOS"),
    *("BYMONTH", "BYMONTHDAY", "BYYEARDAY", "BYWEEKNO", "BYDAY", "BYHOUR", "BYMINUTE"),
)
_HINT = f"Write {', '.join(WORDS)}, or an RRULE: FREQ=WEEKLY;BYDAY=MO,TH;UNTIL=20271231."


@dataclass(frozen=True, slots=True, kw_only=True)
class Occurrences:
    """Local times, in order. `complete`: the rule has none after them."""

    times: list[datetime]
    complete: bool


def read_rule(text: str, start: datetime, zone: tzinfo) -> str:
    """The rule of a word or an RRULE, as it is stored: in capitals, and UNTIL as a local time.

    start: its first local time. Raises BadInput for what is no rule, or comes never or more often than each hour.
    """
    rule = WORDS.get(text.strip().lower(), text.strip().upper().removeprefix("RRULE:"))
    parts: dict[str, str] = {}
    for part in rule.split(";"):
        name, separator, value = part.partition("=")
        if not separator or name not in _PARTS or name in parts or not re.fullmatch(r"[A-Z0-9,+-]+", value):
            _refuse(f"{text!r} is no recurrence rule" + (f": {part!r}" if separator else ""))
        parts[name] = value
    if {"COUNT", "UNTIL"} <= parts.keys() or not all(
        re.fullmatch(r"[1-9]\d{0,5}", parts.get(name, "1")) for name in ("COUNT", "INTERVAL")
    ):
        _refuse(f"{text!r} is no recurrence rule: COUNT or UNTIL, and INTERVAL, from 1")
    if parts.get("FREQ") in ("SECONDLY", "MINUTELY"):
        _refuse(f"{text!r} comes too often: once an hour is the most")
    if "UNTIL" in parts:
        parts["UNTIL"] = _local_end(parts["UNTIL"], zone)
    rule = ";".join(f"{name}={value}" for name, value in parts.items())
    first = occurrences(rule, start, most=100).times
    if not first:
        _refuse(f"{text!r} never comes, seen from {start.isoformat()}")
    if any(later - earlier < CLOSEST for earlier, later in pairwise(first)):
        _refuse(f"{text!r} comes more than once within an hour")
    return rule


def occurrences(
    rule: str,
    start: datetime,
    *,
    after: datetime | None = None,
    horizon: datetime = datetime.max,  # noqa: DTZ901  a local time
    beyond: datetime = datetime.min,  # noqa: DTZ901
    most: int,
) -> Occurrences:
    """Those later than `after` and not after `horizon`; more of them while none is later than `beyond`; `most` at most.

    Raises BadInput for a rule that cannot be read, or that takes too long to work out.
    """
    times: list[datetime] = []
    last = after
    with _time_limit(rule):
        for at in _iterate(rule, start):
            if after is not None and at <= after:
                continue
            if len(times) >= most or (at > horizon and last is not None and last > beyond):
                return Occurrences(times=times, complete=False)
            times.append(at)
            last = at
    return Occurrences(times=times, complete=True)


def _iterate(rule: str, start: datetime) -> Iterator[datetime]:
    from dateutil.rrule import rrulestr

    try:
        yield from rrulestr(rule, dtstart=start)
    except (ValueError, LookupError, TypeError, OverflowError, AttributeError) as exc:
        raise BadInput(f"{rule!r} is no recurrence rule: {exc}", hint=_HINT) from exc


def _local_end(value: str, zone: tzinfo) -> str:
    """UNTIL as a local time: of a moment in UTC that in `zone`, of a day its last second."""
    try:
        if re.fullmatch(r"\d{8}", value):
            return f"{datetime.strptime(value, '%Y%m%d'):%Y%m%d}T235959"  # noqa: DTZ007  a local day
        end = datetime.strptime(value.removesuffix("Z"), "%Y%m%dT%H%M%S")  # noqa: DTZ007
        if value.endswith("Z"):
            end = end.replace(tzinfo=UTC).astimezone(zone)
        return f"{end:%Y%m%dT%H%M%S}"
    except (ValueError, OverflowError):
        _refuse(f"UNTIL={value} is no day and no time")


@contextmanager
def _time_limit(rule: str) -> Iterator[None]:
    def expired(*_: Any) -> NoReturn:
        _refuse(f"{rule!r} takes too long to work out: maybe it never comes")

    try:
        before = signal.signal(signal.SIGALRM, expired)
    except ValueError:  # not the main thread: somebody else's process, somebody else's signals
        yield
        return
    signal.setitimer(signal.ITIMER_REAL, LOOK_SECONDS)
    try:
        yield
    finally:
        signal.setitimer(signal.ITIMER_REAL, 0)
        signal.signal(signal.SIGALRM, before)


def _refuse(message: str) -> NoReturn:
    raise BadInput(message, hint=_HINT)


def read_slots(specs: Sequence[str]) -> list[tuple[int, str]]:
    """ISO weekday and time of "mon-fri 09:00,17:30" and the like, each once, in order. Raises BadInput."""
    found: set[tuple[int, str]] = set()
    for spec in specs:
        days, _, times = " ".join(spec.lower().split()).partition(" ")
        if not times:
            raise BadInput(f"{spec!r} is no hours of a week", hint=_WEEK_HINT)
        hours = [_hour(time.strip(), spec) for time in times.split(",")]
        found |= {(day, hour) for part in days.split(",") for day in _weekdays(part, spec) for hour in hours}
    return sorted(found)


_WEEK_HINT = "Write 'mon-fri 09:00,17:30' or 'sat,sun 11:00'."
DAYS = ("mon", "tue", "wed", "thu", "fri", "sat", "sun")


def _weekdays(part: str, spec: str) -> list[int]:
    if part == "daily":
        return list(range(1, 8))
    first, dash, last = part.partition("-")
    if first not in DAYS or (dash and last not in DAYS):
        raise BadInput(f"{spec!r} is no hours of a week", hint=_WEEK_HINT)
    begin = DAYS.index(first)
    length = (DAYS.index(last) - begin) % 7 if dash else 0  # fri-mon goes over the week's end
    return [(begin + offset) % 7 + 1 for offset in range(length + 1)]


def _hour(text: str, spec: str) -> str:
    if not re.fullmatch(r"([01]?\d|2[0-3]):[0-5]\d", text, re.ASCII):
        raise BadInput(
            f"{spec!r}: {text!r} is no time of day",
            hint="Write 'mon-fri 09:00,17:30', hours from 00:00 to 23:59.",
        )
    return text.rjust(5, "0")
