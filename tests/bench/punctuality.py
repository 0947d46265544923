"""A one-minute cron, simulated: real `post-due --look-ahead` processes; lateness by the clock of the sandbox."""

from __future__ import annotations

import random
import subprocess
import time
from collections.abc import Iterator
from datetime import UTC, datetime
from statistics import median

from tests.bench.harness import Bench, Row, sandbox_process, say, socialcron
from tests.bench.throughput import _connect

BUDGET = 0.99
LEAD_SECONDS = 3.0  # posts due while the very first run still starts would measure its start


def run(bench: Bench) -> Iterator[Row]:
    period, cycles, accounts = (20, 1, 20) if bench.quick else (60, 3, 40)
    count = accounts * cycles * period // 20
    say(f"punctuality: {count} posts on {accounts} accounts in {cycles * period} s")
    dice = random.Random(1)
    with sandbox_process() as sandbox, bench.database("bench_punctual") as bed, bed.connect() as db:
        _connect(bench, db, sandbox, accounts)
        ids = [row[0] for row in db.connection.execute("SELECT id FROM socialcron.accounts").fetchall()]
        begin = time.time() + 1.0
        dues = {f"Post {n}": begin + dice.uniform(LEAD_SECONDS, cycles * period - 1.0) for n in range(count)}
        for n, (text, due) in enumerate(dues.items()):
            db.connection.execute(
                "SELECT socialcron.schedule_post(%s, %s, %s)",
                (ids[n % len(ids)], text, datetime.fromtimestamp(due, UTC)),
            )
        command = socialcron("post-due", "--look-ahead", str(period), "--limit", "1000", "--strict")
        runs = []
        for cycle in range(cycles):
            time.sleep(max(begin + cycle * period - time.time(), 0.0))
            runs.append(subprocess.Popen(command, env=bed.environment, cwd="/tmp", stdout=subprocess.DEVNULL))
        codes = [process.wait() for process in runs]
        if any(codes):
            raise RuntimeError(f"post-due ended with {codes}")
        late = sorted(post["created_at"] - dues[post["text"]] for post in sandbox.state("mastodon")["posts"])
    if len(late) != count:
        raise RuntimeError(f"{len(late)} of {count} posts are out")
    in_time = sum(0 <= seconds <= 1 for seconds in late) / count
    yield Row(
        what=f"punctuality: {count} posts, {cycles} runs every {period} s with look-ahead",
        measured=f"{in_time:.1%} within 1 s of due",
        floor="",
        ratio=f"median {median(late) * 1000:.0f} ms, worst {late[-1] * 1000:.0f} ms, earliest {late[0] * 1000:+.0f} ms",
        budget=f">= {BUDGET:.0%}, none early",
        good=in_time >= BUDGET and late[0] >= 0,
    )
