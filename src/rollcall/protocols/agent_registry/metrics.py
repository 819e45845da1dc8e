# SPDX-License-Identifier: Apache-2.0
"""The five metrics of document 2.

Counts are taken from the core when they are asked for. The document labels two metrics with what
users choose (agent ids, search words); here each such label has room for so many values, and
whatever comes later is `other`.
"""

from __future__ import annotations

from collections.abc import Iterator
from typing import Final

from prometheus_client import CollectorRegistry, Counter
from prometheus_client.core import GaugeMetricFamily
from prometheus_client.metrics_core import Metric
from prometheus_client.registry import Collector

from rollcall.protocols.agent_registry.translate import MEANS
from rollcall.protocols.agent_registry.wire import AgentStatus
from rollcall.registry.models import Kind
from rollcall.registry.query import Query
from rollcall.registry.service import RegistryService
from rollcall.registry.status import LeasePhase, Status
from rollcall.registry.text import fold
from rollcall.web.metrics import BoundedLabel
from rollcall.web.tallies import Tallies

BATCH: Final = "(batch)"

_BUCKETS: Final = (
    *(0.00001, 0.00003, 0.0001, 0.0003, 0.001, 0.003, 0.01, 0.03, 0.1, 0.3),
    *(1.0, 3.0),
)
_AGENTS: Final = frozenset({Kind.AGENT})
_SILENT: Final = frozenset({Status.SUSPECT, Status.UNHEALTHY, Status.OFFLINE})
_MISSED: Final = (LeasePhase.HELD, LeasePhase.UNHEALTHY, LeasePhase.OFFLINE)


class AgentRegistryMetrics:
    """Takes note of requests, and counts what the core holds, over all namespaces.

    Args:
        service: Whose agents.
        cap: Values that each label of the users' choice may have.
    """

    def __init__(self, service: RegistryService, *, cap: int = 100) -> None:
        self._counts = _Counts(service)
        self._agent, self._words = BoundedLabel(cap), BoundedLabel(cap)
        self._latency = Tallies(
            "agent_registry_heartbeat_latency_seconds",
            "Heartbeat processing time",
            ["agent_id"],
            _BUCKETS,
        )
        self._searches = Counter(
            "agent_registry_discovery_requests",
            "Capability search requests",
            ["capability"],
            registry=None,
        )

    def register(self, registry: CollectorRegistry) -> None:
        """Have them exposed."""
        for collector in (self._latency, self._searches, self._counts):
            registry.register(collector)

    def heartbeat(self, agent_id: str, seconds: float) -> None:
        """A heartbeat was taken, which took so long."""
        self._latency.labels(self._agent(agent_id)).observe(seconds)

    def heartbeats(self, seconds: float) -> None:
        """Many heartbeats were taken at once, which took so long together."""
        self._latency.labels(BATCH).observe(seconds)

    def search(self, text: str) -> None:
        """A search was made."""
        self._searches.labels(self._words(fold(text))).inc()


class _Counts(Collector):
    """What the core holds."""

    def __init__(self, service: RegistryService) -> None:
        self._service = service

    def collect(self) -> Iterator[Metric]:
        """What Prometheus gets: counts as they are now. O(words + silent agents)."""
        index = self._service.state.index
        spaces = list(index.namespaces())
        agents = GaugeMetricFamily(
            "agent_registry_agents_total", "Total agents by status", labels=["status"]
        )
        for word in AgentStatus:
            query = Query(kinds=_AGENTS, statuses=MEANS[word])
            agents.add_metric([word.value], sum(index.count(space, query) for space in spaces))
        yield agents
        yield GaugeMetricFamily(
            "agent_registry_capabilities_total",
            "Total registered capabilities, one that many records have counted as often",
            sum(index.capability_entries(space) for space in spaces),
        )
        yield GaugeMetricFamily(
            "agent_registry_stale_agents_total",
            "Agents that missed their heartbeat deadline and are not back",
            sum(self._stale(space) for space in spaces),
        )

    def describe(self) -> Iterator[Metric]:
        """Names only, so that to be exposed costs no counting."""
        for name in ("agents", "capabilities", "stale_agents"):
            yield GaugeMetricFamily(f"agent_registry_{name}_total", "")

    def _stale(self, namespace: str) -> int:
        state = self._service.state
        silent = state.index.search(namespace, Query(kinds=_AGENTS, statuses=_SILENT))
        grants = (state.grant(one.slot) for one in silent)
        return sum(1 for grant in grants if grant is not None and grant.phase in _MISSED)
