# SPDX-License-Identifier: Apache-2.0
"""Document 3's own gateway: its routes, dependencies and startup, over our services."""

from __future__ import annotations

from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Any

import httpx
import pytest
import pytest_asyncio
from fastapi import Depends, FastAPI
from pydantic import BaseModel, ConfigDict

from rollcall.backends.eventlog.sql import SqlEventLog
from rollcall.backends.sql.database import Database, dialect_of
from rollcall.events import EventPublisher
from rollcall.kernel import ServiceRegistry
from rollcall.testing.clock import FrozenClock
from support.databases import sqlite_at
from support.definitions import app_of
from support.integration import (
    AGENT_SERVICE,
    CAPABILITY_SERVICE,
    MEMORY_SERVICE,
    Mend,
    given,
    published,
    run,
    snippet,
)

# `agent_data.dict()` is `model_dump()` by now; it works still, and says so.
pytestmark = pytest.mark.filterwarnings(r"ignore:[\s\S]*The `dict` method is deprecated")

LIFESPAN = Mend(
    "app = FastAPI()",
    "app = FastAPI(lifespan=lifespan)",
    "What is to be done at the start is told to FastAPI when the application is made.",
)
STARTUP = Mend(
    "@app.on_startup\n",
    "",
    "FastAPI has no such decorator; the lifespan calls the function.",
)


class AgentCreateSchema(BaseModel):
    """The document does not say what it holds."""

    name: str
    description: str = ""
    capabilities: dict[str, dict[str, Any]] = {}


class CapabilityConfigSchema(BaseModel):
    """As each capability wants it."""

    model_config = ConfigDict(extra="allow")


@pytest.fixture
def names(tmp_path: Path) -> dict[str, Any]:
    """What the snippets use, and what they have made."""
    names = given(sqlite_at(tmp_path / "rollcall.db"))
    opened: list[Database] = []
    open_one: Callable[[], Any] = names["create_database_pool"]

    async def create_database_pool() -> Database:
        opened.append(await open_one())
        return opened[-1]

    @asynccontextmanager
    async def lifespan(app: FastAPI) -> AsyncIterator[None]:
        await names["startup"]()
        yield
        for one in opened:
            await one.close()

    names.update(
        Depends=Depends,
        EventPublisher=EventPublisher,
        FastAPI=FastAPI,
        ServiceRegistry=ServiceRegistry,
        AgentCreateSchema=AgentCreateSchema,
        CapabilityConfigSchema=CapabilityConfigSchema,
        create_database_pool=create_database_pool,
        # A publisher takes a log as well as the addresses of Kafka.
        create_kafka_producer=lambda: SqlEventLog(opened[-1]),
        lifespan=lifespan,
        opened=opened,
    )
    # The document shows the routes first; they use what is declared behind them.
    providers, _, startup = snippet(
        "dependency_injection", STARTUP, AGENT_SERVICE, CAPABILITY_SERVICE, MEMORY_SERVICE
    ).partition("# Application startup\n")
    run(providers, names)
    run(snippet("api_gateway", LIFESPAN), names)
    run(startup, names)
    return names


@pytest_asyncio.fixture
async def http(names: dict[str, Any]) -> AsyncIterator[httpx.AsyncClient]:
    app = names["app"]
    async with (
        app.router.lifespan_context(app),
        httpx.AsyncClient(transport=httpx.ASGITransport(app), base_url="http://gateway") as client,
    ):
        yield client


async def test_its_routes_make_an_agent_and_give_it_a_capability(
    http: httpx.AsyncClient, names: dict[str, Any]
) -> None:
    registry = names["app"].state.service_registry
    search = await registry.get("capability_service").create(
        "search", configuration_schema={"properties": {"top": {"type": "integer"}}}
    )
    made = await http.post("/api/agents", json={"name": "Writer", "description": "Writes"})
    assert made.status_code == 200
    (agent_id,) = made.json().values()

    given_it = await http.post(f"/api/agents/{agent_id}/capabilities/{search.id}", json={"top": 3})
    assert given_it.json() == {"status": "success"}
    agent = (await http.get(f"/api/agents/{agent_id}")).json()
    assert (agent["id"], agent["name"], agent["version"]) == (agent_id, "Writer", "2")
    assert agent["capabilities"] == {search.id: {"top": 3}}
    told = await published(names["opened"][-1])
    assert [one["topic"] for one in told] == ["agent.created", "agent.updated"]


async def test_its_startup_registers_services_that_work(
    http: httpx.AsyncClient, names: dict[str, Any]
) -> None:
    registry = names["app"].state.service_registry
    memories = await names["get_memory_service"](registry)
    assert memories is registry.get("memory_service")
    memory = await memories.add_memory("green tea", {"agent_id": "a"})
    assert [one["id"] for one in await memories.get_memories_for_agent("a")] == [memory["id"]]


async def test_its_dependencies_read_the_registry_of_our_application_too(
    names: dict[str, Any], tmp_path: Path
) -> None:
    database = Database(dialect_of(sqlite_at(tmp_path / "ours.db")))
    await database.open()
    ours = app_of(database, FrozenClock())
    names["app"] = ours
    registry = await names["get_service_registry"]()
    assert registry is ours.state.service_registry
    agents = await names["get_agent_service"](registry)
    assert await names["get_capability_service"](registry)
    agent_id = await agents.create_agent({"name": "Writer"})
    async with httpx.AsyncClient(
        transport=httpx.ASGITransport(ours), base_url="http://localhost"
    ) as client:
        assert (await client.get(f"/api/agents/{agent_id}")).json()["name"] == "Writer"
    await database.close()
