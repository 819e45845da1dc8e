# SPDX-License-Identifier: Apache-2.0
"""The dashboard as it changes: numbers when they are others, and what happens as it happens.

One watch looks for all who follow a namespace, for as long as there are any. It looks for what has
happened four times a second, and asks for the numbers at once when something has, and again until
those who count have had the time to.
"""

from __future__ import annotations

import asyncio
import logging
from collections.abc import AsyncGenerator, Callable, Coroutine, Mapping
from dataclasses import dataclass
from typing import Any, Final, Generic, Self, TypeVar

from rollcall.dashboard.models import Activity, Part, TooManyStreams
from rollcall.dashboard.ports import Activities
from rollcall.dashboard.service import DashboardService
from rollcall.kernel.caller import Caller
from rollcall.kernel.clock import Clock
from rollcall.kernel.errors import Unavailable

LOOK: Final = 0.25
"""Seconds between two looks at what has happened."""
LIVELY: Final = 3.0
"""Seconds for which numbers may still change after something has happened."""
CALM: Final = 2.0
"""Seconds between two looks at the numbers while nothing happens."""
STREAMS: Final = 200
"""Who may follow at the same time."""
_BATCH: Final = 100

T = TypeVar("T")
_log = logging.getLogger(__name__)


@dataclass(frozen=True, slots=True)
class Numbers:
    """The numbers are others now.

    Args:
        id: The activity up to which the reader has been told.
        part: They.
    """

    id: int
    part: Part


@dataclass(frozen=True, slots=True)
class Missed:
    """Activities that are no longer kept.

    Args:
        id: The last of them.
        count: How many.
    """

    id: int
    count: int


Change = Numbers | Activity | Missed


class Changes:
    """Lets readers follow.

    Args:
        dashboard: Asked for the numbers.
        activities: What has happened.
        clock: Time.
        limit: Who may follow at the same time.
    """

    def __init__(
        self,
        dashboard: DashboardService,
        activities: Activities,
        clock: Clock,
        limit: int = STREAMS,
    ) -> None:
        self._dashboard = dashboard
        self._activities = activities
        self._clock = clock
        self._limit = limit
        self._readers = 0
        self._watches: dict[str, _Watch] = {}

    @property
    def readers(self) -> int:
        """Who follows now."""
        return self._readers

    async def follow(
        self, caller: Caller, after: int | None, encode: Callable[[Change], T]
    ) -> Following[T]:
        """The changes from now on, without end; to be closed.

        Args:
            caller: Who follows.
            after: The last activity that they know; None: what happens from now on.
            encode: Makes of a change what the reader gets.

        Raises:
            TooManyStreams: There are too many already.
            Unavailable: The database does not answer.
        """
        if self._readers >= self._limit:
            raise TooManyStreams(self._limit)
        # Before the database is asked: many may come at once.
        self._readers += 1
        namespace = caller.namespace
        try:
            newest = await self._activities.newest(namespace)
        except BaseException:
            self._readers -= 1
            raise
        # An id of another database, or of a future that was lost with a backup, means nothing.
        known = newest if after is None or after > newest else after
        watch = self._watches.get(namespace)
        if watch is None:
            watch = _Watch(caller, self._dashboard, self._activities, self._clock)
            self._watches[namespace] = watch
        watch.readers += 1

        async def leave() -> None:
            self._readers -= 1
            watch.readers -= 1
            if not watch.readers and self._watches.get(namespace) is watch:
                del self._watches[namespace]
                await watch.stop()

        return Following(self._told(namespace, watch, known), encode, leave)

    async def close(self) -> None:
        """Stop looking."""
        watches = list(self._watches.values())
        self._watches.clear()
        for one in watches:
            await one.stop()

    async def _told(self, namespace: str, watch: _Watch, known: int) -> AsyncGenerator[Change]:
        shown: Mapping[str, Any] | None = None
        while True:
            seen = watch.version
            while known < watch.newest:
                for one in await self._activities.after(namespace, known, _BATCH):
                    if one.id > known + 1:
                        yield Missed(one.id - 1, one.id - 1 - known)
                    known = one.id
                    yield one
            if watch.numbers is not None and (found := _told(watch.numbers)) != shown:
                shown = found
                yield Numbers(known, watch.numbers)
            if watch.version == seen:
                await watch.changed()


class Following(Generic[T]):
    """What one reader gets: iterated over, and closed, also where nobody has begun to iterate."""

    def __init__(
        self,
        source: AsyncGenerator[Change],
        encode: Callable[[Change], T],
        leave: Callable[[], Coroutine[Any, Any, None]],
    ) -> None:
        self._source = source
        self._encode = encode
        self._leave = leave
        self._left = False

    def __aiter__(self) -> Self:
        return self

    async def __anext__(self) -> T:
        return self._encode(await anext(self._source))

    async def aclose(self) -> None:
        """Follow no more."""
        if not self._left:
            self._left = True
            await self._source.aclose()
            await self._leave()


class _Watch:
    """Looks for what changes in a namespace."""

    def __init__(
        self, caller: Caller, dashboard: DashboardService, activities: Activities, clock: Clock
    ) -> None:
        self.readers = 0
        self.version = 0
        self.newest = 0
        self.numbers: Part | None = None
        self._caller = caller
        self._dashboard = dashboard
        self._activities = activities
        self._clock = clock
        self._waiting: set[asyncio.Future[None]] = set()
        self._task = asyncio.create_task(self._run(), name="dashboard changes")

    async def changed(self) -> None:
        """Return once something is other than it was."""
        woken: asyncio.Future[None] = asyncio.get_running_loop().create_future()
        self._waiting.add(woken)
        try:
            await woken
        finally:
            self._waiting.discard(woken)

    async def stop(self) -> None:
        """Look no more."""
        self._task.cancel()
        await asyncio.gather(self._task, return_exceptions=True)

    async def _run(self) -> None:
        moved = asked = float("-inf")
        while True:
            now = self._clock.monotonic()
            try:
                newest = await self._activities.newest(self._caller.namespace)
                if newest != self.newest:
                    self.newest, moved = newest, now
                    self._wake()
                pause = 2 * LOOK if now - moved < LIVELY else CALM
                if moved == now or now - asked >= pause:
                    asked = now
                    self._show(await self._dashboard.summary(self._caller, anew=True))
            except Unavailable as error:
                _log.info("what changes is not known now: %s", error)
            except Exception:
                _log.exception("what changes is looked for again")
            await self._clock.sleep(LOOK)

    def _show(self, part: Part) -> None:
        if self.numbers is None or _told(part) != _told(self.numbers):
            self.numbers = part
            self._wake()

    def _wake(self) -> None:
        self.version += 1
        for woken in self._waiting:
            if not woken.done():
                woken.set_result(None)


def _told(part: Part) -> dict[str, Any]:
    """What a reader sees of the numbers, without when they were asked for."""
    body = None if part.body is None else {**part.body, "as_of": None}
    return {"body": body, "lacks": [(one.service, one.problem) for one in part.lacks]}
