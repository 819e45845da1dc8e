# SPDX-License-Identifier: Apache-2.0
"""The one order of things: commit to the store, apply to the state, acknowledge, publish.

Writers wait in one queue and go to the store in batches. A store that never suspends (in memory)
needs no queue: its writers commit at once, one after the other, in the same order of steps.
"""

from __future__ import annotations

import asyncio
import logging
from collections import deque
from collections.abc import Callable, Sequence
from contextlib import suppress
from itertools import repeat
from typing import Final

from rollcall.kernel.clock import Clock, within
from rollcall.kernel.errors import Closed, Compacted, InvalidInput, OutcomeUnknown, Unavailable
from rollcall.registry.feed import Feed
from rollcall.registry.models import Table
from rollcall.registry.state import RegistryState
from rollcall.registry.store import Change, Conflict, RecordStore, Snapshot, Write

Outcome = Change | Conflict
Queued = tuple[Write, asyncio.Future[Outcome]]

BATCH: Final = 1000
"""Writes that go to the store together at the most."""

_SETTLE_DELAYS: Final = (0.0, 0.05, 0.1, 0.2, 0.4, 0.8, 1.6, 3.2)
"""Seconds between questions after an unknown outcome, before the callers are told that it is."""

_GRACE: Final = 10.0
"""Seconds that the store gets to answer at the end."""

_RECORD: Final = Table.RECORD

_log = logging.getLogger("rollcall.registry")


class Commits:
    """Brings writes to the store and their changes, with those of other writers, to the state.

    Attributes:
        down_since: When the store stopped answering (monotonic seconds); None: it answers.
    """

    def __init__(
        self,
        store: RecordStore,
        state: RegistryState,
        feed: Feed,
        clock: Clock,
        on_recovered: Callable[[float], None],
    ) -> None:
        self.down_since: float | None = None
        self.waited: list[Callable[[float], None]] = []
        """Called with the seconds that each write waited for the store; quick, and never raises."""
        self._store = store
        self._state = state
        self._feed = feed
        self._clock = clock
        self._on_recovered = on_recovered
        self._immediate = store.traits.immediate
        self._applying = asyncio.Lock()
        self._queue: deque[Queued] = deque()
        self._batch: list[Queued] = []
        self._queued = asyncio.Event()
        self._tasks: list[asyncio.Task[None]] = []
        self._closed = False

    @property
    def shared(self) -> bool:
        """Whether others may write to the store, and renew leases there."""
        return self._store.traits.shared

    def start(self) -> None:
        if not self._immediate:
            self._tasks.append(asyncio.create_task(self._write(), name="rollcall-writer"))
        if self._store.traits.shared:
            self._tasks.append(asyncio.create_task(self._follow(), name="rollcall-follower"))

    async def stop(self) -> None:
        """Take nothing more, and let what was begun be written: for at most `_GRACE` seconds."""
        self._closed = True
        if begun := [future for _, future in (*self._batch, *self._queue) if not future.done()]:
            with suppress(TimeoutError):
                await within(self._clock, _GRACE, _all(begun))
        for task in self._tasks:
            task.cancel()
        await asyncio.gather(*self._tasks, return_exceptions=True)
        self._tasks.clear()
        for future in begun:
            if not future.done():
                future.set_exception(OutcomeUnknown("shut down before the store had answered"))

    async def submit(self, write: Write) -> Outcome:
        """Commit one write; returns when it is durable, applied and published.

        Raises:
            StoreUnavailable: It was not written.
            OutcomeUnknown: It may have been, and the store does not answer to say.
            Closed: The registry is shut down.
        """
        if self._immediate and not self._closed:
            if self._applying.locked():
                async with self._applying:
                    return await self._commit_now(write)
            (outcome,) = await self._store.commit((write,))
            if type(outcome) is Change:
                if outcome.table is _RECORD and outcome.revision == self._state.revision + 1:
                    self._feed.publish(self._state.apply(outcome))
                else:
                    async with self._applying:
                        await self._take_in((outcome,))
            return outcome
        (outcome,) = await self.submit_all((write,))
        return outcome

    async def submit_all(self, writes: Sequence[Write]) -> list[Outcome]:
        """The same for several, each with its own outcome; those for one record stay in order."""
        if self._closed:
            raise Closed("the registry is shut down")
        if self._immediate:
            return [await self.submit(write) for write in writes]
        if not self._tasks:
            raise Closed("the registry is not started: await its start() first")
        loop = asyncio.get_running_loop()
        futures: list[asyncio.Future[Outcome]] = [loop.create_future() for _ in writes]
        self._queue.extend(zip(writes, futures, strict=True))
        self._queued.set()
        begun = self._clock.monotonic()
        results = await asyncio.gather(*futures, return_exceptions=True)
        for told in self.waited:
            told(self._clock.monotonic() - begun)
        for result in results:
            if isinstance(result, BaseException):
                raise result
        return [result for result in results if not isinstance(result, BaseException)]

    async def catch_up(self) -> None:
        """Take in what others have committed."""
        async with self._applying:
            await self._read_on()

    def answered(self) -> None:
        """The store has answered."""
        if self.down_since is not None:
            silent = self._clock.monotonic() - self.down_since
            self.down_since = None
            _log.warning("record store answers again", extra={"silent_seconds": silent})
            self._on_recovered(silent)

    def failed(self, error: Unavailable) -> None:
        """The store has not answered."""
        if self.down_since is None:
            self.down_since = self._clock.monotonic()
            _log.error("record store does not answer", extra={"error": str(error)})

    async def _commit_now(self, write: Write) -> Outcome:
        """The same for a store that never suspends, while the state is ours to change."""
        (outcome,) = await self._store.commit((write,))
        if isinstance(outcome, Change):
            await self._take_in((outcome,))
        return outcome

    async def _write(self) -> None:
        while True:
            await self._queued.wait()
            taken = [self._queue.popleft() for _ in range(min(BATCH, len(self._queue)))]
            if not self._queue:
                self._queued.clear()
            self._batch = [one for one in taken if not one[1].cancelled()]
            await self._write_batch(self._batch)
            self._batch = []

    async def _write_batch(self, batch: list[Queued]) -> None:
        try:
            outcomes = await self._commit([write for write, _ in batch])
            self.answered()
            async with self._applying:
                # A failure here leaves the state behind the store, never the other way round: what
                # the store has taken is acknowledged all the same, and the state catches up.
                with suppress(Unavailable):
                    await self._take_in([one for one in outcomes if isinstance(one, Change)])
        except Exception as error:
            if isinstance(error, InvalidInput) and len(batch) > 1:
                # Nothing was written. Who wrote what the store cannot keep must not fail others.
                for one in batch:
                    await self._write_batch([one])
                return
            if isinstance(error, Unavailable):
                self.failed(error)
            for _, future in batch:
                if not future.done():
                    future.set_exception(error)
            return
        for (_, future), outcome in zip(batch, outcomes, strict=True):
            if future.done():
                continue
            if isinstance(outcome, Unavailable):
                future.set_exception(outcome)
            else:
                future.set_result(outcome)

    async def _commit(self, writes: Sequence[Write]) -> list[Outcome | Unavailable]:
        """Commit, and settle an unknown outcome by asking which operations landed."""
        if not writes:
            return []
        try:
            return [*await self._store.commit(writes)]
        except OutcomeUnknown as error:
            self.failed(error)
            landed = await self._settle([write.op for write in writes], error)
        # What is not there now never happened, and its operation id makes doing it again safe.
        missing = [write for write in writes if write.op not in landed]
        try:
            again = iter(await self._commit(missing))
        except Unavailable as refused:
            again = repeat(refused)
        return [landed.get(write.op) or next(again) for write in writes]

    async def _settle(self, ops: list[str], error: OutcomeUnknown) -> dict[str, Change]:
        for delay in _SETTLE_DELAYS:
            await self._clock.sleep(delay)
            with suppress(Unavailable):
                return await self._store.settle(ops)
        raise error

    async def _follow(self) -> None:
        failures = 0
        while True:
            try:
                await self._store.wait(self._state.revision)
                await self.catch_up()
                self.answered()
                failures = 0
            except Exception as error:
                # Whatever it is: a registry that follows no more would not know that it is behind.
                if isinstance(error, Unavailable):
                    self.failed(error)
                else:
                    _log.exception("changes of other registries cannot be read; trying again")
                failures += 1
                await self._clock.sleep(min(2.0, 0.05 * 2 ** min(failures, 10)))

    async def _take_in(self, changes: Sequence[Change]) -> None:
        for change in changes:
            if change.revision > self._state.revision + 1:
                await self._read_on()
            if change.revision == self._state.revision + 1:
                await self._apply(change)

    async def _read_on(self) -> None:
        while True:
            try:
                changes = await self._store.changes(self._state.revision, BATCH)
            except Compacted:
                await self._resync(await self._store.open())
                return
            for change in changes:
                await self._apply(change)
            if len(changes) < BATCH:
                return

    async def _apply(self, change: Change) -> None:
        steps = self._state.steps(change)
        # Published even where it told nothing: readers may wait for its revision.
        self._feed.publish(next(steps, ()))
        try:
            for events in steps:
                self._feed.publish(events)
                await asyncio.sleep(0)
        finally:
            # Whoever asked for it may have been cancelled; a change is taken in whole all the same.
            for events in steps:
                self._feed.publish(events)

    async def _resync(self, snapshot: Snapshot) -> None:
        _log.warning("changes were compacted; taking in the whole store again")
        steps = self._state.resync(snapshot, self._clock.now())
        try:
            for events in steps:
                self._feed.publish(events)
                await asyncio.sleep(0)
        finally:
            for events in steps:
                self._feed.publish(events)
        if snapshot.epoch != self._feed.epoch:
            self._feed.restart(snapshot.epoch, snapshot.revision)


async def _all(futures: Sequence[asyncio.Future[Outcome]]) -> None:
    """Return when all are done, whatever came of them."""
    await asyncio.wait(futures)
