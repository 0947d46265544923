"""socialcron.local_moment: what a local time means, in SQL, is what Python's zoneinfo says of its first occurrence."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from zoneinfo import ZoneInfo

import pytest

from tests.world import World

# zone, the local day of a change, and the shift in minutes.
CHANGES = [
    ("Europe/Berlin", "2027-03-28", 60),
    ("Europe/Berlin", "2027-10-31", -60),
    ("America/New_York", "2027-03-14", 60),
    ("America/New_York", "2027-11-07", -60),
    ("Australia/Lord_Howe", "2027-10-03", 30),
    ("Australia/Lord_Howe", "2027-04-04", -30),
    ("Africa/Casablanca", "2025-04-06", 60),  # the end of Ramadan; winter time is the other way round there
    ("Africa/Casablanca", "2025-02-23", -60),
    ("Antarctica/Troll", "2027-03-28", 120),
    ("Antarctica/Troll", "2027-10-31", -120),
    ("Pacific/Apia", "2011-12-30", 1440),  # a day that never was
]


@pytest.mark.parametrize(("zone", "day", "shift"), CHANGES)
def test_local_moment__is_the_first_of_two_and_behind_a_gap(
    world: World, zone: str, day: str, shift: int
) -> None:
    start = datetime.fromisoformat(day) - timedelta(hours=26)
    locals_ = [start + timedelta(minutes=5 * step) for step in range(12 * 76)]  # three days around it
    expected = [local.replace(tzinfo=ZoneInfo(zone)).astimezone(UTC) for local in locals_]

    found = world.value(
        "SELECT array_agg(socialcron.local_moment(local, %s) ORDER BY n)"
        " FROM unnest(%s::timestamp[]) WITH ORDINALITY AS given (local, n)",
        zone,
        locals_,
    )

    assert found == expected
    shifts = {at.astimezone(ZoneInfo(zone)).utcoffset() for at in expected}
    assert max(shifts, key=str) != min(shifts, key=str), "the clocks did not change here"
    skipped = sum(
        at.astimezone(ZoneInfo(zone)).replace(tzinfo=None) != local
        for at, local in zip(expected, locals_, strict=True)
    )
    assert skipped == (shift // 5 if shift > 0 else 0)
