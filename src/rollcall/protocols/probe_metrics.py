# SPDX-License-Identifier: Apache-2.0
"""What Prometheus is told of the health checks."""

from __future__ import annotations

from collections.abc import Iterator

from prometheus_client import CollectorRegistry
from prometheus_client.core import CounterMetricFamily, GaugeMetricFamily
from prometheus_client.metrics_core import Metric
from prometheus_client.registry import Collector

from rollcall.registry.probing import HealthChecks


class ProbeMetrics(Collector):
    """Reads how the health checks of this process are doing when it is asked.

    `rollcall_health_checks_total{outcome}` (passed, failed, timeout, broken),
    `rollcall_health_checks_in_flight`, `rollcall_health_checked_records`.

    Args:
        checks: The health checks.
    """

    def __init__(self, checks: HealthChecks) -> None:
        self._checks = checks

    def register(self, registry: CollectorRegistry) -> None:
        """Have them exposed."""
        registry.register(self)

    def collect(self) -> Iterator[Metric]:
        """What Prometheus gets."""
        ended = CounterMetricFamily(
            "rollcall_health_checks",
            "Health checks that were made, by outcome.",
            labels=["outcome"],
        )
        for outcome, count in self._checks.outcomes.items():
            ended.add_metric([outcome.value], count)
        yield ended
        yield GaugeMetricFamily(
            "rollcall_health_checks_in_flight",
            "Health checks that are being made now.",
            self._checks.in_flight,
        )
        yield GaugeMetricFamily(
            "rollcall_health_checked_records",
            "Records that have a health check.",
            len(self._checks),
        )
