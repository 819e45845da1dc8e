# SPDX-License-Identifier: Apache-2.0
"""Calls what handles events, and tells its failures from those of the log."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable
from typing import ParamSpec

from rollcall.kernel.clock import Clock, within

P = ParamSpec("P")


class Failed(Exception):
    """What handles them raised: an event is to blame, not the log."""

    def __init__(self, error: Exception) -> None:
        super().__init__()
        self.error = error


async def called(
    clock: Clock,
    timeout: float,
    handle: Callable[P, Awaitable[None]],
    *given: P.args,
    **named: P.kwargs,
) -> None:
    """Have `handle` handle what is given, for at most `timeout` seconds.

    Raises:
        Failed: It raised, or has not ended.
    """

    async def handling() -> None:
        await handle(*given, **named)

    try:
        await within(clock, timeout, handling())
    except asyncio.CancelledError as error:
        task = asyncio.current_task()
        if task is None or task.cancelling():
            raise
        # Not ours: something that the handler awaited was cancelled.
        raise Failed(RuntimeError("the handler was cancelled from within")) from error
    except Exception as error:
        raise Failed(error) from error
