from __future__ import annotations

from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from rollcall.conversations.models import Exchange
from rollcall.conversations.openai_wire import ChatRequest, Message, Talk, check, talk
from rollcall.kernel.errors import InvalidInput

WORDS = st.text("ab", min_size=1, max_size=3)


def messages(*said: tuple[str, Any]) -> list[Message]:
    return [Message(role=role, content=content) for role, content in said]  # type: ignore[arg-type]


def test_the_last_words_of_the_user_are_the_message_and_the_rest_is_history() -> None:
    said = messages(
        ("system", "Be brief."),
        ("user", "What is 2 + 2?"),
        ("assistant", "4"),
        ("developer", "Be polite."),
        ("user", [{"type": "text", "text": "And "}, {"type": "text", "text": "3 + 3?"}]),
    )
    assert talk(said) == Talk(
        user_input="And 3 + 3?",
        history=(Exchange("What is 2 + 2?", "4"),),
        instructions="Be brief.\n\nBe polite.",
    )


def test_what_one_side_says_in_a_row_is_said_at_once() -> None:
    said = messages(("user", "a"), ("user", "b"), ("assistant", "c"), ("user", "d"), ("user", "e"))
    assert talk(said) == Talk("d\n\ne", (Exchange("a\n\nb", "c"),), "")


def test_a_greeting_of_the_assistant_answers_one() -> None:
    assert talk(messages(("assistant", "How can I help?"), ("user", "a"))) == Talk(
        "a", (Exchange("Hello", "How can I help?"),), ""
    )


@given(st.lists(st.tuples(st.sampled_from(["user", "assistant"]), WORDS), max_size=8))
def test_nothing_that_was_said_is_lost_and_the_order_stays(said: list[tuple[str, str]]) -> None:
    came = talk(messages(*said, ("user", "last")))
    words = [word for one in came.history for word in (one.user_input, one.response)]
    told = "\n\n".join([*words, came.user_input]).removeprefix("Hello\n\n")
    assert told == "\n\n".join([*(word for _, word in said), "last"])


@pytest.mark.parametrize(
    ("said", "field"),
    [
        ([], "messages"),
        ([("system", "a")], "messages"),
        ([("user", "a"), ("assistant", "b")], "messages"),
        ([("user", " ")], "messages"),
        ([("user", "a"), ("tool", "5")], "messages.1.role"),
        ([("user", None)], "messages.0.content"),
        ([("user", [{"type": "image_url", "image_url": {"url": "x"}}])], "messages.0.content.0"),
        ([("user", [{"type": "text"}])], "messages.0.content.0"),
    ],
)
def test_what_the_agent_cannot_read_is_refused_by_its_place(said: Any, field: str) -> None:
    with pytest.raises(InvalidInput) as caught:
        talk(messages(*said))
    assert caught.value.field == field


@pytest.mark.parametrize(
    ("more", "field"),
    [
        ({"n": 2}, "n"),
        ({"tools": [{"type": "function"}]}, "tools"),
        ({"tools": [{"type": "function"}], "tool_choice": "auto"}, "tools"),
        ({"functions": [{"name": "f"}]}, "functions"),
        ({"response_format": {"type": "json_object"}}, "response_format"),
        ({"logprobs": True}, "logprobs"),
        ({"modalities": ["text", "audio"]}, "modalities"),
        ({"audio": {"voice": "x"}}, "modalities"),
    ],
)
def test_what_would_be_answered_with_something_else_is_refused(
    more: dict[str, Any], field: str
) -> None:
    with pytest.raises(InvalidInput) as caught:
        check(ChatRequest.model_validate({"model": "m", "messages": [{"role": "user"}], **more}))
    assert caught.value.field == field


@pytest.mark.parametrize(
    "more",
    [
        {"tools": [{"type": "function"}], "tool_choice": "none"},
        {"tools": [], "functions": None, "n": 1, "logprobs": False, "modalities": ["text"]},
        {"temperature": 0.2, "max_tokens": 7, "stop": ["x"], "seed": 1, "invented": {"by": "us"}},
        {"response_format": {"type": "text"}},
    ],
)
def test_what_has_no_effect_is_taken(more: dict[str, Any]) -> None:
    check(ChatRequest.model_validate({"model": "m", "messages": [{"role": "user"}], **more}))
