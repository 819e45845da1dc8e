# SPDX-License-Identifier: Apache-2.0
"""Whether a usage was charged what it must be: everything is worked out again from what was told,
the version of the rate card and the counters that stand with it. Pure.
"""

from __future__ import annotations

from collections.abc import Iterator
from decimal import Decimal
from typing import Any, NamedTuple

import msgspec

from rollcall.billing.models import CardVersion, Item, Line, ProviderCost, Unit, Usage
from rollcall.billing.pricing import FLAT, counter, price, reworked
from rollcall.billing.quantities import content_hash, quantities, told_of
from rollcall.kernel.errors import RollcallError


class Difference(NamedTuple):
    """Something that is not as it must be.

    Args:
        check: Which check found it.
        where: The usage, the line, the transaction.
        field: What of it.
        expected: What it must be.
        found: What it is.
    """

    check: str
    where: str
    field: str
    expected: str
    found: str


def differences(usage: Usage, card: CardVersion | None, currency: str) -> Iterator[Difference]:
    """What of a usage is not as it must be.

    Args:
        usage: As it is kept.
        card: The version that it was charged by; None: it is not there any more, and the prices
            that stand with the usage are all there is.
        currency: Of the invoice.
    """
    where = f"usage {usage.id}"

    def differs(field: str, expected: object, found: object) -> Iterator[Difference]:
        if expected != found:
            yield Difference("usages", where, field, shown(expected), shown(found))

    yield from differs("content_hash", content_hash(usage.raw), usage.content_hash)
    yield from differs("currency", currency, usage.currency)
    yield from differs("lines", reworked(usage.lines), usage.lines)
    total = sum((line.amount for line in usage.lines), Decimal(0))
    yield from differs("amount", total, usage.amount)
    if card is None:
        return
    try:
        told = told_of(usage.raw)
        counted = quantities(
            told, card.unsplit, counts=told.conversation and usage.quantities.conversations > 0
        )
        yield from differs("agent_id", told.agent_id, usage.agent_id)
        yield from differs("quantities", counted, usage.quantities)
        again = price(counted, card, _before(usage, card), _cost(usage), usage.model)
    except (RollcallError, msgspec.MsgspecError) as error:
        yield Difference("usages", where, "raw", "something that can be priced", str(error))
        return
    yield from differs("lines by the rate card", again.lines, usage.lines)


def shown(value: object) -> str:
    """A value for people, of any length that can be read."""
    text = format(value, "f") if isinstance(value, Decimal) else _text(value)
    return text if len(text) <= 300 else f"{text[:297]}..."


def _text(value: object) -> str:
    return value if isinstance(value, str) else msgspec.json.encode(value, enc_hook=str).decode()


def _before(usage: Usage, card: CardVersion) -> dict[str, Decimal]:
    """The counters as they were before a usage, of what stands in its lines."""
    was: dict[int, Decimal] = {
        line.item: line.cumulative_before
        for line in usage.lines
        if line.cumulative_before is not None
    }
    before: dict[str, Decimal] = {}
    for place, item in enumerate(card.items):
        key = counter(card.version, place, item)
        if key is not None and place in was:
            before[key] = was[place]
    if _flat(card.items) and not any(line.unit is Unit.FLAT for line in usage.lines):
        # It was charged with an earlier usage.
        before[FLAT] = Decimal(1)
    return before


def _flat(items: tuple[Item, ...]) -> bool:
    return any(item.unit is Unit.FLAT for item in items)


def _cost(usage: Usage) -> ProviderCost | None:
    """What the provider asked for, as it was frozen."""
    found: list[Line] = [line for line in usage.lines if line.provider_cost is not None]
    if not found:
        return None
    amount: Any = found[0].provider_cost
    return ProviderCost(amount, usage.price_source or "")
