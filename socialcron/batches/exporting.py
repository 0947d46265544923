"""`export`: rows as CSV or JSON lines, as they come from the database.

Spreadsheets take a cell that begins with = + - @, a tab or a line break for a formula, and run it. In CSV such texts
get a ' in front, and so do texts that begin with ' and then one of these, so that `plain` (which `posts import` uses)
has the very text back. Numbers are left alone.
"""

from __future__ import annotations

import csv
import json
import re
from collections.abc import Iterable, Mapping, Sequence
from datetime import datetime, tzinfo
from typing import Any, TextIO

# What `export posts` says beyond the columns of an import, which passes over these.
REPORTED = (
    *("id", "account_id", "status", "held_at", "posted_at", "remote_id", "url", "attempt"),
    *("error_class", "last_error"),
)

_FORMULA = re.compile(r"'*[=+\-@\t\r\n]")
_NEUTRALISED = re.compile(r"'+[=+\-@\t\r\n]")


def neutral(text: str) -> str:
    return f"'{text}" if _FORMULA.match(text) else text


def plain(cell: str) -> str:
    """What `neutral` was given."""
    return cell[1:] if _NEUTRALISED.match(cell) else cell


def write_csv(
    columns: Sequence[str], rows: Iterable[Mapping[str, Any]], target: TextIO, *, zone: tzinfo
) -> int:
    """How many rows. The line break is CRLF, as RFC 4180 has it and the csv module quotes by."""
    writer = csv.writer(target)
    writer.writerow(columns)
    count = 0
    for row in rows:
        writer.writerow([_cell(value, zone) for value in row.values()])
        count += 1
    return count


def write_jsonl(
    columns: Sequence[str], rows: Iterable[Mapping[str, Any]], target: TextIO, *, zone: tzinfo
) -> int:
    count = 0
    for row in rows:
        values = {name: _moment(value, zone) for name, value in row.items()}
        target.write(json.dumps(values, ensure_ascii=False) + "\n")
        count += 1
    return count


def _moment(value: Any, zone: tzinfo) -> Any:
    return value.astimezone(zone).isoformat() if isinstance(value, datetime) else value


def _cell(value: Any, zone: tzinfo) -> Any:
    """Nothing for null and for empty lists and objects, which means the same to an import."""
    match _moment(value, zone):
        case bool() as flag:
            return "true" if flag else "false"
        case None:
            return ""
        case list() | dict() as nested:
            return json.dumps(nested, ensure_ascii=False) if nested else ""
        case str() as text if not isinstance(value, datetime):
            return neutral(text)
        case other:
            return other
