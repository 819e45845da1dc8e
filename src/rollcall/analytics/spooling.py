# SPDX-License-Identifier: Apache-2.0
"""Files that are written as quickly as they come, and read as slowly as somebody likes."""

from __future__ import annotations

import asyncio
import os
from collections.abc import AsyncGenerator, AsyncIterator
from tempfile import TemporaryFile
from threading import Lock
from typing import Final

PIECE: Final = 1 << 18
"""Bytes that are read at a time."""


class _Spool:
    """A file without a name, for two threads."""

    def __init__(self) -> None:
        self._file = TemporaryFile(prefix="rollcall-export-")  # noqa: SIM115
        self._lock = Lock()

    def append(self, piece: bytes) -> None:
        with self._lock:
            self._file.seek(0, os.SEEK_END)
            self._file.write(piece)

    def read(self, place: int) -> bytes:
        with self._lock:
            self._file.seek(place)
            return self._file.read(PIECE)

    def close(self) -> None:
        with self._lock:
            self._file.close()


async def ahead(pieces: AsyncIterator[bytes]) -> AsyncGenerator[bytes]:
    """The same bytes, by way of a file on the disk. Whoever gives the pieces is done as soon as it
    can be: a reader that is slow, or stops, holds no connection of a store.
    """
    spool, written, grown = _Spool(), 0, asyncio.Event()

    async def write() -> None:
        nonlocal written
        async for piece in pieces:
            await asyncio.to_thread(spool.append, piece)
            written += len(piece)
            grown.set()

    writing = asyncio.create_task(write(), name="export")
    writing.add_done_callback(lambda _: grown.set())
    try:
        place, ended = 0, False
        while not ended:
            await grown.wait()
            grown.clear()
            # Before looking at what is there: all of it is, once it has ended.
            ended = writing.done()
            while place < written:
                piece = await asyncio.to_thread(spool.read, place)
                place += len(piece)
                yield piece
        await writing
    finally:
        writing.cancel()
        await asyncio.gather(writing, return_exceptions=True)
        spool.close()
