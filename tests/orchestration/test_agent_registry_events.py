"""Events: the queue, iterators, listeners; and that none of them can hold anybody up."""

from __future__ import annotations

import asyncio
from types import SimpleNamespace
from typing import Any

import pytest

from rollcall.kernel.clock import utc
from rollcall.kernel.errors import Closed
from rollcall.orchestration import (
    AgentRegistry,
    AgentRegistryConfig,
    AgentStatus,
    RegistryEvent,
    RegistryEventType,
)
from rollcall.testing.clock import FrozenClock
from support.registries import OpenAgentRegistry

REGISTERED = RegistryEventType.AGENT_REGISTERED
HEARTBEAT = RegistryEventType.AGENT_HEARTBEAT


async def register(registry: AgentRegistry, *keys: str) -> None:
    for key in keys:
        await registry.register_agent(SimpleNamespace(), "r", agent_id=key)


async def told(registry: AgentRegistry, count: int) -> list[str]:
    """The next events of the queue: the agent, or the runtime."""
    async with asyncio.timeout(30):
        taken = [await registry.get_event() for _ in range(count)]
    return [one.agent_id or f"runtime {one.runtime_id}" for one in taken]


async def done(task: asyncio.Future[Any], clock: FrozenClock) -> Any:
    """The result of a task that needs no more than a few rounds of the loop."""
    await clock.settle()
    assert task.done()
    return task.result()


async def test_get_event_gives_what_happened_in_its_order(registry: AgentRegistry) -> None:
    await register(registry, "a", "b")
    assert await told(registry, 3) == ["runtime r", "a", "b"]
    assert registry.event_queue.empty()


async def test_get_event_waits_for_an_event(registry: AgentRegistry, clock: FrozenClock) -> None:
    waiting = asyncio.ensure_future(registry.get_event())
    await clock.settle()
    assert not waiting.done()
    await register(registry, "a")
    assert (await done(waiting, clock)).event_type is RegistryEventType.RUNTIME_JOINED


async def test_readers_of_the_queue_share_it(registry: AgentRegistry, clock: FrozenClock) -> None:
    readers = asyncio.gather(*(told(registry, 1) for _ in range(4)))
    await register(registry, "a", "b", "c")
    answers = await done(readers, clock)
    assert sorted(one for (one,) in answers) == ["a", "b", "c", "runtime r"]


async def test_a_reader_that_gives_up_loses_no_event(
    registry: AgentRegistry, clock: FrozenClock
) -> None:
    waiting = asyncio.ensure_future(registry.get_event())
    await clock.settle()
    waiting.cancel()
    await register(registry, "a")
    assert await told(registry, 2) == ["runtime r", "a"]


async def test_a_heartbeat_is_an_event_at_the_time_of_the_heartbeat(
    registry: AgentRegistry, clock: FrozenClock
) -> None:
    await register(registry, "a")
    await told(registry, 2)
    at = utc(clock.now() + 5)
    await clock.advance(5)
    await registry.update_agent_heartbeat("a")
    await clock.advance(5)
    event = await registry.get_event()
    assert event == RegistryEvent(HEARTBEAT, "a", "r", at)


async def test_an_iterator_gives_all_events_from_its_beginning_on(
    registry: AgentRegistry, clock: FrozenClock
) -> None:
    await register(registry, "before")
    stream = registry.events()
    await register(registry, "a")
    await registry.update_agent_heartbeat("a")
    assert [(await anext(stream)).event_type for _ in range(2)] == [REGISTERED, HEARTBEAT]
    waiting = asyncio.ensure_future(anext(stream))
    await register(registry, "b")
    assert (await done(waiting, clock)).agent_id == "b"


async def test_iterators_are_independent_and_leave_the_queue_alone(
    registry: AgentRegistry,
) -> None:
    first, second = registry.events(), registry.events()
    await register(registry, "a", "b")
    ones = [(await anext(first)).agent_id for _ in range(3)]
    twos = [(await anext(second)).agent_id for _ in range(3)]
    assert ones == twos == [None, "a", "b"]
    assert await told(registry, 3) == ["runtime r", "a", "b"]


async def test_shutdown_ends_iterators_after_what_has_happened(
    registry: AgentRegistry, clock: FrozenClock
) -> None:
    async def collect() -> list[str | None]:
        return [event.agent_id async for event in registry.events()]

    collecting = [asyncio.ensure_future(collect()) for _ in range(3)]
    await clock.settle()
    await register(registry, "a")
    await registry.shutdown()
    assert [await done(one, clock) for one in collecting] == [[None, "a"]] * 3


async def test_after_shutdown_the_queue_can_be_read_to_its_end(
    registry: AgentRegistry, clock: FrozenClock
) -> None:
    await register(registry, "a")
    await registry.shutdown()
    assert await told(registry, 2) == ["runtime r", "a"]
    with pytest.raises(Closed):
        await registry.get_event()


async def test_shutdown_wakes_who_waits_for_an_event(
    registry: AgentRegistry, clock: FrozenClock
) -> None:
    waiting = asyncio.ensure_future(registry.get_event())
    await clock.settle()
    await registry.shutdown()
    with pytest.raises(Closed):
        await done(waiting, clock)


async def test_a_slow_iterator_loses_the_oldest_and_is_counted(
    open_registry: OpenAgentRegistry,
) -> None:
    registry = await open_registry(AgentRegistryConfig(event_queue_size=3))
    stream = registry.events()
    await register(registry, *"abcde")
    assert [(await anext(stream)).agent_id for _ in range(3)] == ["c", "d", "e"]
    assert (await registry.get_metrics())["listener_events_missed"] == 3


async def test_a_sync_listener_has_heard_before_the_call_returns(registry: AgentRegistry) -> None:
    heard: list[str | None] = []
    registry.subscribe(REGISTERED, lambda event: heard.append(event.agent_id))
    for number, key in enumerate("abc", 1):
        await register(registry, key)
        await registry.update_agent_heartbeat(key)
        assert heard == ["a", "b", "c"][:number]


async def test_an_async_listener_hears_one_event_after_the_other(
    registry: AgentRegistry, clock: FrozenClock
) -> None:
    heard: list[str] = []

    async def note(event: RegistryEvent) -> None:
        heard.append(f"begins {event.agent_id}")
        await asyncio.sleep(0)
        heard.append(f"ends {event.agent_id}")

    registry.subscribe(REGISTERED, note)
    await register(registry, *"abc")
    await clock.settle()
    assert heard == [f"{act} {key}" for key in "abc" for act in ("begins", "ends")]


async def test_one_callback_may_listen_to_several_types(
    registry: AgentRegistry, clock: FrozenClock
) -> None:
    heard: list[RegistryEventType] = []

    def note(event: RegistryEvent) -> None:
        heard.append(event.event_type)

    for kind in (HEARTBEAT, REGISTERED, REGISTERED):
        registry.subscribe(kind, note)
    await register(registry, "a")
    await registry.update_agent_heartbeat("a")
    await registry.deregister_agent("a", "r")
    await clock.settle()
    assert heard == [REGISTERED, HEARTBEAT]
    assert registry.event_listeners[HEARTBEAT] == [note]

    assert registry.unsubscribe(HEARTBEAT, note)
    assert not registry.unsubscribe(HEARTBEAT, note)
    await register(registry, "b")
    await registry.update_agent_heartbeat("b")
    await clock.settle()
    assert heard == [REGISTERED, HEARTBEAT, REGISTERED]


async def test_who_unsubscribes_hears_no_more(registry: AgentRegistry) -> None:
    heard: list[RegistryEvent] = []
    registry.subscribe(REGISTERED, heard.append)
    assert registry.unsubscribe(REGISTERED, heard.append)
    await register(registry, "a")
    assert heard == []
    assert not any(registry.event_listeners.values())


async def test_a_listener_of_an_unknown_type_is_refused(registry: AgentRegistry) -> None:
    with pytest.raises(ValueError, match="agent_sneezed"):
        registry.subscribe("agent_sneezed", print)  # type: ignore[arg-type]


def test_listeners_may_be_there_before_there_is_a_loop() -> None:
    registry = AgentRegistry()
    heard: list[str | None] = []
    registry.subscribe(REGISTERED, lambda event: heard.append(event.agent_id))

    async def use() -> None:
        async with registry:
            await register(registry, "a")
            assert heard == ["a"]

    asyncio.run(use())


async def test_a_listener_may_use_the_registry(registry: AgentRegistry, clock: FrozenClock) -> None:
    async def recover(event: RegistryEvent) -> None:
        if event.metadata["new_status"] == "unhealthy":
            assert event.agent_id is not None
            await registry.update_agent_status(event.agent_id, AgentStatus.ACTIVE)

    registry.subscribe(RegistryEventType.AGENT_STATUS_CHANGED, recover)
    await register(registry, "a")
    await registry.update_agent_status("a", AgentStatus.UNHEALTHY)
    await clock.settle()
    assert registry.agents["a"].status is AgentStatus.ACTIVE


async def test_a_listener_that_raises_is_counted_and_the_others_hear(
    registry: AgentRegistry, clock: FrozenClock, caplog: pytest.LogCaptureFixture
) -> None:
    heard: list[str | None] = []

    def fail(event: RegistryEvent) -> None:
        raise LookupError("sync")

    async def fail_later(event: RegistryEvent) -> None:
        raise LookupError("async")

    registry.subscribe(REGISTERED, fail)
    registry.subscribe(REGISTERED, fail_later)
    registry.subscribe(REGISTERED, lambda event: heard.append(event.agent_id))
    await register(registry, "a", "b")
    await clock.settle()
    assert heard == ["a", "b"]
    assert (await registry.get_metrics())["listener_errors"] == 4
    assert len(caplog.records) == 4


@pytest.mark.parametrize("is_async", [False, True])
async def test_a_listener_that_is_cancelled_within_hears_on_and_so_do_others(
    registry: AgentRegistry, clock: FrozenClock, is_async: bool
) -> None:
    heard: list[str | None] = []
    others: list[str | None] = []

    def give_up(event: RegistryEvent) -> None:
        heard.append(event.agent_id)
        raise asyncio.CancelledError

    async def give_up_later(event: RegistryEvent) -> None:
        give_up(event)

    registry.subscribe(REGISTERED, give_up_later if is_async else give_up)
    registry.subscribe(REGISTERED, lambda event: others.append(event.agent_id))
    await register(registry, *"abc")
    await clock.settle()
    assert others == heard == ["a", "b", "c"]
    assert (await registry.get_metrics())["listener_errors"] == 3


async def test_a_slow_listener_catches_up_and_holds_up_nobody(
    registry: AgentRegistry, clock: FrozenClock
) -> None:
    free = asyncio.Event()
    slow: list[str | None] = []
    quick: list[str | None] = []

    async def wait(event: RegistryEvent) -> None:
        await free.wait()
        slow.append(event.agent_id)

    registry.subscribe(REGISTERED, wait)
    registry.subscribe(REGISTERED, lambda event: quick.append(event.agent_id))
    await register(registry, *"abcde")
    assert (slow, quick) == ([], [*"abcde"])
    free.set()
    await clock.settle()
    assert slow == [*"abcde"]


async def test_what_a_hanging_listener_loses_is_counted(open_registry: OpenAgentRegistry) -> None:
    registry = await open_registry(AgentRegistryConfig(event_queue_size=5))
    free = asyncio.Event()

    async def hang(event: RegistryEvent) -> None:
        await free.wait()

    registry.subscribe(REGISTERED, hang)
    await register(registry, *"abcdefghij")
    # Of eleven events five are kept; it hangs over the second.
    assert (await registry.get_metrics())["listener_events_missed"] == 11 - 5 - 2
    free.set()


async def test_shutdown_gives_a_hanging_listener_a_second(clock: FrozenClock) -> None:
    registry = AgentRegistry(clock=clock)
    await registry.start()
    broken_off = False

    async def hang(event: RegistryEvent) -> None:
        nonlocal broken_off
        try:
            await asyncio.Event().wait()
        finally:
            broken_off = True

    registry.subscribe(REGISTERED, hang)
    await register(registry, "a")
    stopping = asyncio.ensure_future(registry.shutdown())
    await clock.advance(0.9)
    assert not stopping.done()
    await clock.advance(0.1)
    await done(stopping, clock)
    assert broken_off
