"""What registries of agents are known to do wrong, and this one does not."""

from __future__ import annotations

import asyncio
from types import SimpleNamespace

import pytest

from rollcall.orchestration import (
    AgentRegistry,
    AgentRegistryConfig,
    AgentStatus,
    RegistryEvent,
    RegistryEventType,
)
from rollcall.testing.clock import FrozenClock
from support.registries import OpenAgentRegistry

CHANGED = RegistryEventType.AGENT_STATUS_CHANGED
DEREGISTERED = RegistryEventType.AGENT_DEREGISTERED


class ShiftedClock(FrozenClock):
    """One whose wall clock somebody sets."""

    shift = 0.0

    def now(self) -> float:
        return super().now() + self.shift


async def register(registry: AgentRegistry, key: str, capability: str = "code") -> None:
    await registry.register_agent(
        SimpleNamespace(capabilities=[capability]), f"runtime of {key}", agent_id=key
    )


async def drained(registry: AgentRegistry) -> list[RegistryEvent]:
    return [await registry.get_event() for _ in range(registry.event_queue.qsize())]


async def steps_of_searches(count: int) -> int:
    """What it costs to find three agents among `count`, in entries touched."""
    registry = AgentRegistry(clock=FrozenClock())
    for number in range(count):
        await register(registry, f"a{number}", f"task {number % 50}")
    for number in range(3):
        await register(registry, f"wanted {number}", "flight booking")
    index = registry.service.state.index
    before = index.steps
    assert len(await registry.find_agents_by_capability("flight booking")) == 3
    assert len(await registry.find_agents_by_capability("booking")) == 3
    assert await registry.find_agents_by_capability("booking", AgentStatus.BUSY) == []
    assert await registry.find_agents_by_capability("nobody can do this") == []
    return index.steps - before


async def test_a_search_does_not_look_at_every_agent() -> None:
    few, many = [await steps_of_searches(count) for count in (100, 10_000)]
    assert 0 < many <= few + 10


async def test_a_heartbeat_costs_the_same_however_many_agents_there_are(
    registry: AgentRegistry,
) -> None:
    for number in range(5_000):
        await register(registry, f"a{number}")
    index, leases = registry.service.state.index, registry.service.timers.table
    before = (index.steps, leases.scanned, registry.service.state.revision)
    for number in range(0, 5_000, 50):
        assert await registry.update_agent_heartbeat(f"a{number}")
    assert (index.steps, leases.scanned, registry.service.state.revision) == before


async def test_a_missed_heartbeat_turns_an_agent_unhealthy(
    registry: AgentRegistry, clock: FrozenClock
) -> None:
    await register(registry, "a")
    await drained(registry)
    await clock.advance(29.9)
    assert registry.agents["a"].status is AgentStatus.ACTIVE
    await clock.advance(0.1)
    assert registry.agents["a"].status is AgentStatus.UNHEALTHY
    assert await registry.find_agents_by_capability("code") == []
    (event,) = await drained(registry)
    assert (event.event_type, event.agent_id) == (CHANGED, "a")
    assert event.metadata == {
        "old_status": AgentStatus.ACTIVE,
        "new_status": AgentStatus.UNHEALTHY,
        "cause": "heartbeat missed",
    }


async def test_an_agent_that_stays_silent_is_deregistered(
    registry: AgentRegistry, clock: FrozenClock
) -> None:
    await register(registry, "a")
    await clock.advance(59.9)
    await drained(registry)
    assert "a" in registry.agents
    await clock.advance(0.1)
    assert "a" not in registry.agents
    gone, left = await drained(registry)
    assert (gone.event_type, gone.agent_id) == (DEREGISTERED, "a")
    assert gone.metadata == {"cause": "heartbeat missed"}
    assert left.event_type is RegistryEventType.RUNTIME_LEFT
    assert len(registry.service.state.spaces) == 0


async def test_heartbeats_keep_an_agent_alive(registry: AgentRegistry, clock: FrozenClock) -> None:
    for key in ("breathing", "silent"):
        await register(registry, key)
    for _ in range(20):
        await clock.advance(29)
        await registry.update_agent_heartbeat("breathing")
    assert list(registry.agents) == ["breathing"]
    assert registry.agents["breathing"].status is AgentStatus.ACTIVE


async def test_a_heartbeat_brings_an_unhealthy_agent_back(
    registry: AgentRegistry, clock: FrozenClock
) -> None:
    await register(registry, "a")
    await registry.update_agent_status("a", AgentStatus.DEGRADED)
    await clock.advance(40)
    await drained(registry)
    assert await registry.update_agent_heartbeat("a")
    assert registry.agents["a"].status is AgentStatus.DEGRADED
    beat, back = await drained(registry)
    assert beat.event_type is RegistryEventType.AGENT_HEARTBEAT
    assert back.metadata["new_status"] is AgentStatus.DEGRADED
    assert back.metadata["cause"] == "heartbeat came back"
    await clock.advance(29.9)
    assert registry.agents["a"].status is AgentStatus.DEGRADED


async def test_a_heartbeat_does_not_overwrite_a_reported_failure(
    registry: AgentRegistry, clock: FrozenClock
) -> None:
    await register(registry, "a")
    await registry.update_agent_status("a", AgentStatus.UNHEALTHY)
    await registry.update_agent_heartbeat("a")
    assert registry.agents["a"].status is AgentStatus.UNHEALTHY
    await clock.advance(31)
    await registry.update_agent_heartbeat("a")
    assert registry.agents["a"].status is AgentStatus.UNHEALTHY


@pytest.mark.parametrize("status", ["active", "busy", "degraded"])
async def test_reporting_that_it_works_brings_an_agent_back(
    registry: AgentRegistry, clock: FrozenClock, status: str
) -> None:
    await register(registry, "a")
    await clock.advance(40)
    await registry.update_agent_status("a", status)
    assert registry.agents["a"].status == status
    await clock.advance(29.9)
    assert registry.agents["a"].status == status


@pytest.mark.parametrize("status", ["unhealthy", "offline"])
async def test_reporting_a_failure_is_no_sign_of_life(
    registry: AgentRegistry, clock: FrozenClock, status: str
) -> None:
    await register(registry, "a")
    await clock.advance(40)
    await registry.update_agent_status("a", status)
    await clock.advance(20)
    assert "a" not in registry.agents


async def test_the_death_of_many_at_once_is_believed(
    registry: AgentRegistry, clock: FrozenClock
) -> None:
    for number in range(200):
        await register(registry, f"a{number}")
    await clock.advance(30)
    assert len(registry.status_index[AgentStatus.UNHEALTHY]) == 200
    await clock.advance(30)
    assert len(registry.agents) == 0
    metrics = await registry.get_metrics()
    assert (metrics["missed_heartbeats"], metrics["total_deregistrations"]) == (200, 200)


async def test_heartbeats_are_told(registry: AgentRegistry) -> None:
    await register(registry, "a")
    await drained(registry)
    for _ in range(3):
        await registry.update_agent_heartbeat("a")
    assert [(one.event_type.value, one.agent_id) for one in await drained(registry)] == [
        ("agent_heartbeat", "a")
    ] * 3


async def test_registration_goes_on_with_a_full_queue(open_registry: OpenAgentRegistry) -> None:
    registry = await open_registry(AgentRegistryConfig(event_queue_size=4))
    for number in range(20):
        await register(registry, f"a{number}")
        await registry.update_agent_heartbeat(f"a{number}")
    assert registry.event_queue.full()
    assert (await registry.get_metrics())["events_dropped"] == 3 * 20 - 4
    kept = [(one.event_type.value, one.agent_id) for one in await drained(registry)]
    assert kept == [
        ("agent_heartbeat", "a18"),
        ("runtime_joined", None),
        ("agent_registered", "a19"),
        ("agent_heartbeat", "a19"),
    ]
    assert (await registry.get_metrics())["events_dropped"] == 3 * 20 - 4


async def test_listeners_that_hang_do_not_slow_registration(
    registry: AgentRegistry, clock: FrozenClock
) -> None:
    never = asyncio.Event()

    async def hang(event: RegistryEvent) -> None:
        await never.wait()

    for number in range(100):
        # Each is a callback of its own.
        registry.subscribe(
            RegistryEventType.AGENT_REGISTERED, lambda event, number=number: hang(event)
        )
    for number in range(10):
        registering = asyncio.ensure_future(register(registry, f"a{number}"))
        await clock.settle(10)
        assert registering.done()
    assert len(registry.agents) == 10
    never.set()


async def test_looking_at_what_is_not_there_inserts_nothing(registry: AgentRegistry) -> None:
    await register(registry, "a")
    views = registry.runtime_agents, registry.capability_index, registry.status_index
    before = [dict(view) for view in views]
    for view in views:
        assert view["missing"] == frozenset()
        assert "missing" not in view
    assert [dict(view) for view in views] == before


async def test_no_index_key_and_no_runtime_outlives_its_last_agent(registry: AgentRegistry) -> None:
    for number in range(500):
        await register(registry, "a", f"capability {number}")
        await registry.deregister_agent("a", "runtime of a")
    await register(registry, "b")
    assert dict(registry.runtime_agents) == {"runtime of b": {"b"}}
    assert dict(registry.capability_index) == {"code": {"b"}}
    assert dict(registry.status_index) == {AgentStatus.ACTIVE: {"b"}}
    assert len(registry.service.state.slots) == 1
    # Slots are used again: the arrays do not grow with those who were here once.
    assert len(registry.service.state.slots.docs) < 10


@pytest.mark.parametrize("shift", [-86_400.0, 86_400.0])
async def test_a_wall_clock_that_is_set_expires_nobody(
    open_registry: OpenAgentRegistry, shift: float
) -> None:
    clock = ShiftedClock()
    registry = await open_registry(clock=clock)
    await register(registry, "a")
    clock.shift = shift
    await clock.advance(29.9)
    assert registry.agents["a"].status is AgentStatus.ACTIVE


@pytest.mark.parametrize("shift", [-86_400.0, 86_400.0])
async def test_a_wall_clock_that_is_set_keeps_no_dead_agent_alive(
    open_registry: OpenAgentRegistry, shift: float
) -> None:
    clock = ShiftedClock()
    registry = await open_registry(clock=clock)
    await register(registry, "a")
    clock.shift = shift
    await clock.advance(30)
    assert registry.agents["a"].status is AgentStatus.UNHEALTHY
    clock.shift = 0.0
    await clock.advance(30)
    assert "a" not in registry.agents
