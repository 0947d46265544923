"""What a run must not let itself be kept from: a queue of questions, a clock, a platform's odd words."""

from __future__ import annotations

from tests.conftest import Cli
from tests.world import World


def test_unconfirmed_posts__many_of_them_do_not_keep_due_posts_of_other_accounts_waiting(
    world: World, cli: Cli
) -> None:
    """A platform that is down leaves hundreds that are asked about each few minutes, in vain."""
    down = world.account("mastodon", "down")
    for number in range(8):
        world.post(down, f"lost {number}")
    world.run("UPDATE socialcron.posts SET status = 'unconfirmed', reconcile_at = now() - interval '1 hour'")
    due = world.post(world.account("stub"))

    ran = cli("post-due", "--limit", 4, "--json")

    assert world.row(due)["status"] == "posted"
    assert ran.data["claimed"] == 3
    assert cli("post-due", "--limit", 4, "--json").data["claimed"] == 4  # nothing else is due: all of it


def test_a_token_refreshed_a_moment_ago__is_used_and_not_taken_for_refused(world: World, cli: Cli) -> None:
    """A platform with short-lived tokens, or a host whose clock is slow: every new token looks nearly over."""
    account = world.account("x", auth="oauth2")
    post = world.post(account)
    world.run(
        "UPDATE socialcron.accounts SET token_expires_at = now() + interval '20 seconds', refreshed_at = now()"
    )

    ran = cli("post-due", "--json")

    assert ran.data["posted"] == 1, ran.stderr
    assert world.row(post)["status"] == "posted"
    assert world.value("SELECT status FROM socialcron.accounts") == "active"
