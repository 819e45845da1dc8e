# SPDX-License-Identifier: Apache-2.0
"""The example of a service of one's own, beside `rollcall up`."""

from __future__ import annotations

import asyncio
import re
import signal
from collections.abc import Iterator
from decimal import Decimal
from pathlib import Path
from typing import Any

import httpx
import pytest

from support.ownservice import EXAMPLE, NAME, own_service
from support.scripts import Script
from support.servers.kafka import Kafka
from support.serving import REGISTRIES, Serving, eventually, serving
from support.toolhosts import Request, ToolHost

ASKED = {"answers": 1000, "model": "gpt-4o", "input_tokens": 900, "output_tokens": 300}
ROUTE = "/api/quotes/**=quote-service"
QUOTE = "/api/quotes/clerk"


@pytest.fixture(scope="module")
def up(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Serving]:
    told = {"ROLLCALL_STORE": "memory", "ROLLCALL_GATEWAY_ROUTES": ROUTE}
    with serving(tmp_path_factory.mktemp("up"), "up", **told) as one:
        eventually("billing-service", f"{one.services}/api/v1/discover")
        yield one


@pytest.fixture(scope="module")
def service(up: Serving, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Script]:
    with own_service(tmp_path_factory.mktemp("own"), up.services) as one:
        yield one


QUOTED = re.findall(
    r"<!-- not run: a part of examples/own_service/(\w+\.py) -->\n```python\n(.*?)^```",
    (EXAMPLE.parents[1] / "docs" / "services.md").read_text(encoding="utf-8"),
    re.DOTALL | re.MULTILINE,
)


def found(registry: str) -> list[dict[str, Any]]:
    """The instances of the service that the registry calls healthy."""
    asked = {"name": NAME, "status": "healthy"}
    return httpx.post(f"{registry}/api/v1/discover", json=asked).json()["services"]


def problem(answer: httpx.Response) -> dict[str, Any]:
    """An error's problem details, which name the request."""
    assert answer.headers["content-type"] == "application/problem+json"
    said = answer.json()
    assert said["status"] == answer.status_code
    assert said["request_id"] == answer.headers["x-request-id"]
    return said


def test_the_guide_quotes_what_stands_in_the_example() -> None:
    assert len(QUOTED) == 3
    for name, code in QUOTED:
        assert code in (EXAMPLE / name).read_text(encoding="utf-8"), name


def test_it_is_registered_healthy_and_found(up: Serving, service: Script) -> None:
    (one,) = found(up.services)
    assert (one["name"], one["service_type"], one["status"]) == (NAME, "api", "healthy")
    assert (one["host"], one["port"]) == ("127.0.0.1", service.port)
    assert one["health_check"]["endpoint"] == "/health"
    assert httpx.get(f"{service.url}/health").json() == {"status": "healthy", "service": NAME}


def test_the_registry_has_looked_whether_it_is_well(up: Serving, service: Script) -> None:
    (one,) = found(up.services)
    eventually('"passing"', f"{up.agents}/health/{one['service_id']}")


def test_a_quote_is_what_billing_would_charge(up: Serving, service: Script) -> None:
    answer = httpx.get(service.url + QUOTE, params=ASKED)
    assert answer.status_code == 200, answer.text
    usage = {"model": "gpt-4o", "input_tokens": 900_000, "output_tokens": 300_000}
    charged = httpx.get(f"{up.billing}/api/usage/calculate", params=usage).json()
    assert Decimal(charged["amount"]) > 0
    assert answer.json() == {
        "agent_id": "clerk",
        "answers": 1000,
        "amount": charged["amount"],
        "currency": charged["currency"],
    }


def test_the_gateway_has_its_path_and_says_who_asks(up: Serving, service: Script) -> None:
    lies = {"X-Rollcall-Subject": "key:boss", "X-Request-ID": "order-79"}
    answer = httpx.get(up.gateway + QUOTE, params=ASKED, headers=lies)
    assert answer.status_code == 200, answer.text
    assert answer.json() == httpx.get(service.url + QUOTE, params=ASKED).json()
    assert re.search(
        r"\[order-79\] quoted .* for 'clerk' to local$", service.errors(), re.MULTILINE
    )
    assert "boss" not in service.errors()
    eventually('"quote-service":"ok"', f"{up.gateway}/health")


def test_its_problems_go_through_the_gateway_as_they_are(up: Serving, service: Script) -> None:
    asked = {**ASKED, "answers": 0}
    said = problem(httpx.get(up.gateway + QUOTE, params=asked))
    assert [one["field"] for one in said["errors"]] == ["answers"]


def test_bad_input_is_a_problem_that_names_the_field(service: Script) -> None:
    said = problem(httpx.get(service.url + QUOTE, params={**ASKED, "answers": 0}))
    assert said["status"] == 422
    assert [one["field"] for one in said["errors"]] == ["answers"]


def test_a_model_without_a_price_is_refused_and_not_quoted_at_nothing(service: Script) -> None:
    said = problem(httpx.get(service.url + QUOTE, params={**ASKED, "model": "unheard-of"}))
    assert said["status"] == 422
    assert "unheard-of" in said["detail"]


def test_what_billing_refuses_is_refused_with_its_reason(service: Script) -> None:
    said = problem(httpx.get(f"{service.url}/api/quotes/%00%0A", params=ASKED))
    assert said["status"] == 422
    assert "agent_id" in said["detail"]


def test_a_path_that_is_none_is_a_problem(service: Script) -> None:
    assert problem(httpx.get(f"{service.url}/api/nothing"))["status"] == 404


def test_it_describes_itself(service: Script) -> None:
    described = httpx.get(f"{service.url}/openapi.json").json()
    assert set(described["paths"]) == {"/health", "/api/quotes/{agent_id}"}
    assert httpx.get(f"{service.url}/docs").status_code == 200


def test_its_figures_are_of_patterns_and_not_of_ids(service: Script) -> None:
    httpx.get(f"{service.url}/api/quotes/somebody", params={**ASKED, "answers": 0})
    httpx.get(f"{service.url}/api/elsewhere")
    figures = httpx.get(f"{service.url}/metrics").text
    assert 'route="/api/quotes/{agent_id}",status="422"' in figures
    assert 'route="other",status="404"' in figures
    assert "somebody" not in figures
    assert "elsewhere" not in figures


def test_prometheus_is_told_of_it(up: Serving, service: Script) -> None:
    targets = httpx.get(f"{up.services}/sd/prometheus").json()
    assert f"127.0.0.1:{service.port}" in [one for group in targets for one in group["targets"]]


def test_each_line_of_the_log_names_its_request(service: Script) -> None:
    named = {"X-Request-ID": "order-77"}
    answer = httpx.get(service.url + QUOTE, params=ASKED, headers=named)
    assert answer.headers["x-request-id"] == "order-77"
    assert "quote-service [order-77] quoted" in service.errors()


async def test_what_it_asks_for_behind_a_gateway_carries_its_key_and_the_requests_names(
    up: Serving, tmp_path: Path
) -> None:
    def price(request: Request) -> tuple[int, Any]:
        return 200, {"amount": "1.25", "currency": "EUR", "lines": [{"note": None}]}

    gateway = await ToolHost(tools=None, handler=price).start()
    variables = {
        "GATEWAY_URL": f"http://127.0.0.1:{gateway.port}",
        "ROLLCALL_API_KEY": "rc_mine",
    }
    names = {
        "X-Request-ID": "order-78",
        "traceparent": f"00-{'4bf92f3577b34da6a3ce929d0e0e4736'}-00f067aa0ba902b7-01",
    }

    def quoted() -> httpx.Response:
        # The registry of a house without keys takes no notice of one.
        with own_service(tmp_path, up.services, **variables) as one:
            return httpx.get(one.url + QUOTE, params=ASKED, headers=names)

    try:
        answer = await asyncio.to_thread(quoted)
    finally:
        await gateway.kill()
    assert answer.json()["amount"] == "1.25", answer.text
    (asked,) = gateway.requests
    assert asked.path.startswith("/api/usage/calculate?agent_id=clerk&model=gpt-4o")
    assert asked.headers["authorization"] == "Bearer rc_mine"
    assert asked.headers["x-request-id"] == "order-78"
    assert asked.headers["traceparent"] == names["traceparent"]


def test_what_it_needs_and_is_not_there_is_named_and_its_end_is_known(tmp_path: Path) -> None:
    with (
        serving(tmp_path / "up", *REGISTRIES, ROLLCALL_STORE="memory") as registries,
        own_service(tmp_path, registries.services) as one,
    ):
        said = problem(httpx.get(one.url + QUOTE, params=ASKED))
        assert (said["status"], said["detail"]) == (503, "billing-service does not answer")
        assert httpx.get(f"{one.url}/health").status_code == 200

        # Uvicorn ends by the signal that it was sent, when all is done.
        assert one.end() in {0, -signal.SIGTERM}
        assert found(registries.services) == []
        assert "Traceback" not in one.errors()


@pytest.mark.server
def test_it_hears_what_is_charged(kafka: Kafka, tmp_path: Path) -> None:
    told = {"ROLLCALL_EVENTS": "kafka", "KAFKA_BOOTSTRAP_SERVERS": kafka.place}
    with (
        serving(tmp_path / "up", "up", **told) as house,
        own_service(tmp_path, house.services, KAFKA_BOOTSTRAP_SERVERS=kafka.place) as one,
    ):
        usage = {"agent_id": "clerk", "model_used": "gpt-4o", "input_tokens": 1000}
        charged = httpx.post(f"{house.billing}/api/usage", json={**usage, "output_tokens": 0})
        assert charged.status_code == 201, charged.text
        amount = float(charged.json()["amount"])
        figure = f'quote_service_charged_total{{currency="USD"}} {amount}'
        eventually(figure, f"{one.url}/metrics")
