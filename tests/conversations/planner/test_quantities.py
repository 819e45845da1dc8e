import pytest
from hypothesis import given
from hypothesis import strategies as st

from rollcall.conversations.planner.quantities import change
from rollcall.conversations.planner.units import currency_code, measured


@pytest.mark.parametrize(
    ("text", "value", "given", "wanted", "kind"),
    [
        ("10 km in miles", 10, "km", "miles", "measure"),
        ("how many miles are 10 km", 10, "km", "miles", "measure"),
        ("72 degrees fahrenheit to celsius", 72, "fahrenheit", "celsius", "measure"),
        ("-40 C to F", -40, "C", "F", "measure"),
        ("a marathon is 42.195 km, how many miles is that?", 42.195, "km", "miles", "measure"),
        ("my bag weighs 12 kg, what is that in pounds?", 12, "kg", "pounds", "measure"),
        ("250 USD in EUR", 250, "USD", "EUR", "money"),
        ("$45 in yen", 45, "$", "yen", "money"),
        ("20 pounds for euros", 20, "pounds", "euros", "money"),
        ("20 pounds in kg", 20, "pounds", "kg", "measure"),
    ],
)
def test_an_amount_and_two_units_are_found(
    text: str, value: float, given: str, wanted: str, kind: str
) -> None:
    found = change(text)
    assert found is not None
    assert (found.number.json, found.given, found.wanted, found.kind) == (
        value,
        given,
        wanted,
        kind,
    )


@pytest.mark.parametrize(
    "text",
    ["10 km in dollars", "convert my heart to gold", "20 minutes for lunch", "10 + 5", "12 eggs"],
)
def test_what_cannot_be_changed_into_each_other_is_no_change(text: str) -> None:
    assert change(text) is None


def test_currencies_have_codes() -> None:
    assert [currency_code(one) for one in ("euros", "usd", "£", "shells")] == [
        "EUR",
        "USD",
        "GBP",
        "shells",
    ]


def test_units_measure_something() -> None:
    assert [measured(one) for one in ("feet", "kilograms", "°F", "shells")] == [
        "length",
        "mass",
        "temperature",
        "",
    ]


@given(st.text(max_size=120))
def test_any_text_is_read(text: str) -> None:
    change(f"12 {text}")
    change(text)
