# SPDX-License-Identifier: Apache-2.0
"""The agents of definitions in the registry: found by what they can do, like all others.

Each process that runs the agent service keeps records of its own, one for each active definition,
named by the definition and by the address where the process takes requests for it. So two
processes on one database never write one record, a definition is found at each of them, and
what one of them served goes with it: all records of a process in a namespace are covered by one
lease, which it renews. An address is one process's.
"""

from __future__ import annotations

import asyncio
import logging
from collections.abc import Sequence
from contextlib import suppress
from typing import Final
from urllib.parse import quote

from msgspec.structs import replace

from rollcall.agents.models import Definition
from rollcall.agents.models import Status as Life
from rollcall.agents.ports import AgentStore
from rollcall.agents.told import SOURCE
from rollcall.app.own import INTERVAL, Own, owner_of
from rollcall.app.runnable import Known, skills_of
from rollcall.backends.sql import outbox, tail
from rollcall.backends.sql.database import Database
from rollcall.conversations.briefs import Skill
from rollcall.conversations.models import DEFAULT_AGENT
from rollcall.kernel.clock import Clock, within
from rollcall.kernel.errors import RollcallError, Unavailable
from rollcall.kernel.ids import derived
from rollcall.kernel.record_errors import LeaseNotFound, RecordNotFound
from rollcall.policies.retry import RetryPolicy
from rollcall.protocols.addresses import parse_base_url
from rollcall.protocols.service_registry.translate import POLICY
from rollcall.registry.models import Capability, Kind, Record
from rollcall.registry.service import RegistryService
from rollcall.registry.status import Status
from rollcall.web.passes import Passes

POLL: Final = 2.0
"""Seconds after which is looked for what other processes changed."""
LOOK: Final = 3
"""Heartbeats from one look at all definitions to the next: a capability may have another name."""
_PAGE: Final = 200
_OUTAGE: Final = RetryPolicy(initial_delay=0.2, max_delay=10.0)

_log = logging.getLogger("rollcall.app")

Key = tuple[str, str]
"""Namespace and id of a definition."""


class AgentRecords:
    """Keeps the records of the definitions that this process runs.

    Args:
        store: Where definitions are.
        database: Tells of changes.
        registry: The core.
        clock: Times the heartbeats.
        passes: Marks the records as this installation's.
        service: The name of the service that runs agents, as it registers itself.
    """

    def __init__(
        self,
        store: AgentStore,
        database: Database,
        registry: RegistryService,
        clock: Clock,
        passes: Passes,
        service: str,
    ) -> None:
        self._store = store
        self._database = database
        self._registry = registry
        self._clock = clock
        self._passes = passes
        self._service = service
        self._own: Own | None = None
        self._kept: dict[Key, Record] = {}
        self._leased: set[str] = set()
        self._refused: set[Key] = set()
        self._position = 0
        self._due = 0.0
        self._beats = 0
        self._task: asyncio.Task[None] | None = None

    async def begin(self, services: Sequence[Own]) -> None:
        """Register, once the service accepts connections."""
        own = next((one for one in services if one.registration.name == self._service), None)
        if own is not None:
            self._own = own
            self._task = asyncio.create_task(self._run(), name="agents in the registry")

    async def end(self) -> None:
        """Remove them."""
        task, self._task = self._task, None
        if task is None:
            return
        task.cancel()
        await asyncio.gather(task, return_exceptions=True)
        for namespace in self._leased:
            try:
                await self._registry.release(namespace, self._lease)
            except LeaseNotFound:
                pass
            except RollcallError as error:
                _log.warning("agents stay in the registry until their lease ends: %s", error)

    @property
    def _lease(self) -> str:
        assert self._own is not None
        return derived("definitions", self._own.host, str(self._own.port))

    async def _run(self) -> None:
        failures, first = 0, True
        while True:
            try:
                if first:
                    await self._clear()
                    first = False
                await self._look()
                while True:
                    await self._next()
                    failures = 0
            except Unavailable as error:
                failures += 1
                if failures == 1:
                    _log.warning("agents in the registry are not kept current: %s", error)
                await self._clock.sleep(_OUTAGE.delay(failures))
            except Exception:
                _log.exception("agents in the registry are looked at again")
                failures += 1
                await self._clock.sleep(_OUTAGE.delay(failures))

    async def _clear(self) -> None:
        """Remove what a process before this one left at its address when it was killed."""
        for namespace in list(self._registry.state.spaces):
            if self._registry.state.lease_slot(namespace, self._lease) is not None:
                await self._registry.release(namespace, self._lease)

    async def _look(self) -> None:
        """Register what is active and remove what is not, whatever was told."""
        async with self._database.reading() as connection:
            self._position = await outbox.end(connection)
        self._due = self._clock.monotonic() + INTERVAL
        known: Known = {}
        there: set[Key] = set()
        after: Key | None = None
        while page := await self._store.active(limit=_PAGE, after=after):
            for one in page:
                after = (one.namespace, one.id)
                there.add(after)
                await self._put(one, known)
        for key in self._kept.keys() - there:
            await self._drop(key)

    async def _next(self) -> None:
        """Wait for what happens next, and take part in it."""
        wait = min(POLL, max(0.0, self._due - self._clock.monotonic()))
        with suppress(TimeoutError):
            await within(self._clock, wait, self._database.appended(self._position))
        async with self._database.reading() as connection:
            end, changed = await tail.subjects(connection, SOURCE, self._position)
        for key in changed:
            found = await self._store.get(*key)
            if found is not None and found.status is Life.ACTIVE:
                await self._put(found, {})
            else:
                await self._drop(key)
        self._position = end
        if self._clock.monotonic() >= self._due:
            await self._beat()

    async def _beat(self) -> None:
        self._due = self._clock.monotonic() + INTERVAL
        self._beats += 1
        for namespace in list(self._leased):
            try:
                await self._registry.renew_lease(namespace, self._lease)
            except LeaseNotFound:
                self._leased.discard(namespace)
                for key in [key for key in self._kept if key[0] == namespace]:
                    del self._kept[key]
                self._beats = 0
        if self._beats % LOOK == 0:
            await self._look()

    async def _put(self, definition: Definition, known: Known) -> None:
        """Register a definition, where it is not registered just so."""
        assert self._own is not None
        namespace, key = definition.namespace, (definition.namespace, definition.id)
        if definition.id == DEFAULT_AGENT:
            if key not in self._refused:
                self._refused.add(key)
                _log.warning("agent %r is not run: the agent service goes by it", definition.id)
            return
        skills = await skills_of(self._store, namespace, definition.content, known)
        record = record_of(definition, skills, self._own, self._lease)
        if self._kept.get(key) == record:
            return
        now = self._clock.now()
        owned = replace(
            record, owner=owner_of(record, self._passes), created_at=now, updated_at=now
        )
        try:
            if namespace not in self._leased:
                await self._registry.grant(namespace, self._lease, POLICY)
                self._leased.add(namespace)
            await self._registry.register(owned)
        except Unavailable:
            raise
        except LeaseNotFound:
            # It has run out meanwhile: the next heartbeat grants it anew.
            self._due = self._clock.monotonic()
        except RollcallError as error:
            _log.error("agent %r cannot be registered: %s", definition.id, error)
        else:
            self._kept[key] = record

    async def _drop(self, key: Key) -> None:
        record = self._kept.get(key)
        if record is None:
            return
        with suppress(RecordNotFound):
            await self._registry.deregister(record.namespace, record.id)
        del self._kept[key]


def record_of(definition: Definition, skills: Sequence[Skill], own: Own, lease: str) -> Record:
    """The record of a definition at the address of a process, without owner and times. Pure.

    Args:
        definition: What is run.
        skills: Its capabilities.
        own: The service that runs it.
        lease: The id of the lease that covers it.
    """
    host = f"[{own.host}]" if ":" in own.host else own.host
    path = f"/agents/{quote(definition.id, safe='')}"
    content = definition.content
    return Record(
        namespace=definition.namespace,
        id=derived("agent", definition.namespace, definition.id, own.host, str(own.port)),
        kind=Kind.AGENT,
        name=content.name,
        reported=Status.ACTIVE,
        created_at=0.0,
        updated_at=0.0,
        capabilities=tuple(
            Capability(name=one.name, description=one.description, tags=one.tags)
            for one in {skill.name: skill for skill in skills}.values()
        ),
        lease=lease,
        address=parse_base_url(f"http://{host}:{own.port}{path}"),
        tags=("definition",),
        version=str(definition.version),
        metadata={
            "agent_id": definition.id,
            "description": content.description,
            "path": path,
            "service": own.registration.name,
        },
    )
