# SPDX-License-Identifier: Apache-2.0
"""What a toolbox counts: `rollcall_tool_*`, with services as bounded labels."""

from __future__ import annotations

from typing import Final

from prometheus_client import CollectorRegistry, Counter, Gauge

from rollcall.conversations.models import ToolRun
from rollcall.web.metrics import BoundedLabel
from rollcall.web.tallies import Tallies

_BUCKETS: Final = (
    *(0.001, 0.0025, 0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5),
    *(1.0, 2.5, 5.0, 10.0, 30.0, 60.0),
)


class ToolboxMetrics:
    """An observer that Prometheus reads.

    Args:
        cap: Services that are told apart.
    """

    def __init__(self, *, cap: int = 100) -> None:
        self._service = BoundedLabel(cap)
        self._calls = Counter(
            "rollcall_tool_calls",
            "Calls of tools that have ended.",
            ["service", "outcome"],
            registry=None,
        )
        self._attempts = Counter(
            "rollcall_tool_call_attempts",
            "Times that an instance was called, or tried to be.",
            ["service"],
            registry=None,
        )
        self._durations = Tallies(
            "rollcall_tool_call_duration_seconds",
            "Time of calls of tools, with all attempts.",
            ["service"],
            _BUCKETS,
        )
        self._lists = Counter(
            "rollcall_tool_lists",
            "Times that services were asked for their tools, by whether they said them.",
            ["service", "result"],
            registry=None,
        )
        self._changes = Counter(
            "rollcall_tool_changes",
            "Tools that services describe otherwise than before.",
            ["service"],
            registry=None,
        )
        self._known = Gauge(
            "rollcall_tools_known",
            "Tools that there are now in the namespaces that are in use.",
            registry=None,
        )
        self._counts: dict[str, int] = {}

    def register(self, registry: CollectorRegistry) -> None:
        """Have them exposed."""
        for collector in (
            self._calls,
            self._attempts,
            self._durations,
            self._lists,
            self._changes,
            self._known,
        ):
            registry.register(collector)

    def called(self, run: ToolRun) -> None:
        """See `Observer`."""
        service = self._service(run.service or "(none)")
        self._calls.labels(service, run.outcome.value).inc()
        self._attempts.labels(service).inc(run.attempts)
        self._durations.labels(service).observe(run.duration_ms / 1000)

    def listed(self, service: str, well: bool) -> None:
        """See `Observer`."""
        self._lists.labels(self._service(service), "ok" if well else "failed").inc()

    def changed(self, service: str, tool: str) -> None:
        """See `Observer`."""
        self._changes.labels(self._service(service)).inc()

    def known(self, namespace: str, tools: int) -> None:
        """See `Observer`."""
        self._counts[namespace] = tools
        if not tools:
            del self._counts[namespace]
        self._known.set(sum(self._counts.values()))
