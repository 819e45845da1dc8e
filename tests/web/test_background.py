from __future__ import annotations

import asyncio

import pytest

from rollcall.policies.retry import RetryPolicy
from rollcall.testing.clock import FrozenClock
from rollcall.web.background import BackgroundTask, Supervisor, TaskFailing


class Work:
    """Fails as often as it is told to, after as long as it is told to."""

    def __init__(self, clock: FrozenClock, *, failures: int, after: float = 0.0) -> None:
        self.clock = clock
        self.failures = failures
        self.after = after
        self.begun: list[float] = []
        self.ended = False

    async def run(self) -> None:
        self.begun.append(self.clock.monotonic() - 1000.0)
        try:
            if len(self.begun) <= self.failures:
                await self.clock.sleep(self.after)
                raise ConnectionError("lost")
            await asyncio.Event().wait()
        finally:
            self.ended = True


def supervised(clock: FrozenClock, *work: Work) -> Supervisor:
    tasks = [BackgroundTask(f"work-{number}", one.run) for number, one in enumerate(work)]
    return Supervisor(tasks, clock, RetryPolicy(initial_delay=1, max_delay=4))


async def test_a_task_that_fails_is_started_again_ever_more_patiently(clock: FrozenClock) -> None:
    work = Work(clock, failures=5)
    async with supervised(clock, work):
        await clock.advance(30)

    assert work.begun == [0, 1, 3, 7, 11, 15]


async def test_a_task_that_ran_well_for_long_is_started_again_soon(clock: FrozenClock) -> None:
    work = Work(clock, failures=3, after=100)
    async with supervised(clock, work):
        await clock.advance(400)

    assert work.begun == [0, 101, 202, 303]


async def test_while_a_task_is_failing_its_ping_says_so(clock: FrozenClock) -> None:
    broken, sound = Work(clock, failures=1), Work(clock, failures=0)
    supervisor = supervised(clock, broken, sound)
    first, second = supervisor.pings
    assert (first.name, first.vital) == ("task:work-0", False)
    async with supervisor:
        await clock.settle()
        with pytest.raises(TaskFailing, match="lost"):
            await first.ask()
        await second.ask()

        await clock.advance(1)
        await first.ask()


async def test_at_the_end_every_task_has_ended(clock: FrozenClock) -> None:
    work = [Work(clock, failures=0), Work(clock, failures=9)]
    async with supervised(clock, *work):
        await clock.settle()
    count = len(work[1].begun)
    await clock.advance(100)

    assert all(one.ended for one in work)
    assert len(work[1].begun) == count


async def test_a_task_that_has_nothing_left_to_do_is_left_alone(clock: FrozenClock) -> None:
    runs: list[float] = []

    async def once() -> None:
        runs.append(clock.monotonic())

    async with Supervisor([BackgroundTask("once", once)], clock):
        await clock.advance(100)

    assert len(runs) == 1
