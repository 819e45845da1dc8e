# SPDX-License-Identifier: Apache-2.0
"""Consumer groups: their position, their inbox, what they hold; and what may be forgotten."""

from __future__ import annotations

import asyncio

import msgspec
import pytest

from rollcall.events.errors import Overtaken
from rollcall.events.log import Held
from rollcall.kernel.errors import Compacted
from rollcall.testing.event_log_contract.case import Log, LogCase, at, created, publish


class GroupTests(LogCase):
    async def test_a_group_begins_before_the_oldest_event_and_keeps_its_position(
        self, log: Log
    ) -> None:
        await publish(log, created())
        assert await log.join("g") == 0
        async with log.begin() as work:
            await log.advance(work, "g", 0, 1)

        log = await self.another(log)

        assert await log.join("g") == 1
        assert await log.join("other") == 0

    async def test_those_who_join_a_group_at_once_all_find_it_where_it_begins(
        self, log: Log
    ) -> None:
        await publish(log, created())
        assert await asyncio.gather(*(log.join("g") for _ in range(8))) == [0] * 8

    async def test_a_group_is_moved_only_from_where_it_is(self, log: Log) -> None:
        await log.join("g")
        async with log.begin() as work:
            await log.advance(work, "g", 0, 3)
            await log.advance(work, "g", 3, 4)
        with pytest.raises(Overtaken):
            async with log.begin() as work:
                await log.advance(work, "g", 3, 5)
        assert await log.join("g") == 4

    async def test_a_group_admits_an_event_once(self, log: Log) -> None:
        async with log.begin() as work:
            assert await log.admit(work, "g", created()) == [created()]
            assert await log.admit(work, "g", created()) == []

        log = await self.another(log)

        async with log.begin() as work:
            assert not await log.admit(work, "g", created())
            assert await log.admit(work, "other", created())
            assert await log.admit(work, "g", created(namespace="theirs"))

    async def test_of_several_events_a_group_admits_those_that_are_new_once_and_in_their_order(
        self, log: Log
    ) -> None:
        many = [created(str(number)) for number in range(1000, 0, -1)]
        async with log.begin() as work:
            assert await log.admit(work, "g", *many[::2]) == many[::2]
            assert await log.admit(work, "g", *many, many[1]) == many[1::2]

        log = await self.another(log)

        async with log.begin() as work:
            assert await log.admit(work, "g", *many) == []
            twice = created("new")
            assert await log.admit(work, "g", twice, many[0], twice) == [twice]

    async def test_what_is_held_is_kept_by_position_until_it_is_released(self, log: Log) -> None:
        second = Held("g", 12, created("12"), 3, None, 7.5, "ValueError: no")
        first = Held("g", 5, created("5"), 1, 1_750_000_000.123456, 8.25, "it failed")
        async with log.begin() as work:
            await log.hold(work, second)
            await log.hold(work, first)
            await log.hold(work, Held("other", 5, created("5")))

        log = await self.another(log)
        assert await log.held("g") == [first, second]

        tried = msgspec.structs.replace(first, attempts=2, retry_at=None)
        async with log.begin() as work:
            await log.hold(work, tried, first)
            await log.release(work, second)
        assert await log.held("g") == [tried]

    async def test_who_comes_late_to_what_is_held_is_told_so(self, log: Log) -> None:
        held = Held("g", 1, created(), 1, 10.0)
        tried = msgspec.structs.replace(held, attempts=2, retry_at=20.0)
        async with log.begin() as work:
            await log.hold(work, held)
        async with log.begin() as work:
            await log.hold(work, tried, held)

        with pytest.raises(Overtaken):
            async with log.begin() as work:
                await log.hold(work, msgspec.structs.replace(held, attempts=9), held)
        with pytest.raises(Overtaken):
            async with log.begin() as work:
                await log.release(work, held)
        sooner = msgspec.structs.replace(tried, retry_at=19.0)
        with pytest.raises(Overtaken):
            async with log.begin() as work:
                await log.release(work, sooner)
        assert await log.held("g") == [tried]

        async with log.begin() as work:
            await log.release(work, tried)
        with pytest.raises(Overtaken):
            async with log.begin() as work:
                await log.release(work, tried)

    async def test_what_is_old_and_passed_by_all_is_forgotten(self, log: Log) -> None:
        await publish(log, *(at(created(str(i)), 100.0 * i) for i in range(1, 6)))
        for group, position in (("g", 4), ("h", 3)):
            await log.join(group)
            async with log.begin() as work:
                await log.advance(work, group, 0, position)

        # Not the second, which is not old; nor the fourth, which one group has not passed.
        assert await log.compact(200.0) == 1
        assert await log.compact(200.0) == 0
        assert await log.compact(1e6) == 2
        await publish(log, at(created("6"), 600.0))

        log = await self.another(log)
        assert [entry.position for entry in await log.read(3)] == [4, 5, 6]
        assert await log.end() == 6
        assert await log.join("new") == 3
        with pytest.raises(Compacted) as caught:
            await log.read(2)
        assert (caught.value.asked, caught.value.oldest) == (2, 4)

    async def test_what_is_forgotten_stops_at_the_first_that_is_not_old(self, log: Log) -> None:
        await publish(log, *(at(created(str(i)), t) for i, t in enumerate((1.0, 9.0, 2.0))))

        assert await log.compact(5.0) == 1
        assert [entry.event.id for entry in await log.read(1)] == ["1", "2"]

    async def test_that_it_was_handled_is_forgotten_with_an_event_and_what_is_held_is_not(
        self, log: Log
    ) -> None:
        old, young = at(created("old"), 1.0), at(created("young"), 9.0)
        await publish(log, old, young)
        await log.join("g")
        async with log.begin() as work:
            await log.advance(work, "g", 0, 2)
            for event in (old, young):
                assert await log.admit(work, "g", event)
            await log.hold(work, Held("g", 1, old))

        assert await log.compact(5.0) == 1

        assert await log.held("g") == [Held("g", 1, old)]
        async with log.begin() as work:
            assert await log.admit(work, "g", old)
            assert not await log.admit(work, "g", young)
        await publish(log, young, old)
        assert [(e.position, e.event.id) for e in await log.read(1)] == [(2, "young"), (3, "old")]
