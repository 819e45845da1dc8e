# SPDX-License-Identifier: Apache-2.0
from __future__ import annotations

from contextlib import suppress

import pytest
from hypothesis import given
from hypothesis import strategies as st

from rollcall.tools.calculator import calculate
from rollcall.tools.calculator.errors import CannotCalculate
from rollcall.tools.calculator.evaluation import worked_out
from rollcall.tools.calculator.limits import HARD, MAX_EXPRESSION, MAX_STEPS, Budget

AT_ONCE = {
    "9**9**9": "too large",
    "10**10**10": "too large",
    "-(10**10**10)": "too large",
    "factorial(10**9)": "too large",
    "(2**100000)**100000": "too large",
    "1e999999 * 1e999999": "too large",
    "1e9999999999999999999999": "out of range",
    "1e-9999999": "out of range",
    "comb(10**300, 5 * 10**299)": "too large",
    "perm(10**300, 10**299)": "too large",
    "exp(10**100)": "too large",
    "cosh(10**9)": "too large",
    "10**399 * 10": "too large",
    "10**399 / 0.1": "too large",
    "1.0000001 ** (10**399)": "too large",
    "1 / 10**-399 * 10**2": "too large",
    "9" * 401: "too large",
    "1." + "9" * 401: "too many digits",
    "0x" + "f" * 401: "too large",
}


@pytest.mark.parametrize(("expression", "why"), AT_ONCE.items())
def test_what_is_too_large_is_refused_before_it_is_worked_out(expression: str, why: str) -> None:
    budget = Budget()

    with pytest.raises(CannotCalculate, match=why):
        worked_out(expression, budget)

    assert budget.spent < 20 * HARD


def test_the_error_says_how_large_the_result_would_be() -> None:
    assert "369,693,100" in str(calculate("9**9**9").error)


def test_numbers_may_have_four_hundred_digits() -> None:
    answer = calculate("10**399 + 1")

    assert answer.result == "1" + "0" * 398 + "1"


def test_a_hundred_factorial_is_exact() -> None:
    assert str(calculate("100! / 98!").result) == "9900"
    assert len(str(calculate("100!").result)) == 158


NESTED = {
    "parentheses": "(" * 900 + "1" + ")" * 900,
    "signs": "-" * 1500 + "1",
    "powers": "2" + "**1" * 600,
    "calls": "abs(" * 300 + "1" + ")" * 300,
    "lists": "max(" + "[" * 900 + "1" + "]" * 900 + ")",
    "shares": "50% of " * 200 + "8",
    "words": "square root of " * 100 + "16",
    "not": "not " * 300 + "1 < 2",
}


@pytest.mark.parametrize("expression", NESTED.values(), ids=NESTED)
def test_what_is_nested_too_deep_is_refused(expression: str) -> None:
    assert "deep" in str(calculate(expression).error)


def test_a_sum_may_have_a_thousand_terms() -> None:
    assert calculate("1+" * 999 + "1").result == 1000


def test_the_work_of_one_expression_is_bounded() -> None:
    budget = Budget()

    with pytest.raises(CannotCalculate, match="too much work"):
        worked_out("+".join(["ln(7)"] * 300), budget)

    assert budget.spent <= MAX_STEPS


def test_a_budget_gives_no_more_than_it_has() -> None:
    budget = Budget(steps=5)
    budget.spend(5)

    with pytest.raises(CannotCalculate):
        budget.spend()

    assert budget.spent == 5


HOSTILE = st.text("0123456789.eE+-*/%^!(),[] πsinlogqrtmaxfcobof", min_size=1, max_size=200)


@given(HOSTILE)
def test_no_text_takes_more_steps_than_there_are(text: str) -> None:
    budget = Budget(steps=500)
    with suppress(CannotCalculate):
        worked_out(text, budget)

    assert budget.spent <= 500


@given(st.text(min_size=MAX_EXPRESSION - 5, max_size=MAX_EXPRESSION))
def test_an_error_never_repeats_a_long_text(text: str) -> None:
    if text.strip():
        assert len(str(calculate(text).error)) < 400
