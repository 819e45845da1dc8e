# SPDX-License-Identifier: Apache-2.0
"""How definitions of agents plug into an application."""

from __future__ import annotations

from rollcall.agents import api, api_capabilities
from rollcall.agents.problems import PROBLEMS
from rollcall.web.module import Module


def module() -> Module:
    """The routes of definitions and capabilities, over `agent_service` and `capability_service`."""
    return Module(
        name="agents",
        routers=(api.router(), api_capabilities.router()),
        problems=PROBLEMS,
    )
