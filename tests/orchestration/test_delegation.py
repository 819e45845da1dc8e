"""Agents that have other agents do something."""

from __future__ import annotations

import asyncio
from typing import Any

import pytest

from rollcall.client.delegation import (
    AgentRequestEvent,
    AgentRequestType,
    AgentResponseEvent,
    AgentResponseStatus,
    RequestPriority,
)
from rollcall.orchestration.delegation import Delegator
from rollcall.orchestration.errors import NoAgentFound
from rollcall.orchestration.models import AgentStatus
from rollcall.orchestration.runtime import OrchestrationRuntime
from rollcall.testing.clock import FrozenClock
from support.runtimes import Make


class Agent:
    def __init__(self, agent_id: str, *capabilities: str, error: Exception | None = None) -> None:
        self.agent_id = agent_id
        self.capabilities = list(capabilities)
        self.error = error
        self.gate = asyncio.Event()
        self.gate.set()
        self.done: list[Any] = []

    async def run(self, task: Any) -> str:
        await self.gate.wait()
        if self.error is not None:
            raise self.error
        self.done.append(task)
        return f"{self.agent_id}: {task}"


@pytest.fixture
async def runtime(make: Make) -> OrchestrationRuntime:
    return await make()


@pytest.fixture
def delegator(runtime: OrchestrationRuntime, clock: FrozenClock) -> Delegator:
    return Delegator(runtime, clock=clock)


def ask(
    target: str, kind: AgentRequestType = AgentRequestType.EXECUTE_TASK, **fields: Any
) -> AgentRequestEvent:
    fields = {"payload": {"task": "scan"}, **fields}
    return AgentRequestEvent(
        source_agent="orchestrator", target_agent=target, request_type=kind, **fields
    )


async def test_an_agent_runs_what_is_delegated_to_it(
    runtime: OrchestrationRuntime, delegator: Delegator
) -> None:
    await runtime.register_agent(Agent("scanner"))
    request = ask("scanner", correlation_id="c-1")
    answer = await delegator.delegate(request)
    assert (answer.status, answer.result) == (AgentResponseStatus.SUCCESS, "scanner: scan")
    assert (answer.request_id, answer.correlation_id) == (request.request_id, "c-1")
    assert (answer.source_agent, answer.target_agent) == ("scanner", "orchestrator")


async def test_an_agent_that_handles_requests_gets_the_request_and_may_answer_itself(
    runtime: OrchestrationRuntime, delegator: Delegator
) -> None:
    class Handler:
        def handle_request(self, request: AgentRequestEvent) -> Any:
            if request.request_type is AgentRequestType.QUERY:
                return AgentResponseEvent(
                    request_id="forged",
                    source_agent="forged",
                    target_agent="forged",
                    status=AgentResponseStatus.PARTIAL,
                    result="half",
                )
            return request.priority

    await runtime.register_agent(Handler(), "handler")
    urgent = ask("handler", priority=RequestPriority.URGENT)
    assert (await delegator.delegate(urgent)).result == "urgent"
    query = ask("handler", AgentRequestType.QUERY)
    answer = await delegator.delegate(query)
    assert (answer.status, answer.result) == (AgentResponseStatus.PARTIAL, "half")
    assert (answer.request_id, answer.source_agent) == (query.request_id, "handler")


async def test_what_goes_wrong_is_in_the_answer(
    runtime: OrchestrationRuntime, delegator: Delegator
) -> None:
    await runtime.register_agent(Agent("bad", error=ValueError("no target")))
    answer = await delegator.delegate(ask("bad"))
    assert (answer.status, answer.error) == (AgentResponseStatus.ERROR, "ValueError: no target")
    nobody = await delegator.delegate(ask("ghost"))
    assert nobody.status is AgentResponseStatus.REJECTED
    assert "ghost" in str(nobody.error)


async def test_after_shutdown_requests_are_rejected(
    runtime: OrchestrationRuntime, delegator: Delegator
) -> None:
    await runtime.register_agent(Agent("a"))
    await runtime.shutdown()
    assert (await delegator.delegate(ask("a"))).status is AgentResponseStatus.REJECTED


async def test_a_request_that_takes_too_long_times_out(
    runtime: OrchestrationRuntime, delegator: Delegator, clock: FrozenClock
) -> None:
    agent = Agent("slow")
    agent.gate.clear()
    await runtime.register_agent(agent)
    work = asyncio.create_task(delegator.delegate(ask("slow", timeout_seconds=5)))
    await clock.advance(5)
    answer = await work
    assert (answer.status, answer.execution_time_ms) == (AgentResponseStatus.TIMEOUT, 5000.0)


async def test_where_slots_are_scarce_the_most_urgent_goes_first(
    runtime: OrchestrationRuntime, delegator: Delegator, clock: FrozenClock
) -> None:
    agent = Agent("a")
    agent.gate.clear()
    await runtime.register_agent(agent, max_concurrency=1)
    first = asyncio.create_task(delegator.delegate(ask("a", payload={"task": "first"})))
    await clock.settle()
    waiting = [
        asyncio.create_task(
            delegator.delegate(ask("a", payload={"task": priority.value}, priority=priority))
        )
        for priority in RequestPriority
    ]
    await clock.settle()
    agent.gate.set()
    await asyncio.gather(first, *waiting)
    assert agent.done == ["first", "urgent", "high", "normal", "low"]


async def test_a_running_request_can_be_cancelled(
    runtime: OrchestrationRuntime, delegator: Delegator, clock: FrozenClock
) -> None:
    agent = Agent("a")
    agent.gate.clear()
    await runtime.register_agent(agent)
    request = ask("a")
    work = asyncio.create_task(delegator.delegate(request))
    await clock.settle()
    cancel = ask("a", AgentRequestType.CANCEL_TASK, payload={"request_id": request.request_id})
    assert (await delegator.delegate(cancel)).result == {
        "request_id": request.request_id,
        "cancelled": True,
    }
    answer = await work
    assert answer.status is AgentResponseStatus.ERROR
    assert "cancelled" in str(answer.error)
    assert (await runtime.get_metrics())["active_tasks"] == 0


@pytest.mark.parametrize("payload", [{}, {"request_id": "unknown"}, {"request_id": 5}])
async def test_what_does_not_run_cannot_be_cancelled(
    runtime: OrchestrationRuntime, delegator: Delegator, payload: dict[str, Any]
) -> None:
    await runtime.register_agent(Agent("a"))
    answer = await delegator.delegate(ask("a", AgentRequestType.CANCEL_TASK, payload=payload))
    assert answer.status is AgentResponseStatus.REJECTED


async def test_cancelling_whoever_waits_cancels_the_request(
    runtime: OrchestrationRuntime, delegator: Delegator, clock: FrozenClock
) -> None:
    agent = Agent("a")
    agent.gate.clear()
    await runtime.register_agent(agent)
    work = asyncio.create_task(delegator.delegate(ask("a")))
    await clock.settle()
    work.cancel()
    await asyncio.wait({work})
    assert work.cancelled()
    assert (await runtime.get_metrics())["active_tasks"] == 0


async def test_the_same_request_does_not_run_twice_at_once(
    runtime: OrchestrationRuntime, delegator: Delegator, clock: FrozenClock
) -> None:
    agent = Agent("a")
    agent.gate.clear()
    await runtime.register_agent(agent)
    request = ask("a")
    work = asyncio.create_task(delegator.delegate(request))
    await clock.settle()
    assert (await delegator.delegate(request)).status is AgentResponseStatus.REJECTED
    agent.gate.set()
    assert (await work).status is AgentResponseStatus.SUCCESS


async def test_the_status_of_an_agent_is_told_without_running_it(
    runtime: OrchestrationRuntime, delegator: Delegator, clock: FrozenClock
) -> None:
    agent = Agent("a")
    agent.gate.clear()
    await runtime.register_agent(agent, max_concurrency=1)
    request = ask("a")
    work = asyncio.create_task(delegator.delegate(request))
    await clock.settle()
    answer = await delegator.delegate(ask("a", AgentRequestType.GET_STATUS))
    assert answer.status is AgentResponseStatus.SUCCESS
    assert answer.result["status"] == "busy"
    assert answer.result["is_healthy"] is True
    assert answer.result["running_requests"] == [request.request_id]
    agent.gate.set()
    await work
    assert agent.done == ["scan"]
    nobody = await delegator.delegate(ask("ghost", AgentRequestType.GET_STATUS))
    assert nobody.status is AgentResponseStatus.REJECTED


# Fallback


async def test_the_primary_capability_s_healthy_agent_is_chosen(
    runtime: OrchestrationRuntime, delegator: Delegator
) -> None:
    await runtime.register_agent(Agent("scanner", "security_scanning"))
    await runtime.register_agent(Agent("reviewer", "code_review"))
    chosen = await delegator.delegate_with_fallback(
        task="security_scan",
        primary_capability="security_scanning",
        fallback_capability="code_review",
    )
    assert chosen == "scanner"


async def test_the_fallback_is_chosen_where_nobody_is_healthy(
    runtime: OrchestrationRuntime, delegator: Delegator
) -> None:
    class Ill(Agent):
        def health_check(self) -> bool:
            return False

    await runtime.register_agent(Agent("scanner", "security_scanning"))
    await runtime.register_agent(Ill("other", "security_scanning"))
    await runtime.register_agent(Agent("reviewer", "code_review"))
    await runtime.registry.update_agent_status("scanner", AgentStatus.UNHEALTHY)
    chosen = await delegator.delegate_with_fallback("scan", "security_scanning", "code_review")
    assert chosen == "reviewer"


async def test_where_there_is_nobody_the_error_names_both_and_says_why(
    runtime: OrchestrationRuntime, delegator: Delegator
) -> None:
    await runtime.register_agent(Agent("scanner", "security_scanning"))
    await runtime.registry.update_agent_status("scanner", AgentStatus.OFFLINE)
    with pytest.raises(NoAgentFound) as caught:
        await delegator.delegate_with_fallback("scan", "security_scanning", "code_review")
    assert isinstance(caught.value, ValueError)
    assert "'security_scanning' or 'code_review'" in str(caught.value)
    assert caught.value.passed_over == {"scanner": "it is offline"}


async def test_agents_of_other_runtimes_are_not_chosen(
    runtime: OrchestrationRuntime, delegator: Delegator
) -> None:
    await runtime.start()
    await runtime.registry.register_agent(Agent("theirs", "scanning"), "another")
    with pytest.raises(NoAgentFound) as caught:
        await delegator.delegate_with_fallback("scan", "scanning")
    assert caught.value.passed_over == {}


async def test_a_task_goes_on_to_the_next_agent_until_one_gets_it_done(
    runtime: OrchestrationRuntime, delegator: Delegator
) -> None:
    await runtime.register_agent(Agent("broken", "scanning", error=ValueError("no")))
    await runtime.register_agent(Agent("reviewer", "code review"))
    answer = await delegator.send_with_fallback(
        "scan", "scanning", "code review", source_agent="orchestrator"
    )
    assert (answer.status, answer.source_agent) == (AgentResponseStatus.SUCCESS, "reviewer")
    assert answer.result == "reviewer: scan"


async def test_where_everybody_fails_the_last_answer_says_so(
    runtime: OrchestrationRuntime, delegator: Delegator
) -> None:
    for name in ("a", "b"):
        await runtime.register_agent(Agent(name, "scanning", error=ValueError(name)))
    answer = await delegator.send_with_fallback({"task": "x"}, "scanning", source_agent="o")
    assert answer.status is AgentResponseStatus.ERROR
    assert answer.error == "ValueError: b"
    with pytest.raises(NoAgentFound):
        await delegator.send_with_fallback("x", "cooking", source_agent="o")
