"""`accounts refresh`: renew tokens before they end, those of accounts that have nothing to post, too.

A run of posts renews the tokens it uses. Those of an idle account die unnoticed, long-lived ones with nothing but
themselves to be renewed by above all. The lease is that of every refresh (PROTOCOL 7), so any number of processes may
do this while others post.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field
from datetime import datetime
from typing import Literal
from uuid import uuid4

from socialcron.batches.connection import LAST_SECONDS, Connection, Postponed
from socialcron.batches.desk import Desk
from socialcron.batches.runner import Runner, Work
from socialcron.batches.signals import watched_signals
from socialcron.errors import AuthExpired, PlatformError
from socialcron.platforms import registry
from socialcron.platforms.http import now_seconds
from socialcron.settings import Settings
from socialcron.store import tokens
from socialcron.store.engine import Database
from socialcron.store.tokens import AccountRow

MAX_RUNTIME_SECONDS = 600.0

# fresh: another process has just done it, or is at it. failed: the next run tries again. lost: the platform refuses the
# tokens. fixed: there is nothing to renew them by. off: the account is disabled. left: the run ended before.
Outcome = Literal["refreshed", "fresh", "failed", "lost", "fixed", "off", "left"]


@dataclass(slots=True, kw_only=True)
class Result:
    """What became of one account. Times are those stored afterwards; `error` is None unless something went wrong.

    reconnect_by: when a person must reconnect it, if nothing renews its tokens before; None: not known.
    """

    id: int
    platform: str
    handle: str
    outcome: Outcome = "left"
    token_expires_at: datetime | None = None
    reconnect_by: datetime | None = None
    error: str | None = None
    hint: str | None = None


def refresh_accounts(
    db: Database,
    settings: Settings,
    *,
    account_ids: Sequence[int] | None = None,
    within_seconds: float | None = None,
    everything: bool = False,
) -> tuple[list[Result], bool]:
    """Refresh the accounts of these ids; None: those whose tokens end soon, or all of them. Whether a signal ended it.

    Raises ConfigError when credentials cannot be opened, DatabaseUnavailable.
    """
    if account_ids is None:
        early = {name: registry.declaration(name).refresh_early_seconds for name in registry.names()}
        account_ids = tokens.accounts_to_refresh(
            db, early, within_seconds=within_seconds, expiring=not everything
        )
    rows = tokens.read_accounts(db, account_ids)
    jobs: dict[int, RefreshJob] = {}
    desk = Desk(db, settings, uuid4(), held_accounts=[])
    try:
        desk.connect(rows)
        jobs = {
            id: RefreshJob(desk.connections[id], rows[id]) for id in account_ids if id in desk.connections
        }
        runner = Runner(
            desk,
            concurrency=settings.concurrency,
            stop_at=now_seconds() + MAX_RUNTIME_SECONDS,
            grace_seconds=25.0,
            patience_seconds=35.0,
            tick_seconds=30.0,
        )
        with watched_signals() as signals:
            signals.call(runner.stop)
            ended = runner.run(list(jobs.values()))
    finally:
        desk.close()
    for problem in (ended.error, ended.bug, desk.key_error):
        if problem is not None:
            raise problem
    stored = tokens.read_accounts(db, account_ids)
    results = []
    for id in account_ids:
        if row := stored.get(id):
            result = jobs[id].result if id in jobs else _result(row)
            result.token_expires_at, result.reconnect_by = row.token_expires_at, row.refresh_expires_at
            results.append(result)
    return results, signals.received


@dataclass(slots=True)
class RefreshJob:
    connection: Connection
    row: AccountRow
    due: float = 0.0
    result: Result = field(init=False)

    def __post_init__(self) -> None:
        self.result = _result(self.row)

    @property
    def lane(self) -> int:
        return self.row.id

    def work(self) -> Work:
        """Renew the tokens; while they are good still, a refusal does not disconnect the account."""
        result, row, connection = self.result, self.row, self.connection
        if row.status != "active":
            result.outcome = "off" if row.status == "disabled" else "lost"
        elif not connection.can_refresh():
            result.outcome = "fixed"
        elif row.just_refreshed:
            result.outcome = "fresh"
        else:
            left = row.token_seconds_left
            ending = left is not None and left < LAST_SECONDS
            try:
                yield from connection.refresh(row.token_version, disconnect=ending)
                newer = connection.token_version != row.token_version
                result.outcome = "refreshed" if newer else "fresh"
            except PlatformError as exc:
                result.error, result.hint = exc.message, exc.hint
                result.outcome = "lost" if isinstance(exc, AuthExpired) else "failed"
            except Postponed as exc:
                result.outcome, result.error = "fresh", exc.reason
        return result.outcome

    def give_back(self) -> str:
        return self.result.outcome


def _result(row: AccountRow) -> Result:
    return Result(id=row.id, platform=row.platform, handle=row.handle)
