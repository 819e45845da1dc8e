"""The commands of document 1 that concern the agent, quoted, against `rollcall up`.

Only the ports are other ones, so that the test may run beside services that are in use.
"""

from __future__ import annotations

import json
import subprocess
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import httpx
import pytest

from support.servers.ports import free_ports
from support.serving import Serving, eventually, serving

TOOLS = "curl http://localhost:3004/api/v1/tools"
PROCESS = """curl -X POST http://localhost:3004/api/v1/process \\
  -H "Content-Type: application/json" \\
  -d '{
    "session_id": "test123",\x20
    "user_input": "Calculate the square root of 16"
  }'"""
REFRESH = "curl -X POST http://localhost:3004/api/v1/tools/refresh"
PROCESS_REQUEST = """\
POST /api/v1/process
Content-Type: application/json

{
  "session_id": "user123",
  "user_input": "Calculate 10 + 5"
}
"""


@pytest.fixture(scope="module")
def up(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Serving]:
    with serving(tmp_path_factory.mktemp("up"), "up", ROLLCALL_STORE="memory") as one:
        eventually('"calculate"', f"{one.talk}/api/v1/tools")
        yield one


def run(command: str, up: Serving) -> Any:
    """Run a command in a shell, as somebody who pastes it; its output as JSON."""
    port = up.talk.rpartition(":")[2]
    done = subprocess.run(
        ["bash", "-c", command.replace("localhost:3004", f"localhost:{port}", 1)],
        capture_output=True,
        text=True,
        timeout=30,
        check=True,
    )
    return json.loads(done.stdout)


def test_the_available_tools_are_listed(up: Serving) -> None:
    said = run(TOOLS, up)

    assert said["total_count"] == len(said["tools"])
    names = {one["name"] for one in said["tools"]}
    assert {"calculate", "statistics", "convert", "scrape"} <= names
    assert all(one["description"] for one in said["tools"])


def test_the_agent_takes_the_square_root_with_the_calculator(up: Serving) -> None:
    said = run(PROCESS, up)

    assert "4" in said["response"].replace("16", "")
    assert [one["tool"] for one in said["tools_used"]] == ["calculate"]
    assert said["session_id"] == "test123"


def test_the_request_of_the_interface_works_as_written(up: Serving) -> None:
    head, _, body = PROCESS_REQUEST.partition("\n\n")
    first, header = head.splitlines()
    method, path = first.split()
    name, _, value = header.partition(": ")

    said = httpx.request(method, up.talk + path, content=body, headers={name: value}).json()

    assert "15" in said["response"]
    assert [one["outcome"] for one in said["tools_used"]] == ["ok"]


def test_tools_are_refreshed(up: Serving) -> None:
    said = run(REFRESH, up)

    assert set(said) == {"message", "tools_count"}
    assert said["tools_count"] == run(TOOLS, up)["total_count"]


def test_the_variables_of_the_agent_and_the_tools_service_count(
    up: Serving, tmp_path: Path
) -> None:
    agent, tools = free_ports(2)
    told = {
        "SERVICE_REGISTRY_URL": up.services,
        "AGENT_PORT": str(agent),
        "EXT_TOOL_PORT": str(tools),
    }
    with (
        serving(tmp_path / "tools", "serve", "tools", **told) as serving_tools,
        serving(tmp_path / "agent", "serve", "agent", **told) as serving_agent,
    ):
        assert serving_tools.tools == f"http://127.0.0.1:{tools}"
        assert serving_agent.talk == f"http://127.0.0.1:{agent}"
        for port in (agent, tools):
            eventually(f'"port":{port}', f"{up.services}/api/v1/discover")
        eventually('"calculate"', f"{serving_agent.talk}/api/v1/tools")
        asked = {"session_id": "s", "user_input": "Calculate 10 + 5"}
        said = httpx.post(f"{serving_agent.talk}/api/v1/process", json=asked, timeout=30).json()
        assert "15" in said["response"]
        assert serving_agent.end() == 0
        assert f'"port":{agent}' not in httpx.get(f"{up.services}/api/v1/discover").text
