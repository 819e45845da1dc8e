# SPDX-License-Identifier: Apache-2.0
"""`rollcall events`: what happens in the registry, as it happens."""

from __future__ import annotations

import asyncio
from collections.abc import Mapping
from datetime import UTC, datetime
from typing import Annotated, Any, Final

import msgspec
import typer

from rollcall.cli.remote import AGENTS, AgentsUrl, Key, Machine, Namespace, connected
from rollcall.cli.told import clean, errors_told, note
from rollcall.client.streams import StreamedEvent, events_of

PAUSE: Final = 2.0
"""Seconds until a stream that broke off is taken up again."""


def events(
    follow: Annotated[bool, typer.Option("--follow", "-f", help="Go on until Ctrl-C.")] = False,
    after: Annotated[
        str | None, typer.Option(help="Go on behind the event with this id (see --json).")
    ] = None,
    namespace: Namespace = None,
    url: AgentsUrl = AGENTS,
    key: Key = None,
    machine: Machine = False,
) -> None:
    """Show what happens: registrations, changes of status, expiries.

    Without --follow it shows what is kept since --after, and ends.
    """
    if not follow and after is None:
        note("say --follow to wait for events, or --after to see those since one")
        raise typer.Exit(2)
    params = {"namespace": namespace, "follow": None if follow else "false"}
    followed(url, key, "/events", params, machine=machine, after=after)


def followed(
    url: str,
    key: str | None,
    path: str,
    params: Mapping[str, Any],
    *,
    machine: bool,
    after: str | None = None,
) -> None:
    """Print the events of a stream until it ends or somebody presses Ctrl-C."""

    async def run() -> None:
        async with connected(url, key) as registry:
            async for event in events_of(registry, path, params=params, after=after):
                _print(event, machine=machine)

    with errors_told():
        asyncio.run(run())


def _print(event: StreamedEvent, *, machine: bool) -> None:
    data = msgspec.json.decode(event.data)
    if machine:
        typer.echo(
            msgspec.json.encode({"id": event.id, "event": event.event, "data": data}).decode()
        )
        return
    at = data.get("at") or datetime.now(UTC).isoformat()
    cells = [str(at)[11:19], event.event, data.get("record_id", ""), data.get("detail", "")]
    typer.echo("  ".join(clean(cell) for cell in cells if cell))
