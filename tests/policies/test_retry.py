# SPDX-License-Identifier: Apache-2.0
from __future__ import annotations

import asyncio
import math
from random import Random
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from rollcall.kernel.errors import InvalidInput
from rollcall.policies.retry import RetryPolicy, full_jitter

POLICIES = st.builds(
    RetryPolicy,
    max_retries=st.integers(0, 20),
    initial_delay=st.floats(0, 1e308),
    backoff_factor=st.floats(1, 1e308),
    max_delay=st.floats(0, 1e308),
)


def test_delays_double_from_one_second_up_to_thirty() -> None:
    policy = RetryPolicy()
    assert [policy.delay(attempt) for attempt in range(1, 8)] == [1, 2, 4, 8, 16, 30, 30]


@given(POLICIES, st.integers(1, 10**400))
def test_a_delay_is_never_negative_nor_above_the_ceiling(policy: RetryPolicy, attempt: int) -> None:
    assert 0 <= policy.delay(attempt) <= policy.max_delay


@given(POLICIES, st.integers(1, 10_000))
def test_a_delay_is_never_shorter_than_the_one_before(policy: RetryPolicy, attempt: int) -> None:
    assert policy.delay(attempt) <= policy.delay(attempt + 1)


def test_a_factor_given_as_an_integer_overflows_no_more_than_a_float() -> None:
    assert RetryPolicy(backoff_factor=2).delay(10**9) == 30.0


def test_without_an_initial_delay_there_is_none_ever() -> None:
    assert RetryPolicy(initial_delay=0).delay(10**9) == 0.0


@given(POLICIES)
def test_attempts_end_with_the_last_retry(policy: RetryPolicy) -> None:
    attempts = 1
    while policy.should_retry(attempts, OSError()):
        attempts += 1
    assert attempts == policy.max_retries + 1


def test_only_the_listed_errors_are_retried() -> None:
    policy = RetryPolicy(exceptions=(ConnectionError, TimeoutError))
    assert policy.should_retry(1, ConnectionResetError())
    assert policy.should_retry(1, TimeoutError())
    assert not policy.should_retry(1, ValueError())


@pytest.mark.parametrize(
    "error",
    [
        asyncio.CancelledError(),
        KeyboardInterrupt(),
        SystemExit(),
        GeneratorExit(),
        BaseExceptionGroup("several", [ValueError(), KeyboardInterrupt()]),
    ],
)
def test_cancellation_and_interrupts_are_never_retried(error: BaseException) -> None:
    assert not RetryPolicy().should_retry(1, error)


@pytest.mark.parametrize(
    ("field", "value"),
    [
        ("max_retries", -1),
        ("max_retries", 1.5),
        ("max_retries", True),
        ("initial_delay", -0.1),
        ("initial_delay", math.nan),
        ("initial_delay", "1"),
        ("backoff_factor", 0.5),
        ("backoff_factor", 10**400),
        ("max_delay", math.inf),
        ("max_delay", -1),
        ("exceptions", ValueError),
        ("exceptions", [ValueError]),
        ("exceptions", (ValueError(),)),
        ("exceptions", (asyncio.CancelledError,)),
        ("exceptions", (BaseException,)),
    ],
)
def test_a_policy_that_makes_no_sense_is_refused_by_field(field: str, value: Any) -> None:
    with pytest.raises(InvalidInput) as refused:
        RetryPolicy(**{field: value})
    assert refused.value.field == field


def test_attempts_are_counted_from_one() -> None:
    with pytest.raises(InvalidInput, match="attempt"):
        RetryPolicy().delay(0)
    with pytest.raises(InvalidInput, match="attempt"):
        RetryPolicy().should_retry(0, OSError())


@given(st.floats(0, 1e308), st.integers())
def test_jitter_never_makes_a_delay_longer_or_negative(delay: float, seed: int) -> None:
    assert 0 <= full_jitter(delay, Random(seed)) <= delay


def test_jitter_spreads_over_the_whole_delay() -> None:
    rng = Random(1)
    drawn = [full_jitter(10.0, rng) for _ in range(1000)]
    assert all(any(second <= one < second + 1 for one in drawn) for second in range(10))
