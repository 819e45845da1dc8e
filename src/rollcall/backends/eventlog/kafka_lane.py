# SPDX-License-Identifier: Apache-2.0
"""One partition of all topics of a group, put into one order: what a `Consumer` reads."""

from __future__ import annotations

import asyncio
from collections import deque
from collections.abc import AsyncGenerator, Awaitable, Callable, Iterable, Mapping
from contextlib import AbstractAsyncContextManager, asynccontextmanager
from itertools import islice
from typing import Final, NamedTuple

from rollcall.backends.eventlog import kafka_tables
from rollcall.backends.eventlog.kafka_sealing import Sealing
from rollcall.backends.eventlog.kafka_wire import Message, decoded
from rollcall.backends.sql.database import Database
from rollcall.backends.sql.unit_of_work import SqlUnitOfWork
from rollcall.events.envelope import Event
from rollcall.events.errors import Overtaken
from rollcall.events.log import Entry, Held
from rollcall.kernel.clock import Clock

FULL: Final = 1000
"""Messages that wait in a lane, from which on no more are fetched of what it has some of."""


class _Waiting(NamedTuple):
    message: Message
    turn: int
    """Counts what was received; later is higher."""


class _Taken(NamedTuple):
    entry: Entry
    message: Message


class Lane:
    """A log of its own for one consumer, whose positions count from 1 where the lane begins.

    Messages of one key are in the same partition of every topic. A message of another topic that
    was sent earlier may be fetched later, so before one is given out, all topics are known to have
    been read up to where they ended after it came.

    Args:
        group: Whose.
        partition: Which.
        types: The types whose topics have this partition.
        database: Where the group keeps what it has taken and what it holds.
        sealing: Opens what is sealed in messages.
        clock: Dates what is taken.
        ends: Where the topics end now, and up to where they were fetched, by type.
        settled: Called when offsets may move.
        full: Messages that may wait in it.
    """

    def __init__(
        self,
        group: str,
        partition: int,
        types: Iterable[str],
        database: Database,
        sealing: Sealing,
        clock: Clock,
        ends: Callable[[int, Iterable[str]], Awaitable[Mapping[str, tuple[int, int]]]],
        settled: Callable[[], None],
        full: int = FULL,
    ) -> None:
        self.partition = partition
        self.next: dict[str, int] = {}
        """By type, the offset behind the last message that was settled."""
        self._group = group
        self._database = database
        self._sealing = sealing
        self._clock = clock
        self._ends = ends
        self._tell = settled
        self._full = full
        self._queues: dict[str, deque[_Waiting]] = {name: deque() for name in sorted(types)}
        self._taken: deque[_Taken] = deque()
        self._settled = self._last = self._moving = 0
        self._turn = 0
        self._known: dict[str, int] = {}
        """By type, the turn before which everything was fetched."""
        self._more = asyncio.Event()

    @property
    def types(self) -> list[str]:
        """The types whose topics have this partition."""
        return list(self._queues)

    @property
    def waiting(self) -> int:
        """How many messages are here that were not settled."""
        return len(self._taken) + sum(len(queue) for queue in self._queues.values())

    def has_enough(self, type_: str) -> bool:
        """Whether no more of a type should be fetched for now.

        Of a type that the lane has nothing of it never has enough: the others may wait until it is
        known that nothing of it was sent before them.
        """
        return bool(self._queues[type_]) and self.waiting >= self._full

    def receive(self, messages: Iterable[Message]) -> None:
        """Take what was fetched, in order."""
        for message in messages:
            self._turn += 1
            self._queues[message.type].append(_Waiting(message, self._turn))
        self._more.set()

    def begin(self) -> AbstractAsyncContextManager[SqlUnitOfWork]:
        return self._begin()

    @asynccontextmanager
    async def _begin(self) -> AsyncGenerator[SqlUnitOfWork]:
        async with self._database.begin() as work:
            self._moving = self._settled
            yield work
        if self._moving > self._settled:
            self._settled = self._moving
            while self._taken and self._taken[0].entry.position <= self._settled:
                message = self._taken.popleft().message
                self.next[message.type] = message.offset + 1
            self._tell()

    async def read(self, after: int, limit: int = 100) -> list[Entry]:
        behind = self._last - after
        if behind < limit:
            await self._merge(limit - behind)
            behind = self._last - after
        start = max(0, len(self._taken) - behind)
        found = list(islice(self._taken, start, start + limit))
        events = await self._sealing.events(
            [(one.entry.event, one.message.value or b"") for one in found]
        )
        return [one.entry._replace(event=event) for one, event in zip(found, events, strict=True)]

    async def end(self) -> int:
        """The position of the last message that Kafka has now, or one behind it."""
        places = await self._ends(self.partition, self._queues)
        behind = sum(max(0, end - upto) for end, upto in places.values())
        # Not before: what came meanwhile is no longer behind, but here.
        return self._last + sum(len(queue) for queue in self._queues.values()) + behind

    async def wait(self, after: int) -> None:
        await self._more.wait()

    async def compact(self, before: float) -> int:
        return 0

    async def admit(self, work: SqlUnitOfWork, group: str, *events: Event) -> list[Event]:
        return await kafka_tables.take(work.connection, group, events, self._clock.now())

    async def join(self, group: str) -> int:
        return self._settled

    async def advance(self, work: SqlUnitOfWork, group: str, before: int, after: int) -> None:
        if before != self._moving:
            raise Overtaken(group)
        self._moving = after

    async def held(self, group: str) -> list[Held]:
        return await self._sealing.held(group, self.partition)

    async def hold(
        self, work: SqlUnitOfWork, held: Held, before: Held | None = None
    ) -> Held | None:
        if before is not None:
            await kafka_tables.replace(work.connection, held, before)
            return held
        if not await self.admit(work, held.group, held.event):
            return None
        message = next(one.message for one in self._taken if one.entry.position == held.position)
        ticket = await kafka_tables.add(work.connection, held, message)
        return Held(
            *(held.group, ticket, held.event, held.attempts),
            *(held.retry_at, held.failed_at, held.error),
        )

    async def release(self, work: SqlUnitOfWork, held: Held) -> None:
        await kafka_tables.release(work.connection, held)

    async def _merge(self, count: int) -> None:
        """Put up to `count` messages behind the others, as far as their order is known."""
        # Before looking: what comes while it looks must not be slept over.
        self._more.clear()
        for _ in range(count):
            first = self._first()
            if first is None or not await self._complete(first[0].turn):
                return
            # Afresh: while that was looked up, an earlier one may have come.
            queue = self._first() or first
            message = queue.popleft().message
            self._last += 1
            event, fault = decoded(message)
            self._taken.append(_Taken(Entry(self._last, event, fault), message))

    def _first(self) -> deque[_Waiting] | None:
        """The topic whose next message was sent first; None: there is none."""
        waiting = [queue for queue in self._queues.values() if queue]
        return min(waiting, key=lambda queue: queue[0].message.timestamp, default=None)

    async def _complete(self, turn: int) -> bool:
        """Whether nothing that was sent before what came in this turn is still to be fetched."""

        def unknown() -> list[str]:
            return [
                name
                for name, queue in self._queues.items()
                if not queue and self._known.get(name, 0) < turn
            ]

        empty = unknown()
        if not empty:
            return True
        now = self._turn
        for name, (end, upto) in (await self._ends(self.partition, empty)).items():
            if upto >= end:
                self._known[name] = now
        return not unknown()
