"""When a post is read after it came out: often while it is fresh, then ever more rarely, then no more. Pure.

Written as "24h:1h,3d:6h": until the age of 24 hours each hour, until 3 days each 6 hours.
"""

from __future__ import annotations

import re
from dataclasses import dataclass

from socialcron.errors import ConfigError

DEFAULT = "24h:1h,3d:6h,7d:12h,14d:24h,30d:3d"
MOST_SLOTS = 1000
_UNITS = {"m": 60, "h": 3600, "d": 86_400}


@dataclass(frozen=True, slots=True, kw_only=True)
class Ladder:
    """slots: seconds after posting, ascending. ends_after: the age in seconds at which nothing is read any more."""

    slots: tuple[float, ...]
    ends_after: float


def parse_ladder(text: str) -> Ladder:
    """Raises ConfigError naming the rung that cannot be used."""
    slots: list[float] = []
    age = 0.0
    for rung in text.split(","):
        found = re.fullmatch(r"\s*(\d{1,6})([mhd]):(\d{1,6})([mhd])\s*", rung)
        until, every = (
            (int(found[1]) * _UNITS[found[2]], int(found[3]) * _UNITS[found[4]]) if found else (0, 0)
        )
        if not every or until <= age or (until - age) / every > MOST_SLOTS:
            raise ConfigError(
                f"SOCIALCRON_METRICS_LADDER cannot hold {rung.strip()!r}",
                hint=f"It is UNTIL_AGE:EVERY, ever older, in m, h or d, as in the default {DEFAULT}.",
            )
        slots += [age + every * number for number in range(1, int((until - age) // every) + 1)]
        age = float(until)
    if not slots:
        raise ConfigError("SOCIALCRON_METRICS_LADDER reads nothing", hint=f"As in the default {DEFAULT}.")
    return Ladder(slots=tuple(slots), ends_after=age)
