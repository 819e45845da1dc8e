# SPDX-License-Identifier: Apache-2.0
"""What a process tidies up by itself: logs that would grow for ever."""

from __future__ import annotations

import logging
from typing import Final, Protocol

from rollcall.app.settings import Settings
from rollcall.kernel.clock import Clock
from rollcall.kernel.errors import Unavailable
from rollcall.registry.service import RegistryService
from rollcall.registry.store import RecordStore
from rollcall.web.audit import AuditLog
from rollcall.web.background import BackgroundTask
from rollcall.web.module import Module

_log = logging.getLogger(__name__)
INTERVAL: Final = 60.0
"""Seconds between two looks."""


class Events(Protocol):
    """An event log, as far as it can forget."""

    async def compact(self, before: float) -> int: ...


def upkeep(
    store: RecordStore,
    registry: RegistryService,
    events: Events,
    audit: AuditLog,
    clock: Clock,
    settings: Settings,
) -> Module:
    """A module that forgets changes, events and audit entries that nobody needs any more."""
    tidier = Upkeep(store, registry, events, audit, clock, settings)
    return Module(name="upkeep", tasks=(BackgroundTask("upkeep", tidier.run),))


class Upkeep:
    """Compacts the change log of records by number, the event log and the audit log by age."""

    def __init__(
        self,
        store: RecordStore,
        registry: RegistryService,
        events: Events,
        audit: AuditLog,
        clock: Clock,
        settings: Settings,
    ) -> None:
        self._store = store
        self._registry = registry
        self._events = events
        self._audit = audit
        self._clock = clock
        self._keep_changes = settings.keep_changes
        self._keep_seconds = settings.keep_days * 86_400
        self._compacted = 0

    async def run(self) -> None:
        """Tidy now and then, until cancelled."""
        while True:
            await self._clock.sleep(INTERVAL)
            try:
                await self.tidy()
            except Unavailable as error:
                _log.info("nothing is tidied up now: %s", error)

    async def tidy(self) -> None:
        """Forget what need not be kept.

        Raises:
            Unavailable: A store does not answer.
        """
        before = self._registry.state.revision - self._keep_changes
        # A tenth more than asked for may pile up, so that not every look writes.
        if before > self._compacted + self._keep_changes // 10:
            await self._store.compact(before)
            self._compacted = before
        before_then = self._clock.now() - self._keep_seconds
        await self._events.compact(before_then)
        await self._audit.forget(before_then)
