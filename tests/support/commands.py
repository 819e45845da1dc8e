# SPDX-License-Identifier: Apache-2.0
"""Commands of the documentation, run in a shell as somebody who pastes them."""

from __future__ import annotations

import json
import subprocess
from dataclasses import dataclass
from typing import Any

import httpx

from support.serving import Serving, environment

_PORTS = {
    3003: "services",
    3004: "talk",
    3006: "tools",
    8000: "gateway",
    8001: "wizard",
    8002: "analytics",
    8003: "billing",
    8004: "dashboard",
    8005: "widgets",
    8006: "mine",
    8009: "agents",
}
"""The ports of the documentation; tests take others, so that services in use are left alone."""
_CURL = 'curl() { command curl --silent --show-error --include "$@"; }\n'


@dataclass(frozen=True)
class Answer:
    """What `curl` was answered.

    Args:
        status: The status code.
        headers: The fields.
        text: The body.
    """

    status: int
    headers: httpx.Headers
    text: str

    @property
    def json(self) -> Any:
        """The body, which is JSON."""
        return json.loads(self.text)


def pasted(command: str, served: Serving, **variables: str) -> Answer:
    """Run one `curl` command.

    Args:
        command: As it stands in the documentation.
        served: Who is to answer it.
        variables: Of the shell.
    """
    for port, name in _PORTS.items():
        own = getattr(served, name).rpartition(":")[2]
        command = command.replace(f"localhost:{port}/", f"localhost:{own}/")
    done = subprocess.run(
        ["bash", "-c", _CURL + command],
        env=environment(variables),
        capture_output=True,
        timeout=60,
        check=False,
    )
    assert done.returncode == 0, done.stderr.decode()
    head, _, body = done.stdout.decode().partition("\r\n\r\n")
    first, *fields = head.split("\r\n")
    pairs = [field.split(": ", 1) for field in fields]
    return Answer(int(first.split()[1]), httpx.Headers([(one, two) for one, two in pairs]), body)
