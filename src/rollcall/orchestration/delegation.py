# SPDX-License-Identifier: Apache-2.0
"""Delegation between the agents of one process (document 2)."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Mapping
from typing import Any

import msgspec

from rollcall.client.delegation import (
    AgentRequestEvent,
    AgentRequestType,
    AgentResponseEvent,
    AgentResponseStatus,
    RequestPriority,
)
from rollcall.kernel.clock import Clock, SystemClock, utc
from rollcall.kernel.errors import RollcallError
from rollcall.kernel.ids import IdSource, RandomIds
from rollcall.orchestration.config import ErrorHandlingMode
from rollcall.orchestration.errors import NoAgentFound
from rollcall.orchestration.history import TaskResult, TaskStatus
from rollcall.orchestration.models import AgentMetadata, AgentStatus
from rollcall.orchestration.runtime import OrchestrationRuntime

_HEALTHY = frozenset({AgentStatus.ACTIVE, AgentStatus.BUSY})

_STATUSES = {
    TaskStatus.SUCCESS: AgentResponseStatus.SUCCESS,
    TaskStatus.TIMEOUT: AgentResponseStatus.TIMEOUT,
    TaskStatus.REJECTED: AgentResponseStatus.REJECTED,
}

_DONE = frozenset({AgentResponseStatus.SUCCESS, AgentResponseStatus.PARTIAL})


class Delegator:
    """Delivers requests to the live agents of a runtime, under its budgets, slots and circuits.

    An agent with a method `handle_request` is given the `AgentRequestEvent`, and may answer with
    an `AgentResponseEvent` or with a bare result; any other agent's `run` is given the payload.

    Args:
        runtime: Whose agents.
        clock: Time, as the runtime has it.
        ids: Randomness for drawn ids.
    """

    def __init__(
        self,
        runtime: OrchestrationRuntime,
        *,
        clock: Clock | None = None,
        ids: IdSource | None = None,
    ) -> None:
        self._runtime = runtime
        self._clock = clock or SystemClock()
        self._ids = ids or RandomIds()
        self._running: dict[str, tuple[AgentRequestEvent, asyncio.Task[TaskResult]]] = {}

    async def delegate(self, request: AgentRequestEvent) -> AgentResponseEvent:
        """Have the target agent do what is asked. What goes wrong is in the answer."""
        match request.request_type:
            case AgentRequestType.GET_STATUS:
                return await self._tell_status(request)
            case AgentRequestType.CANCEL_TASK:
                return self._cancel(request)
            case AgentRequestType.EXECUTE_TASK | AgentRequestType.QUERY:
                return await self._execute(request)

    async def delegate_with_fallback(
        self,
        task: str | Mapping[str, Any],
        primary_capability: str,
        fallback_capability: str | None = None,
    ) -> str:
        """The id of a healthy agent with the primary capability, else with the fallback's.

        It only chooses; `send_with_fallback` sends as well.

        Raises:
            NoAgentFound: A ValueError: there is none; it says why each that was found is not.
        """
        passed_over: dict[str, str] = {}
        async for agent_id in self._healthy(primary_capability, fallback_capability, passed_over):
            return agent_id
        raise _none_found(task, primary_capability, fallback_capability, passed_over)

    async def send_with_fallback(
        self,
        task: str | Mapping[str, Any],
        primary_capability: str,
        fallback_capability: str | None = None,
        *,
        source_agent: str,
        priority: RequestPriority = RequestPriority.NORMAL,
        timeout_seconds: float = 30.0,
        correlation_id: str | None = None,
    ) -> AgentResponseEvent:
        """Send a task to the first healthy agent that gets it done.

        Where one rejects it, fails or is too late, the next one is asked; each has the whole time.
        So a task may be begun by more than one agent.

        Args:
            task: The payload; words become `{"task": words}`.
            primary_capability: What the agent should be able to do.
            fallback_capability: What will do if nobody with the primary one gets it done.
            source_agent: Who asks.
            priority: How urgent it is.
            timeout_seconds: Time for each agent.
            correlation_id: What it belongs to; None: drawn, the same for every attempt.

        Returns:
            The first answer that is a success or partial, or that was cancelled; otherwise the
            last one.

        Raises:
            NoAgentFound: A ValueError: there is no healthy agent for either.
        """
        payload = {"task": task} if isinstance(task, str) else dict(task)
        passed_over: dict[str, str] = {}
        answer: AgentResponseEvent | None = None
        correlation = correlation_id or f"delegation_{self._ids.hex(12)}"
        async for agent_id in self._healthy(primary_capability, fallback_capability, passed_over):
            request = AgentRequestEvent(
                source_agent=source_agent,
                target_agent=agent_id,
                request_type=AgentRequestType.EXECUTE_TASK,
                payload=payload,
                priority=priority,
                timeout_seconds=timeout_seconds,
                request_id=f"req_{self._ids.hex(16)}",
                correlation_id=correlation,
                created_at=utc(self._clock.now()),
            )
            answer, cancelled = await self._executed(request)
            if answer.status in _DONE or cancelled:
                return answer
        if answer is None:
            raise _none_found(task, primary_capability, fallback_capability, passed_over)
        return answer

    async def _healthy(
        self, primary: str, fallback: str | None, passed_over: dict[str, str]
    ) -> AsyncIterator[str]:
        """Healthy agents, best match of the primary capability first; notes why others are not."""
        seen: set[str] = set()
        for capability in (primary, fallback):
            if capability is None:
                continue
            found = await self._runtime.registry.find_agents_by_capability(
                capability, status_filter=None
            )
            for one in found:
                agent_id = one.agent_id
                if agent_id in seen or one.runtime_id != self._runtime.runtime_id:
                    continue
                seen.add(agent_id)
                ill = await self._illness(agent_id)
                if ill is None:
                    yield agent_id
                else:
                    passed_over[agent_id] = ill

    async def _illness(self, agent_id: str) -> str | None:
        known = await self._runtime.get_agent_status(agent_id)
        if known is None:
            return "it has left"
        if known.status not in _HEALTHY:
            return f"it is {known.status}"
        healthy = await self._runtime.check_agent_health(agent_id)
        return None if healthy else "its health check fails"

    async def _execute(self, request: AgentRequestEvent) -> AgentResponseEvent:
        answer, _ = await self._executed(request)
        return answer

    async def _executed(self, request: AgentRequestEvent) -> tuple[AgentResponseEvent, bool]:
        """The answer, and whether the request was cancelled."""
        if request.request_id in self._running:
            return self._rejected(request, f"request {request.request_id!r} runs already"), False
        began = self._clock.monotonic()
        task = asyncio.create_task(self._run(request), name=f"rollcall-{request.request_id}")
        self._running[request.request_id] = (request, task)
        waiter = asyncio.current_task()
        before = waiter.cancelling() if waiter else 0
        try:
            result = await task
        except RollcallError as refused:
            return self._rejected(request, str(refused)), False
        except asyncio.CancelledError:
            if waiter and waiter.cancelling() > before:
                raise
            seconds = self._clock.monotonic() - began
            error = "the request was cancelled"
            return self._answer(request, AgentResponseStatus.ERROR, None, error, seconds), True
        finally:
            del self._running[request.request_id]
        cancelled = result.status is TaskStatus.CANCELLED
        if isinstance(result.result, AgentResponseEvent):
            # Whatever the agent wrote into it, it is the answer to this request.
            return msgspec.structs.replace(
                result.result,
                request_id=request.request_id,
                source_agent=request.target_agent,
                target_agent=request.source_agent,
                correlation_id=request.correlation_id,
            ), False
        status = _STATUSES.get(result.status, AgentResponseStatus.ERROR)
        error = None if result.error is None else f"{type(result.error).__name__}: {result.error}"
        return self._answer(request, status, result.result, error, result.seconds), cancelled

    async def _run(self, request: AgentRequestEvent) -> TaskResult:
        known = await self._runtime.get_agent_status(request.target_agent)
        if known is None:
            raise NoAgentFound(f"target_agent {request.target_agent!r}")
        handles = callable(getattr(known.agent, "handle_request", None))
        return await self._runtime.execute_task(
            request.target_agent,
            request if handles else request.payload,
            method="handle_request" if handles else "run",
            timeout=request.timeout_seconds,
            priority=request.priority.rank,
            error_handling=ErrorHandlingMode.GRACEFUL,
            task_id=request.request_id,
        )

    async def _tell_status(self, request: AgentRequestEvent) -> AgentResponseEvent:
        known = await self._runtime.get_agent_status(request.target_agent)
        if known is None:
            return self._rejected(request, f"there is no agent {request.target_agent!r}")
        return self._answer(request, AgentResponseStatus.SUCCESS, self._described(known), None, 0.0)

    def _described(self, known: AgentMetadata) -> dict[str, Any]:
        return {
            "agent_id": known.agent_id,
            "status": known.status.value,
            "is_healthy": known.status in _HEALTHY,
            "last_heartbeat": known.last_heartbeat.isoformat(),
            "active_tasks": known.active_tasks,
            "completed_tasks": known.completed_tasks,
            "failed_tasks": known.failed_tasks,
            "running_requests": [
                request_id
                for request_id, (running, _) in self._running.items()
                if running.target_agent == known.agent_id
            ],
        }

    def _cancel(self, request: AgentRequestEvent) -> AgentResponseEvent:
        wanted = request.payload.get("request_id")
        running = self._running.get(wanted) if isinstance(wanted, str) else None
        if running is None or running[0].target_agent != request.target_agent:
            problem = f"no request {wanted!r} runs at {request.target_agent!r}: say in the payload"
            return self._rejected(request, f"{problem} under request_id which one to cancel")
        running[1].cancel()
        result = {"request_id": wanted, "cancelled": True}
        return self._answer(request, AgentResponseStatus.SUCCESS, result, None, 0.0)

    def _rejected(self, request: AgentRequestEvent, error: str) -> AgentResponseEvent:
        return self._answer(request, AgentResponseStatus.REJECTED, None, error, 0.0)

    def _answer(
        self,
        request: AgentRequestEvent,
        status: AgentResponseStatus,
        result: Any,
        error: str | None,
        seconds: float,
    ) -> AgentResponseEvent:
        return request.answered(
            status,
            result=result,
            error=error,
            execution_time_ms=1000 * seconds,
            created_at=utc(self._clock.now()),
        )


def _none_found(
    task: str | Mapping[str, Any],
    primary: str,
    fallback: str | None,
    passed_over: dict[str, str],
) -> NoAgentFound:
    wanted = repr(primary) if fallback is None else f"{primary!r} or {fallback!r}"
    name = task if isinstance(task, str) else task.get("task", task.get("description", ""))
    return NoAgentFound(f"{wanted}" + (f" (task {name!r:.80})" if name else ""), passed_over)
