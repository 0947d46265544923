"""One run of post-due against real PostgreSQL and the sandbox over real HTTP."""

from __future__ import annotations

import re

import pytest

from tests.conftest import Cli
from tests.world import World


def test_post_due__publishes_what_is_due_and_nothing_else(world: World, cli: Cli) -> None:
    account = world.account("stub")
    due = world.post(account)
    later = world.post(account, "Later", due="now() + interval '1 hour'")

    ran = cli("post-due", "--json")

    assert ran.exit_code == 0, ran.stderr
    assert ran.data["claimed"] == ran.data["posted"] == 1
    assert world.row(due)["status"] == "posted"
    assert world.row(later)["status"] == "scheduled"


def test_post_due__an_idle_run_prints_nothing_and_leaves_a_heartbeat(world: World, cli: Cli) -> None:
    ran = cli("post-due")
    assert (ran.exit_code, ran.stdout, ran.stderr) == (0, "", "")
    assert world.value("SELECT count(*) FROM socialcron.runs WHERE idle") == 1


PLATFORMS = ("mastodon", "mastodon-nokey", "bluesky", "x")


@pytest.mark.parametrize("platform", PLATFORMS)
def test_post_due__publishes_a_thread_with_a_first_comment_in_order(
    world: World, cli: Cli, platform: str
) -> None:
    account = world.account(platform)
    post = world.post(account, "one", thread=["two", "three"], first_comment="by the way")

    ran = cli("post-due", "--json")

    assert ran.data["posted"] == 1, ran.stderr
    published = world.sandbox.posts(platform)
    assert [item["text"] for item in published] == ["one", "two", "three", "by the way"]
    ids = [item["id"] for item in published]
    assert [item["reply_to"] for item in published] == [None, ids[0], ids[1], ids[0]]
    row = world.row(post)
    assert (row["status"], row["remote_id"], row["incomplete_at_step"]) == ("posted", ids[0], None)
    assert row["url"].startswith("http")


LOST = ("accept_then_drop", "reset", "half_answer", "empty_body", "truncated_json", "5xx", "html")


@pytest.mark.parametrize("platform", PLATFORMS)
@pytest.mark.parametrize("fault", LOST)
def test_post_due__a_lost_answer_is_settled_by_asking_and_never_posted_twice(
    world: World, cli: Cli, platform: str, fault: str
) -> None:
    post = world.post(world.account(platform))
    world.sandbox.fault(fault, visible_only=True, count=1, performed=True)

    first = cli("post-due", "--json")
    assert first.data["unconfirmed"] == 1, first.stderr
    assert world.row(post)["status"] == "unconfirmed"
    world.pass_time(4)
    second = cli("post-due", "--json")

    assert second.data["reconciled"] == 1, second.stderr
    row = world.row(post)
    assert row["status"] == "posted"
    assert [item["id"] for item in world.sandbox.posts(platform)] == [row["remote_id"]]


@pytest.mark.parametrize("platform", PLATFORMS)
def test_post_due__a_request_that_never_arrived_goes_out_in_the_end(
    world: World, cli: Cli, platform: str
) -> None:
    post = world.post(world.account(platform))
    world.sandbox.fault("drop_before", visible_only=True, count=1)

    assert cli("post-due", "--json").data["unconfirmed"] == 1
    for _ in range(4):
        world.pass_time(4)
        cli("post-due", "--json")

    row = world.row(post)
    assert row["status"] == "posted", row["last_error"]
    assert len(world.sandbox.posts(platform)) == 1


def test_post_due__dry_run_names_posts_and_times_for_people(cli: Cli) -> None:
    account_id = cli("accounts", "add", "stub", "--handle", "me", "--json").data["id"]
    cli("posts", "add", "--account", account_id, "--text", "Hello")

    shown = cli("post-due", "--dry-run").stdout

    assert re.fullmatch(r"post 1 on stub me, due \d{4}-\d\d-\d\d \d\d:\d\d:\d\d UTC\n", shown)
