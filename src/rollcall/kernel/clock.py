# SPDX-License-Identifier: Apache-2.0
"""Time as an argument, so that no test waits and no rule reads the machine's clock by itself."""

from __future__ import annotations

import asyncio
import time
from collections.abc import Callable, Coroutine
from datetime import UTC, datetime
from typing import Any, Protocol, TypeVar

T = TypeVar("T")


class Clock(Protocol):
    """What code may ask of time. `SystemClock` is the real one."""

    def now(self) -> float:
        """Seconds since the Unix epoch, UTC. May jump; for people and for records."""
        ...

    def monotonic(self) -> float:
        """Seconds on a scale that never goes back. For durations and deadlines."""
        ...

    async def sleep(self, seconds: float) -> None:
        """Return after `seconds` on the monotonic scale."""
        ...

    def alarm(self, seconds: float, ring: Callable[[], None]) -> Callable[[], None]:
        """Call `ring` from the event loop after `seconds`; what is returned calls that off."""
        ...


class SystemClock:
    """The machine's clock."""

    # Plain functions of the standard library: a heartbeat reads the clock, and a wrapper of our
    # own would cost as much as the rest of it.
    now = staticmethod(time.time)
    monotonic = staticmethod(time.monotonic)

    async def sleep(self, seconds: float) -> None:
        await asyncio.sleep(seconds)

    def alarm(self, seconds: float, ring: Callable[[], None]) -> Callable[[], None]:
        return asyncio.get_running_loop().call_later(seconds, ring).cancel


def utc(seconds: float) -> datetime:
    """`seconds` since the Unix epoch as an aware UTC datetime."""
    return datetime.fromtimestamp(seconds, UTC)


async def within(clock: Clock, seconds: float, work: Coroutine[Any, Any, T]) -> T:
    """Await `work` for at most `seconds` of `clock`'s time.

    Raises:
        TimeoutError: The time is over; `work` was cancelled and has ended.
    """
    limit = asyncio.timeout(None)
    try:
        async with limit:
            call_off = clock.alarm(seconds, lambda: limit.reschedule(0))
            try:
                return await work
            finally:
                call_off()
    except TimeoutError as error:
        if not limit.expired():
            raise
        raise TimeoutError(f"not done within {seconds:g} s") from error
