# SPDX-License-Identifier: Apache-2.0
"""The words of document 5: statuses, events, settings and what is told about an agent."""

from __future__ import annotations

from datetime import UTC, datetime
from enum import StrEnum
from typing import Any, Final

import msgspec

from rollcall.kernel.errors import InvalidInput
from rollcall.registry.models import LeasePolicy
from rollcall.registry.query import TextHit

_FOREVER: Final = 1e12
"""Seconds (some 30,000 years) that a lease lasts whose running out is of no consequence."""


class AgentStatus(StrEnum):
    """How an agent is."""

    ACTIVE = "active"
    BUSY = "busy"
    DEGRADED = "degraded"
    UNHEALTHY = "unhealthy"
    OFFLINE = "offline"


class RegistryEventType(StrEnum):
    """What happened to an agent or a runtime."""

    AGENT_REGISTERED = "agent_registered"
    AGENT_DEREGISTERED = "agent_deregistered"
    AGENT_STATUS_CHANGED = "agent_status_changed"
    AGENT_HEARTBEAT = "agent_heartbeat"
    RUNTIME_JOINED = "runtime_joined"
    RUNTIME_LEFT = "runtime_left"


class RegistryEvent(msgspec.Struct, frozen=True):
    """One thing that happened.

    Args:
        event_type: What.
        timestamp: When, in UTC.
        agent_id: Which agent; None for events of a runtime.
        runtime_id: In which runtime.
        metadata: `capabilities` of a registered agent; `old_status`, `new_status` and `cause` of a
            changed one; `cause` of a removed one.
    """

    event_type: RegistryEventType
    agent_id: str | None = None
    runtime_id: str | None = None
    timestamp: datetime = msgspec.field(default_factory=lambda: datetime.now(UTC))
    metadata: dict[str, Any] = msgspec.field(default_factory=dict)


class AgentMetadata(msgspec.Struct):
    """What is known about an agent, as of the moment it was asked for.

    Args:
        agent_id: Its id.
        agent: The agent itself; None: it was restored from the store, and its process has not
            registered it again.
        runtime_id: The runtime it lives in.
        a2a_card: The card that its capabilities were read from.
        max_concurrency: Tasks that it may run at once.
        memory_limit_mb: What it may use, in MB; for its owner to enforce.
        budget_limit_usd: What it may spend, in US dollars.
        status: Its effective status.
        last_heartbeat: Its last sign of life, in UTC.
        active_tasks: Tasks that run now.
        completed_tasks: Tasks that ended well.
        failed_tasks: Tasks that did not.
        budget_spent_usd: What it has spent, in US dollars.
        total_execution_time: Seconds over all tasks.
        avg_execution_time: Seconds a task.
        error_count: Errors, retried ones included.
        request_count: Calls, retries included.
        match: How it matched the search that found it: which capability, the score from 0 to 1,
            the reason; None: no search did.
    """

    agent_id: str
    agent: Any
    runtime_id: str
    a2a_card: Any = None
    max_concurrency: int = 10
    memory_limit_mb: int = 512
    budget_limit_usd: float = 1.0
    status: AgentStatus = AgentStatus.ACTIVE
    last_heartbeat: datetime = msgspec.field(default_factory=lambda: datetime.now(UTC))
    active_tasks: int = 0
    completed_tasks: int = 0
    failed_tasks: int = 0
    budget_spent_usd: float = 0.0
    total_execution_time: float = 0.0
    avg_execution_time: float = 0.0
    error_count: int = 0
    request_count: int = 0
    match: TextHit | None = None


class Limits(msgspec.Struct, frozen=True, omit_defaults=True):
    """What an agent may use."""

    max_concurrency: int = 10
    memory_limit_mb: int = 512
    budget_limit_usd: float = 1.0

    def __post_init__(self) -> None:
        if self.max_concurrency < 1:
            raise InvalidInput("max_concurrency", f"must be 1 or more, not {self.max_concurrency}")
        if self.memory_limit_mb < 1:
            raise InvalidInput("memory_limit_mb", f"must be 1 or more, not {self.memory_limit_mb}")
        if not 0 <= self.budget_limit_usd < float("inf"):
            raise InvalidInput("budget_limit_usd", "must be 0 or more and finite")


class AgentRegistryConfig(msgspec.Struct, frozen=True, kw_only=True):
    """Settings of an `AgentRegistry`. Times are in seconds.

    Args:
        enable_heartbeat_monitoring: Whether silence has consequences.
        heartbeat_timeout: Silence after which an agent reads unhealthy.
        auto_deregister_timeout: Silence after which it is removed; more than `heartbeat_timeout`.
        enable_capability_indexing: Whether capabilities are indexed; without, each search scans.
        rebuild_index_interval: How often the index is checked against the agents, and rebuilt if
            the two differ.
        enable_event_broadcasting: Whether events are kept for readers and told to listeners.
        event_queue_size: Events that wait for a reader; the oldest go first, and are counted.
        max_concurrent_queries: Searches by meaning that may run at once; more wait.
        query_timeout: How long a search may take, waiting included.
    """

    enable_heartbeat_monitoring: bool = True
    heartbeat_timeout: float = 30.0
    auto_deregister_timeout: float = 60.0
    enable_capability_indexing: bool = True
    rebuild_index_interval: float = 300.0
    enable_event_broadcasting: bool = True
    event_queue_size: int = 1000
    max_concurrent_queries: int = 100
    query_timeout: float = 5.0

    def __post_init__(self) -> None:
        for field in ("heartbeat_timeout", "rebuild_index_interval", "query_timeout"):
            if not 0 < getattr(self, field) < float("inf"):
                raise InvalidInput(field, "must be more than 0 seconds and finite")
        if not self.heartbeat_timeout < self.auto_deregister_timeout < float("inf"):
            raise InvalidInput(
                "auto_deregister_timeout",
                f"must be more than heartbeat_timeout ({self.heartbeat_timeout:g} s) and finite",
            )
        for field in ("event_queue_size", "max_concurrent_queries"):
            if getattr(self, field) < 1:
                raise InvalidInput(field, "must be 1 or more")

    def lease_policy(self) -> LeasePolicy:
        """What silence leads to, as the core's policy. Deaths here are always believed."""
        if not self.enable_heartbeat_monitoring:
            return LeasePolicy(deregister_after=_FOREVER, preserve=False)
        return LeasePolicy(
            unhealthy_after=self.heartbeat_timeout,
            deregister_after=self.auto_deregister_timeout,
            preserve=False,
        )
