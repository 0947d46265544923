"""Files for Prometheus, read by the parser of its own client library."""

from __future__ import annotations

import fcntl
import json
import subprocess
import sys
import threading
import time
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any

import pytest
from prometheus_client.parser import text_string_to_metric_families

from socialcron.batches import prometheus
from socialcron.batches.watching import Ended
from socialcron.exitcodes import ExitCode
from tests.conftest import Cli
from tests.world import World


@pytest.fixture
def folder(environment: dict[str, str], tmp_path: Path) -> Path:
    made = tmp_path / "prometheus"
    made.mkdir()
    environment["SOCIALCRON_PROMETHEUS_DIR"] = str(made)
    return made


def read(path: Path) -> dict[str, float]:
    """name{label,...} -> value; every name is ours, every family has help and a type."""
    found = {}
    for family in text_string_to_metric_families(path.read_text()):
        assert family.name.startswith("socialcron_")
        assert family.documentation
        assert family.type in ("gauge", "counter")
        for sample in family.samples:
            assert sample.name.endswith("_total") == (family.type == "counter")
            found[f"{sample.name}{{{','.join(sample.labels.values())}}}"] = sample.value
    return found


def ended(**changed: Any) -> Ended:
    values: dict[str, Any] = {
        "command": "post-due",
        "run_id": "0123456789ab",
        "exit_code": ExitCode.OK,
        "counts": {"claimed": 3, "posted": 2, "failed": 1},
        "error": None,
        "started_at": 100.0,
        "ended_at": 130.0,
    }
    return Ended(**(values | changed))


def test_runs__leave_their_numbers_and_add_up(folder: Path, world: World, cli: Cli) -> None:
    account, began = world.account("stub"), time.time()
    for text in ("one", "two", "two"):
        world.post(account, text)

    for _ in range(2):
        assert cli("post-due").exit_code == 0

    numbers = read(folder / "socialcron_post_due.prom")
    assert numbers["socialcron_runs_total{post-due,0}"] == 2
    assert numbers["socialcron_outcomes_total{post-due,posted}"] == 2
    assert numbers["socialcron_outcomes_total{post-due,failed}"] == 1
    assert numbers["socialcron_run_exit_code{post-due}"] == 0
    start, end = (
        numbers[f"socialcron_run_{word}_timestamp_seconds{{post-due}}"] for word in ("start", "end")
    )
    assert (
        began <= start <= end == numbers["socialcron_run_success_timestamp_seconds{post-due}"] <= time.time()
    )
    assert numbers["socialcron_run_duration_seconds{post-due}"] == pytest.approx(end - start, abs=0.001)


def test_a_failed_run__keeps_the_time_of_the_last_good_one(
    folder: Path, cli: Cli, monkeypatch: pytest.MonkeyPatch
) -> None:
    cli("post-due")
    good = read(folder / "socialcron_post_due.prom")["socialcron_run_success_timestamp_seconds{post-due}"]
    monkeypatch.setenv("DATABASE_URL", "postgresql://nobody@127.0.0.1:1/nowhere")

    assert cli("post-due").exit_code == 69

    numbers = read(folder / "socialcron_post_due.prom")
    assert numbers["socialcron_run_success_timestamp_seconds{post-due}"] == good
    assert numbers["socialcron_run_exit_code{post-due}"] == 69
    assert numbers["socialcron_runs_total{post-due,69}"] == 1


def test_a_command_that_never_succeeded__has_no_such_time(folder: Path) -> None:
    prometheus.write_run(folder, ended(exit_code=ExitCode.CONFIG))

    assert "socialcron_run_success_timestamp_seconds{post-due}" not in read(
        folder / "socialcron_post_due.prom"
    )


def test_every_command__has_a_file_of_its_own(folder: Path, cli: Cli) -> None:
    for words in (["maintain"], ["accounts", "refresh"]):
        cli(*words)

    assert sorted(path.name for path in folder.glob("*.prom")) == [
        "socialcron_accounts_refresh.prom",
        "socialcron_maintain.prom",
    ]


def test_runs_that_end_at_once__lose_no_count_and_readers_see_whole_files(folder: Path) -> None:
    path, stop, seen = folder / "socialcron_post_due.prom", threading.Event(), []

    def watch() -> None:
        while not stop.is_set():
            if path.exists():
                seen.append(read(path)["socialcron_runs_total{post-due,0}"])

    reader = threading.Thread(target=watch)
    reader.start()
    with ThreadPoolExecutor(8) as runs:  # each opens the lock anew, which flock takes for different processes
        list(runs.map(lambda _: prometheus.write_run(folder, ended()), range(40)))
    stop.set()
    reader.join()

    numbers = read(path)
    assert numbers["socialcron_runs_total{post-due,0}"] == 40
    assert numbers["socialcron_outcomes_total{post-due,posted}"] == 80
    assert seen == sorted(seen)
    assert [left.name for left in folder.iterdir() if not left.name.startswith(".")] == [path.name]


def test_a_run_killed_while_it_writes__leaves_the_file_as_it_was(folder: Path) -> None:
    path = folder / "socialcron_post_due.prom"
    prometheus.write_run(folder, ended())
    before = path.read_bytes()
    code = (
        "import os, sys; from pathlib import Path\n"
        "from socialcron.batches import prometheus\n"
        "from socialcron.batches.watching import Ended\n"
        "from socialcron.exitcodes import ExitCode\n"
        "os.rename = lambda *_: os.kill(os.getpid(), 9)\n"
        "prometheus.write_run(Path(sys.argv[1]), Ended(command='post-due', run_id='', exit_code=ExitCode.OK,"
        " counts={}, error=None, started_at=1, ended_at=2))\n"
    )
    assert subprocess.run([sys.executable, "-c", code, str(folder)]).returncode == -9
    assert path.read_bytes() == before
    assert len([left for left in folder.iterdir() if not left.name.startswith(".")]) == 2

    prometheus.write_run(folder, ended())

    assert read(path)["socialcron_runs_total{post-due,0}"] == 2
    assert [left.name for left in folder.iterdir() if not left.name.startswith(".")] == [path.name]


@pytest.mark.parametrize("text", ["", "not a metric {", "socialcron_runs_total\n", "\0\xff"])
def test_a_spoiled_file__is_begun_anew(folder: Path, text: str) -> None:
    path = folder / "socialcron_post_due.prom"
    path.write_text(text, encoding="latin-1")

    prometheus.write_run(folder, ended())

    assert read(path)["socialcron_runs_total{post-due,0}"] == 1


def test_a_folder_that_is_not_there__costs_a_warning(
    cli: Cli, world: World, monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    world.post(world.account("stub"))
    monkeypatch.setenv("SOCIALCRON_PROMETHEUS_DIR", str(tmp_path / "nowhere"))

    ran = cli("post-due")

    assert (ran.exit_code, ran.stdout) == (0, "1 claimed: 1 posted\n")
    (warning,) = [json.loads(line) for line in ran.stderr.splitlines() if "watching_failed" in line]
    assert (warning["level"], warning["step"]) == ("warning", "prometheus")
    assert "No such file" in warning["error"]


def test_a_lock_that_is_never_let_go__stops_no_run(
    folder: Path, cli: Cli, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(prometheus, "LOCK_SECONDS", 0.1)
    with (folder / ".socialcron_post_due.prom.lock").open("a") as lock:
        fcntl.flock(lock, fcntl.LOCK_EX)

        ran = cli("post-due")

    assert ran.exit_code == 0
    assert "keeps socialcron_post_due.prom locked" in ran.stderr
