# SPDX-License-Identifier: Apache-2.0
"""The server of a scripted model: HTTP/1.1 on the loopback interface, on a free port."""

from __future__ import annotations

import asyncio
import json
from collections.abc import Mapping
from http import HTTPStatus
from itertools import count
from typing import Any, Final, Self, cast

from rollcall.testing.scripted_model.protocol import Writer, problem
from rollcall.testing.scripted_model.script import (
    Answer,
    Cut,
    Fails,
    Hangs,
    Raw,
    Request,
    Says,
    Script,
)

_JSON: Final = "application/json"
_CHAT: Final = "/v1/chat/completions"


class ScriptedModel:
    """Answers each request with the next entry of its script; to be used in `async with`.

    A request beyond the script is answered with an error 400 that says so, which no client repeats.

    Args:
        script: What it does; more can be added to the list `script` while it runs.
        name: The model that `GET /v1/models` tells of.
        port: Where it answers; 0: where nobody else does.
    """

    def __init__(self, *script: Script, name: str = "scripted", port: int = 0) -> None:
        self.script: list[Script] = list(script)
        self.requests: list[Request] = []
        self._name = name
        self._port = port
        self._ids = count(1)
        self._came = asyncio.Condition()
        self._server: asyncio.Server | None = None
        self._open: set[asyncio.Task[None]] = set()
        self.connections = 0
        """Connections that were opened."""
        self.gone = 0
        """Answers whose receiver hung up before their end."""

    @property
    def url(self) -> str:
        """Where it answers, with the `/v1` that clients put their paths behind."""
        assert self._server is not None, "use it in `async with`"
        return f"http://127.0.0.1:{self._server.sockets[0].getsockname()[1]}/v1"

    @property
    def last(self) -> Request:
        """The request that came last."""
        return self.requests[-1]

    async def asked(self, times: int = 1) -> None:
        """Wait until so many requests have come."""
        async with self._came:
            await self._came.wait_for(lambda: len(self.requests) >= times)

    async def hung_up(self, times: int = 1) -> None:
        """Wait until so many receivers have hung up before the end of their answer."""
        async with self._came:
            await self._came.wait_for(lambda: self.gone >= times)

    async def __aenter__(self) -> Self:
        self._server = await asyncio.start_server(self._serve, "127.0.0.1", self._port)
        return self

    async def __aexit__(self, *_: object) -> None:
        assert self._server is not None
        self._server.close()
        for task in self._open:
            task.cancel()
        if self._open:
            await asyncio.wait(self._open)

    async def _serve(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        task = asyncio.current_task()
        assert task is not None
        self._open.add(task)
        self.connections += 1
        try:
            while await self._one(reader, writer):
                pass
        except (ConnectionError, asyncio.IncompleteReadError):
            pass
        except asyncio.CancelledError:
            # The server is being closed, and nobody waits for this task but its end.
            writer.transport.abort()
        finally:
            self._open.discard(task)
            writer.close()

    async def _one(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> bool:
        """Answer a request; whether there may be another on the connection."""
        request = await _read(reader)
        if request is None:
            return False
        if request.method == "GET" and request.path == "/v1/models":
            listed = {"object": "list", "data": [{"id": self._name, "object": "model"}]}
            await _write(writer, 200, _JSON, json.dumps(listed).encode())
            return True
        self.requests.append(request)
        async with self._came:
            self._came.notify_all()
        return await self._answer(self._next(request), request, reader, writer)

    def _next(self, request: Request) -> Answer:
        if not self.script:
            return Fails(400, f"request {len(self.requests)} is beyond the script")
        entry = self.script.pop(0)
        answer = entry(request) if callable(entry) else entry
        if isinstance(answer, Says) and request.path != _CHAT:
            return Fails(404, f"there is no {request.path}: use Raw for another protocol")
        return answer

    async def _answer(
        self,
        answer: Answer,
        request: Request,
        reader: asyncio.StreamReader,
        writer: asyncio.StreamWriter,
    ) -> bool:
        match answer:
            case Fails():
                after = answer.retry_after
                headers = {} if after is None else {"retry-after": f"{after:g}"}
                await _write(writer, answer.status, _JSON, problem(answer), headers)
            case Raw(cut=True):
                head = _head(answer.status, {"content-type": answer.content_type})
                writer.write(head + b"\r\n" + _chunked(answer.body))
                await writer.drain()
                writer.write_eof()
                return False
            case Raw():
                await _write(writer, answer.status, answer.content_type, answer.body)
            case Hangs():
                if answer.until is not None and not await self._held(answer.until, reader):
                    return False
                writer.transport.abort()
                return False
            case Says():
                return await self._say(answer, request, reader, writer)
        return True

    async def _say(
        self,
        says: Says,
        request: Request,
        reader: asyncio.StreamReader,
        writer: asyncio.StreamWriter,
    ) -> bool:
        asked = str(request.body.get("model", self._name))
        words = Writer(says, asked, len(self.requests), self._ids)
        if request.streamed:
            writer.write(_head(200, {"content-type": "text/event-stream"}) + b"\r\n")
            writer.write(_chunked(words.opening()))
        for piece in says.pieces:
            if isinstance(piece, asyncio.Event):
                if not await self._held(piece, reader):
                    return False
            elif isinstance(piece, Cut):
                await writer.drain()
                # What was written is sent, and then nothing more, not even the end of the answer.
                writer.write_eof()
                return False
            elif request.streamed:
                for chunk in words.piece(piece):
                    writer.write(_chunked(chunk))
                await writer.drain()
        if not request.streamed:
            await _write(writer, 200, _JSON, words.whole())
            return True
        options = cast("Mapping[str, Any]", request.body.get("stream_options") or {})
        for chunk in words.closing(usage_wanted=bool(options.get("include_usage"))):
            writer.write(_chunked(chunk))
        writer.write(b"0\r\n\r\n")
        await writer.drain()
        return True

    async def _held(self, until: asyncio.Event, reader: asyncio.StreamReader) -> bool:
        """Wait for an event; whether whoever asked is still there then."""
        waiting = asyncio.create_task(until.wait())
        # Nobody sends a second request before the first is answered: only an end can come.
        ended = asyncio.create_task(reader.read(1))
        try:
            await asyncio.wait({waiting, ended}, return_when=asyncio.FIRST_COMPLETED)
            if not ended.done():
                return True
            self.gone += 1
            async with self._came:
                self._came.notify_all()
            return False
        finally:
            waiting.cancel()
            ended.cancel()
            await asyncio.gather(waiting, ended, return_exceptions=True)


async def _read(reader: asyncio.StreamReader) -> Request | None:
    """The next request of a connection; None: it was closed."""
    try:
        head = await reader.readuntil(b"\r\n\r\n")
    except asyncio.IncompleteReadError:
        return None
    first, *lines = head.decode("latin-1").rstrip("\r\n").split("\r\n")
    method, target, _ = first.split(" ", 2)
    headers = {name.strip().lower(): value.strip() for name, _, value in _parted(lines)}
    body = await reader.readexactly(int(headers.get("content-length", "0")))
    return Request(method, target.partition("?")[0], headers, json.loads(body) if body else {})


def _parted(lines: list[str]) -> list[tuple[str, str, str]]:
    return [line.partition(":") for line in lines]


async def _write(
    writer: asyncio.StreamWriter,
    status: int,
    content_type: str,
    body: bytes,
    headers: Mapping[str, str] | None = None,
) -> None:
    length = {"content-type": content_type, "content-length": str(len(body))}
    writer.write(_head(status, length | dict(headers or {}), chunked=False) + b"\r\n" + body)
    await writer.drain()


def _head(status: int, headers: Mapping[str, str], *, chunked: bool = True) -> bytes:
    lines = [f"HTTP/1.1 {status} {HTTPStatus(status).phrase}"]
    lines += [f"{name}: {value}" for name, value in headers.items()]
    if chunked:
        lines.append("transfer-encoding: chunked")
    return "".join(f"{line}\r\n" for line in lines).encode("latin-1")


def _chunked(body: bytes) -> bytes:
    return f"{len(body):x}\r\n".encode() + body + b"\r\n"
