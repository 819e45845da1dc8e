# SPDX-License-Identifier: Apache-2.0
"""What the gateway sends callers' keys to: instances of this installation, and nobody else's."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Sequence
from typing import Any

import httpx
import pytest_asyncio
from msgspec.structs import replace

from rollcall.app.features import AGENT, TOOLS
from rollcall.app.instances import LocalGuests, LocalInstances, RemoteGuests, RemoteInstances
from rollcall.app.own import MARK, Own, RemoteRegistrations, owner_of
from rollcall.backends.records.inmemory import InMemoryStore
from rollcall.gateway.ports import Instances
from rollcall.kernel.ids import RandomIds
from rollcall.registry.models import Address, Kind, Record
from rollcall.registry.service import RegistryService
from rollcall.registry.status import Status
from rollcall.testing.clock import FrozenClock
from rollcall.web.passes import Passes
from support.registryhosts import RegistryHost

CLOCK = FrozenClock()
PASSES = Passes(bytes(32), CLOCK)
THEIRS = Passes(bytes([1] * 32), CLOCK)
"""Of another installation."""
SERVICE = AGENT.name


@pytest_asyncio.fixture
async def registry() -> AsyncIterator[RegistryService]:
    one = RegistryService(InMemoryStore(CLOCK, RandomIds()), clock=CLOCK)
    await one.start()
    yield one
    await one.stop()


@pytest_asyncio.fixture
async def host(registry: RegistryService) -> AsyncIterator[RegistryHost]:
    one = RegistryHost(registry, CLOCK)
    await one.start()
    yield one
    await one.stop()


@pytest_asyncio.fixture
async def remote(host: RegistryHost, registry: RegistryService) -> AsyncIterator[Record]:
    """The record of one of ours that registered over HTTP."""
    own = RemoteRegistrations(host.url, CLOCK, PASSES)
    await own.begin([Own(AGENT, "10.0.0.9", 3004)])
    async with asyncio.timeout(30):
        while not records(registry):  # noqa: ASYNC110 - it is registered behind `begin`
            await asyncio.sleep(0)
    yield records(registry)[0]
    await own.end()


async def registered(registry: RegistryService, port: int = 3004) -> Record:
    """The record of one of ours."""
    now = CLOCK.now()
    one = Record(
        *("default", f"{SERVICE}-{port}", Kind.AGENT, SERVICE, Status.ACTIVE, now, now),
        address=Address("10.0.0.9", port),
    )
    one = replace(one, owner=owner_of(one, PASSES))
    await registry.register(one)
    return one


def records(registry: RegistryService) -> list[Record]:
    space = registry.state.spaces.get("default")
    slots = () if space is None else space.records.values()
    return [registry.state.slots.record(slot) for slot in slots]


async def ports(instances: Instances, service: str = SERVICE) -> Sequence[int]:
    return sorted(one.port for one in await instances.find(service))


async def test_what_was_registered_before_and_after_is_found_here(
    registry: RegistryService,
) -> None:
    await registered(registry, 3004)
    instances = LocalInstances(registry, PASSES)
    await registered(registry, 4004)
    assert await ports(instances) == [3004, 4004]
    assert await ports(instances, "nobody") == []


async def test_what_was_deregistered_is_not_found_here(registry: RegistryService) -> None:
    record = await registered(registry)
    instances = LocalInstances(registry, PASSES)
    await registry.deregister(record.namespace, record.id)
    assert await ports(instances) == []


async def test_a_record_that_only_looks_like_ours_is_not_found_here(
    registry: RegistryService,
) -> None:
    ours = await registered(registry)
    evil = Address("10.0.0.66", 6666)
    instances = LocalInstances(registry, PASSES)
    for number, owner in enumerate(("rollcall", ours.owner, owner_of(ours, THEIRS))):
        forged = replace(ours, id=f"forged-{number}", owner=owner, address=evil)
        await registry.register(forged)
    assert await ports(instances) == [3004]


async def test_a_record_of_ours_that_somebody_led_elsewhere_is_not_found_here(
    registry: RegistryService,
) -> None:
    ours = await registered(registry)
    instances = LocalInstances(registry, PASSES)
    await registry.register(replace(ours, address=Address("10.0.0.66", 6666)))
    assert await ports(instances) == []


async def test_of_several_here_those_that_are_well_are_found_alone(
    registry: RegistryService,
) -> None:
    await registered(registry, 4004)
    ill = await registered(registry, 3004)
    instances = LocalInstances(registry, PASSES)
    await registry.report(ill.namespace, ill.id, Status.DEGRADED)
    assert await ports(instances) == [4004]


async def test_when_closed_it_takes_no_more_note(registry: RegistryService) -> None:
    instances = LocalInstances(registry, PASSES)
    await instances.close()
    await registered(registry)
    assert await ports(instances) == []


async def test_one_of_ours_that_registered_over_http_is_found_here_too(
    registry: RegistryService, remote: Record
) -> None:
    assert remote.metadata is not None
    instances = LocalInstances(registry, PASSES)
    forged = replace(remote, id="forged", address=Address("10.0.0.66", 6666))
    await registry.register(forged)
    await registry.register(replace(remote, id="no text", metadata={MARK: 1}))
    assert await ports(instances) == [3004]


async def test_whoever_has_its_name_is_a_guest_here(registry: RegistryService) -> None:
    before = replace(await registered(registry, 3004), owner="key:anybody", kind=Kind.API)
    await registry.register(replace(before, id="quotes-1", name="quotes"))
    guests = LocalGuests(registry, ["quotes"])
    for number, kind, name in ((2, Kind.TOOL, "quotes"), (3, Kind.API, "other")):
        await registry.register(replace(before, id=f"quotes-{number}", kind=kind, name=name))
    for number, changed in ((4, {"kind": Kind.AGENT}), (5, {"namespace": "zoo"})):
        await registry.register(replace(before, id=f"quotes-{number}", name="quotes", **changed))
    found = await guests.find("quotes")
    assert sorted(one.id for one in found) == ["quotes-1", "quotes-2"]
    assert all(one.own_name for one in found)
    assert await ports(guests, SERVICE) == []
    await registry.register(replace(before, id="quotes-1", name="renamed"))
    assert [one.id for one in await guests.find("quotes")] == ["quotes-2"]
    await guests.close()


async def register(where: RegistryHost, **fields: Any) -> None:
    """Register somebody else's record with these fields."""
    body = {"name": SERVICE, "service_type": "agent", **fields}
    async with httpx.AsyncClient(base_url=where.url) as client:
        (await client.post("/api/v1/register", json=body)).raise_for_status()


async def test_ours_are_found_in_a_registry_elsewhere_and_forged_ones_are_not(
    host: RegistryHost, remote: Record
) -> None:
    assert remote.metadata is not None
    mark = {"extra": {MARK: remote.metadata[MARK]}}
    evil = {"host": "10.0.0.66", "port": 6666}
    await register(host, **evil)
    await register(host, **{**evil, "port": 6667}, metadata=mark)
    await register(host, **{**evil, "port": 6668}, metadata={"extra": {MARK: 1}})
    # For that name alone.
    await register(host, host="10.0.0.9", port=3004, name=TOOLS.name, metadata=mark)

    instances = RemoteInstances(host.url, PASSES, CLOCK)
    assert await ports(instances) == [3004]
    assert await ports(instances, TOOLS.name) == []
    strangers = RemoteInstances(host.url, THEIRS, CLOCK)
    assert await ports(strangers) == []
    for one in (instances, strangers):
        await one.close()


async def test_whoever_has_its_name_is_a_guest_in_a_registry_elsewhere(
    host: RegistryHost,
) -> None:
    where = {"host": "10.0.0.9", "name": "quotes"}
    await register(host, **where, port=1, service_type="api")
    await register(host, **where, port=2, service_type="tool")
    await register(host, **where, port=3, service_type="agent")
    await register(host, **{**where, "name": "quotes-and-more"}, port=4, service_type="api")
    guests = RemoteGuests(host.url, CLOCK)
    assert await ports(guests, "quotes") == [1, 2]
    await guests.close()


async def test_while_a_registry_elsewhere_is_away_what_was_known_last_counts(
    host: RegistryHost, registry: RegistryService, remote: Record
) -> None:
    instances = RemoteInstances(host.url, PASSES, CLOCK)
    assert await ports(instances) == [3004]
    await registry.deregister(remote.namespace, remote.id)
    await host.stop()
    await CLOCK.advance(60)
    assert await ports(instances) == [3004]
    await instances.close()
    await host.start()
