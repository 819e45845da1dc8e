"""How a runtime watches over its agents."""

from __future__ import annotations

import asyncio
import threading
from collections.abc import AsyncIterator
from typing import Any

import pytest

from rollcall.orchestration.config import OrchestrationRuntimeConfig
from rollcall.orchestration.errors import AgentNotFound
from rollcall.orchestration.health import passes
from rollcall.orchestration.models import AgentStatus
from rollcall.orchestration.runtime import OrchestrationRuntime
from rollcall.testing.clock import FrozenClock
from support.runtimes import Make, status


class Checked:
    """Answers its health check with `answer`; hangs where that is an event."""

    def __init__(self, answer: Any = True) -> None:
        self.answer = answer
        self.checks = 0

    async def run(self) -> str:
        return "done"

    async def health_check(self) -> Any:
        self.checks += 1
        if isinstance(self.answer, Exception):
            raise self.answer
        if isinstance(self.answer, asyncio.Event):
            await self.answer.wait()
        return self.answer


class Unchecked:
    def __init__(self) -> None:
        self.runs = 0

    def run(self) -> str:
        self.runs += 1
        return "done"


@pytest.fixture
async def make(clock: FrozenClock) -> AsyncIterator[Make]:
    made: list[OrchestrationRuntime] = []

    async def runtime(**config: Any) -> OrchestrationRuntime:
        made.append(OrchestrationRuntime(OrchestrationRuntimeConfig(**config), clock=clock))
        return made[-1]

    yield runtime
    for one in made:
        await one.shutdown()


@pytest.mark.parametrize(
    ("answer", "well"),
    [
        (None, True),
        (True, True),
        (False, False),
        ({"healthy": False, "status": "ok"}, False),
        ({"status": "Healthy"}, True),
        ({"status": "degraded"}, False),
        ({"latency": 3}, True),
    ],
)
def test_an_answer_says_whether_the_agent_is_well(answer: Any, well: bool) -> None:
    assert passes(answer) is well


async def test_an_agent_without_a_check_is_well_and_its_sync_run_is_not_called(
    make: Make,
) -> None:
    runtime = await make()
    agent = Unchecked()
    agent_id = await runtime.register_agent(agent)
    assert await runtime.check_agent_health(agent_id) is True
    assert agent.runs == 0


async def test_an_agent_without_a_check_is_as_well_as_the_registry_says(make: Make) -> None:
    runtime = await make()
    agent_id = await runtime.register_agent(Unchecked())
    await runtime.registry.update_agent_status(agent_id, AgentStatus.UNHEALTHY)
    assert await runtime.check_agent_health(agent_id) is False


async def test_a_check_may_be_sync(make: Make) -> None:
    class Sync(Unchecked):
        def health_check(self) -> bool:
            return threading.current_thread() is not threading.main_thread()

    runtime = await make()
    agent_id = await runtime.register_agent(Sync())
    assert await runtime.check_agent_health(agent_id) is True


@pytest.mark.parametrize("answer", [False, ValueError("no model")])
async def test_an_agent_that_fails_its_check_reads_unhealthy_until_it_passes(
    make: Make, answer: Any
) -> None:
    runtime = await make()
    agent = Checked(answer)
    agent_id = await runtime.register_agent(agent)
    assert await runtime.check_agent_health(agent_id) is False
    assert await status(runtime, agent_id) is AgentStatus.UNHEALTHY
    agent.answer = True
    assert await runtime.check_agent_health(agent_id) is True
    assert await status(runtime, agent_id) is AgentStatus.ACTIVE


async def test_a_check_that_does_not_answer_has_failed(make: Make, clock: FrozenClock) -> None:
    runtime = await make(health_check_interval=7)
    agent_id = await runtime.register_agent(Checked(asyncio.Event()))
    check = asyncio.create_task(runtime.check_agent_health(agent_id))
    await clock.advance(6.9)
    assert not check.done()
    await clock.advance(0.1)
    assert await check is False


async def test_agents_are_checked_at_every_interval(make: Make, clock: FrozenClock) -> None:
    runtime = await make(health_check_interval=10)
    agent = Checked()
    agent_id = await runtime.register_agent(agent)
    await clock.advance(25)
    assert agent.checks == 2
    agent.answer = False
    await clock.advance(5)
    assert await status(runtime, agent_id) is AgentStatus.UNHEALTHY
    agent.answer = None
    await clock.advance(10)
    assert await status(runtime, agent_id) is AgentStatus.ACTIVE


async def test_one_agent_that_hangs_does_not_keep_others_from_being_checked(
    make: Make, clock: FrozenClock
) -> None:
    runtime = await make(health_check_interval=10)
    agent = Checked()
    await runtime.register_agent(Checked(asyncio.Event()))
    await runtime.register_agent(agent)
    await clock.advance(65)
    assert agent.checks >= 3


async def test_agents_stay_active_for_as_long_as_their_process_breathes(
    make: Make, clock: FrozenClock
) -> None:
    runtime = await make(heartbeat_timeout=30, health_check_interval=1000)
    agent_id = await runtime.register_agent(Unchecked())
    for _ in range(60):
        await clock.advance(10)
        assert await status(runtime, agent_id) is AgentStatus.ACTIVE


async def test_an_agent_that_fails_for_long_is_still_there_to_come_back(
    make: Make, clock: FrozenClock
) -> None:
    runtime = await make(health_check_interval=10, heartbeat_timeout=10)
    agent = Checked(False)
    agent_id = await runtime.register_agent(agent)
    await clock.advance(500)
    assert await status(runtime, agent_id) is AgentStatus.UNHEALTHY
    agent.answer = True
    await clock.advance(10)
    assert await status(runtime, agent_id) is AgentStatus.ACTIVE


async def test_an_agent_whose_record_expired_while_the_process_stood_still_is_back_soon(
    make: Make, clock: FrozenClock
) -> None:
    runtime = await make(heartbeat_timeout=30)
    agent_id = await runtime.register_agent(Unchecked(), "a")
    await runtime.registry.deregister_agent(agent_id, runtime.runtime_id)
    assert await status(runtime, agent_id) is AgentStatus.OFFLINE
    decision = await runtime.explain_route("x", "random")
    assert "registry does not know" in decision.passed_over["a"]

    await clock.advance(10)
    assert await status(runtime, agent_id) is AgentStatus.ACTIVE


async def test_leases_stand_as_long_as_configured_and_are_renewed_three_times_meanwhile(
    make: Make, clock: FrozenClock
) -> None:
    runtime = await make(heartbeat_timeout=12, health_check_interval=1000)
    await runtime.register_agent(Unchecked())
    assert runtime.registry.config.heartbeat_timeout == 12
    await clock.advance(12)
    assert (await runtime.registry.get_metrics())["heartbeats"] == 3


async def test_a_sync_check_that_hangs_is_not_asked_again_until_it_has_answered(
    make: Make, clock: FrozenClock
) -> None:
    started, freed = threading.Event(), threading.Event()

    class Hanging(Unchecked):
        checks = 0

        def health_check(self) -> None:
            self.checks += 1
            started.set()
            freed.wait(5)

    runtime = await make(health_check_interval=10)
    agent = Hanging()
    agent_id = await runtime.register_agent(agent)
    check = asyncio.create_task(runtime.check_agent_health(agent_id))
    await clock.settle()
    assert await asyncio.to_thread(started.wait, 5)
    await clock.advance(10)
    assert await check is False
    assert await runtime.check_agent_health(agent_id) is False
    assert agent.checks == 1
    freed.set()


async def test_without_monitoring_nobody_is_asked_and_nobody_expires(
    make: Make, clock: FrozenClock
) -> None:
    runtime = await make(enable_health_monitoring=False, heartbeat_timeout=5)
    agent = Checked(False)
    agent_id = await runtime.register_agent(agent)
    await clock.advance(10_000)
    assert agent.checks == 0
    assert await status(runtime, agent_id) is AgentStatus.ACTIVE


async def test_whoever_is_not_there_cannot_be_checked(make: Make) -> None:
    runtime = await make()
    with pytest.raises(AgentNotFound):
        await runtime.check_agent_health("ghost")
