from datetime import date

from rollcall.conversations.planner.index import ToolIndex
from rollcall.conversations.planner.planning import Call, Planner
from support.wordings import offered

TODAY = date(2026, 11, 21)
PLANNER = Planner("Set MODEL to use a model.")


def index(name: str) -> ToolIndex:
    return ToolIndex(offered()[name], None)


def test_a_request_that_fits_becomes_a_call() -> None:
    plan = PLANNER.first(index("service"), "10 + 5", TODAY)
    assert plan.call == Call("calculate", {"expression": "10 + 5"})


def test_a_request_that_nothing_fits_is_declined_plainly() -> None:
    text = PLANNER.first(index("service"), "Tell me a joke", TODAY).text
    assert "offline planner" in text
    assert "no model is configured" in text
    assert "calculate (Evaluate an arithmetic expression" in text
    assert "and 1 more" in text
    assert "cannot hold a conversation" in text
    assert text.endswith("Set MODEL to use a model.")


def test_what_was_not_found_is_named() -> None:
    text = PLANNER.first(index("office"), "what is the weather forecast?", TODAY).text
    assert "'weather' comes nearest" in text
    assert "city (Name of the city)" in text


def test_no_tools_are_said_to_be_none() -> None:
    assert "No tool is registered now" in PLANNER.first(ToolIndex([], None), "2+2", TODAY).text


def test_follow_ups_go_on_through_several_turns() -> None:
    plan = PLANNER.first(
        index("service"), "and of 36?", TODAY, before=["the square root of 16", "and of 25?"]
    )
    assert plan.call == Call("calculate", {"expression": "sqrt(36)"})


def test_refused_arguments_are_filled_in_another_way_once() -> None:
    words = 'search my notes for "tax" and for rent'
    first = PLANNER.first(index("web"), words, TODAY).call
    assert first is not None
    assert first.arguments == {"q": "tax"}

    def again(*tried: dict[str, object]) -> Call | None:
        plan = PLANNER.again(
            index("web"), words, TODAY, tool="note_search", why="q: no", tried=tried
        )
        assert plan.call or "does not take the arguments" in plan.text
        return plan.call

    second = again({"q": "tax"})
    assert second is not None
    assert second.arguments != first.arguments
    assert again({"q": "tax"}, dict(second.arguments)) is None


def test_refused_arguments_without_another_way_are_told() -> None:
    plan = PLANNER.again(
        index("service"),
        "10 + 5",
        TODAY,
        tool="calculate",
        why="expression: makes no sense",
        tried=[{"expression": "10 + 5"}],
    )
    assert plan.call is None
    assert "makes no sense" in plan.text


def test_a_tool_that_is_gone_is_not_called_again() -> None:
    plan = PLANNER.again(index("web"), "10 + 5", TODAY, tool="gone", why="no", tried=[{}])
    assert plan.call is None
