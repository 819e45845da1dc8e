# SPDX-License-Identifier: Apache-2.0
"""Active health checks: whom to ask when, and what the answers add up to.

Every record with a health check and an address is asked in intervals of its own, the first time
soon after its registration. Only a verdict that changes is written down. What is due stands in a
heap, and changes come from the registry's feed, so that a probe costs the same in fleets of any
size. Replicas share the records among themselves without a word: each asks those that rendezvous
hashing gives it.
"""

from __future__ import annotations

import asyncio
import hashlib
import heapq
import logging
from collections.abc import AsyncIterator, Callable, Collection, Iterator
from contextlib import suppress
from dataclasses import dataclass
from enum import StrEnum
from random import Random
from typing import Any, Final, NamedTuple, Protocol

from rollcall.kernel.clock import Clock
from rollcall.kernel.errors import Closed, Unavailable
from rollcall.kernel.record_errors import Contention, RecordNotFound
from rollcall.registry.events import Event, EventType
from rollcall.registry.feed import Lagged
from rollcall.registry.models import Address, HealthCheck, Probe, Record
from rollcall.registry.service import RegistryService
from rollcall.registry.status import ProbeState

_log = logging.getLogger(__name__)

SOON: Final = 2.0
"""Seconds within which a new record is asked first."""
SPREAD: Final = 0.1
"""By which share of the interval the next probe is moved, either way."""

Key = tuple[str, str]
"""Namespace and id of a record."""


class Outcome(StrEnum):
    """How a probe ended."""

    PASSED = "passed"
    FAILED = "failed"
    """The record said that it is not well, or could not be reached."""
    TIMEOUT = "timeout"
    BROKEN = "broken"
    """The fault is ours."""


class ProbeFailed(Exception):
    """The record is not well; the text says why, for people."""


class Prober(Protocol):
    """Asks one record how it is."""

    async def probe(self, address: Address, check: HealthCheck) -> None:
        """Ask; return if it is well.

        Must not take longer than `check.timeout_seconds` for long; it is cancelled then.

        Raises:
            ProbeFailed: It is not well, or does not answer.
        """
        ...


class Due(NamedTuple):
    """A probe that is to be made.

    Attributes:
        at: When, on the monotonic clock.
        number: Its place among those of the same moment.
        key: Of whom.
        round: Which round of the record's probes it belongs to; one of an older round is void.
    """

    at: float
    number: int
    key: Key
    round: int


@dataclass(slots=True)
class _Target:
    address: Address
    check: HealthCheck
    round: int
    failures: int = 0


def owner(key: Key, replicas: Collection[str]) -> str:
    """Which of the replicas asks a record: the same one, whoever works it out.

    Rendezvous hashing: when a replica leaves, only the records that were its own move.

    Raises:
        ValueError: There are no replicas.
    """
    return max(replicas, key=lambda replica: (_weight(replica, key), replica))


def _weight(replica: str, key: Key) -> bytes:
    text = "\0".join((replica, *key))
    return hashlib.blake2b(text.encode("utf-8", "surrogatepass"), digest_size=8).digest()


class HealthChecks:
    """Runs the health checks of a registry.

    Args:
        registry: Whose records are asked; started.
        prober: Asks.
        clock: Time.
        rng: Spreads the probes.
        at_once: How many run at the same time.
        me: This replica.
        replicas: The live replicas, this one among them.
    """

    def __init__(
        self,
        registry: RegistryService,
        prober: Prober,
        clock: Clock,
        rng: Random,
        *,
        at_once: int = 64,
        me: str = "",
        replicas: Callable[[], Collection[str]] = lambda: ("",),
    ) -> None:
        self._registry = registry
        self._prober = prober
        self._clock = clock
        self._rng = rng
        self._slots = asyncio.Semaphore(at_once)
        self._me = me
        self._replicas = replicas
        self._targets: dict[Key, _Target] = {}
        self._due: list[Due] = []
        self._numbers = 0
        self._moved = asyncio.Event()
        self._running: set[asyncio.Task[None]] = set()
        self.outcomes = dict.fromkeys(Outcome, 0)
        """How many have ended in which way."""
        self.in_flight = 0
        """How many are being made now."""

    def __len__(self) -> int:
        """How many records have a health check."""
        return len(self._targets)

    async def run(self) -> None:
        """Ask, until cancelled."""
        events = self._registry.events()
        self._take_all()
        following = asyncio.create_task(self._follow(events), name="health-checks-feed")
        try:
            await self._ask_in_time()
        finally:
            tasks = {following, *self._running}
            for task in tasks:
                task.cancel()
            await asyncio.gather(*tasks, return_exceptions=True)

    def _take_all(self) -> None:
        for record in self._records():
            self._take(record)
        known = {(record.namespace, record.id) for record in self._records()}
        for key in [key for key in self._targets if key not in known]:
            del self._targets[key]

    def _records(self) -> Iterator[Record]:
        state = self._registry.state
        for space in list(state.spaces.values()):
            for slot in list(space.records.values()):
                yield state.slots.record(slot)

    async def _follow(self, events: AsyncIterator[Event | Lagged]) -> None:
        async for event in events:
            if isinstance(event, Lagged):
                self._take_all()
            elif event.record is not None:
                if event.type is EventType.DEREGISTERED:
                    self._targets.pop((event.record.namespace, event.record.id), None)
                else:
                    self._take(event.record)

    def _take(self, record: Record) -> None:
        """Ask a record from now on as it wants to be asked."""
        key, check, address = (record.namespace, record.id), record.health_check, record.address
        old = self._targets.get(key)
        if check is None or not check.enabled or address is None:
            self._targets.pop(key, None)
        elif old is None or (old.address, old.check) != (address, check):
            # Rounds are never used twice, so that what is due from an earlier one is void.
            target = self._targets[key] = _Target(address, check, self._numbers)
            self._schedule(key, target, self._rng.uniform(0.0, min(SOON, check.interval_seconds)))

    def _schedule(self, key: Key, target: _Target, delay: float) -> None:
        self._numbers += 1
        due = Due(self._clock.monotonic() + delay, self._numbers, key, target.round)
        heapq.heappush(self._due, due)
        if self._due[0] is due:
            self._moved.set()

    async def _ask_in_time(self) -> None:
        while True:
            self._moved.clear()
            now = self._clock.monotonic()
            while self._due and self._due[0].at <= now:
                self._begin(heapq.heappop(self._due))
            wait = self._due[0].at - self._clock.monotonic() if self._due else None
            await self._until_moved(wait)

    async def _until_moved(self, seconds: float | None) -> None:
        waiting: set[asyncio.Future[Any]] = {asyncio.ensure_future(self._moved.wait())}
        if seconds is not None:
            waiting.add(asyncio.ensure_future(self._clock.sleep(max(0.0, seconds))))
        try:
            await asyncio.wait(waiting, return_when=asyncio.FIRST_COMPLETED)
        finally:
            for one in waiting:
                one.cancel()

    def _begin(self, due: Due) -> None:
        target = self._targets.get(due.key)
        if target is None or target.round != due.round:
            return
        interval = target.check.interval_seconds
        if owner(due.key, self._replicas()) != self._me:
            # Looked at again, since its owner may leave.
            target.failures = 0
            self._schedule(due.key, target, interval)
            return
        task = asyncio.create_task(self._ask(due.key, target))
        self._running.add(task)
        task.add_done_callback(self._running.discard)

    async def _ask(self, key: Key, target: _Target) -> None:
        async with self._slots:
            self.in_flight += 1
            try:
                outcome, reason = await self._outcome(target)
            finally:
                self.in_flight -= 1
            self.outcomes[outcome] += 1
            if self._targets.get(key) is not target:
                return
            target.failures = 0 if reason is None else target.failures + 1
            with suppress(Unavailable, RecordNotFound, Contention, Closed):
                await self._note(key, target, reason)
        if self._targets.get(key) is target:
            spread = self._rng.uniform(1 - SPREAD, 1 + SPREAD)
            self._schedule(key, target, target.check.interval_seconds * spread)

    async def _outcome(self, target: _Target) -> tuple[Outcome, str | None]:
        """How a probe ended, and why the record is not well; None: it is."""
        asking = asyncio.ensure_future(self._prober.probe(target.address, target.check))
        timer = asyncio.ensure_future(self._clock.sleep(target.check.timeout_seconds))
        try:
            await asyncio.wait({asking, timer}, return_when=asyncio.FIRST_COMPLETED)
            if not asking.done():
                late = f"no answer within {target.check.timeout_seconds:g} s"
                return Outcome.TIMEOUT, late
            asking.result()
        except ProbeFailed as failed:
            return Outcome.FAILED, str(failed)[:500]
        except Exception as error:
            _log.exception("a health check of %s broke", target.address)
            return Outcome.BROKEN, f"the health check broke: {type(error).__name__}"
        finally:
            asking.cancel()
            timer.cancel()
            await asyncio.gather(asking, timer, return_exceptions=True)
        return Outcome.PASSED, None

    async def _note(self, key: Key, target: _Target, reason: str | None) -> None:
        """Write a verdict down where it is another one than before."""
        known = self._registry.get(*key).record.probe
        state = ProbeState.UNKNOWN if known is None else known.state
        now = self._clock.now()
        if reason is None and state is not ProbeState.PASSING:
            await self._registry.probed(*key, Probe(ProbeState.PASSING, 0, now))
        elif (
            reason is not None
            and target.failures >= target.check.retries
            and state is not ProbeState.FAILING
        ):
            verdict = Probe(ProbeState.FAILING, target.failures, now, reason)
            await self._registry.probed(*key, verdict)
