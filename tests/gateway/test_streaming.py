from __future__ import annotations

import asyncio
import resource
import socket
import threading
from collections.abc import AsyncIterator, Iterator
from dataclasses import dataclass, field

import httpx
import pytest
from starlette.requests import ClientDisconnect, Request
from starlette.responses import JSONResponse, StreamingResponse
from starlette.types import Receive, Scope, Send

from rollcall.gateway.settings import GatewaySettings
from rollcall.gateway.targets import Deployment
from rollcall.web.module import create_app
from support.gateways import gateway, gateway_of, kit, served

PATIENCE = 20.0


@dataclass
class Tap:
    """A service that says the next word when a test lets it."""

    turned: threading.Semaphore = field(default_factory=lambda: threading.Semaphore(0))
    left: threading.Event = field(default_factory=threading.Event)
    taken: int = 0
    kind: str = "text/plain"

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        request = Request(scope, receive)
        match scope["path"]:
            case "/upload":
                async for piece in request.stream():
                    self.taken += len(piece)
                await JSONResponse(self.taken)(scope, receive, send)
            case "/cut":
                try:
                    await request.body()
                except ClientDisconnect:
                    self.left.set()
            case "/flood":
                await StreamingResponse(self.flood())(scope, receive, send)
            case _:
                answer = StreamingResponse(self.words(), media_type=self.kind)
                await answer(scope, receive, send)

    async def words(self) -> AsyncIterator[bytes]:
        try:
            for word in (b"data: one\n\n", b"data: two\n\n", b"data: three\n\n"):
                yield word
                await asyncio.to_thread(self.turned.acquire, timeout=PATIENCE)
        except asyncio.CancelledError:
            self.left.set()
            raise

    async def flood(self) -> AsyncIterator[bytes]:
        for _ in range(200):
            self.taken += 1 << 20
            yield bytes(1 << 20)


@pytest.fixture
def tap() -> Tap:
    return Tap()


@pytest.fixture
def url(tap: Tap) -> Iterator[str]:
    with served(tap) as instance, gateway(instance) as url:
        yield f"{url}/services/shop"


def test_each_piece_arrives_before_the_next_is_sent(tap: Tap, url: str) -> None:
    with httpx.stream("GET", url, timeout=PATIENCE) as answer:
        pieces = answer.iter_raw()
        for word in (b"one", b"two", b"three"):
            assert word in next(pieces)
            tap.turned.release()
        assert next(pieces, None) is None


def test_a_caller_that_leaves_ends_the_answer(tap: Tap, url: str) -> None:
    with httpx.stream("GET", url, timeout=PATIENCE) as answer:
        next(answer.iter_raw())
    # Otherwise the service would go on talking to nobody.
    tap.turned.release()
    tap.turned.release()
    assert tap.left.wait(PATIENCE)


def test_a_large_upload_takes_little_memory(tap: Tap, url: str) -> None:
    piece = bytes(1 << 20)
    before = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
    said = httpx.post(f"{url}/upload", content=(piece for _ in range(100)), timeout=60)
    grown = (resource.getrusage(resource.RUSAGE_SELF).ru_maxrss - before) / 1024
    assert said.json() == 100 << 20
    assert grown < 30, f"{grown:.0f} MiB more for gateway, service and client together"


def test_a_slow_reader_slows_the_service(tap: Tap, url: str) -> None:
    small = httpx.HTTPTransport(socket_options=[(socket.SOL_SOCKET, socket.SO_RCVBUF, 1 << 16)])
    with (
        httpx.Client(transport=small, timeout=PATIENCE) as client,
        client.stream("GET", f"{url}/flood") as answer,
    ):
        # Once nobody holds the iterator its connection is closed, and then nothing is slow.
        pieces = answer.iter_raw()
        read = 0
        while read <= 1 << 20:
            read += len(next(pieces))
        # Sockets between gateway and service hold what the system lets them, some 32 MiB at most,
        # and nobody else anything.
        held = tap.taken
        assert held - read < 48 << 20


def test_a_body_that_is_too_long_is_refused_by_what_it_says(tap: Tap) -> None:
    small = GatewaySettings(body_bytes=1000)
    with served(tap) as instance, gateway(instance, settings=small) as url:
        said = httpx.post(f"{url}/services/shop/upload", content=bytes(1001))
    assert said.status_code == 413
    assert said.json()["type"] == "urn:rollcall:problem:payload-too-large"
    assert tap.taken == 0


def test_a_body_that_turns_out_too_long_is_refused(tap: Tap) -> None:
    small = GatewaySettings(body_bytes=1000)
    with served(tap) as instance, gateway(instance, settings=small) as url:
        pieces = iter([bytes(600), bytes(600)])
        said = httpx.post(f"{url}/services/shop/upload", content=pieces)
    assert said.status_code == 413


def test_a_caller_that_leaves_while_it_sends_ends_the_request(tap: Tap, url: str) -> None:
    host, port = url.removeprefix("http://").removesuffix("/services/shop").split(":")
    with socket.create_connection((host, int(port)), PATIENCE) as connection:
        connection.sendall(
            b"POST /services/shop/cut HTTP/1.1\r\nHost: localhost\r\nContent-Length: 9\r\n\r\none"
        )
    assert tap.left.wait(PATIENCE)


def test_an_answer_does_not_wait_for_a_body_nor_for_a_caller_that_leaves(
    tap: Tap, url: str
) -> None:
    host, port = url.removeprefix("http://").removesuffix("/services/shop").split(":")
    with socket.create_connection((host, int(port)), PATIENCE) as connection:
        connection.sendall(
            b"POST /services/shop HTTP/1.1\r\nHost: localhost\r\nContent-Length: 9\r\n\r\none"
        )
        said = b""
        while b"data: one" not in said:
            more = connection.recv(65536)
            assert more
            said += more
    tap.turned.release()
    tap.turned.release()
    assert tap.left.wait(PATIENCE)


def test_events_pass_through(tap: Tap, url: str) -> None:
    tap.kind = "text/event-stream"
    with httpx.stream("GET", url, timeout=PATIENCE) as answer:
        assert answer.headers["content-type"].startswith("text/event-stream")
        lines = answer.iter_lines()
        assert next(lines) == "data: one"
        for _ in range(3):
            tap.turned.release()


async def test_a_stream_of_events_ends_well_when_the_gateway_goes_away(tap: Tap) -> None:
    tap.kind = "text/event-stream"
    used = kit()
    with served(tap) as instance:
        deployment = Deployment(urls={"SHOP_URL": instance})
        app = create_app([gateway_of(used, deployment)], used)
        sent: asyncio.Queue[dict[str, object]] = asyncio.Queue()
        scope = {
            "type": "http",
            "asgi": {"version": "3.0"},
            "http_version": "1.1",
            "method": "GET",
            "scheme": "http",
            "path": "/services/shop",
            "raw_path": b"/services/shop",
            "query_string": b"",
            "root_path": "",
            "headers": [(b"host", b"localhost")],
            "client": ("127.0.0.1", 1),
            "server": ("127.0.0.1", 2),
            "state": {},
        }

        async def receive() -> dict[str, object]:
            await asyncio.Event().wait()
            return {}

        async with app.router.lifespan_context(app):
            asking = asyncio.create_task(app(scope, receive, sent.put))
            assert (await sent.get())["type"] == "http.response.start"
            assert b"one" in (await sent.get())["body"]
            used.drain.begin()
            await asyncio.wait_for(asking, PATIENCE)
            last = sent.get_nowait()
            assert (last["body"], last["more_body"]) == (b"", False)
        tap.turned.release(3)
