"""`make demo` itself, but for its virtual environment: real processes, a PostgreSQL of its own."""

from __future__ import annotations

import os
import re
import signal
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest

CHECKOUT = Path(__file__).resolve().parents[2]


def start(directory: Path, *options: str) -> subprocess.Popen[str]:
    return subprocess.Popen(
        [sys.executable, "-m", "tests.demo", "--directory", str(directory), *options],
        cwd=CHECKOUT,
        # What a user may have set for real work: none of it may reach the demo.
        env=os.environ | {"DATABASE_URL": "postgresql://nobody@127.0.0.1:1/real", "TZ": "Europe/Berlin"},
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        text=True,
    )


@pytest.fixture
def directory(tmp_path: Path) -> Iterator[Path]:
    path = tmp_path / "demo"
    yield path
    start(path, "--clean").communicate(timeout=60)
    assert not path.exists()


def processes_of(directory: Path) -> list[str]:
    """Whoever works in the demo's directory or its database's."""
    homes = (str(directory), str((directory / "home" / "postgres").resolve()))
    found = []
    for entry in Path("/proc").glob("[0-9]*"):
        try:
            where = str((entry / "cwd").readlink())
        except OSError:
            continue  # it ended meanwhile, or is somebody else's
        if where.startswith(homes):
            found.append((entry / "cmdline").read_text())
    return found


def test_demo__publishes_everything_once__and_does_so_again(directory: Path) -> None:
    for hours in "10":
        demo = start(directory, "--hours", hours)
        said, _ = demo.communicate(timeout=400)

        assert demo.returncode == 0, said
        assert re.search("^23 claimed: .*1 accepted, 1 unconfirmed", said, re.MULTILINE), said
        assert "$ socialcron posts explain 12\npost 12, unconfirmed: " in said
        assert "1 reconciled" in said
        assert re.search(
            r"^Posts *\n *scheduled +processing +posted .*\n.*\n +0 +0 +23 ", said, re.MULTILINE
        ), said
        assert "23 posts, each confirmed on the sandbox's side exactly once; nothing else is there." in said
        assert processes_of(directory) == []


def test_demo__stops_what_it_started_when_it_is_interrupted(directory: Path) -> None:
    demo = start(directory)
    assert demo.stdout is not None
    for line in demo.stdout:
        if line.startswith("connected stub account"):
            break
    assert processes_of(directory)

    demo.send_signal(signal.SIGTERM)
    said, _ = demo.communicate(timeout=60)

    assert demo.returncode == 130
    assert said.endswith("The demo was stopped.\n")
    assert processes_of(directory) == []
