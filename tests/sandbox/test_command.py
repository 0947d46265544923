from __future__ import annotations

import json
import os
import signal
import socket
import subprocess
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import httpx
import pytest


@contextmanager
def running(*options: str) -> Iterator[subprocess.Popen[str]]:
    process = subprocess.Popen(
        [sys.executable, "-m", "socialcron", "sandbox", *options],
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
        env=os.environ | {"NO_COLOR": "1"},
    )
    try:
        yield process
    finally:
        process.kill()
        process.communicate()


def first_line(process: subprocess.Popen[str]) -> str:
    assert process.stdout is not None
    return process.stdout.readline()


@pytest.mark.parametrize("stop", [signal.SIGINT, signal.SIGTERM])
def test_sandbox__prints_one_document_when_ready_and_serves_until_told_to_stop(stop: signal.Signals) -> None:
    with running("--port", "0", "--json") as process:
        data = json.loads(first_line(process))["data"]
        assert data["platforms"]["mastodon"] == f"http://127.0.0.1:{data['port']}/mastodon"
        assert httpx.get(data["control"] + "/state").json()["base_url"] == data["base_url"]
        process.send_signal(stop)
        out, err = process.communicate(timeout=10)
        assert (process.returncode, out, err) == (0, "", "")


def test_sandbox__says_where_the_files_of_the_media_folder_are(tmp_path: Path) -> None:
    (tmp_path / "sun.txt").write_text("sun")
    with running("--port", "0", "--media", str(tmp_path)) as process:
        assert process.stdout is not None
        urls = dict(line.split() for line in iter(process.stdout.readline, "Ctrl-C stops it.\n"))
        assert httpx.get(f"{urls['media']}/sun.txt").text == "sun"


def test_sandbox__lists_the_base_urls_and_takes_faults() -> None:
    with running("--port", "0", "--faults", "mastodon:5xx=1", "--no-limits") as process:
        name, url = first_line(process).split()
        assert name == "mastodon"
        assert httpx.get(url + "/api/v2/instance").status_code == 503


@pytest.mark.parametrize(
    ("options", "exit_code", "says"),
    [
        (("--host", "0.0.0.0"), 2, "loopback"),
        (("--host", "example.org"), 2, "loopback"),
        (("--faults", "earthquake=1"), 2, "earthquake"),
        (("--faults", "myspace:drop=1", "--port", "0"), 2, "myspace"),
    ],
)
def test_sandbox__refuses_bad_options(options: tuple[str, ...], exit_code: int, says: str) -> None:
    with running("--json", *options) as process:
        out, _ = process.communicate(timeout=10)
    assert process.returncode == exit_code
    assert says in json.loads(out)["error"]["message"]


def test_sandbox__says_when_the_port_is_taken() -> None:
    with (
        socket.create_server(("127.0.0.1", 0)) as taken,
        running("--port", str(taken.getsockname()[1])) as process,
    ):
        _, err = process.communicate(timeout=10)
    assert process.returncode == 69
    assert "--port 0" in err
