"""One core under a clock that stands still, and both protocols over it, without a network."""

from __future__ import annotations

from collections.abc import AsyncIterator, Callable
from contextlib import AsyncExitStack

import httpx
import pytest
import pytest_asyncio
from fastapi import FastAPI

from rollcall.backends.records.inmemory import InMemoryStore
from rollcall.kernel.ids import RandomIds
from rollcall.protocols.agent_registry.module import module as agent_registry
from rollcall.protocols.service_registry.module import HEALTH_PATHS
from rollcall.protocols.service_registry.module import module as service_registry
from rollcall.registry.service import RegistryService
from rollcall.testing.clock import FrozenClock
from rollcall.web.audit import InMemoryAuditLog
from rollcall.web.auth import Access, OpenAccess
from rollcall.web.drain import Drain
from rollcall.web.module import Kit, Module, create_app

MakeApp = Callable[..., FastAPI]


@pytest.fixture
def clock() -> FrozenClock:
    return FrozenClock()


@pytest_asyncio.fixture
async def registry(clock: FrozenClock) -> AsyncIterator[RegistryService]:
    service = RegistryService(InMemoryStore(clock, RandomIds()), clock=clock)
    await service.start()
    yield service
    await service.stop()


@pytest.fixture
def make_app(clock: FrozenClock) -> MakeApp:
    """An application of one module."""

    def make(module: Module, access: Access | None = None) -> FastAPI:
        kit = Kit(
            module.name,
            "1.2.3",
            clock,
            RandomIds(),
            access or OpenAccess(),
            InMemoryAuditLog(),
            Drain(),
            health_paths=HEALTH_PATHS if module.name == "service-registry" else ("/health",),
        )
        return create_app([module], kit)

    return make


@pytest_asyncio.fixture
async def clients() -> AsyncIterator[Callable[[FastAPI], httpx.AsyncClient]]:
    """Clients that are closed afterwards."""
    async with AsyncExitStack() as stack:
        opened: list[httpx.AsyncClient] = []

        def client(app: FastAPI) -> httpx.AsyncClient:
            transport = httpx.ASGITransport(app)
            opened.append(httpx.AsyncClient(transport=transport, base_url="http://localhost"))
            stack.push_async_callback(opened[-1].aclose)
            return opened[-1]

        yield client


@pytest.fixture
def agents(
    registry: RegistryService,
    make_app: MakeApp,
    clients: Callable[[FastAPI], httpx.AsyncClient],
) -> httpx.AsyncClient:
    """Document 2."""
    return clients(make_app(agent_registry(registry)))


@pytest.fixture
def services(
    registry: RegistryService,
    make_app: MakeApp,
    clients: Callable[[FastAPI], httpx.AsyncClient],
) -> httpx.AsyncClient:
    """Document 1."""
    return clients(make_app(service_registry(registry, store="memory")))
