from __future__ import annotations

from decimal import Decimal

from hypothesis import given
from hypothesis import strategies as st

from rollcall.billing.currencies import exponent
from rollcall.billing.invoice_lines import Charge, Gathering, InvoiceLine, LineKey

AMOUNTS = st.decimals(0, 10**9, places=12)


def key(**changed: object) -> LineKey:
    said = {
        "late": False,
        "service_period": "per_2026-11",
        "unit": "token",
        "model": "m",
        "rate_card_id": "card",
        "rate_card_version": 1,
    }
    return LineKey(**(said | changed))  # type: ignore[arg-type]


def lines_of(charges: list[Charge], currency: str = "USD") -> tuple[InvoiceLine, ...]:
    sums = Gathering()
    for one in charges:
        sums.add(one)
    return sums.lines(currency)


def test_usages_of_one_price_are_one_line_that_is_rounded_once() -> None:
    third = Charge(key(), Decimal(1), Decimal("0.004"), 100.0)
    (line,) = lines_of([third, third, third])
    assert line.amount == Decimal("0.01")
    assert line.exact_amount == Decimal("0.012")
    assert (line.quantity, line.usages) == (Decimal(3), 3)


def test_another_price_version_model_or_late_usage_is_another_line() -> None:
    keys = [
        key(),
        key(unit_price="0.1"),
        key(rate_card_version=2),
        key(model="n"),
        key(late=True, service_period="per_2026-10"),
    ]
    lines = lines_of([Charge(one, Decimal(1), Decimal(1), 0.0) for one in keys])
    assert {line.key for line in lines} == set(keys)
    assert [line.number for line in lines] == [1, 2, 3, 4, 5]
    assert lines[-1].key.late


def test_a_line_says_when_its_first_and_last_usage_was() -> None:
    times = [30.0, 10.0, 20.0]
    (line,) = lines_of([Charge(key(), Decimal(1), Decimal(1), at) for at in times])
    assert (line.service_from.timestamp(), line.service_to.timestamp()) == (10.0, 30.0)


@given(st.lists(st.tuples(st.sampled_from(["a", "b", "c"]), AMOUNTS)), st.randoms())
def test_the_order_of_usages_changes_nothing(
    parts: list[tuple[str, Decimal]], random: object
) -> None:
    charges = [
        Charge(key(model=model), amount, amount, float(place))
        for place, (model, amount) in enumerate(parts)
    ]
    shuffled = list(charges)
    random.shuffle(shuffled)  # type: ignore[attr-defined]
    assert lines_of(shuffled) == lines_of(charges)


@given(st.lists(AMOUNTS, min_size=1), st.sampled_from(["USD", "JPY", "KWD"]))
def test_a_line_is_less_than_one_smallest_unit_from_what_it_sums(
    amounts: list[Decimal], currency: str
) -> None:
    charges = [Charge(key(), Decimal(1), one, 0.0) for one in amounts]
    (line,) = lines_of(charges, currency)
    assert line.exact_amount == sum(amounts, Decimal(0))
    digits = exponent(currency)
    assert abs(line.amount - line.exact_amount) * 2 <= Decimal(1).scaleb(-digits)
    assert line.amount.as_tuple().exponent == -digits
