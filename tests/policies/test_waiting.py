# SPDX-License-Identifier: Apache-2.0
from __future__ import annotations

from fractions import Fraction

from hypothesis import given
from hypothesis import strategies as st

from rollcall.policies.waiting import wait_until

MOMENTS = st.floats(-1e12, 1e12)


@given(MOMENTS, MOMENTS)
def test_after_the_wait_the_moment_has_come(moment: float, now: float) -> None:
    assert now + wait_until(moment, now) >= moment


@given(MOMENTS, MOMENTS)
def test_the_wait_is_no_longer_than_rounding_makes_it(moment: float, now: float) -> None:
    exact = max(Fraction(0), Fraction(moment) - Fraction(now))
    wait = Fraction(wait_until(moment, now))
    assert abs(wait - exact) <= max(abs(moment), abs(now)) * Fraction(1, 2**51)


def test_a_moment_that_is_past_needs_no_wait() -> None:
    assert wait_until(5.0, 5.0) == 0.0
    assert wait_until(5.0, 6.0) == 0.0
