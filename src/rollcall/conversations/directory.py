# SPDX-License-Identifier: Apache-2.0
"""The tool services that the registry in this process knows."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Callable, Sequence
from typing import Final

from rollcall.conversations.ports import ServiceInstance
from rollcall.registry.events import Event, EventType
from rollcall.registry.models import DEFAULT_NAMESPACE, Kind, Record
from rollcall.registry.query import Query
from rollcall.registry.reader import View
from rollcall.registry.service import RegistryService
from rollcall.registry.status import AVAILABLE, Status

CHOICES: Final = {
    **dict.fromkeys(AVAILABLE, 0),
    Status.DEGRADED: 1,
    Status.SUSPECT: 2,
}
"""The effective statuses of what may be called, and in which order."""

_TOOLS: Final = Query(kinds=frozenset({Kind.TOOL}), statuses=frozenset(CHOICES), addressed=True)
_HELD: Final = frozenset({EventType.PRESERVATION_STARTED, EventType.PRESERVATION_ENDED})
_REGISTERED: Final = frozenset({EventType.REGISTERED, EventType.REREGISTERED, EventType.UPDATED})


class RegistryDirectory:
    """A `Directory` over a registry in this process.

    The installation's own services are in the default namespace, and told in every one.

    Args:
        service: The registry; started and stopped by its owner.
        own: Whether a record is of such a service; None: none is.
    """

    def __init__(
        self, service: RegistryService, own: Callable[[Record], bool] | None = None
    ) -> None:
        self._service = service
        self._is_own = own or _nobodys
        self._registered: dict[tuple[str, str], str] = {}
        service.feed.taps.append(self._note)

    async def close(self) -> None:
        """Take no more note of what happens."""
        self._service.feed.taps.remove(self._note)
        self._registered.clear()

    async def instances(self, namespace: str) -> Sequence[ServiceInstance]:
        """See `Directory`."""
        views = self._views(namespace)
        if namespace != DEFAULT_NAMESPACE:
            ours = [one for one in self._views(DEFAULT_NAMESPACE) if self._is_own(one.record)]
            taken = {one.record.id for one in ours}
            views = [one for one in views if one.record.id not in taken] + ours
        views.sort(key=lambda view: (CHOICES[view.status], view.record.created_at, view.record.id))
        return [self._instance(view) for view in views]

    async def changed(self, namespace: str) -> AsyncIterator[None]:
        """See `Directory`."""
        only = namespace if namespace == DEFAULT_NAMESPACE else None
        events = self._service.events(namespace=only)
        yield
        async for event in events:
            if not isinstance(event, Event) or self._matters(event, namespace):
                yield
        # The registry has stopped: there will be no change any more.
        await asyncio.Event().wait()

    def _views(self, namespace: str) -> list[View]:
        found = self._service.state.index.search(namespace, _TOOLS)
        return [self._service.view(one.slot) for one in found]

    def _matters(self, event: Event, namespace: str) -> bool:
        if event.namespace == namespace:
            return _concerns(event)
        if event.namespace != DEFAULT_NAMESPACE:
            return False
        return event.type in _HELD or (event.record is not None and self._is_own(event.record))

    def _note(self, event: Event) -> None:
        """Remember when a tool service was registered last."""
        if not _concerns(event):
            return
        key = event.namespace, event.id
        if event.type in _REGISTERED:
            self._registered[key] = f"{moment(event.at)} {event.revision}"
        elif event.type is EventType.DEREGISTERED:
            self._registered.pop(key, None)

    def _instance(self, view: View) -> ServiceInstance:
        record = view.record
        address = record.address
        assert address is not None, "that is what was asked for"
        known = self._registered.get((record.namespace, record.id))
        return ServiceInstance(
            id=record.id,
            name=record.name,
            host=address.host,
            port=address.port,
            healthy=view.status in AVAILABLE,
            rank=CHOICES[view.status],
            tags=record.tags,
            extra=dict(record.metadata or {}),
            registered=known or moment(record.created_at),
            own=self._is_own(record),
        )


def moment(at: float) -> str:
    """Seconds since the epoch, so that a later time is a greater word."""
    return f"{at:017.6f}"


def _nobodys(record: Record) -> bool:
    return False


def _concerns(event: Event) -> bool:
    return event.record is None or event.record.kind is Kind.TOOL
