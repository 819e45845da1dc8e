# SPDX-License-Identifier: Apache-2.0
"""One batch of writes on PostgreSQL: read what they touch, decide, write what came of it."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from typing import Any

from rollcall.backends.records import postgres_rows as sql
from rollcall.backends.records.batch import Batch, Key, Row
from rollcall.backends.records.postgres_link import Connection
from rollcall.registry.models import Record, Table
from rollcall.registry.store import Change, Write


class PostgresBatch(Batch):
    """A batch, and the statements around it."""

    def __init__(self, revision: int, at: float, done: Mapping[str, Change]) -> None:
        super().__init__(revision, at, done, {})

    async def read(self, connection: Connection, writes: Sequence[Write]) -> None:
        """Read every row that the writes depend on."""
        keys: set[Key] = set()
        for write in writes:
            keys.add((write.table, write.namespace, write.id))
            if isinstance(write.doc, Record) and isinstance(write.doc.lease, str):
                keys.add((Table.LEASE, write.namespace, write.doc.lease))
        await self._read(connection, keys)
        # The guard of a record under a shared lease asks for that lease's last renewal.
        covering = {
            (Table.LEASE, key[1], row.lease)
            for key, row in self.rows.items()
            if row is not None and row.lease is not None
        }
        await self._read(connection, covering.difference(self.rows))

    async def write(self, connection: Connection) -> None:
        """Write what was decided, in a statement for each sort."""
        if self.emptied:
            await connection.execute(sql.REMOVE_MEMBERS, *sql.columns(self.emptied, 2))
        gone = [key for key in self.touched if self.rows[key] is None]
        records = [key[1:] for key in gone if key[0] is Table.RECORD]
        if records:
            await connection.execute(sql.REMOVE_RECORDS, *sql.columns(records, 2))
        others = [(key[0].value, *key[1:]) for key in gone if key[0] is not Table.RECORD]
        if others:
            await connection.execute(sql.REMOVE_DOCUMENTS, *sql.columns(others, 3))
        await self._put(connection)
        rows = [
            (one.revision, one.at, one.op, one.cause, one.table.value, one.namespace, one.id, json)
            for one, json in self.changes
        ]
        await connection.execute(sql.APPEND, *sql.columns(rows, 8))

    async def _put(self, connection: Connection) -> None:
        records: list[tuple[Any, ...]] = []
        others: list[tuple[Any, ...]] = []
        for key in self.touched:
            row = self.rows[key]
            if row is None:
                continue
            common = (*key[1:], row.revision, row.renewed_at, row.epoch, row.lease, row.json)
            if isinstance(row.doc, Record):
                records.append((*common, *sql.record_columns(row.doc)))
            else:
                others.append((*common, key[0].value))
        if records:
            await connection.execute(sql.PUT_RECORDS, *sql.columns(records, 13))
        if others:
            await connection.execute(sql.PUT_DOCUMENTS, *sql.columns(others, 8))

    async def _read(self, connection: Connection, keys: Iterable[Key]) -> None:
        by_table: dict[Table, list[tuple[str, str]]] = {}
        for key in keys:
            self.rows[key] = None
            by_table.setdefault(key[0], []).append(key[1:])
        for table, wanted in by_table.items():
            columns = sql.columns(wanted, 2)
            if table is Table.RECORD:
                found = await connection.fetch(sql.RECORDS, *columns)
            else:
                found = await connection.fetch(sql.DOCUMENTS, table.value, *columns)
            for namespace, name, *rest in found:
                self.rows[table, namespace, name] = Row(*rest)
