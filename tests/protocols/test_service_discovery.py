# SPDX-License-Identifier: Apache-2.0
"""Targets for Prometheus."""

from __future__ import annotations

import httpx


async def test_everything_with_an_address_is_a_target(
    agents: httpx.AsyncClient, services: httpx.AsyncClient
) -> None:
    await agents.post(
        "/register",
        json={
            "agent_id": "writer",
            "agent_name": "Writer",
            "base_url": "https://writer.example:9443/a",
            "capabilities": [{"name": "writing"}, {"name": "reading"}],
            "tags": ["eu"],
            "metadata": {"prometheus_path": "/m", "secret": "no"},
        },
    )
    await services.post(
        "/api/v1/register",
        json={"name": "calc", "service_type": "tool", "host": "::1", "port": 3006},
    )
    for client in (agents, services):
        found = (await client.get("/sd/prometheus")).json()
        assert [one["targets"] for one in found] == [["writer.example:9443"], ["[::1]:3006"]]
        labels = found[0]["labels"]
        assert labels["__meta_rollcall_id"] == "writer"
        assert labels["__meta_rollcall_scheme"] == "https"
        assert labels["__meta_rollcall_status"] == "active"
        assert labels["__meta_rollcall_capabilities"] == ",writing,reading,"
        assert labels["__meta_rollcall_tags"] == ",eu,"
        assert labels["__meta_rollcall_metadata_prometheus_path"] == "/m"
        assert "no" not in labels.values()


async def test_targets_are_chosen_by_kind_and_status(
    agents: httpx.AsyncClient, services: httpx.AsyncClient
) -> None:
    card = {"agent_id": "a", "agent_name": "A", "base_url": "http://a:1", "status": "busy"}
    await agents.post("/register", json=card)
    await services.post(
        "/api/v1/register", json={"name": "b", "service_type": "tool", "host": "b", "port": 2}
    )
    assert (await agents.get("/sd/prometheus?kind=tool")).json()[0]["targets"] == ["b:2"]
    assert (await agents.get("/sd/prometheus?status=busy")).json()[0]["targets"] == ["a:1"]
    assert (await agents.get("/sd/prometheus?status=offline")).json() == []
    assert (await agents.get("/sd/prometheus?status=asleep")).status_code == 422
