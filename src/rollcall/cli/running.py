# SPDX-License-Identifier: Apache-2.0
"""Starting services, and looking whether they could be started."""

from __future__ import annotations

import gc
from collections.abc import Generator
from contextlib import contextmanager
from enum import StrEnum
from typing import TYPE_CHECKING, Annotated, Final

import typer

from rollcall.cli.exits import Exit, errors_told
from rollcall.cli.options import Machine, examples
from rollcall.cli.told import as_json, table
from rollcall.kernel.errors import InvalidInput, MissingExtra

if TYPE_CHECKING:
    from rollcall.app.settings import Settings

DataDir = Annotated[
    str | None,
    typer.Option(
        "--data-dir",
        metavar="FOLDER",
        help="Folder of the SQLite files (ROLLCALL_DATA_DIR); by default the platform's own.",
    ),
]
Host = Annotated[
    str | None,
    typer.Option(
        "--host",
        metavar="ADDRESS",
        help="Address to listen on (ROLLCALL_HOST); by default 127.0.0.1. Any other needs an API"
        " key or a token issuer.",
    ),
]
Store = Annotated[
    str | None,
    typer.Option(
        "--store",
        metavar="URL",
        help="Where records are (ROLLCALL_STORE): memory, sqlite:///file, postgresql://...,"
        " zookeeper://...; by default SQLite in the data folder.",
    ),
]


class ServiceName(StrEnum):
    """What can be started alone."""

    SERVICE_REGISTRY = "service-registry"
    AGENT_REGISTRY = "agent-registry"
    AGENT = "agent"
    TOOLS = "tools"
    GATEWAY = "gateway"
    WIZARD = "wizard"
    ANALYTICS = "analytics"
    BILLING = "billing"
    DASHBOARD = "dashboard"
    WIDGETS = "widgets"
    MY_AGENTS = "my-agents"


_NAMES: Final = ", ".join(ServiceName)
UP_EXAMPLES: Final = examples(
    "rollcall up",
    "rollcall up --data-dir ./fleet --agent-registry-port 9009",
    "rollcall up --store memory",
    "rollcall up service-registry tools",
)
SERVE_EXAMPLES: Final = examples(
    "rollcall serve agent-registry",
    "rollcall serve service-registry --store postgresql://rollcall@db.internal/rollcall",
    "SERVICE_REGISTRY_URL=http://registry:3003 rollcall serve tools",
)
DOCTOR_EXAMPLES: Final = examples("rollcall doctor", "rollcall doctor --host 0.0.0.0 --json")


def up(
    names: Annotated[
        list[ServiceName] | None,
        typer.Argument(metavar="NAME", help=f"Only these of {_NAMES}; by default all."),
    ] = None,
    data_dir: DataDir = None,
    host: Host = None,
    store: Store = None,
    service_registry_port: Annotated[
        int | None,
        typer.Option(metavar="PORT", help="Its port (SERVICE_REGISTRY_PORT); by default 3003."),
    ] = None,
    agent_registry_port: Annotated[
        int | None,
        typer.Option(
            metavar="PORT", help="Its port (ROLLCALL_AGENT_REGISTRY_PORT); by default 8009."
        ),
    ] = None,
    agent_port: Annotated[
        int | None, typer.Option(metavar="PORT", help="Its port (AGENT_PORT); by default 3004.")
    ] = None,
    tools_port: Annotated[
        int | None, typer.Option(metavar="PORT", help="Its port (EXT_TOOL_PORT); by default 3006.")
    ] = None,
    gateway_port: Annotated[
        int | None, typer.Option(metavar="PORT", help="Its port (GATEWAY_PORT); by default 8000.")
    ] = None,
    wizard_port: Annotated[
        int | None,
        typer.Option(metavar="PORT", help="Its port (AGENT_WIZARD_PORT); by default 8001."),
    ] = None,
    analytics_port: Annotated[
        int | None, typer.Option(metavar="PORT", help="Its port (ANALYTICS_PORT); by default 8002.")
    ] = None,
    billing_port: Annotated[
        int | None, typer.Option(metavar="PORT", help="Its port (BILLING_PORT); by default 8003.")
    ] = None,
    dashboard_port: Annotated[
        int | None, typer.Option(metavar="PORT", help="Its port (DASHBOARD_PORT); by default 8004.")
    ] = None,
    widgets_port: Annotated[
        int | None, typer.Option(metavar="PORT", help="Its port (WIDGET_PORT); by default 8005.")
    ] = None,
    my_agents_port: Annotated[
        int | None, typer.Option(metavar="PORT", help="Its port (MY_AGENTS_PORT); by default 8006.")
    ] = None,
) -> None:
    """Start all services in this process, until Ctrl-C.

    Every setting is an environment variable too; `.env.example` lists them all.
    """
    with errors_told():
        # What a start loads and makes stays for good: to look through it for garbage again and
        # again costs a sixth of the time. `serve` collects once, and from then on as usual.
        gc.disable()
        with server_part():
            from rollcall.app import serve as serving
        settings = settings_of(
            ROLLCALL_DATA_DIR=data_dir,
            ROLLCALL_HOST=host,
            ROLLCALL_STORE=store,
            SERVICE_REGISTRY_PORT=service_registry_port,
            ROLLCALL_AGENT_REGISTRY_PORT=agent_registry_port,
            AGENT_PORT=agent_port,
            EXT_TOOL_PORT=tools_port,
            GATEWAY_PORT=gateway_port,
            AGENT_WIZARD_PORT=wizard_port,
            ANALYTICS_PORT=analytics_port,
            BILLING_PORT=billing_port,
            DASHBOARD_PORT=dashboard_port,
            WIDGET_PORT=widgets_port,
            MY_AGENTS_PORT=my_agents_port,
        )
        raise typer.Exit(serving.up(settings, [one.value for one in names or ()]))


def serve(
    name: Annotated[
        ServiceName,
        typer.Argument(metavar="NAME", help=f"Which one: {_NAMES}."),
    ],
    data_dir: DataDir = None,
    host: Host = None,
    store: Store = None,
    port: Annotated[
        int | None,
        typer.Option(metavar="PORT", help="Port to listen on (PORT); by default the service's."),
    ] = None,
) -> None:
    """Start one service alone, until Ctrl-C.

    Services that run apart share a store, so they need PostgreSQL or ZooKeeper. The agent, the
    tools and the gateway can do with a registry elsewhere instead (SERVICE_REGISTRY_URL).
    """
    with errors_told():
        # What a start loads and makes stays for good: to look through it for garbage again and
        # again costs a sixth of the time. `serve` collects once, and from then on as usual.
        gc.disable()
        with server_part():
            from rollcall.app import serve as serving
        settings = settings_of(
            ROLLCALL_DATA_DIR=data_dir, ROLLCALL_HOST=host, ROLLCALL_STORE=store, PORT=port
        )
        raise typer.Exit(serving.serve(name.value, settings))


def doctor(
    data_dir: DataDir = None,
    host: Host = None,
    store: Store = None,
    machine: Machine = False,
) -> None:
    """Check settings, ports, stores, clock and safety, and say what to do. Changes nothing.

    Exits with 1 if anything is wrong that keeps Rollcall from starting.
    """
    with errors_told():
        with server_part():
            from rollcall.app.doctor import examine
            from rollcall.app.findings import Finding, Grade
        try:
            findings = examine(
                settings_of(ROLLCALL_DATA_DIR=data_dir, ROLLCALL_HOST=host, ROLLCALL_STORE=store)
            )
        except InvalidInput as error:
            findings = [Finding("settings", Grade.ERROR, str(error))]
    if machine:
        as_json([one.as_dict() for one in findings])
    else:
        table(
            ("checked", "result", "what it means"),
            [(one.subject, one.grade.value, one.text) for one in findings],
        )
    if any(one.grade is Grade.ERROR for one in findings):
        raise typer.Exit(Exit.FAILED)


@contextmanager
def server_part() -> Generator[None]:
    """Around imports of what only the extra `server` brings along.

    Raises:
        MissingExtra: It is not installed.
    """
    try:
        yield
    except ModuleNotFoundError as error:
        if (error.name or "").partition(".")[0] == "rollcall":
            raise
        raise MissingExtra("to run services, or to work on their data,", "server") from error


def settings_of(**given: object) -> Settings:
    """The settings of this process, with options in the place of variables.

    Raises:
        InvalidInput: One of them makes no sense.
    """
    from rollcall.app.settings import Settings as Read

    return Read.load({name: str(value) for name, value in given.items() if value is not None})
