"""How a runtime ends."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Awaitable, Callable
from random import Random
from typing import Any

import pytest

from rollcall.kernel.errors import Closed, MissingExtra
from rollcall.orchestration.agent_registry import AgentRegistry
from rollcall.orchestration.config import OrchestrationRuntimeConfig
from rollcall.orchestration.history import TaskStatus
from rollcall.orchestration.models import AgentRegistryConfig
from rollcall.orchestration.runtime import OrchestrationRuntime
from rollcall.registry.meaning import Encoder
from rollcall.testing.clock import FrozenClock

Make = Callable[..., Awaitable[OrchestrationRuntime]]


class Agent:
    def __init__(self, *capabilities: str, agent_id: str | None = None) -> None:
        self.capabilities = list(capabilities)
        self.agent_id = agent_id
        self.gate = asyncio.Event()
        self.gate.set()
        self.cancelled = False

    async def run(self, task: Any = None) -> str:
        try:
            await self.gate.wait()
        except asyncio.CancelledError:
            self.cancelled = True
            raise
        return f"{self.agent_id}: {task}"


def no_encoder() -> Encoder:
    raise MissingExtra("search by meaning", "semantic")


@pytest.fixture
def clock() -> FrozenClock:
    return FrozenClock()


@pytest.fixture
async def make(clock: FrozenClock) -> AsyncIterator[Make]:
    made: list[OrchestrationRuntime] = []
    registries: list[AgentRegistry] = []

    async def runtime(
        encoder: Callable[[], Encoder] = no_encoder, **config: Any
    ) -> OrchestrationRuntime:
        settings = AgentRegistryConfig(enable_heartbeat_monitoring=False)
        registry = AgentRegistry(settings, clock=clock, encoder=encoder)
        await registry.start()
        registries.append(registry)
        made.append(
            OrchestrationRuntime(
                OrchestrationRuntimeConfig(**config), registry=registry, clock=clock, rng=Random(1)
            )
        )
        return made[-1]

    yield runtime
    for one in made:
        stopping = asyncio.create_task(one.shutdown(graceful=False))
        await clock.advance(10)
        await stopping
    for registry in registries:
        await registry.shutdown()


async def test_running_tasks_finish_before_the_runtime_is_gone(
    make: Make, clock: FrozenClock
) -> None:
    runtime = await make()
    agent = Agent(agent_id="a")
    agent.gate.clear()
    await runtime.register_agent(agent)
    task = asyncio.create_task(runtime.execute_task("a"))
    await clock.settle()
    stopping = asyncio.create_task(runtime.shutdown(timeout=30))
    await clock.advance(29)
    assert not stopping.done()
    with pytest.raises(Closed):
        await runtime.execute_task("a")
    with pytest.raises(Closed):
        await runtime.register_agent(Agent())
    agent.gate.set()
    await stopping
    assert (await task).ok
    assert "a" not in runtime.registry.agents


@pytest.mark.parametrize(("graceful", "seconds"), [(True, 5), (False, 0)])
async def test_what_has_not_ended_in_time_is_cancelled_and_its_caller_told(
    make: Make, clock: FrozenClock, graceful: bool, seconds: float
) -> None:
    runtime = await make(graceful_shutdown_timeout=5)
    agent = Agent(agent_id="a")
    agent.gate.clear()
    await runtime.register_agent(agent)
    task = asyncio.create_task(runtime.execute_task("a"))
    await clock.settle()
    stopping = asyncio.create_task(runtime.shutdown(graceful))
    await clock.advance(seconds)
    await stopping
    assert (await task).status is TaskStatus.CANCELLED
    assert agent.cancelled


async def test_shutdown_waits_no_longer_than_said_for_agents_that_ignore_it(
    make: Make, clock: FrozenClock
) -> None:
    class Stubborn(Agent):
        async def run(self, task: Any = None) -> str:
            while not self.gate.is_set():
                try:
                    await self.gate.wait()
                except asyncio.CancelledError:
                    continue
            return "at last"

    runtime = await make()
    agent = Stubborn(agent_id="a")
    agent.gate.clear()
    await runtime.register_agent(agent)
    task = asyncio.create_task(runtime.execute_task("a"))
    await clock.settle()
    stopping = asyncio.create_task(runtime.shutdown(graceful=False))
    await clock.advance(2)
    await stopping
    agent.gate.set()
    await asyncio.wait({task})


async def test_a_second_shutdown_changes_nothing(make: Make) -> None:
    runtime = await make()
    await runtime.register_agent(Agent())
    await runtime.shutdown()
    await runtime.shutdown()


async def test_a_runtime_that_never_began_can_be_shut_down(clock: FrozenClock) -> None:
    await OrchestrationRuntime(clock=clock).shutdown()


async def test_a_runtime_is_a_context(clock: FrozenClock) -> None:
    async with OrchestrationRuntime(clock=clock) as runtime:
        await runtime.register_agent(Agent(), "a")
        assert (await runtime.execute_task("a")).ok
    with pytest.raises(Closed):
        await runtime.execute_task("a")


async def test_nothing_is_left_running_after_shutdown(clock: FrozenClock) -> None:
    before = asyncio.all_tasks()
    async with OrchestrationRuntime(clock=clock) as runtime:
        await runtime.register_agent(Agent(), "a", max_concurrency=1)
        await asyncio.gather(*(runtime.execute_task("a") for _ in range(3)))
    await clock.settle()
    assert asyncio.all_tasks() == before


async def test_two_runtimes_share_a_registry_and_keep_their_agents_apart(
    make: Make, clock: FrozenClock
) -> None:
    first = await make()
    second = OrchestrationRuntime(registry=first.registry, clock=clock)
    await first.register_agent(Agent(), "a")
    await second.register_agent(Agent(), "b")
    assert first.runtime_id != second.runtime_id
    assert set(first.registry.agents) == {"a", "b"}
    await second.shutdown()
    assert set(first.registry.agents) == {"a"}
    assert (await first.execute_task("a")).ok
