"""`report --html`: everything worth looking at on one page that needs nothing else, neither network nor fonts.

The page is written by Jinja with autoescape on; what its script draws comes as JSON in which "<" cannot occur. A
content security policy allows exactly the style and the script that are in it, by their hashes, so that no text of a
post can become either. Charts are uPlot's (vendor/): 53 kB with real time axes and a cursor, where Chart.js takes
200 kB and an adapter for dates, ECharts 1 MB and Plotly 3.5 MB.
"""

from __future__ import annotations

import base64
import calendar
import hashlib
import json
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass
from datetime import date, datetime, timedelta, tzinfo
from importlib.resources import files
from itertools import groupby
from typing import Any, Literal

from jinja2 import Environment, FunctionLoader, StrictUndefined
from markupsafe import Markup

from socialcron import __version__
from socialcron.store import reporting as store
from socialcron.store import status
from socialcron.store.engine import Database
from socialcron.store.reporting import (
    COUNTS,
    AgendaPost,
    Day,
    LatestMetrics,
    Point,
    ProfilePost,
)

POINTS = 366  # most points of a line: one a day for a year
READINGS = 10_000  # of one post that are looked at
PROFILES = 20
TOP_POSTS = 3  # of a profile that are named
AGENDA = 400  # posts of each status that the calendar can name
UPCOMING = 8
_BRANDS = {
    "tiktok": "TikTok",
    "youtube": "YouTube",
    "linkedin": "LinkedIn",
    "google_business": "Google Business",
}


@dataclass(frozen=True, slots=True, kw_only=True)
class Cell:
    """A day of the calendar. counts None: nothing on it."""

    day: date
    counts: Day | None
    kind: Literal["", "today", "outside"]  # of the period


@dataclass(frozen=True, slots=True, kw_only=True)
class Month:
    name: str
    weeks: list[list[Cell | None]]  # Monday first; None: a day of another month


def write_report(
    db: Database, *, title: str, begin: datetime, end: datetime, now: datetime, zone: tzinfo, posts: int
) -> tuple[str, dict[str, int]]:
    """The page, and how much is on it. posts: most posts with a chart, the latest of the period."""
    zone_name = str(zone)
    last = end - timedelta(microseconds=1)
    first_day, last_day = begin.astimezone(zone).date(), last.astimezone(zone).date()
    shown = store.list_latest_metrics(db, begin=begin, end=end, sort="posted", limit=posts)
    lines = _by_id(store.readings(db, [post.post_id for post in shown], most=READINGS))
    profiles = store.profiles(db, most=PROFILES)
    ids = [profile.id for profile in profiles]
    growth = _by_id(store.profile_totals(db, ids, begin=begin, end=end, most=READINGS))
    best: dict[int, list[ProfilePost]] = {
        id: list(group)
        for id, group in groupby(
            store.profile_posts(db, ids, most=TOP_POSTS), key=lambda post: post.profile_id
        )
    }
    days = {row.day: row for row in store.days(db, begin=begin, end=end, zone=zone_name)}
    agenda = store.agenda(db, begin=begin, end=end, zone=zone_name, most=AGENDA)
    failures = status.failures(db)
    counts = status.count_posts(db)
    data = {
        "zone": zone_name,
        "posts": {post.post_id: _series(lines.get(post.post_id, [])) for post in shown},
        "profiles": {id: _series(growth.get(id, [])) for id in ids},
        "gained": _gained(lines.values(), zone),
        "days": _day_lists(agenda, zone),
    }
    page = (
        _environment(zone)
        .get_template("page.html")
        .render(
            title=title,
            begin=begin,
            last=last,
            now=now,
            zone_name=zone_name,
            version=__version__,
            counts=counts,
            queues=status.queues(db, counts),
            overdue=status.overdue_seconds(db),
            accounts=status.accounts(db),
            broken=store.broken_accounts(db, most=20),
            failures=failures,
            recent_failures=_at_most(
                sum(
                    row.status != "unconfirmed" and row.failed_at > now - timedelta(days=7)
                    for row in failures
                ),
                10,
            ),
            runs=status.last_runs(db),
            months=_months(first_day, last_day, days, now.astimezone(zone).date()),
            totals={
                name: sum(getattr(day, name) for day in days.values())
                for name in ("posted", "scheduled", "trouble")
            },
            upcoming=[post for post in agenda if post.status == "scheduled" and post.at >= now][:UPCOMING],
            posts=shown,
            sums=_sums(shown),
            names=COUNTS,
            queue_counts=("waiting", "active", "delayed", "completed", "failed", "total"),
            profiles=profiles,
            best=best,
            data=_inline_json(data),
            **_assets(),
        )
    )
    return page, {"posts": len(shown), "profiles": len(profiles), "readings": sum(map(len, lines.values()))}


# --- numbers -------------------------------------------------------------------------------------------------------


def _by_id(points: Iterable[Point]) -> dict[int, list[Point]]:
    return {id: list(group) for id, group in groupby(points, key=lambda point: point.id)}


def _sums(posts: Sequence[LatestMetrics]) -> dict[str, int | None]:
    """Over what is reported; None where nothing is."""
    return {
        name: sum(values)
        if (values := [v for post in posts if (v := getattr(post, name)) is not None])
        else None
        for name in COUNTS
    }


def _series(points: Sequence[Point]) -> dict[str, Any]:
    """Columns for a chart, in steps: "t" in minutes since 1970, and each count that is reported at all."""
    points = _thinned(points)
    columns = {name: [getattr(point, name) for point in points] for name in COUNTS}
    return {
        "t": _steps([_minutes(point.read_at) for point in points]),
        **{
            name: _steps(values)
            for name, values in columns.items()
            if any(value is not None for value in values)
        },
    }


def _minutes(at: datetime) -> int:
    return int(at.timestamp() // 60)


def _steps(values: Iterable[int | None]) -> list[int | None]:
    """Each value less the one before it, the first one less 0: half as long as the values, of which None stays None."""
    before, steps = 0, []
    for value in values:
        steps.append(None if value is None else value - before)
        before = before if value is None else value
    return steps


def _thinned(points: Sequence[Point]) -> Sequence[Point]:
    """Evenly chosen ones, the first and the last among them, where there are more than a chart can show."""
    if len(points) <= POINTS:
        return points
    return [points[round(number * (len(points) - 1) / (POINTS - 1))] for number in range(POINTS)]


def _gained(lines: Iterable[Sequence[Point]], zone: tzinfo) -> dict[str, Any]:
    """What all these posts gained, by day: each day's last reading against the last one of the day read before it."""
    gained: dict[date, dict[str, int]] = {}
    for points in lines:
        last = dict.fromkeys(COUNTS, 0)
        for day, group in groupby(points, key=lambda point: point.read_at.astimezone(zone).date()):
            *_, latest = group
            for name in COUNTS:
                if (value := getattr(latest, name)) is not None:
                    sums = gained.setdefault(day, {})
                    sums[name] = sums.get(name, 0) + value - last[name]
                    last[name] = value
    if not gained:
        return {"t": []}
    first, last_day = min(gained), max(gained)
    all_days = [first + timedelta(days=number) for number in range((last_day - first).days + 1)]
    columns = {name: [gained.get(day, {}).get(name, 0) for day in all_days] for name in COUNTS}
    reported = {name for sums in gained.values() for name in sums}
    noon = [datetime(day.year, day.month, day.day, 12, tzinfo=zone) for day in all_days]
    return {
        "t": _steps(map(_minutes, noon)),
        **{name: _steps(columns[name]) for name in COUNTS if name in reported},
    }


def _day_lists(agenda: Sequence[AgendaPost], zone: tzinfo) -> dict[str, list[list[Any]]]:
    """day -> [[time, status, account, text, id], ...] in the order of time."""
    return {
        day.isoformat(): [
            [
                f"{post.at.astimezone(zone):%H:%M}",
                post.status,
                f"{post.platform} {post.handle}",
                post.text or "",
                post.id,
            ]
            for post in group
        ]
        for day, group in groupby(sorted(agenda, key=lambda post: post.day), key=lambda post: post.day)
    }


def _months(first: date, last: date, days: Mapping[date, Day], today: date) -> list[Month]:
    """From the first month with anything in it, or the current one."""
    at = min([*days, today]).replace(day=1) if first <= today <= last else first.replace(day=1)
    made = []
    while at <= last:
        weeks = [
            [
                Cell(
                    day=day,
                    counts=days.get(day),
                    kind="today" if day == today else "" if first <= day <= last else "outside",
                )
                if day.month == at.month
                else None
                for day in week
            ]
            for week in calendar.Calendar().monthdatescalendar(at.year, at.month)
        ]
        made.append(Month(name=f"{at:%B %Y}", weeks=weeks))
        at = (at + timedelta(days=31)).replace(day=1)
    return made


# --- the page ------------------------------------------------------------------------------------------------------


def _environment(zone: tzinfo) -> Environment:
    made = Environment(
        autoescape=True,
        undefined=StrictUndefined,
        trim_blocks=True,
        lstrip_blocks=True,
        loader=FunctionLoader(_asset),
    )
    filters: dict[str, Callable[[Any], Any]] = {
        "number": lambda value: "–" if value is None else f"{value:,}",
        "short": short_number,
        "day": lambda at: _day(at.astimezone(zone)),
        "minute": lambda at: f"{_day(at.astimezone(zone))}, {at.astimezone(zone):%H:%M}",
        "span": span,
        "platform": lambda name: _BRANDS.get(name) or name.replace("_", " ").capitalize(),
        "web": lambda url: url if url and url.lower().startswith(("https://", "http://")) else None,
        "outcome": _outcome,
    }
    made.filters.update(filters)
    return made


def _asset(name: str) -> str:
    return (files("socialcron.batches") / "report_page" / name).read_text(encoding="utf-8")


def _assets() -> dict[str, Any]:
    style = f"{_asset('vendor/uPlot.min.css')}\n{_asset('page.css')}"
    licence = _asset("vendor/uPlot.LICENSE").strip()
    script = f"/*\n{licence}\n*/\n{_asset('vendor/uPlot.iife.min.js')}\n{_asset('page.js')}"
    policy = (
        f"default-src 'none'; style-src '{_digest(style)}'; script-src '{_digest(script)}';"
        " base-uri 'none'; form-action 'none'"
    )
    return {"style": Markup(style), "script": Markup(script), "policy": policy}  # nosec B704  # our own files


def _digest(text: str) -> str:
    return "sha256-" + base64.b64encode(hashlib.sha256(text.encode()).digest()).decode()


def _inline_json(data: Any) -> Markup:
    """JSON that may stand in a <script> element: without "<", ">" and "&", nothing in it can end the element."""
    text = json.dumps(data, ensure_ascii=False, separators=(",", ":"))
    for letter in "<>&\u2028\u2029":
        text = text.replace(letter, f"\\u{ord(letter):04x}")
    return Markup(text)  # nosec B704  # no letter of it can end the element, see above


def _day(at: datetime) -> str:
    return f"{at.day} {at:%b %Y}"


def short_number(value: int | None) -> str:
    """Three digits and a letter: 1,234 is 1.23k, 45,600,000 is 45.6M."""
    if value is None:
        return "–"
    if abs(value) < 10_000:
        return f"{value:,}"
    size, letter = next(
        (size, letter)
        for size, letter in ((1e12, "T"), (1e9, "B"), (1e6, "M"), (1e3, "k"))
        if abs(value) >= size
    )
    scaled = value / size
    return f"{scaled:,.{0 if abs(scaled) >= 100 else 1 if abs(scaled) >= 10 else 2}f}{letter}"


def span(seconds: float) -> str:
    """A length of time in its largest unit: "45 s", "3 min", "2 h", "4 d"."""
    for size, unit in ((86_400, "d"), (3600, "h"), (60, "min")):
        if seconds >= size:
            return f"{seconds / size:.0f} {unit}"
    return f"{seconds:.0f} s"


def _at_most(count: int, most: int) -> str:
    """ "" for none; of a list that ends at `most`, "10 or more"."""
    return "" if not count else f"{count}" if count < most else f"{count} or more"


def _outcome(run: status.LastRun) -> str:
    if run.error:
        return run.error
    if run.idle:
        return "nothing to do"
    pairs = run.outcome.items() if isinstance(run.outcome, dict) else ()
    told = [(name, value) for name, value in pairs if isinstance(value, int) and value]
    return ", ".join(
        f"{value:,} {name}" for name, value in sorted(told, key=lambda pair: (-pair[1], pair[0]))
    )
