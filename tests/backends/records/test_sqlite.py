# SPDX-License-Identifier: Apache-2.0
# Nothing else runs in these loops:
# ruff: noqa: ASYNC240

from __future__ import annotations

import asyncio
import json
import sqlite3
import sys
import threading
from collections.abc import Callable
from contextlib import closing
from functools import partial
from pathlib import Path

import pytest

from rollcall.backends.records.sqlite import SqliteStore
from rollcall.backends.records.sqlite_file import APPLICATION, FORMAT
from rollcall.kernel.clock import Clock
from rollcall.kernel.errors import (
    Closed,
    IncompatibleStore,
    InvalidInput,
    OutcomeUnknown,
    StoreInUse,
    StoreUnavailable,
)
from rollcall.kernel.ids import IdSource, RandomIds
from rollcall.registry.models import Kind, Record, Table
from rollcall.registry.status import Status
from rollcall.registry.store import Change, RecordStore, Write
from rollcall.testing.clock import FrozenClock
from rollcall.testing.store_contract import RecordStoreContract

FULL = 2
"""The number that `PRAGMA synchronous` gives for it."""


class TestSqliteStore(RecordStoreContract):
    @pytest.fixture(autouse=True)
    def folder(self, tmp_path: Path) -> None:
        self.root = tmp_path

    def make_store(self, clock: Clock, ids: IdSource, keep_changes: int) -> SqliteStore:
        self.made = (self.root / RandomIds().hex(12) / "records.db", clock, ids, keep_changes)
        return SqliteStore(*self.made)

    def another(self, store: RecordStore) -> SqliteStore:
        return SqliteStore(*self.made)


@pytest.fixture
def path(tmp_path: Path) -> Path:
    return tmp_path / "records.db"


def store_at(path: Path, keep_changes: int = 1000) -> SqliteStore:
    return SqliteStore(path, FrozenClock(), RandomIds(), keep_changes)


def put(op: str, key: str = "a", name: str = "an agent", metadata: object = None) -> Write:
    doc = Record(
        "default", key, Kind.AGENT, name, Status.ACTIVE, 1.0, 2.0, metadata={"of": metadata}
    )
    return Write(op, "test", Table.RECORD, "default", key, doc)


async def test_a_file_belongs_to_one_store_at_a_time(path: Path) -> None:
    first, second = store_at(path), store_at(path)
    await first.open()
    with pytest.raises(StoreInUse, match=str(path)):
        await second.open()
    await first.close()
    await second.open()
    await second.close()


async def test_a_store_that_is_not_open_takes_no_calls(path: Path) -> None:
    store = store_at(path)
    calls: list[Callable[[], object]] = [
        partial(store.commit, [put("x")]),
        partial(store.settle, ["x"]),
        partial(store.changes, 0),
        partial(store.wait, 0),
        partial(store.renew, [], 1.0),
        partial(store.compact, 1),
    ]
    for call in calls:
        with pytest.raises(Closed, match="not open"):
            await call()  # type: ignore[misc]
    await store.open()
    await store.close()
    for call in calls:
        with pytest.raises(Closed, match="not open"):
            await call()  # type: ignore[misc]


async def test_a_folder_is_no_file(tmp_path: Path) -> None:
    with pytest.raises(InvalidInput, match="is a folder"):
        await store_at(tmp_path).open()


async def test_a_path_through_a_file_is_an_error(tmp_path: Path) -> None:
    (tmp_path / "file").write_text("")
    for path in (tmp_path / "file" / "records.db", tmp_path / "file" / "deeper" / "records.db"):
        with pytest.raises(InvalidInput, match="is not a folder"):
            await store_at(path).open()


@pytest.mark.skipif(sys.platform != "linux", reason="its file systems refuse even root")
@pytest.mark.parametrize("folder", ["/proc", "/sys"])
async def test_a_folder_that_takes_no_files_is_an_error(folder: str) -> None:
    with pytest.raises(StoreUnavailable, match=r"takes no files|cannot be locked"):
        await store_at(Path(folder, "records.db")).open()


async def test_a_file_that_is_no_database_is_left_as_it_is(path: Path) -> None:
    path.write_text("dear diary, " * 100)
    with pytest.raises(IncompatibleStore, match="no SQLite file"):
        await store_at(path).open()
    assert path.read_text() == "dear diary, " * 100


async def test_a_database_of_something_else_is_left_as_it_is(path: Path) -> None:
    with closing(sqlite3.connect(path)) as theirs:
        theirs.execute("CREATE TABLE recipes (name)")
    before = path.read_bytes()
    with pytest.raises(IncompatibleStore, match="something else"):
        await store_at(path).open()
    assert path.read_bytes() == before
    assert {file.name for file in path.parent.iterdir()} <= {path.name, f"{path.name}.lock"}


async def test_a_newer_format_is_left_as_it_is(path: Path) -> None:
    store = store_at(path)
    await store.open()
    await store.close()
    with closing(sqlite3.connect(path)) as newer:
        newer.execute(f"PRAGMA user_version = {FORMAT + 1}")
    with pytest.raises(IncompatibleStore, match=f"format {FORMAT + 1}"):
        await store.open()
    with closing(sqlite3.connect(path)) as repaired:
        repaired.execute(f"PRAGMA user_version = {FORMAT}")
    repaired_store = store_at(path)
    assert (await repaired_store.open()).revision == 0
    await repaired_store.close()


async def test_a_damaged_file_is_an_error(path: Path) -> None:
    store = store_at(path)
    await store.open()
    await store.commit([put(f"{i}", f"{i}", "x" * 1000) for i in range(100)])
    await store.close()
    content = bytearray(path.read_bytes())
    content[8192:-8192] = b"\xff" * (len(content) - 16384)
    path.write_bytes(content)
    with pytest.raises(IncompatibleStore, match="damaged"):
        await store.open()


async def test_a_document_that_nobody_can_read_is_an_error(path: Path) -> None:
    store = store_at(path)
    await store.open()
    await store.commit([put("x")])
    await store.close()
    with closing(sqlite3.connect(path)) as vandal, vandal:
        vandal.execute('UPDATE records SET doc = \'{"type": "poem"}\'')
    with pytest.raises(IncompatibleStore, match="poem"):
        await store.open()


async def test_an_operator_can_read_the_file(path: Path) -> None:
    store = store_at(path)
    await store.open()
    await store.commit([put("x", name="Ann")])
    with closing(sqlite3.connect(path)) as operator:
        ((doc,),) = operator.execute("SELECT doc FROM records WHERE id = 'a'")
        assert json.loads(doc)["name"] == "Ann"
        assert operator.execute("PRAGMA application_id").fetchone() == (APPLICATION,)
        assert operator.execute("PRAGMA journal_mode").fetchone() == ("wal",)
    await store.close()


async def test_a_batch_is_one_transaction_that_waits_for_the_disk(path: Path) -> None:
    seen: list[str | int] = []

    class Watched(sqlite3.Connection):
        def execute(self, sql: str, *parameters: object) -> sqlite3.Cursor:
            if sql == "COMMIT":
                seen.extend(*super().execute("PRAGMA synchronous"))
            seen.append(sql)
            return super().execute(sql, *parameters)  # type: ignore[arg-type]

    store = SqliteStore(
        path, FrozenClock(), RandomIds(), connect=lambda path: Watched(path, isolation_level=None)
    )
    await store.open()
    seen.clear()
    await store.commit([put("x"), put("y")])
    await store.close()
    assert seen[0] == "BEGIN IMMEDIATE"
    assert seen[-2:] == [FULL, "COMMIT"]
    assert seen.count("COMMIT") == 1


async def test_the_log_in_the_file_stays_as_long_as_it_may(path: Path) -> None:
    store = store_at(path, keep_changes=100)
    await store.open()
    for i in range(150):
        await store.commit([put(f"{i}-{n}", f"{n}") for n in range(5)])
        with closing(sqlite3.connect(path)) as operator:
            ((count,),) = operator.execute("SELECT count(*) FROM changes")
        assert count <= 110
    assert len(await store.changes(650)) == 100
    await store.close()


async def test_what_is_no_json_is_refused_and_nothing_written(path: Path) -> None:
    store = store_at(path)
    await store.open()
    for bad in (object(), "\ud800"):
        with pytest.raises(InvalidInput, match=r"record\.b"):
            await store.commit([put("x"), put("y", "b", metadata=bad)])
    assert (await store.open()).revision == 0
    await store.close()


async def test_a_lock_held_by_another_tool_makes_the_store_unavailable(path: Path) -> None:
    store = SqliteStore(
        path,
        FrozenClock(),
        RandomIds(),
        connect=lambda path: sqlite3.connect(path, isolation_level=None, timeout=0),
    )
    await store.open()
    with closing(sqlite3.connect(path, isolation_level=None)) as tool:
        tool.execute("BEGIN IMMEDIATE")
        with pytest.raises(StoreUnavailable, match="locked"):
            await store.commit([put("x")])
        tool.execute("ROLLBACK")
    (done,) = await store.commit([put("x")])
    assert isinstance(done, Change)
    await store.close()


async def test_a_full_disk_writes_nothing_of_the_batch(path: Path) -> None:
    def connect(path: Path) -> sqlite3.Connection:
        connection = sqlite3.connect(path, isolation_level=None)
        connection.execute("PRAGMA max_page_count = 40")
        return connection

    store = SqliteStore(path, FrozenClock(), RandomIds(), connect=connect)
    await store.open()
    await store.commit([put("small")])
    with pytest.raises(StoreUnavailable, match="full"):
        await store.commit([put(f"{i}", f"{i}", "x" * 10_000) for i in range(40)])
    assert (await store.open()).revision == 1
    (done,) = await store.commit([put("small again")])
    assert isinstance(done, Change)
    assert done.revision == 2
    await store.close()


class BreakingConnection(sqlite3.Connection):
    """Its COMMIT breaks once: before it is done, or after."""

    breaks: str = ""

    def execute(self, sql: str, *parameters: object) -> sqlite3.Cursor:
        if sql != "COMMIT" or not BreakingConnection.breaks:
            return super().execute(sql, *parameters)  # type: ignore[arg-type]
        if BreakingConnection.breaks == "after":
            super().execute(sql)
        BreakingConnection.breaks = ""
        raise sqlite3.OperationalError("disk I/O error")


def breaking(path: Path) -> SqliteStore:
    return SqliteStore(
        path,
        FrozenClock(),
        RandomIds(),
        connect=lambda path: BreakingConnection(path, isolation_level=None),
    )


@pytest.mark.parametrize("breaks", ["before", "after"])
async def test_a_commit_that_breaks_off_is_settled_for_good(path: Path, breaks: str) -> None:
    store = breaking(path)
    await store.open()
    await store.commit([put("1")])
    BreakingConnection.breaks = breaks
    with pytest.raises(OutcomeUnknown, match="broke off"):
        await store.commit([put("2"), put("3", "b")])
    there = ["2", "3"] if breaks == "after" else []
    assert sorted(await store.settle(["2", "3"])) == there
    assert [change.op for change in await store.changes(1)] == there
    await store.wait(len(there))
    repeated = await store.commit([put("2"), put("3", "b")])
    assert [change.revision for change in repeated if isinstance(change, Change)] == [2, 3]
    await store.close()


async def test_a_cancelled_commit_is_still_done_when_its_turn_comes(path: Path) -> None:
    turn = threading.Event()

    class Slow(sqlite3.Connection):
        def execute(self, sql: str, *parameters: object) -> sqlite3.Cursor:
            if sql == "COMMIT":
                assert turn.wait(30)
            return super().execute(sql, *parameters)  # type: ignore[arg-type]

    turn.set()
    store = SqliteStore(
        path, FrozenClock(), RandomIds(), connect=lambda path: Slow(path, isolation_level=None)
    )
    await store.open()
    turn.clear()
    first, second = (asyncio.ensure_future(store.commit([put(op)])) for op in ("1", "2"))
    await asyncio.sleep(0)
    second.cancel()
    await asyncio.wait({second})
    turn.set()
    assert second.cancelled()
    assert list(await store.settle(["1", "2"])) == ["1", "2"]
    assert [outcome.op for outcome in await first] == ["1"]
    await store.close()


@pytest.mark.parametrize("call", ["renew", "compact"])
async def test_what_may_be_repeated_is_only_unavailable_when_it_breaks_off(
    path: Path, call: str
) -> None:
    store = breaking(path)
    await store.open()
    BreakingConnection.breaks = "before"
    with pytest.raises(StoreUnavailable):
        await (store.renew([], 5.0) if call == "renew" else store.compact(1))
    await (store.renew([], 5.0) if call == "renew" else store.compact(1))
    await store.close()
