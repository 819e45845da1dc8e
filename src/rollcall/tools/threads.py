# SPDX-License-Identifier: Apache-2.0
"""Threads for work that may block, and may even hang."""

from __future__ import annotations

import asyncio
import contextvars
import threading
from collections.abc import Callable
from contextlib import suppress
from functools import partial
from typing import TypeVar

T = TypeVar("T")


class Threads:
    """Runs what blocks in threads of their own, some at once.

    Unlike those of the standard library's pools they keep no process from ending: work that hangs
    is left behind.

    Args:
        most: How many at once; more of them wait.
    """

    def __init__(self, most: int) -> None:
        self._room = asyncio.Semaphore(most)

    async def run(self, work: Callable[[], T]) -> T:
        """What `work` returns or raises. Being cancelled ends the wait, and not the work, which
        takes its place until it is done.
        """
        await self._room.acquire()
        loop = asyncio.get_running_loop()
        done: asyncio.Future[T] = loop.create_future()
        context = contextvars.copy_context()

        def finish(settle: Callable[[], None]) -> None:
            self._room.release()
            if not done.done():
                settle()

        def attempt() -> None:
            try:
                settle = partial(done.set_result, context.run(work))
            except Exception as error:
                # A future takes no `StopIteration`.
                told = RuntimeError(repr(error)) if isinstance(error, StopIteration) else error
                settle = partial(done.set_exception, told)
            except BaseException as error:
                settle = partial(done.set_exception, RuntimeError(repr(error)))
            # Where the loop is closed, nobody waits any more.
            with suppress(RuntimeError):
                loop.call_soon_threadsafe(finish, settle)

        try:
            threading.Thread(target=attempt, name="tool", daemon=True).start()
        except RuntimeError:
            self._room.release()
            raise
        return await done
