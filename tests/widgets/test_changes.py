"""What somebody wants a widget to be, put over what it was."""

from __future__ import annotations

from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from rollcall.kernel.errors import InvalidInput
from rollcall.widgets.changes import begun, changed, fields_of, fingerprint, merged, names_of

MADE = {"agent_id": "clerk", "name": "Ada"}
values = st.recursive(
    st.none() | st.integers(-5, 5) | st.text(max_size=3),
    lambda inner: st.dictionaries(st.sampled_from("abc"), inner, max_size=3),
    max_leaves=8,
)
objects = st.dictionaries(st.sampled_from("abc"), values, max_size=3)


def test_a_part_of_an_object_leaves_the_rest_as_it_was() -> None:
    old = begun({**MADE, "theme": {"primary_color": "#123456", "dark": {"text_color": "#fff"}}})
    new = changed(old, {"theme": {"text_color": "#000", "dark": None}})
    assert (new.theme.primary_color, new.theme.text_color) == ("#123456", "#000")
    assert new.theme.dark is None
    assert names_of(old, new) == ["theme"]


def test_null_is_the_default_again() -> None:
    old = begun({**MADE, "welcome_message": "Hi", "language": "de"})
    new = changed(old, {"welcome_message": None, "language": None})
    assert (new.welcome_message, new.language) == ("Hello! How can I help you?", None)


@pytest.mark.parametrize(
    ("fields", "field"),
    [
        ({"name": "Ada"}, "widget"),
        ({**MADE, "theme": {"border_radius": "x"}}, "theme.border_radius"),
        ({**MADE, "position": {"corner": "middle"}}, "position.corner"),
        ({**MADE, "allowed_origins": [1]}, "allowed_origins.0"),
        ({**MADE, "theme": 1}, "theme"),
        ({**MADE, "odd": 1}, "widget"),
    ],
)
def test_what_is_of_another_kind_is_refused_by_its_field(
    fields: dict[str, Any], field: str
) -> None:
    with pytest.raises(InvalidInput) as caught:
        begun(fields)
    assert caught.value.field == field


@given(old=objects, new=objects)
def test_the_same_patch_twice_is_the_same_as_once(old: Any, new: Any) -> None:
    once = merged(old, new)
    assert merged(once, new) == once


@given(new=objects)
def test_an_empty_patch_changes_nothing(new: Any) -> None:
    assert merged(new, {}) == new


def test_a_widget_put_over_itself_is_itself() -> None:
    one = begun({**MADE, "theme": {"dark": {}}, "allowed_origins": ["https://a.example"]})
    assert changed(one, fields_of(one)) == one
    assert fingerprint({"a": 1, "b": 2}) == fingerprint({"b": 2, "a": 1})
    assert fingerprint({"a": 1}) != fingerprint({"a": 2})
