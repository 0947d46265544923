"""status --watch in real processes: on a real terminal, in a pipe, and while the database is away."""

from __future__ import annotations

import json
import os
import signal
import subprocess
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import pexpect
import psycopg
import pytest
from prometheus_client.parser import text_string_to_metric_families
from psycopg import conninfo

from tests.conftest import Cli
from tests.world import World

ENTER, LEAVE = "\x1b[?1049h", "\x1b[?1049l"  # the terminal's other screen


def arguments(*more: str) -> list[str]:
    return ["-m", "socialcron", "status", "--watch", "0.2", *more]


@contextmanager
def on_a_terminal(environment: dict[str, str]) -> Iterator[Any]:
    del environment["COLUMNS"]
    child = pexpect.spawn(
        sys.executable,
        arguments(),
        env={"PATH": os.environ["PATH"], "TERM": "xterm", **environment},
        dimensions=(24, 250),
        encoding="utf-8",
        timeout=30,
    )
    try:
        yield child
    finally:
        child.close(force=True)


@contextmanager
def in_a_pipe(environment: dict[str, str], *more: str) -> Iterator[subprocess.Popen[str]]:
    with subprocess.Popen(
        [sys.executable, *arguments(*more)],
        env={"PATH": os.environ["PATH"], **environment},
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
    ) as process:
        try:
            yield process
        finally:
            process.kill()


def test_on_a_terminal__it_is_drawn_in_place_until_ctrl_c(world: World, environment: dict[str, str]) -> None:
    account = world.account("stub")
    with on_a_terminal(environment) as terminal:
        terminal.expect_exact(ENTER)
        terminal.expect_exact("Nothing is overdue.")
        world.post(account)
        world.pass_time(5)
        terminal.expect_exact("The oldest overdue post has waited 5 min")
        terminal.sendintr()
        terminal.expect_exact(LEAVE)
        terminal.expect(pexpect.EOF)
        terminal.wait()

    assert (terminal.exitstatus, terminal.signalstatus) == (0, None)
    assert "Error" not in terminal.before


@pytest.mark.direct("its connections are cut")
def test_while_the_database_is_away__it_says_so_and_goes_on(
    server_url: str, direct_url: str, environment: dict[str, str]
) -> None:
    name = conninfo.conninfo_to_dict(direct_url)["dbname"]
    admin = psycopg.connect(server_url, autocommit=True)
    with on_a_terminal(environment) as terminal:
        terminal.expect_exact("Nothing is overdue.")
        admin.execute(f'ALTER DATABASE "{name}" ALLOW_CONNECTIONS false'.encode())
        admin.execute("SELECT pg_terminate_backend(pid) FROM pg_stat_activity WHERE datname = %s", (name,))
        terminal.expect_exact("It is tried again.")
        terminal.expect_exact("not currently accepting connections")
        admin.execute(f'ALTER DATABASE "{name}" ALLOW_CONNECTIONS true'.encode())
        terminal.expect_exact("Nothing is overdue.")
        terminal.sendintr()
        terminal.expect(pexpect.EOF)
        terminal.wait()
    admin.close()

    assert terminal.exitstatus == 0


def test_in_a_pipe__each_look_is_printed_without_control_characters(
    world: World, environment: dict[str, str]
) -> None:
    with in_a_pipe(environment) as process:
        assert process.stdout is not None
        seen: list[str] = []
        while sum("Nothing is overdue" in line for line in seen) < 3:
            seen.append(process.stdout.readline())
        process.send_signal(signal.SIGINT)
        assert process.wait(20) == 0

    assert "\x1b" not in "".join(seen)
    assert "every 0.2 s" in seen[0]


def test_json__is_one_document_a_line(world: World, environment: dict[str, str], tmp_path: Path) -> None:
    numbers = tmp_path / "socialcron.prom"
    with in_a_pipe(environment, "--json", "--prometheus", str(numbers)) as process:
        assert process.stdout is not None
        assert json.loads(process.stdout.readline())["data"]["posts"]["scheduled"] == 0
        world.post(world.account("stub"), due="now() + interval '1 hour'")
        while not json.loads(process.stdout.readline())["data"]["posts"]["scheduled"]:
            pass
        process.send_signal(signal.SIGINT)
        assert process.wait(20) == 0

    posts = next(
        family
        for family in text_string_to_metric_families(numbers.read_text())
        if family.name == "socialcron_posts"
    )
    assert {sample.labels["status"]: sample.value for sample in posts.samples}["scheduled"] == 1


def test_a_reader_that_has_seen_enough__is_no_error(world: World, environment: dict[str, str]) -> None:
    with in_a_pipe(environment, "--json") as process:
        assert process.stdout is not None
        process.stdout.readline()
        process.stdout.close()
        assert process.wait(20) == 0
        assert process.stderr is not None
        assert process.stderr.read() == ""


def test_a_database_that_was_never_there__is_an_error_at_once(
    cli: Cli, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("DATABASE_URL", "postgresql://me@127.0.0.1:1/nowhere")
    assert cli("status", "--watch").exit_code == 69


def test_seconds__belong_to_watch(cli: Cli) -> None:
    ran = cli("status", "5")
    assert (ran.exit_code, "SECONDS are for --watch" in ran.stderr) == (2, True)


def test_numbers_of_the_queue__are_written_for_prometheus(cli: Cli, world: World, tmp_path: Path) -> None:
    world.post(world.account("stub"))
    world.pass_time(5)
    cli("maintain")
    world.run(
        "INSERT INTO socialcron.rate_limits (key, platform, family, remaining, reset_at, blocked_until)"
        " VALUES ('x:app', 'x', 'publish', 7, now() + interval '1 hour', now() + interval '1 hour')"
    )
    path = tmp_path / "queue.prom"

    ran = cli("status", "--prometheus", path)

    assert "The oldest overdue post" in ran.stdout
    found = {
        (sample.name.removeprefix("socialcron_"), *sample.labels.values()): sample.value
        for family in text_string_to_metric_families(path.read_text())
        for sample in family.samples
    }
    assert found["posts", "scheduled"] == 1
    assert 299 < found["overdue_seconds",] < 400
    assert found["queue_jobs", "publishing", "waiting"] == 1
    assert found["accounts", "active"] == 1
    assert found["rate_limit_remaining", "x:app", "x"] == 7
    assert found["command_last_exit_code", "maintain"] == 0
    assert found["status_timestamp_seconds",] - found["command_last_run_timestamp_seconds", "maintain"] < 60


def test_a_file_that_cannot_be_written__is_an_error(cli: Cli, tmp_path: Path) -> None:
    ran = cli("status", "--prometheus", tmp_path / "nowhere" / "queue.prom")
    assert (ran.exit_code, "cannot write" in ran.stderr) == (2, True)


def test_an_empty_file_name__is_not_the_working_directory(cli: Cli) -> None:
    ran = cli("status", "--prometheus", "")
    assert (ran.exit_code, "no file is named for --prometheus" in ran.stderr) == (2, True)
