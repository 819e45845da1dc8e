"""Workflows whose steps need each other, and their progress."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from rollcall.kernel.errors import InvalidInput
from rollcall.orchestration.config import OrchestrationRuntimeConfig
from rollcall.orchestration.errors import AgentNotFound
from rollcall.orchestration.history import TaskFailed, TaskStatus
from rollcall.orchestration.runtime import OrchestrationRuntime
from rollcall.orchestration.workflow import Progress, Step, WorkflowState
from rollcall.testing.clock import FrozenClock
from support.agents import Worker, timed
from support.runtimes import Make, runtimes


@pytest.fixture
async def make(clock: FrozenClock) -> AsyncIterator[Make]:
    async with runtimes(clock, default_routing_strategy="round-robin") as make:
        yield make


# Steps that need each other


async def test_a_step_is_given_the_results_that_it_refers_to(
    make: Make, clock: FrozenClock
) -> None:
    runtime = await make()
    worker = Worker(clock)
    await runtime.register_agent(worker)
    result = await runtime.execute_workflow(
        {
            "steps": [
                {"name": "write", "task": "w", "inputs": {"task": {"$ref": "research.text"}}},
                {"name": "research", "task": "facts"},
            ]
        }
    )
    assert result.status is WorkflowState.COMPLETED
    assert list(result.results) == ["write", "research"]
    assert worker.began == ["facts", "facts!"]


async def test_a_failed_step_takes_with_it_what_needs_it_and_nothing_else(
    make: Make, clock: FrozenClock
) -> None:
    runtime = await make()
    await runtime.register_agent(Worker(clock))
    result = await runtime.execute_workflow(
        [
            Step(name="a", task="fail"),
            Step(name="b", task="b", depends_on=("a",)),
            Step(name="c", task="c", depends_on=("b",)),
            Step(name="d", task="d"),
        ]
    )
    assert result.status is WorkflowState.PARTIAL
    assert {name: one.status.value for name, one in result.results.items()} == {
        "a": "error",
        "b": "skipped",
        "c": "skipped",
        "d": "success",
    }
    reason = result.results["c"].error
    assert isinstance(reason, TaskFailed)
    assert "'b'" in str(reason)


async def test_a_reference_to_a_part_that_is_missing_fails_that_step(
    make: Make, clock: FrozenClock
) -> None:
    runtime = await make()
    await runtime.register_agent(Worker(clock))
    result = await runtime.execute_workflow(
        [
            Step(name="a", task="a"),
            Step(name="b", task="b", inputs={"task": {"$ref": "a.nothing"}}),
        ]
    )
    assert result.results["b"].status is TaskStatus.ERROR
    assert isinstance(result.results["b"].error, InvalidInput)


async def test_a_step_may_name_its_agent_and_its_time(make: Make, clock: FrozenClock) -> None:
    runtime = await make()
    for name in ("a", "b"):
        await runtime.register_agent(Worker(clock, name))
    work = asyncio.create_task(
        runtime.execute_workflow(
            [
                Step(name="one", agent_id="b", inputs="x"),
                Step(name="two", agent_id="b", inputs={"task": "x", "seconds": 9}, timeout=2),
                Step(name="three", agent_id="ghost", inputs="x"),
                Step(name="four", task="x", strategy="fastest"),
            ]
        )
    )
    await clock.advance(2)
    results = (await work).results
    assert results["one"].result["by"] == "b"
    assert results["two"].status is TaskStatus.TIMEOUT
    assert isinstance(results["three"].error, AgentNotFound)
    assert isinstance(results["four"].error, InvalidInput)


async def test_steps_that_do_not_need_each_other_run_at_once(
    make: Make, clock: FrozenClock
) -> None:
    runtime = await make()
    worker = Worker(clock)
    await runtime.register_agent(worker)
    steps = [Step(name=name, task=name, inputs={"task": name, "seconds": 5}) for name in "abc"]
    work = asyncio.create_task(
        runtime.execute_workflow([*steps, Step(name="d", task="d", depends_on=("a", "b", "c"))])
    )
    await clock.advance(5)
    result = await work
    assert (result.seconds, worker.most) == (5.0, 3)


graphs = st.integers(1, 7).flatmap(
    lambda size: st.tuples(
        *(st.frozensets(st.integers(0, max(0, n - 1)), max_size=min(n, 3)) for n in range(size))
    )
)


@settings(max_examples=40)
@given(graphs, st.frozensets(st.integers(0, 6)), st.integers(1, 4))
def test_every_step_ends_in_the_way_that_those_it_needs_leave_it(
    graph: tuple[frozenset[int], ...], failing: frozenset[int], at_once: int
) -> None:
    async def scenario() -> None:
        clock = FrozenClock()
        config = OrchestrationRuntimeConfig(
            enable_health_monitoring=False,
            enable_circuit_breaker=False,
            default_routing_strategy="random",
        )
        async with OrchestrationRuntime(config, clock=clock) as runtime:
            worker = Worker(clock)
            await runtime.register_agent(worker)
            steps = [
                Step(
                    name=f"s{number}",
                    task=f"fail {number}" if number in failing else f"s{number}",
                    depends_on=tuple(f"s{one}" for one in needs),
                )
                for number, needs in enumerate(graph)
            ]
            result = await runtime.execute_workflow(steps, max_concurrent=at_once)
        ok: set[int] = set()
        for number, needs in enumerate(graph):
            status = result.results[f"s{number}"].status
            if not needs <= ok:
                assert status is TaskStatus.SKIPPED
            elif number in failing:
                assert status is TaskStatus.ERROR
            else:
                assert status is TaskStatus.SUCCESS
                ok.add(number)
        for number in ok:
            before = worker.ended[: worker.ended.index(f"s{number}")]
            assert {f"s{one}" for one in graph[number]} <= set(before)

    asyncio.run(scenario())


# Progress


async def test_progress_is_told_after_each_step_and_is_complete_at_the_end(
    make: Make, clock: FrozenClock
) -> None:
    told: list[Progress] = []

    async def note(progress: Progress) -> None:
        await asyncio.sleep(0)
        told.append(progress)

    runtime = await make()
    await runtime.register_agent(Worker(clock))
    await runtime.execute_workflow(
        [Step(name="a", task="fail"), Step(name="b", task="b", depends_on=("a",))],
        on_progress=note,
    )
    assert [(one.latest, one.latest_status, one.done, one.total) for one in told] == [
        ("a", "error", 1, 2),
        ("b", "skipped", 2, 2),
    ]


async def test_a_progress_callback_that_fails_harms_nothing(
    make: Make, clock: FrozenClock, caplog: pytest.LogCaptureFixture
) -> None:
    def fail(_: Progress) -> None:
        raise ValueError("bad callback")

    runtime = await make()
    await runtime.register_agent(Worker(clock))
    results = await runtime.execute_multi_agent_workflow(["x"], on_progress=fail)
    assert results[0].ok
    assert "bad callback" in caplog.text


async def test_the_status_of_a_workflow_can_be_asked_for_at_any_time(
    make: Make, clock: FrozenClock
) -> None:
    runtime = await make()
    await runtime.register_agent(Worker(clock))
    work = asyncio.create_task(
        runtime.execute_multi_agent_workflow([timed("a", 1), timed("b", 5)], workflow_id="w")
    )
    await clock.advance(1)
    during = await runtime.get_workflow_status("w")
    assert during is not None
    assert (during.state, during.running, during.ended) == (
        WorkflowState.RUNNING,
        ("1",),
        {"0": "success"},
    )
    with pytest.raises(InvalidInput, match="runs already"):
        await runtime.execute_multi_agent_workflow(["x"], workflow_id="w")
    await clock.advance(4)
    await work
    after = await runtime.get_workflow_status("w")
    assert after is not None
    assert (after.state, after.running) == (WorkflowState.COMPLETED, ())
    assert await runtime.get_workflow_status("another") is None


async def test_without_progress_tracking_nobody_is_told(make: Make, clock: FrozenClock) -> None:
    told: list[Progress] = []
    runtime = await make(enable_progress_tracking=False)
    await runtime.register_agent(Worker(clock))
    results = await runtime.execute_multi_agent_workflow(
        ["x"], on_progress=told.append, workflow_id="w"
    )
    assert results[0].ok
    assert told == []
    assert await runtime.get_workflow_status("w") is None
