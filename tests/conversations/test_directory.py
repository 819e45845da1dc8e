"""The directory over a registry in the same process."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncGenerator, AsyncIterator
from contextlib import asynccontextmanager

import pytest_asyncio

from rollcall.backends.records.inmemory import InMemoryStore
from rollcall.conversations.directory import RegistryDirectory
from rollcall.conversations.ports import Directory
from rollcall.kernel.ids import RandomIds
from rollcall.registry.models import Address, Record
from rollcall.registry.service import RegistryService
from rollcall.testing.clock import FrozenClock
from support.directory_contract import DirectoryContract, following, service


def own(record: Record) -> bool:
    return record.owner == "ours"


@pytest_asyncio.fixture
async def registry(clock: FrozenClock) -> AsyncIterator[RegistryService]:
    registry = RegistryService(InMemoryStore(clock, RandomIds()), clock=clock)
    await registry.start()
    yield registry
    await registry.stop()


@pytest_asyncio.fixture
async def sharing(registry: RegistryService) -> AsyncIterator[RegistryDirectory]:
    """A directory that knows which services are the installation's own."""
    directory = RegistryDirectory(registry, own)
    yield directory
    await directory.close()


async def test_the_installations_own_services_are_told_in_every_namespace(
    registry: RegistryService, sharing: RegistryDirectory
) -> None:
    await registry.register(service("tools", owner="ours"))
    await registry.register(service("words", owner="key:1"))
    await registry.register(service("theirs", namespace="acme", owner="key:2"))

    told = {
        namespace: {one.id: one.own for one in await sharing.instances(namespace)}
        for namespace in ("default", "acme", "zoo")
    }
    assert told == {
        "default": {"tools": True, "words": False},
        "acme": {"tools": True, "theirs": False},
        "zoo": {"tools": True},
    }


async def test_nobody_takes_the_place_of_an_own_service_by_its_id(
    registry: RegistryService, sharing: RegistryDirectory
) -> None:
    await registry.register(service("tools", owner="ours"))
    await registry.register(service("tools", namespace="acme", address=Address("10.6.6.6", 1)))

    (found,) = await sharing.instances("acme")
    assert (found.own, found.host) == (True, "10.0.0.1")


async def test_without_a_rule_no_service_is_own_and_none_is_shared(
    registry: RegistryService,
) -> None:
    directory = RegistryDirectory(registry)
    await registry.register(service("tools", owner="ours"))

    assert [one.own for one in await directory.instances("default")] == [False]
    assert list(await directory.instances("acme")) == []
    await directory.close()


async def test_other_namespaces_hear_of_own_services_and_of_no_others_of_the_default_one(
    registry: RegistryService, sharing: RegistryDirectory, clock: FrozenClock
) -> None:
    async with following(sharing, "acme") as changes:
        await changes.next()
        await registry.register(service("words", owner="key:1"))
        await registry.register(service("far", namespace="zoo", owner="ours"))
        waiting = asyncio.ensure_future(changes.next())
        await clock.settle()
        assert not waiting.done()
        await registry.register(service("tools", owner="ours"))
        await waiting
        await registry.deregister("default", "tools")
        await changes.next()
        assert list(await sharing.instances("acme")) == []


class TestContract(DirectoryContract):
    @asynccontextmanager
    async def opened(
        self, registry: RegistryService, clock: FrozenClock
    ) -> AsyncGenerator[Directory]:
        directory = RegistryDirectory(registry)
        yield directory
        await directory.close()
        assert not registry.feed.taps

    async def test_following_goes_on_without_news_when_the_registry_has_stopped(
        self, registry: RegistryService, directory: Directory, clock: FrozenClock
    ) -> None:
        async with following(directory) as changes:
            await changes.next()
            await registry.register(service())
            await changes.next()
            await registry.stop()
            waiting = asyncio.ensure_future(changes.next())
            await clock.settle()
            assert not waiting.done()
            waiting.cancel()
            await asyncio.gather(waiting, return_exceptions=True)
