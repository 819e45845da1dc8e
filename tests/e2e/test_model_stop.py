# SPDX-License-Identifier: Apache-2.0
"""The agent service is asked to end while a model answers."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from pathlib import Path

import pytest_asyncio

from rollcall.testing.scripted_model import Says
from support.modelled import Talk, talking, up_with_model
from support.servers.ports import free_ports
from support.serving import Serving


@pytest_asyncio.fixture
async def both(tmp_path: Path) -> AsyncIterator[tuple[Serving, Talk]]:
    (port,) = free_ports(1)
    with up_with_model(tmp_path, port, ROLLCALL_DRAIN_SECONDS="4") as up:
        async with talking(up, port) as talk:
            yield up, talk


async def test_what_is_soon_answered_is_heard_to_its_end_and_the_rest_is_told_so(
    both: tuple[Serving, Talk],
) -> None:
    up, talk = both
    more = asyncio.Event()
    # One that is answered while the service ends, and two that never are.
    talk.model.script.append(Says("It is", more, " 5."))
    soon = asyncio.create_task(talk.heard("soon", "What is 2 + 3?"))
    await talk.model.asked(1)
    talk.model.script += [Says("I have begun", asyncio.Event())] * 2
    streamed = asyncio.create_task(talk.heard("streamed", "Go on"))
    plain = asyncio.create_task(talk.say("plain", "Go on"))
    await talk.model.asked(3)
    waiting = asyncio.create_task(talk.say("plain", "And then?"))
    await _accepted(talk, "plain", 2)

    ending = asyncio.create_task(asyncio.to_thread(up.end))
    await _refused(up)
    more.set()

    told = await soon
    assert told[-1].name == "done"
    assert told[-1].data["response"] == "It is 5."
    told = await streamed
    assert told[-1].name == "failed"
    assert told[-1].data["type"].endswith(":interrupted")
    assert told[-1].data["usage"]["estimated"]
    answer = await plain
    assert (answer.status_code, answer.headers["retry-after"]) == (503, "1")
    assert answer.json()["type"].endswith(":interrupted")
    answer = await waiting
    assert answer.status_code == 503
    assert answer.json()["type"].endswith(":closed")
    assert await ending == 0
    assert "Traceback" not in up.errors()


async def _accepted(talk: Talk, session: str, count: int) -> None:
    """Return once a session has so many turns."""
    while True:
        detail = (await talk.client.get(f"/api/v1/sessions/{session}")).json()
        if len(detail["turns"]) == count:
            return
        await asyncio.sleep(0.02)


async def _refused(up: Serving) -> None:
    """Return once no connection is taken any more: the service has begun to end."""
    host, _, port = up.talk.removeprefix("http://").partition(":")
    while True:
        try:
            _, writer = await asyncio.open_connection(host, int(port))
        except OSError:
            return
        writer.close()
        await asyncio.sleep(0.02)
