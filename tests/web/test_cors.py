from __future__ import annotations

from dataclasses import replace

import httpx
import pytest
from fastapi import APIRouter

from rollcall.kernel.errors import InvalidInput
from rollcall.web.cors import CorsPolicy
from rollcall.web.module import Kit, Module, create_app

APP = "http://localhost:5173"
router = APIRouter()


@router.get("/notes")
async def notes() -> list[str]:
    return ["milk"]


def app(kit: Kit, *origins: str):
    policy = CorsPolicy(origins) if origins else None
    return create_app([Module("notes", routers=[router])], replace(kit, cors=policy))


def preflight(client: httpx.AsyncClient, origin: str, method: str = "GET", fields: str = ""):
    headers = {"Origin": origin, "Access-Control-Request-Method": method}
    if fields:
        headers["Access-Control-Request-Headers"] = fields
    return client.options("/notes", headers=headers)


async def test_no_page_of_another_origin_may_ask_by_itself(kit: Kit, connect) -> None:
    async with connect(app(kit)) as client:
        said = await client.get("/notes", headers={"Origin": APP})
        assert "access-control-allow-origin" not in said.headers
        assert (await preflight(client, APP)).status_code == 405


async def test_a_page_that_may_ask_is_told_so(kit: Kit, connect) -> None:
    async with connect(app(kit, APP)) as client:
        said = await client.get("/notes", headers={"Origin": APP})
        assert said.json() == ["milk"]
        assert said.headers["access-control-allow-origin"] == APP
        assert "access-control-allow-credentials" not in said.headers
        assert "etag" in said.headers["access-control-expose-headers"]


async def test_every_answer_says_that_it_depends_on_the_origin(kit: Kit, connect) -> None:
    async with connect(app(kit, APP)) as client:
        for headers in ({}, {"Origin": APP}, {"Origin": "http://127.0.0.1:1"}):
            assert (await client.get("/notes", headers=headers)).headers["vary"] == "Origin"


async def test_a_refusal_can_be_read_too(kit: Kit, connect) -> None:
    async with connect(app(kit, APP)) as client:
        said = await client.get("/nothing", headers={"Origin": APP})
        assert said.status_code == 404
        assert said.headers["access-control-allow-origin"] == APP


async def test_a_preflight_is_answered_for_what_may_be_sent(kit: Kit, connect) -> None:
    async with connect(app(kit, APP)) as client:
        said = await preflight(client, APP, "PATCH", "Content-Type, authorization, if-match")
        assert said.status_code == 204
        assert said.headers["access-control-allow-origin"] == APP
        assert "PATCH" in said.headers["access-control-allow-methods"]
        assert "if-match" in said.headers["access-control-allow-headers"]
        assert said.headers["access-control-max-age"] == "600"
        assert "Access-Control-Request-Headers" in said.headers["vary"]


@pytest.mark.parametrize("field", ["idempotency-key", "last-event-id", "prefer", "x-session-id"])
async def test_a_page_may_send_what_our_routes_read(kit: Kit, connect, field: str) -> None:
    async with connect(app(kit, APP)) as client:
        said = await preflight(client, APP, "POST", f"content-type, {field}")
        assert said.headers["access-control-allow-origin"] == APP


@pytest.mark.parametrize("field", ["idempotency-replayed", "preference-applied", "ratelimit"])
async def test_a_page_may_read_what_our_routes_say(kit: Kit, connect, field: str) -> None:
    async with connect(app(kit, APP)) as client:
        said = await client.get("/notes", headers={"Origin": APP})
        assert field in said.headers["access-control-expose-headers"].split(", ")


@pytest.mark.parametrize(
    ("origin", "method", "fields"),
    [
        ("http://evil.example", "GET", ""),
        ("null", "GET", ""),
        (APP + ".evil.example", "GET", ""),
        (APP, "TRACE", ""),
        (APP, "GET", "x-forwarded-for"),
    ],
)
async def test_a_preflight_grants_nothing_else(
    kit: Kit, connect, origin: str, method: str, fields: str
) -> None:
    async with connect(app(kit, APP)) as client:
        said = await preflight(client, origin, method, fields)
        assert said.status_code == 204
        assert not [one for one in said.headers if one.startswith("access-control-")]


async def test_everybody_may_ask_where_that_is_wanted(kit: Kit, connect) -> None:
    async with connect(app(kit, "*")) as client:
        said = await client.get("/notes", headers={"Origin": "http://localhost:9"})
        assert said.headers["access-control-allow-origin"] == "*"
        assert "vary" not in said.headers


@pytest.mark.parametrize(
    "origins", [("*", APP), ("example.com",), ("http://a/",), ("null",), ("https://*.a",)]
)
def test_an_origin_that_is_none_is_refused(origins: tuple[str, ...]) -> None:
    with pytest.raises(InvalidInput, match="origins"):
        CorsPolicy(origins)
