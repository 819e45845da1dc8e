# SPDX-License-Identifier: Apache-2.0
"""Traces on their way to a collector."""

from __future__ import annotations

import threading
from collections.abc import Iterator
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path

import httpx
import pytest
from opentelemetry.proto.collector.trace.v1.trace_service_pb2 import ExportTraceServiceRequest

from support.serving import REGISTRIES, serving

TRACE = "0af7651916cd43dd8448eb211c80319c"


class Collector(ThreadingHTTPServer):
    """Takes what is sent by OTLP over HTTP."""

    def __init__(self) -> None:
        super().__init__(("127.0.0.1", 0), _Handler)
        self.spans: list[tuple[str, str, str]] = []

    @property
    def url(self) -> str:
        return f"http://127.0.0.1:{self.server_address[1]}"


class _Handler(BaseHTTPRequestHandler):
    server: Collector

    def do_POST(self) -> None:
        sent = ExportTraceServiceRequest()
        sent.ParseFromString(self.rfile.read(int(self.headers["content-length"])))
        for resource in sent.resource_spans:
            names = {one.key: one.value.string_value for one in resource.resource.attributes}
            for scope in resource.scope_spans:
                self.server.spans += [
                    (names["service.name"], one.name, one.trace_id.hex()) for one in scope.spans
                ]
        self.send_response(200)
        self.send_header("content-length", "0")
        self.end_headers()

    def log_message(self, format: str, *args: object) -> None:  # noqa: A002
        pass


@pytest.fixture
def collector() -> Iterator[Collector]:
    server = Collector()
    thread = threading.Thread(target=server.serve_forever)
    thread.start()
    yield server
    server.shutdown()
    thread.join()
    server.server_close()


def test_what_a_request_did_reaches_the_collector_at_the_latest_when_the_process_ends(
    tmp_path: Path, collector: Collector
) -> None:
    agent = {"agent_id": "a", "agent_name": "A", "base_url": "http://a:1"}
    with serving(tmp_path, *REGISTRIES, OTEL_EXPORTER_OTLP_ENDPOINT=collector.url) as server:
        headers = {"traceparent": f"00-{TRACE}-b7ad6b7169203331-01"}
        httpx.post(f"{server.agents}/register", json=agent, headers=headers).raise_for_status()
        question = httpx.get(f"{server.agents}/capabilities/search?q=x", headers=headers)
        assert question.headers["traceparent"].split("-")[1] == TRACE
        assert server.end() == 0
    told = {(service, name) for service, name, trace in collector.spans if trace == TRACE}
    assert told == {
        ("rollcall", "POST /register"),
        ("rollcall", "registry.commit"),
        ("rollcall", "GET /capabilities/search"),
        ("rollcall", "registry.search"),
    }


@pytest.mark.slow
def test_a_collector_that_is_away_holds_nobody_up(tmp_path: Path) -> None:
    with serving(tmp_path, *REGISTRIES, OTEL_EXPORTER_OTLP_ENDPOINT="http://127.0.0.1:9") as server:
        assert httpx.get(f"{server.agents}/stats").status_code == 200
        assert server.end() == 0


def test_traces_for_people_are_written_to_the_standard_error(tmp_path: Path) -> None:
    with serving(tmp_path, *REGISTRIES, ROLLCALL_TRACES="console") as server:
        httpx.get(f"{server.agents}/stats")
        assert server.end() == 0
        assert '"name": "GET /stats"' in server.errors()
