# SPDX-License-Identifier: Apache-2.0
"""Spans of requests: whose children they are, what they are called, what they say."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import pytest
from fastapi import APIRouter, FastAPI
from opentelemetry.sdk.trace.export import SimpleSpanProcessor
from opentelemetry.sdk.trace.export.in_memory_span_exporter import InMemorySpanExporter
from opentelemetry.trace import SpanKind, StatusCode

from rollcall.kernel.caller import READ
from rollcall.kernel.record_errors import RecordNotFound
from rollcall.web import correlation
from rollcall.web.express import ExpressRoute
from rollcall.web.module import Kit, Module, create_app
from rollcall.web.traces import Traces, to_collector, to_console
from support.shortways import short_way

PARENT = "00-0af7651916cd43dd8448eb211c80319c-b7ad6b7169203331-01"


class Traced:
    """An application whose spans are kept."""

    def __init__(self, kit: Kit) -> None:
        self._kept = InMemorySpanExporter()
        self.traces = Traces("tester", "1.2.3", SimpleSpanProcessor(self._kept))
        self.app = self._app(replace(kit, traces=self.traces))

    @property
    def spans(self) -> tuple[Any, ...]:
        return self._kept.get_finished_spans()

    def _app(self, kit: Kit) -> FastAPI:
        router = APIRouter()

        @router.get("/things/{name}")
        async def thing(name: str) -> dict[str, str | None]:
            if name == "missing":
                raise RecordNotFound("default", name)
            if name == "broken":
                raise RuntimeError("a fault of ours")
            self.traces.waited("registry.commit", 0.25)
            named = correlation.current()
            return {"trace_id": named.trace_id if named else None}

        route = ExpressRoute("GET", "/things/{name}", READ, lambda *asked: b'"the short way"')
        return create_app([Module("things", routers=[router], express=[route])], kit)


@pytest.fixture
def traced(kit: Kit) -> Traced:
    return Traced(kit)


async def test_a_request_is_a_span_by_the_name_of_its_route(traced: Traced, connect) -> None:
    async with connect(traced.app) as client:
        answer = await client.get("/things/one")
    *_, span = traced.spans
    assert span.name == "GET /things/{name}"
    assert span.kind is SpanKind.SERVER
    told = {name: span.attributes[name] for name in ("http.request.method", "http.route")}
    assert told == {"http.request.method": "GET", "http.route": "/things/{name}"}
    assert span.attributes["http.response.status_code"] == 200
    assert span.attributes["url.path"] == "/things/one"
    assert span.resource.attributes["service.name"] == "tester"
    trace, own = f"{span.context.trace_id:032x}", f"{span.context.span_id:016x}"
    assert answer.json() == {"trace_id": trace}
    flags = f"{span.context.trace_flags:02x}"
    assert answer.headers["traceparent"] == f"00-{trace}-{own}-{flags}"
    assert answer.headers["x-request-id"] == trace


async def test_it_is_a_child_of_the_callers_span(traced: Traced, connect) -> None:
    async with connect(traced.app) as client:
        headers = {"traceparent": PARENT, "tracestate": "a=1", "x-request-id": "mine"}
        answer = await client.get("/things/one", headers=headers)
    *_, span = traced.spans
    assert f"{span.parent.trace_id:032x}" == "0af7651916cd43dd8448eb211c80319c"
    assert f"{span.parent.span_id:016x}" == "b7ad6b7169203331"
    assert span.context.trace_state.get("a") == "1"
    assert answer.headers["x-request-id"] == "mine"


async def test_what_it_waited_for_is_a_child_of_it(traced: Traced, connect) -> None:
    async with connect(traced.app) as client:
        await client.get("/things/one")
    inner, outer = traced.spans
    assert inner.name == "registry.commit"
    assert inner.parent.span_id == outer.context.span_id
    assert inner.end_time - inner.start_time == 250_000_000


@pytest.mark.parametrize(
    ("name", "status", "code"),
    [("missing", 404, StatusCode.UNSET), ("broken", 500, StatusCode.ERROR)],
)
async def test_only_a_fault_of_ours_is_an_error(
    traced: Traced, connect, name: str, status: int, code: StatusCode
) -> None:
    async with connect(traced.app) as client:
        assert (await client.get(f"/things/{name}")).status_code == status
    *_, span = traced.spans
    assert span.status.status_code is code
    assert span.attributes["http.response.status_code"] == status
    assert span.attributes.get("error.type") == ("500" if status == 500 else None)


async def test_a_path_that_nobody_serves_names_no_route(traced: Traced, connect) -> None:
    async with connect(traced.app) as client:
        await client.get("/nothing/here")
    *_, span = traced.spans
    assert span.name == "GET"
    assert "http.route" not in span.attributes


async def test_while_spans_are_made_nothing_goes_the_short_way(traced: Traced, kit: Kit) -> None:
    assert await short_way(traced.app, "GET", "/things/one") is None


def test_the_exporters_are_made_as_asked_for() -> None:
    console, collector = to_console(), to_collector("http://127.0.0.1:4318/")
    exporter: Any = collector._batch_processor._exporter
    assert exporter._endpoint == "http://127.0.0.1:4318/v1/traces"
    for one in (console, collector):
        one.shutdown()
