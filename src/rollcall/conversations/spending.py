# SPDX-License-Identifier: Apache-2.0
"""Nobody is asked for what cannot be paid: a part of the budget is kept before a turn begins."""

from __future__ import annotations

import logging
from collections.abc import AsyncGenerator, Sequence
from contextlib import aclosing
from decimal import Decimal
from typing import Final, Protocol

from rollcall.conversations.models import LoopEvent
from rollcall.conversations.ports import Loop, Meter, Task
from rollcall.kernel.errors import RollcallError

LEAST: Final = Decimal("0.01")
"""What is kept for a turn whose cost nobody limits."""
_LONGEST: Final = 86_400.0
"""Seconds for which it is kept for a turn whose time nobody limits."""
_MARGIN: Final = 60.0
"""Seconds between the end of a turn and the time by which its usage has been told."""

_log = logging.getLogger("rollcall.conversations")


class Spending(Protocol):
    """The budgets that agents spend from. In this process, or over HTTP."""

    async def reserve(
        self,
        namespace: str,
        agent_id: str,
        amount: Decimal,
        *,
        conversation_id: str,
        ttl_seconds: float,
    ) -> str:
        """Keep a part of every budget that an agent spends from, until the usage of the
        conversation is recorded; the id of what was kept.

        Raises:
            BudgetExhausted: One that must not be overdrawn has less left; nothing was kept.
            Unavailable: Nobody knows now.
        """
        ...

    async def release(self, namespace: str, reservation_id: str) -> None:
        """Nothing was used: give it back.

        Raises:
            Unavailable: Nobody answers; it ends by itself.
        """
        ...


class Budgeted:
    """A `Loop` that begins only where there is enough left.

    Kept is what the turn may cost at the most. What it has cost is charged by the event that tells
    of it, which ends the reservation.

    Args:
        loop: What answers.
        spending: The budgets.
    """

    def __init__(self, loop: Loop, spending: Spending) -> None:
        self._loop = loop
        self._spending = spending

    async def run(self, task: Task, meter: Meter) -> AsyncGenerator[LoopEvent]:
        """See `Loop`."""
        limits = task.limits
        seconds = _LONGEST if limits.seconds is None else limits.seconds
        reservation = await self._spending.reserve(
            task.namespace,
            task.agent_id,
            LEAST if limits.cost is None else limits.cost,
            conversation_id=task.turn_id,
            ttl_seconds=min(seconds + _MARGIN, _LONGEST),
        )
        try:
            async with aclosing(self._loop.run(task, meter)) as events:
                async for event in events:
                    yield event
        finally:
            if meter.usage is None:
                await self._release(task, reservation)

    def models(self) -> Sequence[str]:
        """See `Loop`."""
        return self._loop.models()

    async def _release(self, task: Task, reservation: str) -> None:
        try:
            await self._spending.release(task.namespace, reservation)
        except RollcallError as error:
            _log.warning("what was kept for turn %s ends by itself: %s", task.turn_id, error)
