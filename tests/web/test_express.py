# SPDX-License-Identifier: Apache-2.0
"""The short way: what it takes, what it declines, and that its doors are those of the other."""

from __future__ import annotations

import json
from dataclasses import replace
from typing import Any

import httpx
import pytest
from fastapi import APIRouter, FastAPI
from prometheus_client.parser import text_string_to_metric_families
from starlette.datastructures import Headers

from rollcall.kernel.caller import READ, REGISTER, Caller
from rollcall.kernel.record_errors import RecordNotFound
from rollcall.testing.clock import FrozenClock
from rollcall.web.audit import InMemoryAuditLog
from rollcall.web.auth import BearerAccess
from rollcall.web.express import Done, ExpressRoute, Work
from rollcall.web.keys import CachedKeys, InMemoryKeyStore, draw_key
from rollcall.web.limits import Limits, RateLimiter
from rollcall.web.module import Kit, Module, create_app
from support.shortways import short_way


def echo(caller: Caller, argument: str, query: bytes, body: bytes) -> bytes | None:
    if body == b'"decline"':
        return None
    given = {"of": argument, "query": query.decode(), "body": body.decode()}
    return json.dumps({"who": caller.subject, **given}).encode()


def write(caller: Caller, argument: str, query: bytes, body: bytes) -> Work:
    async def work() -> Done:
        if body == b'"missing"':
            raise RecordNotFound("default", "missing")
        if body == b'"broken"':
            raise RuntimeError("a fault of ours")
        return Done(b'{"made":true}', 201)

    return Work(work, "thing")


def module() -> Module:
    router = APIRouter()

    @router.post("/things/{name}/echo")
    async def _echo(name: str) -> str:
        return "the ordinary way"

    return Module(
        "things",
        routers=[router],
        express=[
            ExpressRoute("POST", "/things/{name}/echo", REGISTER, echo, lambda: b"revision: 7\r\n"),
            ExpressRoute("GET", "/find", READ, echo),
            ExpressRoute("POST", "/things", REGISTER, write, lambda: b"revision: 8\r\n"),
        ],
    )


@pytest.fixture
def app(kit: Kit) -> FastAPI:
    return create_app([module()], kit)


async def test_a_plain_request_is_answered_at_once(app: FastAPI) -> None:
    answer = await short_way(app, "POST", "/things/a-1/echo?x=1", b'{"n": 1}')
    assert answer is not None
    assert answer.status == 200
    assert answer.json() == {"who": "local", "of": "a-1", "query": "x=1", "body": '{"n": 1}'}
    assert answer.headers["content-type"] == "application/json"
    assert answer.headers["revision"] == "7"


@pytest.mark.parametrize(
    ("method", "url"),
    [
        ("GET", "/things/a/echo"),
        ("POST", "/things/a%20b/echo"),
        ("POST", "/things/a%2Fb/echo"),
        ("POST", "/things/../echo"),
        ("POST", "/things/./echo"),
        ("POST", "/things//echo"),
        ("POST", "/things/a/b/echo"),
        ("POST", f"/things/{'a' * 257}/echo"),
        ("POST", "/things/a/echo/"),
        ("GET", "/find/"),
        ("GET", "/nothing"),
    ],
)
async def test_another_path_or_method_takes_the_ordinary_way(
    app: FastAPI, method: str, url: str
) -> None:
    assert await short_way(app, method, url) is None


@pytest.mark.parametrize(
    "headers",
    [
        {"transfer-encoding": "chunked"},
        {"expect": "100-continue"},
        {"upgrade": "websocket"},
        {"content-length": "-1"},
        {"content-length": "x"},
        {"content-length": str(1 << 30)},
        {"content-type": "text/plain"},
        {"content-type": "application/json; charset=utf-16"},
        {"host": "evil.example"},
        {"origin": "http://evil.example"},
        {"x": "y" * 40_000},
        {f"x-{n}": "y" for n in range(200)},
    ],
)
async def test_unusual_headers_take_the_ordinary_way(app: FastAPI, headers: dict[str, str]) -> None:
    assert await short_way(app, "POST", "/things/a/echo", b"1", headers) is None


async def test_a_header_that_is_there_twice_takes_the_ordinary_way(app: FastAPI) -> None:
    headers = [(b"host", b"localhost"), (b"x", b"1"), (b"x", b"2")]
    assert app.state.express.admit(b"GET", b"/find", headers) is None


async def test_a_long_url_takes_the_ordinary_way(app: FastAPI) -> None:
    assert await short_way(app, "GET", "/find?q=" + "x" * 9_000) is None


async def test_the_callers_request_id_and_trace_are_kept(app: FastAPI) -> None:
    trace = "4bf92f3577b34da6a3ce929d0e0e4736"
    headers = {"x-request-id": "mine", "traceparent": f"00-{trace}-00f067aa0ba902b7-01"}
    answer = await short_way(app, "GET", "/find", headers=headers)
    assert answer is not None
    assert answer.headers["x-request-id"] == "mine"
    assert answer.headers["traceparent"].startswith(f"00-{trace}-")
    assert answer.headers["traceparent"].endswith("-01")


async def test_a_request_without_an_id_gets_one_of_its_own(app: FastAPI) -> None:
    answers = [await short_way(app, "GET", "/find") for _ in range(50)]
    named = {answer.headers["x-request-id"] for answer in answers if answer is not None}
    assert len(named) == 50
    for answer in answers:
        assert answer is not None
        version, trace, span, flags = answer.headers["traceparent"].split("-")
        assert (version, trace, flags) == ("00", answer.headers["x-request-id"], "00")
        assert len(trace) == 32
        assert len(span) == 16


async def test_requests_are_counted_under_their_route(app: FastAPI) -> None:
    for _ in range(3):
        await short_way(app, "POST", "/things/a/echo")
    await short_way(app, "POST", "/things", b"1")
    counted = await _counts(app)
    assert counted["POST", "/things/{name}/echo", "200"] == 3
    assert counted["POST", "/things", "201"] == 1


async def test_a_write_is_audited_before_its_answer(app: FastAPI, audit: InMemoryAuditLog) -> None:
    answer = await short_way(app, "POST", "/things", b"1")
    assert answer is not None
    assert (answer.status, answer.json()) == (201, {"made": True})
    assert answer.headers["revision"] == "8"
    (entry,) = await audit.entries("default")
    assert (entry.action, entry.subject, entry.status) == ("POST /things", "thing", 201)
    assert entry.request_id == answer.headers["x-request-id"]


async def test_an_error_of_a_write_is_a_problem(app: FastAPI, audit: InMemoryAuditLog) -> None:
    answer = await short_way(app, "POST", "/things", b'"missing"')
    assert answer is not None
    assert answer.status == 404
    assert answer.headers["content-type"] == "application/problem+json"
    assert answer.json()["record_id"] == "missing"
    assert [entry.status for entry in await audit.entries("default")] == [404]


async def test_a_fault_of_ours_is_a_500_and_is_logged(
    app: FastAPI, caplog: pytest.LogCaptureFixture
) -> None:
    answer = await short_way(app, "POST", "/things", b'"broken"')
    assert answer is not None
    assert answer.status == 500
    assert "a fault of ours" not in answer.content.decode()
    assert "request failed" in caplog.text


async def test_what_is_declined_was_not_counted(app: FastAPI) -> None:
    assert await short_way(app, "POST", "/things/a/echo", b'"decline"') is None
    assert ("POST", "/things/{name}/echo", "200") not in await _counts(app)


async def test_a_key_is_known_once_the_ordinary_way_has_let_it_in(
    kit: Kit, clock: FrozenClock
) -> None:
    store, make = InMemoryKeyStore(), {"name": "k", "namespace": "default"}
    reader, reads = draw_key(kit.ids, clock, scopes=frozenset({READ}), **make)
    writer, writes = draw_key(kit.ids, clock, scopes=frozenset({REGISTER}), **make)
    await store.add(reader)
    await store.add(writer)
    keys = CachedKeys(store, clock)
    app = create_app([module()], replace(kit, access=BearerAccess(keys, clock)))

    async def asked(key: str) -> Any:
        return await short_way(
            app, "POST", "/things/a/echo", headers={"authorization": f"Bearer {key}"}
        )

    assert await asked(writes) is None
    async with httpx.AsyncClient(
        transport=httpx.ASGITransport(app), base_url="http://localhost"
    ) as client:
        for key in (reads, writes):
            await client.get("/health", headers={"authorization": f"Bearer {key}"})
    assert (await asked(writes)).json()["who"] == f"key:{writer.id}"
    assert await asked(reads) is None
    assert await asked(writes + "0") is None
    await keys.revoke("default", writer.id, clock.now())
    assert await asked(writes) is None


async def test_a_key_that_was_revoked_elsewhere_is_forgotten_in_time(
    kit: Kit, clock: FrozenClock
) -> None:
    store = InMemoryKeyStore()
    key, text = draw_key(
        kit.ids, clock, scopes=frozenset({READ}), name="k", namespace="default", expires_at=None
    )
    await store.add(key)
    access = BearerAccess(CachedKeys(store, clock, max_age=5), clock)
    headers = {b"authorization": f"Bearer {text}".encode()}
    await access.identify(Headers(raw=list(headers.items())))
    assert access.recall(headers) == key.caller
    await store.revoke("default", key.id, clock.now())
    clock.jump(5)
    assert access.recall(headers) is None


async def test_whoever_asks_too_often_is_declined_and_counted_once(
    kit: Kit, clock: FrozenClock
) -> None:
    rate = RateLimiter(clock, per_second=1, burst=2)
    app = create_app([module()], replace(kit, rate=rate))
    assert await short_way(app, "GET", "/find") is not None
    # A request that is declined after it was counted is not counted again on the ordinary way.
    express, headers = app.state.express, [(b"host", b"localhost")]
    headers += [(b"content-type", b"application/json")]
    ticket = express.admit(b"POST", b"/things/a/echo", headers)
    assert express.answer(ticket, b'"decline"', None) is None
    assert ticket.counted
    assert await short_way(app, "GET", "/find") is None


async def test_a_smaller_limit_holds_here_too(kit: Kit) -> None:
    app = create_app([module()], replace(kit, limits=Limits(body_bytes=10)))
    assert await short_way(app, "POST", "/things/a/echo", b'"12345678"') is not None
    assert await short_way(app, "POST", "/things/a/echo", b'"123456789"') is None


async def _counts(app: FastAPI) -> dict[tuple[str, ...], float]:
    async with httpx.AsyncClient(
        transport=httpx.ASGITransport(app), base_url="http://localhost"
    ) as client:
        text = (await client.get("/metrics")).text
    return {
        (one.labels["method"], one.labels["route"], one.labels["status"]): one.value
        for family in text_string_to_metric_families(text)
        for one in family.samples
        if one.name == "rollcall_http_requests_total"
    }
