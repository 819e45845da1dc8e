# SPDX-License-Identifier: Apache-2.0
"""Events from before they are published until after they were handled."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable
from time import perf_counter
from typing import Final
from uuid import uuid4

from bench.figures import percentile
from bench.service.wrk import Figures, NotMeasured

WARM_UP: Final = 0.2
"""Of the time that is measured, before the clock runs."""


class Arrivals:
    """Who waits for which event."""

    def __init__(self) -> None:
        self._waiting: dict[str, asyncio.Future[None]] = {}

    def expect(self, event_id: str) -> asyncio.Future[None]:
        """Done when the event is."""
        arrival = asyncio.get_running_loop().create_future()
        self._waiting[event_id] = arrival
        return arrival

    def arrived(self, event_id: str) -> None:
        """The event was handled; told again it is passed over."""
        arrival = self._waiting.pop(event_id, None)
        if arrival is not None and not arrival.done():
            arrival.set_result(None)


async def flow(
    send: Callable[[str, str], Awaitable[None]],
    arrivals: Arrivals,
    *,
    seconds: float,
    in_flight: int,
    patience: float = 60.0,
) -> Figures:
    """Have `in_flight` publishers tell one event after the other, each when its last was handled.

    Args:
        send: Publishes an event, given its id and its key; each publisher has a key of its own.
        arrivals: Told of what was handled.
        seconds: For how long they begin new ones.
        in_flight: How many events are under way at a time.
        patience: Seconds that an event may take.

    Returns:
        Events handled a second, and from before an event was sent until after it was handled.

    Raises:
        NotMeasured: An event did not arrive.
    """

    async def publisher(key: str, until: float) -> list[float]:
        taken: list[float] = []
        while not taken or perf_counter() < until:
            event_id = uuid4().hex
            arrival = arrivals.expect(event_id)
            begun = perf_counter()
            await send(event_id, key)
            async with asyncio.timeout(patience):
                await arrival
            taken.append(perf_counter() - begun)
        return taken

    async def all_publishers(seconds: float) -> list[float]:
        until = perf_counter() + seconds
        async with asyncio.TaskGroup() as group:
            tasks = [
                group.create_task(publisher(f"agent-{number}", until))
                for number in range(in_flight)
            ]
        return [one for task in tasks for one in task.result()]

    try:
        await all_publishers(seconds * WARM_UP)
        begun = perf_counter()
        taken = await all_publishers(seconds)
    except* TimeoutError:
        raise NotMeasured(f"an event was not handled within {patience:g} s") from None
    rate = len(taken) / (perf_counter() - begun)
    return Figures(rate, percentile(taken, 0.5), percentile(taken, 0.99))
