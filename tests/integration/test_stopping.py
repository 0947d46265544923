"""SIGTERM before a run has begun its work: the process says a word and exits 75, and nothing is left behind."""

from __future__ import annotations

import json
import os
import signal
import socket
import subprocess
import sys
from collections.abc import Iterator
from contextlib import closing

import pytest

from tests.watcher import Watcher, watcher


@pytest.fixture
def silent_server() -> Iterator[socket.socket]:
    """A database that takes the connection and says nothing."""
    with closing(socket.create_server(("127.0.0.1", 0))) as listener:
        yield listener


@pytest.fixture
def pinged(environment: dict[str, str]) -> Iterator[Watcher]:
    with watcher() as running:
        environment |= {"SOCIALCRON_PING_URL": running.url, "NO_PROXY": "127.0.0.1"}
        yield running


def stop_while_connecting(
    listener: socket.socket, environment: dict[str, str], number: signal.Signals, *words: str
) -> subprocess.CompletedProcess[str]:
    port = listener.getsockname()[1]
    environment["DATABASE_URL"] = f"postgresql://me@127.0.0.1:{port}/nowhere"
    process = subprocess.Popen(
        [sys.executable, "-m", "socialcron", *words],
        env={"PATH": os.environ["PATH"], **environment},
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
    )
    connection, _ = listener.accept()
    with connection:
        process.send_signal(number)
        out, err = process.communicate(timeout=30)
    return subprocess.CompletedProcess(process.args, process.returncode, out, err)


@pytest.mark.parametrize("number", [signal.SIGTERM, signal.SIGINT])
@pytest.mark.parametrize("words", [["post-due"], ["status"]])
def test_stopped_while_it_connects__it_says_so_and_exits_75(
    silent_server: socket.socket, environment: dict[str, str], number: signal.Signals, words: list[str]
) -> None:
    done = stop_while_connecting(silent_server, environment, number, *words)

    assert (done.returncode, done.stdout) == (75, "")
    assert done.stderr == "Error: interrupted\nHint: Run it again.\n"


def test_stopped_while_it_connects__it_says_so_in_json(
    silent_server: socket.socket, environment: dict[str, str]
) -> None:
    done = stop_while_connecting(silent_server, environment, signal.SIGTERM, "post-due", "--json")

    assert (done.returncode, json.loads(done.stdout)["error"]["code"]) == (75, "interrupted")


def test_stopped_while_it_connects__who_watches_hears_that_it_was_neither_well_nor_ill(
    silent_server: socket.socket, environment: dict[str, str], pinged: Watcher
) -> None:
    done = stop_while_connecting(silent_server, environment, signal.SIGTERM, "post-due")

    assert done.returncode == 75
    assert pinged.paths == ["socialcron-post-due/start", "socialcron-post-due/log"]
