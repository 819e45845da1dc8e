"""Cards of all shapes."""

from __future__ import annotations

from types import SimpleNamespace
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from rollcall.kernel.errors import InvalidInput
from rollcall.orchestration.cards import CardReader, name_of
from rollcall.registry.models import Capability


class Double:
    """A test double: whatever it is asked for, it gives another one."""

    def __getattr__(self, name: str) -> Double:
        if name.startswith("__"):
            raise AttributeError(name)
        return Double()

    def __call__(self, *_: object) -> Double:
        return Double()


def read(**attributes: Any) -> tuple[Capability, ...]:
    return CardReader().read(SimpleNamespace(**attributes)).capabilities


def names(**attributes: Any) -> list[str]:
    return [one.name for one in read(**attributes)]


SKILLS = [
    {
        "id": "s1",
        "name": "route planning",
        "description": "Finds the way",
        "tags": ["maps", "traffic"],
        "examples": ["to Rome"],
    },
    {"id": "s2", "name": "toll estimates", "description": "", "tags": []},
]
PLANNING = Capability("route planning", "Finds the way", ("maps", "traffic"))
TOLLS = Capability("toll estimates")


@pytest.mark.parametrize(
    ("card", "expected"),
    [
        ({"capability": "code generation"}, [Capability("code generation")]),
        ({"capability": "  code  "}, [Capability("code")]),
        ({"name": "A", "capability": "code"}, [Capability("code")]),
        ({"capabilities": "code"}, [Capability("code")]),
        ({"capabilities": ["code", "tests"]}, [Capability("code"), Capability("tests")]),
        ({"capabilities": ("code",)}, [Capability("code")]),
        ({"capabilities": []}, []),
        ({"capabilities": None}, []),
        (
            {"capabilities": [{"name": "code", "description": "writes it", "tags": ["python"]}]},
            [Capability("code", "writes it", ("python",))],
        ),
        ({"capabilities": [{"name": "code", "tags": None}]}, [Capability("code")]),
        (
            {"capabilities": [SimpleNamespace(name="code", description="d", tags=("t",))]},
            [Capability("code", "d", ("t",))],
        ),
        ({"capabilities": [Capability("code", "d")]}, [Capability("code", "d")]),
        (
            {"capability": "code", "capabilities": ["tests"]},
            [Capability("code"), Capability("tests")],
        ),
        ({"capabilities": {"streaming": True}, "skills": SKILLS}, [PLANNING, TOLLS]),
    ],
)
def test_a_card_may_have_any_of_these_shapes(card: Any, expected: list[Capability]) -> None:
    assert list(read(_a2a_card=card)) == expected


def test_a_real_a2a_card_is_read_from_its_skills() -> None:
    skills = [SimpleNamespace(**skill) for skill in SKILLS]
    transport = SimpleNamespace(streaming=True, push_notifications=False)
    card = SimpleNamespace(name="Router", skills=skills, capabilities=transport, url="http://x")
    assert read(a2a_card=card) == (PLANNING, TOLLS)


@pytest.mark.parametrize(
    ("attributes", "first"),
    [
        (
            {
                "_a2a_card": {"capability": "private"},
                "a2a_card": {"capability": "public"},
                "to_a2a_card": lambda: {"capability": "made"},
                "capabilities": ["listed"],
            },
            "private",
        ),
        (
            {
                "a2a_card": {"capability": "public"},
                "to_a2a_card": lambda: {"capability": "made"},
                "capabilities": ["listed"],
            },
            "public",
        ),
        ({"to_a2a_card": lambda: {"capability": "made"}, "capabilities": ["listed"]}, "made"),
        ({"capabilities": ["listed"]}, "listed"),
        ({"capabilities": "listed"}, "listed"),
    ],
)
def test_the_first_place_with_a_card_counts(attributes: dict[str, Any], first: str) -> None:
    assert names(**attributes) == [first]


@pytest.mark.parametrize(
    "no_card", [None, Double(), object(), 7, "text", ["list"], {}, {"name": "A", "url": "http://x"}]
)
@pytest.mark.parametrize("place", ["_a2a_card", "a2a_card"])
def test_what_is_no_card_is_passed_over(place: str, no_card: Any) -> None:
    assert names(**{place: no_card}, capabilities=["listed"]) == ["listed"]


def test_a_method_that_makes_no_card_is_passed_over() -> None:
    assert names(to_a2a_card=lambda: None, capabilities=["listed"]) == ["listed"]
    assert names(to_a2a_card=Double(), capabilities=["listed"]) == ["listed"]


def test_a_test_double_has_no_capabilities() -> None:
    card = CardReader().read(Double())
    assert (card.card, card.capabilities) == (None, ())


def test_an_agent_needs_no_card() -> None:
    assert CardReader().read(object()).capabilities == ()


def test_the_card_that_was_read_is_given_back() -> None:
    card = {"capability": "code"}
    assert CardReader().read(SimpleNamespace(_a2a_card=Double(), a2a_card=card)).card is card


@pytest.mark.parametrize(
    ("card", "field"),
    [
        ({"capability": ""}, "capability"),
        ({"capability": "   "}, "capability"),
        ({"capability": 7}, "capability"),
        ({"capability": "two\nlines"}, "capability"),
        ({"capability": "x" * 513}, "capability"),
        ({"capabilities": 7}, "capabilities"),
        ({"capabilities": [7]}, "capabilities.0.name"),
        ({"capabilities": ["code", ""]}, "capabilities.1"),
        ({"capabilities": ["code", {}]}, "capabilities.1.name"),
        ({"capabilities": [{"name": "code", "description": 7}]}, "capabilities.0.description"),
        ({"capabilities": [{"name": "code", "tags": "python"}]}, "capabilities.0.tags"),
        ({"capabilities": [{"name": "code", "tags": ["a", 7]}]}, "capabilities.0.tags.1"),
        ({"capabilities": [{"name": "code", "tags": [""]}]}, "capabilities.0.tags.0"),
        ({"skills": [{"id": "s1"}]}, "skills.0.name"),
    ],
)
def test_a_card_that_cannot_be_read_is_refused(card: Any, field: str) -> None:
    with pytest.raises(InvalidInput) as caught:
        read(_a2a_card=card)
    assert caught.value.field.startswith(field)


def test_an_error_of_the_agents_own_method_is_passed_on() -> None:
    def broken() -> None:
        raise LookupError("no card today")

    with pytest.raises(LookupError, match="no card today"):
        read(to_a2a_card=broken)


def test_a_method_that_must_be_awaited_is_refused() -> None:
    async def later() -> dict[str, str]:
        return {"capability": "code"}

    with pytest.raises(InvalidInput) as caught:
        read(to_a2a_card=later)
    assert caught.value.field == "to_a2a_card"


def test_equal_phrases_are_one_object() -> None:
    reader = CardReader()
    first, second = (
        reader.read(SimpleNamespace(_a2a_card={"capability": phrase})).capabilities
        for phrase in ("code generation", " ".join("code generation".split()))
    )
    assert first[0] is second[0]


@given(st.lists(st.sampled_from(["code", "tests", "Code", "docs"]), max_size=6))
def test_names_in_a_list_come_out_in_its_order(listed: list[str]) -> None:
    assert names(capabilities=listed) == listed
    assert names(a2a_card={"capabilities": listed}) == listed


@given(st.text(max_size=20))
def test_a_phrase_is_read_or_refused_and_the_same_again(phrase: str) -> None:
    reader = CardReader()
    answers: list[object] = []
    for _ in range(2):
        try:
            answers.append(reader.read(SimpleNamespace(capabilities=[phrase])).capabilities)
        except InvalidInput as error:
            answers.append(str(error))
    assert answers[0] == answers[1]
    if phrase.strip().isprintable() and phrase.strip():
        assert answers[0] == (Capability(phrase.strip()),)


@pytest.mark.parametrize(
    ("agent", "card", "name"),
    [
        (SimpleNamespace(name="Ann"), {"name": "Card"}, "Ann"),
        (SimpleNamespace(), {"name": "Card"}, "Card"),
        (SimpleNamespace(name=""), {"name": "Card"}, "Card"),
        (SimpleNamespace(name="two\nlines"), None, ""),
        (SimpleNamespace(name="x" * 257), None, ""),
        (Double(), Double(), ""),
    ],
)
def test_an_agent_is_called_by_its_name_or_its_cards(agent: Any, card: Any, name: str) -> None:
    assert name_of(agent, card) == name
