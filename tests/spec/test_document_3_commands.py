# SPDX-License-Identifier: Apache-2.0
"""Every route of document 3 on the gateway of `rollcall up`, by `curl`.

Only the port is another one, so that the test may run beside a gateway that is in use.
"""

from __future__ import annotations

import json
from collections.abc import Callable, Iterator
from functools import partial
from xml.etree import ElementTree as ET

import pytest

from support.commands import Answer, pasted
from support.serving import Serving, eventually, serving

SAID = "My name is Ada Lovelace. I work at Babbage Engines and my email is ada@example.org"

CREATE_CAPABILITY = """curl -X POST http://localhost:8000/api/capabilities \\
  -H "Content-Type: application/json" \\
  -d '{"name": "Web search", "description": "Finds pages", "tags": ["web"],
       "configuration_schema": {"type": "object", "properties": {"top": {"type": "integer"}}}}'"""
LIST_CAPABILITIES = "curl 'http://localhost:8000/api/capabilities?tag=web'"
GET_CAPABILITY = "curl http://localhost:8000/api/capabilities/$CAPABILITY"
UPDATE_CAPABILITY = """curl -X PATCH http://localhost:8000/api/capabilities/$CAPABILITY \\
  -H "Content-Type: application/json" -H 'If-Match: "1"' \\
  -d '{"description": "Finds pages on the web"}'"""
DELETE_CAPABILITY = "curl -X DELETE http://localhost:8000/api/capabilities/$CAPABILITY"

CREATE = """curl -X POST http://localhost:8000/api/agents \\
  -H "Content-Type: application/json" \\
  -d '{"name": "Test Agent", "description": "Agent for integration testing", "capabilities": {}}'"""
LIST = "curl 'http://localhost:8000/api/agents?name=Test+Agent&status=active'"
GET = "curl http://localhost:8000/api/agents/$AGENT"
UPDATE = """curl -X PATCH http://localhost:8000/api/agents/$AGENT \\
  -H "Content-Type: application/json" -H "If-Match: $SEEN" \\
  -d '{"description": "Another description"}'"""
DELETE = "curl -X DELETE http://localhost:8000/api/agents/$AGENT"
VERSIONS = "curl http://localhost:8000/api/agents/$AGENT/versions"
REVERT = """curl -X POST http://localhost:8000/api/agents/$AGENT/revert \\
  -H "Content-Type: application/json" -d '{"version": "1"}'"""
ATTACH = """curl -X POST http://localhost:8000/api/agents/$AGENT/capabilities/$CAPABILITY \\
  -H "Content-Type: application/json" -d '{"top": 3}'"""
ATTACH_WRONGLY = """curl -X POST http://localhost:8000/api/agents/$AGENT/capabilities/$CAPABILITY \\
  -H "Content-Type: application/json" -d '{"top": "three"}'"""
DETACH = "curl -X DELETE http://localhost:8000/api/agents/$AGENT/capabilities/$CAPABILITY"

REMEMBER = """curl -X POST http://localhost:8000/api/memories \\
  -H "Content-Type: application/json" \\
  -d '{"content": "'"$SAID"'", "filters": {"user_id": "'$ADA'", "agent_id": "'$AGENT'"}}'"""
MEMORIES = "curl 'http://localhost:8000/api/memories?user_id='$ADA"
MEMORIES_OF_AGENT = "curl http://localhost:8000/api/agents/$AGENT/memories"
MEMORY = "curl http://localhost:8000/api/memories/$MEMORY"
CHANGE_MEMORY = """curl -X PATCH http://localhost:8000/api/memories/$MEMORY \\
  -H "Content-Type: application/json" -H 'If-Match: "1"' \\
  -d '{"metadata": {"checked": true}}'"""
HISTORY = "curl http://localhost:8000/api/memories/$MEMORY/history"
SEARCH = """curl -X POST http://localhost:8000/api/memories/search \\
  -H "Content-Type: application/json" \\
  -d '{"query": "engines", "filters": {"user_id": "'$ADA'"}, "limit": 3}'"""
FORGET = "curl -X DELETE http://localhost:8000/api/memories/$MEMORY"
WOULD_ERASE = """curl -X POST http://localhost:8000/api/memories/erase \\
  -H "Content-Type: application/json" \\
  -d '{"filters": {"user_id": "'$ADA'"}, "dry_run": true}'"""
ERASE = WOULD_ERASE.replace(', "dry_run": true', "")
ERASE_EVERYTHING = """curl -X POST http://localhost:8000/api/memories/erase \\
  -H "Content-Type: application/json" -d '{"filters": {}}'"""

ENTITIES = "curl 'http://localhost:8000/api/graph/entities?user_id='$ADA"
ENTITIES_BY_NAME = (
    "curl 'http://localhost:8000/api/graph/entities?name=babb&type=organisation&user_id='$ADA"
)
ENTITY = "curl http://localhost:8000/api/graph/entities/$ENTITY"
NEIGHBOURS = "curl 'http://localhost:8000/api/graph/entities/'$ENTITY'/neighbours?depth=2'"
PATH = "curl 'http://localhost:8000/api/graph/path?from='$ENTITY'&to='$OTHER"
EXPORT = "curl 'http://localhost:8000/api/graph/export?format='$FORMAT'&user_id='$ADA"

Run = Callable[..., Answer]


@pytest.fixture(scope="module")
def up(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Serving]:
    with serving(tmp_path_factory.mktemp("up"), "up", ROLLCALL_STORE="memory") as one:
        yield one


@pytest.fixture
def run(up: Serving) -> Run:
    return partial(pasted, served=up, SAID=SAID)


@pytest.fixture
def agent(run: Run) -> str:
    made = run(CREATE)
    assert made.status == 200
    assert made.headers["location"] == f"/api/agents/{made.json['id']}"
    return str(made.json["agent_id"])


@pytest.fixture
def capability(run: Run) -> str:
    made = run(CREATE_CAPABILITY)
    assert made.status == 200
    return str(made.json["id"])


def remembered(run: Run, up: Serving, agent: str, ada: str) -> tuple[str, dict[str, str]]:
    """A memory of a user, and the ids of what came from it by name, once they are there."""
    made = run(REMEMBER, AGENT=agent, ADA=ada)
    assert made.status == 201, made.text
    eventually("Babbage", f"{up.gateway}/api/graph/entities?user_id={ada}")
    return made.json["memory_id"], {one["name"]: one["id"] for one in run(ENTITIES, ADA=ada).json}


def test_a_definition_is_made_listed_and_read(run: Run, agent: str) -> None:
    assert agent in [one["agent_id"] for one in run(LIST).json]
    found = run(GET, AGENT=agent)
    assert found.headers["etag"] == '"1"'
    assert (found.json["version"], found.json["status"]) == ("1", "active")
    assert found.json["description"] == "Agent for integration testing"


def test_a_lost_update_of_a_definition_is_a_412_and_changes_nothing(run: Run, agent: str) -> None:
    seen = run(GET, AGENT=agent).headers["etag"]
    first = run(UPDATE, AGENT=agent, SEEN=seen)
    assert (first.status, first.json["version"]) == (200, "2")

    late = run(UPDATE.replace("Another", "A later"), AGENT=agent, SEEN=seen)
    assert late.status == 412
    assert late.headers["content-type"] == "application/problem+json"
    assert (late.json["expected"], late.json["current"]) == (1, 2)
    again = run(GET, AGENT=agent)
    assert again.json["description"] == "Another description"
    assert run(UPDATE, AGENT=agent, SEEN=again.headers["etag"]).status == 200


def test_a_definition_goes_back_to_an_earlier_version_as_a_new_one(run: Run, agent: str) -> None:
    run(UPDATE, AGENT=agent, SEEN="*")
    back = run(REVERT, AGENT=agent)
    assert back.json["version"] == "3"
    assert back.json["description"] == "Agent for integration testing"
    versions = run(VERSIONS, AGENT=agent).json
    assert [one["version"] for one in versions] == ["3", "2", "1"]
    assert versions[0]["content"] == versions[2]["content"] != versions[1]["content"]


def test_a_definition_that_is_deleted_is_not_found(run: Run, agent: str) -> None:
    assert run(DELETE, AGENT=agent).json == {"status": "success"}
    assert run(GET, AGENT=agent).status == 404
    assert run(VERSIONS, AGENT=agent).status == 404
    assert agent not in [one["id"] for one in run(LIST).json]


def test_an_agent_is_given_a_capability_and_told_what_it_takes(
    run: Run, agent: str, capability: str
) -> None:
    both = {"AGENT": agent, "CAPABILITY": capability}
    refused = run(ATTACH_WRONGLY, **both)
    assert refused.status == 422
    assert "top" in refused.text

    done = run(ATTACH, **both)
    assert (done.status, done.json) == (200, {"status": "success"})
    assert run(GET, AGENT=agent).json["capabilities"] == {capability: {"top": 3}}
    assert run(DELETE_CAPABILITY, CAPABILITY=capability).status == 409
    assert run(DETACH, **both).json == {"status": "success"}
    assert run(GET, AGENT=agent).json["capabilities"] == {}
    assert run(DETACH, **both).status == 404


def test_a_capability_is_made_listed_changed_and_deleted(run: Run, capability: str) -> None:
    assert capability in [one["id"] for one in run(LIST_CAPABILITIES).json]
    assert run(GET_CAPABILITY, CAPABILITY=capability).json["tags"] == ["web"]
    changed = run(UPDATE_CAPABILITY, CAPABILITY=capability)
    assert changed.json["description"] == "Finds pages on the web"
    assert run(UPDATE_CAPABILITY, CAPABILITY=capability).status == 412
    assert run(DELETE_CAPABILITY, CAPABILITY=capability).json == {"status": "success"}
    assert run(GET_CAPABILITY, CAPABILITY=capability).status == 404


def test_a_memory_is_kept_once_found_changed_and_forgotten(
    run: Run, up: Serving, agent: str
) -> None:
    ada = "ada-1"
    memory, _ = remembered(run, up, agent, ada)
    again = run(REMEMBER, AGENT=agent, ADA=ada)
    assert (again.status, again.json["memory_id"]) == (200, memory)

    assert [one["id"] for one in run(MEMORIES, ADA=ada).json] == [memory]
    assert [one["id"] for one in run(MEMORIES_OF_AGENT, AGENT=agent).json] == [memory]
    assert run(MEMORY, MEMORY=memory).json["content"] == SAID
    found = run(SEARCH, ADA=ada).json
    assert [one["memory_id"] for one in found["memories"]] == [memory]
    assert run(SEARCH, ADA="somebody-else").json["total_count"] == 0

    changed = run(CHANGE_MEMORY, MEMORY=memory)
    assert (changed.json["version"], changed.json["metadata"]) == (2, {"checked": True})
    assert run(CHANGE_MEMORY, MEMORY=memory).status == 412
    history = run(HISTORY, MEMORY=memory).json
    assert [(one["version"], one["metadata"]) for one in history] == [
        (1, {}),
        (2, {"checked": True}),
    ]

    assert run(FORGET, MEMORY=memory).status == 200
    assert run(MEMORY, MEMORY=memory).status == 404
    assert run(ENTITIES, ADA=ada).json == []


def test_an_erasure_says_first_what_it_would_remove_and_then_has_removed_it(
    run: Run, up: Serving, agent: str
) -> None:
    ada = "ada-2"
    memory, _ = remembered(run, up, agent, ada)
    before = run(WOULD_ERASE, ADA=ada).json
    assert (before["dry_run"], before["removed"]["memories"]) == (True, 1)
    assert before["removed"]["graph_entities"] == 4
    assert run(MEMORY, MEMORY=memory).status == 200

    receipt = run(ERASE, ADA=ada).json
    assert (receipt["dry_run"], receipt["removed"]) == (False, before["removed"])
    assert receipt["filters"] == {"user_id": ada}
    assert run(MEMORY, MEMORY=memory).status == 404
    assert run(ENTITIES, ADA=ada).json == []
    assert run(ERASE_EVERYTHING).status == 422


def test_what_a_memory_speaks_of_is_found_in_the_graph(run: Run, up: Serving, agent: str) -> None:
    ada = "ada-3"
    memory, ids = remembered(run, up, agent, ada)
    assert set(ids) == {ada, "Ada Lovelace", "Babbage Engines", "ada@example.org"}
    (engines,) = run(ENTITIES_BY_NAME, ADA=ada).json
    assert engines["id"] == ids["Babbage Engines"]
    assert set(engines) >= {"id", "name", "type", "attributes", "source_memory_id", "confidence"}

    whole = run(ENTITY, ENTITY=ids["Ada Lovelace"]).json
    assert [one["source_memory_id"] for one in whole["facts"]] == [memory]
    around = run(NEIGHBOURS, ENTITY=ids["Ada Lovelace"]).json["neighbours"]
    assert {one["entity"]["name"]: one["depth"] for one in around} == {
        ada: 1,
        "Babbage Engines": 2,
        "ada@example.org": 2,
    }
    path = run(PATH, ENTITY=ids["Ada Lovelace"], OTHER=ids["Babbage Engines"]).json
    assert [one["name"] for one in path["entities"]] == ["Ada Lovelace", ada, "Babbage Engines"]


def test_the_graph_is_exported_in_three_formats(run: Run, up: Serving, agent: str) -> None:
    ada = "ada-4"
    _, ids = remembered(run, up, agent, ada)
    as_json = run(EXPORT, ADA=ada, FORMAT="json")
    graph = json.loads(as_json.text)
    assert {one["id"] for one in graph["entities"]} == set(ids.values())
    assert {one["type"] for one in graph["relationships"]} == {
        "has_email",
        "is_named",
        "works_at",
    }

    as_xml = run(EXPORT, ADA=ada, FORMAT="graphml")
    assert as_xml.headers["content-type"] == "application/xml"
    root = ET.fromstring(as_xml.text)  # noqa: S314 - it is our own
    space = "{http://graphml.graphdrawing.org/xmlns}"
    assert {one.get("id") for one in root.iter(f"{space}node")} == set(ids.values())
    assert len(list(root.iter(f"{space}edge"))) == 3

    as_text = run(EXPORT, ADA=ada, FORMAT="mermaid")
    assert as_text.text.startswith("flowchart LR\n")
    assert all(one in as_text.text for one in ids.values())
    assert run(EXPORT, ADA=ada, FORMAT="png").status == 422
