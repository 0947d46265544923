"""Tables for people, on 80 columns."""

from __future__ import annotations

import io
from datetime import UTC, datetime
from zoneinfo import ZoneInfo

from rich.console import Console

from socialcron.commands.display import fields, in_zone, minute, show, table

WHEN = datetime(2026, 12, 1, 8, 30, 59, tzinfo=UTC)


def drawn(*parts: object, width: int = 80) -> list[str]:
    console = Console(file=io.StringIO(), width=width, highlight=False)
    show(console, *parts)
    assert isinstance(console.file, io.StringIO)
    return [line.rstrip() for line in console.file.getvalue().splitlines()]


def test_table__never_cuts_ids_statuses_and_moments() -> None:
    zone = ZoneInfo("America/Argentina/Buenos_Aires")
    columns = ("#id", "account", "=status", in_zone("due", zone), "text", "error")
    long = "mastodon account '@me@social.example' (id 3): HTTP 401: The access token is invalid"

    lines = drawn(
        table("", columns, [(7, "mastodon @me@social", "needs_reconnect", minute(WHEN, zone), long, long)])
    )

    assert "due (Buenos_Aires)" in lines[0]
    assert lines[2].startswith(" 7  mastodon")
    assert " needs_reconnect  2026-12-01 05:30 " in lines[2]


def test_table__loses_nothing_on_a_narrow_screen() -> None:
    columns = ("#id", "account", "=status", "#waiting", "=reconnect by")

    lines = drawn(table("", columns, [(12, "mastodon @me", "needs_reconnect", 3, "2027-01-21")]), width=40)

    assert lines[0].split() == ["id", "account", "status", "waiting", "reconnect", "by"]
    assert lines[2].split() == ["12", "mastodon", "needs_reconnect", "3", "2027-01-21"]
    assert lines[3].split() == ["@me"]


def test_fields__shows_json_as_json_and_flags_as_words() -> None:
    assert drawn(fields("", [("settings", {"a": "ü"}), ("on", True), ("off", False), ("none", None)])) == [
        'settings  {"a": "ü"}',
        "on        yes",
        "off       no",
        "none      -",
    ]
