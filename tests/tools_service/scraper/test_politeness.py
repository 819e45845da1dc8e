# SPDX-License-Identifier: Apache-2.0
"""Turns at a host."""

from __future__ import annotations

import asyncio

import pytest

from rollcall.testing.clock import FrozenClock
from rollcall.tools.scraper.politeness import HostSlots


async def test_a_host_gets_no_more_than_its_share_at_once() -> None:
    slots, clock = HostSlots(2), FrozenClock()
    most = now = 0

    async def visit(host: str) -> None:
        nonlocal most, now
        async with slots.one(host):
            now += 1
            most = max(most, now)
            await asyncio.sleep(0)
            now -= 1

    await asyncio.gather(*(visit("a") for _ in range(10)))
    assert most == 2
    await asyncio.gather(*(visit(host) for host in "abcdef"))
    assert most == 6
    await clock.settle()
    assert len(slots) == 0


async def test_a_host_is_forgotten_also_after_an_error_and_a_cancelled_wait() -> None:
    slots, clock = HostSlots(1), FrozenClock()
    async with slots.one("a"):
        waiting = asyncio.ensure_future(slots.one("a").__aenter__())
        await clock.settle()
        waiting.cancel()
        with pytest.raises(asyncio.CancelledError):
            await waiting
        assert len(slots) == 1
    with pytest.raises(ValueError, match="broken"):
        async with slots.one("b"):
            raise ValueError("broken")
    assert len(slots) == 0
