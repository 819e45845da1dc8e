# SPDX-License-Identifier: Apache-2.0
"""The last so many things, for any number of readers with a cursor each."""

from __future__ import annotations

import asyncio
from collections import deque
from itertools import islice
from typing import Generic, TypeVar

from rollcall.kernel.errors import InvalidInput

T = TypeVar("T")


class Ring(Generic[T]):
    """Keeps the last `keep` items, numbered from 0 on.

    Appending costs the same however many read, how slow they are, or whether they hang: a reader
    that falls more than `keep` behind finds `start` beyond its cursor.

    Attributes:
        end: The number of the next item to come.
        items: Those that are kept.
        waiters: Who waits for more.
        closed: Nothing will come any more.
    """

    def __init__(self, keep: int) -> None:
        if keep < 1:
            raise InvalidInput("keep", f"must be 1 or more, not {keep}")
        self.end = 0
        self.closed = False
        self.items: deque[T] = deque(maxlen=keep)
        self.waiters: list[asyncio.Future[None]] = []

    @property
    def keep(self) -> int:
        """How many items are kept."""
        return self.items.maxlen or 0

    @property
    def start(self) -> int:
        """The number of the oldest item that is kept."""
        return self.end - len(self.items)

    def at(self, number: int) -> T:
        """The item with this number, which must be kept."""
        return self.items[number - self.start]

    def slice(self, start: int, end: int) -> list[T]:
        """The items from number `start` to before `end`, which must be kept."""
        return list(islice(self.items, start - self.start, end - self.start))

    def append(self, item: T) -> None:
        """Add an item, in place of the oldest where there are `keep` already; wake who waits."""
        self.items.append(item)
        self.end += 1
        if self.waiters:
            self.wake()

    async def grown(self, end: int) -> None:
        """Return once there is an item numbered `end`, or nothing will come any more."""
        while self.end <= end and not self.closed:
            await self.changed()

    async def changed(self) -> None:
        """Return after the next append, or when the ring is closed."""
        waiter: asyncio.Future[None] = asyncio.get_running_loop().create_future()
        self.waiters.append(waiter)
        try:
            await waiter
        finally:
            if waiter in self.waiters:
                self.waiters.remove(waiter)

    def close(self) -> None:
        """Nothing will come any more; readers may still read what is there."""
        self.closed = True
        self.wake()

    def wake(self) -> None:
        """Have those who wait look again."""
        waiters, self.waiters = self.waiters, []
        for waiter in waiters:
            if not waiter.done():
                waiter.set_result(None)
