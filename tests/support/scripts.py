# SPDX-License-Identifier: Apache-2.0
"""Python files as somebody runs them: `python NAME.py`, in a process of its own."""

from __future__ import annotations

import contextlib
import re
import signal
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

from support.serving import READY, environment

_URL = re.compile(r"http://[^/\s]+")


class Script:
    """A running file.

    Args:
        process: The process.
        url: The first URL that it has printed, without a path.
        log: The file with what it says on its standard error.
    """

    def __init__(self, process: subprocess.Popen[str], url: str, log: Path) -> None:
        self.process = process
        self.url = url
        self.log = log

    @property
    def port(self) -> int:
        return int(self.url.rpartition(":")[2])

    def errors(self) -> str:
        """What it has said on its standard error so far."""
        return self.log.read_text(encoding="utf-8")

    def end(self, number: int = signal.SIGTERM) -> int:
        """Send it a signal; its exit code."""
        self.process.send_signal(number)
        return self.process.wait(READY)


@contextlib.contextmanager
def running(file: Path, **variables: str) -> Iterator[Script]:
    """Run a file in its own folder until the block ends, and wait until it prints a URL.

    Raises:
        RuntimeError: It ended before; with what it said.
    """
    log = file.with_suffix(".log")
    with log.open("w", encoding="utf-8") as errors:
        process = subprocess.Popen(
            [sys.executable, file.name],
            cwd=file.parent,
            env=environment(variables),
            stdin=subprocess.DEVNULL,
            stdout=subprocess.PIPE,
            stderr=errors,
            text=True,
        )
    assert process.stdout is not None
    try:
        found = next((url[0] for line in process.stdout if (url := _URL.search(line))), None)
        if found is None:
            raise RuntimeError(f"it did not start: {log.read_text(encoding='utf-8')}")
        yield Script(process, found, log)
    finally:
        if process.poll() is None:
            process.kill()
            process.wait(READY)
        process.stdout.close()
