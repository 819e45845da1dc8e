# SPDX-License-Identifier: Apache-2.0
"""What one process appends is heard by another at once, on a real PostgreSQL.

The other process is this file too: `python test_listener.py URL NAME` publishes one event and ends.
"""

from __future__ import annotations

import asyncio
import sys
from collections.abc import AsyncIterator, Callable
from contextlib import AsyncExitStack
from typing import TYPE_CHECKING

import pytest
import pytest_asyncio

from rollcall.backends.eventlog.sql import SqlEventLog
from rollcall.backends.sql.database import Database, dialect_of
from rollcall.events.dispatcher import Dispatcher
from rollcall.events.envelope import Event
from rollcall.events.subscriptions import DeliverySettings, Sink
from rollcall.kernel.clock import SystemClock
from rollcall.kernel.errors import Unavailable
from rollcall.testing.event_log_contract.case import CREATED, created

if TYPE_CHECKING:
    from support.servers.postgres import Postgres

pytestmark = pytest.mark.server
AT_MOST = 30
"""Seconds until a test counts as failed; who polls would take far longer."""


async def publish(database: Database, name: str) -> None:
    async with database.begin() as work:
        work.publish(created(name))


async def publish_from_outside(url: str, name: str) -> None:
    """Publish in a process of its own."""
    other = await asyncio.create_subprocess_exec(sys.executable, __file__, url, name)
    assert await other.wait() == 0


class Hearing:
    """A process's consumer, which would never poll, and when it was given what."""

    def __init__(self, database: Database) -> None:
        self.heard: asyncio.Queue[str] = asyncio.Queue()
        self._known: set[str] = set()
        sink = Sink("ears", frozenset({CREATED}), self._hear)
        settings = DeliverySettings(poll=1e6)
        self.dispatcher = Dispatcher(SqlEventLog(database), SystemClock(), [sink], settings)

    async def _hear(self, event: Event) -> None:
        self.heard.put_nowait(event.id)

    async def next(self) -> str:
        """The next one; an outage may have one come again, which is passed over."""
        async with asyncio.timeout(AT_MOST):
            while (name := await self.heard.get()) in self._known:
                pass
        self._known.add(name)
        return name


@pytest.fixture
def url(fresh_database: Callable[[], str]) -> str:
    return fresh_database()


@pytest_asyncio.fixture
async def hearing(url: str) -> AsyncIterator[Hearing]:
    async with AsyncExitStack() as stack:
        database = Database(dialect_of(url))
        await database.open()
        stack.push_async_callback(database.close)
        hearing = Hearing(database)
        await hearing.dispatcher.start()
        stack.push_async_callback(hearing.dispatcher.stop)
        yield hearing


@pytest_asyncio.fixture
async def other(url: str) -> AsyncIterator[Database]:
    database = Database(dialect_of(url))
    await database.open()
    yield database
    await database.close()


async def test_what_another_process_publishes_is_handled_without_a_poll(
    hearing: Hearing, url: str
) -> None:
    for name in ("a", "b"):
        await publish_from_outside(url, name)
        assert await hearing.next() == name


async def test_what_is_rolled_back_is_told_to_nobody(hearing: Hearing, other: Database) -> None:
    with pytest.raises(ZeroDivisionError):
        await _fail(other)
    await publish(other, "after")
    assert await hearing.next() == "after"


async def _fail(database: Database) -> None:
    async with database.begin() as work:
        work.publish(created("never"))
        raise ZeroDivisionError


async def test_a_connection_that_was_cut_is_made_again_and_misses_nothing(
    hearing: Hearing, other: Database, postgres: Postgres
) -> None:
    await publish(other, "before")
    await hearing.next()
    for number in range(3):
        postgres.execute(
            "SELECT pg_terminate_backend(pid) FROM pg_stat_activity"
            " WHERE query = 'SELECT position FROM outbox_head'"
        )
        await _until_published(other, f"{number}")
        assert await hearing.next() == f"{number}"


async def test_it_comes_back_after_the_server_was_away(
    hearing: Hearing, other: Database, postgres: Postgres
) -> None:
    await publish(other, "before")
    await hearing.next()
    await asyncio.to_thread(postgres.stop)
    await asyncio.to_thread(postgres.start)
    await _until_published(other, "after")
    assert await hearing.next() == "after"


async def _until_published(database: Database, name: str) -> None:
    """Publish, also if the first connections of the pool were cut as well."""
    for _ in range(10):
        try:
            return await publish(database, name)
        except Unavailable:
            continue
    raise AssertionError("it could not be published")


async def test_closing_takes_the_listener_along(other: Database, url: str) -> None:
    database = Database(dialect_of(url))
    await database.open()
    await database.close()
    left = [one for one in asyncio.all_tasks() if one.get_name() == "events of other processes"]
    assert len(left) == 1, "only that of the other database"


async def main(url: str, name: str) -> None:
    database = Database(dialect_of(url))
    await database.open()
    await publish(database, name)
    await database.close()


if __name__ == "__main__":
    asyncio.run(main(*sys.argv[1:]))
