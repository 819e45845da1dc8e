"""How a runtime ends."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from typing import Any

import pytest

from rollcall.kernel.errors import Closed
from rollcall.orchestration.history import TaskStatus
from rollcall.orchestration.runtime import OrchestrationRuntime
from rollcall.testing.clock import FrozenClock
from support.agents import CapableAgent
from support.runtimes import Make, runtimes_on_registries


@pytest.fixture
async def make(clock: FrozenClock) -> AsyncIterator[Make]:
    async with runtimes_on_registries(clock) as make:
        yield make


async def test_running_tasks_finish_before_the_runtime_is_gone(
    make: Make, clock: FrozenClock
) -> None:
    runtime = await make()
    agent = CapableAgent(agent_id="a")
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
        await runtime.register_agent(CapableAgent())
    agent.gate.set()
    await stopping
    assert (await task).ok
    assert "a" not in runtime.registry.agents


@pytest.mark.parametrize(("graceful", "seconds"), [(True, 5), (False, 0)])
async def test_what_has_not_ended_in_time_is_cancelled_and_its_caller_told(
    make: Make, clock: FrozenClock, graceful: bool, seconds: float
) -> None:
    runtime = await make(graceful_shutdown_timeout=5)
    agent = CapableAgent(agent_id="a")
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
    class Stubborn(CapableAgent):
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
    await runtime.register_agent(CapableAgent())
    await runtime.shutdown()
    await runtime.shutdown()


async def test_a_runtime_that_never_began_can_be_shut_down(clock: FrozenClock) -> None:
    await OrchestrationRuntime(clock=clock).shutdown()


async def test_a_runtime_is_a_context(clock: FrozenClock) -> None:
    async with OrchestrationRuntime(clock=clock) as runtime:
        await runtime.register_agent(CapableAgent(), "a")
        assert (await runtime.execute_task("a")).ok
    with pytest.raises(Closed):
        await runtime.execute_task("a")


async def test_nothing_is_left_running_after_shutdown(clock: FrozenClock) -> None:
    before = asyncio.all_tasks()
    async with OrchestrationRuntime(clock=clock) as runtime:
        await runtime.register_agent(CapableAgent(), "a", max_concurrency=1)
        await asyncio.gather(*(runtime.execute_task("a") for _ in range(3)))
    await clock.settle()
    assert asyncio.all_tasks() == before


async def test_two_runtimes_share_a_registry_and_keep_their_agents_apart(
    make: Make, clock: FrozenClock
) -> None:
    first = await make()
    second = OrchestrationRuntime(registry=first.registry, clock=clock)
    await first.register_agent(CapableAgent(), "a")
    await second.register_agent(CapableAgent(), "b")
    assert first.runtime_id != second.runtime_id
    assert set(first.registry.agents) == {"a", "b"}
    await second.shutdown()
    assert set(first.registry.agents) == {"a"}
    assert (await first.execute_task("a")).ok
