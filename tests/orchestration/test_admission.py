from __future__ import annotations

import asyncio
from random import Random

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from rollcall.orchestration.admission import Admission, Slot
from rollcall.orchestration.errors import AgentNotFound, QueueFull


def an_admission(limit: int = 10, queue_size: int = 100, **agents: int) -> Admission:
    admission = Admission(limit, queue_size)
    for agent, slots in agents.items():
        admission.open(agent, slots)
    return admission


async def settle() -> None:
    for _ in range(5):
        await asyncio.sleep(0)


async def test_a_free_slot_is_given_at_once() -> None:
    admission = an_admission(a=1)
    await admission.enter("a")
    assert (admission.taken, admission.taken_by("a"), admission.full("a")) == (1, 1, True)


async def test_who_waits_gets_the_slot_that_is_given_back() -> None:
    admission = an_admission(a=1)
    slot = await admission.enter("a")
    waiting = asyncio.create_task(admission.enter("a"))
    await settle()
    assert (waiting.done(), admission.waiting) == (False, 1)

    slot.leave()
    await waiting
    assert (admission.taken, admission.waiting) == (1, 0)


async def test_the_most_urgent_goes_first_then_who_came_first() -> None:
    admission = an_admission(a=1)
    slot = await admission.enter("a")
    order: list[str] = []

    async def wait(name: str, priority: int) -> None:
        held = await admission.enter("a", priority)
        order.append(name)
        held.leave()

    tasks = [
        asyncio.create_task(wait(name, priority))
        for name, priority in [("low", 0), ("first", 1), ("second", 1), ("urgent", 3)]
    ]
    await settle()
    slot.leave()
    await asyncio.gather(*tasks)
    assert order == ["urgent", "first", "second", "low"]


async def test_who_waits_for_a_busy_agent_delays_nobody_at_another() -> None:
    admission = an_admission(limit=2, a=1, b=1)
    await admission.enter("a")
    waiting = asyncio.create_task(admission.enter("a", 3))
    await settle()
    await admission.enter("b")
    assert not waiting.done()
    waiting.cancel()
    await asyncio.wait({waiting})


async def test_the_runtime_s_slots_bound_all_agents_together() -> None:
    admission = an_admission(limit=1, a=5, b=5)
    slot = await admission.enter("a")
    waiting = asyncio.create_task(admission.enter("b"))
    await settle()
    assert not waiting.done()
    slot.leave()
    await waiting


async def test_what_a_running_task_waits_for_needs_no_slot_of_the_runtime() -> None:
    admission = an_admission(limit=1, a=1, b=1)
    outer = await admission.enter("a")
    inner = await admission.enter("b", nested=True)
    assert admission.taken == 2
    waiting = asyncio.create_task(admission.enter("a", 3))
    nested = asyncio.create_task(admission.enter("b", nested=True))
    await settle()
    assert not nested.done()
    inner.leave()
    held = await nested
    assert not waiting.done()
    outer.leave()
    (await waiting).leave()
    held.leave()
    assert (admission.taken, admission.waiting) == (0, 0)


async def test_what_a_running_task_waits_for_goes_before_the_most_urgent() -> None:
    admission = an_admission(limit=1, a=1)
    slot = await admission.enter("a")
    urgent = asyncio.create_task(admission.enter("a", 3))
    await settle()
    nested = asyncio.create_task(admission.enter("a", nested=True))
    await settle()
    slot.leave()
    held = await nested
    assert not urgent.done()
    held.leave()
    (await urgent).leave()


async def test_one_more_than_may_wait_is_refused() -> None:
    admission = an_admission(queue_size=1, a=1)
    await admission.enter("a")
    waiting = asyncio.create_task(admission.enter("a"))
    await settle()
    with pytest.raises(QueueFull) as caught:
        await admission.enter("a")
    assert caught.value.size == 1
    waiting.cancel()
    await asyncio.wait({waiting})


async def test_who_gives_up_leaves_the_queue() -> None:
    admission = an_admission(queue_size=1, a=1)
    slot = await admission.enter("a")
    for _ in range(3):
        waiting = asyncio.create_task(admission.enter("a"))
        await settle()
        waiting.cancel()
        await asyncio.wait({waiting})
        assert admission.waiting == 0
    slot.leave()
    assert admission.taken == 0


async def test_a_slot_granted_in_the_moment_of_cancellation_is_not_lost() -> None:
    admission = an_admission(a=1)
    slot = await admission.enter("a")
    waiting = asyncio.create_task(admission.enter("a"))
    await settle()
    slot.leave()
    waiting.cancel()
    await asyncio.wait({waiting})
    assert waiting.cancelled()
    assert admission.taken == 0


async def test_a_slot_is_given_back_once() -> None:
    admission = an_admission(a=2)
    first, _ = await admission.enter("a"), await admission.enter("a")
    first.leave()
    first.leave()
    assert admission.taken == 1


async def test_who_waits_for_an_agent_that_leaves_is_told() -> None:
    admission = an_admission(a=1)
    slot = await admission.enter("a")
    waiting = asyncio.create_task(admission.enter("a"))
    await settle()
    admission.close("a")
    with pytest.raises(AgentNotFound):
        await waiting
    with pytest.raises(AgentNotFound):
        await admission.enter("a")
    slot.leave()
    assert (admission.taken, admission.waiting) == (0, 0)


@settings(max_examples=40)
@given(seed=st.integers(0, 2**32), limit=st.integers(1, 4), slots=st.integers(1, 3))
def test_no_limit_is_ever_exceeded_and_no_slot_is_lost(seed: int, limit: int, slots: int) -> None:
    async def scenario() -> None:
        rng = Random(seed)
        admission = an_admission(limit, 1000, a=slots, b=slots)
        entering: list[tuple[asyncio.Task[Slot], bool]] = []
        held: list[tuple[Slot, bool]] = []
        for _ in range(80):
            action = rng.random()
            if action < 0.5:
                nested = rng.random() < 0.2
                entry = admission.enter(rng.choice("ab"), rng.randrange(3), nested=nested)
                entering.append((asyncio.create_task(entry), nested))
            elif action < 0.7 and entering:
                entering.pop(rng.randrange(len(entering)))[0].cancel()
            elif held:
                held.pop(rng.randrange(len(held)))[0].leave()
            await asyncio.sleep(0)
            held += [(task.result(), nested) for task, nested in entering if task.done()]
            entering = [one for one in entering if not one[0].done()]
            assert sum(not nested for _, nested in held) <= limit
            assert max(admission.taken_by("a"), admission.taken_by("b")) <= slots
        while held or entering:
            while held:
                held.pop()[0].leave()
            await settle()
            held = [(task.result(), nested) for task, nested in entering if task.done()]
            entering = [one for one in entering if not one[0].done()]
            # Somebody always moves: a free slot never stands before a waiting task.
            assert held or not entering
        assert (admission.taken, admission.waiting) == (0, 0)

    asyncio.run(scenario())
