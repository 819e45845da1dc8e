"""Document 4's first flow: an agent that is made in the wizard has its metrics and its cost
tracking at once, and its owner sees its life.
"""

from __future__ import annotations

from decimal import Decimal
from typing import Any

from support.houses import MODEL
from support.suite.asking import Asking, soon

BUSINESS = {
    "business_name": "Marble Dental",
    "business_description": "A dental practice with three dentists in the middle of Graz.",
    "business_domain": "https://marble-dental.example",
    "industry": "healthcare",
    "llm_model": MODEL,
    "interface_type": "webchat",
}


def made(us: Asking, name: str) -> str:
    """An agent out of the wizard, told what its trade is told, that has begun its work."""
    agent = us.post("wizard", "/api/agents", {**BUSINESS, "id": us.name(name)})
    assert (agent["status"], agent["industry"]) == ("draft", "healthcare")
    place = f"/api/agents/{agent['id']}"
    prompt = us.post("wizard", f"{place}/system-prompt", {})
    assert "Marble Dental" in prompt["system_prompt"]
    assert prompt["industry_metadata"]["icon"] == "stethoscope"
    ready = us.post("wizard", f"{place}/validate-deployment", None)
    assert (ready["ready"], ready["issues"]) == (True, [])
    calculator = f"{agent['id']}-calculator"
    us.post("wizard", "/api/capabilities", {"id": calculator, "name": "Calculator"})
    us.post("wizard", f"{place}/capabilities/{calculator}", {})
    active = us.patch("wizard", f"{place}/status", {"status": "active", "reason": "it is ready"})
    assert active["status"] == "active"
    return agent["id"]


def an_agent_of_the_wizard_has_its_metrics_and_its_cost_tracking_at_once(us: Asking) -> None:
    agent = made(us, "dentist")

    def performance() -> list[Any]:
        found = us.get("analytics", "/api/agents/performance", agent_ids=agent)
        return [one for one in found if one["industry"] == "healthcare"]

    (found,) = soon(performance)
    assert (found["conversations"], found["data"]) == (0, False)
    costs = soon(lambda: _costs(us, agent))
    assert (Decimal(costs["total_amount"]), costs["usages"]) == (0, [])

    key = us.name("first question")
    said = us.post(
        "wizard",
        f"/api/runtime/chat/{agent}",
        {"message": "Calculate 6 * 7", "session_id": us.name("test-chat")},
        **{"Idempotency-Key": key},
    )
    assert "42" in said["response"]
    soon(lambda: us.get("analytics", f"/api/agents/{agent}/performance")["conversations"] == 1)
    soon(lambda: Decimal(_costs(us, agent)["total_amount"]) == Decimal(said["usage"]["cost"]))

    def shown() -> list[Any]:
        agents = us.listed("dashboard", "/api/dashboard/agents", limit=200)
        return [one for one in agents if one["agent_id"] == agent and one["conversations"] == 1]

    assert soon(shown)


def owners_see_their_agents_and_act_on_many_at_once(us: Asking) -> None:
    agents = [made(us, f"owned-{number}") for number in range(2)]
    row = next(one for one in us.get("my-agents", "/api/my-agents") if one["agent_id"] == agents[0])
    assert row["status"] == "active"
    assert row["last_status_change"]["reason"] == "it is ready"
    draft = us.post("wizard", "/api/agents", {**BUSINESS, "id": us.name("unready")})["id"]
    asked = {"agent_ids": [*agents, draft], "operation": "disable", "reason": "closed for summer"}
    tried = us.post("gateway", "/api/my-agents/bulk", {**asked, "dry_run": True})
    done = us.post("gateway", "/api/my-agents/bulk", asked)
    for one in (tried, done):
        assert (one["total_agents"], one["successful"], one["failed"]) == (3, 2, 1)
    for agent in agents:
        place = f"/api/my-agents/{agent}"
        found = us.get("my-agents", place)
        assert (found["status"], found["last_status_change"]["reason"]) == (
            "disabled",
            "closed for summer",
        )
        history = us.get("my-agents", f"{place}/status-history")
        assert [one["to"] for one in history] == ["disabled", "active", "draft"]
    refused = us.send("POST", "my-agents", f"/api/my-agents/{agents[0]}/pause", body={})
    assert refused.status_code == 409
    closed = us.send("POST", "wizard", f"/api/runtime/chat/{agents[0]}", body={"message": "Hello"})
    assert closed.status_code == 409


def _costs(us: Asking, agent: str) -> Any:
    answer = us.send("GET", "billing", f"/api/usage/agent/{agent}")
    return answer.json() if answer.status_code == 200 else None
