# SPDX-License-Identifier: Apache-2.0
"""What every log promises that delivers to groups (`rollcall.events.delivery`)."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Iterable
from typing import Any

import pytest
import pytest_asyncio

from rollcall.events.dispatcher import Dispatcher
from rollcall.events.envelope import Event
from rollcall.events.errors import NestedWork, NotParked
from rollcall.events.subscriptions import DeliverySettings, Handler, Sink, Subscription
from rollcall.kernel.errors import InvalidInput
from rollcall.policies.retry import RetryPolicy
from rollcall.testing.clock import FrozenClock
from rollcall.testing.event_log_contract.case import (
    CREATED,
    DELETED,
    Delivering,
    DeliveryCase,
    LogT,
    created,
    deleted_after,
    publish,
)

PATIENCE = 60
BOTH = frozenset({CREATED, DELETED})


class GivenUp(Exception):
    """Ends a unit of work with an error."""


class Office:
    """Handles events of one log, as long as it is told nothing else."""

    def __init__(self) -> None:
        self.clock = FrozenClock()
        self.handled: list[str] = []
        self.broken: set[str] = set()
        """Ids of events that fail."""
        self.dispatchers: list[Dispatcher[Any]] = []
        self.settings = DeliverySettings(
            retry=RetryPolicy(max_retries=2, initial_delay=1.0), batch=3
        )

    async def send(self, event: Event) -> None:
        self.handled.append(event.id)
        if event.id in self.broken:
            raise ValueError(f"{event.id} is broken")

    async def handle(self, event: Event, work: Any) -> None:
        await self.send(event)

    async def open(self, log: Delivering, *subscriptions: Subscription[Any]) -> Dispatcher[Any]:
        some = subscriptions or (Handler("g", BOTH, self.handle),)
        dispatcher: Dispatcher[Any] = Dispatcher(log, self.clock, some, self.settings)
        self.dispatchers.append(dispatcher)
        await dispatcher.start()
        return dispatcher

    async def done(self) -> None:
        for dispatcher in self.dispatchers:
            await asyncio.wait_for(dispatcher.drained(), PATIENCE)

    async def later(self, seconds: float) -> None:
        await self.clock.advance(seconds)
        await self.done()

    async def close(self) -> None:
        for dispatcher in self.dispatchers:
            await asyncio.wait_for(dispatcher.stop(), PATIENCE)
        self.dispatchers.clear()

    def of(self, subject: str) -> list[str]:
        """What was handled of a subject; ids begin with theirs."""
        return [id for id in self.handled if id.startswith(subject)]


def some(*ids: str) -> list[Event]:
    """Events named `<subject><number>`: `a1`, `a2`, `b1` ..."""
    return [created(id, id[0]) for id in ids]


class OfficeCase(DeliveryCase[LogT]):
    """A log, and an office that handles its events."""

    @pytest_asyncio.fixture
    async def office(self, log: LogT) -> AsyncIterator[Office]:
        office = Office()
        yield office
        await office.close()


class DeliveryTests(OfficeCase[LogT]):
    async def test_each_event_is_delivered_once_to_each_group_and_in_order_of_its_key(
        self, log: LogT, office: Office
    ) -> None:
        sent: list[Event] = []

        async def handle(event: Event, work: Any) -> None:
            office.handled.append(event.id)
            work.publish(deleted_after(event))

        async def send(event: Event) -> None:
            sent.append(event)

        events = [created(f"{'abc'[i % 3]}{i}", "abc"[i % 3]) for i in range(20)]
        await publish(log, *events[:10])
        await office.open(
            log, Handler("h", frozenset({CREATED}), handle), Sink("s", frozenset({DELETED}), send)
        )
        await publish(log, *events[10:])
        await office.done()

        assert sorted(office.handled) == sorted(event.id for event in events)
        for subject in "abc":
            own = [event for event in events if event.subject == subject]
            assert office.of(subject) == [event.id for event in own]
            told = [event for event in sent if event.subject == subject]
            assert told == [deleted_after(event) for event in own]

    async def test_events_of_one_key_keep_their_order_over_all_their_types(
        self, log: LogT, office: Office
    ) -> None:
        expected: dict[str, list[str]] = {}
        await office.open(log)
        for number in range(12):
            for subject in "abcd":
                made = created(f"{subject}{number}", subject)
                gone = deleted_after(made)
                expected.setdefault(subject, []).extend([made.id, gone.id])
                await publish(log, made, gone)
        await office.done()

        for ids in expected.values():
            assert [id for id in office.handled if id in ids] == ids

    async def test_who_goes_on_later_has_nothing_left_to_do(
        self, log: LogT, office: Office
    ) -> None:
        await publish(log, *some("a1", "b1", "a2"))
        await office.open(log)
        await office.done()
        await office.close()

        log = await self.another(log)
        await publish(log, *some("a3"))
        await office.open(log)
        await office.done()

        assert office.of("a") == ["a1", "a2", "a3"]
        assert office.of("b") == ["b1"]

    async def test_a_new_group_begins_before_the_oldest_event(
        self, log: LogT, office: Office
    ) -> None:
        await publish(log, *some("a1", "a2"))
        await office.open(log)
        await office.done()
        await office.open(log, Handler("new", BOTH, office.handle))
        await office.done()

        assert office.handled == ["a1", "a2", "a1", "a2"]

    async def test_what_was_told_twice_is_handled_once(self, log: LogT, office: Office) -> None:
        await publish(log, *some("a1", "a2", "a1"))
        await office.open(log)
        await publish(log, *some("a2", "a3"))
        await office.done()

        assert office.handled == ["a1", "a2", "a3"]

    async def test_what_is_given_up_is_told_to_nobody(self, log: LogT, office: Office) -> None:
        async def write_and_give_up() -> None:
            async with log.begin() as work:
                work.publish(*some("a1"))
                raise GivenUp

        with pytest.raises(GivenUp):
            await write_and_give_up()
        await publish(log, *some("a2"))
        await office.open(log)
        await office.done()

        assert office.handled == ["a2"]

    async def test_what_the_catalogue_or_json_has_no_word_for_is_refused_where_it_is_published(
        self, log: LogT
    ) -> None:
        nameless = created("1")
        nameless.data.pop("name")
        odd = created("2")
        odd.data["name"] = object()
        async with log.begin() as work:
            for wrong in (nameless, odd):
                with pytest.raises(InvalidInput, match="data"):
                    work.publish(wrong)
        assert await log.end() == 0

    async def test_a_unit_of_work_inside_another_one_is_refused(self, log: LogT) -> None:
        async with log.begin():
            with pytest.raises(NestedWork):
                await publish(log, created())

    async def test_what_a_failed_attempt_told_is_not_told(self, log: LogT, office: Office) -> None:
        told: list[Event] = []

        async def handle(event: Event, work: Any) -> None:
            work.publish(deleted_after(event))
            office.handled.append(event.id)
            if len(office.handled) == 1:
                raise ValueError("not yet")

        async def send(event: Event) -> None:
            told.append(event)

        await publish(log, *some("a1"))
        await office.open(
            log, Handler("h", frozenset({CREATED}), handle), Sink("s", frozenset({DELETED}), send)
        )
        await office.done()
        assert await log.end() == 1
        (held,) = await log.held("h")
        assert (held.attempts, held.error, held.event) == (1, "ValueError: not yet", *some("a1"))

        await office.later(1.0)
        assert office.handled == ["a1", "a1"]
        assert told == [deleted_after(*some("a1"))]
        assert await log.held("h") == []

    async def test_an_event_that_fails_holds_back_its_own_key_and_no_other(
        self, log: LogT, office: Office
    ) -> None:
        office.broken = {"a1"}
        await publish(log, *some("a1", "b1", "a2", "b2", "a3"))
        dispatcher = await office.open(log)
        await office.done()
        tries = [office.of("a")]
        for seconds in (0.9, 0.1, 1.9, 0.1, 1000.0):
            await office.later(seconds)
            tries.append(office.of("a"))

        assert [len(one) for one in tries] == [1, 1, 2, 2, 3, 3]
        assert set(tries[-1]) == {"a1"}
        assert office.of("b") == ["b1", "b2"]
        (status,) = await dispatcher.status()
        assert (status.retrying, status.waiting, status.parked) == (0, 2, 1)
        assert (status.delivered, status.failures, status.lag) == (2, 3, 0)
        (parked,) = await dispatcher.parked("g")
        assert (parked.event.id, parked.attempts, parked.retry_at) == ("a1", 3, None)

    async def test_a_parked_event_can_be_replayed_and_lets_those_behind_it_go(
        self, log: LogT, office: Office
    ) -> None:
        office.broken = {"a1"}
        await publish(log, *some("a1", "a2", "a3"))
        dispatcher = await office.open(log)
        await office.done()
        await office.later(1.0)
        await office.later(2.0)
        (parked,) = await dispatcher.parked("g")
        office.broken.clear()
        office.handled.clear()

        await dispatcher.replay("g", parked.position)
        await office.done()

        assert office.handled == ["a1", "a2", "a3"]
        assert await log.held("g") == []
        with pytest.raises(NotParked):
            await dispatcher.replay("g", parked.position)

    async def test_a_parked_event_can_be_given_up(self, log: LogT, office: Office) -> None:
        office.broken = {"a1"}
        await publish(log, *some("a1", "a2"))
        dispatcher = await office.open(log)
        await office.done()
        await office.later(1.0)
        await office.later(2.0)
        (parked,) = await dispatcher.parked("g")
        office.handled.clear()

        await dispatcher.skip("g", parked.position)
        await publish(log, *some("a1", "a3"))
        await office.done()

        assert office.handled == ["a2", "a3"]
        with pytest.raises(NotParked):
            await dispatcher.skip("g", parked.position)

    async def test_what_is_parked_is_still_parked_when_the_log_is_opened_again(
        self, log: LogT, office: Office
    ) -> None:
        office.broken = {"a1"}
        await publish(log, *some("a1", "a2", "b1"))
        await office.open(log)
        for seconds in (0.0, 1.0, 2.0):
            await office.later(seconds)
        await office.close()
        office.handled.clear()

        log = await self.another(log)
        dispatcher = await office.open(log)
        await publish(log, *some("a3"))
        await office.later(1000.0)

        assert office.handled == []
        (parked,) = await dispatcher.parked("g")
        assert parked.event.id == "a1"
        assert (await dispatcher.status())[0].waiting == 2

    async def test_a_group_that_is_paused_is_given_nothing_until_it_goes_on(
        self, log: LogT, office: Office
    ) -> None:
        dispatcher = await office.open(log)
        await publish(log, *some("a1"))
        await office.done()
        dispatcher.pause("g")
        assert (await dispatcher.status())[0].paused
        await publish(log, *some("a2", "b1"))
        await office.done()
        assert office.handled == ["a1"]

        dispatcher.resume("g")
        await office.done()
        assert office.of("a") == ["a1", "a2"]
        assert office.of("b") == ["b1"]
        assert (await dispatcher.status())[0].lag == 0

    async def test_two_that_deliver_to_one_group_share_its_events(
        self, log: LogT, office: Office
    ) -> None:
        expected = _ids("abcdefgh", range(5))
        await office.open(log)
        await publish(log, *some(*expected[:20]))
        await office.open(log)
        await publish(log, *some(*expected[20:]))
        await office.done()
        # What moved from one to the other meanwhile is done as well.
        await office.done()

        assert sorted(office.handled) == sorted(expected)
        for subject in "abcdefgh":
            assert office.of(subject) == [id for id in expected if id.startswith(subject)]


def _ids(subjects: str, numbers: Iterable[int]) -> list[str]:
    return [f"{subject}{number}" for number in numbers for subject in subjects]
