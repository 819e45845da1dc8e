from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Callable
from contextlib import AbstractAsyncContextManager, asynccontextmanager
from dataclasses import dataclass, field, replace

import pytest
from fastapi import APIRouter, FastAPI
from starlette.middleware import Middleware
from starlette.types import ASGIApp, Message, Receive, Scope, Send

from rollcall.events.subscriptions import Sink
from rollcall.kernel.errors import RollcallError
from rollcall.testing.clock import FrozenClock
from rollcall.web.background import BackgroundTask
from rollcall.web.health import Ping
from rollcall.web.module import Kit, Module, create_app
from rollcall.web.problems import Kind


class NoSuchNote(RollcallError):
    def __init__(self, number: int) -> None:
        super().__init__(f"there is no note {number}")
        self.number = number


@dataclass
class Notes:
    """A tiny service: notes that are read aloud now and then."""

    clock: FrozenClock
    notes: list[str] = field(default_factory=list[str])
    aloud: list[str] = field(default_factory=list[str])
    open: bool = False

    async def read_aloud(self) -> None:
        while True:
            await self.clock.sleep(60)
            self.aloud += self.notes

    @asynccontextmanager
    async def opened(self) -> AsyncIterator[None]:
        self.open = True
        yield
        self.open = False

    async def ping(self) -> None:
        if not self.open:
            raise ConnectionError

    def module(self) -> Module:
        router = APIRouter(prefix="/notes", tags=["notes"])

        @router.post("", status_code=201)
        async def write(text: str) -> int:
            self.notes.append(text)
            return len(self.notes) - 1

        @router.get("/{number}")
        async def read(number: int) -> str:
            if number >= len(self.notes):
                raise NoSuchNote(number)
            return self.notes[number]

        return Module(
            "notes",
            routers=[router],
            tasks=[BackgroundTask("read-aloud", self.read_aloud)],
            pings=[Ping("notes", self.ping)],
            problems={NoSuchNote: Kind(404, "no-such-note", "There is no such note", ("number",))},
            lifespans=[self.opened],
        )


def greeting() -> Module:
    router = APIRouter()

    @router.get("/hello")
    async def hello() -> str:
        return "hello"

    return Module("greeting", routers=[router])


def running(app: FastAPI) -> AbstractAsyncContextManager[object]:
    return app.router.lifespan_context(app)


async def test_two_modules_are_one_application(kit: Kit, connect, clock: FrozenClock) -> None:
    notes = Notes(clock)
    app = create_app([greeting(), notes.module()], kit)
    async with running(app), connect(app) as client:
        assert (await client.get("/hello")).json() == "hello"
        assert (await client.post("/notes", params={"text": "milk"})).status_code == 201
        assert (await client.get("/notes/0")).json() == "milk"

        missing = await client.get("/notes/1")
        assert missing.status_code == 404
        assert missing.json()["type"] == "urn:rollcall:problem:no-such-note"
        assert missing.json()["number"] == 1

        healthy = (await client.get("/health")).json()
        assert healthy["checks"] == {
            "notes": "ok",
            "task:loop-lag": "ok",
            "task:read-aloud": "ok",
        }

        await clock.advance(60)
        assert notes.aloud == ["milk"]
        assert notes.open
    await clock.advance(600)
    assert notes.aloud == ["milk"]
    assert not notes.open


async def test_the_description_has_every_route_and_its_problems(
    kit: Kit, connect, clock: FrozenClock
) -> None:
    app = create_app([greeting(), Notes(clock).module()], kit)
    async with connect(app) as client:
        schema = (await client.get("/openapi.json")).json()
        docs = await client.get("/docs")

    assert {"/hello", "/notes", "/notes/{number}", "/health", "/metrics"} == set(schema["paths"])
    for path, operations in schema["paths"].items():
        for operation in operations.values():
            expected = {"200", "4XX", "5XX", "422"}
            expected |= {"503"} if path == "/health" else set()
            expected ^= {"200", "201"} if path == "/notes" else set()
            assert set(operation["responses"]) == expected
            assert list(operation["responses"]["422"]["content"]) == ["application/problem+json"]
    assert "HTTPValidationError" not in str(schema)
    assert "swagger" in docs.text.lower()


Opened = Callable[[], AbstractAsyncContextManager[None]]


def opening(name: str, story: list[str], *, fails: bool = False) -> Module:
    @asynccontextmanager
    async def opened() -> AsyncIterator[None]:
        if fails:
            raise ConnectionError(f"{name} cannot be opened")
        story.append(f"+{name}")
        try:
            yield
        finally:
            story.append(f"-{name}")

    async def work() -> None:
        story.append(f"+{name}'s task")
        try:
            await asyncio.Event().wait()
        finally:
            story.append(f"-{name}'s task")

    task = BackgroundTask(f"{name}'s task", work)
    return Module(name, lifespans=[opened], tasks=[task])


async def test_what_is_outermost_sees_refusals_too_and_may_answer_itself(
    kit: Kit, connect, clock: FrozenClock
) -> None:
    seen: list[tuple[str, int]] = []

    class Watching:
        def __init__(self, app: ASGIApp) -> None:
            self._app = app

        async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
            async def watch(message: Message) -> None:
                if message["type"] == "http.response.start":
                    seen.append((scope["path"], message["status"]))
                await send(message)

            await self._app(scope, receive, watch)

    notes = Notes(clock)
    app = create_app([replace(notes.module(), outer=(Middleware(Watching),))], kit)
    async with connect(app) as client:
        await client.get("/notes/7")
        await client.get("/" + "x" * 10_000)
    assert [status for _, status in seen] == [404, 414]


async def test_what_is_opened_first_is_closed_last(kit: Kit, clock: FrozenClock) -> None:
    story: list[str] = []
    async with running(create_app([opening("a", story), opening("b", story)], kit)):
        await clock.settle()
        story.append("serving")
        assert not kit.drain.begun

    assert story == [
        *("+a", "+b", "+a's task", "+b's task", "serving"),
        *("-a's task", "-b's task", "-b", "-a"),
    ]
    assert kit.drain.begun


async def test_what_was_opened_is_closed_when_the_next_cannot_be(kit: Kit) -> None:
    story: list[str] = []
    app = create_app([opening("a", story), opening("b", story, fails=True)], kit)

    with pytest.raises(ConnectionError, match="b cannot be opened"):
        async with running(app):
            story.append("serving")

    assert story == ["+a", "-a"]


def test_a_module_says_which_events_it_wants() -> None:
    async def send(event: object) -> None: ...

    sink = Sink("notes", frozenset({"agent.created"}), send)

    assert Module("notes", subscriptions=[sink]).subscriptions == [sink]


def test_two_modules_cannot_have_one_name(kit: Kit) -> None:
    with pytest.raises(ValueError, match="same name: greeting, greeting"):
        create_app([greeting(), greeting()], kit)


def test_two_modules_cannot_mean_different_things_by_one_error(kit: Kit) -> None:
    one = Module("one", problems={NoSuchNote: Kind(404, "no-such-note", "No")})
    two = Module("two", problems={NoSuchNote: Kind(410, "gone", "Gone")})

    with pytest.raises(ValueError, match="NoSuchNote is 'no-such-note' already"):
        create_app([one, two], kit)
