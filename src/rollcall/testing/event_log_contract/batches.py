# SPDX-License-Identifier: Apache-2.0
"""What every log promises to subscriptions that take several events at a time."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from rollcall.events.envelope import Event
from rollcall.events.subscriptions import Batch, Sink, SinkBatch
from rollcall.testing.event_log_contract.case import (
    CREATED,
    DELETED,
    LogT,
    deleted_after,
    publish,
)
from rollcall.testing.event_log_contract.delivery import Office, OfficeCase, some

MADE = frozenset({CREATED})
SIZE = 10


class Clerks:
    """Handle events together, and tell of each that it was handled."""

    def __init__(self, office: Office) -> None:
        self.office = office
        self.batches: list[list[str]] = []
        """The ids that they were given together, whether they took them or not."""
        self.told: list[str] = []
        """The ids of which it was told that they were handled."""

    async def send(self, events: Sequence[Event]) -> None:
        self.batches.append([event.id for event in events])
        for event in events:
            await self.office.send(event)

    async def handle(self, events: Sequence[Event], work: Any) -> None:
        work.publish(*map(deleted_after, events))
        await self.send(events)

    async def hear(self, event: Event) -> None:
        self.told.append(event.correlation_id)

    def subscriptions(self) -> tuple[Batch[Any], Sink]:
        return (
            Batch("g", MADE, self.handle, SIZE),
            Sink("heard", frozenset({DELETED}), self.hear),
        )

    def told_of(self, subject: str) -> list[str]:
        return [id for id in self.told if id.startswith(subject)]


class BatchTests(OfficeCase[LogT]):
    async def test_a_batch_is_given_what_is_there_together_and_in_order(
        self, log: LogT, office: Office
    ) -> None:
        ids = [f"a{number}" for number in range(25)]
        clerks = Clerks(office)
        await publish(log, *some(*ids))
        await office.open(log, *clerks.subscriptions())
        await office.done()

        assert office.handled == ids
        assert clerks.told == ids
        assert max(map(len, clerks.batches)) <= SIZE
        assert len(clerks.batches) < len(ids)

    async def test_a_single_event_waits_for_no_others(self, log: LogT, office: Office) -> None:
        clerks = Clerks(office)
        await office.open(log, *clerks.subscriptions())
        for id in ("a1", "a2", "b1"):
            await publish(log, *some(id))
            await office.done()

        assert clerks.batches == [["a1"], ["a2"], ["b1"]]
        assert sorted(clerks.told) == ["a1", "a2", "b1"]

    async def test_an_event_that_fails_among_others_is_parked_alone(
        self, log: LogT, office: Office
    ) -> None:
        office.broken = {"a2", "c1"}
        clerks = Clerks(office)
        await publish(log, *some("a1", "b1", "a2", "b2", "a3", "c1", "b3", "a4"))
        dispatcher = await office.open(log, *clerks.subscriptions())
        for seconds in (0.0, 1.0, 2.0):
            await office.later(seconds)

        assert clerks.told_of("a") == ["a1"]
        assert clerks.told_of("b") == ["b1", "b2", "b3"]
        assert clerks.told_of("c") == []
        parked = await dispatcher.parked("g")
        assert sorted((one.event.id, one.attempts) for one in parked) == [("a2", 3), ("c1", 3)]
        status = next(one for one in await dispatcher.status() if one.group == "g")
        assert (status.retrying, status.waiting, status.parked) == (0, 2, 2)
        assert (status.delivered, status.failures, status.lag) == (4, 6, 0)

        office.broken.clear()
        for one in parked:
            await dispatcher.replay("g", one.position)
        await office.done()
        assert clerks.told_of("a") == ["a1", "a2", "a3", "a4"]
        assert clerks.told_of("c") == ["c1"]

    async def test_after_a_failure_events_are_handled_together_again(
        self, log: LogT, office: Office
    ) -> None:
        office.broken = {"a1"}
        clerks = Clerks(office)
        await publish(log, *some("a1", "a2"))
        await office.open(log, *clerks.subscriptions())
        await office.done()
        clerks.batches.clear()

        later = [f"b{number}" for number in range(SIZE)]
        await publish(log, *some("a3", *later))
        await office.done()

        assert office.of("b") == later
        assert len(clerks.batches) < SIZE
        assert clerks.told_of("b") == later

    async def test_what_a_batch_wrote_before_it_failed_is_gone(
        self, log: LogT, office: Office
    ) -> None:
        office.broken = {"a5"}
        clerks = Clerks(office)
        await publish(log, *some("a1", "a2", "a3", "a4", "a5"))
        await office.open(log, *clerks.subscriptions())
        await office.done()

        assert clerks.told == ["a1", "a2", "a3", "a4"]
        assert [one.event.id for one in await log.held("g")] == ["a5"]

    async def test_what_a_batch_is_told_again_is_left_out(self, log: LogT, office: Office) -> None:
        clerks = Clerks(office)
        await publish(log, *some("a1", "b1", "a1"))
        await office.open(log, *clerks.subscriptions())
        await office.done()
        await office.close()

        log = await self.another(log)
        await office.open(log, *clerks.subscriptions())
        await publish(log, *some("a2", "b1", "b2"))
        await office.done()

        assert office.of("a") == ["a1", "a2"]
        assert office.of("b") == ["b1", "b2"]
        assert clerks.told_of("a") == ["a1", "a2"]

    async def test_a_sink_is_sent_what_is_there_together(self, log: LogT, office: Office) -> None:
        office.broken = {"a3"}
        clerks = Clerks(office)
        await publish(log, *some("a1", "a2"))
        dispatcher = await office.open(log, SinkBatch("s", MADE, clerks.send, SIZE))
        await office.done()
        assert office.handled == ["a1", "a2"]

        await publish(log, *some("b1", "a3", "a4", "b2"))
        for seconds in (0.0, 1.0, 2.0):
            await office.later(seconds)

        assert list(dict.fromkeys(office.of("b"))) == ["b1", "b2"]
        assert "a4" not in office.handled
        assert [one.event.id for one in await dispatcher.parked("s")] == ["a3"]
