# SPDX-License-Identifier: Apache-2.0
"""A turn while this process answers it: what has happened so far, for whoever follows."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncGenerator
from typing import Final

from rollcall.conversations.models import Turn, TurnChanged, Update
from rollcall.kernel.errors import Closed

STOPPING: Final = "the service is stopping; the message is kept, and answered by the next one"


class LiveTurn:
    """What is known of a turn between its acceptance and its end.

    Args:
        turn: As it was accepted.
    """

    def __init__(self, turn: Turn) -> None:
        self.turn = turn
        self.called_off = False
        self.running: asyncio.Task[None] | None = None
        self._updates: list[Update] = [TurnChanged(turn)]
        self._news = asyncio.Event()
        self._ended = asyncio.Event()
        self._left = False

    def tell(self, update: Update) -> None:
        """Note that something has happened."""
        if isinstance(update, TurnChanged):
            self.turn = update.turn
            if update.turn.status.ended:
                self._ended.set()
        self._updates.append(update)
        # A fresh one for what comes after: whoever waits holds the old one.
        self._news.set()
        self._news = asyncio.Event()

    def leave(self) -> None:
        """This process stops before the turn has ended: whoever follows it is let go."""
        self._left = True
        self._ended.set()
        self._news.set()

    def call_off(self) -> None:
        """Have it end as cancelled."""
        self.called_off = True
        if self.running is not None:
            self.running.cancel()

    async def ended(self) -> Turn:
        """The turn when it has ended.

        Raises:
            Closed: It will end, but in another process.
        """
        await self._ended.wait()
        if not self.turn.status.ended:
            raise Closed(STOPPING)
        return self.turn

    async def follow(self) -> AsyncGenerator[Update]:
        """Everything from the beginning, up to the end, or to where this process stops."""
        place = 0
        while True:
            while place < len(self._updates):
                update = self._updates[place]
                place += 1
                yield update
                if isinstance(update, TurnChanged) and update.turn.status.ended:
                    return
            if self._left:
                return
            await self._news.wait()
