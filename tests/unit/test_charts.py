from __future__ import annotations

import io
from datetime import UTC, datetime, timedelta

import pytest
from rich.console import Console

from socialcron.commands.charts import _nice_range, line_chart

BEGIN = datetime(2026, 11, 1, tzinfo=UTC)


def chart(values: list[float | None], *, terminal: bool = False, width: int = 80) -> str:
    console = Console(file=io.TextIOWrapper(io.BytesIO(), "utf-8"), width=width, force_terminal=terminal)
    points = [(BEGIN + timedelta(days=day), value) for day, value in enumerate(values)]
    return line_chart(console, "views", points, UTC)


@pytest.mark.parametrize("values", [[], [3], [None, None, 3]])
def test_line_chart__of_one_point_is_no_line(values: list[float | None]) -> None:
    assert chart(values) == ""


def test_line_chart__is_of_braille_on_a_terminal_and_has_no_colour() -> None:
    drawn = chart([1, 5, 9], terminal=True)
    assert any("\u2800" <= letter <= "\u28ff" for letter in drawn)
    assert "\x1b" not in drawn


def test_line_chart__names_days_and_round_numbers() -> None:
    drawn = chart([100, None, 420, 777, 980, 981])
    assert all(word in drawn for word in ("Nov 01", "Nov 06", "1,000", "250"))


@pytest.mark.parametrize("width", [20, 40, 200])
def test_line_chart__fits_its_console(width: int) -> None:
    assert all(len(line) <= width for line in chart([5, 1_000_000], width=width).splitlines())


@pytest.mark.parametrize(
    ("low", "high"), [(0, 0), (3, 3), (0, 1), (1, 7), (995, 1005), (0, 123_456_789), (2**62, 2**62), (-3, 5)]
)
def test_nice_range__holds_the_values_between_round_numbers(low: float, high: float) -> None:
    bottom, top = _nice_range(low, high)
    assert bottom <= low <= high <= top
    assert len({f"{bottom + (top - bottom) * part / 4:.1f}" for part in range(5)}) == 5
