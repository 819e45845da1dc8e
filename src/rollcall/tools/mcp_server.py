# SPDX-License-Identifier: Apache-2.0
"""The tools as an MCP server: streamable HTTP, one request at a time, nothing remembered.

The SDK is loaded by the first request. Without sessions any replica can answer any request, so
there is nothing to listen to (GET) and nothing to end (DELETE), and a client calls a call off by
closing the stream that it waits on: 2026-07-28 has it so; the message that earlier versions have
for it would need a session.

Who may ask is settled before: `rollcall.web.auth` refuses, by the name that it calls us and by its
origin, what comes from a page in a browser (DNS rebinding), or wants a key that no page has.
"""

from __future__ import annotations

import asyncio
import importlib
import json
import logging
from collections.abc import AsyncGenerator
from contextlib import asynccontextmanager
from dataclasses import replace
from typing import TYPE_CHECKING, Any, Final

from starlette.requests import Request
from starlette.responses import Response
from starlette.routing import Route
from starlette.types import Receive, Scope, Send

from rollcall.kernel.caller import READ
from rollcall.kernel.errors import Closed, InvalidInput, MissingExtra, RollcallError
from rollcall.tools.api import HEAVY, context_of
from rollcall.tools.errors import InvalidArguments, ToolError, ToolNotFound
from rollcall.tools.models import Tool
from rollcall.tools.service import ToolSet
from rollcall.web import correlation
from rollcall.web.auth import permitted_caller

if TYPE_CHECKING:
    import mcp_types
    from mcp.server.context import ServerRequestContext
    from mcp.server.lowlevel import Server
    from mcp.server.streamable_http_manager import StreamableHTTPSessionManager

PATH: Final = "/mcp"
CALL_KEY: Final = "rollcall/idempotency-key"
"""What a request's `_meta` has of a call: the same at each attempt."""

_MODULES = ("mcp.server.lowlevel", "mcp.server.streamable_http_manager")
_log = logging.getLogger(__name__)


class McpEndpoint:
    """The ASGI application behind `/mcp`.

    Args:
        tools: What it offers.
        name: What it calls itself.
        version: Its version.
        instructions: What a model should know before it uses the tools.
    """

    def __init__(
        self, tools: ToolSet, *, name: str, version: str, instructions: str | None = None
    ) -> None:
        self._tools = tools
        self._name = name
        self._version = version
        self._instructions = instructions
        self._opening: asyncio.Task[StreamableHTTPSessionManager] | None = None
        self._serving: asyncio.Task[None] | None = None
        self._ended = asyncio.Event()

    @property
    def route(self) -> Route:
        """Where it answers."""
        return Route(PATH, self, include_in_schema=False)

    @asynccontextmanager
    async def lifespan(self) -> AsyncGenerator[None]:
        """At the end, calls that are under way are called off."""
        try:
            yield
        finally:
            self._ended.set()
            if self._opening is not None:
                await asyncio.wait({self._opening})
            if self._serving is not None:
                await asyncio.wait({self._serving})

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        permitted_caller(scope, READ)
        if scope["method"] != "POST":
            await Response(status_code=405, headers={"Allow": "POST"})(scope, receive, send)
            return
        if self._ended.is_set():
            raise Closed("the service is shutting down")
        if self._opening is None:
            self._opening = asyncio.create_task(self._open())
        manager = await asyncio.shield(self._opening)
        await manager.handle_request(scope, receive, send)

    async def _open(self) -> StreamableHTTPSessionManager:
        # It takes a third of a second, in which the loop has better things to do.
        try:
            for module in _MODULES:
                await asyncio.to_thread(importlib.import_module, module)
        except ModuleNotFoundError as error:
            raise MissingExtra("MCP", "server") from error
        from mcp.server.streamable_http_manager import (  # noqa: PLC0415 - see above
            StreamableHTTPSessionManager,
        )

        talkative = logging.getLogger("mcp.server")
        if talkative.level == logging.NOTSET:
            # It has a line to say about every request.
            talkative.setLevel(logging.WARNING)
        manager = StreamableHTTPSessionManager(self._server(), stateless=True)
        ready = asyncio.Event()
        self._serving = asyncio.create_task(self._serve(manager, ready), name="mcp")
        await ready.wait()
        return manager

    async def _serve(self, manager: StreamableHTTPSessionManager, ready: asyncio.Event) -> None:
        """Keep the manager open in one task, as its own tasks want it."""
        async with manager.run():
            ready.set()
            await self._ended.wait()

    def _server(self) -> Server[Any]:
        import mcp_types  # noqa: PLC0415 - loaded by the first request
        from mcp.server.lowlevel import Server  # noqa: PLC0415 - the same
        from mcp.shared.exceptions import MCPError  # noqa: PLC0415 - the same

        async def list_tools(
            context: ServerRequestContext[Any],
            asked: mcp_types.PaginatedRequestParams | None,
        ) -> mcp_types.ListToolsResult:
            return mcp_types.ListToolsResult(tools=[_described(one) for one in self._tools])

        async def call_tool(
            context: ServerRequestContext[Any], asked: mcp_types.CallToolRequestParams
        ) -> mcp_types.CallToolResult:
            try:
                said = await self._call(context, asked)
            except ToolNotFound as error:
                raise MCPError(mcp_types.INVALID_PARAMS, str(error)) from error
            except Exception as error:
                return _failed(error)
            text = json.dumps(said, ensure_ascii=False)
            return mcp_types.CallToolResult(
                content=[mcp_types.TextContent(text=text)], structured_content=said
            )

        return Server(
            self._name,
            version=self._version,
            instructions=self._instructions,
            on_list_tools=list_tools,
            on_call_tool=call_tool,
            get_tool_input_schema=self._schema,
        )

    async def _call(
        self, context: ServerRequestContext[Any], asked: mcp_types.CallToolRequestParams
    ) -> dict[str, Any]:
        request: Request | None = context.request
        if request is None:
            raise Closed("a tool is called by a request")
        caller = context_of(permitted_caller(request.scope, READ), request.headers)
        key: object = (context.meta or {}).get(CALL_KEY)
        if isinstance(key, str):
            caller = replace(caller, idempotency_key=key)
        heavy = int(request.headers.get("content-length", HEAVY)) >= HEAVY
        return await self._tools.call(asked.name, asked.arguments or {}, caller, heavy=heavy)

    def _schema(self, name: str) -> dict[str, Any] | None:
        try:
            return dict(self._tools.get(name).input_schema)
        except ToolNotFound:
            return None


def _described(tool: Tool[..., Any]) -> mcp_types.Tool:
    import mcp_types  # noqa: PLC0415 - loaded by the first request

    return mcp_types.Tool(
        name=tool.name,
        description=tool.description,
        input_schema=dict(tool.input_schema),
        output_schema=dict(tool.output_schema),
        annotations=mcp_types.ToolAnnotations(
            idempotent_hint=tool.idempotent, read_only_hint=tool.read_only
        ),
    )


def _failed(error: Exception) -> mcp_types.CallToolResult:
    """An error as the model is told of it, so that it can do better."""
    import mcp_types  # noqa: PLC0415 - loaded by the first request

    return mcp_types.CallToolResult(
        content=[mcp_types.TextContent(text=_reason(error))], is_error=True
    )


def _reason(error: Exception) -> str:
    if isinstance(error, InvalidArguments):
        return error.told
    if isinstance(error, InvalidInput | ToolError):
        return str(error)
    # What it says may be about the inside of the service.
    if not isinstance(error, RollcallError | TimeoutError):
        _log.error("a tool was not answered", exc_info=error)
    named = correlation.current()
    told = f" (request {named.request_id})" if named else ""
    if isinstance(error, TimeoutError):
        return f"the tool took too long{told}"
    return f"the tool failed{told}"
