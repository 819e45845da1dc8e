# SPDX-License-Identifier: Apache-2.0
"""`rollcall agents`: what document 2 knows, from a terminal."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated, Any, Final

import msgspec
import typer

from rollcall.cli.events import followed
from rollcall.cli.remote import (
    AGENTS,
    AgentsUrl,
    Key,
    Machine,
    Namespace,
    Sure,
    ask,
    collected,
)
from rollcall.cli.told import age, as_json, errors_told, joined, pairs, say, table
from rollcall.client.connection import segment
from rollcall.kernel.errors import InvalidInput

app: Final = typer.Typer(
    no_args_is_help=True, rich_markup_mode=None, help="List, register and change agents."
)

AgentId = Annotated[str, typer.Argument(help="The agent's id.")]


@app.command("list")
def list_agents(
    status: Annotated[
        list[str] | None, typer.Option(help="active, busy, degraded, unhealthy, offline, suspect.")
    ] = None,
    kind: Annotated[list[str] | None, typer.Option(help="agent, tool, api, ... or any.")] = None,
    tag: Annotated[list[str] | None, typer.Option(help="All of these tags.")] = None,
    limit: Annotated[int, typer.Option(min=1, help="How many at most.")] = 100,
    namespace: Namespace = None,
    url: AgentsUrl = AGENTS,
    key: Key = None,
    machine: Machine = False,
) -> None:
    """List agents by name."""
    params = {"status": status, "kind": kind, "tags": tag, "namespace": namespace}
    rows = ask(url, key, lambda registry: collected(registry, "/agents", params, limit))
    if machine:
        as_json(rows)
        return
    table(
        ("id", "name", "status", "heartbeat", "capabilities", "address"),
        [
            (
                one["agent_id"],
                one["agent_name"],
                one["status"],
                age(one["last_heartbeat"]) if one["last_heartbeat"] else "none needed",
                joined(capability["name"] for capability in one["capabilities"]),
                one["base_url"] or "-",
            )
            for one in rows
        ],
    )


@app.command()
def get(
    agent_id: AgentId,
    namespace: Namespace = None,
    url: AgentsUrl = AGENTS,
    key: Key = None,
    machine: Machine = False,
) -> None:
    """Show one agent, and what its status rests on."""

    async def both(registry: Any) -> tuple[dict[str, Any], dict[str, Any]]:
        name, place = segment("agent_id", agent_id), {"namespace": namespace}
        agent = await registry.call(
            "GET", f"/agents/{name}", dict[str, Any], params=place, record_id=agent_id
        )
        health = await registry.call(
            "GET", f"/health/{name}", dict[str, Any], params=place, record_id=agent_id
        )
        return agent, health

    agent, health = ask(url, key, both)
    evidence = health["evidence"]
    if machine:
        as_json({**agent, "evidence": evidence})
        return
    lease, probe = evidence["lease"], evidence["probe"]
    pairs(
        [
            ("id", agent["agent_id"]),
            ("name", agent["agent_name"]),
            ("kind", agent["kind"]),
            ("address", agent["base_url"]),
            ("status", agent["status"]),
            ("reported", f"{evidence['reported']}, {evidence['reported_age_seconds']:.0f} s ago"),
            ("lease", _lease(lease)),
            ("health checks", probe["state"] if probe else "none"),
            ("tags", joined(agent["tags"])),
            ("version", agent["version"]),
            ("runtime", agent["runtime"]),
            ("registered", age(agent["created_at"])),
            ("changed", age(agent["updated_at"])),
            ("metadata", agent["metadata"] and msgspec.json.encode(agent["metadata"]).decode()),
        ]
    )
    for capability in agent["capabilities"]:
        say(f"can {capability['name']}: {capability['description'] or '-'}")


@app.command()
def register(
    agent_id: Annotated[str | None, typer.Argument(help="Its id.")] = None,
    name: Annotated[str | None, typer.Option(help="Its name; by default its id.")] = None,
    base_url: Annotated[str | None, typer.Option(help="Where it can be called.")] = None,
    capability: Annotated[
        list[str] | None, typer.Option(help="What it can do, as name or name:description.")
    ] = None,
    tag: Annotated[list[str] | None, typer.Option(help="Its tags.")] = None,
    file: Annotated[
        Path | None,
        typer.Option(help="A JSON file with the whole registration instead.", dir_okay=False),
    ] = None,
    namespace: Namespace = None,
    url: AgentsUrl = AGENTS,
    key: Key = None,
    machine: Machine = False,
) -> None:
    """Register an agent, or change a registration.

    rollcall agents register writer --base-url http://127.0.0.1:9000 --capability "writing:Writes"
    """
    with errors_told():
        body = _card(file) if file else _described(agent_id, name, base_url, capability, tag)
    done = ask(
        url,
        key,
        lambda registry: registry.call(
            "POST", "/register", dict[str, Any], body=body, params={"namespace": namespace}
        ),
    )
    if machine:
        as_json(done)
    else:
        say(f"{done['agent_id']} is registered")


@app.command("status")
def set_status(
    agent_id: AgentId,
    status: Annotated[str, typer.Argument(help="active, busy, degraded, unhealthy or offline.")],
    namespace: Namespace = None,
    url: AgentsUrl = AGENTS,
    key: Key = None,
) -> None:
    """Report a status for an agent."""
    with errors_told():
        path = f"/agents/{segment('agent_id', agent_id)}/status"
    done = ask(
        url,
        key,
        lambda registry: registry.call(
            "PATCH",
            path,
            dict[str, Any],
            body={"status": status},
            params={"namespace": namespace},
            record_id=agent_id,
        ),
    )
    say(f"{agent_id} is {done['status']}")


@app.command()
def deregister(
    agent_id: AgentId,
    yes: Sure = False,
    namespace: Namespace = None,
    url: AgentsUrl = AGENTS,
    key: Key = None,
) -> None:
    """Remove an agent from the registry."""
    with errors_told():
        path = f"/agents/{segment('agent_id', agent_id)}"
    if not yes:
        typer.confirm(f"Remove {agent_id} from the registry?", abort=True, err=True)
    ask(
        url,
        key,
        lambda registry: registry.call(
            "DELETE",
            path,
            dict[str, Any],
            params={"namespace": namespace},
            record_id=agent_id,
        ),
    )
    say(f"{agent_id} is gone")


@app.command()
def watch(
    q: Annotated[str | None, typer.Option(help="Words that a capability must match.")] = None,
    status: Annotated[list[str] | None, typer.Option(help="One of these.")] = None,
    tag: Annotated[list[str] | None, typer.Option(help="All of these tags.")] = None,
    namespace: Namespace = None,
    url: AgentsUrl = AGENTS,
    key: Key = None,
    machine: Machine = False,
) -> None:
    """Show which agents enter and leave the answer to a question, and why, until Ctrl-C."""
    params = {"watch": "true", "q": q, "status": status, "tags": tag, "namespace": namespace}
    followed(url, key, "/events", params, machine=machine)


def _lease(lease: dict[str, Any]) -> str:
    if lease["silent_seconds"] is None:
        return lease["phase"]
    left = lease["remaining_seconds"]
    rest = f", {left:.0f} s left" if left is not None else ""
    return f"{lease['phase']}, last heard of {lease['silent_seconds']:.0f} s ago{rest}"


def _card(file: Path) -> dict[str, Any]:
    try:
        return msgspec.json.decode(file.read_bytes(), type=dict[str, Any])
    except (OSError, msgspec.MsgspecError, UnicodeDecodeError) as error:
        raise InvalidInput("--file", f"{file} is no registration: {error}") from None


def _described(
    agent_id: str | None,
    name: str | None,
    base_url: str | None,
    capabilities: list[str] | None,
    tags: list[str] | None,
) -> dict[str, Any]:
    if agent_id is None or base_url is None:
        raise InvalidInput("register", "needs an id and --base-url, or --file")
    return {
        "agent_id": agent_id,
        "agent_name": name or agent_id,
        "base_url": base_url,
        "tags": tags or [],
        "capabilities": [
            {"name": what, "description": about}
            for what, _, about in (one.partition(":") for one in capabilities or [])
        ],
    }
