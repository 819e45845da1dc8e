"""Changes with their events, and effects of these, which must fit together after a kill."""

from __future__ import annotations

import asyncio
import random
import sys
from collections import Counter, deque
from collections.abc import Awaitable, Callable, Sequence
from itertools import count
from typing import Any

from sqlalchemy import text

from rollcall.backends.sql.database import Database
from rollcall.backends.sql.unit_of_work import SqlUnitOfWork
from rollcall.events.delivery import DeliveringLog
from rollcall.events.dispatcher import Dispatcher
from rollcall.events.envelope import Event
from rollcall.events.subscriptions import Batch, DeliverySettings, Handler, Sink, Subscription
from rollcall.kernel.clock import SystemClock
from rollcall.policies.retry import RetryPolicy
from rollcall.testing.clock import FrozenClock
from rollcall.testing.event_log_contract.case import CREATED, DELETED, created, deleted_after

OUTSIDE = "--outside"
"""Publishes some time after the change was committed, as if there were no outbox."""
APART = "--apart"
"""Writes effects in a unit of work of their own, and not in the handler's."""
TOGETHER = "--together"
"""Handles many events in one unit of work."""
SUBJECTS = "abcde"

Log = DeliveringLog[SqlUnitOfWork]
Read = Callable[[], Awaitable[Sequence[Event]]]
"""Every event that was told, in order by subject, none twice."""


async def make_tables(database: Database) -> None:
    async with database.begin() as work:
        postgres = work.connection.dialect.name == "postgresql"
        counts = "BIGINT GENERATED ALWAYS AS IDENTITY" if postgres else "INTEGER PRIMARY KEY"
        for table in (
            "changes (id TEXT PRIMARY KEY)",
            f"effects (number {counts}, event_id TEXT, subject TEXT)",
        ):
            await work.connection.execute(text(f"CREATE TABLE IF NOT EXISTS {table}"))


async def add_effect(work: SqlUnitOfWork, event: Event) -> None:
    row = {"event_id": event.id, "subject": event.subject}
    await work.connection.execute(
        text("INSERT INTO effects (event_id, subject) VALUES (:event_id, :subject)"), row
    )


def batch(rng: random.Random, run: str, number: int) -> list[Event]:
    """The events of one unit of work; each is of a change of the same id."""
    size = rng.randint(1, 3)
    return [created(f"{run}-{number}-{i}", rng.choice(SUBJECTS)) for i in range(size)]


class Worker:
    """Writes changes, and handles their events, until it is killed."""

    def __init__(self, database: Database, log: Log, seed: str, run: str, variant: str) -> None:
        self._database = database
        self._log = log
        self._rng = random.Random(f"{seed} {run}")
        # Of its own: when handlers draw depends on how threads take turns.
        self._luck = random.Random(f"luck {seed} {run}")
        self._run = run
        self._variant = variant
        self._late: deque[list[Event]] = deque()
        self._handling = asyncio.Event()

    async def work(self) -> None:
        settings = DeliverySettings(retry=RetryPolicy(1000, initial_delay=0.01, max_delay=0.1))
        types = frozenset({CREATED})
        ways: dict[str, Subscription[SqlUnitOfWork]] = {
            APART: Sink("effects", types, self.handle_apart),
            TOGETHER: Batch("effects", types, self.handle_together),
        }
        way = ways.get(self._variant, Handler("effects", types, self.handle))
        dispatcher = Dispatcher(self._log, SystemClock(), [way], settings)
        await dispatcher.start()
        for number in count(1):
            # An end, in case that nobody is there any more to kill it.
            if number > 5000:
                break
            await self.change(number)
            sys.stdout.write(f"{number}\n")
            sys.stdout.flush()
            if self._variant != OUTSIDE:
                # So that there is no kill before there is something to break off.
                await self._handling.wait()
        await dispatcher.stop()

    async def change(self, number: int) -> None:
        events = batch(self._rng, self._run, number)
        async with self._database.begin() as work:
            for event in events:
                await work.connection.execute(
                    text("INSERT INTO changes VALUES (:id)"), {"id": event.id}
                )
            if self._variant != OUTSIDE:
                work.publish(*events)
        if self._variant == OUTSIDE:
            self._late.append(events)
            if len(self._late) > 4:
                async with self._database.begin() as work:
                    work.publish(*self._late.popleft())

    async def handle(self, event: Event, work: SqlUnitOfWork) -> None:
        await add_effect(work, event)
        work.publish(deleted_after(event))
        self.have_bad_luck()

    async def handle_together(self, events: Sequence[Event], work: SqlUnitOfWork) -> None:
        for event in events:
            await add_effect(work, event)
            work.publish(deleted_after(event))
        self.have_bad_luck()

    async def handle_apart(self, event: Event) -> None:
        async with self._database.begin() as work:
            await add_effect(work, event)
            work.publish(deleted_after(event))
        self.have_bad_luck()

    def have_bad_luck(self) -> None:
        self._handling.set()
        if self._luck.random() < 0.2:
            raise ValueError("bad luck")


async def column(database: Database, query: str, **values: str) -> list[Any]:
    async with database.reading() as connection:
        return list((await connection.scalars(text(query), values)).all())


async def finish(log: Log) -> None:
    """Handle what is left, without bad luck, and at a time when every retry is due."""

    async def handle(event: Event, work: SqlUnitOfWork) -> None:
        await add_effect(work, event)
        work.publish(deleted_after(event))

    dispatcher = Dispatcher(
        log,
        FrozenClock(SystemClock().now() + 1000),
        [Handler("effects", frozenset({CREATED}), handle)],
    )
    await dispatcher.start()
    await asyncio.wait_for(dispatcher.drained(), 60)
    assert [(one.lag, one.parked) for one in await dispatcher.status()] == [(0, 0)]
    await dispatcher.stop()


async def faults(database: Database, log: Log, read: Read, acknowledged: set[str]) -> list[str]:
    """What does not fit together after the events that are left were handled."""
    found: list[str] = []
    await finish(log)
    events = await read()
    changes = set(await column(database, "SELECT id FROM changes"))
    told = {event.id for event in events if event.type == CREATED}
    if not acknowledged <= changes:
        found.append(f"{len(acknowledged - changes)} acknowledged changes are lost")
    if changes - told:
        found.append(f"{len(changes - told)} changes without an event")
    if told - changes:
        found.append(f"{len(told - changes)} events without a change")
    effects = Counter(await column(database, "SELECT event_id FROM effects"))
    found += [f"the effect of {id} is there {effects[id]} times" for id in told if effects[id] != 1]
    followers = Counter(event.correlation_id for event in events if event.type == DELETED)
    if followers != Counter(told):
        found.append("what handlers told is not what they were told")
    return found + await _disorder(database, events)


async def _disorder(database: Database, events: Sequence[Event]) -> list[str]:
    """Subjects whose events were not handled in the order of the log."""
    found: list[str] = []
    for subject in SUBJECTS:
        query = "SELECT event_id FROM effects WHERE subject = :subject ORDER BY number"
        handled = list(dict.fromkeys(await column(database, query, subject=subject)))
        if handled != [e.id for e in events if (e.type, e.subject) == (CREATED, subject)]:
            found.append(f"the events of {subject} are out of order")
    return found
