"""Every command has help with an example, and the options that all of them share."""

from __future__ import annotations

import re

import pytest

from socialcron.cli import COMMANDS, main
from tests.commands import all_commands


def command_lines(name: str) -> list[list[str]]:
    return [words for command, _ in all_commands() if (words := command.split())[0] == name]


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


@pytest.mark.parametrize("name", COMMANDS)
def test_every_help__reads_well_on_80_columns(
    name: str, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("COLUMNS", "80")
    for words in [[name], *command_lines(name)]:
        assert main([*words, "--help"]) == 0
        shown = capsys.readouterr().out

        assert [line for line in shown.splitlines() if len(line) > 80] == [], words
        assert re.findall(r"<(?:str|int|float)\b.*?>", shown) == [], words  # typer's names of Python types


@pytest.mark.parametrize(
    "group",
    [
        "accounts",
        "db",
        "export",
        "keys",
        "metrics",
        "platforms",
        "posts",
        "profiles",
        "recurrences",
        "subscriptions",
    ],
)
def test_group_help__says_whole_sentences_and_has_an_example(
    group: str, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("COLUMNS", "80")
    assert main([group, "--help"]) == 0
    shown = " ".join(capsys.readouterr().out.partition("Commands:")[2].split())

    assert "..." not in shown
    assert f"Example: socialcron {group} " in shown
    for _, subcommand in command_lines(group):
        assert main([group, subcommand, "--help"]) == 0
        own = " ".join(capsys.readouterr().out.split()).partition(" ")[2]
        said = re.search(rf"\b{subcommand} ([A-Z].*?\.)(?= |$)", shown)
        assert said, subcommand
        assert said[1] in own


@pytest.mark.parametrize("words", [[], ["posts"]])
def test_no_command_named__shows_the_help_and_calls_it_no_error(
    words: list[str], capsys: pytest.CaptureFixture[str]
) -> None:
    assert main(words) == 2

    shown = capsys.readouterr()
    assert shown.err.startswith("Usage: socialcron")
    assert (shown.out, "Error" in shown.err) == ("", False)


@pytest.mark.parametrize(
    ("words", "said"),
    [
        (["accounts", "show", "abc"], "'abc' is no id: ids are whole numbers from 1"),
        (["posts", "approve", "7", "99999999999999999999"], "'99999999999999999999' is no id"),
        (["posts", "list", "--limit", "many"], "'many' is not a whole number"),
        (["reset-stuck", "--threshold-minutes", "long"], "'long' is not a number"),
    ],
)
def test_numbers__are_called_numbers(words: list[str], said: str, capsys: pytest.CaptureFixture[str]) -> None:
    assert main(words) == 2

    assert said in capsys.readouterr().err
