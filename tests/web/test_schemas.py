"""Schemas of strangers: what is taken, what is refused, and what arguments they refuse."""

from __future__ import annotations

from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from rollcall.kernel.errors import InvalidInput
from rollcall.web.schemas import (
    MAX_DEPTH,
    ArgumentCheck,
    TooComplex,
    checked_arguments_schema,
    checked_schema,
    depth_of,
)

JSON = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats(allow_nan=False) | st.text(max_size=8),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(max_size=8), inner),
    max_leaves=12,
)
KEYWORDS = st.sampled_from(
    "$ref $defs properties items allOf anyOf oneOf not if then type required enum const format"
    " additionalProperties pattern patternProperties dependentSchemas prefixItems multipleOf"
    " minimum exclusiveMaximum maxLength minItems maxContains contains minProperties"
    " dependentRequired unevaluatedProperties unevaluatedItems propertyNames title".split()
)
SCHEMAS = st.recursive(
    JSON | st.sampled_from(["#", "#/$defs/a", "object", "string"]),
    lambda inner: st.dictionaries(KEYWORDS | st.just("a"), inner, max_size=4),
    max_leaves=10,
)
CALCULATOR: dict[str, Any] = {
    "type": "object",
    "properties": {
        "expression": {"type": "string", "maxLength": 10},
        "precision": {"type": "integer", "minimum": 1},
        "mode": {"enum": ["exact", "rough"]},
        "points": {"type": "array", "items": {"$ref": "#/$defs/point"}},
    },
    "required": ["expression"],
    "additionalProperties": False,
    "$defs": {"point": {"type": "object", "required": ["x", "y"]}},
}


def deep(levels: int) -> dict[str, Any]:
    schema: dict[str, Any] = {}
    for _ in range(levels - 1):
        schema = {"not": schema}
    return schema


def doubling(levels: int) -> dict[str, Any]:
    parts: dict[str, Any] = {
        f"s{at}": {"allOf": [{"$ref": f"#/$defs/s{at + 1}"}] * 2} for at in range(levels)
    }
    return {"$defs": {**parts, f"s{levels}": {}}, "$ref": "#/$defs/s0"}


@pytest.mark.parametrize(
    ("schema", "problem"),
    [
        ([], "must be a JSON Schema, as an object"),
        ("object", "must be a JSON Schema, as an object"),
        (deep(MAX_DEPTH + 1), "at most 32 levels"),
        ({"description": "x" * 70_000}, "at most 65536 bytes"),
        ({"type": "objekt"}, "is no JSON Schema"),
        ({"properties": 3}, "must be an object at /properties"),
        ({"properties": {"a": 3}}, "must be an object at /properties/a"),
        ({"allOf": {}}, "must be a list at /allOf"),
        ({"items": [{}]}, "must be an object at /items"),
        ({"required": "a"}, "required must be a list of names"),
        ({"not": {"minLength": -1}}, "minLength must be a whole number of at least 0, at /not"),
        ({"maximum": True}, "maximum must be a number"),
        ({"multipleOf": 0}, "multipleOf must be a number above 0"),
        ({"dependentRequired": {"a": "b"}}, "must be lists of names"),
        ({"enum": "abc"}, "enum must be a list"),
        ({"$ref": "http://169.254.169.254/schema"}, "refer to nothing outside"),
        ({"properties": {"a": {"$ref": "file:///etc/passwd"}}}, "refer to nothing outside"),
        ({"$ref": "other.json"}, "refer to nothing outside"),
        ({"$ref": "#somewhere"}, "refer to nothing outside"),
        ({"$ref": 3}, "refer to nothing outside"),
        ({"$ref": "#/nowhere"}, "which is no schema in it"),
        ({"$ref": "#/enum/0", "enum": [{}]}, "which is no schema in it"),
        ({"$dynamicRef": "#x"}, "must not use"),
        ({"$ref": "#"}, "refers to itself without end"),
        ({"allOf": [{"anyOf": [{"$ref": "#"}]}]}, "refers to itself without end"),
        (doubling(12), "too entangled"),
    ],
    ids=lambda one: str(one)[:30],
)
def test_what_cannot_be_used_is_refused_with_the_reason(schema: object, problem: str) -> None:
    with pytest.raises(InvalidInput, match=problem) as caught:
        checked_schema("input_schema", schema)
    assert caught.value.field == "input_schema"


def test_the_arguments_of_a_tool_are_an_object() -> None:
    assert checked_arguments_schema("s", {"properties": {}})["type"] == "object"
    with pytest.raises(InvalidInput, match="must be for an object"):
        checked_arguments_schema("s", {"type": "array"})


@pytest.mark.parametrize(
    ("arguments", "problem"),
    [
        ({"expression": "1+1", "precision": 3, "mode": "rough"}, None),
        ({}, "expression is missing"),
        ({"expression": 1}, "expression: 1 is not of type 'string'"),
        ({"expression": "1", "precision": 0}, "precision: 0 is less than the minimum of 1"),
        ({"expression": "1", "mode": "x"}, "mode: 'x' is not one of ['exact', 'rough']"),
        ({"expression": "1", "points": [{"x": 1}]}, "points.0.y is missing"),
        (
            {"expression": "1", "digits": 3},
            (
                "arguments: Additional properties are not allowed ('digits' was unexpected);"
                " known: expression, precision, mode, points"
            ),
        ),
        (
            {"precision": "many", "mode": 1},
            (
                "expression is missing; mode: 1 is not one of ['exact', 'rough'];"
                " precision: 'many' is not of type 'integer'"
            ),
        ),
    ],
    ids=lambda one: str(one)[:40],
)
def test_a_refusal_names_the_argument(arguments: dict[str, Any], problem: str | None) -> None:
    said = ArgumentCheck(CALCULATOR).problem(arguments)
    parts = None if problem is None else sorted(problem.split("; "))
    assert (None if said is None else sorted(said.split("; "))) == parts


def test_what_is_missing_is_named_once() -> None:
    said = ArgumentCheck({"type": "object", "required": ["value", "from", "to"]}).problem({"to": 1})
    assert said == "value, from are missing"


def test_patterns_are_left_to_the_tool_so_that_none_can_take_for_ever() -> None:
    schema = {"properties": {"a": {"type": "string", "pattern": "^(a+)+$"}}}
    assert ArgumentCheck(schema).problem({"a": "a" * 60 + "!"}) is None
    free = {"patternProperties": {"^(a+)+$": {}}, "additionalProperties": False}
    assert ArgumentCheck(free).problem({"a" * 60 + "!": 1}) is None


def test_an_argument_may_be_called_like_a_keyword() -> None:
    schema = {"properties": {"pattern": {"type": "string"}, "$id": {"type": "integer"}}}
    check = ArgumentCheck(checked_arguments_schema("s", schema))
    assert check.problem({"pattern": 1}) == "pattern: 1 is not of type 'string'"
    assert check.problem({"$id": "x"}) == "$id: 'x' is not of type 'integer'"


def test_a_tree_is_checked_to_its_leaves() -> None:
    tree = {"type": "object", "properties": {"left": {"$ref": "#"}, "n": {"type": "integer"}}}
    check = ArgumentCheck(checked_arguments_schema("s", tree))
    assert check.problem({"left": {"left": {"n": 1}}}) is None
    assert check.problem({"left": {"left": {"n": "x"}}}) == (
        "left.left.n: 'x' is not of type 'integer'"
    )


def test_what_would_take_too_long_to_check_counts_as_right() -> None:
    twice = {"allOf": [{"$ref": "#"}, {"$ref": "#"}]}
    check = ArgumentCheck(checked_arguments_schema("s", {"properties": {"a": twice, "n": {}}}))
    arguments: dict[str, Any] = {}
    for _ in range(30):
        arguments = {"a": arguments}
    assert check.problem(arguments) is None


@given(SCHEMAS, st.dictionaries(st.text(max_size=8) | st.just("a"), JSON))
def test_whatever_is_taken_can_be_checked_against(schema: object, arguments: Any) -> None:
    try:
        taken = checked_arguments_schema("s", schema)
    except InvalidInput:
        return
    problem = ArgumentCheck(taken).problem(arguments)
    assert problem is None or problem


@given(JSON)
def test_depth_is_that_of_the_deepest_member(value: Any) -> None:
    expected = 0
    if isinstance(value, dict | list):
        inside = value.values() if isinstance(value, dict) else value
        expected = 1 + max(map(depth_of, inside), default=0)
    assert depth_of(value) == expected


@pytest.mark.parametrize(
    "schema",
    [
        {"properties": {"a": {"pattern": "a+"}}},
        {"patternProperties": {"a+": {}}},
        {"items": {"uniqueItems": True}},
    ],
)
def test_where_all_must_be_checked_what_is_not_is_refused(schema: dict[str, Any]) -> None:
    assert checked_schema("s", schema) == schema
    with pytest.raises(InvalidInput, match="not checked"):
        checked_schema("s", schema, complete=True)
    assert checked_schema("s", {"properties": {"pattern": {"type": "string"}}}, complete=True)


def test_where_nobody_else_looks_what_takes_too_long_is_said() -> None:
    node: dict[str, Any] = {"properties": {"next": {"$ref": "#"}, "also": {"$ref": "#"}}}
    value: dict[str, Any] = {}
    for _ in range(11):
        value = {"next": value, "also": value}

    check = ArgumentCheck(checked_arguments_schema("s", node))

    assert check.problem(value) is None
    with pytest.raises(TooComplex):
        check.strict_problem(value)
    assert check.strict_problem({"next": {}}) is None
