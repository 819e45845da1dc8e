# SPDX-License-Identifier: Apache-2.0
from __future__ import annotations

import math

import pytest

from rollcall.kernel.errors import InvalidInput
from rollcall.policies import checks


def test_a_value_on_the_edge_of_its_range_is_returned() -> None:
    assert checks.whole("n", 3, 3) == 3
    assert checks.at_least("n", 3, 3) == 3.0
    assert checks.positive("n", 5e-324) == 5e-324


@pytest.mark.parametrize("value", [True, None, "4", 2, 4.0], ids=repr)
def test_what_is_no_whole_number_or_too_small_is_refused(value: object) -> None:
    with pytest.raises(InvalidInput, match="n: must be a whole number of at least 3"):
        checks.whole("n", value, 3)


@pytest.mark.parametrize(
    "value",
    [True, None, "4", -1, math.nan, math.inf, 10**400],
    ids="bool none str negative nan inf huge".split(),
)
def test_what_is_no_finite_number_or_too_small_is_refused(value: object) -> None:
    with pytest.raises(InvalidInput, match="n: must be a finite number of at least 0"):
        checks.at_least("n", value, 0)
    with pytest.raises(InvalidInput, match="n: must be a finite number above 0"):
        checks.positive("n", value)


def test_zero_is_not_above_zero() -> None:
    with pytest.raises(InvalidInput, match="above 0"):
        checks.positive("n", 0.0)
