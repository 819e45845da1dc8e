# SPDX-License-Identifier: Apache-2.0
from __future__ import annotations

import math

import pytest
from hypothesis import given
from hypothesis import strategies as st

from rollcall.tools.calculator import calculate

KNOWN = {
    "sqrt(2)": "1.41421356237309504880168872420969807856967187537695",
    "cbrt(2)": "1.25992104989487316476721060727822835057025146470151",
    "pi": "3.14159265358979323846264338327950288419716939937511",
    "e": "2.71828182845904523536028747135266249775724709369996",
    "exp(-1)": "0.36787944117144232159552377016146086744581113103177",
    "ln(2)": "0.69314718055994530941723212145817656807550013436026",
    "log10(2)": "0.30102999566398119521373889472449302676818988146211",
    "sin(1)": "0.84147098480789650665250232163029899962256306079837",
    "cos(1)": "0.54030230586813971740093660744297660373231042061792",
    "tan(1)": "1.55740772465490223050697480745836017308725077238152",
    "atan(1/2)": "0.46364760900080611621425623146121440202853705428612",
    "4 * atan(1)": "3.14159265358979323846264338327950288419716939937511",
    "6 * asin(1/2)": "3.14159265358979323846264338327950288419716939937511",
    "3 * acos(1/2)": "3.14159265358979323846264338327950288419716939937511",
    "sinh(1)": "1.1752011936438014568823818505956008151557179813341",
    "asinh(sinh(2)) - 2 + pi": "3.14159265358979323846264338327950288419716939937511",
}


@pytest.mark.parametrize(("expression", "digits"), KNOWN.items())
def test_fifty_places_are_right(expression: str, digits: str) -> None:
    assert calculate(expression, precision=50).result == digits


def test_arguments_are_reduced_with_as_many_digits_of_pi_as_they_need() -> None:
    assert calculate("sin(10**100)").result == -0.3723761237


NUMBERS = st.floats(-1e6, 1e6).map(lambda value: round(value, 6))
SHARES = st.floats(-1, 1).map(lambda value: round(value, 6))


def value(expression: str) -> float:
    answer = calculate(expression, precision=15)
    assert isinstance(answer.result, int | float), answer.error
    return float(answer.result)


@given(NUMBERS)
def test_circular_functions_agree_with_the_machines(angle: float) -> None:
    assert value(f"sin({angle:f})") == pytest.approx(math.sin(angle), abs=1e-9)
    assert value(f"cos({angle:f})") == pytest.approx(math.cos(angle), abs=1e-9)
    assert value(f"atan({angle:f})") == pytest.approx(math.atan(angle), abs=1e-12)


@given(SHARES)
def test_inverse_functions_agree_with_the_machines(share: float) -> None:
    for name in ("asin", "acos", "sinh", "cosh", "tanh", "asinh"):
        assert value(f"{name}({share:f})") == pytest.approx(getattr(math, name)(share), abs=1e-12)


@given(NUMBERS, NUMBERS)
def test_the_angle_of_a_point_agrees_with_the_machines(y: float, x: float) -> None:
    assert value(f"atan2({y + 0:f}, {x + 0:f})") == pytest.approx(math.atan2(y + 0, x + 0))


@given(NUMBERS)
def test_the_squares_of_sine_and_cosine_add_up_to_one(angle: float) -> None:
    assert calculate(f"sin({angle:f})**2 + cos({angle:f})**2", precision=50).result == 1


@given(st.floats(1e-6, 1e6))
def test_logarithms_and_powers_undo_each_other(number: float) -> None:
    text = f"{number:.6f}"

    assert calculate(f"exp(ln({text})) == {text}").result is True
    assert calculate(f"sqrt({text}) ** 2 == {text}").result is True
    assert value(f"ln({text})") == pytest.approx(math.log(float(text)), abs=1e-12)
