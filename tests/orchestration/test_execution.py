"""One task: what it is given, what it takes, what it gives back, how it ends."""

from __future__ import annotations

import asyncio
import threading
from decimal import Decimal
from typing import Any

import pytest

from rollcall.kernel.errors import InvalidInput, RollcallError
from rollcall.orchestration.config import OrchestrationRuntimeConfig
from rollcall.orchestration.errors import AgentNotFound
from rollcall.orchestration.history import TaskEvent, TaskStatus
from rollcall.orchestration.models import AgentStatus
from rollcall.orchestration.runtime import OrchestrationRuntime
from rollcall.policies.retry import RetryPolicy
from rollcall.testing.clock import FrozenClock
from support.agents import ScriptedAgent
from support.runtimes import Make, status

RETRY = RetryPolicy(max_retries=2, initial_delay=10, backoff_factor=2)


async def test_the_result_says_what_came_out_and_what_it_took(
    make: Make, clock: FrozenClock
) -> None:
    runtime = await make()
    agent = ScriptedAgent({"text": "hi", "cost_usd": "0.25"}, closed=True)
    agent_id = await runtime.register_agent(agent, "a")
    task = asyncio.create_task(runtime.execute_task(agent_id, {"task": "greet"}))
    await clock.advance(3)
    agent.gate.set()
    result = await task

    assert result.ok
    assert result.result == {"text": "hi", "cost_usd": "0.25"}
    assert (result.agent_id, result.attempts, result.seconds) == ("a", 1, 3.0)
    assert result.cost_usd == Decimal("0.25")
    assert result.started_at.tzinfo is not None


async def test_a_sync_agent_is_run(make: Make) -> None:
    class Sync:
        def run(self, task: str) -> str:
            return task.upper()

    runtime = await make()
    agent_id = await runtime.register_agent(Sync())
    assert (await runtime.execute_task(agent_id, {"task": "greet"})).result == "GREET"


async def test_a_failed_task_says_so_and_raises_where_that_is_asked_for(make: Make) -> None:
    runtime = await make()
    error = ValueError("no such city")
    agent_id = await runtime.register_agent(ScriptedAgent("x", error, error))

    result = await runtime.execute_task(agent_id, "weather")
    assert (result.status, result.error, result.attempts) == (TaskStatus.ERROR, error, 1)
    with pytest.raises(ValueError, match="city"):
        await runtime.execute_task(agent_id, "weather", error_handling="fail-fast")


async def test_fail_fast_is_a_setting(make: Make) -> None:
    runtime = await make(error_handling="fail-fast")
    agent_id = await runtime.register_agent(ScriptedAgent("x", ValueError("no")))
    with pytest.raises(ValueError, match="no"):
        await runtime.execute_task(agent_id)


async def test_who_is_not_there_cannot_be_asked(make: Make) -> None:
    runtime = await make()
    with pytest.raises(AgentNotFound, match="no agent 'ghost'"):
        await runtime.execute_task("ghost")


@pytest.mark.parametrize(
    ("arguments", "field"),
    [
        ({"timeout": 0}, "timeout"),
        ({"estimated_cost_usd": -1}, "estimated_cost_usd"),
        ({"error_handling": "hope"}, "error_handling"),
        ({"method": "walk"}, "method"),
    ],
)
async def test_an_argument_out_of_range_is_refused(
    make: Make, arguments: dict[str, Any], field: str
) -> None:
    runtime = await make()
    agent_id = await runtime.register_agent(ScriptedAgent())
    with pytest.raises(InvalidInput) as caught:
        await runtime.execute_task(agent_id, **arguments)
    assert caught.value.field == field


# Retries


async def test_a_failed_attempt_is_repeated_after_the_policy_s_delays(
    make: Make, clock: FrozenClock
) -> None:
    runtime = await make(default_retry_policy=RETRY)
    agent = ScriptedAgent("done", ValueError("1"), ValueError("2"))
    agent_id = await runtime.register_agent(agent)
    task = asyncio.create_task(runtime.execute_task(agent_id))
    await clock.advance(9.9)
    assert agent.calls == 1
    await clock.advance(0.1)
    assert agent.calls == 2
    await clock.advance(20)
    result = await task
    assert (result.result, result.attempts) == ("done", 3)


async def test_the_last_error_ends_the_task_when_no_attempt_is_left(
    make: Make, clock: FrozenClock
) -> None:
    runtime = await make()
    agent_id = await runtime.register_agent(
        ScriptedAgent("x", *(ValueError(str(n)) for n in range(5)))
    )
    task = asyncio.create_task(runtime.execute_task(agent_id, retry_policy=RETRY))
    await clock.advance(30)
    result = await task
    assert (result.attempts, str(result.error)) == (3, "2")


async def test_an_error_that_the_policy_does_not_name_is_not_repeated(make: Make) -> None:
    runtime = await make()
    agent = ScriptedAgent("x", ValueError("no"))
    agent_id = await runtime.register_agent(agent)
    policy = RetryPolicy(exceptions=(ConnectionError,))
    assert (await runtime.execute_task(agent_id, retry_policy=policy)).attempts == agent.calls == 1


async def test_a_task_that_waits_for_its_next_attempt_holds_no_slot(
    make: Make, clock: FrozenClock
) -> None:
    runtime = await make(max_concurrent_agents=1)
    failing = await runtime.register_agent(ScriptedAgent("x", ValueError("no")))
    other = await runtime.register_agent(ScriptedAgent("quick"))
    task = asyncio.create_task(runtime.execute_task(failing, retry_policy=RETRY))
    await clock.settle()
    assert (await runtime.execute_task(other)).result == "quick"
    await clock.advance(10)
    assert (await task).ok


# Time


async def test_a_task_that_is_too_late_times_out_and_gives_everything_back(
    make: Make, clock: FrozenClock
) -> None:
    runtime = await make()
    agent_id = await runtime.register_agent(ScriptedAgent(closed=True), max_concurrency=1)
    task = asyncio.create_task(runtime.execute_task(agent_id, timeout=5, estimated_cost_usd=1))
    await clock.advance(5)
    result = await task
    assert (result.status, result.seconds) == (TaskStatus.TIMEOUT, 5.0)
    assert isinstance(result.error, TimeoutError)
    metrics = await runtime.get_metrics()
    assert (metrics["active_tasks"], metrics["budget_reserved_usd"]) == (0, 0)


async def test_the_timeout_covers_waiting_for_a_slot(make: Make, clock: FrozenClock) -> None:
    runtime = await make()
    agent = ScriptedAgent(closed=True)
    agent_id = await runtime.register_agent(agent, max_concurrency=1)
    first = asyncio.create_task(runtime.execute_task(agent_id))
    await clock.settle()
    second = asyncio.create_task(runtime.execute_task(agent_id, timeout=5))
    await clock.advance(5)
    assert (await second).status is TaskStatus.TIMEOUT
    assert agent.calls == 1
    agent.gate.set()
    assert (await first).ok


async def test_the_timeout_covers_the_time_between_attempts(make: Make, clock: FrozenClock) -> None:
    runtime = await make()
    agent_id = await runtime.register_agent(ScriptedAgent("x", ValueError("no")))
    task = asyncio.create_task(runtime.execute_task(agent_id, timeout=5, retry_policy=RETRY))
    await clock.advance(5)
    assert (await task).status is TaskStatus.TIMEOUT


async def test_an_agent_s_own_timeout_is_an_error_like_any_other(
    make: Make, clock: FrozenClock
) -> None:
    runtime = await make()
    agent_id = await runtime.register_agent(
        ScriptedAgent("done", TimeoutError("the model is slow"))
    )
    task = asyncio.create_task(runtime.execute_task(agent_id, timeout=60, retry_policy=RETRY))
    await clock.advance(10)
    result = await task
    assert (result.status, result.attempts) == (TaskStatus.SUCCESS, 2)


async def test_a_jump_of_the_wall_clock_times_nobody_out(make: Make, clock: FrozenClock) -> None:
    class Jumping(FrozenClock):
        def now(self) -> float:
            return super().now() + 86_400 * self.jumped

        jumped = 0

    jumping = Jumping()
    config = OrchestrationRuntimeConfig(enable_health_monitoring=False)
    runtime = OrchestrationRuntime(config, clock=jumping)
    agent = ScriptedAgent(closed=True)
    agent_id = await runtime.register_agent(agent)
    task = asyncio.create_task(runtime.execute_task(agent_id, timeout=5))
    await jumping.advance(1)
    jumping.jumped = 1
    await jumping.advance(1)
    agent.gate.set()
    result = await task
    assert (result.ok, result.seconds) == (True, 2.0)
    await runtime.shutdown()


# Cancellation


async def test_cancelling_whoever_waits_cancels_the_task_and_gives_everything_back(
    make: Make, clock: FrozenClock
) -> None:
    runtime = await make()
    agent = ScriptedAgent(closed=True)
    agent_id = await runtime.register_agent(agent, max_concurrency=1)
    task = asyncio.create_task(runtime.execute_task(agent_id, estimated_cost_usd=1))
    await clock.settle()
    task.cancel()
    with pytest.raises(asyncio.CancelledError):
        await task
    assert agent.running == 0
    metrics = await runtime.get_metrics()
    assert (metrics["active_tasks"], metrics["budget_reserved_usd"]) == (0, 0)
    assert await status(runtime, agent_id) is AgentStatus.ACTIVE
    assert (await runtime.get_execution_history(1))[0].status is TaskStatus.CANCELLED


async def test_an_agent_that_cancels_itself_cancels_nobody_else(make: Make) -> None:
    runtime = await make()
    agent_id = await runtime.register_agent(ScriptedAgent("x", asyncio.CancelledError()))
    result = await runtime.execute_task(agent_id)
    assert result.status is TaskStatus.CANCELLED
    assert isinstance(result.error, RollcallError)


# Hooks, history, metrics


class Hooks:
    def __init__(self) -> None:
        self.heard: list[tuple[str, TaskEvent]] = []

    def on_task_started(self, event: TaskEvent) -> None:
        self.heard.append(("started", event))

    async def on_task_retried(self, event: TaskEvent) -> None:
        self.heard.append(("retried", event))

    def on_task_finished(self, event: TaskEvent) -> None:
        self.heard.append(("finished", event))
        raise ValueError("a bad hook")


async def test_hooks_hear_of_every_step_and_their_failures_are_counted(
    make: Make, clock: FrozenClock
) -> None:
    hooks = Hooks()
    runtime = await make(hook_manager=hooks)
    agent_id = await runtime.register_agent(ScriptedAgent("done", ValueError("no")))
    task = asyncio.create_task(runtime.execute_task(agent_id, "x", retry_policy=RETRY))
    await clock.advance(10)
    assert (await task).ok
    await clock.settle()

    assert [name for name, _ in hooks.heard] == ["started", "retried", "finished"]
    retried, finished = hooks.heard[1][1], hooks.heard[2][1]
    assert (retried.attempt, retried.delay, str(retried.error)) == (1, 10, "no")
    assert finished.result is not None
    assert finished.result.result == "done"
    assert (await runtime.get_metrics())["hook_errors"] == 1


async def test_the_history_tells_of_every_execution(make: Make) -> None:
    runtime = await make(history_size=2)
    agent_id = await runtime.register_agent(ScriptedAgent("x", ValueError("no")))
    for number in range(3):
        await runtime.execute_task(agent_id, task_id=f"t{number}")
    history = await runtime.get_execution_history(10)
    assert [(one.task_id, one.status) for one in history] == [("t1", "success"), ("t2", "success")]


async def test_counts_are_the_runtime_s_and_the_agent_s(make: Make, clock: FrozenClock) -> None:
    runtime = await make()
    agent_id = await runtime.register_agent(ScriptedAgent({"cost_usd": 0.5}, ValueError("no")), "a")
    task = asyncio.create_task(runtime.execute_task(agent_id, retry_policy=RETRY))
    await clock.advance(10)
    await task
    known = await runtime.get_agent_status("a")
    assert known is not None
    assert (known.completed_tasks, known.failed_tasks, known.active_tasks) == (1, 0, 0)
    assert (known.request_count, known.error_count, known.budget_spent_usd) == (2, 1, 0.5)
    metrics = await runtime.get_metrics()
    assert (metrics["completed_tasks"], metrics["request_count"]) == (1, 2)


async def test_without_metrics_nothing_is_counted_and_the_books_are_kept(make: Make) -> None:
    runtime = await make(enable_metrics=False)
    agent_id = await runtime.register_agent(ScriptedAgent({"cost_usd": 0.5}))
    assert (await runtime.execute_task(agent_id)).ok
    metrics = await runtime.get_metrics()
    assert (metrics["completed_tasks"], metrics["request_count"]) == (0, 0)
    assert metrics["budget_spent_usd"] == 0.5


async def test_a_sync_agent_that_was_cancelled_keeps_its_slot_until_its_thread_ends(
    make: Make, clock: FrozenClock
) -> None:
    started, freed = threading.Event(), threading.Event()

    class Sync:
        def run(self) -> None:
            started.set()
            freed.wait(5)

    runtime = await make()
    agent_id = await runtime.register_agent(Sync(), max_concurrency=1)
    task = asyncio.create_task(runtime.execute_task(agent_id))
    await clock.settle()
    assert await asyncio.to_thread(started.wait, 5)
    task.cancel()
    await asyncio.wait({task})
    assert (await runtime.get_metrics())["active_tasks"] == 1

    freed.set()
    assert (await runtime.execute_task(agent_id)).ok
    assert (await runtime.get_metrics())["active_tasks"] == 0
