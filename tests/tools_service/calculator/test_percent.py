# SPDX-License-Identifier: Apache-2.0
from __future__ import annotations

import pytest

from rollcall.tools.calculator import calculate

PERCENTAGES = {
    "12 % of 349.90": 41.988,
    "12% of 349.90": 41.988,
    "12 percent of 349.90": 41.988,
    "12 per cent of 349.90": 41.988,
    "12% of $349.90?": 41.988,
    "50%": 0.5,
    "5%%": 0.0005,
    "50% * 80": 40,
    "80 * 50%": 40,
    "349.90 + 12%": 391.888,
    "349.90 - 12%": 307.912,
    "100 + 10% + 5%": 115.5,
    "2 * 3 + 10%": 6.6,
    "100 + 10% * 2": 100.2,
    "10% + 20%": 0.3,
    "10% + 20% - 5%": 0.25,
    "50% + 3": 3.5,
    "20% of 50% of 80": 8,
    "10 / 20% of 50": 1,
    "12% of 349.90 + 10": 51.988,
    "12% of (300 + 49.90)": 41.988,
    "(10 + 2)% of 50": 6,
    "-12% of 50": -6,
    "80 + -25%": 60,
    "2 ** 50%": 1.4142135624,
    "3/4 of 80": 60,
    "20% off 80": 64,
    "percent(12, 349.90)": 41.988,
    "20 is what percent of 80": 25,
    "what percent of 80 is 20?": 25,
    "add 10% to 200": 220,
    "subtract 10% from 200": 180,
    "increase 200 by 10%": 220,
    "15% tip on 60": 9,
}


@pytest.mark.parametrize(("expression", "result"), PERCENTAGES.items())
def test_a_percentage_means_what_people_mean_by_it(expression: str, result: float) -> None:
    answer = calculate(expression)

    assert (answer.error, answer.result) == (None, result)


MODULO = {"7 % 3": 1, "7%3": 1, "7 % (3)": 1, "10 % sqrt(9)": 1, "10 % pi % 1": 0.5752220392}


@pytest.mark.parametrize(("expression", "result"), MODULO.items())
def test_the_sign_is_modulo_where_an_operand_follows(expression: str, result: float) -> None:
    assert calculate(expression).result == result


def test_a_sign_behind_it_is_plus_or_minus_and_never_belongs_to_a_divisor() -> None:
    assert calculate("7 % -3").result == -2.93
    assert calculate("7 % (-3)").result == -2
