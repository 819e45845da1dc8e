"""A canary: a small task that shows whether an agent is well."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from decimal import Decimal
from typing import Any

import pytest

from rollcall.orchestration.config import OrchestrationRuntimeConfig
from rollcall.orchestration.models import AgentStatus
from rollcall.orchestration.runtime import OrchestrationRuntime
from rollcall.testing.clock import FrozenClock
from support.runtimes import Make, status


class Singing:
    """Answers a canary with `answer`; hangs where that is an event."""

    def __init__(self, answer: Any = "tweet", **attributes: Any) -> None:
        self.answer = answer
        self.heard: list[Any] = []
        vars(self).update(attributes)

    async def run(self, task: str) -> Any:
        self.heard.append(task)
        if isinstance(self.answer, Exception):
            raise self.answer
        if isinstance(self.answer, asyncio.Event):
            await self.answer.wait()
        return self.answer


@pytest.fixture
async def make(clock: FrozenClock) -> AsyncIterator[Make]:
    made: list[OrchestrationRuntime] = []

    async def runtime(**config: Any) -> OrchestrationRuntime:
        made.append(OrchestrationRuntime(OrchestrationRuntimeConfig(**config), clock=clock))
        return made[-1]

    yield runtime
    for one in made:
        await one.shutdown()


async def test_an_agent_with_a_canary_does_it_when_somebody_asks(make: Make) -> None:
    runtime = await make()
    agent = Singing(canary="Sing.")
    agent_id = await runtime.register_agent(agent)
    assert await runtime.check_agent_health(agent_id) is True
    assert agent.heard == ["Sing."]


@pytest.mark.parametrize("answer", [ValueError("dead"), False, "", {"healthy": False}])
async def test_a_canary_that_dies_makes_its_agent_unhealthy(make: Make, answer: Any) -> None:
    runtime = await make()
    agent_id = await runtime.register_agent(Singing(answer, canary="Sing."))
    assert await runtime.check_agent_health(agent_id) is False
    assert await status(runtime, agent_id) is AgentStatus.UNHEALTHY


async def test_a_canary_may_be_set_for_all_agents(make: Make) -> None:
    runtime = await make(canary={"task": "Sing."})
    agent = Singing()
    assert await runtime.check_agent_health(await runtime.register_agent(agent)) is True
    assert agent.heard == ["Sing."]


async def test_an_agent_may_have_another_canary_than_all_or_none(make: Make) -> None:
    runtime = await make(canary="Sing.")
    one, none = Singing(canary="Whistle."), Singing(canary=False)
    for agent in (one, none):
        assert await runtime.check_agent_health(await runtime.register_agent(agent)) is True
    assert (one.heard, none.heard) == (["Whistle."], [])


@pytest.mark.parametrize("odd", [True, 7, object()])
async def test_what_is_no_task_is_no_canary(make: Make, odd: Any) -> None:
    runtime = await make()
    agent = Singing(canary=odd)
    assert await runtime.check_agent_health(await runtime.register_agent(agent)) is True
    assert agent.heard == []


async def test_a_health_check_of_its_own_comes_first(make: Make) -> None:
    runtime = await make()
    agent = Singing(canary="Sing.", health_check=lambda: True)
    assert await runtime.check_agent_health(await runtime.register_agent(agent)) is True
    assert agent.heard == []


async def test_a_canary_has_as_long_as_a_check(make: Make, clock: FrozenClock) -> None:
    runtime = await make(health_check_interval=7)
    agent_id = await runtime.register_agent(Singing(asyncio.Event(), canary="Sing."))
    check = asyncio.create_task(runtime.check_agent_health(agent_id))
    await clock.advance(6.9)
    assert not check.done()
    await clock.advance(0.1)
    assert await check is False


async def test_checks_that_come_by_themselves_do_a_canary_only_until_it_passes_again(
    make: Make, clock: FrozenClock
) -> None:
    runtime = await make(health_check_interval=10)
    agent = Singing(canary="Sing.")
    agent_id = await runtime.register_agent(agent)
    await clock.advance(35)
    assert agent.heard == []

    agent.answer = ValueError("dead")
    assert await runtime.check_agent_health(agent_id) is False
    await clock.advance(20)
    assert await status(runtime, agent_id) is AgentStatus.UNHEALTHY
    assert len(agent.heard) == 3

    agent.answer = "tweet"
    await clock.advance(30)
    assert await status(runtime, agent_id) is AgentStatus.ACTIVE
    assert len(agent.heard) == 4


async def test_a_canary_is_paid_for_by_the_agent_and_the_runtime(make: Make) -> None:
    runtime = await make(max_budget_usd=10)
    agent = Singing({"cost_usd": Decimal("0.25")}, canary="Sing.")
    agent_id = await runtime.register_agent(agent, budget_limit_usd=0.25)
    assert await runtime.check_agent_health(agent_id) is True
    known = await runtime.get_agent_status(agent_id)
    assert known is not None
    assert known.budget_spent_usd == 0.25
    assert (await runtime.get_metrics())["budget_spent_usd"] == 0.25


async def test_an_agent_without_money_is_as_well_as_its_lease(make: Make) -> None:
    runtime = await make()
    agent = Singing({"cost_usd": 1}, canary="Sing.")
    agent_id = await runtime.register_agent(agent, budget_limit_usd=1)
    assert await runtime.check_agent_health(agent_id) is True
    assert await runtime.check_agent_health(agent_id) is True
    assert len(agent.heard) == 1


async def test_a_canary_is_no_task_in_the_books(make: Make) -> None:
    runtime = await make()
    agent_id = await runtime.register_agent(Singing(canary="Sing."))
    await runtime.check_agent_health(agent_id)
    assert (await runtime.get_metrics())["request_count"] == 0
    assert await runtime.get_execution_history() == []
