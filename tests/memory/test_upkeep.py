# SPDX-License-Identifier: Apache-2.0
from __future__ import annotations

import asyncio
from typing import Any

from rollcall.backends.sql.database import Database
from rollcall.kernel.clock import utc
from rollcall.memory.service import MemoryService
from rollcall.memory.upkeep import SWEEP_EVERY
from rollcall.testing.clock import FrozenClock
from support.memories import told


async def test_what_expires_while_the_service_runs_is_removed_by_itself(
    memories: MemoryService[Any], clock: FrozenClock, database: Database
) -> None:
    await memories.add_memory("tea", {"user_id": "anna"}, expires_at=utc(clock.now() + 1))
    looking = asyncio.create_task(memories.upkeep.look_after())
    async with asyncio.timeout(30):
        while len(await told(database)) < 2:
            await clock.advance(SWEEP_EVERY)
    looking.cancel()
    await asyncio.gather(looking, return_exceptions=True)
    assert [event.type for event in await told(database)] == ["memory.created", "memory.deleted"]


async def test_more_than_one_batch_is_swept_in_all_namespaces(
    memories: MemoryService[Any], clock: FrozenClock
) -> None:
    ends = utc(clock.now() + 1)
    for number in range(205):
        await memories.add_memory(
            f"tea {number}", {"user_id": "anna"}, expires_at=ends, namespace=f"n{number % 2}"
        )
    await clock.advance(1)
    assert await memories.upkeep.sweep() == 205
    assert await memories.upkeep.sweep() == 0
