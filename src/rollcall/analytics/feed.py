# SPDX-License-Identifier: Apache-2.0
"""What analytics hears of: events become facts and texts.

Texts are kept in the unit of work that notes the events as handled. Facts may be in another
database: they are put there first, by id, and then the events are noted; what is told again after
a crash changes nothing.
"""

from __future__ import annotations

import logging
from collections.abc import Sequence
from typing import Any, Final, Generic

from msgspec.structs import replace

from rollcall.analytics.models import (
    AgentFact,
    AnyFact,
    Kind,
    Said,
    microseconds,
    session_key,
)
from rollcall.analytics.ports import Agents, FactStore, Texts
from rollcall.analytics.questions import ById, Listing
from rollcall.analytics.recording import (
    AGENT_EVENTS,
    CHARGED,
    COMPLETED,
    DELETED,
    FAILED,
    FINALISED,
    REPORTED,
    USED,
    facts_of,
)
from rollcall.analytics.rows import fact_of
from rollcall.analytics.service import hidden
from rollcall.events.envelope import Event
from rollcall.events.log import WorkT
from rollcall.events.subscriptions import Batch, SinkBatch, Subscription
from rollcall.kernel.errors import Unavailable

TEXTS_GROUP: Final = "analytics-texts"
FACTS_GROUP: Final = "analytics-facts"
TEXT_TYPES: Final = frozenset((COMPLETED, FAILED, DELETED))
FACT_TYPES: Final = frozenset(
    (COMPLETED, FAILED, REPORTED, DELETED, USED, CHARGED, FINALISED, *AGENT_EVENTS)
)

_PAGE: Final = 500
_log = logging.getLogger(__name__)


class Feed(Generic[WorkT]):
    """Turns events into what is known.

    Args:
        store: Where facts go.
        texts: Where what was said goes.
        agents: Knows definitions.
    """

    def __init__(self, store: FactStore, texts: Texts[WorkT], agents: Agents) -> None:
        self._store = store
        self._texts = texts
        self._agents = agents

    @property
    def subscriptions(self) -> tuple[Subscription[Any], ...]:
        """Which events it wants."""
        return (
            Batch(TEXTS_GROUP, TEXT_TYPES, self.hear),
            SinkBatch(FACTS_GROUP, FACT_TYPES, self.count, waits=True),
        )

    async def hear(self, events: Sequence[Event], work: WorkT) -> None:
        """Keep what was said, and erase it where a session was deleted."""
        said: list[Said] = []
        for event in events:
            if event.type == DELETED:
                await self._texts.add(work, said)
                said = []
                session_id = str(event.data["session_id"])
                await self._texts.forget_session(work, event.namespace, session_id)
            else:
                said.append(_said(event))
        await self._texts.add(work, said)

    async def count(self, events: Sequence[Event]) -> None:
        """Keep facts."""
        facts: list[AnyFact] = []
        for event in events:
            if event.type == DELETED:
                await self._store.put(facts)
                facts = []
                await self._hide(event.namespace, str(event.data["session_id"]))
            elif event.type not in AGENT_EVENTS:
                facts += facts_of(event)
        # Of several acts upon an agent the last one says how it is now.
        acts = {(one.namespace, one.subject): one for one in events if one.type in AGENT_EVENTS}
        facts += [await self._agent(event) for event in acts.values()]
        await self._store.put(facts)

    async def _hide(self, namespace: str, session_id: str) -> None:
        asked = Listing(
            namespace=namespace, session=session_key(namespace, session_id), limit=_PAGE
        )
        # What is hidden is not listed any more, so the next page is the first again.
        while rows := await self._store.select(asked):
            talks = [fact_of(Kind.CONVERSATION, row) for row in rows]
            await self._store.put([hidden(talk) for talk in talks])  # type: ignore[arg-type]

    async def _agent(self, event: Event) -> AgentFact:
        """The agent as its definition says now; what that does not say stays as it was told."""
        namespace, agent_id = event.namespace, str(event.data["agent_id"])
        known = await self._store.select(
            ById(kind=Kind.AGENT, namespace=namespace, ids=(agent_id,))
        )
        was = fact_of(Kind.AGENT, known[0]) if known else None
        fact = AgentFact(
            namespace=namespace,
            id=agent_id,
            at=event.time,
            revision=microseconds(event.time),
            name=event.data.get("name") or getattr(was, "name", None),
            industry=event.data.get("industry") or getattr(was, "industry", None),
            status=event.data.get("status") or getattr(was, "status", None),
            deleted=event.type == "agent.deleted",
        )
        if fact.deleted:
            return fact
        try:
            described = await self._agents.describe(namespace, agent_id)
        except Unavailable as error:
            _log.warning("agent %s is known by its events alone: %s", agent_id, error)
            return fact
        if described is None:
            return fact
        return replace(
            fact, name=described.name, industry=described.industry, status=described.status
        )


def _said(event: Event) -> Said:
    data = event.data
    return Said(
        namespace=event.namespace,
        conversation_id=str(data["conversation_id"]),
        agent_id=str(data["agent_id"]),
        at=event.time,
        session_id=data.get("session_id"),
        user_id=data.get("user_id"),
        user_message=data.get("user_message") or "",
        agent_response=data.get("agent_response"),
    )
