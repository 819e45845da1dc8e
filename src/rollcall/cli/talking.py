# SPDX-License-Identifier: Apache-2.0
"""A message to the agent service, and what is shown of it while it is answered."""

from __future__ import annotations

import asyncio
import sys
from collections.abc import Callable, Iterator, Mapping
from contextlib import aclosing
from typing import Annotated, Any, Final, NamedTuple

import msgspec
import typer

from rollcall.cli.remote import Row
from rollcall.cli.told import aside
from rollcall.client.connection import Connection, segment
from rollcall.client.errors import RegistryUnavailable
from rollcall.client.streams import events_of
from rollcall.kernel.errors import InvalidInput
from rollcall.kernel.ids import RandomIds

PREFIX: Final = "/api/v1"
_SHOWN: Final = 60
"""Characters of a tool's arguments that are shown."""

Model = Annotated[
    str | None,
    typer.Option(
        "--model", metavar="PROVIDER:MODEL", help="Who answers; by default as the service is set."
    ),
]
Agent = Annotated[
    str | None,
    typer.Option(
        "--agent",
        metavar="ID",
        help="The defined agent to talk with; by default the service's own.",
    ),
]
User = Annotated[
    str | None,
    typer.Option("--user", metavar="NAME", help="Who is talking: what they say is remembered."),
]
Happened = Callable[[str, Row], None]
"""Is told the type of an event and its data."""


class Between(NamedTuple):
    """Who talks with whom; None: as the service is set, and nobody in particular.

    Args:
        model: Which model answers.
        agent: The id of a definition.
        user: Who asks.
    """

    model: str | None = None
    agent: str | None = None
    user: str | None = None


class Ending(NamedTuple):
    """How a turn ended.

    Args:
        name: `done`, `failed` or `cancelled`.
        data: The answer, the problem, or the turn.
    """

    name: str
    data: Row


def typed() -> Iterator[str]:
    """The lines of standard input.

    Raises:
        InvalidInput: They are no text.
    """
    try:
        for line in sys.stdin:
            # Where the locale knows no letters, what is none comes through all the same.
            line.encode()
            yield line
    except UnicodeError as error:
        raise InvalidInput("standard input", "must be text in UTF-8") from error


def new_session(kind: str) -> str:
    """A name that no session has."""
    return f"{kind}-{RandomIds().hex(8)}"


async def said(
    connection: Connection,
    session: str,
    text: str,
    between: Between,
    happened: Happened,
) -> Ending:
    """Say something, and follow what happens until it is answered, over broken connections too.

    Being cancelled here, as Ctrl-C does, calls the turn off.

    Raises:
        RollcallError: As for `Connection.call`.
    """
    body: dict[str, Any] = {
        "session_id": session,
        "user_input": text,
        "model": between.model,
        "agent_id": between.agent,
        "user_id": between.user,
        # The request may be sent twice, and must be answered once.
        "idempotency_key": RandomIds().hex(24),
    }
    later = {"prefer": "respond-async"}
    turn = await connection.call("POST", f"{PREFIX}/process", Row, body=body, headers=later)
    place = f"{PREFIX}/sessions/{segment('session', session)}/turns/{turn['turn_id']}"
    try:
        return await _followed(connection, place, session, happened)
    except asyncio.CancelledError:
        task = asyncio.current_task()
        assert task is not None
        task.uncancel()
        return Ending("cancelled", await connection.call("POST", f"{place}/cancel", Row))


async def _followed(connection: Connection, place: str, session: str, happened: Happened) -> Ending:
    told, seen = 0, 0
    async with aclosing(events_of(connection, f"{place}/events")) as events:
        async for event in events:
            data = msgspec.json.decode(event.data, type=Row)
            if event.event in ("done", "failed"):
                return Ending(event.event, data)
            # A connection that broke is made again, and begins from the beginning.
            seen = 1 if event.event == "accepted" else seen + 1
            if seen > told:
                told = seen
                happened(event.event, data)
    raise RegistryUnavailable(
        connection.base_url + place,
        f"it is going away before the answer is there; it will be in session {session}",
    )


def called(run: Mapping[str, Any]) -> str:
    """A call that is being made, in a line."""
    pairs = ", ".join(f"{name}: {_word(value)}" for name, value in run["arguments"].items())
    if len(pairs) > _SHOWN:
        pairs = f"{pairs[: _SHOWN - 3]}..."
    return f"calling {run['name']} of {run['service']}{f' ({pairs})' if pairs else ''}"


def ran(run: Mapping[str, Any]) -> str:
    """A call that was made, in a line: which tool, where, how long, and what went wrong."""
    where = f" at {run['url']}" if run["url"] else ""
    line = f"{run['name']} of {run['service']}{where}: {run['outcome']}"
    if run["attempts"] > 1:
        line += f" after {run['attempts']} attempts"
    line += f", {_took(run['duration_ms'])}"
    return f"{line} ({run['error']})" if run["error"] else line


def cost(answer: Mapping[str, Any]) -> str:
    """Who answered, how long it took, and what it used, in a line."""
    usage: Row = answer.get("usage") or {}
    by = f"answered by {usage['model']}" if usage else "answered"
    parts = [f"{by} in {_took(answer.get('duration_ms') or 0.0)}"]
    tokens = usage.get("input_tokens", 0) + usage.get("output_tokens", 0)
    if tokens:
        parts.append(f"{'about ' if usage['estimated'] else ''}{tokens:,} tokens")
    if usage.get("cost") is not None and float(usage["cost"]):
        parts.append(f"{float(usage['cost']):.6f} {usage['currency']}")
    return ", ".join(parts)


def why(problem: Mapping[str, Any]) -> str:
    """Why there is no answer."""
    return f"rollcall: {problem.get('detail') or problem['title']}"


def show_tools(name: str, data: Row) -> None:
    """Say of tools what they did, beside the answer."""
    if name == "tool_finished":
        aside(f"  {ran(data)}")


def _took(milliseconds: float) -> str:
    return f"{milliseconds:.0f} ms" if milliseconds < 1000 else f"{milliseconds / 1000:.1f} s"


def _word(value: object) -> str:
    return value if isinstance(value, str) else msgspec.json.encode(value).decode()
