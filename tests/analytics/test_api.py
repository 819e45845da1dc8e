# SPDX-License-Identifier: Apache-2.0
"""Conversations over HTTP."""

from __future__ import annotations

import asyncio
from typing import Any

import httpx
import pytest
from msgspec.structs import replace

from rollcall.kernel.caller import READ
from rollcall.kernel.ids import RandomIds
from rollcall.testing.clock import FrozenClock
from rollcall.web.auth import BearerAccess
from rollcall.web.keys import InMemoryKeyStore, draw_key
from support.analysed import AT, Analysis, both, told
from support.memories import told as in_outbox

TALK = {
    "agent_id": "agent_1",
    "user_message": "What is 10 + 5?",
    "agent_response": "15",
    "tokens_used": 42,
    "cost": "0.0021",
    "session_id": "s1",
    "response_time_ms": 123.456,
    "satisfaction_score": 5,
    "model_used": "m1",
}


async def test_a_conversation_that_is_told_of_is_kept_and_counted(http: httpx.AsyncClient) -> None:
    answer = await http.post("/api/conversations", json=TALK)
    assert answer.status_code == 201
    body = answer.json()
    assert body == {
        **TALK,
        "id": body["id"],
        "conversation_id": body["id"],
        "agent_version": None,
        "currency": "USD",
        "status": "completed",
        "error_type": None,
        "timestamp": "2026-03-28T12:00:00Z",
    }
    assert (await http.get(f"/api/conversations/{body['id']}")).json() == body
    assert (await http.get("/api/conversations")).json() == [body]
    stats = (await http.get("/api/usage/stats")).json()
    assert (stats["total_conversations"], stats["total_tokens"]) == (1, 42)
    assert (stats["total_cost"], stats["average_satisfaction"]) == ("0.0021", 5.0)


@pytest.mark.parametrize(
    ("headers", "fields"),
    [
        ({"Idempotency-Key": "k1"}, {}),
        ({}, {"conversation_id": "c1"}),
        ({"Idempotency-Key": "k1"}, {"conversation_id": "c1"}),
    ],
)
async def test_told_twice_it_is_kept_once(
    http: httpx.AsyncClient,
    clock: FrozenClock,
    headers: dict[str, str],
    fields: dict[str, str],
) -> None:
    first = await http.post("/api/conversations", json={**TALK, **fields}, headers=headers)
    await clock.advance(60)
    again = await http.post("/api/conversations", json={**TALK, **fields}, headers=headers)
    assert (first.status_code, again.status_code) == (201, 200)
    assert again.json() == first.json()
    other = {**TALK, **fields, "tokens_used": 43}
    refused = await http.post("/api/conversations", json=other, headers=headers)
    assert refused.status_code == 409
    assert refused.json()["type"].endswith(":conversation-exists")
    assert refused.json()["conversation_id"] == first.json()["id"]
    assert (await http.get("/api/usage/stats")).json()["total_tokens"] == 42


@pytest.mark.parametrize(
    ("first", "second"),
    [
        ({"conversation_id": "c1"}, {"conversation_id": "c2"}),
        ({"conversation_id": "c1"}, {}),
        ({}, {"conversation_id": "c2"}),
    ],
)
async def test_a_key_is_of_one_conversation(
    http: httpx.AsyncClient, first: dict[str, str], second: dict[str, str]
) -> None:
    headers = {"Idempotency-Key": "k1"}
    kept = await http.post("/api/conversations", json={**TALK, **first}, headers=headers)
    refused = await http.post("/api/conversations", json={**TALK, **second}, headers=headers)
    assert (kept.status_code, refused.status_code) == (201, 409)
    assert "'k1'" in refused.json()["detail"]
    assert (await http.get("/api/conversations")).json() == [kept.json()]
    assert (await http.get("/api/usage/stats")).json()["total_conversations"] == 1


async def test_the_same_moment_with_another_offset_is_the_same_conversation(
    http: httpx.AsyncClient,
) -> None:
    times = ("2026-03-28T13:00:00+02:00", "2026-03-28T13:00:00+02:00", "2026-03-28T11:00:00Z")
    told = [{**TALK, "conversation_id": "c1", "timestamp": time} for time in times]
    answers = [await http.post("/api/conversations", json=one) for one in told]
    assert [one.status_code for one in answers] == [201, 200, 200]
    assert {one.json()["timestamp"] for one in answers} == {"2026-03-28T11:00:00Z"}


async def test_many_who_tell_at_once_with_one_key_make_one(http: httpx.AsyncClient) -> None:
    headers = {"Idempotency-Key": "k1"}
    answers = await asyncio.gather(
        *(http.post("/api/conversations", json=TALK, headers=headers) for _ in range(10))
    )
    assert sorted(one.status_code for one in answers) == [200] * 9 + [201]
    assert len({one.json()["id"] for one in answers}) == 1


async def test_what_was_told_over_http_is_told_on(
    http: httpx.AsyncClient, analysis: Analysis
) -> None:
    """So that it is counted although the facts could not be reached at once."""
    body = (await http.post("/api/conversations", json=TALK)).json()
    (event,) = await in_outbox(analysis.database)
    assert event.type == "conversation.reported"
    assert "10 + 5" not in repr(event)
    assert "s1" not in repr(event.data)
    before = (await http.get("/api/usage/stats")).json()
    await analysis.feed.count([event])
    assert (await http.get("/api/usage/stats")).json() == before
    assert before["total_sessions"] == 1
    await analysis.store.remove("conversations", "default", [body["id"]])  # type: ignore[arg-type]
    await analysis.feed.count([event])
    assert (await http.get("/api/conversations")).json() == [body]


async def test_a_deleted_conversation_is_gone_and_its_numbers_stay(
    http: httpx.AsyncClient, analysis: Analysis
) -> None:
    body = (await http.post("/api/conversations", json={**TALK, "conversation_id": "c1"})).json()
    answer = await http.delete("/api/conversations/c1")
    assert answer.json() == {"status": "deleted", "conversation_id": "c1"}
    assert (await http.delete("/api/conversations/c1")).status_code == 404
    assert (await http.get("/api/conversations/c1")).status_code == 404
    assert (await http.get("/api/conversations")).json() == []
    assert (await http.get("/api/usage/stats")).json()["total_conversations"] == 1
    again = await http.post("/api/conversations", json={**TALK, "conversation_id": body["id"]})
    assert again.status_code == 409
    kept = await analysis.texts.get("default", ["c1"])
    assert kept["c1"].user_message is None


async def test_a_conversation_deleted_before_its_words_come_stays_without_them(
    http: httpx.AsyncClient, analysis: Analysis
) -> None:
    talk, _ = both(1)
    await analysis.feed.count([talk])
    assert (await http.delete("/api/conversations/turn_1")).status_code == 200
    await analysis.tell(talk)
    assert (await http.get("/api/conversations/turn_1")).status_code == 404
    assert (await analysis.texts.get("default", ["turn_1"]))["turn_1"].user_message is None


async def test_a_list_leads_from_page_to_page(http: httpx.AsyncClient, analysis: Analysis) -> None:
    await analysis.tell(*(event for number in range(25) for event in both(number)))
    seen: list[str] = []
    path = "/api/conversations?limit=10&agent_id=agent_1"
    while path:
        answer = await http.get(path)
        seen += [one["id"] for one in answer.json()]
        path = answer.links.get("next", {}).get("url", "")
    assert len(seen) == len(set(seen)) == 25
    skipped = await http.get("/api/conversations?offset=20")
    assert [one["id"] for one in skipped.json()] == seen[20:]
    of_session = await http.get("/api/conversations", params={"session_id": "session 3"})
    assert {one["id"] for one in of_session.json()} == {"turn_6", "turn_7"}
    for day, count in (("2026-03-28", 25), ("2026-03-27", 0)):
        days = await http.get("/api/conversations", params={"from": day, "to": day})
        assert len(days.json()) == count
    assert (await http.get("/api/conversations?agent_id=other")).json() == []


UNASKABLE = (
    ("/api/conversations?limit=0", "limit"),
    ("/api/conversations?limit=1001", "limit"),
    ("/api/conversations?offset=-1", "offset"),
    ("/api/conversations?offset=99999999999999999999", "offset"),
    ("/api/conversations?cursor=nonsense", "cursor"),
    ("/api/conversations?cursor=1.%00", "cursor"),
    ("/api/conversations?agent_id=a%00b", "agent_id"),
    ("/api/conversations?session_id=%E2%80%AE", "session_id"),
    ("/api/conversations?from=1999-01-01", "from"),
    ("/api/conversations?from=2026-02-02&to=2026-02-01", "from"),
    ("/api/conversations?unknown=1", "unknown"),
    ("/api/conversations/a%00b", "conversation_id"),
    ("/api/usage/stats?period_days=0", "period_days"),
    ("/api/usage/stats?period_days=3661", "period_days"),
    ("/api/usage/stats?from=9999-12-31", "from"),
    ("/api/usage/stats?to=0001-01-01", "to"),
    ("/api/usage/stats?agent_id=%00", "agent_id"),
    ("/api/agents/a%00b/performance", "agent_id"),
    ("/api/agents/performance?limit=0", "limit"),
    ("/api/analytics/export?format=xml", "format"),
    ("/api/analytics/export?what=people", "what"),
)
UNKEEPABLE: tuple[dict[str, Any], ...] = (
    {"agent_id": ""},
    {"agent_id": "a\0"},
    {"tokens_used": -1},
    {"tokens_used": 2**63},
    {"cost": "-1"},
    {"cost": "NaN"},
    {"cost": "1e40"},
    {"currency": "dollars"},
    {"response_time_ms": -1},
    {"satisfaction_score": 0},
    {"satisfaction_score": 6},
    {"conversation_id": "a/b"},
    {"conversation_id": ".."},
    {"timestamp": "2026-01-01T00:00:00"},
    {"timestamp": "0001-01-01T00:00:00+02:00"},
    {"timestamp": "1999-12-31T23:59:59Z"},
    {"timestamp": "2200-01-01T00:00:00Z"},
    {"status": "running"},
    {"user_message": "\0"},
    {"unknown": 1},
)


async def test_what_cannot_be_asked_is_refused_by_name(
    http: httpx.AsyncClient, subtests: pytest.Subtests
) -> None:
    for path, field in UNASKABLE:
        with subtests.test(path=path):
            answer = await http.get(path)
            assert answer.status_code == 422
            assert field in answer.json()["errors"][0]["field"]


async def test_what_cannot_be_kept_is_refused_by_name(
    http: httpx.AsyncClient, subtests: pytest.Subtests
) -> None:
    for wrong in UNKEEPABLE:
        with subtests.test(wrong=wrong):
            answer = await http.post("/api/conversations", json={**TALK, **wrong})
            assert answer.status_code == 422
            assert next(iter(wrong)) in answer.json()["errors"][0]["field"]
    assert (await http.get("/api/usage/stats")).json()["data"] is False


async def test_whoever_may_only_read_neither_tells_nor_deletes(analysis: Analysis) -> None:
    await analysis.tell(*both(1))
    keys = InMemoryKeyStore()
    key, secret = draw_key(
        RandomIds(), analysis.clock, name="r", namespace="default", scopes=frozenset({READ})
    )
    await keys.add(key)
    async with analysis.client(BearerAccess(keys, analysis.clock)) as http:
        http.headers["Authorization"] = f"Bearer {secret}"
        assert len((await http.get("/api/conversations")).json()) == 1
        assert (await http.post("/api/conversations", json=TALK)).status_code == 403
        assert (await http.delete("/api/conversations/turn_1")).status_code == 403


async def test_one_account_sees_nothing_of_another(
    http: httpx.AsyncClient, analysis: Analysis
) -> None:
    theirs = told("agent.created", "agent_9", {"agent_id": "agent_9", "name": "N"}, namespace="x")
    talk, usage = both(1)
    await analysis.tell(theirs)
    await analysis.tell(replace(talk, namespace="x"), replace(usage, namespace="x"))
    assert (await http.get("/api/conversations")).json() == []
    assert (await http.get("/api/conversations/turn_1")).status_code == 404
    assert (await http.get("/api/agents/performance")).json() == []
    assert (await http.get("/api/agents/agent_9/performance")).status_code == 404
    assert (await http.get("/api/dashboard/summary")).json()["total_conversations"] == 0
    assert AT.isoformat() not in (await http.get("/api/analytics/export")).text
