"""Answers as no good server gives them, and some that are only rare."""

from __future__ import annotations

import asyncio
import contextlib
from collections.abc import AsyncIterator, Awaitable, Callable
from random import Random

import pytest
from hypothesis import given
from hypothesis import strategies as st

from rollcall.gateway.connections import IDLE_SECONDS, Connections
from rollcall.gateway.line import ConnectionLost, Line, NotSendable, Order
from rollcall.gateway.ports import Instance
from rollcall.kernel.clock import SystemClock
from rollcall.testing.clock import FrozenClock

Act = Callable[[asyncio.StreamReader, asyncio.StreamWriter], Awaitable[None]]
GET = Order("GET", b"/", [(b"host", b"localhost")])


@contextlib.asynccontextmanager
async def instance(act: Act) -> AsyncIterator[Instance]:
    """A server that does to each connection what it is told."""

    tasks: list[asyncio.Task[None]] = []

    async def serve(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        task = asyncio.current_task()
        assert task is not None
        tasks.append(task)
        with contextlib.suppress(ConnectionError, asyncio.IncompleteReadError):
            await act(reader, writer)
        writer.close()
        with contextlib.suppress(ConnectionError):
            await writer.wait_closed()

    server = await asyncio.start_server(serve, "127.0.0.1", 0)
    async with server:
        yield Instance("it", "127.0.0.1", server.sockets[0].getsockname()[1])
        await asyncio.gather(*tasks)


def saying(*pieces: bytes, again: int = 1) -> Act:
    """Reads a head, and says that, so many times."""

    async def act(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        for _ in range(again):
            await reader.readuntil(b"\r\n\r\n")
            for piece in pieces:
                writer.write(piece)
                await writer.drain()

    return act


async def asked(act: Act, order: Order = GET) -> tuple[int, bytes]:
    connections = Connections(10, 2.0, SystemClock())
    async with instance(act) as one:
        reply = await connections.send(order, one, fresh=False)
        try:
            return reply.status, b"".join([piece async for piece in reply.pieces()])
        finally:
            reply.close()
            connections.close()


async def test_an_answer_may_end_with_its_connection() -> None:
    assert await asked(saying(b"HTTP/1.0 200 OK\r\n\r\n", b"all", b" of it")) == (200, b"all of it")


async def test_hints_before_an_answer_are_passed_over() -> None:
    hints = b"HTTP/1.1 103 Early Hints\r\nlink: </x>\r\n\r\nHTTP/1.1 100 Continue\r\n\r\n"
    answer = b"HTTP/1.1 200 OK\r\ncontent-length: 2\r\n\r\nok"
    assert await asked(saying(hints, answer)) == (200, b"ok")


async def test_a_trailer_is_not_part_of_the_answer() -> None:
    said = b"HTTP/1.1 200 OK\r\ntransfer-encoding: chunked\r\n\r\n2\r\nok\r\n0\r\nx-late: 1\r\n\r\n"
    assert await asked(saying(said)) == (200, b"ok")


@pytest.mark.parametrize("status", [b"204 No Content", b"304 Not Modified"])
async def test_some_answers_have_no_body_whatever_they_say(status: bytes) -> None:
    said = b"HTTP/1.1 " + status + b"\r\ncontent-length: 5\r\n\r\n"
    assert (await asked(saying(said)))[1] == b""


@pytest.mark.parametrize(
    "said",
    [
        b"",
        b"HTTP/1.1",
        b"SSH-2.0-OpenSSH_9.2\r\n",
        b"HTTP/1.1 200 OK\r\nbad header\r\n\r\n",
        b"HTTP/1.1 999 Odd\r\ncontent-length: 2\r\n\r\nok",
        b"HTTP/1.1 099 Odd\r\ncontent-length: 2\r\n\r\nok",
        b"HTTP/1.1 200 OK\r\ncontent-length: 5\r\n\r\nfour",
        b"HTTP/1.1 200 OK\r\ncontent-length: 1\r\ncontent-length: 2\r\n\r\n12",
        b"HTTP/1.1 200 OK\r\ntransfer-encoding: chunked\r\n\r\n5\r\nfour",
        b"HTTP/1.1 200 OK\r\ntransfer-encoding: chunked\r\n\r\nzz\r\n",
        b"HTTP/1.1 200 OK\r\n" + b"x-many: " + bytes([97]) * 100_000,
    ],
)
async def test_what_is_no_whole_answer_is_none(said: bytes) -> None:
    with pytest.raises(ConnectionLost):
        await asked(saying(said))


async def held_back() -> AsyncIterator[bytes]:
    yield b"one"
    await asyncio.Event().wait()


async def test_an_answer_that_comes_before_the_body_is_whole_does_not_wait_for_it() -> None:
    fields = [(b"host", b"localhost"), (b"transfer-encoding", b"chunked")]
    said = saying(b"HTTP/1.1 413 Too Large\r\ncontent-length: 2\r\n\r\nno")
    async with asyncio.timeout(20):
        assert await asked(said, Order("POST", b"/", fields, held_back())) == (413, b"no")


async def test_a_body_that_is_held_back_ends_with_its_connection() -> None:
    fields = [(b"host", b"localhost"), (b"content-length", b"9")]
    async with asyncio.timeout(20):
        with pytest.raises(ConnectionLost):
            await asked(saying(), Order("POST", b"/", fields, held_back()))


async def test_a_connection_is_used_again() -> None:
    heads: list[bytes] = []

    async def act(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        heads.append(b"new")
        await saying(b"HTTP/1.1 200 OK\r\ncontent-length: 2\r\n\r\nok", again=3)(reader, writer)

    connections = Connections(10, 2.0, SystemClock())
    async with instance(act) as one:
        for _ in range(3):
            reply = await connections.send(GET, one, fresh=False)
            assert [piece async for piece in reply.pieces()] == [b"ok"]
            reply.close()
        connections.close()
    assert heads == [b"new"]


@pytest.mark.parametrize(
    "said",
    [
        b"HTTP/1.1 200 OK\r\ncontent-length: 2\r\nconnection: close\r\n\r\nok",
        (
            b"HTTP/1.1 200 OK\r\ncontent-length: 2\r\n\r\nok"
            b"HTTP/1.1 404 Not Found\r\ncontent-length: 4\r\n\r\nevil"
        ),
        b"HTTP/1.1 200 OK\r\ncontent-length: 2\r\n\r\nok and more",
    ],
)
async def test_a_connection_that_says_more_than_was_asked_is_not_used_again(said: bytes) -> None:
    opened: list[int] = []

    async def act(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        opened.append(1)
        await saying(said, again=2)(reader, writer)

    connections = Connections(10, 2.0, SystemClock())
    async with instance(act) as one:
        for _ in range(2):
            try:
                reply = await connections.send(GET, one, fresh=False)
            except ConnectionLost:
                continue
            assert reply.status == 200
            with contextlib.suppress(ConnectionLost):
                assert [piece async for piece in reply.pieces()] == [b"ok"]
            reply.close()
        connections.close()
    assert len(opened) == 2


async def test_what_one_caller_did_not_read_is_not_given_to_the_next() -> None:
    said = iter([b"mine", b"your"])

    async def act(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        while True:
            await reader.readuntil(b"\r\n\r\n")
            writer.write(b"HTTP/1.1 200 OK\r\ncontent-length: 4\r\n\r\n" + next(said))

    connections = Connections(10, 2.0, SystemClock())
    async with instance(act) as one:
        # All of it has come, and who asked has gone.
        (await connections.send(GET, one, fresh=False)).close()
        reply = await connections.send(GET, one, fresh=False)
        assert b"".join([piece async for piece in reply.pieces()]) == b"your"
        reply.close()
        connections.close()


@given(st.data(), st.integers(0, 2**32))
def test_an_answer_reads_alike_in_whatever_pieces_it_comes(data: st.DataObject, seed: int) -> None:
    body = Random(seed).randbytes(data.draw(st.integers(0, 300)))
    if data.draw(st.booleans()):
        size = data.draw(st.integers(1, 50))
        chunks = [body[at : at + size] for at in range(0, len(body), size)]
        framed = b"".join(b"%x\r\n%b\r\n" % (len(one), one) for one in chunks) + b"0\r\n\r\n"
        said = b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\nX-One: 1\r\n\r\n" + framed
    else:
        said = b"HTTP/1.1 200 OK\r\nX-One: 1\r\nContent-Length: %d\r\n\r\n%b" % (len(body), body)
    cuts = sorted(data.draw(st.lists(st.integers(0, len(said)), max_size=8)))
    ends = [*cuts, len(said)]

    async def read() -> bytes:
        line = Line()
        line.connection_made(_Nowhere())
        asking = asyncio.create_task(line.ask(GET))
        await asyncio.sleep(0)
        for start, end in zip([0, *cuts], ends, strict=True):
            if end > start:
                line.data_received(said[start:end])
        await asking
        assert (line.status, (b"x-one", b"1") in line.fields) == (200, True)
        found = b"".join([piece async for piece in line.pieces()])
        assert line.fit
        return found

    assert asyncio.run(read()) == body


def test_it_works_on_the_loop_that_services_run_on() -> None:
    uvloop = pytest.importorskip("uvloop")
    body = bytes(3 << 20)
    said = b"HTTP/1.1 200 OK\r\ncontent-length: %d\r\n\r\n" % len(body)
    with asyncio.Runner(loop_factory=uvloop.new_event_loop) as runner:
        assert runner.run(asked(saying(said, body))) == (200, body)


class _Nowhere(asyncio.Transport):
    """Takes whatever is written."""

    def write(self, data: bytes | bytearray | memoryview) -> None:
        pass

    def abort(self) -> None:
        pass


@pytest.mark.parametrize(
    "order",
    [
        Order("GET", b"/a b", []),
        Order("GET", b"/\r\n", []),
        Order("G T", b"/", []),
        Order("GET", b"/", [(b"x", b"1\r\nx-two: 2")]),
        Order("GET", b"/", [(b"x", b"1\nx-two: 2")]),
        Order("GET", b"", []),
    ],
)
def test_a_request_that_would_end_early_is_not_sent(order: Order) -> None:
    with pytest.raises(NotSendable):
        order.head()


async def test_nothing_is_kept_of_an_instance_that_nobody_asks_any_more() -> None:
    clock, ended = FrozenClock(), asyncio.Event()
    connections = Connections(10, 2.0, clock)
    ok = saying(b"HTTP/1.1 200 OK\r\ncontent-length: 0\r\n\r\n")

    async def until_it_ends(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        await ok(reader, writer)
        assert await reader.read() == b""
        ended.set()

    async with instance(until_it_ends) as gone, instance(ok) as other:
        (await connections.send(GET, gone, fresh=False)).close()
        await clock.advance(IDLE_SECONDS + 1)
        (await connections.send(GET, other, fresh=False)).close()
        async with asyncio.timeout(10):
            await ended.wait()
        connections.close()
