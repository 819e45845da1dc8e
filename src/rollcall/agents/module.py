# SPDX-License-Identifier: Apache-2.0
"""How definitions of agents plug into an application."""

from __future__ import annotations

from rollcall.agents import api, api_capabilities
from rollcall.agents.capability_service import CapabilityService
from rollcall.agents.problems import PROBLEMS
from rollcall.agents.service import AgentService
from rollcall.web.module import Module


def module(agents: AgentService, capabilities: CapabilityService) -> Module:
    """The routes of definitions and capabilities.

    Args:
        agents: Who keeps definitions.
        capabilities: Who keeps capabilities, over the same store.
    """
    return Module(
        name="agents",
        routers=(api.router(agents, capabilities), api_capabilities.router(capabilities)),
        problems=PROBLEMS,
    )
