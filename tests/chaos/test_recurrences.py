"""Filling recurrences by many processes at once, some of them killed: every occurrence becomes one post."""

from __future__ import annotations

from datetime import datetime, timedelta
from itertools import pairwise
from typing import Any

import pytest

from tests.chaos import children
from tests.chaos.children import HARMS, Harm, Trap
from tests.world import World

RULES = ("FREQ=DAILY", "FREQ=HOURLY;INTERVAL=6", "FREQ=DAILY;COUNT=5", "FREQ=DAILY;INTERVAL=7")


def add_unfilled(world: World, number: int) -> None:
    account = world.account("stub")
    content = world.value("INSERT INTO socialcron.contents (text) VALUES ('Again!') RETURNING id")
    for index in range(number):
        world.run(
            "INSERT INTO socialcron.recurrences (content_id, account_id, rrule, starts_at, zone)"
            " VALUES (%s, %s, %s, date_trunc('second', now() AT TIME ZONE 'UTC') + interval '1 day', 'UTC')",
            content,
            account,
            RULES[index % len(RULES)],
        )


def times(world: World) -> dict[str, list[list[datetime]]]:
    """Of each rule the occurrences of each recurrence."""
    query = (
        "SELECT r.rrule, array_agg(p.occurs_at ORDER BY p.occurs_at) FROM socialcron.recurrences AS r"
        " JOIN socialcron.posts AS p ON p.recurrence_id = r.id AND p.due_at = p.occurs_at GROUP BY r.id"
    )
    found: dict[str, list[list[datetime]]] = {}
    for rule, moments in world.db.connection.execute(query.encode()):
        found.setdefault(rule, []).append(moments)
    return found


def check_whole(world: World, number: int) -> None:
    found = times(world)
    steps = {RULES[0]: 24, RULES[1]: 6, RULES[2]: 24, RULES[3]: 168}
    assert sum(map(len, found.values())) == number
    for rule, each in found.items():
        for moments in each:
            apart = {later - earlier for earlier, later in pairwise(moments)}
            assert apart == {timedelta(hours=steps[rule])}, rule
            assert (len(moments) == 5) if "COUNT" in rule else (len(moments) >= 58 * 24 // steps[rule])
    assert world.value("SELECT count(*) FROM socialcron.recurrences WHERE fill_at <= now()") == 0


def test_many_processes_at_once__make_each_occurrence_once(world: World, environment: dict[str, str]) -> None:
    add_unfilled(world, 24)
    running = [
        children.start([command], environment) for command in ("maintain", "post-due", "maintain", "post-due")
    ]
    for child in running:
        ended = child.wait()
        assert ended.exit_code == 0, ended.log
    children.run(["maintain"], environment)
    check_whole(world, 24)


def fill_calls(world: World, environment: dict[str, str], command: str) -> list[int]:
    """The numbers of the calls of a run that fills, from its first look on."""
    ended = children.run([command], environment)
    assert ended.exit_code == 0, ended.log
    first = next(n for n, name in enumerate(ended.calls, start=1) if "lock_recurrence_to_fill" in name)
    last = max(n for n, name in enumerate(ended.calls, start=1) if "mark_filled" in name) + 1  # its COMMIT
    return list(range(first - 1, last + 1))


@pytest.mark.parametrize("harm", HARMS)
def test_a_run_that_dies_while_it_fills__leaves_nothing_half_done(
    world: World, environment: dict[str, str], harm: Harm
) -> None:
    add_unfilled(world, 1)
    calls = fill_calls(world, environment, "post-due")
    snapshot = "TRUNCATE socialcron.posts, socialcron.publish_attempts CASCADE"
    for call in calls:
        world.run(snapshot)
        world.run("UPDATE socialcron.recurrences SET filled_until = NULL, fill_at = now()")
        ended = children.run(["post-due"], environment, Trap(call, harm))
        assert ended.exit_code in (0, -9, 69), ended.log
        whole: Any = world.value(
            "SELECT count(*) FROM socialcron.recurrences AS r WHERE (filled_until IS NULL) <> NOT EXISTS"
            " (SELECT FROM socialcron.posts AS p WHERE p.recurrence_id = r.id)"
        )
        assert whole == 0, f"half a recurrence after {call}"
        ended = children.run(["maintain"], environment)
        assert ended.exit_code == 0, ended.log
        check_whole(world, 1)
