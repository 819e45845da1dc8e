# SPDX-License-Identifier: Apache-2.0
"""Connections to instances, kept and used again.

Each is one of httpcore's. Its own pool looks at every connection for every other one at each
request, which a gateway with hundreds of them would do nothing else for.
"""

from __future__ import annotations

from collections import deque
from collections.abc import AsyncIterable, AsyncIterator
from dataclasses import dataclass
from typing import Final

import httpcore

from rollcall.client.reaching import NotReached, places
from rollcall.gateway.headers import Fields
from rollcall.gateway.ports import Instance

IDLE_SECONDS: Final = 15.0
"""For how long a connection is kept that nobody uses."""

_Key = tuple[str, int, bool]


@dataclass(frozen=True, slots=True)
class _Line:
    """A connection, and the address that it leads to."""

    origin: httpcore.Origin
    http: httpcore.AsyncHTTPConnection


class NoConnection(Exception):
    """Nothing was sent: nobody takes connections there, or there are too many already."""


class ConnectionLost(Exception):
    """Something was sent, and the connection broke, or what came over it was no HTTP."""


class NotSendable(Exception):
    """The request breaks a rule of HTTP."""


@dataclass(frozen=True, slots=True)
class Order:
    """A request to an instance.

    Args:
        method: The method.
        target: Path and query, encoded.
        fields: All header fields, `host` among them.
        body: The body; None: there is none.
    """

    method: str
    target: bytes
    fields: Fields
    body: AsyncIterable[bytes] | None = None


class Connections:
    """Opens connections to where anybody may be sent, and keeps those that can be used again.

    Args:
        limit: Connections at the same time.
        connect_seconds: For one of them to be opened.
    """

    def __init__(self, limit: int, connect_seconds: float) -> None:
        self._limit = limit
        self._timeouts = {"connect": connect_seconds}
        self._open = 0
        self._kept: dict[_Key, deque[_Line]] = {}

    async def send(self, order: Order, instance: Instance, *, fresh: bool) -> Reply:
        """The beginning of an instance's answer; to be closed.

        Args:
            order: What to ask.
            instance: Whom.
            fresh: Whether over a new connection: on a kept one, which may just be closing, a
                request can be lost of which nobody knows whether it was read.

        Raises:
            NoConnection: It was not sent.
            ConnectionLost: It was, and there is no answer.
            NotSendable: It breaks a rule of HTTP.
        """
        key = instance.host, instance.port, instance.secure
        line = None if fresh else await self._take(key)
        if line is not None:
            return await self._asked(line, order, instance, key)
        if self._open >= self._limit and not await self._make_room():
            raise NoConnection("too many connections are open")
        try:
            found = await places(instance.host, instance.port)
        except NotReached as error:
            raise NoConnection(str(error)) from error
        for place in found:
            self._open += 1
            scheme = b"https" if instance.secure else b"http"
            origin = httpcore.Origin(scheme, place.encode(), instance.port)
            line = _Line(
                origin, httpcore.AsyncHTTPConnection(origin, keepalive_expiry=IDLE_SECONDS)
            )
            try:
                return await self._asked(line, order, instance, key)
            except NoConnection:
                if place == found[-1]:
                    raise
        raise AssertionError("unreachable: there is one place at least")

    async def close(self) -> None:
        """Let go of what is kept."""
        for some in self._kept.values():
            while some:
                await self._drop(some.pop())

    async def _take(self, key: _Key) -> _Line | None:
        kept = self._kept.get(key)
        while kept:
            # The one that was used last is the least likely to be closed by now.
            line = kept.pop()
            if not line.http.has_expired() and line.http.is_idle():
                return line
            await self._drop(line)
        return None

    async def _make_room(self) -> bool:
        for some in self._kept.values():
            if some:
                await self._drop(some.popleft())
                return True
        return False

    async def _asked(
        self,
        line: _Line,
        order: Order,
        instance: Instance,
        key: _Key,
    ) -> Reply:
        origin = line.origin
        request = httpcore.Request(
            order.method,
            httpcore.URL(
                scheme=origin.scheme, host=origin.host, port=origin.port, target=order.target
            ),
            headers=order.fields,
            content=b"" if order.body is None else order.body,
            extensions={"timeout": self._timeouts, "sni_hostname": instance.host},
        )
        try:
            response = await line.http.handle_async_request(request)
        except (httpcore.ConnectError, httpcore.ConnectTimeout) as error:
            await self._drop(line)
            raise NoConnection(str(error)) from error
        except httpcore.LocalProtocolError as error:
            await self._drop(line)
            raise NotSendable(str(error)) from error
        except (httpcore.NetworkError, httpcore.ProtocolError, httpcore.TimeoutException) as error:
            await self._drop(line)
            raise ConnectionLost(str(error)) from error
        except BaseException:
            await self._drop(line)
            raise
        return Reply(response, line, key, self)

    async def _drop(self, line: _Line) -> None:
        self._open -= 1
        await line.http.aclose()

    async def give_back(self, line: _Line, key: _Key) -> None:
        """Keep a connection whose answer is over, if it can be used again."""
        if not line.http.is_idle():
            await self._drop(line)
            return
        kept = self._kept.setdefault(key, deque())
        kept.append(line)
        # Those at this end were used longest ago.
        while len(kept) > 1 and kept[0].http.has_expired():
            await self._drop(kept.popleft())


class Reply:
    """What an instance answers.

    Args:
        response: That.
        line: What it comes over.
        key: Where that leads.
        connections: Who takes it back.
    """

    def __init__(
        self,
        response: httpcore.Response,
        line: _Line,
        key: _Key,
        connections: Connections,
    ) -> None:
        self._response = response
        self._line = line
        self._key = key
        self._connections = connections
        self.status = response.status
        self.fields: Fields = [(name.lower(), value) for name, value in response.headers]

    async def pieces(self) -> AsyncIterator[bytes]:
        """The body, as it comes.

        Raises:
            ConnectionLost: It broke off.
        """
        try:
            async for piece in self._response.aiter_stream():
                yield piece
        except (httpcore.NetworkError, httpcore.ProtocolError, httpcore.TimeoutException) as error:
            raise ConnectionLost(str(error)) from error

    async def close(self) -> None:
        """Let the connection go."""
        try:
            await self._response.aclose()
        finally:
            await self._connections.give_back(self._line, self._key)
