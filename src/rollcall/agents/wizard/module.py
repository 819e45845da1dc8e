# SPDX-License-Identifier: Apache-2.0
"""How the wizard plugs into an application."""

from __future__ import annotations

from rollcall.agents.wizard import api, api_library
from rollcall.agents.wizard.problems import PROBLEMS
from rollcall.kernel.clock import Clock
from rollcall.web.drain import Drain
from rollcall.web.module import Module


def module(clock: Clock, drain: Drain) -> Module:
    """The routes of the wizard, over `wizard_service`; beside those of definitions.

    Args:
        clock: Time.
        drain: Says when streams must end.
    """
    return Module(
        name="wizard",
        routers=(api.router(clock, drain), api_library.router()),
        problems=PROBLEMS,
        unaudited=("/api/agents/{agent_id}/validate-deployment", "/api/config/preview"),
    )
