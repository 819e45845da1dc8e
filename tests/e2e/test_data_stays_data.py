# SPDX-License-Identifier: Apache-2.0
"""What users, tools and pages say is data: it reaches no shell, no SQL, no HTML, no terminal, no
log, and as an instruction nobody at all.
"""

from __future__ import annotations

import asyncio
import json
import re
import sqlite3
import subprocess
import sys
import threading
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any
from urllib.parse import quote

import httpx
import pytest

from rollcall.testing.scripted_model import Call, Fails, Says, ScriptedModel
from support.hostiletext import (
    BRACES,
    FRAMES,
    HTML,
    KEYS,
    LOGGED,
    ORDER,
    SQL,
    STEERING,
    TERMINAL,
    Hostile,
    everything,
    hostile,
    shell,
)
from support.serving import Serving, environment, serving

PROVIDER_KEY = "sk-live-zyxwvutsrqponmlkjihgfedcba98"
STEPS = {"accepted", "started", "text", "reset", "tool_started", "tool_finished", "done", "failed"}


@dataclass(frozen=True)
class World:
    """A running Rollcall, and somebody hostile who has registered a tool and has a page."""

    up: Serving
    other: Hostile
    folder: Path

    @property
    def canary(self) -> Path:
        return self.folder / "canary"

    @property
    def payloads(self) -> list[str]:
        whole = everything(self.canary)
        return [SQL, shell(self.canary), HTML, TERMINAL, FRAMES, LOGGED, BRACES, *KEYS, whole]

    def said(self, text: str, session: str = "s", **more: Any) -> dict[str, Any]:
        asked = {"session_id": session, "user_input": text, **more}
        answer = httpx.post(f"{self.up.talk}/api/v1/process", json=asked, timeout=60)
        assert answer.status_code == 200, answer.text
        return answer.json()


@pytest.fixture(scope="module")
def world(tmp_path_factory: pytest.TempPathFactory) -> Iterator[World]:
    folder = tmp_path_factory.mktemp("data")
    variables = {
        "ROLLCALL_MODEL": "offline-planner",
        "ROLLCALL_SCRAPER_HOSTS": "127.0.0.1",
        "OPENAI_API_KEY": PROVIDER_KEY,
        "LOG_LEVEL": "DEBUG",
    }
    with (
        hostile(everything(folder / "canary")) as other,
        serving(folder, "up", **variables) as up,
    ):
        _register(up, other)
        yield World(up, other, folder)
        assert up.end() == 0
        _log_is_clean(up, folder / "canary")


def _register(up: Serving, other: Hostile) -> None:
    card = {
        "name": "proverbs",
        "service_type": "tool",
        "host": "127.0.0.1",
        "port": other.port,
        "metadata": {"description": other.text[:900]},
    }
    httpx.post(f"{up.services}/api/v1/register", json=card).raise_for_status()
    for _ in range(600):
        listed = httpx.get(f"{up.talk}/api/v1/tools", timeout=30).json()["tools"]
        if {"proverbs", "tools-service"} <= {one["service"] for one in listed}:
            return
        threading.Event().wait(0.02)
    raise AssertionError("the agent never saw the tools")


def _log_is_clean(up: Serving, canary: Path) -> None:
    said = up.errors()
    assert "Traceback" not in said
    assert not set(said) & STEERING
    for key in (*KEYS, PROVIDER_KEY):
        assert key.removeprefix("Bearer ") not in said
    for text in ("DROP TABLE", "<script>", str(canary), "all is well", "{{7*7}}"):
        assert text not in said
    assert max(map(len, said.splitlines()), default=0) < 10_000


def rollcall(up: Serving, *words: str, given: str = "") -> subprocess.CompletedProcess[str]:
    """The command, as a user types it."""
    port = up.tools.rpartition(":")[2]
    variables = {"CONVERSATIONS_URL": up.talk, "EXT_TOOL_PORT": port, "FORCE_COLOR": "1"}
    return subprocess.run(
        [sys.executable, "-m", "rollcall", *words],
        env=environment({**variables, "SERVICE_REGISTRY_URL": up.services}),
        input=given,
        capture_output=True,
        text=True,
        timeout=60,
        check=False,
    )


def test_what_is_said_is_kept_and_found_to_the_letter(world: World) -> None:
    before = tables(world)
    kept: dict[str, str] = {}
    for place, text in enumerate(world.payloads):
        asked = {"session_id": f"kept-{place}", "user_input": text, "user_id": "x'; --<b>"}
        answer = httpx.post(f"{world.up.talk}/api/v1/process", json=asked, timeout=60)
        if set(text) & set("\x1b\x07\x9b"):
            assert (answer.status_code, answer.json()["errors"][0]["field"]) == (422, "user_input")
            assert not set(answer.text) & STEERING
        else:
            assert answer.status_code == 200
            kept[f"kept-{place}"] = text

    for session, text in kept.items():
        where = f"{world.up.talk}/api/v1/sessions/{session}"
        assert httpx.get(where).json()["turns"][0]["user_input"] == text
        whole = httpx.get(f"{where}/export", params={"format": "json"}).json()
        (line,) = httpx.get(f"{where}/export", params={"format": "jsonl"}).text.splitlines()
        assert whole["turns"][0]["user_input"] == json.loads(line)["user_input"] == text
        found = httpx.post(f"{world.up.tools}/messages", json={"query": text})
        assert found.status_code == 200, found.text
    assert len(kept) >= 8
    assert tables(world) == before
    assert not world.canary.exists()


def tables(world: World) -> list[str]:
    found: list[str] = []
    for file in sorted((world.folder / "data").glob("*.db")):
        database = sqlite3.connect(f"file:{file}?mode=ro", uri=True)
        found += [str(row) for row in database.execute("SELECT type, name FROM sqlite_master")]
        database.close()
    assert any("conversation_turns" in one for one in found)
    return found


def test_sessions_may_be_named_like_code_and_are_names(world: World) -> None:
    names = ["'; DROP TABLE conversation_turns; --", "<script>x", "{{7*7}}", "$(id)", "a?b#c"]
    for name in names:
        world.said("1 + 1", name)
    listed = httpx.get(f"{world.up.talk}/api/v1/sessions", params={"limit": 100}).json()
    assert {one["session_id"] for one in listed} >= set(names)
    for name in names:
        where = f"{world.up.talk}/api/v1/sessions/{quote(name, safe='')}"
        file = httpx.get(f"{where}/export", params={"format": "markdown"})
        started, _, kept = file.headers["content-disposition"].partition("UTF-8''")
        assert started == "attachment; filename*="
        assert re.fullmatch(r"[\w.%-]+", kept), kept


def test_what_a_tool_says_is_told_and_not_followed(world: World) -> None:
    world.other.called.clear()
    answer = world.said("tell me a proverb about herons", "tool")

    assert [run["tool"] for run in answer["tools_used"]] == ["proverb"]
    assert len(world.other.called) == 1
    assert ORDER in answer["response"]
    assert "45748103" not in answer["response"]
    assert not any(PROVIDER_KEY in headers for headers in world.other.headers)
    assert not world.canary.exists()
    _told_safely(world, "tool")


def test_what_a_page_says_is_told_and_not_followed(world: World) -> None:
    answer = world.said(f"what does this page say: {world.other.page}", "page")

    (run,) = answer["tools_used"]
    assert run["outcome"] == "ok"
    assert ORDER in answer["response"]
    assert "45748103" not in answer["response"]
    assert not world.canary.exists()
    _told_safely(world, "page")


def _told_safely(world: World, session: str) -> None:
    """A session is exported with nothing in it that anything would take for its own."""
    where = f"{world.up.talk}/api/v1/sessions/{session}/export"
    shown = httpx.get(where, params={"format": "markdown"}).text
    assert not re.search(r"<[a-z!/]", shown)
    assert not set(shown) & STEERING
    assert len(re.findall(r"^## ", shown, re.MULTILINE)) == 1
    lines = httpx.get(where, params={"format": "jsonl"}).text.split("\n")
    assert [bool(line) for line in lines] == [True, False]


@pytest.mark.parametrize("path", ["/api/v1/process", "/v1/chat/completions"])
def test_frames_of_a_stream_cannot_be_forged(path: str, world: World) -> None:
    text = f"tell me a proverb about herons {FRAMES}"
    asked: dict[str, Any] = {"session_id": "frames", "user_input": text}
    if path.startswith("/v1"):
        asked = {"model": "rollcall", "messages": [{"role": "user", "content": text}]}
    body = httpx.post(f"{world.up.talk}{path}", json={**asked, "stream": True}, timeout=60)

    assert body.headers["content-type"].startswith("text/event-stream")
    for frame in body.content.decode().split("\n\n"):
        for line in re.split(r"\r\n|\r|\n", frame):
            name, _, value = line.partition(":")
            assert name in {"event", "data", "id", "retry", ""}, line
            if name == "event":
                assert value.strip() in STEPS
            if name == "data" and value.strip() != "[DONE]":
                assert "forged" not in json.loads(value)


def test_nothing_steers_the_terminal_of_who_asks(world: World) -> None:
    for words, given in (
        (("ask", "tell me a proverb about herons"), ""),
        (("ask", "--json", "tell me a proverb about herons"), ""),
        (("ask", f"what does this page say: {world.other.page}"), ""),
        (("chat",), "tell me a proverb about herons\n/tools\n"),
        (("messages", "search", "proverb OR heron"), ""),
        (("tools", "list"), ""),
        (("tools", "list", "--service", "proverbs"), ""),
        (("tools", "call", "proverb", "--arg", "topic=herons"), ""),
    ):
        done = rollcall(world.up, *words, given=given)
        assert done.returncode == 0, (words, done.stderr)
        assert done.stdout
        # Rollcall's own colours are left aside.
        said = re.sub(r"\x1b\[[0-9;]*m", "", done.stdout + done.stderr)
        assert not set(said) & STEERING, (words, said)
        assert "\x1b[31m" not in done.stdout


def test_neither_documentation_nor_problems_take_html(world: World) -> None:
    for url in (world.up.agents, world.up.services, world.up.talk, world.up.tools):
        for path in ("/docs", "/redoc"):
            page = httpx.get(url + path, params={"url": HTML, "x": HTML})
            assert "alert(" not in page.text
        for path in (f"/{HTML}", f"/api/v1/sessions/{HTML}", f"/health/{HTML}", f"/agents/{HTML}"):
            answer = httpx.get(url + path, params={HTML: HTML})
            assert answer.status_code in (404, 405, 422)
            assert answer.headers["content-type"] == "application/problem+json"
    answer = httpx.post(f"{world.up.tools}/calculate", json={"expression": HTML})
    assert answer.headers["content-type"].endswith("json")


def test_figures_do_not_grow_with_what_is_said(world: World) -> None:
    def lines() -> int:
        figures = httpx.get(f"{world.up.talk}/metrics").text
        assert not set(figures) & STEERING
        assert "<script" not in figures
        return len(figures.splitlines())

    def asked(round_: str) -> None:
        for number in range(10):
            name = f"{round_}-{number}"
            world.said("1 + 1", f"session-{name}", user_id=f"user-{name}")
            httpx.get(f"{world.up.talk}/{name}")
            httpx.get(f"{world.up.talk}/v1/models/{name}")
            asked = {"session_id": "x", "user_input": "x", "model": f"nobody:{name}"}
            httpx.post(f"{world.up.talk}/api/v1/process", json=asked)
            httpx.request(name.upper(), f"{world.up.talk}/health")

    asked("first")
    lines()
    before = lines()
    asked("second")
    assert lines() == before


async def test_a_model_is_told_it_as_the_result_of_a_tool(tmp_path: Path) -> None:
    text = everything(tmp_path / "canary")
    script = (
        Says(Call("proverb", {"topic": "herons"})),
        Says("A heron waits."),
        Fails(401, f"Incorrect API key provided: {PROVIDER_KEY}"),
    )
    async with ScriptedModel(*script) as model:
        variables = {
            "ROLLCALL_MODEL": "openai-compatible:x",
            "ROLLCALL_MODEL_URL": model.url,
            "ROLLCALL_MODEL_KEY": PROVIDER_KEY,
            "LOG_LEVEL": "DEBUG",
        }
        with hostile(text) as other:
            done = await asyncio.to_thread(_talked, tmp_path, variables, other)
        first, second, refused = model.requests
    answered, failed = done
    assert answered["response"] == "A heron waits."
    assert [run["tool"] for run in answered["tools_used"]] == ["proverb"]
    assert not any(ORDER in one for role in ("system", "user") for one in first.told(role))
    assert all(re.fullmatch(r"[a-zA-Z0-9_-]{1,64}", name) for name in first.tools)
    for role in ("system", "developer", "user", "assistant"):
        assert not any(ORDER in one for one in second.told(role))
    assert any(ORDER in one for one in second.told("tool"))
    assert not any(PROVIDER_KEY in str(one.body) for one in (first, second, refused))
    assert failed["status"] == 422
    assert PROVIDER_KEY not in json.dumps(failed)


def _talked(
    folder: Path, variables: dict[str, str], other: Hostile
) -> tuple[dict[str, Any], dict[str, Any]]:
    """An answer, and then a refusal."""
    with serving(folder, "up", **variables) as up:
        _register(up, other)
        url, asked = f"{up.talk}/api/v1/process", {"session_id": "s", "user_input": "a proverb!"}
        answered, failed = (httpx.post(url, json=asked, timeout=60).json() for _ in range(2))
        assert up.end() == 0
        _log_is_clean(up, folder / "canary")
    assert not (folder / "canary").exists()
    return answered, failed
