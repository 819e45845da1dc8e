# SPDX-License-Identifier: Apache-2.0
"""`rollcall chat`: a conversation with the agent, on a terminal or line by line from a file."""

from __future__ import annotations

import asyncio
import contextlib
import importlib
import sys
from collections.abc import Coroutine, Iterator
from contextlib import AsyncExitStack
from http import HTTPStatus
from typing import Annotated, Any, Final

import typer

from rollcall.cli.exits import Exit, errors_told
from rollcall.cli.options import ConversationsUrl, Key, examples
from rollcall.cli.remote import Row, connected
from rollcall.cli.talking import (
    PREFIX,
    Agent,
    Between,
    Model,
    User,
    called,
    cost,
    new_session,
    ran,
    said,
    typed,
    why,
)
from rollcall.cli.told import aside, lines, note, table
from rollcall.client.connection import Connection, segment
from rollcall.client.errors import UnexpectedAnswer
from rollcall.kernel.errors import RollcallError

CHAT_EXAMPLES = examples(
    "rollcall chat",
    "rollcall chat --session trip                # go on with a conversation",
    "rollcall chat --agent clerk --user ada",
    "printf 'Calculate 10 + 5\\n' | rollcall chat",
)
HELP: Final = """\
/tools  the tools that the agent may use now
/new    begin another conversation
/help   this
/quit   end, as Ctrl-D does; Ctrl-C calls off what is being answered"""


def chat(
    *,
    session: Annotated[
        str | None,
        typer.Option(metavar="NAME", help="The conversation to go on with; by default a new one."),
    ] = None,
    model: Model = None,
    agent: Agent = None,
    user: User = None,
    url: ConversationsUrl,
    key: Key = None,
) -> None:
    """Talk with the agent. Answers come as they are written, tools as they run."""
    with errors_told(), asyncio.Runner() as runner:
        stack = AsyncExitStack()
        connection = runner.run(stack.enter_async_context(connected(url, key)))
        try:
            talk = _Talk(
                runner, connection, session or new_session("chat"), Between(model, agent, user)
            )
            if at_terminal():
                runner.run(talk.greet(url))
            _converse(talk)
        finally:
            runner.run(stack.aclose())
    # Somebody at a terminal has seen it; a script has only this.
    if talk.failed and not at_terminal():
        raise typer.Exit(Exit.FAILED)


class _Talk:
    """A conversation.

    Args:
        runner: Runs what waits, and has Ctrl-C end that alone.
        connection: To the agent service.
        session: The name of the conversation.
        between: Who talks with whom.
    """

    def __init__(
        self, runner: asyncio.Runner, connection: Connection, session: str, between: Between
    ) -> None:
        self._runner = runner
        self._connection = connection
        self._between = between
        self.session = session
        self.failed = False

    async def greet(self, url: str) -> None:
        """Say which conversation it is, and how much was said in it."""
        place = f"{PREFIX}/sessions/{segment('session', self.session)}"
        so_far = ""
        try:
            found = await self._connection.call("GET", place, Row, params={"limit": 1})
            count = found["session"]["turns"]
            so_far = f", {count} message{'' if count == 1 else 's'} so far"
        except UnexpectedAnswer as error:
            if error.status != HTTPStatus.NOT_FOUND:
                raise
        note(f"Conversation {self.session} at {url}{so_far}. /help says what there is.")

    def handle(self, line: str) -> bool:
        """Do what a line says; whether to go on."""
        text = line.strip()
        match text:
            case "":
                pass
            case "/quit" | "/exit":
                return False
            case "/help":
                typer.echo(HELP, err=True)
            case "/new":
                self.session = new_session("chat")
                note(f"Conversation {self.session}.")
            case "/tools":
                self._guarded(self._tools())
            case _ if text.startswith("/"):
                note(f"there is no {text.split()[0]}: /help says what there is")
            case _:
                self._guarded(self._ask(text))
        return True

    def _guarded(self, work: Coroutine[Any, Any, None]) -> None:
        """Run `work`; at a terminal an error ends no conversation."""
        try:
            self._runner.run(work)
        except KeyboardInterrupt:
            note("called off")
        except RollcallError as error:
            if not at_terminal():
                raise
            note(f"rollcall: {error}")

    async def _ask(self, text: str) -> None:
        screen = _Screen(live=sys.stdout.isatty())
        ending = await said(self._connection, self.session, text, self._between, screen.show)
        if ending.name == "done":
            screen.finish(ending.data["response"])
            aside(f"  {cost(ending.data)}")
            return
        screen.line()
        self.failed = True
        note("called off" if ending.name == "cancelled" else why(ending.data))

    async def _tools(self) -> None:
        found = await self._connection.call("GET", f"{PREFIX}/tools", Row)
        if found["tools"]:
            table(
                ("tool", "service", "what it does"),
                [(one["name"], one["service"], _brief(one)) for one in found["tools"]],
            )
        else:
            note("there are none: no service with tools is registered and alive")


def _brief(tool: Row) -> str:
    """The first paragraph of what a tool says of itself, in a line."""
    return " ".join(tool["description"].strip().partition("\n\n")[0].split())


class _Screen:
    """Shows an answer as it is written, or, where nobody watches, at its end.

    Args:
        live: Whether somebody watches.
    """

    def __init__(self, *, live: bool) -> None:
        self._live = live
        self._said = ""
        self._inside = False

    def show(self, name: str, data: Row) -> None:
        """Something happened to the turn."""
        match name:
            case "text" if self._live:
                self._said += data["text"]
                self._write(data["text"])
            case "reset":
                self._said = ""
                self.line()
            case "tool_started" if self._live:
                self.line()
                aside(f"  {called(data)}")
            case "tool_finished":
                self.line()
                aside(f"  {ran(data)}")
            case _:
                pass

    def finish(self, response: str) -> None:
        """Show what was not shown of the answer."""
        if not response.startswith(self._said):
            self.line()
            self._said = ""
        self._write(response[len(self._said) :])
        self.line()

    def line(self) -> None:
        """Begin a line, if one was begun."""
        if self._inside:
            typer.echo()
            self._inside = False

    def _write(self, text: str) -> None:
        if text:
            typer.echo(lines(text), nl=False)
            self._inside = not text.endswith("\n")


def _converse(talk: _Talk) -> None:
    """Do what is typed until there is no more of it. Ctrl-C ends nothing, whenever it comes."""
    interrupted = False
    while True:
        try:
            if interrupted:
                interrupted = False
                note("\nCtrl-D ends")
            for line in _typed():
                if not talk.handle(line):
                    break
            return
        except KeyboardInterrupt:
            if not at_terminal():
                raise
            interrupted = True


def at_terminal() -> bool:
    """Whether somebody sits there, rather than a file."""
    return sys.stdin.isatty()


def _typed() -> Iterator[str]:
    """What is typed, line by line, until Ctrl-D or the end of the file."""
    if not at_terminal():
        yield from typed()
        return
    with contextlib.suppress(ImportError):
        # With it a line can be edited, and the ones before come back.
        importlib.import_module("readline")
    while True:
        try:
            yield input("> ")
        except EOFError:
            note("")
            return
