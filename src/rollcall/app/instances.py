# SPDX-License-Identifier: Apache-2.0
"""Where the gateway finds services of this installation: in the registry, as far as it is theirs.

Callers' keys go to what is found here. So a name is not enough: the record must carry a mark that
only processes with this installation's secret can make, for that name at that address.
"""

from __future__ import annotations

import hmac
from collections.abc import Iterable, Sequence
from typing import Final

from rollcall.app.own import MARK, is_own, mark_of
from rollcall.client.discovery import Discovery
from rollcall.client.models import ServiceInfo
from rollcall.conversations.directory import CHOICES
from rollcall.gateway.ports import Instance
from rollcall.kernel.clock import Clock
from rollcall.policies.retry import RetryPolicy
from rollcall.registry.events import Event, EventType
from rollcall.registry.models import DEFAULT_NAMESPACE, Record
from rollcall.registry.service import RegistryService
from rollcall.web.passes import Passes

_FRESH: Final = 2.0
"""Seconds for which a registry elsewhere is believed before it is asked again."""
_REGISTERED: Final = frozenset({EventType.REGISTERED, EventType.REREGISTERED, EventType.UPDATED})


class LocalInstances:
    """`Instances` of the registry in this process. Which records are ours is noted as they change,
    so that to ask costs what there is of one service, however large the registry.

    Args:
        registry: Started and stopped by its owner.
        passes: Tells which records are ours.
    """

    def __init__(self, registry: RegistryService, passes: Passes) -> None:
        self._registry = registry
        self._passes = passes
        self._known: dict[str, set[str]] = {}
        space = registry.state.spaces.get(DEFAULT_NAMESPACE)
        for slot in () if space is None else space.records.values():
            self._add(registry.state.slots.record(slot))
        registry.feed.taps.append(self._note)

    async def find(self, service: str) -> Sequence[Instance]:
        """See `Instances`."""
        state = self._registry.state
        found: list[tuple[int, Instance]] = []
        for record_id in self._known.get(service, ()):
            slot = state.slot(DEFAULT_NAMESPACE, record_id)
            if slot is None:
                continue
            rank = CHOICES.get(state.status(slot))
            record = state.slots.record(slot)
            # It may have changed since; the address below is the one that the mark is for.
            if rank is not None and record.address is not None and is_own(record, self._passes):
                address = record.address
                found.append((rank, Instance(record.id, address.host, address.port)))
        return _best(found)

    async def close(self) -> None:
        """Take no more note of what happens."""
        self._registry.feed.taps.remove(self._note)

    def _note(self, event: Event) -> None:
        record = event.record
        if record is None or event.namespace != DEFAULT_NAMESPACE:
            return
        if event.type in _REGISTERED:
            self._add(record)
        elif event.type is EventType.DEREGISTERED:
            ids = self._known.get(record.name)
            if ids is not None:
                ids.discard(record.id)
                if not ids:
                    del self._known[record.name]

    def _add(self, record: Record) -> None:
        if is_own(record, self._passes):
            self._known.setdefault(record.name, set()).add(record.id)


class RemoteInstances:
    """`Instances` of a registry elsewhere. What was known last counts while it is away.

    Args:
        url: Where it is.
        passes: Tells which records are ours.
        clock: Time.
    """

    def __init__(self, url: str, passes: Passes, clock: Clock) -> None:
        self._passes = passes
        once = RetryPolicy(max_retries=0)
        self._discovery = Discovery(url, cache_seconds=_FRESH, retry=once, clock=clock)

    async def find(self, service: str) -> Sequence[Instance]:
        """See `Instances`."""
        known = await self._discovery.find(service)
        return _best(self._ours(known.services))

    async def close(self) -> None:
        """Let go of the connections."""
        await self._discovery.close()

    def _ours(self, services: Iterable[ServiceInfo]) -> list[tuple[int, Instance]]:
        found: list[tuple[int, Instance]] = []
        for one in services:
            if one.host is None or one.port is None or one.status not in _RANKS:
                continue
            mark = one.metadata.extra.get(MARK)
            expected = mark_of(one.name, one.host, one.port, self._passes)
            if isinstance(mark, str) and hmac.compare_digest(mark.encode(), expected.encode()):
                instance = Instance(one.service_id, one.host, one.port)
                found.append((_RANKS[one.status], instance))
        return found


_RANKS: Final = {"healthy": 0, "unknown": 1}
"""Document 1's words for what may be called."""


def _best(found: Sequence[tuple[int, Instance]]) -> Sequence[Instance]:
    """Those of the best rank alone."""
    if not found:
        return ()
    best = min(rank for rank, _ in found)
    return [one for rank, one in found if rank == best]
