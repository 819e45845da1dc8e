"""What the wizard decides."""

from __future__ import annotations

import asyncio
from typing import Any

import pytest

from rollcall.agents import AgentService
from rollcall.agents.changes import change_of
from rollcall.agents.errors import AgentNotFound
from rollcall.agents.models import By, Status
from rollcall.agents.repository import SqlAgentStore
from rollcall.agents.wizard.errors import AgentIncomplete, AgentNotActive
from rollcall.agents.wizard.prompting import MAX_CUSTOM
from rollcall.agents.wizard.service import Prompted, ended
from rollcall.agents.wizard.shelf import Shelf
from rollcall.backends.sql.database import Database
from rollcall.cli.applying import check, planned
from rollcall.cli.definition_files import parsed
from rollcall.kernel.caller import READ, REGISTER, Caller
from rollcall.kernel.errors import InvalidInput
from rollcall.kernel.ids import RandomIds
from rollcall.kernel.record_errors import RevisionMismatch
from rollcall.testing.clock import FrozenClock
from support.trades import BAKERY, House, event

ANNA = By(namespace="default", author="key:anna")
CALLER = Caller("key:anna", "default", frozenset({READ, REGISTER}))


async def made(house: House, **fields: Any) -> str:
    return (await house.agents.create(change_of({**BAKERY, **fields}), ANNA)).id


async def test_a_prompt_that_is_saved_is_the_next_version_and_keeps_the_rest(house: House) -> None:
    key = await made(house, configuration={"limits": {"steps": 3}})

    done = await house.wizard.prompt(key, ANNA, custom="Mention the café.")

    told = done.definition.content.configuration
    assert told == {
        "limits": {"steps": 3},
        "instructions": done.text,
        "custom_prompt": "Mention the café.",
    }
    assert "> Mention the café." in done.text
    assert (done.metadata.name, done.metadata.icon) == ("Bakery", "bread-slice")
    assert done.metadata.has_custom_prompt
    (newest, _), _ = await house.agents.versions(key, limit=10)
    assert (newest.number, newest.author) == (2, "key:anna")
    assert newest.reason == "prompt made by the wizard"


async def test_a_prompt_with_all_that_may_be_added_can_be_kept_in_every_script(
    sqlite: Database, clock: FrozenClock
) -> None:
    house = House(sqlite, clock, shelf=Shelf(clock))
    added = "添" * MAX_CUSTOM
    for industry in house.shelf.library.industries:
        done = await house.wizard.prompt(await made(house, industry=industry), ANNA, custom=added)
        assert added in done.definition.content.configuration["instructions"]


async def test_made_again_it_is_the_same_version_with_what_was_added_before(house: House) -> None:
    key = await made(house)
    first = await house.wizard.prompt(key, ANNA, custom="Mention the café.")
    again = await house.wizard.prompt(key, ANNA)
    assert (again.text, again.definition.version) == (first.text, 2)
    without = await house.wizard.prompt(key, ANNA, custom="")
    assert "café" not in without.text
    assert "custom_prompt" not in without.definition.content.configuration
    assert not without.metadata.has_custom_prompt


async def test_a_prompt_that_is_only_shown_changes_nothing(house: House) -> None:
    key = await made(house)
    shown = await house.wizard.prompt(key, ANNA, custom="x", save=False)
    assert "> x" in shown.text
    assert await house.agents.get(key) == shown.definition
    assert shown.definition.version == 1


async def test_a_definition_that_says_too_little_says_what_is_missing(house: House) -> None:
    key = (await house.agents.create(change_of({"name": "Plain"}), ANNA)).id
    with pytest.raises(AgentIncomplete) as caught:
        await house.wizard.prompt(key, ANNA)
    assert caught.value.missing == ("business_name", "industry")
    with pytest.raises(AgentNotFound):
        await house.wizard.prompt("nobody", ANNA)
    with pytest.raises(InvalidInput, match="custom_prompt: must have at most"):
        await house.wizard.prompt(await made(house), ANNA, custom="x" * (MAX_CUSTOM + 1))


async def test_a_change_that_nobody_has_seen_is_not_written_over(house: House) -> None:
    key = await made(house)
    await house.agents.update(key, change_of({"business_name": "Other"}), ANNA)
    with pytest.raises(RevisionMismatch):
        await house.wizard.prompt(key, ANNA, accepted=frozenset({1}))
    assert "“Other”" in (await house.wizard.prompt(key, ANNA)).text


async def test_of_32_who_make_a_prompt_at_once_nobody_comes_too_late(
    database: Database, clock: FrozenClock
) -> None:
    house = House(database, clock)
    key = await made(house)

    done = await asyncio.gather(
        *(house.wizard.prompt(key, ANNA, custom=f"Number {one}.") for one in range(32)),
        house.agents.update(key, change_of({"configuration": {"limits": {"steps": 3}}}), ANNA),
    )

    prompts = [one for one in done if isinstance(one, Prompted)]
    assert len({one.definition.version for one in prompts}) == 32
    for one in prompts:
        assert one.definition.content.configuration["instructions"] == one.text
    now = await house.agents.get(key)
    assert now.version == 34
    assert now.content.configuration["limits"] == {"steps": 3}


async def test_a_definition_may_name_only_what_the_library_knows(house: House) -> None:
    for field, value, said in (
        ("industry", "piracy", "must be one of bakery, garage, not 'piracy'"),
        ("llm_model", "gpt-6-luna", "or any other as provider:model, not 'gpt-6-luna'"),
    ):
        with pytest.raises(InvalidInput) as caught:
            await made(house, **{field: value})
        assert caught.value.field == field
        assert said in caught.value.problem
    key = await made(house, llm_model="groq:any")
    with pytest.raises(InvalidInput, match="industry"):
        await house.agents.update(key, change_of({"industry": "piracy"}), ANNA)
    await house.agents.update(key, change_of({"industry": "garage"}), ANNA)


async def test_what_a_definition_says_already_may_stay_though_the_library_forgot_it(
    house: House, sqlite: Database, clock: FrozenClock
) -> None:
    anything = AgentService(SqlAgentStore(sqlite), clock, RandomIds())
    key = (await anything.create(change_of({**BAKERY, "industry": "piracy"}), ANNA)).id
    done = await house.agents.update(key, change_of({"business_name": "Still here"}), ANNA)
    assert done.content.industry == "piracy"
    ready = await house.wizard.readiness(key, namespace="default")
    assert not ready.ready
    assert ready.industry_metadata.name is None


async def test_readiness_sees_the_capabilities_of_its_own_namespace(house: House) -> None:
    await house.capabilities.create("Search", ANNA, capability_id="search")
    key = await made(house, capabilities={"search": {}})
    assert (await house.wizard.readiness(key, namespace="default")).ready
    with pytest.raises(AgentNotFound):
        await house.wizard.readiness(key, namespace="zoo")


async def test_a_definition_written_as_yaml_is_what_apply_would_leave_alone(house: House) -> None:
    await house.capabilities.create("Search", ANNA, capability_id="search")
    key = await made(
        house,
        capabilities={"search": {"top": 3}},
        prompt_templates={"hello": "Hi {{who}},\nhow: are you?"},
        configuration={"limits": {"cost": "0.25"}, "yes": "no"},
        priority="high",
    )
    await house.wizard.prompt(key, ANNA, custom="“Quoted”: {not yaml}\n- x")

    (document,) = parsed("x", await house.wizard.yaml(key, namespace="default"))

    check(document)
    current = await house.agents.get_agent(key)
    assert planned(document, current, key).action == "unchanged"


async def test_a_preview_is_what_apply_would_make_and_keeps_nothing(house: House) -> None:
    shown = await house.wizard.preview(change_of(BAKERY), "Be kind.", namespace="default")

    assert "> Be kind." in shown.system_prompt
    assert shown.greeting == "Welcome to Crumb & Crust."
    assert shown.issues == ()
    (document,) = parsed("x", shown.yaml)
    check(document)
    made_of = await house.agents.create(change_of(document.fields), ANNA)
    again = await house.wizard.prompt(made_of.id, ANNA)
    assert (again.text, again.definition.version) == (shown.system_prompt, 1)
    assert again.metadata == shown.industry_metadata
    with pytest.raises(InvalidInput, match="industry: is missing"):
        await house.wizard.preview(
            change_of({**BAKERY, "industry": None}), None, namespace="default"
        )


async def test_models_have_the_prices_of_the_list_or_none(house: House) -> None:
    priced = await house.wizard.priced()
    assert set(priced.prices) == {"openai:gpt-6-luna", "anthropic:claude-haiku-5-5"}
    assert priced.source.startswith("genai-prices ")


async def test_only_an_active_agent_is_talked_to(house: House) -> None:
    key = await made(house)
    ways = {
        Status.ACTIVE: None,
        Status.PAUSED: "make it active again first",
        Status.ARCHIVED: "make another one",
    }
    with pytest.raises(AgentNotActive, match="is draft: make it active first") as caught:
        await house.wizard.talk(key, CALLER, "Hello")
    assert f"PATCH /api/agents/{key}/status" in str(caught.value)
    for status, way in ways.items():
        await house.agents.move(key, status, ANNA)
        if way is not None:
            with pytest.raises(AgentNotActive, match=way):
                await house.wizard.talk(key, CALLER, "Hello")
        else:
            told = [one async for one in await house.wizard.talk(key, CALLER, "Hello")]
            assert told == [event("accepted"), event("done", response="Yes.")]


async def test_a_message_sent_again_comes_to_the_same_conversation(house: House) -> None:
    key = await made(house)
    await house.agents.move(key, Status.ACTIVE, ANNA)
    for idempotency in ("a", "a", "b", None, None):
        assert await ended(await house.wizard.talk(key, CALLER, "Hello", key=idempotency))
    sessions = [message["session_id"] for _, message, _ in house.talk.asked]
    assert sessions[0] == sessions[1]
    assert len(set(sessions)) == 4
    caller, message, idempotency = house.talk.asked[0]
    assert (caller, idempotency) == (CALLER, "a")
    assert {**message, "session_id": ""} == {
        "session_id": "",
        "user_input": "Hello",
        "agent_id": key,
        "stream": True,
    }
