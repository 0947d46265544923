"""Single-use tokens: many processes find the same token over at once, and one of them asks for the next."""

from __future__ import annotations

import signal
import time
from collections.abc import Callable
from typing import Any

import pytest

from tests.chaos import children
from tests.world import World

PROCESSES = 20
TEXTS = [f"post {number}" for number in range(PROCESSES)]


@pytest.mark.parametrize(
    ("platform", "options", "refresh"),
    [
        ("x", {"auth": "oauth2"}, "POST /2/oauth2/token"),
        ("bluesky", {}, "POST /xrpc/com.atproto.server.refreshSession"),
        ("mastodon", {"refresh": True}, "POST /oauth/token"),
    ],
)
def test_twenty_processes__refresh_one_single_use_token_exactly_once(
    world: World,
    environment: dict[str, str],
    record_property: Callable[[str, object], None],
    platform: str,
    options: dict[str, Any],
    refresh: str,
) -> None:
    """Each process settles one unconfirmed post, for settling does not take the account for itself."""
    environment |= {"SOCIALCRON_CATCH_UP_CAP": str(PROCESSES), "SOCIALCRON_LEASE_SECONDS": "300"}
    account = world.account(platform, **options)
    posts = [world.post(account, text) for text in TEXTS]
    world.sandbox.fault("accept_then_drop", visible_only=True)
    first = children.run(["post-due", "--json"], environment)
    assert first.data["unconfirmed"] == PROCESSES, first.log
    world.sandbox.clear_faults()
    world.pass_time(4)
    world.run("UPDATE socialcron.accounts SET token_expires_at = now()")
    version = world.value("SELECT token_version FROM socialcron.accounts")
    refreshed = world.sandbox.platforms[platform].requests[refresh]
    world.sandbox.fault("slow", seconds=1.5, path=refresh.split()[1], count=1)

    runs = [children.start(["post-due", "--limit", "1", "--json"], environment) for _ in TEXTS]
    ended = [run.wait() for run in runs]

    assert [run.exit_code for run in ended] == [0] * PROCESSES, "\n".join(run.log for run in ended)
    assert world.sandbox.platforms[platform].requests[refresh] == refreshed + 1
    assert world.value("SELECT status FROM socialcron.accounts") == "active"
    assert world.value("SELECT token_version FROM socialcron.accounts") == version + 1
    waited = sum(run.calls.count("db read_accounts") > 1 for run in ended)
    assert waited > PROCESSES / 2, "they did not meet"
    assert [run.data["reconciled"] for run in ended] == [1] * PROCESSES
    assert {world.row(post)["status"] for post in posts} == {"posted"}
    assert sorted(item["text"] for item in world.sandbox.posts(platform)) == sorted(TEXTS)
    counts = {"processes": PROCESSES, "refreshes": 1, "waited": waited}
    record_property("summary", {"title": f"one single-use token, {platform}", **counts})


def test_processes_that_refresh_and_post_at_once__use_one_single_use_token_exactly_once(
    world: World, environment: dict[str, str]
) -> None:
    account = world.account("x", auth="oauth2")
    world.post(account)
    world.run("UPDATE socialcron.accounts SET token_expires_at = now()")
    world.sandbox.fault("slow", seconds=1.0, path="/2/oauth2/token", count=1)
    commands = [["accounts", "refresh", "--json"]] * 5 + [["post-due", "--json"]]

    runs = [children.start(command, environment) for command in commands]
    ended = [run.wait() for run in runs]

    assert [run.exit_code for run in ended] == [0] * len(commands), "\n".join(run.log for run in ended)
    assert world.sandbox.platforms["x"].requests["POST /2/oauth2/token"] == 1
    assert world.value("SELECT status FROM socialcron.accounts") == "active"
    assert world.value("SELECT token_version FROM socialcron.accounts") == 1
    assert len(world.sandbox.posts("x")) == 1


@pytest.mark.parametrize("harm", ["lost", "after"])
def test_a_refresh_that_dies_once_the_pair_is_stored__leaves_a_pair_that_works(
    world: World, environment: dict[str, str], harm: children.Harm
) -> None:
    """lost: the commit's answer. A death before the commit costs the pair: the honest limit of single-use tokens."""
    world.account("x", auth="oauth2")
    world.run("UPDATE socialcron.accounts SET token_expires_at = now()")

    children.run(["accounts", "refresh", "--json"], environment, children.Trap("store_tokens", harm))

    world.pass_time(minutes=5)
    world.run("UPDATE socialcron.accounts SET token_expires_at = now()")
    again = children.run(["accounts", "refresh", "--json"], environment)
    assert again.data["refreshed"] == 1, again.log
    assert world.value("SELECT token_version FROM socialcron.accounts") == 2


def test_sigterm_during_a_refresh__waits_for_the_pair_and_stores_it(
    world: World, environment: dict[str, str]
) -> None:
    world.account("x", auth="oauth2")
    world.run("UPDATE socialcron.accounts SET token_expires_at = now()")
    world.sandbox.fault("slow", seconds=1.0, path="/2/oauth2/token", count=1)
    requests = world.sandbox.platforms["x"].requests

    run = children.start(["accounts", "refresh", "--json"], environment)
    give_up_at = time.monotonic() + 20
    while not requests["POST /2/oauth2/token"]:
        assert time.monotonic() < give_up_at
    run.signal(signal.SIGTERM)
    ended = run.wait()

    assert ended.exit_code == 75, ended.log
    assert world.value("SELECT token_version FROM socialcron.accounts") == 1
