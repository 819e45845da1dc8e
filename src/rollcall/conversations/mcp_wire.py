# SPDX-License-Identifier: Apache-2.0
"""The requests of an MCP session: to where anybody may be sent, bounded, and never failing.

An error that left the transport would end the session with everything that is under way in it. So
it becomes an answer, and is noted for the call that it belongs to.
"""

from __future__ import annotations

from collections.abc import AsyncIterator
from contextvars import ContextVar
from dataclasses import dataclass
from typing import Final

import httpx2

from rollcall.client.reaching import NotReached, places

_SENT: Final = "send_request_headers.started"


@dataclass(slots=True)
class Note:
    """What became of the last request of a call.

    Args:
        sent: Whether anything of it was.
        problem: Why there is no answer; empty: there is one.
        status: The status of the answer; 0: there is none.
    """

    sent: bool = False
    problem: str = ""
    status: int = 0


noted: ContextVar[Note | None] = ContextVar("rollcall_mcp_call", default=None)
"""The call that requests are made for."""


class GuardedWire(httpx2.AsyncBaseTransport):
    """The transport of one session.

    Args:
        connect: Seconds until it is connected.
        limit: Bytes of one answer that is not a stream.
    """

    def __init__(self, *, connect: float, limit: int) -> None:
        # No kept connections: one that is just closing loses requests.
        self._network = httpx2.AsyncHTTPTransport(
            trust_env=False, limits=httpx2.Limits(max_keepalive_connections=0)
        )
        self._connect = connect
        self._limit = limit

    async def handle_async_request(self, request: httpx2.Request) -> httpx2.Response:
        note = noted.get() or Note()
        note.sent, note.problem, note.status = False, "", 0

        async def trace(event: str, _: object) -> None:
            note.sent = note.sent or event.endswith(_SENT)

        request.extensions = {
            **request.extensions,
            "trace": trace,
            "timeout": {"connect": self._connect, "pool": self._connect},
        }
        try:
            response = await self._reach(request)
        except (httpx2.HTTPError, NotReached) as error:
            note.problem = _said(error)
            return httpx2.Response(502, request=request)
        note.status = response.status_code
        streamed = response.headers.get("content-type", "").startswith("text/event-stream")
        assert isinstance(response.stream, httpx2.AsyncByteStream)
        response.stream = _Body(response.stream, note, None if streamed else self._limit)
        return response

    async def _reach(self, request: httpx2.Request) -> httpx2.Response:
        url = request.url
        found = await places(url.host, url.port or 80)
        for place in found[:-1]:
            request.url = url.copy_with(host=place)
            try:
                return await self._network.handle_async_request(request)
            except (httpx2.ConnectError, httpx2.ConnectTimeout):
                continue
        request.url = url.copy_with(host=found[-1])
        return await self._network.handle_async_request(request)

    async def aclose(self) -> None:
        await self._network.aclose()


class _Body(httpx2.AsyncByteStream):
    """A body that breaks off where it is too long, and notes why it broke."""

    def __init__(self, inner: httpx2.AsyncByteStream, note: Note, limit: int | None) -> None:
        self._inner = inner
        self._note = note
        self._limit = limit

    async def __aiter__(self) -> AsyncIterator[bytes]:
        read = 0
        try:
            async for piece in self._inner:
                read += len(piece)
                if self._limit is not None and read > self._limit:
                    raise httpx2.StreamError(f"the answer has more than {self._limit} bytes")
                yield piece
        except httpx2.HTTPError as error:
            self._note.problem = _said(error)
            # Of the errors of a stream it is the one that the session survives.
            raise httpx2.StreamError(self._note.problem) from error

    async def aclose(self) -> None:
        await self._inner.aclose()


def _said(error: Exception) -> str:
    return f"{type(error).__name__}: {error}".rstrip(": ")[:300]
