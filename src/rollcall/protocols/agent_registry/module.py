# SPDX-License-Identifier: Apache-2.0
"""How document 2 plugs into an application."""

from __future__ import annotations

from rollcall.protocols import service_discovery
from rollcall.protocols.agent_registry import express, socket, streams
from rollcall.protocols.agent_registry.api import router
from rollcall.protocols.agent_registry.metrics import AgentRegistryMetrics
from rollcall.protocols.agent_registry.operations import AgentOperations
from rollcall.protocols.agent_registry.questions import facts
from rollcall.protocols.registry_metrics import RegistryMetrics
from rollcall.protocols.store_ping import store_ping
from rollcall.registry.service import RegistryService
from rollcall.web.drain import Drain
from rollcall.web.module import Module


def module(
    service: RegistryService, *, heartbeat_timeout: float = 60.0, drain: Drain | None = None
) -> Module:
    """The agent registry over a core.

    Args:
        service: The core; started and stopped by its owner.
        heartbeat_timeout: Seconds of silence until an agent is offline, where it says nothing
            itself (`HEARTBEAT_TIMEOUT_SECONDS`).
        drain: Says when its streams must end; None: with their readers.
    """
    drain = drain or Drain()
    metrics = AgentRegistryMetrics(service)
    agents = AgentOperations(service, metrics, heartbeat_timeout=heartbeat_timeout)
    return Module(
        name="agent-registry",
        routers=(
            streams.router(service, drain),
            socket.router(agents, drain),
            service_discovery.router(service),
            router(agents),
        ),
        pings=(store_ping(service),),
        facts=(lambda: facts(service),),
        collectors=(metrics, RegistryMetrics(service)),
        express=express.routes(agents),
        unaudited=("/agents/{agent_id}/heartbeat", "/heartbeats"),
    )
