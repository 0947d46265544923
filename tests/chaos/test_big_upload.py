"""A large film: the process is killed midway, the next run sends only the rest, and neither holds it in memory.

The processes are real ones, not forks of this one: their peak memory is their own. `make chaos` sends 200 MB, as people
do; elsewhere 50, which a process that held it all would still show.
"""

from __future__ import annotations

import os
import re
import signal
import subprocess
import sys
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import pytest

from socialcron.sandbox.pinterest import FIRST_BOARD
from tests.media import write_mp4
from tests.world import World

MB = 10**6
SIZE = (200 if os.environ.get("CHAOS_FULL") else 50) * MB
MOST_MEMORY = 100 * 2**20
MOST_ROUNDS = 10
STEP_MINUTES = 4.0  # longer than a lease and the threshold below

PRIVATE = {"variants": {"tiktok": {"options": {"privacy_level": "SELF_ONLY"}}}}
REEL = {"variants": {"facebook": {"options": {"type": "reel"}}}}


@dataclass(frozen=True, slots=True)
class Place:
    """piece_bytes: what may have arrived without our having noted it. most_bytes: of a film there."""

    platform: str
    piece_bytes: int = 0
    most_bytes: int = SIZE
    post: Mapping[str, Any] = field(default_factory=dict)
    film: Mapping[str, Any] = field(default_factory=dict)
    settings: Mapping[str, Any] = field(default_factory=dict)

    def __str__(self) -> str:
        return self.platform


IN_PIECES = (
    Place("linkedin", 4 * 2**20),
    Place("tiktok", 20 * MB, post=PRIVATE),
    Place("x", 2**20),
    Place("youtube", 9 * 2**20),
)
IN_ONE = (
    Place("discord", most_bytes=9 * MB),
    Place("facebook", post=REEL, film={"width": 1080, "height": 1920}),
    Place("mastodon", most_bytes=99 * MB),
    Place("pinterest", settings={"board_id": str(FIRST_BOARD)}),
    Place("telegram", most_bytes=49 * MB, settings={"chat_id": "@me"}),
)

# Argument 1: after how many bytes of requests the process kills itself; 0: not at all. What counts as sent is what went
# into requests that were answered.
RUN = """
import os, re, signal, sys
from dataclasses import replace
from httpx import SyncByteStream
from socialcron.cli import main
from socialcron.model import Wait
from socialcron.platforms import registry
from socialcron.platforms.http import Http

most, sent, answered, exchange = int(sys.argv[1]), 0, 0, Http.exchange

def report():
    peak = re.search(r"VmHWM:\\s+(\\d+)", open("/proc/self/status").read())[1]
    os.write(2, f"\\nsent {answered} bytes, peak {peak} KiB\\n".encode())

class Counted(SyncByteStream):
    def __init__(self, stream):
        self.stream = stream

    def __iter__(self):
        global sent
        for block in self.stream:
            sent += len(block)
            if 0 < most <= sent:
                report()
                os.kill(os.getpid(), signal.SIGKILL)
            yield block

def counted(self, request, deadline):
    global answered
    before, request.stream = sent, Counted(request.stream)
    answer = exchange(self, request, deadline)
    answered += sent - before
    return answer

def hurried(prepare):
    def call(*args):  # processing takes seconds; nothing here depends on it
        result = prepare(*args)
        return replace(result, seconds=0.01) if isinstance(result, Wait) else result
    return call

Http.exchange = counted
adapter = type(registry.adapter(sys.argv[2]))
adapter.prepare = hurried(adapter.prepare)
code = main(["post-due", "--json"])
report()
sys.exit(code)
"""


@dataclass(frozen=True, slots=True)
class Ended:
    exit_code: int
    sent_bytes: int
    peak_bytes: int
    log: str


def run(platform: str, environment: Mapping[str, str], *, kill_after: int = 0) -> Ended:
    done = subprocess.run(
        [sys.executable, "-c", RUN, str(kill_after), platform],
        env={"PATH": os.environ["PATH"], "STUCK_THRESHOLD_MINUTES": "3", **environment},
        capture_output=True,
        text=True,
        timeout=300,
    )
    log = done.stdout + done.stderr
    told = re.search(r"sent (\d+) bytes, peak (\d+) KiB", done.stderr)
    assert told, log
    return Ended(done.returncode, int(told[1]), int(told[2]) * 1024, log)


@pytest.mark.parametrize("place", IN_PIECES, ids=str)
def test_big_upload__goes_on_where_the_killed_process_was(
    world: World,
    environment: dict[str, str],
    tmp_path: Path,
    place: Place,
    record_property: Callable[[str, object], None],
) -> None:
    post = schedule(world, tmp_path, place)

    killed = run(place.platform, environment, kill_after=SIZE // 2)
    assert killed.exit_code == -signal.SIGKILL, killed.log
    runs = run_until_posted(world, environment, place, post)

    rest, peak = sum(ended.sent_bytes for ended in runs), peak_of(killed, *runs)
    numbers = {"film": SIZE // MB, "sent after the kill": rest // MB, "peak memory": peak // MB}
    record_property("summary", {"title": f"big upload, {place}, MB", **numbers})
    again = killed.sent_bytes + rest - SIZE
    assert again < place.piece_bytes + MB, f"{again} bytes were sent twice"
    assert peak < MOST_MEMORY


@pytest.mark.parametrize("place", IN_ONE, ids=str)
def test_big_upload__in_one_piece_is_not_held_in_memory(
    world: World,
    environment: dict[str, str],
    tmp_path: Path,
    place: Place,
    record_property: Callable[[str, object], None],
) -> None:
    post = schedule(world, tmp_path, place)

    runs = run_until_posted(world, environment, place, post)

    peak = peak_of(*runs)
    numbers = {"film": min(SIZE, place.most_bytes) // MB, "peak memory": peak // MB}
    record_property("summary", {"title": f"big upload, {place}, MB", **numbers})
    assert peak < MOST_MEMORY


def schedule(world: World, folder: Path, place: Place) -> int:
    write_mp4(folder / "film.mp4", min(SIZE, place.most_bytes), seconds=20, **place.film)
    account = world.account(place.platform, settings=dict(place.settings))
    return world.post(account, "A film", media=["film.mp4"], **place.post)


def run_until_posted(world: World, environment: dict[str, str], place: Place, post: int) -> list[Ended]:
    runs: list[Ended] = []
    while len(runs) < MOST_ROUNDS and world.row(post)["status"] != "posted":
        world.pass_time(STEP_MINUTES)
        world.sandbox.advance(STEP_MINUTES * 60)
        runs.append(run(place.platform, environment))
        assert runs[-1].exit_code == 0, runs[-1].log
    assert world.row(post)["status"] == "posted", (world.row(post)["last_error"], runs[-1].log)
    assert len(world.sandbox.posts(place.platform)) == 1
    return runs


def peak_of(*ended: Ended) -> int:
    return max(one.peak_bytes for one in ended)
