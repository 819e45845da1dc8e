from __future__ import annotations

from collections import Counter

from hypothesis import given
from hypothesis import strategies as st

from rollcall.registry.demand import UnmetDemand, Wish


def test_a_question_is_counted_with_its_first_and_last_time() -> None:
    demand = UnmetDemand()
    for now in (5.0, 7.0, 9.0):
        demand.note("default", "juggling", now)
    demand.note("default", "cooking", 8.0)
    assert demand.top() == [
        Wish("default", "juggling", 3, 5.0, 9.0),
        Wish("default", "cooking", 1, 8.0, 8.0),
    ]
    assert demand.total == 4


def test_namespaces_are_kept_apart() -> None:
    demand = UnmetDemand()
    demand.note("one", "juggling", 1.0)
    demand.note("two", "juggling", 2.0)
    assert [wish.namespace for wish in demand.top()] == ["two", "one"]
    assert demand.top(namespace="one") == [Wish("one", "juggling", 1, 1.0, 1.0)]


@given(st.integers(1, 10), st.lists(st.integers(0, 60), max_size=200))
def test_memory_is_bounded_and_everything_is_counted(capacity: int, asked: list[int]) -> None:
    demand = UnmetDemand(capacity)
    for now, word in enumerate(asked):
        demand.note("default", str(word), float(now))
        assert len(demand.top(1000)) <= 2 * capacity
    assert demand.total == len(asked)
    distinct = Counter(asked)
    if len(distinct) <= 2 * capacity:
        assert demand.forgotten == 0
        assert {wish.text: wish.count for wish in demand.top(1000)} == {
            str(word): count for word, count in distinct.items()
        }


def test_what_is_asked_often_outlasts_what_is_asked_once() -> None:
    demand = UnmetDemand(capacity=10)
    for _ in range(5):
        demand.note("default", "juggling", 1.0)
    for number in range(500):
        demand.note("default", f"once {number}", 2.0 + number)
    assert demand.top(1)[0].text == "juggling"
    assert demand.forgotten > 450
    assert demand.total == 505
