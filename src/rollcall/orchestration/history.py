# SPDX-License-Identifier: Apache-2.0
"""What became of tasks: the result of each, what hooks are told, and the latest of them."""

from __future__ import annotations

from collections import deque
from datetime import datetime
from decimal import Decimal
from enum import StrEnum
from typing import Any

import msgspec

from rollcall.kernel.errors import RollcallError


class TaskStatus(StrEnum):
    """How a task ended."""

    SUCCESS = "success"
    ERROR = "error"
    """Its agent failed, in every attempt that it had."""
    TIMEOUT = "timeout"
    CANCELLED = "cancelled"
    REJECTED = "rejected"
    """It was not given to an agent: no slot, no budget, an open circuit, no agent."""
    SKIPPED = "skipped"
    """A step of a workflow that something it needs had no result for."""


class TaskFailed(RollcallError):
    """A task ended without a result, for a reason that no exception stands for.

    Args:
        task_id: The task.
        status: How it ended.
    """

    def __init__(self, task_id: str, status: TaskStatus, reason: str) -> None:
        super().__init__(f"task {task_id} ended as {status}: {reason}")
        self.task_id = task_id
        self.status = status


class TaskResult(msgspec.Struct, frozen=True, kw_only=True):
    """What became of one task.

    Args:
        task_id: The task.
        agent_id: The agent that it was given to; None: to none.
        status: How it ended.
        result: What the agent returned; None unless `status` is success.
        error: Why there is no result; None if `status` is success.
        attempts: Calls of the agent.
        started_at: When the runtime took it on, in UTC.
        seconds: From then to its end, waiting included.
        cost_usd: What it cost, over all attempts.
    """

    task_id: str
    agent_id: str | None
    status: TaskStatus
    result: Any = None
    error: Exception | None = None
    attempts: int = 0
    started_at: datetime
    seconds: float = 0.0
    cost_usd: Decimal = Decimal(0)

    @property
    def ok(self) -> bool:
        """Whether there is a result."""
        return self.status is TaskStatus.SUCCESS

    def unwrap(self) -> Any:
        """The agent's result.

        Raises:
            Exception: There is none: `error`, as it was.
        """
        if self.error is not None:
            raise self.error
        return self.result


class TaskEvent(msgspec.Struct, frozen=True, kw_only=True):
    """What a hook is told about a task.

    Args:
        task_id: The task.
        agent_id: Its agent.
        attempt: The number of the latest call, counted from one; 0 before the first.
        inputs: What the agent is given.
        delay: Seconds until the next attempt, for `on_task_retried`.
        error: The error that the next attempt is for, for `on_task_retried`.
        result: What became of it, for `on_task_finished`.
    """

    task_id: str
    agent_id: str
    attempt: int = 0
    inputs: Any = None
    delay: float | None = None
    error: Exception | None = None
    result: TaskResult | None = None


class ExecutionRecord(msgspec.Struct, frozen=True, kw_only=True):
    """One execution in the history: a `TaskResult` without what could keep much memory alive."""

    task_id: str
    agent_id: str | None
    status: TaskStatus
    error: str | None
    attempts: int
    started_at: datetime
    seconds: float
    cost_usd: Decimal


class ExecutionHistory:
    """The latest executions.

    Args:
        size: How many are kept; the oldest go first.
    """

    def __init__(self, size: int) -> None:
        self._records: deque[ExecutionRecord] = deque(maxlen=size)

    def add(self, result: TaskResult) -> None:
        """Remember one execution."""
        error = result.error
        self._records.append(
            ExecutionRecord(
                task_id=result.task_id,
                agent_id=result.agent_id,
                status=result.status,
                error=None if error is None else f"{type(error).__name__}: {error}",
                attempts=result.attempts,
                started_at=result.started_at,
                seconds=result.seconds,
                cost_usd=result.cost_usd,
            )
        )

    def latest(self, limit: int) -> list[ExecutionRecord]:
        """The last `limit` executions in the order in which they ended."""
        return list(self._records)[-limit:] if limit > 0 else []
