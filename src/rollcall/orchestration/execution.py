# SPDX-License-Identifier: Apache-2.0
"""Running one task: budget, rate, slot, circuit, call, retries; and the books of all of it."""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Coroutine
from concurrent.futures import Executor as Threads
from contextvars import ContextVar
from dataclasses import dataclass
from datetime import datetime
from decimal import Decimal
from typing import Any, TypeVar

from rollcall.kernel.clock import Clock, utc, within
from rollcall.kernel.errors import RollcallError
from rollcall.orchestration.admission import Admission, Slot
from rollcall.orchestration.calls import Call, Outcome, cost_of
from rollcall.orchestration.config import OrchestrationRuntimeConfig
from rollcall.orchestration.errors import CircuitOpen
from rollcall.orchestration.history import (
    ExecutionHistory,
    TaskEvent,
    TaskFailed,
    TaskResult,
    TaskStatus,
)
from rollcall.orchestration.notices import Notifier
from rollcall.orchestration.workers import Counts, Worker, beyond
from rollcall.policies.budget import Budget, reserve_both
from rollcall.policies.circuit_breaker import CircuitBreaker, Permit
from rollcall.policies.rate import TokenBucket
from rollcall.policies.retry import RetryPolicy

T = TypeVar("T")

_inside: ContextVar[tuple[Executor, ...]] = ContextVar("rollcall_inside", default=())
"""Whose tasks the current code runs in, so that tasks which these begin are known as nested."""


class _Overdue(Exception):
    """The task's time is over."""


class _CallFailed(Exception):
    """The agent failed; what it raised is `error`, so that it is not taken for an error of ours."""

    def __init__(self, error: Exception) -> None:
        self.error = error


@dataclass(slots=True, eq=False)
class Run:
    """One task on its way.

    Args:
        task_id: Its id.
        worker: Who does it.
        call: What is called with the inputs: the agent's `run`, or what stands for it.
        inputs: What it is given.
        estimate: US dollars that an attempt may cost.
        policy: When it is tried again; None: never.
        priority: A higher one gets a slot first.
        started_at: When it was taken on, in UTC.
        started: The same in monotonic seconds.
        timeout: Seconds that it may take, waiting and all attempts included; None: as it likes.
        nested: Whether another task of the same runtime has begun it.
        attempts: Calls made.
        cost: US dollars it cost so far.
        slot: The slot that it holds.
    """

    task_id: str
    worker: Worker
    call: Callable[..., Any]
    inputs: Any
    estimate: Decimal
    policy: RetryPolicy | None
    priority: int
    started_at: datetime
    started: float
    timeout: float | None
    nested: bool
    attempts: int = 0
    cost: Decimal = Decimal(0)
    slot: Slot | None = None


class Executor:
    """Runs tasks.

    Args:
        config: Settings.
        clock: Time.
        admission: Slots.
        budget: What all agents together may spend.
        threads: Where sync agents run.
        history: Where executions are noted.
        hooks: Tells the hook manager.
        slots_changed: Called when a worker has taken or given back a slot.
    """

    def __init__(
        self,
        config: OrchestrationRuntimeConfig,
        *,
        clock: Clock,
        admission: Admission,
        budget: Budget,
        threads: Threads,
        history: ExecutionHistory,
        hooks: Notifier,
        slots_changed: Callable[[Worker], None],
    ) -> None:
        self._config = config
        self._clock = clock
        self._admission = admission
        self._budget = budget
        self._threads = threads
        self._history = history
        self._hooks = hooks
        self._slots_changed = slots_changed
        self._rate = new_bucket(config, config.rate_limit_per_second)
        self.counts = Counts()
        """What all agents together have done."""

    def start(
        self,
        worker: Worker,
        call: Callable[..., Any],
        inputs: Any,
        *,
        task_id: str,
        timeout: float | None,
        estimate: Decimal,
        policy: RetryPolicy | None,
        priority: int,
    ) -> asyncio.Task[TaskResult]:
        """Begin a task. Its asyncio task raises nothing, even if it is cancelled once it runs."""
        now = self._clock.monotonic()
        run = Run(
            task_id, worker, call, inputs, estimate, policy or self._config.default_retry_policy,
            priority, utc(self._clock.now()), now, timeout, self in _inside.get(),
        )  # fmt: skip
        task = asyncio.create_task(self._run(run), name=f"rollcall-task-{task_id}")
        # Here and not in the task, so that whoever routes next sees it already.
        worker.in_flight += 1

        def over(_: asyncio.Task[TaskResult]) -> None:
            worker.in_flight -= 1

        task.add_done_callback(over)
        return task

    async def _run(self, run: Run) -> TaskResult:
        value: Any = None
        error: Exception | None = None
        self._tell("on_task_started", run)
        _inside.set((*_inside.get(), self))
        try:
            value = await self._attempts(run)
            status = TaskStatus.SUCCESS
        except asyncio.CancelledError:
            status = TaskStatus.CANCELLED
            error = TaskFailed(run.task_id, status, "it was cancelled")
        except _Overdue:
            status = TaskStatus.TIMEOUT
            error = TimeoutError(f"task {run.task_id} was not done within {run.timeout:g} s")
        except _CallFailed as failed:
            status, error = TaskStatus.ERROR, failed.error
        except RollcallError as refused:
            status, error = TaskStatus.REJECTED, refused
        result = TaskResult(
            task_id=run.task_id,
            agent_id=run.worker.agent_id,
            status=status,
            result=value,
            error=error,
            attempts=run.attempts,
            started_at=run.started_at,
            seconds=self._clock.monotonic() - run.started,
            cost_usd=run.cost,
        )
        self._history.add(result)
        if self._config.enable_metrics and status is not TaskStatus.REJECTED:
            for counts in (self.counts, run.worker.counts):
                counts.completed += result.ok
                counts.failed += not result.ok
        self._tell("on_task_finished", run, result=result)
        return result

    async def _attempts(self, run: Run) -> Any:
        failed: _CallFailed | None = None
        while True:
            try:
                return await self._attempt(run)
            except _CallFailed as error:
                failed = error
            except RollcallError:
                # The agent's own error says more than why there was no further attempt.
                if failed is not None:
                    raise failed from None
                raise
            if run.policy is None or not run.policy.should_retry(run.attempts, failed.error):
                raise failed
            delay = run.policy.delay(run.attempts)
            self._tell("on_task_retried", run, delay=delay, error=failed.error)
            await self._in_time(run, self._clock.sleep(delay))

    async def _attempt(self, run: Run) -> Any:
        """One attempt: everything that it takes is given back, whatever happens."""
        worker = run.worker
        reserved = None
        spent: Decimal | None = None
        permit: Permit | None = None
        call = Call(self._threads, run.call, run.inputs)
        try:
            self._refuse_early(run)
            reserved = reserve_both(worker.budget, self._budget, run.estimate)
            await self._in_time(run, self._admit(run))
            if worker.breaker is not None:
                permit = self._permit(worker.agent_id, worker.breaker)
            try:
                outcome = await self._called(run, call)
            except _Overdue:
                self._report(worker, permit, failure=True)
                permit = None
                raise
            if outcome.error is not None:
                spent = cost_of(outcome.error, Decimal(0))
            else:
                spent = cost_of(outcome.value, run.estimate)
            self._report(worker, permit, failure=outcome.error is not None)
            permit = None
            if outcome.error is not None:
                raise _CallFailed(outcome.error)
            return outcome.value
        finally:
            if permit is not None and worker.breaker is not None:
                worker.breaker.abandoned(permit, self._clock.monotonic())
            if reserved is not None:
                self._settle(run, reserved, spent)
            if run.slot is not None:
                call.when_over(self._leaving(worker, run.slot))
                run.slot = None

    async def _called(self, run: Run, call: Call) -> Outcome:
        run.attempts += 1
        began = self._clock.monotonic()
        failed = True
        try:
            outcome = await self._in_time(run, call.outcome())
            failed = outcome.error is not None
            return outcome
        finally:
            if self._config.enable_metrics:
                seconds = self._clock.monotonic() - began
                for counts in (self.counts, run.worker.counts):
                    counts.requests += 1
                    counts.errors += failed
                    counts.seconds += seconds

    async def _admit(self, run: Run) -> None:
        for bucket in (run.worker.rate, self._rate):
            while bucket is not None and not bucket.take(self._clock.monotonic()):
                await self._clock.sleep(bucket.wait_time(self._clock.monotonic()))
        # Kept in the run and not returned: who waits for it may be cancelled in that same moment.
        run.slot = await self._admission.enter(run.worker.agent_id, run.priority, nested=run.nested)
        run.worker.active += 1
        self._slots_changed(run.worker)

    def _leaving(self, worker: Worker, slot: Slot) -> Callable[[], None]:
        def leave() -> None:
            slot.leave()
            worker.active -= 1
            self._slots_changed(worker)

        return leave

    async def _in_time(self, run: Run, work: Coroutine[Any, Any, T]) -> T:
        """Await `work`, which itself raises no TimeoutError, until the task's time is over."""
        if run.timeout is None:
            return await work
        left = run.started + run.timeout - self._clock.monotonic()
        if left <= 0:
            work.close()
            raise _Overdue
        try:
            return await within(self._clock, left, work)
        except TimeoutError:
            raise _Overdue from None

    def _refuse_early(self, run: Run) -> None:
        """Refuse what would be refused after waiting, too."""
        worker, now = run.worker, self._clock.monotonic()
        if worker.breaker is not None and (wait := worker.breaker.retry_after(now)) > 0:
            raise CircuitOpen(worker.agent_id, wait)
        for budget in (worker.budget, self._budget):
            refused = beyond(budget, run.estimate)
            if refused is not None:
                raise refused

    def _permit(self, agent_id: str, breaker: CircuitBreaker) -> Permit:
        now = self._clock.monotonic()
        permit = breaker.allow(now)
        if permit is None:
            raise CircuitOpen(agent_id, breaker.retry_after(now))
        return permit

    def _report(self, worker: Worker, permit: Permit | None, *, failure: bool) -> None:
        if worker.breaker is None or permit is None:
            return
        report = worker.breaker.failed if failure else worker.breaker.succeeded
        report(permit, self._clock.monotonic())

    def _settle(self, run: Run, reserved: tuple[Any, Any], spent: Decimal | None) -> None:
        budgets = (run.worker.budget, self._budget)
        for budget, reservation in zip(budgets, reserved, strict=True):
            if spent is None:
                budget.release(reservation)
            else:
                budget.settle(reservation, spent)
        run.cost += spent or 0

    def _tell(self, hook: str, run: Run, **more: Any) -> None:
        tell = getattr(self._config.hook_manager, hook, None)
        if callable(tell):
            event = TaskEvent(
                task_id=run.task_id,
                agent_id=run.worker.agent_id,
                attempt=run.attempts,
                inputs=run.inputs,
                **more,
            )
            self._hooks.tell(tell, event)


def new_bucket(config: OrchestrationRuntimeConfig, rate: float | None) -> TokenBucket | None:
    """A bucket for `rate` calls a second, with a burst of one second's worth; None: no limit."""
    if rate is None or not config.enable_rate_limiting:
        return None
    return TokenBucket(rate, max(1, int(rate)))
