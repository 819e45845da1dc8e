# SPDX-License-Identifier: Apache-2.0
"""Tells readers and listeners what happened, at no cost to whom it happens."""

from __future__ import annotations

import asyncio
import logging
import math
from collections.abc import AsyncIterator, Awaitable, Callable
from types import CoroutineType
from typing import Any, Final, cast

from rollcall.kernel.clock import Clock, utc
from rollcall.kernel.errors import Closed
from rollcall.orchestration.models import AgentStatus, RegistryEvent, RegistryEventType
from rollcall.registry.events import Event, EventType
from rollcall.registry.ring import Ring
from rollcall.registry.status import Status

Callback = Callable[[RegistryEvent], Any]
Heartbeat = tuple[str, float]
"""Whose, and when in monotonic seconds."""

TYPES: Final = {
    EventType.REGISTERED: RegistryEventType.AGENT_REGISTERED,
    EventType.REREGISTERED: RegistryEventType.AGENT_REGISTERED,
    EventType.DEREGISTERED: RegistryEventType.AGENT_DEREGISTERED,
    EventType.STATUS_CHANGED: RegistryEventType.AGENT_STATUS_CHANGED,
    EventType.RUNTIME_JOINED: RegistryEventType.RUNTIME_JOINED,
    EventType.RUNTIME_LEFT: RegistryEventType.RUNTIME_LEFT,
}
"""Core events that document 5 knows. The others have no word there."""

WORDS: Final = {
    Status.ACTIVE: AgentStatus.ACTIVE,
    Status.BUSY: AgentStatus.BUSY,
    Status.DEGRADED: AgentStatus.DEGRADED,
    Status.STARTING: AgentStatus.UNHEALTHY,
    Status.UNHEALTHY: AgentStatus.UNHEALTHY,
    Status.SUSPECT: AgentStatus.UNHEALTHY,
    Status.OFFLINE: AgentStatus.OFFLINE,
}
"""Effective statuses in the words of document 5, which has none for some: not fit for work."""

_QUIET: Final = 0.05
"""Seconds without a write after which a writer counts as one that writes now and then."""

_COURTESY: Final = 64
"""Writes for each of which such a writer gives way."""

_BUSY: Final = 0.001
"""Seconds between the times at which a busy writer gives way."""

_SLICE: Final = 64
"""Events that a listener which has fallen behind is given between looks at where it is."""

_ROUNDS: Final = 8
"""Rounds of the event loop that a write leaves to listeners at the most."""

_log = logging.getLogger("rollcall.orchestration")


class Listener:
    """One callback, with the types it wants and a cursor of its own."""

    def __init__(self, callback: Callback, cursor: int) -> None:
        self.callback = callback
        self.cursor = cursor
        self.types: set[RegistryEventType] = set()
        self.busy: asyncio.Task[None] | None = None


class Broadcast:
    """The events of a registry, for one queue, any number of iterators, and listeners.

    Whoever reads too slowly loses the oldest events, and only they do; what was lost is counted.
    Listeners are called in the order of events. One whose coroutine takes its time goes on by
    itself and catches up, and holds up no other; one that raises is logged and counted.

    Args:
        clock: Time.
        size: How many events are kept.
        runtime_of: The runtime of an agent; None: it has left. Heartbeats are told with it.

    Attributes:
        ring: What happened lately: core events and heartbeats, translated when somebody reads.
        dropped: Events that left the queue unread.
        missed: Events that listeners or iterators were too slow for.
        errors: Exceptions that listeners raised.
    """

    def __init__(self, clock: Clock, size: int, runtime_of: Callable[[str], str | None]) -> None:
        self.ring: Ring[Event | Heartbeat] = Ring(size)
        self.dropped = 0
        self.missed = 0
        self.errors = 0
        self._clock = clock
        self._runtime_of = runtime_of
        self._told = 0
        self._cursor = 0
        self._gave_way = -math.inf
        self._courtesy = 0
        self._dispatched = 0
        self._dispatcher: asyncio.Task[None] | None = None
        self._listeners: dict[Callback, Listener] = {}

    @property
    def heartbeats(self) -> int:
        """Heartbeats so far: whatever the ring was given that was no core event."""
        return self.ring.end - self._told

    @property
    def depth(self) -> int:
        """Events in the queue that nobody has taken yet."""
        return min(self.ring.end - self._cursor, self.ring.keep)

    @property
    def lost(self) -> int:
        """Events that left the queue unread, so far."""
        return self.dropped + max(0, self.ring.start - self._cursor)

    def metrics(self) -> dict[str, int]:
        """How full the queue is, and what was lost."""
        return {
            "event_queue_depth": self.depth,
            "events_dropped": self.lost,
            "listener_errors": self.errors,
            "listener_events_missed": self.missed + self._behind(),
        }

    def _behind(self) -> int:
        """Events that listeners who have not come back yet have lost by now."""
        return sum(max(0, self.ring.start - one.cursor) for one in self._listeners.values())

    def listeners(self, event_type: RegistryEventType) -> list[Callback]:
        """Who has subscribed to a type."""
        return [one.callback for one in self._listeners.values() if event_type in one.types]

    def tell(self, event: Event) -> None:
        """Append a core event, if document 5 knows its kind."""
        if event.type in TYPES:
            self._told += 1
            self.ring.append(event)

    async def get(self) -> RegistryEvent:
        """Take the oldest event from the queue; waits for one.

        Raises:
            Closed: The registry was shut down, and the queue is empty.
        """
        while True:
            self.dropped, self._cursor = self.lost, max(self._cursor, self.ring.start)
            if self._cursor < self.ring.end:
                self._cursor += 1
                return self._translated(self.ring.at(self._cursor - 1))
            if self.ring.closed:
                raise Closed("the registry was shut down, and all its events were read")
            await self.ring.grown(self._cursor)

    def follow(self) -> AsyncIterator[RegistryEvent]:
        """All events from this call on; ends with the registry. Takes nothing from the queue."""
        return self._follow(self.ring.end)

    async def _follow(self, cursor: int) -> AsyncIterator[RegistryEvent]:
        while True:
            cursor = self._caught_up(cursor)
            while cursor < self.ring.end:
                yield self._translated(self.ring.at(cursor))
                cursor = self._caught_up(cursor + 1)
            if self.ring.closed:
                return
            await self.ring.grown(cursor)

    def subscribe(self, event_type: RegistryEventType, callback: Callback) -> None:
        """Call `callback` with each event of a type from now on, in the order of events."""
        listener = self._listeners.get(callback)
        if listener is None:
            listener = self._listeners[callback] = Listener(callback, self.ring.end)
        listener.types.add(event_type)
        self.serve()

    def unsubscribe(self, event_type: RegistryEventType, callback: Callback) -> bool:
        """Whether it was subscribed. A call that has begun is not broken off."""
        listener = self._listeners.get(callback)
        if listener is None or event_type not in listener.types:
            return False
        listener.types.remove(event_type)
        if not listener.types:
            del self._listeners[callback]
        return True

    def serve(self) -> None:
        """Have listeners called, as soon as there are any and there is an event loop."""
        if self._dispatcher is not None or not self._listeners:
            return
        try:
            loop = asyncio.get_running_loop()
        except RuntimeError:
            return
        self._dispatched = self.ring.end
        self._dispatcher = loop.create_task(self._dispatch(), name="rollcall-listeners")

    def owes(self) -> bool:
        """Whether somebody who has just written should `give_way` to listeners.

        Who writes now and then does so each time; who writes a great deal, once a millisecond,
        since a round of the event loop costs as much as a write.
        """
        if not self._listeners:
            return False
        now = self._clock.monotonic()
        quiet = now - self._gave_way
        if quiet >= _QUIET:
            self._courtesy = _COURTESY
        elif self._courtesy:
            self._courtesy -= 1
        elif quiet < _BUSY:
            return False
        self._gave_way = now
        return True

    async def give_way(self) -> None:
        """Let listeners that are quick have what has just happened."""
        for _ in range(_ROUNDS):
            await asyncio.sleep(0)
            if self._dispatched == self.ring.end:
                return

    async def close(self, grace: float) -> None:
        """Let listeners have what is there, for at most `grace` seconds, and end all reading."""
        self.ring.close()
        if self._dispatcher is None:
            return
        timer = asyncio.ensure_future(self._clock.sleep(grace))
        tasks: set[asyncio.Future[None]] = {self._dispatcher}
        while tasks and not timer.done():
            await asyncio.wait({timer, *tasks}, return_when=asyncio.FIRST_COMPLETED)
            serving = [one.busy for one in self._listeners.values()]
            tasks = {one for one in (self._dispatcher, *serving) if one and not one.done()}
        for task in (timer, *tasks):
            task.cancel()
        await asyncio.gather(timer, *tasks, return_exceptions=True)

    async def _dispatch(self) -> None:
        ring = self.ring
        while True:
            self._dispatched = max(self._dispatched, ring.start)
            while self._dispatched < ring.end:
                if all(one.busy for one in self._listeners.values()):
                    # They go on by themselves, up to here.
                    self._dispatched = ring.end
                    break
                number = self._dispatched
                self._dispatched += 1
                started = [self._start(one, number) for one in list(self._listeners.values())]
                if len(started) > 1 and any(started):
                    # One round of the loop lets coroutines that need not wait run to their end, so
                    # that the next event comes after them. A single listener keeps its own order.
                    await asyncio.sleep(0)
                self._dispatched = max(self._dispatched, ring.start)
            if ring.closed:
                return
            await ring.grown(self._dispatched)

    def _start(self, listener: Listener, number: int) -> bool:
        """Hand an event to a listener that is idle; whether that goes on as a task."""
        if listener.busy is not None:
            return False
        listener.cursor = self._caught_up(listener.cursor)
        if number < listener.cursor:
            return False
        listener.cursor = number + 1
        item = self.ring.at(number)
        if _type(item) not in listener.types:
            return False
        answer = self._call(listener.callback, self._translated(item))
        if answer is None:
            return False
        listener.busy = asyncio.ensure_future(self._finish(listener, answer))
        return True

    async def _finish(self, listener: Listener, answer: Awaitable[Any] | None) -> None:
        """Await a listener's coroutine, then give it what it has missed meanwhile."""
        await self._await(answer)
        while True:
            start = listener.cursor = self._caught_up(listener.cursor)
            if start >= self._dispatched or not listener.types:
                listener.busy = None
                return
            for item in self.ring.slice(start, min(self._dispatched, start + _SLICE)):
                listener.cursor += 1
                if _type(item) in listener.types:
                    answer = self._call(listener.callback, self._translated(item))
                    if answer is not None:
                        await self._await(answer)

    async def _await(self, answer: Awaitable[Any] | None) -> None:
        try:
            if answer is not None:
                await answer
        except (Exception, asyncio.CancelledError) as error:
            self._failed(error)

    def _call(self, callback: Callback, event: RegistryEvent) -> Awaitable[Any] | None:
        try:
            answer = callback(event)
        except (Exception, asyncio.CancelledError) as error:
            self._failed(error)
            return None
        if answer is None:
            return None
        if type(answer) is CoroutineType or isinstance(answer, Awaitable):
            return cast("Awaitable[Any]", answer)
        return None

    def _failed(self, error: BaseException) -> None:
        task = asyncio.current_task()
        if isinstance(error, asyncio.CancelledError) and task is not None and task.cancelling():
            # It is this task that is being cancelled, not something that the listener awaited.
            raise error
        self.errors += 1
        _log.error("a listener of registry events failed", exc_info=error)

    def _caught_up(self, cursor: int) -> int:
        start = self.ring.start
        if cursor >= start:
            return cursor
        self.missed += start - cursor
        return start

    def _translated(self, item: Event | Heartbeat) -> RegistryEvent:
        if isinstance(item, tuple):
            agent_id, beat = item
            at = self._clock.now() - max(0.0, self._clock.monotonic() - beat)
            kind = RegistryEventType.AGENT_HEARTBEAT
            return RegistryEvent(kind, agent_id, self._runtime_of(agent_id), utc(at))
        kind = TYPES[item.type]
        about_runtime = item.type in (EventType.RUNTIME_JOINED, EventType.RUNTIME_LEFT)
        agent_id = None if about_runtime else item.id
        return RegistryEvent(kind, agent_id, item.runtime, utc(item.at), _details(kind, item))


def _type(item: Event | Heartbeat) -> RegistryEventType:
    return RegistryEventType.AGENT_HEARTBEAT if isinstance(item, tuple) else TYPES[item.type]


def _details(kind: RegistryEventType, event: Event) -> dict[str, Any]:
    if kind is RegistryEventType.AGENT_REGISTERED and event.record is not None:
        return {"capabilities": [one.name for one in event.record.capabilities]}
    if kind is RegistryEventType.AGENT_STATUS_CHANGED and event.old and event.new:
        return {
            "old_status": WORDS[event.old],
            "new_status": WORDS[event.new],
            "cause": str(event.detail or event.cause),
        }
    if kind is RegistryEventType.AGENT_DEREGISTERED:
        return {"cause": str(event.detail or event.cause)}
    return {}
