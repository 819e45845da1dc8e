# SPDX-License-Identifier: Apache-2.0
"""What agents say to each other when one has another do something (document 2)."""

from __future__ import annotations

from datetime import UTC, datetime
from enum import StrEnum
from typing import Any

import msgspec

from rollcall.kernel.errors import InvalidInput
from rollcall.kernel.ids import RandomIds

_IDS = RandomIds()


class AgentRequestType(StrEnum):
    """What is asked for."""

    EXECUTE_TASK = "execute_task"
    QUERY = "query"
    GET_STATUS = "get_status"
    """How the agent is; answered without running it."""
    CANCEL_TASK = "cancel_task"
    """Break off the request whose id is `request_id` in the payload."""


class RequestPriority(StrEnum):
    """How urgent a request is, where not all can be served at once."""

    LOW = "low"
    NORMAL = "normal"
    HIGH = "high"
    URGENT = "urgent"

    @property
    def rank(self) -> int:
        """A number that is higher for what is more urgent."""
        return _RANKS[self]


_RANKS = {priority: rank for rank, priority in enumerate(RequestPriority)}


class AgentResponseStatus(StrEnum):
    """How a request was answered."""

    SUCCESS = "success"
    ERROR = "error"
    TIMEOUT = "timeout"
    REJECTED = "rejected"
    """Nothing was done."""
    PARTIAL = "partial"
    """Some of it was done; `result` says what."""


def _request_id() -> str:
    return f"req_{_IDS.hex(16)}"


def _now() -> datetime:
    return datetime.now(UTC)


class AgentRequestEvent(msgspec.Struct, frozen=True, kw_only=True):
    """One agent's request to another. Encode it with `msgspec.json`.

    Args:
        source_agent: Who asks.
        target_agent: Who is asked.
        request_type: What for.
        payload: The details; for `execute_task` what the agent is given.
        priority: How urgent it is.
        timeout_seconds: After so long nobody waits for the answer.
        request_id: Drawn where it is not given.
        correlation_id: What it belongs to; the answer carries it, too.
        metadata: Whatever else there is to say.
        created_at: When it was made, with its offset to UTC.

    Raises:
        InvalidInput: An id is empty, the timeout is not above 0, or the time has no offset.
    """

    source_agent: str
    target_agent: str
    request_type: AgentRequestType
    payload: dict[str, Any] = msgspec.field(default_factory=dict[str, Any])
    priority: RequestPriority = RequestPriority.NORMAL
    timeout_seconds: float = 30.0
    request_id: str = msgspec.field(default_factory=_request_id)
    correlation_id: str | None = None
    metadata: dict[str, Any] = msgspec.field(default_factory=dict[str, Any])
    created_at: datetime = msgspec.field(default_factory=_now)

    def __post_init__(self) -> None:
        for field in ("source_agent", "target_agent", "request_id"):
            if not getattr(self, field):
                raise InvalidInput(field, "must not be empty")
        if not 0 < self.timeout_seconds < float("inf"):
            raise InvalidInput("timeout_seconds", "must be more than 0 seconds and finite")
        _check_offset(self.created_at)

    def answered(
        self,
        status: AgentResponseStatus,
        *,
        result: Any = None,
        error: str | None = None,
        execution_time_ms: float = 0.0,
        created_at: datetime | None = None,
    ) -> AgentResponseEvent:
        """The answer to this request; `created_at` is now where it is not given."""
        return AgentResponseEvent(
            request_id=self.request_id,
            source_agent=self.target_agent,
            target_agent=self.source_agent,
            status=status,
            result=result,
            error=error,
            execution_time_ms=execution_time_ms,
            correlation_id=self.correlation_id,
            created_at=created_at or _now(),
        )


class AgentResponseEvent(msgspec.Struct, frozen=True, kw_only=True):
    """The answer to a request.

    Args:
        request_id: The request's.
        source_agent: Who answers.
        target_agent: Who had asked.
        status: How it was answered.
        result: What came out, for `success` and `partial`.
        error: What went wrong, for the others.
        execution_time_ms: Milliseconds that it took, waiting included.
        correlation_id: The request's.
        created_at: When it was made, with its offset to UTC.
    """

    request_id: str
    source_agent: str
    target_agent: str
    status: AgentResponseStatus
    result: Any = None
    error: str | None = None
    execution_time_ms: float = 0.0
    correlation_id: str | None = None
    created_at: datetime = msgspec.field(default_factory=_now)

    def __post_init__(self) -> None:
        _check_offset(self.created_at)


def _check_offset(moment: datetime) -> None:
    if moment.tzinfo is None:
        raise InvalidInput("created_at", "must say its offset to UTC (`datetime.now(UTC)` does)")
