from typing import Any

import jsonschema
from hypothesis import given
from hypothesis import strategies as st

from rollcall.conversations.planner.schema import Tool, read_tool, valid


def tool(properties: dict[str, Any], **root: Any) -> Tool:
    return read_tool("t", "about", {"type": "object", "properties": properties, **root})


def test_what_is_required_comes_first() -> None:
    found = tool({"a": {"type": "string"}, "b": {"type": "integer"}}, required=["b"])
    assert [(one.name, one.required) for one in found.parameters] == [("b", True), ("a", False)]


def test_references_and_alternatives_to_null_are_followed() -> None:
    schema = {
        "type": "object",
        "properties": {
            "unit": {"$ref": "#/$defs/Unit", "description": "Which"},
            "days": {"anyOf": [{"type": "integer", "minimum": 1}, {"type": "null"}]},
        },
        "$defs": {"Unit": {"enum": ["c", "f"], "type": "string"}},
    }
    unit, days = read_tool("t", None, schema).parameters
    assert (unit.choices, unit.description) == (("c", "f"), "Which")
    assert (days.kind, days.takes(0), days.takes(2)) == ("integer", False, True)


def test_a_schema_that_refers_to_itself_ends() -> None:
    schema = {"properties": {"a": {"$ref": "#/properties/a"}}}
    assert read_tool("t", None, schema).parameters[0].kind == "any"


def test_a_tool_of_which_nothing_is_known_takes_the_words() -> None:
    said = {"type": "string", "description": "What to ask of the tool, in words."}
    assert tool({"input": said}, required=["input"]).open
    assert tool({}, additionalProperties=True).open
    assert not tool({}).open
    assert not tool({"query": said}).open


def test_a_pattern_that_could_take_for_ever_is_not_tried() -> None:
    assert valid("a" * 60 + "!", {"type": "string", "pattern": "(a+)+$"})


_BOUND = st.integers(-5, 5)
_SCHEMAS = st.one_of(
    st.fixed_dictionaries(
        {"type": st.sampled_from(["integer", "number"])},
        optional={
            "minimum": _BOUND,
            "maximum": _BOUND,
            "exclusiveMinimum": _BOUND,
            "exclusiveMaximum": _BOUND,
        },
    ),
    st.fixed_dictionaries(
        {"type": st.just("string")},
        optional={"minLength": st.integers(0, 4), "maxLength": st.integers(0, 4)},
    ),
    st.fixed_dictionaries({"enum": st.lists(st.sampled_from(["a", 1, None]), min_size=1)}),
    st.fixed_dictionaries(
        {"type": st.just("array"), "items": st.just({"type": "integer"})},
        optional={"minItems": st.integers(0, 3)},
    ),
    st.fixed_dictionaries({"type": st.just(["string", "null"])}),
)
_VALUES = st.one_of(
    st.integers(-6, 6),
    st.floats(-6, 6),
    st.booleans(),
    st.none(),
    st.text(max_size=5),
    st.lists(st.integers(0, 3), max_size=4),
)


@given(_SCHEMAS, _VALUES)
def test_what_is_taken_is_valid_by_json_schema(schema: dict[str, Any], value: Any) -> None:
    if valid(value, schema):
        jsonschema.validate(value, schema)


_ANY_JSON = st.recursive(
    st.one_of(st.none(), st.booleans(), st.integers(), st.text(max_size=8)),
    lambda inner: st.one_of(
        st.lists(inner, max_size=3),
        st.dictionaries(
            st.sampled_from(["type", "properties", "required", "enum", "items", "$ref", "anyOf"]),
            inner,
            max_size=4,
        ),
    ),
    max_leaves=12,
)


@given(st.dictionaries(st.sampled_from(["type", "properties", "required", "anyOf"]), _ANY_JSON))
def test_any_schema_is_read(schema: dict[str, Any]) -> None:
    read_tool("t", None, schema)
