# SPDX-License-Identifier: Apache-2.0
"""`rollcall events`: what happens in the registry, and events that nobody could handle."""

from __future__ import annotations

from typing import Annotated, Any, Final

import typer

from rollcall.cli.exits import Exit
from rollcall.cli.options import (
    AgentsUrl,
    DryRun,
    Key,
    Machine,
    Namespace,
    Sure,
    agreed,
    examples,
    one_of,
)
from rollcall.cli.remote import Row, ask
from rollcall.cli.streaming import followed
from rollcall.cli.told import age, as_json, note, say, table
from rollcall.cli.words import EventType, Kind

ADMIN: Final = "/api/v1/admin/events"

app: Final = typer.Typer(rich_markup_mode=None)

Group = Annotated[str, typer.Argument(metavar="GROUP", help="The group of handlers, as in `dead`.")]
Position = Annotated[
    int, typer.Argument(metavar="POSITION", min=1, help="The event's position, as in `dead`.")
]


@app.callback(
    invoke_without_command=True,
    epilog=examples(
        "rollcall events --follow",
        "rollcall events --follow --type status_changed --id writer",
        "rollcall events --after 94422303c2e5a2bf:4:0 --json",
        "rollcall events dead",
    ),
)
def events(
    *,
    context: typer.Context,
    follow: Annotated[bool, typer.Option("--follow", "-f", help="Go on until Ctrl-C.")] = False,
    after: Annotated[
        str | None,
        typer.Option(metavar="EVENT_ID", help="Begin behind this event; --json shows the ids."),
    ] = None,
    kind_of_event: Annotated[
        list[EventType] | None,
        typer.Option(
            "--type", metavar=one_of(EventType), help="Only of this type; repeat it for several."
        ),
    ] = None,
    record_id: Annotated[
        str | None, typer.Option("--id", metavar="ID", help="Only of this agent or service.")
    ] = None,
    kind: Annotated[
        list[Kind] | None,
        typer.Option(
            "--kind",
            metavar=one_of(Kind),
            help="Only of records of this kind; repeat it for several.",
        ),
    ] = None,
    namespace: Namespace = None,
    url: AgentsUrl,
    key: Key = None,
    machine: Machine = False,
) -> None:
    """Show what happens to agents and services: registrations, changes of status, expiries.

    Without --follow it shows what is kept since --after, and ends.
    """
    if context.invoked_subcommand is not None:
        return
    if not follow and after is None:
        note("rollcall: say --follow to wait for events, or --after to see those since one")
        raise typer.Exit(Exit.USAGE)
    params: dict[str, Any] = {
        "namespace": namespace,
        "type": kind_of_event,
        "record_id": record_id,
        "kind": kind,
        "follow": None if follow else "false",
    }
    followed(url, key, "/events", params, machine=machine, follow=follow, after=after)


@app.command(epilog=examples("rollcall events dead", "rollcall events dead --group billing"))
def dead(
    *,
    group: Annotated[
        str | None, typer.Option(metavar="GROUP", help="Only of this group of handlers.")
    ] = None,
    url: AgentsUrl,
    key: Key = None,
    machine: Machine = False,
) -> None:
    """List events that a handler failed at too often. They wait to be replayed or skipped."""
    params = {"group": group}
    rows = ask(
        url, key, lambda registry: registry.call("GET", f"{ADMIN}/dead", list[Row], params=params)
    )
    if machine:
        as_json(rows)
        return
    if not rows:
        note("no dead events")
        return
    table(
        ("group", "position", "event", "subject", "failed", "attempts", "error"),
        [
            (
                one["group"],
                one["position"],
                one["event"].get("type", ""),
                one["event"].get("subject", ""),
                age(one["failed_at"]),
                one["attempts"],
                one["error"],
            )
            for one in rows
        ],
    )


@app.command(epilog=examples("rollcall events replay billing 4711"))
def replay(
    *,
    group: Group,
    position: Position,
    url: AgentsUrl,
    key: Key = None,
    machine: Machine = False,
) -> None:
    """Give a dead event to its handler once more, after the cause was mended."""
    _order("replay", group, position, url, key, machine=machine)


@app.command(epilog=examples("rollcall events skip billing 4711"))
def skip(
    *,
    group: Group,
    position: Position,
    yes: Sure = False,
    dry_run: DryRun = False,
    url: AgentsUrl,
    key: Key = None,
    machine: Machine = False,
) -> None:
    """Give a dead event up: its handler never sees it, and what waits behind it goes on."""
    if agreed(f"give up event {position} of {group}", yes=yes, dry_run=dry_run):
        _order("skip", group, position, url, key, machine=machine)


def _order(
    what: str, group: str, position: int, url: str, key: str | None, *, machine: bool
) -> None:
    body = {"group": group, "position": position}
    done = ask(url, key, lambda registry: registry.call("POST", f"{ADMIN}/{what}", Row, body=body))
    if machine:
        as_json(done)
    else:
        say(done["message"])
