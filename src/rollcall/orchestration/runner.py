# SPDX-License-Identifier: Apache-2.0
"""Running the steps of a workflow: as many at once as may, each after those it needs."""

from __future__ import annotations

import asyncio
from collections import deque
from collections.abc import Callable, Coroutine
from decimal import Decimal
from typing import Any

import msgspec

from rollcall.kernel.clock import Clock, utc
from rollcall.kernel.errors import InvalidInput
from rollcall.orchestration.config import ErrorHandlingMode
from rollcall.orchestration.errors import CircuitOpen
from rollcall.orchestration.history import TaskFailed, TaskResult, TaskStatus
from rollcall.orchestration.notices import Callback, Notifier
from rollcall.orchestration.workflow import (
    Plan,
    Progress,
    WorkflowResult,
    WorkflowState,
    resolved,
)
from rollcall.policies.circuit_breaker import CircuitBreaker, CircuitState

Dispatch = Callable[[str, Any], Coroutine[Any, Any, TaskResult]]
"""Gives a step, by name, and its inputs to an agent; raises nothing but cancellation."""


class WorkflowRun:
    """One workflow on its way.

    Args:
        workflow_id: Its id.
        plan: Its steps.
        dispatch: Gives a step to an agent.
        clock: Time.
        mode: What becomes of it when a step fails.
        breaker: For the mode circuit-breaker: opens when too many steps fail.
        max_concurrent: Steps that are under way at once.
        on_progress: Called with a `Progress` after each step; None: nobody is.
        keep: Keeps the latest progress for those who ask.
    """

    def __init__(
        self,
        workflow_id: str,
        plan: Plan,
        dispatch: Dispatch,
        *,
        clock: Clock,
        mode: ErrorHandlingMode,
        breaker: CircuitBreaker,
        max_concurrent: int,
        on_progress: Callback | None,
        keep: Callable[[Progress], None],
    ) -> None:
        self._plan = plan
        self._dispatch = dispatch
        self._clock = clock
        self._mode = mode
        self._breaker = breaker
        self._max_concurrent = max_concurrent
        self._on_progress = on_progress
        self._keep = keep
        self._notices = Notifier()
        self._started = clock.monotonic()
        self._results: dict[str, TaskResult] = {}
        self._needs = {name: set(needs) for name, needs in plan.needs.items()}
        self._needed_by: dict[str, list[str]] = {name: [] for name in plan.steps}
        for name in plan.order:
            for needed in plan.needs[name]:
                self._needed_by[needed].append(name)
        self._ready = deque(name for name in plan.order if not self._needs[name])
        self._running: dict[asyncio.Task[TaskResult], str] = {}
        self._progress = Progress(
            workflow_id=workflow_id,
            state=WorkflowState.RUNNING,
            total=len(plan.steps),
            started_at=utc(clock.now()),
        )
        keep(self._progress)

    async def run(self) -> WorkflowResult:
        """Run all steps that can be run.

        Raises:
            Exception: The error of the first step that failed, in the mode fail-fast; what ran
                beside it was cancelled and has ended.
        """
        state = WorkflowState.FAILED
        try:
            while self._ready or self._running:
                self._begin()
                if self._running:
                    await self._next()
            state = self._outcome()
        except asyncio.CancelledError:
            state = WorkflowState.CANCELLED
            raise
        finally:
            await self._break_off()
            self._tell(state=state)
        await self._notices.flush()
        return WorkflowResult(
            workflow_id=self._progress.workflow_id,
            status=state,
            results={name: self._results[name] for name in self._plan.steps},
            seconds=self._clock.monotonic() - self._started,
            cost_usd=sum((one.cost_usd for one in self._results.values()), Decimal(0)),
        )

    def _begin(self) -> None:
        while self._ready and len(self._running) < self._max_concurrent:
            name = self._ready.popleft()
            if self._stopped():
                breaker = f"workflow {self._progress.workflow_id}"
                self._end(name, self._without(TaskStatus.REJECTED, CircuitOpen(breaker, None)))
                continue
            values = {done: result.result for done, result in self._results.items()}
            step = self._plan.steps[name]
            given = step.task if step.inputs is None else step.inputs
            try:
                inputs = resolved(given, values)
            except InvalidInput as error:
                self._end(name, self._without(TaskStatus.ERROR, error))
                continue
            task = asyncio.create_task(self._dispatch(name, inputs), name=f"rollcall-step-{name}")
            self._running[task] = name

    async def _next(self) -> None:
        done, _ = await asyncio.wait(self._running, return_when=asyncio.FIRST_COMPLETED)
        # In the order in which they began, so that the same run reads the same each time.
        for task in [one for one in self._running if one in done]:
            name = self._running.pop(task)
            self._end(name, task.result())

    def _end(self, name: str, result: TaskResult) -> None:
        now = self._clock.monotonic()
        permit = self._breaker.allow(now)
        if permit is not None:
            report = self._breaker.succeeded if result.ok else self._breaker.failed
            report(permit, now)
        self._results[name] = result
        self._tell(latest=name)
        if result.ok:
            for other in self._needed_by[name]:
                self._needs[other].discard(name)
                if not self._needs[other]:
                    self._ready.append(other)
            return
        self._skip(name)
        if self._mode is ErrorHandlingMode.FAIL_FAST:
            result.unwrap()

    def _skip(self, failed: str) -> None:
        """Skip what needs a step that has no result, and what needs that."""
        lost = deque([failed])
        while lost:
            cause = lost.popleft()
            for name in self._needed_by[cause]:
                if name not in self._results:
                    reason = f"step {cause!r}, which it needs, has no result"
                    error = TaskFailed(name, TaskStatus.SKIPPED, reason)
                    self._results[name] = self._without(TaskStatus.SKIPPED, error)
                    self._tell(latest=name)
                    lost.append(name)

    def _without(self, status: TaskStatus, error: Exception) -> TaskResult:
        """The result of a step that no agent was given."""
        return TaskResult(
            task_id=self._progress.workflow_id,
            agent_id=None,
            status=status,
            error=error,
            started_at=utc(self._clock.now()),
        )

    def _stopped(self) -> bool:
        if self._mode is not ErrorHandlingMode.CIRCUIT_BREAKER:
            return False
        return self._breaker.state(self._clock.monotonic()) is not CircuitState.CLOSED

    def _outcome(self) -> WorkflowState:
        succeeded = sum(result.ok for result in self._results.values())
        if succeeded == len(self._plan.steps):
            return WorkflowState.COMPLETED
        return WorkflowState.PARTIAL if succeeded else WorkflowState.FAILED

    async def _break_off(self) -> None:
        for task in self._running:
            task.cancel()
        if self._running:
            await asyncio.wait(self._running)
        self._running.clear()

    def _tell(
        self, *, latest: str | None = None, state: WorkflowState = WorkflowState.RUNNING
    ) -> None:
        progress = msgspec.structs.replace(
            self._progress,
            state=state,
            done=len(self._results),
            succeeded=sum(result.ok for result in self._results.values()),
            running=tuple(self._running.values()),
            statuses={name: result.status for name, result in self._results.items()},
            latest=latest,
        )
        self._keep(progress)
        # The end is told by the result; whoever counts steps should see each of them once.
        if latest is not None and self._on_progress is not None:
            self._notices.tell(self._on_progress, progress)
