# SPDX-License-Identifier: Apache-2.0
"""Going away without cutting anybody off."""

from __future__ import annotations

import asyncio
import socket

import uvicorn
from uvicorn.protocols.http.flow_control import FlowControl

PATIENCE = 0.8
"""Share of the time to drain after which it is the last call, and those who do not read are cut
off."""


class Drain:
    """Tells answers that would never end by themselves that it is time to, and later the others
    that it is their last chance to.
    """

    def __init__(self) -> None:
        self._begun = asyncio.Event()
        self._last = asyncio.Event()

    @property
    def begun(self) -> bool:
        """Whether it is time."""
        return self._begun.is_set()

    def begin(self) -> None:
        """It is time."""
        self._begun.set()

    async def wait(self) -> None:
        """Return once it is time."""
        await self._begun.wait()

    def call_last(self) -> None:
        """What is not answered in a moment is cut off."""
        self._last.set()

    async def last_call(self) -> None:
        """Return once what is not answered in a moment is cut off."""
        await self._last.wait()


class DrainingServer(uvicorn.Server):
    """Uvicorn, which tells streams to end before it waits for them.

    It stops listening, lets requests finish for `timeout_graceful_shutdown` seconds of its
    configuration, and only then ends the application's lifespan. Clients that do not read what they
    are sent are cut off shortly before: they would have the process wait for them for ever.
    """

    def __init__(self, config: uvicorn.Config, drain: Drain) -> None:
        super().__init__(config)
        self._drain = drain

    async def shutdown(self, sockets: list[socket.socket] | None = None) -> None:
        self._drain.begin()
        cutting = asyncio.create_task(self._call_last())
        try:
            await super().shutdown(sockets)
        finally:
            cutting.cancel()
            for connection in list(self.server_state.connections):
                _cut(connection)

    async def _call_last(self) -> None:
        seconds = self.config.timeout_graceful_shutdown
        if seconds is not None:
            await asyncio.sleep(seconds * PATIENCE)
            self._drain.call_last()
            for connection in list(self.server_state.connections):
                flow: FlowControl | None = getattr(connection, "flow", None)
                if flow is not None and flow.write_paused:
                    _cut(connection)


def _cut(connection: object) -> None:
    """Close without waiting until what was written is read."""
    # Not all loops derive theirs from asyncio's.
    transport: asyncio.Transport | None = getattr(connection, "transport", None)
    if transport is not None:
        transport.abort()
