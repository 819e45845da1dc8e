# SPDX-License-Identifier: Apache-2.0
"""A process that has imported Rollcall, and forks off others that run it.

Run as a program, its first argument is a socket. Over it come, one at a time, what is to be run,
and the descriptors of its standard output, its standard error and of a pipe, which is told the
process's number, and at the end its exit code. It ends with the socket.
"""

from __future__ import annotations

import contextlib
import gc
import importlib
import json
import os
import runpy
import socket
import sys
import time
from io import FileIO, TextIOWrapper
from typing import Any

MODULES = (
    "rollcall.app.serve",
    "rollcall.cli.commands",
    "rollcall.conversations.loop_model",
    "aiosqlite",
    "alembic.command",
    "alembic.context",
    "alembic.op",
    "wordllama",
)
"""What any service imports in the end."""


def asked(requests: socket.socket) -> tuple[dict[str, Any], list[int]] | None:
    """What is to be run next, and the descriptors; None: nobody asks any more."""
    said, descriptors, _, _ = socket.recv_fds(requests, 1 << 20, 3)
    while said and not said.endswith(b"\n"):
        said += requests.recv(1 << 20)
    return (json.loads(said), list(descriptors)) if said else None


def keep(told: int) -> None:
    """Fork once more: the child returns, and the parent says how it ends and ends with it."""
    pid = os.fork()
    if not pid:
        return
    os.write(told, f"{pid}\n".encode())
    _, status = os.waitpid(pid, 0)
    os.write(told, f"{os.waitstatus_to_exitcode(status)}\n".encode())
    os._exit(0)


def reap() -> None:
    """Forget those that have ended."""
    with contextlib.suppress(ChildProcessError):
        while os.waitpid(-1, os.WNOHANG)[0]:
            pass


def become(request: dict[str, Any], out: int, errors: int) -> None:
    """Be as a new process is that was started with these words in this folder."""
    os.chdir(request["folder"])
    os.environ.clear()
    os.environ.update(request["variables"])
    time.tzset()
    os.dup2(out, 1)
    os.dup2(errors, 2)
    # Unbuffered, and with nothing known of what was there before.
    sys.stdout = TextIOWrapper(FileIO(1, "w"), "utf-8", write_through=True)
    sys.stderr = TextIOWrapper(FileIO(2, "w"), "utf-8", "backslashreplace", write_through=True)
    sys.argv = [request["program"], *request["arguments"]]
    more = os.environ.get("PYTHONPATH", "").split(os.pathsep)
    sys.path[:1] = [request["folder"], *filter(None, more)]


def main() -> str:
    """Serve until nobody asks any more, or return in a child; what that is to run."""
    requests = socket.socket(fileno=int(sys.argv[1]))
    for name in MODULES:
        importlib.import_module(name)
    gc.freeze()
    while (said := asked(requests)) is not None:
        request, descriptors = said
        reap()
        if not os.fork():
            requests.close()
            out, errors, told = descriptors
            keep(told)
            become(request, out, errors)
            for one in descriptors:
                os.close(one)
            return str(request["program"])
        for one in descriptors:
            os.close(one)
    sys.exit()


if __name__ == "__main__":
    runpy.run_module(main(), run_name="__main__", alter_sys=True)
