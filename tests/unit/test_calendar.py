from __future__ import annotations

import time
from datetime import datetime, timedelta
from zoneinfo import ZoneInfo

import pytest

from socialcron.batches.calendar import WORDS, occurrences, read_rule, read_slots
from socialcron.errors import BadInput

BERLIN = ZoneInfo("Europe/Berlin")
START = datetime.fromisoformat("2026-11-23T09:00")  # a Monday


def rule(text: str) -> str:
    return read_rule(text, START, BERLIN)


def first(text: str, count: int = 3) -> list[str]:
    return [at.strftime("%a %Y-%m-%d %H:%M") for at in occurrences(rule(text), START, most=count).times]


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("daily", ["Mon 2026-11-23 09:00", "Tue 2026-11-24 09:00", "Wed 2026-11-25 09:00"]),
        ("Weekdays", ["Mon 2026-11-23 09:00", "Tue 2026-11-24 09:00", "Wed 2026-11-25 09:00"]),
        ("weekly", ["Mon 2026-11-23 09:00", "Mon 2026-11-30 09:00", "Mon 2026-12-07 09:00"]),
        ("monthly", ["Mon 2026-11-23 09:00", "Wed 2026-12-23 09:00", "Sat 2027-01-23 09:00"]),
        ("yearly", ["Mon 2026-11-23 09:00", "Tue 2027-11-23 09:00", "Thu 2028-11-23 09:00"]),
        ("hourly", ["Mon 2026-11-23 09:00", "Mon 2026-11-23 10:00", "Mon 2026-11-23 11:00"]),
        (
            "rrule:freq=weekly;byday=we,su",
            ["Wed 2026-11-25 09:00", "Sun 2026-11-29 09:00", "Wed 2026-12-02 09:00"],
        ),
        ("FREQ=MONTHLY;BYDAY=-1FR", ["Fri 2026-11-27 09:00", "Fri 2026-12-25 09:00", "Fri 2027-01-29 09:00"]),
        ("FREQ=DAILY;COUNT=2", ["Mon 2026-11-23 09:00", "Tue 2026-11-24 09:00"]),
        ("FREQ=DAILY;UNTIL=20261124", ["Mon 2026-11-23 09:00", "Tue 2026-11-24 09:00"]),
        ("FREQ=DAILY;UNTIL=20261124T080000Z", ["Mon 2026-11-23 09:00", "Tue 2026-11-24 09:00"]),
        ("FREQ=DAILY;UNTIL=20261124T075959Z", ["Mon 2026-11-23 09:00"]),
        ("FREQ=DAILY;UNTIL=20261124T085959", ["Mon 2026-11-23 09:00"]),
        ("FREQ=DAILY;BYHOUR=9,17", ["Mon 2026-11-23 09:00", "Mon 2026-11-23 17:00", "Tue 2026-11-24 09:00"]),
    ],
)
def test_occurrences__are_on_the_local_calendar(text: str, expected: list[str]) -> None:
    assert first(text) == expected


def test_read_rule__of_its_own_result_is_the_same() -> None:
    for text in [*WORDS, "FREQ=WEEKLY;UNTIL=20271231", "FREQ=DAILY;UNTIL=20271231T120000Z"]:
        assert rule(rule(text)) == rule(text)


def test_occurrences__end_with_the_rule_and_otherwise_with_what_was_asked_for() -> None:
    three = occurrences("FREQ=DAILY;COUNT=3", START, most=3)
    assert (len(three.times), three.complete) == (3, True)
    later = occurrences("FREQ=DAILY", START, after=START, horizon=START + timedelta(days=2), most=9)
    assert (later.times, later.complete) == ([START + timedelta(days=day) for day in (1, 2)], False)
    none = occurrences("FREQ=DAILY;COUNT=3", START, after=START + timedelta(days=2), most=9)
    assert (none.times, none.complete) == ([], True)


def test_occurrences__go_over_the_horizon_for_the_next_one() -> None:
    near, far = START + timedelta(days=30), START + timedelta(days=60)
    yearly = occurrences("FREQ=YEARLY", START, after=START, horizon=far, beyond=near, most=9)
    assert yearly.times == [datetime.fromisoformat("2027-11-23T09:00")]
    assert (
        occurrences("FREQ=YEARLY", START, after=yearly.times[0], horizon=far, beyond=near, most=9).times == []
    )


@pytest.mark.parametrize(
    ("text", "words"),
    [
        ("", "no recurrence rule"),
        ("often", "no recurrence rule"),
        ("FREQ", "no recurrence rule"),
        ("FREQ=SOMETIMES", "no recurrence rule"),
        ("BYDAY=MO", "no recurrence rule"),
        ("FREQ=DAILY;FREQ=DAILY", "no recurrence rule"),
        ("FREQ=DAILY;COLOUR=RED", "'COLOUR=RED'"),
        ("FREQ=DAILY;BYEASTER=0", "'BYEASTER=0'"),
        ("FREQ=DAILY;BYSECOND=0,30", "'BYSECOND=0,30'"),
        ("FREQ=DAILY;INTERVAL=0", "no recurrence rule"),
        ("FREQ=DAILY;INTERVAL=-1", "no recurrence rule"),
        ("FREQ=DAILY;INTERVAL=99999999999999999999", "no recurrence rule"),
        ("FREQ=DAILY;COUNT=0", "no recurrence rule"),
        ("FREQ=DAILY;COUNT=3;UNTIL=20271231", "no recurrence rule"),
        ("FREQ=YEARLY;BYDAY=60MO", "no recurrence rule"),
        ("FREQ=HOURLY;INTERVAL=24;BYHOUR=10", "no recurrence rule"),
        ("FREQ=DAILY;UNTIL=soon", "UNTIL"),
        ("FREQ=DAILY;UNTIL=20261340", "UNTIL"),
        ("FREQ=DAILY;UNTIL=20201231", "never"),
        ("FREQ=WEEKLY\nEXRULE:FREQ=WEEKLY", "no recurrence rule"),
        ("DTSTART:20200101T000000", "no recurrence rule"),
        ("FREQ=MINUTELY", "too often"),
        ("FREQ=SECONDLY;INTERVAL=86400", "too often"),
        ("FREQ=DAILY;BYHOUR=9;BYMINUTE=0,30", "more than once within an hour"),
        ("FREQ=YEARLY;BYMONTH=2;BYMONTHDAY=30", "never"),
        ("FREQ=HOURLY;BYSETPOS=5", "too long|never"),
        ("FREQ=DAILY;BYSETPOS=5", "too long|never"),
        ("FREQ=HOURLY;BYMONTH=2;BYMONTHDAY=30", "too long|never"),
    ],
)
def test_read_rule__refuses_what_is_no_rule_never_comes_or_comes_too_often(text: str, words: str) -> None:
    started = time.monotonic()
    with pytest.raises(BadInput, match=words) as caught:
        rule(text)
    assert caught.value.hint
    assert time.monotonic() - started < 10


def test_read_slots__takes_days_and_hours_in_one_line() -> None:
    assert read_slots(["mon-wed 9:00,17:30", "Sat 11:00", "sat 11:00"]) == [
        *((day, hour) for day in (1, 2, 3) for hour in ("09:00", "17:30")),
        (6, "11:00"),
    ]
    assert [day for day, _ in read_slots(["fri-mon 9:00"])] == [1, 5, 6, 7]
    assert [day for day, _ in read_slots(["tue,thu 9:00"])] == [2, 4]
    assert len(read_slots(["daily 9:00, 10:00"])) == 14


@pytest.mark.parametrize(
    "spec",
    [
        "",
        "mon",
        "mon 9",
        "mon 24:00",
        "mon 9:60",
        "mun 9:00",
        "mon- 9:00",
        "9:00 mon",
        "mon 9:00;",
        "mon ٩:00",
    ],
)
def test_read_slots__refuses_what_is_no_day_or_no_hour(spec: str) -> None:
    with pytest.raises(BadInput) as caught:
        read_slots([spec])
    assert caught.value.hint
