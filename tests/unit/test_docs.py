"""README, .env.example and crontab.example say what the code does. That each command has help is in test_help.py."""

from __future__ import annotations

import re
import shlex
from collections.abc import Iterator
from dataclasses import fields
from inspect import getsource
from pathlib import Path

import pytest

from socialcron import exitcodes
from socialcron.batches.importing import COLUMNS
from socialcron.exitcodes import ExitCode
from socialcron.platforms import registry
from socialcron.settings import Settings
from tests.commands import all_commands

CHECKOUT = Path(__file__).resolve().parents[2]
README = (CHECKOUT / "README.md").read_text()
CRONTAB = (CHECKOUT / "crontab.example").read_text()


def section(heading: str, text: str = README) -> str:
    found = re.search(rf"^##+ {re.escape(heading)}\n(.*?)(?=^## |\Z)", text, re.MULTILINE | re.DOTALL)
    assert found, heading
    return found[1]


def first_cells(heading: str) -> list[str]:
    """What is in backticks in the first column of the tables of a section."""
    rows = re.findall(r"^\| ([^|]*`[^|]*)\|", section(heading), re.MULTILINE)
    return [word for row in rows for word in re.findall(r"`([^`]+)`", row)]


def test_readme__lists_every_command_and_no_other() -> None:
    assert sorted(first_cells("Commands")) == sorted(name for name, _ in all_commands())


def test_readme__lists_every_setting_and_its_default() -> None:
    defaults = dict(re.findall(r"^\| `([A-Z_]+)` \| `?(\d+|\w+)?`? ", section("Settings"), re.MULTILINE))
    assert set(first_cells("Settings")) == {spec.metadata["env"] for spec in fields(Settings)}
    for spec in fields(Settings):
        if isinstance(spec.default, int) and spec.metadata["env"] != "SOCIALCRON_MAX_MEDIA_BYTES":  # "1 GiB"
            assert defaults[spec.metadata["env"]] == str(spec.default).lower()


def test_readme__gives_every_exit_code_the_meaning_it_has_in_the_code() -> None:
    rows = {
        int(code): meaning for code, meaning in re.findall(r"^\| (\d+) \| (.+) \|$", README, re.MULTILINE)
    }
    meanings = dict(re.findall(r"^    ([A-Z_]+) = \d+  # (.+)$", getsource(exitcodes), re.MULTILINE))
    assert set(rows) == {int(code) for code in ExitCode}
    for code in ExitCode:
        if code != ExitCode.ITEM_FAILED:  # README names the commands there are
            assert rows[code] == meanings[code.name]


def test_readme__has_a_row_for_every_platform() -> None:
    assert sorted(first_cells("Platforms")) == sorted(registry.names())


def test_readme__names_every_column_of_an_import() -> None:
    assert sorted(first_cells("Importing a file")) == sorted(COLUMNS)


@pytest.mark.parametrize("name", ["README.md", "crontab.example"])
def test_commands_in_documents__exist_and_their_options_parse(name: str) -> None:
    parsers = dict(all_commands())
    found = 0
    for line in command_lines((CHECKOUT / name).read_text()):
        words = shlex.split(line, comments=True)
        length = 2 if " ".join(words[:2]) in parsers else 1
        path = " ".join(words[:length])
        assert path in parsers, line
        parsers[path].make_context(path, words[length:])  # raises for what does not parse
        found += 1
    assert found >= 3


def command_lines(text: str) -> Iterator[str]:
    """What follows `socialcron` in code blocks or a crontab, up to a pipe, a redirection or a further command."""
    if "```" in text:
        text = "\n".join(re.findall(r"^```(?:sh|text)\n(.*?)^```", text, re.MULTILINE | re.DOTALL))
    for line in text.replace("\\\n", "").splitlines():
        if not line.startswith("#") and (found := re.search(r"(?:^|[ |&] *)socialcron ([a-z][^|&>]+)", line)):
            yield found[1]


def test_readme__links_lead_somewhere() -> None:
    anchors = {
        re.sub(r"[^\w\- ]", "", heading.lower()).replace(" ", "-")
        for heading in re.findall(r"^##+ (.+)$", README, re.MULTILINE)
    }
    for target in re.findall(r"\]\(([^)]+)\)", README):
        assert target[1:] in anchors if target.startswith("#") else (CHECKOUT / target).exists(), target
