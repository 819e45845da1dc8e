# SPDX-License-Identifier: Apache-2.0
"""Starting services, and looking whether they could be started."""

from __future__ import annotations

from typing import TYPE_CHECKING, Annotated

import typer

from rollcall.cli.told import as_json, errors_told, table

if TYPE_CHECKING:
    from rollcall.app.settings import Settings

DataDir = Annotated[
    str | None, typer.Option("--data-dir", help="Folder of the SQLite files (ROLLCALL_DATA_DIR).")
]
Host = Annotated[str | None, typer.Option("--host", help="Address to listen on (ROLLCALL_HOST).")]
Store = Annotated[
    str | None,
    typer.Option(
        "--store",
        help="Where records are: memory, sqlite:///file, postgresql://..., zookeeper://..."
        " (ROLLCALL_STORE).",
    ),
]


def up(
    data_dir: DataDir = None,
    host: Host = None,
    store: Store = None,
    service_registry_port: Annotated[
        int | None, typer.Option(help="SERVICE_REGISTRY_PORT; by default 3003.")
    ] = None,
    agent_registry_port: Annotated[
        int | None, typer.Option(help="ROLLCALL_AGENT_REGISTRY_PORT; by default 8009.")
    ] = None,
) -> None:
    """Start all services in this process, until Ctrl-C.

    Every setting is an environment variable too; `.env.example` lists them all.
    """
    from rollcall.app import serve as serving

    with errors_told():
        settings = settings_of(
            ROLLCALL_DATA_DIR=data_dir,
            ROLLCALL_HOST=host,
            ROLLCALL_STORE=store,
            SERVICE_REGISTRY_PORT=service_registry_port,
            ROLLCALL_AGENT_REGISTRY_PORT=agent_registry_port,
        )
        raise typer.Exit(serving.up(settings))


def serve(
    name: Annotated[str, typer.Argument(help="service-registry or agent-registry")],
    data_dir: DataDir = None,
    host: Host = None,
    store: Store = None,
    port: Annotated[int | None, typer.Option(help="Port to listen on (PORT).")] = None,
) -> None:
    """Start one service alone, until Ctrl-C.

    Services that run apart share a store, so they need PostgreSQL or ZooKeeper.
    """
    from rollcall.app import serve as serving

    with errors_told():
        settings = settings_of(
            ROLLCALL_DATA_DIR=data_dir, ROLLCALL_HOST=host, ROLLCALL_STORE=store, PORT=port
        )
        raise typer.Exit(serving.serve(name, settings))


def doctor(
    data_dir: DataDir = None,
    host: Host = None,
    store: Store = None,
    machine: Annotated[bool, typer.Option("--json", help="Print JSON, for machines.")] = False,
) -> None:
    """Check settings, ports, stores, clock and safety, and say what to do. Changes nothing.

    Exits with 1 if anything is wrong that keeps Rollcall from starting.
    """
    from rollcall.app import doctor as examining

    with errors_told():
        settings = settings_of(ROLLCALL_DATA_DIR=data_dir, ROLLCALL_HOST=host, ROLLCALL_STORE=store)
        findings = examining.examine(settings)
    if machine:
        as_json([one.as_dict() for one in findings])
    else:
        table(
            ("checked", "result", "what it means"),
            [(one.subject, one.grade.value, one.text) for one in findings],
        )
    if any(one.grade is examining.Grade.ERROR for one in findings):
        raise typer.Exit(1)


def settings_of(**given: object) -> Settings:
    """The settings of this process, with options in the place of variables.

    Raises:
        InvalidInput: One of them makes no sense.
    """
    from rollcall.app.settings import Settings as Read

    return Read.load({name: str(value) for name, value in given.items() if value is not None})
