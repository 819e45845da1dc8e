# SPDX-License-Identifier: Apache-2.0
"""What Prometheus is told of usage and of the books."""

from __future__ import annotations

from collections.abc import Awaitable, Callable, Iterator, Sequence
from contextlib import suppress
from typing import Final

from prometheus_client import CollectorRegistry
from prometheus_client.core import GaugeMetricFamily
from prometheus_client.metrics_core import Metric
from prometheus_client.registry import Collector

from rollcall.billing.books_checkup import Figures
from rollcall.billing.invoices import InvoiceStatus
from rollcall.billing.metering import Metering, Outcome, Recorded
from rollcall.kernel.clock import Clock
from rollcall.kernel.errors import Unavailable
from rollcall.web.tallies import Counts

INTERVAL: Final = 60.0
"""Seconds between two looks at the books."""


class UsageMetrics:
    """What becomes of usage that is told, over HTTP and by events alike.

    `rollcall_usages_total{outcome}`: `recorded`, `known` (told again) or `refused`.

    Args:
        metering: Whose usage counts.
    """

    def __init__(self, metering: Metering) -> None:
        self._counts = Counts(
            "rollcall_usages", "Usage that was told, by what became of it.", ("outcome",)
        )
        for outcome in ("recorded", "known", "refused"):
            self._counts.labels(outcome)
        metering.observers.append(self._observe)

    def register(self, registry: CollectorRegistry) -> None:
        """Add the figures."""
        registry.register(self._counts)

    def _observe(self, outcomes: Sequence[Outcome]) -> None:
        for one in outcomes:
            recorded = isinstance(one, Recorded)
            word = ("recorded" if one.new else "known") if recorded else "refused"
            self._counts.labels(word).inc()


class BooksMetrics(Collector):
    """Looks now and then at the books of all namespaces, and says how they are when asked.

    `rollcall_invoices{status}`, and `rollcall_books_unbalanced`, the number of transactions that
    do not sum to zero: anything but 0 means that somebody has changed the tables.

    Args:
        figures: How the books are.
        clock: Times the looks.
    """

    def __init__(self, figures: Callable[[], Awaitable[Figures]], clock: Clock) -> None:
        self._figures = figures
        self._clock = clock
        self._seen: Figures | None = None

    def register(self, registry: CollectorRegistry) -> None:
        """Have them exposed."""
        registry.register(self)

    async def run(self) -> None:
        """Look now and then, until cancelled."""
        while True:
            # What was seen last stands; that the database is away others say.
            with suppress(Unavailable):
                await self.look()
            await self._clock.sleep(INTERVAL)

    async def look(self) -> None:
        """See how the books are.

        Raises:
            Unavailable: The database does not answer.
        """
        self._seen = await self._figures()

    def collect(self) -> Iterator[Metric]:
        """What Prometheus gets; nothing before the first look."""
        if self._seen is None:
            return
        invoices = GaugeMetricFamily(
            "rollcall_invoices", "Invoices, by their status.", labels=["status"]
        )
        for status in InvoiceStatus:
            invoices.add_metric([status.value], self._seen.invoices.get(status.value, 0))
        yield invoices
        yield GaugeMetricFamily(
            "rollcall_books_unbalanced",
            "Transactions of the ledger that do not sum to zero.",
            self._seen.unbalanced,
        )

    def describe(self) -> Iterator[Metric]:
        """What it has once it has looked."""
        yield GaugeMetricFamily("rollcall_invoices", "Invoices, by their status.")
        yield GaugeMetricFamily("rollcall_books_unbalanced", "Transactions that do not balance.")
