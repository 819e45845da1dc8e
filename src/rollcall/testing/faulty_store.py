# SPDX-License-Identifier: Apache-2.0
"""A record store that fails when it is told to, around one that does not.

Scripted, each fault strikes the next call of its sort:

    store = FaultyStore(InMemoryStore(clock, ids), clock)
    store.faults.append(LostAnswer())
    await store.commit(batch)  # is written, and raises OutcomeUnknown

or drawn: `FaultyStore(inner, clock, Odds(random.Random(7), [(0.1, LostAnswer())]))`.
"""

from __future__ import annotations

import asyncio
import random
from collections import Counter, deque
from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import Literal

import msgspec

from rollcall.kernel.clock import Clock
from rollcall.kernel.errors import OutcomeUnknown, StoreUnavailable
from rollcall.registry.store import (
    Change,
    Conflict,
    RecordStore,
    Renewal,
    Snapshot,
    Traits,
    Write,
)

Call = Literal["open", "commit", "settle", "changes", "wait", "renew", "compact"]


@dataclass(frozen=True)
class Refused:
    """`StoreUnavailable`, and nothing done; for any call but `wait`."""

    call: Call = "commit"


@dataclass(frozen=True)
class LostAnswer:
    """The commit is done, and `OutcomeUnknown` is raised."""

    call: Call = "commit"


@dataclass(frozen=True)
class LostCommit:
    """The commit is not done, and `OutcomeUnknown` is raised."""

    call: Call = "commit"


@dataclass(frozen=True)
class Delayed:
    """The commit is done later, even if the caller is cancelled meanwhile.

    Args:
        seconds: How much later, by the clock; None: when the store is told to `release`.
    """

    seconds: float | None = None
    call: Call = "commit"


@dataclass(frozen=True)
class Foreign:
    """Somebody else's writes are committed just before."""

    writes: tuple[Write, ...]
    call: Call = "commit"


@dataclass(frozen=True)
class DroppedWake:
    """The wait does not end before the store is told to `release`, whatever is committed."""

    call: Call = "wait"


Fault = Refused | LostAnswer | LostCommit | Delayed | Foreign | DroppedWake


def foreign(*writes: Write) -> Foreign:
    """Somebody else's `writes`, committed just before the next commit."""
    return Foreign(writes)


@dataclass
class Odds:
    """Faults drawn at random; of the same seed always the same.

    Args:
        rng: Where chance comes from.
        each: Probabilities of faults, in [0, 1]; at most one strikes a call.
    """

    rng: random.Random
    each: Sequence[tuple[float, Fault]] = field(default_factory=tuple)

    def draw(self, call: Call) -> Fault | None:
        chance = self.rng.random()
        for probability, fault in self.each:
            if fault.call == call:
                chance -= probability
                if chance < 0:
                    return fault
        return None


class FaultyStore:
    """Wraps a store; without faults it keeps the same contract.

    Attributes:
        faults: Faults to come; a call takes the first that is meant for its sort.
        calls: How often each method was called.
        struck: How often each sort of fault struck, by its class.
    """

    def __init__(self, inner: RecordStore, clock: Clock, odds: Odds | None = None) -> None:
        self.faults: deque[Fault] = deque()
        self.calls: Counter[Call] = Counter()
        self.struck: Counter[type[Fault]] = Counter()
        self._inner = inner
        self._clock = clock
        self._odds = odds
        self._released = asyncio.Event()
        self._under_way: set[asyncio.Task[list[Change | Conflict]]] = set()
        self._feed_end: int | None = None
        self._feed_moved = asyncio.Event()

    @property
    def traits(self) -> Traits:
        # Faults may hold any call up.
        return msgspec.structs.replace(self._inner.traits, immediate=False)

    def release(self) -> None:
        """Let go on what was delayed or dropped until now."""
        self._released.set()
        self._released = asyncio.Event()

    def hold_feed(self, at: int) -> None:
        """Show no change above revision `at`, and wake nobody for one, before `release_feed`."""
        self._feed_end = at

    def release_feed(self) -> None:
        """Show all changes again."""
        self._feed_end = None
        self._feed_moved.set()
        self._feed_moved = asyncio.Event()

    async def open(self) -> Snapshot:
        self._strike("open")
        return await self._inner.open()

    async def commit(self, writes: Sequence[Write]) -> list[Change | Conflict]:
        match self._strike("commit"):
            case Delayed(seconds):
                late = asyncio.ensure_future(self._later(seconds, writes))
                self._under_way.add(late)
                late.add_done_callback(self._under_way.discard)
                return await asyncio.shield(late)
            case Foreign(others):
                await self._inner.commit(others)
            case LostCommit():
                raise OutcomeUnknown("the commit was lost, as a test asked for")
            case LostAnswer():
                await self._inner.commit(writes)
                raise OutcomeUnknown("the answer was lost, as a test asked for")
            case _:
                pass
        return await self._inner.commit(writes)

    async def settle(self, ops: Sequence[str]) -> dict[str, Change]:
        self._strike("settle")
        if self._under_way:
            # What may still land is no answer.
            await asyncio.wait(set(self._under_way))
        return await self._inner.settle(ops)

    async def changes(self, after: int, limit: int = 1000) -> list[Change]:
        self._strike("changes")
        changes = await self._inner.changes(after, limit)
        end = self._feed_end
        return changes if end is None else [one for one in changes if one.revision <= end]

    async def wait(self, after: int) -> None:
        if isinstance(self._strike("wait"), DroppedWake):
            await self._released.wait()
            return
        await self._inner.wait(after)
        while self._feed_end is not None and self._feed_end <= after:
            await self._feed_moved.wait()

    async def renew(self, renewals: Sequence[Renewal], alive_at: float) -> None:
        self._strike("renew")
        await self._inner.renew(renewals, alive_at)

    async def compact(self, before: int) -> None:
        self._strike("compact")
        await self._inner.compact(before)

    async def close(self) -> None:
        """Close the store within; what is delayed is given up first."""
        for late in set(self._under_way):
            late.cancel()
        self.release()
        self.release_feed()
        await self._inner.close()

    async def _later(
        self, seconds: float | None, writes: Sequence[Write]
    ) -> list[Change | Conflict]:
        if seconds is None:
            await self._released.wait()
        else:
            await self._clock.sleep(seconds)
        return await self._inner.commit(writes)

    def _strike(self, call: Call) -> Fault | None:
        """The fault that strikes this call."""
        self.calls[call] += 1
        fault = next((fault for fault in self.faults if fault.call == call), None)
        if fault is not None:
            self.faults.remove(fault)
        elif self._odds is not None:
            fault = self._odds.draw(call)
        if fault is not None:
            self.struck[type(fault)] += 1
            if isinstance(fault, Refused):
                raise StoreUnavailable("the store was made to refuse, as a test asked for")
        return fault
