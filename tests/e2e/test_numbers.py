# SPDX-License-Identifier: Apache-2.0
"""A conversation is recorded by analytics, charged by billing and seen on the dashboard within a
second; a new agent has its metrics and its cost tracking at once.
"""

from __future__ import annotations

import json
import subprocess
import sys
import threading
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import ExitStack
from dataclasses import dataclass
from decimal import Decimal
from typing import Any

import httpx
import pytest

from rollcall.kernel.clock import SystemClock
from support.servers.postgres import Postgres
from support.serving import Serving, environment, eventually, serving
from support.sse import parsed

pytestmark = pytest.mark.timeout(300)
CLOCK = SystemClock()
ALONE = ("service-registry", "tools", "agent", "gateway", "analytics", "billing", "dashboard")
"""What `rollcall serve` starts, each in a process of its own."""
SOON = 1.0
"""Seconds after an answer within which everybody knows of it."""
PATIENCE = 15.0
"""Seconds after which, on a busy machine, it counts as lost."""
CLERK = {
    "id": "clerk",
    "name": "Clerk",
    "configuration": {"instructions": "You work out what customers owe."},
}


@dataclass
class Numbers:
    """Where services answer."""

    talk: str
    gateway: str
    analytics: str
    billing: str
    dashboard: str


@pytest.fixture(
    scope="module",
    params=["together", pytest.param("apart", marks=pytest.mark.server)],
)
def up(
    request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory
) -> Iterator[Numbers]:
    """All services: in one process, or each in its own, on one PostgreSQL."""
    folder = tmp_path_factory.mktemp("numbers")
    with ExitStack() as stack:
        if request.param == "together":
            running = {"up": stack.enter_context(serving(folder, "up"))}
        else:
            postgres: Postgres = request.getfixturevalue("postgres")
            url = postgres.create("numbers", request.getfixturevalue("template"))
            told = {"PORT": "0", "ROLLCALL_STORE": url}

            def start(name: str) -> Serving:
                return stack.enter_context(serving(folder / name, "serve", name, **told))

            # A registry has no record of itself: who is to ask it is told where it is.
            registry = start("agent-registry")
            told["AGENT_REGISTRY_URL"] = registry.agents
            with ThreadPoolExecutor(2) as starting:
                running = dict(zip(ALONE, starting.map(start, ALONE), strict=True))
            running["agent-registry"] = registry
        parts = {
            name: next(filter(None, (getattr(one, name) for one in running.values())))
            for name in ("talk", "gateway", "analytics", "billing", "dashboard")
        }
        eventually('"calculate"', f"{parts['talk']}/api/v1/tools")
        for name in ("analytics", "billing", "dashboard"):
            eventually(f'"{name}":"ok"', f"{parts['gateway']}/health")
        yield Numbers(**parts)
        for one in running.values():
            assert one.end() == 0
            assert "Traceback" not in one.errors()
            assert "leaked" not in one.errors()


def get(url: str, **params: Any) -> Any:
    answer = httpx.get(url, params=params, timeout=30)
    assert answer.status_code == 200, f"{url}: {answer.text}"
    return answer.json()


def soon(look: Callable[[], Any]) -> Any:
    """What `look` finds, once it finds something."""
    deadline = CLOCK.monotonic() + PATIENCE
    while not (found := look()):
        assert CLOCK.monotonic() < deadline, "it never came"
        threading.Event().wait(0.02)
    return found


def ask(up: Numbers, *words: str) -> dict[str, Any]:
    done = subprocess.run(
        [sys.executable, "-m", "rollcall", "ask", *words, "--url", up.talk, "--json"],
        env=environment({}),
        capture_output=True,
        timeout=60,
        check=True,
    )
    return json.loads(done.stdout)


def test_a_conversation_held_with_rollcall_ask_shows_up_in_all_three(up: Numbers) -> None:
    before = get(f"{up.dashboard}/api/dashboard/summary")["total_conversations"]
    said = ask(up, "Calculate 10 + 5")
    assert "15" in said["response"]
    turn, session = said["turn_id"], said["session_id"]

    found = soon(lambda: get(f"{up.analytics}/api/conversations", session_id=session))
    assert (found[0]["conversation_id"], found[0]["agent_id"]) == (turn, said["agent_id"])
    assert found[0]["user_message"] == "Calculate 10 + 5"
    assert found[0]["status"] == "completed"

    usages = soon(
        lambda: [
            one
            for one in get(f"{up.billing}/api/usage/agent/{said['agent_id']}")["usages"]
            if one["conversation_id"] == turn
        ]
    )
    # The offline planner is no model that somebody asks money for.
    assert Decimal(usages[0]["amount"]) == 0

    summary = soon(
        lambda: (
            (now := get(f"{up.dashboard}/api/dashboard/summary"))["total_conversations"]
            == before + 1
            and now
        )
    )
    assert summary["unavailable"] == []
    shown = get(f"{up.dashboard}/api/dashboard/activity")
    assert shown[0]["details"]["conversation_id"] == turn


def test_a_new_agent_has_its_metrics_and_its_cost_tracking_at_once(up: Numbers) -> None:
    made = httpx.post(f"{up.gateway}/api/agents", json=CLERK, timeout=30)
    assert made.is_success, made.text

    def performance() -> list[dict[str, Any]]:
        agents = get(f"{up.analytics}/api/agents/performance")
        return [one for one in agents if one["agent_id"] == "clerk"]

    (clerk,) = soon(performance)
    assert (clerk["agent_name"], clerk["conversations"], clerk["data"]) == ("Clerk", 0, False)
    assert clerk["average_response_time_ms"] is None

    def tracked() -> dict[str, Any] | None:
        answer = httpx.get(f"{up.billing}/api/usage/agent/clerk", timeout=30)
        return answer.json() if answer.status_code == 200 else None

    costs = soon(tracked)
    assert (Decimal(costs["total_amount"]), costs["usages"]) == (0, [])
    nobody = httpx.get(f"{up.billing}/api/usage/agent/nobody", timeout=30)
    assert nobody.status_code == 404


def test_the_dashboard_tells_of_it_as_it_happens(up: Numbers) -> None:
    where = f"{up.gateway}/api/dashboard/stream"
    with httpx.stream("GET", where, timeout=30) as stream:
        events = parsed(stream.iter_lines())
        first = next(events)
        assert first.name == "summary"
        body = {"session_id": "live", "user_input": "Calculate 6 * 7"}
        httpx.post(f"{up.talk}/api/v1/process", json=body, timeout=60).raise_for_status()
        told = {}
        while set(told) != {"summary", "activity"}:
            one = next(events)
            if one.name != "activity" or one.data["type"] == "conversation.completed":
                told[one.name] = one
    total = told["summary"].data["total_conversations"]
    assert total == first.data["total_conversations"] + 1


def test_within_a_second_everybody_knows_of_a_conversation(up: Numbers) -> None:
    def seconds(number: int) -> float:
        body = {"session_id": f"quick-{number}", "user_input": "Calculate 2 + 2"}
        total = get(f"{up.dashboard}/api/dashboard/summary")["total_conversations"]
        said = httpx.post(f"{up.talk}/api/v1/process", json=body, timeout=60).raise_for_status()
        begun = CLOCK.monotonic()
        turn = said.json()["turn_id"]
        soon(lambda: get(f"{up.analytics}/api/conversations", session_id=body["session_id"]))
        soon(lambda: turn in httpx.get(f"{up.billing}/api/usage/agent/assistant").text)
        soon(
            lambda: (
                httpx.post(f"{up.dashboard}/api/dashboard/refresh").is_success
                and get(f"{up.dashboard}/api/dashboard/summary")["total_conversations"] > total
            )
        )
        return CLOCK.monotonic() - begun

    # A busy machine may stop for a while; not each time.
    assert min(seconds(number) for number in range(5)) < SOON


def test_the_gateway_leads_to_all_three(up: Numbers) -> None:
    checks = get(f"{up.gateway}/health")["checks"]
    assert {checks[one] for one in ("analytics", "billing", "dashboard")} == {"ok"}
    assert "total_conversations" in get(f"{up.gateway}/api/usage/stats")
    assert get(f"{up.gateway}/api/billing/periods/current")["status"] == "open"
    # The dashboard's, which has what billing says too.
    assert "money" in get(f"{up.gateway}/api/dashboard/summary")
    page = get(f"{up.gateway}/api/dashboard")
    assert page["unavailable"] == []
    status = {one["service"]: one["status"] for one in page["status"]}
    assert {status[one] for one in ("analytics", "billing", "dashboard", "agent")} == {"healthy"}
    assert status["widgets"] == "absent"


def test_a_hard_budget_stops_an_agent_before_it_begins(up: Numbers) -> None:
    poor = {**CLERK, "id": "pauper", "name": "Pauper"}
    httpx.post(f"{up.gateway}/api/agents", json=poor, timeout=30).raise_for_status()
    budget = {
        "scope": "agent",
        "agent_id": "pauper",
        "limit": "0.000001",
        "period": "month",
        "hard": True,
    }
    made = httpx.post(f"{up.billing}/api/billing/budgets", json=budget, timeout=30)
    assert made.status_code == 201, made.text
    said = {"session_id": "poor", "user_input": "Calculate 1 + 1", "agent_id": "pauper"}
    refused = httpx.post(f"{up.talk}/api/v1/process", json=said, timeout=60)
    assert refused.status_code == 402, refused.text
    assert refused.json()["type"] == "urn:rollcall:problem:budget-exhausted"

    def failed() -> bool:
        found = get(f"{up.analytics}/api/conversations", session_id="poor")
        return bool(found) and found[0]["status"] == "failed"

    soon(failed)
    name = made.json()["id"]
    gone = httpx.delete(f"{up.billing}/api/billing/budgets/{name}", timeout=30)
    assert gone.is_success
    again = httpx.post(f"{up.talk}/api/v1/process", json={**said, "session_id": "rich"}, timeout=60)
    assert again.status_code == 200, again.text


def test_what_was_said_is_gone_with_its_session_and_the_numbers_stay(up: Numbers) -> None:
    body = {"session_id": "secret", "user_input": "Calculate 3 + 4 for zebra"}
    httpx.post(f"{up.talk}/api/v1/process", json=body, timeout=60).raise_for_status()
    soon(lambda: get(f"{up.analytics}/api/conversations", session_id="secret"))
    total = get(f"{up.analytics}/api/usage/stats")["total_conversations"]
    gone = httpx.delete(f"{up.talk}/api/v1/sessions/secret", timeout=30)
    assert gone.is_success
    soon(lambda: "zebra" not in httpx.get(f"{up.analytics}/api/conversations", timeout=30).text)
    assert get(f"{up.analytics}/api/usage/stats")["total_conversations"] == total
