"""What keeps an agent from its work, and how to mend it."""

from __future__ import annotations

from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from rollcall.agents.changes import begun, change_of
from rollcall.agents.models import Content, Status
from rollcall.agents.wizard.checks import issues_of
from rollcall.agents.wizard.library import library_of, sources
from rollcall.agents.wizard.models import Issue, Origin
from support.trades import BAKERY, SHELF, Reached

LIBRARY = library_of(sources(SHELF, Origin.SHIPPED))


def content(**fields: Any) -> Content:
    return begun(change_of({"name": "n", **BAKERY, **fields}))


def issues(
    one: Content, status: Status = Status.DRAFT, *providers: str, there: tuple[str, ...] = ()
) -> tuple[Issue, ...]:
    reach = Reached(*(providers or ("openai",))).reach
    return issues_of(one, status, LIBRARY, reach, there)


@pytest.mark.parametrize("status", [one for one in Status if one is not Status.ARCHIVED])
def test_nothing_keeps_an_agent_that_says_everything(status: Status) -> None:
    assert issues(content(), status) == ()


@pytest.mark.parametrize(
    ("fields", "field", "problem", "how"),
    [
        ({"business_description": None}, "business_description", "is missing", "10 to 500"),
        ({"business_domain": None}, "business_domain", "is missing", "https://"),
        ({"interface_type": None}, "interface_type", "is missing", "GET /api/interfaces"),
        (
            {"llm_model": "anthropic:claude-haiku-5-5"},
            "llm_model",
            "is not reached by the settings",
            "set ANTHROPIC_KEY",
        ),
        ({"llm_model": "gpt"}, "llm_model", "is no model that anybody knows", "GET /api/models"),
        (
            {"configuration": {"model": "google:x"}},
            "configuration.model",
            "is not reached",
            "set GOOGLE_KEY",
        ),
        (
            {"configuration": {"instructions": "Hi {{who}}"}},
            "configuration.instructions",
            "has gaps that nobody fills: who",
            "write what belongs there",
        ),
        (
            {"prompt_templates": {"system": "Hi {{who}}"}},
            "configuration.variables",
            "must have a value for who",
            "say the values",
        ),
        ({"capabilities": {"gone": {}}}, "capabilities.gone", "there is no such", "POST /api/cap"),
    ],
)
def test_each_thing_that_is_wrong_is_said_with_how_to_mend_it(
    fields: dict[str, Any], field: str, problem: str, how: str
) -> None:
    (found,) = issues(content(**fields))
    assert found.field == field
    assert problem in found.problem
    assert how in found.how


def test_without_a_trade_there_is_no_prompt_but_one_of_its_own_will_do() -> None:
    for industry in (None, "piracy"):
        fields = [one.field for one in issues(content(industry=industry))]
        assert fields == ["industry", "configuration.instructions"]
    own = {"configuration": {"instructions": "Bake."}}
    assert [one.field for one in issues(content(industry=None, **own))] == ["industry"]


def test_without_a_model_of_its_own_any_model_will_do() -> None:
    none = content(llm_model=None)
    assert issues(none) == ()
    (found,) = issues_of(none, Status.DRAFT, LIBRARY, Reached().reach, ())
    assert (found.field, found.how) == ("llm_model", "set any key")


def test_what_is_archived_stays_so() -> None:
    (found,) = issues(content(), Status.ARCHIVED)
    assert found == Issue("status", "archived is final", "make another agent like it")


@given(
    st.fixed_dictionaries({}, optional={name: st.none() | st.text(max_size=20) for name in BAKERY}),
    st.sampled_from(Status),
)
def test_whatever_a_definition_says_each_issue_names_a_field_and_a_way(
    fields: dict[str, Any], status: Status
) -> None:
    fields.pop("interface_type", None)
    for one in issues(content(**fields), status):
        assert one.field
        assert one.problem
        assert one.how
