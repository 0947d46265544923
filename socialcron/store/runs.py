"""What `status` and `doctor` read of each command: one row per run that acted, one heartbeat per host for idle ones."""

from __future__ import annotations

import socket
from collections.abc import Mapping
from typing import Any

from psycopg.types.json import Jsonb

from socialcron.store.engine import Database


def heartbeat(db: Database, command: str) -> None:
    db.run("heartbeat", {"command": command, "host": socket.gethostname()})


def record_run(
    db: Database,
    command: str,
    *,
    duration_seconds: float,
    exit_code: int,
    outcome: Mapping[str, Any],
    error: str | None = None,
) -> None:
    params = {
        "command": command,
        "host": socket.gethostname(),
        "duration_seconds": duration_seconds,
        "exit_code": exit_code,
        "outcome": Jsonb(outcome),
        "error": error,
    }
    db.run("record_run", params)
