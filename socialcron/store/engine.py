"""One PostgreSQL connection, timeouts, and psycopg's errors turned into ours.

Everything here works through a transaction pooler: no prepared statements, no session state, no SET outside a
transaction, no start-up options.
"""

from __future__ import annotations

import random
import re
import time
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager, suppress
from typing import Any, TypeVar

import psycopg
from psycopg import conninfo, errors
from psycopg.pq import TransactionStatus
from psycopg.rows import BaseRowFactory, class_row, dict_row, tuple_row

from socialcron import log
from socialcron.errors import (
    BadInput,
    ConfigError,
    Conflict,
    DatabaseUnavailable,
    SchemaError,
    SocialcronError,
)
from socialcron.settings import Settings
from socialcron.store import embedded, sqlfiles

T = TypeVar("T")
Params = Mapping[str, Any]

OLDEST_SERVER = 15
# Not with a password in its place: the redaction of secrets would hide that.
URL_HINT = "It takes postgresql://user@host:5432/database, with :password after the user, percent-encoded."

# TCP_USER_TIMEOUT bounds a send to a host that vanished; keepalives bound a read from one.
_CONNECTION_DEFAULTS: dict[str, Any] = {
    "application_name": "socialcron",
    "connect_timeout": 10,
    "keepalives_idle": 30,
    "keepalives_interval": 5,
    "keepalives_count": 4,
    "tcp_user_timeout": 30_000,
}

# A later statement must see what others committed meanwhile; the database's default may be another level.
_BEGIN = b"BEGIN ISOLATION LEVEL READ COMMITTED; SET LOCAL statement_timeout = '30s'; SET LOCAL lock_timeout = '5s'"
_BEGIN_DURABLE = _BEGIN + b"; SET LOCAL synchronous_commit = on"

# Before a single statement, in the same message: several statements in one are one implicit transaction, so SET LOCAL
# ends with it, also behind a pooler. Parameters are then bound by the client: 5 us more than a bare statement, where a
# pipeline costs 50 us and BEGIN and COMMIT cost two round trips.
# https://www.postgresql.org/docs/current/protocol-flow.html#PROTOCOL-FLOW-MULTI-STATEMENT
LIMITS = b"SET LOCAL statement_timeout = '60s'; SET LOCAL lock_timeout = '5s'; "

# Longer than any limit above: then it is the server, or what stands between us, that does not answer.
SILENCE_SECONDS = 75.0

# One row, one round trip. What the numbers mean: sql/migrations/0000_bookkeeping.sql.
_SCHEMA_CHECK = LIMITS + b"SELECT migration, oldest_code FROM socialcron.schema_meta"


class Connection(psycopg.Connection[Any]):
    """Gives up on a server that says nothing: a proxy may keep up a connection whose other end is gone.

    silence_seconds: how long one statement may go without an answer; None for ever.
    """

    silence_seconds: float | None = None

    def wait(self, gen: Any, interval: float = 0.1, timeout: float | None = None) -> Any:
        try:
            return super().wait(gen, interval, timeout or self.silence_seconds)
        except psycopg.OperationalError as exc:
            if self.pgconn.transaction_status != TransactionStatus.ACTIVE:
                raise
            self.pgconn.finish()  # an answer that came later would be taken for that to another question
            raise psycopg.OperationalError(f"it said nothing for {self.silence_seconds:g} s") from exc


class Database:
    """One connection in autocommit mode. Belongs to the main thread.

    Queries are named after files in `sql/queries`. `into` is a dataclass whose fields are the columns, or `dict`.
    A single statement may take 60 s and wait 5 s for a lock.
    Every method raises DatabaseUnavailable, SchemaError, ConfigError, Conflict or BadInput; any other exception is
    a bug of ours.
    """

    def __init__(self, factory: Callable[[], Connection]) -> None:
        self._factory = factory
        self.connection = factory()  # raw, for COPY and tests; errors raised through it are psycopg's own

    @classmethod
    def connect(cls, settings: Settings, *, replica: bool = False) -> Database:
        """Connect to DATABASE_URL, else to the embedded database, which is started if it is down.

        replica: prefer SOCIALCRON_READ_URL, for commands that only read. The schema is not checked here.
        """
        return cls(connection_factory(settings, replica=replica))

    def check_schema(self) -> None:
        """Raise SchemaError unless this code may run on the schema it finds."""
        with translated():
            try:
                row = _at_last(self.connection.execute(_SCHEMA_CHECK)).fetchone()
            except (errors.UndefinedTable, errors.InvalidSchemaName, errors.UndefinedColumn):
                row = None
        ours = sqlfiles.newest_migration()
        if row is None:
            raise SchemaError(
                "the database has no socialcron schema, or only half of one",
                hint="Run `socialcron db migrate`.",
            )
        theirs, oldest_code = row
        if theirs < ours:
            raise SchemaError(
                f"the schema is too old: the database is at migration {theirs}, this socialcron needs {ours}",
                hint="Run `socialcron db migrate`.",
            )
        if oldest_code > ours:
            raise SchemaError(
                f"this socialcron is too old for the database: it ends at migration {ours}, and the schema "
                f"(migration {theirs}) takes {oldest_code} or later",
                hint="Install the release that migrated this database.",
            )

    def rows(self, query: str, params: Params | None = None, *, into: type[T]) -> list[T]:
        with self._executed(query, params, _row_factory(into)) as cursor:
            return cursor.fetchall()

    def row(self, query: str, params: Params | None = None, *, into: type[T]) -> T | None:
        """The first row, None if there is none."""
        with self._executed(query, params, _row_factory(into)) as cursor:
            return cursor.fetchone()

    def value(self, query: str, params: Params | None = None) -> Any:
        """First column of the first row; None if there is no row, too."""
        with self._executed(query, params, tuple_row) as cursor:
            row = cursor.fetchone()
        return None if row is None else row[0]

    def run(self, query: str, params: Params | None = None) -> int:
        """Number of rows changed."""
        with self._executed(query, params, tuple_row) as cursor:
            return cursor.rowcount

    @contextmanager
    def _executed(
        self, query: str, params: Params | None, row_factory: BaseRowFactory[T]
    ) -> Iterator[psycopg.Cursor[T]]:
        single = self.connection.info.transaction_status is TransactionStatus.IDLE
        with translated(), psycopg.ClientCursor(self.connection, row_factory=row_factory) as cursor:
            cursor.execute(LIMITS + sqlfiles.load(query) if single else sqlfiles.load(query), params)
            yield _at_last(cursor)

    @contextmanager
    def transaction(self, *, durable: bool = False) -> Iterator[None]:
        """BEGIN and COMMIT, or ROLLBACK on any exception. Not nestable; never keep one open across HTTP.

        A statement may take 30 s and wait 5 s for a lock. durable: the commit is on disk (and on the synchronous
        standbys) before this returns, whatever the database's default is. If COMMIT itself raises
        DatabaseUnavailable, the outcome is not known: reconnect and look.
        """
        if self.connection.info.transaction_status is not TransactionStatus.IDLE and not self.is_broken:
            raise RuntimeError("transactions do not nest")
        with translated():
            self.connection.execute(_BEGIN_DURABLE if durable else _BEGIN)
        try:
            yield
        except BaseException:
            with suppress(psycopg.Error):
                self.connection.execute(b"ROLLBACK")
            raise
        with translated():
            ended = self.connection.execute(b"COMMIT").statusmessage
        if ended != "COMMIT":
            raise RuntimeError("the transaction was rolled back: an error inside it was swallowed")

    def retrying(self, work: Callable[[], T], *, tries: int = 5) -> T:
        """Call `work`, a whole transaction, again when PostgreSQL sacrificed it to end a deadlock (40P01, 40001)."""
        for again in range(tries - 1):
            try:
                return work()
            except DatabaseUnavailable as exc:
                if not isinstance(exc.__cause__, errors.DeadlockDetected | errors.SerializationFailure):
                    raise
                time.sleep(random.uniform(0.01, 0.05) * (again + 1))
        return work()

    @property
    def is_broken(self) -> bool:
        """The connection is gone; `reconnect` may help."""
        return self.connection.closed

    def reconnect(self) -> None:
        """Replace the connection; an open transaction is lost. Raises DatabaseUnavailable."""
        self.close()
        self.connection = self._factory()

    def close(self) -> None:
        with suppress(psycopg.Error):
            self.connection.close()


def _at_last(cursor: psycopg.Cursor[T]) -> psycopg.Cursor[T]:
    """At the answer to the last statement; those to LIMITS come first."""
    while cursor.nextset():
        pass
    return cursor


def _row_factory(into: type[T]) -> BaseRowFactory[T]:
    return dict_row if into is dict else class_row(into)  # type: ignore[return-value]


def connection_factory(
    settings: Settings, *, replica: bool = False, autocommit: bool = True
) -> Callable[[], Connection]:
    """What makes every connection, SQLAlchemy's too. Raises ConfigError for an unusable URL."""
    url = (replica and settings.read_url) or settings.database_url
    if url is None:
        params = _embedded(settings)
    else:
        params = _parse(url, "SOCIALCRON_READ_URL" if replica and settings.read_url else "DATABASE_URL")

    def connect() -> Connection:
        try:
            return _open(params, autocommit)
        except DatabaseUnavailable:
            if url is not None or not embedded.start_if_down(settings.home):
                raise
            return _open(_embedded(settings), autocommit)  # its socket may have moved

    return connect


def _embedded(settings: Settings) -> dict[str, Any]:
    return _CONNECTION_DEFAULTS | conninfo.conninfo_to_dict(embedded.url(settings.home))


def _parse(url: str, name: str) -> dict[str, Any]:
    # SQLAlchemy's spelling is so common in .env files that refusing it would only annoy.
    scheme, found, rest = url.partition("://")
    text = f"postgresql://{rest}" if found and scheme.partition("+")[0] in ("postgres", "postgresql") else url
    try:
        params = conninfo.conninfo_to_dict(text)
    except psycopg.ProgrammingError as exc:
        # libpq's message quotes parts of the URL, maybe of the password.
        raise ConfigError(f"{name} is not a PostgreSQL connection URL", hint=URL_HINT) from exc
    # An unescaped "@" or "/" in the password: what follows it is taken for a host or port, and would be shown as such.
    if "@" in str(params.get("host", "")) or not re.fullmatch("[0-9,]*", str(params.get("port", ""))):
        raise ConfigError(
            f"{name} has no valid port, or a password with a bare special character", hint=URL_HINT
        )
    log.hide([str(params.get("password", ""))])
    return _CONNECTION_DEFAULTS | params


def _open(params: Mapping[str, Any], autocommit: bool) -> Connection:
    try:
        connection = Connection.connect(
            **params, autocommit=autocommit, prepare_threshold=None, row_factory=tuple_row
        )
    except psycopg.Error as exc:
        raise _not_connected(exc, params) from exc
    connection.silence_seconds = SILENCE_SECONDS
    if connection.info.server_version < OLDEST_SERVER * 10_000:
        version = connection.info.server_version // 10_000
        connection.close()
        raise ConfigError(
            f"the database is PostgreSQL {version}; socialcron needs {OLDEST_SERVER} or newer",
            hint="Upgrade the server, or point DATABASE_URL at another one.",
        )
    return connection


def _not_connected(exc: psycopg.Error, params: Mapping[str, Any]) -> SocialcronError:
    place = f"{params.get('host') or 'the local socket'}:{params.get('port') or 5432}"
    # Of several attempts the last; indented lines are libpq's questions ("Is the server running on that host ...?").
    lines = [line for line in str(exc).strip().splitlines() if not line.startswith("\t")]
    said = log.redact(lines[-1].rpartition(" failed: ")[2].removeprefix("FATAL:").strip())
    # libpq hands over no SQLSTATE for a refused connection, so its (English) words have to do.
    if any(words in said for words in ("authentication failed", "does not exist", "no pg_hba.conf entry")):
        return ConfigError(
            f"PostgreSQL at {place} refused us: {said}", hint="Check user, password and name in DATABASE_URL."
        )
    if any(words in said for words in ("too many clients", "connection slots", "no more connections")):
        return DatabaseUnavailable(f"PostgreSQL at {place} is full: {said}", hint=TOO_MANY_HINT)
    return DatabaseUnavailable(
        f"cannot reach PostgreSQL at {place}: {said}",
        hint="Check that the server runs and that DATABASE_URL names the right host and port.",
    )


@contextmanager
def translated() -> Iterator[None]:
    """Turn psycopg's errors into ours; those that mean a bug of ours pass through."""
    try:
        yield
    except psycopg.Error as exc:
        ours = _translate(exc)
        if ours is None:
            raise
        raise ours from exc
    except UnicodeEncodeError as exc:  # half a surrogate pair, which JSON can hold
        raise BadInput("a text is not valid Unicode") from exc


# By SQLSTATE, else by its class (first two characters). https://www.postgresql.org/docs/current/errcodes-appendix.html
_KINDS: dict[str, type[SocialcronError]] = {
    "08": DatabaseUnavailable,  # connection exception
    "25006": DatabaseUnavailable,  # read-only transaction
    "25P03": DatabaseUnavailable,  # idle in transaction timeout
    "40001": DatabaseUnavailable,  # serialization failure
    "40P01": DatabaseUnavailable,  # deadlock
    "53": DatabaseUnavailable,  # out of connections, disk, memory
    "54": BadInput,  # too long for an index
    "55P03": DatabaseUnavailable,  # lock timeout
    "57": DatabaseUnavailable,  # shutting down, statement timeout
    "58": DatabaseUnavailable,  # I/O error
    "3F000": SchemaError,
    "42P01": SchemaError,  # no such table
    "42703": SchemaError,  # no such column
    "42883": SchemaError,  # no such function
    "28": ConfigError,
    "3D000": ConfigError,
    "42501": ConfigError,  # insufficient privilege
    "22": BadInput,  # out of range, bad text
    "23502": BadInput,  # not null
    "23503": BadInput,  # foreign key
    "23514": BadInput,  # check
    "P0001": BadInput,  # RAISE in one of our functions
    "P0002": BadInput,  # one of them did not find what it was asked for
}

_HINTS: dict[type[SocialcronError], str] = {
    DatabaseUnavailable: "Nothing was lost; run the command again once the database answers.",
    SchemaError: "Run `socialcron db check`, then `socialcron db migrate`.",
    ConfigError: "Give the role of DATABASE_URL the rights in sql/grants.sql.",
}

TOO_MANY_HINT = (
    "Run fewer commands at once, put a pooler (PgBouncer) before the server, or raise max_connections."
)

# Where there is more to say than that.
_HINTS_OF: dict[str, str] = {
    "25006": "DATABASE_URL names a standby, or the server was made read-only: let it name the primary. Commands that "
    "only read may use the standby: SOCIALCRON_READ_URL.",
    "53100": "Make room on the database's disk; what was claimed is taken up again.",
    "53300": TOO_MANY_HINT,
    "55P03": "Somebody holds it; pg_stat_activity on the server says who. Run the command again after that.",
}

_WORDS: dict[str, str] = {
    "25006": "the database is read-only",
    "40P01": "the database broke a deadlock",
    "53100": "the database's disk is full",
    "55P03": "a lock was not free within the time limit",
    "57014": "a statement took longer than the time limit",
}


def _translate(exc: psycopg.Error) -> SocialcronError | None:
    """Our error for psycopg's; None for what is a bug of ours."""
    state = exc.sqlstate
    said = log.redact((exc.diag.message_primary or str(exc)).strip())
    if state is None:
        # Without SQLSTATE it never came from the server: the connection is gone, or a value cannot be sent (NUL).
        if isinstance(exc, psycopg.DataError):
            return BadInput(said)
        if isinstance(exc, psycopg.OperationalError):
            return DatabaseUnavailable(f"lost the database: {said}", hint=_HINTS[DatabaseUnavailable])
        return None
    if state == "23505":
        return Conflict(said, constraint=exc.diag.constraint_name or "")
    kind = _KINDS.get(state) or _KINDS.get(state[:2])
    if kind is None:
        return None
    message = f"{_WORDS[state]}: {said}" if state in _WORDS else said
    return kind(message, hint=_HINTS_OF.get(state) or exc.diag.message_hint or _HINTS.get(kind))
