"""An emulator of BigQuery (bqemulator, on DuckDB), which the official client talks to."""

from __future__ import annotations

import os
import shutil
import signal
import subprocess
import tempfile
import threading
from pathlib import Path

import httpx

from rollcall.kernel.clock import SystemClock
from support.servers.ports import free_ports
from support.servers.provision import missing

VERSION = "1.4.0"
PROJECT = "rollcall-tests"
PATIENCE = 60.0
_clock = SystemClock()


def folder() -> Path:
    """Where `tools/provision.py` puts it; outside of the repository."""
    cache = Path(os.environ.get("XDG_CACHE_HOME") or Path.home() / ".cache")
    return cache / "rollcall" / f"bqemulator-{VERSION}"


class Bigquery:
    """One emulator on free ports of the loopback, with what it holds in memory."""

    def __init__(self) -> None:
        python = folder() / "bin" / "python"
        if not ((folder() / "complete").exists() and python.exists()):
            missing("BigQuery's emulator", "none; uv or pip install it")
        self._folder = Path(tempfile.mkdtemp(prefix="rollcall-bigquery-"))
        port, grpc = free_ports(2)
        self.url = f"http://127.0.0.1:{port}"
        self._log = self._folder / "log"
        with self._log.open("wb") as log:
            self._process = subprocess.Popen(
                [
                    *(str(python), "-m", "bqemulator", "start", "--ephemeral"),
                    *("--rest-port", str(port), "--grpc-port", str(grpc)),
                    *("--project", PROJECT, "--log-level", "warning"),
                ],
                cwd=self._folder,
                env={
                    **os.environ,
                    # Where the extension is that its DuckDB would fetch otherwise.
                    "HOME": str(folder() / "home"),
                    "BQEMU_ENABLE_FORMAT_EXTENSIONS": "false",
                    "BQEMU_UPLOAD_STAGING_DIR": str(self._folder / "uploads"),
                    "PYTHONPATH": "",
                },
                stdin=subprocess.DEVNULL,
                stdout=log,
                stderr=subprocess.STDOUT,
            )

    def start(self) -> None:
        """Return when it answers."""
        deadline = _clock.monotonic() + PATIENCE
        while not self._answers():
            said = self._log.read_text(errors="replace")[-2000:]
            if self._process.poll() is not None or _clock.monotonic() > deadline:
                raise RuntimeError(f"BigQuery's emulator does not serve: {said}")
            threading.Event().wait(0.05)

    def freeze(self, *, on: bool) -> None:
        """Have it stand still, or go on."""
        self._process.send_signal(signal.SIGSTOP if on else signal.SIGCONT)

    def remove(self) -> None:
        """End it, and remove what it wrote."""
        self._process.kill()
        self._process.wait()
        shutil.rmtree(self._folder)

    def _answers(self) -> bool:
        try:
            answer = httpx.get(f"{self.url}/bigquery/v2/projects/{PROJECT}/datasets", timeout=5)
        except httpx.TransportError:
            return False
        return answer.status_code == 200
