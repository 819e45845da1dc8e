from __future__ import annotations

import logging
from collections.abc import AsyncIterator
from dataclasses import replace
from typing import Annotated, Any

import pytest
from fastapi import APIRouter, Depends, FastAPI, Query, WebSocket
from pydantic import BaseModel, Field
from starlette.responses import PlainTextResponse, Response, StreamingResponse

from rollcall.kernel.caller import ADMIN, Caller
from rollcall.kernel.errors import InvalidInput, StoreUnavailable
from rollcall.kernel.ids import RandomIds
from rollcall.testing.clock import FrozenClock
from rollcall.web.auth import BearerAccess, require
from rollcall.web.keys import InMemoryKeyStore
from rollcall.web.logs import is_news
from rollcall.web.module import Kit, Module, create_app

router = APIRouter()


class Capability(BaseModel):
    name: str = Field(min_length=1)


class Agent(BaseModel):
    capabilities: list[Capability]


@router.post("/agents")
async def add(agent: Agent) -> int:
    return len(agent.capabilities)


@router.get("/agents")
async def look(limit: Annotated[int, Query(le=100)] = 10) -> int:
    return limit


@router.get("/bug")
async def bug() -> None:
    raise ZeroDivisionError("secret detail")


@router.get("/outage")
async def outage() -> None:
    raise StoreUnavailable("secret detail")


@router.get("/broken-stream")
async def broken_stream() -> StreamingResponse:
    async def half() -> AsyncIterator[bytes]:
        yield b"half"
        raise ConnectionError("lost the rest")

    return StreamingResponse(half())


@router.get("/refused-late")
async def refused_late() -> StreamingResponse:
    async def half() -> AsyncIterator[bytes]:
        yield b"half"
        raise InvalidInput("body", "spoils the rest")

    return StreamingResponse(half())


@router.websocket("/socket")
async def socket(websocket: WebSocket, caller: Annotated[Caller, Depends(require(ADMIN))]) -> None:
    await websocket.accept()
    if await websocket.receive_text() == "nonsense":
        raise InvalidInput("message", "must make sense")
    raise ZeroDivisionError


@pytest.fixture
def app(kit: Kit) -> FastAPI:
    return create_app([Module("agents", routers=[router])], kit)


@pytest.mark.parametrize(
    ("method", "url", "content", "field"),
    [
        ("POST", "/agents", b'{"capabilities": [{"name": ""}]}', "capabilities.0.name"),
        ("POST", "/agents", b'{"capabilities": 3}', "capabilities"),
        ("POST", "/agents", b"{}", "capabilities"),
        ("POST", "/agents", b"{nonsense", "body"),
        ("POST", "/agents", b"[" * 100_000, "body"),
        ("POST", "/agents", b"\xff", "body"),
        ("GET", "/agents?limit=many", b"", "limit"),
        ("GET", "/agents?limit=101", b"", "limit"),
    ],
)
async def test_bad_input_is_a_422_that_names_the_field(
    app: FastAPI, connect, method: str, url: str, content: bytes, field: str
) -> None:
    headers = {"Content-Type": "application/json"}
    async with connect(app) as client:
        answer = await client.request(method, url, content=content, headers=headers)

    assert answer.status_code == 422
    assert answer.headers["content-type"] == "application/problem+json"
    assert [error["field"] for error in answer.json()["errors"]] == [field]


@pytest.mark.parametrize(("method", "path", "status"), [("GET", "/no", 404), ("PUT", "/bug", 405)])
async def test_what_is_not_there_is_a_problem_too(
    app: FastAPI, connect, method: str, path: str, status: int
) -> None:
    async with connect(app) as client:
        answer = await client.request(method, path, headers={"X-Request-ID": "order-17"})

    told = answer.json()
    assert answer.headers["content-type"] == "application/problem+json"
    assert (told["type"], told["status"], told["request_id"]) == ("about:blank", status, "order-17")
    assert status != 405 or answer.headers["allow"] == "GET"


@pytest.mark.parametrize(
    ("path", "status", "level"),
    [("/bug", 500, logging.ERROR), ("/outage", 503, logging.WARNING)],
)
async def test_what_is_our_fault_is_logged_and_not_shown(
    app: FastAPI,
    connect,
    caplog: pytest.LogCaptureFixture,
    path: str,
    status: int,
    level: int,
) -> None:
    async with connect(app) as client:
        answer = await client.get(path, headers={"X-Request-ID": "order-17"})

    assert answer.status_code == status
    assert answer.json()["request_id"] == answer.headers["x-request-id"] == "order-17"
    assert "secret detail" not in answer.text
    [record] = caplog.records
    assert record.levelno == level
    assert "secret detail" in caplog.text
    assert vars(record)["request_id"] == "order-17"
    assert (record.exc_info is not None) == (status == 500)


async def test_in_development_what_is_our_fault_is_shown(kit: Kit, connect) -> None:
    app = create_app([Module("agents", routers=[router])], replace(kit, development=True))
    async with connect(app) as client:
        answer = await client.get("/bug")

    assert answer.json()["detail"] == "ZeroDivisionError: secret detail"


async def test_a_callers_own_mistake_is_not_logged(
    app: FastAPI, connect, caplog: pytest.LogCaptureFixture
) -> None:
    async with connect(app) as client:
        await client.get("/agents?limit=many")

    assert caplog.records == []


@pytest.mark.parametrize(
    ("path", "level"), [("/broken-stream", logging.ERROR), ("/refused-late", logging.WARNING)]
)
async def test_an_answer_that_breaks_off_does_not_look_whole_and_is_logged_once(
    app: FastAPI, connect, caplog: pytest.LogCaptureFixture, path: str, level: int
) -> None:
    async with connect(app) as client:
        with pytest.raises(Exception, match="the rest") as broken:
            await client.get(path)

    seen = (type(broken.value), broken.value, None)
    assert not is_news(logging.makeLogRecord({"msg": "by the server", "exc_info": seen}))
    assert [record.levelno for record in caplog.records] == [level]


async def talk(app: FastAPI, *texts: str, denial: bool = False) -> list[dict[str, Any]]:
    """What the application says on a WebSocket to somebody who says `texts`."""
    said: list[dict[str, Any]] = []
    incoming: list[dict[str, Any]] = [
        {"type": "websocket.connect"},
        *({"type": "websocket.receive", "text": text} for text in texts),
    ]

    async def receive() -> dict[str, Any]:
        return incoming.pop(0)

    async def send(message: Any) -> None:
        said.append(message)

    scope: dict[str, Any] = {
        "type": "websocket",
        "path": "/socket",
        "raw_path": b"/socket",
        "query_string": b"",
        "root_path": "",
        "headers": [(b"host", b"localhost")],
        "subprotocols": [],
        "extensions": {"websocket.http.response": {}} if denial else {},
    }
    await app(scope, receive, send)
    return said


@pytest.mark.parametrize(("text", "code"), [("nonsense", 1008), ("anything", 1011)])
async def test_a_socket_is_closed_with_a_code_that_says_whose_fault_it_is(
    app: FastAPI, text: str, code: int
) -> None:
    accepted, closed = await talk(app, text)

    assert accepted["type"] == "websocket.accept"
    assert (closed["type"], closed["code"]) == ("websocket.close", code)


async def test_a_stranger_gets_no_socket(kit: Kit, clock: FrozenClock) -> None:
    strict = replace(kit, access=BearerAccess(InMemoryKeyStore(), clock), ids=RandomIds())
    app = create_app([Module("agents", routers=[router])], strict)

    [closed] = await talk(app)
    start, body = await talk(app, denial=True)

    assert (closed["type"], closed["code"]) == ("websocket.close", 1008)
    assert (start["type"], start["status"]) == ("websocket.http.response.start", 401)
    assert b"not-authenticated" in body["body"]
    assert b"x-request-id" in dict(start["headers"])


async def test_problems_on_some_paths_are_told_in_the_words_of_the_protocol_there(
    kit: Kit, connect
) -> None:
    def shouted(problem: Response) -> Response:
        return PlainTextResponse(bytes(problem.body).decode().upper(), problem.status_code)

    made = create_app([Module("agents", routers=[router], dialects={"/agents": shouted})], kit)
    large = "x" * 2_000_000
    async with connect(made) as client:
        refused = await client.post("/agents", json={"capabilities": 3})
        too_large = await client.post("/agents", json={"capabilities": large})
        elsewhere = await client.get("/outage")

    assert (refused.status_code, too_large.status_code) == (422, 413)
    assert "INVALID-INPUT" in refused.text
    assert "PAYLOAD-TOO-LARGE" in too_large.text
    assert elsewhere.json()["type"] == "urn:rollcall:problem:store-unavailable"
