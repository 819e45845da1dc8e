# SPDX-License-Identifier: Apache-2.0
"""Several events at a time: whatever fails, each good one is handled once and in order."""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Sequence
from typing import Any, NamedTuple

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from rollcall.backends.eventlog.inmemory import InMemoryEventLog
from rollcall.events.envelope import Event
from rollcall.events.log import Held
from rollcall.events.subscriptions import Batch, Handler, Sink, SinkBatch, batched
from rollcall.kernel.errors import InvalidInput
from rollcall.testing.event_log_contract.case import CREATED, DELETED, created, deleted_after

MADE = frozenset({CREATED})
POISON = 1_000_000
"""Failures of an event that is never handled."""


class Sent(NamedTuple):
    """One event: of whom, how often it fails, whether others fail for its being among them."""

    subject: str
    failures: int
    shy: bool
    together: bool
    """Whether it is published with the one before."""


sent = st.builds(
    Sent,
    st.sampled_from("abc"),
    st.sampled_from((0, 0, 0, 0, 0, 1, 2, POISON)),
    st.sampled_from((False, False, False, True)),
    st.booleans(),
)


def groups(script: Sequence[Sent]) -> list[list[tuple[str, Sent]]]:
    """What is published together, with ids."""
    found: list[list[tuple[str, Sent]]] = []
    for number, one in enumerate(script):
        if not one.together or not found:
            found.append([])
        found[-1].append((f"{one.subject}{number}", one))
    return found


@settings(max_examples=60, deadline=None)
@given(st.lists(sent, max_size=30), st.integers(1, 12), st.integers(0, 3))
async def test_each_good_event_is_handled_once_and_in_order_of_its_key_whatever_else_fails(
    new_world: Callable[[], Any], script: list[Sent], size: int, pauses: int
) -> None:
    world = new_world()
    left = {id: one.failures for some in groups(script) for id, one in some}
    shy = {id for some in groups(script) for id, one in some if one.shy}

    async def handle(events: Sequence[Event], work: Any) -> None:
        assert 1 <= len(events) <= size
        work.publish(*map(deleted_after, events))
        if len(events) > 1 and any(event.id in shy for event in events):
            raise ValueError("not in company")
        for event in events:
            if left[event.id]:
                left[event.id] -= 1
                raise ValueError(f"{event.id} is broken")

    dispatcher = await world.start(Batch("g", MADE, handle, size))
    for some in groups(script):
        await world.publish(*(id for id, _ in some))
        await world.clock.settle(pauses)
    for _ in range(4 * len(script)):
        await world.later(4.0)

    told = [
        entry.event.correlation_id
        for entry in await world.log.read(0, 1000)
        if entry.event.type == DELETED
    ]
    parked = {held.event.id for held in await dispatcher.parked("g")}
    waiting = {held.event.id for held in await world.log.held("g")} - parked
    assert (await world.status()).retrying == 0
    for subject in "abc":
        own = [id for id in left if id[0] == subject]
        bad = next((place for place, id in enumerate(own) if left[id]), len(own))
        assert [id for id in told if id[0] == subject] == own[:bad]
        assert [id for id in own if id in parked] == own[bad : bad + 1]
        assert [id for id in own if id in waiting] == own[bad + 1 :]
    await asyncio.wait_for(dispatcher.stop(0), 20)


async def test_what_waits_behind_a_held_event_of_which_it_did_not_know_is_not_handled(
    world: Any,
) -> None:
    class Late(InMemoryEventLog):
        """Another process holds an event after this one has looked what is held."""

        looked = False

        async def held(self, group: str) -> list[Held]:
            found = await super().held(group) if self.looked else []
            self.looked = True
            return found

    world.log = log = Late()
    await world.publish("b1", "a1", "a2", "b2")
    first = (await log.read(0))[1].event
    async with log.begin() as work:
        await log.admit(work, "g", first)
        await log.hold(work, Held("g", 2, first, 3, None))

    async def handle(events: Sequence[Event], work: Any) -> None:
        world.seen.extend(event.id for event in events)

    await world.start(Batch("g", MADE, handle))
    await world.drained()

    assert world.seen == ["b1", "b2"]
    assert [held.event.id for held in await log.held("g")] == ["a1", "a2"]


async def test_a_batch_that_takes_too_long_is_tried_one_by_one(world: Any) -> None:
    tried: list[int] = []

    async def handle(events: Sequence[Event], work: Any) -> None:
        tried.append(len(events))
        if len(events) > 1:
            await asyncio.Event().wait()

    await world.publish("a1", "b1", "c1")
    await world.start(Batch("g", MADE, handle))
    await world.clock.advance(world.settings.handler_timeout)
    await world.drained()

    assert tried == [3, 1, 1, 1]
    assert (await world.status()).delivered == 3
    assert (await world.status()).failures == 0


async def test_what_a_sink_did_not_take_together_it_is_sent_one_by_one(
    world: Any, caplog: pytest.LogCaptureFixture
) -> None:
    async def send(events: Sequence[Event]) -> None:
        world.seen.append([event.id for event in events])
        if len(world.seen) == 1:
            raise ValueError("not taken")

    await world.publish("a1", "b1")
    await world.start(SinkBatch("g", MADE, send))
    await world.drained()

    assert world.seen == [["a1", "b1"], ["a1"], ["b1"]]
    assert "failed at 2 events together" in caplog.text
    assert await world.log.held("g") == []


async def test_what_takes_single_events_takes_batches_of_one(world: Any) -> None:
    handler = batched(Handler("h", MADE, world.handle))
    sink = batched(Sink("s", MADE, world.send))

    assert isinstance(handler, Batch)
    assert isinstance(sink, SinkBatch)
    assert (handler.size, sink.size) == (1, 1)
    await handler.handle([created("a1")], None)
    await sink.send([created("a2")])
    assert world.seen == ["a1", "a2"]
    assert batched(handler) is handler


@pytest.mark.parametrize("size", [0, -1, 1001, 1.5, True])
def test_a_size_that_no_batch_can_have_is_refused(size: Any) -> None:
    async def nothing(*_: object) -> None: ...

    with pytest.raises(InvalidInput, match="size"):
        Batch[Any]("g", MADE, nothing, size)
    with pytest.raises(InvalidInput, match="size"):
        SinkBatch("g", MADE, nothing, size)
