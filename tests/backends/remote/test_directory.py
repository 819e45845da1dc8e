"""The directory over a registry at a URL."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncGenerator, AsyncIterator
from contextlib import asynccontextmanager
from random import Random

import httpx
import pytest

from rollcall.backends.records.inmemory import InMemoryStore
from rollcall.backends.remote.directory import RemoteDirectory
from rollcall.conversations.ports import Directory
from rollcall.kernel.clock import SystemClock
from rollcall.kernel.errors import InvalidInput, Unavailable
from rollcall.kernel.ids import RandomIds
from rollcall.registry.service import RegistryService
from rollcall.registry.status import Status
from rollcall.testing.clock import FrozenClock
from support.directory_contract import DirectoryContract, following, service
from support.registryhosts import RegistryHost


class TestContract(DirectoryContract):
    @asynccontextmanager
    async def opened(
        self, registry: RegistryService, clock: FrozenClock
    ) -> AsyncGenerator[Directory]:
        server = RegistryHost(registry, clock)
        await server.start()
        directory = RemoteDirectory(server.url, clock=SystemClock(), rng=Random(1))
        yield directory
        await directory.close()
        await server.stop()


@pytest.fixture
async def registry() -> AsyncIterator[RegistryService]:
    clock = SystemClock()
    registry = RegistryService(InMemoryStore(clock, RandomIds()), clock=clock)
    await registry.start()
    yield registry
    await registry.stop()


async def test_a_break_in_the_connection_is_mended_and_what_was_missed_is_told(
    registry: RegistryService,
) -> None:
    server = RegistryHost(registry, SystemClock())
    await server.start()
    directory = RemoteDirectory(server.url, clock=SystemClock(), rng=Random(1), poll_every=0.1)
    async with following(directory) as changes:
        await changes.next()
        await changes.next()
        await server.stop()
        with pytest.raises(Unavailable):
            await directory.instances("default")
        await registry.register(service())
        await server.start()
        found: list[str] = []
        while not found:
            await changes.next()
            try:
                found = [one.id for one in await directory.instances("default")]
            except Unavailable:
                continue
        await registry.report("default", "one", Status.UNHEALTHY)
        while found:
            await changes.next()
            found = [one.id for one in await directory.instances("default")]
    await directory.close()
    await server.stop()


class Old(httpx.AsyncBaseTransport):
    """A registry of document 1 that has no stream of events."""

    def __init__(self) -> None:
        self.services: list[dict[str, object]] = []
        self.asked: list[str] = []

    async def handle_async_request(self, request: httpx.Request) -> httpx.Response:
        self.asked.append(request.url.path)
        if request.url.path != "/api/v1/discover":
            return httpx.Response(404, json={"detail": "Not Found"})
        return httpx.Response(200, json={"services": self.services, "total_count": 0})


async def test_a_registry_without_a_stream_is_asked_again_and_again_at_bounded_intervals() -> None:
    clock, old = FrozenClock(), Old()
    directory = RemoteDirectory(
        "http://old:3003", clock=clock, rng=Random(1), poll_every=2.0, transport=old
    )
    told = 0

    async def follow() -> None:
        nonlocal told
        async for _ in directory.changed("default"):
            told += 1

    following_it = asyncio.create_task(follow())
    await clock.advance(60.0)
    assert 30 <= told <= 65
    assert 30 <= old.asked.count("/api/v1/events") <= 65

    old.services = [
        {"service_id": "a", "name": "a", "service_type": "tool", "status": "healthy"},
        {
            "service_id": "b",
            "name": "b",
            "service_type": "tool",
            "status": "healthy",
            "host": "b",
            "port": 80,
        },
    ]
    assert [one.id for one in await directory.instances("default")] == ["b"]
    following_it.cancel()
    await asyncio.gather(following_it, return_exceptions=True)
    await directory.close()


async def test_what_is_no_registry_is_unavailable() -> None:
    clock = FrozenClock()

    def answer(_: httpx.Request) -> httpx.Response:
        return httpx.Response(200, text="<html>")

    directory = RemoteDirectory(
        "http://x:1", clock=clock, rng=Random(1), transport=httpx.MockTransport(answer)
    )
    with pytest.raises(Unavailable, match="does not tell its tool services"):
        await directory.instances("default")
    await directory.close()


def test_a_url_that_is_none_is_refused() -> None:
    with pytest.raises(InvalidInput):
        RemoteDirectory("localhost", clock=FrozenClock(), rng=Random(1))
