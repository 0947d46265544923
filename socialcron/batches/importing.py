"""`posts import`: a CSV or JSONL file of posts, with a verdict per line; all of it is stored or nothing.

Columns (JSONL: keys): account (an id, or platform:handle) and any of text, at, tz, media, alt, link, thread,
first_comment, poll, key, priority, max_attempts, draft, held, variants; and PLATFORM.FIELD, as in youtube.title, for
what differs on one platform. Lists are JSON arrays; in CSV cells media, alt and poll may also be separated by ";" and
thread parts by lines of "---". `at` is read as by `posts add`; empty means now, next-slot the account's next free one.
With a `key` per line a second import changes nothing. What `export posts` writes is read back: in CSV, the ' that it
puts in front of texts a spreadsheet would run is taken away; columns that only it has are passed over, and so are posts
whose `status` in it is another than scheduled: they are out, under way or given up.
"""

from __future__ import annotations

import csv
import io
import json
import re
import sys
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime, tzinfo
from pathlib import Path
from typing import Any, Literal

from socialcron.batches.composing import is_variant, media_rows, media_source, poll_row, variant_rows
from socialcron.batches.exporting import REPORTED, plain
from socialcron.batches.scheduling import schedule
from socialcron.content import Content
from socialcron.errors import BadInput, SocialcronError, UsageError, reason
from socialcron.settings import Settings
from socialcron.store.accounts import find_accounts
from socialcron.store.engine import Database
from socialcron.store.scheduling import Draft, database_clock
from socialcron.whens import parse_when, zone_named

Format = Literal["csv", "jsonl"]

COLUMNS = (
    *("account", "text", "at", "tz", "media", "alt", "link", "thread", "first_comment", "poll"),
    *("key", "priority", "max_attempts", "draft", "held", "variants"),
)
NEXT_SLOT = "next-slot"  # as `at`
_FLAGS = {"true": True, "yes": True, "1": True, "false": False, "no": False, "0": False, "": False}


@dataclass(slots=True, kw_only=True)
class Row:
    """One line of a file and what becomes of it. `line` is that of its beginning, counted from 1."""

    line: int
    values: Mapping[str, Any] = field(default_factory=dict)
    errors: list[str] = field(default_factory=list)
    skipped: bool = False  # it was exported, and is out, under way or given up
    draft: Draft | None = None
    id: int | None = None  # of the post; None: not stored
    due_at: datetime | None = None  # of the post, or the one there would be
    existing: bool = False

    @property
    def verdict(self) -> dict[str, Any]:
        status = (
            "error" if self.errors else "skipped" if self.skipped else "exists" if self.existing else "ok"
        )
        found: dict[str, Any] = {"line": self.line, "status": status, "errors": self.errors}
        if self.draft is not None:
            found |= {
                "account_id": self.draft.account_ids[0],
                "due_at": self.due_at or self.draft.due_at,
                "id": self.id,
            }
        return found


def read_source(source: str) -> str:
    """The text of a file, or of stdin for "-". Raises UsageError or BadInput."""
    try:
        data = sys.stdin.buffer.read() if source == "-" else Path(source).read_bytes()
    except (OSError, ValueError) as exc:
        raise UsageError(
            f"cannot read {source}: {reason(exc)}", hint="Name a readable file, or - for stdin."
        ) from exc
    try:
        return data.decode("utf-8-sig")
    except UnicodeDecodeError as exc:
        line = data.count(b"\n", 0, exc.start) + 1
        raise BadInput(f"line {line} is not UTF-8 text", hint="Save the file as UTF-8.") from exc


def read_rows(text: str, form: Format | None, *, name: str = "") -> list[Row]:
    """The lines of a file. `form` None: JSONL if `name` ends so or the text begins like it, else CSV.

    Raises BadInput when there is nothing, or a header that cannot be used; lines that cannot be read carry errors.
    """
    if not text.strip():
        raise BadInput("the file is empty", hint="See `socialcron posts import --help` for its columns.")
    if form is None:
        ending = Path(name).suffix.lower()
        looks_like_json = ending in (".jsonl", ".ndjson") or text.lstrip()[0] == "{"
        form = "jsonl" if looks_like_json else "csv"
    return _read_jsonl(text) if form == "jsonl" else _read_csv(text)


def import_posts(
    db: Database,
    rows: Sequence[Row],
    *,
    settings: Settings,
    dry_run: bool,
    progress: Callable[[int], None] = lambda count: None,
) -> bool:
    """Judge every row, and store them all if none has an error. Whether they were (or, in a dry run, would be)."""
    now = database_clock(db)
    names = {str(row.values["account"]).strip() for row in rows if row.values.get("account") is not None}
    accounts = find_accounts(db, sorted(names))
    for row in rows:
        if not row.errors and not row.skipped:
            _compose(row, accounts, settings, now)
    good = [row for row in rows if row.draft is not None]
    plan = schedule(
        db,
        [row.draft for row in good if row.draft is not None],
        accounts={found.id: found for found in accounts.values() if not isinstance(found, str)},
        settings=settings,
        now=now,
        dry_run=dry_run or any(row.errors for row in rows),
        progress=progress,
    )
    for index, errors in plan.errors.items():
        good[index].errors += errors
    for row, post in zip(good, plan.posts, strict=bool(plan.posts)):
        row.existing = post.existing
        row.due_at = post.due_at
        row.id = post.id if post.existing or not dry_run else None
    if any(row.errors for row in rows):
        for row in rows:
            row.id = row.id if row.existing else None
        return False
    return True


# --- reading -----------------------------------------------------------------------------------------------------


def _read_csv(text: str) -> list[Row]:
    reader = csv.reader(io.StringIO(text, newline=""), strict=True)
    try:
        header = [name.strip() for name in next(reader)]
    except csv.Error as exc:
        raise BadInput(f"line 1: {exc}", hint=_columns_hint()) from exc
    if unknown := [name for name in header if not _is_known(name)]:
        raise BadInput(f"line 1: unknown columns: {', '.join(map(repr, unknown))}", hint=_columns_hint())
    if "account" not in header or len(set(header)) < len(header):
        what = "a column occurs twice" if "account" in header else "there is no column account"
        raise BadInput(f"line 1: {what}", hint=_columns_hint())
    rows: list[Row] = []
    while True:
        line = reader.line_num + 1
        try:
            cells = next(reader)
        except StopIteration:
            return rows
        except csv.Error as exc:
            rows.append(Row(line=line, errors=[f"not CSV: {exc}"]))
            continue
        if len(cells) == len(header):
            given = {name: plain(cell) for name, cell in zip(header, cells, strict=True) if cell.strip()}
            if given:
                rows.append(_row(line, given))
        elif cells:
            rows.append(Row(line=line, errors=[f"{len(cells)} cells, the header has {len(header)}"]))


def _read_jsonl(text: str) -> list[Row]:
    return [_json_row(line, body) for line, body in enumerate(text.split("\n"), start=1) if body.strip()]


def _json_row(line: int, body: str) -> Row:
    try:
        values = json.loads(body)
    except (ValueError, RecursionError) as exc:
        where = f" (column {exc.colno}: {exc.msg})" if isinstance(exc, json.JSONDecodeError) else ""
        return Row(line=line, errors=[f"not JSON{where}"])
    if not isinstance(values, dict):
        return Row(line=line, errors=["not a JSON object"])
    if unknown := sorted(name for name in values if not _is_known(name)):
        return Row(line=line, errors=[f"unknown keys: {', '.join(map(repr, unknown))}"])
    return _row(line, {name: value for name, value in values.items() if value not in (None, "")})


def _row(line: int, given: Mapping[str, Any]) -> Row:
    values = {name: value for name, value in given.items() if name not in REPORTED}
    return Row(line=line, values=values, skipped=given.get("status", "scheduled") != "scheduled")


def _is_known(name: str) -> bool:
    return name in COLUMNS or name in REPORTED or is_variant(name)


def _columns_hint() -> str:
    return f"Columns: {', '.join(COLUMNS)}, PLATFORM.FIELD (youtube.title); account is required."


# --- understanding -----------------------------------------------------------------------------------------------


def _compose(row: Row, accounts: Mapping[str, Any], settings: Settings, now: datetime) -> None:
    """Turn the values of a row into its draft, or into errors, all of them."""
    values = row.values

    def attempt(name: str, read: Callable[[], Any], default: Any = None) -> Any:
        try:
            return read()
        except SocialcronError as exc:
            row.errors.append(f"{name}: {exc.message}")
            return default

    account = accounts.get(str(values.get("account", "")).strip(), "account is missing")
    if isinstance(account, str):
        row.errors.append(account)
    zone = attempt("tz", lambda: zone_named(_text(values, "tz")) if "tz" in values else None)

    next_slot = values.get("at") == NEXT_SLOT

    def when() -> datetime | None:
        def local() -> tzinfo | None:
            return zone or settings.zone()

        return parse_when(_text(values, "at") or "now", zone=local, now=now).at

    due_at = None if next_slot else attempt("at", when)
    content = Content(
        text=attempt("text", lambda: _text(values, "text") or None),
        media=attempt("media", lambda: _media(values, settings.media_root), []),
        link=attempt("link", lambda: _text(values, "link") or None),
        thread=attempt("thread", lambda: _thread(values), []),
        first_comment=attempt("first_comment", lambda: _text(values, "first_comment") or None),
        poll=attempt("poll", lambda: _poll(values)),
        variants=attempt("variants", lambda: _variants(values, settings.media_root), {}),
    )
    key = attempt("key", lambda: _text(values, "key") or None)
    priority = attempt("priority", lambda: _whole(values, "priority", 0, -32768, 32767), 0)
    max_attempts = attempt("max_attempts", lambda: _whole(values, "max_attempts", 4, 1, 100), 4)
    needs_approval = attempt("draft", lambda: _flag(values, "draft"), False)
    held = attempt("held", lambda: _flag(values, "held"), False)
    if not row.errors:
        row.draft = Draft(
            account_ids=(account.id,),
            content=content,
            due_at=due_at,
            next_slot=next_slot,
            external_key=key,
            priority=priority,
            max_attempts=max_attempts,
            needs_approval=needs_approval,
            held=held,
            line=row.line,
        )


def _text(values: Mapping[str, Any], name: str) -> str:
    value = values.get(name, "")
    if not isinstance(value, str):
        raise BadInput("must be a text")
    return value


def _items(values: Mapping[str, Any], name: str, separator: str) -> list[Any]:
    """A JSON list as it is; of a text, a JSON array in it or its parts between separators (a pattern)."""
    value = values.get(name, [])
    if isinstance(value, str):
        if not value.lstrip().startswith("["):
            return [part.strip() for part in re.split(separator, value) if part.strip()]
        value = _json(value)
    if not isinstance(value, list):
        raise BadInput("must be a list")
    return value


def _texts(values: Mapping[str, Any], name: str) -> list[str]:
    items = _items(values, name, ";")
    if not all(isinstance(item, str) for item in items):
        raise BadInput("must be a list of texts")
    return items


def _media(values: Mapping[str, Any], root: Path | None) -> list[dict[str, str]]:
    alts = _texts(values, "alt")
    items = _items(values, "media", ";")
    if all(isinstance(item, str) for item in items):
        return media_rows(items, alts, root)
    if alts:
        raise BadInput("give alt texts either beside each source or in `alt`")
    rows = []
    for item in items:
        known = (
            isinstance(item, dict) and isinstance(item.get("source"), str) and set(item) <= {"source", "alt"}
        )
        if not known or not isinstance(item.get("alt") or "", str):
            raise BadInput('must be paths, URLs or {"source": ..., "alt": ...}')
        rows.append({**item, "source": media_source(item["source"], root)})
    return rows


def _thread(values: Mapping[str, Any]) -> list[Any]:
    return [
        {"text": part} if isinstance(part, str) else part
        for part in _items(values, "thread", r"(?m)^---\s*$")
    ]


def _poll(values: Mapping[str, Any]) -> dict[str, Any] | None:
    value = values.get("poll")
    if isinstance(value, str) and value.lstrip().startswith("{"):
        value = _json(value)
    return value if isinstance(value, dict) else poll_row(_texts(values, "poll"), 24)


def _variants(values: Mapping[str, Any], root: Path | None) -> dict[str, Any]:
    value = values.get("variants", {})
    value = _json(value) if isinstance(value, str) else value
    if not isinstance(value, dict):
        raise BadInput("must be an object of platforms")
    separators = {"media": ";", "alt": ";", "thread": r"(?m)^---\s*$"}
    pairs = []
    for name in filter(is_variant, values):
        separator = separators.get(name.partition(".")[2])
        pairs.append((name, _items(values, name, separator) if separator else values[name]))
    return variant_rows(pairs, value, root)


def _json(text: str) -> Any:
    try:
        return json.loads(text)
    except (ValueError, RecursionError):
        raise BadInput("is not JSON") from None


def _whole(values: Mapping[str, Any], name: str, default: int, least: int, most: int) -> int:
    value = values.get(name, default)
    if isinstance(value, str) and re.fullmatch(r"\s*-?\d{1,9}\s*", value):
        value = int(value)
    if not isinstance(value, int) or isinstance(value, bool) or not least <= value <= most:
        raise BadInput(f"must be a whole number from {least} to {most}")
    return value


def _flag(values: Mapping[str, Any], name: str) -> bool:
    value = values.get(name, False)
    found = _FLAGS.get(value.strip().lower()) if isinstance(value, str) else value
    if not isinstance(found, bool):
        raise BadInput("must be true or false")
    return found
