"""The two data flows of document 4, step by step as it lists them, against `rollcall up`: each
service is asked at its own address, over HTTP.
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from decimal import Decimal
from pathlib import Path
from typing import Any

import httpx
import pytest

from support.houses import MODEL, modelled
from support.modelled import until
from support.serving import Serving, serving
from support.sse import parsed

DOCUMENT = Path(__file__).with_name("document_4")
ORIGIN = "https://marble-dental.example"
AGENT = {
    "business_name": "Marble Dental",
    "business_description": "A dental practice with three dentists in the middle of Graz.",
    "business_domain": ORIGIN,
    "industry": "healthcare",
    "llm_model": MODEL,
    "interface_type": "webchat",
}


@pytest.fixture(scope="module")
def up(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Serving]:
    folder = tmp_path_factory.mktemp("flows")
    with modelled() as told, serving(folder, "up", ROLLCALL_STORE="memory", **told) as one:
        until(lambda: '"calculate"' in httpx.get(f"{one.talk}/api/v1/tools").text)
        yield one


def steps(name: str) -> list[str]:
    """The services of a flow, in the document's order."""
    text = (DOCUMENT / f"{name}.txt").read_text(encoding="utf-8")
    return re.findall(r"^\d\. \*\*(.+?)\*\*: ", text, re.MULTILINE)


def done(answer: httpx.Response) -> Any:
    assert answer.is_success, answer.text
    return answer.json()


def get(url: str, **params: Any) -> Any:
    return done(httpx.get(url, params=params, timeout=30))


def created(up: Serving) -> str:
    """An agent that the wizard has made, and that has begun its work."""
    agent = done(httpx.post(f"{up.wizard}/api/agents", json=AGENT, timeout=30))
    place = f"{up.wizard}/api/agents/{agent['id']}"
    prompt = done(httpx.post(f"{place}/system-prompt", timeout=30))
    assert (prompt["agent_id"], prompt["business_name"]) == (agent["id"], "Marble Dental")
    assert "Marble Dental" in prompt["system_prompt"]
    assert prompt["industry_metadata"]["icon"] == "stethoscope"
    checked = done(httpx.post(f"{place}/validate-deployment", timeout=30))
    assert (checked["ready"], checked["issues"]) == (True, [])
    calculator = {"id": f"{agent['id']}-calculator", "name": "Calculator"}
    done(httpx.post(f"{up.wizard}/api/capabilities", json=calculator, timeout=30))
    done(httpx.post(f"{place}/capabilities/{calculator['id']}", timeout=30))
    done(httpx.patch(f"{place}/status", json={"status": "active"}, timeout=30))
    return agent["id"]


def test_the_agent_creation_flow(up: Serving) -> None:
    assert steps("agent_creation_flow") == ["Agent Wizard", "Analytics", "Billing", "Dashboard"]
    agent = created(up)

    def measured() -> bool:
        found = get(f"{up.analytics}/api/agents/performance", agent_ids=agent)
        return [(one["industry"], one["conversations"]) for one in found] == [("healthcare", 0)]

    until(measured)
    # Nothing has happened yet, and nothing is made up.
    numbers = get(f"{up.analytics}/api/agents/{agent}/performance")
    assert (numbers["data"], numbers["average_response_time_ms"]) == (False, None)

    place = f"{up.billing}/api/usage/agent/{agent}"
    until(lambda: httpx.get(place, timeout=30).is_success)
    assert Decimal(get(place)["total_amount"]) == 0

    def shown() -> bool:
        agents = get(f"{up.dashboard}/api/dashboard/agents", limit=200)
        return agent in [one["agent_id"] for one in agents]

    until(shown)


def test_the_conversation_flow(up: Serving) -> None:
    assert steps("conversation_flow") == [
        "Widget",
        "Agent Wizard",
        "Analytics",
        "Billing",
        "Dashboard",
    ]
    agent = created(up)
    body = {"agent_id": agent, "name": "Reception", "allowed_origins": [ORIGIN]}
    widget = done(httpx.post(f"{up.widgets}/api/widgets", json=body, timeout=30))
    before = get(f"{up.dashboard}/api/dashboard/summary")["total_conversations"]

    door = f"{up.widgets}/widget/v1/{widget['public_key']}"
    headers = {"Origin": ORIGIN}
    come = done(httpx.post(f"{door}/visitors", json={}, headers=headers, timeout=30))
    headers["Authorization"] = f"Bearer {come['token']}"
    said = {"message": "Calculate 10 + 5", "client_id": "m1"}
    with httpx.stream("POST", f"{door}/messages", json=said, headers=headers, timeout=60) as answer:
        assert answer.status_code == 200
        told = list(parsed(answer.iter_lines()))
    # The agent that the wizard made has answered, with its model and a tool.
    assert told[-1].name == "done"
    assert "15" in told[-1].data["response"]
    turn = told[-1].data["turn_id"]

    def recorded() -> bool:
        found = get(f"{up.analytics}/api/conversations", agent_id=agent)
        return [(one["conversation_id"], one["user_message"]) for one in found] == [
            (turn, "Calculate 10 + 5")
        ]

    until(recorded)

    def charged() -> bool:
        usages = get(f"{up.billing}/api/usage/agent/{agent}")["usages"]
        mine = [one for one in usages if one["conversation_id"] == turn]
        return sum(Decimal(one["amount"]) for one in mine) > 0

    until(charged)
    place = f"{up.dashboard}/api/dashboard/summary"
    until(lambda: get(place)["total_conversations"] == before + 1)


def test_the_wizard_talks_to_the_agent_too(up: Serving) -> None:
    agent = created(up)
    place = f"{up.wizard}/api/runtime/chat/{agent}"
    said = done(httpx.post(place, json={"message": "Calculate 6 * 7"}, timeout=60))
    assert "42" in said["response"]
    paused = httpx.patch(
        f"{up.wizard}/api/agents/{agent}/status", json={"status": "paused"}, timeout=30
    )
    assert paused.is_success
    assert httpx.post(place, json={"message": "Hello"}, timeout=60).status_code == 409
