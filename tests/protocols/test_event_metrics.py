# SPDX-License-Identifier: Apache-2.0
from __future__ import annotations

import asyncio
from collections.abc import Sequence

from prometheus_client import CollectorRegistry, generate_latest

from rollcall.events.delivery import GroupStatus
from rollcall.kernel.errors import StoreUnavailable
from rollcall.protocols.event_metrics import INTERVAL, EventMetrics
from rollcall.testing.clock import FrozenClock


class Delivery:
    def __init__(self) -> None:
        self.lag = 7
        self.away = False

    async def status(self) -> Sequence[GroupStatus]:
        if self.away:
            raise StoreUnavailable("it is away")
        return [GroupStatus("g", 3, self.lag, 1, 2, 4, True, 5, 6)]

    async def unsent(self) -> int:
        return 9


def figures(metrics: EventMetrics) -> dict[str, float]:
    registry = CollectorRegistry()
    metrics.register(registry)
    lines = generate_latest(registry).decode().splitlines()
    pairs = [line.rsplit(" ", 1) for line in lines if not line.startswith("#")]
    return {name: float(value) for name, value in pairs}


async def test_it_tells_how_each_group_is_doing_and_what_waits_for_kafka() -> None:
    delivery = Delivery()
    metrics = EventMetrics(delivery.status, FrozenClock(), delivery.unsent)
    await metrics.look()
    assert figures(metrics) == {
        'rollcall_event_lag{group="g"}': 7,
        'rollcall_events_held{group="g",state="retrying"}': 1,
        'rollcall_events_held{group="g",state="waiting"}': 2,
        'rollcall_events_held{group="g",state="parked"}': 4,
        'rollcall_event_group_paused{group="g"}': 1,
        'rollcall_events_delivered_total{group="g"}': 5,
        'rollcall_event_failures_total{group="g"}': 6,
        "rollcall_events_unsent": 9,
    }


async def test_it_looks_again_and_again_also_after_an_outage() -> None:
    delivery, clock = Delivery(), FrozenClock()
    metrics = EventMetrics(delivery.status, clock)
    looking = asyncio.create_task(metrics.run())
    await clock.advance(0.0)
    delivery.away = True
    await clock.advance(INTERVAL)
    assert figures(metrics)['rollcall_event_lag{group="g"}'] == 7

    delivery.away, delivery.lag = False, 8
    await clock.advance(INTERVAL)
    assert figures(metrics)['rollcall_event_lag{group="g"}'] == 8
    assert "rollcall_events_unsent" not in figures(metrics)
    looking.cancel()
