# SPDX-License-Identifier: Apache-2.0
from __future__ import annotations

from collections import Counter

from hypothesis import settings
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, invariant, rule

from rollcall.registry.postings import Postings

STATUSES = 3
CODES = range(STATUSES)

slots = st.integers(0, 12)
codes = st.integers(0, STATUSES - 1)
owners = st.sets(st.sampled_from("abcdefgh"), min_size=1, max_size=5)


class PostingsAgainstAModel(RuleBasedStateMachine):
    """Whatever is done, postings say what a dictionary of sets says."""

    def __init__(self) -> None:
        super().__init__()
        self.postings: Postings[str] = Postings(STATUSES)
        self.terms: dict[str, int] = {}
        self.model: dict[int, tuple[int, set[str]]] = {}

    def forget(self, emptied: list[str]) -> None:
        assert len(set(emptied)) == len(emptied)
        for owner in emptied:
            del self.terms[owner]

    def opened(self, owner: str) -> int:
        if owner not in self.terms:
            self.terms[owner] = self.postings.open(owner)
        return self.terms[owner]

    @rule(slot=slots, code=codes, carried=owners)
    def put(self, slot: int, code: int, carried: set[str]) -> None:
        numbers = [self.opened(owner) for owner in sorted(carried)]
        self.model[slot] = (code, set(carried))
        self.forget(self.postings.put(slot, code, numbers))

    @rule(slot=slots, owner=st.sampled_from("abcdefgh"))
    def add(self, slot: int, owner: str) -> None:
        if slot in self.model and owner not in self.model[slot][1]:
            self.model[slot][1].add(owner)
            self.postings.add(slot, self.opened(owner))

    @rule(slot=slots, code=codes)
    def move(self, slot: int, code: int) -> None:
        if slot in self.model:
            self.model[slot] = (code, self.model[slot][1])
            self.postings.move(slot, code)

    @rule(slot=slots)
    def remove(self, slot: int) -> None:
        self.model.pop(slot, None)
        self.forget(self.postings.remove(slot))

    @invariant()
    def all_terms_have_what_the_model_has(self) -> None:
        carried = {owner for _, these in self.model.values() for owner in these}
        assert carried == self.terms.keys()
        assert self.postings.terms == len(carried)
        assert len(self.postings) == sum(len(these) for _, these in self.model.values())
        for owner, term in self.terms.items():
            for code in CODES:
                wanted = Counter(
                    s for s, (c, these) in self.model.items() if c == code and owner in these
                )
                assert Counter(self.postings.slots(term, (code,))) == wanted
                assert self.postings.count(term, (code,)) == wanted.total()
            assert self.postings.count(term, CODES) == len(list(self.postings.slots(term, CODES)))
        for slot, (code, _) in self.model.items():
            assert self.postings.code(slot) == code

    @invariant()
    def nothing_is_kept_for_nobody(self) -> None:
        if not self.model:
            assert self.postings.allocated == Postings[str](STATUSES).allocated

    def teardown(self) -> None:
        for slot in list(self.model):
            self.remove(slot)
        self.all_terms_have_what_the_model_has()
        self.nothing_is_kept_for_nobody()


TestPostings = PostingsAgainstAModel.TestCase
TestPostings.settings = settings(max_examples=60, stateful_step_count=50, deadline=None)


def filled(count: int) -> tuple[Postings[str], int]:
    postings: Postings[str] = Postings(STATUSES)
    term = postings.open("all")
    for slot in range(count):
        postings.put(slot, 0, [term])
    return postings, term


def test_moving_and_removing_cost_the_same_in_a_small_and_in_a_large_posting() -> None:
    costs: list[int] = []
    for count in (10, 10_000):
        postings, _ = filled(count)
        before = postings.steps
        postings.move(count // 2, 1)
        postings.remove(count // 2)
        costs.append(postings.steps - before)
    assert costs == [2, 2]


def test_an_entry_takes_less_than_forty_bytes_with_its_slot() -> None:
    postings, _ = filled(10_000)
    assert postings.allocated / 10_000 < 40


def test_what_was_removed_makes_room_for_what_comes() -> None:
    postings, term = filled(1000)
    room = postings.allocated
    for slot in range(1, 1000):
        postings.remove(slot)
    for slot in range(1, 1000):
        postings.put(slot, 1, [term])
    assert postings.allocated == room


def test_a_slot_that_replaces_its_terms_by_the_same_keeps_them_open() -> None:
    postings, term = filled(1)
    assert postings.put(0, 2, [term]) == []
    assert list(postings.slots(term, (2,))) == [0]


def test_removing_an_unknown_slot_does_nothing() -> None:
    postings, term = filled(2)
    assert postings.remove(77) == []
    assert postings.count(term, CODES) == 2
