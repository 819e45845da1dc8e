# SPDX-License-Identifier: Apache-2.0
"""Where the gateway finds services of this installation: in the registry, as far as it is theirs.

Callers' keys go to what is found here. So a name is not enough: the record must carry a mark that
only processes with this installation's secret can make, for that name at that address. Guests, an
operator's own services, are told no keys, and a name is all that is asked of them.
"""

from __future__ import annotations

import hmac
from collections.abc import Callable, Collection, Sequence
from typing import Final

from rollcall.app.own import MARK, is_own, mark_of
from rollcall.client.discovery import Discovery
from rollcall.client.models import ServiceInfo
from rollcall.conversations.directory import CHOICES
from rollcall.gateway.ports import Instance
from rollcall.kernel.clock import Clock
from rollcall.policies.retry import RetryPolicy
from rollcall.registry.events import Event, EventType
from rollcall.registry.models import DEFAULT_NAMESPACE, Kind, Record
from rollcall.registry.service import RegistryService
from rollcall.web.passes import Passes

_FRESH: Final = 2.0
"""Seconds for which a registry elsewhere is believed before it is asked again."""
_REGISTERED: Final = frozenset({EventType.REGISTERED, EventType.REREGISTERED, EventType.UPDATED})


class _Local:
    """`Instances` of the registry in this process. Which records may be called is noted as they
    change, so that to ask costs what there is of one service, however large the registry.

    Args:
        registry: Started and stopped by its owner.
        fits: Tells which records may be called.
        own_name: See `Instance`.
    """

    def __init__(
        self, registry: RegistryService, fits: Callable[[Record], bool], *, own_name: bool = False
    ) -> None:
        self._registry = registry
        self._fits = fits
        self._own_name = own_name
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
            address = record.address
            # It may have changed since it was noted.
            if rank is None or address is None or record.name != service or not self._fits(record):
                continue
            place = Instance(record.id, address.host, address.port, own_name=self._own_name)
            found.append((rank, place))
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
        if self._fits(record):
            self._known.setdefault(record.name, set()).add(record.id)


class LocalInstances(_Local):
    """Services of this installation, by the registry in this process.

    Args:
        registry: Started and stopped by its owner.
        passes: Tells which records are ours.
    """

    def __init__(self, registry: RegistryService, passes: Passes) -> None:
        super().__init__(registry, lambda record: is_own(record, passes) or _marked(record, passes))


class LocalGuests(_Local):
    """Services that are not ours, by the registry in this process: whoever has the name.

    Args:
        registry: Started and stopped by its owner.
        names: Those that are asked for.
    """

    def __init__(self, registry: RegistryService, names: Collection[str]) -> None:
        def fits(record: Record) -> bool:
            return (
                record.name in names
                and record.namespace == DEFAULT_NAMESPACE
                and record.kind is not Kind.AGENT
            )

        super().__init__(registry, fits, own_name=True)


class _Remote:
    """`Instances` of a registry elsewhere. What was known last counts while it is away.

    Args:
        url: Where it is.
        clock: Time.
        fits: Tells which records may be called.
        own_name: See `Instance`.
    """

    def __init__(
        self,
        url: str,
        clock: Clock,
        fits: Callable[[ServiceInfo, str, int], bool],
        *,
        own_name: bool = False,
    ) -> None:
        once = RetryPolicy(max_retries=0)
        self._discovery = Discovery(url, cache_seconds=_FRESH, retry=once, clock=clock)
        self._fits = fits
        self._own_name = own_name

    async def find(self, service: str) -> Sequence[Instance]:
        """See `Instances`."""
        found: list[tuple[int, Instance]] = []
        for one in (await self._discovery.find(service)).services:
            host, port, rank = one.host, one.port, _RANKS.get(one.status)
            if host is None or port is None or rank is None or not self._fits(one, host, port):
                continue
            found.append((rank, Instance(one.service_id, host, port, own_name=self._own_name)))
        return _best(found)

    async def close(self) -> None:
        """Let go of the connections."""
        await self._discovery.close()


class RemoteInstances(_Remote):
    """Services of this installation, by a registry elsewhere.

    Args:
        url: Where it is.
        passes: Tells which records are ours.
        clock: Time.
    """

    def __init__(self, url: str, passes: Passes, clock: Clock) -> None:
        def fits(one: ServiceInfo, host: str, port: int) -> bool:
            return _fitting(one.metadata.extra.get(MARK), one.name, host, port, passes)

        super().__init__(url, clock, fits)


class RemoteGuests(_Remote):
    """Services that are not ours, by a registry elsewhere: whoever has the name.

    Args:
        url: Where it is.
        clock: Time.
    """

    def __init__(self, url: str, clock: Clock) -> None:
        super().__init__(
            url, clock, lambda one, host, port: one.service_type != "agent", own_name=True
        )


def _marked(record: Record, passes: Passes) -> bool:
    """Whether a service of this installation registered it, by `RemoteRegistrations`."""
    address, metadata = record.address, record.metadata
    if address is None or not metadata or record.namespace != DEFAULT_NAMESPACE:
        return False
    return _fitting(metadata.get(MARK), record.name, address.host, address.port, passes)


def _fitting(mark: object, name: str, host: str, port: int, passes: Passes) -> bool:
    if not isinstance(mark, str):
        return False
    return hmac.compare_digest(mark.encode(), mark_of(name, host, port, passes).encode())


_RANKS: Final = {"healthy": 0, "unknown": 1}
"""Document 1's words for what may be called."""


def _best(found: Sequence[tuple[int, Instance]]) -> Sequence[Instance]:
    """Those of the best rank alone."""
    if not found:
        return ()
    best = min(rank for rank, _ in found)
    return [one for rank, one in found if rank == best]
