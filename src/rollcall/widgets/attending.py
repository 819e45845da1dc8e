# SPDX-License-Identifier: Apache-2.0
"""Answers under way: each keeps its visitor's place until it has ended, whether or not the visitor
stays. Whoever only asks and leaves would else have an agent do any number of them at once.
"""

from __future__ import annotations

import asyncio
import logging
from collections.abc import AsyncGenerator, Callable
from contextlib import ExitStack, aclosing

from rollcall.kernel.errors import RollcallError
from rollcall.widgets.limits import Gates
from rollcall.widgets.models import ENDS, Told, Visitor, Widget

_log = logging.getLogger(__name__)
Follow = Callable[[Widget, Visitor, str], AsyncGenerator[Told]]
"""What happens to a turn of a visitor, from its beginning."""


class Attendance:
    """Sees to it that answers keep their places. `close` at the end.

    Args:
        gates: Has the places.
    """

    def __init__(self, gates: Gates) -> None:
        self._gates = gates
        self._staying: dict[str, asyncio.Task[None]] = {}

    @property
    def under_way(self) -> int:
        """How many answers are waited for whose visitors have left."""
        return len(self._staying)

    async def told(
        self, widget: Widget, visitor: Visitor, opened: AsyncGenerator[Told], follow: Follow
    ) -> AsyncGenerator[Told]:
        """What happens to a message, as `opened` tells it.

        Args:
            widget: Where it was said.
            visitor: Who said it.
            opened: What is told.
            follow: How its end is heard of once nobody listens.

        Raises:
            RateLimited: At the first step: there is no place.
        """
        turn_id, ended = "", False
        with ExitStack() as place:
            place.enter_context(self._gates.answer(widget.id, visitor.id))
            try:
                async with aclosing(opened) as some:
                    async for one in some:
                        if one.kind == "accepted":
                            turn_id = one.data["turn_id"]
                        ended = one.kind in ENDS
                        yield one
            finally:
                if turn_id and not ended and turn_id not in self._staying:
                    rest = follow(widget, visitor, turn_id)
                    staying = asyncio.create_task(self._stay(turn_id, rest, place.pop_all()))
                    self._staying[turn_id] = staying

    async def close(self) -> None:
        """Let go of all places: whoever works on the answers goes on elsewhere."""
        tasks = tuple(self._staying.values())
        for task in tasks:
            task.cancel()
        await asyncio.gather(*tasks, return_exceptions=True)

    async def _stay(self, turn_id: str, rest: AsyncGenerator[Told], place: ExitStack) -> None:
        """Keep a place until a turn has ended, or nobody knows any more."""
        with place:
            try:
                async with aclosing(rest) as told:
                    async for _ in told:
                        pass
            except RollcallError as error:
                _log.info("turn %s is waited for no longer: %s", turn_id, error)
            finally:
                del self._staying[turn_id]
