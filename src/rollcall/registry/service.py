# SPDX-License-Identifier: Apache-2.0
"""The registry: what everything else asks who is there, what it can do, and whether it lives.

Reads come from memory and are sequential: each sees at least what this process has acknowledged
before. Writes are linearizable per record. What is acknowledged is as durable as the store;
renewals are soft.
"""

from __future__ import annotations

import asyncio
import gc
from collections.abc import Callable
from typing import Final

import msgspec

from rollcall.kernel.clock import Clock, SystemClock
from rollcall.kernel.errors import Closed, Unavailable
from rollcall.kernel.ids import IdSource, OperationIds, RandomIds
from rollcall.registry.commits import Commits
from rollcall.registry.expiry import PreservationPolicy
from rollcall.registry.feed import Feed
from rollcall.registry.keeper import LeaseKeeper
from rollcall.registry.meaning import Encoder
from rollcall.registry.reader import RegistryReader
from rollcall.registry.renewals import RenewalFlush
from rollcall.registry.semantic import SemanticSearch
from rollcall.registry.state import RegistryState
from rollcall.registry.store import RecordStore, Snapshot
from rollcall.registry.timers import LeaseTimers
from rollcall.registry.writer import RegistryWriter

_MANY: Final = 10_000
"""Documents from which on a load is worth being taken out of the garbage collector's sight."""


class RegistryOptions(msgspec.Struct, frozen=True, kw_only=True):
    """Settings of a registry.

    Args:
        preservation: When many deaths at once are not believed.
        keep_events: Events that subscribers may be behind.
        flush_interval: Seconds between writes of soft renewals to the store.
        max_records: Records that a namespace may hold; checked before a write, so that writes at
            the same moment may go beyond it by as many as they are.
    """

    preservation: PreservationPolicy = PreservationPolicy()
    keep_events: int = 10_000
    flush_interval: float = 2.0
    max_records: int | None = None


class RegistryService(RegistryReader, RegistryWriter):
    """The registry over one store. `start` before use, `stop` after.

    Args:
        store: Where records are kept.
        clock: Time.
        ids: Randomness for operation ids.
        encoder: Makes the encoder of meanings; None: there is none.
        options: Settings.
    """

    def __init__(
        self,
        store: RecordStore,
        *,
        clock: Clock | None = None,
        ids: IdSource | None = None,
        encoder: Callable[[], Encoder] | None = None,
        options: RegistryOptions | None = None,
    ) -> None:
        clock = clock or SystemClock()
        self.options = options or RegistryOptions()
        timers = LeaseTimers(clock)
        state = RegistryState(timers)
        feed = Feed("", 0, self.options.keep_events)
        commits = Commits(store, state, feed, clock, self._recovered)
        keeper = LeaseKeeper(state, timers, commits, clock, self.options.preservation)
        semantic = SemanticSearch(state.index, encoder) if encoder else None
        RegistryReader.__init__(self, state, feed, commits, timers, clock, semantic)
        ops = OperationIds(ids or RandomIds())
        RegistryWriter.__init__(
            self, state, commits, keeper, timers, clock, ops, self.options.max_records
        )
        self._store = store
        self._flush = RenewalFlush(
            store, state, timers, commits, clock, self.options.flush_interval
        )
        self._tasks: list[asyncio.Task[None]] = []
        self._started = False
        self._stopped = False

    async def start(self) -> None:
        """Read the store, and begin to watch leases."""
        if self._stopped:
            raise Closed("a registry that was stopped is not started again: make a new one")
        if self._started:
            return
        snapshot = await self._store.open()
        if self.state.revision:
            # Written to before the start, as an in-memory store allows.
            for events in self.state.resync(snapshot, self.clock.now()):
                self.feed.publish(events)
        else:
            self._load(snapshot)
        self.feed.restart(snapshot.epoch, snapshot.revision)
        self.commits.start()
        self._tasks = [asyncio.create_task(self.keeper.run(), name="rollcall-leases")]
        if self._store.traits.durable or self._store.traits.shared:
            self._tasks.append(asyncio.create_task(self._flush.run(), name="rollcall-renewals"))
        self._started = True

    def _load(self, snapshot: Snapshot) -> None:
        # Nothing that is loaded becomes garbage soon: collections meanwhile would be for nothing,
        # and later ones need not look at it.
        collecting = gc.isenabled()
        gc.disable()
        try:
            for slot, stored in self.state.restore(snapshot.revision, snapshot.docs):
                grant = self.state.grant(slot)
                if grant is not None and self.state.holder(slot) == slot:
                    # Time in which no replica was up counts against nobody.
                    self.timers.restored(slot, grant, snapshot.alive_at - stored.renewed_at)
        finally:
            if collecting:
                gc.enable()
        if len(snapshot.docs) >= _MANY:
            gc.freeze()
        if snapshot.docs:
            self.timers.heard_again(self.clock.monotonic())

    async def stop(self) -> None:
        """Finish what was begun, write down renewals, and let go of the store."""
        if self._stopped:
            return
        self._stopped = True
        for task in self._tasks:
            task.cancel()
        await asyncio.gather(*self._tasks, return_exceptions=True)
        await self.commits.stop()
        if self._started and self._store.traits.durable:
            try:
                await self._flush.flush()
            except Unavailable as error:
                self.commits.failed(error)
        self.feed.close()
        await self._store.close()

    def _recovered(self, silent: float) -> None:
        # A single answer that was lost and settled at once kept nobody from renewing.
        if silent > self.options.preservation.stall:
            self.keeper.heard_again(f"the record store did not answer for {silent:.1f} s")
