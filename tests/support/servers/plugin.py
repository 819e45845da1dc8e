"""Fixtures of real servers: one of each sort for a worker, a fresh place in it for a test."""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from itertools import count

import pytest
from sqlalchemy.ext.asyncio import create_async_engine

from rollcall.backends.sql.migrate import upgrade
from support.servers.bigquery import Bigquery
from support.servers.kafka import Kafka
from support.servers.postgres import Postgres
from support.servers.shared import Shared
from support.servers.zookeeper import Zookeeper

_numbers = count(1)


@pytest.fixture(scope="session")
def postgres() -> Iterator[Postgres]:
    """A PostgreSQL server; who stops it starts it again."""
    server = Postgres()
    try:
        server.start()
        yield server
    finally:
        server.remove()


@pytest.fixture(scope="session")
def template(postgres: Postgres) -> str:
    """The name of a database with our tables, to make others from."""

    async def migrate(url: str) -> None:
        engine = create_async_engine(url.replace("postgresql", "postgresql+asyncpg"))
        async with engine.begin() as connection:
            await connection.run_sync(upgrade)
        await engine.dispose()

    url = postgres.create("model")
    with ThreadPoolExecutor(1) as thread:
        thread.submit(asyncio.run, migrate(url)).result()
    return "model"


@pytest.fixture
def fresh_database(postgres: Postgres, template: str) -> Callable[[], str]:
    """Makes databases with our tables and nothing in them; their URLs."""
    return lambda: postgres.create(f"fleet_{next(_numbers)}", template)


@pytest.fixture(scope="session")
def zookeeper() -> Iterator[Zookeeper]:
    """A ZooKeeper server; who stops it starts it again."""
    server = Zookeeper()
    try:
        server.start()
        yield server
    finally:
        server.remove()


@pytest.fixture
def ensemble() -> Iterator[Zookeeper]:
    """Three ZooKeeper servers."""
    servers = Zookeeper(3)
    try:
        servers.start()
        yield servers
    finally:
        servers.remove()


@pytest.fixture
def fresh_root() -> Callable[[], str]:
    """Makes up paths in ZooKeeper that nobody uses."""
    return lambda: f"/fleet-{next(_numbers)}"


@pytest.fixture(scope="session")
def kafka() -> Iterator[Kafka]:
    """A Kafka broker; who stops it starts it again."""
    server = Kafka()
    try:
        server.start()
        yield server
    finally:
        server.remove()


@pytest.fixture
def fresh_prefix() -> Callable[[], str]:
    """Makes up prefixes of topics that nobody uses."""
    return lambda: f"fleet-{next(_numbers)}."


@pytest.fixture(scope="session")
def bigquery() -> Iterator[Bigquery]:
    """An emulator of BigQuery; who freezes it lets it go on."""
    server = Bigquery()
    try:
        server.start()
        yield server
    finally:
        server.remove()


@pytest.fixture
def fresh_dataset() -> Callable[[], str]:
    """Makes up names of datasets that nobody uses."""
    return lambda: f"fleet_{next(_numbers)}"


@pytest.fixture(params=["postgresql", "zookeeper"])
def store(request: pytest.FixtureRequest) -> Shared:
    """A fresh place in each store that replicas may share, and the server that it is on."""
    if request.param == "postgresql":
        url = request.getfixturevalue("fresh_database")()
        return Shared(request.getfixturevalue("postgres"), url)
    server: Zookeeper = request.getfixturevalue("zookeeper")
    root = request.getfixturevalue("fresh_root")()
    return Shared(server, f"zookeeper://{server.hosts}{root}")
