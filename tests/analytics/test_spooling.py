# SPDX-License-Identifier: Apache-2.0
from __future__ import annotations

import asyncio
from collections.abc import AsyncGenerator

import pytest

from rollcall.analytics.spooling import PIECE, ahead
from rollcall.kernel.errors import StoreUnavailable

ROWS = 2_000
ROW = bytes(range(250)) * 4


class Source:
    """Gives pieces, and says when it has let go of what it reads from."""

    def __init__(self, error: Exception | None = None) -> None:
        self.let_go = asyncio.Event()
        self.error = error

    async def pieces(self) -> AsyncGenerator[bytes]:
        try:
            for _ in range(ROWS):
                yield ROW
            if self.error is not None:
                raise self.error
        finally:
            self.let_go.set()


async def test_a_source_is_let_go_while_its_reader_has_only_begun() -> None:
    source = Source()
    reading = ahead(source.pieces())
    first = await anext(reading)
    async with asyncio.timeout(10):
        await source.let_go.wait()
    assert len(first) <= PIECE < ROWS * len(ROW)
    assert first + b"".join([piece async for piece in reading]) == ROW * ROWS


async def test_what_a_source_raises_comes_behind_what_it_gave() -> None:
    source = Source(StoreUnavailable("it is gone"))
    reading, read = ahead(source.pieces()), bytearray()

    async def take() -> None:
        async for piece in reading:
            read.extend(piece)

    with pytest.raises(StoreUnavailable):
        await take()
    assert bytes(read) == ROW * ROWS


async def test_whoever_leaves_has_the_source_let_go() -> None:
    source = Source()
    reading = ahead(source.pieces())
    await anext(reading)
    await reading.aclose()
    async with asyncio.timeout(10):
        await source.let_go.wait()


async def test_nothing_is_nothing() -> None:
    async def nothing() -> AsyncGenerator[bytes]:
        for piece in ():
            yield piece

    assert [piece async for piece in ahead(nothing())] == []
