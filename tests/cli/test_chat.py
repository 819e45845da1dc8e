from __future__ import annotations

import asyncio
import os
import pty
import re
import selectors
import signal
import subprocess
import sys
from collections.abc import Iterator

import pytest

from rollcall.conversations.errors import ModelUnavailable
from rollcall.conversations.models import TextReset
from rollcall.kernel.clock import SystemClock
from support.serving import environment
from support.talkers import RUN, USED, Talker, talking
from support.typed import Shell

PATIENCE = 30.0
_clock = SystemClock()


@pytest.fixture(scope="module")
def service() -> Iterator[Talker]:
    with talking() as one:
        yield one


@pytest.fixture
def shell(service: Talker) -> Shell:
    return Shell({"CONVERSATIONS_URL": service.url})


def test_lines_of_a_file_are_answered_one_by_one_in_one_session(
    shell: Shell, service: Talker
) -> None:
    service.loop.script("Let me see.", TextReset(), RUN, USED, "It is 15.")

    done = shell("chat", "--session", "file", typed="10 + 5\n\nthanks\n")

    assert (done.code, done.out) == (0, "It is 15.\nYou said: thanks\n")
    assert "calculate of ext-tool at http://127.0.0.1:3006: ok, 12 ms" in done.err
    assert ">" not in done.out + done.err


def test_commands_are_told_apart_from_messages(shell: Shell, service: Talker) -> None:
    asked = len(service.loop.tasks)

    done = shell("chat", typed="/help\n/tools\n/new\n/nonsense x\n/quit\nnever said\n")

    assert done.code == 0
    assert done.out == "tool\tservice\twhat it does\ncalculate\text-tool\tCalculates sums.\n"
    assert "/tools  the tools" in done.err
    assert re.search(r"Conversation chat-[0-9a-f]{8}\.", done.err)
    assert "there is no /nonsense: /help says what there is" in done.err
    assert len(service.loop.tasks) == asked


def test_without_tools_it_says_so(shell: Shell, service: Talker) -> None:
    specs, service.toolbox.specs = service.toolbox.specs, []
    done = shell("chat", typed="/tools\n")
    service.toolbox.specs = specs
    assert done.err == "there are none: no service with tools is registered and alive\n"


def test_a_script_learns_that_something_was_not_answered(shell: Shell, service: Talker) -> None:
    service.loop.script(ModelUnavailable("overloaded"))
    done = shell("chat", typed="one\ntwo\n")
    assert (done.code, done.out) == (1, "You said: two\n")
    assert "rollcall: overloaded" in done.err


def test_a_service_that_is_not_there_ends_a_script(shell: Shell) -> None:
    done = shell("chat", "--url", "http://127.0.0.1:9", typed="one\ntwo\n")
    assert done.code == 4
    assert done.err.count("\n") == 1


class Terminal:
    """`rollcall chat` on a terminal, and what is to be seen there."""

    def __init__(self, url: str, *words: str) -> None:
        self._side, other = pty.openpty()
        self.process = subprocess.Popen(
            [sys.executable, "-m", "rollcall", "chat", *words],
            env=environment({"CONVERSATIONS_URL": url, "TERM": "xterm", "COLUMNS": "80"}),
            stdin=other,
            stdout=other,
            stderr=other,
            start_new_session=True,
        )
        os.close(other)
        self.seen = ""

    def type(self, text: str) -> None:
        os.write(self._side, text.encode())

    def until(self, words: str) -> str:
        """What is seen up to `words`, which were not there before."""
        deadline = _clock.monotonic() + PATIENCE
        with selectors.DefaultSelector() as selector:
            selector.register(self._side, selectors.EVENT_READ)
            while words not in self.seen:
                assert selector.select(max(0.0, deadline - _clock.monotonic())), self.seen
                self.seen += os.read(self._side, 65_536).decode()
        before, _, self.seen = self.seen.partition(words)
        return before + words

    def interrupt(self, words: str) -> None:
        """Press Ctrl-C until `words` are seen: one that comes between the prompt and the wait for
        keys is noticed by Python only with the next key, or the next Ctrl-C.
        """
        deadline = _clock.monotonic() + PATIENCE
        with selectors.DefaultSelector() as selector:
            selector.register(self._side, selectors.EVENT_READ)
            self.process.send_signal(signal.SIGINT)
            while words not in self.seen:
                assert _clock.monotonic() < deadline, self.seen
                if selector.select(2.0):
                    self.seen += os.read(self._side, 65_536).decode()
                else:
                    self.process.send_signal(signal.SIGINT)
        self.seen = self.seen.partition(words)[2]

    def close(self) -> None:
        if self.process.poll() is None:
            self.process.kill()
        self.process.wait(PATIENCE)
        os.close(self._side)


@pytest.fixture
def terminal(service: Talker) -> Iterator[Terminal]:
    made = Terminal(service.url, "--session", "term")
    yield made
    made.close()


def test_on_a_terminal_the_answer_comes_as_it_is_written_and_tools_as_they_run(
    terminal: Terminal, service: Talker
) -> None:
    gate = asyncio.Event()
    service.loop.script("Let me see.", TextReset(), RUN, "It is ", gate, "15.")
    assert "Conversation term at http" in terminal.until("> ")
    terminal.type("10 + 5\n")
    seen = terminal.until("It is ")
    assert "calling calculate of ext-tool (expression: 10 + 5)" in seen
    assert "calculate of ext-tool at http://127.0.0.1:3006: ok, 12 ms" in seen
    assert "15." not in seen
    service.let_go(gate)
    terminal.until("15.\r\n")
    terminal.until("answered in ")
    terminal.until("> ")
    terminal.type("\x04")
    assert terminal.process.wait(PATIENCE) == 0


def test_ctrl_c_calls_off_what_is_being_answered_and_ends_nothing_else(
    terminal: Terminal, service: Talker
) -> None:
    service.loop.script("Half ", asyncio.Event())
    terminal.until("> ")
    terminal.type("hi\n")
    terminal.until("Half ")
    terminal.process.send_signal(signal.SIGINT)
    terminal.until("called off")
    terminal.until("> ")
    terminal.interrupt("Ctrl-D ends")
    terminal.type("again\n")
    terminal.until("You said: again")
    terminal.until("> ")
    terminal.type("/quit\n")
    assert terminal.process.wait(PATIENCE) == 0


def test_a_conversation_that_goes_on_says_how_much_was_said(shell: Shell, service: Talker) -> None:
    assert shell("chat", "--session", "before", typed="one\ntwo\n").code == 0
    terminal = Terminal(service.url, "--session", "before")
    try:
        assert "Conversation before at http" in terminal.until(", 2 messages so far")
    finally:
        terminal.close()
