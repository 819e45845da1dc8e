from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator

from rollcall.conversations.models import TextPart, TextReset, Update
from rollcall.conversations.peeking import Peeking
from rollcall.testing.clock import FrozenClock


class Source:
    """Gives what it is given, and knows whether it was closed."""

    def __init__(self, *updates: Update) -> None:
        self.queue: asyncio.Queue[Update | None] = asyncio.Queue()
        self.closed = False
        for one in updates:
            self.queue.put_nowait(one)

    async def updates(self) -> AsyncIterator[Update]:
        try:
            while (one := await self.queue.get()) is not None:
                yield one
        finally:
            self.closed = True


async def test_what_was_looked_at_comes_once_and_in_order(clock: FrozenClock) -> None:
    source = Source(TextReset(), TextPart("a"), TextPart("b"))
    source.queue.put_nowait(None)
    peeking = Peeking(source.updates())

    assert await peeking.ended_at_once(clock, 5) is None

    assert [one async for one in peeking] == [TextReset(), TextPart("a"), TextPart("b")]


async def test_what_comes_after_the_patience_is_over_is_not_lost(clock: FrozenClock) -> None:
    source = Source(TextReset())
    peeking = Peeking(source.updates())
    looking = asyncio.create_task(peeking.ended_at_once(clock, 5))
    await clock.advance(5)
    assert await looking is None

    source.queue.put_nowait(TextPart("late"))
    source.queue.put_nowait(None)

    assert [one async for one in peeking] == [TextReset(), TextPart("late")]


async def test_whoever_leaves_before_anything_came_closes_the_source(clock: FrozenClock) -> None:
    source = Source()
    peeking = Peeking(source.updates())
    looking = asyncio.create_task(peeking.ended_at_once(clock, 5))
    await clock.advance(5)
    await looking

    await peeking.aclose()

    assert source.closed
