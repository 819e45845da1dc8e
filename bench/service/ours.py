# SPDX-License-Identifier: Apache-2.0
"""Rollcall as an operator starts it, on the server's core, with a fleet that registered itself."""

from __future__ import annotations

import contextlib
import json
import os
import re
import subprocess
import sys
import time
import urllib.error
import urllib.request
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Final

from bench.service.peers import READY, free_port
from bench.service.wrk import SERVER_CORE, NotMeasured, pinned

PHRASES: Final = 500
LEASE: Final = 600
"""Seconds: nobody is to fall silent while something else is measured."""
_KEY: Final = re.compile(r"rck_[0-9a-f_]+")


@dataclass(frozen=True)
class Server:
    """A running `rollcall serve agent-registry`.

    Args:
        url: Where it answers.
        key: Of a caller that may register.
        process: Its id.
    """

    url: str
    key: str
    process: int

    def resident(self) -> float:
        """Megabytes that it has in memory."""
        for line in Path(f"/proc/{self.process}/status").read_text().splitlines():
            if line.startswith("VmRSS:"):
                return int(line.split()[1]) / 1024
        raise NotMeasured("this system does not say how much memory a process has")

    def post(self, path: str, body: dict[str, Any]) -> dict[str, Any]:
        """The answer to a body of JSON."""
        headers = {"Authorization": f"Bearer {self.key}", "Content-Type": "application/json"}
        request = urllib.request.Request(self.url + path, json.dumps(body).encode(), headers)
        with urllib.request.urlopen(request, timeout=60) as answer:
            return json.loads(answer.read())


@contextlib.contextmanager
def server(folder: Path, agents: int, store: str | None = None) -> Iterator[Server]:
    """Rollcall with an API key and `agents` agents, of which each phrase has as many.

    Nothing is set that an operator would not: the store syncs every commit to the disk, leases,
    metrics and the audit log are at work, and there is no limit of rate, as by default.

    Args:
        folder: For its data.
        agents: How many register before.
        store: A store's URL in place of SQLite in the folder.
    """
    port = free_port()
    variables = {
        "ROLLCALL_DATA_DIR": str(folder / "data"),
        "ROLLCALL_LOGIN": "required",
        "PORT": str(port),
        **({"ROLLCALL_STORE": store} if store else {}),
    }
    environment = {**os.environ, **variables}
    rollcall = [sys.executable, "-m", "rollcall"]
    made = subprocess.run(
        [*rollcall, "keys", "create", "--name", "bench", "--scope", "register"],
        env=environment, capture_output=True, text=True, check=False, timeout=READY,
    )  # fmt: skip
    key = _KEY.search(made.stdout)
    if key is None:
        raise NotMeasured(f"no key was made: {made.stderr.strip()[-300:]}")
    with (folder / "log").open("wb") as log:
        process = subprocess.Popen(
            pinned(SERVER_CORE, [*rollcall, "serve", "agent-registry"]),
            env=environment,
            stdin=subprocess.DEVNULL,
            stdout=log,
            stderr=log,
        )
    try:
        running = Server(f"http://127.0.0.1:{port}", key[0], process.pid)
        _wait(running, process, folder)
        _fill(running, agents)
        yield running
    finally:
        process.terminate()
        try:
            process.wait(30)
        except subprocess.TimeoutExpired:
            process.kill()
            process.wait()


def _fill(running: Server, agents: int) -> None:
    for first in range(0, agents, 500):
        batch = [_card(number) for number in range(first, min(first + 500, agents))]
        running.post("/register/batch", {"agents": batch})


def _card(number: int) -> dict[str, Any]:
    skill = {"name": f"skill-{number % PHRASES:04}", "description": "Does the job"}
    return {
        "agent_id": f"agent-{number:06}",
        "agent_name": f"Agent {number}",
        "base_url": f"http://10.0.{number // 250 % 250}.{number % 250}:9000",
        "capabilities": [skill],
        "heartbeat_timeout_seconds": LEASE,
    }


def _wait(running: Server, process: subprocess.Popen[bytes], folder: Path) -> None:
    deadline = time.monotonic() + READY
    while time.monotonic() < deadline and process.poll() is None:
        try:
            urllib.request.urlopen(f"{running.url}/health", timeout=5).close()
        except urllib.error.URLError:
            time.sleep(0.05)
        else:
            return
    said = (folder / "log").read_text(errors="replace")[-300:]
    raise NotMeasured(f"rollcall does not start: {said}")
