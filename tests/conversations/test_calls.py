"""What an answer of a tool means."""

from __future__ import annotations

from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from rollcall.conversations.calls import CUT, Verdict, judged, key_for, origin_of, sized, url_of
from rollcall.conversations.ports import ServiceInstance

SIX = ServiceInstance(id="a", name="a", host="::1", port=80)


@pytest.mark.parametrize(
    ("said", "problem"),
    [
        ({"success": False, "error": "division by zero"}, "division by zero"),
        ({"success": False, "message": "no"}, "no"),
        ({"success": False}, "the tool says that it failed"),
    ],
)
def test_document_1_tools_say_in_a_200_that_they_failed(said: dict[str, Any], problem: str) -> None:
    answer = judged(said)
    assert (answer.verdict, answer.problem, answer.result) == (Verdict.FAILED, problem, None)


@pytest.mark.parametrize(
    "said", [{"success": True}, {"success": 0}, {"error": "x"}, [], None, 3, "no"], ids=repr
)
def test_anything_else_is_a_result(said: Any) -> None:
    answer = judged(said)
    assert (answer.verdict, answer.result) == (Verdict.DONE, said)


@given(st.text(), st.integers(1, 100))
def test_a_text_is_whole_or_cut_with_a_mark(text: str, limit: int) -> None:
    said = sized(text, limit)
    mark = CUT.format(limit=limit)
    if len(text.encode(errors="replace")) <= limit:
        assert said == text
    else:
        assert said.endswith(mark)
        assert text.startswith(said.removesuffix(mark))


def test_an_ipv6_address_has_brackets() -> None:
    assert origin_of(SIX) == "[::1]:80"
    assert url_of(SIX, "/tools") == "http://[::1]:80/tools"
    assert key_for(SIX, {"[::1]:80": "k"}) == {"authorization": "Bearer k"}
    assert key_for(SIX, {"::1:80": "k"}) == {}
