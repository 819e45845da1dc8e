from __future__ import annotations

import asyncio

import pytest
from hypothesis import given
from hypothesis import strategies as st

from rollcall.testing.clock import FrozenClock

SECONDS = st.floats(min_value=0.001, max_value=1e6)


@pytest.fixture
def clock() -> FrozenClock:
    return FrozenClock()


def note(
    clock: FrozenClock, woken: list[tuple[str, float]], name: str, seconds: float
) -> asyncio.Task[None]:
    """Sleep for `seconds`, then write down the name and the monotonic time since now."""
    start = clock.monotonic()

    async def sleeper() -> None:
        await clock.sleep(seconds)
        woken.append((name, clock.monotonic() - start))

    return asyncio.create_task(sleeper())


async def test_time_stands_still_until_it_is_moved(clock: FrozenClock) -> None:
    now, monotonic = clock.now(), clock.monotonic()

    await clock.settle()
    assert (clock.now(), clock.monotonic()) == (now, monotonic)

    await clock.advance(2.5)
    assert (clock.now(), clock.monotonic()) == (now + 2.5, monotonic + 2.5)


def test_it_stands_first_where_it_is_told_to() -> None:
    assert FrozenClock(now=86_400.0).now() == 86_400.0


async def test_sleepers_wake_at_their_deadlines_in_order(clock: FrozenClock) -> None:
    woken: list[tuple[str, float]] = []
    tasks = [note(clock, woken, "late", 3.0), note(clock, woken, "early", 1.0)]

    await clock.advance(2.0)
    assert woken == [("early", 1.0)]

    await clock.advance(2.0)
    assert woken == [("early", 1.0), ("late", 3.0)]
    assert all(task.done() for task in tasks)


async def test_sleepers_of_one_deadline_wake_in_the_order_they_came(clock: FrozenClock) -> None:
    woken: list[tuple[str, float]] = []
    tasks = [note(clock, woken, name, 1.0) for name in "abc"]

    await clock.advance(1.0)

    assert [name for name, _ in woken] == ["a", "b", "c"]
    assert all(task.done() for task in tasks)


async def test_a_periodic_task_runs_at_each_of_its_times(clock: FrozenClock) -> None:
    start = clock.monotonic()
    beats: list[float] = []

    async def beat() -> None:
        while True:
            await clock.sleep(10.0)
            beats.append(clock.monotonic() - start)

    task = asyncio.create_task(beat())
    await clock.advance(35.0)

    assert beats == [10.0, 20.0, 30.0]
    task.cancel()


async def test_a_cancelled_sleeper_holds_nobody_up(clock: FrozenClock) -> None:
    woken: list[tuple[str, float]] = []
    cancelled = note(clock, woken, "cancelled", 1.0)
    other = note(clock, woken, "other", 2.0)
    await clock.settle()
    cancelled.cancel()

    await clock.advance(5.0)

    assert woken == [("other", 2.0)]
    assert other.done()


async def test_a_jump_wakes_nobody_until_time_goes_on(clock: FrozenClock) -> None:
    woken: list[tuple[str, float]] = []
    task = note(clock, woken, "sleeper", 1.0)
    await clock.settle()

    clock.jump(10.0)
    await clock.settle()
    assert woken == []

    await clock.advance(0.0)
    assert woken == [("sleeper", 10.0)]
    assert task.done()


@pytest.mark.parametrize("seconds", [0.0, -1.0])
async def test_no_time_to_sleep_is_one_turn_of_the_loop(clock: FrozenClock, seconds: float) -> None:
    task = asyncio.create_task(clock.sleep(seconds))

    await clock.settle()

    assert task.done()


@given(steps=st.lists(SECONDS, min_size=1, max_size=20))
def test_many_steps_arrive_where_their_sum_does(steps: list[float]) -> None:
    async def walk() -> None:
        clock = FrozenClock()
        expected = clock.monotonic()
        for step in steps:
            await clock.advance(step)
            expected += step
        assert clock.monotonic() == expected

    asyncio.run(walk())


@given(sleeps=st.lists(SECONDS, min_size=1, max_size=10))
def test_whoever_sleeps_wakes_by_its_deadline_and_not_before(sleeps: list[float]) -> None:
    async def scenario() -> None:
        clock = FrozenClock()
        woken: list[tuple[str, float]] = []
        tasks = [note(clock, woken, str(index), each) for index, each in enumerate(sleeps)]
        await clock.advance(max(sleeps))
        await asyncio.gather(*tasks)
        assert {name: round(time, 6) for name, time in woken} == {
            str(index): round(each, 6) for index, each in enumerate(sleeps)
        }

    asyncio.run(scenario())
