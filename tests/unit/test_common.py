from __future__ import annotations

import json
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from decimal import Decimal
from pathlib import Path
from uuid import UUID

from socialcron.commands.common import document


@dataclass(frozen=True, slots=True)
class Row:
    due_at: datetime


def test_document__speaks_plain_json() -> None:
    text = document(
        "posts list",
        data={
            "posts": [Row(datetime(2026, 11, 22, 9, 30, tzinfo=UTC))],
            "average": Decimal("1.5"),
            "count": Decimal("2"),
            "wait": timedelta(minutes=2),
            "token": UUID(int=1),
            "place": Path("/tmp"),
        },
    )

    assert json.loads(text) == {
        "schema": "socialcron/1",
        "command": "posts list",
        "data": {
            "posts": [{"due_at": "2026-11-22T09:30:00+00:00"}],
            "average": 1.5,
            "count": 2,
            "wait": 120.0,
            "token": "00000000-0000-0000-0000-000000000001",
            "place": "/tmp",
        },
    }
    assert "\n" not in text
