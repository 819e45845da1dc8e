from __future__ import annotations

from decimal import Decimal

import pytest
from hypothesis import given
from hypothesis import strategies as st

from rollcall.billing.amounts import amount_text, decimal_text
from rollcall.billing.currencies import exponent
from rollcall.kernel.money import DIGITS, LARGEST

AMOUNTS = st.decimals(-LARGEST, LARGEST, places=DIGITS) | st.decimals(
    -LARGEST, LARGEST, allow_nan=False, places=0
)
CURRENCIES = st.sampled_from(["USD", "JPY", "KWD"])


@pytest.mark.parametrize(
    ("amount", "currency", "text"),
    [
        ("0.0550000", "USD", "0.055"),
        ("12.5", "USD", "12.50"),
        ("0E-7", "USD", "0.00"),
        ("-0.00", "USD", "0.00"),
        ("1E+3", "USD", "1000.00"),
        ("1.5E-7", "USD", "0.00000015"),
        ("12.000", "JPY", "12"),
        ("0.5", "JPY", "0.5"),
        ("1", "KWD", "1.000"),
    ],
)
def test_an_amount_has_one_spelling(amount: str, currency: str, text: str) -> None:
    assert amount_text(Decimal(amount), currency) == text


@pytest.mark.parametrize(
    ("value", "text"), [("1E+3", "1000"), ("0.50", "0.5"), ("-0", "0"), ("100", "100")]
)
def test_a_quantity_has_no_more_digits_than_it_needs(value: str, text: str) -> None:
    assert decimal_text(Decimal(value)) == text


@given(AMOUNTS, CURRENCIES, st.integers(0, 5))
def test_what_is_printed_is_the_amount_however_it_was_spelled(
    amount: Decimal, currency: str, zeros: int
) -> None:
    text = amount_text(amount, currency)
    assert Decimal(text) == amount
    assert "E" not in text
    behind = text.partition(".")[2]
    assert len(behind) >= exponent(currency)
    assert len(behind) == exponent(currency) or not behind.endswith("0")
    spelled = format(amount, "f")
    longer = spelled + ("" if "." in spelled else ".") + "0" * zeros
    assert amount_text(Decimal(longer), currency) == text
    assert amount_text(Decimal(text), currency) == text
