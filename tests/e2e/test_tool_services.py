# SPDX-License-Identifier: Apache-2.0
"""Tool services of others: found, called, killed, missed and found again."""

from __future__ import annotations

import asyncio
import socket
import subprocess
import sys
import threading
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import httpx
import pytest

from support.serving import Serving, environment, serving

SCRIPT = Path(__file__).parents[1] / "support" / "word_tools.py"
REQUESTS, AT_ONCE, KILL_AFTER = 200, 8, 60


class WordTools:
    """An instance of the service of `word_tools.py`."""

    def __init__(self, registry: str) -> None:
        with socket.create_server(("127.0.0.1", 0)) as free:
            port = free.getsockname()[1]
        self.url = f"http://127.0.0.1:{port}"
        self.process = subprocess.Popen(
            [sys.executable, str(SCRIPT), str(port)],
            env=environment({"SERVICE_REGISTRY_URL": registry}),
            stdin=subprocess.DEVNULL,
        )

    def kill(self) -> None:
        self.process.kill()
        self.process.wait(30)


@pytest.fixture
def up(tmp_path: Path) -> Iterator[Serving]:
    with serving(tmp_path, "up") as one:
        yield one


@pytest.fixture
def instances(up: Serving) -> Iterator[list[WordTools]]:
    started: list[WordTools] = []
    try:
        yield started
    finally:
        for one in started:
            one.kill()


def ask(up: Serving, word: str) -> dict[str, Any]:
    asked = {"session_id": word, "user_input": f'spell the word "{word}" backwards'}
    answer = httpx.post(f"{up.talk}/api/v1/process", json=asked, timeout=60)
    assert answer.status_code == 200, answer.text
    return answer.json()


def until(holds: Any, seconds: float = 30.0) -> None:
    """Return once something holds.

    Raises:
        AssertionError: It never did.
    """
    for _ in range(round(seconds / 0.05)):
        if holds():
            return
        threading.Event().wait(0.05)
    raise AssertionError("it never was so")


def registered(up: Serving) -> int:
    asked = {"name": "word-tools", "status": "healthy"}
    return httpx.get(f"{up.services}/api/v1/discover", params=asked).json()["total_count"]


def offered(up: Serving) -> bool:
    tools = httpx.get(f"{up.talk}/api/v1/tools", timeout=30).json()["tools"]
    return any(one["name"] == "backwards" for one in tools)


def test_a_service_of_document_1_is_found_survives_a_death_and_is_missed_politely(
    up: Serving, instances: list[WordTools]
) -> None:
    instances += [WordTools(up.services), WordTools(up.services)]
    until(lambda: registered(up) == 2)
    until(lambda: offered(up), 1.0)
    (run,) = ask(up, "heron")["tools_used"]
    assert (run["service"], run["outcome"]) == ("word-tools", "ok")
    assert run["url"] in {one.url for one in instances}

    answers = asyncio.run(_many(up, instances[0]))
    wrong = [(word, one) for word, one in answers if word[::-1] not in one["response"]]
    assert wrong == []
    assert all(run["outcome"] == "ok" for _, one in answers for run in one["tools_used"])

    instances[1].kill()
    gone = ask(up, "stork")
    assert "word-tools" in gone["response"]
    assert "krots" not in gone["response"]
    assert [run["outcome"] for run in gone["tools_used"]] == ["unavailable"]

    instances.append(WordTools(up.services))
    until(lambda: "krots" in ask(up, "stork")["response"])


async def _many(up: Serving, victim: WordTools) -> list[tuple[str, dict[str, Any]]]:
    """200 questions, some at once, and a death in their middle."""
    words = iter([f"word{number}x" for number in range(REQUESTS)])
    answers: list[tuple[str, dict[str, Any]]] = []

    async def some(client: httpx.AsyncClient) -> None:
        for word in words:
            asked = {"session_id": word, "user_input": f'spell the word "{word}" backwards'}
            answer = await client.post("/api/v1/process", json=asked)
            assert answer.status_code == 200, answer.text
            answers.append((word, answer.json()))
            if len(answers) == KILL_AFTER:
                victim.process.kill()

    async with httpx.AsyncClient(base_url=up.talk, timeout=60) as client:
        await asyncio.gather(*(some(client) for _ in range(AT_ONCE)))
    return answers
