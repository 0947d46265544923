"""`status` and `report --html` in front of a huge history: whole processes, and what of it the database took."""

from __future__ import annotations

import time
from collections.abc import Iterator
from statistics import median

import psycopg

from socialcron.store.engine import Database
from tests.bench import claims
from tests.bench.harness import Bed, Bench, Row, measure, say, socialcron

NAME = "bench_look"
STATUS_BUDGET_SECONDS, PAGE_BUDGET_BYTES = 0.3, 1_500_000
CHUNK = 250_000  # posts of one INSERT
CHARTS, READINGS = 50, 366  # posts that the report shows, and readings of each: of a year, one a day

# Two readings of every published post. Those of the last week are still to be read again.
MEASURE = """
WITH measured AS (
    INSERT INTO socialcron.metric_schedules (post_id, account_id, posted_at, next_at)
    SELECT id, account_id, posted_at, CASE WHEN posted_at > now() - interval '7 days' THEN now() + interval '1 hour' END
      FROM socialcron.posts WHERE posted_at IS NOT NULL AND id BETWEEN %(first)s AND %(last)s
    RETURNING post_id, account_id, posted_at
)
INSERT INTO socialcron.post_metrics (post_id, account_id, slot_at, read_at, views, likes, comments, shares, saves)
SELECT post_id, account_id, at, at, 100 * n, 10 * n, n, n, n
  FROM measured, generate_series(1, 2) AS n, LATERAL (SELECT posted_at + n * interval '1 hour' AS at) AS r
"""
MEASURE_OFTEN = """
INSERT INTO socialcron.post_metrics (post_id, account_id, slot_at, read_at, views, likes, comments, shares, saves)
SELECT id, account_id, at, at, 12345 * n, 1234 * n, 123 * n, 12 * n, n
  FROM (SELECT id, account_id, posted_at FROM socialcron.posts
         WHERE posted_at IS NOT NULL ORDER BY posted_at DESC LIMIT %(posts)s) AS latest,
       generate_series(1, %(readings)s) AS n, LATERAL (SELECT posted_at + (3 * n + 1) * interval '1 minute' AS at) AS r
"""
# Ten profiles, looked at each day of a year.
WATCH = """
WITH watched AS (
    INSERT INTO socialcron.profiles (platform, handle, posts, views, next_run_at)
    SELECT 'tiktok', 'profile' || n, 3650, n, now() + interval '1 day' FROM generate_series(1, 10) AS n
    RETURNING id
), listed AS (
    INSERT INTO socialcron.profile_posts (profile_id, remote_id, caption, views, first_seen_at, last_seen_at)
    SELECT id, n::text, 'Caption', n, now(), now() FROM watched, generate_series(1, 3650) AS n
)
INSERT INTO socialcron.monitoring_runs
       (profile_id, status, started_at, finished_at, total_posts, total_views, total_likes)
SELECT id, 'completed', at, at, n, 12345 * n, 1234 * n
  FROM watched, generate_series(1, 365) AS n, LATERAL (SELECT now() - (366 - n) * interval '1 day' AS at) AS r
"""


def run(bench: Bench) -> Iterator[Row]:
    rounds = 3 if bench.quick else 5
    with bench.database(NAME) as bed:
        with bed.connect() as db:
            claims.load(db, bench.rows, due=10_000)
            _measure(db, bench.rows)
        what = f"at {bench.rows:,} posts"
        whole, database = _time(bed, ["status", "--json"], rounds)
        yield Row(
            what=f"status {what}, database time",
            measured=f"{database * 1000:.0f} ms of {whole * 1000:.0f} ms",
            budget=f"<= {STATUS_BUDGET_SECONDS * 1000:.0f} ms",
            good=database <= STATUS_BUDGET_SECONDS,
        )
        page = bench.home / "report.html"
        whole, database = _time(bed, ["report", "--html", str(page)], rounds)
        size = page.stat().st_size
        yield Row(
            what=f"report {what}, {CHARTS} of them with {READINGS} readings, database time",
            measured=f"{database * 1000:.0f} ms of {whole * 1000:.0f} ms",
        )
        yield Row(
            what="  its page",
            measured=f"{size / 1000:,.0f} kB",
            budget=f"<= {PAGE_BUDGET_BYTES / 1000:,.0f} kB",
            good=size <= PAGE_BUDGET_BYTES,
        )


def _measure(db: Database, posts: int) -> None:
    began = time.perf_counter()
    connection = db.connection
    connection.execute(
        "SELECT socialcron.ensure_partitions('post_metrics', VARIADIC"
        " ARRAY(SELECT generate_series(now() - interval '2 months', now(), interval '1 month')))"
    )
    for first in range(1, posts + 1, CHUNK):
        connection.execute(MEASURE.encode(), {"first": first, "last": first + CHUNK - 1})
    connection.execute(MEASURE_OFTEN.encode(), {"posts": CHARTS, "readings": READINGS})
    connection.execute(WATCH.encode())
    connection.execute("VACUUM (ANALYZE)")
    connection.execute("CHECKPOINT")
    say(f"looking: readings stored in {time.perf_counter() - began:.0f} s")


def _time(bed: Bed, arguments: list[str], rounds: int) -> tuple[float, float]:
    """Median seconds of the whole process, and of its statements in the server."""
    command = socialcron(*arguments)
    measure(command, bed.environment)  # wrote bytecode, warmed caches
    whole: list[float] = []
    database: list[float] = []
    for _ in range(rounds):
        before = _active_seconds(bed)
        whole.append(measure(command, bed.environment).wall_seconds)
        database.append(_active_seconds(bed) - before)
    return median(whole), median(database)


def _active_seconds(bed: Bed) -> float:
    """Time that statements took in this database, by now; what a session adds is known when it has ended."""
    with psycopg.connect(bed.bench.server_url, autocommit=True) as admin:
        while admin.execute(
            "SELECT FROM pg_stat_activity WHERE datname = %s AND backend_type = 'client backend'", (NAME,)
        ).fetchone():
            time.sleep(0.01)
        row = admin.execute(
            "SELECT active_time / 1000 FROM pg_stat_database WHERE datname = %s", (NAME,)
        ).fetchone()
    assert row is not None
    return float(row[0])
