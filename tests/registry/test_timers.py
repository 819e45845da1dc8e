from __future__ import annotations

import math

import pytest

from rollcall.registry.models import Grant, LeasePolicy
from rollcall.registry.status import LeasePhase
from rollcall.registry.timers import LeaseTimers
from rollcall.testing.clock import FrozenClock

GRANT = Grant(LeasePolicy(30, 60, 90, interval=10))


@pytest.fixture
def timers(clock: FrozenClock) -> LeaseTimers:
    return LeaseTimers(clock)


def test_a_lease_granted_anew_is_silent_from_now(timers: LeaseTimers, clock: FrozenClock) -> None:
    timers.granted(0, GRANT, anew=True)
    clock.jump(12)
    assert timers.silence(0) == 12
    assert timers.renewed_at(0) == clock.now() - 12
    timers.granted(0, Grant(GRANT.policy, 2), anew=True)
    assert timers.silence(0) == 0
    assert timers.table.deadline(0) == clock.monotonic() + 30


def test_a_transition_is_no_renewal(timers: LeaseTimers, clock: FrozenClock) -> None:
    timers.granted(0, GRANT, anew=True)
    granted = clock.monotonic()
    clock.jump(30)
    timers.granted(0, Grant(GRANT.policy, 1, LeasePhase.UNHEALTHY), anew=False)
    assert timers.silence(0) == 30
    assert timers.table.deadline(0) == granted + 60


@pytest.mark.parametrize("age", [0.0, 25.0, 1000.0])
def test_a_restored_lease_is_as_old_as_the_snapshot_says(
    timers: LeaseTimers, clock: FrozenClock, age: float
) -> None:
    timers.restored(0, GRANT, age)
    assert timers.silence(0) == age
    assert timers.table.deadline(0) == clock.monotonic() - age + 30


def test_a_renewal_from_the_future_of_a_snapshot_counts_as_one_of_now(timers: LeaseTimers) -> None:
    timers.restored(0, GRANT, -5.0)
    assert timers.silence(0) == 0


def test_after_a_time_in_which_nobody_could_renew_everybody_gets_grace(
    timers: LeaseTimers, clock: FrozenClock
) -> None:
    timers.restored(0, GRANT, 1000.0)
    timers.heard_again(clock.monotonic())
    assert timers.table.due(clock.monotonic()) == [0]
    assert not timers.due(0, GRANT, clock.monotonic())
    assert timers.table.earliest == clock.monotonic() + 10
    clock.jump(10)
    assert timers.table.due(clock.monotonic()) == [0]
    assert timers.due(0, GRANT, clock.monotonic())


def test_a_lease_that_is_gone_has_no_deadline(timers: LeaseTimers) -> None:
    timers.granted(0, GRANT, anew=True)
    timers.gone(0)
    assert timers.table.deadline(0) == math.inf


def test_a_lease_that_has_taken_its_last_step_has_no_deadline(timers: LeaseTimers) -> None:
    timers.granted(0, Grant(LeasePolicy(30), phase=LeasePhase.UNHEALTHY), anew=True)
    assert timers.table.deadline(0) == math.inf


def test_whoever_looks_later_is_told_of_a_nearer_deadline(
    timers: LeaseTimers, clock: FrozenClock
) -> None:
    told: list[float] = []
    timers.on_nearer = lambda: told.append(timers.table.earliest)
    timers.planned = clock.monotonic() + 20
    timers.granted(0, GRANT, anew=True)
    assert told == []
    timers.granted(1, Grant(LeasePolicy(5)), anew=True)
    assert told == [clock.monotonic() + 5]


class Unsteady(FrozenClock):
    """Each look at the wall clock takes a moment, as it does on a machine."""

    ahead = 0.0

    def now(self) -> float:
        self.ahead += 1e-6
        return super().now() + self.ahead


def test_the_last_renewal_reads_the_same_each_time() -> None:
    clock = Unsteady()
    timers = LeaseTimers(clock)
    timers.granted(0, GRANT, anew=True)
    first = timers.renewed_at(0)
    assert [timers.renewed_at(0) for _ in range(100)] == [first] * 100


def test_a_wall_clock_that_was_set_counts_from_then_on() -> None:
    clock = Unsteady()
    timers = LeaseTimers(clock)
    timers.granted(0, GRANT, anew=True)
    first = timers.renewed_at(0)
    clock.ahead += 3600
    assert timers.renewed_at(0) == pytest.approx(first + 3600, abs=0.01)
