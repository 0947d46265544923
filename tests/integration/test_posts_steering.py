"""`posts approve`, `edit`, `hold` ... `explain`: on waiting posts, and in races with a run."""

from __future__ import annotations

import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any
from uuid import uuid4

import psycopg
import pytest

from socialcron.store import posts
from socialcron.store.engine import Database
from socialcron.store.posts import ClaimRules, Draft, SendRequest
from tests.conftest import Cli

RULES = ClaimRules(
    batch_size=50, look_ahead_seconds=0, lateness_seconds=86400, catch_up_cap=10, lease_seconds=120
)


@pytest.fixture
def stub(cli: Cli) -> int:
    return int(cli("accounts", "add", "stub", "--handle", "me", "--json").data["id"])


def add(cli: Cli, *accounts: int, text: str = "hi", more: tuple[object, ...] = ()) -> int:
    named = [option for account in accounts for option in ("--account", account)]
    return int(cli("posts", "add", *named, "--text", text, *more, "--json").data["posts"][0]["id"])


def row(db: Database, post_id: int) -> dict[str, Any]:
    found = db.connection.execute(
        """SELECT to_jsonb(p) || jsonb_build_object('text', c.text, 'approved', c.approved_at IS NOT NULL)
             FROM socialcron.posts AS p JOIN socialcron.contents AS c ON c.id = p.content_id WHERE p.id = %s""",
        [post_id],
    ).fetchone()
    assert found is not None
    stored: dict[str, Any] = found[0]
    return stored


def begin(db: Database, *, send: bool) -> int:
    """Claim what is due and prepare step 0 of the one post; with `send`, commit `sending`. Returns the attempt."""
    token = uuid4()
    claim = posts.claim_due_posts(db, token, RULES)
    (post,) = posts.read_claimed_posts(db, claim.post_ids)
    draft = Draft(
        post_id=post.id,
        step=0,
        revision=post.revision,
        key="key",
        handles={},
        request={"text": "hi"},
        payload_hash="hash",
    )
    (attempt,) = posts.open_attempts(db, token, [draft])
    assert attempt is not None
    if send:
        request = SendRequest(
            attempt=attempt, post_id=post.id, account_id=post.account_id, revision=post.revision
        )
        (verdict,) = posts.begin_sending(
            db, token, [request], lease_seconds=90, duplicate_window_seconds=600, breaker_per_hour=60
        )
        assert verdict is not None
        assert verdict.may_send
    posts.release_accounts(db, token, claim.account_ids)
    return attempt


def make_unconfirmed(db: Database, cli: Cli, *accounts: int, more: tuple[object, ...] = ()) -> int:
    post_id = add(cli, *accounts, more=more)
    attempt = begin(db, send=True)
    posts.record_unknown(db, attempt, error="the answer was lost", http_status=None, look_in_seconds=None)
    return post_id


@contextmanager
def locked(db: Database, post_id: int) -> Iterator[None]:
    """Another session holds the post's row, as a run does while it commits `sending`."""
    with psycopg.connect(db.connection.info.dsn, password=db.connection.info.password) as other:
        other.execute("SELECT FROM socialcron.posts WHERE id = %s FOR NO KEY UPDATE", [post_id])
        yield


# --- approve -----------------------------------------------------------------------------------------------------


def test_posts_approve__lets_drafts_go(cli: Cli, db: Database, stub: int) -> None:
    post_id = add(cli, stub, more=("--draft",))
    assert cli("posts", "explain", post_id, "--json").data["reason"] == "draft"
    assert cli("posts", "approve", post_id, "--json").data["result"] == "done"
    assert row(db, post_id)["ready_at"] is not None
    assert cli("posts", "approve", post_id).stdout.startswith("already")
    assert cli("posts", "approve", post_id, 99).exit_code == 2


# --- edit --------------------------------------------------------------------------------------------------------


def test_posts_edit__changes_what_every_post_of_the_content_says(cli: Cli, db: Database, stub: int) -> None:
    other = int(cli("accounts", "add", "stub", "--handle", "other", "--json").data["id"])
    post_id = add(cli, stub, other, more=("--link", "https://a.example", "--thread", "two"))

    ran = cli("posts", "edit", post_id, "--text", "bye", "--link", "", "--no-thread", "--json")

    assert ran.data == {"id": post_id, "result": "done", "posts": [1, 2], "kept": []}
    assert [(row(db, id)["text"], row(db, id)["revision"]) for id in (1, 2)] == [("bye", 2), ("bye", 2)]
    shown = cli("posts", "show", post_id, "--json").data
    assert (shown["link"], shown["thread"]) == (None, [])


def test_posts_edit__leaves_alone_what_is_out(cli: Cli, db: Database, stub: int) -> None:
    other = int(cli("accounts", "add", "stub", "--handle", "other", "--json").data["id"])
    add(cli, stub, other)
    db.connection.execute("UPDATE socialcron.posts SET due_at = now() + interval '1 h' WHERE id = 2")
    cli("post-due")

    late = cli("posts", "edit", 1, "--text", "bye", "--json")
    edited = cli("posts", "edit", 2, "--text", "bye", "--json")

    assert (late.exit_code, late.data["result"]) == (0, "too_late")
    assert (edited.data["posts"], edited.data["kept"]) == ([2], [1])
    assert (row(db, 1)["text"], row(db, 2)["text"]) == ("hi", "bye")
    assert row(db, 2)["ready_at"] is not None
    assert cli("posts", "edit", 2, "--text", "again", "--json").data["kept"] == []


def test_posts_edit__stops_a_send_that_is_being_prepared(cli: Cli, db: Database, stub: int) -> None:
    post_id = add(cli, stub)
    begin(db, send=False)
    assert cli("posts", "edit", post_id, "--text", "bye", "--json").data["result"] == "requested"
    assert row(db, post_id)["revision"] == 2


def test_posts_edit__is_too_late_once_sending_is_committed(cli: Cli, db: Database, stub: int) -> None:
    post_id = add(cli, stub)
    begin(db, send=True)
    assert cli("posts", "edit", post_id, "--text", "bye", "--json").data["result"] == "too_late"


@pytest.mark.parametrize(
    ("arguments", "exit_code", "words"),
    [
        ([], 2, "nothing to change"),
        (["--text", ""], 65, "empty"),
        (["--text", "a\x00b"], 65, "NUL"),
        (["--media", "nowhere.png"], 65, "nowhere.png"),
        (["--alt", "the sun"], 65, "--media"),
        (["--poll", "one"], 65, "two options"),
        (["--for", "myspace.text=x"], 2, "myspace"),
    ],
)
def test_posts_edit__refuses_what_could_not_go_out_and_changes_nothing(
    cli: Cli, db: Database, stub: int, arguments: list[str], exit_code: int, words: str
) -> None:
    post_id = add(cli, stub)
    ran = cli("posts", "edit", post_id, *arguments, "--json")
    assert ran.exit_code == exit_code
    assert words in f"{ran.error['message']} {ran.error['hint']}"
    assert row(db, post_id)["revision"] == 1


def test_posts_edit__repairs_hand_edited_variants(cli: Cli, db: Database, stub: int) -> None:
    post_id = add(cli, stub)
    db.connection.execute("""UPDATE socialcron.contents SET variants = '{"stub": 3}'""")
    assert cli("posts", "edit", post_id, "--for", "stub.text=ho").exit_code == 0
    assert cli("posts", "edit", post_id, "--for", "stub.text=").exit_code == 0
    assert cli("posts", "show", post_id, "--json").data["variants"] == {}


# --- hold, release, cancel, reschedule ---------------------------------------------------------------------------


def test_posts_hold_and_release__keep_a_post_and_let_it_go(cli: Cli, db: Database, stub: int) -> None:
    post_id = add(cli, stub)
    assert cli("posts", "hold", post_id, "--json").data == {"id": post_id, "result": "done"}
    assert row(db, post_id)["ready_at"] is None
    assert cli("post-due", "--json").data["claimed"] == 0
    assert cli("posts", "release", post_id, "--json").data["was_held"] is True
    assert cli("posts", "release", post_id, "--json").data["was_held"] is False
    assert cli("post-due", "--json").data["posted"] == 1


@pytest.mark.parametrize(
    ("send", "result"), [(False, "requested"), (True, "too_late")], ids=["prepared", "sending"]
)
@pytest.mark.parametrize(
    "command", [["hold"], ["cancel"], ["reschedule", "--at", "+1h"]], ids=lambda c: str(c[0])
)
def test_posts__obey_until_sending_is_committed(
    cli: Cli, db: Database, stub: int, command: list[str], send: bool, result: str
) -> None:
    post_id = add(cli, stub)
    begin(db, send=send)
    ran = cli("posts", command[0], post_id, *command[1:], "--json")
    assert (ran.exit_code, ran.data["result"]) == (0, result)


@pytest.mark.parametrize(
    "command", [["hold"], ["cancel"], ["reschedule", "--at", "+1h"], ["edit", "--text", "x"]]
)
def test_posts__see_a_send_that_was_committed_while_they_waited_for_the_row(
    cli: Cli, db: Database, stub: int, command: list[str]
) -> None:
    post_id = add(cli, stub)
    attempt = begin(db, send=False)
    results: list[str] = []

    def steer() -> None:
        results.append(cli("posts", command[0], post_id, *command[1:], "--json").data["result"])

    with locked(db, post_id):
        thread = threading.Thread(target=steer)
        thread.start()
        _wait_for_a_blocked_session(db)
        db.connection.execute(
            "UPDATE socialcron.publish_attempts SET phase = 'sending', sends = 1 WHERE id = %s", [attempt]
        )
    thread.join()
    assert results == ["too_late"]


def _wait_for_a_blocked_session(db: Database) -> None:
    query = """SELECT count(*) FROM pg_stat_activity
                WHERE datname = current_database() AND cardinality(pg_blocking_pids(pid)) > 0"""
    give_up_at = time.monotonic() + 10
    while db.connection.execute(query).fetchone() == (0,):
        assert time.monotonic() < give_up_at
        threading.Event().wait(0.02)


@pytest.mark.parametrize("status", ["failed", "missed", "cancelled"])
def test_posts_reschedule__brings_back_what_was_given_up(
    cli: Cli, db: Database, stub: int, status: str
) -> None:
    post_id = add(cli, stub)
    db.connection.execute(
        """UPDATE socialcron.posts SET status = %s, attempt = 4, error_class = 'network', last_error = 'x',
                  first_claimed_at = now(), cancel_requested_at = now()""",
        [status],
    )
    ran = cli("posts", "reschedule", post_id, "--at", "2030-01-01T00:00Z", "--json")
    stored = row(db, post_id)
    assert (ran.data["result"], ran.data["due_at"]) == ("done", "2030-01-01T00:00:00+00:00")
    assert (stored["status"], stored["attempt"], stored["last_error"]) == ("scheduled", 0, None)
    assert (stored["cancel_requested_at"], stored["first_claimed_at"]) == (None, None)


def test_posts_reschedule__refuses_a_past_time(cli: Cli, stub: int) -> None:
    ran = cli("posts", "reschedule", add(cli, stub), "--at", "2020-01-01T00:00Z", "--json")
    assert ran.exit_code == 65
    assert "now" in ran.error["hint"]


def test_posts_cancel__says_done_and_stays_so(cli: Cli, db: Database, stub: int) -> None:
    post_id = add(cli, stub)
    for _ in range(2):
        assert cli("posts", "cancel", post_id, "--json").data["result"] == "done"
    assert row(db, post_id)["status"] == "cancelled"
    assert cli("posts", "hold", post_id).exit_code == 65


# --- retry -------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("status", ["failed", "missed", "cancelled"])
def test_posts_retry__puts_back_what_was_given_up_and_does_not_miss_it_again(
    cli: Cli, db: Database, stub: int, status: str
) -> None:
    post_id = add(cli, stub)
    db.connection.execute(
        "UPDATE socialcron.posts SET status = %s, attempt = 4, due_at = now() - interval '3 days'", [status]
    )
    assert cli("posts", "retry", post_id, "--json").data["was"] == status
    assert (row(db, post_id)["attempt"], row(db, post_id)["allow_duplicate"]) == (0, False)
    assert cli("post-due", "--json").data["posted"] == 1


def test_posts_retry__force_passes_the_duplicate_guard(cli: Cli, db: Database, stub: int) -> None:
    add(cli, stub)
    cli("post-due")
    twin = add(cli, stub)
    assert cli("post-due", "--json").data["failed"] == 1
    assert cli("posts", "explain", twin, "--json").data["message"].count("duplicate") == 1

    cli("posts", "retry", twin)
    assert cli("post-due", "--json").data["failed"] == 1
    cli("posts", "retry", twin, "--force")
    assert cli("post-due", "--json").data["posted"] == 1


def test_posts_retry__skips_the_wait_for_the_next_try(cli: Cli, db: Database, stub: int) -> None:
    post_id = add(cli, stub)
    db.connection.execute("UPDATE socialcron.posts SET retry_at = now() + interval '1 hour', attempt = 2")
    assert cli("posts", "retry", post_id).exit_code == 0
    assert row(db, post_id)["retry_at"] is None


def test_posts_retry__goes_on_in_the_middle_of_a_thread(cli: Cli, db: Database, stub: int) -> None:
    post_id = add(cli, stub, more=("--thread", "two"))
    cli("post-due")
    db.connection.execute("DELETE FROM socialcron.publish_attempts WHERE step = 1")
    db.connection.execute("UPDATE socialcron.posts SET incomplete_at_step = 1, last_error = 'no'")
    assert cli("posts", "explain", post_id, "--json").data["reason"] == "incomplete"

    assert cli("posts", "retry", post_id, "--json").data["was"] == "posted"
    assert cli("post-due", "--json").data["posted"] == 1
    attempts = cli("posts", "show", post_id, "--json").data["attempts"]
    assert [(a["step"], a["phase"]) for a in attempts] == [(0, "confirmed"), (1, "confirmed")]


def test_posts_retry__never_touches_what_may_be_out(cli: Cli, db: Database, stub: int) -> None:
    post_id = make_unconfirmed(db, cli, stub)
    for status in ("unconfirmed", "failed"):
        db.connection.execute("UPDATE socialcron.posts SET status = %s", [status])
        ran = cli("posts", "retry", post_id, "--force", "--json")
        assert ran.exit_code == 65
        assert "posts resolve" in ran.error["hint"]


@pytest.mark.parametrize("status", ["scheduled", "processing", "posted"])
def test_posts_retry__refuses_what_needs_none(cli: Cli, db: Database, stub: int, status: str) -> None:
    post_id = add(cli, stub)
    db.connection.execute("UPDATE socialcron.posts SET status = %s", [status])
    ran = cli("posts", "retry", post_id, "--json")
    assert ran.exit_code == 65
    assert ran.error["hint"]


# --- resolve -----------------------------------------------------------------------------------------------------


def test_posts_resolve__takes_a_persons_word_that_it_is_out(cli: Cli, db: Database, stub: int) -> None:
    post_id = make_unconfirmed(db, cli, stub)
    assert cli("posts", "explain", post_id, "--json").data["reason"] == "needs_you"

    url = "https://social.example/@me/12345"
    assert cli("posts", "resolve", post_id, "--posted", url, "--json").data["status"] == "posted"

    stored = row(db, post_id)
    assert (stored["remote_id"], stored["url"], stored["last_error"]) == ("12345", url, None)
    assert cli("posts", "resolve", post_id, "--failed").exit_code == 65


def test_posts_resolve__goes_on_with_the_thread_of_what_is_out(cli: Cli, db: Database, stub: int) -> None:
    post_id = make_unconfirmed(db, cli, stub, more=("--thread", "two"))
    ran = cli("posts", "resolve", post_id, "--posted", "https://social.example/@me/12345", "--json")
    assert ran.data["status"] == "scheduled"
    assert cli("post-due", "--json").data["posted"] == 1
    assert row(db, post_id)["remote_id"] == "12345"


def test_posts_resolve__lets_a_post_fail_or_sends_it_again(cli: Cli, db: Database, stub: int) -> None:
    failed = make_unconfirmed(db, cli, stub)
    assert cli("posts", "resolve", failed, "--failed", "--json").data["status"] == "failed"
    assert row(db, failed)["error_class"] == "unknown_outcome"

    again = make_unconfirmed(db, cli, stub)
    assert cli("posts", "resolve", again, "--retry", "--json").data["status"] == "scheduled"
    assert cli("post-due", "--json").data["posted"] == 1
    phases = [a["phase"] for a in cli("posts", "show", again, "--json").data["attempts"]]
    assert phases == ["absent", "confirmed"]


def test_posts_resolve__refuses_while_a_run_looks(cli: Cli, db: Database, stub: int) -> None:
    post_id = make_unconfirmed(db, cli, stub)
    db.connection.execute(
        "UPDATE socialcron.posts SET claim_token = gen_random_uuid(), lease_until = now() + interval '1 minute'"
    )
    ran = cli("posts", "resolve", post_id, "--failed", "--json")
    assert ran.exit_code == 65
    assert "right now" in ran.error["message"]

    db.connection.execute("UPDATE socialcron.posts SET lease_until = now() - interval '1 second'")
    assert cli("posts", "resolve", post_id, "--failed").exit_code == 0


def test_posts_resolve__is_the_way_out_of_a_given_up_post_with_an_open_send(
    cli: Cli, db: Database, stub: int
) -> None:
    post_id = make_unconfirmed(db, cli, stub)
    db.connection.execute("UPDATE socialcron.posts SET status = 'failed'")
    assert cli("posts", "resolve", post_id, "--retry", "--json").data["status"] == "scheduled"


def test_posts_resolve__knows_that_a_post_on_the_platform_belongs_to_one_post_here(
    cli: Cli, db: Database, stub: int
) -> None:
    first = make_unconfirmed(db, cli, stub)
    cli("posts", "resolve", first, "--posted", "https://social.example/@me/12345")
    second = add(cli, stub, text="other")
    attempt = begin_again(db)
    posts.record_unknown(db, attempt, error="lost", http_status=None, look_in_seconds=None)

    ran = cli("posts", "resolve", second, "--posted", "https://social.example/@me/12345", "--json")
    assert ran.exit_code == 65
    assert row(db, second)["status"] == "unconfirmed"


def begin_again(db: Database) -> int:
    db.connection.execute(
        "UPDATE socialcron.publish_attempts SET idempotency_key = 'old', payload_hash = 'old'"
    )
    return begin(db, send=True)


@pytest.mark.parametrize(
    ("arguments", "exit_code"),
    [
        ([], 2),
        (["--failed", "--retry"], 2),
        (["--posted", "12345"], 65),
        (["--posted", "https://social.example/"], 65),
        (["--posted", "https://[::1"], 65),
        (["--posted", "https://social.example/a\x00"], 65),
    ],
)
def test_posts_resolve__refuses_what_says_nothing(
    cli: Cli, db: Database, stub: int, arguments: list[str], exit_code: int
) -> None:
    post_id = make_unconfirmed(db, cli, stub)
    ran = cli("posts", "resolve", post_id, *arguments, "--json")
    assert ran.exit_code == exit_code
    assert ran.error["hint"]
    assert row(db, post_id)["status"] == "unconfirmed"


# --- validate, explain -------------------------------------------------------------------------------------------


def test_posts_validate__lists_problems_of_waiting_posts(cli: Cli, db: Database, stub: int) -> None:
    near, far = add(cli, stub, more=("--at", "+1h")), add(cli, stub, more=("--at", "+9d"))
    db.connection.execute("""UPDATE socialcron.contents SET media = '["gone.png"]'""")

    near_only = cli("posts", "validate", "--json")
    both = cli("posts", "validate", "--upcoming", "10d", "--json").data
    named = cli("posts", "validate", far, "--strict", "--json")

    assert (near_only.exit_code, near_only.data["checked"]) == (0, 1)
    assert [(p["id"], p["field"]) for p in near_only.data["problems"]] == [(near, "media[1]")]
    assert both["checked"] == 2
    assert (named.exit_code, [p["id"] for p in named.data["problems"]]) == (1, [far])


def test_posts_validate__passes_what_is_fine(cli: Cli, stub: int) -> None:
    post_id = add(cli, stub)
    assert cli("posts", "validate", post_id, "--strict").exit_code == 0
    assert cli("posts", "validate", "--upcoming", "soon").exit_code == 2
    assert cli("posts", "validate", post_id, "--upcoming", "1h").exit_code == 2


def test_posts_explain_and_validate__survive_hand_edited_rows(cli: Cli, db: Database, stub: int) -> None:
    post_id = add(cli, stub)
    db.connection.execute(
        """UPDATE socialcron.contents SET text = NULL, media = '[null]', poll = '{}', thread = '[3]',
                  variants = '{"stub": []}'"""
    )
    db.connection.execute(
        "UPDATE socialcron.posts SET status = 'failed', error_class = 'gremlins', last_error = NULL"
    )
    ran = cli("posts", "validate", post_id, "--json")
    assert (ran.exit_code, len(ran.data["problems"])) == (0, 1)
    db.connection.execute("UPDATE socialcron.accounts SET platform = 'myspace'")
    assert cli("posts", "validate", post_id).exit_code == 0
    explained = cli("posts", "explain", post_id, "--json")
    assert (explained.exit_code, explained.data["reason"]) == (0, "failed")


def test_posts_explain__follows_a_post_through_its_life(cli: Cli, db: Database, stub: int) -> None:
    post_id = add(cli, stub, more=("--at", "+1h"))

    def reason() -> str:
        return str(cli("posts", "explain", post_id, "--json").data["reason"])

    assert reason() == "not_due"
    cli("posts", "reschedule", post_id, "--at", "now")
    assert reason() == "next_run"
    db.connection.execute("UPDATE socialcron.posts SET due_at = now() - interval '10 minutes'")
    assert reason() == "no_run"
    cli("accounts", "disable", stub)
    assert reason() == "account_disabled"
    cli("accounts", "enable", stub)
    cli("post-due")
    assert reason() == "posted"


STEERING = [
    ["explain"],
    ["approve"],
    ["edit", "--text", "x"],
    ["hold"],
    ["release"],
    ["cancel"],
    ["retry"],
    ["reschedule", "--at", "now"],
    ["resolve", "--failed"],
    ["validate"],
]


def test_posts__answer_an_unknown_id_with_exit_2(cli: Cli) -> None:
    for command in STEERING:
        for post_id in ("99", "0", "mine", str(2**63)):
            ran = cli("posts", command[0], post_id, *command[1:], "--json")
            assert (ran.exit_code, ran.error["code"]) == (2, "usage")
            assert ran.error["hint"]


@pytest.mark.direct("the pooler's connections know the database's old setting")
def test_posts__say_69_on_a_read_only_database(cli: Cli, db: Database, stub: int) -> None:
    post_id = add(cli, stub)
    name = db.connection.info.dbname
    db.connection.execute(f'ALTER DATABASE "{name}" SET default_transaction_read_only = on'.encode())
    for command in (
        ["hold"],
        ["cancel"],
        ["retry"],
        ["approve"],
        ["edit", "--text", "x"],
        ["resolve", "--failed"],
    ):
        ran = cli("posts", command[0], post_id, *command[1:], "--json")
        assert (ran.exit_code, ran.error["code"]) == (69, "database_unavailable")
    for command in (["show"], ["explain"], ["list"]):
        assert cli("posts", command[0], *([post_id] if command != ["list"] else [])).exit_code == 0
