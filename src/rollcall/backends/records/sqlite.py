# SPDX-License-Identifier: Apache-2.0
"""Records in one SQLite file, for one process: everything on the standard library.

The file belongs to whoever holds the lock beside it. All work is done in one thread of its own, a
whole batch per hop; each commit is on the disk before it is acknowledged (`synchronous=FULL`).
"""

from __future__ import annotations

import asyncio
import sqlite3
from collections.abc import Callable, Sequence
from concurrent.futures import ThreadPoolExecutor
from functools import partial
from pathlib import Path
from typing import Final, TypeVar

from rollcall.backends.records.sqlite_file import SqliteFile, connect
from rollcall.backends.records.wakes import Wakes
from rollcall.kernel.clock import Clock
from rollcall.kernel.errors import Closed
from rollcall.kernel.ids import IdSource
from rollcall.registry.store import Change, Conflict, Renewal, Snapshot, Traits, Write

T = TypeVar("T")

KEEP_CHANGES: Final = 100_000


class SqliteStore:
    """A record store in a SQLite file. Folders above it are created.

    A cancelled call is still done to its end in the thread: what was cancelled while it committed
    has an outcome, and `settle` gives it.

    Args:
        path: The file; `<path>.lock` beside it is the lock.
        clock: Stamps the changes; read in the thread.
        ids: Draws the store's epoch when the file is created.
        keep_changes: How many changes the log keeps at least; a tenth, or 1000, more at most.
        connect: Makes connections that leave transactions alone (`isolation_level=None`).
    """

    traits = Traits(durable=True, shared=False)

    def __init__(
        self,
        path: Path,
        clock: Clock,
        ids: IdSource,
        keep_changes: int = KEEP_CHANGES,
        connect: Callable[[Path], sqlite3.Connection] = connect,
    ) -> None:
        self._path = path
        self._file = SqliteFile(path, clock, ids, keep_changes, connect)
        self._thread: ThreadPoolExecutor | None = None
        self._wakes = Wakes()

    async def open(self) -> Snapshot:
        """Make ready, and read everything; again for a fresh reading.

        Raises:
            InvalidInput: The path is a folder, or leads through a file.
            StoreInUse: Another process holds the file.
            IncompatibleStore: The file is not ours, too new, or damaged.
            StoreUnavailable: It cannot be opened (permissions, a full disk).
        """
        if self._thread is None:
            self._thread = ThreadPoolExecutor(1, thread_name_prefix="rollcall-records")
        return await self._run(self._file.open)

    async def commit(self, writes: Sequence[Write]) -> list[Change | Conflict]:
        return await self._run(partial(self._file.commit, writes), wakes=True)

    async def settle(self, ops: Sequence[str]) -> dict[str, Change]:
        # One thread: when this runs there, every commit before it has come to its end.
        return await self._run(partial(self._file.settle, ops))

    async def changes(self, after: int, limit: int = 1000) -> list[Change]:
        return await self._run(partial(self._file.changes, after, limit))

    async def wait(self, after: int) -> None:
        self._running()
        if self._file.revision <= after:
            await self._wakes.wait()

    async def renew(self, renewals: Sequence[Renewal], alive_at: float) -> None:
        await self._run(partial(self._file.renew, renewals, alive_at))

    async def compact(self, before: int) -> None:
        await self._run(partial(self._file.compact, before))

    async def close(self) -> None:
        thread, self._thread = self._thread, None
        self._wakes.wake()
        if thread is not None:
            closing = asyncio.get_running_loop().run_in_executor(thread, self._file.close)
            thread.shutdown(wait=False)
            await asyncio.shield(closing)

    def _running(self) -> ThreadPoolExecutor:
        if self._thread is None:
            raise Closed(f"the store at {self._path} is not open")
        return self._thread

    async def _run(self, work: Callable[[], T], *, wakes: bool = False) -> T:
        future = asyncio.get_running_loop().run_in_executor(self._running(), work)
        if wakes:
            # Not after the `await`: a caller that is cancelled must not leave the others asleep.
            future.add_done_callback(lambda _: self._wakes.wake())
        return await asyncio.shield(future)


def last_alive(path: Path) -> float | None:
    """When a registry on a file last said that it is up (seconds since the epoch); None: never."""
    try:
        db = sqlite3.connect(f"{path.absolute().as_uri()}?mode=ro", uri=True)
    except sqlite3.Error:
        return None
    try:
        row = db.execute("SELECT alive_at FROM store").fetchone()
    except sqlite3.Error:
        return None
    finally:
        db.close()
    return None if row is None else float(row[0])
