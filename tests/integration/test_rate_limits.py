"""Our own pace, and the platform's word."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta

import pytest

from socialcron.model import Account, LimitSeen
from socialcron.sandbox.frame import Limit
from socialcron.store import ratelimits
from tests.conftest import Cli
from tests.world import World

HOUR = datetime(2026, 1, 1, 12, tzinfo=UTC)


def take(world: World, slots: int = 1) -> bool:
    return ratelimits.take_slots(
        world.db, "x:app", platform="x", family="read", slots=slots, seconds_per_slot=60.0, burst=10
    )


def test_take_slots__gives_the_burst_at_once_then_one_per_interval(world: World) -> None:
    assert [take(world) for _ in range(12)] == [True] * 10 + [False] * 2
    world.run("UPDATE socialcron.rate_limits SET tat = tat - interval '61 seconds'")
    assert [take(world) for _ in range(2)] == [True, False]


def test_take_slots__takes_several_or_none(world: World) -> None:
    assert take(world, 8)
    assert not take(world, 3)
    assert take(world, 2)
    with pytest.raises(ValueError, match="burst"):
        take(world, 11)


def see(world: World, account: int, remaining: int | None, reset_at: datetime | None) -> None:
    seen = LimitSeen(family="publish", limit=100, remaining=remaining, reset_at=reset_at)
    of = Account(id=account, platform="x", handle="me", external_id=None, settings={})
    ratelimits.observe_limits(world.db, [(of, seen)])


def limit(world: World) -> tuple[int, datetime]:
    row = world.db.connection.execute("SELECT remaining, reset_at FROM socialcron.rate_limits").fetchone()
    assert row is not None
    return row[0], row[1]


def test_observe_limits__within_a_window_only_lowers(world: World) -> None:
    account = world.account("stub")
    for remaining in (50, 40, 45):
        see(world, account, remaining, HOUR)
    assert limit(world) == (40, HOUR)


def test_observe_limits__a_later_window_replaces_and_an_older_answer_is_ignored(world: World) -> None:
    account = world.account("stub")
    see(world, account, 3, HOUR)
    see(world, account, 99, HOUR + timedelta(hours=1))
    see(world, account, 2, HOUR)
    assert limit(world) == (99, HOUR + timedelta(hours=1))


def test_an_exhausted_publish_limit__stops_the_account_before_the_platform_has_to(
    world: World, cli: Cli
) -> None:
    account = world.account("x")
    for number in range(3):
        world.post(account, f"post {number}")
    x = world.sandbox.platforms["x"]
    x.limited, x.limits = True, {**x.limits, "publish": (Limit(2, 900),)}  # type: ignore[misc]

    ran = cli("post-due", "--json")

    assert (ran.data["posted"], ran.data["released"]) == (2, 1), ran.stderr
    assert world.value("SELECT blocked_until > now() FROM socialcron.accounts")
    assert world.value("SELECT remaining FROM socialcron.rate_limits WHERE family = 'publish'") == 0
    assert not any(name.endswith(" 429") for name in x.state()["answers"])


def test_reset_ratelimits__forgets_windows_that_are_over_and_leaves_our_own_pace(
    world: World, cli: Cli
) -> None:
    account = world.account("stub")
    see(world, account, 0, datetime.now(UTC) - timedelta(minutes=1))
    assert take(world)
    world.run("UPDATE socialcron.accounts SET blocked_until = now() - interval '1 minute'")

    ran = cli("reset-ratelimits", "--json")

    assert ran.data["reset"] == 1, ran.stderr
    assert world.value("SELECT blocked_until <= now() FROM socialcron.accounts")
    assert world.value("SELECT tat > now() FROM socialcron.rate_limits WHERE key = 'x:app'")
    assert cli("reset-ratelimits", "--json").data["reset"] == 0


def test_reset_ratelimits__all_is_the_daily_wipe(world: World, cli: Cli) -> None:
    account = world.account("stub")
    see(world, account, 0, datetime.now(UTC) + timedelta(hours=1))
    world.run("UPDATE socialcron.accounts SET blocked_until = now() + interval '1 hour'")
    assert cli("reset-ratelimits", "--json").data["reset"] == 0

    assert cli("reset-ratelimits", "--all", "--json").data["reset"] == 1
    assert world.value("SELECT blocked_until <= now() FROM socialcron.accounts")


@pytest.mark.parametrize("platform", ["mastodon", "bluesky", "x"])
@pytest.mark.parametrize("days", [-3, 3])
def test_a_platform_whose_clock_is_days_off__holds_the_account_for_minutes(
    world: World, cli: Cli, platform: str, days: int
) -> None:
    """The reset it names is a moment of its own clock, which the Date header shows."""
    post = world.post(world.account(platform))
    world.sandbox.advance(days * 86_400)
    world.sandbox.fault("429", platform=platform, visible_only=True, retry_after=300, count=1)

    assert cli("post-due", "--json").data["retried"] == 1

    assert world.row(post)["status"] == "scheduled"
    held = world.value("SELECT blocked_until - now() FROM socialcron.accounts")
    assert timedelta(seconds=200) < held < timedelta(seconds=400)
