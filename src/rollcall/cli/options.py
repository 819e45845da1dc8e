# SPDX-License-Identifier: Apache-2.0
"""What many commands take and say alike: options, examples, and the question before a loss."""

from __future__ import annotations

import sys
from enum import StrEnum
from typing import Annotated, Final

import typer

from rollcall.cli.exits import Exit
from rollcall.cli.told import clean, note, say

AGENTS: Final = "http://127.0.0.1:8009"
SERVICES: Final = "http://127.0.0.1:3003"
CONVERSATIONS: Final = "http://127.0.0.1:3004"
BILLING: Final = "http://127.0.0.1:8003"

AgentsUrl = Annotated[
    str,
    typer.Option(
        "--url", envvar="ROLLCALL_REGISTRY_URL", metavar="URL", help="Where the agent registry is."
    ),
]
ServicesUrl = Annotated[
    str,
    typer.Option(
        "--url", envvar="SERVICE_REGISTRY_URL", metavar="URL", help="Where the service registry is."
    ),
]
ConversationsUrl = Annotated[
    str,
    typer.Option(
        "--url", envvar="CONVERSATIONS_URL", metavar="URL", help="Where the agent service is."
    ),
]
BillingUrl = Annotated[
    str,
    typer.Option(
        "--url", envvar="BILLING_SERVICE_URL", metavar="URL", help="Where the billing service is."
    ),
]
Key = Annotated[
    str | None,
    typer.Option(
        "--api-key",
        envvar="ROLLCALL_API_KEY",
        metavar="KEY",
        help="The API key to show, where a login is required.",
    ),
]
Machine = Annotated[bool, typer.Option("--json", help="Print JSON, for machines.")]
Namespace = Annotated[
    str | None,
    typer.Option(
        "--namespace", metavar="NAME", help="The namespace; by default the key's, or `default`."
    ),
]
Sure = Annotated[bool, typer.Option("--yes", "-y", help="Do not ask.")]
DryRun = Annotated[
    bool, typer.Option("--dry-run", help="Only say what would be done, and do nothing.")
]
Limit = Annotated[int, typer.Option("--limit", min=1, metavar="N", help="How many at most.")]
Tags = Annotated[
    list[str] | None,
    typer.Option("--tag", metavar="TAG", help="Only with this tag; repeat it for all of several."),
]


def one_of(words: type[StrEnum]) -> str:
    """How a help names a value that may be any of `words`."""
    return "|".join(words)


def examples(*commands: str) -> str:
    """The end of a command's help: what to type, line by line."""
    # The first line keeps the others from being wrapped.
    return "\n".join(("\b", "Examples:", *(f"  {command}" for command in commands)))


def agreed(what: str, *, yes: bool, dry_run: bool) -> bool:
    """Whether `what` (`remove the agent x`) is to be done: nobody loses anything by mistake.

    Ends the command where somebody says no, or nobody is there to be asked.
    """
    if dry_run:
        say(f"would {what}")
        return False
    if yes:
        return True
    typer.echo(clean(f"{what[0].upper()}{what[1:]}? [y/N]: "), nl=False, err=True)
    answer = sys.stdin.readline()
    if answer.strip().lower() in ("y", "yes"):
        return True
    if not answer:
        typer.echo(err=True)
    note("Nothing was changed" if answer else "Nobody answered: say --yes, and nobody is asked")
    raise typer.Exit(Exit.FAILED)
