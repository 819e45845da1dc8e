"""Tools are found through the registry, and stay current with it."""

from __future__ import annotations

import asyncio
from typing import Any

import msgspec
import pytest

from rollcall.conversations.models import ToolOutcome
from rollcall.kernel.errors import Closed
from rollcall.registry.models import Kind
from rollcall.registry.status import Status
from support.toolhosts import ECHO, Request, ToolHost
from support.toolworld import World, eventually


def tool(name: str, **said: Any) -> dict[str, Any]:
    return {**ECHO, "name": name, **said}


async def test_a_registered_service_is_usable_with_all_that_it_says(world: World) -> None:
    host = await world.host("speaker")

    (spec,) = await world.box.tools("default")
    assert (spec.name, spec.tool, spec.service) == ("echo", "echo", "speaker")
    assert (spec.description, spec.path, spec.protocol) == ("Says it again.", "/echo", "http")
    assert spec.idempotent
    assert spec.input_schema == ECHO["input_schema"]
    assert spec.output_schema is None
    assert world.watcher.count == {"default": 1}
    assert host.lists == 1


async def test_a_new_service_is_usable_within_a_second_without_a_refresh(world: World) -> None:
    assert await world.names() == []

    await world.host("late")
    await world.until(lambda specs: [one.service for one in specs] == ["late"], within=1.0)
    assert (await world.call(text="hello")).outcome is ToolOutcome.OK


async def test_tools_of_many_services_come_by_name(world: World) -> None:
    for name in ("c", "a", "b"):
        await world.host(f"service-{name}", tools=[tool(name)])
    assert await world.names() == ["a", "b", "c"]


async def test_a_service_that_leaves_is_gone_at_once_and_an_answer_says_so(world: World) -> None:
    host = await world.host("leaver")
    assert await world.names() == ["echo"]

    await world.leave(host, "leaver")
    await world.until(lambda specs: not specs, within=1.0)
    run = await world.call(text="anybody?")
    assert run.outcome is ToolOutcome.UNAVAILABLE
    assert run.service == "leaver"
    assert "'leaver'" in (run.error or "")
    assert host.calls == []


@pytest.mark.parametrize("status", [Status.UNHEALTHY, Status.OFFLINE, Status.STARTING])
async def test_what_is_not_alive_is_not_listed(world: World, status: Status) -> None:
    host = await world.host()
    assert await world.names() == ["echo"]
    await world.register(host, status=status)
    await world.until(lambda specs: not specs, within=1.0)


async def test_only_tools_of_the_namespace_count_and_nothing_but_tools(world: World) -> None:
    host = await ToolHost().start()
    world.hosts.append(host)
    await world.register(host, "agent", kind=Kind.AGENT)
    await world.register(host, "api", kind=Kind.API)
    await world.register(host, "elsewhere", namespace="other")

    assert await world.names() == []
    assert [one.service for one in await world.box.tools("other")] == ["elsewhere"]


async def test_a_service_that_was_registered_again_is_listed_at_once(world: World) -> None:
    host = await world.host()
    assert await world.names() == ["echo"]

    host.tools = [tool("other")]
    await world.register(host)
    await world.until(lambda specs: [one.name for one in specs] == ["other"], within=1.0)


async def test_a_refresh_waits_for_what_the_services_say_now(world: World) -> None:
    host = await world.host()
    await world.names()
    host.tools = [tool("echo"), tool("second")]

    assert await world.names() == ["echo"]
    assert [one.name for one in await world.box.refresh("default")] == ["echo", "second"]


async def test_lists_are_asked_for_again_from_time_to_time(world: World) -> None:
    host = await world.host()
    world.box = world.open(refresh_every=0.05)
    await world.names()
    host.tools = [tool("newer")]
    await world.until(lambda specs: [one.name for one in specs] == ["newer"])


async def test_a_slow_list_delays_nobody_else(world: World) -> None:
    held = asyncio.Event()

    async def wait(_: Request) -> tuple[int, Any]:
        await held.wait()
        return 200, {"tools": [tool("slow")]}

    await world.host("slow", tools=None, handler=wait)
    await world.host("quick", tools=[tool("quick")])

    world.box = world.open(first_look=0.1)
    assert await world.names() == ["quick"]
    held.set()
    await world.until(lambda specs: [one.name for one in specs] == ["quick", "slow"])


async def test_a_list_that_fails_is_asked_for_again_and_the_last_good_one_kept(
    world: World,
) -> None:
    host = await world.host()
    world.box = world.open(refresh_every=0.05, retry_first=0.02)
    assert await world.names() == ["echo"]

    host.tools = b"no list"
    await eventually(lambda: ("service", False) in world.watcher.lists)
    assert await world.names() == ["echo"]
    host.tools = [tool("repaired")]
    await world.until(lambda specs: [one.name for one in specs] == ["repaired"])


async def test_equal_names_are_told_apart_by_their_service(world: World) -> None:
    await world.host("alpha", tools=[tool("echo"), tool("own")])
    beta = await world.host("beta")
    assert await world.names() == ["echo__alpha", "echo__beta", "own"]

    run = await world.call("echo__beta", text="to beta")
    assert (run.outcome, run.service, run.tool) == (ToolOutcome.OK, "beta", "echo")
    assert run.result["by"] == beta.port

    wrong = await world.call("echo", text="to whom?")
    assert wrong.outcome is ToolOutcome.REFUSED

    await world.leave(beta, "beta")
    await world.until(lambda specs: [one.name for one in specs] == ["echo", "own"])


async def test_two_instances_are_one_tool_and_share_the_calls(world: World) -> None:
    first, second = await world.host("pair"), await world.host("pair")
    (spec,) = await world.box.tools("default")
    assert spec.service == "pair"

    for number in range(40):
        await world.call(text=str(number))
    assert len(first.calls) + len(second.calls) == 40
    assert min(len(first.calls), len(second.calls)) > 5


async def test_of_instances_that_disagree_the_last_registered_is_believed(
    world: World, caplog: pytest.LogCaptureFixture
) -> None:
    old = await world.host("pair", tools=[tool("echo", description="old")])
    new = await world.host("pair", tools=[tool("echo", description="new")])
    (spec,) = await world.box.tools("default")

    assert spec.description == "new"
    records = [one for one in caplog.records if "disagree" in one.message]
    assert len(records) == 1
    assert msgspec.json.decode(msgspec.json.encode(records[0].__dict__["versions"]))
    for _ in range(5):
        await world.call(text="goes to who agrees")
    assert (len(old.calls), len(new.calls)) == (0, 5)


async def test_a_changed_schema_is_noticed_logged_and_counted(
    world: World, caplog: pytest.LogCaptureFixture
) -> None:
    host = await world.host("changing")
    (before,) = await world.box.tools("default")
    host.tools = [tool("echo", input_schema={"type": "object", "required": ["words"]})]
    (after,) = await world.box.refresh("default")

    assert before.version != after.version
    assert world.watcher.changes == [("changing", "echo")]
    (record,) = [one for one in caplog.records if one.message == "a tool has changed"]
    said = record.__dict__
    assert (said["old_version"], said["new_version"]) == (before.version, after.version)
    assert said["schema_changed"] is True
    assert (await world.call(text="as before")).outcome is ToolOutcome.REFUSED


async def test_a_namespace_that_nobody_uses_is_followed_no_longer(world: World) -> None:
    host = await world.host()
    world.box = world.open(namespace_idle=0.05, refresh_every=0.02)
    assert await world.names() == ["echo"]
    await eventually(lambda: world.watcher.count["default"] == 0)
    assert await world.names() == ["echo"]
    assert host.lists >= 2


async def test_there_are_never_more_namespaces_than_allowed(world: World) -> None:
    host = await world.host()
    for name in ("one", "two"):
        await world.register(host, namespace=name)
    world.box = world.open(namespaces=2)
    for name in ("default", "one", "two"):
        assert len(await world.box.tools(name)) == 1
    await eventually(lambda: world.watcher.count == {"default": 0, "one": 1, "two": 1})


async def test_what_was_closed_takes_no_more_calls(world: World) -> None:
    await world.names()
    await world.box.close()
    with pytest.raises(Closed):
        await world.box.tools("default")


async def test_what_there_is_is_counted_even_if_nobody_asks(world: World) -> None:
    host = await world.host()
    await world.names()
    await world.leave(host)
    await eventually(lambda: world.watcher.count == {"default": 0})
