"""sql/grants.sql, asked of the catalog: a table, column, function or view that nobody thought of fails here."""

from __future__ import annotations

import os
import re
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import psycopg
import pytest
from psycopg import conninfo

from socialcron.sandbox.scrapecreators import KEY
from socialcron.store import sqlfiles
from socialcron.store.sealed import SEALED_COLUMNS
from tests.conftest import Cli
from tests.safety.every_command import ALSO_FINE, CRON_JOBS, EVERY, make_busy, words
from tests.world import World

WORKER, APP, REPORTER = ROLES = ("socialcron_worker", "socialcron_app", "socialcron_reporter")
RIGHTS = ("SELECT", "INSERT", "UPDATE", "DELETE", "TRUNCATE", "REFERENCES", "TRIGGER")

# What a reporter may not read: what opens accounts or uploads, and who holds a lease. Every table is here; those with
# nothing to hide, too, so that a new one is thought about.
HIDDEN: dict[str, set[str]] = {
    "accounts": {"credentials", "import_digest", "refresh_claim", "refresh_until", "busy_token"},
    "account_wakeups": set(),
    "contents": set(),
    "deliveries": set(),
    "events": set(),
    "media_cache": set(),
    "metric_schedules": set(),
    "monitoring_runs": set(),
    "post_metrics": set(),
    "posts": set(),
    "profile_post_metrics": set(),
    "profile_posts": set(),
    "profiles": set(),
    "publish_attempts": {"handles"},
    "queue_slots": set(),
    "rate_limits": set(),
    "recurrences": set(),
    "runs": set(),
    "schema_meta": set(),
    "schema_migrations": set(),
    "subscriptions": {"address"},
}
VIEWS = {
    "latest_metrics",
    "metrics_growth_per_day",
    "profile_growth_per_day",
    "profile_post_growth_per_day",
    "publish_history",
}
WORKER_ONLY_READS = {"schema_meta", "schema_migrations"}

# The application's: (table, right) -> columns.
APPLICATION = {
    ("contents", "SELECT"): {"id"},
    ("contents", "INSERT"): {
        *("text", "media", "link", "poll", "thread", "first_comment", "variants", "approved_at"),
    },
    ("posts", "SELECT"): {"id"},
    ("posts", "INSERT"): {
        *("content_id", "account_id", "due_at", "priority", "max_attempts", "external_key"),
    },
}

# What each role may call beside the worker, who may call all.
CALLS: dict[str, set[str]] = {
    WORKER: set(),
    APP: {"schedule_post", "cancel_post", "next_slot"},
    REPORTER: set(),
    "public": set(),
}


def grant(world: World) -> None:
    world.db.connection.execute((sqlfiles.root() / "grants.sql").read_bytes())


@pytest.fixture
def granted(world: World) -> World:
    grant(world)
    world.run("SELECT socialcron.ensure_partitions('post_metrics', now())")  # a table made after the grants
    return world


@pytest.fixture
def stranger(granted: World) -> Iterator[str]:
    """A login that nobody gave anything."""
    role = f"stranger_{os.getpid()}"
    granted.run(f"DROP ROLE IF EXISTS {role}")
    granted.run(f"CREATE ROLE {role} LOGIN")
    yield role
    granted.run("RESET ROLE")
    granted.run(f"DROP OWNED BY {role}")
    granted.run(f"DROP ROLE {role}")


def rows(world: World, query: str, *params: Any) -> list[tuple[Any, ...]]:
    return world.db.connection.execute(query.encode(), params or None).fetchall()


def relations(world: World) -> dict[str, str]:
    """Tables ("r", "p" with partitions) and views ("v"); partitions are left out."""
    return dict(
        rows(
            world,
            "SELECT relname, relkind::text FROM pg_class WHERE relnamespace = 'socialcron'::regnamespace"
            " AND relkind IN ('r', 'p', 'v', 'm', 'f') AND NOT relispartition",
        )
    )


def allowed(world: World, role: str, table: str, right: str) -> set[str]:
    """The columns that a role may use so; DELETE, TRUNCATE and TRIGGER are of all or none."""
    if right in ("DELETE", "TRUNCATE", "TRIGGER"):
        asked = "has_table_privilege(%s, attrelid, %s)"
    else:
        asked = "has_column_privilege(%s, attrelid, attnum, %s)"
    query = (
        "SELECT attname FROM pg_attribute "
        f"WHERE attrelid = %s::regclass AND attnum > 0 AND NOT attisdropped AND {asked}"
    )
    return {name for (name,) in rows(world, query, f"socialcron.{table}", role, right)}


def columns(world: World, table: str) -> set[str]:
    query = (
        "SELECT attname FROM pg_attribute WHERE attrelid = %s::regclass AND attnum > 0 AND NOT attisdropped"
    )
    return {name for (name,) in rows(world, query, f"socialcron.{table}")}


# --- what the catalog says ---------------------------------------------------------------------------------------


def test_every_table_and_view__has_been_thought_about(granted: World) -> None:
    kinds = relations(granted)
    assert {name for name, kind in kinds.items() if kind in "rp"} == set(HIDDEN)
    assert {name for name, kind in kinds.items() if kind == "v"} == VIEWS


def test_worker__reads_and_writes_every_row_and_changes_no_table(granted: World) -> None:
    for name in relations(granted):
        every = columns(granted, name)
        writes = set() if name in WORKER_ONLY_READS else every
        found = {right: allowed(granted, WORKER, name, right) for right in RIGHTS}
        assert found == {
            right: every
            if right == "SELECT"
            else writes
            if right in ("INSERT", "UPDATE", "DELETE")
            else set()
            for right in RIGHTS
        }, name


def test_app__may_insert_and_read_ids_and_nothing_else(granted: World) -> None:
    for name in relations(granted):
        for right in RIGHTS:
            assert allowed(granted, APP, name, right) == APPLICATION.get((name, right), set()), (name, right)


def test_reporter__reads_all_but_what_opens_something(granted: World) -> None:
    for name in relations(granted):
        hidden = HIDDEN.get(name, set())
        assert allowed(granted, REPORTER, name, "SELECT") == columns(granted, name) - hidden, name
        for right in RIGHTS[1:]:
            assert allowed(granted, REPORTER, name, right) == set(), (name, right)


@pytest.mark.parametrize("column", SEALED_COLUMNS, ids=lambda column: f"{column.table}.{column.column}")
def test_sealed_columns__are_hidden_from_reporters_by_rights_and_from_views(
    granted: World, column: Any
) -> None:
    assert column.column in HIDDEN[column.table]
    views = rows(
        granted,
        "SELECT DISTINCT d.objid FROM pg_depend AS d JOIN pg_attribute AS a"
        " ON a.attrelid = d.refobjid AND a.attnum = d.refobjsubid"
        " WHERE d.classid = 'pg_rewrite'::regclass AND d.refobjid = %s::regclass AND a.attname = %s",
        f"socialcron.{column.table}",
        column.column,
    )
    assert views == []


def test_functions__are_called_by_those_who_need_them(granted: World) -> None:
    named = rows(granted, "SELECT proname, oid FROM pg_proc WHERE pronamespace = 'socialcron'::regnamespace")
    for role, expected in CALLS.items():
        may = {
            name
            for name, oid in named
            if granted.value("SELECT has_function_privilege(%s, %s::oid, 'EXECUTE')", role, oid)
        }
        assert may == ({name for name, _ in named} if role == WORKER else expected), role


def test_sequences_and_schema__are_nobodys_but_the_workers(granted: World) -> None:
    sequences = [
        name
        for (name,) in rows(granted, "SELECT sequencename FROM pg_sequences WHERE schemaname = 'socialcron'")
    ]
    assert sequences
    for role in (APP, REPORTER, "public"):
        for name in sequences:
            assert not granted.value(
                "SELECT has_sequence_privilege(%s, %s, 'USAGE, SELECT, UPDATE')", role, f"socialcron.{name}"
            )
    for role in (*ROLES, "public"):
        assert not granted.value("SELECT has_schema_privilege(%s, 'socialcron', 'CREATE')", role)


def test_public_and_a_stranger__may_not_even_enter(granted: World, stranger: str) -> None:
    for role in ("public", stranger):
        assert not granted.value("SELECT has_schema_privilege(%s, 'socialcron', 'USAGE')", role)
        for name in relations(granted):
            assert not any(allowed(granted, role, name, right) for right in RIGHTS), (role, name)
    with granted.acting_as(stranger), pytest.raises(psycopg.errors.InsufficientPrivilege):
        granted.run("SELECT socialcron.cancel_post(1)")


def test_partitions__made_later_are_nobodys(granted: World) -> None:
    made = rows(granted, "SELECT relname FROM pg_class WHERE relispartition AND relkind = 'r'")
    assert made
    for (name,) in made:
        for role in (APP, REPORTER, "public"):
            assert allowed(granted, role, name, "SELECT") == set()


# --- run again ---------------------------------------------------------------------------------------------------

ACL = """
SELECT relname, relacl::text, relrowsecurity,
       ARRAY(SELECT attname || attacl::text FROM pg_attribute WHERE attrelid = c.oid AND attacl IS NOT NULL ORDER BY 1)
  FROM pg_class AS c WHERE relnamespace = 'socialcron'::regnamespace
UNION ALL
SELECT oid::regprocedure::text, proacl::text, NULL, NULL FROM pg_proc WHERE pronamespace = 'socialcron'::regnamespace
UNION ALL
SELECT polname || polrelid::regclass, polcmd::text, NULL, NULL FROM pg_policy
ORDER BY 1
"""


def test_grants__run_again_change_nothing_and_take_back_what_strayed(granted: World) -> None:
    grant(granted)
    before = rows(granted, ACL)
    granted.run(f"GRANT ALL ON socialcron.accounts, socialcron.posts TO {APP}, PUBLIC")
    granted.run(f"GRANT SELECT (credentials) ON socialcron.accounts TO {REPORTER}")
    granted.run(f"GRANT EXECUTE ON ALL FUNCTIONS IN SCHEMA socialcron TO PUBLIC, {REPORTER}")
    granted.run(f"GRANT ALL ON ALL SEQUENCES IN SCHEMA socialcron TO {APP}")
    granted.run("GRANT USAGE, CREATE ON SCHEMA socialcron TO PUBLIC")
    assert rows(granted, ACL) != before
    grant(granted)
    assert rows(granted, ACL) == before
    assert not granted.value("SELECT has_schema_privilege('public', 'socialcron', 'USAGE')")


def test_grants__name_no_object_that_there_is_not(granted: World) -> None:
    text = re.sub(r"--.*", "", (sqlfiles.root() / "grants.sql").read_text())
    known = set(relations(granted)) | {name for (name,) in rows(granted, "SELECT proname FROM pg_proc")}
    assert set(re.findall(r"\bsocialcron\.(\w+)", text)) <= known


# --- row level security ------------------------------------------------------------------------------------------


@pytest.mark.parametrize("table", sorted({column.table for column in SEALED_COLUMNS}))
def test_row_level_security__is_on_where_credentials_are(granted: World, stranger: str, table: str) -> None:
    """A role that was given SELECT by mistake sees nothing, and what it writes is refused."""
    if table == "accounts":
        granted.account("mastodon")
    assert granted.value(
        "SELECT relrowsecurity FROM pg_class WHERE oid = %s::regclass", f"socialcron.{table}"
    )
    granted.run(f"GRANT USAGE ON SCHEMA socialcron TO {stranger}")
    granted.run(f"GRANT ALL ON socialcron.{table} TO {stranger}")
    with granted.acting_as(stranger):
        assert granted.value(f"SELECT count(*) FROM socialcron.{table}") == 0
        assert granted.db.connection.execute(f"DELETE FROM socialcron.{table}".encode()).rowcount == 0
    policies = rows(
        granted,
        "SELECT polroles::regrole[]::text[] FROM pg_policy WHERE polrelid = %s::regclass",
        f"socialcron.{table}",
    )
    assert {role for (names,) in policies for role in names} <= {WORKER, REPORTER}
    with granted.acting_as(WORKER):
        assert granted.value(f"SELECT count(*) FROM socialcron.{table}") == (1 if table == "accounts" else 0)


# --- what each of them really does -------------------------------------------------------------------------------


@pytest.fixture
def login_as(granted: World, environment: dict[str, str]) -> Iterator[Any]:
    """URL of a login with a role."""
    made = []

    def login_as(role: str) -> str:
        name = f"login_{role}_{os.getpid()}"
        granted.run(f"DROP ROLE IF EXISTS {name}")
        granted.run(f"CREATE ROLE {name} LOGIN PASSWORD 'hush' IN ROLE {role}")
        made.append(name)
        return conninfo.make_conninfo(environment["DATABASE_URL"], user=name, password="hush")

    yield login_as
    for name in made:
        granted.run(f"DROP ROLE {name}")


@pytest.mark.parametrize("command", CRON_JOBS)
def test_worker__runs_every_cron_job(
    granted: World, login_as: Any, environment: dict[str, str], tmp_path: Path, command: str
) -> None:
    ids = make_busy(granted, tmp_path)
    ran = subprocess.run(
        [sys.executable, "-m", "socialcron", *words(command, ids), "--json"],
        env={
            **environment,
            "PATH": os.environ["PATH"],
            "PYTHONPATH": str(Path(__file__).parents[2]),
            "DATABASE_URL": login_as(WORKER),
            "SCRAPECREATORS_API_KEY": KEY,
            "SOCIALCRON_SCRAPECREATORS_URL": granted.sandbox.url("scrapecreators"),
        },
        cwd=tmp_path,
        capture_output=True,
        text=True,
        check=False,
    )
    assert ran.returncode == 0, ran.stdout + ran.stderr
    assert "permission denied" not in ran.stdout + ran.stderr
    if command == "post-due":
        assert '"posted": 3' in ran.stdout


def test_worker__runs_every_operators_command(
    granted: World, login_as: Any, cli: Cli, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    ids = make_busy(granted, tmp_path)
    monkeypatch.setenv("DATABASE_URL", login_as(WORKER))
    for command in EVERY:
        if command not in CRON_JOBS:
            ran = cli(*words(command, ids), "--json")
            assert ran.exit_code in (0, ALSO_FINE.get(command)), (command, ran.error, ran.stderr)


def test_app__cannot_read_change_or_post_over_anybody_elses(granted: World) -> None:
    account = granted.account("mastodon")
    theirs = granted.post(account, "secret plans", external_key="k")
    with granted.acting_as(APP):
        for statement in (
            "SELECT text FROM socialcron.contents",
            "SELECT external_key FROM socialcron.posts",
            "SELECT handle FROM socialcron.accounts",
            "UPDATE socialcron.contents SET text = 'mine'",
            f"UPDATE socialcron.posts SET due_at = now() WHERE id = {theirs}",
            f"DELETE FROM socialcron.posts WHERE id = {theirs}",
            f"INSERT INTO socialcron.posts (content_id, account_id, remote_id) VALUES (1, {account}, '1')",
            "INSERT INTO socialcron.account_wakeups VALUES (1, now())",
            "SELECT socialcron.ensure_partitions('post_metrics', now())",
            "SELECT socialcron.drop_partitions('post_metrics', now())",
            "SELECT * FROM socialcron.publish_history",
            "CREATE TABLE socialcron.mine (a int)",
            "COPY socialcron.posts TO STDOUT",
        ):
            with pytest.raises(psycopg.errors.InsufficientPrivilege):
                granted.run(statement)
        with pytest.raises(psycopg.errors.UniqueViolation) as caught:
            granted.post(account, "other words", external_key="k")
    assert "secret plans" not in str(caught.value)
    assert granted.row(theirs)["status"] == "scheduled"


# --- names put in the way of the functions that run as the owner -------------------------------------------------


def test_definers__have_a_fixed_path_with_temporary_objects_last(granted: World) -> None:
    found = rows(
        granted,
        "SELECT proname, proconfig FROM pg_proc WHERE pronamespace = 'socialcron'::regnamespace AND prosecdef",
    )
    assert len(found) >= 5
    assert {name: config for name, config in found if config[0] != "search_path=pg_catalog, pg_temp"} == {}


def test_definers__pick_up_nothing_of_the_callers(granted: World) -> None:
    """Tables, types, functions and operators of the same names, first in the path of who calls."""
    account = granted.account("mastodon")
    granted.run("CREATE SCHEMA hostile")
    granted.run("CREATE TABLE hostile.trap (what text)")
    for name, kind in relations(granted).items():
        if kind in "rp":
            for schema in ("hostile", "public", "pg_temp"):
                granted.run(f"CREATE TABLE {schema}.{name} (LIKE socialcron.{name} INCLUDING DEFAULTS)")
    trap = "LANGUAGE plpgsql AS $$ BEGIN INSERT INTO hostile.trap VALUES (current_user); RETURN NULL; END $$"
    for schema in ("hostile", "public"):
        for signature, returns in (
            ("now()", "timestamptz"),
            ("md5(text)", "text"),
            ('jsonb_build_array(VARIADIC "any")', None),
            ("quote_literal(anyelement)", "text"),
            ("date_trunc(text, timestamp)", "timestamp"),
            ("to_char(timestamp, text)", "text"),
            ("hashtext(text)", "int"),
            ("says_something(socialcron.contents)", "boolean"),
            ("texteq(text, text)", "boolean"),
        ):
            if returns:
                granted.run(f"CREATE FUNCTION {schema}.{signature} RETURNS {returns} {trap}")
        granted.run(
            f"CREATE OPERATOR {schema}.= (LEFTARG = text, RIGHTARG = text, FUNCTION = {schema}.texteq)"
        )
    granted.run(
        f"GRANT USAGE ON SCHEMA hostile TO {APP}, {WORKER}; GRANT ALL ON ALL TABLES IN SCHEMA hostile TO PUBLIC"
    )
    granted.run("GRANT EXECUTE ON ALL FUNCTIONS IN SCHEMA hostile TO PUBLIC")
    granted.run("SET search_path = pg_temp, hostile, public, pg_catalog")
    try:
        with granted.acting_as(APP):
            post = granted.post(account, "by the app", due="timestamptz '2031-01-01'", external_key="k")
            same = granted.post(account, "by the app", due="timestamptz '2031-01-01'", external_key="k")
            assert same == post
            assert granted.value("SELECT socialcron.cancel_post(%s)", post) == "done"
        with granted.acting_as(WORKER):
            granted.run("SELECT socialcron.ensure_partitions('post_metrics', '2031-01-01'::timestamptz)")
            dropped = granted.value(
                "SELECT socialcron.drop_partitions('profile_post_metrics', '2001-01-01'::timestamptz)"
            )
            granted.run("UPDATE socialcron.contents SET approved_at = NULL")
            granted.run("UPDATE socialcron.posts SET status = 'posted', posted_at = pg_catalog.now()")
    finally:
        granted.run("RESET search_path")
    assert dropped is None
    assert granted.row(post)["status"] == "posted"
    assert rows(granted, "SELECT what FROM hostile.trap") == []
    for schema in ("hostile", "public", "pg_temp"):
        assert granted.value(f"SELECT count(*) FROM {schema}.posts") == 0
        assert granted.value(f"SELECT count(*) FROM {schema}.contents") == 0
