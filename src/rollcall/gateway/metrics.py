# SPDX-License-Identifier: Apache-2.0
"""What Prometheus is told of the gateway.

rollcall_gateway_requests_total{service, outcome}   requests that were passed on: answered,
                                                    unreached, lost, late, full, absent, broken;
                                                    left and gone: the caller went, before the
                                                    body was whole or after; drained: we did
rollcall_gateway_retries_total{service, reason}     attempts after the first
rollcall_gateway_under_way{service}                 requests without a whole answer yet
"""

from __future__ import annotations

from prometheus_client import CollectorRegistry, Counter, Gauge


class GatewayMetrics:
    """Takes note of what the gateway passes on. Labels are names from its own table."""

    def __init__(self) -> None:
        self._requests = Counter(
            "rollcall_gateway_requests",
            "Requests to services, by what became of them.",
            ["service", "outcome"],
            registry=None,
        )
        self._retries = Counter(
            "rollcall_gateway_retries",
            "Attempts after the first, by what the one before came to.",
            ["service", "reason"],
            registry=None,
        )
        self._under_way = Gauge(
            "rollcall_gateway_under_way",
            "Requests to services that have no whole answer yet, streams among them.",
            ["service"],
            registry=None,
        )

    def register(self, registry: CollectorRegistry) -> None:
        """Have Prometheus told."""
        for one in (self._requests, self._retries, self._under_way):
            registry.register(one)

    def begun(self, service: str) -> None:
        """A request is passed on."""
        self._under_way.labels(service).inc()

    def ended(self, service: str, outcome: str) -> None:
        """Nothing more will come of it."""
        self._under_way.labels(service).dec()
        self._requests.labels(service, outcome).inc()

    def retried(self, service: str, reason: str) -> None:
        """It is tried once more."""
        self._retries.labels(service, reason).inc()
