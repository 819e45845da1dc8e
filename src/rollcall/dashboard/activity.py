# SPDX-License-Identifier: Apache-2.0
"""What of an event is shown as something that has happened: pure.

Neither what was said nor who said it: only numbers, and ids that the services make themselves or
that agents have.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any, Final

from rollcall.events.envelope import Event

_LONGEST: Final = 200


@dataclass(frozen=True, slots=True)
class Note:
    """Something to be shown, before it has an id.

    Args:
        agent_id: The agent that it is about.
        message: For people.
        details: For programs.
    """

    agent_id: str | None
    message: str
    details: dict[str, Any]


@dataclass(frozen=True, slots=True)
class _Kind:
    says: Callable[[Mapping[str, Any]], str]
    shown: tuple[str, ...] = ()


def _answered(data: Mapping[str, Any]) -> str:
    return f"agent {data['agent_id']} answered in {data['response_time_ms']} ms"


def _updated(data: Mapping[str, Any]) -> str:
    status = data.get("status")
    return f"agent {data['agent_id']} was changed" + (f", and is {status}" if status else "")


def _whose(data: Mapping[str, Any]) -> str:
    agent_id = data.get("agent_id")
    return "the account's" if agent_id is None else f"agent {agent_id}'s"


_KINDS: Final[Mapping[str, _Kind]] = {
    "conversation.completed": _Kind(
        _answered,
        ("conversation_id", "response_time_ms", "tokens_used", "cost", "model_used"),
    ),
    "conversation.failed": _Kind(
        lambda data: f"agent {data['agent_id']} gave no answer ({data['error_type']})",
        ("conversation_id", "error_type", "tokens_used", "cost", "model_used"),
    ),
    "conversation.deleted": _Kind(lambda data: "a session was deleted"),
    "agent.created": _Kind(lambda data: f"agent {data['name']} was made", ("name", "version")),
    "agent.updated": _Kind(_updated, ("changes", "version", "status")),
    "agent.deleted": _Kind(lambda data: f"agent {data['agent_id']} was deleted"),
    "conversation.reported": _Kind(
        lambda data: f"agent {data['agent_id']} had a conversation elsewhere",
        ("conversation_id", "status", "response_time_ms", "tokens_used", "cost", "model_used"),
    ),
    "invoice.finalised": _Kind(
        lambda data: f"invoice {data['number']} of {data['total_amount']} {data['currency']}",
        ("invoice_id", "number", "period", "total_amount", "currency", "due_date"),
    ),
    "payment.recorded": _Kind(
        lambda data: f"a payment of {data['amount']} {data['currency']} is {data['status']}",
        ("payment_id", "invoice_id", "amount", "currency", "status", "invoice_status"),
    ),
    "budget.threshold_reached": _Kind(
        lambda data: f"{_whose(data)} budget has reached {data['threshold']} of its limit",
        ("budget_id", "threshold", "spent", "limit", "currency", "window"),
    ),
    "budget.exhausted": _Kind(
        lambda data: f"{_whose(data)} budget is used up",
        ("budget_id", "spent", "limit", "currency", "window", "hard"),
    ),
}

TYPES: Final = frozenset(_KINDS)
"""Types of events that are shown."""


def noted(event: Event) -> Note:
    """What is shown of an event of one of `TYPES`."""
    kind, data = _KINDS[event.type], event.data
    details = {name: data[name] for name in kind.shown if data.get(name) is not None}
    agent_id = data.get("agent_id")
    message = kind.says(data)
    return Note(
        agent_id if isinstance(agent_id, str) else None,
        message if len(message) <= _LONGEST else f"{message[: _LONGEST - 3]}...",
        details,
    )
