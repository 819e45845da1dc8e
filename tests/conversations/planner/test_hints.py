import pytest

from rollcall.conversations.planner.hints import also, turns


@pytest.mark.parametrize(
    ("text", "about"),
    [
        ("what did I say about it?", "message"),
        ("have we ever talked about it?", "message"),
        ("did my sister mention it", "message"),
        ("how far is it", "distance"),
        ("is it cold in Oslo", "weather"),
        ("what does it mean", "definition"),
    ],
)
def test_turns_of_phrase_are_about_something(text: str, about: str) -> None:
    ((start, end, words),) = turns(text)
    assert about in words
    assert 0 <= start < end <= len(text)


def test_words_may_be_about_something() -> None:
    assert "weather" in also("umbrellas")
    assert also("table") == []
