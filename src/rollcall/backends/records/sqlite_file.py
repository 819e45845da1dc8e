# SPDX-License-Identifier: Apache-2.0
"""The SQLite file of a record store: its format and its transactions. For one thread."""

from __future__ import annotations

import sqlite3
from collections.abc import Callable, Generator, Sequence
from contextlib import contextmanager, suppress
from pathlib import Path
from typing import Any, Final

import msgspec
from filelock import FileLock, Timeout

from rollcall.backends.records.codec import Codec
from rollcall.backends.records.terms import term
from rollcall.kernel.clock import Clock
from rollcall.kernel.errors import (
    Closed,
    Compacted,
    IncompatibleStore,
    InvalidInput,
    OutcomeUnknown,
    StoreInUse,
    StoreUnavailable,
    Unavailable,
)
from rollcall.kernel.ids import IdSource
from rollcall.registry.models import Record, Table
from rollcall.registry.store import Change, Conflict, Renewal, Snapshot, Stored, Write

APPLICATION: Final = int.from_bytes(b"Roll")
"""Marks a SQLite file as ours (`PRAGMA application_id`)."""

FORMAT: Final = 1
"""The format written here (`PRAGMA user_version`)."""

_NAMES: Final = {Table.LEASE: "leases", Table.RECORD: "records", Table.HOLD: "holds"}

# `epoch` is that of the document's own lease, `lease` the shared one that covers it. Both are in
# the document too: here they are for renewals and removals, which read no documents.
_SCHEMA: Final = [
    """CREATE TABLE store (
        only INTEGER PRIMARY KEY CHECK (only = 1),
        epoch TEXT NOT NULL,
        revision INTEGER NOT NULL,
        compacted INTEGER NOT NULL,
        alive_at REAL NOT NULL
    )""",
    *(
        f"""CREATE TABLE {name} (
            namespace TEXT NOT NULL,
            id TEXT NOT NULL,
            revision INTEGER NOT NULL,
            renewed_at REAL NOT NULL,
            epoch INTEGER,
            lease TEXT,
            doc TEXT NOT NULL,
            UNIQUE (namespace, id)
        )"""
        for name in _NAMES.values()
    ),
    "CREATE INDEX members ON records (namespace, lease) WHERE lease IS NOT NULL",
    """CREATE TABLE changes (
        revision INTEGER PRIMARY KEY,
        at REAL NOT NULL,
        op TEXT NOT NULL UNIQUE,
        cause TEXT NOT NULL,
        kind TEXT NOT NULL,
        namespace TEXT NOT NULL,
        id TEXT NOT NULL,
        doc TEXT
    )""",
]

_CHANGE: Final = (
    "SELECT revision, at, op, cause, kind, namespace, id, CAST(doc AS BLOB) FROM changes"
)
_APPEND: Final = "INSERT INTO changes VALUES (?, ?, ?, ?, ?, ?, ?, ?)"


# Only names of our own tables go into the text of a statement.
def _per_table(statement: str) -> dict[Table, str]:
    return {table: statement.format(name) for table, name in _NAMES.items()}


_ALL: Final = _per_table("SELECT CAST(doc AS BLOB), revision, renewed_at FROM {}")
_ONE: Final = _per_table(
    "SELECT revision, renewed_at, epoch, lease FROM {} WHERE namespace = ? AND id = ?"
)
_PUT: Final = _per_table(
    "INSERT INTO {} VALUES (?, ?, ?, ?, ?, ?, ?) ON CONFLICT (namespace, id) DO UPDATE SET"
    " revision = excluded.revision, renewed_at = excluded.renewed_at, epoch = excluded.epoch,"
    " lease = excluded.lease, doc = excluded.doc"
)
_REMOVE: Final = _per_table("DELETE FROM {} WHERE namespace = ? AND id = ?")
# One statement for a whole batch: the driver gives up the interpreter's lock at every step of a
# statement, and to get it back from a busy event loop takes longer than the step.
_RENEW: Final = _per_table(
    "UPDATE {0} SET renewed_at = max(renewed_at, json_extract(given.value, '$[2]'))"
    " FROM json_each(?) AS given WHERE {0}.namespace = json_extract(given.value, '$[0]')"
    " AND {0}.id = json_extract(given.value, '$[1]') AND epoch IS NOT NULL"
)


def connect(path: Path) -> sqlite3.Connection:
    """A connection without the driver's own transactions."""
    return sqlite3.connect(path, isolation_level=None)


class SqliteFile:
    """A record store's file; `SqliteStore` calls it from its thread, and says what the methods do.

    Attributes:
        revision: The last revision known to be committed.
    """

    def __init__(
        self,
        path: Path,
        clock: Clock,
        ids: IdSource,
        keep_changes: int,
        connect: Callable[[Path], sqlite3.Connection],
    ) -> None:
        self.revision = 0
        self._path = path
        self._clock = clock
        self._ids = ids
        self._keep = keep_changes
        # Forgetting a thousand changes at a time costs less than one with each write.
        self._slack = max(1, min(keep_changes // 10, 1000))
        self._connect = connect
        self._codec = Codec()
        self._lock: FileLock | None = None
        self._connection: sqlite3.Connection | None = None

    def open(self) -> Snapshot:
        first = self._lock is None
        try:
            if first:
                self._take()
            db = self._ready()
            with self._reading():
                return self._snapshot(db)
        except BaseException:
            if first:
                self.close()
            raise

    def commit(self, writes: Sequence[Write]) -> list[Change | Conflict]:
        docs = [self._encoded(write) for write in writes]
        at = self._clock.now()
        with self._transaction(OutcomeUnknown) as db:
            before, compacted = db.execute("SELECT revision, compacted FROM store").fetchone()
            revision: int = before
            outcomes: list[Change | Conflict] = []
            for write, doc in zip(writes, docs, strict=True):
                outcome = self._apply(db, write, doc, revision + 1, at)
                if isinstance(outcome, Change) and outcome.revision > revision:
                    revision = outcome.revision
                outcomes.append(outcome)
            if revision > before:
                if revision - compacted >= self._keep + self._slack:
                    compacted = _forget(db, revision - self._keep)
                db.execute("UPDATE store SET revision = ?, compacted = ?", (revision, compacted))
        self.revision = revision
        return outcomes

    def settle(self, ops: Sequence[str]) -> dict[str, Change]:
        db = self._ready()
        with self._reading():
            return {op: change for op in ops if (change := self._done(db, op))}

    def changes(self, after: int, limit: int) -> list[Change]:
        db = self._ready()
        with self._reading():
            (compacted,) = db.execute("SELECT compacted FROM store").fetchone()
            if after < compacted:
                raise Compacted(after, compacted + 1)
            rows = db.execute(
                f"{_CHANGE} WHERE revision > ? ORDER BY revision LIMIT ?", (after, limit)
            )
            return [self._change(row) for row in rows]

    def renew(self, renewals: Sequence[Renewal], alive_at: float) -> None:
        with self._transaction(StoreUnavailable) as db:
            db.execute("UPDATE store SET alive_at = max(alive_at, ?)", (alive_at,))
            for table, renew in _RENEW.items():
                last: dict[tuple[str, str], float] = {}
                for one in renewals:
                    if one.table is table:
                        key = one.namespace, one.id
                        last[key] = max(one.at, last.get(key, one.at))
                if last:
                    given = [(*key, at) for key, at in last.items()]
                    db.execute(renew, (msgspec.json.encode(given).decode(),))

    def compact(self, before: int) -> None:
        with self._transaction(StoreUnavailable) as db:
            revision, compacted = db.execute("SELECT revision, compacted FROM store").fetchone()
            last = min(before - 1, revision)
            if last > compacted:
                db.execute("UPDATE store SET compacted = ?", (_forget(db, last),))

    def close(self) -> None:
        self._drop()
        if self._lock is not None:
            self._lock.release()
            self._lock = None

    def _take(self) -> None:
        """Make the folder, and see to it that no other process works here."""
        path = self._path
        if path.is_dir():
            raise InvalidInput("path", f"{path} is a folder; name a file in it")
        try:
            path.parent.mkdir(parents=True, exist_ok=True)
            lock = FileLock(f"{path}.lock", blocking=False, thread_local=False)
            lock.acquire()
        except (FileExistsError, NotADirectoryError):
            raise InvalidInput("path", f"{path.parent} is not a folder") from None
        except Timeout:
            if Path(f"{path}.lock").exists():
                raise StoreInUse(str(path)) from None
            raise StoreUnavailable(f"{path.parent} takes no files") from None
        except (OSError, NotImplementedError) as error:
            raise StoreUnavailable(f"{path} cannot be locked: {error}") from error
        self._lock = lock

    def _ready(self) -> sqlite3.Connection:
        """The connection; a new one where the last broke in a commit."""
        if self._connection is not None:
            return self._connection
        if self._lock is None:
            raise Closed(f"the store at {self._path} is not open")
        try:
            db = self._connection = self._connect(self._path)
            self._recognise(db)
            (self.revision,) = db.execute("SELECT revision FROM store").fetchone()
        except sqlite3.Error as error:
            self._drop()
            raise self._failure(error) from error
        except BaseException:
            self._drop()
            raise
        return db

    def _recognise(self, db: sqlite3.Connection) -> None:
        """Check that the file is ours before anything in it is touched; fill it if it is new."""
        (application,) = db.execute("PRAGMA application_id").fetchone()
        (version,) = db.execute("PRAGMA user_version").fetchone()
        (tables,) = db.execute("SELECT count(*) FROM sqlite_master").fetchone()
        if tables and application != APPLICATION:
            raise IncompatibleStore(
                f"{self._path} is a SQLite file of something else: name another path"
            )
        if tables and version != FORMAT:
            raise IncompatibleStore(
                f"{self._path} has format {version}, and this version of Rollcall reads {FORMAT}:"
                " it was written by another version, which can read it"
            )
        db.execute("PRAGMA journal_mode = WAL")
        db.execute("PRAGMA synchronous = FULL")
        if not tables:
            db.execute("BEGIN IMMEDIATE")
            for statement in _SCHEMA:
                db.execute(statement)
            db.execute(
                "INSERT INTO store VALUES (1, ?, 0, 0, ?)", (self._ids.hex(16), self._clock.now())
            )
            db.execute(f"PRAGMA application_id = {APPLICATION}")
            db.execute(f"PRAGMA user_version = {FORMAT}")
            db.execute("COMMIT")

    def _drop(self) -> None:
        if self._connection is not None:
            with suppress(sqlite3.Error):
                self._connection.close()
            self._connection = None

    @contextmanager
    def _transaction(self, torn: type[Unavailable]) -> Generator[sqlite3.Connection]:
        """A transaction; `torn` is raised where nobody knows whether it was committed."""
        db = self._ready()
        try:
            db.execute("BEGIN IMMEDIATE")
            yield db
        except BaseException as error:
            try:
                if db.in_transaction:
                    db.execute("ROLLBACK")
            except sqlite3.Error:
                self._drop()
            if isinstance(error, sqlite3.Error):
                raise StoreUnavailable(f"{self._path}: nothing was written: {error}") from error
            raise
        try:
            db.execute("COMMIT")
        except sqlite3.Error as error:
            # Only a new connection says for sure: it recovers what reached the log, or drops it.
            self._drop()
            raise torn(f"{self._path}: broke off in a commit: {error}") from error

    @contextmanager
    def _reading(self) -> Generator[None]:
        try:
            yield
        except sqlite3.Error as error:
            raise self._failure(error) from error

    def _failure(self, error: sqlite3.Error) -> IncompatibleStore | StoreUnavailable:
        """What it means that the file could not be opened or read."""
        code: int = getattr(error, "sqlite_errorcode", 0) & 0xFF
        if code in (sqlite3.SQLITE_NOTADB, sqlite3.SQLITE_CORRUPT):
            return IncompatibleStore(f"{self._path} is damaged or no SQLite file: {error}")
        return StoreUnavailable(f"{self._path} cannot be read: {error}")

    def _snapshot(self, db: sqlite3.Connection) -> Snapshot:
        epoch, revision, alive_at = db.execute(
            "SELECT epoch, revision, alive_at FROM store"
        ).fetchone()
        leases: dict[tuple[str, str], float] = {}
        docs: list[Stored] = []
        decode = self._codec.decode
        for table, select in _ALL.items():
            for json, written, own in db.execute(select):
                doc, renewed_at = decode(table, json), float(own)
                if table is Table.LEASE:
                    leases[doc.namespace, doc.id] = renewed_at
                elif isinstance(doc, Record) and isinstance(doc.lease, str):
                    renewed_at = leases.get((doc.namespace, doc.lease), renewed_at)
                docs.append(Stored(doc, written, renewed_at))
        return Snapshot(epoch, revision, self._clock.now(), alive_at, docs)

    def _encoded(self, write: Write) -> str | None:
        try:
            return None if write.doc is None else self._codec.encode(write.doc).decode()
        except (TypeError, ValueError) as error:
            raise InvalidInput(f"{write.table}.{write.id}", f"is no JSON: {error}") from error

    def _apply(
        self, db: sqlite3.Connection, write: Write, doc: str | None, revision: int, at: float
    ) -> Change | Conflict:
        op, table, where = write.op, write.table, (write.namespace, write.id)
        done = self._done(db, op)
        if done is not None:
            return done
        row: tuple[int, float, int | None, str | None] | None
        row = db.execute(_ONE[table], where).fetchone()
        current = 0 if row is None else row[0]
        if write.expect not in (None, current) or (doc is None and row is None):
            return Conflict(op, current)
        if isinstance(write.doc, Record) and isinstance(write.doc.lease, str):
            shared = (write.namespace, write.doc.lease)
            if db.execute(_ONE[Table.LEASE], shared).fetchone() is None:
                return Conflict(op, current)
        since = write.unless_renewed_since
        if row is not None and since is not None and _renewed_at(db, write, row[1], row[3]) > since:
            return Conflict(op, current, renewed=True)
        if write.doc is not None:
            now = term(write.doc)
            renewed_at = at if row is None or row[2:] != now else row[1]
            db.execute(_PUT[table], (*where, revision, renewed_at, *now, doc))
        else:
            db.execute(_REMOVE[table], where)
            if table is Table.LEASE:
                db.execute("DELETE FROM records WHERE namespace = ? AND lease = ?", where)
        db.execute(_APPEND, (revision, at, op, write.cause, table.value, *where, doc))
        return Change(revision, at, op, write.cause, table, *where, write.doc)

    def _done(self, db: sqlite3.Connection, op: str) -> Change | None:
        row = db.execute(f"{_CHANGE} WHERE op = ?", (op,)).fetchone()
        return None if row is None else self._change(row)

    def _change(self, row: tuple[Any, ...]) -> Change:
        revision, at, op, cause, kind, namespace, key, json = row
        table = Table(kind)
        doc = None if json is None else self._codec.decode(table, json)
        return Change(revision, at, op, cause, table, namespace, key, doc)


def _renewed_at(db: sqlite3.Connection, write: Write, own: float, lease: str | None) -> float:
    """The last renewal of the lease that covers the written document."""
    if lease is None:
        return own
    row = db.execute(_ONE[Table.LEASE], (write.namespace, lease)).fetchone()
    return own if row is None else row[1]


def _forget(db: sqlite3.Connection, last: int) -> int:
    """Drop the changes up to and with revision `last`, and give it back."""
    db.execute("DELETE FROM changes WHERE revision <= ?", (last,))
    return last
