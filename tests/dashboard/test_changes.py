# SPDX-License-Identifier: Apache-2.0
from __future__ import annotations

import asyncio
from dataclasses import replace

import pytest

from rollcall.dashboard.changes import Change, Following, Missed, Numbers
from rollcall.dashboard.models import Activity, TooManyStreams
from rollcall.dashboard.ports import NotAnswered
from rollcall.kernel.errors import Closed
from rollcall.testing.clock import FrozenClock
from support.dashboards import CALLER, NUMBERS, House, answered

KEY = ("analytics", "/api/dashboard/summary")


async def follow(house: House, after: int | None = None) -> Following[Change]:
    return await house.changes.follow(CALLER, after, lambda change: change)


async def tell(clock: FrozenClock, source: Following[Change]) -> Change:
    """The next change, with as much time as it takes, within a second."""
    waiting = asyncio.ensure_future(anext(source))
    for _ in range(20):
        await clock.settle()
        # The database answers from a thread, for which the frozen clock does not stand still.
        await asyncio.wait([waiting], timeout=0.02)
        if waiting.done():
            return waiting.result()
        await clock.advance(0.05)
    raise AssertionError("nothing was told within a second")


async def silent(clock: FrozenClock, source: Following[Change], seconds: float) -> bool:
    """Whether nothing is told for so long."""
    waiting = asyncio.ensure_future(anext(source))
    for _ in range(round(seconds / 0.25)):
        await asyncio.wait([waiting], timeout=0.01)
        await clock.advance(0.25)
    quiet = not waiting.done()
    waiting.cancel()
    await asyncio.gather(waiting, return_exceptions=True)
    return quiet


async def test_a_reader_is_told_the_numbers_first_and_then_what_happens(
    house: House, clock: FrozenClock
) -> None:
    await house.happens(answered(1))
    source = await follow(house)
    first = await tell(clock, source)
    assert isinstance(first, Numbers)
    assert first.part.body["total_conversations"] == 12
    assert first.id == 1
    await house.happens(answered(2))
    house.told.answers[KEY] = {**NUMBERS, "total_conversations": 13}
    second = await tell(clock, source)
    assert isinstance(second, Activity)
    assert (second.id, second.details["conversation_id"]) == (2, "conv_2")
    third = await tell(clock, source)
    assert isinstance(third, Numbers)
    assert (third.id, third.part.body["total_conversations"]) == (2, 13)
    await source.aclose()


async def test_numbers_that_follow_an_event_late_are_told_within_a_second(
    house: House, clock: FrozenClock
) -> None:
    source = await follow(house)
    await tell(clock, source)
    await house.happens(answered())
    await tell(clock, source)
    house.told.answers[KEY] = {**NUMBERS, "total_conversations": 13}
    found = await tell(clock, source)
    assert isinstance(found, Numbers)
    assert found.part.body["total_conversations"] == 13
    await source.aclose()


async def test_numbers_that_stay_are_told_once(house: House, clock: FrozenClock) -> None:
    source = await follow(house)
    await tell(clock, source)
    assert await silent(clock, source, 10.0)
    assert house.told.asked[KEY] <= 7
    await source.aclose()


async def test_what_is_missing_is_told_as_well(house: House, clock: FrozenClock) -> None:
    source = await follow(house)
    await tell(clock, source)
    house.told.answers[KEY] = NotAnswered("does not answer")
    await house.happens(answered())
    await tell(clock, source)
    found = await tell(clock, source)
    assert isinstance(found, Numbers)
    assert [one.service for one in found.part.lacks] == ["analytics"]
    assert found.part.body["total_conversations"] is None
    await source.aclose()


async def test_who_comes_back_misses_nothing_that_is_kept(house: House, clock: FrozenClock) -> None:
    await house.happens(*(answered(number) for number in range(5)))
    source = await follow(house, after=2)
    told = [await tell(clock, source) for _ in range(3)]
    assert [one.id for one in told if isinstance(one, Activity)] == [3, 4, 5]
    await source.aclose()


async def test_who_comes_back_too_late_is_told_how_much_is_gone(
    house: House, clock: FrozenClock
) -> None:
    await house.happens(*(answered(number) for number in range(25)))
    source = await follow(house, after=2)
    assert await tell(clock, source) == Missed(15, 13)
    found = await tell(clock, source)
    assert isinstance(found, Activity)
    assert found.id == 16
    await source.aclose()


async def test_an_id_of_the_future_means_from_now_on(house: House, clock: FrozenClock) -> None:
    await house.happens(answered())
    source = await follow(house, after=999)
    assert isinstance(await tell(clock, source), Numbers)
    await source.aclose()


async def test_others_are_told_nothing(house: House, clock: FrozenClock) -> None:
    others = await house.changes.follow(replace(CALLER, namespace="zoo"), None, lambda one: one)
    await tell(clock, others)
    await house.happens(answered())
    assert await silent(clock, others, 1.0)
    await others.aclose()


async def test_only_so_many_may_follow_and_who_leaves_makes_room(house: House) -> None:
    some = [await follow(house) for _ in range(3)]
    with pytest.raises(TooManyStreams):
        await follow(house)
    # Nobody has begun to read from it.
    await some[0].aclose()
    await some[0].aclose()
    assert house.changes.readers == 2
    some[0] = await follow(house)
    for one in some:
        await one.aclose()
    assert house.changes.readers == 0


async def test_only_so_many_may_follow_however_many_come_at_once(house: House) -> None:
    came = await asyncio.gather(*(follow(house) for _ in range(9)), return_exceptions=True)
    some = [one for one in came if isinstance(one, Following)]
    assert (len(some), house.changes.readers) == (3, 3)
    assert all(isinstance(one, TooManyStreams) for one in came if one not in some)
    for one in some:
        await one.aclose()


async def test_who_cannot_follow_takes_nobodys_place(house: House) -> None:
    await house.database.close()
    with pytest.raises(Closed):
        await follow(house)
    assert house.changes.readers == 0


async def test_nobody_is_asked_while_nobody_follows(house: House, clock: FrozenClock) -> None:
    source = await follow(house)
    await tell(clock, source)
    await source.aclose()
    asked = house.told.asked[KEY]
    await clock.advance(30.0)
    assert house.told.asked[KEY] == asked


async def test_many_readers_cost_what_one_does(house: House, clock: FrozenClock) -> None:
    some = [await follow(house) for _ in range(3)]
    for one in some:
        await tell(clock, one)
    assert house.told.asked[KEY] <= 3
    for one in some:
        await one.aclose()
