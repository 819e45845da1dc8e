# SPDX-License-Identifier: Apache-2.0
"""`rollcall services`: what document 1 knows, from a terminal."""

from __future__ import annotations

from typing import Annotated, Any, Final

import typer

from rollcall.cli.options import (
    DryRun,
    Key,
    Limit,
    Machine,
    Namespace,
    ServicesUrl,
    Sure,
    Tags,
    agreed,
    examples,
)
from rollcall.cli.remote import Row, ask, collected, paged
from rollcall.cli.streaming import followed
from rollcall.cli.told import age, as_json, joined, note, pairs, say, table
from rollcall.cli.words import ServiceStatus, ServiceType
from rollcall.client.connection import Connection, segment
from rollcall.kernel.errors import InvalidInput
from rollcall.kernel.record_errors import RecordNotFound

app: Final = typer.Typer(
    no_args_is_help=True, rich_markup_mode=None, help="List, register, change and watch services."
)
PREFIX: Final = "/api/v1"

ServiceId = Annotated[str, typer.Argument(metavar="SERVICE", help="The service's id, or its name.")]
Type = Annotated[ServiceType | None, typer.Option("--type", help="Only of this type.")]
Status = Annotated[ServiceStatus | None, typer.Option("--status", help="Only with this status.")]
NamePart = Annotated[
    str | None, typer.Option("--name", metavar="TEXT", help="Only with this in their names.")
]
Capabilities = Annotated[
    list[str] | None,
    typer.Option(
        "--capability", metavar="NAME", help="Only what can do this; repeat it for all of several."
    ),
]


@app.command(
    "list",
    epilog=examples(
        "rollcall services list",
        "rollcall services list --type tool --status healthy --capability arithmetic",
        "rollcall services list --json",
    ),
)
def list_services(
    *,
    kind: Type = None,
    name: NamePart = None,
    status: Status = None,
    tag: Tags = None,
    capability: Capabilities = None,
    limit: Limit = 100,
    namespace: Namespace = None,
    url: ServicesUrl,
    key: Key = None,
    machine: Machine = False,
) -> None:
    """List services by name, with the status that they read as now."""
    params = _question(kind, name, status, tag, capability, namespace)

    async def read(registry: Connection) -> list[Row]:
        pages = registry.pages(f"{PREFIX}/discover", Row, params=paged(params, limit))
        return await collected((page["services"] async for page in pages), limit)

    rows = ask(url, key, read)
    if machine:
        as_json(rows)
        return
    if not rows:
        note(
            "no services (of this sort); `rollcall services register --help` shows how one comes in"
        )
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
                _address(one),
                joined(one["metadata"]["capabilities"]),
            )
            for one in rows
        ],
    )


@app.command(epilog=examples("rollcall services get calculator"))
def get(
    *,
    service: ServiceId,
    namespace: Namespace = None,
    url: ServicesUrl,
    key: Key = None,
    machine: Machine = False,
) -> None:
    """Show one service."""
    one = ask(url, key, lambda registry: _found(registry, service, namespace))
    if machine:
        as_json(one)
        return
    metadata, check = one["metadata"], one["health_check"]
    every = f"{check['endpoint']} every {check['interval_seconds']:g} s"
    pairs(
        [
            ("id", one["service_id"]),
            ("name", one["name"]),
            ("type", one["service_type"]),
            ("address", _address(one)),
            ("status", one["status"]),
            ("heartbeat", age(one["last_heartbeat"]) if one["last_heartbeat"] else "none needed"),
            ("registered", age(one["registered_at"])),
            ("description", metadata["description"]),
            ("version", metadata["version"]),
            ("tags", joined(metadata["tags"])),
            ("capabilities", joined(metadata["capabilities"])),
            ("depends on", joined(metadata["dependencies"])),
            ("health checks", every if check["enabled"] else "none"),
        ]
    )


@app.command(
    epilog=examples(
        "rollcall services register calculator --host 127.0.0.1 --port 3006 \\",
        "    --capability arithmetic --health /health",
    )
)
def register(
    *,
    name: Annotated[str, typer.Argument(metavar="NAME", help="Its name.")],
    host: Annotated[str, typer.Option(metavar="HOST", help="The host that others reach it at.")],
    port: Annotated[int, typer.Option(metavar="PORT", help="The port that it listens on.")],
    kind: Annotated[ServiceType, typer.Option("--type", help="What it is.")] = ServiceType.TOOL,
    capability: Annotated[
        list[str] | None,
        typer.Option(metavar="NAME", help="What it can do; repeat it for several things."),
    ] = None,
    tag: Annotated[
        list[str] | None, typer.Option(metavar="TAG", help="A tag; repeat it for several.")
    ] = None,
    description: Annotated[str, typer.Option(metavar="TEXT", help="What it is for.")] = "",
    health: Annotated[
        str | None,
        typer.Option(
            metavar="PATH", help="Have the registry check it there; by default it does not."
        ),
    ] = None,
    namespace: Namespace = None,
    url: ServicesUrl,
    key: Key = None,
    machine: Machine = False,
) -> None:
    """Register a service, or replace the registration of the same name, host and port.

    It then is to send heartbeats by itself: without any it soon is unhealthy, and later removed.
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
    place = {"namespace": namespace}
    done = ask(
        url,
        key,
        lambda registry: registry.call("POST", f"{PREFIX}/register", Row, body=body, params=place),
    )
    if machine:
        as_json(done)
        return
    service_id = done["service_id"]
    say(f"{name} is registered as {service_id}")
    note(f"Without heartbeats (POST {url}{PREFIX}/heartbeat/{service_id}) it will be removed")


@app.command("status", epilog=examples("rollcall services status calculator stopping"))
def set_status(
    *,
    service: ServiceId,
    status: Annotated[ServiceStatus, typer.Argument(help="What is reported of it.")],
    namespace: Namespace = None,
    url: ServicesUrl,
    key: Key = None,
    machine: Machine = False,
) -> None:
    """Report a status for a service."""

    async def report(registry: Connection) -> Row:
        service_id = (await _found(registry, service, namespace))["service_id"]
        return await _call(registry, "PUT", "/update", service_id, namespace, {"status": status})

    done = ask(url, key, report)
    if machine:
        as_json(done)
    else:
        say(f"{service} is reported {status}")


@app.command(
    epilog=examples(
        "rollcall services deregister calculator",
        "rollcall services deregister calculator --dry-run",
        "rollcall services deregister calculator --yes",
    )
)
def deregister(
    *,
    service: ServiceId,
    yes: Sure = False,
    dry_run: DryRun = False,
    namespace: Namespace = None,
    url: ServicesUrl,
    key: Key = None,
    machine: Machine = False,
) -> None:
    """Remove a service from the registry. It may register again."""
    one = ask(url, key, lambda registry: _found(registry, service, namespace))
    service_id = one["service_id"]
    what = f"remove {one['name']} at {_address(one)} ({service_id}, {one['status']})"
    if not agreed(what, yes=yes, dry_run=dry_run):
        return
    done = ask(
        url, key, lambda registry: _call(registry, "DELETE", "/unregister", service_id, namespace)
    )
    if machine:
        as_json(done)
    else:
        say(f"{one['name']} is removed")


@app.command(
    epilog=examples(
        "rollcall services watch",
        "rollcall services watch --type tool --capability arithmetic --status healthy",
    )
)
def watch(
    *,
    kind: Type = None,
    name: NamePart = None,
    status: Status = None,
    tag: Tags = None,
    capability: Capabilities = None,
    namespace: Namespace = None,
    url: ServicesUrl,
    key: Key = None,
    machine: Machine = False,
) -> None:
    """Show what is in the answer to a question, and then what enters and leaves it, and why.

    It goes on until Ctrl-C.
    """
    params = {"watch": "true", **_question(kind, name, status, tag, capability, namespace)}
    followed(url, key, f"{PREFIX}/events", params, machine=machine, follow=True)


def _question(
    kind: ServiceType | None,
    name: str | None,
    status: ServiceStatus | None,
    tags: list[str] | None,
    capabilities: list[str] | None,
    namespace: str | None,
) -> dict[str, Any]:
    return {
        "service_type": kind,
        "name": name,
        "status": status,
        "tags": tags,
        "capabilities": capabilities,
        "namespace": namespace,
    }


async def _found(registry: Connection, service: str, namespace: str | None) -> Row:
    """The service with this id, or else the only one with this name.

    Raises:
        RecordNotFound: There is none.
        InvalidInput: Several have this name.
    """
    try:
        return await _call(registry, "GET", "/services", service, namespace)
    except RecordNotFound:
        params = {"name": service, "namespace": namespace}
        pages = registry.pages(f"{PREFIX}/discover", Row, params=params)
        named = [one async for page in pages for one in page["services"] if one["name"] == service]
        if not named:
            raise
    if len(named) > 1:
        ids = joined(f"{one['service_id']} at {_address(one)}" for one in named[:5])
        raise InvalidInput("service", f"{len(named)} are called {service!r}: give an id ({ids})")
    return named[0]


async def _call(
    registry: Connection,
    method: str,
    path: str,
    service: str,
    namespace: str | None,
    body: object = None,
) -> Row:
    return await registry.call(
        method,
        f"{PREFIX}{path}/{segment('service', service)}",
        Row,
        body=body,
        params={"namespace": namespace},
        record_id=service,
    )


def _address(one: Row) -> str:
    if one["host"] is None:
        return "-"
    host = f"[{one['host']}]" if ":" in one["host"] else one["host"]
    return f"{host}:{one['port']}"
