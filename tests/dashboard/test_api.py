# SPDX-License-Identifier: Apache-2.0
from __future__ import annotations

import csv
import io
import json
from collections.abc import AsyncIterator

import httpx
import pytest
import pytest_asyncio

from rollcall.dashboard.export import harmless
from rollcall.dashboard.models import Said
from rollcall.dashboard.ports import NotAnswered
from rollcall.kernel.caller import READ
from rollcall.kernel.ids import RandomIds
from rollcall.testing.clock import FrozenClock
from rollcall.web.auth import BearerAccess
from rollcall.web.keys import InMemoryKeyStore, draw_key
from support.dashboards import AGENT, NUMBERS, STATS, House, answered

SILENT = NotAnswered("does not answer")


@pytest_asyncio.fixture
async def http(house: House) -> AsyncIterator[httpx.AsyncClient]:
    transport = httpx.ASGITransport(house.app())
    async with httpx.AsyncClient(transport=transport, base_url="http://localhost") as client:
        yield client


async def test_the_page(house: House, http: httpx.AsyncClient) -> None:
    await house.happens(answered())
    page = (await http.get("/api/dashboard")).raise_for_status().json()
    assert set(page) == {
        "summary",
        "money",
        "agents",
        "activity",
        "alerts",
        "status",
        "unavailable",
        "as_of",
    }
    assert page["summary"]["total_conversations"] == 12
    assert page["activity"][0] == {
        "id": 1,
        "type": "conversation.completed",
        "at": "2025-06-15T12:00:01Z",
        "agent_id": "agent_1",
        "message": "agent agent_1 answered in 230 ms",
        "details": {
            "conversation_id": "conv_1",
            "response_time_ms": 230,
            "tokens_used": 34,
            "cost": "0.0001",
        },
    }


async def test_what_failed_is_named_with_200(house: House, http: httpx.AsyncClient) -> None:
    house.told.fail("billing", SILENT)
    answer = await http.get("/api/dashboard")
    assert answer.status_code == 200
    assert answer.json()["money"] is None
    (lack,) = answer.json()["unavailable"]
    assert (lack["service"], lack["problem"]) == ("billing", "does not answer")
    assert lack["since"].startswith("2025-06-15T15:06:40")


@pytest.mark.parametrize("path", ["/agents", "/metrics", "/trends"])
async def test_a_part_whose_only_source_failed_is_a_problem_that_names_it(
    path: str, house: House, http: httpx.AsyncClient
) -> None:
    house.told.fail("analytics", SILENT)
    answer = await http.get(f"/api/dashboard{path}")
    assert (answer.status_code, answer.headers["retry-after"]) == (503, "1")
    body = answer.json()
    assert body["type"] == "urn:rollcall:problem:nothing-to-show"
    assert [one["service"] for one in body["unavailable"]] == ["analytics"]


async def test_the_summary_is_null_where_it_is_not_known(
    house: House, http: httpx.AsyncClient
) -> None:
    whole = (await http.get("/api/dashboard/summary")).json()
    assert (whole["total_cost"], whole["money"]["outstanding"]) == ("1.25", "0")
    assert whole["unavailable"] == []
    house.told.fail("analytics", SILENT)
    await http.post("/api/dashboard/refresh")
    part = await http.get("/api/dashboard/summary")
    assert (part.status_code, part.json()["total_cost"]) == (200, None)
    house.told.fail("billing", SILENT)
    await http.post("/api/dashboard/refresh")
    assert (await http.get("/api/dashboard/summary")).status_code == 503


async def test_agents_are_a_bare_list_that_links_to_more(
    house: House, http: httpx.AsyncClient
) -> None:
    key = "analytics", "/api/agents/performance"
    house.told.answers[key] = Said(200, [AGENT], "next-1")
    first = await http.get("/api/dashboard/agents", params={"limit": 1})
    assert first.json() == [AGENT]
    await http.get(first.links["next"]["url"])
    assert house.told.questions[-1].params == (("limit", "1"), ("cursor", "next-1"))
    house.told.answers[key] = Said(422, {"detail": "no"})
    refused = await http.get("/api/dashboard/agents", params={"cursor": "nonsense"})
    assert (refused.status_code, refused.json()["errors"][0]["field"]) == (422, "cursor")


async def test_a_list_of_agents_leads_on_behind_an_id_in_any_script(
    house: House, http: httpx.AsyncClient
) -> None:
    house.told.answers["analytics", "/api/agents/performance"] = Said(200, [AGENT], "B\u00fcro 1")
    first = await http.get("/api/dashboard/agents", params={"limit": 1})
    second = await http.get(first.links["next"]["url"])
    assert second.status_code == 200
    assert house.told.questions[-1].params == (("limit", "1"), ("cursor", "B\u00fcro 1"))


async def test_activity_is_a_bare_list_that_links_to_more(
    house: House, http: httpx.AsyncClient
) -> None:
    await house.happens(*(answered(number) for number in range(5)))
    first = await http.get("/api/dashboard/activity", params={"limit": 2})
    assert [one["id"] for one in first.json()] == [5, 4]
    second = await http.get(first.links["next"]["url"])
    assert [one["id"] for one in second.json()] == [3, 2]
    third = await http.get(second.links["next"]["url"])
    assert ([one["id"] for one in third.json()], third.links) == ([1], {})


async def test_metrics_and_trends_ask_for_their_period(
    house: House, http: httpx.AsyncClient
) -> None:
    metrics = (await http.get("/api/dashboard/metrics", params={"period": "7d"})).json()
    assert house.told.questions[-1].params == (("period_days", "7"),)
    assert (metrics["total_conversations"], "by_day" in metrics) == (12, False)
    trends = (await http.get("/api/dashboard/trends", params={"period": "90d"})).json()
    assert house.told.questions[-1].params == (("period_days", "90"),)
    assert trends["by_day"] == STATS["by_day"]
    assert trends["change"] == {"conversations": None}
    wrong = await http.get("/api/dashboard/metrics", params={"period": "1y"})
    assert wrong.status_code == 422


async def test_the_status_names_every_service(house: House, http: httpx.AsyncClient) -> None:
    house.told.fail("billing", SILENT)
    found = {one["service"]: one for one in (await http.get("/api/dashboard/status")).json()}
    assert (found["analytics"]["status"], found["analytics"]["latency_ms"]) == ("healthy", 0)
    assert found["billing"] == {
        "service": "billing",
        "status": "unreachable",
        "latency_ms": None,
        "detail": "does not answer",
    }


@pytest.mark.parametrize(
    "path",
    [
        "/agents?limit=0",
        "/agents?limit=201",
        "/agents?cursor=",
        "/agents?cursor=a%00b",
        "/activity?cursor=0",
        "/activity?cursor=99999999999999999999",
        "/activity?limit=x",
        "/export?format=pdf",
    ],
)
async def test_bad_parameters_are_refused_by_name(path: str, http: httpx.AsyncClient) -> None:
    answer = await http.get(f"/api/dashboard{path}")
    assert answer.status_code == 422
    assert answer.json()["errors"][0]["field"] in ("limit", "cursor", "format")


async def test_an_export_guards_against_formulas(house: House, http: httpx.AsyncClient) -> None:
    house.told.answers["analytics", "/api/agents/performance"] = [
        {**AGENT, "agent_name": "=HYPERLINK(1)", "change": -0.5}
    ]
    answer = await http.get("/api/dashboard/export", params={"format": "csv"})
    assert answer.headers["content-disposition"] == 'attachment; filename="dashboard.csv"'
    rows = list(csv.reader(io.StringIO(answer.text)))
    assert rows[0] == ["part", "subject", "measure", "value"]
    assert ["agents", "agent_1", "agent_name", "'=HYPERLINK(1)"] in rows
    assert ["agents", "agent_1", "change", "-0.5"] in rows
    assert ["summary", "", "total_conversations", "12"] in rows
    assert ["status", "billing", "status", "healthy"] in rows
    whole = await http.get("/api/dashboard/export")
    assert whole.headers["content-disposition"].endswith('"dashboard.json"')
    assert json.loads(whole.text)["summary"] == NUMBERS


@pytest.mark.parametrize("text", ["=1", "@x", "+cmd", "-2+3", "\tx", "\n=1", "\uff1d1"])
def test_formulas_are_text(text: str) -> None:
    assert harmless(text) == f"'{text}"
    assert harmless("-2.5") == "-2.5"


async def test_strangers_see_nothing(house: House, clock: FrozenClock) -> None:
    keys = InMemoryKeyStore()
    transport = httpx.ASGITransport(house.app(BearerAccess(keys, clock)))
    async with httpx.AsyncClient(transport=transport, base_url="http://localhost") as http:
        for path in ("", "/summary", "/activity", "/stream", "/status", "/export"):
            assert (await http.get(f"/api/dashboard{path}")).status_code == 401
        key, text = draw_key(
            RandomIds(), clock, name="x", namespace="zoo", scopes=frozenset({READ}), expires_at=None
        )
        await keys.add(key)
        await house.happens(answered())
        headers = {"Authorization": f"Bearer {text}"}
        assert (await http.get("/api/dashboard/activity", headers=headers)).json() == []
    assert {one.namespace for one in house.told.callers} <= {"zoo"}


@pytest.mark.parametrize("word", ["abc", "-1", "1" * 30, "1:2"])
async def test_an_event_id_that_is_none_is_refused(word: str, http: httpx.AsyncClient) -> None:
    answer = await http.get("/api/dashboard/stream", headers={"Last-Event-ID": word})
    assert answer.status_code == 422
