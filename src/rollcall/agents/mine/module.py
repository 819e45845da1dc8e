# SPDX-License-Identifier: Apache-2.0
"""How my agents plug into an application."""

from __future__ import annotations

from rollcall.agents.mine.api import router
from rollcall.agents.mine.problems import PROBLEMS
from rollcall.web.module import Module


def module() -> Module:
    """The routes of my agents, over `my_agents_service`."""
    return Module(name="my-agents", routers=(router(),), problems=PROBLEMS)
