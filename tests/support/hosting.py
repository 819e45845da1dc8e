"""An application behind a real socket, in a thread of its own."""

from __future__ import annotations

import asyncio
import contextlib
import socket
import threading
from collections.abc import Callable, Iterator

import uvicorn
from starlette.types import ASGIApp

READY = 30.0
"""Seconds until a start on a busy machine counts as failed."""


class Server(uvicorn.Server):
    """A server among several of one process, which end in any order.

    Uvicorn's own takes the signals, and gives them back to who had them when it began: with two of
    them that may be one that has ended, and then nothing ends the process any more.
    """

    @contextlib.contextmanager
    def capture_signals(self) -> Iterator[None]:
        yield


@contextlib.contextmanager
def hosted(
    make: Callable[[], contextlib.AbstractAsyncContextManager[ASGIApp]],
) -> Iterator[str]:
    """The URL of what `make` opens, in the thread's own loop, and closes at the end."""
    ready = threading.Event()
    running: list[Server] = []

    async def serve(listening: socket.socket) -> None:
        async with make() as app:
            server = Server(
                uvicorn.Config(app, log_config=None, lifespan="off", proxy_headers=False)
            )
            running.append(server)
            ready.set()
            await server.serve([listening])

    with socket.create_server(("127.0.0.1", 0)) as listening:
        # Or each answer in two pieces waits for the client to acknowledge the first.
        listening.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
        thread = threading.Thread(target=lambda: asyncio.run(serve(listening)))
        thread.start()
        assert ready.wait(READY), "the application did not open"
        yield f"http://127.0.0.1:{listening.getsockname()[1]}"
        running[0].should_exit = True
        thread.join(READY)
        assert not thread.is_alive(), "the server did not end"
