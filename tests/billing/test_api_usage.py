"""Several usages at once over HTTP."""

from __future__ import annotations

import httpx

USAGE = "/api/usage"


async def test_a_key_for_several_keeps_all_of_them_from_being_charged_twice(
    client: httpx.AsyncClient,
) -> None:
    items = [{"agent_id": "a"}, {"agent_id": "a"}, {"agent_id": "a", "idempotency_key": "own"}]
    headers = {"Idempotency-Key": "batch-1"}
    first = (await client.post(f"{USAGE}/batch", json={"items": items}, headers=headers)).json()
    assert first["recorded"] == 3
    again = (await client.post(f"{USAGE}/batch", json={"items": items}, headers=headers)).json()
    assert (again["known"], again["recorded"]) == (3, 0)
    assert [one["usage_id"] for one in again["results"]] == [
        one["usage_id"] for one in first["results"]
    ]
    items[0] = {"agent_id": "a", "requests": 2}
    other = (await client.post(f"{USAGE}/batch", json={"items": items}, headers=headers)).json()
    assert [one["status"] for one in other["results"]] == ["refused", "known", "known"]
    assert (await client.get(f"{USAGE}/agent/a")).json()["count"] == 3
