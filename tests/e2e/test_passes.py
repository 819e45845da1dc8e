# SPDX-License-Identifier: Apache-2.0
"""With keys: the agent asks Rollcall's own tools for whoever asked, and shows nobody else how."""

from __future__ import annotations

import http.server
import json
import socket
import threading
from collections.abc import Callable, Iterator
from contextlib import ExitStack
from pathlib import Path
from typing import Any

import httpx
import pytest

from support.serving import Serving, eventually, serving, start

KEYS = {"ann": ("acme", "register"), "zoe": ("zoo", "register"), "operator": ("default", "admin")}
LISTED = {
    "tools": [
        {
            "name": "backwards",
            "path": "/tools/backwards",
            "description": "Spells a word backwards: reverses the order of its letters",
            "idempotent": True,
            "input_schema": {
                "type": "object",
                "properties": {"word": {"type": "string", "description": "The word"}},
                "required": ["word"],
            },
        }
    ]
}


class Recorder(http.server.ThreadingHTTPServer):
    """A tool service of somebody else's that keeps all that it is sent."""

    def __init__(self) -> None:
        super().__init__(("127.0.0.1", 0), _Recording)
        self.heard: list[tuple[str, dict[str, str]]] = []


class _Recording(http.server.BaseHTTPRequestHandler):
    server: Recorder  # pyright: ignore[reportIncompatibleVariableOverride]

    def do_GET(self) -> None:
        self._answer(LISTED)

    def do_POST(self) -> None:
        body = self.rfile.read(int(self.headers["content-length"]))
        self._answer({"result": json.loads(body)["word"][::-1]})

    def _answer(self, body: dict[str, Any]) -> None:
        headers = {name.lower(): value for name, value in self.headers.items()}
        self.server.heard.append((self.command, headers))
        content = json.dumps(body).encode()
        self.send_response(200)
        self.send_header("Content-Type", "application/json")
        self.send_header("Content-Length", str(len(content)))
        self.end_headers()
        self.wfile.write(content)

    def log_message(self, *_: Any) -> None:
        """Say nothing."""


@pytest.fixture
def recorder() -> Iterator[Recorder]:
    with Recorder() as server:
        threading.Thread(target=server.serve_forever, daemon=True).start()
        yield server
        server.shutdown()


class Place:
    """Services that want keys, and who has some.

    Args:
        keys: By the names of those who have them.
        agent: Where the agent service is.
        tools: Where the tools service is.
        registry: Where the service registry is.
    """

    def __init__(self, keys: dict[str, str], agent: str, tools: str, registry: str) -> None:
        self.keys = keys
        self.agent = agent
        self.tools = tools
        self.registry = registry

    def headers(self, who: str) -> dict[str, str]:
        return {"Authorization": f"Bearer {self.keys[who]}"}

    def ask(self, who: str, said: str, session: str = "s") -> dict[str, Any]:
        asked = {"session_id": session, "user_input": said}
        answer = httpx.post(
            f"{self.agent}/api/v1/process", json=asked, headers=self.headers(who), timeout=60
        )
        assert answer.status_code == 200, answer.text
        return answer.json()

    def sees(self, who: str, tool: str) -> None:
        """Return once somebody is offered a tool."""
        eventually(f'"{tool}"', f"{self.agent}/api/v1/tools", **self.headers(who))


def keys_of(one: Serving) -> dict[str, str]:
    found: dict[str, str] = {}
    for name, (namespace, scope) in KEYS.items():
        body = {"name": name, "namespace": namespace, "scopes": [scope]}
        made = httpx.post(f"{one.services}/api/v1/admin/keys", json=body)
        found[name] = made.raise_for_status().json()["key"]
    return found


@pytest.fixture
def together(tmp_path: Path) -> Iterator[Place]:
    """All in one process."""
    with serving(tmp_path, "up", "service-registry") as before:
        keys = keys_of(before)
        assert before.end() == 0
    with serving(tmp_path, "up", ROLLCALL_LOGIN="required") as one:
        yield Place(keys, one.talk, one.tools, one.services)
        errors = one.errors()
        assert "Traceback" not in errors
        assert "rcp_ey" not in errors


@pytest.fixture
def apart(tmp_path: Path, fresh_database: Callable[[], str]) -> Iterator[Place]:
    """Agent and tools in processes of their own, on one database."""
    url = fresh_database()
    shared = {"PORT": "0", "ROLLCALL_STORE": url}
    with serving(tmp_path / "keys", "serve", "service-registry", **shared) as before:
        keys = keys_of(before)
        assert before.end() == 0
    with ExitStack() as stack:
        started = {
            name: stack.enter_context(
                serving(tmp_path / name, "serve", name, ROLLCALL_LOGIN="required", **shared)
            )
            for name in ("service-registry", "tools", "agent")
        }
        yield Place(
            keys,
            started["agent"].talk,
            started["tools"].tools,
            started["service-registry"].services,
        )
        for one in started.values():
            assert "Traceback" not in one.errors()


def check_the_main_job(place: Place) -> None:
    """Each may calculate, and find what they said and nothing of others."""
    words = {"ann": "glazier", "zoe": "falconer", "operator": "chandler"}
    for who, word in words.items():
        place.sees(who, "calculate")
        answered = place.ask(who, "Calculate 10 + 5")
        assert "15" in answered["response"], answered
        assert [run["outcome"] for run in answered["tools_used"]] == ["ok"]
        place.ask(who, f"The invoice of the {word} is overdue: 12 + 30", "bills")
    for who, own in words.items():
        for word in words.values():
            answered = place.ask(who, f"search my earlier messages for {word}", f"asking {word}")
            (run,) = answered["tools_used"]
            assert run["outcome"] == "ok", run
            found = answered["response"]
            assert (f"invoice of the {word}" in found) == (word == own), (who, word, found)


def check_the_doors(place: Place) -> None:
    """Nobody comes in without a key, or with what looks like a pass."""
    for shown in (
        None,
        "Bearer rcp_eyJhbGciOiJub25lIn0.eyJzdWIiOiJhIiwibmFtZXNwYWNlIjoiYWNtZSJ9.",
        "Bearer rcp_",
    ):
        headers = {} if shown is None else {"Authorization": shown}
        for url in (f"{place.tools}/tools", f"{place.agent}/api/v1/tools"):
            assert httpx.get(url, headers=headers).status_code == 401


def test_each_namespace_uses_our_tools_and_finds_its_own_messages_alone(together: Place) -> None:
    check_the_doors(together)
    check_the_main_job(together)


@pytest.mark.server
def test_the_same_with_agent_and_tools_in_two_processes(apart: Place) -> None:
    check_the_doors(apart)
    check_the_main_job(apart)


def test_a_service_of_somebody_elses_is_shown_no_authorization_whatever_it_is_called(
    together: Place, recorder: Recorder
) -> None:
    together.sees("ann", "calculate")
    for who, name in (("ann", "word-tools"), ("ann", "tools-service"), ("operator", "agents")):
        service = {
            "name": name,
            "service_type": "tool",
            "host": "127.0.0.1",
            "port": recorder.server_port,
            "metadata": {"extra": {"owner": "rollcall"}},
            "health_check": {"enabled": False},
        }
        httpx.post(
            f"{together.registry}/api/v1/register", json=service, headers=together.headers(who)
        ).raise_for_status()
    together.sees("ann", "backwards__word-tools")
    together.sees("operator", "backwards")
    for who in ("ann", "operator"):
        answered = together.ask(who, 'spell the word "heron" backwards')
        assert "noreh" in answered["response"], answered
    assert "15" in together.ask("ann", "Calculate 10 + 5")["response"]

    assert {method for method, _ in recorder.heard} == {"GET", "POST"}
    for _, headers in recorder.heard:
        assert "authorization" not in headers
        assert "rcp_" not in json.dumps(headers)


def test_a_tools_service_with_a_registry_elsewhere_is_sent_the_key_that_the_operator_names(
    tmp_path: Path,
) -> None:
    with serving(tmp_path / "tools", "serve", "service-registry", PORT="0") as before:
        key = keys_of(before)["operator"]
        assert before.end() == 0
    with socket.create_server(("127.0.0.1", 0)) as free:
        port = free.getsockname()[1]
    names = ("service-registry", "agent")
    named = f"elsewhere:1=other,127.0.0.1:{port}={key}"
    with serving(tmp_path / "agent", "up", *names, ROLLCALL_TOOL_KEYS=named) as agent:
        away = {"PORT": str(port), "SERVICE_REGISTRY_URL": agent.services}
        with serving(tmp_path / "tools", "serve", "tools", ROLLCALL_LOGIN="required", **away):
            eventually('"calculate"', f"{agent.talk}/api/v1/tools")
            asked = {"session_id": "s", "user_input": "Calculate 10 + 5"}
            answer = httpx.post(f"{agent.talk}/api/v1/process", json=asked, timeout=60).json()
    (run,) = answer["tools_used"]
    assert (run["outcome"], run["url"]) == ("ok", f"http://127.0.0.1:{port}")
    assert "15" in answer["response"]


def test_keys_that_cannot_be_read_keep_it_from_starting_and_are_not_shown(tmp_path: Path) -> None:
    with pytest.raises(RuntimeError, match="ROLLCALL_TOOL_KEYS") as refused:
        start(tmp_path, "up", ROLLCALL_TOOL_KEYS="hunter2")
    assert "hunter2" not in str(refused.value)
