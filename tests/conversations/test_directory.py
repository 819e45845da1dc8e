"""The directory over a registry in the same process."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncGenerator
from contextlib import asynccontextmanager

from rollcall.conversations.directory import RegistryDirectory
from rollcall.conversations.ports import Directory
from rollcall.registry.service import RegistryService
from rollcall.testing.clock import FrozenClock
from support.directory_contract import DirectoryContract, following, service


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
