from __future__ import annotations

import json
from collections.abc import AsyncIterator
from random import Random
from typing import Any

import httpx
import pytest

from rollcall.cli.talking import Between, called, cost, said
from rollcall.client.connection import Connection
from rollcall.client.errors import RegistryUnavailable
from rollcall.kernel.clock import SystemClock
from rollcall.policies.retry import RetryPolicy

EVENTS = [("accepted", {}), ("started", {}), ("text", {"text": "a"}), ("text", {"text": "b"})]


class Broken(httpx.AsyncByteStream):
    """Some events, and then the connection breaks, or ends as it should."""

    def __init__(self, events: list[tuple[str, Any]], *, breaks: bool) -> None:
        self._events = events
        self._breaks = breaks

    async def __aiter__(self) -> AsyncIterator[bytes]:
        for name, data in self._events:
            yield f"event: {name}\ndata: {json.dumps(data)}\n\n".encode()
        if self._breaks:
            raise httpx.ReadError("cut")


class Service(httpx.AsyncBaseTransport):
    """Takes a message, and tells of it as it was told to."""

    def __init__(self, *streams: Broken) -> None:
        self.streams = list(streams)
        self.bodies: list[Any] = []

    async def handle_async_request(self, request: httpx.Request) -> httpx.Response:
        if request.method == "POST":
            self.bodies.append(json.loads(request.content))
            assert request.headers["prefer"] == "respond-async"
            return httpx.Response(202, json={"turn_id": "turn_1"})
        assert request.url.raw_path == b"/api/v1/sessions/a%20b/turns/turn_1/events"
        return httpx.Response(200, stream=self.streams.pop(0))


async def told(service: Service) -> tuple[Any, list[str]]:
    connection = Connection(
        "http://agent:3004",
        api_key="",
        timeout=10,
        retry=RetryPolicy(max_retries=2, initial_delay=0.001),
        clock=SystemClock(),
        rng=Random(1),
        transport=service,
    )
    heard: list[str] = []
    try:
        ending = await said(
            connection,
            "a b",
            "hi",
            Between(agent="clerk", user="ada"),
            lambda name, data: heard.append(data.get("text", name)),
        )
    finally:
        await connection.close()
    return ending, heard


async def test_over_a_connection_that_breaks_nothing_is_told_twice() -> None:
    whole = [*EVENTS, ("text", {"text": "c"}), ("done", {"response": "abc"})]
    service = Service(Broken(EVENTS, breaks=True), Broken(whole, breaks=False))

    ending, heard = await told(service)

    assert heard == ["accepted", "started", "a", "b", "c"]
    assert (ending.name, ending.data) == ("done", {"response": "abc"})
    (body,) = service.bodies
    assert len(body["idempotency_key"]) == 24
    assert (body["agent_id"], body["user_id"]) == ("clerk", "ada")


async def test_a_service_that_goes_away_says_where_the_answer_will_be() -> None:
    with pytest.raises(RegistryUnavailable, match="it will be in session a b"):
        await told(Service(Broken(EVENTS, breaks=False)))


def test_arguments_are_shown_in_short() -> None:
    run = {"name": "scrape", "service": "web", "arguments": {"url": "x" * 100, "depth": 2}}
    assert called(run) == f"calling scrape of web (url: {'x' * 52}...)"
    assert called({**run, "arguments": {}}) == "calling scrape of web"
    assert called({**run, "arguments": {"depth": 2, "all": True}}).endswith("(depth: 2, all: true)")


def test_what_was_used_is_said_as_far_as_it_is_known() -> None:
    usage = {
        "model": "m",
        "input_tokens": 1200,
        "output_tokens": 34,
        "estimated": True,
        "cost": "0.0125",
        "currency": "USD",
    }
    assert cost({"duration_ms": 1234.5, "usage": usage}) == (
        "answered by m in 1.2 s, about 1,234 tokens, 0.012500 USD"
    )
    nothing = {**usage, "input_tokens": 0, "output_tokens": 0, "cost": None}
    assert cost({"duration_ms": 40.0, "usage": nothing}) == "answered by m in 40 ms"
    assert cost({"duration_ms": None, "usage": None}) == "answered in 0 ms"
