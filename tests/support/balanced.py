"""A load balancer before instances of a service: TCP, to the next one that takes a connection."""

from __future__ import annotations

import asyncio
import contextlib
from collections.abc import Sequence
from contextlib import ExitStack
from itertools import count
from types import TracebackType
from typing import Self

import httpx
from anyio.from_thread import start_blocking_portal


class Balanced:
    """Listens on a free port of the loopback while it is entered.

    Args:
        urls: Of the instances.
    """

    def __init__(self, urls: Sequence[str]) -> None:
        self._urls = [httpx.URL(one) for one in urls]
        self._turns = count()
        self._stack = ExitStack()
        self.url = ""

    def __enter__(self) -> Self:
        portal = self._stack.enter_context(start_blocking_portal())
        server = portal.call(asyncio.start_server, self._pass_on, "127.0.0.1", 0)
        self._stack.callback(portal.call, server.close)
        self.url = f"http://127.0.0.1:{server.sockets[0].getsockname()[1]}"
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        traceback: TracebackType | None,
    ) -> None:
        self._stack.close()

    async def _pass_on(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        with contextlib.closing(writer):
            there = await self._connected()
            if there is None:
                return
            their_reader, their_writer = there
            with contextlib.closing(their_writer):
                await asyncio.gather(_copied(reader, their_writer), _copied(their_reader, writer))

    async def _connected(self) -> tuple[asyncio.StreamReader, asyncio.StreamWriter] | None:
        first = next(self._turns)
        for place in range(len(self._urls)):
            url = self._urls[(first + place) % len(self._urls)]
            with contextlib.suppress(OSError):
                return await asyncio.open_connection(url.host, url.port)
        return None


async def _copied(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
    """Copy until one side ends; then the other one ends too."""
    with contextlib.suppress(ConnectionError):
        while piece := await reader.read(65_536):
            writer.write(piece)
            await writer.drain()
    writer.close()
