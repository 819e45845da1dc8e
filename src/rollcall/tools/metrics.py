# SPDX-License-Identifier: Apache-2.0
"""What Prometheus is told of tools."""

from __future__ import annotations

from typing import Final

from prometheus_client import CollectorRegistry

from rollcall.tools.service import Outcome, ToolSet
from rollcall.web.tallies import Counts, Tallies

_BUCKETS: Final = (0.001, 0.0025, 0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1.0, 2.5, 10.0, 30.0)


class ToolMetrics:
    """Calls over HTTP and MCP alike.

    `rollcall_tool_service_calls_total{tool, outcome}`, and
    `rollcall_tool_service_call_duration_seconds{tool}` of those that were not refused for their
    arguments.

    Args:
        tools: Whose calls count.
    """

    def __init__(self, tools: ToolSet) -> None:
        self._calls = Counts(
            "rollcall_tool_service_calls",
            "Calls of tools, by what became of them.",
            ("tool", "outcome"),
        )
        self._duration = Tallies(
            "rollcall_tool_service_call_duration_seconds",
            "How long tools ran.",
            ("tool",),
            _BUCKETS,
        )
        tools.observers.append(self._observe)

    def register(self, registry: CollectorRegistry) -> None:
        """Add the figures."""
        registry.register(self._calls)
        registry.register(self._duration)

    def _observe(self, tool: str, outcome: Outcome, seconds: float) -> None:
        self._calls.labels(tool, outcome).inc()
        if outcome is not Outcome.REFUSED:
            self._duration.labels(tool).observe(seconds)
