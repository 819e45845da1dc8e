"""SIGHUP: what it has a process do."""

from __future__ import annotations

import asyncio
import os
import pty
import signal
from pathlib import Path

from rollcall.agents.wizard.shelf import Shelf
from rollcall.app.hangup import reloading
from rollcall.kernel.clock import SystemClock
from support.trades import SHELF


class Told(Shelf):
    """Says when it was read again."""

    def __init__(self, folder: Path) -> None:
        super().__init__(SystemClock(), folder, SHELF)
        self.done = asyncio.Event()

    async def reload_or_tell(self) -> None:
        await super().reload_or_tell()
        self.done.set()


async def test_a_hangup_has_the_files_read_again(tmp_path: Path) -> None:
    models = tmp_path / "models.yaml"

    def say(text: str) -> None:
        models.write_text(text)

    shelf = Told(tmp_path)
    shelf.load()
    before = signal.getsignal(signal.SIGHUP)
    async with reloading(shelf):
        for text, refused in (("openai:one: {label: One}\n", False), ("nonsense\n", True)):
            say(text)
            shelf.done.clear()
            os.kill(os.getpid(), signal.SIGHUP)
            await asyncio.wait_for(shelf.done.wait(), 30)
            assert "openai:one" in shelf.library.models
            assert (shelf.refused is not None) == refused
    assert signal.getsignal(signal.SIGHUP) == before


async def test_a_terminal_that_is_gone_ends_the_process(tmp_path: Path) -> None:
    ended = asyncio.Event()
    asyncio.get_running_loop().add_signal_handler(signal.SIGTERM, ended.set)
    master, terminal = pty.openpty()
    shelf = Told(tmp_path)
    shelf.load()
    try:
        async with reloading(shelf, terminal):
            os.kill(os.getpid(), signal.SIGHUP)
            await asyncio.wait_for(shelf.done.wait(), 30)
            assert not ended.is_set()
            os.close(master)
            os.kill(os.getpid(), signal.SIGHUP)
            await asyncio.wait_for(ended.wait(), 30)
    finally:
        os.close(terminal)
        asyncio.get_running_loop().remove_signal_handler(signal.SIGTERM)


async def test_elsewhere_than_in_the_main_thread_there_are_no_signals(tmp_path: Path) -> None:
    async def opened() -> bool:
        async with reloading(Shelf(SystemClock(), shipped=SHELF)):
            return True

    before = signal.getsignal(signal.SIGHUP)
    assert await asyncio.to_thread(asyncio.run, opened())
    assert signal.getsignal(signal.SIGHUP) == before
