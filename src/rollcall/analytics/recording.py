# SPDX-License-Identifier: Apache-2.0
"""What events tell, as facts: pure.

The tokens and costs of a conversation are in its usage alone, whose id is the conversation's: what
`conversation.completed` says of them is replaced by what `usage.recorded` does, in whatever order
the two come. So nothing is counted twice.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from datetime import UTC, datetime
from decimal import Decimal
from typing import Any, Final

from rollcall.analytics.models import (
    EARLIEST,
    LATEST,
    AnyFact,
    ChargeFact,
    ConversationFact,
    InvoiceLineFact,
    Status,
    UsageFact,
    session_key,
)
from rollcall.events.envelope import Event
from rollcall.kernel.errors import InvalidInput
from rollcall.kernel.money import money, non_negative

COMPLETED: Final = "conversation.completed"
FAILED: Final = "conversation.failed"
REPORTED: Final = "conversation.reported"
DELETED: Final = "conversation.deleted"
USED: Final = "usage.recorded"
CHARGED: Final = "usage.charged"
FINALISED: Final = "invoice.finalised"
AGENT_EVENTS: Final = ("agent.created", "agent.updated", "agent.deleted")

HIDING: Final = 1 << 40
"""What deleting adds to a conversation's revision: whatever is told of it later is passed over."""
_GUESSED, _TOLD = 1, 2
_LARGEST: Final = 2**53


def facts_of(event: Event) -> list[AnyFact]:
    """The facts that an event tells; none: it tells of something else.

    Raises:
        InvalidInput: It says what cannot be; names the field.
    """
    if not EARLIEST <= event.time < LATEST:
        raise InvalidInput("time", f"must be from {EARLIEST:%Y} on and before {LATEST:%Y}")
    make = _MAKERS.get(event.type)
    return [] if make is None else make(event)


def _conversation(event: Event) -> list[AnyFact]:
    data, common = event.data, _common(event)
    failed = event.type == FAILED or data.get("status") == Status.FAILED
    talk = ConversationFact(
        **common,
        session=_session(event),
        model=_text(data, "model_used"),
        status=Status.FAILED if failed else Status.COMPLETED,
        error_type=_text(data, "error_type"),
        response_us=_microseconds(data),
        satisfaction=_number(data, "satisfaction_score", None),
    )
    if data.get("tokens_used") is None and data.get("cost") is None:
        return [talk]
    return [talk, _usage_of(data, common, _GUESSED)]


def _usage(event: Event) -> list[AnyFact]:
    return [_usage_of(event.data, _common(event), _TOLD)]


def _usage_of(data: Mapping[str, Any], common: dict[str, Any], revision: int) -> UsageFact:
    cost = _amount(data, "cost")
    return UsageFact(
        **common,
        revision=revision,
        model=_text(data, "model_used"),
        provider=_text(data, "provider"),
        requests=_number(data, "requests", 1),
        tokens=_number(data, "tokens_used", 0),
        input_tokens=_number(data, "input_tokens", None),
        output_tokens=_number(data, "output_tokens", None),
        cached_tokens=_number(data, "cached_tokens", None),
        estimated=bool(data.get("estimated")),
        cost=cost,
        # Providers' list prices are in dollars where nothing else is said.
        currency=None if cost is None else _text(data, "currency") or "USD",
    )


def _charge(event: Event) -> list[AnyFact]:
    data = event.data
    return [
        ChargeFact(
            namespace=event.namespace,
            id=str(data["usage_id"]),
            at=_served(event),
            agent_id=str(data["agent_id"]),
            conversation_id=_text(data, "conversation_id"),
            model=_text(data, "model_used"),
            period=_text(data, "period"),
            amount=money(data["amount"]),
            currency=_text(data, "currency"),
            provider_cost=_amount(data, "provider_cost"),
            estimated=bool(data.get("estimated")),
        )
    ]


def _lines(event: Event) -> list[AnyFact]:
    data, found = event.data, list[AnyFact]()
    for place, line in enumerate(data.get("lines") or (), 1):
        quantity = line.get("quantity")
        found.append(
            InvoiceLineFact(
                namespace=event.namespace,
                id=f"{data['invoice_id']}/{place}",
                at=event.time,
                invoice_id=str(data["invoice_id"]),
                number=str(data["number"]),
                line=place,
                agent_id=_text(data, "agent_id"),
                period=_text(data, "period"),
                unit=_text(line, "unit"),
                model=_text(line, "model"),
                quantity=None if quantity is None else money(quantity, "lines.quantity"),
                amount=money(line.get("amount", 0), "lines.amount"),
                currency=_text(data, "currency"),
            )
        )
    return found


_MAKERS: Final[Mapping[str, Callable[[Event], list[AnyFact]]]] = {
    COMPLETED: _conversation,
    FAILED: _conversation,
    REPORTED: _conversation,
    USED: _usage,
    CHARGED: _charge,
    FINALISED: _lines,
}


def _common(event: Event) -> dict[str, Any]:
    return {
        "namespace": event.namespace,
        "id": str(event.data["conversation_id"]),
        "at": event.time,
        "agent_id": str(event.data["agent_id"]),
        "agent_version": _text(event.data, "agent_version"),
    }


def _served(event: Event) -> datetime:
    """When what is charged was used, which may be long before it is."""
    said = event.data.get("served_at")
    if said is None:
        return event.time
    try:
        at = datetime.fromisoformat(str(said))
        if EARLIEST <= at < LATEST:
            return at.astimezone(UTC)
    except (ValueError, TypeError):
        pass
    raise InvalidInput("served_at", f"must be a time with an offset, not {said!r:.40}")


def _session(event: Event) -> int | None:
    stands_for = event.data.get("session")
    if stands_for is not None:
        return int(stands_for)
    session_id = _text(event.data, "session_id")
    return None if session_id is None else session_key(event.namespace, session_id)


def _microseconds(data: Mapping[str, Any]) -> int | None:
    took = data.get("response_time_ms")
    if took is None:
        return None
    if not 0 <= took < _LARGEST // 1000:
        raise InvalidInput("response_time_ms", f"must be 0 or more, not {took}")
    return round(took * 1000)


def _text(data: Mapping[str, Any], name: str) -> str | None:
    value = data.get(name)
    return None if value is None or value == "" else str(value)


def _number(data: Mapping[str, Any], name: str, otherwise: Any) -> Any:
    value = data.get(name)
    if value is None:
        return otherwise
    if not isinstance(value, int) or not 0 <= value < _LARGEST:
        raise InvalidInput(name, f"must be a whole number of 0 or more, not {value!r:.40}")
    return value


def _amount(data: Mapping[str, Any], name: str) -> Decimal | None:
    value = data.get(name)
    return None if value is None else non_negative(value, name)
