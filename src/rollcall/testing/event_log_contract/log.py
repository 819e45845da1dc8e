# SPDX-License-Identifier: Apache-2.0
"""Publishing and reading."""

from __future__ import annotations

import asyncio

import msgspec
import pytest

from rollcall.events.errors import NestedWork
from rollcall.events.log import Held
from rollcall.kernel.errors import InvalidInput
from rollcall.testing.event_log_contract.case import Log, LogCase, created, publish


class GivenUp(Exception):
    """Ends a unit of work with an error."""


class LogTests(LogCase):
    async def test_a_new_log_is_empty(self, log: Log) -> None:
        assert await log.end() == 0
        assert await log.read(0) == []

    async def test_events_are_read_back_as_they_were_published_and_in_order(self, log: Log) -> None:
        events = [created(str(i), f"s{i % 2}") for i in range(5)]
        await publish(log, *events[:3])
        await publish(log, *events[3:])

        entries = await log.read(0)

        assert [entry.event for entry in entries] == events
        assert [entry.position for entry in entries] == [1, 2, 3, 4, 5]
        assert await log.end() == 5
        assert await log.read(2, limit=2) == entries[2:4]
        assert await log.read(5) == []

    async def test_what_was_published_is_still_there_when_the_log_is_opened_again(
        self, log: Log
    ) -> None:
        await publish(log, created("1"), created("2"))
        log = await self.another(log)
        await publish(log, created("3"))

        assert [entry.event.id for entry in await log.read(0)] == ["1", "2", "3"]

    async def test_an_event_told_twice_is_one_event(self, log: Log) -> None:
        await publish(log, created("1"), created("2"), created("1"))
        await publish(log, created("2"), created("3"))

        entries = await log.read(0)

        assert [(entry.position, entry.event.id) for entry in entries] == [
            (1, "1"),
            (2, "2"),
            (3, "3"),
        ]

    async def test_of_very_many_events_too_each_is_known_again(self, log: Log) -> None:
        await publish(log, *(created(str(i)) for i in range(0, 6000, 2)))
        await publish(log, *(created(str(i)) for i in range(6000)))

        expected = [*range(0, 6000, 2), *range(1, 6000, 2)]
        entries = await log.read(0, limit=10_000)
        assert [entry.event.id for entry in entries] == [str(i) for i in expected]
        assert [entry.position for entry in entries] == list(range(1, 6001))

    async def test_an_id_says_nothing_about_that_of_another_namespace_or_source(
        self, log: Log
    ) -> None:
        theirs = created(namespace="theirs")
        elsewhere = msgspec.structs.replace(created(), source="/elsewhere")
        await publish(log, created(), theirs, elsewhere)

        assert [entry.event for entry in await log.read(0)] == [created(), theirs, elsewhere]

    async def test_a_unit_of_work_that_is_given_up_leaves_nothing(self, log: Log) -> None:
        async def write_and_give_up() -> None:
            async with log.begin() as work:
                work.publish(created())
                await log.advance(work, "g", 0, 1)
                await log.hold(work, Held("g", 1, created()))
                assert await log.admit(work, "g", created())
                raise GivenUp

        await log.join("g")
        with pytest.raises(GivenUp):
            await write_and_give_up()

        assert await log.read(0) == []
        assert await log.join("g") == 0
        assert await log.held("g") == []
        async with log.begin() as work:
            assert await log.admit(work, "g", created())

    async def test_what_is_published_is_not_there_before_the_unit_of_work_ends(
        self, log: Log
    ) -> None:
        async with log.begin() as work:
            work.publish(created())
            assert await log.read(0) == []
        assert len(await log.read(0)) == 1

    async def test_a_unit_of_work_inside_another_is_refused_and_does_not_wait_for_itself(
        self, log: Log
    ) -> None:
        async def elsewhere() -> None:
            await publish(log, created("theirs"))

        async with log.begin() as work:
            work.publish(created("ours"))
            # In a task as well, as handlers are called.
            for nested in (publish(log, created()), asyncio.ensure_future(elsewhere())):
                with pytest.raises(NestedWork):
                    await nested
        await publish(log, created("next"))

        assert [entry.event.id for entry in await log.read(0)] == ["ours", "next"]

    async def test_a_task_that_was_begun_in_a_unit_of_work_may_have_its_own_afterwards(
        self, log: Log
    ) -> None:
        gate = asyncio.Event()

        async def later() -> None:
            await gate.wait()
            await publish(log, created())

        async with log.begin():
            task = asyncio.ensure_future(later())
        gate.set()
        await asyncio.wait_for(task, 5)
        assert await log.end() == 1

    async def test_an_event_that_is_not_in_the_catalogue_is_refused(self, log: Log) -> None:
        unknown = msgspec.structs.replace(created(), type="agent.vanished")
        nameless = msgspec.structs.replace(created(), data={"agent_id": "a"})
        async with log.begin() as work:
            with pytest.raises(InvalidInput, match=r"agent\.vanished"):
                work.publish(unknown)
            with pytest.raises(InvalidInput, match=r"data\.name"):
                work.publish(nameless)
        assert await log.end() == 0

    async def test_data_without_a_word_in_json_is_refused_where_it_is_published(
        self, log: Log
    ) -> None:
        odd = msgspec.structs.replace(created(), data={"agent_id": "a", "name": object()})
        async with log.begin() as work:
            with pytest.raises(InvalidInput, match="data"):
                work.publish(odd)
        assert await log.end() == 0

    async def test_waiting_ends_at_once_where_there_is_more(self, log: Log) -> None:
        await publish(log, created())
        await asyncio.wait_for(log.wait(0), 5)

    async def test_waiting_ends_when_something_is_appended(self, log: Log) -> None:
        for _ in range(2):
            waiting = asyncio.ensure_future(log.wait(0))
            await asyncio.sleep(0)
            async with log.begin():
                pass
            if not waiting.done():
                break
        else:
            # Once it may end for nothing: a log that has just begun to listen looks again.
            pytest.fail("nothing was appended, and waiting ended twice")
        await publish(log, created())
        await asyncio.wait_for(waiting, 5)

    async def test_many_writers_leave_no_gap(self, log: Log) -> None:
        async def write(writer: int) -> None:
            for number in range(5):
                await publish(log, *(created(f"{writer}-{number}-{i}") for i in range(3)))

        await asyncio.gather(*(write(writer) for writer in range(8)))

        entries = await log.read(0, limit=1000)
        assert [entry.position for entry in entries] == list(range(1, 121))
        for writer in range(8):
            own = [e.event.id for e in entries if e.event.id.startswith(f"{writer}-")]
            assert own == [f"{writer}-{number}-{i}" for number in range(5) for i in range(3)]
