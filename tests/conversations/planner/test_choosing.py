import pytest

from rollcall.backends.encoders.wordllama import WordLlamaEncoder
from rollcall.conversations.planner.choosing import Candidate, candidates
from rollcall.conversations.planner.index import ToolIndex
from rollcall.conversations.planner.reading import Reading
from rollcall.conversations.planner.schema import Tool, read_tool
from support.wordings import TODAY, Verdict, judge, offered, schemas, wordings


@pytest.fixture(scope="module")
def encoder() -> WordLlamaEncoder:
    return WordLlamaEncoder()


def share(verdicts: list[Verdict]) -> float:
    return sum(one.right_arguments for one in verdicts) / len(verdicts)


def best(tools: list[Tool], text: str, encoder: WordLlamaEncoder | None = None) -> Candidate:
    return candidates(ToolIndex(tools, encoder), Reading(text, TODAY))[0]


@pytest.mark.parametrize(("half", "floor"), [("development", 0.97), ("held_out", 0.9)])
def test_most_requests_reach_the_right_tool_with_the_right_arguments(
    encoder: WordLlamaEncoder, half: str, floor: float
) -> None:
    verdicts = judge(half, encoder)
    assert share([one for one in verdicts if one.wording.tools]) >= floor
    assert share([one for one in verdicts if not one.wording.tools]) >= 0.95


def test_words_alone_do_well_too() -> None:
    verdicts = judge("development", None)
    assert share([one for one in verdicts if one.wording.tools]) >= 0.93
    assert share([one for one in verdicts if not one.wording.tools]) >= 0.95


def test_the_wordings_are_many_and_of_many_tools() -> None:
    said = [one for half in ("development", "held_out") for one in wordings(half)]
    assert len(said) >= 150
    assert len({one.say.lower() for one in said if not one.tools}) >= 30
    assert len(schemas()) >= 60


@pytest.mark.parametrize(
    ("text", "tool", "given"),
    [
        ("the square root of 16", "calculate", {"expression": "sqrt(16)"}),
        ("12 % of 349.90", "calculate", {"expression": "349.90 * 12 / 100"}),
        ("10 km in miles", "convert", {"value": 10, "from_unit": "km", "to_unit": "miles"}),
        (
            "what does this page say: http://127.0.0.1:9000/a",
            "extract_text",
            {"url": "http://127.0.0.1:9000/a"},
        ),
        ("search in earlier messages for invoices", "messages", {"query": "invoices"}),
    ],
)
@pytest.mark.parametrize("meaning", [True, False])
def test_the_usual_requests_are_understood(
    encoder: WordLlamaEncoder, text: str, tool: str, given: dict[str, object], meaning: bool
) -> None:
    found = best(offered()["service"], text, encoder if meaning else None)
    assert (found.tool.name, found.callable) == (tool, True)
    assert found.filling.arguments == given


@pytest.mark.parametrize("text", ["2+2", "the square root of 16", "12 % of 80", "5 times 5"])
def test_arithmetic_is_declined_where_no_tool_does_it(encoder: WordLlamaEncoder, text: str) -> None:
    assert not best(offered()["no_math"], text, encoder).callable


@pytest.mark.parametrize("text", ["the sum of 5 and 6 times 2", "15 + 27 and 4", "1,2,3 plus 4"])
def test_half_of_a_sum_is_not_worked_out(text: str) -> None:
    assert not best(offered()["formula"], text).callable


def test_a_name_says_nothing_that_the_description_does_not() -> None:
    words = {"type": "object", "properties": {"p": {"type": "string", "description": "Formula"}}}
    words["required"] = ["p"]
    tools = [read_tool("x17", "Mathematics", words), read_tool("x18", "Gardening tips", words)]
    assert best(tools, "10 + 5").tool.name == "x17"


def test_of_two_tools_alike_the_one_whose_arguments_are_there_is_chosen() -> None:
    def tool(name: str, argument: str, kind: str) -> Tool:
        schema = {"properties": {argument: {"type": kind}}, "required": [argument]}
        return read_tool(name, "Tells the price of a parcel", schema)

    tools = [tool("a", "tracking_id", "string"), tool("b", "weight", "number")]
    assert best(tools, "the price of a parcel of 5 kg").tool.name == "b"
    assert best(tools, "the price of parcel AB12345").tool.name == "a"


def test_an_address_is_not_left_aside() -> None:
    tools = offered()["measures"]
    assert best(tools, "search my notes").tool.name == "note_search"
    assert best(tools, "notes on https://x.org/a").tool.name != "note_search"


def test_a_tool_that_is_named_is_used() -> None:
    assert best(offered()["plain"], "use my-tool on apples").tool.name == "my-tool"


def wordless(name: str, about: str) -> Tool:
    """A tool of which no more is known."""
    said = {"type": "string", "description": "What to ask of the tool, in words."}
    return read_tool(name, about, {"properties": {"input": said}, "required": ["input"]})


@pytest.mark.parametrize(
    ("text", "tool"),
    [
        ("tell me a joke", "jokes"),
        ("what is 10 + 5", "sums"),
        ("10 km in miles", "units"),
        ("what does https://example.org/a say?", "fetcher"),
        ("use my-tool on apples", "my-tool"),
    ],
)
def test_a_tool_without_a_schema_is_given_the_words(text: str, tool: str) -> None:
    tools = [
        wordless("jokes", "Tells a joke"),
        wordless("sums", "My calculator"),
        wordless("units", "Unit converter"),
        wordless("fetcher", "Fetches a website"),
        wordless("my-tool", "My tool description"),
    ]
    found = best(tools, text)
    assert (found.tool.name, found.callable) == (tool, True)
    assert found.filling.arguments == {"input": text}


def test_half_an_amount_is_not_changed() -> None:
    assert not best(offered()["service"], "5 feet 10 inches in cm").callable


@pytest.mark.parametrize(
    ("text", "callable_"), [("10 km in miles", True), ("10 miles in km", False)]
)
def test_a_tool_for_one_pair_of_units_goes_one_way(text: str, callable_: bool) -> None:
    assert best(offered()["one_way"], text).callable is callable_


def test_an_order_of_which_no_tool_speaks_is_declined() -> None:
    assert best(offered()["verbose"], "search my earlier messages for rent").callable
    assert not best(offered()["verbose"], "delete my earlier messages").callable


def test_no_tools_give_no_candidates() -> None:
    assert candidates(ToolIndex([], None), Reading("2+2", TODAY)) == []
