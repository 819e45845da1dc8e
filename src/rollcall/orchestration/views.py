# SPDX-License-Identifier: Apache-2.0
"""Read-only views of a registry, as document 5 shows its attributes.

They are computed when asked, so they are always right and cost nothing while nobody looks. What is
not there reads as an empty set, and looking inserts nothing.
"""

from __future__ import annotations

from collections.abc import Generator, Iterable, Iterator, Mapping
from typing import Any, Protocol, TypeVar

from rollcall.orchestration.broadcast import WORDS, Broadcast, Callback
from rollcall.orchestration.models import AgentMetadata, AgentStatus, RegistryEventType
from rollcall.registry.query import Query, Reason
from rollcall.registry.state import RegistryState
from rollcall.registry.status import Status
from rollcall.registry.text import fold

T = TypeVar("T")


class Roster(list[T]):
    """A list that may be awaited as well, for callers who are used to asking asynchronously."""

    def __await__(self) -> Generator[Any, None, Roster[T]]:
        yield from ()
        return self


class _Sets(Mapping[Any, frozenset[str]]):
    """A mapping of sets in which what is not there reads as empty."""

    def __init__(self, state: RegistryState, namespace: str) -> None:
        self._state = state
        self._namespace = namespace

    def __contains__(self, key: object) -> bool:
        return bool(self[key])

    def __len__(self) -> int:
        return sum(1 for _ in self)

    def __repr__(self) -> str:
        return repr({key: set(self[key]) for key in self})

    def _ids(self, slots: Iterable[int]) -> frozenset[str]:
        record = self._state.slots.record
        return frozenset(record(slot).id for slot in slots)


class RuntimeAgents(_Sets):
    """Runtime id -> ids of its agents."""

    def __getitem__(self, runtime_id: object) -> frozenset[str]:
        return self._ids(self._state.index.members(self._namespace, str(runtime_id)))

    def __iter__(self) -> Iterator[str]:
        return iter(self._state.index.runtimes(self._namespace))

    def __len__(self) -> int:
        return len(self._state.index.runtimes(self._namespace))


class StatusIndex(_Sets):
    """Status -> ids of the agents that are so."""

    def __getitem__(self, status: object) -> frozenset[str]:
        try:
            wanted = statuses(AgentStatus(status))
        except ValueError:
            return frozenset()
        found = self._state.index.search(self._namespace, Query(statuses=wanted))
        return self._ids(one.slot for one in found)

    def __iter__(self) -> Iterator[AgentStatus]:
        return iter(distribution(self._state, self._namespace))


class CapabilityIndex(_Sets):
    """Name of a capability, case folded -> ids of the agents that have it."""

    def __getitem__(self, name: object) -> frozenset[str]:
        if not isinstance(name, str) or not name.strip():
            return frozenset()
        slots: list[int] = []
        for found in self._state.index.search(self._namespace, Query(text=name)):
            # Exact names come first; an exact tag has a detail that says so.
            if found.hit is None or found.hit.reason is not Reason.EXACT or found.hit.detail:
                break
            slots.append(found.slot)
        return self._ids(slots)

    def __iter__(self) -> Iterator[str]:
        phrases = self._state.index.phrases(self._namespace)
        return iter(dict.fromkeys(fold(capability.name) for _, capability in phrases))


class EventQueue:
    """What waits in the queue for `get_event`."""

    def __init__(self, broadcast: Broadcast) -> None:
        self._broadcast = broadcast

    @property
    def maxsize(self) -> int:
        return self._broadcast.ring.keep

    def qsize(self) -> int:
        return self._broadcast.depth

    def empty(self) -> bool:
        return self.qsize() == 0

    def full(self) -> bool:
        return self.qsize() >= self.maxsize

    def __len__(self) -> int:
        return self.qsize()


class EventListeners(Mapping[RegistryEventType, list[Callback]]):
    """Event type -> its listeners."""

    def __init__(self, broadcast: Broadcast) -> None:
        self._broadcast = broadcast

    def __getitem__(self, event_type: RegistryEventType) -> list[Callback]:
        return self._broadcast.listeners(RegistryEventType(event_type))

    def __iter__(self) -> Iterator[RegistryEventType]:
        return iter(RegistryEventType)

    def __len__(self) -> int:
        return len(RegistryEventType)


class AgentSource(Protocol):
    """What `Agents` looks into."""

    def known(self, agent_id: str) -> AgentMetadata | None:
        """What is known about an agent; None: there is no such agent."""
        ...

    def slots_by_id(self) -> Mapping[str, int]:
        """The slot of each agent."""
        ...


class Agents(Mapping[str, AgentMetadata]):
    """Agent id -> what is known about it, each time as of now."""

    def __init__(self, source: AgentSource) -> None:
        self._source = source

    def __getitem__(self, agent_id: str) -> AgentMetadata:
        known = self._source.known(agent_id)
        if known is None:
            raise KeyError(agent_id)
        return known

    def __contains__(self, agent_id: object) -> bool:
        return agent_id in self._source.slots_by_id()

    def __iter__(self) -> Iterator[str]:
        return iter(list(self._source.slots_by_id()))

    def __len__(self) -> int:
        return len(self._source.slots_by_id())


class RegistryViews:
    """The public attributes of a registry that document 5 shows, as views."""

    def __init__(
        self, source: AgentSource, state: RegistryState, namespace: str, broadcast: Broadcast
    ) -> None:
        self._viewed = source
        self._state = state
        self._broadcast = broadcast
        self.namespace = namespace

    @property
    def agents(self) -> Agents:
        """Agent id -> what is known about it."""
        return Agents(self._viewed)

    @property
    def runtime_agents(self) -> RuntimeAgents:
        """Runtime id -> ids of its agents."""
        return RuntimeAgents(self._state, self.namespace)

    @property
    def capability_index(self) -> CapabilityIndex:
        """Name of a capability, case folded -> ids of the agents that have it."""
        return CapabilityIndex(self._state, self.namespace)

    @property
    def status_index(self) -> StatusIndex:
        """Status -> ids of the agents that are so."""
        return StatusIndex(self._state, self.namespace)

    @property
    def event_listeners(self) -> EventListeners:
        """Event type -> its listeners."""
        return EventListeners(self._broadcast)

    @property
    def event_queue(self) -> EventQueue:
        """What waits for `get_event`."""
        return EventQueue(self._broadcast)


def statuses(status: AgentStatus) -> frozenset[Status]:
    """The effective statuses that document 5 calls `status`."""
    return frozenset(core for core, word in WORDS.items() if word is status)


def distribution(state: RegistryState, namespace: str) -> dict[AgentStatus, int]:
    """How many agents have which status; only those that any agent has."""
    counts: dict[AgentStatus, int] = {}
    for core, count in state.index.statuses(namespace).items():
        if count:
            counts[WORDS[core]] = counts.get(WORDS[core], 0) + count
    return counts
