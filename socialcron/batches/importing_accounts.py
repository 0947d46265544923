"""`accounts import`: accounts of people who already hold tokens, from JSONL or from a query on the same database.

Keys (or columns): platform, handle, external_id, settings, credentials; the last two are objects, or JSON texts of
such. All of it is stored, or nothing. Whoever imports every night what lies in a table of their own gives us old tokens
again and again, while ours may have been renewed since, and the old ones are worth nothing then: credentials that are
those of the last import change nothing, whatever became of them here.
"""

from __future__ import annotations

import hashlib
import hmac
import json
import secrets
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

from socialcron.batches.apps import default_base_url, default_credentials
from socialcron.batches.connecting import accept_credentials, accept_name, check_settings
from socialcron.errors import BadInput, SocialcronError
from socialcron.platforms import registry
from socialcron.settings import Settings
from socialcron.store.accounts import Connected, NewAccount, connect_accounts, read_foreign_rows
from socialcron.store.engine import Database
from socialcron.store.secrets import KeyRing

COLUMNS = ("platform", "handle", "external_id", "settings", "credentials")


@dataclass(slots=True, kw_only=True)
class Row:
    """One account to import and what becomes of it. number: of its line, or of the query's row, from 1."""

    number: int
    values: Mapping[str, Any] = field(default_factory=dict, repr=False)
    errors: list[str] = field(default_factory=list)
    credentials: dict[str, Any] = field(default_factory=dict, repr=False)
    account: NewAccount | None = None
    connected: Connected | None = None

    @property
    def verdict(self) -> dict[str, Any]:
        found: dict[str, Any] = {
            "number": self.number,
            "status": "error" if self.errors or self.connected is None else self.connected.outcome,
            "errors": self.errors,
        }
        if self.account is not None:
            found |= {name: getattr(self.account, name) for name in ("platform", "handle", "external_id")}
        if self.connected is not None:
            found["id"] = self.connected.id
        return found


def rows_of_text(text: str) -> list[Row]:
    """The lines of a JSONL file; those that cannot be read carry errors. Raises BadInput when there is none."""
    rows = [_row_of_line(number, line) for number, line in enumerate(text.split("\n"), 1) if line.strip()]
    if not rows:
        raise BadInput("the file is empty", hint="It has one JSON object on each line.")
    return rows


def rows_of_query(db: Database, query: str) -> list[Row]:
    """Raises BadInput for a query that cannot be run."""
    return [_row(number, values) for number, values in enumerate(read_foreign_rows(db, query), 1)]


def import_accounts(
    db: Database, rows: Sequence[Row], *, settings: Settings, platform: str | None, dry_run: bool
) -> bool:
    """Judge every row, and store them all if none has an error. Whether they were (or, in a dry run, would be).

    platform: of rows that name none.
    """
    key_ring = KeyRing(settings.secret_key)
    for row in rows:
        if not row.errors:
            _compose(row, platform, settings, key_ring)
    good = [row for row in rows if row.account is not None]
    plan = connect_accounts(
        db,
        [row.account for row in good if row.account is not None],
        dry_run=dry_run or len(good) < len(rows),
        unchanged=lambda index, digest: _is_digest(good[index].credentials, digest),
    )
    for row, item in zip(good, plan, strict=True):
        if isinstance(item, str):
            row.errors.append(item)
        else:
            row.connected = item
    return not any(row.errors for row in rows)


# --- reading -----------------------------------------------------------------------------------------------------


def _row_of_line(number: int, line: str) -> Row:
    try:
        values = json.loads(line)
    except (ValueError, RecursionError) as exc:
        place = f" (column {exc.colno})" if isinstance(exc, json.JSONDecodeError) else ""
        return Row(number=number, errors=[f"not JSON{place}"])
    return (
        _row(number, values) if isinstance(values, dict) else Row(number=number, errors=["not a JSON object"])
    )


def _row(number: int, values: Mapping[str, Any]) -> Row:
    if unknown := sorted(set(values) - set(COLUMNS)):
        names = ", ".join(repr(name[:40]) for name in unknown)
        return Row(number=number, errors=[f"unknown: {names}; there are {', '.join(COLUMNS)}"])
    return Row(number=number, values={name: value for name, value in values.items() if value is not None})


def _compose(row: Row, default_platform: str | None, settings: Settings, key_ring: KeyRing) -> None:
    """Turn the values of a row into its account, or into errors, all of them, each naming its field."""
    values = row.values

    def attempt(name: str, read: Callable[[], Any]) -> Any:
        try:
            return read()
        except SocialcronError as exc:
            row.errors.append(f"{name}: {exc.message}")
            return None

    platform = str(values.get("platform", default_platform or ""))
    if platform not in registry.names():
        problem = f"there is no platform {platform[:40]!r}" if platform else "missing"
        row.errors.append(f"platform: {problem}")
        return
    external_id = attempt("external_id", lambda: _name(values, "external_id"))
    handle = attempt("handle", lambda: _name(values, "handle")) or external_id
    if not handle and not row.errors:
        row.errors.append("handle: missing")
    address = default_base_url(platform, settings)
    accepted_settings = attempt(
        "settings",
        lambda: check_settings(platform, _texts(_object(values, "settings")), default_base_url=address),
    )
    ours = default_credentials(platform, (accepted_settings or {}).get("base_url"), settings)
    given = attempt("credentials", lambda: _object(values, "credentials")) or None
    if "credentials" not in values and registry.declaration(platform).credentials and not ours:
        row.errors.append("credentials: missing")
    elif not row.errors:
        accepted = attempt("credentials", lambda: accept_credentials(platform, given, needed=not ours))
    if row.errors:
        return
    row.credentials = accepted.credentials
    row.account = NewAccount(
        platform=platform,
        handle=handle,
        external_id=external_id,
        settings=accepted_settings,
        credentials=key_ring.encrypt(accepted.credentials) if accepted.credentials else None,
        token_expires_at=accepted.expires_at,
        refresh_expires_at=accepted.refresh_expires_at,
        needs_session=accepted.needs_session,
        import_digest=_digest(accepted.credentials, secrets.token_hex(8)),
    )


def _name(values: Mapping[str, Any], name: str) -> str | None:
    value = values.get(name)
    if isinstance(value, int) and not isinstance(value, bool):
        value = str(value)
    if not isinstance(value, str | None):
        raise BadInput("must be a text")
    return accept_name(name.replace("_", " "), value)


def _object(values: Mapping[str, Any], name: str) -> dict[str, Any]:
    """A JSON object as it is, or in a text. Empty for none."""
    value = values.get(name) or {}
    if isinstance(value, str):
        try:
            value = json.loads(value)
        except (ValueError, RecursionError):
            raise BadInput("is not JSON") from None
    if not isinstance(value, dict):
        raise BadInput("is not a JSON object")
    return value


def _texts(settings: Mapping[str, Any]) -> dict[str, str]:
    """Settings are texts, as `--set` gives them; numbers and true or false become such."""
    found = {}
    for name, value in settings.items():
        if not isinstance(value, str | int | float):
            raise BadInput(f"{name[:40]!r} must be a text")
        found[name] = value if isinstance(value, str) else json.dumps(value)
    return found


# --- what was imported last --------------------------------------------------------------------------------------


def _digest(credentials: Mapping[str, Any], salt: str) -> str:
    text = json.dumps(credentials, sort_keys=True)
    return f"{salt}:{hashlib.sha256(f'{salt}:{text}'.encode()).hexdigest()}"


def _is_digest(credentials: Mapping[str, Any], digest: str) -> bool:
    return hmac.compare_digest(_digest(credentials, digest.partition(":")[0]), digest)
