# SPDX-License-Identifier: Apache-2.0
"""The registry's changes in the event log: each once, across restarts and replicas."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from pathlib import Path

import pytest

from rollcall.app.compose import compose
from rollcall.app.relay import RegistryRelay
from rollcall.app.settings import Settings
from rollcall.backends.records.inmemory import InMemoryStore
from rollcall.backends.records.postgres import PostgresStore
from rollcall.backends.sql import outbox
from rollcall.backends.sql.database import Database, dialect_of
from rollcall.backends.sql.relay import position
from rollcall.events.envelope import Event
from rollcall.kernel.clock import SystemClock
from rollcall.kernel.errors import Unavailable
from rollcall.kernel.ids import RandomIds
from rollcall.registry.feed import Position
from rollcall.registry.service import RegistryOptions, RegistryService
from rollcall.registry.store import RecordStore
from rollcall.testing.store_contract.case import OWN, record
from support.databases import sqlite_at
from support.servers.postgres import Postgres


@asynccontextmanager
async def opened(url: str) -> AsyncIterator[Database]:
    database = Database(dialect_of(url))
    await database.open()
    try:
        yield database
    finally:
        await database.close()


@asynccontextmanager
async def started(store: RecordStore, keep: int = 1000) -> AsyncIterator[RegistryService]:
    registry = RegistryService(store, options=RegistryOptions(keep_events=keep))
    await registry.start()
    try:
        yield registry
    finally:
        await registry.stop()


def memory() -> InMemoryStore:
    return InMemoryStore(SystemClock(), RandomIds())


async def log_of(database: Database) -> list[Event]:
    async with database.reading() as connection:
        return [entry.event for entry in await outbox.read(connection, 0, 10_000)]


@pytest.fixture
def url(tmp_path: Path) -> str:
    return sqlite_at(tmp_path / "services.db")


async def test_each_change_is_told_once_and_heartbeats_never(url: str) -> None:
    async with opened(url) as database, started(memory()) as registry:
        relay = RegistryRelay(registry, database, SystemClock())
        await registry.register(record("a", OWN))
        await registry.renew("default", "a")
        await registry.deregister("default", "a")
        await relay.flush()
        await relay.flush()

        events = await log_of(database)
        assert [one.type for one in events] == ["registry.registered", "registry.deregistered"]
        assert {one.subject for one in events} == {"a"}
        assert [one.data["revision"] for one in events] == [1, 2]


async def test_another_relay_of_the_same_changes_tells_none_twice(url: str) -> None:
    async with opened(url) as database, started(memory()) as registry:
        relays = [RegistryRelay(registry, database, SystemClock()) for _ in range(2)]
        for number in range(5):
            await registry.register(record(str(number)))
        await asyncio.gather(*(one.flush() for one in relays))
        assert [one.subject for one in await log_of(database)] == list("01234")


async def test_a_restart_goes_on_where_it_was_and_loses_nothing(
    url: str, caplog: pytest.LogCaptureFixture
) -> None:
    async with opened(url) as database, started(memory()) as registry:
        await registry.register(record("a"))
        await RegistryRelay(registry, database, SystemClock()).flush()
        # Nobody is there to tell these.
        await registry.register(record("b"))
        await registry.deregister("default", "a")
        await RegistryRelay(registry, database, SystemClock()).flush()

        assert [(one.type, one.subject) for one in await log_of(database)] == [
            ("registry.registered", "a"),
            ("registry.registered", "b"),
            ("registry.deregistered", "a"),
        ]
        assert not caplog.records


async def test_where_the_history_does_not_reach_it_says_so_and_goes_on(
    url: str, caplog: pytest.LogCaptureFixture
) -> None:
    async with opened(url) as database, started(memory(), keep=2) as registry:
        await registry.register(record("a"))
        await RegistryRelay(registry, database, SystemClock()).flush()
        for number in range(5):
            await registry.register(record(str(number)))
        await RegistryRelay(registry, database, SystemClock()).flush()

        assert [one.subject for one in await log_of(database)] == ["a", "3", "4"]
        assert "may be missing in the event log: revisions 2 to 4" in caplog.text


async def test_a_relay_that_is_too_slow_says_so_and_goes_on(
    url: str, caplog: pytest.LogCaptureFixture
) -> None:
    async with opened(url) as database, started(memory(), keep=2) as registry:
        relay = RegistryRelay(registry, database, SystemClock())
        await relay.flush()
        for number in range(5):
            await registry.register(record(str(number)))
        await relay.flush()

        assert [one.subject for one in await log_of(database)] == ["3", "4"]
        assert "3 changes of the registry may be missing" in caplog.text


@pytest.mark.server
async def test_what_happens_while_the_log_is_away_is_told_when_it_is_back(
    fresh_database: Callable[[], str], postgres: Postgres
) -> None:
    async with opened(fresh_database()) as database, started(memory()) as registry:
        relay = RegistryRelay(registry, database, SystemClock())
        await relay.flush()
        await asyncio.to_thread(postgres.stop)
        running = asyncio.create_task(relay.run())
        await registry.register(record("a"))
        with pytest.raises(Unavailable):
            await relay.flush()
        await registry.register(record("b"))
        await asyncio.to_thread(postgres.start)
        async with asyncio.timeout(30):
            while len(await log_of(database)) < 2:
                await database.appended(1)
        running.cancel()
        assert [one.subject for one in await log_of(database)] == ["a", "b"]


@pytest.mark.parametrize("asked", [True, False])
async def test_the_platform_relays_when_it_is_asked_to(tmp_path: Path, asked: bool) -> None:
    url = sqlite_at(tmp_path / "services.db")
    settings = Settings.load(
        {
            "ROLLCALL_STORE": "memory",
            "ROLLCALL_DATABASE": url,
            "ROLLCALL_DATA_DIR": str(tmp_path),
            "ROLLCALL_RELAY_REGISTRY_EVENTS": str(asked),
        }
    )
    async with compose(settings) as platform:
        await platform.registry.register(record("a"))
    async with opened(url) as database:
        assert [one.subject for one in await log_of(database)] == ["a"] * asked


@pytest.mark.server
async def test_two_registries_on_one_postgresql_tell_each_change_once(
    fresh_database: Callable[[], str],
) -> None:
    url = fresh_database()
    clock = SystemClock()
    async with opened(url) as first, opened(url) as second:
        stores = [PostgresStore(url, clock, RandomIds()) for _ in range(2)]
        async with started(stores[0]) as one, started(stores[1]) as two:
            relays = [RegistryRelay(one, first, clock), RegistryRelay(two, second, clock)]
            running = [asyncio.create_task(relay.run()) for relay in relays]
            for number in range(20):
                await (one, two)[number % 2].register(record(f"{number:02}"))
            for registry in (one, two):
                await registry.reached(20)
            for task in running:
                task.cancel()
            await asyncio.gather(*running, return_exceptions=True)
            for relay in relays:
                await relay.flush()

            events = await log_of(first)
            assert [event.subject for event in events] == [f"{number:02}" for number in range(20)]
            async with first.reading() as connection:
                assert await position(connection) == Position(
                    one.feed.epoch, 20, one.position.ordinal
                )
