# SPDX-License-Identifier: Apache-2.0
"""What services send each other, and the streams that they answer with."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncGenerator, Iterator, Mapping, Sequence
from contextlib import aclosing, asynccontextmanager
from typing import Annotated, Any

import pytest
from fastapi import APIRouter, Depends, Header, Request, Response
from starlette.types import ASGIApp

from rollcall.app.service_calls import SILENCE, Refused, ServiceCalls
from rollcall.dashboard.ports import NotAnswered, NotHere
from rollcall.gateway.ports import Instance, NoInstances
from rollcall.kernel.caller import ADMIN, READ, REGISTER, Caller, RateLimited
from rollcall.kernel.clock import Clock, SystemClock
from rollcall.kernel.ids import RandomIds
from rollcall.testing.clock import FrozenClock
from rollcall.web.audit import InMemoryAuditLog
from rollcall.web.auth import BearerAccess, require
from rollcall.web.drain import Drain
from rollcall.web.keys import InMemoryKeyStore
from rollcall.web.module import Kit, Module, create_app
from rollcall.web.passes import PassAccess, Passes
from rollcall.web.sse import EventStream, ServerEvent
from support.hosting import hosted

CLOCK = SystemClock()
PASSES = Passes(bytes(32), CLOCK)
VISITOR = Caller("widget:wdg_1", "acme", frozenset({READ, REGISTER}))
Talker = Annotated[Caller, Depends(require(REGISTER))]
Key = Annotated[str | None, Header(alias="idempotency-key")]


class Talking:
    """A service that answers in pieces, and notes what it was asked."""

    def __init__(self) -> None:
        self.sent = 0
        self.keys: list[str | None] = []
        self.closed = asyncio.Event()

    def app(self) -> ASGIApp:
        routes = APIRouter()

        @routes.post("/said")
        async def said(caller: Talker, body: dict[str, Any], key: Key = None) -> dict[str, Any]:
            self.keys.append(key)
            return {
                "by": caller.subject,
                "in": caller.namespace,
                "may": sorted(caller.scopes),
            } | body

        @routes.post("/count", response_class=Response)
        async def count(caller: Talker, body: dict[str, int], request: Request) -> Response:
            return EventStream(self.counted(body["to"]), CLOCK, Drain(), ends=True)

        @routes.get("/count", response_class=Response)
        async def following(caller: Talker) -> Response:
            return EventStream(self.counted(2), CLOCK, Drain(), ends=True)

        @routes.get("/over", status_code=204)
        async def over() -> None:
            return

        @routes.post("/busy")
        async def busy() -> None:
            raise RateLimited(6.5)

        access = PassAccess(BearerAccess(InMemoryKeyStore(), CLOCK), PASSES)
        kit = Kit("talking", "1", CLOCK, RandomIds(), access, InMemoryAuditLog(), Drain())
        return create_app([Module("talking", routers=(routes,))], kit)

    async def counted(self, to: int) -> AsyncGenerator[ServerEvent]:
        try:
            for n in range(1, to + 1):
                self.sent = n
                yield ServerEvent(b'{"n": %d}' % n, "count", str(n))
        finally:
            self.closed.set()


@pytest.fixture(scope="module")
def elsewhere() -> Iterator[str]:
    @asynccontextmanager
    async def opened() -> AsyncGenerator[ASGIApp]:
        yield Talking().app()

    with hosted(opened) as url:
        yield url


class Registered:
    """A registry that knows these ports."""

    def __init__(self, *ports: int) -> None:
        self.places = [Instance(f"i-{one}", "127.0.0.1", one) for one in ports]

    async def find(self, service: str) -> Sequence[Instance]:
        return self.places


def calls(
    app: ASGIApp | None = None,
    urls: Mapping[str, str] | None = None,
    registry: Registered | None = None,
    clock: Clock = CLOCK,
) -> ServiceCalls:
    local = {} if app is None else {"agent": app}
    return ServiceCalls(registry or NoInstances(), local, urls or {}, PASSES, clock)


async def events(one: ServiceCalls, path: str, body: object = None) -> list[ServerEvent]:
    async with aclosing(one.events(VISITOR, "agent", path, body)) as told:
        return [event async for event in told]


@pytest.mark.parametrize("here", [True, False])
async def test_what_is_posted_comes_from_the_caller_who_may_register_and_no_more(
    here: bool, elsewhere: str
) -> None:
    one = calls(Talking().app()) if here else calls(urls={"CONVERSATIONS_URL": elsewhere})
    for caller in (VISITOR, Caller("key:a", "acme", frozenset({ADMIN}))):
        said = await one.post(caller, "agent", "/said", {"word": "ä"}, key="k")
        assert said.status == 200
        assert said.body["may"] == [READ, REGISTER]
        assert (said.body["by"], said.body["in"]) == (caller.subject, "acme")
        assert said.body["word"] == "ä"
    reader = Caller("key:b", "acme", frozenset({READ}))
    assert (await one.post(reader, "agent", "/said", {})).status == 403
    one.close()


@pytest.mark.parametrize("here", [True, False])
async def test_a_stream_is_told_event_by_event(here: bool, elsewhere: str) -> None:
    one = calls(Talking().app()) if here else calls(urls={"CONVERSATIONS_URL": elsewhere})
    wanted = [ServerEvent(b'{"n": %d}' % n, "count", str(n)) for n in (1, 2)]
    assert await events(one, "/count") == wanted
    assert await events(one, "/count", {"to": 2}) == wanted
    assert await events(one, "/over") == []
    one.close()


@pytest.mark.parametrize("here", [True, False])
async def test_a_refusal_before_the_stream_is_told_whole(here: bool, elsewhere: str) -> None:
    one = calls(Talking().app()) if here else calls(urls={"CONVERSATIONS_URL": elsewhere})
    with pytest.raises(Refused) as busy:
        await events(one, "/busy", {})
    assert (busy.value.said.status, busy.value.retry_after) == (429, 7)
    assert busy.value.said.body["type"] == "urn:rollcall:problem:rate-limited"
    with pytest.raises(Refused) as plain:
        await events(one, "/said", {})
    assert (plain.value.said.status, plain.value.retry_after) == (200, None)
    one.close()


async def test_a_slow_reader_holds_the_stream_up_and_one_that_leaves_ends_it() -> None:
    talking = Talking()
    one = calls(talking.app())
    told = one.events(VISITOR, "agent", "/count", {"to": 1_000_000})
    assert (await anext(told)).id == "1"
    for _ in range(200):
        await asyncio.sleep(0)
    assert talking.sent < 10
    await told.aclose()
    assert talking.closed.is_set()


async def test_a_service_that_runs_nowhere_or_does_not_answer_is_named_as_such() -> None:
    for registry, error in ((None, NotHere), (Registered(1), NotAnswered)):
        one = calls(registry=registry)
        with pytest.raises(error):
            await events(one, "/count", {"to": 1})
        with pytest.raises(error):
            await one.post(VISITOR, "agent", "/said", {})


class Raw:
    """A server that answers every request with the same bytes, and then hangs up or waits."""

    def __init__(self, answer: bytes, *, stays: bool = False) -> None:
        self.answer = answer
        self.stays = stays
        self.asked = 0

    async def __call__(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        head = await reader.readuntil(b"\r\n\r\n")
        for line in head.lower().split(b"\r\n"):
            if line.startswith(b"content-length:"):
                await reader.readexactly(int(line.partition(b":")[2]))
        self.asked += 1
        writer.write(self.answer)
        await writer.drain()
        if self.stays:
            await reader.read()
        writer.close()


@asynccontextmanager
async def serving(raw: Raw) -> AsyncGenerator[int]:
    server = await asyncio.start_server(raw, "127.0.0.1", 0)
    async with server:
        yield server.sockets[0].getsockname()[1]


WELL = b"HTTP/1.1 200 OK\r\ncontent-length: 2\r\nconnection: close\r\n\r\n{}"


async def test_what_may_have_been_read_is_sent_again_only_with_a_key() -> None:
    silent, good = Raw(b""), Raw(WELL)
    async with serving(silent) as first, serving(good) as second:
        # Begins at the second place, then the first.
        one = calls(registry=Registered(second, first))
        with pytest.raises(NotAnswered, match="broke off"):
            await one.post(VISITOR, "agent", "/said", {})
        assert (silent.asked, good.asked) == (1, 0)
        assert (await one.post(VISITOR, "agent", "/said", {}, key="k")).status == 200
        one.close()
        one = calls(registry=Registered(second, first))
        assert (await one.post(VISITOR, "agent", "/said", {}, key="k")).status == 200
        assert silent.asked == 3
        assert good.asked == 2
        one.close()


async def test_what_was_not_sent_goes_to_the_next_instance_also_without_a_key() -> None:
    good = Raw(WELL)
    async with serving(good) as port:
        one = calls(registry=Registered(port, 1))
        assert (await one.post(VISITOR, "agent", "/said", {})).status == 200
        assert good.asked == 1
        one.close()


STREAM = (
    b"HTTP/1.1 200 OK\r\ncontent-type: text/event-stream\r\ntransfer-encoding: chunked\r\n\r\n"
    b'10\r\ndata: {"n": 1}\n\n\r\n'
)


async def test_a_stream_that_breaks_off_is_an_error_behind_what_was_told() -> None:
    async with serving(Raw(STREAM)) as port:
        one = calls(registry=Registered(port))
        told = one.events(VISITOR, "agent", "/count", {"to": 2}, key="k")
        assert await anext(told) == ServerEvent(b'{"n": 1}')
        with pytest.raises(NotAnswered, match="broke off"):
            await anext(told)
        one.close()


async def test_a_stream_that_falls_silent_is_given_up() -> None:
    clock = FrozenClock()
    async with serving(Raw(STREAM, stays=True)) as port:
        one = calls(registry=Registered(port), clock=clock)
        told = one.events(VISITOR, "agent", "/count", {"to": 2}, key="k")
        assert await anext(told) == ServerEvent(b'{"n": 1}')
        waiting = asyncio.ensure_future(anext(told))
        await clock.settle()
        await clock.advance(SILENCE)
        with pytest.raises(NotAnswered, match="says nothing"):
            await waiting
        one.close()
