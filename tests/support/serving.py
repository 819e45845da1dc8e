# SPDX-License-Identifier: Apache-2.0
"""Rollcall as a user starts it: a process of its own, which says where it answers."""

from __future__ import annotations

import contextlib
import os
import re
import selectors
import signal
import subprocess
import sys
import threading
from collections.abc import Iterator, Mapping, Sequence
from functools import cache
from pathlib import Path
from typing import IO

import httpx

from rollcall.kernel.clock import SystemClock
from support.forks import Forked, Forks

REGISTRIES = ("up", "service-registry", "agent-registry")
"""`rollcall up` with nothing registered but what a test registers."""
READY = 30.0
"""Seconds that a start may take on a busy machine before it counts as failed."""
_KEPT = ("PATH", "HOME", "TMPDIR", "PYTHONPATH")
_clock = SystemClock()
_URL = re.compile(r"^  ([a-z][a-z -]*?) +(http://\S+)  \(API: ", re.MULTILINE)


class Serving:
    """A running `rollcall up` or `rollcall serve NAME`.

    Args:
        process: The process.
        output: What it has said on its standard output.
        log: The file with what it says on its standard error.
    """

    def __init__(self, process: subprocess.Popen[bytes] | Forked, output: str, log: Path) -> None:
        self.process = process
        self.output = output
        self.log = log
        self.urls: dict[str, str] = dict(_URL.findall(output))
        """Where each service answers, by its title."""
        found = self.urls
        self.services = found.get("service registry", "")
        self.agents = found.get("agent registry", "")
        self.talk = found.get("agent service", "")
        self.tools = found.get("tools service", "")
        self.gateway = found.get("gateway", "")
        self.analytics = found.get("analytics", "")
        self.billing = found.get("billing", "")
        self.dashboard = found.get("dashboard", "")
        self.wizard = found.get("agent wizard", "")
        self.widgets = found.get("widgets", "")
        self.mine = found.get("my agents", "")

    def kill(self) -> None:
        """End it with no chance to do anything about it."""
        self.process.kill()
        self.process.wait(READY)

    def end(self, number: int = signal.SIGTERM) -> int:
        """End it as an operator does; its exit code."""
        self.process.send_signal(number)
        return self.process.wait(READY)

    def errors(self) -> str:
        """What it has said on its standard error so far."""
        return self.log.read_text(encoding="utf-8")


def environment(variables: Mapping[str, str]) -> dict[str, str]:
    """A process's variables: what it needs to run, and those given; none of ours of the outside."""
    kept = {
        name: os.environ[name]
        for name in ("PATH", "HOME", "TMPDIR", "PYTHONPATH")
        if name in os.environ
    }
    return {**kept, "PYTHONUNBUFFERED": "1", **variables}


def start(
    folder: Path,
    *arguments: str,
    program: str = "rollcall",
    anew: bool = False,
    **variables: str,
) -> Serving:
    """Start `rollcall ARGUMENTS` in `folder`, and wait until it answers.

    Unless `variables` say otherwise it takes free ports and keeps its data in `folder`. `program`
    is a module to run in its place. `anew` means an interpreter of its own, for tests of the start.

    Raises:
        RuntimeError: It ended, or did not answer in time; with what it said.
    """
    folder.mkdir(parents=True, exist_ok=True)
    settings = {
        "SERVICE_REGISTRY_PORT": "0",
        "ROLLCALL_AGENT_REGISTRY_PORT": "0",
        "AGENT_PORT": "0",
        "EXT_TOOL_PORT": "0",
        "GATEWAY_PORT": "0",
        "ANALYTICS_PORT": "0",
        "BILLING_PORT": "0",
        "DASHBOARD_PORT": "0",
        "AGENT_WIZARD_PORT": "0",
        "WIDGET_PORT": "0",
        "MY_AGENTS_PORT": "0",
        "ROLLCALL_DATA_DIR": str(folder / "data"),
        # What is killed cannot clear up after itself.
        "TMPDIR": str(folder),
        **variables,
    }
    log = folder / f"log-{_clock.now()}.txt"
    with log.open("wb") as errors:
        # Elsewhere libraries of the system do not live through a fork.
        run = _forked if sys.platform == "linux" and not anew else _run
        process = run(program, arguments, folder, environment(settings), errors)
    assert process.stdout is not None
    try:
        output = _until(process.stdout, b"Ctrl-C", _clock.monotonic() + READY)
    except BaseException:
        process.kill()
        process.wait()
        process.stdout.close()
        raise
    if "Ctrl-C" not in output:
        process.kill()
        process.wait()
        process.stdout.close()
        raise RuntimeError(f"it did not start: {output}{log.read_text(encoding='utf-8')}")
    return Serving(process, output, log)


def _run(
    program: str,
    arguments: Sequence[str],
    folder: Path,
    variables: Mapping[str, str],
    errors: IO[bytes],
) -> subprocess.Popen[bytes]:
    return subprocess.Popen(
        [sys.executable, "-m", program, *arguments],
        cwd=folder,
        env=variables,
        stdin=subprocess.DEVNULL,
        stdout=subprocess.PIPE,
        stderr=errors,
    )


def _forked(
    program: str,
    arguments: Sequence[str],
    folder: Path,
    variables: Mapping[str, str],
    errors: IO[bytes],
) -> Forked:
    return _forks().start(program, arguments, folder, variables, errors)


@cache
def _forks() -> Forks:
    return Forks(environment({}))


def _until(stream: IO[bytes], words: bytes, deadline: float) -> str:
    """What comes over `stream` up to `words`, its end, or the deadline."""
    read = b""
    with selectors.DefaultSelector() as selector:
        selector.register(stream, selectors.EVENT_READ)
        while words not in read and selector.select(max(0.0, deadline - _clock.monotonic())):
            more = os.read(stream.fileno(), 65_536)
            if not more:
                break
            read += more
    return read.decode()


@contextlib.contextmanager
def serving(
    folder: Path,
    *arguments: str,
    program: str = "rollcall",
    anew: bool = False,
    **variables: str,
) -> Iterator[Serving]:
    """`start`, and an end at the end."""
    one = start(folder, *arguments, program=program, anew=anew, **variables)
    try:
        yield one
    finally:
        if one.process.poll() is None:
            one.process.kill()
            one.process.wait(READY)
        if one.process.stdout is not None:
            one.process.stdout.close()


def eventually(said: str, url: str, *, within: float = READY, **headers: str) -> httpx.Response:
    """Ask `url` until the answer holds `said`; the answer.

    Raises:
        AssertionError: It did not, `within` seconds long.
    """
    deadline = _clock.monotonic() + within
    while True:
        answer = httpx.get(url, headers=headers, timeout=10)
        if said in answer.text:
            return answer
        assert _clock.monotonic() < deadline, f"{url} never said {said!r}, but {answer.text!r}"
        threading.Event().wait(0.02)
