from __future__ import annotations

from dataclasses import replace
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest

from socialcron.batches.explaining import Reason, Rules, explain
from socialcron.store.inspection import PostFacts

NOW = datetime(2026, 11, 22, 12, 0, tzinfo=UTC)
RULES = Rules(
    lateness=timedelta(hours=24), stuck_after=timedelta(minutes=10), breaker_per_hour=60, catch_up_cap=10
)
READY = PostFacts(
    id=7,
    status="scheduled",
    recurrence_id=None,
    due_at=NOW - timedelta(seconds=5),
    ready_at=NOW - timedelta(seconds=5),
    retry_at=None,
    held=False,
    attempt=0,
    max_attempts=4,
    claimed_before=False,
    cancel_requested=False,
    in_work=False,
    reconcile_at=None,
    heartbeat_at=None,
    error_class=None,
    last_error=None,
    url=None,
    posted_at=None,
    incomplete_at_step=None,
    approved=True,
    has_content=True,
    account_id=3,
    platform="mastodon",
    handle="@me@social.example",
    account_status="active",
    autopost_enabled=True,
    blocked_until=None,
    account_error=None,
    account_busy=False,
    now=NOW,
    last_run_at=NOW - timedelta(seconds=30),
    ahead=0,
    sends_last_hour=0,
)


def ago(seconds: float) -> datetime:
    return NOW - timedelta(seconds=seconds)


def ask(**facts: Any) -> Reason:
    return explain(replace(READY, **facts), RULES, show=lambda value: f"{value:%H:%M:%S}")


UNKNOWN = {"status": "unconfirmed", "error_class": "unknown_outcome"}
OVERDUE = {"due_at": ago(600), "ready_at": ago(600)}


@pytest.mark.parametrize(
    ("facts", "code", "words"),
    [
        ({"has_content": False}, "empty", "posts edit 7"),
        ({"approved": False}, "draft", "posts approve 7"),
        ({"held": True}, "held", "posts release 7"),
        ({"account_status": "disabled"}, "account_disabled", "accounts enable 3"),
        (
            {"account_status": "needs_reconnect", "account_error": "401"},
            "needs_reconnect",
            "accounts reconnect 3",
        ),
        ({"autopost_enabled": False}, "autopost_off", "accounts enable 3"),
        ({"due_at": ago(-60)}, "not_due", "12:01:00"),
        ({"blocked_until": ago(-60)}, "rate_limited", "12:01:00"),
        ({"blocked_until": ago(-60), "due_at": ago(-90)}, "not_due", "12:01:30"),
        (
            {"retry_at": ago(-60), "error_class": "network", "last_error": "no route", "attempt": 2},
            "backoff",
            "Try 2 of 4 failed (no route.)",
        ),
        (
            {"retry_at": ago(-60), "attempt": 0, "last_error": "no key"},
            "backoff",
            "It could not be tried (no key.)",
        ),
        (
            {"retry_at": ago(-60), "error_class": "rate_limited", "last_error": "429"},
            "rate_limited",
            "12:01:00",
        ),
        ({"retry_at": ago(-60), "sends_last_hour": 60}, "breaker", "SOCIALCRON_BREAKER_PER_HOUR"),
        ({}, "next_run", "Nothing to do"),
        ({**OVERDUE, "heartbeat_at": ago(5)}, "next_run", "the next run"),  # a run put it back just now
        ({**OVERDUE, "last_run_at": None}, "no_run", "ever"),
        ({**OVERDUE, "last_run_at": ago(300)}, "no_run", "cron"),
        ({**OVERDUE, "account_busy": True}, "account_busy", "Another run"),
        ({**OVERDUE, "ahead": 12}, "backlog", "12 posts"),
        ({**OVERDUE, "ahead": 1000}, "backlog", "1000 posts or more"),
        (OVERDUE, "passed_over", "--platform mastodon"),
        ({"due_at": ago(90_000), "ready_at": ago(90_000)}, "too_late", "reschedule 7 --at now"),
        ({"due_at": ago(90_000), "ready_at": ago(90_000), "blocked_until": ago(30)}, "next_run", ""),
        (
            {"due_at": ago(90_000), "ready_at": ago(90_000), "claimed_before": True},
            "passed_over",
            "check the crontab",
        ),
        ({"status": "processing", "in_work": True}, "in_work", "publishing it now"),
        ({"status": "processing", "in_work": True, "due_at": ago(-30)}, "in_work", "12:00:30"),
        ({"status": "processing", "in_work": True, "cancel_requested": True}, "cancel_requested", "show 7"),
        ({"status": "processing", "heartbeat_at": ago(300)}, "stuck", "12:05:00"),
        ({"status": "processing"}, "stuck", "reset-stuck"),
        ({"status": "unconfirmed", "in_work": True}, "looking", "right now"),
        ({"status": "unconfirmed"}, "needs_you", "posts resolve 7"),
        (UNKNOWN | {"reconcile_at": ago(-60)}, "unconfirmed", "12:01:00"),
        (UNKNOWN | {"reconcile_at": ago(60)}, "unconfirmed", "next run"),
        (UNKNOWN | {"error_class": None, "reconcile_at": ago(-60)}, "accepted", "12:01:00"),
        (
            UNKNOWN | {"reconcile_at": ago(60), "blocked_until": ago(-90)},
            "unconfirmed",
            "12:01:30",
        ),
        (
            {"status": "unconfirmed", "reconcile_at": ago(60), "account_status": "needs_reconnect"},
            "unconfirmed",
            "accounts reconnect 3",
        ),
        ({"status": "missed", "due_at": ago(90_000)}, "missed", "posts retry 7"),
        ({"status": "cancelled"}, "cancelled", "posts retry 7"),
        (
            {"status": "posted", "url": "https://a.example/1", "posted_at": ago(5)},
            "posted",
            "https://a.example/1",
        ),
        ({"status": "posted", "incomplete_at_step": 1, "last_error": "no"}, "incomplete", "posts retry 7"),
        ({"status": "failed", "error_class": "auth_expired"}, "failed", "accounts reconnect 3"),
        ({"status": "failed", "error_class": "duplicate"}, "failed", "`socialcron posts retry 7 --force`"),
        ({"status": "failed", "error_class": "invalid_content"}, "failed", "posts edit 7"),
        ({"status": "failed", "error_class": "network"}, "failed", "could not be reached"),
        ({"status": "failed", "error_class": None}, "failed", "no reason is on record"),
        ({"status": "archived"}, "unknown_status", "archived"),
    ],
)
def test_explain__gives_one_reason_and_what_to_do(facts: dict[str, Any], code: str, words: str) -> None:
    reason = ask(**facts)
    assert reason.code == code
    assert words in f"{reason.message} {reason.advice}"
    assert reason.advice


def test_explain__names_what_a_person_must_remove_before_what_time_will() -> None:
    assert ask(due_at=ago(-60), held=True, account_status="disabled").code == "held"
    assert ask(due_at=ago(-60), account_status="disabled").code == "account_disabled"


def test_explain__says_until_when_it_lasts() -> None:
    assert ask(due_at=ago(-60)).until == ago(-60)
    assert ask(retry_at=ago(-30), error_class="network").until == ago(-30)
    assert ask(held=True).until is None
