from __future__ import annotations

import asyncio

import pytest
from hypothesis import given
from hypothesis import strategies as st

from rollcall.kernel.errors import StoreUnavailable
from rollcall.orchestration.agent_registry import AgentRegistry
from rollcall.orchestration.models import AgentRegistryConfig, AgentStatus
from rollcall.orchestration.reporting import next_report
from rollcall.orchestration.runtime import OrchestrationRuntime
from rollcall.orchestration.workers import Worker
from rollcall.policies.budget import Budget
from rollcall.testing.clock import FrozenClock


def a_worker() -> Worker:
    return Worker("a", object(), 1, 512, 1.0, Budget(1))


def follow(
    worker: Worker, current: AgentStatus, *, full: bool = False, failing: bool = False
) -> AgentStatus:
    """What the agent reads as after the runtime had its say."""
    worker.failing = failing
    return next_report(worker, current, full=full) or current


def test_an_agent_without_a_free_slot_reads_busy_and_active_again_after() -> None:
    worker = a_worker()
    busy = follow(worker, AgentStatus.ACTIVE, full=True)
    assert busy is AgentStatus.BUSY
    assert follow(worker, busy) is AgentStatus.ACTIVE


def test_a_busy_that_somebody_else_reported_stands() -> None:
    assert follow(a_worker(), AgentStatus.BUSY) is AgentStatus.BUSY


@pytest.mark.parametrize("status", ["degraded", "unhealthy", "offline"])
def test_work_changes_nothing_that_was_reported(status: str) -> None:
    worker = a_worker()
    reported = AgentStatus(status)
    assert follow(worker, reported, full=True) is reported
    assert follow(worker, reported, full=False) is reported


def test_an_agent_that_fails_its_check_reads_unhealthy_until_it_passes() -> None:
    worker = a_worker()
    ill = follow(worker, AgentStatus.ACTIVE, failing=True)
    assert ill is AgentStatus.UNHEALTHY
    assert follow(worker, ill, failing=True) is AgentStatus.UNHEALTHY
    assert follow(worker, ill) is AgentStatus.ACTIVE


def test_an_agent_that_was_degraded_is_so_again_after_it_was_ill() -> None:
    worker = a_worker()
    ill = follow(worker, AgentStatus.DEGRADED, failing=True)
    assert follow(worker, ill) is AgentStatus.DEGRADED


def test_an_agent_that_recovers_with_all_slots_taken_is_busy() -> None:
    worker = a_worker()
    ill = follow(worker, follow(worker, AgentStatus.ACTIVE, full=True), full=True, failing=True)
    assert ill is AgentStatus.UNHEALTHY
    busy = follow(worker, ill, full=True)
    assert busy is AgentStatus.BUSY
    assert follow(worker, busy) is AgentStatus.ACTIVE


def test_an_operator_s_unhealthy_stands_when_the_check_passes() -> None:
    worker = a_worker()
    assert follow(worker, AgentStatus.UNHEALTHY, failing=True) is AgentStatus.UNHEALTHY
    assert follow(worker, AgentStatus.UNHEALTHY) is AgentStatus.UNHEALTHY


@given(st.lists(st.tuples(st.booleans(), st.booleans())))
def test_whatever_happens_an_idle_healthy_agent_ends_active(
    history: list[tuple[bool, bool]],
) -> None:
    worker = a_worker()
    status = AgentStatus.ACTIVE
    for full, failing in history:
        status = follow(worker, status, full=full, failing=failing)
        expected = AgentStatus.BUSY if full else AgentStatus.ACTIVE
        assert status is (AgentStatus.UNHEALTHY if failing else expected)
    assert follow(worker, status) is AgentStatus.ACTIVE


class Unreliable(AgentRegistry):
    """Reports no status while its store is away."""

    away = False

    async def update_agent_status(
        self, agent_id: str, status: AgentStatus | str, runtime_id: str | None = None
    ) -> bool:
        if self.away:
            raise StoreUnavailable("away")
        return await super().update_agent_status(agent_id, status, runtime_id)


async def test_a_busy_that_could_not_be_taken_back_is_taken_back_later(
    caplog: pytest.LogCaptureFixture,
) -> None:
    class Agent:
        async def run(self) -> None:
            await gate.wait()

    gate, clock = asyncio.Event(), FrozenClock()
    async with (
        Unreliable(AgentRegistryConfig(enable_heartbeat_monitoring=False), clock=clock) as registry,
        OrchestrationRuntime(registry=registry, clock=clock) as runtime,
    ):
        await runtime.register_agent(Agent(), "a", max_concurrency=1)
        task = asyncio.create_task(runtime.execute_task("a"))
        await clock.settle()
        registry.away = True
        gate.set()
        assert (await task).ok
        assert [one.status for one in await runtime.list_agents()] == [AgentStatus.BUSY]
        assert "could not be reported" in caplog.text
        assert await runtime.route_task("x", "random") is not None

        registry.away = False
        assert (await runtime.execute_task("a")).ok
        assert [one.status for one in await runtime.list_agents()] == [AgentStatus.ACTIVE]
