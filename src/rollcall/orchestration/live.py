# SPDX-License-Identifier: Apache-2.0
"""Live Python objects, kept beside the core: id -> object."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from typing import Any, Final

import msgspec

from rollcall.kernel.clock import utc
from rollcall.kernel.errors import InvalidInput
from rollcall.orchestration.broadcast import WORDS
from rollcall.orchestration.models import AgentMetadata, Limits
from rollcall.registry.models import Grant, Record
from rollcall.registry.state import RegistryState
from rollcall.registry.status import EFFECTIVE
from rollcall.registry.timers import LeaseTimers

DEFAULT_LIMITS: Final = Limits()

_WORDS: Final = [WORDS[status] for status in EFFECTIVE]
"""By the code of the effective status."""


class LiveAgents:
    """The agents of a namespace: their records, and the objects of those that live here.

    What most agents share (default limits, a card that is an attribute) is kept for none.
    """

    def __init__(self, state: RegistryState, timers: LeaseTimers, namespace: str) -> None:
        self._state = state
        self._timers = timers
        self._namespace = namespace
        self._objects: dict[str, Any] = {}
        self._cards: dict[str, Any] = {}
        self._limits: dict[str, Limits] = {}

    def __contains__(self, agent_id: str) -> bool:
        """Whether its object lives here."""
        return agent_id in self._objects

    def add(self, agent_id: str, agent: Any, card: Any, limits: Limits) -> None:
        self._objects[agent_id] = agent
        if card is not getattr(agent, "_a2a_card", None):
            self._cards[agent_id] = card
        if limits is not DEFAULT_LIMITS:
            self._limits[agent_id] = limits

    def forget(self, agent_id: str) -> None:
        self._objects.pop(agent_id, None)
        self._cards.pop(agent_id, None)
        self._limits.pop(agent_id, None)

    def record(self, agent_id: str) -> Record | None:
        """Its record; None: there is no such agent."""
        slot = self._state.slot(self._namespace, agent_id)
        return None if slot is None else self._state.slots.record(slot)

    def known(self, agent_id: str) -> AgentMetadata | None:
        """What is known about an agent now; None: there is no such agent."""
        slot = self._state.slot(self._namespace, agent_id)
        return None if slot is None else self.metadata(slot)

    def slots_by_id(self) -> Mapping[str, int]:
        """The slot of each agent."""
        space = self._state.spaces.get(self._namespace)
        return {} if space is None else space.records

    def metadata(self, slot: int) -> AgentMetadata:
        """What is known about the agent in a slot."""
        return self.all((slot,))[0]

    def all(self, slots: Iterable[int]) -> list[AgentMetadata]:
        """The same for several, in their order."""
        objects, cards, limited = self._objects, self._cards, self._limits
        docs, statuses = self._state.slots.docs, self._state.slots.statuses
        renewed, epoch = self._timers.table.renewed, self._timers.epoch()
        found: list[AgentMetadata] = []
        for slot in slots:
            record = docs[slot]
            assert isinstance(record, Record)
            key = record.id
            agent = objects.get(key)
            limits = limited.get(key, DEFAULT_LIMITS)
            if agent is None and record.metadata:
                limits = _stored(record.metadata)
            if type(record.lease) is Grant:
                heard_at = epoch + renewed[slot]
            elif record.lease is None:
                heard_at = record.updated_at
            else:
                heard_at = epoch + renewed[self._state.holder(slot)]
            found.append(
                AgentMetadata(
                    key,
                    agent,
                    record.runtime,
                    cards[key] if key in cards else getattr(agent, "_a2a_card", None),
                    limits.max_concurrency,
                    limits.memory_limit_mb,
                    limits.budget_limit_usd,
                    _WORDS[statuses[slot]],
                    utc(heard_at),
                )
            )
        return found


def limits_of(max_concurrency: int, memory_limit_mb: int, budget_limit_usd: float) -> Limits:
    """These limits; the same object for all that have the default ones.

    Raises:
        InvalidInput: One of them makes no sense.
    """
    if max_concurrency == 10 and memory_limit_mb == 512 and budget_limit_usd == 1.0:
        return DEFAULT_LIMITS
    return Limits(max_concurrency, memory_limit_mb, budget_limit_usd)


def _stored(metadata: dict[str, Any]) -> Limits:
    """The limits that an agent was registered with in an earlier process."""
    try:
        return msgspec.convert(metadata, Limits)
    except (msgspec.ValidationError, InvalidInput):
        return DEFAULT_LIMITS
