# SPDX-License-Identifier: Apache-2.0
from __future__ import annotations

from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from rollcall.kernel.errors import InvalidInput
from rollcall.memory import checking
from rollcall.memory.models import MAX_CONTENT, Filters

plain = st.none() | st.booleans() | st.integers(-(2**53), 2**53) | st.text("abc", max_size=5)
objects = st.dictionaries(st.text("xyz", min_size=1, max_size=2), plain, max_size=4)


@given(objects, objects)
def test_changes_are_merged_key_by_key(before: dict[str, Any], changes: dict[str, Any]) -> None:
    after = checking.merged(before, changes)
    for name in {*before, *changes}:
        value = changes.get(name) if name in changes else before[name]
        assert after.get(name) == value
        assert (name in after) == (value is not None)


@given(objects, objects)
def test_merging_the_same_again_changes_nothing(
    before: dict[str, Any], changes: dict[str, Any]
) -> None:
    once = checking.merged(before, changes)
    assert checking.merged(once, changes) == once


@given(st.text(max_size=50))
def test_any_content_is_kept_stripped_or_refused(content: str) -> None:
    try:
        kept = checking.content_of(content)
    except InvalidInput:
        assert not content.strip() or "\0" in content
    else:
        assert kept == content.strip() == checking.content_of(kept)


def test_content_has_a_longest_length() -> None:
    assert checking.content_of("x" * MAX_CONTENT + " ")
    with pytest.raises(InvalidInput, match="at most 20,000"):
        checking.content_of("x" * (MAX_CONTENT + 1))


@given(st.dictionaries(st.text(max_size=12) | st.just("user_id"), st.none() | st.text(max_size=5)))
def test_any_filters_are_read_or_refused(given_: dict[str, str | None]) -> None:
    try:
        filters = checking.filters_of(given_)
    except InvalidInput:
        assert any(
            name != "user_id"
            or (value is not None and (not value.strip() or not value.isprintable()))
            for name, value in given_.items()
        )
    else:
        said = {name: value for name, value in given_.items() if value is not None}
        assert filters.as_dict() == said
        assert bool(filters) == bool(said)
        assert checking.filters_of(filters) == filters


def test_filters_say_the_narrowest_scope_first() -> None:
    assert [name for name, _ in Filters("u", "a", "s")] == ["session_id", "user_id", "agent_id"]
