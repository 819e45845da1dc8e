from __future__ import annotations

import asyncio

import pytest
from hypothesis import given
from hypothesis import strategies as st

from rollcall.kernel.errors import InvalidInput
from rollcall.registry.ring import Ring


@given(st.integers(1, 20), st.integers(0, 60))
def test_a_ring_keeps_the_last_so_many(keep: int, count: int) -> None:
    ring: Ring[int] = Ring(keep)
    for item in range(count):
        ring.append(item)
    assert ring.keep == keep
    assert ring.end == count
    assert ring.start == max(0, count - keep)
    assert [ring.at(number) for number in range(ring.start, ring.end)] == list(
        range(ring.start, ring.end)
    )


@pytest.mark.parametrize("keep", [0, -1])
def test_a_ring_that_keeps_nothing_is_refused(keep: int) -> None:
    with pytest.raises(InvalidInput) as caught:
        Ring[int](keep)
    assert caught.value.field == "keep"


async def test_grown_returns_once_the_item_of_that_number_is_there() -> None:
    ring: Ring[str] = Ring(3)
    waiting = asyncio.create_task(ring.grown(1))
    await asyncio.sleep(0)
    ring.append("first")
    await asyncio.sleep(0)
    await asyncio.sleep(0)
    assert not waiting.done()
    ring.append("second")
    await asyncio.wait_for(waiting, 1)


async def test_closing_ends_all_waiting() -> None:
    ring: Ring[str] = Ring(3)
    waiting = [asyncio.create_task(ring.grown(7)), asyncio.create_task(ring.changed())]
    await asyncio.sleep(0)
    ring.close()
    await asyncio.wait_for(asyncio.gather(*waiting), 1)


async def test_who_gave_up_waiting_is_forgotten() -> None:
    ring: Ring[str] = Ring(3)
    waiting = [asyncio.create_task(ring.changed()) for _ in range(5)]
    await asyncio.sleep(0)
    assert len(ring.waiters) == 5
    for one in waiting:
        one.cancel()
    await asyncio.gather(*waiting, return_exceptions=True)
    assert ring.waiters == []
