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


def test_status__is_not_alarmed_by_a_post_that_its_platform_still_works_on(
    cli: Cli, db: Database, stub: int
) -> None:
    for text in ("taken", "lost"):
        add(cli, text)
    db.connection.execute(
        "UPDATE socialcron.posts SET status = 'unconfirmed', last_error = 'still working on it',"
        " error_class = CASE WHEN id = 2 THEN 'unknown_outcome' END"
    )
    assert [failure["id"] for failure in cli("status", "--json").data["failures"]] == [2]


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


EMPTY = dict.fromkeys(("waiting", "active", "completed", "failed", "delayed", "total"), 0)


def queue(cli: Cli, name: str) -> dict[str, int]:
    found = dict(cli("status", "--json").data["queues"][name])
    assert found.pop("approximate") in (True, False)
    return found


def test_status__has_the_same_words_for_every_queue(cli: Cli) -> None:
    found = cli("status", "--json").data["queues"]
    assert found == dict.fromkeys(
        ("publishing", "metrics", "monitoring", "media_cache"), EMPTY | {"approximate": False}
    )


def test_status__says_where_each_post_stands(cli: Cli, db: Database, stub: int) -> None:
    add(cli, "due")
    for text in ("later", "held", "claimed", "unknown", "out", "failed", "missed", "cancelled"):
        add(cli, text, "--at", "+1h")
    add(cli, "draft", "--draft")
    db.connection.execute("UPDATE socialcron.posts SET held_at = now() WHERE id = 3")
    for post, state in ((4, "processing"), (5, "unconfirmed"), (6, "posted"), (7, "failed"), (8, "missed")):
        db.connection.execute("UPDATE socialcron.posts SET status = %s WHERE id = %s", [state, post])
    cli("posts", "cancel", 9)
    assert queue(cli, "publishing") == {
        "waiting": 1,
        "active": 2,
        "completed": 1,
        "failed": 2,
        "delayed": 3,
        "total": 9,
    }


def test_status__says_where_each_reading_stands(cli: Cli, db: Database, stub: int) -> None:
    for number in range(6):
        add(cli, f"post {number}")
    db.connection.execute("UPDATE socialcron.posts SET status = 'posted', posted_at = now()")
    for post, change in enumerate(
        (
            "next_at = now() - interval '1 s'",
            "next_at = now() - interval '1 s', claim_token = gen_random_uuid(), lease_until = now() + interval '1 min'",
            "next_at = now() - interval '1 s', claim_token = gen_random_uuid(), lease_until = now() - interval '1 s'",
            "next_at = now() + interval '1 h', error_class = 'network'",
            "next_at = NULL",
            "next_at = NULL, error_class = 'auth_expired'",
        ),
        start=1,
    ):
        db.connection.execute(
            f"UPDATE socialcron.metric_schedules SET {change} WHERE post_id = {post}".encode()
        )
    assert queue(cli, "metrics") == {
        "waiting": 2,
        "active": 1,
        "completed": 1,
        "failed": 1,
        "delayed": 1,
        "total": 6,
    }


def test_status__says_where_each_look_at_a_profile_stands(cli: Cli, db: Database) -> None:
    db.connection.execute(
        """INSERT INTO socialcron.profiles
                  (platform, handle, monitoring_enabled, next_run_at, requested_at, lease_until) VALUES
               ('tiktok', 'due', true, now(), NULL, NULL), ('tiktok', 'asked for', false, now(), now(), NULL),
               ('tiktok', 'under way', true, now(), NULL, now() + interval '1 min'),
               ('tiktok', 'later', true, now() + interval '1 h', NULL, NULL),
               ('tiktok', 'off', false, now(), NULL, NULL)"""
    )
    db.connection.execute(
        "INSERT INTO socialcron.monitoring_runs (profile_id, status) VALUES"
        " (3, 'running'), (1, 'completed'), (2, 'completed'), (1, 'failed')"
    )
    assert queue(cli, "monitoring") == {
        "waiting": 2,
        "active": 1,
        "completed": 2,
        "failed": 1,
        "delayed": 1,
        "total": 7,
    }


def test_status__says_where_each_picture_stands(cli: Cli, db: Database) -> None:
    db.connection.execute("INSERT INTO socialcron.profiles (platform, handle) VALUES ('tiktok', 'me')")
    for number, change in enumerate(
        (
            "status = 'waiting'",
            "next_at = now() + interval '1 h'",
            "status = 'active', claim_token = gen_random_uuid(), lease_until = now() + interval '1 min'",
            "status = 'active', claim_token = gen_random_uuid(), lease_until = now() - interval '1 min'",
            "status = 'cached', path = 'a', sha256 = 'b', size_bytes = 1, mime_type = 'image/png', cached_at = now()",
            "status = 'dropped'",
            "status = 'failed'",
            "status = 'gone'",
        ),
        start=1,
    ):
        db.connection.execute(
            "INSERT INTO socialcron.profile_posts (profile_id, remote_id, first_seen_at, last_seen_at)"
            " VALUES (1, %s, now(), now())",
            [str(number)],
        )
        db.connection.execute(
            "INSERT INTO socialcron.media_cache (profile_post_id, kind, url) VALUES (%s, 'cover', 'https://i')",
            [number],
        )
        db.connection.execute(f"UPDATE socialcron.media_cache SET {change} WHERE id = {number}".encode())
    assert queue(cli, "media_cache") == {
        "waiting": 2,
        "active": 1,
        "completed": 2,
        "failed": 2,
        "delayed": 1,
        "total": 8,
    }


def test_status__estimates_large_queues_and_says_so(
    cli: Cli, db: Database, stub: int, monkeypatch: pytest.MonkeyPatch
) -> None:
    db.connection.execute(
        """WITH content AS (INSERT INTO socialcron.contents (text) VALUES ('hi') RETURNING id)
           INSERT INTO socialcron.posts (account_id, content_id) SELECT %s, id FROM content, generate_series(1, 100)""",
        [stub],
    )
    db.connection.execute("UPDATE socialcron.posts SET status = 'posted', posted_at = now()")
    db.connection.execute(
        """UPDATE socialcron.metric_schedules SET next_at = CASE WHEN post_id <= 60 THEN now() + interval '1 h' END,
                  error_class = CASE WHEN post_id > 95 THEN 'network' END"""
    )
    db.connection.execute("INSERT INTO socialcron.profiles (platform, handle) VALUES ('tiktok', 'me')")
    db.connection.execute(
        """INSERT INTO socialcron.monitoring_runs (profile_id, status)
           SELECT 1, CASE WHEN n <= 70 THEN 'completed' ELSE 'failed' END FROM generate_series(1, 100) AS n"""
    )
    db.connection.execute("ANALYZE")
    monkeypatch.setattr(status, "MOST", 20)

    found = cli("status", "--json").data["queues"]

    assert found["metrics"] == {
        "waiting": 0,
        "active": 0,
        "completed": 35,
        "failed": 5,
        "delayed": 60,
        "total": 100,
        "approximate": True,
    }
    assert (found["monitoring"]["completed"], found["monitoring"]["failed"]) == (70, 30)
    assert found["monitoring"]["approximate"]
    assert "~100" in cli("status").stdout


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
