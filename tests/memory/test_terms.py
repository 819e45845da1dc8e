# SPDX-License-Identifier: Apache-2.0
from __future__ import annotations

from hypothesis import given
from hypothesis import strategies as st

from rollcall.memory.models import Filters
from rollcall.memory.terms import (
    DIGITS,
    MOST_BYTES,
    MOST_WORDS,
    content_hash,
    indexed,
    key,
    keys,
    scope,
)

ids = st.none() | st.sampled_from(["a", "b", "user_id"])
filters = st.builds(Filters, ids, ids, ids)


@given(filters, filters)
def test_a_scope_is_named_by_all_of_its_ids(one: Filters, other: Filters) -> None:
    assert (scope(one) == scope(other)) == (one == other)


@given(filters)
def test_a_memory_is_indexed_under_each_scope_that_it_can_be_found_by(whose: Filters) -> None:
    found = keys("default", whose)
    for narrower in (
        Filters(user_id=whose.user_id),
        Filters(agent_id=whose.agent_id),
        Filters(session_id=whose.session_id),
        whose,
        Filters(),
    ):
        assert key("default", narrower) in found
    assert len(set(found)) == len(found)
    assert all(len(one) == DIGITS and set(one) <= set("0123456789abcdef") for one in found)


def test_the_narrowest_scope_is_asked() -> None:
    whole = Filters("u", "a", "s")
    assert key("n", whole) == key("n", Filters(session_id="s"))
    assert key("n", Filters("u", "a")) == key("n", Filters(user_id="u"))
    assert key("n", Filters(user_id="u")) != key("m", Filters(user_id="u"))


@given(st.text())
def test_what_is_indexed_is_bounded(content: str) -> None:
    found = indexed(content * 50)
    assert len(found) <= MOST_WORDS
    assert sum(len(word.encode()) for word in found) <= MOST_BYTES


def test_long_contents_are_indexed_up_to_a_bound() -> None:
    assert len(indexed("a " * 20_000)) == MOST_WORDS
    assert len(indexed("\u65e5" * 20_000)) == MOST_WORDS


@given(st.text(), st.text())
def test_equal_hashes_are_equal_contents(one: str, other: str) -> None:
    assert (content_hash(one) == content_hash(other)) == (one == other)
