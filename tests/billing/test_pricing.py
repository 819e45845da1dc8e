"""What a usage is charged by a version of a rate card: pure."""

from __future__ import annotations

from decimal import Decimal

import pytest
from hypothesis import given
from hypothesis import strategies as st
from msgspec.structs import replace

from rollcall.billing.errors import PriceUnknown
from rollcall.billing.models import (
    CardVersion,
    Item,
    Mode,
    ProviderCost,
    Quantities,
    Tier,
    Unit,
    Unpriced,
)
from rollcall.billing.pricing import Priced, price, reworked
from support.billing import priced, tiered, version

NOTHING = Decimal(0)
GRADUATED = version(tiered(Unit.TOKEN, (100, "0.01"), (1000, "0.005"), (None, "0.001")))


def charge(card: CardVersion, quantities: Quantities, **more: object) -> Priced:
    return price(quantities, card, {}, None, **more)


def test_each_unit_has_its_price() -> None:
    card = version(
        priced(Unit.INPUT_TOKEN, "2", per=1_000_000),
        priced(Unit.OUTPUT_TOKEN, "8", per=1_000_000),
        priced(Unit.CACHED_TOKEN, "0.5", per=1_000_000),
        priced(Unit.REQUEST, "0.001"),
        priced(Unit.CONVERSATION, "0.02"),
        priced(Unit.MINUTE, "0.1"),
        priced(Unit.FLAT, "5"),
    )
    used = Quantities(
        input_tokens=1000,
        cached_tokens=400,
        output_tokens=100,
        requests=3,
        conversations=1,
        minutes=Decimal("1.5"),
    )
    lines = {one.unit: (one.quantity, one.amount) for one in charge(card, used).lines}
    assert lines == {
        Unit.INPUT_TOKEN: (600, Decimal("0.0012")),
        Unit.OUTPUT_TOKEN: (100, Decimal("0.0008")),
        Unit.CACHED_TOKEN: (400, Decimal("0.0002")),
        Unit.REQUEST: (3, Decimal("0.003")),
        Unit.CONVERSATION: (1, Decimal("0.02")),
        Unit.MINUTE: (Decimal("1.5"), Decimal("0.15")),
        Unit.FLAT: (1, Decimal(5)),
    }


def test_a_card_without_a_price_for_what_was_cached_charges_it_as_input() -> None:
    used = Quantities(input_tokens=10, cached_tokens=4)
    (line,) = charge(version(priced(Unit.INPUT_TOKEN, "1")), used).lines
    assert line.quantity == 10


def test_a_graduated_price_is_that_of_each_part() -> None:
    made = charge(GRADUATED, Quantities(input_tokens=1500))
    assert [(one.tier, one.quantity, one.amount) for one in made.lines] == [
        (0, 100, Decimal("1.00")),
        (1, 900, Decimal("4.500")),
        (2, 500, Decimal("0.500")),
    ]
    assert made.counted == {"1/0": 1500}


def test_a_graduated_price_goes_on_where_the_period_stands() -> None:
    made = price(Quantities(input_tokens=20), GRADUATED, {"1/0": Decimal(90)}, None)
    assert [(one.tier, one.quantity) for one in made.lines] == [(0, 10), (1, 10)]
    assert all(one.cumulative_before == 90 for one in made.lines)


def test_a_volume_price_is_that_of_the_tier_a_usage_reaches() -> None:
    card = version(tiered(Unit.TOKEN, (100, "0.01"), (None, "0.001"), mode=Mode.VOLUME))
    assert charge(card, Quantities(input_tokens=100)).amount == Decimal(1)
    made = price(Quantities(input_tokens=101), card, {"1/0": Decimal(50)}, None)
    assert made.amount == Decimal("0.101")
    assert made.counted == {}


def test_an_item_for_a_model_takes_the_place_of_those_for_all() -> None:
    card = version(
        priced(Unit.INPUT_TOKEN, "1"),
        priced(Unit.OUTPUT_TOKEN, "1"),
        priced(Unit.REQUEST, "7"),
        priced(Unit.TOKEN, "2", model="big"),
    )
    used = Quantities(input_tokens=3, output_tokens=4, requests=1)
    assert charge(card, used, model="big").amount == 2 * 7 + 7
    assert charge(card, used, model="other").amount == 7 + 7
    assert charge(card, used).amount == 7 + 7


def test_a_markup_is_laid_upon_the_providers_cost() -> None:
    card = version(Item(unit=Unit.TOKEN, markup=Decimal("0.20")))
    cost = ProviderCost(Decimal("0.0105"), "list")
    made = price(Quantities(input_tokens=1000), card, {}, cost, "m")
    assert made.amount == Decimal("0.0126")
    assert (made.lines[0].model, made.lines[0].provider_cost) == ("m", cost.amount)


def test_without_a_providers_price_the_card_says_what_is_charged() -> None:
    used = Quantities(input_tokens=1000)
    bare = Item(unit=Unit.TOKEN, markup=Decimal(0))
    (free,) = charge(version(bare), used, model="m").lines
    assert (free.amount, free.note) == (0, "no provider price is known: nothing is charged")

    fallback = Item(unit=Unit.TOKEN, markup=Decimal(0), fallback=Decimal("0.5"), per=1000)
    (line,) = charge(version(fallback), used, model="m").lines
    assert (line.amount, line.note) == (
        Decimal("0.5"),
        "no provider price is known: the card's fallback",
    )

    with pytest.raises(PriceUnknown, match="no provider price is known for model 'm'"):
        charge(version(bare, unpriced=Unpriced.REFUSE), used, model="m")


def test_the_flat_price_is_charged_once_in_a_period_whatever_the_version() -> None:
    first = charge(version(priced(Unit.FLAT, "5")), Quantities())
    assert (first.amount, first.counted) == (5, {"flat": 1})
    later = version(priced(Unit.FLAT, "9"), number=2)
    assert price(Quantities(), later, first.counted, None).lines == ()


amounts = st.decimals("0", "100", places=6)
steps = st.lists(st.integers(1, 5000), min_size=1, max_size=6, unique=True).map(sorted)


@st.composite
def graduated(draw: st.DrawFn) -> CardVersion:
    ends = draw(steps)
    prices = draw(st.lists(amounts, min_size=len(ends) + 1, max_size=len(ends) + 1))
    tiers = tuple(
        Tier(None if end is None else Decimal(end), each)
        for end, each in zip([*ends, None], prices, strict=True)
    )
    return version(Item(unit=Unit.TOKEN, tiers=tiers))


def spent(card: CardVersion, parts: list[int]) -> Decimal:
    counters: dict[str, Decimal] = {}
    total = NOTHING
    for part in parts:
        made = price(Quantities(input_tokens=part), card, counters, None)
        for item, quantity in made.counted.items():
            counters[item] = counters.get(item, NOTHING) + quantity
        total += made.amount
    return total


parts = st.lists(st.integers(0, 3000), max_size=8)


@given(graduated(), parts)
def test_the_parts_of_a_quantity_cost_what_the_whole_does(
    card: CardVersion, quantities: list[int]
) -> None:
    assert spent(card, quantities) == spent(card, [sum(quantities)])


@given(graduated(), parts, st.randoms())
def test_the_order_of_usages_does_not_change_what_they_cost(
    card: CardVersion, quantities: list[int], random: object
) -> None:
    shuffled = list(quantities)
    random.shuffle(shuffled)
    assert spent(card, shuffled) == spent(card, quantities)


@given(graduated(), st.integers(0, 10_000), st.integers(0, 10_000))
def test_more_never_costs_less(card: CardVersion, some: int, more: int) -> None:
    assert 0 <= spent(card, [some]) <= spent(card, [some + more])


@st.composite
def anything(draw: st.DrawFn) -> CardVersion:
    """A version with several sorts of items."""
    each = st.decimals("0", "10", places=3)
    items = [
        Item(unit=unit, price=draw(each), per=draw(st.sampled_from((1, 1000))))
        for unit in draw(st.sets(st.sampled_from(sorted(set(Unit) - {Unit.TOKEN}))))
    ]
    if draw(st.booleans()):
        items.append(Item(unit=Unit.TOKEN, markup=draw(each), fallback=draw(each)))
    else:
        items += draw(graduated()).items
    return version(*items)


@given(
    anything(),
    st.integers(0, 10**6),
    st.integers(0, 10**6),
    st.integers(0, 10**6),
    st.decimals("0", "1000", places=6),
    st.none() | st.decimals("0", "1000", places=9),
)
def test_what_is_charged_can_be_worked_out_again_from_its_lines(
    card: CardVersion, read: int, written: int, before: int, minutes: Decimal, cost: Decimal | None
) -> None:
    used = Quantities(
        input_tokens=read,
        output_tokens=written,
        cached_tokens=read // 3,
        requests=2,
        conversations=1,
        minutes=minutes,
    )
    place = len(card.items) - 1
    known = None if cost is None else ProviderCost(cost, "list")
    made = price(used, card, {f"1/{place}": Decimal(before)}, known, "m")
    assert reworked(made.lines) == made.lines
    assert all(one.amount >= 0 for one in made.lines)
    tampered = [replace(one, amount=one.amount + 1) for one in made.lines]
    assert not tampered or reworked(tampered) != tuple(tampered)
