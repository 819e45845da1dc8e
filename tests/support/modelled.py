# SPDX-License-Identifier: Apache-2.0
"""`rollcall up` with a scripted model behind it, and what it wrote down of its turns."""

from __future__ import annotations

import asyncio
import threading
from collections.abc import AsyncGenerator, Callable, Iterator
from contextlib import asynccontextmanager, contextmanager
from pathlib import Path
from typing import Any

import httpx

from rollcall.backends.sql import outbox
from rollcall.backends.sql.database import Database, dialect_of
from rollcall.events.envelope import Event
from rollcall.testing.scripted_model import ScriptedModel
from support.serving import Serving, eventually, serving
from support.sse import Stream, Told

MODEL = "openai-compatible:scripted"
KEY = "sk-scripted-0123456789"
PRICED = "openai:gpt-4o"
"""A model on the price list, behind the same scripted server."""
PATIENCE = 60.0
"""Seconds that an answer may take on a busy machine."""


@contextmanager
def up_with_model(folder: Path, port: int, **variables: str) -> Iterator[Serving]:
    """`rollcall up` whose models are at a port of this machine, once its tools are there."""
    url = f"http://127.0.0.1:{port}/v1"
    settings = {
        "ROLLCALL_MODEL": MODEL,
        "ROLLCALL_MODEL_URL": url,
        "ROLLCALL_MODEL_KEY": KEY,
        "OPENAI_API_KEY": KEY,
        "OPENAI_BASE_URL": url,
        **variables,
    }
    with serving(folder, "up", **settings) as one:
        eventually('"calculate"', f"{one.talk}/api/v1/tools")
        yield one


class Talk:
    """Talks with the agent of a process.

    Args:
        client: Of the agent service.
        model: What answers.
    """

    def __init__(self, client: httpx.AsyncClient, model: ScriptedModel) -> None:
        self.client = client
        self.model = model

    async def say(self, session: str, words: str = "What is 2 + 3?", **more: str) -> httpx.Response:
        """Say something, and wait for the answer."""
        asked = {"session_id": session, "user_input": words, **more}
        return await self.client.post("/api/v1/process", json=asked)

    async def begin(self, session: str, words: str = "What is 2 + 3?", **more: str) -> str:
        """Say something, and do not wait; the path of the turn."""
        asked = {"session_id": session, "user_input": words, **more}
        headers = {"Prefer": "respond-async"}
        answer = await self.client.post("/api/v1/process", json=asked, headers=headers)
        assert answer.status_code == 202, answer.text
        return answer.headers["location"]

    async def ended(self, place: str) -> dict[str, Any]:
        """A turn when it has ended."""
        async with self.client.stream("GET", f"{place}/events") as answer:
            assert answer.status_code == 200
            stream = Stream(answer)
            while await stream.next() is not None:
                pass
        return (await self.client.get(place)).json()

    @asynccontextmanager
    async def streaming(self, session: str, words: str) -> AsyncGenerator[Stream]:
        """Say something, and hear the answer as it comes."""
        asked = {"session_id": session, "user_input": words, "stream": True}
        async with self.client.stream("POST", "/api/v1/process", json=asked) as answer:
            assert answer.status_code == 200
            yield Stream(answer)

    async def heard(self, session: str, words: str) -> list[Told]:
        """Everything that a stream tells."""
        async with self.streaming(session, words) as stream:
            told: list[Told] = []
            while (event := await stream.next()) is not None:
                told.append(event)
            return told


@asynccontextmanager
async def talking(up: Serving, port: int) -> AsyncGenerator[Talk]:
    """Somebody to talk with, whose model is to be given its script."""
    async with (
        ScriptedModel(port=port) as model,
        httpx.AsyncClient(base_url=up.talk, timeout=PATIENCE) as client,
    ):
        yield Talk(client, model)


def told_of_turns(url: str) -> dict[str, list[Event]]:
    """Of every turn, the events that stand in the database at `url`."""
    return asyncio.run(_told(url))


async def _told(url: str) -> dict[str, list[Event]]:
    database = Database(dialect_of(url))
    await database.open()
    found: dict[str, list[Event]] = {}
    async with database.reading() as connection:
        position = 0
        while entries := await outbox.read(connection, position, 1000):
            position = entries[-1].position
            for entry in entries:
                if "conversation_id" in entry.event.data:
                    turn = entry.event.data["conversation_id"]
                    found.setdefault(turn, []).append(entry.event)
    await database.close()
    return found


def until(holds: Callable[[], bool], seconds: float = 30.0) -> None:
    """Return once something holds.

    Raises:
        AssertionError: It never did.
    """
    for _ in range(round(seconds / 0.05)):
        if holds():
            return
        threading.Event().wait(0.05)
    raise AssertionError("it never was so")
