# SPDX-License-Identifier: Apache-2.0
from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from rollcall.tools.calculator import calculate
from rollcall.tools.calculator.functions import FUNCTIONS
from rollcall.tools.calculator.tokens import tokens_of
from rollcall.tools.calculator.words import translate

SAID = {
    "Calculate the square root of 16": 4,
    "what is the square root of 16?": 4,
    "square root of 16 plus 9": 13,
    "square root of the sum of 9 and 16": 5,
    "cube root of 27": 3,
    "10 plus 5": 15,
    "What's 10 plus 5?": 15,
    "10 minus 5": 5,
    "3 times 4": 12,
    "3 x 4": 12,
    "3 multiplied by 4": 12,
    "10 divided by 4": 2.5,
    "10 over 4": 2.5,
    "2 to the power of 8": 256,
    "2 raised to the power of 8": 256,
    "10 squared": 100,
    "the square of 12": 144,
    "3 cubed": 27,
    "negative 5 plus 3": -2,
    "5 factorial": 120,
    "factorial of 5": 120,
    "absolute value of -5": 5,
    "sine of 30 degrees": 0.5,
    "sin 30 degrees": 0.5,
    "log base 2 of 8": 3,
    "log of 8 base 2": 3,
    "natural log of e": 1,
    "average of 3, 4 and 5": 4,
    "the sum of 1, 2, and 3": 6,
    "maximum of 3, 9 and 4": 9,
    "greatest common divisor of 12 and 18": 6,
    "least common multiple of 4 and 6": 12,
    "add 5 and 10": 15,
    "subtract 5 from 10": 5,
    "multiply 3 by 4": 12,
    "divide 10 by 4": 2.5,
    "the difference between 10 and 4": 6,
    "product of 3 and 4": 12,
    "half of 10": 5,
    "two thirds of 9": 6,
    "twice 5 plus 1": 11,
    "5 million divided by 2": 2500000,
    "2 dozen": 24,
    "twenty-five plus ten": 35,
    "twenty - five": 15,
    "one hundred and five times two": 210,
    "two hundred thousand and one": 200001,
    "a hundred minus one": 99,
    "10 divided by 3 rounded to 2 decimal places": 3.33,
    "round 3.14159 to 2 places": 3.14,
    "7 modulo 3": 1,
    "remainder of 7 and 3": 1,
    "2 plus 2 equals 4": True,
    "is 5 greater than 3": True,
    "5 is not equal to 3": True,
    "please work out 6 times 7": 42,
    "Calculate: 10 + 5": 15,
    "Hi! What is 10 + 5?": 15,
    "calculate `10 + 5`.": 15,
    "what do you get if you add 5 and 10": 15,
    "2 to the 8th power": 256,
    "2 to the 3rd": 8,
    "5 is what % of 20": 25,
    "log 100": 2,
    "square root of (16 + 9)": 5,
    "2.5 million": 2500000,
    "degrees(pi)": 180,
    "mod(7, 3)": 1,
}


@pytest.mark.parametrize(("words", "result"), SAID.items())
def test_what_people_say_is_understood(words: str, result: object) -> None:
    answer = calculate(words)

    assert (answer.error, answer.result) == (None, result)


NUMBERS = st.decimals(0, 10**9, places=3).map(str)
CONSTANTS = st.sampled_from(["pi", "e", "tau"])


def _combined(inner: st.SearchStrategy[str]) -> st.SearchStrategy[str]:
    signs = st.sampled_from("+ - * / // % ** ^ < <= == !=".split())
    return st.one_of(
        st.tuples(inner, signs, inner).map(" ".join),
        inner.map("({})".format),
        inner.map("-{}".format),
        inner.map("{}!".format),
        st.tuples(st.sampled_from(sorted(FUNCTIONS)), inner).map(lambda p: f"{p[0]}({p[1]})"),
        st.tuples(st.sampled_from(sorted(FUNCTIONS)), inner, inner).map(
            lambda p: f"{p[0]}({p[1]}, {p[2]})"
        ),
    )


@given(st.recursive(NUMBERS | CONSTANTS, _combined, max_leaves=12))
def test_a_plain_expression_passes_unchanged(expression: str) -> None:
    tokens = tokens_of(expression)

    assert translate(tokens, frozenset(FUNCTIONS)) == tokens


@given(st.recursive(NUMBERS | CONSTANTS, _combined, max_leaves=12))
def test_translating_twice_is_translating_once(expression: str) -> None:
    known = frozenset(FUNCTIONS)
    once = translate(tokens_of(f"what is {expression}"), known)

    assert translate(once, known) == once
