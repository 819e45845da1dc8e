# SPDX-License-Identifier: Apache-2.0
"""Who may begin: slots of the runtime and of each agent, and the queue before them."""

from __future__ import annotations

import asyncio
import heapq
import itertools
from dataclasses import dataclass, field

from rollcall.orchestration.errors import AgentNotFound, QueueFull


@dataclass(order=True, slots=True)
class _Waiting:
    rank: tuple[bool, int, int]
    slot: asyncio.Future[None] = field(compare=False)

    @property
    def nested(self) -> bool:
        return not self.rank[0]


@dataclass(slots=True)
class _Desk:
    """The slots of one agent, and who waits for them."""

    limit: int
    taken: int = 0
    queue: list[_Waiting] = field(default_factory=list["_Waiting"])

    def forget(self, one: _Waiting) -> None:
        """Take one who gave up out of the queue; O(n)."""
        if one in self.queue:
            self.queue.remove(one)
            heapq.heapify(self.queue)


class Admission:
    """Grants each task a slot of its agent and one of the runtime, both at once or neither.

    A task that waits for a busy agent holds nothing meanwhile, so it delays only those behind it
    at the same agent. Of those who could begin, the most urgent does, then whoever came first.
    Entering is O(log n) in the waiting tasks, leaving O(a) in the agents.

    A task that was begun by another that still runs is *nested*. It goes first, and takes no slot
    of the runtime: otherwise tasks that have others do their work could take all of them, and wait
    for each other for ever.

    Args:
        limit: Slots of the runtime.
        queue_size: Tasks that may wait, over all agents.
    """

    def __init__(self, limit: int, queue_size: int) -> None:
        self._limit = limit
        self._queue_size = queue_size
        self._taken = 0
        self._nested = 0
        self._waiting = 0
        self._order = itertools.count()
        self._desks: dict[str, _Desk] = {}

    @property
    def taken(self) -> int:
        """Tasks that have a slot, nested ones included."""
        return self._taken

    @property
    def waiting(self) -> int:
        """Tasks that wait."""
        return self._waiting

    def open(self, agent_id: str, limit: int) -> None:
        """Let an agent have `limit` tasks at once."""
        self._desks[agent_id] = _Desk(limit)

    def close(self, agent_id: str) -> None:
        """Send away who waits for an agent (`AgentNotFound`); tasks that run keep their slots."""
        desk = self._desks.pop(agent_id, None)
        for one in desk.queue if desk else ():
            if not one.slot.done():
                one.slot.set_exception(AgentNotFound(agent_id))
                self._waiting -= 1

    def taken_by(self, agent_id: str) -> int:
        """Slots of an agent that are taken."""
        desk = self._desks.get(agent_id)
        return 0 if desk is None else desk.taken

    def full(self, agent_id: str) -> bool:
        """Whether all slots of an agent are taken."""
        desk = self._desks.get(agent_id)
        return desk is not None and desk.taken >= desk.limit

    async def enter(self, agent_id: str, priority: int = 0, *, nested: bool = False) -> Slot:
        """Wait for a slot.

        Args:
            agent_id: The agent.
            priority: A higher one goes first.
            nested: Whether a running task waits for this one.

        Raises:
            AgentNotFound: The agent is not there, or left while the task waited.
            QueueFull: There is none free, and the queue is full.
        """
        desk = self._desks.get(agent_id)
        if desk is None:
            raise AgentNotFound(agent_id)
        if desk.taken < desk.limit and self._has_room(nested=nested):
            # Whoever could begin has begun: nobody who waits is overtaken here.
            return self._granted(desk, nested=nested)
        if self._waiting >= self._queue_size:
            raise QueueFull(self._queue_size)
        granted: asyncio.Future[None] = asyncio.get_running_loop().create_future()
        one = _Waiting((not nested, -priority, next(self._order)), granted)
        heapq.heappush(desk.queue, one)
        self._waiting += 1
        try:
            await granted
        except asyncio.CancelledError:
            if granted.cancelled():
                self._waiting -= 1
                desk.forget(one)
            elif granted.exception() is None:
                # Granted and cancelled in the same turn of the loop: the slot goes to the next.
                Slot(self, desk, nested=nested).leave()
            raise
        return Slot(self, desk, nested=nested)

    def leave(self, desk: _Desk, *, nested: bool) -> None:
        """Give a slot back, and let in who can begin now."""
        desk.taken -= 1
        self._taken -= 1
        self._nested -= nested
        while True:
            able = [
                one
                for one in self._desks.values()
                if one.queue
                and one.taken < one.limit
                and self._has_room(nested=one.queue[0].nested)
            ]
            if not able:
                return
            nearest = min(able, key=lambda one: one.queue[0])
            head = heapq.heappop(nearest.queue)
            self._waiting -= 1
            self._granted(nearest, nested=head.nested)
            head.slot.set_result(None)

    def _has_room(self, *, nested: bool) -> bool:
        return nested or self._taken - self._nested < self._limit

    def _granted(self, desk: _Desk, *, nested: bool) -> Slot:
        desk.taken += 1
        self._taken += 1
        self._nested += nested
        return Slot(self, desk, nested=nested)


class Slot:
    """The right to run one task; to be given back once."""

    __slots__ = ("_admission", "_desk", "_nested")

    def __init__(self, admission: Admission, desk: _Desk, *, nested: bool) -> None:
        self._admission = admission
        self._desk: _Desk | None = desk
        self._nested = nested

    def leave(self) -> None:
        """Give the slot back; a second time changes nothing."""
        desk, self._desk = self._desk, None
        if desk is not None:
            self._admission.leave(desk, nested=self._nested)
