# SPDX-License-Identifier: Apache-2.0
"""The main job: ask in words; the agent finds a tool through the registry, calls it, answers."""

from __future__ import annotations

import http.server
import json
import subprocess
import sys
import threading
from collections.abc import Iterator
from typing import Any

import httpx
import pytest

from support.serving import Serving, environment, serving

PAGE = b"""<!doctype html><html><head><title>The heron</title></head><body><article>
<h1>The heron</h1><p>The grey heron stands in shallow water for hours and waits for fish.</p>
<p>It nests in colonies, high in trees, and returns to the same place every spring.</p>
</article></body></html>"""


class Pages(http.server.BaseHTTPRequestHandler):
    def do_GET(self) -> None:
        found = self.path == "/heron.html"
        self.send_response(200 if found else 404)
        self.send_header("Content-Type", "text/html; charset=utf-8")
        self.end_headers()
        self.wfile.write(PAGE if found else b"")

    def log_message(self, *_: Any) -> None:
        """Say nothing."""


@pytest.fixture(scope="module")
def page() -> Iterator[str]:
    with http.server.ThreadingHTTPServer(("127.0.0.1", 0), Pages) as server:
        threading.Thread(target=server.serve_forever, daemon=True).start()
        yield f"http://127.0.0.1:{server.server_port}/heron.html"
        server.shutdown()


@pytest.fixture(scope="module")
def up(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Serving]:
    # The page that the test serves is on this machine, which a scraper may not touch by itself.
    folder = tmp_path_factory.mktemp("main-job")
    with serving(folder, "up", ROLLCALL_SCRAPER_HOSTS="127.0.0.1") as one:
        _tools_are_there(one)
        yield one


def _tools_are_there(up: Serving) -> None:
    """Wait until the agent has seen the tools service, which registers once it answers."""
    with httpx.Client(base_url=up.talk, timeout=30) as client:
        for _ in range(300):
            if client.get("/api/v1/tools").json()["total_count"]:
                return
            threading.Event().wait(0.02)
    raise AssertionError("the agent service never saw a tool")


def rollcall(up: Serving, *words: str) -> subprocess.CompletedProcess[str]:
    """The command, as a user types it."""
    return subprocess.run(
        [sys.executable, "-m", "rollcall", *words],
        env=environment({"CONVERSATIONS_URL": up.talk, "NO_COLOR": "1"}),
        capture_output=True,
        text=True,
        timeout=60,
        check=False,
    )


def ask(up: Serving, question: str, session: str = "e2e") -> dict[str, Any]:
    done = rollcall(up, "ask", "--json", "--session", session, question)
    assert done.returncode == 0, done.stdout + done.stderr
    return json.loads(done.stdout)


@pytest.mark.parametrize(
    ("question", "answer", "tool"),
    [
        ("the square root of 16", "4", "calculate"),
        ("12 % of 349.90", "41.988", "calculate"),
        ("10 km in miles", "6.21371", "convert"),
        ("Calculate 10 + 5", "15", "calculate"),
    ],
)
def test_a_question_in_words_is_answered_by_a_tool_that_is_named(
    up: Serving, question: str, answer: str, tool: str
) -> None:
    answered = ask(up, question)

    assert answer in answered["response"]
    assert [run["tool"] for run in answered["tools_used"]] == [tool]
    assert answered["tools_used"][0]["outcome"] == "ok"
    assert tool in answered["response"]


def test_a_page_is_read(up: Serving, page: str) -> None:
    answered = ask(up, f"what does this page say: {page}")

    assert "heron stands in shallow water" in answered["response"]
    assert answered["tools_used"][0]["outcome"] == "ok"


def test_earlier_messages_are_found(up: Serving) -> None:
    ask(up, "The invoice of the glazier is overdue: 12 + 30", "glazier")
    answered = ask(up, "search my earlier messages for glazier")

    assert "glazier" in answered["response"]
    assert answered["tools_used"][0]["outcome"] == "ok"


def test_what_nothing_can_do_is_declined_by_the_offline_planner(up: Serving) -> None:
    answered = ask(up, "Write me a sonnet about the sea")

    assert "offline planner" in answered["response"]
    assert answered["tools_used"] == []


def test_a_newcomer_reads_the_answer_and_which_tool_gave_it(up: Serving) -> None:
    done = rollcall(up, "ask", "Calculate 10 + 5")

    assert done.returncode == 0, done.stderr
    assert "15" in done.stdout
    assert "calculate" in done.stdout + done.stderr
    assert "tools-service" in done.stdout + done.stderr


def test_our_own_services_stand_in_the_registry_like_anybody_elses(up: Serving) -> None:
    found = httpx.get(f"{up.services}/api/v1/discover").json()["services"]

    ports = {one["name"]: one["port"] for one in found}
    assert ports == {
        "agent-service": int(up.talk.rpartition(":")[2]),
        "tools-service": int(up.tools.rpartition(":")[2]),
        "api-gateway": int(up.gateway.rpartition(":")[2]),
        "agent-wizard": int(up.wizard.rpartition(":")[2]),
        "analytics-service": int(up.analytics.rpartition(":")[2]),
        "billing-service": int(up.billing.rpartition(":")[2]),
        "dashboard-service": int(up.dashboard.rpartition(":")[2]),
        "widget-service": int(up.widgets.rpartition(":")[2]),
        "my-agents-service": int(up.mine.rpartition(":")[2]),
    }
    assert {one["status"] for one in found} == {"healthy"}


def test_every_listed_tool_can_be_called_as_it_is_listed(up: Serving) -> None:
    listed = httpx.get(f"{up.tools}/tools").json()["tools"]

    assert {one["path"] for one in listed} >= {
        "/calculate",
        "/statistics",
        "/functions",
        "/convert",
        "/scrape",
        "/extract-text",
        "/messages",
    }
    for one in listed:
        answer = httpx.request(one["method"], f"{up.tools}{one['path']}", json={})
        assert answer.status_code in {200, 422}, (one["path"], answer.text)
