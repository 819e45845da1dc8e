from typing import Any

import pytest

from rollcall.conversations.planner.amounts import assigned
from rollcall.conversations.planner.numbers import numbers
from rollcall.conversations.planner.schema import read_tool


def given(text: str, properties: dict[str, dict[str, Any]], required: list[str]) -> dict[str, Any]:
    tool = read_tool("t", "", {"properties": properties, "required": required})
    return {one.name: n.json for one, n in assigned(tool.parameters, numbers(text), text)}


NUMBER = {"type": "number"}


@pytest.mark.parametrize(
    ("text", "values"),
    [
        ("a bill of 50 with 20 percent", {"bill": 50, "percent": 20}),
        ("20 % on a bill of 50", {"bill": 50, "percent": 20}),
        ("50 and 20", {"bill": 50}),
    ],
)
def test_numbers_go_to_what_their_neighbours_say(text: str, values: dict[str, int]) -> None:
    assert given(text, {"bill": NUMBER, "percent": NUMBER}, ["bill"]) == values


def test_units_tell_numbers_apart() -> None:
    properties = {"height_m": NUMBER, "weight_kg": NUMBER}
    assert given("80 kg and 1.85 m", properties, ["height_m", "weight_kg"]) == {
        "height_m": 1.85,
        "weight_kg": 80,
    }


def test_each_number_is_given_once() -> None:
    assert given("7", {"a": NUMBER, "b": NUMBER}, ["a", "b"]) == {"a": 7}


def test_one_is_a_number_only_beside_what_it_counts() -> None:
    assert given("which one", {"n": NUMBER}, ["n"]) == {}
    assert given("one guest", {"guest": NUMBER}, ["guest"]) == {"guest": 1}
