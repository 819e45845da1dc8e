# SPDX-License-Identifier: Apache-2.0
"""Rollcall's own services in the registry."""

from __future__ import annotations

import asyncio
import socket
from collections.abc import AsyncIterator

import pytest
import pytest_asyncio

from rollcall.app.own import INTERVAL, LocalRegistrations, Own, Registration, advertised, is_own
from rollcall.backends.records.inmemory import InMemoryStore
from rollcall.kernel.ids import RandomIds
from rollcall.registry.query import Query
from rollcall.registry.service import RegistryService
from rollcall.registry.status import Status
from rollcall.testing.clock import FrozenClock
from rollcall.web.passes import Passes

TOOLS = Own(
    Registration("tools-service", "tool", "Tools", ("calculator",), ("mcp",), {"mcp": "/mcp"}),
    "127.0.0.1",
    3006,
)


@pytest.fixture
def clock() -> FrozenClock:
    return FrozenClock()


@pytest_asyncio.fixture
async def registry(clock: FrozenClock) -> AsyncIterator[RegistryService]:
    ids = RandomIds()
    one = RegistryService(InMemoryStore(clock, ids), clock=clock, ids=ids)
    await one.start()
    yield one
    await one.stop()


@pytest_asyncio.fixture
async def own(registry: RegistryService, clock: FrozenClock) -> AsyncIterator[LocalRegistrations]:
    one = LocalRegistrations(registry, clock, Passes(b"s" * 32, clock))
    await one.begin([TOOLS])
    await settled()
    yield one
    await one.end()


async def settled() -> None:
    """Let tasks run that wait for nothing."""
    for _ in range(20):
        await asyncio.sleep(0)


def there(registry: RegistryService) -> list[str]:
    found = registry.search_by_words("default", Query())
    return [registry.view(one.slot).record.id for one in found]


async def test_a_service_is_registered_with_all_that_it_says_and_is_ours(
    registry: RegistryService, own: LocalRegistrations
) -> None:
    (record_id,) = there(registry)
    record = registry.get("default", record_id).record

    assert (record.name, record.kind.value) == ("tools-service", "tool")
    assert is_own(record, Passes(b"s" * 32, registry.clock))
    assert [one.name for one in record.capabilities] == ["calculator"]
    assert record.tags == ("mcp",)
    assert record.metadata == {"mcp": "/mcp", "description": "Tools"}
    assert record.address is not None
    assert (record.address.host, record.address.port) == ("127.0.0.1", 3006)


async def test_heartbeats_keep_it_alive(
    registry: RegistryService, own: LocalRegistrations, clock: FrozenClock
) -> None:
    for _ in range(6):
        await clock.advance(INTERVAL)
        await settled()

    (record_id,) = there(registry)
    assert registry.get("default", record_id).status is Status.ACTIVE


async def test_what_somebody_removed_is_registered_again_at_the_next_heartbeat(
    registry: RegistryService, own: LocalRegistrations, clock: FrozenClock
) -> None:
    (record_id,) = there(registry)
    await registry.deregister("default", record_id)
    await clock.advance(INTERVAL)
    await settled()

    assert there(registry) == [record_id]


async def test_at_the_end_it_is_gone_and_to_end_twice_does_no_harm(
    registry: RegistryService, clock: FrozenClock
) -> None:
    own = LocalRegistrations(registry, clock, Passes(b"s" * 32, clock))
    await own.begin([TOOLS])
    await settled()
    (record_id,) = there(registry)
    await registry.deregister("default", record_id)
    await own.end()
    await own.end()

    assert there(registry) == []


def test_others_reach_it_where_it_listens_or_where_the_settings_say() -> None:
    assert advertised("127.0.0.1", None) == "127.0.0.1"
    assert advertised("127.0.0.1", "rollcall.internal") == "rollcall.internal"
    assert advertised("0.0.0.0", None) == socket.gethostname()  # noqa: S104 - listened on
