"""The tables operator lists are assembled from, for SQLAlchemy Core; a test compares them with the database."""

from __future__ import annotations

from typing import Any

from sqlalchemy import (
    BigInteger,
    Boolean,
    Column,
    DateTime,
    Integer,
    MetaData,
    SmallInteger,
    Table,
    Text,
    Uuid,
)
from sqlalchemy.dialects.postgresql import JSONB
from sqlalchemy.types import TypeEngine

metadata = MetaData(schema="socialcron")

_MOMENT = DateTime(timezone=True)


def _required(name: str, kind: TypeEngine[Any]) -> Column[Any]:
    return Column(name, kind, nullable=False)


accounts = Table(
    "accounts",
    metadata,
    _required("id", BigInteger()),
    _required("platform", Text()),
    _required("handle", Text()),
    Column("external_id", Text()),
    _required("settings", JSONB()),
    Column("credentials", Text()),
    _required("token_version", Integer()),
    Column("token_expires_at", _MOMENT),
    Column("refreshed_at", _MOMENT),
    Column("refresh_claim", Uuid()),
    Column("refresh_until", _MOMENT),
    _required("status", Text()),
    _required("autopost_enabled", Boolean()),
    Column("last_error", Text()),
    Column("blocked_until", _MOMENT),
    Column("next_due_at", _MOMENT),
    Column("busy_token", Uuid()),
    Column("busy_until", _MOMENT),
    _required("created_at", _MOMENT),
    _required("updated_at", _MOMENT),
    Column("refresh_expires_at", _MOMENT),
    Column("import_digest", Text()),
)

contents = Table(
    "contents",
    metadata,
    _required("id", BigInteger()),
    Column("text", Text()),
    _required("media", JSONB()),
    Column("link", Text()),
    Column("poll", JSONB()),
    _required("thread", JSONB()),
    Column("first_comment", Text()),
    _required("variants", JSONB()),
    Column("approved_at", _MOMENT),
    Column("has_content", Boolean()),
    _required("created_at", _MOMENT),
    _required("updated_at", _MOMENT),
)

posts = Table(
    "posts",
    metadata,
    _required("id", BigInteger()),
    _required("content_id", BigInteger()),
    _required("account_id", BigInteger()),
    _required("status", Text()),
    _required("due_at", _MOMENT),
    Column("retry_at", _MOMENT),
    Column("ready_at", _MOMENT),
    _required("content_ready", Boolean()),
    Column("held_at", _MOMENT),
    _required("priority", SmallInteger()),
    _required("attempt", Integer()),
    _required("max_attempts", Integer()),
    _required("revision", Integer()),
    _required("key_seed", Uuid()),
    Column("claim_token", Uuid()),
    Column("lease_until", _MOMENT),
    Column("heartbeat_at", _MOMENT),
    Column("first_claimed_at", _MOMENT),
    Column("cancel_requested_at", _MOMENT),
    _required("allow_duplicate", Boolean()),
    Column("reconcile_at", _MOMENT),
    Column("external_key", Text()),
    Column("request_hash", Text()),
    Column("remote_id", Text()),
    Column("url", Text()),
    Column("posted_at", _MOMENT),
    Column("incomplete_at_step", SmallInteger()),
    Column("error_class", Text()),
    Column("last_error", Text()),
    _required("created_at", _MOMENT),
    _required("updated_at", _MOMENT),
    Column("recurrence_id", BigInteger()),
    Column("occurs_at", _MOMENT),
)
