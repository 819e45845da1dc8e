from __future__ import annotations

from decimal import Decimal

import pytest
from hypothesis import given
from hypothesis import strategies as st

from rollcall.billing.currencies import exponent, major, minor, rounded
from rollcall.kernel.errors import InvalidInput


@pytest.mark.parametrize(
    ("currency", "digits"), [("USD", 2), ("JPY", 0), ("KWD", 3), ("CLP", 0), ("HUF", 2)]
)
def test_a_currency_has_the_digits_of_iso_4217(currency: str, digits: int) -> None:
    assert exponent(currency) == digits


@pytest.mark.parametrize("word", ["usd", "", "XXX", "DOLLAR"])
def test_what_is_no_currency_is_refused(word: str) -> None:
    with pytest.raises(InvalidInput, match="ISO 4217"):
        exponent(word)


@pytest.mark.parametrize(
    ("amount", "currency", "text"),
    [
        ("0.005", "USD", "0.00"),
        ("0.015", "USD", "0.02"),
        ("2.5", "JPY", "2"),
        ("1", "KWD", "1.000"),
    ],
)
def test_halves_are_rounded_to_even(amount: str, currency: str, text: str) -> None:
    assert str(rounded(Decimal(amount), currency)) == text


@pytest.mark.parametrize(("amount", "currency"), [("0.001", "USD"), ("1.5", "JPY")])
def test_a_fraction_of_the_smallest_unit_is_refused(amount: str, currency: str) -> None:
    with pytest.raises(InvalidInput, match="digits behind"):
        minor(Decimal(amount), currency)


@given(st.integers(-(10**15), 10**15), st.sampled_from(["USD", "JPY", "KWD"]))
def test_smallest_units_and_amounts_are_the_same_thing(units: int, currency: str) -> None:
    assert minor(major(units, currency), currency) == units
