# SPDX-License-Identifier: Apache-2.0
"""`rollcall ask`: one question to the agent, which finds the tools that it takes."""

from __future__ import annotations

import asyncio
from typing import Annotated

import typer

from rollcall.cli.exits import Exit, errors_told
from rollcall.cli.options import ConversationsUrl, Key, Machine, examples
from rollcall.cli.remote import connected
from rollcall.cli.talking import (
    Agent,
    Between,
    Ending,
    Model,
    User,
    cost,
    new_session,
    said,
    show_tools,
    typed,
    why,
)
from rollcall.cli.told import as_json, aside, lines, note

ASK_EXAMPLES = examples(
    'rollcall ask "Calculate 10 + 5"',
    'rollcall ask "What does https://example.com say?" --json',
    "rollcall ask --session trip 'How many miles are 10 km?'",
    "rollcall ask --agent clerk --user ada 'Where do I work?'",
    "rollcall ask - < question.txt",
)


def ask(
    *,
    question: Annotated[
        list[str], typer.Argument(metavar="QUESTION", help="What to ask; - reads it from stdin.")
    ],
    session: Annotated[
        str | None,
        typer.Option(metavar="NAME", help="The conversation to go on with; by default a new one."),
    ] = None,
    model: Model = None,
    agent: Agent = None,
    user: User = None,
    url: ConversationsUrl,
    key: Key = None,
    machine: Machine = False,
) -> None:
    """Ask the agent one question.

    The answer goes to standard output; which tools ran for it, where and how long, to standard
    error. Where there is no answer the exit code is 1.
    """
    name = session or new_session("ask")

    async def run(text: str) -> Ending:
        async with connected(url, key) as connection:
            happened = _silent if machine else show_tools
            return await said(connection, name, text, Between(model, agent, user), happened)

    with errors_told():
        text = "".join(typed()) if question == ["-"] else " ".join(question)
        ending = asyncio.run(run(text))
    if machine:
        as_json(ending.data)
    elif ending.name == "done":
        typer.echo(lines(ending.data["response"]))
        aside(f"  {cost(ending.data)}")
    elif ending.name == "failed":
        note(why(ending.data))
    if ending.name == "cancelled":
        note("rollcall: called off")
        raise typer.Exit(Exit.INTERRUPTED)
    if ending.name == "failed":
        raise typer.Exit(Exit.FAILED)


def _silent(name: str, data: object) -> None:
    """The answer tells of it all."""
