# SPDX-License-Identifier: Apache-2.0
"""What the ways to an agent add until the first word of its answer is there.

One agent on a scripted model that begins at once, asked directly at the agent service, through the
gateway of the same process, through a gateway in a process of its own, and as visitors of a widget
do. All take turns, one question at a time, each in a session of its own.
"""

from __future__ import annotations

import contextlib
import json
import os
import statistics
import subprocess
import sys
import tempfile
import time
import urllib.request
from collections.abc import Callable, Iterator, Mapping, Sequence
from pathlib import Path
from typing import Any, Final
from urllib.parse import urlsplit

from bench.first_token.asking import Asker
from bench.service.peers import free_port
from bench.service.wrk import CLIENT_CORE, SERVER_CORE, pinned

ROOT: Final = Path(__file__).resolve().parents[2]
READY: Final = 60.0
AIM: Final = 0.010
"""Seconds that a way may add at the median."""
DIRECTLY: Final = "the agent service directly"
GATEWAY: Final = "through the gateway"
APART: Final = "through a gateway of its own process"
WIDGET: Final = "through the widget's endpoint"
BOTH: Final = "through the gateway and the widget's endpoint"
PROCESS: Final = "/api/v1/process"
PAGE: Final = "https://page.example"
HELLO: Final = "Good day"


Way = Callable[[int], float]
"""Asks one question, which has a number; seconds until the first word."""


def measured(questions: int) -> dict[str, list[float]]:
    """Seconds until the first word, by the way that was taken.

    Args:
        questions: Of each way; some more come before, and do not count.
    """
    found: dict[str, list[float]] = {}
    before = questions // 10 + 1
    with (
        tempfile.TemporaryDirectory(prefix="rollcall-bench-") as folder,
        everything(Path(folder)) as ways,
    ):
        for number in range(before + questions):
            for name, way in ways.items():
                seconds = way(number)
                if number >= before:
                    found.setdefault(name, []).append(seconds)
    return found


def page(found: Mapping[str, Sequence[float]]) -> str:
    """The table, and what the aim says to it, as Markdown."""
    lines = ["| | p50 | p99 | added at p50 |", "| :-- | --: | --: | --: |"]
    direct = statistics.median(found[DIRECTLY])
    verdicts: list[str] = []
    for way, seconds in found.items():
        middle = statistics.median(seconds)
        last = sorted(seconds)[int(len(seconds) * 0.99)]
        more = middle - direct
        added = "" if way == DIRECTLY else _ms(more)
        lines.append(f"| {way} | {_ms(middle)} | {_ms(last)} | {added} |")
        if way != DIRECTLY:
            verdict = "met" if more < AIM else "MISSED"
            verdicts.append(f"- {way}: {_ms(more)} more, aim: under {_ms(AIM)}: {verdict}")
    return "\n".join([*lines, "", *verdicts])


@contextlib.contextmanager
def everything(folder: Path) -> Iterator[dict[str, Way]]:
    """All processes, an agent and its widget; the ways to it."""
    ports = {name: free_port() for name in ("model", "agent", "gateway", "widgets", "apart")}
    at = {name: f"http://127.0.0.1:{port}" for name, port in ports.items()}
    told = {
        "ROLLCALL_MODEL": "openai-compatible:scripted",
        "ROLLCALL_MODEL_URL": f"{at['model']}/v1",
        "ROLLCALL_MODEL_KEY": "x",
        "ROLLCALL_DATA_DIR": str(folder / "up"),
        "LOG_LEVEL": "WARNING",
        "SERVICE_REGISTRY_PORT": "0",
        "ROLLCALL_AGENT_REGISTRY_PORT": "0",
        "EXT_TOOL_PORT": "0",
        "ANALYTICS_PORT": "0",
        "BILLING_PORT": "0",
        "DASHBOARD_PORT": "0",
        "AGENT_PORT": str(ports["agent"]),
        "GATEWAY_PORT": str(ports["gateway"]),
        "AGENT_WIZARD_PORT": "0",
        "MY_AGENTS_PORT": "0",
        "WIDGET_PORT": str(ports["widgets"]),
        # Each visitor has an address of its own, so that none of them asks too often.
        "ROLLCALL_TRUSTED_PROXIES": "127.0.0.1",
    }
    apart = {
        "PORT": str(ports["apart"]),
        "CONVERSATIONS_URL": at["agent"],
        "ROLLCALL_DATA_DIR": str(folder / "apart"),
        "LOG_LEVEL": "WARNING",
    }
    model = ["-m", "bench.first_token.model", str(ports["model"])]
    with contextlib.ExitStack() as stack:
        log = folder / "log"
        for core, arguments, variables, health in (
            (CLIENT_CORE, model, {}, None),
            (SERVER_CORE, ["-m", "rollcall", "up"], told, at["gateway"]),
            (CLIENT_CORE, ["-m", "rollcall", "serve", "gateway"], apart, at["apart"]),
        ):
            stack.enter_context(_process(core, arguments, variables, log))
            if health is not None:
                _wait(f"{health}/health", log)
        agent = made(f"{at['gateway']}/api/agents", {"name": "Greeter"})["id"]
        widget = {"agent_id": agent, "name": "Greeter", "allowed_origins": [PAGE]}
        key = made(f"{at['gateway']}/api/widgets", widget)["public_key"]
        yield {
            DIRECTLY: talking(stack, at["agent"], PROCESS, agent),
            GATEWAY: talking(stack, at["gateway"], f"/services/agent{PROCESS}", agent),
            APART: talking(stack, at["apart"], f"/services/agent{PROCESS}", agent),
            WIDGET: visiting(stack, at["widgets"], key),
            BOTH: visiting(stack, at["gateway"], key),
        }


def talking(stack: contextlib.ExitStack, url: str, path: str, agent: str) -> Way:
    """Ask the agent, each time in a session of its own."""
    asker = Asker(url, path)
    stack.callback(asker.close)

    def ask(number: int) -> float:
        session = f"{urlsplit(url).port}-{number}"
        return asker.seconds(
            {"session_id": session, "user_input": HELLO, "agent_id": agent, "stream": True}
        )

    return ask


def visiting(stack: contextlib.ExitStack, url: str, key: str) -> Way:
    """Ask as a page with the widget does, each time as another visitor."""
    asker = Asker(url, f"/widget/v1/{key}/messages", {"Origin": PAGE})
    stack.callback(asker.close)

    def ask(number: int) -> float:
        address = f"198.18.{number // 250}.{number % 250 + 1}"
        said = {"Origin": PAGE, "X-Forwarded-For": address}
        visitor = made(f"{url}/widget/v1/{key}/visitors", {}, said)
        said["Authorization"] = f"Bearer {visitor['token']}"
        return asker.seconds({"message": HELLO, "client_id": f"m{number}"}, said)

    return ask


def made(url: str, body: object, headers: Mapping[str, str] | None = None) -> dict[str, Any]:
    """What is answered to a POST."""
    request = urllib.request.Request(  # noqa: S310 - our own words
        url, json.dumps(body).encode(), {"Content-Type": "application/json", **(headers or {})}
    )
    with urllib.request.urlopen(request, timeout=30) as answer:  # noqa: S310
        return json.loads(answer.read())


@contextlib.contextmanager
def _process(
    core: str, arguments: list[str], variables: Mapping[str, str], log: Path
) -> Iterator[None]:
    with log.open("ab") as said:
        process = subprocess.Popen(
            pinned(core, [sys.executable, *arguments]),
            cwd=ROOT,
            env={**os.environ, **variables},
            stdin=subprocess.DEVNULL,
            stdout=said,
            stderr=said,
        )
    try:
        yield
    finally:
        process.terminate()
        process.wait(READY)


def _wait(url: str, log: Path) -> None:
    until = time.monotonic() + READY
    while time.monotonic() < until:
        with contextlib.suppress(OSError), urllib.request.urlopen(url, timeout=5):  # noqa: S310
            return
        time.sleep(0.05)
    raise SystemExit(f"bench: {url} does not answer: {log.read_text()[-2000:]}")


def _ms(seconds: float) -> str:
    return f"{seconds * 1e3:,.2f} ms"
