"""Workflows on a runtime."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator

import pytest

from rollcall.kernel.errors import Closed
from rollcall.orchestration.errors import CircuitOpen, NoAgentFound
from rollcall.orchestration.history import TaskStatus
from rollcall.orchestration.workflow import Step, WorkflowState
from rollcall.testing.clock import FrozenClock
from support.agents import Worker, timed
from support.runtimes import Make, runtimes


@pytest.fixture
async def make(clock: FrozenClock) -> AsyncIterator[Make]:
    async with runtimes(clock, default_routing_strategy="round-robin") as make:
        yield make


# Many tasks


async def test_results_are_in_the_order_of_the_tasks(make: Make, clock: FrozenClock) -> None:
    runtime = await make()
    await runtime.register_agent(Worker(clock))
    tasks = [timed(f"t{number}", 10 - number) for number in range(5)]
    work = asyncio.create_task(runtime.execute_multi_agent_workflow(tasks))
    await clock.advance(10)
    results = await work
    assert [result.result["text"] for result in results] == [f"t{n}!" for n in range(5)]


async def test_no_tasks_have_no_results(make: Make) -> None:
    runtime = await make()
    assert await runtime.execute_multi_agent_workflow([]) == []


async def test_tasks_are_spread_by_the_strategy(make: Make, clock: FrozenClock) -> None:
    runtime = await make()
    for name in ("a", "b"):
        await runtime.register_agent(Worker(clock, name))
    results = await runtime.execute_multi_agent_workflow(["x"] * 4, "round-robin")
    assert sorted(result.result["by"] for result in results) == ["a", "a", "b", "b"]


async def test_least_loaded_sees_tasks_that_were_only_just_given_out(
    make: Make, clock: FrozenClock
) -> None:
    runtime = await make()
    for name in "abcdefg":
        await runtime.register_agent(Worker(clock, name))
    work = asyncio.create_task(
        runtime.execute_multi_agent_workflow([timed("x", 5)] * 7, "least-loaded")
    )
    await clock.advance(4)
    during = await runtime.explain_route("x", "least-loaded")
    assert set(during.scores.values()) == {0.1}
    await clock.advance(1)
    assert {result.result["by"] for result in await work} == set("abcdefg")
    after = await runtime.explain_route("x", "least-loaded")
    assert set(after.scores.values()) == {0.0}


async def test_a_failure_stays_in_its_place_and_the_others_go_on(
    make: Make, clock: FrozenClock
) -> None:
    runtime = await make()
    await runtime.register_agent(Worker(clock))
    results = await runtime.execute_multi_agent_workflow(["one", "fail", "two"])
    assert [result.status for result in results] == ["success", "error", "success"]
    assert str(results[1].error) == "fail"


async def test_fail_fast_cancels_the_rest_and_raises_once_it_has_ended(
    make: Make, clock: FrozenClock
) -> None:
    runtime = await make()
    worker = Worker(clock)
    await runtime.register_agent(worker)
    tasks = [timed("slow", 60), timed("fail", 1), timed("slower", 90)]
    work = asyncio.create_task(
        runtime.execute_multi_agent_workflow(tasks, error_handling="fail-fast", workflow_id="w")
    )
    await clock.advance(1)
    with pytest.raises(ValueError, match="fail"):
        await work
    assert worker.running == 0
    assert worker.ended == []
    status = await runtime.get_workflow_status("w")
    assert status is not None
    assert (status.state, status.running) == (WorkflowState.FAILED, ())


async def test_fail_fast_as_a_setting_holds_for_workflows(make: Make, clock: FrozenClock) -> None:
    runtime = await make(error_handling="fail-fast")
    await runtime.register_agent(Worker(clock))
    with pytest.raises(ValueError, match="fail"):
        await runtime.execute_multi_agent_workflow(["fail"])


async def test_once_too_many_have_failed_nothing_more_is_sent(
    make: Make, clock: FrozenClock
) -> None:
    runtime = await make(circuit_breaker_failure_threshold=3)
    for name in "abcdef":
        await runtime.register_agent(Worker(clock, name))
    tasks = ["fail"] * 3 + ["never sent"] * 4
    results = await runtime.execute_multi_agent_workflow(
        tasks, error_handling="circuit-breaker", max_concurrent=1
    )
    assert [result.status for result in results] == ["error"] * 3 + ["rejected"] * 4
    assert all(isinstance(result.error, CircuitOpen) for result in results[3:])


async def test_no_more_run_at_once_than_may(make: Make, clock: FrozenClock) -> None:
    runtime = await make()
    worker = Worker(clock)
    await runtime.register_agent(worker)
    work = asyncio.create_task(
        runtime.execute_multi_agent_workflow([timed("x", 1)] * 6, max_concurrent=2)
    )
    await clock.advance(3)
    assert all(result.ok for result in await work)
    assert worker.most == 2


async def test_tasks_wait_for_the_slots_of_a_busy_agent(make: Make, clock: FrozenClock) -> None:
    runtime = await make()
    worker = Worker(clock)
    await runtime.register_agent(worker, max_concurrency=1)
    work = asyncio.create_task(runtime.execute_multi_agent_workflow([timed("x", 1)] * 3))
    await clock.advance(3)
    assert all(result.ok for result in await work)
    assert worker.most == 1


async def test_a_task_that_nobody_can_take_is_rejected_and_says_why(
    make: Make, clock: FrozenClock
) -> None:
    runtime = await make()
    await runtime.register_agent(Worker(clock), "w")
    await runtime.registry.update_agent_status("w", "offline")
    (result,) = await runtime.execute_multi_agent_workflow(["x"])
    assert result.status is TaskStatus.REJECTED
    assert isinstance(result.error, NoAgentFound)
    assert result.error.passed_over == {"w": "it is offline"}


async def test_inputs_of_independent_tasks_are_passed_on_as_they_are(
    make: Make, clock: FrozenClock
) -> None:
    runtime = await make()
    await runtime.register_agent(Worker(clock))
    inputs = {"task": {"$ref": "elsewhere"}}
    (result,) = await runtime.execute_multi_agent_workflow([{"task": "x", "inputs": inputs}])
    assert result.ok


async def test_cancelling_a_workflow_cancels_its_tasks(make: Make, clock: FrozenClock) -> None:
    runtime = await make()
    worker = Worker(clock)
    await runtime.register_agent(worker)
    work = asyncio.create_task(
        runtime.execute_multi_agent_workflow([timed("x", 60)] * 3, workflow_id="w")
    )
    await clock.settle()
    work.cancel()
    await asyncio.wait({work})
    assert work.cancelled()
    assert worker.running == 0
    status = await runtime.get_workflow_status("w")
    assert status is not None
    assert status.state is WorkflowState.CANCELLED


async def test_a_workflow_needs_a_runtime_that_is_there(make: Make) -> None:
    runtime = await make()
    await runtime.shutdown()
    with pytest.raises(Closed):
        await runtime.execute_multi_agent_workflow(["x"])
    with pytest.raises(Closed):
        await runtime.execute_workflow([Step(name="a", task="x")])
