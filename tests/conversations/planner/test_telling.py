import json
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from rollcall.conversations.planner.telling import clean, failed, failure, read, refused, told


@pytest.mark.parametrize(
    ("content", "shown"),
    [
        ('{"result": 4, "success": true, "error": null, "expression": "sqrt(16)"}', "gives 4."),
        ({"result": "41.988", "precision": 10}, "gives 41.988."),
        ({"result": {"mean": 2, "max": 3}}, "mean: 2, max: 3"),
        (0.30000000000000004, "gives 0.3."),
        ("tool output", "gives tool output."),
        (True, "gives yes."),
        ([1, 2, 3], "gives 1, 2, 3."),
        ({"city": "Rome", "sky": "clear", "degrees": 21}, "sky: clear\ndegrees: 21"),
        ({"hits": [], "total_count": 0}, "found nothing."),
        ([], "found nothing."),
        (None, "gave nothing back."),
        ({}, "gave nothing back."),
    ],
)
def test_what_matters_of_a_result_is_shown(content: Any, shown: str) -> None:
    text = told("tool_7", {"city": "Rome"}, content)
    assert "'tool_7'" in text
    assert shown in text


def test_what_it_was_called_with_is_told() -> None:
    assert (
        told("t", {"value": 10, "unit": "km"}, 6.2)
        == "The tool 't' (value: 10, unit: km) gives 6.2."
    )


def test_a_page_is_shown_with_its_title_and_cut() -> None:
    text = told("t", {}, {"title": "News", "text": "word " * 2000, "url": "http://x"})
    assert "News\nword word" in text
    assert text.endswith("…")
    assert len(text) < 2000


def test_hits_are_counted_and_shortened() -> None:
    hits = [{"excerpt": f"about {at}", "id": f"m{at}", "sender": "ann"} for at in range(9)]
    text = told("t", {}, {"results": hits, "total_count": 9})
    assert "1. about 0 (ann)" in text
    assert "… and 4 more" in text
    assert "m0" not in text


def test_json_that_was_cut_is_shown_as_far_as_it_goes() -> None:
    cut = (
        '{"url":"http://x","title":"News","text":"The ferry is la\n(cut here: 99 characters in all)'
    )
    assert told("t", {}, cut) == "The tool 't' gives:\nNews\nThe ferry is la"


def test_what_may_have_happened_is_not_to_be_tried_again() -> None:
    assert "try again" not in failed("t", "its answer was lost; it must not be called again")


@pytest.mark.parametrize(
    ("value", "why"),
    [
        ({"success": False, "error": "division by zero"}, "division by zero"),
        ({"error": {"code": 3, "message": "no such city"}}, "no such city"),
        ({"status": "error", "detail": "too long"}, "too long"),
        ({"ok": False}, "it did not say why"),
    ],
)
def test_a_result_that_says_it_failed_is_told_as_a_failure(value: Any, why: str) -> None:
    assert failure(value) == why
    text = told("t", {}, json.dumps(value))
    assert "did not work" in text
    assert why in text


@pytest.mark.parametrize(
    "value", [{"result": 1, "error": None}, {"status": "sunny"}, "error", [1], {"errors": 0}]
)
def test_other_results_are_no_failures(value: Any) -> None:
    assert failure(value) is None


def test_control_characters_and_escapes_do_not_come_through() -> None:
    text = told("t", {}, "\x1b[31mred\x1b[0m \x1b]0;title\x07and \u202ebidi\x00")
    assert text == "The tool 't' gives red and bidi."


def test_failures_say_what_to_do() -> None:
    assert "try again later" in failed("t", "cannot be reached")
    assert "other words" in refused("t", "city: is required")


_JSON = st.recursive(
    st.one_of(st.none(), st.booleans(), st.integers(), st.floats(), st.text(max_size=300)),
    lambda inner: st.one_of(
        st.lists(inner, max_size=30),
        st.dictionaries(
            st.sampled_from("result error success text hits title items status a b".split()), inner
        ),
    ),
    max_leaves=40,
)


@given(_JSON, st.booleans())
def test_any_result_becomes_a_bounded_text(value: Any, as_text: bool) -> None:
    content = json.dumps(value) if as_text else value
    text = told("t", {}, content)
    assert "'t'" in text
    assert len(text) < 12_000
    assert all(char.isprintable() or char.isspace() for char in text)


@given(st.text(max_size=500), st.integers(1, 50))
def test_cleaning_keeps_to_its_length(text: str, most: int) -> None:
    assert len(clean(text, most)) <= most + 2


@given(st.text())
def test_reading_never_fails(text: str) -> None:
    read(text)
