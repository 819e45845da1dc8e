# SPDX-License-Identifier: Apache-2.0
"""`rollcall agents`: what document 2 knows, from a terminal."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated, Any, Final

import msgspec
import typer

from rollcall.cli.exits import errors_told
from rollcall.cli.options import (
    AgentsUrl,
    DryRun,
    Key,
    Limit,
    Machine,
    Namespace,
    Sure,
    Tags,
    agreed,
    examples,
    one_of,
)
from rollcall.cli.remote import Row, ask, collected, paged
from rollcall.cli.streaming import followed
from rollcall.cli.told import age, as_json, joined, note, pairs, say, table
from rollcall.cli.words import AgentStatus, Kind, ReportedStatus
from rollcall.client.connection import Connection, segment
from rollcall.kernel.errors import InvalidInput

app: Final = typer.Typer(
    no_args_is_help=True,
    rich_markup_mode=None,
    help="List, register, change and watch agents, and keep definitions of agents in files.",
)

AgentId = Annotated[str, typer.Argument(metavar="AGENT_ID", help="The agent's id.")]
Statuses = Annotated[
    list[AgentStatus] | None,
    typer.Option(
        "--status",
        metavar=one_of(AgentStatus),
        help="Only with this status; repeat it for one of several.",
    ),
]
Kinds = Annotated[
    list[Kind] | None,
    typer.Option(
        "--kind",
        metavar=one_of(Kind),
        help="Only of this kind; repeat it for one of several.  [default: agent]",
    ),
]


@app.command(
    "list",
    epilog=examples(
        "rollcall agents list",
        "rollcall agents list --status offline --status unhealthy --limit 1000",
        "rollcall agents list --kind any --json",
    ),
)
def list_agents(
    *,
    status: Statuses = None,
    kind: Kinds = None,
    tag: Tags = None,
    limit: Limit = 100,
    namespace: Namespace = None,
    url: AgentsUrl,
    key: Key = None,
    machine: Machine = False,
) -> None:
    """List agents by name, with the status that they read as now."""
    params = {"status": status, "kind": kind, "tags": tag, "namespace": namespace}

    async def read(registry: Connection) -> list[Row]:
        pages = registry.pages("/agents", list[Row], params=paged(params, limit))
        return await collected(pages, limit)

    rows = ask(url, key, read)
    if machine:
        as_json(rows)
        return
    if not rows:
        note("no agents (of this sort); `rollcall agents register --help` shows how one comes in")
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


@app.command(epilog=examples("rollcall agents get writer", "rollcall agents get writer --json"))
def get(
    *,
    agent_id: AgentId,
    namespace: Namespace = None,
    url: AgentsUrl,
    key: Key = None,
    machine: Machine = False,
) -> None:
    """Show one agent, and what its status rests on."""

    async def both(registry: Connection) -> tuple[Row, Row]:
        health = await _call(registry, "GET", "/health", agent_id, namespace)
        return await _call(registry, "GET", "/agents", agent_id, namespace), health

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
            ("health checks", _probe(probe)),
            ("active tasks", agent["active_tasks"]),
            ("tags", joined(agent["tags"])),
            ("version", agent["version"]),
            ("runtime", agent["runtime"]),
            ("registered", age(agent["created_at"])),
            ("changed", age(agent["updated_at"])),
            ("metadata", agent["metadata"] and msgspec.json.encode(agent["metadata"]).decode()),
            *(
                (
                    "can",
                    f"{one['name']}: {one['description']}" if one["description"] else one["name"],
                )
                for one in agent["capabilities"]
            ),
        ]
    )


@app.command(
    epilog=examples(
        "rollcall agents register writer --base-url http://127.0.0.1:9000 \\",
        '    --capability "letters:Writes letters" --capability minutes',
        "rollcall agents register --file writer.json",
    )
)
def register(
    *,
    agent_id: Annotated[str | None, typer.Argument(metavar="AGENT_ID", help="Its id.")] = None,
    name: Annotated[
        str | None, typer.Option(metavar="NAME", help="Its name; by default its id.")
    ] = None,
    base_url: Annotated[
        str | None, typer.Option(metavar="URL", help="Where others reach it.")
    ] = None,
    capability: Annotated[
        list[str] | None,
        typer.Option(
            metavar="NAME[:DESCRIPTION]", help="What it can do; repeat it for several things."
        ),
    ] = None,
    tag: Annotated[
        list[str] | None, typer.Option(metavar="TAG", help="A tag; repeat it for several.")
    ] = None,
    file: Annotated[
        Path | None,
        typer.Option(
            metavar="FILE", help="Instead: a JSON file as POST /register takes it.", dir_okay=False
        ),
    ] = None,
    namespace: Namespace = None,
    url: AgentsUrl,
    key: Key = None,
    machine: Machine = False,
) -> None:
    """Register an agent, or replace its registration.

    It then is to send heartbeats by itself: without any it soon is offline.
    """
    with errors_told():
        body = _card(file) if file else _described(agent_id, name, base_url, capability, tag)
    place = {"namespace": namespace}
    done = ask(
        url,
        key,
        lambda registry: registry.call("POST", "/register", Row, body=body, params=place),
    )
    if machine:
        as_json(done)
        return
    say(f"{done['agent_id']} is registered")
    note(f"Without heartbeats (POST {url}/agents/{done['agent_id']}/heartbeat) it will be offline")


@app.command(
    "status",
    epilog=examples("rollcall agents status writer busy", "rollcall agents status writer active"),
)
def set_status(
    *,
    agent_id: AgentId,
    status: Annotated[ReportedStatus, typer.Argument(help="What is reported of it.")],
    namespace: Namespace = None,
    url: AgentsUrl,
    key: Key = None,
    machine: Machine = False,
) -> None:
    """Report a status for an agent. It is no heartbeat, and a heartbeat does not change it."""
    body = {"status": status}
    done = ask(
        url,
        key,
        lambda registry: _call(registry, "PATCH", "/agents", agent_id, namespace, "/status", body),
    )
    if machine:
        as_json(done)
    elif done["status"] == status:
        say(f"{agent_id} is {status}")
    else:
        say(f"{agent_id} is reported {status}, and reads {done['status']}")


@app.command(
    epilog=examples(
        "rollcall agents deregister writer",
        "rollcall agents deregister writer --dry-run",
        "rollcall agents deregister writer --yes",
    )
)
def deregister(
    *,
    agent_id: AgentId,
    yes: Sure = False,
    dry_run: DryRun = False,
    namespace: Namespace = None,
    url: AgentsUrl,
    key: Key = None,
    machine: Machine = False,
) -> None:
    """Remove an agent from the registry. It may register again."""
    one = ask(url, key, lambda registry: _call(registry, "GET", "/agents", agent_id, namespace))
    what = f"remove the {one['kind']} {agent_id} ({one['agent_name']}, {one['status']})"
    if not agreed(what, yes=yes, dry_run=dry_run):
        return
    done = ask(url, key, lambda registry: _call(registry, "DELETE", "/agents", agent_id, namespace))
    if machine:
        as_json(done)
    else:
        say(f"{agent_id} is removed")


@app.command(
    epilog=examples(
        "rollcall agents watch",
        "rollcall agents watch --q translation --status active --status busy",
    )
)
def watch(
    *,
    q: Annotated[
        str | None, typer.Option("--q", metavar="WORDS", help="Words that a capability must match.")
    ] = None,
    status: Statuses = None,
    kind: Kinds = None,
    tag: Tags = None,
    namespace: Namespace = None,
    url: AgentsUrl,
    key: Key = None,
    machine: Machine = False,
) -> None:
    """Show who is in the answer to a question, and then who enters and leaves it, and why.

    It goes on until Ctrl-C.
    """
    params = {
        "watch": "true",
        "q": q,
        "status": status,
        "kind": kind,
        "tags": tag,
        "namespace": namespace,
    }
    followed(url, key, "/events", params, machine=machine, follow=True)


async def _call(
    registry: Connection,
    method: str,
    path: str,
    agent_id: str,
    namespace: str | None,
    rest: str = "",
    body: object = None,
) -> Row:
    return await registry.call(
        method,
        f"{path}/{segment('agent_id', agent_id)}{rest}",
        Row,
        body=body,
        params={"namespace": namespace},
        record_id=agent_id,
    )


def _lease(lease: Row) -> str:
    said = [lease["phase"]]
    if lease["silent_seconds"] is not None:
        said.append(f"last heard of {lease['silent_seconds']:.0f} s ago")
    if lease["remaining_seconds"] is not None:
        said.append(f"{max(0.0, lease['remaining_seconds']):.0f} s left")
    return joined([*said, *filter(None, [lease["reason"]])])


def _probe(probe: Row | None) -> str:
    if probe is None:
        return "none"
    said = [probe["state"]]
    if probe["failures"]:
        said.append(f"{probe['failures']} failures in a row")
    return joined([*said, *filter(None, [probe["reason"]])])


def _card(file: Path) -> dict[str, Any]:
    try:
        return msgspec.json.decode(file.read_bytes(), type=dict[str, Any])
    except (OSError, msgspec.MsgspecError, UnicodeDecodeError) as error:
        raise InvalidInput("--file", f"{file} holds no registration: {error}") from None


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
            {"name": what, "description": about.strip()}
            for what, _, about in (one.partition(":") for one in capabilities or [])
        ],
    }
