# SPDX-License-Identifier: Apache-2.0
from __future__ import annotations

from decimal import Decimal, localcontext
from fractions import Fraction
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from rollcall.kernel.errors import InvalidInput
from rollcall.kernel.money import DIGITS, LARGEST, money, non_negative, quantised

AMOUNTS = st.decimals(
    min_value=-LARGEST + 1, max_value=LARGEST - 1, allow_nan=False, allow_infinity=False
)


@pytest.mark.parametrize(
    ("value", "text"),
    [
        ("12.50", "12.50"),
        (Decimal("0.10"), "0.10"),
        (3, "3"),
        (0.1, "0.1"),
        (0.1 + 0.2, "0.3"),
        ("1.5e-7", "1.5E-7"),
        ("1e3", "1000"),
        ("-0", "0"),
        ("-1e-13", "0"),
        ("0e999999", "0"),
        ("1e-999999", "0"),
        ("2.0000000000005", "2"),
        ("2.0000000000015", "2.000000000002"),
        ("999999999999999.999999999999", "999999999999999.999999999999"),
    ],
)
def test_an_amount_is_read_without_what_floats_and_notations_add(value: Any, text: str) -> None:
    assert str(money(value)) == text


@pytest.mark.parametrize(
    "value",
    [
        "",
        "ten",
        "1,5",
        None,
        True,
        b"1",
        [],
        "nan",
        "sNaN",
        "-inf",
        float("nan"),
        float("inf"),
        "1e15",
        -(10**15),
        "1e999999999999999999999",
        "999999999999999.9999999999999",
        1e300,
    ],
    ids=repr,
)
def test_what_is_no_amount_is_refused_by_the_name_of_its_field(value: Any) -> None:
    with pytest.raises(InvalidInput) as refused:
        money(value, "price")
    assert refused.value.field == "price"


def test_an_integer_too_long_to_print_is_refused_in_a_short_sentence() -> None:
    with pytest.raises(InvalidInput, match=r"price: must be nearer to zero than 1e\+15"):
        money(10**5000, "price")


def test_an_amount_below_zero_is_money_but_not_non_negative() -> None:
    assert money("-1.25") == Decimal("-1.25")
    assert non_negative(0) == 0
    with pytest.raises(InvalidInput, match="limit: must not be negative"):
        non_negative("-0.01", "limit")


def test_an_application_with_a_narrow_decimal_context_changes_no_amount() -> None:
    with localcontext(prec=3):
        assert str(money("123456789.1234567890125")) == "123456789.123456789012"
        assert str(quantised(Decimal("123456.785"), 2)) == "123456.78"


@given(AMOUNTS)
def test_reading_moves_an_amount_by_half_a_unit_of_the_last_digit_at_most(value: Decimal) -> None:
    assert abs(Fraction(money(value)) - Fraction(value)) <= Fraction(1, 2 * 10**DIGITS)


@given(AMOUNTS)
def test_reading_an_amount_again_changes_nothing(value: Decimal) -> None:
    once = money(value)
    assert str(money(once)) == str(once)
    assert str(money(str(once))) == str(once)


@given(st.lists(AMOUNTS.map(money), max_size=9))
def test_sums_of_amounts_are_exact(amounts: list[Decimal]) -> None:
    assert Fraction(sum(amounts, Decimal(0))) == sum(map(Fraction, amounts), Fraction(0))


@given(AMOUNTS.map(money), st.integers(0, 4))
def test_a_quantised_amount_has_the_digits_asked_for_and_is_the_nearest(
    amount: Decimal, digits: int
) -> None:
    rounded = quantised(amount, digits)
    assert rounded.as_tuple().exponent == -digits
    assert abs(Fraction(rounded) - Fraction(amount)) <= Fraction(1, 2 * 10**digits)


def test_halves_are_rounded_to_even() -> None:
    assert [str(quantised(Decimal(text), 2)) for text in ("0.125", "0.135", "-0.125")] == [
        "0.12",
        "0.14",
        "-0.12",
    ]
