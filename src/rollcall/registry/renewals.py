# SPDX-License-Identifier: Apache-2.0
"""Brings soft renewals to the store in batches, and asks it whether it is there."""

from __future__ import annotations

import logging
import math
from typing import Final

from rollcall.kernel.clock import Clock
from rollcall.kernel.errors import Unavailable
from rollcall.registry.commits import Commits
from rollcall.registry.models import Lease, Table
from rollcall.registry.state import RegistryState
from rollcall.registry.store import RecordStore, Renewal
from rollcall.registry.timers import LeaseTimers

BATCH: Final = 5000
"""Renewals that go to the store together, so that commits need not wait long behind them."""

_log = logging.getLogger("rollcall.registry")


class RenewalFlush:
    """Writes down which leases were renewed since the last time, and that this replica is up.

    Args:
        interval: Seconds between two flushes: what a crash may cost a lease of its age.
    """

    def __init__(
        self,
        store: RecordStore,
        state: RegistryState,
        timers: LeaseTimers,
        commits: Commits,
        clock: Clock,
        interval: float,
    ) -> None:
        self._store = store
        self._state = state
        self._timers = timers
        self._commits = commits
        self._clock = clock
        self._interval = interval
        # The first flush writes them all down: restored leases are younger by the time in which
        # nobody was up, and the store must know before it hears that somebody was up again.
        self._flushed = -math.inf
        self._alive_at = 0.0

    async def run(self) -> None:
        """Flush until cancelled."""
        while True:
            await self._clock.sleep(self._interval)
            try:
                await self.flush()
            except Unavailable as error:
                self._commits.failed(error)
            except Exception:
                _log.exception("renewals could not be flushed; trying again")

    async def flush(self) -> None:
        """Write down what is new.

        Raises:
            Unavailable: The store does not answer; the next flush has these renewals as well.
        """
        started = self._clock.monotonic()
        renewed = self._timers.table.renewed_since(self._flushed)
        offset = self._clock.now() - started
        for start in range(0, max(1, len(renewed)), BATCH):
            batch: list[Renewal] = []
            for slot in renewed[start : start + BATCH]:
                doc = self._state.slots.docs[slot]
                if doc is None:
                    continue
                table = Table.LEASE if isinstance(doc, Lease) else Table.RECORD
                at = self._timers.table.renewed[slot] + offset
                batch.append(Renewal(table, doc.namespace, doc.id, at))
            if start + BATCH >= len(renewed):
                self._alive_at = self._clock.now()
            await self._store.renew(batch, self._alive_at)
            self._commits.answered()
        # A clock may give the same time again to a renewal that comes after this flush.
        self._flushed = math.nextafter(started, -math.inf)
