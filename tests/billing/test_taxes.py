from __future__ import annotations

from decimal import Decimal

import pytest
from hypothesis import assume, given
from hypothesis import strategies as st

from rollcall.billing.taxes import Parts, split_subtotal, split_total, tax_on


@pytest.mark.parametrize(
    ("subtotal", "rate", "currency", "tax"),
    [
        ("100.00", "0.08", "USD", "8.00"),
        ("0.06", "0.08", "USD", "0.00"),
        ("1250", "0.10", "JPY", "125"),
        ("1255", "0.10", "JPY", "126"),
        ("1245", "0.10", "JPY", "124"),
        ("1.234", "0.05", "KWD", "0.062"),
        ("100.00", "0", "EUR", "0.00"),
    ],
)
def test_tax_is_rounded_once_to_the_currencys_smallest_unit(
    subtotal: str, rate: str, currency: str, tax: str
) -> None:
    assert str(tax_on(Decimal(subtotal), Decimal(rate), currency)) == tax


PARTS = st.builds(Parts, st.integers(1, 10**9), st.integers(0, 10**9)).filter(
    lambda parts: parts.tax <= parts.subtotal
)


@given(PARTS, st.lists(st.integers(1, 10**9), max_size=20))
def test_credits_never_take_more_of_either_part_than_there_was_and_end_at_nothing(
    of: Parts, amounts: list[int]
) -> None:
    left = of
    for amount in [*amounts, None]:
        part = left.total if amount is None else min(amount, left.total)
        if not part:
            continue
        split = split_total(part, of, left)
        assert split.total == part
        left = Parts(left.subtotal - split.subtotal, left.tax - split.tax)
        assert left.subtotal >= 0
        assert left.tax >= 0
    assert left == Parts(0, 0)


@given(PARTS, st.data())
def test_crediting_all_lines_credits_all_of_the_tax(of: Parts, data: st.DataObject) -> None:
    first = data.draw(st.integers(1, of.subtotal))
    assume(first < of.subtotal)
    one = split_subtotal(first, of, of)
    rest = Parts(of.subtotal - one.subtotal, of.tax - one.tax)
    assert min(rest) >= 0
    assert split_subtotal(rest.subtotal, of, rest) == rest
