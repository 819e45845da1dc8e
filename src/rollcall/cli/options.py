# SPDX-License-Identifier: Apache-2.0
"""What many commands take and say alike: options, examples, and the question before a loss."""

from __future__ import annotations

import os
import sys
from enum import StrEnum
from functools import partial
from typing import Annotated, Any

import typer

from rollcall.cli.exits import Exit
from rollcall.cli.told import clean, note, say


def local_url(variable: str, port: int) -> str:
    """The URL of a service of this machine, at the port in its variable or the usual one."""
    return f"http://127.0.0.1:{os.environ.get(variable) or port}"


def url_option(name: str, envvar: str | None, variable: str, port: int, whose: str) -> Any:
    """The option for the URL of a service. Where nobody says it, the service is on this machine.

    Args:
        name: Of the option.
        envvar: The variable that has the URL, if there is one.
        variable: The variable that has its port when it is started here.
        port: Its usual port.
        whose: What the service is called.
    """
    return typer.Option(
        name,
        envvar=envvar,
        default_factory=partial(local_url, variable, port),
        show_default=f"http://127.0.0.1:{port}, or the port in {variable}",
        metavar="URL",
        help=f"Where {whose} is.",
    )


def services_option(name: str) -> Any:
    """The option for the URL of the service registry, under a name of its own."""
    return url_option(
        name, "SERVICE_REGISTRY_URL", "SERVICE_REGISTRY_PORT", 3003, "the service registry"
    )


AgentsUrl = Annotated[
    str,
    url_option(
        "--url",
        "ROLLCALL_REGISTRY_URL",
        "ROLLCALL_AGENT_REGISTRY_PORT",
        8009,
        "the agent registry",
    ),
]
ServicesUrl = Annotated[str, services_option("--url")]
ConversationsUrl = Annotated[
    str, url_option("--url", "CONVERSATIONS_URL", "AGENT_PORT", 3004, "the agent service")
]
BillingUrl = Annotated[
    str, url_option("--url", "BILLING_SERVICE_URL", "BILLING_PORT", 8003, "the billing service")
]
ToolsUrl = Annotated[str, url_option("--url", None, "EXT_TOOL_PORT", 3006, "the tools service")]
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
