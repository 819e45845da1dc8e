"""A real registry in memory, a toolbox over it, and tool services on loopback."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable
from random import Random
from typing import Any

from rollcall.conversations.directory import RegistryDirectory
from rollcall.conversations.models import ToolRun, ToolSpec
from rollcall.conversations.ports import Credentials
from rollcall.conversations.toolbox import RegistryToolbox
from rollcall.conversations.toolbox_settings import ToolboxSettings
from rollcall.kernel.clock import SystemClock
from rollcall.registry.models import Address, Grant, Kind, LeasePolicy, Record
from rollcall.registry.service import RegistryService
from rollcall.registry.status import Status
from support.toolhosts import ToolHost

PATIENCE = 20.0
OURS = "ours"
"""The owner of services of this installation."""
POLICY = LeasePolicy(unhealthy_after=60, offline_after=120, deregister_after=300)


class Watcher:
    """What a toolbox told."""

    def __init__(self) -> None:
        self.runs: list[ToolRun] = []
        self.lists: list[tuple[str, bool]] = []
        self.changes: list[tuple[str, str]] = []
        self.count: dict[str, int] = {}

    def called(self, run: ToolRun) -> None:
        self.runs.append(run)

    def listed(self, service: str, well: bool) -> None:
        self.lists.append((service, well))

    def changed(self, service: str, tool: str) -> None:
        self.changes.append((service, tool))

    def known(self, namespace: str, tools: int) -> None:
        self.count[namespace] = tools


class World:
    """What a test acts on."""

    def __init__(self, registry: RegistryService) -> None:
        self.registry = registry
        self.directory = RegistryDirectory(registry, lambda record: record.owner == OURS)
        self.watcher = Watcher()
        self.hosts: list[ToolHost] = []
        self.boxes: list[RegistryToolbox] = []
        self.box = self.open()

    def open(
        self,
        keys: dict[str, str] | None = None,
        credentials: Credentials | None = None,
        **settings: Any,
    ) -> RegistryToolbox:
        """A toolbox over the registry."""
        box = RegistryToolbox(
            self.directory,
            clock=SystemClock(),
            rng=Random(7),
            settings=ToolboxSettings(**{"unreachable_for": 0.2, **settings}),
            observer=self.watcher,
            keys=keys,
            credentials=credentials,
        )
        self.boxes.append(box)
        return box

    async def host(self, name: str = "service", **options: Any) -> ToolHost:
        """A tool service that answers, and is registered."""
        host = await ToolHost(**options).start()
        self.hosts.append(host)
        await self.register(host, name)
        return host

    async def register(
        self, host: ToolHost, name: str = "service", *, status: Status = Status.ACTIVE, **said: Any
    ) -> Record:
        """Register a service, or register it again."""
        now = self.registry.clock.now()
        record = Record(
            namespace=said.pop("namespace", "default"),
            id=f"{name}-{host.port}",
            kind=said.pop("kind", Kind.TOOL),
            name=name,
            reported=status,
            created_at=now,
            updated_at=now,
            lease=Grant(POLICY),
            address=Address(said.pop("at", "127.0.0.1"), host.port),
            tags=said.pop("tags", ()),
            owner=said.pop("owner", ""),
            metadata=said or None,
        )
        await self.registry.register(record)
        return record

    async def leave(self, host: ToolHost, name: str = "service") -> None:
        """Take a service out of the registry."""
        await self.registry.deregister("default", f"{name}-{host.port}")

    async def call(self, name: str = "echo", timeout: float = 10.0, **arguments: Any) -> ToolRun:
        """Call a tool."""
        number = len(self.watcher.runs) + 1
        return await self.box.call(
            name, arguments, namespace="default", call_id=f"call-{number}", timeout=timeout
        )

    async def names(self) -> list[str]:
        """What the tools are called now."""
        return [one.name for one in await self.box.tools("default")]

    async def until(
        self, done: Callable[[list[ToolSpec]], bool], within: float = PATIENCE
    ) -> list[ToolSpec]:
        """The tools, once they are as they should be."""
        async with asyncio.timeout(within):
            while True:
                specs = list(await self.box.tools("default"))
                if done(specs):
                    return specs
                await asyncio.sleep(0.005)


async def eventually(done: Callable[[], bool | Awaitable[bool]], within: float = PATIENCE) -> None:
    """Return once something is so."""
    async with asyncio.timeout(within):
        while True:
            so = done()
            if so if isinstance(so, bool) else await so:
                return
            await asyncio.sleep(0.005)
