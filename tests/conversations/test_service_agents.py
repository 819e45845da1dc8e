"""Conversations with agents of definitions: whose a session is, and which version answers."""

from __future__ import annotations

from collections.abc import AsyncIterator

import pytest
import pytest_asyncio
from msgspec.structs import replace

from rollcall.backends.sql import outbox
from rollcall.backends.sql.database import Database
from rollcall.conversations.briefs import Agent, Skill
from rollcall.conversations.errors import (
    AgentNotFound,
    AgentNotRunnable,
    KeyReused,
    SessionOfAnother,
)
from rollcall.conversations.models import DEFAULT_AGENT, Ask, TurnStatus
from rollcall.conversations.options import ConversationOptions
from rollcall.conversations.service import ConversationService
from rollcall.kernel.clock import SystemClock
from rollcall.kernel.errors import StoreUnavailable
from rollcall.kernel.ids import RandomIds
from support.conversing import Flaky, Parrot, ask
from support.runnable import InMemoryDefinitions

WRITER = Agent(
    id="writer",
    version=1,
    name="Writer",
    model="test:small",
    limits={"steps": 3, "tokens": 10**9},
    skills=(Skill(id="search", name="Search"),),
)


@pytest.fixture
def definitions() -> InMemoryDefinitions:
    one = InMemoryDefinitions()
    one.add(WRITER)
    return one


@pytest_asyncio.fixture
async def service(
    store: Flaky, parrot: Parrot, definitions: InMemoryDefinitions
) -> AsyncIterator[ConversationService]:
    one = ConversationService(store, parrot, SystemClock(), RandomIds(), definitions=definitions)
    await one.start()
    yield one
    await one.stop()


def to(
    agent_id: str | None, words: str = "hello", session: str = "s", key: str | None = None
) -> Ask:
    return replace(ask(words, session, key), agent_id=agent_id)


async def test_an_agent_answers_with_its_model_and_its_limits(
    service: ConversationService, parrot: Parrot
) -> None:
    turn = await service.ended(await service.accept(to("writer")))

    assert (turn.status, turn.agent_id, turn.agent_version) == (TurnStatus.ANSWERED, "writer", 1)
    (task,) = parrot.tasks
    assert (task.model, task.brief.agent) == ("test:small", WRITER)
    assert task.limits == replace(ConversationOptions().limits, steps=3)


async def test_who_asks_for_a_model_gets_it_instead_of_the_agents(
    service: ConversationService, parrot: Parrot
) -> None:
    await service.ended(await service.accept(replace(to("writer"), model="test:parrot")))

    assert parrot.tasks[0].model == "test:parrot"


async def test_a_session_keeps_the_version_that_it_began_with(
    service: ConversationService, definitions: InMemoryDefinitions, parrot: Parrot
) -> None:
    await service.ended(await service.accept(to("writer")))
    definitions.add(replace(WRITER, version=2, model="test:large"))

    again = await service.ended(await service.accept(to("writer", "again")))
    unnamed = await service.ended(await service.accept(to(None, "and again")))
    fresh = await service.ended(await service.accept(to("writer", session="t")))

    assert [one.agent_version for one in (again, unnamed, fresh)] == [1, 1, 2]
    assert [one.model for one in parrot.tasks] == ["test:small"] * 3 + ["test:large"]
    assert (await service.session("default", "s")).agent_version == 1


async def test_a_session_belongs_to_the_agent_that_it_began_with(
    service: ConversationService, definitions: InMemoryDefinitions
) -> None:
    definitions.add(replace(WRITER, id="other"))
    await service.ended(await service.accept(to("writer")))
    await service.ended(await service.accept(to(None, session="plain")))

    for asked in (to("other"), to(DEFAULT_AGENT), to("writer", session="plain")):
        with pytest.raises(SessionOfAnother, match="belongs to agent"):
            await service.accept(asked)
    assert (await service.session("default", "s")).turns == 1


async def test_nothing_is_kept_for_an_agent_that_is_not_there_or_not_active(
    service: ConversationService, definitions: InMemoryDefinitions
) -> None:
    await service.ended(await service.accept(to("writer")))
    definitions.paused.add("writer")

    with pytest.raises(AgentNotFound):
        await service.accept(to("nobody", session="t"))
    for asked in (to("writer", session="t"), to("writer"), to(None)):
        with pytest.raises(AgentNotRunnable, match="paused"):
            await service.accept(asked)
    page, _ = await service.sessions("default", limit=9)
    assert [(one.session_id, one.turns) for one in page] == [("s", 1)]


async def test_a_message_that_was_taken_is_answered_also_if_its_agent_is_paused_meanwhile(
    service: ConversationService, definitions: InMemoryDefinitions, parrot: Parrot
) -> None:
    gate = parrot.gate("wait")
    first = await service.accept(to("writer", "wait"))
    second = await service.accept(to("writer", "behind it"))
    definitions.paused.add("writer")
    gate.set()

    assert (await service.ended(first)).status is TurnStatus.ANSWERED
    assert (await service.ended(second)).response == "you said behind it"


async def test_a_repeated_request_is_the_same_turn_whatever_became_of_the_agent(
    service: ConversationService, definitions: InMemoryDefinitions
) -> None:
    turn = await service.ended(await service.accept(to("writer", key="k")))
    definitions.paused.add("writer")
    assert await service.accept(to("writer", key="k")) == turn
    with pytest.raises(KeyReused):
        await service.accept(to("writer", "something else", key="k"))

    del definitions.versions["writer"]
    assert await service.accept(to("writer", key="k")) == turn


async def test_another_agent_makes_it_another_message(
    service: ConversationService, definitions: InMemoryDefinitions
) -> None:
    definitions.add(replace(WRITER, id="other"))
    await service.accept(to("writer", key="k"))
    with pytest.raises(KeyReused):
        await service.accept(to("other", key="k"))


async def test_a_turn_whose_definition_cannot_be_read_fails_as_one_to_try_again(
    service: ConversationService, definitions: InMemoryDefinitions
) -> None:
    async def away(namespace: str, agent_id: str, number: int) -> Agent:
        raise StoreUnavailable("away")

    definitions.version = away  # type: ignore[method-assign]
    turn = await service.ended(await service.accept(to("writer")))

    assert (turn.status, turn.error_type) == (TurnStatus.FAILED, "unavailable")


async def test_sessions_are_listed_by_agent(service: ConversationService) -> None:
    await service.accept(to("writer", session="a"))
    await service.accept(to(None, session="b"))

    page, _ = await service.sessions("default", agent_id="writer", limit=9)
    assert [one.session_id for one in page] == ["a"]


async def test_events_tell_which_version_answered(
    service: ConversationService, database: Database
) -> None:
    await service.ended(await service.accept(to("writer")))

    async with database.reading() as connection:
        told = [entry.event for entry in await outbox.read(connection, 0, 9)]
    assert [one.type for one in told] == ["conversation.completed", "usage.recorded"]
    assert {(one.data["agent_id"], one.data["agent_version"]) for one in told} == {("writer", 1)}
