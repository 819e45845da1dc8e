# SPDX-License-Identifier: Apache-2.0
from __future__ import annotations

import asyncio
import socket
from collections.abc import AsyncGenerator, AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path

import httpx
import pytest_asyncio
import uvicorn

from rollcall.backends.sql.database import Database, dialect_of
from rollcall.kernel.clock import SystemClock
from support.dashboards import NUMBERS, House, answered
from support.hosting import Server
from support.sse import stream


@pytest_asyncio.fixture
async def live(tmp_path: Path) -> AsyncIterator[House]:
    """A dashboard in real time."""
    database = Database(dialect_of(f"sqlite:///{tmp_path}/rollcall.db"))
    await database.open()
    yield House(database, SystemClock())
    await database.close()


@asynccontextmanager
async def hosted(house: House) -> AsyncGenerator[str]:
    """The URL of a dashboard behind a real socket."""
    app = house.app()
    with socket.create_server(("127.0.0.1", 0)) as listening:
        server = Server(uvicorn.Config(app, log_config=None, lifespan="off"))
        async with app.router.lifespan_context(app):
            serving = asyncio.create_task(server.serve([listening]))
            yield f"http://127.0.0.1:{listening.getsockname()[1]}"
            server.should_exit = True
            await serving


async def test_a_browser_follows_comes_back_and_is_let_go_at_the_end(live: House) -> None:
    async with hosted(live) as url, httpx.AsyncClient() as client:
        where = f"{url}/api/dashboard/stream"
        async with stream(client, where) as first:
            (numbers,) = await first.take(1)
            assert (numbers.name, numbers.data["total_tokens"]) == ("summary", 3400)
            await live.happens(answered(1))
            live.told.answers["analytics", "/api/dashboard/summary"] = {
                **NUMBERS,
                "total_tokens": 9,
            }
            async with asyncio.timeout(1.0):
                told = await first.take(2)
            assert {one.name for one in told} == {"activity", "summary"}
            assert told[-1].id == "1"
        await live.happens(answered(2), answered(3))
        async with stream(client, where, after=told[-1].id) as second:
            missed = [one for one in await second.take(3) if one.name == "activity"]
            assert [one.id for one in missed] == ["2", "3"]
            live.drain.begin()
            assert await second.next() is None


async def test_more_readers_than_there_may_be_are_refused(live: House) -> None:
    async with hosted(live) as url, httpx.AsyncClient() as client:
        where = f"{url}/api/dashboard/stream"
        async with stream(client, where), stream(client, where), stream(client, where):
            refused = await client.get(where)
            assert (refused.status_code, refused.json()["limit"]) == (503, 3)
        # Who has left is noticed by the server a moment later.
        for _ in range(500):
            if not live.changes.readers:
                break
            await asyncio.sleep(0.01)
        assert live.changes.readers == 0
