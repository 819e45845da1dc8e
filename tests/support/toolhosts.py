"""Tool services on loopback sockets, which tests start, kill and start again."""

from __future__ import annotations

import asyncio
import json
from collections.abc import Awaitable, Callable
from dataclasses import dataclass, field
from typing import Any, Self

Reply = tuple[int, Any] | bytes | None
"""Status and body (JSON, or bytes as they are), the bytes of a whole answer, or no answer."""
Handler = Callable[["Request"], Awaitable[Reply] | Reply]

ECHO: dict[str, Any] = {
    "name": "echo",
    "path": "/echo",
    "description": "Says it again.",
    "idempotent": True,
    "input_schema": {
        "type": "object",
        "properties": {"text": {"type": "string"}},
        "required": ["text"],
    },
}


@dataclass(frozen=True)
class Request:
    """What a service was asked."""

    method: str
    path: str
    headers: dict[str, str]
    body: bytes

    @property
    def json(self) -> Any:
        return json.loads(self.body)


@dataclass
class ToolHost:
    """A tool service: HTTP/1.1 by hand, so that it can break at any point of an answer.

    Args:
        tools: What it lists.
        handler: What answers a call; without one it says what it was called with.
        keep: Whether connections stay open after an answer.
    """

    tools: Any = field(default_factory=lambda: [ECHO])
    handler: Handler | None = None
    keep: bool = True
    requests: list[Request] = field(default_factory=list[Request])
    port: int = 0
    _server: asyncio.Server | None = None
    _open: set[asyncio.StreamWriter] = field(default_factory=set[asyncio.StreamWriter])

    async def start(self) -> Self:
        """Listen, on the port that it had before if it had one."""
        self._server = await asyncio.start_server(self._serve, "127.0.0.1", self.port)
        self.port = self._server.sockets[0].getsockname()[1]
        return self

    async def kill(self) -> None:
        """End at once, in the middle of whatever it does."""
        if self._server is None:
            return
        self._server.close()
        for writer in list(self._open):
            writer.transport.abort()
        await self._server.wait_closed()
        self._server = None

    @property
    def calls(self) -> list[Request]:
        """The requests that were calls."""
        return [one for one in self.requests if one.method == "POST"]

    @property
    def lists(self) -> int:
        """How often it was asked for its tools."""
        return sum(one.method == "GET" for one in self.requests)

    async def _serve(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        self._open.add(writer)
        try:
            while (request := await _read(reader)) is not None:
                self.requests.append(request)
                answer = await self._answer(request)
                if answer is None:
                    return
                writer.write(answer)
                await writer.drain()
                if not self.keep or not answer.startswith(b"HTTP/1.1 2"):
                    return
        except (ConnectionError, asyncio.IncompleteReadError):
            pass
        finally:
            self._open.discard(writer)
            writer.close()

    async def _answer(self, request: Request) -> bytes | None:
        if self.handler is not None and (request.method == "POST" or self.tools is None):
            reply = self.handler(request)
            if isinstance(reply, Awaitable):
                reply = await reply
        elif request.path == "/tools":
            reply = 200, self.tools if isinstance(self.tools, bytes) else {"tools": self.tools}
        elif request.method == "POST":
            reply = 200, {"said": request.json, "by": self.port}
        else:
            reply = 404, {"detail": "Not Found"}
        if reply is None or isinstance(reply, bytes):
            return reply
        return response(*reply)


def response(status: int, body: Any, kind: str = "application/json", **headers: str) -> bytes:
    """A whole answer."""
    content = body if isinstance(body, bytes) else json.dumps(body).encode()
    lines = [
        f"HTTP/1.1 {status} Said",
        f"Content-Type: {kind}",
        f"Content-Length: {len(content)}",
        *(f"{name.replace('_', '-')}: {value}" for name, value in headers.items()),
    ]
    return "\r\n".join([*lines, "", ""]).encode() + content


async def _read(reader: asyncio.StreamReader) -> Request | None:
    try:
        head = (await reader.readuntil(b"\r\n\r\n")).decode()
    except (asyncio.IncompleteReadError, ConnectionError):
        return None
    first, *rest = head.split("\r\n")
    method, path, _ = first.split(" ")
    headers = {name.lower(): value.strip() for name, _, value in (h.partition(":") for h in rest)}
    body = await reader.readexactly(int(headers.get("content-length") or 0))
    return Request(method, path, headers, body)
