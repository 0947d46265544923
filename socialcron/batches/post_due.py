"""One run of post-due: recover what died, claim what is due, publish and settle it, report.

An idle run ends after two small queries; whatever costs start-up time is imported once there is something to do.
"""

from __future__ import annotations

import time
from collections import Counter
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING, Any
from uuid import uuid4

from socialcron import log
from socialcron.batches.signals import Signals, watched_signals
from socialcron.batches.summary import Summary as BaseSummary
from socialcron.batches.summary import on_record
from socialcron.errors import SocialcronError
from socialcron.settings import Settings
from socialcron.store import posts
from socialcron.store.engine import Database
from socialcron.store.posts import Claim, ClaimRules

if TYPE_CHECKING:
    from socialcron.batches.runner import Ended, Job

COMMAND = "post-due"
RECURRENCES = 20  # filled by one run at most: what is due does not wait for all of next month


@dataclass(frozen=True, slots=True, kw_only=True)
class Options:
    limit: int
    concurrency: int
    look_ahead_seconds: float
    max_runtime_seconds: float
    grace_seconds: float
    platforms: list[str] | None = None


@dataclass(slots=True, kw_only=True)
class Summary(BaseSummary):
    """One outcome per claimed post. incomplete: posts that stopped after their first step."""

    OUTCOMES = ("posted", "accepted", "retried", "failed", "unconfirmed", "released", "missed", "reconciled")

    recovered: int = 0
    incomplete: int = 0

    @property
    def idle(self) -> bool:
        return not self.claimed and not self.recovered

    @property
    def bad(self) -> int:
        return sum(self.outcomes[name] for name in ("failed", "unconfirmed", "missed")) + self.incomplete

    def as_line(self) -> str:
        parts = self.words
        if self.recovered:
            parts.append(f"{self.recovered} taken back from runs that died")
        return f"{self.claimed} claimed: {', '.join(parts)}" if parts else "nothing due"


def run(db: Database, settings: Settings, options: Options) -> Summary:
    """Raises DatabaseUnavailable when the database went away, ConfigError when credentials cannot be opened."""
    started = time.monotonic()
    rules = _rules(settings, options)
    stuck_seconds = settings.stuck_threshold_minutes * 60
    due = posts.due_work(db, look_ahead_seconds=options.look_ahead_seconds, stuck_seconds=stuck_seconds)
    recovered = 0
    if due.posts_stuck:
        from socialcron.batches.recovery import recover_stuck_posts

        recovered = recover_stuck_posts(
            db, settings, threshold_minutes=settings.stuck_threshold_minutes
        ).total
        due = replace(due, wakeups_due=True)
    if due.recurrences_due:
        from socialcron.batches.planning import fill_recurrences

        if fill_recurrences(db, limit=RECURRENCES):
            due = replace(due, wakeups_due=True)
    claim = Claim(token=uuid4())
    with watched_signals() as signals:
        posts_due = due.accounts_due or due.wakeups_due
        if due.unconfirmed_due:
            # Half of the run at most: a platform that is down must not keep the others waiting by its open questions.
            share = max(1, rules.batch_size // 2) if posts_due else rules.batch_size
            unconfirmed = posts.claim_unconfirmed_posts(db, claim.token, replace(rules, batch_size=share))
            claim.unconfirmed_ids.extend(unconfirmed)
        left = rules.batch_size - len(claim.unconfirmed_ids)
        if left > 0 and posts_due:
            claimed = posts.claim_due_posts(db, claim.token, replace(rules, batch_size=left))
            claim = replace(claimed, unconfirmed_ids=claim.unconfirmed_ids)
        summary = Summary(recovered=recovered, outcomes=Counter(missed=len(claim.missed_ids)))
        if summary.idle and not len(claim):
            return on_record(db, COMMAND, summary, started=started)
        error: SocialcronError | None = None
        if claim.post_ids or claim.unconfirmed_ids:
            log.event("claimed", posts=len(claim.post_ids), unconfirmed=len(claim.unconfirmed_ids))
            summary, error = _work(db, settings, options, claim, summary, signals)
    for post_id in claim.missed_ids:
        log.event("post_missed", level=log.WARNING, post_id=post_id)
    return on_record(db, COMMAND, summary, started=started, error=error)


def peek(db: Database, settings: Settings, options: Options) -> list[dict[str, Any]]:
    """--dry-run: what a run would find due. Claims nothing."""
    return posts.peek_due_posts(db, _rules(settings, options))


def _rules(settings: Settings, options: Options) -> ClaimRules:
    return ClaimRules(
        batch_size=options.limit,
        look_ahead_seconds=options.look_ahead_seconds,
        lateness_seconds=settings.lateness_hours * 3600,
        catch_up_cap=settings.catch_up_cap,
        lease_seconds=settings.lease_seconds,
        platforms=options.platforms,
    )


def _work(
    db: Database, settings: Settings, options: Options, claim: Claim, summary: Summary, signals: Signals
) -> tuple[Summary, SocialcronError | None]:
    """Publish and settle what was claimed. The error, if any, is raised once the run is on record."""
    from socialcron.batches.desk import Desk
    from socialcron.batches.publishing import PublishJob
    from socialcron.batches.runner import Runner
    from socialcron.batches.settling import SettleJob
    from socialcron.platforms.http import now_seconds
    from socialcron.store.tokens import read_accounts

    desk = Desk(
        db, replace(settings, concurrency=options.concurrency), claim.token, held_accounts=claim.account_ids
    )
    runner = Runner(
        desk,
        concurrency=options.concurrency,
        stop_at=now_seconds() + options.max_runtime_seconds,
        grace_seconds=options.grace_seconds,
        patience_seconds=settings.send_deadline_seconds + 5.0,
        tick_seconds=settings.lease_seconds / 4,
    )

    def stop() -> None:
        desk.must_end_at = now_seconds() + options.grace_seconds
        runner.stop()

    signals.call(stop)
    try:
        rows = posts.read_claimed_posts(db, [*claim.post_ids, *claim.unconfirmed_ids])
        if rows:
            desk.set_clock(rows[0].read_at)
        attempts: dict[int, list[posts.Attempt]] = {}
        for attempt in posts.read_attempts(db, [row.id for row in rows]):
            attempts.setdefault(attempt.post_id, []).append(attempt)
        desk.connect(read_accounts(db, sorted({row.account_id for row in rows})))
        jobs: list[Job] = []
        outcomes = summary.outcomes.copy()
        for row in rows:
            connection = desk.connections.get(row.account_id)
            if connection is None:  # its credentials cannot be opened: nothing of it is touched
                desk.put_back(row)
                outcomes["released"] += 1
            elif row.status in ("unconfirmed", "posted"):
                jobs.append(SettleJob(desk, connection, row, attempts.get(row.id, [])))
            else:
                jobs.append(PublishJob(desk, connection, row, attempts.get(row.id, [])))
        ended: Ended = runner.run(jobs)
        outcomes.update(ended.outcomes)
    finally:
        desk.close()
    # A job that could say nothing (the database went away, or a bug) keeps its claim until the lease is over.
    outcomes["released"] += len(claim) - outcomes.total()
    summary = replace(
        summary,
        outcomes=outcomes,
        incomplete=desk.incomplete,
        interrupted=signals.received,
    )
    if ended.bug is not None and ended.error is None:
        raise ended.bug
    return summary, ended.error or desk.key_error
