# SPDX-License-Identifier: Apache-2.0
import pytest
from bench.memories.measure import FTS5, HYBRID, WORDS, WRITERS, Found, measured, page


def found(p50: float) -> Found:
    return Found(dict.fromkeys(WRITERS, 100.0), dict.fromkeys((HYBRID, WORDS, FTS5), [p50] * 3))


def test_both_stores_are_searched_and_added_to() -> None:
    answer = measured((20, 100), mine=10, searches=4, added=30)
    assert list(answer) == [20, 100]
    for one in answer.values():
        assert set(one.added) == set(WRITERS)
        assert all(rate > 0 for rate in one.added.values())
        assert {way: len(taken) for way, taken in one.searches.items()} == dict.fromkeys(
            (HYBRID, WORDS, FTS5), 4
        )


@pytest.mark.parametrize(("large", "word"), [(0.029, "met"), (0.031, "MISSED")])
def test_a_large_store_may_cost_three_times_as_much(large: float, word: str) -> None:
    text = page({1_000: found(0.01), 100_000: found(large)}, 1_000)
    assert f"- {word}: a hybrid search among 1,000 memories" in text
    assert text.splitlines()[2].startswith("| 1,000 ")
    assert "10.0 ms" in text
