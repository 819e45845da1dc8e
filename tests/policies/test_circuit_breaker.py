# SPDX-License-Identifier: Apache-2.0
from __future__ import annotations

import math
from itertools import takewhile
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, initialize, invariant, precondition, rule

from rollcall.kernel.errors import InvalidInput
from rollcall.policies.circuit_breaker import CircuitBreaker, CircuitState, Permit


def call(breaker: CircuitBreaker, now: float, outcomes: str) -> None:
    """Make one call for each letter: S succeeds, F fails."""
    for outcome in outcomes:
        permit = admitted(breaker, now)
        (breaker.succeeded if outcome == "S" else breaker.failed)(permit, now)


def admitted(breaker: CircuitBreaker, now: float) -> Permit:
    permit = breaker.allow(now)
    assert permit
    return permit


def opened(now: float = 0.0) -> CircuitBreaker:
    breaker = CircuitBreaker(recovery_timeout=30)
    call(breaker, now, "FFFFF")
    assert breaker.state(now) is CircuitState.OPEN
    return breaker


def test_five_failures_in_a_row_open_it() -> None:
    breaker = CircuitBreaker(threshold=1)
    call(breaker, 0.0, "SSSSSSSSS" + "FFFF")
    assert breaker.state(0.0) is CircuitState.CLOSED
    call(breaker, 0.0, "F")
    assert breaker.state(0.0) is CircuitState.OPEN
    assert breaker.allow(0.0) is None


def test_half_of_the_calls_failing_opens_it_without_a_row() -> None:
    breaker = CircuitBreaker()
    call(breaker, 0.0, "SSFSFS" + "F")
    assert breaker.state(0.0) is CircuitState.CLOSED
    call(breaker, 0.0, "F")
    assert breaker.state(0.0) is CircuitState.OPEN


def test_the_share_counts_only_once_enough_calls_were_seen() -> None:
    breaker = CircuitBreaker(failure_threshold=5)
    call(breaker, 0.0, "FFSF")
    assert breaker.state(0.0) is CircuitState.CLOSED
    call(breaker, 0.0, "S")
    assert breaker.state(0.0) is CircuitState.OPEN


def test_failures_that_left_the_window_no_longer_count() -> None:
    breaker = CircuitBreaker(threshold=0.5, failure_threshold=4, window=4)
    call(breaker, 0.0, "SSSF" + "SSSF" * 50)
    assert breaker.state(0.0) is CircuitState.CLOSED
    call(breaker, 0.0, "F")
    assert breaker.state(0.0) is CircuitState.OPEN


def test_open_it_refuses_until_the_recovery_timeout() -> None:
    breaker = opened(100.0)
    assert breaker.allow(129.9) is None
    assert breaker.retry_after(100.0) == 30.0
    assert breaker.retry_after(120.0) == 10.0
    assert breaker.state(130.0) is CircuitState.HALF_OPEN
    assert breaker.retry_after(130.0) == 0.0
    assert breaker.allow(130.0)


def test_half_open_lets_exactly_one_trial_through() -> None:
    breaker = opened()
    assert breaker.allow(30.0)
    assert [breaker.allow(30.0), breaker.allow(59.9)] == [None, None]
    assert breaker.state(45.0) is CircuitState.HALF_OPEN
    assert breaker.retry_after(45.0) == 15.0


def test_a_trial_that_succeeds_closes_it_with_empty_counts() -> None:
    breaker = opened()
    call(breaker, 30.0, "S")
    assert breaker.state(30.0) is CircuitState.CLOSED
    assert breaker.retry_after(30.0) == 0.0
    call(breaker, 30.0, "FFFF")
    assert breaker.state(30.0) is CircuitState.CLOSED


def test_a_trial_that_fails_opens_it_anew() -> None:
    breaker = opened()
    permit = admitted(breaker, 30.0)
    breaker.failed(permit, 40.0)
    assert breaker.state(69.9) is CircuitState.OPEN
    assert breaker.state(70.0) is CircuitState.HALF_OPEN


def test_a_trial_that_never_reports_makes_room_after_another_timeout() -> None:
    breaker = opened()
    lost = admitted(breaker, 30.0)
    assert breaker.allow(59.9) is None
    second = admitted(breaker, 60.0)
    breaker.succeeded(lost, 61.0)
    assert breaker.state(61.0) is CircuitState.HALF_OPEN
    breaker.succeeded(second, 62.0)
    assert breaker.state(62.0) is CircuitState.CLOSED


def test_a_trial_that_is_broken_off_makes_room_for_the_next_at_once() -> None:
    breaker = opened()
    trial = admitted(breaker, 30.0)
    breaker.abandoned(trial, 31.0)
    assert breaker.state(31.0) is CircuitState.HALF_OPEN
    assert breaker.retry_after(31.0) == 0
    breaker.succeeded(trial, 31.0)
    assert breaker.state(31.0) is CircuitState.HALF_OPEN
    call(breaker, 31.0, "S")
    assert breaker.state(31.0) is CircuitState.CLOSED


def test_a_call_that_is_broken_off_counts_neither_way() -> None:
    breaker = CircuitBreaker(threshold=1)
    call(breaker, 0.0, "FFFF")
    breaker.abandoned(admitted(breaker, 0.0), 0.0)
    assert breaker.state(0.0) is CircuitState.CLOSED
    call(breaker, 0.0, "F")
    assert breaker.state(0.0) is CircuitState.OPEN


def test_an_older_trial_that_is_broken_off_leaves_the_newer_one_alone() -> None:
    breaker = opened()
    older = admitted(breaker, 30.0)
    newer = admitted(breaker, 60.0)
    breaker.abandoned(older, 61.0)
    assert breaker.allow(61.0) is None
    breaker.succeeded(newer, 61.0)
    assert breaker.state(61.0) is CircuitState.CLOSED


@pytest.mark.parametrize("report", [CircuitBreaker.succeeded, CircuitBreaker.failed])
def test_what_began_before_it_opened_neither_closes_nor_holds_it_open(report: Any) -> None:
    breaker = CircuitBreaker(recovery_timeout=30)
    slow = admitted(breaker, 0.0)
    call(breaker, 0.0, "FFFFF")
    report(breaker, slow, 20.0)
    assert breaker.state(20.0) is CircuitState.OPEN
    assert breaker.retry_after(20.0) == 10.0
    trial = admitted(breaker, 30.0)
    report(breaker, slow, 31.0)
    assert breaker.state(31.0) is CircuitState.HALF_OPEN
    assert breaker.allow(31.0) is None
    breaker.succeeded(trial, 32.0)
    assert breaker.state(32.0) is CircuitState.CLOSED


def test_late_failures_do_not_count_after_it_closed_again() -> None:
    breaker = CircuitBreaker()
    slow = [admitted(breaker, 0.0) for _ in range(5)]
    call(breaker, 0.0, "FFFFF")
    call(breaker, 30.0, "S")
    for permit in slow:
        breaker.failed(permit, 31.0)
    assert breaker.state(31.0) is CircuitState.CLOSED


@given(st.floats(0, 1e9), st.floats(1e-3, 1e6), st.floats(0, 1))
def test_who_comes_back_after_the_time_told_is_let_through(
    start: float, timeout: float, part: float
) -> None:
    breaker = CircuitBreaker(failure_threshold=1, recovery_timeout=timeout)
    call(breaker, start, "F")
    now = start + part * timeout
    assert breaker.allow(now + breaker.retry_after(now))


@pytest.mark.parametrize(
    ("field", "value"),
    [
        ("threshold", 0),
        ("threshold", 1.01),
        ("threshold", math.nan),
        ("failure_threshold", 0),
        ("failure_threshold", 2.0),
        ("window", 0),
        ("window", 4),
        ("recovery_timeout", 0),
        ("recovery_timeout", math.inf),
    ],
)
def test_a_breaker_that_makes_no_sense_is_refused_by_field(field: str, value: Any) -> None:
    with pytest.raises(InvalidInput) as refused:
        CircuitBreaker(**{field: value})
    assert refused.value.field == field


class Naive:
    """The rules of the breaker over whole lists, with calls known by number."""

    def __init__(self, threshold: float, failure_threshold: int, window: int, timeout: float):
        self.threshold, self.failure_threshold = threshold, failure_threshold
        self.window, self.timeout = window, timeout
        self.calls = 0
        self.opened_at: float | None = None
        self.trial: tuple[int, float] | None = None
        self.countable: set[int] = set()
        self.outcomes: list[bool] = []

    def state(self, now: float) -> str:
        if self.opened_at is None:
            return "closed"
        if self.trial is None and now < self.opened_at + self.timeout:
            return "open"
        return "half-open"

    def allow(self, now: float) -> int | None:
        state = self.state(now)
        trial_runs = self.trial is not None and now < self.trial[1] + self.timeout
        if state == "open" or trial_runs:
            return None
        self.calls += 1
        if state == "closed":
            self.countable.add(self.calls)
        else:
            self.trial = (self.calls, now)
        return self.calls

    def report(self, number: int, now: float, success: bool) -> None:
        if self.trial is not None and number == self.trial[0]:
            self.trial = None
            self.opened_at = None if success else now
        elif number in self.countable:
            self.outcomes.append(success)
            if self.must_open():
                self.opened_at = now
                self.countable, self.outcomes = set(), []

    def abandon(self, number: int, now: float) -> None:
        if self.trial is not None and number == self.trial[0]:
            self.trial = None
            self.opened_at = now - self.timeout

    def must_open(self) -> bool:
        latest = self.outcomes[-self.window :]
        in_a_row = len(list(takewhile(lambda success: not success, reversed(self.outcomes))))
        return in_a_row >= self.failure_threshold or (
            len(latest) >= self.failure_threshold
            and latest.count(False) / len(latest) >= self.threshold
        )


class AgainstTheModel(RuleBasedStateMachine):
    """Calls overlap, report late or never, in any order; both must agree on everything."""

    @initialize(
        threshold=st.sampled_from([0.1, 0.3, 0.5, 0.8, 1.0]),
        failure_threshold=st.integers(1, 4),
        more=st.integers(0, 6),
    )
    def begin(self, threshold: float, failure_threshold: int, more: int) -> None:
        rules = (threshold, failure_threshold, failure_threshold + more, 8.0)
        self.breaker, self.model = CircuitBreaker(*rules), Naive(*rules)
        self.now = 1000.0
        self.running: list[tuple[Permit, int]] = []

    @rule(times=st.integers(1, 4))
    def start(self, times: int) -> None:
        for _ in range(times):
            permit, number = self.breaker.allow(self.now), self.model.allow(self.now)
            assert (permit is None) == (number is None)
            if permit is not None and number is not None:
                self.running.append((permit, number))

    @precondition(lambda self: self.running)
    @rule(data=st.data(), success=st.booleans())
    def end(self, data: st.DataObject, success: bool) -> None:
        permit, number = self.running.pop(data.draw(st.integers(0, len(self.running) - 1)))
        self.model.report(number, self.now, success)
        (self.breaker.succeeded if success else self.breaker.failed)(permit, self.now)

    @precondition(lambda self: self.running)
    @rule(data=st.data())
    def break_off(self, data: st.DataObject) -> None:
        permit, number = self.running.pop(data.draw(st.integers(0, len(self.running) - 1)))
        self.model.abandon(number, self.now)
        self.breaker.abandoned(permit, self.now)

    # Eighths of a second are exact in binary, so that the model's sums are too.
    @rule(eighths=st.integers(0, 80))
    def wait(self, eighths: int) -> None:
        self.now += eighths / 8

    @invariant()
    def they_agree(self) -> None:
        assert self.breaker.state(self.now) == self.model.state(self.now)
        since = self.model.trial[1] if self.model.trial else self.model.opened_at
        left = 0.0 if since is None else max(0.0, since + self.model.timeout - self.now)
        assert self.breaker.retry_after(self.now) == left


TestAgainstTheModel = AgainstTheModel.TestCase
