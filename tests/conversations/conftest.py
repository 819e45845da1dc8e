"""What tests of tools act on."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator

import pytest_asyncio

from rollcall.backends.records.inmemory import InMemoryStore
from rollcall.kernel.clock import SystemClock
from rollcall.kernel.ids import RandomIds
from rollcall.registry.service import RegistryService
from support.toolworld import World


@pytest_asyncio.fixture
async def world() -> AsyncIterator[World]:
    clock = SystemClock()
    registry = RegistryService(InMemoryStore(clock, RandomIds()), clock=clock)
    await registry.start()
    one = World(registry)
    yield one
    for box in one.boxes:
        await box.close()
    for host in one.hosts:
        await host.kill()
    await registry.stop()
    names = [task.get_name() for task in asyncio.all_tasks()]
    assert not [name for name in names if name.startswith(("tools-", "mcp-"))], "tasks are left"
