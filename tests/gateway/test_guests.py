# SPDX-License-Identifier: Apache-2.0
"""Services of an operator's own behind the gateway."""

from __future__ import annotations

from collections.abc import AsyncIterator, Sequence
from contextlib import asynccontextmanager
from dataclasses import replace
from typing import Any

import httpx
import pytest
from hypothesis import given
from hypothesis import strategies as st
from starlette.requests import Request
from starlette.responses import JSONResponse
from starlette.types import Receive, Scope, Send

from rollcall.gateway.catalogue import SERVICES
from rollcall.gateway.guests import guests, meet
from rollcall.gateway.models import REST, GatewayService, RouteTable, split
from rollcall.gateway.ports import Instance
from rollcall.gateway.targets import Deployment
from rollcall.kernel.caller import READ, REGISTER
from rollcall.kernel.errors import InvalidInput
from rollcall.web.auth import BearerAccess
from rollcall.web.keys import InMemoryKeyStore, draw_key
from rollcall.web.module import create_app
from support.gateways import gateway_of, instance, kit, served

QUOTES = "/api/quotes/**=quote-service"

segments = st.sampled_from(["a", "b", "{id}"])
patterns = st.builds(
    lambda parts, rest: [*parts, REST] if rest else parts or ["a"],
    st.lists(segments, max_size=4),
    st.booleans(),
)


def fits(pattern: Sequence[str], path: Sequence[str]) -> bool:
    service = GatewayService("one", "one", ["/" + "/".join(pattern)])
    return RouteTable([service]).match(path) is not None


@given(patterns, patterns, st.lists(st.sampled_from(["a", "b", "c"]), max_size=6))
def test_patterns_that_one_path_fits_meet(
    one: list[str], other: list[str], path: list[str]
) -> None:
    if fits(one, path) and fits(other, path):
        assert meet(one, other)


@given(patterns, patterns)
def test_patterns_that_meet_have_a_path_in_common(one: list[str], other: list[str]) -> None:
    assert meet(one, other) == meet(other, one)
    if not meet(one, other):
        return
    longest = max(len(one), len(other))
    padded = [[*some, *[REST] * (longest - len(some))] for some in (one, other)]
    path = []
    for mine, theirs in zip(*padded, strict=True):
        fixed = [part for part in (mine, theirs) if part in ("a", "b")]
        if not fixed and REST in (mine, theirs) and "{id}" not in (mine, theirs):
            break
        path.append(fixed[0] if fixed else "c")
    assert fits(one, path), path
    assert fits(other, path), path


def test_one_service_may_have_several_paths() -> None:
    (one, other) = guests(
        f" {QUOTES}, /api/rates/{{day}}=rates,/api/offers=quote-service,", SERVICES
    )
    assert (one.name, one.registered) == ("quote-service", "quote-service")
    assert one.patterns == ["/api/quotes/**", "/api/offers"]
    assert other.patterns == ["/api/rates/{day}"]
    assert one.guest
    assert other.guest


@pytest.mark.parametrize("text", ["", " , "])
def test_there_need_not_be_any(text: str) -> None:
    assert guests(text, SERVICES) == []


@pytest.mark.parametrize(
    ("text", "said"),
    [
        ("/api/agents/quotes/**=quotes", "/api/agents/\\*\\*"),
        ("/api/{any}=quotes", "/api/"),
        ("/**=quotes", "/health"),
        ("/{any}/quotes=quotes", "quotes"),
        ("/docs=quotes", "/docs"),
        ("/api/v1/quotes=quotes", "/api/v1"),
        ("/services/quotes/**=quotes", "/services"),
        ("/widget/v2/**=quotes", "/widget"),
        ("/api/payments/webhooks/bank=quotes", "billing"),
        ("/api/quotes", "is not like"),
        ("/api/quotes=", "is not like"),
        ("/api/quotes=a b", "is not like"),
        ("api/quotes=quotes", "slash"),
        ("/api/**/quotes=quotes", "\\*\\*"),
        ("/api/quotes=billing", "service of Rollcall"),
        ("/api/quotes=billing-service", "service of Rollcall"),
        ("/api/quotes=api-gateway", "service of Rollcall"),
    ],
)
def test_what_is_ours_is_not_given_away(text: str, said: str) -> None:
    with pytest.raises(InvalidInput, match=f"ROLLCALL_GATEWAY_ROUTES.*{said}"):
        guests(text, SERVICES, ["api-gateway"])


class Named:
    """A registry that knows one service by its name."""

    def __init__(self, *places: Instance) -> None:
        self.places = places

    async def find(self, service: str) -> Sequence[Instance]:
        return self.places if service == "quote-service" else ()


async def echo(scope: Scope, receive: Receive, send: Send) -> None:
    request = Request(scope, receive)
    fields = [(name, value) for name, value in request.headers.items()]
    answer = JSONResponse({"method": request.method, "path": scope["path"], "fields": fields})
    answer.set_cookie("session", "theirs")
    await answer(scope, receive, send)


@asynccontextmanager
async def opened() -> AsyncIterator[tuple[httpx.AsyncClient, dict[str, dict[str, str]]]]:
    """A gateway that asks for keys, with a guest behind it, and headers by scope."""
    used = kit()
    keys = InMemoryKeyStore()
    shown: dict[str, dict[str, str]] = {}
    for scope in (READ, REGISTER):
        key, text = draw_key(
            used.ids, used.clock, name=scope, namespace="acme", scopes=frozenset({scope})
        )
        await keys.add(key)
        shown[scope] = {"Authorization": f"Bearer {text}"}
    used = replace(used, access=BearerAccess(keys, used.clock))
    with served(echo) as url:
        place = replace(instance(url), own_name=True)
        deployment = Deployment(guests=Named(place))
        services = [*SERVICES, *guests(QUOTES, SERVICES)]
        app = create_app([gateway_of(used, deployment, services=services)], used)
        async with (
            app.router.lifespan_context(app),
            httpx.AsyncClient(
                transport=httpx.ASGITransport(app), base_url="http://gate.example"
            ) as client,
        ):
            yield client, shown


def told(answer: httpx.Response) -> dict[str, Any]:
    assert answer.status_code == 200, answer.text
    return dict(answer.json()["fields"])


async def test_a_guest_hears_who_asks_and_no_credentials() -> None:
    async with opened() as (client, shown):
        headers = {
            **shown[READ],
            "Cookie": "session=ours",
            "X-Rollcall-Subject": "key:boss",
            "X-Rollcall-Scopes": "admin",
            "X_Rollcall_Namespace": "zoo",
            "X-Request-ID": "mine",
        }
        answer = await client.get("/api/quotes/7?a=b", headers=headers)
    fields = told(answer)
    assert answer.json()["path"] == "/api/quotes/7"
    assert fields["x-rollcall-subject"].startswith("key:")
    assert fields["x-rollcall-subject"] != "key:boss"
    assert fields["x-rollcall-namespace"] == "acme"
    assert fields["x-request-id"] == "mine"
    assert fields["x-forwarded-host"] == "gate.example"
    assert fields["host"].startswith("127.0.0.1:")
    assert not {"authorization", "cookie", "x-rollcall-scopes", "x_rollcall_namespace"} & set(
        fields
    )
    assert "set-cookie" not in answer.headers


async def test_strangers_ask_no_guests() -> None:
    async with opened() as (client, _):
        assert (await client.get("/api/quotes/7")).status_code == 401


async def test_who_may_only_read_changes_nothing_at_a_guest() -> None:
    async with opened() as (client, shown):
        for method in ("POST", "PUT", "PATCH", "DELETE"):
            refused = await client.request(method, "/api/quotes", headers=shown[READ])
            assert refused.status_code == 403
            done = await client.request(method, "/api/quotes", headers=shown[REGISTER])
            assert told(done)["x-rollcall-namespace"] == "acme"


async def test_a_guest_is_in_health_and_describes_nothing() -> None:
    async with opened() as (client, _):
        assert (await client.get("/health")).json()["checks"]["quote-service"] == "ok"
        assert "/api/quotes" not in (await client.get("/openapi.json")).text


async def test_a_guest_never_is_an_application_of_this_process() -> None:
    used = kit()
    deployment = Deployment(local={"quote-service": echo})
    app = create_app([gateway_of(used, deployment, services=guests(QUOTES, SERVICES))], used)
    transport = httpx.ASGITransport(app)
    async with httpx.AsyncClient(transport=transport, base_url="http://localhost") as client:
        assert (await client.get("/api/quotes")).status_code == 503


async def test_services_of_ours_hear_nothing_that_only_the_gateway_says() -> None:
    used = kit()
    deployment = Deployment(local={"billing": echo})
    app = create_app([gateway_of(used, deployment, services=SERVICES)], used)
    transport = httpx.ASGITransport(app)
    async with httpx.AsyncClient(transport=transport, base_url="http://localhost") as client:
        headers = {"X-Rollcall-Subject": "key:boss", "x_rollcall_namespace": "zoo"}
        fields = told(await client.get("/api/invoices", headers=headers))
    assert not any("rollcall" in name for name in fields)


def test_a_pattern_is_split_before_it_is_compared() -> None:
    assert meet(split("/api/quotes/**"), split("/api/quotes"))
    assert not meet(split("/api/quotes/**"), split("/api"))
