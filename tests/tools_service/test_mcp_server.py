"""The tools over MCP: the SDK's own client and bare JSON-RPC, over real connections."""

from __future__ import annotations

import asyncio
import json
import sys
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from typing import Any

import httpx
import jsonschema
import pytest
from fastapi import FastAPI
from mcp import Client
from mcp.client.streamable_http import streamable_http_client
from mcp.shared.exceptions import MCPError

from rollcall import __version__
from rollcall.kernel.caller import READ
from rollcall.kernel.ids import RandomIds
from rollcall.testing.clock import FrozenClock
from rollcall.web.auth import BearerAccess
from rollcall.web.keys import InMemoryKeyStore, draw_key
from support.hosting import hosted

MODES = {"2026-07-28": "2026-07-28", "2025-11-25": "legacy"}
ACCEPT = {"accept": "application/json, text/event-stream"}
LEGACY = {**ACCEPT, "mcp-protocol-version": "2025-11-25"}
HELLO = {
    "protocolVersion": "2025-11-25",
    "capabilities": {},
    "clientInfo": {"name": "tester", "version": "1"},
}


@pytest.fixture(autouse=True)
def _direct(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("NO_PROXY", "127.0.0.1")


@asynccontextmanager
async def opened(app: FastAPI) -> AsyncIterator[FastAPI]:
    async with app.router.lifespan_context(app):
        yield app


@pytest.fixture
def url(served: Any) -> str:
    return served.url


def asked(method: str, params: dict[str, Any] | None = None, number: int = 1) -> dict[str, Any]:
    return {"jsonrpc": "2.0", "id": number, "method": method, "params": params or {}}


def answered(response: httpx.Response) -> dict[str, Any]:
    """The message in an answer, which may be a stream of one event."""
    assert response.status_code == 200, response.text
    if response.headers["content-type"].startswith("application/json"):
        return response.json()
    (data,) = [
        line.removeprefix("data: ")
        for line in response.text.splitlines()
        if line.startswith("data: ")
    ]
    return json.loads(data)


@pytest.mark.parametrize("version", MODES)
async def test_the_sdk_finds_the_tools_as_they_are(url: str, version: str) -> None:
    async with Client(f"{url}/mcp", mode=MODES[version]) as client:
        assert client.protocol_version == version
        listed = {one.name: one for one in (await client.list_tools()).tools}
    async with httpx.AsyncClient(base_url=url) as http:
        told = {one["name"]: one for one in (await http.get("/tools")).json()["tools"]}
    assert list(listed) == list(told)
    for name, one in listed.items():
        assert one.description == told[name]["description"]
        assert one.input_schema == told[name]["input_schema"]
        assert one.output_schema == told[name]["output_schema"]
        assert one.annotations is not None
        assert one.annotations.idempotent_hint is told[name]["idempotent"]
        assert one.annotations.read_only_hint is told[name]["read_only"]


@pytest.mark.parametrize("version", MODES)
async def test_the_sdk_calls_a_tool(url: str, version: str) -> None:
    async with Client(f"{url}/mcp", mode=MODES[version]) as client:
        said = await client.call_tool("forecast", {"city": "Oslo", "days": 1})
        assert not said.is_error
        assert said.structured_content == {"city": "Oslo", "degrees": [1.0]}
        assert json.loads(said.content[0].text) == said.structured_content
        number = await client.call_tool("add", {"a": 1, "b": 2})
        assert number.structured_content == {"result": 3.0}


@pytest.mark.parametrize("version", MODES)
@pytest.mark.parametrize(
    ("name", "arguments", "told"),
    [
        ("forecast", {"city": 1, "town": "x"}, "city: Input should be a valid string; town: "),
        ("add", {"a": "1"}, "a: Input should be a valid number"),
        ("forecast", {"city": "\0"}, "city: must be valid Unicode"),
        ("fail", {"how": "refused"}, "there is no such city"),
        ("fail", {"how": "late"}, "the tool took too long (request "),
        ("fail", {"how": "away"}, "the tool failed (request "),
        ("fail", {"how": "broken"}, "the tool failed (request "),
    ],
)
async def test_what_goes_wrong_is_told_to_the_model(
    url: str, version: str, name: str, arguments: dict[str, Any], told: str
) -> None:
    async with Client(f"{url}/mcp", mode=MODES[version]) as client:
        said = await client.call_tool(name, arguments)
    assert said.is_error
    assert said.content[0].text.startswith(told)
    assert "hunter2" not in said.content[0].text


@pytest.mark.parametrize("version", MODES)
async def test_a_tool_that_is_not_there_is_an_error_of_the_protocol(url: str, version: str) -> None:
    async with Client(f"{url}/mcp", mode=MODES[version]) as client:
        with pytest.raises(MCPError, match="there is no tool 'nothing'") as refused:
            await client.call_tool("nothing", {})
    assert refused.value.code == -32602


async def test_a_call_is_called_off_by_who_waits_for_it(served: Any) -> None:
    async with Client(f"{served.url}/mcp", mode="2026-07-28") as client:
        call = asyncio.create_task(client.call_tool("wait", {}))
        assert await asyncio.to_thread(served.slow.begun.wait, 20)
        call.cancel()
        assert await asyncio.to_thread(served.slow.cancelled.wait, 20)
        await asyncio.wait({call})
        assert (await client.call_tool("add", {"a": 1})).structured_content == {"result": 2.0}


async def test_in_2025_11_25_a_call_ends_with_the_connection_that_waits_for_it(served: Any) -> None:
    async with httpx.AsyncClient(base_url=served.url, timeout=20) as http:
        wait = http.post("/mcp", headers=LEGACY, json=asked("tools/call", {"name": "wait"}))
        call = asyncio.create_task(wait)
        assert await asyncio.to_thread(served.slow.begun.wait, 20)
        call.cancel()
        await asyncio.wait({call})
        assert await asyncio.to_thread(served.slow.cancelled.wait, 20)


async def test_json_rpc_of_2025_11_25_needs_no_session(url: str) -> None:
    async with httpx.AsyncClient(base_url=url) as http:
        hello = await http.post("/mcp", headers=ACCEPT, json=asked("initialize", HELLO))
        said = answered(hello)["result"]
        assert said["protocolVersion"] == "2025-11-25"
        assert said["serverInfo"] == {"name": "tools", "version": __version__}
        assert "tools" in said["capabilities"]
        assert "mcp-session-id" not in hello.headers

        note = {"jsonrpc": "2.0", "method": "notifications/initialized"}
        assert (await http.post("/mcp", headers=LEGACY, json=note)).status_code == 202

        listed = answered(await http.post("/mcp", headers=LEGACY, json=asked("tools/list")))
        (tool,) = [one for one in listed["result"]["tools"] if one["name"] == "add"]
        call = asked("tools/call", {"name": "add", "arguments": {"a": 40, "b": 2}}, 7)
        result = answered(await http.post("/mcp", headers=LEGACY, json=call))
        assert result["id"] == 7
        assert result["result"]["structuredContent"] == {"result": 42.0}
        jsonschema.validate(result["result"]["structuredContent"], tool["outputSchema"])
        assert result["result"]["content"] == [{"type": "text", "text": '{"result": 42.0}'}]


@pytest.mark.parametrize("version", ["2024-11-05", "2025-03-26", "2025-06-18"])
async def test_older_versions_are_negotiated(url: str, version: str) -> None:
    async with httpx.AsyncClient(base_url=url) as http:
        hello = asked("initialize", {**HELLO, "protocolVersion": version})
        said = answered(await http.post("/mcp", headers=ACCEPT, json=hello))
    assert said["result"]["protocolVersion"] == version


async def test_there_is_nothing_to_listen_to(url: str) -> None:
    async with httpx.AsyncClient(base_url=url) as http:
        for method in ("GET", "DELETE"):
            answer = await http.request(method, "/mcp", headers=ACCEPT)
            assert (answer.status_code, answer.headers["allow"]) == (405, "POST")


@pytest.mark.parametrize(
    "headers", [{"host": "evil.example"}, {"origin": "http://evil.example"}, {"origin": "null"}]
)
async def test_pages_in_a_browser_are_refused(url: str, headers: dict[str, str]) -> None:
    async with httpx.AsyncClient(base_url=url) as http:
        answer = await http.post("/mcp", headers={**LEGACY, **headers}, json=asked("tools/list"))
        assert answer.status_code == 403
        local = {**LEGACY, "origin": url}
        assert (await http.post("/mcp", headers=local, json=asked("tools/list"))).is_success


@pytest.mark.parametrize("version", MODES)
async def test_a_tool_knows_whose_key_was_shown(make: Any, version: str) -> None:
    clock, keys = FrozenClock(), InMemoryKeyStore()
    key, text = draw_key(RandomIds(), clock, name="k", namespace="acme", scopes=frozenset({READ}))
    await keys.add(key)
    with hosted(lambda: opened(make(BearerAccess(keys, clock)))) as url:
        async with httpx.AsyncClient() as stranger:
            assert (await stranger.post(f"{url}/mcp", headers=LEGACY)).status_code == 401
        import httpx2

        headers = {"authorization": f"Bearer {text}", "x-request-id": "chain-9"}
        async with httpx2.AsyncClient(headers=headers) as http:
            transport = streamable_http_client(f"{url}/mcp", http_client=http)
            async with Client(transport, mode=MODES[version]) as client:
                meta = {"rollcall/idempotency-key": "once"}
                said = await client.call_tool("who", {}, meta=meta)
    assert said.structured_content == {
        "namespace": "acme",
        "caller": f"key:{key.id}",
        "chain": "chain-9",
        "key": "once",
    }


@pytest.mark.parametrize(
    "content", [b"", b"{", b"[]", b'"x"', b"{}", b'{"jsonrpc": "2.0", "id": 1}', b"[" * 1000]
)
@pytest.mark.parametrize("headers", [ACCEPT, LEGACY, {**ACCEPT, "mcp-protocol-version": "x"}])
async def test_what_is_no_message_is_refused(
    url: str, content: bytes, headers: dict[str, str]
) -> None:
    async with httpx.AsyncClient(base_url=url) as http:
        kind = {"content-type": "application/json"}
        answer = await http.post("/mcp", headers={**headers, **kind}, content=content)
    assert 400 <= answer.status_code < 500, answer.text


async def test_without_the_sdk_only_mcp_is_missing(
    client: httpx.AsyncClient, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setitem(sys.modules, "mcp.server.streamable_http_manager", None)
    answer = await client.post("/mcp", headers=LEGACY, json=asked("tools/list"))
    assert (answer.status_code, answer.json()["extra"]) == (501, "server")
    assert (await client.post("/tools/add", json={"a": 1})).status_code == 200
