# SPDX-License-Identifier: Apache-2.0
"""An agent service whose registry is another process: what is registered there is used here."""

from __future__ import annotations

import threading
from collections.abc import Iterator
from contextlib import ExitStack
from pathlib import Path
from typing import Any

import httpx
import pytest

from support.modelled import PATIENCE, until
from support.servers.ports import free_ports
from support.serving import Serving, serving
from support.toolprocesses import ToolProcess

WITHIN = 1.0
"""Seconds in which a tool can be used once its service is registered."""


class Split:
    """A registry and an agent service, each a process, and the tool services of others."""

    def __init__(self, folder: Path, stack: ExitStack) -> None:
        self.folder = folder
        self.stack = stack
        (self.port,) = free_ports(1)
        self.registry = self.start_registry()
        self.agent = stack.enter_context(
            serving(
                folder / "agent",
                *("serve", "agent"),
                SERVICE_REGISTRY_URL=self.registry.services,
                ROLLCALL_STORE="memory",
            )
        )

    def start_registry(self) -> Serving:
        """Start it where it was, with what it has kept."""
        return self.stack.enter_context(
            serving(self.folder / "registry", "serve", "service-registry", PORT=str(self.port))
        )

    def start_tools(self, name: str, *arguments: str) -> ToolProcess:
        one = ToolProcess(name, self.registry.services, *arguments)
        self.stack.callback(one.kill)
        return one

    def ask(self, word: str) -> dict[str, Any]:
        asked = {"session_id": word, "user_input": f'spell the word "{word}" backwards'}
        answer = httpx.post(f"{self.agent.talk}/api/v1/process", json=asked, timeout=PATIENCE)
        assert answer.status_code == 200, answer.text
        return answer.json()

    def tools(self) -> set[str]:
        listed = httpx.get(f"{self.agent.talk}/api/v1/tools", timeout=PATIENCE).json()["tools"]
        return {one["name"] for one in listed}


@pytest.fixture
def split(tmp_path: Path) -> Iterator[Split]:
    with ExitStack() as stack:
        yield Split(tmp_path, stack)


def test_a_service_is_used_within_a_second_and_while_the_registry_is_away(split: Split) -> None:
    assert split.tools() == set()
    registered = threading.Event()
    seen = _followed(split, registered)
    split.start_tools("word_tools")
    assert registered.wait(PATIENCE)
    until(lambda: "backwards" in split.tools(), WITHIN)
    seen.join(PATIENCE)
    assert "noreh" in split.ask("heron")["response"]

    # The registry is away: what is known goes on being used.
    assert split.registry.end() == 0
    answer = split.ask("stork")
    assert "krots" in answer["response"]
    assert answer["tools_used"][0]["outcome"] == "ok"

    # It comes back, with what it knew and with somebody new.
    split.registry = split.start_registry()
    assert "naws" in split.ask("swan")["response"]
    split.start_tools("mcp_words", "extra")
    until(lambda: {"backwards", "vowels"} <= split.tools())


def _followed(split: Split, registered: threading.Event) -> threading.Thread:
    """Watch the registry's events; `registered` is set by the first registration."""
    url = f"{split.registry.services}/api/v1/events?service_type=tool"
    open_ = threading.Event()

    def follow() -> None:
        with httpx.stream("GET", url, timeout=PATIENCE) as stream:
            for line in stream.iter_lines():
                open_.set()
                if line.startswith("data:") and '"registered"' in line:
                    registered.set()
                    return

    thread = threading.Thread(target=follow)
    thread.start()
    assert open_.wait(PATIENCE)
    return thread
