# SPDX-License-Identifier: Apache-2.0
"""How tools plug into an application."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Final

from fastapi import APIRouter

from rollcall import __version__
from rollcall.tools.api import router
from rollcall.tools.errors import ToolBroken, ToolError, ToolNotFound
from rollcall.tools.mcp_server import PATH, McpEndpoint
from rollcall.tools.metrics import ToolMetrics
from rollcall.tools.service import ToolSet
from rollcall.web.module import Lifespan, Module
from rollcall.web.problems import Kind

_TITLE: Final = "The tool did not work"
PROBLEMS: Final[Mapping[type[Exception], Kind]] = {
    ToolNotFound: Kind(404, "tool-not-found", "There is no such tool", ("name",)),
    # It ran and says no: neither the arguments' fault (422) nor one of the service (5xx), for which
    # others would be asked.
    ToolError: Kind(424, "tool-failed", _TITLE, ("message",)),
    ToolBroken: Kind(500, "tool-failed", _TITLE, ("tool",)),
}


def module(
    tools: ToolSet,
    *,
    name: str = "tools",
    version: str = __version__,
    instructions: str | None = None,
    lifespans: Sequence[Lifespan] = (),
) -> Module:
    """A service of tools: `GET /tools`, each tool at its path, all of them over MCP at `/mcp`.

    Args:
        tools: The tools. What is added to them later is called over MCP alone.
        name: What the MCP server calls itself.
        version: Its version.
        instructions: What a model should know before it uses the tools.
        lifespans: What the tools need opened before the first request, and closed after the last.
    """
    endpoint = McpEndpoint(tools, name=name, version=version, instructions=instructions)
    mcp = APIRouter(routes=[endpoint.route])
    return Module(
        name="tools",
        routers=(router(tools), mcp),
        problems=PROBLEMS,
        collectors=(ToolMetrics(tools),),
        lifespans=(*lifespans, endpoint.lifespan),
        # To read is no change, whatever the method; over MCP only the protocol knows what is asked.
        unaudited=(PATH, *(one.path for one in tools if one.read_only)),
    )
