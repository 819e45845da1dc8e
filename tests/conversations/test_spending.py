# SPDX-License-Identifier: Apache-2.0
"""A part of the budget is kept before a turn begins, and given back where nothing was used."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncGenerator, Sequence
from contextlib import aclosing
from decimal import Decimal

import pytest

from rollcall.conversations.errors import BudgetExhausted, TurnFailed
from rollcall.conversations.models import Limits, LoopEvent, TextPart
from rollcall.conversations.ports import Loop, Meter, Task
from rollcall.conversations.spending import LEAST, Budgeted
from rollcall.kernel.errors import Unavailable
from support.conversing import Parrot

TASK = Task("turn_1", "acme", "hello", agent_id="agent_1", limits=Limits(cost=Decimal("0.25")))


class Purse:
    """Budgets of one namespace, from which so much may be kept."""

    def __init__(self, left: str = "1.00") -> None:
        self.left = Decimal(left)
        self.kept: dict[str, Decimal] = {}
        self.asked: list[tuple[str, str, str, float]] = []
        self.away = False

    async def reserve(
        self,
        namespace: str,
        agent_id: str,
        amount: Decimal,
        *,
        conversation_id: str,
        ttl_seconds: float,
    ) -> str:
        if amount > self.left:
            raise BudgetExhausted(f"only {self.left} is left")
        self.asked.append((namespace, agent_id, conversation_id, ttl_seconds))
        self.left -= amount
        self.kept[conversation_id] = amount
        return conversation_id

    async def release(self, namespace: str, reservation_id: str) -> None:
        if self.away:
            raise Unavailable("away")
        self.left += self.kept.pop(reservation_id)


class Mute:
    """Fails before a model was asked, or waits for ever."""

    def __init__(self, error: Exception | None) -> None:
        self.error = error
        self.waiting = asyncio.Event()

    def models(self) -> Sequence[str]:
        return ()

    async def run(self, task: Task, meter: Meter) -> AsyncGenerator[LoopEvent]:
        if self.error is not None:
            raise self.error
        self.waiting.set()
        await asyncio.Event().wait()
        yield TextPart("")


async def heard(loop: Loop, task: Task = TASK) -> Meter:
    meter = Meter()
    async with aclosing(loop.run(task, meter)) as events:
        async for _ in events:
            pass
    return meter


async def test_what_a_turn_may_cost_is_kept_until_its_usage_is_charged() -> None:
    purse = Purse()
    meter = await heard(Budgeted(Parrot(), purse))
    assert "".join(meter.text) == "you said hello"
    assert purse.kept == {"turn_1": Decimal("0.25")}
    assert purse.asked == [("acme", "agent_1", "turn_1", 180.0)]


async def test_a_turn_that_nobody_limits_keeps_a_little() -> None:
    purse = Purse()
    await heard(Budgeted(Parrot(), purse), Task("turn_1", "acme", "hello", limits=Limits()))
    assert purse.kept == {"turn_1": LEAST}


async def test_nobody_is_asked_where_too_little_is_left() -> None:
    parrot = Parrot()
    with pytest.raises(BudgetExhausted, match=r"only 0\.24 is left"):
        await heard(Budgeted(parrot, Purse("0.24")))
    assert parrot.tasks == []


async def test_what_was_kept_is_given_back_where_nothing_was_used() -> None:
    purse = Purse()
    with pytest.raises(TurnFailed):
        await heard(Budgeted(Mute(TurnFailed("no such model")), purse))
    assert (purse.kept, purse.left) == ({}, Decimal("1.00"))


async def test_a_turn_that_failed_after_it_used_something_keeps_it() -> None:
    purse = Purse()
    with pytest.raises(TurnFailed):
        await heard(
            Budgeted(Parrot(), purse), Task("turn_1", "acme", "fail: x", agent_id="agent_1")
        )
    assert list(purse.kept) == ["turn_1"]


async def test_a_turn_that_is_called_off_gives_it_back() -> None:
    purse, mute = Purse(), Mute(None)
    running = asyncio.create_task(heard(Budgeted(mute, purse)))
    await mute.waiting.wait()
    assert list(purse.kept) == ["turn_1"]
    running.cancel()
    await asyncio.wait([running])
    assert (running.cancelled(), purse.kept) == (True, {})


async def test_a_budget_that_is_away_at_the_end_hides_no_error() -> None:
    purse = Purse()
    purse.away = True
    with pytest.raises(TurnFailed, match="no such model"):
        await heard(Budgeted(Mute(TurnFailed("no such model")), purse))
