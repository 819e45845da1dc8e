from __future__ import annotations

import asyncio
from typing import Any

import httpx
import pytest

from rollcall.client import (
    AgentCapability,
    RegistryClient,
    RegistryUnavailable,
    UnexpectedAnswer,
)
from rollcall.kernel.caller import NotPermitted, RateLimited
from rollcall.kernel.errors import Closed, InvalidInput
from rollcall.policies.retry import RetryPolicy
from rollcall.testing.clock import FrozenClock

REFUSED = httpx.ConnectError("connection refused")
CODING = [AgentCapability(name="coding", description="Writes code")]


async def test_a_dropped_connection_is_tried_again(client: Any, wire: Any, finished: Any) -> None:
    wire.faults.extend([REFUSED, httpx.ReadError("reset"), httpx.RemoteProtocolError("gone")])

    await finished(client.register(CODING))

    assert wire.asked == ["POST /register"] * 4
    assert "my-agent" in wire.agents


async def test_after_the_last_attempt_it_raises_what_was_wrong(
    client: Any, wire: Any, finished: Any
) -> None:
    wire.down = REFUSED

    with pytest.raises(RegistryUnavailable, match="connection refused") as caught:
        await finished(client.register(CODING))

    assert caught.value.url == "http://registry:8009/register"
    assert len(wire.requests) == 4


async def test_delays_grow_and_are_bounded_by_the_policy(wire: Any, clock: FrozenClock) -> None:
    policy = RetryPolicy(max_retries=3, initial_delay=1, backoff_factor=2, max_delay=3)
    times: list[float] = []

    class Latest:
        """Draws the longest of the delays that may be drawn."""

        def random(self) -> float:
            return 1.0

    async def refuse(_: httpx.Request) -> httpx.Response:
        times.append(clock.monotonic())
        raise REFUSED

    wire.faults.extend([refuse] * 4)
    rng: Any = Latest()
    async with RegistryClient(
        "http://r", "a", "A", "http://a", clock=clock, rng=rng, retry=policy, transport=wire
    ) as client:
        asking = asyncio.ensure_future(client.get_stats())
        await clock.advance(60)
        with pytest.raises(RegistryUnavailable):
            await asking

    assert [later - times[0] for later in times] == [0, 1, 3, 6]


async def test_no_attempt_comes_before_the_time_that_the_registry_asked_for(
    client: Any, wire: Any, clock: FrozenClock
) -> None:
    wire.faults.append(httpx.Response(503, headers={"retry-after": "5"}))

    asking = asyncio.ensure_future(client.get_stats())
    await clock.advance(4.9)
    assert len(wire.requests) == 1
    await clock.advance(1)

    assert await asking == {"total_agents": 0}
    assert len(wire.requests) == 2


async def test_who_should_stay_away_for_long_is_told_instead_of_kept_waiting(
    client: Any, wire: Any
) -> None:
    wire.faults.append(httpx.Response(503, headers={"retry-after": "3600"}))

    with pytest.raises(RegistryUnavailable) as caught:
        await client.get_stats()

    assert caught.value.retry_after == 3600
    assert len(wire.requests) == 1


async def test_too_many_requests_are_tried_again_later(
    client: Any, wire: Any, finished: Any
) -> None:
    wire.faults.append(httpx.Response(429, headers={"retry-after": "2"}))
    assert await finished(client.get_stats()) == {"total_agents": 0}

    wire.faults.append(httpx.Response(429, headers={"retry-after": "200"}))
    with pytest.raises(RateLimited):
        await finished(client.get_stats())


async def test_a_slow_registry_is_given_up_after_the_time_out(
    client: Any, wire: Any, clock: FrozenClock, finished: Any
) -> None:
    async def never(_: httpx.Request) -> httpx.Response:
        await asyncio.Event().wait()
        raise AssertionError

    wire.faults.extend([never] * 4)
    began = clock.monotonic()

    with pytest.raises(RegistryUnavailable, match="no answer within 10 s"):
        await finished(client.get_stats())

    assert len(wire.requests) == 4
    assert clock.monotonic() - began >= 40


@pytest.mark.parametrize("status", [400, 403, 409, 500])
async def test_what_was_answered_is_not_asked_again(client: Any, wire: Any, status: int) -> None:
    wire.faults.append(httpx.Response(status, json={"detail": "no"}))

    with pytest.raises((InvalidInput, NotPermitted, UnexpectedAnswer)):
        await client.get_stats()

    assert len(wire.requests) == 1


@pytest.mark.parametrize("content", [b"", b"<html>hello</html>", b"[1, 2]", b"\xff"])
async def test_an_answer_that_is_none_says_which_url_gave_it(
    client: Any, wire: Any, content: bytes
) -> None:
    wire.faults.append(httpx.Response(200, content=content))

    with pytest.raises(UnexpectedAnswer, match="http://registry:8009/stats answered 200"):
        await client.get_stats()


async def test_a_redirect_is_not_followed(client: Any, wire: Any) -> None:
    wire.faults.append(httpx.Response(307, headers={"location": "http://elsewhere/stats"}))

    with pytest.raises(UnexpectedAnswer):
        await client.get_stats()

    assert [one.url.host for one in wire.requests] == ["registry"]


async def test_the_key_is_an_argument_or_a_variable(
    wire: Any, clock: FrozenClock, monkeypatch: pytest.MonkeyPatch
) -> None:
    async def authorization(**more: Any) -> str | None:
        async with RegistryClient(
            "http://r", "a", "A", "http://a", clock=clock, transport=wire, **more
        ) as client:
            await client.get_stats()
        return wire.requests[-1].headers.get("authorization")

    monkeypatch.delenv("ROLLCALL_API_KEY", raising=False)
    assert await authorization() is None
    assert await authorization(api_key="given") == "Bearer given"
    monkeypatch.setenv("ROLLCALL_API_KEY", "of the environment")
    assert await authorization() == "Bearer of the environment"
    assert await authorization(api_key="given") == "Bearer given"


async def test_a_list_of_many_pages_is_one_list_and_the_key_stays_with_the_registry(
    client: Any, wire: Any
) -> None:
    row = {"agent_name": "n", "status": "active"}
    elsewhere = {"link": '<http://elsewhere/steal?cursor=b>; rel="next"'}
    wire.faults.append(httpx.Response(200, json=[{"agent_id": "a", **row}], headers=elsewhere))
    wire.faults.append(httpx.Response(200, json=[{"agent_id": "b", **row}]))

    assert [one.agent_id for one in await client.list_agents("active")] == ["a", "b"]
    assert wire.asked == ["GET /agents?status=active", "GET /agents?cursor=b"]
    assert {one.url.host for one in wire.requests} == {"registry"}


@pytest.mark.parametrize(
    "url", ["", "registry:8009", "ftp://r", "http://", "http://r:no", "http://r?a=b", "http://r#a"]
)
def test_a_url_that_is_none_is_refused_at_once(url: str) -> None:
    with pytest.raises(InvalidInput, match="http://localhost:8009"):
        RegistryClient(url, "a", "A", "http://a")


def test_a_password_in_the_url_is_refused_without_being_shown() -> None:
    with pytest.raises(InvalidInput, match="api_key") as caught:
        RegistryClient("http://me:secret@registry:8009", "a", "A", "http://a")
    assert "secret" not in str(caught.value)


async def test_a_registry_may_live_under_a_path(wire: Any, clock: FrozenClock) -> None:
    async with RegistryClient(
        "http://gate/services/agents/", "a", "A", "http://a", clock=clock, transport=wire
    ) as client:
        wire.faults.append(httpx.Response(200, json={}))
        await client.get_stats()

    assert wire.asked == ["GET /services/agents/stats"]


async def test_a_closed_client_says_so(client: Any) -> None:
    await client.close()
    await client.close()

    with pytest.raises(Closed):
        await client.get_stats()
