"""A registry at the other end of the wire, and what can go wrong on the way."""

from __future__ import annotations

import asyncio
from collections import deque
from collections.abc import Awaitable, Callable, Coroutine
from datetime import UTC, datetime
from typing import Any, TypeVar
from urllib.parse import unquote

import httpx
import msgspec
import pytest

from rollcall.client import RegistryClient
from rollcall.testing.clock import FrozenClock

T = TypeVar("T")
Handler = Callable[[httpx.Request], Awaitable[httpx.Response]]
Fault = httpx.Response | Exception | Handler
NOW = datetime(2026, 1, 1, tzinfo=UTC).isoformat()


def problem(status: int, name: str, headers: dict[str, str] | None = None, **members: Any) -> Any:
    body = {"type": f"urn:rollcall:problem:{name}", "title": name, "status": status, **members}
    kind = {"content-type": "application/problem+json"}
    return httpx.Response(status, json=body, headers={**kind, **(headers or {})})


class Wire(httpx.AsyncBaseTransport):
    """Answers as both registries do, unless a fault comes first; agents answer at their hosts."""

    def __init__(self) -> None:
        self.requests: list[httpx.Request] = []
        self.faults: deque[Fault] = deque()
        self.down: Exception | None = None
        self.agents: dict[str, dict[str, Any]] = {}
        self.services: dict[str, dict[str, Any]] = {}
        self.matches: list[dict[str, Any]] = []
        self.peers: dict[str, Handler] = {}

    @property
    def asked(self) -> list[str]:
        return [f"{one.method} {one.url.raw_path.decode()}" for one in self.requests]

    def bodies(self, path: str) -> list[Any]:
        return [
            msgspec.json.decode(one.content) for one in self.requests if one.url.path.endswith(path)
        ]

    async def handle_async_request(self, request: httpx.Request) -> httpx.Response:
        self.requests.append(request)
        if request.url.host in self.peers:
            return await self.peers[request.url.host](request)
        if self.down is not None:
            raise self.down
        fault = self.faults.popleft() if self.faults else None
        if isinstance(fault, Exception):
            raise fault
        if isinstance(fault, httpx.Response):
            return fault
        if fault is not None:
            return await fault(request)
        return self._answer(request)

    def _answer(self, request: httpx.Request) -> httpx.Response:
        raw = request.url.raw_path.decode().partition("?")[0]
        parts = [unquote(part) for part in raw.strip("/").split("/")]
        if parts[:2] == ["api", "v1"]:
            return self._of_services(request, parts[2:])
        return self._of_agents(request, parts)

    def _of_agents(self, request: httpx.Request, parts: list[str]) -> httpx.Response:
        answer: Any = {"status": "ok"}
        match request.method, parts:
            case "POST", ["register"]:
                body = msgspec.json.decode(request.content)
                self.agents[body["agent_id"]] = {**body, "last_heartbeat": NOW}
            case "GET", ["agents"]:
                answer = list(self.agents.values())
            case "GET", ["capabilities", "search"]:
                answer = self.matches
            case "GET", ["stats"]:
                answer = {"total_agents": len(self.agents)}
            case _, [_, agent_id, *_] if agent_id not in self.agents:
                return problem(404, "record-not-found", namespace="default", record_id=agent_id)
            case "GET", ["agents", agent_id]:
                answer = self.agents[agent_id]
            case "DELETE", ["agents", agent_id]:
                del self.agents[agent_id]
            case "PATCH", ["agents", agent_id, "status"]:
                self.agents[agent_id]["status"] = msgspec.json.decode(request.content)["status"]
            case "GET", ["health", agent_id]:
                answer = {"agent_id": agent_id, "status": "healthy"}
            case "POST", ["agents", _, "heartbeat"]:
                pass
            case _:
                return httpx.Response(404, json={"detail": "Not Found"})
        return httpx.Response(200, json=answer)

    def _of_services(self, request: httpx.Request, parts: list[str]) -> httpx.Response:
        match request.method, parts:
            case "POST", ["register"]:
                body = msgspec.json.decode(request.content)
                service_id = f"{body['name']}-{body['port']}"
                self.services[service_id] = self.service(service_id, **body)
                return httpx.Response(201, json={"service_id": service_id, "message": "there"})
            case "GET", ["discover"]:
                name = request.url.params.get("name", "")
                found = [one for one in self.services.values() if name in one["name"]]
                return httpx.Response(200, json={"services": found, "total_count": len(found)})
            case _, [_, service_id] if service_id not in self.services:
                return problem(404, "record-not-found", namespace="default", record_id=service_id)
            case "DELETE", ["unregister", service_id]:
                del self.services[service_id]
        return httpx.Response(200, json={"message": "done"})

    @staticmethod
    def service(service_id: str, **fields: Any) -> dict[str, Any]:
        return {
            "service_id": service_id,
            "name": "calculator",
            "service_type": "tool",
            "host": "10.0.0.1",
            "port": 80,
            "status": "healthy",
            **fields,
        }


@pytest.fixture
def wire() -> Wire:
    return Wire()


@pytest.fixture
def clock() -> FrozenClock:
    return FrozenClock()


@pytest.fixture
def finished(clock: FrozenClock) -> Callable[[Coroutine[Any, Any, T]], Awaitable[T]]:
    """Awaits something while time goes on as fast as it wants to."""

    async def finish(work: Coroutine[Any, Any, T]) -> T:
        task = asyncio.ensure_future(work)
        began = clock.monotonic()
        while not task.done():
            assert clock.monotonic() < began + 600, "not done within 10 minutes"
            await clock.advance(0.25)
        return task.result()

    return finish


@pytest.fixture
async def client(wire: Wire, clock: FrozenClock) -> Any:
    one = RegistryClient(
        "http://registry:8009",
        "my-agent",
        "My Custom Agent",
        "http://my-agent:8000",
        clock=clock,
        transport=wire,
    )
    async with one:
        yield one
