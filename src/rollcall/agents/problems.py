# SPDX-License-Identifier: Apache-2.0
"""How the errors of definitions and capabilities look over HTTP."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Final

from rollcall.agents.errors import (
    AgentExists,
    AgentNotFound,
    CapabilityExists,
    CapabilityInUse,
    CapabilityNotFound,
    KeyReused,
    MoveRefused,
    NotAttached,
    TemplateNotFound,
    VersionNotFound,
)
from rollcall.web.problems import Kind

PROBLEMS: Final[Mapping[type[Exception], Kind]] = {
    AgentNotFound: Kind(404, "agent-not-found", "There is no such agent", ("agent_id",)),
    VersionNotFound: Kind(
        404, "version-not-found", "There is no such version", ("agent_id", "version")
    ),
    CapabilityNotFound: Kind(
        404, "capability-not-found", "There is no such capability", ("capability_id",)
    ),
    NotAttached: Kind(
        404,
        "capability-not-attached",
        "The agent does not have the capability",
        ("agent_id", "capability_id"),
    ),
    TemplateNotFound: Kind(
        404, "template-not-found", "There is no such prompt template", ("agent_id", "template")
    ),
    AgentExists: Kind(409, "agent-exists", "The agent is there already", ("agent_id",)),
    KeyReused: Kind(
        409, "key-reused", "The idempotency key stands for something else", ("key", "agent_id")
    ),
    CapabilityExists: Kind(
        409, "capability-exists", "The capability is there already", ("capability_id",)
    ),
    CapabilityInUse: Kind(
        409, "capability-in-use", "Agents have the capability", ("capability_id", "agents", "count")
    ),
    MoveRefused: Kind(
        409,
        "move-refused",
        "That status cannot follow",
        ("agent_id", "old", "new", "allowed"),
    ),
}
"""For a module."""
