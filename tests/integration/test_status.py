from __future__ import annotations

import pytest

from socialcron.model import POST_STATUSES
from socialcron.store import status
from socialcron.store.engine import Database
from tests.conftest import Cli


@pytest.fixture
def stub(cli: Cli) -> int:
    return int(cli("accounts", "add", "stub", "--handle", "me", "--json").data["id"])


def add(cli: Cli, text: str, *more: object) -> int:
    return int(cli("posts", "add", "--account", 1, "--text", text, *more, "--json").data["posts"][0]["id"])


def test_status__of_an_empty_queue_is_all_zero(cli: Cli) -> None:
    ran = cli("status", "--json")
    assert ran.exit_code == 0
    assert ran.data["posts"] == dict.fromkeys(POST_STATUSES, 0)
    assert (ran.data["overdue_seconds"], ran.data["approximate"]) == (0, [])
    for name in ("platforms", "errors", "failures", "runs", "rate_limits", "high_retries"):
        assert ran.data[name] == []
    assert "Nothing is overdue" in cli("status").stdout


def test_status__counts_averages_and_names_what_went_wrong(cli: Cli, db: Database, stub: int) -> None:
    for text in ("one", "two", "three", "three"):
        add(cli, text)
    assert cli("post-due", "--json").data["posted"] == 3
    db.connection.execute(
        "UPDATE socialcron.posts SET posted_at = due_at + interval '2 s' * id WHERE status = 'posted'"
    )
    add(cli, "later", "--at", "+1h")

    data = cli("status", "--json").data

    assert (data["posts"]["posted"], data["posts"]["failed"], data["posts"]["scheduled"]) == (3, 1, 1)
    (platform,) = data["platforms"]
    assert (platform["platform"], platform["posted"], platform["average_seconds"]) == ("stub", 3, 4.0)
    assert [(e["platform"], e["error_class"], e["count"]) for e in data["errors"]] == [
        ("stub", "duplicate", 1)
    ]
    assert [(f["id"], f["error_class"], f["status"]) for f in data["failures"]] == [
        (4, "duplicate", "failed")
    ]
    (run,) = data["runs"]
    assert (run["command"], run["exit_code"], run["outcome"]["posted"]) == ("post-due", 0, 3)


def test_status__counts_errors_that_never_became_a_try(cli: Cli, db: Database, stub: int) -> None:
    add(cli, "one")
    db.connection.execute("UPDATE socialcron.contents SET media = '[7]'")
    cli("post-due")
    (error,) = cli("status", "--json").data["errors"]
    assert (error["error_class"], error["count"]) == ("invalid_content", 1)
    assert "media" in error["example"]


def test_status__measures_overdue_from_the_due_time_where_a_run_could_post(
    cli: Cli, db: Database, stub: int
) -> None:
    add(cli, "one")
    db.connection.execute("UPDATE socialcron.posts SET due_at = now() - interval '5 minutes'")
    assert 299 < cli("status", "--json").data["overdue_seconds"] < 330
    assert "5 min" in cli("status").stdout
    cli("accounts", "disable", stub)
    assert cli("status", "--json").data["overdue_seconds"] == 0


def test_status__shows_posts_that_needed_many_tries(cli: Cli, db: Database, stub: int) -> None:
    post_id = add(cli, "one", "--at", "+1h")
    db.connection.execute("UPDATE socialcron.posts SET attempt = 3, last_error = 'no route'")
    db.connection.execute(
        """INSERT INTO socialcron.publish_attempts
                  (post_id, account_id, attempt, step, revision, idempotency_key, error_class, error, ended_at)
           VALUES (%s, %s, 3, 0, 1, 'k', 'network', 'no route', now())""",
        [post_id, stub],
    )
    (found,) = cli("status", "--json").data["high_retries"]
    assert (found["id"], found["attempt"], found["max_attempts"]) == (post_id, 3, 4)
    assert "3 of 4" in cli("status").stdout


def test_status__shows_rate_limits_and_accounts(cli: Cli, db: Database, stub: int) -> None:
    cli("accounts", "add", "stub", "--handle", "other")
    db.connection.execute(
        """INSERT INTO socialcron.rate_limits (key, platform, account_id, family, limit_requests, remaining, reset_at)
           VALUES ('stub:account:1:publish', 'stub', 1, 'publish', 300, 7, now() + interval '1 h'),
                  ('stub:account:1:old', 'stub', 1, 'old', 300, 0, now() - interval '1 h')"""
    )
    db.connection.execute("UPDATE socialcron.accounts SET status = 'needs_reconnect' WHERE id = 2")
    data = cli("status", "--json").data
    assert [(limit["family"], limit["remaining"]) for limit in data["rate_limits"]] == [("publish", 7)]
    assert (data["accounts"]["active"], data["accounts"]["needs_reconnect"]) == (1, 1)


def test_status__shows_the_last_run_of_each_command(cli: Cli, db: Database) -> None:
    for command, ago in (("post-due", 60), ("post-due", 600), ("reset-stuck", 30)):
        db.connection.execute(
            """INSERT INTO socialcron.runs (command, host, started_at, finished_at, exit_code, error)
               VALUES (%s, 'h', now() - make_interval(secs => %s), NULL, 69, 'lost the database')""",
            [command, ago],
        )
    cli("post-due")
    runs = {run["command"]: run for run in cli("status", "--json").data["runs"]}
    assert runs.keys() == {"post-due", "reset-stuck"}
    assert (runs["post-due"]["idle"], runs["reset-stuck"]["exit_code"]) == (True, 69)
    assert "lost the database" in cli("status").stdout


def test_count_posts__estimates_a_large_table_and_says_so(
    cli: Cli, db: Database, stub: int, monkeypatch: pytest.MonkeyPatch
) -> None:
    db.connection.execute("INSERT INTO socialcron.contents (text) VALUES ('hi')")
    db.connection.execute(
        """INSERT INTO socialcron.posts (account_id, content_id, status)
           SELECT %s, (SELECT id FROM socialcron.contents),
                  CASE WHEN i <= 30 THEN 'scheduled' WHEN i <= 90 THEN 'posted' ELSE 'failed' END
             FROM generate_series(1, 100) AS i""",
        [stub],
    )
    db.connection.execute("ANALYZE socialcron.posts")
    monkeypatch.setattr(status, "MOST", 20)

    counts = status.count_posts(db)

    assert {name: (row.posts, row.approximate) for name, row in counts.items() if row.posts} == {
        "scheduled": (30, True),
        "posted": (60, True),
        "failed": (10, False),
    }
    assert cli("status", "--json").data["approximate"] == ["posted", "scheduled"]
    assert "~60" in cli("status").stdout


def test_status__survives_hand_edited_rows(cli: Cli, db: Database, stub: int) -> None:
    add(cli, "one")
    db.connection.execute(
        "UPDATE socialcron.posts SET status = 'failed', error_class = 'gremlins', last_error = NULL"
    )
    db.connection.execute(
        """INSERT INTO socialcron.runs (command, host, outcome, error) VALUES ('[b]x', 'h', '[1, null]', NULL)"""
    )
    db.connection.execute("UPDATE socialcron.accounts SET platform = 'myspace', handle = '[red]'")
    ran = cli("status")
    assert (ran.exit_code, ran.stderr) == (0, "")
    assert "[red]" in ran.stdout


def test_status__works_on_a_read_only_database(cli: Cli, db: Database, stub: int) -> None:
    name = db.connection.info.dbname
    db.connection.execute(f'ALTER DATABASE "{name}" SET default_transaction_read_only = on'.encode())
    assert cli("status", "--json").exit_code == 0
