"""All commands of document 4 that ask its services, quoted, against `rollcall up`, and its call from
one service to another.

Only the ports are others, so that the test may run beside services that are in use.
"""

from __future__ import annotations

import ast
import re
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import httpx
import pytest

from support.commands import pasted
from support.serving import Serving, eventually, serving

DOCUMENT = Path(__file__).with_name("document_4")
PORTS = ("8001", "8002", "8003", "8004", "8005", "8006", "8000")


def commands(name: str) -> list[str]:
    """The commands of a snippet."""
    lines = (DOCUMENT / f"{name}.txt").read_text(encoding="utf-8").splitlines()
    asked = [line for line in lines if line.startswith("curl ")]
    assert asked
    return asked


HEALTH = [one for one in commands("testing_services") if "/health" in one]
(SUMMARY,) = [one for one in commands("testing_services") if "/health" not in one]
(STATUS,) = commands("debugging_services")


@pytest.fixture(scope="module")
def up(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Serving]:
    with serving(tmp_path_factory.mktemp("up"), "up", ROLLCALL_STORE="memory") as one:
        yield one


def test_every_service_of_the_document_is_asked() -> None:
    asked = [re.findall(r"localhost:(\d+)/health", one) for one in HEALTH]
    assert asked == [[port] for port in PORTS]


@pytest.mark.parametrize("command", HEALTH)
def test_each_service_says_that_it_is_healthy(command: str, up: Serving) -> None:
    answer = pasted(command, up)
    assert (answer.status, answer.json["status"]) == (200, "healthy")


def test_the_summary_shows_a_conversation_that_was_just_held(up: Serving) -> None:
    before = pasted(SUMMARY, up)
    assert before.status == 200
    turn = {"session_id": "s", "user_input": "Calculate 10 + 5"}
    httpx.post(f"{up.talk}/api/v1/process", json=turn, timeout=60).raise_for_status()
    held = before.json["total_conversations"] + 1
    eventually(f'"total_conversations":{held},', f"{up.dashboard}/api/dashboard/summary")
    assert pasted(SUMMARY, up).json["total_conversations"] == held


def test_the_status_names_every_service_and_its_health(up: Serving) -> None:
    answer = pasted(STATUS, up)
    assert answer.status == 200
    status = {one["service"]: one["status"] for one in answer.json}
    for name in ("wizard", "analytics", "billing", "dashboard", "widgets", "my-agents"):
        assert status[name] == "healthy"


async def test_a_service_calls_another_one(up: Serving) -> None:
    async def call_service(url: str, path: str) -> Any:
        """The document does not show it."""
        async with httpx.AsyncClient(timeout=30) as http:
            return (await http.get(f"{url}{path}")).raise_for_status().json()

    names: dict[str, Any] = {"call_service": call_service, "ANALYTICS_SERVICE_URL": up.analytics}
    text = (DOCUMENT / "inter_service_communication.txt").read_text(encoding="utf-8")
    code = compile(text, "document 4", "exec", flags=ast.PyCF_ALLOW_TOP_LEVEL_AWAIT)
    await eval(code, names)  # noqa: S307
    found = names["analytics_data"]
    assert found["period"]["days"] == 30
    assert found["total_conversations"] >= 0
    assert isinstance(found["total_cost"], str)
