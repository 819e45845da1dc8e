# SPDX-License-Identifier: Apache-2.0
"""A service of one's own, registered and reached through the gateway."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import httpx
import pytest
from starlette.requests import Request
from starlette.responses import JSONResponse
from starlette.types import Receive, Scope, Send

from rollcall.app.compose import compose
from rollcall.app.settings import Settings
from rollcall.gateway.catalogue import SERVICES
from rollcall.gateway.guests import OWN, meet
from rollcall.gateway.models import split
from support.gateways import served
from support.serving import Serving, eventually, serving

ROUTES = "/api/quotes/**=quote-service"


async def quotes(scope: Scope, receive: Receive, send: Send) -> None:
    request = Request(scope, receive)
    said = {"status": "healthy", **dict(request.headers.items())}
    await JSONResponse(said)(scope, receive, send)


@pytest.fixture(scope="module")
def place(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Serving]:
    folder = tmp_path_factory.mktemp("guests")
    with serving(folder, "up", ROLLCALL_GATEWAY_ROUTES=ROUTES) as one:
        yield one
        assert "Traceback" not in one.errors()


def test_whoever_registers_under_the_name_is_reached_until_they_leave(place: Serving) -> None:
    url = f"{place.gateway}/api/quotes/today"
    assert httpx.get(url).json()["type"] == "urn:rollcall:problem:service-not-here"
    assert httpx.get(f"{place.gateway}/health").json()["checks"]["quote-service"] == "absent"
    with served(quotes) as at:
        body = {"name": "quote-service", "service_type": "api", "host": "127.0.0.1"}
        body["port"] = int(at.rpartition(":")[2])
        made = httpx.post(f"{place.services}/api/v1/register", json=body).json()
        heard = httpx.get(url, headers={"Authorization": "Bearer mine"}).json()
        assert heard["x-rollcall-subject"] == "local"
        assert heard["x-rollcall-namespace"] == "default"
        assert heard["x-request-id"]
        assert "authorization" not in heard
        eventually('"quote-service":"ok"', f"{place.gateway}/health")
        httpx.delete(f"{place.services}/api/v1/unregister/{made['service_id']}").raise_for_status()
    assert httpx.get(url).status_code == 503


def test_a_route_that_is_taken_ends_the_start_with_the_reason(tmp_path: Path) -> None:
    with (
        pytest.raises(RuntimeError, match=r"ROLLCALL_GATEWAY_ROUTES.*/api/agents/\*\*"),
        serving(tmp_path, "up", ROLLCALL_GATEWAY_ROUTES="/api/agents/quotes=quote-service"),
    ):
        pass


async def test_nothing_of_the_gateways_own_can_be_taken(tmp_path: Path) -> None:
    told = {"ROLLCALL_STORE": "memory", "ROLLCALL_DATA_DIR": str(tmp_path)}
    kept = [*OWN, *(pattern for one in SERVICES for pattern in one.patterns)]
    async with compose(Settings.load(told), ["gateway"]) as platform:
        routes = platform.apps["gateway"].openapi()["paths"]
    assert len(routes) > 30
    for path in routes:
        assert any(meet(split(path), split(one)) for one in kept), path
