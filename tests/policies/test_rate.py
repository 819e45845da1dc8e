# SPDX-License-Identifier: Apache-2.0
from __future__ import annotations

import itertools
import math
from fractions import Fraction
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from rollcall.kernel.errors import InvalidInput
from rollcall.policies.rate import TokenBucket

RATES = st.floats(1e-3, 1e6)
BURSTS = st.integers(1, 20)
TIMES = st.lists(st.floats(0, 1e9) | st.floats(0, 10), min_size=1, max_size=40).map(sorted)


def test_a_full_bucket_gives_its_burst_and_then_what_flows_in() -> None:
    bucket = TokenBucket(rate_per_second=2, burst=3)
    assert [bucket.take(100.0) for _ in range(4)] == [True, True, True, False]
    assert not bucket.take(100.25)
    assert bucket.take(100.5)
    assert not bucket.take(100.5)


def test_a_bucket_that_rests_holds_no_more_than_its_burst() -> None:
    bucket = TokenBucket(rate_per_second=10, burst=2)
    assert bucket.take(0.0, 2)
    assert bucket.take(1e9, 2)
    assert not bucket.take(1e9)


def test_what_is_refused_costs_nothing() -> None:
    bucket = TokenBucket(rate_per_second=1, burst=3)
    assert bucket.take(0.0, 2)
    assert not bucket.take(0.0, 2)
    assert bucket.take(0.0, 1)


def test_a_clock_that_goes_back_earns_no_tokens() -> None:
    bucket = TokenBucket(rate_per_second=1, burst=1)
    assert bucket.take(10.0)
    assert not bucket.take(5.0)
    assert not bucket.take(10.5)
    assert bucket.take(11.0)


@given(RATES, BURSTS, TIMES, st.data())
def test_no_stretch_of_time_ever_gives_more_than_burst_and_flow(
    rate: float, burst: int, times: list[float], data: st.DataObject
) -> None:
    bucket = TokenBucket(rate, burst)
    sizes = [data.draw(st.integers(1, burst)) for _ in times]
    taken = [(t, n) for t, n in zip(times, sizes, strict=True) if bucket.take(t, n)]
    for first, last in itertools.combinations_with_replacement(range(len(taken)), 2):
        stretch = Fraction(taken[last][0]) - Fraction(taken[first][0])
        granted = sum(n for _, n in taken[first : last + 1])
        assert granted <= burst + Fraction(rate) * stretch


@given(RATES, BURSTS, TIMES, st.data())
def test_it_grants_exactly_what_a_bucket_that_is_filled_by_hand_holds(
    rate: float, burst: int, times: list[float], data: st.DataObject
) -> None:
    bucket = TokenBucket(rate, burst)
    level, before = Fraction(burst), Fraction(times[0])
    for now in times:
        n = data.draw(st.integers(1, burst))
        level = min(Fraction(burst), level + Fraction(rate) * (Fraction(now) - before))
        before = Fraction(now)
        assert bucket.take(now, n) == (level >= n)
        level -= n if level >= n else 0


@given(st.integers(1, 10**6))
def test_one_second_refills_the_rate_and_not_a_float_sooner(rate: int) -> None:
    bucket = TokenBucket(rate, burst=rate)
    assert bucket.take(0.0, rate)
    assert not bucket.take(math.nextafter(1.0, 0.0), rate)
    assert bucket.take(1.0, rate)


@given(RATES, BURSTS, TIMES, st.data())
def test_who_waits_as_told_gets_the_tokens_and_not_a_moment_earlier(
    rate: float, burst: int, times: list[float], data: st.DataObject
) -> None:
    bucket = TokenBucket(rate, burst)
    for now in times:
        bucket.take(now, data.draw(st.integers(1, burst)))
    now, n = times[-1], data.draw(st.integers(1, burst))
    wait = bucket.wait_time(now, n)
    if wait == 0:
        assert bucket.take(now, n)
        return
    # Two floats before the end of the wait is before it, however the sum was rounded.
    end = now + wait
    early = math.nextafter(math.nextafter(end, -math.inf), -math.inf)
    assert early <= now or not bucket.take(early, n)
    assert bucket.take(end, n)


def test_asking_for_the_wait_takes_nothing() -> None:
    bucket = TokenBucket(rate_per_second=4, burst=1)
    assert bucket.wait_time(0.0) == 0.0
    assert bucket.take(0.0)
    assert bucket.wait_time(0.0) == 0.25
    assert bucket.wait_time(0.0) == 0.25


@pytest.mark.parametrize(
    ("field", "arguments"),
    [
        ("rate_per_second", (0, 1)),
        ("rate_per_second", (-1, 1)),
        ("rate_per_second", (math.inf, 1)),
        ("rate_per_second", (math.nan, 1)),
        ("burst", (1, 0)),
        ("burst", (1, 2.5)),
    ],
)
def test_a_bucket_that_makes_no_sense_is_refused(field: str, arguments: Any) -> None:
    with pytest.raises(InvalidInput) as refused:
        TokenBucket(*arguments)
    assert refused.value.field == field


@pytest.mark.parametrize("n", [0, -1, 4])
def test_more_than_the_burst_or_less_than_one_can_never_be_granted(n: int) -> None:
    bucket = TokenBucket(rate_per_second=1, burst=3)
    with pytest.raises(InvalidInput, match="n:"):
        bucket.take(0.0, n)
    with pytest.raises(InvalidInput, match="n:"):
        bucket.wait_time(0.0, n)


@given(RATES, BURSTS, TIMES)
def test_what_is_left_can_be_taken_and_no_more(rate: float, burst: int, times: list[float]) -> None:
    bucket = TokenBucket(rate, burst)
    for now in times:
        left = bucket.left(now)
        assert 0 <= left <= burst
        assert (bucket.full_in(now) == 0.0) == (left == burst)
        if left < burst:
            assert not bucket.take(now, left + 1)
        if left:
            assert bucket.take(now, left)
            assert bucket.left(now) == 0
