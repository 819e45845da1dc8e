# SPDX-License-Identifier: Apache-2.0
"""What document 2 lets its callers do, free of HTTP."""

from __future__ import annotations

import asyncio
from collections.abc import Sequence
from datetime import datetime

from msgspec.structs import replace

from rollcall.kernel.caller import ADMIN, Caller, NotPermitted
from rollcall.kernel.clock import utc
from rollcall.kernel.errors import InvalidInput, RollcallError
from rollcall.kernel.record_errors import LeaseNotFound
from rollcall.protocols import paging, writes
from rollcall.protocols.access import guard_for, owner_of, owns
from rollcall.protocols.agent_registry import translate, wire
from rollcall.protocols.agent_registry.loads import Loads
from rollcall.protocols.agent_registry.metrics import AgentRegistryMetrics
from rollcall.protocols.checks import fields_named
from rollcall.registry.events import Cause
from rollcall.registry.models import Record
from rollcall.registry.reader import View
from rollcall.registry.service import RegistryService
from rollcall.registry.status import Status


class AgentOperations:
    """The writes and single reads of document 2, over the core.

    Args:
        service: The core.
        metrics: Told about heartbeats and searches.
        heartbeat_timeout: Seconds of silence until an agent is offline, where it says nothing
            itself (`HEARTBEAT_TIMEOUT_SECONDS`).
    """

    def __init__(
        self,
        service: RegistryService,
        metrics: AgentRegistryMetrics,
        *,
        heartbeat_timeout: float = 60.0,
    ) -> None:
        self.service = service
        self.metrics = metrics
        self.loads = Loads(service.state)
        self._timeout = heartbeat_timeout

    async def register(
        self, caller: Caller, namespace: str, agent: wire.AgentRegistration
    ) -> wire.Registered:
        """Register an agent, or register it again.

        Raises:
            InvalidInput: It cannot be kept.
            NotPermitted: Somebody else registered it.
        """
        record = self._record(caller, namespace, agent)
        if isinstance(record.lease, str):
            await self._share(caller, namespace, record.lease, agent)
        await self._put(record, caller)
        return wire.Registered(agent_id=record.id, timestamp=self._now())

    async def register_many(
        self, caller: Caller, namespace: str, batch: wire.AgentBatch
    ) -> wire.BatchRegistered:
        """Register many agents; one that cannot be read refuses all, before anything is written.

        Raises:
            InvalidInput: One cannot be kept, or is there twice. Names its place.
            RollcallError: None of them could be registered; what the first one met with.
        """
        records: dict[str, Record] = {}
        shared: dict[str, wire.AgentRegistration] = {}
        for place, agent in enumerate(batch.agents):
            with fields_named(lambda field, place=place: f"agents.{place}.{field}"):
                if agent.agent_id in records:
                    raise InvalidInput("agent_id", "is in the batch twice")
                record = self._record(caller, namespace, agent)
            records[record.id] = record
            if isinstance(record.lease, str):
                shared.setdefault(record.lease, agent)
        refused: dict[str, NotPermitted] = {}
        for runtime, agent in shared.items():
            try:
                await self._share(caller, namespace, runtime, agent)
            except NotPermitted as error:
                refused[runtime] = error

        async def put(record: Record) -> None:
            if isinstance(record.lease, str) and record.lease in refused:
                raise refused[record.lease]
            await self._put(record, caller)

        outcomes = await asyncio.gather(*map(put, records.values()), return_exceptions=True)
        return self._outcome(list(records), outcomes)

    async def heartbeat(
        self, caller: Caller, namespace: str, agent_id: str, beat: wire.Heartbeat
    ) -> wire.HeartbeatAnswer:
        """A sign of life of an agent.

        Raises:
            RecordNotFound: There is no such agent: it registers again.
            NotPermitted: Somebody else registered it.
        """
        if not self.heartbeat_at_once(caller, namespace, agent_id, beat):
            clock = self.service.clock
            started = clock.monotonic()
            guard_for(caller)(self.service.get(namespace, agent_id).record)
            if beat.status is None:
                await self.service.renew(namespace, agent_id)
            else:
                await self.service.report(namespace, agent_id, Status(beat.status), alive=True)
            if beat.active_tasks is not None:
                self.loads.note(namespace, agent_id, beat.active_tasks)
            self.metrics.heartbeat(agent_id, clock.monotonic() - started)
        return wire.HeartbeatAnswer(agent_id=agent_id, last_heartbeat=self._now())

    def heartbeat_at_once(
        self, caller: Caller, namespace: str, agent_id: str, beat: wire.Heartbeat
    ) -> bool:
        """A sign of life that changes nothing but the time of the last one, as nearly all do.

        Returns:
            False: there is more to it, or something against it, and nothing was done.
        """
        service = self.service
        started = service.clock.monotonic()
        slot = service.state.slot(namespace, agent_id)
        if slot is None:
            return False
        record = service.state.slots.record(slot)
        if not owns(caller, record.owner):
            return False
        if beat.status is not None and record.reported.value != beat.status.value:
            return False
        if not service.renew_if_calm(slot):
            return False
        if beat.active_tasks is not None:
            self.loads.note(namespace, agent_id, beat.active_tasks)
        self.metrics.heartbeat(agent_id, service.clock.monotonic() - started)
        return True

    async def heartbeats(
        self, caller: Caller, namespace: str, beats: wire.HeartbeatBatch
    ) -> wire.HeartbeatBatchAnswer:
        """Signs of life of many agents, or of all of a runtime.

        Raises:
            InvalidInput: It names neither.
            LeaseNotFound: There is no such runtime: its agents register again.
            NotPermitted: Somebody else registered one of the agents; none was renewed.
        """
        if not beats.agent_ids and beats.runtime is None:
            raise InvalidInput("agent_ids", "must name agents, unless `runtime` is given")
        if beats.runtime is None:
            unknown = self.heartbeats_at_once(caller, namespace, beats.agent_ids)
            if unknown is not None:
                return self._renewed(len(beats.agent_ids) - len(unknown), unknown)
        guard, slot = guard_for(caller), self.service.state.slot
        for one in beats.agent_ids:
            at = slot(namespace, one)
            if at is not None:
                guard(self.service.state.slots.record(at))
        started = self.service.clock.monotonic()
        renewed = 0
        if beats.runtime is not None:
            renewed = await self._renew_runtime(caller, namespace, beats.runtime)
        unknown = await self.service.renew_many(namespace, beats.agent_ids)
        renewed += len(beats.agent_ids) - len(unknown)
        self.metrics.heartbeats(self.service.clock.monotonic() - started)
        return self._renewed(renewed, unknown)

    def heartbeats_at_once(
        self, caller: Caller, namespace: str, agent_ids: Sequence[str]
    ) -> list[str] | None:
        """Signs of life of agents that change nothing but the time of the last one.

        Returns:
            The ids that are not there; None: there is more to it, or something against it. Some may
            have been renewed then, which does no harm when it is done again.
        """
        service = self.service
        started = service.clock.monotonic()
        if not caller.may(ADMIN) and not self._owned(caller, namespace, agent_ids):
            return None
        unknown, restless = service.renew_calm(namespace, agent_ids)
        if restless:
            return None
        self.metrics.heartbeats(service.clock.monotonic() - started)
        return unknown

    def _owned(self, caller: Caller, namespace: str, agent_ids: Sequence[str]) -> bool:
        space = self.service.state.spaces.get(namespace)
        if space is None:
            return True
        if all(owns(caller, owner) for owner in space.owners):
            return True
        record, slots = self.service.state.slots.record, map(space.records.get, agent_ids)
        return all(owns(caller, record(slot).owner) for slot in slots if slot is not None)

    def _renewed(self, renewed: int, unknown: list[str]) -> wire.HeartbeatBatchAnswer:
        return wire.HeartbeatBatchAnswer(renewed=renewed, unknown=unknown, timestamp=self._now())

    async def patch(
        self,
        caller: Caller,
        namespace: str,
        agent_id: str,
        patch: wire.AgentPatch,
        if_match: str | None,
    ) -> View:
        """Change what an agent says of itself. Raises as `writes.update`."""
        now = self.service.clock.now()
        return await writes.update(
            self.service,
            caller,
            namespace,
            agent_id,
            lambda record: translate.patched(record, patch, now),
            if_match=if_match,
        )

    async def report(
        self,
        caller: Caller,
        namespace: str,
        agent_id: str,
        status: wire.ReportedStatus,
        if_match: str | None,
    ) -> View:
        """Write down a status; it is no sign of life. Raises as `writes.update`."""
        now, reported = self.service.clock.now(), Status(status)

        def change(record: Record) -> Record:
            if record.reported is reported:
                return record
            return replace(record, reported=reported, updated_at=now)

        return await writes.update(
            self.service,
            caller,
            namespace,
            agent_id,
            change,
            if_match=if_match,
            cause=Cause.REPORTED,
        )

    async def deregister(
        self, caller: Caller, namespace: str, agent_id: str, if_match: str | None
    ) -> wire.Deregistered:
        """Remove an agent. Raises as `writes.remove`."""
        await writes.remove(self.service, caller, namespace, agent_id, if_match=if_match)
        return wire.Deregistered(agent_id=agent_id, timestamp=self._now())

    async def release(self, caller: Caller, namespace: str, runtime: str) -> wire.RuntimeReleased:
        """A runtime leaves, and all records that share its lease.

        Raises:
            LeaseNotFound: Nothing shares a lease of that name.
            NotPermitted: Somebody else registered one of the records.
        """
        guard, state = guard_for(caller), self.service.state
        for slot in state.index.members(namespace, runtime):
            record = state.slots.record(slot)
            if record.lease == runtime:
                guard(record)
        await self.service.release(namespace, runtime)
        return wire.RuntimeReleased(runtime=runtime, timestamp=self._now())

    def info(self, view: View) -> wire.AgentInfo:
        """A record as document 2 shows it, with its load."""
        record = view.record
        return translate.info_to(view, self.loads.get(record.namespace, record.id))

    def page(
        self, namespace: str, asked: wire.ListQuery
    ) -> tuple[list[wire.AgentInfo], str | None]:
        """Agents by name, and the cursor of the next page.

        Raises:
            InvalidInput: A filter or the cursor cannot be read.
        """
        query, after = translate.query_from(asked), paging.parse_cursor(asked.cursor)
        views, more = self.service.page(namespace, query, asked.limit, after)
        return [self.info(view) for view in views], paging.next_cursor(views, more)

    def _record(self, caller: Caller, namespace: str, agent: wire.AgentRegistration) -> Record:
        return translate.record_from(
            agent,
            namespace=namespace,
            owner=owner_of(caller),
            now=self.service.clock.now(),
            timeout=self._timeout,
        )

    async def _put(self, record: Record, caller: Caller) -> None:
        await self.service.register(record, checked=True, guard=guard_for(caller))

    async def _share(
        self, caller: Caller, namespace: str, runtime: str, agent: wire.AgentRegistration
    ) -> None:
        """See to it that the runtime has a lease, and that it is fresh.

        Raises:
            NotPermitted: It is somebody else's.
        """
        self._guard_lease(caller, namespace, runtime)
        try:
            await self.service.renew_lease(namespace, runtime)
        except LeaseNotFound:
            timeout = agent.heartbeat_timeout_seconds or self._timeout
            await self.service.grant(namespace, runtime, translate.policy(timeout))

    def _guard_lease(self, caller: Caller, namespace: str, runtime: str) -> None:
        """Refuse who has registered none of those that share a lease, if anybody does.

        Whoever keeps it fresh keeps the dead among them alive. The first that is theirs will do, so
        that a heartbeat of a large runtime costs as little as that of a small one.
        """
        state = self.service.state
        others = False
        for slot in () if caller.may(ADMIN) else state.index.members(namespace, runtime):
            record = state.slots.record(slot)
            if record.lease == runtime:
                if record.owner in ("", caller.subject):
                    return
                others = True
        if others:
            raise NotPermitted(
                f"the agents of runtime {runtime!r} were registered with another key", scope=ADMIN
            )

    async def _renew_runtime(self, caller: Caller, namespace: str, runtime: str) -> int:
        index, state = self.service.state.index, self.service.state
        if state.lease_slot(namespace, runtime) is not None:
            self._guard_lease(caller, namespace, runtime)
            await self.service.renew_lease(namespace, runtime)
            return index.population(namespace, runtime)
        records = [state.slots.record(slot) for slot in index.members(namespace, runtime)]
        if not records:
            raise LeaseNotFound(namespace, runtime)
        guard = guard_for(caller)
        for record in records:
            guard(record)
        members = [record.id for record in records]
        return len(members) - len(await self.service.renew_many(namespace, members))

    def _outcome(
        self, ids: list[str], outcomes: list[BaseException | None]
    ) -> wire.BatchRegistered:
        failures = [one for one in outcomes if one is not None]
        for failure in failures:
            if not isinstance(failure, RollcallError) or len(failures) == len(ids):
                raise failure
        results = [
            wire.BatchOutcome(agent_id=key, status="registered")
            if failure is None
            else wire.BatchOutcome(agent_id=key, status="failed", error=str(failure))
            for key, failure in zip(ids, outcomes, strict=True)
        ]
        return wire.BatchRegistered(
            registered=len(ids) - len(failures),
            failed=len(failures),
            results=results,
            timestamp=self._now(),
        )

    def _now(self) -> datetime:
        return utc(self.service.clock.now())
