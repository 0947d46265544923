"""A claim of 100 in small and huge queues, and fairness in front of a huge backlog."""

from __future__ import annotations

import time
from collections.abc import Iterator
from contextlib import ExitStack
from statistics import median
from uuid import uuid4

from socialcron.store import posts
from socialcron.store.engine import Database
from socialcron.store.posts import Claim, ClaimRules
from tests.bench.harness import Bench, Row, say

ACCOUNTS, BLOCKED_ACCOUNTS = 10_000, 1_000
BATCH, FLAT_BUDGET = 100, 1.5
CHUNK = 250_000  # rows of one INSERT
SIZES = (10_000, 1_000_000, 5_000_000)

# Due for hours on accounts that are rate-limited; due now on others; the rest due later or posted long ago.
LOAD = """
INSERT INTO socialcron.posts (content_id, account_id, due_at, status, posted_at)
SELECT account, account, due, CASE WHEN kind = 3 THEN 'posted' ELSE 'scheduled' END, CASE WHEN kind = 3 THEN due END
  FROM generate_series(%(first)s::integer, %(last)s::integer) AS n,
       LATERAL (SELECT CASE WHEN n <= %(blocked)s THEN 0
                            WHEN n <= %(blocked)s + %(due)s THEN 1
                            ELSE 2 + n %% 2 END AS kind) AS k,
       LATERAL (SELECT CASE kind WHEN 0 THEN 1 + n %% %(blocked_accounts)s
                            ELSE 1 + %(blocked_accounts)s + n %% (%(accounts)s - %(blocked_accounts)s) END AS account,
                       now() + interval '1 second' *
                       CASE kind WHEN 0 THEN n %% 3600 - 6 * 3600
                                 WHEN 1 THEN n %% 3500 - 3600
                                 WHEN 2 THEN n %% 2592000 + 3600
                                 ELSE - n %% 2592000 - 86400 END AS due) AS d
"""
SETTLE = """
UPDATE socialcron.accounts AS a
   SET next_due_at = (SELECT greatest(p.ready_at, a.blocked_until) FROM socialcron.posts AS p
                       WHERE p.account_id = a.id AND p.ready_at IS NOT NULL ORDER BY p.ready_at, p.id LIMIT 1)
"""


def run(bench: Bench) -> Iterator[Row]:
    sizes = sorted({min(size, bench.rows) for size in SIZES})
    rounds = 10 if bench.quick else 25
    times: dict[int, list[float]] = {size: [] for size in sizes}
    with ExitStack() as stack:
        databases = {}
        for size in sizes:
            bed = stack.enter_context(bench.database(f"bench_claim_{size}"))
            databases[size] = stack.enter_context(bed.connect())
            load(databases[size], size, due=(rounds + 5) * BATCH)
        for number in range(rounds + 3):
            for (
                size,
                db,
            ) in databases.items():  # interleaved, so that a busy moment of the machine hits all of them
                began = time.perf_counter()
                claimed = _claim(db, BATCH)
                seconds = time.perf_counter() - began
                if len(claimed.post_ids) != BATCH:
                    raise RuntimeError(f"claimed {len(claimed.post_ids)} of {size:,} rows, not {BATCH}")
                posts.release_accounts(db, claimed.token, claimed.account_ids)
                if number >= 3:
                    times[size].append(seconds)
    smallest = median(times[sizes[0]])
    for size in sizes:
        middle = median(times[size])
        yield Row(
            what=f"claim of {BATCH} from {size:,} rows",
            measured=f"{middle * 1000:.1f} ms (best {min(times[size]) * 1000:.1f})",
            floor="" if size == sizes[0] else f"{smallest * 1000:.1f} ms at {sizes[0]:,}",
            ratio="" if size == sizes[0] else f"{middle / smallest:.2f}x",
            budget="" if size == sizes[0] else f"<= {FLAT_BUDGET}x",
            good=None if size == sizes[0] else middle / smallest <= FLAT_BUDGET,
        )
    yield _fairness(bench)


def _claim(db: Database, batch_size: int) -> Claim:
    return posts.claim_due_posts(
        db,
        uuid4(),
        ClaimRules(
            batch_size=batch_size,
            look_ahead_seconds=60,
            lateness_seconds=86_400,
            catch_up_cap=10,
            lease_seconds=120,
        ),
    )


def load(db: Database, size: int, *, due: int) -> None:
    """A queue of `size` rows in the state that runs leave it in: hints consumed, every account's next look known."""
    began = time.perf_counter()
    connection = db.connection
    connection.execute(
        "INSERT INTO socialcron.accounts (platform, handle, blocked_until)"
        " SELECT 'stub', 'a' || n, CASE WHEN n <= %s THEN now() + interval '6 hours' END"
        " FROM generate_series(1, %s) AS n",
        (BLOCKED_ACCOUNTS, ACCOUNTS),
    )
    connection.execute(
        "INSERT INTO socialcron.contents (text) SELECT 'Text' FROM generate_series(1, %s)", (ACCOUNTS,)
    )
    numbers = {
        "blocked": min(500_000, size // 2),
        "due": due,
        "accounts": ACCOUNTS,
        "blocked_accounts": BLOCKED_ACCOUNTS,
    }
    for first in range(1, size + 1, CHUNK):
        last = min(first + CHUNK - 1, size)
        connection.execute(LOAD.encode(), numbers | {"first": first, "last": last})
    connection.execute(SETTLE.encode())
    connection.execute("TRUNCATE socialcron.account_wakeups")
    connection.execute("VACUUM (ANALYZE)")
    connection.execute("CHECKPOINT")
    say(f"{size:,} posts loaded in {time.perf_counter() - began:.0f} s")


def _fairness(bench: Bench) -> Row:
    backlog = 20_000 if bench.quick else 100_000
    with bench.database("bench_fair") as bed, bed.connect() as db:
        db.connection.execute(
            "INSERT INTO socialcron.accounts (platform, handle)"
            " SELECT 'stub', 'a' || n FROM generate_series(0, 200) AS n"
        )
        db.connection.execute("INSERT INTO socialcron.contents (text) VALUES ('Text')")
        insert = (
            "INSERT INTO socialcron.posts (content_id, account_id, due_at)"
            " SELECT 1, a.id, now() - interval '1 hour' FROM socialcron.accounts AS a, generate_series(1, %s) AS n"
            " WHERE (a.handle = 'a0') = %s"
        )
        db.connection.execute(insert.encode(), (backlog, True))
        db.connection.execute(insert.encode(), (1, False))
        served: set[int] = set()
        runs = 0
        while len(served) < 201:
            claimed = _claim(db, 50)
            runs += 1
            if not claimed.post_ids:
                raise RuntimeError(f"a claim found nothing although {201 - len(served)} accounts wait")
            served.update(claimed.account_ids)
            posts.release_accounts(db, claimed.token, claimed.account_ids)
    return Row(
        what=f"fairness: one account with {backlog:,} due posts, 200 with one",
        measured=f"all served after {runs} runs of --limit 50",
        floor="5 runs",
        ratio=f"{runs / 5:.1f}x",
    )
