"""What every directory of tool services promises."""

from __future__ import annotations

import asyncio
from abc import ABC, abstractmethod
from collections.abc import AsyncGenerator, AsyncIterator, Callable
from contextlib import AbstractAsyncContextManager, asynccontextmanager
from typing import Any, cast

import pytest
import pytest_asyncio

from rollcall.backends.records.inmemory import InMemoryStore
from rollcall.conversations.ports import Directory, ServiceInstance
from rollcall.kernel.ids import RandomIds
from rollcall.protocols.service_registry.translate import POLICY
from rollcall.registry.models import Address, Grant, Kind, Record
from rollcall.registry.service import RegistryService
from rollcall.registry.status import Status
from rollcall.testing.clock import FrozenClock

PATIENCE = 20.0


def service(key: str = "one", **said: Any) -> Record:
    """A tool service."""
    now = said.pop("now", 1_750_000_000.0)
    fields: dict[str, Any] = {
        "namespace": "default",
        "id": key,
        "kind": Kind.TOOL,
        "name": f"service {key}",
        "reported": Status.ACTIVE,
        "created_at": now,
        "updated_at": now,
        "lease": Grant(POLICY),
        "address": Address("10.0.0.1", 8000),
        **said,
    }
    return Record(**fields)


class Changes:
    """The changes that a directory tells."""

    def __init__(self, changes: AsyncIterator[None]) -> None:
        self._changes = changes

    async def next(self) -> None:
        """Return when there was one."""
        async with asyncio.timeout(PATIENCE):
            await anext(self._changes)


@asynccontextmanager
async def following(directory: Directory, namespace: str = "default") -> AsyncGenerator[Changes]:
    """Follow a namespace."""
    changes = cast("AsyncGenerator[None]", directory.changed(namespace))
    try:
        yield Changes(changes)
    finally:
        await changes.aclose()


class DirectoryContract(ABC):
    """The suite; a subclass says how a directory over a registry is opened."""

    @abstractmethod
    def opened(
        self, registry: RegistryService, clock: FrozenClock
    ) -> AbstractAsyncContextManager[Directory]:
        """A directory over `registry`."""

    @pytest.fixture
    def clock(self) -> FrozenClock:
        return FrozenClock()

    @pytest_asyncio.fixture
    async def registry(self, clock: FrozenClock) -> AsyncIterator[RegistryService]:
        registry = RegistryService(InMemoryStore(clock, RandomIds()), clock=clock)
        await registry.start()
        yield registry
        await registry.stop()

    @pytest_asyncio.fixture
    async def directory(
        self, registry: RegistryService, clock: FrozenClock
    ) -> AsyncIterator[Directory]:
        async with self.opened(registry, clock) as directory:
            yield directory

    async def until(
        self, directory: Directory, done: Callable[[list[ServiceInstance]], bool]
    ) -> list[ServiceInstance]:
        """The instances, as soon as they are as they should be, told by changes alone."""
        async with following(directory) as changes:
            while True:
                await changes.next()
                found = list(await directory.instances("default"))
                if done(found):
                    return found

    async def test_a_tool_service_is_told_with_all_that_it_says(
        self, registry: RegistryService, directory: Directory
    ) -> None:
        await registry.register(
            service(tags=("mcp",), metadata={"tools": "/my-tools", "n": [1]}, version="2")
        )
        (found,) = await directory.instances("default")
        assert (found.id, found.name, found.host, found.port) == (
            "one",
            "service one",
            "10.0.0.1",
            8000,
        )
        assert (found.healthy, found.tags) == (True, ("mcp",))
        assert found.extra == {"tools": "/my-tools", "n": [1]}
        assert found.registered

    async def test_what_is_no_tool_or_elsewhere_or_has_no_address_is_not_told(
        self, registry: RegistryService, directory: Directory
    ) -> None:
        await registry.register(service("agent", kind=Kind.AGENT))
        await registry.register(service("other", namespace="other"))
        await registry.register(service("inside", address=None))
        assert list(await directory.instances("default")) == []
        assert [one.id for one in await directory.instances("other")] == ["other"]

    async def test_the_healthy_come_first_then_degraded_then_suspect_and_no_others(
        self, registry: RegistryService, directory: Directory, clock: FrozenClock
    ) -> None:
        for status in (Status.DEGRADED, Status.UNHEALTHY, Status.STARTING, Status.STOPPING):
            await registry.register(service(status.value, reported=status, now=clock.now()))
        await registry.register(service("busy", reported=Status.BUSY))
        assert [
            (one.id, one.healthy, one.rank) for one in await directory.instances("default")
        ] == [
            ("busy", True, 0),
            ("degraded", False, 1),
        ]

    async def test_who_is_held_by_self_preservation_comes_last(
        self, registry: RegistryService, directory: Directory, clock: FrozenClock
    ) -> None:
        for number in range(12):
            await registry.register(service(f"{number:02}", now=clock.now()))
        await registry.register(service("kept", lease=None, reported=Status.DEGRADED))
        await clock.advance(POLICY.ttl + 1)
        found = await directory.instances("default")
        assert [(one.id, one.rank) for one in found][:2] == [("kept", 1), ("00", 2)]
        assert len(found) == 13

    async def test_every_change_of_who_is_there_is_told(
        self, registry: RegistryService, directory: Directory, clock: FrozenClock
    ) -> None:
        async with following(directory) as changes:
            await changes.next()
            seen: list[list[str]] = []

            async def settled(*wanted: str) -> None:
                while [one.id for one in await directory.instances("default")] != list(wanted):
                    await changes.next()
                seen.append(list(wanted))

            await registry.register(service())
            await settled("one")
            await registry.report("default", "one", Status.UNHEALTHY)
            await settled()
            await registry.report("default", "one", Status.ACTIVE)
            await settled("one")
            await registry.deregister("default", "one")
            await settled()
            assert len(seen) == 4

    async def test_a_dead_one_is_gone_when_its_lease_ends(
        self, registry: RegistryService, directory: Directory, clock: FrozenClock
    ) -> None:
        await registry.register(service(now=clock.now()))
        await clock.advance(POLICY.ttl - 1)
        assert len(await directory.instances("default")) == 1
        await clock.advance(2)
        assert list(await directory.instances("default")) == []

    async def test_a_registration_anew_is_told_apart_from_a_report(
        self, registry: RegistryService, directory: Directory, clock: FrozenClock
    ) -> None:
        async with following(directory) as changes:
            await changes.next()
            await registry.register(service(now=clock.now()))
            found: list[ServiceInstance] = []
            while not found:
                await changes.next()
                found = list(await directory.instances("default"))
            # What was told so far is about the first registration.
            before = found[0].registered
            await registry.report("default", "one", Status.BUSY)
            await changes.next()
            (busy,) = await directory.instances("default")
            clock.jump(5.0)
            await registry.register(service(now=clock.now()))
            while True:
                await changes.next()
                (anew,) = await directory.instances("default")
                if anew.registered != busy.registered:
                    break
            assert anew.registered > before

    async def test_the_one_registered_later_has_the_later_registration(
        self, registry: RegistryService, directory: Directory, clock: FrozenClock
    ) -> None:
        await registry.register(service("zz", now=clock.now()))
        clock.jump(10.0)
        await registry.register(service("aa", now=clock.now()))
        first, second = await directory.instances("default")
        assert (first.id, second.id) == ("zz", "aa")
        assert first.registered < second.registered
