# SPDX-License-Identifier: Apache-2.0
from __future__ import annotations

import asyncio
from typing import Any

import pytest

from rollcall.events.delivery import GroupStatus
from rollcall.events.dispatcher import Dispatcher
from rollcall.events.envelope import Event
from rollcall.events.errors import GroupNotFound, NotParked
from rollcall.events.subscriptions import DeliverySettings, Handler, Sink
from rollcall.kernel.errors import InvalidInput
from rollcall.policies.retry import RetryPolicy
from rollcall.testing.event_log_contract.case import (
    CREATED,
    DELETED,
    created,
    deleted_after,
    publish,
)


async def test_a_failing_event_is_tried_again_with_backoff_and_then_parked(world: Any) -> None:
    world.broken = {"a1"}
    await world.publish("a1")
    dispatcher = await world.start()
    await world.drained()
    tries = [len(world.seen)]
    for seconds in (0.9, 0.1, 1.9, 0.1, 1000.0):
        await world.later(seconds)
        tries.append(len(world.seen))

    assert tries == [1, 1, 2, 2, 3, 3]
    (parked,) = await dispatcher.parked("g")
    assert (parked.position, parked.event.id, parked.attempts) == (1, "a1", 3)
    assert parked.error == "ValueError: a1 is broken"
    assert parked.failed_at == world.clock.now() - 1000.0
    assert (await world.status()).parked == 1
    assert (await world.status()).failures == 3


async def test_a_failing_event_is_no_outage_of_the_log(
    world: Any, caplog: pytest.LogCaptureFixture
) -> None:
    world.broken = {"a1"}
    await world.publish("a1", "b1", "a2")
    await world.start()
    await world.later(1000.0)
    await world.publish("a3", "b2")
    await world.drained()

    assert "cannot go on" not in caplog.text
    assert caplog.text.count("failed at event a1 (agent.created), attempt") == 3


async def test_it_does_not_block_other_keys_and_holds_back_its_own(world: Any) -> None:
    world.broken = {"a1"}
    await world.publish("a1", "b1", "a2", "b2", "a3")
    await world.start()
    await world.later(1000.0)

    assert world.seen == ["a1", "b1", "b2", "a1", "a1"]
    assert await world.status() == GroupStatus(
        group="g",
        position=5,
        lag=0,
        retrying=0,
        waiting=2,
        parked=1,
        paused=False,
        delivered=2,
        failures=3,
    )


async def test_an_event_that_succeeds_at_last_lets_those_behind_it_go_in_order(world: Any) -> None:
    world.broken = {"a1"}
    await world.publish("a1", "a2", "a3", "b1")
    await world.start()
    await world.drained()
    world.broken = set()
    await world.publish("a4")
    await world.later(1.0)

    assert world.seen == ["a1", "b1", "a1", "a2", "a3", "a4"]
    assert (await world.status()).waiting == 0


async def test_a_parked_event_can_be_replayed(world: Any) -> None:
    world.broken = {"a1"}
    await world.publish("a1", "a2")
    dispatcher = await world.start()
    await world.later(1000.0)
    world.seen.clear()

    await dispatcher.replay("g", 1)
    await world.later(1000.0)
    assert world.seen == ["a1"] * 3
    assert len(await dispatcher.parked("g")) == 1

    world.broken = set()
    await dispatcher.replay("g", 1)
    await world.drained()
    assert world.seen[3:] == ["a1", "a2"]
    assert await world.log.held("g") == []


async def test_a_parked_event_can_be_given_up(world: Any) -> None:
    world.broken = {"a1"}
    await world.publish("a1", "a2")
    dispatcher = await world.start()
    await world.later(1000.0)

    await dispatcher.skip("g", 1)
    await world.drained()

    assert world.seen == ["a1", "a1", "a1", "a2"]
    assert await world.log.held("g") == []
    async with world.log.begin() as work:
        assert not await world.log.admit(work, "g", created("a1", "a"))


async def test_only_what_is_parked_can_be_replayed_or_given_up(world: Any) -> None:
    world.broken = {"a1"}
    await world.publish("a1", "a2")
    dispatcher = await world.start()
    await world.drained()

    for position in (1, 2, 3):
        with pytest.raises(NotParked):
            await dispatcher.replay("g", position)
        with pytest.raises(NotParked):
            await dispatcher.skip("g", position)
    for act in (dispatcher.pause, dispatcher.resume):
        with pytest.raises(GroupNotFound, match="other"):
            act("other")
    with pytest.raises(GroupNotFound):
        await dispatcher.parked("other")


async def test_what_is_held_survives_a_restart(world: Any) -> None:
    world.broken = {"a1", "b1"}
    await world.publish("a1", "a2")
    first = await world.start()
    await world.later(1000.0)
    await world.publish("b1", "b2")
    await world.drained()
    await first.stop()
    world.dispatchers.clear()
    world.seen.clear()

    world.broken = set()
    second = await world.start()
    await world.later(1.0)

    assert world.seen == ["b1", "b2"]
    assert [held.event.id for held in await second.parked("g")] == ["a1"]


async def test_an_error_that_the_policy_does_not_retry_parks_at_once(world: Any) -> None:
    world.settings = DeliverySettings(retry=RetryPolicy(exceptions=(OSError,)))
    world.broken = {"a1"}
    await world.publish("a1")
    dispatcher = await world.start()
    await world.drained()

    assert len(await dispatcher.parked("g")) == 1


async def test_a_handler_that_does_not_end_has_failed(world: Any) -> None:
    begun = asyncio.Event()

    async def hang(event: Event, work: Any) -> None:
        begun.set()
        await asyncio.Event().wait()

    dispatcher = await world.start(Handler("g", frozenset({CREATED}), hang))
    await world.publish("a1")
    await begun.wait()
    await world.later(10.0)

    (held,) = await world.log.held("g")
    assert held.error == "TimeoutError: not done within 10 s"
    await dispatcher.stop(0)


async def test_a_handler_that_was_cancelled_from_within_has_failed(world: Any) -> None:
    async def cancelled(event: Event, work: Any) -> None:
        raise asyncio.CancelledError

    await world.start(Handler("g", frozenset({CREATED}), cancelled))
    await world.publish("a1")
    await world.drained()

    (held,) = await world.log.held("g")
    assert "cancelled" in held.error


async def test_a_handler_that_is_no_coroutine_has_failed(world: Any) -> None:
    def wrong(event: Event) -> Any:
        raise TypeError("no")

    await world.start(Sink("g", frozenset({CREATED}), wrong))
    await world.publish("a1", "b1")
    await world.drained()

    assert [held.error for held in await world.log.held("g")] == ["TypeError: no"] * 2


async def test_a_paused_group_gets_nothing_and_goes_on_where_it_was(world: Any) -> None:
    dispatcher = await world.start()
    dispatcher.pause("g")
    await world.publish("a1", "a2")
    await world.later(100.0)
    assert world.seen == []
    assert (await world.status()).paused
    assert (await world.status()).lag == 2

    dispatcher.resume("g")
    await world.drained()
    assert world.seen == ["a1", "a2"]
    assert (await world.status()).lag == 0


async def test_events_of_no_interest_are_passed_by_and_not_read_again(world: Any) -> None:
    dispatcher = await world.start(Handler("g", frozenset({DELETED}), world.handle))
    await world.publish("a1", "a2", "a3")
    await world.drained()

    assert world.seen == []
    assert (await world.status()).lag == 0
    await dispatcher.stop()
    assert await world.log.join("g") == 3


async def test_each_group_goes_at_its_own_pace(world: Any) -> None:
    gate, sent = asyncio.Event(), asyncio.Event()
    slow: list[str] = []

    async def wait(event: Event) -> None:
        await gate.wait()
        slow.append(event.id)

    async def send(event: Event) -> None:
        await world.send(event)
        if event.id == "a2":
            sent.set()

    await world.start(
        Sink("slow", frozenset({CREATED}), wait), Sink("quick", frozenset({CREATED}), send)
    )
    await world.publish("a1", "a2")
    await asyncio.wait_for(sent.wait(), 20)
    assert slow == []
    gate.set()
    await world.drained()
    assert slow == ["a1", "a2"]


async def test_drained_waits_for_what_one_group_tells_another(world: Any) -> None:
    async def tell(event: Event, work: Any) -> None:
        work.publish(deleted_after(event))

    # The one that is told comes first, so that it was looked at before.
    await world.start(
        Sink("told", frozenset({DELETED}), world.send), Handler("tells", frozenset({CREATED}), tell)
    )
    await world.publish("a1", "b1")
    await world.drained()

    assert len(world.seen) == 2


async def test_stopping_lets_the_event_in_hand_end(world: Any) -> None:
    begun, gate = asyncio.Event(), asyncio.Event()

    async def wait(event: Event, work: Any) -> None:
        begun.set()
        await gate.wait()
        await world.handle(event, work)

    dispatcher = await world.start(Handler("g", frozenset({CREATED}), wait))
    await world.publish("a1", "a2")
    await begun.wait()
    stopping = asyncio.ensure_future(dispatcher.stop(5.0))
    await world.clock.advance(4.0)
    assert not stopping.done()
    gate.set()
    await stopping

    assert world.seen == ["a1"]
    assert await world.log.join("g") == 1


async def test_stopping_gives_up_what_does_not_end(world: Any) -> None:
    begun = asyncio.Event()

    async def hang(event: Event, work: Any) -> None:
        work.publish(deleted_after(event))
        begun.set()
        await asyncio.Event().wait()

    dispatcher = await world.start(Handler("g", frozenset({CREATED}), hang))
    await world.publish("a1")
    await begun.wait()
    stopping = asyncio.ensure_future(dispatcher.stop(5.0))
    await world.clock.advance(5.0)
    await stopping

    assert await world.log.end() == 1
    assert await world.log.join("g") == 0
    assert await world.log.held("g") == []


async def test_stopping_without_having_started_does_nothing(world: Any) -> None:
    await Dispatcher(world.log, world.clock, []).stop()


async def test_a_group_is_subscribed_once_and_to_types_that_exist(world: Any) -> None:
    sink = Sink("g", frozenset({CREATED}), world.send)
    with pytest.raises(InvalidInput, match="twice"):
        Dispatcher(world.log, world.clock, [sink, sink])
    with pytest.raises(InvalidInput, match=r"agent\.craeted"):
        Dispatcher(world.log, world.clock, [Sink("g", frozenset({"agent.craeted"}), world.send)])
    with pytest.raises(InvalidInput, match="group"):
        Sink("", frozenset({CREATED}), world.send)
    with pytest.raises(InvalidInput, match="types"):
        Handler("g", frozenset(), world.handle)


@pytest.mark.parametrize("field", ["handler_timeout", "batch", "poll"])
def test_settings_out_of_range_are_refused(field: str) -> None:
    with pytest.raises(InvalidInput) as caught:
        DeliverySettings(**{field: 0})
    assert caught.value.field == field


async def test_an_append_wakes_the_group_without_a_poll(world: Any) -> None:
    await world.start()
    await world.drained()
    before = world.clock.monotonic()
    await publish(world.log, created())
    await world.clock.settle()
    assert world.seen == ["1"]
    assert world.clock.monotonic() == before
