# SPDX-License-Identifier: Apache-2.0
"""The commands of the README's sections on agents that remember, what they cost, and agents for a
site, against `rollcall up`.
"""

from __future__ import annotations

import json
import re
from collections.abc import Iterator
from dataclasses import dataclass
from decimal import Decimal
from pathlib import Path
from typing import Any

import httpx
import pytest

from support.commands import Answer, pasted
from support.serving import Serving, eventually, serving

README = Path(__file__).resolve().parent.parent / "README.md"
SECTION = "Agents that remember"
SAID = ("My name is Ada Lovelace", "I work at Babbage Engines")
"""What the agent remembers of the conversation."""


def blocks(section: str) -> list[list[str]]:
    """The commands of each shell block of a section; each begins a line of its own."""
    text = README.read_text(encoding="utf-8")
    found = re.search(rf"^## {section}\n(.*?)^## ", text, re.DOTALL | re.MULTILINE)
    assert found is not None, f"the README has no section {section!r}"
    fenced = re.findall(r"^```sh\n(.*?)^```", found[1], re.DOTALL | re.MULTILINE)
    return [re.split(r"\n(?=curl )", block.strip()) for block in fenced]


DEFINE, TALK, LOOK = blocks(SECTION)
CHARGE, BILL = blocks("What it costs")
MAKE, EMBED, VISIT, LATER = blocks("Agents for your site")


@pytest.fixture(scope="module")
def up(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Serving]:
    with serving(tmp_path_factory.mktemp("up"), "up", ROLLCALL_STORE="memory") as one:
        eventually('"calculate"', f"{one.talk}/api/v1/tools")
        yield one


@dataclass(frozen=True)
class Site:
    """An agent of a business and its widget.

    Args:
        made: What was answered to the commands that make the agent.
        widget: The widget, as it was made.
        embed: What belongs into a page.
    """

    made: list[Answer]
    widget: dict[str, Any]
    embed: dict[str, Any]


@pytest.fixture(scope="module")
def site(up: Serving, defined: list[Answer]) -> Site:
    assert defined, "its calculator is made there"
    made = [pasted(command, up) for command in MAKE]
    widget = pasted(EMBED[0], up)
    assert widget.status == 201, widget.text
    return Site(made, widget.json, pasted(EMBED[1], up, WIDGET=widget.json["id"]).json)


@pytest.fixture(scope="module")
def defined(up: Serving) -> list[Answer]:
    return [pasted(command, up) for command in DEFINE]


def test_a_capability_and_an_agent_that_has_it_are_made(defined: list[Answer], up: Serving) -> None:
    assert [answer.status for answer in defined] == [200, 200, 200]
    agent = httpx.get(f"{up.gateway}/api/agents/clerk").json()
    assert (agent["name"], agent["status"]) == ("Clerk", "active")
    assert agent["capabilities"] == {"calculator": {"precision": 2}}


@pytest.mark.usefixtures("defined")
def test_the_agent_calculates_and_remembers(up: Serving) -> None:
    told, calculated, recalled = (pasted(command, up) for command in TALK)
    assert told.status == 200, told.text
    assert "41.99" in calculated.json["response"]
    assert [one["tool"] for one in calculated.json["tools_used"]] == ["calculate"]
    assert "Babbage Engines" in recalled.json["response"]
    kept = httpx.get(f"{up.gateway}/api/memories", params={"user_id": "ada"}).json()
    assert sorted(one["content"] for one in kept) == sorted(SAID)


def test_what_is_remembered_and_what_comes_from_it_is_shown(up: Serving) -> None:
    # As the conversation does it; what is known already stays as it is.
    for content in SAID:
        memory = {"content": content, "filters": {"user_id": "ada"}}
        assert httpx.post(f"{up.gateway}/api/memories", json=memory).is_success
    for name in ("Ada Lovelace", "Babbage Engines"):
        eventually(name, f"{up.gateway}/api/graph/entities?user_id=ada")

    memories, entities, graph, erasure = (pasted(command, up) for command in LOOK)
    assert {one["content"] for one in memories.json} == set(SAID)
    assert {one["name"] for one in entities.json} == {"ada", "Ada Lovelace", "Babbage Engines"}
    assert graph.text.startswith("flowchart LR\n")
    assert "Ada Lovelace - person" in graph.text
    removed = erasure.json["removed"]
    assert (removed["memories"], removed["graph_entities"]) == (2, 3)
    assert len(pasted(LOOK[0], up).json) == 2


@pytest.mark.usefixtures("defined")
def test_a_conversation_is_counted_charged_and_shown(up: Serving) -> None:
    card, given, held, used = (pasted(command, up) for command in CHARGE)
    assert (card.status, given.status, held.status) == (201, 200, 201), held.text
    assert (used.status, used.json["currency"]) == (201, "USD")
    assert Decimal(used.json["amount"]) == Decimal("0.055")
    assert pasted(CHARGE[-1], up).status == 200

    stats, invoices, summary = (pasted(command, up) for command in BILL)
    assert stats.json["total_conversations"] >= 1
    assert stats.json["data"] is True
    (invoice,) = invoices.json
    assert (invoice["agent_id"], invoice["status"]) == ("clerk", "draft")
    assert {"conversation", "output_token"} <= {one["unit"] for one in invoice["lines"]}
    assert summary.json["total_conversations"] >= 1


def test_an_agent_is_made_of_its_trade_and_begins_its_work(site: Site) -> None:
    industries, agent, prompt, readiness, tool, active, talk = site.made
    assert len(industries.json) == 12
    assert (agent.json["agent_id"], agent.json["status"]) == ("desk", "draft")
    assert prompt.json["system_prompt"].startswith("You answer for “Smile & Co”")
    assert prompt.json["industry_metadata"]["icon"] == "stethoscope"
    # There is no model here, and that alone is missing.
    assert [one["field"] for one in readiness.json["issues"]] == ["llm_model"]
    assert tool.status == 200
    assert (active.status, active.json["status"]) == (200, "active")
    assert "41.988" in talk.json["response"]


def test_its_widget_is_embedded_in_pages_of_the_allowed_origin(up: Serving, site: Site) -> None:
    assert site.widget["agent_id"] == "desk"
    assert site.widget["theme"]["border_radius"] == 20
    assert site.widget["public_key"] in site.embed["code"]
    assert site.embed["integrity"] in site.embed["code"]
    script = httpx.get(site.embed["script_url"].replace("http://localhost:8000", up.gateway))
    assert script.status_code == 200


def test_a_visitors_message_is_answered_counted_and_shown(up: Serving, site: Site) -> None:
    key = site.widget["public_key"]
    visitor = pasted(VISIT[0], up, KEY=key)
    assert visitor.status == 201, visitor.text
    said = pasted(VISIT[1], up, KEY=key, TOKEN=visitor.json["token"])
    done = re.search(r"^event: done\n(?:.*\n)*?data: (.*)$", said.text, re.MULTILINE)
    assert done is not None, said.text
    assert "42" in json.loads(done[1])["response"]

    eventually('"messages":1,', f"{up.widgets}/api/widgets/{site.widget['id']}/stats")
    stats, summary, agents, bulk = (
        pasted(command, up, WIDGET=site.widget["id"]) for command in LATER
    )
    assert (stats.json["messages"], stats.json["visitors"]) == (1, 1)
    assert summary.json["total_conversations"] >= 2
    assert "desk" in [one["agent_id"] for one in agents.json]
    assert (bulk.json["successful"], bulk.json["dry_run"]) == (1, True)
