"""Shell completion: the real bash, and what zsh and fish ask. (typer imports its part of it anyway.)"""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path

import pytest

from tests.conftest import Cli, require_program

BIN = Path(sys.executable).parent


def run(*command: str, **variables: str) -> str:
    environ = {"PATH": f"{BIN}:{os.environ['PATH']}", "HOME": "/nonexistent", **variables}
    done = subprocess.run(command, env=environ, capture_output=True, text=True, timeout=60)
    assert done.stderr == ""
    return done.stdout


@pytest.mark.parametrize(
    ("line", "follows"),
    [
        ("socialcron reset", ["reset-stuck", "reset-ratelimits"]),
        ("socialcron posts ex", ["explain"]),
        ("socialcron post-due --look", ["--look-ahead"]),
        ("socialcron completion z", ["zsh"]),
    ],
)
def test_bash__completes_commands_options_and_choices(line: str, follows: list[str]) -> None:
    words = line.split(" ")
    script = f"""
        eval "$(socialcron completion bash)"
        COMP_WORDS=({" ".join(words[:-1])} "{words[-1]}") COMP_CWORD={len(words) - 1}
        _socialcron_completion socialcron
        printf '%s\\n' "${{COMPREPLY[@]}}"
    """

    assert run(require_program("bash"), "--norc", "-c", script).split() == follows


def test_fish_and_zsh__are_told_what_each_command_does() -> None:
    fish = run(
        str(BIN / "socialcron"),
        _SOCIALCRON_COMPLETE="complete_fish",
        _TYPER_COMPLETE_FISH_ACTION="get-args",
        _TYPER_COMPLETE_ARGS="socialcron main",
    )
    zsh = run(
        str(BIN / "socialcron"),
        _SOCIALCRON_COMPLETE="complete_zsh",
        _TYPER_COMPLETE_ARGS="socialcron main",
    )

    assert fish == "maintain\tDrop old history, make partitions, heal hints; for once a day.\n"
    assert '"maintain":"Drop old history' in zsh


@pytest.mark.parametrize("shell", ["bash", "zsh", "fish"])
def test_completion__prints_a_script_without_any_setting(bare_cli: Cli, shell: str) -> None:
    ran = bare_cli("completion", shell, "--json")

    assert ran.data["shell"] == shell
    assert "_SOCIALCRON_COMPLETE=complete_" in ran.data["script"]
    assert bare_cli("completion", "tcsh").exit_code == 2
