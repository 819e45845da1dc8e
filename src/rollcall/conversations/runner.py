# SPDX-License-Identifier: Apache-2.0
"""Answers turns: those of a session one after the other, those of different sessions at once."""

from __future__ import annotations

import asyncio
import heapq
import logging
from collections.abc import Sequence
from contextlib import aclosing
from typing import Final

from msgspec.structs import replace

from rollcall.conversations.errors import LimitReached, TurnFailed, TurnNotFound
from rollcall.conversations.live import LiveTurn
from rollcall.conversations.models import TextPart, Turn, TurnChanged, TurnStatus
from rollcall.conversations.options import ConversationOptions
from rollcall.conversations.ports import Loop, Meter, Observer
from rollcall.conversations.preparing import Preparation
from rollcall.conversations.told import cleaned, turn_events
from rollcall.conversations.turn_store import TurnStore
from rollcall.kernel.clock import Clock, utc
from rollcall.kernel.errors import InvalidInput, RollcallError, Unavailable
from rollcall.policies.retry import RetryPolicy

_log = logging.getLogger("rollcall.conversations")
_OUTAGE: Final = RetryPolicy(initial_delay=0.1, max_delay=5.0)
_LOOK: Final = RetryPolicy(initial_delay=0.02, max_delay=0.5)
"""When to look again whether a turn that another process answers has ended."""

Place = tuple[str, str]
"""Namespace and session."""


class _Line:
    """The turns of a session that wait in this process, the earliest first."""

    def __init__(self) -> None:
        self.waiting: list[tuple[int, LiveTurn]] = []
        self.news = asyncio.Event()


class Runner:
    """Runs the turns that are given to it, each to its end.

    `stopping` says that it begins none any more.

    Args:
        name: Its name among the processes on the same database.
        store: Where turns are kept.
        loop: What answers.
        preparation: Makes a task of a turn.
        clock: Time.
        options: Settings.
        observers: Who is told of what happens, for figures.
    """

    def __init__(
        self,
        name: str,
        store: TurnStore,
        loop: Loop,
        preparation: Preparation,
        clock: Clock,
        options: ConversationOptions,
        observers: Sequence[Observer] = (),
    ) -> None:
        self.name = name
        self._store = store
        self._loop = loop
        self._preparation = preparation
        self._clock = clock
        self._options = options
        self._observers = observers
        self._live: dict[str, LiveTurn] = {}
        self._lines: dict[Place, _Line] = {}
        self._workers: set[asyncio.Task[None]] = set()
        self._slots = asyncio.Semaphore(options.at_once)
        self.stopping = False

    @property
    def free(self) -> bool:
        """Whether another turn could begin now."""
        return not self._slots.locked() and not self.stopping

    @property
    def under_way(self) -> int:
        """How many turns have not ended here."""
        return len(self._live)

    def live(self, turn_id: str) -> LiveTurn | None:
        """A turn that this process has; None: it has ended, or another process has it."""
        return self._live.get(turn_id)

    def take(self, turn: Turn) -> LiveTurn:
        """Answer a turn that is this runner's, when it is its turn."""
        live = self._live[turn.id] = LiveTurn(turn)
        place = (turn.namespace, turn.session_id)
        line = self._lines.get(place)
        if line is None:
            line = self._lines[place] = _Line()
            worker = asyncio.create_task(self._work(place, line), name="session")
            self._workers.add(worker)
            worker.add_done_callback(self._workers.discard)
        heapq.heappush(line.waiting, (turn.number, live))
        line.news.set()
        if self.stopping:
            live.leave()
        return live

    def call_off(self, live: LiveTurn) -> None:
        """Have a turn end as cancelled: what waits does so at once, whatever runs before it."""
        live.call_off()
        line = self._lines.get((live.turn.namespace, live.turn.session_id))
        waits = (live.turn.number, live)
        if line is None or waits not in line.waiting:
            return
        line.waiting.remove(waits)
        heapq.heapify(line.waiting)
        ending = asyncio.create_task(self._answer(live), name=live.turn.id)
        self._workers.add(ending)
        ending.add_done_callback(self._workers.discard)

    async def stop(self) -> None:
        """Call off what runs, which ends as failed; what waits is left to the next process."""
        self.stopping = True
        for live in self._live.values():
            if live.running is not None:
                live.running.cancel()
        for line in self._lines.values():
            line.news.set()
        if self._workers:
            await asyncio.wait(self._workers)
        for live in self._live.values():
            live.leave()

    async def give_up(self, turn: Turn) -> None:
        """End a turn whose process is gone in the middle of it."""
        error = "the service was interrupted while it answered; ask again"
        await self._end(LiveTurn(turn), TurnStatus.FAILED, Meter(), error, "interrupted")

    async def _work(self, place: Place, line: _Line) -> None:
        """Answer what stands in a line until nothing does."""
        looks = 0
        while line.waiting and not self.stopping:
            line.news.clear()
            number, live = heapq.heappop(line.waiting)
            try:
                async with self._slots:
                    begun = await self._begun(live)
                    if begun:
                        looks = 0
                        await self._answer(live)
                        continue
                if await self._lost(live):
                    continue
            except Unavailable as error:
                _log.warning("turn %s waits for the database: %s", live.turn.id, error)
            heapq.heappush(line.waiting, (number, live))
            looks += 1
            await self._news(line, _LOOK.delay(looks))
        del self._lines[place]

    async def _news(self, line: _Line, seconds: float) -> None:
        """Wait for a newcomer in the line, at most so long."""
        call_off = self._clock.alarm(seconds, line.news.set)
        try:
            await line.news.wait()
        finally:
            call_off()

    async def _begun(self, live: LiveTurn) -> bool:
        turn = live.turn
        if self.stopping:
            return False
        if live.called_off or turn.status is TurnStatus.RUNNING:
            return True
        now = utc(self._clock.now())
        begun = await self._store.start(turn, runner=self.name, at=now)
        if begun is None:
            return False
        live.tell(TurnChanged(begun))
        return True

    async def _lost(self, live: LiveTurn) -> bool:
        """Whether another process took a turn over, as from one that stood still, and ended it."""
        found = await self._elsewhere(live.turn)
        if found is None:
            return False
        self._live.pop(found.id, None)
        live.tell(TurnChanged(found))
        return True

    async def _elsewhere(self, turn: Turn) -> Turn | None:
        """A turn as another process has ended it; None: none has."""
        try:
            found = await self._store.turn(turn.namespace, turn.session_id, turn.id)
        except TurnNotFound:
            gone = "its session was deleted"
            now = utc(self._clock.now())
            return replace(
                turn,
                status=TurnStatus.CANCELLED,
                finished_at=now,
                error=gone,
                error_type="cancelled",
            )
        return found if found.status.ended else None

    async def _answer(self, live: LiveTurn) -> None:
        """Run a turn to its end, whatever happens."""
        meter = Meter()
        if live.called_off:
            await self._end(live, TurnStatus.CANCELLED, meter, "called off", "cancelled")
            return
        for one in self._observers:
            one.started(live.turn)
        task = live.running = asyncio.create_task(self._run(live, meter), name=live.turn.id)
        await asyncio.wait([task])
        live.running = None
        if task.cancelled():
            if live.called_off:
                await self._end(live, TurnStatus.CANCELLED, meter, "called off", "cancelled")
            else:
                why = "the service was stopped while it answered; ask again"
                await self._end(live, TurnStatus.FAILED, meter, why, "interrupted")
            return
        error = task.exception()
        if error is None:
            await self._end(live, TurnStatus.ANSWERED, meter)
        else:
            await self._end(live, TurnStatus.FAILED, meter, *_why(live.turn, error))

    async def _run(self, live: LiveTurn, meter: Meter) -> None:
        turn = live.turn
        task = await self._preparation.task(turn)
        silent = True
        async with aclosing(self._loop.run(task, meter)) as events:
            async for event in events:
                if silent and isinstance(event, TextPart):
                    silent = False
                    for one in self._observers:
                        one.first_text(turn, self._clock.now() - turn.created_at.timestamp())
                live.tell(event)

    async def _end(
        self,
        live: LiveTurn,
        status: TurnStatus,
        meter: Meter,
        error: str | None = None,
        error_type: str | None = None,
    ) -> None:
        ended = replace(
            live.turn,
            status=status,
            # PostgreSQL has no text with this character in it.
            response="".join(meter.text).replace("\0", ""),
            finished_at=utc(self._clock.now()),
            error=error,
            error_type=error_type,
            tools=tuple(meter.tools),
            usage=meter.usage,
        )
        try:
            ended = await self._written(ended)
        finally:
            self._live.pop(ended.id, None)
            for one in self._observers:
                one.finished(ended)
            live.tell(TurnChanged(ended))

    async def _written(self, turn: Turn) -> Turn:
        """Keep how a turn ended. While the database is away that is tried again and again.

        Returns:
            How it ended: where another process was quicker, as that one has it.
        """
        attempt, events = 0, turn_events(turn)
        while True:
            try:
                if await self._store.finish(turn, events, runner=self.name):
                    return turn
                _log.warning("turn %s was ended by another process", turn.id)
                return await self._elsewhere(turn) or turn
            except UnicodeEncodeError:
                # What a tool or a model said is no text that can be kept.
                turn = cleaned(turn)
                events = turn_events(turn)
            except Unavailable as error:
                attempt += 1
                if self.stopping:
                    _log.error("how turn %s ended could not be written: %s", turn.id, error)
                    return turn
                if attempt == 1:
                    _log.warning("how turn %s ended waits for the database: %s", turn.id, error)
                await self._clock.sleep(_OUTAGE.delay(attempt))


def _why(turn: Turn, error: BaseException) -> tuple[str, str]:
    """Why there is no answer, for people and for programs."""
    if isinstance(error, LimitReached):
        return error.problem, f"{error.type}"
    if isinstance(error, TurnFailed):
        return error.problem, error.type
    if isinstance(error, InvalidInput):
        return str(error), "invalid-input"
    if isinstance(error, RollcallError):
        return str(error), "unavailable" if isinstance(error, Unavailable) else "failed"
    _log.error("turn %s broke off", turn.id, exc_info=error)
    return "something went wrong inside; the log has more", "internal-error"
