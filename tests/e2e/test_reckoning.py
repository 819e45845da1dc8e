"""The month that is made up, and what it is reckoned to cost: looked at by themselves."""

from __future__ import annotations

import random
from collections import Counter
from datetime import UTC, datetime, timedelta
from decimal import ROUND_HALF_EVEN, Decimal
from fractions import Fraction
from zoneinfo import ZoneInfo

from hypothesis import given
from hypothesis import strategies as st

from rollcall.events.catalogue import CATALOGUE
from support.month import (
    AGENTS,
    BEFORE,
    EARLIER,
    END,
    LATE,
    MONTH,
    SINCE,
    START,
    ZONE,
    Telling,
    Way,
    firsts,
    month,
)
from support.reckoning import Markup, Price, Provider, Used, Version, reckon, to_even

SIZE = 4_000
LONG_AGO = datetime(2020, 1, 1, tzinfo=UTC)
PROVIDERS = {
    "m": Provider(Fraction(3), Fraction(1), Fraction(10)),
    "n": Provider(*[Fraction(7)] * 3),
}


def used(read: int, written: int = 0, *, cached: int = 0, day: int = 3, model: str = "m") -> Used:
    return Used("a", datetime(2025, 3, day, 12, tzinfo=UTC), model, read, cached, written)


def prices(*items: Price | Markup) -> dict[str, list[Version]]:
    return {"a": [Version(1, LONG_AGO, items)]}


@given(st.fractions(min_value=0, max_value=10**6))
def test_a_fraction_is_rounded_half_to_even(number: Fraction) -> None:
    assert to_even(number) == round(number)


@given(st.integers(0, 10**9))
def test_halves_go_where_decimals_go(number: int) -> None:
    half = Fraction(2 * number + 1, 2)
    decimal = (Decimal(number) + Decimal("0.5")).quantize(Decimal(1), ROUND_HALF_EVEN)
    assert to_even(half) == decimal


def test_a_conversation_costs_what_it_costs_and_a_line_is_rounded_once() -> None:
    card = prices(Price("conversation", Fraction("0.0125")))
    invoice = reckon([used(1), used(2), used(3)], card, PROVIDERS, UTC)["2025-03", "a"]
    (line,) = invoice.lines.values()
    assert (line.quantity, line.exact, line.cents) == (3, Fraction("0.0375"), 4)
    assert (invoice.subtotal, invoice.tax(Fraction("0.5")), invoice.total(Fraction("0.5"))) == (
        4,
        2,
        6,
    )


def test_tokens_cost_by_the_tier_that_they_fall_into() -> None:
    tiers = [(100, Fraction(3)), (150, Fraction(2)), (None, Fraction(1))]
    card = prices(Price("output_token", tiers=tiers))
    invoice = reckon([used(0, 90), used(0, 90)], card, PROVIDERS, UTC)["2025-03", "a"]
    assert {key: (line.quantity, line.exact) for key, line in invoice.lines.items()} == {
        ("2025-03", 1, "output_token", "*", 0, False): (100, 300),
        ("2025-03", 1, "output_token", "*", 1, False): (50, 100),
        ("2025-03", 1, "output_token", "*", 2, False): (30, 30),
    }


@given(st.lists(st.integers(0, 300), min_size=1, max_size=8), st.integers())
def test_the_order_of_usages_makes_no_difference_to_tiers(counts: list[int], seed: int) -> None:
    tiers = [(100, Fraction(3)), (500, Fraction(2)), (None, Fraction(1))]
    card = prices(Price("input_token", tiers=tiers))
    shuffled = list(counts)
    random.Random(seed).shuffle(shuffled)
    one, other, whole = (
        reckon([used(count) for count in some], card, PROVIDERS, UTC)
        for some in (counts, shuffled, [sum(counts)])
    )
    assert one == other == whole


def test_a_markup_is_laid_upon_what_the_provider_asks_for_of_each_model() -> None:
    card = prices(Markup("token", Fraction("0.2")))
    invoice = reckon(
        [used(1_000_000, 100_000, cached=400_000), used(1_000_000, model="n")],
        card,
        PROVIDERS,
        UTC,
    )["2025-03", "a"]
    exact = {key.model: line.exact for key, line in invoice.lines.items()}
    assert exact == {"m": Fraction("3.2") * Fraction("1.2"), "n": Fraction("8.4")}


def test_each_usage_has_the_prices_of_its_time_and_a_line_for_them() -> None:
    halfway = datetime(2025, 3, 10, tzinfo=UTC)
    versions = [
        Version(1, LONG_AGO, [Price("conversation", Fraction(1))]),
        Version(2, halfway, [Price("conversation", Fraction(2))]),
    ]
    invoices = reckon([used(1, day=9), used(1, day=10)], {"a": versions}, PROVIDERS, UTC)
    lines = invoices["2025-03", "a"].lines
    assert {key.version: line.exact for key, line in lines.items()} == {1: 1, 2: 2}


def test_a_month_ends_at_midnight_of_the_zone() -> None:
    last = datetime(2025, 3, 31, 21, 59, 59, tzinfo=UTC)
    usages = [Used("a", last + timedelta(seconds=more), "m", 1, 0, 1) for more in (0, 1)]
    card = prices(Price("conversation", Fraction(1)))
    berlin = reckon(usages, card, PROVIDERS, ZoneInfo("Europe/Berlin"))
    assert set(berlin) == {("2025-03", "a"), ("2025-04", "a")}
    assert set(reckon(usages, card, PROVIDERS, UTC)) == {("2025-03", "a")}


def test_the_same_seed_makes_the_same_month_and_another_one_does_not() -> None:
    assert month(1, 300) == month(1, 300)
    assert month(1, 300) != month(2, 300)


def test_a_month_has_what_it_says() -> None:
    made = month(7, SIZE)
    usages = made.usages
    assert sorted(one.number for one in usages) == [*range(SIZE)]
    assert {one.agent_id for one in usages} == {*AGENTS}
    ways = Counter(one.way for one in usages)
    assert abs(ways[Way.EVENT] / SIZE - 0.5) < 0.03
    assert ways[Way.SINGLE] > 100
    assert all(
        START <= one.at < END for one in usages if one.number >= SIZE * EARLIER and not one.late
    )
    late = [one for one in usages if one.late]
    assert len(late) == SIZE * LATE
    assert all(SINCE <= one.at < START for one in late)
    assert all(0 <= one.cached <= one.read for one in usages)
    local = Counter(one.at.astimezone(ZONE).strftime("%Y-%m") for one in usages)
    in_utc = Counter(one.at.strftime("%Y-%m") for one in usages)
    assert {*local} == {BEFORE, MONTH}
    assert local != in_utc


def test_what_is_told_again_comes_after_the_first_time() -> None:
    made = month(7, SIZE)
    seen = set[str]()
    for one in (*made.before, *made.during):
        assert (one.usage.key in seen) == (one.telling is not Telling.FIRST)
        seen.add(one.usage.key)
        assert one.way is one.usage.way or one.usage.way is Way.EVENT
        assert one.telling is not Telling.OTHERWISE or one.usage.way is not Way.EVENT
    tellings = Counter(one.telling for one in (*made.before, *made.during))
    more = tellings[Telling.AGAIN] + tellings[Telling.OTHERWISE]
    assert abs(more / SIZE - 0.055) < 0.02
    assert tellings[Telling.OTHERWISE] > 10
    invoiced = {one.key for one in firsts(made.before)}
    assert any(one.usage.key in invoiced for one in made.during)


def test_a_usage_told_otherwise_has_its_key_and_other_content() -> None:
    usage = month(1, 1).before[0].usage
    first, other = usage.body(), usage.body(otherwise=True)
    assert {name for name in first if first[name] != other[name]} == {"output_tokens"}


def test_the_events_of_a_usage_are_the_same_each_time_and_stand_in_the_catalogue() -> None:
    for told in month(3, 200).during:
        ending, spent = told.usage.events()
        assert (ending, spent) == told.usage.events()
        CATALOGUE.check(ending)
        CATALOGUE.check(spent)
        assert spent.data["tokens_used"] == told.usage.read + told.usage.written
        assert spent.id == told.usage.key
