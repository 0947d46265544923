"""collect-metrics: claim posts whose reading is due, ask for them in the platform's batches, store what comes.

A run that dies leaves nothing behind but a lease: readings are asked for again, and a slot is stored only once.
"""

from __future__ import annotations

import time
from collections.abc import Sequence
from dataclasses import dataclass, replace
from itertools import groupby
from uuid import UUID, uuid4

from socialcron import log
from socialcron.batches.ladder import Ladder, parse_ladder
from socialcron.batches.signals import watched_signals
from socialcron.batches.summary import Summary as BaseSummary
from socialcron.batches.summary import counted, on_record
from socialcron.errors import SocialcronError
from socialcron.settings import Settings
from socialcron.store import metrics
from socialcron.store.engine import Database
from socialcron.store.metrics import DueReading

COMMAND = "collect-metrics"
LEASE_MARGIN_SECONDS = 60.0


@dataclass(frozen=True, slots=True, kw_only=True)
class Options:
    limit: int
    concurrency: int
    max_runtime_seconds: float
    platforms: list[str] | None = None


@dataclass(slots=True, kw_only=True)
class Summary(BaseSummary):
    """One outcome per claimed post, and the requests it took."""

    OUTCOMES = ("read", "gone", "closed", "unanswered", "failed", "released")
    BAD = ("failed", "unanswered")

    requests: int = 0

    @property
    def further(self) -> dict[str, int]:
        return {"requests": self.requests}

    def as_line(self) -> str:
        return f"{self.claimed} claimed: {', '.join(self.words)}; {counted(self.requests, 'request')}"


def run(db: Database, settings: Settings, options: Options) -> Summary:
    """Raises DatabaseUnavailable when the database went away, ConfigError for a ladder or key that cannot be used."""
    started = time.monotonic()
    ladder = parse_ladder(settings.metrics_ladder)
    if not metrics.readings_due(db):
        return on_record(db, COMMAND, Summary(), started=started)
    token = uuid4()
    claimed = metrics.claim_due_readings(
        db,
        token,
        slots=ladder.slots,
        ends_after_seconds=ladder.ends_after,
        batch_size=options.limit,
        lease_seconds=options.max_runtime_seconds + LEASE_MARGIN_SECONDS,
        platforms=options.platforms,
    )
    if not claimed:
        return on_record(db, COMMAND, Summary(), started=started)
    log.event("claimed", posts=len(claimed))
    metrics.ensure_partitions(db, "post_metrics", earliest=min(due.slot_at for due in claimed))
    summary, error = _work(db, settings, options, ladder, claimed, token)
    return on_record(db, COMMAND, summary, started=started, error=error)


def peek(db: Database, options: Options) -> list[metrics.DueAccount]:
    """--dry-run: how many posts are due, by account. Claims nothing."""
    return metrics.peek_due_readings(db, batch_size=options.limit, platforms=options.platforms)


def _work(
    db: Database,
    settings: Settings,
    options: Options,
    ladder: Ladder,
    claimed: Sequence[DueReading],
    token: UUID,
) -> tuple[Summary, SocialcronError | None]:
    from socialcron.batches.desk import Desk
    from socialcron.batches.reading import Book, ReadJob
    from socialcron.batches.runner import Runner
    from socialcron.platforms.http import now_seconds
    from socialcron.store.tokens import read_accounts

    desk = Desk(db, replace(settings, concurrency=options.concurrency), token, held_accounts=[])
    runner = Runner(
        desk,
        concurrency=options.concurrency,
        stop_at=now_seconds() + options.max_runtime_seconds,
        grace_seconds=25.0,
        patience_seconds=35.0,
        tick_seconds=settings.lease_seconds / 4,
    )
    book = Book(db=db, token=token, ladder=ladder)
    with watched_signals() as signals:
        signals.call(runner.stop)
        try:
            desk.connect(read_accounts(db, sorted({due.account_id for due in claimed})))
            jobs = []
            by_account = sorted(claimed, key=lambda due: due.account_id)
            for account_id, group in groupby(by_account, key=lambda due: due.account_id):
                posts = sorted(group, key=lambda due: due.posted_at, reverse=True)
                connection = desk.connections.get(account_id)
                if connection is None:
                    book.postpone(posts, "released", retry_in_seconds=300.0, give_back=True)
                else:
                    jobs.append(ReadJob(connection, book, posts))
            ended = runner.run(jobs)
        finally:
            desk.close()
        summary = Summary(outcomes=book.outcomes, requests=book.requests, interrupted=signals.received)
    if ended.bug is not None and ended.error is None:
        raise ended.bug
    return summary, ended.error or desk.key_error
