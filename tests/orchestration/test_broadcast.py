"""Events of the core in the words of document 5, and who gets them."""

from __future__ import annotations

import asyncio
from typing import Any

import pytest

from rollcall.kernel.clock import utc
from rollcall.orchestration.broadcast import TYPES, WORDS, Broadcast
from rollcall.orchestration.models import AgentStatus, RegistryEvent, RegistryEventType
from rollcall.registry.events import Cause, Event, EventType
from rollcall.registry.models import Capability, Kind, Record
from rollcall.registry.status import EFFECTIVE, Status
from rollcall.testing.clock import FrozenClock

RECORD = Record(
    *("default", "a", Kind.AGENT, "A", Status.ACTIVE, 1.0, 1.0),
    capabilities=(Capability("code"), Capability("tests")),
    runtime="r",
)


def event(kind: EventType, at: float = 5.0, **others: Any) -> Event:
    about = "r" if kind in (EventType.RUNTIME_JOINED, EventType.RUNTIME_LEFT) else "a"
    given: dict[str, Any] = {"cause": Cause.REGISTERED} | others
    return Event(kind, "default", about, "r", at, 1, 0, "op", **given)


@pytest.fixture
def broadcast(clock: FrozenClock) -> Broadcast:
    return Broadcast(clock, 4, {"a": "r"}.get)


async def told(broadcast: Broadcast, one: Event) -> RegistryEvent:
    broadcast.tell(one)
    async with asyncio.timeout(30):
        return await broadcast.get()


async def test_a_registration_names_agent_runtime_time_and_capabilities(
    broadcast: Broadcast,
) -> None:
    assert await told(broadcast, event(EventType.REGISTERED, record=RECORD)) == RegistryEvent(
        RegistryEventType.AGENT_REGISTERED, "a", "r", utc(5.0), {"capabilities": ["code", "tests"]}
    )


async def test_an_agent_that_came_back_was_registered_as_well(broadcast: Broadcast) -> None:
    back = await told(broadcast, event(EventType.REREGISTERED, record=RECORD))
    assert back.event_type is RegistryEventType.AGENT_REGISTERED


@pytest.mark.parametrize(
    ("core", "word"),
    [
        (EventType.RUNTIME_JOINED, RegistryEventType.RUNTIME_JOINED),
        (EventType.RUNTIME_LEFT, RegistryEventType.RUNTIME_LEFT),
    ],
)
async def test_events_of_a_runtime_name_no_agent(
    broadcast: Broadcast, core: EventType, word: RegistryEventType
) -> None:
    assert await told(broadcast, event(core)) == RegistryEvent(word, None, "r", utc(5.0), {})


async def test_a_change_of_status_says_from_what_to_what_and_why(broadcast: Broadcast) -> None:
    change = event(
        EventType.STATUS_CHANGED, old=Status.ACTIVE, new=Status.SUSPECT, cause=Cause.MISSED
    )
    assert (await told(broadcast, change)).metadata == {
        "old_status": AgentStatus.ACTIVE,
        "new_status": AgentStatus.UNHEALTHY,
        "cause": "heartbeat missed",
    }


async def test_a_detail_says_more_than_the_cause(broadcast: Broadcast) -> None:
    gone = event(EventType.DEREGISTERED, cause=Cause.MISSED, detail="ten leases at once")
    assert (await told(broadcast, gone)).metadata == {"cause": "ten leases at once"}


@pytest.mark.parametrize("kind", sorted(set(EventType) - TYPES.keys()))
async def test_what_the_document_has_no_word_for_is_not_told(
    broadcast: Broadcast, kind: EventType
) -> None:
    broadcast.tell(event(kind))
    assert broadcast.depth == 0


def test_every_effective_status_has_a_word() -> None:
    assert WORDS.keys() == set(EFFECTIVE)
    assert set(WORDS.values()) == set(AgentStatus)


async def test_a_heartbeat_is_told_at_its_own_time(
    broadcast: Broadcast, clock: FrozenClock
) -> None:
    broadcast.ring.append(("a", clock.monotonic()))
    then = utc(clock.now())
    await clock.advance(9)
    assert await broadcast.get() == RegistryEvent(RegistryEventType.AGENT_HEARTBEAT, "a", "r", then)


async def test_what_leaves_the_queue_unread_is_counted_once(broadcast: Broadcast) -> None:
    for number in range(10):
        broadcast.tell(event(EventType.REGISTERED, float(number), record=RECORD))
    assert (broadcast.depth, broadcast.lost) == (4, 6)
    assert [(await broadcast.get()).timestamp for _ in range(4)] == [utc(n) for n in range(6, 10)]
    assert (broadcast.depth, broadcast.lost) == (0, 6)
    for number in range(5):
        broadcast.tell(event(EventType.REGISTERED, float(number), record=RECORD))
    assert broadcast.metrics() == {
        "event_queue_depth": 4,
        "events_dropped": 7,
        "listener_errors": 0,
        "listener_events_missed": 0,
    }


async def test_a_listener_that_comes_back_late_goes_on_with_what_is_kept(
    broadcast: Broadcast, clock: FrozenClock
) -> None:
    free = asyncio.Event()
    heard: list[float] = []

    async def slow(one: RegistryEvent) -> None:
        heard.append(one.timestamp.timestamp())
        await free.wait()

    broadcast.subscribe(RegistryEventType.AGENT_REGISTERED, slow)
    for number in range(10):
        broadcast.tell(event(EventType.REGISTERED, float(number), record=RECORD))
        await clock.settle(3)
    assert heard == [0.0]
    free.set()
    await clock.settle()
    assert heard == [0.0, 6.0, 7.0, 8.0, 9.0]
    assert broadcast.metrics()["listener_events_missed"] == 5
    await broadcast.close(grace=1.0)


async def test_events_from_before_a_subscription_are_not_for_it(
    broadcast: Broadcast, clock: FrozenClock
) -> None:
    heard: list[RegistryEvent] = []
    broadcast.tell(event(EventType.REGISTERED, record=RECORD))
    broadcast.subscribe(RegistryEventType.AGENT_REGISTERED, heard.append)
    await clock.settle()
    assert heard == []
    await broadcast.close(grace=1.0)


async def test_closing_lets_listeners_finish_what_is_there(
    broadcast: Broadcast, clock: FrozenClock
) -> None:
    heard: list[float] = []

    async def note(one: RegistryEvent) -> None:
        await clock.sleep(0.2)
        heard.append(one.timestamp.timestamp())

    broadcast.subscribe(RegistryEventType.AGENT_REGISTERED, note)
    for number in range(3):
        broadcast.tell(event(EventType.REGISTERED, float(number), record=RECORD))
    closing = asyncio.ensure_future(broadcast.close(grace=1.0))
    await clock.advance(0.7)
    assert closing.done()
    assert heard == [0.0, 1.0, 2.0]


def test_without_a_loop_one_can_subscribe_already(broadcast: Broadcast) -> None:
    broadcast.subscribe(RegistryEventType.AGENT_REGISTERED, print)
    assert broadcast.listeners(RegistryEventType.AGENT_REGISTERED) == [print]
    assert broadcast.unsubscribe(RegistryEventType.AGENT_REGISTERED, print)
    assert broadcast.listeners(RegistryEventType.AGENT_REGISTERED) == []
