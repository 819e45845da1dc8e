# SPDX-License-Identifier: Apache-2.0
"""What Prometheus is told of the delivery of events."""

from __future__ import annotations

from collections.abc import Awaitable, Callable, Iterator, Sequence
from contextlib import suppress
from typing import Final

from prometheus_client import CollectorRegistry
from prometheus_client.core import CounterMetricFamily, GaugeMetricFamily
from prometheus_client.metrics_core import Metric
from prometheus_client.registry import Collector

from rollcall.events.delivery import GroupStatus
from rollcall.kernel.clock import Clock
from rollcall.kernel.errors import Unavailable
from rollcall.web.background import BackgroundTask
from rollcall.web.module import Module

INTERVAL: Final = 5.0
"""Seconds between two looks at how delivery is doing."""


class EventMetrics(Collector):
    """Looks now and then how the groups of this process are doing, and says so when asked.

    `rollcall_event_lag{group}`, `rollcall_events_held{group,state}` (retrying, waiting, parked),
    `rollcall_events_delivered_total{group}`, `rollcall_event_failures_total{group}`,
    `rollcall_event_group_paused{group}`; where events go to Kafka, `rollcall_events_unsent`.

    Args:
        status: How the groups are doing.
        clock: Times the looks.
        unsent: How many events of the outbox wait to be sent to Kafka; None: none ever go there.
    """

    def __init__(
        self,
        status: Callable[[], Awaitable[Sequence[GroupStatus]]],
        clock: Clock,
        unsent: Callable[[], Awaitable[int]] | None = None,
    ) -> None:
        self._status = status
        self._clock = clock
        self._ask_unsent = unsent
        self._groups: Sequence[GroupStatus] = ()
        self._unsent: int | None = None

    def register(self, registry: CollectorRegistry) -> None:
        """Have them exposed."""
        registry.register(self)

    async def run(self) -> None:
        """Look now and then, until cancelled."""
        while True:
            # What was seen last stands; that a store is away others say.
            with suppress(Unavailable):
                await self.look()
            await self._clock.sleep(INTERVAL)

    async def look(self) -> None:
        """See how the groups are doing.

        Raises:
            Unavailable: The log does not answer.
        """
        self._groups = await self._status()
        if self._ask_unsent is not None:
            self._unsent = await self._ask_unsent()

    def collect(self) -> Iterator[Metric]:
        """What Prometheus gets."""
        lag = GaugeMetricFamily(
            "rollcall_event_lag", "Events that a group has not looked at.", labels=["group"]
        )
        held = GaugeMetricFamily(
            "rollcall_events_held",
            "Events that a group has passed without handling them, by state.",
            labels=["group", "state"],
        )
        paused = GaugeMetricFamily(
            "rollcall_event_group_paused",
            "Whether an operator has paused a group in this process.",
            labels=["group"],
        )
        delivered = CounterMetricFamily(
            "rollcall_events_delivered", "Events that a group has handled.", labels=["group"]
        )
        failures = CounterMetricFamily(
            "rollcall_event_failures", "Attempts of a group that have failed.", labels=["group"]
        )
        for one in self._groups:
            lag.add_metric([one.group], one.lag)
            held.add_metric([one.group, "retrying"], one.retrying)
            held.add_metric([one.group, "waiting"], one.waiting)
            held.add_metric([one.group, "parked"], one.parked)
            paused.add_metric([one.group], one.paused)
            delivered.add_metric([one.group], one.delivered)
            failures.add_metric([one.group], one.failures)
        yield from (lag, held, paused, delivered, failures)
        if self._unsent is not None:
            yield GaugeMetricFamily(
                "rollcall_events_unsent", "Events that wait to be sent to Kafka.", self._unsent
            )


def event_metrics(
    status: Callable[[], Awaitable[Sequence[GroupStatus]]],
    clock: Clock,
    unsent: Callable[[], Awaitable[int]] | None = None,
) -> tuple[Module, Module]:
    """A module that looks how the delivery of events is doing, and one that tells Prometheus.

    The first is for one service of the process, the second for all.
    """
    figures = EventMetrics(status, clock, unsent)
    return (
        Module(name="event-delivery", tasks=(BackgroundTask("event-delivery", figures.run),)),
        Module(name="event-figures", collectors=(figures,)),
    )
