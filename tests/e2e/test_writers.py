# SPDX-License-Identifier: Apache-2.0
"""32 clients who change one definition through the gateway at the same moment: none is lost."""

from __future__ import annotations

import asyncio
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import httpx
import pytest

from support.serving import Serving, serving

WRITERS = 32
AGENT = "/api/agents/busy"
ROUNDS = 200
"""Times that one client is told to look again, before it would be never."""


@pytest.fixture(params=["sqlite", pytest.param("postgresql", marks=pytest.mark.server)])
def up(request: pytest.FixtureRequest, tmp_path: Path) -> Iterator[Serving]:
    variables: dict[str, str] = {}
    if request.param == "postgresql":
        variables["ROLLCALL_STORE"] = request.getfixturevalue("fresh_database")()
    with serving(tmp_path, "up", "gateway", **variables) as one:
        yield one
        assert one.end() == 0
        assert "Traceback" not in one.errors()


async def configure(http: httpx.AsyncClient, number: int) -> tuple[int, int]:
    """Add to the configuration that was seen, until nobody was faster: its version then, and how
    often somebody was.
    """
    for refused in range(ROUNDS):
        seen = await http.get(AGENT)
        mine = {**seen.json()["configuration"], f"w{number}": number}
        tag = {"If-Match": seen.headers["ETag"]}
        done = await http.patch(AGENT, json={"configuration": mine}, headers=tag)
        if done.status_code != 412:
            return int(done.raise_for_status().json()["version"]), refused
        assert done.json()["current"] != done.json()["expected"]
    raise AssertionError("somebody else was always faster")


async def attach(http: httpx.AsyncClient, number: int) -> None:
    done = await http.post(f"{AGENT}/capabilities/c{number}", json={"by": number})
    assert done.json() == {"status": "success"}


async def test_of_32_writers_through_the_gateway_none_is_lost(up: Serving) -> None:
    patching, attaching = range(WRITERS // 2), range(WRITERS // 2, WRITERS)
    async with httpx.AsyncClient(base_url=up.gateway, timeout=60) as http:
        (await http.post("/api/agents", json={"id": "busy", "name": "B"})).raise_for_status()
        for number in attaching:
            body = {"id": f"c{number}", "name": "C"}
            (await http.post("/api/capabilities", json=body)).raise_for_status()

        outcomes, _ = await asyncio.gather(
            asyncio.gather(*(configure(http, number) for number in patching)),
            asyncio.gather(*(attach(http, number) for number in attaching)),
        )

        agent = (await http.get(AGENT)).json()
        history = (await http.get(f"{AGENT}/versions", params={"limit": 200})).json()[::-1]
    assert agent["configuration"] == {f"w{number}": number for number in patching}
    assert agent["capabilities"] == {f"c{number}": {"by": number} for number in attaching}
    assert (agent["version"], agent["revision"]) == (str(WRITERS + 1), WRITERS + 1)
    assert [one["version"] for one in history] == [str(n) for n in range(1, WRITERS + 2)]
    # Each version has one thing more than the one before it.
    assert [size(one["content"]) for one in history] == [*range(WRITERS + 1)]
    assert len({version for version, _ in outcomes}) == len(patching)
    # Otherwise they were not there at the same moment.
    assert sum(refused for _, refused in outcomes) > 0


def size(content: dict[str, Any]) -> int:
    return len(content.get("configuration", {})) + len(content.get("capabilities", {}))
