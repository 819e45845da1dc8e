from __future__ import annotations

import time

import pytest
from hypothesis import given
from hypothesis import strategies as st

from rollcall.agents.models import PromptTemplate
from rollcall.agents.prompts import MAX_RENDERED, check_template, render, variables_in
from rollcall.kernel.errors import InvalidInput

NAMES = st.from_regex(r"[A-Za-z_][A-Za-z0-9_]{0,8}", fullmatch=True)
PLAIN = st.text(st.characters(exclude_categories=["Cs"], exclude_characters="{}"), max_size=12)
VALUES = st.text(max_size=12) | st.sampled_from(["{{a}}", "{0.__class__}", "%s", "${x}", "\\1"])


@given(st.lists(st.tuples(PLAIN, NAMES), max_size=6), PLAIN, st.data())
def test_a_value_stands_where_its_variable_stood_and_all_else_as_it_was(
    pieces: list[tuple[str, str]], end: str, data: st.DataObject
) -> None:
    text = "".join(f"{plain}{{{{{name}}}}}" for plain, name in pieces) + end
    template = PromptTemplate(text, variables_in(text))
    values = {name: data.draw(VALUES) for name in template.variables}

    check_template("t", template)

    assert set(template.variables) == {name for _, name in pieces}
    wanted = "".join(plain + values[name] for plain, name in pieces) + end
    assert render(template, values) == wanted


@pytest.mark.parametrize(
    "text",
    [
        "{a}",
        "{{1a}}",
        "{{a.b}}",
        "{{a[0]}}",
        "{{ 1 + 1 }}",
        "{{}}",
        "{{a\n}}",
        "{% for x in y %}",
        "{{a!r}}",
        "{{a:>9}}",
        "{{__import__('os')}}",
        "${a} %(a)s",
        "}}a{{",
    ],
)
def test_nothing_but_a_name_in_double_braces_means_anything(text: str) -> None:
    template = PromptTemplate(text)
    check_template("t", template)
    assert render(template, {}) == text


def test_a_declared_variable_needs_a_value_used_or_not() -> None:
    template = PromptTemplate("Hi", ("who", "why"))
    with pytest.raises(InvalidInput, match="who, why"):
        render(template, {})
    assert render(template, {"who": "x", "why": "y"}) == "Hi"


def test_a_value_of_no_variable_is_refused_with_those_there_are() -> None:
    with pytest.raises(InvalidInput, match="no variable 'whom'; there are: who"):
        render(PromptTemplate("Hi {{who}}", ("who",)), {"who": "x", "whom": "y"})


@pytest.mark.parametrize(
    ("template", "field"),
    [
        (PromptTemplate("{{a}}"), "t.variables"),
        (PromptTemplate("", ("a", "a")), "t.variables.1"),
        (PromptTemplate("", ("a b",)), "t.variables.0"),
        (PromptTemplate("", ("",)), "t.variables.0"),
        (PromptTemplate("", ("é",)), "t.variables.0"),
        (PromptTemplate("", ("a" * 65,)), "t.variables.0"),
        (PromptTemplate("x" * 100_001), "t.text"),
        (PromptTemplate("", tuple(f"v{n}" for n in range(101))), "t.variables"),
    ],
)
def test_a_template_that_could_not_be_filled_in_is_refused(
    template: PromptTemplate, field: str
) -> None:
    with pytest.raises(InvalidInput) as caught:
        check_template("t", template)
    assert caught.value.field == field


def test_a_prompt_does_not_grow_without_bounds() -> None:
    template = PromptTemplate("{{a}}" * 20_000, ("a",))
    with pytest.raises(InvalidInput, match=str(MAX_RENDERED)):
        render(template, {"a": "x" * 100_000})
    assert len(render(template, {"a": "x" * 50})) == MAX_RENDERED


@pytest.mark.parametrize(
    "text", ["{" * 100_000, "{{ " * 33_000, "{{" + " " * 99_000, "{{a " * 25_000]
)
def test_however_braces_stand_reading_takes_time_in_proportion(text: str) -> None:
    begun = time.process_time()
    assert variables_in(text) == ()
    assert time.process_time() - begun < 1
