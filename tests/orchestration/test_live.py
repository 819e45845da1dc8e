"""Live objects beside the core, and records that have none."""

from __future__ import annotations

from types import SimpleNamespace
from typing import Any

import pytest

from rollcall.kernel.clock import utc
from rollcall.orchestration import AgentRegistry, AgentStatus
from rollcall.orchestration.live import DEFAULT_LIMITS, LiveAgents, limits_of
from rollcall.orchestration.models import Limits
from rollcall.registry.models import Grant, Kind, LeasePolicy, Record
from rollcall.registry.status import Status
from rollcall.testing.clock import FrozenClock


def record(**others: Any) -> Record:
    return Record("default", "a", Kind.AGENT, "A", Status.ACTIVE, 1.0, 2.0, **others)


@pytest.fixture
def live(registry: AgentRegistry) -> LiveAgents:
    return LiveAgents(registry.service.state, registry.service.timers, "default")


async def test_a_record_without_an_object_is_known_all_the_same(
    registry: AgentRegistry, clock: FrozenClock
) -> None:
    await registry.service.register(record(lease=Grant(LeasePolicy(5)), runtime="r"))
    known = registry.agents["a"]
    assert (known.agent, known.a2a_card, known.runtime_id) == (None, None, "r")
    assert known.status is AgentStatus.ACTIVE
    assert known.last_heartbeat == utc(clock.now())


@pytest.mark.parametrize(
    ("metadata", "limits"),
    [
        (None, Limits()),
        ({"max_concurrency": 3, "budget_limit_usd": 0.25}, Limits(3, 512, 0.25)),
        ({"max_concurrency": 3, "team": "blue"}, Limits(3)),
        ({"max_concurrency": "many"}, Limits()),
        ({"max_concurrency": 0}, Limits()),
    ],
)
async def test_limits_are_read_from_the_record_where_they_can_be(
    registry: AgentRegistry, metadata: dict[str, Any] | None, limits: Limits
) -> None:
    await registry.service.register(record(lease=Grant(LeasePolicy(5)), metadata=metadata))
    known = registry.agents["a"]
    assert limits == Limits(known.max_concurrency, known.memory_limit_mb, known.budget_limit_usd)


async def test_a_shared_lease_is_the_heartbeat_of_all_that_it_covers(
    registry: AgentRegistry, clock: FrozenClock
) -> None:
    await registry.service.grant("default", "host", LeasePolicy(30))
    await registry.service.register(record(lease="host"))
    await clock.advance(10)
    await registry.service.renew_lease("default", "host")
    renewed = utc(clock.now())
    await clock.advance(10)
    assert registry.agents["a"].last_heartbeat == renewed


async def test_a_permanent_record_was_heard_of_when_it_was_written(
    registry: AgentRegistry,
) -> None:
    await registry.service.register(record())
    assert registry.agents["a"].last_heartbeat == utc(2.0)


async def test_an_object_is_kept_and_forgotten(live: LiveAgents) -> None:
    assert "a" not in live
    live.add("a", SimpleNamespace(), {"capability": "code"}, Limits(3))
    assert "a" in live
    live.forget("a")
    live.forget("a")
    assert "a" not in live
    assert live.known("a") is None
    assert live.record("a") is None


def test_default_limits_are_kept_once() -> None:
    assert limits_of(10, 512, 1.0) is DEFAULT_LIMITS
    assert limits_of(10, 512, 2.0) == Limits(10, 512, 2.0)
