# SPDX-License-Identifier: Apache-2.0
from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from rollcall.kernel.errors import InvalidInput
from rollcall.tools.calculator import Calculation, calculate
from rollcall.tools.calculator.limits import MAX_EXPRESSION

EVERYDAY = {
    "10 + 5": 15,
    "10 - 5": 5,
    "3 * 4": 12,
    "10 / 4": 2.5,
    "-7 // 2": -4,
    "-7 % 3": 2,
    "7 mod 3": 1,
    "7 mod -3": -2,
    "2 ** 8": 256,
    "2 ^ 8": 256,
    "-2 ** 2": -4,
    "2 ** -1": 0.5,
    "2 ** 3 ** 2": 512,
    "0 ** 0": 1,
    "(1 + 2) * 3": 9,
    "1 + 2 * 3": 7,
    "0.1 + 0.2": 0.3,
    "1 / 3": 0.3333333333,
    "2 / 3": 0.6666666667,
    "5!": 120,
    "3 \u00d7 4 ÷ 2 \u2212 1": 5,
    "√16 + ∛27": 7,
    "√(9 + 16)": 5,
    "12²": 144,
    "2π": 6.2831853072,
    "2(3 + 4)": 14,
    "(1 + 2)(3 + 4)": 21,
    "1e3": 1000,
    "1.6e-19 * 2": 3.2e-19,
    "1_000 + 1": 1001,
    "1,234.50 + 1": 1235.5,
    "1,000,000 / 2": 500000,
    "max(1,234)": 234,
    "$349.90 * 2": 699.8,
    "0xff + 0b1": 256,
    ".5 + 5.": 5.5,
    "007": 7,
    "math.sqrt(16)": 4,
    "mean([1, 2, 6])": 3,
    "sqrt(16)": 4,
    "SQRT(16)": 4,
    "log(100)": 2,
    "log(8, 2)": 3,
    "ln(e)": 1,
    "sin(30°)": 0.5,
    "cos(pi / 2)": 0,
    "sin(pi * 10**300)": 0,
    "tan(45°)": 1,
    "round(2.5)": 3,
    "round(-2.5)": -3,
    "round(2.675, 2)": 2.68,
    "round(1250, -2)": 1300,
    "floor(-2.5)": -3,
    "ceil(2.1)": 3,
    "trunc(-2.7)": -2,
    "floor(1 / 3 * 3)": 1,
    "1 % 0.1": 0,
    "sqrt(2) ** 2 - 2": 0,
    "root(-27, 3)": -3,
    "(-8) ** 3": -512,
    "gcd(12, 18, 27)": 3,
    "lcm(4, 6)": 12,
    "comb(49, 6)": 13983816,
    "perm(10, 3)": 720,
    "exp(-5000)": 0,
    "1 < 2 < 3": True,
    "1 < 3 < 2": False,
    "1/3 + 1/3 + 1/3 == 1": True,
    "sqrt(2) ** 2 = 2": True,
    "2**300 == 2**300 + 1": False,
    "not 1 > 2 and 3 >= 3": True,
    "1 > 2 or 2 != 3": True,
    "2 + 2 =": 4,
    "10x5": 50,
    "0x5": 5,
    '"10 + 5"': 15,
    "`10 + 5`": 15,
    "1\n+ 2": 3,
}


@pytest.mark.parametrize(("expression", "result"), EVERYDAY.items())
def test_everyday_expressions_are_right(expression: str, result: object) -> None:
    answer = calculate(expression)

    assert (answer.error, answer.result) == (None, result)
    assert type(answer.result) is type(result)


IMPOSSIBLE = {
    "1 / 0": "division by zero",
    "5 mod 0": "division by zero",
    "0 ** -1": "division by zero",
    "sqrt(-1)": "not a real number",
    "(-8) ** (1/3)": "cbrt",
    "ln(0)": "above 0",
    "log(5, 1)": "base 1",
    "asin(2)": "from -1 to 1",
    "acosh(0)": "from 1",
    "atanh(1)": "between -1 and 1",
    "tan(90°)": "not defined",
    "factorial(2.5)": "whole numbers",
    "(-3)!": "negative",
    "comb(-1, 2)": "from 0 upwards",
    "gcd(1.5, 2)": "whole numbers",
    "root(-4, 2)": "not a real number",
    "root(4, 0)": "degree 0",
    "1 +": "ends too early",
    "* 3": "makes no sense",
    "(1 + 2": "closing ) is missing",
    "1 + 2)": "closing ) too many",
    "()": "closing )",
    "5!!": "two things",
    "2 3": "operator in front",
    "349,90": "decimals with a point",
    "1/2π": "two ways",
    "6/2(1+2)": "two ways",
    "sqroot(2)": "did you mean sqrt",
    "10 km": "conversion of units",
    "sqrt(1, 2)": "1 argument, not 2",
    "sin": "ends too early",
    "log()": "1 to 2 arguments, not 0",
    "max": "parentheses: max",
    "1 + (2 < 3)": "true or false",
    "1 and 2": "joins comparisons",
    "$5 + €3": "different currencies",
    "3 of 4": "percentage or a share",
    "10 off 80": "20% off 80",
    "nan": "no function or constant",
    "inf": "no function or constant",
    "__import__('os').system('id')": "means nothing",
    "lambda: 1": "no function or constant",
    "[1 for _ in x]": "means nothing",
    "1:2": "makes no sense",
    "?": "nothing to calculate",
}


@pytest.mark.parametrize(("expression", "why"), IMPOSSIBLE.items())
def test_what_has_no_result_is_explained(expression: str, why: str) -> None:
    answer = calculate(expression)

    assert not answer.success
    assert answer.result is None
    assert answer.error is not None
    assert why in answer.error


def test_the_answer_has_the_fields_of_the_contract() -> None:
    assert calculate("10 + 5", precision=4).model_dump() == {
        "expression": "10 + 5",
        "result": 15,
        "success": True,
        "error": None,
        "precision": 4,
    }


@pytest.mark.parametrize("expression", ["", "  \n "])
def test_an_empty_expression_is_invalid_input(expression: str) -> None:
    with pytest.raises(InvalidInput) as refused:
        calculate(expression)

    assert refused.value.field == "expression"


def test_an_expression_that_is_too_long_is_invalid_input() -> None:
    with pytest.raises(InvalidInput) as refused:
        calculate("1" * (MAX_EXPRESSION + 1))

    assert refused.value.field == "expression"


@pytest.mark.parametrize("precision", [-1, 51])
def test_a_precision_out_of_range_is_invalid_input(precision: int) -> None:
    with pytest.raises(InvalidInput) as refused:
        calculate("1", precision=precision)

    assert refused.value.field == "precision"


PRECISIONS = [
    ("2/3", 0, 1),
    ("2/3", 2, 0.67),
    ("2.345", 2, 2.35),
    ("4.999", 2, 5),
    ("0.001", 2, 0),
    ("0.5", 0, 1),
    ("2/3", 20, "0.66666666666666666667"),
    ("1/8", 20, 0.125),
    ("1/30000000", 10, 3.33333e-08),
    ("1/30000000", 8, 3e-08),
    ("2**53 - 1", 10, 9007199254740991),
    ("2**53", 10, "9007199254740992"),
    ("-(2**64)", 10, "-18446744073709551616"),
    ("10**20 / 3", 3, "33333333333333333333.333"),
    ("123456789 / 7", 10, 17636684.142857142857),
]


@pytest.mark.parametrize(("expression", "precision", "result"), PRECISIONS)
def test_results_are_rounded_and_shown_as_json_can_hold_them(
    expression: str, precision: int, result: object
) -> None:
    answer = calculate(expression, precision=precision)

    assert answer.result == result
    assert type(answer.result) is type(result)


def test_the_answer_survives_json() -> None:
    answer = calculate("1 < 2")

    assert Calculation.model_validate_json(answer.model_dump_json()).result is True


@given(st.text(max_size=60))
def test_any_text_at_all_has_an_answer(text: str) -> None:
    if text.strip():
        answer = calculate(text)
        assert answer.success == (answer.error is None) == (answer.result is not None)


PIECES = (
    "1 2.5 0 1e99 1e-99 349.90 + - * / // % ** ^ ! ( ) , of off and or not mod percent squared < =="
    " sqrt ln sin tan( atan2( factorial comb( max( sum round log base half twice million pi e"
    " degrees is what to by add subtract rounded ° √ [ ] x the hundred"
).split()


@given(st.lists(st.sampled_from(PIECES), min_size=1, max_size=25), st.integers(0, 50))
def test_any_mixture_of_what_it_knows_has_an_answer(pieces: list[str], precision: int) -> None:
    answer = calculate(" ".join(pieces), precision)

    assert answer.success == (answer.error is None) == (answer.result is not None)
    assert str(answer.result).lower().lstrip("-") not in ("nan", "inf", "infinity")
