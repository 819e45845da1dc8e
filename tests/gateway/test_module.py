"""The gateway as one application with services of its own process."""

from __future__ import annotations

import asyncio
from collections import Counter
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import replace
from typing import Annotated

import httpx
import pytest
from fastapi import APIRouter, Depends, WebSocket
from pydantic import BaseModel
from starlette.responses import JSONResponse
from starlette.types import ASGIApp, Receive, Scope, Send

from rollcall.gateway.catalogue import SERVICES
from rollcall.gateway.settings import GatewaySettings
from rollcall.gateway.targets import Deployment, fixed
from rollcall.kernel.caller import READ, REGISTER, Caller
from rollcall.kernel.clock import SystemClock
from rollcall.kernel.errors import InvalidInput
from rollcall.kernel.ids import RandomIds
from rollcall.web.audit import InMemoryAuditLog
from rollcall.web.auth import BearerAccess, OpenAccess, require
from rollcall.web.cors import CorsPolicy
from rollcall.web.drain import Drain
from rollcall.web.keys import InMemoryKeyStore, draw_key
from rollcall.web.limits import RateLimiter
from rollcall.web.module import Kit, Module, create_app
from support.gateways import Registered, gateway_of, instance, served


class Fruit(BaseModel):
    name: str


class Basket(BaseModel):
    fruits: list[Fruit]


def shop() -> Module:
    routes = APIRouter()

    @routes.get("/api/shop/fruit/{name}")
    async def fruit(name: str, caller: Annotated[Caller, Depends(require(READ))]) -> list[str]:
        return [name, caller.subject]

    @routes.post("/api/shop/fruit")
    async def order(caller: Annotated[Caller, Depends(require(REGISTER))]) -> str:
        return caller.subject

    @routes.put("/api/shop/basket")
    async def fill(basket: Basket) -> Basket:
        return basket

    return Module("shop", routers=[routes])


@pytest.fixture
def kit() -> Kit:
    return Kit(
        "gateway", "1", SystemClock(), RandomIds(), OpenAccess(), InMemoryAuditLog(), Drain()
    )


@asynccontextmanager
async def opened(
    kit: Kit, deployment: Deployment, *beside: Module, settings: GatewaySettings | None = None
) -> AsyncIterator[httpx.AsyncClient]:
    app = create_app([gateway_of(kit, deployment, settings=settings), *beside], kit)
    transport = httpx.ASGITransport(app, client=("192.0.2.7", 4711))
    async with (
        app.router.lifespan_context(app),
        httpx.AsyncClient(transport=transport, base_url="http://localhost") as client,
    ):
        yield client


def inner(kit: Kit, name: str = "shop") -> ASGIApp:
    return create_app([shop()], replace(kit, service=name))


async def test_a_service_of_this_process_answers_without_a_socket(kit: Kit) -> None:
    async with opened(kit, Deployment(local={"shop": inner(kit)})) as client:
        said = await client.get("/api/shop/fruit/pear", headers={"X-Request-ID": "mine"})
        assert said.json() == ["pear", "local"]
        assert said.headers.get_list("x-request-id") == ["mine"]
        assert (await client.get("/services/shop/api/shop/fruit/fig")).json()[0] == "fig"
        assert (await client.get("/services/shop/health")).json()["service"] == "shop"
        assert (await client.get("/health")).json()["checks"]["shop"] == "ok"


async def test_a_service_in_the_gateways_own_application_answers_itself(kit: Kit) -> None:
    async with opened(kit, Deployment(here=["shop"]), shop()) as client:
        assert (await client.get("/api/shop/fruit/pear")).json() == ["pear", "local"]
        missing = await client.get("/api/shop/other")
        assert missing.status_code == 404


async def test_the_bodies_of_the_gateways_own_routes_keep_their_limit(kit: Kit) -> None:
    small = replace(kit, limits=replace(kit.limits, body_bytes=100))
    async with opened(small, Deployment(here=["shop"]), shop()) as client:
        assert (await client.post("/api/shop/fruit", content=bytes(101))).status_code == 413


@pytest.mark.parametrize(
    ("body", "status"),
    [(b'{"fruits": [{"name": "' + bytes([97]) * 2000 + b'"}]}', 413), (b"[" * 200, 422)],
)
async def test_a_body_without_a_length_keeps_the_limits_of_a_service_of_this_process(
    kit: Kit, body: bytes, status: int
) -> None:
    async def pieces() -> AsyncIterator[bytes]:
        yield body

    small = replace(kit, limits=replace(kit.limits, body_bytes=1000))
    async with opened(small, Deployment(local={"shop": inner(small)})) as client:
        said = await client.put(
            "/api/shop/basket", content=pieces(), headers={"content-type": "application/json"}
        )
    assert said.status_code == status
    if status == 422:
        assert "nested" in said.json()["detail"]


async def test_a_setting_goes_before_this_process(kit: Kit) -> None:
    app = inner(kit, "other")
    with served(app) as url:
        deployment = Deployment(local={"shop": inner(kit)}, urls={"SHOP_URL": url})
        async with opened(kit, deployment) as client:
            assert (await client.get("/services/shop/health")).json()["service"] == "other"


async def test_the_gateway_asks_for_keys_and_so_does_the_service(kit: Kit) -> None:
    clock, ids = SystemClock(), RandomIds()
    keys = InMemoryKeyStore()
    texts: dict[str, str] = {}
    for scope in (READ, REGISTER):
        key, texts[scope] = draw_key(
            ids, clock, name=scope, namespace="acme", scopes=frozenset({scope})
        )
        await keys.add(key)
    locked = replace(kit, access=BearerAccess(keys, clock))
    async with opened(locked, Deployment(local={"shop": inner(locked)})) as client:

        def bearer(scope: str) -> dict[str, str]:
            return {"Authorization": f"Bearer {texts[scope]}"}

        assert (await client.get("/api/shop/fruit/pear")).status_code == 401
        assert (await client.get("/services/shop/health")).status_code == 200
        assert (await client.get("/services/shop/metrics")).status_code == 401
        said = await client.get("/api/shop/fruit/pear", headers=bearer(READ))
        assert said.json()[1].startswith("key:")
        assert (await client.post("/api/shop/fruit", headers=bearer(READ))).status_code == 403
        assert (await client.post("/api/shop/fruit", headers=bearer(REGISTER))).status_code == 200


async def test_a_request_is_counted_once_against_its_rate(kit: Kit) -> None:
    rate = RateLimiter(kit.clock, per_second=0.001, burst=4)
    limited = replace(kit, rate=rate)
    async with opened(limited, Deployment(local={"shop": inner(limited)})) as client:
        said = [(await client.get("/api/shop/fruit/fig")).status_code for _ in range(6)]
    assert said == [200] * 4 + [429] * 2


async def test_one_description_has_the_paths_of_all_services(kit: Kit) -> None:
    async with opened(kit, Deployment(local={"shop": inner(kit)})) as client:
        described = (await client.get("/openapi.json")).json()
    paths = described["paths"]
    assert {"/health", "/metrics"} <= paths.keys()
    order = paths["/services/shop/api/shop/fruit"]["post"]
    assert order["tags"] == ["the shop"]
    assert order["operationId"].startswith("shop.")
    held = set(described["components"]["schemas"])
    found = _references(described)
    assert "#/components/schemas/shop.Fruit" in found
    for ref in found:
        assert ref.removeprefix("#/components/schemas/") in held


def _references(value: object) -> list[str]:
    if isinstance(value, dict):
        own = [value["$ref"]] if isinstance(value.get("$ref"), str) else []
        return own + [ref for one in value.values() for ref in _references(one)]
    if isinstance(value, list):
        return [ref for one in value for ref in _references(one)]
    return []


async def test_a_service_elsewhere_is_described_too(kit: Kit) -> None:
    with served(inner(kit)) as url:
        async with opened(kit, Deployment(Registered([instance(url)]))) as client:
            paths = (await client.get("/openapi.json")).json()["paths"]
            assert "/services/shop/api/shop/fruit" in paths
            assert (await client.get("/health")).json()["checks"]["shop"] == "ok"


async def test_of_many_who_ask_at_once_a_service_hears_once(kit: Kit) -> None:
    shop, heard = inner(kit), Counter[str]()

    async def counted(scope: Scope, receive: Receive, send: Send) -> None:
        if scope["type"] == "http":
            heard[scope["path"]] += 1
        await shop(scope, receive, send)

    with served(counted) as url:
        async with opened(kit, Deployment(Registered([instance(url)]))) as client:
            places = ("/openapi.json", "/health")
            answers = await asyncio.gather(*(client.get(place) for place in places * 20))
    assert {answer.status_code for answer in answers} == {200}
    assert heard == {"/openapi.json": 1, "/health": 1}


async def test_every_service_of_the_documents_has_an_answer(kit: Kit) -> None:
    app = create_app([gateway_of(kit, Deployment(), services=SERVICES)], kit)
    transport = httpx.ASGITransport(app)
    async with httpx.AsyncClient(transport=transport, base_url="http://localhost") as client:
        for path in ("/api/dashboard", "/api/my-agents/1", "/services/registry/stats"):
            said = await client.post(path)
            assert said.status_code == 503
            assert said.json()["type"] == "urn:rollcall:problem:service-not-here"


@pytest.mark.parametrize(
    "url",
    ["shop:8000", "ftp://shop", "http://", "http://a:b@shop", "http://shop?x", "http://s:99999"],
)
def test_a_fixed_address_that_is_none_is_refused(url: str) -> None:
    with pytest.raises(InvalidInput, match="SHOP_URL"):
        fixed("SHOP_URL", url)


def test_a_fixed_address_may_have_a_path() -> None:
    found = fixed("SHOP_URL", "https://shop.example/base/")
    assert (found.authority, found.base, found.secure) == ("shop.example:443", "/base", True)


PAGE = "https://shop.example"


async def widgets(scope: Scope, receive: Receive, send: Send) -> None:
    """Says itself which pages may ask, as a service with public paths does."""
    fields = {"Access-Control-Allow-Origin": PAGE, "Vary": "Origin"}
    if scope["method"] == "OPTIONS":
        fields["Access-Control-Allow-Methods"] = "POST"
    await JSONResponse(scope["path"], headers=fields)(scope, receive, send)


@pytest.mark.parametrize("origins", [(), ("*",), ("https://console.example",)])
@pytest.mark.parametrize("elsewhere", [False, True], ids=["here", "elsewhere"])
async def test_pages_of_other_origins_ask_the_widget_service_whatever_the_gateway_says(
    kit: Kit, origins: tuple[str, ...], elsewhere: bool
) -> None:
    keys = BearerAccess(InMemoryKeyStore(), kit.clock)
    strict = replace(kit, access=keys, cors=CorsPolicy(origins) if origins else None)
    asked = {"Origin": PAGE, "Access-Control-Request-Method": "POST"}
    with served(widgets) as url:
        deployment = (
            Deployment(urls={"WIDGET_SERVICE_URL": url})
            if elsewhere
            else Deployment(local={"widgets": widgets})
        )
        part = gateway_of(strict, deployment, services=SERVICES)
        transport = httpx.ASGITransport(create_app([part], strict))
        async with httpx.AsyncClient(transport=transport, base_url="http://gate") as client:
            before = await client.options("/widget/v1/wpk_1/messages", headers=asked)
            said = await client.post("/widget/v1/wpk_1/messages", headers={"Origin": PAGE})
            other = await client.get("/api/widgets", headers={"Origin": PAGE})
    assert before.headers["access-control-allow-methods"] == "POST"
    for one in (before, said):
        assert one.status_code == 200
        assert one.headers.get_list("access-control-allow-origin") == [PAGE]
        assert one.headers.get_list("vary") == ["Origin"]
    assert other.status_code == 401
    assert other.headers.get("access-control-allow-origin") == ("*" if "*" in origins else None)


async def test_a_socket_of_this_process_is_passed_on(kit: Kit) -> None:
    routes = APIRouter()

    @routes.websocket("/api/shop/bell")
    async def bell(socket: WebSocket) -> None:
        await socket.accept()
        await socket.send_text(f"ding {await socket.receive_text()}")
        await socket.close(4001)

    service = create_app([Module("bell", routers=[routes])], kit)
    app = create_app([gateway_of(kit, Deployment(local={"shop": service}))], kit)
    sent: list[dict[str, object]] = []
    incoming: asyncio.Queue[dict[str, object]] = asyncio.Queue()
    incoming.put_nowait({"type": "websocket.connect"})
    incoming.put_nowait({"type": "websocket.receive", "text": "dong"})

    async def send(message) -> None:
        sent.append(message)

    scope = {
        "type": "websocket",
        "asgi": {"version": "3.0"},
        "http_version": "1.1",
        "scheme": "ws",
        "path": "/services/shop/api/shop/bell",
        "raw_path": b"/services/shop/api/shop/bell",
        "query_string": b"",
        "root_path": "",
        "headers": [(b"host", b"localhost")],
        "client": ("127.0.0.1", 1),
        "server": ("127.0.0.1", 2),
        "subprotocols": [],
        "state": {},
    }
    await app(scope, incoming.get, send)
    assert [one["type"] for one in sent] == [
        "websocket.accept",
        "websocket.send",
        "websocket.close",
    ]
    assert sent[1]["text"] == "ding dong"
    assert sent[2]["code"] == 4001
