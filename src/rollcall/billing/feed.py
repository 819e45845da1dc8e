# SPDX-License-Identifier: Apache-2.0
"""Events that billing listens to: what was used, and which agents there are."""

from __future__ import annotations

from collections.abc import Sequence
from decimal import Decimal
from typing import Any, Final

import msgspec

from rollcall.billing.metering import Metering, Told
from rollcall.billing.models import TrackedAgent, UsageInput
from rollcall.billing.ports import BillingStore, BillingWork
from rollcall.billing.quantities import MINUTE_DIGITS
from rollcall.events.envelope import Event
from rollcall.events.log import UnitOfWork
from rollcall.kernel.errors import InvalidInput, RollcallError
from rollcall.kernel.money import money, quantised

GROUP: Final = "billing"
USED: Final = "usage.recorded"
ENDED: Final = "conversation.completed"
UPDATED: Final = "agent.updated"
DELETED: Final = "agent.deleted"
AGENT: Final = frozenset({"agent.created", UPDATED, DELETED})
TYPES: Final = frozenset({USED, ENDED}) | AGENT
_MILLISECONDS: Final = 60_000


class _Used(msgspec.Struct, frozen=True):
    """What `usage.recorded` says, as far as it matters here."""

    conversation_id: str
    agent_id: str
    model_used: str
    provider: str
    input_tokens: int
    output_tokens: int
    cached_tokens: int
    requests: int
    estimated: bool
    cost: Decimal | None = None


class _Ended(msgspec.Struct, frozen=True):
    """What `conversation.completed` says, as far as it matters here."""

    conversation_id: str
    agent_id: str
    response_time_ms: float


class UsageFeed:
    """Records what events tell, in the unit of work that they are handled in.

    Args:
        store: The tables.
        metering: Records usage.
    """

    def __init__(self, store: BillingStore, metering: Metering) -> None:
        self._store = store
        self.metering = metering
        """Records usage."""

    async def handle(self, events: Sequence[Event], work: UnitOfWork) -> None:
        """Handle events of any number of namespaces.

        Raises:
            RollcallError: One of them cannot be recorded: none of them is.
        """
        mine = self._store.within(work)
        by_namespace: dict[str, list[Event]] = {}
        for event in events:
            by_namespace.setdefault(event.namespace, []).append(event)
        # In one order everywhere, so that nobody waits in a circle.
        for namespace in sorted(by_namespace):
            await self._handle(mine, namespace, by_namespace[namespace])

    async def _handle(self, work: BillingWork, namespace: str, events: Sequence[Event]) -> None:
        told = [told_by(one) for one in events if one.type not in AGENT]
        agents = [one for one in map(tracked, events) if one is not None]
        if agents:
            known = {one.agent_id: one for one in agents}
            using = {one.usage.agent_id for one in told} - set(known)
            # All that this unit of work locks of them, in one order.
            users = [
                TrackedAgent(
                    namespace=namespace, agent_id=id_, name=id_, tracked_since=events[0].time
                )
                for id_ in using
            ]
            await work.agents(namespace, [*known.values(), *users])
            # One after the other: who deletes an agent does not say what its name was.
            for one in agents:
                await work.put_agent(one)
        outcomes = await self.metering.record_in(work, namespace, told)
        self.metering.observed(outcomes)
        for outcome in outcomes:
            if isinstance(outcome, RollcallError):
                raise outcome


def tracked(event: Event) -> TrackedAgent | None:
    """The agent that an event tells of, by the name of its business where it has one; None: it
    tells of none, or nothing that matters here.
    """
    if event.type not in AGENT or (event.type == UPDATED and "name" not in event.data):
        return None
    agent_id = event.data.get("agent_id")
    if not isinstance(agent_id, str):
        raise InvalidInput("data.agent_id", "must be text")
    return TrackedAgent(
        namespace=event.namespace,
        agent_id=agent_id,
        name=str(event.data.get("business_name") or event.data.get("name") or agent_id),
        tracked_since=event.time,
        deleted_at=event.time if event.type == DELETED else None,
    )


def told_by(event: Event) -> Told:
    """The usage that an event tells of.

    Raises:
        InvalidInput: Its data is not as the catalogue says.
    """
    return Told(
        usage=_used(event) if event.type == USED else _ended(event),
        key=event.id,
        source=event.source,
        correlation_id=event.correlation_id,
    )


def _used(event: Event) -> UsageInput:
    data = _read(event, _Used)
    return UsageInput(
        agent_id=data.agent_id,
        conversation_id=data.conversation_id,
        input_tokens=data.input_tokens,
        output_tokens=data.output_tokens,
        # Some servers count what comes from a cache beside what is read, not within it.
        cached_tokens=min(data.cached_tokens, data.input_tokens),
        model=data.model_used or None,
        provider=data.provider or None,
        requests=data.requests,
        estimated=data.estimated,
        reported_cost=None if data.cost is None else money(data.cost, "data.cost"),
        at=event.time,
    )


def _ended(event: Event) -> UsageInput:
    """A conversation and the minutes that it took; what it used of a model is told by itself."""
    data = _read(event, _Ended)
    minutes = money(data.response_time_ms, "data.response_time_ms") / _MILLISECONDS
    return UsageInput(
        agent_id=data.agent_id,
        conversation_id=data.conversation_id,
        requests=0,
        minutes=quantised(minutes, MINUTE_DIGITS),
        conversation=True,
        at=event.time,
    )


def _read(event: Event, type_: type[Any]) -> Any:
    try:
        return msgspec.convert(event.data, type_)
    except msgspec.ValidationError as error:
        raise InvalidInput("data", f"of {event.type} {event.id}: {error}") from error
