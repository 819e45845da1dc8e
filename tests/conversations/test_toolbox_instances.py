"""Which instance is called next, by what calls have shown."""

from __future__ import annotations

from random import Random

from hypothesis import given
from hypothesis import strategies as st

from rollcall.conversations.calls import Verdict
from rollcall.conversations.listing import ListedTool
from rollcall.conversations.ports import ServiceInstance
from rollcall.conversations.toolbox_instances import Health, Known, Offer, best_of
from rollcall.conversations.toolbox_settings import ToolboxSettings

SETTINGS = ToolboxSettings(unreachable_for=1.0, broken_after=3, broken_for=10.0)
TOOL = ListedTool(
    tool="t",
    description="",
    input_schema=None,
    output_schema=None,
    idempotent=True,
    protocol="http",
    path="/t",
)


def called(health: Health, now: float, verdict: Verdict | None) -> None:
    ticket = health.enter(now)
    assert ticket is not None
    health.left(ticket, now, verdict)


def offer(
    key: str = "a", *, rank: int = 0, agrees: bool = True, busy: int = 0, tries: int = 0
) -> Offer:
    info = ServiceInstance(id=key, name="s", host="127.0.0.1", port=1, healthy=rank == 0, rank=rank)
    known = Known(info, Health(SETTINGS), under_way=busy)
    return Offer(known, TOOL, agrees, tries=tries)


def test_one_refused_connection_is_enough_to_avoid_an_instance_for_a_while() -> None:
    health = Health(SETTINGS)
    assert health.reachable(0.0)
    called(health, 0.0, Verdict.UNREACHED)
    assert not health.reachable(0.5)
    assert health.reachable(1.0)
    assert health.working(0.5)


def test_who_was_not_reached_is_tried_by_one_call_at_a_time() -> None:
    health = Health(SETTINGS)
    called(health, 0.0, Verdict.UNREACHED)
    trial = health.enter(1.0)
    assert trial is not None
    assert not health.reachable(1.0)
    health.left(trial, 1.2, Verdict.DONE)
    assert health.reachable(1.2)


def test_a_trial_that_was_broken_off_makes_room_for_the_next() -> None:
    health = Health(SETTINGS)
    called(health, 0.0, Verdict.UNREACHED)
    called(health, 1.0, None)
    assert health.reachable(1.0)


def test_who_is_reached_in_spite_of_that_counts_as_back() -> None:
    health = Health(SETTINGS)
    called(health, 0.0, Verdict.UNREACHED)
    called(health, 0.1, Verdict.DONE)
    assert health.reachable(0.1)


def test_who_breaks_as_often_as_allowed_is_left_alone() -> None:
    health = Health(SETTINGS)
    for verdict in (Verdict.BROKEN, Verdict.LOST, Verdict.BUSY):
        assert health.working(0.0)
        called(health, 0.0, verdict)
    assert not health.working(9.9)
    assert health.enter(9.9) is None
    assert health.working(10.0)
    called(health, 10.0, Verdict.DONE)
    assert health.working(10.0)


def test_a_refusal_or_a_failure_of_the_tool_itself_says_nothing_against_it() -> None:
    health = Health(SETTINGS)
    for _ in range(50):
        called(health, 0.0, Verdict.REFUSED)
        called(health, 0.0, Verdict.FAILED)
    assert health.working(0.0)


def test_the_well_come_before_the_degraded_and_those_before_the_suspect() -> None:
    offers = [offer("suspect", rank=2), offer("degraded", rank=1), offer("well", busy=9)]
    order: list[str] = []
    for _ in range(3):
        best = best_of(offers, 0.0, Random(1))
        assert best is not None
        order.append(best.known.info.id)
        best.tries = 1
    assert order == ["well", "degraded", "suspect"]
    assert best_of(offers, 0.0, Random(1)) is None


def test_the_least_busy_of_equals_is_called() -> None:
    offers = [offer("a", busy=2), offer("b", busy=1), offer("c", busy=3)]
    best = best_of(offers, 0.0, Random(1))
    assert best is offers[1]


def test_who_agrees_with_what_the_model_was_shown_comes_first() -> None:
    offers = [offer("old", agrees=False), offer("new", busy=5)]
    assert best_of(offers, 0.0, Random(1)) is offers[1]


def test_whose_connection_broke_may_be_called_once_more_behind_all_others() -> None:
    again = offer("a", tries=1)
    again.again = True
    other = offer("b", rank=2)
    assert best_of([again, other], 0.0, Random(1)) is other
    other.tries = 1
    assert best_of([again, other], 0.0, Random(1)) is again


@given(
    st.lists(
        st.tuples(
            st.integers(0, 2), st.booleans(), st.integers(0, 3), st.booleans(), st.booleans()
        ),
        min_size=1,
        max_size=6,
    ),
    st.integers(),
)
def test_nobody_is_called_twice_or_out_of_order(
    drawn: list[tuple[int, bool, int, bool, bool]], seed: int
) -> None:
    offers: list[Offer] = []
    for at, (rank, agrees, busy, away, broken) in enumerate(drawn):
        one = offer(str(at), rank=rank, agrees=agrees, busy=busy)
        if away:
            called(one.known.health, 0.0, Verdict.UNREACHED)
        for _ in range(3 if broken else 0):
            called(one.known.health, 0.0, Verdict.BROKEN)
        offers.append(one)
    seen: list[tuple[bool, int, bool]] = []
    ids: list[str] = []
    while (best := best_of(offers, 0.5, Random(seed))) is not None:
        best.tries += 1
        ids.append(best.known.info.id)
        health = best.known.health
        seen.append((not health.reachable(0.5), best.known.info.rank, not best.agrees))
    working = [one.known.info.id for one in offers if one.known.health.working(0.5)]
    assert sorted(ids) == sorted(working)
    assert seen == sorted(seen)
