# SPDX-License-Identifier: Apache-2.0
"""A process that notes in a file each POST that reaches it."""

from __future__ import annotations

import asyncio
import contextlib
import os
import socket
import subprocess
import sys
from collections.abc import AsyncIterator, Iterator
from pathlib import Path

import uvicorn
from starlette.requests import Request
from starlette.responses import JSONResponse, StreamingResponse
from starlette.types import Receive, Scope, Send
from starlette.websockets import WebSocket

from support.serving import environment

TESTS = Path(__file__).resolve().parents[1]


class Counting:
    """Answers everything; writes down what is done. What ends in `/stream` says one word and then,
    once something was asked that ends in `/go`, another; WebSockets hear themselves.

    Args:
        name: Whose it is.
        notes: The file that it writes to, a line for each POST.
    """

    def __init__(self, name: str, notes: Path) -> None:
        self._name = name
        self._go = asyncio.Event()
        self._notes = os.open(notes, os.O_WRONLY | os.O_APPEND | os.O_CREAT)

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        if scope["type"] == "websocket":
            socket = WebSocket(scope, receive, send)
            await socket.accept()
            await socket.send_text(await socket.receive_text())
            await socket.close()
            return
        if scope["path"].endswith("/stream"):
            answer = StreamingResponse(self._words(), media_type="text/event-stream")
            await answer(scope, receive, send)
            return
        if scope["path"].endswith("/go"):
            self._go.set()
        request = Request(scope, receive)
        body = await request.body()
        if request.method == "POST":
            os.write(self._notes, body + b"\n")
        said = {"by": self._name, "path": scope["path"], **dict(request.headers)}
        await JSONResponse(said)(scope, receive, send)

    async def _words(self) -> AsyncIterator[bytes]:
        yield b"data: one\n\n"
        await self._go.wait()
        yield b"data: two\n\n"


@contextlib.contextmanager
def counting(port: int, notes: Path) -> Iterator[subprocess.Popen[bytes]]:
    """One of them at a port of the loopback, once it answers; ended at the end."""
    path = os.pathsep.join([str(TESTS), os.environ.get("PYTHONPATH", "")])
    process = subprocess.Popen(
        [sys.executable, "-m", "support.counting", str(port), str(notes)],
        env=environment({"PYTHONPATH": path}),
        stdin=subprocess.DEVNULL,
        stdout=subprocess.PIPE,
    )
    try:
        assert process.stdout is not None
        assert process.stdout.readline() == b"ready\n"
        yield process
    finally:
        process.kill()
        process.wait()
        if process.stdout is not None:
            process.stdout.close()


def main(port: str, notes: str) -> None:
    """Serve until killed."""
    config = uvicorn.Config(
        Counting(port, Path(notes)), lifespan="off", log_config=None, timeout_keep_alive=75
    )
    with socket.create_server(("127.0.0.1", int(port))) as listening:
        listening.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
        # Who connects before it has started waits until it has.
        sys.stdout.write("ready\n")
        sys.stdout.flush()
        uvicorn.Server(config).run([listening])


if __name__ == "__main__":
    main(*sys.argv[1:])
