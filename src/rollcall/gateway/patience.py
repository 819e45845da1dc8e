# SPDX-License-Identifier: Apache-2.0
"""How long to wait for something that may make progress, or be called off."""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from enum import Enum, auto
from types import TracebackType
from typing import Self

from rollcall.kernel.clock import Clock


class Ended(Enum):
    """Why waiting came to an end."""

    LATE = auto()
    """Nothing happened for too long."""
    GONE = auto()
    """Whoever asked has left."""
    DRAINED = auto()
    """The gateway is going away."""


class CalledOff(Exception):
    """The work inside of a `Patience` was ended.

    Args:
        why: Why.
    """

    def __init__(self, why: Ended) -> None:
        super().__init__(why.name.lower())
        self.why = why


class Patience:
    """Ends what is done inside once nothing has happened for too long, or when it is told to.

        async with Patience(clock, 10.0) as patience:
            async for piece in pieces:
                patience.renew()

    One alarm at a time, however often it is renewed.

    Args:
        clock: Time.
        seconds: How long nothing may happen.

    Raises:
        CalledOff: From the block's end: its work was cancelled, and has ended.
    """

    def __init__(self, clock: Clock, seconds: float) -> None:
        self._clock = clock
        self._seconds = seconds
        self._limit = asyncio.timeout(None)
        self._last = clock.monotonic()
        self._call_off: Callable[[], None] | None = None
        self._why: Ended | None = None
        self._open = False

    @property
    def why(self) -> Ended | None:
        """Why it was ended; None: it was not."""
        return self._why

    def renew(self, seconds: float | None = None) -> None:
        """Something has happened.

        Args:
            seconds: How long nothing may happen from now on; None: as long as before.
        """
        self._last = self._clock.monotonic()
        if seconds is not None and seconds != self._seconds:
            self._seconds = seconds
            if self._open:
                self._set(seconds)

    def end(self, why: Ended) -> None:
        """End the work. Where it is over, or was ended before, nothing happens."""
        if self._open and self._why is None:
            self._why = why
            self._limit.reschedule(0)

    async def __aenter__(self) -> Self:
        await self._limit.__aenter__()
        self._open = True
        self._set(self._seconds)
        return self

    async def __aexit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        traceback: TracebackType | None,
    ) -> None:
        self._open = False
        if self._call_off is not None:
            self._call_off()
        try:
            await self._limit.__aexit__(kind, error, traceback)
        except TimeoutError as late:
            raise CalledOff(self._why or Ended.LATE) from late

    def _set(self, seconds: float) -> None:
        if self._call_off is not None:
            self._call_off()
        self._call_off = self._clock.alarm(seconds, self._ring)

    def _ring(self) -> None:
        left = self._last + self._seconds - self._clock.monotonic()
        if left > 0:
            self._set(left)
        else:
            self.end(Ended.LATE)
