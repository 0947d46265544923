"""SQLAlchemy Core on the same connections, for assembled operator lists. Imported only by those commands (0.2 s)."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager

import psycopg
from sqlalchemy import Connection, Engine, create_engine
from sqlalchemy.exc import DBAPIError
from sqlalchemy.pool import NullPool

from socialcron.settings import Settings
from socialcron.store import engine
from socialcron.store.engine import connection_factory, translated


def sqlalchemy_engine(settings: Settings, *, replica: bool = False) -> Engine:
    """Opens a transaction with its first statement, which `core_connection` limits as `Database` does its own."""
    return create_engine(
        "postgresql+psycopg://",
        creator=connection_factory(settings, replica=replica, autocommit=False),
        poolclass=NullPool,
        use_native_hstore=False,  # spares a query per connection
    )


@contextmanager
def core_connection(settings: Settings, *, replica: bool = False) -> Iterator[Connection]:
    """A Core connection, for reading; raises the same errors as Database."""
    with translated():
        try:
            with sqlalchemy_engine(settings, replica=replica).connect() as connection:
                connection.exec_driver_sql(engine.LIMITS.decode())
                yield connection
        except DBAPIError as exc:
            if isinstance(exc.orig, psycopg.Error):
                raise exc.orig from exc
            raise
