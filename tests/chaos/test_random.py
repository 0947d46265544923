"""Random chaos: overlapping runs killed at random, a platform that lies, a database that restarts, people who meddle.

Real processes on a PostgreSQL and a sandbox of their own. An application inserts posts; operators cancel, edit, hold
and reschedule them; two runs are always under way, and many of them are killed. In the end the faults stop, rows
are moved in time until all is quiet, and the posts on the sandbox's side are counted: none twice, none lost, none
unconfirmed, and whatever operators were told holds.

The protocol's times are shortened in the children, all of them, so that their order stays: a straggler arrives and
shows itself long before its absence may be concluded.

Repeat a run with CHAOS_SEED; CHAOS_MINUTES sets how long it lasts.
"""

from __future__ import annotations

import os
import signal
import time
from collections.abc import Callable, Iterator, Mapping
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest

from socialcron.settings import Settings
from tests.chaos.disorder import PLATFORMS, SEED, Disorder, Post, disorder

SECONDS = float(os.environ.get("CHAOS_MINUTES") or 0.75) * 60
SLOTS = 2  # runs under way at any time
POSTS_PER_SECOND = 5.0
RESTART_SECONDS = 15.0  # on average
ACCOUNTS: list[tuple[str, str, dict[str, Any]]] = [
    *((platform, name, {}) for platform in PLATFORMS for name in ("ann", "bob")),
    ("mastodon", "refreshing", {"refresh": True}),
    ("x", "refreshing", {"auth": "oauth2"}),
]
EARLY_SECONDS = 0.2  # by which two clocks of one host may be read differently

# A send ends within 3 s; a request that is under way then arrives within 2 s more, is worked on for at most 1.5 s, and
# shows in listings 2 s later: in all well before deadline + settle time, 15 s. Requests for tokens are left alone:
# a single-use token whose answer is lost needs a person (PROTOCOL 9).
_NO_TOKENS = "^(?!.*(oauth|Session))"
FAULTS: tuple[dict[str, Any], ...] = (
    {"kind": "accept_then_drop", "probability": 0.1, "visible_only": True},
    {"kind": "reset", "probability": 0.05, "visible_only": True},
    {"kind": "half_answer", "probability": 0.05, "visible_only": True},
    {"kind": "truncated_json", "probability": 0.03, "visible_only": True},
    {"kind": "5xx", "probability": 0.05, "visible_only": True, "performed": True},
    {"kind": "html", "probability": 0.03, "visible_only": True, "performed": True},
    {"kind": "drop_before", "probability": 0.08, "visible_only": True},
    {"kind": "late_arrival", "probability": 0.08, "visible_only": True, "seconds": 2.0},
    {"kind": "late_arrival", "probability": 0.05, "visible_only": True, "seconds": 1.0, "status": 503},
    {"kind": "lagging_listing", "probability": 0.2, "visible_only": True, "seconds": 2.0},
    {"kind": "slow", "probability": 0.3, "visible_only": True, "seconds": 0.3},  # so that kills hit sends
    {"kind": "slow", "probability": 0.05, "seconds": 0.7},
    {"kind": "slow", "probability": 0.02, "seconds": 1.5},
    {"kind": "429", "probability": 0.03, "path": _NO_TOKENS},
    {"kind": "5xx", "probability": 0.04, "path": _NO_TOKENS},
    {"kind": "drop_before", "probability": 0.04, "path": _NO_TOKENS},
    {"kind": "html", "probability": 0.02, "path": _NO_TOKENS},
    {"kind": "reset", "probability": 0.03, "method": "GET"},
    {"kind": "half_answer", "probability": 0.03, "method": "GET"},
)


def shorten_times() -> None:
    """In a child: the protocol's times, in proportion."""
    from socialcron import backoff
    from socialcron.batches import connection, desk, settling
    from socialcron.platforms import registry

    desk.LEASE_MARGIN_SECONDS = 2.0
    settling.LOOK_AGAIN_SECONDS = settling.TROUBLE_SECONDS = 2.0
    connection.DEFAULT_BLOCK_SECONDS = connection.REFRESH_WAIT_SECONDS = 2.0
    backoff.FIRST_SECONDS = 1.0
    for name in registry.names():
        kind: Any = type(registry.adapter(name))
        kind.declaration = replace(kind.declaration, settle_seconds=12)
    from_env = Settings.from_env

    def quick(environ: Mapping[str, str]) -> Settings:
        return replace(from_env(environ), lease_seconds=5, send_deadline_seconds=3)

    Settings.from_env = quick  # type: ignore[method-assign]


class Chaos(Disorder):
    patch = staticmethod(shorten_times)

    def __init__(self, *arguments: Any) -> None:
        super().__init__(*arguments)
        self._next_post = self._next_meddling = self._next_faults = 0.0
        self._next_restart = time.monotonic() + RESTART_SECONDS / 2

    def connect(self) -> None:
        for platform, name, options in ACCOUNTS:
            self.accounts[self.world.account(platform, name, **options)] = platform
        self.accounts[self.world.account("stub")] = "stub"
        for account_id in self.accounts:  # log in while nothing goes wrong
            self.schedule(account_id, delay=0)
        self.until_quiet()

    def run_for(self, seconds: float) -> None:
        end = time.monotonic() + seconds
        while (now := time.monotonic()) < end:
            self.reap(now)
            while len(self.running) < SLOTS:
                self.start_run(now)
            if now >= self._next_post:
                self._next_post = now + self.random.expovariate(POSTS_PER_SECOND)
                self.schedule(self.random.choice(list(self.accounts)), delay=self.random.uniform(0, 3))
            if now >= self._next_meddling:
                self._next_meddling = now + self.random.uniform(0.1, 0.5)
                self.meddle()
            if now >= self._next_faults:
                self._next_faults = now + self.random.uniform(1, 4)
                self.remote.set_faults([f for f in FAULTS if self.random.random() < 0.5])
            if now >= self._next_restart:
                self._next_restart = now + self.random.uniform(0.5, 1.5) * RESTART_SECONDS
                self.restart_database(immediate=self.random.random() < 0.5)
            self._tick.wait(0.005)

    def start_run(self, now: float) -> None:
        fate, after = self.random.random(), self.random.uniform(0.02, 0.6)
        number = signal.SIGKILL if fate < 0.4 else signal.SIGTERM if fate < 0.5 else None
        child = (
            self.command("reset-stuck", "--json")
            if self.random.random() < 0.1
            else self.post_due("--limit", "10", "--look-ahead", "2")
        )
        self.running.append((child, now + after, number))

    def problem_of(
        self, post: Post, row: Mapping[str, Any], published: Mapping[tuple[str, str], list[dict[str, Any]]]
    ) -> str | None:
        if post.stopped:
            items = [
                item
                for text in (*post.texts, *post.rest)
                for item in published.get((post.platform, text), ())
            ]
            self.counts["went out although cancelled"] += bool(items)
            return f"was to be cancelled: {items}" if items or row["status"] != "cancelled" else None
        if row["status"] != "posted" or row["incomplete_at_step"] is not None:
            self.counts["unconfirmed" if row["status"] == "unconfirmed" else "lost"] += 1
            return "is lost"
        if post.platform == "stub":
            return None
        firsts = [item for text in sorted(post.texts) for item in published.get((post.platform, text), ())]
        steps = [firsts, *(published.get((post.platform, text), []) for text in post.rest)]
        found = [len(step) for step in steps]
        if found != [1] * len(steps):
            self.counts["duplicates"] += sum(count > 1 for count in found)
            self.counts["lost"] += found.count(0)
            return f"is out {found} times"
        items = [step[0] for step in steps]
        ids = [item["id"] for item in items]
        parents = [None, *ids[:-1]]
        if post.comment:
            parents[-1] = ids[0]
        first = items[0]
        if [item["reply_to"] for item in items] != parents or len(first["media"]) != post.images:
            return f"is out of shape: {items}"
        if row["remote_id"] != ids[0]:
            return f"is {ids[0]} there"
        for begin, end in post.quiet:
            if begin + EARLY_SECONDS < first["created_at"] < end - EARLY_SECONDS:
                return f"went out at {first['created_at']}, between {begin} and {end}"
        return None


@pytest.fixture
def chaos(tmp_path: Path) -> Iterator[Chaos]:
    with disorder(Chaos, tmp_path, SOCIALCRON_CATCH_UP_CAP="20") as chaos:
        yield chaos


def test_random_chaos__nothing_twice_and_nothing_lost(
    chaos: Chaos, record_property: Callable[[str, object], None]
) -> None:
    chaos.connect()
    chaos.run_for(SECONDS)
    chaos.calm_down()

    wrong = chaos.verdict()

    for phase, attempts in chaos.world.db.connection.execute(
        "SELECT phase, count(*) FROM socialcron.publish_attempts GROUP BY phase"
    ):
        chaos.counts[f"attempts {phase}"] = attempts
    chaos.counts["sent again"] = chaos.world.value(
        "SELECT count(*) FROM socialcron.publish_attempts WHERE sends > 1"
    )
    numbers = {
        name: chaos.counts[name]
        for name in ("runs", "kills", "terms", "restarts", "duplicates", "lost", "unconfirmed")
    }
    record_property(
        "summary", {"title": f"random chaos, CHAOS_SEED={SEED}", "posts": len(chaos.posts), **numbers}
    )
    print(sorted(chaos.counts.items()), sorted(chaos.exit_codes.items()))
    assert not wrong, f"CHAOS_SEED={SEED}: {len(wrong)} things are wrong\n" + "\n".join(wrong[:20])
