# SPDX-License-Identifier: Apache-2.0
"""`rollcall find` and `rollcall stats`."""

from __future__ import annotations

from typing import Annotated, Any

import typer

from rollcall.cli.remote import AGENTS, AgentsUrl, Key, Machine, Namespace, ask
from rollcall.cli.told import as_json, note, pairs, say, table
from rollcall.client.connection import Connection, segment


def find(
    text: Annotated[str, typer.Argument(help="What somebody should be able to do.")],
    match: Annotated[
        str, typer.Option(help="lexical (words), semantic (meaning) or auto (words, then meaning).")
    ] = "lexical",
    status: Annotated[list[str] | None, typer.Option(help="One of these.")] = None,
    kind: Annotated[list[str] | None, typer.Option(help="agent, tool, ... or any.")] = None,
    tag: Annotated[list[str] | None, typer.Option(help="All of these tags.")] = None,
    limit: Annotated[int, typer.Option(min=1, max=1000, help="How many at most.")] = 20,
    explain: Annotated[
        str | None, typer.Option(help="Say why this agent is, or is not, in the answer.")
    ] = None,
    namespace: Namespace = None,
    url: AgentsUrl = AGENTS,
    key: Key = None,
    machine: Machine = False,
) -> None:
    """Find who can do something: rollcall find "translate contracts".

    Nothing found is an answer too: the exit code is 0.
    """
    params: dict[str, Any] = {
        "q": text,
        "match": match,
        "status": status,
        "kind": kind,
        "tags": tag,
        "namespace": namespace,
    }
    if explain is not None:
        _explain(explain, params, url, key, machine=machine)
        return

    async def search(registry: Connection) -> list[dict[str, Any]]:
        return await registry.call(
            "GET",
            "/capabilities/search",
            list[dict[str, Any]],
            params={**params, "limit": limit},
        )

    rows = ask(url, key, search)
    if machine:
        as_json(rows)
        return
    if not rows:
        note(f"nobody can {text!r}; `rollcall find {text!r} --match auto` also tries the meaning")
        return
    table(
        ("agent", "status", "can", "score", "why", "address"),
        [
            (
                one["agent_id"],
                one["status"],
                one["capability"],
                f"{one['score']:.2f}",
                one["detail"],
                one["base_url"] or "-",
            )
            for one in rows
        ],
    )


def stats(
    namespace: Namespace = None,
    url: AgentsUrl = AGENTS,
    key: Key = None,
    machine: Machine = False,
) -> None:
    """Count agents and capabilities."""

    async def read(registry: Connection) -> dict[str, Any]:
        return await registry.call("GET", "/stats", dict[str, Any], params={"namespace": namespace})

    counts = ask(url, key, read)
    if machine:
        as_json(counts)
    else:
        pairs((name.replace("_", " "), str(count)) for name, count in counts.items())


def _explain(
    agent_id: str, params: dict[str, Any], url: str, key: str | None, *, machine: bool
) -> None:
    async def read(registry: Connection) -> dict[str, Any]:
        return await registry.call(
            "GET",
            f"/agents/{segment('agent_id', agent_id)}/explain",
            dict[str, Any],
            params=params,
            record_id=agent_id,
        )

    told = ask(url, key, read)
    if machine:
        as_json(told)
        return
    where = f"found, number {told['rank']}" if told["found"] else "not found"
    say(f"{agent_id} ({told['status']}) is {where}:")
    table(
        ("rule", "", "detail"),
        [
            (one["name"], "passed" if one["passed"] else "failed", one["detail"])
            for one in told["rules"]
        ],
    )
