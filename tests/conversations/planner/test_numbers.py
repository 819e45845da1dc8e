from decimal import Decimal

import pytest
from hypothesis import given
from hypothesis import strategies as st

from rollcall.conversations.planner.numbers import numbers


@pytest.mark.parametrize(
    ("text", "values"),
    [
        ("1,200.50 CHF", ["1200.50"]),
        ("1.200,50 Euro", ["1200.50"]),
        ("3,5 und 4", ["3.5", "4"]),
        ("1, 2, 3 and 4", ["1", "2", "3", "4"]),
        ("from -40 to 17", ["-40", "17"]),
        ("30 - 12", ["30", "12"]),
        ("twenty-five times two hundred and four", ["25", "204"]),
        ("a dozen eggs", ["12"]),
        ("order LH454 of 00340434161094042557", []),
        ("6.02e23", ["6.02e23"]),
    ],
)
def test_numbers_are_read_as_people_write_them(text: str, values: list[str]) -> None:
    assert [one.value for one in numbers(text)] == [Decimal(value) for value in values]


def test_a_percent_sign_or_word_is_noticed() -> None:
    assert [one.percent for one in numbers("12 % of 5, and 3 percent, and 4")] == [
        True,
        False,
        True,
        False,
    ]


def test_one_may_be_no_number_at_all() -> None:
    assert [one.certain for one in numbers("which one of 3")] == [False, True]


@given(st.text(max_size=200))
def test_any_text_is_read(text: str) -> None:
    for number in numbers(text):
        assert 0 <= number.start < number.end <= len(text)
        assert isinstance(number.json, int | float)


@given(st.integers(-(10**14), 10**14))
def test_an_integer_is_read_back(value: int) -> None:
    (found,) = numbers(f"take {value} please")
    assert found.json == value
    assert type(found.json) is int


@given(st.integers(1000, 10**11))
def test_separators_of_thousands_change_nothing(value: int) -> None:
    (found,) = numbers(f"take {value:,} please")
    assert found.json == value
