# SPDX-License-Identifier: Apache-2.0
"""Active health checks: who is asked when, and what the answers add up to."""

from __future__ import annotations

import asyncio
from collections import Counter
from collections.abc import AsyncIterator
from random import Random

import msgspec
import pytest
import pytest_asyncio
from hypothesis import given
from hypothesis import strategies as st

from rollcall.backends.records.inmemory import InMemoryStore
from rollcall.kernel.ids import RandomIds
from rollcall.registry.models import Address, HealthCheck, Kind, Record
from rollcall.registry.probing import SOON, SPREAD, HealthChecks, ProbeFailed, owner
from rollcall.registry.service import RegistryService
from rollcall.registry.status import ProbeState, Status
from rollcall.testing.clock import FrozenClock

CHECK = HealthCheck(interval_seconds=10, timeout_seconds=2, retries=3)


class Scripted:
    """Answers as it is told to, by host."""

    def __init__(self) -> None:
        self.sick: dict[str, str] = {}
        self.hanging: set[str] = set()
        self.asked: Counter[str] = Counter()
        self.running = self.most = 0

    async def probe(self, address: Address, check: HealthCheck) -> None:
        self.asked[address.host] += 1
        self.running += 1
        self.most = max(self.most, self.running)
        try:
            if address.host in self.hanging:
                await asyncio.Event().wait()
            await asyncio.sleep(0)
            if address.host in self.sick:
                raise ProbeFailed(self.sick[address.host])
        finally:
            self.running -= 1


@pytest.fixture
def clock() -> FrozenClock:
    return FrozenClock()


@pytest_asyncio.fixture
async def registry(clock: FrozenClock) -> AsyncIterator[RegistryService]:
    service = RegistryService(InMemoryStore(clock, RandomIds()), clock=clock)
    await service.start()
    yield service
    await service.stop()


@pytest.fixture
def prober() -> Scripted:
    return Scripted()


@pytest_asyncio.fixture
async def checks(
    registry: RegistryService, prober: Scripted, clock: FrozenClock
) -> AsyncIterator[HealthChecks]:
    checks = HealthChecks(registry, prober, clock, Random(1), at_once=8)
    running = asyncio.create_task(checks.run())
    await clock.settle()
    yield checks
    running.cancel()
    await asyncio.gather(running, return_exceptions=True)


def service(host: str, check: HealthCheck | None = CHECK) -> Record:
    return Record(
        "default",
        host,
        Kind.TOOL,
        host,
        Status.ACTIVE,
        1.0,
        1.0,
        address=Address(host, 80),
        health_check=check,
    )


def status(registry: RegistryService, host: str) -> Status:
    return registry.get("default", host).status


async def rounds(clock: FrozenClock, count: int) -> None:
    """So many intervals, in steps that no probe is missed by."""
    for _ in range(round(count * CHECK.interval_seconds * (1 + SPREAD))):
        await clock.advance(1)


async def test_a_service_is_visible_at_once_and_asked_soon(
    registry: RegistryService, checks: HealthChecks, prober: Scripted, clock: FrozenClock
) -> None:
    await registry.register(service("a"))
    assert status(registry, "a") is Status.ACTIVE
    assert registry.get("default", "a").record.probe is None
    await clock.advance(SOON)
    assert prober.asked["a"] == 1
    probe = registry.get("default", "a").record.probe
    assert probe is not None
    assert probe.state is ProbeState.PASSING


async def test_only_so_many_failures_in_a_row_make_it_unhealthy(
    registry: RegistryService, checks: HealthChecks, prober: Scripted, clock: FrozenClock
) -> None:
    prober.sick["a"] = "GET /health gave 500"
    await registry.register(service("a"))
    seen: list[tuple[int, Status]] = []
    for _ in range(40):
        await clock.advance(1)
        seen.append((prober.asked["a"], status(registry, "a")))
    assert all(one is Status.ACTIVE for asked, one in seen if asked < 3)
    assert all(one is Status.UNHEALTHY for asked, one in seen if asked >= 3)
    probe = registry.get("default", "a").record.probe
    assert probe is not None
    assert (probe.failures, probe.reason) == (3, "GET /health gave 500")


async def test_one_good_answer_makes_it_well_again(
    registry: RegistryService, checks: HealthChecks, prober: Scripted, clock: FrozenClock
) -> None:
    prober.sick["a"] = "no"
    await registry.register(service("a"))
    await rounds(clock, 4)
    assert status(registry, "a") is Status.UNHEALTHY
    prober.sick.clear()
    await rounds(clock, 1)
    assert status(registry, "a") is Status.ACTIVE


async def test_no_answer_in_time_is_a_failure(
    registry: RegistryService, checks: HealthChecks, prober: Scripted, clock: FrozenClock
) -> None:
    prober.hanging.add("a")
    await registry.register(service("a"))
    await rounds(clock, 5)
    probe = registry.get("default", "a").record.probe
    assert probe is not None
    assert probe.reason == "no answer within 2 s"
    assert prober.running <= 1


async def test_a_verdict_that_stays_is_not_written_again(
    registry: RegistryService, checks: HealthChecks, prober: Scripted, clock: FrozenClock
) -> None:
    await registry.register(service("a"))
    await clock.advance(SOON)
    revision = registry.state.revision
    await rounds(clock, 20)
    assert prober.asked["a"] > 15
    assert registry.state.revision == revision


async def test_a_removed_service_is_asked_no_more_and_one_without_a_check_never(
    registry: RegistryService, checks: HealthChecks, prober: Scripted, clock: FrozenClock
) -> None:
    await registry.register(service("a"))
    await registry.register(service("off", msgspec.structs.replace(CHECK, enabled=False)))
    await registry.register(service("none", None))
    await clock.advance(SOON)
    await registry.deregister("default", "a")
    await rounds(clock, 3)
    assert prober.asked == {"a": 1}
    assert len(checks) == 0


async def test_a_changed_check_counts_at_once_and_only_once(
    registry: RegistryService, checks: HealthChecks, prober: Scripted, clock: FrozenClock
) -> None:
    await registry.register(service("a"))
    await clock.advance(SOON)
    await registry.register(service("a", msgspec.structs.replace(CHECK, interval_seconds=100)))
    for _ in range(80):
        await clock.advance(1)
    assert prober.asked["a"] == 2


async def test_who_registers_again_keeps_the_verdict_unless_the_check_is_another(
    registry: RegistryService, checks: HealthChecks, prober: Scripted, clock: FrozenClock
) -> None:
    prober.sick["a"] = "no"
    await registry.register(service("a"))
    await rounds(clock, 4)
    await registry.register(service("a"))
    assert status(registry, "a") is Status.UNHEALTHY
    await registry.register(service("a", msgspec.structs.replace(CHECK, retries=5)))
    assert status(registry, "a") is Status.ACTIVE


async def test_never_more_than_so_many_run_at_once(
    registry: RegistryService, checks: HealthChecks, prober: Scripted, clock: FrozenClock
) -> None:
    for number in range(50):
        host = f"h{number}"
        prober.hanging.add(host)
        await registry.register(service(host))
    await clock.advance(SOON)
    assert prober.most == prober.running == 8


async def test_those_that_were_there_before_are_asked_too(
    registry: RegistryService, prober: Scripted, clock: FrozenClock
) -> None:
    await registry.register(service("a"))
    running = asyncio.create_task(HealthChecks(registry, prober, clock, Random(2)).run())
    await clock.settle()
    await clock.advance(SOON)
    assert prober.asked["a"] == 1
    running.cancel()
    await asyncio.gather(running, return_exceptions=True)


async def test_replicas_share_the_records_and_take_over_from_one_that_left(
    registry: RegistryService, clock: FrozenClock
) -> None:
    alive = {"one", "two"}
    probers = {name: Scripted() for name in alive}
    tasks = [
        asyncio.create_task(
            HealthChecks(registry, prober, clock, Random(3), me=name, replicas=lambda: alive).run()
        )
        for name, prober in probers.items()
    ]
    await clock.settle()
    for number in range(40):
        await registry.register(service(f"h{number}"))
    await rounds(clock, 1)
    asked = [set(prober.asked) for prober in probers.values()]
    assert asked[0].isdisjoint(asked[1])
    assert len(asked[0] | asked[1]) == 40
    assert min(map(len, asked)) > 5

    alive.discard("two")
    await rounds(clock, 2)
    assert len(probers["one"].asked) == 40
    for task in tasks:
        task.cancel()
    await asyncio.gather(*tasks, return_exceptions=True)


_names = st.sets(st.text(min_size=1, max_size=8), min_size=1, max_size=6)
_keys = st.tuples(st.text(max_size=8), st.text(max_size=8))


@given(replicas=_names, key=_keys)
def test_a_record_has_one_owner_in_whatever_order_replicas_are_named(
    replicas: set[str], key: tuple[str, str]
) -> None:
    names = sorted(replicas)
    assert owner(key, names) == owner(key, names[::-1]) in replicas


@given(replicas=_names, key=_keys, gone=st.text(min_size=1, max_size=8))
def test_a_replica_that_leaves_moves_only_its_own(
    replicas: set[str], key: tuple[str, str], gone: str
) -> None:
    before = owner(key, replicas | {gone})
    if before != gone:
        assert owner(key, (replicas | {gone}) - {gone} or {before}) == before
