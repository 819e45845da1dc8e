"""A tool service of one's own, in this process and in one of its own, beside `rollcall up`."""

from __future__ import annotations

import asyncio
import json
import os
import signal
import socket
from collections.abc import AsyncIterator, Iterator
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Any

import httpx
import pytest
from starlette.types import ASGIApp

from rollcall.kernel.errors import InvalidInput
from rollcall.tools import ToolService, tool
from rollcall.tools.errors import InvalidTool
from support.hosting import hosted
from support.raw import head
from support.scripts import running
from support.serving import REGISTRIES, eventually, serving

FIVE_LINES = '''\
from rollcall.tools import ToolService
service = ToolService("weather", port=0)

@service.tool(idempotent=True)
async def forecast(city: str, days: int = 3) -> dict[str, float]:
    """The temperatures expected in a city."""
    return {city: 2.0 * days}

service.run()
'''
WAITING = '''\
from pathlib import Path
from rollcall.tools import ToolService
service = ToolService("waiting", port=0)

@service.tool
def read(path: str) -> str:
    """What comes through a pipe."""
    return Path(path).read_text()

service.run()
'''


@pytest.fixture(autouse=True)
def _alone(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("NO_PROXY", "127.0.0.1")
    for name in ("ROLLCALL_TOOL_KEY", "ROLLCALL_API_KEY", "SERVICE_REGISTRY_URL"):
        monkeypatch.delenv(name, raising=False)


@pytest.fixture(scope="module")
def registry(tmp_path_factory: pytest.TempPathFactory) -> Iterator[str]:
    with serving(tmp_path_factory.mktemp("up"), *REGISTRIES, ROLLCALL_STORE="memory") as one:
        yield one.services


def weather(**options: Any) -> ToolService:
    service = ToolService("weather", **options)

    @service.tool
    def forecast(city: str) -> str:
        """The weather of a city."""
        return f"rain in {city}"

    return service


def discovered(registry: str, name: str) -> list[dict[str, Any]]:
    answer = httpx.post(f"{registry}/api/v1/discover", json={"service_type": "tool", "name": name})
    return answer.json()["services"]


def called(port: int, pipe: Path) -> socket.socket:
    """A connection over which the tool that reads a pipe was called."""
    body = json.dumps({"path": str(pipe)}).encode()
    headers = ("Content-Type: application/json", f"Content-Length: {len(body)}")
    connection = socket.create_connection(("127.0.0.1", port), 30)
    connection.sendall(head("POST", "/tools/read", "Connection: close", *headers) + body)
    return connection


async def test_the_application_has_all_that_a_service_has() -> None:
    transport = httpx.ASGITransport(weather().app)
    async with httpx.AsyncClient(transport=transport, base_url="http://localhost") as client:
        for path in ("/tools", "/health", "/metrics", "/docs", "/openapi.json"):
            assert (await client.get(path)).status_code == 200
        answer = await client.post("/tools/forecast", json={"city": "Oslo"})
        assert answer.json() == {"result": "rain in Oslo"}
        assert (await client.get("/tools", headers={"host": "evil.example"})).status_code == 403


async def test_where_there_is_a_key_callers_must_show_it(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("ROLLCALL_TOOL_KEY", "one that is long enough, another, one")
    with pytest.raises(InvalidInput, match="16 characters"):
        weather()
    monkeypatch.setenv("ROLLCALL_TOOL_KEY", "one-that-is-long-enough, another-of-that-length")
    transport = httpx.ASGITransport(weather(host="0.0.0.0").app)  # noqa: S104
    async with httpx.AsyncClient(transport=transport, base_url="http://tool:1") as client:
        assert (await client.get("/tools")).status_code == 401
        assert (await client.get("/health")).status_code == 200
        for key in ("one-that-is-long-enough", "another-of-that-length"):
            client.headers["authorization"] = f"Bearer {key}"
            assert (await client.get("/tools")).status_code == 200


def test_a_service_that_others_can_reach_says_who_may_call_it() -> None:
    with pytest.raises(InvalidInput, match="ROLLCALL_TOOL_KEY"):
        weather(host="0.0.0.0")  # noqa: S104
    open_to_all = weather(host="0.0.0.0", allow_anonymous=True)  # noqa: S104
    assert open_to_all.address == socket.gethostname()
    assert weather(host="::", address="my-tool", allow_anonymous=True).address == "my-tool"


@pytest.mark.parametrize(
    ("name", "port", "field"), [("", 1, "name"), ("a b", 1, "name"), ("a", 70_000, "port")]
)
def test_what_cannot_be_used_is_named(name: str, port: int, field: str) -> None:
    with pytest.raises(InvalidInput) as refused:
        ToolService(name, port)
    assert refused.value.field == field


def test_no_tool_comes_after_the_application_was_made() -> None:
    service = weather()
    assert service.app is service.app

    def late() -> None:
        """Come late."""

    with pytest.raises(InvalidTool, match="comes too late"):
        service.tool(late)


def test_a_tool_made_elsewhere_is_added() -> None:
    @tool
    def sunrise(city: str) -> str:
        """When the sun rises."""
        return city

    service = weather()
    assert service.add(sunrise) is sunrise
    assert [one.name for one in service.tools] == ["forecast", "sunrise"]


async def test_whoever_runs_the_server_registers_it_for_as_long_as_it_runs(registry: str) -> None:
    service = weather(registry_url=registry, tags=["rain"], description="The weather")

    @asynccontextmanager
    async def opened() -> AsyncIterator[ASGIApp]:
        async with service.app.router.lifespan_context(service.app):
            yield service.app

    with hosted(opened) as url:
        async with service.registered(port=int(url.rpartition(":")[2])):
            place = f"{registry}/api/v1/discover?name=weather"
            await asyncio.to_thread(eventually, '"service_id"', place)
            (found,) = await asyncio.to_thread(discovered, registry, "weather")
            assert f"http://{found['host']}:{found['port']}" == url
            assert found["metadata"]["tags"] == ["tools", "rain"]
        assert await asyncio.to_thread(discovered, registry, "weather") == []


def test_five_lines_are_a_service_that_is_found_and_called(registry: str, tmp_path: Path) -> None:
    file = tmp_path / "weather.py"
    file.write_text(FIVE_LINES)
    with running(file, SERVICE_REGISTRY_URL=registry) as script:
        eventually("forecast", f"{registry}/api/v1/discover?service_type=tool&name=weather")
        (found,) = discovered(registry, "weather")
        assert (found["host"], found["port"]) == ("127.0.0.1", script.port)
        assert (found["service_type"], found["status"]) == ("tool", "healthy")
        assert found["metadata"]["capabilities"] == ["forecast"]
        assert found["metadata"]["extra"] == {"tools": "/tools", "mcp": "/mcp"}
        assert found["health_check"]["endpoint"] == "/health"

        (listed,) = httpx.get(f"{script.url}/tools").json()["tools"]
        answer = httpx.post(script.url + listed["path"], json={"city": "Oslo"})
        assert answer.json() == {"Oslo": 6.0}

        assert script.end() == 0
        assert discovered(registry, "weather") == []
        assert "Traceback" not in script.errors()


def test_it_leaves_the_registry_first_and_ends_when_its_calls_have(
    registry: str, tmp_path: Path
) -> None:
    file, pipe = tmp_path / "waiting.py", tmp_path / "pipe"
    file.write_text(WAITING)
    os.mkfifo(pipe)
    with running(file, SERVICE_REGISTRY_URL=registry) as script:
        place = f"{registry}/api/v1/discover?name=waiting"
        eventually('"port"', place)
        with called(script.port, pipe) as connection:
            with pipe.open("w") as writing:
                # Opened: the tool reads. Only now is the end asked for.
                script.process.send_signal(signal.SIGINT)
                eventually('"total_count":0', place)
                writing.write("the end")
            with connection.makefile() as answer:
                assert answer.read().endswith('{"result":"the end"}')
        assert script.process.wait(30) == 0


def test_a_tool_that_hangs_keeps_it_no_longer_than_any_other_call(tmp_path: Path) -> None:
    file, pipe = tmp_path / "waiting.py", tmp_path / "pipe"
    file.write_text(WAITING.replace("port=0", "port=0, drain_seconds=1"))
    os.mkfifo(pipe)
    with running(file, SERVICE_REGISTRY_URL="http://127.0.0.1:9") as script:
        connection = called(script.port, pipe)
        with connection, pipe.open("w"):
            assert script.end() == 0


def test_it_serves_also_while_the_registry_is_away(tmp_path: Path) -> None:
    file = tmp_path / "weather.py"
    file.write_text(FIVE_LINES)
    with running(file, SERVICE_REGISTRY_URL="http://127.0.0.1:9") as script:
        answer = httpx.post(f"{script.url}/tools/forecast", json={"city": "Oslo", "days": 1})
        assert answer.json() == {"Oslo": 2.0}
        assert script.end() == 0
        assert "Traceback" not in script.errors()


def test_a_port_that_is_taken_is_told(tmp_path: Path) -> None:
    file = tmp_path / "weather.py"
    with socket.create_server(("127.0.0.1", 0)) as taken:
        port = taken.getsockname()[1]
        file.write_text(FIVE_LINES.replace("port=0", f"port={port}"))
        told = f"cannot listen on 127.0.0.1, port {port}"
        with pytest.raises(RuntimeError, match=told), running(file):
            raise AssertionError("it runs")


@pytest.mark.parametrize(
    ("variable", "text"),
    [
        ("LOG_LEVEL", "LOUD"),
        ("ROLLCALL_TOOL_KEY", "short"),
        ("SERVICE_REGISTRY_URL", "http://me:hunter2@[::1"),
    ],
)
def test_a_variable_of_no_sense_is_told_by_its_name(
    variable: str, text: str, tmp_path: Path
) -> None:
    file = tmp_path / "weather.py"
    file.write_text(FIVE_LINES)
    with (
        pytest.raises(RuntimeError, match=f"{variable}: must be") as ended,
        running(file, **{variable: text}),
    ):
        raise AssertionError("it runs")
    assert "hunter2" not in str(ended.value)
