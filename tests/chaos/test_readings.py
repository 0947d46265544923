"""collect-metrics by many processes at once, some of them killed: each post is read once in each slot of the ladder."""

from __future__ import annotations

import os
import random

from socialcron.batches.ladder import DEFAULT, parse_ladder
from tests.chaos import children
from tests.chaos.children import Trap
from tests.conftest import RUN_HOME
from tests.world import World

SEED = int(os.environ.get("CHAOS_SEED") or random.Random(os.environ[RUN_HOME]).randrange(1_000_000))
FULL = bool(os.environ.get("CHAOS_FULL"))
POSTS, PROCESSES = 45, 4  # more than two batches
LADDER = parse_ladder(DEFAULT)
SLOTS = LADDER.slots if FULL else (*LADDER.slots[:4], *LADDER.slots[23:26], *LADDER.slots[-2:])


def move(world: World, seconds: float) -> None:
    """Let every published post, and the pace of the app, be that much older."""
    step = f"interval '{seconds} seconds'"
    world.run(
        f"UPDATE socialcron.metric_schedules SET posted_at = posted_at - {step}, next_at = next_at - {step},"
        f" lease_until = lease_until - {step}, slot_at = slot_at - {step};"
        "WITH moved AS (DELETE FROM socialcron.post_metrics RETURNING *)"
        " INSERT INTO socialcron.post_metrics (post_id, account_id, slot_at, read_at)"
        f" SELECT post_id, account_id, slot_at - {step}, read_at - {step} FROM moved;"
        f"UPDATE socialcron.rate_limits SET tat = tat - {step}, blocked_until = blocked_until - {step}"
    )


def test_ladder__is_read_exactly_once_by_many_processes_of_which_some_are_killed(
    world: World, environment: dict[str, str]
) -> None:
    chance = random.Random(f"readings {SEED}")
    account = world.account("mastodon")
    for number in range(POSTS):
        world.post(account, f"post {number}")
    published = children.run(["post-due", "--limit", "100"], environment | {"SOCIALCRON_CATCH_UP_CAP": "100"})
    assert published.exit_code == 0, published.log
    world.run(
        "SELECT socialcron.ensure_partitions('post_metrics', VARIADIC"
        "  ARRAY(SELECT generate_series(now() - interval '3 months', now(), interval '1 month')))"
    )
    before, read = 0.0, 0
    for slot in SLOTS:
        move(world, slot - before)
        before = slot
        running = [
            children.start(["collect-metrics"], environment, harm)
            for harm in (
                *(None for _ in range(PROCESSES - 1)),
                Trap(chance.randrange(1, 40), chance.choice(["before", "after"])),
            )
        ]
        for child in running:
            ended = child.wait()
            assert ended.exit_code in (0, -9), ended.log
        # What a killed one held is free when its lease is over, well before the next slot.
        world.run("UPDATE socialcron.metric_schedules SET lease_until = now() - interval '1 second'")
        world.run("UPDATE socialcron.rate_limits SET tat = now() - interval '1 hour'")
        ended = children.run(["collect-metrics"], environment)
        assert ended.exit_code == 0, ended.log
        read += POSTS
        assert world.value("SELECT count(*) FROM socialcron.post_metrics") == read, f"CHAOS_SEED={SEED}"
    per_post = (
        "SELECT count(*), min(readings), max(readings) FROM"
        " (SELECT count(*) AS readings FROM socialcron.post_metrics GROUP BY post_id) AS counted"
    )
    row = world.db.connection.execute(per_post).fetchone()
    assert row == (POSTS, len(SLOTS), len(SLOTS))
    left = world.value("SELECT count(*) FROM socialcron.metric_schedules WHERE next_at IS NOT NULL")
    assert left == 0, "the last slot ends it"
