# SPDX-License-Identifier: Apache-2.0
"""Going away without cutting anybody off."""

from __future__ import annotations

import asyncio
import socket

import uvicorn


class Drain:
    """Tells answers that would never end by themselves that it is time to."""

    def __init__(self) -> None:
        self._begun = asyncio.Event()

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


class DrainingServer(uvicorn.Server):
    """Uvicorn, which tells streams to end before it waits for them.

    It stops listening, lets requests finish for `timeout_graceful_shutdown` seconds of its
    configuration, and only then ends the application's lifespan.
    """

    def __init__(self, config: uvicorn.Config, drain: Drain) -> None:
        super().__init__(config)
        self._drain = drain

    async def shutdown(self, sockets: list[socket.socket] | None = None) -> None:
        self._drain.begin()
        await super().shutdown(sockets)
