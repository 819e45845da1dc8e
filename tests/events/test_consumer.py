# SPDX-License-Identifier: Apache-2.0
"""A consumer over a log that breaks, and beside a consumer of the same group."""

from __future__ import annotations

import asyncio
import random
from collections.abc import AsyncGenerator, Sequence
from contextlib import asynccontextmanager
from typing import Any

import pytest

from rollcall.backends.eventlog.inmemory import InMemoryEventLog, InMemoryWork
from rollcall.events.envelope import Event
from rollcall.events.log import Entry
from rollcall.events.subscriptions import Handler, Sink, SinkBatch
from rollcall.kernel.errors import OutcomeUnknown, StoreUnavailable
from rollcall.testing.event_log_contract.case import CREATED, DELETED, created, deleted_after


class BreakingLog(InMemoryEventLog):
    """Breaks off now and then: before a commit, after one, at a read."""

    def __init__(self, seed: int) -> None:
        super().__init__()
        self.breaks = False
        self.gone = False
        self.broke = 0
        self._rng = random.Random(seed)

    def may_break(self, error: Exception) -> None:
        if self.gone or (self.breaks and self._rng.random() < 0.2):
            self.broke += 1
            raise error

    @asynccontextmanager
    async def begin(self) -> AsyncGenerator[InMemoryWork]:
        async with super().begin() as work:
            self.may_break(StoreUnavailable("before"))
            yield work
            self.may_break(OutcomeUnknown("it was not written"))
        self.may_break(OutcomeUnknown("it was written"))

    async def read(self, after: int, limit: int = 100) -> list[Entry]:
        self.may_break(StoreUnavailable("read"))
        return await super().read(after, limit)


class DeafLog(InMemoryEventLog):
    """As if others appended from another process: nobody here is woken."""

    async def wait(self, after: int) -> None:
        await asyncio.Event().wait()


@pytest.mark.parametrize("seed", range(10))
async def test_what_a_handler_writes_is_written_once_however_often_the_log_breaks(
    world: Any, seed: int
) -> None:
    world.log = log = BreakingLog(seed)
    ids = [f"{'abc'[i % 3]}{i}" for i in range(40)]
    await world.publish(*ids)
    rng = random.Random(seed)

    async def handle(event: Event, work: Any) -> None:
        work.publish(deleted_after(event))
        if log.breaks and rng.random() < 0.1:
            raise ValueError("bad luck")

    log.breaks = True
    await world.start(Handler("g", frozenset({CREATED}), handle))
    for _ in range(100):
        await world.clock.advance(1.0)
    log.breaks = False
    await world.later(60.0)

    told = [e.event for e in await log.read(0, 1000) if e.event.type == DELETED]
    assert log.broke > 5
    assert sorted(event.correlation_id for event in told) == sorted(ids)
    for subject in "abc":
        own = [event.correlation_id for event in told if event.subject == subject]
        assert own == [id for id in ids if id.startswith(subject)]


@pytest.mark.parametrize("seed", range(5))
async def test_a_sink_gets_each_event_at_least_once_however_often_the_log_breaks(
    world: Any, seed: int
) -> None:
    world.log = log = BreakingLog(seed)
    ids = [f"a{i}" for i in range(40)]
    await world.publish(*ids)
    log.breaks = True
    await world.start(Sink("g", frozenset({CREATED}), world.send))
    for _ in range(100):
        await world.clock.advance(1.0)
    log.breaks = False
    await world.later(60.0)

    assert list(dict.fromkeys(world.seen)) == ids
    assert len(world.seen) > len(ids)


async def test_a_sink_that_waits_for_its_other_side_has_no_event_parked_for_hours(
    world: Any,
) -> None:
    away = True
    ids = [f"{'abc'[i % 3]}{i}" for i in range(9)]
    await world.publish(*ids)

    async def send(events: Sequence[Event]) -> None:
        if away:
            raise StoreUnavailable("nobody is there")
        for event in events:
            await world.send(event)

    dispatcher = await world.start(SinkBatch("g", frozenset({CREATED}), send, waits=True))
    for _ in range(3 * 60):
        await world.clock.advance(60.0)
    [during] = await dispatcher.status()
    away = False
    await world.later(600.0)

    assert (during.parked, during.delivered) == (0, 0)
    assert world.seen == ids
    assert (await dispatcher.status())[0].parked == 0


async def test_two_processes_of_one_group_handle_each_event_once_and_in_order(
    world: Any, caplog: pytest.LogCaptureFixture
) -> None:
    world.broken = {"a2"}
    ids = [f"{'ab'[i % 2]}{i}" for i in range(20)]
    handled: list[str] = []

    async def handle(event: Event, work: Any) -> None:
        await world.handle(event, work)
        work.publish(deleted_after(event))

    for _ in range(2):
        await world.start(Handler("g", frozenset({CREATED}), handle))
    for id in ids:
        await world.publish(id)
        await world.clock.settle(3)
    await world.drained()
    world.broken = set()
    for _ in range(3):
        await world.later(5.0)

    handled = [
        e.event.correlation_id for e in await world.log.read(0, 100) if e.event.type == DELETED
    ]
    assert sorted(handled) == sorted(ids)
    for subject in "ab":
        own = [id for id in handled if id.startswith(subject)]
        assert own == [id for id in ids if id.startswith(subject)]
    assert "cannot go on" not in caplog.text
    first, second = world.dispatchers
    assert (await first.status())[0].delivered + (await second.status())[0].delivered == 20


async def test_an_event_that_the_inbox_has_is_passed_over(world: Any) -> None:
    await world.publish("a1", "a2")
    async with world.log.begin() as work:
        await world.log.admit(work, "g", created("a1", "a"))
    await world.start()
    await world.drained()

    assert world.seen == ["a2"]
    assert (await world.status()).lag == 0


async def test_a_group_can_be_stopped_while_the_log_does_not_answer(world: Any) -> None:
    world.log = log = BreakingLog(0)
    await world.publish("a1")
    log.gone = True
    dispatcher = await world.start()
    await world.clock.advance(100.0)
    before = log.broke
    assert 5 < before < 30
    await asyncio.wait_for(dispatcher.stop(), 20)
    assert log.broke <= before + 1

    log.gone = False
    await world.start()
    await asyncio.wait_for(world.dispatchers[-1].drained(), 20)
    assert world.seen == ["a1"]


async def test_what_another_process_appends_is_found_by_the_next_poll(world: Any) -> None:
    world.log = DeafLog()
    await world.start()
    await world.drained()
    await world.publish("a1")
    await world.clock.advance(4.9)
    assert world.seen == []
    await world.clock.advance(0.1)
    assert world.seen == ["a1"]


async def test_what_cannot_be_committed_has_failed_and_blocks_nobody(world: Any) -> None:
    class Picky(InMemoryEventLog):
        @asynccontextmanager
        async def begin(self) -> AsyncGenerator[InMemoryWork]:
            async with super().begin() as work:
                yield work
                if any(event.subject == "a" and event.type == DELETED for event in work.events):
                    raise ValueError("a constraint that is checked at the commit")

    async def handle(event: Event, work: Any) -> None:
        work.publish(deleted_after(event))

    world.log = Picky()
    await world.publish("a1", "b1")
    await world.start(Handler("g", frozenset({CREATED}), handle))
    await world.drained()

    (held,) = await world.log.held("g")
    assert held.event.id == "a1"
    assert [e.event.subject for e in await world.log.read(2)] == ["b"]
