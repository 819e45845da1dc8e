# SPDX-License-Identifier: Apache-2.0
"""Wakes everybody who waits for a change, without polling."""

from __future__ import annotations

import asyncio


class Wakes:
    """Coroutines that wait for the next `wake`. An `asyncio.Event` would tie them to one loop."""

    def __init__(self) -> None:
        self._waiting: set[asyncio.Future[None]] = set()

    async def wait(self) -> None:
        woken: asyncio.Future[None] = asyncio.get_running_loop().create_future()
        self._waiting.add(woken)
        try:
            await woken
        finally:
            self._waiting.discard(woken)

    def wake(self) -> None:
        for woken in self._waiting:
            if not woken.done():
                woken.set_result(None)
