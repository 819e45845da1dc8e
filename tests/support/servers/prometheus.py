# SPDX-License-Identifier: Apache-2.0
"""A real Prometheus, which scrapes what a configuration says."""

from __future__ import annotations

import shutil
import subprocess
import threading
from pathlib import Path
from typing import Any

import httpx

from rollcall.kernel.clock import SystemClock
from support.servers.ports import free_ports
from support.servers.provision import missing

PATIENCE = 60.0
_clock = SystemClock()


class Prometheus:
    """One server, on a free port of the loopback, with its data in a folder of its own.

    Args:
        folder: Where its data and its log go.
        configuration: The file that says what it scrapes.
    """

    def __init__(self, folder: Path, configuration: Path) -> None:
        found = shutil.which("prometheus")
        if found is None:
            missing("Prometheus", "prometheus")
        folder.mkdir(parents=True, exist_ok=True)
        self._log = folder / "log.txt"
        (port,) = free_ports(1)
        self.url = f"http://127.0.0.1:{port}"
        with self._log.open("wb") as log:
            self._process = subprocess.Popen(
                [
                    str(found),
                    f"--config.file={configuration}",
                    f"--storage.tsdb.path={folder / 'data'}",
                    f"--web.listen-address=127.0.0.1:{port}",
                ],
                cwd=folder,
                stdin=subprocess.DEVNULL,
                stdout=log,
                stderr=subprocess.STDOUT,
            )

    def stop(self) -> None:
        """End it."""
        self._process.terminate()
        try:
            self._process.wait(PATIENCE)
        except subprocess.TimeoutExpired:
            self._process.kill()
            self._process.wait()

    def targets(self) -> list[dict[str, Any]]:
        """What it scrapes now, and how that went."""
        return self._ask("/api/v1/targets")["activeTargets"]

    def query(self, expression: str) -> list[dict[str, Any]]:
        """The series that a PromQL query finds."""
        return self._ask("/api/v1/query", query=expression)["result"]

    def _ask(self, path: str, **params: str) -> dict[str, Any]:
        """An answer, as soon as there is one.

        Raises:
            AssertionError: It has ended, or did not answer in time.
        """
        deadline = _clock.monotonic() + PATIENCE
        while True:
            try:
                answer = httpx.get(self.url + path, params=params, timeout=10)
            except httpx.TransportError:
                pass
            else:
                # It says 503 while it starts.
                if answer.status_code == 200:
                    return answer.json()["data"]
                assert answer.status_code == 503, answer.text
            said = self._log.read_text(encoding="utf-8", errors="replace")[-2000:]
            assert self._process.poll() is None, f"it has ended: {said}"
            assert _clock.monotonic() < deadline, f"it does not answer: {said}"
            threading.Event().wait(0.05)
