from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from rollcall.kernel.errors import InvalidInput
from rollcall.registry.expiry import HOLD_TTLS, PreservationPolicy, Step, Window, upcoming
from rollcall.registry.models import Grant, LeasePolicy
from rollcall.registry.status import LeasePhase

FRESH, HELD, UNHEALTHY, OFFLINE = (
    LeasePhase.FRESH,
    LeasePhase.HELD,
    LeasePhase.UNHEALTHY,
    LeasePhase.OFFLINE,
)


@pytest.mark.parametrize(
    ("policy", "steps"),
    [
        (LeasePolicy(30, 60, 90), [(30, UNHEALTHY), (60, OFFLINE), (90, None)]),
        (LeasePolicy(30), [(30, UNHEALTHY)]),
        (LeasePolicy(None, 60), [(60, OFFLINE)]),
        (LeasePolicy(None, None, 90), [(90, None)]),
        (LeasePolicy(30, None, 90), [(30, UNHEALTHY), (90, None)]),
        (LeasePolicy(None, 60, 90), [(60, OFFLINE), (90, None)]),
        (LeasePolicy(30, 60), [(30, UNHEALTHY), (60, OFFLINE)]),
    ],
)
def test_silence_goes_through_the_thresholds_that_there_are(
    policy: LeasePolicy, steps: list[tuple[float, LeasePhase | None]]
) -> None:
    grant, gone = Grant(policy), []
    while (step := upcoming(grant)) is not None:
        gone.append(tuple(step))
        if step.to is None:
            break
        grant = Grant(policy, phase=step.to)
    assert gone == steps


@pytest.mark.parametrize("policy", [LeasePolicy(30, 60, 90), LeasePolicy(None, None, 30)])
def test_a_held_lease_takes_its_first_step_after_twice_its_ttl(policy: LeasePolicy) -> None:
    first = upcoming(Grant(policy))
    assert first is not None
    assert upcoming(Grant(policy, phase=HELD)) == Step(HOLD_TTLS * 30, first.to)
    assert HOLD_TTLS == 2


@pytest.mark.parametrize(
    ("values", "field"),
    [
        ({"at_least": 1}, "at_least"),
        ({"share": 1.0}, "share"),
        ({"share": -0.1}, "share"),
        ({"window": 0}, "window"),
        ({"stall": 0}, "window"),
    ],
)
def test_a_preservation_policy_that_cannot_work_is_refused(
    values: dict[str, float], field: str
) -> None:
    with pytest.raises(InvalidInput) as caught:
        PreservationPolicy(**values)
    assert caught.value.field == field


def keys(count: int) -> list[str]:
    return [f"record/{number}" for number in range(count)]


def test_ten_of_thirty_three_are_mass_and_nine_are_not() -> None:
    window = Window(PreservationPolicy())
    assert window.is_mass(0.0, keys(10), 33)
    assert not window.is_mass(0.0, keys(9), 9)


def test_ten_are_not_mass_where_they_are_no_more_than_the_share() -> None:
    window = Window(PreservationPolicy(share=0.5))
    assert not window.is_mass(0.0, keys(10), 20)
    assert window.is_mass(0.0, keys(10), 19)


def test_those_believed_within_the_window_count_until_they_are_older_than_it() -> None:
    window = Window(PreservationPolicy(window=10))
    for number in range(9):
        window.note(float(number), f"record/{number}")
    assert window.is_mass(9.9, ["record/x"], 20)
    assert window.recent(9.9)[0] == "record/0"
    assert not window.is_mass(10.0, ["record/x"], 20)
    assert window.recent(10.0)[0] == "record/1"


def test_one_lease_that_runs_out_again_and_again_is_never_mass() -> None:
    window = Window(PreservationPolicy(window=100))
    for second in range(50):
        assert not window.is_mass(float(second), ["record/a"], 1)
        window.note(float(second), "record/a")
    assert window.recent(50.0) == ["record/a"]


@given(
    st.lists(st.tuples(st.floats(0, 5), st.integers(0, 30)), max_size=60),
    st.integers(2, 12),
    st.floats(0, 0.9),
)
def test_a_window_agrees_with_counting_from_the_start(
    falls: list[tuple[float, int]], at_least: int, share: float
) -> None:
    policy = PreservationPolicy(at_least=at_least, share=share, window=7.0)
    window, now, noted = Window(policy), 0.0, dict[str, float]()
    for after, lease in falls:
        now += after
        key = f"record/{lease}"
        recent = {one for one, at in noted.items() if at > now - 7.0}
        together = len(recent | {key})
        expected = together >= at_least and together > share * 31
        assert window.is_mass(now, [key], 31) == expected
        assert set(window.recent(now)) == recent
        window.note(now, key)
        noted[key] = now
