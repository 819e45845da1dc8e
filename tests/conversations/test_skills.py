"""What capabilities mean for a turn."""

from __future__ import annotations

from decimal import Decimal
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from rollcall.conversations.briefs import Agent, Skill
from rollcall.conversations.loop_terms import RULES
from rollcall.conversations.models import Limits, ToolSpec
from rollcall.conversations.skills import clamped, completed, covering, granted, persona


def tool(name: str, service: str = "tools-service", **properties: Any) -> ToolSpec:
    schema = {"type": "object", "properties": properties}
    return ToolSpec(name=name, tool=name, service=service, description="x", input_schema=schema)


def skill(key: str, name: str = "?", *tags: str, **configuration: Any) -> Skill:
    return Skill(id=key, name=name, tags=tags, configuration=configuration)


def agent(*skills: Skill, confined: bool = False) -> Agent:
    return Agent(id="a", version=1, name="A", skills=skills, confined=confined)


@pytest.mark.parametrize(
    ("phrase", "name", "service", "covers"),
    [
        ("calculator", "calculate", "tools", True),
        ("Web search", "search", "web", True),
        ("search", "search_messages", "tools", True),
        ("search_messages", "search_messages", "tools", True),
        ("weather", "forecast", "weather", True),
        ("weather station", "forecast", "weather", False),
        ("web search", "search_messages", "tools", False),
        ("calculator", "convert", "tools", False),
        ("the", "the", "the", False),
    ],
)
def test_a_capability_covers_the_tools_that_its_words_name(
    phrase: str, name: str, service: str, covers: bool
) -> None:
    for one in (skill(phrase), skill("zz", phrase), skill("zz", "qq", "yy", phrase)):
        assert (covering(tool(name, service), [one]) is not None) is covers


def test_who_has_no_capability_is_offered_everything_and_who_has_some_what_they_cover() -> None:
    tools = [tool("calculate"), tool("convert"), tool("scrape")]

    assert granted(tools, None) == granted(tools, agent()) == tools
    assert granted(tools, agent(skill("calculator"), skill("scraping"))) == [tools[0], tools[2]]
    assert granted(tools, agent(skill("astrology"))) == []


def test_a_confined_agent_is_offered_what_its_capabilities_cover_and_without_any_nothing() -> None:
    tools = [tool("calculate"), tool("search_messages")]

    assert granted(tools, agent(confined=True)) == []
    assert granted(tools, agent(skill("calculator"), confined=True)) == [tools[0]]


def test_a_description_gets_a_tool_to_nobody() -> None:
    boasting = ToolSpec(
        name="x", tool="x", service="y", description="calculator search", input_schema=None
    )
    assert covering(boasting, [skill("calculator"), skill("search")]) is None


def test_a_call_is_completed_with_what_the_capability_is_told_and_the_tool_takes() -> None:
    one = skill("calculator", precision=3, region="not for tools")
    calculate = tool("calculate", expression={}, precision={})

    assert completed({"expression": "1/3"}, calculate, one) == {"expression": "1/3", "precision": 3}
    assert completed({"precision": 9}, calculate, one) == {"precision": 9}
    bare = ToolSpec(name="a", tool="a", service="b", description="", input_schema=None)
    assert completed({"input": "x"}, bare, one) == {"input": "x"}


def test_an_agent_is_told_who_it_is_what_it_can_do_and_the_rules() -> None:
    one = Agent(
        id="a",
        version=1,
        name="Writer",
        instructions="Write well.",
        skills=(Skill(id="s", name="Search", description="Finds", configuration={"top": 3}),),
    )
    told = persona(one)

    assert told.startswith("Write well.\n")
    assert '- Search: Finds (configuration: {"top":3})' in told
    assert told.endswith(RULES)


def test_an_agent_without_instructions_is_told_its_name() -> None:
    assert persona(Agent(id="a", version=1, name="Ada", description="Counts.")).startswith(
        "You are Ada. Counts.\n"
    )


def test_money_in_a_definition_is_exact() -> None:
    assert clamped(Limits(), {"cost": 0.1}).cost == Decimal("0.1")
    assert clamped(Limits(cost=Decimal("0.05")), {"cost": "0.1"}).cost == Decimal("0.05")


AMOUNTS = st.none() | st.integers(1, 1000)
NAMES = ("steps", "tool_calls", "tokens")


@given(
    st.fixed_dictionaries(dict.fromkeys(NAMES, AMOUNTS)),
    st.dictionaries(st.sampled_from(NAMES), AMOUNTS),
)
def test_no_limit_is_ever_above_the_one_of_the_settings(
    most: dict[str, int | None], wanted: dict[str, int | None]
) -> None:
    limits = clamped(Limits(**most), wanted)  # pyright: ignore[reportArgumentType]

    for name in NAMES:
        there = getattr(limits, name)
        bounds = [one for one in (most[name], wanted.get(name)) if one is not None]
        assert there == (min(bounds) if bounds else None)
