"""sql/grants.sql: the application may schedule and cancel, the reporter reads all but credentials, the worker works."""

from __future__ import annotations

import psycopg
import pytest
from psycopg import conninfo

from socialcron.batches.planning import fill_recurrences
from socialcron.store import sqlfiles
from tests.conftest import Cli
from tests.world import World


@pytest.fixture
def granted(world: World) -> World:
    world.db.connection.execute((sqlfiles.root() / "grants.sql").read_bytes())
    world.db.connection.execute((sqlfiles.root() / "grants.sql").read_bytes())  # it can be run again
    return world


def test_app__schedules_and_cancels_by_function_and_by_plain_insert(granted: World, cli: Cli) -> None:
    account = granted.account("stub")
    with granted.acting_as("socialcron_app"):
        by_function = granted.post(account, "by function")
        content = granted.value("INSERT INTO socialcron.contents (text) VALUES ('by insert') RETURNING id")
        by_insert = granted.value(
            "INSERT INTO socialcron.posts (content_id, account_id) VALUES (%s, %s) RETURNING id",
            content,
            account,
        )
        assert granted.value("SELECT socialcron.cancel_post(%s)", by_function) == "done"
    assert cli("post-due", "--json").data["posted"] == 1
    assert granted.row(by_insert)["status"] == "posted"


def test_app__takes_a_slot_in_its_own_transaction_and_may_not_look_at_the_others(
    granted: World, cli: Cli
) -> None:
    account = granted.account("stub")
    cli("accounts", "slots", account, "--set", "daily 9:00", "--tz", "UTC")
    with granted.acting_as("socialcron_app"):
        free = granted.value("SELECT socialcron.next_slot(%s)", account)
        post = granted.post(account, due=f"socialcron.next_slot({account})")
        for statement in (
            f"SELECT socialcron.free_slots({account}, now(), 9)",
            "TABLE socialcron.queue_slots",
        ):
            with pytest.raises(psycopg.errors.InsufficientPrivilege):
                granted.run(statement)
    assert granted.row(post)["due_at"] == free


def test_worker__makes_the_posts_of_recurrences(granted: World, cli: Cli) -> None:
    account = granted.account("stub")
    cli("posts", "add", "--account", account, "--text", "Again!", "--repeat", "daily", "--tz", "UTC")
    granted.run("UPDATE socialcron.recurrences SET filled_until = NULL, fill_at = now()")
    granted.run("DELETE FROM socialcron.posts")
    with granted.acting_as("socialcron_worker"):
        assert fill_recurrences(granted.db, limit=9) > 50


FORBIDDEN = {
    "socialcron_app": (
        "SELECT credentials FROM socialcron.accounts",
        "SELECT text FROM socialcron.contents",
        "UPDATE socialcron.posts SET status = 'posted'",
        "DELETE FROM socialcron.posts",
        "INSERT INTO socialcron.posts (content_id, account_id, status) VALUES (1, 1, 'posted')",
        "SELECT * FROM socialcron.publish_attempts",
    ),
    "socialcron_reporter": (
        "SELECT credentials FROM socialcron.accounts",
        "SELECT handles FROM socialcron.publish_attempts",
        "UPDATE socialcron.accounts SET status = 'disabled'",
        "DELETE FROM socialcron.posts",
        "SELECT socialcron.cancel_post(1)",
    ),
    "socialcron_worker": (
        "DROP TABLE socialcron.posts",
        "UPDATE socialcron.schema_meta SET oldest_code = 99",
    ),
}


@pytest.mark.parametrize(("role", "statement"), [(r, s) for r, all in FORBIDDEN.items() for s in all])
def test_roles__may_do_no_more_than_they_need(granted: World, role: str, statement: str) -> None:
    with granted.acting_as(role), pytest.raises(psycopg.errors.InsufficientPrivilege):
        granted.run(statement)


@pytest.mark.direct("it takes its role by start-up options")
@pytest.mark.parametrize(
    "words",
    [
        ["status"],
        ["report", "--html", "page.html"],
        ["metrics", "list"],
        ["metrics", "show", 1],
        ["export", "posts"],
        ["export", "metrics"],
        ["export", "profiles"],
    ],
)
def test_reporter__may_look_at_everything(
    granted: World,
    cli: Cli,
    environment: dict[str, str],
    monkeypatch: pytest.MonkeyPatch,
    words: list[object],
) -> None:
    granted.post(granted.account("mastodon"), "out")
    granted.run("UPDATE socialcron.posts SET status = 'posted', posted_at = now()")
    reporter = conninfo.make_conninfo(environment["DATABASE_URL"], options="-c role=socialcron_reporter")
    monkeypatch.setenv("SOCIALCRON_READ_URL", reporter)

    ran = cli(*words)

    assert (ran.exit_code, ran.stderr) == (0, "")


def test_reporter__sees_accounts_without_their_credentials(granted: World) -> None:
    granted.account("mastodon")
    with granted.acting_as("socialcron_reporter"):
        assert granted.value("SELECT count(handle) FROM socialcron.accounts") == 1


def test_row_level_security__hides_accounts_from_roles_without_a_policy(granted: World) -> None:
    granted.account("mastodon")
    granted.run("DROP ROLE IF EXISTS somebody_else")
    granted.run("CREATE ROLE somebody_else")
    try:
        granted.run("GRANT USAGE ON SCHEMA socialcron TO somebody_else")
        granted.run("GRANT SELECT ON socialcron.accounts TO somebody_else")
        with granted.acting_as("somebody_else"):
            assert granted.value("SELECT count(*) FROM socialcron.accounts") == 0
    finally:
        granted.run("DROP OWNED BY somebody_else")
        granted.run("DROP ROLE somebody_else")
