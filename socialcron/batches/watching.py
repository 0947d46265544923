"""Who watches a run of a cron job from outside hears of its start and its end; none of it changes the run.

An idle run comes here too, so what costs start-up time is imported only where a setting asks for it.
"""

from __future__ import annotations

import time
from collections.abc import Mapping
from typing import Any

from socialcron.exitcodes import ExitCode
from socialcron.settings import Settings
from socialcron.store.engine import Database


class Watch:
    def __init__(self, settings: Settings, *, command: str, run_id: str) -> None:
        self._settings = settings
        self._command = command
        self._run_id = run_id
        self._started = time.monotonic()

    def started(self) -> None:
        pass

    def ended(
        self, data: Mapping[str, Any], *, exit_code: ExitCode, error: str | None, db: Database | None
    ) -> None:
        """data: what the command printed. error: what ended it early. db: None if it was not reached."""
