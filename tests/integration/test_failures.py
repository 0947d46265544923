"""The database fails, really: restarted, crashed, cut off, silent, locked, full, read-only, another version.

Each time: one clear error, its exit code, nothing sent twice, and the next runs do what was left.
"""

from __future__ import annotations

import json
import os
import resource
import signal
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import psycopg
import pytest
from psycopg import conninfo

from socialcron.exitcodes import ExitCode
from socialcron.sandbox.server import Sandbox
from socialcron.settings import Settings
from socialcron.store import core, embedded, engine, migrate, sqlfiles
from socialcron.store.engine import Database
from socialcron.store.sqlfiles import Migration
from tests import servers
from tests.chaos import children
from tests.chaos.children import Child, Ended, Trap
from tests.conftest import Cli
from tests.world import World

SEND = "write "
BEFORE_THE_CLAIM, BEFORE_THE_SEND, AFTER_THE_SEND = "db lock_due_accounts", "db begin_sending", SEND


@dataclass(slots=True)
class Stage:
    """One account with one post, and runs that are frozen while the database fails."""

    world: World
    environment: dict[str, str]
    started: list[Child] = field(default_factory=list)

    def start(self, *arguments: str, trap: Trap | None = None, **more: str) -> Child:
        environment = self.environment | {"STUCK_THRESHOLD_MINUTES": "3"} | more
        child = children.start([*arguments, "--json"], environment, trap, patch=impatient)
        self.started.append(child)
        if trap:
            child.wait_until_frozen()
        return child

    def run(self, *arguments: str, **more: str) -> Ended:
        return self.start(*arguments, trap=None, **more).wait()

    def settle(self) -> None:
        for _ in range(5):
            assert self.run("post-due").exit_code == 0
            self.world.pass_time(6)

    def assert_out_once(self, *posts: int) -> None:
        assert {self.world.row(post)["status"] for post in posts} == {"posted"}
        assert len(self.world.sandbox.posts("mastodon")) == len(posts)


def impatient() -> None:
    """In a child: what is tried for minutes is tried for seconds.

    The limit of a lock stays far below that of silence: on a busy machine both take longer.
    """
    engine.LIMITS = b"SET LOCAL statement_timeout = '20s'; SET LOCAL lock_timeout = '500ms'; "
    engine._BEGIN = b"BEGIN; " + engine.LIMITS
    engine._BEGIN_DURABLE = engine._BEGIN
    engine._SCHEMA_CHECK = engine.LIMITS + engine._SCHEMA_CHECK.rpartition(b"; ")[2]
    engine.SILENCE_SECONDS = 4.0
    assert (
        core.__name__ in sys.modules
    )  # imported before this, as it is wherever another test has listed something
    engine._CONNECTION_DEFAULTS["connect_timeout"] = 2


def calls(child: Child) -> list[str]:
    return (child.place / "calls").read_text().splitlines()


def resumed(child: Child) -> Ended:
    child.resume()
    return child.wait()


def error_of(ended: Ended) -> dict[str, str]:
    lines = [line for line in ended.log.splitlines() if line.startswith('{"schema"')]
    assert len(lines) == 1, ended.log
    error: dict[str, str] = json.loads(lines[0])["error"]
    return error


@pytest.fixture
def stage(world: World, environment: dict[str, str]) -> Iterator[Stage]:
    yield from _staged(Stage(world, environment))


def _staged(stage: Stage) -> Iterator[Stage]:
    yield stage
    for child in stage.started:
        if child.place.exists():  # not waited for
            child.signal(signal.SIGKILL)
            child.wait()


@pytest.fixture(scope="module")
def home() -> Iterator[Path]:
    """A server that may be stopped. Whoever stops it starts it again."""
    with servers.private_server("-c", "max_connections=8", "-c", "superuser_reserved_connections=0") as home:
        database = Database.connect(Settings.from_env({"DATABASE_URL": embedded.url(home)}))
        migrate.migrate(database)
        database.close()
        yield home


@pytest.fixture
def own(home: Path, environment: dict[str, str], sandbox: Sandbox) -> Iterator[Stage]:
    """A stage on that server, emptied."""
    environment = environment | {"DATABASE_URL": embedded.url(home)}
    settings = Settings.from_env(environment)
    db = Database.connect(settings)
    db.connection.execute("TRUNCATE socialcron.accounts, socialcron.contents CASCADE")
    yield from _staged(Stage(World(db=db, settings=settings, sandbox=sandbox), environment))
    db.close()


def restart(stage: Stage, home: Path, *, crash: bool) -> None:
    servers.stop(home, crash=crash)
    servers.start(home)
    stage.world.db.reconnect()


# --- restarted ---------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("crash", [False, True], ids=["restarted", "crashed"])
@pytest.mark.parametrize("moment", [BEFORE_THE_CLAIM, BEFORE_THE_SEND])
def test_database_restarted_before_a_send__ends_the_run_with_69_and_the_post_goes_out_once(
    own: Stage, home: Path, crash: bool, moment: str
) -> None:
    post = own.world.post(own.world.account("mastodon"))
    run = own.start("post-due", trap=Trap(moment, "freeze"))
    restart(own, home, crash=crash)

    ended = resumed(run)

    assert ended.exit_code == ExitCode.UNAVAILABLE, ended.log
    assert "run the command again" in error_of(ended)["hint"]
    assert own.world.sandbox.posts("mastodon") == []
    assert own.world.row(post)["status"] == "scheduled", (
        "the next tick can have it, not only the one in ten minutes"
    )
    assert own.run("post-due").data["posted"] == 1
    own.assert_out_once(post)


@pytest.mark.parametrize("crash", [False, True], ids=["restarted", "crashed"])
def test_database_restarted_after_a_send__the_run_records_it_all_the_same(
    own: Stage, home: Path, crash: bool
) -> None:
    post = own.world.post(own.world.account("mastodon"))
    run = own.start("post-due", trap=Trap(AFTER_THE_SEND, "freeze after"))
    restart(own, home, crash=crash)

    ended = resumed(run)

    assert (ended.exit_code, ended.data["posted"]) == (0, 1), ended.log
    own.assert_out_once(post)


@pytest.mark.parametrize("crash", [False, True], ids=["restarted", "crashed"])
def test_database_restarted_while_a_post_waits_for_its_second__costs_it_a_tick_or_a_lease(
    own: Stage, home: Path, crash: bool
) -> None:
    post = own.world.post(own.world.account("mastodon"), due="now() + interval '4 seconds'")
    run = own.start("post-due", "--look-ahead", "60")
    until(lambda: [a["phase"] for a in own.world.attempts(post)] == ["prepared"])
    until(lambda: own.world.value("SELECT busy_until IS NULL FROM socialcron.accounts"))
    restart(own, home, crash=crash)

    ended = run.wait()

    assert ended.exit_code == ExitCode.UNAVAILABLE, ended.log
    assert own.world.row(post)["status"] == "scheduled"
    if crash:  # it forgot that the account was given back: that commit is not flushed (release_accounts.sql)
        own.world.pass_time(2)
    assert own.run("post-due").data["posted"] == 1
    own.assert_out_once(post)


def until(condition: Callable[[], object], *, seconds: float = 20) -> None:
    give_up_at = time.monotonic() + seconds
    while not condition():
        assert time.monotonic() < give_up_at, "it never came"
        time.sleep(0.01)


# --- cut off -----------------------------------------------------------------------------------------------------


@pytest.fixture
def proxy(direct_url: str) -> Iterator[servers.Proxy]:
    proxy = servers.Proxy(direct_url)
    yield proxy
    proxy.close()


@pytest.mark.parametrize("how", ["terminated by an administrator", "cut by the network"])
def test_connection_cut_mid_statement__nothing_is_sent_and_the_post_goes_out_once(
    stage: Stage, proxy: servers.Proxy, how: str
) -> None:
    post = stage.world.post(stage.world.account("mastodon"))
    run = stage.start("post-due", trap=Trap("db lock_posts_for_sending", "freeze"), DATABASE_URL=proxy.url)
    with psycopg.connect(stage.world.settings.database_url or "") as other:
        other.execute("SELECT 1 FROM socialcron.posts FOR UPDATE")
        run.resume()
        waiting = (
            "SELECT pid FROM pg_stat_activity WHERE wait_event_type = 'Lock' AND datname = current_database()"
        )
        until(lambda: stage.world.value(waiting))
        if how.startswith("cut"):
            proxy.cut()
        else:
            stage.world.value("SELECT pg_terminate_backend(%s)", stage.world.value(waiting))
        until(lambda: not stage.world.value(waiting))

    ended = run.wait()

    assert ended.exit_code == ExitCode.UNAVAILABLE, ended.log
    assert error_of(ended)["code"] == "database_unavailable"
    assert stage.world.sandbox.posts("mastodon") == []
    stage.settle()
    stage.assert_out_once(post)


def test_server_that_says_nothing_any_more__is_given_up_after_a_while(
    proxy: servers.Proxy, cli: Cli, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("DATABASE_URL", proxy.url)
    monkeypatch.setattr(engine, "SILENCE_SECONDS", 0.5)
    monkeypatch.setattr(Database, "check_schema", lambda _: setattr(proxy, "swallows", True))

    ran = cli("post-due", "--json")

    assert ran.exit_code == ExitCode.UNAVAILABLE
    assert ran.error["message"] == "lost the database: it said nothing for 0.5 s"


def test_run_whose_database_falls_silent_after_a_send__records_it_over_another_connection(
    stage: Stage, proxy: servers.Proxy
) -> None:
    post = stage.world.post(stage.world.account("mastodon"))
    run = stage.start("post-due", trap=Trap(AFTER_THE_SEND, "freeze after"), DATABASE_URL=proxy.url)
    proxy.swallows = True
    run.resume()
    until(lambda: "db connect" in calls(run)[1:])
    proxy.swallows = False
    ended = run.wait()

    assert (ended.exit_code, ended.data["posted"]) == (0, 1), ended.log
    stage.assert_out_once(post)


def test_host_without_an_address__is_unavailable_and_named(cli: Cli, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("DATABASE_URL", "postgresql://me@db.invalid/app")

    ran = cli("post-due", "--json")

    assert ran.exit_code == ExitCode.UNAVAILABLE
    assert "db.invalid:5432" in ran.error["message"]
    assert "right host" in ran.error["hint"]


def test_no_connection_left__is_unavailable_and_says_what_helps(own: Stage, home: Path) -> None:
    post = own.world.post(own.world.account("mastodon"))
    taken = []
    try:
        with pytest.raises(psycopg.OperationalError, match="too many clients"):
            while True:
                taken.append(psycopg.connect(embedded.url(home)))
        ended = own.run("post-due")
    finally:
        for connection in taken:
            connection.close()

    assert ended.exit_code == ExitCode.UNAVAILABLE
    assert "is full: sorry, too many clients already" in error_of(ended)["message"]
    assert "max_connections" in error_of(ended)["hint"]
    until(lambda: own.run("post-due").exit_code == 0)
    own.assert_out_once(post)


# --- locked and slow ---------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("command", "table"),
    [
        ("post-due", "posts"),
        ("post-due", "accounts"),
        ("post-due", "schema_meta"),
        ("posts list", "posts"),
        ("status", "accounts"),
        ("posts cancel 1", "posts"),
        ("reset-stuck", "posts"),
        ("maintain", "runs"),
    ],
)
def test_table_locked_by_somebody__is_given_up_after_a_while_and_never_hangs(
    stage: Stage, command: str, table: str
) -> None:
    post = stage.world.post(stage.world.account("mastodon"))
    with psycopg.connect(stage.world.settings.database_url or "") as other:
        other.execute(f"LOCK TABLE socialcron.{table}".encode())
        ended = stage.run(*command.split())

    assert ended.exit_code == ExitCode.UNAVAILABLE, ended.log
    assert error_of(ended)["message"].startswith("a lock was not free within the time limit")
    assert "pg_stat_activity" in error_of(ended)["hint"]
    stage.settle()
    stage.assert_out_once(post)


@pytest.mark.parametrize("table", ["posts", "accounts"])
def test_row_locked_by_somebody_at_the_send__is_given_up_and_the_post_goes_out_later(
    stage: Stage, table: str
) -> None:
    post = stage.world.post(stage.world.account("mastodon"))
    run = stage.start("post-due", trap=Trap("db lock_posts_for_sending", "freeze"))
    with psycopg.connect(stage.world.settings.database_url or "") as other:
        other.execute(f"SELECT 1 FROM socialcron.{table} FOR UPDATE".encode())
        ended = resumed(run)

    assert ended.exit_code in (0, ExitCode.UNAVAILABLE), ended.log
    assert stage.world.sandbox.posts("mastodon") == []
    stage.settle()
    stage.assert_out_once(post)


def test_limits_of_a_statement__are_five_seconds_for_a_lock_and_end_with_it(db: Database) -> None:
    shown = (
        "SELECT current_setting('lock_timeout') AS lock, current_setting('statement_timeout') AS statement"
    )
    sqlfiles_load = sqlfiles.load
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(
            sqlfiles, "load", lambda name: shown.encode() if name == "shown" else sqlfiles_load(name)
        )
        assert db.row("shown", into=dict) == {"lock": "5s", "statement": "1min"}
    assert db.connection.execute("SHOW lock_timeout").fetchone() == ("0",)


@pytest.mark.direct("the pooler's connections know the old setting")
def test_limits_of_the_server__do_not_reach_our_statements(stage: Stage) -> None:
    name = stage.world.db.connection.info.dbname
    post = stage.world.post(stage.world.account("mastodon"))
    stage.world.run(f'ALTER DATABASE "{name}" SET statement_timeout = 1')
    stage.world.run(f'ALTER DATABASE "{name}" SET default_transaction_isolation = serializable')

    ended = stage.run("post-due")

    assert (ended.exit_code, ended.data["posted"]) == (0, 1), ended.log
    stage.assert_out_once(post)


# --- full --------------------------------------------------------------------------------------------------------


def script(*arguments: str, environment: dict[str, str], **streams: Any) -> subprocess.CompletedProcess[str]:
    return subprocess.run(
        [sys.executable, "-m", "socialcron", *arguments],
        env={**os.environ, **environment},
        text=True,
        timeout=60,
        check=False,
        **streams,
    )


def test_full_disk_under_the_log__changes_nothing_of_the_run(stage: Stage) -> None:
    post = stage.world.post(stage.world.account("mastodon"))

    with Path("/dev/full").open("w") as full:
        ran = script("post-due", environment=stage.environment, stderr=full, stdout=subprocess.PIPE)

    assert (ran.returncode, ran.stdout) == (0, "1 claimed: 1 posted\n")
    stage.assert_out_once(post)


def test_full_disk_under_log_and_output__says_so_by_its_exit_code_and_the_post_is_out(stage: Stage) -> None:
    post = stage.world.post(stage.world.account("mastodon"))

    with Path("/dev/full").open("w") as full:
        ran = script("post-due", "--json", environment=stage.environment, stderr=full, stdout=full)

    assert ran.returncode == ExitCode.UNAVAILABLE
    stage.assert_out_once(post)
    assert stage.world.value("SELECT exit_code FROM socialcron.runs WHERE command = 'post-due'") == 0


def test_full_disk_under_the_output__is_named_on_stderr(stage: Stage) -> None:
    with Path("/dev/full").open("w") as full:
        ran = script("posts", "list", environment=stage.environment, stdout=full, stderr=subprocess.PIPE)

    assert ran.returncode == ExitCode.UNAVAILABLE
    assert ran.stderr.splitlines()[0] == "Error: cannot write the output: No space left on device"


def test_full_disk_under_env__leaves_it_as_it_was_and_no_half_of_a_key(
    environment: dict[str, str], tmp_path: Path
) -> None:
    env = tmp_path / "my.env"
    env.write_text("TZ=UTC\n")
    bare = {name: value for name, value in environment.items() if name != "SOCIALCRON_SECRET_KEY"}

    def nearly_full() -> None:
        """Ten more bytes fit into any file, as on a disk with as much room; Python ignores the signal."""
        resource.setrlimit(resource.RLIMIT_FSIZE, (env.stat().st_size + 10, resource.RLIM_INFINITY))

    command = ("init", "--env-file", str(env), "--no-input", "--no-install-crontab")
    pipes = {"stdout": subprocess.PIPE, "stderr": subprocess.PIPE}
    ran = script(*command, environment=bare, preexec_fn=nearly_full, **pipes)

    assert ran.returncode == ExitCode.CONFIG, ran.stderr
    assert ran.stderr.startswith("Error: cannot write the new SOCIALCRON_SECRET_KEY to")
    assert env.read_text() == "TZ=UTC\n"
    assert script(*command, environment=bare, **pipes).returncode == 0
    assert "SOCIALCRON_SECRET_KEY=" in env.read_text()


def test_full_disk_under_the_database__sends_nothing_and_goes_on_once_there_is_room(
    own: Stage, home: Path
) -> None:
    """A table's file is replaced by a device that has no room: the server hears ENOSPC from the kernel itself."""
    post = own.world.post(own.world.account("mastodon"))
    own.world.run("TRUNCATE socialcron.publish_attempts")
    place = servers.data_folder(home) / own.world.value(
        "SELECT pg_relation_filepath('socialcron.publish_attempts')"
    )
    servers.stop(home)
    place.unlink()
    place.symlink_to("/dev/full")
    servers.start(home)

    ended = own.run("post-due")

    assert ended.exit_code == ExitCode.UNAVAILABLE, ended.log
    assert error_of(ended)["message"].startswith("the database's disk is full")
    assert own.world.sandbox.posts("mastodon") == []
    servers.stop(home)
    place.unlink()
    place.touch()
    os.chown(place, place.parent.stat().st_uid, place.parent.stat().st_gid)
    servers.start(home)
    own.world.db.reconnect()
    own.settle()
    own.assert_out_once(post)


# --- read-only and failover --------------------------------------------------------------------------------------


def test_server_turns_read_only_after_a_send__69_and_the_next_runs_find_the_post(own: Stage) -> None:
    post = own.world.post(own.world.account("mastodon"))
    short = {"SOCIALCRON_LEASE_SECONDS": "10", "SOCIALCRON_SEND_DEADLINE_SECONDS": "1"}
    run = own.start("post-due", trap=Trap(AFTER_THE_SEND, "freeze after"), **short)
    read_only(own, "on")
    run.resume()
    until(lambda: "read-only" in (run.place / "log").read_text(), seconds=30)

    ended = run.wait()

    assert ended.exit_code == ExitCode.UNAVAILABLE, ended.log
    assert error_of(ended)["message"].startswith("the database is read-only")
    assert "primary" in error_of(ended)["hint"]
    refused = own.run("post-due")
    assert refused.exit_code == ExitCode.UNAVAILABLE
    read_only(own, "off")
    own.settle()
    own.assert_out_once(post)


def read_only(stage: Stage, value: str) -> None:
    db = stage.world.db.connection
    db.execute("SET default_transaction_read_only = off")
    db.execute(f"ALTER SYSTEM SET default_transaction_read_only = {value}".encode())
    db.execute("SELECT pg_reload_conf()")
    with psycopg.connect(stage.world.settings.database_url or "", autocommit=True) as other:
        until(lambda: other.execute("SHOW default_transaction_read_only").fetchone() == (value,))


@pytest.fixture
def standby(home: Path) -> Iterator[servers.Standby]:
    with servers.home_folder() as other:
        yield servers.Standby(home, other)


def test_standby__takes_commands_that_read_and_refuses_runs_until_it_is_the_primary(
    own: Stage, home: Path, standby: servers.Standby
) -> None:
    post = own.world.post(own.world.account("mastodon"))
    here = own.world.value("SELECT pg_current_wal_lsn()::text")
    with psycopg.connect(standby.url, autocommit=True) as replica:
        until(
            lambda: (
                replica.execute("SELECT pg_last_wal_replay_lsn() >= %s::pg_lsn", (here,)).fetchone()
                == (True,)
            )
        )
    for command in (
        "posts list",
        f"posts show {post}",
        "accounts list",
        "status",
        "profiles list",
        "metrics list",
    ):
        ended = own.run(
            *command.split(), SOCIALCRON_READ_URL=standby.url, DATABASE_URL="postgresql://db.invalid/x"
        )
        assert ended.exit_code == 0, ended.log

    refused = own.run("post-due", DATABASE_URL=standby.url)

    assert refused.exit_code == ExitCode.UNAVAILABLE, refused.log
    assert error_of(refused)["message"].startswith("the database is read-only")
    assert "SOCIALCRON_READ_URL" in error_of(refused)["hint"]

    both = failover_url(embedded.url(home), standby.url)
    run = own.start("post-due", trap=Trap(AFTER_THE_SEND, "freeze after"), DATABASE_URL=both)
    here = own.world.value("SELECT pg_current_wal_lsn()::text")
    with psycopg.connect(standby.url, autocommit=True) as replica:
        until(
            lambda: (
                replica.execute("SELECT pg_last_wal_replay_lsn() >= %s::pg_lsn", (here,)).fetchone()
                == (True,)
            )
        )
    servers.stop(home, crash=True)
    standby.promote()

    ended = resumed(run)

    assert (ended.exit_code, ended.data["posted"]) == (0, 1), ended.log
    assert own.run("post-due", DATABASE_URL=both).data["claimed"] == 0
    with psycopg.connect(standby.url) as primary:
        assert primary.execute("SELECT status FROM socialcron.posts").fetchall() == [("posted",)]
    assert len(own.world.sandbox.posts("mastodon")) == 1
    servers.start(home)


def failover_url(*urls: str) -> str:
    hosts = ",".join(str(conninfo.conninfo_to_dict(url)["host"]) for url in urls)
    return conninfo.make_conninfo(urls[0], host=hosts, target_session_attrs="read-write")


# --- two versions at once ----------------------------------------------------------------------------------------


def newer_release(folder: Path, text: str) -> Callable[[], None]:
    """In a child: code that knows one migration more."""
    number = sqlfiles.newest_migration() + 1
    path = folder / f"{number:04}_later.sql"
    path.write_text(text)
    later = (*sqlfiles.migrations(), Migration(number=number, name="later", path=path))

    def patch() -> None:
        for module in (migrate, sqlfiles):
            module.migrations = lambda: later  # type: ignore[attr-defined]

    return patch


ADD_COLUMN = (
    "ALTER TABLE socialcron.posts ADD COLUMN later int; ALTER TABLE socialcron.accounts ADD COLUMN later int;"
)
RAISE_OLDEST = "UPDATE socialcron.schema_meta SET oldest_code = {};"


def test_migration_while_four_runs_publish__stops_none_and_nothing_goes_out_twice(
    stage: Stage, tmp_path: Path
) -> None:
    accounts = [stage.world.account("mastodon", f"a{number}") for number in range(8)]
    posts = [stage.world.post(account, f"{account}/{number}") for account in accounts for number in range(3)]
    newer = newer_release(tmp_path, ADD_COLUMN)
    runs = [children.start(["post-due", "--limit", "6", "--json"], stage.environment) for _ in range(4)]

    migration = children.start(["db", "migrate", "--json"], stage.environment, patch=newer).wait()

    ended = [run.wait() for run in runs]
    assert migration.exit_code == 0, migration.log
    assert [run.exit_code for run in ended] == [0] * 4, "\n".join(run.log for run in ended)
    assert "job_failed" not in "".join(run.log for run in ended)
    while stage.run("post-due").data["claimed"]:
        stage.world.pass_time(1)
    stage.assert_out_once(*posts)


def test_migration_that_shuts_old_code_out__lets_a_run_finish_and_stops_the_next_one(
    stage: Stage, tmp_path: Path
) -> None:
    post = stage.world.post(stage.world.account("mastodon"))
    newer = newer_release(tmp_path, ADD_COLUMN + RAISE_OLDEST.format(sqlfiles.newest_migration() + 1))
    run = stage.start("post-due", trap=Trap(AFTER_THE_SEND, "freeze after"))
    assert children.start(["db", "migrate"], stage.environment, patch=newer).wait().exit_code == 0

    ended = resumed(run)

    assert (ended.exit_code, ended.data["posted"]) == (0, 1), ended.log
    stage.assert_out_once(post)
    refused = stage.run("post-due")
    assert refused.exit_code == ExitCode.CONFIG
    assert "too old for the database" in error_of(refused)["message"]


def test_migration__waits_for_a_run_in_its_sending_transaction_and_then_says_who_is_in_the_way(
    stage: Stage, tmp_path: Path
) -> None:
    post = stage.world.post(stage.world.account("mastodon"))
    newer = newer_release(tmp_path, ADD_COLUMN)
    run = stage.start("post-due", trap=Trap(BEFORE_THE_SEND, "freeze"))

    def quick() -> None:
        newer()
        migrate._LIMITS = b"SET LOCAL lock_timeout = '200ms'"

    refused = children.start(["db", "migrate", "--json"], stage.environment, patch=quick).wait()

    assert refused.exit_code == ExitCode.UNAVAILABLE, refused.log
    assert error_of(refused)["message"].startswith("a lock was not free within the time limit")
    assert resumed(run).data["posted"] == 1
    stage.assert_out_once(post)
    assert children.start(["db", "migrate"], stage.environment, patch=newer).wait().exit_code == 0
