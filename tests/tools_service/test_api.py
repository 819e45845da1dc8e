from __future__ import annotations

import logging
from collections.abc import Callable
from contextlib import AbstractAsyncContextManager
from typing import Any

import httpx
import jsonschema
import pytest
from fastapi import FastAPI

from rollcall.kernel.caller import READ, REGISTER
from rollcall.kernel.ids import RandomIds
from rollcall.testing.clock import FrozenClock
from rollcall.tools.api import inlined
from rollcall.web.audit import InMemoryAuditLog
from rollcall.web.auth import BearerAccess
from rollcall.web.keys import InMemoryKeyStore, draw_key
from rollcall.web.passes import LIFETIME, PassAccess, Passes

Connect = Callable[[FastAPI], AbstractAsyncContextManager[httpx.AsyncClient]]
Make = Callable[..., FastAPI]


async def test_the_list_says_how_each_tool_is_called(client: httpx.AsyncClient) -> None:
    said = (await client.get("/tools")).json()
    assert said["total_count"] == len(said["tools"]) == 5
    first = said["tools"][0]
    assert {key: first[key] for key in ("name", "path", "method", "methods", "idempotent")} == {
        "name": "forecast",
        "path": "/tools/forecast",
        "method": "POST",
        "methods": ["POST", "GET"],
        "idempotent": True,
    }
    assert first["description"] == "The temperatures expected in a city."
    assert first["input_schema"]["required"] == ["city"]
    assert (first["tags"], first["read_only"]) == (["weather"], True)


async def test_every_listed_tool_is_called_as_it_is_listed(client: httpx.AsyncClient) -> None:
    given: dict[str, Any] = {
        "forecast": {"city": "Oslo"},
        "add": {"a": 1},
        "who": {},
        "fail": {"how": "refused"},
    }
    for one in (await client.get("/tools")).json()["tools"]:
        if one["name"] not in given:
            continue
        jsonschema.validate(given[one["name"]], one["input_schema"])
        answer = await client.request(one["method"], one["path"], json=given[one["name"]])
        if one["name"] == "fail":
            assert answer.status_code == 424
        else:
            assert answer.status_code == 200
            jsonschema.validate(answer.json(), one["output_schema"])


async def test_a_tool_is_called_by_post(client: httpx.AsyncClient) -> None:
    answer = await client.post("/tools/forecast", json={"city": "Oslo", "days": 2.0})
    assert answer.json() == {"city": "Oslo", "degrees": [1.0, 1.0]}


async def test_a_tool_that_says_so_is_called_by_get(client: httpx.AsyncClient) -> None:
    query = "city=Oslo&days=1&metric=false&hours=1&hours=2"
    answer = await client.get(f"/tools/forecast?{query}")
    assert answer.json() == {"city": "Oslo", "degrees": [0.0, 1.0, 2.0]}
    assert (await client.get("/tools/forecast?city=Oslo&hours=3")).json()["degrees"][:2] == [1, 3]
    assert (await client.get("/tools/add?a=1")).status_code == 405


@pytest.mark.parametrize(
    ("path", "content", "field"),
    [
        ("/tools/add", b'{"a": "1"}', "a"),
        ("/tools/add", b'{"a": 1, "c": 1}', "c"),
        ("/tools/add", b'{"a": true}', "a"),
        ("/tools/add", b'{"a": 1e999}', "a"),
        ("/tools/add", b"[1]", "body"),
        ("/tools/add", b"", "a"),
        ("/tools/add", b'{"a": 1, "a": 2}', "a"),
        ("/tools/forecast", b'{"city": "\\u0000"}', "city"),
        ("/tools/forecast", b'{"city": "x", "hours": [1, "2"]}', "hours.1"),
    ],
)
async def test_bad_arguments_are_named(
    client: httpx.AsyncClient, path: str, content: bytes, field: str
) -> None:
    headers = {"content-type": "application/json"}
    answer = await client.post(path, content=content, headers=headers)
    assert answer.status_code == 422
    said = answer.json()
    assert said["type"] == "urn:rollcall:problem:invalid-input"
    assert [one["field"] for one in said["errors"]] == [field]


@pytest.mark.parametrize(
    ("query", "field"),
    [("", "city"), ("city=x&days=y", "days"), ("city=x&city=y", "city"), ("city=x&z=1", "z")],
)
async def test_bad_queries_are_named(client: httpx.AsyncClient, query: str, field: str) -> None:
    answer = await client.get(f"/tools/forecast?{query}")
    assert answer.status_code == 422
    assert [one["field"] for one in answer.json()["errors"]] == [field]


async def test_many_arguments_are_taken_as_well(client: httpx.AsyncClient) -> None:
    hours = list(range(30_000))
    answer = await client.post("/tools/forecast", json={"city": "x", "days": 1, "hours": hours})
    assert answer.json()["degrees"] == [1.0, *hours]
    answer = await client.post("/tools/forecast", json={"city": "x", "hours": [*hours, "x"]})
    assert [one["field"] for one in answer.json()["errors"]] == ["hours.30000"]


async def test_a_body_of_another_kind_is_refused(client: httpx.AsyncClient) -> None:
    answer = await client.post("/tools/add", content=b"a=1", headers={"content-type": "text/plain"})
    assert answer.status_code == 422
    assert "Content-Type: application/json" in answer.text


async def test_the_context_comes_from_the_request(client: httpx.AsyncClient) -> None:
    headers = {"idempotency-key": "once", "x-request-id": "chain-7"}
    assert (await client.post("/who-asks", headers=headers)).json() == {
        "namespace": "default",
        "caller": "local",
        "chain": "chain-7",
        "key": "once",
    }


async def test_what_a_tool_says_of_its_failure_is_told(client: httpx.AsyncClient) -> None:
    answer = await client.post("/tools/fail", json={"how": "refused"})
    assert answer.status_code == 424
    problem = answer.json()
    assert problem["type"] == "urn:rollcall:problem:tool-failed"
    assert problem["message"] == problem["detail"] == "there is no such city"


@pytest.mark.parametrize(("how", "status"), [("away", 503), ("late", 504)])
async def test_what_a_tool_cannot_do_now_may_be_tried_again(
    client: httpx.AsyncClient, how: str, status: int
) -> None:
    answer = await client.post("/tools/fail", json={"how": how})
    assert answer.status_code == status
    assert "10.0.0.3" not in answer.text


@pytest.mark.parametrize("how", ["broken", "no number", "no data", "leave", "stop"])
async def test_a_fault_of_a_tool_gives_nothing_away(
    client: httpx.AsyncClient, how: str, caplog: pytest.LogCaptureFixture
) -> None:
    with caplog.at_level(logging.CRITICAL):
        answer = await client.post(
            "/tools/fail", json={"how": how}, headers={"x-request-id": "look-here"}
        )
    assert answer.json() == {
        "type": "urn:rollcall:problem:tool-failed",
        "title": "The tool did not work",
        "status": 500,
        "tool": "fail",
        "request_id": "look-here",
    }


async def test_in_development_a_fault_is_told(make: Make, connect: Connect) -> None:
    async with connect(make(development=True)) as client:
        answer = await client.post("/tools/fail", json={"how": "broken"})
    assert "KeyError" in answer.json()["detail"]


async def test_tools_are_for_those_who_may_read(make: Make, connect: Connect) -> None:
    clock, ids, keys = FrozenClock(), RandomIds(), InMemoryKeyStore()
    key, text = draw_key(ids, clock, name="k", namespace="acme", scopes=frozenset({READ, REGISTER}))
    await keys.add(key)
    async with connect(make(BearerAccess(keys, clock))) as client:
        for method, path in (("GET", "/tools"), ("POST", "/who-asks"), ("POST", "/mcp")):
            assert (await client.request(method, path)).status_code == 401
        client.headers["authorization"] = f"Bearer {text}"
        assert (await client.get("/tools")).status_code == 200
        said = (await client.post("/who-asks")).json()
        assert (said["namespace"], said["caller"]) == ("acme", f"key:{key.id}")


async def test_a_tool_called_with_a_pass_is_told_for_whom(make: Make, connect: Connect) -> None:
    clock = FrozenClock()
    passes = Passes(bytes(32), clock)
    async with connect(make(PassAccess(BearerAccess(InMemoryKeyStore(), clock), passes))) as client:
        client.headers["authorization"] = f"Bearer {passes.issue('key:7', 'acme')}"
        assert (await client.get("/tools")).status_code == 200
        said = (await client.post("/who-asks")).json()
        assert (said["namespace"], said["caller"]) == ("acme", "key:7")
        clock.jump(LIFETIME)
        assert (await client.post("/who-asks")).status_code == 401


async def test_calls_are_audited_unless_they_only_read(
    client: httpx.AsyncClient, audit: InMemoryAuditLog
) -> None:
    await client.post("/tools/forecast", json={"city": "Oslo"})
    await client.post("/tools/add", json={"a": 1})
    assert [one.action for one in await audit.entries("default")] == ["POST /tools/add"]


def test_each_tool_is_described_in_openapi(make: Make) -> None:
    paths = make().openapi()["paths"]
    post, get = paths["/tools/forecast"]["post"], paths["/tools/forecast"]["get"]
    body = post["requestBody"]["content"]["application/json"]["schema"]
    assert body["properties"]["days"]["maximum"] == 9
    answer = post["responses"]["200"]["content"]["application/json"]["schema"]
    assert set(answer["properties"]) == {"city", "degrees"}
    assert [(one["name"], one["in"], one["required"]) for one in get["parameters"]] == [
        ("city", "query", True),
        ("days", "query", False),
        ("metric", "query", False),
        ("hours", "query", False),
    ]
    assert "get" not in paths["/tools/add"]


def test_references_are_replaced_by_what_they_refer_to() -> None:
    node = {"type": "object", "properties": {"next": {"$ref": "#/$defs/Node"}}}
    schema = {
        "type": "object",
        "properties": {"node": {"$ref": "#/$defs/Node", "description": "The first"}},
        "$defs": {"Node": node},
    }
    assert inlined(schema) == {
        "type": "object",
        "properties": {
            "node": {
                "type": "object",
                "description": "The first",
                "properties": {"next": {}},
            }
        },
    }


async def test_calls_are_counted_by_what_became_of_them(client: httpx.AsyncClient) -> None:
    await client.post("/tools/add", json={"a": 1})
    await client.post("/tools/add", json={"b": 1})
    for how in ("refused", "away", "broken"):
        await client.post("/tools/fail", json={"how": how})
    said = (await client.get("/metrics")).text
    for tool, outcome in (
        ("add", "ok"),
        ("add", "refused"),
        ("fail", "failed"),
        ("fail", "unavailable"),
        ("fail", "broken"),
    ):
        name = "rollcall_tool_service_calls_total"
        assert f'{name}{{outcome="{outcome}",tool="{tool}"}} 1.0' in said
    assert 'rollcall_tool_service_call_duration_seconds_count{tool="add"} 1.0' in said
