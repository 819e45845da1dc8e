from __future__ import annotations

import asyncio
import logging
from typing import Any

import httpx
import pytest

from rollcall.client import AgentCapability, RegistryClient
from rollcall.kernel.errors import InvalidInput
from rollcall.testing.clock import FrozenClock

CODING = [AgentCapability(name="coding", description="Writes code")]
BEAT = "POST /agents/my-agent/heartbeat"


@pytest.fixture
async def registered(client: Any, wire: Any) -> Any:
    await client.register(CODING)
    wire.requests.clear()
    return client


async def test_heartbeats_come_at_once_and_then_every_interval(
    registered: Any, wire: Any, clock: FrozenClock
) -> None:
    await registered.start_heartbeat(interval=30)

    await clock.settle()
    assert wire.asked == [BEAT]
    await clock.advance(29)
    assert wire.asked == [BEAT]
    await clock.advance(1)
    assert wire.asked == [BEAT] * 2
    await clock.advance(300)
    assert wire.asked == [BEAT] * 12
    assert registered.heartbeats_sent == 12


async def test_the_time_that_a_heartbeat_takes_does_not_add_up(
    registered: Any, wire: Any, clock: FrozenClock
) -> None:
    async def slow(_: httpx.Request) -> httpx.Response:
        await clock.sleep(4)
        return httpx.Response(200, json={})

    wire.faults.extend([slow] * 20)
    await registered.start_heartbeat(interval=10)

    await clock.advance(99)
    assert len(wire.asked) == 10


async def test_started_again_it_goes_on_once_with_the_new_interval(
    registered: Any, wire: Any, clock: FrozenClock
) -> None:
    await registered.start_heartbeat()
    await clock.advance(30)
    await registered.start_heartbeat(interval=5)
    wire.requests.clear()

    await clock.advance(12)
    assert wire.asked == [BEAT] * 3


async def test_a_stop_is_prompt_also_in_the_middle_of_a_heartbeat(
    registered: Any, wire: Any, clock: FrozenClock
) -> None:
    reached, broken_off = asyncio.Event(), asyncio.Event()

    async def never(_: httpx.Request) -> httpx.Response:
        reached.set()
        try:
            await asyncio.Event().wait()
        finally:
            broken_off.set()
        raise AssertionError

    wire.faults.append(never)
    await registered.start_heartbeat()
    await reached.wait()
    began = clock.monotonic()

    await registered.stop_heartbeat()

    assert broken_off.is_set()
    assert clock.monotonic() == began
    await clock.advance(100)
    assert wire.asked == [BEAT]
    await registered.stop_heartbeat()


async def test_an_agent_that_the_registry_forgot_registers_again(
    registered: Any, wire: Any, clock: FrozenClock, caplog: pytest.LogCaptureFixture
) -> None:
    caplog.set_level(logging.INFO, "rollcall.client")
    await registered.start_heartbeat()
    await clock.settle()
    wire.agents.clear()

    await clock.advance(30)

    assert wire.asked == [BEAT, BEAT, "POST /register"]
    assert wire.agents["my-agent"]["capabilities"][0]["name"] == "coding"
    assert registered.registered_again == 1
    assert "registered again" in caplog.text


async def test_a_lost_heartbeat_is_made_up_for_before_the_lease_is_used_up(
    registered: Any, wire: Any, clock: FrozenClock
) -> None:
    await registered.start_heartbeat(interval=30)
    await clock.advance(29)
    wire.faults.extend([httpx.ReadError("reset")] * 3)

    await clock.advance(10)

    assert registered.heartbeats_failed == 3
    assert registered.heartbeats_sent == 2


async def test_a_registry_that_wants_a_key_is_told_with_the_variable_that_holds_it(
    registered: Any, wire: Any, clock: FrozenClock, caplog: pytest.LogCaptureFixture
) -> None:
    wire.faults.append(httpx.Response(401, json={"status": 401, "detail": "send an API key"}))

    await registered.start_heartbeat()
    await clock.settle()

    assert "send an API key. Does ROLLCALL_API_KEY hold" in caplog.text


async def test_a_registry_that_is_down_for_long_is_asked_patiently_and_found_again(
    registered: Any, wire: Any, clock: FrozenClock, caplog: pytest.LogCaptureFixture
) -> None:
    caplog.set_level(logging.INFO, "rollcall.client")
    await registered.start_heartbeat(interval=30)
    await clock.settle()
    wire.down = httpx.ConnectError("refused")

    await clock.advance(3600)
    failed = registered.heartbeats_failed
    assert 3600 / 30 < failed < 3600 / 5
    assert caplog.text.count("refused") == failed

    wire.down = None
    await clock.advance(31)
    assert registered.heartbeats_sent >= 2
    assert f"again after {failed} failures" in caplog.text


async def test_a_registry_that_asks_for_time_is_given_it(
    registered: Any, wire: Any, clock: FrozenClock
) -> None:
    wire.faults.append(httpx.Response(503, headers={"retry-after": "100"}))
    await registered.start_heartbeat(interval=30)

    await clock.advance(99)
    assert wire.asked == [BEAT]
    await clock.advance(2)
    assert wire.asked == [BEAT] * 2


async def test_an_error_that_nobody_expects_does_not_end_the_heartbeats(
    wire: Any, clock: FrozenClock
) -> None:
    class Odd(RegistryClient):
        calls = 0

        async def send_heartbeat(self) -> None:
            self.calls += 1
            raise ZeroDivisionError

    async with Odd("http://r", "a", "A", "http://a", clock=clock, transport=wire) as odd:
        await odd.start_heartbeat()
        await clock.advance(120)
    assert odd.calls > 3


async def test_a_loop_of_a_subclass_that_ends_is_an_error_in_the_log(
    wire: Any, clock: FrozenClock, caplog: pytest.LogCaptureFixture
) -> None:
    class Broken(RegistryClient):
        async def _heartbeat_loop(self) -> None:
            raise ZeroDivisionError

    async with Broken("http://r", "a", "A", "http://a", clock=clock, transport=wire) as broken:
        await broken.start_heartbeat()
        await clock.settle()

    assert "heartbeats no more" in caplog.text
    assert "ZeroDivisionError" in caplog.text


async def test_a_loop_of_a_subclass_may_end_itself(wire: Any, clock: FrozenClock) -> None:
    ended = asyncio.Event()

    class Tired(RegistryClient):
        async def _heartbeat_loop(self) -> None:
            await self.stop_heartbeat()
            ended.set()

    async with Tired("http://r", "a", "A", "http://a", clock=clock, transport=wire) as tired:
        await tired.start_heartbeat()
        await clock.settle()
        assert ended.is_set()


async def test_closing_ends_the_heartbeats_and_leaves_the_agent_registered(
    registered: Any, wire: Any, clock: FrozenClock
) -> None:
    await registered.start_heartbeat()
    await clock.settle()
    await registered.close()
    wire.requests.clear()

    await clock.advance(100)
    assert wire.asked == []
    assert "my-agent" in wire.agents


@pytest.mark.parametrize("interval", [0, -1, float("nan"), float("inf")])
async def test_an_interval_that_is_none_is_refused(client: Any, interval: float) -> None:
    with pytest.raises(InvalidInput, match="interval"):
        await client.start_heartbeat(interval)
    with pytest.raises(InvalidInput, match="heartbeat_interval"):
        RegistryClient("http://r", "a", "A", "http://a", interval)
