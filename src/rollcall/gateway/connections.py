# SPDX-License-Identifier: Apache-2.0
"""Connections to instances: opened to where anybody may be sent, kept, and used again."""

from __future__ import annotations

import asyncio
import ssl
from collections import deque
from collections.abc import AsyncIterator, Iterable
from functools import cached_property
from typing import Final, TypeAlias

from rollcall.client.reaching import NotReached, places
from rollcall.gateway.line import Line, NoConnection, NoRoom, Order
from rollcall.gateway.ports import Instance
from rollcall.kernel.clock import Clock

IDLE_SECONDS: Final = 15.0
"""For how long a connection is kept that nobody uses."""

_Key: TypeAlias = tuple[str, int, bool]


class Connections:
    """Opens and keeps them.

    Args:
        limit: Connections at the same time.
        connect_seconds: For one of them to be opened.
        clock: Time.
    """

    def __init__(self, limit: int, connect_seconds: float, clock: Clock) -> None:
        self._limit = limit
        self._connect_seconds = connect_seconds
        self._clock = clock
        self._open = 0
        self._kept: dict[_Key, deque[tuple[Line, float]]] = {}

    async def send(self, order: Order, instance: Instance, *, fresh: bool) -> Reply:
        """The beginning of an instance's answer; to be closed.

        Args:
            order: What to ask.
            instance: Whom.
            fresh: Whether over a new connection: on a kept one, which may just be closing, a
                request can be lost of which nobody knows whether it was read.

        Raises:
            NoConnection, NoRoom: It was not sent.
            ConnectionLost: It was, and there is no answer.
            NotSendable: It breaks a rule of HTTP.
        """
        key = instance.host, instance.port, instance.secure
        line = None if fresh else self._take(key)
        if line is None:
            line = await self._opened(instance)
        try:
            await line.ask(order)
        except BaseException:
            self._drop(line)
            raise
        return Reply(line, key, self)

    def close(self) -> None:
        """Let go of what is kept."""
        for some in self._kept.values():
            while some:
                self._drop(some.pop()[0])

    def give_back(self, line: Line, key: _Key) -> None:
        """Keep a connection whose answer is over, if it can be used again."""
        if not line.fit:
            self._drop(line)
            return
        kept = self._kept.setdefault(key, deque())
        kept.append((line, self._clock.monotonic()))
        self._drop_idle(kept)

    def _take(self, key: _Key) -> Line | None:
        kept = self._kept.get(key)
        while kept:
            # The one that was used last is the least likely to be closed by now.
            line, used = kept.pop()
            if line.fit and self._clock.monotonic() - used <= IDLE_SECONDS:
                return line
            self._drop(line)
        return None

    def _drop_idle(self, kept: deque[tuple[Line, float]]) -> None:
        """Let go of connections that cannot be used again, or that nobody has used for long."""
        now = self._clock.monotonic()
        # Those at this end were used longest ago.
        while kept and (not kept[0][0].fit or now - kept[0][1] > IDLE_SECONDS):
            self._drop(kept.popleft()[0])

    def _sweep(self) -> None:
        """Keep nothing of instances that are gone: they come and go, at other addresses."""
        for key in tuple(self._kept):
            kept = self._kept[key]
            self._drop_idle(kept)
            if not kept:
                del self._kept[key]

    async def _opened(self, instance: Instance) -> Line:
        # Seldom enough to look at all of them.
        self._sweep()
        if self._open >= self._limit and not self._make_room():
            raise NoRoom("too many connections are open")
        self._open += 1
        try:
            return await self._connected(instance)
        except BaseException:
            self._open -= 1
            raise

    async def _connected(self, instance: Instance) -> Line:
        try:
            found = await places(instance.host, instance.port)
        except NotReached as error:
            raise NoConnection(str(error)) from error
        loop = asyncio.get_running_loop()
        problem = ""
        for place in found:
            try:
                async with asyncio.timeout(self._connect_seconds):
                    _, line = await loop.create_connection(
                        Line,
                        place,
                        instance.port,
                        ssl=self._tls if instance.secure else None,
                        server_hostname=instance.host if instance.secure else None,
                    )
            except (OSError, TimeoutError) as error:
                problem = str(error) or "no connection in time"
            else:
                return line
        raise NoConnection(problem)

    @cached_property
    def _tls(self) -> ssl.SSLContext:
        return ssl.create_default_context()

    def _make_room(self) -> bool:
        for some in self._kept.values():
            if some:
                self._drop(some.popleft()[0])
                return True
        return False

    def _drop(self, line: Line) -> None:
        self._open -= 1
        line.close()


class Reply:
    """What an instance answers.

    Args:
        line: What it comes over.
        key: Where that leads.
        connections: Who takes it back.
    """

    def __init__(self, line: Line, key: _Key, connections: Connections) -> None:
        self._line: Line | None = line
        self._key = key
        self._connections = connections
        self._held: list[bytes] | None = None
        self.status = line.status
        self.fields = line.fields

    @property
    def length(self) -> int | None:
        """The bytes of its body, where it says so."""
        found = dict(self.fields).get(b"content-length", b"")
        return int(found) if found.isdigit() else None

    async def hold(self) -> None:
        """Wait until the body is here. It is closed where that never will be.

        Raises:
            ConnectionLost: It broke off.
        """
        try:
            self._held = [piece async for piece in self.pieces()]
        except BaseException:
            self.close()
            raise

    @property
    def whole(self) -> bytes | None:
        """The body, where it was waited for; None: it is still on its way."""
        return None if self._held is None else b"".join(self._held)

    def pieces(self) -> AsyncIterator[bytes]:
        """The body, as it comes.

        Raises:
            ConnectionLost: It broke off.
        """
        if self._held is not None:
            return _given(self._held)
        assert self._line is not None, "it is closed"
        return self._line.pieces()

    def close(self) -> None:
        """Let the connection go."""
        line, self._line = self._line, None
        if line is not None:
            self._connections.give_back(line, self._key)


async def _given(pieces: Iterable[bytes]) -> AsyncIterator[bytes]:
    for piece in pieces:
        yield piece
