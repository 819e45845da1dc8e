"""A loop that says what a test tells it to say, and what else tests of conversations share."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncGenerator, Awaitable, Callable, Sequence
from datetime import UTC, datetime

from rollcall.backends.sql import outbox
from rollcall.backends.sql.database import Database
from rollcall.conversations.errors import TurnFailed
from rollcall.conversations.models import Ask, LoopEvent, TextPart, Turn, TurnStatus, Usage
from rollcall.conversations.ports import Meter, Task
from rollcall.conversations.repository import SqlTurnStore
from rollcall.conversations.service import ConversationService
from rollcall.kernel.errors import OutcomeUnknown, StoreUnavailable

Start = Callable[..., Awaitable[ConversationService]]
"""Makes a started service with these options."""
T0 = datetime(2026, 1, 31, 12, 0, tzinfo=UTC)
USED = Usage(model="parrot", provider="test", input_tokens=3, output_tokens=2, requests=1)


class Parrot:
    """Answers with what it was asked, in two pieces; a message that is a gate's name waits for it.

    `fail: ...` fails with what stands behind it, `break` breaks.
    """

    def __init__(self) -> None:
        self.tasks: list[Task] = []
        self.gates: dict[str, asyncio.Event] = {}
        self.running = 0
        self.most = 0

    def gate(self, name: str) -> asyncio.Event:
        return self.gates.setdefault(name, asyncio.Event())

    def models(self) -> Sequence[str]:
        return ("test:parrot",)

    async def run(self, task: Task, meter: Meter) -> AsyncGenerator[LoopEvent]:
        self.tasks.append(task)
        self.running += 1
        self.most = max(self.most, self.running)
        try:
            meter.usage = USED
            for piece in ("you said ", task.user_input):
                meter.text.append(piece)
                yield TextPart(piece)
                if task.user_input in self.gates:
                    await self.gates[task.user_input].wait()
            if task.user_input.startswith("fail: "):
                raise TurnFailed(task.user_input.removeprefix("fail: "))
            if task.user_input == "break":
                raise RuntimeError("a secret of the inside")
        finally:
            self.running -= 1


def ask(user_input: str, session: str = "s", key: str | None = None, **more: str) -> Ask:
    return Ask(
        namespace=more.get("namespace", "default"),
        session_id=session,
        user_input=user_input,
        owner=more.get("owner", "local"),
        idempotency_key=key,
    )


def turn(name: str, session: str = "s", **more: object) -> Turn:
    fields: dict[str, object] = {
        "id": name,
        "namespace": "default",
        "session_id": session,
        "number": 0,
        "agent_id": "assistant",
        "user_input": f"say {name}",
        "status": TurnStatus.ACCEPTED,
        "created_at": T0,
        "owner": "local",
    }
    return Turn(**{**fields, **more})  # pyright: ignore[reportArgumentType]


async def eventually(holds: Callable[[], bool]) -> None:
    """Return once something holds; the test's own limit ends the wait."""
    while not holds():  # noqa: ASYNC110 - what holds has no event of its own
        await asyncio.sleep(0.005)


async def types(database: Database) -> list[str]:
    async with database.reading() as connection:
        return [entry.event.type for entry in await outbox.read(connection, 0, 100)]


class Flaky(SqlTurnStore):
    """A store whose next calls fail as they are told to."""

    def __init__(self, database: Database) -> None:
        super().__init__(database)
        self.lost: list[str] = []
        self.away = 0

    async def accept(self, turn: Turn, **more: object) -> object:  # type: ignore[override]
        accepted = await super().accept(turn, **more)  # pyright: ignore[reportArgumentType]
        if "accept" in self.lost:
            self.lost.remove("accept")
            raise OutcomeUnknown("the connection broke in the commit")
        return accepted

    async def finish(self, turn: Turn, events: object, *, runner: str) -> bool:  # type: ignore[override]
        if self.away:
            self.away -= 1
            raise StoreUnavailable("away")
        done = await super().finish(turn, events, runner=runner)  # pyright: ignore[reportArgumentType]
        if "finish" in self.lost:
            self.lost.remove("finish")
            raise OutcomeUnknown("the connection broke in the commit")
        return done
