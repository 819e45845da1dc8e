# SPDX-License-Identifier: Apache-2.0
"""Registry and runtime for agents that are Python objects. Source: document 5."""

from rollcall.orchestration.agent_registry import AgentRegistry
from rollcall.orchestration.errors import AgentExists
from rollcall.orchestration.models import (
    AgentMetadata,
    AgentRegistryConfig,
    AgentStatus,
    RegistryEvent,
    RegistryEventType,
)

__all__ = [
    "AgentExists",
    "AgentMetadata",
    "AgentRegistry",
    "AgentRegistryConfig",
    "AgentStatus",
    "RegistryEvent",
    "RegistryEventType",
]
