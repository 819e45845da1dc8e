# SPDX-License-Identifier: Apache-2.0
"""One log of events in memory that all subscribers share, each with a cursor of its own."""

from __future__ import annotations

from collections.abc import AsyncIterator, Callable, Sequence
from typing import NamedTuple, Self
from weakref import WeakSet

import msgspec

from rollcall.kernel.errors import Compacted
from rollcall.registry.events import Event
from rollcall.registry.ring import Ring


class Position(NamedTuple):
    """Where a reader is in the log of a store; to resume from."""

    epoch: str
    revision: int
    ordinal: int


class Lagged(msgspec.Struct, frozen=True):
    """In place of events: the reader was too slow for them.

    Args:
        missed: How many events it lost (of all namespaces).
    """

    missed: int


class Feed(Ring[Event]):
    """The last `keep` events, for any number of subscribers.

    A subscriber that falls more than `keep` events behind loses its own backlog, is told how much,
    and slows nobody.

    Args:
        epoch: The store's epoch.
        revision: The revision that the state had when the feed began.
        keep: How many events are kept.
    """

    def __init__(self, epoch: str, revision: int, keep: int = 10_000) -> None:
        super().__init__(keep)
        self.epoch = epoch
        self.taps: list[Callable[[Event], None]] = []
        """Called with each event as it is published; must be quick and must not raise."""
        self.subscriptions: WeakSet[Subscription] = WeakSet()
        """Those that somebody still holds."""
        self._encoded: dict[int, bytes] = {}
        # What stands just before the oldest event kept; nothing older can be resumed from.
        self._before = (revision, -1)
        self._first = 0

    @property
    def oldest(self) -> Position:
        """Where the oldest event that is kept can be resumed from."""
        return Position(self.epoch, *self._before)

    def publish(self, events: Sequence[Event]) -> None:
        """Append events, or only wake who waits where a change meant none. Never blocks."""
        if not events:
            self.wake()
        items, taps = self.items, self.taps
        for event in events:
            if len(items) == items.maxlen:
                if self.start >= self._first:
                    lost = items[0]
                    self._before = (lost.revision, lost.ordinal)
                if self._encoded:
                    self._encoded.pop(self.start, None)
            self.append(event)
            for tap in taps:
                tap(event)

    def encoded(self, number: int) -> bytes:
        """The same as JSON, made once for all subscribers."""
        line = self._encoded.get(number)
        if line is None:
            line = self._encoded[number] = msgspec.json.encode(self.at(number))
        return line

    def subscribe(
        self, *, after: Position | None = None, namespace: str | None = None
    ) -> Subscription:
        """Follow the log from now, or from just behind `after`.

        Raises:
            Compacted: What follows `after` is not kept here any more.
        """
        if after is None:
            return Subscription(self, self.end, namespace)
        place = (after.revision, after.ordinal)
        if after.epoch != self.epoch or place < self._before:
            raise Compacted(after.revision, self._before[0])
        low, high = max(self.start, self._first), self.end
        while low < high:
            middle = (low + high) // 2
            event = self.at(middle)
            if (event.revision, event.ordinal) <= place:
                low = middle + 1
            else:
                high = middle
        # Another replica may be ahead of this one: what it has told is not told again here.
        return Subscription(self, low, namespace, after if low == self.end else None)

    def restart(self, epoch: str, revision: int) -> None:
        """The store has a new history: nothing before can be resumed from."""
        self.epoch = epoch
        self._before = (revision, -1)
        # What is kept was numbered by another history; its revisions say nothing here.
        self._first = self.end


class Subscription(AsyncIterator[Event | Lagged]):
    """One reader of a feed: an async iterator that ends when the feed is closed.

    Several tasks must not share one.
    """

    def __init__(
        self, feed: Feed, cursor: int, namespace: str | None, told: Position | None = None
    ) -> None:
        self._feed = feed
        self._cursor = cursor
        self._namespace = namespace
        self._told = told
        feed.subscriptions.add(self)

    @property
    def backlog(self) -> int:
        """How many events, of all namespaces, it has not read yet."""
        return self._feed.end - self._cursor

    def poll(self) -> Event | Lagged | None:
        """The next one if it is there already."""
        number = self._next()
        return number if number is None or isinstance(number, Lagged) else self._feed.at(number)

    def poll_encoded(self) -> bytes | Lagged | None:
        """The same, as JSON."""
        number = self._next()
        return (
            number if number is None or isinstance(number, Lagged) else self._feed.encoded(number)
        )

    def __aiter__(self) -> Self:
        return self

    async def __anext__(self) -> Event | Lagged:
        while True:
            found = self.poll()
            if found is not None:
                return found
            if self._feed.closed:
                raise StopAsyncIteration
            await self._feed.grown(self._cursor)

    def _next(self) -> int | Lagged | None:
        missed = self._feed.start - self._cursor
        if missed > 0:
            self._cursor += missed
            return Lagged(missed)
        while self._cursor < self._feed.end:
            number = self._cursor
            self._cursor += 1
            if self._told is not None and self._was_told(self._told, number):
                continue
            if self._namespace is None or self._feed.at(number).namespace == self._namespace:
                return number
        return None

    def _was_told(self, told: Position, number: int) -> bool:
        event = self._feed.at(number)
        place = Position(self._feed.epoch, event.revision, event.ordinal)
        if place.epoch == told.epoch and place <= told:
            return True
        self._told = None
        return False
