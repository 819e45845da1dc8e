from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from datetime import date
from typing import Annotated, Any

import jsonschema
import pytest
from pydantic import BaseModel, Field

from rollcall.kernel.errors import InvalidInput
from rollcall.tools import ToolContext, tool
from rollcall.tools.errors import InvalidTool
from rollcall.tools.service import ToolSet


class Point(BaseModel):
    """Where something is."""

    x: float
    y: float = 0


class Tree(BaseModel):
    """What holds its like."""

    name: str
    inside: list[Tree] = []


@dataclass
class Pair:
    left: int
    right: int


def test_a_function_says_all_there_is_to_know_of_a_tool() -> None:
    @tool(idempotent=True)
    async def forecast(city: str, days: int = 3) -> dict[str, float]:
        """The temperatures expected in a city.

        Args:
            city: Where it is.
        """
        return {city: float(days)}

    assert (forecast.name, forecast.path) == ("forecast", "/tools/forecast")
    assert forecast.description == "The temperatures expected in a city."
    assert forecast.input_schema == {
        "type": "object",
        "properties": {
            "city": {"type": "string", "description": "Where it is."},
            "days": {"type": "integer", "default": 3},
        },
        "required": ["city"],
        "additionalProperties": False,
    }
    assert forecast.output_schema == {"type": "object", "additionalProperties": {"type": "number"}}
    assert (forecast.idempotent, forecast.read_only, forecast.get) == (True, None, False)


async def test_it_still_is_the_function_that_it_was() -> None:
    @tool(name="double-it")
    async def double(number: int) -> int:
        """Twice a number."""
        return 2 * number

    assert double.name == "double-it"
    assert await double(21) == 42


def test_what_an_annotation_says_comes_before_the_docstring() -> None:
    @tool
    def lookup(
        place: Annotated[str, Field(description="A town", min_length=2)],
        from_: Annotated[date, Field(alias="from")],
        copy: int = 0,
    ) -> str:
        """Look something up.

        Args:
            place: Anywhere.
            from_: The first day.
            copy: Which one.
        """
        return f"{place}{from_}{copy}"

    properties = lookup.input_schema["properties"]
    assert properties["place"] == {"type": "string", "description": "A town", "minLength": 2}
    assert properties["from"]["format"] == "date"
    assert properties["from"]["description"] == "The first day."
    assert properties["copy"] == {"type": "integer", "default": 0, "description": "Which one."}


def test_callers_do_not_see_the_context() -> None:
    @tool
    def mine(context: ToolContext, word: str) -> str:
        """A word of mine."""
        return f"{context.namespace}{word}"

    assert list(mine.input_schema["properties"]) == ["word"]


def test_a_method_of_an_object_is_a_tool_as_well() -> None:
    class Shop:
        def price(self, item: str) -> float:
            """What something costs."""
            return float(len(item))

    assert list(tool(Shop().price).input_schema["properties"]) == ["item"]


async def test_the_only_parameter_may_be_a_model_of_all_arguments() -> None:
    @tool
    def far(point: Point, context: ToolContext) -> float:
        """How far something is."""
        assert isinstance(point, Point)
        return abs(complex(point.x, point.y)) if context.namespace else 0

    assert far.input_schema == {
        "type": "object",
        "properties": {"x": {"type": "number"}, "y": {"type": "number", "default": 0}},
        "required": ["x"],
        "additionalProperties": False,
    }
    tools, context = ToolSet([far]), ToolContext("default", "tester")
    assert await tools.call("far", {"x": 3, "y": 4}, context) == {"result": 5.0}
    with pytest.raises(InvalidInput, match="z: Extra inputs"):
        await tools.call("far", {"x": 3, "z": 4}, context)


@pytest.mark.parametrize(
    ("annotation", "value", "wrapped"),
    [
        (str, "x", True),
        (int | None, None, True),
        (list[Point], [{"x": 1.0, "y": 0.0}], True),
        (Any, [1], True),
        (Point | Pair, {"x": 1.0, "y": 2.0}, True),
        (Point, {"x": 1.0, "y": 2.0}, False),
        (Tree, {"name": "oak", "inside": []}, False),
        (Pair, {"left": 1, "right": 2}, False),
        (dict[str, Point], {"a": {"x": 1.0, "y": 2.0}}, False),
    ],
)
def test_a_result_that_is_no_object_is_put_into_one(
    annotation: Any, value: Any, wrapped: bool
) -> None:
    def give() -> Any:
        """Give something."""

    give.__annotations__["return"] = annotation
    made = tool(give)
    assert made.wrapped is wrapped
    assert made.output_schema["type"] == "object"
    jsonschema.Draft202012Validator.check_schema(made.output_schema)
    jsonschema.validate({"result": value} if wrapped else value, made.output_schema)


def undescribed(x: int) -> int:
    return x


def untold(x) -> int:  # type: ignore[no-untyped-def]
    """It says nothing of what it takes."""
    return x


def endless(*words: str) -> int:
    """It takes any number."""
    return len(words)


def open_ended(**words: str) -> int:
    """It takes any name."""
    return len(words)


def nameless(x: int, /) -> int:
    """It takes what has no name."""
    return x


def resultless(x: int):  # type: ignore[no-untyped-def]
    """It says nothing of what it gives."""
    return x


def unreadable(x: Nowhere) -> int:  # type: ignore[name-defined] # noqa: F821
    """It takes what nobody has heard of."""
    return x


def indescribable(x: Callable[[], int]) -> int:
    """It takes what is no data."""
    return x()


def unwritable(x: int) -> threading_lock:
    """It gives what is no data."""
    return threading_lock(x)


class threading_lock:  # noqa: N801
    """Something that has no schema."""

    def __init__(self, x: int) -> None:
        self.x = x


@pytest.mark.parametrize(
    ("function", "problem"),
    [
        (undescribed, "write a docstring"),
        (untold, "'x' without an annotation"),
        (endless, r"\*words.*name each parameter"),
        (open_ended, r"\*\*words.*name each parameter"),
        (nameless, "name each parameter"),
        (resultless, "does not say what it returns"),
        (unreadable, "Nowhere"),
        (indescribable, "no schema describes"),
        (unwritable, "no schema describes"),
        (lambda: 1, "must have a name"),
    ],
)
def test_what_cannot_be_a_tool_is_refused_when_it_is_declared(
    function: Callable[..., Any], problem: str
) -> None:
    with pytest.raises(InvalidTool, match=problem):
        tool(function)


@pytest.mark.parametrize(
    ("options", "problem"),
    [
        ({"name": "no spaces"}, "must have a name"),
        ({"name": "x" * 65}, "must have a name"),
        ({"path": "tools/x"}, "cannot be at"),
        ({"path": "/x/{y}"}, "cannot be at"),
        ({"path": "/tools"}, "cannot be at"),
        ({"path": "/mcp"}, "cannot be at"),
    ],
)
def test_names_and_paths_are_checked(options: dict[str, str], problem: str) -> None:
    def fine(x: int) -> int:
        """It would do."""
        return x

    with pytest.raises(InvalidTool, match=problem):
        tool(**options)(fine)


def test_what_fits_in_no_query_is_not_asked_by_get() -> None:
    def far(point: Point | None = None) -> float:
        """How far something is."""
        return point.x if point else 0

    with pytest.raises(InvalidTool, match="'point' does not fit in a query"):
        tool(get=True)(far)
