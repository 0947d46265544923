from __future__ import annotations

import pytest
from sqlalchemy import Table, create_engine, inspect

from socialcron.settings import Settings
from socialcron.store.core import sqlalchemy_engine
from socialcron.store.tables import metadata


@pytest.mark.parametrize("table", metadata.sorted_tables, ids=lambda table: str(table.name))
def test_tables__equal_the_migrated_database(table: Table, settings: Settings) -> None:
    found = inspect(sqlalchemy_engine(settings)).get_columns(table.name, schema="socialcron")
    dialect = create_engine("postgresql+psycopg://").dialect

    def described(name: str, kind: object, nullable: bool) -> tuple[str, str, bool]:
        return name, kind.compile(dialect), nullable  # type: ignore[attr-defined]

    assert [described(c.name, c.type, bool(c.nullable)) for c in table.columns] == [
        described(c["name"], c["type"], c["nullable"]) for c in found
    ]
