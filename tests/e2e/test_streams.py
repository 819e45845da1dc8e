# SPDX-License-Identifier: Apache-2.0
"""The event streams of both registries over real sockets, from a server started as a user would."""

from __future__ import annotations

import asyncio
import contextlib
import signal
import socket
from collections.abc import AsyncIterator, Iterator
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit

import httpx
import pytest

from rollcall.kernel.clock import SystemClock
from support.raw import head
from support.serving import REGISTRIES, Serving, serving
from support.sse import Stream, stream

SUBSCRIBERS = 256
WRITES = 50
STUCK = 20
FLEET = 500
_clock = SystemClock()


def card(key: str, **more: Any) -> dict[str, Any]:
    return {"agent_id": key, "agent_name": key, "base_url": f"http://{key}:1", **more}


@pytest.fixture
async def client() -> AsyncIterator[httpx.AsyncClient]:
    limits = httpx.Limits(max_connections=None)
    async with httpx.AsyncClient(limits=limits, timeout=30) as one:
        yield one


@pytest.fixture
def server(tmp_path: Path) -> Iterator[Serving]:
    with serving(tmp_path, *REGISTRIES, ROLLCALL_STORE="memory") as one:
        yield one
        assert "Traceback" not in one.errors()


async def register(client: httpx.AsyncClient, one: Serving, *keys: str) -> None:
    for key in keys:
        answer = await client.post(f"{one.agents}/register", json=card(key))
        answer.raise_for_status()


def paths(one: Serving) -> list[str]:
    return [f"{one.agents}/events", f"{one.services}/api/v1/events"]


async def test_a_reader_that_comes_back_gets_what_it_missed_and_nothing_twice(
    client: httpx.AsyncClient, server: Serving
) -> None:
    for url in paths(server):
        keys = [f"{urlsplit(url).port}-{number}" for number in range(6)]
        async with stream(client, url) as first:
            await register(client, server, *keys[:3])
            one, *_ = seen = await first.take(3)
        assert [told.record for told in seen] == keys[:3]
        await register(client, server, *keys[3:])
        async with stream(client, url, one.id) as second:
            again = await second.take(5)
            await register(client, server, "later")
            (last,) = await second.take(1)
        assert [told.record for told in again] == keys[1:]
        assert len({told.id for told in (*seen, *again)}) == 6
        assert last.record == "later"
        await client.delete(f"{server.agents}/agents/later")


async def test_over_a_restart_nothing_is_lost_or_doubled_or_the_reader_is_told(
    client: httpx.AsyncClient, tmp_path: Path
) -> None:
    with serving(tmp_path, *REGISTRIES) as one:
        async with contextlib.AsyncExitStack() as stack:
            opened = [await stack.enter_async_context(stream(client, url)) for url in paths(one)]
            await register(client, one, "a", "b")
            seen = [await each.take(2) for each in opened]
            assert await asyncio.to_thread(one.end) == 0
            # All that was acknowledged was told before the stream ended.
            assert [await each.next() for each in opened] == [None, None]
    with serving(tmp_path, *REGISTRIES) as again:
        later: list[str] = []
        for url, (first, last) in zip(paths(again), seen, strict=True):
            later.append(f"after-{urlsplit(url).port}")
            async with stream(client, url, last.id) as caught_up:
                await register(client, again, later[-1])
                told = await caught_up.take(len(later))
            assert [each.record for each in told] == later
            assert told[0].data["revision"] == last.data["revision"] + 1
            with pytest.raises(httpx.HTTPStatusError) as refused:
                async with stream(client, url, first.id):
                    pytest.fail("what came behind it is not kept over a restart")
            answer = refused.value.response
            assert answer.status_code == 410
            assert answer.headers["content-type"] == "application/problem+json"
            assert answer.json()["type"].endswith(":compacted")


async def test_a_reader_of_another_history_is_told(
    client: httpx.AsyncClient, tmp_path: Path
) -> None:
    with serving(tmp_path / "one", *REGISTRIES) as one:
        async with stream(client, f"{one.agents}/events") as events:
            await register(client, one, "a")
            (told,) = await events.take(1)
    with serving(tmp_path / "other", *REGISTRIES) as other:
        for url in paths(other):
            with pytest.raises(httpx.HTTPStatusError, match="410"):
                async with stream(client, url, told.id):
                    pytest.fail("the id is of another store")


async def test_entries_and_exits_of_an_answer(client: httpx.AsyncClient, server: Serving) -> None:
    painter = card("painter", capabilities=[{"name": "painting"}], tags=["art"])
    await client.post(f"{server.agents}/register", json=painter)
    agents, services = paths(server)
    async with (
        stream(client, agents, watch="true", q="painting", status="active") as by_words,
        stream(client, services, watch="true", tags="art", status="healthy") as by_tag,
    ):
        for each in (by_words, by_tag):
            (there,) = await each.take(1)
            assert (there.name, there.record) == ("present", "painter")

        await register(client, server, "plumber")
        second = {**painter, "agent_id": "second"}
        await client.post(f"{server.agents}/register", json=second)
        await client.patch(f"{server.agents}/agents/painter/status", json={"status": "degraded"})
        await client.delete(f"{server.agents}/agents/second")
        await client.patch(f"{server.agents}/agents/painter/status", json={"status": "active"})

        for each in (by_words, by_tag):
            moves = [(told.name, told.record, told.data["status"]) for told in await each.take(4)]
            assert moves == [
                ("entered", "second", "active"),
                ("exited", "painter", "degraded"),
                ("exited", "second", None),
                ("entered", "painter", "active"),
            ]


async def test_every_one_of_many_subscribers_gets_every_event(
    client: httpx.AsyncClient, server: Serving
) -> None:
    keys = [f"agent-{number}" for number in range(WRITES)]
    async with contextlib.AsyncExitStack() as stack:
        opened = [
            await stack.enter_async_context(stream(client, paths(server)[number % 2]))
            for number in range(SUBSCRIBERS)
        ]
        await register(client, server, *keys)
        seen = await asyncio.gather(*(each.take(WRITES) for each in opened))
    assert len(seen) == SUBSCRIBERS
    for told in seen:
        assert [one.record for one in told] == keys


def stuck(url: str) -> socket.socket:
    """A subscriber that never reads, with as little room for what comes as can be had."""
    parts = urlsplit(url)
    connection = socket.socket()
    connection.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, 4096)
    connection.connect((parts.hostname, parts.port))
    connection.sendall(head("GET", parts.path))
    return connection


def memory(one: Serving) -> int:
    """Bytes that the server holds in memory."""
    status = Path(f"/proc/{one.process.pid}/status").read_text(encoding="ascii")
    (line,) = (line for line in status.splitlines() if line.startswith("VmRSS:"))
    return int(line.split()[1]) * 1024


async def turn(client: httpx.AsyncClient, one: Serving, rounds: range) -> None:
    """Have each of a fleet change its status once a round; long names make long events."""
    for number in rounds:
        status = "busy" if number % 2 else "active"
        fleet = [card(f"{at:03}-{'x' * 150}", status=status) for at in range(FLEET)]
        for agent in fleet:
            agent["base_url"] = "http://fleet:1"
        answer = await client.post(f"{one.agents}/register/batch", json={"agents": fleet})
        assert answer.json()["registered"] == FLEET


async def read_all(events: Stream, until: str) -> list[str | None]:
    ids: list[str | None] = []
    while (told := await events.next()) is not None:
        assert told.name != "lagged"
        ids.append(told.id)
        if told.record == until:
            break
    return ids


@pytest.mark.timeout(300)
@pytest.mark.skipif(not Path("/proc/self/status").exists(), reason="memory is told by Linux")
@pytest.mark.slow
async def test_subscribers_that_do_not_read_slow_nobody_and_cost_little_and_are_told(
    client: httpx.AsyncClient, server: Serving
) -> None:
    await turn(client, server, range(1))
    with contextlib.ExitStack() as sockets:
        silent = [
            sockets.enter_context(stuck(paths(server)[number % 2])) for number in range(STUCK)
        ]
        async with stream(client, paths(server)[0]) as diligent:
            reading = asyncio.create_task(read_all(diligent, "end"))
            await turn(client, server, range(1, 13))
            before = memory(server)
            await turn(client, server, range(13, 25))
            grown = memory(server) - before
            await register(client, server, "end")
            ids = await reading
        # Each change is told twice: that the record was registered again, and its new status.
        assert len(ids) == len(set(ids)) == 2 * 24 * FLEET + 1
        # Each of them was sent 5 MB of events meanwhile, or would have been.
        assert grown < 40 << 20
        raw = await asyncio.to_thread(_rest, silent[0])
        lagged = [block for block in raw.split("\n\n") if "event: lagged" in block]
        assert lagged, "it was not told what it missed"
        behind = raw.split("event: lagged", 1)[1].split("\n\n")[1]
        assert behind.startswith("id: ") or "\nid: " in behind
        # SIGTERM: those who never read hold nobody up.
        begun = _clock.monotonic()
        assert await asyncio.to_thread(server.end) == 0
        assert _clock.monotonic() - begun < 25


def _rest(connection: socket.socket) -> str:
    """What a subscriber gets that reads again after all, up to the event named "end"."""
    connection.settimeout(20)
    read = b""
    while b'"record_id":"end"' not in read:
        more = connection.recv(1 << 20)
        assert more, "the stream ended"
        read += more
    return read.replace(b"\r\n", b"\n").decode(errors="replace")


@pytest.mark.parametrize("number", [signal.SIGTERM, signal.SIGINT])
async def test_a_signal_ends_streams_cleanly_and_the_process_within_its_time(
    number: signal.Signals, client: httpx.AsyncClient, tmp_path: Path
) -> None:
    with serving(tmp_path, *REGISTRIES, ROLLCALL_DRAIN_SECONDS="5") as one:
        async with contextlib.AsyncExitStack() as stack:
            opened = [
                await stack.enter_async_context(stream(client, url)) for url in paths(one) * 8
            ]
            ending = asyncio.create_task(asyncio.to_thread(one.end, number))
            # A stream that is cut off instead of ended makes the client raise.
            assert [await each.next() for each in opened] == [None] * 16
            assert await ending == 0
        assert "Traceback" not in one.errors()
