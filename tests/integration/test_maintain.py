"""maintain: what it keeps, what it drops, and that nothing needs it."""

from __future__ import annotations

from typing import Any

import pytest

from tests.conftest import Cli
from tests.world import World

HISTORIES = ("post_metrics", "profile_post_metrics")


def partitions(world: World, parent: str) -> set[str]:
    query = f"SELECT relid::regclass::text FROM pg_partition_tree('socialcron.{parent}') WHERE isleaf"
    found = world.db.connection.execute(query.encode()).fetchall()
    return {name.removeprefix(f"socialcron.{parent}_") for (name,) in found}


def months(world: World, *offsets: int) -> set[str]:
    """`2026_11` for each offset in months from now, UTC."""
    return {
        world.value(
            "SELECT to_char(date_trunc('month', now() AT TIME ZONE 'UTC') + make_interval(months => %s), 'YYYY_MM')",
            offset,
        )
        for offset in offsets
    }


def add_months(world: World, parent: str, *offsets: int) -> None:
    for offset in offsets:
        world.run(
            f"SELECT socialcron.ensure_partitions('{parent}', now() + make_interval(months => %s))", offset
        )


def maintain(cli: Cli) -> Any:
    ran = cli("maintain", "--json")
    assert ran.exit_code == 0, ran.stderr
    return ran.data


@pytest.mark.parametrize("parent", HISTORIES)
def test_maintain__makes_room_for_this_month_and_the_next(world: World, cli: Cli, parent: str) -> None:
    maintain(cli)
    maintain(cli)
    assert partitions(world, parent) == months(world, 0, 1)


@pytest.mark.parametrize("parent", HISTORIES)
def test_maintain__drops_months_that_ended_before_the_time_to_keep(
    world: World, cli: Cli, parent: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("SOCIALCRON_HISTORY_DAYS", "70")
    add_months(world, parent, -12, -5, -1)
    data = maintain(cli)
    assert data["dropped"] == sorted(f"{parent}_{month}" for month in months(world, -12, -5))
    assert partitions(world, parent) == months(world, -1, 0, 1)
    assert maintain(cli)["dropped"] == []


def test_maintain__keeps_two_years_unless_told_otherwise(world: World, cli: Cli) -> None:
    add_months(world, "post_metrics", -26, -23)
    assert maintain(cli)["dropped"] == [f"post_metrics_{month}" for month in months(world, -26)]


def test_maintain__lets_the_claim_see_a_post_whose_hints_were_lost(world: World, cli: Cli) -> None:
    world.post(world.account("stub"))
    world.run("DELETE FROM socialcron.account_wakeups; UPDATE socialcron.accounts SET next_due_at = NULL")
    assert cli("post-due", "--json").data["claimed"] == 0
    assert maintain(cli)["accounts_healed"] == 1
    assert cli("post-due", "--json").data["posted"] == 1


def test_maintain__leaves_accounts_alone_that_may_not_post(world: World, cli: Cli) -> None:
    world.post(world.account("stub"))
    world.run(
        "DELETE FROM socialcron.account_wakeups;"
        "UPDATE socialcron.accounts SET autopost_enabled = false, next_due_at = NULL"
    )
    assert maintain(cli)["accounts_healed"] == 0


def test_maintain__drops_hints_that_say_nothing_new_and_loses_no_post(world: World, cli: Cli) -> None:
    account = world.account("stub")
    for day in range(1, 6):
        world.post(account, f"in {day} days", due=f"now() + interval '{day} days'")
    assert maintain(cli)["hints_dropped"] == 5
    assert world.value("SELECT count(*) FROM socialcron.account_wakeups") == 0
    world.pass_time(24 * 60 + 1)
    assert cli("post-due", "--json").data["posted"] == 1


def test_maintain__forgets_old_runs_and_keeps_heartbeats(world: World, cli: Cli) -> None:
    cli("post-due")
    world.post(world.account("stub"))
    cli("post-due")
    world.run("UPDATE socialcron.runs SET started_at = now() - interval '31 days'")
    assert maintain(cli)["runs_forgotten"] == 1
    assert world.value("SELECT count(*) FROM socialcron.runs WHERE idle") == 1


def test_maintain__is_on_record(world: World, cli: Cli) -> None:
    maintain(cli)
    assert (
        world.value("SELECT count(*) FROM socialcron.runs WHERE command = 'maintain' AND exit_code = 0") == 1
    )
    assert cli("maintain").stdout == ""
