from __future__ import annotations

import json
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from rollcall.cli.calls import Given, paired
from rollcall.kernel.errors import InvalidInput

SCHEMA: dict[str, Any] = {
    "type": "object",
    "properties": {
        "text": {"type": "string"},
        "maybe": {"anyOf": [{"type": "string"}, {"type": "null"}]},
        "whole": {"type": "integer"},
        "number": {"type": "number"},
        "sure": {"type": "boolean"},
        "either": {"type": ["integer", "string"]},
        "list": {"type": "array", "items": {"type": "integer"}},
        "words": {"anyOf": [{"type": "array", "items": {"$ref": "#/$defs/Size"}}, {}]},
        "true": True,
        "some": {"anyOf": [{"type": "array"}, {"type": "null"}]},
        "size": {"$ref": "#/$defs/Size"},
        "any": {},
    },
    "$defs": {"Size": {"type": "string", "enum": ["1", "2"]}},
}


@pytest.mark.parametrize(
    ("typed", "meant"),
    [
        ("text=12", "12"),
        ("text=a=b", "a=b"),
        ("text=", ""),
        ("maybe=null", "null"),
        ("whole=12", 12),
        ("whole=twelve", "twelve"),
        ("number=1.5", 1.5),
        ("number=2", 2),
        ("sure=true", True),
        ("either=7", 7),
        ("either=true", "true"),
        ("list=[1, 2]", [1, 2]),
        ("list=1", [1]),
        ("some=null", None),
        ("some=1", [1]),
        ("words=1", ["1"]),
        ('words=["1", "2"]', ["1", "2"]),
        ("size=1", "1"),
        ('any={"a": 1}', {"a": 1}),
        ("any=word", "word"),
        ("unknown=3", 3),
        ("true=3", 3),
    ],
)
def test_a_value_is_read_as_the_type_that_is_wanted(typed: str, meant: Any) -> None:
    name, _, _ = typed.partition("=")
    assert Given([paired(typed)]).arguments(SCHEMA) == {name: meant}


def test_a_tool_without_a_schema_is_given_what_can_be_read() -> None:
    pairs = [("input", "the words"), ("days", "3")]
    assert Given(pairs).arguments(None) == {"input": "the words", "days": 3}


def test_what_is_typed_last_counts() -> None:
    assert Given([("whole", "2")], {"whole": 1, "more": 0}).arguments(SCHEMA) == {
        "whole": 2,
        "more": 0,
    }


@pytest.mark.parametrize("text", ["", "word", "=value"])
def test_what_is_no_pair_is_refused(text: str) -> None:
    with pytest.raises(InvalidInput, match="must be name=value"):
        paired(text)


@given(st.lists(st.tuples(st.sampled_from([*SCHEMA["properties"], "other"]), st.text())))
def test_anything_may_be_typed(pairs: list[tuple[str, str]]) -> None:
    made = Given(pairs).arguments(SCHEMA)
    assert set(made) == {name for name, _ in pairs}
    json.dumps(made)
