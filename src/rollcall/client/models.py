# SPDX-License-Identifier: Apache-2.0
"""What registries and clients send each other (documents 1 and 2). Unknown fields are passed over.

Statuses are plain words: a newer registry may know more of them than this client.
"""

from __future__ import annotations

from datetime import datetime
from typing import Any

import msgspec


class AgentCapability(msgspec.Struct, frozen=True, omit_defaults=True):
    """One thing that an agent can do.

    Args:
        name: What it is called, for example `code_generation`.
        description: What it does, in words that somebody may search for.
        parameters: What it takes, as a JSON Schema or in any form the agents agree on.
        cost_estimate: What it costs, in words (`~100 tokens`).
        tags: Further words to be found by.
    """

    name: str
    description: str
    parameters: dict[str, Any] = {}
    cost_estimate: str | None = None
    tags: list[str] = []


class AgentRegistration(msgspec.Struct, frozen=True, kw_only=True):
    """An agent as the agent registry knows it. `status` is the effective one."""

    agent_id: str
    agent_name: str
    status: str
    base_url: str | None = None
    capabilities: list[AgentCapability] = []
    metadata: dict[str, Any] = {}
    last_heartbeat: datetime | None = None
    created_at: datetime | None = None
    updated_at: datetime | None = None


class CapabilityMatch(msgspec.Struct, frozen=True, kw_only=True):
    """One capability that answers a search, and the agent that has it."""

    agent_id: str
    agent_name: str
    capability: str
    status: str
    description: str = ""
    base_url: str | None = None
    tags: list[str] = []
    cost_estimate: str | None = None
    score: float = 0.0
    """Higher is better; comparable within one answer only."""


class ServiceMetadata(msgspec.Struct, frozen=True, omit_defaults=True):
    """What a service says of itself."""

    description: str | None = None
    version: str | None = None
    tags: list[str] = []
    capabilities: list[str] = []
    dependencies: list[str] = []
    extra: dict[str, Any] = {}


class HealthCheck(msgspec.Struct, frozen=True):
    """How the registry is to probe a service."""

    enabled: bool = True
    endpoint: str = "/health"
    interval_seconds: float = 30
    timeout_seconds: float = 5
    retries: int = 3


class ServiceInfo(msgspec.Struct, frozen=True, kw_only=True):
    """An instance of a service as the service registry knows it."""

    service_id: str
    name: str
    service_type: str
    status: str
    host: str | None = None
    port: int | None = None
    metadata: ServiceMetadata = ServiceMetadata()
    health_check: HealthCheck | None = None
    registered_at: datetime | None = None
    last_heartbeat: datetime | None = None

    @property
    def address(self) -> str | None:
        """`host:port`, with brackets around an IPv6 address; None: it has no address."""
        if self.host is None or self.port is None:
            return None
        host = f"[{self.host}]" if ":" in self.host else self.host
        return f"{host}:{self.port}"
