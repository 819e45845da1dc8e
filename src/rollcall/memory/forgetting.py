# SPDX-License-Identifier: Apache-2.0
"""How memories go: with everything that came from them, in one unit of work."""

from __future__ import annotations

import asyncio
from collections import Counter
from collections.abc import Iterator, Mapping, Sequence
from datetime import datetime
from typing import Any, Final, Generic

from rollcall.events.log import WorkT
from rollcall.memory.models import Filters, Selection
from rollcall.memory.ports import Derived, Holder, MemoryStore
from rollcall.memory.telling import deleted

_CHUNK: Final = 500


class Forgetting(Generic[WorkT]):
    """Removes memories from their store and from all who derive from them.

    Args:
        store: Where memories are.
        owners: Who derives from them, and keeps that in the same database.
        holders: Who keeps more of the same users there.
    """

    def __init__(
        self,
        store: MemoryStore[WorkT],
        owners: Sequence[Derived[WorkT]],
        holders: Sequence[Holder[WorkT]] = (),
    ) -> None:
        self._store = store
        self._holders = holders
        # The memories first: who adds to what comes from one has to wait for it, or finds it gone.
        self._owners = (store, *owners)
        self._turn = asyncio.Lock()
        self._asked = 0
        self._done = 0
        self._scrubbed = True

    @property
    def unfinished(self) -> bool:
        """Whether something that was removed is still in the files."""
        return not self._scrubbed

    async def forget(
        self, work: WorkT, namespace: str, memory_ids: Sequence[str], at: datetime
    ) -> Counter[str]:
        """Remove memories in `work`, and tell it; how many of what were removed."""
        gone: Counter[str] = Counter()
        for ids in _chunks(memory_ids):
            for owner in self._owners:
                _add(gone, await owner.forget(work, namespace, ids))
            work.publish(*(deleted(namespace, one, at) for one in ids))
        return gone

    async def count(
        self, connection: Any, namespace: str, memory_ids: Sequence[str]
    ) -> Counter[str]:
        """What `forget` would remove."""
        there: Counter[str] = Counter()
        for ids in _chunks(memory_ids):
            for owner in self._owners:
                _add(there, await owner.count(connection, namespace, ids))
        return there

    async def erase(self, namespace: str, whose: Filters, at: datetime) -> dict[str, int]:
        """Remove all that there is of a scope; how many of what."""
        filters = whose.as_dict()
        for holder in self._holders:
            await holder.settle(namespace, filters)
        async with self._store.begin() as work:
            ids = await self._store.ids(work, namespace, Selection(filters=whose))
            gone = await self.forget(work, namespace, ids, at)
            for holder in self._holders:
                _add(gone, await holder.erase(work, namespace, filters, at))
        return dict(gone)

    async def held(self, namespace: str, whose: Filters) -> dict[str, int]:
        """What `erase` would remove."""
        async with self._store.reading() as connection:
            ids = await self._store.ids(connection, namespace, Selection(filters=whose))
            there = await self.count(connection, namespace, ids)
            for holder in self._holders:
                _add(there, await holder.held(connection, namespace, whose.as_dict()))
        return dict(there)

    async def scrub(self) -> bool:
        """Have what was removed before leave the files too; see `MemoryStore.scrub`.

        Who asks while that is under way waits for the next time, together with all others who do.
        """
        self._asked += 1
        mine = self._asked
        async with self._turn:
            if self._done < mine:
                upto = self._asked
                for holder in self._holders:
                    await holder.tidy()
                self._scrubbed = await self._store.scrub()
                self._done = upto
            return self._scrubbed


def _chunks(ids: Sequence[str]) -> Iterator[Sequence[str]]:
    """Once without any where there are none, so that all who would count say 0."""
    return (ids[start : start + _CHUNK] for start in range(0, len(ids) or 1, _CHUNK))


def _add(total: Counter[str], more: Mapping[str, int]) -> None:
    for name, count in more.items():
        total[name] += count
