# SPDX-License-Identifier: Apache-2.0
from __future__ import annotations

import subprocess
import sys
from concurrent.futures import ThreadPoolExecutor
from decimal import ROUND_FLOOR, Context, localcontext

import pytest
from hypothesis import given
from hypothesis import strategies as st

from rollcall.tools.calculator import convert

EVERYDAY = [
    (10, "km", "miles", 6.2137119224, "length"),
    (10, "kilometres", "mi", 6.2137119224, "length"),
    (10, "KM", "Miles", 6.2137119224, "length"),
    (6, "feet", "cm", 182.88, "length"),
    (72, "inches", "ft", 6, "length"),
    (1, "nautical mile", "km", 1.852, "length"),
    (1, "light years", "km", 9460730472580.8, "length"),
    (1, "nm", "m", 1e-09, "length"),
    (5, "lbs", "kg", 2.26796185, "mass"),
    (1, "stone", "pounds", 14, "mass"),
    (1, "tonne", "kg", 1000, "mass"),
    (100, "degC", "degF", 212, "temperature"),
    (100, "celsius", "fahrenheit", 212, "temperature"),
    (212, "degrees fahrenheit", "degrees Celsius", 100, "temperature"),
    (-40, "°C", "°F", -40, "temperature"),
    (100, "C", "F", 212, "temperature"),
    (0, "kelvin", "C", -273.15, "temperature"),
    (60, "mph", "km/h", 96.56064, "speed"),
    (60, "miles per hour", "kilometers per hour", 96.56064, "speed"),
    (1, "m/s", "kph", 3.6, "speed"),
    (1, "gallon", "litres", 3.785411784, "volume"),
    (1, "US gallon", "l", 3.785411784, "volume"),
    (1, "imperial gallon", "litres", 4.54609, "volume"),
    (8, "fl oz", "ml", 236.5882365, "volume"),
    (8, "oz", "ml", 236.5882365, "volume"),
    (8, "oz", "g", 226.796185, "mass"),
    (1, "cubic metre", "L", 1000, "volume"),
    (1, "square metre", "sq ft", 10.7639104167, "area"),
    (1, "m²", "ft^2", 10.7639104167, "area"),
    (1, "hectare", "m2", 10000, "area"),
    (1, "GB", "MB", 1000, "data"),
    (1, "GB", "GiB", 0.93132257462, "data"),
    (1, "GiB", "MiB", 1024, "data"),
    (1, "gb", "kb", 1000000, "data"),
    (1, "byte", "bits", 8, "data"),
    (100, "Mbps", "MB/s", 12.5, "data rate"),
    (90, "minutes", "hours", 1.5, "time"),
    (1, "week", "days", 7, "time"),
    (1, "kWh", "MJ", 3.6, "energy"),
    (1, "kcal", "joules", 4184, "energy"),
    (1, "N m", "J", 1, "energy"),
    (1, "MW", "kW", 1000, "power"),
    (1, "mW", "W", 0.001, "power"),
    (1, "bar", "kPa", 100, "pressure"),
    (1, "atm", "psi", 14.6959487755, "pressure"),
    (1, "kg*m/s^2", "N", 1, "force"),
    (180, "degrees", "rad", 3.1415926536, "angle"),
    (50, "percent", "ppm", 500000, "ratio"),
    (1, "degC/m", "K/km", 1000, "kelvin / meter"),
    (0, "km", "m", 0, "length"),
]


@pytest.mark.parametrize(("value", "source", "target", "result", "kind"), EVERYDAY)
def test_units_are_converted_as_people_name_them(
    value: float, source: str, target: str, result: float, kind: str
) -> None:
    answer = convert(value, source, target)

    assert (answer.error, answer.result, answer.unit_type) == (None, result, kind)
    assert type(answer.result) is type(result)


IMPOSSIBLE = [
    (1, "km", "kg", "'km' measures length and 'kg' measures mass"),
    (1, "bit", "radian", "measures data and 'radian' measures angle"),
    (1, "kilomter", "m", "did you mean kilometer"),
    (1, "m", "xyzzy", "to_unit 'xyzzy' is no unit"),
    (1, "", "m", "from_unit is missing"),
    (1, "m" * 61, "m", "too long"),
    (1, "m^99", "m", "not a unit"),
    (1, "m**9**9", "m", "not a unit"),
    (1, "10**10**10", "m", "not a unit"),
    (1, "square m^5", "m", "exponent beyond 9"),
    (1, "m*m*m*m*m*m*m*m*m", "m", "too complex"),
    (1, "__import__('os')", "m", "no"),
    (1, "dB", "percent", "logarithmic"),
    (-300, "celsius", "kelvin", "absolute zero"),
    (1e308, "km", "mm", "out of range"),
    (float("nan"), "km", "m", "finite"),
    (float("inf"), "km", "m", "finite"),
]


@pytest.mark.parametrize(("value", "source", "target", "why"), IMPOSSIBLE)
def test_what_cannot_be_converted_is_explained(
    value: float, source: str, target: str, why: str
) -> None:
    answer = convert(value, source, target)

    assert not answer.success
    assert answer.result is None
    assert why in str(answer.error)


@pytest.mark.parametrize("kind", ["length", "Distance", " LENGTH ", None, ""])
def test_the_kind_may_be_told_in_other_words(kind: str | None) -> None:
    answer = convert(1, "km", "m", kind)

    assert answer.success
    assert answer.unit_type == "length"


def test_a_kind_that_the_units_do_not_have_is_an_error() -> None:
    assert "'km' measures length, not mass" in str(convert(1, "km", "m", "weight").error)


def test_a_kind_that_is_not_known_is_an_error_with_those_that_are() -> None:
    error = str(convert(1, "km", "m", "size").error)

    assert "length, mass, temperature" in error


UNITS = {
    "length": ["m", "km", "mile", "inch", "yard", "light year"],
    "mass": ["kg", "pound", "ounce", "stone", "ton", "mg"],
    "temperature": ["kelvin", "celsius", "fahrenheit", "rankine"],
    "speed": ["m/s", "mph", "knot", "km/h"],
    "data": ["bit", "byte", "GB", "GiB"],
}
PAIRS = st.sampled_from(sorted(UNITS)).flatmap(
    lambda kind: st.tuples(st.sampled_from(UNITS[kind]), st.sampled_from(UNITS[kind]))
)


@given(st.floats(0.1, 1e6), PAIRS)
def test_there_and_back_is_where_it_began(value: float, pair: tuple[str, str]) -> None:
    source, target = pair
    value = value + 1000 if source in UNITS["temperature"] else value
    there = convert(value, source, target)
    assert there.result is not None, there.error
    back = convert(there.result, target, source)

    assert back.result == pytest.approx(value, rel=1e-8)


@given(st.floats(-1e9, 1e9), st.text(max_size=70), st.text(max_size=70))
def test_any_text_has_an_answer(value: float, source: str, target: str) -> None:
    answer = convert(value, source, target)

    assert answer.success == (answer.error is None) == (answer.result is not None)


NAMES = (
    "m km s kg C degC F K dB GB byte / * ^ ** 2 -3 9 per square cubic squared ( ) µ ° 1 pi e"
).split()


@given(st.lists(st.sampled_from(NAMES), max_size=10), st.lists(st.sampled_from(NAMES), max_size=10))
def test_any_mixture_of_names_has_an_answer(source: list[str], target: list[str]) -> None:
    for glue in ("", " "):
        answer = convert(1, glue.join(source), glue.join(target))
        assert answer.success == (answer.error is None)


def test_nobody_elses_decimal_context_has_an_influence() -> None:
    expected = [convert(10, "km", "miles"), convert(100, "celsius", "fahrenheit")]

    with localcontext(Context(prec=2, rounding=ROUND_FLOOR, Emax=3, Emin=-3, traps=[])):
        found = [convert(10, "km", "miles"), convert(100, "celsius", "fahrenheit")]

    assert found == expected


def test_many_threads_may_convert_at_once() -> None:
    wanted = [(value, f"{prefix}m") for value in range(50) for prefix in ("k", "c", "µ", "n", "M")]
    with ThreadPoolExecutor(8) as pool:
        there = list(pool.map(lambda one: convert(one[0], one[1], "m"), wanted))

    assert all(answer.success for answer in there)


def test_pint_is_loaded_by_the_first_conversion_only() -> None:
    program = (
        "import sys; from rollcall.tools.calculator import calculate, convert;"
        " calculate('1 + 1'); assert 'pint' not in sys.modules;"
        " assert convert(1, 'km', 'm').result == 1000; assert 'pint' in sys.modules"
    )

    subprocess.run([sys.executable, "-W", "error", "-c", program], check=True)
