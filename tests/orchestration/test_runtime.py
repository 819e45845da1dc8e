"""The runtime as its users see it: agents and routes."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Sequence
from typing import Any

import numpy as np
import pytest

from rollcall.kernel.errors import InvalidInput
from rollcall.orchestration.config import OrchestrationRuntimeConfig, RoutingStrategy
from rollcall.orchestration.errors import AgentExists, AgentNotFound
from rollcall.orchestration.history import TaskStatus
from rollcall.orchestration.models import AgentStatus
from rollcall.orchestration.runtime import OrchestrationRuntime
from rollcall.registry.meaning import Vectors
from rollcall.testing.clock import FrozenClock
from support.agents import CapableAgent
from support.runtimes import Make, runtimes_on_registries


@pytest.fixture
async def make(clock: FrozenClock) -> AsyncIterator[Make]:
    async with runtimes_on_registries(clock) as make:
        yield make


class Letters:
    """Encodes a text by whether it is about cooking."""

    name = "letters"
    dimension = 2

    def encode(self, texts: Sequence[str]) -> Vectors:
        cooking = {"cooking", "bake", "cake"}
        rows = [[1.0, 0.0] if cooking & set(text.split()) else [0.0, 1.0] for text in texts]
        return np.array(rows, np.float32).reshape(len(texts), 2)


# Agents


async def test_the_document_s_calls_work_as_written(clock: FrozenClock) -> None:
    runtime = OrchestrationRuntime(
        config=OrchestrationRuntimeConfig(),
        registry=None,
        clock=clock,
    )
    my_agent = CapableAgent("code generation")
    agent_id = await runtime.register_agent(my_agent)
    selected_agent = await runtime.route_task("generate code", strategy=RoutingStrategy.SEMANTIC)
    assert agent_id.startswith("agent_")
    assert selected_agent is my_agent
    await runtime.shutdown()


async def test_agents_may_be_the_first_at_the_same_time(clock: FrozenClock) -> None:
    runtime = OrchestrationRuntime(clock=clock)
    await asyncio.gather(*(runtime.register_agent(CapableAgent()) for _ in range(3)))
    assert len(await runtime.list_agents()) == 3
    await runtime.shutdown()


async def test_an_id_is_given_or_the_agent_s_own(make: Make) -> None:
    runtime = await make()
    assert await runtime.register_agent(CapableAgent(agent_id="own")) == "own"
    assert await runtime.register_agent(CapableAgent(agent_id="own"), "given") == "given"
    with pytest.raises(AgentExists):
        await runtime.register_agent(CapableAgent(), "given")


async def test_something_that_cannot_run_is_no_agent(make: Make) -> None:
    runtime = await make()
    with pytest.raises(InvalidInput, match="run"):
        await runtime.register_agent(object())
    assert await runtime.list_agents() == []


async def test_agents_are_listed_all_or_of_one_status(make: Make) -> None:
    runtime = await make()
    for name in ("a", "b"):
        await runtime.register_agent(CapableAgent(), name, max_concurrency=3, budget_limit_usd=2)
    await runtime.registry.update_agent_status("b", AgentStatus.DEGRADED)
    assert [one.agent_id for one in await runtime.list_agents()] == ["a", "b"]
    degraded = await runtime.list_agents(status_filter="degraded")
    assert [(one.agent_id, one.max_concurrency) for one in degraded] == [("b", 3)]
    with pytest.raises(InvalidInput, match="status_filter"):
        await runtime.list_agents("tired")


async def test_agents_of_another_runtime_are_not_this_one_s(make: Make) -> None:
    runtime = await make()
    await runtime.registry.register_agent(CapableAgent("code"), "another", "theirs")
    assert await runtime.get_agent_status("theirs") is None
    assert await runtime.route_task("code", "random") is None
    with pytest.raises(AgentNotFound):
        await runtime.execute_task("theirs")


async def test_an_agent_that_leaves_finishes_its_task_and_gets_no_more(
    make: Make, clock: FrozenClock
) -> None:
    runtime = await make()
    agent = CapableAgent(agent_id="a")
    agent.gate.clear()
    await runtime.register_agent(agent, max_concurrency=1)
    running = asyncio.create_task(runtime.execute_task("a"))
    waiting = asyncio.create_task(runtime.execute_task("a"))
    await clock.settle()
    assert await runtime.deregister_agent("a") is True
    assert await runtime.deregister_agent("a") is False
    assert (await waiting).status is TaskStatus.REJECTED
    agent.gate.set()
    assert (await running).ok
    assert await runtime.get_agent_status("a") is None
    assert "a" not in runtime.registry.agents


# Routes


async def test_round_robin_goes_on_when_an_agent_has_left(make: Make) -> None:
    runtime = await make(default_routing_strategy="round-robin")
    agents = {name: CapableAgent(agent_id=name) for name in "abc"}
    for agent in agents.values():
        await runtime.register_agent(agent)
    assert await runtime.route_task("x") is agents["a"]
    assert await runtime.route_task("x") is agents["b"]
    await runtime.deregister_agent("b")
    assert await runtime.route_task("x") is agents["c"]
    assert await runtime.route_task("x") is agents["a"]


async def test_without_an_encoder_a_task_goes_by_words_and_the_reason_says_so(make: Make) -> None:
    runtime = await make()
    await runtime.register_agent(CapableAgent("code generation in Python"), "coder")
    await runtime.register_agent(CapableAgent("tax law"), "lawyer")
    decision = await runtime.explain_route({"description": "Generate code for a parser"})
    assert decision.agent_id == "coder"
    assert "words in common" in decision.reason
    assert "does not fit" in decision.passed_over["lawyer"]


async def test_with_an_encoder_a_task_goes_by_meaning(make: Make) -> None:
    runtime = await make(encoder=Letters)
    await runtime.register_agent(CapableAgent("cooking"), "chef")
    await runtime.register_agent(CapableAgent("tax law"), "lawyer")
    decision = await runtime.explain_route("bake a cake")
    assert decision.agent_id == "chef"
    assert "by meaning" in decision.reason
    assert decision.scores["chef"] > 0.9


async def test_what_agents_of_other_runtimes_mean_does_not_count(make: Make) -> None:
    runtime = await make(encoder=Letters)
    await runtime.registry.register_agent(CapableAgent("cooking"), "another", "theirs")
    await runtime.register_agent(CapableAgent("cakes"), "ours")
    decision = await runtime.explain_route("cake")
    assert decision.agent_id == "ours"
    assert "words in common" in decision.reason


async def test_a_task_that_fits_nobody_goes_to_nobody(make: Make) -> None:
    runtime = await make()
    await runtime.register_agent(CapableAgent("tax law"))
    assert await runtime.route_task("bake a cake") is None
    assert await runtime.route_task("???") is None


async def test_with_semantic_routing_off_agents_take_turns(make: Make) -> None:
    runtime = await make(enable_semantic_routing=False)
    await runtime.register_agent(CapableAgent("tax law"), "lawyer")
    decision = await runtime.explain_route("bake a cake")
    assert decision.agent_id == "lawyer"
    assert "switched off" in decision.reason


async def test_each_agent_that_cannot_take_a_task_says_why(make: Make, clock: FrozenClock) -> None:
    class Broken(CapableAgent):
        async def run(self, task: Any = None) -> str:
            raise ValueError("no")

    runtime = await make(circuit_breaker_failure_threshold=1)
    await runtime.register_agent(CapableAgent(), "fine")
    await runtime.register_agent(CapableAgent(), "ill")
    await runtime.registry.update_agent_status("ill", AgentStatus.UNHEALTHY)
    await runtime.register_agent(Broken(), "failing")
    await runtime.execute_task("failing")
    await runtime.register_agent(CapableAgent(), "poor", budget_limit_usd=0.1)
    full = CapableAgent()
    full.gate.clear()
    await runtime.register_agent(full, "full", max_concurrency=1)
    task = asyncio.create_task(runtime.execute_task("full"))
    await clock.settle()

    decision = await runtime.explain_route("x", "round-robin", estimated_cost_usd=0.5)

    assert decision.agent_id == "fine"
    assert decision.passed_over["ill"] == "it is unhealthy"
    assert "circuit is open" in decision.passed_over["failing"]
    assert "0.5 USD asked for" in decision.passed_over["poor"]
    assert decision.passed_over["full"] == "all its slots are taken"
    full.gate.set()
    await task


async def test_an_agent_gets_its_trial_once_its_circuit_is_half_open(
    make: Make, clock: FrozenClock
) -> None:
    class Broken(CapableAgent):
        async def run(self, task: Any = None) -> str:
            raise ValueError("no")

    runtime = await make(circuit_breaker_failure_threshold=1, circuit_breaker_recovery_timeout=30)
    await runtime.register_agent(Broken(), "failing")
    await runtime.execute_task("failing")
    assert await runtime.route_task("x", "random") is None
    await clock.advance(30)
    assert await runtime.route_task("x", "random") is not None


async def test_nobody_is_routed_to_once_the_runtime_s_budget_is_spent(make: Make) -> None:
    runtime = await make(max_budget_usd=1)
    await runtime.register_agent(CapableAgent(), "a")
    decision = await runtime.explain_route("x", "random", estimated_cost_usd=2)
    assert decision.agent_id is None
    assert "budget of the runtime" in decision.passed_over["a"]


async def test_a_key_stays_with_its_agent(make: Make) -> None:
    runtime = await make()
    for name in "abcd":
        await runtime.register_agent(CapableAgent(agent_id=name))
    first = await runtime.route_task("x", "sticky", key="session-7")
    for _ in range(5):
        assert await runtime.route_task("x", "sticky", key="session-7") is first


async def test_an_unknown_strategy_is_answered_with_the_known_ones(make: Make) -> None:
    runtime = await make()
    with pytest.raises(InvalidInput, match="'round-robin'"):
        await runtime.route_task("x", "fastest")
