"""What holds a task back: budgets, slots, circuits and rates."""

from __future__ import annotations

import asyncio
from decimal import Decimal
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from rollcall.orchestration.config import OrchestrationRuntimeConfig
from rollcall.orchestration.errors import CircuitOpen, QueueFull
from rollcall.orchestration.history import TaskResult, TaskStatus
from rollcall.orchestration.models import AgentStatus
from rollcall.orchestration.runtime import OrchestrationRuntime
from rollcall.policies.budget import BudgetExceeded
from rollcall.policies.retry import RetryPolicy
from rollcall.testing.clock import FrozenClock
from support.agents import ScriptedAgent
from support.runtimes import Make, status

RETRY = RetryPolicy(max_retries=2, initial_delay=10, backoff_factor=2)


# Budgets


async def test_a_cost_beyond_the_agent_s_budget_is_refused_before_the_call(make: Make) -> None:
    runtime = await make()
    agent = ScriptedAgent({"cost_usd": 0.75})
    agent_id = await runtime.register_agent(agent, budget_limit_usd=1.0)
    assert (await runtime.execute_task(agent_id, estimated_cost_usd=0.8)).ok

    refused = await runtime.execute_task(agent_id, estimated_cost_usd="0.26")
    assert refused.status is TaskStatus.REJECTED
    assert isinstance(refused.error, BudgetExceeded)
    assert agent.calls == 1
    assert (await runtime.execute_task(agent_id, estimated_cost_usd="0.25")).ok


async def test_the_runtime_s_budget_bounds_all_agents_together(make: Make) -> None:
    runtime = await make(max_budget_usd="0.5")
    first = await runtime.register_agent(ScriptedAgent({"cost_usd": "0.3"}))
    second = await runtime.register_agent(ScriptedAgent({"cost_usd": "0.3"}))
    assert (await runtime.execute_task(first, estimated_cost_usd="0.3")).ok
    refused = await runtime.execute_task(second, estimated_cost_usd="0.3")
    assert "budget of the runtime" in str(refused.error)
    known = await runtime.get_agent_status(second)
    assert known is not None
    assert known.budget_spent_usd == 0


async def test_what_one_agent_may_still_spend_another_cannot_promise_meanwhile(
    make: Make, clock: FrozenClock
) -> None:
    runtime = await make(max_budget_usd="0.5")
    agent = ScriptedAgent({"cost_usd": "0.3"}, closed=True)
    first = await runtime.register_agent(agent)
    second = await runtime.register_agent(ScriptedAgent({"cost_usd": "0.3"}))
    task = asyncio.create_task(runtime.execute_task(first, estimated_cost_usd="0.3"))
    await clock.settle()
    refused = await runtime.execute_task(second, estimated_cost_usd="0.3")
    assert isinstance(refused.error, BudgetExceeded)
    assert refused.error.reserved == Decimal("0.3")
    agent.gate.set()
    assert (await task).ok


async def test_a_spent_budget_refuses_even_what_is_estimated_at_nothing(make: Make) -> None:
    runtime = await make()
    agent_id = await runtime.register_agent(ScriptedAgent({"cost_usd": 1}), budget_limit_usd=1)
    assert (await runtime.execute_task(agent_id)).ok
    assert (await runtime.execute_task(agent_id)).status is TaskStatus.REJECTED


async def test_an_agent_without_a_budget_may_do_what_is_free(make: Make) -> None:
    runtime = await make()
    agent_id = await runtime.register_agent(ScriptedAgent(), budget_limit_usd=0)
    assert (await runtime.execute_task(agent_id)).ok
    assert (await runtime.execute_task(agent_id)).ok


async def test_without_enforcement_the_books_are_kept_and_nothing_is_refused(make: Make) -> None:
    runtime = await make(enable_budget_enforcement=False, max_budget_usd=1)
    agent_id = await runtime.register_agent(ScriptedAgent({"cost_usd": 1}), budget_limit_usd=1)
    for _ in range(3):
        assert (await runtime.execute_task(agent_id, estimated_cost_usd=9)).ok
    assert (await runtime.get_metrics())["budget_spent_usd"] == 3


async def test_a_failure_costs_what_its_error_says_and_otherwise_nothing(make: Make) -> None:
    class Billed(Exception):
        cost_usd = "0.1"

    runtime = await make()
    agent_id = await runtime.register_agent(ScriptedAgent("x", Billed(), ValueError("no")))
    assert (await runtime.execute_task(agent_id, estimated_cost_usd=1)).cost_usd == Decimal("0.1")
    assert (await runtime.execute_task(agent_id, estimated_cost_usd="0.9")).cost_usd == 0
    metrics = await runtime.get_metrics()
    assert (metrics["budget_spent_usd"], metrics["budget_reserved_usd"]) == (0.1, 0)


costs = st.integers(0, 60).map(lambda cents: Decimal(cents) / 100)


@settings(max_examples=30)
@given(
    st.lists(
        st.tuples(st.integers(0, 2), costs, st.sampled_from(["ok", "free", "fail", "cancel"])),
        max_size=25,
    )
)
def test_no_budget_is_ever_exceeded_by_many_tasks_at_once(
    plan: list[tuple[int, Decimal, str]],
) -> None:
    class Spender:
        """Costs what it is told, at most the estimate; lets others run meanwhile."""

        async def run(self, cost: Decimal, how: str) -> Any:
            await asyncio.sleep(0)
            if how == "cancel":
                await asyncio.Event().wait()
            if how == "fail":
                raise ValueError(how)
            return {"cost_usd": cost / 2 if how == "free" else cost}

    async def scenario() -> None:
        config = OrchestrationRuntimeConfig(max_budget_usd=2, enable_health_monitoring=False)
        runtime = OrchestrationRuntime(config, clock=FrozenClock())
        ids = [await runtime.register_agent(Spender(), f"a{n}") for n in range(3)]
        tasks = [
            asyncio.create_task(
                runtime.execute_task(
                    ids[number], {"cost": cost, "how": how}, estimated_cost_usd=cost
                )
            )
            for number, cost, how in plan
        ]
        for _ in range(6):
            await asyncio.sleep(0)
            metrics = await runtime.get_metrics()
            assert metrics["budget_spent_usd"] + metrics["budget_reserved_usd"] <= 2 + 1e-9
        for task, (_, _, how) in zip(tasks, plan, strict=True):
            if how == "cancel":
                task.cancel()
        results = await asyncio.gather(*tasks, return_exceptions=True)
        agents = await runtime.list_agents()
        assert all(agent.budget_spent_usd <= 1 for agent in agents)
        metrics = await runtime.get_metrics()
        assert metrics["budget_reserved_usd"] == 0
        assert metrics["budget_spent_usd"] <= 2
        booked = sum(one.cost_usd for one in results if isinstance(one, TaskResult))
        assert float(booked) == pytest.approx(metrics["budget_spent_usd"])
        await runtime.shutdown()

    asyncio.run(scenario())


# Slots and queue


async def test_an_agent_runs_no_more_tasks_at_once_than_it_may(make: Make) -> None:
    runtime = await make()
    agent = ScriptedAgent(closed=True)
    agent_id = await runtime.register_agent(agent, max_concurrency=2)
    tasks = [asyncio.create_task(runtime.execute_task(agent_id)) for _ in range(5)]
    await FrozenClock().settle()
    assert (await runtime.get_metrics())["queued_tasks"] == 3
    agent.gate.set()
    results = await asyncio.gather(*tasks)
    assert all(result.ok for result in results)
    assert agent.most == 2


async def test_one_task_more_than_may_wait_is_rejected(make: Make, clock: FrozenClock) -> None:
    runtime = await make(max_queue_size=1)
    agent = ScriptedAgent(closed=True)
    agent_id = await runtime.register_agent(agent, max_concurrency=1)
    tasks = [asyncio.create_task(runtime.execute_task(agent_id)) for _ in range(2)]
    await clock.settle()
    refused = await runtime.execute_task(agent_id)
    assert refused.status is TaskStatus.REJECTED
    assert isinstance(refused.error, QueueFull)
    agent.gate.set()
    assert all(result.ok for result in await asyncio.gather(*tasks))


async def test_an_agent_reads_busy_while_all_its_slots_are_taken(
    make: Make, clock: FrozenClock
) -> None:
    runtime = await make()
    agent = ScriptedAgent(closed=True)
    agent_id = await runtime.register_agent(agent, max_concurrency=1)
    task = asyncio.create_task(runtime.execute_task(agent_id))
    await clock.settle()
    assert await status(runtime, agent_id) is AgentStatus.BUSY
    assert runtime.registry.status_index["busy"] == {agent_id}
    agent.gate.set()
    await task
    assert await status(runtime, agent_id) is AgentStatus.ACTIVE


async def test_a_status_that_was_reported_outlives_the_work(make: Make, clock: FrozenClock) -> None:
    runtime = await make()
    agent = ScriptedAgent(closed=True)
    agent_id = await runtime.register_agent(agent, max_concurrency=1)
    await runtime.registry.update_agent_status(agent_id, AgentStatus.DEGRADED)
    task = asyncio.create_task(runtime.execute_task(agent_id))
    await clock.settle()
    assert await status(runtime, agent_id) is AgentStatus.DEGRADED
    agent.gate.set()
    await task
    assert await status(runtime, agent_id) is AgentStatus.DEGRADED


@pytest.mark.parametrize("sync", [False, True])
async def test_tasks_that_have_others_do_their_work_do_not_wait_for_each_other_for_ever(
    make: Make, clock: FrozenClock, sync: bool
) -> None:
    loop = asyncio.get_running_loop()

    class Asks:
        async def run(self) -> Any:
            return (await runtime.execute_task("helper", "help")).unwrap()

    class AsksFromThread:
        def run(self) -> Any:
            work = runtime.execute_task("helper", "help")
            return asyncio.run_coroutine_threadsafe(work, loop).result(5).unwrap()

    runtime = await make(max_concurrent_agents=2)
    await runtime.register_agent(AsksFromThread() if sync else Asks(), "boss")
    await runtime.register_agent(ScriptedAgent("helped"), "helper", max_concurrency=1)
    results = await asyncio.gather(*(runtime.execute_task("boss") for _ in range(5)))
    assert [result.result for result in results] == ["helped"] * 5


# Circuits


async def test_an_agent_that_fails_again_and_again_is_left_alone_until_a_trial_succeeds(
    make: Make, clock: FrozenClock
) -> None:
    runtime = await make(circuit_breaker_failure_threshold=2, circuit_breaker_recovery_timeout=30)
    agent = ScriptedAgent("done", ValueError("1"), ValueError("2"))
    agent_id = await runtime.register_agent(agent)
    for _ in range(2):
        await runtime.execute_task(agent_id)
    refused = await runtime.execute_task(agent_id)
    assert refused.status is TaskStatus.REJECTED
    assert isinstance(refused.error, CircuitOpen)
    assert refused.error.retry_after == 30
    assert agent.calls == 2

    await clock.advance(30)
    assert (await runtime.execute_task(agent_id)).ok
    assert (await runtime.execute_task(agent_id)).ok


async def test_a_cancelled_trial_makes_room_for_the_next(make: Make, clock: FrozenClock) -> None:
    runtime = await make(circuit_breaker_failure_threshold=1)
    agent = ScriptedAgent("done", ValueError("1"))
    agent_id = await runtime.register_agent(agent)
    await runtime.execute_task(agent_id)
    await clock.advance(30)
    agent.gate.clear()
    trial = asyncio.create_task(runtime.execute_task(agent_id))
    await clock.settle()
    assert (await runtime.execute_task(agent_id)).status is TaskStatus.REJECTED
    trial.cancel()
    await asyncio.wait({trial})
    agent.gate.set()
    assert (await runtime.execute_task(agent_id)).ok


async def test_a_timeout_counts_as_a_failure(make: Make, clock: FrozenClock) -> None:
    runtime = await make(circuit_breaker_failure_threshold=1)
    agent_id = await runtime.register_agent(ScriptedAgent(closed=True))
    task = asyncio.create_task(runtime.execute_task(agent_id, timeout=1))
    await clock.advance(1)
    await task
    assert isinstance((await runtime.execute_task(agent_id)).error, CircuitOpen)


async def test_without_circuit_breakers_a_failing_agent_is_asked_again_and_again(
    make: Make,
) -> None:
    runtime = await make(enable_circuit_breaker=False, circuit_breaker_failure_threshold=1)
    agent = ScriptedAgent("x", *(ValueError("no") for _ in range(9)))
    agent_id = await runtime.register_agent(agent)
    for _ in range(9):
        assert (await runtime.execute_task(agent_id)).status is TaskStatus.ERROR
    assert agent.calls == 9


async def test_a_retry_that_the_circuit_refuses_leaves_the_agent_s_error(
    make: Make, clock: FrozenClock
) -> None:
    runtime = await make(circuit_breaker_failure_threshold=1)
    agent_id = await runtime.register_agent(ScriptedAgent("x", ValueError("the cause")))
    task = asyncio.create_task(runtime.execute_task(agent_id, retry_policy=RETRY))
    await clock.advance(10)
    result = await task
    assert (result.status, str(result.error)) == (TaskStatus.ERROR, "the cause")


# Rates


@pytest.mark.parametrize("field", ["rate_limit_per_second", "agent_rate_limit_per_second"])
async def test_what_comes_too_early_waits(make: Make, clock: FrozenClock, field: str) -> None:
    runtime = await make(**{field: 0.5})
    agent = ScriptedAgent()
    agent_id = await runtime.register_agent(agent)
    tasks = [asyncio.create_task(runtime.execute_task(agent_id)) for _ in range(3)]
    counts: list[int] = []
    for seconds in (0, 1.9, 0.1, 2):
        await clock.advance(seconds)
        counts.append(agent.calls)
    assert counts == [1, 1, 2, 3]
    assert all(result.ok for result in await asyncio.gather(*tasks))


async def test_without_rate_limiting_the_rates_do_not_hold(make: Make) -> None:
    runtime = await make(rate_limit_per_second=0.1, enable_rate_limiting=False)
    agent_id = await runtime.register_agent(ScriptedAgent())
    for _ in range(3):
        assert (await runtime.execute_task(agent_id)).ok
