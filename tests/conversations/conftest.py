"""The fronts over conversations in memory, under a clock that stands still, without a network."""

from __future__ import annotations

from collections.abc import AsyncIterator, Callable
from datetime import UTC, datetime

import httpx
import pytest
import pytest_asyncio
from fastapi import FastAPI

from rollcall.conversations.api import router
from rollcall.conversations.models import ToolOutcome, ToolRun, ToolSpec
from rollcall.conversations.openai_api import DIALECTS, openai_router
from rollcall.conversations.problems import PROBLEMS
from rollcall.kernel.ids import RandomIds
from rollcall.testing.clock import FrozenClock
from rollcall.web.audit import InMemoryAuditLog
from rollcall.web.auth import Access, OpenAccess
from rollcall.web.drain import Drain
from rollcall.web.module import Kit, Module, create_app
from support.conversations import InMemoryConversations, InMemoryToolbox, ScriptedLoop

MakeFront = Callable[..., FastAPI]

CALCULATE = ToolSpec(
    name="calculate",
    tool="calculate",
    service="ext-tool",
    description="Calculates",
    input_schema={"type": "object", "properties": {"expression": {"type": "string"}}},
    idempotent=True,
    path="/calculate",
    version="1",
)
RUN = ToolRun(
    call_id="call_1",
    name="calculate",
    tool="calculate",
    service="ext-tool",
    arguments={"expression": "10 + 5"},
    outcome=ToolOutcome.OK,
    started_at=datetime(2025, 6, 15, tzinfo=UTC),
    duration_ms=12.5,
    instance="ext-tool-1",
    url="http://127.0.0.1:3006",
    attempts=1,
    result={"result": "15"},
)


@pytest.fixture
def clock() -> FrozenClock:
    return FrozenClock()


@pytest.fixture
def run() -> ToolRun:
    """A call that went well."""
    return RUN


@pytest.fixture
def loop() -> ScriptedLoop:
    return ScriptedLoop("scripted:small", "scripted:large")


@pytest.fixture
def toolbox() -> InMemoryToolbox:
    return InMemoryToolbox(CALCULATE)


@pytest_asyncio.fixture
async def conversations(
    loop: ScriptedLoop, clock: FrozenClock
) -> AsyncIterator[InMemoryConversations]:
    made = InMemoryConversations(loop, clock, RandomIds())
    yield made
    await made.close()


@pytest.fixture
def front(
    conversations: InMemoryConversations,
    toolbox: InMemoryToolbox,
    loop: ScriptedLoop,
    clock: FrozenClock,
) -> MakeFront:
    """An application with both fronts."""

    def make(access: Access | None = None) -> FastAPI:
        drain, ids = Drain(), RandomIds()
        module = Module(
            "agent",
            routers=(
                router(conversations, toolbox, loop.models, clock, drain),
                openai_router(conversations, loop.models, clock, ids, drain),
            ),
            problems=PROBLEMS,
            dialects=DIALECTS,
        )
        audit = InMemoryAuditLog()
        kit = Kit("agent", "1", clock, ids, access or OpenAccess(), audit, drain)
        return create_app([module], kit)

    return make


@pytest_asyncio.fixture
async def client(front: MakeFront) -> AsyncIterator[httpx.AsyncClient]:
    """Of an application that everybody on this machine may use."""
    transport = httpx.ASGITransport(front())
    async with httpx.AsyncClient(transport=transport, base_url="http://localhost") as one:
        yield one
