"""Every command there is, for tests that look at all of them."""

from __future__ import annotations

from collections.abc import Iterator
from importlib import import_module
from typing import Any

import typer

from socialcron.cli import COMMANDS


def all_commands() -> Iterator[tuple[str, Any]]:
    """ "posts list" and its parser."""
    for name, (module, _) in COMMANDS.items():
        command: Any = typer.main.get_command(import_module(f"socialcron.commands.{module}").app)
        subcommands = getattr(command, "commands", None)
        if subcommands is None:
            yield name, command
        else:
            yield from ((f"{name} {word}", subcommand) for word, subcommand in subcommands.items())
