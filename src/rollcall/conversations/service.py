# SPDX-License-Identifier: Apache-2.0
"""The agent service: keeps messages, has them answered, and tells what was said."""

from __future__ import annotations

import asyncio
import logging
import math
from collections.abc import AsyncGenerator, Coroutine, Sequence
from typing import Any, Final

import msgspec

from rollcall.conversations.asks import check, fingerprint_of
from rollcall.conversations.definitions import Definitions, NoDefinitions
from rollcall.conversations.errors import (
    AgentNotFound,
    AgentNotRunnable,
    SessionNotFound,
    TurnNotFound,
)
from rollcall.conversations.live import STOPPING
from rollcall.conversations.models import (
    DEFAULT_AGENT,
    Ask,
    Session,
    Turn,
    TurnChanged,
    TurnStatus,
    Update,
)
from rollcall.conversations.options import ConversationOptions
from rollcall.conversations.ports import Loop, Observer
from rollcall.conversations.preparing import Preparation
from rollcall.conversations.recollection import Memories
from rollcall.conversations.runner import Runner
from rollcall.conversations.told import session_deleted
from rollcall.conversations.turn_store import TurnStore
from rollcall.kernel.clock import Clock, utc, within
from rollcall.kernel.cursors import cursor_of, place_at
from rollcall.kernel.errors import Closed, OutcomeUnknown, Unavailable
from rollcall.kernel.ids import IdSource
from rollcall.policies.retry import RetryPolicy

_log = logging.getLogger("rollcall.conversations")
_LOOK: Final = RetryPolicy(initial_delay=0.02, max_delay=0.5)
"""When to look again at a turn that another process answers."""
_PATIENCE: Final = 5.0
"""Seconds that a sender waits to hear whether a message was kept after all."""
_decode: Final = msgspec.json.Decoder(tuple[float, str]).decode


class ConversationService:
    """`Conversations` over a store and a model loop. `start` before use, `stop` after.

    Args:
        store: Where sessions and turns are kept.
        loop: What answers.
        clock: Time.
        ids: Randomness.
        options: Settings.
        observers: Who is told of what happens, for figures.
        definitions: The agents that can be asked beside the one of the settings; None: there are
            none.
        memories: What is remembered of users; None: nothing is.
    """

    def __init__(
        self,
        store: TurnStore,
        loop: Loop,
        clock: Clock,
        ids: IdSource,
        options: ConversationOptions | None = None,
        observers: Sequence[Observer] = (),
        *,
        definitions: Definitions | None = None,
        memories: Memories | None = None,
    ) -> None:
        self.options = options or ConversationOptions()
        self._store = store
        self._clock = clock
        self._ids = ids
        self._definitions = definitions or NoDefinitions()
        self._runner = Runner(
            f"runner_{ids.hex(16)}",
            store,
            loop,
            Preparation(store, self._definitions, memories, clock, self.options),
            clock,
            self.options,
            observers,
        )
        self._acts = 0
        self._tasks: set[asyncio.Task[Turn]] = set()

    @property
    def under_way(self) -> int:
        """How many turns this process has that have not ended."""
        return self._runner.under_way

    async def start(self) -> None:
        """Take up what a process before this one left, where there is only one at a time."""
        if not self.options.shared:
            await self._take_over(self._clock.now())

    async def last_call(self) -> None:
        """Let everybody go who waits here: what runs ends now, and counts as failed."""
        await self._runner.stop()

    async def stop(self) -> None:
        """End what runs; it counts as failed. What waits is answered by the next process, or by
        another one at once.
        """
        for task in self._tasks:
            task.cancel()
        await asyncio.gather(*self._tasks, return_exceptions=True)
        await self._runner.stop()
        if self.options.shared and self._runner.under_way:
            try:
                # As if it had been silent for ever.
                await self._store.beat(self._runner.name, 0.0)
            except Unavailable as error:
                _log.warning("what waits is taken over later: %s", error)

    async def look_after(self) -> None:
        """Show that this process lives, and take over from those that do not, until cancelled."""
        while self.options.shared:
            now = self._clock.now()
            try:
                if self._runner.under_way:
                    for turn_id in await self._store.beat(self._runner.name, now):
                        live = self._runner.live(turn_id)
                        if live is not None:
                            self._runner.call_off(live)
                await self._take_over(now - self.options.silence)
            except Unavailable as error:
                _log.warning("turns are not looked after: %s", error)
            await self._clock.sleep(self.options.beat)

    async def accept(self, ask: Ask) -> Turn:
        check(ask, self.options.input_chars)
        now = utc(self._clock.now())
        turn_id = f"turn_{self._ids.hex(24)}"
        turn = Turn(
            id=turn_id,
            namespace=ask.namespace,
            session_id=ask.session_id,
            number=0,
            agent_id=DEFAULT_AGENT,
            user_input=ask.user_input,
            status=TurnStatus.ACCEPTED,
            created_at=now,
            user_id=ask.user_id,
            model=ask.model,
            idempotency_key=ask.idempotency_key,
            history=ask.history,
            instructions=ask.instructions,
            correlation_id=ask.correlation_id or turn_id,
            owner=ask.owner,
        )
        # Once the turn is kept it must be taken up too, also where who sent it has gone meanwhile.
        return await asyncio.shield(self._beside(self._accept(turn, ask)))

    async def _accept(self, turn: Turn, ask: Ask) -> Turn:
        fingerprint = fingerprint_of(ask)
        try:
            turn = await self._addressed(turn, ask)
        except (AgentNotFound, AgentNotRunnable):
            known = await self._store.known(turn, fingerprint)
            if known is None:
                raise
            return known
        try:
            accepted = await self._store.accept(
                turn,
                runner=self._runner.name,
                fingerprint=fingerprint,
                waiting=self.options.waiting,
                begin=self._runner.free,
            )
        except OutcomeUnknown as error:
            settling = self._beside(self._settled(turn))
            try:
                return await within(self._clock, _PATIENCE, _outcome(settling))
            except (TimeoutError, TurnNotFound):
                raise error from None
        if not accepted.known:
            self._runner.take(accepted.turn)
        return accepted.turn

    async def _addressed(self, turn: Turn, ask: Ask) -> Turn:
        """A turn with the agent that is to answer.

        Raises:
            AgentNotFound, AgentNotRunnable: It cannot.
        """
        agent_id = ask.agent_id
        if agent_id is None:
            try:
                session = await self._store.session(ask.namespace, ask.session_id)
            except SessionNotFound:
                return turn
            agent_id = session.agent_id
        if agent_id == DEFAULT_AGENT:
            return turn
        version = await self._definitions.current(ask.namespace, agent_id)
        return msgspec.structs.replace(turn, agent_id=agent_id, agent_version=version)

    async def _settled(self, turn: Turn) -> Turn:
        """A turn of which nobody knew whether it was kept: it was, and is taken up.

        Raises:
            TurnNotFound: It was not.
        """
        attempt = 0
        while True:
            try:
                found = await self._store.turn(turn.namespace, turn.session_id, turn.id)
            except Unavailable:
                attempt += 1
                await self._clock.sleep(_LOOK.delay(attempt))
            else:
                self._runner.take(found)
                return found

    def _beside(self, work: Coroutine[Any, Any, Turn]) -> asyncio.Task[Turn]:
        """`work` as a task that goes on where whoever waits for it leaves."""
        task = asyncio.create_task(work)
        self._tasks.add(task)
        task.add_done_callback(self._forget)
        return task

    def _forget(self, task: asyncio.Task[Turn]) -> None:
        self._tasks.discard(task)
        if not task.cancelled():
            # Seen: nobody may be there any more to whom it could be raised.
            task.exception()

    async def follow(self, turn: Turn) -> AsyncGenerator[Update]:
        live = self._runner.live(turn.id)
        if live is not None:
            async for update in live.follow():
                yield update
            return
        shown, looks = None, 0
        while True:
            found = await self._store.turn(turn.namespace, turn.session_id, turn.id)
            if found.status is not shown:
                shown = found.status
                yield TurnChanged(found)
            if found.status.ended or self._runner.stopping:
                return
            looks += 1
            await self._clock.sleep(_LOOK.delay(looks))

    async def ended(self, turn: Turn) -> Turn:
        live = self._runner.live(turn.id)
        if live is not None:
            return await live.ended()
        looks = 0
        while True:
            found = await self._store.turn(turn.namespace, turn.session_id, turn.id)
            if found.status.ended:
                return found
            if self._runner.stopping:
                raise Closed(STOPPING)
            looks += 1
            await self._clock.sleep(_LOOK.delay(looks))

    async def cancel(self, namespace: str, session_id: str, turn_id: str) -> Turn:
        turn = await self._store.turn(namespace, session_id, turn_id)
        if turn.status.ended:
            return turn
        live = self._runner.live(turn_id)
        if live is not None:
            self._runner.call_off(live)
            return await live.ended()
        await self._store.call_off(turn)
        return await self.ended(turn)

    async def agents(self, namespace: str) -> Sequence[str]:
        found = await self._definitions.active(namespace)
        return [one for one in found if one != DEFAULT_AGENT]

    async def sessions(
        self,
        namespace: str,
        *,
        user_id: str | None = None,
        agent_id: str | None = None,
        limit: int,
        after: str | None = None,
    ) -> tuple[Sequence[Session], str | None]:
        place = None if after is None else _place(after)
        page = await self._store.sessions(
            namespace, user_id=user_id, agent_id=agent_id, limit=limit + 1, after=place
        )
        if len(page) <= limit:
            return page, None
        last = page[limit - 1]
        return page[:limit], _cursor(last.updated_at.timestamp(), last.session_id)

    async def session(self, namespace: str, session_id: str) -> Session:
        return await self._store.session(namespace, session_id)

    async def turns(
        self, namespace: str, session_id: str, *, limit: int, after: int = 0
    ) -> Sequence[Turn]:
        found = await self._store.turns(namespace, session_id, limit=limit, after=after)
        if not found:
            await self._store.session(namespace, session_id)
        return found

    async def turn(self, namespace: str, session_id: str, turn_id: str) -> Turn:
        return await self._store.turn(namespace, session_id, turn_id)

    async def delete(self, namespace: str, session_id: str) -> int:
        self._acts += 1
        event = session_deleted(
            namespace, session_id, utc(self._clock.now()), f"{self._runner.name}-{self._acts}"
        )
        while True:
            gone = await self._store.delete(namespace, session_id, (event,))
            if gone is not None:
                return gone
            # The last first, so that none of them begins when the one before it ends.
            for turn in reversed(await self._store.unfinished(namespace, session_id)):
                try:
                    await self.cancel(namespace, session_id, turn.id)
                except TurnNotFound:
                    continue

    async def _take_over(self, silent_since: float) -> None:
        now = self._clock.now()
        left = await self._store.take_over(self._runner.name, silent_since=silent_since, at=now)
        for turn in left:
            if turn.status is TurnStatus.ACCEPTED:
                self._runner.take(turn)
            else:
                # Nobody knows how far it had come, and what its tools have done.
                await self._runner.give_up(turn)


async def _outcome(task: asyncio.Task[Turn]) -> Turn:
    return await asyncio.shield(task)


def _cursor(at: float, session_id: str) -> str:
    return cursor_of((at, session_id))


def _place(cursor: str) -> tuple[float, str]:
    return place_at(cursor, _printable)


def _printable(raw: bytes) -> tuple[float, str]:
    at, session_id = _decode(raw)
    # Nothing else is in a cursor of ours, and a database may choke on it.
    if not (math.isfinite(at) and session_id.isprintable()):
        raise ValueError(session_id)
    return at, session_id
