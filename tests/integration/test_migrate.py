from __future__ import annotations

import os
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import psycopg
import pytest

from socialcron.errors import ConfigError, DatabaseUnavailable, SchemaError
from socialcron.settings import Settings
from socialcron.store import migrate, sqlfiles
from socialcron.store.engine import Database
from socialcron.store.sqlfiles import Migration


@pytest.fixture
def empty(empty_database_url: str) -> Iterator[Database]:
    database = Database.connect(Settings.from_env({"DATABASE_URL": empty_database_url}))
    yield database
    database.close()


@pytest.fixture
def steps(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> list[Migration]:
    """The real bookkeeping and two small migrations in place of the real ones; tests edit the list."""
    texts = {
        "first": "CREATE TABLE socialcron.a (x int); -- 100 %",
        "second": "CREATE TABLE socialcron.b (x int);",
    }
    found = [sqlfiles.migrations()[0]]
    for number, (name, text) in enumerate(texts.items(), start=1):
        found.append(write(tmp_path, number, name, text))
    for module in (migrate, sqlfiles):
        monkeypatch.setattr(module, "migrations", lambda: tuple(found))
    return found


def write(directory: Path, number: int, name: str, text: str) -> Migration:
    path = directory / f"{number:04}_{name}.sql"
    path.write_text(text)
    return Migration(number=number, name=name, path=path)


def names(applied: list[Migration]) -> list[str]:
    return [migration.name for migration in applied]


def problem(database: Database) -> str:
    found = migrate.read_state(database).problem()
    assert found is not None
    assert found.exit_code == 78
    return str(found)


def test_migrate__applies_everything_to_an_empty_database_once(empty: Database) -> None:
    assert len(migrate.migrate(empty)) == len(sqlfiles.migrations())
    assert migrate.migrate(empty) == []
    assert migrate.read_state(empty).problem() is None
    empty.check_schema()


def test_migrate__applies_only_what_is_pending(
    empty: Database, steps: list[Migration], tmp_path: Path
) -> None:
    assert names(migrate.migrate(empty)) == ["bookkeeping", "first", "second"]

    steps.append(write(tmp_path, 3, "third", "CREATE TABLE socialcron.c (x int);"))

    assert "too old: pending 0003_third" in problem(empty)
    with pytest.raises(SchemaError, match="too old"):
        empty.check_schema()
    assert names(migrate.migrate(empty)) == ["third"]
    empty.check_schema()


def test_migrate__a_failing_migration_leaves_the_ones_before_it(
    empty: Database, steps: list[Migration], tmp_path: Path
) -> None:
    steps[2] = write(tmp_path, 2, "second", "CREATE TABLE socialcron.b (x int); SELECT 1/0;")

    with pytest.raises(SchemaError, match=r"0002_second failed, nothing of it was applied: division by zero"):
        migrate.migrate(empty)

    assert "pending 0002_second" in problem(empty)
    assert empty.connection.execute("SELECT to_regclass('socialcron.b')").fetchone() == (None,)


def test_migrate__refuses_an_edited_migration(empty: Database, steps: list[Migration]) -> None:
    migrate.migrate(empty)
    steps[1].path.write_text("CREATE TABLE socialcron.a (x bigint);")

    assert "edited after it was applied here: migration 0001_first" in problem(empty)
    with pytest.raises(SchemaError, match="edited"):
        migrate.migrate(empty)


def test_migrate__fills_a_gap_and_check_calls_it_half_migrated(
    empty: Database, steps: list[Migration]
) -> None:
    middle = steps.pop(1)
    migrate.migrate(empty)
    steps.insert(1, middle)

    assert "half-migrated: pending 0001_first" in problem(empty)
    assert names(migrate.migrate(empty)) == ["first"]


def test_migrate__refuses_a_schema_without_its_record(empty: Database) -> None:
    empty.connection.execute("CREATE SCHEMA socialcron; CREATE TABLE socialcron.posts (id int)")

    assert "half-migrated: it has tables, but no record" in problem(empty)
    with pytest.raises(SchemaError, match="half-migrated"):
        migrate.migrate(empty)


def test_migrate__fills_a_schema_that_an_administrator_made(empty: Database) -> None:
    empty.connection.execute("CREATE SCHEMA socialcron")

    assert migrate.migrate(empty)


def test_check_schema__stops_code_that_is_too_old(empty: Database, steps: list[Migration]) -> None:
    migrate.migrate(empty)
    empty.connection.execute("UPDATE socialcron.schema_meta SET migration = 9, oldest_code = 9")
    empty.connection.execute("INSERT INTO socialcron.schema_migrations VALUES (9, 'later', 'x')")

    with pytest.raises(SchemaError, match="this socialcron is too old for the database"):
        empty.check_schema()
    assert "ends at migration 2, the schema takes 9 or later" in problem(empty)
    with pytest.raises(SchemaError, match="too old for the database"):
        migrate.migrate(empty)


def test_check_schema__accepts_a_newer_schema_that_still_takes_this_code(db: Database) -> None:
    db.connection.execute("UPDATE socialcron.schema_meta SET migration = 9999")
    db.connection.execute("INSERT INTO socialcron.schema_migrations VALUES (9999, 'later', 'x')")

    db.check_schema()
    assert migrate.read_state(db).problem() is None
    assert migrate.read_state(db).newer == [9999]


def test_check_schema__says_that_an_empty_database_needs_migrating(empty: Database) -> None:
    with pytest.raises(SchemaError, match="no socialcron schema") as caught:
        empty.check_schema()

    assert caught.value.hint == "Run `socialcron db migrate`."
    assert "no socialcron schema" in problem(empty)


def test_migrate__gives_up_on_a_table_that_stays_locked(
    empty: Database, empty_database_url: str, steps: list[Migration], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(migrate, "_LIMITS", b"SET LOCAL lock_timeout = '50ms'")
    last = steps.pop()
    migrate.migrate(empty)
    steps.append(last)
    last.path.write_text("ALTER TABLE socialcron.a ADD COLUMN y int;")

    with psycopg.connect(empty_database_url) as other:
        other.execute("SELECT * FROM socialcron.a")
        with pytest.raises(DatabaseUnavailable, match="lock"):
            migrate.migrate(empty)

    assert names(migrate.migrate(empty)) == ["second"]


def test_migrate__needs_the_right_to_create_a_schema(empty: Database, empty_database_url: str) -> None:
    role = "test_nobody_" + os.urandom(4).hex()
    empty.connection.execute(f"CREATE ROLE {role}".encode())
    try:
        empty.connection.execute(f"SET ROLE {role}".encode())
        with pytest.raises(ConfigError, match="permission denied"):
            migrate.migrate(empty)
    finally:
        empty.connection.execute("RESET ROLE")
        empty.connection.execute(f"DROP ROLE {role}".encode())


def test_migrate__twenty_at_once_apply_each_migration_once(empty: Database, empty_database_url: str) -> None:
    command = [sys.executable, "-m", "socialcron", "db", "migrate", "--json"]
    environment = {**os.environ, "DATABASE_URL": empty_database_url}

    running = [
        subprocess.Popen(command, env=environment, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True)
        for _ in range(20)
    ]
    answers = [process.communicate(timeout=120) for process in running]

    assert [process.returncode for process in running] == [0] * 20, answers
    assert sum("0000_bookkeeping" in out for out, _ in answers) == 1
    assert migrate.read_state(empty).problem() is None
