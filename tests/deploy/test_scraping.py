# SPDX-License-Identifier: Apache-2.0
"""A real Prometheus, set up as `deploy/prometheus/prometheus.yml` says, against `rollcall up`."""

from __future__ import annotations

import re
import threading
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import httpx
import pytest

from rollcall.kernel.clock import SystemClock
from support.servers.prometheus import Prometheus
from support.serving import REGISTRIES, Serving, serving

FOLDER = Path(__file__).parents[2] / "deploy" / "prometheus"
WITHIN = 60.0
_clock = SystemClock()

pytestmark = pytest.mark.server

DOCUMENT_2 = [
    'agent_registry_agents_total{status="active"} == 1',
    "agent_registry_capabilities_total == 1",
    'agent_registry_heartbeat_latency_seconds_count{agent_id="scraped"} >= 1',
    'agent_registry_discovery_requests_total{capability="painting"} >= 1',
    "agent_registry_stale_agents_total == 0",
]
DOCUMENT_5 = [
    # Registrations and removals; heartbeats; statuses; the queue; searches; runtimes.
    'sum(rollcall_registry_events_total{job="rollcall", type="registered"}) >= 3',
    'sum(rollcall_registry_events_total{job="rollcall", type="deregistered"}) >= 1',
    'rollcall_http_requests_total{route="/agents/{agent_id}/heartbeat", status="200"} >= 1',
    'sum(rollcall_records{job="rollcall", kind="agent"}) == 1',
    'rollcall_records{kind="agent", status="active"} == 1',
    "rollcall_search_duration_seconds_count >= 1",
    "rollcall_event_queue_depth",
    "rollcall_event_subscribers",
    'sum(rollcall_registry_events_total{type=~"runtime.*"}) >= 1',
    "rollcall_unmet_demand_total",
    "rollcall_store_up == 1",
    "rollcall_http_requests_total",
    "rollcall_http_request_duration_seconds_bucket",
    "rollcall_loop_lag_seconds",
    'rollcall_health_checks_total{outcome="failed"} >= 1',
    "rollcall_health_checks_in_flight",
    "rollcall_health_checked_records >= 1",
]


@pytest.fixture(scope="module")
def server(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Serving]:
    with serving(tmp_path_factory.mktemp("scraped"), *REGISTRIES, ROLLCALL_STORE="memory") as one:
        card = {
            "agent_id": "scraped",
            "agent_name": "Scraped",
            # It stands for a program with figures of its own.
            "base_url": one.agents,
            "capabilities": [{"name": "painting"}],
            "metadata": {"prometheus_path": "/metrics"},
        }
        gone = {**card, "agent_id": "gone", "agent_name": "Gone", "runtime": "pod"}
        httpx.post(f"{one.agents}/register", json=gone).raise_for_status()
        httpx.delete(f"{one.agents}/agents/gone").raise_for_status()
        silent: dict[str, Any] = {
            "agent_id": "silent",
            "agent_name": "Silent",
            "base_url": "http://127.0.0.1:1",
        }
        silent["health_check"] = {"enabled": True, "interval_seconds": 1, "timeout_seconds": 1}
        httpx.post(f"{one.agents}/register", json=card).raise_for_status()
        httpx.post(f"{one.agents}/register", json={**silent, "kind": "tool"}).raise_for_status()
        httpx.post(f"{one.agents}/agents/scraped/heartbeat").raise_for_status()
        for words in ("painting", "nothing like that"):
            httpx.get(f"{one.agents}/capabilities/search", params={"q": words}).raise_for_status()
        yield one


@pytest.fixture(scope="module")
def prometheus(server: Serving, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Prometheus]:
    """Set up as the file says, but for the addresses and for how often it looks."""
    text = (FOLDER / "prometheus.yml").read_text(encoding="utf-8")
    targets = "".join(re.findall(r"^          - 127[.]0[.]0[.]1:[0-9]+ # .*\n", text, re.MULTILINE))
    for written, here in (
        (
            targets,
            f"          - {server.agents.removeprefix('http://')}\n",
        ),
        ("http://127.0.0.1:3003/sd/prometheus", f"{server.services}/sd/prometheus"),
        ("scrape_interval: 15s", "scrape_interval: 1s\n  evaluation_interval: 1s"),
        ("      - url: ", "      - refresh_interval: 1s\n        url: "),
        ("rollcall.rules.yml", str(FOLDER / "rollcall.rules.yml")),
    ):
        assert text.count(written) == 1, written
        text = text.replace(written, here)
    folder = tmp_path_factory.mktemp("prometheus")
    configuration = folder / "prometheus.yml"
    configuration.write_text(text, encoding="utf-8")
    one = Prometheus(folder, configuration)
    try:
        yield one
    finally:
        one.stop()


def soon(ask: Callable[[], Any], fits: Callable[[Any], bool]) -> Any:
    """What `ask` answers as soon as it fits."""
    deadline = _clock.monotonic() + WITHIN
    while not fits(found := ask()):
        assert _clock.monotonic() < deadline, found
        threading.Event().wait(0.1)
    return found


def up(prometheus: Prometheus, job: str) -> list[dict[str, Any]]:
    return [
        one for one in prometheus.targets() if one["labels"]["job"] == job and one["health"] == "up"
    ]


@pytest.mark.timeout(120)
def test_rollcall_itself_is_scraped(prometheus: Prometheus) -> None:
    (one,) = soon(lambda: up(prometheus, "rollcall"), bool)
    assert one["lastError"] == ""


@pytest.mark.timeout(120)
def test_what_is_registered_becomes_a_target(server: Serving, prometheus: Prometheus) -> None:
    (one,) = soon(lambda: up(prometheus, "fleet"), bool)
    assert one["scrapeUrl"] == f"{server.agents}/metrics"
    assert one["labels"] == {"instance": "Scraped", "job": "fleet", "kind": "agent"}
    assert one["discoveredLabels"]["__meta_rollcall_capabilities"] == ",painting,"

    card = {
        "name": "late",
        "service_type": "tool",
        "host": "127.0.0.1",
        "port": 1,
        "metadata": {"extra": {"prometheus_path": "/figures"}},
    }
    made = httpx.post(f"{server.services}/api/v1/register", json=card)
    made.raise_for_status()

    def urls() -> set[str]:
        return {each["scrapeUrl"] for each in prometheus.targets()}

    soon(urls, lambda found: "http://127.0.0.1:1/figures" in found)
    service_id = made.json()["service_id"]
    httpx.delete(f"{server.services}/api/v1/unregister/{service_id}").raise_for_status()
    soon(urls, lambda found: "http://127.0.0.1:1/figures" not in found)


@pytest.mark.timeout(120)
@pytest.mark.parametrize("expression", [*DOCUMENT_2, *DOCUMENT_5])
def test_every_figure_of_the_documents_answers_a_query(
    expression: str, prometheus: Prometheus
) -> None:
    soon(lambda: prometheus.query(expression), bool)


@pytest.mark.timeout(120)
def test_no_alert_fires_while_all_is_well(prometheus: Prometheus) -> None:
    soon(lambda: prometheus.query('up{job="rollcall"} == 1'), bool)
    assert prometheus.query('ALERTS{alertstate="firing"}') == []
