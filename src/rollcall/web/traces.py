# SPDX-License-Identifier: Apache-2.0
"""Spans of requests and of what they wait for, by OpenTelemetry where that is asked for.

A request's span has the names and attributes of OpenTelemetry's conventions for HTTP servers, and
is a child of the caller's where a `traceparent` came (W3C Trace Context). Its ids are those in the
logs and in the answer. While spans are made, every request takes the ordinary way
(`rollcall.web.express`): whoever traces wants to see what happens.

This module imports nothing of OpenTelemetry until it makes a `Traces`; without one, correlation
alone names requests.
"""

from __future__ import annotations

import importlib
import sys
import time
from collections.abc import Callable
from typing import Any, Final

from starlette.datastructures import Headers
from starlette.types import ASGIApp, Message, Receive, Scope, Send

from rollcall.kernel.errors import MissingExtra
from rollcall.web.correlation import TRACE, TRACEPARENT, TRACESTATE, Trace
from rollcall.web.routes import route_template

EXTRA: Final = "otel"


class Traces:
    """Makes spans and hands them to an exporter, in a thread of its own.

    Args:
        service: What the spans say that they are from; `OTEL_SERVICE_NAME` comes first.
        version: Of that.
        processor: Of OpenTelemetry's SDK: what becomes of spans that have ended.

    Raises:
        MissingExtra: OpenTelemetry's SDK is not installed.
    """

    def __init__(self, service: str, version: str, processor: Any) -> None:
        sdk, resources = _imported("opentelemetry.sdk.trace", "opentelemetry.sdk.resources")
        self._api, self._propagate = _imported("opentelemetry.trace", "opentelemetry.propagate")
        self._context: Any = _imported("opentelemetry.context")[0]
        named = {"service.name": service, "service.version": version}
        resource = resources.Resource(named).merge(resources.OTELResourceDetector().detect())
        self._provider: Any = sdk.TracerProvider(resource=resource)
        self._provider.add_span_processor(processor)
        self._tracer: Any = self._provider.get_tracer("rollcall", version)

    def begin(self, scope: Scope) -> Any:
        """The span of a request, which has begun."""
        headers = Headers(scope=scope)
        carrier = {
            name: value
            for name in (TRACEPARENT, TRACESTATE)
            if (value := headers.get(name)) is not None
        }
        attributes: dict[str, str | int] = {
            "http.request.method": scope["method"],
            "url.path": scope["path"],
            "url.scheme": scope.get("scheme", "http"),
            "network.protocol.version": scope.get("http_version", "1.1"),
        }
        client = scope.get("client")
        if client:
            attributes["client.address"] = client[0]
        return self._tracer.start_span(
            scope["method"],
            context=self._propagate.extract(carrier),
            kind=self._api.SpanKind.SERVER,
            attributes=attributes,
        )

    def attach(self, span: Any) -> Callable[[], None]:
        """Have what is begun from now on be a part of `span`; what is returned ends that."""
        token = self._context.attach(self._api.set_span_in_context(span))
        return lambda: self._context.detach(token)

    def waited(self, name: str, seconds: float) -> None:
        """Something that a request waited for took so long, until now."""
        ended = time.time_ns()
        span = self._tracer.start_span(name, start_time=ended - round(seconds * 1e9))
        span.end(ended)

    def close(self) -> None:
        """Send what has not been sent yet. May take as long as the exporter is patient."""
        self._provider.shutdown()


class TracesMiddleware:
    """Makes a span of each request; stands before correlation, which tells the span's ids."""

    def __init__(self, app: ASGIApp, traces: Traces) -> None:
        self._app = app
        self._traces = traces

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        if scope["type"] != "http":
            await self._app(scope, receive, send)
            return
        span = self._traces.begin(scope)
        context = span.get_span_context()
        scope[TRACE] = Trace(
            f"{context.trace_id:032x}", f"{context.span_id:016x}", f"{context.trace_flags:02x}"
        )

        async def watch(message: Message) -> None:
            if message["type"] == "http.response.start":
                _answered(span, scope, message["status"])
            await send(message)

        detach = self._traces.attach(span)
        try:
            await self._app(scope, receive, watch)
        except BaseException as error:
            span.set_attribute("error.type", type(error).__qualname__)
            raise
        finally:
            detach()
            span.end()


def to_console() -> Any:
    """A processor that writes spans to the standard error, for people.

    Raises:
        MissingExtra: OpenTelemetry's SDK is not installed.
    """
    (export,) = _imported("opentelemetry.sdk.trace.export")
    return export.SimpleSpanProcessor(export.ConsoleSpanExporter(out=sys.stderr))


def to_collector(endpoint: str | None) -> Any:
    """A processor that sends spans by OTLP over HTTP.

    Args:
        endpoint: Of the collector, without a path; None: as OpenTelemetry's variables say, which
            also say what else there is to say (`OTEL_EXPORTER_OTLP_HEADERS` ...).

    Raises:
        MissingExtra: OpenTelemetry's SDK or its exporter is not installed.
    """
    export, otlp = _imported(
        "opentelemetry.sdk.trace.export", "opentelemetry.exporter.otlp.proto.http.trace_exporter"
    )
    url = None if endpoint is None else f"{endpoint.rstrip('/')}/v1/traces"
    return export.BatchSpanProcessor(otlp.OTLPSpanExporter(endpoint=url))


def _answered(span: Any, scope: Scope, status: int) -> None:
    span.set_attribute("http.response.status_code", status)
    route = route_template(scope)
    if route is not None:
        span.update_name(f"{scope['method']} {route}")
        span.set_attribute("http.route", route)
    if status >= 500:
        # A 4xx is the caller's mistake, and no error of this span.
        span.set_attribute("error.type", str(status))
        (api,) = _imported("opentelemetry.trace")
        span.set_status(api.StatusCode.ERROR)


def _imported(*names: str) -> list[Any]:
    try:
        return [importlib.import_module(name) for name in names]
    except ImportError as error:
        raise MissingExtra("traces", EXTRA) from error
