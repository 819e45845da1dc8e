"""The store of turns, on SQLite and on PostgreSQL."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Callable
from datetime import timedelta
from decimal import Decimal
from pathlib import Path

import pytest
import pytest_asyncio
from alembic.autogenerate import compare_metadata
from alembic.runtime.migration import MigrationContext
from msgspec.structs import replace
from sqlalchemy import Connection

from rollcall.backends.sql import outbox
from rollcall.backends.sql.database import Database, dialect_of
from rollcall.conversations.errors import (
    KeyReused,
    SessionBusy,
    SessionNotFound,
    SessionOfAnother,
    TurnNotFound,
)
from rollcall.conversations.models import (
    Exchange,
    ToolOutcome,
    ToolRun,
    Turn,
    TurnStatus,
    Usage,
)
from rollcall.conversations.repository import SqlTurnStore
from rollcall.conversations.tables import METADATA
from rollcall.conversations.told import session_deleted, turn_events
from rollcall.conversations.turn_store import Accepted
from support.conversing import T0, turn
from support.databases import sqlite_at

RUN = ToolRun(
    call_id="c1",
    name="add",
    tool="add",
    service="adders",
    arguments={"a": 1},
    outcome=ToolOutcome.OK,
    started_at=T0,
    duration_ms=1.5,
    result={"sum": [1, None, "x"]},
)
PRICED = Usage(
    model="m", provider="p", input_tokens=7, output_tokens=2, cost=Decimal("0.0000012"), requests=1
)


@pytest_asyncio.fixture(
    params=["sqlite", pytest.param("postgresql", marks=pytest.mark.server)],
)
async def database(request: pytest.FixtureRequest, tmp_path: Path) -> AsyncIterator[Database]:
    if request.param == "sqlite":
        url = sqlite_at(tmp_path / "x.db")
    else:
        url = request.getfixturevalue("fresh_database")()
    database = Database(dialect_of(url))
    await database.open()
    yield database
    await database.close()


@pytest.fixture
def store(database: Database) -> SqlTurnStore:
    return SqlTurnStore(database)


async def accept(store: SqlTurnStore, one: Turn, **more: object) -> Accepted:
    options: dict[str, object] = {
        "runner": "r1",
        "fingerprint": one.user_input,
        "waiting": 10,
        "begin": True,
    }
    return await store.accept(one, **{**options, **more})  # pyright: ignore[reportArgumentType]


def ended(one: Turn, response: str = "done") -> Turn:
    return replace(
        one,
        status=TurnStatus.ANSWERED,
        response=response,
        finished_at=one.created_at + timedelta(seconds=2),
    )


async def told(database: Database) -> list[str]:
    async with database.reading() as connection:
        return [entry.event.type for entry in await outbox.read(connection, 0, 100)]


async def test_a_message_in_an_idle_session_begins_at_once_and_the_next_waits(
    store: SqlTurnStore,
) -> None:
    first = (await accept(store, turn("a"))).turn
    second = (await accept(store, turn("b"))).turn
    other = (await accept(store, turn("c", "t"), begin=False)).turn

    assert (first.number, first.status, first.started_at) == (1, TurnStatus.RUNNING, T0)
    assert (second.number, second.status) == (2, TurnStatus.ACCEPTED)
    assert (other.number, other.status) == (1, TurnStatus.ACCEPTED)
    assert await store.turns("default", "s", limit=10, after=0) == [first, second]


async def test_what_was_said_and_done_is_kept_to_the_last_digit(store: SqlTurnStore) -> None:
    asked = turn(
        "a",
        user_id="u",
        model="p:m",
        instructions="be brief",
        history=(Exchange("hello", "hi"),),
        correlation_id="chain",
    )
    begun = (await accept(store, asked)).turn
    done = replace(ended(begun), tools=(RUN,), usage=PRICED, error="e", error_type="t")

    assert await store.finish(done, turn_events(done), runner="r1")

    assert await store.turn("default", "s", "a") == done


async def test_a_turn_starts_only_when_those_before_it_have_ended(store: SqlTurnStore) -> None:
    first = (await accept(store, turn("a"))).turn
    second = (await accept(store, turn("b"))).turn

    assert await store.start(second, runner="r1", at=T0) is None
    await store.finish(ended(first), (), runner="r1")
    begun = await store.start(second, runner="r1", at=T0)

    assert begun is not None
    assert begun.status is TurnStatus.RUNNING
    assert await store.start(second, runner="r1", at=T0) is None


async def test_how_a_turn_ended_is_told_with_it_and_only_once(
    store: SqlTurnStore, database: Database
) -> None:
    begun = (await accept(store, turn("a"))).turn
    done = replace(ended(begun), usage=PRICED)

    assert await store.finish(done, turn_events(done), runner="r1")
    assert not await store.finish(done, turn_events(done), runner="r1")

    assert await told(database) == ["conversation.completed", "usage.recorded"]


async def test_the_same_key_gives_the_same_turn_and_another_message_is_refused(
    store: SqlTurnStore,
) -> None:
    first = await accept(store, turn("a", idempotency_key="k"), fingerprint="f")
    again = await accept(store, turn("b", idempotency_key="k"), fingerprint="f")
    other = await accept(store, turn("c", idempotency_key="k", owner="else"), fingerprint="f")

    assert again == Accepted(first.turn, known=True)
    assert other.turn.id == "c"
    with pytest.raises(KeyReused):
        await accept(store, turn("d", idempotency_key="k"), fingerprint="g")
    assert (await store.session("default", "s")).turns == 2


async def test_only_so_many_wait_in_a_session(store: SqlTurnStore) -> None:
    await accept(store, turn("a"), waiting=1)
    await accept(store, turn("b"), waiting=1)

    with pytest.raises(SessionBusy):
        await accept(store, turn("c"), waiting=1)

    assert [one.id for one in await store.unfinished("default", "s")] == ["a", "b"]
    await accept(store, turn("d", "another"), waiting=1)


async def test_messages_that_come_at_once_are_numbered_without_a_gap(store: SqlTurnStore) -> None:
    some = await asyncio.gather(*(accept(store, turn(f"t{n}"), waiting=50) for n in range(12)))

    assert sorted(one.turn.number for one in some) == list(range(1, 13))
    assert sum(one.turn.status is TurnStatus.RUNNING for one in some) == 1


async def test_history_is_what_was_answered_the_oldest_first(store: SqlTurnStore) -> None:
    for name in "abcd":
        begun = (await accept(store, turn(name))).turn
        done = ended(begun, name.upper())
        if name == "b":
            done = replace(done, status=TurnStatus.FAILED)
        await store.finish(done, (), runner="r1")

    assert await store.history("default", "s", before=5, limit=2) == [
        Exchange("say c", "C"),
        Exchange("say d", "D"),
    ]
    assert await store.history("default", "s", before=4, limit=9) == [
        Exchange("say a", "A"),
        Exchange("say c", "C"),
    ]


async def test_sessions_come_by_the_page_the_one_changed_last_first(store: SqlTurnStore) -> None:
    for number, name in enumerate("abc"):
        at = T0 + timedelta(seconds=number)
        await accept(store, turn(name, f"s-{name}", created_at=at, user_id=f"u-{name}"))

    page = await store.sessions("default", user_id=None, limit=2, after=None)
    rest = await store.sessions(
        "default", user_id=None, limit=2, after=(page[-1].updated_at.timestamp(), "s-b")
    )
    mine = await store.sessions("default", user_id="u-b", limit=9, after=None)

    assert [one.session_id for one in page] == ["s-c", "s-b"]
    assert [one.session_id for one in rest] == ["s-a"]
    assert [one.session_id for one in mine] == ["s-b"]
    assert await store.sessions("other", user_id=None, limit=9, after=None) == []
    assert page[0].title == "say c"


async def test_a_session_is_deleted_when_nothing_in_it_is_under_way(
    store: SqlTurnStore, database: Database
) -> None:
    begun = (await accept(store, turn("a"))).turn
    event = session_deleted("default", "s", T0, "1")

    assert await store.delete("default", "s", (event,)) is None
    await store.finish(ended(begun), (), runner="r1")
    assert await store.delete("default", "s", (event,)) == 1

    assert await told(database) == ["conversation.deleted"]
    assert await store.turns("default", "s", limit=9, after=0) == []
    with pytest.raises(SessionNotFound):
        await store.delete("default", "s", (event,))
    with pytest.raises(TurnNotFound):
        await store.turn("default", "s", "a")
    assert (await accept(store, turn("b"))).turn.number == 1


async def test_others_see_nothing_of_a_session(store: SqlTurnStore) -> None:
    await accept(store, turn("a"))

    with pytest.raises(SessionNotFound):
        await store.session("other", "s")
    with pytest.raises(TurnNotFound):
        await store.turn("other", "s", "a")


async def test_what_a_silent_runner_left_is_taken_over_and_it_can_write_no_more(
    store: SqlTurnStore,
) -> None:
    at = T0.timestamp()
    left = (await accept(store, turn("a"))).turn
    waiting = (await accept(store, turn("b"))).turn
    await accept(store, turn("c", "t"), runner="alive")

    assert await store.beat("alive", at + 20) == []
    assert await store.take_over("heir", silent_since=at + 10, at=at + 21) == [left, waiting]
    assert await store.take_over("late", silent_since=at + 10, at=at + 21) == []

    assert not await store.finish(ended(left), (), runner="r1")
    assert await store.finish(ended(left), (), runner="heir")


async def test_a_runner_hears_which_of_its_turns_are_called_off(store: SqlTurnStore) -> None:
    mine = (await accept(store, turn("a"))).turn
    other = (await accept(store, turn("b", "t"), runner="r2")).turn
    await store.call_off(mine)
    await store.call_off(other)

    assert await store.beat("r1", T0.timestamp()) == ["a"]
    await store.finish(replace(ended(mine), status=TurnStatus.CANCELLED), (), runner="r1")
    assert await store.beat("r1", T0.timestamp()) == []


@pytest.mark.server
async def test_the_migrations_make_the_tables_that_the_code_knows_on_postgresql_too(
    fresh_database: Callable[[], str],
) -> None:
    database = Database(dialect_of(fresh_database()))
    await database.open()

    def difference(connection: Connection) -> object:
        names = METADATA.tables
        options = {
            "include_name": lambda name, kind, _: kind != "table" or name in names,
            "compare_type": True,
        }
        return compare_metadata(MigrationContext.configure(connection, opts=options), METADATA)

    async with database.reading() as connection:
        assert await connection.run_sync(difference) == []
    await database.close()


async def test_a_session_keeps_its_agent_and_the_version_it_began_with(store: SqlTurnStore) -> None:
    first = (await accept(store, turn("a", agent_id="writer", agent_version=2))).turn
    second = (await accept(store, turn("b", agent_id="writer", agent_version=5))).turn

    assert (first.agent_version, second.agent_version) == (2, 2)
    assert (await store.turn("default", "s", "b")).agent_version == 2
    session = await store.session("default", "s")
    assert (session.agent_id, session.agent_version, session.turns) == ("writer", 2, 2)
    with pytest.raises(SessionOfAnother):
        await accept(store, turn("c", agent_id="assistant"))
    assert (await store.session("default", "s")).turns == 2


async def test_sessions_of_an_agent_are_found(store: SqlTurnStore) -> None:
    await accept(store, turn("a", "s-a", agent_id="writer", agent_version=1))
    await accept(store, turn("b", "s-b"))

    found = await store.sessions("default", user_id=None, agent_id="writer", limit=9, after=None)
    assert [(one.session_id, one.agent_version) for one in found] == [("s-a", 1)]


async def test_a_message_is_known_by_its_key(store: SqlTurnStore) -> None:
    kept = (await accept(store, turn("a", idempotency_key="k"))).turn
    again = turn("b", idempotency_key="k")

    assert await store.known(again, kept.user_input) == kept
    assert await store.known(turn("c"), kept.user_input) is None
    with pytest.raises(KeyReused):
        await store.known(again, "another message")
