# SPDX-License-Identifier: Apache-2.0
"""SIGHUP: the library of the wizard is read again, as services do with their files."""

from __future__ import annotations

import asyncio
import logging
import os
import signal
from collections.abc import AsyncGenerator, Callable
from contextlib import asynccontextmanager
from typing import Final

from rollcall.agents.wizard.shelf import Shelf

_log = logging.getLogger(__name__)
_INPUT: Final = 0


@asynccontextmanager
async def reloading(shelf: Shelf, terminal: int = _INPUT) -> AsyncGenerator[None]:
    """Read the library again whenever the process gets SIGHUP.

    Where that comes because the terminal is gone that the process was started from, it ends, as it
    would have done.

    Args:
        shelf: The library.
        terminal: The file that may be a terminal.
    """
    running = set[asyncio.Task[None]]()
    in_terminal = os.isatty(terminal)

    def begin() -> None:
        if in_terminal and not os.isatty(terminal):
            os.kill(os.getpid(), signal.SIGTERM)
            return
        task = asyncio.create_task(shelf.reload_or_tell())
        running.add(task)
        task.add_done_callback(running.discard)

    stop = _on_hangup(begin)
    try:
        yield
    finally:
        stop()
        await asyncio.gather(*running)


def _on_hangup(begin: Callable[[], None]) -> Callable[[], object]:
    """Have `begin` called at SIGHUP; what ends that. Elsewhere than in the main thread, and on
    Windows, there are no signals.
    """
    loop = asyncio.get_running_loop()
    try:
        number = signal.SIGHUP
        loop.add_signal_handler(number, begin)
    except (AttributeError, NotImplementedError, RuntimeError, ValueError) as error:
        _log.debug("SIGHUP does not reload the library here: %s", error)
        return lambda: None
    return lambda: loop.remove_signal_handler(number)
