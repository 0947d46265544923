"""doctor: healthy where all is well, and each check fails once it has reason to: the reason is made, not pretended."""

from __future__ import annotations

import io
import json
import os
import re
import socket
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest
from psycopg import conninfo
from psycopg.types.json import Jsonb
from rich.console import Console

from socialcron.batches import doctor as batch
from socialcron.batches import doctor_database
from socialcron.batches.doctor_check import warn
from socialcron.batches.doctor_host import parse_periods
from socialcron.commands.doctor import _draw
from socialcron.commands.schedule import JOBS
from socialcron.errors import ConfigError
from socialcron.settings import Settings
from socialcron.store import embedded, migrate, secrets, sqlfiles
from socialcron.store.engine import Database
from socialcron.store.sealed import SEALED_COLUMNS
from tests.conftest import Cli
from tests.integration.pgbouncer import transaction_pooler
from tests.servers import Standby, home_folder, private_server
from tests.world import World

Found = dict[str, dict[str, Any]]
Doctor = Callable[[], Found]


@pytest.fixture
def _no_variables_of_tests(cli: Cli, monkeypatch: pytest.MonkeyPatch) -> None:
    for name in [name for name in os.environ if name.startswith("SOCIALCRON_TEST_")]:
        monkeypatch.delenv(name)


@pytest.fixture
def doctor(cli: Cli, _no_variables_of_tests: None) -> Doctor:
    """Every check by its name. The exit code speaks for them."""

    def run() -> Found:
        ran = cli("doctor", "--json")
        checks = ran.data["checks"]
        assert ran.exit_code == any(check["state"] == "fail" for check in checks)
        assert all((check["hint"] is None) == (check["state"] == "ok") for check in checks)
        found = {check["name"]: check for check in checks}
        assert len(found) == len(checks), "two checks have one name"
        return found

    return run


@pytest.mark.parametrize("terminal", [True, False])
def test_a_hint__stays_below_itself_on_a_terminal_and_on_one_line_elsewhere(terminal: bool) -> None:
    console = Console(file=io.StringIO(), width=60, highlight=False, soft_wrap=True, force_terminal=terminal)
    hint = "Is it in the crontab of some host? `socialcron init` shows the lines."
    _draw(console, [warn("maintain", "it has never run", hint)])
    assert isinstance(console.file, io.StringIO)
    lines = re.sub(r"\x1b\[[\d;]*m", "", console.file.getvalue()).splitlines()
    assert lines[0] == "warn  maintain  it has never run"
    below = lines[1 : lines.index("")]
    assert (len(below) > 1) is terminal
    assert all(line.startswith(" " * 16) for line in below)
    assert " ".join(line.strip() for line in below) == hint


def said(check: dict[str, Any]) -> str:
    return f"{check['state']}: {check['message']} | {check['hint']}"


def a_run(
    world: World, command: str, *, minutes_ago: float, exit_code: int = 0, error: str | None = None
) -> None:
    world.run(
        "INSERT INTO socialcron.runs (command, host, started_at, finished_at, exit_code, error)"
        " SELECT %s, 'here', at, at, %s, %s FROM (SELECT now() - %s * interval '1 minute' AS at) AS t",
        command,
        exit_code,
        error,
        minutes_ago,
    )


# --- all of it ----------------------------------------------------------------------------------------------


@pytest.mark.usefixtures("_no_variables_of_tests")
def test_a_healthy_installation__is_ok_all_over(cli: Cli, monkeypatch: pytest.MonkeyPatch) -> None:
    with home_folder() as home:
        embedded.create(home)  # with fsync, unlike the server of the other tests
        monkeypatch.delenv("DATABASE_URL")
        monkeypatch.setenv("SOCIALCRON_HOME", str(home))
        assert cli("db", "migrate").exit_code == 0
        account = cli("accounts", "add", "stub", "--handle", "me", "--json").data["id"]
        cli("posts", "add", "--account", account, "--text", "Hello")
        for job in ("maintain", "post-due", "collect-metrics"):
            cli(job)

        ran = cli("doctor")

        assert (ran.exit_code, ran.stderr) == (0, "")
        lines = ran.stdout.splitlines()
        assert [line for line in lines if not line.startswith("ok ")][:1] == [""], ran.stdout
        assert lines[-1] == f"{len(lines) - 2} ok, 0 to look at, 0 failed"

        monkeypatch.chdir("/")  # ALTER SYSTEM writes where the server lives; nothing of ours is asked
        settings = Settings.from_env({"SOCIALCRON_HOME": str(home)})
        db = Database.connect(settings)
        db.connection.execute("ALTER SYSTEM SET full_page_writes = off")
        db.connection.execute("ALTER DATABASE socialcron SET synchronous_commit = off")
        db.connection.execute("SELECT pg_reload_conf()")
        db.close()
        deadline = time.monotonic() + 20
        while (found := durability(settings)).state == "ok":
            assert time.monotonic() < deadline
        assert found.state == "warn"
        assert "synchronous_commit" in found.message


def durability(settings: Settings) -> Any:
    return next(check for check in batch.diagnose(settings, None, {}) if check.name == "durability")


def test_fsync_off__fails(doctor: Doctor, monkeypatch: pytest.MonkeyPatch) -> None:
    with private_server() as home:
        monkeypatch.setenv("DATABASE_URL", embedded.url(home))
        found = doctor()["durability"]
    assert found["data"] == {"fsync": "off", "full_page_writes": "off", "synchronous_commit": "on"}
    assert "fail: fsync is off" in said(found)


def test_lines__are_coloured_on_a_terminal_only(cli: Cli, monkeypatch: pytest.MonkeyPatch) -> None:
    plain = cli("doctor").stdout
    monkeypatch.delenv("NO_COLOR")
    monkeypatch.setenv("FORCE_COLOR", "1")

    coloured = cli("doctor").stdout

    assert "\x1b[" not in plain
    assert "\x1b[1;31mfail" in coloured


def test_a_check_that_cannot_be_made__fails_and_the_next_one_follows(
    doctor: Doctor, world: World, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("SOCIALCRON_PERIODS", "post-due:often")

    found = doctor()

    assert "fail: SOCIALCRON_PERIODS cannot hold 'post-due:often'" in said(found["runs"])
    assert found["overdue posts"]["state"] == "ok"


# --- this host ----------------------------------------------------------------------------------------------


def test_settings_that_cannot_be_read__are_one_check_and_not_an_error(doctor: Doctor, bare_cli: Cli) -> None:
    Path(".env").write_text("LOOK_AHEAD_MINUTES=soon\n")

    ran = bare_cli("doctor", "--json")

    assert (ran.exit_code, ran.error) == (1, None)
    (check,) = ran.data["checks"]
    assert "fail: LOOK_AHEAD_MINUTES cannot be 'soon'" in said(check)


def test_an_env_file_that_is_missing__is_said(bare_cli: Cli) -> None:
    assert "cannot read nowhere.env" in bare_cli("doctor", "--env-file", "nowhere.env").stdout


def test_a_typo__is_named_with_what_was_meant(doctor: Doctor, monkeypatch: pytest.MonkeyPatch) -> None:
    assert doctor()["variables"]["state"] == "ok"
    Path(".env").write_text("CONCURENCY=3\nMY_APP_SETTING=1\nSOCIALCRON_APP_SHOP_CLIENT_ID=shop\n")
    monkeypatch.setenv("SOCIALCRON_LATENES_HOURS", "12")
    monkeypatch.setenv("SOCIALCRON_DIR", "/srv")  # of crontab.example

    assert doctor()["variables"]["data"]["unknown"] == {
        "CONCURENCY": "CONCURRENCY",
        "SOCIALCRON_LATENES_HOURS": "SOCIALCRON_LATENESS_HOURS",
    }


def test_a_readable_env_file__warns_if_secrets_are_in_it(doctor: Doctor) -> None:
    path = Path(".env")
    path.write_text("CONCURRENCY=3\n")
    path.chmod(0o644)
    assert "permissions of .env" not in doctor()
    path.write_text(f"SOCIALCRON_SECRET_KEY={secrets.new_key()}\n")

    assert "warn: everybody on this host may read the secrets in .env | chmod 600 .env" in said(
        doctor()["permissions of .env"]
    )
    path.chmod(0o640)
    assert doctor()["permissions of .env"]["state"] == "ok"


def test_a_readable_secret_file__warns(
    doctor: Doctor, monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    path = tmp_path / "key"
    path.write_text("shh-not-for-you")
    path.chmod(0o604)
    monkeypatch.setenv("SCRAPECREATORS_API_KEY_FILE", str(path))

    assert doctor()["permissions of SCRAPECREATORS_API_KEY_FILE"]["state"] == "warn"


def test_a_time_zone_that_is_none__warns(doctor: Doctor, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("TZ", "Berlin")
    assert "warn: TZ is 'Berlin'" in said(doctor()["time zone"])
    monkeypatch.setenv("TZ", "Europe/Berlin")
    assert "ok: times without an offset are of Europe/Berlin" in said(doctor()["time zone"])


def test_private_media__warns(doctor: Doctor, monkeypatch: pytest.MonkeyPatch) -> None:
    assert "private media" not in doctor()
    monkeypatch.setenv("SOCIALCRON_ALLOW_PRIVATE_MEDIA", "true")
    assert doctor()["private media"]["state"] == "warn"


def test_a_media_root_that_is_missing_or_closed__fails(
    doctor: Doctor, monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    assert doctor()["media root"]["state"] == "ok"
    monkeypatch.setenv("SOCIALCRON_MEDIA_ROOT", str(tmp_path / "nowhere"))
    assert "fail: this user finds no directory" in said(doctor()["media root"])
    if os.geteuid() == 0:  # to whom nothing is closed
        return
    closed = tmp_path / "closed"
    closed.mkdir(mode=0)
    monkeypatch.setenv("SOCIALCRON_MEDIA_ROOT", str(closed))
    assert "fail: this user may not read" in said(doctor()["media root"])


def test_a_cache_folder_that_is_a_file__fails(
    doctor: Doctor, monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    assert "cache folder" not in doctor()  # nobody wants pictures
    monkeypatch.setenv("SOCIALCRON_CACHE_DIR", str(tmp_path / "pictures"))
    assert "can be made" in said(doctor()["cache folder"])
    (tmp_path / "pictures").touch()
    assert "fail: cache-media cannot write" in said(doctor()["cache folder"])


# --- the database -------------------------------------------------------------------------------------------


def test_no_database__leaves_the_checks_of_the_host_and_says_so_once(
    cli: Cli, monkeypatch: pytest.MonkeyPatch
) -> None:
    with socket.create_server(("127.0.0.1", 0)) as closed:
        port = closed.getsockname()[1]
    monkeypatch.setenv("DATABASE_URL", f"postgresql://me:open-sesame@127.0.0.1:{port}/nowhere")

    ran = cli("doctor")

    assert ran.exit_code == 1
    assert "ok    settings" in ran.stdout
    assert ran.stdout.count("cannot reach PostgreSQL") == 1
    assert "Traceback" not in ran.stderr
    assert "open-sesame" not in ran.stdout + ran.stderr


def test_a_database_that_goes_away_meanwhile__is_said_once(
    settings: Settings, db: Database, monkeypatch: pytest.MonkeyPatch
) -> None:
    def cut(checked: Database) -> Iterator[Any]:
        checked.connection.close()
        checked.value("database_clock")
        yield

    monkeypatch.setattr(doctor_database, "check_exposure", cut)

    *_, guarded, last = batch.diagnose(settings, None, {})

    assert (guarded.name, guarded.state) == ("row level security", "ok")
    assert (last.name, last.state) == ("connection", "fail")


def test_no_schema__fails_with_the_way_to_one(
    cli: Cli, empty_database_url: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("DATABASE_URL", empty_database_url)

    checks = cli("doctor", "--json").data["checks"]

    assert "fail: the database has no socialcron schema | Run `socialcron db migrate`." in said(checks[-1])


def test_a_pending_and_a_dropped_table__fail(doctor: Doctor, world: World) -> None:
    world.run("DROP TABLE socialcron.rate_limits")
    assert "fail: somebody dropped or renamed rate_limits" in said(doctor()["migrations"])
    world.run("DELETE FROM socialcron.schema_migrations WHERE number = 3")
    assert "fail: the schema is half-migrated" in said(doctor()["migrations"])
    world.run("UPDATE socialcron.schema_meta SET oldest_code = 999")
    assert "fail: this socialcron is too old" in said(doctor()["migrations"])


@pytest.mark.direct("the pooler's connections know the old setting")
def test_a_database_made_read_only__fails(doctor: Doctor, world: World) -> None:
    assert doctor()["writable"]["state"] == "ok"
    name = conninfo.conninfo_to_dict(world.settings.database_url or "")["dbname"]
    world.run(f'ALTER DATABASE "{name}" SET default_transaction_read_only = on')
    assert "fail: it takes no writes" in said(doctor()["writable"])


def test_a_standby__fails_as_the_database_and_serves_as_the_replica(
    cli: Cli, monkeypatch: pytest.MonkeyPatch
) -> None:
    with private_server() as primary, home_folder() as home:
        url = embedded.url(primary)
        db = Database.connect(Settings.from_env({"DATABASE_URL": url}))
        migrate.migrate(db)
        db.close()
        standby = Standby(primary, home)
        monkeypatch.setenv("DATABASE_URL", standby.url)
        checks = {check["name"]: check for check in cli("doctor", "--json").data["checks"]}
        assert "fail: it is a standby" in said(checks["writable"])

        monkeypatch.setenv("DATABASE_URL", url)
        monkeypatch.setenv("SOCIALCRON_READ_URL", standby.url)
        checks = {check["name"]: check for check in cli("doctor", "--json").data["checks"]}
        assert checks["writable"]["state"] == checks["replica"]["state"] == "ok"


def test_a_replica_that_is_gone__fails_alone(doctor: Doctor, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("SOCIALCRON_READ_URL", "postgresql://me@127.0.0.1:1/nowhere")

    found = doctor()

    assert "fail: cannot reach PostgreSQL" in said(found["replica"])
    assert found["migrations"]["state"] == "ok"


@pytest.mark.parametrize(("hours", "state"), [(0, "ok"), (0.01, "warn"), (-1, "fail")])
def test_a_host_whose_clock_is_off__is_measured_against_the_database(
    settings: Settings, db: Database, monkeypatch: pytest.MonkeyPatch, hours: float, state: str
) -> None:
    clock = time.time
    monkeypatch.setattr("socialcron.batches.doctor_database.time.time", lambda: clock() + hours * 3600)

    found = {check.name: check for check in doctor_database.check_server(db, settings)}["clock"]

    assert found.state == state
    assert found.data["skew_seconds"] == pytest.approx(hours * 3600, abs=4)


@pytest.mark.direct("it brings its own")
def test_a_pooler__is_told_from_a_direct_connection(
    doctor: Doctor, direct_url: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    assert doctor()["pooler"]["data"] == {"mode": "none"}
    with transaction_pooler(direct_url) as url:
        monkeypatch.setenv("DATABASE_URL", url)

        found = doctor()

    assert found["pooler"]["data"] == {"mode": "transaction"}
    failed = {name for name, check in found.items() if check["state"] == "fail"}
    assert failed - {"durability"} == {"post-due"}  # there is no cron; fsync may be off where tests run


@pytest.mark.direct("it brings its own")
def test_a_pooler_in_another_mode__is_told_from_one_that_cannot_work(
    doctor: Doctor, direct_url: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    with transaction_pooler(direct_url, mode="session") as url:
        monkeypatch.setenv("DATABASE_URL", url)
        assert doctor()["pooler"]["data"] == {"mode": "session"}
    with transaction_pooler(direct_url, mode="statement") as url:
        monkeypatch.setenv("DATABASE_URL", url)
        assert "statement pooling mode" in said(doctor()["connection"])


@pytest.fixture
def as_role(direct_url: str, world: World, monkeypatch: pytest.MonkeyPatch) -> Callable[[str], None]:
    """From now on commands act as this role of sql/grants.sql."""
    world.run((sqlfiles.root() / "grants.sql").read_text())

    def act(role: str) -> None:
        url = conninfo.make_conninfo(direct_url, options=f"-c role={role}")
        monkeypatch.setenv("DATABASE_URL", url)

    return act


def test_a_worker__may_do_all_that_is_needed(
    doctor: Doctor, world: World, as_role: Callable[[str], None]
) -> None:
    world.account("mastodon")
    as_role("socialcron_worker")

    found = doctor()

    assert found["database"]["data"]["role"] == "socialcron_worker"
    for name in ("privileges", "row level security", "secret key", "exposure", "overdue posts"):
        assert found[name]["state"] == "ok", said(found[name])
    assert found["secret key"]["data"]["opened"] == 1


def test_a_migration_without_new_grants__fails(
    doctor: Doctor, world: World, as_role: Callable[[str], None]
) -> None:
    world.run("REVOKE INSERT, UPDATE ON socialcron.posts FROM socialcron_worker")
    world.run("REVOKE EXECUTE ON FUNCTION socialcron.ensure_partitions FROM socialcron_worker")
    as_role("socialcron_worker")

    found = doctor()["privileges"]

    assert found["data"]["missing"] == {"posts": ["INSERT", "UPDATE"], "ensure_partitions()": ["EXECUTE"]}
    assert "sql/grants.sql` again" in said(found)


def test_the_login_of_the_application__is_no_worker(doctor: Doctor, as_role: Callable[[str], None]) -> None:
    as_role("socialcron_app")
    assert "fail: permission denied" in said(doctor()["migrations"])


def test_a_login_without_the_schema__fails(
    doctor: Doctor, as_role: Callable[[str], None], world: World
) -> None:
    world.run("REVOKE USAGE ON SCHEMA socialcron FROM socialcron_worker")
    as_role("socialcron_worker")
    assert "fail: socialcron_worker may not use the schema" in said(doctor()["migrations"])


@pytest.mark.parametrize("table", sorted({column.table for column in SEALED_COLUMNS}))
def test_row_level_security_switched_off__fails(doctor: Doctor, world: World, table: str) -> None:
    assert doctor()["row level security"]["state"] == "ok"
    world.run(f"ALTER TABLE socialcron.{table} DISABLE ROW LEVEL SECURITY")
    assert f"fail: it is off for {table}" in said(doctor()["row level security"])


def test_rows_that_are_hidden_from_this_login__fail(
    doctor: Doctor, world: World, as_role: Callable[[str], None]
) -> None:
    world.run("DROP POLICY socialcron_worker ON socialcron.accounts")
    as_role("socialcron_worker")

    found = doctor()

    assert "fail: it hides rows of accounts from socialcron_worker" in said(found["row level security"])
    assert found["secret key"]["state"] == "fail"


def test_a_schema_open_to_the_web__fails(doctor: Doctor, world: World) -> None:
    world.run("CREATE ROLE anon NOLOGIN")
    try:
        assert doctor()["exposure"]["state"] == "ok"
        world.run("GRANT USAGE ON SCHEMA socialcron TO anon")
        assert "fail: the schema socialcron is open to anon" in said(doctor()["exposure"])
    finally:
        world.run("REVOKE ALL ON SCHEMA socialcron FROM anon")
        world.run("DROP ROLE anon")


def test_credentials_that_no_key_opens__fail(
    doctor: Doctor, world: World, monkeypatch: pytest.MonkeyPatch
) -> None:
    old, new = str(world.settings.secret_key), secrets.new_key()
    account = world.account("mastodon")
    assert doctor()["secret key"]["state"] == "ok"

    monkeypatch.setenv("SOCIALCRON_SECRET_KEY", f"{new},{old}")
    assert "warn: 1 secret is under an older key | `socialcron keys rotate`" in said(doctor()["secret key"])
    monkeypatch.setenv("SOCIALCRON_SECRET_KEY", new)
    assert f"fail: no key opens the secrets of account {account} |" in said(doctor()["secret key"])
    monkeypatch.delenv("SOCIALCRON_SECRET_KEY")
    assert "fail: SOCIALCRON_SECRET_KEY is not set" in said(doctor()["secret key"])
    world.run("UPDATE socialcron.accounts SET credentials = NULL")
    assert doctor()["secret key"]["state"] == "warn"


def test_a_history_without_next_month__warns(doctor: Doctor, world: World, cli: Cli) -> None:
    assert doctor()["partitions"]["state"] == "ok"
    cli("maintain")
    assert doctor()["partitions"]["state"] == "ok"
    month = world.value("SELECT to_char((now() AT TIME ZONE 'UTC') + interval '1 month', 'YYYY_MM')")
    world.run(f"DROP TABLE socialcron.post_metrics_{month}")

    assert doctor()["partitions"]["data"]["missing"] == [f"post_metrics_{month}"]
    assert doctor()["partitions"]["state"] == "warn"


# --- the work -----------------------------------------------------------------------------------------------


def test_an_account_to_reconnect__fails_once_posts_wait_for_it(doctor: Doctor, world: World) -> None:
    account = world.account("mastodon", "ann")
    assert doctor()["accounts"]["state"] == "ok"
    world.run("UPDATE socialcron.accounts SET status = 'needs_reconnect'")
    found = doctor()["accounts"]
    assert f"warn: to be connected again by a person: mastodon ann ({account})" in said(found)
    assert f"accounts reconnect {account}" in found["hint"]
    world.post(account, due="now() + interval '2 hours'")

    assert doctor()["accounts"]["state"] == "fail"


def test_accounts_that_are_off_or_blocked__warn_if_posts_wait(doctor: Doctor, world: World) -> None:
    off, blocked = world.account("stub", "off"), world.account("stub", "blocked")
    world.run("UPDATE socialcron.accounts SET status = 'disabled' WHERE id = %s", off)
    world.run(
        "UPDATE socialcron.accounts SET blocked_until = now() + interval '1 hour' WHERE id = %s", blocked
    )
    found = doctor()
    assert "disabled accounts" not in found
    assert "blocked accounts" not in found
    for account in (off, blocked):
        world.post(account)
    world.pass_time(0)

    found = doctor()

    assert f"`socialcron accounts enable {off}`" in said(found["disabled accounts"])
    assert found["blocked accounts"]["data"]["accounts"] == [blocked]


@pytest.mark.parametrize(("days", "state"), [("-1", "fail"), ("3", "warn"), ("30", "ok")])
def test_tokens__are_counted_in_days(doctor: Doctor, world: World, days: str, state: str) -> None:
    world.account("mastodon", "ann")
    world.run(
        "UPDATE socialcron.accounts SET refresh_expires_at = now() + %s::interval", f"{days} days 1 hour"
    )

    found = doctor()["tokens"]

    assert found["state"] == state
    if state == "warn":
        assert "mastodon ann (3 days left)" in found["message"]


def test_addresses_that_are_no_platforms__warn(doctor: Doctor, world: World) -> None:
    assert doctor()["addresses"]["state"] == "ok"
    for address in (
        "https://social.example",
        "http://social.example",
        "https://10.1.2.3",
        "https://localhost",
    ):
        account = world.account("stub", address)
        world.run(
            "UPDATE socialcron.accounts SET settings = %s WHERE id = %s",
            Jsonb({"base_url": address}),
            account,
        )
    world.account("mastodon")

    found = doctor()["addresses"]

    assert "go to http://social.example, of 1 account go to https://10.1.2.3" in found["message"]
    assert found["message"].endswith(", which are not the platform")
    sandbox = world.value(
        "SELECT settings ->> 'base_url' FROM socialcron.accounts WHERE platform = 'mastodon'"
    )
    assert set(found["data"]["addresses"]) == {
        "http://social.example",
        "https://10.1.2.3",
        "https://localhost",
        sandbox,
    }
    assert found["state"] == "warn"


def test_cron_that_is_not_there__fails_for_post_due_alone(doctor: Doctor, world: World) -> None:
    made(world, "2 days")
    found = doctor()
    assert "fail: it has never run" in said(found["post-due"])
    assert "warn: it has never run" in said(found["maintain"])
    for name in ("collect-metrics", "trigger-monitoring", "cache-media", "accounts-refresh"):
        assert "ok: it has never run, and has nothing to do" in said(found[name])


def test_a_job_whose_first_time_has_not_come__is_not_missed(doctor: Doctor, world: World) -> None:
    made(world, "3 hours")

    found = doctor()

    assert "ok: it has not run yet: it should every 24 h, and the schema is 3 h old" in said(
        found["maintain"]
    )
    assert "fail: it has never run" in said(found["post-due"])


def made(world: World, ago: str) -> None:
    """The schema, that long ago."""
    world.run("UPDATE socialcron.schema_migrations SET applied_at = now() - %s::interval", ago)


def test_a_command_that_stays_away__is_missed_after_three_periods(doctor: Doctor, world: World) -> None:
    a_run(world, "post-due", minutes_ago=3.9)
    a_run(world, "maintain", minutes_ago=2 * 1440)
    found = doctor()
    assert (found["post-due"]["state"], found["maintain"]["state"]) == ("ok", "ok")
    world.run(
        "UPDATE socialcron.runs SET started_at = started_at - 2 * (now() - started_at),"
        " finished_at = finished_at - 2 * (now() - finished_at)"
    )

    found = doctor()

    assert "fail: it last ran 11 min ago, and should every 60 s" in said(found["post-due"])
    assert "warn: it last ran 6 days ago" in said(found["maintain"])


def test_periods__are_by_default_those_of_the_crontab() -> None:
    def seconds(schedule: str) -> float:
        minute, hour, *_ = schedule.split()
        if hour != "*":
            return 86_400
        return 60 * int(minute.removeprefix("*/")) if "/" in minute else 60 if minute == "*" else 3600

    jobs = {words.partition(" --")[0].replace(" ", "-"): seconds(when) for when, words in JOBS}
    periods = parse_periods(Settings.from_env({}).periods)

    assert periods == {name: jobs[name] for name in periods}


@pytest.mark.parametrize(
    "text", ["post-due", "post-due:0m", "post-due:1w", "post due:1m", "post-due:1m;maintain:1d"]
)
def test_periods_that_cannot_be_read__are_refused_with_their_form(text: str) -> None:
    with pytest.raises(ConfigError, match="SOCIALCRON_PERIODS cannot hold") as caught:
        parse_periods(text)
    assert "COMMAND:PERIOD" in str(caught.value.hint)


def test_periods__are_a_setting(doctor: Doctor, world: World, monkeypatch: pytest.MonkeyPatch) -> None:
    made(world, "2 days")
    a_run(world, "post-due", minutes_ago=11)
    monkeypatch.setenv("SOCIALCRON_PERIODS", "post-due:5m, reset-stuck:1h")

    found = doctor()

    assert found["post-due"]["state"] == "ok"
    assert found["reset-stuck"]["state"] == "warn"
    assert "maintain" not in found


def test_a_command_with_work_and_no_run__warns(doctor: Doctor, world: World, cli: Cli) -> None:
    made(world, "2 days")
    world.post(world.account("stub"))
    cli("post-due")
    world.run("UPDATE socialcron.metric_schedules SET next_at = now()")
    cli("profiles", "add", "tiktok", "nasa")
    world.run("UPDATE socialcron.accounts SET credentials = 'x', token_expires_at = now()")

    found = doctor()

    for name in ("collect-metrics", "trigger-monitoring", "accounts-refresh"):
        assert "warn: it has never run" in said(found[name])
    assert "SCRAPECREATORS_API_KEY is not set" in said(found["provider key"])


def test_a_last_run_that_failed__is_told_with_its_error(doctor: Doctor, world: World) -> None:
    a_run(world, "post-due", minutes_ago=2, exit_code=69, error="lost the database")
    a_run(world, "maintain", minutes_ago=2, exit_code=75)

    found = doctor()

    assert "ended with 69: lost the database" in said(found["post-due"])
    assert found["maintain"]["state"] == "ok"


@pytest.mark.parametrize(("minutes", "state"), [(1, "ok"), (5, "warn"), (11, "fail")])
def test_an_overdue_post__fails_after_ten_minutes(
    doctor: Doctor, world: World, minutes: int, state: str
) -> None:
    post = world.post(world.account("stub"))
    world.pass_time(minutes)

    found = doctor()["overdue posts"]

    assert found["state"] == state
    if state == "fail":
        assert f"`socialcron posts explain {post}`" in found["hint"]


def test_a_post_that_the_claim_overlooks__is_overdue_all_the_same(doctor: Doctor, world: World) -> None:
    world.post(world.account("stub"))
    world.pass_time(15)
    world.run("DELETE FROM socialcron.account_wakeups")

    assert doctor()["overdue posts"]["state"] == "fail"


def test_posts_that_need_a_person__warn(doctor: Doctor, world: World) -> None:
    account = world.account("stub")
    posts = [world.post(account, text) for text in ("unknown", "asked about", "failed", "long ago", "missed")]
    states = ("unconfirmed", "unconfirmed", "failed", "failed", "missed")
    for post, status in zip(posts, states, strict=True):
        world.run("UPDATE socialcron.posts SET status = %s WHERE id = %s", status, post)
    world.run("UPDATE socialcron.posts SET reconcile_at = now() WHERE id = %s", posts[1])
    world.run("SET session_replication_role = replica")  # the trigger would say now() again
    world.run("UPDATE socialcron.posts SET updated_at = now() - interval '25 hours' WHERE id = %s", posts[3])
    world.run("RESET session_replication_role")

    found = doctor()

    for name, latest in (("unconfirmed", posts[0]), ("failed", posts[2]), ("missed", posts[4])):
        check = found[f"{name} posts"]
        assert (check["state"], check["data"]) == ("warn", {"posts": 1, "latest_id": latest})
        assert f"posts explain {latest}" in check["hint"]


def test_events_that_were_given_up__warn(doctor: Doctor, world: World) -> None:
    world.run(
        "INSERT INTO socialcron.subscriptions (name, channel, address, events, last_error)"
        " VALUES ('ops', 'webhook', %s, '{failed}', 'answered 500')",
        secrets.KeyRing(world.settings.secret_key).encrypt({"url": "https://ops.example"}),
    )
    post = world.post(world.account("stub"))
    world.run("UPDATE socialcron.posts SET status = 'failed' WHERE id = %s", post)
    found = doctor()
    assert (found["deliveries"]["state"], "late deliveries" in found) == ("ok", False)
    world.run("UPDATE socialcron.deliveries SET next_at = now() - interval '61 minutes'")
    assert "warn: due for an hour: 1 event to ops" in said(doctor()["late deliveries"])
    world.run("UPDATE socialcron.subscriptions SET quiet_until = now() + interval '1 hour'")  # a digest
    assert "late deliveries" not in doctor()
    world.run("UPDATE socialcron.deliveries SET status = 'dead', tried_at = now(), next_at = NULL")

    assert "warn: given up in the last 7 days: 1 event to ops (answered 500)" in said(doctor()["deliveries"])


def test_recurrences_that_nobody_fills__warn(doctor: Doctor, world: World) -> None:
    post = world.post(world.account("stub"))
    world.run(
        "INSERT INTO socialcron.recurrences (content_id, account_id, rrule, starts_at, zone, fill_at)"
        " SELECT content_id, account_id, 'FREQ=DAILY', now(), 'UTC', now() - interval '30 minutes'"
        " FROM socialcron.posts WHERE id = %s",
        post,
    )
    assert doctor()["recurrences"]["state"] == "ok"
    world.run("UPDATE socialcron.recurrences SET fill_at = fill_at - interval '1 hour'")

    assert "the next posts of 1 recurrence are not made, 90 min late" in said(doctor()["recurrences"])
    world.run(
        "UPDATE socialcron.recurrences SET fill_at = now() + interval '1 day', last_error = 'too often'"
    )
    assert "of 1: too often | `socialcron recurrences show 1`" in said(doctor()["recurrences"])


def test_errors__are_shown_without_secrets(doctor: Doctor, cli: Cli, world: World) -> None:
    a_run(
        world,
        "post-due",
        minutes_ago=2,
        exit_code=70,
        error="GET https://x/?access_token=abcdefghij1234 refused",
    )

    for ran in (cli("doctor"), cli("doctor", "--json")):
        assert "ended with 70" in ran.stdout
        assert "abcdefghij1234" not in ran.stdout


@pytest.mark.skipif(os.geteuid() != 0, reason="needs another user to become")
def test_folders_that_this_user_may_not_use__fail() -> None:
    """Root may use every folder, so a child that is nobody looks."""
    code = (
        "import json, os, sys\n"
        "from socialcron.batches.doctor_host import check_cache_folder, check_host\n"
        "from socialcron.settings import Settings\n"
        "settings = Settings.from_env(json.loads(sys.argv[1]))\n"
        "os.setgid(65534); os.setuid(65534)\n"
        "checks = [*check_host(settings, None, {}), check_cache_folder(settings)]\n"
        "print(json.dumps({check.name: check.state + ': ' + check.message for check in checks}))\n"
    )
    folders = {
        "SOCIALCRON_MEDIA_ROOT": "/root",
        "SOCIALCRON_CACHE_DIR": "/usr/pictures",
        "SOCIALCRON_HOME": "/",
    }
    done = subprocess.run(
        [sys.executable, "-c", code, json.dumps(folders)], capture_output=True, text=True, cwd="/tmp"
    )
    assert done.returncode == 0, done.stderr
    found = json.loads(done.stdout)
    assert found["media root"] == "fail: this user may not read /root"
    assert found["cache folder"] == "fail: cache-media cannot write to /usr/pictures: /usr may not be written"
