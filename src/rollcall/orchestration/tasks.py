# SPDX-License-Identifier: Apache-2.0
"""The tasks that a runtime has taken on: began by callers and workflows, ended by shutdown."""

from __future__ import annotations

import asyncio
from collections.abc import Iterable
from typing import Any

from rollcall.kernel.clock import Clock, utc
from rollcall.kernel.errors import Closed, InvalidInput, RollcallError
from rollcall.kernel.ids import IdSource
from rollcall.kernel.money import Amount, non_negative
from rollcall.orchestration.config import RoutingStrategy, chosen
from rollcall.orchestration.crew import Crew
from rollcall.orchestration.errors import NoAgentFound
from rollcall.orchestration.execution import Executor
from rollcall.orchestration.history import TaskResult, TaskStatus
from rollcall.orchestration.workflow import Step
from rollcall.policies import checks
from rollcall.policies.retry import RetryPolicy

_GRACE = 1.0
"""Seconds that agents which were cancelled have to end."""


class Tasks:
    """Begins tasks and ends them.

    Args:
        crew: The agents.
        executor: Runs a task.
        clock: Time.
        ids: Randomness for drawn ids.
    """

    def __init__(self, crew: Crew, executor: Executor, *, clock: Clock, ids: IdSource) -> None:
        self._crew = crew
        self._executor = executor
        self._clock = clock
        self._ids = ids
        self._running: set[asyncio.Task[TaskResult]] = set()
        self._closed = False

    def close(self) -> None:
        """Begin no more."""
        self._closed = True

    def refuse_if_closed(self) -> None:
        """Raise Closed after `close`."""
        if self._closed:
            raise Closed("the runtime was shut down: make a new one")

    async def execute(
        self,
        agent_id: str,
        inputs: Any,
        *,
        timeout: float | None,
        estimated_cost_usd: Amount,
        retry_policy: RetryPolicy | None = None,
        priority: int = 0,
        method: str = "run",
        task_id: str | None = None,
    ) -> TaskResult:
        """As `OrchestrationRuntime.execute_task`, but raises no error of the task's."""
        self.refuse_if_closed()
        worker = self._crew.worker(agent_id)
        call = getattr(worker.agent, method, None)
        if not callable(call):
            raise InvalidInput("method", f"agent {agent_id!r} has no method {method!r}")
        task = self._executor.start(
            worker,
            call,
            inputs,
            task_id=task_id or f"task_{self._ids.hex(12)}",
            timeout=None if timeout is None else checks.positive("timeout", timeout),
            estimate=non_negative(estimated_cost_usd, "estimated_cost_usd"),
            policy=retry_policy,
            priority=priority,
        )
        self._running.add(task)
        task.add_done_callback(self._running.discard)
        return await _finished(task)

    async def dispatch(self, step: Step, inputs: Any, strategy: RoutingStrategy) -> TaskResult:
        """Give a step of a workflow to an agent; a refusal is a result, too."""
        agent_id = step.agent_id
        try:
            if agent_id is None:
                task = step.task or ""
                if step.strategy is not None:
                    strategy = chosen(RoutingStrategy, step.strategy, "strategy")
                estimate = non_negative(step.estimated_cost_usd or 0, "estimated_cost_usd")
                decision = await self._crew.decide(
                    task, strategy, key=step.key, estimate=estimate, wait=True
                )
                agent_id = decision.agent_id
                if agent_id is None:
                    raise NoAgentFound(f"task {task!r:.80}", decision.passed_over)
            return await self.execute(
                agent_id,
                inputs,
                timeout=step.timeout,
                estimated_cost_usd=step.estimated_cost_usd or 0,
            )
        except RollcallError as refused:
            return TaskResult(
                task_id=f"task_{self._ids.hex(12)}",
                agent_id=agent_id,
                status=TaskStatus.REJECTED,
                error=refused,
                started_at=utc(self._clock.now()),
            )

    async def end(self, seconds: float) -> None:
        """Wait for all tasks, for so long at most; cancel what has not ended then."""
        await self._wait(self._running, seconds)
        for task in self._running:
            task.cancel()
        await self._wait(self._running, _GRACE)

    async def _wait(self, tasks: Iterable[asyncio.Task[Any]], seconds: float) -> None:
        """Wait until `tasks` have ended, or for so long."""
        left: set[asyncio.Task[Any]] = set(tasks)
        if not left:
            return
        timer = asyncio.ensure_future(self._clock.sleep(seconds))
        while left and not timer.done():
            done, _ = await asyncio.wait({*left, timer}, return_when=asyncio.FIRST_COMPLETED)
            left -= done
        timer.cancel()
        await asyncio.wait({timer})


async def _finished(task: asyncio.Task[TaskResult]) -> TaskResult:
    """The result of a task; whoever waits and is cancelled cancels it."""
    waiter = asyncio.current_task()
    before = waiter.cancelling() if waiter else 0
    try:
        result = await task
    except asyncio.CancelledError:
        if waiter and waiter.cancelling() > before:
            raise
        raise Closed("the runtime was shut down before the task began") from None
    # The task has swallowed the waiter's cancellation to end in good order.
    if waiter and waiter.cancelling() > before:
        raise asyncio.CancelledError
    return result
