# SPDX-License-Identifier: Apache-2.0
"""The commands, put together."""

from __future__ import annotations

from typing import Annotated, Final

import typer

from rollcall import __version__
from rollcall.cli import (
    agents,
    archive,
    asking,
    billing,
    chat,
    definitions,
    events,
    gateway,
    keys,
    messages,
    running,
    searching,
    services,
    tools,
)
from rollcall.cli.exits import EXITS
from rollcall.cli.options import examples
from rollcall.cli.told import say

app: Final = typer.Typer(
    no_args_is_help=True,
    rich_markup_mode=None,
    pretty_exceptions_enable=False,
    help=f"One control plane for fleets of AI agents, their tools and services.\n\n{EXITS}",
    epilog=examples(
        "rollcall up                                  # start it",
        "rollcall agents register writer --base-url http://127.0.0.1:9000 --capability letters",
        "rollcall find letters",
        "rollcall events --follow",
        'rollcall ask "Calculate 10 + 5"              # of an agent that uses the tools it finds',
    ),
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


app.command(epilog=running.UP_EXAMPLES)(running.up)
app.command(epilog=running.SERVE_EXAMPLES)(running.serve)
app.command(epilog=running.DOCTOR_EXAMPLES)(running.doctor)
app.command(epilog=asking.ASK_EXAMPLES)(asking.ask)
app.command(epilog=chat.CHAT_EXAMPLES)(chat.chat)
agents.app.command(epilog=definitions.APPLY_EXAMPLES)(definitions.apply)
agents.app.command(epilog=definitions.DIFF_EXAMPLES)(definitions.diff)
agents.app.command(epilog=definitions.EXPORT_EXAMPLES)(definitions.export)
app.add_typer(agents.app, name="agents")
app.add_typer(services.app, name="services")
app.add_typer(tools.app, name="tools")
app.command(epilog=searching.FIND_EXAMPLES)(searching.find)
app.command(epilog=searching.STATS_EXAMPLES)(searching.stats)
app.add_typer(events.app, name="events")
app.command(epilog=archive.EXPORT_EXAMPLES)(archive.export)
app.command("import", epilog=archive.IMPORT_EXAMPLES)(archive.import_records)
app.command(epilog=archive.BACKUP_EXAMPLES)(archive.backup)
app.add_typer(billing.app, name="billing")
app.add_typer(gateway.app, name="gateway")
app.add_typer(keys.app, name="keys")
app.add_typer(messages.app, name="messages")
