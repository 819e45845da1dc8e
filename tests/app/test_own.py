# SPDX-License-Identifier: Apache-2.0
"""Which records are Rollcall's own: nobody gets one over HTTP, whatever they send."""

from __future__ import annotations

import asyncio
import json
from collections.abc import AsyncIterator
from typing import Any

import httpx
import pytest
import pytest_asyncio

from rollcall.app.backup import backup_of
from rollcall.app.features import TOOLS
from rollcall.app.own import OWNER, LocalRegistrations, Own, is_own
from rollcall.app.places import Places
from rollcall.backends.eventlog.inmemory import InMemoryEventLog
from rollcall.backends.records.inmemory import InMemoryStore
from rollcall.events.dispatcher import Dispatcher
from rollcall.kernel.ids import RandomIds
from rollcall.protocols.admin.module import module as admin
from rollcall.protocols.agent_registry.module import module as agent_registry
from rollcall.protocols.service_registry.module import module as service_registry
from rollcall.registry.models import Record
from rollcall.registry.service import RegistryService
from rollcall.testing.clock import FrozenClock
from rollcall.web.audit import InMemoryAuditLog
from rollcall.web.auth import OpenAccess
from rollcall.web.drain import Drain
from rollcall.web.keys import InMemoryKeyStore
from rollcall.web.module import Kit, create_app
from rollcall.web.passes import Passes

HOST, PORT = "10.0.0.9", 3006
CARD: dict[str, Any] = {"agent_id": "x", "agent_name": "tools-service", "base_url": "http://evil:1"}
AGENTS = "http://127.0.0.1"
IMPORT = "/api/v1/admin/import?on_conflict=replace"


@pytest.fixture
def passes() -> Passes:
    return Passes(bytes(32), FrozenClock())


@pytest_asyncio.fixture
async def registry() -> AsyncIterator[RegistryService]:
    """A registry in which our tools service is."""
    clock = FrozenClock()
    registry = RegistryService(InMemoryStore(clock, RandomIds()), clock=clock)
    await registry.start()
    own = LocalRegistrations(registry, clock, Passes(bytes(32), clock))
    await own.begin([Own(TOOLS, HOST, PORT)])
    while not records(registry):  # noqa: ASYNC110 - it is registered behind `begin`
        await asyncio.sleep(0)
    yield registry
    await own.end()
    await registry.stop()


@pytest_asyncio.fixture
async def local(registry: RegistryService) -> AsyncIterator[httpx.AsyncClient]:
    """Somebody who may do everything, in every namespace."""
    clock, ids, audit = registry.clock, RandomIds(), InMemoryAuditLog()
    dispatcher = Dispatcher(InMemoryEventLog(), clock, [])
    backup = backup_of(Places("memory", "memory"))
    kit = Kit("all", "1", clock, ids, OpenAccess(), audit, Drain())
    managed = admin(registry, InMemoryKeyStore(), audit, dispatcher, clock, ids, backup)
    document_1 = create_app([service_registry(registry, store="memory"), managed], kit)
    document_2 = create_app([agent_registry(registry)], kit)
    mounts = {
        "all://localhost": httpx.ASGITransport(document_1),
        "all://127.0.0.1": httpx.ASGITransport(document_2),
    }
    async with httpx.AsyncClient(mounts=mounts, base_url="http://localhost") as client:
        yield client


def records(registry: RegistryService) -> list[Record]:
    return [
        registry.state.slots.record(slot)
        for space in registry.state.spaces.values()
        for slot in space.records.values()
    ]


def ours(registry: RegistryService, passes: Passes) -> list[Record]:
    return [one for one in records(registry) if is_own(one, passes)]


def test_what_a_service_of_ours_registers_is_own(registry: RegistryService, passes: Passes) -> None:
    (record,) = ours(registry, passes)

    assert (record.namespace, record.name) == ("default", "tools-service")
    assert record.owner.startswith(f"{OWNER}:")
    assert not is_own(record, Passes(bytes([1] * 32), FrozenClock()))


@pytest.mark.parametrize("namespace", ["default", "acme"])
@pytest.mark.parametrize("owner", ["rollcall", "the one of ours"])
async def test_no_body_of_a_registration_makes_a_record_own(
    owner: str,
    namespace: str,
    registry: RegistryService,
    local: httpx.AsyncClient,
    passes: Passes,
) -> None:
    (mine,) = ours(registry, passes)
    said = {"owner": mine.owner if owner != "rollcall" else owner, "subject": OWNER, "own": True}
    service = {
        "name": "tools-service",
        "service_type": "tool",
        "host": "evil",
        "port": PORT,
        "metadata": {"extra": said, "tags": [OWNER]},
    }
    params = {"namespace": namespace}
    tries = [
        ("/api/v1/register", service),
        ("/api/v1/register", {**service, **said}),
        (f"{AGENTS}/register", {**CARD, "metadata": said}),
        (f"{AGENTS}/register", {**CARD, **said}),
        (f"{AGENTS}/register/batch", {"agents": [{**CARD, "agent_id": "y", **said}]}),
    ]
    answers = [await local.post(path, json=body, params=params) for path, body in tries]

    assert any(one.status_code == 201 for one in answers), [one.text for one in answers]
    assert len(records(registry)) > 1
    assert ours(registry, passes) == [mine]


async def test_our_record_led_elsewhere_is_not_own_any_more(
    registry: RegistryService, local: httpx.AsyncClient, passes: Passes
) -> None:
    (mine,) = ours(registry, passes)

    answer = await local.patch(f"{AGENTS}/agents/{mine.id}", json={"base_url": "http://evil:3006"})

    assert answer.status_code == 200, answer.text
    assert records(registry)[0].owner == mine.owner
    assert ours(registry, passes) == []


@pytest.mark.parametrize(
    "changes",
    [
        {"address": {"host": "evil", "port": PORT}},
        {"address": {"host": HOST, "port": 1}},
        {"id": "another"},
    ],
    ids=["host", "port", "id"],
)
async def test_an_import_of_our_record_with_a_change_is_not_own(
    changes: dict[str, Any], registry: RegistryService, local: httpx.AsyncClient, passes: Passes
) -> None:
    (mine,) = ours(registry, passes)
    header, line = (await local.get("/api/v1/admin/export")).text.splitlines()
    record = json.loads(line)
    assert (record["owner"], record["address"]) == (mine.owner, {"host": HOST, "port": PORT})

    forged = json.dumps({**record, **changes})
    report = await local.post(IMPORT, content=f"{header}\n{forged}\n")

    assert report.json()["created"] + report.json()["updated"] == 1
    assert [one for one in ours(registry, passes) if one.address != mine.address] == []
    assert [one for one in ours(registry, passes) if one.id != mine.id] == []


async def test_our_record_in_another_namespace_is_not_own(
    registry: RegistryService, local: httpx.AsyncClient, passes: Passes
) -> None:
    (mine,) = ours(registry, passes)
    exported = (await local.get("/api/v1/admin/export")).text
    report = await local.post(f"{IMPORT}&namespace=acme", content=exported)

    assert report.json()["created"] == 1
    assert ours(registry, passes) == [mine]
