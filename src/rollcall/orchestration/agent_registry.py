# SPDX-License-Identifier: Apache-2.0
"""`AgentRegistry`: the registry of live Python agents, over the same core as everything else.

Source: document 5. Records, leases, index and events are the core's; this keeps the live objects
beside them and speaks document 5's words.
"""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Callable, Mapping
from typing import Any, Final, Literal, Self

import msgspec

from rollcall.kernel.clock import Clock, SystemClock
from rollcall.kernel.errors import Closed
from rollcall.kernel.ids import IdSource, RandomIds
from rollcall.kernel.record_errors import RecordExists, RecordNotFound, RevisionMismatch
from rollcall.orchestration.broadcast import Broadcast, Callback
from rollcall.orchestration.cards import CardReader, check_text, id_of, name_of
from rollcall.orchestration.errors import AgentExists
from rollcall.orchestration.finding import Finder
from rollcall.orchestration.live import DEFAULT_LIMITS, LiveAgents, limits_of
from rollcall.orchestration.models import (
    AgentMetadata,
    AgentRegistryConfig,
    AgentStatus,
    RegistryEvent,
    RegistryEventType,
)
from rollcall.orchestration.views import RegistryViews, Roster, distribution
from rollcall.registry.catalogue import open_encoder, open_store
from rollcall.registry.events import Event, EventType
from rollcall.registry.meaning import Encoder
from rollcall.registry.models import DEFAULT_NAMESPACE, Grant, Kind, Record
from rollcall.registry.query import Match
from rollcall.registry.service import RegistryService
from rollcall.registry.status import Status
from rollcall.registry.store import RecordStore

# An attribute of an enumeration costs more than a global does, and every registration asks.
_AGENT: Final = Kind.AGENT
_ACTIVE: Final = Status.ACTIVE

_SIGNS_OF_LIFE: Final = frozenset({AgentStatus.ACTIVE, AgentStatus.BUSY, AgentStatus.DEGRADED})
_AUDITED: Final = 1000
"""Records that are compared with the index before others get their turn."""


_DRAWS: Final = 20
"""Ids that are drawn to find one that is free."""


class AgentRegistry(RegistryViews):
    """Knows the agents of any number of runtimes: who is there, what each can do, who is alive.

    Args:
        config: Settings.
        store: Where records are kept: a store, or a URL (`memory://`, `sqlite:///agents.db`).
            Records survive the process with a durable one; agents are found there as records until
            their process registers them again. The registry closes the store.
        namespace: The tenant. Whatever is registered in it counts as an agent here.
        clock: Time.
        ids: Randomness for drawn ids.
        encoder: Makes the encoder for searches by meaning; None: the one of the extra `semantic`.
    """

    def __init__(
        self,
        config: AgentRegistryConfig | None = None,
        *,
        store: RecordStore | str = "memory://",
        namespace: str = DEFAULT_NAMESPACE,
        clock: Clock | None = None,
        ids: IdSource | None = None,
        encoder: Callable[[], Encoder] | None = None,
    ) -> None:
        self.config = config or AgentRegistryConfig()
        self.namespace = namespace
        self._clock = clock or SystemClock()
        self._ids = ids or RandomIds()
        if isinstance(store, str):
            store = open_store(store, self._clock, self._ids)
        self.service = RegistryService(
            store, clock=self._clock, ids=self._ids, encoder=encoder or open_encoder
        )
        self._state = self.service.state
        self._broadcast = Broadcast(
            self._clock, self.config.event_queue_size, runtime_of=self._runtime_of
        )
        self._broadcasting = self.config.enable_event_broadcasting
        self.service.feed.taps.append(self._note)
        self._cards = CardReader()
        self._live = LiveAgents(self._state, self.service.timers, namespace)
        super().__init__(self._live, self._state, namespace, self._broadcast)
        self._grant = Grant(self.config.lease_policy())
        self._monotonic = self._clock.monotonic
        self._ring = self._broadcast.ring
        self._tell_beat = self._ring.items.append
        self._records: Mapping[str, int] = {}
        self._renewed = self.service.timers.table.renewed
        self._calm = self.service.timers.table.calm
        self._finder = Finder(self.service, self.config, namespace)
        self._audit: asyncio.Task[None] | None = None
        self._counts = dict.fromkeys(EventType, 0)
        self._heartbeats = 0
        self._repaired = 0

    # Life

    async def start(self) -> None:
        """Read the store, watch heartbeats, serve listeners."""
        await self.service.start()
        self._broadcast.serve()
        if self._audit is None:
            self._audit = asyncio.create_task(self._audit_index(), name="rollcall-audit")

    async def shutdown(self) -> None:
        """Stop. Agents stay in a durable store; listeners get what has happened so far."""
        if self._audit is not None:
            self._audit.cancel()
            await asyncio.gather(self._audit, return_exceptions=True)
        await self.service.stop()
        await self._broadcast.close(grace=1.0)
        self._records = {}

    async def __aenter__(self) -> Self:
        await self.start()
        return self

    async def __aexit__(self, *_: object) -> None:
        await self.shutdown()

    # Agents

    async def register_agent(
        self,
        agent: Any,
        runtime_id: str,
        agent_id: str | None = None,
        max_concurrency: int = 10,
        memory_limit_mb: int = 512,
        budget_limit_usd: float = 1.0,
    ) -> str:
        """Register a live agent; returns its id.

        The id is the argument, else `agent.agent_id`, else drawn. An agent that was restored from
        the store is taken over by its new object.

        Raises:
            AgentExists: A ValueError: the id is taken by a live agent.
            InvalidInput: A ValueError: the agent's card cannot be read, or a limit makes no sense.
        """
        card, capabilities = self._cards.read(agent)
        check_text("runtime_id", runtime_id)
        key = id_of(agent, agent_id)
        if not key:
            key = self._draw()
        if key in self._live:
            raise AgentExists(key)
        limits = limits_of(max_concurrency, memory_limit_mb, budget_limit_usd)
        now = self._clock.now()
        record = Record(
            self.namespace,
            key,
            _AGENT,
            name_of(agent, card) or key,
            _ACTIVE,
            now,
            now,
            capabilities,
            self._grant,
            None,
            runtime_id,
            metadata=None if limits is DEFAULT_LIMITS else msgspec.to_builtins(limits),
        )
        # Before the commit, since its events tell of an agent that must then be there.
        self._live.add(key, agent, card, limits)
        try:
            while True:
                slot = self._state.slot(self.namespace, key)
                expect = 0 if slot is None else self._state.slots.revisions[slot]
                try:
                    await self.service.register(record, expect=expect, checked=True)
                    break
                except (RecordExists, RevisionMismatch):
                    # The id is ours among live agents: it was a record without one that changed.
                    self._live.add(key, agent, card, limits)
        except BaseException:
            self._live.forget(key)
            raise
        if self._broadcast.owes():
            await self._broadcast.give_way()
        return key

    async def deregister_agent(self, agent_id: str, runtime_id: str) -> bool:
        """Remove an agent; False: there is no such agent in that runtime."""
        record = self._live.record(agent_id)
        if record is None or record.runtime != runtime_id:
            return False
        try:
            await self.service.deregister(self.namespace, agent_id)
        except RecordNotFound:
            return False
        if self._broadcast.owes():
            await self._broadcast.give_way()
        return True

    async def update_agent_status(
        self, agent_id: str, status: AgentStatus | str, runtime_id: str | None = None
    ) -> bool:
        """Report an agent's status; False: there is no such agent (in that runtime).

        ACTIVE, BUSY and DEGRADED prove that it lives, so they renew its lease like a heartbeat:
        that is how an agent that had fallen silent recovers.

        Raises:
            ValueError: There is no such status.
        """
        word = status if isinstance(status, AgentStatus) else AgentStatus(status)
        record = self._live.record(agent_id)
        if record is None or (runtime_id is not None and record.runtime != runtime_id):
            return False
        try:
            alive = word in _SIGNS_OF_LIFE
            await self.service.report(self.namespace, agent_id, Status(word.value), alive=alive)
        except RecordNotFound:
            return False
        if self._broadcast.owes():
            await self._broadcast.give_way()
        return True

    async def update_agent_heartbeat(self, agent_id: str) -> bool:
        """Note a sign of life; False: there is no such agent, register it again.

        It says that the agent's process breathes, and changes nothing that was reported.
        """
        try:
            slot = self._records[agent_id]
        except KeyError:
            # The ids are another object once the namespace was empty, and empty themselves then.
            if self._ring.closed:
                raise Closed("the registry is shut down") from None
            self._records = self._live.slots_by_id()
            if agent_id not in self._records:
                return False
            slot = self._records[agent_id]
        now = self._monotonic()
        if self._broadcasting:
            # `Ring.append`, written out: a call costs half as much as all the rest.
            self._tell_beat((agent_id, now))
            ring = self._ring
            ring.end += 1
            if ring.waiters:
                ring.wake()
        else:
            self._heartbeats += 1
        if self._calm[slot]:
            self._renewed[slot] = now
        else:
            await self.service.renew(self.namespace, agent_id)
        return True

    # Finding

    async def get_agent(self, agent_id: str) -> AgentMetadata | None:
        """What is known about an agent now; None: there is no such agent."""
        return self._live.known(agent_id)

    def list_agents(
        self, runtime_id: str | None = None, status_filter: AgentStatus | None = None
    ) -> Roster[AgentMetadata]:
        """All agents, those of a runtime, those of a status; the longest registered first."""
        return Roster(self._live.all(self._finder.listed(runtime_id, status_filter)))

    def find_agents_by_runtime(self, runtime_id: str) -> Roster[AgentMetadata]:
        """The agents of a runtime."""
        return self.list_agents(runtime_id=runtime_id)

    def find_agents_by_status(self, status: AgentStatus) -> Roster[AgentMetadata]:
        """The agents of a status."""
        return self.list_agents(status_filter=status)

    async def find_agents_by_capability(
        self,
        capability: str,
        status_filter: AgentStatus | None = AgentStatus.ACTIVE,
        match: Match | Literal["lexical", "semantic", "auto"] = Match.LEXICAL,
    ) -> list[AgentMetadata]:
        """Who can do it, best match first; `match` of each says how well, and why.

        Args:
            capability: Words that stand in the name, description or tags of a capability: as the
                exact phrase, as words, or as a part of it, ignoring case.
            status_filter: Only agents of this status; None: of any.
            match: "semantic" goes by meaning, "auto" does so where the words find nothing.

        Raises:
            InvalidInput: A ValueError: the words are blank or too long, or there is no such match.
            MissingExtra: It asks for meaning, and the extra `semantic` is not installed.
            TimeoutError: It took longer than `query_timeout`.
        """
        found = await self._finder.found(capability, status_filter, match)
        agents = self._live.all(one.slot for one in found)
        for agent, one in zip(agents, found, strict=True):
            agent.match = one.hit
        return agents

    # Events

    def subscribe(self, event_type: RegistryEventType, callback: Callback) -> None:
        """Call `callback(event)`, sync or async, with each event of a type from now on.

        One callback gets all its events one after the other. If it hangs or raises, that is its
        own affair, and counted.
        """
        self._broadcast.subscribe(RegistryEventType(event_type), callback)

    def unsubscribe(self, event_type: RegistryEventType, callback: Callback) -> bool:
        """Call it no more; False: it was not subscribed."""
        return self._broadcast.unsubscribe(RegistryEventType(event_type), callback)

    async def get_event(self) -> RegistryEvent:
        """Take the oldest event from the queue; waits for one.

        Raises:
            Closed: The registry was shut down, and all its events were read.
        """
        return await self._broadcast.get()

    def events(self) -> AsyncIterator[RegistryEvent]:
        """All events from now on, until shutdown; leaves the queue as it is."""
        return self._broadcast.follow()

    # Metrics

    async def get_metrics(self) -> dict[str, Any]:
        """Counts of agents, searches, heartbeats and events. Counters begin at the start."""
        counts, index = self._counts, self._state.index
        return {
            "total_agents": len(self._live.slots_by_id()),
            "total_runtimes": len(index.runtimes(self.namespace)),
            "status_distribution": distribution(self._state, self.namespace),
            "runtime_distribution": dict(index.runtimes(self.namespace)),
            "total_queries": self._finder.queries,
            "total_registrations": counts[EventType.REGISTERED] + counts[EventType.REREGISTERED],
            "total_deregistrations": counts[EventType.DEREGISTERED],
            "capability_index_size": index.capability_count(self.namespace),
            "index_repairs": self._repaired,
            "heartbeats": self._heartbeats + self._broadcast.heartbeats,
            "missed_heartbeats": self.service.keeper.stats.missed,
            "runtime_joins": counts[EventType.RUNTIME_JOINED],
            "runtime_leaves": counts[EventType.RUNTIME_LEFT],
            **self._broadcast.metrics(),
        }

    def _draw(self) -> str:
        key = ""
        for _ in range(_DRAWS):
            key = f"agent_{self._ids.hex(8)}"
            if key not in self._live and key not in self._live.slots_by_id():
                break
        return key

    def _runtime_of(self, agent_id: str) -> str | None:
        record = self._live.record(agent_id)
        return None if record is None else record.runtime

    def _note(self, event: Event) -> None:
        if event.namespace != self.namespace:
            return
        self._counts[event.type] += 1
        if event.type is EventType.DEREGISTERED:
            self._live.forget(event.id)
        if self._broadcasting:
            self._broadcast.tell(event)

    async def _audit_index(self) -> None:
        """Compare the index with the agents, and put right what differs."""
        while True:
            await self._clock.sleep(self.config.rebuild_index_interval)
            slots = list(self._live.slots_by_id().values())
            for start in range(0, len(slots), _AUDITED):
                self._repaired += self._state.repair(slots[start : start + _AUDITED])
                await asyncio.sleep(0)
