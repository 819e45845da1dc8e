from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from rollcall.kernel.errors import InvalidInput
from rollcall.web.lines import check_id, check_line


@pytest.mark.parametrize(
    "key",
    [
        "",
        " ",
        ".",
        "..",
        "a/b",
        "/",
        "a\\b",
        " a",
        "a ",
        "a\0",
        "a\nb",
        "\u202ea",
        "a\u200f",
        "\ufeffa",
        "\ud800",
        "x" * 257,
    ],
)
def test_an_id_that_cannot_stand_in_a_path_is_refused(key: str) -> None:
    with pytest.raises(InvalidInput) as caught:
        check_id("agent_id", key)
    assert caught.value.field == "agent_id"


@pytest.mark.parametrize(
    "key", ["a", "...", "my-agent", "a b", "a%2Fb", "agent:1", "ágent", "x" * 256]
)
def test_any_other_id_is_taken_as_it_is(key: str) -> None:
    assert check_id("agent_id", key) == key


@given(st.text(max_size=20))
def test_a_line_that_is_taken_can_be_seen(text: str) -> None:
    try:
        check_line("name", text)
    except InvalidInput:
        return
    assert text.strip()
    assert text.isprintable()
