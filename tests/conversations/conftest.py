"""What tests of conversations act on: a world of tools, and the fronts, without a network."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Callable
from contextlib import AsyncExitStack
from functools import partial
from pathlib import Path

import httpx
import pytest
import pytest_asyncio
from fastapi import FastAPI

from rollcall.backends.records.inmemory import InMemoryStore
from rollcall.backends.sql.database import Database, dialect_of
from rollcall.conversations.models import ToolRun, ToolSpec
from rollcall.conversations.options import ConversationOptions
from rollcall.conversations.service import ConversationService
from rollcall.kernel.clock import SystemClock
from rollcall.kernel.ids import RandomIds
from rollcall.registry.service import RegistryService
from rollcall.testing.clock import FrozenClock
from support.conversations import InMemoryConversations, InMemoryToolbox, ScriptedLoop
from support.conversing import Flaky, Parrot, Start
from support.databases import sqlite_at
from support.fronts import front_of
from support.talkers import RUN
from support.toolworld import World

MakeFront = Callable[..., FastAPI]

CALCULATE = ToolSpec(
    name="calculate",
    tool="calculate",
    service="ext-tool",
    description="Calculates",
    input_schema={"type": "object", "properties": {"expression": {"type": "string"}}},
    idempotent=True,
    path="/calculate",
    version="1",
)


@pytest.fixture
def clock() -> FrozenClock:
    return FrozenClock()


@pytest.fixture
def run() -> ToolRun:
    """A call that went well."""
    return RUN


@pytest.fixture
def loop() -> ScriptedLoop:
    return ScriptedLoop("scripted:small", "scripted:large")


@pytest.fixture
def toolbox() -> InMemoryToolbox:
    return InMemoryToolbox(CALCULATE)


@pytest_asyncio.fixture
async def conversations(
    loop: ScriptedLoop, clock: FrozenClock
) -> AsyncIterator[InMemoryConversations]:
    made = InMemoryConversations(loop, clock, RandomIds())
    yield made
    await made.close()


@pytest.fixture
def front(
    conversations: InMemoryConversations,
    toolbox: InMemoryToolbox,
    loop: ScriptedLoop,
    clock: FrozenClock,
) -> MakeFront:
    """Makes an application with all fronts."""
    return partial(front_of, conversations, toolbox, loop, clock)


@pytest_asyncio.fixture
async def client(front: MakeFront) -> AsyncIterator[httpx.AsyncClient]:
    """Of an application that everybody on this machine may use."""
    transport = httpx.ASGITransport(front())
    async with httpx.AsyncClient(transport=transport, base_url="http://localhost") as one:
        yield one


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


@pytest_asyncio.fixture
async def database(tmp_path: Path) -> AsyncIterator[Database]:
    database = Database(dialect_of(sqlite_at(tmp_path / "x.db")))
    await database.open()
    yield database
    await database.close()


@pytest.fixture
def parrot() -> Parrot:
    return Parrot()


@pytest.fixture
def store(database: Database) -> Flaky:
    return Flaky(database)


@pytest_asyncio.fixture
async def start(store: Flaky, parrot: Parrot) -> AsyncIterator[Callable[..., object]]:
    async with AsyncExitStack() as stack:

        async def make(**options: object) -> ConversationService:
            service = ConversationService(
                store,
                parrot,
                SystemClock(),
                RandomIds(),
                ConversationOptions(**options),  # pyright: ignore[reportArgumentType]
            )
            await service.start()
            stack.push_async_callback(service.stop)
            return service

        yield make


@pytest_asyncio.fixture
async def service(start: Start) -> ConversationService:
    return await start()
