from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from typing import Any

import httpx
import pytest

from rollcall.client import (
    HealthCheck,
    RegistrationClient,
    RegistryUnavailable,
    ServiceMetadata,
    get_registration_client,
)
from rollcall.testing.clock import FrozenClock

REGISTER = "POST /api/v1/register"
BEAT = "POST /api/v1/heartbeat/calculator-8080"


@pytest.fixture
async def registration(wire: Any, clock: FrozenClock) -> AsyncIterator[RegistrationClient]:
    async with RegistrationClient("http://registry:3003", clock=clock, transport=wire) as one:
        yield one


async def test_a_service_registers_and_heartbeats_by_itself_every_25_seconds(
    registration: RegistrationClient, wire: Any, clock: FrozenClock
) -> None:
    service_id = await registration.register(
        service_name="calculator", service_port=8080, service_host="calculator-host"
    )

    assert service_id == registration.service_id == "calculator-8080"
    assert wire.bodies("/register") == [
        {
            "name": "calculator",
            "service_type": "tool",
            "host": "calculator-host",
            "port": 8080,
        }
    ]
    await clock.advance(74)
    assert wire.asked == [REGISTER, BEAT, BEAT, BEAT]


async def test_what_else_there_is_to_say_goes_along(
    registration: RegistrationClient, wire: Any
) -> None:
    await registration.register(
        "calculator",
        8080,
        "host",
        "api",
        metadata=ServiceMetadata(capabilities=["sums"], extra={"weight": 2}),
        health_check=HealthCheck(endpoint="/ready"),
    )

    (body,) = wire.bodies("/register")
    assert body["service_type"] == "api"
    assert body["metadata"] == {"capabilities": ["sums"], "extra": {"weight": 2}}
    assert body["health_check"]["endpoint"] == "/ready"


async def test_a_service_that_the_registry_forgot_registers_again(
    registration: RegistrationClient, wire: Any, clock: FrozenClock
) -> None:
    await registration.register("calculator", 8080, "host")
    await clock.settle()
    wire.services.clear()
    wire.requests.clear()

    await clock.advance(25)

    assert wire.asked == [BEAT, REGISTER]
    assert list(wire.services) == ["calculator-8080"]
    assert registration.registered_again == 1


async def test_unregistering_ends_it_all_and_twice_is_once(
    registration: RegistrationClient, wire: Any, clock: FrozenClock
) -> None:
    await registration.register("calculator", 8080, "host")
    await registration.unregister()
    await registration.unregister()
    assert wire.services == {}
    wire.requests.clear()

    await clock.advance(100)
    assert wire.asked == []


async def test_a_service_that_is_no_longer_known_unregisters_without_an_error(
    registration: RegistrationClient, wire: Any
) -> None:
    await registration.register("calculator", 8080, "host")
    wire.services.clear()
    await registration.unregister()


async def test_a_registry_that_is_down_is_an_error_and_is_told_when_it_is_back(
    registration: RegistrationClient, wire: Any, clock: FrozenClock, finished: Any
) -> None:
    wire.down = httpx.ConnectError("refused")
    with pytest.raises(RegistryUnavailable):
        await finished(registration.register("calculator", 8080, "host"))
    assert registration.service_id is None

    wire.down = None
    await clock.advance(60)

    assert registration.service_id == "calculator-8080"
    assert registration.registered_again == 0
    assert wire.asked[-1] == BEAT


async def test_who_waits_until_it_is_ready_is_registered_once_it_takes_connections(
    registration: RegistrationClient, wire: Any, clock: FrozenClock
) -> None:
    async def hang_up(_: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        writer.close()

    # A port that is surely free: bound, and not listened on yet.
    server = await asyncio.start_server(hang_up, "127.0.0.1", 0, start_serving=False)
    port = server.sockets[0].getsockname()[1]

    returned = await registration.register("calculator", port, "127.0.0.1", wait_ready=True)
    for _ in range(20):
        await clock.advance(0.2)
    assert returned is None
    assert wire.asked == []

    await server.start_serving()
    async with asyncio.timeout(20), server:
        while registration.service_id is None:
            await clock.advance(0.2)

    assert list(wire.services) == [f"calculator-{port}"]
    assert registration.registered_again == 0


async def test_who_waits_until_it_is_ready_can_still_be_closed(
    wire: Any, clock: FrozenClock
) -> None:
    async with RegistrationClient("http://r:3003", clock=clock, transport=wire) as one:
        await one.register("calculator", 9, "host.invalid", wait_ready=True)
        await clock.settle()
    await clock.advance(10)
    assert wire.asked == []


async def test_a_process_has_one_until_it_is_closed(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("SERVICE_REGISTRY_URL", "http://127.0.0.1:1")

    first = get_registration_client()
    assert get_registration_client() is first
    await first.close()

    second = get_registration_client()
    assert second is not first
    await second.close()


async def test_the_registry_is_where_the_variable_says(
    monkeypatch: pytest.MonkeyPatch, wire: Any, clock: FrozenClock
) -> None:
    async def host() -> str:
        async with RegistrationClient(clock=clock, transport=wire) as one:
            await one.register("calculator", 8080, "host")
        return f"{wire.requests[-1].url.host}:{wire.requests[-1].url.port}"

    monkeypatch.setenv("SERVICE_REGISTRY_URL", "http://elsewhere:3103")
    assert await host() == "elsewhere:3103"
    monkeypatch.delenv("SERVICE_REGISTRY_URL")
    assert await host() == "service-registry:3003"
