# SPDX-License-Identifier: Apache-2.0
"""A process is killed while it writes changes and handles their events; then all must fit together.

The process is this file too: `python test_kill.py FILE SEED RUN [VARIANT]` writes and handles, and
prints the number of each unit of work that was acknowledged.
"""

from __future__ import annotations

import asyncio
import random
import subprocess
import sys
from collections import Counter, deque
from collections.abc import Sequence
from itertools import count
from pathlib import Path

import pytest
from sqlalchemy import text

from rollcall.backends.eventlog.sql import SqlEventLog
from rollcall.backends.sql.database import Database, dialect_of
from rollcall.backends.sql.unit_of_work import SqlUnitOfWork
from rollcall.events.dispatcher import Dispatcher
from rollcall.events.envelope import Event
from rollcall.events.subscriptions import DeliverySettings, Handler, Sink
from rollcall.kernel.clock import SystemClock
from rollcall.policies.retry import RetryPolicy
from rollcall.testing.clock import FrozenClock
from rollcall.testing.event_log_contract.case import CREATED, DELETED, created, deleted_after

RUNS = 2
OUTSIDE = "--outside"
"""Publishes some time after the change was committed, as if there were no outbox."""
APART = "--apart"
"""Writes effects in a unit of work of their own, and not in the handler's."""


async def make_tables(database: Database) -> None:
    async with database.begin() as work:
        for table in ("changes (id TEXT PRIMARY KEY)", "effects (event_id TEXT, subject TEXT)"):
            await work.connection.execute(text(f"CREATE TABLE IF NOT EXISTS {table}"))


async def add_effect(work: SqlUnitOfWork, event: Event) -> None:
    row = {"event_id": event.id, "subject": event.subject}
    await work.connection.execute(text("INSERT INTO effects VALUES (:event_id, :subject)"), row)


def batch(rng: random.Random, run: str, number: int) -> list[Event]:
    """The events of one unit of work; each is of a change of the same id."""
    size = rng.randint(1, 3)
    return [created(f"{run}-{number}-{i}", rng.choice("abcde")) for i in range(size)]


class Worker:
    """Writes changes, and handles their events, until it is killed."""

    def __init__(self, database: Database, seed: str, run: str, variant: str) -> None:
        self._database = database
        self._rng = random.Random(f"{seed} {run}")
        # Of its own: when handlers draw depends on how threads take turns.
        self._luck = random.Random(f"luck {seed} {run}")
        self._run = run
        self._variant = variant
        self._late: deque[list[Event]] = deque()

    async def work(self) -> None:
        settings = DeliverySettings(retry=RetryPolicy(1000, initial_delay=0.01, max_delay=0.1))
        types = frozenset({CREATED})
        inside = Handler("effects", types, self.handle)
        subscription = (
            Sink("effects", types, self.handle_apart) if self._variant == APART else inside
        )
        log, clock = SqlEventLog(self._database), SystemClock()
        dispatcher = Dispatcher(log, clock, [subscription], settings)
        await dispatcher.start()
        for number in count(1):
            # An end, in case that nobody is there any more to kill it.
            if number > 5000:
                break
            await self.change(number)
            sys.stdout.write(f"{number}\n")
            sys.stdout.flush()
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

    async def handle_apart(self, event: Event) -> None:
        async with self._database.begin() as work:
            await add_effect(work, event)
            work.publish(deleted_after(event))
        self.have_bad_luck()

    def have_bad_luck(self) -> None:
        if self._luck.random() < 0.2:
            raise ValueError("bad luck")


async def work_until_killed(path: str, seed: str, run: str, variant: str = "") -> None:
    database = Database(dialect_of(f"sqlite:///{path}"))
    await database.open()
    await make_tables(database)
    await Worker(database, seed, run, variant).work()


async def acknowledged_until_killed(path: Path, seed: int, run: int, *variant: str) -> int:
    """How many units of work the process acknowledged before a moment of the seed's."""
    moment = random.Random(f"{seed} {run}").randint(5, 40)
    command = [sys.executable, __file__, str(path), str(seed), str(run), *variant]
    # What the handler's bad luck has to say is of no interest.
    child = await asyncio.create_subprocess_exec(
        *command, stdout=subprocess.PIPE, stderr=subprocess.DEVNULL
    )
    assert child.stdout is not None
    try:
        lines = [await child.stdout.readline() for _ in range(moment)]
    finally:
        child.kill()
        await child.wait()
    lines += (await child.stdout.read()).splitlines(keepends=True)
    # A line that was cut off told nobody anything.
    told = [int(line) for line in lines if line.endswith(b"\n")]
    assert told == list(range(1, len(told) + 1))
    assert len(told) >= moment
    return len(told)


async def column(database: Database, query: str, **values: str) -> list[str]:
    async with database.reading() as connection:
        return list((await connection.scalars(text(query), values)).all())


async def finish(database: Database) -> None:
    """Handle what is left, without bad luck, and at a time when every retry is due."""

    async def handle(event: Event, work: SqlUnitOfWork) -> None:
        await add_effect(work, event)
        work.publish(deleted_after(event))

    dispatcher = Dispatcher(
        SqlEventLog(database),
        FrozenClock(SystemClock().now() + 1000),
        [Handler("effects", frozenset({CREATED}), handle)],
    )
    await dispatcher.start()
    await asyncio.wait_for(dispatcher.drained(), 60)
    assert [(one.lag, one.parked) for one in await dispatcher.status()] == [(0, 0)]
    await dispatcher.stop()


async def faults(database: Database, acknowledged: set[str]) -> list[str]:
    """What does not fit together, before the events that are left are handled and after."""
    found: list[str] = []
    changes = set(await column(database, "SELECT id FROM changes"))
    events = [e.event for e in await SqlEventLog(database).read(0, 100_000)]
    told = {event.id for event in events if event.type == CREATED}
    if not acknowledged <= changes:
        found.append(f"{len(acknowledged - changes)} acknowledged changes are lost")
    if changes - told:
        found.append(f"{len(changes - told)} changes without an event")
    if told - changes:
        found.append(f"{len(told - changes)} events without a change")
    await finish(database)
    events = [e.event for e in await SqlEventLog(database).read(0, 100_000)]
    effects = Counter(await column(database, "SELECT event_id FROM effects"))
    found += [f"the effect of {id} is there {effects[id]} times" for id in told if effects[id] != 1]
    followers = Counter(event.correlation_id for event in events if event.type == DELETED)
    if followers != Counter(told):
        found.append("what handlers told is not what they were told")
    return found + await disorder(database, events)


async def disorder(database: Database, events: Sequence[Event]) -> list[str]:
    """Subjects whose events were not handled in the order of the log."""
    found: list[str] = []
    for subject in "abcde":
        query = "SELECT event_id FROM effects WHERE subject = :subject ORDER BY rowid"
        handled = list(dict.fromkeys(await column(database, query, subject=subject)))
        if handled != [e.id for e in events if (e.type, e.subject) == (CREATED, subject)]:
            found.append(f"the events of {subject} are out of order")
    return found


async def faults_after_kills(path: Path, seed: int, *variant: str) -> list[str]:
    acknowledged: set[str] = set()
    for run in range(RUNS):
        told = await acknowledged_until_killed(path, seed, run, *variant)
        acknowledged |= {f"{run}-{number}-0" for number in range(1, told + 1)}
    database = Database(dialect_of(f"sqlite:///{path}"))
    await database.open()
    try:
        return await faults(database, acknowledged)
    finally:
        await database.close()


@pytest.mark.parametrize("seed", range(3))
async def test_changes_events_and_effects_fit_together_after_kills(
    tmp_path: Path, seed: int
) -> None:
    assert await faults_after_kills(tmp_path / "rollcall.db", seed) == []


@pytest.mark.kill
@pytest.mark.parametrize("seed", range(3, 53))
async def test_changes_events_and_effects_fit_together_after_kills_again_and_again(
    tmp_path: Path, seed: int
) -> None:
    assert await faults_after_kills(tmp_path / "rollcall.db", seed) == []


async def test_publishing_outside_the_outbox_is_found_out(tmp_path: Path) -> None:
    found = await faults_after_kills(tmp_path / "rollcall.db", 1, OUTSIDE)
    assert any("changes without an event" in fault for fault in found)


async def test_effects_outside_the_handlers_unit_of_work_are_found_out(tmp_path: Path) -> None:
    found = await faults_after_kills(tmp_path / "rollcall.db", 1, APART)
    assert any("the effect of" in fault for fault in found)


if __name__ == "__main__":
    asyncio.run(work_until_killed(*sys.argv[1:]))
