"""Readings: of posts of ours by the batch, the requests they take, and a profile of somebody else's, page by page.

Our own paces (90 requests a minute of one app, one page a second of one profile) are lifted for the measurement; they,
not the code, set how long it takes in earnest.
"""

from __future__ import annotations

import json
import sys
from collections import defaultdict
from collections.abc import Iterator
from math import ceil
from pathlib import Path
from statistics import median
from typing import Any

from psycopg.types.json import Jsonb

from socialcron.platforms import registry
from socialcron.sandbox.scrapecreators import KEY
from socialcron.store.engine import Database
from socialcron.store.secrets import KeyRing
from tests.bench.harness import Bed, Bench, Row, SandboxProcess, Usage, measure, sandbox_process, say

HERE = Path(__file__).parent
READINGS_BUDGET, BUDGET_SECONDS = 100_000, 30
PER_PAGE = 100
UNPACED = (
    "import sys; from socialcron.batches import monitoring, reading;"
    " reading.PER_MINUTE = reading.BURST = 10**9; monitoring.PAUSE_SECONDS = 0.0;"
    " from socialcron.cli import main; sys.exit(main())"
)


def run(bench: Bench) -> Iterator[Row]:
    yield from _requests()
    count, rounds = (5_000, 1) if bench.quick else (READINGS_BUDGET, 3)
    with (
        sandbox_process([sys.executable, str(HERE / "crowded_x.py"), str(count)]) as sandbox,
        bench.database("bench_readings") as bed,
        bed.connect() as db,
    ):
        yield _readings(bed, db, sandbox, count, rounds)
    posts, rounds = (2_000, 1) if bench.quick else (10_000, 3)
    with sandbox_process() as sandbox, bench.database("bench_profile") as bed, bed.connect() as db:
        yield from _profile(bed, db, sandbox, posts, rounds)


# --- requests --------------------------------------------------------------------------------------------------------


def _requests() -> Iterator[Row]:
    """At most, as the platforms declare; those of X are counted in the next part."""
    posts = 10_000
    taken: defaultdict[int, list[str]] = defaultdict(list)
    for name in registry.names():
        if metrics := registry.declaration(name).metrics:
            taken[ceil(posts / metrics.batch_size) * metrics.requests].append(name)
    for requests, names in sorted(taken.items()):
        yield Row(
            what=f"requests for {posts:,} readings: {', '.join(names)}",
            measured=f"{requests:,}",
            budget="100" if "x" in names else "",
            good=requests == 100 if "x" in names else None,
        )


# --- posts of ours ---------------------------------------------------------------------------------------------------


def _readings(bed: Bed, db: Database, sandbox: SandboxProcess, count: int, rounds: int) -> Row:
    say(f"readings: {count:,} posts of X, {rounds} rounds")
    made, first_id = sandbox.said["account"], sandbox.said["first_id"]
    _publish(bed, db, made, first_id, count)
    ids = [str(first_id + number) for number in range(count)]
    bare = {
        "url": f"{made['base_url']}/2/tweets",
        "headers": {"authorization": f"Bearer {made['credentials']['access_token']}"},
        "batches": [ids[begin : begin + 100] for begin in range(0, count, 100)],
    }
    command = [sys.executable, "-c", UNPACED, "collect-metrics", "--limit", str(count), "--strict"]
    ours: list[float] = []
    floor: list[float] = []
    for _ in range(rounds):
        _make_due(db)
        ours.append(measure(command, bed.environment).wall_seconds)
        if (found := _count(db, "post_metrics")) != count:
            raise RuntimeError(f"{found:,} of {count:,} readings were stored")
        floor.append(_bare(bed, bare).wall_seconds)
        if (found := _count(db, "bare_post_metrics")) != count:
            raise RuntimeError(f"{found:,} of {count:,} bare readings were stored")
    asked, wanted = sandbox.state("x")["requests"], {"GET /2/tweets": 2 * rounds * len(bare["batches"])}
    if asked != wanted:
        raise RuntimeError(f"not the same requests: {asked}, not {wanted}")
    seconds, bare_seconds = median(ours), median(floor)
    return Row(
        what=f"readings of {count:,} X posts, pace lifted, {len(bare['batches']):,} requests",
        measured=f"{seconds:.1f} s, {count / seconds:,.0f} readings/s",
        floor=f"{bare_seconds:.1f} s, {count / bare_seconds:,.0f}/s bare loop and one COPY",
        ratio=f"{bare_seconds / seconds:.2f}",
        budget=f"{READINGS_BUDGET:,} in {BUDGET_SECONDS} s",
        good=seconds <= BUDGET_SECONDS if count == READINGS_BUDGET else None,
    )


def _publish(bed: Bed, db: Database, made: dict[str, Any], first_id: int, count: int) -> None:
    """The posts of the sandbox, as the database would know them."""
    connection = db.connection
    account = connection.execute(
        "INSERT INTO socialcron.accounts (platform, handle, external_id, settings, credentials)"
        " VALUES ('x', %s, %s, %s, %s) RETURNING id",
        (
            made["handle"],
            made["external_id"],
            Jsonb({"base_url": made["base_url"]}),
            KeyRing(bed.bench.key).encrypt(made["credentials"]),
        ),
    ).fetchone()
    assert account is not None
    connection.execute(
        "WITH c AS (INSERT INTO socialcron.contents (text) VALUES ('Text') RETURNING id)"
        " INSERT INTO socialcron.posts (content_id, account_id, due_at, status, posted_at, remote_id)"
        " SELECT c.id, %s, at, 'posted', at, (%s + n)::text"
        "   FROM c, generate_series(0, %s) AS n, (SELECT now() - interval '90 minutes' AS at) AS t",
        (account[0], first_id, count - 1),
    )
    connection.execute(
        "INSERT INTO socialcron.metric_schedules (post_id, account_id, posted_at)"
        " SELECT id, account_id, posted_at FROM socialcron.posts"
    )
    connection.execute("CREATE TABLE bare_post_metrics (LIKE socialcron.post_metrics INCLUDING INDEXES)")


def _make_due(db: Database) -> None:
    db.connection.execute("TRUNCATE socialcron.post_metrics, bare_post_metrics")
    db.connection.execute("UPDATE socialcron.metric_schedules SET next_at = posted_at + interval '1 hour'")
    db.connection.execute("VACUUM (ANALYZE)")
    db.connection.execute("CHECKPOINT")


# --- somebody else's -------------------------------------------------------------------------------------------------


def _profile(bed: Bed, db: Database, sandbox: SandboxProcess, posts: int, rounds: int) -> Iterator[Row]:
    say(f"profile: {posts:,} posts, {rounds} rounds")
    provider = sandbox.state("scrapecreators")["base_url"]
    environment = bed.environment | {
        "SCRAPECREATORS_API_KEY": KEY,
        "SOCIALCRON_SCRAPECREATORS_URL": provider,
    }
    command = [sys.executable, "-c", UNPACED, "trigger-monitoring", "--strict"]
    for table in ("profile_posts", "profile_post_metrics"):
        db.connection.execute(
            f"CREATE TABLE bare_{table} (LIKE socialcron.{table} INCLUDING INDEXES)".encode()
        )
    first: list[float] = []
    again: list[float] = []
    floor: list[float] = []
    for number in range(rounds):
        handle = f"bench{number}"
        sandbox.account("scrapecreators", handle, posts=posts, per_page=PER_PAGE, has_more=True)
        db.connection.execute(
            "INSERT INTO socialcron.profiles (platform, handle) VALUES ('tiktok', %s)", (handle,)
        )
        for looks, seconds in ((1, first), (2, again)):
            seconds.append(measure(command, environment).wall_seconds)
            found = db.connection.execute(
                "SELECT p.posts, count(*) FROM socialcron.profiles AS p"
                "  JOIN socialcron.profile_post_metrics AS m ON m.profile_id = p.id"
                " WHERE p.handle = %s GROUP BY p.id",
                (handle,),
            ).fetchone()
            if found != (posts, looks * posts):
                raise RuntimeError(f"(posts, readings) are {found}, not {posts, looks * posts}")
            db.connection.execute("UPDATE socialcron.profiles SET next_run_at = now()")
            db.connection.execute("VACUUM (ANALYZE)")
        db.connection.execute("UPDATE socialcron.profiles SET monitoring_enabled = false")
        db.connection.execute("TRUNCATE bare_profile_posts, bare_profile_post_metrics")
        bare = {
            "url": f"{provider}/v3/tiktok/profile/videos",
            "headers": {"x-api-key": KEY},
            "handle": handle,
        }
        floor.append(_bare(bed, bare).wall_seconds)
        if (stored := _count(db, "bare_profile_post_metrics")) != posts:
            raise RuntimeError(f"{stored:,} of {posts:,} bare readings were stored")
    bare_seconds = median(floor)
    for look, taken in (("first", median(first)), ("next", median(again))):
        yield Row(
            what=f"{look} look at a profile of {posts:,} posts, {PER_PAGE} a page, pause lifted",
            measured=f"{taken:.1f} s, {posts / taken:,.0f} posts/s",
            floor=f"{bare_seconds:.1f} s, {posts / bare_seconds:,.0f}/s bare loop and one COPY",
            ratio=f"{bare_seconds / taken:.2f}",
        )


def _bare(bed: Bed, work: dict[str, Any]) -> Usage:
    file = bed.bench.home / "work.json"
    file.write_text(json.dumps(work))
    return measure([sys.executable, str(HERE / "bare_reading.py"), str(file)], bed.environment)


def _count(db: Database, table: str) -> int:
    schema = "public" if table.startswith("bare_") else "socialcron"
    row = db.connection.execute(f"SELECT count(*) FROM {schema}.{table}".encode()).fetchone()
    assert row is not None
    return int(row[0])
