from typing import Any

import pytest

from rollcall.conversations.planner.choices import mentioned, switched
from rollcall.conversations.planner.schema import read_tool


def chosen(choices: list[Any], text: str) -> Any:
    found = mentioned(choices, text.split(), None)
    return found[0] if found else None


@pytest.mark.parametrize(
    ("choices", "text", "choice"),
    [
        (["low", "high"], "with high priority", "high"),
        (["driving", "walking"], "on foot", "walking"),
        (["mean", "max"], "the average of", "mean"),
        (["mean", "stdev"], "standard deviation", "stdev"),
        (["geometric_mean", "x"], "the geometric mean", "geometric_mean"),
        (["binary", "octal"], "in decimal", None),
        (["+", "*"], "a * b", "*"),
        ([1, 2], "take 2", 2),
    ],
)
def test_a_value_is_said_by_its_own_words_or_others(
    choices: list[Any], text: str, choice: Any
) -> None:
    assert chosen(choices, text) == choice


def test_a_value_may_be_near_in_meaning() -> None:
    found = mentioned(["staging", "production"], ["live"], lambda one, other: float("p" in other))
    assert found == ("production", [0])


@pytest.mark.parametrize(
    ("text", "said"),
    [("with symbols", True), ("without any symbols", False), ("no symbols", False), ("hi", None)],
)
def test_a_switch_follows_the_word_before_it(text: str, said: bool | None) -> None:
    schema = {"properties": {"include_symbols": {"type": "boolean"}}}
    assert switched(read_tool("t", "", schema).parameters[0], text) is said
