# SPDX-License-Identifier: Apache-2.0
"""Registry and runtime for agents that are Python objects. Source: document 5.

An agent is any object; it runs through `run(...)`, sync or async. `AgentRegistry` knows the agents
of any number of runtimes, `OrchestrationRuntime` sends tasks to those of this process, `Delegator`
hands requests from agent to agent (document 2).
"""

from rollcall.orchestration.agent_registry import AgentRegistry
from rollcall.orchestration.config import (
    ErrorHandlingMode,
    OrchestrationRuntimeConfig,
    RoutingStrategy,
)
from rollcall.orchestration.delegation import Delegator
from rollcall.orchestration.errors import (
    AgentExists,
    AgentNotFound,
    CircuitOpen,
    NoAgentFound,
    QueueFull,
)
from rollcall.orchestration.history import TaskResult
from rollcall.orchestration.models import (
    AgentMetadata,
    AgentRegistryConfig,
    AgentStatus,
    RegistryEvent,
    RegistryEventType,
)
from rollcall.orchestration.routing import RouteDecision
from rollcall.orchestration.runtime import OrchestrationRuntime
from rollcall.orchestration.workflow import Step, WorkflowResult
from rollcall.policies.retry import RetryPolicy

__all__ = [
    "AgentExists",
    "AgentMetadata",
    "AgentNotFound",
    "AgentRegistry",
    "AgentRegistryConfig",
    "AgentStatus",
    "CircuitOpen",
    "Delegator",
    "ErrorHandlingMode",
    "NoAgentFound",
    "OrchestrationRuntime",
    "OrchestrationRuntimeConfig",
    "QueueFull",
    "RegistryEvent",
    "RegistryEventType",
    "RetryPolicy",
    "RouteDecision",
    "RoutingStrategy",
    "Step",
    "TaskResult",
    "WorkflowResult",
]
