# SPDX-License-Identifier: Apache-2.0
"""MCP servers of others: registered like any service, and their tools used like any tools."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import httpx
import pytest

from rollcall.testing.scripted_model import Call, Says
from support.modelled import PATIENCE, talking, until, up_with_model
from support.servers.ports import free_ports
from support.serving import Serving
from support.toolprocesses import ToolProcess

QUESTION = 'spell the word "heron" backwards'
OFFLINE = {"model": "offline-planner"}


@pytest.fixture(scope="module")
def port() -> int:
    return free_ports(1)[0]


@pytest.fixture(scope="module")
def up(tmp_path_factory: pytest.TempPathFactory, port: int) -> Iterator[Serving]:
    with up_with_model(tmp_path_factory.mktemp("mcp"), port) as one:
        yield one


@pytest.fixture(scope="module")
def before(up: Serving) -> dict[str, Any]:
    """The answer while there is no such server."""
    return ask(up, "before")


@pytest.fixture(scope="module")
def servers(up: Serving, before: dict[str, Any]) -> Iterator[dict[str, ToolProcess]]:
    """One that says so by a tag, and one that names its path."""
    started: dict[str, ToolProcess] = {}
    try:
        for how in ("tag", "extra"):
            started[how] = ToolProcess("mcp_words", up.services, how)
        until(lambda: {"backwards", "vowels"} <= set(tools(up)))
        yield started
    finally:
        for one in started.values():
            one.kill()


def tools(up: Serving) -> dict[str, dict[str, Any]]:
    listed = httpx.get(f"{up.talk}/api/v1/tools", timeout=PATIENCE).json()["tools"]
    return {one["name"]: one for one in listed}


def ask(up: Serving, session: str) -> dict[str, Any]:
    asked = {"session_id": session, "user_input": QUESTION, **OFFLINE}
    answer = httpx.post(f"{up.talk}/api/v1/process", json=asked, timeout=PATIENCE)
    assert answer.status_code == 200, answer.text
    return answer.json()


def test_what_no_tool_can_do_is_declined_politely(before: dict[str, Any]) -> None:
    assert "offline planner" in before["response"]
    assert "noreh" not in before["response"]
    assert before["tools_used"] == []


@pytest.mark.parametrize(("how", "tool"), [("tag", "backwards"), ("extra", "vowels")])
def test_its_tools_are_listed_with_their_schemas(
    up: Serving, servers: dict[str, ToolProcess], how: str, tool: str
) -> None:
    listed = tools(up)[tool]

    assert (listed["service"], listed["protocol"]) == (f"mcp-{how}", "mcp")
    assert list(listed["input_schema"]["properties"]) == ["word"]
    assert listed["description"]


def test_the_offline_planner_calls_it(up: Serving, servers: dict[str, ToolProcess]) -> None:
    answer = ask(up, "planner")

    assert "noreh" in answer["response"]
    (run,) = answer["tools_used"]
    assert (run["tool"], run["service"], run["outcome"]) == ("backwards", "mcp-tag", "ok")
    assert run["url"] == f"http://127.0.0.1:{servers['tag'].port}"


async def test_a_model_calls_both(up: Serving, servers: dict[str, ToolProcess], port: int) -> None:
    async with talking(up, port) as talk:
        calls = [Call(name, {"word": "heron"}) for name in ("backwards", "vowels")]
        talk.model.script += [Says(*calls), Says("noreh, and 2")]

        answer = (await talk.say("model", QUESTION)).json()

        assert [run["outcome"] for run in answer["tools_used"]] == ["ok", "ok"]
        backwards, vowels = talk.model.last.told("tool")
        assert "noreh" in backwards
        assert "2" in vowels


async def test_arguments_that_it_does_not_take_are_told_to_the_model(
    up: Serving, servers: dict[str, ToolProcess], port: int
) -> None:
    async with talking(up, port) as talk:
        talk.model.script += [Says(Call("backwards", {"wort": 7})), Says("I was wrong.")]

        answer = (await talk.say("arguments", QUESTION)).json()

        (run,) = answer["tools_used"]
        assert run["outcome"] in {"refused", "failed"}
        assert "word" in talk.model.last.told("tool")[0]


def test_one_that_was_killed_is_missed_politely_and_then_gone(
    up: Serving, servers: dict[str, ToolProcess]
) -> None:
    with httpx.Client(base_url=up.talk, timeout=PATIENCE) as client:
        assert "backwards" in tools(up)
        servers["tag"].kill()
        asked = {"session_id": "killed", "user_input": QUESTION, **OFFLINE}
        answer = client.post("/api/v1/process", json=asked)

    assert answer.status_code == 200
    assert "noreh" not in answer.json()["response"]
    assert {run["outcome"] for run in answer.json()["tools_used"]} <= {"unavailable"}

    until(lambda: "backwards" not in tools(up))
    assert "vowels" in tools(up)
    assert "noreh" not in ask(up, "gone")["response"]
