# SPDX-License-Identifier: Apache-2.0
"""What a process says of itself once it answers."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

TRY = "translate"


@dataclass(frozen=True, slots=True)
class Running:
    """A service that answers.

    Args:
        name: What `rollcall serve` calls it.
        title: What people call it.
        url: Where it answers.
    """

    name: str
    title: str
    url: str


def banner(
    version: str,
    seconds: float,
    running: Sequence[Running],
    *,
    store: str,
    place: str,
    records: int,
    login: bool,
) -> str:
    """The text.

    Args:
        version: Of Rollcall.
        seconds: From the start to the first answer.
        running: What runs, and where.
        store: What kind of store it is.
        place: Where that is.
        records: How many it holds.
        login: Whether callers must show who they are.
    """
    rows = [(one.title, f"{one.url}  (API: {one.url}/docs)") for one in running]
    kept = "in memory, gone when this ends" if store == "memory" else f"{store}, {place}"
    rows.append(("records", f"{records:,} in {kept}" if store != "memory" else kept))
    rows.append(
        ("login", "API keys or tokens" if login else "none: only this machine can reach it")
    )
    width = max(len(title) for title, _ in rows)
    lines = [f"Rollcall {version} is ready after {seconds:.1f} s", ""]
    lines += [f"  {title:<{width}}  {text}" for title, text in rows]
    lines += ["", "Try, in another terminal:"]
    lines += [f"  {command}" for command in commands(running, login=login)]
    lines += ["", "Ctrl-C ends it."]
    return "\n".join(lines)


def commands(running: Sequence[Running], *, login: bool) -> list[str]:
    """Three commands that work as they stand."""
    urls = {one.name: one.url for one in running}
    header = ' -H "Authorization: Bearer $ROLLCALL_API_KEY"' if login else ""
    agents = urls.get("agent-registry")
    if agents is not None:
        body = (
            '{"agent_id": "hello", "agent_name": "Hello", "base_url": "http://127.0.0.1:9000",'
            ' "capabilities": [{"name": "translation", "description": "Translates text"}]}'
        )
        return [
            f"curl {agents}/register{header} -H 'Content-Type: application/json' -d '{body}'",
            f"curl '{agents}/capabilities/search?q={TRY}'{header}",
            f"curl {agents}/stats{header}",
        ]
    services = urls.get("service-registry", "")
    body = '{"name": "hello", "service_type": "tool", "host": "127.0.0.1", "port": 9000}'
    return [
        f"curl {services}/api/v1/register{header} -H 'Content-Type: application/json' -d '{body}'",
        f"curl {services}/api/v1/discover{header}",
        f"curl {services}/api/v1/stats{header}",
    ]
