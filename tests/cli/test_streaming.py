from __future__ import annotations

import asyncio
import contextlib
from collections import deque
from collections.abc import AsyncGenerator, AsyncIterator, Callable
from random import Random

import httpx
import pytest

from rollcall.cli.streaming import PAUSE, lasting
from rollcall.client.connection import Connection
from rollcall.client.errors import RegistryUnavailable
from rollcall.kernel.errors import Compacted
from rollcall.policies.retry import RetryPolicy
from rollcall.testing.clock import FrozenClock

GONE = {
    "type": "urn:rollcall:problem:compacted",
    "title": "gone",
    "asked": 1,
    "oldest": 9,
}
Opened = Callable[[str | None], contextlib.AbstractAsyncContextManager[list[str]]]


class Registry(httpx.AsyncBaseTransport):
    """Answers a stream with the next of what is laid ready; then it is away."""

    def __init__(self) -> None:
        self.answers: deque[httpx.Response] = deque()
        self.asked_after: list[str | None] = []

    async def handle_async_request(self, request: httpx.Request) -> httpx.Response:
        self.asked_after.append(request.headers.get("last-event-id"))
        if not self.answers:
            raise httpx.ConnectError("refused")
        return self.answers.popleft()

    def streams(self, *ids: str) -> None:
        """Have the next stream bring events with these ids, and end."""
        text = "".join(f"id: {one}\nevent: updated\ndata: {{}}\n\n" for one in ids)
        self.answers.append(httpx.Response(200, text=text))


@pytest.fixture
def registry() -> Registry:
    return Registry()


@pytest.fixture
def clock() -> FrozenClock:
    return FrozenClock()


@pytest.fixture
async def connection(registry: Registry, clock: FrozenClock) -> AsyncIterator[Connection]:
    one = Connection(
        "http://registry:8009",
        api_key="",
        timeout=10,
        retry=RetryPolicy(max_retries=0),
        clock=clock,
        rng=Random(1),
        transport=registry,
    )
    yield one
    await one.close()


@pytest.fixture
def opened(connection: Connection, clock: FrozenClock) -> Opened:
    """Follows a stream in the background; the ids of what came."""

    @contextlib.asynccontextmanager
    async def following(after: str | None) -> AsyncGenerator[list[str]]:
        came: list[str] = []

        async def follow() -> None:
            async for event in lasting(connection, "/events", {}, after, clock):
                came.append(event.id or "")  # noqa: PERF401 - it is read while it grows

        task = asyncio.create_task(follow())
        try:
            await clock.settle()
            yield came
            if task.done():
                task.result()
        finally:
            task.cancel()
            with contextlib.suppress(asyncio.CancelledError, RegistryUnavailable, Compacted):
                await task

    return following


async def test_a_stream_that_the_registry_ends_goes_on_when_it_is_back(
    registry: Registry, clock: FrozenClock, opened: Opened, capsys: pytest.CaptureFixture[str]
) -> None:
    registry.streams("e:1:0", "e:2:0")
    async with opened(None) as came:
        assert came == ["e:1:0", "e:2:0"]
        await clock.advance(5 * PAUSE)
        assert came == ["e:1:0", "e:2:0"]
        registry.streams("e:3:0")
        await clock.advance(PAUSE)
        assert came == ["e:1:0", "e:2:0", "e:3:0"]
    assert registry.asked_after[0] is None
    assert set(registry.asked_after[1:-1]) == {"e:2:0"}
    # Once for each time that it went away, however often it is looked for.
    assert capsys.readouterr().err.count("waiting") == 2


async def test_what_was_lost_while_the_registry_was_away_is_said(
    registry: Registry, clock: FrozenClock, opened: Opened, capsys: pytest.CaptureFixture[str]
) -> None:
    registry.streams("e:1:0")
    registry.answers.append(httpx.Response(410, json=GONE))
    registry.streams("f:1:0")
    async with opened(None) as came:
        await clock.advance(PAUSE)
        assert came == ["e:1:0", "f:1:0"]
    assert registry.asked_after[:3] == [None, "e:1:0", None]
    assert "some events were missed" in capsys.readouterr().err


async def test_a_registry_that_was_never_there_is_not_waited_for(opened: Opened) -> None:
    with pytest.raises(RegistryUnavailable):
        async with opened(None) as came:
            assert came == []


async def test_what_is_no_longer_kept_cannot_be_gone_on_behind(
    registry: Registry, opened: Opened
) -> None:
    registry.answers.append(httpx.Response(410, json=GONE))
    with pytest.raises(Compacted):
        async with opened("e:1:0") as came:
            assert came == []
