# SPDX-License-Identifier: Apache-2.0
"""Delivers the log to one consumer group: in order per key, again after a failure, then parked."""

from __future__ import annotations

import asyncio
import logging
from collections import deque
from collections.abc import AsyncGenerator, Coroutine
from contextlib import asynccontextmanager
from itertools import islice, takewhile
from typing import Any, Generic

import msgspec

from rollcall.events.backlog import Backlog
from rollcall.events.calling import Failed, called
from rollcall.events.delivery import GroupStatus
from rollcall.events.envelope import Event
from rollcall.events.errors import NotParked, Overtaken
from rollcall.events.log import UNREADABLE, Delivery, Entry, Held, WorkT
from rollcall.events.subscriptions import (
    Batch,
    DeliverySettings,
    SinkBatch,
    Subscription,
    batched,
)
from rollcall.kernel.clock import Clock
from rollcall.kernel.errors import InvalidInput, Unavailable

_log = logging.getLogger("rollcall.events")


class _ToldAgain(Exception):
    """The group has handled, or holds, one of several events already."""


class Consumer(Generic[WorkT]):
    """One group's reader of the log, as one task.

    Each event is settled in one unit of work with the group's progress: it was handled, alone or
    with others, or it is held because it failed, or because an earlier one of its key is held. So
    what a crash interrupts was never begun.
    """

    def __init__(
        self,
        log: Delivery[WorkT],
        subscription: Subscription[WorkT],
        clock: Clock,
        settings: DeliverySettings,
    ) -> None:
        self.subscription = batched(subscription)
        self.delivered = 0
        self.failures = 0
        self.paused = False
        self._log = log
        self._clock = clock
        self._settings = settings
        self._backlog = Backlog()
        self._ahead: deque[Entry] = deque()
        self._alone = 0
        """Up to this position events are handled one by one."""
        self._joined = False
        self._stored = 0
        self._read = 0
        self._outages = 0
        self._stopping = False
        self._nudged = asyncio.Event()
        self._rested = asyncio.Event()
        self._turn = asyncio.Lock()

    @property
    def backlog(self) -> Backlog:
        """What the group holds, as far as this process knows."""
        return self._backlog

    @property
    def position(self) -> int:
        """Where the group stands, without what is of no interest to it ahead."""
        return self._ahead[0].position - 1 if self._ahead else self._read

    def pause(self) -> None:
        """Deliver nothing more after the event in hand, until `resume`."""
        self.paused = True

    def resume(self) -> None:
        """Deliver again."""
        self.paused = False
        self.nudge()

    def refresh(self) -> None:
        """Have it read again what the group holds: another process may have changed it."""
        self._joined = False
        self.nudge()

    async def status(self) -> GroupStatus:
        """How the group is doing."""
        end = await self._log.end()
        return GroupStatus(
            self.subscription.group,
            self.position,
            max(0, end - self.position),
            self._backlog.retrying,
            self._backlog.waiting,
            self._backlog.parked,
            self.paused,
            self.delivered,
            self.failures,
        )

    def nudge(self) -> None:
        """Have it look for something to do now."""
        self._nudged.set()

    def stop(self) -> None:
        """Have it end after the event in hand."""
        self._stopping = True
        self.nudge()

    async def run(self) -> None:
        """Deliver until stopped."""
        try:
            await self._run()
        finally:
            self._rested.set()

    async def _run(self) -> None:
        while not self._stopping:
            # Before looking: what comes while it looks must not be slept over.
            self._nudged.clear()
            try:
                async with self._turn:
                    busy = await self._round()
                self._outages = 0
            except Overtaken:
                self._joined = False
            except Exception as error:
                await self._outage(error)
            else:
                if not busy:
                    await self._rest()

    async def idle(self) -> bool:
        """Whether there is nothing to do now; where there may be, return after the next look."""
        if self.paused or self._stopping:
            return True
        async with self._turn:
            if self._joined and not self._ahead and self._read >= await self._log.end():
                due = self._backlog.due(self._clock.now())
                if due is None and self._stored == self._read:
                    return True
        self._rested.clear()
        self.nudge()
        await self._rested.wait()
        return False

    async def replay(self, position: int) -> None:
        """Try a parked event again, at once and with all its attempts.

        Raises:
            NotParked: It is not parked.
        """
        async with self._operating(position) as parked:
            again = msgspec.structs.replace(parked, attempts=0, retry_at=0.0)
            async with self._log.begin() as work:
                await self._log.hold(work, again, parked)
            self._backlog.replace(again)

    async def skip(self, position: int) -> None:
        """Give a parked event up; those behind it go on.

        Raises:
            NotParked: It is not parked.
        """
        async with self._operating(position) as parked:
            async with self._log.begin() as work:
                await self._log.release(work, parked)
                await self._log.admit(work, self.subscription.group, parked.event)
            self._backlog.remove(parked)

    @asynccontextmanager
    async def _operating(self, position: int) -> AsyncGenerator[Held]:
        """The parked event, for an operator to decide on while no other is delivered."""
        async with self._turn:
            # Afresh: another process may have parked it, or another operator may have been there.
            await self._join()
            held = self._backlog.get(position)
            if held is None or not held.parked:
                raise NotParked(self.subscription.group, position)
            try:
                yield held
            except Overtaken:
                self._joined = False
                raise NotParked(self.subscription.group, position) from None
        self.nudge()

    async def _join(self) -> None:
        group = self.subscription.group
        # The position first: what is held meanwhile is behind it, and makes `advance` fail.
        self._stored = self._read = await self._log.join(group)
        self._backlog = Backlog(await self._log.held(group))
        self._ahead.clear()
        self._joined = True

    async def _round(self) -> bool:
        """Try one held event that is due and one new one. False: there was nothing to do."""
        if not self._joined:
            await self._join()
        if self.paused:
            return False
        due = self._backlog.due(self._clock.now())
        if due is not None:
            await self._retry(due)
        if not self._ahead:
            await self._look_ahead()
        if not self._ahead:
            return due is not None
        await self._take_next()
        return True

    async def _look_ahead(self) -> None:
        group, types = self.subscription.group, self.subscription.types
        limit = max(self._settings.batch, self.subscription.size)
        entries = await self._log.read(self._read, limit)
        if not entries:
            if self._stored < self._read:
                async with self._log.begin() as work:
                    await self._log.advance(work, group, self._stored, self._read)
                self._stored = self._read
            return
        self._ahead.extend(one for one in entries if one.fault or one.event.type in types)
        self._read = entries[-1].position

    async def _take_next(self) -> None:
        entry = self._ahead[0]
        held = Held(self.subscription.group, entry.position, entry.event)
        if entry.fault:
            await self._hold(self._after_failure(held, InvalidInput("event", entry.fault)))
        elif self._backlog.holds(entry.event.key):
            await self._hold(held)
        else:
            size = 1 if entry.position <= self._alone else self.subscription.size
            ready = takewhile(self._is_ready, islice(self._ahead, size))
            await self._take(list(ready), held)
            return
        self._ahead.popleft()

    def _is_ready(self, entry: Entry) -> bool:
        return not entry.fault and not self._backlog.holds(entry.event.key)

    async def _take(self, entries: list[Entry], first: Held) -> None:
        last = entries[-1].position
        try:
            new = await self._handle([entry.event for entry in entries], last, None)
        except _ToldAgain:
            # One may be held, by us before or by another process, and hold back others of these.
            self._alone = last
            return
        except Failed as failed:
            if len(entries) > 1:
                self._alone = last
                self._tell_together(len(entries), failed.error)
                return
            await self._hold(self._after_failure(first, failed.error))
        else:
            self._stored = last
            if not new:
                await self._reread()
        for _ in entries:
            self._ahead.popleft()

    async def _retry(self, held: Held) -> None:
        try:
            if held.event.type == UNREADABLE:
                raise Failed(InvalidInput("event", "cannot be read still"))
            await self._handle([held.event], held.position, held)
        except Failed as failed:
            after = self._after_failure(held, failed.error)
            async with self._log.begin() as work:
                await self._log.hold(work, after, held)
            self._backlog.replace(after)
        else:
            self._backlog.remove(held)

    async def _handle(self, events: list[Event], position: int, held: Held | None) -> bool:
        """Give events to the handler and settle them. False: the group has done so before.

        Raises:
            Unavailable: The log is away, or whom a sink sends to that waits for it.
            Failed: The handler did not take them; nothing has changed.
            _ToldAgain: There are several, and not all are new; nothing has changed.
        """
        subscription, limit = self.subscription, self._settings.handler_timeout
        if isinstance(subscription, SinkBatch):
            try:
                await called(self._clock, limit, subscription.send, events)
            except Failed as failed:
                # No event is to blame for it, so none is to be parked when it takes long.
                if subscription.waits and isinstance(failed.error, Unavailable):
                    raise failed.error from failed
                raise
        try:
            async with self._log.begin() as work:
                await self._settle(work, position, held)
                new = await self._log.admit(work, subscription.group, *events)
                if 1 < len(events) != len(new):
                    raise _ToldAgain
                if new and isinstance(subscription, Batch):
                    await called(self._clock, limit, subscription.handle, events, work)
        except (Unavailable, Overtaken, Failed, _ToldAgain):
            raise
        except Exception as error:
            # What the handler wrote cannot be committed.
            raise Failed(error) from error
        self.delivered += len(new)
        return bool(new)

    async def _settle(self, work: WorkT, position: int, held: Held | None) -> None:
        if held is None:
            await self._log.advance(work, self.subscription.group, self._stored, position)
        else:
            await self._log.release(work, held)

    async def _hold(self, held: Held) -> None:
        async with self._log.begin() as work:
            await self._settle(work, held.position, None)
            kept = await self._log.hold(work, held)
        self._stored = held.position
        if kept is None:
            await self._reread()
        else:
            self._backlog.add(kept)

    async def _reread(self) -> None:
        """What we were told again may be held, by us before or by another process."""
        self._backlog = Backlog(await self._log.held(self.subscription.group))

    def _after_failure(self, held: Held, error: Exception) -> Held:
        self.failures += 1
        attempts, now, retry = held.attempts + 1, self._clock.now(), self._settings.retry
        # Trying again changes nothing about what cannot be read.
        again = held.event.type != UNREADABLE and retry.should_retry(attempts, error)
        _log.warning(
            "group %s failed at event %s (%s), attempt %d: %s",
            *(held.group, held.event.id, held.event.type, attempts),
            "it will be tried again" if again else "it is parked",
            exc_info=error,
        )
        return msgspec.structs.replace(
            held,
            attempts=attempts,
            retry_at=now + retry.delay(attempts) if again else None,
            failed_at=now,
            error=f"{type(error).__name__}: {error}",
        )

    def _tell_together(self, count: int, error: Exception) -> None:
        _log.warning(
            "group %s failed at %d events together: they are tried one by one",
            *(self.subscription.group, count),
            exc_info=error,
        )

    async def _outage(self, error: Exception) -> None:
        """The log does not answer, or whom a sink sends to: read the group's state again after a
        while.
        """
        self._joined = False
        self._outages += 1
        _log.warning("group %s cannot go on now", self.subscription.group, exc_info=error)
        await self._wake_after(self._settings.outage.delay(self._outages))

    async def _rest(self) -> None:
        self._rested.set()
        poll = self._settings.poll
        if self.paused:
            await self._wake_after(poll)
        else:
            due = self._backlog.next_due() - self._clock.now()
            await self._wake_after(min(poll, max(0.0, due)), self._log.wait(self._read))

    async def _wake_after(self, seconds: float, *others: Coroutine[Any, Any, None]) -> None:
        """Return after `seconds`, when nudged, or when one of `others` returns."""
        waits = [self._clock.sleep(seconds), self._nudged.wait(), *others]
        tasks = [asyncio.ensure_future(one) for one in waits]
        try:
            await asyncio.wait(tasks, return_when=asyncio.FIRST_COMPLETED)
        finally:
            for task in tasks:
                task.cancel()
            await asyncio.gather(*tasks, return_exceptions=True)
