# SPDX-License-Identifier: Apache-2.0
from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from rollcall.memory.ranking import fused

rankings = st.dictionaries(
    st.sampled_from(["text", "meaning"]), st.lists(st.integers(0, 30), unique=True)
)


def test_places_count_as_the_paper_says() -> None:
    best, second, third = fused({"text": [1, 2], "meaning": [2, 3]})
    assert (best.number, best.matched) == (2, ("text", "meaning"))
    assert best.score == pytest.approx(1 / 62 + 1 / 61)
    assert (second.number, second.score) == (1, pytest.approx(1 / 61))
    assert third.number == 3


@given(rankings)
def test_all_that_was_ranked_is_there_once_best_first(given_: dict[str, list[int]]) -> None:
    found = fused(given_)
    assert {one.number for one in found} == {number for one in given_.values() for number in one}
    assert len({one.number for one in found}) == len(found)
    assert [one.score for one in found] == sorted((one.score for one in found), reverse=True)


@given(st.lists(st.integers(0, 30), unique=True))
def test_one_ranking_stays_as_it_is(numbers: list[int]) -> None:
    assert [one.number for one in fused({"text": numbers, "meaning": []})] == numbers


@given(rankings)
def test_a_better_place_in_all_rankings_is_a_better_place(given_: dict[str, list[int]]) -> None:
    lists = list(given_.values())
    order = [one.number for one in fused(given_)]
    for first in order:
        for second in order:
            if all(
                first in one and (second not in one or one.index(first) < one.index(second))
                for one in lists
            ):
                assert order.index(first) < order.index(second)
