# SPDX-License-Identifier: Apache-2.0
"""Running the steps of a workflow: as many at once as may, each after those it needs."""

from __future__ import annotations

import asyncio
from collections import deque
from collections.abc import Callable, Coroutine
from decimal import Decimal
from typing import Any

from rollcall.kernel.clock import Clock, utc
from rollcall.kernel.errors import InvalidInput
from rollcall.kernel.ids import IdSource
from rollcall.orchestration.config import (
    ErrorHandlingMode,
    OrchestrationRuntimeConfig,
    RoutingStrategy,
)
from rollcall.orchestration.errors import CircuitOpen
from rollcall.orchestration.history import TaskFailed, TaskResult, TaskStatus
from rollcall.orchestration.notices import Callback, Notifier
from rollcall.orchestration.workflow import (
    Plan,
    Progress,
    Step,
    WorkflowResult,
    WorkflowState,
    WorkflowStatus,
    resolved,
)
from rollcall.policies import checks
from rollcall.policies.circuit_breaker import CircuitBreaker, CircuitState

Dispatch = Callable[[Step, Any, RoutingStrategy], Coroutine[Any, Any, TaskResult]]
"""Gives a step and its inputs to an agent, which the strategy finds where the step names none;
raises nothing but cancellation."""

_REMEMBERED = 1000
"""Workflows that have ended and are still told about."""


class Workflows:
    """Runs workflows and remembers how they are.

    Args:
        config: Settings.
        clock: Time.
        ids: Randomness for drawn ids.
        dispatch: Gives a step to an agent.
    """

    def __init__(
        self,
        config: OrchestrationRuntimeConfig,
        *,
        clock: Clock,
        ids: IdSource,
        dispatch: Dispatch,
    ) -> None:
        self._config = config
        self._clock = clock
        self._ids = ids
        self._dispatch = dispatch
        self._running: dict[str, WorkflowRun] = {}
        self._ended: dict[str, WorkflowStatus] = {}

    @property
    def running(self) -> int:
        """How many run."""
        return len(self._running)

    async def run(
        self,
        steps: Plan,
        *,
        strategy: RoutingStrategy,
        mode: ErrorHandlingMode,
        max_concurrent: int | None,
        on_progress: Callback | None,
        workflow_id: str | None,
    ) -> WorkflowResult:
        """Run a workflow; None stands for what is configured, or drawn.

        Raises:
            InvalidInput: A workflow of that id runs already, or `max_concurrent` is below 1.
            Exception: The error of a failed step, in the mode fail-fast.
        """
        known = workflow_id or f"workflow_{self._ids.hex(12)}"
        if known in self._running:
            raise InvalidInput("workflow_id", f"{known!r} runs already")
        limit = self._config.max_concurrent_agents if max_concurrent is None else max_concurrent
        tracked = self._config.enable_progress_tracking
        run = WorkflowRun(
            known,
            steps,
            self._dispatch,
            strategy=strategy,
            clock=self._clock,
            mode=mode,
            breaker=self._config.new_circuit_breaker(),
            max_concurrent=checks.whole("max_concurrent", limit, 1),
            on_progress=on_progress if tracked else None,
        )
        self._running[known] = run
        try:
            return await run.run()
        finally:
            del self._running[known]
            if tracked:
                # Not the run itself, which holds all results.
                self._ended.pop(known, None)
                self._ended[known] = run.status()
                if len(self._ended) > _REMEMBERED:
                    del self._ended[next(iter(self._ended))]

    def status(self, workflow_id: str) -> WorkflowStatus | None:
        """How a workflow is, or was; None: it is not known, not any more, or not tracked."""
        run = self._running.get(workflow_id)
        if run is None or not self._config.enable_progress_tracking:
            return self._ended.get(workflow_id)
        return run.status()


class WorkflowRun:
    """One workflow on its way.

    Args:
        workflow_id: Its id.
        plan: Its steps.
        dispatch: Gives a step to an agent.
        strategy: How steps are routed that say nothing else.
        clock: Time.
        mode: What becomes of it when a step fails.
        breaker: For the mode circuit-breaker: opens when too many steps fail.
        max_concurrent: Steps that are under way at once.
        on_progress: Called with a `Progress` after each step; None: nobody is.
    """

    def __init__(
        self,
        workflow_id: str,
        plan: Plan,
        dispatch: Dispatch,
        *,
        strategy: RoutingStrategy,
        clock: Clock,
        mode: ErrorHandlingMode,
        breaker: CircuitBreaker,
        max_concurrent: int,
        on_progress: Callback | None,
    ) -> None:
        self.workflow_id = workflow_id
        self._plan = plan
        self._dispatch = dispatch
        self._strategy = strategy
        self._clock = clock
        self._mode = mode
        self._breaker = breaker
        self._max_concurrent = max_concurrent
        self._on_progress = on_progress
        self._notices = Notifier()
        self._state = WorkflowState.RUNNING
        self._started = clock.monotonic()
        self._started_at = utc(clock.now())
        self._broken = False
        self._succeeded = 0
        self._results: dict[str, TaskResult] = {}
        self._values: dict[str, Any] = {}
        self._needs = {name: set(needs) for name, needs in plan.needs.items()}
        self._needed_by: dict[str, list[str]] = {name: [] for name in plan.steps}
        for name in plan.order:
            for needed in plan.needs[name]:
                self._needed_by[needed].append(name)
        self._ready = deque(name for name in plan.order if not self._needs[name])
        self._running: dict[asyncio.Task[TaskResult], str] = {}

    def status(self) -> WorkflowStatus:
        """How it is now; O(n) in its steps."""
        return WorkflowStatus(
            workflow_id=self.workflow_id,
            state=self._state,
            total=len(self._plan.steps),
            started_at=self._started_at,
            running=tuple(self._running.values()),
            ended={name: result.status for name, result in self._results.items()},
        )

    async def run(self) -> WorkflowResult:
        """Run all steps that can be run.

        Raises:
            Exception: The error of the first step that failed, in the mode fail-fast; what ran
                beside it was cancelled and has ended.
        """
        try:
            while self._ready or self._running:
                self._begin()
                if self._running:
                    await self._next()
        except asyncio.CancelledError:
            self._state = WorkflowState.CANCELLED
            raise
        except Exception:
            self._state = WorkflowState.FAILED
            raise
        finally:
            await self._break_off()
        self._state = self._outcome()
        await self._notices.flush()
        return WorkflowResult(
            workflow_id=self.workflow_id,
            status=self._state,
            results={name: self._results[name] for name in self._plan.steps},
            seconds=self._clock.monotonic() - self._started,
            cost_usd=sum((one.cost_usd for one in self._results.values()), Decimal(0)),
        )

    def _begin(self) -> None:
        while self._ready and len(self._running) < self._max_concurrent:
            name = self._ready.popleft()
            if self._broken:
                refusal = CircuitOpen(f"workflow {self.workflow_id}", None)
                self._end(name, self._without(TaskStatus.REJECTED, refusal))
                continue
            step = self._plan.steps[name]
            given = step.task if step.inputs is None else step.inputs
            try:
                # What needs nothing refers to nothing, and is passed on as it is.
                inputs = resolved(given, self._values) if self._plan.needs[name] else given
            except InvalidInput as error:
                self._end(name, self._without(TaskStatus.ERROR, error))
                continue
            work = self._dispatch(step, inputs, self._strategy)
            self._running[asyncio.create_task(work, name=f"rollcall-step-{name}")] = name

    async def _next(self) -> None:
        done, _ = await asyncio.wait(self._running, return_when=asyncio.FIRST_COMPLETED)
        # In the order in which they began, so that the same run reads the same each time.
        for task in [one for one in self._running if one in done]:
            name = self._running.pop(task)
            self._end(name, task.result())

    def _end(self, name: str, result: TaskResult) -> None:
        self._note(name, result)
        if self._mode is ErrorHandlingMode.CIRCUIT_BREAKER and not self._broken:
            self._count(result)
        if result.ok:
            self._values[name] = result.result
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
                    self._note(name, self._without(TaskStatus.SKIPPED, error))
                    lost.append(name)

    def _without(self, status: TaskStatus, error: Exception) -> TaskResult:
        """The result of a step that no agent was given."""
        return TaskResult(
            task_id=self.workflow_id,
            agent_id=None,
            status=status,
            error=error,
            started_at=utc(self._clock.now()),
        )

    def _count(self, result: TaskResult) -> None:
        now = self._clock.monotonic()
        permit = self._breaker.allow(now)
        if permit is not None:
            report = self._breaker.succeeded if result.ok else self._breaker.failed
            report(permit, now)
        # For good: a workflow is over before a trial would tell anything.
        self._broken = self._breaker.state(now) is not CircuitState.CLOSED

    def _outcome(self) -> WorkflowState:
        if self._succeeded == len(self._plan.steps):
            return WorkflowState.COMPLETED
        return WorkflowState.PARTIAL if self._succeeded else WorkflowState.FAILED

    async def _break_off(self) -> None:
        for task in self._running:
            task.cancel()
        if self._running:
            await asyncio.wait(self._running)
        self._running.clear()

    def _note(self, name: str, result: TaskResult) -> None:
        self._results[name] = result
        self._succeeded += result.ok
        if self._on_progress is not None:
            progress = Progress(
                workflow_id=self.workflow_id,
                total=len(self._plan.steps),
                done=len(self._results),
                succeeded=self._succeeded,
                latest=name,
                latest_status=result.status,
            )
            self._notices.tell(self._on_progress, progress)
