from rollcall.backends.encoders.wordllama import WordLlamaEncoder
from rollcall.conversations.planner.index import ToolIndex
from rollcall.conversations.planner.schema import read_tool

SCHEMA = {
    "properties": {
        "city": {"type": "string", "description": "Name of the town. May be foreign."},
        "days": {"type": "integer", "description": "How far ahead"},
    },
    "required": ["city"],
}
TOOLS = [
    read_tool("weatherForecast", "Predicts rain and snow", SCHEMA),
    read_tool("translate", "Puts a text into another language", {"properties": {}}),
]


def test_words_count_most_in_names_and_least_in_what_is_optional() -> None:
    index = ToolIndex(TOOLS, None)
    found = [index.by_words(0, word) for word in ("forecasts", "snow", "town", "ahead", "foreign")]
    assert found == sorted(found, reverse=True)
    assert found[3] > 0
    assert found[4] == 0


def test_meaning_finds_other_words() -> None:
    index = ToolIndex(TOOLS, WordLlamaEncoder())
    assert index.by_words(0, "meteorology") == 0
    assert index.by_meaning(0, "meteorology") > index.by_meaning(1, "meteorology")
    assert index.likeness("rain", "snow") > index.likeness("rain", "invoice")


def test_without_an_encoder_nothing_has_a_meaning() -> None:
    index = ToolIndex(TOOLS, None)
    assert index.by_meaning(0, "weather") == 0
    assert index.likeness("rain", "rain") == 0
