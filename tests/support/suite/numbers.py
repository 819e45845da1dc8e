"""Analytics, billing and the dashboard (document 4): what happens is in the numbers at once."""

from __future__ import annotations

from decimal import Decimal
from typing import Any, Final

import httpx

from rollcall.kernel.clock import SystemClock
from support.houses import MODEL
from support.sse import parsed
from support.suite.asking import Asking, soon

SOON: Final = 1.0
"""Seconds after an answer within which everybody knows of it."""
ATTEMPTS: Final = 10
"""A busy machine may stop for a while; not each time."""
CALCULATE: Final = "Calculate 2 + 2"
_clock = SystemClock()


def a_conversation_is_recorded_charged_and_shown(us: Asking) -> None:
    before = total(us)
    session = us.name("counted")
    said = us.say(session, "Calculate 10 + 5", model=MODEL)

    (kept,) = soon(lambda: recorded(us, said["agent_id"], said["turn_id"]))
    assert (kept["user_message"], kept["status"]) == ("Calculate 10 + 5", "completed")
    usages = soon(lambda: charged(us, said))
    assert sum(Decimal(one["amount"]) for one in usages) == Decimal(said["usage"]["cost"])

    soon(lambda: total(us) > before)
    told = soon(lambda: activity(us, said["turn_id"]))
    assert [one["type"] for one in told] == ["conversation.completed"]


def total(us: Asking) -> int:
    """How many conversations the dashboard shows, of analytics that it can ask."""
    summary = us.get("dashboard", "/api/dashboard/summary")
    assert summary["unavailable"] == []
    return summary["total_conversations"]


def recorded(us: Asking, agent: str, turn: str) -> list[Any]:
    """What analytics has of a turn, once its texts are there too."""
    found = us.get("analytics", "/api/conversations", agent_id=agent)
    return [one for one in found if one["conversation_id"] == turn and one["user_message"]]


def charged(us: Asking, said: Any) -> list[Any]:
    """The usages of a turn that was answered, once all are there."""
    found = us.get("billing", f"/api/usage/agent/{said['agent_id']}", limit=1000)["usages"]
    mine = [one for one in found if one["conversation_id"] == said["turn_id"]]
    # Its tokens, and the conversation.
    return mine if len(mine) > 1 else []


def activity(us: Asking, turn: str) -> list[Any]:
    """What the dashboard tells of a turn."""
    shown = us.get("dashboard", "/api/dashboard/activity", limit=100)
    return [one for one in shown if one["details"].get("conversation_id") == turn]


def within_a_second_everybody_knows_of_a_conversation(us: Asking) -> None:
    def seconds(number: int) -> float:
        session = us.name(f"quick-{number}")
        before = total(us)
        said = us.say(session, CALCULATE, model=MODEL)
        begun = _clock.monotonic()
        soon(lambda: us.get("analytics", "/api/conversations", session_id=session))
        soon(lambda: charged(us, said))
        soon(lambda: total(us) > before)
        return _clock.monotonic() - begun

    assert any(seconds(number) < SOON for number in range(ATTEMPTS))


def a_new_agent_has_its_metrics_and_its_cost_tracking_at_once(us: Asking) -> None:
    agent = us.post("gateway", "/api/agents", {"id": us.name("novice"), "name": "Novice"})["id"]

    def performance() -> list[Any]:
        agents = us.get("analytics", "/api/agents/performance", limit=1000)
        return [one for one in agents if one["agent_id"] == agent]

    (found,) = soon(performance)
    assert (found["agent_name"], found["conversations"], found["data"]) == ("Novice", 0, False)
    # Nobody knows, and nobody makes it up.
    assert found["average_response_time_ms"] is None
    assert found["average_satisfaction"] is None

    def tracked() -> Any:
        answer = us.send("GET", "billing", f"/api/usage/agent/{agent}")
        return answer.json() if answer.status_code == 200 else None

    costs = soon(tracked)
    assert (Decimal(costs["total_amount"]), costs["usages"]) == (0, [])
    assert us.send("GET", "billing", "/api/usage/agent/nobody").status_code == 404


def the_dashboard_tells_of_it_as_it_happens(us: Asking) -> None:
    where = f"{us.house.gateway}/api/dashboard/stream"
    with httpx.stream("GET", where, timeout=60) as stream:
        events = parsed(stream.iter_lines())
        first = next(events)
        assert first.name == "summary"
        before = first.data["total_conversations"]
        said = us.say(us.name("live"), "Calculate 6 * 7")
        told = {}
        while set(told) != {"summary", "activity"}:
            one = next(events)
            if one.name == "summary" and one.data["total_conversations"] > before:
                told[one.name] = one
            elif one.name == "activity" and one.data["type"] == "conversation.completed":
                told[one.name] = one
    assert told["activity"].data["details"]["conversation_id"] == said["turn_id"]


def a_hard_budget_stops_an_agent_before_it_begins(us: Asking) -> None:
    pauper = us.post("gateway", "/api/agents", {"id": us.name("pauper"), "name": "Pauper"})["id"]
    budget = {
        "scope": "agent",
        "agent_id": pauper,
        "limit": "0.000001",
        "period": "month",
        "hard": True,
        "idempotency_key": pauper,
    }
    made = us.post("billing", "/api/billing/budgets", budget)
    session = us.name("poor")
    body = {"session_id": session, "user_input": "Calculate 1 + 1", "agent_id": pauper}
    refused = us.send("POST", "agent", "/api/v1/process", body=body)
    assert refused.status_code == 402, refused.text
    assert refused.json()["type"] == "urn:rollcall:problem:budget-exhausted"
    (kept,) = soon(lambda: us.get("analytics", "/api/conversations", session_id=session))
    assert kept["status"] == "failed"
    gone = us.send("DELETE", "billing", f"/api/billing/budgets/{made['id']}")
    assert gone.is_success
    assert us.say(us.name("rich"), "Calculate 1 + 1", agent_id=pauper)["response"]


def the_gateway_leads_to_all_and_the_dashboard_has_asked_all(us: Asking) -> None:
    assert "total_conversations" in us.get("gateway", "/api/usage/stats")
    assert us.get("gateway", "/api/billing/periods/current")["status"] == "open"

    def whole() -> Any:
        page = us.get("gateway", "/api/dashboard")
        wrong = [one for one in page["status"] if one["status"] not in {"healthy", "absent"}]
        return not wrong and not page["unavailable"] and page

    page = soon(whole)
    assert page["summary"]["total_conversations"] >= 0
    assert page["money"] is not None
    healthy = {one["service"] for one in page["status"] if one["status"] == "healthy"}
    assert set(us.services) <= healthy
