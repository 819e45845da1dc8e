# SPDX-License-Identifier: Apache-2.0
"""Updates of a turn that can be looked at before somebody iterates over them."""

from __future__ import annotations

import asyncio
from collections import deque
from collections.abc import AsyncIterator

from rollcall.conversations.live import STOPPING
from rollcall.conversations.models import TextPart, ToolStarted, Turn, TurnChanged, Update
from rollcall.kernel.clock import Clock
from rollcall.kernel.errors import Closed
from rollcall.web.sse import closed


class Peeking:
    """Iterates over the same updates.

    Args:
        updates: What `Conversations.follow` gives.
    """

    def __init__(self, updates: AsyncIterator[Update]) -> None:
        self._updates = updates
        self._heard: deque[Update] = deque()
        self._coming: asyncio.Task[Update] | None = None

    async def ended_at_once(self, clock: Clock, patience: float) -> Turn | None:
        """The turn, if it ends before anything is said or called; None: it does not, or it takes
        longer than `patience` seconds to know.
        """
        timer = asyncio.create_task(clock.sleep(patience))
        try:
            while True:
                self._coming = coming = asyncio.create_task(self._step())
                await asyncio.wait({coming, timer}, return_when=asyncio.FIRST_COMPLETED)
                if not coming.done():
                    return None
                self._coming = None
                try:
                    update = coming.result()
                except StopAsyncIteration:
                    raise Closed(STOPPING) from None
                self._heard.append(update)
                if isinstance(update, TurnChanged) and update.turn.status.ended:
                    return update.turn
                if isinstance(update, TextPart | ToolStarted):
                    return None
        finally:
            timer.cancel()

    def __aiter__(self) -> Peeking:
        return self

    async def __anext__(self) -> Update:
        if self._heard:
            return self._heard.popleft()
        coming, self._coming = self._coming, None
        return await (self._step() if coming is None else coming)

    async def aclose(self) -> None:
        """End."""
        if self._coming is not None:
            self._coming.cancel()
            await asyncio.gather(self._coming, return_exceptions=True)
        await closed(self._updates)

    async def _step(self) -> Update:
        return await anext(self._updates)
