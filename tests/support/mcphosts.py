"""MCP servers of the official SDK on loopback sockets."""

from __future__ import annotations

import asyncio
import socket
from typing import Self

import uvicorn
from mcp.server.mcpserver import MCPServer
from starlette.responses import JSONResponse
from starlette.types import ASGIApp, Receive, Scope, Send

from support.hosting import Server

_UNKNOWN = {
    "jsonrpc": "2.0",
    "id": None,
    "error": {"code": -32600, "message": "Bad Request: Unsupported protocol version"},
}


class McpHost:
    """A server that starts, stops and starts again on its port.

    Args:
        server: The tools.
        only_old: Whether it knows nothing of protocols later than 2025-11-25.
    """

    def __init__(self, server: MCPServer, *, only_old: bool = False) -> None:
        self.server = server
        self.only_old = only_old
        self.requests: list[tuple[str, dict[str, str]]] = []
        self.counts: list[str] = []
        self.port = 0
        self._running: Server | None = None
        self._serving: asyncio.Task[None] | None = None

    async def start(self) -> Self:
        app = self.server.streamable_http_app()
        config = uvicorn.Config(
            self._counted(app),
            log_config=None,
            timeout_graceful_shutdown=0,
        )
        self._running = Server(config)
        listening = socket.create_server(("127.0.0.1", self.port))
        self.port = listening.getsockname()[1]
        # Who connects before it has started waits until it has.
        self._serving = asyncio.create_task(self._running.serve([listening]))
        return self

    async def kill(self) -> None:
        if self._running is not None and self._serving is not None:
            for connection in list(self._running.server_state.connections):
                if connection.transport is not None:
                    connection.transport.abort()
            self._running.should_exit = True
            self._running.force_exit = True
            await self._serving
            self._running = None

    def _counted(self, app: ASGIApp) -> ASGIApp:
        async def counted(scope: Scope, receive: Receive, send: Send) -> None:
            if scope["type"] == "http":
                headers = {k.decode(): v.decode() for k, v in scope["headers"]}
                self.requests.append((scope["method"], headers))
                if self.only_old and headers.get("mcp-protocol-version", "") > "2025-11-25":
                    answer = JSONResponse(_UNKNOWN, status_code=400)
                    await answer(scope, receive, send)
                    return
            await app(scope, receive, send)

        return counted
