# SPDX-License-Identifier: Apache-2.0
import math

import pytest
from bench.figures import median, percentile, ratio, summary
from hypothesis import given
from hypothesis import strategies as st

FIGURES = st.lists(st.floats(0, 1e12), min_size=1)


@given(FIGURES, st.floats(0, 1))
def test_a_percentile_is_a_measured_value_that_enough_values_do_not_exceed(
    values: list[float], share: float
) -> None:
    found = percentile(values, share)
    assert found in values
    assert sum(value <= found for value in values) >= share * len(values)


@given(FIGURES)
def test_percentiles_rise_with_their_share(values: list[float]) -> None:
    rising = [percentile(values, share / 10) for share in range(11)]
    assert rising == sorted(rising)
    assert (rising[0], rising[-1]) == (min(values), max(values))


def test_the_99th_percentile_of_a_hundred_leaves_one_out() -> None:
    assert percentile(list(range(1, 101)), 0.99) == 99


@pytest.mark.parametrize("share", [-0.1, 1.1])
def test_a_share_outside_of_0_to_1_is_refused(share: float) -> None:
    with pytest.raises(ValueError, match="between 0 and 1"):
        percentile([1.0], share)


def test_nothing_has_no_median_and_no_percentile() -> None:
    with pytest.raises(ValueError, match="at least one"):
        median([])
    with pytest.raises(ValueError, match="at least one"):
        percentile([], 0.5)


def test_one_slow_batch_moves_the_mean_and_not_the_median() -> None:
    found = summary([1.0] * 99 + [1001.0])
    assert (found["median"], found["mean"], found["batches"]) == (1.0, 11.0, 100)


def test_a_ratio_above_1_means_that_ours_is_better() -> None:
    assert ratio(300.0, 3.0) == 100


@pytest.mark.parametrize(
    ("theirs", "ours"),
    [(None, 1.0), (1.0, None), (1.0, 0.0), (math.inf, 1.0), (1.0, math.inf), (math.inf, math.inf)],
)
def test_there_is_no_ratio_to_what_is_no_figure(theirs: float | None, ours: float | None) -> None:
    assert ratio(theirs, ours) is None
