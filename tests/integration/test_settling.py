"""Unconfirmed posts: what asking the platform proves, and what it does not."""

from __future__ import annotations

from pathlib import Path
from uuid import uuid4

import pytest

from socialcron.errors import AuthExpired
from socialcron.model import Look, PreparedStep
from socialcron.platforms.http import Session
from socialcron.platforms.x import X
from tests.conftest import Cli
from tests.media import png
from tests.world import World


def lose_one(world: World, cli: Cli, platform: str, *, arrived: bool, text: str = "Hello") -> int:
    """A post whose answer was lost; `arrived` says whether the platform has it."""
    post = world.post(world.account(platform), text)
    world.sandbox.fault("accept_then_drop", visible_only=True, count=1, performed=arrived)
    assert cli("post-due", "--json").data["unconfirmed"] == 1
    return post


def test_key__is_looked_for_first_then_repeated_with_the_same_bytes(world: World, cli: Cli) -> None:
    post = lose_one(world, cli, "mastodon", arrived=False)
    before = world.attempts(post)[0]
    world.run("UPDATE socialcron.contents SET text = 'edited after the send'")

    ran = cli("post-due", "--json")

    assert ran.data["posted"] == 1, ran.stderr
    (attempt,) = world.attempts(post)
    assert (attempt["sends"], attempt["request"]) == (2, before["request"])
    assert attempt["first_sending_at"] == before["first_sending_at"]
    assert [item["text"] for item in world.sandbox.posts("mastodon")] == ["Hello"]


def test_key__proves_nothing_after_55_minutes_and_becomes_a_listing(world: World, cli: Cli) -> None:
    post = lose_one(world, cli, "mastodon", arrived=False)
    world.pass_time(56)

    assert cli("post-due", "--json").data["unconfirmed"] == 1
    assert len(world.attempts(post)[0]["looks"]) == 1
    world.pass_time(2)
    assert cli("post-due", "--json").data["reconciled"] == 1
    assert [a["phase"] for a in world.attempts(post)] == ["absent"]
    assert cli("post-due", "--json").data["posted"] == 1
    assert len(world.sandbox.posts("mastodon")) == 1


@pytest.mark.parametrize("platform", ["mastodon-nokey", "x"])
def test_listing__absence_takes_two_looks_a_minute_apart_after_the_settle_time(
    world: World, cli: Cli, platform: str
) -> None:
    post = lose_one(world, cli, platform, arrived=False)

    def look() -> tuple[int, int]:
        data = cli("post-due", "--json").data
        return data["unconfirmed"], data["reconciled"]

    assert look()[1] == 0  # too early: nothing is concluded
    assert world.attempts(post)[0]["looks"] == []
    world.pass_time(3.1)
    assert look() == (1, 0)
    assert len(world.attempts(post)[0]["looks"]) == 1
    assert look() == (0, 0)  # not before a minute has passed
    world.pass_time(1.1)
    assert look() == (0, 1)
    assert world.row(post)["status"] == "scheduled"
    assert cli("post-due", "--json").data["posted"] == 1
    assert len(world.sandbox.posts(platform)) == 1


@pytest.mark.parametrize("platform", ["mastodon-nokey", "x"])
def test_listing__one_that_lags_behind_is_not_taken_for_absence(
    world: World, cli: Cli, platform: str
) -> None:
    world.sandbox.fault("lagging_listing", platform=platform, looks=1)
    post = lose_one(world, cli, platform, arrived=True)

    for _ in range(4):
        world.pass_time(3.1)
        cli("post-due")

    assert world.row(post)["status"] == "posted"
    assert len(world.sandbox.posts(platform)) == 1


def test_listing__that_lagged_through_both_looks_is_asked_again_when_x_says_duplicate(
    world: World, cli: Cli
) -> None:
    """The absence was wrong, and the platform says so: that is no failure of a post that is out."""
    world.sandbox.fault("lagging_listing", platform="x", looks=3)
    post = lose_one(world, cli, "x", arrived=True)
    for _ in range(6):
        world.pass_time(3.1)
        cli("post-due")

    assert [attempt["phase"] for attempt in world.attempts(post)] == ["absent", "confirmed"]
    assert world.row(post)["status"] == "posted"
    assert len(world.sandbox.posts("x")) == 1


def test_listing__two_that_look_the_same_are_left_to_a_person(world: World, cli: Cli) -> None:
    world.sandbox.settings("x", duplicate_seconds=0)
    account = world.account("x")
    posts = [world.post(account, "same") for _ in range(2)]
    world.run("UPDATE socialcron.posts SET allow_duplicate = true")
    world.sandbox.fault("accept_then_drop", visible_only=True, count=2)
    assert cli("post-due", "--json").data["unconfirmed"] == 2
    world.pass_time(4)

    assert cli("post-due", "--json").data["unconfirmed"] == 2

    for post in posts:
        row = world.row(post)
        assert (row["status"], row["reconcile_at"]) == ("unconfirmed", None)
        assert "person" in row["last_error"]


def test_listing__of_two_that_differ_by_their_picture_alone_neither_takes_the_one_that_arrived(
    world: World, cli: Cli, tmp_path: Path
) -> None:
    """A listing does not show which file it was: who adopts the other's post loses one and sends one twice."""
    account = world.account("x")
    posts = []
    for name in ("a.png", "b.png"):
        (tmp_path / name).write_bytes(png(name))
        posts.append(world.post(account, "New in!", media=[name]))
    world.sandbox.fault("accept_then_drop", visible_only=True, count=1, performed=False)
    world.sandbox.fault("accept_then_drop", visible_only=True, count=1, performed=True)
    assert cli("post-due", "--json").data["unconfirmed"] == 2
    assert len(world.sandbox.posts("x")) == 1
    world.pass_time(4)

    for _ in range(3):
        cli("post-due")
        world.pass_time(2)

    for post in posts:
        row = world.row(post)
        assert (row["status"], row["reconcile_at"]) == ("unconfirmed", None)
        assert "person" in row["last_error"]
    assert len(world.sandbox.posts("x")) == 1


@pytest.mark.parametrize("phase", ["sending", "confirmed"])
def test_listing__a_match_that_may_be_that_of_a_post_still_under_way_is_waited_for(
    world: World, cli: Cli, phase: str
) -> None:
    """The other one is being sent this moment, or is out under a provisional name: it will say which is its own."""
    world.sandbox.settings("x", duplicate_seconds=0)
    post = lose_one(world, cli, "x", arrived=False, text="same")
    world.run("UPDATE socialcron.posts SET allow_duplicate = true")
    other = world.post(world.row(post)["account_id"], "same")
    world.run("UPDATE socialcron.posts SET allow_duplicate = true")
    assert cli("post-due", "--json").data["posted"] == 1
    (arrived,) = world.sandbox.posts("x")
    named = "UPDATE socialcron.publish_attempts SET phase = %s, remote_id = %s, provisional = %s WHERE post_id = %s"
    held = (
        "UPDATE socialcron.posts SET status = %s, claim_token = %s, lease_until = now() + interval '1 hour',"
        " heartbeat_at = now(), reconcile_at = %s::timestamptz WHERE id = %s"
    )
    provisional = phase == "confirmed"
    world.run(named, phase, "stand-in" if provisional else None, provisional, other)
    world.pass_time(4)
    world.run(
        held, "posted" if provisional else "processing", uuid4(), "2100-01-01" if provisional else None, other
    )

    assert cli("post-due", "--json").data["unconfirmed"] == 1

    row = world.row(post)
    assert (row["status"], row["reconcile_at"] is None) == ("unconfirmed", False)
    world.run(named, "confirmed", arrived["id"], False, other)
    world.run(held, "posted", None, None, other)
    for _ in range(3):
        world.pass_time(2)
        cli("post-due")
    assert world.row(post)["status"] == "posted"
    assert len(world.sandbox.posts("x")) == 2


def test_client_id__one_that_holds_something_else_is_drawn_anew(world: World, cli: Cli) -> None:
    post = lose_one(world, cli, "bluesky", arrived=False)
    key = world.attempts(post)[0]["idempotency_key"]
    cli("post-due")  # arrives now
    assert [item["key"] for item in world.sandbox.posts("bluesky")] == [key]
    world.run(
        "UPDATE socialcron.publish_attempts SET phase = 'unknown', remote_id = NULL,"
        " request = jsonb_set(request, '{record,text}', '\"something else\"')"
    )
    world.run("UPDATE socialcron.posts SET status = 'unconfirmed', remote_id = NULL, reconcile_at = now()")

    assert cli("post-due", "--json").data["reconciled"] == 1
    assert [attempt["phase"] for attempt in world.attempts(post)] == ["absent"]
    assert cli("post-due", "--json").data["posted"] == 1
    assert world.attempts(post)[-1]["idempotency_key"] != key


def test_refusal_after_an_unknown__means_look_again_never_failed(world: World, cli: Cli) -> None:
    post = lose_one(world, cli, "mastodon", arrived=False)
    world.sandbox.fault("5xx", status=422, visible_only=True, count=1)

    assert cli("post-due", "--json").data["unconfirmed"] == 1

    assert world.row(post)["status"] == "unconfirmed"
    assert world.attempts(post)[0]["phase"] == "unknown"
    world.pass_time(2)
    assert cli("post-due", "--json").data["posted"] == 1


def test_a_look_that_fails__concludes_nothing(world: World, cli: Cli) -> None:
    post = lose_one(world, cli, "x", arrived=True)
    world.pass_time(4)
    world.sandbox.fault("5xx", method="GET")

    assert cli("post-due", "--json").data["unconfirmed"] == 1

    row = world.row(post)
    assert row["status"] == "unconfirmed"
    assert row["reconcile_at"] is not None
    assert world.attempts(post)[0]["looks"] == []


@pytest.mark.parametrize(
    ("http_status", "status"), [(401, "needs_reconnect"), (403, "active"), (400, "active")]
)
def test_a_look_that_is_not_allowed__does_not_stop_an_account_that_may_post(
    world: World, cli: Cli, monkeypatch: pytest.MonkeyPatch, http_status: int, status: str
) -> None:
    """A plan or a scope may be for posting alone: that says nothing of the token. After two days a person must look."""

    def refuse(adapter: X, step: PreparedStep, session: Session) -> Look:
        raise AuthExpired("no right to read", http_status=http_status)

    post = lose_one(world, cli, "x", arrived=True)
    monkeypatch.setattr(X, "reconcile", refuse)
    world.pass_time(4)

    assert cli("post-due", "--json").data["unconfirmed"] == 1

    row = world.row(post)
    assert (row["status"], row["reconcile_at"] is None) == ("unconfirmed", False)
    assert "no right to read" in row["last_error"]
    assert world.value("SELECT status FROM socialcron.accounts") == status
    if status == "active":
        world.pass_time(3 * 24 * 60)
        cli("post-due")
        assert world.row(post)["reconcile_at"] is None


def test_an_unknown_step_in_a_thread__blocks_the_later_ones_which_follow_once_it_is_settled(
    world: World, cli: Cli
) -> None:
    post = world.post(world.account("mastodon"), "one", thread=["two", "three"])
    world.sandbox.fault("accept_then_drop", visible_only=True, count=1)
    assert cli("post-due", "--json").data["unconfirmed"] == 1
    assert [item["text"] for item in world.sandbox.posts("mastodon")] == ["one"]

    assert cli("post-due", "--json").data["reconciled"] == 1
    assert world.row(post)["status"] == "scheduled"
    assert cli("post-due", "--json").data["posted"] == 1

    published = world.sandbox.posts("mastodon")
    assert [item["text"] for item in published] == ["one", "two", "three"]
    assert published[1]["reply_to"] == published[0]["id"]


def test_claim__a_post_another_run_is_asking_about_is_not_asked_about_twice(world: World, cli: Cli) -> None:
    post = lose_one(world, cli, "mastodon", arrived=True)
    world.run(
        "UPDATE socialcron.posts SET claim_token = gen_random_uuid(), lease_until = now() + interval '1 minute'"
    )
    assert cli("post-due", "--json").data["claimed"] == 0

    world.pass_time(2)
    assert cli("post-due", "--json").data["reconciled"] == 1
    assert world.row(post)["status"] == "posted"
