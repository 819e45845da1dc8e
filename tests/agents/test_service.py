"""Definitions and their versions, on SQLite and on PostgreSQL."""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from alembic.autogenerate import compare_metadata
from alembic.runtime.migration import MigrationContext
from msgspec.structs import replace
from sqlalchemy import Connection

from rollcall.agents import AgentService, CapabilityService
from rollcall.agents.changes import change_of
from rollcall.agents.errors import (
    AgentExists,
    AgentNotFound,
    KeyReused,
    MoveRefused,
    VersionNotFound,
)
from rollcall.agents.models import By, Priority, Status, Wanted
from rollcall.agents.repository import SqlAgentStore
from rollcall.agents.tables import METADATA
from rollcall.backends.sql.database import Database, dialect_of
from rollcall.events.catalogue import TYPES, Catalogue
from rollcall.kernel.errors import InvalidInput
from rollcall.kernel.ids import RandomIds
from rollcall.kernel.record_errors import RevisionMismatch
from rollcall.testing.clock import FrozenClock
from support.databases import sqlite_at
from support.definitions import BUSINESS, told

BOB = By(author="key:bob", reason="because", correlation_id="chain")


async def made(agents: AgentService, name: str = "writer", **more: Any) -> str:
    return await agents.create_agent({"name": name, **more})


async def names(agents: AgentService, namespace: str = "default", **wanted: Any) -> list[str]:
    page, _ = await agents.find(Wanted(**wanted), namespace=namespace, limit=100)
    return [one.content.name for one in page]


async def test_a_definition_of_document_3_is_active_and_one_of_document_4_a_draft(
    agents: AgentService,
) -> None:
    third = await agents.get_agent(await made(agents, configuration={"model": "openai:gpt-5"}))
    fourth = await agents.get_agent(await agents.create_agent(BUSINESS))

    assert (third["status"], third["version"], third["priority"]) == ("active", "1", "medium")
    assert third["configuration"] == {"model": "openai:gpt-5"}
    assert "business_name" not in third
    assert third["id"] == third["agent_id"]
    assert (fourth["status"], fourth["name"]) == ("draft", "Green Leaf")
    assert {name: fourth[name] for name in BUSINESS} == BUSINESS


async def test_a_change_is_a_version_and_what_changes_nothing_is_none(
    agents: AgentService, clock: FrozenClock
) -> None:
    agent_id = await made(agents, description="Writes")
    await clock.advance(5)
    changed = await agents.update(agent_id, change_of({"description": "Writes well"}), BOB)
    same = await agents.update(agent_id, change_of({"description": "Writes well"}))

    assert (changed.version, changed.content.name) == (2, "writer")
    assert (changed.updated_at - changed.created_at).total_seconds() == 5
    assert same == changed == await agents.get(agent_id)
    history, more = await agents.versions(agent_id, limit=10)
    assert [(one.number, one.author, one.reason) for one in history] == [
        (2, "key:bob", "because"),
        (1, "local", ""),
    ]
    assert more is None
    assert history[1].content.description == "Writes"


async def test_true_is_another_thing_than_one(agents: AgentService) -> None:
    agent_id = await made(agents, configuration={"loud": 1})
    changed = await agents.update(agent_id, change_of({"configuration": {"loud": True}}))
    assert changed.version == 2
    assert changed.content.configuration["loud"] is True


async def test_a_revert_is_a_new_version_and_leaves_the_status(agents: AgentService) -> None:
    agent_id = await made(agents, description="first")
    await agents.update(agent_id, change_of({"description": "second"}))
    await agents.move(agent_id, Status.PAUSED)
    back = await agents.revert(agent_id, 1)

    assert (back.version, back.content.description, back.status) == (3, "first", Status.PAUSED)
    assert (await agents.version(agent_id, 2)).content.description == "second"
    assert (await agents.version(agent_id, 3)).reason == "reverted to version 1"
    assert (await agents.revert(agent_id, 1)).version == 3
    with pytest.raises(VersionNotFound):
        await agents.revert(agent_id, 4)


async def test_two_versions_are_compared_as_a_json_patch(agents: AgentService) -> None:
    agent_id = await made(agents, configuration={"limits": {"steps": 3}, "model": "a:b"})
    await agents.update(
        agent_id, change_of({"configuration": {"limits": {"steps": 4}}, "industry": "food"})
    )
    steps = await agents.compare(agent_id, 1, 2)

    assert [(one.op, one.path) for one in steps] == [
        ("replace", "/configuration/limits/steps"),
        ("remove", "/configuration/model"),
        ("add", "/industry"),
    ]
    assert (steps[0].old, steps[0].value) == (3, 4)
    with pytest.raises(VersionNotFound):
        await agents.compare(agent_id, 1, 3)


async def test_nobody_changes_what_they_have_not_seen(agents: AgentService) -> None:
    agent_id = await made(agents)
    seen = frozenset({(await agents.get(agent_id)).revision})
    change = change_of({"description": "x"})
    await agents.update(agent_id, change, accepted=seen)

    for late in (
        lambda: agents.update(agent_id, change_of({"name": "y"}), accepted=seen),
        lambda: agents.move(agent_id, Status.PAUSED, accepted=seen),
        lambda: agents.revert(agent_id, 1, accepted=seen),
        lambda: agents.delete(agent_id, accepted=seen),
    ):
        with pytest.raises(RevisionMismatch) as caught:
            await late()
        assert (caught.value.expected, caught.value.current) == (1, 2)
    assert (await agents.get(agent_id)).revision == 2


async def test_a_status_moves_as_it_may_and_every_move_is_kept(agents: AgentService) -> None:
    agent_id = await agents.create_agent(BUSINESS)
    with pytest.raises(MoveRefused) as caught:
        await agents.move(agent_id, Status.PAUSED)
    assert caught.value.allowed == ("active", "archived")
    await agents.move(agent_id, Status.ACTIVE, BOB)
    again = await agents.move(agent_id, Status.ACTIVE)
    await agents.move(agent_id, Status.ARCHIVED)

    assert (again.version, again.revision) == (1, 2)
    moves = await agents.moves(agent_id, limit=10)
    assert [(one.old, one.new, one.author, one.reason) for one in moves] == [
        (Status.ACTIVE, Status.ARCHIVED, "local", ""),
        (Status.DRAFT, Status.ACTIVE, "key:bob", "because"),
        (None, Status.DRAFT, "local", ""),
    ]
    assert [one.new for one in await agents.moves(agent_id, limit=9, before=2)] == [Status.DRAFT]


async def test_what_is_deleted_is_gone_and_its_id_comes_back_with_its_history(
    agents: AgentService,
) -> None:
    one = await agents.create(change_of({"name": "first"}), agent_id="a")
    with pytest.raises(AgentExists):
        await agents.create(change_of({"name": "second"}), agent_id="a")
    await agents.delete("a")

    for gone in (
        lambda: agents.get("a"),
        lambda: agents.delete("a"),
        lambda: agents.versions("a", limit=1),
        lambda: agents.update("a", change_of({"name": "x"})),
        lambda: agents.move("a", Status.PAUSED),
        lambda: agents.revert("a", 1),
    ):
        with pytest.raises(AgentNotFound):
            await gone()
    assert await names(agents) == []
    # Whoever began with a version keeps it.
    assert (await agents.version("a", 1)).content == one.content

    back = await agents.create(change_of({"name": "third"}), agent_id="a")
    assert (back.version, back.revision) == (2, 3)
    assert [v.content.name for v in (await agents.versions("a", limit=9))[0]] == ["third", "first"]


async def test_every_change_is_told_once_in_its_order(
    agents: AgentService, database: Database
) -> None:
    await agents.create(change_of({"name": "n"}), BOB, agent_id="a")
    await agents.update("a", change_of({"name": "m", "priority": "high"}))
    await agents.update("a", change_of({"name": "m"}))
    await agents.move("a", Status.PAUSED)
    await agents.delete("a")
    await agents.create(change_of({"name": "n"}), agent_id="a")
    with pytest.raises(InvalidInput):
        await agents.update("a", change_of({"name": ""}))

    events = await told(database)
    assert [(one.type.removeprefix("agent."), one.subject) for one in events] == [
        ("created", "a"),
        ("updated", "a"),
        ("updated", "a"),
        ("deleted", "a"),
        ("created", "a"),
    ]
    assert events[0].data == {"agent_id": "a", "name": "n", "version": "1"}
    assert events[0].correlation_id == "chain"
    assert events[1].data == {
        "agent_id": "a",
        "name": "m",
        "changes": ["name", "priority"],
        "version": "2",
        "status": "active",
    }
    assert events[2].data["changes"] == ["status"]
    assert len({one.id for one in events}) == 5


async def test_a_change_whose_event_cannot_be_told_is_not_made(
    tmp_path: Path, clock: FrozenClock
) -> None:
    known = [one for one in TYPES if one.name == "agent.created"]
    database = Database(dialect_of(sqlite_at(tmp_path / "z.db")), Catalogue(known))
    await database.open()
    agents = AgentService(SqlAgentStore(database), clock, RandomIds())
    made = await agents.create(change_of({"name": "n"}), agent_id="a")
    for untold in (
        lambda: agents.update("a", change_of({"name": "m"})),
        lambda: agents.move("a", Status.PAUSED),
        lambda: agents.delete("a"),
    ):
        with pytest.raises(InvalidInput, match="catalogue"):
            await untold()
    assert await agents.get("a") == made
    assert len((await agents.versions("a", limit=9))[0]) == 1
    assert len(await agents.moves("a", limit=9)) == 1
    await database.close()


async def test_definitions_are_found_by_all_that_one_looks_for(
    agents: AgentService, capabilities: CapabilityService
) -> None:
    await capabilities.create("Search", capability_id="search", tags=["web", "reading"])
    await agents.create_agent(BUSINESS)
    await made(agents, "Straße 100%", description="finds the way", capabilities={"search": {}})
    await made(agents, "writer", priority="low")

    assert await names(agents, name="writer") == ["writer"]
    assert await names(agents, name="write") == []
    assert await names(agents, status=Status.DRAFT) == ["Green Leaf"]
    assert await names(agents, industry="retail") == ["Green Leaf"]
    assert await names(agents, capability="search") == ["Straße 100%"]
    assert await names(agents, tag="reading") == ["Straße 100%"]
    assert await names(agents, tag="read") == []
    assert await names(agents, q="STRASSE") == ["Straße 100%"]
    assert await names(agents, q="0%") == ["Straße 100%"]
    assert await names(agents, q="1%0") == []
    assert await names(agents, q="garden") == ["Green Leaf"]
    assert await names(agents, q="the way", status=Status.DRAFT) == []
    assert await names(agents, "other") == []


async def test_a_list_comes_by_the_page_without_a_gap_also_where_times_are_equal(
    agents: AgentService, clock: FrozenClock
) -> None:
    for number in range(7):
        await made(agents, f"n{number}")
        if number % 3 == 2:
            await clock.advance(1)
    seen: list[str] = []
    after = None
    while True:
        page, after = await agents.find(Wanted(), limit=2, after=after)
        seen += [one.id for one in page]
        if after is None:
            break
    everything, _ = await agents.find(Wanted(), limit=100)
    assert seen == [one.id for one in everything]
    assert len(seen) == 7
    assert everything[0].content.name == "n6"


async def test_others_see_and_change_nothing_of_it(agents: AgentService) -> None:
    other = By(namespace="other")
    await agents.create(change_of({"name": "mine"}), agent_id="a")
    for foreign in (
        lambda: agents.get("a", namespace="other"),
        lambda: agents.update("a", change_of({"name": "x"}), other),
        lambda: agents.delete("a", other),
        lambda: agents.move("a", Status.PAUSED, other),
    ):
        with pytest.raises(AgentNotFound):
            await foreign()
    with pytest.raises(VersionNotFound):
        await agents.version("a", 1, namespace="other")
    theirs = await agents.create(change_of({"name": "theirs"}), other, agent_id="a")
    assert theirs.version == 1
    assert (await agents.get("a")).content.name == "mine"


async def test_a_prompt_is_filled_in(agents: AgentService) -> None:
    agent_id = await made(agents, prompt_templates={"hello": "Hi {{who}}, {{ who }}!"})
    assert await agents.prompt(agent_id, "hello", {"who": "{{you}}"}) == "Hi {{you}}, {{you}}!"


async def test_what_it_says_is_kept_to_the_last_letter(agents: AgentService) -> None:
    configuration = {"a": [1, 2.5, None, True, "\u00e9\n\N{ROCKET}"], "": {"~/": {}}}
    agent_id = await made(agents, configuration=configuration, priority="critical")
    found = (await agents.get(agent_id)).content
    assert found.configuration == configuration
    assert found.priority is Priority.CRITICAL


@pytest.mark.server
async def test_the_migrations_make_the_tables_that_the_code_knows_on_postgresql_too(
    fresh_database: Callable[[], str],
) -> None:
    database = Database(dialect_of(fresh_database()))
    await database.open()

    def difference(connection: Connection) -> object:
        known = METADATA.tables
        options = {
            "include_name": lambda name, kind, _: kind != "table" or name in known,
            "compare_type": True,
        }
        return compare_metadata(MigrationContext.configure(connection, opts=options), METADATA)

    async with database.reading() as connection:
        assert await connection.run_sync(difference) == []
    await database.close()


async def test_what_is_made_again_with_its_key_is_there_already(agents: AgentService) -> None:
    anna, bob = By(author="key:anna"), By(author="key:bob")
    one = await agents.create(change_of({"name": "One"}), anna, key="k")
    assert await agents.create(change_of({"name": "One"}), anna, key="k") == one
    await agents.update(one.id, change_of({"name": "Two"}), anna)
    again = await agents.create(change_of({"name": "One"}), anna, key="k")
    assert (again.id, again.version) == (one.id, 2)
    with pytest.raises(KeyReused, match=one.id):
        await agents.create(change_of({"name": "Two"}), anna, key="k")
    others = [
        await agents.create(change_of({"name": "One"}), bob, key="k"),
        await agents.create(change_of({"name": "One"}), replace(anna, namespace="zoo"), key="k"),
        await agents.create(change_of({"name": "One"}), anna, key="l"),
    ]
    assert len({one.id, *(other.id for other in others)}) == 4
    named = await agents.create(change_of({"name": "One"}), anna, agent_id="mine", key="m")
    assert await agents.create(change_of({"name": "One"}), anna, agent_id="mine", key="m") == named
    with pytest.raises(KeyReused):
        await agents.create(change_of({"name": "One"}), bob, agent_id="mine", key="m")


async def test_a_key_does_not_bring_back_what_was_deleted(agents: AgentService) -> None:
    one = await agents.create(change_of({"name": "One"}), key="k")
    await agents.delete(one.id)
    for name in ("One", "Two"):
        with pytest.raises(KeyReused, match=f"was deleted, '{one.id}': send a new key"):
            await agents.create(change_of({"name": name}), key="k")
    with pytest.raises(AgentNotFound):
        await agents.get(one.id)


async def test_of_many_at_once_with_one_key_one_is_made(agents: AgentService) -> None:
    made = await asyncio.gather(
        *(agents.create(change_of({"name": "One"}), key="k") for _ in range(8))
    )
    assert len({one.id for one in made}) == 1
    page, _ = await agents.find(Wanted(), limit=10)
    assert len(page) == 1
