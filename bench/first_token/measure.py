# SPDX-License-Identifier: Apache-2.0
"""What the ways to an agent add until the first word of its answer is there.

One agent on a scripted model that begins at once, asked directly at the agent service, through the
gateway of the same process, and through a gateway in a process of its own. All take turns, one
question at a time, each in a session of its own.
"""

from __future__ import annotations

import contextlib
import os
import re
import statistics
import subprocess
import sys
import tempfile
import time
import urllib.request
from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path
from typing import Final

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
PROCESS: Final = "/api/v1/process"


def measured(questions: int) -> dict[str, list[float]]:
    """Seconds until the first word, by the way that was taken.

    Args:
        questions: Of each way; some more come before, and do not count.
    """
    found: dict[str, list[float]] = {}
    with (
        tempfile.TemporaryDirectory(prefix="rollcall-bench-") as folder,
        everything(Path(folder)) as askers,
    ):
        for number in range(questions + questions // 10 + 1):
            for way, asker in askers.items():
                session = f"{re.sub('[^a-z]', '-', way)}-{number}"
                body = {"session_id": session, "user_input": "Good day", "stream": True}
                seconds = asker.seconds(body)
                if number > questions // 10:
                    found.setdefault(way, []).append(seconds)
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
def everything(folder: Path) -> Iterator[dict[str, Asker]]:
    """All processes; whom to ask for each way."""
    ports = {name: free_port() for name in ("model", "agent", "gateway", "apart")}
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
        askers = {
            DIRECTLY: Asker(at["agent"], PROCESS),
            GATEWAY: Asker(at["gateway"], f"/services/agent{PROCESS}"),
            APART: Asker(at["apart"], f"/services/agent{PROCESS}"),
        }
        for asker in askers.values():
            stack.callback(asker.close)
        yield askers


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
