from __future__ import annotations

import asyncio
import inspect
import threading
from collections.abc import Iterator
from typing import Any

import httpx
import pytest

from rollcall.client import AgentCapability, RegistryClient, SyncRegistryClient
from rollcall.kernel.errors import Closed
from rollcall.kernel.record_errors import RecordNotFound

CODING = [AgentCapability(name="coding", description="Writes code")]


@pytest.fixture
def sync(wire: Any) -> Iterator[SyncRegistryClient]:
    with SyncRegistryClient(
        "http://registry:8009", "my-agent", "My Agent", "http://my-agent:8000", transport=wire
    ) as one:
        yield one


def public(cls: type) -> dict[str, Any]:
    return {
        name: member
        for name, member in inspect.getmembers(cls, inspect.isfunction)
        if not name.startswith("_")
    }


def test_it_has_every_method_of_the_other_with_the_same_arguments() -> None:
    theirs, ours = public(RegistryClient), public(SyncRegistryClient)

    assert set(ours) == set(theirs)
    for name, method in theirs.items():
        assert inspect.signature(ours[name]) == inspect.signature(method), name
        assert not inspect.iscoroutinefunction(ours[name])
    assert inspect.signature(SyncRegistryClient) == inspect.signature(RegistryClient)


def test_its_methods_do_the_same(sync: SyncRegistryClient, wire: Any) -> None:
    sync.register(CODING)
    sync.update_status("busy")
    sync.send_heartbeat()

    assert sync.get_agent("my-agent").status == "busy"
    assert [one.agent_id for one in sync.list_agents()] == ["my-agent"]
    assert sync.search_capabilities("coding") == []
    assert sync.check_health("my-agent")["status"] == "healthy"
    assert sync.get_stats()["total_agents"] == 1
    assert (sync.agent_id, sync.heartbeats_sent, sync.heartbeats_failed) == ("my-agent", 1, 0)
    with pytest.raises(ValueError, match="no healthy agent"):
        sync.delegate("coding", "write")
    with pytest.raises(RecordNotFound):
        sync.get_agent("nobody")
    sync.deregister()
    assert wire.agents == {}


def test_heartbeats_come_while_the_program_does_something_else(
    sync: SyncRegistryClient, wire: Any
) -> None:
    sync.register(CODING)
    beaten = threading.Event()

    async def beat(_: httpx.Request) -> httpx.Response:
        beaten.set()
        return httpx.Response(200, json={})

    wire.faults.append(beat)
    sync.start_heartbeat()
    assert beaten.wait(30)
    sync.stop_heartbeat()


def test_closing_ends_its_thread_and_whoever_waits_is_told(wire: Any) -> None:
    before = threading.active_count()
    sync = SyncRegistryClient("http://r", "a", "A", "http://a", transport=wire)
    reached = threading.Event()
    raised: list[BaseException] = []

    async def never(_: httpx.Request) -> httpx.Response:
        reached.set()
        await asyncio.Event().wait()
        raise AssertionError

    def wait() -> None:
        try:
            sync.get_stats()
        except BaseException as error:
            raised.append(error)

    wire.faults.append(never)
    waiter = threading.Thread(target=wait)
    waiter.start()
    assert reached.wait(30)

    sync.close()
    sync.close()
    waiter.join(30)

    assert [type(one) for one in raised] == [Closed]
    assert threading.active_count() == before
    with pytest.raises(Closed):
        sync.get_stats()
