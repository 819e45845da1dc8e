from __future__ import annotations

import asyncio

import pytest

from rollcall.kernel.errors import Unavailable
from rollcall.protocols.preconditions import MAX_WAIT, reached
from rollcall.registry.service import RegistryService
from rollcall.testing.clock import FrozenClock
from rollcall.testing.store_contract.case import record


async def test_a_read_waits_for_the_revision_it_asks_for(
    registry: RegistryService, clock: FrozenClock
) -> None:
    await reached(registry, None)
    await reached(registry, 0)
    waiting = asyncio.create_task(reached(registry, 1))
    await clock.settle()
    assert not waiting.done()
    await registry.register(record())
    await asyncio.wait_for(waiting, 1)


async def test_it_does_not_wait_for_ever(registry: RegistryService, clock: FrozenClock) -> None:
    waiting = asyncio.create_task(reached(registry, 5))
    await clock.advance(MAX_WAIT)
    with pytest.raises(Unavailable, match="revision 5 was not reached within 5 s"):
        await waiting
