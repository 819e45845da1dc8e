# SPDX-License-Identifier: Apache-2.0
"""The commands, put together."""

from __future__ import annotations

from typing import Annotated, Final

import typer

from rollcall import __version__
from rollcall.cli import agents, events, keys, running, searching, services
from rollcall.cli.told import EXITS, say

app: Final = typer.Typer(
    no_args_is_help=True,
    rich_markup_mode=None,
    pretty_exceptions_enable=False,
    help=f"One control plane for fleets of AI agents, their tools and services.\n\n{EXITS}",
)


def _version(asked: bool) -> None:
    if asked:
        say(f"rollcall {__version__}")
        raise typer.Exit


@app.callback()
def root(
    version: Annotated[
        bool,
        typer.Option("--version", "-V", callback=_version, is_eager=True, help="The version."),
    ] = False,
) -> None:
    """What all commands share."""


app.command()(running.up)
app.command()(running.serve)
app.command()(running.doctor)
app.add_typer(keys.app, name="keys")
app.add_typer(agents.app, name="agents")
app.add_typer(services.app, name="services")
app.command()(searching.find)
app.command()(searching.stats)
app.command()(events.events)
