# SPDX-License-Identifier: Apache-2.0
"""All services as others reach them: with a login, and with keys of three namespaces."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

import httpx

from support.serving import serving

EVERYWHERE = "0.0.0.0"  # noqa: S104 - what is looked at
SECRET = "zebra"  # noqa: S105 - a word that stands in all that belongs to the others
KEYS = {
    "reader": ("acme", "read"),
    "mine": ("acme", "register"),
    "colleague": ("acme", "register"),
    "boss": ("acme", "admin"),
    "others": ("zoo", "admin"),
    "operator": ("default", "admin"),
}
"""Who there is: their namespace and scope."""
UNDESCRIBED = {"tools": [(method, "/mcp") for method in ("GET", "POST", "DELETE")]}
"""Routes that are in no description."""
Route = tuple[str, str, str]


@dataclass(frozen=True)
class Place:
    """Services that others can reach, and who has keys for them."""

    agents: str
    services: str
    talk: str
    tools: str
    gateway: str
    analytics: str
    billing: str
    dashboard: str
    wizard: str
    widgets: str
    mine: str
    headers: dict[str, dict[str, str]]
    key_id: str
    """The id of the others' key."""

    def client(self, who: str | None) -> httpx.Client:
        return httpx.Client(headers=self.headers[who] if who else {}, timeout=30)

    def routes(self, *sides: str) -> list[Route]:
        """All routes of these services, as base URL, method and path."""
        found: list[Route] = []
        for side in sides:
            url = getattr(self, side)
            paths = httpx.get(f"{url}/openapi.json", timeout=30).json()["paths"]
            found += [(url, method.upper(), path) for path in paths for method in paths[path]]
            found += [(url, method, path) for method, path in UNDESCRIBED.get(side, [])]
        return found


@contextmanager
def opened(folder: Path) -> Iterator[Place]:
    """Everything that `rollcall up` starts, open to others."""
    headers: dict[str, dict[str, str]] = {}
    key_id = ""
    with serving(folder, "up") as before:
        for name, (namespace, scope) in KEYS.items():
            body = {"name": f"{SECRET} key", "namespace": namespace, "scopes": [scope]}
            made = httpx.post(f"{before.services}/api/v1/admin/keys", json=body, timeout=30).json()
            headers[name] = {"Authorization": f"Bearer {made['key']}"}
            key_id = made["id"] if name == "others" else key_id
        assert before.end() == 0
    with serving(folder, "up", ROLLCALL_HOST=EVERYWHERE) as one:
        urls = (
            *(one.agents, one.services, one.talk, one.tools, one.gateway),
            *(one.analytics, one.billing, one.dashboard),
            *(one.wizard, one.widgets, one.mine),
        )
        yield Place(*(url.replace(EVERYWHERE, "127.0.0.1") for url in urls), headers, key_id)
        assert "Traceback" not in one.errors()


def filled(path: str, *values: str) -> str:
    """The path with `values` for its parameters; the last one stands for all that are left."""
    first, *parts = path.split("{")
    text = first
    for at, part in enumerate(parts):
        text += values[min(at, len(values) - 1)] + part.partition("}")[2]
    return text
