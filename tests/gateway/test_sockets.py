from __future__ import annotations

from collections.abc import Iterator

import httpx
import pytest
from fastapi import FastAPI, WebSocket, WebSocketDisconnect
from starlette.types import Receive, Scope, Send
from websockets.exceptions import ConnectionClosed, InvalidStatus
from websockets.sync.client import ClientConnection, connect
from websockets.typing import Subprotocol

from rollcall.gateway.settings import GatewaySettings
from support.gateways import gateway, kit, served

PATIENCE = 20.0
RINGING = {
    "Connection": "Upgrade",
    "Upgrade": "websocket",
    "Sec-WebSocket-Version": "13",
    "Sec-WebSocket-Key": "dGhlIHNhbXBsZSBub25jZQ==",
}
left: list[int] = []
app = FastAPI()


@app.websocket("/api/shop/bell")
async def bell(socket: WebSocket) -> None:
    await socket.accept("ding" if "ding" in socket.scope["subprotocols"] else None)
    try:
        while True:
            message = await socket.receive()
            if message["type"] == "websocket.disconnect":
                left.append(message["code"])
                return
            if message.get("text") == "close":
                await socket.close(4001, "as you wish")
                return
            if message.get("text") == "who":
                await socket.send_text(socket.headers["x-forwarded-for"])
            elif message.get("bytes") is not None:
                await socket.send_bytes(message["bytes"])
            else:
                await socket.send_text(message["text"])
    except WebSocketDisconnect:
        left.append(0)


@pytest.fixture(scope="module")
def url() -> Iterator[str]:
    settings = GatewaySettings(message_bytes=1000)
    with served(app) as instance, gateway(instance, settings=settings) as url:
        yield url.replace("http:", "ws:")


@pytest.fixture
def socket(url: str) -> Iterator[ClientConnection]:
    with connect(f"{url}/api/shop/bell", open_timeout=PATIENCE, proxy=None) as found:
        yield found


def test_messages_go_both_ways(socket: ClientConnection) -> None:
    socket.send("dong")
    assert socket.recv(PATIENCE) == "dong"
    socket.send(b"\x00\x01")
    assert socket.recv(PATIENCE) == b"\x00\x01"


def test_the_service_hears_who_rings(socket: ClientConnection) -> None:
    socket.send("who")
    assert socket.recv(PATIENCE) == "127.0.0.1"


def test_the_service_says_why_it_ends(socket: ClientConnection) -> None:
    socket.send("close")
    with pytest.raises(ConnectionClosed) as closed:
        socket.recv(PATIENCE)
    assert closed.value.rcvd is not None
    assert (closed.value.rcvd.code, closed.value.rcvd.reason) == (4001, "as you wish")


def test_the_service_hears_why_the_caller_leaves(url: str) -> None:
    left.clear()
    with connect(f"{url}/api/shop/bell", open_timeout=PATIENCE, proxy=None) as socket:
        socket.send("x")
        assert socket.recv(PATIENCE) == "x"
        socket.close(4002)
    with connect(f"{url}/api/shop/bell", open_timeout=PATIENCE, proxy=None) as socket:
        socket.send("close")
        with pytest.raises(ConnectionClosed):
            socket.recv(PATIENCE)
    assert left == [4002]


def test_the_service_chooses_the_subprotocol(url: str) -> None:
    wanted = [Subprotocol("dong"), Subprotocol("ding")]
    with connect(f"{url}/api/shop/bell", subprotocols=wanted, proxy=None) as socket:
        assert socket.subprotocol == "ding"


def test_a_refusal_comes_through(url: str) -> None:
    with pytest.raises(InvalidStatus) as refused, connect(f"{url}/api/shop/none", proxy=None):
        pass
    assert refused.value.response.status_code == 403


async def elsewhere(scope: Scope, receive: Receive, send: Send) -> None:
    start = {"type": "websocket.http.response.start", "status": 307}
    await send({**start, "headers": [(b"location", scope["query_string"])]})
    await send({"type": "websocket.http.response.body", "body": b""})


@pytest.mark.parametrize(
    ("place", "shown"),
    [
        ("http://other.example/bell", "http://other.example/bell"),
        ("ws://other.example/bell", "ws://other.example/bell"),
        ("/bell", "/services/shop/bell"),
    ],
)
def test_a_caller_goes_itself_where_the_service_sends_it(place: str, shown: str) -> None:
    with served(elsewhere) as instance, gateway(instance) as url:
        said = httpx.get(f"{url}/services/shop/bell?{place}", headers=RINGING, timeout=PATIENCE)
    assert (said.status_code, said.headers["location"]) == (307, shown)


async def mirror(scope: Scope, receive: Receive, send: Send) -> None:
    said = dict(scope["headers"])[b"x-said"]
    start = {"type": "websocket.http.response.start", "status": 403}
    await send({**start, "headers": [(b"x-heard", said)]})
    await send({"type": "websocket.http.response.body", "body": b""})


@pytest.mark.parametrize("said", ["Zoë 李".encode(), b"Zo\xeb"])
def test_headers_reach_the_service_and_come_back_byte_by_byte(said: bytes) -> None:
    headers = {**{name: value.encode() for name, value in RINGING.items()}, "X-Said": said}
    with served(mirror) as instance, gateway(instance) as url:
        answer = httpx.get(f"{url}/services/shop/bell", headers=headers, timeout=PATIENCE)
    heard = [value for name, value in answer.headers.raw if name.lower() == b"x-heard"]
    assert (answer.status_code, heard) == (403, [said])


def test_a_host_that_is_none_is_refused(url: str) -> None:
    ringing = {**RINGING, "Host": "localhost:99999"}
    bell = f"{url}/api/shop/bell".replace("ws:", "http:")
    assert httpx.get(bell, headers=ringing, timeout=PATIENCE).status_code == 400


def test_a_service_that_is_nowhere_takes_no_socket() -> None:
    with (
        gateway(of=kit()) as nobody,
        pytest.raises(InvalidStatus) as refused,
        connect(nobody.replace("http:", "ws:") + "/api/shop/bell", proxy=None),
    ):
        pass
    assert refused.value.response.status_code == 503
    assert refused.value.response.headers["content-type"] == "application/problem+json"
