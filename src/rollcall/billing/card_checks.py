# SPDX-License-Identifier: Apache-2.0
"""What a rate card may say: pure."""

from __future__ import annotations

from collections.abc import Sequence
from decimal import Decimal
from typing import Final

from rollcall.billing.models import ANY, PROVIDER_CURRENCY, Item, Mode, Tier, Unit
from rollcall.kernel.errors import InvalidInput
from rollcall.kernel.money import DIGITS, non_negative
from rollcall.web.lines import check_line

MOST_ITEMS: Final = 200
MOST_TIERS: Final = 50
LARGEST_PRICE: Final = Decimal(10**9)
LARGEST_MARKUP: Final = Decimal(1000)
LARGEST_QUANTITY: Final = Decimal(10**15)
MINUTE_PRICE_DIGITS: Final = 6
"""Together with those of a minute: the digits of an amount."""
STEPS: Final = (1, 1_000, 1_000_000)
"""How many units a price may be of."""


def check_items(items: Sequence[Item], currency: str) -> None:
    """See that items make a rate card.

    Raises:
        InvalidInput: They do not; names the field.
    """
    if not 1 <= len(items) <= MOST_ITEMS:
        raise InvalidInput("items", f"must be 1 to {MOST_ITEMS}, not {len(items)}")
    seen: set[tuple[Unit, str]] = set()
    for place, item in enumerate(items):
        field = f"items.{place}"
        _check_item(field, item, currency)
        if (item.unit, item.model) in seen:
            raise InvalidInput(field, f"{item.unit} of model {item.model!r} has a price already")
        seen.add((item.unit, item.model))


def _check_item(field: str, item: Item, currency: str) -> None:
    check_line(f"{field}.model", item.model)
    if item.per not in STEPS:
        raise InvalidInput(f"{field}.per", "must be 1, 1000 or 1000000")
    ways = (item.price is not None, bool(item.tiers), item.markup is not None)
    if sum(ways) != 1:
        raise InvalidInput(field, "must have exactly one of price, tiers and markup")
    if item.unit is Unit.FLAT and (item.tiers or item.per != 1 or item.model != ANY):
        raise InvalidInput(field, "flat has a price, for all models, of one")
    if item.mode is not Mode.GRADUATED and not item.tiers:
        raise InvalidInput(f"{field}.mode", "is said of tiers alone")
    if item.fallback is not None and item.markup is None:
        raise InvalidInput(f"{field}.fallback", "is said beside a markup alone")
    if item.markup is not None:
        _check_markup(field, item, currency)
    if item.price is not None:
        _check_price(f"{field}.price", item.price, item)
    if item.tiers:
        _check_tiers(f"{field}.tiers", item.tiers, item)


def _check_markup(field: str, item: Item, currency: str) -> None:
    assert item.markup is not None
    if item.unit is not Unit.TOKEN:
        raise InvalidInput(f"{field}.unit", "must be token: a markup is on the cost of all tokens")
    if currency != PROVIDER_CURRENCY:
        raise InvalidInput(
            f"{field}.markup",
            f"cannot be had in {currency}: providers' prices are in {PROVIDER_CURRENCY}",
        )
    if non_negative(item.markup, f"{field}.markup") > LARGEST_MARKUP:
        raise InvalidInput(f"{field}.markup", f"must be at most {LARGEST_MARKUP}")
    if item.fallback is not None:
        _check_price(f"{field}.fallback", item.fallback, item)
    elif item.per != 1:
        raise InvalidInput(f"{field}.per", "is said of a price, and there is none")


def _check_tiers(field: str, tiers: tuple[Tier, ...], item: Item) -> None:
    if len(tiers) > MOST_TIERS:
        raise InvalidInput(field, f"must be at most {MOST_TIERS}")
    floor = Decimal(0)
    for place, tier in enumerate(tiers):
        _check_price(f"{field}.{place}.price", tier.price, item)
        last = place == len(tiers) - 1
        if (tier.up_to is None) != last:
            raise InvalidInput(
                f"{field}.{place}.up_to", "must be a quantity, and null in the last tier alone"
            )
        if tier.up_to is not None:
            if not floor < non_negative(tier.up_to, f"{field}.{place}.up_to") < LARGEST_QUANTITY:
                raise InvalidInput(f"{field}.{place}.up_to", f"must be above {floor}")
            floor = tier.up_to


def _check_price(field: str, price: Decimal, item: Item) -> None:
    if non_negative(price, field) > LARGEST_PRICE:
        raise InvalidInput(field, f"must be at most {LARGEST_PRICE}")
    digits = MINUTE_PRICE_DIGITS if item.unit is Unit.MINUTE else DIGITS
    exponent = price.normalize().as_tuple().exponent
    assert isinstance(exponent, int)
    behind = max(0, -exponent) + len(str(item.per)) - 1
    if price and behind > digits:
        raise InvalidInput(
            field, f"must have at most {digits} digits behind the point for one {item.unit}"
        )
