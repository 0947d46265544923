"""`--from` and `--to`, of commands that look back: days or moments, in the zone of TZ (UTC where it is unset)."""

from __future__ import annotations

import re
from dataclasses import dataclass
from datetime import UTC, date, datetime, time, timedelta, tzinfo
from typing import Annotated

import typer

from socialcron.errors import BadInput
from socialcron.whens import parse_when

FromOption = Annotated[
    str | None,
    typer.Option(
        "--from", metavar="DATE", help="The first day, as in 2026-11-01; or a moment with its time."
    ),
]
ToOption = Annotated[
    str | None,
    typer.Option("--to", metavar="DATE", help="The last day, which counts in full; or a moment, excluded."),
]


@dataclass(frozen=True, slots=True, kw_only=True)
class Period:
    """From `begin` on, before `end`; None has no bound on that side."""

    begin: datetime | None
    end: datetime | None


def parse_period(given_from: str | None, given_to: str | None, zone: tzinfo) -> Period:
    """Raises BadInput for what is no day or moment, and for an end that is not after the beginning."""
    period = Period(
        begin=_moment("--from", given_from, zone, days=0) if given_from else None,
        end=_moment("--to", given_to, zone, days=1) if given_to else None,
    )
    if period.begin and period.end and period.end <= period.begin:
        raise BadInput(
            f"--to {given_to} is before --from {given_from}", hint="Nothing lies between them; swap them?"
        )
    return period


def _moment(option: str, text: str, zone: tzinfo, *, days: int) -> datetime:
    """`days`: added to a whole day, so that --to reaches its end."""
    hint = "Write a day, 2026-11-01, or a moment, 2026-11-01T09:00+01:00."
    try:
        if re.fullmatch(r"\d{4}-\d{2}-\d{2}", text.strip()):
            day = date.fromisoformat(text.strip()) + timedelta(days=days)
            return datetime.combine(day, time.min, zone).astimezone(UTC)
        at = parse_when(text, zone=lambda: zone, now=datetime.now(UTC)).at
        return at or datetime.now(UTC)
    except (ValueError, OverflowError, BadInput) as exc:
        raise BadInput(f"{option} {text!r} is no day and no time", hint=hint) from exc
