from __future__ import annotations

from datetime import UTC, datetime, timedelta
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


@pytest.mark.parametrize("name", ["Mars/Olympus", "", "Europe", "../etc/passwd", "\x00"])
def test_zone_named__refuses_unknown_zones(name: str) -> None:
    with pytest.raises(UsageError):
        zone_named(name)


def test_is_past__forgives_a_minute() -> None:
    assert not is_past(NOW - timedelta(seconds=59), NOW)
    assert is_past(NOW - timedelta(seconds=61), NOW)
    assert not is_past(None, NOW)
