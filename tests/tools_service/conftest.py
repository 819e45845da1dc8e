"""A service of a few tools, in this process, and whoever calls it."""

from __future__ import annotations

import sys
import threading
from collections.abc import AsyncIterator, Callable, Iterator
from contextlib import AbstractAsyncContextManager, asynccontextmanager
from dataclasses import dataclass
from typing import Annotated, Any

import anyio
import httpx
import pytest
from fastapi import FastAPI
from pydantic import BaseModel, Field

from rollcall.kernel.errors import Unavailable
from rollcall.kernel.ids import RandomIds
from rollcall.testing.clock import FrozenClock
from rollcall.tools import ToolContext, ToolError, tool
from rollcall.tools.module import module
from rollcall.tools.service import ToolSet
from rollcall.web.audit import InMemoryAuditLog
from rollcall.web.auth import Access, OpenAccess
from rollcall.web.drain import Drain
from rollcall.web.module import Kit, create_app
from support.hosting import hosted

Connect = Callable[[FastAPI], AbstractAsyncContextManager[httpx.AsyncClient]]
Make = Callable[..., FastAPI]


class Forecast(BaseModel):
    """What is expected."""

    city: str
    degrees: list[float]


class Slow:
    """A tool that never ends by itself, and what became of a call of it."""

    def __init__(self) -> None:
        self.begun = threading.Event()
        self.cancelled = threading.Event()

    async def wait(self) -> str:
        """Wait for ever."""
        self.cancelled.clear()
        self.begun.set()
        try:
            await anyio.sleep_forever()
        finally:
            self.begun.clear()
            self.cancelled.set()
        return "never"


@tool(idempotent=True, read_only=True, get=True, tags=["weather"])
async def forecast(
    city: str,
    days: Annotated[int, Field(ge=1, le=9)] = 3,
    metric: bool = True,
    hours: list[int] | None = None,
) -> Forecast:
    """The temperatures
    expected in a city.

    Args:
        city: Where it is.
        days: How many days.
    """
    return Forecast(city=city, degrees=[float(metric), *map(float, hours or [])] * days)


@tool
def add(a: float, b: float = 1) -> float:
    """The sum of two numbers."""
    return a + b


@tool(path="/who-asks")
async def who(context: ToolContext) -> dict[str, str | None]:
    """Who asks."""
    return {
        "namespace": context.namespace,
        "caller": context.caller,
        "chain": context.correlation_id,
        "key": context.idempotency_key,
    }


@tool
def fail(how: str) -> float:
    """Fail in some way."""
    match how:
        case "refused":
            raise ToolError("there is no such city")
        case "away":
            raise Unavailable("the station at 10.0.0.3 does not answer")
        case "late":
            raise TimeoutError
        case "broken":
            raise KeyError("the password is hunter2")
        case "no number":
            return float("nan")
        case "leave":
            sys.exit("enough")
        case "stop":
            raise StopIteration
        case _:
            nothing: Any = object()
            return nothing


def made(slow: Slow) -> ToolSet:
    """The tools, of one application."""
    return ToolSet([forecast, add, who, fail, tool(slow.wait)])


@dataclass(frozen=True)
class Served:
    """The tools behind a real socket.

    Args:
        url: Where.
        slow: The one that never ends.
    """

    url: str
    slow: Slow


@pytest.fixture(scope="session")
def served() -> Iterator[Served]:
    """For all tests that need no more than that it is there."""
    slow = Slow()

    @asynccontextmanager
    async def opened() -> AsyncIterator[FastAPI]:
        app = application(made(slow), OpenAccess(), InMemoryAuditLog())
        async with app.router.lifespan_context(app):
            yield app

    with pytest.MonkeyPatch.context() as patch, hosted(opened) as url:
        patch.setenv("NO_PROXY", "127.0.0.1")
        yield Served(url, slow)


@pytest.fixture
def tools() -> ToolSet:
    return made(Slow())


def application(
    tools: ToolSet, access: Access, audit: InMemoryAuditLog, *, development: bool = False
) -> FastAPI:
    """A service of these tools."""
    kit = Kit(
        "tools",
        "1.2.3",
        FrozenClock(),
        RandomIds(),
        access,
        audit,
        Drain(),
        development=development,
    )
    return create_app([module(tools)], kit)


@pytest.fixture
def audit() -> InMemoryAuditLog:
    return InMemoryAuditLog()


@pytest.fixture
def make(tools: ToolSet, audit: InMemoryAuditLog) -> Make:
    """An application of the tools."""

    def make_it(access: Access | None = None, *, development: bool = False) -> FastAPI:
        return application(tools, access or OpenAccess(), audit, development=development)

    return make_it


@pytest.fixture
def connect() -> Connect:
    """A client of an application."""

    @asynccontextmanager
    async def connected(app: FastAPI) -> AsyncIterator[httpx.AsyncClient]:
        transport = httpx.ASGITransport(app)
        async with (
            app.router.lifespan_context(app),
            httpx.AsyncClient(transport=transport, base_url="http://localhost") as client,
        ):
            yield client

    return connected


@pytest.fixture
async def client(make: Make, connect: Connect) -> AsyncIterator[httpx.AsyncClient]:
    async with connect(make()) as one:
        yield one
