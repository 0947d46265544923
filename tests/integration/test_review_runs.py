"""What a run must not let itself be kept from: a queue of questions, a clock, a platform's odd words."""

from __future__ import annotations

from contextlib import closing
from uuid import uuid4

import pytest

from socialcron.batches.desk import Desk
from socialcron.errors import DatabaseUnavailable
from socialcron.platforms.http import now_seconds
from socialcron.sandbox.frame import Limit
from socialcron.settings import Settings
from socialcron.store.engine import Database
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


def test_missed__never_for_a_rate_limit_wait(world: World, cli: Cli) -> None:
    """Due while the platform had shut the account for a day: no run could have claimed it in time."""
    account = world.account("stub")
    world.run("UPDATE socialcron.accounts SET blocked_until = now() + interval '30 hours'")
    post = world.post(account)
    cli("post-due")
    world.pass_time(minutes=30 * 60 + 1)
    cli("reset-ratelimits")
    assert cli("posts", "explain", post, "--json").data["reason"] != "too_late"

    assert cli("post-due", "--json").data["posted"] == 1


def test_missed__never_for_a_limit_that_came_before_the_post_was_claimed_again(
    world: World, cli: Cli
) -> None:
    """Rescheduled while a run had it, then put off by that run: its new time is long over, its wait is not."""
    post = world.post(world.account("stub"))
    world.run(
        "UPDATE socialcron.posts SET due_at = now() - interval '25 hours', retry_at = now() - interval '1 minute'"
    )

    assert cli("post-due", "--json").data["posted"] == 1
    assert world.row(post)["status"] == "posted"


def test_numbers_a_platform_makes_up__are_stored_as_far_as_they_go_and_end_no_run(
    world: World, cli: Cli
) -> None:
    post = world.post(world.account("x"))
    x = world.sandbox.platforms["x"]
    x.limited = True
    x.limits = {**x.limits, "publish": (Limit(99_999_999_999, 900),)}  # type: ignore[misc]

    ran = cli("post-due", "--json")

    assert ran.exit_code == 0, ran.stderr
    assert world.row(post)["status"] == "posted"
    assert (
        world.value("SELECT limit_requests FROM socialcron.rate_limits WHERE family = 'publish'") == 2**31 - 1
    )
    assert world.value("SELECT busy_token IS NULL FROM socialcron.accounts")


def test_sigterm__while_a_fact_waits_for_the_database_ends_the_run_within_its_grace(
    settings: Settings, db: Database
) -> None:
    """Not only when the signal came before the database went away."""
    desk = Desk(db, settings, uuid4(), held_accounts=[])
    tries = 0

    def record() -> None:
        nonlocal tries
        tries += 1
        desk.must_end_at = now_seconds()  # as the signal's handler does, with no grace left
        assert tries == 1, "it was tried again"
        raise DatabaseUnavailable("gone")

    with pytest.raises(DatabaseUnavailable):
        desk.fact(record)


def test_transactions__read_what_is_committed_whatever_the_databases_default_is(
    settings: Settings, db: Database
) -> None:
    """Each second statement of ours (the guards, the phases of a stuck post) counts on a fresh snapshot."""
    name = db.connection.info.dbname
    db.connection.execute(
        f"ALTER DATABASE \"{name}\" SET default_transaction_isolation = 'repeatable read'".encode()
    )
    with closing(Database.connect(settings)) as database, database.transaction():
        row = database.connection.execute("SHOW transaction_isolation").fetchone()

    assert row == ("read committed",)
