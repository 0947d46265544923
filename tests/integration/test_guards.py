"""Guards no bug can pass: one open send a step, the duplicate payload, the breaker, one key, one owner."""

from __future__ import annotations

from uuid import uuid4

import pytest

from socialcron.batches.desk import Desk
from socialcron.errors import BadInput, Conflict
from socialcron.store import posts
from socialcron.store.posts import Fact
from tests.conftest import Cli
from tests.world import World


def test_duplicate_payload__the_second_of_two_equal_posts_fails_naming_the_first(
    world: World, cli: Cli
) -> None:
    account = world.account("mastodon")
    first, second = world.post(account, "same"), world.post(account, "same")

    ran = cli("post-due", "--json")

    assert (ran.data["posted"], ran.data["failed"]) == (1, 1)
    row = world.row(second)
    assert (row["status"], row["error_class"]) == ("failed", "duplicate")
    assert f"post {first} " in row["last_error"]
    assert len(world.sandbox.posts("mastodon")) == 1


def test_duplicate_payload__retry_with_force_sends_it(world: World, cli: Cli) -> None:
    account = world.account("mastodon")
    world.post(account, "same")
    second = world.post(account, "same")
    cli("post-due")
    world.run(
        "UPDATE socialcron.posts SET status = 'scheduled', attempt = 0, allow_duplicate = true WHERE id = %s",
        second,
    )

    assert cli("post-due", "--json").data["posted"] == 1
    assert len(world.sandbox.posts("mastodon")) == 2


def test_duplicate_payload__a_daily_repost_caught_up_after_an_outage_passes(world: World, cli: Cli) -> None:
    account = world.account("mastodon")
    for hours in (12, 6, 0):
        world.post(account, "good morning", due=f"now() - interval '{hours} hours'")

    assert cli("post-due", "--json").data["posted"] == 3


def test_duplicate_payload__says_nothing_about_another_account(world: World, cli: Cli) -> None:
    for handle in ("one", "two"):
        world.post(world.account("mastodon", handle), "same")

    assert cli("post-due", "--json").data["posted"] == 2


def test_breaker__holds_back_what_exceeds_the_hourly_number_without_costing_an_attempt(
    world: World, cli: Cli, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("SOCIALCRON_BREAKER_PER_HOUR", "3")
    account = world.account("mastodon")
    ids = [world.post(account, f"post {number}") for number in range(5)]

    ran = cli("post-due", "--json")

    assert (ran.data["posted"], ran.data["released"]) == (3, 2), ran.stderr
    waiting = world.row(ids[4])
    assert (waiting["status"], waiting["attempt"]) == ("scheduled", 0)
    assert "breaker" in waiting["last_error"]
    assert cli("post-due", "--json").data["claimed"] == 0
    world.pass_time(61)
    assert cli("post-due", "--json").data["posted"] == 2


def test_breaker__lets_a_begun_thread_finish(world: World, cli: Cli, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("SOCIALCRON_BREAKER_PER_HOUR", "1")
    world.post(world.account("mastodon"), "one", thread=["two", "three"])

    assert cli("post-due", "--json").data["posted"] == 1
    assert len(world.sandbox.posts("mastodon")) == 3


def test_one_open_send__the_database_refuses_a_second_one(world: World, cli: Cli) -> None:
    import psycopg

    post = world.post(world.account("mastodon"))
    cli("post-due")
    with pytest.raises(psycopg.errors.UniqueViolation, match="one_open_send"):
        world.run(
            "INSERT INTO socialcron.publish_attempts"
            " (post_id, account_id, attempt, step, revision, phase, idempotency_key)"
            " SELECT id, account_id, 2, 0, 1, 'sending', 'another' FROM socialcron.posts WHERE id = %s",
            post,
        )


def test_one_key__an_id_that_is_taken_is_drawn_anew(world: World, cli: Cli) -> None:
    """Two posts due at one second could choose the same Bluesky id; the second then draws another."""
    account = world.account("bluesky")
    first = world.post(account, "first")
    assert cli("post-due", "--json").data["posted"] == 1
    second = world.post(account, "second", due="now() - interval '1 minute'")
    world.run(
        "UPDATE socialcron.posts AS p SET key_seed = o.key_seed, due_at = o.due_at"
        " FROM socialcron.posts AS o WHERE p.id = %s AND o.id = %s",
        second,
        first,
    )

    assert cli("post-due", "--json").data["released"] == 1
    assert cli("post-due", "--json").data["posted"] == 1
    assert sorted(item["text"] for item in world.sandbox.posts("bluesky")) == ["first", "second"]


def test_one_owner__an_id_of_another_post_is_never_adopted(world: World, cli: Cli) -> None:
    account = world.account("mastodon")
    first, second = world.post(account, "first"), world.post(account, "second")
    cli("post-due")
    taken = world.row(first)["remote_id"]
    attempt = world.attempts(second)[0]["id"]
    world.run(
        "UPDATE socialcron.publish_attempts SET phase = 'sending', remote_id = NULL WHERE id = %s", attempt
    )

    with pytest.raises(Conflict) as refused:
        posts.record_confirmed(
            world.db, [Fact(attempt_id=attempt, remote_id=taken, url=None, answer={}, complete=True)]
        )

    assert refused.value.constraint == "publish_attempts_one_owner"
    assert world.attempts(second)[0]["phase"] == "sending"


def test_answers_recorded_together__a_bad_one_takes_no_other_with_it(world: World, cli: Cli) -> None:
    posts_of = {name: world.post(world.account("mastodon", handle=name), name) for name in ("a", "b", "c")}
    cli("post-due")
    taken = world.row(posts_of["b"])["remote_id"]
    rival = world.post(world.row(posts_of["b"])["account_id"], "says it is b")
    cli("post-due")
    attempts = [world.attempts(post)[0]["id"] for post in (posts_of["a"], rival, posts_of["c"])]
    world.run(
        "UPDATE socialcron.publish_attempts SET phase = 'sending', remote_id = NULL WHERE id = ANY(%s)",
        attempts,
    )
    facts = [
        Fact(attempt_id=attempt, remote_id=remote_id, url=None, answer={}, complete=True)
        for attempt, remote_id in zip(attempts, ("new a", taken, "c\x00"), strict=True)
    ]

    desk = Desk(world.db, world.settings, uuid4(), held_accounts=[])
    answers = desk.record(facts)

    assert answers[0] == "posted"
    assert isinstance(answers[1], Conflict)
    assert isinstance(answers[2], BadInput)
    phases = [world.attempts(post)[0]["phase"] for post in (posts_of["a"], rival, posts_of["c"])]
    assert phases == ["confirmed", "sending", "sending"]
