# SPDX-License-Identifier: Apache-2.0
"""What goes on beside the requests: expiry, and vectors for what has none."""

from __future__ import annotations

from typing import Final, Generic

from rollcall.events.log import WorkT
from rollcall.kernel.clock import Clock, utc
from rollcall.memory.forgetting import Forgetting
from rollcall.memory.meaning import Meaning
from rollcall.memory.ports import MemoryStore

SWEEP_EVERY: Final = 60.0
"""Seconds between looks for what has expired; it is not found any more at once."""

_BATCH: Final = 200


class Upkeep(Generic[WorkT]):
    """Looks after memories.

    Args:
        store: Where they are.
        forgetting: Removes them.
        meaning: Encodes them.
        clock: Time.
    """

    def __init__(
        self,
        store: MemoryStore[WorkT],
        forgetting: Forgetting[WorkT],
        meaning: Meaning,
        clock: Clock,
    ) -> None:
        self._store = store
        self._forgetting = forgetting
        self._meaning = meaning
        self._clock = clock

    async def sweep(self) -> int:
        """Remove what has expired; how many memories that were."""
        total = 0
        while True:
            now = self._clock.now()
            async with self._store.begin() as work:
                expired = await self._store.expired(work, now, _BATCH)
                by_namespace: dict[str, list[str]] = {}
                for namespace, memory_id in expired:
                    by_namespace.setdefault(namespace, []).append(memory_id)
                for namespace, ids in by_namespace.items():
                    await self._forgetting.forget(work, namespace, ids, utc(now))
            total += len(expired)
            if len(expired) < _BATCH:
                return total

    async def catch_up(self) -> int:
        """Encode what was kept while there was no encoder, or another one; how many memories."""
        total = 0
        while (encoder := self._meaning.encoder) is not None:
            waiting = await self._store.unencoded(encoder, _BATCH)
            encoded = await self._meaning.encoded([one.memory.content for one in waiting])
            if not waiting or encoded is None:
                break
            async with self._store.begin() as work:
                await self._store.encode(work, list(zip(waiting, encoded, strict=True)))
            total += len(waiting)
        return total

    async def encode_the_rest(self) -> None:
        """`catch_up`, as a background task."""
        await self.catch_up()

    async def tidy(self) -> bool:
        """Have what was erased leave the files, where they were in use; whether it has now."""
        return await self._forgetting.scrub() if self._forgetting.unfinished else True

    async def look_after(self) -> None:
        """Sweep and tidy now and then, for ever."""
        while True:
            await self.sweep()
            await self.tidy()
            await self._clock.sleep(SWEEP_EVERY)
