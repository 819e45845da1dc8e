"""The tables are those that the migration makes."""

from __future__ import annotations

from typing import Any

from sqlalchemy import Connection, inspect

from rollcall.backends.sql.database import Database
from rollcall.billing.tables import METADATA


def _shapes(connection: Connection) -> dict[str, Any]:
    look = inspect(connection)
    return {
        name: (
            {column["name"]: column["nullable"] for column in look.get_columns(name)},
            look.get_pk_constraint(name)["constrained_columns"],
            {index["name"]: index["column_names"] for index in look.get_indexes(name)},
        )
        for name in METADATA.tables
    }


async def test_the_migration_makes_the_tables_as_they_are_declared(database: Database) -> None:
    async with database.reading() as connection:
        made = await connection.run_sync(_shapes)
    declared = {
        name: (
            {column.name: column.nullable for column in table.columns},
            [column.name for column in table.primary_key.columns],
            {index.name: [column.name for column in index.columns] for index in table.indexes},
        )
        for name, table in METADATA.tables.items()
    }
    assert made == declared
