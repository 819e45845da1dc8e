"""The agent service's port in memory: it keeps, answers in order, and lets turns be followed.

What a model would do is said by a `ScriptedLoop`, step by step.
"""

from __future__ import annotations

import asyncio
import contextlib
from collections import deque
from collections.abc import AsyncIterator, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

from msgspec.structs import replace

from rollcall.conversations.errors import (
    AgentNotFound,
    AgentNotRunnable,
    KeyReused,
    SessionBusy,
    SessionNotFound,
    SessionOfAnother,
    TurnFailed,
    TurnNotFound,
)
from rollcall.conversations.models import (
    DEFAULT_AGENT,
    Ask,
    LoopEvent,
    Session,
    TextPart,
    TextReset,
    ToolFinished,
    ToolRun,
    ToolSpec,
    ToolStarted,
    Turn,
    TurnChanged,
    TurnStatus,
    Update,
    Usage,
)
from rollcall.conversations.ports import Loop, Meter, Task
from rollcall.kernel.clock import Clock, utc
from rollcall.kernel.errors import InvalidInput
from rollcall.kernel.ids import IdSource

MOST_WAITING = 5

Step = str | ToolRun | TextReset | Usage | TurnFailed | asyncio.Event
"""A piece of the answer, a call of a tool, what was used, the end, or what is to be waited for."""


class ScriptedLoop:
    """Does what it was told for each turn in its order; with nothing told, it repeats the words.

    Args:
        names: What `models` says.
    """

    def __init__(self, *names: str) -> None:
        self._names = names
        self._scripts: deque[Sequence[Step]] = deque()
        self.tasks: list[Task] = []

    def script(self, *steps: Step) -> None:
        """What the turn after those that were scripted before does."""
        self._scripts.append(steps)

    def models(self) -> Sequence[str]:
        return self._names

    async def run(self, task: Task, meter: Meter) -> AsyncIterator[LoopEvent]:
        self.tasks.append(task)
        echo = (f"You said: {task.user_input}",)
        for step in self._scripts.popleft() if self._scripts else echo:
            match step:
                case str():
                    meter.text.append(step)
                    yield TextPart(step)
                case TextReset():
                    meter.text.clear()
                    yield step
                case ToolRun():
                    yield ToolStarted(step.call_id, step.name, step.service, step.arguments)
                    meter.tools.append(step)
                    yield ToolFinished(step)
                case Usage():
                    meter.usage = step
                case asyncio.Event():
                    await step.wait()
                case _:
                    raise step


class InMemoryToolbox:
    """The tools that it was given; they cannot be called."""

    def __init__(self, *specs: ToolSpec) -> None:
        self.specs = list(specs)
        self.looks = 0

    async def tools(self, namespace: str) -> Sequence[ToolSpec]:
        return self.specs

    async def refresh(self, namespace: str) -> Sequence[ToolSpec]:
        self.looks += 1
        return self.specs

    async def call(
        self,
        name: str,
        arguments: Mapping[str, Any],
        *,
        namespace: str,
        call_id: str,
        timeout: float,
        correlation_id: str = "",
        caller: str = "",
    ) -> ToolRun:
        raise NotImplementedError


@dataclass
class _Live:
    """A turn, what happened to it, and what answers it."""

    turn: Turn
    updates: list[Update]
    news: asyncio.Event = field(default_factory=asyncio.Event)
    task: asyncio.Task[None] | None = None

    def tell(self, update: Update) -> None:
        if isinstance(update, TurnChanged):
            self.turn = update.turn
        self.updates.append(update)
        self.news.set()
        self.news = asyncio.Event()


class InMemoryConversations:
    """Sessions for as long as the object lives.

    Args:
        loop: What answers.
        clock: Dates the turns.
        ids: Names them.
    """

    def __init__(self, loop: Loop, clock: Clock, ids: IdSource) -> None:
        self.versions: dict[str, int] = {}
        """By the id of an agent that may be asked, its version."""
        self.paused: set[str] = set()
        self._loop = loop
        self._clock = clock
        self._ids = ids
        self._sessions: dict[tuple[str, str], list[_Live]] = {}
        self._users: dict[tuple[str, str], str | None] = {}
        self._keys: dict[tuple[str, str], tuple[_Live, tuple[object, ...]]] = {}
        self._workers: dict[tuple[str, str], asyncio.Task[None]] = {}

    async def accept(self, ask: Ask) -> Turn:
        place = (ask.namespace, ask.session_id)
        said = (
            ask.session_id,
            ask.user_input,
            ask.agent_id,
            ask.model,
            ask.history,
            ask.instructions,
        )
        if ask.idempotency_key is not None:
            kept = self._keys.get((ask.namespace, ask.idempotency_key))
            if kept is not None:
                if kept[1] != said:
                    raise KeyReused(ask.idempotency_key)
                return kept[0].turn
        turns = self._sessions.get(place, [])
        waiting = sum(one.turn.status is TurnStatus.ACCEPTED for one in turns)
        if waiting >= MOST_WAITING:
            raise SessionBusy(ask.session_id, waiting)
        agent_id, version = self._agent(ask, turns)
        turn = Turn(
            id=f"turn_{self._ids.hex(12)}",
            namespace=ask.namespace,
            session_id=ask.session_id,
            number=len(turns) + 1,
            agent_id=agent_id,
            agent_version=version,
            user_input=ask.user_input,
            status=TurnStatus.ACCEPTED,
            created_at=utc(self._clock.now()),
            user_id=ask.user_id,
            model=ask.model,
            idempotency_key=ask.idempotency_key,
            history=ask.history,
            instructions=ask.instructions,
            correlation_id=ask.correlation_id,
        )
        live = _Live(turn, [TurnChanged(turn)])
        self._sessions.setdefault(place, turns).append(live)
        self._users.setdefault(place, ask.user_id)
        if ask.idempotency_key is not None:
            self._keys[ask.namespace, ask.idempotency_key] = (live, said)
        worker = self._workers.get(place)
        if worker is None or worker.done():
            self._workers[place] = asyncio.create_task(self._work(turns))
        return turn

    def _agent(self, ask: Ask, turns: Sequence[_Live]) -> tuple[str, int | None]:
        begun = turns[0].turn if turns else None
        agent_id = ask.agent_id or (begun.agent_id if begun else DEFAULT_AGENT)
        if agent_id in self.paused:
            raise AgentNotRunnable(agent_id, "paused")
        if agent_id != DEFAULT_AGENT and agent_id not in self.versions:
            raise AgentNotFound(agent_id)
        if begun is None:
            return agent_id, self.versions.get(agent_id)
        if begun.agent_id != agent_id:
            raise SessionOfAnother(ask.session_id, begun.agent_id)
        return agent_id, begun.agent_version

    async def agents(self, namespace: str) -> Sequence[str]:
        return list(self.versions)

    async def follow(self, turn: Turn) -> AsyncIterator[Update]:
        live = self._live(turn.namespace, turn.session_id, turn.id)
        told = 0
        while True:
            while told < len(live.updates):
                update = live.updates[told]
                told += 1
                yield update
                if isinstance(update, TurnChanged) and update.turn.status.ended:
                    return
            await live.news.wait()

    async def ended(self, turn: Turn) -> Turn:
        live = self._live(turn.namespace, turn.session_id, turn.id)
        while not live.turn.status.ended:
            await live.news.wait()
        return live.turn

    async def cancel(self, namespace: str, session_id: str, turn_id: str) -> Turn:
        live = self._live(namespace, session_id, turn_id)
        if live.task is not None:
            live.task.cancel()
        elif not live.turn.status.ended:
            self._end(live, TurnStatus.CANCELLED, Meter())
        return await self.ended(live.turn)

    async def sessions(
        self,
        namespace: str,
        *,
        user_id: str | None = None,
        agent_id: str | None = None,
        limit: int,
        after: str | None = None,
    ) -> tuple[Sequence[Session], str | None]:
        if after is not None and not after.isdecimal():
            raise InvalidInput("cursor", "must be taken from the Link of a page before")
        start = int(after or 0)
        found = [self._session(*place) for place in self._sessions if place[0] == namespace]
        found = [one for one in found if user_id in (None, one.user_id)]
        found = [one for one in found if agent_id in (None, one.agent_id)]
        found.sort(key=lambda one: one.updated_at, reverse=True)
        end = start + limit
        return found[start:end], str(end) if end < len(found) else None

    async def session(self, namespace: str, session_id: str) -> Session:
        return self._session(namespace, session_id)

    async def turns(
        self, namespace: str, session_id: str, *, limit: int, after: int = 0
    ) -> Sequence[Turn]:
        return [one.turn for one in self._lives(namespace, session_id)[after : after + limit]]

    async def turn(self, namespace: str, session_id: str, turn_id: str) -> Turn:
        return self._live(namespace, session_id, turn_id).turn

    async def delete(self, namespace: str, session_id: str) -> int:
        lives = list(self._lives(namespace, session_id))
        for one in reversed(lives):
            await self.cancel(namespace, session_id, one.turn.id)
        del self._sessions[namespace, session_id]
        return len(lives)

    async def close(self) -> None:
        """End what is under way."""
        tasks = [
            one.task for lives in self._sessions.values() for one in lives if one.task is not None
        ]
        for task in (*tasks, *self._workers.values()):
            task.cancel()
        await asyncio.gather(*tasks, *self._workers.values(), return_exceptions=True)

    async def _work(self, turns: list[_Live]) -> None:
        """Answer the turns of a session, one after the other."""
        while True:
            one = next((one for one in turns if one.turn.status is TurnStatus.ACCEPTED), None)
            if one is None:
                return
            one.task = asyncio.create_task(self._answer(one, turns))
            await asyncio.wait([one.task])
            if not one.turn.status.ended:
                # It was called off before it could begin.
                self._end(one, TurnStatus.CANCELLED, Meter())
            one.task = None

    async def _answer(self, live: _Live, turns: list[_Live]) -> None:
        meter, turn = Meter(), live.turn
        live.tell(
            TurnChanged(replace(turn, status=TurnStatus.RUNNING, started_at=utc(self._clock.now())))
        )
        task = Task(
            turn.id,
            turn.namespace,
            turn.user_input,
            history=turn.history or (),
            instructions=turn.instructions,
            model=turn.model,
            correlation_id=turn.correlation_id,
        )
        try:
            async for event in self._loop.run(task, meter):
                live.tell(event)
        except TurnFailed as error:
            self._end(live, TurnStatus.FAILED, meter, error)
        except asyncio.CancelledError:
            self._end(live, TurnStatus.CANCELLED, meter)
        else:
            self._end(live, TurnStatus.ANSWERED, meter)

    def _end(
        self, live: _Live, status: TurnStatus, meter: Meter, error: TurnFailed | None = None
    ) -> None:
        ended = replace(
            live.turn,
            status=status,
            finished_at=utc(self._clock.now()),
            response="".join(meter.text),
            error=None if error is None else error.problem,
            error_type=None if error is None else error.type,
            tools=tuple(meter.tools),
            usage=meter.usage,
        )
        live.tell(TurnChanged(ended))

    def _lives(self, namespace: str, session_id: str) -> list[_Live]:
        try:
            return self._sessions[namespace, session_id]
        except KeyError:
            raise SessionNotFound(session_id) from None

    def _live(self, namespace: str, session_id: str, turn_id: str) -> _Live:
        with contextlib.suppress(SessionNotFound):
            for one in self._lives(namespace, session_id):
                if one.turn.id == turn_id:
                    return one
        raise TurnNotFound(session_id, turn_id)

    def _session(self, namespace: str, session_id: str) -> Session:
        lives = self._lives(namespace, session_id)
        first, last = lives[0].turn, lives[-1].turn
        return Session(
            namespace=namespace,
            session_id=session_id,
            agent_id=first.agent_id,
            agent_version=first.agent_version,
            created_at=first.created_at,
            updated_at=last.finished_at or last.created_at,
            turns=len(lives),
            user_id=self._users[namespace, session_id],
            title=first.user_input[:80],
        )
