from __future__ import annotations

from typing import Any

import msgspec
import pytest
from hypothesis import given
from hypothesis import strategies as st

from rollcall.agents.changes import begun, change_of, changed, fields_of, shown, steps
from rollcall.agents.checks import MAX_CONTENT, check_content
from rollcall.agents.models import Content, PromptTemplate
from rollcall.kernel.errors import InvalidInput
from support.definitions import BUSINESS, patched

FIELDS: dict[str, st.SearchStrategy[Any]] = {
    "name": st.sampled_from(["a", "b"]),
    "description": st.text(st.characters(codec="utf-8", exclude_characters="\0"), max_size=5),
    "configuration": st.dictionaries(st.sampled_from("xyz"), st.integers(0, 2), max_size=2),
    "capabilities": st.dictionaries(
        st.sampled_from(["c", "d"]),
        st.dictionaries(st.sampled_from("pq"), st.booleans()),
        max_size=2,
    ),
    "prompt_templates": st.dictionaries(
        st.sampled_from("tu"), st.sampled_from(["x", "{{v}}"]), max_size=2
    ),
    "priority": st.sampled_from(["low", "medium", "high", "critical"]),
    "business_name": st.sampled_from([None, "Leaf", "Stem"]),
    "industry": st.sampled_from([None, "food"]),
    "interface_type": st.sampled_from([None, "webchat", "whatsapp"]),
}
CHANGES = st.fixed_dictionaries({}, optional=FIELDS)
BORN = CHANGES.map(lambda change: {"name": "a", **change})


@given(BORN, CHANGES)
def test_what_is_given_replaces_what_stood_there_and_the_rest_stays(
    born: dict[str, Any], change: dict[str, Any]
) -> None:
    old = begun(change_of(born))
    new = changed(old, change_of(change))
    check_content(new)

    assert set(fields_of(steps(old, new))) <= set(change)
    for name in Content.__struct_fields__:
        if name not in change:
            assert getattr(new, name) == getattr(old, name)
    assert changed(new, change_of(change)) == new
    assert patched(shown(old), steps(old, new)) == shown(new)


@given(BORN)
def test_what_is_shown_makes_the_same_again(born: dict[str, Any]) -> None:
    content = begun(change_of(born))
    assert begun(change_of(shown(content))) == content
    assert msgspec.json.decode(msgspec.json.encode(content), type=Content) == content


def test_the_business_gives_its_name_where_there_is_no_other() -> None:
    assert begun(change_of(BUSINESS)).name == "Green Leaf"
    assert begun(change_of({**BUSINESS, "name": "Leafy"})).name == "Leafy"
    with pytest.raises(InvalidInput, match="business_name"):
        begun(change_of({"description": "x"}))


def test_a_business_with_a_new_name_gives_it_where_there_is_no_other() -> None:
    renamed = change_of({"business_name": "Leaf & Stem"})
    assert changed(begun(change_of(BUSINESS)), renamed).name == "Leaf & Stem"
    named = begun(change_of({**BUSINESS, "name": "Leafy"}))
    assert changed(named, renamed).name == "Leafy"
    both = change_of({"business_name": "Leaf & Stem", "name": "Leafy"})
    assert changed(begun(change_of(BUSINESS)), both).name == "Leafy"
    none = changed(begun(change_of(BUSINESS)), change_of({"business_name": None}))
    assert none.name == "Green Leaf"


def test_a_prompt_that_is_a_text_declares_what_it_uses() -> None:
    content = begun(change_of({"name": "n", "prompt_templates": {"t": "{{b}} {{a}} {{b}}"}}))
    assert content.prompt_templates["t"] == PromptTemplate("{{b}} {{a}} {{b}}", ("b", "a"))


DEEP: dict[str, Any] = {}
for _ in range(40):
    DEEP = {"d": DEEP}


@pytest.mark.parametrize(
    ("given_", "field"),
    [
        ({"colour": 1}, "colour"),
        ({"name": 1}, "name"),
        ({"name": None}, "name"),
        ({"name": "x" * 201}, "name"),
        ({"name": "a\nb"}, "name"),
        ({"name": "\ud800"}, "agent"),
        ({"name": {1, 2}}, "name"),
        ({"name": object()}, "agent"),
        ({"description": "a\0b"}, "description"),
        ({"description": "x" * 10_001}, "description"),
        ({"configuration": []}, "configuration"),
        ({"configuration": DEEP}, "configuration"),
        ({"configuration": {"x": "y" * 70_000}}, "configuration"),
        ({"configuration": {"model": 5}}, "configuration.model"),
        ({"configuration": {"model": ""}}, "configuration.model"),
        ({"configuration": {"instructions": ["x"]}}, "configuration.instructions"),
        ({"configuration": {"instructions": "x" * 100_001}}, "configuration.instructions"),
        ({"configuration": {"limits": 5}}, "configuration.limits"),
        ({"configuration": {"limits": {"stepps": 5}}}, "configuration.limits"),
        ({"configuration": {"limits": {"steps": 0}}}, "configuration.limits.steps"),
        ({"configuration": {"limits": {"steps": 1.5}}}, "configuration.limits.steps"),
        ({"configuration": {"limits": {"seconds": True}}}, "configuration.limits.seconds"),
        ({"configuration": {"limits": {"cost": "-1"}}}, "configuration.limits.cost"),
        ({"configuration": {"limits": {"cost": "NaN"}}}, "configuration.limits.cost"),
        ({"configuration": {"limits": {"cost": "lots"}}}, "configuration.limits.cost"),
        ({"capabilities": {"a/b": {}}}, "capabilities"),
        ({"capabilities": {"a": 1}}, "capabilities.*"),
        ({"capabilities": {f"c{n}": {} for n in range(101)}}, "capabilities"),
        ({"prompt_templates": {"..": "x"}}, "prompt_templates"),
        ({"prompt_templates": {"t": {"text": "{{a}}"}}}, "prompt_templates.t.variables"),
        ({"prompt_templates": {"t": {"variables": []}}}, "prompt_templates.*"),
        ({"prompt_templates": {f"t{n}": "x" * 90_000 for n in range(7)}}, "agent"),
        ({"priority": "urgent"}, "priority"),
        ({"business_name": "x"}, "business_name"),
        ({"business_name": "x" * 101}, "business_name"),
        ({"business_description": "too short"}, "business_description"),
        ({"business_description": "x" * 501}, "business_description"),
        ({"business_domain": "ftp://x"}, "business_domain"),
        ({"business_domain": "javascript:alert(1)"}, "business_domain"),
        ({"business_domain": "https://"}, "business_domain"),
        ({"business_domain": "https://a b"}, "business_domain"),
        ({"business_domain": "https://[x"}, "business_domain"),
        ({"industry": ""}, "industry"),
        ({"interface_type": "smoke"}, "interface_type"),
    ],
)
def test_what_cannot_be_kept_is_refused_by_its_field(given_: dict[str, Any], field: str) -> None:
    with pytest.raises(InvalidInput) as caught:
        check_content(changed(Content(name="n"), change_of(given_)))
    assert caught.value.field == field


def test_limits_may_be_none_and_money_a_text() -> None:
    limits = {"steps": None, "seconds": 2.5, "tokens": 10, "cost": "0.25"}
    check_content(Content(name="n", configuration={"limits": limits}))


def test_all_of_it_together_is_bounded() -> None:
    big = {f"c{n}": {"x": "y" * 60_000} for n in range(10)}
    with pytest.raises(InvalidInput, match=str(MAX_CONTENT)):
        check_content(Content(name="n", capabilities=big))
