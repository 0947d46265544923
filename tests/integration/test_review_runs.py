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
