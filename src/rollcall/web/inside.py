# SPDX-License-Identifier: Apache-2.0
"""Asking an application of this process, without a socket."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncGenerator, Sequence
from contextlib import asynccontextmanager
from dataclasses import dataclass
from typing import Final
from urllib.parse import quote

from starlette.types import ASGIApp, Message, Scope

from rollcall.web.limits import COUNTED

_HOST: Final = (b"host", b"localhost")
_GRACE: Final = 5.0
"""Seconds that an answer has to end by itself once nobody reads it."""
Fields = Sequence[tuple[bytes, bytes]]


@dataclass(frozen=True, slots=True)
class Inside:
    """An answer.

    Args:
        status: Its status.
        fields: Its header fields, with names in lower case.
        body: Its body.
    """

    status: int
    fields: Fields
    body: bytes


@dataclass(frozen=True, slots=True)
class Asked:
    """A request to an application of this process.

    Args:
        path: Decoded.
        query: Encoded.
        fields: Header fields beside `host` and, where it has a body, `content-length`; with names
            in lower case.
        method: The method.
        body: The body.
    """

    path: str
    query: bytes = b""
    fields: Fields = ()
    method: str = "GET"
    body: bytes = b""

    def scope(self) -> Scope:
        """It as an application sees it: come over the loopback, and counted already."""
        length = [(b"content-length", str(len(self.body)).encode())] if self.body else []
        return {
            "type": "http",
            "asgi": {"version": "3.0"},
            "http_version": "1.1",
            "method": self.method,
            "scheme": "http",
            "path": self.path,
            "raw_path": quote(self.path).encode(),
            "query_string": self.query,
            "root_path": "",
            "headers": [_HOST, *self.fields, *length],
            "client": ("127.0.0.1", 0),
            "server": ("127.0.0.1", 0),
            "extensions": {},
            COUNTED: True,
        }


async def ask_inside(app: ASGIApp, path: str, query: bytes = b"", fields: Fields = ()) -> Inside:
    """What an application answers to a `GET`. It goes through all of its doors, as if it had come
    over the loopback, but is not counted against how often somebody may ask.

    Args:
        app: The application.
        path: Decoded.
        query: Encoded.
        fields: Header fields beside `host` and `accept`, with names in lower case.
    """
    wanted = [(b"accept", b"application/json"), *fields]
    return await answered_inside(app, Asked(path, query, wanted))


async def answered_inside(app: ASGIApp, asked: Asked) -> Inside:
    """The whole answer of an application to a request, as `ask_inside` has it."""
    async with stream_inside(app, asked) as answer:
        body = b"".join([piece async for piece in answer.pieces()])
        return Inside(answer.status, answer.fields, body)


class Streaming:
    """An answer that is read as it comes.

    The application goes on only as fast as it is read: one piece waits at the most.
    """

    def __init__(self, app: ASGIApp, asked: Asked) -> None:
        self.status = 0
        self.fields: Fields = ()
        self._body: bytes | None = asked.body
        self._left = asyncio.Event()
        self._begun = asyncio.Event()
        self._pieces: asyncio.Queue[bytes | None] = asyncio.Queue(maxsize=1)
        self._work = asyncio.create_task(self._run(app, asked.scope()))

    async def begun(self) -> None:
        """Return once there is a head.

        Raises:
            Exception: There will be none: what the application raised.
        """
        await self._begun.wait()
        if not self.status:
            await self._work

    async def pieces(self) -> AsyncGenerator[bytes]:
        """The body, as it comes.

        Raises:
            Exception: What the application raised in the middle of it.
        """
        while (piece := await self._pieces.get()) is not None:
            yield piece
        await self._work

    async def leave(self) -> None:
        """Let the application know that nobody reads on, and return when it has ended."""
        self._left.set()
        while not self._pieces.empty():
            self._pieces.get_nowait()
        try:
            await asyncio.wait({self._work}, timeout=_GRACE)
        finally:
            self._work.cancel()
        await asyncio.gather(self._work, return_exceptions=True)

    async def _run(self, app: ASGIApp, scope: Scope) -> None:
        try:
            await app(scope, self._receive, self._send)
        finally:
            self._begun.set()
            await self._put(None)

    async def _receive(self) -> Message:
        body, self._body = self._body, None
        if body is not None:
            return {"type": "http.request", "body": body, "more_body": False}
        await self._left.wait()
        return {"type": "http.disconnect"}

    async def _send(self, message: Message) -> None:
        if message["type"] == "http.response.start":
            self.status, self.fields = message["status"], message.get("headers", ())
            self._begun.set()
        elif message.get("body"):
            await self._put(message["body"])

    async def _put(self, piece: bytes | None) -> None:
        if not self._left.is_set():
            await self._pieces.put(piece)


@asynccontextmanager
async def stream_inside(app: ASGIApp, asked: Asked) -> AsyncGenerator[Streaming]:
    """An application's answer, as it comes; leaving the block early tells it that nobody reads on.

    Raises:
        Exception: There is none: what the application raised.
    """
    answer = Streaming(app, asked)
    try:
        await answer.begun()
        yield answer
    finally:
        await answer.leave()
