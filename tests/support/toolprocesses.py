# SPDX-License-Identifier: Apache-2.0
"""Tool services of others, each in a process of its own that registers by itself."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

from support.servers.ports import free_ports
from support.serving import READY, environment

FOLDER = Path(__file__).parent


class ToolProcess:
    """A script of this folder, started as `python NAME.py PORT ARGUMENTS`.

    Args:
        name: Its name, without the ending.
        registry: Where it registers.
        arguments: What else it is told.
    """

    def __init__(self, name: str, registry: str, *arguments: str) -> None:
        (self.port,) = free_ports(1)
        self.url = f"http://127.0.0.1:{self.port}"
        self.process = subprocess.Popen(
            [sys.executable, str(FOLDER / f"{name}.py"), str(self.port), *arguments],
            env=environment({"SERVICE_REGISTRY_URL": registry}),
            stdin=subprocess.DEVNULL,
        )

    def kill(self) -> None:
        """End it with no chance to do anything about it."""
        self.process.kill()
        self.process.wait(READY)
