"""MCP servers are tool services like any other."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Awaitable, Callable
from typing import Any

import pytest
import pytest_asyncio
from mcp.server.mcpserver import Context, MCPServer
from mcp.server.mcpserver.exceptions import ToolError
from mcp.types import ToolAnnotations

from rollcall.conversations.models import ToolOutcome
from support.mcphosts import McpHost
from support.toolhosts import ECHO, Request
from support.toolworld import World, eventually

Start = Callable[..., Awaitable[McpHost]]


def server_of(counts: list[str]) -> MCPServer:
    """A server with a few tools; each call of one is put on `counts`."""
    server = MCPServer("sums")

    @server.tool(annotations=ToolAnnotations(idempotent_hint=True))
    def add(a: int, b: int) -> int:
        """Adds two numbers."""
        counts.append("add")
        return a + b

    @server.tool()
    async def slow(seconds: float) -> str:
        """Takes its time."""
        counts.append("slow")
        await asyncio.sleep(seconds)
        return "done"

    @server.tool()
    def fail() -> str:
        """Does not work."""
        counts.append("fail")
        raise ToolError("out of paper")

    @server.tool(structured_output=False)
    def words(length: int) -> str:
        """Says a long word."""
        return "a" * length

    @server.tool()
    async def grow(ctx: Context) -> str:
        """Has one more tool from now on."""

        def fresh() -> str:
            """Is new."""
            return "new"

        server.add_tool(fresh)
        # Each reaches the clients of one protocol.
        await ctx.session.send_tool_list_changed()
        await ctx.notify_tools_changed()
        return "grown"

    return server


@pytest_asyncio.fixture
async def start(world: World) -> AsyncIterator[Start]:
    hosts: list[McpHost] = []

    async def start_(name: str = "sums", *, only_old: bool = False, **said: Any) -> McpHost:
        counts: list[str] = []
        host = McpHost(server_of(counts), only_old=only_old)
        host.counts = counts
        hosts.append(await host.start())
        await world.register(host, name, **({"mcp": "/mcp"} | said))
        return host

    yield start_
    await world.box.close()
    for host in hosts:
        await host.kill()


@pytest.mark.parametrize("only_old", [False, True], ids=["2026-07-28", "2025-11-25"])
async def test_its_tools_are_listed_and_called(world: World, start: Start, only_old: bool) -> None:
    host = await start(only_old=only_old)
    specs = {one.name: one for one in await world.box.tools("default")}

    assert set(specs) == {"add", "fail", "grow", "slow", "words"}
    add = specs["add"]
    assert (add.protocol, add.path, add.service) == ("mcp", "/mcp", "sums")
    assert (add.description, add.idempotent) == ("Adds two numbers.", True)
    assert not specs["slow"].idempotent
    run = await world.call("add", a=2, b=40)
    assert (run.outcome, run.result) == (ToolOutcome.OK, {"result": 42})
    assert run.instance == f"sums-{host.port}"

    versions = {headers.get("mcp-protocol-version") for method, headers in host.requests}
    assert ("2025-11-25" in versions) is only_old
    assert not any("authorization" in headers for _, headers in host.requests)


@pytest.mark.parametrize("only_old", [False, True], ids=["2026-07-28", "2025-11-25"])
async def test_a_session_serves_many_calls_at_once(
    world: World, start: Start, only_old: bool
) -> None:
    host = await start(only_old=only_old)
    await world.names()
    runs = await asyncio.gather(*(world.call("add", a=n, b=1) for n in range(20)))
    assert [run.result["result"] for run in runs] == [n + 1 for n in range(20)]
    calls = sum(method == "POST" for method, _ in host.requests)
    assert calls <= 20 + 6


@pytest.mark.parametrize("only_old", [False, True], ids=["2026-07-28", "2025-11-25"])
async def test_a_restarted_server_is_used_again_with_a_new_session(
    world: World, start: Start, only_old: bool
) -> None:
    host = await start(only_old=only_old)
    await world.names()
    assert (await world.call("add", a=1, b=1)).outcome is ToolOutcome.OK
    await host.kill()
    run = await world.call("add", a=1, b=1)
    assert run.outcome is ToolOutcome.UNAVAILABLE
    host.server = server_of(host.counts)
    await host.start()
    run = await world.call("slow", seconds=0)
    assert (run.outcome, run.error) == (ToolOutcome.OK, None)


async def test_a_tag_alone_makes_it_one_with_the_usual_path(world: World, start: Start) -> None:
    await start(mcp=None, tags=("MCP",))
    assert "add" in await world.names()


async def test_a_service_whose_list_is_not_there_is_asked_as_mcp_server(
    world: World, start: Start
) -> None:
    await start(tools="/tools")
    assert "add" in await world.names()


async def test_a_service_with_a_list_is_called_by_it_even_if_it_is_a_server_too(
    world: World,
) -> None:
    host = await world.host("both", tools=[ECHO])
    await world.register(host, "both", tools="/tools", mcp="/mcp")
    (spec,) = await world.box.tools("default")
    assert spec.protocol == "http"


async def test_a_tool_that_fails_says_why(world: World, start: Start) -> None:
    await start()
    await world.names()
    run = await world.call("fail")
    assert run.outcome is ToolOutcome.FAILED
    assert "out of paper" in (run.error or "")


async def test_a_long_text_is_cut(world: World, start: Start) -> None:
    await start()
    world.box = world.open(result_bytes=100)
    await world.names()
    run = await world.call("words", length=500)
    assert run.result.startswith("a" * 100 + "\n[... cut")


async def test_a_killed_server_leaves_a_call_unknown_that_is_not_idempotent(
    world: World, start: Start
) -> None:
    host = await start()
    await world.names()
    calling = asyncio.create_task(world.call("slow", seconds=30))
    await eventually(lambda: host.counts == ["slow"])
    await host.kill()
    run = await calling
    assert run.outcome is ToolOutcome.UNKNOWN
    assert host.counts == ["slow"]


async def test_a_call_that_is_under_way_outlives_the_registration(
    world: World, start: Start
) -> None:
    host = await start()
    await world.names()
    calling = asyncio.create_task(world.call("slow", seconds=0.3))
    await eventually(lambda: host.counts == ["slow"])
    await world.registry.deregister("default", f"sums-{host.port}")
    await world.until(lambda specs: not specs)
    run = await calling
    assert (run.outcome, run.result) == (ToolOutcome.OK, {"result": "done"})


async def test_the_time_of_a_call_is_bounded(world: World, start: Start) -> None:
    await start()
    await world.names()
    run = await world.call("slow", seconds=30, timeout=0.3)
    assert run.outcome is ToolOutcome.UNKNOWN
    assert run.duration_ms < 5_000


@pytest.mark.parametrize("only_old", [False, True], ids=["2026-07-28", "2025-11-25"])
async def test_a_server_that_says_that_its_tools_changed_is_listed_again(
    world: World, start: Start, only_old: bool
) -> None:
    await start(only_old=only_old)
    assert "fresh" not in await world.names()
    await world.call("grow")
    await world.until(lambda specs: "fresh" in [one.name for one in specs])


async def test_what_is_no_server_is_not_listed_and_troubles_nobody(
    world: World, caplog: pytest.LogCaptureFixture
) -> None:
    def wrong(_: Request) -> tuple[int, Any]:
        return 200, {"hello": "world"}

    host = await world.host("liar", tools=None, handler=wrong)
    await world.register(host, "liar", mcp="/mcp")
    await world.host("honest")
    assert await world.names() == ["echo"]
    assert sum("does not list its tools" in one.message for one in caplog.records) == 1


async def test_a_key_is_sent_to_its_own_address(world: World, start: Start) -> None:
    host, other = await start(), await start("other")
    world.box = world.open(keys={f"127.0.0.1:{host.port}": "secret"})
    assert (await world.box.tools("default"))[0]
    assert {headers.get("authorization") for _, headers in host.requests} == {"Bearer secret"}
    assert {headers.get("authorization") for _, headers in other.requests} == {None}
