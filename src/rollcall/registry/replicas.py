# SPDX-License-Identifier: Apache-2.0
"""Which registries are alive on one store, known by records of their own in a namespace apart."""

from __future__ import annotations

import logging
from collections.abc import Collection
from contextlib import suppress
from typing import Final

from rollcall.kernel.clock import Clock
from rollcall.kernel.errors import Closed, Unavailable
from rollcall.kernel.record_errors import RecordNotFound
from rollcall.registry.models import Grant, Kind, LeasePolicy, Record
from rollcall.registry.query import Query
from rollcall.registry.service import RegistryService
from rollcall.registry.status import Status

_log = logging.getLogger(__name__)

NAMESPACE: Final = "_rollcall"
"""Where registries keep what is theirs alone."""
INTERVAL: Final = 3.0
_POLICY: Final = LeasePolicy(
    offline_after=10.0, deregister_after=60.0, interval=INTERVAL, preserve=False
)
_HERE: Final = Query(statuses=frozenset({Status.ACTIVE}))


class Replicas:
    """Tells the other registries on a store that this one is alive, and hears it of them.

    Args:
        registry: This one; started.
        clock: Time.
        me: A name that no other has.
    """

    def __init__(self, registry: RegistryService, clock: Clock, me: str) -> None:
        self.me = me
        self._registry = registry
        self._clock = clock

    def alive(self) -> Collection[str]:
        """The names of all that are alive, this one's always among them."""
        found = self._registry.state.index.search(NAMESPACE, _HERE)
        names = {self._registry.view(one.slot).record.id for one in found}
        return names | {self.me}

    async def run(self) -> None:
        """Be among them, until cancelled."""
        try:
            while True:
                with suppress(Unavailable):
                    await self._say()
                await self._clock.sleep(INTERVAL)
        finally:
            # So that the others take over at once, and not when the lease has ended.
            with suppress(Unavailable, RecordNotFound, Closed):
                await self._registry.deregister(NAMESPACE, self.me)

    async def _say(self) -> None:
        try:
            await self._registry.renew(NAMESPACE, self.me)
        except RecordNotFound:
            now = self._clock.now()
            record = Record(
                NAMESPACE,
                self.me,
                Kind.OTHER,
                "registry",
                Status.ACTIVE,
                now,
                now,
                lease=Grant(_POLICY),
            )
            await self._registry.register(record)
