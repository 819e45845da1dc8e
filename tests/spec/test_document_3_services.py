# SPDX-License-Identifier: Apache-2.0
"""Document 3's service registry, repositories and integration test, over the real services."""

from __future__ import annotations

import importlib
import inspect
import json
import threading
from collections.abc import AsyncIterator, Callable
from pathlib import Path
from typing import Any, Protocol, get_args, get_origin

import pytest
import pytest_asyncio

from rollcall.agents import AgentRepository, AgentService, CapabilityService
from rollcall.agents.errors import EntityNotFound
from rollcall.agents.repository import SqlAgentStore
from rollcall.backends.eventlog.sql import SqlEventLog
from rollcall.backends.memories import memory_store
from rollcall.backends.sql.database import Database, dialect_of
from rollcall.events import EventConsumer, EventPublisher
from rollcall.kernel import ServiceRegistry
from rollcall.kernel.clock import SystemClock
from rollcall.kernel.ids import RandomIds
from rollcall.memory import KnowledgeGraph, MemoryService
from support import integration
from support.databases import sqlite_at
from support.graphs import DictMemories
from support.integration import Mend, given, published, run, snippet

NAMES = {
    "rollcall.agents": ("AgentRepository", "AgentService", "CapabilityService"),
    "rollcall.events": ("EventConsumer", "EventPublisher"),
    "rollcall.kernel": ("ServiceRegistry",),
    "rollcall.memory": ("EntityExtractor", "KnowledgeGraph", "MemoryService"),
}
"""Where the names of the document are."""


@pytest.fixture(params=["sqlite", pytest.param("postgresql", marks=pytest.mark.server)])
def url(request: pytest.FixtureRequest, tmp_path: Path) -> str:
    if request.param == "sqlite":
        return sqlite_at(tmp_path / "rollcall.db")
    return str(request.getfixturevalue("fresh_database")())


@pytest_asyncio.fixture
async def database(url: str) -> AsyncIterator[Database]:
    database = Database(dialect_of(url))
    await database.open()
    yield database
    await database.close()


@pytest.mark.parametrize("package", NAMES)
def test_the_names_of_the_document_are_in_the_packages_that_own_them(package: str) -> None:
    module = importlib.import_module(package)
    assert tuple(module.__all__) == NAMES[package]
    for name in NAMES[package]:
        one = getattr(module, name)
        assert inspect.isclass(one)
        assert one.__name__ == name
        assert one.__module__.startswith(f"{package}.")
    assert not hasattr(module, "Nothing")


def registries() -> list[Any]:
    """The document's own class, and ours."""
    names: dict[str, Any] = {"threading": threading, "Any": Any}
    run(snippet("service_registry"), names)
    return [names["ServiceRegistry"], ServiceRegistry]


@pytest.mark.parametrize("made", registries(), ids=["document", "ours"])
def test_our_registry_does_what_that_of_the_document_does(made: Any) -> None:
    registry, service = made(), object()
    assert registry.has_service("agent_service") is False
    with pytest.raises(KeyError, match="agent_service"):
        registry.get("agent_service")
    assert registry.register("agent_service", service) is None
    assert registry.has_service("agent_service") is True
    assert registry.get("agent_service") is service
    with pytest.raises(ValueError, match=r"agent_service.* already"):
        registry.register("agent_service", object())
    assert registry.get(service_name="agent_service") is service
    registry.register(service_name="memory_service", service_instance=None)
    assert registry.has_service(service_name="memory_service")


def test_our_registry_has_the_documents_methods() -> None:
    theirs, ours = registries()
    for name in ("register", "get", "has_service"):
        document, here = signature(getattr(theirs, name)), signature(getattr(ours, name))
        assert list(document.parameters) == list(here.parameters)


async def test_a_capability_takes_its_services_from_the_registry(
    database: Database, url: str
) -> None:
    clock, ids = SystemClock(), RandomIds()

    class BaseCapability:
        """The document does not say what it is."""

    class Dots:
        """What the document leaves out: `...` in a call stands for these arguments."""

        def __init__(self, kind: Any, *arguments: Any) -> None:
            self.made = kind(*arguments)

        def __call__(self, dots: object) -> Any:
            assert dots is ...
            return self.made

    store, memories = SqlAgentStore(database), memory_store(database, url)
    names: dict[str, Any] = {
        "ServiceRegistry": ServiceRegistry,
        "BaseCapability": BaseCapability,
        "AgentService": Dots(AgentService, store, clock, ids),
        "CapabilityService": Dots(CapabilityService, store, clock, ids),
        "MemoryService": Dots(MemoryService, memories, clock, ids),
    }
    run(snippet("using_the_service_registry"), names)
    registry = names["registry"]
    with pytest.raises(KeyError, match="'knowledge_graph'; there is agent_service"):
        names["SearchCapability"](registry)

    # The document's startup registers no graph.
    graph = KnowledgeGraph(database, DictMemories(), clock, ids)
    registry.register("knowledge_graph", graph)
    capability = names["SearchCapability"](registry)
    assert capability.knowledge_graph is graph
    await capability.memory_service.add_memory("green tea", {"user_id": "ada"})
    found = await capability.memory_service.search_memories("tea", {"user_id": "ada"})
    assert [hit["content"] for hit in found] == ["green tea"]


@pytest.mark.parametrize(
    ("text", "ours", "methods"),
    [
        ("event_publisher", EventPublisher, ["__init__", "publish"]),
        ("event_consumer", EventConsumer, ["__init__", "register_handler", "start"]),
    ],
)
def test_publishers_and_consumers_are_made_and_called_as_in_the_document(
    text: str, ours: type, methods: list[str]
) -> None:
    names: dict[str, Any] = {"Callable": Callable}
    run(snippet(text), names)
    theirs = names[ours.__name__]
    for name in methods:
        asked, has = signature(getattr(theirs, name)), signature(getattr(ours, name))
        parameters = list(has.parameters.values())
        assert [one.name for one in parameters][: len(asked.parameters)] == list(asked.parameters)
        # What ours take beside that has a default.
        more = parameters[len(asked.parameters) :]
        assert all(one.default is not inspect.Parameter.empty for one in more)
        awaited = inspect.iscoroutinefunction(getattr(theirs, name))
        assert inspect.iscoroutinefunction(getattr(ours, name)) is awaited


def signature(function: Any) -> inspect.Signature:
    """What a function takes and gives, its annotations read."""
    return inspect.signature(function, eval_str=True)


def outer(annotation: Any) -> Any:
    """`dict` of `Dict[str, Any]`; None of an optional one is left out."""
    some = [one for one in get_args(annotation) if one is not type(None)]
    if type(None) in get_args(annotation):
        (annotation,) = some
    return get_origin(annotation) or annotation


def test_our_repository_has_every_method_of_the_documents_protocol() -> None:
    names: dict[str, Any] = {"Protocol": Protocol, "Any": Any, "Dict": dict, "List": list}
    run(snippet("agent_repository_protocol"), names)
    methods = {
        name: method
        for name, method in vars(names["AgentRepositoryProtocol"]).items()
        if inspect.iscoroutinefunction(method)
    }
    assert len(methods) == 7
    for name, method in methods.items():
        ours = getattr(AgentRepository, name)
        assert inspect.iscoroutinefunction(ours), name
        asked, has = signature(method), signature(ours)
        assert list(asked.parameters) == list(has.parameters), name
        for one in list(asked.parameters.values())[1:]:
            here = has.parameters[one.name]
            assert (here.kind, here.default) == (one.kind, one.default), name
            # Whoever may give less must be taken with it: a mapping is more than a dict.
            assert issubclass(outer(one.annotation), outer(here.annotation)), name
        assert outer(has.return_annotation) is outer(asked.return_annotation), name


async def test_services_like_the_documents_work_on_our_repository_and_publisher(
    database: Database,
) -> None:
    repository = integration.repository(database)
    clock, ids = SystemClock(), RandomIds()
    capabilities = CapabilityService(SqlAgentStore(database), clock, ids)
    search = await capabilities.create("search")

    class Capabilities:
        """The document's repository of capabilities, of which it shows one method."""

        async def get_capability(self, capability_id: str) -> Any:
            return await capabilities.get(capability_id)

    checked: list[str] = []
    # Its own services, not ours: what they are given is ours.
    names: dict[str, Any] = {"validate_agent_data": lambda data: checked.append(data["name"])}
    run(snippet("shared_repository_usage"), names)
    publisher = EventPublisher(SqlEventLog(database))
    agents = names["AgentService"](repository, publisher)
    attaching = names["CapabilityService"](repository, Capabilities())

    agent_id = await agents.create_agent({"name": "Writer"})
    assert checked == ["Writer"]
    await attaching.add_capability_to_agent(agent_id, search.id, {"top": 3})
    found = await repository.get_agent(agent_id)
    assert (found["capabilities"], found["version"]) == ({search.id: {"top": 3}}, "2")
    # Our repository has told of what was done already, with the change itself.
    told = await published(database)
    topics = [(one["topic"], one["agent_id"]) for one in told]
    assert topics == [
        ("agent.created", agent_id),
        ("agent.created", agent_id),
        ("agent.updated", agent_id),
    ]
    assert "version" in told[0]
    assert "version" not in told[1]


AS_IN_THE_DOCUMENT = """
CREATE VIEW agents AS SELECT
    id, name, coalesce(content::json ->> 'description', '') AS description,
    version::text, to_timestamp(created_at) AS created_at, to_timestamp(updated_at) AS updated_at,
    to_timestamp(deleted_at) AS deleted_at, content::json -> 'configuration' AS configuration,
    content::json -> 'capabilities' AS capabilities,
    content::json -> 'prompt_templates' AS prompt_templates
FROM agent_definitions WHERE namespace = 'default'
"""
"""The document's table, of which it shows the columns; fields of a content are columns there."""


@pytest.mark.server
async def test_the_documents_repository_reads_what_ours_has_written(
    fresh_database: Callable[[], str],
) -> None:
    import asyncpg

    url = fresh_database()
    database = Database(dialect_of(url))
    await database.open()
    ours = integration.repository(database)
    agent_id = await ours.create_agent(
        {"name": "Writer", "description": "Writes", "configuration": {"instructions": "Be brief."}}
    )
    gone = await ours.create_agent({"name": "Gone"})
    await ours.delete_agent(gone)

    names: dict[str, Any] = {"Dict": dict, "Any": Any, "EntityNotFoundError": EntityNotFound}
    run(snippet("repository_implementation"), names)
    async with asyncpg.create_pool(url, min_size=1, max_size=1) as pool:
        await pool.execute(AS_IN_THE_DOCUMENT)
        theirs = names["PostgresAgentRepository"](pool)
        found, same = await theirs.get_agent(agent_id), await ours.get_agent(agent_id)
        assert json.loads(found.pop("configuration")) == same["configuration"]
        for name in ("id", "name", "description", "version", "created_at", "updated_at"):
            assert found[name] == same[name]
        assert set(found) < set(same)
        for repository in (theirs, ours):
            with pytest.raises(EntityNotFound, match=gone):
                await repository.get_agent(gone)
    await database.close()


INTEGRATION = (
    integration.AGENT_SERVICE,
    integration.MEMORY_SERVICE,
    Mend(
        "    # Mock event publisher\n    event_publisher = MockEventPublisher()\n",
        "",
        "Nothing is mocked: what was published stands in the event log.",
    ),
    Mend(
        "    # Verify event was published\n",
        "    # Verify event was published\n    published_events = await published(db_pool)\n",
        "To read the log is to ask the database.",
    ),
    Mend("event_publisher.published_events", "published_events", "As above."),
)


async def test_the_integration_test_of_the_document_passes(url: str) -> None:
    names = {**given(url), "published": published}
    run(snippet("integration_test", *INTEGRATION), names)
    await names["test_service_integration"]()

    # It closes its database; what it did is there still.
    database = await names["create_database_pool"]()
    created, remembered = await published(database)
    assert created["name"] == "Test Agent"
    assert remembered["content_preview"] == "Test memory content"
    assert remembered["filters"] == {"agent_id": created["agent_id"]}
    await database.close()
