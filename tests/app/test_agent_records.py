"""Agents of definitions in the registry: there while they are active and their process lives."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import AsyncExitStack
from pathlib import Path

import pytest
import pytest_asyncio

from rollcall.agents import AgentService, CapabilityService
from rollcall.agents.changes import Change, change_of
from rollcall.agents.models import By, Status
from rollcall.agents.repository import SqlAgentStore
from rollcall.app.agent_records import LOOK, POLL, AgentRecords
from rollcall.app.features import AGENT, TOOLS
from rollcall.app.own import INTERVAL, Own, owner_of
from rollcall.backends.records.inmemory import InMemoryStore
from rollcall.backends.sql.database import Database, dialect_of
from rollcall.kernel.errors import StoreUnavailable
from rollcall.kernel.ids import RandomIds
from rollcall.registry.models import Record
from rollcall.registry.query import Query
from rollcall.registry.service import RegistryService
from rollcall.testing.clock import FrozenClock
from rollcall.web.passes import Passes
from support.conversing import eventually
from support.databases import sqlite_at

Start = Callable[..., Awaitable[AgentRecords]]
HERE, THERE = Own(AGENT, "10.0.0.1", 3004), Own(AGENT, "10.0.0.2", 3004)


class Store(SqlAgentStore):
    """A store that can be away, and counts the looks at all of it."""

    away = False
    looks = 0

    async def active(self, **page: object) -> object:  # type: ignore[override]
        if self.away:
            raise StoreUnavailable("away")
        self.looks += 1
        return await super().active(**page)  # pyright: ignore[reportArgumentType]


@pytest.fixture
def clock() -> FrozenClock:
    return FrozenClock()


@pytest.fixture
def passes(clock: FrozenClock) -> Passes:
    return Passes(bytes(32), clock)


@pytest_asyncio.fixture
async def database(tmp_path: Path) -> AsyncIterator[Database]:
    one = Database(dialect_of(sqlite_at(tmp_path / "x.db")))
    await one.open()
    yield one
    await one.close()


@pytest_asyncio.fixture
async def registry(clock: FrozenClock) -> AsyncIterator[RegistryService]:
    one = RegistryService(InMemoryStore(clock, RandomIds()), clock=clock)
    await one.start()
    yield one
    await one.stop()


@pytest.fixture
def store(database: Database) -> Store:
    return Store(database)


@pytest.fixture
def agents(store: Store, clock: FrozenClock) -> AgentService:
    return AgentService(store, clock, RandomIds())


@pytest.fixture
def capabilities(store: Store, clock: FrozenClock) -> CapabilityService:
    return CapabilityService(store, clock, RandomIds())


@pytest_asyncio.fixture
async def start(
    store: Store,
    database: Database,
    registry: RegistryService,
    clock: FrozenClock,
    passes: Passes,
) -> AsyncIterator[Start]:
    async with AsyncExitStack() as stack:

        async def make(own: Own = HERE) -> AgentRecords:
            one = AgentRecords(store, database, registry, clock, passes, AGENT.name)
            looks = store.looks
            await one.begin([Own(TOOLS, "10.0.0.1", 3006), own])
            stack.push_async_callback(one.end)
            await eventually(lambda: store.looks > looks or store.away)
            return one

        yield make


def writer(**more: object) -> Change:
    return change_of({"name": "Writer", "description": "Writes letters", **more})


def records(registry: RegistryService, namespace: str = "default") -> list[Record]:
    space = registry.state.spaces.get(namespace)
    slots = space.records.values() if space else ()
    return [registry.state.slots.record(slot) for slot in slots]


def names(registry: RegistryService, namespace: str = "default") -> list[str]:
    return sorted(one.name for one in records(registry, namespace))


async def test_an_active_definition_is_found_by_its_capabilities(
    start: Start,
    agents: AgentService,
    capabilities: CapabilityService,
    registry: RegistryService,
    passes: Passes,
) -> None:
    await capabilities.create(
        "letter writing", capability_id="letters", description="Writes", tags=["mail"]
    )
    await agents.create(writer(capabilities={"letters": {}}), agent_id="ink & quill")
    await start()
    await eventually(lambda: bool(records(registry)))

    (record,) = records(registry)
    assert (record.kind.value, record.name, record.version) == ("agent", "Writer", "1")
    (able,) = record.capabilities
    assert (able.name, able.description, able.tags) == ("letter writing", "Writes", ("mail",))
    assert record.address is not None
    assert record.address.base_url == "http://10.0.0.1:3004/agents/ink%20%26%20quill"
    assert (record.metadata or {})["agent_id"] == "ink & quill"
    assert record.owner == owner_of(record, passes)
    for words in ("letter writing", "mail"):
        (found,) = registry.search_by_words("default", Query(text=words))
        assert registry.view(found.slot).record == record


async def test_it_comes_changes_and_goes_with_the_definition(
    start: Start, agents: AgentService, registry: RegistryService
) -> None:
    await start()

    await agents.create(writer(), agent_id="a")
    await eventually(lambda: names(registry) == ["Writer"])
    await agents.update("a", change_of({"name": "Author"}))
    await eventually(lambda: names(registry) == ["Author"])
    (record,) = records(registry)
    assert record.version == "2"
    await agents.move("a", Status.PAUSED)
    await eventually(lambda: names(registry) == [])
    await agents.move("a", Status.ACTIVE)
    await eventually(lambda: names(registry) == ["Author"])
    await agents.delete("a")
    await eventually(lambda: names(registry) == [])


async def test_drafts_are_nowhere_and_namespaces_apart(
    start: Start, agents: AgentService, registry: RegistryService
) -> None:
    await start()
    await agents.create(writer(name="Draft"), status=Status.DRAFT)
    await agents.create(writer(), By(namespace="acme"))
    await eventually(lambda: names(registry, "acme") == ["Writer"])

    assert names(registry) == []


async def test_what_changed_while_nobody_looked_is_noticed_at_the_start(
    start: Start, agents: AgentService, registry: RegistryService
) -> None:
    await agents.create(writer(), agent_id="a")
    first = await start()
    await eventually(lambda: names(registry) == ["Writer"])
    await first.end()
    assert names(registry) == []
    await agents.update("a", change_of({"name": "Author"}))

    await start()

    await eventually(lambda: names(registry) == ["Author"])


async def test_what_a_killed_process_left_is_removed_by_the_next_at_its_address(
    start: Start, agents: AgentService, registry: RegistryService
) -> None:
    await agents.create(writer(), agent_id="a")
    killed = await start()
    await eventually(lambda: names(registry) == ["Writer"])
    task = killed._task  # pyright: ignore[reportPrivateUsage]
    assert task is not None
    task.cancel()
    killed._task = None  # pyright: ignore[reportPrivateUsage]
    await agents.delete("a")
    await agents.create(writer(name="Other"), agent_id="b")

    await start()

    await eventually(lambda: names(registry) == ["Other"])


async def test_two_processes_have_a_record_each_and_one_that_ends_takes_its_own(
    start: Start, agents: AgentService, registry: RegistryService
) -> None:
    await agents.create(writer(), agent_id="a")
    first = await start(HERE)
    await start(THERE)
    await eventually(lambda: len(records(registry)) == 2)
    assert {one.address.host for one in records(registry) if one.address} == {
        "10.0.0.1",
        "10.0.0.2",
    }

    await first.end()

    (left,) = records(registry)
    assert left.address is not None
    assert left.address.host == "10.0.0.2"


async def test_heartbeats_keep_it_and_write_nothing(
    start: Start, agents: AgentService, registry: RegistryService, clock: FrozenClock, store: Store
) -> None:
    await agents.create(writer(), agent_id="a")
    await start()
    await eventually(lambda: names(registry) == ["Writer"])
    revision = registry.state.revision

    for _ in range(round(2 * LOOK * INTERVAL / POLL) + LOOK):
        await clock.advance(POLL)
        await ticks()
    assert store.looks > 1

    (record,) = records(registry)
    slot = registry.state.slot("default", record.id)
    assert slot is not None
    assert registry.view(slot).status.value == "active"
    assert registry.state.revision == revision


async def test_a_process_that_stands_still_loses_them_and_registers_again(
    start: Start, agents: AgentService, registry: RegistryService, clock: FrozenClock
) -> None:
    await agents.create(writer(), agent_id="a")
    await start()
    await eventually(lambda: names(registry) == ["Writer"])
    (lease,) = registry.state.spaces["default"].leases

    await registry.release("default", lease)
    assert names(registry) == []
    await clock.advance(INTERVAL)

    await eventually(lambda: names(registry) == ["Writer"])


async def test_while_definitions_cannot_be_read_what_is_there_stays(
    start: Start, agents: AgentService, registry: RegistryService, clock: FrozenClock, store: Store
) -> None:
    store.away = True
    await agents.create(writer(), agent_id="a")
    await start()
    assert names(registry) == []

    store.away = False
    for _ in range(20):
        await clock.advance(1.0)
        await ticks()
    await eventually(lambda: names(registry) == ["Writer"])


async def test_the_name_of_the_agent_service_itself_is_nobody_elses(
    start: Start, agents: AgentService, registry: RegistryService
) -> None:
    await agents.create(writer(name="Impostor"), agent_id="assistant")
    await agents.create(writer(), agent_id="b")
    await start()

    await eventually(lambda: bool(records(registry)))
    assert names(registry) == ["Writer"]


async def ticks() -> None:
    """Let go on what was woken."""
    for _ in range(5):
        await asyncio.sleep(0.002)
