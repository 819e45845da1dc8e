# SPDX-License-Identifier: Apache-2.0
"""Work that goes on beside the requests, and is looked after."""

from __future__ import annotations

import asyncio
import logging
from collections.abc import Callable, Coroutine, Sequence
from dataclasses import dataclass
from types import TracebackType
from typing import Any, Self

from rollcall.kernel.clock import Clock
from rollcall.kernel.errors import Unavailable
from rollcall.policies.retry import RetryPolicy
from rollcall.web.health import Ping

_log = logging.getLogger(__name__)
_CALM = 60.0


@dataclass(frozen=True, slots=True)
class BackgroundTask:
    """Something that runs for as long as the service does.

    Args:
        name: What logs and `/health` call it.
        run: Called when the service starts, and again whenever it fails. Cancelled at the end.
            Returning means that there is nothing left to do.
    """

    name: str
    run: Callable[[], Coroutine[Any, Any, None]]


class TaskFailing(Unavailable):
    """A background task failed and waits to be started again."""


class Supervisor:
    """Runs background tasks, starts failed ones again with backoff, and ends all with itself.

    Args:
        tasks: What to run.
        clock: Times the backoff.
        restart: How long to wait; its number of retries does not count: nobody gives up.
    """

    def __init__(
        self,
        tasks: Sequence[BackgroundTask],
        clock: Clock,
        restart: RetryPolicy | None = None,
    ) -> None:
        self._tasks = tuple(tasks)
        self._clock = clock
        self._restart = restart or RetryPolicy(initial_delay=0.5, max_delay=30.0)
        self._failing: dict[str, Exception] = {}
        self._running: list[asyncio.Task[None]] = []

    @property
    def pings(self) -> list[Ping]:
        """One for each task: it is failing, or it is not."""
        return [Ping(f"task:{one.name}", self._ask(one.name), vital=False) for one in self._tasks]

    async def __aenter__(self) -> Self:
        self._running = [
            asyncio.create_task(self._keep(task), name=task.name) for task in self._tasks
        ]
        return self

    async def __aexit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        traceback: TracebackType | None,
    ) -> None:
        for task in self._running:
            task.cancel()
        await asyncio.gather(*self._running, return_exceptions=True)

    async def _keep(self, task: BackgroundTask) -> None:
        failures = 0
        while True:
            begun = self._clock.monotonic()
            try:
                await task.run()
                return
            except Exception as error:
                _log.exception("background task %s failed", task.name)
                self._failing[task.name] = error
            calm = self._clock.monotonic() - begun >= _CALM
            failures = 1 if calm else failures + 1
            await self._clock.sleep(self._restart.delay(failures))
            self._failing.pop(task.name, None)

    def _ask(self, name: str) -> Callable[[], Coroutine[Any, Any, None]]:
        async def ask() -> None:
            error = self._failing.get(name)
            if error is not None:
                raise TaskFailing(f"{name} failed: {error}")

        return ask
