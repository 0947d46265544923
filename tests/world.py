"""A small world for tests: accounts on a sandbox, posts by the application's own SQL function, rows moved in time."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from typing import Any

import pytest
from psycopg.rows import dict_row
from psycopg.types.json import Jsonb

from socialcron.sandbox.server import Sandbox
from socialcron.settings import Settings
from socialcron.store.engine import Database
from socialcron.store.secrets import KeyRing


@dataclass(frozen=True, slots=True, kw_only=True)
class World:
    db: Database
    settings: Settings
    sandbox: Sandbox

    def account(
        self, platform: str, handle: str = "me", *, settings: dict[str, Any] | None = None, **options: Any
    ) -> int:
        """A connected account; `platform` is the sandbox's name of it (mastodon-nokey is mastodon, too)."""
        credentials, external_id, base = None, None, {}
        if platform != "stub":
            made = self.sandbox.account(platform, handle, **options)
            credentials = KeyRing(self.settings.secret_key).encrypt(made["credentials"])
            external_id, base = made["external_id"], {"base_url": made["base_url"]}
        needs_session = platform == "bluesky"
        return int(
            self.value(
                "INSERT INTO socialcron.accounts"
                " (platform, handle, external_id, settings, credentials, token_expires_at)"
                " VALUES (%s, %s, %s, %s, %s, CASE WHEN %s THEN now() END) RETURNING id",
                platform.partition("-")[0],
                handle,
                external_id,
                Jsonb({**base, **(settings or {})}),
                credentials,
                needs_session,
            )
        )

    def post(self, account_id: int, text: str | None = "Hello", *, due: str = "now()", **more: Any) -> int:
        """Schedule by `socialcron.schedule_post`; `due` is an SQL expression, `more` its further arguments."""
        values = {
            name: Jsonb(value) if isinstance(value, list | dict) else value for name, value in more.items()
        }
        named = "".join(f", {name} => %({name})s" for name in values)
        return int(
            self.value(
                f"SELECT socialcron.schedule_post(%(account)s, %(text)s, {due}{named})",
                {"account": account_id, "text": text, **values},
            )
        )

    def row(self, post_id: int) -> dict[str, Any]:
        with self.db.connection.cursor(row_factory=dict_row) as cursor:
            row = cursor.execute("SELECT * FROM socialcron.posts WHERE id = %s", (post_id,)).fetchone()
        assert row is not None
        return row

    def attempts(self, post_id: int) -> list[dict[str, Any]]:
        with self.db.connection.cursor(row_factory=dict_row) as cursor:
            query = "SELECT * FROM socialcron.publish_attempts WHERE post_id = %s ORDER BY id"
            return cursor.execute(query, (post_id,)).fetchall()

    def run(self, statement: str, *params: Any) -> None:
        self.db.connection.execute(statement.encode(), params or None)

    def value(self, statement: str, *params: Any) -> Any:
        given = params[0] if params and isinstance(params[0], dict) else params
        row = self.db.connection.execute(statement.encode(), given or None).fetchone()
        return row[0] if row else None

    @contextmanager
    def acting_as(self, role: str) -> Iterator[None]:
        self.run(f"SET ROLE {role}")
        try:
            yield
        finally:
            self.run("RESET ROLE")

    def pass_time(self, minutes: float) -> None:
        """Move every row into the past, as if `minutes` had gone by; never the clock."""
        step = f"interval '{minutes} minutes'"
        posts = (
            "due_at",
            "retry_at",
            "lease_until",
            "heartbeat_at",
            "first_claimed_at",
            "reconcile_at",
            "posted_at",
        )
        attempts = ("handles_at", "first_sending_at", "sending_at", "opened_at", "ended_at")
        accounts = (
            "blocked_until",
            "next_due_at",
            "busy_until",
            "refresh_until",
            "refreshed_at",
            "token_expires_at",
            "refresh_expires_at",
        )
        self.run("UPDATE socialcron.posts SET " + ", ".join(f"{name} = {name} - {step}" for name in posts))
        self.run(
            "UPDATE socialcron.publish_attempts SET looks = ARRAY(SELECT look - "
            + step
            + " FROM unnest(looks) AS look), "
            + ", ".join(f"{name} = {name} - {step}" for name in attempts)
        )
        self.run(
            "UPDATE socialcron.accounts SET " + ", ".join(f"{name} = {name} - {step}" for name in accounts)
        )
        self.run(f"UPDATE socialcron.account_wakeups SET ready_at = ready_at - {step}")
        schedules = ("posted_at", "next_at", "slot_at", "lease_until")
        self.run(
            "UPDATE socialcron.metric_schedules SET "
            + ", ".join(f"{name} = {name} - {step}" for name in schedules)
        )


@pytest.fixture
def sandbox() -> Iterator[Sandbox]:
    with Sandbox.start(limited=False) as running:
        yield running


@pytest.fixture
def world(db: Database, settings: Settings, sandbox: Sandbox) -> World:
    return World(db=db, settings=settings, sandbox=sandbox)
