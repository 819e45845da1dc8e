# SPDX-License-Identifier: Apache-2.0
"""Facts in a DuckDB file beside the services' database: the embedded default.

One thread writes, a whole batch of waiting `put`s per transaction; others read, each from a state
of its own. A file belongs to one process, so several analytics processes need another store.
"""

from __future__ import annotations

import asyncio
from collections.abc import AsyncGenerator, AsyncIterator, Callable, Generator, Sequence
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager, suppress
from functools import partial
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import TYPE_CHECKING, Any, Final, TypeVar

import msgspec
from sqlalchemy import Executable, Table
from sqlalchemy.dialects.postgresql import asyncpg
from sqlalchemy.schema import CreateTable
from sqlalchemy.sql.compiler import SQLCompiler

from rollcall.analytics.models import AnyFact, Kind
from rollcall.analytics.ports import Row
from rollcall.analytics.queries import statement
from rollcall.analytics.questions import Export, Question
from rollcall.analytics.tables import METADATA
from rollcall.backends.facts.duckdb_steps import InSteps
from rollcall.backends.facts.merging import Rows, Steps, merging, removing
from rollcall.kernel.errors import Closed, IncompatibleStore, StoreInUse, StoreUnavailable
from rollcall.kernel.ids import derived

if TYPE_CHECKING:
    from duckdb import DuckDBPyConnection

T = TypeVar("T")

READERS: Final = 2
"""Questions that are answered at a time."""
PIECE: Final = 1 << 18
"""Bytes of a file that are sent at a time."""
_STREAMED: Final = 1_000
# The words that both have; parameters are $1, $2 ...
_DIALECT: Final = asyncpg.dialect()
_STAMP: Final = "rollcall facts 1"


class DuckdbSettings(msgspec.Struct, frozen=True, kw_only=True):
    """How much of the machine DuckDB may use.

    Args:
        memory: What it keeps in memory at most, as in `512MB`; it goes on on the disk.
        threads: How many threads answer one question.
    """

    memory: str = "512MB"
    threads: int = 2


class DuckdbFactStore:
    """A fact store in a file, or in memory.

    Args:
        path: The file; None: in memory, gone with the store.
        settings: What it may use.
    """

    def __init__(self, path: Path | None, settings: DuckdbSettings | None = None) -> None:
        self._path = path
        self._settings = settings or DuckdbSettings()
        self._connection: DuckDBPyConnection | None = None
        self._writer: ThreadPoolExecutor | None = None
        self._readers: ThreadPoolExecutor | None = None
        self._waiting: list[tuple[Steps, asyncio.Future[None]]] = []
        self._writing: asyncio.Task[None] | None = None

    async def open(self) -> None:
        """See `FactStore`."""
        self._writer = ThreadPoolExecutor(1, "facts-writer")
        self._readers = ThreadPoolExecutor(READERS, "facts-reader")
        try:
            await self._in(self._writer, self._open)
        except BaseException:
            await self.close()
            raise

    async def close(self) -> None:
        """See `FactStore`."""
        if self._writing is not None:
            await asyncio.gather(self._writing, return_exceptions=True)
        threads = (self._readers, self._writer)
        self._readers = self._writer = None
        for one in threads:
            if one is not None:
                await asyncio.to_thread(one.shutdown)
        connection, self._connection = self._connection, None
        if connection is not None:
            await asyncio.to_thread(connection.close)

    async def ping(self) -> None:
        """See `FactStore`."""
        await self._in(self._readers, partial(self._rows, "SELECT 1", []))

    async def put(self, facts: Sequence[AnyFact]) -> None:
        """See `FactStore`."""
        if facts:
            await self._write(merging(facts))

    async def remove(self, kind: Kind, namespace: str, ids: Sequence[str]) -> None:
        """See `FactStore`."""
        if ids:
            await self._write(removing(kind, namespace, ids))

    async def select(self, question: Question) -> list[Row]:
        """See `FactStore`."""
        return await self._in(self._readers, partial(self._rows, *_compiled(statement(question))))

    async def stream(self, question: Export) -> AsyncGenerator[Sequence[Row]]:
        """See `FactStore`."""
        cursor, (sql, values) = self._cursor(), _compiled(statement(question))
        with self._translated(), InSteps(cursor, self._threads()) as steps:
            await steps.do(partial(cursor.execute, sql, values))
            names = _names(cursor)
            while found := await steps.do(partial(cursor.fetchmany, _STREAMED)):
                yield [dict(zip(names, row, strict=True)) for row in found]

    async def parquet(self, question: Export) -> AsyncIterator[bytes]:
        """See `FactStore`."""
        with TemporaryDirectory(prefix="rollcall-export-") as folder:
            file = Path(folder, "facts.parquet")
            cursor, (sql, values) = self._cursor(), _compiled(statement(question))
            with self._translated(), InSteps(cursor, self._threads()) as steps:
                await steps.do(partial(copy_to_parquet, cursor, sql, values, file))
            async for piece in pieces(file):
                yield piece

    async def copy(self, path: Path) -> None:
        """Write all that is here to a file that is not there yet, as of one state."""
        await self._in(self._readers, partial(self._copied, path))

    def _copied(self, path: Path) -> None:
        # A name of its own: the database that is being copied is seen by all cursors.
        name = f"copy_{derived(str(path))}"
        place = str(path).replace("'", "''")
        with self._cursor() as cursor:
            (own,) = cursor.execute("SELECT current_database()").fetchall()[0]
            cursor.execute(f"ATTACH '{place}' AS {name}")
            try:
                cursor.execute(f'COPY FROM DATABASE "{own}" TO {name}')
            finally:
                cursor.execute(f"DETACH {name}")

    async def _write(self, steps: Steps) -> None:
        done = asyncio.get_running_loop().create_future()
        self._waiting.append((steps, done))
        if self._writing is None or self._writing.done():
            self._writing = asyncio.create_task(self._write_all(), name="facts")
        # Who is cancelled leaves it to be written; that is never wrong.
        await asyncio.shield(done)

    async def _write_all(self) -> None:
        while self._waiting:
            batch, self._waiting = self._waiting, []
            try:
                await self._in(self._writer, partial(self._commit, [steps for steps, _ in batch]))
            except Exception as error:
                for _, done in batch:
                    done.set_exception(error)
                    # Nobody may be waiting any more.
                    done.exception()
            else:
                for _, done in batch:
                    done.set_result(None)

    def _commit(self, all_steps: Sequence[Steps]) -> None:
        """In the writer's thread."""
        from duckdb import FatalException, InternalException

        connection = self._open_connection()
        try:
            connection.execute("BEGIN TRANSACTION")
            for steps in all_steps:
                drive(connection, steps)
            connection.execute("COMMIT")
        except (FatalException, InternalException):
            # It takes nothing any more until it is opened again; what was committed is there.
            connection.close()
            self._open()
            raise
        except BaseException:
            with suppress(Exception):
                connection.execute("ROLLBACK")
            raise

    def _rows(self, sql: str, values: Sequence[Any]) -> list[Row]:
        with self._cursor() as cursor:
            return fetched(cursor.execute(sql, values))

    def _cursor(self) -> DuckDBPyConnection:
        return self._open_connection().cursor()

    def _threads(self) -> ThreadPoolExecutor:
        if self._readers is None:
            raise Closed("the fact store is not open")
        return self._readers

    def _open_connection(self) -> DuckDBPyConnection:
        if self._connection is None:
            raise Closed("the fact store is not open")
        return self._connection

    def _open(self) -> None:
        """In the writer's thread."""
        import duckdb

        if self._path is not None:
            self._path.parent.mkdir(parents=True, exist_ok=True)
        try:
            connection = duckdb.connect(
                ":memory:" if self._path is None else str(self._path),
                config={
                    "memory_limit": self._settings.memory,
                    "threads": self._settings.threads,
                    # Nothing is fetched from anywhere.
                    "autoinstall_known_extensions": False,
                    "autoload_known_extensions": False,
                },
            )
        except duckdb.IOException as error:
            if "lock" in str(error):
                raise StoreInUse(str(self._path)) from error
            if "not a valid DuckDB" in str(error):
                raise IncompatibleStore(f"{self._path} is no DuckDB file: {error}") from error
            raise
        try:
            _bring_up(connection, self._path)
        except BaseException:
            connection.close()
            raise
        self._connection = connection

    async def _in(self, threads: ThreadPoolExecutor | None, work: Callable[[], T]) -> T:
        if threads is None:
            raise Closed("the fact store is not open")
        with self._translated():
            return await asyncio.get_running_loop().run_in_executor(threads, work)

    @contextmanager
    def _translated(self) -> Generator[None]:
        from duckdb import (
            Error,
            FatalException,
            IOException,
            OutOfMemoryException,
            TransactionException,
        )

        try:
            yield
        # The last is what a commit says for which there is no room on the disk.
        except (IOException, OutOfMemoryException, FatalException, TransactionException) as error:
            raise StoreUnavailable(f"facts in {self._path} cannot be reached: {error}") from error
        except Error as error:
            raise RuntimeError(f"DuckDB does not understand us: {error}") from error


def drive(connection: DuckDBPyConnection, steps: Steps) -> None:
    """Execute steps in the transaction that is open."""
    step = next(steps, None)
    while step is not None:
        found: list[Row] = []
        if isinstance(step, Rows):
            insert_rows(connection, step)
        else:
            sql, values = _compiled(step)
            found = fetched(connection.execute(sql, values))
        try:
            step = steps.send(found)
        except StopIteration:
            return


def insert_rows(connection: DuckDBPyConnection, step: Rows) -> None:
    """Insert rows: one parameter for all of them, since one for each value costs far more."""
    types = {column.name: _type(column.type) for column in step.table.columns}
    shape = msgspec.json.encode([types]).decode()
    names = ", ".join(f'"{name}"' for name in types)
    # The names are those of our own tables.
    connection.execute(
        f'INSERT INTO "{step.table.name}" ({names})'
        " SELECT unnest(from_json($1::JSON, $2), recursive := true)",
        [msgspec.json.encode(step.rows).decode(), shape],
    )


def copy_to_parquet(
    cursor: DuckDBPyConnection, sql: str, values: Sequence[Any], file: Path
) -> None:
    """Write what a statement gives, which has `time_us`, into a file."""
    # The statement is our own, with parameters; a path cannot be one.
    path = str(file).replace("'", "''")
    rows = f"SELECT id, make_timestamptz(time_us) AS time, * EXCLUDE (id, time_us) FROM ({sql})"  # noqa: S608
    cursor.execute(f"COPY ({rows}) TO '{path}' (FORMAT parquet, COMPRESSION zstd)", values)


async def pieces(file: Path) -> AsyncIterator[bytes]:
    """What a file holds."""
    opened = await asyncio.to_thread(file.open, "rb")
    try:
        while piece := await asyncio.to_thread(opened.read, PIECE):
            yield piece
    finally:
        opened.close()


def fetched(cursor: DuckDBPyConnection) -> list[Row]:
    """All rows of what was executed."""
    names = _names(cursor)
    return [dict(zip(names, row, strict=True)) for row in cursor.fetchall()]


def create(table: Table) -> str:
    """The statement that creates a table, without constraints: an index costs more than it gives
    where whole columns are read.
    """
    return str(CreateTable(table).compile(dialect=_DIALECT))


def _names(cursor: DuckDBPyConnection) -> list[str]:
    return [column[0] for column in cursor.description or ()]


def _type(type_: Any) -> str:
    return type_.compile(dialect=_DIALECT)


def _compiled(executable: Executable) -> tuple[str, list[Any]]:
    compiled = executable.compile(  # type: ignore[attr-defined]
        dialect=_DIALECT, compile_kwargs={"render_postcompile": True}
    )
    assert isinstance(compiled, SQLCompiler)
    values = compiled.params
    return str(compiled), [values[name] for name in compiled.positiontup or ()]


def _bring_up(connection: DuckDBPyConnection, path: Path | None) -> None:
    """Create what is missing: tables, and columns that came later.

    Raises:
        IncompatibleStore: The file is of something else, or of a newer version.
    """
    found = fetched(
        connection.execute(
            "SELECT table_name, column_name FROM information_schema.columns"
            " WHERE table_schema = 'main'"
        )
    )
    there: dict[str, set[str]] = {}
    for row in found:
        there.setdefault(row["table_name"], set()).add(row["column_name"])
    if there:
        stamped = "analytics_format" in there and connection.execute(
            "SELECT format FROM analytics_format"
        ).fetchall() == [(_STAMP,)]
        if not stamped:
            raise IncompatibleStore(
                f"{path} holds no facts, or was written by another version of Rollcall"
            )
    connection.execute("BEGIN TRANSACTION")
    connection.execute("CREATE TABLE IF NOT EXISTS analytics_format (format TEXT)")
    if not there:
        connection.execute("INSERT INTO analytics_format VALUES ($1)", [_STAMP])
    for table in METADATA.sorted_tables:
        if table.name not in there:
            connection.execute(create(table))
            continue
        for column in table.columns:
            if column.name not in there[table.name]:
                added = f'ADD COLUMN "{column.name}" {_type(column.type)}'
                connection.execute(f'ALTER TABLE "{table.name}" {added}')
    connection.execute("COMMIT")
