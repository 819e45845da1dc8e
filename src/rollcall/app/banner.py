# SPDX-License-Identifier: Apache-2.0
"""What a process says of itself once it answers."""

from __future__ import annotations

import json
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any, Final

from rollcall.conversations.providers import OFFLINE

_Try = tuple[str, str, dict[str, Any] | None]
_TRIES: Final[Sequence[_Try]] = (
    ("agent", "/api/v1/process", {"session_id": "hello", "user_input": "12 % of 349.90"}),
    (
        "agent-registry",
        "/register",
        {
            "agent_id": "hello",
            "agent_name": "Hello",
            "base_url": "http://127.0.0.1:9000",
            "capabilities": [{"name": "translation", "description": "Translates text"}],
        },
    ),
    ("agent-registry", "/capabilities/search?q=translate", None),
    (
        "service-registry",
        "/api/v1/register",
        {"name": "hello", "service_type": "tool", "host": "127.0.0.1", "port": 9000},
    ),
    ("service-registry", "/api/v1/discover", None),
    ("tools", "/calculate", {"expression": "12 % of 349.90"}),
    ("tools", "/tools", None),
    ("agent", "/api/v1/sessions/hello", None),
    ("agent", "/api/v1/tools", None),
    ("agent-registry", "/stats", None),
    ("service-registry", "/api/v1/stats", None),
    ("tools", "/functions", None),
)
"""A service, a path and what is sent there: what a newcomer would like to see most comes first."""


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
    model: str,
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
        model: What answers, where the agent service runs.
    """
    rows = [(one.title, f"{one.url}  (API: {one.url}/docs)") for one in running]
    kept = "in memory, gone when this ends" if store == "memory" else f"{store}, {place}"
    rows.append(("records", f"{records:,} in {kept}" if store != "memory" else kept))
    rows.append(
        ("login", "API keys or tokens" if login else "none: only this machine can reach it")
    )
    if any(one.name == "agent" for one in running):
        told = "none: the offline planner answers (rollcall doctor says how to have one)"
        rows.append(("model", told if model == OFFLINE else model))
    width = max(len(title) for title, _ in rows)
    lines = [f"Rollcall {version} is ready after {seconds:.1f} s", ""]
    lines += [f"  {title:<{width}}  {text}" for title, text in rows]
    lines += ["", "Try, in another terminal:"]
    lines += [f"  {command}" for command in commands(running, login=login)]
    lines += ["", "Ctrl-C ends it."]
    return "\n".join(lines)


def commands(running: Sequence[Running], *, login: bool) -> list[str]:
    """Three commands that work as they stand, the main job first."""
    urls = {one.name: one.url for one in running}
    header = ' -H "Authorization: Bearer $ROLLCALL_API_KEY"' if login else ""
    there = [one for one in _TRIES if one[0] in urls]
    return [
        f"curl '{urls[name]}{path}'{header}"
        + (f" -H 'Content-Type: application/json' -d '{json.dumps(body)}'" if body else "")
        for name, path, body in there[:3]
    ]
