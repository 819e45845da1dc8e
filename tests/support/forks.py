# SPDX-License-Identifier: Apache-2.0
"""Processes that are forked off one that has imported Rollcall, which takes longer than its start.

For all who are not about the start itself; a process ends, is killed and answers as any other.
"""

from __future__ import annotations

import atexit
import json
import os
import select
import signal
import socket
import subprocess
import sys
import threading
import weakref
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import IO

WARM = Path(__file__).with_name("warm.py")


class Forked:
    """A running process, with what `subprocess.Popen` has and is used.

    Args:
        told: A pipe over which comes its number and, at its end, its exit code.
        stdout: What it says.
    """

    def __init__(self, told: int, stdout: IO[bytes]) -> None:
        # Nobody is to close it whom somebody else may wait beside.
        weakref.finalize(self, os.close, told)
        self._told = told
        self._turn = threading.Lock()
        self.pid = self._number()
        self.stdout = stdout
        self.returncode: int | None = None

    def poll(self) -> int | None:
        """Its exit code, if it has ended."""
        with self._turn:
            if self.returncode is None and self._has_told(0):
                self.returncode = self._number()
        return self.returncode

    def wait(self, timeout: float | None = None) -> int:
        """Its exit code, when it has ended.

        Raises:
            subprocess.TimeoutExpired: It has not, so many seconds long.
        """
        if self.poll() is None and not self._has_told(timeout):
            raise subprocess.TimeoutExpired("a fork", timeout or 0)
        code = self.poll()
        assert code is not None
        return code

    def send_signal(self, number: int) -> None:
        """Send it a signal, unless it has ended."""
        if self.poll() is None:
            os.kill(self.pid, number)

    def kill(self) -> None:
        """End it with no chance to do anything about it."""
        self.send_signal(signal.SIGKILL)

    def _has_told(self, within: float | None) -> bool:
        # Not `select`: some tests have more descriptors than it can tell apart.
        poll = select.poll()
        poll.register(self._told, select.POLLIN)
        return bool(poll.poll(None if within is None else within * 1000))

    def _number(self) -> int:
        line = b""
        while not line.endswith(b"\n"):
            more = os.read(self._told, 1)
            if not more:
                raise RuntimeError("nobody forks any more")
            line += more
        return int(line)


class Forks:
    """Forks off processes; it ends with this one.

    Args:
        variables: Its own; those it forks off are given theirs.
    """

    def __init__(self, variables: Mapping[str, str]) -> None:
        self._turn = threading.Lock()
        self._requests, theirs = socket.socketpair()
        with theirs:
            self._process = subprocess.Popen(
                [sys.executable, str(WARM), str(theirs.fileno())],
                env=dict(variables),
                stdin=subprocess.DEVNULL,
                pass_fds=[theirs.fileno()],
            )
        atexit.register(self.close)

    def close(self) -> None:
        """Have it end; what was forked off goes on."""
        self._requests.close()
        self._process.wait()

    def start(
        self,
        program: str,
        arguments: Sequence[str],
        folder: Path,
        variables: Mapping[str, str],
        errors: IO[bytes],
    ) -> Forked:
        """As `python -m PROGRAM ARGUMENTS` in a folder does."""
        request = {
            "program": program,
            "arguments": arguments,
            "folder": str(folder),
            "variables": dict(variables),
        }
        told, said = self._asked(request, errors)
        return Forked(told, os.fdopen(said, "rb", 0))

    def _asked(self, request: object, errors: IO[bytes]) -> tuple[int, int]:
        told, tell = os.pipe()
        said, say = os.pipe()
        try:
            with self._turn:
                line = json.dumps(request).encode() + b"\n"
                socket.send_fds(self._requests, [line], [say, errors.fileno(), tell])
        finally:
            os.close(tell)
            os.close(say)
        return told, said
