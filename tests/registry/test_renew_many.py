"""Many heartbeats at once, and registrations that a guard may refuse."""

from __future__ import annotations

import msgspec
import pytest

from rollcall.kernel.caller import NotPermitted
from rollcall.registry.models import Grant, HealthCheck, LeasePolicy, Record
from rollcall.registry.service import RegistryService
from rollcall.registry.status import Status
from rollcall.testing.clock import FrozenClock
from rollcall.testing.store_contract.case import record

POLICY = LeasePolicy(offline_after=60)


async def test_many_are_renewed_at_once_and_who_is_unknown_is_named(
    registry: RegistryService, clock: FrozenClock
) -> None:
    await registry.grant("default", "pod", POLICY)
    await registry.register(record("own", Grant(POLICY)))
    await registry.register(record("member", "pod"))
    await registry.register(record("permanent"))
    await clock.advance(50)
    unknown = await registry.renew_many("default", ["x", "own", "member", "permanent", "y"])
    assert unknown == ["x", "y"]
    await clock.advance(50)
    for key in ("own", "member"):
        view = registry.get("default", key)
        assert view.status is Status.ACTIVE
        assert view.renewed_at == pytest.approx(clock.now() - 50)
    assert registry.get("default", "permanent").renewed_at is None


async def test_those_that_ran_down_come_back(registry: RegistryService, clock: FrozenClock) -> None:
    await registry.grant("default", "pod", POLICY)
    for key in "abc":
        await registry.register(record(key, "pod"))
    await registry.register(record("own", Grant(POLICY)))
    await clock.advance(61)
    keys = ["a", "b", "c", "own"]
    assert {registry.get("default", key).status for key in keys} == {Status.OFFLINE}
    assert await registry.renew_many("default", keys) == []
    assert {registry.get("default", key).status for key in keys} == {Status.ACTIVE}


async def test_a_guard_sees_what_would_be_replaced_and_may_refuse(
    registry: RegistryService,
) -> None:
    seen: list[Record] = []

    def guard(old: Record) -> None:
        seen.append(old)
        if old.owner == "key:a":
            raise NotPermitted("not yours")

    first = msgspec.structs.replace(record(), owner="key:a")
    await registry.register(first, guard=guard)
    assert seen == []
    with pytest.raises(NotPermitted):
        await registry.register(msgspec.structs.replace(first, owner="key:b"), guard=guard)
    assert seen == [first]
    assert registry.get("default", "a").record.owner == "key:a"


@pytest.mark.parametrize(
    ("field", "value"),
    [
        ("endpoint", "health"),
        ("endpoint", ""),
        ("endpoint", "/a b"),
        ("endpoint", "/a\0"),
        ("endpoint", "/" + "x" * 2048),
        ("interval_seconds", 0.5),
        ("interval_seconds", float("nan")),
        ("interval_seconds", 90_000),
        ("timeout_seconds", 0),
        ("timeout_seconds", 31),
        ("retries", 0),
        ("retries", 101),
    ],
)
def test_a_health_check_out_of_its_range_is_refused_by_its_field(field: str, value: object) -> None:
    with pytest.raises(ValueError, match=f"health_check.{field}"):
        HealthCheck(**{field: value})
