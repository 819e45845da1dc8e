# SPDX-License-Identifier: Apache-2.0
"""The short way on real connections: order, pieces, ends, and what uvicorn keeps for itself."""

from __future__ import annotations

import asyncio
import contextlib
import socket
import threading
from collections.abc import Iterator

import pytest
import uvicorn
from fastapi import APIRouter, Request

from rollcall.kernel.caller import READ, REGISTER, Caller
from rollcall.web.drain import DrainingServer
from rollcall.web.express import Done, ExpressRoute, Work
from rollcall.web.express_http import HEAD_BYTES, PATIENCE, protocol
from rollcall.web.module import Kit, Module, create_app, express_of

READY = 30.0


class Held:
    """A write that waits until it is let go."""

    def __init__(self) -> None:
        self.begun = threading.Event()
        self.go = threading.Event()

    def write(self, caller: Caller, argument: str, query: bytes, body: bytes) -> Work | None:
        if not body:
            return None

        async def work() -> Done:
            self.begun.set()
            await asyncio.to_thread(self.go.wait, READY)
            return Done(b'"written"')

        return Work(work)


def echo(caller: Caller, argument: str, query: bytes, body: bytes) -> bytes | None:
    return b'"%b%d"' % (query, len(body)) if query != b"decline" else None


@pytest.fixture
def held() -> Iterator[Held]:
    made = Held()
    yield made
    made.go.set()


@pytest.fixture
def server(kit: Kit, held: Held) -> Iterator[DrainingServer]:
    with serving(kit, held, PATIENCE) as running:
        yield running


@contextlib.contextmanager
def serving(kit: Kit, held: Held, patience: float) -> Iterator[DrainingServer]:
    router = APIRouter()

    @router.post("/echo")
    @router.get("/echo")
    async def _ordinary(request: Request) -> str:
        return f"ordinary {request.url.query}"

    module = Module(
        "things",
        routers=[router],
        express=[
            ExpressRoute("GET", "/echo", READ, echo),
            ExpressRoute("POST", "/echo", READ, echo),
            ExpressRoute("POST", "/write", REGISTER, held.write),
        ],
    )
    app = create_app([module], kit)
    listening = socket.create_server(("127.0.0.1", 0))
    config = uvicorn.Config(
        app,
        http=protocol({listening.getsockname()[1]: express_of(app)}, patience),
        log_config=None,
        lifespan="off",
        server_header=False,
        date_header=False,
        timeout_keep_alive=1,
        timeout_graceful_shutdown=10,
    )
    running = DrainingServer(config, kit.drain)
    running.listening = listening  # type: ignore[attr-defined]
    thread = threading.Thread(target=lambda: asyncio.run(running.serve([listening])))
    thread.start()
    with contextlib.closing(listening):
        yield running
        held.go.set()
        running.should_exit = True
        thread.join(READY)
        assert not thread.is_alive()


class Connection:
    """A client that sends what it is told, byte by byte if need be."""

    def __init__(self, server: DrainingServer) -> None:
        port: int = server.listening.getsockname()[1]  # type: ignore[attr-defined]
        self.socket = socket.create_connection(("127.0.0.1", port), timeout=READY)
        self.socket.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
        self._left = b""

    def send(self, text: bytes, *, piece: int | None = None) -> None:
        for start in range(0, len(text), piece or len(text)):
            self.socket.sendall(text[start : start + (piece or len(text))])

    def answer(self) -> tuple[int, bytes]:
        """The next answer's status and content."""
        while b"\r\n\r\n" not in self._left:
            self._more()
        head, _, self._left = self._left.partition(b"\r\n\r\n")
        lines = head.lower().split(b"\r\n")
        (length,) = (int(one.split(b":")[1]) for one in lines if one.startswith(b"content-length"))
        while len(self._left) < length:
            self._more()
        content, self._left = self._left[:length], self._left[length:]
        return int(head.split()[1]), content

    def ended(self) -> bool:
        """Whether nothing comes any more."""
        try:
            return self.socket.recv(1) == b""
        except ConnectionResetError:
            # It ended with something of ours unread.
            return True

    def close(self) -> None:
        self.socket.close()

    def _more(self) -> None:
        received = self.socket.recv(65536)
        assert received, "the connection ended before the answer"
        self._left += received


@pytest.fixture
def connection(server: DrainingServer) -> Iterator[Connection]:
    with contextlib.closing(Connection(server)) as made:
        yield made


def get(query: str, *headers: str, version: str = "1.1") -> bytes:
    lines = [f"GET /echo?{query} HTTP/{version}", "Host: localhost", *headers]
    return ("\r\n".join(lines) + "\r\n\r\n").encode()


def post(path: str, body: bytes, *headers: str) -> bytes:
    lines = [f"POST {path} HTTP/1.1", "Host: localhost", "Content-Type: application/json"]
    lines += [f"Content-Length: {len(body)}", *headers]
    return ("\r\n".join(lines) + "\r\n\r\n").encode() + body


def test_many_requests_on_one_connection_are_answered_in_order(connection: Connection) -> None:
    for number in range(20):
        connection.send(get(str(number)) if number % 3 else get("decline"))
        expected = b'"%d0"' % number if number % 3 else b'"ordinary decline"'
        assert connection.answer() == (200, expected)


def test_requests_that_come_at_once_are_answered_in_order(connection: Connection) -> None:
    asked = [get("a"), post("/echo?b", b"12345"), get("decline"), get("c"), get("d")]
    connection.send(b"".join(asked))
    answers = [connection.answer()[1] for _ in asked]
    # Once one takes the ordinary way, those that wait behind it do so too.
    ordinary = [b'"ordinary decline"', b'"ordinary c"', b'"ordinary d"']
    assert answers == [b'"a0"', b'"b5"', *ordinary]
    connection.send(get("e"))
    assert connection.answer()[1] == b'"e0"'


def test_a_request_behind_one_that_waits_is_answered_after_it(
    connection: Connection, held: Held
) -> None:
    connection.send(post("/write", b"1") + get("a"))
    assert held.begun.wait(READY)
    held.go.set()
    assert [connection.answer()[1] for _ in range(2)] == [b'"written"', b'"ordinary a"']


@pytest.mark.parametrize("piece", [1, 7])
def test_a_request_may_come_in_pieces(connection: Connection, piece: int) -> None:
    connection.send(post("/echo?x", b'{"a": 1}'), piece=piece)
    assert connection.answer() == (200, b'"x8"')
    connection.send(post("/echo?decline", b'{"a": 1}'), piece=piece)
    assert connection.answer() == (200, b'"ordinary decline"')


def test_a_declined_body_is_given_to_the_ordinary_way_whole(connection: Connection) -> None:
    connection.send(post("/echo?decline", b"[" * 100))
    status, content = connection.answer()
    assert status == 422
    assert b"nested" in content


def test_a_body_beyond_the_limit_is_refused(connection: Connection, kit: Kit) -> None:
    connection.send(post("/echo?x", b" " * (kit.limits.body_bytes + 1)))
    assert connection.answer()[0] == 413
    assert connection.ended()


def test_a_chunked_body_takes_the_ordinary_way(connection: Connection) -> None:
    head = "POST /echo HTTP/1.1\r\nHost: localhost\r\nContent-Type: application/json\r\n"
    connection.send(f"{head}Transfer-Encoding: chunked\r\n\r\n2\r\n12\r\n0\r\n\r\n".encode())
    assert connection.answer() == (200, b'"ordinary "')


def test_a_client_that_asks_for_the_end_gets_it(connection: Connection) -> None:
    connection.send(get("a", "Connection: close"))
    assert connection.answer() == (200, b'"ordinary a"')
    assert connection.ended()


def test_http_1_0_takes_the_ordinary_way(connection: Connection) -> None:
    connection.send(get("a", "Connection: keep-alive", version="1.0"))
    assert connection.answer() == (200, b'"ordinary a"')


def test_what_is_no_http_is_refused(connection: Connection) -> None:
    connection.send(b"nonsense\r\n\r\n")
    assert connection.socket.recv(12) == b"HTTP/1.1 400"


def test_an_idle_connection_is_closed(connection: Connection) -> None:
    connection.send(get("a"))
    connection.answer()
    assert connection.ended()


def test_an_idle_connection_is_closed_after_a_mixture(connection: Connection) -> None:
    for query in ("a", "decline", "b"):
        connection.send(get(query))
        connection.answer()
    assert connection.ended()


def test_a_write_that_has_begun_is_answered_before_the_server_ends(
    server: DrainingServer, connection: Connection, held: Held
) -> None:
    connection.send(post("/write", b"1"))
    assert held.begun.wait(READY)
    server.should_exit = True
    held.go.set()
    assert connection.answer() == (200, b'"written"')
    assert connection.ended()


def test_a_client_that_leaves_in_the_middle_disturbs_nobody(
    server: DrainingServer, connection: Connection
) -> None:
    gone = Connection(server)
    gone.send(post("/echo?x", b"123456789")[:-4])
    gone.socket.close()
    connection.send(get("a"))
    assert connection.answer() == (200, b'"a0"')


HEAD = b"GET /echo?n=1 HTTP/1.1\r\nHost: localhost\r\n"


@pytest.mark.parametrize(
    "part",
    [
        pytest.param(b"", id="nothing"),
        pytest.param(HEAD, id="half a head"),
        pytest.param(b"\r\n", id="no beginning"),
        pytest.param(HEAD + b"\r\n" + HEAD, id="half a second one"),
        pytest.param(
            b"POST /echo HTTP/1.1\r\nHost: localhost\r\nContent-Length: 9\r\n\r\nhalf",
            id="half a body of the short way",
        ),
    ],
)
def test_a_connection_over_which_no_request_comes_is_closed(
    kit: Kit, held: Held, part: bytes
) -> None:
    with serving(kit, held, 0.1) as server, contextlib.closing(Connection(server)) as connection:
        if part:
            connection.send(part)
        if HEAD + b"\r\n" in part:
            assert connection.answer() == (200, b'"n=10"')
        assert connection.ended()


def test_a_request_may_be_worked_on_for_longer_than_it_may_take_to_come(
    kit: Kit, held: Held
) -> None:
    with serving(kit, held, 0.1) as server, contextlib.closing(Connection(server)) as connection:
        connection.send(post("/write", b"1"))
        assert held.begun.wait(READY)
        connection.socket.settimeout(0.5)
        with pytest.raises(TimeoutError):
            connection.socket.recv(1)
        connection.socket.settimeout(READY)
        held.go.set()
        assert connection.answer() == (200, b'"written"')


def test_a_head_without_an_end_is_cut_off(connection: Connection) -> None:
    with contextlib.suppress(OSError):
        connection.send(HEAD + b"X-Long: " + bytes([120]) * (2 * HEAD_BYTES))
    assert connection.ended()
