"""A kit with a clock that stands still, and clients without a network."""

from __future__ import annotations

from collections.abc import AsyncIterator, Callable
from contextlib import AbstractAsyncContextManager, asynccontextmanager

import httpx
import pytest
from starlette.types import ASGIApp

from rollcall.kernel.ids import RandomIds
from rollcall.testing.clock import FrozenClock
from rollcall.web.audit import InMemoryAuditLog
from rollcall.web.auth import OpenAccess
from rollcall.web.drain import Drain
from rollcall.web.module import Kit

Connect = Callable[[ASGIApp], AbstractAsyncContextManager[httpx.AsyncClient]]


@pytest.fixture
def clock() -> FrozenClock:
    return FrozenClock()


@pytest.fixture
def audit() -> InMemoryAuditLog:
    return InMemoryAuditLog()


@pytest.fixture
def kit(clock: FrozenClock, audit: InMemoryAuditLog) -> Kit:
    """Of a service on the loopback that everybody there may use."""
    return Kit("tester", "1.2.3", clock, RandomIds(), OpenAccess(), audit, Drain())


@pytest.fixture
def connect() -> Connect:
    """A client of an application whose lifespan is not run."""

    @asynccontextmanager
    async def connected(app: ASGIApp) -> AsyncIterator[httpx.AsyncClient]:
        transport = httpx.ASGITransport(app, client=("192.0.2.7", 4711))
        async with httpx.AsyncClient(transport=transport, base_url="http://localhost") as client:
            yield client

    return connected
