# SPDX-License-Identifier: Apache-2.0
"""What document 1 lets its callers do, free of HTTP."""

from __future__ import annotations

import asyncio

from rollcall import __version__
from rollcall.kernel.caller import Caller
from rollcall.kernel.record_errors import RecordNotFound, RevisionMismatch
from rollcall.protocols import paging, writes
from rollcall.protocols.access import guard_for, owner_of, owns
from rollcall.protocols.service_registry import translate, wire
from rollcall.protocols.service_registry.wire import ServiceStatus
from rollcall.registry.index import Found
from rollcall.registry.models import Grant, Record
from rollcall.registry.query import Query
from rollcall.registry.reader import View
from rollcall.registry.service import RegistryService
from rollcall.registry.status import CODE, LeasePhase, Status
from rollcall.registry.store import Change

_SILENT = frozenset({Status.UNHEALTHY, Status.OFFLINE})
_MISSED = (LeasePhase.UNHEALTHY, LeasePhase.OFFLINE)
_MEANWHILE = (RecordNotFound, RevisionMismatch)


class ServiceOperations:
    """Document 1, over the core.

    Args:
        service: The core.
        store: What kind of store it has, as in the scheme of its URL.
    """

    def __init__(self, service: RegistryService, *, store: str) -> None:
        self.service = service
        self._store = store
        self._started = service.clock.monotonic()

    async def register(
        self, caller: Caller, namespace: str, asked: wire.ServiceRegistration
    ) -> tuple[wire.Registered, bool]:
        """Register a service; the same one again updates it. Whether it is new comes second.

        Raises:
            InvalidInput: It cannot be kept.
            NotPermitted: Somebody else registered it.
        """
        now = self.service.clock.now()
        record = translate.record_from(asked, namespace=namespace, owner=owner_of(caller), now=now)
        new = self.service.state.slot(namespace, record.id) is None
        await self.service.register(record, checked=True, guard=guard_for(caller))
        done = "registered" if new else "registered again"
        message = f"service {record.name!r} is {done}; heartbeats keep it"
        return wire.Registered(service_id=record.id, message=message), new

    async def unregister(
        self, caller: Caller, namespace: str, service_id: str, if_match: str | None
    ) -> wire.Message:
        """Remove a service. Raises as `writes.remove`."""
        await writes.remove(self.service, caller, namespace, service_id, if_match=if_match)
        return wire.Message(message=f"service {service_id!r} is removed")

    async def update(
        self,
        caller: Caller,
        namespace: str,
        service_id: str,
        asked: wire.ServiceUpdate,
        if_match: str | None,
    ) -> tuple[wire.Message, View]:
        """Change what a service says of itself, or report its status. Raises as `writes.update`."""
        now = self.service.clock.now()

        def change(record: Record) -> Record:
            return translate.updated(record, asked, now)

        view = await writes.update(
            self.service, caller, namespace, service_id, change, if_match=if_match
        )
        return wire.Message(message=f"service {service_id!r} is updated"), view

    async def heartbeat(self, caller: Caller, namespace: str, service_id: str) -> wire.Message:
        """A sign of life of a service.

        Raises:
            RecordNotFound: There is no such service: it registers again.
            NotPermitted: Somebody else registered it.
        """
        answer = self.heartbeat_at_once(caller, namespace, service_id)
        if answer is None:
            guard_for(caller)(self.service.get(namespace, service_id).record)
            await self.service.renew(namespace, service_id)
            answer = _taken(service_id)
        return answer

    def heartbeat_at_once(
        self, caller: Caller, namespace: str, service_id: str
    ) -> wire.Message | None:
        """A sign of life that changes nothing but the time of the last one, as nearly all do.

        Returns:
            None: there is more to it, or something against it, and nothing was done.
        """
        slot = self.service.state.slot(namespace, service_id)
        if slot is None or not owns(caller, self.service.state.slots.record(slot).owner):
            return None
        return _taken(service_id) if self.service.renew_if_calm(slot) else None

    def named(self, namespace: str, name: str) -> View:
        """The service of this very name; of several, a healthy one, the oldest first.

        Raises:
            RecordNotFound: There is none.
        """
        query = Query(name=name, addressed=True)
        found = [self.service.view(one.slot) for one in self._search(namespace, query)]
        views = [view for view in found if view.record.name == name]
        if not views:
            raise RecordNotFound(namespace, name)
        return min(views, key=lambda v: (CODE[v.status], v.record.created_at, v.record.id))

    def discover(
        self, namespace: str, asked: wire.DiscoverRequest
    ) -> tuple[wire.Discovered, str | None]:
        """Services by name, and the cursor of the next page.

        Raises:
            InvalidInput: The cursor cannot be read.
        """
        query = translate.query_from(asked, unaddressed=asked.include_unaddressed)
        after = paging.parse_cursor(asked.cursor)
        views, more = self.service.page(namespace, query, asked.limit, after)
        total = len(views)
        if more or after is not None:
            total = self.service.state.index.count(namespace, query)
        services = [translate.info_to(view) for view in views]
        answer = wire.Discovered(
            services=services, total_count=total, query=translate.question_of(asked)
        )
        return answer, paging.next_cursor(views, more)

    def stats(self, namespace: str) -> wire.ServiceStats:
        """How many services there are of each type and status."""
        index = self.service.state.index
        by_status = {
            status: index.count(
                namespace, translate.query_from(wire.Question(status=status), unaddressed=True)
            )
            for status in ServiceStatus
        }
        return wire.ServiceStats(
            total_services=sum(by_status.values()),
            services_by_type=index.kinds(namespace),
            services_by_status={status: n for status, n in by_status.items() if n},
            healthy_services=by_status[ServiceStatus.HEALTHY],
            unhealthy_services=by_status[ServiceStatus.UNHEALTHY],
        )

    async def cleanup(self, namespace: str) -> wire.Cleaned:
        """Remove at once what is past its lease and would be removed by it in the end.

        Agents of document 2 stay: their lease keeps them. So does whatever self-preservation holds.
        """
        state, silent = self.service.state, Query(statuses=_SILENT)
        gone = [
            (state.slots.record(one.slot).id, state.slots.revisions[one.slot])
            for one in self._search(namespace, silent)
            if _overdue(state.slots.record(one.slot).lease)
        ]
        outcomes = await asyncio.gather(
            *(self.service.deregister(namespace, key, expect=revision) for key, revision in gone),
            return_exceptions=True,
        )
        for outcome in outcomes:
            # Whoever was renewed or removed meanwhile was none of those to remove.
            if isinstance(outcome, BaseException) and not isinstance(outcome, _MEANWHILE):
                raise outcome
        count = sum(1 for outcome in outcomes if isinstance(outcome, Change))
        return wire.Cleaned(message=f"{count} services were removed", cleaned_count=count)

    def facts(self) -> dict[str, object]:
        """What `/health` says beside how the store is: the records of all namespaces."""
        up, index = self.service.commits.down_since is None, self.service.state.index
        return {
            "zookeeper_connected": up if self._store == "zookeeper" else None,
            "registered_services": sum(index.count(one, Query()) for one in index.namespaces()),
        }

    def banner(self) -> wire.Banner:
        """Who answers here, and since when."""
        uptime = self.service.clock.monotonic() - self._started
        return wire.Banner(version=__version__, uptime_seconds=uptime, store=self._store)

    def _search(self, namespace: str, query: Query) -> list[Found]:
        return list(self.service.state.index.search(namespace, query))


def _taken(service_id: str) -> wire.Message:
    return wire.Message(message=f"heartbeat of service {service_id!r} taken")


def _overdue(lease: Grant | str | None) -> bool:
    """Whether a lease was missed that removes what it covers."""
    return (
        isinstance(lease, Grant)
        and lease.phase in _MISSED
        and lease.policy.deregister_after is not None
    )
