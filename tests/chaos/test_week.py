"""A week in minutes: many accounts of many platforms, and everything that goes wrong in a week goes wrong.

Three hosts run what cron would run, each simulated hour or so; between those, rows are moved into the past and the
sandbox's clock ahead. Answers get lost, tokens end, runs are killed, the database restarts, cron is out for more than a
day, and people cancel, edit, hold, reschedule, disable and reconnect meanwhile. At the end every post is where it ends,
with one reason if it is not out, and the sandbox has each posted one once and nothing else.

`make chaos` simulates 10,000 posts of 200 accounts. Repeat a run with CHAOS_SEED.
"""

from __future__ import annotations

import os
import signal
import time
from collections.abc import Callable, Iterator, Mapping
from contextlib import suppress
from datetime import UTC, datetime, timedelta
from functools import partial
from pathlib import Path
from typing import Any

import pytest

from socialcron.batches import explaining
from socialcron.errors import BadInput
from socialcron.store import accounts, inspection, steering
from socialcron.store.secrets import KeyRing
from tests.chaos.disorder import PLATFORMS, SEED, Disorder, Post, disorder

FULL = bool(os.environ.get("CHAOS_FULL"))
POSTS, ACCOUNTS, STEPS = (10_000, 200, 168) if FULL else (300, 20, 21)
# Not a round number: a reading's slot is a full hour after its post, and slots of different hours must not meet.
WEEK_MINUTES = 7 * 24 * 60 * 0.997
HOSTS = 3
OUTAGE_HOURS = 31  # cron stands still; longer than SOCIALCRON_LATENESS_HOURS

# Platform as the sandbox calls it, the account's options there, its settings here.
KINDS: tuple[tuple[str, dict[str, Any], dict[str, str]], ...] = (
    ("mastodon", {}, {}),
    ("mastodon", {"refresh": True}, {}),
    ("mastodon-nokey", {}, {}),
    ("bluesky", {}, {}),
    ("x", {}, {}),
    ("x", {"auth": "oauth2"}, {}),
    ("threads", {}, {}),
    ("facebook", {}, {}),
    ("linkedin", {"organization": True}, {}),
    ("telegram", {}, {"chat_id": "@{owner}"}),
)
NOBODY_TO_ASK = {"telegram"}

_NO_TOKENS = "^(?!.*(oauth|Session|access_token))"  # a single-use token whose answer is lost needs a person
FAULTS: tuple[dict[str, Any], ...] = (
    {"kind": "accept_then_drop", "probability": 0.05, "visible_only": True},
    {"kind": "reset", "probability": 0.03, "visible_only": True},
    {"kind": "half_answer", "probability": 0.03, "visible_only": True},
    {"kind": "truncated_json", "probability": 0.02, "visible_only": True},
    {"kind": "5xx", "probability": 0.03, "visible_only": True, "performed": True},
    {"kind": "html", "probability": 0.02, "visible_only": True, "performed": True},
    {"kind": "drop_before", "probability": 0.05, "visible_only": True},
    {"kind": "late_arrival", "probability": 0.03, "visible_only": True, "seconds": 0.5},
    {"kind": "late_arrival", "probability": 0.02, "visible_only": True, "seconds": 0.3, "status": 503},
    {"kind": "lagging_listing", "probability": 0.2, "visible_only": True, "seconds": 90.0},
    {"kind": "slow", "probability": 0.2, "visible_only": True, "seconds": 0.1},
    {"kind": "slow", "probability": 0.02, "seconds": 0.3},
    {"kind": "429", "probability": 0.03, "path": _NO_TOKENS},
    {"kind": "5xx", "probability": 0.03, "path": _NO_TOKENS},
    {"kind": "html", "probability": 0.02, "path": _NO_TOKENS},
    {"kind": "reset", "probability": 0.02, "method": "GET"},
    {"kind": "expired_token", "probability": 0.02, "path": _NO_TOKENS},
)


def shorten_waits() -> None:
    """In a child: what one process waits for another, which may have been killed."""
    from socialcron.batches import connection

    connection.REFRESH_WAIT_SECONDS = 1.0


class Week(Disorder):
    max_attempts = 4
    patch = staticmethod(shorten_waits)

    def __init__(self, *arguments: Any) -> None:
        super().__init__(*arguments)
        self.owners: dict[int, tuple[str, str, dict[str, Any]]] = {}
        self.disabled: dict[int, int] = {}  # account -> step at which it is enabled again

    def connect(self) -> None:
        for number in range(ACCOUNTS):
            platform, options, settings = KINDS[number % len(KINDS)]
            owner = f"owner{number}"
            account = self.world.account(
                platform, owner, settings={k: v.format(owner=owner) for k, v in settings.items()}, **options
            )
            self.accounts[account] = platform
            self.owners[account] = platform, owner, options

    def live(self) -> None:
        minutes = WEEK_MINUTES / STEPS
        outage_begins = STEPS // 2
        outage_ends = outage_begins + -(-OUTAGE_HOURS * 60 // int(minutes))
        for step in range(STEPS):
            self.application(POSTS * (step + 1) // STEPS - len(self.posts), minutes)
            self.let_requests_arrive()
            self.pass_time(minutes)
            self.remote.set_faults([fault for fault in FAULTS if self.random.random() < 0.6])
            if not outage_begins <= step < outage_ends:
                self.hosts(step)
            self.people(step)

    def application(self, posts: int, minutes: float) -> None:
        ids = list(self.accounts)
        for _ in range(posts):
            self.schedule(self.random.choice(ids), delay=self.random.uniform(0, minutes * 60))

    def hosts(self, step: int) -> None:
        """Run what cron would; what is killed is killed at some moment of a busy run's life."""
        jobs = [["post-due", "--limit", "60", "--look-ahead", "0", "--max-runtime", "20"]] * HOSTS
        jobs += [["reset-stuck"]] * (self.random.random() < 0.5)
        jobs += [["collect-metrics", "--limit", "20"]] * (self.random.random() < 0.25)
        jobs += [["accounts", "refresh"], ["maintain"], ["reset-ratelimits"]] * (step % 24 == 0)
        for job in jobs:
            fate = self.random.random()
            number = signal.SIGKILL if fate < 0.25 else signal.SIGTERM if fate < 0.35 else None
            child = self.command(*job, "--json")
            self.running.append((child, time.monotonic() + self.random.uniform(0.1, 1.5), number))
        restart_at = self.random.uniform(0.1, 0.8) if self.random.random() < 0.1 else None
        began = time.monotonic()
        while self.running:
            self.reap(time.monotonic())
            if restart_at is not None and time.monotonic() > began + restart_at:
                self.restart_database(immediate=self.random.random() < 0.5)
                restart_at = None
            if self.random.random() < 0.2:
                self.meddle()
            self._tick.wait(0.02)

    def people(self, step: int) -> None:
        """They disable accounts for a while, and connect again those that were thrown out."""
        if self.random.random() < 0.2:
            account = self.random.choice(list(self.accounts))
            self.insist(lambda: accounts.disable_account(self.world.db, account))
            self.counts["disabled"] += 1
            self.disabled[account] = step + self.random.randint(1, 6)
        for account in [account for account, until in self.disabled.items() if until <= step]:
            self.insist(partial(accounts.enable_account, self.world.db, account))
            del self.disabled[account]
        if self.random.random() < 0.2:
            self.revoke(self.random.choice(list(self.accounts)))
        if self.random.random() < 0.5:
            self.reconnect()

    def revoke(self, account: int) -> None:
        """Its owner throws us out: what we have is worth nothing from now on."""
        platform, _, _ = self.owners[account]
        broken = {
            name: f"revoked-{value}" if "token" in name and isinstance(value, str) else value
            for name, value in self.credentials(account).items()
        }
        if platform in PLATFORMS:
            self.counts["revoked"] += 1
            self.store(account, broken)

    def reconnect(self) -> None:
        stopped = "SELECT array_agg(id) FROM socialcron.accounts WHERE status = 'needs_reconnect'"
        for account in self.insist(lambda: self.world.value(stopped)) or ():
            platform, owner, options = self.owners[account]
            self.store(account, self.remote.account(platform, owner, **options)["credentials"])
            self.counts["reconnected"] += 1

    def credentials(self, account: int) -> dict[str, Any]:
        platform, owner, options = self.owners[account]
        given: dict[str, Any] = self.remote.account(platform, owner, **options)["credentials"]
        return given

    def store(self, account: int, credentials: Mapping[str, Any]) -> None:
        self.insist(
            lambda: accounts.reconnect_account(
                self.world.db,
                account,
                credentials=KeyRing(self.world.settings.secret_key).encrypt(dict(credentials)),
                token_expires_at=None,
                refresh_expires_at=None,
                needs_session=False,
            )
        )

    def meddle(self) -> None:
        with suppress(BadInput):  # it has failed meanwhile
            super().meddle()

    def put_off(self, post: Post) -> None:
        """By minutes or by a day: never so far that the week ends first."""
        due_at = datetime.now(UTC) + timedelta(minutes=self.random.choice([5, 60, 1440]))
        answer = steering.reschedule_post(self.world.db, post.id, due_at)
        if answer is not None and answer[0] != "too_late":
            self.counts["put off"] += 1

    def pass_time(self, minutes: float) -> None:
        self.insist(lambda: self.world.pass_time(minutes))
        self.remote.advance(minutes * 60)

    def calm_down(self) -> None:
        for account in self.disabled:
            self.insist(partial(accounts.enable_account, self.world.db, account))
        self.reconnect()
        for post in self.posts.values():
            self.release(post)
        self.remote.set_faults([])
        for _ in range(4):  # what was put off by a day comes due, and nothing gets too late
            self.post_due("--limit", "300", "--look-ahead", "0").wait()
            self.let_requests_arrive()
            self.pass_time(400)
        super().calm_down()

    def until_quiet(self) -> None:
        super().until_quiet()
        self.reconnect()
        super().until_quiet()

    # --- the end ------------------------------------------------------------------------------------------------

    def problem_of(
        self, post: Post, row: Mapping[str, Any], published: Mapping[tuple[str, str], list[dict[str, Any]]]
    ) -> str | None:
        status = row["status"]
        self.counts[status] += 1
        steps = [
            [item for text in sorted(post.texts) for item in published.get((post.platform, text), ())],
            *(published.get((post.platform, text), []) for text in post.rest),
        ]
        found = [len(step) for step in steps]
        self.counts["duplicates"] += sum(count > 1 for count in found)
        if any(count > 1 for count in found):
            return f"is out {found} times"
        if post.stopped and status != "cancelled":
            return "was to be cancelled"
        reason = self.explained(post.id)
        match status:
            case "posted":
                whole = row["incomplete_at_step"] is None
                self.counts["incomplete"] += not whole
                if not found[0] or (whole and 0 in found):
                    return f"is out {found} times"
                if row["remote_id"] != steps[0][0]["id"]:
                    return f"is {steps[0][0]['id']} there"
                return None if whole or row["last_error"] else "stopped without a reason"
            case "unconfirmed":
                if post.platform in NOBODY_TO_ASK:
                    return None if row["last_error"] else "has no reason"
                return f"is {'left to a person' if row['reconcile_at'] is None else 'open still'}: {reason}"
            case "failed":
                if not (
                    row["error_class"] and row["last_error"] and row["last_error"][:40] in reason.message
                ):
                    return f"has no reason: {reason}"
            case "missed" | "cancelled":
                if reason.code != status:
                    return f"is explained as {reason}"
            case _:
                return f"is open still: {reason}"
        return f"is out {found} times" if any(found) else None

    def explained(self, post_id: int) -> explaining.Reason:
        facts = inspection.explain_post(self.world.db, post_id)
        assert facts is not None
        return explaining.explain(facts, explaining.rules_of(self.world.settings), show=str)


@pytest.fixture
def week(tmp_path: Path) -> Iterator[Week]:
    with disorder(Week, tmp_path) as week:
        yield week


def test_week__ends_with_every_post_out_once_or_with_one_reason_why_not(
    week: Week, record_property: Callable[[str, object], None]
) -> None:
    week.connect()
    week.live()
    week.calm_down()

    wrong = week.verdict()

    said = ("posted", "failed", "missed", "cancelled", "unconfirmed", "incomplete")
    done = ("runs", "kills", "terms", "restarts", "reconnected", "duplicates")
    numbers = {"posts": len(week.posts), "accounts": ACCOUNTS} | {
        name: week.counts[name] for name in (*said, *done)
    }
    numbers["refreshes"] = week.world.value("SELECT sum(token_version) FROM socialcron.accounts")
    numbers["readings"] = week.world.value("SELECT count(*) FROM socialcron.post_metrics")
    record_property("summary", {"title": f"a week, CHAOS_SEED={SEED}", **numbers})
    print(sorted(week.counts.items()), sorted(week.exit_codes.items()))
    assert not wrong, f"CHAOS_SEED={SEED}: {len(wrong)} things are wrong\n" + "\n".join(wrong[:20])
    assert min(week.counts[name] for name in ("missed", "failed", "cancelled", "kills")), "nothing went wrong"
