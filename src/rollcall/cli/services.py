# SPDX-License-Identifier: Apache-2.0
"""`rollcall services`: what document 1 knows, from a terminal."""

from __future__ import annotations

from typing import Annotated, Any, Final

import typer

from rollcall.cli.events import followed
from rollcall.cli.remote import (
    SERVICES,
    Key,
    Machine,
    Namespace,
    ServicesUrl,
    Sure,
    ask,
)
from rollcall.cli.told import age, as_json, errors_told, joined, pairs, say, table
from rollcall.client.connection import Connection, segment

app: Final = typer.Typer(
    no_args_is_help=True, rich_markup_mode=None, help="List, register and change services."
)
PREFIX: Final = "/api/v1"

ServiceId = Annotated[str, typer.Argument(help="The service's id.")]
Kinds = Annotated[
    str | None, typer.Option("--type", help="agent, tool, api, database, gateway or other.")
]


@app.command("list")
def list_services(
    kind: Kinds = None,
    name: Annotated[str | None, typer.Option(help="A part of its name.")] = None,
    status: Annotated[
        str | None, typer.Option(help="healthy, unhealthy, starting, stopping or unknown.")
    ] = None,
    tag: Annotated[list[str] | None, typer.Option(help="All of these tags.")] = None,
    capability: Annotated[list[str] | None, typer.Option(help="All of these.")] = None,
    limit: Annotated[int, typer.Option(min=1, help="How many at most.")] = 100,
    namespace: Namespace = None,
    url: ServicesUrl = SERVICES,
    key: Key = None,
    machine: Machine = False,
) -> None:
    """List services by name."""
    params = {
        "service_type": kind,
        "name": name,
        "status": status,
        "tags": tag,
        "capabilities": capability,
        "namespace": namespace,
        "limit": min(limit, 1000),
    }

    async def pages(registry: Connection) -> list[dict[str, Any]]:
        rows: list[dict[str, Any]] = []
        async for page in registry.pages(f"{PREFIX}/discover", dict[str, Any], params=params):
            rows += page["services"]
            if len(rows) >= limit:
                break
        return rows[:limit]

    rows = ask(url, key, pages)
    if machine:
        as_json(rows)
        return
    table(
        ("id", "name", "type", "status", "heartbeat", "address", "capabilities"),
        [
            (
                one["service_id"],
                one["name"],
                one["service_type"],
                one["status"],
                age(one["last_heartbeat"]) if one["last_heartbeat"] else "none needed",
                f"{one['host']}:{one['port']}",
                joined(one["metadata"]["capabilities"]),
            )
            for one in rows
        ],
    )


@app.command()
def get(
    service_id: ServiceId,
    namespace: Namespace = None,
    url: ServicesUrl = SERVICES,
    key: Key = None,
    machine: Machine = False,
) -> None:
    """Show one service."""
    one = _call(url, key, "GET", "services", service_id, namespace)
    if machine:
        as_json(one)
        return
    metadata, check = one["metadata"], one["health_check"]
    pairs(
        [
            ("id", one["service_id"]),
            ("name", one["name"]),
            ("type", one["service_type"]),
            ("address", f"{one['host']}:{one['port']}"),
            ("status", one["status"]),
            ("heartbeat", age(one["last_heartbeat"])),
            ("registered", age(one["registered_at"])),
            ("description", metadata["description"]),
            ("version", metadata["version"]),
            ("tags", joined(metadata["tags"])),
            ("capabilities", joined(metadata["capabilities"])),
            ("depends on", joined(metadata["dependencies"])),
            (
                "health check",
                f"{check['endpoint']} every {check['interval_seconds']:g} s"
                if check["enabled"]
                else "none",
            ),
        ]
    )


@app.command()
def register(
    name: Annotated[str, typer.Argument(help="Its name.")],
    host: Annotated[str, typer.Option(help="Where it listens.")],
    port: Annotated[int, typer.Option(help="Where it listens.")],
    kind: Annotated[
        str, typer.Option("--type", help="agent, tool, api, database, gateway or other.")
    ] = "tool",
    capability: Annotated[list[str] | None, typer.Option(help="What it can do.")] = None,
    tag: Annotated[list[str] | None, typer.Option(help="Its tags.")] = None,
    description: Annotated[str, typer.Option(help="What it is.")] = "",
    health: Annotated[
        str | None, typer.Option(help="Path of its health check; none: it is not checked.")
    ] = None,
    namespace: Namespace = None,
    url: ServicesUrl = SERVICES,
    key: Key = None,
    machine: Machine = False,
) -> None:
    """Register a service, or change a registration.

    rollcall services register calculator --host 127.0.0.1 --port 3006 --capability arithmetic
    """
    body = {
        "name": name,
        "service_type": kind,
        "host": host,
        "port": port,
        "metadata": {
            "description": description,
            "tags": tag or [],
            "capabilities": capability or [],
        },
        "health_check": {"enabled": health is not None, "endpoint": health or "/health"},
    }
    done = ask(
        url,
        key,
        lambda registry: registry.call(
            "POST",
            f"{PREFIX}/register",
            dict[str, Any],
            body=body,
            params={"namespace": namespace},
        ),
    )
    if machine:
        as_json(done)
    else:
        say(f"{name} is registered as {done['service_id']}")


@app.command("status")
def set_status(
    service_id: ServiceId,
    status: Annotated[
        str, typer.Argument(help="healthy, unhealthy, starting, stopping or unknown.")
    ],
    namespace: Namespace = None,
    url: ServicesUrl = SERVICES,
    key: Key = None,
) -> None:
    """Report a status for a service."""
    _call(url, key, "PUT", "update", service_id, namespace, body={"status": status})
    say(f"{service_id} is reported {status}")


@app.command()
def deregister(
    service_id: ServiceId,
    yes: Sure = False,
    namespace: Namespace = None,
    url: ServicesUrl = SERVICES,
    key: Key = None,
) -> None:
    """Remove a service from the registry."""
    if not yes:
        typer.confirm(f"Remove {service_id} from the registry?", abort=True, err=True)
    _call(url, key, "DELETE", "unregister", service_id, namespace)
    say(f"{service_id} is gone")


@app.command()
def watch(
    kind: Kinds = None,
    capability: Annotated[list[str] | None, typer.Option(help="All of these.")] = None,
    tag: Annotated[list[str] | None, typer.Option(help="All of these tags.")] = None,
    status: Annotated[str | None, typer.Option(help="healthy, unhealthy, ...")] = None,
    namespace: Namespace = None,
    url: ServicesUrl = SERVICES,
    key: Key = None,
    machine: Machine = False,
) -> None:
    """Show which services enter and leave the answer to a question, and why, until Ctrl-C."""
    params = {
        "watch": "true",
        "service_type": kind,
        "capabilities": capability,
        "tags": tag,
        "status": status,
        "namespace": namespace,
    }
    followed(url, key, f"{PREFIX}/events", params, machine=machine)


def _call(
    url: str,
    key: str | None,
    method: str,
    route: str,
    service_id: str,
    namespace: str | None,
    body: object = None,
) -> dict[str, Any]:
    with errors_told():
        path = f"{PREFIX}/{route}/{segment('service_id', service_id)}"
    return ask(
        url,
        key,
        lambda registry: registry.call(
            method,
            path,
            dict[str, Any],
            body=body,
            params={"namespace": namespace},
            record_id=service_id,
        ),
    )
