"""Who watches a run of a cron job from outside hears of its start and its end; none of it changes the run.

An idle run comes here too, so what costs start-up time is imported only where a setting asks for it.
"""

from __future__ import annotations

import json
import socket
import time
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from socialcron import log
from socialcron.exitcodes import ExitCode
from socialcron.settings import Settings
from socialcron.store.engine import Database
from socialcron.store.telling import anything_to_tell

if TYPE_CHECKING:
    from socialcron.batches.pinging import Pinger

DELIVER = "subscriptions deliver"  # does nothing else, so not once more at its end


@dataclass(frozen=True, slots=True, kw_only=True)
class Ended:
    """How a run ended. counts: of what it printed, the numbers. error: what ended it early. Times: Unix, in seconds."""

    command: str
    run_id: str
    exit_code: ExitCode
    counts: Mapping[str, int]
    error: str | None
    started_at: float
    ended_at: float


class Watch:
    def __init__(self, settings: Settings, *, command: str, run_id: str) -> None:
        self._settings = settings
        self._command = command
        self._run_id = run_id
        self._started_at = time.time()
        self._pinger: Pinger | None = None

    def started(self) -> None:
        if self._settings.ping_url:
            with _apart("ping"):
                from socialcron.batches.pinging import Pinger

                self._pinger = Pinger(self._settings.ping_url, command=self._command, run_id=self._run_id)
                self._pinger.start()

    def ended(
        self, data: Mapping[str, Any], *, exit_code: ExitCode, error: str | None, db: Database | None
    ) -> None:
        """data: what the command printed. error: what ended it early. db: None if it was not reached."""
        run = Ended(
            command=self._command,
            run_id=self._run_id,
            exit_code=exit_code,
            counts={name: value for name, value in data.items() if type(value) is int},
            error=error,
            started_at=self._started_at,
            ended_at=time.time(),
        )
        waiting: Callable[[], None] | None = None
        with _apart("ping"):
            waiting = self._ping(run)
        with _apart("prometheus"):
            self._export(run)
        if waiting:
            with _apart("ping"):
                waiting()
        if db is not None and not db.is_broken and exit_code is not ExitCode.INTERRUPTED:
            with _apart("deliver"):
                self._deliver(db)

    def _ping(self, run: Ended) -> Callable[[], None] | None:
        """Begin the last ping; what is returned waits for it."""
        if self._pinger is None:
            return None
        from socialcron.batches import pinging

        # What was interrupted neither failed nor is done: the next run does the rest.
        signals = {ExitCode.OK: pinging.SUCCESS, ExitCode.INTERRUPTED: pinging.LOG}
        body = {
            "run_id": run.run_id,
            "host": socket.gethostname(),
            "exit_code": int(run.exit_code),
            "seconds": round(run.ended_at - run.started_at, 1),
            **({"error": run.error[:1000]} if run.error else {}),
            **run.counts,
        }
        return self._pinger.end(signals.get(run.exit_code, pinging.FAIL), json.dumps(body))

    def _export(self, run: Ended) -> None:
        if self._settings.prometheus_dir:
            from socialcron.batches.prometheus import write_run

            write_run(self._settings.prometheus_dir, run)

    def _deliver(self, db: Database) -> None:
        if self._command != DELIVER and anything_to_tell(db):
            from socialcron.batches import delivering

            delivering.run(db, self._settings)


@contextmanager
def _apart(step: str) -> Iterator[None]:
    """Whatever goes wrong inside is logged, and neither ends the run nor the next step."""
    try:
        yield
    except Exception as exc:
        log.event("watching_failed", level=log.WARNING, step=step, error=f"{type(exc).__name__}: {exc}")
