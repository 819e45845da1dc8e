# SPDX-License-Identifier: Apache-2.0
"""Which held event of a group is next: the first of each key, when its time has come. Pure."""

from __future__ import annotations

import heapq
from collections.abc import Iterable, Iterator

from rollcall.events.envelope import Key
from rollcall.events.log import Held


class Backlog:
    """The held events of one group, in queues by key.

    Only the first of a key is ever due; while it is parked, those behind it wait.

    Args:
        held: What is held at first, by position.
    """

    def __init__(self, held: Iterable[Held] = ()) -> None:
        self._queues: dict[Key, dict[int, Held]] = {}
        self._due: list[tuple[float, int, Key]] = []
        """(retry_at, position, key) of firsts; entries that are out of date are passed over."""
        self._parked = 0
        self._size = 0
        for one in held:
            self.add(one)

    def __len__(self) -> int:
        return self._size

    def __iter__(self) -> Iterator[Held]:
        return (held for queue in self._queues.values() for held in queue.values())

    @property
    def parked(self) -> int:
        """How many are parked."""
        return self._parked

    @property
    def retrying(self) -> int:
        """How many failed and will be tried again."""
        return len(self._queues) - self._parked

    @property
    def waiting(self) -> int:
        """How many wait behind another one of their key."""
        return self._size - len(self._queues)

    def holds(self, key: Key) -> bool:
        """Whether an event of this key is held, so that the next one must wait behind it."""
        return key in self._queues

    def get(self, position: int) -> Held | None:
        """What is held at this position."""
        return next((held for held in self if held.position == position), None)

    def add(self, held: Held) -> None:
        """Put `held` at the end of its key's queue; positions must come in order."""
        queue = self._queues.setdefault(held.event.key, {})
        queue[held.position] = held
        self._size += 1
        if len(queue) == 1:
            self._lead(held)

    def replace(self, held: Held) -> None:
        """Keep `held`, the first of its key, in place of what is held at its position."""
        queue = self._queues[held.event.key]
        self._parked -= queue[held.position].parked
        queue[held.position] = held
        self._lead(held)

    def remove(self, held: Held) -> None:
        """Take away the first of a key; the one behind it becomes the first."""
        key = held.event.key
        queue = self._queues[key]
        self._parked -= queue.pop(held.position).parked
        self._size -= 1
        if queue:
            self._lead(next(iter(queue.values())))
        else:
            del self._queues[key]

    def due(self, now: float) -> Held | None:
        """The one to try now; of several, the one that was due first."""
        return self._first() if self._due and self.next_due() <= now else None

    def next_due(self) -> float:
        """When one becomes due, in seconds since the epoch; infinite: never by itself."""
        first = self._first()
        return float("inf") if first is None or first.retry_at is None else first.retry_at

    def _lead(self, held: Held) -> None:
        if held.retry_at is None:
            self._parked += 1
        else:
            heapq.heappush(self._due, (held.retry_at, held.position, held.event.key))

    def _first(self) -> Held | None:
        while self._due:
            retry_at, position, key = self._due[0]
            queue = self._queues.get(key)
            held = next(iter(queue.values())) if queue else None
            if held is not None and (held.retry_at, held.position) == (retry_at, position):
                return held
            heapq.heappop(self._due)
        return None
