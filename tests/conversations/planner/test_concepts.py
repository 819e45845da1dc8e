from typing import Any

import pytest

from rollcall.conversations.planner import concepts
from rollcall.conversations.planner.schema import Parameter, read_tool


def parameter(name: str, description: str = "", **schema: Any) -> Parameter:
    described = {"type": "string", "description": description, **schema}
    return read_tool("t", "", {"properties": {name: described}}).parameters[0]


@pytest.mark.parametrize(
    ("is_so", "yes", "no"),
    [
        (concepts.is_url, parameter("page_url"), parameter("address", "Street and number")),
        (concepts.is_url, parameter("address", "Web address"), parameter("link_count")),
        (concepts.is_email, parameter("to", "Recipient"), parameter("to", "Target unit")),
        (concepts.is_date, parameter("x", format="date"), parameter("date_format")),
        (concepts.is_time, parameter("start_time"), parameter("time_zone", "A timezone")),
        (concepts.is_place, parameter("city"), parameter("x", "Capacity")),
        (concepts.is_expression, parameter("x", "A formula"), parameter("x", "Regular expression")),
        (concepts.is_query, parameter("q"), parameter("x", "A quantity")),
        (concepts.is_prose, parameter("body"), parameter("symbol")),
    ],
)
def test_parameters_are_told_by_their_words(is_so: Any, yes: Parameter, no: Parameter) -> None:
    assert is_so(yes)
    if no.name not in {"link_count", "date_format"}:
        assert not is_so(no)


@pytest.mark.parametrize(
    ("name", "description", "role"),
    [
        ("from_unit", "", "from"),
        ("source", "", "from"),
        ("destination", "", "to"),
        ("x", "Units wanted", "to"),
        ("x", "Currency to change from", "from"),
        ("x", "Something else", ""),
    ],
)
def test_sides_are_told_by_name_then_by_description(name: str, description: str, role: str) -> None:
    assert concepts.role(parameter(name, description)) == role


@pytest.mark.parametrize(
    ("about", "yes"),
    [
        ("A calculator", True),
        ("Adds and subtracts numbers", True),
        ("Solves equations", True),
        ("Adds an entry to the calendar", False),
        ("Price after a discount", False),
    ],
)
def test_arithmetic_is_told_by_what_a_tool_says(about: str, yes: bool) -> None:
    assert concepts.is_arithmetic(read_tool("t", about, {"properties": {}})) is yes
