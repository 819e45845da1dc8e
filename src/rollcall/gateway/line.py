# SPDX-License-Identifier: Apache-2.0
"""One connection to an instance: HTTP/1.1 (RFC 9112), one request at a time.

The bytes are read by llhttp, as uvicorn does it. A client library would cost more than all the rest
of the gateway: this one knows no redirects, cookies, encodings or proxies, which all end here.
"""

from __future__ import annotations

import asyncio
import re
from collections import deque
from collections.abc import AsyncIterable, AsyncIterator
from dataclasses import dataclass
from typing import Final, cast

import httptools

from rollcall.gateway.headers import Fields

HIGH: Final = 256 << 10
"""Bytes of an answer that may wait for its reader before no more are read."""
_HEAD: Final = 64 << 10
"""The longest head of an answer."""
_SENDABLE: Final = re.compile(rb"[\x21-\x7e]+")
_LAST: Final = b"0\r\n\r\n"


class NoConnection(Exception):
    """Nothing was sent: nobody takes connections there."""


class NoRoom(NoConnection):
    """There are too many connections already."""


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
        fields: All header fields, `host` and those that say how long the body is among them.
        body: The body; None: there is none.
    """

    method: str
    target: bytes
    fields: Fields
    body: AsyncIterable[bytes] | None = None

    def head(self) -> bytes:
        """Its first lines.

        Raises:
            NotSendable: Something in them would end them early.
        """
        method = self.method.encode()
        lines = [b"%b %b HTTP/1.1" % (method, self.target)]
        lines += [b"%b: %b" % field for field in self.fields]
        head = b"\r\n".join(lines)
        ends = head.count(b"\n"), head.count(b"\r")
        usable = _SENDABLE.fullmatch(self.target) and _SENDABLE.fullmatch(method)
        if not usable or ends != (len(self.fields), len(self.fields)):
            raise NotSendable("a line of it would end early")
        return head + b"\r\n\r\n"

    @property
    def chunked(self) -> bool:
        """Whether the body says itself where it ends."""
        return any(name == b"transfer-encoding" for name, _ in self.fields)


class Line(asyncio.Protocol):
    """A connection.

    It is fit for another request when the last answer was read to its end, and neither side has
    said that it was the last.
    """

    def __init__(self) -> None:
        self._transport: asyncio.Transport | None = None
        self._parser: httptools.HttpResponseParser | None = None
        self._woken: asyncio.Event = asyncio.Event()
        self._writable = asyncio.Event()
        self._writable.set()
        self._pieces: deque[bytes] = deque()
        self._waiting = 0
        self._size = 0
        self._bodiless = False
        self._until_end = False
        self._interim = False
        self._sending: asyncio.Timeout | None = None
        self._unwanted = False
        self.status = 0
        self.fields: Fields = []
        self.begun = False
        self.done = True
        self.lost: str | None = None
        self._reusable = True

    @property
    def fit(self) -> bool:
        """Whether it can take another request."""
        # What one caller left unread would be the beginning of the next one's answer.
        return self.done and self._reusable and self.lost is None and not self._pieces

    def close(self) -> None:
        """Let it go, whatever is under way."""
        self._reusable = False
        if self._transport is not None:
            self._transport.abort()

    async def ask(self, order: Order) -> None:
        """Send a request, and return with the head of its answer.

        Raises:
            ConnectionLost: There is none.
            NotSendable: The request breaks a rule of HTTP.
        """
        head = order.head()
        transport = self._transport
        if transport is None or self.lost is not None:
            raise ConnectionLost(self.lost or "it is not open")
        self._parser = httptools.HttpResponseParser(self)
        self._bodiless = order.method == "HEAD"
        self.begun = self.done = self._unwanted = False
        self._size = 0
        self.fields = []
        transport.write(head)
        if order.body is not None:
            await self._send(order.body, transport, chunked=order.chunked)
        while not self.begun:
            await self._news()

    async def pieces(self) -> AsyncIterator[bytes]:
        """The answer's body, as it comes.

        Raises:
            ConnectionLost: It broke off.
        """
        while True:
            if self._pieces:
                piece = self._pieces.popleft() if len(self._pieces) == 1 else self._all()
                full = self._waiting > HIGH
                self._waiting = 0
                if full and self._transport is not None and self.lost is None:
                    self._transport.resume_reading()
                yield piece
            elif self.done:
                return
            else:
                await self._news()

    def _all(self) -> bytes:
        together = b"".join(self._pieces)
        self._pieces.clear()
        return together

    async def _send(
        self, body: AsyncIterable[bytes], transport: asyncio.Transport, *, chunked: bool
    ) -> None:
        """Send a body, or as much of it as is wanted."""
        try:
            async with asyncio.timeout(None) as self._sending:
                async for piece in body:
                    transport.write(b"%x\r\n%b\r\n" % (len(piece), piece) if chunked else piece)
                    await self._writable.wait()
        except TimeoutError:
            if not self._unwanted:
                raise
        finally:
            self._sending = None
        if self._unwanted:
            # It has made up its mind without the rest.
            self._reusable = False
        elif chunked:
            transport.write(_LAST)

    def _want_no_more(self) -> None:
        """Send no more of a body: its sender may have nothing to say until there is an answer."""
        if self._sending is not None and not self._unwanted:
            self._unwanted = True
            self._sending.reschedule(0)

    async def _news(self) -> None:
        """Return when something may have come.

        Raises:
            ConnectionLost: Nothing will.
        """
        if self.lost is not None:
            raise ConnectionLost(self.lost)
        self._woken.clear()
        await self._woken.wait()

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        # Not all loops derive theirs from asyncio's.
        self._transport = cast("asyncio.Transport", transport)

    def connection_lost(self, exc: Exception | None) -> None:
        if not self.done and self.begun and self._until_end and exc is None:
            self.done = True
        self._reusable = False
        self.lost = self.lost or (str(exc) if exc is not None else "it was closed")
        self._want_no_more()
        self._writable.set()
        self._woken.set()

    def data_received(self, data: bytes) -> None:
        if self.done or self._parser is None:
            # Nobody has asked for that.
            self.close()
            return
        try:
            self._parser.feed_data(data)
        except (httptools.HttpParserError, httptools.HttpParserUpgrade) as error:
            self._break(f"what came is no HTTP: {error}")
        if not self.begun:
            self._size += len(data)
            if self._size > _HEAD:
                self._break("the head of the answer is too long")
        self._woken.set()

    def pause_writing(self) -> None:
        self._writable.clear()

    def resume_writing(self) -> None:
        self._writable.set()

    def on_message_begin(self) -> None:
        """For the parser: an answer begins."""
        if self.done:
            self._reusable = False

    def on_header(self, name: bytes, value: bytes) -> None:
        """For the parser: a field, or one of a trailer, which nobody passes on."""
        if not self.begun:
            self.fields.append((name.lower(), value))

    def on_headers_complete(self) -> None:
        """For the parser: the end of a head."""
        assert self._parser is not None
        if self.begun:
            # A second answer, to a request that nobody has made.
            return
        self.status = self._parser.get_status_code()
        if not 100 <= self.status < 600:
            self._break(f"{self.status} is no status")
            return
        self._interim = self.status < 200
        if self._interim:
            self.fields = []
            return
        names = {name for name, _ in self.fields}
        if b"transfer-encoding" in names:
            self.fields = [field for field in self.fields if field[0] != b"content-length"]
        self._until_end = not names & {b"transfer-encoding", b"content-length"}
        self.begun = True
        self._want_no_more()
        if self._bodiless:
            self._finish()

    def on_body(self, body: bytes) -> None:
        """For the parser: a piece of a body."""
        if self.done:
            self._reusable = False
            return
        self._pieces.append(body)
        full = self._waiting > HIGH
        self._waiting += len(body)
        if self._waiting > HIGH and not full and self._transport is not None:
            self._transport.pause_reading()

    def on_message_complete(self) -> None:
        """For the parser: the end of an answer."""
        if not self._interim and self.begun:
            self._finish()

    def _finish(self) -> None:
        if not self.done:
            assert self._parser is not None
            self._reusable = self._reusable and self._parser.should_keep_alive()
            self.done = True

    def _break(self, why: str) -> None:
        self.lost = self.lost or why
        self._want_no_more()
        if self.begun and not self.done:
            self._pieces.clear()
        self.close()
