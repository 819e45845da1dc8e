# SPDX-License-Identifier: Apache-2.0
"""`/ws/heartbeats`: heartbeats over a connection that stays open, without a request for each.

Every message is what `POST /heartbeats` takes as its body (many ids, a whole runtime, or both), and
is answered with what that answers, or with a problem (RFC 9457). A message that cannot be used
leaves the connection open.
"""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from contextlib import suppress
from typing import Annotated, Final

from fastapi import APIRouter, Query, WebSocket
from pydantic import ValidationError
from starlette.websockets import WebSocketDisconnect

from rollcall.kernel.caller import Caller
from rollcall.kernel.errors import InvalidInput, RollcallError
from rollcall.protocols.access import namespace_for
from rollcall.protocols.agent_registry import wire
from rollcall.protocols.agent_registry.express import heartbeats_at_once
from rollcall.protocols.agent_registry.operations import AgentOperations
from rollcall.web.callers import Writer
from rollcall.web.drain import Drain
from rollcall.web.problems import Problems, ProblemTable, field_error
from rollcall.web.strict import decoded

GOING_AWAY: Final = 1001
"""RFC 6455, section 7.4.1: the server stops."""


def router(agents: AgentOperations, drain: Drain) -> APIRouter:
    """The route; its connections end when `drain` begins."""
    routes = APIRouter()
    problems = Problems(ProblemTable(), development=False)

    @routes.websocket("/ws/heartbeats")
    async def heartbeats(
        socket: WebSocket,
        caller: Writer,
        namespace: Annotated[str | None, Query(max_length=256)] = None,
    ) -> None:
        """Heartbeats of many agents, message by message."""
        place = namespace_for(caller, namespace)
        await socket.accept()
        with suppress(WebSocketDisconnect):
            async for text in _messages(socket, drain):
                await socket.send_bytes(await _answered(agents, problems, caller, place, text))
            await socket.close(GOING_AWAY)

    return routes


async def _messages(socket: WebSocket, drain: Drain) -> AsyncIterator[bytes]:
    """What the client sends, until it is time to end.

    Raises:
        WebSocketDisconnect: The client has left.
    """
    draining = asyncio.ensure_future(drain.wait())
    try:
        while (text := await _received(socket, draining)) is not None:
            yield text
    finally:
        draining.cancel()


async def _received(socket: WebSocket, draining: asyncio.Future[None]) -> bytes | None:
    """The next message; None: it is time to end.

    Raises:
        WebSocketDisconnect: The client has left.
    """
    message = asyncio.ensure_future(socket.receive())
    try:
        await asyncio.wait({message, draining}, return_when=asyncio.FIRST_COMPLETED)
        if not message.done():
            return None
        received = message.result()
    finally:
        message.cancel()
    if received["type"] == "websocket.disconnect":
        raise WebSocketDisconnect(received["code"])
    data: bytes | None = received.get("bytes")
    return received["text"].encode() if data is None else data


async def _answered(
    agents: AgentOperations, problems: Problems, caller: Caller, namespace: str, text: bytes
) -> bytes:
    quick = heartbeats_at_once(agents, caller, namespace, text)
    if quick is not None:
        return quick
    try:
        beats = _read(text)
        answer = await agents.heartbeats(caller, namespace, beats)
    except RollcallError as error:
        return bytes(problems.response(error).body)
    return answer.model_dump_json().encode()


def _read(text: bytes) -> wire.HeartbeatBatch:
    value = decoded(text)
    if not isinstance(value, dict):
        raise InvalidInput("body", 'must be an object such as {"agent_ids": [...]}')
    try:
        return wire.HeartbeatBatch.model_validate(value)
    except ValidationError as error:
        first = field_error({**error.errors()[0], "loc": ("body", *error.errors()[0]["loc"])})
        raise InvalidInput(first["field"], first["problem"]) from None
