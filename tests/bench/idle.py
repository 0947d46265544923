"""An idle `post-due`, whole process, against a bare script that imports psycopg, connects and runs one claim."""

from __future__ import annotations

import sys
from collections.abc import Iterator
from statistics import median

from tests.bench.harness import Bench, Row, Usage, measure, say, socialcron

BARE = """
import os, psycopg
with psycopg.connect(os.environ["DATABASE_URL"], autocommit=True) as connection:
    connection.execute(
        "UPDATE socialcron.posts SET status = 'processing', attempt = attempt + 1 WHERE id = ANY(ARRAY("
        " SELECT id FROM socialcron.posts WHERE ready_at <= now() ORDER BY ready_at, id LIMIT %s"
        " FOR UPDATE SKIP LOCKED)) RETURNING id, account_id, content_id, attempt",
        (50,),
    ).fetchall()
"""
CPU_BUDGET, MEMORY_BUDGET_MIB = 1.5, 16


def run(bench: Bench) -> Iterator[Row]:
    rounds = 10 if bench.quick else 30
    say(f"idle: {rounds} rounds")
    ours: list[Usage] = []
    bare: list[Usage] = []
    with bench.database("bench_idle") as bed:
        with bed.connect() as db:
            db.connection.execute(
                "WITH a AS (INSERT INTO socialcron.accounts (platform, handle) VALUES ('stub', 'a') RETURNING id),"
                " c AS (INSERT INTO socialcron.contents (text) VALUES ('Later') RETURNING id)"
                " INSERT INTO socialcron.posts (content_id, account_id, due_at)"
                " SELECT c.id, a.id, now() + n * interval '1 day' FROM a, c, generate_series(1, 1000) AS n"
            )
            db.connection.execute("VACUUM (ANALYZE) socialcron.posts")
        for number in range(rounds + 2):
            a = measure(socialcron("post-due"), bed.environment)
            b = measure([sys.executable, "-c", BARE], bed.environment)
            if number >= 2:  # the first ones wrote bytecode and warmed caches
                ours.append(a)
                bare.append(b)
    cpu, floor = (median(usage.cpu_seconds for usage in found) for found in (ours, bare))
    wall, floor_wall = (median(usage.wall_seconds for usage in found) for found in (ours, bare))
    best = min(u.cpu_seconds for u in ours) / min(u.cpu_seconds for u in bare)
    yield Row(
        what="idle post-due, CPU of the whole process",
        measured=f"{cpu * 1000:.0f} ms",
        floor=f"{floor * 1000:.0f} ms bare claim",
        ratio=f"{cpu / floor:.2f}x (best runs {best:.2f}x)",
        budget=f"<= {CPU_BUDGET}x",
        good=cpu / floor <= CPU_BUDGET,
    )
    yield Row(
        what="  wall clock",
        measured=f"{wall * 1000:.0f} ms",
        floor=f"{floor_wall * 1000:.0f} ms",
        ratio=f"{wall / floor_wall:.2f}x",
    )
    peak, floor_peak = (median(usage.peak_kib for usage in found) / 1024 for found in (ours, bare))
    yield Row(
        what="  peak resident memory",
        measured=f"{peak:.1f} MiB",
        floor=f"{floor_peak:.1f} MiB",
        ratio=f"+{peak - floor_peak:.1f} MiB",
        budget=f"<= +{MEMORY_BUDGET_MIB} MiB",
        good=peak - floor_peak <= MEMORY_BUDGET_MIB,
    )
