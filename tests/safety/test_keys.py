"""`keys list` and `keys rotate`: nothing becomes unreadable, whatever happens meanwhile and wherever it dies."""

from __future__ import annotations

import os
import re
import subprocess
import sys
import threading
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import psycopg
import pytest

from socialcron.batches import rotating
from socialcron.commands.keys import add_key
from socialcron.errors import ConfigError, DatabaseUnavailable
from socialcron.settings import Settings
from socialcron.store import sealed, sqlfiles, tokens
from socialcron.store.engine import Database
from socialcron.store.sealed import SEALED_COLUMNS
from socialcron.store.secrets import KeyRing, new_key
from tests.conftest import Cli
from tests.world import World

FERNET = r"^gAAAAA[\w-]{60,}=*$"  # version byte and the first zeros of a 64-bit time: https://github.com/fernet/spec

OLD, NEW = new_key(), new_key()


def put_account(db: Database, credentials: str | None, handle: str = "me") -> int:
    query = b"INSERT INTO socialcron.accounts (platform, handle, credentials) VALUES ('stub', %s, %s) RETURNING id"
    row = db.connection.execute(query, (handle, credentials)).fetchone()
    assert row is not None
    return int(row[0])


def stored(db: Database) -> dict[int, str]:
    query = b"SELECT id, credentials FROM socialcron.accounts WHERE credentials IS NOT NULL"
    return dict(db.connection.execute(query).fetchall())


@pytest.fixture
def env_file(tmp_path: Path, cli: Cli, monkeypatch: pytest.MonkeyPatch) -> Path:
    """The key comes from `.env` here, as it does after `init`."""
    monkeypatch.delenv("SOCIALCRON_SECRET_KEY")
    path = tmp_path / ".env"
    path.write_text(f"# mine\nTZ=Europe/Paris\n\nSOCIALCRON_SECRET_KEY={OLD}\n# the end")
    return path


@pytest.fixture
def seven(db: Database, env_file: Path) -> dict[int, dict[str, Any]]:
    """Seven accounts under the old key, by id."""
    ring = KeyRing(OLD)
    found = {}
    for number in range(7):
        found[put_account(db, ring.encrypt({"token": number}), str(number))] = {"token": number}
    put_account(db, None, "without")
    return found


def opened(db: Database, keys: str) -> dict[int, dict[str, Any]]:
    return {id: KeyRing(keys).decrypt(text, account_id=id) for id, text in stored(db).items()}


# --- which columns -----------------------------------------------------------------------------------------------


def test_sealed_columns__are_all_that_migrations_call_encrypted() -> None:
    found = set()
    for migration in sqlfiles.migrations():
        table = ""
        for line in migration.path.read_text().splitlines():
            if named := re.search(r"(?:CREATE|ALTER) TABLE (?:IF EXISTS )?socialcron\.(\w+)", line):
                table = named[1]
            if column := re.match(r" +(?:ADD COLUMN )?(\w+) +text\b.*--.*\bencrypted\b", line):
                found.add((table, column[1]))
    assert found == {(column.table, column.column) for column in SEALED_COLUMNS}


def test_sealed_columns__are_all_that_hold_what_the_key_encrypted(world: World, cli: Cli) -> None:
    """Columns are looked for in the catalog, so that one more of them cannot be forgotten."""
    for platform in ("mastodon", "x", "bluesky", "telegram"):
        world.post(world.account(platform), f"via {platform}")
    cli("post-due")
    columns = world.db.connection.execute(
        b"SELECT table_name, column_name FROM information_schema.columns"
        b" WHERE table_schema = 'socialcron' AND data_type IN ('text', 'jsonb') ORDER BY 1, 2"
    ).fetchall()
    holding = {
        (table, column)
        for table, column in columns
        if world.value(f"SELECT count(*) FROM socialcron.{table} WHERE {column}::text ~ '{FERNET}'")
    }
    assert ("accounts", "credentials") in holding
    assert holding <= {(column.table, column.column) for column in SEALED_COLUMNS}


@pytest.mark.parametrize("column", SEALED_COLUMNS, ids=lambda column: f"{column.table}.{column.column}")
def test_sealed_columns__exist_beside_an_id(world: World, column: sealed.SealedColumn) -> None:
    assert sealed.count_sealed(world.db, column) == 0
    assert list(sealed.read_sealed(world.db, column)) == []
    assert sealed.sees_all_rows(world.db, column)


# --- list --------------------------------------------------------------------------------------------------------


def test_list__counts_what_each_key_opens_and_shows_none_of_them(
    cli: Cli, db: Database, monkeypatch: pytest.MonkeyPatch
) -> None:
    lost = new_key()
    put_account(db, KeyRing(OLD).encrypt({}))
    put_account(db, KeyRing(NEW).encrypt({}))
    unreadable = put_account(db, KeyRing(lost).encrypt({}))
    monkeypatch.setenv("SOCIALCRON_SECRET_KEY", f"{NEW},{OLD}")

    data = cli("keys", "list", "--json").data
    text = cli("keys", "list").stdout

    assert [(key["opens"], key["newest"], key["unused"]) for key in data["keys"]] == [
        (1, True, False),
        (1, False, False),
    ]
    assert (data["secrets"], data["waiting"], data["unreadable"]) == (3, 1, [f"account {unreadable}"])
    assert f"no key of the ring opens 1 stored secret: account {unreadable}" in text
    assert data["keys"][0]["fingerprint"] in text
    for key in (OLD, NEW):
        assert key[:8] not in text + str(data)


@pytest.mark.parametrize("words", [["list"], ["rotate"], ["rotate", "--new"]])
def test_keys__without_a_key_says_where_one_comes_from(
    cli: Cli, monkeypatch: pytest.MonkeyPatch, words: list[str]
) -> None:
    monkeypatch.delenv("SOCIALCRON_SECRET_KEY")
    ran = cli("keys", *words)
    assert (ran.exit_code, ran.stdout) == (78, "")
    assert "socialcron init" in ran.stderr


def test_keys__tell_no_lie_about_rows_they_may_not_see(cli: Cli, world: World, seven: object) -> None:
    """Row level security would leave rows out: an old key would look unused, and be thrown away."""
    role = f"half_seeing_{os.getpid()}"
    world.run(f"CREATE ROLE {role} LOGIN")
    try:
        world.run(f"GRANT USAGE ON SCHEMA socialcron TO {role}")
        world.run(f"GRANT SELECT ON ALL TABLES IN SCHEMA socialcron TO {role}")
        world.run(f"SET ROLE {role}")
        assert stored(world.db) == {}
        with pytest.raises(ConfigError, match="row level security hides rows"):
            rotating.take_inventory(world.db, KeyRing(OLD))
    finally:
        world.run("RESET ROLE")
        world.run(f"DROP OWNED BY {role}")
        world.run(f"DROP ROLE {role}")


# --- rotate ------------------------------------------------------------------------------------------------------


def test_rotate__puts_everything_under_the_newest_key(
    cli: Cli, db: Database, seven: dict[int, Any], env_file: Path
) -> None:
    env_file.write_text(f"SOCIALCRON_SECRET_KEY={NEW},{OLD}\n")
    ran = cli("keys", "rotate", "--json")
    assert (ran.data["rotated"], ran.data["waiting"], len(ran.data["unused"])) == (7, 0, 1)
    assert opened(db, NEW) == seven
    before = stored(db)
    assert cli("keys", "rotate", "--json").data["rotated"] == 0
    assert stored(db) == before
    assert "may be taken out" in cli("keys", "list").stdout


def test_rotate_new__makes_a_key_and_leaves_the_rest_of_the_file(
    cli: Cli, db: Database, seven: dict[int, Any], env_file: Path
) -> None:
    ran = cli("keys", "rotate", "--new")
    assert ran.exit_code == 0
    text = env_file.read_text()
    found = re.fullmatch(
        rf"# mine\nTZ=Europe/Paris\n\nSOCIALCRON_SECRET_KEY=([\w=-]+),{OLD}\n# the end", text
    )
    assert found, text
    assert opened(db, found[1]) == seven
    assert env_file.stat().st_mode & 0o777 == 0o600
    assert found[1] not in ran.stdout + ran.stderr
    assert "7 stored secrets encrypted anew" in ran.stdout
    assert "open nothing any more" in ran.stdout or "opens nothing any more" in ran.stdout


def test_rotate__dry_run_changes_nothing(
    cli: Cli, db: Database, seven: dict[int, Any], env_file: Path
) -> None:
    before = stored(db), env_file.read_text()
    assert "encrypt 7 stored secrets anew" in cli("keys", "rotate", "--new", "--dry-run").stdout
    assert cli("keys", "rotate", "--dry-run", "--json").data["would_rotate"] == 0
    assert (stored(db), env_file.read_text()) == before


def test_rotate__leaves_what_no_key_opens_as_it_is(cli: Cli, db: Database, seven: dict[int, Any]) -> None:
    foreign = KeyRing(new_key()).encrypt({"a": 1})
    lost = put_account(db, foreign)
    broken = put_account(db, "no token at all")
    ran = cli("keys", "rotate", "--new")
    assert ran.exit_code == 0
    assert f"no key of the ring opens 2 stored secrets: account {lost}, account {broken}" in ran.stdout
    assert (stored(db)[lost], stored(db)[broken]) == (foreign, "no token at all")


@pytest.mark.parametrize("variable", ["SOCIALCRON_SECRET_KEY", "SOCIALCRON_SECRET_KEY_FILE"])
def test_rotate_new__refuses_where_the_ring_comes_from_elsewhere(
    cli: Cli, env_file: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, variable: str
) -> None:
    (tmp_path / "key").write_text(OLD)
    monkeypatch.setenv(variable, OLD if variable == "SOCIALCRON_SECRET_KEY" else str(tmp_path / "key"))
    before = env_file.read_text()
    ran = cli("keys", "rotate", "--new")
    assert (ran.exit_code, env_file.read_text()) == (78, before)
    assert f"come from {variable}, not from .env" in ran.stderr
    assert "openssl rand" in ran.stderr


@pytest.mark.parametrize(
    "line",
    [
        "SOCIALCRON_SECRET_KEY=OLD",
        'export SOCIALCRON_SECRET_KEY = "OLD, NEW"   # newest first',
        "SOCIALCRON_SECRET_KEY='OLD'\r\nTZ=UTC\r\n",
        "SOCIALCRON_SECRET_KEY=stale\n# SOCIALCRON_SECRET_KEY=no\nSOCIALCRON_SECRET_KEY=OLD\n",
    ],
)
def test_add_key__reads_back_in_front_however_the_line_is_written(
    clean_environment: object, tmp_path: Path, line: str
) -> None:
    path, line = tmp_path / "some.env", line.replace("OLD", OLD).replace("NEW", NEW)
    path.write_bytes(line.encode())
    before = Settings.load(path).secret_key
    made = new_key()
    add_key(path, made)
    assert Settings.load(path).secret_key == f"{made},{before}"
    assert path.read_bytes().decode().replace(f"{made},", "", 1) == line
    assert [found.name for found in tmp_path.iterdir() if found.is_file()] == ["some.env"]


def test_add_key__follows_a_link_and_keeps_it(clean_environment: object, tmp_path: Path) -> None:
    (tmp_path / "real.env").write_text(f"SOCIALCRON_SECRET_KEY={OLD}\n")
    (tmp_path / ".env").symlink_to("real.env")
    add_key(tmp_path / ".env", NEW)
    assert (tmp_path / ".env").is_symlink()
    assert (tmp_path / "real.env").read_text() == f"SOCIALCRON_SECRET_KEY={NEW},{OLD}\n"


def test_add_key__of_several_at_once_keeps_every_key(clean_environment: object, tmp_path: Path) -> None:
    path = tmp_path / ".env"
    path.write_text(f"SOCIALCRON_SECRET_KEY={OLD}\n")
    code = (
        "import sys; from pathlib import Path; from socialcron.commands.keys import add_key;"
        "add_key(Path('.env'), sys.argv[1])"
    )
    keys = [new_key() for _ in range(6)]
    children = [subprocess.Popen([sys.executable, "-c", code, key], cwd=tmp_path) for key in keys]
    assert [child.wait() for child in children] == [0] * 6
    ring = (Settings.load(path).secret_key or "").split(",")
    assert (sorted(ring[:-1]), ring[-1]) == (sorted(keys), OLD)


# --- at the same moment ------------------------------------------------------------------------------------------


def until_somebody_waits(db: Database) -> None:
    """For a row that we have locked."""
    query = b"SELECT count(*) FROM pg_stat_activity WHERE datname = current_database() AND wait_event_type = 'Lock'"
    for _ in range(100_000):
        row = db.connection.execute(query).fetchone()
        if row and row[0]:
            return
    raise AssertionError("nobody waits")


def test_rotate__keeps_what_a_refresh_stored_after_it_had_read_the_row(
    settings: Settings, db: Database, seven: dict[int, Any]
) -> None:
    ring, first = KeyRing(f"{NEW},{OLD}"), min(seven)
    fresh = KeyRing(OLD).encrypt({"token": "fresh"})  # by a run that began with the old ring
    done: list[int] = []

    def rotate() -> None:
        other = Database.connect(settings)
        done.append(rotating.rotate(other, ring))
        other.close()

    watcher = Database.connect(settings)
    thread = threading.Thread(target=rotate)
    with db.transaction():
        assert tokens.store_tokens(db, account_id=first, token_version=0, credentials=fresh, expires_at=None)
        thread.start()  # it reads the old row, and then waits for ours
        until_somebody_waits(watcher)
    thread.join()
    watcher.close()
    assert done == [7]
    assert opened(db, NEW) == seven | {first: {"token": "fresh"}}


def test_refresh__waits_for_a_rotation_and_wins(
    settings: Settings, db: Database, seven: dict[int, Any]
) -> None:
    """The other order: the rotation has the row, the fresh pair comes after it and stays."""
    ring, first, column = KeyRing(f"{NEW},{OLD}"), min(seven), SEALED_COLUMNS[0]
    fresh = ring.encrypt({"token": "fresh"})
    done: list[bool] = []

    def refresh() -> None:
        other = Database.connect(settings)
        done.append(
            tokens.store_tokens(other, account_id=first, token_version=0, credentials=fresh, expires_at=None)
        )
        other.close()

    watcher = Database.connect(settings)
    thread = threading.Thread(target=refresh)
    with db.transaction():
        rows = sealed.lock_sealed(db, column, [first])
        thread.start()
        until_somebody_waits(watcher)
        sealed.store_sealed(db, column, {row.id: ring.rotate(row.text) for row in rows})
    thread.join()
    watcher.close()
    assert done == [True]
    assert KeyRing(NEW).decrypt(stored(db)[first], account_id=first) == {"token": "fresh"}


def test_rotate__while_real_processes_refresh_single_use_tokens(
    cli: Cli, world: World, environment: dict[str, str], tmp_path: Path
) -> None:
    accounts = [world.account("x", f"x{number}", auth="oauth2") for number in range(12)]
    ring = f"{NEW},{environment['SOCIALCRON_SECRET_KEY']}"
    child = environment | {"PATH": os.environ["PATH"], "SOCIALCRON_SECRET_KEY": ring}
    program = [sys.executable, "-m", "socialcron"]
    refresh = [*program, "accounts", "refresh", "--all", "--json"]
    rotate = [*program, "keys", "rotate", "--json"]
    running = [
        subprocess.Popen(
            words, env=child | {"PYTHONPATH": str(Path(__file__).parents[2])}, cwd=tmp_path, stdout=-3
        )
        for words in (refresh, rotate, rotate, refresh)
    ]
    assert [process.wait() for process in running] == [0] * 4
    renewed = world.value("SELECT count(*) FROM socialcron.accounts WHERE token_version > 0")
    assert (renewed, len(opened(world.db, NEW))) == (12, 12)
    for account in accounts[:3]:  # the refresh token kept is the one that the platform takes
        world.run("UPDATE socialcron.accounts SET refreshed_at = NULL WHERE id = %s", account)
    child_env = pytest.MonkeyPatch()
    with child_env.context() as patch:
        patch.setenv("SOCIALCRON_SECRET_KEY", NEW)
        assert cli("accounts", "refresh", *accounts[:3], "--json").data["refreshed"] == 3


# --- killed ------------------------------------------------------------------------------------------------------

DYING = """
import os, signal, sys
from importlib import import_module
module, name, call, when = sys.argv[1:5]
from socialcron.store import sealed
sealed.BATCH = 3
owner = import_module(module)
for part in name.split(".")[:-1]:
    owner = getattr(owner, part)
name, calls = name.split(".")[-1], 0
true = getattr(owner, name)
def dying(*words, **options):
    global calls
    calls += 1
    if calls == int(call) and when == "before":
        os.kill(os.getpid(), signal.SIGKILL)
    result = true(*words, **options)
    if calls == int(call) and when == "after":
        os.kill(os.getpid(), signal.SIGKILL)
    return result
setattr(owner, name, dying)
from socialcron.cli import main
sys.exit(main(["keys", "rotate", "--new"]))
"""

STEPS = [
    ("socialcron.commands.keys", "add_key", 1, "before"),
    ("os", "fsync", 1, "before"),  # the new file is written, the old one is in place
    ("os", "fsync", 1, "after"),
    ("pathlib", "Path.replace", 1, "after"),  # the new key is in the ring and nothing is encrypted with it
    ("socialcron.commands.keys", "add_key", 1, "after"),
    ("socialcron.store.sealed", "lock_sealed", 1, "after"),
    ("socialcron.store.sealed", "store_sealed", 1, "after"),  # not committed
    ("socialcron.store.sealed", "lock_sealed", 2, "before"),  # one batch is committed
    ("socialcron.store.sealed", "store_sealed", 3, "after"),
    ("socialcron.batches.rotating", "rotate", 1, "after"),
]


@pytest.mark.parametrize("step", STEPS, ids=lambda step: f"{step[3]} {step[1]} {step[2]}")
def test_rotate_new__killed_anywhere_leaves_everything_readable(
    cli: Cli,
    db: Database,
    seven: dict[int, Any],
    env_file: Path,
    environment: dict[str, str],
    step: tuple[str, str, int, str],
) -> None:
    child = {name: value for name, value in environment.items() if name != "SOCIALCRON_SECRET_KEY"}
    died = subprocess.run(
        [sys.executable, "-c", DYING, *map(str, step)],
        env=child | {"PATH": os.environ["PATH"], "PYTHONPATH": str(Path(__file__).parents[2])},
        cwd=env_file.parent,
        check=False,
    )
    assert died.returncode == -9
    keys = Settings.load(env_file).secret_key or ""

    assert opened(db, keys) == seven
    assert (
        env_file.read_text().replace(keys, "")
        == "# mine\nTZ=Europe/Paris\n\nSOCIALCRON_SECRET_KEY=\n# the end"
    )

    assert cli("keys", "rotate", "--json").data["waiting"] == 0
    assert opened(db, keys.split(",")[0]) == seven
    assert (
        cli("keys", "rotate", "--new", "--json").data["rotated"] == 7
    )  # what it left behind is in nobody's way
    assert not list(env_file.parent.glob(".env.*"))


def test_rotate__gives_up_on_a_row_that_somebody_keeps_locked(
    settings: Settings, db: Database, seven: dict[int, Any]
) -> None:
    with psycopg.connect(settings.database_url or "") as other:
        other.execute("SELECT 1 FROM socialcron.accounts WHERE id = %s FOR UPDATE", (max(seven),))
        db.connection.execute("SET lock_timeout = '50ms'")
        with pytest.MonkeyPatch.context() as patch:
            patch.setattr("socialcron.store.engine._BEGIN", b"BEGIN; SET LOCAL lock_timeout = '50ms'")
            with pytest.raises(DatabaseUnavailable, match="a lock was not free"):
                rotating.rotate(db, KeyRing(f"{NEW},{OLD}"))
    assert rotating.rotate(db, KeyRing(f"{NEW},{OLD}")) == 7


def test_rotate__asked_to_stop_says_what_is_left(cli: Cli, db: Database, seven: dict[int, Any]) -> None:
    answers: Iterator[bool] = iter([False, True])
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(sealed, "BATCH", 3)
        assert rotating.rotate(db, KeyRing(f"{NEW},{OLD}"), stopped=lambda: next(answers)) == 3
    assert rotating.take_inventory(db, KeyRing(f"{NEW},{OLD}")).waiting == 4
