# SPDX-License-Identifier: Apache-2.0
"""How often callers may ask for single routes."""

from __future__ import annotations

import asyncio

import httpx
import pytest
from starlette.responses import JSONResponse
from starlette.types import Receive, Scope, Send

from rollcall.gateway.limiting import LimitTable, RouteLimit, route_limits
from rollcall.gateway.targets import Deployment
from rollcall.kernel.caller import RateLimited
from rollcall.kernel.errors import InvalidInput
from rollcall.testing.clock import FrozenClock
from rollcall.web.module import create_app
from support.gateways import gateway_of, kit


def test_limits_are_read_as_people_write_them() -> None:
    text = "/api/runtime/**=5/s burst 10 at once 2, /api/agents = 600/m,/x/{id}=7/h at once 1,"
    assert route_limits(text) == [
        RouteLimit("/api/runtime/**", 5, 1, 10, 2),
        RouteLimit("/api/agents", 600, 60, 600),
        RouteLimit("/x/{id}", 7, 3600, 7, 1),
    ]
    assert route_limits(" ") == []


@pytest.mark.parametrize(
    "text",
    [
        "/api",
        "/api=",
        "/api=5",
        "/api=5/d",
        "/api=0/s",
        "/api=5/s burst 0",
        "/api=5/s at once 0",
        "/api=-5/s",
        "/api=1.5/s",
        "/api=5/s burst",
        "api=5/s",
        "/a/**/b=5/s",
        "/api=5/s,/api=6/s",
        "/api=99999999/s",
    ],
)
def test_a_limit_that_is_none_is_refused(text: str) -> None:
    with pytest.raises(InvalidInput, match="ROLLCALL_GATEWAY_LIMITS"):
        route_limits(text)


def test_the_most_exact_pattern_counts(clock: FrozenClock) -> None:
    table = LimitTable(route_limits("/api/**=1/s,/api/x/{id}=2/s,/api/x/y=3/s"), clock)

    def burst(*path: str) -> int | None:
        found = table.of(path)
        return None if found is None else found.quota("me").requests

    assert [burst("api"), burst("api", "x", "y"), burst("api", "x", "z")] == [1, 3, 2]
    assert burst("other") is None


def test_at_the_same_time_is_counted_for_each_caller(clock: FrozenClock) -> None:
    found = LimitTable(route_limits("/api=100/s at once 1"), clock).of(["api"])
    assert found is not None
    with found.counted("one"), found.counted("other"):
        with pytest.raises(RateLimited) as refused, found.counted("one"):
            pass
        assert refused.value.retry_after == 1.0
    with found.counted("one"):
        pass


@pytest.fixture
def clock() -> FrozenClock:
    return FrozenClock()


class Slow:
    """A service that answers `/api/shop/slow` once a test lets it."""

    def __init__(self) -> None:
        self.asked = asyncio.Event()
        self.go_on = asyncio.Event()

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        if scope["path"] == "/api/shop/slow":
            self.asked.set()
            await self.go_on.wait()
        await JSONResponse("sold")(scope, receive, send)


def opened(clock: FrozenClock, text: str, service: Slow) -> httpx.AsyncClient:
    used = kit(clock)
    part = gateway_of(used, Deployment(local={"shop": service}), limits=route_limits(text))
    transport = httpx.ASGITransport(create_app([part], used))
    return httpx.AsyncClient(transport=transport, base_url="http://localhost")


async def test_answers_tell_what_is_left_until_nothing_is(clock: FrozenClock) -> None:
    async with opened(clock, "/api/shop/**=1/s burst 3", Slow()) as client:
        said = [await client.get("/api/shop/fig") for _ in range(4)]
        other = await client.get("/services/shop/fig")
        clock.jump(1.0)
        again = await client.get("/api/shop/fig")
    assert [one.status_code for one in said] == [200, 200, 200, 429]
    assert [one.headers["ratelimit"] for one in said] == [
        '"/api/shop/**";r=2;t=1',
        '"/api/shop/**";r=1;t=2',
        '"/api/shop/**";r=0;t=1',
        '"/api/shop/**";r=0;t=1',
    ]
    assert {one.headers["ratelimit-policy"] for one in said} == {'"/api/shop/**";q=3;w=3'}
    assert said[3].headers["retry-after"] == "1"
    assert said[3].json()["type"] == "urn:rollcall:problem:rate-limited"
    assert other.status_code == 200
    assert "ratelimit" not in other.headers
    assert again.status_code == 200


async def test_a_request_under_way_counts_until_its_answer_is_whole(clock: FrozenClock) -> None:
    service = Slow()
    async with opened(clock, "/api/shop/**=100/s at once 1", service) as client:
        first = asyncio.create_task(client.get("/api/shop/slow"))
        await service.asked.wait()
        second = await client.get("/api/shop/fig")
        service.go_on.set()
        assert (await first).status_code == 200
        third = await client.get("/api/shop/fig")
    assert (second.status_code, second.headers["retry-after"]) == (429, "1")
    assert third.status_code == 200
