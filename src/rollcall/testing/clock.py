# SPDX-License-Identifier: Apache-2.0
"""A clock that moves only when a test moves it."""

from __future__ import annotations

import asyncio
import heapq
import itertools
from collections.abc import Callable


class FrozenClock:
    """Stands still until `advance` is called; sleepers wake in the order of their deadlines.

    Args:
        now: Seconds since the Unix epoch at which it stands first.
    """

    def __init__(self, now: float = 1_750_000_000.0) -> None:
        self._now = now
        self._monotonic = 1000.0
        self._order = itertools.count()
        self._sleepers: list[tuple[float, int, Callable[[], bool]]] = []

    def now(self) -> float:
        return self._now

    def monotonic(self) -> float:
        return self._monotonic

    async def sleep(self, seconds: float) -> None:
        if seconds <= 0:
            await asyncio.sleep(0)
            return
        woken: asyncio.Future[None] = asyncio.get_running_loop().create_future()

        def wake() -> bool:
            if woken.done():
                return False
            woken.set_result(None)
            return True

        self._at(seconds, wake)
        await woken

    def alarm(self, seconds: float, ring: Callable[[], None]) -> Callable[[], None]:
        ringing = [ring]

        def due() -> bool:
            for one in ringing:
                one()
            return bool(ringing)

        if seconds <= 0:
            # As `sleep`: what is due already waits for nobody to move the time.
            asyncio.get_running_loop().call_soon(due)
        else:
            self._at(seconds, due)
        return ringing.clear

    def jump(self, seconds: float) -> None:
        """Move time without waking anybody, as a stalled process or a suspended machine sees it."""
        self._now += seconds
        self._monotonic += seconds

    async def settle(self, rounds: int = 30) -> None:
        """Let everything run that is ready now."""
        for _ in range(rounds):
            await asyncio.sleep(0)

    async def advance(self, seconds: float) -> None:
        """Move time on by `seconds`, stopping at each sleeper's deadline to let it run."""
        await self.settle()
        target = self._monotonic + seconds
        while self._sleepers and self._sleepers[0][0] <= target:
            due, _, wake = heapq.heappop(self._sleepers)
            now, monotonic = self._now, self._monotonic
            self.jump(max(0.0, due - self._monotonic))
            if wake():
                await self.settle()
            else:
                # Whoever slept had gone: nothing happened at that time.
                self._now, self._monotonic = now, monotonic
        # Not `jump` by a difference: after many steps the sum must be the target exactly.
        self._now += target - self._monotonic
        self._monotonic = target
        await self.settle()

    def _at(self, seconds: float, wake: Callable[[], bool]) -> None:
        heapq.heappush(self._sleepers, (self._monotonic + seconds, next(self._order), wake))
