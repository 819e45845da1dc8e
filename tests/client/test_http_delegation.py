from __future__ import annotations

import asyncio
from typing import Any

import httpx
import msgspec
import pytest

from rollcall.client import (
    AgentRequestEvent,
    AgentRequestType,
    AgentResponseStatus,
    AnswerLost,
    NoAgentFound,
    RegistryUnavailable,
    RequestPriority,
)
from rollcall.testing.clock import FrozenClock


class Agents:
    """Agents at hosts of their own, each with its own way to answer."""

    def __init__(self, wire: Any) -> None:
        self._wire = wire
        self.asked: list[str] = []
        self.requests: list[AgentRequestEvent] = []

    def add(self, agent_id: str, answer: Any = "success", status: str = "active") -> None:
        self._wire.matches.append(
            {
                "agent_id": agent_id,
                "agent_name": agent_id,
                "capability": "coding",
                "base_url": f"http://{agent_id}:8000/",
                "status": status,
            }
        )

        async def execute(http: httpx.Request) -> httpx.Response:
            assert (http.method, http.url.path) == ("POST", "/execute")
            assert "authorization" not in http.headers
            assert http.headers["connection"] == "close"
            self.asked.append(agent_id)
            request = msgspec.json.decode(http.content, type=AgentRequestEvent)
            self.requests.append(request)
            if isinstance(answer, Exception):
                raise answer
            if isinstance(answer, httpx.Response):
                return answer
            if callable(answer):
                return await answer(http)
            event = request.answered(
                AgentResponseStatus(answer),
                result={"by": agent_id},
                error=f"{answer} of {agent_id}",
            )
            return httpx.Response(200, content=msgspec.json.encode(event))

        self._wire.peers[agent_id] = execute


@pytest.fixture
def agents(wire: Any) -> Agents:
    return Agents(wire)


async def never(_: httpx.Request) -> httpx.Response:
    await asyncio.Event().wait()
    raise AssertionError


async def test_the_best_match_is_sent_the_request_and_its_answer_comes_back(
    client: Any, wire: Any, agents: Agents
) -> None:
    agents.add("first")
    agents.add("second")

    answer = await client.delegate(
        "coding",
        {"task": "implement_jwt_auth"},
        request_type=AgentRequestType.QUERY,
        priority=RequestPriority.HIGH,
        correlation_id="of-all-this",
        metadata={"a": 1},
    )

    assert answer.status is AgentResponseStatus.SUCCESS
    assert answer.result == {"by": "first"}
    (request,) = agents.requests
    assert (request.source_agent, request.target_agent) == ("my-agent", "first")
    assert request.payload == {"task": "implement_jwt_auth"}
    assert (request.request_type, request.priority) == ("query", "high")
    assert (request.correlation_id, request.metadata) == ("of-all-this", {"a": 1})
    assert answer.request_id == request.request_id
    assert wire.asked[0] == "GET /capabilities/search?q=coding"


async def test_words_are_a_task(client: Any, agents: Agents) -> None:
    agents.add("first")
    await client.delegate("coding", "write a parser")
    assert agents.requests[0].payload == {"task": "write a parser"}
    assert agents.requests[0].request_type is AgentRequestType.EXECUTE_TASK


@pytest.mark.parametrize(
    "refusal",
    [
        httpx.ConnectError("refused"),
        httpx.ConnectTimeout("no route"),
        httpx.PoolTimeout("full"),
        httpx.Response(404, text="no such path"),
        httpx.Response(429),
        httpx.Response(503),
        "rejected",
    ],
    ids=repr,
)
async def test_what_an_agent_has_not_begun_goes_to_the_next_under_the_same_id(
    client: Any, agents: Agents, refusal: Any
) -> None:
    agents.add("first", refusal)
    agents.add("second")

    answer = await client.delegate("coding", "write")

    assert answer.result == {"by": "second"}
    assert agents.asked == ["first", "second"]
    assert len({one.request_id for one in agents.requests}) == 1
    assert [one.target_agent for one in agents.requests] == ["first", "second"]


LOST = [
    httpx.ReadError("reset"),
    httpx.WriteError("broken pipe"),
    httpx.RemoteProtocolError("hung up"),
    httpx.Response(500, text="oops"),
    httpx.Response(502),
    httpx.Response(200, text="<html>"),
    httpx.Response(
        200,
        json={
            "request_id": "of another",
            "source_agent": "x",
            "target_agent": "y",
            "status": "success",
        },
    ),
]


@pytest.mark.parametrize("loss", LOST, ids=repr)
async def test_what_was_sent_and_lost_is_not_repeated(
    client: Any, agents: Agents, loss: Any
) -> None:
    agents.add("first", loss)
    agents.add("second")

    with pytest.raises(AnswerLost, match="may have been done") as caught:
        await client.delegate("coding", "write")

    assert agents.asked == ["first"]
    assert caught.value.agent_id == "first"
    assert caught.value.request_id == agents.requests[0].request_id


@pytest.mark.parametrize("loss", LOST, ids=repr)
async def test_what_was_sent_and_lost_is_repeated_if_that_does_no_harm(
    client: Any, agents: Agents, loss: Any
) -> None:
    agents.add("first", loss)
    agents.add("second")

    answer = await client.delegate("coding", "write", idempotent=True)

    assert answer.result == {"by": "second"}
    assert len({one.request_id for one in agents.requests}) == 1


async def test_an_agent_that_is_too_late_is_an_answer_that_says_so(
    client: Any, agents: Agents, clock: FrozenClock
) -> None:
    agents.add("first", never)
    agents.add("second")

    asking = asyncio.ensure_future(client.delegate("coding", "write", timeout_seconds=7))
    await clock.advance(6.9)
    assert not asking.done()
    await clock.advance(0.2)

    answer = await asking
    assert answer.status is AgentResponseStatus.TIMEOUT
    assert answer.source_agent == "first"
    assert answer.execution_time_ms == pytest.approx(7000)
    assert agents.asked == ["first"]


@pytest.mark.parametrize(("seconds", "patience"), [(30, 5), (2, 1)])
async def test_who_takes_no_connection_is_given_up_before_the_time_is_over(
    client: Any, wire: Any, agents: Agents, seconds: float, patience: float
) -> None:
    agents.add("first")
    await client.delegate("coding", "write", timeout_seconds=seconds)

    limits = wire.requests[-1].extensions["timeout"]
    assert (limits["connect"], limits["pool"], limits["read"]) == (patience, patience, None)


async def test_too_late_goes_to_the_next_if_that_does_no_harm(
    client: Any, agents: Agents, finished: Any
) -> None:
    agents.add("first", never)
    agents.add("second")

    answer = await finished(client.delegate("coding", "write", idempotent=True))
    assert answer.result == {"by": "second"}


@pytest.mark.parametrize("status", ["error", "partial", "success"])
async def test_an_answer_is_an_answer_also_if_it_is_an_error(
    client: Any, agents: Agents, status: str
) -> None:
    agents.add("first", status)
    agents.add("second")

    answer = await client.delegate("coding", "write", idempotent=True)
    assert (answer.status, agents.asked) == (status, ["first"])


async def test_where_all_reject_the_first_says_why(client: Any, agents: Agents) -> None:
    agents.add("first", "rejected")
    agents.add("second", httpx.ConnectError("refused"))

    answer = await client.delegate("coding", "write")
    assert (answer.status, answer.error) == ("rejected", "rejected of first")


async def test_only_healthy_agents_are_asked_and_suspects_last(client: Any, agents: Agents) -> None:
    agents.add("offline", status="offline")
    agents.add("held", status="suspect")
    agents.add("busy", httpx.ConnectError("refused"), status="busy")

    answer = await client.delegate("coding", "write")

    assert answer.result == {"by": "held"}
    assert agents.asked == ["busy", "held"]


async def test_nobody_is_asked_by_itself_or_twice(client: Any, agents: Agents) -> None:
    agents.add("my-agent")
    agents.add("other", httpx.ConnectError("refused"))
    agents.add("other", httpx.ConnectError("refused"))

    with pytest.raises(NoAgentFound):
        await client.delegate("coding", "write", fallback_capability="writing")
    assert agents.asked == ["other"]


async def test_the_fallback_is_looked_for_only_when_it_is_needed(
    client: Any, wire: Any, agents: Agents
) -> None:
    agents.add("first")
    await client.delegate("coding", "write", fallback_capability="review")
    assert "GET /capabilities/search?q=review" not in wire.asked

    wire.matches.clear()

    async def nobody(_: httpx.Request) -> httpx.Response:
        agents.add("reviewer")
        return httpx.Response(200, json=[])

    wire.faults.append(nobody)
    answer = await client.delegate("coding", "write", fallback_capability="review")
    assert answer.result == {"by": "reviewer"}


async def test_nobody_found_says_why_each_was_passed_over(client: Any, agents: Agents) -> None:
    agents.add("asleep", status="offline")
    agents.add("gone", httpx.ConnectError("refused"))

    with pytest.raises(NoAgentFound, match="'coding' or 'review'") as caught:
        await client.delegate("coding", "write", fallback_capability="review")

    assert isinstance(caught.value, ValueError)
    assert caught.value.passed_over["asleep"] == "it is offline"
    assert "refused" in caught.value.passed_over["gone"]


async def test_an_agent_without_an_address_or_with_a_wrong_one_is_passed_over(
    client: Any, wire: Any, agents: Agents
) -> None:
    agents.add("inside")
    wire.matches[0]["base_url"] = None
    agents.add("odd")
    wire.matches[1]["base_url"] = "http://[odd"
    agents.add("good")

    answer = await client.delegate("coding", "write")
    assert (answer.result, agents.asked) == ({"by": "good"}, ["good"])


async def test_a_registry_that_is_down_is_no_missing_agent(
    client: Any, wire: Any, finished: Any
) -> None:
    wire.down = httpx.ConnectError("refused")
    with pytest.raises(RegistryUnavailable):
        await finished(client.delegate("coding", "write"))


async def test_who_breaks_off_ends_the_request(client: Any, agents: Agents) -> None:
    begun, ended = asyncio.Event(), asyncio.Event()

    async def until_cancelled(_: httpx.Request) -> httpx.Response:
        begun.set()
        try:
            await asyncio.Event().wait()
        finally:
            ended.set()
        raise AssertionError

    agents.add("first", until_cancelled)
    asking = asyncio.ensure_future(client.delegate("coding", "write"))
    await begun.wait()
    asking.cancel()

    with pytest.raises(asyncio.CancelledError):
        await asking
    assert ended.is_set()
