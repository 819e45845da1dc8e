# SPDX-License-Identifier: Apache-2.0
"""The calculator: an expression in, a number out, or a sentence why not."""

from __future__ import annotations

from typing import Annotated

from pydantic import Field

from rollcall.kernel.errors import InvalidInput
from rollcall.tools.calculator.errors import CannotCalculate
from rollcall.tools.calculator.evaluation import worked_out
from rollcall.tools.calculator.limits import (
    DEFAULT_PRECISION,
    MAX_EXPRESSION,
    MAX_PRECISION,
    Budget,
)
from rollcall.tools.calculator.models import Calculation
from rollcall.tools.calculator.rendering import rendered


def calculate(
    expression: Annotated[
        str,
        Field(
            description="The arithmetic expression or sum to work out, in signs or in words, such"
            " as 10 + 5, 12 % of 349.90, sqrt(16), 2 ** 8, sin(30°), 5!, (1 + 2) * 3,"
            " square root of 16, 3 times 4, average of 1, 2 and 6. log is to base 10, ln to"
            " base e; angles are in radians unless written with °.",
            min_length=1,
            max_length=MAX_EXPRESSION,
            examples=["10 + 5", "sqrt(16)", "12 % of 349.90"],
        ),
    ],
    precision: Annotated[
        int,
        Field(
            description="Decimal places to which the result is rounded, halves away from 0.",
            ge=0,
            le=MAX_PRECISION,
        ),
    ] = DEFAULT_PRECISION,
) -> Calculation:
    """Works out an arithmetic expression: a calculator for maths and math problems.

    Calculates sums (add, plus), differences (subtract, minus), products (multiply, times) and
    quotients (divide), powers and exponents, square roots and cube roots, percentages (percent
    of, discount, increase), logarithms, sine, cosine and tangent, factorials, remainders
    (modulo), rounding, averages, minimum and maximum, and compares numbers.

    Args:
        expression: What to work out; 1 to 2000 characters.
        precision: Decimal places of the result, 0 to 50.

    Returns:
        The result; or, with `success` false, the reason why there is none.

    Raises:
        InvalidInput: There is no expression, or it is too long, or `precision` is out of range.
    """
    if not expression.strip():
        raise InvalidInput("expression", "must not be empty: give one such as 10 + 5")
    if len(expression) > MAX_EXPRESSION:
        raise InvalidInput(
            "expression", f"must have at most {MAX_EXPRESSION} characters, not {len(expression)}"
        )
    if not 0 <= precision <= MAX_PRECISION:
        raise InvalidInput("precision", f"must be from 0 to {MAX_PRECISION}, not {precision}")
    try:
        value = worked_out(expression, Budget())
    except CannotCalculate as impossible:
        return Calculation(
            expression=expression,
            result=None,
            success=False,
            error=impossible.problem,
            precision=precision,
        )
    return Calculation(
        expression=expression,
        result=value if isinstance(value, bool) else rendered(value, precision),
        success=True,
        precision=precision,
    )
