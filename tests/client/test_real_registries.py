"""The clients and both real protocols over one core; agents behind real connections."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Awaitable, Callable
from random import Random
from typing import Any

import httpx
import msgspec
import pytest

from rollcall.backends.records.inmemory import InMemoryStore
from rollcall.client import (
    AgentCapability,
    AgentRequestEvent,
    AgentResponseStatus,
    AnswerLost,
    Discovery,
    NoAgentFound,
    RegistrationClient,
    RegistryClient,
    RegistryUnavailable,
)
from rollcall.kernel.errors import InvalidInput
from rollcall.kernel.ids import RandomIds
from rollcall.kernel.record_errors import RecordNotFound
from rollcall.protocols.agent_registry.module import module as agent_registry
from rollcall.protocols.service_registry.module import module as service_registry
from rollcall.registry.service import RegistryService
from rollcall.testing.clock import FrozenClock
from rollcall.testing.faulty_store import FaultyStore, Odds, Refused
from rollcall.web.audit import InMemoryAuditLog
from rollcall.web.auth import OpenAccess
from rollcall.web.drain import Drain
from rollcall.web.module import Kit, create_app

Make = Callable[..., RegistryClient]
Handle = Callable[[asyncio.StreamReader, asyncio.StreamWriter], Awaitable[None]]
CODING = [AgentCapability(name="coding", description="Writes code", tags=["python"])]


class Hosts(httpx.AsyncBaseTransport):
    """The registries in this process, everybody else over the network."""

    def __init__(self, apps: dict[int | None, Any]) -> None:
        self._apps = {port: httpx.ASGITransport(app) for port, app in apps.items()}
        self._network = httpx.AsyncHTTPTransport()

    async def handle_async_request(self, request: httpx.Request) -> httpx.Response:
        transport = self._apps.get(request.url.port, self._network)
        return await transport.handle_async_request(request)

    async def aclose(self) -> None:
        await self._network.aclose()


@pytest.fixture
async def core(clock: FrozenClock) -> AsyncIterator[RegistryService]:
    service = RegistryService(InMemoryStore(clock, RandomIds()), clock=clock)
    await service.start()
    yield service
    await service.stop()


@pytest.fixture
def hosts(core: RegistryService, clock: FrozenClock) -> Hosts:
    kit = Kit("both", "1", clock, RandomIds(), OpenAccess(), InMemoryAuditLog(), Drain())
    services = service_registry(core, store="memory")
    return Hosts({8009: create_app([agent_registry(core)], kit), 3003: create_app([services], kit)})


@pytest.fixture
async def agent(hosts: Hosts, clock: FrozenClock) -> AsyncIterator[Make]:
    made: list[RegistryClient] = []

    def make(agent_id: str, base_url: str | None = None) -> RegistryClient:
        url = base_url or f"http://{agent_id}:8000"
        one = RegistryClient(
            "http://localhost:8009", agent_id, agent_id.title(), url, clock=clock, transport=hosts
        )
        made.append(one)
        return one

    yield make
    for one in made:
        await one.close()


async def test_an_agent_lives_a_whole_life(agent: Make, clock: FrozenClock) -> None:
    one = agent("one")
    await one.register(CODING, metadata={"zone": "a"})
    await one.start_heartbeat()
    await clock.advance(300)

    found = await one.get_agent("one")
    assert (found.status, found.metadata) == ("active", {"zone": "a"})
    assert found.capabilities == CODING
    assert found.last_heartbeat is not None
    assert clock.now() - found.last_heartbeat.timestamp() <= 30

    await one.update_status("busy")
    await clock.advance(60)
    assert (await one.check_health("one"))["agent_status"] == "busy"

    await one.stop_heartbeat()
    await clock.advance(61)
    assert [row.status for row in await one.search_capabilities("python")] == ["offline"]
    assert await one.list_agents("busy") == []

    await one.send_heartbeat()
    assert (await one.get_agent("one")).status == "busy"
    assert one.registered_again == 0

    await one.deregister()
    with pytest.raises(RecordNotFound):
        await one.get_agent("one")


async def test_a_registry_that_lost_its_records_is_given_them_again_by_heartbeats(
    agent: Make, core: RegistryService, clock: FrozenClock
) -> None:
    one = agent("one")
    await one.register(CODING)
    await one.start_heartbeat()
    await clock.settle()
    await core.deregister("default", "one")

    await clock.advance(30)

    assert (await one.get_agent("one")).capabilities == CODING
    assert one.registered_again == 1


async def test_what_the_registry_refuses_names_the_field(agent: Make) -> None:
    with pytest.raises(InvalidInput) as caught:
        await agent("one").register([AgentCapability("", "nameless")])
    assert caught.value.field == "capabilities.0.name"

    one = agent("two", "http://169.254.169.254/")
    with pytest.raises(InvalidInput, match="base_url"):
        await one.register(CODING)
    with pytest.raises(InvalidInput, match="status"):
        await agent("three").update_status("cheerful")


@pytest.mark.parametrize("agent_id", ["a/b", "a b", "ü", "a%2Fb", "a?b", "..a", "a\u202eb"])
async def test_odd_ids_are_the_same_on_both_sides_or_refused(agent: Make, agent_id: str) -> None:
    one = agent(agent_id, "http://odd:8000")
    refusal = await outcome(one.register(CODING))
    if refusal is not None:
        assert refusal.field == "agent_id"
        return
    await one.send_heartbeat()
    assert (await one.get_agent(agent_id)).agent_id == agent_id
    assert one.registered_again == 0


async def outcome(work: Awaitable[None]) -> InvalidInput | None:
    try:
        await work
    except InvalidInput as refused:
        return refused
    return None


async def test_a_long_list_comes_in_pages(agent: Make, core: RegistryService) -> None:
    one = agent("one")
    await one.register(CODING)
    original = core.get("default", "one").record
    for number in range(1200):
        copy = msgspec.structs.replace(original, id=f"copy-{number:04}", name=f"Copy {number:04}")
        await core.register(copy)

    ids = [row.agent_id for row in await one.list_agents()]

    assert len(ids) == len(set(ids)) == 1201


async def test_a_store_that_is_gone_is_a_registry_unavailable(
    clock: FrozenClock, finished: Any
) -> None:
    odds = Odds(Random(0))
    store = FaultyStore(InMemoryStore(clock, RandomIds()), clock, odds)
    core = RegistryService(store, clock=clock)
    await core.start()
    kit = Kit("one", "1", clock, RandomIds(), OpenAccess(), InMemoryAuditLog(), Drain())
    hosts = Hosts({8009: create_app([agent_registry(core)], kit)})
    url = "http://localhost:8009"
    async with RegistryClient(url, "a", "A", "http://a", clock=clock, transport=hosts) as one:
        await one.register(CODING)
        odds.each = [(1.0, Refused())]
        with pytest.raises(RegistryUnavailable) as caught:
            await finished(one.update_status("busy"))
        assert caught.value.retry_after is not None
        # Reads and heartbeats go on.
        assert (await one.get_agent("a")).status == "active"
        await one.send_heartbeat()
        odds.each = []
        await finished(one.update_status("busy"))
        assert (await one.get_agent("a")).status == "busy"
    await core.stop()


async def test_services_and_agents_are_discovered_alike(
    agent: Make, hosts: Hosts, clock: FrozenClock
) -> None:
    url = "http://localhost:3003"
    await agent("writer", "http://writer:9000").register(CODING)
    registration = RegistrationClient(url, clock=clock, transport=hosts)
    discovery = Discovery(url, clock=clock, rng=Random(1), transport=hosts)
    async with registration, discovery:
        await registration.register(
            "calculator", 8080, "10.0.0.7", metadata={"capabilities": ["sums"], "tags": ["maths"]}
        )

        tool = await discovery.choose(capability="sums", tags=["maths"])
        assert (tool.service_id, tool.address) == (registration.service_id, "10.0.0.7:8080")
        assert tool.metadata.capabilities == ["sums"]
        assert (await discovery.choose(service_type="agent")).address == "writer:9000"

        await registration.stop_heartbeat()
        await clock.advance(70)
        assert (await discovery.find("calculator")).services[0].status == "unhealthy"


@pytest.fixture
async def serve() -> AsyncIterator[Callable[[Handle], Awaitable[str]]]:
    """Starts a server on a free port and gives its URL."""
    servers: list[asyncio.Server] = []

    async def start(handle: Handle) -> str:
        servers.append(await asyncio.start_server(handle, "127.0.0.1", 0))
        return f"http://127.0.0.1:{servers[-1].sockets[0].getsockname()[1]}"

    yield start
    for server in servers:
        server.close()
        await server.wait_closed()


async def hang_up(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
    await reader.readuntil(b"\r\n\r\n")
    writer.close()


async def do_it(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
    head = (await reader.readuntil(b"\r\n\r\n")).lower()
    length = int(head.partition(b"content-length:")[2].partition(b"\r\n")[0])
    request = msgspec.json.decode(await reader.readexactly(length), type=AgentRequestEvent)
    answer = request.answered(AgentResponseStatus.SUCCESS, result=request.payload)
    body = msgspec.json.encode(answer)
    writer.write(b"HTTP/1.1 200 OK\r\nContent-Length: %d\r\n\r\n%s" % (len(body), body))
    await writer.drain()
    writer.close()


async def test_delegation_fails_over_real_connections(agent: Make, serve: Any) -> None:
    closed = await asyncio.start_server(do_it, "127.0.0.1", 0)
    nowhere = f"http://127.0.0.1:{closed.sockets[0].getsockname()[1]}"
    closed.close()
    await closed.wait_closed()
    await agent("a-gone", nowhere).register(CODING)
    boss = agent("boss")

    with pytest.raises(NoAgentFound, match="a-gone: it was not reached"):
        await boss.delegate("coding", "write")

    await agent("b-works", await serve(do_it)).register(CODING)
    answer = await boss.delegate("coding", "write")
    assert (answer.source_agent, answer.result) == ("b-works", {"task": "write"})


async def test_delegation_to_who_hangs_up_is_repeated_only_where_that_does_no_harm(
    agent: Make, serve: Any
) -> None:
    await agent("a-hangs-up", await serve(hang_up)).register(CODING)
    await agent("b-works", await serve(do_it)).register(CODING)
    boss = agent("boss")

    with pytest.raises(AnswerLost, match="a-hangs-up"):
        await boss.delegate("coding", "write")
    assert (await boss.delegate("coding", "write", idempotent=True)).source_agent == "b-works"
