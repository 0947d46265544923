"""A line over time for the terminal. plotext is imported on drawing only.

On a terminal the line is of braille dots; elsewhere (a pipe, a file, TERM=dumb) everything is plain ASCII. Colour never
carries anything, so there is none.
"""

from __future__ import annotations

import math
import re
from collections.abc import Sequence
from datetime import datetime, tzinfo

from rich.console import Console

HEIGHT = 14  # lines
_ASCII = str.maketrans("┌┐└┘├┤┬┴┼─│", "++++++++++" + "|")
_ASCII_LINE = str.maketrans({"─": "-"})


def line_chart(
    console: Console, title: str, points: Sequence[tuple[datetime, float | None]], zone: tzinfo
) -> str:
    """The values over their moments, as wide as the console; "" for fewer than two. None leaves the point out."""
    drawn = [(at, value) for at, value in points if value is not None]
    if len(drawn) < 2:
        return ""
    import plotext

    plain = not console.is_terminal or console.is_dumb_terminal or "utf" not in console.encoding
    plotext.clear_figure()
    plotext.theme("clear")
    plotext.plotsize(min(console.width, 110), HEIGHT)
    seconds = [at.timestamp() for at, _ in drawn]
    values = [value for _, value in drawn]
    plotext.plot(seconds, values, marker="*" if plain else "braille")
    low, high = _nice_range(min(values), max(values))
    plotext.ylim(low, high)
    ticks = [low + (high - low) * part / 4 for part in range(5)]
    plotext.yticks(ticks, [f"{tick:,.0f}" if tick == round(tick) else f"{tick:,.2f}" for tick in ticks])
    moments = [seconds[0] + (seconds[-1] - seconds[0]) * part / 4 for part in range(5)]
    form = "%b %d" if seconds[-1] - seconds[0] > 4 * 86_400 else "%b %d %H:%M"
    plotext.xticks(moments, [f"{datetime.fromtimestamp(at, zone):{form}}" for at in moments])
    drawing = re.sub(r"\x1b\[[0-9;]*m", "", plotext.build())
    if plain:
        drawing = drawing.translate(_ASCII_LINE).translate(_ASCII)
    return "\n".join([title, *(line.rstrip() for line in drawing.splitlines())])


def _nice_range(low: float, high: float) -> tuple[float, float]:
    """Round bounds around the values, a multiple of four steps apart, so that five ticks are round numbers too."""
    span = (high - low) or max(abs(high), 4)
    step = 10 ** math.floor(math.log10(span / 4))
    step = next(size for size in (step, 2 * step, 2.5 * step, 5 * step, 10 * step) if size >= span / 4)
    if high < 1e15:
        step = max(step, 1)
    bottom = math.floor(low / step) * step
    while bottom + 4 * step < high:
        step *= 2
        bottom = math.floor(low / step) * step
    return bottom, bottom + 4 * step
