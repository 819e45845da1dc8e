"""A registry whose store fails, delays or forgets to answer: no ghosts, no doubles, no lies."""

from __future__ import annotations

import asyncio
from pathlib import Path
from types import SimpleNamespace
from typing import NamedTuple

import pytest

from rollcall.backends.records.sqlite import SqliteStore
from rollcall.kernel.errors import InvalidInput, StoreUnavailable
from rollcall.kernel.ids import RandomIds
from rollcall.orchestration import AgentExists, AgentRegistry, AgentStatus, RegistryEventType
from rollcall.testing.clock import FrozenClock
from rollcall.testing.faulty_store import Delayed, FaultyStore, LostAnswer, LostCommit, Refused
from support.registries import OpenAgentRegistry


class Shaky(NamedTuple):
    registry: AgentRegistry
    store: FaultyStore


@pytest.fixture
async def shaky(open_registry: OpenAgentRegistry, clock: FrozenClock, tmp_path: Path) -> Shaky:
    inner = SqliteStore(tmp_path / "agents.db", clock, RandomIds())
    store = FaultyStore(inner, clock)
    return Shaky(await open_registry(store=store), store)


async def register(registry: AgentRegistry, key: str) -> str:
    mine = SimpleNamespace(capabilities=["code"])
    return await registry.register_agent(mine, "r", agent_id=key)


async def kinds(registry: AgentRegistry) -> list[RegistryEventType]:
    return [(await registry.get_event()).event_type for _ in range(registry.event_queue.qsize())]


async def test_a_registration_that_the_store_refused_leaves_nothing(shaky: Shaky) -> None:
    registry, store = shaky
    store.faults.append(Refused())
    with pytest.raises(StoreUnavailable):
        await register(registry, "a")
    assert "a" not in registry.agents
    assert await kinds(registry) == []
    assert await register(registry, "a") == "a"
    assert registry.agents["a"].agent is not None


@pytest.mark.parametrize("fault", [LostAnswer(), LostCommit()])
async def test_a_registration_whose_answer_was_lost_happens_once(
    shaky: Shaky, fault: LostAnswer | LostCommit
) -> None:
    registry, store = shaky
    store.faults.append(fault)
    assert await register(registry, "a") == "a"
    assert store.struck[type(fault)] == 1
    assert list(registry.agents) == ["a"]
    assert await kinds(registry) == [
        RegistryEventType.RUNTIME_JOINED,
        RegistryEventType.AGENT_REGISTERED,
    ]
    with pytest.raises(AgentExists):
        await register(registry, "a")


async def test_nothing_is_known_or_told_before_it_is_committed(
    shaky: Shaky, clock: FrozenClock
) -> None:
    registry, store = shaky
    store.faults.append(Delayed())
    registering = asyncio.ensure_future(register(registry, "a"))
    await clock.settle()
    assert not registering.done()
    assert "a" not in registry.agents
    assert await registry.find_agents_by_capability("code") == []
    assert registry.event_queue.empty()
    store.release()
    assert await registering == "a"
    assert [one.agent_id for one in await registry.find_agents_by_capability("code")] == ["a"]


async def test_a_second_registration_while_the_first_is_under_way_is_refused(
    shaky: Shaky, clock: FrozenClock
) -> None:
    registry, store = shaky
    store.faults.append(Delayed())
    first = asyncio.ensure_future(register(registry, "a"))
    await clock.settle()
    with pytest.raises(AgentExists):
        await register(registry, "a")
    store.release()
    assert await first == "a"
    assert registry.agents["a"].agent is not None


async def test_a_registration_that_was_given_up_can_be_repeated(
    shaky: Shaky, clock: FrozenClock
) -> None:
    registry, store = shaky
    store.faults.append(Delayed())
    given_up = asyncio.ensure_future(register(registry, "a"))
    await clock.settle()
    given_up.cancel()
    await asyncio.wait({given_up})
    store.release()
    assert await register(registry, "a") == "a"
    assert registry.agents["a"].agent is not None
    assert dict(registry.runtime_agents) == {"r": {"a"}}


async def test_a_removal_that_the_store_refused_has_not_happened(shaky: Shaky) -> None:
    registry, store = shaky
    await register(registry, "a")
    store.faults.append(Refused())
    with pytest.raises(StoreUnavailable):
        await registry.deregister_agent("a", "r")
    assert registry.agents["a"].agent is not None
    assert await registry.deregister_agent("a", "r")


async def test_of_removals_at_once_one_counts(shaky: Shaky) -> None:
    registry, _ = shaky
    await register(registry, "a")
    answers = await asyncio.gather(*(registry.deregister_agent("a", "r") for _ in range(5)))
    assert sorted(answers) == [False] * 4 + [True]
    assert (await registry.get_metrics())["total_deregistrations"] == 1


async def test_reports_at_once_end_in_one_of_them(shaky: Shaky) -> None:
    registry, _ = shaky
    await register(registry, "a")
    statuses = [AgentStatus.BUSY, AgentStatus.DEGRADED, AgentStatus.UNHEALTHY, AgentStatus.OFFLINE]
    assert all(await asyncio.gather(*(registry.update_agent_status("a", one) for one in statuses)))
    assert registry.agents["a"].status in statuses


async def test_a_status_reported_while_the_agent_leaves_is_of_nobody(shaky: Shaky) -> None:
    registry, _ = shaky
    await register(registry, "a")
    left, reported = await asyncio.gather(
        registry.deregister_agent("a", "r"), registry.update_agent_status("a", AgentStatus.BUSY)
    )
    assert (left, reported) == (True, False)
    assert "a" not in registry.agents


async def test_a_store_that_no_scheme_names_is_refused() -> None:
    with pytest.raises(
        InvalidInput, match="known are memory://, postgresql://, sqlite://, zookeeper://"
    ):
        AgentRegistry(store="floppy:///agents.db")


async def test_nobody_expires_while_the_store_is_down(shaky: Shaky, clock: FrozenClock) -> None:
    registry, store = shaky
    await register(registry, "a")
    store.faults.extend(Refused() for _ in range(100))
    store.faults.extend(Refused("renew") for _ in range(100))
    await clock.advance(70)
    assert registry.agents["a"].status is AgentStatus.ACTIVE
    assert await registry.update_agent_heartbeat("a")
    store.faults.clear()
