# SPDX-License-Identifier: Apache-2.0
"""Records in PostgreSQL, for several registries at once.

A batch is one transaction of a few statements, however many writes it has. It locks the row with
the number of the last change first, so that revisions are contiguous and become visible in order.
Whoever follows is woken by NOTIFY in the same transaction, and looks now and then all the same.
"""

from __future__ import annotations

import asyncio
from collections.abc import Coroutine, Sequence
from typing import Any, Final, TypeVar

from rollcall.backends.records import postgres_rows as sql
from rollcall.backends.records.batch import Key
from rollcall.backends.records.codec import Codec
from rollcall.backends.records.postgres_batch import PostgresBatch
from rollcall.backends.records.postgres_link import FAILURES, Connection, Link, unavailable
from rollcall.backends.records.wakes import Wakes
from rollcall.backends.sql.migrate import upgrade
from rollcall.backends.sql.postgres import PostgresDialect, parsed, shown
from rollcall.kernel.clock import Clock
from rollcall.kernel.errors import (
    Closed,
    Compacted,
    InvalidInput,
    OutcomeUnknown,
)
from rollcall.kernel.ids import IdSource
from rollcall.registry.matching import folded_text, matches
from rollcall.registry.models import Record, Table
from rollcall.registry.query import Query
from rollcall.registry.store import Change, Conflict, Renewal, Snapshot, Stored, Traits, Write
from rollcall.registry.text import words

T = TypeVar("T")

KEEP_CHANGES: Final = 100_000
POLL: Final = 2.0
"""Seconds after which a follower that nobody woke looks for itself."""
_RENEWALS: Final = 5_000
"""How many renewals are written in one transaction: writers of records wait that long."""
_PAGE: Final = 5_000


class PostgresStore:
    """A record store in a PostgreSQL database.

    A cancelled call is still done to its end: what was cancelled while it committed has an outcome,
    and `settle` gives it.

    Args:
        url: `postgresql://user:password@host:5432/database`.
        clock: Stamps the changes.
        ids: Draws the store's epoch when its tables are made.
        keep_changes: How many changes the log keeps at least; a tenth, or 1000, more at most.

    Raises:
        InvalidInput: The URL cannot be used.
        MissingExtra: The driver is not installed.
    """

    traits = Traits(durable=True, shared=True)

    def __init__(
        self, url: str, clock: Clock, ids: IdSource, keep_changes: int = KEEP_CHANGES
    ) -> None:
        self._url = parsed(url)
        self._text = url
        self._clock = clock
        self._ids = ids
        self._keep = keep_changes
        self._slack = max(1, min(keep_changes // 10, 1000))
        self._codec = Codec()
        self._writing = Link(self._url)
        self._reading = Link(self._url)
        self._listening = Link(self._url)
        self._wakes = Wakes()
        self._revision = 0
        self._open = False
        self._migrated = False

    def __str__(self) -> str:
        return shown(self._url)

    async def open(self) -> Snapshot:
        """Bring the tables to their newest form, and read everything; again for a fresh reading.

        Raises:
            IncompatibleStore: The database is not ours, or was written by a newer version.
            StoreUnavailable: The server does not answer.
        """
        if not self._migrated:
            await self._migrate()
            self._migrated = True
        self._open = True
        for link in (self._writing, self._reading, self._listening):
            link.open()
        return await self._whole(self._read())

    async def commit(self, writes: Sequence[Write]) -> list[Change | Conflict]:
        docs = [self._encoded(write) for write in writes]
        return await self._whole(self._commit(writes, docs))

    async def settle(self, ops: Sequence[str]) -> dict[str, Change]:
        self._running()
        async with self._writing.transaction() as connection:
            # Whoever is still in a commit holds this lock: what is not there then never comes.
            await connection.fetchrow(sql.HEAD)
            rows = await connection.fetch(sql.DONE, list(ops))
        return {change.op: change for change in map(self._change, rows)}

    async def changes(self, after: int, limit: int = 1000) -> list[Change]:
        self._running()
        async with self._reading.use() as connection:
            # In this order: what is compacted in between is missed by the second.
            rows = await connection.fetch(sql.AFTER, after, limit)
            compacted = await connection.fetchval("SELECT compacted FROM registry_store")
        if after < compacted:
            raise Compacted(after, compacted + 1)
        found = [self._change(row) for row in rows]
        if found:
            self._revision = max(self._revision, found[-1].revision)
        return found

    async def wait(self, after: int) -> None:
        self._running()
        if self._revision > after:
            return
        waiting = asyncio.ensure_future(self._wakes.wait())
        try:
            await self._listening.listen(sql.CHANNEL, self._wakes.wake)
            async with self._reading.use() as connection:
                last = await connection.fetchval("SELECT revision FROM registry_store")
            if last <= after and self._open:
                await asyncio.wait((waiting,), timeout=POLL)
        finally:
            waiting.cancel()

    async def renew(self, renewals: Sequence[Renewal], alive_at: float) -> None:
        self._running()
        latest: dict[Key, float] = {}
        for one in renewals:
            key = (one.table, one.namespace, one.id)
            latest[key] = max(one.at, latest.get(key, one.at))
        # In one order everywhere, so that two who renew the same leases never wait for each other.
        rows = sorted(latest.items())
        for start in range(0, max(1, len(rows)), _RENEWALS):
            some = rows[start : start + _RENEWALS]
            async with self._writing.transaction() as connection:
                # The lock of whoever writes comes first here too, for the same reason.
                await connection.execute(sql.ALIVE, alive_at)
                for table, statement in (
                    (Table.RECORD, sql.RENEW_RECORDS),
                    (Table.LEASE, sql.RENEW_LEASES),
                ):
                    of_it = [(*key[1:], at) for key, at in some if key[0] is table]
                    if of_it:
                        await connection.execute(statement, *sql.columns(of_it, 3))

    async def compact(self, before: int) -> None:
        self._running()
        async with self._writing.transaction() as connection:
            revision, compacted = await _head(connection)
            last = min(before - 1, revision)
            if last > compacted:
                await connection.execute(sql.FORGET, last)
                await connection.execute("UPDATE registry_store SET compacted = $1", last)

    async def close(self) -> None:
        self._open = False
        for link in (self._writing, self._reading, self._listening):
            await link.close()
        self._wakes.wake()

    async def search(self, namespace: str, text: str) -> list[Record]:
        """Records with a capability that matches words, found by the database's own index.

        A second path to what `rollcall.registry.index` finds, for people with SQL at hand and for
        tests that compare the two. By id; statuses are not looked at.
        """
        self._running()
        query = Query(text=text)
        wanted = folded_text(query)
        patterns = [sql.pattern(one) for one in words(wanted) or [wanted]]
        async with self._reading.use() as connection:
            rows = await connection.fetch(sql.CANDIDATES, namespace, patterns)
        found = [self._codec.decode(Table.RECORD, json.encode()) for (json,) in rows]
        records = [one for one in found if isinstance(one, Record)]
        fitting = [one for one in records if matches(one, one.reported, query)]
        return sorted(fitting, key=lambda one: one.id)

    async def _migrate(self) -> None:
        engine = PostgresDialect(self._text, 1).open()
        try:
            async with engine.begin() as connection:
                await connection.run_sync(upgrade)
                await connection.exec_driver_sql(
                    "INSERT INTO registry_store VALUES (1, $1, 0, 0, $2) ON CONFLICT DO NOTHING",
                    (self._ids.hex(16), self._clock.now()),
                )
        except FAILURES as error:
            raise unavailable(self._url, error) from error
        except Exception as error:
            cause = getattr(error, "orig", None)
            if isinstance(getattr(cause, "__cause__", None), FAILURES):
                raise unavailable(self._url, error) from error
            raise
        finally:
            await engine.dispose()

    async def _read(self) -> Snapshot:
        leases: dict[tuple[str, str], float] = {}
        docs: list[Stored] = []
        async with self._reading.use() as connection:
            await connection.execute("BEGIN ISOLATION LEVEL REPEATABLE READ READ ONLY")
            head = await connection.fetchrow("SELECT epoch, revision, alive_at FROM registry_store")
            for table in (Table.LEASE, Table.RECORD, Table.HOLD):
                of_records = table is Table.RECORD
                cursor = connection.cursor(
                    sql.ALL_RECORDS if of_records else sql.ALL_DOCUMENTS,
                    *(() if of_records else (table.value,)),
                    prefetch=_PAGE,
                )
                async for json, written, own in cursor:
                    doc, renewed_at = self._codec.decode(table, json.encode()), float(own)
                    if table is Table.LEASE:
                        leases[doc.namespace, doc.id] = renewed_at
                    elif isinstance(doc, Record) and isinstance(doc.lease, str):
                        renewed_at = leases.get((doc.namespace, doc.lease), renewed_at)
                    docs.append(Stored(doc, written, renewed_at))
            await connection.execute("COMMIT")
        assert head is not None, "the row is there from the first opening on"
        epoch, revision, alive_at = head
        self._revision = revision
        return Snapshot(epoch, revision, self._clock.now(), alive_at, docs)

    async def _commit(
        self, writes: Sequence[Write], docs: Sequence[str | None]
    ) -> list[Change | Conflict]:
        at = self._clock.now()
        async with self._writing.transaction(OutcomeUnknown) as connection:
            revision, compacted = await _head(connection)
            done = await connection.fetch(sql.DONE, [write.op for write in writes])
            batch = PostgresBatch(revision, at, {one.op: one for one in map(self._change, done)})
            await batch.read(connection, writes)
            outcomes = [batch.apply(*one) for one in zip(writes, docs, strict=True)]
            if batch.revision > revision:
                await batch.write(connection)
                if batch.revision - compacted >= self._keep + self._slack:
                    compacted = batch.revision - self._keep
                    await connection.execute(sql.FORGET, compacted)
                await connection.execute(sql.ADVANCE, batch.revision, compacted)
        self._revision = max(self._revision, batch.revision)
        self._wakes.wake()
        return outcomes

    def _encoded(self, write: Write) -> str | None:
        if any("\0" in text for text in (write.namespace, write.id, write.op)):
            raise InvalidInput(f"{write.table}.{write.id}", "must not hold a NUL character")
        try:
            return None if write.doc is None else self._codec.encode(write.doc).decode()
        except (TypeError, ValueError) as error:
            raise InvalidInput(f"{write.table}.{write.id}", f"is no JSON: {error}") from error

    def _change(self, row: Any) -> Change:
        revision, at, op, cause, kind, namespace, key, json = row
        table = Table(kind)
        doc = None if json is None else self._codec.decode(table, json.encode())
        return Change(revision, at, op, cause, table, namespace, key, doc)

    def _running(self) -> None:
        if not self._open:
            raise Closed(f"the store {self} is not open")

    async def _whole(self, work: Coroutine[Any, Any, T]) -> T:
        """Do `work` to its end, also if whoever asked for it is cancelled."""
        try:
            self._running()
        except Closed:
            work.close()
            raise
        return await asyncio.shield(asyncio.ensure_future(work))


async def _head(connection: Connection) -> tuple[int, int]:
    """Lock the head; the last revision, and the last that was compacted."""
    row = await connection.fetchrow(sql.HEAD)
    assert row is not None, "the row is there from the first opening on"
    return row[0], row[1]
