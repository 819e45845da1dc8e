# SPDX-License-Identifier: Apache-2.0
"""What Prometheus is told of the core: the list of document 5, and what alerts need."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Final

from prometheus_client import CollectorRegistry, Counter, Histogram
from prometheus_client.core import CounterMetricFamily, GaugeMetricFamily
from prometheus_client.metrics_core import Metric
from prometheus_client.registry import Collector

from rollcall.registry.events import Cause, Event, EventType
from rollcall.registry.models import Kind
from rollcall.registry.query import Query
from rollcall.registry.replicas import NAMESPACE
from rollcall.registry.service import RegistryService
from rollcall.registry.status import Status

_SEARCHES: Final = (0.00001, 0.00003, 0.0001, 0.0003, 0.001, 0.003, 0.01, 0.03, 0.1, 0.3, 1.0)
_CAUSES: Final = frozenset(one.value for one in Cause)
_EXPIRED: Final = frozenset({Status.UNHEALTHY, Status.OFFLINE})


class RegistryMetrics:
    """Counts events as they are published, times searches, and reads the rest when it is asked.

    `rollcall_registry_events_total{type, cause}` (registrations, removals, changes of status,
    runtimes that join and leave), `rollcall_lease_expiries_total{to}`,
    `rollcall_search_duration_seconds`, `rollcall_records{kind, status}`,
    `rollcall_event_queue_depth`, `rollcall_event_subscribers`, `rollcall_unmet_demand_total`,
    `rollcall_preservation_namespaces`, `rollcall_store_up`, `rollcall_store_silent_seconds`,
    `rollcall_revision`.

    Args:
        service: The core.
    """

    def __init__(self, service: RegistryService) -> None:
        self._state = _State(service)
        self._events = Counter(
            "rollcall_registry_events",
            "Events of the registry, by what happened and why.",
            ("type", "cause"),
            registry=None,
        )
        self._expiries = Counter(
            "rollcall_lease_expiries",
            "Records that a missed heartbeat has moved on, by what they became.",
            ("to",),
            registry=None,
        )
        self._searches = Histogram(
            "rollcall_search_duration_seconds",
            "Time that the core took to find what was searched for.",
            buckets=_SEARCHES,
            registry=None,
        )
        service.feed.taps.append(self._count)
        service.searched.append(self._searches.observe)

    def register(self, registry: CollectorRegistry) -> None:
        """Have them exposed."""
        for collector in (self._events, self._expiries, self._searches, self._state):
            registry.register(collector)

    def _count(self, event: Event) -> None:
        if event.namespace == NAMESPACE:
            return
        # Causes are words of ours, but for stores that others write to.
        cause = event.cause if event.cause in _CAUSES else "other"
        self._events.labels(event.type.value, cause).inc()
        if event.cause == Cause.MISSED:
            if event.type is EventType.DEREGISTERED:
                self._expiries.labels("deregistered").inc()
            elif event.new is not None and event.new in _EXPIRED:
                self._expiries.labels(event.new.value).inc()


class _State(Collector):
    """What is so now."""

    def __init__(self, service: RegistryService) -> None:
        self._service = service

    def collect(self) -> Iterator[Metric]:
        """What Prometheus gets. O(kinds times statuses times namespaces)."""
        service = self._service
        index, commits = service.state.index, service.commits
        spaces = [space for space in index.namespaces() if space != NAMESPACE]
        records = GaugeMetricFamily(
            "rollcall_records", "Records by kind and effective status.", labels=["kind", "status"]
        )
        for kind in Kind:
            for status in Status:
                query = Query(kinds=frozenset({kind}), statuses=frozenset({status}))
                count = sum(index.count(space, query) for space in spaces)
                records.add_metric([kind.value, status.value], count)
        yield records
        backlogs = [one.backlog for one in list(service.feed.subscriptions)]
        down = commits.down_since
        silent = 0.0 if down is None else service.clock.monotonic() - down
        for name, about, value in (
            (
                "event_queue_depth",
                "Events that the slowest subscriber has not read yet.",
                max(backlogs, default=0),
            ),
            ("event_subscribers", "Who follows the events of this process.", len(backlogs)),
            (
                "preservation_namespaces",
                "Namespaces in which expiry is held, since too many fell silent at once.",
                len(service.state.holding),
            ),
            ("store_up", "Whether the record store answers.", 0 if down is not None else 1),
            ("store_silent_seconds", "For how long it has not.", silent),
            ("revision", "The last change that this process knows of.", service.state.revision),
        ):
            yield GaugeMetricFamily(f"rollcall_{name}", about, value)
        yield CounterMetricFamily(
            "rollcall_unmet_demand", "Searches that found nothing.", service.demand.total
        )

    def describe(self) -> Iterator[Metric]:
        """Names only, so that to be exposed costs no counting."""
        for name in (
            *("records", "event_queue_depth", "event_subscribers", "preservation_namespaces"),
            *("store_up", "store_silent_seconds", "revision"),
        ):
            yield GaugeMetricFamily(f"rollcall_{name}", "")
        yield CounterMetricFamily("rollcall_unmet_demand", "")
