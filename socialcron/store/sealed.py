"""The columns that hold what `store/secrets.py` encrypted, wherever they are: for whoever changes the key.

`SEALED_COLUMNS` is the one list of them; a test looks through the database for others. These statements are put
together here because their tables and columns differ, and nothing else does.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from psycopg import sql
from psycopg.rows import class_row

from socialcron.store.engine import Database, translated

BATCH = 100  # rows under one lock: their encryption takes 10 to 20 ms, which a refresh can wait for


@dataclass(frozen=True, slots=True, kw_only=True)
class SealedColumn:
    """A text column of a table whose primary key is `id`; `what` is one row, for messages."""

    table: str
    column: str
    what: str

    def statement(self, text: str) -> sql.Composed:
        """`text` with this table and column in it."""
        table = sql.Identifier("socialcron", self.table)
        return sql.SQL(text).format(table=table, column=sql.Identifier(self.column))


SEALED_COLUMNS = (
    SealedColumn(table="accounts", column="credentials", what="account"),
    SealedColumn(table="subscriptions", column="address", what="subscription"),
)


@dataclass(frozen=True, slots=True, kw_only=True)
class Sealed:
    id: int
    text: str


def sees_all_rows(db: Database, column: SealedColumn) -> bool:
    """False: row level security hides rows from this login, and a count of them would be a lie."""
    return bool(db.value("sees_all_rows", {"table": f"socialcron.{column.table}"}))


def count_sealed(db: Database, column: SealedColumn) -> int:
    (row,) = _rows(db, column, "SELECT count({column}) AS id, '' AS text FROM {table}")
    return row.id


def read_sealed(db: Database, column: SealedColumn) -> Iterator[list[Sealed]]:
    """Every value, `BATCH` rows at a time by id; no transaction stays open between them."""
    after = 0
    query = (
        "SELECT id, {column} AS text FROM {table} WHERE id > %(after)s AND {column} IS NOT NULL"
        " ORDER BY id LIMIT %(limit)s"
    )
    while rows := _rows(db, column, query, {"after": after, "limit": BATCH}):
        yield rows
        after = rows[-1].id


def lock_sealed(db: Database, column: SealedColumn, ids: Sequence[int]) -> list[Sealed]:
    """The values of these rows as they are now, locked until the transaction ends; in id order, like every lock."""
    query = (
        "SELECT id, {column} AS text FROM {table} WHERE id = ANY(%(ids)s) AND {column} IS NOT NULL"
        " ORDER BY id FOR NO KEY UPDATE"
    )
    return _rows(db, column, query, {"ids": list(ids)})


def store_sealed(db: Database, column: SealedColumn, texts: Mapping[int, str]) -> None:
    """Only for rows just locked: what a token refresh stored meanwhile would be lost otherwise."""
    query = (
        "UPDATE {table} AS t SET {column} = n.text"
        " FROM unnest(%(ids)s::bigint[], %(texts)s::text[]) AS n (id, text) WHERE t.id = n.id"
    )
    with translated():
        db.connection.execute(column.statement(query), {"ids": list(texts), "texts": list(texts.values())})


def _rows(
    db: Database, column: SealedColumn, query: str, params: Mapping[str, Any] | None = None
) -> list[Sealed]:
    with translated(), db.connection.cursor(row_factory=class_row(Sealed)) as cursor:
        return cursor.execute(column.statement(query), params).fetchall()
