from __future__ import annotations

import asyncio

import pytest

from rollcall.gateway.patience import CalledOff, Ended, Patience
from rollcall.testing.clock import FrozenClock


async def waiting(patience: Patience) -> str:
    async with patience:
        await asyncio.Event().wait()
    return "never"


async def test_nothing_happens_for_too_long() -> None:
    clock = FrozenClock()
    task = asyncio.create_task(waiting(Patience(clock, 10)))
    await clock.advance(9)
    assert not task.done()
    await clock.advance(1)
    with pytest.raises(CalledOff) as off:
        await task
    assert off.value.why is Ended.LATE


async def test_progress_gives_it_all_its_time_again() -> None:
    clock = FrozenClock()
    patience = Patience(clock, 10)
    task = asyncio.create_task(waiting(patience))
    for _ in range(5):
        await clock.advance(9)
        patience.renew()
    assert not task.done()
    await clock.advance(10)
    with pytest.raises(CalledOff):
        await task


async def test_it_may_have_more_or_less_time_from_now_on() -> None:
    clock = FrozenClock()
    patience = Patience(clock, 100)
    task = asyncio.create_task(waiting(patience))
    await clock.advance(1)
    patience.renew(5)
    await clock.advance(5)
    with pytest.raises(CalledOff):
        await task


async def test_it_can_be_called_off() -> None:
    patience = Patience(FrozenClock(), 10)
    task = asyncio.create_task(waiting(patience))
    await asyncio.sleep(0)
    patience.end(Ended.GONE)
    patience.end(Ended.DRAINED)
    with pytest.raises(CalledOff) as off:
        await task
    assert off.value.why is Ended.GONE


async def test_what_is_over_is_not_ended() -> None:
    clock = FrozenClock()
    patience = Patience(clock, 10)
    async with patience:
        pass
    patience.end(Ended.GONE)
    await clock.advance(100)
    assert patience.why is None


async def test_a_timeout_of_the_work_itself_stays_what_it_is() -> None:
    with pytest.raises(TimeoutError, match="mine"):
        async with Patience(FrozenClock(), 10):
            raise TimeoutError("mine")


async def test_a_cancellation_from_outside_stays_one() -> None:
    task = asyncio.create_task(waiting(Patience(FrozenClock(), 10)))
    await asyncio.sleep(0)
    task.cancel()
    with pytest.raises(asyncio.CancelledError):
        await task
