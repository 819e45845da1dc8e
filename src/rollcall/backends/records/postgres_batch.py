# SPDX-License-Identifier: Apache-2.0
"""One batch of writes on PostgreSQL: read what they touch, decide, write what came of it."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from typing import Any

from rollcall.backends.records import postgres_rows as sql
from rollcall.backends.records.postgres_link import Connection
from rollcall.backends.records.postgres_rows import Key, Row
from rollcall.registry.models import Record, Table
from rollcall.registry.store import Change, Conflict, Write


class Batch:
    """Decides the writes of one transaction in their order, on what the tables hold.

    Args:
        revision: Of the last change; the batch goes on counting from it.
        at: When the changes happen, in seconds since the epoch.
        done: The changes of operations that were done before.
    """

    def __init__(self, revision: int, at: float, done: Mapping[str, Change]) -> None:
        self.revision = revision
        self._at = at
        self._done = dict(done)
        self._rows: dict[Key, Row | None] = {}
        self._touched: set[Key] = set()
        self._emptied: list[tuple[str, str]] = []
        self._changes: list[tuple[Change, str | None]] = []

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
            for key, row in self._rows.items()
            if row is not None and row.lease is not None
        }
        await self._read(connection, covering.difference(self._rows))

    def apply(self, write: Write, json: str | None) -> Change | Conflict:
        """Decide one write."""
        done = self._done.get(write.op)
        if done is not None:
            return done
        key = (write.table, write.namespace, write.id)
        row = self._rows.get(key)
        current = 0 if row is None else row.revision
        if write.expect not in (None, current) or (json is None and row is None):
            return Conflict(write.op, current)
        doc = write.doc
        if (
            isinstance(doc, Record)
            and isinstance(doc.lease, str)
            and self._rows.get((Table.LEASE, write.namespace, doc.lease)) is None
        ):
            return Conflict(write.op, current)
        since = write.unless_renewed_since
        if row is not None and since is not None and self._renewed_at(write, row) > since:
            return Conflict(write.op, current, renewed=True)
        self.revision += 1
        if doc is not None and json is not None:
            new = Row.of(doc, json, self.revision, self._at)
            if row is not None and row.term == new.term:
                new.renewed_at = row.renewed_at
            self._rows[key] = new
        else:
            self._rows[key] = None
            if write.table is Table.LEASE:
                self._empty(write.namespace, write.id)
        self._touched.add(key)
        change = Change(self.revision, self._at, write.op, write.cause, *key, doc)
        self._done[write.op] = change
        self._changes.append((change, json))
        return change

    async def write(self, connection: Connection) -> None:
        """Write what was decided, in a statement for each sort."""
        if self._emptied:
            await connection.execute(sql.REMOVE_MEMBERS, *sql.columns(self._emptied, 2))
        gone = [key for key in self._touched if self._rows[key] is None]
        records = [key[1:] for key in gone if key[0] is Table.RECORD]
        if records:
            await connection.execute(sql.REMOVE_RECORDS, *sql.columns(records, 2))
        others = [(key[0].value, *key[1:]) for key in gone if key[0] is not Table.RECORD]
        if others:
            await connection.execute(sql.REMOVE_DOCUMENTS, *sql.columns(others, 3))
        await self._put(connection)
        rows = [
            (one.revision, one.at, one.op, one.cause, one.table.value, one.namespace, one.id, json)
            for one, json in self._changes
        ]
        await connection.execute(sql.APPEND, *sql.columns(rows, 8))

    async def _put(self, connection: Connection) -> None:
        records: list[tuple[Any, ...]] = []
        others: list[tuple[Any, ...]] = []
        for key in self._touched:
            row = self._rows[key]
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
            self._rows[key] = None
            by_table.setdefault(key[0], []).append(key[1:])
        for table, wanted in by_table.items():
            columns = sql.columns(wanted, 2)
            if table is Table.RECORD:
                found = await connection.fetch(sql.RECORDS, *columns)
            else:
                found = await connection.fetch(sql.DOCUMENTS, table.value, *columns)
            for namespace, name, *rest in found:
                self._rows[table, namespace, name] = Row(*rest)

    def _renewed_at(self, write: Write, row: Row) -> float:
        if row.lease is None:
            return row.renewed_at
        shared = self._rows.get((Table.LEASE, write.namespace, row.lease))
        return row.renewed_at if shared is None else shared.renewed_at

    def _empty(self, namespace: str, lease: str) -> None:
        self._emptied.append((namespace, lease))
        for key, row in self._rows.items():
            covered = row is not None and row.lease == lease
            if covered and key[0] is Table.RECORD and key[1] == namespace:
                self._rows[key] = None
                self._touched.add(key)
