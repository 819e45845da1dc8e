from datetime import date
from typing import Any

import jsonschema
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from rollcall.conversations.planner.filling import fill
from rollcall.conversations.planner.reading import Reading
from rollcall.conversations.planner.schema import read_tool
from support.wordings import offered, schemas, wordings

TODAY = date(2026, 11, 21)
SCHEMAS = schemas()


def arguments(
    text: str, properties: dict[str, Any], required: list[str] | None = None, about: str = ""
) -> dict[str, Any] | None:
    """What a tool is called with; None: something is missing."""
    names = list(properties) if required is None else required
    tool = read_tool("t", about, {"type": "object", "properties": properties, "required": names})
    filling = fill(tool, Reading(text, TODAY))
    return None if filling.missing else filling.arguments


STRING = {"type": "string"}
NUMBER = {"type": "number"}


def test_numbers_go_to_the_words_beside_them_then_in_order() -> None:
    size = {"height": {"type": "integer"}, "width": {"type": "integer"}}
    assert arguments("a width of 640 and a height of 480", size) == {"height": 480, "width": 640}
    assert arguments("800 x 600", size) == {"height": 800, "width": 600}


def test_an_integer_gets_no_fraction() -> None:
    assert arguments("2.5 of them", {"count": {"type": "integer"}}) is None


def test_a_number_out_of_bounds_is_not_taken() -> None:
    assert arguments("set it to 40", {"level": {"type": "integer", "maximum": 10}}) is None


def test_an_optional_number_is_only_given_when_the_text_speaks_of_it() -> None:
    schema = {"q": STRING, "limit": {"type": "integer", "description": "Most results"}}
    assert arguments("look for invoice 4711", schema, ["q"]) == {"q": "invoice 4711"}
    assert arguments("look for rent, at most 3", schema, ["q"]) == {"q": "rent", "limit": 3}


def test_units_go_where_they_are_from_and_to() -> None:
    schema = {"amount": NUMBER, "target": STRING, "source": STRING}
    assert arguments("10 km in miles", schema) == {
        "amount": 10,
        "target": "miles",
        "source": "km",
    }


def test_units_are_chosen_where_the_schema_counts_them_up() -> None:
    units = {"type": "string", "enum": ["meter", "kilometer", "mile"]}
    schema = {"x": NUMBER, "from_unit": units, "to_unit": units}
    assert arguments("3 miles in kilometers", schema) == {
        "x": 3,
        "from_unit": "mile",
        "to_unit": "kilometer",
    }


def test_currencies_become_codes_where_codes_are_asked_for() -> None:
    code = {"type": "string", "description": "ISO 4217 code"}
    schema = {"amount": NUMBER, "from": code, "to": code}
    assert arguments("75 euros in dollars", schema) == {"amount": 75, "from": "EUR", "to": "USD"}


@pytest.mark.parametrize(
    ("operators", "chosen"),
    [(["add", "multiply"], "multiply"), (["+", "*"], "*"), (["sum", "product"], "product")],
)
def test_an_operator_is_chosen_by_what_is_to_be_done(operators: list[str], chosen: str) -> None:
    schema = {"a": NUMBER, "b": NUMBER, "op": {"type": "string", "enum": operators}}
    assert arguments("six times 7", schema) == {"a": 6, "b": 7, "op": chosen}


def test_arithmetic_goes_in_symbols_to_what_takes_expressions() -> None:
    schema = {"formula": {"type": "string", "description": "A mathematical expression"}}
    assert arguments("what is the square root of 16?", schema) == {"formula": "sqrt(16)"}
    assert arguments("tell me a joke", schema) is None


def test_powers_are_written_as_the_schema_writes_them() -> None:
    schema = {"expression": {"type": "string", "description": "Such as 2^3"}}
    assert arguments("3 squared", schema) == {"expression": "3 ^ 2"}


def test_addresses_go_only_where_they_belong() -> None:
    schema = {"url": STRING, "to": {"type": "string", "format": "email"}}
    assert arguments("send https://x.org/a to bob@example.org", schema) == {
        "url": "https://x.org/a",
        "to": "bob@example.org",
    }
    assert arguments("send it to bob", schema) is None


def test_days_and_times_are_written_as_iso_8601() -> None:
    schema = {"date": {"type": "string", "format": "date"}, "time": STRING}
    assert arguments("tomorrow at 3pm", schema) == {"date": "2026-11-22", "time": "15:00"}
    moment = {"at": {"type": "string", "format": "date-time"}}
    assert arguments("on 2027-01-02 at 8:30", moment) == {"at": "2027-01-02T08:30:00Z"}


def test_lists_are_taken_apart() -> None:
    numbers = {"data": {"type": "array", "items": NUMBER}}
    assert arguments("average of 1, 2.5 and 4", numbers) == {"data": [1, 2.5, 4]}
    words = {"ingredients": {"type": "array", "items": STRING}}
    assert arguments("with eggs, rice and peas", words) == {"ingredients": ["eggs", "rice", "peas"]}


def test_values_are_chosen_by_other_words_and_by_what_they_shorten() -> None:
    choices = {"type": "string", "enum": ["mean", "max", "stdev"]}
    schema = {"what": {"type": "array", "items": choices}}
    assert arguments("the average and the standard deviation", schema, []) == {
        "what": ["mean", "stdev"]
    }


def test_a_switch_is_off_behind_without() -> None:
    schema = {"symbols": {"type": "boolean"}, "n": {"type": "integer"}}
    assert arguments("12 without symbols", schema, ["n"]) == {"symbols": False, "n": 12}
    assert arguments("12 with symbols", schema, ["n"]) == {"symbols": True, "n": 12}
    assert arguments("12 of them", schema, ["n"]) == {"n": 12}


def test_a_journey_has_two_ends() -> None:
    schema = {"origin": STRING, "destination": STRING}
    assert arguments("how do I get from the station to the zoo by bus?", schema) == {
        "origin": "the station",
        "destination": "the zoo",
    }


def test_a_language_is_no_part_of_what_is_said_in_it() -> None:
    schema = {"text": STRING, "target_language": STRING}
    about = "Translate text"
    assert arguments("translate where is it to Spanish", schema, about=about) == {
        "text": "where is it",
        "target_language": "Spanish",
    }


def test_a_long_text_is_passed_on_whole() -> None:
    text = "word " * 2000 + "end"
    said = arguments(f"shorten this: {text}", {"text": STRING}, about="Shorten a text")
    assert said == {"text": text}


def test_what_cannot_be_found_is_missing() -> None:
    tool = read_tool(
        "weather", "", {"properties": {"city": STRING, "days": NUMBER}, "required": ["city"]}
    )
    filling = fill(tool, Reading("will it rain?", TODAY))
    assert [one.name for one in filling.missing] == ["city"]


TOOLS = [tool for tools in offered().values() for tool in tools]
SAID = [one.say for half in ("development", "held_out") for one in wordings(half)]


@settings(max_examples=300)
@given(st.sampled_from(TOOLS), st.one_of(st.sampled_from(SAID), st.text(max_size=120)))
def test_arguments_always_fit_the_schema(tool: Any, text: str) -> None:
    filling = fill(tool, Reading(text, TODAY))
    schema = dict(SCHEMAS[tool.name][1])
    if filling.missing:
        schema["required"] = []
    jsonschema.validate(filling.arguments, schema)
    assert all(0 <= start <= end <= len(text) for start, end in filling.used)
