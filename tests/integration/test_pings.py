"""Pings, against a real server: told of each start and end, and unable to change a run whatever it does."""

from __future__ import annotations

import json
import os
import subprocess
import sys
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any
from uuid import UUID

import pytest

from tests.conftest import Cli
from tests.watcher import KEY, Watcher, watcher
from tests.world import World


@pytest.fixture
def pinged(environment: dict[str, str]) -> Iterator[Watcher]:
    with watcher() as running:
        environment["SOCIALCRON_PING_URL"] = running.url
        environment["NO_PROXY"] = "127.0.0.1"  # pings obey proxies
        yield running


def logged(stderr: str, event: str) -> list[dict[str, Any]]:
    lines = [json.loads(line) for line in stderr.splitlines() if line.startswith("{")]
    return [line for line in lines if line["event"] == event]


def test_an_idle_run__starts_and_succeeds_under_one_id(pinged: Watcher, cli: Cli) -> None:
    ran = cli("post-due")

    assert (ran.exit_code, ran.stdout, ran.stderr) == (0, "", "")
    assert pinged.paths == ["socialcron-post-due/start", "socialcron-post-due"]
    (start_id,), (end_id,) = (ping.query["rid"] for ping in pinged.pings)
    assert start_id == end_id == str(UUID(start_id))
    assert {tuple(ping.query["create"]) for ping in pinged.pings} == {("1",)}
    assert json.loads(pinged.pings[1].body)["claimed"] == 0


def test_a_run_that_acted__says_what_it_did(pinged: Watcher, world: World, cli: Cli) -> None:
    world.post(world.account("stub"))

    ran = cli("post-due")

    body = json.loads(pinged.pings[-1].body)
    assert (body["posted"], body["exit_code"]) == (1, 0)
    (published,) = logged(ran.stderr, "post_published")
    assert pinged.pings[-1].query["rid"][0].replace("-", "").startswith(published["run_id"])


def test_every_cron_job__has_a_slug_of_its_own(pinged: Watcher, cli: Cli) -> None:
    jobs = (
        "post-due",
        "collect-metrics",
        "trigger-monitoring",
        "cache-media",
        "reset-stuck",
        "reset-ratelimits",
        "maintain",
        "accounts refresh",
    )
    for job in jobs:
        assert cli(*job.split()).exit_code == 0

    assert pinged.paths[1::2] == [f"socialcron-{job.replace(' ', '-')}" for job in jobs]


def test_what_nobody_waits_for__pings_nobody(pinged: Watcher, cli: Cli) -> None:
    cli("post-due", "--dry-run")
    cli("status")

    assert pinged.pings == []


def test_a_run_that_fails__says_why_and_keeps_its_exit_code(
    pinged: Watcher, cli: Cli, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("DATABASE_URL", "postgresql://me:open-sesame@127.0.0.1:1/nowhere")

    ran = cli("post-due")

    assert ran.exit_code == 69
    assert pinged.paths == ["socialcron-post-due/start", "socialcron-post-due/fail"]
    body = json.loads(pinged.pings[1].body)
    assert body["exit_code"] == 69
    assert "cannot reach PostgreSQL" in body["error"]
    assert "open-sesame" not in pinged.pings[1].body


def test_failed_items__fail_a_strict_run_only(pinged: Watcher, world: World, cli: Cli) -> None:
    account = world.account("stub")
    for strict in ([], ["--strict"]):
        world.post(account, "twice")
        world.post(account, "twice")
        cli("post-due", *strict)

    assert pinged.paths[1::2] == ["socialcron-post-due", "socialcron-post-due/fail"]


@pytest.mark.parametrize(
    ("status", "error", "tries"),
    [(500, "answered 500", 2), (404, "answered 404", 1), (429, "answered 429", 1)],
)
def test_a_server_that_refuses__costs_a_warning_without_its_address(
    pinged: Watcher, world: World, cli: Cli, status: int, error: str, tries: int
) -> None:
    world.post(world.account("stub"))
    pinged.status = lambda path: status

    ran = cli("post-due")

    assert (ran.exit_code, ran.stdout) == (0, "1 claimed: 1 posted\n")
    assert pinged.paths.count("socialcron-post-due") == tries
    assert [(line["ping"], line["error"]) for line in logged(ran.stderr, "ping_failed")] == [
        ("start", error),
        ("success", error),
    ]
    assert KEY not in ran.stderr


def test_no_server_at_all__costs_a_warning(cli: Cli, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("SOCIALCRON_PING_URL", f"http://127.0.0.1:1/{KEY}")

    ran = cli("post-due")

    assert (ran.exit_code, ran.stdout) == (0, "")
    assert {line["error"] for line in logged(ran.stderr, "ping_failed")} == {"Connection refused"}
    assert KEY not in ran.stderr


def test_one_watcher_that_fails__does_not_disturb_the_other(
    pinged: Watcher, cli: Cli, monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    monkeypatch.setenv("SOCIALCRON_PROMETHEUS_DIR", str(tmp_path / "nowhere"))

    ran = cli("post-due")

    assert ran.exit_code == 0
    assert [line["step"] for line in logged(ran.stderr, "watching_failed")] == ["prometheus"]
    assert pinged.paths == ["socialcron-post-due/start", "socialcron-post-due"]


def test_a_start_that_failed_for_a_moment__is_told_again(pinged: Watcher, world: World, cli: Cli) -> None:
    world.post(
        world.account("stub"), due="now() + interval '2 seconds'"
    )  # a run long enough for a second try
    answers = iter([503])
    pinged.status = lambda path: next(answers, 200)

    ran = cli("post-due", "--look-ahead", 5)

    assert pinged.paths == ["socialcron-post-due/start"] * 2 + ["socialcron-post-due"]
    assert logged(ran.stderr, "ping_failed") == []


def test_a_server_that_hangs__makes_no_post_late(pinged: Watcher, world: World, cli: Cli) -> None:
    now = world.post(world.account("stub", "now"), "at once")
    soon = world.post(world.account("stub", "soon"), "on its second", due="now() + interval '2 seconds'")
    pinged.status = lambda path: None

    ran = cli("post-due", "--look-ahead", 5)

    assert (ran.exit_code, ran.stdout) == (0, "2 claimed: 2 posted\n"), ran.stderr
    late = "SELECT extract(epoch FROM posted_at - due_at)::float8 FROM socialcron.posts WHERE id = %s"
    assert 0 <= world.value(late, soon) < 1
    assert world.value(late, now) < 2  # the first try of the first ping takes as long
    assert [line["ping"] for line in logged(ran.stderr, "ping_failed")][-1] == "success"
    assert KEY not in ran.stderr


def test_a_server_that_hangs__lets_the_process_end(
    pinged: Watcher, environment: dict[str, str], tmp_path: Path
) -> None:
    pinged.status = lambda path: None
    began = time.monotonic()

    done = subprocess.run(
        [sys.executable, "-m", "socialcron", "post-due"],
        env={"PATH": os.environ["PATH"], "PYTHONPATH": os.getcwd(), **environment},
        cwd=tmp_path,
        capture_output=True,
        text=True,
        timeout=60,
    )

    assert (done.returncode, done.stdout) == (0, ""), done.stderr
    assert (
        time.monotonic() - began < 15
    )  # five of patience; as long again for a loaded machine to start Python
    assert [line["ping"] for line in logged(done.stderr, "ping_failed")][-1] == "success"


def test_a_stopped_run__neither_succeeded_nor_failed(
    pinged: Watcher, world: World, environment: dict[str, str], tmp_path: Path
) -> None:
    world.post(world.account("stub"), due="now() + interval '40 seconds'")
    process = subprocess.Popen(
        [sys.executable, "-m", "socialcron", "post-due", "--look-ahead", "60"],
        env={"PATH": os.environ["PATH"], "PYTHONPATH": os.getcwd(), **environment},
        cwd=tmp_path,
        stdout=subprocess.DEVNULL,
        stderr=subprocess.DEVNULL,
    )
    wait_until(lambda: world.value("SELECT first_claimed_at FROM socialcron.posts") is not None)
    process.terminate()

    assert process.wait(30) == 75
    assert pinged.paths == ["socialcron-post-due/start", "socialcron-post-due/log"]


def wait_until(true: Any) -> None:
    give_up_at = time.monotonic() + 30
    while not true():
        assert time.monotonic() < give_up_at
        time.sleep(0.05)
