"""The kit under a real server, on a port of its own on the loopback."""

from __future__ import annotations

import asyncio
import socket
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import replace

import httpx
import pytest
import uvicorn
from fastapi import APIRouter, Request

from rollcall.kernel.clock import SystemClock
from rollcall.registry.events import Event, EventType
from rollcall.registry.feed import Feed
from rollcall.web.drain import Drain, DrainingServer
from rollcall.web.limits import Limits
from rollcall.web.module import Kit, Module, create_app
from rollcall.web.sse import EventStream, ServerEvent, registry_events

PATIENCE = 20.0


class Shop:
    """A slow route, a stream, and a note of when each of them ended."""

    def __init__(self, drain: Drain, keep: int = 1000) -> None:
        self.drain = drain
        self.feed = Feed("e1", 0, keep)
        self.revision = 0
        self.slow_begun = asyncio.Event()
        self.slow_may_end = asyncio.Event()
        self.streaming = asyncio.Event()
        self.stream_ended = asyncio.Event()
        self.closed = asyncio.Event()
        self.may_go_on = asyncio.Event()

    def happen(self, detail: str = "") -> None:
        self.revision += 1
        event = Event(
            *(EventType.UPDATED, "default", "a1", "", 0.0, self.revision, 0, "op", "test"),
            detail=detail,
        )
        self.feed.publish([event])

    async def _events(self) -> AsyncIterator[ServerEvent]:
        self.streaming.set()
        try:
            async for event in registry_events(self.feed.subscribe(), self.feed.epoch):
                yield event
        finally:
            self.stream_ended.set()

    async def _story(self) -> AsyncIterator[ServerEvent]:
        yield ServerEvent(b"once")
        await self.may_go_on.wait()
        yield ServerEvent(b"end")

    @asynccontextmanager
    async def _opened(self) -> AsyncIterator[None]:
        yield
        self.closed.set()

    def module(self) -> Module:
        router = APIRouter()

        @router.get("/slow")
        async def slow() -> str:
            self.slow_begun.set()
            await self.slow_may_end.wait()
            assert not self.closed.is_set()
            return "done"

        @router.get("/events")
        async def events() -> EventStream:
            return EventStream(self._events(), SystemClock(), self.drain)

        @router.get("/story")
        async def story() -> EventStream:
            return EventStream(self._story(), SystemClock(), self.drain, retry=None, ends=True)

        @router.post("/echo")
        async def echo(request: Request) -> int:
            return len(await request.body())

        return Module("shop", routers=[router], lifespans=[self._opened])


class Server(DrainingServer):
    """Says when it is up."""

    def __init__(self, config: uvicorn.Config, drain: Drain) -> None:
        super().__init__(config, drain)
        self.up = asyncio.Event()

    async def startup(self, sockets: list[socket.socket] | None = None) -> None:
        await super().startup(sockets)
        self.up.set()


class Running:
    def __init__(self, server: Server, task: asyncio.Task[None], port: int) -> None:
        self.server, self.task, self.port = server, task, port
        self.url = f"http://127.0.0.1:{port}"

    def stop(self) -> None:
        self.server.should_exit = True


@pytest.fixture
def shop(kit: Kit) -> Shop:
    return Shop(kit.drain)


@asynccontextmanager
async def served(kit: Kit, shop: Shop) -> AsyncIterator[Running]:
    app = create_app(
        [shop.module()], replace(kit, clock=SystemClock(), limits=Limits(body_bytes=1000))
    )
    with socket.create_server(("127.0.0.1", 0)) as listening:
        port = listening.getsockname()[1]
        config = uvicorn.Config(app, log_config=None, timeout_graceful_shutdown=10)
        server = Server(config, kit.drain)
        task = asyncio.create_task(server.serve([listening]))
        try:
            async with asyncio.timeout(PATIENCE):
                await server.up.wait()
                yield Running(server, task, port)
        finally:
            server.should_exit = True
            shop.slow_may_end.set()
            await asyncio.wait_for(task, PATIENCE)


async def test_a_server_that_stops_finishes_what_it_began(kit: Kit, shop: Shop) -> None:
    async with served(kit, shop) as running, httpx.AsyncClient(base_url=running.url) as client:
        slow = asyncio.create_task(client.get("/slow", timeout=PATIENCE))
        await shop.slow_begun.wait()
        async with client.stream("GET", "/events") as stream:
            chunks = stream.aiter_text()
            assert await anext(chunks) == "retry: 2000\n\n"

            running.stop()
            # Ends by itself, in order: a stream that was cut off would raise here.
            rest = [chunk async for chunk in chunks]

        assert rest == []
        assert kit.drain.begun
        assert not shop.closed.is_set()
        shop.slow_may_end.set()
        answer = await slow
        assert (answer.status_code, answer.json()) == (200, "done")
        await running.task
        assert shop.closed.is_set()


async def test_a_stream_with_an_end_of_its_own_is_let_to_it(kit: Kit, shop: Shop) -> None:
    async with served(kit, shop) as running, httpx.AsyncClient(base_url=running.url) as client:
        async with client.stream("GET", "/story") as stream:
            chunks = stream.aiter_text()
            assert await anext(chunks) == "data: once\n\n"
            running.stop()
            await kit.drain.wait()
            shop.may_go_on.set()
            rest = [chunk async for chunk in chunks]

        assert rest == ["data: end\n\n"]
        await running.task


async def test_the_last_call_comes_before_the_end_of_the_time(kit: Kit, shop: Shop) -> None:
    async with served(kit, shop) as running, httpx.AsyncClient(base_url=running.url) as client:
        running.server.config.timeout_graceful_shutdown = 1
        slow = asyncio.create_task(client.get("/slow", timeout=PATIENCE))
        await shop.slow_begun.wait()
        running.stop()

        await kit.drain.last_call()
        shop.slow_may_end.set()

        assert (await slow).status_code == 200
        await running.task


async def test_a_client_that_leaves_a_stream_is_noticed(kit: Kit, shop: Shop) -> None:
    async with served(kit, shop) as running, httpx.AsyncClient(base_url=running.url) as client:
        async with client.stream("GET", "/events") as stream:
            lines = stream.aiter_lines()
            await shop.streaming.wait()
            shop.happen()
            while not (await anext(lines)).startswith("id: e1:1:0"):
                pass
            assert not shop.stream_ended.is_set()

        await shop.stream_ended.wait()


async def test_a_client_that_does_not_read_is_told_what_it_missed(kit: Kit) -> None:
    shop = Shop(kit.drain, keep=10)
    async with served(kit, shop) as running:
        loop = asyncio.get_running_loop()
        with socket.socket() as slow:
            slow.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, 4096)
            slow.setblocking(False)
            await loop.sock_connect(slow, ("127.0.0.1", running.port))
            await loop.sock_sendall(slow, b"GET /events HTTP/1.1\r\nHost: localhost\r\n\r\n")
            await shop.streaming.wait()
            # More than all buffers between us can hold.
            for _ in range(400):
                shop.happen("x" * 65_536)
                await asyncio.sleep(0)
            heard = b""
            while b"event: lagged\ndata: {" not in heard:
                chunk = await loop.sock_recv(slow, 1 << 20)
                assert chunk, "the server hung up"
                heard = heard[-100:] + chunk
        await shop.stream_ended.wait()


async def exchange(port: int, *packets: bytes) -> bytes:
    """Send each packet by itself and read the answer to its end."""
    reader, writer = await asyncio.open_connection("127.0.0.1", port)
    writer.get_extra_info("socket").setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
    for packet in packets:
        writer.write(packet)
        await writer.drain()
        await asyncio.sleep(0)
    answer = await reader.read()
    writer.close()
    return answer


HEAD = b"POST /echo HTTP/1.1\r\nHost: localhost\r\nContent-Type: application/json\r\n"


@pytest.mark.parametrize(
    ("packets", "status", "told"),
    [
        pytest.param([HEAD + b"Content-Length: 5000\r\n\r\n"], 413, b"1000 bytes", id="says-so"),
        pytest.param(
            [
                HEAD + b"Transfer-Encoding: chunked\r\n\r\n",
                *[b"190\r\n" + b" " * 400 + b"\r\n"] * 3,
            ],
            *(413, b"1000 bytes"),
            id="in-chunks",
        ),
        pytest.param(
            [
                HEAD + b"Connection: close\r\nContent-Length: 100\r\n\r\n",
                *[b"[" * 10] * 10,
            ],
            *(422, b"must not be nested"),
            id="deep-in-pieces",
        ),
        pytest.param(
            [HEAD + b"Connection: close\r\nContent-Length: 4\r\n\r\n", b'"\xc3', b'\x28"'],
            *(422, b"must be UTF-8"),
            id="no-utf-8-in-pieces",
        ),
    ],
)
async def test_bad_bodies_are_refused_however_they_are_split(
    kit: Kit, shop: Shop, packets: list[bytes], status: int, told: bytes
) -> None:
    async with served(kit, shop) as running:
        answer = await exchange(running.port, *packets)

    assert answer.startswith(b"HTTP/1.1 %d " % status)
    assert b"content-type: application/problem+json" in answer
    assert b"connection: close" in answer.lower()
    assert told in answer
