"""Publishing as fast as it goes, whole processes: `post-due` against the same requests in a bare loop."""

from __future__ import annotations

import json
import sys
from collections.abc import Iterator
from pathlib import Path
from statistics import median
from typing import Any

from psycopg.types.json import Jsonb

from socialcron.store.engine import Database
from socialcron.store.secrets import KeyRing
from tests.bench.harness import Bed, Bench, Row, SandboxProcess, measure, sandbox_process, say, socialcron

POSTS_PER_ACCOUNT = 10  # what one run takes of an account at most
BUDGET = 0.5
HERE = Path(__file__).parent


def run(bench: Bench) -> Iterator[Row]:
    accounts, rounds = (30, 3) if bench.quick else (100, 5)
    with sandbox_process() as sandbox:
        for concurrency in (5, 10):
            with bench.database(f"bench_publish_{concurrency}") as bed, bed.connect() as db:
                made = _connect(bench, db, sandbox, accounts)
                yield _mastodon(bed, db, sandbox, made, concurrency, rounds)
    with bench.database("bench_publish_stub") as bed, bed.connect() as db:
        yield _stub(bed, db, accounts, rounds)


def _mastodon(
    bed: Bed,
    db: Database,
    sandbox: SandboxProcess,
    accounts: list[dict[str, Any]],
    concurrency: int,
    rounds: int,
) -> Row:
    say(f"throughput: {len(accounts)} Mastodon accounts, {concurrency} threads, {rounds} rounds")
    work = bed.bench.home / "work.json"
    ours, floor = [], []
    for number in range(rounds + 1):
        total = _schedule(db, f"{concurrency}/{number}")
        before = sandbox.state("mastodon")["requests"]
        seconds = _publish(bed, total, concurrency)
        between = sandbox.state("mastodon")["requests"]
        texts = [f"{concurrency}/{number}: bare {n}" for n in range(POSTS_PER_ACCOUNT)]
        bare = [
            {"base_url": made["base_url"], "token": made["credentials"]["access_token"], "texts": texts}
            for made in accounts
        ]
        work.write_text(json.dumps({"concurrency": concurrency, "accounts": bare}))
        bare_loop = [sys.executable, str(HERE / "bare_loop.py"), str(work)]
        bare_seconds = measure(bare_loop, bed.environment).wall_seconds
        after = sandbox.state("mastodon")["requests"]
        if _grown(before, between) != _grown(between, after):
            raise RuntimeError(
                f"not the same requests: {_grown(before, between)} and {_grown(between, after)}"
            )
        if number:  # the first one wrote bytecode
            ours.append(total / seconds)
            floor.append(total / bare_seconds)
    return _row(f"publish to Mastodon, --concurrency {concurrency}", ours, floor, "bare loop", BUDGET)


def _stub(bed: Bed, db: Database, accounts: int, rounds: int) -> Row:
    say(f"throughput: {accounts} stub accounts, {rounds} rounds")
    db.connection.execute(
        "INSERT INTO socialcron.accounts (platform, handle) SELECT 'stub', 'a' || n FROM generate_series(1, %s) AS n",
        (accounts,),
    )
    ours, floor = [], []
    for number in range(rounds + 1):
        total = _schedule(db, f"ours {number}")
        seconds = _publish(bed, total, 5)
        _schedule(db, f"bare {number}")
        bare = [sys.executable, str(HERE / "bare_commits.py")]
        bare_seconds = measure(bare, bed.environment).wall_seconds
        if number:
            ours.append(total / seconds)
            floor.append(total / bare_seconds)
    return _row("publish to the stub (no HTTP)", ours, floor, "two bare commits a post", None)


def _row(what: str, ours: list[float], floor: list[float], floor_is: str, budget: float | None) -> Row:
    ratio = median(a / b for a, b in zip(ours, floor, strict=True))
    return Row(
        what=what,
        measured=f"{median(ours):.0f} posts/s",
        floor=f"{median(floor):.0f} posts/s {floor_is}",
        ratio=f"{ratio:.2f}",
        budget="" if budget is None else f">= {budget}",
        good=None if budget is None else ratio >= budget,
    )


def _connect(bench: Bench, db: Database, sandbox: SandboxProcess, count: int) -> list[dict[str, Any]]:
    """Accounts on the sandbox, known to the database."""
    ring = KeyRing(bench.key)
    made = [sandbox.account("mastodon", f"{db.connection.info.dbname}_{n}") for n in range(count)]
    with db.connection.cursor() as cursor:
        cursor.executemany(
            "INSERT INTO socialcron.accounts (platform, handle, external_id, settings, credentials)"
            " VALUES ('mastodon', %s, %s, %s, %s)",
            [
                (
                    account["handle"],
                    account["external_id"],
                    Jsonb({"base_url": account["base_url"]}),
                    ring.encrypt(account["credentials"]),
                )
                for account in made
            ],
        )
    return made


def _schedule(db: Database, label: str) -> int:
    """Some posts due now on every account, each with its own text; how many."""
    total = db.connection.execute(
        "WITH c AS (INSERT INTO socialcron.contents (text)"
        "           SELECT %s || ': post ' || n || ' of ' || a.id"
        "             FROM socialcron.accounts AS a, generate_series(1, %s) AS n RETURNING id, text)"
        " INSERT INTO socialcron.posts (content_id, account_id)"
        " SELECT id, split_part(text, ' of ', 2)::bigint FROM c",
        (label, POSTS_PER_ACCOUNT),
    ).rowcount
    db.connection.execute("VACUUM (ANALYZE)")
    return total


def _publish(bed: Bed, total: int, concurrency: int) -> float:
    """Wall seconds of one run that publishes them all."""
    environment = bed.environment | {"SOCIALCRON_BREAKER_PER_HOUR": "1000000"}
    command = socialcron(
        "post-due", "--limit", str(total), "--concurrency", str(concurrency), "--json", "--strict"
    )
    seconds = measure(command, environment).wall_seconds
    with bed.connect() as db:
        left = db.connection.execute(
            "SELECT count(*) FROM socialcron.posts WHERE status <> 'posted'"
        ).fetchone()
    if left != (0,):
        raise RuntimeError(f"{left} of {total} posts were not published")
    return seconds


def _grown(before: dict[str, int], after: dict[str, int]) -> dict[str, int]:
    return {name: after[name] - before.get(name, 0) for name in after if after[name] != before.get(name, 0)}
