"""Every command has help with an example, and the options that all of them share."""

from __future__ import annotations

from collections.abc import Iterator
from importlib import import_module

import pytest
import typer

from socialcron.cli import COMMANDS, main


def command_lines(name: str) -> Iterator[list[str]]:
    app = import_module(f"socialcron.commands.{COMMANDS[name][0]}").app
    command = typer.main.get_command(app)
    subcommands = getattr(command, "commands", None)
    yield from ([name, sub] for sub in subcommands) if subcommands else [[name]]


@pytest.mark.parametrize("name", COMMANDS)
def test_every_command__has_an_example_and_the_shared_options(
    name: str, capsys: pytest.CaptureFixture[str]
) -> None:
    for words in command_lines(name):
        assert main([*words, "--help"]) == 0
        shown = capsys.readouterr().out

        assert f"socialcron {' '.join(words)}" in shown.partition("Example:")[2], words
        assert "--json " in shown
        assert "--env-file " in shown
