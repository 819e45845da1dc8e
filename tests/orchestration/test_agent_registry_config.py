"""Every setting of a registry has its effect."""

from __future__ import annotations

import asyncio
import threading
from collections.abc import Callable, Sequence
from types import SimpleNamespace
from typing import Any

import msgspec
import numpy as np
import pytest

from rollcall.orchestration import (
    AgentRegistry,
    AgentRegistryConfig,
    AgentStatus,
    RegistryEvent,
    RegistryEventType,
)
from rollcall.registry.meaning import Vectors
from rollcall.registry.status import CODE, Status
from rollcall.testing.clock import FrozenClock
from support.registries import OpenAgentRegistry


async def register(registry: AgentRegistry, key: str, capability: str = "code") -> None:
    await registry.register_agent(SimpleNamespace(capabilities=[capability]), "r", agent_id=key)


async def found(registry: AgentRegistry, words: str, **others: Any) -> list[str]:
    return [one.agent_id for one in await registry.find_agents_by_capability(words, **others)]


async def test_without_monitoring_silence_has_no_consequence(
    open_registry: OpenAgentRegistry, clock: FrozenClock
) -> None:
    registry = await open_registry(AgentRegistryConfig(enable_heartbeat_monitoring=False))
    await register(registry, "a")
    # A year that nobody watches second by second, and a minute that somebody does.
    clock.jump(365 * 86_400)
    await clock.advance(60)
    assert registry.agents["a"].status is AgentStatus.ACTIVE
    assert (await registry.get_metrics())["missed_heartbeats"] == 0
    assert await registry.update_agent_heartbeat("a")


async def test_the_two_timeouts_are_kept(
    open_registry: OpenAgentRegistry, clock: FrozenClock
) -> None:
    config = AgentRegistryConfig(heartbeat_timeout=2.5, auto_deregister_timeout=4.0)
    registry = await open_registry(config)
    await register(registry, "a")
    await clock.advance(2.5)
    assert registry.agents["a"].status is AgentStatus.UNHEALTHY
    await clock.advance(1.4)
    assert "a" in registry.agents
    await clock.advance(0.1)
    assert "a" not in registry.agents


async def test_without_broadcasting_nobody_is_told(
    open_registry: OpenAgentRegistry, clock: FrozenClock
) -> None:
    registry = await open_registry(AgentRegistryConfig(enable_event_broadcasting=False))
    heard: list[RegistryEvent] = []
    for kind in RegistryEventType:
        registry.subscribe(kind, heard.append)
    await register(registry, "a")
    await registry.update_agent_heartbeat("a")
    await registry.update_agent_status("a", AgentStatus.BUSY)
    await clock.settle()
    assert heard == []
    assert registry.event_queue.empty()
    metrics = await registry.get_metrics()
    assert (metrics["total_registrations"], metrics["heartbeats"]) == (1, 1)


async def test_the_queue_holds_as_many_events_as_is_set(open_registry: OpenAgentRegistry) -> None:
    registry = await open_registry(AgentRegistryConfig(event_queue_size=7))
    for number in range(20):
        await register(registry, f"a{number}")
    assert registry.event_queue.maxsize == len(registry.event_queue) == 7


Damage = Callable[[AgentRegistry], None]


def forget_a(registry: AgentRegistry) -> None:
    slot = registry.service.state.slot("default", "a")
    assert slot is not None
    registry.service.state.index.remove(slot)


def misjudge_a(registry: AgentRegistry) -> None:
    slot = registry.service.state.slot("default", "a")
    assert slot is not None
    registry.service.state.index.move(slot, CODE[Status.OFFLINE])


def mistake_a(registry: AgentRegistry) -> None:
    state = registry.service.state
    slot = state.slot("default", "a")
    assert slot is not None
    other = msgspec.structs.replace(state.slots.record(slot), capabilities=())
    state.index.put(slot, other, CODE[Status.ACTIVE])


@pytest.mark.parametrize("damage", [forget_a, misjudge_a, mistake_a])
async def test_a_damaged_index_is_repaired_at_the_interval(
    open_registry: OpenAgentRegistry, clock: FrozenClock, damage: Damage
) -> None:
    config = AgentRegistryConfig(rebuild_index_interval=5, enable_heartbeat_monitoring=False)
    registry = await open_registry(config)
    await register(registry, "a")
    await register(registry, "b")
    damage(registry)
    assert await found(registry, "code") == ["b"]
    await clock.advance(4.9)
    assert await found(registry, "code") == ["b"]
    await clock.advance(0.1)
    assert await found(registry, "code") == ["a", "b"]
    assert (await registry.get_metrics())["index_repairs"] == 1
    await clock.advance(50)
    assert (await registry.get_metrics())["index_repairs"] == 1


async def test_repairing_a_large_index_lets_others_have_their_turn(
    open_registry: OpenAgentRegistry, clock: FrozenClock
) -> None:
    config = AgentRegistryConfig(rebuild_index_interval=5)
    registry = await open_registry(config)
    for number in range(2_500):
        await register(registry, f"a{number}")
    index, seen = registry.service.state.index, set[int]()
    for number in range(0, 2_500, 100):
        slot = registry.service.state.slot("default", f"a{number}")
        assert slot is not None
        index.remove(slot)

    async def watch() -> None:
        while len(seen) < 3:
            seen.add((await registry.get_metrics())["index_repairs"])
            await asyncio.sleep(0)

    watching = asyncio.ensure_future(watch())
    await clock.advance(5)
    assert (await registry.get_metrics())["index_repairs"] == 25
    watching.cancel()
    assert len(seen) >= 3


class GatedEncoder:
    """Encodes as soon as its gate is open, and says who waits in front of it."""

    name = "gated"
    dimension = 8

    def __init__(self) -> None:
        self.gate = threading.Event()
        self.gate.set()
        self.arrived: asyncio.Queue[None] = asyncio.Queue()
        self._loop = asyncio.get_running_loop()

    def encode(self, texts: Sequence[str]) -> Vectors:
        if not self.gate.is_set():
            self._loop.call_soon_threadsafe(self.arrived.put_nowait, None)
            assert self.gate.wait(30)
        return np.full((len(texts), self.dimension), self.dimension**-0.5, np.float32)


async def arrivals(encoder: GatedEncoder, count: int) -> None:
    async with asyncio.timeout(30):
        for _ in range(count):
            await encoder.arrived.get()


async def gated(
    open_registry: OpenAgentRegistry, config: AgentRegistryConfig
) -> tuple[Any, GatedEncoder]:
    """A registry whose searches by meaning wait for the gate from now on."""
    encoder = GatedEncoder()
    registry = await open_registry(config, encoder=lambda: encoder)
    await register(registry, "a")
    assert await found(registry, "programming", match="semantic") == ["a"]
    encoder.gate.clear()
    return registry, encoder


async def test_only_so_many_searches_by_meaning_run_at_once(
    open_registry: OpenAgentRegistry, clock: FrozenClock
) -> None:
    registry, encoder = await gated(open_registry, AgentRegistryConfig(max_concurrent_queries=2))
    searches = asyncio.gather(
        *(found(registry, f"programming {number}", match="semantic") for number in range(4))
    )
    await arrivals(encoder, 2)
    await clock.settle(500)
    assert encoder.arrived.empty()
    assert await found(registry, "code") == ["a"]
    encoder.gate.set()
    async with asyncio.timeout(30):
        assert await searches == [["a"]] * 4


async def test_a_search_that_takes_too_long_is_given_up(
    open_registry: OpenAgentRegistry, clock: FrozenClock
) -> None:
    config = AgentRegistryConfig(max_concurrent_queries=1, query_timeout=2.0)
    registry, encoder = await gated(open_registry, config)
    running = asyncio.ensure_future(found(registry, "programming", match="semantic"))
    await arrivals(encoder, 1)
    waiting = asyncio.ensure_future(found(registry, "programming", match="auto"))
    await clock.advance(1.9)
    assert not running.done()
    assert not waiting.done()
    await clock.advance(0.1)
    for search in (running, waiting):
        with pytest.raises(TimeoutError, match="2 s"):
            await search
    encoder.gate.set()
    assert await found(registry, "programming", match="semantic") == ["a"]
