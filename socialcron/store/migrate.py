"""Apply `sql/migrations` in order, forward only; compare a database with them.

Each migration is one transaction under one advisory lock, so twenty migrators may start at once, also through a
transaction pooler. Files run without parameters: `%` stays literal.
"""

from __future__ import annotations

import re
from contextlib import suppress
from dataclasses import dataclass
from typing import Any

import psycopg

from socialcron.errors import ConfigError, DatabaseUnavailable, SchemaError, SocialcronError
from socialcron.store.engine import Database, translated
from socialcron.store.sqlfiles import Migration, migrations, newest_migration

# Transaction-level, as session locks do not survive a pooler. The number is "socialcr" in ASCII.
_LOCK = b"BEGIN; SELECT pg_advisory_xact_lock(8317148650062799730)"

# Once it is our turn, wait this long for a busy table and then give up: everybody else queues behind the waiting lock.
_LIMITS = b"SET LOCAL lock_timeout = '20s'; SET LOCAL synchronous_commit = on"

_LOOK = b"""
SELECT EXISTS (SELECT FROM pg_class WHERE relnamespace = to_regnamespace('socialcron')),
       to_regclass('socialcron.schema_migrations') IS NOT NULL
           AND to_regclass('socialcron.schema_meta') IS NOT NULL
"""

_CREATED = re.compile(rb"^CREATE TABLE (?:IF NOT EXISTS )?socialcron\.(\w+)", re.MULTILINE)


@dataclass(frozen=True, slots=True, kw_only=True)
class State:
    """How a database compares with the code. `applied`: number -> checksum."""

    has_tables: bool
    has_record: bool
    applied: dict[int, str]
    oldest_code: int

    @property
    def pending(self) -> list[Migration]:
        return [m for m in migrations() if m.number not in self.applied]

    @property
    def edited(self) -> list[Migration]:
        """Applied with another text than the file has now."""
        return [m for m in migrations() if self.applied.get(m.number, m.checksum()) != m.checksum()]

    @property
    def newer(self) -> list[int]:
        """Numbers applied by a later release."""
        return sorted(number for number in self.applied if number > newest_migration())

    def obstacle(self) -> SchemaError | None:
        """What `migrate` cannot mend."""
        if self.has_tables and not self.has_record:
            return SchemaError(
                "the schema is half-migrated: it has tables, but no record of migrations",
                hint="Restore a backup; or DROP SCHEMA socialcron CASCADE if nothing in it matters, then migrate.",
            )
        if edited := self.edited:
            return SchemaError(
                f"edited after it was applied here: migration {_names(edited)}",
                hint="Restore the file as released; changes belong into a new migration.",
            )
        if self.oldest_code > newest_migration():
            return SchemaError(
                f"this socialcron is too old for the database: it ends at migration {newest_migration()}, "
                f"the schema takes {self.oldest_code} or later",
                hint="Install the release that migrated this database.",
            )
        return None

    def problem(self) -> SchemaError | None:
        """What keeps this code from running on the schema; None if nothing does."""
        if (obstacle := self.obstacle()) or not self.pending:
            return obstacle
        hint = "Run `socialcron db migrate`."
        if not self.applied:
            return SchemaError("the database has no socialcron schema", hint=hint)
        gap = max(self.applied) > self.pending[0].number
        kind = "half-migrated" if gap else "too old"
        return SchemaError(f"the schema is {kind}: pending {_names(self.pending)}", hint=hint)


def read_state(database: Database) -> State:
    def fetch(query: bytes) -> list[Any]:
        return database.connection.execute(query).fetchall()

    with translated():
        has_tables, has_record = fetch(_LOOK)[0]
        applied = fetch(b"SELECT number, checksum FROM socialcron.schema_migrations") if has_record else []
        meta = fetch(b"SELECT oldest_code FROM socialcron.schema_meta") if has_record else []
    return State(
        has_tables=has_tables,
        has_record=bool(meta),
        applied=dict(applied),
        oldest_code=meta[0][0] if meta else 0,
    )


def find_missing_tables(database: Database) -> list[str]:
    """Those that migrations made and somebody dropped or renamed since."""
    made = [name.decode() for migration in migrations() for name in _CREATED.findall(migration.sql())]
    query = b"SELECT name FROM unnest(%s::text[]) AS name WHERE to_regclass('socialcron.' || name) IS NULL"
    with translated():
        return [name for (name,) in database.connection.execute(query, (made,))]


def migrate(database: Database) -> list[Migration]:
    """Apply what is pending; return what this call applied.

    Raises SchemaError for what it cannot mend and for a migration that fails, DatabaseUnavailable when a table stayed
    locked. Migrations applied before the error stay applied.
    """
    database.connection.silence_seconds = None  # a large table takes as long as it takes
    done: list[Migration] = []
    while migration := _apply_next(database):
        done.append(migration)
    return done


def _apply_next(database: Database) -> Migration | None:
    """Apply the first pending migration in a transaction of its own; None if there is none."""
    execute = database.connection.execute
    try:
        with translated():
            execute(_LOCK)
            state = read_state(database)  # only now: another migrator may have been at it while we waited
            if obstacle := state.obstacle():
                raise obstacle
            migration = state.pending[0] if state.pending else None
            if migration:
                execute(_LIMITS)
                _apply(database, migration)
            execute(b"COMMIT")
    except BaseException:
        with suppress(psycopg.Error):
            execute(b"ROLLBACK")
        raise
    return migration


def _apply(database: Database, migration: Migration) -> None:
    try:
        with translated():
            database.connection.execute(migration.sql())
    except (psycopg.Error, SocialcronError) as exc:
        if isinstance(exc, DatabaseUnavailable) or type(exc) is ConfigError:
            raise
        raise SchemaError(
            f"migration {_names([migration])} failed, nothing of it was applied: {exc}",
            hint="If this database was changed by hand, undo that; otherwise it is a bug in socialcron.",
        ) from exc
    database.connection.execute(
        b"INSERT INTO socialcron.schema_migrations (number, name, checksum) VALUES (%s, %s, %s)",
        (migration.number, migration.name, migration.checksum()),
    )
    database.connection.execute(
        b"UPDATE socialcron.schema_meta SET migration = greatest(migration, %s)", (migration.number,)
    )


def _names(some: list[Migration]) -> str:
    return ", ".join(f"{m.number:04}_{m.name}" for m in some)
