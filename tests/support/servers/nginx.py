# SPDX-License-Identifier: Apache-2.0
"""A real nginx, with a configuration that a test writes."""

from __future__ import annotations

import os
import shutil
import signal
import subprocess
import threading
from pathlib import Path

import httpx

from rollcall.cli.gateway import temporary
from rollcall.kernel.clock import SystemClock
from support.servers.ports import free_ports
from support.servers.provision import missing

PATIENCE = 30.0
_clock = SystemClock()


def program() -> str:
    """Where it is; where it is not installed the test is left out."""
    found = shutil.which("nginx") or shutil.which("nginx", path="/usr/sbin:/sbin")
    if found is None:
        missing("nginx", "nginx-light")
    return str(found)


class Nginx:
    """One server on a free port of the loopback.

    Args:
        folder: Where its files are; `rollcall.conf` there is what it runs.
    """

    def __init__(self, folder: Path) -> None:
        self.program = program()
        self.folder = folder
        self.configuration = folder / "rollcall.conf"
        (port,) = free_ports(1)
        self.listen = f"127.0.0.1:{port}"
        self.url = f"http://{self.listen}"

    def start(self) -> None:
        """Start it, with what the configuration is now."""
        whole = self.folder / "nginx.conf"
        # As root it would give its workers to somebody who may not read a test's folder.
        user = "user root;" if os.geteuid() == 0 else ""
        whole.write_text(
            f"{user} daemon off; worker_processes 2; pid {self.folder}/pid;\n"
            "events { worker_connections 512; }\n"
            f"http {{ access_log off; {temporary(str(self.folder))}"
            f"include {self.configuration}; }}\n"
        )
        self._process = subprocess.Popen(
            [self.program, "-c", str(whole), "-e", str(self.folder / "error.log")],
            stdin=subprocess.DEVNULL,
        )
        self._until_it_answers()

    def reload(self) -> None:
        """Have it read the configuration anew, as `nginx -s reload` does."""
        self._process.send_signal(signal.SIGHUP)

    def stop(self) -> None:
        """End it."""
        self._process.terminate()
        self._process.wait(PATIENCE)

    def errors(self) -> str:
        """What it has complained of."""
        return (self.folder / "error.log").read_text(encoding="utf-8", errors="replace")

    def _until_it_answers(self) -> None:
        deadline = _clock.monotonic() + PATIENCE
        while True:
            try:
                httpx.get(self.url, timeout=5)
            except httpx.TransportError:
                assert self._process.poll() is None, self.errors()
                assert _clock.monotonic() < deadline, self.errors()
                threading.Event().wait(0.02)
            else:
                return
