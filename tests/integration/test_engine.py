from __future__ import annotations

import socket
import threading
from collections.abc import Iterator
from dataclasses import dataclass

import psycopg
import pytest

from socialcron import log
from socialcron.errors import BadInput, ConfigError, Conflict, DatabaseUnavailable, SchemaError
from socialcron.settings import Settings
from socialcron.store import core, sqlfiles
from socialcron.store.engine import Database, translated


@dataclass(frozen=True, slots=True, kw_only=True)
class Pair:
    number: int
    word: str


@pytest.fixture(autouse=True)
def _queries(monkeypatch: pytest.MonkeyPatch) -> None:
    texts = {
        "pairs": b"SELECT n AS number, 'w' || n AS word FROM generate_series(1, %(most)s) AS n",
        "none": b"SELECT 1 WHERE false",
        "insert": b"INSERT INTO t VALUES (%(n)s)",
        "count": b"SELECT count(*) FROM t",
        "nowhere": b"SELECT * FROM socialcron.nowhere",
        "syntax": b"SELEKT 1",
        "text": b"SELECT %(text)s::text",
        "number": b"SELECT %(text)s::int",
    }
    monkeypatch.setattr(sqlfiles, "load", texts.__getitem__)


@pytest.fixture
def table(db: Database) -> Database:
    db.connection.execute("CREATE TABLE t (n int CONSTRAINT t_once UNIQUE)")
    return db


def connect(url: str) -> Database:
    return Database.connect(Settings.from_env({"DATABASE_URL": url}))


def test_rows__become_dataclasses(db: Database) -> None:
    expected = [Pair(number=1, word="w1"), Pair(number=2, word="w2")]

    assert db.rows("pairs", {"most": 2}, into=Pair) == expected
    assert db.row("pairs", {"most": 2}, into=Pair) == expected[0]
    assert db.rows("pairs", {"most": 1}, into=dict) == [{"number": 1, "word": "w1"}]


def test_row_and_value__are_none_without_a_row(db: Database) -> None:
    assert db.row("none", into=Pair) is None
    assert db.value("none") is None
    assert db.rows("none", into=Pair) == []


def test_run__counts_changed_rows_and_commits_at_once(table: Database, database_url: str) -> None:
    assert table.run("insert", {"n": 1}) == 1

    assert connect(database_url).value("count") == 1


def test_transaction__commits_together(table: Database, database_url: str) -> None:
    other = connect(database_url)
    with table.transaction():
        table.run("insert", {"n": 1})
        table.run("insert", {"n": 2})
        assert other.value("count") == 0

    assert other.value("count") == 2


def test_transaction__rolls_back_on_any_exception(table: Database) -> None:
    with pytest.raises(KeyboardInterrupt), table.transaction():
        table.run("insert", {"n": 1})
        raise KeyboardInterrupt

    assert table.value("count") == 0


def test_transaction__sets_its_limits_for_itself_only(db: Database) -> None:
    def show(name: str) -> object:
        row = db.connection.execute(f"SHOW {name}".encode()).fetchone()
        return row and row[0]

    before = show("statement_timeout")
    db.connection.execute("SET synchronous_commit = off")
    with db.transaction():
        assert (show("statement_timeout"), show("lock_timeout")) == ("30s", "5s")
        assert show("synchronous_commit") == "off"
    with db.transaction(durable=True):
        assert show("synchronous_commit") == "on"
    assert show("statement_timeout") == before


def test_transaction__does_not_nest(db: Database) -> None:
    with db.transaction(), pytest.raises(RuntimeError, match="nest"), db.transaction():
        pass


def test_transaction__notices_a_swallowed_error(table: Database) -> None:
    with pytest.raises(RuntimeError, match="rolled back"), table.transaction():
        table.run("insert", {"n": 1})
        with pytest.raises(Conflict):
            table.run("insert", {"n": 1})

    assert table.value("count") == 0


def test_unique_violation__is_a_conflict_naming_the_constraint(table: Database) -> None:
    table.run("insert", {"n": 1})

    with pytest.raises(Conflict) as caught:
        table.run("insert", {"n": 1})

    assert caught.value.constraint == "t_once"


def test_missing_table__points_to_the_migrations(db: Database) -> None:
    with pytest.raises(SchemaError, match="nowhere") as caught:
        db.value("nowhere")

    assert "socialcron db migrate" in (caught.value.hint or "")


def test_bad_data__is_bad_input(db: Database) -> None:
    with pytest.raises(BadInput, match="NUL"):
        db.value("text", {"text": "a\0b"})
    with pytest.raises(BadInput, match="invalid input syntax"):
        db.value("number", {"text": "seven"})


def test_a_mistake_in_sql__stays_a_bug(db: Database) -> None:
    with pytest.raises(psycopg.errors.SyntaxError):
        db.value("syntax")


@pytest.mark.direct("the pooler's connections know the database's old setting")
def test_read_only_database__is_unavailable(table: Database, database_url: str) -> None:
    name = table.connection.info.dbname
    table.connection.execute(f'ALTER DATABASE "{name}" SET default_transaction_read_only = on'.encode())

    with pytest.raises(DatabaseUnavailable, match="the database is read-only") as caught:
        connect(database_url).run("insert", {"n": 1})

    assert caught.value.exit_code == 69


def test_missing_right__is_a_configuration_error(db: Database) -> None:
    with translated():
        db.connection.execute("SET ROLE pg_monitor")
        with pytest.raises(ConfigError, match="permission denied"), translated():
            db.connection.execute("SELECT * FROM socialcron.schema_meta")


@pytest.mark.direct("a pooler's connection outlives the server's")
def test_lost_connection__is_unavailable_until_reconnected(table: Database, database_url: str) -> None:
    victim = table.connection.info.backend_pid
    connect(database_url).connection.execute("SELECT pg_terminate_backend(%s, 5000)", (victim,))

    with pytest.raises(DatabaseUnavailable):
        table.value("count")
    assert table.is_broken

    table.reconnect()

    assert not table.is_broken
    assert table.value("count") == 0


@pytest.mark.direct("the pid is that of the pooler's connection")
def test_connection_lost_in_a_transaction__is_unavailable(table: Database, database_url: str) -> None:
    other = connect(database_url)

    with pytest.raises(DatabaseUnavailable), table.transaction():
        table.run("insert", {"n": 1})
        other.connection.execute(
            "SELECT pg_terminate_backend(%s, 5000)", (table.connection.info.backend_pid,)
        )

    assert other.value("count") == 0


def test_retrying__repeats_the_victim_of_a_deadlock(table: Database, database_url: str) -> None:
    table.run("insert", {"n": 1})
    table.run("insert", {"n": 2})
    both_hold_one = threading.Barrier(2, timeout=20)
    tries: list[int] = []

    def lock_both(database: Database, order: tuple[int, int]) -> None:
        def work() -> None:
            tries.append(order[0])
            with database.transaction():
                database.connection.execute("SELECT 1 FROM t WHERE n = %s FOR UPDATE", (order[0],))
                if len(tries) <= 2:
                    both_hold_one.wait()
                with translated():
                    database.connection.execute("SELECT 1 FROM t WHERE n = %s FOR UPDATE", (order[1],))

        database.retrying(work)

    thread = threading.Thread(target=lock_both, args=(connect(database_url), (2, 1)))
    thread.start()
    lock_both(table, (1, 2))
    thread.join()

    assert len(tries) == 3


def test_retrying__leaves_other_failures_alone(table: Database) -> None:
    tries = []

    def work() -> None:
        tries.append(1)
        raise DatabaseUnavailable("gone")

    with pytest.raises(DatabaseUnavailable):
        table.retrying(work)
    assert len(tries) == 1


@pytest.mark.parametrize(
    "url",
    [
        "postgresql://me:HUSHhush@db:port/app",
        "postgresql://me:HUSH@hush@db/app",
        "postgresql://me:HUSH/hush@db/app",
        "postgresql://me:HUSHhush@db/app?pgbouncer=true",
        "mysql://me:HUSHhush@db/app",
        "HUSHhush",
    ],
)
def test_wrong_url__is_a_configuration_error_without_the_password(url: str) -> None:
    with pytest.raises(ConfigError, match="DATABASE_URL") as caught:
        connect(url)

    assert "HUSH" not in f"{caught.value} {caught.value.hint}"


@pytest.mark.direct("the URL has the socket's directory in it")
@pytest.mark.parametrize("scheme", ["postgres", "postgresql+psycopg", "postgresql+psycopg2"])
def test_url__takes_the_spellings_found_in_env_files(scheme: str, database_url: str) -> None:
    params = psycopg.conninfo.conninfo_to_dict(database_url)
    url = f"{scheme}:///{params['dbname']}?host={params['host']}&user={params['user']}"

    connect(url).check_schema()


def test_server_that_is_down__is_unavailable() -> None:
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        url = f"postgresql://me:HUSHhush@127.0.0.1:{free.getsockname()[1]}/app"

        with pytest.raises(DatabaseUnavailable, match=r"cannot reach PostgreSQL at 127\.0\.0\.1") as caught:
            connect(url)

    assert "HUSH" not in str(caught.value)


def test_missing_database__is_a_configuration_error(database_url: str) -> None:
    with pytest.raises(ConfigError, match="does not exist"):
        connect(psycopg.conninfo.make_conninfo(database_url, dbname="no_such_database"))


def test_password__is_never_logged(database_url: str) -> None:
    connect(psycopg.conninfo.make_conninfo(database_url, password="HUSHhush"))

    assert "HUSH" not in log.redact("refused HUSHhush")


def test_replica__is_used_by_commands_that_only_read(database_url: str) -> None:
    settings = Settings.from_env(
        {"DATABASE_URL": "postgresql://nowhere/x", "SOCIALCRON_READ_URL": database_url}
    )

    Database.connect(settings, replica=True).check_schema()


def test_too_old_server__is_refused(database_url: str, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("socialcron.store.engine.OLDEST_SERVER", 99)

    with pytest.raises(ConfigError, match="socialcron needs 99 or newer"):
        connect(database_url)


def test_no_statement__is_prepared(db: Database) -> None:
    for most in range(10):
        db.rows("pairs", {"most": most}, into=Pair)

    assert db.connection.execute("SELECT count(*) FROM pg_prepared_statements").fetchone() == (0,)


def test_core__reads_on_the_same_connection_settings(settings: Settings) -> None:
    from sqlalchemy import text

    with core.core_connection(settings) as connection:
        assert connection.execute(text("SHOW application_name")).scalar() == "socialcron"


def test_core__raises_our_errors(settings: Settings) -> None:
    from sqlalchemy import text

    with pytest.raises(SchemaError), core.core_connection(settings) as connection:
        connection.execute(text("SELECT * FROM socialcron.nowhere"))


@pytest.fixture
def pooled_url(direct_url: str) -> Iterator[str]:
    from tests.integration.pgbouncer import transaction_pooler

    with transaction_pooler(direct_url) as url:
        yield url


def test_pooler__carries_queries_transactions_and_the_schema_check(pooled_url: str) -> None:
    database = connect(pooled_url)

    database.check_schema()
    for most in range(20):
        with database.transaction(durable=True):
            assert len(database.rows("pairs", {"most": most}, into=Pair)) == most
