"""No route stands in the way of another: a name in a path wins over an id in its place."""

from __future__ import annotations

import re
from pathlib import Path

import httpx
import pytest
from starlette.types import Receive, Scope, Send

from rollcall.app.compose import compose
from rollcall.app.settings import Settings
from rollcall.web.routes import route_template

ENDLESS = "/api/dashboard/stream"


@pytest.mark.parametrize("name", ["analytics", "billing", "dashboard"])
async def test_every_route_is_reached_by_its_own_path(tmp_path: Path, name: str) -> None:
    settings = Settings.load({"ROLLCALL_DATA_DIR": str(tmp_path), "ROLLCALL_PROBES": "false"})
    async with compose(settings, [name]) as platform:
        app = platform.apps[name]
        reached: list[str | None] = []

        async def watched(scope: Scope, receive: Receive, send: Send) -> None:
            await app(scope, receive, send)
            reached.append(route_template(scope))

        paths = app.openapi()["paths"]
        assert len(paths) > 10
        async with httpx.AsyncClient(
            transport=httpx.ASGITransport(watched), base_url="http://localhost"
        ) as client:
            for path in paths.keys() - {ENDLESS}:
                for method in paths[path]:
                    # A number, since some ids are.
                    await client.request(method, re.sub("{[a-z_]+}", "1", path), json={})
                    assert reached[-1] == path, method
