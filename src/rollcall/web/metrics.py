# SPDX-License-Identifier: Apache-2.0
"""What Prometheus is told; each application has a registry of its own."""

from __future__ import annotations

from typing import Protocol

from prometheus_client import (
    CollectorRegistry,
    Counter,
    Gauge,
    PlatformCollector,
    ProcessCollector,
)
from prometheus_client.exposition import choose_encoder
from starlette.responses import Response
from starlette.types import ASGIApp, Message, Receive, Scope, Send

from rollcall.kernel.clock import Clock
from rollcall.policies import checks
from rollcall.web.routes import route_template
from rollcall.web.tallies import Count, Counts, Tallies, Tally

OTHER = "other"
_SERIES = 10_000
_METHODS = frozenset({"GET", "HEAD", "POST", "PUT", "PATCH", "DELETE", "OPTIONS"})
_BUCKETS = (0.0005, 0.001, 0.0025, 0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1.0, 2.5, 5.0, 10.0)


class BoundedLabel:
    """The first `cap` values of a label as they are, all later ones as `other`.

    Each value of a label is a time series for ever, so one that grows with users' input would
    take Prometheus down.

    Args:
        cap: How many values are let through.
        longest: Characters that a value may have to be one of them.

    Raises:
        InvalidInput: An argument is not a whole number above 0.
    """

    def __init__(self, cap: int, *, longest: int = 100) -> None:
        self._cap = checks.whole("cap", cap, 1)
        self._longest = checks.whole("longest", longest, 1)
        self._values: set[str] = set()

    def __call__(self, value: str) -> str:
        """`value` if there is room for it, else `other`."""
        if value in self._values:
            return value
        if len(self._values) >= self._cap or len(value) > self._longest:
            return OTHER
        self._values.add(value)
        return value


class Collector(Protocol):
    """Something that adds its figures to a registry once, and keeps them current itself."""

    def register(self, registry: CollectorRegistry) -> None:
        """Add the figures."""
        ...


class Metrics:
    """A registry with the figures that every service has.

    `rollcall_http_requests_total{method, route, status}`,
    `rollcall_http_request_duration_seconds{method, route}` (until the answer begins, so that a
    stream counts as what it took to open), `rollcall_http_requests_in_progress`,
    `rollcall_loop_lag_seconds`, `rollcall_audit_failures_total` and Python's and the process's own.

    Args:
        routes: How many routes are told apart at most.
    """

    def __init__(self, *, routes: int = 200) -> None:
        self.registry = CollectorRegistry(auto_describe=True)
        ProcessCollector(registry=self.registry)
        PlatformCollector(registry=self.registry)
        self._route = BoundedLabel(routes)
        self._series: dict[tuple[str, str | None, int], tuple[Count, Tally]] = {}
        self._requests = Counts(
            "rollcall_http_requests", "Requests that were answered.", ("method", "route", "status")
        )
        self._duration = Tallies(
            "rollcall_http_request_duration_seconds",
            "Time until the answer began.",
            ("method", "route"),
            _BUCKETS,
        )
        self.registry.register(self._requests)
        self.registry.register(self._duration)
        self.in_progress = Gauge(
            "rollcall_http_requests_in_progress",
            "Requests that are being answered now, streams among them.",
            registry=self.registry,
        )
        self.loop_lag = Gauge(
            "rollcall_loop_lag_seconds",
            "How much later than asked for the event loop came back, last time.",
            registry=self.registry,
        )
        self.audit_failures = Counter(
            "rollcall_audit_failures",
            "Requests whose audit entry could not be written.",
            registry=self.registry,
        )

    def answered(self, scope: Scope, status: int, seconds: float) -> None:
        """Count a request whose answer has begun."""
        method: str = scope["method"] if scope["method"] in _METHODS else OTHER
        template = route_template(scope)
        requests, duration = self.series(method, template, status)
        requests.inc()
        duration.observe(seconds)

    def series(self, method: str, template: str | None, status: int) -> tuple[Count, Tally]:
        """What counts and what times the requests of a route that are answered with `status`."""
        key = method, template, status
        series = self._series.get(key)
        if series is None:
            route = self._route(template) if template is not None else "unmatched"
            series = (
                self._requests.labels(method, route, str(status)),
                self._duration.labels(method, route),
            )
            # To look a series up by its labels costs more than all the rest.
            if len(self._series) < _SERIES:
                self._series[key] = series
        return series

    def response(self, accept: str) -> Response:
        """All figures, in the format that `accept` prefers."""
        encode, content_type = choose_encoder(accept)
        return Response(encode(self.registry), media_type=content_type)


class MetricsMiddleware:
    """Counts and times requests."""

    def __init__(self, app: ASGIApp, metrics: Metrics, clock: Clock) -> None:
        self._app = app
        self._metrics = metrics
        self._clock = clock

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        if scope["type"] != "http":
            await self._app(scope, receive, send)
            return
        begun = self._clock.monotonic()

        async def count(message: Message) -> None:
            if message["type"] == "http.response.start":
                seconds = self._clock.monotonic() - begun
                self._metrics.answered(scope, message["status"], seconds)
            await send(message)

        with self._metrics.in_progress.track_inprogress():
            await self._app(scope, receive, count)


async def watch_loop(metrics: Metrics, clock: Clock, *, interval: float = 0.5) -> None:
    """Measure for ever how late the event loop is.

    Args:
        interval: Seconds between two measurements.
    """
    while True:
        asked = clock.monotonic() + interval
        await clock.sleep(interval)
        metrics.loop_lag.set(max(0.0, clock.monotonic() - asked))
