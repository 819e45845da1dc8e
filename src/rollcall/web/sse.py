# SPDX-License-Identifier: Apache-2.0
"""Server-sent events (WHATWG HTML, section 9.2) from anything that can be iterated over."""

from __future__ import annotations

import asyncio
import re
from collections.abc import AsyncIterator, Callable, Coroutine, Sequence
from dataclasses import dataclass
from typing import Any

import msgspec
from starlette.responses import Response
from starlette.types import Message, Receive, Scope, Send

from rollcall.kernel.clock import Clock
from rollcall.kernel.errors import InvalidInput
from rollcall.registry.events import Event
from rollcall.registry.feed import Lagged, Position
from rollcall.web.drain import Drain

LAST_EVENT_ID = "last-event-id"
LAGGED = "lagged"
HEARTBEAT = 15.0
RETRY = 2.0

_LINE_ENDS = re.compile(rb"\r\n|\r|\n")
_POSITION = re.compile(r"([\x21-\x39\x3b-\x7e]{1,100}):([0-9]{1,18}):(-1|[0-9]{1,9})")
_HEADERS = {
    "Content-Type": "text/event-stream; charset=utf-8",
    "Cache-Control": "no-store",
    # nginx would hold small events back until it has a buffer full of them.
    "X-Accel-Buffering": "no",
}


@dataclass(frozen=True, slots=True)
class ServerEvent:
    """One event for the client.

    Args:
        data: What it says, UTF-8.
        event: Its type; empty: `message`.
        id: Where to go on from behind it; None: the client keeps the id it had.
    """

    data: bytes
    event: str = ""
    id: str | None = None


class EventStream(Response):
    """An answer that goes on until the source ends, the client leaves or, where the source has no
    end of its own, the service drains.

    While the client does not read, the source is not read either: a source that keeps what was
    not read, and says `lagged` when that was too much, keeps a slow client from slowing others.

    Args:
        source: What to send.
        clock: Times the heartbeats.
        drain: Says when to end.
        heartbeat: Seconds of silence after which a comment is sent, so that proxies keep the
            connection and the client learns of a broken one.
        retry: Seconds after which a client whose connection broke should come back; None: it is
            not told, since what it asked cannot be asked again.
        ends: Whether the source ends by itself, so that it is let to its end like any answer.
    """

    def __init__(
        self,
        source: AsyncIterator[ServerEvent],
        clock: Clock,
        drain: Drain,
        *,
        heartbeat: float = HEARTBEAT,
        retry: float | None = RETRY,
        ends: bool = False,
    ) -> None:
        # Not Response's own, which knows how long the body is.
        self.status_code = 200
        self.background = None
        self.init_headers(_HEADERS)
        self._source = source
        self._clock = clock
        self._drain = drain
        self._heartbeat = heartbeat
        self._retry = retry
        self._ends = ends
        self._sent_at = clock.monotonic()

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        head = {"type": "http.response.start", "status": 200, "headers": self.raw_headers}
        await send(head)
        if self._retry is not None:
            await self._send(send, b"retry: %d\n\n" % round(self._retry * 1000))
        gone = asyncio.create_task(_disconnected(receive))
        writing = asyncio.create_task(self._write(send))
        beating = asyncio.create_task(self._beat(send))
        draining = asyncio.create_task(_never() if self._ends else self._drain.wait())
        tasks = (gone, writing, beating, draining)
        try:
            await asyncio.wait(tasks, return_when=asyncio.FIRST_COMPLETED)
        finally:
            left = gone.done()
            await _stopped(tasks)
            await closed(self._source)
        for sender in (writing, beating):
            if not sender.cancelled():
                sender.result()
        if not left:
            await send({"type": "http.response.body", "body": b"", "more_body": False})

    async def _write(self, send: Send) -> None:
        async for event in self._source:
            await self._send(send, encoded(event))

    async def _beat(self, send: Send) -> None:
        while True:
            silence = self._clock.monotonic() - self._sent_at
            if silence >= self._heartbeat:
                await self._send(send, b": heartbeat\n\n")
                silence = 0.0
            await self._clock.sleep(self._heartbeat - silence)

    async def _send(self, send: Send, body: bytes) -> None:
        # Before the call, which takes as long as the client likes: it needs no heartbeat then.
        self._sent_at = self._clock.monotonic()
        await send({"type": "http.response.body", "body": body, "more_body": True})


def encoded(event: ServerEvent) -> bytes:
    """The event as it goes over the wire.

    Raises:
        ValueError: The id or the type has a line end or NUL in it, which would be another event.
    """
    lines: list[bytes] = []
    for name, value in (("id", event.id), ("event", event.event or None)):
        if value is not None:
            if any(one in value for one in "\r\n\0"):
                raise ValueError(f"the {name} of an event must be one line, not {value!r:.100}")
            lines.append(f"{name}: {value}".encode())
    data = event.data
    if b"\n" in data or b"\r" in data:
        lines += [b"data: " + line for line in _LINE_ENDS.split(data)]
    else:
        lines.append(b"data: " + data)
    return b"\n".join(lines) + b"\n\n"


def lagged(missed: int) -> ServerEvent:
    """What a client is told that was too slow for `missed` events."""
    return ServerEvent(msgspec.json.encode({"missed": missed}), LAGGED)


async def registry_events(
    source: AsyncIterator[Event | Lagged],
    epoch: str,
    encode: Callable[[Event], bytes] = msgspec.json.encode,
) -> AsyncIterator[ServerEvent]:
    """A subscription to the registry's feed as server-sent events, resumable by their ids.

    Args:
        source: A `rollcall.registry.feed.Subscription`.
        epoch: The store's epoch.
        encode: An event as JSON.
    """
    async for one in source:
        if isinstance(one, Lagged):
            yield lagged(one.missed)
        else:
            position = Position(epoch, one.revision, one.ordinal)
            yield ServerEvent(encode(one), one.type.value, event_id(position))


def event_id(position: Position) -> str:
    """A position as the id of an event."""
    return f"{position.epoch}:{position.revision}:{position.ordinal}"


def parse_event_id(text: str) -> Position:
    """The position that a client wants to go on behind, from its `Last-Event-ID`.

    Raises:
        InvalidInput: It is no id of ours.
    """
    match = _POSITION.fullmatch(text)
    if match is None:
        raise InvalidInput("Last-Event-ID", "must be the id of an event that was received")
    return Position(match[1], int(match[2]), int(match[3]))


async def _disconnected(receive: Receive) -> None:
    message: Message = await receive()
    while message["type"] != "http.disconnect":
        message = await receive()


async def _never() -> None:
    await asyncio.Event().wait()


async def _stopped(tasks: Sequence[asyncio.Task[None]]) -> None:
    for task in tasks:
        task.cancel()
    await asyncio.gather(*tasks, return_exceptions=True)


async def closed(source: object) -> None:
    """Have an iterator end that is not iterated to its end; one that cannot be closed stays."""
    close: Callable[[], Coroutine[Any, Any, None]] | None = getattr(source, "aclose", None)
    if close is not None:
        await close()
