from __future__ import annotations

import json
from typing import Any

import msgspec
import pytest
from hypothesis import given
from hypothesis import strategies as st

from rollcall.agents.differences import difference
from support.definitions import patched

KEYS = st.sampled_from(["a", "b", "a/b", "~", "~1", "", "0", "-"])
JSON = st.recursive(
    st.none() | st.booleans() | st.integers(-3, 3) | st.sampled_from(["", "x", "é"]),
    lambda inner: st.lists(inner, max_size=4) | st.dictionaries(KEYS, inner, max_size=4),
    max_leaves=12,
)


@given(JSON, JSON)
def test_a_difference_makes_the_new_of_the_old(old: Any, new: Any) -> None:
    # As text, since in Python true is 1.
    made = patched(old, difference(old, new))
    assert json.dumps(made, sort_keys=True) == json.dumps(new, sort_keys=True)


@given(JSON)
def test_what_is_the_same_has_none(value: Any) -> None:
    assert difference(value, json.loads(json.dumps(value))) == []


@given(st.dictionaries(KEYS, JSON, max_size=4), KEYS, JSON)
def test_a_change_at_one_place_touches_no_other(value: dict[str, Any], key: str, new: Any) -> None:
    place = "/" + key.replace("~", "~0").replace("/", "~1")
    for one in difference(value, {**value, key: new}):
        assert one.path == place or one.path.startswith(f"{place}/")


@pytest.mark.parametrize(
    ("old", "new", "steps"),
    [
        ({"a": 1}, {"a": 1.0}, []),
        ({"a": 1}, {"a": True}, [{"op": "replace", "path": "/a", "value": True, "old": 1}]),
        ({"a": None}, {}, [{"op": "remove", "path": "/a", "old": None}]),
        ({}, {"a": None}, [{"op": "add", "path": "/a", "value": None}]),
        (
            [1, 2, 3],
            [1],
            [{"op": "remove", "path": "/2", "old": 3}, {"op": "remove", "path": "/1", "old": 2}],
        ),
        ([], [1], [{"op": "add", "path": "/0", "value": 1}]),
        (
            {"a/b": {"~": 1}},
            {"a/b": {"~": 2}},
            [{"op": "replace", "path": "/a~1b/~0", "value": 2, "old": 1}],
        ),
        ([1], {"0": 1}, [{"op": "replace", "path": "", "value": {"0": 1}, "old": [1]}]),
    ],
)
def test_steps_are_those_of_rfc_6902(old: Any, new: Any, steps: list[dict[str, Any]]) -> None:
    assert json.loads(msgspec.json.encode(difference(old, new))) == steps
