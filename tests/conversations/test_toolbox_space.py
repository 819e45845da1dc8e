"""Hostile, slow and broken services, and a registry that is away, trouble nobody else."""

from __future__ import annotations

import asyncio
import gzip
import json
from collections.abc import AsyncIterator, Sequence
from random import Random
from typing import Any

import pytest

from rollcall.backends.remote.directory import RemoteDirectory
from rollcall.conversations.models import ToolOutcome
from rollcall.conversations.ports import ServiceInstance
from rollcall.conversations.toolbox import RegistryToolbox
from rollcall.conversations.toolbox_settings import ToolboxSettings
from rollcall.kernel.clock import SystemClock
from rollcall.kernel.errors import InvalidInput, Unavailable
from support.registryhosts import RegistryHost
from support.toolhosts import ECHO, Request, ToolHost, response
from support.toolworld import World, eventually

PATIENT = 10.0


def nested(levels: int) -> dict[str, Any]:
    schema: dict[str, Any] = {}
    for _ in range(levels):
        schema = {"properties": {"a": schema}}
    return schema


HOSTILE: dict[str, Any] = {
    "no JSON": b"<html>",
    "no list": b'{"tools": {"a": 1}}',
    "no UTF-8": b'{"tools": ["\xff"]}',
    "very deep": b'{"tools": ' + b"[" * 200_000 + b"]" * 200_000 + b"}",
    "deep schema": [{**ECHO, "input_schema": nested(100)}],
    "endless schema": [{**ECHO, "input_schema": {"$ref": "#"}}],
    "schema of others": [{**ECHO, "input_schema": {"$ref": "http://127.0.0.1:1/x"}}],
    "path of others": [{**ECHO, "path": "http://169.254.169.254/latest"}],
    "path upwards": [{**ECHO, "path": "/../admin"}],
    "wrong types": [{"name": ["x"], "path": 3}, None, 7, [], {}],
}


@pytest.mark.parametrize("said", HOSTILE.values(), ids=HOSTILE)
async def test_a_hostile_list_is_told_once_and_the_others_are_there(
    world: World, caplog: pytest.LogCaptureFixture, said: Any
) -> None:
    hostile = await world.host("hostile", tools=said)
    if isinstance(said, bytes):
        hostile.tools, hostile.handler = None, lambda _: (200, said)
    await world.host("honest")
    world.box = world.open(retry_first=0.01)

    (spec,) = await world.box.tools("default")
    assert spec.service == "honest"
    await world.box.refresh("default")
    assert len(caplog.records) == 1
    assert caplog.records[0].__dict__["service"] == "hostile"


async def test_a_list_of_ten_thousand_tools_is_bounded(world: World) -> None:
    await world.host("many", tools=[{**ECHO, "name": f"t{at:05}"} for at in range(10_000)])
    world.box = world.open(tools_per_service=100, first_look=PATIENT)
    assert len(await world.names()) == 100


async def test_a_list_that_is_too_long_or_never_ends_is_given_up(world: World) -> None:
    held = asyncio.Event()

    async def drip(_: Request) -> bytes | None:
        await held.wait()
        return None

    await world.host("long", tools=None, handler=lambda _: response(200, b"[" + b" " * 5_000))
    await world.host("endless", tools=None, handler=drip)
    world.box = world.open(list_bytes=1_000, list_timeout=0.1, first_look=PATIENT)
    assert await world.names() == []
    assert {("long", False), ("endless", False)} <= set(world.watcher.lists)
    held.set()


async def test_a_list_is_not_unpacked(world: World) -> None:
    packed = gzip.compress(json.dumps({"tools": [ECHO]}).encode())
    host = await world.host(
        "bomb",
        tools=None,
        handler=lambda _: response(200, packed, Content_Encoding="identity"),
    )
    assert await world.names() == []
    assert host.requests[0].headers["accept-encoding"] == "identity"


async def test_one_of_its_tools_that_cannot_be_used_does_not_hide_the_others(
    world: World, caplog: pytest.LogCaptureFixture
) -> None:
    await world.host("mixed", tools=[{"name": "bad"}, ECHO])
    assert await world.names() == ["echo"]
    (record,) = caplog.records
    assert record.message == "some tools of a service are passed over"
    assert "tools.0.path" in record.__dict__["error"]


async def test_many_services_are_asked_at_the_same_time_but_not_more_than_allowed(
    world: World,
) -> None:
    now = most = 0

    async def count(_: Request) -> tuple[int, Any]:
        nonlocal now, most
        now += 1
        most = max(most, now)
        await asyncio.sleep(0.01)
        now -= 1
        return 200, {"tools": [ECHO]}

    for number in range(12):
        await world.host(f"service-{number}", tools=None, handler=count)
    world.box = world.open(lists_at_once=4, first_look=PATIENT)
    assert len(await world.names()) == 12
    assert 2 <= most <= 4


async def test_services_that_hang_do_not_hold_up_what_is_registered_after_them(
    world: World,
) -> None:
    held = asyncio.Event()

    async def hang(_: Request) -> None:
        await held.wait()

    for number in range(4):
        await world.host(f"hanging-{number}", tools=None, handler=hang)
    world.box = world.open(
        lists_at_once=2, list_timeout=0.2, retry_first=0.01, retry_longest=0.02, first_look=0.01
    )
    assert await world.names() == []
    await eventually(lambda: sum(not well for _, well in world.watcher.lists) >= 8)
    await world.host("late")
    await world.until(lambda specs: [one.service for one in specs] == ["late"], within=1.0)
    held.set()


async def test_who_registers_before_it_listens_is_found_soon_after_and_nobody_complains(
    world: World, caplog: pytest.LogCaptureFixture
) -> None:
    host = await world.host("early")
    await host.kill()
    world.box = world.open(retry_first=0.05)
    assert await world.names() == []
    await host.start()
    await world.until(lambda specs: [one.service for one in specs] == ["early"], within=1.0)
    assert caplog.records == []


async def test_a_registration_with_a_path_of_others_is_told_and_not_listed(
    world: World, caplog: pytest.LogCaptureFixture
) -> None:
    host = await ToolHost().start()
    world.hosts.append(host)
    await world.register(host, "odd", tools="http://127.0.0.1:1/tools")
    assert await world.names() == []
    assert host.requests == []
    assert "extra.tools" in caplog.records[0].__dict__["error"]


class Flaky:
    """A directory that can be away."""

    def __init__(self) -> None:
        self.found: list[ServiceInstance] = []
        self.away = False
        self.news = asyncio.Event()

    async def instances(self, namespace: str) -> Sequence[ServiceInstance]:
        if self.away:
            raise Unavailable("away")
        return list(self.found)

    async def changed(self, namespace: str) -> AsyncIterator[None]:
        while True:
            yield
            await self.news.wait()
            self.news.clear()
            if self.away:
                raise RuntimeError("broke off")


async def test_while_the_registry_is_away_what_is_known_goes_on_being_used(
    world: World, caplog: pytest.LogCaptureFixture
) -> None:
    host = await world.host()
    flaky = Flaky()
    one = ServiceInstance(id="a", name="a", host="127.0.0.1", port=host.port)
    flaky.found = [one]
    settings = ToolboxSettings(retry_first=0.01, retry_longest=0.05)
    world.box = RegistryToolbox(flaky, clock=SystemClock(), rng=Random(1), settings=settings)
    world.boxes.append(world.box)
    assert await world.names() == ["echo"]

    flaky.away = True
    flaky.news.set()
    await eventually(lambda: any("does not tell" in one.message for one in caplog.records))
    assert await world.names() == ["echo"]
    assert (await world.call(text="still")).outcome is ToolOutcome.OK
    assert [one.name for one in await world.box.refresh("default")] == ["echo"]

    flaky.away, flaky.found = False, []
    await world.until(lambda specs: not specs)


async def test_a_registry_that_never_answered_means_no_tools_and_no_error(world: World) -> None:
    flaky = Flaky()
    flaky.away = True
    world.box = RegistryToolbox(flaky, clock=SystemClock(), rng=Random(1))
    world.boxes.append(world.box)
    assert await world.names() == []
    run = await world.call("echo")
    assert run.outcome is ToolOutcome.UNAVAILABLE
    assert "the registry does not answer" in (run.error or "")


async def test_a_registry_over_http_makes_a_new_service_usable_within_a_second(
    world: World,
) -> None:
    server = RegistryHost(world.registry, SystemClock())
    await server.start()
    directory = RemoteDirectory(server.url, clock=SystemClock(), rng=Random(1))
    world.box = RegistryToolbox(directory, clock=SystemClock(), rng=Random(1))
    world.boxes.append(world.box)
    assert await world.names() == []
    host = await world.host("late")
    await world.until(lambda specs: [one.name for one in specs] == ["echo"], within=1.0)
    assert (await world.call(text="x")).outcome is ToolOutcome.OK
    await world.leave(host, "late")
    await world.until(lambda specs: not specs, within=1.0)
    await world.box.close()
    await directory.close()
    await server.stop()


@pytest.mark.parametrize("bad", [{"attempts": 0}, {"list_timeout": 0.0}, {"refresh_every": -1.0}])
def test_settings_that_make_no_sense_are_refused(bad: dict[str, Any]) -> None:
    with pytest.raises(InvalidInput, match=next(iter(bad))):
        ToolboxSettings(**bad)
