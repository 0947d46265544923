"""doctor: is everything as it has to be for posts to go out?"""

from __future__ import annotations

import os
from dataclasses import asdict
from typing import TYPE_CHECKING, Any

import typer

from socialcron import log
from socialcron.commands.common import (
    EnvFileOption,
    JsonOption,
    command_context,
    document,
    example,
    single_app,
)
from socialcron.errors import ConfigError
from socialcron.exitcodes import ExitCode
from socialcron.settings import Settings

if TYPE_CHECKING:
    from collections.abc import Sequence

    from rich.console import Console

    from socialcron.batches.doctor_check import Check

app = single_app()

NARROW = 30  # columns: words below each other in less than this are hard to read
STYLES = {"ok": "green", "warn": "yellow", "fail": "bold red"}


@app.command(
    epilog=example(
        "socialcron doctor", "socialcron doctor --json | jq '.data.checks[] | select(.state != \"ok\")'"
    )
)
def doctor(json: JsonOption = False, env_file: EnvFileOption = None) -> None:
    """Check everything that posts need to go out: settings, database, rights, accounts, cron, the queue.

    One line per check, and the way out where one is not ok. Exit 1 if a check failed: something does not work, or posts
    may be lost. A warning is for a person to look at, and does not fail it. Changes nothing.
    """
    from socialcron.batches.doctor import diagnose
    from socialcron.batches.doctor_check import FAIL, fail

    try:
        Settings.load(env_file)
    except ConfigError as exc:  # there is no context without settings
        log.setup(command="doctor")
        checks: Sequence[Check] = [fail("settings", exc.message, exc.hint or "See .env.example.")]
        _show(checks, json=json)
        raise typer.Exit(ExitCode.ITEM_FAILED) from None
    with command_context("doctor", json=json, env_file=env_file) as ctx:
        checks = list(diagnose(ctx.settings, env_file, os.environ))
        _show(checks, json=json)
        raise typer.Exit(
            ExitCode.ITEM_FAILED if any(check.state == FAIL for check in checks) else ExitCode.OK
        )


def _show(checks: Sequence[Check], *, json: bool) -> None:
    if json:
        print(document("doctor", data={"checks": [_redacted(asdict(check)) for check in checks]}))
        return
    from rich.console import Console

    _draw(Console(highlight=False, soft_wrap=True), checks)


def _redacted(value: Any) -> Any:
    """Errors of platforms and addresses of accounts are in there."""
    match value:
        case str():
            return log.redact(value)
        case dict():
            return {name: _redacted(part) for name, part in value.items()}
        case list():
            return [_redacted(part) for part in value]
    return value


def _draw(console: Console, checks: Sequence[Check]) -> None:
    import textwrap

    from rich.text import Text

    from socialcron.commands.display import clean

    width = max(len(check.name) for check in checks)
    indent = width + 8
    room = console.width - indent

    def lines(text: str) -> str:
        """On a terminal below itself, where there is room for that; else in one line, for grep."""
        whole = clean(log.redact(text))
        if not console.is_terminal or room < NARROW:
            return whole
        return textwrap.fill(
            whole, room, subsequent_indent=" " * indent, break_long_words=False, break_on_hyphens=False
        )

    for check in checks:
        line = Text.assemble((f"{check.state:4}", STYLES[check.state]), f"  {check.name:{width}}  ")
        console.print(line.append(lines(check.message)))
        if check.hint:
            console.print(Text(" " * indent + lines(check.hint), style="dim"))
    counts = {state: sum(check.state == state for check in checks) for state in STYLES}
    console.print(f"\n{counts['ok']} ok, {counts['warn']} to look at, {counts['fail']} failed")
