# SPDX-License-Identifier: Apache-2.0
"""An event log in memory: for tests, and for what lives as long as its process."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncGenerator
from contextlib import AbstractAsyncContextManager, asynccontextmanager
from itertools import takewhile

from rollcall.backends.records.wakes import Wakes
from rollcall.events.catalogue import CATALOGUE, Catalogue
from rollcall.events.consumer import Consumer
from rollcall.events.envelope import Event, Identity, from_json, to_json
from rollcall.events.errors import Overtaken
from rollcall.events.log import Entry, Held
from rollcall.events.nesting import alone
from rollcall.events.subscriptions import DeliverySettings, Subscription
from rollcall.kernel.clock import Clock, utc
from rollcall.kernel.errors import Compacted


class InMemoryWork:
    """A unit of work: what will be there if it is committed, over what is there."""

    def __init__(self, catalogue: Catalogue) -> None:
        self._catalogue = catalogue
        self.events: list[Event] = []
        self.admitted: set[tuple[str, Identity]] = set()
        self.groups: dict[str, int] = {}
        self.held: dict[tuple[str, int], Held | None] = {}

    def publish(self, *events: Event) -> None:
        for event in events:
            self._catalogue.check(event)
        # A copy, as others would read it: nobody changes afterwards what was told.
        self.events += [from_json(to_json(event)) for event in events]


class InMemoryEventLog:
    """An event log, its inbox and its groups, that live as long as this object.

    Args:
        catalogue: What may be published.
    """

    def __init__(self, catalogue: Catalogue = CATALOGUE) -> None:
        self._catalogue = catalogue
        self._writing = asyncio.Lock()
        self._entries: list[Entry] = []
        self._compacted = 0
        self._identities: set[Identity] = set()
        self._admitted: set[tuple[str, Identity]] = set()
        self._groups: dict[str, int] = {}
        self._held: dict[tuple[str, int], Held] = {}
        self._wakes = Wakes()

    def consumer(
        self, subscription: Subscription[InMemoryWork], clock: Clock, settings: DeliverySettings
    ) -> Consumer[InMemoryWork]:
        return Consumer(self, subscription, clock, settings)

    def begin(self) -> AbstractAsyncContextManager[InMemoryWork]:
        return self._begin()

    @asynccontextmanager
    async def _begin(self) -> AsyncGenerator[InMemoryWork]:
        with alone(self):
            async with self._writing:
                work = InMemoryWork(self._catalogue)
                yield work
                self._commit(work)

    @property
    def _end(self) -> int:
        return self._compacted + len(self._entries)

    async def read(self, after: int, limit: int = 100) -> list[Entry]:
        if after < self._compacted:
            raise Compacted(after, self._compacted + 1)
        start = after - self._compacted
        return self._entries[start : start + limit]

    async def end(self) -> int:
        return self._end

    async def wait(self, after: int) -> None:
        if self._end <= after:
            await self._wakes.wait()

    async def compact(self, before: float) -> int:
        async with self._writing:
            moment, passed = utc(before), min(self._groups.values(), default=self._end)
            old = list(
                takewhile(lambda e: e.position <= passed and e.event.time < moment, self._entries)
            )
            del self._entries[: len(old)]
            self._compacted += len(old)
            forgotten = {entry.event.identity for entry in old}
            self._identities -= forgotten
            self._admitted = {one for one in self._admitted if one[1] not in forgotten}
            return len(old)

    async def admit(self, work: InMemoryWork, group: str, *events: Event) -> list[Event]:
        new: list[Event] = []
        for event in events:
            key = (group, event.identity)
            if key not in self._admitted and key not in work.admitted:
                work.admitted.add(key)
                new.append(event)
        return new

    async def join(self, group: str) -> int:
        return self._groups.setdefault(group, self._compacted)

    async def advance(self, work: InMemoryWork, group: str, before: int, after: int) -> None:
        if work.groups.get(group, self._groups.get(group)) != before:
            raise Overtaken(group)
        work.groups[group] = after

    async def held(self, group: str) -> list[Held]:
        held = [one for one in self._held.values() if one.group == group]
        return sorted(held, key=lambda one: one.position)

    async def hold(self, work: InMemoryWork, held: Held, before: Held | None = None) -> Held:
        self._keep(work, held.group, held.position, before, held)
        return held

    async def release(self, work: InMemoryWork, held: Held) -> None:
        self._keep(work, held.group, held.position, held, None)

    def _keep(
        self, work: InMemoryWork, group: str, position: int, before: Held | None, held: Held | None
    ) -> None:
        key = (group, position)
        if work.held.get(key, self._held.get(key)) != before:
            raise Overtaken(group)
        work.held[key] = held

    def _commit(self, work: InMemoryWork) -> None:
        self._admitted |= work.admitted
        self._groups |= work.groups
        for key, held in work.held.items():
            if held is None:
                self._held.pop(key, None)
            else:
                self._held[key] = held
        for event in work.events:
            if event.identity not in self._identities:
                self._identities.add(event.identity)
                self._entries.append(Entry(self._end + 1, event))
        if work.events:
            self._wakes.wake()
