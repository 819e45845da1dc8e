from __future__ import annotations

import asyncio
import json
from collections.abc import AsyncIterator, Sequence

import pytest
from hypothesis import example, given
from hypothesis import strategies as st
from starlette.requests import Request
from starlette.responses import PlainTextResponse
from starlette.types import ASGIApp, Receive, Scope, Send

from rollcall.web.bodies import BodyLimit, is_json, nested_deeper
from rollcall.web.catching import ProblemMiddleware
from rollcall.web.limits import Limits
from rollcall.web.problems import Problems, ProblemTable

JSON = {"Content-Type": "application/json"}


async def echo(scope: Scope, receive: Receive, send: Send) -> None:
    body = await Request(scope, receive).body()
    await PlainTextResponse(f"{len(body)} bytes")(scope, receive, send)


@pytest.fixture
def app() -> ASGIApp:
    limited = BodyLimit(echo, Limits(body_bytes=100, json_depth=3))
    return ProblemMiddleware(limited, Problems(ProblemTable(), development=False))


async def pieces(*parts: bytes) -> AsyncIterator[bytes]:
    for part in parts:
        yield part


async def test_a_body_of_just_the_limit_arrives_whole(app: ASGIApp, connect) -> None:
    async with connect(app) as client:
        assert (await client.post("/", content=b"x" * 100)).text == "100 bytes"
        assert (await client.post("/", content=pieces(b"x" * 60, b"y" * 40))).text == "100 bytes"
        assert (await client.get("/")).text == "0 bytes"


async def test_a_body_that_says_it_is_too_long_is_refused(app: ASGIApp, connect) -> None:
    async with connect(app) as client:
        answer = await client.post("/", content=b"x" * 101)

    assert answer.status_code == 413
    assert answer.json()["errors"][0]["field"] == "body"


async def test_a_body_that_turns_out_too_long_is_refused(app: ASGIApp, connect) -> None:
    async with connect(app) as client:
        answer = await client.post("/", content=pieces(b"x" * 60, b"y" * 41))

    assert answer.status_code == 413
    assert answer.headers["connection"] == "close"


async def test_a_body_that_stops_in_the_middle_is_refused(connect) -> None:
    impatient = BodyLimit(echo, Limits(body_seconds=0.05))
    app = ProblemMiddleware(impatient, Problems(ProblemTable(), development=False))
    stopped = asyncio.Event()

    async def half() -> AsyncIterator[bytes]:
        yield b"x"
        await stopped.wait()

    async with connect(app) as client:
        answer = await client.post("/", content=half())
        stopped.set()

    assert answer.status_code == 408
    assert answer.json()["errors"][0]["field"] == "body"
    assert answer.headers["connection"] == "close"


@pytest.mark.parametrize(
    ("sent", "problem"),
    [
        pytest.param([b'{"a": "\xff"}'], "UTF-8", id="not-utf-8"),
        pytest.param([b'{"a": "\xc3', b'\x28"}'], "byte 7", id="split-in-a-character"),
        pytest.param(['{"a": 1}'.encode("utf-16")], "UTF-8", id="utf-16"),
        pytest.param(['{"a": 1}'.encode("utf-16-le")], "zero bytes", id="utf-16-without-mark"),
        pytest.param([b"[" * 4], "nested", id="too-deep"),
        pytest.param([b"[[", b"[["], "nested", id="too-deep-in-pieces"),
        pytest.param([b'[{"a":[{"b":1}]}]'], "nested", id="objects-count-too"),
    ],
)
async def test_json_that_no_parser_should_see_is_refused(
    app: ASGIApp, connect, sent: Sequence[bytes], problem: str
) -> None:
    async with connect(app) as client:
        answer = await client.post("/", content=pieces(*sent), headers=JSON)

    assert answer.status_code == 422
    [error] = answer.json()["errors"]
    assert error["field"] == "body"
    assert problem in error["problem"]


async def test_what_is_no_json_may_hold_any_bytes(app: ASGIApp, connect) -> None:
    async with connect(app) as client:
        headers = {"Content-Type": "application/octet-stream"}
        answer = await client.post("/", content=b"[[[[[\xff\0", headers=headers)

    assert answer.text == "7 bytes"


async def test_a_client_that_leaves_in_the_middle_of_its_body_gets_no_answer() -> None:
    messages = [
        {"type": "http.request", "body": b"half", "more_body": True},
        {"type": "http.disconnect"},
    ]

    async def receive() -> dict[str, object]:
        return messages.pop(0)

    async def send(message: object) -> None:
        raise AssertionError(f"nobody is there for {message}")

    scope = {"type": "http", "method": "POST", "headers": [(b"transfer-encoding", b"chunked")]}
    await BodyLimit(echo, Limits())(scope, receive, send)


@pytest.mark.parametrize(
    ("content_type", "answer"),
    [
        (None, True),
        ("application/json", True),
        ("Application/JSON; charset=utf-8", True),
        ("application/merge-patch+json", True),
        ("application/jsonlines", False),
        ("multipart/form-data", False),
    ],
)
def test_json_is_told_by_its_media_type(content_type: str | None, answer: bool) -> None:
    assert is_json(content_type) is answer


def depth_of(value: object) -> int:
    if isinstance(value, dict):
        return 1 + max(map(depth_of, value.values()), default=0)
    if isinstance(value, list):
        return 1 + max(map(depth_of, value), default=0)
    return 0


@given(
    st.recursive(
        st.none() | st.text('[]{}"\\a'),
        lambda inner: st.lists(inner) | st.dictionaries(st.text('[]{}"\\a'), inner),
    )
)
@example([['"]}\\']])
def test_the_depth_is_that_of_the_value(value: object) -> None:
    text, depth = json.dumps(value).encode(), depth_of(value)

    assert not nested_deeper(text, depth)
    assert depth == 0 or nested_deeper(text, depth - 1)


@pytest.mark.parametrize(
    "hostile",
    [
        pytest.param(b'"' * 1_000_001, id="quotes"),
        pytest.param(b'"\\' * 500_000, id="escaped-quotes"),
        pytest.param(b"[" * 70 + b'"' + b"\\" * 1_000_001, id="backslashes-without-end"),
        pytest.param(b'["' * 500_000, id="brackets-in-and-out"),
        pytest.param(b"[]" * 500_000, id="flat"),
    ],
)
@pytest.mark.timeout(5)
def test_a_hostile_text_is_read_once(hostile: bytes) -> None:
    for prefix in (b"", b'"', b"[", b"{" * 65):
        nested_deeper(prefix + hostile, 64)
