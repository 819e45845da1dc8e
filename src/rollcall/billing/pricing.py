# SPDX-License-Identifier: Apache-2.0
"""What a usage is charged by a version of a rate card: pure, and exact.

An item for a model takes the place of the items for all models: one for tokens, of whichever sort,
of all of those for tokens; any other one of the same unit. Items add up.

Quantities of graduated tiers count on over an agent's period, from nothing for each version of a
card; so what a period comes to does not depend on the order in which its usages are recorded. The
flat price is charged once for an agent, a card and the period of the usage, also where that is
billed in a later one.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from decimal import Context, Decimal, localcontext
from itertools import groupby
from typing import Final, NamedTuple

from msgspec.structs import replace

from rollcall.billing.errors import PriceUnknown
from rollcall.billing.models import (
    ANY,
    CardVersion,
    Item,
    Line,
    Mode,
    ProviderCost,
    Quantities,
    Tier,
    Unit,
    Unpriced,
)
from rollcall.kernel.money import money

TOKENS: Final = frozenset({Unit.INPUT_TOKEN, Unit.OUTPUT_TOKEN, Unit.CACHED_TOKEN, Unit.TOKEN})
FLAT: Final = "flat"
"""What the flat price of a card is counted under, whichever version says it."""

_NOTHING: Final = Decimal(0)
# Quantities of 13 digits times prices of 19, before anything is rounded.
_WIDE: Final = Context(prec=64)


class Priced(NamedTuple):
    """What a usage is charged.

    Args:
        lines: What each item makes of it.
        counted: What is to be added to the counters, by `counter`.
    """

    lines: tuple[Line, ...]
    counted: Mapping[str, Decimal]

    @property
    def amount(self) -> Decimal:
        return sum((line.amount for line in self.lines), _NOTHING)


def counter(version: int, place: int, item: Item) -> str | None:
    """Under what an item of a version is counted; None: it does not matter how much there was."""
    if item.unit is Unit.FLAT:
        return FLAT
    return f"{version}/{place}" if item.tiers and item.mode is Mode.GRADUATED else None


def price(
    quantities: Quantities,
    card: CardVersion,
    before: Mapping[str, Decimal],
    cost: ProviderCost | None,
    model: str | None = None,
) -> Priced:
    """What a usage is charged.

    Args:
        quantities: What it counts as.
        card: The prices in force.
        before: What was counted before it in the agent's period, by `counter`; nothing: 0.
        cost: What the provider asks for, in the card's currency; None: nobody knows.
        model: What was used.

    Raises:
        PriceUnknown: That matters, and the card refuses it.
        InvalidInput: It comes to more than money goes.
    """
    items = list(applicable(card.items, model))
    apart = any(item.unit is Unit.CACHED_TOKEN for _, item in items)
    lines: list[Line] = []
    counted: dict[str, Decimal] = {}
    for place, item in items:
        key = counter(card.version, place, item)
        was = None if key is None else before.get(key, _NOTHING)
        quantity = _quantity(item.unit, quantities, apart=apart, was=was)
        if not quantity:
            continue
        if key is not None:
            counted[key] = quantity
        if item.markup is not None:
            lines.append(_marked_up(place, item, quantity, cost, card, model))
        else:
            lines += _lines(place, item, quantity, was)
    return Priced(tuple(lines), counted)


def applicable(items: Sequence[Item], model: str | None) -> Iterator[tuple[int, Item]]:
    """The items that are for a model, with their places."""
    own = {item.unit for item in items if item.model != ANY and item.model == model}
    for place, item in enumerate(items):
        if item.model != ANY:
            if item.model == model:
                yield place, item
        elif item.unit not in own and not (item.unit in TOKENS and own & TOKENS):
            yield place, item


def reworked(lines: Sequence[Line]) -> tuple[Line, ...]:
    """The lines as they must be by the prices, quantities and counters that stand in them.

    What was charged is right if these are equal to it.
    """
    return tuple(
        one
        for _, group in groupby(lines, key=lambda line: line.item)
        for one in _again(tuple(group))
    )


def _again(lines: tuple[Line, ...]) -> Iterator[Line]:
    first = lines[0]
    if first.tiers:
        total = sum((line.quantity for line in lines), _NOTHING)
        yield from _in_tiers(first, total, first.cumulative_before)
        return
    for line in lines:
        if line.provider_cost is not None and line.markup is not None:
            yield replace(line, amount=_product(line.provider_cost, 1 + line.markup))
        else:
            yield replace(line, amount=_product(line.quantity, line.unit_price or _NOTHING))


def _quantity(unit: Unit, of: Quantities, *, apart: bool, was: Decimal | None) -> Decimal:
    match unit:
        case Unit.INPUT_TOKEN:
            return Decimal(of.input_tokens - (of.cached_tokens if apart else 0))
        case Unit.OUTPUT_TOKEN:
            return Decimal(of.output_tokens)
        case Unit.CACHED_TOKEN:
            return Decimal(of.cached_tokens)
        case Unit.TOKEN:
            return Decimal(of.tokens)
        case Unit.REQUEST:
            return Decimal(of.requests)
        case Unit.CONVERSATION:
            return Decimal(of.conversations)
        case Unit.MINUTE:
            return of.minutes
        case Unit.FLAT:
            return _NOTHING if was else Decimal(1)


def _lines(place: int, item: Item, quantity: Decimal, was: Decimal | None) -> Iterator[Line]:
    bare = Line(
        item=place,
        unit=item.unit,
        model=item.model,
        quantity=quantity,
        amount=_NOTHING,
        cumulative_before=was,
        mode=item.mode,
    )
    if item.tiers:
        tiers = tuple(Tier(one.up_to, _each(one.price, item.per)) for one in item.tiers)
        yield from _in_tiers(replace(bare, tiers=tiers), quantity, was)
    else:
        each = _each(item.price or _NOTHING, item.per)
        yield replace(bare, unit_price=each, amount=_product(quantity, each))


def _in_tiers(line: Line, quantity: Decimal, was: Decimal | None) -> Iterator[Line]:
    """A line for each tier that a quantity falls in."""
    start = was or _NOTHING
    floor = _NOTHING
    for number, tier in enumerate(line.tiers):
        if line.mode is Mode.VOLUME:
            part = quantity if tier.up_to is None or quantity <= tier.up_to else _NOTHING
        else:
            end = start + quantity
            part = (end if tier.up_to is None else min(end, tier.up_to)) - max(start, floor)
        if part > 0:
            yield replace(
                line,
                tier=number,
                quantity=part,
                unit_price=tier.price,
                amount=_product(part, tier.price),
            )
            if line.mode is Mode.VOLUME:
                return
        floor = tier.up_to or floor


def _marked_up(
    place: int,
    item: Item,
    quantity: Decimal,
    cost: ProviderCost | None,
    card: CardVersion,
    model: str | None,
) -> Line:
    assert item.markup is not None
    line = Line(
        item=place,
        unit=item.unit,
        model=model or ANY,
        quantity=quantity,
        amount=_NOTHING,
        markup=item.markup,
    )
    if cost is not None:
        amount = _product(cost.amount, 1 + item.markup)
        return replace(line, provider_cost=cost.amount, amount=amount)
    if item.fallback is not None:
        each = _each(item.fallback, item.per)
        return replace(
            line,
            unit_price=each,
            amount=_product(quantity, each),
            note="no provider price is known: the card's fallback",
        )
    if card.unpriced is Unpriced.REFUSE:
        raise PriceUnknown(model, card.card_id)
    return replace(line, note="no provider price is known: nothing is charged")


def _each(amount: Decimal, per: int) -> Decimal:
    with localcontext(_WIDE):
        return money(amount / per, "price")


def _product(quantity: Decimal, each: Decimal) -> Decimal:
    with localcontext(_WIDE):
        return money(quantity * each, "amount")
