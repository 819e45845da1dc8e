# SPDX-License-Identifier: Apache-2.0
"""The catalogue of event types: who tells them, and which fields their data has.

A feature that tells new types adds them here. Distributions of others pass a catalogue of their
own: `Catalogue([*TYPES, EventType(...)])`.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass, field
from typing import Final

from rollcall.events.envelope import Event
from rollcall.kernel.errors import InvalidInput


@dataclass(frozen=True, slots=True)
class EventType:
    """One type of event.

    Args:
        name: The full name, which is its topic as well (document 3).
        owner: The package that tells it; nobody else does.
        says: What has happened.
        fields: Fields that `data` always has, and what they mean.
        optional: Fields that it may have.
    """

    name: str
    owner: str
    says: str
    fields: Mapping[str, str]
    optional: Mapping[str, str] = field(default_factory=dict[str, str])


class Catalogue:
    """Event types by name.

    Raises:
        InvalidInput: Two types have one name.
    """

    def __init__(self, types: Iterable[EventType]) -> None:
        self._types: dict[str, EventType] = {}
        for one in types:
            if self._types.setdefault(one.name, one) is not one:
                raise InvalidInput("types", f"has {one.name!r} twice")

    def __iter__(self) -> Iterator[EventType]:
        return iter(self._types.values())

    def type(self, name: str) -> EventType:
        """The type of this name.

        Raises:
            InvalidInput: There is none.
        """
        try:
            return self._types[name]
        except KeyError:
            known = ", ".join(sorted(self._types))
            raise InvalidInput("type", f"{name!r} is not in the catalogue: {known}") from None

    def check(self, event: Event) -> None:
        """See that the event's type is known and its data has the fields of it, and no others.

        Raises:
            InvalidInput: It is not so; the error names the field.
        """
        type_ = self.type(event.type)
        for name in type_.fields:
            if name not in event.data:
                raise InvalidInput(f"data.{name}", f"is missing from {event.type}")
        for name in event.data:
            if name not in type_.fields and name not in type_.optional:
                raise InvalidInput(f"data.{name}", f"is no field of {event.type}")


_AGENT: Final = {"agent_id": "the agent's definition"}
_MEMORY: Final = {"memory_id": "the memory"}
_RUN: Final = {
    "execution_id": "the run",
    "agent_id": "who runs",
    "capability_id": "what is run",
}
_VERSION: Final = {"agent_version": "the version of the agent's definition, where it has one"}
_RUN_TOO: Final = {
    "conversation_id": "the message that it ran for",
    "session_id": "the session that it belongs to",
    "user_id": "who said it",
    "tool": "the tool that was called",
    "service": "the service that has it",
    **_VERSION,
}
_TURN: Final = {
    "conversation_id": "the message with its answer",
    "session_id": "the session that it belongs to",
    "agent_id": "who was asked",
    "user_message": "the message",
}
_TURN_TOO: Final = {
    **_VERSION,
    "user_id": "who said it",
    "model_used": "the model, as its provider knows it",
    "tokens_used": "tokens read and written",
    "cost": "by the provider's list prices, a decimal string",
}
_BUSINESS: Final = {"business_name": "whose agent it is, where that was said"}
_BUDGET: Final = {
    "budget_id": "the budget",
    "scope": "agent or account",
    "agent_id": "whose budget it is; null: the account's",
    "limit": "what may be spent, a decimal string",
    "spent": "what was spent, a decimal string",
    "currency": "of both, ISO 4217",
    "window": "the month or day that it is of, or total",
    "hard": "whether it stops those who spend",
}
_WIDGET: Final = {"widget_id": "the widget", "agent_id": "who answers on it"}
_CHANGE: Final = {
    "id": "the record, or the runtime in runtime_* events",
    "runtime": "the record's runtime; empty: none",
    "revision": "the revision of the change",
    "cause": "why it was made",
}
_STATUS: Final = {
    "old": "the effective status before; null: there was none",
    "new": "the effective status after; null: there is none",
    "detail": "the reason for people",
}


def _registry(what: str, says: str) -> EventType:
    return EventType(f"registry.{what}", "registry", says, _CHANGE, _STATUS)


TYPES: Final = (
    _registry("registered", "A record is new."),
    _registry("reregistered", "A record was registered again where it was already."),
    _registry("updated", "Something other than a record's status has changed."),
    _registry("status_changed", "A record's effective status has changed."),
    _registry("deregistered", "A record is gone."),
    _registry("runtime_joined", "A runtime has its first record."),
    _registry("runtime_left", "A runtime has lost its last record."),
    _registry("preservation_started", "Expiry is held: too many leases fell due at once."),
    _registry("preservation_ended", "Expiry goes on."),
    EventType(
        "agent.created",
        "agents",
        "A definition was made.",
        {**_AGENT, "name": "its name"},
        {"version": "its first version", **_BUSINESS},
    ),
    EventType(
        "agent.updated",
        "agents",
        "A definition has a new version or status.",
        {**_AGENT, "changes": "the names of the fields that changed"},
        {
            "version": "its version now",
            "status": "its status now",
            "name": "its name now",
            **_BUSINESS,
        },
    ),
    EventType("agent.deleted", "agents", "A definition was deleted.", _AGENT),
    EventType(
        "agent.capability.execution.started",
        "conversations",
        "An agent has begun to run a capability.",
        _RUN,
        _RUN_TOO,
    ),
    EventType(
        "agent.capability.execution.completed",
        "conversations",
        "A run has ended well.",
        {**_RUN, "duration_ms": "how long it took, in milliseconds"},
        _RUN_TOO,
    ),
    EventType(
        "agent.capability.execution.failed",
        "conversations",
        "A run has failed.",
        {**_RUN, "duration_ms": "how long it took, in milliseconds", "error": "why, for people"},
        _RUN_TOO,
    ),
    EventType(
        "conversation.completed",
        "conversations",
        "An agent has answered a message.",
        {
            **_TURN,
            "agent_response": "what it answered",
            "response_time_ms": "from the message to the answer, in milliseconds",
            "tools": "the tools that ran, each with name, service, outcome and duration_ms",
        },
        {**_TURN_TOO, "satisfaction_score": "1 to 5"},
    ),
    EventType(
        "conversation.failed",
        "conversations",
        "An agent has given no answer to a message, or was called off.",
        {**_TURN, "error_type": "why, for programs", "error": "why, for people"},
        {**_TURN_TOO, "agent_response": "the part of the answer that there was"},
    ),
    EventType(
        "conversation.deleted",
        "conversations",
        "A session was deleted with all that was said in it.",
        {"session_id": "the session"},
    ),
    EventType(
        "conversation.reported",
        "analytics",
        "Somebody has told of a conversation that was held elsewhere.",
        {
            "conversation_id": _TURN["conversation_id"],
            "agent_id": _TURN["agent_id"],
            "status": "completed or failed",
            "tokens_used": "tokens read and written",
        },
        {
            **_VERSION,
            "session": "a number that stands for its session",
            "model_used": "the model",
            "cost": "a decimal string",
            "currency": "of the cost, ISO 4217",
            "response_time_ms": "from the message to the answer, in milliseconds",
            "satisfaction_score": "1 to 5",
        },
    ),
    EventType(
        "usage.recorded",
        "conversations",
        "A message has used a model, whatever became of it; or the reading of a memory has (there"
        " `memory` tells it).",
        {
            "conversation_id": "the message with its answer, or the memory",
            "agent_id": _TURN["agent_id"],
            "session_id": _TURN["session_id"],
            "model_used": "the model, as its provider knows it",
            "provider": "whose it is",
            "tokens_used": "tokens read and written",
            "input_tokens": "tokens read, those from a cache included",
            "output_tokens": "tokens written",
            "cached_tokens": "tokens read that came from the provider's cache",
            "requests": "how many times the model was asked",
            "estimated": "whether a number of tokens was counted here, not told by the provider",
            "cost": "by the provider's list prices, a decimal string; null: no price is known",
            "currency": "of the cost, ISO 4217",
            "priced_by": "where the prices are from",
        },
        {"user_id": "on whose behalf", **_VERSION},
    ),
    EventType(
        "memory.created",
        "memory",
        "A memory was added.",
        {
            **_MEMORY,
            "filters": "whose it is: user_id, agent_id, session_id",
            "content_preview": "its first 100 characters",
        },
        {"metadata": "what else was given with it"},
    ),
    EventType(
        "memory.updated",
        "memory",
        "A memory's content or metadata has changed.",
        _MEMORY,
        {"content_preview": "its first 100 characters"},
    ),
    EventType("memory.deleted", "memory", "A memory was deleted.", _MEMORY),
    EventType(
        "memory.entity.extracted",
        "memory",
        "Entities were found in a memory.",
        {**_MEMORY, "entities": "the entities, each with id, name, type and confidence"},
    ),
    EventType(
        "knowledge_graph.updated",
        "memory",
        "Entities or relationships were added to the knowledge graph or removed from it.",
        {
            "source_memory_id": "the memory that it comes from; null: a merge or its undoing",
            "entities": "the ids of the entities",
            "relationships": "the ids of the relationships",
        },
    ),
    EventType(
        "usage.charged",
        "billing",
        "A usage was recorded, with what it is charged.",
        {
            "usage_id": "the usage",
            "agent_id": "who used it",
            "amount": "what it is charged, exact, a decimal string",
            "currency": "of the amount, ISO 4217",
            "period": "the billing period that it is billed in (per_2026-11)",
            "served_at": "when it was used, in ISO 8601",
            "late": "whether that is before the period",
            "estimated": "whether a number of tokens was estimated",
            "tokens_used": "tokens read and written",
            "input_tokens": "tokens read, those from a cache included",
            "output_tokens": "tokens written",
            "cached_tokens": "tokens read that came from a cache",
            "requests": "how many times the model was asked",
            "conversations": "1 where it stands for its conversation",
            "minutes": "how long it took, a decimal string",
            "rate_card_id": "what it was charged by",
            "rate_card_version": "which version of that",
        },
        {
            "conversation_id": "for which message",
            "model_used": "the model, as its provider knows it",
            "provider": "whose it is",
            "provider_cost": "what the provider asks for, in US dollars, a decimal string",
        },
    ),
    EventType(
        "budget.threshold_reached",
        "billing",
        "A share of a budget is spent.",
        {**_BUDGET, "threshold": "the share, a decimal string"},
    ),
    EventType("budget.exhausted", "billing", "Nothing is left of a budget.", _BUDGET),
    EventType(
        "invoice.finalised",
        "billing",
        "An invoice has left draft: its number, its prices and its lines are fixed.",
        {
            "invoice_id": "the invoice",
            "number": "its number",
            "agent_id": "whose usage it charges",
            "period": "the billing period",
            "currency": "of all amounts, ISO 4217",
            "subtotal": "without tax, a decimal string",
            "tax_amount": "the tax, a decimal string",
            "total_amount": "what is owed, a decimal string",
            "lines": "what it charges: number, unit, model, quantity, amount, late, ... of each",
        },
        {
            "due_date": "the last day on which it is paid in time",
            "business_name": "to whom it goes",
        },
    ),
    EventType(
        "payment.recorded",
        "billing",
        "Money was paid for an invoice, paid back, or not paid after all.",
        {
            "payment_id": "the payment",
            "invoice_id": "the invoice",
            "agent_id": "whose usage the invoice charges",
            "amount": "of the payment, a decimal string",
            "refunded_amount": "what was paid back of it, a decimal string",
            "currency": "of all amounts, ISO 4217",
            "status": "pending, completed, failed or refunded",
            "invoice_status": "where the invoice stands now",
            "amount_due": "what is owed on the invoice now, a decimal string",
        },
        {"payment_method": "in the words of who pays"},
    ),
    EventType("widget.created", "widgets", "A widget was made.", {**_WIDGET, "name": "its name"}),
    EventType(
        "widget.updated",
        "widgets",
        "A widget has changed, or was paused or resumed, or has a new key.",
        {**_WIDGET, "changes": "the names of what changed", "paused": "whether it is paused"},
    ),
    EventType("widget.deleted", "widgets", "A widget was deleted.", _WIDGET),
)
"""Every type that Rollcall tells."""

CATALOGUE: Final = Catalogue(TYPES)
