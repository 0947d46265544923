from __future__ import annotations

import random
from datetime import UTC, datetime, timedelta, timezone
from zoneinfo import ZoneInfo

import pytest

from socialcron.errors import BadInput, UsageError
from socialcron.whens import is_past, parse_when, zone_named

NOW = datetime(2026, 11, 22, 12, 0, tzinfo=UTC)
BERLIN = ZoneInfo("Europe/Berlin")


@pytest.mark.parametrize(
    ("text", "at"),
    [
        ("2026-12-01T09:00+02:00", datetime(2026, 12, 1, 7, 0, tzinfo=UTC)),
        ("2026-12-01 09:00:30Z", datetime(2026, 12, 1, 9, 0, 30, tzinfo=UTC)),
        ("+10m", NOW + timedelta(minutes=10)),
        ("+2h", NOW + timedelta(hours=2)),
        ("+3d", NOW + timedelta(days=3)),
        ("now", None),
        (" NOW ", None),
    ],
)
def test_parse_when__needs_no_zone_where_the_text_says_it_all(text: str, at: datetime | None) -> None:
    assert parse_when(text, zone=lambda: None, now=NOW).at == at


def test_parse_when__reads_naive_times_in_the_zone() -> None:
    assert parse_when("2026-12-01T09:00", zone=lambda: BERLIN, now=NOW).at == datetime(
        2026, 12, 1, 8, 0, tzinfo=UTC
    )


def test_parse_when__lets_an_offset_win_over_the_zone() -> None:
    assert parse_when("2026-12-01T09:00Z", zone=lambda: BERLIN, now=NOW).at == datetime(
        2026, 12, 1, 9, 0, tzinfo=UTC
    )


def test_parse_when__refuses_naive_times_without_a_zone_and_says_what_to_add() -> None:
    with pytest.raises(BadInput) as caught:
        parse_when("2026-12-01T09:00", zone=lambda: None, now=NOW)
    assert "--tz" in (caught.value.hint or "")


def test_parse_when__refuses_a_local_time_the_clocks_skip() -> None:
    with pytest.raises(BadInput, match="does not exist in Europe/Berlin") as caught:
        parse_when("2027-03-28T02:30", zone=lambda: BERLIN, now=NOW)
    assert "2027-03-28T03:30:00+02:00" in (caught.value.hint or "")


def test_parse_when__takes_the_first_of_two_equal_local_times_and_says_so() -> None:
    when = parse_when("2027-10-31T02:30", zone=lambda: BERLIN, now=NOW)
    assert when.at == datetime(2027, 10, 31, 0, 30, tzinfo=UTC)
    assert "occurs twice" in (when.note or "")


@pytest.mark.parametrize(
    "text",
    [
        "",
        "tomorrow",
        "2026-12-01",
        "2026-13-01T00:00Z",
        "+5",
        "0001-01-01T00:00+14:00",
        "9999-12-31T00:00Z",
        "+999999d\x00",
    ],
)
def test_parse_when__refuses_what_is_no_time(text: str) -> None:
    with pytest.raises(BadInput):
        parse_when(text, zone=lambda: BERLIN, now=NOW)


def test_parse_when__reads_every_iso_form_as_python_does() -> None:
    chosen = random.Random(10)
    for _ in range(2000):
        at = datetime.fromisoformat("2026-01-01") + timedelta(seconds=chosen.randrange(10**9))
        offset = timezone(timedelta(minutes=chosen.randrange(-14 * 60, 14 * 60)))
        naive = chosen.choice(
            [
                at.isoformat(),
                at.isoformat(" "),
                at.isoformat(timespec="minutes"),
                at.isoformat(timespec="milliseconds"),
                f"{at:%Y%m%dT%H%M%S}",
                f"{at:%G-W%V-%u}T{at:%H:%M}",
                f"{at:%Y-%m-%d %H}",
            ]
        )
        with_offset = naive + chosen.choice(["Z", datetime(2026, 1, 1, tzinfo=offset).isoformat()[19:]])
        expected = datetime.fromisoformat(with_offset).astimezone(UTC)
        assert parse_when(with_offset, zone=lambda: None, now=NOW).at == expected
        local = datetime.fromisoformat(naive)
        assert parse_when(naive, zone=lambda: UTC, now=NOW).at == local.replace(tzinfo=UTC)


@pytest.mark.parametrize(
    ("text", "local"),
    [
        ("tomorrow 9am", "2026-11-23T09:00"),
        ("Tomorrow at 9:30 PM", "2026-11-23T21:30"),
        ("tomorrow 09:00:30", "2026-11-23T09:00:30"),
        ("9am tomorrow", "2026-11-23T09:00"),
        ("tonight 20:00", "2026-11-22T20:00"),
        ("18:00", "2026-11-22T18:00"),
        ("9am", "2026-11-23T09:00"),  # today's has passed
        ("12am tomorrow", "2026-11-23T00:00"),
        ("tomorrow noon", "2026-11-23T12:00"),
        ("the day after tomorrow at midnight", "2026-11-24T00:00"),
        ("friday 17:30", "2026-11-27T17:30"),
        ("next fri 5pm", "2026-11-27T17:00"),
        ("sunday 18:00", "2026-11-29T18:00"),  # today is Sunday
        ("1 december 9am", "2026-12-01T09:00"),
        ("Dec 1st, 2026 9:00 AM", "2026-12-01T09:00"),
        ("tue 1st of december at 9am", "2026-12-01T09:00"),
        ("21 nov 9am", "2027-11-21T09:00"),  # this year's has passed
        ("2026-12-01 9am", "2026-12-01T09:00"),
        ("in 2 days at 9am", "2026-11-24T09:00"),
        ("in a week at 9am", "2026-11-29T09:00"),
    ],
)
def test_parse_when__reads_words_in_the_zone_and_says_what_it_understood(text: str, local: str) -> None:
    expected = datetime.fromisoformat(local).replace(tzinfo=BERLIN)
    when = parse_when(text, zone=lambda: BERLIN, now=NOW)
    assert when.at == expected.astimezone(UTC)
    assert when.note == f"{text!r} -> {expected:%Y-%m-%d %H:%M} CET"


def test_parse_when__takes_lengths_of_time_in_words_as_they_are_across_a_clock_change() -> None:
    before = datetime(2027, 3, 28, 0, 30, tzinfo=UTC)
    assert parse_when("in 3 hours", zone=lambda: BERLIN, now=before).at == before + timedelta(hours=3)
    assert parse_when("in 90 minutes", zone=lambda: None, now=before).at == before + timedelta(minutes=90)


@pytest.mark.parametrize("text", ["tomorrow 9am Europe/Paris", "2026-11-23 09:00 Europe/Paris"])
def test_parse_when__lets_a_zone_in_the_text_win(text: str) -> None:
    when = parse_when(text, zone=lambda: ZoneInfo("Asia/Tokyo"), now=NOW)
    assert when.at == datetime(2026, 11, 23, 8, 0, tzinfo=UTC)
    assert when.zone == ZoneInfo("Europe/Paris")
    utc = parse_when("tomorrow 9am UTC", zone=lambda: None, now=NOW).at
    assert utc == datetime(2026, 11, 23, 9, 0, tzinfo=UTC)


def test_parse_when__sees_today_from_the_zone_and_not_from_utc() -> None:
    when = parse_when("tomorrow 9am Pacific/Auckland", zone=lambda: None, now=NOW)  # it is the 23rd there
    assert when.at == datetime(2026, 11, 23, 20, 0, tzinfo=UTC)


@pytest.mark.parametrize(
    ("text", "words"),
    [
        ("tomorrow 9am", "neither an offset nor a time zone"),
        ("03/04/2026 9am UTC", "two ways"),
        ("03/04 9am UTC", "two ways"),
        ("3-4-2026 9am UTC", "two ways"),
        ("24.12.2026 18:00 UTC", "two ways"),
        ("tomorrow UTC", "no time of day"),
        ("friday UTC", "no time of day"),
        ("tomorrow 9am 10am UTC", "more than one time of day"),
        ("2026-12-01T09:00+01:00 Europe/Paris", "both an offset and a zone"),
        ("tomorrow 9am Mars/Olympus", "no time zone 'Mars/Olympus'"),
    ],
)
def test_parse_when__says_what_is_wrong_with_words(text: str, words: str) -> None:
    with pytest.raises((BadInput, UsageError), match=words) as caught:
        parse_when(text, zone=lambda: None, now=NOW)
    assert caught.value.hint


@pytest.mark.parametrize(
    "text",
    [
        *("tomorow 9am", "tomorrow 25:00", "tomorrow 13pm", "0am tomorrow", "tomorrow 9:60", "tomorrow 9"),
        *("31 november 9am", "30 feb 2027 9am", "sat 27 nov 9am", "friday monday 9am", "1 1 9am", "5 9am"),
        *("next month 9am", "next week 9am", "may 9am", "2027 9am", "2 hours ago", "tomorrow 9am CET"),
        *("2026-13-01 9am", "2026-02-30 9am", "tomorrow 9.30am", "morgen 9:00", "9am\x00", "tomorrow 9am;"),
        *("in 99999999 hours", "1 december 99999 9am", "²:00", "٩am tomorow"),
    ],
)
def test_parse_when__refuses_words_it_would_have_to_guess(text: str) -> None:
    with pytest.raises(BadInput):
        parse_when(text, zone=lambda: BERLIN, now=NOW)


# Zone, a skipped local time and the next that exists about then, and one that occurs twice with its first moment.
CHANGES = [
    (
        "Europe/Berlin",
        "28 march 2027 2:30am",
        "03:30:00+02:00",
        "31 october 2027 2:30am",
        "2027-10-31T00:30Z",
    ),
    ("America/New_York", "march 14 2027 2:30am", "03:30:00-04:00", "nov 7 2027 1:30am", "2027-11-07T05:30Z"),
    ("Australia/Lord_Howe", "3 oct 2027 2:15am", "02:45:00+11:00", "4 apr 2027 1:45am", "2027-04-03T14:45Z"),
    ("Africa/Casablanca", "2027-03-14 2:30am", "03:30:00+01:00", "2027-02-07 2:30am", "2027-02-07T01:30Z"),
    ("Europe/Berlin", "2027-03-28T02:30", "03:30:00+02:00", "2027-10-31T02:30", "2027-10-31T00:30Z"),
]


@pytest.mark.parametrize(("zone", "skipped", "after", "twice", "first"), CHANGES)
def test_parse_when__refuses_a_gap_and_takes_the_first_of_a_fold_in_words_as_well(
    zone: str, skipped: str, after: str, twice: str, first: str
) -> None:
    with pytest.raises(BadInput, match=f"does not exist in {zone}") as caught:
        parse_when(skipped, zone=lambda: ZoneInfo(zone), now=NOW)
    assert after in (caught.value.hint or "")
    when = parse_when(f"{twice} {zone}", zone=lambda: None, now=NOW)
    assert when.at == datetime.fromisoformat(first)
    assert "occurs twice" in (when.note or "")


@pytest.mark.parametrize("name", ["Mars/Olympus", "", "Europe", "../etc/passwd", "\x00"])
def test_zone_named__refuses_unknown_zones(name: str) -> None:
    with pytest.raises(UsageError):
        zone_named(name)


def test_is_past__forgives_a_minute() -> None:
    assert not is_past(NOW - timedelta(seconds=59), NOW)
    assert is_past(NOW - timedelta(seconds=61), NOW)
    assert not is_past(None, NOW)
