# SPDX-License-Identifier: Apache-2.0
"""What Prometheus is told of the dashboard."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Final

from prometheus_client import CollectorRegistry
from prometheus_client.core import GaugeMetricFamily
from prometheus_client.metrics_core import Metric
from prometheus_client.registry import Collector

from rollcall.dashboard.changes import Changes
from rollcall.dashboard.gathering import Gatherer
from rollcall.web.tallies import Counts, Tallies

_BUCKETS: Final = (0.001, 0.0025, 0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1.0, 2.0, 5.0)


class DashboardMetrics(Collector):
    """How long other services take to answer, which of them do not, and who follows.

    `rollcall_gather_duration_seconds{service}` of what was answered,
    `rollcall_gather_failures_total{service}` (a service that runs nowhere does not count, nor one
    that is not asked since it has just failed) and `rollcall_dashboard_streams`.

    Args:
        gatherer: Asks the services.
        changes: Has the readers.
    """

    def __init__(self, gatherer: Gatherer, changes: Changes) -> None:
        self._changes = changes
        self._duration = Tallies(
            "rollcall_gather_duration_seconds",
            "How long a service took to answer the dashboard.",
            ("service",),
            _BUCKETS,
        )
        self._failures = Counts(
            "rollcall_gather_failures",
            "Questions of the dashboard that a service did not answer.",
            ("service",),
        )
        gatherer.observers.append(self._observe)

    def register(self, registry: CollectorRegistry) -> None:
        """Add the figures."""
        for one in (self, self._duration, self._failures):
            registry.register(one)

    def collect(self) -> Iterator[Metric]:
        """Who follows now."""
        yield GaugeMetricFamily(
            "rollcall_dashboard_streams",
            "Streams of the dashboard that are open.",
            self._changes.readers,
        )

    def _observe(self, service: str, seconds: float | None) -> None:
        failures = self._failures.labels(service)
        if seconds is None:
            failures.inc()
        else:
            self._duration.labels(service).observe(seconds)
