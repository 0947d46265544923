"""How operator commands show things to people: tables, moments, cleaned texts. rich is imported on drawing only."""

from __future__ import annotations

import json
import sys
from collections.abc import Callable, Iterable, Iterator, Sequence
from contextlib import contextmanager
from datetime import UTC, datetime, tzinfo
from typing import TYPE_CHECKING, Annotated, Any

import typer

from socialcron.errors import ConfigError
from socialcron.settings import Settings

if TYPE_CHECKING:
    from rich.console import Console
    from rich.table import Table

MAX_ID = 2**63 - 1


def parse_id(text: str) -> int:
    """An id as the command line names it. Raises typer.BadParameter, whose text is better than typer's own."""
    if text.isascii() and text.isdigit() and len(text) <= 19 and 1 <= int(text) <= MAX_ID:
        return int(text)
    raise typer.BadParameter(f"{text!r} is no id: ids are whole numbers from 1")


IdArgument = Annotated[int, typer.Argument(metavar="ID", parser=parse_id, help="As the list shows it.")]


def display_zone(settings: Settings) -> tzinfo:
    """The zone of TZ; UTC where it is unset or no IANA name."""
    try:
        return settings.zone() or UTC
    except ConfigError:
        return UTC


def moment(value: datetime | None, zone: tzinfo) -> str:
    """To the second, with the zone's name; "-" for None."""
    return "-" if value is None else f"{value.astimezone(zone):%Y-%m-%d %H:%M:%S %Z}"


def minute(value: datetime | None, zone: tzinfo) -> str:
    """For a column of a table, whose head names the zone (`in_zone`); "-" for None."""
    return "-" if value is None else f"{value.astimezone(zone):%Y-%m-%d %H:%M}"


def in_zone(word: str, zone: tzinfo) -> str:
    """The head of a column of moments, never wrapped: "=due (Berlin)", as whole names are wider than the moments."""
    return f"={word} ({str(zone).rpartition('/')[2]})"


def seconds(value: float | None) -> str:
    """A length of time in at most two units: "45 s", "3 min 20 s", "2 h 5 min", "4 d 1 h"."""
    if value is None:
        return "-"
    if value < 60:
        return f"{value:.1f} s" if value % 1 else f"{value:.0f} s"
    for big, small, size in (("min", "s", 60), ("h", "min", 3600), ("d", "h", 86_400)):
        if value < size * (60 if big == "min" else 24) or big == "d":
            whole, rest = divmod(int(value), size)
            part = rest // {"min": 1, "h": 60, "d": 3600}[big]
            return f"{whole} {big}" + (f" {part} {small}" if part else "")
    raise AssertionError("unreachable")


def clean(value: object, *, width: int | None = None) -> str:
    """Anything as one line without control characters, which could command the terminal; "-" for None or nothing.

    width: longer texts end in an ellipsis.
    """
    if value is None or value == "":
        return "-"
    text = " ".join("".join(c if c.isprintable() else " " for c in str(value)).split())
    return text if width is None or len(text) <= width else text[: width - 1] + "…"


def table(title: str, columns: Sequence[str], rows: Iterable[Sequence[object]]) -> Table:
    """A plain table; cells are cleaned and never taken as rich markup.

    columns: "#name" holds numbers, "=name" words that are never wrapped or cut; other columns share what is left. On a
    screen that is too narrow even so, lines go over its edge: nothing disappears.
    """
    from rich.box import SIMPLE_HEAD
    from rich.cells import cell_len
    from rich.table import Table
    from rich.text import Text

    made = Table(
        title=title or None,
        title_justify="left",
        box=SIMPLE_HEAD,
        pad_edge=False,
        show_edge=False,
        padding=(0, 1, 0, 0),
    )
    cells = [[clean(cell) for cell in row] for row in rows]
    for number, column in enumerate(columns):
        whole = column.startswith(("#", "="))
        header = column.removeprefix("#").removeprefix("=")
        longest = max(cell_len(text) for text in (header, *(row[number] for row in cells)))
        made.add_column(
            header,
            justify="right" if column.startswith("#") else "left",
            no_wrap=whole,
            min_width=longest if whole else min(longest, 6),
        )
    for row in cells:
        made.add_row(*map(Text, row))
    return made


def show(console: Console, *parts: Any) -> None:
    """Print these one after the other; texts are not taken as rich markup."""
    width = console.width
    for part in parts:
        # rich shrinks columns to nothing, min_width or not: such a table gets a wider console instead.
        least = sum((column.min_width or 0) + 2 for column in getattr(part, "columns", ()))
        console.width = max(width, least)
        console.print(part, markup=False)
    console.width = width


def listing(
    columns: Sequence[str], cells: Sequence[Sequence[object]], *, nothing: str
) -> str | Callable[[Console], None]:
    """What a list command prints: the table, or the word for an empty one."""
    return (lambda console: show(console, table("", columns, cells))) if cells else nothing


def fields(title: str, pairs: Iterable[tuple[str, object]]) -> Table:
    """Names and values below each other."""
    from rich.table import Table
    from rich.text import Text

    made = Table(title=title or None, title_justify="left", box=None, show_header=False, pad_edge=False)
    made.add_column(style="bold", no_wrap=True)
    made.add_column(overflow="fold")
    for name, value in pairs:
        made.add_row(name, Text(clean(_plainly(value))))
    return made


def _plainly(value: object) -> object:
    match value:
        case bool():
            return "yes" if value else "no"
        case dict() | list():
            return json.dumps(value, ensure_ascii=False, default=str)
    return value


@contextmanager
def progress_bar(total: int, what: str, *, wanted: bool = True) -> Iterator[Callable[[int], None]]:
    """A bar on stderr for long work, where that is a terminal; gives the function that moves it on."""
    if not wanted or total < 200 or not sys.stderr.isatty():
        yield lambda count: None
        return
    from rich.console import Console
    from rich.progress import Progress

    with Progress(console=Console(stderr=True), transient=True) as progress:
        task = progress.add_task(what, total=total)
        yield lambda count: progress.advance(task, count)
