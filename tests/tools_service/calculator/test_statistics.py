# SPDX-License-Identifier: Apache-2.0
from __future__ import annotations

import statistics as standard
from decimal import ROUND_FLOOR, Context, localcontext
from fractions import Fraction

import pytest
from hypothesis import given
from hypothesis import strategies as st

from rollcall.kernel.errors import InvalidInput
from rollcall.tools.calculator import statistics
from rollcall.tools.calculator.statistics import MAX_DATA, OPERATIONS


def test_the_figures_of_a_small_list_are_right() -> None:
    answer = statistics([2, 4, 4, 4, 5, 5, 7, 9])

    assert answer.success
    assert answer.count == 8
    assert answer.results == {
        "count": 8,
        "sum": 40,
        "mean": 5,
        "median": 4.5,
        "mode": 4,
        "multimode": [4],
        "min": 2,
        "max": 9,
        "range": 7,
        "stdev": 2.1380899353,
        "variance": 4.5714285714,
        "pstdev": 2,
        "pvariance": 4,
        "quantiles": [4, 4.5, 5.5],
        "iqr": 1.5,
        "geometric_mean": 4.603215596,
        "harmonic_mean": 4.2017507295,
    }


def test_only_what_was_asked_for_is_answered_under_the_name_asked_by() -> None:
    answer = statistics([1, 2, 3, 4], ["Average", "standard deviation", "p90", "percentile_50"])

    assert answer.results == {
        "Average": 2.5,
        "standard deviation": 1.2909944487,
        "p90": 3.7,
        "percentile_50": 2.5,
    }
    assert answer.operations == list(answer.results)


def test_sums_have_no_noise() -> None:
    answer = statistics([0.1] * 10, ["sum", "mean", "pvariance"])

    assert answer.results == {"sum": 1, "mean": 0.1, "pvariance": 0}


def test_sums_of_what_lies_far_apart_lose_nothing() -> None:
    answer = statistics([1e300, 1, -1e300, 1e-9], ["sum"])

    assert answer.results == {"sum": 1.000000001}


def test_an_unknown_operation_is_named_with_those_that_are_known() -> None:
    answer = statistics([1, 2], ["mean", "medain"])

    assert not answer.success
    assert answer.results == {"mean": 1.5}
    assert "'medain'" in str(answer.error)
    assert "did you mean median?" in str(answer.error)
    assert all(name in str(answer.error) for name in OPERATIONS)


@pytest.mark.parametrize("name", ["p101", "p1000", "p-1", "p", "p1e9", "px"])
def test_a_percentile_lies_between_0_and_100(name: str) -> None:
    assert not statistics([1, 2], [name]).success


def test_what_one_number_has_not_is_explained_if_it_was_asked_for() -> None:
    assert "at least two numbers" in str(statistics([5], ["stdev"]).error)


def test_what_one_number_has_not_is_left_out_if_nothing_was_asked_for() -> None:
    answer = statistics([5])

    assert answer.success
    assert (
        answer.operations
        == list(answer.results)
        == [name for name in OPERATIONS if name not in ("stdev", "variance")]
    )


def test_means_that_negative_numbers_have_not_are_explained() -> None:
    answer = statistics([-1, 2], ["geometric_mean", "harmonic_mean"])

    assert str(answer.error).count("must not be negative") == 2


def test_means_of_what_contains_0_are_0() -> None:
    answer = statistics([0, 2], ["geometric_mean", "harmonic_mean"])

    assert answer.results == {"geometric_mean": 0, "harmonic_mean": 0}


@pytest.mark.parametrize(
    "data", [[], [1.0, float("nan")], [float("inf")], [0.0] * (MAX_DATA + 1)], ids=len
)
def test_data_that_cannot_be_described_is_invalid_input(data: list[float]) -> None:
    with pytest.raises(InvalidInput) as refused:
        statistics(data)

    assert refused.value.field == "data"


def test_too_many_operations_are_invalid_input() -> None:
    with pytest.raises(InvalidInput) as refused:
        statistics([1], ["mean"] * 51)

    assert refused.value.field == "operations"


DATA = st.lists(
    st.floats(-1e6, 1e6).map(lambda value: round(value, 3)) | st.integers(-5, 5).map(float),
    min_size=2,
    max_size=30,
)


@given(DATA)
def test_the_figures_are_those_of_the_standard_library(data: list[float]) -> None:
    exact = [Fraction(repr(value)) for value in data]
    found = statistics(data).results

    for name in ("mean", "median", "variance", "pvariance", "mode"):
        expected = getattr(standard, name)(exact)
        assert abs(Fraction(str(found[name])) - expected) <= max(1, abs(expected)) / 10**10
    assert found["quantiles"] == pytest.approx(
        standard.quantiles(data, n=4, method="inclusive"), abs=1e-6
    )
    assert (found["min"], found["max"]) == (min(data), max(data))


@given(st.lists(st.floats(1e-3, 1e6), min_size=1, max_size=30))
def test_the_other_means_are_those_of_the_standard_library(data: list[float]) -> None:
    found = statistics(data, ["geometric_mean", "harmonic_mean"]).results

    assert found["geometric_mean"] == pytest.approx(
        standard.geometric_mean(data), rel=1e-12, abs=1e-9
    )
    assert found["harmonic_mean"] == pytest.approx(
        standard.harmonic_mean(data), rel=1e-12, abs=1e-9
    )


FINITE = st.lists(st.floats(allow_nan=False, allow_infinity=False), min_size=1, max_size=20)


@given(FINITE, st.lists(st.text(max_size=12), max_size=3))
def test_any_finite_numbers_and_any_operations_have_an_answer(
    data: list[float], operations: list[str]
) -> None:
    answer = statistics(data, operations)

    assert answer.success == (answer.error is None)


@given(FINITE)
def test_nobody_elses_decimal_context_has_an_influence(data: list[float]) -> None:
    expected = statistics(data)

    with localcontext(Context(prec=2, rounding=ROUND_FLOOR, Emax=3, Emin=-3, traps=[])):
        assert statistics(data) == expected
