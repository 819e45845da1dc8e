# SPDX-License-Identifier: Apache-2.0
from __future__ import annotations

import math
from collections import Counter
from collections.abc import Callable
from random import Random
from typing import Any

import pytest
from hypothesis import assume, given
from hypothesis import strategies as st

from rollcall.kernel.errors import InvalidInput
from rollcall.policies.balancing import (
    NoCandidates,
    RoundRobin,
    choose_random,
    least_loaded,
    rendezvous,
    weighted_random,
)

IDS = st.text(min_size=1, max_size=6)
FLEETS = st.lists(IDS, min_size=1, max_size=8, unique=True)
KEYS = [f"task-{number}" for number in range(60)]


NOBODY: dict[str, Callable[[], str]] = {
    "round robin": lambda: RoundRobin().choose([]),
    "random": lambda: choose_random([], Random(1)),
    "least loaded": lambda: least_loaded({}, Random(1)),
    "weighted": lambda: weighted_random({}, Random(1)),
    "weighted, all 0": lambda: weighted_random({"a": 0, "b": 0}, Random(1)),
    "rendezvous": lambda: rendezvous("key", []),
    "rendezvous, weighted": lambda: rendezvous("key", [], {}),
    "rendezvous, all 0": lambda: rendezvous("key", ["a", "b"], {"a": 0, "b": 0}),
}


@pytest.mark.parametrize("choose", NOBODY.values(), ids=NOBODY.keys())
def test_nobody_to_choose_from_is_an_error_of_its_own(choose: Callable[[], str]) -> None:
    with pytest.raises(NoCandidates):
        choose()


def test_turns_go_round() -> None:
    turns = RoundRobin()
    assert [turns.choose(["b", "c", "a"]) for _ in range(7)] == list("abcabca")


def test_whoever_left_or_joined_between_turns_takes_nobody_elses() -> None:
    turns = RoundRobin()
    assert [turns.choose("abcd") for _ in range(2)] == ["a", "b"]
    assert turns.choose("acd") == "c"
    assert turns.choose("abd") == "d"
    assert turns.choose("ab") == "a"
    assert turns.choose("aaab") == "b"


def test_an_empty_fleet_in_between_loses_no_turn() -> None:
    turns = RoundRobin()
    turns.choose("abc")
    with pytest.raises(NoCandidates):
        turns.choose("")
    assert turns.choose("abc") == "b"


@given(
    st.sets(IDS, min_size=1, max_size=5), st.lists(st.sets(IDS, max_size=4), max_size=40), st.data()
)
def test_those_who_stay_get_their_turns_whatever_the_others_do(
    staying: set[str], visits: list[set[str]], data: st.DataObject
) -> None:
    turns = RoundRobin()
    served: Counter[str] = Counter()
    for visitors in visits:
        fleet = data.draw(st.permutations(sorted(staying | visitors)))
        chosen = turns.choose(fleet)
        assert chosen in fleet
        served[chosen] += 1
        # Between two turns of one that stays, each other that stays has exactly one.
        counts = [served[one] for one in staying]
        assert max(counts) - min(counts) <= 1


@given(FLEETS, st.integers())
def test_round_robin_serves_everybody_once_in_each_round(fleet: list[str], rounds: int) -> None:
    turns = RoundRobin()
    for _ in range(1 + rounds % 3):
        assert sorted(turns.choose(fleet) for _ in fleet) == sorted(fleet)


def test_random_choices_are_even() -> None:
    rng = Random(7)
    counts = Counter(choose_random("abcd", rng) for _ in range(8000))
    assert all(abs(counts[one] - 2000) < 200 for one in "abcd")


@given(st.dictionaries(IDS, st.floats(allow_nan=False) | st.integers(), min_size=1), st.integers())
def test_nobody_has_less_load_than_the_chosen(loads: dict[str, float], seed: int) -> None:
    assert loads[least_loaded(loads, Random(seed))] == min(loads.values())


def test_equal_loads_share_the_work_evenly() -> None:
    rng = Random(7)
    counts = Counter(least_loaded({"a": 1, "b": 1, "c": 1, "d": 2}, rng) for _ in range(6000))
    assert set(counts) == {"a", "b", "c"}
    assert all(abs(counts[one] - 2000) < 200 for one in "abc")


def test_a_load_that_is_no_number_is_refused() -> None:
    with pytest.raises(InvalidInput, match=r"loads\.b"):
        least_loaded({"a": 1, "b": math.nan}, Random(1))


def test_weights_are_shares_and_zero_is_never() -> None:
    rng = Random(7)
    counts = Counter(weighted_random({"a": 3, "b": 0, "c": 1}, rng) for _ in range(8000))
    assert counts["b"] == 0
    assert abs(counts["a"] - 6000) < 250


@given(
    st.dictionaries(IDS, st.just(0.0) | st.floats(0, 1.7e308), min_size=1, max_size=8),
    st.integers(),
)
def test_a_weight_of_zero_is_never_chosen_whatever_the_others_are(
    weights: dict[str, float], seed: int
) -> None:
    assume(any(weights.values()))
    assert weights[weighted_random(weights, Random(seed))] > 0
    assert weights[rendezvous(str(seed), list(weights), weights)] > 0


@pytest.mark.parametrize("weight", [-1, math.nan, math.inf, "1", None])
def test_a_weight_that_makes_no_sense_is_refused_by_name(weight: Any) -> None:
    with pytest.raises(InvalidInput, match=r"weights\.b"):
        weighted_random({"a": 1, "b": weight}, Random(1))
    with pytest.raises(InvalidInput, match=r"weights\.b"):
        rendezvous("key", ["a", "b"], {"a": 1, "b": weight})


def test_a_candidate_without_a_weight_is_refused() -> None:
    with pytest.raises(InvalidInput, match=r"weights\.b: is missing"):
        rendezvous("key", ["a", "b"], {"a": 1})


@given(FLEETS, st.text(), st.data())
def test_the_order_of_the_candidates_places_no_key(
    fleet: list[str], key: str, data: st.DataObject
) -> None:
    shuffled = data.draw(st.permutations(fleet))
    assert rendezvous(key, fleet) == rendezvous(key, shuffled)


@given(st.lists(IDS, min_size=2, max_size=8, unique=True), st.data())
def test_a_candidate_that_leaves_moves_only_its_own_keys(
    fleet: list[str], data: st.DataObject
) -> None:
    weights = {one: data.draw(st.floats(0.01, 100)) for one in fleet}
    gone = data.draw(st.sampled_from(fleet))
    left = [one for one in fleet if one != gone]
    for key in KEYS:
        for given_weights in (None, weights):
            before = rendezvous(key, fleet, given_weights)
            assert before == gone or rendezvous(key, left, given_weights) == before


@given(FLEETS, st.data(), st.floats(1, 100))
def test_a_weight_that_grows_only_takes_keys_over(
    fleet: list[str], data: st.DataObject, growth: float
) -> None:
    weights = {one: data.draw(st.floats(0.01, 100)) for one in fleet}
    grown = data.draw(st.sampled_from(fleet))
    more = weights | {grown: weights[grown] * growth}
    for key in KEYS:
        after = rendezvous(key, fleet, more)
        assert after in {grown, rendezvous(key, fleet, weights)}


@given(FLEETS, st.text(), st.floats(0.01, 100))
def test_equal_weights_place_keys_as_no_weights_do(
    fleet: list[str], key: str, weight: float
) -> None:
    assert rendezvous(key, fleet, dict.fromkeys(fleet, weight)) == rendezvous(key, fleet)


def test_keys_are_spread_by_weight() -> None:
    weights = {"a": 1.0, "b": 2.0, "c": 5.0}
    counts = Counter(rendezvous(f"key-{n}", list(weights), weights) for n in range(8000))
    for one, weight in weights.items():
        assert abs(counts[one] - 1000 * weight) < 250


def test_a_key_has_the_same_place_on_every_machine() -> None:
    # Fixed for good: replicas of different versions must agree on who owns a key.
    fleet = ["replica-1", "replica-2", "replica-3"]
    assert [rendezvous(f"agent-{n}", fleet)[-1] for n in range(12)] == list("312322333222")
