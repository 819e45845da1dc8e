# SPDX-License-Identifier: Apache-2.0
"""Copies the registry's committed changes to the event log, as `registry.*` events.

Every replica tells every event, under an id that is the same at all of them: the log passes over
what it has. The position is written in the transaction of the events up to it, so that a restart
goes on behind them. A heartbeat is no change and is never told.
"""

from __future__ import annotations

import logging
from collections.abc import AsyncGenerator, Sequence
from contextlib import asynccontextmanager
from typing import Final

from rollcall.backends.sql import relay
from rollcall.backends.sql.database import Database
from rollcall.events.envelope import Event
from rollcall.kernel.clock import Clock, utc
from rollcall.kernel.errors import Compacted, InvalidInput, Unavailable
from rollcall.policies.retry import RetryPolicy
from rollcall.registry import events as registry_events
from rollcall.registry.feed import Lagged, Position, Subscription
from rollcall.registry.service import RegistryService
from rollcall.web.background import BackgroundTask
from rollcall.web.module import Module

SOURCE: Final = "/registry"
_BATCH: Final = 200
"""Events that are written together at the most."""
_OUTAGE: Final = RetryPolicy(initial_delay=0.1)

_log = logging.getLogger("rollcall.events")


class RegistryRelay:
    """Tells a registry's events to the event log.

    Args:
        registry: Started; what it commits from now on is told, and what the log lacks before that,
            as far as the registry still knows it.
        database: Where the event log and the position are.
        clock: Times how often is tried again.
    """

    def __init__(self, registry: RegistryService, database: Database, clock: Clock) -> None:
        self._registry = registry
        self._database = database
        self._clock = clock
        self._subscription: Subscription | None = None
        self._batch: list[registry_events.Event] = []

    @asynccontextmanager
    async def lifespan(self) -> AsyncGenerator[None]:
        """At the end, tell what is left, so that the next start finds no gap."""
        yield
        try:
            await self.flush()
        except Unavailable as error:
            _log.warning("the last changes of the registry are not in the event log: %s", error)

    async def run(self) -> None:
        """Tell events until cancelled, or until the registry ends."""
        failures = 0
        while True:
            try:
                events = await self._subscribed()
                if not self._batch:
                    self._take(await anext(events))
                await self.flush()
                failures = 0
            except StopAsyncIteration:
                return
            except Unavailable as error:
                failures += 1
                if failures == 1:
                    _log.warning("changes of the registry wait for the event log: %s", error)
                await self._clock.sleep(_OUTAGE.delay(failures))

    async def flush(self) -> None:
        """Tell what has happened up to now.

        Raises:
            Unavailable: The log does not answer; what it was not told is kept for the next time.
        """
        events = await self._subscribed()
        while True:
            # Before looking: what is committed meanwhile stands behind it.
            end = self._registry.position
            while len(self._batch) < _BATCH and (found := events.poll()) is not None:
                self._take(found)
            drained = len(self._batch) < _BATCH
            await self._tell(self._batch, end if drained else self._place(self._batch[-1]))
            self._batch = []
            if drained:
                return

    def _place(self, event: registry_events.Event) -> Position:
        return Position(self._registry.feed.epoch, event.revision, event.ordinal)

    def _take(self, found: registry_events.Event | Lagged) -> None:
        if isinstance(found, Lagged):
            _log.error(
                "%d changes of the registry may be missing in the event log: more came than the"
                " registry keeps while the log was away",
                found.missed,
            )
        else:
            self._batch.append(found)

    async def _tell(self, batch: Sequence[registry_events.Event], end: Position) -> None:
        async with self._database.begin() as work:
            await relay.advance(work.connection, end)
            for one in batch:
                try:
                    work.publish(told(one))
                except InvalidInput as error:
                    _log.error("event %s of the registry cannot be told: %s", one.event_id, error)

    async def _subscribed(self) -> Subscription:
        if self._subscription is None:
            async with self._database.reading() as connection:
                position = await relay.position(connection)
            self._subscription = self._subscribe(position)
        return self._subscription

    def _subscribe(self, position: Position | None) -> Subscription:
        oldest = self._registry.feed.oldest
        if position is None:
            return self._registry.events(after=oldest)
        try:
            return self._registry.events(after=position)
        except Compacted:
            if position.epoch != oldest.epoch:
                _log.error(
                    "the record store has another history than the one told to the event log: what"
                    " the old one had after revision %d may be missing there",
                    position.revision,
                )
            else:
                _log.error(
                    "changes of the registry may be missing in the event log: revisions %d to %d"
                    " were made while this process was away, or not told before it ended",
                    position.revision + 1,
                    oldest.revision,
                )
            return self._registry.events(after=oldest)


def told(event: registry_events.Event) -> Event:
    """The integration event that tells of an event of the registry.

    Raises:
        InvalidInput: It has a character that CloudEvents forbids.
    """
    return Event(
        id=event.event_id,
        type=f"registry.{event.type}",
        source=SOURCE,
        subject=event.id or event.namespace,
        time=utc(event.at),
        data={
            "id": event.id,
            "runtime": event.runtime,
            "revision": event.revision,
            "cause": event.cause,
            "old": event.old,
            "new": event.new,
            "detail": event.detail,
        },
        namespace=event.namespace,
        correlation_id=event.op,
    )


def registry_relay(registry: RegistryService, database: Database, clock: Clock) -> Module:
    """A module that tells the registry's events for as long as the process runs."""
    one = RegistryRelay(registry, database, clock)
    task = BackgroundTask("registry-relay", one.run)
    return Module(name="registry-relay", tasks=(task,), lifespans=(one.lifespan,))
