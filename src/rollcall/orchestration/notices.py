# SPDX-License-Identifier: Apache-2.0
"""Telling hooks and progress callbacks, without waiting for them and without failing with them."""

from __future__ import annotations

import asyncio
import inspect
import logging
from collections import deque
from collections.abc import Callable
from typing import Any

_log = logging.getLogger(__name__)

Callback = Callable[[Any], Any]


class Notifier:
    """Calls callbacks one after another, in the order of the calls of `tell`, in a task of its own.

    A callback may be sync (then it should be quick, as it runs in the event loop) or async. One
    that raises is logged and counted.

    Args:
        limit: Notices that may wait; beyond it the oldest is dropped, and counted.
    """

    def __init__(self, limit: int = 10_000) -> None:
        self.failed = 0
        """Callbacks that raised."""
        self.dropped = 0
        """Notices that were dropped."""
        self._limit = limit
        self._waiting: deque[tuple[Callback, Any]] = deque()
        self._task: asyncio.Task[None] | None = None

    def tell(self, callback: Callback, message: Any) -> None:
        """Have `callback(message)` called soon."""
        if len(self._waiting) >= self._limit:
            self._waiting.popleft()
            self.dropped += 1
        self._waiting.append((callback, message))
        if self._task is None or self._task.done():
            self._task = asyncio.create_task(self._drain(), name="rollcall-notices")

    async def flush(self) -> None:
        """Wait until everything told so far was delivered."""
        if self._task is not None:
            await asyncio.wait({self._task})

    async def close(self) -> None:
        """Drop what waits, and break off the callback that runs."""
        self.dropped += len(self._waiting)
        self._waiting.clear()
        if self._task is not None:
            self._task.cancel()
            await asyncio.wait({self._task})

    async def _drain(self) -> None:
        while self._waiting:
            callback, message = self._waiting.popleft()
            try:
                answer = callback(message)
                if inspect.isawaitable(answer):
                    await answer
            except (Exception, asyncio.CancelledError) as error:
                task = asyncio.current_task()
                if isinstance(error, asyncio.CancelledError) and task and task.cancelling():
                    raise
                self.failed += 1
                _log.exception("a hook or progress callback failed")
