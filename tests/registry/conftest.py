"""A clock that stands still, stores, and registries over them that are stopped afterwards."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator

import pytest
import pytest_asyncio

from rollcall.backends.records.inmemory import InMemoryStore
from rollcall.kernel.ids import RandomIds
from rollcall.registry.service import RegistryOptions, RegistryService
from rollcall.registry.store import RecordStore
from rollcall.testing.clock import FrozenClock
from rollcall.testing.faulty_store import FaultyStore
from support.registries import OpenRegistry, RemoteStore


@pytest.fixture
def clock() -> FrozenClock:
    return FrozenClock()


@pytest.fixture
def memory(clock: FrozenClock) -> InMemoryStore:
    """A store that never suspends."""
    return InMemoryStore(clock, RandomIds())


@pytest.fixture
def remote(clock: FrozenClock) -> FaultyStore:
    """A store that writers queue for, that others may write to, and that can be made to fail."""
    return FaultyStore(RemoteStore(clock, RandomIds()), clock)


@pytest_asyncio.fixture
async def open_registry(clock: FrozenClock) -> AsyncIterator[OpenRegistry]:
    """Starts a registry over a store."""
    started: list[RegistryService] = []

    async def open_(store: RecordStore, **options: object) -> RegistryService:
        registry = RegistryService(store, clock=clock, options=RegistryOptions(**options))
        await registry.start()
        started.append(registry)
        return registry

    yield open_
    for registry in started:
        stopping = asyncio.create_task(registry.stop())
        while not stopping.done():
            # It gives a store that hangs some time, which here has to be made to pass.
            await clock.advance(1.0)
        await stopping


@pytest_asyncio.fixture
async def registry(open_registry: OpenRegistry, memory: InMemoryStore) -> RegistryService:
    """A registry in memory."""
    return await open_registry(memory)
