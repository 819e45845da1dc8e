from __future__ import annotations

import asyncio
from datetime import UTC, datetime, timedelta

import pytest
from hypothesis import given
from hypothesis import strategies as st

from rollcall.kernel.clock import SystemClock, utc, within
from rollcall.testing.clock import FrozenClock


@pytest.fixture
def clock() -> FrozenClock:
    return FrozenClock()


async def at_once(result: str) -> str:
    return result


async def after(clock: FrozenClock, seconds: float, result: str) -> str:
    await clock.sleep(seconds)
    return result


async def test_work_that_is_done_in_time_gives_its_result(clock: FrozenClock) -> None:
    waiting = asyncio.ensure_future(within(clock, 5.0, after(clock, 4.0, "done")))

    await clock.advance(4.0)

    assert waiting.done()
    assert await waiting == "done"


async def test_work_that_never_waits_needs_no_time(clock: FrozenClock) -> None:
    assert await within(clock, 5.0, at_once("done")) == "done"
    assert clock.monotonic() == FrozenClock().monotonic()


async def test_work_that_takes_too_long_is_cancelled_and_has_ended(clock: FrozenClock) -> None:
    ended: list[str] = []

    async def slow() -> None:
        try:
            await clock.sleep(60.0)
        finally:
            await asyncio.sleep(0)
            ended.append("ended")

    waiting = asyncio.ensure_future(within(clock, 5.0, slow()))
    await clock.advance(4.9)
    assert not waiting.done()

    await clock.advance(0.1)

    with pytest.raises(TimeoutError, match="not done within 5 s"):
        await waiting
    assert ended == ["ended"]


async def test_work_without_any_time_left_is_called_off_though_nobody_moves_the_clock(
    clock: FrozenClock,
) -> None:
    with pytest.raises(TimeoutError):
        await within(clock, 0.0, after(clock, 5.0, "done"))


async def test_an_error_of_the_work_comes_through(clock: FrozenClock) -> None:
    async def fails() -> None:
        raise LookupError("nobody here")

    with pytest.raises(LookupError, match="nobody here"):
        await within(clock, 5.0, fails())


async def test_no_timer_is_left_behind(clock: FrozenClock) -> None:
    before = asyncio.all_tasks()

    await within(clock, 5.0, at_once("done"))

    assert asyncio.all_tasks() == before


async def test_who_is_cancelled_takes_the_work_along(clock: FrozenClock) -> None:
    ended: list[str] = []

    async def slow() -> None:
        try:
            await clock.sleep(60.0)
        finally:
            ended.append("ended")

    waiting = asyncio.ensure_future(within(clock, 5.0, slow()))
    await clock.settle()

    waiting.cancel()

    with pytest.raises(asyncio.CancelledError):
        await waiting
    assert ended == ["ended"]


@given(seconds=st.integers(min_value=0, max_value=4_000_000_000))
def test_utc_is_an_aware_time_in_utc(seconds: int) -> None:
    time = utc(seconds)

    assert time.tzinfo is UTC
    assert time == datetime(1970, 1, 1, tzinfo=UTC) + timedelta(seconds=seconds)


async def test_the_system_clock_goes_on() -> None:
    clock = SystemClock()
    first = clock.monotonic()

    await clock.sleep(0)

    assert clock.monotonic() >= first
    assert utc(clock.now()) > datetime(2025, 1, 1, tzinfo=UTC)
