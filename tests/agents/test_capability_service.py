"""Capabilities, and who has them, on SQLite and on PostgreSQL."""

from __future__ import annotations

from typing import Any

import pytest

from rollcall.agents import AgentService, CapabilityService
from rollcall.agents.capability_service import CapabilityChange
from rollcall.agents.changes import change_of
from rollcall.agents.errors import (
    AgentNotFound,
    CapabilityExists,
    CapabilityInUse,
    CapabilityNotFound,
    NotAttached,
)
from rollcall.agents.models import By
from rollcall.backends.sql.database import Database
from rollcall.kernel.errors import InvalidInput
from rollcall.kernel.record_errors import RevisionMismatch
from support.definitions import told

SCHEMA: dict[str, Any] = {
    "type": "object",
    "properties": {"limit": {"type": "integer", "minimum": 1}},
    "required": ["limit"],
    "additionalProperties": False,
}


async def has(agents: AgentService, agent_id: str = "a") -> dict[str, Any]:
    return (await agents.get(agent_id)).content.capabilities


@pytest.fixture(autouse=True)
async def _there(agents: AgentService, capabilities: CapabilityService) -> None:
    await agents.create(change_of({"name": "writer"}), agent_id="a")
    await capabilities.create(
        "Search", capability_id="search", tags=["web"], configuration_schema=SCHEMA
    )


async def test_an_agent_is_given_a_capability_and_it_is_a_version(
    agents: AgentService, capabilities: CapabilityService
) -> None:
    done = await capabilities.add_capability_to_agent("a", "search", {"limit": 3})
    again = await capabilities.add_capability_to_agent("a", "search", {"limit": 3})
    other = await capabilities.add_capability_to_agent("a", "search", {"limit": 4})

    assert (done.version, again.version, other.version) == (2, 2, 3)
    assert await has(agents) == {"search": {"limit": 4}}
    gone = await capabilities.remove_capability_from_agent("a", "search")
    assert (gone.version, gone.content.capabilities) == (4, {})
    with pytest.raises(NotAttached):
        await capabilities.remove_capability_from_agent("a", "search")


@pytest.mark.parametrize(
    "configuration", [{}, {"limit": 0}, {"limit": "3"}, {"limit": 3, "x": 1}, {"limit": 1.5}]
)
async def test_what_its_schema_does_not_take_an_agent_is_not_given(
    configuration: dict[str, Any], agents: AgentService, capabilities: CapabilityService
) -> None:
    with pytest.raises(InvalidInput) as caught:
        await capabilities.add_capability_to_agent("a", "search", configuration)
    assert caught.value.field == "capabilities.search"
    with pytest.raises(InvalidInput):
        await agents.update("a", change_of({"capabilities": {"search": configuration}}))
    with pytest.raises(InvalidInput):
        await agents.create_agent({"name": "n", "capabilities": {"search": configuration}})
    assert (await agents.get("a")).version == 1


async def test_what_is_not_there_cannot_be_given(
    agents: AgentService, capabilities: CapabilityService
) -> None:
    with pytest.raises(CapabilityNotFound):
        await capabilities.add_capability_to_agent("a", "fly", {})
    with pytest.raises(AgentNotFound):
        await capabilities.add_capability_to_agent("b", "search", {"limit": 1})
    with pytest.raises(InvalidInput, match=r"capabilities\.fly: there is no such capability"):
        await agents.update("a", change_of({"capabilities": {"fly": {}}}))


async def test_nobody_gives_what_to_an_agent_they_have_not_seen(
    capabilities: CapabilityService,
) -> None:
    with pytest.raises(RevisionMismatch):
        await capabilities.add_capability_to_agent(
            "a", "search", {"limit": 1}, accepted=frozenset({7})
        )
    with pytest.raises(RevisionMismatch):
        await capabilities.remove_capability_from_agent("a", "search", accepted=frozenset({7}))


async def test_a_capability_in_use_is_deleted_only_by_force(
    agents: AgentService, capabilities: CapabilityService, database: Database
) -> None:
    await agents.create(change_of({"name": "second"}), agent_id="b")
    for one in "ab":
        await capabilities.add_capability_to_agent(one, "search", {"limit": 1})
    with pytest.raises(CapabilityInUse) as caught:
        await capabilities.delete("search")
    assert (caught.value.agents, caught.value.count) == (("a", "b"), 2)

    await capabilities.delete("search", force=True)

    assert await has(agents, "a") == await has(agents, "b") == {}
    assert (await agents.version("b", 3)).reason == "capability search was deleted"
    assert [one.data["changes"] for one in (await told(database))[-2:]] == [["capabilities"]] * 2
    with pytest.raises(CapabilityNotFound):
        await capabilities.get("search")
    with pytest.raises(CapabilityNotFound):
        await capabilities.delete("search")
    # It was there once, and cannot be brought back by a revert.
    with pytest.raises(InvalidInput, match=r"capabilities\.search"):
        await agents.revert("a", 2)


async def test_what_only_deleted_agents_had_may_be_deleted(
    agents: AgentService, capabilities: CapabilityService
) -> None:
    await capabilities.add_capability_to_agent("a", "search", {"limit": 1})
    await agents.delete("a")
    await capabilities.delete("search")


async def test_a_new_schema_counts_for_what_is_told_from_now_on(
    agents: AgentService, capabilities: CapabilityService
) -> None:
    await capabilities.add_capability_to_agent("a", "search", {"limit": 1})
    strict = {**SCHEMA, "properties": {"limit": {"type": "integer", "minimum": 5}}}
    changed = await capabilities.update("search", CapabilityChange(configuration_schema=strict))

    assert changed.revision == 2
    # What stands is left alone, whatever else changes.
    assert (await agents.update("a", change_of({"description": "x"}))).version == 3
    with pytest.raises(InvalidInput):
        await capabilities.add_capability_to_agent("a", "search", {"limit": 2})
    await capabilities.add_capability_to_agent("a", "search", {"limit": 5})
    with pytest.raises(InvalidInput, match=r"capabilities\.search"):
        await agents.revert("a", 2)


async def test_capabilities_are_changed_listed_and_found(capabilities: CapabilityService) -> None:
    await capabilities.create("Über", capability_id="b", description="flies", tags=["x", "y"])
    await capabilities.create("Cook", capability_id="c", tags=["x"])

    async def ids(**wanted: Any) -> list[str]:
        return [one.id for one in (await capabilities.find(limit=10, **wanted))[0]]

    assert await ids() == ["b", "c", "search"]
    assert await ids(tag="x") == ["b", "c"]
    assert await ids(q="ÜBER") == ["b"]
    assert await ids(q="FLIES") == ["b"]
    assert await ids(namespace="other") == []
    page, after = await capabilities.find(limit=2)
    assert ([one.id for one in page], after) == (["b", "c"], "c")
    assert await ids(after="c") == ["search"]

    same = await capabilities.update("b", CapabilityChange(tags=("x", "y")))
    other = await capabilities.update("b", CapabilityChange(tags=("z",), name="Under"))
    assert (same.revision, other.revision) == (1, 2)
    assert await ids(tag="x") == ["c"]
    assert await ids(tag="z") == ["b"]
    assert await capabilities.get("b") == other
    with pytest.raises(RevisionMismatch):
        await capabilities.update("b", CapabilityChange(name="n"), accepted=frozenset({1}))
    with pytest.raises(CapabilityNotFound):
        await capabilities.update("b", CapabilityChange(name="n"), By(namespace="other"))
    with pytest.raises(CapabilityExists):
        await capabilities.create("again", capability_id="b")
    assert (await capabilities.create("drawn")).id.startswith("cap_")


@pytest.mark.parametrize(
    ("given", "field"),
    [
        ({"name": ""}, "name"),
        ({"name": "a\nb"}, "name"),
        ({"description": "a\0"}, "description"),
        ({"tags": ("a", "a")}, "tags.1"),
        ({"tags": ("",)}, "tags.0"),
        ({"tags": tuple(f"t{n}" for n in range(33))}, "tags"),
        ({"configuration_schema": {"type": "string"}}, "configuration_schema"),
        ({"configuration_schema": {"type": "number?"}}, "configuration_schema"),
        ({"configuration_schema": {"properties": []}}, "configuration_schema"),
        ({"configuration_schema": {"$ref": "http://x/y"}}, "configuration_schema"),
        ({"configuration_schema": {"$ref": "#"}}, "configuration_schema"),
        (
            {"configuration_schema": {"properties": {"a": {"pattern": "(a+)+$"}}}},
            "configuration_schema",
        ),
        ({"configuration_schema": {"description": "x" * 70_000}}, "configuration_schema"),
    ],
)
async def test_a_capability_that_cannot_be_kept_is_refused_by_its_field(
    given: dict[str, Any], field: str, capabilities: CapabilityService
) -> None:
    with pytest.raises(InvalidInput) as caught:
        await capabilities.create(**{"name": "n", **given})
    assert caught.value.field == field
    with pytest.raises(InvalidInput) as caught:
        await capabilities.update("search", CapabilityChange(**given))
    assert caught.value.field == field
    assert (await capabilities.get("search")).revision == 1


async def test_what_takes_too_long_to_check_is_refused(capabilities: CapabilityService) -> None:
    node: dict[str, Any] = {"properties": {"l": {"$ref": "#"}, "r": {"$ref": "#"}}}
    value: dict[str, Any] = {}
    for _ in range(11):
        value = {"l": value, "r": value}
    await capabilities.create("Tree", capability_id="tree", configuration_schema=node)
    with pytest.raises(InvalidInput, match="too long"):
        await capabilities.add_capability_to_agent("a", "tree", value)


async def test_known_are_those_of_ones_own_that_are_there(capabilities: CapabilityService) -> None:
    await capabilities.create("Search", capability_id="ours")
    await capabilities.create("Search", By(namespace="zoo"), capability_id="theirs")
    assert await capabilities.known(["ours", "theirs", "gone"]) == {"ours"}
    assert await capabilities.known([]) == frozenset()
