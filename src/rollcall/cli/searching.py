# SPDX-License-Identifier: Apache-2.0
"""`rollcall find` and `rollcall stats`."""

from __future__ import annotations

from typing import Annotated, Any

import typer

from rollcall.cli.agents import Kinds, Statuses
from rollcall.cli.options import (
    AgentsUrl,
    Key,
    Machine,
    Namespace,
    Tags,
    examples,
)
from rollcall.cli.remote import PAGE, Row, ask, paged
from rollcall.cli.told import as_json, note, pairs, say, table
from rollcall.cli.words import Match
from rollcall.client.connection import Connection, segment

FIND_EXAMPLES = examples(
    'rollcall find "translate contracts"',
    "rollcall find translate --status active --status busy --tag eu",
    'rollcall find "turn text into German" --match auto',
    "rollcall find translate --explain writer",
)
STATS_EXAMPLES = examples("rollcall stats", "rollcall stats --json")


def find(
    *,
    text: Annotated[
        str, typer.Argument(metavar="TEXT", help="What somebody should be able to do.")
    ],
    match: Annotated[
        Match, typer.Option(help="By the words, the meaning, or the meaning where no words match.")
    ] = Match.LEXICAL,
    status: Statuses = None,
    kind: Kinds = None,
    tag: Tags = None,
    limit: Annotated[
        int, typer.Option(min=1, max=PAGE, metavar="N", help="How many at most.")
    ] = 20,
    explain: Annotated[
        str | None,
        typer.Option(metavar="AGENT_ID", help="Say why this agent is, or is not, in the answer."),
    ] = None,
    namespace: Namespace = None,
    url: AgentsUrl,
    key: Key = None,
    machine: Machine = False,
) -> None:
    """Find who can do something, the best match first.

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
    asked = paged(params, limit)
    rows = ask(
        url,
        key,
        lambda registry: registry.call("GET", "/capabilities/search", list[Row], params=asked),
    )
    if len(rows) > limit:
        note(f"there are more than {limit:,}: say --limit for more of them")
        rows = rows[:limit]
    if machine:
        as_json(rows)
        return
    if not rows:
        more = "" if match is not Match.LEXICAL else "; --match auto looks for the meaning as well"
        note(f"nobody is known who can do that{more}")
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
    *,
    namespace: Namespace = None,
    url: AgentsUrl,
    key: Key = None,
    machine: Machine = False,
) -> None:
    """Count agents by their status, and what they can do."""
    params = {"namespace": namespace}
    counts = ask(url, key, lambda registry: registry.call("GET", "/stats", Row, params=params))
    if machine:
        as_json(counts)
    else:
        pairs((name.replace("_", " "), f"{count:,}") for name, count in counts.items())


def _explain(
    agent_id: str, params: dict[str, Any], url: str, key: str | None, *, machine: bool
) -> None:
    async def read(registry: Connection) -> Row:
        return await registry.call(
            "GET",
            f"/agents/{segment('agent_id', agent_id)}/explain",
            Row,
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
        ("rule", "result", "why"),
        [
            (one["name"], "passed" if one["passed"] else "failed", one["detail"])
            for one in told["rules"]
        ],
    )
