from __future__ import annotations

import asyncio
import json
from collections.abc import AsyncIterator, Sequence
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from rollcall.kernel.errors import InvalidInput
from rollcall.registry.events import Event, EventType
from rollcall.registry.feed import Feed, Position
from rollcall.testing.clock import FrozenClock
from rollcall.web.drain import Drain
from rollcall.web.sse import (
    EventStream,
    ServerEvent,
    encoded,
    event_id,
    lagged,
    parse_event_id,
    registry_events,
)


class Client:
    """Reads a stream at its own pace, and may leave."""

    def __init__(self) -> None:
        self.heard = b""
        self.started: dict[str, Any] = {}
        self.ended = False
        self.reads = asyncio.Event()
        self.reads.set()
        self._left = asyncio.Event()

    def leave(self) -> None:
        self._left.set()

    async def receive(self) -> dict[str, Any]:
        await self._left.wait()
        return {"type": "http.disconnect"}

    async def send(self, message: Any) -> None:
        await self.reads.wait()
        if message["type"] == "http.response.start":
            self.started = message
        else:
            self.heard += message["body"]
            self.ended = not message["more_body"]

    @property
    def events(self) -> list[bytes]:
        """What it heard, without the first line, which is about coming back."""
        return self.heard.split(b"\n\n")[1:-1]


class Source:
    """Sends what it is given, and knows whether it was closed."""

    def __init__(self) -> None:
        self.queue: asyncio.Queue[ServerEvent | Exception | None] = asyncio.Queue()
        self.closed = False

    async def events(self) -> AsyncIterator[ServerEvent]:
        try:
            while (one := await self.queue.get()) is not None:
                if isinstance(one, Exception):
                    raise one
                yield one
        finally:
            self.closed = True


class Stream:
    """A client, a source, and what is between them."""

    def __init__(self, clock: FrozenClock) -> None:
        self.client, self.source, self.drain = Client(), Source(), Drain()
        # Kept, so that no garbage collection closes the source in its stead.
        self.answer = EventStream(self.source.events(), clock, self.drain, heartbeat=15)
        running = self.answer({"type": "http"}, self.client.receive, self.client.send)
        self.task: asyncio.Task[None] = asyncio.ensure_future(running)

    def say(self, *data: str) -> None:
        for one in data:
            self.source.queue.put_nowait(ServerEvent(one.encode()))


@pytest.fixture
async def stream(clock: FrozenClock) -> AsyncIterator[Stream]:
    made = Stream(clock)
    await clock.settle()
    yield made
    made.task.cancel()
    await asyncio.gather(made.task, return_exceptions=True)


async def test_a_stream_begins_before_there_is_anything_to_say(stream: Stream) -> None:
    headers = dict(stream.client.started["headers"])

    assert headers[b"content-type"] == b"text/event-stream; charset=utf-8"
    assert headers[b"cache-control"] == b"no-store"
    assert b"content-length" not in headers
    assert stream.client.heard == b"retry: 2000\n\n"


async def test_who_could_not_come_back_is_not_asked_to(clock: FrozenClock) -> None:
    client, source, drain = Client(), Source(), Drain()
    source.queue.put_nowait(None)
    answer = EventStream(source.events(), clock, drain, retry=None)
    await answer({"type": "http"}, client.receive, client.send)

    assert client.heard == b""
    assert client.ended


async def test_events_come_in_order_as_they_happen(stream: Stream, clock: FrozenClock) -> None:
    stream.say("one")
    await clock.settle()
    assert stream.client.events == [b"data: one"]

    stream.say("two", "three")
    await clock.settle()
    assert stream.client.events == [b"data: one", b"data: two", b"data: three"]


async def test_a_silent_stream_shows_that_it_is_alive(stream: Stream, clock: FrozenClock) -> None:
    await clock.advance(14)
    assert stream.client.events == []
    await clock.advance(1)
    assert stream.client.events == [b": heartbeat"]
    await clock.advance(30)
    assert stream.client.events == [b": heartbeat"] * 3


async def test_a_stream_that_speaks_needs_no_heartbeat(stream: Stream, clock: FrozenClock) -> None:
    for _ in range(3):
        await clock.advance(10)
        stream.say("x")
        await clock.settle()

    assert stream.client.events == [b"data: x"] * 3


async def test_when_the_client_leaves_the_source_is_closed(
    stream: Stream, clock: FrozenClock
) -> None:
    stream.client.leave()
    await clock.settle()

    assert stream.task.done()
    assert stream.source.closed
    assert not stream.client.ended


async def test_when_the_service_drains_the_stream_ends_in_order(
    stream: Stream, clock: FrozenClock
) -> None:
    stream.say("last words")
    await clock.settle()
    stream.drain.begin()
    await clock.settle()

    assert stream.task.done()
    assert stream.source.closed
    assert stream.client.ended
    assert stream.client.events == [b"data: last words"]


async def test_a_stream_that_has_said_all_ends(stream: Stream, clock: FrozenClock) -> None:
    stream.say("bye")
    stream.source.queue.put_nowait(None)
    await clock.settle()

    assert stream.task.done()
    assert stream.client.ended
    assert stream.client.events == [b"data: bye"]


async def test_a_source_that_breaks_breaks_the_stream(stream: Stream, clock: FrozenClock) -> None:
    stream.source.queue.put_nowait(ConnectionError("lost the feed"))
    await clock.settle()

    with pytest.raises(ConnectionError, match="lost the feed"):
        await stream.task
    assert not stream.client.ended


async def test_while_the_client_does_not_read_the_source_is_not_read(
    stream: Stream, clock: FrozenClock
) -> None:
    stream.client.reads.clear()
    stream.say("one", "two", "three")
    await clock.settle()
    assert stream.source.queue.qsize() == 2

    stream.client.reads.set()
    await clock.settle()
    assert stream.client.events == [b"data: one", b"data: two", b"data: three"]


async def test_a_client_that_neither_reads_nor_stays_leaves_nothing_behind(
    stream: Stream, clock: FrozenClock
) -> None:
    stream.client.reads.clear()
    stream.say("one", "two")
    await clock.settle()
    stream.client.leave()
    await clock.settle()

    assert stream.task.done()
    assert stream.source.closed


def event(number: int, *, namespace: str = "default") -> Event:
    return Event(
        EventType.REGISTERED, namespace, f"a{number}", "", 0.0, number, 0, f"op-{number}", "test"
    )


async def feed_stream(
    feed: Feed, clock: FrozenClock, client: Client, after: Position | None = None
) -> asyncio.Task[None]:
    subscription = feed.subscribe(after=after, namespace="default")
    stream = EventStream(registry_events(subscription, feed.epoch), clock, Drain())
    task: asyncio.Task[None] = asyncio.ensure_future(
        stream({"type": "http"}, client.receive, client.send)
    )
    await clock.settle()
    return task


def parsed(events: Sequence[bytes]) -> list[dict[str, str]]:
    return [dict(line.split(": ", 1) for line in one.decode().split("\n")) for one in events]


async def test_the_registrys_feed_is_told_with_ids_to_resume_from(clock: FrozenClock) -> None:
    feed, client = Feed("e1", 0), Client()
    task = await feed_stream(feed, clock, client)
    feed.publish([event(1), event(2, namespace="other"), event(3)])
    await clock.settle()
    client.leave()
    await task

    first, second = parsed(client.events)
    assert (first["id"], first["event"]) == ("e1:1:0", "registered")
    assert json.loads(first["data"])["id"] == "a1"
    assert second["id"] == "e1:3:0"

    again = Client()
    resumed = await feed_stream(feed, clock, again, parse_event_id(first["id"]))
    again.leave()
    await resumed
    assert [one["id"] for one in parsed(again.events)] == ["e1:3:0"]


async def test_a_client_that_is_too_slow_is_told_how_much_it_missed(clock: FrozenClock) -> None:
    feed, slow, quick = Feed("e1", 0, keep=3), Client(), Client()
    tasks = [await feed_stream(feed, clock, slow), await feed_stream(feed, clock, quick)]
    slow.reads.clear()
    for number in range(1, 11):
        feed.publish([event(number)])
        await clock.settle()
    slow.reads.set()
    await clock.settle()

    heard = parsed(slow.events)
    # The first was on its way already; of the nine behind it three are kept.
    assert [one["event"] for one in heard] == ["registered", "lagged", *["registered"] * 3]
    assert json.loads(heard[1]["data"]) == {"missed": 6}
    assert "id" not in heard[1]
    assert len(quick.events) == 10
    for client, task in ((slow, tasks[0]), (quick, tasks[1])):
        client.leave()
        await task


async def test_a_closed_feed_ends_its_streams(clock: FrozenClock) -> None:
    feed, client = Feed("e1", 0), Client()
    task = await feed_stream(feed, clock, client)
    feed.close()
    await task

    assert client.ended


@given(
    st.text("abcdef0123456789-", min_size=1, max_size=40),
    st.integers(0, 10**17),
    st.integers(-1, 10**8),
)
def test_an_id_names_its_position(epoch: str, revision: int, ordinal: int) -> None:
    position = Position(epoch, revision, ordinal)

    assert parse_event_id(event_id(position)) == position


@pytest.mark.parametrize(
    "text", ["", "e1", "e1:1", ":1:0", "e1:x:0", "e1:1:-2", "e1:1:0:0", "e1:\u0661:0", "9" * 5000]
)
def test_what_is_no_id_of_ours_is_refused(text: str) -> None:
    with pytest.raises(InvalidInput, match="Last-Event-ID"):
        parse_event_id(text)


@pytest.mark.parametrize(
    ("made", "wire"),
    [
        (ServerEvent(b"hi"), b"data: hi\n\n"),
        (ServerEvent(b""), b"data: \n\n"),
        (ServerEvent(b"hi", "greeting", "7"), b"id: 7\nevent: greeting\ndata: hi\n\n"),
        (ServerEvent(b"a\nb\r\nc\rd"), b"data: a\ndata: b\ndata: c\ndata: d\n\n"),
        (lagged(3), b'event: lagged\ndata: {"missed":3}\n\n'),
    ],
)
def test_an_event_goes_over_the_wire_as_the_standard_says(made: ServerEvent, wire: bytes) -> None:
    assert encoded(made) == wire


@pytest.mark.parametrize("bad", ["a\nb", "a\rb", "a\0b"])
def test_an_id_or_a_type_cannot_smuggle_in_another_event(bad: str) -> None:
    with pytest.raises(ValueError, match="one line"):
        encoded(ServerEvent(b"x", id=bad))
    with pytest.raises(ValueError, match="one line"):
        encoded(ServerEvent(b"x", event=bad))


@given(st.binary())
def test_data_never_leaves_its_event(data: bytes) -> None:
    wire = encoded(ServerEvent(data))

    lines = wire.removesuffix(b"\n\n").split(b"\n")
    assert all(line.startswith(b"data: ") for line in lines)
    assert b"\r" not in wire
