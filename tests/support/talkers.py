"""The agent service on a port of its own, answering what a test scripts."""

from __future__ import annotations

import asyncio
import contextlib
from collections.abc import AsyncIterator, Iterator
from datetime import UTC, datetime

from starlette.types import ASGIApp

from rollcall.conversations.models import ToolOutcome, ToolRun, ToolSpec, Usage
from rollcall.kernel.clock import SystemClock
from rollcall.kernel.ids import RandomIds
from support.conversations import InMemoryConversations, InMemoryToolbox, ScriptedLoop
from support.fronts import front_of
from support.hosting import hosted

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
USED = Usage(model="small", provider="p", input_tokens=1200, output_tokens=34, requests=2)
SPEC = ToolSpec(
    name="calculate",
    tool="calculate",
    service="ext-tool",
    description="Calculates\nsums.\n\nAnd more.",
    input_schema=None,
)


class Talker:
    """Where it is, and what it will do."""

    def __init__(self, loop: ScriptedLoop, toolbox: InMemoryToolbox) -> None:
        self.url = ""
        self.loop = loop
        self.toolbox = toolbox
        self.running: asyncio.AbstractEventLoop | None = None

    def let_go(self, gate: asyncio.Event) -> None:
        """Have a script go on that waits for `gate`."""
        assert self.running is not None
        self.running.call_soon_threadsafe(gate.set)


@contextlib.contextmanager
def talking() -> Iterator[Talker]:
    """The service, for as long as the block lasts."""
    clock = SystemClock()
    talker = Talker(ScriptedLoop("scripted:small"), InMemoryToolbox(SPEC))

    @contextlib.asynccontextmanager
    async def opened() -> AsyncIterator[ASGIApp]:
        talker.running = asyncio.get_running_loop()
        conversations = InMemoryConversations(talker.loop, clock, RandomIds())
        yield front_of(conversations, talker.toolbox, talker.loop, clock)
        await conversations.close()

    with hosted(opened) as url:
        talker.url = url
        yield talker
