# SPDX-License-Identifier: Apache-2.0
"""What document 2 says on the wire, with what Rollcall adds to it. Defaults are the contract's."""

from __future__ import annotations

from datetime import datetime
from enum import StrEnum
from typing import Annotated, Literal

from pydantic import Field

from rollcall.protocols.filters import MAX_FILTERS, AnyKind
from rollcall.protocols.paging import DEFAULT_PAGE, MAX_PAGE
from rollcall.protocols.streams import Following
from rollcall.protocols.wire import (
    EvidenceView,
    HealthCheckWire,
    JsonObject,
    Reading,
    RuleView,
    Text,
    Wire,
)
from rollcall.registry.models import Kind
from rollcall.registry.query import Match, Reason

MAX_BATCH_REGISTER = 1_000
MAX_BATCH_HEARTBEAT = 10_000

Timeout = Annotated[float, Field(ge=1, le=86_400)]
Tasks = Annotated[int, Field(ge=0, lt=2**31)]
Words = Annotated[list[str], Field(max_length=MAX_FILTERS)]


class AgentStatus(StrEnum):
    """How an agent reads."""

    ACTIVE = "active"
    BUSY = "busy"
    DEGRADED = "degraded"
    UNHEALTHY = "unhealthy"
    OFFLINE = "offline"
    SUSPECT = "suspect"


class ReportedStatus(StrEnum):
    """What an agent, or an operator, may say of it. Suspect is concluded, never reported."""

    ACTIVE = "active"
    BUSY = "busy"
    DEGRADED = "degraded"
    UNHEALTHY = "unhealthy"
    OFFLINE = "offline"


class AgentCapability(Wire):
    """Something that an agent can do."""

    name: str
    description: Text = ""
    parameters: JsonObject = Field(default={}, description="JSON Schema of its input.")
    cost_estimate: str | None = Field(default=None, max_length=512)
    tags: tuple[str, ...] = ()


class AgentRegistration(Wire):
    """An agent as it registers itself."""

    agent_id: str
    agent_name: str
    base_url: str
    capabilities: tuple[AgentCapability, ...] = ()
    status: ReportedStatus = ReportedStatus.ACTIVE
    metadata: JsonObject = Field(default={})
    kind: Kind = Kind.AGENT
    tags: tuple[str, ...] = ()
    version: str = ""
    runtime: str = Field(default="", description="The process, host or pod that it lives in.")
    lease: Literal["own", "runtime"] = Field(
        default="own",
        description="`runtime`: one heartbeat of the runtime is one of all its agents.",
    )
    heartbeat_timeout_seconds: Timeout | None = Field(
        default=None, description="Its own, in place of the registry's."
    )
    health_check: HealthCheckWire | None = None


class AgentBatch(Wire):
    """Many agents that register at once."""

    agents: tuple[AgentRegistration, ...] = Field(min_length=1, max_length=MAX_BATCH_REGISTER)


class AgentPatch(Wire):
    """What is to change: what is not given stays. Keys of metadata that are null go."""

    agent_name: str | None = None
    base_url: str | None = None
    capabilities: tuple[AgentCapability, ...] | None = None
    status: ReportedStatus | None = None
    metadata: JsonObject | None = None
    tags: tuple[str, ...] | None = None
    version: str | None = None
    health_check: HealthCheckWire | None = None


class StatusUpdate(Wire):
    """A status that is reported."""

    status: ReportedStatus


class Heartbeat(Wire):
    """A sign of life; it changes no status that it does not carry."""

    status: ReportedStatus | None = None
    active_tasks: Tasks | None = None


class HeartbeatBatch(Wire):
    """Signs of life of many agents, of a whole runtime, or of both."""

    agent_ids: tuple[str, ...] = Field(default=(), max_length=MAX_BATCH_HEARTBEAT)
    runtime: str | None = Field(default=None, max_length=256)


class Registered(Wire):
    """The answer to a registration."""

    status: Literal["registered"] = "registered"
    agent_id: str
    timestamp: datetime


class BatchOutcome(Wire):
    """What became of one agent of a batch."""

    agent_id: str
    status: Literal["registered", "failed"]
    error: str | None = None


class BatchRegistered(Wire):
    """What became of a batch; a failure leaves the others alone."""

    registered: int
    failed: int
    results: list[BatchOutcome]
    timestamp: datetime


class Deregistered(Wire):
    """The answer to a removal."""

    status: Literal["deregistered"] = "deregistered"
    agent_id: str
    timestamp: datetime


class RuntimeReleased(Wire):
    """A runtime that left, with all that shared its lease."""

    status: Literal["released"] = "released"
    runtime: str
    timestamp: datetime


class HeartbeatAnswer(Wire):
    """The answer to a heartbeat."""

    status: Literal["ok"] = "ok"
    agent_id: str
    last_heartbeat: datetime


class HeartbeatBatchAnswer(Wire):
    """The answer to many heartbeats. Who is unknown registers again."""

    status: Literal["ok"] = "ok"
    renewed: int
    unknown: list[str]
    timestamp: datetime


class AgentInfo(Wire):
    """An agent as the registry knows it.

    `base_url` is null where it is only reached inside its own process; `last_heartbeat` is null
    where it has no lease.
    """

    agent_id: str
    agent_name: str
    base_url: str | None
    capabilities: tuple[AgentCapability, ...]
    status: AgentStatus
    metadata: JsonObject
    last_heartbeat: datetime | None
    created_at: datetime
    updated_at: datetime
    kind: Kind
    namespace: str
    tags: tuple[str, ...]
    version: str
    runtime: str
    active_tasks: int | None
    health_check: HealthCheckWire
    revision: int


class Explanation(Wire):
    """Why an agent is, or is not, in the answer to a question."""

    agent_id: str
    found: bool
    rank: int | None
    status: AgentStatus
    rules: list[RuleView]
    evidence: EvidenceView


class CapabilityHit(Wire):
    """One capability that matches. `reason` says how, `semantic` where only the meaning does."""

    agent_id: str
    agent_name: str
    capability: str
    description: str
    base_url: str | None
    tags: tuple[str, ...]
    status: AgentStatus
    cost_estimate: str | None
    score: float
    reason: Reason
    detail: str
    explanation: Explanation | None = None


class AgentHealth(Wire):
    """Whether an agent is well: `healthy`, or else its status."""

    agent_id: str
    agent_name: str
    status: str
    agent_status: AgentStatus
    last_heartbeat: datetime | None
    is_healthy: bool
    seconds_since_heartbeat: float | None
    evidence: EvidenceView


class AgentStats(Wire):
    """Counts of agents; of capabilities, once for each record that has one, of any kind."""

    active_agents: int
    busy_agents: int
    degraded_agents: int
    unhealthy_agents: int
    offline_agents: int
    suspect_agents: int
    total_agents: int
    total_capabilities: int
    distinct_capabilities: int


class Filters(Reading):
    """What an agent must be to be in an answer. All that is given must hold."""

    status: list[AgentStatus] = Field(default=[], description="One of these.")
    kind: list[AnyKind] = Field(default=["agent"], description="One of these.")
    tags: Words = Field(default=[], description="All of these, its own or a capability's.")
    metadata: Words = Field(default=[], description="All of these, as key:value.")
    runtime: str | None = Field(default=None, max_length=256)


class ListQuery(Filters):
    """The parameters of a list."""

    limit: int = Field(default=DEFAULT_PAGE, ge=1, le=MAX_PAGE)
    cursor: str | None = Field(default=None, max_length=4096)


class ExplainQuery(Filters):
    """The parameters of a question about one agent."""

    q: str = Field(default="", max_length=1000)
    match: Match = Match.LEXICAL


class SearchQuery(Filters):
    """The parameters of a search."""

    q: str = Field(min_length=1, max_length=1000, description="Words that a capability matches.")
    match: Match = Match.LEXICAL
    limit: int = Field(default=100, ge=1, le=1_000)
    explain: bool = False


class EventsQuery(Filters, Following):
    """What to follow. Without `watch` only `kind`, `type` and `record_id` choose among events."""

    kind: list[AnyKind] = Field(default=[], description="One of these; of a question: agents.")
    q: str = Field(default="", max_length=1000, description="Words, of a question.")
