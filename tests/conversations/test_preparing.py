"""What a turn is answered with of what is remembered: helpful, and never in the way."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable, Sequence

import pytest
from msgspec.structs import replace

from rollcall.conversations.briefs import Agent, Notes
from rollcall.conversations.definitions import NoDefinitions
from rollcall.conversations.models import Turn
from rollcall.conversations.options import ConversationOptions
from rollcall.conversations.preparing import Preparation
from rollcall.conversations.recollection import Memories
from rollcall.kernel.clock import Clock, SystemClock
from rollcall.kernel.errors import StoreUnavailable
from rollcall.testing.clock import FrozenClock
from support.conversing import Flaky, turn
from support.runnable import EverythingRemembered, InMemoryDefinitions, Said


@pytest.fixture
def memories() -> EverythingRemembered:
    return EverythingRemembered()


@pytest.fixture
def notes(store: Flaky, memories: EverythingRemembered) -> Callable[..., Awaitable[Notes]]:
    async def of(words: str, session: str, user: str | None) -> Notes:
        said = turn("a", session, user_input=words, user_id=user, number=1)
        return (await prepared(store, memories).task(said)).brief.notes

    return of


def prepared(store: Flaky, memories: Memories | None, clock: Clock | None = None) -> Preparation:
    return Preparation(
        store, NoDefinitions(), memories, clock or SystemClock(), ConversationOptions()
    )


async def test_what_a_user_said_comes_back_in_their_later_sessions_and_nowhere_else(
    notes: Callable[..., Awaitable[Notes]],
) -> None:
    assert await notes("My name is Ada", "s1", "ada") == Notes((), ("My name is Ada",))

    assert (await notes("hi", "s2", "ada")).recalled == ("My name is Ada",)
    assert (await notes("hi", "s1", "bob")).recalled == ()
    assert (await notes("hi", "s1", None)).recalled == ()


async def test_without_a_user_the_session_is_the_scope(
    notes: Callable[..., Awaitable[Notes]],
) -> None:
    await notes("My name is Ada", "s1", None)

    assert (await notes("hi", "s1", None)).recalled == ("My name is Ada",)
    assert (await notes("hi", "s2", None)).recalled == ()


async def test_a_turn_that_is_prepared_again_is_remembered_once(
    notes: Callable[..., Awaitable[Notes]], memories: EverythingRemembered
) -> None:
    for _ in range(2):
        # What the message itself says is told as that, and not as said before.
        assert await notes("My name is Ada", "s1", "ada") == Notes((), ("My name is Ada",))
    assert memories.kept == {("default", "ada"): ["My name is Ada"]}


@pytest.mark.parametrize("error", [StoreUnavailable("away"), RuntimeError("a fault")])
async def test_memories_that_fail_are_nothing_to_the_turn(
    error: Exception,
    store: Flaky,
    memories: EverythingRemembered,
    caplog: pytest.LogCaptureFixture,
) -> None:
    memories.broken = error
    task = await prepared(store, memories).task(turn("a", number=1))

    assert (task.brief.notes, memories.recalls) == (Notes(), 1)
    assert "goes on without memories" in caplog.text


async def test_memories_that_do_not_answer_are_not_waited_for(store: Flaky) -> None:
    clock = FrozenClock()

    class Slow(EverythingRemembered):
        async def remember(
            self, namespace: str, user_id: str | None, session_id: str, text: str
        ) -> Sequence[Said]:
            await asyncio.Event().wait()
            raise AssertionError

    memories = Slow()
    memories.kept["default", "s"] = ["known"]
    working = asyncio.create_task(prepared(store, memories, clock).task(turn("a", number=1)))
    while not memories.recalls:  # noqa: ASYNC110 - it runs beside this
        await asyncio.sleep(0)
    for _ in range(5):
        await clock.advance(ConversationOptions().memory_seconds)

    assert (await working).brief.notes == Notes(("known",), ())


async def test_nothing_is_remembered_where_that_is_switched_off(store: Flaky) -> None:
    said: Turn = replace(turn("a", number=1), user_input="My name is Ada")
    assert (await prepared(store, None).task(said)).brief.notes == Notes()


@pytest.mark.parametrize(
    ("user", "confined"), [("visitor:v1", True), ("ada", False), (None, False)]
)
async def test_who_answers_a_stranger_has_the_tools_of_its_capabilities_alone(
    user: str | None, confined: bool, store: Flaky
) -> None:
    definitions = InMemoryDefinitions()
    definitions.add(Agent(id="desk", version=1, name="Desk"))
    preparation = Preparation(store, definitions, None, SystemClock(), ConversationOptions())
    said = turn("a", agent_id="desk", agent_version=1, user_id=user, number=1)

    agent = (await preparation.task(said)).brief.agent

    assert agent is not None
    assert agent.confined is confined
