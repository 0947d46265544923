"""The statements of a cron tick use the indexes that their files name, and never read a whole table.

The planner must choose so by itself, with the values of a real call, on tables large enough that it has a choice.
"""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping
from typing import Any
from uuid import uuid4

import pytest
from psycopg.types.json import Jsonb

from socialcron.store import sqlfiles
from tests.world import World

ACCOUNTS, POSTS = 10_000, 40_000  # accounts as DESIGN 10 has them

CLAIM = {
    "claim_token": uuid4(),
    "batch_size": 50,
    "max_accounts": 50,
    "look_ahead_seconds": 60.0,
    "lateness_seconds": 86_400.0,
    "catch_up_cap": 10,
    "lease_seconds": 120.0,
    "platforms": None,
}
PARAMS: Mapping[str, Mapping[str, Any]] = {
    "due_work": {"look_ahead_seconds": 60.0, "stuck_seconds": 600.0},
    "lock_recurrence_to_fill": {},
    "lock_occurrences": {"recurrence_id": 1},
    "lock_due_accounts": CLAIM,
    "claim_due_posts": CLAIM | {"account_ids": list(range(1, 51))},
    "claim_unconfirmed_posts": CLAIM,
    "close_dead_resends": {"post_ids": list(range(1, 21))},
    "stuck_platforms": {"threshold_seconds": 600.0},
    "lock_stuck_posts": {"threshold_seconds": 600.0, "batch_size": 1000, "platforms": ["stub"]},
    "settle_stuck_posts": {
        "post_ids": list(range(1, 21)),
        "platforms": ["stub"],
        "look_in_seconds": [0.0],
    },
    "lock_posts_for_sending": CLAIM | {"post_ids": [1, 2, 3], "revisions": [1, 1, 1]},
    "lock_accounts_for_sending": CLAIM | {"account_ids": [1, 2, 3]},
    "begin_sending": {
        "attempt_ids": [1, 2, 3],
        "duplicate_window_seconds": 600,
        "breaker_per_hour": 60,
    },
    "read_claimed_posts": {"post_ids": list(range(1, 51))},
    "read_attempts": {"post_ids": list(range(1, 51))},
    "doctor_trouble": {},  # for people, but as quick
    "open_attempts": CLAIM
    | {"drafts": Jsonb([{"post_id": 1, "step": 0, "revision": 1, "key": "1", "handles": {}}])},
    "take_accounts": CLAIM | {"account_ids": [1, 2, 3]},
    "record_confirmed": {
        "facts": Jsonb([{"attempt_id": 1, "remote_id": "1", "answer": {}, "complete": True}])
    },
}


@pytest.fixture
def busy_database(world: World) -> World:
    """A queue in the middle of its life: most rows posted or due later, some due, a few in each kind of trouble."""
    world.run(
        "INSERT INTO socialcron.accounts (platform, handle, next_due_at)"
        " SELECT 'stub', 'a' || n, now() + (n - 100) * interval '1 minute' FROM generate_series(1, %s) AS n",
        ACCOUNTS,
    )
    world.run("INSERT INTO socialcron.contents (text) SELECT 'Text' FROM generate_series(1, %s)", ACCOUNTS)
    world.run("SET session_replication_role = replica")  # the triggers would only repeat what is written here
    world.run(
        "INSERT INTO socialcron.posts (content_id, account_id, due_at, ready_at, status, claim_token,"
        "                              lease_until, heartbeat_at, reconcile_at, posted_at, content_ready)"
        " SELECT 1 + n %% %s, 1 + n %% %s, due, CASE WHEN kind = 'scheduled' THEN due END, kind,"
        "        CASE WHEN kind = 'processing' THEN gen_random_uuid() END,"
        "        CASE WHEN kind = 'processing' THEN now() + (n %% 9 - 4) * interval '1 minute' END,"
        "        CASE WHEN kind = 'processing' THEN now() - interval '20 minutes' END,"
        "        CASE WHEN kind = 'unconfirmed' THEN now() + (n %% 9 - 4) * interval '1 minute' END,"
        "        CASE WHEN kind = 'posted' THEN due END, true"
        " FROM generate_series(1, %s) AS n,"
        "      LATERAL (SELECT now() + (n - %s / 2) * interval '10 seconds' AS due) AS d,"
        "      LATERAL (SELECT CASE WHEN n %% 200 = 1 THEN 'processing' WHEN n %% 200 = 2 THEN 'unconfirmed'"
        "                           WHEN due < now() - interval '1 hour' THEN 'posted'"
        "                           ELSE 'scheduled' END AS kind) AS k",
        ACCOUNTS,
        ACCOUNTS,
        POSTS,
        POSTS,
    )
    world.run(
        "INSERT INTO socialcron.publish_attempts (post_id, account_id, attempt, step, revision, phase, sends,"
        "       idempotency_key, request, payload_hash, first_sending_at, sending_at, remote_id)"
        " SELECT id, account_id, 1, 0, 1, CASE status WHEN 'posted' THEN 'confirmed' WHEN 'unconfirmed' THEN 'unknown'"
        "        ELSE 'prepared' END, 1, 'key' || id, '{}', md5(id::text), posted_at, posted_at,"
        "        CASE WHEN status = 'posted' THEN id END"
        " FROM socialcron.posts WHERE status <> 'scheduled'"
    )
    world.run(
        "INSERT INTO socialcron.account_wakeups (account_id, ready_at)"
        " SELECT n, now() + (n - 20) * interval '1 minute' FROM generate_series(1, %s) AS n",
        ACCOUNTS,
    )
    world.run(
        "INSERT INTO socialcron.recurrences (content_id, account_id, rrule, starts_at, zone, fill_at)"
        " SELECT n, n, 'FREQ=DAILY', now(), 'UTC', now() + (n - 20) * interval '1 minute'"
        " FROM generate_series(1, %s) AS n",
        ACCOUNTS,
    )
    world.run("RESET session_replication_role")
    for table in ("accounts", "contents", "posts", "publish_attempts", "account_wakeups", "recurrences"):
        world.run(f"VACUUM (ANALYZE) socialcron.{table}")
    return world


def nodes(plan: Mapping[str, Any]) -> Iterator[Mapping[str, Any]]:
    yield plan
    for part in plan.get("Plans", ()):
        yield from nodes(part)


def named_indexes(query: str) -> set[str]:
    """The indexes that the comment at the head of a statement promises."""
    text = sqlfiles.load(query).decode()
    head = "\n".join(line for line in text.splitlines() if line.startswith("--"))
    return set(re.findall(r"\b[a-z_]+_idx\b|\bpublish_attempts_one_\w+", head))


def test_every_statement_of_a_tick_uses_the_indexes_it_names_and_reads_no_whole_table(
    busy_database: World,
) -> None:
    for query, params in PARAMS.items():
        explained = busy_database.db.connection.execute(
            b"EXPLAIN (FORMAT JSON) " + sqlfiles.load(query), params
        ).fetchone()
        assert explained is not None
        found = list(nodes(explained[0][0]["Plan"]))
        whole = {
            node["Relation Name"]
            for node in found
            if node["Node Type"] == "Seq Scan" and node["Relation Name"] != "contents"
        }
        used = {node["Index Name"] for node in found if "Index Name" in node}
        assert not whole, f"{query} reads all of {whole}"
        assert named_indexes(query) <= used, f"{query} does not use {named_indexes(query) - used}"


def test_the_statements_that_pick_rows_say_which_index_they_use() -> None:
    for query in (
        "due_work",
        "lock_recurrence_to_fill",
        "lock_due_accounts",
        "claim_due_posts",
        "claim_unconfirmed_posts",
        "lock_stuck_posts",
    ):
        assert named_indexes(query), query
